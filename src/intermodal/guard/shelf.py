"""A bounded shelf of a library's pools, one for each pool key; the one unused longest is closed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

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
        self._lock = threading.Lock()

    def get(self, key: Key) -> P:
        """Give the pool for a key."""
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = self._make(key)
                if len(self._pools) > self._size:
                    self._pools.popitem(last=False)[1].close()
            else:
                self._pools.move_to_end(key)
            return pool

    def close(self) -> None:
        """Close every pool."""
        with self._lock:
            while self._pools:
                self._pools.popitem()[1].close()
