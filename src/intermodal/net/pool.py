"""The pool as pure state: who may have which connection, and which are to be closed. No locks; time is an argument.

Laws: a connection is idle or in use, never both; connections never outnumber ``limits.connections``, nor
those of one key ``limits.per_origin``; the newest idle one is given first, because the oldest is the one
that its server is about to close; what is idle longer than ``limits.idle_seconds`` is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from intermodal.model.options import Limits

C = TypeVar("C")


class Wait:
    """Every slot is taken: ask again when one was released."""


WAIT = Wait()


class PoolState(Generic[C]):
    """Idle connections by key, newest last, and the number in use.

    >>> from intermodal.model.options import Limits
    >>> pool = PoolState[str](Limits(connections=1))
    >>> pool.acquire("k"), pool.acquire("k") is WAIT
    (None, True)
    >>> pool.release("k", "connection", now=1.0), pool.acquire("k")
    ([], 'connection')
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[Hashable, list[tuple[float, C]]] = {}
        self._in_use: dict[Hashable, int] = {}
        self.idle = 0
        self.in_use = 0

    def acquire(self, key: Hashable) -> C | Wait | None:
        """Take a slot: an idle connection, None where one is to be opened, or WAIT where there is no slot.

        What it gives may be too old or dead: look with ``expired`` first, and at the connection itself after.
        """
        entries = self._idle.get(key)
        limit = self._limits.per_origin
        if limit is not None and self._in_use.get(key, 0) >= limit:
            return WAIT
        if entries:
            connection = entries.pop()[1]
            self._forget(key, entries)
            self._count(key, 1)
            return connection
        if self.in_use >= self._limits.connections:
            return WAIT
        self._count(key, 1)
        return None

    def release(self, key: Hashable, connection: C | None, now: float) -> list[C]:
        """Give a slot back, with the connection if it may serve again; gives what is to be closed."""
        self._count(key, -1)
        if connection is not None:
            self._idle.setdefault(key, []).append((now, connection))
            self.idle += 1
        return self.surplus()

    def expired(self, now: float) -> list[C]:
        """Remove and give the connections that were idle too long."""
        if not self.idle:
            return []
        oldest = now - self._limits.idle_seconds
        gone = []
        for key, entries in list(self._idle.items()):
            while entries and entries[0][0] < oldest:
                gone.append(entries.pop(0)[1])
                self._forget(key, entries)
        return gone

    def surplus(self) -> list[C]:
        """Remove and give the idle connections that are too many, the oldest first."""
        gone = []
        while self.idle and self.idle + self.in_use > self._limits.connections:
            key = min(self._idle, key=lambda key: self._idle[key][0][0])
            entries = self._idle[key]
            gone.append(entries.pop(0)[1])
            self._forget(key, entries)
        return gone

    def drain(self) -> list[C]:
        """Remove and give every idle connection."""
        gone = [connection for entries in self._idle.values() for _, connection in entries]
        self._idle.clear()
        self.idle = 0
        return gone

    def _forget(self, key: Hashable, entries: list[tuple[float, C]]) -> None:
        self.idle -= 1
        if not entries:
            del self._idle[key]

    def _count(self, key: Hashable, change: int) -> None:
        self.in_use += change
        left = self._in_use.get(key, 0) + change
        if left:
            self._in_use[key] = left
        else:
            del self._in_use[key]
