"""One request and one response, as bytes: what to send, and what the bytes that come back mean.

``ResponseReader`` is fed with what was received and asked for the head, then for the body:

    receive(data) … head() -> ResponseHead | None … take(n) -> bytes … done, reusable, trailers

Any cut of the same bytes gives the same answers. It raises ProtocolError and IncompleteBody, and a
Disconnected where the peer closed without a byte; who carries the bytes adds request and transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.errors import Disconnected, ProtocolError
from intermodal.h1.body import BodyReader, Buffer, ChunkedReader, LengthReader, NoBody, UntilCloseReader
from intermodal.h1.framing import Kind, connection_options, response_framing
from intermodal.h1.grammar import START
from intermodal.h1.head import ResponseHead, encode_head, find_end, first_line, parse_head
from intermodal.model.response import Informational

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.h1.usual import UsualHead
    from intermodal.model.body import Body
    from intermodal.model.headers import Headers
    from intermodal.model.options import Limits
    from intermodal.model.request import Request


#: A body of at most so many bytes goes out together with its head.
SMALL = 16384


def encode_start(request: Request) -> tuple[bytes, bool]:
    r"""Encode the first bytes of a request, and whether they are all of it: a small body goes out with its head.

    Unless its server is to be asked first, and then no byte of the body goes with the question (RFC 9110 section 10.1.1).

    >>> from intermodal.model.request import Request
    >>> encode_start(Request("POST", "http://h/", body=b"hi"))
    (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi', True)
    """
    head = encode_head(request.method, request.target, request.headers)
    body = request.body
    if body is None:
        return head, True
    content = body.content
    if content is not None and len(content) <= SMALL and "expect" not in request.headers:
        return head + content, True
    return head, False


def encode_pieces(body: Body, pieces: Iterator[bytes]) -> Iterator[bytes]:
    r"""Encode the pieces of a body as they go out: as they are where its length is known, else as chunks (RFC 9112 section 7.1).

    >>> from intermodal.model.body import as_body
    >>> body = as_body(iter([b"ab", b"c"]))
    >>> b"".join(encode_pieces(body, body.pieces()))
    b'2\r\nab\r\n1\r\nc\r\n0\r\n\r\n'
    """
    if body.length is not None:
        yield from pieces
        return
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def encode_request(request: Request) -> Iterator[bytes]:
    r"""Encode a whole request, in the pieces in which it goes out.

    >>> from intermodal.model.request import Request
    >>> b"".join(encode_request(Request("PUT", "http://h/", body=[b"ab", b"c"])))
    b'PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n'
    """
    start, whole = encode_start(request)
    yield start
    if not whole:
        assert request.body is not None
        yield from encode_pieces(request.body, request.body.pieces())


class ResponseReader:
    r"""Reads the response to one request out of the bytes of one connection.

    >>> from intermodal.model.options import Limits
    >>> reader = ResponseReader("GET", Limits())
    >>> reader.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    >>> reader.head().status_code, reader.take(100), reader.done, reader.reusable
    (200, b'hi', True, True)
    """

    __slots__ = (
        "_body",
        "_buffer",
        "_fault",
        "_head",
        "_limits",
        "_method",
        "_persistent",
        "_searched",
        "_upgrade",
        "began",
        "informational",
    )

    def __init__(self, method: str, limits: Limits, *, upgrade: bool = False, close: bool = False) -> None:
        self._method = method
        self._limits = limits
        self._upgrade = upgrade
        self._persistent = not close
        self._buffer = Buffer()
        self._head: ResponseHead | None = None
        self._fault: ProtocolError | None = None
        self._body: BodyReader = NoBody()
        self._searched = 0
        #: Whether any byte of a response has come.
        self.began = False
        self.informational: list[Informational] = []

    def receive(self, data: bytes, *, clean: bool = True) -> None:
        """Take in what was received; ``b""`` where the peer has closed, ``clean=False`` where it did so unannounced."""
        self._buffer.put(data)
        if data:
            self.began = True
        if not clean:
            self._buffer.clean = False

    def begin(self, data: bytes, usual: UsualHead) -> None:
        """Take in the first bytes received, whose head was read already."""
        status, reason, headers, length, end = usual
        self.began = True
        self._buffer.data, self._buffer.at = data, end
        self._body = LengthReader(self._buffer, length)
        self._head = ResponseHead(status, reason, "HTTP/1.1", headers)

    def head(self) -> ResponseHead | None:
        """Give the final response's head; None where more must be received first. What it has once raised it raises again."""
        if self._fault is not None:
            raise self._fault
        try:
            self._read_heads()
        except ProtocolError as fault:
            self._fault = fault
            raise
        return self._head

    def _read_heads(self) -> None:
        while self._head is None:
            head = self._next_head()
            if head is None:
                return
            if head.status_code < 200 and head.status_code != 101:
                if len(self.informational) >= self._limits.interim:
                    raise ProtocolError(f"more than {self._limits.interim} interim responses (Limits.interim)")
                # RFC 9112 section 9.6: "close" in any response, an interim one too, ends the connection after it.
                if "close" in connection_options(head):
                    self._persistent = False
                self.informational.append(Informational(head.status_code, head.reason, head.headers))
            else:
                self._begin_body(head)

    def _next_head(self) -> ResponseHead | None:
        buffer = self._buffer
        data, at = buffer.data, buffer.at
        if not data.startswith(START, at):
            self._check_start(data[at : at + len(START)])
        end = find_end(data, max(at, self._searched - 3))
        limit = self._limits.head_bytes
        if (end if end >= 0 else len(data)) - at > limit:
            raise ProtocolError(f"a response head of more than {limit} bytes (Limits.head_bytes)")
        if end >= 0:
            self._searched = 0
            buffer.at = end
            return parse_head(data[at:end], self._limits.fields)
        self._searched = len(data) - at  # put() moves the rest to the front
        if buffer.ended:
            if not self.began:
                raise Disconnected("the server closed the connection without an answer")
            raise ProtocolError(
                "the server closed the connection before the end of the response head"
                + (" (after an interim response)" if self.informational else "")
            )
        return None

    def _check_start(self, start: bytes) -> None:
        """Refuse at once what cannot become a response: waiting for its empty line may take for ever."""
        if not START.startswith(start):
            text = self._buffer.data[self._buffer.at :][:100].decode("latin-1")
            # An alert or a handshake (RFC 8446 section 5.1), by its first byte alone: no more of it may have come.
            is_tls = text.startswith(("\x15", "\x16"))
            raise ProtocolError(
                f"the answer begins with {first_line(text)!r}: expected 'HTTP/1.1' (RFC 9112 section 4)"
                + ("; that looks like TLS: is it https:// there?" if is_tls else "")
            )

    def _begin_body(self, head: ResponseHead) -> None:
        framing = response_framing(self._method, head, upgrade=self._upgrade)
        self._persistent = self._persistent and framing.persistent
        if framing.kind is Kind.LENGTH:
            self._body = LengthReader(self._buffer, framing.length)
        elif framing.kind is Kind.CHUNKED:
            self._body = ChunkedReader(self._buffer, self._limits)
        elif framing.kind is Kind.CLOSE:
            self._body = UntilCloseReader(self._buffer)
        self._head = head

    def take(self, n: int) -> bytes:
        """Give at most ``n`` bytes of the body; ``b""`` where it is done, or where more must be received first."""
        return self._body.take(n)

    @property
    def direct(self) -> int:
        """How many bytes, if they are received next, are body and nothing else; whoever receives so many says it by ``skip``."""
        return 0 if len(self._buffer) or self._buffer.ended else self._body.direct

    def skip(self, n: int) -> None:
        """Note that so many bytes of the body were received past this reader."""
        self._body.skip(n)

    @property
    def done(self) -> bool:
        """Whether the message is complete, trailers included."""
        body = self._body
        if not body.done and isinstance(body, ChunkedReader):
            body.finish()
        return body.done and self._head is not None

    @property
    def is_here(self) -> bool:
        """Whether all of the message was received, as far as its length tells: nothing is missing, nothing is too much."""
        return type(self._body) is LengthReader and self._body.direct == len(self._buffer)

    @property
    def stays_open(self) -> bool:
        """Whether both heads leave the connection open; that the rest of the message does shows at its end."""
        return self._persistent

    @property
    def reusable(self) -> bool:
        """Whether the connection may serve again: all is read, nothing is left over, and both sides said so.

        A byte beyond the message belongs to no request: to read it as the next answer is how one caller
        is given another's (RFC 9112 section 9.2).
        """
        return self.done and self._persistent and not len(self._buffer) and not self._buffer.ended

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields, once the message is complete; none where it has none."""
        return self._body.trailers if self.done else None

    def rest(self) -> bytes:
        """Give what was received beyond the message: after a 101, the first bytes of the other protocol."""
        return self._buffer.take(len(self._buffer))
