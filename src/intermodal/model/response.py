"""The response: a status, headers, and a handle on a body that is read as it is asked for.

``BaseResponse`` is what both colours share and does no I/O; ``Response`` reads, ``AsyncResponse``
awaits. A transport gives the body undecoded (T3); decoding happens here, as it is read, so that every
transport decodes alike. ``raw`` and closing never decode.
"""

from __future__ import annotations

import codecs
import contextlib
import datetime as dt
import io
import json
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from intermodal.errors import (
    ContentDecodingError,
    Error,
    HTTPError,
    JSONDecodeError,
    ResponseError,
    TransportBug,
    TransportError,
)
from intermodal.model.decoding import codings, decoded
from intermodal.model.exchange import UNKNOWN, ExchangeInfo
from intermodal.model.headers import Headers, HeadersInput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from intermodal.model.request import Request

#: Python's codecs that no charset of a web page is; a server could make them cost more than its bytes are worth.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"})

#: How much is asked of the transport at once.
CHUNK = 65536

#: Pieces of a body below this size are cut out of larger ones.
SMALL = 4096


class RawBody(Protocol):
    """What a transport hands over for a body: undecoded bytes, at most ``n`` at a time, ``b""`` at the end.

    It may also have ``trailers`` (Headers, known once the end was read), ``readinto(memoryview)`` (which gives how many
    bytes it has put there, 0 at the end), and ``fill(n)``, which is ``read`` but would rather wait than give less.
    Errors leave as T5 says.
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


class Informational(NamedTuple):
    """A 1xx response that came before the final one (RFC 9110 section 15.2)."""

    status_code: int
    reason: str
    headers: Headers


class BaseResponse:
    """Everything about a response that needs no reading, and what can be said of its content once it was read.

    Attributes:
        status_code: three digits, as a number.
        reason: the server's own phrase, which may be empty.
        headers: see :class:`~intermodal.model.headers.Headers`.
        http_version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``; a later minor version counts as 1.1 (RFC 9110 section 2.5).
        request: the Request that this answers.
        informational: the 1xx responses that came before.
        upgraded: the raw connection after a 101, else None.
    """

    # What is seldom told or changed is the class's: making a response costs a fraction of a small exchange.
    request: Request | None = None
    reason = ""
    http_version = "HTTP/1.1"
    #: How it went, or what tells it when it is asked.
    _exchange: ExchangeInfo | Callable[[], ExchangeInfo] = UNKNOWN
    informational: tuple[Informational, ...] = ()
    upgraded: UpgradedStream | None = None
    _seconds = 0.0
    _trailers: Headers | None = None
    _content: bytes | None = None
    _encoding: str | None = None
    _taken = False
    _body: object

    def __init__(
        self,
        status_code: int,
        headers: HeadersInput = (),
        *,
        reason: str = "",
        http_version: str = "HTTP/1.1",
        request: Request | None = None,
        trailers: HeadersInput | None = None,
        exchange: ExchangeInfo | None = None,
        informational: Iterable[Informational] = (),
        upgraded: UpgradedStream | None = None,
    ) -> None:
        if not isinstance(status_code, int):
            raise TypeError(f"a response's status_code is {status_code!r:.40}: expected a number such as 200")
        self.status_code = status_code
        self.headers = Headers.received(headers)
        self.reason = reason
        self.http_version = http_version
        self.request = request
        if exchange is not None:
            self._exchange = exchange
        self.informational = tuple(informational)
        self.upgraded = upgraded
        self._trailers = None if trailers is None else Headers.received(trailers)
        # A 101 has no content, and its connection is the caller's: reading it as a body would close it.
        self._content = None if upgraded is None else b""

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle how it went as it is known now: what tells it is a connection's."""
        return {**self.__dict__, "_exchange": self.exchange}

    @property
    def exchange(self) -> ExchangeInfo:
        """How it went: addresses, TLS, bytes and times, as far as the transport can tell; see :class:`ExchangeInfo`.

        >>> Response(200).exchange.peer_address is None
        True
        """
        known = self._exchange
        return known if isinstance(known, ExchangeInfo) else known()

    @property
    def elapsed(self) -> dt.timedelta:
        """The time from sending the request to the end of the response's head."""
        return dt.timedelta(seconds=self._seconds)

    @elapsed.setter
    def elapsed(self, value: dt.timedelta) -> None:
        self._seconds = value.total_seconds()

    @property
    def url(self) -> str:
        """The URL that answered, as text; empty where no request is attached."""
        return "" if self.request is None else str(self.request.url)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    def __bool__(self) -> bool:
        return self.ok

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields (RFC 9110 section 6.5); None where the transport does not tell, or not yet."""
        if self._trailers is not None:
            return self._trailers
        trailers: Headers | None = getattr(self._body, "trailers", None)
        return trailers

    @property
    def encoding(self) -> str | None:
        """The charset of Content-Type, else UTF-8 for JSON (RFC 8259 section 8.1), else None; can be set."""
        if self._encoding is not None:
            return self._encoding
        content_type = self.headers.get("content-type", "")
        charset = re.search(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|'?([^\s;'\"]*))", content_type, re.IGNORECASE)
        if charset:
            return charset[1] or charset[2] or None
        media_type = content_type.partition(";")[0].strip().lower()
        return "utf-8" if media_type == "application/json" or media_type.endswith("+json") else None

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def content(self) -> bytes:
        """The whole body, decoded, once it was read."""
        if self._content is None:
            raise ResponseError(
                "the body was not read yet: 'await response.read()' first", request=self.request, response=self
            )
        return self._content

    @property
    def text(self) -> str:
        """The content as text, by ``encoding``, else ``apparent_encoding``; what does not decode is replaced."""
        content = self.content
        encoding = self.encoding or _guess(content)
        try:
            if codecs.lookup(encoding).name in _NO_CHARSETS:
                encoding = "utf-8"
            return content.decode(encoding, "replace")
        except (LookupError, ValueError):  # a charset nobody knows, or one that is no text encoding
            return content.decode("utf-8", "replace")

    @property
    def apparent_encoding(self) -> str:
        """The encoding that the content seems to have, by charset-normalizer."""
        return _guess(self.content)

    def json(self, **keywords: Any) -> Any:
        """The content as JSON, in UTF-8, -16 or -32; keywords go to :func:`json.loads`.

        >>> Response(200, body=b'{"a": [1]}').json()
        {'a': [1]}

        Raises:
            JSONDecodeError: it is none; the response is attached.
        """
        content = self.content
        try:
            return json.loads(content, **keywords)  # finds UTF-8, UTF-16 and UTF-32 by its own bytes
        except json.JSONDecodeError as error:
            raise JSONDecodeError(error.msg, error.doc, error.pos, request=self.request, response=self) from error
        except UnicodeDecodeError as error:
            raise JSONDecodeError(
                f"the body is not text: {error}", "", 0, request=self.request, response=self
            ) from error
        except (RecursionError, ValueError) as error:  # too deep, or a number of thousands of digits
            raise JSONDecodeError(
                f"the body is beyond what can be read: {error}", "", 0, request=self.request, response=self
            ) from error

    def raise_for_status(self) -> None:
        """Raise HTTPError for a status of 400 and above.

        >>> Response(404, reason="Not Found").raise_for_status()
        Traceback (most recent call last):
        intermodal.errors.HTTPError: 404 Client Error: Not Found
        """
        if self.status_code >= 400:
            side = "Client" if self.status_code < 500 else "Server"
            where = "" if self.request is None else f" for url: {self.request.url.without_userinfo()}"
            raise HTTPError(
                f"{self.status_code} {side} Error: {self.reason}{where}", request=self.request, response=self
            )

    def _take(self) -> None:
        if self._taken:
            raise ResponseError(
                "the body of this response was streamed already and is gone: read .content before, or keep the pieces",
                request=self.request,
                response=self,
            )
        self._taken = True

    def _decoded(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        if "content-encoding" not in self.headers:
            return read
        return decoded(read, codings(self.headers.get_list("content-encoding")))

    def _failed(self, error: Exception) -> Error:
        """Give the error as it is to leave: ours, with what it is about; anything foreign as a bug of the transport."""
        if not isinstance(error, Error):
            bug = TransportBug(
                f"the body raised {error!r:.200}, which is no intermodal error: this is a bug of the transport",
                request=self.request,
                response=self,
                phase="body",
                delivery="sent",
            )
            bug.__cause__ = error
            return bug
        if isinstance(error, ContentDecodingError):
            error.response = self
        if error.request is None:
            error.request = self.request
        return error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status_code}]>"


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
            gathered = io.BytesIO()  # pieces to be joined at the end would be in memory twice
            try:
                body = self._body
                if type(body) is WholeBody and "content-encoding" not in self.headers:
                    content = self._content = body.read(len(body))
                    return content
                read = self._decoded(self._body.read)
                while piece := read(CHUNK):
                    gathered.write(piece)
                self._content = gathered.getvalue()
            except Exception as error:  # noqa: BLE001 - named, and raised again
                failure = self._failed(error)
                if isinstance(failure, TransportError):
                    failure.partial = gathered.getvalue()
                raise failure  # noqa: B904 - it has its cause
            finally:
                self.close()
        return self._content

    def iter_content(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Iterate over the decoded body as it comes, or in pieces of ``chunk_size`` bytes, the last one shorter.

        Bytes that came before a failure are given before it is raised.

        >>> list(Response(200, body=[b"abc", b"de"]).iter_content(2))
        [b'ab', b'cd', b'e']
        """
        cutter = _Cutter(chunk_size)
        if self._content is not None:
            return iter([*cutter.put(self._content), *cutter.rest()])
        self._take()
        return self._stream(cutter)

    def _stream(self, cutter: _Cutter) -> Iterator[bytes]:
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

        A body that offers a ``drain`` of its own bounds each wait; any other is looked at between reads.
        """
        drain: Callable[[int, float], None] | None = getattr(self._body, "drain", None)
        if drain is not None:
            drain(limit, seconds)
        else:
            _drain(self._body, limit, time.monotonic() + seconds)
        self.close()

    def close(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        self._body.close()
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _drain(body: RawBody, limit: int, until: float) -> None:
    with contextlib.suppress(TransportError):
        while limit > 0 and time.monotonic() < until:
            piece = body.read(min(limit, CHUNK))
            if not piece:
                break
            limit -= len(piece)


class AsyncResponse(BaseResponse):
    """A response whose body is awaited: ``await response.read()``, then ``content``, ``text``, ``json()`` are there."""

    _body: AsyncRawBody

    def __init__(
        self, status_code: int, headers: HeadersInput = (), body: bytes | AsyncRawBody = b"", **attributes: Any
    ) -> None:
        super().__init__(status_code, headers, **attributes)
        self._body = _Ready(body) if isinstance(body, bytes) else body

    async def read(self) -> bytes:
        """Read the whole body, decoded, and keep it for ``content``."""
        if self._content is None:
            pieces = []
            try:
                async for piece in self.iter_content():
                    pieces.append(piece)  # noqa: PERF401 - a failure must find what came before it
            except TransportError as error:
                error.partial = b"".join(pieces)
                raise
            self._content = b"".join(pieces)
        return self._content

    async def iter_content(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Iterate over the decoded body as it comes, or in pieces of ``chunk_size`` bytes, the last one shorter."""
        cutter = _Cutter(chunk_size)
        if self._content is not None:
            for piece in (*cutter.put(self._content), *cutter.rest()):
                yield piece
            return
        self._take()
        supply = _Supply()
        failure: Exception | None = None
        try:
            try:
                read = self._decoded(supply.read)
                while True:
                    try:
                        piece = read(CHUNK)
                    except _Starved:
                        supply.put(await self._body.read(CHUNK))
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

    async def aclose(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        await self._body.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Cutter:
    """Cuts a body into pieces of one size; without a size it lets them through as they come."""

    def __init__(self, size: int | None) -> None:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"chunk_size={size!r}: expected a number of bytes from 1, or None for pieces as they come")
        self._size = size
        self._kept: list[bytes] = []
        self._missing = size or 0
        #: Whether each piece is asked for as it is to be; small ones are cut out of larger ones.
        self.is_exact = size is not None and size >= SMALL

    def wants(self) -> int:
        """How many bytes to ask for."""
        return self._missing if self.is_exact else CHUNK

    def put(self, piece: bytes) -> tuple[bytes, ...] | list[bytes]:
        """Take a piece in, and give those that are whole."""
        size = self._size
        if size is None or (len(piece) == size and not self._kept):
            return (piece,) if piece else ()
        self._kept.append(piece)
        self._missing -= len(piece)
        if self._missing > 0:
            return ()
        data = piece if len(self._kept) == 1 else b"".join(self._kept)
        whole = len(data) - len(data) % size
        self._kept = [data[whole:]] if whole < len(data) else []
        self._missing = size - (len(data) - whole)
        return [data[at : at + size] for at in range(0, whole, size)]

    def rest(self) -> list[bytes]:
        """Give what is left, if anything is."""
        rest, self._kept = b"".join(self._kept), []
        return [rest] if rest else []


class _Starved(Exception):
    """A decoder asks for bytes that have not come yet."""


class _Supply:
    """Bytes for a decoder that pulls, put in by whoever awaits them: decoders know no colour."""

    def __init__(self) -> None:
        self._data = b""
        self._ended = False

    def put(self, data: bytes) -> None:
        self._data = data
        self._ended = not data

    def read(self, n: int) -> bytes:
        if not self._data and not self._ended:
            raise _Starved
        data, self._data = self._data[:n], self._data[n:]
        return data


class _Ready:
    """A body that is here already, awaited all the same."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, n: int, /) -> bytes:
        data, self._content = self._content[:n], self._content[n:]
        return data

    async def aclose(self) -> None:
        self._content = b""


class BytesBody:
    """A RawBody over bytes or an iterable of bytes; closing it closes the iterable."""

    def __init__(self, content: bytes | Iterable[bytes]) -> None:
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

    def __init__(self, data: bytes, start: int, trailers: Headers | None = Headers()) -> None:  # noqa: B008 - immutable
        self._data: bytes | None = data
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


class Raw(io.RawIOBase):
    """The undecoded body as a binary file that is read once, from start to end."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._response = response

    def __del__(self) -> None:
        """Close nothing: a file would when it is collected, and the response may still be wanted."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes, as soon as any are there; all of them for -1; ``b""`` at the end."""
        if size is None or size < 0:
            return self.readall()
        if size == 0 or self.closed:
            return b""
        response = self._response
        try:
            data = response._body.read(size)
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise response._failed(error)  # noqa: B904 - it has its cause
        if not data:
            response.close()
        return data

    def readall(self) -> bytes:
        pieces = []
        while piece := self.read(CHUNK):
            pieces.append(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Any, /) -> int:
        """Read into a writable buffer; the number of bytes read, 0 at the end.

        Large bodies go from the connection into the buffer without a copy between, where the transport can.
        """
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError(
                f"readinto() was given a {type(buffer).__name__}, which cannot be written: expected a bytearray"
            )
        response = self._response
        readinto: Callable[[memoryview], int] | None = getattr(response._body, "readinto", None)
        if readinto is None:
            data = self.read(len(view))
            view[: len(data)] = data
            return len(data)
        if not len(view) or self.closed:
            return 0
        try:
            count = readinto(view)
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise response._failed(error)  # noqa: B904 - it has its cause
        if not count:
            response.close()
        return count

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


def _guess(content: bytes) -> str:
    if not content:
        return "utf-8"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes  # noqa: PLC0415 - slow to import, and seldom needed

        best = from_bytes(content).best()
        return best.encoding if best is not None else "utf-8"
    return "utf-8"
