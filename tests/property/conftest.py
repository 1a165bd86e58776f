"""The lanes that these tests share, and the count of what was generated, shown at the end of the run."""

from collections import Counter
from functools import partial

import pytest
from fleet import TRANSPORTS, make_transport

from intermodal.testing.lanes import Lanes


@pytest.fixture(scope="module")
def lanes():
    """Four transports, each with an origin of its own."""
    made = Lanes({name: partial(make_transport, name) for name in TRANSPORTS})
    yield made
    made.close()


def pytest_terminal_summary(terminalreporter):
    """Show how many exchanges were carried, and the share of each kind of fault and of each framing.

    The numbers travel as properties of the reports, so that they arrive from the workers of a distributed run too.
    """
    counts = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "generated" and getattr(report, "when", "") == "call":
                    counts.update(value)
    if not counts:
        return
    terminalreporter.section("generated exchanges, each over four transports")
    for group in dict.fromkeys(key.partition(": ")[0] for key in counts):
        members = {key.partition(": ")[2]: count for key, count in counts.items() if key.startswith(f"{group}: ")}
        total = sum(members.values())
        shares = ", ".join(f"{name} {count / total:.1%}" for name, count in sorted(members.items()))
        terminalreporter.write_line(f"{total} by {group}: {shares}")
