"""T11, of what is left: connections, bodies, slots and tasks of exchanges that were cancelled, and of those beside them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.cancellation import (
    PLACES,
    ask,
    cancel,
    ended,
    goes_on,
    has_its_own,
    request,
    run,
    there,
    until,
)
from intermodal.errors import Error, TransportClosed
from intermodal.model.options import Limits
from intermodal.protocol import Capability
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()


@CHAPTER.rows({"waits": Stall(), "answers late": 0.15}, colour="async", limits=True)
def the_next_gets_its_own_answer(stage: Stage, then: Any) -> None:
    """T11, RFC 9112 section 9.2: after an exchange was cancelled whose server {row}, the next one gets its own answer."""
    late = () if isinstance(then, Stall) else (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate",)

    async def scenario() -> bytes:
        task = asyncio.ensure_future(ask(stage, request(stage)))
        await until(lambda: stage.received, "a request that arrives")
        await cancel(task)
        following = asyncio.ensure_future(ask(stage, request(stage, "/anything/next")))
        await ended(following)
        return following.result()

    stage.play(then, *late)
    stage.open(Limits(connections=1))
    has_its_own(stage, "next", run(stage, scenario()))


@CHAPTER.case(colour="async")
def a_kept_connection_is_dropped_too(stage: Stage) -> None:
    """T11: an exchange that was cancelled on a connection that had served before takes it along."""

    async def scenario() -> bytes:
        await ask(stage, request(stage, "/anything/before"))
        stage.play(0.15, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        task = asyncio.ensure_future(ask(stage, request(stage, "/anything/slow")))
        await until(lambda: len(stage.received) == 2, "a second request that arrives")
        await cancel(task)
        return await ask(stage, request(stage, "/anything/next"))

    stage.open()
    has_its_own(stage, "next", run(stage, scenario()))


@CHAPTER.case(colour="async")
def others_go_on(stage: Stage) -> None:
    """T11: of two exchanges at once one is cancelled, and the other gets its answer."""

    async def scenario() -> bytes:
        cancelled = asyncio.ensure_future(ask(stage, request(stage, "/anything/cancelled")))
        await until(lambda: len(stage.received) == 1, "a request that arrives")
        other = asyncio.ensure_future(ask(stage, request(stage, "/anything/other")))
        await until(lambda: len(stage.received) == 2, "another request that arrives")
        await cancel(cancelled)
        await ended(other)
        return other.result()

    stage.play(Stall())
    stage.play(0.2, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
    stage.open()
    stage.same("the body", run(stage, scenario()), b"other")


@CHAPTER.case(colour="async", needs=Capability.STREAM_REQUEST)
def the_callers_body_is_let_go(stage: Stage) -> None:
    """T11: a body that is being sent when the exchange is cancelled is closed, so that its generator ends."""
    over: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            over.append(True)

    body = pieces()

    async def scenario() -> None:
        task = await there(stage, ((Stall(),), "head", body))
        stage.demand(not over, "a body that is being sent", "its end")
        await cancel(task)
        await until(lambda: over, "an end of the generator that is the body")

    stage.open()
    run(stage, scenario())


@CHAPTER.case(colour="async")
def a_body_whose_reading_was_cancelled(stage: Stage) -> None:
    """T11: a response whose read was cancelled does not hang when it is read again, and gives no wrong bytes."""

    async def scenario() -> BaseException | bytes:
        response = await stage.asynchronous.asend(request(stage), stage.options())
        body = response._body
        stage.same("the first bytes", await body.read(5), b"hello")
        task = asyncio.ensure_future(body.read(5))
        await asyncio.sleep(0.02)
        await cancel(task)
        again = asyncio.ensure_future(body.read(5))
        await ended(again)
        closing = asyncio.ensure_future(response.aclose())
        await ended(closing)
        stage.same("what closing it raised", closing.exception(), None)
        return again.exception() or again.result()

    stage.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0.2, b"world")
    stage.open()
    came = run(stage, scenario())
    stage.demand(came == b"world" or isinstance(came, Error), "an intermodal error, or what comes next", repr(came))
    goes_on(stage)


@CHAPTER.case(colour="async", limits=True, needs=Capability.POOL_TIMEOUT)
def cancelled_while_it_waits_for_a_slot(stage: Stage) -> None:
    """T11: a task that is cancelled while it waits for a connection sends nothing, and its place in the line is gone."""

    async def scenario() -> None:
        held = await stage.asynchronous.asend(request(stage, "/bytes/3000000"), stage.options())
        waiting = [asyncio.ensure_future(ask(stage, request(stage, f"/anything/{index}"))) for index in range(3)]
        await asyncio.sleep(0.02)
        await cancel(waiting[0])
        await cancel(waiting[1])
        stage.same("the length of the body", len(await held.read()), 3_000_000)
        await ended(waiting[2])
        has_its_own(stage, "2", waiting[2].result())

    stage.open(Limits(connections=1))
    run(stage, scenario())
    goes_on(stage)
    asked = [each.target for each in stage.received]
    stage.demand("/anything/0" not in asked and "/anything/1" not in asked, "nothing of those cancelled", f"{asked}")


@CHAPTER.rows({"before": False, "after": True}, colour="async", limits=True, needs=Capability.POOL_TIMEOUT)
def cancelled_as_a_slot_is_handed_to_it(stage: Stage, after: bool) -> None:
    """T11: a slot that becomes free just {row} who waits for it is cancelled is not lost."""

    async def scenario() -> None:
        held = await stage.asynchronous.asend(request(stage, "/bytes/3000000"), stage.options())
        waiting = asyncio.ensure_future(ask(stage, request(stage, "/anything/waits")))
        await asyncio.sleep(0.02)
        if after:
            waiting.cancel()
        await held.aclose()
        if not after:
            waiting.cancel()
        await ended(waiting)

    stage.open(Limits(connections=1))
    for _ in range(3):
        run(stage, scenario())
    goes_on(stage)


@CHAPTER.rows({"a transport": True, "a response": False}, colour="async")
def closing_is_cancelled(stage: Stage, whole: bool) -> None:
    """T11: closing {row} can be cancelled, and is done all the same when it is asked for again."""

    async def scenario() -> None:
        response = await stage.asynchronous.asend(request(stage, "/bytes/3000000"), stage.options())
        close = stage.asynchronous.aclose if whole else response.aclose
        closing = asyncio.ensure_future(close())
        await asyncio.sleep(0)
        closing.cancel()
        await ended(closing)
        await close()
        await response.aclose()
        await until(lambda: not any(each.open for each in stage.connections), "an end of the connection")

    stage.open()
    run(stage, scenario())
    if whole:
        stage.failed(stage.carry(), TransportClosed, delivery="not_sent")
    else:
        goes_on(stage)


@CHAPTER.case(colour="async")
def no_task_is_left(stage: Stage) -> None:
    """T11: of exchanges that were cancelled no task of the transport's own goes on."""

    async def scenario() -> None:
        before = asyncio.all_tasks()
        for _ in range(3):
            await cancel(await there(stage, PLACES["waiting for the answer"]))
        await until(lambda: not asyncio.all_tasks() - before, "no task but those that were there before")

    stage.open()
    run(stage, scenario())


@CHAPTER.rows(
    {name: PLACES[name] for name in ("waiting for the answer", "reading the body", "sending the body")}, colour="async"
)
def the_loop_goes_on_while_it_is(stage: Stage, place: Any) -> None:
    """T11: {row}, the exchange lets other tasks run, as what blocks the loop can be cancelled by nobody."""

    async def scenario() -> int:
        steps, at, body = place
        stage.play(*steps, at=at)
        task = asyncio.ensure_future(ask(stage, request(stage, body=body), stage.options(read=1.0)))
        ticks = 0
        ends = time.monotonic() + 0.3
        while time.monotonic() < ends:
            await asyncio.sleep(0.01)
            ticks += 1
        await cancel(task) if not task.done() else None
        return ticks

    stage.open()
    ticks = run(stage, scenario())
    stage.demand(ticks >= 5, "another task to run 5 times and more in 0.3 s", f"{ticks} times")
