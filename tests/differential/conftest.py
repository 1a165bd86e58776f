"""The servers that all of these tests share."""

import pytest
from differential.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The servers, and what they receive."""
    made = World(tmp_path_factory.mktemp("differential"))
    yield made
    made.close()
