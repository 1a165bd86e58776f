"""What came of an exchange, as a plain value, and how the values of several transports differ.

Laws:

- Everything the contract speaks of is compared (T2, T3, T5, T6): the head, the undecoded body, trailers, interim
  answers, the error with its phase and delivery, and the bytes the server received.
- Two things alone are allowed to differ. Where a clock ends an exchange, or a server answers an upload early, how far
  it had come is luck: what came less far must be the beginning of what came furthest. And where a transport does not
  declare a guarantee, it may leave open what that guarantee is about (None, nothing, maybe_sent), but not say
  something else.
- Where one transport had no head, or came to no end, its error says so; it is not compared again field by field.
- An exchange ends, whatever a transport does: one that does not is given up.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from intermodal.errors import Error, TransportError
from intermodal.protocol import Guarantee

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from intermodal.errors import Delivery, Phase
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import Response
    from intermodal.protocol import Transport

__all__ = ["COMPARED", "MOST_BODY", "NO_END", "Difference", "Outcome", "carry", "carry_here", "differences"]

#: Of a longer body so many bytes are read and compared.
MOST_BODY: Final = 16 << 20

#: Stands for the error where an exchange was given up, or its body was not read further.
NO_END: Final = "NoEnd"

_CHUNK: Final = 65536
_SHOWN: Final = 60

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """A response with its whole undecoded body, or an error with what came before it.

    Attributes:
        error: the name of the error's class, or None; ``(of another request)`` behind it where its ``request`` is not
            the one that was sent, ``(of another transport)`` likewise.
        reused: what the error says of its connection: whether that had served before. None where there is no error.
        wire: the bytes that the server received, one item for each connection they came on; None: not seen.
        message: what the error says; for people, not compared.
        seconds: from sending to the end of the body; not compared.
    """

    status: int | None = None
    reason: str | None = None
    version: str | None = None
    headers: Pairs | None = None
    body: bytes = b""
    trailers: Pairs | None = None
    informational: tuple[tuple[int, str, Pairs], ...] = ()
    error: str | None = None
    phase: Phase | None = None
    delivery: Delivery | None = None
    reused: bool | None = None
    wire: tuple[bytes, ...] | None = None
    message: str = field(default="", compare=False)
    seconds: float = field(default=0.0, compare=False)


#: The fields of an Outcome that are compared, in this order.
COMPARED: Final = (
    "error",
    "phase",
    "delivery",
    "reused",
    "status",
    "reason",
    "version",
    "headers",
    "body",
    "trailers",
    "informational",
    "wire",
)


# --- from a transport to an Outcome -----------------------------------------------------------------------------------


def carry(transport: Transport, request: Request, options: Options, seconds: float) -> Outcome:
    """Carry one exchange to its end and say what came of it; whatever is raised is part of that.

    It is given up a little after ``seconds``, whatever the transport makes of its timeouts.
    """
    outcomes: list[Outcome] = []

    def run() -> None:
        outcomes.append(carry_here(transport, request, options, seconds))

    # A thread, for nothing else gets back out of a transport that waits for ever.
    thread = threading.Thread(target=run, name="exchange", daemon=True)
    thread.start()
    thread.join(seconds * 1.25)
    if outcomes:
        return outcomes[0]
    return Outcome(error=NO_END, message=f"given up after {seconds * 1.25:g} s", seconds=seconds)


def carry_here(transport: Transport, request: Request, options: Options, seconds: float) -> Outcome:
    """Do the same in this thread: a body without an end is given up, but not a transport that waits for ever."""
    ends = time.monotonic() + seconds
    seen: dict[str, Any] = {}
    body = bytearray()
    started = time.perf_counter()
    try:
        with transport.send(request, options) as response:
            seen = _head(response)
            while piece := response.raw.read(_CHUNK):
                body += piece
                if len(body) >= MOST_BODY or time.monotonic() > ends:
                    seen |= {"error": NO_END, "phase": "body", "message": f"not read beyond {len(body)} bytes"}
                    break
            seen["trailers"] = None if response.trailers is None else response.trailers.pairs
    except Error as error:
        seen |= {"error": _named(error, transport, request), "phase": error.phase, "delivery": error.delivery}
        seen |= {"reused": error.reused, "message": str(error)}
    except BaseException as error:  # noqa: BLE001 - a transport that lets anything else out is to be shown, not obeyed
        seen |= {"error": type(error).__name__, "message": f"no intermodal error: {error!r:.200}"}
    return Outcome(**seen, body=bytes(body[:MOST_BODY]), seconds=time.perf_counter() - started)


def _named(error: Error, transport: Transport, request: Request) -> str:
    """Name the class of an error, and where it is about an exchange, what T5 wants of it and is not there."""
    name = type(error).__name__
    if isinstance(error, TransportError):
        if error.request is not request:
            name += " (of another request)"
        if error.transport != transport.info.name:
            name += " (of another transport)"
    return name


def _head(response: Response) -> dict[str, Any]:
    return {
        "status": response.status_code,
        "reason": response.reason,
        "version": response.http_version,
        "headers": response.headers.pairs,
        "informational": tuple((each.status_code, each.reason, each.headers.pairs) for each in response.informational),
    }


# --- from Outcomes to their differences -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One field of an outcome in which transports differ.

    Attributes:
        field: its name, one of COMPARED.
        shown: what each transport has there, by name, shortened to where they part.
        odd: the transports that are not with the most.
    """

    field: str
    shown: Mapping[str, str]
    odd: tuple[str, ...]


def differences(
    outcomes: Mapping[str, Outcome],
    guarantees: Mapping[str, Guarantee],
    *,
    early: bool = False,
    settled: bool = False,
) -> tuple[Difference, ...]:
    """Compare what came of the same exchange over several transports.

    Args:
        outcomes: what came of it, by the transport's name.
        guarantees: what each transport guarantees; one that is not among them guarantees all.
        early: whether the server answered before it had read the request.
        settled: whether all that the server sends had come before the last wait began, so that a timeout leaves nothing
            to luck (T7: what was received is delivered before the error).

    >>> one = Outcome(200, "OK", "HTTP/1.1", (("A", "1"), ("B", "2")))
    >>> two = Outcome(200, "OK", "HTTP/1.1", (("A", "1"), ("b", "2")))
    >>> differences({"x": one, "y": one, "z": two}, {})
    (Difference(field='headers', shown={'x': "'B: 2'", 'y': "'B: 2'", 'z': "'b: 2'"}, odd=('z',)),)
    """
    found = (_difference(name, outcomes, guarantees, early=early, settled=settled) for name in COMPARED)
    return tuple(each for each in found if each is not None)


def _difference(
    field: str,
    outcomes: Mapping[str, Outcome],
    guarantees: Mapping[str, Guarantee],
    *,
    early: bool,
    settled: bool,
) -> Difference | None:
    values: dict[str, Any] = {
        name: getattr(outcome, field)
        for name, outcome in outcomes.items()
        if not _left_open(field, outcome, guarantees.get(name, ~Guarantee.NONE))
    }
    if field == "body" and not settled and any(_ended_by_a_clock(outcome) for outcome in outcomes.values()):
        values = _furthest(values)
    elif field == "wire" and early and all(value is not None and len(value) == 1 for value in values.values()):
        values = _furthest({name: value[0] for name, value in values.items()})
        values = {name: (value,) for name, value in values.items()}
    if len(set(values.values())) < 2:
        return None
    usual = Counter(values.values()).most_common(1)[0][0]
    shown = dict(zip(values, _shown(field, list(values.values())), strict=True))
    return Difference(field, shown, tuple(name for name, value in values.items() if value != usual))


def _left_open(field: str, outcome: Outcome, guarantees: Guarantee) -> bool:
    """Whether nothing is said here: there was no head or no end to say it of, or it was never promised."""
    value = getattr(outcome, field)
    if field in ("reason", "version", "headers"):
        return outcome.status is None
    if field == "trailers":
        return outcome.error is not None or (value is None and Guarantee.TRAILERS not in guarantees)
    if field == "informational":
        return outcome.status is None or (value == () and Guarantee.INFORMATIONAL not in guarantees)
    if field == "reused":
        return value is None or (value is False and Guarantee.DELIVERY not in guarantees)
    return field == "delivery" and value == "maybe_sent" and Guarantee.DELIVERY not in guarantees


def _ended_by_a_clock(outcome: Outcome) -> bool:
    return outcome.error is not None and ("Timeout" in outcome.error or outcome.error == NO_END)


def _furthest(values: Mapping[str, bytes]) -> dict[str, Any]:
    """Take each value for the longest, if it is the beginning of that."""
    longest = max(values.values(), key=len, default=b"")
    return {name: longest if longest.startswith(value) else value for name, value in values.items()}


def _shown(field: str, values: Sequence[Any]) -> list[str]:
    """Show each value, shortened to where they part."""
    if field == "body":
        at = _agreement(values)
        return [f"{len(value):,} bytes, at {at:,}: {value[at:][:_SHOWN]!r}" for value in values]
    if field == "wire":
        return _shown_wire(values)
    if field in ("headers", "trailers", "informational"):
        at = _agreement([value or () for value in values])
        return [_shown_item(value, at) for value in values]
    return ["none" if value is None else repr(value) if field == "reason" else str(value) for value in values]


def _shown_item(items: Sequence[Any] | None, at: int) -> str:
    if items is None:
        return "none"
    if at >= len(items):
        return f"nothing after the {len(items)} in common" if items else "empty"
    item = items[at]
    return _short(f"{item[0]}: {item[1]}" if len(item) == 2 else f"{item[0]} {item[1]} {dict(item[2])}")


def _shown_wire(values: Sequence[tuple[bytes, ...] | None]) -> list[str]:
    counts = {None if value is None else len(value) for value in values}
    if len(counts) > 1 or counts == {None}:
        return [_count(value) for value in values]
    wires = [b"\0".join(value or ()).split(b"\n") for value in values]
    at = _agreement(wires)
    lines = [lines[at] + b"\n" * (at < len(lines) - 1) if at < len(lines) else None for lines in wires]
    start = max(_agreement([line for line in lines if line is not None]) - _SHOWN // 2, 0)
    before = "..." if start else ""
    return [
        f"line {at + 1}: " + ("missing" if line is None else before + _short(line[start:].decode("latin-1")))
        for line in lines
    ]


def _count(wire: tuple[bytes, ...] | None) -> str:
    if wire is None:
        return "not seen"
    size = f"{sum(map(len, wire)):,} bytes"
    return f"{size} on {len(wire)} connections" if len(wire) > 1 else size if wire else "nothing was sent"


def _agreement(values: Sequence[Sequence[Hashable]]) -> int:
    """How many items the values have in common from their start."""
    count = 0
    for items in _columns(values):
        if len(set(items)) > 1:
            break
        count += 1
    return count


def _columns(values: Sequence[Sequence[Hashable]]) -> Iterable[tuple[Hashable, ...]]:
    return zip(*values, strict=False)


def _short(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
