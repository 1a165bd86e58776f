"""The transport over httpx: its ``HTTPTransport``, on a guarded network backend."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from intermodal.guard.httpcore import network_backend
from intermodal.guard.shelf import Shelf
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.model.options import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.blocking.exchange import Exchange
    from intermodal.net.route import Key


class _GuardedHTTPTransport(httpx.HTTPTransport):
    """An HTTPTransport over a pool of guarded connections; what is patched onto its base class applies to it too."""

    def __init__(self, backend: Any, limits: Limits) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # never used: our dialer does TLS
            max_connections=None,
            max_keepalive_connections=limits.connections,
            keepalive_expiry=limits.idle_seconds,
            network_backend=backend,
        )


class HttpxTransport(GuardedTransport):
    """Carries requests over :class:`httpx.HTTPTransport`.

    >>> with_httpx = HttpxTransport()
    >>> with_httpx.info.name
    'httpx'
    >>> with_httpx.close()
    """

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        super().__init__("httpx", httpx.__version__, limits)
        backend = network_backend(httpcore)

        def make(_: Key) -> httpx.HTTPTransport:
            return _GuardedHTTPTransport(backend, limits)

        self._transports = Shelf(make)

    def _carry(self, exchange: Exchange) -> Carried:
        response = self._transports.get(exchange.route.key).handle_request(rendered(exchange))
        pieces = _Pieces(response)

        def give_back(reusable: bool) -> None:
            if reusable:
                pieces.drain()  # the end of the message, which h11 has not been asked for yet; no byte is waited for
            response.close()

        return Carried(give_back, pieces.read)

    def _close(self) -> None:
        self._transports.close()


def rendered(exchange: Exchange) -> httpx.Request:
    """Render the request for httpx, which writes its head from these headers and this target."""
    request = exchange.request
    key = exchange.route.key
    host = key.host.partition("%")[0]
    made = httpx.Request(
        "GET",
        httpx.URL(scheme=key.scheme, host=host, port=key.port, path="/"),
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.pairs],
        stream=_RequestStream(exchange),
        extensions={"target": request.target.encode("ascii")},
    )
    made.method = request.method  # the constructor upper-cases it
    return made


class _RequestStream(httpx.SyncByteStream):
    def __init__(self, exchange: Exchange) -> None:
        self._body = exchange.request.body

    def __iter__(self) -> Iterator[bytes]:
        return iter(()) if self._body is None else self._body.pieces()


class _Pieces:
    """The body as it comes out of httpx, handed out at most ``n`` bytes at a time, once."""

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = iter(response.stream)  # type: ignore[arg-type]
        self._rest = b""

    def read(self, n: int) -> bytes:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        data, self._rest = self._rest[:n], self._rest[n:]
        return data

    def drain(self) -> None:
        for _ in self._pieces:
            pass
