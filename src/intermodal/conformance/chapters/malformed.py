"""T9: what breaks HTTP is an error and never a guess, and its connection is never used again; here, heads.

Each answer is whole to a reader that looks away: it would be taken for something if it were not refused. Of the same
clause are ``framing.py``, ``cut_off.py``, ``beyond_the_message.py`` and ``too_much.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import EVIL, OK
from intermodal.conformance.stage import BOUND
from intermodal.errors import Disconnected, IncompleteBody, ProtocolError
from intermodal.protocol import Guarantee

if TYPE_CHECKING:
    from typing import Any

    from intermodal.conformance.stage import Stage
    from intermodal.errors import Error, Phase

__all__ = ["CHAPTER", "CHUNKS", "HELLO", "LENGTH", "STRICT", "dropped", "refused"]

CHAPTER = Chapter()

STRICT: Final = Guarantee.STRICT_FRAMING

LENGTH: Final = b"Content-Length: 5\r\n"
#: What ends a head, and a body; in the one framing or the other.
HELLO: Final = LENGTH + b"\r\nhello"
CHUNKS: Final = b"5\r\nhello\r\n0\r\n\r\n"


def refused(
    stage: Stage,
    *steps: Any,
    phase: Phase = "head",
    before: bytes = b"",
    kind: type[Error] = ProtocolError,
    **how: Any,
) -> None:
    """Demand that an answer is refused, what came before the fault given, and the connection closed."""
    stage.play(*steps, **how)
    came = stage.carry(options=stage.options(read=BOUND))
    error = stage.failed(came, kind, phase=phase, delivery="sent")
    if kind is ProtocolError:
        stage.demand(not isinstance(error, IncompleteBody), "a ProtocolError, nothing being missing", came)
    stage.same("the body before the fault", came.body, before)
    dropped(stage)


def dropped(stage: Stage) -> None:
    """Demand that the client closes the only connection so far, and goes on over another."""
    stage.works("a broken answer")
    stage.same("the number of connections", len(stage.connections), 2)
    stage.until(lambda: not stage.connections[0].open, "a connection that the client closes")


# --- status lines -----------------------------------------------------------------------------------------------------

_STATUS_LINES = {
    "an empty line first": b"\r\nHTTP/1.1 200 OK",
    "a line feed first": b"\nHTTP/1.1 200 OK",
    "a space first": b" HTTP/1.1 200 OK",
    "a letter first": b"XHTTP/1.1 200 OK",
    "two spaces before the status": b"HTTP/1.1  200 OK",
    "a tab before the status": b"HTTP/1.1\t200 OK",
    "a tab behind the status": b"HTTP/1.1 200\tOK",
    "no space before the status": b"HTTP/1.1200 OK",
    "no space behind the status": b"HTTP/1.1 200OK",
    "no status": b"HTTP/1.1 OK",
    "nothing behind the version": b"HTTP/1.1",
    "a space behind the version": b"HTTP/1.1 ",
    "the name in small letters": b"http/1.1 200 OK",
    "another name": b"ICY 200 OK",
    "no version": b"HTTP 200 OK",
    "half a version": b"HTTP/1 200 OK",
    "a version without its end": b"HTTP/1. 200 OK",
    "a version with a letter": b"HTTP/1.1x 200 OK",
    "a version of two digits": b"HTTP/1.10 200 OK",
    "a space in the version": b"HTTP/ 1.1 200 OK",
    "version 0.9": b"HTTP/0.9 200 OK",
    "version 2": b"HTTP/2 200 OK",
    "version 2.0": b"HTTP/2.0 200 OK",
    "version 3.1": b"HTTP/3.1 200 OK",
    "a status of two digits": b"HTTP/1.1 20 OK",
    "a status of four digits": b"HTTP/1.1 2000 OK",
    "a status with a zero in front": b"HTTP/1.1 0200 OK",
    "a status with a sign": b"HTTP/1.1 +200 OK",
    "a negative status": b"HTTP/1.1 -200 OK",
    "a status with a letter": b"HTTP/1.1 20x OK",
    "a status with underscores": b"HTTP/1.1 2_0 OK",
    "a status of digits that are none": b"HTTP/1.1 \xb2\xb2\xb2 OK",
    "status 000": b"HTTP/1.1 000 OK",
    "status 099": b"HTTP/1.1 099 OK",
    "a reason with NUL": b"HTTP/1.1 200 O\0K",
    "a reason with a bare CR": b"HTTP/1.1 200 O\rK",
    "a reason with a vertical tab": b"HTTP/1.1 200 O\vK",
    "two CR before its line feed": b"HTTP/1.1 200 OK\r",
}


@CHAPTER.rows(_STATUS_LINES, guarantee=STRICT)
def a_status_line_that_is_none(stage: Stage, line: bytes) -> None:
    """T9, RFC 9112 section 4: a status line with {row} is refused."""
    refused(stage, line + b"\r\n" + HELLO)


_GARBAGE = {
    "a banner of SMTP": b"220 mail.example ESMTP ready\r\n",
    "a banner of SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "an answer of RTSP": b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
    "an alert of TLS": b"\x15\x03\x01\x00\x02\x02\x28",
    "settings of HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n",
    "a page without a head": b"<!doctype html>\r\n<title>hello</title>\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: target.test\r\n\r\n",
    "zeros": b"\0" * 64 + b"\r\n",
}


@CHAPTER.rows(_GARBAGE)
def garbage_is_no_answer(stage: Stage, garbage: bytes) -> None:
    """T9, RFC 9112 section 4: nobody takes {row} for an answer where the server closes after it, and the next exchange works."""
    stage.play(garbage, then="fin")
    came = stage.carry()
    stage.demand(came.response is None, "no response", came)
    stage.failed(
        came, ProtocolError, Disconnected, phase=("wait", "head"), delivery="sent"
    )  # which, is STRICT_FRAMING's
    stage.works("garbage")


@CHAPTER.rows(_GARBAGE, guarantee=STRICT)
def garbage_is_not_waited_for(stage: Stage, garbage: bytes) -> None:
    """T9, RFC 9112 section 4: nobody waits for the rest of {row}, which is refused, and its connection closed."""
    refused(stage, garbage)


# --- field lines ------------------------------------------------------------------------------------------------------

_FIELD_LINES = {
    "a space before its colon": b"X-Bad : v",
    "a tab before its colon": b"X-Bad\t: v",
    "a space in its name": b"X Bad: v",
    "no colon": b"X-Bad",
    "no colon, but several words": b"this is no field",
    "the look of a status line": b"HTTP/1.1 200 OK",
    "the look of a mail's first line": b"From me",
    "no name": b": v",
    "nothing but a colon": b":",
    "a bracket in its name": b"X(Bad: v",
    "an at sign in its name": b"X@Bad: v",
    "a slash in its name": b"X/Bad: v",
    "a quote in its name": b'"X-Bad": v',
    "NUL in its name": b"X\0Bad: v",
    "a control byte in its name": b"X\x01Bad: v",
    "DEL in its name": b"X\x7fBad: v",
    "a letter in its name that is not ASCII": b"X-B\xe4d: v",
    "NUL in its value": b"X-Bad: a\0b",
    "NUL at the end of its value": b"X-Bad: a\0",
    "a bare CR in its value": b"X-Bad: a\rb",
    "a field behind a bare CR": b"X-Bad: a\rX-Evil: b",
    "a bare CR and a space": b"X-Bad: a\r b",
    "two CR before its line feed": b"X-Bad: a\r",
    "a CR in front": b"\rX-Bad: a",
    "a vertical tab in its value": b"X-Bad: a\vb",
    "a form feed in its value": b"X-Bad: a\fb",
    "a length with a space before its colon": b"Content-Length : 5",
    "a coding with a space before its colon": b"Transfer-Encoding : chunked",
}


@CHAPTER.rows(_FIELD_LINES, guarantee=STRICT)
def a_field_line_that_is_none(stage: Stage, line: bytes) -> None:
    """T9, RFC 9112 section 5: a field line with {row} is refused, and no field before or behind it is taken."""
    refused(stage, OK + LENGTH + line + b"\r\nX-After: 1\r\n\r\nhello")


_FIRST_LINES = {
    "a fold": b" X-Bad: v",
    "a fold by a tab": b"\tX-Bad: v",
    "a fold of nothing": b" ",
    "a line without a colon": b"X-Bad",
    "a line without a name": b": v",
    "a mail's first line": b"From me",
}


@CHAPTER.rows(_FIRST_LINES, guarantee=STRICT)
def a_first_line_that_is_none(stage: Stage, line: bytes) -> None:
    """T9, RFC 9112 section 2.2: {row} right behind the status line is refused."""
    refused(stage, OK + line + b"\r\n" + HELLO)


_INTERIM = {
    "a bad status line": b"HTTP/1.1  103 Early Hints\r\n\r\n",
    "a bad field line": b"HTTP/1.1 103 Early Hints\r\nLink : x\r\n\r\n",
    "a field line without a colon": b"HTTP/1.1 100 Continue\r\nX-Bad\r\n\r\n",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@CHAPTER.rows(_INTERIM, guarantee=STRICT)
def an_interim_answer_that_is_none(stage: Stage, interim: bytes) -> None:
    """T9, RFC 9110 section 15.2: an interim answer ({row}) is refused, whatever follows it."""
    refused(stage, interim + OK + HELLO)


@CHAPTER.case()
def nobody_switches_unasked(stage: Stage) -> None:
    """T9, RFC 9110 section 15.2.2: 101 in answer to a request without Upgrade is an error, and the next exchange works."""
    stage.play(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + EVIL)
    stage.failed(stage.carry(), ProtocolError, delivery="sent")
    stage.works("101")
