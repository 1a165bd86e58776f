"""Which addresses of a host accept a TCP connection, and how long each takes: nothing is sent on any."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intermodal.blocking.connecting import UNDER_WAY, os_error
from intermodal.blocking.ready import settled

if TYPE_CHECKING:
    from intermodal.blocking.resolving import Address

#: How long one wait may be, in seconds: Windows hears Ctrl-C between two only.
_GLANCE = 1.0


@dataclass(frozen=True)
class Reached:
    """What came of one address.

    Attributes:
        address: the IP address, with its zone.
        family: ``"IPv4"`` or ``"IPv6"``.
        accepts: whether it takes connections; None where it was not asked.
        seconds: how long that took.
        why: why it does not.
    """

    address: str
    family: str
    accepts: bool | None = None
    seconds: float | None = None
    why: str = ""


def unasked(address: Address) -> Reached:
    """Give an address that is for somebody else to connect to."""
    return Reached(str(address.place[0]), "IPv6" if address.family == socket.AF_INET6 else "IPv4")


def reach(addresses: list[Address], seconds: float) -> list[Reached]:
    """Connect to all addresses at once, each for so many seconds at most, and close what connects."""
    begun = time.monotonic()
    pending: dict[socket.socket, Address] = {}
    came: dict[Address, Reached] = {}

    def note(address: Address, why: str) -> None:
        took = round(time.monotonic() - begun, 6)
        came[address] = replace(unasked(address), accepts=not why, seconds=took, why=why)

    def settle(sock: socket.socket, code: int) -> None:
        error = os_error(code) if code else None
        note(pending.pop(sock), "" if error is None else error.strerror or str(error))
        sock.close()

    with contextlib.ExitStack() as every:
        for address in addresses:
            try:
                sock = every.enter_context(socket.socket(address.family, socket.SOCK_STREAM))
                sock.setblocking(False)
                code = sock.connect_ex(address.place)
            except OSError as error:  # a family that this machine has not
                note(address, error.strerror or str(error))
                continue
            pending[sock] = address
            if code not in UNDER_WAY:
                settle(sock, code)
        while pending and (left := begun + seconds - time.monotonic()) > 0:
            for sock in settled(pending, min(left, _GLANCE)):
                settle(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        for address in pending.values():
            note(address, f"no answer within {seconds:g} s")
    return [came[address] for address in addresses]
