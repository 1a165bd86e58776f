"""T10, of children: a transport works in a process that was forked, and what is the parent's stays the parent's."""

from __future__ import annotations

import os
import select
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.stage import SOON
from intermodal.protocol import Guarantee
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.conformance.stage import Stage
    from intermodal.protocol import Transport

CHAPTER = Chapter()

#: Seconds a child may take; one that is stuck is killed.
_STUCK: Final = 5.0


def _in_child(stage: Stage, work: Callable[[], str]) -> None:
    """Do some work in a child process, which gives what went wrong in words, and demand that nothing did.

    The child only works, tells and leaves: of the parent's threads it has none, but may have their locks.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tried here
        child = os.fork()
    if child == 0:
        try:
            try:
                told = work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
                told = f"{type(error).__name__}: {error}"
            os.write(writing, told.encode()[:4000])
        finally:
            os._exit(0)
    os.close(writing)
    try:
        readable, _, _ = select.select([reading], [], [], _STUCK)
        if not readable:
            os.kill(child, signal.SIGKILL)
        told = os.read(reading, 4096).decode() if readable else f"nothing within {_STUCK:g} s"
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    stage.demand(not told, "the child to do its work", told)


def _ask(stage: Stage, transport: Transport, mark: str) -> str:
    """Send a request whose answer has its mark; give what went wrong in words."""
    came = stage.carry(stage.request("GET", f"/anything/{mark}"), transport=transport)
    own = came.error is None and f'/anything/{mark}"'.encode() in came.body
    return "" if own else f"{mark} was not answered as it should: {came}"


def _close(transport: Transport) -> str:
    transport.close()
    return ""


def _asks(stage: Stage, transport: Transport) -> str:
    return _ask(stage, transport, "child") or _ask(stage, transport, "child-again")


#: What is over an object of its user's does not see the connections there, and cannot keep them from a child that asks.
_ASKS: Final[dict[str, Any]] = {
    "asks": _asks,
    "asks and closes it": lambda stage, transport: _asks(stage, transport) or _close(transport),
}
_ASKS_NOT: Final[dict[str, Any]] = {
    "closes it": lambda _, transport: _close(transport),
    "does nothing with it": lambda *_: "",
}


@CHAPTER.rows(_ASKS_NOT, colour="sync")
@CHAPTER.rows(_ASKS, colour="sync", guarantee=Guarantee.DELIVERY)
def a_child_that(stage: Stage, doing: Any) -> None:
    """T10: a child process that {row} leaves the connection which its parent keeps as it was, and has its own answers."""
    if not hasattr(os, "fork"):
        return
    transport = stage.open()
    said = _ask(stage, transport, "before") or _ask(stage, transport, "before-again")
    stage.demand(not said, "an answer before the fork", said)
    kept = stage.connections if len(stage.connections) == 1 else []  # else none is kept
    received = [each.received for each in kept]
    _in_child(stage, lambda: doing(stage, transport))
    stage.same("what the parent's connections have received", [each.received for each in kept], received)
    stage.demand(all(each.open for each in kept), "the parent's connections to be open still", "an end of one")
    said = _ask(stage, transport, "after")
    stage.demand(not said, "an answer after the fork", said)


@CHAPTER.case(colour="sync")
def a_child_of_a_busy_parent(stage: Stage) -> None:
    """T10: a child that was forked while another thread waited for an answer sends requests of its own."""
    if not hasattr(os, "fork"):
        return
    stage.play(Stall())
    transport = stage.open()
    call = threading.Thread(target=_ask, args=(stage, transport, "slow"), daemon=True)
    call.start()
    stage.until(lambda: stage.received, "a request that arrives")
    _in_child(stage, lambda: _asks(stage, transport))
    stage.demand(call.is_alive(), "the thread of the parent to wait on", "its end")
    stage.origin.close()
    call.join(SOON)


@CHAPTER.rows({"reads none of it": False, "closes it": True}, colour="sync")
def a_response_and_a_child_that(stage: Stage, closes: bool) -> None:
    """T10: a response that the parent is reading is read on by it to its end, after a child that {row}."""
    if not hasattr(os, "fork"):
        return
    stage.answer(200, [], b"0123456789" * 30_000)
    response = stage.send()
    begun = response.raw.read(1000)

    def work() -> str:
        if closes:
            response.close()
            return _close(stage.transport)
        return ""

    _in_child(stage, work)
    (rest,) = stage.together(response.raw.readall)
    stage.demand(isinstance(rest, bytes), "the rest of the body", repr(rest)[:300])
    assert isinstance(rest, bytes)
    stage.same("the length of the body", len(begun) + len(rest), 300_000)


@CHAPTER.case(colour="sync")
def a_child_of_a_parent_that_has_closed(stage: Stage) -> None:
    """T10: what was closed before the fork is closed in the child, too."""
    if not hasattr(os, "fork"):
        return
    transport = stage.open()
    said = _ask(stage, transport, "before")
    stage.demand(not said, "an answer before the fork", said)
    transport.close()

    def work() -> str:
        came = stage.carry(stage.request("GET", "/late"), transport=transport)
        return "" if type(came.error).__name__ == "TransportClosed" else f"expected TransportClosed; came {came}"

    _in_child(stage, work)
