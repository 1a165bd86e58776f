"""A name with several addresses, over every transport: the one that answers is found, and else each is accounted for."""

import contextlib
import sys
import time

import pytest
from fleet import TRANSPORTS, make_transport
from safety.slow_peers import BlackHole

from intermodal import Client, ConnectionError, ConnectTimeout, NameResolutionError, Timeouts, TotalTimeout
from intermodal.testing.origin import Origin

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 by itself")

#: What an address that does not answer may cost where another one does, in seconds.
COST = 0.3


@pytest.fixture(params=TRANSPORTS)
def name(request):
    """Each of the four in turn."""
    return request.param


@contextlib.contextmanager
def resolving(name, *addresses):
    """Give a client for which every host has these addresses."""
    transport = make_transport(name, resolver=lambda *_: addresses)
    with contextlib.closing(transport), Client(transport) as client:
        yield client


@pytest.fixture
def hole():
    """A port of 127.0.0.1 that does not answer."""
    with contextlib.closing(BlackHole()) as made:
        made.port = int(made.url.rpartition(":")[2])
        yield made


@pytest.fixture
def beside():
    """A port that does not answer at 127.0.0.1, and an origin at the same port of 127.0.0.2, where that is free too."""
    for attempt in range(10):
        with contextlib.ExitStack() as opened:
            made = opened.enter_context(contextlib.closing(BlackHole()))
            made.port = int(made.url.rpartition(":")[2])
            try:
                origin = opened.enter_context(Origin(host="127.0.0.2", port=made.port))
            except OSError:  # somebody else's connection has it
                if attempt == 9:
                    raise
                continue
            yield made, origin
            return


def test_a_silent_first_address_costs_little(name, beside):
    """The second address answers although the first never does, at the best of a few attempts within 300 ms in all."""
    took = []
    hole, origin = beside
    for _ in range(4):
        with resolving(name, "127.0.0.1", "127.0.0.2") as client:
            began = time.monotonic()
            response = client.get(f"http://several.test:{hole.port}/get")
            took.append(time.monotonic() - began)
            assert response.exchange.peer_address == ("127.0.0.2", hole.port)
        if took[-1] <= COST:
            break
    assert len(origin.connections) == len(took)
    assert 0.2 < min(took) <= COST


def test_each_address_is_accounted_for(name):
    """Where none takes the connection the error names every address with its reason."""
    with Origin() as origin:
        port = origin.port  # nobody listens there once it is closed
    with resolving(name, "127.0.0.3", "127.0.0.4") as client:
        with pytest.raises(ConnectionError, match=r"127\.0\.0\.3: .*refused; 127\.0\.0\.4: .*refused") as caught:
            client.get(f"http://several.test:{port}/")
        assert (caught.value.phase, caught.value.delivery) == ("connect", "not_sent")


@pytest.mark.parametrize(("bounds", "kind"), [({"connect": 0.4}, ConnectTimeout), ({"total": 0.4}, TotalTimeout)])
def test_the_bound_is_for_all_addresses_together(name, hole, bounds, kind):
    """Connect and total bound all of them, not each."""
    with resolving(name, "127.0.0.1", "127.0.0.1") as client:
        began = time.monotonic()
        with pytest.raises(kind):
            client.get(f"http://several.test:{hole.port}/", timeout=Timeouts(**bounds))
        assert 0.3 < time.monotonic() - began < 0.4 + 0.5


def test_a_resolver_that_knows_nothing_is_named(name):
    """What it raises is the cause of ours."""
    cause = LookupError("no such place")

    def fail(*_):
        raise cause

    transport = make_transport(name, resolver=fail)
    with contextlib.closing(transport), Client(transport) as client:
        with pytest.raises(NameResolutionError, match="several.test") as caught:
            client.get("http://several.test/")
        assert caught.value.__cause__ is cause
