"""T9, of answers that are cut off: what is not whole is an error, whatever cuts it, and what had come is not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.chapters.malformed import LENGTH, STRICT, refused
from intermodal.conformance.chapters.written import CHUNKED_HEAD, OK
from intermodal.conformance.stage import PAUSE
from intermodal.errors import Disconnected, IncompleteBody, ProtocolError, TransportError
from intermodal.protocol import Capability
from intermodal.testing.origin import Close

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intermodal.conformance.stage import Stage
    from intermodal.errors import Error

CHAPTER = Chapter()

_HEADS_CUT = {
    "in its first letter": b"H",
    "in its version": b"HTTP/1.",
    "in its status": b"HTTP/1.1 20",
    "in its reason": b"HTTP/1.1 200 O",
    "between CR and LF": b"HTTP/1.1 200 OK\r",
    "behind the status line": b"HTTP/1.1 200 OK\r\n",
    "in a field name": b"HTTP/1.1 200 OK\r\nContent-Le",
    "in a length": b"HTTP/1.1 200 OK\r\nContent-Length: 1",
    "behind a field": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
    "in its empty line": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r",
    "behind an interim answer": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "in the head behind an interim answer": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
}


@CHAPTER.rows(_HEADS_CUT, guarantee=STRICT)
def a_head_cut_off(stage: Stage, head: bytes) -> None:
    """T9, RFC 9112 section 8: a head that the end of the connection cuts off {row} is no answer."""
    refused(stage, head, then="fin")


_HEADS_RESET = {name: _HEADS_CUT[name] for name in ("in its status", "behind the status line", "in its empty line")}


@CHAPTER.rows(_HEADS_RESET)
def a_head_reset(stage: Stage, head: bytes) -> None:
    """T9, RFC 9112 section 8: a head that a reset cuts off {row} is no answer, and the next exchange works."""
    stage.play(head, PAUSE, then="rst")
    came = stage.carry()
    stage.demand(came.response is None, "no response", came)
    stage.failed(came, Disconnected, phase=("wait", "head"), delivery="sent")
    stage.works("a reset")


#: What came, and what of it is the body's.
_BODIES_CUT = {
    "a length, before its first byte": (OK + LENGTH + b"\r\n", b""),
    "a length, half-way": (OK + LENGTH + b"\r\nhel", b"hel"),
    "a length, before its last byte": (OK + LENGTH + b"\r\nhell", b"hell"),
    "a length that no memory holds": (OK + b"Content-Length: 1000000000000\r\n\r\nhello", b"hello"),
    "chunks, before the first": (CHUNKED_HEAD, b""),
    "chunks, in the first size": (CHUNKED_HEAD + b"5", b""),
    "chunks, behind a size": (CHUNKED_HEAD + b"5\r\n", b""),
    "chunks, in a chunk": (CHUNKED_HEAD + b"5\r\nhel", b"hel"),
    "chunks, behind a chunk's data": (CHUNKED_HEAD + b"5\r\nhello", b"hello"),
    "chunks, between two": (CHUNKED_HEAD + b"5\r\nhello\r\n", b"hello"),
    "chunks, in the second size": (CHUNKED_HEAD + b"5\r\nhello\r\n1", b"hello"),
    "chunks, in a chunk that no memory holds": (CHUNKED_HEAD + b"7FFFFFFFFFFF\r\nhello", b"hello"),
}


@CHAPTER.rows(_BODIES_CUT)
def a_body_cut_off(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T9, RFC 9112 section 8: where the connection ends in a body ({row}), that is incomplete, and what came of it is given."""
    script, before = row
    stage.play(script, then="fin")
    came = stage.carry()
    stage.failed(came, IncompleteBody, phase="body", delivery="sent")
    stage.same("the body before the end", came.body, before)
    stage.works("a body cut off")


@CHAPTER.rows({**_BODIES_CUT, "the end of the connection": (OK + b"\r\nhello", b"hello")})
def a_body_reset(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T9, RFC 9112 section 8: where the connection is reset in a body ({row}), that is not taken for whole, and what came of it is given."""
    script, before = row
    stage.play(script, PAUSE, then="rst")
    came = stage.carry()
    stage.failed(came, Disconnected, phase="body", delivery="sent")
    stage.same("the body before the reset", came.body, before)
    stage.works("a reset")


_ENDS_CUT = {
    "in the last size": b"0",
    "between CR and LF of the last size": b"0\r",
    "behind the last size": b"0\r\n",
    "in the last line end": b"0\r\n\r",
    "in a trailer": b"0\r\nX-Trai",
    "behind a trailer": b"0\r\nX-Trailer: 1\r\n",
}


@CHAPTER.rows(_ENDS_CUT, guarantee=STRICT)
def chunks_cut_off_at_their_end(stage: Stage, end: bytes) -> None:
    """T9, RFC 9112 section 8: chunks that are cut off {row} are incomplete, though all their data has come."""
    script = CHUNKED_HEAD + b"5\r\nhello\r\n" + end
    refused(stage, script, phase="body", before=b"hello", kind=IncompleteBody, then="fin")


@CHAPTER.rows({"cut off": Close(), "ended in order": b""}, guarantee=STRICT, needs=Capability.CUSTOM_TLS)
def the_end_of_tls_tells(stage: Stage, end: Any) -> None:
    """T9, RFC 9112 section 9.8: over TLS a body until close that is {row} is whole only with a close_notify."""
    origin = stage.serve(tls=stage.authority.server())
    steps = (OK + b"\r\nhello", end) if end else (OK + b"\r\nhello",)
    origin.play(*steps, then="keep" if end else "fin")
    came = stage.carry(stage.request("GET", "/", base=origin.url), stage.options(tls=stage.trusting()))
    if end:
        stage.failed(came, IncompleteBody, phase="body", delivery="sent")
        stage.same("the body before the end", came.body, b"hello")
    else:
        stage.answered(came, 200, b"hello")


@CHAPTER.rows(
    {name: _BODIES_CUT[name][0] for name in ("a length, half-way", "chunks, between two", "chunks, in a chunk")}
)
def an_error_is_not_followed_by_an_end(stage: Stage, script: bytes) -> None:
    """T9: who reads on behind the error of a body ({row}) is not told that it is whole after all."""
    stage.play(script, then="fin")
    response = stage.send()
    for _ in range(2):
        try:
            while response._body.read(100):
                pass
        except IncompleteBody:
            continue
        raise Failure("the error IncompleteBody, and once more where it is read again", "an end")


_PARTIAL: Mapping[str, tuple[bytes, type[Error]]] = {
    "a length": (OK + b"Content-Length: 10\r\n\r\nhello", IncompleteBody),
    "chunks": (CHUNKED_HEAD + b"5\r\nhello\r\n", IncompleteBody),
}


def _partial(stage: Stage, script: bytes, kind: type[Error]) -> None:
    stage.play(script, then="fin")
    response = stage.send()
    try:
        content = response.content
    except TransportError as error:
        stage.demand(isinstance(error, kind), f"the error {kind.__name__}", repr(error))
        stage.same("partial on the error", error.partial, b"hello")
    else:
        raise Failure(f"the error {kind.__name__}", f"the content {content!r}")


@CHAPTER.rows(_PARTIAL)
def an_error_holds_what_had_come(stage: Stage, row: tuple[bytes, type[Error]]) -> None:
    """T9: where the whole content was asked for and is cut off ({row}), the error holds what had come of it."""
    _partial(stage, *row)


@CHAPTER.case(guarantee=STRICT)
def an_error_holds_what_came_before_a_fault(stage: Stage) -> None:
    """T9: where the whole content was asked for and a chunk is malformed, the error holds what had come before."""
    _partial(stage, CHUNKED_HEAD + b"5\r\nhello\r\nfive\r\nhello\r\n0\r\n\r\n", ProtocolError)
