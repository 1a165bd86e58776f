"""A connected socket, each of whose waits has a bound."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import ssl
import struct
import sys
import time
from typing import TYPE_CHECKING, TypeVar

from intermodal.blocking.layered import LayeredTLS, bottom_of
from intermodal.blocking.ready import IN, OUT, waiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.blocking.facts import Facts
    from intermodal.blocking.layered import Carrier
    from intermodal.blocking.sessions import Ticket
    from intermodal.model.body import FileSpan

A = TypeVar("A")
R = TypeVar("R", bytes, int)

#: The most that one record of TLS holds, in bytes (RFC 8446 section 5.1). Of more the peer may have read a part before it is
#: known here that any was taken: then nobody could say any more that it had seen nothing.
RECORD = 16384

#: A file is given to the system in pieces of this size, in bytes: between two of them the answer is looked for.
FILE_PIECE = 1 << 20


#: The kernel keeps the bound of a wait for many bytes, as a pair of numbers of this size.
_KEEPS_BOUNDS = sys.platform == "linux" and struct.calcsize("@l") == 8


class Stream:
    """One connection: bytes out, bytes in, and whether it is still of use.

    What waits raises TimeoutError, and what the socket raises: ssl.SSLError, OSError, ValueError where it was closed.
    The socket does not block: CPython would ask the system before each step whether it may, and that is known here.
    """

    def __init__(self, sock: Carrier) -> None:
        sock.setblocking(False)
        self.sock = sock
        #: What was noted when it was made.
        self.facts: Facts | None = None
        #: What its TLS leaves to the next connection.
        self.tickets: tuple[Ticket, ...] = ()
        self._bottom = bottom_of(sock)
        #: How many exchanges it has carried to their end.
        self.served = 0
        self._owner = os.getpid()
        self._secure = isinstance(sock, ssl.SSLSocket | LayeredTLS)
        self._in = waiter(self._bottom, IN)
        self._both: Callable[[float | None], int] | None = None
        #: Whether something may be there to read: tried at once, else waited for first.
        self._flows = self._secure
        #: How long the kernel waits, while it does the waiting.
        self._kernel: float | None = None
        self._blocks = False

    # -- one way at a time ----------------------------------------------------------------------------

    def recv(self, n: int, seconds: float | None) -> bytes:
        """Wait at most ``seconds`` for bytes, and give at most ``n``; ``b""`` once the peer has closed."""
        return self._receive(self.sock.recv, n, seconds)

    def recv_into(self, buffer: memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` for bytes, and write them into ``buffer``: how many, 0 once the peer has closed."""
        return self._receive(self.sock.recv_into, buffer, seconds)

    def _receive(self, step: Callable[[A], R], argument: A, seconds: float | None) -> R:
        if self._blocks:
            self._set_free()
        if self._flows:
            try:
                return step(argument)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            if not self._in(seconds):
                raise TimeoutError("nothing came")
            self._flows = True
            try:
                return step(argument)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):  # a part of what TLS needs
                seconds = None if until is None else max(0, until - time.monotonic())

    @property
    def fills(self) -> bool:
        """Whether ``fill`` is there."""
        return _KEEPS_BOUNDS and not self._secure

    def fill(self, n: int, seconds: float | None) -> bytes:
        """Wait at most ``seconds`` for bytes and as long again for ``n``; ``b""`` once the peer has closed."""
        if not self._in(seconds):  # asked for here: a signal would make the kernel's wait for the first begin anew
            raise TimeoutError("nothing came")
        if not self._blocks:
            self._bottom.setblocking(True)
            self._blocks = True
        if seconds != self._kernel:
            micros = 0 if seconds is None else max(1, math.ceil(seconds * 1e6))  # 0 is no bound
            bound = struct.pack("@ll", *divmod(micros, 1_000_000))
            self._bottom.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
            self._kernel = seconds
        return self._bottom.recv(n, socket.MSG_WAITALL)

    def send(self, data: bytes | memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` for the peer to take bytes, and give how many it took."""
        if self._blocks:
            self._set_free()
        self._flows = self._secure
        if self._secure:
            data = memoryview(data)[:RECORD]
        try:
            return self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        until = None if seconds is None else time.monotonic() + seconds
        wait = waiter(self._bottom, OUT)
        while True:
            if not wait(seconds):
                raise TimeoutError("nothing was taken")
            try:
                return self.sock.send(data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                wait = waiter(self._bottom, OUT)
            except ssl.SSLWantReadError:
                wait = self._in
            seconds = None if until is None else max(0, until - time.monotonic())

    def _set_free(self) -> None:
        """Wait here again, and no longer in the kernel."""
        if self._blocks:
            self._blocks = False
            self.sock.setblocking(False)

    # -- both ways at once ----------------------------------------------------------------------------

    def offer(self, data: bytes | memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` until the peer takes some of ``data``, or has sent something itself.

        Gives how many bytes it took; 0 where there is something to read instead, its end perhaps.
        """
        if self._secure:
            data = memoryview(data)[:RECORD]
        while not self._has_spoken(seconds):
            try:
                return self.sock.send(data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                pass
            except ssl.SSLWantReadError:  # TLS has to hear from its peer before it can go on
                if not self._in(seconds):
                    raise TimeoutError("TLS waits for its peer") from None
        return 0

    def offer_file(self, span: FileSpan, seconds: float | None) -> int:
        """Do the same with a part of a file, which the system reads by itself; -1 where its end came too soon."""
        while not self._has_spoken(seconds):
            with contextlib.suppress(BlockingIOError):
                count = min(span.length, FILE_PIECE)
                return os.sendfile(self.sock.fileno(), span.file.fileno(), span.start, count) or -1
        return 0

    @property
    def sends_files(self) -> bool:
        """Whether the system can send a file over this connection as it is."""
        return hasattr(os, "sendfile") and not self._secure

    def recv_now(self, n: int) -> bytes | None:
        """Give what has come, at most ``n`` bytes, ``b""`` where the peer has closed; None where nothing has."""
        self._set_free()
        try:
            return self.sock.recv(n)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def readable(self, seconds: float | None) -> bool:
        """Wait at most ``seconds`` for something to read; False where nothing came."""
        return (self._secure and self._pending()) or self._in(seconds) != 0

    def _has_spoken(self, seconds: float | None) -> bool:
        """Wait at most ``seconds`` until the peer has sent something or takes something: whether it was the first."""
        self._set_free()
        if self._secure and self._pending():
            return True
        if self._both is None:
            self._both = waiter(self._bottom, IN | OUT)
        ready = self._both(seconds)
        if not ready:
            raise TimeoutError("neither read nor written")
        return bool(ready & IN)

    def _pending(self) -> bool:
        assert isinstance(self.sock, ssl.SSLSocket | LayeredTLS)
        return self.sock.pending() > 0

    # -- between exchanges ----------------------------------------------------------------------------

    def quiet(self) -> bool:
        """Whether an idle connection is as it was left: neither closed by the peer nor spoken on unasked."""
        try:
            return not self.readable(0)
        except Exception:  # noqa: BLE001 - whatever it is, it is not as it was left
            return False
        except BaseException:
            self.close()  # whoever asked has been interrupted, and is not coming back for it
            raise

    @property
    def is_own(self) -> bool:
        """Whether this process has opened it: else it is a copy, made by a fork, and the connection is the parent's."""
        return os.getpid() == self._owner

    def interrupt(self) -> None:
        """End the connection under whoever waits on it, in another thread; it is theirs to close."""
        if not self.is_own:
            return
        self.tickets = ()  # they may be at work on what it would leave
        with contextlib.suppress(Exception):
            # Not SSLSocket's own: it puts TLS aside, and what is still to be read would come out as it is on the wire.
            socket.socket.shutdown(self._bottom, socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection; a thread that waits on it wakes up."""
        try:
            if self.is_own:
                with contextlib.suppress(Exception):
                    for ticket in self.tickets:
                        ticket.leave()
            self.interrupt()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of a connection that is another process's too, without ending it for that."""
        with contextlib.suppress(Exception):  # what the system has to say about it, it says too late
            self.sock.close()
