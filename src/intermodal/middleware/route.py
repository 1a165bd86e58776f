"""The route of one request: its proxy, whom to trust on the way, and the login for its host.

All three go by the request's own URL, so that a request that is sent on elsewhere is looked at anew. For plain http a
forwarding proxy is sent the whole URL as the target (RFC 9112 section 3.2.2) and its own credentials in
``Proxy-Authorization`` (RFC 9110 section 11.7.2), which therefore never goes to an origin.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from intermodal.errors import InvalidRequest, InvalidURL, UnsupportedFeature
from intermodal.middleware.environment import Environment
from intermodal.middleware.no_proxy import NoProxy
from intermodal.model.options import Dial, Options, Proxy
from intermodal.model.url import URL
from intermodal.protocol import Capability, needs

if TYPE_CHECKING:
    from intermodal.flow import Call, Flow, Inner
    from intermodal.middleware.logins import Logins
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

#: What a proxy can ask of a transport.
_FOR_PROXIES = Capability.FORWARD_PROXY | Capability.CONNECT_PROXY | Capability.TLS_PROXY | Capability.SOCKS

ProxiesInput = Mapping[str, str | Proxy | None]


class Proxies:
    """The proxies by ``https://host``, ``https``, ``all://host`` or ``all``, looked up in this order, as requests does.

    The key ``no_proxy`` holds what ``NO_PROXY`` does in the environment, and is then asked instead.

    >>> from intermodal.model.url import URL
    >>> proxies = Proxies({"http": "http://p:3128", "http://intern.example": None})
    >>> proxies.explain(URL("http://a.example/")), proxies.explain(URL("http://intern.example/"))
    ((Proxy('http://p:3128'), "proxies['http']"), (None, "proxies['http://intern.example']"))
    """

    def __init__(self, proxies: ProxiesInput) -> None:
        if not isinstance(proxies, Mapping):
            raise InvalidURL(
                f"proxies is a {type(proxies).__name__}: expected a mapping such as {{'http': 'http://proxy:3128'}}"
            )
        self._by_key: dict[str, Proxy | None] = {}
        self.no_proxy: NoProxy | None = None
        for key, value in proxies.items():
            if key == "no_proxy":
                self.no_proxy = _no_proxy(value)
            else:
                self._by_key[_key(key)] = value if isinstance(value, Proxy) else Proxy(value) if value else None

    def over(self, others: Proxies | None) -> Proxies:
        """Lay these over others, key by key."""
        merged = Proxies({})
        for proxies in (others, self):
            if proxies is not None:
                merged._by_key |= proxies._by_key
                merged.no_proxy = proxies.no_proxy or merged.no_proxy
        return merged

    def explain(self, url: URL) -> tuple[Proxy | None, str] | None:
        """Give the proxy for a URL and the key that chose it; None where no key is about this URL."""
        entry = self.no_proxy.entry_for(url) if self.no_proxy is not None else None
        if entry is not None:
            return None, f"proxies['no_proxy'] entry {entry!r}"
        for key in (f"{url.scheme}://{url.host}", url.scheme, f"all://{url.host}", "all"):
            if key in self._by_key:
                return self._by_key[key], f"proxies[{key!r}]"
        return None


def _no_proxy(value: object) -> NoProxy | None:
    if value is not None and not isinstance(value, str):
        raise InvalidURL(f"proxies['no_proxy'] is {value!r:.60}: expected a str such as 'localhost,10.0.0.0/8'")
    return None if value is None else NoProxy(value)


def _key(key: object) -> str:
    scheme, separator, host = key.lower().partition("://") if isinstance(key, str) else ("", "", "")
    if scheme in {"http", "https", "all"} and not separator:
        return scheme
    with contextlib.suppress(InvalidRequest):
        url = URL(f"http://{host}")
        if scheme in {"http", "https", "all"} and url.target == "/" and not host.endswith("/") and url.port == 80:
            return f"{scheme}://{url.host}"  # as the host of a URL is written
    raise InvalidURL(
        f"proxies has the key {key!r:.60}: expected 'http', 'https', 'all', 'https://host' without a port, or 'no_proxy'"
    )


class Roads:
    """The ways that a client may take: by the proxies it was given, else by the environment.

    What was given is not subject to the environment's ``NO_PROXY``, as in requests.

    >>> roads = Roads(Proxies({"http": "http://p:3128"}))
    >>> roads.explain(URL("http://h/")), roads.explain(URL("https://h/"))
    ((Proxy('http://p:3128'), "proxies['http']"), (None, 'no proxy is set'))
    """

    __slots__ = ("environment", "proxies")

    def __init__(self, proxies: Proxies | None = None, environment: Environment = Environment()) -> None:  # noqa: B008 - frozen
        self.proxies: Proxies | None = proxies
        self.environment: Environment = environment

    def explain(self, url: URL, dial: Dial = Dial()) -> tuple[Proxy | None, str]:  # noqa: B008 - frozen
        """Give the proxy for a URL, or None, and why: the key or the variable that says so.

        A Unix socket leads to its server by itself: the environment, which is about the network, is not asked then.

        Raises:
            InvalidURL: the variable of the environment that counts holds no proxy.
        """
        explained = self.proxies.explain(url) if self.proxies is not None else None
        if explained is None and dial.unix_socket is not None:
            return None, "a Unix socket leads there"
        if explained is None:
            instead = self.proxies is not None and self.proxies.no_proxy is not None
            explained = self.environment.explain(url, anywhere=instead)
        return explained or (None, "no proxy is set")


def by_road(
    request: Request,
    options: Options,
    inner: Inner,
    roads: Roads,
    *,
    call: Call,
    trusting: bool = True,
    logins: Logins | None = None,
    elsewhere: bool = False,
) -> Flow[BaseResponse]:
    """Send a request the way that was chosen for its URL.

    Args:
        request: the request.
        options: what is asked of the exchange.
        inner: what sends it.
        roads: the ways there are.
        call: tells whether a redirect has led to another origin.
        trusting: whether the transport can be told whom to trust; one that cannot has settings of its own.
        logins: by host, for a request that has none.
        elsewhere: whether they are only for other origins than the first, which the caller has logged in to.
    """
    url = request.url
    proxy, _ = roads.explain(url, options.dial)
    ca = roads.environment.ca if trusting else None
    if request.way.downgraded or (elsewhere and not call.strayed):
        logins = None  # no login in clear text after https, whatever the host
    if ca is not None and url.scheme == "https" and options.tls.verify is True:
        options = dataclasses.replace(options, tls=dataclasses.replace(options.tls, verify=ca.needed()))
    if ca is not None and proxy is not None and proxy.scheme == "https" and proxy.tls.verify is True:
        proxy = _trusting(proxy, ca.needed())
    if logins and url.username is None and "authorization" not in request.headers:
        # The file's default is for whom the caller turns to, not for whom a server leads to.
        login = logins.authorization(url, default=not request.way.strayed)
        if login is not None:
            request = request.with_field("Authorization", login)
    if proxy is not None:
        options = dataclasses.replace(options, proxy=proxy)
        if url.scheme == "http" and not proxy.is_socks:
            request = forwarded(request, proxy)
    return (yield from inner(request, options))


def explain_refusal(error: UnsupportedFeature, options: Options, roads: Roads, capabilities: Capability) -> None:
    """Add to a refusal who asked for what was refused, where that is not in the call."""
    if error.request is None:  # of a middleware, which means something else
        return
    request: Request = error.request
    proxy, why = roads.explain(request.url, options.dial)
    missing = needs(request, dataclasses.replace(options, proxy=proxy)) & ~capabilities
    if missing & _FOR_PROXIES:
        error.args = (f"{error}; the proxy was chosen by {why}",)


@functools.lru_cache(maxsize=64)
def _trusting(proxy: Proxy, ca: str) -> Proxy:
    return dataclasses.replace(proxy, tls=dataclasses.replace(proxy.tls, verify=ca))


def forwarded(request: Request, proxy: Proxy) -> Request:
    """Give the request as a forwarding proxy must see it."""
    target = request.target
    if target == "*":
        target = f"http://{request.url.authority}"  # RFC 9112 section 3.2.4
    elif target.startswith("/"):
        target = f"http://{request.url.authority}{target}"
    headers = list(request.headers.pairs)
    credentials = proxy.authorization
    if credentials is not None:
        headers = [pair for pair in headers if pair[0].lower() != "proxy-authorization"]
        headers.append(("Proxy-Authorization", credentials))
    return request.replace(headers=headers, target=target)
