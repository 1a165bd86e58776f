"""Generated exchanges: four transports, one outcome, and it is the one that the model tells from RFC 9112.

Each kind of fault is a test of its own with a fixed share of the examples, so that none is left to chance.
``INTERMODAL_PROFILE`` says how many exchanges there are in all: 200, 3000 (ci) or 100 000 (deep).
"""

from collections import Counter

import pytest
from property.drawing import PROFILE, check_each

from intermodal.testing.strategies import KINDS, exchanges, expected

EXCHANGES = {"default": 200, "ci": 3_000, "deep": 100_000}[PROFILE]

#: In percent; what is left goes without a fault.
SHARE = 6
COUNTS = dict.fromkeys(KINDS, EXCHANGES * SHARE // 100)
COUNTS["none"] = EXCHANGES - sum(COUNTS.values()) + COUNTS["none"]

#: A stall costs its timeout, and in a deep run there are many.
pytestmark = pytest.mark.timeout(120 + EXCHANGES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_transport_has_the_outcome_that_the_model_tells(lanes, kind, record_property):
    """Any answer, however cut and however spoilt, gives one outcome everywhere, and leaves no connection in doubt."""
    seen = Counter()

    def carry(exchange):
        seen.update(features(kind, exchange))
        with lanes.example():
            carry_over_all(lanes, exchange)

    check_each(exchanges(kind), COUNTS[kind], carry)
    record_property("generated", dict(seen))
    assert seen[f"fault: {kind}"] >= EXCHANGES * 5 // 100, f"{kind!r} is less than 5 % of the exchanges: {seen}"


def carry_over_all(lanes, exchange):
    """Carry one exchange over the four, and an ordinary request after it on the same transports."""
    if exchange.warm:
        assert set(lanes.each(lambda lane: lane.ordinary("before")).values()) == {1}
    want = expected(exchange)
    outcomes = lanes.carry(exchange)
    differences = lanes.differences(outcomes, exchange, want.outcome)
    assert not differences, (want, *differences)
    connections = lanes.each(lambda lane: lane.ordinary("after"))
    assert connections == dict.fromkeys(connections, 1 if want.reusable else 2), f"reusable: {want.reusable}"


def features(kind, exchange):
    """Say of what sort an exchange is, for the count at the end of the run."""
    answer = exchange.answer
    yield f"fault: {kind}"
    yield f"framing: {answer.framing}"
    yield f"interim answers: {min(len(answer.interim), 4)}"
    yield f"segments: {'one' if len(exchange.segments) < 2 else 'several'}"
    yield f"connection: {'kept alive' if exchange.warm else 'new'}"
