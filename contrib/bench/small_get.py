"""A small keep-alive GET over every transport, beside the bare library it borrows, in one interleaved run.

The server is a process of its own, pinned to another core where the system can do that. What is timed is the
whole ``client.get(url).content``. Machines are noisy: look at the ratios, which compare within each round.

    python contrib/bench/small_get.py [--rounds 15] [--requests 400]
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import requests
import urllib3

import intermodal

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = """
import socket, threading
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 5\\r\\nServer: bench\\r\\n\\r\\nhello"
def serve(peer):
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while peer.recv(65536):
            peer.sendall(ANSWER)
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def bare_loop(url: str) -> Callable[[], object]:
    """Make the least that can be done: one sendall, one recv, nothing understood."""
    parts = urlsplit(url)
    peer = socket.create_connection((parts.hostname or "", parts.port or 80))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()

    def get() -> object:
        peer.sendall(request)
        return peer.recv(65536)

    return get


def standard_library(url: str) -> Callable[[], object]:
    """Make a GET over http.client."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)

    def get() -> object:
        connection.request("GET", "/")
        return connection.getresponse().read()

    return get


def contestants(url: str) -> dict[str, Callable[[], object]]:
    """Give each way to fetch the URL by its name."""
    found: dict[str, Callable[[], object]] = {
        "bare sendall/recv": bare_loop(url),
        "http.client": standard_library(url),
    }
    session, pool, client = requests.Session(), urllib3.PoolManager(), httpx.Client()
    for name in ("socket", "requests", "urllib3", "httpx"):
        ours = intermodal.Client(name)
        found[f"intermodal/{name}"] = lambda ours=ours: ours.get(url).content  # type: ignore[misc]
    found["requests"] = lambda: session.get(url).content
    found["urllib3"] = lambda: pool.request("GET", url).data
    found["httpx"] = lambda: client.get(url).content
    return found


def measure(rounds: int, repeats: int, url: str) -> dict[str, list[float]]:
    """Time every contestant in turn, so many rounds; microseconds per request."""
    found = contestants(url)
    times: dict[str, list[float]] = {name: [] for name in found}
    for get in found.values():
        for _ in range(50):
            get()
    for _ in range(rounds):
        for name, get in found.items():
            began = time.perf_counter()
            for _ in range(repeats):
                get()
            times[name].append((time.perf_counter() - began) / repeats * 1e6)
    return times


def main() -> None:
    """Run the benchmark and print its table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--requests", type=int, default=400)
    given = arguments.parse_args()
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
            if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
                mine, theirs = sorted(os.sched_getaffinity(0))[:2]
                os.sched_setaffinity(0, {mine})
                os.sched_setaffinity(server.pid, {theirs})
            times = measure(given.rounds, given.requests, url)
        finally:
            server.kill()
    print(f"{'':22}{'median µs':>12}{'× bare loop':>13}{'× its library':>15}")
    for name, samples in times.items():
        library = times.get(name.removeprefix("intermodal/")) if name.startswith("intermodal/") else None
        print(
            f"{name:22}{statistics.median(samples):12.1f}{ratio(samples, times['bare sendall/recv']):>13}"
            f"{'' if library is None else ratio(samples, library):>15}"
        )


def ratio(one: list[float], other: list[float]) -> str:
    """Give the median of the ratios, round by round."""
    return f"{statistics.median(a / b for a, b in zip(one, other, strict=True)):.2f}"


if __name__ == "__main__":
    main()
