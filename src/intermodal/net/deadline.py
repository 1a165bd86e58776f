"""What remains of the bounds of one exchange. Time is an argument: nothing here looks at a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.errors import Timeout, TotalTimeout

if TYPE_CHECKING:
    from intermodal.model.options import Timeouts


class Deadline:
    """The bounds of one exchange that began at ``now``.

    >>> from intermodal.model.options import Timeouts
    >>> deadline = Deadline(Timeouts(read=5, total=8), now=100.0)
    >>> deadline.wait(5, now=101.0), deadline.wait(5, now=106.0)
    (5, 2.0)
    """

    __slots__ = ("_total", "ends", "timeouts")

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self.timeouts = timeouts
        self._total = timeouts.total
        #: When the whole exchange must be over, on the clock of ``now``; None for no such bound.
        self.ends = None if timeouts.total is None else now + timeouts.total

    def sooner(self, ends: float) -> Deadline:
        """Give the same bounds for an exchange that must be over at ``ends`` at the latest; this one stays as it is."""
        other = Deadline(self.timeouts, 0.0)
        other.ends = ends if self.ends is None else min(self.ends, ends)
        return other

    def wait(self, seconds: float | None, now: float) -> float | None:
        """Give how long one wait may take that is itself bound by ``seconds``.

        Raises:
            TotalTimeout: nothing remains.
        """
        if self.ends is None:
            return seconds
        left = self.ends - now
        if left <= 0:
            raise self._over()
        return left if seconds is None or left < seconds else seconds

    def expired(self, kind: type[Timeout], message: str, now: float) -> Timeout:
        """Make the error for a wait that was not answered: the total's where that is what ran out."""
        return self._over() if self.ends is not None and now >= self.ends else kind(message)

    def _over(self) -> TotalTimeout:
        if self._total is None:
            return TotalTimeout("the exchange took longer than it was given")
        return TotalTimeout(f"the exchange took longer than total={self._total} s")
