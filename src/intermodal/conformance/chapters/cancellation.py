"""T11: a cancelled exchange is over at once, as nothing but cancelled, and leaves the transport as it was.

A coroutine of a case runs on the loop of the transport; there nothing may block. What a case waits for there has a bound.
Of the same clause are ``after_cancelling.py`` and ``every_step.py``.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.stage import told
from intermodal.model.options import Limits
from intermodal.protocol import Capability
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from intermodal.conformance.stage import Stage
    from intermodal.model.options import Options
    from intermodal.model.request import Request

__all__ = [
    "CHAPTER",
    "PLACES",
    "ask",
    "cancel",
    "ended",
    "goes_on",
    "has_its_own",
    "is_cancelled",
    "request",
    "run",
    "there",
    "until",
]

CHAPTER = Chapter()

T = TypeVar("T")

#: Seconds within which is what has nothing to wait for.
_SOON: Final = 2.0

#: More than the system takes of an upload whose server does not read, in bytes.
_ENDLESS: Final = b"x" * 30_000_000


def run(stage: Stage, scenario: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop of the transport; transport and server are there before it is."""
    stage.request()
    result: T = stage.run(scenario)
    return result


async def ask(stage: Stage, asked: Request, options: Options | None = None) -> bytes:
    """Send a request and read the body of its answer."""
    if options is None:
        options = stage.options(pool=_SOON) if stage.declares(Capability.POOL_TIMEOUT) else stage.options()
    response = await stage.asynchronous.asend(asked, options)
    try:
        return await response.read()
    finally:
        await response.aclose()


def request(stage: Stage, path: str = "/anything/cancelled", body: Any = None) -> Request:
    """Make a request to the server; a POST where it has a body."""
    return stage.request("GET" if body is None else "POST", path, body=body)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that is to be soon, and let the loop go on meanwhile."""
    deadline = time.monotonic() + _SOON
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(what, f"nothing of the kind within {_SOON:g} s")
        await asyncio.sleep(0.001)


async def ended(task: asyncio.Future[T]) -> None:
    """Wait until a task is over, however it ends."""
    await asyncio.wait({task}, timeout=_SOON)
    if not task.done():
        raise Failure("an end of the task soon", f"it goes on after {_SOON:g} s")


async def is_cancelled(task: asyncio.Future[T]) -> None:
    """Wait for a task that was cancelled, and demand that this is what it ends by."""
    await ended(task)
    if not task.cancelled():
        error = task.exception()
        raise Failure("CancelledError", f"the result {task.result()!r:.100}" if error is None else told(error))


async def cancel(task: asyncio.Future[T]) -> None:
    """Cancel a task, and demand that it ends by that."""
    task.cancel()
    await is_cancelled(task)


def has_its_own(stage: Stage, mark: str, body: bytes) -> None:
    """Demand that a body is the answer to the request with this mark in its path."""
    stage.demand(f'/anything/{mark}"'.encode() in body, f"the answer to the request {mark}", body)


def goes_on(stage: Stage, mark: str = "afterwards") -> None:
    """Demand that the transport carries further exchanges, each with its own answer."""

    async def scenario() -> None:
        for index in range(2):
            task = asyncio.ensure_future(ask(stage, request(stage, f"/anything/{mark}-{index}")))
            await ended(task)
            has_its_own(stage, f"{mark}-{index}", task.result())

    run(stage, scenario())


# --- where it may be cancelled --------------------------------------------------------------------------------------

#: What the server does, and what is sent to it; by where the exchange then is.
PLACES: Final[dict[str, tuple[tuple[Any, ...], str, bytes | None]]] = {
    "waiting for the answer": ((Stall(),), "request", None),
    "in the middle of the head": ((b"HTTP/1.1 200 OK\r\nContent-Le", Stall()), "request", None),
    "after an interim answer": ((b"HTTP/1.1 103 Early Hints\r\n\r\n", Stall()), "request", None),
    "reading the body": ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Stall()), "request", None),
    "reading chunks": ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", Stall()), "request", None),
    "reading until the close": ((b"HTTP/1.1 200 OK\r\n\r\nhello", Stall()), "request", None),
    "sending the body": ((Stall(),), "head", _ENDLESS),
}


async def there(stage: Stage, place: Any) -> asyncio.Task[bytes]:
    """Begin an exchange and wait until it is at that place."""
    steps, at, body = place
    before, connected = stage.bytes_received, len(stage.connections)
    play = stage.play(*steps, at=at)
    task = asyncio.ensure_future(ask(stage, request(stage, body=body)))
    await until(lambda: stage.bytes_received - before > 20 and len(stage.connections) >= connected, "a request")
    said = b"".join(step for step in steps if isinstance(step, bytes))
    if said:
        await until(lambda: said in stage.connections[-1].sent, "the beginning of an answer")
    await asyncio.sleep(0.02)  # until it waits; where it does not yet, the case shows less and is right all the same
    stage.demand(not task.done() and not play.finished.is_set(), "an exchange that waits", "its end")
    return task


@CHAPTER.rows(PLACES, colour="async")
def cancelled_while(stage: Stage, place: Any) -> None:
    """T11: cancelled {row}, the exchange ends soon by CancelledError, and its connection is dropped."""

    async def scenario() -> None:
        task = await there(stage, place)
        await cancel(task)
        if place[2] is None:  # the end of an upload stands behind bytes that the server does not read
            await until(lambda: not any(each.open for each in stage.connections), "an end of the connection")

    stage.open()
    run(stage, scenario())
    goes_on(stage)


@CHAPTER.rows(PLACES, colour="async", limits=True)
def no_slot_is_lost_to_one_that_was_cancelled_while(stage: Stage, place: Any) -> None:
    """T11: a transport of one connection carries the next exchange after several were cancelled {row}."""

    async def scenario() -> None:
        for _ in range(3):
            await cancel(await there(stage, place))

    stage.open(Limits(connections=1))
    run(stage, scenario())
    goes_on(stage)


@CHAPTER.case(colour="async", wire=False)
def cancelled_before_it_began(stage: Stage) -> None:
    """T11: a task that is cancelled before it has run sends nothing, and the transport goes on."""

    async def scenario() -> None:
        task = asyncio.ensure_future(ask(stage, request(stage)))
        await cancel(task)

    stage.open()
    run(stage, scenario())
    stage.nothing_was_sent()
    stage.works("a task that was cancelled before it began")


@CHAPTER.case(colour="async")
def cancelled_twice(stage: Stage) -> None:
    """T11: cancelled once more while it is being cancelled, the exchange ends as if it had been once."""

    async def scenario() -> None:
        task = await there(stage, PLACES["waiting for the answer"])
        task.cancel()
        asyncio.get_running_loop().call_soon(task.cancel)
        await cancel(task)
        await until(lambda: not any(each.open for each in stage.connections), "an end of the connection")

    stage.open()
    run(stage, scenario())
    goes_on(stage)


@CHAPTER.case(colour="async")
def a_bound_from_outside_is_its_setters(stage: Stage) -> None:
    """T11: asyncio.wait_for around an exchange ends in its TimeoutError, not in an error of the transport."""

    async def scenario() -> BaseException | None:
        try:
            await asyncio.wait_for(ask(stage, request(stage)), 0.1)
        except BaseException as error:  # noqa: BLE001 - it is what is judged
            return error
        return None

    stage.play(Stall())
    stage.open()
    came = run(stage, scenario())
    stage.demand(isinstance(came, asyncio.TimeoutError), "asyncio.TimeoutError", repr(came))
    stage.until(lambda: not any(each.open for each in stage.connections), "an end of the connection")
    goes_on(stage)


@CHAPTER.case(colour="async")
def a_sibling_that_fails_ends_it(stage: Stage) -> None:
    """T11: in a group of tasks of which one fails, the exchange is cancelled, and the failure is the only one told."""
    group_of_tasks: Any = getattr(asyncio, "TaskGroup", None)
    if group_of_tasks is None:  # before Python 3.11
        return

    async def fail() -> None:
        await until(lambda: stage.received, "a request that arrives")
        raise ValueError("of a sibling")

    async def scenario() -> list[BaseException]:
        try:
            async with group_of_tasks() as group:
                group.create_task(ask(stage, request(stage)))
                group.create_task(fail())
        except BaseException as error:  # noqa: BLE001 - a group of exceptions, which Python 3.10 has no name for
            return [*getattr(error, "exceptions", [error])]
        return []

    stage.play(Stall())
    stage.open()
    came = run(stage, scenario())
    stage.same("the kinds of error", [type(error) for error in came], [ValueError])
    goes_on(stage)
