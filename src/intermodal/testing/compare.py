"""Sends the same exchanges over several transports and says in what they differ.

>>> from intermodal.backends.socket import SocketTransport
>>> from intermodal.testing.tour import TOUR
>>> one, two = SocketTransport(), SocketTransport()
>>> compared = compare({"one": one, "two": two}, TOUR[:5])
>>> compared.identical, compared.rows[0].outcomes["two"].status
(True, 200)
>>> one.close(), two.close()
(None, None)

Laws:

- All transports talk to the same server at the same port, one after the other, exchange by exchange: what the server
  receives between the begin and the end of an exchange belongs to it.
- An exchange that a transport cannot carry, and refuses before a byte leaves (T4), is no difference; it is told.
- What a foreign server varies by itself is learned from the transport that is asked first: it is asked once more after
  all others. What differs between its two answers says nothing about transports.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from intermodal.errors import InvalidURL
from intermodal.model.options import Dial, Options
from intermodal.model.url import URL
from intermodal.protocol import Capability, needs
from intermodal.testing.origin import Origin
from intermodal.testing.outcomes import COMPARED, NO_END, Difference, Outcome, carry, differences
from intermodal.testing.relay import Relay
from intermodal.testing.tour import TOUR, UNKNOWN_HOST, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from intermodal.protocol import Transport, TransportInfo
    from intermodal.testing.scripts import Play

__all__ = ["Comparison", "Row", "compare", "compare_at", "plain_url"]

#: Seconds within which the unknown host has to turn out to be unknown.
_RESOLVING: Final = 2.0
#: Seconds to wait for the end of a script, once the transport's side of the exchange is over.
_SCRIPT: Final = 1.0
#: Seconds to wait for a connection to be closed that no transport can use again.
_CLOSING: Final = 0.2
#: The longest exchange, in timeouts.
_PATIENCE: Final = 3


@dataclass(frozen=True)
class Row:
    """What came of one exchange.

    Attributes:
        exchange: what was sent.
        outcomes: by transport; one that did not end an earlier exchange was not asked any more.
        differences: in which fields they differ.
        refused: the capabilities for want of which a transport refused it, by transport.
        varying: what the server varies by itself: names of fields of an Outcome, or ``header NAME``.
        skipped: why it was not sent at all.
    """

    exchange: Exchange
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    varying: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def identical(self) -> bool:
        """Whether no transport differs from another."""
        return not self.differences


@dataclass(frozen=True)
class Comparison:
    """What came of all exchanges.

    Attributes:
        transports: those that were compared, by name.
        rows: one for each exchange, in order.
        connections: how many each transport opened; None where that was not seen.
        wire: how the bytes on the wire were seen, or why not.
    """

    transports: Mapping[str, TransportInfo]
    rows: tuple[Row, ...]
    connections: Mapping[str, int] | None
    wire: str

    @property
    def identical(self) -> bool:
        """Whether no exchange differs."""
        return all(row.identical for row in self.rows)

    def median_seconds(self, name: str) -> float | None:
        """Give the median time of an exchange over one transport; None where it carried none."""
        times = [row.outcomes[name].seconds for row in self.rows if name in row.outcomes]
        return statistics.median(times) if times else None


def compare(
    transports: Mapping[str, Transport],
    exchanges: Sequence[Exchange] = TOUR,
    origin: Origin | None = None,
    *,
    timeout: float = 10,
    progress: Callable[[Exchange], object] = bool,
) -> Comparison:
    """Send exchanges over transports to an origin, and compare what came of them.

    Args:
        transports: by the name they are to have in what is returned; they stay open.
        exchanges: what to send, in this order.
        origin: where to; by default one that is started here.
        timeout: seconds for connecting and for each wait, where an exchange has no bound of its own. One that takes
            three times as long in all is given up.
        progress: called with each exchange before it is sent.
    """
    with contextlib.ExitStack() as stack:
        if origin is None:
            origin = stack.enter_context(Origin())
        bases = {"origin": origin.url, "unknown host": f"http://{UNKNOWN_HOST}"}
        bases["closed port"] = f"http://127.0.0.1:{stack.enter_context(_closed_port())}"
        run = _Run(transports, origin, timeout)
        rows = []
        for exchange in exchanges:
            progress(exchange)
            slow = exchange.server == "unknown host" and not _quickly_unknown()
            if slow:
                rows.append(Row(exchange, skipped=f"{UNKNOWN_HOST} did not turn out unknown within {_RESOLVING:g} s"))
            else:
                rows.append(run.row(exchange, bases[exchange.server], origin))
        return Comparison(run.infos, tuple(rows), run.connections, "the bytes that the origin received")


def compare_at(
    url: str | URL,
    transports: Mapping[str, Transport],
    *,
    dial: Dial = Dial(),  # noqa: B008 - frozen
    timeout: float = 10,
    progress: Callable[[Exchange], object] = bool,
) -> Comparison:
    """Send GET and HEAD to a URL over transports, and compare what comes of them.

    For http a relay on 127.0.0.1 records the bytes on the wire; for https, and where ``dial`` leads elsewhere than the
    URL does, nobody but the server can see them.

    Raises:
        InvalidRequest: the URL cannot be sent to.
    """
    parsed = plain_url(url)
    with contextlib.ExitStack() as stack:
        relay, wire = None, "not seen: https hides it"
        if dial != Dial():
            wire = "not seen: no relay stands between"
        elif parsed.scheme == "http":
            relay, wire = _relay_to(parsed, timeout)
        base = f"{parsed.scheme}://{parsed.authority}"
        if relay is not None:
            stack.enter_context(relay)
            base = f"http://127.0.0.1:{relay.port}"
        run = _Run(transports, relay, timeout, dial)
        rows = []
        for method in ("GET", "HEAD"):
            exchange = Exchange(
                method,
                str(parsed),
                method=method,
                path=parsed.target,
                # The relay's port must not show: the server is to receive what it would receive without it.
                keywords=lambda: {"headers": {"Host": parsed.authority}},
            )
            progress(exchange)
            rows.append(run.row(exchange, base, None))
        return Comparison(run.infos, tuple(rows), run.connections, wire)


class _Record(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def open(self) -> bool: ...
    @property
    def received(self) -> bytes: ...


class _Witness(Protocol):
    """What knows of every connection what was received on it: an Origin, or a Relay."""

    @property
    def connections(self) -> Sequence[_Record]: ...


class _Arrivals:
    """What arrives at a witness from now on."""

    def __init__(self, witness: _Witness | None) -> None:
        self._witness = witness
        known = [] if witness is None else witness.connections
        self._last = max((each.number for each in known), default=0)
        self._before = {each.number: len(each.received) for each in known if each.open}

    def wire(self) -> tuple[bytes, ...] | None:
        """Give what arrived, by connection; None without a witness."""
        if self._witness is None:
            return None
        arrived = (each.received[self._before.get(each.number, 0) :] for each in self._since())
        return tuple(data for data in arrived if data)

    def settle(self) -> None:
        """Wait for what is still on its way: until the connections that something arrived on are closed."""
        ends = time.monotonic() + _CLOSING
        while time.monotonic() < ends:
            touched = [each for each in self._since() if len(each.received) > self._before.get(each.number, 0)]
            if touched and not any(each.open for each in touched):
                return
            time.sleep(0.002)

    def opened(self) -> int:
        """Give the number of new connections."""
        return sum(each.number > self._last for each in self._since())

    def _since(self) -> list[_Record]:
        """Give the connections that were open at the begin, or are new."""
        known = [] if self._witness is None else self._witness.connections
        return [each for each in known if each.number > self._last or each.number in self._before]


class _Run:
    """One comparison under way: the transports, and where their bytes are seen."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        witness: _Witness | None,
        timeout: float,
        dial: Dial = Dial(),  # noqa: B008 - frozen
    ) -> None:
        self._dial = dial
        self._transports = dict(transports)
        self._witness = witness
        self._timeout = timeout
        self.infos = {name: transport.info for name, transport in transports.items()}
        self.connections = None if witness is None else dict.fromkeys(transports, 0)

    def row(self, exchange: Exchange, base: str, origin: Origin | None) -> Row:
        """Carry an exchange over every transport; ask the first one twice, where the server is no origin of ours."""
        outcomes: dict[str, Outcome] = {}
        refused: dict[str, str] = {}
        for name in [*self._transports]:
            outcome, missing = self._outcome(name, exchange, base, origin)
            outcomes[name] = outcome
            if missing:
                refused[name] = missing
            if outcome.error == NO_END and outcome.phase is None:
                del self._transports[name]  # its thread is still in there
        compared = {name: outcome for name, outcome in outcomes.items() if name not in refused}
        varying: tuple[str, ...] = ()
        first = next(iter(compared), None)
        if origin is None and first in self._transports:
            varying = _varying(compared[first], self._outcome(first, exchange, base, origin)[0])
            compared = {name: _without(outcome, varying) for name, outcome in compared.items()}
        guarantees = {name: info.guarantees for name, info in self.infos.items()}
        found = differences(compared, guarantees, early=exchange.early)
        return Row(exchange, outcomes, found, refused, varying)

    def _outcome(self, name: str, exchange: Exchange, base: str, origin: Origin | None) -> tuple[Outcome, str]:
        """Carry an exchange over one transport; also tell for want of what it refused to."""
        request = exchange.request(base)
        options = Options(exchange.timeouts(self._timeout), dial=self._dial)
        missing = needs(request, options) & ~self.infos[name].capabilities
        play = None
        if origin is not None and exchange.script:
            play = origin.play(*exchange.script, then=exchange.then, at=exchange.at)
        arrivals = _Arrivals(self._witness)
        outcome = carry(self._transports[name], request, options, _PATIENCE * self._timeout)
        if exchange.early or (outcome.error is not None and exchange.server == "origin"):
            arrivals.settle()
        outcome = replace(outcome, wire=arrivals.wire())
        if self.connections is not None:
            self.connections[name] += arrivals.opened()
        if play is not None and origin is not None:
            _finish(play, origin, taken=bool(outcome.wire))
        honest = outcome.error == "UnsupportedFeature" and not outcome.wire
        return outcome, ", ".join(str(each.name) for each in Capability if each & missing) if honest else ""


def plain_url(url: str | URL) -> URL:
    """Read the URL of a tool that sends no login.

    Raises:
        InvalidRequest: it cannot be sent to, or carries a login.
    """
    parsed = URL(url)
    if parsed.username is not None:
        raise InvalidURL(f"the URL carries credentials for {parsed.authority!r}, and none are sent here: take them out")
    return parsed


def _finish(play: Play, origin: Origin, *, taken: bool) -> None:
    """See to it that a script is over, so that none is left for the next exchange."""
    if (taken and play.finished.wait(_SCRIPT)) or origin.withdraw(play):  # a transport may have sent no whole request
        return
    play.finished.wait(_SCRIPT)


def _varying(one: Outcome, two: Outcome) -> tuple[str, ...]:
    """Name what differs between two answers to the same request over the same transport."""
    found = [name for name in COMPARED if name not in ("headers", "wire") and getattr(one, name) != getattr(two, name)]
    values = [_by_name(outcome) for outcome in (one, two)]
    names = {name: None for each in values for name in each}
    return (*(f"header {name}" for name in names if values[0].get(name) != values[1].get(name)), *found)


def _by_name(outcome: Outcome) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in outcome.headers or ():
        grouped.setdefault(name.lower(), []).append(value)
    return grouped


def _without(outcome: Outcome, varying: tuple[str, ...]) -> Outcome:
    """Give an outcome without what the server varies by itself."""
    blank = Outcome()
    changes: dict[str, Any] = {name: getattr(blank, name) for name in varying if not name.startswith("header ")}
    if outcome.headers is not None:
        changes["headers"] = tuple(pair for pair in outcome.headers if f"header {pair[0].lower()}" not in varying)
    return replace(outcome, **changes)


def _relay_to(url: URL, timeout: float) -> tuple[Relay | None, str]:
    """Give a relay to the URL's server; none where that cannot be reached, for a relay would hide why."""
    try:
        socket.create_connection((url.dial_host, url.port), timeout).close()
    except (OSError, UnicodeError) as error:
        return None, f"not seen: the server cannot be reached ({error})"
    return Relay(url.dial_host, url.port, timeout), "the bytes that a relay on 127.0.0.1 passed on to the server"


@contextlib.contextmanager
def _closed_port() -> Iterator[int]:
    """Give a port of 127.0.0.1 where nobody listens, and nobody will meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def _quickly_unknown() -> bool:
    """Whether resolving the unknown host fails at once here, as it does not behind some resolvers."""
    unknown = threading.Event()

    def resolve() -> None:
        try:
            socket.getaddrinfo(UNKNOWN_HOST, 80)
        except OSError:
            unknown.set()

    threading.Thread(target=resolve, name="resolve", daemon=True).start()
    return unknown.wait(_RESOLVING)
