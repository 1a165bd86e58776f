"""The pool's state behind a lock, with a bounded wait for a slot."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from intermodal.blocking.forking import forget_after_fork
from intermodal.errors import PoolTimeout, TransportClosed
from intermodal.net.pool import PoolState, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from intermodal.model.options import Limits
    from intermodal.net.deadline import Deadline

C = TypeVar("C")


class Pool(Generic[C]):
    """Slots, and the idle connections of those who give them back with one.

    A transport whose library keeps its own connections uses the slots only.

    ``release`` never waits for the lock, because it may be called by the garbage collector in the middle of
    anything, also of a step here: it leaves the connection in a queue, and whoever has or gets the lock
    takes it from there before leaving.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        usable: Callable[[C], bool],
        close: Callable[[C], None],
        abandon: Callable[[C], None],
    ) -> None:
        self._abandon = abandon
        self._state: PoolState[C] = PoolState(limits)
        self._usable = usable
        self._close = close
        self._returned: deque[tuple[Hashable, C | None]] = deque()
        self._lock = threading.Lock()
        self._waiters: list[threading.Event] = []
        self.closed = False
        self._limits = limits
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew in a child process: what is pooled is the parent's, and so was the lock."""
        inherited = self._state.drain()
        self._state = PoolState(self._limits)
        self._returned.clear()
        self._lock = threading.Lock()
        self._waiters = []
        for connection in inherited:
            self._abandon(connection)

    def acquire(self, key: Hashable, deadline: Deadline) -> C | None:
        """Take a slot, with an idle connection where there is one.

        Raises:
            PoolTimeout: no slot became free in time.
            TransportClosed: the pool is closed.
        """
        try:
            with self._lock:
                return self._acquire(key, deadline)
        finally:
            self._settle()

    def _acquire(self, key: Hashable, deadline: Deadline) -> C | None:
        now = time.monotonic()
        seconds = deadline.timeouts.pool
        until = None if seconds is None else now + seconds
        while True:
            self._take_back()
            if self.closed:
                raise TransportClosed("the transport is closed: open another one")
            self._dispose(self._state.expired(now))
            connection = self._state.acquire(key)
            if not isinstance(connection, Wait):
                self._dispose(self._state.surplus())
                if connection is None or self._usable(connection):
                    return connection
                self._dispose([connection, *self._state.release(key, None, now)])
                continue
            if until is not None and now >= until:
                raise PoolTimeout(
                    f"no connection became free within pool={seconds} s: {self._state.in_use} are in use"
                    " (Limits.connections, Limits.per_origin); close responses that are not read to their end"
                )
            self._wait(deadline.wait(None if until is None else until - now, now))
            now = time.monotonic()

    def _wait(self, seconds: float | None) -> None:
        """Let go of the lock until something was given back."""
        waiter = threading.Event()
        self._waiters.append(waiter)
        self._lock.release()
        try:
            self._settle()  # what was given back while this thread had the lock is there already
            waiter.wait(seconds)
        finally:
            self._lock.acquire()
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def release(self, key: Hashable, connection: C | None) -> None:
        """Give a slot back, with its connection if that may serve again."""
        self._returned.append((key, connection))
        self._settle()

    def close(self) -> None:
        """Close every idle connection and let nobody in again; those in use end with their exchange."""
        with self._lock:
            self.closed = True
            self._dispose(self._state.drain())
            self._wake()
        self._settle()

    def _settle(self) -> None:
        # Whoever finds the lock taken may go: its holder comes by here after it has let go.
        while self._returned and self._lock.acquire(blocking=False):
            try:
                self._take_back()
            finally:
                self._lock.release()

    def _take_back(self) -> None:
        while self._returned:
            key, connection = self._returned.popleft()
            if self.closed and connection is not None:
                self._dispose([connection])
                connection = None
            self._dispose(self._state.release(key, connection, time.monotonic()))
            self._wake()

    def _wake(self) -> None:
        # All of them: the one that has waited longest may be waiting for another origin's slot.
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.set()

    def _dispose(self, connections: list[C]) -> None:
        for connection in connections:
            self._close(connection)
