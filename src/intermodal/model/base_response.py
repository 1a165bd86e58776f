"""What both colours of a response share: everything that needs no reading, and what can be said of what was read."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from intermodal.errors import (
    Error,
    HTTPError,
    JSONDecodeError,
    ResponseError,
    TransportBug,
)
from intermodal.model import text as texts
from intermodal.model.bodies import ReadyBody, WholeBody
from intermodal.model.decoding import codings, decoded
from intermodal.model.exchange import UNKNOWN, ExchangeInfo
from intermodal.model.headers import Headers, HeadersInput
from intermodal.model.redirect import REDIRECTS, next_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Self

    from intermodal.model.bodies import UpgradedStream
    from intermodal.model.cookies import CookieJar
    from intermodal.model.event_stream import EventStream
    from intermodal.model.request import Request

#: The statuses that lead elsewhere for good (RFC 9110 sections 15.4.2 and 15.4.9).
_PERMANENT_REDIRECTS = frozenset({301, 308})

_control = re.compile("[\x00-\x1f\x7f-\x9f]")

#: Why a body cannot be read.
_STREAMED = "the body of this response was streamed already and is gone: read .content before, or keep the pieces"


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
    status_code: int
    headers: Headers
    request: Request | None = None
    reason: str = ""
    http_version: str = "HTTP/1.1"
    #: How it went, or what tells it when it is asked.
    _exchange: ExchangeInfo | Callable[[], ExchangeInfo] = UNKNOWN
    informational: tuple[Informational, ...] = ()
    upgraded: UpgradedStream | None = None
    _seconds = 0.0
    _trailers: Headers | None = None
    _content: bytes | None = None
    _encoding: str | None = None
    _apparent: str | None = None
    _history: list[Any] | None = None
    _cookies: CookieJar | None = None
    #: The request before anything was added to it for its sending; None where that is ``request`` itself, or not known.
    _asked: Request | None = None
    #: Why the body cannot be read any more; empty while it can.
    _gone = ""
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
        """Copy and pickle what was read, and how it went as it is known now; what is a connection's stays here.

        A body that nobody has read is read first; one that is gone does not stand in the way. One that is here already,
        such as that of a redirect in a history, travels as it came: nobody has asked for it to be decoded.

        Raises:
            Error: reading failed, or is to be awaited first.
        """
        is_here = self._content is None and not self._gone and isinstance(self._body, WholeBody | ReadyBody)
        if not (is_here or self._gone):
            self.content  # noqa: B018 - read
        state = {**self.__dict__, "_exchange": self.exchange, "_trailers": self.trailers}
        for name in ("_on_close", "upgraded") if is_here else ("_on_close", "upgraded", "_body"):
            state.pop(name, None)
        if is_here:
            state["_body"] = copy.copy(self._body)  # each reads its own
        return state

    @property
    def exchange(self) -> ExchangeInfo:
        """How it went: addresses, TLS, bytes and times, as far as the transport can tell; see :class:`ExchangeInfo`.

        >>> from intermodal.model.response import Response
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
    def history(self) -> list[Self]:
        """The responses that led here, oldest first: redirects, as requests has them.

        >>> from intermodal.model.response import Response
        >>> Response(200).history
        []
        """
        if self._history is None:
            self._history = []
        return self._history

    @history.setter
    def history(self, value: Iterable[Self]) -> None:
        self._history = list(value)

    @property
    def is_redirect(self) -> bool:
        """Whether this leads elsewhere, and says where."""
        return self.status_code in REDIRECTS and "location" in self.headers

    @property
    def is_permanent_redirect(self) -> bool:
        """Whether this leads elsewhere for good, and says where."""
        return self.status_code in _PERMANENT_REDIRECTS and "location" in self.headers

    @property
    def next(self) -> Request | None:
        """The request that would follow this redirect; None where there is none, or what this answers is not known.

        Raises:
            UnsupportedScheme, InvalidURL: it leads where no request can go.
        """
        return next_request(self)

    @property
    def cookies(self) -> CookieJar:
        """The cookies that this response sets; none where the request, and so their origin, is not known."""
        if self._cookies is None:
            from intermodal.model.cookies import CookieJar  # noqa: PLC0415 - slow to import, and seldom needed

            self._cookies = jar = CookieJar()
            if self.request is not None:
                jar.store(self.request.url, self.headers)
        return self._cookies

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The Link header (RFC 8288) by relation, else by URL; a link of several relations is there by each.

        >>> from intermodal.model.response import Response
        >>> Response(200, {"Link": '</?page=2>; rel="next"'}).links["next"]["url"]
        '/?page=2'
        """
        from intermodal.model.links import parse_links  # noqa: PLC0415 - seldom needed

        return parse_links(self.headers.get_list("link"))

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
        charset = texts.charset(content_type)
        if charset is not None:
            return charset
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
                self._gone or "the body was not read yet: 'await response.read()' first",
                request=self.request,
                response=self,
            )
        return self._content

    @property
    def text(self) -> str:
        r"""The content as text, by ``encoding``, else ``apparent_encoding``; what does not decode is replaced.

        A byte order mark at its start is no part of it, and says the encoding where the caller has not.

        >>> from intermodal.model.response import Response
        >>> Response(200, body=b"\xef\xbb\xbfcaf\xc3\xa9").text
        'café'
        """
        content = self.content
        codec, start = texts.begins(content[:4], self._codec(), given=self._encoding is not None)
        if codec is None:
            codec = self.apparent_encoding
        return str(memoryview(content)[start:], codec, "replace") if start else content.decode(codec, "replace")

    @property
    def apparent_encoding(self) -> str:
        """The encoding that the content seems to have, by its bytes; looked for once, in the first 64 KiB that tell.

        >>> from intermodal.model.response import Response
        >>> Response(200, body="日本".encode()).apparent_encoding
        'utf-8'
        """
        if self._apparent is None:
            self._apparent = texts.apparent_encoding(self.content)
        return self._apparent

    def _codec(self) -> str | None:
        """Give the codec of ``encoding``; None where nothing is declared, or what nobody knows."""
        encoding = self.encoding
        return None if encoding is None else texts.codec_of(encoding, given=self._encoding is not None)

    def _decoder(self) -> texts.Decoder:
        """Make what decodes the body's pieces, as ``text`` would the whole; what is not here yet cannot be guessed at."""
        codec = self._codec()
        if codec is None and self._content is not None:
            codec = texts.codec_of(self.apparent_encoding)
        return texts.Decoder(codec, given=self._encoding is not None)

    def json(self, **keywords: Any) -> Any:
        """The content as JSON, in UTF-8, -16 or -32, else in the charset declared; keywords go to :func:`json.loads`.

        >>> from intermodal.model.response import Response
        >>> Response(200, body=b'{"a": [1]}').json()
        {'a': [1]}

        Raises:
            JSONDecodeError: it is none; the response is attached.
        """
        content = self.content
        try:
            try:
                return json.loads(content, **keywords)  # finds UTF-8, UTF-16 and UTF-32 by its own bytes
            except UnicodeDecodeError:
                codec = self._codec()
                if codec is None:
                    raise
                return json.loads(content.decode(codec), **keywords)
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

        >>> from intermodal.model.response import Response
        >>> Response(404, reason="Not Found").raise_for_status()
        Traceback (most recent call last):
        intermodal.errors.HTTPError: 404 Client Error: Not Found
        """
        if self.status_code >= 400:
            side = "Client" if self.status_code < 500 else "Server"
            where = "" if self.request is None else f" for url: {self.request.url.without_userinfo()}"
            # What a server says may be 60 KiB of control characters, which a terminal obeys.
            reason = _control.sub(lambda found: ascii(found[0])[1:-1], self.reason[:200])
            raise HTTPError(f"{self.status_code} {side} Error: {reason}{where}", request=self.request, response=self)

    def _take(self) -> None:
        if self._gone:
            raise ResponseError(self._gone, request=self.request, response=self)
        self._gone = _STREAMED

    def _events(self, limit: int | None) -> EventStream:
        """Make what reads the body as server-sent events.

        Raises:
            ResponseError: the body is declared to be something else.
        """
        from intermodal.model.event_stream import LIMIT, EventStream  # noqa: PLC0415 - seldom needed

        media_type = self.headers.get("content-type", "").partition(";")[0].strip()
        if media_type and media_type.lower() != "text/event-stream":
            raise ResponseError(
                f"the body is {media_type!r:.80}: expected 'text/event-stream'; iter_lines() reads lines of anything",
                request=self.request,
                response=self,
            )
        return EventStream(LIMIT if limit is None else limit)

    def _keep(self, data: bytes | None, limit: int, seconds: float) -> bool:
        """Note what draining has left: give whether all of a body that nobody has read."""
        if self._content is not None or self._gone:
            return False
        if data is None:
            self._gone = (
                f"the body of this response was dropped: it was larger than {limit} bytes, took longer than {seconds} seconds"
                " or was cut off, and a response that is not handed on is read no further than that"
            )
        return data is not None

    def _decoded(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        if "content-encoding" not in self.headers:
            return read
        return decoded(read, codings(self.headers.get_list("content-encoding")))

    def _unreadable(self, failure: Error) -> str:
        """Say why the body cannot be read any more; what said that itself is not said again."""
        return (
            self._gone
            if self._gone != _STREAMED
            else f"the body of this response is gone: reading it failed, {failure}"
        )

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
        if isinstance(error, ResponseError) and error.response is None:
            error.response = self
        if error.request is None:
            error.request = self.request
        return error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status_code}]>"
