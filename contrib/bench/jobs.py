"""What a worker does with a contestant's operation: repeat it, share it among threads, hold connections, or import.

Every job does its work so many times and gives what one time took. What an operation gives back is compared with what the
server sent, each time: a fast wrong answer is no answer.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import socket
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from bench import memory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from bench.contestants.contestant import Contestant

    Runner: TypeAlias = Callable[[int], None]


class WrongAnswer(Exception):
    """What came back is not what the server sent."""


class Job(Protocol):
    """What a worker is made for."""

    def measure(self, times: int, /) -> dict[str, float]:
        """Do the work so many times; what one of them took, by the name of the figure."""


class Tally:
    """Counts a streamed body, and sums up the first one."""

    def __init__(self, expected: tuple[int, int], checksum: int) -> None:
        self._expected = expected
        self._checksum: int | None = checksum
        self._sum = 0
        self._size = 0

    def take(self, piece: Any) -> None:
        """Count a piece: bytes, or a view of a buffer."""
        self._size += len(piece)
        if self._checksum is not None:
            self._sum = zlib.crc32(piece, self._sum)

    def check(self, status: object) -> None:
        """Judge what was counted, and begin anew."""
        if (status, self._size) != self._expected:
            raise WrongAnswer(f"status {status}, {self._size} bytes: expected {self._expected}")
        if self._checksum not in {None, self._sum}:
            raise WrongAnswer("the body is as long as it should be, and another one")
        self._size, self._checksum = 0, None


def runner(
    contestant: Contestant, operation: Callable[[], Any], check: Callable[[Any], None], expected: object
) -> Runner:
    """Make what does an operation so many times; the loop is as short as it can be, and the same for all.

    ``check`` is called for every answer that is not ``expected``.
    """
    if inspect.iscoroutinefunction(operation):
        return lambda times: contestant.in_loop(_repeat_in_loop(operation, check, expected, times))

    def run(times: int) -> None:
        for _ in range(times):
            answer = operation()
            if answer != expected:
                check(answer)

    return run


async def _repeat_in_loop(
    operation: Callable[[], Awaitable[Any]], check: Callable[[Any], None], expected: object, times: int
) -> None:
    for _ in range(times):
        answer = await operation()
        if answer != expected:
            check(answer)


def refuse(answer: object) -> None:
    """Say that an answer is wrong."""
    raise WrongAnswer(f"{answer!r:.200}")


def timed(run: Runner, times: int) -> dict[str, float]:
    """Run; the seconds by the clock and those of the processor in all threads, for one operation."""
    gc.collect()
    processor, wall = time.process_time(), time.perf_counter()
    run(times)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"wall": wall / times, "cpu": processor / times}


class Repeating:
    """One small exchange after another over a connection that is kept, or not."""

    def __init__(self, contestant: Contestant, operation: Callable[[], Any], expected: object) -> None:
        self._run = runner(contestant, operation, refuse, expected)
        self._run(1)

    def measure(self, times: int, /) -> dict[str, float]:
        return timed(self._run, times)


class Streaming:
    """One large exchange after another; the growth of memory since before the first is told with each.

    What a first exchange imports and touches is no growth: ``warm``, the same with a small body, is done before.
    """

    def __init__(
        self,
        contestant: Contestant,
        warm: Callable[[], Any],
        operation: Callable[[], Any],
        check: Callable[[Any], None],
        expected: object = None,
    ) -> None:
        runner(contestant, warm, lambda _: None, None)(1)
        self._warm = warm  # kept, for what it gave up later would be taken for less growth
        self._run = runner(contestant, operation, check, expected)
        gc.collect()
        memory.reset_peak()
        self._before = memory.resident()
        self._run(1)

    def measure(self, times: int, /) -> dict[str, float]:
        return {**timed(self._run, times), "peak": memory.peak() - self._before}


class Sharing:
    """Small exchanges in several threads at once, or in several tasks, over one client."""

    def __init__(self, contestant: Contestant, operations: list[Callable[[], Any]], expected: object) -> None:
        self._contestant, self._operations, self._expected = contestant, operations, expected
        self._run(len(operations))

    def measure(self, times: int, /) -> dict[str, float]:
        times = max(1, times // len(self._operations)) * len(self._operations)
        return timed(self._run, times)

    def _run(self, times: int) -> None:
        each = times // len(self._operations)
        if inspect.iscoroutinefunction(self._operations[0]):
            self._contestant.in_loop(self._in_tasks(each))
        else:
            self._in_threads(each)

    async def _in_tasks(self, each: int) -> None:
        await asyncio.gather(*(_repeat_in_loop(one, refuse, self._expected, each) for one in self._operations))

    def _in_threads(self, each: int) -> None:
        with ThreadPoolExecutor(len(self._operations)) as threads:
            runs = [runner(self._contestant, one, refuse, self._expected) for one in self._operations]
            for future in [threads.submit(run, each) for run in runs]:
                future.result()


class Holding:
    """Connections that are open and idle: what one of them takes. The server holds their answers back until all are in use."""

    def __init__(self, contestant: Contestant, server: str, connections: int) -> None:
        self._contestant, self._server, self._connections = contestant, server, connections
        self._kept = [self._hold(1)]

    def _hold(self, connections: int) -> object:
        word = f"{os.getpid()}-{connections}"
        parts = urlsplit(self._server)

        def release() -> None:
            with socket.create_connection((parts.hostname or "", parts.port or 80)) as peer:
                peer.sendall(f"GET /release/{word} HTTP/1.1\r\n\r\n".encode())
                peer.recv(65536)

        return self._contestant.hold(f"{self._server}/held/{word}", connections, release)

    def measure(self, _times: int, /) -> dict[str, float]:
        gc.collect()
        files, before = memory.descriptors(), memory.resident()
        self._kept.append(self._hold(self._connections))
        gc.collect()
        grown = memory.resident() - before
        if memory.descriptors() - files < self._connections:
            raise WrongAnswer(f"only {memory.descriptors() - files} of {self._connections} connections were kept")
        return {"memory": grown / self._connections}


class Importing:
    """The import that a user of the library writes, in a new interpreter each time, from cached bytecode."""

    def __init__(self, statement: str, cache: str) -> None:
        self._program = (
            "import time; wall, cpu = time.perf_counter(), time.process_time(); "
            f"{statement}; print(time.perf_counter() - wall, time.process_time() - cpu)"
        )
        self._cache = cache
        self.measure(1)  # compiles

    def measure(self, times: int, /) -> dict[str, float]:
        walls, cpus = [], []
        left_out = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        environment["PYTHONPYCACHEPREFIX"] = self._cache  # the tree and the environment stay as they are
        for _ in range(times):
            done = subprocess.run(
                [sys.executable, "-c", self._program],
                env=environment,
                cwd=self._cache,
                check=True,
                capture_output=True,
                text=True,
            )
            wall, cpu = done.stdout.split()
            walls.append(float(wall))
            cpus.append(float(cpu))
        return {"wall": sum(walls) / times, "cpu": sum(cpus) / times}
