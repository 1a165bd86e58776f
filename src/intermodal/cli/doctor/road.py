"""The road that a request would take, gone to its end, and the TLS on it.

- It is gone by the dialer of the transports. A proxy that a tunnel leads through is asked for the tunnel, since there is
  no other way to see what is behind it; the server gets a TLS handshake, and never a byte of HTTP.
- A chain that is not accepted is read in a second handshake, which checks nothing: nothing is sent after it, and our
  certificate is not shown in it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import ssl
import time
from typing import TYPE_CHECKING, Any

from intermodal.blocking.chain import sent_by
from intermodal.blocking.dialer import Dialer
from intermodal.cli.doctor.advice import advice, tls_advice, without_proxy
from intermodal.cli.doctor.chain import links
from intermodal.cli.doctor.seen import Handshake
from intermodal.errors import CertificateError, ConnectTimeout, Error, ProxyError
from intermodal.model.host import authority
from intermodal.model.options import TLS, Limits
from intermodal.net.deadline import Deadline
from intermodal.net.route import route

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.blocking.layered import Carrier
    from intermodal.blocking.stream import Stream
    from intermodal.cli.doctor.seen import Part, Seen, Whose
    from intermodal.errors import Phase
    from intermodal.model.options import Options, Proxy, Timeouts
    from intermodal.model.request import Request
    from intermodal.net.route import Route

#: How long a server is listened to after the handshake, in seconds: in TLS 1.3 it may refuse a client only then.
_OBJECTION = 0.3
#: From so many days before a certificate's end on it is told.
_SOON = 21

#: Where each phase of a road that fails belongs.
_PARTS: dict[str, Part] = {"resolve": "names", "connect": "names", "proxy": "proxy", "tls": "tls"}


def look_at_road(request: Request, options: Options, road: Route, seen: Seen) -> None:
    """Go the road to its end, and note what is seen on it."""
    _Look(request, options, seen).go(road)


class _Look:
    def __init__(self, request: Request, options: Options, seen: Seen) -> None:
        self._request = request
        self._options = options
        self._proxy = options.proxy
        self._seen = seen

    def go(self, road: Route) -> None:
        watch = _Watch()
        try:
            stream = _dial(road, self._options.timeouts, watch)
        except Error as error:
            self._tell(road, watch)
            phase = watch.last
            # The proxy's handshake comes before the first word to the proxy.
            whose: Whose = "proxy" if _over_tls(self._proxy) and "proxy" not in watch.seen else "server"
            self._seen.fault(_PARTS.get(phase or "", "names"), str(error), self._advice(error, phase))
            if isinstance(error, CertificateError):
                self._look_again(whose, error)
            return
        self._tell(road, watch)
        try:
            layers = _layers(stream, road)
            for whose, carrier in layers:
                self._handshake(whose, carrier, None)
            if layers:
                self._listen(stream)
        finally:
            stream.close()

    def _tell(self, road: Route, watch: _Watch) -> None:
        """Note how far it went, and what the proxy was told on the way."""
        self._seen.phases = watch.phases()
        proxy = self._proxy
        if proxy is None or "proxy" not in watch.seen:
            return
        asked = "a SOCKS5 request for" if proxy.is_socks else "CONNECT"
        self._seen.sent = f"{asked} {authority(road.host, road.port)}, to the proxy {proxy.host!r} port {proxy.port}"

    def _advice(self, error: Error, phase: Phase | None) -> str:
        if isinstance(error, ProxyError):
            return without_proxy(self._seen.proxy, self._request.url.host)
        if isinstance(error, ConnectTimeout) and phase == "tls":
            return "it takes connections, and does not answer the handshake: it is overloaded, or not a TLS server"
        return advice(error)

    def _handshake(self, whose: Whose, carrier: Carrier, error: CertificateError | None) -> None:
        secure: Any = carrier
        hostname, port, tls = self._peer(whose)
        suite, own = secure.cipher(), secure.getpeercert(True)
        code = None if error is None else error.verify_code
        chain = links(sent_by(secure), code=code, hostname=hostname, now=time.time())
        self._seen.tls.append(
            Handshake(
                whose,
                hostname,
                port,
                error is None,
                tls.verify is not False,
                secure.version(),
                None if suite is None else suite[0],
                secure.selected_alpn_protocol(),
                None if own is None else hashlib.sha256(own).hexdigest(),
                tuple(chain),
            )
        )
        if error is not None:
            return
        for link in chain:
            if link.days_left < _SOON:
                when = f"expires in {link.days_left} days" if link.days_left >= 0 else "has expired"
                self._seen.note(
                    "tls",
                    f"the certificate {link.subject} of the {whose} {when}, on {link.not_after}",
                    f"whoever runs the {whose} has to renew it",
                )

    def _peer(self, whose: Whose) -> tuple[str, int, TLS]:
        """Give whom the certificate has to be for, the port, and how it is checked."""
        proxy, url = self._proxy, self._request.url
        if whose == "proxy" and proxy is not None:
            return proxy.host.removesuffix("."), proxy.port, proxy.tls
        return url.host, url.port, self._options.tls

    def _look_again(self, whose: Whose, error: CertificateError) -> None:
        """Read the chain that was not accepted, in a handshake that checks nothing and after which nothing is sent."""
        proxy, options = self._proxy, self._options
        if whose == "proxy" and proxy is not None:
            unchecked = dataclasses.replace(proxy, tls=TLS(False, minimum_version=proxy.tls.minimum_version))
            # As the forwarding proxy of a plain request it is dialled, and not asked for a tunnel.
            plain = type(self._request)("GET", "http://localhost/")
            road = route(plain, dataclasses.replace(options, proxy=unchecked))
        else:
            checks = TLS(False, minimum_version=options.tls.minimum_version)
            road = route(self._request, dataclasses.replace(options, tls=checks))
        try:
            stream = _dial(road, options.timeouts, _Watch())
        except Error as again:
            self._seen.note("tls", f"the chain could not be read: {again}")
            return
        try:
            for each, carrier in _layers(stream, road):
                self._handshake(each, carrier, error if each == whose else None)
        finally:
            stream.close()

    def _listen(self, stream: Stream) -> None:
        """Hear whether the other side takes the connection back: in TLS 1.3 it looks at our certificate after we are done."""
        try:
            if stream.recv(1, _OBJECTION):
                return
            why = "it closed the connection"
        except TimeoutError:
            return
        except ssl.SSLError as error:
            why = str(error.reason or error)
        except OSError as error:
            why = error.strerror or str(error)
        says = f"right after the handshake the other side ended the connection: {why}"
        self._seen.fault("tls", says, tls_advice(why))


class _Watch:
    """Is told each phase of a road as it begins."""

    def __init__(self) -> None:
        self._begun: list[tuple[Phase, float]] = []

    def __call__(self, phase: Phase, _: Callable[[], object]) -> None:
        if not self._begun or self._begun[-1][0] != phase:
            self._begun.append((phase, time.monotonic()))

    @property
    def seen(self) -> set[Phase]:
        return {phase for phase, _ in self._begun}

    @property
    def last(self) -> Phase | None:
        return self._begun[-1][0] if self._begun else None

    def phases(self) -> list[tuple[Phase, float]]:
        """Give each phase with the seconds it took; the last one ends now."""
        ends = [at for _, at in self._begun[1:]] + [time.monotonic()]
        return [(phase, round(end - at, 6)) for (phase, at), end in zip(self._begun, ends, strict=True)]


def _dial(road: Route, timeouts: Timeouts, watch: _Watch) -> Stream:
    return Dialer(Limits()).dial(road, Deadline(timeouts, time.monotonic()), watch)


def _layers(stream: Stream, road: Route) -> list[tuple[Whose, Carrier]]:
    """Give each TLS of a connection with whose it is, the outer one first."""
    sock = stream.sock
    if not _over_tls(road.proxy):
        return [] if road.server_hostname is None else [("server", sock)]
    return [("proxy", sock)] if road.server_hostname is None else [("proxy", sock.outer), ("server", sock)]  # type: ignore[union-attr]


def _over_tls(proxy: Proxy | None) -> bool:
    return proxy is not None and proxy.scheme == "https"
