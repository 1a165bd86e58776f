"""The pytest plugin: fixtures for a mock transport and an origin server.

It stands outside of the package, and imports nothing before a fixture is used: a run that uses none pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.testing import MockTransport
    from intermodal.testing.origin import Origin


@pytest.fixture
def intermodal_origin() -> Iterator[Origin]:
    """An origin server on a free port; see :class:`intermodal.testing.origin.Origin`."""
    from intermodal.testing.origin import Origin  # noqa: PLC0415 - as said above

    with Origin() as origin:
        yield origin


@pytest.fixture
def intermodal_mock() -> Iterator[MockTransport]:
    """A mock transport in the place of every other one: what any client of the process sends, it answers and records.

    Its table is empty: ``intermodal_mock.answer("GET /users/1", {...})`` puts something in, and what it does not know
    ends in a ConnectionError. See :class:`intermodal.testing.MockTransport`.
    """
    from intermodal.registry import use_transport  # noqa: PLC0415 - as said above
    from intermodal.testing import MockTransport  # noqa: PLC0415

    mock = MockTransport({})
    with use_transport(mock):
        yield mock
