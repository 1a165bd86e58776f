"""Quartiles and ratios of samples that were taken round by round."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def spread(samples: Sequence[float]) -> tuple[float, float, float]:
    """Give the lower quartile, the median and the upper quartile.

    >>> spread([5, 1, 3, 2, 4])
    (2.0, 3.0, 4.0)
    """
    if len(samples) == 1:
        return samples[0], samples[0], samples[0]
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return low, middle, high


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round: what slows a whole round down falls out.

    >>> ratios([1, 30], [2, 60])
    [0.5, 0.5]
    """
    return [a / b for a, b in zip(ours, theirs, strict=False)]  # one that failed on the way has fewer
