"""The origin's own HTTP/1.1: requests read strictly, answers written plainly.

It shares no code with the clients it is a witness against, so that a fault of theirs cannot hide in it.

Laws:

- Only framing decides whether a request can be read (RFC 9112): a bare LF, a folded line, a length that is not one
  number, a length beside a transfer coding, a chunk out of order are refused, because after them nobody knows where the
  next request begins. What is odd but framed (no Host, an unknown method) is recorded and left to the routes.
- What was read is kept byte for byte.
- Every size is bounded, and scanning never goes back: a request that comes byte by byte costs no more than its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Answer", "Fields", "Head", "Malformed", "Reader", "Received", "reason", "render"]

Fields = list[tuple[str, str]]

_MOST_HEAD: Final = 1 << 20
_MOST_CHUNK_LINE: Final = 16384
_MOST_BODY: Final = 256 << 20

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) (HTTP/([0-9])\.[0-9])")
_FIELD_NAME: Final = re.compile(_TOKEN)
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")


@dataclass(frozen=True)
class Received:
    """One request as it was received: nothing normalized, nothing decoded but the chunked coding of `body`.

    Strings are latin-1, one character a byte. `headers` keeps order, case and duplicates. `raw` is the request's exact
    bytes, with its chunk framing and trailers. `connection` is the number of the `Connection` it came on.
    """

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes
    connection: int

    def field_values(self, name: str) -> list[str]:
        """The values of all fields called `name`, in order."""
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def first(self, name: str, default: str = "") -> str:
        """The value of the first field called `name`."""
        return next(iter(self.field_values(name)), default)

    def list_members(self, name: str) -> list[str]:
        """The members of the comma-separated list field `name`, lower-cased (RFC 9110 section 5.6.1)."""
        members = (member.strip().lower() for value in self.field_values(name) for member in value.split(","))
        return [member for member in members if member]


class Malformed(Exception):
    """A request that cannot be read to its end; the message is the reason."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


# --- from bytes to Received -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """The head of a request, and the length of the body it announces (None: chunked)."""

    method: str
    target: str
    version: str
    headers: Fields
    length: int | None

    @property
    def expects_continue(self) -> bool:
        """Whether the client may be waiting for 100 before it sends the body (RFC 9110 section 10.1.1)."""
        expected = any(name.lower() == "expect" and value.lower() == "100-continue" for name, value in self.headers)
        return expected and self.version != "HTTP/1.0" and self.length != 0


class Reader:
    r"""Reads requests one after the other from `receive`, which returns b"" at the end of the stream.

    >>> pieces = iter([b"POST /a HTTP/1.1\r\nHost: x\r\nContent-", b"Length: 2\r\n\r\nhiGET /b", b""])
    >>> reader = Reader(lambda: next(pieces))
    >>> head = reader.head()
    >>> head.method, head.target, head.headers, reader.body(head)
    ('POST', '/a', [('Host', 'x'), ('Content-Length', '2')], b'hi')
    >>> reader.cut()
    b'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi'

    Raises Malformed for a request that cannot be read, ConnectionAbortedError where the stream ends inside of one.
    """

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._at = 0

    def head(self) -> Head | None:
        """Read up to the empty line; None where the stream ends before a request begins."""
        scanned = 0
        while (end := _HEAD_END.search(self._buffer, scanned)) is None:
            if len(self._buffer) > _MOST_HEAD:
                break
            scanned = max(len(self._buffer) - 2, 0)
            if not self._more(optional=not self._buffer):
                return None
            self._drop_empty_lines()
            # Refused at its first byte, for its sender waits: a TLS handshake, say, can never become a request.
            begin = bytes(self._buffer[:20])
            if begin not in (b"", b"\r") and not _FIELD_NAME.match(begin):
                raise Malformed(f"{begin!r} begins no request: expected a method")
        if end is None or end.end() > _MOST_HEAD:
            raise Malformed(f"the head is longer than {_MOST_HEAD} bytes")
        self._at = end.end()
        return _parse_head(bytes(self._buffer[: self._at]))

    def body(self, head: Head) -> bytes:
        """Read the body that `head` announces, without its chunk framing."""
        return self._chunks() if head.length is None else self._take(head.length)

    def cut(self) -> bytes:
        """Return the exact bytes read since the last cut, and begin the next request after them."""
        raw = bytes(self._buffer[: self._at])
        del self._buffer[: self._at]
        self._at = 0
        self._drop_empty_lines()
        return raw

    def _more(self, *, optional: bool = False) -> bool:
        data = self._receive()
        self._buffer += data
        if not data and not optional:
            raise ConnectionAbortedError("the client closed in the middle of a request")
        return bool(data)

    def _drop_empty_lines(self) -> None:
        # RFC 9112 section 2.2: empty lines before a request line are to be ignored.
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]

    def _take(self, count: int) -> bytes:
        end = self._at + count
        while len(self._buffer) < end:
            self._more()
        data = bytes(self._buffer[self._at : end])
        self._at = end
        return data

    def _line(self) -> bytes:
        """Read one line and its CRLF; return it without."""
        scanned = self._at
        while (end := self._buffer.find(b"\n", scanned)) < 0:
            scanned = len(self._buffer)
            if scanned - self._at > _MOST_CHUNK_LINE:
                break
            self._more()
        if end < 0 or end - self._at > _MOST_CHUNK_LINE:
            raise Malformed(f"a line of the chunked coding is longer than {_MOST_CHUNK_LINE} bytes")
        line = bytes(self._buffer[self._at : end + 1])
        self._at = end + 1
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Malformed(f"{line[:40]!r} does not end with CRLF")
        return line[:-2]

    def _chunks(self) -> bytes:
        """Read a chunked body and its trailer section (RFC 9112 section 7.1)."""
        body = bytearray()
        while size := _chunk_size(self._line()):
            if len(body) + size > _MOST_BODY:
                raise Malformed(f"the body is longer than {_MOST_BODY} bytes", 413)
            body += self._take(size)
            if self._take(2) != b"\r\n":
                raise Malformed(f"a chunk of {size} bytes is not followed by CRLF")
        most = self._at + _MOST_HEAD
        while line := self._line():
            _parse_field(line)
            if self._at > most:
                raise Malformed(f"the trailer section is longer than {_MOST_HEAD} bytes")
        return bytes(body)


def _chunk_size(line: bytes) -> int:
    found = _CHUNK_LINE.fullmatch(line)
    if found is None:
        raise Malformed(f"{line[:40]!r}: expected a chunk size")
    return int(found[1], 16)


def _parse_head(raw: bytes) -> Head:
    lines = raw[:-4].split(b"\r\n")
    if not raw.endswith(b"\r\n\r\n") or any(b"\r" in line or b"\n" in line for line in lines):
        raise Malformed("a line of the head does not end with CRLF")
    found = _REQUEST_LINE.fullmatch(lines[0])
    if found is None:
        raise Malformed(f"{lines[0][:80]!r}: expected METHOD SP TARGET SP HTTP/1.1")
    method, target, version, major = (part.decode("latin-1") for part in found.groups())
    if major != "1":
        raise Malformed(f"{version}: expected HTTP/1.1 or HTTP/1.0", 505)
    headers = [_parse_field(line) for line in lines[1:]]
    return Head(method, target, version, headers, _body_length(version, headers))


def _parse_field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    # This refuses a folded line and white space before the colon too (RFC 9112 sections 5.1 and 5.2).
    if not colon or not _FIELD_NAME.fullmatch(name) or b"\0" in value:
        raise Malformed(f"{line[:40]!r}: expected a field, 'Name: value'")
    return name.decode("latin-1"), value.strip(b" \t").decode("latin-1")


def _body_length(version: str, headers: Fields) -> int | None:
    """The length of the body (RFC 9112 section 6.3), None for chunked; strict, as it is where smuggling begins."""
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
    if codings and (lengths or version == "HTTP/1.0"):
        beside = "Content-Length" if lengths else "HTTP/1.0"
        raise Malformed(f"Transfer-Encoding beside {beside} (RFC 9112 section 6.1)")
    if codings:
        if [coding.lower() for coding in codings] == ["chunked"]:
            return None
        known = codings[-1].lower().endswith("chunked")  # readable framing, but a coding that is not implemented
        raise Malformed(f"Transfer-Encoding {codings!r}: expected chunked alone", 501 if known else 400)
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.fullmatch("[0-9]+", lengths[0]):
        raise Malformed(f"Content-Length {lengths!r}: expected one number")
    if len(lengths[0]) > 18 or int(lengths[0]) > _MOST_BODY:
        raise Malformed(f"the body is longer than {_MOST_BODY} bytes", 413)
    return int(lengths[0])


# --- from Answer to bytes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What to send: a body in one piece, or in pieces with pauses (seconds) between them.

    `length` is the announced Content-Length of a body in pieces. `before` holds interim answers and pauses which go
    before the head. `status_line` replaces the regular one.
    """

    status: int
    headers: Fields = field(default_factory=list)
    body: bytes | Iterable[bytes | float] = b""
    framing: Literal["length", "chunked", "close"] = "length"
    length: int = 0
    trailers: Fields = field(default_factory=list)
    before: tuple[bytes | float, ...] = ()
    close: bool = False
    status_line: str = ""


def render(answer: Answer, request: Received | None) -> tuple[Iterator[bytes | float], bool]:
    """Turn an answer to `request` (None: it could not be read) into bytes and pauses; tell whether to close after it.

    >>> pieces, close = render(Answer(200, [("X-A", "1")], b"hello"), None)
    >>> print(b"".join(pieces).decode().replace(chr(13), ""))
    HTTP/1.1 200 OK
    Server: intermodal-origin
    X-A: 1
    Content-Length: 5
    Connection: close
    <BLANKLINE>
    hello
    >>> close
    True
    """
    modern = request is not None and request.version != "HTTP/1.0"
    if answer.framing == "chunked" and not modern:
        answer = replace(answer, framing="close")
    asked_to_close = not modern or (request is not None and "close" in request.list_members("connection"))
    close = answer.close or asked_to_close or answer.framing == "close" or answer.status == 101
    only_head = request is not None and request.method == "HEAD"
    return _pieces(answer, modern=modern, close=close, only_head=only_head), close


def _pieces(answer: Answer, *, modern: bool, close: bool, only_head: bool) -> Iterator[bytes | float]:
    yield from (piece for piece in answer.before if modern or not isinstance(piece, bytes))
    without_content = answer.status in (101, 204, 304)
    head = _head(answer, close=close, framed=not without_content)
    if only_head or without_content:
        yield head
        return
    if isinstance(answer.body, bytes):
        yield head + answer.body
        return
    yield head
    chunked = answer.framing == "chunked"
    for piece in answer.body:
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked and isinstance(piece, bytes) else piece
    if chunked:
        yield b"0\r\n" + _lines(answer.trailers) + b"\r\n"


def _head(answer: Answer, *, close: bool, framed: bool) -> bytes:
    lines = [*answer.headers]
    if framed and answer.framing == "length":
        length = len(answer.body) if isinstance(answer.body, bytes) else answer.length
        lines.append(("Content-Length", str(length)))
    elif framed and answer.framing == "chunked":
        lines.append(("Transfer-Encoding", "chunked"))
    if close:
        lines.append(("Connection", "upgrade" if answer.status == 101 else "close"))
    start = answer.status_line or f"HTTP/1.1 {answer.status:03} {reason(answer.status)}"
    return start.encode("latin-1") + b"\r\n" + _lines([("Server", "intermodal-origin"), *lines]) + b"\r\n"


def _lines(fields: Fields) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields)


def reason(status: int) -> str:
    """The reason phrase registered for a status, or none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
