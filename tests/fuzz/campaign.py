"""Many cases in a row, on as many processors as are wanted: what broke, made small, and how often what was seen."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fuzz.costs import check_memory
from fuzz.draw import drawn, stretched
from fuzz.minimise import minimised
from fuzz.oracles import PATIENCE, check
from fuzz.reading import Fault

from intermodal.h1.exchange import ResponseReader

if TYPE_CHECKING:
    from fuzz.case import Case

#: One process works on so many before it reports.
BATCH = 5_000

#: Memory is measured for one case of so many: it takes as long as a hundred others.
MEASURED = 1_000

#: One of each kind tells enough.
_MOST = 10


@dataclass(frozen=True)
class Failure:
    """A broken law, and how to break it again."""

    seed: int
    index: int
    law: str
    text: str
    case: Case

    def __str__(self) -> str:
        return (
            f"{self.text[:3000]}\n"
            f"    again: INTERMODAL_FUZZ={self.seed}:{self.index} python -m pytest tests/fuzz -k again\n"
            f"    made small, for FOUND in tests/fuzz/found.py: {self.case!r}"
        )


@dataclass
class Report:
    """What came of a campaign."""

    count: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.count += other.count
        self.seen += other.seen
        self.failures += other.failures

    def failed(self) -> str:
        """All failures, one of each law first."""
        return "\n".join([f"{len(self.failures)} of {self.count} inputs break a law", *map(str, self.failures[:_MOST])])

    def table(self) -> str:
        """How many cases there were, and the share of those in which each thing was seen."""
        lines = [f"{self.count:,} inputs"]
        for name, count in sorted(self.seen.items(), key=lambda each: (each[0].partition(":")[0], -each[1])):
            lines.append(f"{count:>10,} {100 * count / self.count:7.3f} %  {name}")
        return "\n".join(lines)


def examine(seed: int, index: int, make=ResponseReader, patience: float = PATIENCE) -> list[str]:
    """Check the case of a number, of some of them the memory too; what was seen.

    Raises:
        Fault: a law was broken.
    """
    case = drawn(seed, index)
    seen = check(case, make, patience)
    if index % MEASURED == 0:
        check_memory(stretched(case), make)
        seen.append("memory measured")
    return seen


def run(
    seed: int, start: int, count: int, make=ResponseReader, *, most: int = _MOST, patience: float = PATIENCE
) -> Report:
    """Check the cases of the numbers from ``start`` on, until so many have failed."""
    report = Report()
    for index in range(start, start + count):
        try:
            report.seen.update(examine(seed, index, make, patience))
        except Fault as fault:
            report.failures.append(_failure(seed, index, fault, make, patience))
        report.count += 1
        if len(report.failures) >= most:
            break
    return report


def _failure(seed: int, index: int, fault: Fault, make, patience: float) -> Failure:
    def fails(case: Case) -> bool:
        try:
            check(case, make, patience)
        except Fault as again:
            return again.law == fault.law
        return False

    case = drawn(seed, index)
    return Failure(seed, index, fault.law, str(fault), minimised(case, fails) if fails(case) else case)


def run_on(processes: int, seed: int, count: int, batch: int = BATCH) -> Report:
    """Do the same on several processors; the cases are those that one alone would check."""
    if processes == 1:
        return run(seed, 0, count)
    report = Report()
    starts = range(0, count, batch)
    # Spawned, not forked: the tests' own process has threads.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(run, seed, start, min(batch, count - start)) for start in starts]
        for each in waiting:
            report.add(each.result())
    return report
