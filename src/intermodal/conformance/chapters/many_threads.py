"""T10, of many threads: they share a transport, each has what is its own, and none holds another up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.chapters.lifecycle import OWNS, PROMPT, close, elsewhere, refused
from intermodal.conformance.stage import PATIENT, SOON, told
from intermodal.model.options import Limits
from intermodal.protocol import Capability
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Came, Stage

CHAPTER = Chapter()

_THREADS: Final = 8
_EACH: Final = 10


def _asking(stage: Stage, thread: int, count: int = _EACH) -> Callable[[], list[Came]]:
    """Give what sends requests one after the other, each with a mark of its own in path and body."""
    marks = [f"{thread}-{index}" for index in range(count)]
    requests = [stage.request("POST", f"/anything/t{mark}", body=f"body-{mark}.") for mark in marks]

    def ask() -> list[Came]:
        return [stage.carry(request) for request in requests]

    return ask


def _each_has_its_own(stage: Stage, results: list[Any]) -> None:
    for thread, came in enumerate(results):
        if isinstance(came, BaseException):
            raise Failure("answers", told(came))
        for index, each in enumerate(came):
            stage.answered(each)
            marks = f"/anything/t{thread}-{index}".encode() + b'"', f"body-{thread}-{index}.".encode()
            own = all(mark in each.body for mark in marks)
            stage.demand(own, f"the answer to request {index} of thread {thread}", each)


@CHAPTER.case()
def many_threads_get_their_own_answers(stage: Stage) -> None:
    """T10: of threads that send at once, each gets the answers to its own requests."""
    stage.open()
    _each_has_its_own(stage, stage.together(*(_asking(stage, thread) for thread in range(_THREADS))))
    stage.same("the number of requests that arrived", len(stage.received), _THREADS * _EACH)


@CHAPTER.case(needs=Capability.POOL_TIMEOUT, limits=True)
def many_threads_share_few_connections(stage: Stage) -> None:
    """T10: threads beyond the limit of connections wait for one, get their own answers, and no further one is opened."""
    stage.open(Limits(connections=2))
    _each_has_its_own(stage, stage.together(*(_asking(stage, thread, 5) for thread in range(_THREADS))))
    opened = len(stage.connections)
    stage.demand(opened <= 2, "2 connections at most, because the server closes none", f"{opened}")


@CHAPTER.case(wire=False)
def many_threads_at_once(stage: Stage) -> None:
    """T10: of the answers that are given to threads which send at once, none is lost and none is given twice."""
    count = _THREADS * _EACH
    stage.open()
    for index in range(count):
        stage.answer(200, [], b"answer %d" % index)

    def ask(thread: int) -> list[Came]:
        return [stage.carry(stage.request("GET", f"/{thread}/{index}")) for index in range(_EACH)]

    results = stage.together(*(partial(ask, thread) for thread in range(_THREADS)))
    bodies = []
    for came in results:
        if isinstance(came, BaseException):
            raise Failure("answers", told(came))
        for each in came:
            stage.answered(each)
            bodies.append(each.body)
    stage.same("the bodies", sorted(bodies), sorted(b"answer %d" % index for index in range(count)))
    asked = sorted(each.target for each in stage.received)
    stage.same("the targets", asked, sorted(f"/{t}/{index}" for t in range(_THREADS) for index in range(_EACH)))


@CHAPTER.case()
def who_waits_holds_nobody_up(stage: Stage) -> None:
    """T10: while one thread waits for its answer, another sends and is answered."""
    stage.play(Stall())
    call, came = elsewhere(stage, stage.request("GET", "/slow"))
    stage.until(lambda: stage.received, "a request that arrives")
    stage.answer(200, [], b"quick")
    other = stage.carry(stage.request("GET", "/quick"), stage.options(read=PATIENT, total=None))
    stage.answered(other, 200, b"quick")
    stage.demand(call.is_alive() and not came, "the answer before the other thread's wait was over", came)
    stage.origin.close()
    call.join(SOON)


@CHAPTER.case(wire=False)
def responses_are_read_by_turns(stage: Stage) -> None:
    """T10: several responses that are open at once, and read by turns, have each its own bytes."""
    bodies = [bytes([65 + index]) * (30_000 + index) for index in range(5)]
    responses = []
    for index, body in enumerate(bodies):
        stage.answer(200, [], body)
        responses.append(stage.send(stage.request("GET", f"/{index}")))
    came = [bytearray() for _ in bodies]
    more = True
    while more:
        more = False
        for response, got in zip(responses, came, strict=True):
            piece = response.raw.read(4000)
            got.extend(piece)
            more = more or bool(piece)
    stage.same("the lengths of the bodies", [len(got) for got in came], [len(body) for body in bodies])
    stage.demand([bytes(got) for got in came] == bodies, "in each body the bytes of its own", [got[:8] for got in came])


@CHAPTER.case(wire=False)
def threads_hand_things_over(stage: Stage) -> None:
    """T10: a transport made in one thread may send in another, be read in a third, and be closed in a fourth."""
    stage.open()
    stage.answer(200, [], b"handed over " * 1000)
    (response,) = stage.together(lambda: stage.send(stage.request("GET", "/there")))
    if isinstance(response, BaseException):
        raise Failure("a response", told(response))
    (body,) = stage.together(response.raw.readall)
    stage.same("the body", body, b"handed over " * 1000)
    (closed,) = stage.together(stage.transport.close)
    stage.same("what close() raised", closed, None)
    refused(stage)


@CHAPTER.case(guarantee=OWNS)
def what_an_ended_thread_has_opened_is_closed(stage: Stage) -> None:
    """T10: connections that were opened by threads which have ended are closed with the transport, by whichever thread."""
    stage.open()
    stage.together(*(_asking(stage, thread, 1) for thread in range(4)))
    close(stage)
    stage.until(
        lambda: not any(each.open for each in stage.connections), "an end of every connection after close()", PROMPT
    )


@CHAPTER.case(wire=False, needs=Capability.STREAM_REQUEST, colour="sync")
def a_body_may_send_by_the_same_transport(stage: Stage) -> None:
    """T10: a request whose body comes from another exchange of the same transport is carried, as is that exchange."""
    inner: list[Came] = []

    def pieces() -> Iterator[bytes]:
        yield b"outer "
        inner.append(stage.carry(stage.request("GET", "/inner"), transport=transport))
        yield b"body"

    transport = stage.open()
    for body in (b"one", b"two"):  # which of them is answered first is the server's affair
        stage.answer(200, [], body)
    (came,) = stage.together(lambda: stage.carry(stage.request("POST", "/outer", body=pieces())))
    if isinstance(came, BaseException):
        raise Failure("an answer", told(came))
    stage.answered(came)
    stage.demand(inner, "an exchange that the body began", "none")
    stage.answered(inner[0])
    stage.same("the bodies", sorted([came.body, inner[0].body]), [b"one", b"two"])
    stage.same("the targets that arrived", sorted(each.target for each in stage.received), ["/inner", "/outer"])
