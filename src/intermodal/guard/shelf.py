"""A bounded shelf of a library's pools, one for each pool key; the one unused longest is closed.

A pool that carries an exchange is not closed under it: it is when the last one is done.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from intermodal.forking import forget_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.net.route import Key


class _Closable(Protocol):
    def close(self) -> None: ...


P = TypeVar("P", bound=_Closable)


class Shelf(Generic[P]):
    """One pool for each key, made at first use."""

    def __init__(self, make: Callable[[Key], P], size: int = 256) -> None:
        self._make = make
        self._size = size
        self._pools: OrderedDict[Key, P] = OrderedDict()
        self._held: Counter[Key] = Counter()
        self._closed = False
        self._lock = threading.Lock()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Leave the parent's pools alone in a child process, and make new ones."""
        self._pools = OrderedDict()
        self._held = Counter()
        self._lock = threading.Lock()

    def hold(self, key: Key) -> None:
        """Note that an exchange begins for which ``get`` will be called."""
        with self._lock:
            self._held[key] += 1

    def get(self, key: Key) -> P:
        """Give the pool for a key."""
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = self._make(key)
            else:
                self._pools.move_to_end(key)
            surplus = self._surplus()
        for each in surplus:
            each.close()
        return pool

    def done(self, key: Key) -> None:
        """Note that an exchange is over, and its connection given back."""
        with self._lock:
            if self._held[key] > 1:
                self._held[key] -= 1
            else:
                del self._held[key]
            surplus = self._surplus()
        for each in surplus:
            each.close()

    def drop(self, key: Key) -> None:
        """Forget the pool of a key, which was interrupted in the middle of a step: some libraries wait for ever then.

        What others have of it ends with them.
        """
        with self._lock:
            self._pools.pop(key, None)  # and not closed: it may wait for the lock that nobody has let go of

    def close(self) -> None:
        """Close every pool, those that carry an exchange when that is over."""
        with self._lock:
            self._closed = True
            surplus = self._surplus()
        for each in surplus:
            each.close()

    def _surplus(self) -> list[P]:
        """Take off the shelf what is too much, the longest unused first."""
        much = len(self._pools) - (0 if self._closed else self._size)
        keys = [key for key in self._pools if key not in self._held][:much] if much > 0 else []
        return [self._pools.pop(key) for key in keys]
