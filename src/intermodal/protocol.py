"""The seam: what a transport must do, clause by clause, and how it says what it can do.

A transport is two methods, ``send`` and ``close``, and one property, ``info``. The clauses:

- **T1 One exchange.** No redirect, cookie, auth, retry, content decoding, environment or cache inside ``send``.
- **T2 Complete request.** The Request that arrives is whole: method, target, every header in order with its
  case and duplicates, framing included; for an http URL through a forward proxy the target is already absolute
  and ``Proxy-Authorization`` already there. A transport adds, removes, re-orders and re-encodes nothing. Two
  transports given the same Request put the same bytes on the wire, up to the first byte of the answer.
- **T3 Faithful response.** Status, reason, headers in order with duplicates, version, the undecoded body, trailers.
- **T4 Declare or refuse.** A capability that the request needs and the transport does not declare is refused
  with ``UnsupportedFeature`` before a byte leaves (call :func:`refuse_unsupported` first). Never silently ignored.
- **T5 Closed errors.** Only ``intermodal.errors`` types leave, from ``send`` and from the body alike, with
  ``request``, ``transport``, ``phase``, ``delivery``, ``reused`` and ``__cause__``. What the caller's own body
  raises comes back as ``RequestBodyError`` with that as its cause (BaseException passes). Anything else
  foreign is a ``TransportBug``.
- **T6 Delivery is true.** ``not_sent``: no byte of this request left. ``sent``: a response began. Else
  ``maybe_sent``. ``reused`` tells whether the connection had served before.
- **T7 Time.** ``connect`` bounds resolving, all addresses, proxy and TLS together; ``read`` and ``write`` bound
  each wait; ``pool`` the wait for a slot; ``total`` the whole exchange, body included: a server that drips one
  byte a second cannot outlive it. Bytes already received are delivered before the error.
- **T8 Streaming.** ``send`` returns at the end of the head. Memory stays bounded. The body is read once; leaving
  early and closing never poisons the next exchange.
- **T9 Malformed is an error.** What RFC 9112 calls invalid is a ``ProtocolError``, never a guess; a connection
  whose framing is in doubt is never used again.
- **T10 Lifecycle.** ``close`` is idempotent; ``send`` after ``close`` raises ``TransportClosed``; usable from
  many threads (tasks) at once; safe after fork; nothing leaks.
- **T11 Cancellation** (async). It propagates, the connection is dropped, no slot is lost, and it is never turned
  into a library error.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from intermodal.errors import UnsupportedFeature

if TYPE_CHECKING:
    from intermodal.model.options import TLS, Limits, Options
    from intermodal.model.request import Request
    from intermodal.model.response import AsyncResponse, Response


class Capability(enum.Flag):
    """A need that a request can have; a transport declares which it meets, any other is refused (T4)."""

    NONE = 0
    FORWARD_PROXY = enum.auto()
    CONNECT_PROXY = enum.auto()
    TLS_PROXY = enum.auto()
    SOCKS = enum.auto()
    UNIX_SOCKET = enum.auto()
    SOURCE_ADDRESS = enum.auto()
    CUSTOM_TLS = enum.auto()
    CLIENT_CERT = enum.auto()
    STREAM_REQUEST = enum.auto()
    EXPECT_CONTINUE = enum.auto()
    UPGRADE = enum.auto()
    WRITE_TIMEOUT = enum.auto()
    POOL_TIMEOUT = enum.auto()
    TOTAL_TIMEOUT = enum.auto()
    EXACT_TARGET = enum.auto()
    HTTPS = enum.auto()


#: What to do about a capability that is missing; completes the sentence of the error.
_REMEDY = {
    Capability.FORWARD_PROXY: "send without a proxy, or choose a transport that declares FORWARD_PROXY",
    Capability.CONNECT_PROXY: "send without a proxy (an https URL needs a tunnel), or take a transport by name instead of over an object of yours",
    Capability.TLS_PROXY: "reach the proxy by http:// instead of https://",
    Capability.SOCKS: "use an http proxy",
    Capability.UNIX_SOCKET: "connect over TCP",
    Capability.SOURCE_ADDRESS: "leave out source_address",
    Capability.CUSTOM_TLS: "leave verify at True and minimum_version at TLSv1.2 and set them on the object below, or choose a transport that declares CUSTOM_TLS",
    Capability.CLIENT_CERT: "leave out cert, or choose a transport that declares CLIENT_CERT",
    Capability.STREAM_REQUEST: "give the body as bytes",
    Capability.EXPECT_CONTINUE: "leave out Expect: 100-continue",
    Capability.UPGRADE: "leave out Upgrade",
    Capability.WRITE_TIMEOUT: "give Timeouts(write=None)",
    Capability.POOL_TIMEOUT: "give Timeouts(pool=None)",
    Capability.TOTAL_TIMEOUT: "give Timeouts(total=None)",
    Capability.EXACT_TARGET: "percent-encode the target, or leave it out",
    Capability.HTTPS: "ask by http://, or choose a transport that declares HTTPS",
}


class Guarantee(enum.Flag):
    """A quality of what comes back: tested where declared, absent honestly (None, maybe_sent) where not."""

    NONE = 0
    WIRE_EXACT = enum.auto()
    STRICT_FRAMING = enum.auto()
    DELIVERY = enum.auto()
    TRAILERS = enum.auto()
    INFORMATIONAL = enum.auto()
    EXCHANGE = enum.auto()


@dataclass(frozen=True)
class TransportInfo:
    """What a transport is and can do.

    Attributes:
        name: the name it is registered under, for example ``"requests"``.
        version: that of the library that carries the bytes.
        capabilities: the needs it meets; any other is refused.
        guarantees: the qualities of what it brings back.
    """

    name: str
    version: str = ""
    capabilities: Capability = Capability.NONE
    guarantees: Guarantee = Guarantee.NONE


@runtime_checkable
class Transport(Protocol):
    """Carries one request to one response, synchronously. The clauses T1 to T10 of this module are its contract."""

    @property
    def info(self) -> TransportInfo: ...

    def send(self, request: Request, options: Options, /) -> Response: ...

    def close(self) -> None: ...


class TransportFactory(Protocol):
    """What opens a transport, as an entry point names it: a class, or a function."""

    def __call__(self, *, limits: Limits) -> Transport: ...


@runtime_checkable
class AsyncTransport(Protocol):
    """Carries one request to one response, awaited. The clauses T1 to T11 of this module are its contract."""

    @property
    def info(self) -> TransportInfo: ...

    async def asend(self, request: Request, options: Options, /) -> AsyncResponse: ...

    async def aclose(self) -> None: ...


#: A target that canonicalisation leaves as it is; any other given whole needs EXACT_TARGET.
_canonical_target = re.compile(
    r"(?:https?://[^/?#]+)?/?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*"
    r"(?:\?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?"
).fullmatch


def needs(request: Request, options: Options) -> Capability:
    """Derive what a transport must be able to do to carry this request with these options.

    >>> from intermodal.model.options import Options, Timeouts
    >>> from intermodal.model.request import Request
    >>> no_bound = Timeouts.of(None)
    >>> needs(Request("PUT", "http://h/", body=iter([b"x"])), Options(no_bound))
    <Capability.STREAM_REQUEST: 256>
    """
    need = _timeout_needs(options) | _road_needs(request, options)
    body = request.body
    if body is not None and body.content is None:
        need |= Capability.STREAM_REQUEST
    headers = request.headers
    if "expect" in headers:
        need |= Capability.EXPECT_CONTINUE
    if "upgrade" in headers:
        need |= Capability.UPGRADE
    if request.target is not request.url.target and (request.target == "*" or not _canonical_target(request.target)):
        need |= Capability.EXACT_TARGET
    return need


def _timeout_needs(options: Options) -> Capability:
    need = Capability.NONE
    timeouts = options.timeouts
    if timeouts.write is not None:
        need |= Capability.WRITE_TIMEOUT
    if timeouts.pool is not None:
        need |= Capability.POOL_TIMEOUT
    if timeouts.total is not None:
        need |= Capability.TOTAL_TIMEOUT
    return need


def _road_needs(request: Request, options: Options) -> Capability:
    need = Capability.NONE
    https = request.url.scheme == "https"
    if https:
        need |= Capability.HTTPS | _tls_needs(options.tls)
    proxy = options.proxy
    if proxy is not None:
        if proxy.is_socks:
            need |= Capability.SOCKS
        else:
            need |= Capability.CONNECT_PROXY if https else Capability.FORWARD_PROXY
            if proxy.scheme == "https":
                need |= Capability.TLS_PROXY | _tls_needs(proxy.tls)
    if options.dial.unix_socket is not None:
        need |= Capability.UNIX_SOCKET
    if options.dial.source_address is not None:
        need |= Capability.SOURCE_ADDRESS
    return need


def _tls_needs(tls: TLS) -> Capability:
    need = Capability.NONE
    if tls.verify is not True or tls.minimum_version != "TLSv1.2":
        need |= Capability.CUSTOM_TLS
    if tls.cert is not None:
        need |= Capability.CLIENT_CERT
    return need


def refuse_unsupported(request: Request, options: Options, info: TransportInfo) -> None:
    """Refuse a request that needs what the transport does not declare (T4).

    Raises:
        UnsupportedFeature: naming each missing capability and what to do about it.
    """
    allowed = request.memo.get("allowed")
    if allowed is not None and allowed[0] is options and allowed[1] is info:
        return  # the client has asked, and the transport asks again
    missing = needs(request, options) & ~info.capabilities
    if missing:
        names = [(capability.name, _REMEDY[capability]) for capability in Capability if capability & missing]
        raise UnsupportedFeature(
            f"transport {info.name!r} cannot do {', '.join(str(name) for name, _ in names)}, nothing was sent: "
            + "; ".join(remedy for _, remedy in names),
            request=request,
            transport=info.name,
        )
    request.memo["allowed"] = (options, info)
