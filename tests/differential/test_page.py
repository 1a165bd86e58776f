"""The page "Coming from requests" and the differences that are declared say the same."""

import inspect
import re
from pathlib import Path

import pytest
import requests
from differential.calls import ROWS
from differential.declared import DECLARED, WAS_OTHERWISE
from differential.differences.difference import Differs
from differential.seen import ABSENT, OTHER_NAMES, Failure, differing, judge

import intermodal

PAGE = Path(__file__).parents[2] / "docs/pages/coming-from-requests.md"
TEXT = PAGE.read_text(encoding="utf-8")
TABLES = {
    title: [re.split(r" \| ", line.strip("| \n")) for line in text.splitlines() if line.startswith("| ")][1:]
    for title, _, text in (part.partition("\n") for part in re.split(r"^#{2,3} ", TEXT, flags=re.MULTILINE)[1:])
}

#: Differences that no call of the table shows, and where they are tested instead.
ELSEWHERE = {
    "`timeout=(connect, read)`": "tests/test_client.py::test_timeouts_have_the_phase",
    "certifi's list of authorities": "tests/net/test_tls.py::test_the_system_s_store_is_believed",
    "the environment is read at each request": (
        "tests/middleware/test_environment.py::test_the_environment_is_read_once_when_the_client_is_made"
    ),
    'a variable such as `HTTPS_PROXY` overrides `session.proxies`, and `HTTP_PROXY` a given `{"all": ...}`': (
        "tests/middleware/test_environment.py::test_what_is_given_wins"
    ),
    "`REQUESTS_CA_BUNDLE` overrides `session.verify = False` or a file": (
        "tests/middleware/test_environment.py::test_a_ca_that_is_given_wins"
    ),
    '`proxies={"no_proxy": ...}` keeps the environment\'s proxies away': (
        "tests/middleware/test_environment.py::test_what_is_given_wins"
    ),
    "`NO_PROXY`: IPv4 networks, ports as they are written in the URL": "tests/middleware/test_no_proxy.py::test_the_table",
    "a broken `~/.netrc` is passed over in silence": (
        "tests/middleware/test_environment.py::test_a_netrc_file_that_is_wrong_is_none"
    ),
    "`response.raw` is urllib3's object": "tests/model/test_response.py::test_raw_is_a_file",
}

#: The first is checked below; for the second, macOS or Windows would be needed.
DEFAULTS = {"no timeout unless you ask", "proxies of the system's settings (macOS, Windows) are used"}
DIFFERENT = [
    "What is asked for",
    "Cookies",
    "Redirects",
    "Logins, proxies and trust",
    "What comes back",
]


def test_every_difference_stands_on_the_page():
    """Each difference that is declared names a row of the page."""
    cells = {row[0] for rows in TABLES.values() for row in rows}
    reasons = {each.because for facts in DECLARED.values() for each in facts.values()}

    assert reasons <= cells, sorted(reasons - cells)


@pytest.mark.parametrize("title", DIFFERENT)
def test_every_row_of_the_page_is_shown_by_a_call(title):
    """Each row about what differs is shown by a call of the table, or tested where it is said to be, and gives a reason."""
    reasons = {each.because for facts in DECLARED.values() for each in facts.values()}

    for cell, ours, why in TABLES[title]:
        assert (cell in reasons) + (cell in ELSEWHERE) + (cell in DEFAULTS) == 1, cell
        assert ours, cell
        assert why, cell


@pytest.mark.parametrize("cell", ELSEWHERE)
def test_what_is_shown_elsewhere_is_there(cell):
    """The test that is named for a row of the page exists, and the row too."""
    path, _, name = ELSEWHERE[cell].partition("::")

    assert f"def {name}(" in (PAGE.parents[2] / path).read_text(encoding="utf-8")
    assert any(cell == row[0] for title in DIFFERENT for row in TABLES[title])


def test_the_default_times_are_those_of_the_page():
    """The times where nothing is said are those that the page gives."""
    (said,) = [row[1] for row in TABLES["What is asked for"] if row[0] == "no timeout unless you ask"]
    times = intermodal.Timeouts()

    assert said.startswith(f"{times.connect:g} s to connect, {times.read:g} s for each wait; `timeout=None`")
    assert times.write == times.read
    assert times.total is None


def test_every_declaration_is_of_a_row():
    """Names of rows are names of rows, each once, and there are as many as were asked for."""
    names = [row.name for row in ROWS]

    assert len(names) == len(set(names)) >= 150
    declared = DECLARED.keys() | WAS_OTHERWISE.keys()
    assert declared <= set(names), sorted(declared - set(names))


def test_every_error_of_requests_has_its_name_here():
    """Each error of requests is an error here by the same name, or the page has its other name, which the table goes by."""
    others = {re.sub(r"`.*?`", lambda found: found[0], row[0]): row[1] for row in TABLES["Other names"]}
    errors = [
        name
        for name, kind in vars(requests.exceptions).items()
        if inspect.isclass(kind) and issubclass(kind, requests.RequestException)
    ]
    assert len(errors) > 20

    for name in errors:
        if not hasattr(intermodal, name):
            assert any(f"`{name}`" in cell for cell in others), name
    for name, ours in OTHER_NAMES.items():
        (said,) = [their for cell, their in others.items() if f"`{name}`" in cell]
        assert all(f"`{each}`" in said and hasattr(intermodal, each) for each in ours), name


def test_the_judge_tells_what_is_wrong():
    """A difference that nobody declared, one that is not as declared, and one that is none any more: each is found."""
    declared = {"sent.0.method": Differs("why", "GET", "PUT"), "got.0.*": Differs("why")}

    assert (
        judge(
            differing({"sent.0.method": "GET"}, {"sent.0.method": "PUT"}), {"sent.0.method": declared["sent.0.method"]}
        )
        == []
    )
    assert "and does not" in judge({}, declared)[0]
    assert (
        "not as declared" in judge({"sent.0.method": ("GET", "POST")}, {"sent.0.method": declared["sent.0.method"]})[0]
    )
    assert len(judge({"sent.0.target": ("/", "/a")}, {})) == 1


def test_differences_are_found():
    """What one side has and the other has not, other types and other errors are differences; like errors are none."""
    assert differing({"a": 1}, {"a": True}) == {"a": (1, True)}
    assert differing({"a": "1"}, {}) == {"a": ("1", ABSENT)}
    assert differing({"a": None}, {"a": None}) == {}
    theirs, ours = Failure(requests.exceptions.InvalidSchema("x")), Failure(intermodal.UnsupportedScheme("y"))
    assert differing({"a": theirs}, {"a": ours}) == {}
    assert differing({"a": theirs}, {"a": Failure(intermodal.InvalidHeader("y"))}).keys() == {"a"}
    assert differing({"got.0.error": theirs}, {"got.0.status_code": 200}) == {"got.0": (theirs, 200)}
