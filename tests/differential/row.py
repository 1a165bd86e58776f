"""A row of the table: one or several calls that both libraries make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from differential.world import Talk


@dataclass(frozen=True)
class Fresh:
    """A value that is made anew for each run: what can be used once, or is another object in each library."""

    make: Callable[[Talk], Any]


@dataclass(frozen=True)
class Row:
    """What is done, under a name."""

    name: str
    do: Callable[[Talk], object]

    def __repr__(self) -> str:
        return f"<Row {self.name}>"


class Table:
    """Rows in the making."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def call(
        self,
        name: str,
        method: str,
        url: str | bytes,
        *,
        session: dict[str, Any] | None = None,
        script: tuple[bytes, ...] = (),
        **keywords: Any,
    ) -> None:
        """Add a row of one call; ``session``: the settings of the session, ``script``: what the server answers."""

        def do(talk: Talk) -> None:
            talk.play(*script)
            if session is not None:
                talk.open(**{key: talk.made(value) for key, value in session.items()})
            talk(method, url, **keywords)

        self.rows.append(Row(name, do))

    def row(self, name: str) -> Callable[[Any], Any]:
        """Add a row that is a function of its own."""

        def add(function: Callable[[Talk], object]) -> Callable[[Talk], object]:
            self.rows.append(Row(name, function))
            return function

        return add


def answer(status: int | str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of an answer, for a script; ``status`` with its reason, unless that is to be 'Said'."""
    line = f"{status} Said" if isinstance(status, int) else status
    fields = [*headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([f"HTTP/1.1 {line}", *fields, "", ""]).encode("latin-1") + body
