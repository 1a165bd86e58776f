"""Who called: a warning is about the line of whoever called this package, however deep inside it comes up."""

from __future__ import annotations

import sys


def callers_level() -> int:
    """Count the frames from whoever warns to whoever called this package, for ``stacklevel``."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "intermodal":
        level, frame = level + 1, frame.f_back
    return level
