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


class Key(NamedTuple):
    """What two requests must have in common to share a connection."""

    scheme: str
    host: str
    port: int
    tls: TLS | None
    proxy: Proxy | None
    dial: Dial


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
        key = Key("https", url.dial_host, url.port, options.tls, proxy, options.dial)
        return Route(url.dial_host, url.port, url.host, key)
    if proxy is not None:  # one connection to a forwarding proxy serves every http origin
        key = Key("http", proxy.host, proxy.port, None, proxy, options.dial)
        return Route(proxy.host, proxy.port, None, key)
    key = Key("http", url.dial_host, url.port, None, None, options.dial)
    return Route(url.dial_host, url.port, None, key)
