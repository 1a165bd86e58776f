"""The cases: what is asked of each contestant, and the answer that alone counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.bodies import DOCUMENT, LARGE, MIDDLE, SMALL
from bench.jobs import Holding, Importing, Repeating, Sharing, Streaming, Tally, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.contestants.contestant import Contestant
    from bench.jobs import Job

THREADS = 8
IDLE = 100


@dataclass(frozen=True)
class Place:
    """Where a worker finds what it needs: bases of URLs, and files.

    Attributes:
        http: nginx.
        https: nginx over TLS.
        resuming: the same, but its sessions can be resumed.
        side: the server for what nginx cannot do.
        authorities: the certificate that https is trusted by.
        file: what is uploaded, and downloaded.
        small_file: the same of 10 kB.
        checksum: the CRC-32 of ``file``.
        cache: a folder for bytecode.
    """

    http: str
    https: str
    resuming: str
    side: str
    authorities: str
    file: str
    small_file: str
    checksum: int
    cache: str


@dataclass(frozen=True)
class Case:
    """One row of the benchmark.

    Attributes:
        name: what ``--case`` calls it.
        title: what the tables call it.
        job: makes the job of a contestant; NotImplementedError from a contestant that cannot do it.
        unit: what one sample is in: "µs", "ms" or "kB" (of memory, a connection).
        fresh: a process for each sample, a few samples only.
    """

    name: str
    title: str
    job: Callable[[Contestant, Place], Job]
    unit: str = "µs"
    fresh: bool = False


def _small_get(contestant: Contestant, place: Place) -> Job:
    return Repeating(contestant, contestant.get(f"{place.http}/small"), (200, SMALL))


def _middle_get(contestant: Contestant, place: Place) -> Job:
    return Repeating(contestant, contestant.get(f"{place.http}/middle"), (200, MIDDLE))


def _post(contestant: Contestant, place: Place) -> Job:
    return Repeating(contestant, contestant.post(f"{place.http}/post", DOCUMENT), (200, SMALL))


def _download(size: int) -> Callable[[Contestant, Place], Job]:
    def job(contestant: Contestant, place: Place) -> Job:
        tally = Tally((200, LARGE), place.checksum)
        warm = contestant.download(f"{place.http}/middle", size, lambda _: None)
        return Streaming(contestant, warm, contestant.download(f"{place.http}/large", size, tally.take), tally.check)

    return job


def _download_into(contestant: Contestant, place: Place) -> Job:
    tally, buffer = Tally((200, LARGE), place.checksum), bytearray(256 * 1024)
    warm = contestant.download_into(f"{place.http}/middle", buffer, lambda _: None)
    return Streaming(contestant, warm, contestant.download_into(f"{place.http}/large", buffer, tally.take), tally.check)


def _upload(contestant: Contestant, place: Place) -> Job:
    warm = contestant.upload(f"{place.side}/upload/small", place.small_file)
    return Streaming(contestant, warm, contestant.upload(f"{place.side}/upload", place.file), refuse, (200, SMALL))


def _connect(contestant: Contestant, place: Place) -> Job:
    return Repeating(contestant, contestant.get(f"{place.http}/once"), (200, SMALL))


def _connect_tls(contestant: Contestant, place: Place) -> Job:
    contestant.authorities = place.authorities
    return Repeating(contestant, contestant.get(f"{place.https}/once"), (200, SMALL))


def _resume_tls(contestant: Contestant, place: Place) -> Job:
    contestant.authorities = place.authorities
    return Repeating(contestant, contestant.get(f"{place.resuming}/once"), (200, SMALL))


def _threads(contestant: Contestant, place: Place) -> Job:
    return Sharing(contestant, contestant.get_in_threads(f"{place.http}/small", THREADS), (200, SMALL))


def _slots(contestant: Contestant, place: Place) -> Job:
    return Sharing(contestant, contestant.get_in_threads(f"{place.side}/late", THREADS), (200, SMALL))


def _import(contestant: Contestant, place: Place) -> Job:
    return Importing(contestant.statement, place.cache)


def _idle(contestant: Contestant, place: Place) -> Job:
    return Holding(contestant, place.side, IDLE)


CASES = (
    Case("small-get", "small GET, keep-alive", _small_get),
    Case("ten-kb-get", "10 kB GET, keep-alive", _middle_get),
    Case("post-json", "POST of 1 kB JSON, keep-alive", _post),
    Case("download-64k", "100 MB download, streamed in pieces of 64 KiB", _download(64 * 1024), "ms"),
    Case("download-256k", "100 MB download, streamed in pieces of 256 KiB", _download(256 * 1024), "ms"),
    Case("download-into", "100 MB download, read into one buffer of 256 KiB", _download_into, "ms"),
    Case("upload", "100 MB upload from a file", _upload, "ms"),
    Case("connect", "small GET, a new connection each time", _connect),
    Case("connect-tls", "small GET, a new TLS connection each time", _connect_tls),
    Case("tls-resumed", "small GET, a new TLS connection each time, sessions may be resumed", _resume_tls),
    Case("threads", f"small GET, {THREADS} threads on one client (time for one GET)", _threads),
    Case("slots", f"GET answered after 20 ms, {THREADS} threads on one client (time for one GET)", _slots),
    Case("import", "import", _import, "ms"),
    Case("idle", f"memory of an idle connection (of {IDLE})", _idle, "kB", fresh=True),
)

BY_NAME = {case.name: case for case in CASES}
