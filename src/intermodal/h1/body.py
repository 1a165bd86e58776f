"""Body readers: by length, by chunks with trailers, until the connection ends.

Each takes its bytes from a shared ``Buffer`` by ``take(n)``: at most ``n`` bytes of the body; ``b""`` when the body is
done (``done`` says so) or when more must be received first. Bytes that are good are given out before the fault that
follows them is raised, wherever the input was cut.

While the buffer is empty, up to ``direct`` bytes are the body's whatever they are: a caller may receive them into
memory of its own, and says so by ``skip(n)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from intermodal.errors import IncompleteBody, ProtocolError
from intermodal.h1.grammar import CHUNK_LINE
from intermodal.h1.head import find_end, parse_fields
from intermodal.model.headers import Headers

if TYPE_CHECKING:
    from intermodal.model.options import Limits


class Buffer:
    """Bytes received and not yet consumed: ``data`` from ``at`` on; ``ended`` once the peer has closed.

    ``clean`` is False where the end was not announced: a TLS connection without close_notify.
    """

    __slots__ = ("at", "clean", "data", "ended")

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        self.ended = False
        self.clean = True

    def put(self, data: bytes) -> None:
        """Add what was received; nothing means the peer has closed."""
        if not data:
            self.ended = True
        elif self.at == len(self.data):
            self.data, self.at = data, 0
        else:
            self.data, self.at = self.data[self.at :] + data, 0

    def take(self, n: int) -> bytes:
        """Remove and give at most ``n`` bytes."""
        at = self.at
        if not at and len(self.data) <= n:  # the usual case costs no copy
            data, self.data = self.data, b""
            return data
        data = self.data[at : at + n]
        self.at = at + len(data)
        return data

    def __len__(self) -> int:
        return len(self.data) - self.at


class BodyReader(Protocol):
    """What the three have in common."""

    done: bool
    trailers: Headers

    @property
    def direct(self) -> int: ...

    def take(self, n: int, /) -> bytes: ...

    def skip(self, n: int, /) -> None: ...


_NO_TRAILERS = Headers()
_ENDLESS = 1 << 62


class NoBody:
    """There is no content."""

    __slots__ = ()
    done = True
    direct = 0
    trailers = _NO_TRAILERS

    def take(self, _n: int, /) -> bytes:
        return b""

    def skip(self, _n: int, /) -> None:
        """Nothing is ever received for it."""


class LengthReader:
    """So many bytes, no fewer (RFC 9112 section 6.2)."""

    __slots__ = ("_buffer", "_left", "done", "length")
    trailers = _NO_TRAILERS

    def __init__(self, buffer: Buffer, length: int) -> None:
        self._buffer = buffer
        self.length = length
        self._left = length
        self.done = length == 0

    def take(self, n: int, /) -> bytes:
        left = self._left
        data = self._buffer.take(min(n, left))
        if data:
            left -= len(data)
            self._left = left
            self.done = not left
        elif n and left and self._buffer.ended:
            raise IncompleteBody(f"the body ended {left} bytes before its Content-Length of {self.length}")
        return data

    @property
    def direct(self) -> int:
        return self._left

    def skip(self, n: int, /) -> None:
        self._left -= n
        self.done = not self._left


class UntilCloseReader:
    """All that comes until the connection ends (RFC 9112 section 6.3 step 8)."""

    __slots__ = ("_buffer", "done")
    trailers = _NO_TRAILERS

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self.done = False

    def take(self, n: int, /) -> bytes:
        data = self._buffer.take(n)
        if n and not data and self._buffer.ended:
            if not self._buffer.clean:
                # RFC 9112 section 9.8: without close_notify nobody can tell an end from a cut.
                raise IncompleteBody("the TLS connection ended without close_notify: the body may have been cut off")
            self.done = True
        return data

    @property
    def direct(self) -> int:
        return 0 if self.done else _ENDLESS

    def skip(self, _n: int, /) -> None:
        """Count nothing: there is no end to come nearer to."""


class ChunkedReader:
    """Chunks, the last one of size 0, then trailers (RFC 9112 section 7.1)."""

    __slots__ = ("_buffer", "_fault", "_left", "_limits", "_searched", "_state", "done", "trailers")

    def __init__(self, buffer: Buffer, limits: Limits) -> None:
        self._buffer = buffer
        self._limits = limits
        self._left = 0  # bytes of the current chunk still to come
        self._state = "size"  # "size" | "data" | "data end" | "trailers"
        self._fault: ProtocolError | None = None
        self._searched = 0  # how much of the trailers was searched for their end
        self.done = False
        self.trailers = _NO_TRAILERS

    def take(self, n: int, /) -> bytes:
        if self._fault is not None:
            raise self._fault
        buffer = self._buffer
        pieces = []
        while n and not self.done:
            if self._left:
                data = buffer.take(min(n, self._left))
                if not data:
                    break
                pieces.append(data)
                n -= len(data)
                self._left -= len(data)
                continue
            try:
                if not self._step():
                    break
            except ProtocolError as fault:
                if not pieces:
                    raise
                self._fault = fault
                break
        if not self.done and not pieces and n and buffer.ended:
            raise IncompleteBody("the body ended before its last chunk")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def direct(self) -> int:
        return self._left

    def skip(self, n: int, /) -> None:
        self._left -= n

    def finish(self) -> None:
        """Go past what may follow the last byte of data, as far as it is here already; a fault waits for ``take``."""
        try:
            while not (self.done or self._left or self._fault) and self._step():
                pass
        except ProtocolError as fault:
            self._fault = fault

    def _step(self) -> bool:
        """Consume one piece of framing; False where it is not here yet, or all is done."""
        if self._state == "size":
            return self._size_line()
        if self._state == "data":
            return self._data_end()
        return self._trailer_section()

    def _size_line(self) -> bool:
        buffer = self._buffer
        end = buffer.data.find(b"\n", buffer.at) + 1
        if (end or len(buffer.data)) - buffer.at > self._limits.chunk_line:
            raise ProtocolError(f"a chunk-size line longer than {self._limits.chunk_line} bytes (Limits.chunk_line)")
        if not end:
            return False
        line = CHUNK_LINE.fullmatch(buffer.data, buffer.at, end)
        if line is None:
            raise ProtocolError(
                f"malformed chunk-size line {buffer.data[buffer.at : min(end, buffer.at + 40)]!r}: expected up to 16"
                " hexadecimal digits, perhaps an extension, and CRLF (RFC 9112 section 7.1)"
            )
        buffer.at = end
        self._left = int(line[1], 16)
        self._state = "data" if self._left else "trailers"
        return True

    def _data_end(self) -> bool:
        buffer = self._buffer
        end = buffer.data[buffer.at : buffer.at + 2]
        if not b"\r\n".startswith(end):
            raise ProtocolError(f"{end!r} behind the data of a chunk: expected CRLF (RFC 9112 section 7.1)")
        if len(end) < 2:
            return False
        buffer.at += 2
        self._state = "size"
        return True

    def _trailer_section(self) -> bool:
        buffer = self._buffer
        start = buffer.at
        if buffer.data.startswith((b"\r\n", b"\n"), start):  # the empty line at once: no trailers
            buffer.at = start + (1 if buffer.data[start] == 10 else 2)
            self.done = True
            return False
        end = find_end(buffer.data, start + max(0, self._searched - 3))
        if (end if end >= 0 else len(buffer.data)) - start > self._limits.head_bytes:
            raise ProtocolError(f"trailers of more than {self._limits.head_bytes} bytes (Limits.head_bytes)")
        if end < 0:
            self._searched = len(buffer.data) - start
            return False
        pairs = parse_fields(buffer.data[start:end].decode("latin-1"), self._limits.fields)
        buffer.at = end
        self.trailers = Headers.trusted(pairs)
        self.done = True
        return False
