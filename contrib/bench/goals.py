"""What the benchmark must show, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.figures import ratios, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bench.rounds import Outcome

OURS = "intermodal/socket"
MB = 1e6

#: Half of the rounds' ratios lie within this part of their median, or the wall clock is noise.
STEADY = 0.15


@dataclass(frozen=True)
class Goal:
    """One thing that must hold.

    Attributes:
        case: where it is looked for.
        ours: the contestant that must reach it.
        theirs: the one that it is compared with; None for a figure that stands alone.
        figure: "time" is ours by theirs and at most the bound, "throughput" is at least the bound; "peak" is the growth of
            memory in MB, and below the bound.
        bound: what it must reach.
        or_cpu: judged by processor time where the wall clock is noise.
    """

    case: str
    ours: str
    theirs: str | None
    figure: Literal["time", "throughput", "peak"]
    bound: float
    or_cpu: bool = False

    @property
    def text(self) -> str:
        """The goal in words."""
        if self.figure == "peak":
            return f"{self.ours}: memory grows by less than {self.bound:g} MB"
        if self.figure == "time":
            return f"{self.ours}: at most {self.bound:g} × {self.theirs}"
        return f"{self.ours}: at least {self.bound:g} × the throughput of {self.theirs}"


@dataclass(frozen=True)
class Verdict:
    """How a goal stands.

    Attributes:
        goal: the goal.
        wall: the ratio by the clock, its median over the rounds; None if it was not measured or is none.
        cpu: the ratio by the client's processor time.
        by: what was judged: "wall", "cpu" or "memory".
        reached: the figure that was judged; None if there is none.
        quartiles: of the same.
        met: whether it is good enough.
    """

    goal: Goal
    wall: float | None
    cpu: float | None
    by: str
    reached: float | None
    quartiles: tuple[float, float] | None
    met: bool


GOALS = (
    Goal("small-get", OURS, "pycurl", "time", 0.9, or_cpu=True),
    Goal("small-get", OURS, "pyreqwest", "time", 0.9, or_cpu=True),
    Goal("small-get", OURS, "http.client", "time", 0.75),
    Goal("small-get", OURS, "urllib3", "time", 0.35),
    Goal("small-get", OURS, "requests", "time", 0.2),
    Goal("small-get", OURS, "bare", "time", 1.55),
    Goal("small-get", "intermodal/requests", "requests", "time", 0.6),
    Goal("small-get", "intermodal/httpx", "httpx", "time", 0.9),
    Goal("small-get", "intermodal/urllib3", "urllib3", "time", 1.05),
    Goal("download-into", OURS, "bare", "throughput", 0.9),
    Goal("download-64k", OURS, "pycurl", "throughput", 1.0, or_cpu=True),
    Goal("download-256k", OURS, "pycurl", "throughput", 1.0, or_cpu=True),
    Goal("download-into", OURS, None, "peak", 2.0),
    Goal("download-64k", OURS, None, "peak", 2.0),
    Goal("download-256k", OURS, None, "peak", 2.0),
    Goal("upload", OURS, "bare", "throughput", 0.9),
    Goal("tls-resumed", OURS, "requests", "time", 1.0),
    Goal("tls-resumed", OURS, "httpx", "time", 1.0),
    Goal("threads", OURS, "urllib3", "throughput", 3.0),
    Goal("slots", OURS, "bare", "time", 1.1),  # no thread waits while a slot is free: nothing but the server's delay
)


def judge(outcomes: Mapping[str, Outcome], goals: Iterable[Goal] = GOALS) -> Iterator[Verdict]:
    """Judge the goals of all cases that were played."""
    for goal in goals:
        if goal.case in outcomes:
            yield _judge(goal, outcomes[goal.case])


def _judge(goal: Goal, outcome: Outcome) -> Verdict:
    if goal.theirs is None:
        grown = outcome.figures(goal.ours, "peak")
        reached = max(grown) / MB if grown else None
        return Verdict(goal, None, None, "memory", reached, None, reached is not None and reached < goal.bound)
    wall, cpu = _ratios(goal, outcome, "wall"), _ratios(goal, outcome, "cpu")
    if not wall:
        return Verdict(goal, None, None, "wall", None, None, met=False)
    low, middle, high = spread(wall)
    by = "cpu" if goal.or_cpu and high - low > STEADY * middle else "wall"
    low, reached, high = spread(cpu if by == "cpu" else wall)
    met = reached <= goal.bound if goal.figure == "time" else reached >= goal.bound
    return Verdict(goal, middle, spread(cpu)[1], by, reached, (low, high), met)


def _ratios(goal: Goal, outcome: Outcome, figure: str) -> list[float]:
    assert goal.theirs is not None
    ours, theirs = outcome.figures(goal.ours, figure), outcome.figures(goal.theirs, figure)
    if not ours or not theirs:
        return []
    return ratios(ours, theirs) if goal.figure == "time" else ratios(theirs, ours)
