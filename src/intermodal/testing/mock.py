"""A transport that answers by itself, so that a test swaps the network out in one line."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from intermodal._version import __version__
from intermodal.errors import ConnectionError, Error, RequestBodyError, TransportBug, TransportClosed
from intermodal.model.response import AsyncResponse, Response
from intermodal.protocol import Capability, Guarantee, TransportInfo

if TYPE_CHECKING:
    from intermodal.model.headers import Headers
    from intermodal.model.options import Options
    from intermodal.model.request import Request

_EVERYTHING = Capability(sum(capability.value for capability in Capability))
_INFO = TransportInfo("mock", __version__, _EVERYTHING, Guarantee.DELIVERY)

#: What an answer may be: see MockTransport.
Answer = Any


@dataclass(frozen=True)
class Call:
    """A request that a MockTransport was sent.

    Attributes:
        request: the Request.
        options: its Options.
        content: the bytes of its body, read to the end.
    """

    request: Request
    options: Options
    content: bytes

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.method

    @property
    def url(self) -> str:
        """The request's URL as text."""
        return str(self.request.url)

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        return self.request.headers

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


class MockTransport:
    """Answers from a handler or a table, and records what it was sent, in ``calls``.

    A table has keys ``"METHOD url"`` or ``"url"``, where the url is whole, without its query, or only the
    path; the most special key counts. An answer, in a table or from a handler, is a Response, a status, a
    ``str`` or ``bytes`` body, a ``dict`` or ``list`` (as JSON), ``(status, body)``, ``(status, body,
    headers)``, an exception to raise, or a callable of the Request. A table's answer serves again and again.

    >>> from intermodal import Client, ReadTimeout
    >>> mock = MockTransport({"GET /users/1": {"name": "Ada"}, "POST /users": 201, "/slow": ReadTimeout("slow")})
    >>> with Client(mock) as client:
    ...     client.get("http://api.test/users/1?x=1").json(), client.post("http://api.test/users", json=[]).status_code
    ({'name': 'Ada'}, 201)
    >>> [(call.method, call.url, call.content) for call in mock.calls]
    [('GET', 'http://api.test/users/1?x=1', b''), ('POST', 'http://api.test/users', b'[]')]

    A request that the table does not know ends in a ConnectionError that says what it knows.
    """

    def __init__(self, answers: Callable[[Request], Answer] | Mapping[str, Answer] | Answer = 200) -> None:
        self._handler = answers if callable(answers) and not isinstance(answers, type) else None
        self._table: Mapping[str, Answer] | None = None
        if isinstance(answers, Mapping):
            self._table = {_key(key): _template(answer) for key, answer in answers.items()}
        self._always = None if self._handler or self._table is not None else _template(answers)
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        self.closed: bool = False

    def answer(self, key: str, answer: Answer) -> None:
        """Put one more answer into the table, or another one in the place of what is there.

        >>> mock = MockTransport({})
        >>> mock.answer("GET /users/1", {"name": "Ada"})

        Raises:
            TypeError: this mock has a handler, or one answer to everything, and no table.
        """
        if self._table is None:
            raise TypeError("this MockTransport answers everything alike: make it with a table, MockTransport({})")
        with self._lock:
            self._table = {**self._table, _key(key): _template(answer)}

    @property
    def info(self) -> TransportInfo:
        return _INFO

    def send(self, request: Request, options: Options, /) -> Response:
        """Record the request and answer it."""
        status, headers, body, attributes = self._answer(request, options)
        return Response(status, headers, body, request=request, **attributes)

    async def asend(self, request: Request, options: Options, /) -> AsyncResponse:
        """Record the request and answer it."""
        status, headers, body, attributes = self._answer(request, options)
        return AsyncResponse(status, headers, body, request=request, **attributes)

    def close(self) -> None:
        """Refuse whatever is sent from now on."""
        self.closed = True

    async def aclose(self) -> None:
        """Refuse whatever is sent from now on."""
        self.closed = True

    def _answer(self, request: Request, options: Options) -> _Parts:
        if self.closed:
            raise TransportClosed("the mock is closed: make another one", request=request, transport="mock")
        try:
            content = b"" if request.body is None else b"".join(request.body.pieces())
            with self._lock:
                self.calls.append(Call(request, options, content))
            answer = self._find(request)
            while callable(answer) and not isinstance(answer, type):
                answer = answer(request)
            if isinstance(answer, type) and issubclass(answer, Exception):
                answer = answer()
            if isinstance(answer, Exception):
                raise copy.copy(answer)  # a table's answer serves again and again, and an error tells of one request
            return _parts(answer, request)
        except Error as error:
            if error.request is None:
                error.request, error.transport = request, "mock"
            if isinstance(error, RequestBodyError) and error.phase is None:
                error.phase = "send"
            raise
        except Exception as error:
            raise TransportBug(
                f"the MockTransport could not answer {request.method} {request.url.without_userinfo()}, look at what it was"
                f" told: {error!r:.300}",
                request=request,
                transport="mock",
            ) from error

    def _find(self, request: Request) -> Answer:
        if self._handler is not None:
            return self._handler
        if self._table is None:
            return self._always
        url = request.url
        whole = str(url.without_userinfo())
        bare = whole.partition("#")[0].partition("?")[0]
        for name in (whole, bare, request.target, url.path):
            for key in (f"{request.method} {name}", name):
                if key in self._table:
                    return self._table[key]
        raise ConnectionError(
            f"MockTransport has no answer to {request.method} {whole}: its table has"
            f" {', '.join(sorted(self._table)) or 'nothing'}"
        )


#: The statuses of answers that have no content.
_EMPTY = (204, 304)

_Parts = tuple[int, Any, bytes, dict[str, Any]]


def _key(key: str) -> str:
    if not isinstance(key, str):
        raise TypeError(
            f"a MockTransport's table has the key {key!r:.60}: expected 'GET /path', '/path' or a whole URL"
        )
    method, space, name = key.rpartition(" ")
    parts = urlsplit(name)
    if parts.scheme and parts.netloc and not parts.path:
        name = f"{name}/"
    return f"{method.upper()}{space}{name}" if space else name


def _template(answer: Answer) -> Answer:
    """Make an answer of a table one that can be given many times: a Response's body is read once and kept."""
    if isinstance(answer, Response):
        parts = _parts(answer, None)
        return lambda _: parts
    return answer


def _parts(answer: Answer, request: Request | None) -> _Parts:
    if isinstance(answer, Response):
        attributes = {
            "reason": answer.reason,
            "http_version": answer.http_version,
            "informational": answer.informational,
            "trailers": answer.trailers,
        }
        content = answer.raw.read()
        return answer.status_code, answer.headers, b"" if _is_head(request) else content, attributes
    if isinstance(answer, tuple) and len(answer) == 4:
        return (*answer[:2], b"", answer[3]) if _is_head(request) else answer
    status, body, headers = 200, answer, ()
    if isinstance(answer, bool) or answer is None:
        raise TypeError(f"a MockTransport was told to answer {answer!r}: expected a status, a body, or a Response")
    if isinstance(answer, int):
        status, body = answer, b""
    elif isinstance(answer, tuple):
        status, body, headers = (*answer, ())[:3]
        if not isinstance(status, int) or (isinstance(body, dict) and isinstance(headers, str | bytes)):
            raise TypeError(f"a MockTransport was told to answer {answer!r:.80}: expected (status, body, headers)")
    content, media_type = _content(body)
    if content and status in _EMPTY:
        raise TypeError(
            f"a MockTransport was told to answer {status} with content: expected none (RFC 9110 section 6.4.1)"
        )
    given: dict[str, str] = dict(headers)
    lowered = {str(name).lower() for name in given}
    if media_type and "content-type" not in lowered:
        given["Content-Type"] = media_type
    if "content-length" not in lowered:
        given["Content-Length"] = str(len(content))
    if _is_head(request):
        content = b""
    return status, given, content, {"reason": _reason(status)}


def _is_head(request: Request | None) -> bool:
    return request is not None and request.method == "HEAD"


def _content(body: Any) -> tuple[bytes, str | None]:
    if isinstance(body, bytes):
        return body, None
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if isinstance(body, dict | list):
        return json.dumps(body).encode(), "application/json"
    raise TypeError(f"a MockTransport was told to answer {body!r:.60}: expected bytes, str, or a dict or list for JSON")


def _reason(status: int) -> str:
    from http import HTTPStatus  # noqa: PLC0415 - only tests pay for it

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
