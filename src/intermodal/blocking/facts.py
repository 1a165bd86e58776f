"""What can be told about a connection: noted when it is made, because a closed socket tells nothing any more."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

from intermodal.blocking.layered import bottom_of
from intermodal.model.exchange import ConnectionInfo
from intermodal.model.host import authority

if TYPE_CHECKING:
    from intermodal.blocking.layered import Carrier, Secure
    from intermodal.blocking.stream import Stream
    from intermodal.model.exchange import Address
    from intermodal.net.route import Route

#: Linux's numbers of TCP's states, by the names of RFC 9293 section 3.3.2.
_STATES = (
    "ESTABLISHED",
    "SYN-SENT",
    "SYN-RECEIVED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSED",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
)


class Facts(NamedTuple):
    """See :class:`~intermodal.model.exchange.ExchangeInfo`."""

    route: Route
    made_at: float
    local_address: Address | None
    peer_address: Address | None
    tls_version: str | None
    cipher: str | None
    certificate: bytes | None
    resumed: bool | None


def facts_of(carrier: Carrier, route: Route) -> Facts:
    """Note what is known of a connection that was just made; what the system does not tell is None."""
    local = peer = version = cipher = certificate = resumed = None
    with contextlib.suppress(OSError):
        local = carrier.getsockname() or None
    with contextlib.suppress(OSError):
        peer = carrier.getpeername() or None
    if route.server_hostname is not None:
        with contextlib.suppress(OSError, ValueError):
            secure: Secure = carrier  # type: ignore[assignment]
            version = secure.version()
            suite = secure.cipher()
            cipher = None if suite is None else suite[0]
            certificate = secure.getpeercert(binary_form=True)
            resumed = secure.session_reused
    return Facts(route, time.monotonic(), _text(local), _text(peer), version, cipher, certificate, resumed)


def _text(address: Address | bytes | None) -> Address | None:
    """Give a Unix socket's name as text, an abstract one's too."""
    return address.decode("utf-8", "surrogateescape") if isinstance(address, bytes) else address


def connection_info(stream: Stream, *, in_use: bool) -> ConnectionInfo | None:
    """Describe a connection; None where it is closed by now, or not this process's."""
    facts = stream.facts
    if facts is None or not stream.is_own:
        return None
    return _described(stream.sock, facts, in_use=in_use, served=stream.served)


def dialling_info(carrier: Carrier, route: Route, peer: Address | None, since: float) -> ConnectionInfo | None:
    """Describe a connection that is being made; None where it is closed by now."""
    local = None
    with contextlib.suppress(OSError):
        local = bottom_of(carrier).getsockname() or None
        peer = peer or bottom_of(carrier).getpeername() or None
    facts = Facts(route, since, _text(local), _text(peer), None, None, None, None)
    return _described(carrier, facts, in_use=True, served=0)


def _described(carrier: Carrier, facts: Facts, *, in_use: bool, served: int) -> ConnectionInfo | None:
    if carrier.fileno() < 0:
        return None
    route = facts.route
    scheme = "http" if route.server_hostname is None else "https"
    proxy = route.proxy
    return ConnectionInfo(
        facts.local_address,
        facts.peer_address,
        _state(carrier),
        in_use,
        f"{scheme}://{authority(route.host, route.port)}",
        None if proxy is None else f"{proxy.scheme}://{authority(proxy.host, proxy.port)}",
        facts.tls_version,
        time.monotonic() - facts.made_at,
        served,
    )


def _state(carrier: Carrier) -> str | None:
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        number = bottom_of(carrier).getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return None
    return _STATES[number - 1] if 1 <= number <= len(_STATES) else None
