"""Which road a request takes, and the key under which the connection at its end may be used again.

Any field of the TLS settings, the proxy or the dial that differs makes another key: a connection that
was opened without checking certificates is never handed to a caller who checks them. Timeouts are no
part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from intermodal.model.options import TLS, Dial, Options, Proxy
    from intermodal.model.request import Request


class Key:
    """What two requests must have in common to share a connection; hashed once, because pools look it up often."""

    __slots__ = ("_fields", "_hash", "host", "port", "scheme")

    def __init__(self, scheme: str, host: str, port: int, settings: tuple[TLS | None, Proxy | None, Dial]) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self._fields = (scheme, host, port, settings)
        self._hash = hash(self._fields)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Key) and self._fields == other._fields)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Key{self._fields!r}"


class Route(NamedTuple):
    """Where to connect, and the name to check the server's certificate against (None: no TLS)."""

    host: str
    port: int
    server_hostname: str | None
    key: Key


def route(request: Request, options: Options) -> Route:
    """Choose the road: straight to the origin, or to the proxy that forwards plain http.

    >>> from intermodal.model.options import Options, Proxy
    >>> from intermodal.model.request import Request
    >>> request = Request("GET", "http://h/")
    >>> route(request, Options()).port, route(request, Options(proxy=Proxy("http://p:3128"))).port
    (80, 3128)
    """
    url, proxy = request.url, options.proxy
    if url.scheme == "https":
        key = Key("https", url.dial_host, url.port, (options.tls, proxy, options.dial))
        return Route(url.dial_host, url.port, url.host, key)
    if proxy is not None:  # one connection to a forwarding proxy serves every http origin
        key = Key("http", proxy.host, proxy.port, (None, proxy, options.dial))
        return Route(proxy.host, proxy.port, None, key)
    key = Key("http", url.dial_host, url.port, (None, None, options.dial))
    return Route(url.dial_host, url.port, None, key)
