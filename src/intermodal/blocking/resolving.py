"""Looks names up, by the system or by a resolver of the caller's: the addresses of a host, within the bound of a dial."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from intermodal.blocking.bound import raise_ended
from intermodal.errors import NameResolutionError
from intermodal.model.host import is_address

if TYPE_CHECKING:
    from intermodal.blocking.bound import Bound, Entering

#: Looks a name up: host and port in, IP addresses as text out, best first; one of IPv6 may have a ``%zone``.
Resolver = Callable[[str, int], Iterable[str]]


class Address(NamedTuple):
    """An IP address and a port as ``socket`` has them: its family, and what ``connect`` takes."""

    family: int
    place: tuple[Any, ...]

    @property
    def packed(self) -> bytes:
        """The IP address in 4 or 16 bytes."""
        return socket.inet_pton(self.family, self.place[0])


def resolve(host: str, port: int, bound: Bound, entering: Entering, resolver: Resolver | None = None) -> list[Address]:
    """Look a name up; at least one address. An address is taken as it is.

    The resolver knows no bound, so a thread waits for it in our stead.

    Raises:
        NameResolutionError, ConnectTimeout, TotalTimeout; and what ``entering`` raises.
    """
    what = f"resolving {host!r}"
    seconds = bound.left(what)
    found: list[list[Address] | BaseException] = []
    over = threading.Event()
    entering("resolve", over.set)
    if is_address(host):
        return _ask_system(host, port)

    def look_up() -> None:
        try:
            found.append(_ask_system(host, port) if resolver is None else _ask(resolver, host, port))
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that asked
            found.append(error)
        over.set()

    try:
        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    except RuntimeError:  # no thread is to be had
        look_up()
    ended = over.wait(seconds and min(seconds, threading.TIMEOUT_MAX))
    if not found:
        if ended:
            raise_ended(what, "resolve", entering)
        raise bound.expired(what)
    addresses = found[0]
    if isinstance(addresses, BaseException):
        raise addresses
    return addresses


def _ask_system(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unresolved(host, str(error)) from error
    if not found:
        raise _unresolved(host, "it has no address")
    return list(dict.fromkeys(Address(family, place) for family, _, _, _, place in found))


def _ask(resolver: Resolver, host: str, port: int) -> list[Address]:
    """Ask a caller's own resolver, whatever that may do."""
    try:
        given: object = resolver(host, port)
        texts = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else None
    except Exception as error:
        raise _unresolved(host, f"the resolver raised {error!r:.200}") from error
    if texts is None:
        raise _unresolved(host, f"the resolver gave {given!r:.80}: expected a list of IP addresses")
    if not texts:
        raise _unresolved(host, "the resolver gave no address")
    addresses = []
    for text in texts:
        try:
            addresses.append(address_of(text, port))
        except (OSError, ValueError) as error:
            raise _unresolved(host, f"the resolver gave {text!r:.80}, which is not an IP address here") from error
    return list(dict.fromkeys(addresses))


def address_of(text: object, port: int) -> Address:
    """Give the address that a text is, its zone as a number.

    Raises:
        OSError, ValueError: it is none, or none that this machine can use.
    """
    if not isinstance(text, str):
        raise ValueError("expected text")  # noqa: TRY004 - one kind of error for whoever calls
    ipaddress.ip_address(text)  # the system takes more for an address, such as "1"
    family, _, _, _, place = socket.getaddrinfo(text, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    return Address(family, place)


def _unresolved(host: str, reason: str) -> NameResolutionError:
    return NameResolutionError(f"the host name {host!r} could not be resolved: {reason}")
