"""What the generated exchanges are made of: requests, answers and faults, each built together with its meaning.

Nothing here is parsed: whoever builds a part says both what it looks like on the wire and what it means, so
that the model can tell the outcome without reading bytes the way the code under test does.
"""

from __future__ import annotations

import functools
import io
import itertools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from intermodal.model.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.model.body import BodyInput

#: Without content these say nothing about it (RFC 9110 section 8.6, and 9.3.1, 9.3.2, 9.3.5, 9.3.7, 9.3.8).
_SILENT_WITHOUT_CONTENT = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")


class Shown:
    """A dataclass whose repr stays readable however large what it holds is."""

    def __repr__(self) -> str:
        shown = (f"{each.name}={_short(getattr(self, each.name))}" for each in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: object) -> str:
    if isinstance(value, tuple):
        more = f", and {len(value) - 12} more" if len(value) > 12 else ""
        return f"({', '.join(map(_short, value[:12]))}{more})"
    if isinstance(value, bytes | str) and len(value) > 200:
        return f"{value[:100]!r}... of {len(value)}"
    return repr(value)


Framing = Literal["none", "length", "chunked", "close"]
Then = Literal["keep", "fin", "rst", "stall"]
Shape = Literal["none", "bytes", "bytearray", "text", "file", "list", "generator"]
_LENGTH_KNOWN = ("bytes", "bytearray", "text", "file")


@dataclass(frozen=True, repr=False)
class Ask(Shown):
    r"""A request as a caller gives it, and as RFC 9112 has it on the wire.

    >>> ask = Ask("PUT", "/a b", "/a%20b", headers=(("X-A", " 1"),), sent_headers=(("X-A", "1"),), shape="bytes", pieces=(b"hi",))
    >>> ask.request("http://h.example").target
    '/a%20b'
    >>> ask.rendered("h.example")
    b'PUT /a%20b HTTP/1.1\r\nHost: h.example\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi'

    Attributes:
        path: what stands behind the authority in the URL, as written.
        sent_target: the request-target that must come of it.
        target: a target given whole beside the URL, then equal to ``sent_target``.
        headers: as given.
        sent_headers: the same as they must go out, less Host and framing.
        host: the caller's own Host.
        shape, pieces: the body, and how it is handed over.
        declared: whether the caller gives a Content-Length.
    """

    method: str
    path: str
    sent_target: str
    target: str | None = None
    headers: tuple[tuple[str | bytes, str | bytes], ...] = ()
    sent_headers: tuple[tuple[str, str], ...] = ()
    host: str | None = None
    shape: Shape = "none"
    pieces: tuple[bytes, ...] = ()
    declared: bool = False

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return b"".join(self.pieces)

    @property
    def closes(self) -> bool:
        """Whether the request says that the connection is to be closed after it."""
        return any(name.lower() == "connection" and value.lower() == "close" for name, value in self.sent_headers)

    def request(self, base: str, before_body: Callable[[], object] = lambda: None) -> Request:
        """Make the Request; its body is new each time. A generator calls ``before_body`` first."""
        headers = list(self.headers)
        if self.host is not None:
            headers.insert(len(headers) // 2, ("hOST", self.host))
        if self.declared:
            headers.insert(0, ("content-length", str(len(self.content))))
        return Request(self.method, base + self.path, headers, self._body(before_body), target=self.target)

    def _body(self, before_body: Callable[[], object]) -> BodyInput:
        def generate() -> Iterator[bytes]:
            before_body()
            yield from self.pieces

        def file() -> io.BytesIO:
            opened = io.BytesIO(b"skipped" + self.content)
            opened.seek(len(b"skipped"))
            return opened

        shapes: dict[Shape, Callable[[], BodyInput]] = {
            "none": lambda: None,
            "bytes": lambda: self.content,
            "bytearray": lambda: bytearray(self.content),
            "text": self.content.decode,
            "file": file,
            "list": lambda: list(self.pieces),
            "generator": generate,
        }
        return shapes[self.shape]()

    def rendered(self, authority: str) -> bytes:
        """Write the request by hand: request line, Host, the caller's fields, framing, content (RFC 9112 sections 3, 6)."""
        framing, content = self._framed()
        fields = [("Host", authority if self.host is None else self.host), *self.sent_headers, *framing]
        lines = [f"{self.method} {self.sent_target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
        return "\r\n".join(lines).encode("latin-1") + content

    def _framed(self) -> tuple[list[tuple[str, str]], bytes]:
        content = self.content
        if self.declared or (content and self.shape in _LENGTH_KNOWN):
            return [("Content-Length", str(len(content)))], content
        if self.shape == "none" or self.shape in _LENGTH_KNOWN:
            return ([] if self.method in _SILENT_WITHOUT_CONTENT else [("Content-Length", "0")]), b""
        # RFC 9112 section 7.1: an empty chunk would end the body. A piece of more than 64 KiB goes out as several.
        parts = [piece[at : at + 65536] for piece in self.pieces for at in range(0, len(piece), 65536)]
        chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
        return [("Transfer-Encoding", "chunked")], chunks + b"0\r\n\r\n"


@dataclass(frozen=True, repr=False)
class Field(Shown):
    """A header field: what it means, and its line or lines with their ends (RFC 9112 section 5)."""

    name: str
    value: str
    wire: bytes


@dataclass(frozen=True, repr=False)
class Head(Shown):
    r"""The head of an interim or final answer: what its status line means, its fields, and how each is sent.

    Attributes:
        line: the status line with its end (RFC 9112 section 4).
        end: the empty line.
        closes: whether one of its Connection fields has the option ``close`` (RFC 9112 section 9.6).

    >>> Head(200, "OK", b"HTTP/1.1 200 OK\r\n", (Field("X-A", "1", b"X-A:1\r\n"),)).wire
    b'HTTP/1.1 200 OK\r\nX-A:1\r\n\r\n'
    """

    status: int
    reason: str
    line: bytes
    fields: tuple[Field, ...] = ()
    version: str = "HTTP/1.1"
    end: bytes = b"\r\n"
    closes: bool = False

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each field, in order."""
        return tuple((field.name, field.value) for field in self.fields)

    @property
    def wire(self) -> bytes:
        """The head as it is sent."""
        return self.line + b"".join(field.wire for field in self.fields) + self.end


@dataclass(frozen=True, repr=False)
class Answer(Shown):
    r"""All that the server means to send: interim heads, the final one, a body, and perhaps a flaw.

    Attributes:
        framing: how the end of the body is told; "none" for HEAD, 204 and 304.
        body: pairs of what is sent and what of it is content: equal for content, ``b""`` for framing.
        trailers: their meaning; they are sent as a part of ``body``.
        two_lengths: whether Transfer-Encoding stands beside Content-Length.
        flaw: where the answer breaks HTTP: in one of its heads, or in the body behind its last content.

    >>> head = Head(200, "", b"HTTP/1.1 200\r\n", (Field("Transfer-Encoding", "chunked", b"Transfer-Encoding: chunked\r\n"),))
    >>> answer = Answer(head, "chunked", body=((b"2\r\n", b""), (b"hi", b"hi"), (b"\r\n", b""), (b"0\r\n\r\n", b"")))
    >>> answer.wire[-12:], answer.content(len(answer.heads) + 4)
    (b'2\r\nhi\r\n0\r\n\r\n', b'h')
    """

    head: Head
    framing: Framing = "none"
    interim: tuple[Head, ...] = ()
    body: tuple[tuple[bytes, bytes], ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    two_lengths: bool = False
    flaw: Literal["head", "body"] | None = None

    @property
    def closes(self) -> bool:
        """Whether any of its heads says ``close``, an interim one too (RFC 9112 section 9.6)."""
        return any(head.closes for head in (*self.interim, self.head))

    @functools.cached_property
    def heads(self) -> bytes:
        """All heads as they are sent, interim ones first."""
        return b"".join(head.wire for head in (*self.interim, self.head))

    @functools.cached_property
    def wire(self) -> bytes:
        """The whole answer as it is sent."""
        return self.heads + b"".join(sent for sent, _ in self.body)

    def content(self, sent: int) -> bytes:
        """The content among the first ``sent`` bytes of the answer."""
        left = sent - len(self.heads)
        pieces = []
        for part, meant in self.body:
            if left <= 0:
                break
            pieces.append(meant[:left])
            left -= len(part)
        return b"".join(pieces)


@dataclass(frozen=True, repr=False)
class Exchange(Shown):
    """A request, the answer to it, and what goes wrong.

    Attributes:
        cut: how many bytes of the answer are sent before it ends as ``then`` says; None: all of them.
        then: what the server does after it: goes on, closes in order, resets, or falls silent.
        excess: bytes that follow the answer in one segment with its last byte.
        early: whether the answer is sent as soon as the request's head was read.
        warm: whether the connection has served an ordinary exchange before.
        breaks: where the answer is cut into segments, as offsets into it.
        pause: the segment before which the server waits a moment.
    """

    ask: Ask
    answer: Answer
    cut: int | None = None
    then: Then = "keep"
    excess: bytes = b""
    early: bool = False
    warm: bool = False
    breaks: tuple[int, ...] = ()
    pause: int | None = None

    @property
    def sent(self) -> bytes:
        """What the server sends, excess included."""
        wire = self.answer.wire
        return wire + self.excess if self.cut is None else wire[: self.cut]

    @property
    def segments(self) -> list[bytes | float]:
        """The same as the steps of a script."""
        sent = self.sent
        # Excess that came later would race with the next request: it must arrive together with the last byte.
        last = len(sent) - len(self.excess) - 1
        breaks = sorted({at for at in self.breaks if 0 < at <= last})
        if self.then in ("rst", "stall"):
            # TCP sends ten segments before it waits for an acknowledgement (RFC 6928). What waited would be thrown
            # away by a reset, and would come late for a stall.
            breaks = breaks[:5]
        edges = [0, *breaks, len(sent)]
        steps: list[bytes | float] = [sent[start:end] for start, end in itertools.pairwise(edges)]
        if self.pause is not None and self.pause < len(steps):
            steps.insert(self.pause, 0.005)
        return [step for step in steps if step]
