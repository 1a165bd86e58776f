"""T10, of what is left behind: descriptors, threads, connections and slots are as they were, whatever has happened."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.model.options import Limits
from intermodal.protocol import Capability
from intermodal.testing.lifted import Lifted
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Came, Stage
    from intermodal.protocol import Transport

CHAPTER = Chapter()

#: Seconds within which is gone what was closed.
_SOON: Final = 2.0

#: How often an exchange is repeated that may leave something behind: more than whatever else happens in the process.
_OFTEN: Final = 20


class _Stop(BaseException):
    """What ends a caller's body from outside."""


# --- what an exchange may come to -----------------------------------------------------------------------------------


def _ask(stage: Stage, transport: Transport, request: Any = None, **options: Any) -> Came:
    if stage.declares(Capability.POOL_TIMEOUT):
        options = {"pool": 2.0, **options}
    return stage.carry(request or stage.request("GET", "/use"), stage.options(**options), transport)


def _answered(stage: Stage, transport: Transport) -> None:
    stage.answer(200, [], b"as it should be")
    stage.answered(_ask(stage, transport), 200, b"as it should be")


def _answered_in_chunks(stage: Stage, transport: Transport) -> None:
    stage.answer(200, [], [b"as it ", b"should be"])
    stage.answered(_ask(stage, transport), 200, b"as it should be")


def _left_half_read(stage: Stage, transport: Transport) -> None:
    stage.answer(200, [], b"x" * 200_000)
    with transport.send(stage.request("GET", "/use"), stage.options()) as response:
        response.raw.read(10)


def _left_unread(stage: Stage, transport: Transport) -> None:
    stage.answer(200, [], b"x" * 200_000)
    transport.send(stage.request("GET", "/use"), stage.options()).close()


def _dropped(stage: Stage, transport: Transport) -> None:
    """Let go of a response that was neither read nor closed, which is for the garbage collector to find."""
    stage.answer(200, [], b"x" * 200_000)
    transport.send(stage.request("GET", "/use"), stage.options())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # that is about the caller, who is to blame
        gc.collect()


def _played(*steps: Any, then: Any = "keep") -> Callable[[Stage, Transport], None]:
    def use(stage: Stage, transport: Transport) -> None:
        play = stage.play(*steps, then=then)
        _ask(stage, transport)
        play.finished.wait(_SOON)

    return use


def _refused(stage: Stage, transport: Transport) -> None:
    came = _ask(stage, transport, stage.request(base=stage.nowhere))
    stage.demand(came.error is not None, "an error, because nobody listens there", came)


def _timed_out(stage: Stage, transport: Transport) -> None:
    stage.play(Stall())
    came = _ask(stage, transport, read=0.02)
    stage.demand(came.error is not None, "an error, because no answer comes", came)


def _body_raises(error: type[BaseException]) -> Callable[[Stage, Transport], None]:
    def use(stage: Stage, transport: Transport) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            raise error

        with contextlib.suppress(_Stop):
            _ask(stage, transport, stage.request("POST", "/use", body=pieces()))

    return use


#: By what has become of an exchange. On the wire, and in-process too.
_ANYWHERE: Final[dict[str, Any]] = {
    "answers": _answered,
    "answers in chunks": _answered_in_chunks,
    "responses closed half read": _left_half_read,
    "responses closed unread": _left_unread,
}
#: What only a server on a socket does to a client.
_ON_THE_WIRE: Final[dict[str, Any]] = {
    "refused connections": _refused,
    "connections that were reset": _played(then="rst"),
    "connections that ended without an answer": _played(then="fin"),
    "answers cut short": _played(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", then="fin"),
    "malformed answers": _played(b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", then="fin"),
    "answers that close": _played(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", then="fin"),
    "answers that did not come in time": _timed_out,
    "dropped responses": _dropped,
}
#: Those that take time.
_SLOW: Final = (_timed_out, _dropped)

_BODIES: Final[dict[str, Any]] = {
    "bodies that raised": _body_raises(ValueError),
    "bodies that were stopped": _body_raises(_Stop),
}


# --- descriptors and threads ----------------------------------------------------------------------------------------


def _descriptors() -> set[str]:
    """What is open in this process, a socket by a number of its own; nothing where the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            found = set()
            for name in os.listdir(folder):  # noqa: PTH208 - the names are numbers
                with contextlib.suppress(OSError):  # that of the listing is closed
                    found.add(_descriptor(folder, name))
            return found
    return set()


def _descriptor(folder: str, name: str) -> str:
    try:
        return f"{name} {Path(folder, name).readlink()}"
    except OSError:
        os.fstat(int(name))
        return name


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith("origin-")}


def _leaves_nothing(stage: Stage, use: Any, times: int) -> None:
    """Demand that a transport which was used and closed has left no descriptor and no thread.

    What is made once for a process, by the first transport, does not count: one goes before. Nor does what anything else
    in the process happens to open in that moment: what leaks does so every time, and is looked for twice.
    """
    _use_and_end(stage, use, 1)
    _forgotten(stage)
    left = _left(stage, use, times) and _left(stage, use, times)
    stage.demand(not left, f"no descriptor and no thread to be left after {times} of these", f"{len(left)}: {left}")


def _left(stage: Stage, use: Any, times: int) -> list[str]:
    """Give the descriptors and threads that there are more, some time after a transport was used and closed."""
    descriptors, threads = _descriptors(), _threads()
    _use_and_end(stage, use, times)
    _forgotten(stage)
    left: list[str] = []

    def nothing() -> bool:
        left[:] = sorted(_descriptors() - descriptors) + sorted(each.name for each in _threads() - threads)
        return not left

    ends = time.monotonic() + _SOON
    while not nothing() and time.monotonic() < ends:
        time.sleep(0.001)
    return left


def _use_and_end(stage: Stage, use: Any, times: int) -> None:
    """Use a transport so often, close it, and let go of it.

    What is made over an object of its user's leaves to that object what it keeps, and the object ends here with it.
    """
    transport = stage.maker.make(None, stage._application)
    try:
        for _ in range(times):
            use(stage, transport)
        transport.close()
        if use in _ON_THE_WIRE.values():
            _forgotten(stage)  # what failed may hang on the traceback of its error
        else:
            _servers_are_quiet(stage)
    finally:
        if isinstance(transport, Lifted):
            transport.end()  # its loop is the kit's
    del transport


def _forgotten(stage: Stage) -> None:
    """Let the garbage collector find what it can; what it says of that is another case's affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    _servers_are_quiet(stage)


def _servers_are_quiet(stage: Stage) -> None:
    """Wait until the servers have closed their ends, which are of this process too."""
    stage.until(
        lambda: not any(each.open for each in stage.connections), "an end of every connection after close()", _SOON
    )


@CHAPTER.rows(_ANYWHERE, wire=False)
def nothing_is_left_after(stage: Stage, use: Any) -> None:
    """T10: after close() no descriptor and no thread is left of {row}."""
    _leaves_nothing(stage, use, 50)


@CHAPTER.rows(_ON_THE_WIRE)
def nothing_is_left_of(stage: Stage, use: Any) -> None:
    """T10: after close() no descriptor and no thread is left of {row}."""
    _leaves_nothing(stage, use, 5 if use in _SLOW else _OFTEN)


@CHAPTER.rows(_BODIES, needs=Capability.STREAM_REQUEST, wire=False)
def nothing_is_left_of_a_request_with(stage: Stage, use: Any) -> None:
    """T10: after close() no descriptor and no thread is left of {row}."""
    _leaves_nothing(stage, use, _OFTEN)


@CHAPTER.case(wire=False)
def nothing_is_left_of_a_transport_that_was_made(stage: Stage) -> None:
    """T10: after close() no descriptor and no thread is left of transports that carried nothing."""
    _leaves_nothing(stage, lambda stage, _: _use_and_end(stage, lambda *_: None, 1), _OFTEN)


@CHAPTER.rows({"answers": _answered, "responses closed half read": _left_half_read}, wire=False)
def the_garbage_collector_finds_nothing_of(stage: Stage, use: Any) -> None:
    """T10: of {row}, and of the transport once it is closed, nothing is left for a ResourceWarning to be about."""
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        _use_and_end(stage, use, 3)
        gc.collect()
    said = [str(each.message) for each in told if issubclass(each.category, ResourceWarning)]
    stage.demand(not said, "no ResourceWarning", f"{len(said)}: {said}")


# --- connections and slots ------------------------------------------------------------------------------------------


@CHAPTER.rows({name: use for name, use in _ON_THE_WIRE.items() if name != "refused connections"})
def no_connection_is_held_after(stage: Stage, use: Any) -> None:
    """T10: after {row}, no connection stays open that will not serve again, although the transport is open."""
    transport = stage.open()
    for _ in range(3):
        use(stage, transport)
    stage.until(lambda: sum(each.open for each in stage.connections) <= 1, "an end of connections that have failed")


_SLOTS: Final = {**_ANYWHERE, **_ON_THE_WIRE}


@CHAPTER.rows(_SLOTS, limits=True)
def no_slot_is_lost_to(stage: Stage, use: Any) -> None:
    """T10: a transport of one connection carries the next exchange after several {row}."""
    transport = stage.open(Limits(connections=1))
    for _ in range(3):
        use(stage, transport)
    _works(stage, transport)


@CHAPTER.rows(_BODIES, needs=Capability.STREAM_REQUEST, limits=True)
def no_slot_is_lost_to_a_request_with(stage: Stage, use: Any) -> None:
    """T10: a transport of one connection carries the next exchange after several {row}."""
    transport = stage.open(Limits(connections=1))
    for _ in range(3):
        use(stage, transport)
    _works(stage, transport)


def _works(stage: Stage, transport: Transport) -> None:
    came = _ask(stage, transport, stage.request("GET", "/anything/afterwards"))
    stage.answered(came)
    stage.demand(b"/anything/afterwards" in came.body, "the answer to this request", came)
