"""What every wait of a dial obeys: its bound, and another thread that may end it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from intermodal.errors import ConnectionError, ConnectTimeout, Phase

if TYPE_CHECKING:
    from intermodal.net.deadline import Deadline

#: Is told each phase as it begins, and what another thread may call to end the wait in it. It raises where the exchange
#: was interrupted before.
Entering = Callable[[Phase, Callable[[], object]], None]


class Bound:
    """``connect`` bounds everything up to a usable connection together, and ``total`` bounds that (T7)."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._seconds = deadline.timeouts.connect
        self._ends = None if self._seconds is None else time.monotonic() + self._seconds

    def left(self, what: str) -> float | None:
        """Give how long the next wait may take, in seconds.

        Raises:
            ConnectTimeout, TotalTimeout: nothing remains for ``what``.
        """
        now = time.monotonic()
        left = None if self._ends is None else self._ends - now
        if left is not None and left <= 0:
            raise self.expired(what)
        return self._deadline.wait(left, now)

    def expired(self, what: str) -> Exception:
        """Make the error for ``what`` having taken too long."""
        message = f"{what} took longer than connect={self._seconds} s"
        return self._deadline.expired(ConnectTimeout, message, time.monotonic())


def raise_ended(what: str, phase: Phase, entering: Entering) -> NoReturn:
    """Raise for a wait that another thread has ended; ``entering`` may know better why."""
    entering(phase, lambda: None)
    raise ConnectionError(f"{what} was ended by another thread")
