"""The workers as the benchmark sees them: started, asked, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from bench.cases import Case, Place
    from bench.contestants import Entry

CONTRIB = Path(__file__).resolve().parents[1]
PATIENCE = 60.0

#: Settings that would send a contestant elsewhere, or have it trust others.
_FOREIGN = ("_proxy", "_ca_bundle", "ssl_cert_file", "ssl_cert_dir", "pythonpath", "intermodal_transport")


class Failed(Exception):
    """A worker ended before its time; what it had to say is on stderr."""


def environment() -> dict[str, str]:
    """Give the environment of a process of the benchmark."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith(_FOREIGN)}
    return {**kept, "PYTHONPATH": str(CONTRIB)}


def interpreter(entry: Entry) -> str:
    """Give the Python that has the contestant's library."""
    return sys.executable if entry.environment is None else str(Path(sys.prefix, entry.environment, "bin", "python"))


class Worker:
    """One contestant in one case, in a process of its own; it has PATIENCE seconds for each answer."""

    def __init__(self, entry: Entry, case: Case, place: Place, core: int | None) -> None:
        self.name = entry.name
        where = "-" if core is None else str(core)
        self._process = subprocess.Popen(
            [interpreter(entry), "-m", "bench.worker", entry.name, case.name, where, json.dumps(asdict(place))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment(),
        )

    def answer(self) -> dict[str, Any]:
        """Wait for the next answer.

        Raises:
            Failed: the process ended, or had to be.
        """
        assert self._process.stdout is not None
        impatience = threading.Timer(PATIENCE, self._process.kill)
        impatience.start()
        try:
            line = self._process.stdout.readline()
        finally:
            impatience.cancel()
        if not line:
            raise Failed(f"{self.name} ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def measure(self, times: int) -> dict[str, Any]:
        """Have it do its job so many times; what one of them took."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{times}\n")
        except OSError as error:
            raise Failed(f"{self.name} is gone: {error}") from error
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
