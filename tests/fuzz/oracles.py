"""What must hold for any input; ``check`` tries it all on one case and tells what the case had in it."""

from __future__ import annotations

import ast
import contextlib
import re
import signal
import threading
from random import Random
from typing import TYPE_CHECKING

from fuzz.case import BOUNDS
from fuzz.differences import Unlisted, explained
from fuzz.judges import JUDGES, ours, told
from fuzz.reading import Fault, Outcome, cuts_of, read

from intermodal.h1 import usual
from intermodal.h1.exchange import ResponseReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzz.case import Case

#: No input takes a thousandth of this, in seconds of work; other work on the machine does not count.
PATIENCE = 2.0


def check(case: Case, make=ResponseReader, patience: float = PATIENCE) -> list[str]:
    """Check one case; what was seen in it, for the statistics.

    Raises:
        Fault: a law was broken.
    """
    with _coming_to_an_end(patience):
        whole = read(case, [case.data] if case.data else [], make)
        _check_limits(case, whole)
        for way, pieces in cuts_of(case).items():
            # In one of the ways the reader is also asked in an odd manner.
            odd = Random(case.cuts) if way == "cut at random" else None
            _compare(way, read(case, pieces, make, odd), whole)
            _compare(f"{way}, by shortcuts", read(case, pieces, make, shortcuts=True), whole)
        _compare("whole, by shortcuts", read(case, [case.data] if case.data else [], make, shortcuts=True), whole)
        seen = [f"made by: {step}" for step in case.made] + _seen(case, whole)
        for reader in JUDGES:
            asked = told(case, reader)
            try:
                titles = explained(asked, reader, make, ours(asked, make, whole if asked == case else None))
            except Unlisted as unlisted:
                raise Fault("every difference is listed", str(unlisted)) from unlisted
            seen += [f"{reader} differs: {title}" for title in dict.fromkeys(titles)]
    return seen


@contextlib.contextmanager
def _coming_to_an_end(seconds: float) -> Iterator[None]:
    """Break off what works for too long, where the platform has a clock for that."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield  # the test's own timeout has to do
        return

    def enough(*_):
        raise Fault("every input comes to an end", f"still at work after {seconds} s")

    before = signal.signal(signal.SIGVTALRM, enough)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _check_limits(case: Case, outcome: Outcome) -> None:
    """Check that what was taken is within the limits: in number exactly, in size by what it must have taken at least."""
    head_bytes, fields, interim, _ = case.limits
    if len(outcome.informational) > interim:
        raise Fault("limits hold", f"{len(outcome.informational)} interim responses, of {interim}")
    sections = [each[-1] for each in outcome.informational]
    sections += [outcome.head[-1]] if outcome.head else []
    sections += [outcome.trailers] if outcome.trailers else []
    for pairs in sections:
        size = sum(len(name) + len(value) + 2 for name, value in pairs) + 1  # a colon and LF for each, and a last LF
        if len(pairs) > fields or size > head_bytes:
            raise Fault("limits hold", f"{len(pairs)} fields of {size} bytes, where {case.limits} is allowed")


# --- any cut gives the same -------------------------------------------------------------------------------------------

_QUOTE = re.compile(r"""b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*\"""")


def _compare(way: str, outcome: Outcome | None, whole: Outcome) -> None:
    if outcome is not None and not _same(outcome, whole):
        raise Fault("any cut gives the same", f"{way}: {_differing(outcome, whole)}")


def _same(one: Outcome, other: Outcome) -> bool:
    return one == other or (one._replace(text="") == other._replace(text="") and _same_text(one.text, other.text))


def _same_text(one: str, other: str) -> bool:
    """Whether two texts are the same, but for how much they show of the offending bytes.

    What can become no answer is refused as soon as it shows, and the text shows as much of it as has come by then.
    """
    first, second = _QUOTE.search(one), _QUOTE.search(other)
    if not first or not second:
        return False
    if one[: first.start()] + one[first.end() :] != other[: second.start()] + other[second.end() :]:
        return False
    shorter, longer = sorted((_shown(first), _shown(second)), key=len)
    return type(shorter) is type(longer) and bool(shorter) and longer.startswith(shorter)


def _shown(quote: re.Match[str]) -> str | bytes:
    value = ast.literal_eval(quote[0])  # which quotation marks repr takes hangs on what is between them
    return value.removesuffix("..." if isinstance(value, str) else b"...")


def _differing(one: Outcome, other: Outcome) -> str:
    pairs = zip(Outcome._fields, one, other, strict=True)
    return "; ".join(f"{name} {a!r}, but whole {b!r}" for name, a, b in pairs if a != b)[:2000]


# --- statistics -------------------------------------------------------------------------------------------------------


def _seen(case: Case, outcome: Outcome) -> list[str]:
    if outcome.error:
        kind = re.split("['\"]", re.sub(r"[0-9]+", "N", _QUOTE.sub("...", outcome.text)))[0]
        seen = [f"error: {outcome.error}: {kind[:60]}"]
        return seen + [f"limit reached: {name}" for name in BOUNDS if f"(Limits.{name})" in outcome.text]
    if not outcome.done:
        return ["waits for more"]
    status, _, version, headers = outcome.head
    names = {name.lower() for name, _ in headers}
    if status == 101:
        how = "by leaving HTTP"
    elif case.method == "HEAD" or status in (204, 304):
        how = "at its head"
    elif "transfer-encoding" in names:
        how = "with its last chunk"
    else:
        how = "by its length" if "content-length" in names else "with the connection"
    seen = [f"answer ends {how}", f"answer of {version}"]
    seen += ["answer after interim ones"] if outcome.informational else []
    seen += ["answer with trailers"] if outcome.trailers else []
    seen += ["answer with a body"] if outcome.body else []
    seen += ["bytes beyond the answer"] if outcome.rest else []
    seen += ["connection serves again"] if outcome.reusable else []
    seen += ["head read by the shortcut"] if usual.usual_head(case.data, case.method, case.bounds) else []
    return seen
