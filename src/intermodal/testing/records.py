"""What an origin keeps of its connections, and the events it tells an observer.

Laws:

- Everything can be read from any thread at any time.
- Bytes are recorded as they were on the line, over TLS what was inside of it; in which direction, and in which order.
- What is sent is recorded before it leaves: a client that has it finds it in the records.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from .messages import Received

__all__ = [
    "MOST_KEPT",
    "AnswerSent",
    "Connection",
    "ConnectionClosed",
    "ConnectionOpened",
    "Direction",
    "Event",
    "RequestReceived",
    "Tunnel",
]

Direction = Literal["received", "sent"]

MOST_KEPT: Final = 1 << 20
"""Bytes that a connection's record keeps of what was sent: the first of them."""


@dataclass(frozen=True)
class ConnectionOpened:
    """A connection was accepted; a TLS handshake is still to come."""

    number: int
    peer: tuple[Any, ...]


@dataclass(frozen=True)
class RequestReceived:
    """A whole request was read."""

    request: Received


@dataclass(frozen=True)
class AnswerSent:
    """An answer, interim ones included, or a script was sent; `size` is its bytes."""

    number: int
    status: int | Literal["script"]
    size: int


@dataclass(frozen=True)
class ConnectionClosed:
    """A connection was closed, by whichever side; `why` is for people."""

    number: int
    why: str


Event = ConnectionOpened | RequestReceived | AnswerSent | ConnectionClosed


@dataclass(frozen=True)
class Tunnel:
    """What a client asked of an origin's front, and the exact bytes of that conversation, in both directions.

    `host` and `port` are as they were asked for last, an IPv6 address without brackets; "" and 0 where the client did
    not come so far. `login` is what it gave, right or wrong, None where it gave none that could be read. `received` and
    `sent` end where the tunnel begins; of `sent` the first MiB is kept.
    """

    host: str
    port: int
    login: tuple[str, str] | None
    received: bytes
    sent: bytes


class Connection:
    """The record of one accepted connection; all of it can be read from any thread, at any time.

    `number` counts from 1 in order of accept. `peer` is the client's address as of `getpeername`; over a Unix socket,
    which tells none, ``("", 0)``.
    """

    def __init__(self, number: int, peer: tuple[Any, ...]) -> None:
        self.number = number
        self.peer = peer
        self._lock = threading.Lock()
        self._kept: dict[Direction, bytearray] = {"received": bytearray(), "sent": bytearray()}
        self._front: dict[Direction, bytearray] = {"received": bytearray(), "sent": bytearray()}
        self._turns: list[tuple[Direction, int]] = []
        self._asked: tuple[str, int, tuple[str, str] | None] = ("", 0, None)
        self._counted = 0
        self._requests: list[Received] = []
        self._open = True

    def __repr__(self) -> str:
        state = "open" if self._open else "closed"
        return f"<Connection {self.number} from {self.peer[0]}:{self.peer[1]}, {len(self._requests)} requests, {state}>"

    @property
    def received(self) -> bytes:
        """The exact bytes received so far, in order; over TLS, and in a tunnel, what was inside of it."""
        with self._lock:
            return bytes(self._kept["received"])

    @property
    def sent(self) -> bytes:
        """The exact bytes sent so far, in order; over TLS, and in a tunnel, what was inside of it.

        Kept is the first MiB of them. Where sending failed, the last of them may not have left.
        """
        with self._lock:
            return bytes(self._kept["sent"])

    @property
    def transcript(self) -> tuple[tuple[Direction, bytes], ...]:
        """What `received` and `sent` hold, turn by turn in the order in which it went; of each the first MiB.

        A turn ends where the other side has its say. The order is that in which the origin read and wrote.
        """
        with self._lock:
            kept = {direction: bytes(data[:MOST_KEPT]) for direction, data in self._kept.items()}
            turns = [*self._turns]
        told: list[tuple[Direction, bytes]] = []
        places: dict[Direction, int] = {"received": 0, "sent": 0}
        for direction, count in turns:
            start = places[direction]
            places[direction] += count
            piece = kept[direction][start : places[direction]]
            if piece and told and told[-1][0] == direction:  # what lay between was beyond what is kept
                told[-1] = direction, told[-1][1] + piece
            elif piece:
                told.append((direction, piece))
        return tuple(told)

    @property
    def tunnel(self) -> Tunnel | None:
        """What was asked of the origin's front; None where nothing was, as of an origin without one."""
        with self._lock:
            if not any(self._front.values()):
                return None
            return Tunnel(*self._asked, bytes(self._front["received"]), bytes(self._front["sent"]))

    @property
    def requests(self) -> list[Received]:
        """The complete requests so far, in order."""
        with self._lock:
            return [*self._requests]

    @property
    def open(self) -> bool:
        """Whether the origin's end of the connection is still open."""
        return self._open

    # --- for the threads of the origin --------------------------------------------------------------------------------

    def _add(self, direction: Direction, data: bytes) -> None:
        if not data:
            return
        with self._lock:
            self._keep(self._kept, direction, data)
            before = self._turns.pop()[1] if self._turns and self._turns[-1][0] == direction else 0
            self._turns.append((direction, before + len(data)))

    def _add_front(self, direction: Direction, data: bytes) -> None:
        with self._lock:
            self._keep(self._front, direction, data)

    def _keep(self, kept: dict[Direction, bytearray], direction: Direction, data: bytes) -> None:
        if direction == "received":
            self._counted += len(data)
            kept["received"] += data
        else:
            kept["sent"] += data[: max(MOST_KEPT - len(kept["sent"]), 0)]

    def _ask(self, host: str, port: int, login: tuple[str, str] | None) -> None:
        with self._lock:
            self._asked = (host, port, login)

    def _forget(self) -> None:
        with self._lock:
            self._requests.clear()
            self._counted = 0
