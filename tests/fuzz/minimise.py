"""The smallest case that still breaks the same law, found by taking away and simplifying for as long as it helps."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fuzz.case import Case

#: A smaller case is a convenience, in seconds.
LONGEST = 10.0


def minimised(case: Case, fails: Callable[[Case], bool], seconds: float = LONGEST) -> Case:
    """Take away from a failing case what it fails without, by halves, quarters and so on (ddmin), then byte by byte."""
    ends = time.monotonic() + seconds
    for simpler in _simpler(case):
        if fails(simpler(case)):
            case = simpler(case)
    size = max(1, len(case.data) // 2)
    while time.monotonic() < ends:
        for smaller in _without_a_piece(case, size):
            if fails(smaller):
                case = smaller
                break
            if time.monotonic() > ends:
                return case
        else:
            if size == 1:
                return case
            size = max(1, size // 2)
    return case


def _simpler(case: Case) -> Iterator[Callable[[Case], Case]]:
    """The case with each of its settings as it usually is."""
    for field in fields(case)[1:]:
        if getattr(case, field.name) != field.default:
            yield lambda one, name=field.name, usual=field.default: replace(one, **{name: usual})


def _without_a_piece(case: Case, size: int) -> Iterator[Case]:
    data = case.data
    for at in range(0, len(data), size):
        yield replace(case, data=data[:at] + data[at + size :])
