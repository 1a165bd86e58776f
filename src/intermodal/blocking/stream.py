"""A connected socket, each of whose waits has a bound."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl


class Stream:
    """One connection: bytes out, bytes in, and whether it is still of use.

    ``recv`` and ``send`` raise what the socket raises: TimeoutError, ssl.SSLError, OSError.
    """

    __slots__ = ("_wait", "served", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        #: How many exchanges it has carried to their end.
        self.served = 0
        self._wait: float | None = -1.0

    def _bound(self, seconds: float | None) -> None:
        if seconds != self._wait:  # settimeout is a system call
            self.sock.settimeout(seconds)
            self._wait = seconds

    def recv(self, n: int, seconds: float | None) -> bytes:
        """Wait at most ``seconds`` for bytes, and give at most ``n``; ``b""`` once the peer has closed."""
        if seconds != self._wait:
            self._bound(seconds)
        return self.sock.recv(n)

    def send(self, data: bytes | memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` for the peer to take bytes, and give how many it took."""
        if seconds != self._wait:
            self._bound(seconds)
        return self.sock.send(data)

    def quiet(self) -> bool:
        """Whether an idle connection is as it was left: neither closed by the peer nor spoken on unasked."""
        sock = self.sock
        try:
            if isinstance(sock, ssl.SSLSocket) and sock.pending():
                return False
            return not _readable(sock)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """End the connection; a thread that waits on it wakes up."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def abandon(self) -> None:
        """Let go of a connection that is another process's too, without ending it for that."""
        self.sock.close()


if hasattr(select, "poll"):

    def _readable(sock: socket.socket) -> bool:
        poller = select.poll()  # a select() would fail for descriptors above 1023
        poller.register(sock, select.POLLIN)
        return bool(poller.poll(0))

else:  # Windows

    def _readable(sock: socket.socket) -> bool:
        return bool(select.select([sock], [], [], 0)[0])
