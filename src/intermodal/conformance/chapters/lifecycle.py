"""T10: a transport is closed once and for all, at any moment, and whoever is in the middle is told or goes on.

Of the same clause are ``many_threads.py``, ``left_behind.py``, where what is left is counted, and ``after_fork.py``.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.stage import PATIENT, SOON, told
from intermodal.errors import Error, TransportClosed
from intermodal.model.options import Limits
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.conformance.stage import Came, Stage
    from intermodal.protocol import Transport

CHAPTER = Chapter()

#: Seconds within which close() returns: less than the bound of any wait that it could be waiting for.
PROMPT: Final = 2.0


def close(stage: Stage, transport: Transport | None = None) -> None:
    """Close a transport in another thread, and demand that this comes to an end and raises nothing."""
    closing = transport or stage.transport
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            closing.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PROMPT)
    stage.demand(not thread.is_alive(), f"close() to return within {PROMPT:g} s", "it goes on")
    stage.demand(not raised, "close() to raise nothing", told(raised[0]) if raised else "")


def _answered_once(stage: Stage) -> None:
    stage.answer(200, [], b"first")
    stage.answered(stage.carry(stage.request("GET", "/first")), 200, b"first")


def refused(stage: Stage, transport: Transport | None = None) -> None:
    """Demand that a request is refused because the transport is closed, and that nobody hears of it."""
    before = stage.bytes_received, len(stage.received)
    came = stage.carry(stage.request("GET", "/late"), transport=transport)
    stage.failed(came, TransportClosed, delivery="not_sent", reused=False)
    stage.same("bytes and requests that have arrived", (stage.bytes_received, len(stage.received)), before)


#: Who can tell what was delivered has connections of its own; what is over an object of its user's leaves them to that.
OWNS: Final = Guarantee.DELIVERY

# --- closing --------------------------------------------------------------------------------------------------------


@CHAPTER.rows({"twice": 2, "three times": 3}, wire=False)
def closing_more_than_once(stage: Stage, times: int) -> None:
    """T10: close() called {row} is as close() called once, after an exchange too."""
    _answered_once(stage)
    for _ in range(times):
        close(stage)
    refused(stage)


@CHAPTER.case(wire=False)
def closing_what_was_never_used(stage: Stage) -> None:
    """T10: a transport that carried nothing can be closed, and closed again."""
    stage.open()
    close(stage)
    close(stage)


@CHAPTER.case(wire=False)
def closing_from_many_threads(stage: Stage) -> None:
    """T10: close() is idempotent also where threads meet in it."""
    _answered_once(stage)
    raised = [each for each in stage.together(*[stage.transport.close] * 6) if each is not None]
    stage.demand(not raised, "close() to raise nothing in any of the threads", str(raised))
    refused(stage)


@CHAPTER.rows({"never used": False, "used": True}, wire=False)
def sending_after_close(stage: Stage, used: bool) -> None:
    """T10: once it was closed, a transport that was {row} refuses requests by TransportClosed, and sends nothing."""
    stage.open()
    if used:
        _answered_once(stage)
    close(stage)
    refused(stage)
    refused(stage)


@CHAPTER.case()
def a_kept_connection_serves_nobody_after_close(stage: Stage) -> None:
    """T10: a connection that was kept carries nothing any more, although the server would answer on it."""
    stage.answered(stage.carry(stage.request("GET", "/get")))
    close(stage)
    refused(stage)
    stage.same("the number of requests that arrived", len(stage.received), 1)


@CHAPTER.case(wire=False, needs=Capability.STREAM_REQUEST)
def a_body_is_not_read_after_close(stage: Stage) -> None:
    """T10: a request that is refused because of the closing leaves its body unread, to be sent elsewhere."""
    read: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        read.append(b"x")
        yield b"x"

    stage.open()
    close(stage)
    stage.failed(stage.carry(stage.request("POST", "/", body=pieces())), TransportClosed, delivery="not_sent")
    stage.same("the pieces of the body that were read", read, [])


@CHAPTER.case(wire=False)
def what_it_is_can_be_asked_after_close(stage: Stage) -> None:
    """T10: ``info`` says the same before and after close()."""
    before = stage.open().info
    close(stage)
    stage.same("info", stage.transport.info, before)


@CHAPTER.case(wire=False)
def two_transports_are_two(stage: Stage) -> None:
    """T10: closing one transport leaves another of the same kind as it was, one made before and one made after."""
    first, second = stage.open(), stage.another()
    _answered_once(stage)
    stage.answer(200, [], b"second")
    stage.answered(stage.carry(stage.request(), transport=second), 200, b"second")
    close(stage, first)
    for other in (second, stage.another()):
        stage.answer(200, [], b"still")
        stage.answered(stage.carry(stage.request(), transport=other), 200, b"still")
    refused(stage, first)


@CHAPTER.rows({"one": 1, "several": 4}, guarantee=OWNS)
def closing_closes_what_was_kept(stage: Stage, count: int) -> None:
    """T10: close() closes the idle connections that were kept ({row}), as the server sees it."""
    opened = [stage.send(stage.request("GET", "/bytes/70000")) for _ in range(count)]
    for response in opened:
        response.raw.readall()
        response.close()
    stage.demand(stage.connections, "a connection", "none")
    close(stage)
    stage.until(
        lambda: not any(each.open for each in stage.connections), "an end of every connection after close()", PROMPT
    )


@CHAPTER.rows({"FIN": "fin", "RST": "rst"})
def closing_what_the_server_has_closed(stage: Stage, then: Any) -> None:
    """T10: close() has nothing to say about an idle connection that the server ended by {row}."""
    play = stage.play(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0.05, then=then)
    stage.answered(stage.carry(), 200, b"ok")
    play.finished.wait(SOON)
    close(stage)
    refused(stage)


@CHAPTER.case(wire=False)
def closing_after_a_failure(stage: Stage) -> None:
    """T10: a transport whose exchange has failed is closed as any other."""

    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise ValueError("no more")

    if stage.declares(Capability.STREAM_REQUEST):
        stage.carry(stage.request("POST", "/", body=pieces()))
    else:
        stage.carry(stage.request("GET", "/", [("Expect", "100-continue")], base="http://unknown.invalid"))
    close(stage)
    refused(stage)


# --- closing in the middle ------------------------------------------------------------------------------------------

_ENDLESS: Final = b"x" * 30_000_000

_BEGUN: Final = {
    "for an answer": (b"", None),
    "for the rest of a head": (b"HTTP/1.1 200 OK\r\nContent-Le", None),
    "for more of a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", None),
    "for more of a chunked body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", None),
    "for the end of the connection": (b"HTTP/1.1 200 OK\r\n\r\nhello", None),
    "to send more": (b"", _ENDLESS),
}


@CHAPTER.rows(_BEGUN)
def closing_while_another_thread_waits(stage: Stage, row: tuple[bytes, bytes | None]) -> None:
    """T10: while a thread waits {row}, close() returns soon, and that thread gets an error of ours, nothing cut short."""
    # Whether close() ends the wait, or it runs on to its own bound, is the transport's affair: then the server goes.
    begun, body = row
    stage.play(*([begun] if begun else []), Stall(), at="request" if body is None else "head")
    call, came = elsewhere(stage, stage.request("POST", "/slow", body=body))
    stage.until(lambda: stage.bytes_received >= 20, "a request that arrives")
    stage.until(
        lambda: any(b in stage.transcript() for b in ("hello", "Le")) or not begun, "the beginning of an answer"
    )
    time.sleep(0.05)  # until it waits; where it does not yet, the case shows less and is right all the same
    close(stage)
    call.join(0.3)
    by_itself = not call.is_alive()
    if not by_itself:
        stage.origin.close()
    _ends(stage, call, came)
    stage.demand(came[0].error is not None or not by_itself, "no end of a body that the server has not ended", came[0])
    refused(stage)


@CHAPTER.case(needs=Capability.POOL_TIMEOUT, limits=True)
def closing_while_another_thread_waits_for_a_slot(stage: Stage) -> None:
    """T10: who waits for a slot when the transport is closed gets an error, and nothing was sent."""
    stage.open(Limits(connections=1))
    held = stage.send(stage.request("GET", "/bytes/3000000"))
    call, came = elsewhere(stage, stage.request("GET", "/waits"), stage.options(pool=1.0))
    time.sleep(0.05)
    close(stage)
    _ends(stage, call, came)
    stage.demand(came[0].error is not None, "an error", came[0])
    error = came[0].error
    assert isinstance(error, Error)
    stage.same("the delivery", error.delivery, "not_sent")
    stage.same("the targets that arrived", [each.target for each in stage.received], ["/bytes/3000000"])
    held.close()


@CHAPTER.case()
def closing_while_an_answer_is_on_its_way(stage: Stage) -> None:
    """T10: an exchange under way when the transport is closed ends with its own answer, whole, or an error of ours."""
    stage.play(0.2, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
    call, came = elsewhere(stage, stage.request("GET", "/slow"))
    stage.until(lambda: stage.received, "a request that arrives")
    close(stage)
    _ends(stage, call, came)
    if came[0].error is None:
        stage.same("the body", came[0].body, b"whole")


def elsewhere(stage: Stage, request: Any, options: Any = None) -> tuple[threading.Thread, list[Came]]:
    """Send a request in another thread, and give that thread and where its outcome will be."""
    came: list[Came] = []
    stage.transport  # noqa: B018 - opened before the thread looks
    thread = threading.Thread(target=lambda: came.append(stage.carry(request, options)), daemon=True)
    thread.start()
    return thread, came


def _ends(stage: Stage, call: threading.Thread, came: list[Came]) -> None:
    """Demand that the call of another thread ends, in an answer or an error of ours that lies about nothing."""
    call.join(PATIENT + SOON)  # where nothing ends it but its own bound
    stage.demand(not call.is_alive() and came, "an end of the exchange of the other thread", "it goes on")
    error = came[0].error
    stage.demand(error is None or isinstance(error, Error), "an answer, or an intermodal error", came[0])
    if isinstance(error, Error) and stage.bytes_received:
        heard = any(each.target == error.request.target for each in stage.received)
        stage.demand(not heard or error.delivery != "not_sent", "no delivery not_sent: the request arrived", came[0])


_HALVES: Final = {
    "of a length": (b"Content-Length: 12\r\n\r\nfirst ", b"second"),
    "in chunks": (b"Transfer-Encoding: chunked\r\n\r\n6\r\nfirst \r\n", b"6\r\nsecond\r\n0\r\n\r\n"),
    "until the close": (b"\r\nfirst ", b"second"),
}


@CHAPTER.rows(_HALVES)
def a_response_that_is_read_when_it_closes(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T10: a body {row} of which half was read goes on to its end after close(), or ends in an error, and is not cut short."""
    first, second = row
    stage.play(b"HTTP/1.1 200 OK\r\n" + first, 0.2, second, then="fin")
    response = stage.send()
    body = bytearray(response.raw.read(6))
    close(stage)
    (came,) = stage.together(lambda: _rest(response, body))
    stage.demand(came is None or isinstance(came, Error), "the rest of the body, or an intermodal error", repr(came))
    if came is None:
        stage.same("the body", bytes(body), b"first second")
    else:
        stage.demand(b"first second".startswith(body), "a beginning of the body", bytes(body))


def _rest(response: Any, body: bytearray) -> None:
    while piece := response.raw.read(100):
        body += piece


@CHAPTER.case()
def a_half_read_response_holds_no_close_up(stage: Stage) -> None:
    """T10: close() returns soon while a response is held of which the server sends no more, and so does closing that."""
    stage.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Stall())
    response = stage.send()
    response.raw.read(5)
    close(stage)
    (came,) = stage.together(response.close)
    stage.same("what closing the response raised", came, None)
    stage.until(lambda: not stage.connections[0].open, "an end of the connection once both were closed")


@CHAPTER.case(wire=False)
def closing_in_the_middle_of_many(stage: Stage) -> None:
    """T10: closed while threads send one request after the other, each gets answers until it gets an error of ours."""
    transport = stage.open()
    begun = threading.Semaphore(0)

    def ask() -> Came:
        for _ in range(10_000):
            came = stage.carry(stage.request("GET", "/get"), transport=transport)
            begun.release()
            if came.error is not None:
                return came
        return came

    def end() -> None:
        for _ in range(8):
            begun.acquire(timeout=SOON)
        transport.close()

    *came, closed = stage.together(*[ask] * 4, end)
    stage.same("what close() raised", closed, None)
    for each in came:
        error = getattr(each, "error", each)
        stage.demand(isinstance(error, Error), "an intermodal error after close()", str(each))
    refused(stage)
