"""Scripts: bytes, pauses and cuts, carried out on one connection exactly as they are written.

A script is a list of steps. Nothing in this file knows HTTP, so a script can send what no codec would.

Laws:

- One step of bytes is one ``sendall`` with Nagle's algorithm off: what is written apart leaves apart.
- Every wait ends at once when the origin is closed; a wait that was cut short shows as the script's ``error``.
- A reset is a reset and a FIN is a FIN: the kernel answers a close with unread input by RST, which throws away what
  the client had still to read, so an orderly end first sends FIN and then reads what the client still sends (lingering
  close, RFC 9112 section 9.6).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from .streams import MOST, Plain, Stream, Tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from .records import Direction

__all__ = ["At", "Close", "Drip", "Play", "Reset", "Stall", "Step", "Then", "Wire", "check"]

Then = Literal["keep", "fin", "rst"]
At = Literal["connect", "tunnel", "head", "request"] | int

_LINGER: Final = 2.0
"""Seconds the origin goes on reading after its FIN."""
_LOOK: Final = 0.02
"""Seconds between two looks at whether a stalled client is still there."""
_RESET_ON_CLOSE: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


@dataclass(frozen=True)
class Drip:
    """Sends `data` one byte at a time, the first at once and each further one `every` seconds later."""

    data: bytes
    every: float


@dataclass(frozen=True)
class Stall:
    """Sends nothing and reads nothing until the client closes or the origin is closed.

    As nothing is read, a client that goes on sending comes to a stop once the buffers in between are full; if it then
    closes, its FIN waits behind what it could not send, and only `Origin.close` (or its RST) ends the stall. It ends a
    script: no step can follow it.
    """


@dataclass(frozen=True)
class Reset:
    """Cuts the connection by RST (SO_LINGER with zero seconds). It ends a script: no step can follow it.

    RST may overtake what was sent just before it: where the client is to see that first, a pause belongs in between.
    A Unix socket knows no RST: there the client sees the end, or a reset where what it sent was not read.
    """


@dataclass(frozen=True)
class Close:
    """Ends the connection by FIN alone. It ends a script: no step can follow it.

    Over TLS no close_notify goes before it, which is what a cut line looks like (RFC 8446 section 6.1). The orderly
    end, with close_notify, is ``then="fin"``.
    """


Step = bytes | float | Drip | Stall | Reset | Close


class Wire:
    """One accepted socket: receives, sends, waits and ends; `closing` interrupts every wait.

    `record` is called with all that is received or sent. All methods but `abort` belong to the one thread that serves
    the connection.
    """

    def __init__(
        self, sock: socket.socket, closing: threading.Event, record: Callable[[Direction, bytes], None]
    ) -> None:
        self._sock = sock
        self._stream: Stream = Plain(sock)
        self._layers: list[Tls] = []
        self._closing = closing
        self.record = record
        self._lock = threading.Lock()  # abort() must not meet a socket that is just being closed
        self.sent = 0
        self.ended = False
        """Whether the origin has sent its FIN or RST."""

    def begin(self) -> None:
        """Prepare the socket."""
        self._sock.settimeout(None)  # some systems hand on the listener's
        if self._sock.family in (socket.AF_INET, socket.AF_INET6):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext) -> None:
        """Make a TLS handshake as the server, upon whatever TLS is there already."""
        layer = Tls(self._stream, context)
        self._layers.append(layer)
        self._stream = layer
        layer.handshake()

    def receive(self, most: int = MOST) -> bytes:
        """Wait for bytes, at most so many, and record them; b"" means that the client has sent FIN."""
        data = self._stream.receive(most)
        self.record("received", data)
        return data

    def peek(self, most: int) -> bytes:
        """Wait for bytes and give the first of them, at most so many, which stay there and are not recorded."""
        return self._stream.peek(most)

    def send(self, data: bytes) -> None:
        self.record("sent", data)  # before, so that whoever has it finds it there
        self._stream.send(data)
        self.sent += len(data)

    def pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise ConnectionAbortedError("the origin was closed during a pause")

    def carry_out(self, step: Step) -> None:
        """Carry out one step of a script; raise OSError where the connection does not allow it any more."""
        if isinstance(step, bytes):
            self.send(step)
        elif isinstance(step, (int, float)):
            self.pause(step)
        elif isinstance(step, Drip):
            for index in range(len(step.data)):
                self.pause(step.every if index else 0)
                self.send(step.data[index : index + 1])
        elif isinstance(step, Stall):
            while not (self._closing.wait(_LOOK) or self._client_is_gone()):
                pass
        elif isinstance(step, Reset):
            self.reset()
        else:
            self.finish(orderly=False)

    def _client_is_gone(self) -> bool:
        """Whether the client's FIN or RST has come, seen without reading anything."""
        if hasattr(select, "poll"):
            watch = select.poll()  # select() would fail for descriptors beyond 1023
            watch.register(self._sock, getattr(select, "POLLRDHUP", 0))
            return bool(watch.poll(0))
        readable, _, _ = select.select([self._sock], [], [], 0)  # Windows has no poll; a FIN behind data stays unseen
        return bool(readable) and not self._sock.recv(1, socket.MSG_PEEK)

    def finish(self, *, orderly: bool = True) -> None:
        """Send FIN; over TLS an orderly end sends close_notify first."""
        if self.ended:
            return
        if orderly:
            left = b""
            for layer in self._layers:  # first, for the client may be gone, and then nothing more can be sent
                layer.absorb(left)
                left = layer.drain()
            self.record("received", left)
            for layer in reversed(self._layers):
                layer.notify_close()
        self._sock.shutdown(socket.SHUT_WR)
        self.ended = True

    def linger(self) -> None:
        """Read what the client still sends, for a bounded time, so that closing does not turn into RST."""
        deadline = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self.receive():
                    return

    def reset(self) -> None:
        """Cut the connection by RST."""
        with contextlib.suppress(OSError):  # a client that has gone leaves nothing to reset
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()
        self.ended = True

    def close(self) -> None:
        with self._lock:
            self._sock.close()

    def abort(self) -> None:
        """Wake the serving thread from whatever it waits for, from another thread."""
        with self._lock, contextlib.suppress(OSError):
            # Closing would not wake a thread blocked in recv or send; shutting down does.
            self._sock.shutdown(socket.SHUT_RDWR)


class Play:
    """One queued script, and what became of it.

    Made by `Origin.play`. `finished` is set once all steps and `then` were carried out or failed; `error` is then the
    OSError they failed with, or None. After ``then="fin"`` it is set as soon as FIN is on its way.

    Raises TypeError for a step of an unknown kind, ValueError for a pause that is not a time and for steps after one
    that ends the connection.
    """

    def __init__(self, *steps: Step, then: Then = "keep", at: At = "request") -> None:
        check(steps, then, at)
        self.steps = steps
        self.then: Then = then
        self.at: At = at
        self.finished = threading.Event()
        self.error: OSError | None = None

    def __repr__(self) -> str:
        state = f"failed: {self.error}" if self.error else "finished" if self.finished.is_set() else "not finished"
        return f"<Play of {len(self.steps)} steps at {self.at!r}, then {self.then!r}: {state}>"

    def carry_out(self, wire: Wire) -> None:
        """Carry out all steps and `then` on `wire`; raise the OSError they fail with."""
        try:
            for step in self.steps:
                wire.carry_out(step)
            if self.then == "fin":
                wire.finish()
            elif self.then == "rst":
                wire.reset()
        except OSError as exc:
            self.error = exc
            raise
        finally:
            self.finished.set()

    def fail(self, why: str) -> None:
        """Finish a script that never began; nothing happens to one that did."""
        if not self.finished.is_set():
            self.error = ConnectionAbortedError(f"the script was not played: {why}")
            self.finished.set()


def check(steps: tuple[Step, ...], then: Then, at: At) -> None:
    """Refuse a script that could not be carried out, before it is queued.

    Raises TypeError and ValueError, as `Play` does.
    """
    for index, step in enumerate(steps):
        _check_step(step, last=index == len(steps) - 1)
    if then not in ("keep", "fin", "rst"):
        raise ValueError(f"then={then!r}: expected 'keep', 'fin' or 'rst'")
    number = isinstance(at, int) and not isinstance(at, bool) and at >= 1
    if not number and at not in ("connect", "tunnel", "head", "request"):
        raise ValueError(f"at={at!r}: expected 'connect', 'tunnel', 'head', 'request' or a number of bytes from 1 on")


def _check_step(step: Step, *, last: bool) -> None:
    if isinstance(step, bool) or not isinstance(step, (bytes, int, float, Drip, Stall, Reset, Close)):
        raise TypeError(f"{step!r} is no step: expected bytes, seconds, Drip, Stall, Reset or Close")
    seconds = step.every if isinstance(step, Drip) else step
    if isinstance(seconds, (int, float)) and not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise ValueError(f"a pause of {seconds!r} seconds: expected a number from 0 on")
    if isinstance(step, (Stall, Reset, Close)) and not last:
        raise ValueError(f"{step!r} ends the connection: no step can follow it")
