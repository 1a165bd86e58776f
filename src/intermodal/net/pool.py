"""The pool as pure state: who may have which connection, who waits for one, and which are to be closed.

No locks; time is an argument. Laws:

- A connection is idle or in use, never both; together they never outnumber ``limits.connections``, nor those
  of one key ``limits.per_origin``.
- The newest idle one is given first, because the oldest is the one that its server is about to close. What is
  idle longer than ``limits.idle_seconds`` is closed; so is the oldest where another key needs its slot.
- Nobody waits for a slot that is free and within the limits of its key. So whoever comes and gets one overtakes nobody.
- A slot that becomes free is for the first in line who may have it. Those held up by ``per_origin`` alone let
  others pass that wait for another key, and none of their own: the next slot of that key is for the first of them.
"""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from intermodal.model.options import Limits

C = TypeVar("C")
T = TypeVar("T")


class Wait(Enum):
    """The type of WAIT."""

    WAIT = "every slot is taken"


WAIT: Final = Wait.WAIT


class PoolState(Generic[C, T]):
    """Idle connections by key, newest last; how many are in use; and the tickets of those who wait, first come first.

    >>> from intermodal.model.options import Limits
    >>> pool = PoolState[str, str](Limits(connections=1))
    >>> pool.acquire("k", now=0.0), pool.acquire("k", now=1.0) is WAIT
    (None, True)
    >>> pool.wait("ticket", "k")
    >>> pool.release("k", "connection", now=2.0)
    ('ticket', 'connection')
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = limits.connections
        self._share = limits.per_origin
        self._keep = limits.idle_seconds
        #: Each connection with the time until which it is kept. Lists may be empty while their key is in use.
        self._idle: dict[Hashable, list[tuple[float, C]]] = {}
        #: None is too old before this: one comparison for most requests, where a look at all would be one for each.
        self._fresh_until = inf
        #: How many are in use by key, counted only where that is bounded.
        self._shares: dict[Hashable, int] = {}
        self._line: dict[T, Hashable] = {}
        self.in_use = 0
        self.closed = False
        #: What is to be closed; whoever drives this takes it from here.
        self.gone: list[C] = []

    @property
    def idle(self) -> int:
        """How many are idle."""
        return sum(map(len, self._idle.values()))

    @property
    def waiting(self) -> list[T]:
        """The tickets of those who wait, in order."""
        return list(self._line)

    def acquire(self, key: Hashable, now: float) -> C | Wait | None:
        """Take a slot: with an idle connection, with None where one is to be opened, or WAIT where there is no slot.

        Whether the connection still lives is to be seen; ``another`` replaces it.
        """
        if now > self._fresh_until:
            self._expire(now)
        if self.in_use >= self._room:
            return WAIT
        if self._share is not None:
            share = self._shares.get(key, 0)
            if share >= self._share:
                return WAIT
            self._shares[key] = share + 1
        entries = self._idle.get(key)
        if entries:
            connection = entries.pop()[1]
            self.in_use += 1
            return connection
        self.in_use += 1
        if self._idle:
            self._make_room()
        return None

    def another(self, key: Hashable, now: float) -> C | None:
        """Go on in a slot whose connection was found dead: with the next idle one, or None where one is to be opened."""
        if now > self._fresh_until:
            self._expire(now)
        entries = self._idle.get(key)
        return entries.pop()[1] if entries else None

    def release(self, key: Hashable, connection: C | None, now: float) -> tuple[T, C | None] | None:
        """Give a slot back, with its connection if that may serve again.

        Gives the ticket of whom the slot goes to, if anybody waits for it, with what ``acquire`` would have given.
        """
        self.in_use -= 1
        if self._share is not None:
            share = self._shares.pop(key, 0)
            if share > 1:
                self._shares[key] = share - 1
        entries = self._idle.get(key)
        if connection is None or self.closed:
            if connection is not None:
                self.gone.append(connection)
            if entries is not None and not entries:
                del self._idle[key]
        else:
            until = now + self._keep
            if until < self._fresh_until:  # noqa: PLR1730 - min() would be a call for each exchange
                self._fresh_until = until
            if entries is None:
                self._idle[key] = [(until, connection)]
            else:
                entries.append((until, connection))
        return self._serve(now) if self._line else None

    def wait(self, ticket: T, key: Hashable) -> None:
        """Stand in line, where ``acquire`` has said WAIT."""
        self._line[ticket] = key

    def leave(self, ticket: T) -> None:
        """Wait no longer; who was served meanwhile is no longer in line, and has a slot to release."""
        self._line.pop(ticket, None)

    def close(self) -> list[T]:
        """Give up every idle connection and all that come back, and let nobody in; gives who waited in vain."""
        self.closed = True
        self._room = 0
        for entries in self._idle.values():
            self.gone.extend(connection for _, connection in entries)
        self._idle.clear()
        waited, self._line = list(self._line), {}
        return waited

    def bound(self, key: Hashable) -> str:
        """Say which limit keeps ``key`` waiting."""
        if self._share is not None and self._shares.get(key, 0) >= self._share:
            return f"per_origin={self._share}"
        return f"connections={self._limits.connections}"

    def _serve(self, now: float) -> tuple[T, C | None] | None:
        for ticket, key in self._line.items():
            connection = self.acquire(key, now)
            if connection is not WAIT:
                del self._line[ticket]
                return ticket, connection
        return None

    def _expire(self, now: float) -> None:
        fresh_until = inf
        for key, entries in list(self._idle.items()):
            while entries and entries[0][0] < now:
                self.gone.append(entries.pop(0)[1])
            if entries:
                fresh_until = min(fresh_until, entries[0][0])
            else:
                del self._idle[key]
        self._fresh_until = fresh_until

    def _make_room(self) -> None:
        """Give up the oldest idle connection, if there is one too many."""
        if self.idle + self.in_use <= self._room:
            return
        key = min((key for key, entries in self._idle.items() if entries), key=lambda key: self._idle[key][0][0])
        self.gone.append(self._idle[key].pop(0)[1])
        if not self._idle[key]:
            del self._idle[key]
