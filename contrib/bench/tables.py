"""What the benchmark prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contestants import BY_NAME
from bench.figures import ratios, spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.cases import Case
    from bench.goals import Verdict
    from bench.rounds import Outcome

#: What a figure is multiplied with to be in the unit of its case.
SCALES = {"µs": 1e6, "ms": 1e3, "kB": 1e-3}


def lay_out(header: list[str], rows: Iterable[list[str]]) -> str:
    """Lay out columns: the first to the left, the others to the right.

    >>> print(lay_out(["", "µs"], [["bare", "20.1"], ["requests", "400.0"]]))
                   µs
      bare       20.1
      requests  400.0
    """
    whole = [header, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(header))]
    lines = []
    for row in whole:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(["", row[0].ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def case_table(case: Case, outcome: Outcome) -> str:
    """Write the table of one case, the fastest first; the ratios are medians over the rounds."""
    main = "memory" if case.unit == "kB" else "wall"
    timed = main == "wall"
    scale = SCALES[case.unit]
    has_peak = any(outcome.figures(name, "peak") for name in outcome.samples)
    header = ["", f"{main} {case.unit}", "quartiles"]
    if timed:
        header += ["× bare", "× library", f"cpu {case.unit}", "× bare", "× library"]
    if has_peak:
        header += ["memory grown MB"]
    rows = []
    for name in sorted(outcome.samples, key=lambda name: spread(outcome.figures(name, main))[1]):
        low, middle, high = (value * scale for value in spread(outcome.figures(name, main)))
        row = [name, f"{middle:.1f}", f"{low:.1f} to {high:.1f}"]
        if timed:
            cpu = spread(outcome.figures(name, "cpu"))[1] * scale
            row += [*_beside(outcome, name, "wall"), f"{cpu:.1f}", *_beside(outcome, name, "cpu")]
        if has_peak:
            row += [f"{max(outcome.figures(name, 'peak')) / 1e6:.1f}"]
        rows.append(row)
    absent = [f"  {name}: {why}" for name, why in outcome.absent.items()]
    return "\n".join(["", case.title, lay_out(header, rows), *absent])


def _beside(outcome: Outcome, name: str, figure: str) -> list[str]:
    """Give the ratios to the bare loop and to the library below."""
    cells = []
    for other in ("bare", BY_NAME[name].library):
        there = other is not None and other != name and bool(outcome.figures(other, figure))
        found = ratios(outcome.figures(name, figure), outcome.figures(str(other), figure)) if there else []
        cells.append(f"{spread(found)[1]:.2f}" if found else "")
    return cells


def goal_table(verdicts: Iterable[Verdict]) -> str:
    """Write the table of the goals."""
    rows = []
    for verdict in verdicts:
        ratio = [f"{value:.2f}" if value is not None else "" for value in (verdict.wall, verdict.cpu)]
        reached = f"{verdict.reached:.2f}" if verdict.reached is not None else "not measured"
        text = f"{verdict.goal.case}: {verdict.goal.text}"
        quartiles = "{:.2f} to {:.2f}".format(*verdict.quartiles) if verdict.quartiles else ""
        rows.append([text, reached, "ok" if verdict.met else "missed", verdict.by, quartiles, *ratio])
    return "\n".join(["", "goals", lay_out(["", "reached", "", "judged by", "quartiles", "wall", "cpu"], rows)])
