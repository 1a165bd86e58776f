"""The command ``doctor``: what would happen to a GET of a URL, looked at part by part, and no request is sent.

Laws:

- What is looked at is what a Client would do: a Client makes the request, reads the environment and chooses the road; the
  road is gone by the dialer of the transports. Only the transport below it is one that keeps what it is given.
- The server gets connections, and a TLS handshake; never a byte of HTTP. A proxy that a tunnel leads through is asked for
  the tunnel, since there is no other way to see what is behind it.
- A chain that is not accepted is read in a second handshake, which checks nothing: nothing is sent after it, and our
  certificate is not shown in it.
- Each wait has a bound, and no part that fails keeps the others from being looked at, but for those that build on it.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import operator
import os
import ssl
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from intermodal._version import __version__
from intermodal.blocking.bound import Bound
from intermodal.blocking.certificates import sent_by
from intermodal.blocking.connecting import _literal, resolve
from intermodal.blocking.dialer import Dialer
from intermodal.cli.doctor_chain import Link, links
from intermodal.cli.doctor_reach import Reached, reach, unasked
from intermodal.client import Client
from intermodal.errors import (
    CertificateError,
    ConnectTimeout,
    Error,
    InsecureRequestWarning,
    InvalidRequest,
    NameResolutionError,
    ProxyError,
    TLSError,
    UnsupportedFeature,
)
from intermodal.middleware.environment import Environment
from intermodal.middleware.route import Proxies, Roads
from intermodal.model.options import TLS, Limits, Timeouts
from intermodal.model.response import Response
from intermodal.net.deadline import Deadline
from intermodal.net.route import route
from intermodal.net.tls import context_for, system_store
from intermodal.protocol import Capability, TransportInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.blocking.handshake import Carrier
    from intermodal.blocking.stream import Stream
    from intermodal.cli.installed import Installed
    from intermodal.errors import Phase
    from intermodal.model.options import Dial, Options, Proxy
    from intermodal.model.request import Request
    from intermodal.model.url import URL
    from intermodal.net.route import Route

#: The parts, in the order in which they are looked at and shown.
Part = Literal["request", "proxy", "names", "trust", "tls", "transports"]
Whose = Literal["server", "proxy"]

#: How long an address is waited for at most, in seconds.
_ANSWER = 3.0
#: How long a server is listened to after the handshake, in seconds: in TLS 1.3 it may refuse a client only then.
_OBJECTION = 0.3
#: From so many days before a certificate's end on it is told.
_SOON = 21

#: Where each phase of a road that fails belongs.
_PARTS: dict[str, Part] = {"resolve": "names", "connect": "names", "proxy": "proxy", "tls": "tls"}

_REFUSED = "nobody listens there: is the port right, and the server running?"
_SILENT = "a firewall on the way may drop what is sent, or the machine is down"
_ADVICE = {
    errno.ECONNREFUSED: _REFUSED,
    errno.ETIMEDOUT: _SILENT,
    errno.ENETUNREACH: "there is no route to it from here: is the network up, and IPv6 if it is an address of IPv6?",
    errno.EHOSTUNREACH: "there is no route to it from here: is the network up, is a VPN needed?",
    errno.ENOENT: "there is no such socket: is the path right, and the server running?",
    errno.EACCES: "this user may not: look at the permissions of the socket and its folder",
    errno.ECONNRESET: "whoever listens there does not want to speak TLS, or something on the way cuts it off",
}

#: What OpenSSL's word for a failed handshake means, most often.
_TLS_ADVICE = (
    ("WRONG_VERSION_NUMBER", "what listens there does not speak TLS: is it an http:// URL, or another port?"),
    ("HTTP_REQUEST", "what listens there does not speak TLS: is it an http:// URL, or another port?"),
    ("RECORD_LAYER_FAILURE", "what listens there does not speak TLS: is it an http:// URL, or another port?"),
    ("PROTOCOL_VERSION", "the server speaks no version from TLS 1.2 on: whoever runs it has to bring it up to date"),
    (
        "UNSUPPORTED_PROTOCOL",
        "the server speaks no version from TLS 1.2 on: whoever runs it has to bring it up to date",
    ),
    ("UNRECOGNIZED_NAME", "the server knows no site of this name: is the host right?"),
    ("CERTIFICATE_REQUIRED", "the server wants a certificate of yours: give --cert"),
    ("HANDSHAKE_FAILURE", "there is no cipher that both know, or the server wants a certificate of yours: --cert"),
    ("EOF", "whoever listens there closed the connection: is it a TLS port, and for this host name?"),
)


@dataclass(frozen=True)
class Settings:
    """What is asked for beside the URL; as the keywords of a Client."""

    timeout: float | None = None
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    proxy: str | None = None
    trust_env: bool = True


@dataclass(frozen=True)
class Finding:
    """Something to be known.

    Attributes:
        part: what it is about.
        stands_in_the_way: whether no request can be sent because of it.
        says: what it is.
        do: what to do about it; empty where that is said already.
    """

    part: Part
    stands_in_the_way: bool
    says: str
    do: str = ""


@dataclass(frozen=True)
class Asked:
    """The request: the canonical URL, what stands in its first line and in Host, and whose server that is.

    Attributes:
        unix_socket: the path it goes over instead of TCP.
        login: whether the netrc file adds an Authorization.
    """

    url: str
    target: str
    host: str
    origin: str
    unix_socket: str | None = None
    login: bool = False


@dataclass(frozen=True)
class Chosen:
    """The proxy, with its password masked, or None; and what chose it, or chose to have none."""

    proxy: str | None
    by: str


@dataclass(frozen=True)
class Name:
    """A host that is looked up here, and its addresses; ``whose`` is the server or the proxy."""

    whose: Whose
    host: str
    port: int
    seconds: float
    addresses: tuple[Reached, ...] = ()


@dataclass(frozen=True)
class Store:
    """Whom a certificate is checked against.

    Attributes:
        whose: certificate.
        kind: the system's store, a file, a folder, or nothing: no check at all.
        path: where it is; None where the system keeps it elsewhere than in files.
        by: the option or the variable that chose it, or ``"default"``.
        authorities: how many are in it; None where that shows only as they are used.
    """

    whose: Whose
    kind: Literal["system", "file", "folder", "nothing"]
    path: str | None
    by: str
    authorities: int | None = None


@dataclass(frozen=True)
class Handshake:
    """What came of TLS with the server, or with the proxy.

    Attributes:
        accepted: whether the certificate was; where it was not, the rest comes from a second look that checked nothing.
        checked: whether it was to be.
        sha256: of the certificate, in hex.
        chain: what was sent, the peer's own certificate first; empty where it could not be read.
    """

    whose: Whose
    hostname: str
    port: int
    accepted: bool
    checked: bool
    version: str | None
    cipher: str | None
    alpn: str | None
    sha256: str | None
    chain: tuple[Link, ...]


@dataclass(frozen=True)
class Verdict:
    """What a transport would do: send the request, or refuse it, and why."""

    name: str
    sends: bool
    why: str = ""


@dataclass(frozen=True)
class Examination:
    """All that was seen; ``--json`` prints it as it is.

    Attributes:
        intermodal: the version.
        given: the URL as it was given.
        could_be_sent: whether nothing stands in the way.
        findings: by part, as they came up.
        request, proxy: None where that part could not be looked at.
        names, trust, tls, transports: likewise empty.
        phases: of the road, in order: each with the seconds it took.
        sent: what a proxy was told; nothing else has been sent.
        skipped: transports that do not open, and why.
    """

    intermodal: str
    given: str
    could_be_sent: bool
    findings: tuple[Finding, ...]
    request: Asked | None
    proxy: Chosen | None
    names: tuple[Name, ...]
    trust: tuple[Store, ...]
    tls: tuple[Handshake, ...]
    transports: tuple[Verdict, ...]
    phases: tuple[tuple[Phase, float], ...]
    sent: str
    skipped: dict[str, str]


def examine(given: str, url: URL, dial: Dial, settings: Settings, installed: Installed) -> Examination:
    """Look at every part of a GET of a URL.

    Raises:
        InvalidRequest: settings that no Client takes.
    """
    looking = _Looking(url, dial, settings, installed)
    looking.look()
    return Examination(
        __version__,
        given,
        not any(finding.stands_in_the_way for finding in looking.findings),
        tuple(looking.findings),
        looking.asked,
        looking.chosen,
        tuple(looking.names),
        tuple(looking.trust),
        tuple(looking.tls),
        tuple(looking.transports),
        tuple(looking.phases),
        looking.sent,
        installed.skipped,
    )


class _Keeper:
    """A transport that keeps what it is given, and sends nothing."""

    def __init__(self, info: TransportInfo) -> None:
        self.info = info
        self.kept: tuple[Request, Options] | None = None

    def send(self, request: Request, options: Options, /) -> Response:
        self.kept = request, options
        return Response(204, request=request)

    def close(self) -> None:
        """Nothing was opened."""


#: A transport that refuses nothing.
_ANY = TransportInfo("any", capabilities=functools.reduce(operator.or_, Capability))


@dataclass
class _Looking:
    """One examination under way."""

    url: URL
    dial: Dial
    settings: Settings
    installed: Installed
    findings: list[Finding] = field(default_factory=list)
    asked: Asked | None = None
    chosen: Chosen | None = None
    names: list[Name] = field(default_factory=list)
    trust: list[Store] = field(default_factory=list)
    tls: list[Handshake] = field(default_factory=list)
    transports: list[Verdict] = field(default_factory=list)
    phases: list[tuple[Phase, float]] = field(default_factory=list)
    sent: str = ""

    def look(self) -> None:
        made = self._request()
        if made is None:
            return
        request, options = made
        self._transports()
        try:
            road = route(request, options)
        except InvalidRequest as error:
            self._fault("proxy", str(error), self._without_proxy())
            return
        reachable = self._names(options, road)
        trusting = self._trust(options)
        if reachable and trusting:
            self._road(request, options, road)

    def _fault(self, part: Part, says: str, do: str = "") -> None:
        self.findings.append(Finding(part, True, says, do))

    def _note(self, part: Part, says: str, do: str = "") -> None:
        self.findings.append(Finding(part, False, says, do))

    # -- the request, its proxy, and who would send it ------------------------------------------------

    def _request(self) -> tuple[Request, Options] | None:
        """Have a Client make the request and choose the road."""
        url = self.url
        kept, error, told = self._ask(_ANY)
        for said in told:
            self._note("request", said)
        self._choose()
        request = None if kept is None else kept[0]
        self.asked = Asked(
            str(url),
            url.target if request is None else request.target,
            url.authority,
            _origin(url),
            None if self.dial.unix_socket is None else os.fspath(self.dial.unix_socket),
            request is not None and "authorization" in request.headers,
        )
        if url.fragment is not None:
            self._note("request", f"the fragment #{url.fragment} stays here: a fragment is never sent")
        if self.asked.login:
            self._note(
                "request",
                f"the netrc file has a login for {url.host}, which would be sent",
                "give --no-env to do without",
            )
        if error is not None and not any(finding.stands_in_the_way for finding in self.findings):
            self._fault("request", str(error))
        return kept

    def _ask(self, info: TransportInfo) -> tuple[tuple[Request, Options] | None, Error | None, list[str]]:
        """Send over a transport with these capabilities: what it would be given, or why it would not, and warnings."""
        keeper, settings = _Keeper(info), self.settings
        given: dict[str, Any] = {} if settings.timeout is None else {"timeout": settings.timeout}
        if settings.proxy is not None:
            given["proxies"] = {"all": settings.proxy}
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            client = Client(
                keeper,
                verify=settings.verify,
                cert=settings.cert,
                dial=self.dial,
                trust_env=settings.trust_env,
                **given,
            )
            try:
                client.get(self.url)
                error = None
            except Error as failure:
                error = failure
        told = [str(each.message) for each in said if not issubclass(each.category, InsecureRequestWarning)]
        return keeper.kept, error, told

    def _choose(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it was read before, and has been told
            environment = Environment.read() if self.settings.trust_env else Environment()
        given = self.settings.proxy
        roads = Roads(None if given is None else Proxies({"all": given}), environment)
        try:
            proxy, by = roads.explain(self.url, self.dial)
        except InvalidRequest as error:
            self._fault("proxy", str(error), "correct the variable, or give --no-env to leave it out of account")
            return
        self.chosen = Chosen(None if proxy is None else _masked(proxy), by if given is None else "--proxy")

    def _transports(self) -> None:
        for name, info in self.installed.infos.items():
            _, error, _ = self._ask(info)
            self.transports.append(Verdict(name, error is None, "" if error is None else str(error)))
            if isinstance(error, UnsupportedFeature):
                self._note("transports", f"{name} would refuse it: {error}")
        if not any(verdict.sends for verdict in self.transports):
            self._fault("transports", "there is no transport that would send it", "look at what each of them says")

    # -- names ----------------------------------------------------------------------------------------

    def _names(self, options: Options, road: Route) -> bool:
        """Look up whoever is looked up here; whether there is anybody to connect to."""
        if self.dial.unix_socket is not None:
            return True  # which the road shows
        proxy = options.proxy
        if proxy is None:
            return self._name("server", road.host, road.port, options.timeouts)
        reachable = self._name("proxy", proxy.host, proxy.port, options.timeouts)
        if proxy.scheme == "socks5":
            return self._name("server", road.host, road.port, options.timeouts, beyond=True) and reachable
        if not _literal(self.url.host):
            self._note("names", f"{self.url.host} is looked up by the proxy, not here")
        return reachable

    def _name(self, whose: Whose, host: str, port: int, timeouts: Timeouts, *, beyond: bool = False) -> bool:
        begun = time.monotonic()
        try:
            found = resolve(host, port, Bound(Deadline(timeouts, begun)), lambda *_: None)
        except Error as error:
            self.names.append(Name(whose, host, port, _since(begun)))
            self._fault("names", str(error), _advice(error))
            return False
        looked_up = _since(begun)
        if beyond:
            self.names.append(Name(whose, host, port, looked_up, tuple(map(unasked, found))))
            return True
        seconds = _ANSWER if timeouts.connect is None else min(_ANSWER, timeouts.connect)
        reached = reach(found, seconds)
        self.names.append(Name(whose, host, port, looked_up, tuple(reached)))
        closed = [f"{each.address}: {each.why}" for each in reached if not each.accepts]
        if len(closed) == len(reached):
            do = _SILENT if all("no answer" in each for each in closed) else _REFUSED
            self._fault("names", f"no address of the {whose} {host!r} takes a connection at port {port}", do)
        elif closed:
            self._note("names", f"not all addresses of {host!r} take connections; the others are taken")
        return len(closed) < len(reached)

    # -- trust ----------------------------------------------------------------------------------------

    def _trust(self, options: Options) -> bool:
        """Look at whom the certificates are checked against; whether they can be checked."""
        proxy, usable = options.proxy, True
        if proxy is not None and proxy.scheme == "https":
            usable = self._store("proxy", proxy.tls)
        if self.url.scheme == "https":
            usable = self._store("server", options.tls) and usable
        return usable

    def _store(self, whose: Whose, tls: TLS) -> bool:
        try:
            context = context_for(tls)
        except InvalidRequest as error:
            self._fault("trust", str(error))
            return False
        given = whose == "server" and self.settings.verify is not True
        if tls.verify is False:
            self.trust.append(Store(whose, "nothing", None, "--verify"))
            self._note(
                "trust",
                f"the certificate of the {whose} is not checked: anyone on the way can read and change what is sent",
                "leave out --verify no",
            )
        elif isinstance(tls.verify, str):
            folder = Path(tls.verify).is_dir()
            count = None if folder else context.cert_store_stats()["x509"]
            by = "--verify" if given else self._variable()
            self.trust.append(Store(whose, "folder" if folder else "file", tls.verify, by, count))
        else:
            self.trust.append(_system(whose))
        return True

    def _variable(self) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ca = Environment.read().ca
        return "the environment" if ca is None else ca.variable

    # -- the road -------------------------------------------------------------------------------------

    def _road(self, request: Request, options: Options, road: Route) -> None:
        """Go the road to its end, and look at the TLS on it."""
        proxy = options.proxy
        watch = _Watch()
        try:
            stream = _dial(road, options.timeouts, watch)
        except Error as error:
            self.phases = watch.phases()
            self._tell(proxy, road, watch)
            phase = watch.last
            # The proxy's handshake comes before the first word to the proxy.
            whose: Whose = "proxy" if _over_tls(proxy) and "proxy" not in watch.seen else "server"
            part = _PARTS.get(phase or "", "names")
            self._fault(part, str(error), self._advice(error, phase))
            if isinstance(error, CertificateError):
                self._look_again(request, options, whose, error)
            return
        self.phases = watch.phases()
        self._tell(proxy, road, watch)
        try:
            for whose, carrier in _layers(stream, road):
                self._handshake(whose, carrier, options, None)
            if road.server_hostname is not None or _over_tls(proxy):
                self._listen(stream)
        finally:
            stream.close()

    def _tell(self, proxy: Proxy | None, road: Route, watch: _Watch) -> None:
        """Note what the proxy was told on the way."""
        if proxy is None or "proxy" not in watch.seen:
            return
        host = f"[{road.host}]" if ":" in road.host else road.host
        asked = "a SOCKS5 request for" if proxy.scheme.startswith("socks") else "CONNECT"
        self.sent = f"{asked} {host}:{road.port}, to the proxy {proxy.host!r} port {proxy.port}"

    def _handshake(self, whose: Whose, carrier: Carrier, options: Options, error: CertificateError | None) -> None:
        secure: Any = carrier
        proxy = options.proxy
        of_proxy = whose == "proxy" and proxy is not None
        hostname = proxy.host.removesuffix(".") if of_proxy and proxy is not None else self.url.host
        port = proxy.port if of_proxy and proxy is not None else self.url.port
        tls = proxy.tls if of_proxy and proxy is not None else options.tls
        suite = secure.cipher()
        chain = links(
            sent_by(secure), code=None if error is None else error.verify_code, hostname=hostname, now=time.time()
        )
        self.tls.append(
            Handshake(
                whose,
                hostname,
                port,
                error is None,
                tls.verify is not False,
                secure.version(),
                None if suite is None else suite[0],
                secure.selected_alpn_protocol(),
                _sha256(secure.getpeercert(True)),
                tuple(chain),
            )
        )
        if error is None:
            for link in chain:
                if link.days_left < _SOON:
                    when = f"expires in {link.days_left} days" if link.days_left >= 0 else "has expired"
                    self._note(
                        "tls",
                        f"the certificate {link.subject} of the {whose} {when}, on {link.not_after}",
                        f"whoever runs the {whose} has to renew it",
                    )

    def _look_again(self, request: Request, options: Options, whose: Whose, error: CertificateError) -> None:
        """Read the chain that was not accepted, in a handshake that checks nothing and after which nothing is sent."""
        proxy = options.proxy
        if whose == "proxy" and proxy is not None:
            unchecked = dataclasses.replace(proxy, tls=TLS(False, minimum_version=proxy.tls.minimum_version))
            # As the forwarding proxy of a plain request it is dialled, and not asked for a tunnel.
            plain = type(request)("GET", "http://localhost/")
            road = route(plain, dataclasses.replace(options, proxy=unchecked))
        else:
            checks = TLS(False, minimum_version=options.tls.minimum_version)
            road = route(request, dataclasses.replace(options, tls=checks))
        try:
            stream = _dial(road, options.timeouts, _Watch())
        except Error as again:
            self._note("tls", f"the chain could not be read: {again}")
            return
        try:
            for each, carrier in _layers(stream, road):
                self._handshake(each, carrier, options, error if each == whose else None)
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
        self._fault("tls", f"right after the handshake the other side ended the connection: {why}", _tls_advice(why))

    def _advice(self, error: Error, phase: Phase | None) -> str:
        if isinstance(error, ProxyError):
            return self._without_proxy()
        if isinstance(error, ConnectTimeout) and phase == "tls":
            return "it takes connections, and does not answer the handshake: it is overloaded, or not a TLS server"
        return _advice(error)

    def _without_proxy(self) -> str:
        by = "" if self.chosen is None else self.chosen.by
        if by == "--proxy":
            return "the proxy was chosen by --proxy"
        return f"the proxy was chosen by {by}: give NO_PROXY={self.url.host}, or --no-env, to go without it"


class _Watch:
    """Is told each phase of a road as it begins."""

    def __init__(self) -> None:
        self._begun: list[tuple[Phase, float]] = []
        self._ended = 0.0

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


def _advice(error: Error) -> str:
    if isinstance(error, CertificateError):
        return ""  # it says so itself
    if isinstance(error, NameResolutionError):
        return (
            "is the name right? If only a VPN or a proxy knows it, give --proxy; else ask whoever runs the name server"
        )
    if isinstance(error, TLSError):
        return _tls_advice(str(error))
    number = getattr(error, "errno", None)
    if number in _ADVICE:
        return _ADVICE[number]
    return _SILENT if isinstance(error, ConnectTimeout) else ""


def _tls_advice(words: str) -> str:
    words = words.upper().replace(" ", "_")
    return next((do for word, do in _TLS_ADVICE if word in words), "")


def _masked(proxy: Proxy) -> str:
    user = "" if proxy.username is None else f"{proxy.username}:***@"
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return f"{proxy.scheme}://{user}{host}:{proxy.port}"


def _origin(url: URL) -> str:
    scheme, host, port = url.origin
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _system(whose: Whose) -> Store:
    """Describe the system's store."""
    store = system_store()
    return Store(whose, "system", None if store is None else store[0] or store[1], "default")


def _sha256(der: bytes | None) -> str | None:
    import hashlib  # noqa: PLC0415 - here only

    return None if der is None else hashlib.sha256(der).hexdigest()


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 6)
