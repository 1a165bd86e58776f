"""A difference on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from differential.seen import ABSENT, ANY


@dataclass(frozen=True)
class Differs:
    """Why a fact differs, by the first cell of the page's row that says so, and what it is on each side."""

    because: str
    theirs: Any = ANY
    ours: Any = ANY


class Differences:
    """Differences in the making: by row, and in each by the name of the fact or a pattern for names."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Differs]] = {}

    def because(self, reason: str, rows: dict[str, dict[str, Any]]) -> None:
        """Say why rows differ, and in what; a fact is given as what it is to requests and to Intermodal."""
        for row, facts in rows.items():
            known = self.of.setdefault(row, {})
            for name, sides in facts.items():
                assert name not in known, f"{row}: {name} is declared twice"
                known[name] = Differs(reason, *sides)


def refused(error: str, sent: str | None, status: int = 200, number: int = 0) -> dict[str, Any]:
    """The facts of what requests sends (``sent``: where it arrives, if it can be read there) and Intermodal refuses."""
    facts: dict[str, Any] = {"got.0": (status, error)}
    return facts if sent is None else facts | {f"sent.{number}": (sent, ABSENT)}


def accepted(error: str, sent: str, status: int = 200, number: int = 0) -> dict[str, Any]:
    """The facts of what requests fails at and Intermodal sends."""
    return {"got.0": (error, status), f"sent.{number}": (ABSENT, sent)}


def places(theirs: str, ours: str, number: int = 0) -> dict[str, Any]:
    """The facts of a URL that the two send in their own ways."""
    at = "http://one.test"
    return {"got.0.url": (at + theirs, at + ours), f"sent.{number}.target": (theirs, ours)}


def field(name: str, theirs: str | None, ours: str | None, number: int = 0) -> dict[str, Any]:
    """The facts of a field whose value is not the same."""
    sides = [ABSENT if value is None else [(name, value)] for value in (theirs, ours)]
    return {f"sent.{number}.header {name.lower()}": tuple(sides)}


def status(theirs: int, ours: int) -> dict[str, Any]:
    """The facts of a call that comes to another status, and with it to everything else."""
    return {"got.0.status_code": (theirs, ours), "got.0.*": ()}
