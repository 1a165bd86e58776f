"""The terminal that all commands print on: its colours, its width, and how a time is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.text import Text

GOOD, ODD, NOTE, MINOR = "green", "bold red", "yellow", "dim"

#: Columns where there is no terminal that has a width.
_WIDTH = 120


def new_console() -> Console:
    """Make a console as wide as the terminal, or as ``COLUMNS`` says, or as wide as most lines need."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=_WIDTH)
    return console


def print_lines(console: Console, *lines: Text) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, soft_wrap=True)  # what is longer than the line is not for us to cut


def milliseconds(seconds: float | None) -> str:
    """Write a time, or a dash where there is none.

    >>> milliseconds(0.25)
    '250.0 ms'
    """
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
