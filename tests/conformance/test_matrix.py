"""The matrix in the documentation is that of today's cases and transports."""

from __future__ import annotations

from pathlib import Path

from conformance.test_transports import SUBJECTS

from intermodal.conformance import CLAUSES, all_cases
from intermodal.conformance.maker import Maker
from intermodal.conformance.runner import concerns, why_not

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "matrix.md"

#: The columns of the page, by the names that the kit is run under here.
COLUMNS = {
    "requests, your Session": "a Session",
    "httpx, your Client": "a Client",
    "urllib3, your PoolManager": "a PoolManager",
    "contrib/template": "the template",
}


def tables():
    """Give the tables of the page, each as rows of cells."""
    table = []
    for line in [*PAGE.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            yield table
            table = []


def test_the_page_has_as_many_cases_as_are_asked_and_no_failure():
    """For each transport and clause, by the newest and by the oldest libraries: all that were asked have passed."""
    newest, oldest, *_ = tables()
    names = newest[0][1:]
    made = {
        name: Maker(make, how.get("application"), asynchronous=how.get("asynchronous"))
        for name in names
        for make, how in [SUBJECTS[COLUMNS.get(name, name)]]
    }

    for table in (newest, oldest):
        assert table[0][1:] == names
        for row, clause in zip(table[3:], CLAUSES, strict=True):
            assert row[0].startswith(f"**{clause}** ")
            asked = [
                sum(
                    case.clause == clause and concerns(case, maker) and not why_not(case, maker) for case in all_cases()
                )
                for maker in made.values()
            ]
            assert row[1:] == [str(count or "-") for count in asked], row[0]
