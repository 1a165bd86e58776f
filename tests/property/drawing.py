"""How many examples each profile draws, and how to draw them so that each tries something new."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

PROFILE = os.environ.get("INTERMODAL_PROFILE", "default")

#: Hypothesis draws the first ten examples of a run one by one; of those after them it makes five in six by changing an
#: earlier one, which tries little here and costs as much. So long runs are made of short ones.
_FRESH = 10


def _runs(count: int) -> Iterator[settings]:
    for done in range(0, count, _FRESH):
        # Derandomized, as Hypothesis is by itself where it finds a CI, each of them would draw the same examples.
        yield settings(max_examples=min(_FRESH, count - done), derandomize=False)


def check_each(strategy: SearchStrategy[Any], count: int, check: Callable[[Any], None]) -> None:
    """Check so many examples of a strategy."""
    for run in _runs(count):
        run(given(strategy)(check))()


def walk(machine: type[RuleBasedStateMachine], count: int, steps: int) -> None:
    """Walk so many times through a state machine, in so many steps at most."""
    for run in _runs(count):
        run_state_machine_as_test(machine, settings=settings(run, stateful_step_count=steps))
