"""The command line. It needs the extra ``cli`` (click and rich); this entry point works without, and says so."""

from __future__ import annotations

import sys

_NEEDED = ("click", "rich")


def main() -> int:
    """Run the command line; give the exit status, where click has not ended the process already."""
    try:
        from intermodal.cli.app import app  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        print(f'intermodal: the command line needs {error.name}: pip install "intermodal[cli]"', file=sys.stderr)
        return 2
    app(prog_name="intermodal")
    return 0
