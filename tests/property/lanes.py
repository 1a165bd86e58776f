"""Four lanes, one for each transport, that carry the same exchange side by side, each to an origin of its own.

A lane has its own origin, so that what the origin counts can be laid to one transport; the lanes run at the
same time, so that a timeout costs its wait once. Between examples every transport is made anew: no
connection, and no fault, outlives its example.
"""

from __future__ import annotations

import base64
import os
import socket
import select
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from fleet import TRANSPORTS, make_transport
from outcome import Outcome, outcome

from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.testing.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from property.language import Exchange

    from intermodal.testing.origin import Connection
    from intermodal.testing.scripts import Play

R = TypeVar("R")

#: Bounds that only a hang runs into, even on a machine that is busy with other things.
PATIENT = Options(Timeouts(connect=10, read=5, write=5, pool=5))
#: The bound on a read that is meant to run out.
IMPATIENT = Options(Timeouts(connect=10, read=0.15, write=5, pool=5))

#: Where a reset discards what was received and not yet read, the server waits until that must have been read.
#: Linux hands out what came before the reset first, however late it is asked for.
_BEFORE_RESET: tuple[float, ...] = () if sys.platform == "linux" else (0.1,)


class Lane:
    """One transport and its origin."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin = Origin()
        self.transport = make_transport(name)
        self._known: set[int] = set()

    def renew(self) -> None:
        """Begin again: with a new transport, and as if nothing had been recorded."""
        self.transport.close()
        self.transport = make_transport(self.name)
        self.origin.reset_records()
        self._known = {connection.number for connection in self.origin.connections}

    def close(self) -> None:
        self.transport.close()
        self.origin.close()

    @property
    def opened(self) -> list[Connection]:
        """The connections opened since ``renew``, in order."""
        return [each for each in self.origin.connections if each.number not in self._known]

    def ordinary(self, marker: str) -> Outcome:
        """Carry an ordinary request, whose answer must be the marker it asked for: nobody else's."""
        echoed = base64.urlsafe_b64encode(marker.encode()).decode()
        request = Request("GET", f"{self.origin.url}/base64/{echoed}")
        result = outcome(self.transport, request, PATIENT)
        assert (result.error, result.status, result.body) == (None, 200, marker.encode()), (
            f"{self.name}: an ordinary request ({marker}) got {result}"
        )
        return result

    def carry(self, exchange: Exchange) -> Outcome:
        """Have the origin play the answer, and carry the request."""
        if exchange.then == "stall":
            return self._stalled(exchange)
        steps = exchange.segments
        if exchange.then == "rst":
            steps += _BEFORE_RESET
        self.origin.play(*steps, then=exchange.then, at="head" if exchange.early else "request")
        return outcome(self.transport, exchange.ask.request(self.origin.url), PATIENT)

    def _stalled(self, exchange: Exchange) -> Outcome:
        """Let the read time out, behind bytes that are there before anybody waits for them.

        A server that is late with them would be told from one that stalls only by its lateness. So they are sent
        when the connection is made, and the request's body is withheld until they are on their way.
        """
        before: Play | None = self.origin.play(*exchange.segments, at="connect") if exchange.sent else None
        self.origin.play(_stall(), at="request")

        def wait() -> None:
            assert before is None or before.finished.wait(5)

        return outcome(self.transport, exchange.ask.request(self.origin.url, wait), IMPATIENT)
