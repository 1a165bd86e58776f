"""The plot for the README: horizontal bars, the shorter the better, in colours that can be read on white and on black."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bench.figures import spread
from bench.tables import SCALES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.cases import Case
    from bench.rounds import Outcome

#: The cases that are drawn, and what stands above them.
PANELS = {
    "small-get": "Small GET, keep-alive",
    "connect-tls": "Small GET, new TLS connection",
    "threads": "Small GET, 8 threads on one client",
    "download-256k": "100 MB download, streamed",
}

WIDTH, COLUMNS, GAP = 840, 2, 40
LABELS, VALUES = 148, 62
BAR, STEP, TITLE, FOOT = 11, 18, 34, 22
TEXT, OURS, THEIRS, LIMIT = "#7a828c", "#3b82f6", "#9aa3ad", "#c9a24b"


def draw(cases: Iterable[Case], outcomes: Mapping[str, Outcome], note: str) -> str:
    """Draw the panels of the cases that were played."""
    shown = [
        (PANELS[case.name], case.unit, outcomes[case.name]) for case in cases if case.name in PANELS & outcomes.keys()
    ]
    width = (WIDTH - GAP * (COLUMNS - 1)) // COLUMNS
    parts: list[str] = []
    top = 0
    for first in range(0, len(shown), COLUMNS):
        row = shown[first : first + COLUMNS]
        for column, (title, unit, outcome) in enumerate(row):
            parts.append(f'<g transform="translate({column * (width + GAP)},{top})">')
            parts += _panel(title, unit, outcome, width)
            parts.append("</g>")
        top += TITLE + STEP * max(len(outcome.samples) for _, _, outcome in row) + FOOT
    parts.append(f'<text x="0" y="{top + 4}" class="note">{escape(note)}</text>')
    style = (
        f"text{{font:12px -apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:{TEXT}}}"
        f".title{{font-weight:600;font-size:14px}}.ours{{font-weight:600;fill:{OURS}}}.note{{font-size:11px}}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 14}" width="{WIDTH}" role="img">',
            "<title>Time for one exchange, by client; shorter is better</title>",
            f"<style>{style}</style>",
            *parts,
            "</svg>",
            "",
        ]
    )


def _panel(title: str, unit: str, outcome: Outcome, width: int) -> list[str]:
    scale = SCALES[unit]
    medians = {name: spread(outcome.figures(name, "wall"))[1] * scale for name in outcome.samples}
    longest = max(medians.values(), default=1.0)
    room = width - LABELS - VALUES
    parts = [f'<text x="0" y="16" class="title">{escape(title)}</text>']
    for number, (name, value) in enumerate(sorted(medians.items(), key=lambda item: item[1])):
        y = TITLE + number * STEP
        ours = name.startswith("intermodal/")
        colour = OURS if ours else LIMIT if name == "bare" else THEIRS
        length = max(1.5, room * value / longest)
        label = f'<text x="{LABELS - 8}" y="{y + BAR - 1}" text-anchor="end"{" class=" + chr(34) + "ours" + chr(34) if ours else ""}>'
        parts += [
            f"{label}{escape('bare socket' if name == 'bare' else name)}</text>",
            f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
            f'<text x="{LABELS + length + 6:.1f}" y="{y + BAR - 1}">{_short(value)} {unit}</text>',
        ]
    return parts


def _short(value: float) -> str:
    """Write three digits, as many as such a measurement can mean."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
