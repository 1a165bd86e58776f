"""The response: a status, headers, and a handle on a body that is read as it is asked for.

``BaseResponse`` is what both colours share and does no I/O; ``Response`` reads, ``AsyncResponse``
awaits. A transport gives the body undecoded (T3); decoding happens here, as it is read, so that every
transport decodes alike. ``raw``, draining and closing never decode.
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from intermodal.errors import Error, TransportError
from intermodal.model.async_response import AsyncResponse
from intermodal.model.base_response import BaseResponse, Informational
from intermodal.model.bodies import CHUNK, AsyncRawBody, BytesBody, RawBody, UpgradedStream, WholeBody, read_on
from intermodal.model.raw import AsyncRaw, Raw
from intermodal.model.reading import Cutter, Lines, Then

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from intermodal.model.event_stream import ServerSentEvent
    from intermodal.model.headers import Headers, HeadersInput
    from intermodal.model.reading import Stage
    from intermodal.model.request import Request

__all__ = [
    "AsyncRaw",
    "AsyncRawBody",
    "AsyncResponse",
    "BaseResponse",
    "BytesBody",
    "Informational",
    "Raw",
    "RawBody",
    "Response",
    "UpgradedStream",
    "WholeBody",
]

_Out = TypeVar("_Out")


class Response(BaseResponse):
    """A response whose body is read as it is asked for.

    Args:
        body: bytes, an iterable of bytes, or a :class:`RawBody`; undecoded.
        trailers: the trailer fields, where they are known already.

    >>> response = Response(200, {"Content-Type": "text/plain; charset=utf-8"}, "né".encode())
    >>> response.text, response.ok
    ('né', True)
    """

    _body: RawBody
    _on_close: Callable[[], None] | None = None

    def __init__(
        self,
        status_code: int,
        headers: HeadersInput = (),
        body: bytes | Iterable[bytes] | RawBody = b"",
        **attributes: Any,
    ) -> None:
        super().__init__(status_code, headers, **attributes)
        self._body = body if hasattr(body, "read") else BytesBody(body)  # type: ignore[assignment]

    @classmethod
    def received(
        cls, status_code: int, reason: str, headers: Headers, body: RawBody, request: Request | None
    ) -> Response:
        """Make the response that a parser has read, with nothing out of the ordinary."""
        response = cls.__new__(cls)
        response.status_code = status_code
        response.reason = reason
        response.headers = headers
        response.request = request
        response._body = body
        return response

    @property
    def raw(self) -> Raw:
        """The undecoded body as a file: ``read(n)``, ``readinto(buffer)``, ``close()``."""
        return Raw(self)

    @property
    def content(self) -> bytes:
        """The whole body, decoded; read at the first use, then kept.

        Raises:
            TransportError: reading failed; what had come is on its ``partial``.
            ContentDecodingError: the body does not decode by its Content-Encoding.
            ResponseError: the body was streamed already.
        """
        if self._content is None:
            self._take()
            gathered = None
            try:
                body = self._body
                if type(body) is WholeBody and "content-encoding" not in self.headers:
                    content = self._content = body.read(len(body))
                    return content
                read = self._decoded(body.read)
                gathered = io.BytesIO()  # pieces to be joined at the end would be in memory twice
                while piece := read(CHUNK):
                    gathered.write(piece)
                self._content = gathered.getvalue()
            except Exception as error:  # noqa: BLE001 - named, and raised again
                failure = self._failed(error)
                if isinstance(failure, TransportError) and gathered is not None:
                    failure.partial = gathered.getvalue()
                self._gone = self._unreadable(failure)
                raise failure  # noqa: B904 - it has its cause
            finally:
                self.close()
        return self._content

    @overload
    def iter_content(self, chunk_size: int | None = ..., decode_unicode: Literal[False] = ...) -> Iterator[bytes]: ...
    @overload
    def iter_content(self, chunk_size: int | None = ..., *, decode_unicode: Literal[True]) -> Iterator[str]: ...
    @overload
    def iter_content(self, chunk_size: int | None, decode_unicode: Literal[True]) -> Iterator[str]: ...
    @overload
    def iter_content(
        self, chunk_size: int | None = ..., decode_unicode: bool = ...
    ) -> Iterator[bytes] | Iterator[str]: ...
    def iter_content(
        self, chunk_size: int | None = None, decode_unicode: bool = False
    ) -> Iterator[bytes] | Iterator[str]:
        """Iterate over the decoded body as it comes, or in pieces of ``chunk_size`` bytes, the last one shorter.

        With ``decode_unicode`` each piece is given as text, as ``iter_text`` has it. Bytes that came before a failure are
        given before it is raised.

        >>> list(Response(200, body=[b"abc", b"de"]).iter_content(2))
        [b'ab', b'cd', b'e']
        """
        pieces = self._pieces(Cutter(chunk_size, b""))
        return _fed(pieces, self._decoder()) if decode_unicode else pieces

    def iter_text(self, chunk_size: int | None = None) -> Iterator[str]:
        r"""Iterate over the body as text as it comes, or in pieces of ``chunk_size`` characters, the last one shorter.

        The encoding is that of ``text``. Where none is declared, and the body is not read yet, it is UTF-8 or what a byte
        order mark says: it cannot be guessed from what is still to come. What does not decode is replaced.

        >>> list(Response(200, body=[b"caf\xc3", b"\xa9s"]).iter_text())
        ['caf', 'és']
        """
        stage = Then(self._decoder(), Cutter(chunk_size, ""))
        return _fed(self._pieces(Cutter(None, b"")), stage)

    @overload
    def iter_lines(
        self, chunk_size: int | None = ..., decode_unicode: Literal[False] = ..., delimiter: bytes | None = ...
    ) -> Iterator[bytes]: ...
    @overload
    def iter_lines(
        self, chunk_size: int | None = ..., *, decode_unicode: Literal[True], delimiter: str | None = ...
    ) -> Iterator[str]: ...
    @overload
    def iter_lines(
        self, chunk_size: int | None, decode_unicode: Literal[True], delimiter: str | None = ...
    ) -> Iterator[str]: ...
    @overload
    def iter_lines(
        self, chunk_size: int | None = ..., decode_unicode: bool = ..., delimiter: None = ...
    ) -> Iterator[bytes] | Iterator[str]: ...
    def iter_lines(
        self, chunk_size: int | None = None, decode_unicode: bool = False, delimiter: Any = None
    ) -> Iterator[bytes] | Iterator[str]:
        r"""Iterate over the lines of the body, without their ends, each as soon as it has come.

        A line ends with LF, CR LF or CR. One that a failure cuts off is not given; the last one, which nothing ends, is.

        Args:
            chunk_size: how many bytes are asked for at once, at most; nothing is waited for to fill them.
            decode_unicode: give text, as ``iter_text`` has it; the lines are the same.
            delimiter: what ends a line instead: bytes, or str with ``decode_unicode``.

        >>> list(Response(200, body=[b"one\r", b"\ntwo\n\nfour"]).iter_lines())
        [b'one', b'two', b'', b'four']
        """
        cutter = Cutter(None, b"", chunk_size)
        if not decode_unicode:
            lines = Lines(b"", delimiter)
            return _fed(self._pieces(cutter), lines)
        stage = Then(self._decoder(), Lines("", delimiter))
        return _fed(self._pieces(cutter), stage)

    def iter_events(self, limit: int | None = None) -> Iterator[ServerSentEvent]:
        r"""Iterate over server-sent events (``text/event-stream``), each as soon as it has come.

        Args:
            limit: the largest event in bytes, 16 MiB by default: one that never ends would fill the memory.

        Raises:
            ResponseError: the body is declared to be something else, or an event is larger than ``limit``.

        >>> [event.data for event in Response(200, body=b"data: 1\n\ndata: 2\n\n").iter_events()]
        ['1', '2']
        """
        stage = self._events(limit)
        return self._naming(_fed(self._pieces(Cutter(None, b"")), stage))

    def _naming(self, events: Iterator[_Out]) -> Iterator[_Out]:
        try:
            yield from events
        except Error as error:
            raise self._failed(error)  # noqa: B904 - the same

    def _pieces(self, cutter: Cutter[bytes]) -> Generator[bytes, None, None]:
        if self._content is not None:
            return _given([*cutter.put(self._content), *cutter.rest()])
        self._take()
        return self._stream(cutter)

    def _stream(self, cutter: Cutter[bytes]) -> Generator[bytes, None, None]:
        try:
            try:
                body = self._body
                read = self._decoded(body.read)
                if cutter.is_exact and read == body.read:  # what is decoded may be there before the bytes asked for are
                    read = getattr(body, "fill", read)
                while piece := read(cutter.wants()):
                    yield from cutter.put(piece)
            except Exception as error:  # noqa: BLE001 - named, and raised again
                yield from cutter.rest()
                raise self._failed(error)  # noqa: B904 - it has its cause
            yield from cutter.rest()
        finally:
            self.close()

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_content()

    def drain(self, limit: int, seconds: float) -> None:
        """Be done with the body, undecoded: read at most ``limit`` bytes and ``seconds``, to keep the connection.

        A body that ends within both is kept as it came, so that ``content`` is still there for whoever asks; any other
        is dropped, and the connection with it. One that offers a ``drain`` of its own bounds each wait; any other is
        looked at between reads.

        >>> response = Response(302, body=b"moved")
        >>> response.drain(100, 1)
        >>> response.text
        'moved'
        """
        body = self._body
        if self._content is None and not self._gone and type(body) is WholeBody:
            self._closed()  # it is here
            return
        data = None
        try:
            if self._content is None:
                drain: Callable[[int, float], bytes | None] | None = getattr(body, "drain", None)
                data = (
                    drain(limit, seconds)
                    if drain is not None
                    else read_on(body.read, limit, time.monotonic() + seconds)
                )
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise self._failed(error)  # noqa: B904 - it has its cause
        finally:
            self._trailers = self.trailers
            self.close()
        if self._keep(data, limit, seconds):
            self._body = WholeBody(data or b"", 0, None)

    def close(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        try:
            self._body.close()
        finally:
            self._closed()

    def _closed(self) -> None:
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._body = BytesBody(b"")
        self.__dict__.update(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _given(pieces: list[bytes]) -> Generator[bytes, None, None]:
    yield from pieces


def _fed(pieces: Generator[bytes, None, None], stage: Stage[bytes, _Out]) -> Generator[_Out, None, None]:
    """Give what a stage makes of the pieces; a failure leaves without what is not whole."""
    with contextlib.closing(pieces):
        for piece in pieces:
            yield from stage.put(piece)
    yield from stage.rest()
