"""The response whose body is awaited."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from intermodal.errors import Error, TransportError
from intermodal.model.base_response import BaseResponse
from intermodal.model.bodies import CHUNK, BytesBody, KeptBody, ReadyBody
from intermodal.model.raw import AsyncRaw
from intermodal.model.reading import Cutter, Lines, Starved, Supply, Then

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from types import TracebackType

    from typing_extensions import Self

    from intermodal.model.bodies import AsyncRawBody
    from intermodal.model.event_stream import ServerSentEvent
    from intermodal.model.headers import HeadersInput
    from intermodal.model.reading import Stage

_Out = TypeVar("_Out")


class AsyncResponse(BaseResponse):
    """A response whose body is awaited: ``await response.read()``, then ``content``, ``text``, ``json()`` are there."""

    _body: AsyncRawBody

    def __init__(
        self, status_code: int, headers: HeadersInput = (), body: bytes | AsyncRawBody = b"", **attributes: Any
    ) -> None:
        super().__init__(status_code, headers, **attributes)
        self._body = ReadyBody(body) if isinstance(body, bytes) else body

    @property
    def raw(self) -> AsyncRaw:
        """The undecoded body, awaited: ``await response.raw.read(n)``."""
        return AsyncRaw(self)

    @property
    def content(self) -> bytes:
        """The whole body, decoded, once it was read.

        Raises:
            ResponseError: it was not read yet, or is gone.
            ContentDecodingError: the body, which draining has kept as it came, does not decode by its Content-Encoding.
        """
        body = self._body
        if self._content is None and not self._gone and type(body) is KeptBody:
            self._take()
            try:
                read = self._decoded(BytesBody(body.rest()).read)
                pieces = []
                while piece := read(CHUNK):
                    pieces.append(piece)
                self._content = b"".join(pieces)
            except Exception as error:  # noqa: BLE001 - named, and raised again
                failure = self._failed(error)
                self._gone = self._unreadable(failure)
                raise failure  # noqa: B904 - it has its cause
        return super().content

    async def read(self) -> bytes:
        """Read the whole body, decoded, and keep it for ``content``."""
        if self._content is None:
            pieces = []
            try:
                async for piece in self.iter_content():
                    pieces.append(piece)  # noqa: PERF401 - a failure must find what came before it
            except Error as error:
                if isinstance(error, TransportError):
                    error.partial = b"".join(pieces)
                self._gone = self._unreadable(error)
                raise
            self._content = b"".join(pieces)
        return self._content

    @overload
    def iter_content(
        self, chunk_size: int | None = ..., decode_unicode: Literal[False] = ...
    ) -> AsyncIterator[bytes]: ...
    @overload
    def iter_content(self, chunk_size: int | None = ..., *, decode_unicode: Literal[True]) -> AsyncIterator[str]: ...
    @overload
    def iter_content(self, chunk_size: int | None, decode_unicode: Literal[True]) -> AsyncIterator[str]: ...
    @overload
    def iter_content(
        self, chunk_size: int | None = ..., decode_unicode: bool = ...
    ) -> AsyncIterator[bytes] | AsyncIterator[str]: ...
    def iter_content(
        self, chunk_size: int | None = None, decode_unicode: bool = False
    ) -> AsyncIterator[bytes] | AsyncIterator[str]:
        """Iterate over the decoded body as it comes, or in pieces of ``chunk_size`` bytes; see :meth:`Response.iter_content`."""
        pieces = self._pieces(Cutter(chunk_size, b""))
        return _afed(pieces, self._decoder()) if decode_unicode else pieces

    def iter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """Iterate over the body as text; see :meth:`Response.iter_text`."""
        stage = Then(self._decoder(), Cutter(chunk_size, ""))
        return _afed(self._pieces(Cutter(None, b"")), stage)

    @overload
    def iter_lines(
        self, chunk_size: int | None = ..., decode_unicode: Literal[False] = ..., delimiter: bytes | None = ...
    ) -> AsyncIterator[bytes]: ...
    @overload
    def iter_lines(
        self, chunk_size: int | None = ..., *, decode_unicode: Literal[True], delimiter: str | None = ...
    ) -> AsyncIterator[str]: ...
    @overload
    def iter_lines(
        self, chunk_size: int | None, decode_unicode: Literal[True], delimiter: str | None = ...
    ) -> AsyncIterator[str]: ...
    @overload
    def iter_lines(
        self, chunk_size: int | None = ..., decode_unicode: bool = ..., delimiter: None = ...
    ) -> AsyncIterator[bytes] | AsyncIterator[str]: ...
    def iter_lines(
        self, chunk_size: int | None = None, decode_unicode: bool = False, delimiter: Any = None
    ) -> AsyncIterator[bytes] | AsyncIterator[str]:
        """Iterate over the lines of the body, without their ends; see :meth:`Response.iter_lines`."""
        cutter = Cutter(None, b"", chunk_size)
        if not decode_unicode:
            lines = Lines(b"", delimiter)
            return _afed(self._pieces(cutter), lines)
        stage = Then(self._decoder(), Lines("", delimiter))
        return _afed(self._pieces(cutter), stage)

    def iter_events(self, limit: int | None = None) -> AsyncIterator[ServerSentEvent]:
        """Iterate over server-sent events; see :meth:`Response.iter_events`."""
        stage = self._events(limit)
        return self._naming(_afed(self._pieces(Cutter(None, b"")), stage))

    async def _naming(self, events: AsyncGenerator[_Out, None]) -> AsyncGenerator[_Out, None]:
        async with contextlib.aclosing(events):
            try:
                async for event in events:
                    yield event
            except Error as error:
                raise self._failed(error)  # noqa: B904 - the same

    def _pieces(self, cutter: Cutter[bytes]) -> AsyncGenerator[bytes, None]:
        if self._content is not None:
            return _agiven([*cutter.put(self._content), *cutter.rest()])
        self._take()
        return self._stream(cutter)

    async def _stream(self, cutter: Cutter[bytes]) -> AsyncGenerator[bytes, None]:
        supply = Supply()
        most = CHUNK if cutter.is_exact else cutter.wants()
        failure: Exception | None = None
        try:
            try:
                read = self._decoded(supply.read)
                while True:
                    try:
                        piece = read(most)
                    except Starved:
                        supply.put(await self._body.read(most))
                        continue
                    if not piece:
                        break
                    for part in cutter.put(piece):
                        yield part
            except Exception as error:  # noqa: BLE001 - raised below, behind what came before it
                failure = self._failed(error)
            for part in cutter.rest():
                yield part
            if failure is not None:
                raise failure
        finally:
            await self.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.iter_content()

    async def drain(self, limit: int, seconds: float) -> None:
        """Be done with the body, undecoded: read at most ``limit`` bytes and ``seconds``; see :meth:`Response.drain`."""
        body, data = self._body, None
        try:
            if self._content is None:
                drain = getattr(body, "drain", None)
                if isinstance(body, ReadyBody):
                    data = await body.read(limit + 1)
                    data = data if len(data) <= limit else None
                elif drain is not None:
                    data = await drain(limit, seconds)
                else:
                    data = await _adrain(body, limit, seconds)
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise self._failed(error)  # noqa: B904 - it has its cause
        finally:
            self._trailers = self.trailers
            await self.aclose()
        if self._keep(data, limit, seconds):
            self._body = KeptBody(data or b"")

    async def aclose(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        await self._body.aclose()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._body = ReadyBody(b"")
        self.__dict__.update(state)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _agiven(pieces: list[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


async def _afed(pieces: AsyncGenerator[bytes, None], stage: Stage[bytes, _Out]) -> AsyncGenerator[_Out, None]:
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            for made in stage.put(piece):
                yield made
    for made in stage.rest():
        yield made


async def _adrain(body: AsyncRawBody, limit: int, seconds: float) -> bytes | None:
    """Read on, so many bytes at most, in a task that is cancelled after so many seconds; give what was read if that is all."""
    import asyncio  # noqa: PLC0415 - for those who await

    async def read() -> bytes | None:
        pieces: list[bytes] = []
        left = limit + 1
        with contextlib.suppress(Error):
            while left > 0:
                piece = await body.read(min(left, CHUNK))
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)
                left -= len(piece)
        return None

    reading = asyncio.ensure_future(read())
    try:
        await asyncio.wait({reading}, timeout=seconds)
    finally:
        if not reading.done():
            reading.cancel()
            await asyncio.wait({reading}, timeout=seconds)  # who cannot be cancelled is left behind
    return None if not reading.done() or reading.cancelled() else reading.result()
