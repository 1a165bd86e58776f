"""T7: each bound ends what it is about, neither before its time nor long after it, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any
from unittest import mock

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import CHUNKED_HEAD, CONTINUE, OK, with_length
from intermodal.conformance.stage import BRIEF, Came
from intermodal.errors import ConnectTimeout, ReadTimeout
from intermodal.model.options import Proxy
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.origin import Drip, Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.conformance.stage import Stage
    from intermodal.errors import Delivery, Error, Phase

__all__ = ["CHAPTER", "DONE", "ended_in_time"]

CHAPTER = Chapter()

#: Seconds by which an end may come before its bound, as clocks differ in their grain, and after it.
_EARLY, _LATE = 0.02, 1.5

#: Seconds between two bytes of what drips; far below the bound that holds meanwhile.
_EVERY = 0.05

DONE = with_length(2) + b"ok"

#: Who answers for a clock of its own; a borrowed library has those of its sockets alone.
_OWN_CLOCK = Capability.TOTAL_TIMEOUT


def ended_in_time(stage: Stage, came: Came, bound: float, *kinds: type[Error], **said: Any) -> Error:
    """Demand an error that came at its bound: not before, and not long after it."""
    error = stage.failed(came, *kinds, **said)
    stage.demand(
        bound - _EARLY <= came.seconds <= bound + _LATE,
        f"an end after {bound:g} s, and {_LATE:g} s later at most",
        str(came),
    )
    return error


def _after(stage: Stage, came: Came, least: float, body: bytes = b"ok") -> None:
    """Demand an answer that took its time."""
    stage.answered(came, 200, body)
    stage.demand(came.seconds >= least - _EARLY, f"an answer after {least:g} s", str(came))


# --- read ---------------------------------------------------------------------------------------------------------------

_SILENT: dict[str, tuple[bytes, Phase, Delivery]] = {
    "before an answer": (b"", "wait", "maybe_sent"),
    "in the status line": (b"HTTP/1.1 20", "head", "sent"),
    "in the fields": (OK + b"X-A: 1\r\nX-B", "head", "sent"),
    "behind an interim answer": (CONTINUE, "head", "sent"),
}


@CHAPTER.rows(_SILENT)
def read_bounds_a_silence(stage: Stage, row: tuple[bytes, Phase, Delivery]) -> None:
    """T7: a server that falls silent {row} is a ReadTimeout after ``read``."""
    begun, phase, delivery = row
    stage.play(begun, Stall())
    came = stage.carry(options=stage.options(read=BRIEF))
    phases = (phase,) if stage.guarantees(Guarantee.DELIVERY) else ("wait", phase)
    ended_in_time(stage, came, BRIEF, ReadTimeout, phase=phases, delivery=delivery)
    stage.works("a silence")


_SILENT_IN_BODY = {
    "before its first byte": (with_length(9), b""),
    "within its length": (with_length(9) + b"hello", b"hello"),
    "within a chunk": (CHUNKED_HEAD + b"9\r\nhello", b"hello"),
    "between two chunks": (CHUNKED_HEAD + b"5\r\nhello\r\n", b"hello"),
    "in the last chunk": (CHUNKED_HEAD + b"5\r\nhello\r\n0\r\n", b"hello"),
    "where its end is the connection's": (OK + b"Connection: close\r\n\r\nhello", b"hello"),
}


@CHAPTER.rows(_SILENT_IN_BODY)
def read_bounds_a_silence_in_the_body(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T7: a body that stops {row} is a ReadTimeout after ``read``, and what had come is given before it."""
    begun, body = row
    stage.play(begun, Stall())
    came = stage.carry(options=stage.options(read=BRIEF))
    ended_in_time(stage, came, BRIEF, ReadTimeout, phase="body", delivery="sent")
    stage.same("the bytes before the error", came.body, body)
    stage.works("a silence in a body")


_DRIPS: tuple[tuple[Any, ...], ...] = (
    (OK[:-2], Drip(b"\r\nX-A: 1234\r\n", _EVERY), b"Content-Length: 2\r\n\r\nok"),
    (with_length(12), Drip(b"123456789012", _EVERY), b""),
    (CHUNKED_HEAD, Drip(b"1\r\na\r\n1\r\nb\r\n", _EVERY), b"0\r\n\r\n"),
    (*[CONTINUE, _EVERY] * 12, DONE),
)


@CHAPTER.case()
def read_bounds_each_wait_alone(stage: Stage) -> None:
    """T7: servers that drip head, body, chunks or interim answers for longer than ``read`` are read to the end."""
    for steps in _DRIPS:
        stage.play(*steps)
    # All at once, because each takes its time.
    for came in stage.together(*[lambda: stage.carry(options=stage.options(read=0.4))] * len(_DRIPS)):
        assert isinstance(came, Came)
        stage.answered(came, 200)
        stage.demand(came.seconds >= 0.4, "an answer that took longer than read", str(came))


@CHAPTER.case()
def read_may_be_none(stage: Stage) -> None:
    """T7: without ``read`` a server may take its time, whatever the other bounds are."""
    stage.play(0.2, DONE)
    _after(stage, stage.carry(options=stage.options(connect=0.1, read=None)), 0.2)


@CHAPTER.case()
def connect_is_over_once_connected(stage: Stage) -> None:
    """T7: ``connect`` bounds neither the wait for an answer nor for its body."""
    stage.play(0.15, with_length(2) + b"o", 0.15, b"k")
    _after(stage, stage.carry(options=stage.options(connect=0.1)), 0.3)


@CHAPTER.case(needs=Capability.WRITE_TIMEOUT)
def write_is_over_once_written(stage: Stage) -> None:
    """T7: ``write`` bounds no wait for an answer."""
    stage.play(0.2, DONE)
    request = stage.request("POST", body=b"x")
    _after(stage, stage.carry(request, stage.options(write=0.1)), 0.2)


@CHAPTER.case(needs=Capability.POOL_TIMEOUT)
def pool_is_over_once_there_is_a_slot(stage: Stage) -> None:
    """T7: ``pool`` bounds nothing but the wait for a connection."""
    stage.play(0.2, DONE)
    _after(stage, stage.carry(options=stage.options(pool=0.1)), 0.2)


# --- after a timeout ----------------------------------------------------------------------------------------------------


@CHAPTER.rows({"an answer": (b"", DONE), "a rest": (with_length(9) + b"hello", b" you" + DONE)})
def what_comes_late(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T7, RFC 9112 section 9.3: {row} that comes after the bound is nobody's: its connection is not used again."""
    begun, late = row
    play = stage.play(begun, 0.15, late)
    stage.failed(stage.carry(options=stage.options(read=0.1)), ReadTimeout)
    stage.works("a timeout")
    stage.until(play.finished.is_set, "the late answer")
    stage.works("a late answer")
    stage.same(
        "the bytes received by the first connection, in requests", stage.connections[0].received.count(b"GET"), 1
    )


# --- one call and the next ----------------------------------------------------------------------------------------------


def _kept(stage: Stage, first: float, second: float) -> Came:
    """Make an exchange with one bound and one with another, on the same connection where that is kept."""
    stage.answer(200, [], b"first")
    stage.answered(stage.carry(options=stage.options(read=first)), 200, b"first")
    stage.play(0.2, DONE)
    return stage.carry(options=stage.options(read=second))


@CHAPTER.case()
def a_short_read_is_forgotten(stage: Stage) -> None:
    """T7: ``read`` is a call's own: a short one is over with its call, and the connection serves a patient one."""
    _after(stage, _kept(stage, 0.1, 5), 0.2)


@CHAPTER.case()
def a_long_read_is_forgotten(stage: Stage) -> None:
    """T7: ``read`` is a call's own: a long one is over with its call, and the connection serves an impatient one."""
    came = _kept(stage, 5, BRIEF)
    ended_in_time(stage, came, BRIEF, ReadTimeout, phase="wait", reused=len(stage.connections) == 1)


@CHAPTER.case()
def no_read_is_forgotten(stage: Stage) -> None:
    """T7: a call without ``read`` leaves a connection that bounds the next one."""
    stage.answer(200, [], b"first")
    stage.answered(stage.carry(options=stage.options(read=None)), 200, b"first")
    stage.play(Stall())
    ended_in_time(stage, stage.carry(options=stage.options(read=BRIEF)), BRIEF, ReadTimeout, phase="wait")


# --- connect ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _full_backlog() -> Iterator[int | None]:
    """A port where connecting takes for ever, as nobody accepts; None where the system knows no such thing."""
    with contextlib.ExitStack() as open_ones:
        listener = open_ones.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        listener.bind(("", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(16):
            waiting = open_ones.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            waiting.settimeout(0.05)
            try:
                waiting.connect(("127.0.0.1", port))
            except TimeoutError:
                yield port
                return
            except OSError:
                break
        yield None


@CHAPTER.case()
def connect_bounds_a_connection(stage: Stage) -> None:
    """T7: a server that does not accept is a ConnectTimeout after ``connect``, and nothing was sent."""
    with _full_backlog() as port:
        if port is None:
            return
        request = stage.request("GET", "/", base=f"http://127.0.0.1:{port}")
        came = stage.carry(request, stage.options(connect=BRIEF))
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase="connect", delivery="not_sent")
    stage.works("a connection that was not made")


@CHAPTER.case(needs=_OWN_CLOCK)
def connect_bounds_all_addresses_together(stage: Stage) -> None:
    """T7: ``connect`` is not begun anew for each address of a host."""
    with _full_backlog() as port:
        if port is None:
            return
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in range(1, 13)]
        with _resolver(lambda: found):
            request = stage.request("GET", "/", base=f"http://many.test:{port}")
            came = stage.carry(request, stage.options(connect=BRIEF))
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase="connect", delivery="not_sent")


@CHAPTER.case(needs=_OWN_CLOCK)
def connect_bounds_resolving(stage: Stage) -> None:
    """T7: a resolver that gives no answer is a ConnectTimeout after ``connect``."""
    over = threading.Event()

    def never() -> Any:
        over.wait(5)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    with _resolver(never):
        came = stage.carry(stage.request("GET", "/", base="http://slow.test"), stage.options(connect=BRIEF))
        over.set()
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase="resolve", delivery="not_sent")


@contextlib.contextmanager
def _resolver(look_up: Any) -> Iterator[None]:
    """Let the system resolve names of ``.test`` so."""
    system = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return look_up() if isinstance(name, str) and name.endswith(".test") else system(host, *rest, **named)

    with mock.patch("socket.getaddrinfo", getaddrinfo):
        yield


#: A TLS record of 16,383 bytes, most of which do not come.
_RECORD = Drip(b"\x16\x03\x03\x3f\xff" + bytes(2000), 0.02)

_HANDSHAKES = {"does not answer": Stall(), "drips": _RECORD}


@CHAPTER.rows(_HANDSHAKES, needs=Capability.HTTPS)
def connect_bounds_the_handshake(stage: Stage, step: Any) -> None:
    """T7: a server that {row} in the TLS handshake is a ConnectTimeout after ``connect``."""
    stage.play(step, at="connect")
    request = stage.request("GET", "/", base=stage.origin.url.replace("http://", "https://"))
    came = stage.carry(request, stage.options(connect=BRIEF))
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase="tls", delivery="not_sent")


_TUNNELS = {
    "does not answer": (Stall(), "proxy"),
    "drips": (Drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 2000, 0.02), "proxy"),
    "gives interim answers": (Drip(b"HTTP/1.1 103 E\r\n\r\n" * 100, 0.002), "proxy"),
}


@CHAPTER.rows(_TUNNELS, needs=Capability.CONNECT_PROXY)
def connect_bounds_the_tunnel(stage: Stage, row: tuple[Any, Phase]) -> None:
    """T7: a proxy that {row} to CONNECT is a ConnectTimeout after ``connect``."""
    step, phase = row
    stage.play(step, at="connect")
    came = stage.carry(
        stage.request("GET", "/", base="https://target.test"),
        stage.options(connect=BRIEF, proxy=Proxy(f"http://127.0.0.1:{stage.origin.port}")),
    )
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase=phase, delivery="not_sent")


@CHAPTER.case(needs=Capability.CONNECT_PROXY)
def connect_bounds_the_handshake_in_the_tunnel(stage: Stage) -> None:
    """T7: a target that does not answer the handshake in a tunnel is a ConnectTimeout after ``connect``."""
    stage.play(b"HTTP/1.1 200 OK\r\n\r\n", Stall(), at="connect")
    came = stage.carry(
        stage.request("GET", "/", base="https://target.test"),
        stage.options(connect=BRIEF, proxy=Proxy(f"http://127.0.0.1:{stage.origin.port}")),
    )
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase="tls", delivery="not_sent")


@CHAPTER.rows(
    {"does not answer": Stall(), "drips": Drip(b"\x05\x00\x05\x00\x00\x03\xff" + b"a" * 2000, 0.02)},
    needs=Capability.SOCKS,
)
def connect_bounds_socks(stage: Stage, step: Any) -> None:
    """T7: a SOCKS proxy that {row} is a ConnectTimeout after ``connect``."""
    stage.play(step, at="connect")
    came = stage.carry(
        stage.request("GET", "/", base="http://target.test"),
        stage.options(connect=BRIEF, proxy=Proxy(f"socks5h://127.0.0.1:{stage.origin.port}")),
    )
    ended_in_time(stage, came, BRIEF, ConnectTimeout, phase="proxy", delivery="not_sent")
