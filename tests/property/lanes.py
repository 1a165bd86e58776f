"""Four lanes, one for each transport, that carry the same exchange side by side, each to an origin of its own.

A lane has its own origin, so that what the origin counts can be laid to one transport; the lanes run at the
same time, so that a timeout costs its wait once. Between examples every transport is made anew: no
connection, and no fault, outlives its example.
"""

from __future__ import annotations

import base64
import contextlib
import os
import select
import socket
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from fleet import TRANSPORTS, make_transport
from outcome import Outcome, outcome

from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.testing.origin import Origin, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from property.language import Exchange

    from intermodal.testing.origin import Connection

R = TypeVar("R")

#: Bounds that only a hang runs into, even on a machine that is busy with other things.
PATIENT = Options(Timeouts(connect=10, read=5, write=5, pool=5))
#: The bound on a read that is meant to run out.
IMPATIENT = Options(Timeouts(connect=10, read=0.15, write=5, pool=5))

#: Where a reset discards what was received and not yet read, the server waits until that must have been read.
#: Linux hands out first what came before the reset, however late it is asked for.
BEFORE_RESET: tuple[float, ...] = () if sys.platform == "linux" else (0.1,)


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

    def ordinary(self, marker: str) -> int:
        """Carry an ordinary request, whose answer must be the marker it asks for; give the number of connections."""
        echoed = base64.urlsafe_b64encode(marker.encode()).decode()
        result = outcome(self.transport, Request("GET", f"{self.origin.url}/base64/{echoed}"), PATIENT)
        assert (result.error, result.status, result.body) == (None, 200, marker.encode()), (
            f"{self.name}: the ordinary request {marker!r} got {result}"
        )
        return len(self.opened)

    def carry(self, exchange: Exchange) -> Outcome:
        """Have the origin play the answer, and carry the request."""
        if exchange.then == "stall":
            return self._stalled(exchange)
        steps = exchange.segments
        if exchange.then == "rst":
            steps += BEFORE_RESET
        self.origin.play(*steps, then=exchange.then, at="head" if exchange.early else "request")
        return outcome(self.transport, exchange.ask.request(self.origin.url), PATIENT)

    def _stalled(self, exchange: Exchange) -> Outcome:
        """Let the read time out behind bytes that are there before anybody waits for them.

        Were they sent in answer to the request, only time would tell a server that is late with them from one that
        stalls. So they are sent when the connection is made, and the request's body is held back until they are.
        """
        before = self.origin.play(*exchange.segments, at="connect") if exchange.sent else None
        self.origin.play(Stall(), at="request")

        def hold_back() -> None:
            assert before is None or before.finished.wait(5)

        return outcome(self.transport, exchange.ask.request(self.origin.url, hold_back), IMPATIENT)

    def only_connection(self) -> Connection:
        """Wait until the client has closed the one connection it opened, and all that it sent was received."""

        def over() -> bool:
            return bool(self.opened) and not self.opened[0].open

        self._wait(over, "the client did not close its connection")
        (connection,) = self.opened
        return connection

    def await_end(self) -> None:
        """Wait until the end of the connection that served last, sent by its server, has come to the client's side."""
        served = self.origin.requests[-1].connection
        (address,) = [each.peer[:2] for each in self.opened if each.number == served]

        def there() -> bool:
            with _socket_at(address) as client:
                return client is None or bool(select.select([client], [], [], 0.05)[0])

        self._wait(there, "the end of the connection never came")

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, f"{self.name}: {otherwise}"
            time.sleep(0.0005)


@contextlib.contextmanager
def _socket_at(address: tuple[str, int]) -> Iterator[socket.socket | None]:
    """Find this process's socket with a local address; None where it is closed already."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names, for they are numbers
        with contextlib.ExitStack() as opened:
            try:
                if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    continue
                found = opened.enter_context(socket.socket(fileno=os.dup(int(name))))
                here = found.getsockname()
            except OSError:  # closed meanwhile
                continue
            if here == address:
                yield found
                return
    yield None


class Lanes:
    """The four, in lockstep."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(len(TRANSPORTS), thread_name_prefix="lane")
        self.all = [Lane(name) for name in TRANSPORTS]

    def each(self, action: Callable[[Lane], R]) -> dict[str, R]:
        """Do the same on every lane at once, and give what came of it by name."""
        running = {lane.name: self._threads.submit(action, lane) for lane in self.all}
        wait(running.values())  # all of them, even where one has failed: the lanes are about to be used again
        return {name: future.result() for name, future in running.items()}

    def renew(self) -> None:
        """Begin an example: nothing of the one before is left."""
        for lane in self.all:
            lane.renew()

    @contextlib.contextmanager
    def example(self) -> Iterator[None]:
        """Carry one example; one that fails may leave scripts behind that were not taken, so then the origins go too."""
        self.renew()
        try:
            yield
        except BaseException:
            self._close_lanes()
            self.all = [Lane(name) for name in TRANSPORTS]
            raise

    def close(self) -> None:
        """Close all; idempotent as far as a failed example needs it."""
        self._close_lanes()
        self._threads.shutdown()

    def _close_lanes(self) -> None:
        for lane in self.all:
            lane.close()
