"""The pool's state behind a lock, and a gate for each who waits."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from intermodal.errors import PoolTimeout, TransportClosed
from intermodal.forking import forget_after_fork
from intermodal.net.pool import WAIT, PoolState

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from intermodal.model.options import Limits
    from intermodal.net.deadline import Deadline
    from intermodal.net.pool import Wait

C = TypeVar("C")


class _Waiter(Generic[C]):
    """A thread in line: its gate opens when it is served, or when the pool is closed and it never will be."""

    __slots__ = ("connection", "gate")

    def __init__(self) -> None:
        self.connection: C | Wait | None = WAIT
        self.gate = threading.Lock()
        self.gate.acquire()

    def serve(self, connection: C | None) -> None:
        self.connection = connection
        self.gate.release()


class Pool(Generic[C]):
    """Slots, and the idle connections of those who give them back with one.

    A transport whose library keeps its own connections uses the slots only.

    ``release`` and ``close`` may be called by the garbage collector or a signal handler in the middle of
    anything, also of a step here, and must not wait for the step that they interrupt. So where the lock is taken
    they leave word in a queue: whoever has the lock looks there after letting go of it, and whoever gets it
    looks there first. Connections are looked at and closed without the lock: others go on meanwhile.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        usable: Callable[[C], bool],
        close: Callable[[C], None],
        abandon: Callable[[C], None],
    ) -> None:
        self._limits = limits
        self._usable = usable
        self._close = close
        self._abandon = abandon
        self._lock = threading.Lock()
        self._state: PoolState[C, _Waiter[C]] = PoolState(limits)
        #: What could not be given back at once; None for the order to close.
        self._left: deque[tuple[Hashable, C | None] | None] = deque()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew in a child process: what is pooled is the parent's, and so were the lock and who waited."""
        inherited, left = self._state, self._left
        closed = inherited.closed or None in left
        inherited.close()
        self._lock = threading.Lock()
        self._state = PoolState(self._limits)
        self._left = deque([None] if closed else [])
        for connection in (*inherited.gone, *(entry[1] for entry in left if entry)):
            if connection is not None:
                self._abandon(connection)

    def acquire(self, key: Hashable, deadline: Deadline) -> C | None:
        """Take a slot, with an idle connection where there is one.

        Raises:
            PoolTimeout: no slot became free in time.
            TransportClosed: the pool is closed.
        """
        connection: C | Wait | None = WAIT
        try:
            with self._lock:
                if self._left:
                    self._take_back()
                connection = self._state.acquire(key, monotonic())
            if self._left or self._state.gone:
                self._settle()
            if connection is WAIT:
                connection = self._wait(key, deadline)
            while connection is not None and not self._usable(connection):
                dead, connection = connection, None
                self._close(dead)
                with self._lock:
                    connection = self._state.another(key, monotonic())
                self._settle()
        except BaseException:
            if connection is not WAIT:
                if connection is not None:
                    self._close(connection)
                self.release(key, None)
            self._settle()
            raise
        return connection

    def release(self, key: Hashable, connection: C | None) -> None:
        """Give a slot back, with its connection if that may serve again."""
        if self._lock.locked():
            self._left.append((key, connection))
        else:
            # Another thread may be faster: then this waits for one step of it. acquire(blocking=False) would not, but
            # a signal handler that raises between it and a try would leave the lock taken for ever; "with" has no between.
            with self._lock:
                self._give_back(key, connection)
        if self._left or self._state.gone:
            self._settle()

    def close(self) -> None:
        """Close every idle connection and let nobody in again; those in use end with their exchange."""
        self._left.append(None)
        self._settle()

    def _wait(self, key: Hashable, deadline: Deadline) -> C | None:
        """Stand in line until somebody hands a slot over."""
        waiter: _Waiter[C] = _Waiter()
        now = monotonic()
        seconds = deadline.timeouts.pool
        until = None if seconds is None else now + seconds
        try:
            with self._lock:
                waiter.connection = self._state.acquire(key, now)
                if waiter.connection is WAIT and not self._state.closed:
                    self._state.wait(waiter, key)
                else:
                    waiter.gate.release()
            self._settle()  # what was given back since the last look may be for this one
            while not waiter.gate.acquire(timeout=_patience(deadline, until, now)):
                now = monotonic()
                if until is not None and now >= until:
                    message = (
                        f"no connection became free within pool={seconds} s: all of Limits({self._state.bound(key)})"
                        " are in use; close responses that are not read to their end"
                    )
                    raise deadline.expired(PoolTimeout, message, now)
            if waiter.connection is WAIT:
                raise TransportClosed("the transport is closed: open another one")
        except BaseException:
            with self._lock:
                self._state.leave(waiter)
            if waiter.connection is not WAIT:  # served at the same moment: the slot goes to the next
                self.release(key, waiter.connection)
            self._settle()
            raise
        return waiter.connection

    def _settle(self) -> None:
        """Do what was left to be done. Who finds the lock taken may go: its holder comes by here afterwards."""
        while self._left and not self._lock.locked():
            with self._lock:
                self._take_back()
        gone = self._state.gone
        while gone:
            try:
                connection = gone.pop()
            except IndexError:  # another thread was faster
                break
            self._close(connection)

    def _take_back(self) -> None:
        while self._left:
            entry = self._left.popleft()
            if entry is not None:
                self._give_back(*entry)
                continue
            for waiter in self._state.close():
                waiter.gate.release()

    def _give_back(self, key: Hashable, connection: C | None) -> None:
        if not self._state.in_use:  # it was taken before a fork, in what is another process now
            if connection is not None:
                self._abandon(connection)
            return
        served = self._state.release(key, connection, monotonic())
        if served is not None:
            served[0].serve(served[1])


def _patience(deadline: Deadline, until: float | None, now: float) -> float:
    """How long a thread in line may wait at once; -1 is for ever."""
    seconds = deadline.wait(None if until is None else until - now, now)
    return -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX)
