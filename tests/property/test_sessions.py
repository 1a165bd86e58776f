"""Whole sessions: one transport of each kind, in lockstep, through everything that can happen to kept connections."""

from functools import partial

import pytest
from fleet import TRANSPORTS, make_transport
from property.drawing import PROFILE, walk

from intermodal.testing.sessions import session_machine

SESSIONS = {"default": 15, "ci": 150, "deep": 1500}[PROFILE]


@pytest.mark.timeout(120 + 2 * SESSIONS)
def test_every_request_of_a_session_gets_its_own_answer():
    """Through closes, resets, faults and streams left half read, all four agree, and nobody gets another's answer."""
    walk(session_machine({name: partial(make_transport, name) for name in TRANSPORTS}), SESSIONS, steps=20)
