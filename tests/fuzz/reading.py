"""How a case is fed to a reader, and what the reader made of it.

Only the public surface is used, in the order in which an exchange uses it: bytes are received, the head is asked for, then
the body until nothing more comes; by the shortcuts that an exchange takes, or without. Whatever else must hold at every step
is checked on the way; what does not is a Fault.
"""

from __future__ import annotations

import contextlib
import itertools
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import Disconnected, IncompleteBody, ProtocolError
from intermodal.h1 import usual

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fuzz.case import Case

OURS = (ProtocolError, IncompleteBody, Disconnected)

#: As much as an exchange asks for at once.
MUCH = 65536

#: The text of an error names what was found, and no more of it than fits on a few lines of a log.
LONGEST_TEXT = 500


class Fault(Exception):
    """The reader broke one of the laws; ``law`` tells which."""

    def __init__(self, law: str, text: str) -> None:
        super().__init__(f"{law}: {text}")
        self.law = law


class Outcome(NamedTuple):
    """What came of one reading."""

    head: tuple | None
    informational: tuple
    body: bytes
    trailers: tuple | None
    done: bool
    stays_open: bool
    reusable: bool
    rest: bytes
    error: str | None
    text: str


def cuts_of(case: Case) -> dict[str, list[bytes]]:
    """The same bytes cut in several ways; a long input is not cut at every byte."""
    data = case.data
    random = Random(case.cuts)
    size = len(data)
    ways = {}
    if size <= 500:
        ways["byte by byte"] = [data[at : at + 1] for at in range(size)]
    else:
        edges = [at + random.randint(0, 2) for at in range(min(size, 70_000)) if data[at] in b"\r\n"]
        places = random.sample(edges, min(len(edges), 40)) + [random.randint(0, size) for _ in range(20)]
        ways["cut at many places"] = cut(data, places)
    ways["cut at random"] = cut(data, [random.randint(0, size) for _ in range(random.choice((1, 1, 2, 5)))])
    return ways


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The pieces between the given places, none of them empty."""
    edges = sorted({0, len(data), *(min(place, len(data)) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def read(
    case: Case, pieces: list[bytes], make, random: Random | None = None, *, shortcuts: bool = False
) -> Outcome | None:
    """Feed the pieces to a reader of its own.

    Args:
        case: what the reader is told.
        pieces: the bytes of the case as they come.
        make: makes the reader.
        random: lets the reader be asked in an odd manner meanwhile.
        shortcuts: whether a usual head is read past the reader, and the bytes of a body come past it, as an exchange has
            it; there is no outcome where a mutant has no way to take them.

    Raises:
        Fault: something else than our errors escaped, or a law that holds at every step was broken.
    """
    try:
        reader = make(case.method, case.bounds, upgrade=case.upgrade, close=case.close)
        if shortcuts and not hasattr(reader, "begin"):
            return None
        return _read(case, pieces, reader, random, shortcuts=shortcuts)
    except Fault:
        raise
    except Exception as escaped:
        raise Fault("only our errors escape", repr(escaped)) from escaped


def _read(case: Case, pieces: list[bytes], reader, random: Random | None, *, shortcuts: bool) -> Outcome:
    body: list[bytes] = []
    head = error = None
    text = ""
    left = len(case.data)
    try:
        if random is not None:
            _asked_early(reader)
        for place, piece in enumerate(pieces):
            if shortcuts:
                left -= _receive(case, reader, piece, body, first=not place)
            else:
                reader.receive(piece)
            if random is not None and random.random() < 0.2:
                continue  # nobody asks yet
            if head is None and (head := reader.head()) is None:
                continue
            left = _take(reader, body, left, random)
        if case.end != "keep":
            reader.receive(b"", clean=case.end != "cut")
        if head is None:
            head = reader.head()
        if head is not None:
            _take(reader, body, left, random)
    except OURS as raised:
        error, text = type(raised).__name__, str(raised)
    done = reader.done
    outcome = Outcome(
        None if head is None else (head.status_code, head.reason, head.http_version, tuple(head.headers.pairs)),
        tuple((each.status_code, each.reason, tuple(each.headers.pairs)) for each in reader.informational),
        b"".join(body),
        None if reader.trailers is None else tuple(reader.trailers.pairs),
        done,
        reader.stays_open,
        reader.reusable,
        reader.rest() if done else b"",
        error,
        text,
    )
    if (outcome.trailers is not None) != done:
        raise Fault("trailers are there once the message is whole", f"done {done}, trailers {outcome.trailers}")
    if error is not None:
        _check_failed(reader, outcome)
    return outcome


def _receive(case: Case, reader, piece: bytes, body: list[bytes], *, first: bool) -> int:
    """Hand a piece over by the shortcuts; how many bytes of the body went past the reader."""
    if first:
        found = usual.usual_head(piece, case.method, case.bounds)
        if found is not None:
            reader.begin(piece, found)
        else:
            reader.receive(piece)
        return 0
    past = piece[: reader.direct]
    if past:
        reader.skip(len(past))
        body.append(past)
    if len(past) < len(piece):
        reader.receive(piece[len(past) :])
    return len(past)


def _take(reader, body: list[bytes], left: int, random: Random | None) -> int:
    """Take what of the body is there; how many bytes more can still come."""
    while True:
        n = MUCH if random is None else random.choice((1, 2, 3, 7, 100, MUCH))
        data = reader.take(n)
        if not data:
            return left
        left -= len(data)
        if left < 0 or len(data) > n:
            raise Fault("no more comes out than went in", f"take({n}) gave {len(data)} bytes, {left} too many")
        body.append(data)
        if random is not None and random.random() < 0.3:
            _ask(reader)


def _ask(reader) -> None:
    """Ask what may be asked at any time, and must change nothing."""
    done, reusable = reader.done, reader.reusable
    if reusable and not (done and reader.stays_open):
        raise Fault("only a whole message leaves a reusable connection", f"done {done}, stays_open {reader.stays_open}")
    if (reader.trailers is not None) != done:
        raise Fault("trailers are there once the message is whole", f"done {done}, trailers {reader.trailers}")


def _asked_early(reader) -> None:
    if reader.head() is not None or reader.take(1) or reader.done or reader.trailers is not None or reader.reusable:
        raise Fault("nothing comes of nothing", "there is a result before any byte")


def _check_failed(reader, outcome: Outcome) -> None:
    """Check what an error says and leaves, and that whoever asks on is told nothing but our errors."""
    text = outcome.text
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise Fault("an error text is short and printable", f"{len(text)} characters: {text!r:.200}")
    if outcome.reusable or outcome.done:
        raise Fault("a failed message is never whole", f"done {outcome.done}, reusable {outcome.reusable}: {text!r}")
    for ask in (reader.head, lambda: reader.take(1), lambda: reader.done, lambda: reader.trailers, reader.rest):
        with contextlib.suppress(*OURS):
            ask()
