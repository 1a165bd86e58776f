"""T4, other roads: what is declared of Unix sockets and source addresses leads there, and no road is another's."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.declared_proxies import FAR, SECURE, TLS_PROXY, TUNNEL, forwarded, through
from intermodal.errors import CertificateError, ConnectionError
from intermodal.model.options import TLS, Dial, Options
from intermodal.protocol import Capability

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()

# --- how the connection is made ---------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.UNIX_SOCKET)
def a_unix_socket_is_asked_whatever_the_host(stage: Stage) -> None:
    """T4: the request goes over the Unix socket, Host and target are those of the URL, and nobody looks the host up."""
    served = stage.serve(unix_socket=_free_path(stage))
    options = stage.options(dial=Dial(unix_socket=served.unix_socket))
    stage.answered(stage.carry(stage.request("GET", "/get?a=1", base=f"{FAR}:81"), options))
    stage.arrived("GET", "/get?a=1", [("Host", "origin.test:81")], b"")


@CHAPTER.case(needs=Capability.UNIX_SOCKET | Capability.CUSTOM_TLS)
def https_over_a_unix_socket(stage: Stage) -> None:
    """T4: TLS over a Unix socket is checked for the host in the URL."""
    served = stage.serve(unix_socket=_free_path(stage), tls=stage.authority.server())
    options = stage.options(dial=Dial(unix_socket=served.unix_socket), tls=stage.trusting())
    stage.answered(stage.carry(stage.request("GET", "/get", base=SECURE), options))
    stage.failed(stage.carry(stage.request(base="https://origin.test"), options), CertificateError)


@CHAPTER.case(needs=Capability.UNIX_SOCKET)
def a_unix_socket_that_is_not_there(stage: Stage) -> None:
    """T4: where nobody listens on the Unix socket it is a ConnectionError; the host of the URL is not asked instead."""
    options = stage.options(dial=Dial(unix_socket=_free_path(stage)))
    stage.failed(stage.carry(None, options), ConnectionError, phase="connect", delivery="not_sent", reused=False)
    stage.nothing_was_sent()


@CHAPTER.case(needs=Capability.SOURCE_ADDRESS)
def the_server_sees_the_source_address(stage: Stage) -> None:
    """T4: the connection comes from the address and the port that the options say."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = stage.options(dial=Dial(source_address=("127.0.0.1", port)))
    stage.answered(stage.carry(stage.request("GET", "/get"), options))
    stage.same("the client's address", tuple(stage.connections[-1].peer[:2]), ("127.0.0.1", port))
    if sys.platform == "linux":  # elsewhere 127.0.0.2 is nobody's until it is given to somebody
        stage.answered(stage.carry(stage.request("GET", "/get"), stage.options(dial=Dial(source_address="127.0.0.2"))))
        stage.same("the client's address", stage.connections[-1].peer[0], "127.0.0.2")


@CHAPTER.case(needs=Capability.SOURCE_ADDRESS)
def a_source_address_of_another_machine(stage: Stage) -> None:
    """T4: a source address that this machine has not is a ConnectionError; no other is taken instead."""
    options = stage.options(dial=Dial(source_address="192.0.2.1"))
    stage.failed(stage.carry(None, options), ConnectionError, phase="connect", delivery="not_sent", reused=False)
    stage.nothing_was_sent()


# --- whose a connection is --------------------------------------------------------------------------------------------

_Pair = tuple[str, Options, Options]


def _straight_or_not(stage: Stage) -> _Pair:
    origin, front = stage.origin, stage.serve(front="http")
    return origin.url, stage.options(), stage.options(proxy=through(front))


def _tunnel_logins(stage: Stage) -> _Pair:
    front = stage.serve(front="http", tls=stage.authority.server())
    first, then = (through(front, login) for login in ("ann:one@", "ann:two@"))
    tls = stage.trusting()
    return SECURE, stage.options(proxy=first, tls=tls), stage.options(proxy=then, tls=tls)


def _proxys_trust(stage: Stage) -> _Pair:
    front = stage.serve(front="http", front_tls=stage.authority.server())
    first, then = (through(front, tls=tls) for tls in (TLS(verify=False), stage.trusting()))
    return FAR, stage.options(proxy=first), stage.options(proxy=then)


def _socks_logins(stage: Stage) -> _Pair:
    front = stage.serve(front="socks5")
    first, then = (through(front, login) for login in ("", "ann:two@"))
    return FAR, stage.options(proxy=first), stage.options(proxy=then)


def _sources(stage: Stage) -> _Pair:
    return stage.url, stage.options(), stage.options(dial=Dial(source_address="127.0.0.1"))


def _sockets(stage: Stage) -> _Pair:
    origin, served = stage.origin, stage.serve(unix_socket=_free_path(stage))
    return origin.url, stage.options(), stage.options(dial=Dial(unix_socket=served.unix_socket))


_PAIRS: Final[dict[str, tuple[Capability, Callable[[Stage], _Pair]]]] = {
    "a proxy and none": (Capability.FORWARD_PROXY, _straight_or_not),
    "a tunnel's logins": (TUNNEL, _tunnel_logins),
    "a proxy's certificate unchecked and checked": (TLS_PROXY, _proxys_trust),
    "SOCKS without a login and with one": (Capability.SOCKS, _socks_logins),
    "a source address and none": (Capability.SOURCE_ADDRESS, _sources),
    "a Unix socket and TCP": (Capability.UNIX_SOCKET, _sockets),
}


def _no_connection_is_shared_between(stage: Stage, make: Callable[[Stage], _Pair]) -> None:
    """T4: of {row}, a connection that was made for the one is not used for the other."""
    base, *both = make(stage)
    for target in ("a", "b", "a", "b"):
        options = both["ab".index(target)]
        path = f"/get?{target}"
        straight = options.proxy is None or options.proxy.is_socks or base.startswith("https")
        request = stage.request("GET", path, base=base) if straight else forwarded(stage, path, base=base)
        stage.answered(stage.carry(request, options))
    for connection in stage.connections:
        served = sorted({each.target[-1] for each in connection.requests})
        stage.demand(len(served) <= 1, "a connection for one kind of options", f"one that served both, {served}")


for _row, (_needs, _make) in _PAIRS.items():
    CHAPTER.rows({_row: _make}, needs=_needs)(_no_connection_is_shared_between)


def _free_path(stage: Stage) -> str:
    """A path for a Unix socket, in the folder of the kit's certificates, which goes with the process."""
    return str(Path(stage.authority.path).with_name(f"{id(stage):x}"))
