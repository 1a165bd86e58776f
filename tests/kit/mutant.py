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
        caught_by: the rows of the corpus, or the cases of ``wire``, each of which fails with it.
        seen: "rows" over transports, "reader" without I/O byte by byte, or "wire".
        over: the transports that are broken by it; it is caught on each.
    """

    name: str
    breaks: Callable[[pytest.MonkeyPatch], None]
    caught_by: tuple[str, ...]
    seen: str = "rows"
    over: tuple[str, ...] = EVERY


class Mutants(list):
    """The mutants of one module, in order."""

    def __call__(self, name, *caught_by, seen="rows", over=EVERY):
        """Add the decorated function as the mutant of that name."""

        def add(breaks):
            self.append(Mutant(name, breaks, caught_by, seen, over))
            return breaks

        return add
