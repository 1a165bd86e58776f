"""The transport over requests: its ``HTTPAdapter`` with guarded connections in the pools below, or a session's own."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.models import DEFAULT_REDIRECT_LIMIT
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers
from urllib3.response import BaseHTTPResponse

from intermodal.backends.mapping import call, reading
from intermodal.borrowed.answer import Answer, adopt, hand_over
from intermodal.borrowed.ignored import check_kind, refuse_ignored, refuse_overridden, refuse_resolver
from intermodal.borrowed.urllib3 import FieldList, answer_of, body_of, check_target, forsake, shown, written
from intermodal.errors import UnsupportedFeature
from intermodal.guard.current import current_exchange
from intermodal.guard.shelf import Shelf
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.guard.urllib3 import give_back, guarded_pool
from intermodal.model.host import authority
from intermodal.model.options import TLS, Limits
from intermodal.protocol import Capability, Guarantee, TransportInfo

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool

    from intermodal.blocking.exchange import Exchange
    from intermodal.blocking.resolving import Resolver

#: Over a user's session: what its adapters take with each request. TLS is requests' own choice of trust there.
_SESSION_INFO = TransportInfo(
    "requests",
    requests.__version__,
    Capability.HTTPS
    | Capability.FORWARD_PROXY
    | Capability.CUSTOM_TLS
    | Capability.CLIENT_CERT
    | Capability.STREAM_REQUEST,
    Guarantee.WIRE_EXACT,
)


class _GuardedAdapter(HTTPAdapter):
    """An HTTPAdapter whose pools are guarded; every method here is one that requests documents for overriding."""

    def __init__(self, pools: Shelf[HTTPConnectionPool]) -> None:
        super().__init__()
        self._pools = pools

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pools.get(current_exchange.get().route.key)

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave certificates to our dialer."""

    def request_url(self, *_: Any, **__: Any) -> str:
        return shown(current_exchange.get().request)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Make requests' own response, for whoever looks at it; ours is not made of it."""
        try:
            return super().build_response(req, resp)
        except AttributeError:  # requests 2.32.3 stumbles over "Content-Type: text/plain; charset"
            made = requests.Response()
            made.raw, made.status_code, made.reason = resp, resp.status, resp.reason
            made.headers.update(resp.headers)
            made.request, made.url = req, req.url or ""
            return made


class RequestsTransport(GuardedTransport):
    """Carries requests over :class:`requests.adapters.HTTPAdapter`.

    Args:
        session: a session of your own, of which the adapters are used, each for what it is mounted for. The answers
            are then read by requests' own parser, less is declared, each piece of a body is sent within the connect
            timeout, and the session stays open. What of it is not used (``auth``, ``cookies``, ``headers`` …) is
            refused: give it to :class:`intermodal.Client`.
        limits: what is accepted and kept; with a session, how many connections are kept is the adapters' choice.
        resolver: looks host names up instead of the system, as for the socket transport; not with a session.

    Raises:
        InvalidRequest: the session has settings that would be ignored.

    >>> with_requests = RequestsTransport()
    >>> with_requests.info.name
    'requests'
    >>> with_requests.close()
    >>> RequestsTransport(session=requests.Session()).info.guarantees
    <Guarantee.WIRE_EXACT: 1>
    """

    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        resolver: Resolver | None = None,
    ) -> None:
        super().__init__("requests", requests.__version__, limits, resolver)
        self._session = session
        if session is not None:
            _refuse_ignored(session)
            refuse_resolver("session", resolver)
            self._info = _SESSION_INFO
        else:
            self._shelf = Shelf(partial(guarded_pool, limits=limits))
            self._adapter = _GuardedAdapter(self._shelf)

    def _carry(self, exchange: Exchange) -> Carried:
        if self._session is None:
            response = call(exchange, partial(self._adapter.send, prepared(exchange), stream=True))
            if exchange.head is not None:
                return Carried(partial(give_back, response.raw))
        else:
            response = self._send(self._session, exchange)
        answer = _answer(response)
        if not adopt(exchange, answer):
            forsake(response.raw)
        return Carried(answer.give_back)

    def _send(self, session: requests.Session, exchange: Exchange) -> requests.Response:
        request, options = exchange.request, exchange.options
        adapter = call(exchange, partial(session.get_adapter, str(request.url.without_userinfo())))
        made = _rendered(exchange)
        if isinstance(adapter, HTTPAdapter):
            check_target(exchange, written(adapter.request_url(made, {})))
        secure = request.url.scheme == "https"
        timeouts = options.timeouts
        send = partial(
            adapter.send,
            made,
            stream=True,
            timeout=(timeouts.connect, timeouts.read),  # type: ignore[arg-type]
            verify=_verify(exchange) if secure else True,
            cert=_cert(exchange) if secure else None,
            proxies={},
        )
        hand_over(exchange)
        return call(exchange, send)


def prepared(exchange: Exchange) -> requests.PreparedRequest:
    """Render the request for whatever looks at it between here and the connection; not what is written."""
    request = exchange.request
    rendered = requests.PreparedRequest()
    rendered.method = request.method
    rendered.url = str(request.url.without_userinfo())
    rendered.headers = CaseInsensitiveDict(request.headers.items())
    rendered.body = None if request.body is None else request.body.content
    return rendered


class _Rendered(requests.PreparedRequest):
    """A prepared request whose target is not computed from its URL again: an empty query, for one, would be lost."""

    target = ""

    @property
    def path_url(self) -> str:
        return self.target


def _rendered(exchange: Exchange) -> _Rendered:
    """Render the request as it is to be written; to a forwarding proxy as if that were the origin."""
    request = exchange.request
    made = _Rendered()
    made.method = request.method
    made.url = str(request.url.without_userinfo())
    if exchange.options.proxy is not None:
        made.url = f"http://{authority(exchange.route.host, exchange.route.port)}/"
    made.target = request.target
    made.headers = FieldList.of(request.headers)  # type: ignore[assignment]
    made.body = body_of(request)
    return made


def _verify(exchange: Exchange) -> bool | str:
    verify = exchange.options.tls.verify
    if exchange.options.tls.minimum_version != TLS().minimum_version:
        raise _unsupported(
            exchange, "a minimum version of TLS", "mount an HTTPAdapter with an ssl.SSLContext that has it"
        )
    if isinstance(verify, bool | str):
        return verify
    raise _unsupported(
        exchange, "an ssl.SSLContext", "give verify as a CA file, or mount an HTTPAdapter with the context"
    )


def _cert(exchange: Exchange) -> str | tuple[str, str] | None:
    cert = exchange.options.tls.cert
    if isinstance(cert, tuple) and len(cert) == 3:
        raise _unsupported(exchange, "a client certificate whose key has a password", "decrypt the key first")
    files = cast("tuple[str, ...] | None", cert)  # as TLS makes it of whatever was given
    return None if files is None else files[0] if len(files) == 1 else (files[0], files[1])


def _unsupported(exchange: Exchange, what: str, remedy: str) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"requests cannot take {what} with a request, nothing was sent: {remedy}",
        request=exchange.request,
        transport=exchange.transport,
    )


def _answer(response: requests.Response) -> Answer:
    """Read what requests brought; a hook may have put anything readable under it."""
    raw = response.raw
    if isinstance(raw, BaseHTTPResponse):
        answer = answer_of(raw)
    else:
        read = io.BytesIO(response.content).read if raw is None else raw.read
        fields = response.headers.items()
        answer = Answer(
            response.status_code, response.reason or "", "HTTP/1.1", fields, read, lambda _: response.close()
        )
    return answer._replace(read=reading(answer.read))


def _refuse_ignored(session: requests.Session) -> None:
    check_kind("session", session, requests.Session)
    refuse_overridden(
        session,
        requests.Session,
        ("request", "send", "prepare_request", "merge_environment_settings"),
        "do it in an HTTPAdapter of your own and mount that, or in intermodal.Client(middleware=…)",
    )
    refuse_ignored(
        "session",
        [
            ("auth", session.auth, "Client(auth=…)"),
            ("cookies", len(session.cookies), "Client(cookies=…)"),
            ("hooks", any(session.hooks.values()), "Client(middleware=…)"),
            ("params", session.params, "Client(params=…)"),
            ("headers", session.headers != default_headers(), "Client(headers=…)"),
            ("proxies", session.proxies, "Client(proxies=…)"),
            ("verify", session.verify is not True, "Client(verify=…)"),
            ("cert", session.cert, "Client(cert=…)"),
            ("max_redirects", session.max_redirects != DEFAULT_REDIRECT_LIMIT, "Client(max_redirects=…)"),
            ("trust_env", not session.trust_env, "Client(trust_env=False)"),
            ("adapters' max_retries", any(map(_retries, session.adapters.values())), "Client(retries=…)"),
        ],
    )


def _retries(adapter: object) -> bool:
    """Whether an adapter may send a request more than once: a transport never does (T1), and a body may be gone."""
    retry = getattr(adapter, "max_retries", None)
    return retry is not None and (retry.total not in (0, False) or bool(retry.status_forcelist))
