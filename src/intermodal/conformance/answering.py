"""Applications and handlers that answer as a case says, for transports that call one instead of a server.

What a case says of an answer here, it can say of any transport: status, reason, fields, and the pieces of a body.
"""

from __future__ import annotations

import queue
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from intermodal.model.response import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from intermodal.model.request import Request

__all__ = ["Answer", "Application", "Asked", "Kind", "make_application"]

Kind = Literal["wsgi", "asgi", "handler"]


@dataclass(frozen=True)
class Answer:
    """An answer that any peer can give.

    Attributes:
        body: bytes, sent with their length; or pieces, sent as they are, by a server in chunks; or None: neither a
            length nor content, whatever the fields say.
        raises: what the application raises instead; no peer on a wire can.
    """

    status: int = 200
    reason: str = "OK"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Sequence[bytes] | None = b""
    raises: Exception | None = None

    @property
    def pieces(self) -> list[bytes]:
        if self.body is None:
            return []
        return [self.body] if isinstance(self.body, bytes) else [*self.body]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields, the length among them."""
        length = [("Content-Length", str(len(self.body)))] if isinstance(self.body, bytes) else []
        return [*self.headers, *length]

    def steps(self) -> list[bytes]:
        """The answer as a server writes it (RFC 9112)."""
        chunked = self.body is not None and not isinstance(self.body, bytes)
        fields = [*self.fields, *([("Transfer-Encoding", "chunked")] if chunked else [])]
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in fields), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        if not chunked:
            return [head + b"".join(self.pieces)]
        return [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in self.pieces if piece), b"0\r\n\r\n"]


@dataclass
class Asked:
    """A request as its receiver saw it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Application:
    """What answers in-process: ``call`` is given to the transport.

    Attributes:
        answers: those to come, in order; once there is none, it is a plain 200.
        requests: what was asked so far.
        closed: how many bodies were closed.
    """

    call: Any = None
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[Asked] = field(default_factory=list)
    closed: queue.SimpleQueue[int] = field(default_factory=queue.SimpleQueue)

    def next(self, asked: Asked) -> Answer:
        """Record a request, and give the answer to it."""
        self.requests.append(asked)
        answer = self.answers.popleft() if self.answers else Answer(404, "Not Found")
        if answer.raises is not None:
            raise answer.raises
        return answer


def make_application(kind: Kind) -> Application:
    """Make what a transport of that kind calls: a WSGI (PEP 3333) or ASGI 3 application, or a handler of Requests.

    >>> application = make_application("handler")
    >>> application.answers.append(Answer(404, "Not Found"))
    >>> from intermodal.model.request import Request
    >>> application.call(Request("GET", "http://any.test/")).status_code, application.requests[0].target
    (404, '/')
    """
    application = Application()
    application.call = {"wsgi": _wsgi, "asgi": _asgi, "handler": _handler}[kind](application)
    return application


def _handler(application: Application) -> Callable[[Request], Response]:
    def handle(request: Request) -> Response:
        # Whoever calls a handler has read the body; what it was is in the request where it can be read again.
        body = request.body
        content = b"" if body is None or body.content is None else body.content
        answer = application.next(Asked(request.method, request.target, [*request.headers.pairs], content))
        return Response(answer.status, answer.fields, answer.pieces, reason=answer.reason)

    return handle


def _wsgi(application: Application) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        content = b"".join(iter(lambda: environ["wsgi.input"].read(65536), b""))
        fields = [(name[5:].replace("_", "-"), value) for name, value in environ.items() if name.startswith("HTTP_")]
        fields += [(name.replace("_", "-"), environ[name]) for name in ("CONTENT_TYPE",) if environ.get(name)]
        target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ["PATH_INFO"]
        answer = application.next(Asked(environ["REQUEST_METHOD"], target, fields, content))
        start_response(f"{answer.status} {answer.reason}", answer.fields)
        return _Pieces(application, answer.pieces)

    return call


class _Pieces:
    """The body of a WSGI application; whether it is closed is counted (PEP 3333)."""

    def __init__(self, application: Application, pieces: list[bytes]) -> None:
        self._application = application
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    def close(self) -> None:
        self._application.closed.put(1)


def _asgi(application: Application) -> Callable[[dict[str, Any], Any, Any], Awaitable[None]]:
    async def call(
        scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[..., Awaitable[None]]
    ) -> None:
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        target = scope.get("raw_path") or scope["path"].encode()
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        asked = Asked(scope["method"], (target + query).decode("latin-1"), fields, content)
        try:
            answer = application.next(asked)
            sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.fields]
            await send({"type": "http.response.start", "status": answer.status, "headers": sent})
            for piece in answer.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            application.closed.put(1)

    return call
