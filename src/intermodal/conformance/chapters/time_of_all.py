"""T7, of uploads, of the wait for a slot, and of ``total``, which nobody outlives."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.time import DONE, ended_in_time
from intermodal.conformance.chapters.written import CHUNKED_HEAD, OK, with_length
from intermodal.conformance.stage import BRIEF, Came
from intermodal.errors import PoolTimeout, Timeout, TotalTimeout, WriteTimeout
from intermodal.model.options import Limits, Proxy
from intermodal.protocol import Capability
from intermodal.testing.origin import Drip, Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.conformance.stage import Stage
    from intermodal.model.options import Options

CHAPTER = Chapter()

#: What holds its connection, as it does not end.
_HELD = with_length(9) + b"hello"

_MEBIBYTE = 1 << 20


def _much(mebibytes: int) -> Iterator[bytes]:
    piece = b"x" * 65536
    for _ in range(16 * mebibytes):
        yield piece


# --- write --------------------------------------------------------------------------------------------------------------


@CHAPTER.rows({"in pieces": True, "in one": False}, needs=Capability.WRITE_TIMEOUT | Capability.STREAM_REQUEST)
def write_bounds_a_standstill(stage: Stage, pieces: bool) -> None:
    """T7: a server that does not read an upload, given {row}, is a WriteTimeout after ``write``."""
    stage.play(Stall(), at="head")
    body = _much(40) if pieces else b"x" * (40 * _MEBIBYTE)
    came = stage.carry(stage.request("POST", "/", body=body), stage.options(write=BRIEF))
    ended_in_time(stage, came, BRIEF, WriteTimeout, phase="send", delivery="maybe_sent")
    stage.works("an upload that stood still")


@contextlib.contextmanager
def _slow_reader(mebibytes: int, pause: float) -> Iterator[str]:
    """A server that reads an upload a mebibyte at a time, with a pause before each, and then answers."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                left = mebibytes * _MEBIBYTE
                while left > 0:
                    time.sleep(pause)
                    wanted = min(left, _MEBIBYTE)
                    while wanted > 0 and (data := connection.recv(min(wanted, 65536))):
                        wanted -= len(data)
                        left -= len(data)
                    if wanted > 0:
                        return
                connection.sendall(DONE)
                connection.settimeout(2)
                while connection.recv(65536):
                    pass

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # what waits there is not waited for
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(5)
        thread = threading.Thread(target=serve, name="slow reader", daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@CHAPTER.case(needs=Capability.WRITE_TIMEOUT)
def write_bounds_each_wait_alone(stage: Stage) -> None:
    """T7: a server that reads slowly but steadily is sent an upload to its end, for longer than ``write``."""
    with _slow_reader(20, 0.03) as base:
        request = stage.request("PUT", "/", body=b"x" * (20 * _MEBIBYTE), base=base)
        came = stage.carry(request, stage.options(write=0.4))
    stage.answered(came, 200, b"ok")
    stage.demand(came.seconds > 0.5, "an upload that took longer than write", str(came))


# --- pool ---------------------------------------------------------------------------------------------------------------


@CHAPTER.rows(
    {"in all": {"connections": 1}, "for each origin": {"per_origin": 1}}, needs=Capability.POOL_TIMEOUT, limits=True
)
def pool_bounds_the_wait_for_a_slot(stage: Stage, limits: dict[str, int]) -> None:
    """T7: where one connection is allowed {row} and in use, the next request is a PoolTimeout after ``pool``."""
    stage.open(Limits(**limits))
    stage.play(_HELD)
    held = stage.send()
    came = stage.carry(stage.request("GET", "/second"), stage.options(pool=BRIEF))
    ended_in_time(stage, came, BRIEF, PoolTimeout, phase="pool", delivery="not_sent")
    stage.same("the number of requests", len(stage.received), 1)
    held.close()
    stage.works("a wait for a slot")


@CHAPTER.case(needs=Capability.POOL_TIMEOUT, limits=True)
def a_slot_that_becomes_free(stage: Stage) -> None:
    """T7: a slot is waited for, with ``pool`` and without, and neither ``connect`` nor ``read`` bounds that wait."""
    stage.open(Limits(connections=1))
    stage.play(_HELD)
    held = stage.send()
    free = threading.Timer(0.25, held.close)
    free.start()

    def carry(pool: float | None) -> Came:
        return stage.carry(stage.request("GET", "/get"), stage.options(connect=0.1, read=0.1, pool=pool))

    for came in stage.together(lambda: carry(5.0), lambda: carry(None)):
        assert isinstance(came, Came)
        stage.answered(came, 200)
        stage.demand(came.seconds >= 0.2, "an answer once the slot was free", str(came))
    free.join()


# --- total --------------------------------------------------------------------------------------------------------------

_INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"

#: What comes for ever, none of it later than ``read`` allows.
_ENDLESS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "says nothing": ((Stall(),), "wait"),
    "drips its status line": ((Drip(b"HTTP/1.1 200 " + b"O" * 900, 0.01),), "head"),
    "drips its fields": ((OK, Drip(b"X-A: " + b"a" * 900, 0.01)), "head"),
    "says 103 for ever": ((Drip(_INTERIM * 60, 0.004),), "head"),
    "drips a body of a length": ((with_length(999), Drip(b"a" * 900, 0.01)), "body"),
    "drips chunks": ((CHUNKED_HEAD, Drip(b"1\r\na\r\n" * 150, 0.01)), "body"),
    "drips a chunk size": ((CHUNKED_HEAD + b"5\r\nhello\r\n", Drip(b"0" * 900, 0.01)), "body"),
    "drips the extension of a chunk": ((CHUNKED_HEAD + b"5;", Drip(b"a" * 900, 0.01)), "body"),
    "drips trailers": ((CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nX-T: ", Drip(b"a" * 900, 0.01)), "body"),
    "drips until it closes": ((OK + b"Connection: close\r\n\r\n", Drip(b"a" * 900, 0.01)), "body"),
    "stops in the body": ((_HELD, Stall()), "body"),
}


@CHAPTER.rows(_ENDLESS, needs=Capability.TOTAL_TIMEOUT)
def total_is_not_outlived_by_who(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T7: a server that {row} is a TotalTimeout after ``total``, and what had come of a body is given before it."""
    steps, phase = row
    play = stage.play(*steps)
    came = stage.carry(options=stage.options(total=BRIEF))
    delivery = "maybe_sent" if phase == "wait" else "sent"
    phases = ("wait", "head") if steps == _ENDLESS["says 103 for ever"][0] else (phase,)
    ended_in_time(stage, came, BRIEF, TotalTimeout, phase=phases, delivery=delivery)
    sent = stage.connections[0].sent.partition(b"\r\n\r\n")[2]
    if phase == "body" and b"chunked" not in stage.connections[0].sent:
        stage.demand(came.body and sent.startswith(came.body), "the beginning of the body", came)
    elif b"5\r\nhello" in sent:
        stage.same("the bytes before the error", came.body, b"hello")
    stage.until(play.finished.is_set, "the end of the connection of an exchange that took too long")
    stage.works("an exchange that took too long")


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT | Capability.STREAM_REQUEST)
def total_bounds_an_upload(stage: Stage) -> None:
    """T7: an upload that the server does not read is a TotalTimeout after ``total``, without ``write`` too."""
    stage.play(Stall(), at="head")
    came = stage.carry(stage.request("POST", "/", body=_much(40)), stage.options(total=BRIEF))
    ended_in_time(stage, came, BRIEF, TotalTimeout, phase="send", delivery="maybe_sent")
    stage.works("an upload that took too long")


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT | Capability.STREAM_REQUEST)
def total_bounds_a_slow_caller(stage: Stage) -> None:
    """T7: a body of the caller's that comes a piece at a time, for ever, is a TotalTimeout after ``total``."""

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.02)
            yield b"x"

    came = stage.carry(stage.request("POST", "/", body=pieces()), stage.options(total=BRIEF))
    ended_in_time(stage, came, BRIEF, TotalTimeout, phase="send", delivery="maybe_sent")


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT, limits=True)
def total_bounds_the_wait_for_a_slot(stage: Stage) -> None:
    """T7: the wait for a connection that does not become free is a TotalTimeout after ``total``."""
    stage.open(Limits(connections=1))
    stage.play(_HELD)
    held = stage.send()
    came = stage.carry(options=stage.options(total=BRIEF))
    ended_in_time(stage, came, BRIEF, TotalTimeout, phase="pool", delivery="not_sent")
    held.close()
    stage.works("a wait for a slot")


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT | Capability.HTTPS)
def total_bounds_the_handshake(stage: Stage) -> None:
    """T7: a TLS handshake that is not answered is a TotalTimeout after ``total``, where ``connect`` is longer."""
    stage.play(Stall(), at="connect")
    request = stage.request("GET", "/", base=stage.origin.url.replace("http://", "https://"))
    came = stage.carry(request, stage.options(total=BRIEF))
    ended_in_time(stage, came, BRIEF, TotalTimeout, phase="tls", delivery="not_sent")


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT | Capability.CONNECT_PROXY)
def total_bounds_the_tunnel(stage: Stage) -> None:
    """T7: a CONNECT that is not answered is a TotalTimeout after ``total``."""
    stage.play(Stall(), at="connect")
    proxy = Proxy(f"http://127.0.0.1:{stage.origin.port}")
    came = stage.carry(stage.request("GET", "/", base="https://target.test"), stage.options(total=BRIEF, proxy=proxy))
    ended_in_time(stage, came, BRIEF, TotalTimeout, phase="proxy", delivery="not_sent")


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT)
def a_total_that_is_long_enough(stage: Stage) -> None:
    """T7: an exchange that takes its time, but less than ``total``, is not ended by it."""
    stage.play(0.1, with_length(8), Drip(b"12345678", 0.01))
    came = stage.carry(options=stage.options(total=5))
    stage.answered(came, 200, b"12345678")
    stage.demand(came.seconds >= 0.15, "an answer that took its time", str(came))


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT)
def a_total_is_forgotten(stage: Stage) -> None:
    """T7: ``total`` is a call's own: the next one on its connection may take longer."""
    stage.answer(200, [], b"first")
    stage.answered(stage.carry(options=stage.options(total=0.15)), 200, b"first")
    stage.play(0.2, DONE)
    stage.answered(stage.carry(), 200, b"ok")
    stage.same("the number of connections", len(stage.connections), 1)


@CHAPTER.case(needs=Capability.TOTAL_TIMEOUT)
def the_bound_that_runs_out_first(stage: Stage) -> None:
    """T7: where ``total`` is longer, what runs out is ``read``, and the error says so."""
    stage.play(Stall())
    came = stage.carry(options=stage.options(read=0.1, total=5))
    error = ended_in_time(stage, came, 0.1, Timeout, phase="wait")
    stage.demand(not isinstance(error, TotalTimeout), "a ReadTimeout", came)


# --- bounds of any size -------------------------------------------------------------------------------------------------

_CAPABLE = {
    "connect": Capability.NONE,
    "read": Capability.NONE,
    "write": Capability.WRITE_TIMEOUT,
    "pool": Capability.POOL_TIMEOUT,
    "total": Capability.TOTAL_TIMEOUT,
}


def _bounded(stage: Stage, name: str, seconds: float) -> Options:
    bounds: dict[str, Any] = {name: seconds}
    return stage.options(**bounds)


def _any_size(name: str, capability: Capability) -> None:
    @CHAPTER.rows({name: name}, needs=capability)
    def the_longest_bound(stage: Stage, which: str) -> None:
        """T7: thirty years of ``{row}`` are no overflow of anything."""
        stage.answer(200, [], b"ok")
        request = stage.request("POST", body=b"x")
        stage.answered(stage.carry(request, _bounded(stage, which, 999_999_999)), 200, b"ok")

    @CHAPTER.rows({name: name}, needs=capability)
    def the_shortest_bound(stage: Stage, which: str) -> None:
        """T7: a nanosecond of ``{row}`` is a bound like any other, and neither none nor an error of anybody else's."""
        stage.answer(200, [], b"ok")
        came = stage.carry(stage.request("POST", body=b"x"), _bounded(stage, which, 1e-9))
        if came.error is None:
            stage.answered(came, 200, b"ok")
        else:
            stage.failed(came, Timeout)


for _name, _capability in _CAPABLE.items():
    _any_size(_name, _capability)
