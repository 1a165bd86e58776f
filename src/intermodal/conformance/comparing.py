"""Two transports side by side: generated exchanges, until one of them makes something else of it than it means.

Agreement of the two is not enough, for they may err alike: what the model of :mod:`intermodal.testing.strategies` expects
is the third voice, and it tells who is wrong.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky

from intermodal.conformance.divergence import Divergence, Exchanged
from intermodal.protocol import Transport
from intermodal.registry import open_async_transport, open_transport, transports
from intermodal.testing.lanes import MODEL, Lane, Lanes
from intermodal.testing.lifted import Lifted
from intermodal.testing.outcomes import NO_END, Difference, Outcome
from intermodal.testing.strategies import Exchange, Expected, exchanges, expected, kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["compare"]

#: Hypothesis draws the first ten examples of a run one by one, and makes most of the others by changing an earlier one,
#: which tries little here: so many examples are many runs.
_FRESH: Final = 10
#: Once there is a difference, so many exchanges are tried to make it smaller, and so many seconds are spent on them.
_TRIES: Final = 2_000
_SECONDS: Final = 60.0


def compare(
    a: str | Callable[[], Transport],
    b: str | Callable[[], Transport],
    *,
    examples: int = 200,
    kinds: Iterable[str] | None = None,
    seed: int | None = None,
    progress: Callable[[int], object] = bool,
) -> Divergence | None:
    """Carry generated exchanges over two transports, and give the first difference, shrunk to the smallest there is.

    Each exchange goes over both, each to a server of its own, and an ordinary request after it over the same transports.
    What comes is compared with the other's and with what the model expects; whatever a transport raises is part of it, and
    one that never comes back is given up. Only what both declare is drawn: capabilities, and where one does not guarantee
    STRICT_FRAMING, only answers that libraries agree on by themselves (:mod:`intermodal.testing.strategies.plain`).

    Args:
        a: the name of a registered transport, or what makes one: called often, for no connection outlives its exchange.
            For an asynchronous one give its name, or ``lambda: Lifted(make)``.
        b: the other.
        examples: how many exchanges to carry, in equal parts of each kind.
        kinds: which kinds (``intermodal.testing.strategies.KINDS``); by default all that both can be held to.
        seed: of the generator: the same one draws the same exchanges.
        progress: called with the number of exchanges that were carried, after each of them.

    Returns:
        The difference, or None where there was none.

    Raises:
        ValueError: no transport of that name, or no such kind between these two.
        TypeError: what a factory makes is no transport.
        ImportError: hypothesis is missing: ``pip install "intermodal[testing]"``.

    >>> print(compare("socket", "urllib3", examples=28))
    None
    """
    lanes = Lanes(_makers(a, b))
    try:
        search = _Search(lanes, progress)
        return search.run(_kinds(lanes, kinds), examples, random.Random(seed))  # noqa: S311 - it draws examples
    finally:
        lanes.close()


def _makers(a: str | Callable[[], Transport], b: str | Callable[[], Transport]) -> dict[str, Callable[[], Transport]]:
    makes = [_maker(each) for each in (a, b)]
    names, made = [], []
    for make in makes:
        transport = make()
        if not isinstance(transport, Transport):
            raise TypeError(
                f"{make!r:.80} makes {transport!r:.80}, which is no transport: expected an object with info, send and"
                " close; for one with asend, give lambda: Lifted(make)"
            )
        names.append(transport.info.name)
        made.append(_starting_with(transport, make))
    if names[0] == names[1]:
        names = [f"{name} ({which})" for name, which in zip(names, "ab", strict=True)]
    return dict(zip(names, made, strict=True))


def _starting_with(first: Transport, make: Callable[[], Transport]) -> Callable[[], Transport]:
    """Give the one that was made already first."""
    ready = [first]
    return lambda: ready.pop() if ready else make()


def _maker(given: str | Callable[[], Transport]) -> Callable[[], Transport]:
    if callable(given):
        return given
    if given not in transports() and given in transports(asynchronous=True):
        return lambda: Lifted(lambda: open_async_transport(given))
    return lambda: open_transport(given)


def _kinds(lanes: Lanes, wanted: Iterable[str] | None) -> tuple[str, ...]:
    offered = kinds(strict=lanes.strict)
    chosen = offered if wanted is None else tuple(wanted)
    for kind in chosen:
        if kind not in offered:
            raise ValueError(f"kind={kind!r}: expected one of {', '.join(map(repr, offered))}")
    return chosen


class _Differs(Exception):
    """Tells Hypothesis that an exchange is one to make smaller."""


class _Enough(BaseException):
    """Ends a run of Hypothesis at once."""


@dataclass
class _Side:
    """What came of an exchange on one lane, and of the requests around it.

    Attributes:
        outcome: of the exchange.
        want: what the model expects of it here: whether the connection had served before is the transport's choice.
        troubles: what else went wrong, by what it is.
        exchanged: the bytes.
    """

    outcome: Outcome
    want: Expected
    troubles: dict[str, str]
    exchanged: Exchanged


class _Search:
    """A comparison under way."""

    def __init__(self, lanes: Lanes, progress: Callable[[int], object]) -> None:
        self._lanes = lanes
        self._progress = progress
        self._carried = 0
        self._first: Divergence | None = None
        self._smallest: Divergence | None = None
        self._last: Divergence | None = None
        self._tries = 0
        self._ends = 0.0

    def run(self, kinds: tuple[str, ...], examples: int, source: random.Random) -> Divergence | None:
        shares = [examples // len(kinds) + (at < examples % len(kinds)) for at in range(len(kinds))]
        while any(shares):
            for at, kind in enumerate(kinds):
                now = min(shares[at], _FRESH)
                shares[at] -= now
                if now and (found := self._run(kind, now, source.getrandbits(64))) is not None:
                    return found
        return None

    def _run(self, kind: str, count: int, number: int) -> Divergence | None:
        @seed(number)
        @settings(
            max_examples=count,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            database=None,  # a user's disk is not ours to write to
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
        )
        @given(exchanges(kind, capabilities=self._lanes.capabilities, strict=self._lanes.strict))
        def carry(exchange: Exchange) -> None:
            self._try(kind, exchange)

        try:
            carry()
        except _Differs:  # Hypothesis has carried the smallest last
            return self._last
        except (_Enough, Flaky) as end:
            if self._smallest is None:
                raise
            return replace(self._smallest, repeated=isinstance(end, _Enough))
        return None

    def _try(self, kind: str, exchange: Exchange) -> None:
        if self._first is not None:
            self._tries += 1
            if self._tries > _TRIES or time.monotonic() > self._ends:
                raise _Enough
        found = self._carry(kind, exchange)
        if self._first is None:
            self._carried += 1
            self._progress(self._carried)
        if found is None:
            return
        if self._first is None:
            self._first = found
            self._ends = time.monotonic() + _SECONDS
        elif _fields(found).isdisjoint(_fields(self._first)):
            return  # another difference: it would be explained by the wrong words
        self._last = found
        if self._smallest is None or _size(exchange) < _size(self._smallest.exchange):
            self._smallest = found
        raise _Differs

    def _carry(self, kind: str, exchange: Exchange) -> Divergence | None:
        """Carry an exchange over both, and what goes around it."""
        found: Divergence | None = None
        try:
            with self._lanes.example():
                sides = self._sides(exchange)
                found = self._judged(kind, exchange, sides)
                if found is not None:
                    raise _Differs  # what is left of a difference must not reach the next exchange
        except _Differs:
            pass
        return found

    def _sides(self, exchange: Exchange) -> dict[str, _Side]:
        troubles: dict[str, dict[str, str]] = {lane.name: {} for lane in self._lanes.all}
        if exchange.warm:
            self._ordinary("an earlier request", troubles)
        outcomes = self._lanes.carry(exchange)
        after = {lane.name: len(lane.opened) for lane in self._lanes.all}
        # A transport may open a connection though it has kept one; then that is new, and its error must say so.
        wants = {name: expected(replace(exchange, warm=exchange.warm and count == 1)) for name, count in after.items()}
        if all(outcome.error != NO_END for outcome in outcomes.values()):
            self._ordinary("the next request", troubles)
            for lane in self._lanes.all:
                if not wants[lane.name].reusable and len(lane.opened) == after[lane.name]:
                    troubles[lane.name]["connection"] = "used again"
            self._finish(troubles)
        return {
            lane.name: _Side(
                outcomes[lane.name],
                wants[lane.name],
                troubles[lane.name],
                Exchanged(lane.received(), lane.sent()),
            )
            for lane in self._lanes.all
        }

    def _ordinary(self, which: str, troubles: dict[str, dict[str, str]]) -> None:
        self._safely(which, lambda lane: lane.ordinary(which), troubles)

    def _finish(self, troubles: dict[str, dict[str, str]]) -> None:
        self._safely("close", Lane.retire, troubles)

    def _safely(self, which: str, action: Callable[[Lane], object], troubles: dict[str, dict[str, str]]) -> None:
        def told(lane: Lane) -> str:
            try:
                action(lane)
            except AssertionError as error:
                return str(error).partition(": ")[2]
            return ""

        for name, trouble in self._lanes.each(told).items():
            if trouble:
                troubles[name].setdefault(which, trouble)

    def _judged(self, kind: str, exchange: Exchange, sides: dict[str, _Side]) -> Divergence | None:
        """Hold each against what the model expects; where both are as they must be, they agree."""
        outcomes = {name: side.outcome for name, side in sides.items()}
        contradicted = {
            name: {each.field for each in self._lanes.differences({name: side.outcome}, exchange, side.want.outcome)}
            for name, side in sides.items()
        }
        wrong = tuple(name for name, side in sides.items() if contradicted[name] or side.troubles)
        if not wrong:
            return None
        want = sides[wrong[0]].want
        named = set().union(*contradicted.values())
        shown = [each for each in self._lanes.differences(outcomes, exchange, want.outcome) if each.field in named]
        for which in dict.fromkeys(which for side in sides.values() for which in side.troubles):
            right = "a new one" if which == "connection" else "as it must be"
            values = {name: side.troubles.get(which, right) for name, side in sides.items()}
            shown.append(
                Difference(which, values | {MODEL: right}, tuple(name for name in wrong if values[name] != right))
            )
        return Divergence(
            kind=kind,
            exchange=exchange,
            outcomes=outcomes,
            expected=want,
            differences=tuple(shown),
            wrong=wrong,
            exchanged={name: side.exchanged for name, side in sides.items()},
            carried=self._carried,
        )


def _fields(divergence: Divergence) -> set[str]:
    return {each.field for each in divergence.differences}


def _size(exchange: Exchange) -> tuple[int, ...]:
    ask, answer = exchange.ask, exchange.answer
    return (
        len(ask.headers) + len(answer.head.fields) + len(answer.interim) + len(answer.trailers),
        len(exchange.segments) + exchange.warm,
        len(ask.rendered("")) + len(answer.wire),
    )
