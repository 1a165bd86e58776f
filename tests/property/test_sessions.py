"""Whole sessions: one transport of each kind, in lockstep, through everything that can happen to kept connections."""

import time
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from property.drawing import PROFILE, walk
from property.lanes import BEFORE_RESET, PATIENT, Lanes
from property.model import expected
from property.strategies import KINDS, exchanges

from intermodal.model.request import Request

SESSIONS = {"default": 15, "ci": 150, "deep": 1500}[PROFILE]

#: A stall behind some bytes of an answer needs a new connection; see ``Lane.carry``.
_any_exchange = st.sampled_from(KINDS).flatmap(exchanges).filter(lambda each: each.then != "stall" or each.cut == 0)

_streamed = bytes(range(256)) * 800


def answer(content, framing):
    """Render a whole answer that leaves its connection open."""
    if framing == "chunked":
        head, body = b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
    else:
        head, body = b"Content-Length: %d" % len(content), content
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body


class Session(RuleBasedStateMachine):
    """What the model knows: how many connections were opened, and how many of them are idle and alive."""

    def __init__(self):
        super().__init__()
        self.lanes = Lanes()
        self.opened = 0
        self.idle = 0
        self.held = None
        self.markers = 0

    def teardown(self):
        if self.held is not None:
            for response in self.held.values():
                response.close()
        self.lanes.close()

    def marker(self):
        """Give a text that no other request of this session asks for."""
        self.markers += 1
        return f"answer {self.markers}"

    def take(self):
        """Use an idle connection, or open one."""
        if self.idle:
            self.idle -= 1
        else:
            self.opened += 1

    @rule()
    def ordinary_request(self):
        """Each request gets its own answer, on a kept connection if there is one."""
        marker = self.marker()
        self.take()
        self.lanes.each(lambda lane: lane.ordinary(marker))
        self.idle += 1

    @rule(exchange=_any_exchange)
    def any_exchange(self, exchange):
        """Whatever came before, an exchange has the outcome that it would have on a transport of its own."""
        want = expected(replace(exchange, warm=self.idle > 0))
        self.take()
        outcomes = self.lanes.each(lambda lane: lane.carry(exchange))
        assert outcomes == dict.fromkeys(outcomes, want.outcome)
        self.idle += want.reusable

    @rule(then=st.sampled_from(["fin", "rst"]))
    def server_ends_an_idle_connection(self, then):
        """A connection that ends while nobody uses it costs nobody an answer."""
        marker = self.marker().encode()

        def carry(lane):
            lane.origin.play(answer(marker, "length"), *BEFORE_RESET, then=then)
            with lane.transport.send(Request("GET", lane.origin.url), PATIENT) as response:
                assert response.content == marker
            lane.await_end()

        self.take()
        self.lanes.each(carry)

    @precondition(lambda self: self.held is None)
    @rule(framing=st.sampled_from(["length", "chunked"]))
    def begin_to_stream(self, framing):
        """Read the beginning of a large body, and keep the rest for later."""

        def carry(lane):
            lane.origin.play(answer(_streamed, framing))
            response = lane.transport.send(Request("GET", lane.origin.url), PATIENT)
            begin = response.raw.read(10)
            assert begin
            assert _streamed.startswith(begin)
            return response

        self.take()
        self.held = self.lanes.each(carry)

    @precondition(lambda self: self.held is not None)
    @rule()
    def read_the_rest(self):
        """What was left of the stream is whole, whatever was carried meanwhile."""
        for name, response in self.held.items():
            rest = response.raw.read()
            assert _streamed.endswith(rest), name
            assert len(rest) >= len(_streamed) - 10, name
            response.close()
        self.held = None
        self.idle += 1

    @precondition(lambda self: self.held is not None)
    @rule()
    def abandon_the_rest(self):
        """Nobody is ever given the rest of a stream that was left half read."""
        for response in self.held.values():
            response.close()
        self.held = None

    @rule(framing=st.sampled_from(["length", "chunked"]), read=st.sampled_from([0, 1, 50]))
    def leave_a_small_body_half_read(self, framing, read):
        """So too where all of the body has come already; if its length told so, the connection was given back at once."""
        marker = self.marker().encode() * 10

        def carry(lane):
            lane.origin.play(answer(marker, framing))
            with lane.transport.send(Request("GET", lane.origin.url), PATIENT) as response:
                assert marker.startswith(response.raw.read(read))

        self.take()
        self.lanes.each(carry)
        self.idle += framing == "length"

    @rule()
    def rest(self):
        """Idleness alone changes nothing."""
        time.sleep(0.002)

    @invariant()
    def all_have_opened_as_many_connections(self):
        """Each transport opens a connection when, and only when, the model has none to give."""
        opened = self.lanes.each(lambda lane: len(lane.opened))
        assert opened == dict.fromkeys(opened, self.opened)


@pytest.mark.timeout(120 + 2 * SESSIONS)
def test_every_request_of_a_session_gets_its_own_answer():
    """Through closes, resets, faults and streams left half read, all four agree, and nobody gets another's answer."""
    walk(Session, SESSIONS, steps=20)
