"""The servers that both libraries talk to, and the talk of one library with them."""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import warnings
from typing import TYPE_CHECKING, Any

import requests
import requests.auth
import trustme
from differential.row import Fresh
from differential.seen import attempt, of_error, of_request, of_response, plain
from fleet import TRANSPORTS, make_transport

import intermodal
from intermodal.testing.origin import Origin, RequestReceived

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from differential.row import Row

REQUESTS = "requests itself"

#: The settings that say which connection is used.
_OF_CONNECTIONS = {"proxies", "verify", "cert", "retries"}

#: No call takes longer.
_PATIENCE = 10


class World:
    """Two origins, one over TLS, one that asks for a certificate, and a proxy behind which is every other host.

    What they receive is kept in the order in which it came, whichever of them it came to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        leaf = authority.issue_cert("127.0.0.1", "shop.test", "*.shop.test", "other.test")
        authority.issue_cert("someone").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
        self.received: list[tuple[str, Any]] = []
        self._adding = threading.Lock()
        self.servers: dict[str, Origin] = {}
        for name, settings in {
            "one": {},
            "two": {},
            "tls": {"tls": _context(leaf)},
            "strict": {"tls": _context(leaf, authority)},
            "proxy": {"front": "http", "tls": _context(leaf)},
            "login": {"front": "http", "tls": _context(leaf), "front_login": ("user", "secret")},
        }.items():
            self.servers[name] = Origin(observer=self._observer(name), **settings)
        #: Kept from row to row, for what needs no settings: most of the time of a row would go into connections else.
        self.transports: dict[str, Any] = {name: make_transport(name) for name in TRANSPORTS}
        self.transports[REQUESTS] = requests.adapters.HTTPAdapter()
        self.names = {f"127.0.0.1:{each.port}": f"{name}.test" for name, each in self.servers.items()}

    def _observer(self, name: str) -> Any:
        def observe(event: object) -> None:
            if isinstance(event, RequestReceived):
                with self._adding:
                    self.received.append((name, event.request))

        return observe

    def close(self) -> None:
        """Close all of them."""
        for transport in self.transports.values():
            transport.close()
        for server in self.servers.values():
            server.close()

    def run(self, row: Row, library: str) -> dict[str, Any]:
        """Do what a row says by a library; give all facts of it."""
        with self._adding:
            self.received.clear()
        for server in self.servers.values():
            server.reset_records()
        before = {name: {each.number for each in server.connections} for name, server in self.servers.items()}
        with contextlib.ExitStack() as stack:
            talk = Talk(self, library, stack)
            if library == REQUESTS:  # what it means to refuse one day, it does today
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            row.do(talk)
            facts = dict(talk.facts)
            facts["jar"] = talk.jar()
        with self._adding:
            received = [*self.received]
        own = {
            name.lower(): value
            for name, value in (talk.module.Client().headers if talk.ours else requests.utils.default_headers()).items()
        }
        for number, (name, request) in enumerate(received):
            facts |= {f"sent.{number}.{key}": value for key, value in of_request(name, request, own).items()}
        tunnels = [
            (each.tunnel.host, each.tunnel.port, each.tunnel.login)
            for name, server in self.servers.items()
            for each in server.connections
            if each.number not in before[name] and each.tunnel is not None
        ]
        if tunnels:
            facts["tunnels"] = tunnels
        return plain(facts, self.names)


class Talk:
    """One run of one row by one library: calls go through it, what comes of them is kept.

    Attributes:
        facts: what the caller got, by name.
        one, two, tls, strict, proxy, login: the URLs of the servers.
        folder: of the certificates and files.
        ours: whether it is intermodal that talks.
    """

    def __init__(self, world: World, library: str, stack: contextlib.ExitStack) -> None:
        self.world = world
        self.library = library
        self.ours = library != REQUESTS
        self.folder = world.folder
        self.one, self.two, self.tls, self.strict = (
            world.servers[name].url for name in ("one", "two", "tls", "strict")
        )
        self.proxy = f"http://127.0.0.1:{world.servers['proxy'].port}"
        self.login = f"127.0.0.1:{world.servers['login'].port}"
        self.facts: dict[str, Any] = {}
        self._calls = 0
        self._stack = stack
        self._session: Any = None

    # --- the session ---

    def open(self, *, fresh: bool = False, **settings: Any) -> Any:
        """Open the session, with settings; nothing is taken from the environment unless they say so.

        It shares its connections with those of other rows, unless its settings are about them or it is to be fresh.
        """
        settings.setdefault("trust_env", False)
        fresh = fresh or settings["trust_env"] or not _OF_CONNECTIONS.isdisjoint(settings)
        shared = None if fresh else self.world.transports[self.library]
        self._session = open_session(self.library, self._stack, shared, **settings)
        return self._session

    @property
    def session(self) -> Any:
        """The session of this run."""
        return self._session or self.open()

    def jar(self) -> list[tuple[str, ...]]:
        """The session's cookies."""
        if self._session is None:
            return []
        return sorted((each.name, each.value, each.domain, each.path) for each in self._session.cookies)

    # --- the calls ---

    def made(self, value: Any) -> Any:
        """A value as it is for this run: what is to be fresh is made, ``{one}`` and so on in text is replaced."""
        if isinstance(value, Fresh):
            return value.make(self)
        if isinstance(value, str):
            for name in ("one", "two", "tls", "strict", "proxy", "login", "folder"):
                value = value.replace(f"{{{name}}}", str(getattr(self, name)))
            return value
        if isinstance(value, dict):
            return {key: self.made(each) for key, each in value.items()}
        return value

    def __call__(self, method: str, url: str | bytes, **keywords: Any) -> Any:
        """Make a call; give its response, or None where an error came out."""
        number, self._calls = self._calls, self._calls + 1
        keywords = {name: self.made(value) for name, value in keywords.items()}
        keywords.setdefault("timeout", _PATIENCE)
        if isinstance(url, str):
            url = self.one + url if url.startswith("/") else self.made(url)
        elif isinstance(url, bytes) and url.startswith(b"/"):
            url = self.one.encode() + url
        if self._session is None:
            self.open(fresh=not _OF_CONNECTIONS.isdisjoint(keywords))
        try:
            response = self.session.request(method, url, **keywords)
        except Exception as error:
            got, response = of_error(error), None
        else:
            got = of_response(response, streamed=bool(keywords.get("stream")))
        self.facts |= {f"got.{number}.{name}": value for name, value in got.items()}
        return response

    def note(self, name: str, what: Any) -> Any:
        """Keep what a function gives, or the failure that comes out of it."""
        self.facts[name] = attempt(what)
        return self.facts[name]

    def play(self, *answers: Any, server: str = "one", **settings: Any) -> None:
        """Have a server answer by a script."""
        origin = self.world.servers[server]
        for each in answers:
            script = self._plain(each)
            script = origin.play(*(script if isinstance(script, tuple) else (script,)), **settings)
            self._stack.callback(origin.withdraw, script)

    def _plain(self, script: Any) -> Any:
        if not isinstance(script, bytes):
            return script
        for name in ("one", "two", "tls"):
            script = script.replace(b"{%s}" % name.encode(), getattr(self, name).encode())
        return script

    # --- what has other names ---

    @property
    def module(self) -> Any:
        """The library's own module."""
        return intermodal if self.ours else requests

    def basic(self, user: Any, password: Any) -> Any:
        """An auth object for Basic."""
        return (intermodal.BasicAuth if self.ours else requests.auth.HTTPBasicAuth)(user, password)

    def digest(self, user: Any, password: Any) -> Any:
        """An auth object for Digest."""
        return digest_auth(self.library, user, password)

    @contextlib.contextmanager
    def environment(self, **variables: str) -> Iterator[None]:
        """Have variables in the environment for a while."""
        known = {name: os.environ.get(name) for name in variables}
        os.environ.update({name: self.made(value) for name, value in variables.items()})
        try:
            yield
        finally:
            for name, value in known.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    @contextlib.contextmanager
    def override(self) -> Iterator[None]:
        """Have the functions of the module use this run's transport."""
        if not self.ours:
            yield
            return
        transport = make_transport(self.library)
        try:
            with intermodal.use_transport(transport):
                yield
        finally:
            transport.close()

    @contextlib.contextmanager
    def warned(self, name: str) -> Iterator[None]:
        """Keep the names of the warnings that come."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        self.facts[name] = sorted({each.category.__name__ for each in caught})


def open_session(library: str, stack: contextlib.ExitStack, shared: Any, **settings: Any) -> Any:
    """Open a session of a library, by what it is to share: a transport or an adapter, or None for its own."""
    if library != REQUESTS:
        return stack.enter_context(intermodal.Client(shared or library, **settings))
    session = requests.Session()
    retries = settings.pop("retries", 0)
    if shared is None:
        stack.callback(session.close)  # which would close what it shares
    for scheme in ("http://", "https://"):
        session.mount(scheme, shared or requests.adapters.HTTPAdapter(max_retries=retries))
    for name, value in settings.items():
        if name in {"headers", "cookies"}:
            getattr(session, name).update(value)
        else:
            setattr(session, name, value)
    return session


def digest_auth(library: str, user: str, password: str) -> Any:
    """An auth object for Digest."""
    return (requests.auth.HTTPDigestAuth if library == REQUESTS else intermodal.DigestAuth)(user, password)


def _context(leaf: trustme.LeafCert, authority: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    if authority is not None:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
