"""T9, of what comes beside a message: behind it, unasked, or before any request, it answers nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.malformed import CHUNKS, HELLO, LENGTH, STRICT, dropped
from intermodal.conformance.chapters.written import CHUNKED_HEAD, EVIL, OK
from intermodal.conformance.stage import PAUSE

if TYPE_CHECKING:
    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()

_204: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_304: Final = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"

#: The method, the message, its body, and what comes in one piece with it.
_BEYOND = {
    "an answer behind a length": ("GET", OK + HELLO, b"hello", EVIL),
    "a byte behind a length": ("GET", OK + HELLO, b"hello", b"!"),
    "a line end behind a length": ("GET", OK + HELLO, b"hello", b"\r\n"),
    "an answer behind no length at all": ("GET", OK + b"Content-Length: 0\r\n\r\n", b"", EVIL),
    "an answer behind the last chunk": ("GET", CHUNKED_HEAD + CHUNKS, b"hello", EVIL),
    "a line end behind the last chunk": ("GET", CHUNKED_HEAD + CHUNKS, b"hello", b"\r\n"),
    "an answer behind trailers": ("GET", CHUNKED_HEAD + CHUNKS[:-2] + b"X-T: 1\r\n\r\n", b"hello", EVIL),
    "an answer behind 204": ("GET", _204, b"", EVIL),
    "a body behind 204": ("GET", _204, b"", b"hello"),
    "an answer behind 304": ("GET", _304, b"", EVIL),
    "a body behind 304": ("GET", _304, b"", b"hello"),
    "an answer behind a HEAD": ("HEAD", OK + LENGTH + b"\r\n", b"", EVIL),
    "a body behind a HEAD": ("HEAD", OK + LENGTH + b"\r\n", b"", b"hello"),
    "chunks behind a HEAD": ("HEAD", CHUNKED_HEAD, b"", CHUNKS),
}


@CHAPTER.rows(_BEYOND)
def what_is_left_over_answers_nobody(stage: Stage, row: tuple[str, bytes, bytes, bytes]) -> None:
    """T9, RFC 9112 section 6.3: {row} is no part of the message, and never the answer to the next request."""
    method, message, body, left = row
    stage.play(message + left)
    stage.answered(stage.carry(stage.request(method)), int(message[9:12]), body)
    for _ in range(2):
        stage.works("bytes beyond a message")


@CHAPTER.rows(_BEYOND, guarantee=STRICT)
def what_is_left_over_ends_the_connection(stage: Stage, row: tuple[str, bytes, bytes, bytes]) -> None:
    """T9, RFC 9112 section 9.2: {row} ends the connection, as nobody can tell where its next answer begins."""
    method, message, body, left = row
    stage.play(message + left)
    stage.answered(stage.carry(stage.request(method)), int(message[9:12]), body)
    dropped(stage)


_UNASKED = {
    "an answer": EVIL,
    "a 408": b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "a line end": b"\r\n",
    "garbage": b"garbage",
}


@CHAPTER.rows(_UNASKED)
def what_comes_unasked_answers_nobody(stage: Stage, unasked: bytes) -> None:
    """T9, RFC 9112 section 9.2: {row} that comes over a connection while it rests is not the answer to the next request."""
    play = stage.play(OK + HELLO, PAUSE, unasked)
    stage.answered(stage.carry(), 200, b"hello")
    stage.until(play.finished.is_set, "a server that has sent it")
    for _ in range(2):
        stage.works("bytes that nobody asked for")
    stage.until(lambda: not stage.connections[0].open, "a connection that the client closes")


@CHAPTER.case()
def what_comes_before_a_request_shifts_nothing(stage: Stage) -> None:
    """T9, RFC 9112 section 9.2: an answer that was there before any request leaves no later one with the answer before its own."""
    stage.play(EVIL, at="connect")
    own = stage.play(OK + HELLO)
    stage.carry()  # nobody can tell whether that answer was there before this request
    if not own.finished.wait(0.5):  # the request was not sent, and its answer is for another one
        stage.answered(stage.carry(), 200, b"hello")
    for _ in range(2):
        stage.works("an answer that was there before its request")
