"""A case: one thing that a clause of the contract demands, and how it is tried.

A case is a function of a :class:`~intermodal.conformance.stage.Stage`; its docstring names the clause, where the rule
stands, and what it proves. It fails by raising :class:`Failure`.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from intermodal.conformance.stage import Stage

__all__ = ["CLAUSES", "Case", "Chapter", "Failure"]

#: The clauses of the contract, in order; see :mod:`intermodal.protocol`.
CLAUSES: Final = {
    "T1": "One exchange",
    "T2": "Complete request",
    "T3": "Faithful response",
    "T4": "Declare or refuse",
    "T5": "Closed errors",
    "T6": "Delivery is true",
    "T7": "Time",
    "T8": "Streaming",
    "T9": "Malformed is an error",
    "T10": "Lifecycle",
    "T11": "Cancellation",
}

_DOCSTRING: Final = re.compile(r"(T[0-9]+)(?:, ([^:]+))?: (.+)", re.DOTALL)

Colour = Literal["sync", "async"]


class Failure(AssertionError):
    """What a case demands did not come.

    Attributes:
        expected: what should have come, in words.
        came: what came instead.
    """

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected = expected
        self.came = came


@dataclass(frozen=True)
class Case:
    """One case of the kit.

    Attributes:
        name: what it is called, unique within the kit.
        clause: the clause it belongs to, ``"T1"`` to ``"T11"``.
        source: where the rule stands, for example ``"RFC 9112 section 6.3"``; empty where the clause itself says it.
        proves: what it proves, in a sentence.
        play: tries it.
        needs: capabilities that the transport has to declare for it.
        without: capabilities of which the transport must not declare all: it shows their refusal.
        guarantee: guarantees that the transport has to declare for it.
        wire: whether it needs a server on a socket, beyond the reach of an application called in-process.
        limits: whether it opens the transport with limits of its own.
        colour: the one colour it is about; None for both.
    """

    name: str
    clause: str
    source: str
    proves: str
    play: Callable[[Stage], None]
    needs: Capability = Capability.NONE
    without: Capability = Capability.NONE
    guarantee: Guarantee = Guarantee.NONE
    wire: bool = True
    limits: bool = False
    colour: Colour | None = None

    def __str__(self) -> str:
        return f"{self.clause} {self.name}"


class Chapter:
    """The cases of one clause, in order; its two methods are decorators that add to them.

    >>> chapter = Chapter()
    >>> @chapter.case(wire=False)
    ... def the_status_is_told(stage):
    ...     '''T3, RFC 9112 section 4: the status is the server's.'''
    >>> @chapter.rows({"no reason": b"HTTP/1.1 200 ", "one": b"HTTP/1.1 200 OK"})
    ... def a_status_line(stage, line):
    ...     '''T3, RFC 9112 section 4: a status line with {row} is read.'''
    >>> [(str(case), case.source) for case in chapter][1:]
    [('T3 a status line: no reason', 'RFC 9112 section 4'), ('T3 a status line: one', 'RFC 9112 section 4')]
    >>> next(iter(chapter)).proves
    "the status is the server's"
    """

    def __init__(self) -> None:
        self._cases: list[Case] = []

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)

    def case(self, **conditions: Any) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
        """Add the decorated function as a case; keywords are the attributes ``needs`` to ``colour`` of a Case.

        Raises:
            ValueError: its docstring does not name a clause, or the name is taken.
        """

        def add(function: Callable[[Stage], None]) -> Callable[[Stage], None]:
            self._add(function, function, None, conditions)
            return function

        return add

    def rows(
        self, rows: Mapping[str, Any], **conditions: Any
    ) -> Callable[[Callable[[Stage, Any], None]], Callable[[Stage, Any], None]]:
        """Add the decorated function once for each row: called with the row's value, ``{row}`` in its docstring the name.

        Raises:
            ValueError: as for :meth:`case`.
        """

        def add(function: Callable[[Stage, Any], None]) -> Callable[[Stage, Any], None]:
            for row, value in rows.items():
                self._add(function, _with(function, value), row, conditions)
            return function

        return add

    def _add(
        self,
        function: Callable[..., None],
        play: Callable[[Stage], None],
        row: str | None,
        conditions: dict[str, Any],
    ) -> None:
        said = _DOCSTRING.fullmatch(inspect.getdoc(function) or "")
        if said is None or said[1] not in CLAUSES:
            raise ValueError(
                f"{function.__qualname__}: expected a docstring such as 'T2, RFC 9112 section 3.2: what it proves.'"
            )
        name = function.__name__.replace("_", " ").strip()
        proves = " ".join(said[3].split()).rstrip(".")
        if row is not None:
            name, proves = f"{name}: {row}", proves.replace("{row}", row)
        if any(known.name == name for known in self._cases):
            raise ValueError(f"two cases are called {name!r}")
        self._cases.append(Case(name, said[1], said[2] or "", proves, play, **conditions))


def _with(function: Callable[[Stage, Any], None], value: Any) -> Callable[[Stage], None]:
    return lambda stage: function(stage, value)
