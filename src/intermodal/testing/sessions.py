"""Whole sessions: transports in lockstep, through everything that can happen to kept connections."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from intermodal.model.request import Request
from intermodal.testing.lanes import BEFORE_RESET, Lane, Lanes
from intermodal.testing.strategies import exchanges, expected, kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from intermodal.model.response import Response
    from intermodal.protocol import Transport
    from intermodal.testing.strategies import Exchange

__all__ = ["session_machine"]

_STREAMED: Final = bytes(range(256)) * 800

Told = Literal["length", "chunked"]


def session_machine(makes: Mapping[str, Callable[[], Transport]]) -> type[RuleBasedStateMachine]:
    """Make a state machine that walks through sessions over all of the transports at once.

    Requests that are answered, exchanges with every kind of fault, idle connections that end, streams left half read and
    read to their end later: each request gets its own answer, whatever came before it, and each transport opens a
    connection when, and only when, the model has none to give (RFC 9112 sections 9.3 to 9.6). It is for transports that
    keep connections; of what they declare, only what they have in common is drawn.

    Args:
        makes: by the name of each transport, what makes it.

    >>> from hypothesis import settings
    >>> from hypothesis.stateful import run_state_machine_as_test
    >>> from intermodal import open_transport
    >>> machine = session_machine({"socket": lambda: open_transport("socket")})
    >>> run_state_machine_as_test(machine, settings=settings(max_examples=2, stateful_step_count=5, deadline=None))
    """
    lanes = Lanes(makes)
    lanes.close()
    drawn = st.sampled_from(kinds(strict=lanes.strict)).flatmap(
        functools.partial(exchanges, capabilities=lanes.capabilities, strict=lanes.strict)
    )
    # What is sent before a stall needs a new connection.
    lasting = drawn.filter(lambda each: each.then != "stall" or each.cut == 0)

    class Session(_Session):
        _makes = makes

        @rule(exchange=lasting)
        def any_exchange(self, exchange: Exchange) -> None:
            """Whatever came before, an exchange has the outcome that it would have on a transport of its own."""
            self._carry(exchange)

    return Session


class _Session(RuleBasedStateMachine):
    """What the model knows: how many connections were opened, and how many of them are idle and alive."""

    _makes: Mapping[str, Callable[[], Transport]]

    def __init__(self) -> None:
        super().__init__()
        self._lanes = Lanes(self._makes)
        self._opened = 0
        self._idle = 0
        self._held: dict[str, Response] | None = None
        self._markers = 0

    def teardown(self) -> None:
        for response in (self._held or {}).values():
            response.close()
        self._lanes.close()

    def _marker(self) -> str:
        """Give a text that no other request of this session asks for."""
        self._markers += 1
        return f"answer {self._markers}"

    def _take(self) -> None:
        """Use an idle connection, or open one."""
        if self._idle:
            self._idle -= 1
        else:
            self._opened += 1

    def _carry(self, exchange: Exchange) -> None:
        want = expected(replace(exchange, warm=self._idle > 0))
        self._take()
        outcomes = self._lanes.carry(exchange)
        differences = self._lanes.differences(outcomes, exchange, want.outcome)
        assert not differences, (want, *differences)
        if not want.reusable:
            self._lanes.each(Lane.spend)
        self._idle += want.reusable

    @rule()
    def ordinary_request(self) -> None:
        """Each request gets its own answer, on a kept connection if there is one."""
        marker = self._marker()
        self._take()
        self._lanes.each(lambda lane: lane.ordinary(marker))
        self._idle += 1

    @rule(then=st.sampled_from(["fin", "rst"]))
    def server_ends_an_idle_connection(self, then: Literal["fin", "rst"]) -> None:
        """A connection that ends while nobody uses it costs nobody an answer."""
        marker = self._marker().encode()

        def carry(lane: Lane) -> None:
            lane.origin.play(_answer(marker, "length"), *BEFORE_RESET, then=then)
            with lane.transport.send(Request("GET", lane.origin.url), lane.options) as response:
                assert response.content == marker, lane.name
            lane.await_end()

        self._take()
        self._lanes.each(carry)

    @precondition(lambda self: self._held is None)
    @rule(told=st.sampled_from(["length", "chunked"]))
    def begin_to_stream(self, told: Told) -> None:
        """Read the beginning of a large body, and keep the rest for later."""

        def carry(lane: Lane) -> Response:
            lane.origin.play(_answer(_STREAMED, told))
            response = lane.transport.send(Request("GET", lane.origin.url), lane.options)
            begin = response.raw.read(10)
            assert begin, lane.name
            assert _STREAMED.startswith(begin), lane.name
            return response

        self._take()
        self._held = self._lanes.each(carry)

    @precondition(lambda self: self._held is not None)
    @rule()
    def read_the_rest(self) -> None:
        """What was left of the stream is whole, whatever was carried meanwhile."""
        for name, response in (self._held or {}).items():
            rest = response.raw.read()
            assert _STREAMED.endswith(rest), name
            assert len(rest) >= len(_STREAMED) - 10, name
            response.close()
        self._held = None
        self._idle += 1

    @precondition(lambda self: self._held is not None)
    @rule()
    def abandon_the_rest(self) -> None:
        """Nobody is ever given the rest of a stream that was left half read."""
        for response in (self._held or {}).values():
            response.close()
        self._held = None

    @rule(told=st.sampled_from(["length", "chunked"]), read=st.sampled_from([0, 1, 50]))
    def leave_a_small_body_half_read(self, told: Told, read: int) -> None:
        """So too where all of the body has come already; if its length told so, the connection was given back at once."""
        marker = self._marker().encode() * 10

        def carry(lane: Lane) -> None:
            lane.origin.play(_answer(marker, told))
            with lane.transport.send(Request("GET", lane.origin.url), lane.options) as response:
                assert marker.startswith(response.raw.read(read)), lane.name

        self._take()
        self._lanes.each(carry)
        self._idle += told == "length"

    @rule()
    def rest(self) -> None:
        """Idleness alone changes nothing."""
        time.sleep(0.002)

    @invariant()
    def all_have_opened_as_many_connections(self) -> None:
        """Each transport opens a connection when, and only when, the model has none to give."""
        opened = self._lanes.each(lambda lane: len(lane.opened))
        assert opened == dict.fromkeys(opened, self._opened)


def _answer(content: bytes, told: Told) -> bytes:
    """Render a whole answer that leaves its connection open."""
    if told == "chunked":
        head, body = b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
    else:
        head, body = b"Content-Length: %d" % len(content), content
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body
