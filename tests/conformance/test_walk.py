"""The walk of the documentation is true: its first version is what it shows, and fails as it says."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.walk import MyTransport

from intermodal.conformance import run

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "pages" / "walk.md"

#: Cases that the page shows as failures of the first version.
SHOWN = [
    "fields arrive: one",
    "a head is enough: with a length",
    "a refused connection",
    "two lengths are an error: 5 and 6",
]


def test_the_first_version_is_shown_as_it_is():
    """The code on the page is the module, to the letter."""
    shown = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]

    assert shown == (HERE / "walk.py").read_text(encoding="utf-8")


def test_the_first_version_fails_what_the_page_shows():
    """Each entry of the report on the page is a failure today, with the words that the page has for it."""
    page = PAGE.read_text(encoding="utf-8")
    report = run(MyTransport, cases=SHOWN)

    assert {failure.case.name for failure in report.failures} == set(SHOWN)
    for failure in report.failures:
        assert f"case      {failure.case.name}" in page
        assert failure.case.proves in page
        for said in (failure.expected, failure.came):
            assert re.sub("127.0.0.1:[0-9]+", "", said) in re.sub("127.0.0.1:[0-9]+", "", page)
