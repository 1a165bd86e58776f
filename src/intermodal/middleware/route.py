"""Proxies: which one this request goes through, and what it looks like to a proxy that forwards.

For plain http a forwarding proxy is sent the whole URL as the target (RFC 9112 section 3.2.2) and its own
credentials in ``Proxy-Authorization`` (RFC 9110 section 11.7.2), which therefore never goes to an origin.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from intermodal.errors import InvalidRequest, InvalidURL
from intermodal.model.options import Options, Proxy
from intermodal.model.url import URL

if TYPE_CHECKING:
    from intermodal.flow import Flow, Inner
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

ProxiesInput = Mapping[str, str | Proxy | None]


class Proxies:
    """The proxies by ``https://host``, ``https``, ``all://host`` or ``all``, looked up in this order, as requests does.

    >>> from intermodal.model.url import URL
    >>> proxies = Proxies({"http": "http://p:3128", "http://intern.example": None})
    >>> proxies.choose(URL("http://a.example/")), proxies.choose(URL("http://intern.example/"))
    (Proxy('http://p:3128'), None)
    """

    def __init__(self, proxies: ProxiesInput) -> None:
        if not isinstance(proxies, Mapping):
            raise InvalidURL(f"proxies={proxies!r:.80}: expected a mapping such as {{'http': 'http://proxy:3128'}}")
        self._by_key: dict[str, Proxy | None] = {}
        for key, value in proxies.items():
            self._by_key[_key(key)] = value if isinstance(value, Proxy) else Proxy(value) if value else None

    def choose(self, url: URL) -> Proxy | None:
        """Give the proxy for a URL, or None."""
        for key in (f"{url.scheme}://{url.host}", url.scheme, f"all://{url.host}", "all"):
            if key in self._by_key:
                return self._by_key[key]
        return None


def _key(key: object) -> str:
    scheme, separator, host = key.lower().partition("://") if isinstance(key, str) else ("", "", "")
    if scheme in {"http", "https", "all"} and not separator:
        return scheme
    with contextlib.suppress(InvalidRequest):
        url = URL(f"http://{host}")
        if scheme in {"http", "https", "all"} and url.target == "/" and not host.endswith("/") and url.port == 80:
            return f"{scheme}://{url.host}"  # as the host of a URL is written
    raise InvalidURL(
        f"proxies has the key {key!r:.60}: expected 'http', 'https', 'all', or 'https://host' without a port"
    )


def through_proxy(request: Request, options: Options, inner: Inner, proxies: Proxies) -> Flow[BaseResponse]:
    """Send a request through the proxy that was chosen for its URL."""
    proxy = proxies.choose(request.url)
    if proxy is not None:
        options = dataclasses.replace(options, proxy=proxy)
        if request.url.scheme == "http" and not proxy.scheme.startswith("socks"):
            request = forwarded(request, proxy)
    return (yield from inner(request, options))


def forwarded(request: Request, proxy: Proxy) -> Request:
    """Give the request as a forwarding proxy must see it."""
    target = request.target
    if target == "*":
        target = f"http://{request.url.authority}"  # RFC 9112 section 3.2.4
    elif target.startswith("/"):
        target = f"http://{request.url.authority}{target}"
    headers = list(request.headers.pairs)
    if proxy.username is not None:
        credentials = f"{proxy.username}:{proxy.password or ''}".encode()
        headers = [pair for pair in headers if pair[0].lower() != "proxy-authorization"]
        headers.append(("Proxy-Authorization", "Basic " + base64.b64encode(credentials).decode("ascii")))
    return request.replace(headers=headers, target=target)
