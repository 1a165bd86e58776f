"""Run the benchmark: ``python contrib/bench``, from any directory."""

import signal
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the folder that holds the package, not the package

from bench.command import main  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are ended then too
    sys.exit(main())
