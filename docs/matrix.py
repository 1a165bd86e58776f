"""Writes the matrix of conformance from what ``intermodal conform --json`` printed: ``matrix.py NEWEST.json OLDEST.json``.

``make matrix`` does it all: it runs the kit with the newest and the oldest supported libraries, and writes the page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from intermodal.conformance import CLAUSES
from intermodal.protocol import Capability, Guarantee

PAGE = Path(__file__).parent / "pages" / "matrix.md"

#: How a transport is called at the head of its column.
TITLES = {
    "subjects:session": "requests, your Session",
    "subjects:client": "httpx, your Client",
    "subjects:pool_manager": "urllib3, your PoolManager",
    "subjects:template": "contrib/template",
    "mock": "MockTransport",
    "wsgi": "WSGITransport",
    "asgi": "ASGITransport",
}

_TOP = """# The matrix

What every transport here does of the contract, clause by clause, as [the conformance kit](conformance.md) found it.
`make matrix` runs the kit again and writes this page.

A number is that of the cases that passed; `-` where none was asked, because what they are about is not declared, not
guaranteed, or cannot be seen of a transport that works in-process. A failure would stand there in bold.
"""


def page(documents: list[dict[str, Any]]) -> str:
    """Give the page as Markdown; the first document's transports also have their capabilities and guarantees listed."""
    parts = [_TOP]
    for title, document in zip(("The newest libraries", "The oldest libraries"), documents, strict=True):
        parts += [f"## {title}\n", f"Python {document['python']}.\n", _clauses(document["reports"])]
    parts += ["## Capabilities\n", "What is declared is tried; what is not, `-`, is refused before a byte leaves.\n"]
    parts += [_flags(documents[0]["reports"], "capabilities", Capability)]
    parts += ["## Guarantees\n", "What is guaranteed is tried; what is not is left open, and says so.\n"]
    parts += [_flags(documents[0]["reports"], "guarantees", Guarantee)]
    return "\n".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _title(report: dict[str, Any]) -> str:
    return TITLES.get(report["transport"], report["transport"])


def _clauses(reports: list[dict[str, Any]]) -> str:
    rows = []
    for clause, title in CLAUSES.items():
        counts = [report["clauses"].get(clause, {"passed": 0, "failed": 0}) for report in reports]
        rows.append([f"**{clause}** {title}", *map(_count, counts)])
    return _table(["", *map(_title, reports)], [["version", *(report["version"] for report in reports)], *rows])


def _count(count: dict[str, int]) -> str:
    if count["failed"]:
        return f"**{count['failed']} failed**"
    return str(count["passed"] or "-")


def _flags(reports: list[dict[str, Any]], kind: str, flags: Any) -> str:
    rows = [
        [f"`{each.name}`", *("yes" if each.name in report[kind] else "-" for report in reports)]
        for each in flags
        if each.value
    ]
    return _table(["", *map(_title, reports)], rows)


if __name__ == "__main__":
    PAGE.write_text(
        page([json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]), encoding="utf-8"
    )
