"""The rounds: every contestant once in each, in an order that is drawn anew, so that what disturbs one disturbs all."""

from __future__ import annotations

import contextlib
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.workers import Failed, Worker, interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.cases import Case, Place
    from bench.contestants import Entry

#: Of processes that are made for one sample each, so many are made for each contestant.
FRESH_ROUNDS = 3


@dataclass
class Outcome:
    """What one case gave.

    Attributes:
        samples: by contestant, in the order of the rounds, each a figure by its name, for one operation: "wall" and "cpu" in
            seconds, "peak" and "memory" in bytes.
        absent: why a contestant has none.
        failed: those of them that ended before their time.
        versions: of the contestants' libraries.
    """

    samples: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def figures(self, name: str, figure: str) -> list[float]:
        """Give one figure of a contestant, round by round; nothing if it has none."""
        return [sample[figure] for sample in self.samples.get(name, ()) if figure in sample]

    def fail(self, name: str, failure: Failed) -> None:
        """Leave a contestant out, and say so."""
        print(failure, file=sys.stderr)
        self.samples.pop(name, None)
        self.absent[name] = "failed"
        self.failed.append(name)


class Contest:
    """The workers of one case, and their turns."""

    def __init__(self, case: Case, place: Place, core: int | None, turn: float) -> None:
        self._case, self._place, self._core, self._turn = case, place, core, turn
        self._turns: dict[str, int] = {}
        self._draw = random.Random(case.name)  # noqa: S311 - the order need only vary
        self.outcome = Outcome()

    def play(self, entries: Iterable[Entry], rounds: int) -> Outcome:
        """Play all rounds."""
        if self._case.fresh:
            for entry in entries:
                for _ in range(min(rounds, FRESH_ROUNDS)):
                    with contextlib.ExitStack() as running:
                        self._round(self._seat([entry], running))
        else:
            with contextlib.ExitStack() as running:
                workers = self._seat(entries, running)
                for _ in range(rounds):
                    self._round(workers)
        return self.outcome

    def _seat(self, entries: Iterable[Entry], running: contextlib.ExitStack) -> list[Worker]:
        seated = []
        for entry in entries:
            if not Path(interpreter(entry)).exists():
                self.outcome.absent[entry.name] = f"{entry.name} is not installed"
                continue
            worker = running.enter_context(Worker(entry, self._case, self._place, self._core))
            try:
                first = worker.answer()
                if "absent" in first:
                    self.outcome.absent[entry.name] = first["absent"]
                    continue
                self.outcome.versions[entry.name] = first["version"]
                self._turns[entry.name] = 1 if self._case.fresh else self._calibrate(worker)
            except Failed as failure:
                self.outcome.fail(entry.name, failure)
                continue
            self.outcome.samples.setdefault(entry.name, [])
            seated.append(worker)
        return seated

    def _calibrate(self, worker: Worker) -> int:
        """Warm the worker up and find how many operations fill a turn."""
        times = 1
        while True:
            took: float = worker.measure(times)["wall"] * times
            if took > self._turn / 4:
                return max(1, round(times * self._turn / took))
            times *= 4

    def _round(self, workers: list[Worker]) -> None:
        self._draw.shuffle(workers)
        for worker in list(workers):
            try:
                self.outcome.samples[worker.name].append(worker.measure(self._turns[worker.name]))
            except Failed as failure:
                self.outcome.fail(worker.name, failure)
                workers.remove(worker)
