"""An examination: the request, its proxy, the names and the trust store, then the road, each as far as those before allow.

Laws:

- What is looked at is what a Client would do: a Client makes the request, reads the environment and chooses the road. Only
  the transport below it is one that keeps what it is given.
- Each wait has a bound, and no part that fails keeps the others from being looked at, but for those that build on it.
"""

from __future__ import annotations

import functools
import operator
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intermodal.blocking.bound import Bound
from intermodal.blocking.resolving import resolve
from intermodal.cli.doctor.advice import REFUSED, SILENT, advice, without_proxy
from intermodal.cli.doctor.reach import reach, unasked
from intermodal.cli.doctor.road import look_at_road
from intermodal.cli.doctor.seen import Asked, Chosen, Name, Seen, Store, Verdict
from intermodal.client import Client
from intermodal.errors import Error, InsecureRequestWarning, InvalidRequest, UnsupportedFeature
from intermodal.middleware.environment import Environment
from intermodal.middleware.route import Proxies, Roads
from intermodal.model.host import authority, is_address
from intermodal.model.response import Response
from intermodal.net.deadline import Deadline
from intermodal.net.route import route
from intermodal.net.tls import context_for, system_store
from intermodal.protocol import Capability, TransportInfo

if TYPE_CHECKING:
    from intermodal.cli.doctor.seen import Examination, Whose
    from intermodal.cli.installed import Installed
    from intermodal.model.options import TLS, Dial, Options, Timeouts
    from intermodal.model.request import Request
    from intermodal.model.url import URL
    from intermodal.net.route import Route

#: How long an address is waited for at most, in seconds.
_ANSWER = 3.0


@dataclass(frozen=True)
class Settings:
    """What is asked for beside the URL; as the keywords of a Client."""

    timeout: float | None = None
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    proxy: str | None = None
    trust_env: bool = True


def examine(given: str, url: URL, dial: Dial, settings: Settings, installed: Installed) -> Examination:
    """Look at every part of a GET of a URL.

    Raises:
        InvalidRequest: settings that no Client takes.
    """
    looking = _Looking(url, dial, settings, installed)
    looking.look()
    return looking.seen.examination(given, installed.skipped)


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


class _Looking:
    """One examination under way."""

    def __init__(self, url: URL, dial: Dial, settings: Settings, installed: Installed) -> None:
        self.url = url
        self.dial = dial
        self.settings = settings
        self.installed = installed
        self.seen = Seen()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the Client reads it too, and what it has to say is told
            self.environment = Environment.read() if settings.trust_env else Environment()

    def look(self) -> None:
        made = self._request()
        if made is None:
            return
        request, options = made
        self._transports()
        try:
            road = route(request, options)
        except InvalidRequest as error:
            self.seen.fault("proxy", str(error), without_proxy(self.seen.proxy, self.url.host))
            return
        reachable = self._names(options, road)
        trusting = self._trust(options)
        if reachable and trusting:
            look_at_road(request, options, road, self.seen)

    # -- the request, its proxy, and who would send it ------------------------------------------------

    def _request(self) -> tuple[Request, Options] | None:
        """Have a Client make the request and choose the road."""
        url = self.url
        kept, error, told = self._ask(_ANY)
        for said in told:
            self.seen.note("request", said)
        self._choose()
        request = None if kept is None else kept[0]
        self.seen.request = Asked(
            str(url),
            url.target if request is None else request.target,
            url.authority,
            f"{url.scheme}://{authority(*url.origin[1:])}",
            None if self.dial.unix_socket is None else os.fspath(self.dial.unix_socket),
            request is not None and "authorization" in request.headers,
        )
        if url.fragment is not None:
            self.seen.note("request", f"the fragment #{url.fragment} stays here: a fragment is never sent")
        if self.seen.request.login:
            self.seen.note(
                "request",
                f"the netrc file has a login for {url.host}, which would be sent",
                "give --no-env to do without",
            )
        if error is not None and self.seen.is_free:
            self.seen.fault("request", str(error))
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
        given = self.settings.proxy
        roads = Roads(None if given is None else Proxies({"all": given}), self.environment)
        try:
            proxy, by = roads.explain(self.url, self.dial)
        except InvalidRequest as error:
            self.seen.fault("proxy", str(error), "correct the variable, or give --no-env to leave it out of account")
            return
        self.seen.proxy = Chosen(None if proxy is None else str(proxy), by if given is None else "--proxy")

    def _transports(self) -> None:
        for name, info in self.installed.infos.items():
            _, error, _ = self._ask(info)
            self.seen.transports.append(Verdict(name, error is None, "" if error is None else str(error)))
            if isinstance(error, UnsupportedFeature):
                self.seen.note("transports", f"{name} would refuse it: {error}")
        if not any(verdict.sends for verdict in self.seen.transports):
            self.seen.fault("transports", "there is no transport that would send it", "look at what each of them says")

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
        if not is_address(self.url.host):
            self.seen.note("names", f"{self.url.host} is looked up by the proxy, not here")
        return reachable

    def _name(self, whose: Whose, host: str, port: int, timeouts: Timeouts, *, beyond: bool = False) -> bool:
        begun = time.monotonic()
        try:
            found = resolve(host, port, Bound(Deadline(timeouts, begun)), lambda *_: None)
        except Error as error:
            self.seen.names.append(Name(whose, host, port, _since(begun)))
            self.seen.fault("names", str(error), advice(error))
            return False
        looked_up = _since(begun)
        if beyond:
            self.seen.names.append(Name(whose, host, port, looked_up, tuple(map(unasked, found))))
            return True
        seconds = _ANSWER if timeouts.connect is None else min(_ANSWER, timeouts.connect)
        reached = reach(found, seconds)
        self.seen.names.append(Name(whose, host, port, looked_up, tuple(reached)))
        closed = [f"{each.address}: {each.why}" for each in reached if not each.accepts]
        if len(closed) == len(reached):
            do = SILENT if all("no answer" in each for each in closed) else REFUSED
            self.seen.fault("names", f"no address of the {whose} {host!r} takes a connection at port {port}", do)
        elif closed:
            self.seen.note("names", f"not all addresses of {host!r} take connections; the others are taken")
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
            self.seen.fault("trust", str(error))
            return False
        given = whose == "server" and self.settings.verify is not True
        if tls.verify is False:
            self.seen.trust.append(Store(whose, "nothing", None, "--verify"))
            self.seen.note(
                "trust",
                f"the certificate of the {whose} is not checked: anyone on the way can read and change what is sent",
                "leave out --verify no",
            )
        elif isinstance(tls.verify, str):
            folder = Path(tls.verify).is_dir()
            count = None if folder else context.cert_store_stats()["x509"]
            ca = self.environment.ca
            by = "--verify" if given or ca is None else ca.variable
            self.seen.trust.append(Store(whose, "folder" if folder else "file", tls.verify, by, count))
        else:
            self.seen.trust.append(_system(whose))
        return True


def _system(whose: Whose) -> Store:
    """Describe the system's store."""
    store = system_store()
    return Store(whose, "system", None if store is None else store[0] or store[1], "default")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 6)
