"""T3, T6 to T9: exchanges that nobody wrote down, of which a model knows what must come.

A request, an answer, the segments it is cut into and a fault are drawn together with their meaning; see
:mod:`intermodal.testing.strategies`. Each is carried, and an ordinary request after it on the same transport. The same
ones are drawn at each run; a failure shows the smallest exchange that fails.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, given, settings

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.maker import end
from intermodal.protocol import Guarantee
from intermodal.testing.lanes import MODEL, Lanes
from intermodal.testing.strategies import KINDS, Exchange, exchanges, expected, kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intermodal.conformance.stage import Stage
    from intermodal.protocol import Transport

CHAPTER = Chapter()

#: Seconds that are spent on making an exchange that fails smaller.
_SHRINKING: Final = 5.0

_STRICT_KINDS = tuple(kind for kind in KINDS if kind not in kinds(strict=False))


def _of(*beginnings: str, strict: bool = False) -> dict[str, str]:
    """Give the rows for the kinds of exchange with such names, all of them or those that need STRICT_FRAMING."""
    return {kind: kind for kind in KINDS if kind.startswith(beginnings) and (kind in _STRICT_KINDS) is strict}


@CHAPTER.case()
def generated_without_a_fault(stage: Stage) -> None:
    """T3, RFC 9112: of any request and any answer, however it is cut, comes what they mean."""
    _carry(stage, "none")


@CHAPTER.rows(_of("FIN before", "RST"))
def generated_with_an_end(stage: Stage, kind: str) -> None:
    """T6, RFC 9112 section 9.6: with {row}, the error and what it says of delivery are as the bytes say."""
    _carry(stage, kind)


@CHAPTER.rows(_of("RST", strict=True), guarantee=Guarantee.STRICT_FRAMING)
def generated_with_an_end_in_the_head(stage: Stage, kind: str) -> None:
    """T6, RFC 9112 section 9.6: with {row}, the error and what it says of delivery are as the bytes say."""
    _carry(stage, kind)


@CHAPTER.rows(_of("stall"))
def generated_with_a_silence(stage: Stage, kind: str) -> None:
    """T7: after a {row} the read timeout comes behind all that had come before."""
    _carry(stage, kind)


@CHAPTER.rows(_of("early", strict=True), guarantee=Guarantee.STRICT_FRAMING)
def generated_with_an_early_answer(stage: Stage, kind: str) -> None:
    """T8, RFC 9112 section 9.5: an {row}, which comes while the body is still sent, is the answer."""
    _carry(stage, kind)


@CHAPTER.rows(_of("FIN in"))
def generated_cut_short(stage: Stage, kind: str) -> None:
    """T9, RFC 9112 section 8: with {row}, what is incomplete is no answer."""
    _carry(stage, kind)


@CHAPTER.rows(_of("FIN in", "malformed", "excess", strict=True), guarantee=Guarantee.STRICT_FRAMING)
def generated_malformed(stage: Stage, kind: str) -> None:
    """T9, RFC 9112: with {row}, nothing is guessed, and nothing of it is found in the next answer."""
    _carry(stage, kind)


def _carry(stage: Stage, kind: str) -> None:
    """Carry so many exchanges of a kind; fail with the smallest that does not end as the model says."""
    name = stage.info.name
    made: list[Transport] = []

    def make() -> Transport:
        for old in made:
            end(old)
        made[:] = [stage.maker.make()]
        return made[0]

    lanes = Lanes({name: make})
    smallest = _Smallest()
    try:
        reuses = _reuses(lanes)
        strict = stage.guarantees(Guarantee.STRICT_FRAMING)

        @settings(
            max_examples=stage.examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(exchanges(kind, capabilities=stage.info.capabilities, strict=strict))
        def carry(exchange: Exchange) -> None:
            try:
                _carried(lanes, replace(exchange, warm=exchange.warm and reuses))
            except AssertionError as failure:
                smallest.add(exchange, failure)
                raise

        carry()
    except _Enough:
        raise smallest.failure from None
    finally:
        lanes.close()
        for old in made:
            end(old)


class _Enough(BaseException):
    """Ends a search that has gone on long enough; nothing that Hypothesis would look into."""


class _Smallest:
    """The failure of the smallest exchange that failed; where each costs a timeout, not all are tried."""

    failure: AssertionError

    def __init__(self) -> None:
        self._size = 0
        self._until = 0.0

    def add(self, exchange: Exchange, failure: AssertionError) -> None:
        size = len(repr(exchange))
        if not self._until:
            self._until = time.monotonic() + _SHRINKING
        if not self._size or size <= self._size:
            self._size, self.failure = size, failure
        if time.monotonic() > self._until:
            raise _Enough


def _reuses(lanes: Lanes) -> bool:
    """Whether the transport keeps connections: it need not, and then none has served before."""
    with lanes.example():
        (lane,) = lanes.all
        lane.ordinary("one")
        return lane.ordinary("two") == 1


def _carried(lanes: Lanes, exchange: Exchange) -> None:
    (lane,) = lanes.all
    with lanes.example():
        if exchange.warm:
            lane.ordinary("before")
        want = expected(exchange)
        outcome = lanes.carry(exchange)[lane.name]
        found = lanes.differences({lane.name: outcome}, exchange, want.outcome)
        if Guarantee.WIRE_EXACT not in lanes.guarantees[lane.name]:
            found = tuple(each for each in found if each.field != "wire")
        if found:
            expect = "; ".join(f"{each.field} {each.shown.get(MODEL)}" for each in found)
            came = "; ".join(f"{each.field} {each.shown.get(lane.name)}" for each in found)
            raise Failure(f"{expect}: {want.why}", f"{came}{_shown(exchange, lane.received())}")
        try:
            lane.ordinary("after")
        except AssertionError as error:
            raise Failure(f"the next request's own answer after {exchange}", str(error)) from None


def _shown(exchange: Exchange, received: Iterable[bytes]) -> str:
    segments = ", ".join(repr(segment) for segment in exchange.segments)
    return f"\n  sent      {b''.join(received)!r:.600}\n  answered  {segments:.1200}, then {exchange.then}"
