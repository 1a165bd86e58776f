"""The transport over httpx: its ``HTTPTransport`` on a guarded network backend, or the transports of a client."""

from __future__ import annotations

import ssl
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from intermodal.backends.mapping import call, reading, restore_cause
from intermodal.borrowed.answer import Answer, adopt, hand_over
from intermodal.borrowed.ignored import check_kind, refuse_ignored, refuse_overridden, refuse_resolver
from intermodal.errors import InvalidRequest, TransportClosed
from intermodal.guard.httpcore import network_backend
from intermodal.guard.shelf import Shelf
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.h1.exchange import encode_pieces
from intermodal.model.options import Limits
from intermodal.protocol import Capability, Guarantee, TransportInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.blocking.exchange import Exchange
    from intermodal.blocking.resolving import Resolver
    from intermodal.net.route import Key

#: Over a user's client, whose TLS settings are its own.
_CLIENT_INFO = TransportInfo(
    "httpx",
    httpx.__version__,
    Capability.HTTPS
    | Capability.FORWARD_PROXY
    | Capability.STREAM_REQUEST
    | Capability.WRITE_TIMEOUT
    | Capability.POOL_TIMEOUT,
    Guarantee.WIRE_EXACT,
)


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

    Args:
        client: a client of your own, of which the transports are used, each for what it is mounted for, with their TLS
            settings. The answers are then read by httpx's own parser, less is declared, and the client stays open. What
            of it is not used (``auth``, ``cookies``, ``headers`` …) is refused: give it to :class:`intermodal.Client`.
        limits: what is accepted and kept; with a client, how many connections are kept is its own choice.
        resolver: looks host names up instead of the system, as for the socket transport; not with a client.

    Raises:
        InvalidRequest: the client has settings that would be ignored.

    >>> with_httpx = HttpxTransport()
    >>> with_httpx.info.name
    'httpx'
    >>> with_httpx.close()
    >>> with httpx.Client(trust_env=False) as client:
    ...     HttpxTransport(client=client).info.guarantees
    <Guarantee.WIRE_EXACT: 1>
    """

    def __init__(
        self,
        *,
        client: httpx.Client | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        resolver: Resolver | None = None,
    ) -> None:
        super().__init__("httpx", httpx.__version__, limits, resolver)
        self._client = client
        if client is not None:
            _refuse_ignored(client)
            refuse_resolver("client", resolver)
            self._info = _CLIENT_INFO
            return
        backend = network_backend(httpcore)

        def make(_: Key) -> httpx.HTTPTransport:
            return _GuardedHTTPTransport(backend, limits)

        self._shelf = Shelf(make)

    def _carry(self, exchange: Exchange) -> Carried:
        if self._client is None:
            assert self._shelf is not None
            transport = self._shelf.get(exchange.route.key)
            response = call(exchange, partial(transport.handle_request, rendered(exchange)))
            if exchange.head is not None:
                return _carried(response)
        else:
            response = self._send(self._client, exchange)
        answer = _answer(response)
        adopt(exchange, answer)
        return Carried(answer.give_back)

    def _send(self, client: httpx.Client, exchange: Exchange) -> httpx.Response:
        if client.is_closed:
            raise TransportClosed("the httpx.Client was closed by its owner: open another one")
        made = rendered(exchange)
        timeouts = exchange.options.timeouts
        made.extensions["timeout"] = {name: getattr(timeouts, name) for name in ("connect", "read", "write", "pool")}
        if exchange.route.server_hostname is not None:  # without the dot that a name may end in
            made.extensions["sni_hostname"] = exchange.route.server_hostname
        # Not client.send(): even with auth and redirects off it puts the cookies of the answer into the client's jar,
        # and raises for a Location that it cannot parse. This is the one step of it that picks a transport.
        origin = made.url if exchange.options.proxy is None else httpx.URL(str(exchange.request.url.without_userinfo()))
        transport = client._transport_for_url(origin)
        hand_over(exchange)
        return call(exchange, partial(transport.handle_request, made))


class _ExactURL(httpx.URL):
    """A URL whose ``raw_path``, which httpcore writes as the target, is the request's own to the letter.

    The extension ``target``, which is for the same, came with a later httpcore than the oldest supported.
    """

    exact = b"/"

    @property
    def raw_path(self) -> bytes:
        return self.exact


#: httpx refuses a longer component of a URL, which is then not shown to hooks; what is written knows no limit.
_LONGEST_SHOWN = 65535


def rendered(exchange: Exchange) -> httpx.Request:
    """Render the request for httpx, which writes its head from these headers and this target."""
    request = exchange.request
    known = request.memo.get("httpx")
    if known is None or known[0] is not exchange.prepared:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.pairs]
        known = request.memo["httpx"] = (exchange.prepared, _url(exchange), headers)
    _, url, headers = known
    made = httpx.Request("GET", url, headers=headers, stream=_RequestStream(exchange))
    made.method = request.method  # the constructor upper-cases it
    made.url = url  # the constructor makes a plain one of it
    return made


def _url(exchange: Exchange) -> _ExactURL:
    key = exchange.route.key
    exact = exchange.request.target.encode("ascii")
    shown = exact if exact.startswith(b"/") and len(exact) <= _LONGEST_SHOWN else b"/"
    url = _ExactURL(scheme=key.scheme, host=key.host, port=key.port, raw_path=shown)
    url.exact = exact
    return url


class _RequestStream(httpx.SyncByteStream):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        body = self._exchange.request.body
        if body is None:
            return iter(())
        pieces = self._exchange.pieces = body.pieces()
        self._exchange.others = encode_pieces(body, pieces)  # as h11 would, should the rest go out past it
        return pieces


def _carried(response: httpx.Response) -> Carried:
    """Read a guarded response through httpx, which keeps the connection once it has seen the end."""
    return Carried(lambda _: response.close(), _Pieces(response).read)


class _Pieces:
    """The body as it comes out of httpx, handed out at most ``n`` bytes at a time, once.

    The stream of a response that was read and closed must not be iterated again: it would give the bytes of whichever
    answer comes next on the connection.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = iter(response.stream)  # type: ignore[arg-type]
        self._rest = b""

    def read(self, n: int) -> bytes:
        if not self._rest:
            outer = sys.exc_info()[1]
            try:
                self._rest = next(self._pieces, b"")
            except Exception as error:
                restore_cause(error, outer)
                raise
        data, self._rest = self._rest[:n], self._rest[n:]
        return data

    def ended(self) -> bool:
        """Whether this was all, once the whole body was counted: no byte is waited for then."""
        return not self._rest and next(self._pieces, None) is None


# --- what httpx has parsed by itself ------------------------------------------------------------------------------------


def _answer(response: httpx.Response) -> Answer:
    """Read what httpx brought, from its own connection or from a hook's hand."""
    pieces = _Pieces(response)
    extensions = response.extensions
    version = extensions.get("http_version", b"HTTP/1.1").decode("latin-1")
    reason = extensions.get("reason_phrase")

    def give_back(reusable: bool) -> None:
        try:
            clean = reusable and pieces.ended() and not _leftover(response)
            connection = extensions.get("network_stream")
            if not clean and connection is not None and version.startswith("HTTP/1."):
                connection.close()  # httpcore finds it dead then, and opens another
        finally:
            response.close()

    return Answer(
        response.status_code,
        response.reason_phrase if reason is None else reason.decode("latin-1"),
        version,
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw],
        reading(pieces.read),
        give_back,
    )


def _leftover(response: httpx.Response) -> bool:
    """Whether bytes came beyond the message: h11 would read them as the answer to the next request, whoever's it is.

    No public name tells. Where the way to h11's buffer is not as it was, the connection does not serve again.
    """
    inner: Any = response.stream
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
        inner = getattr(inner, name, None)
    data, _ = getattr(inner, "trailing_data", (b"unknown", True))
    return bool(data)


def _refuse_ignored(client: httpx.Client) -> None:
    check_kind("client", client, httpx.Client)
    refuse_overridden(
        client,
        httpx.Client,
        ("send", "request", "build_request"),
        "do it in a transport of your own (httpx.Client(transport=…)), or in intermodal.Client(middleware=…)",
    )
    # A proxy of the environment is one of these too.
    proxied = any(isinstance(pool, httpcore.HTTPProxy | httpcore.SOCKSProxy) for pool in _pools(client))
    with httpx.Client(transport=httpx.BaseTransport()) as plain:
        refuse_ignored(
            "client",
            [
                ("auth", client.auth, "Client(auth=…)"),
                ("cookies", len(client.cookies.jar), "Client(cookies=…)"),
                ("event_hooks", any(client.event_hooks.values()), "Client(middleware=…)"),
                ("params", client.params, "Client(params=…)"),
                ("headers", client.headers != plain.headers, "Client(headers=…)"),
                ("base_url", client.base_url != plain.base_url, "Client(base_url=…)"),
                ("timeout", client.timeout != plain.timeout, "Client(timeout=…)"),
                ("follow_redirects", client.follow_redirects, "Client, which follows them by itself"),
                ("max_redirects", client.max_redirects != plain.max_redirects, "Client(max_redirects=…)"),
                ("proxy", proxied, "Client(proxies=…), and httpx.Client(trust_env=False)"),
            ],
        )
    if any(getattr(pool, "_http2", False) for pool in _pools(client)):
        raise InvalidRequest(
            "this client speaks HTTP/2, of which no transport promises anything: make it without http2"
        )


def _pools(client: httpx.Client) -> list[object]:
    """The pools of the client's own HTTPTransports; other transports are whatever the user made them."""
    transports = [client._transport, *client._mounts.values()]
    return [transport._pool for transport in transports if isinstance(transport, httpx.HTTPTransport)]
