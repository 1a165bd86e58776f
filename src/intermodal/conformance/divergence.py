"""A difference between two transports, explained in words and bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from intermodal.testing.lanes import AUTHORITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from intermodal.testing.outcomes import Difference, Outcome
    from intermodal.testing.strategies import Exchange, Expected

__all__ = ["Divergence", "Exchanged"]

#: What the contract says of each field that can differ; of "error" the model tells itself.
_RULES: Final = {
    "phase": "T5: an error says how far the exchange had come",
    "delivery": "T6: what is said of delivery is true",
    "reused": "T6: an error tells whether the connection had served before",
    "status": "T3, RFC 9112 section 4: the status as it was sent",
    "reason": "T3, RFC 9112 section 4: the reason phrase as it was sent, less the white space around it",
    "version": "T3, RFC 9110 section 2.5: the version of the answer",
    "headers": "T3, RFC 9110 sections 5.2 and 5.3: every field, in order, with its case and its duplicates",
    "body": "T1, T3, RFC 9110 section 8.4: the bytes of the body as they were sent, all of them, not decoded",
    "trailers": "T3, RFC 9112 section 7.1.2: the trailer fields as they were sent",
    "informational": "T3, RFC 9110 section 15.2: every interim answer, apart from the final one",
    "wire": "T1, T2, RFC 9112 section 3: the request goes out once, and byte by byte as it was given",
    "an earlier request": "T3: an ordinary request is answered",
    "the next request": "T9, RFC 9112 section 9.3: what is left of one answer never reaches the next request",
    "close": "T10: close() returns, and raises nothing",
}
#: Where the error itself is in question, these follow from it.
_BESIDE_AN_ERROR: Final = ("phase", "delivery", "reused")

_MOST_LINES: Final = 16
_MOST_WIDTH: Final = 110


@dataclass(frozen=True)
class Exchanged:
    """The bytes of a transport's lane, one item for each of its connections, requests before and after included.

    Attributes:
        received: what the origin received, with ``origin.example`` for its own address.
        sent: what the origin sent; of much, the beginning.
    """

    received: tuple[bytes, ...]
    sent: tuple[bytes, ...]


@dataclass(frozen=True)
class Divergence:
    """The smallest exchange found in which two transports differ from one another or from the model.

    Attributes:
        kind: what goes wrong in it, one of ``intermodal.testing.strategies.KINDS``.
        exchange: the request, the answer and how that is sent.
        outcomes: what came of it, by the transport's name.
        expected: what must come of it, by the model.
        differences: field by field, what each transport has there and what the model expects.
        wrong: the transports that the model contradicts.
        exchanged: the bytes, by the transport's name.
        carried: how many exchanges went before the first that differed.
        repeated: whether it differed each time it was carried.

    ``str()`` explains it.
    """

    kind: str
    exchange: Exchange
    outcomes: Mapping[str, Outcome]
    expected: Expected
    differences: tuple[Difference, ...]
    wrong: tuple[str, ...]
    exchanged: Mapping[str, Exchanged]
    carried: int
    repeated: bool = True

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        one, other = self.outcomes
        verdict = f"{one} and {other} are both wrong" if len(self.wrong) > 1 else f"{self.wrong[0]} is wrong"
        yield f"{one} and {other}: {verdict}, after {self.carried} exchanges without a difference."
        if not self.repeated:
            yield "It did not differ each time it was carried."
        yield ""
        yield "The request, as it must go out:"
        yield from _bytes([self.exchange.ask.rendered(AUTHORITY)])
        yield from self._received()
        yield f"The answer{self._how()}:"
        yield from _bytes(segment for segment in self.exchange.segments if isinstance(segment, bytes))
        yield f"{_ENDS[self.exchange.then]}"
        for difference in self.differences:
            yield ""
            yield f"{difference.field}:"
            width = max(map(len, difference.shown))
            yield from (f"    {name:{width}}  {shown}" for name, shown in difference.shown.items())
            if rule := self._rule(difference.field):
                yield f"    by {rule}" if re.match(r"T\d", rule) else f"    since {rule}"
        for name, outcome in self.outcomes.items():
            if outcome.error is not None:
                yield ""
                yield f"{name} says: {outcome.error}: {outcome.message}"

    def _received(self) -> Iterator[str]:
        if any(difference.field == "wire" for difference in self.differences):
            for name, outcome in self.outcomes.items():
                for number, wire in enumerate(outcome.wire or (), 1):
                    yield f"What the origin received from {name}, on its connection {number}:"
                    yield from _bytes([wire])

    def _how(self) -> str:
        exchange = self.exchange
        words = [
            ", sent before the request was read" if exchange.early else "",
            ", on a connection that has served before" if exchange.warm else "",
            f", in {len(exchange.segments)} segments" if len(exchange.segments) > 1 else "",
        ]
        return "".join(words) if exchange.sent else " is nothing" + "".join(words[:2])

    def _rule(self, field: str) -> str:
        if field == "error":
            wanted = self.expected.outcome.error
            if all(
                (outcome.error or "").startswith(f"{wanted} (")
                for outcome in map(self.outcomes.get, self.wrong)
                if outcome
            ):
                return "T5: an error carries the request that it is about, and the transport's name"
            return self.expected.why
        if field == "connection":
            return self.expected.why_not
        if field in _BESIDE_AN_ERROR and any(each.field == "error" for each in self.differences):
            return ""
        return _RULES[field]


_ENDS: Final = {
    "keep": "and the connection stays open.",
    "fin": "and the server closes the connection (FIN).",
    "rst": "and the server resets the connection (RST).",
    "stall": "and nothing more comes.",
}


def _bytes(segments: Iterable[bytes]) -> Iterator[str]:
    """Show bytes line by line, segments apart."""
    for number, segment in enumerate(segments):
        if number:
            yield "    --"
        lines = segment.splitlines(keepends=True) or [b""]
        for line in lines[:_MOST_LINES]:
            shown = repr(line)[2:-1]
            more = f"... ({len(line):,} bytes)" if len(shown) > _MOST_WIDTH else ""
            yield f"    {shown[:_MOST_WIDTH]}{more}"
        if len(lines) > _MOST_LINES:
            yield f"    ... and {len(lines) - _MOST_LINES} lines more"
