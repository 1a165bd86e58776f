"""How much memory this process has and had, as the system counts it: allocators of C and Rust are seen as well."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def resident() -> int:
    """Give the bytes in memory now; where the system does not say, the most there ever were."""
    return _field("VmRSS") or _most_ever()


def reset_peak() -> None:
    """Forget the peak, where that can be done."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def peak() -> int:
    """Give the most bytes since the peak was reset; where it cannot be reset, since the process began."""
    return _field("VmHWM") or _most_ever()


def descriptors() -> int:
    """Give the number of open files, sockets among them."""
    return len(list(Path("/dev/fd").iterdir()))


def _field(name: str) -> int:
    if not _STATUS.exists():
        return 0
    text = _STATUS.read_text()
    return int(text.partition(f"{name}:")[2].split(None, 1)[0]) * 1024


def _most_ever() -> int:
    import resource  # noqa: PLC0415 - POSIX has it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
