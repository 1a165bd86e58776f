"""The kit is tested: it rejects every broken transport, by a case of the clause that is broken."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
from conformance.broken import Wrapped
from conformance.broken_complete_request import Bare
from conformance.broken_faithful_response import Plain
from conformance.broken_malformed import Reader

from intermodal.conformance import CLAUSES, run

BROKEN = [
    broken
    for path in sorted(Path(__file__).parent.glob("broken_*.py"))
    for broken in importlib.import_module(f"conformance.{path.stem}").BROKEN
]

#: Seconds for a case that a broken transport hangs in.
PATIENCE = 3.0

DEEP = os.environ.get("INTERMODAL_PROFILE") == "deep"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.clause}-{broken.name}")
@pytest.mark.timeout(3600 if DEEP else 180)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets that are left open, say
def test_a_broken_transport_is_rejected_by_its_clause(broken):
    """Each named case fails it, and says what was expected and what came; at length, all of the kit is tried."""
    # The rest of its clause would take a quarter of an hour: what is broken makes others wait.
    report = run(broken.make, cases=None if DEEP else broken.caught_by, patience=PATIENCE, **broken.how)
    failed = {verdict.case.name: verdict for verdict in report.failures if verdict.case.clause == broken.clause}

    assert set(broken.caught_by) <= set(failed), f"not rejected; failures: {sorted(failed)}"
    for name in broken.caught_by:
        assert failed[name].expected
        assert failed[name].came


def test_every_clause_has_broken_transports():
    """No clause is there without two transports at least that break it, and they are forty and more in all."""
    by_clause = {clause: sum(broken.clause == clause for broken in BROKEN) for clause in CLAUSES}

    assert all(count >= 2 for count in by_clause.values()), by_clause
    assert len(BROKEN) >= 40
    assert len({(broken.clause, broken.name) for broken in BROKEN}) == len(BROKEN)


@pytest.mark.parametrize(
    ("make", "clause"),
    [(Wrapped, "T1"), (Wrapped, "T8"), (Bare, "T2"), (Plain, "T3"), (Reader, "T9")],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_what_the_broken_ones_are_made_of_is_right(make, clause):
    """A transport without the fault passes the clause that it breaks with it: it is the fault that is rejected."""
    report = run(make, clauses=[clause])

    assert report.passed, report
