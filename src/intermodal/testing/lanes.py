"""Lanes: several transports that carry the same exchange side by side, each to an origin of its own.

A lane has its own origin, so that what the origin counts can be laid to one transport; the lanes run at the same time, so
that a timeout costs its wait once. Between examples every transport is made anew: no connection, and no fault, outlives
its example. What a transport does not declare is not asked of it: a bound on time that it does not know is left out, and a
guarantee that it does not give may be left open.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import operator
import os
import queue
import select
import socket
import stat
import sys
import threading
import time
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.lifted import Lifted
from intermodal.testing.origin import Origin, Stall
from intermodal.testing.outcomes import NO_END, Difference, Outcome, carry_here, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from intermodal.protocol import Transport
    from intermodal.testing.origin import Connection, Step
    from intermodal.testing.strategies import Exchange

__all__ = ["AUTHORITY", "BEFORE_RESET", "MODEL", "Lane", "Lanes"]

R = TypeVar("R")

#: What stands for the authority of a lane's own origin in the bytes that are compared.
AUTHORITY: Final = "origin.example"

#: The name under which the model stands beside the transports.
MODEL: Final = "the model"

#: Seconds that only a hang runs into, even on a machine that is busy with other things.
_PATIENT: Final = Timeouts(connect=10, read=5, write=5, pool=5)
#: The same where a read is meant to run out.
_IMPATIENT: Final = replace(_PATIENT, read=0.15)
#: Seconds after which a body without an end is given up, then whatever a transport does; and what else is waited for.
_LONG: Final = 8.0
_GIVEN_UP: Final = 10.0
_BOUND: Final = 5.0

#: Where a reset discards what was received and not yet read, the server waits until that must have been read.
#: Linux hands out first what came before the reset, however late it is asked for.
BEFORE_RESET: Final[tuple[float, ...]] = () if sys.platform == "linux" else (0.1,)


class Lane:
    """One transport and its origin.

    Attributes:
        name: by which it is told from the others.
        origin: the server that its exchanges go to.
        transport: made anew by every ``renew``.
    """

    def __init__(self, name: str, make: Callable[[], Transport]) -> None:
        self.name = name
        self._make = make
        self.transport = make()
        self.origin = Origin()
        self._known: set[int] = set()
        #: The numbers of the connections that the last exchange was carried on, and of those that are to serve no more.
        self._touched: set[int] = set()
        self._spent: set[int] = set()
        self._retired = False

    def renew(self) -> None:
        """Begin again: with a new transport, and as if nothing had been recorded.

        Raises:
            AssertionError: the old one cannot be closed.
        """
        self.retire()
        self.transport, self._retired = self._make(), False
        self.origin.reset_records()
        self._known = {connection.number for connection in self.origin.connections}

    def retire(self) -> None:
        """Close the transport; a second call does nothing.

        Raises:
            AssertionError: that raised.
        """
        if self._retired:
            return
        self._retired = True
        try:
            self.transport.close()
        except BaseException as error:  # a transport's fault, whatever it is
            raise AssertionError(f"{self.name}: close() raised {error!r:.200}") from error
        finally:
            if isinstance(self.transport, Lifted):
                self.transport.end()

    @property
    def opened(self) -> list[Connection]:
        """The connections opened since ``renew``, in order."""
        return [each for each in self.origin.connections if each.number not in self._known]

    @property
    def options(self) -> Options:
        """Options with bounds that only a hang runs into, those that the transport declares."""
        return self._options(_PATIENT)

    def _options(self, timeouts: Timeouts) -> Options:
        capabilities = self.transport.info.capabilities
        return Options(
            replace(
                timeouts,
                write=timeouts.write if Capability.WRITE_TIMEOUT in capabilities else None,
                pool=timeouts.pool if Capability.POOL_TIMEOUT in capabilities else None,
            )
        )

    def echo(self, marker: str) -> Outcome:
        """Carry an ordinary request, which asks for a marker as its answer."""
        echoed = base64.urlsafe_b64encode(marker.encode()).decode()
        return carry_here(self.transport, Request("GET", f"{self.origin.url}/base64/{echoed}"), self.options, _LONG)

    def ordinary(self, marker: str) -> int:
        """Carry an ordinary request, and give the number of connections opened so far.

        Raises:
            AssertionError: its answer is not the marker that it asked for.
        """
        result = self.echo(marker)
        if (result.error, result.status, result.body) != (None, 200, marker.encode()):
            came = (
                f"{result.error}: {result.message}" if result.error else f"{result.status} with {result.body[:100]!r}"
            )
            raise AssertionError(f"{self.name}: an ordinary request for {marker!r} got {came}")
        return len(self.opened)

    def carry(self, exchange: Exchange) -> Outcome:
        """Have the origin play the answer, and carry the request.

        The outcome's ``wire`` is what the origin received of it, with ``AUTHORITY`` for its own; None where the answer does
        not wait for the request, so that nobody can say how much of that must have come.
        """
        before = {each.number: len(each.received) for each in self.opened}
        if exchange.then == "stall":
            outcome = self._stalled(exchange)
        else:
            steps: list[Step] = [*exchange.segments]
            if exchange.then == "rst":
                steps += BEFORE_RESET
            self.origin.play(*steps, then=exchange.then, at="head" if exchange.early else "request")
            outcome = carry_here(self.transport, exchange.ask.request(self.origin.url), self.options, _LONG)
        self._touched = {each.number for each in self.opened if len(each.received) > before.get(each.number, 0)}
        return replace(outcome, wire=None if _before_the_request(exchange) else self.received(before))

    def spend(self) -> None:
        """Count no more of what arrives on the connection of the last exchange, which is to serve no other.

        An upload that an earlier answer has ended may still be arriving there while the next request is carried.
        """
        self._spent |= self._touched

    def received(self, before: Mapping[int, int] | None = None) -> tuple[bytes, ...]:
        """Give what the origin received on each connection, with ``AUTHORITY`` for its own.

        Args:
            before: how many bytes of each connection, by its number, to leave out.
        """
        own, common = self.origin.url.partition("//")[2].encode(), AUTHORITY.encode()
        counted = [each for each in self.opened if each.number not in self._spent]
        parts = (each.received[(before or {}).get(each.number, 0) :] for each in counted)
        return tuple(part.replace(own, common) for part in parts if part)

    def sent(self) -> tuple[bytes, ...]:
        """Give what the origin sent on each connection; of much, the beginning."""
        return tuple(each.sent for each in self.opened if each.sent)

    def _stalled(self, exchange: Exchange) -> Outcome:
        """Let the read time out behind bytes that are there before anybody waits for them.

        Were they sent in answer to the request, only time would tell a server that is late with them from one that
        stalls. So they are sent when the connection is made, and the request's body is held back until they are.
        """
        before = self.origin.play(*exchange.segments, at="connect") if exchange.sent else None
        stall = self.origin.play(Stall(), at="request")

        def hold_back() -> None:
            if before is not None and not before.finished.wait(_BOUND):
                raise AssertionError("no connection was made before the body was read")

        count = len(self.origin.requests)
        outcome = carry_here(
            self.transport,
            exchange.ask.request(self.origin.url, hold_back),
            self._options(_IMPATIENT),
            _LONG,
        )
        if outcome.error is not None and "Timeout" in outcome.error:
            # The wait may be over before the server has got round to reading what was sent, or before all of that was.
            with contextlib.suppress(AssertionError):
                self._wait(lambda: len(self.origin.requests) > count or self._all_closed(), "the request never came")
            self.origin.withdraw(stall)
        return outcome

    def _all_closed(self) -> bool:
        return bool(self.opened) and not any(each.open for each in self.opened)

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
        if not os.path.isdir("/dev/fd"):  # noqa: PTH112
            time.sleep(0.1)  # nothing tells what a socket of somebody else's has received
            return

        def there() -> bool:
            with _socket_at(address) as client:
                return client is None or bool(select.select([client], [], [], 0.05)[0])

        self._wait(there, "the end of the connection never came")

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _BOUND
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: {otherwise}")
            time.sleep(0.0005)


def _before_the_request(exchange: Exchange) -> bool:
    """Whether the answer is there without the request, so that the origin may never be sent all of that."""
    return exchange.then == "stall" and bool(exchange.sent)


@contextlib.contextmanager
def _socket_at(address: tuple[str, int]) -> Iterator[socket.socket | None]:
    """Find this process's socket with a local address; None where it is closed already."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names, for they are numbers
        with contextlib.ExitStack() as opened:
            try:
                if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    continue
                copy = os.dup(int(name))
                opened.callback(os.close, copy)  # whatever it has become meanwhile: a copy left open keeps an end away
                found = socket.socket(fileno=copy)
                opened.pop_all()
                opened.enter_context(found)
                here = found.getsockname()
            except OSError:  # closed meanwhile
                continue
            if here == address:
                yield found
                return
    yield None


class _Worker:
    """Does what one lane has to do, in a thread that nothing waits for if a transport never gives it back."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"lane {name}", daemon=True).start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def start(self, action: Callable[[], R]) -> Future[R]:
        """Have something done, after all that was asked for before."""
        future: Future[R] = Future()

        def job() -> None:
            try:
                future.set_result(action())
            except BaseException as error:  # noqa: BLE001 - told to whoever asked for it
                future.set_exception(error)

        self._jobs.put(job)
        return future

    def stop(self) -> None:
        """End the thread, after all that was asked for."""
        self._jobs.put(None)


class Lanes:
    r"""Transports in lockstep.

    Args:
        makes: by the name of each, what makes it; called for every example. An asynchronous transport comes lifted
            (:class:`intermodal.testing.lifted.Lifted`).

    >>> from intermodal import open_transport
    >>> from intermodal.testing.strategies import Answer, Ask, Exchange, Field, Head, expected
    >>> head = Head(200, "OK", b"HTTP/1.1 200 OK\r\n", (Field("Content-Length", "3", b"Content-Length: 3\r\n"),))
    >>> exchange = Exchange(Ask("GET", "/", "/"), Answer(head, "length", body=((b"tea", b"tea"),)))
    >>> lanes = Lanes({name: lambda name=name: open_transport(name) for name in ("socket", "urllib3")})
    >>> with lanes.example():
    ...     outcomes = lanes.carry(exchange)
    >>> outcomes["socket"].body, lanes.differences(outcomes, exchange, expected(exchange).outcome)
    (b'tea', ())
    >>> lanes.close()
    """

    def __init__(self, makes: Mapping[str, Callable[[], Transport]]) -> None:
        self._makes = dict(makes)
        self._open()
        infos = {lane.name: lane.transport.info for lane in self.all}
        self.guarantees = {name: info.guarantees for name, info in infos.items()}
        #: What all of them declare.
        self.capabilities = functools.reduce(operator.and_, (info.capabilities for info in infos.values()))
        #: Whether all of them guarantee STRICT_FRAMING.
        self.strict = all(Guarantee.STRICT_FRAMING in each for each in self.guarantees.values())

    def _open(self) -> None:
        self.all = [Lane(name, make) for name, make in self._makes.items()]
        self._workers = {name: _Worker(name) for name in self._makes}
        self._fresh = True

    def each(self, action: Callable[[Lane], R]) -> dict[str, R]:
        """Do the same on every lane at once, and give what came of it by name.

        Raises:
            AssertionError: it took more than ten seconds; and whatever the action raises.
        """
        done, waiting = self._each(action)
        if waiting:
            raise AssertionError(f"{', '.join(waiting)}: given up after {_GIVEN_UP:g} s")
        return done

    def carry(self, exchange: Exchange) -> dict[str, Outcome]:
        """Carry an exchange over every lane at once; that a transport never comes back is an outcome as well."""
        done, waiting = self._each(lambda lane: lane.carry(exchange))
        lost = Outcome(error=NO_END, message=f"given up after {_GIVEN_UP:g} s", seconds=_GIVEN_UP)
        return {lane.name: lost if lane.name in waiting else done[lane.name] for lane in self.all}

    def _each(self, action: Callable[[Lane], R]) -> tuple[dict[str, R], list[str]]:
        """Also tell which have not come back."""
        running = {lane.name: self._workers[lane.name].start(functools.partial(action, lane)) for lane in self.all}
        # All of them, even where one has failed: the lanes are about to be used again.
        wait(running.values(), _GIVEN_UP)
        done = {name: future.result() for name, future in running.items() if future.done()}
        return done, [name for name in running if name not in done]

    def differences(self, outcomes: Mapping[str, Outcome], exchange: Exchange, want: Outcome) -> tuple[Difference, ...]:
        """Tell where the outcomes differ from one another or from what the model expects.

        Args:
            outcomes: by the name of the lane.
            exchange: what was carried.
            want: what the model expects of it.
        """
        wire = None if _before_the_request(exchange) else (exchange.ask.rendered(AUTHORITY),)
        return differences(
            {**outcomes, MODEL: replace(want, wire=wire)}, self.guarantees, early=exchange.early, settled=True
        )

    def renew(self) -> None:
        """Begin an example: nothing of the one before is left."""
        self.each(Lane.renew)

    @contextlib.contextmanager
    def example(self) -> Iterator[None]:
        """Carry one example; one that fails may leave scripts behind that were not taken, so then the origins go too."""
        try:
            if not self._fresh:
                self.renew()
            self._fresh = False
            yield
        except BaseException:
            self.close()
            self._open()
            raise

    def close(self) -> None:
        """Close all, whatever comes of that: a transport that cannot be closed is no matter by now."""
        for worker in self._workers.values():  # one of them may be stuck: others close
            worker.stop()
        closing = {lane.name: _Worker(lane.name) for lane in self.all}
        wait([closing[lane.name].start(lane.retire) for lane in self.all], _BOUND)
        for lane in self.all:
            closing[lane.name].stop()
            lane.origin.close()
