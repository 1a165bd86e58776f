"""Which of a host's addresses is tried when (RFC 8305 sections 4 and 5). Time is an argument: nothing here looks at a clock.

Laws:

- The families take turns, beginning with the one that the resolver put first.
- An address that neither answers nor fails keeps the next waiting for one delay; one that fails, not at all.
- Whatever was started goes on while others are: the first that connects wins.
- Where all must be over soon, the delay is shorter, so that every address has its turn.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

A = TypeVar("A")

#: The Connection Attempt Delay of RFC 8305 section 8, in seconds: what is recommended, and the least there may be.
DELAY, SHORTEST_DELAY = 0.25, 0.01


def interleaved(addresses: Iterable[A], family: Callable[[A], Hashable]) -> list[A]:
    """Let the families take turns; within each, the order stays.

    >>> interleaved(["6a", "6b", "6c", "4a", "4b"], family=lambda address: address[0])
    ['6a', '4a', '6b', '4b', '6c']
    """
    queues: dict[Hashable, deque[A]] = {}
    for address in addresses:
        queues.setdefault(family(address), deque()).append(address)
    turns = deque(queues.values())
    order = []
    while turns:
        queue = turns.popleft()
        order.append(queue.popleft())
        if queue:
            turns.append(queue)
    return order


class Race(Generic[A]):
    """What to start, and how long to wait for what was started.

    Args:
        addresses: in the order in which they are tried.
        seconds: how long all of it may take; None for no bound.

    >>> race = Race(["a", "b", "c"], seconds=None)
    >>> race.next(now=0.0), race.next(now=0.0), race.wait(now=0.0625)
    ('a', None, 0.1875)
    >>> race.failed()
    >>> race.next(now=0.0625), race.next(now=0.125), race.next(now=0.3125), race.wait(now=0.5)
    ('b', None, 'c', None)
    """

    __slots__ = ("_delay", "_due", "_waiting")

    def __init__(self, addresses: Iterable[A], seconds: float | None) -> None:
        self._waiting = deque(addresses)
        self._delay = DELAY
        if seconds is not None and self._waiting:
            self._delay = max(SHORTEST_DELAY, min(DELAY, seconds / len(self._waiting)))
        #: When the next is started.
        self._due = -inf

    def next(self, now: float) -> A | None:
        """Take the address to start now; None for none, either not yet or because all were started."""
        if not self._waiting or now < self._due:
            return None
        self._due = now + self._delay
        return self._waiting.popleft()

    def failed(self) -> None:
        """Take note that one that was started has failed: the next is due at once."""
        self._due = -inf

    def wait(self, now: float) -> float | None:
        """Give how long to wait at most before asking for the next; None where all were started."""
        return max(0.0, self._due - now) if self._waiting else None
