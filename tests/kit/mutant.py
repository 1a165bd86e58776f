"""Mutants: deliberately broken variants of the code, and what has to catch each of them.

A mutant is a function that breaks the code through a ``MonkeyPatch``: a fault that HTTP clients have had, or one line
away from the code as it is. The corpus is worth what it catches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

EVERY = tuple(TRANSPORTS)

#: Those where nobody stands behind our reader and writer: in httpx, h11 closes what asks to be closed, and writes the
#: head that our adapter has given it.
OURS = ("socket", "requests", "urllib3")


@dataclass(frozen=True)
class Mutant:
    """One broken variant.

    Attributes:
        name: what it does wrong.
        breaks: puts it in place.
        caught_by: what fails with it, each by itself: rows of the corpus, cases of ``wire``, checks of
            ``h1.usual_heads``, or tests as ``module.function[parameters]``.
        seen: "rows" over transports, "reader" without I/O byte by byte, "wire", "heads", or "tests".
        over: the transports that are broken by it; it is caught on each.
        shortcut: whether the usual head is read by the shortcut, past what the mutant breaks.
    """

    name: str
    breaks: Callable[[pytest.MonkeyPatch], None]
    caught_by: tuple[str, ...]
    seen: str = "rows"
    over: tuple[str, ...] = EVERY
    shortcut: bool = True


class Mutants(list):
    """The mutants of one module, in order."""

    def __init__(self, *, over=EVERY, shortcut=True):
        super().__init__()
        self._over = over
        self._shortcut = shortcut

    def __call__(self, name, *caught_by, seen="rows", over=None):
        """Add the decorated function as the mutant of that name."""

        def add(breaks):
            self.append(Mutant(name, breaks, caught_by, seen, over or self._over, self._shortcut))
            return breaks

        return add
