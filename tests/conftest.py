"""Profiles, and the transports that every shared test runs over."""

import os
from collections import Counter

import hypothesis
import pytest
from fleet import TRANSPORTS, make_transport

#: ``ci`` requires every peer and draws more examples; ``deep`` draws many more.
PROFILE = os.environ.get("INTERMODAL_PROFILE", "default")

# No test depends on the developer's own proxies, authorities and logins, nor do the processes that tests start.
for _name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.lower(), None)
for _name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(_name, None)
os.environ["NETRC"] = ""

_COMMON = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
}
hypothesis.settings.register_profile("default", max_examples=100, **_COMMON)
hypothesis.settings.register_profile("ci", max_examples=400, **_COMMON)
hypothesis.settings.register_profile("deep", max_examples=20_000, **_COMMON)
hypothesis.settings.load_profile(PROFILE)

#: So many examples take more than the usual bound on a test, in seconds; those with a bound of their own keep it.
_DEEP_TIMEOUT = 7200


#: What takes longest begins first, so that in the end no worker is left alone with it.
_LONG = (
    "property/",
    "safety/test_many_faults",
    "conformance/",
    "safety/test_contention",
    "safety/test_exhaustion",
    "test_generated",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not any(part in item.nodeid for part in _LONG))
    if PROFILE == "deep":
        for item in items:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_DEEP_TIMEOUT))


@pytest.fixture(params=list(TRANSPORTS))
def transport(request):
    """Each of the four transports in turn."""
    made = make_transport(request.param)
    yield made
    made.close()


@pytest.fixture
def all_transports():
    """The four transports by name, for tests that compare them."""
    made = {name: make_transport(name) for name in TRANSPORTS}
    yield made
    for each in made.values():
        each.close()


def pytest_terminal_summary(terminalreporter):
    """Show how many exchanges were carried, and the share of each kind of fault and of each framing.

    The numbers travel as properties of the reports, so that they arrive from the workers of a distributed run too, whose
    first process collects nothing: it loads no conftest but this one.
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
