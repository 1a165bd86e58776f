"""The lanes that these tests share."""

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
