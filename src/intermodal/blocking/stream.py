"""A connected socket, each of whose waits has a bound."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import ssl
import struct
import sys
from typing import TYPE_CHECKING

from intermodal.blocking.ready import IN, OUT, waiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.model.body import FileSpan

#: A file is given to the system in pieces of this size, in bytes: between two of them the answer is looked for.
FILE_PIECE = 1 << 20


def open_stream(sock: socket.socket) -> Stream:
    """Make the stream that suits a connected socket."""
    return PlainStream(sock) if sys.platform == "linux" and not isinstance(sock, ssl.SSLSocket) else Stream(sock)


class Stream:
    """One connection: bytes out, bytes in, and whether it is still of use.

    What waits raises what the socket raises: TimeoutError, ssl.SSLError, OSError, ValueError where it was closed.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        #: How many exchanges it has carried to their end.
        self.served = 0
        self._owner = os.getpid()
        self._bound: float | None = -1.0
        self._in = waiter(sock, IN)
        self._both: Callable[[float | None], int] | None = None

    # -- one way at a time ----------------------------------------------------------------------------

    def recv(self, n: int, seconds: float | None) -> bytes:
        """Wait at most ``seconds`` for bytes, and give at most ``n``; ``b""`` once the peer has closed."""
        if seconds != self._bound:
            self._set_bound(seconds)
        return self.sock.recv(n)

    def recv_into(self, buffer: memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` for bytes, and write them into ``buffer``: how many, 0 once the peer has closed."""
        if seconds != self._bound:
            self._set_bound(seconds)
        return self.sock.recv_into(buffer)

    #: Whether it can wait for so many bytes and no fewer.
    fills = False

    def fill(self, n: int, seconds: float | None) -> bytes:
        """Wait at most ``seconds`` for ``n`` bytes, and give what has come; ``b""`` once the peer has closed."""
        raise NotImplementedError

    def send(self, data: bytes | memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` for the peer to take bytes, and give how many it took."""
        if seconds != self._bound:
            self._set_bound(seconds)
        return self.sock.send(data)

    def _set_bound(self, seconds: float | None) -> None:
        self.sock.settimeout(seconds)  # a system call: made only where the bound is another
        self._bound = seconds

    # -- both ways at once ----------------------------------------------------------------------------

    def offer(self, data: bytes | memoryview, seconds: float | None) -> int:
        """Wait at most ``seconds`` until the peer takes some of ``data``, or has sent something itself.

        Gives how many bytes it took; 0 where there is something to read instead, its end perhaps.
        """
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
        return hasattr(os, "sendfile") and not isinstance(self.sock, ssl.SSLSocket)

    def recv_now(self, n: int) -> bytes | None:
        """Give what has come, at most ``n`` bytes, ``b""`` where the peer has closed; None where nothing has."""
        self._set_free()
        try:
            return self.sock.recv(n)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def readable(self, seconds: float | None) -> bool:
        """Wait at most ``seconds`` for something to read; False where nothing came."""
        return self._pending() or self._in(seconds) != 0

    def _has_spoken(self, seconds: float | None) -> bool:
        """Wait at most ``seconds`` until the peer has sent something or takes something: whether it was the first."""
        self._set_free()
        if self._pending():
            return True
        if self._both is None:
            self._both = waiter(self.sock, IN | OUT)
        ready = self._both(seconds)
        if not ready:
            raise TimeoutError("neither read nor written")
        return bool(ready & IN)

    def _set_free(self) -> None:
        if self._bound != 0:
            self._set_bound(0)

    def _pending(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

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
        with contextlib.suppress(Exception):
            # Not SSLSocket's own: it puts TLS aside, and what is still to be read would come out as it is on the wire.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection; a thread that waits on it wakes up."""
        try:
            self.interrupt()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of a connection that is another process's too, without ending it for that."""
        with contextlib.suppress(Exception):  # what the system has to say about it, it says too late
            self.sock.close()


class PlainStream(Stream):
    """A stream without TLS, whose bounds the kernel keeps: CPython would ask it first, with a system call for each wait.

    A wait that a signal handler interrupts begins anew.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        sock.setblocking(True)
        self._free = False
        self._to_recv: float | None = None
        self._to_send: float | None = None

    def recv(self, n: int, seconds: float | None) -> bytes:
        if seconds != self._to_recv:
            self._to_recv = self._keep(socket.SO_RCVTIMEO, seconds)
        try:
            return self.sock.recv(n)
        except BlockingIOError as error:
            raise TimeoutError("nothing came") from error

    fills = True

    def fill(self, n: int, seconds: float | None) -> bytes:
        if seconds != self._to_recv:
            self._to_recv = self._keep(socket.SO_RCVTIMEO, seconds)
        try:
            return self.sock.recv(n, socket.MSG_WAITALL)
        except BlockingIOError as error:
            raise TimeoutError("nothing came") from error

    def recv_into(self, buffer: memoryview, seconds: float | None) -> int:
        if seconds != self._to_recv:
            self._to_recv = self._keep(socket.SO_RCVTIMEO, seconds)
        try:
            return self.sock.recv_into(buffer)
        except BlockingIOError as error:
            raise TimeoutError("nothing came") from error

    def send(self, data: bytes | memoryview, seconds: float | None) -> int:
        if seconds != self._to_send:
            self._to_send = self._keep(socket.SO_SNDTIMEO, seconds)
        try:
            return self.sock.send(data)
        except BlockingIOError as error:
            raise TimeoutError("nothing was taken") from error

    def _keep(self, which: int, seconds: float | None) -> float | None:
        if self._free:
            self._free = False
            self.sock.setblocking(True)
        micros = 0 if seconds is None else max(1, math.ceil(seconds * 1e6))  # 0 is no bound
        self.sock.setsockopt(socket.SOL_SOCKET, which, struct.pack("@ll", *divmod(micros, 1_000_000)))
        return seconds

    def _set_free(self) -> None:
        if not self._free:
            self._free = True
            self._to_recv = self._to_send = -1.0
            self.sock.setblocking(False)

    def _pending(self) -> bool:
        return False
