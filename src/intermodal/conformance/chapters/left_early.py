"""T8, of leaving early: who closes a response, or forgets it, before its end harms nobody, and waits for nothing."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.chapters.streaming import BLOCK, FRAMINGS, MANY, play_framed
from intermodal.conformance.chapters.written import CHUNKED_HEAD, EVIL, with_length
from intermodal.conformance.stage import BOUND
from intermodal.errors import Error, IncompleteBody
from intermodal.model.options import Limits
from intermodal.protocol import Capability
from intermodal.testing.origin import Drip, Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.conformance.stage import Stage
    from intermodal.model.response import Response

__all__ = ["CHAPTER", "nothing_more"]

CHAPTER = Chapter()

# --- leaving early ----------------------------------------------------------------------------------------------------

_LEFT: Final = {
    f"{named}, {how}, {size}": (framing, read, count)
    for named, framing in FRAMINGS.items()
    for how, read in (("unread", 0), ("half read", 20))
    for size, count in (("small", 3), ("large", 4000))
}


@CHAPTER.rows(_LEFT)
def leaving_early_poisons_nothing(stage: Stage, row: tuple[str, int, int]) -> None:
    """T8, RFC 9112 section 9.3: after a body {row} that was closed, the next request gets its own answer."""
    framing, read, count = row
    play_framed(stage, framing, [EVIL * (50 if count > 3 else 1)] * count)
    response = stage.send()
    if read:
        stage.demand(response.raw.read(read), "some of the body", "nothing")
    response.close()
    stage.works("a body that was left")


@CHAPTER.rows({"unread": 0, "half read": 4}, wire=False)
def a_response_left_is_left(stage: Stage, count: int) -> None:
    """T8: after three responses that were closed {row}, the next request gets its own answer."""
    for body in (b"0123456789", [b"01234", b"56789"], [b"0123456789" * 1000] * 100):
        stage.answer(body=body)
        response = stage.send()
        stage.same("what was read", response.raw.read(count), b"0123"[:count])
        response.close()
    stage.works("responses that were left")


def _forget(stage: Stage, count: int) -> None:
    """Get a response and lose it; what Python says of that is no concern of the kit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        response = stage.transport.send(stage.request(), stage.options())
        stage.demand(len(response.raw.read(count)) <= count, "no more than asked", "more")
        del response
        gc.collect()


@CHAPTER.rows({"unread": 0, "half read": 4}, wire=False)
def a_response_forgotten_is_left_too(stage: Stage, count: int) -> None:
    """T8: after three responses that were dropped {row}, and closed by nobody, the next request gets its own answer."""
    for body in (b"0123456789", [b"01234", b"56789"], [b"0123456789" * 1000] * 100):
        stage.answer(body=body)
        _forget(stage, count)
    stage.works("responses that were forgotten")


@CHAPTER.rows({"unread": 0, "half read": 100000})
def an_endless_body_can_be_left(stage: Stage, count: int) -> None:
    """T8: a body without an end, {row}, is closed at once, and its server learns of it."""
    play = stage.play(CHUNKED_HEAD, *[b"10000\r\n%b\r\n" % BLOCK] * (2 * MANY), Stall())
    response = stage.send()
    stage.demand(len(response.raw.read(count)) <= count, "no more than asked", "more")
    came = stage.together(response.close)
    stage.same("closing", came, [None])
    stage.until(play.finished.is_set, "a server that need send no more")
    stage.works("an endless body")


@CHAPTER.rows({"unread": 0, "half read": 3})
def closing_does_not_wait_for_the_rest(stage: Stage, count: int) -> None:
    """T8: a body of which a byte comes now and then, {row}, is closed at once."""
    stage.play(with_length(1000), b"abc", Drip(b"x" * 997, 0.02))
    response = stage.send()
    stage.same("what was read", response.raw.read(count), b"abc"[:count])
    closed = threading.Event()

    def close() -> None:
        response.close()
        closed.set()

    threading.Thread(target=close, daemon=True).start()
    stage.demand(closed.wait(BOUND), f"an end of close() within {BOUND:g} s", "none: it waits for the body")
    stage.works("a body that drips")


@CHAPTER.rows({"unread": 0, "half read": 4, "read to the end": 100}, wire=False)
def the_peer_is_let_go(stage: Stage, count: int) -> None:
    """T8, PEP 3333: once a response is closed, {row}, its connection is no longer held, and an application's body is closed."""
    stage.answer(body=[b"0123456789"] * 3)
    response = stage.send()
    while len(response.raw.read(count)) == 10:
        pass
    response.close()
    if stage.maker.application in ("wsgi", "asgi"):
        stage.until(lambda: stage.bodies_closed == 1, "a body of the application that is closed")
        stage.same("the bodies of the application that were closed", stage.bodies_closed, 1)
    stage.works("a response that was closed")


@CHAPTER.case(wire=False)
def a_with_block_closes(stage: Stage) -> None:
    """T8: leaving a with block closes the response: nothing of it can be read, and the next exchange works."""
    stage.answer(body=[b"0123456789"] * 3)
    with stage.send() as response:
        stage.demand(response.raw.read(4), "some of the body", "nothing")
    nothing_more(stage, response)
    stage.works("a with block")


@CHAPTER.case(wire=False)
def a_with_block_lets_errors_out(stage: Stage) -> None:
    """T8: an error that leaves a with block leaves it as it is, and the response is closed."""
    stage.answer(body=[b"0123456789"] * 3)
    error = KeyError("mine")
    try:
        with stage.send() as response:
            raise error
    except KeyError as raised:
        stage.demand(raised is error, "the error that was raised", raised)
    nothing_more(stage, response)
    stage.works("an error in a with block")


@CHAPTER.rows({"unread": 0, "half read": 4, "read to the end": 100}, wire=False)
def closing_twice_is_closing_once(stage: Stage, count: int) -> None:
    """T8: closing a response, {row}, three times does no more than closing it once."""
    stage.answer(body=b"0123456789")
    response = stage.send()
    while response.raw.read(count) and count > 4:
        pass
    for _ in range(3):
        response.close()
    stage.works("closing three times")


@CHAPTER.case(wire=False)
def an_iteration_left_closes(stage: Stage) -> None:
    """T8: an iter_content that is given up half-way closes the response, and the next exchange works."""
    stage.answer(body=[b"0123456789"] * 100)
    response = stage.send()
    pieces = response.iter_content(7)
    stage.same("the first piece", next(pieces), b"0123456")
    assert isinstance(pieces, Generator)  # while the body is not read yet
    pieces.close()
    nothing_more(stage, response)
    stage.works("an iteration that was left")


def nothing_more(stage: Stage, response: Response) -> None:
    """Demand that a closed response gives no byte; it may raise, but nothing foreign."""
    try:
        data = response._body.read(100)
    except Error:
        return
    except BaseException as error:
        raise Failure("an error of intermodal, or nothing", repr(error)) from error
    stage.same("what is read after closing:", data, b"")


@CHAPTER.rows({"unread": 0, "half read": 4, "read to the end": 100}, wire=False)
def after_closing_nothing_is_read(stage: Stage, count: int) -> None:
    """T8: a response that was closed, {row}, gives no byte more, neither its own nor those of the response that came after it."""
    stage.answer(body=b"0123456789")
    stage.answer(body=b"another's body")
    first = stage.send()
    while first.raw.read(count) and count > 4:
        pass
    first.close()
    nothing_more(stage, first)
    second = stage.send()
    nothing_more(stage, first)
    stage.same("the other body", second.raw.readall(), b"another's body")


# --- limits and errors ------------------------------------------------------------------------------------------------


#: More than can come with the head, so that whoever has not read it needs the connection for it.
_LARGE: Final = BLOCK * 64


def _left_half_read(stage: Stage) -> None:
    stage.answer(body=_LARGE)
    response = stage.send()
    response.raw.read(4)
    response.close()


def _read_to_the_end(stage: Stage) -> None:
    stage.answer(body=_LARGE)
    response = stage.send()
    stage.demand(b"".join(iter(lambda: response.raw.read(65536), b"")) == _LARGE, "the whole body", "another one")


def _forgotten(stage: Stage) -> None:
    stage.answer(body=_LARGE)
    _forget(stage, 4)


def _cut_off(stage: Stage) -> None:
    stage.play(with_length(10) + b"0123", then="fin")
    stage.failed(stage.carry(), IncompleteBody)


_WAYS_OUT = {
    "closed half read": _left_half_read,
    "read to its end, not closed": _read_to_the_end,
    "forgotten": _forgotten,
    "cut off": _cut_off,
}


@CHAPTER.rows(_WAYS_OUT, limits=True, needs=Capability.POOL_TIMEOUT)
def a_response_gives_its_place_back(stage: Stage, leave: Callable[[Stage], None]) -> None:
    """T8: where one connection is allowed at once, a response that was {row} leaves it to the next exchange, three times."""
    stage.open(Limits(connections=1))
    for _ in range(3):
        leave(stage)
    stage.answer(body=b"next")
    stage.answered(stage.carry(options=stage.options(pool=BOUND)), 200, b"next")
