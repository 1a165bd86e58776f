"""T6: what an error says of its request, that nothing of it left, that an answer began, or neither, is what the server saw.

Whether a request may be sent again hangs on it, and so the server's own count is the judge. A transport that does not
guarantee DELIVERY may leave it open, by maybe_sent and not reused; it may not claim what is not so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.declared_proxies import through
from intermodal.conformance.chapters.written import CONTINUE, raising
from intermodal.conformance.stage import BRIEF, PAUSE
from intermodal.errors import Error, RequestBodyError
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.faults import cut_after, reset_after
from intermodal.testing.origin import Reset, Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.conformance.stage import Stage
    from intermodal.testing.origin import Fault

CHAPTER = Chapter()

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


# --- maybe_sent: no answer --------------------------------------------------------------------------------------------

_SILENCES: Final[dict[str, dict[str, Any]]] = {
    "closes": {"then": "fin"},
    "cuts the connection": {"then": "rst"},
    "closes while the body comes": {"then": "fin", "at": "head"},
    "cuts the connection at the first byte": {"then": "rst", "at": 1},
    "cuts the connection behind the head": {"then": "rst", "at": "head"},
    "cuts the connection in the body": {"then": "rst", "at": 50_000},
}


@CHAPTER.rows(_SILENCES)
def a_server_that_gives_no_answer(stage: Stage, how: dict[str, Any]) -> None:
    """T6, RFC 9110 section 9.2.2: where the server {row} without an answer, it may have acted or not: maybe_sent."""
    stage.play(**how)
    came = stage.carry(stage.request("POST", "/act", body=b"x" * 200_000))
    stage.failed(came, Error, delivery="maybe_sent", reused=False)


@CHAPTER.case()
def a_server_that_is_silent(stage: Stage) -> None:
    """T6, RFC 9110 section 9.2.2: where the time of read runs out before the first byte, it is maybe_sent."""
    stage.play(Stall())
    stage.failed(stage.carry(None, stage.options(read=BRIEF)), Error, delivery="maybe_sent", reused=False)


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT)
def a_server_that_is_silent_for_the_whole_time(stage: Stage) -> None:
    """T6, RFC 9110 section 9.2.2: where the time of total runs out before the first byte, it is maybe_sent."""
    stage.play(Stall())
    stage.failed(stage.carry(None, stage.options(total=BRIEF)), Error, delivery="maybe_sent", reused=False)


@CHAPTER.case(needs=Capability.WRITE_TIMEOUT)
def a_server_that_takes_no_more(stage: Stage) -> None:
    """T6, RFC 9110 section 9.2.2: where the time of write runs out in the middle of the body, it is maybe_sent."""
    stage.play(Stall(), at="head")
    came = stage.carry(stage.request("POST", body=bytes(1 << 25)), stage.options(write=BRIEF))
    stage.failed(came, Error, delivery="maybe_sent", reused=False)


@CHAPTER.case(needs=Capability.EXPECT_CONTINUE)
def a_server_that_closes_instead_of_100(stage: Stage) -> None:
    """T6, RFC 9110 section 10.1.1: the head has left where the server closes instead of asking for the body: maybe_sent."""
    stage.play(then="fin", at="head")
    came = stage.carry(stage.request("POST", "/", [("Expect", "100-continue")], b"x"))
    stage.failed(came, Error, delivery="maybe_sent", reused=False)


@CHAPTER.case()
def a_connection_that_is_closed_at_once(stage: Stage) -> None:
    """T6: where the server closes as soon as it has accepted, not_sent is said only if no byte came to it, and never sent."""
    stage.play(then="fin", at="connect")
    error = stage.failed(stage.carry(stage.request("POST", body=b"x")), Error)
    stage.settle()
    known = ("maybe_sent",) if stage.bytes_received else ("maybe_sent", "not_sent")
    stage.demand(error.delivery in known, f"delivery {' or '.join(known)}", error.delivery)


@CHAPTER.rows({"closes": "fin", "cuts the connection": "rst"}, needs=Capability.CUSTOM_TLS)
def a_server_behind_tls_that_gives_no_answer(stage: Stage, then: Any) -> None:
    """T6, RFC 8446 section 6.1: over TLS, too, it is maybe_sent where the server {row} without an answer."""
    origin = stage.serve(tls=stage.authority.server())
    origin.play(then=then)
    request = stage.request("POST", "/act", body=b"x", base=origin.url)
    stage.failed(stage.carry(request, stage.options(tls=stage.trusting())), Error, delivery="maybe_sent", reused=False)


@CHAPTER.case(needs=Capability.CONNECT_PROXY | Capability.CUSTOM_TLS)
def a_server_behind_a_tunnel_that_gives_no_answer(stage: Stage) -> None:
    """T6, RFC 9110 section 9.3.6: the proxy's answer to CONNECT is not the server's: where that gives none, it is maybe_sent."""
    front = stage.serve(front="http", tls=stage.authority.server())
    front.play(then="fin")
    options = stage.options(proxy=through(front), tls=stage.trusting())
    came = stage.carry(stage.request("POST", body=b"x", base="https://target.test"), options)
    stage.failed(came, Error, delivery="maybe_sent", reused=False)


@CHAPTER.case(wire=False)
def whoever_has_the_request_was_sent_it(stage: Stage) -> None:
    """T6: where a server closes, or an application raises, with the request in its hands, nobody says not_sent."""
    if stage.maker.application is None:
        stage.play(then="fin")
    else:
        stage.answer(raises=RuntimeError("out of order"))
    error = stage.failed(stage.carry(stage.request("POST", "/act", body=b"x")), Error)
    stage.arrived("POST", "/act")
    stage.demand(error.delivery != "not_sent", "a delivery other than not_sent", error.delivery)


# --- the caller's own body --------------------------------------------------------------------------------------------


_BODIES: Final[dict[str, tuple[Callable[[], Any], dict[str, str]]]] = {
    "raises at once": (lambda: raising(ValueError("out of paper")), {}),
    "raises later": (lambda: raising(ValueError("out of paper"), *[b"x" * 50_000] * 4), {}),
    "is shorter than its length": (lambda: iter([b"abc"]), {"Content-Length": "9"}),
    "is longer than its length": (lambda: iter([b"abc", b"def"]), {"Content-Length": "4"}),
}


@CHAPTER.rows(_BODIES, needs=Capability.STREAM_REQUEST)
def a_body_that_fails(stage: Stage, row: tuple[Callable[[], Any], dict[str, str]]) -> None:
    """T6: where the caller's body {row}, not_sent is said only if no byte left, and sent never."""
    make, headers = row
    error = stage.failed(stage.carry(stage.request("POST", "/act", headers, make())), RequestBodyError)
    stage.settle()
    known = ("maybe_sent",) if stage.bytes_received else ("maybe_sent", "not_sent")
    stage.demand(error.delivery in known, f"delivery {' or '.join(known)}", error.delivery)
    stage.same("the whole requests that arrived", [each.target for each in stage.received], [])


# --- sent: an answer began --------------------------------------------------------------------------------------------

_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
_HINTS: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

_BROKEN_OFF: Final[dict[str, tuple[tuple[Any, ...], Any]]] = {
    "a body is cut off": ((_ANSWER[:-2],), "fin"),
    "a chunk is cut off": ((_CHUNKED[:-4],), "fin"),
    "the last chunk is missing": ((_CHUNKED,), "fin"),
    "a body is reset": ((_ANSWER[:-2], PAUSE), "rst"),
    "chunks are reset": ((_CHUNKED, PAUSE), "rst"),
    "a body without a length is reset": ((b"HTTP/1.1 200 OK\r\n\r\nhello", PAUSE), "rst"),
    "nothing follows 100": ((CONTINUE,), "fin"),
    "a reset follows 100": ((CONTINUE, PAUSE), "rst"),
}


@CHAPTER.rows(_BROKEN_OFF)
def an_answer_that_breaks_off(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T6: where {row}, the answer had begun: sent."""
    steps, then = row
    stage.play(*steps, then=then)
    stage.failed(stage.carry(stage.request("POST", body=b"x")), Error, delivery="sent", reused=False)


_STOPS: Final = {
    "in the status line": b"HTTP/1.1 20",
    "in a field": b"HTTP/1.1 200 OK\r\nX-A: ",
    "behind 100": CONTINUE,
    "behind the head": _ANSWER[:-5],
    "in the body": _ANSWER[:-2],
    "in a chunk": _CHUNKED[:-4],
}


@CHAPTER.rows(_STOPS)
def an_answer_that_stops(stage: Stage, said: bytes) -> None:
    """T6: where the time of read runs out {row}, the answer had begun: sent."""
    _stopped(stage, said)


def _stopped(stage: Stage, said: bytes) -> None:
    # On a busy machine the time may run out before the first byte is there: the second try is for that.
    for read in (BRIEF, 5 * BRIEF):
        stage.play(said, Stall())
        came = stage.carry(None, stage.options(read=read))
        said_so = isinstance(came.error, Error) and came.error.delivery == "sent"
        if said_so or not stage.guarantees(Guarantee.DELIVERY):
            break
    stage.failed(came, Error, delivery="sent", reused=False)


_AFTER_HINTS: Final[dict[str, Any]] = {
    "the connection ends": "fin",
    "the connection is cut": "rst",
    "nothing comes": None,
}


@CHAPTER.rows(_AFTER_HINTS, guarantee=Guarantee.INFORMATIONAL)
def behind_early_hints(stage: Stage, then: Any) -> None:
    """T6, RFC 8297 section 2: where {row} behind 103, a server has begun to answer: sent."""
    if then is None:
        _stopped(stage, _HINTS)
        return
    stage.play(_HINTS, PAUSE, then=then)
    stage.failed(stage.carry(), Error, delivery="sent", reused=False)


_PLACES: Final = {"the first byte": 1, "the version": 9, "the status": 12, "the status line": 17, "a field": 25}


@CHAPTER.rows({f"behind {place}": reset_after(_ANSWER, n) for place, n in _PLACES.items()})
def a_head_that_is_reset(stage: Stage, fault: Fault) -> None:
    """T6: where the connection is cut {row} of an answer, it had begun: sent."""
    stage.origin.play(fault)
    stage.failed(stage.carry(), Error, delivery="sent", reused=False)


@CHAPTER.rows(
    {f"behind {place}": cut_after(_ANSWER, n) for place, n in _PLACES.items()}, guarantee=Guarantee.STRICT_FRAMING
)
def a_head_that_is_cut_off(stage: Stage, fault: Fault) -> None:
    """T6: where the connection ends {row} of an answer, it had begun: sent."""
    stage.origin.play(fault)
    stage.failed(stage.carry(), Error, delivery="sent", reused=False)


_MALFORMED: Final = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a status that is none": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a field without a colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
    "a chunk size that is none": _CHUNKED + b"nonsense\r\n",
    "a head beyond the limit": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
}


@CHAPTER.rows(_MALFORMED, guarantee=Guarantee.STRICT_FRAMING)
def an_answer_that_is_refused(stage: Stage, said: bytes) -> None:
    """T6: where the answer is {row}, there was one: sent."""
    stage.play(said)
    stage.failed(stage.carry(stage.request("POST", body=b"x")), Error, delivery="sent", reused=False)


# --- reused -----------------------------------------------------------------------------------------------------------

_FAULTS: Final[dict[str, tuple[tuple[Any, ...], Any, Any]]] = {
    "no answer": ((), "fin", "maybe_sent"),
    "a reset": ((), "rst", "maybe_sent"),
    "silence": ((Stall(),), "keep", "maybe_sent"),
    "a reset in the head": ((b"HTTP/1.1 200 O", PAUSE, Reset()), "keep", "sent"),
    "a body cut off": ((_ANSWER[:-2],), "fin", "sent"),
}


@CHAPTER.rows(_FAULTS)
def what_fails_on_a_kept_connection(stage: Stage, row: tuple[tuple[Any, ...], Any, Any]) -> None:
    """T6: where a second request meets {row}, reused says whether its connection had served the first, and delivery is as on a new one."""
    steps, then, delivery = row
    stage.works()
    stage.play(*steps, then=then)
    came = stage.carry(stage.request("GET", "/fails"), stage.options(read=BRIEF if delivery == "maybe_sent" else 5))
    failing = [each for each in stage.connections if b"GET /fails" in each.received]
    stage.same("the connections that it was sent on", len(failing), 1)
    kept = not failing[0].received.startswith(b"GET /fails")
    stage.failed(came, Error, delivery=delivery, reused=kept)


@CHAPTER.case()
def a_new_connection_beside_a_kept_one(stage: Stage) -> None:
    """T6: where a connection to another server fails, one that is kept has nothing to do with it: not reused."""
    stage.works()
    other = stage.serve()
    other.play(then="fin")
    came = stage.carry(stage.request("GET", "/fails", base=other.url))
    stage.failed(came, Error, delivery="maybe_sent", reused=False)


@CHAPTER.case()
def the_third_connection_is_new_again(stage: Stage) -> None:
    """T6: after a failure on a kept connection, the next one is new, and so says an error on it."""
    stage.works()
    for _ in range(2):
        stage.play(then="rst")
        came = stage.carry(stage.request("GET", "/fails"))
        connection = [each for each in stage.connections if each.received.endswith(b"\r\n\r\n")][-1]
        stage.failed(came, Error, delivery="maybe_sent", reused=len(connection.requests) > 1)
    stage.demand(len(stage.connections) >= 2, "a new connection after a failure", f"{len(stage.connections)}")


_UNASKED: Final = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\nConnection: close\r\n\r\nstale"

_ENDS: Final[dict[str, tuple[tuple[Any, ...], Any]]] = {
    "closed": ((_ANSWER,), "fin"),
    "cut": ((_ANSWER, PAUSE), "rst"),
    "closed after an answer that nobody had asked for": ((_ANSWER, PAUSE, _UNASKED), "fin"),
}


@CHAPTER.rows(_ENDS)
def a_kept_connection_that_was(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T6, RFC 9112 section 9.5: where a kept connection was {row} between two requests, the second is served anew, or its error is true."""
    steps, then = row
    for number in range(3):
        script = stage.play(*steps, then=then)
        stage.answered(stage.carry(stage.request("GET", "/first")), 200, b"hello")
        stage.demand(script.finished.wait(3), "the end of the script", "none after 3 s")
        stage.answer(201, [], b"the second's", "Created")
        came = stage.carry(stage.request("POST", f"/second/{number}", body=b"x"))
        arrived = sum(each.target == f"/second/{number}" for each in stage.received)
        if came.error is None:
            stage.answered(came, 201, b"the second's")
            stage.same("how often the second request arrived", arrived, 1)
            continue
        error = stage.failed(came, Error, delivery="maybe_sent", reused=True)
        stage.demand(error.delivery != "not_sent" or not arrived, "delivery maybe_sent", error.delivery)
        stage.works("a stale connection")  # takes the answer that is still queued
