"""Waiting until a socket can be read or written, or has connected or not, for so many seconds."""

from __future__ import annotations

import math
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

#: What poll() takes, in milliseconds: a bound beyond 24 days ends then.
_LONGEST = 0x7FFFFFFF

if hasattr(select, "poll"):
    IN, OUT = select.POLLIN, select.POLLOUT

    def waiter(sock: socket.socket, waiting: int) -> Callable[[float | None], int]:
        """Make what waits for a socket: for so many seconds, until any of ``waiting`` is the case; which are, 0 for none."""
        poller = select.poll()  # a select() would fail for descriptors above 1023
        poller.register(sock, waiting)
        poll = poller.poll

        def wait(seconds: float | None) -> int:
            ready = poll(seconds and min(math.ceil(seconds * 1000), _LONGEST))  # 0 and None as they are
            # An error or the end of the connection shows when it is read.
            return (ready[0][1] & OUT) | (IN if ready[0][1] & ~OUT else 0) if ready else 0

        return wait

    def settled(socks: Iterable[socket.socket], seconds: float | None) -> list[socket.socket]:
        """Wait for so many seconds until any of several sockets has connected, or failed to; give those that have."""
        poller, by_number = select.poll(), {}
        for sock in socks:
            by_number[sock.fileno()] = sock
            poller.register(sock, OUT)
        ready = poller.poll(seconds and min(math.ceil(seconds * 1000), _LONGEST))
        return [by_number[number] for number, _ in ready]

else:  # Windows
    IN, OUT = 1, 4

    def waiter(sock: socket.socket, waiting: int) -> Callable[[float | None], int]:
        """Do the same with ``select``."""
        readers, writers = [sock] if waiting & IN else [], [sock] if waiting & OUT else []

        def wait(seconds: float | None) -> int:
            readable, writable, broken = select.select(readers, writers, [sock], seconds)
            return (IN if readable or broken else 0) | (OUT if writable else 0)

        return wait

    def settled(socks: Iterable[socket.socket], seconds: float | None) -> list[socket.socket]:
        """Do the same with ``select``, where a failure shows as an exceptional condition only."""
        socks = list(socks)
        _, connected, failed = select.select([], socks, socks, seconds)
        return [sock for sock in socks if sock in connected or sock in failed]
