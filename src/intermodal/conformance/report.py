"""What a run of the kit found: a verdict for each case, and what the failures say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from intermodal.conformance.case import CLAUSES
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.conformance.case import Case
    from intermodal.protocol import TransportInfo

__all__ = ["Report", "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What became of one case.

    Attributes:
        case: the case.
        status: ``"passed"``, ``"failed"``, or ``"not asked"``.
        why: why it was not asked.
        expected: of a failure, what should have come.
        came: of a failure, what came instead.
        exchanged: of a failure, the bytes that went over each connection, as the server recorded them.
        seconds: how long it took.
    """

    case: Case
    status: Literal["passed", "failed", "not asked"]
    why: str = ""
    expected: str = ""
    came: str = ""
    exchanged: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        case = self.case
        if self.status != "failed":
            return f"{case}: {self.status}{self.why and f', {self.why}'}"
        source = f", {case.source}" if case.source else ""
        lines = [f"{case.clause} {CLAUSES[case.clause]}{source}: {case.proves}", f"  case      {case.name}"]
        lines += [f"  expected  {self.expected}", f"  came      {self.came}"]
        if self.exchanged:
            lines += [
                "  exchanged (> to the server, < from it)",
                *(f"    {line}" for line in self.exchanged.splitlines()),
            ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The verdicts on one transport.

    Attributes:
        name: what the transport was asked for as.
        info: what it says of itself.
        colour: ``"sync"`` or ``"async"``: whether ``send`` or ``asend`` was tried.
        verdicts: one for each case, in the order of the clauses.

    >>> from intermodal.conformance import run
    >>> from intermodal.testing import MockTransport
    >>> report = run(MockTransport, application="handler", clauses=["T10"])
    >>> report.passed, report.failures
    (True, ())
    """

    name: str
    info: TransportInfo
    colour: str
    verdicts: tuple[Verdict, ...] = field(repr=False)

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """All failures."""
        return tuple(verdict for verdict in self.verdicts if verdict.status == "failed")

    @property
    def passed(self) -> bool:
        """Whether there is no failure, and something was asked."""
        return not self.failures and any(verdict.status == "passed" for verdict in self.verdicts)

    def count(self, status: str, clause: str | None = None) -> int:
        """Count the verdicts of a status, within a clause if one is given."""
        return sum(verdict.status == status and clause in (None, verdict.case.clause) for verdict in self.verdicts)

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses there are verdicts on, in order."""
        there = {verdict.case.clause for verdict in self.verdicts}
        return tuple(clause for clause in CLAUSES if clause in there)

    def document(self) -> dict[str, Any]:
        """Give the report as what JSON can hold."""
        info = self.info
        return {
            "transport": self.name,
            "name": info.name,
            "version": info.version,
            "colour": self.colour,
            "passed": self.passed,
            "capabilities": [each.name for each in Capability if each.value and each in info.capabilities],
            "guarantees": [each.name for each in Guarantee if each.value and each in info.guarantees],
            "clauses": {
                clause: {
                    "title": CLAUSES[clause],
                    **{status: self.count(status, clause) for status in ("passed", "failed", "not asked")},
                }
                for clause in self.clauses
            },
            "cases": [_as_dict(verdict) for verdict in self.verdicts],
        }

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.info.name} {self.info.version}, {self.colour}): " + self.summary]
        for clause in self.clauses:
            passed, failed, rest = (self.count(status, clause) for status in ("passed", "failed", "not asked"))
            lines.append(f"  {clause:4}{CLAUSES[clause]:23}{passed:4} passed {failed:4} failed {rest:4} not asked")
        return "\n".join([*lines, *(f"\n{told}" for told in self.told_failures())])

    def told_failures(self) -> Iterator[str]:
        """Tell every failure: the first of those with the same words for what was expected and what came in full."""
        alike: dict[tuple[str, str], list[Verdict]] = {}
        for failure in self.failures:
            alike.setdefault((failure.expected, failure.came), []).append(failure)
        for first, *others in alike.values():
            more = [f"  as well as {other.case}" for other in others]
            yield "\n".join([str(first), *more])

    @property
    def summary(self) -> str:
        """The counts of all, in a line."""
        return ", ".join(f"{self.count(status)} {status}" for status in ("passed", "failed", "not asked"))


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    case = verdict.case
    document = {
        "clause": case.clause,
        "name": case.name,
        "source": case.source,
        "proves": case.proves,
        "status": verdict.status,
        "seconds": round(verdict.seconds, 4),
    }
    if verdict.status == "failed":
        return document | {"expected": verdict.expected, "came": verdict.came, "exchanged": verdict.exchanged}
    return document | ({"why": verdict.why} if verdict.why else {})
