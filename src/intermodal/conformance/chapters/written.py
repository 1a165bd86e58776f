"""Requests and answers as RFC 9112 writes them, for cases that say what goes over the wire byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from intermodal.conformance.stage import Stage
    from intermodal.model.options import Options
    from intermodal.model.request import Request

__all__ = [
    "ALL_BYTES",
    "CHUNKED",
    "CHUNKED_FIELDS",
    "CHUNKED_HEAD",
    "CONTINUE",
    "EVIL",
    "OK",
    "UNTIL_CLOSE",
    "an_answer",
    "carried",
    "host_line",
    "in_chunks",
    "raising",
    "request_bytes",
    "with_length",
]

ALL_BYTES: Final = bytes(range(256))

#: The field that says that a body comes in chunks; and, of an answer, the fields where there is no other.
CHUNKED: Final = "Transfer-Encoding: chunked"
CHUNKED_FIELDS: Final = (CHUNKED.encode(),)

#: The status line of an answer.
OK: Final = b"HTTP/1.1 200 OK\r\n"
#: The head of a body in chunks, and of one that the end of the connection ends.
CHUNKED_HEAD: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE: Final = OK + b"\r\n"

#: What comes before an answer.
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

#: What a reader that has lost its place takes for the next answer.
EVIL: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"


def with_length(length: int) -> bytes:
    """Write the head of a body with a length."""
    return OK + b"Content-Length: %d\r\n\r\n" % length


def carried(stage: Stage, request: Request, options: Options | None = None) -> None:
    """Demand that a request is answered by an empty 200."""
    stage.answer(200, [], b"")
    stage.answered(stage.carry(request, options))


def host_line(stage: Stage) -> str:
    """Give the field that names the stage's server."""
    return "Host: " + stage.url.partition("://")[2]


def request_bytes(line: str, *fields: str, body: bytes = b"") -> bytes:
    r"""Write a request (RFC 9112 section 2.1); the version of its line is added.

    >>> request_bytes("POST /", "Host: h", body=b"x")
    b'POST / HTTP/1.1\r\nHost: h\r\n\r\nx'
    """
    return "".join(f"{each}\r\n" for each in (f"{line} HTTP/1.1", *fields, "")).encode("latin-1") + body


def an_answer(fields: Sequence[bytes] = (), body: bytes = b"", line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    r"""Write an answer (RFC 9112 section 2.1).

    >>> an_answer([b"Content-Length: 1"], b"x")
    b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'
    """
    return b"\r\n".join([line, *fields, b"", body])


def raising(fault: BaseException, *pieces: bytes) -> Iterator[bytes]:
    """Give the pieces of a body that breaks behind them."""
    yield from pieces
    raise fault


def in_chunks(*chunks: bytes, trailers: Sequence[bytes] = ()) -> bytes:
    r"""Write a body in chunks (RFC 9112 section 7.1).

    >>> in_chunks(b"he", b"llo", trailers=[b"X-T: 1"])
    b'2\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\n\r\n'
    """
    pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    return b"".join([*pieces, b"0\r\n", *(line + b"\r\n" for line in trailers), b"\r\n"])
