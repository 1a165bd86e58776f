"""Every transport here passes the conformance kit, clause by clause."""

from __future__ import annotations

import functools
import gc
import warnings

import pytest
from conformance import subjects
from conformance.over_asyncio import OverAsyncio
from fleet import TRANSPORTS, make_transport

from intermodal.conformance import CLAUSES, run
from intermodal.testing import ASGITransport, MockTransport, WSGITransport

#: By name: what makes each, and how it is tried.
SUBJECTS = {
    **{name: (functools.partial(make_transport, name), {}) for name in TRANSPORTS},
    "a Session": (subjects.session, {}),
    "a Client": (subjects.client, {}),
    "a PoolManager": (subjects.pool_manager, {}),
    "the template": (subjects.template, {}),
    "MockTransport": (MockTransport, {"application": "handler"}),
    "MockTransport, asynchronous": (MockTransport, {"application": "handler", "asynchronous": True}),
    "WSGITransport": (WSGITransport, {"application": "wsgi"}),
    "ASGITransport": (ASGITransport, {"application": "asgi"}),
    "asyncio, for these tests": (OverAsyncio, {}),
}


@pytest.fixture(autouse=True)
def _collected():
    """Collect here what a library has left to the garbage collector, which tells of it in whatever test it runs."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("clause", CLAUSES)
@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above, of a library's own
def test_it_does_what_the_clause_demands(name, clause):
    """No case of the clause fails, for any transport, in any colour."""
    make, how = SUBJECTS[name]
    report = run(make, clauses=[clause], **how)

    assert not report.failures, str(report)
