"""A transport that calls an ASGI application in this process, so that a test needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from intermodal._version import __version__
from intermodal.protocol import Capability, Guarantee, TransportInfo, refuse_unsupported
from intermodal.testing.application import CAPABILITIES, Call, below, closed, is_mount, split_target
from intermodal.testing.asgi_exchange import Exchange, Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import AsyncResponse

__all__ = ["ASGITransport"]

_INFO: Final = TransportInfo(
    "asgi", __version__, CAPABILITIES | Capability.TOTAL_TIMEOUT, Guarantee.DELIVERY | Guarantee.TRAILERS
)


class ASGITransport:
    """Calls an ASGI 3 application in this process: an :class:`~intermodal.protocol.AsyncTransport` without a socket.

    The application runs as a task on the caller's event loop (asyncio), in a copy of the caller's context. The response
    is streamed: ``asend`` returns at ``http.response.start``; the application's next message waits until the one before
    was read. At the end of the body the application is waited for, as long as ``read`` and ``total`` allow, so that what
    it does after its response is done as well. A response that is closed before shows it ``http.disconnect``, and an
    OSError from ``send()``; it is cancelled if that does not end it. Trailers are supported (``http.response.trailers``);
    lifespan and websockets are not.

    There is no TLS: an https URL sets the scope's ``scheme``, and what is said about certificates concerns nobody.

    Args:
        app: the application, ``async def app(scope, receive, send)``.
        raise_app_exceptions: whether what the application raises, or sends against the specification, leaves as an
            error; else it is logged, and becomes what it would over a server: a 500, or a body that is cut off.
        root_path: where the application is mounted, for example ``"/shop"``; URLs include it.
        client: the client's address and port.

    Raises:
        TypeError: what is given is no application.
        ValueError: ``root_path`` does not begin with ``"/"``, or ends with one.

    >>> import asyncio
    >>> from intermodal import Options, Request
    >>> async def app(scope, receive, send):
    ...     await send({"type": "http.response.start", "status": 200, "headers": []})
    ...     await send({"type": "http.response.body", "body": f"Hello {scope['path']}".encode()})
    >>> async def main():
    ...     async with await ASGITransport(app).asend(Request("GET", "http://app.test/you"), Options()) as response:
    ...         return await response.read()
    >>> asyncio.run(main())
    b'Hello /you'
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        raise_app_exceptions: bool = True,
        root_path: str = "",
        client: tuple[str, int] = ("127.0.0.1", 123),
    ) -> None:
        if not callable(app):
            raise TypeError(
                f"ASGITransport was given {app!r:.60}: expected an ASGI application, async def app(scope, receive, send)"
            )
        if not is_mount(root_path):
            raise ValueError(f"root_path={root_path!r:.60}: expected a path such as '/shop', without '/' at its end")
        self._app = app
        self._shows = raise_app_exceptions
        self._mount = root_path
        self._client = client
        self._closed = False
        #: The exchanges that somebody waits on.
        self._waiting: set[Exchange] = set()

    @property
    def info(self) -> TransportInfo:
        return _INFO

    async def asend(self, request: Request, options: Options, /) -> AsyncResponse:
        """Call the application, and return when its response has begun."""
        if self._closed:
            raise closed(request, "asgi")
        refuse_unsupported(request, options, _INFO)
        scope = self._scope(request)
        call = Call(request, "asgi", shows=self._shows)
        return await Exchange(call, options.timeouts, self._waiting).begin(self._app, scope)

    async def aclose(self) -> None:
        """Refuse whatever is sent from now on, and end what tasks wait for: they get ``TransportClosed``.

        A response that nobody waits for at this moment can be read to its end.
        """
        self._closed = True
        for exchange in tuple(self._waiting):
            exchange.interrupt()

    def _scope(self, request: Request) -> Message:
        url = request.url
        raw_path, query = split_target(request)
        path = unquote(raw_path)
        if path != "*":
            below(path, self._mount, request, "asgi")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,  # in its case, which counts (RFC 9110 section 9.1)
            "scheme": url.scheme,
            "path": path,
            "raw_path": request.target.partition("?")[0].encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": self._mount,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.pairs
            ],
            "client": self._client,
            "server": (url.host, url.port),
            "extensions": {"http.response.trailers": {}},
        }
