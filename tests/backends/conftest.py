"""The three transports over the user's own object, each with an origin."""

import pytest
from backends.own import NAMES, make_own

from intermodal.testing.origin import Origin


@pytest.fixture
def origin():
    """An origin server of this test's own."""
    with Origin() as made:
        yield made


@pytest.fixture(params=NAMES)
def own(request):
    """Each of the three in turn, over a plain object."""
    made = make_own(request.param)
    yield made
    made.close()
