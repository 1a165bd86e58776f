"""T4: what a transport declares it does, and what it does not declare it refuses before a byte leaves.

What is declared of proxies, other roads, trust and requests has a file for each; here is what a transport says of
itself, and every refusal.
"""

from __future__ import annotations

import functools
import io
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.declared_requests import UPGRADE, Pieces
from intermodal.errors import UnsupportedFeature
from intermodal.model.options import TLS, Dial, Proxy
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from intermodal.conformance.stage import Stage
    from intermodal.model.options import Options
    from intermodal.model.request import Request

CHAPTER = Chapter()

_EVERYTHING: Final = functools.reduce(operator.or_, Capability)


# --- what a transport says of itself ----------------------------------------------------------------------------------


@CHAPTER.case(wire=False)
def a_transport_says_what_it_is(stage: Stage) -> None:
    """T4: info has a name, the library's version, and the two sets of flags, of the types that are asked for."""
    info = stage.transport.info
    stage.demand(isinstance(info.name, str) and info.name, "a name", repr(info.name))
    stage.demand(isinstance(info.version, str), "a version as text", info.version)
    stage.demand(isinstance(info.capabilities, Capability), "a Capability", info.capabilities)
    stage.demand(isinstance(info.guarantees, Guarantee), "a Guarantee", info.guarantees)


@CHAPTER.case(wire=False)
def what_is_declared_stays(stage: Stage) -> None:
    """T4: info is the same before an exchange, after one, after one that was refused, and after close."""
    info = stage.transport.info
    stage.works()
    stage.same("info after an exchange", stage.transport.info, info)
    stage.carry(stage.request(body=iter([b"x"])), stage.options(write=5, pool=5, total=5, tls=TLS(verify=False)))
    stage.same("info after one with other options", stage.transport.info, info)
    stage.same("info of another one", stage.another().info, info)
    stage.transport.close()
    stage.same("info after close", stage.transport.info, info)


@CHAPTER.rows({"GET": ("GET", None), "POST": ("POST", b"x"), "DELETE": ("DELETE", None)}, wire=False)
def a_plain_request_needs_nothing(stage: Stage, row: tuple[str, bytes | None]) -> None:
    """T4: a {row} with no bound but those on connect and read, straight to its server, is never refused."""
    method, body = row
    stage.answer(200, [], b"yes")
    stage.answered(stage.carry(stage.request(method, "/plain?a=1", [("X-A", "1")], body)), 200, b"yes")


@CHAPTER.case(wire=False)
def no_bound_is_no_need(stage: Stage) -> None:
    """T4: where no bound at all is set on time, nothing has to be declared for that."""
    stage.answer(200, [], b"yes")
    stage.answered(stage.carry(None, stage.options(connect=None, read=None)), 200, b"yes")


# --- refusals ---------------------------------------------------------------------------------------------------------


class _Peers:
    """Whom the requests go to that are refused: servers that count what comes, or, in-process, nobody."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.authority = stage.authority
        self.http = stage.url

    def _served(self, url: str, **how: Any) -> str:
        if self._stage.maker.application is not None:
            return url
        served = self._stage.serve(**how)
        return str(served.proxy_url or served.url)

    @functools.cached_property
    def https(self) -> str:
        return self._served("https://target.test", tls=self.authority.server())

    @functools.cached_property
    def proxy(self) -> str:
        return self._served("http://127.0.0.1:9", front="http")

    @functools.cached_property
    def tls_proxy(self) -> str:
        return self._served("https://127.0.0.1:9", front="http", front_tls=self.authority.server())

    @functools.cached_property
    def socks(self) -> str:
        return self._served("socks5h://127.0.0.1:9", front="socks5")

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415 - one row needs it

        return ssl.create_default_context()


class _Nobody(_Peers):
    """The same where nobody listens: what is refused is not tried."""

    def _served(self, url: str, **_: Any) -> str:
        return f"{url.partition('://')[0]}://127.0.0.1:9"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.http = self._served("http://")


@dataclass(frozen=True)
class _Row:
    """A request that needs capabilities.

    Attributes:
        needs: those that it is about.
        options: makes keywords of ``Stage.options``.
        secure: whether it is for an https server.
        request: more keywords of ``Stage.request``.
    """

    needs: Capability
    options: Callable[[_Peers], dict[str, Any]] = lambda _: {}
    secure: bool = False
    request: Callable[[], dict[str, Any]] = dict

    def make(self, stage: Stage, peers: _Peers, body: Any) -> tuple[Request, Options]:
        given = {"body": body} | self.request()
        method = "POST" if given["body"] is not None else "GET"
        base = peers.https if self.secure else peers.http
        return stage.request(method, "/refused", base=base, **given), stage.options(**self.options(peers))


_REFUSED: Final = {
    "a forwarding proxy": _Row(
        Capability.FORWARD_PROXY,
        lambda peers: {"proxy": Proxy(peers.proxy)},
        request=lambda: {"target": "http://origin.test/refused"},
    ),
    "a tunnel": _Row(Capability.CONNECT_PROXY, lambda peers: {"proxy": Proxy(peers.proxy)}, secure=True),
    "an https proxy": _Row(
        Capability.TLS_PROXY,
        lambda peers: {"proxy": Proxy(peers.tls_proxy)},
        request=lambda: {"target": "http://origin.test/refused"},
    ),
    "a tunnel of an https proxy": _Row(
        Capability.TLS_PROXY, lambda peers: {"proxy": Proxy(peers.tls_proxy)}, secure=True
    ),
    "SOCKS": _Row(Capability.SOCKS, lambda peers: {"proxy": Proxy(peers.socks)}),
    "SOCKS, names looked up here": _Row(
        Capability.SOCKS, lambda peers: {"proxy": Proxy(peers.socks.replace("socks5h", "socks5"))}
    ),
    "https through SOCKS": _Row(Capability.SOCKS, lambda peers: {"proxy": Proxy(peers.socks)}, secure=True),
    "a Unix socket": _Row(
        Capability.UNIX_SOCKET,
        lambda peers: {"dial": Dial(unix_socket=Path(peers.authority.path).with_name("nobody"))},
    ),
    "a source address": _Row(Capability.SOURCE_ADDRESS, lambda _: {"dial": Dial(source_address="127.0.0.1")}),
    "https": _Row(Capability.HTTPS, secure=True),
    "a certificate that is not checked": _Row(Capability.CUSTOM_TLS, lambda _: {"tls": TLS(verify=False)}, secure=True),
    "a CA file": _Row(Capability.CUSTOM_TLS, lambda peers: {"tls": TLS(verify=peers.authority.path)}, secure=True),
    "a context": _Row(Capability.CUSTOM_TLS, lambda peers: {"tls": TLS(verify=peers.context)}, secure=True),
    "TLSv1.3 at least": _Row(Capability.CUSTOM_TLS, lambda _: {"tls": TLS(minimum_version="TLSv1.3")}, secure=True),
    "a CA file for the proxy": _Row(
        Capability.CUSTOM_TLS,
        lambda peers: {"proxy": Proxy(peers.tls_proxy, TLS(verify=peers.authority.path))},
        request=lambda: {"target": "http://origin.test/refused"},
    ),
    "a client's certificate": _Row(
        Capability.CLIENT_CERT, lambda peers: {"tls": TLS(cert=peers.authority.client)}, secure=True
    ),
    "a client's certificate for the proxy": _Row(
        Capability.CLIENT_CERT,
        lambda peers: {"proxy": Proxy(peers.tls_proxy, TLS(cert=peers.authority.client))},
        request=lambda: {"target": "http://origin.test/refused"},
    ),
    "a streamed body": _Row(Capability.STREAM_REQUEST, request=lambda: {"body": iter([b"x"])}),
    "a file as the body": _Row(Capability.STREAM_REQUEST, request=lambda: {"body": io.BytesIO(b"x")}),
    "Expect": _Row(Capability.EXPECT_CONTINUE, request=lambda: {"headers": [("Expect", "100-continue")], "body": b"x"}),
    "Upgrade": _Row(Capability.UPGRADE, request=lambda: {"headers": UPGRADE, "body": None}),
    "a bound on writing": _Row(Capability.WRITE_TIMEOUT, lambda _: {"write": 5}),
    "a bound on waiting for a connection": _Row(Capability.POOL_TIMEOUT, lambda _: {"pool": 5}),
    "a bound on the whole": _Row(Capability.TOTAL_TIMEOUT, lambda _: {"total": 5}),
    "an exact target": _Row(Capability.EXACT_TARGET, request=lambda: {"target": "/a|b"}),
}


def _refused(stage: Stage, row: _Row, peers: _Peers) -> UnsupportedFeature:
    """Send what has to be refused, with a body where the transport could take that, and demand a true refusal."""
    body = Pieces(b"never") if stage.declares(Capability.STREAM_REQUEST) else None
    request, options = row.make(stage, peers, body)
    error = stage.failed(stage.carry(request, options), UnsupportedFeature, delivery="not_sent", reused=False)
    assert isinstance(error, UnsupportedFeature)
    stage.demand(error.request is request, "the request that was refused on the error", error.request)
    for capability in Capability:
        if capability in row.needs and not stage.declares(capability):
            stage.demand(str(capability.name) in str(error), f"an error that names {capability.name}", str(error))
    stage.same("pieces of the body that were drawn", [] if body is None else body.drawn, [])
    stage.same("the number of connections", len(stage.connections), 0)
    stage.nothing_was_sent()
    return error


def _what_is_not_declared_is_refused(stage: Stage, row: _Row) -> None:
    """T4: {row}, where that is not declared, is refused by name before a byte leaves, and the next request is served."""
    _refused(stage, row, _Peers(stage))
    stage.works("a refusal")
    stage.demand(len(stage.connections) <= 1, "a connection for the next request only", f"{len(stage.connections)}")


for _name, _row in _REFUSED.items():
    CHAPTER.rows({_name: _row}, without=_row.needs, wire=False)(_what_is_not_declared_is_refused)


_TOGETHER: Final = {
    "all bounds on time": _Row(
        Capability.WRITE_TIMEOUT | Capability.POOL_TIMEOUT | Capability.TOTAL_TIMEOUT,
        lambda _: {"write": 5, "pool": 5, "total": 5},
    ),
    "a source address and an exact target": _Row(
        Capability.SOURCE_ADDRESS | Capability.EXACT_TARGET,
        lambda _: {"dial": Dial(source_address="127.0.0.1")},
        request=lambda: {"target": "/a|b"},
    ),
    "Expect and a streamed body": _Row(
        Capability.EXPECT_CONTINUE | Capability.STREAM_REQUEST | Capability.TOTAL_TIMEOUT,
        lambda _: {"total": 5},
        request=lambda: {"headers": [("Expect", "100-continue")], "body": iter([b"x"])},
    ),
    "a tunnel, a CA file and a certificate": _Row(
        Capability.CONNECT_PROXY | Capability.CUSTOM_TLS | Capability.CLIENT_CERT,
        lambda peers: {
            "proxy": Proxy(peers.proxy),
            "tls": TLS(verify=peers.authority.path, cert=peers.authority.client),
        },
        secure=True,
    ),
}


def _what_is_not_declared_is_named(stage: Stage, row: _Row) -> None:
    """T4: the refusal of {row} in one request names all of it that is not declared."""
    _refused(stage, row, _Peers(stage))


for _name, _row in _TOGETHER.items():
    CHAPTER.rows({_name: _row}, without=_row.needs, wire=False)(_what_is_not_declared_is_named)


@CHAPTER.case(without=_EVERYTHING, wire=False)
def a_refusal_needs_no_server(stage: Stage) -> None:
    """T4: what is not declared is refused where nobody listens, too, as nothing is tried first."""
    peers = _Nobody(stage)
    for row in _REFUSED.values():
        if not stage.declares(row.needs):
            _refused(stage, row, peers)


@CHAPTER.case(without=_EVERYTHING, wire=False)
def a_refusal_is_no_matter_of_time(stage: Stage) -> None:
    """T4: asked again, and after an exchange that went well, the same thing is refused again."""
    for row in _REFUSED.values():
        if not stage.declares(row.needs):
            first = _refused(stage, row, _Nobody(stage))
            request, options = row.make(stage, _Nobody(stage), None)
            again = stage.failed(stage.carry(request, options), UnsupportedFeature, delivery="not_sent")
            stage.same("the refusal of the same once more", type(again), type(first))
    stage.works("all refusals")
