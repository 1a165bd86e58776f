"""Which road a request takes, and the key under which the connection at its end may be used again.

Any field of the TLS settings, the proxy or the dial that differs makes another key: a connection that
was opened without checking certificates is never handed to a caller who checks them. Timeouts are no
part of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import InvalidHeader, InvalidRequest
from intermodal.net.plan import Connect, ConnectUnix, StartTLS
from intermodal.net.socks import socks5
from intermodal.net.tunnel import tunnel

if TYPE_CHECKING:
    from intermodal.model.options import TLS, Dial, Limits, Options, Proxy
    from intermodal.model.request import Request
    from intermodal.net.plan import Plan


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
    """A road.

    Attributes:
        host, port: whom the road leads to: the server, or the proxy that forwards.
        server_hostname: what the server's certificate must be for; None where it is not spoken to in TLS.
        tls: how that is checked.
        proxy: what stands between, or forwards.
        dial: how the first connection is made.
        key: what the connection at the end is pooled under.
    """

    host: str
    port: int
    server_hostname: str | None
    tls: TLS
    proxy: Proxy | None
    dial: Dial
    key: Key


def route(request: Request, options: Options) -> Route:
    """Choose the road: straight to the server, through a proxy to it, or to the proxy that forwards plain http.

    Raises:
        InvalidRequest: a proxy behind a Unix socket; InvalidHeader: Proxy-Authorization that no proxy would see.

    >>> from intermodal.model.options import Options, Proxy
    >>> from intermodal.model.request import Request
    >>> request = Request("GET", "http://h/")
    >>> route(request, Options()).port, route(request, Options(proxy=Proxy("http://p:3128"))).port
    (80, 3128)
    """
    url, tls, proxy, dial = request.url, options.tls, options.proxy, options.dial
    if proxy is not None and dial.unix_socket is not None:
        raise InvalidRequest(
            f"proxy={proxy!r} and Dial(unix_socket={dial.unix_socket!r}) were both given: a Unix socket leads to one server,"
            " leave the proxy out"
        )
    forwards = proxy is not None and url.scheme == "http" and not proxy.is_socks
    if proxy is not None and not forwards and "proxy-authorization" in request.headers:
        raise InvalidHeader(
            f"Proxy-Authorization would go past the proxy {proxy.host!r}, through the tunnel to {url.host!r} (RFC 9110"
            " section 11.7.2): give the credentials with the proxy, http://user:password@host:port"
        )
    if url.scheme == "https":
        key = Key("https", url.dial_host, url.port, (tls, proxy, dial))
        return Route(url.dial_host, url.port, url.host, tls, proxy, dial, key)
    if proxy is not None and forwards:  # one connection to it serves every http origin
        key = Key(proxy.scheme, proxy.host, proxy.port, (None, proxy, dial))
        return Route(proxy.host, proxy.port, None, tls, proxy, dial, key)
    key = Key("http", url.dial_host, url.port, (None, proxy, dial))
    return Route(url.dial_host, url.port, None, tls, proxy, dial, key)


def steps(route: Route, limits: Limits) -> Plan[None]:
    r"""Give the steps that lead along a road.

    >>> from intermodal.model.options import Limits, Options, Proxy
    >>> from intermodal.model.request import Request
    >>> road = route(Request("GET", "https://h/"), Options(proxy=Proxy("http://p:3128")))
    >>> plan = steps(road, Limits())
    >>> next(plan), plan.send(b"")
    (Connect(host='p', port=3128, proxy=True), Write(data=b'CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n'))
    """
    proxy, hostname = route.proxy, route.server_hostname
    early = b""
    if route.dial.unix_socket is not None:
        yield ConnectUnix(os.fspath(route.dial.unix_socket))
    elif proxy is None:
        yield Connect(route.host, route.port)
    else:
        ask = socks5(route.host, route.port, proxy) if proxy.is_socks else None  # refuses what no message can hold
        yield Connect(proxy.host, proxy.port, proxy=True)
        if proxy.scheme == "https":
            yield StartTLS(proxy.tls, proxy.host.removesuffix("."), proxy.port, proxy=True)
        if ask is not None:
            yield from ask
        elif hostname is not None:
            early = yield from tunnel(route.host, route.port, proxy, limits)
    if hostname is not None:
        yield StartTLS(route.tls, hostname, route.port, early=early)
