"""What a response reads its body from: what a transport hands over, and the bodies that are here already."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING, Protocol

from intermodal.errors import Error, ResponseError
from intermodal.model.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: How much is asked of the transport at once.
CHUNK = 65536


class RawBody(Protocol):
    """What a transport hands over for a body: undecoded bytes, at most ``n`` at a time, ``b""`` at the end.

    It may also have ``trailers`` (Headers, known once the end was read), ``readinto(memoryview)`` (which gives how many
    bytes it has put there, 0 at the end), ``fill(n)``, which is ``read`` but would rather wait than give less, and
    ``drain(limit, seconds)``, which gives what is left of the body where it ends within so many bytes and seconds, else
    None. Errors leave as T5 says.
    """

    def read(self, n: int, /) -> bytes: ...

    def close(self) -> None: ...


class AsyncRawBody(Protocol):
    """The same, awaited."""

    async def read(self, n: int, /) -> bytes: ...

    async def aclose(self) -> None: ...


class UpgradedStream(Protocol):
    """The connection after a 101: it left HTTP behind and belongs to the caller (RFC 9110 section 7.8)."""

    def recv(self, n: int, /) -> bytes: ...

    def sendall(self, data: bytes, /) -> None: ...

    def close(self) -> None: ...


class BytesBody:
    """A RawBody over bytes or an iterable of bytes; closing it closes the iterable."""

    def __init__(self, content: bytes | Iterable[bytes]) -> None:
        given: object = content
        if isinstance(given, str):
            raise TypeError("a response's body is a str: expected bytes, so encode it")
        self._pieces = iter((content,)) if isinstance(content, bytes) else iter(content)
        self._rest = b""

    def read(self, n: int, /) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        data, self._rest = self._rest[:n], self._rest[n:]
        return data

    def close(self) -> None:
        self._rest = b""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        self._pieces = iter(())


class WholeBody:
    """A RawBody that has come as a whole already: ``data`` from ``start`` on."""

    __slots__ = ("_at", "_data", "_trailers")

    def __init__(self, data: bytes | None, start: int, trailers: Headers | None = Headers()) -> None:  # noqa: B008 - immutable
        self._data = data
        self._at = start
        self._trailers = trailers

    def __len__(self) -> int:
        return 0 if self._data is None else len(self._data) - self._at

    def read(self, n: int, /) -> bytes:
        data, at = self._data, self._at
        if data is None:
            raise ResponseError("the response was closed before its body was read to the end")
        self._at = min(at + n, len(data))
        return data[at : at + n]

    @property
    def trailers(self) -> Headers | None:
        """As for any body, known once it was read; where its length was told there are none (RFC 9112 section 6.2)."""
        return None if self._data is None or len(self) else self._trailers

    def close(self) -> None:
        if len(self):
            self._data = None

    def __reduce__(self) -> tuple[type[WholeBody], tuple[bytes | None, int, Headers | None]]:
        return WholeBody, (self._data, self._at, self._trailers)


class ReadyBody:
    """A body that is here already, awaited all the same."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, n: int, /) -> bytes:
        data, self._content = self._content[:n], self._content[n:]
        return data

    async def aclose(self) -> None:
        self._content = b""


class KeptBody(ReadyBody):
    """What a drained response has kept of its body, all of it: nobody has to await it."""

    def rest(self) -> bytes:
        """Give what was not read yet."""
        content, self._content = self._content, b""
        return content


def read_on(read: Callable[[int], bytes], limit: int, until: float = math.inf) -> bytes | None:
    """Read so many bytes at most, until then; give what was read if that is all there is, and it did not fail."""
    pieces: list[bytes] = []
    left = limit + 1  # only who asks for more sees the end
    with contextlib.suppress(Error):
        while left > 0 and time.monotonic() < until:
            piece = read(min(left, CHUNK))
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            left -= len(piece)
    return None
