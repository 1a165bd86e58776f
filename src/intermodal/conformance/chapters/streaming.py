"""T8: a body flows: as it comes, as it is asked for, and no further.

Of the same clause are ``left_early.py``, ``several_responses.py`` and ``uploads.py``.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.chapters.written import CHUNKED_HEAD, UNTIL_CLOSE, with_length
from intermodal.conformance.stage import BOUND
from intermodal.errors import IncompleteBody, TransportError
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from intermodal.conformance.stage import Stage
    from intermodal.model.response import Response
    from intermodal.testing.origin import Play

__all__ = ["BLOCK", "CHAPTER", "FRAMINGS", "MANY", "play_framed"]

CHAPTER = Chapter()

#: Sent many times over for a body that no buffer on the way can hold, without being in memory as often.
BLOCK: Final = b"intermodal......" * 4096
MANY: Final = 1024

FRAMINGS: Final = {"by its length": "length", "in chunks": "chunked", "until close": "close"}
_ON: Final = {name: framing for name, framing in FRAMINGS.items() if framing != "close"}


def _steps(framing: str, pieces: Sequence[bytes]) -> list[bytes]:
    """Frame pieces as a server does; a body until close needs its FIN behind that."""
    if framing == "chunked":
        return [CHUNKED_HEAD, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]
    return [with_length(sum(map(len, pieces))) if framing == "length" else UNTIL_CLOSE, *pieces]


def play_framed(stage: Stage, framing: str, pieces: Sequence[bytes]) -> Play:
    """Let the server send a body, framed in one of `FRAMINGS`."""
    return stage.play(*_steps(framing, pieces), then="fin" if framing == "close" else "keep")


def _read(stage: Stage, response: Response, count: int) -> bytes:
    """Read until so many bytes have come, and nothing after that."""
    data = b""
    while len(data) < count:
        piece = response.raw.read(65536)
        stage.demand(piece, f"{count} bytes, which have all been sent", f"the end after {data!r}")
        data += piece
    return data


# --- as it comes ------------------------------------------------------------------------------------------------------

_HEADS = {"with a length": with_length(5), "with chunks to come": CHUNKED_HEAD, "with an end to come": UNTIL_CLOSE}


@CHAPTER.rows(_HEADS)
def a_head_is_enough(stage: Stage, head: bytes) -> None:
    """T8: send returns at the end of a head {row}, of whose body no byte ever comes."""
    stage.play(head, Stall())
    stage.same("the status", stage.send(options=stage.options(read=BOUND)).status_code, 200)


_BEGINNINGS = {
    "a piece of a body with a length": (with_length(100), b"first"),
    "a chunk": (CHUNKED_HEAD, b"5\r\nfirst\r\n"),
    "a chunk without the line end behind it": (CHUNKED_HEAD, b"5\r\nfirst"),
    "a part of a chunk": (CHUNKED_HEAD, b"64\r\nfirst"),
    "a piece of a body until close": (UNTIL_CLOSE, b"first"),
}


@CHAPTER.rows(_BEGINNINGS)
def what_has_come_can_be_read(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T8: {row} is given though more was asked for, and nothing follows it."""
    head, beginning = row
    stage.play(head, 0.02, beginning, Stall())
    response = stage.send(options=stage.options(read=BOUND))
    stage.same("what can be read", _read(stage, response, 5), b"first")


@CHAPTER.rows(FRAMINGS)
def a_piece_does_not_wait_for_the_next(stage: Stage, framing: str) -> None:
    """T8: of a body {row}, each piece is read while the server is still to send the one after it."""
    steps = _steps(framing, [b"one", b"two", b"three"])
    if framing == "length":
        steps[0] = with_length(100)
    head, *pieces = steps[:4]
    apart = [step for piece in pieces for step in (0.02, piece)]
    stage.play(head, *apart, Stall())
    response = stage.send(options=stage.options(read=BOUND))
    stage.same("the three pieces", _read(stage, response, 11), b"onetwothree")


@CHAPTER.case(wire=False)
def pieces_come_in_their_order(stage: Stage) -> None:
    """T8: a body of many pieces of all sizes comes whole and in order, empty ones changing nothing."""
    pieces = [bytes([65 + index % 26]) * (index * 37 % 5000) for index in range(100)]
    stage.answer(body=[b"", *pieces, b""])
    stage.answered(stage.carry(), 200, b"".join(pieces))


# --- as it is asked for -----------------------------------------------------------------------------------------------

_SIZES: Final = (1, 2, 3, 5, 8, 13, 21, 1000)


def _read_by_sizes(stage: Stage, response: Response) -> bytes:
    data = b""
    for turn in range(10000):
        asked = _SIZES[turn % len(_SIZES)]
        piece = response.raw.read(asked)
        stage.demand(len(piece) <= asked, f"{asked} bytes at most, as asked for", f"{len(piece)}")
        if not piece:
            return data
        data += piece
    raise Failure("the end of the body", "none")


@CHAPTER.rows(FRAMINGS)
def a_read_gives_no_more_than_asked(stage: Stage, framing: str) -> None:
    """T8: of a body {row}, read(n) gives n bytes at most, nothing only at the end, and all of it in all."""
    pieces = [b"a", b"bcd" * 700, b"e" * 64, b"fg" * 3]
    play_framed(stage, framing, pieces)
    stage.same("the body", _read_by_sizes(stage, stage.send()), b"".join(pieces))


@CHAPTER.rows({"one piece": b"0123456789" * 50, "many pieces": [b"0123456789"] * 50, "nothing": b""}, wire=False)
def small_reads_give_the_whole(stage: Stage, body: Any) -> None:
    """T8: a body of {row}, read in small parts, is whole, and no part is larger than was asked for."""
    stage.answer(body=body)
    whole = body if isinstance(body, bytes) else b"".join(body)
    stage.same("the body", _read_by_sizes(stage, stage.send()), whole)


@CHAPTER.case(wire=False)
def an_empty_piece_is_no_end(stage: Stage) -> None:
    """T8: pieces without a byte do not end a body, nor are they given out."""
    stage.answer(body=[b"", b"a", b"", b"", b"b", b""])
    response = stage.send()
    stage.same("what comes until the first empty read", b"".join(iter(lambda: response.raw.read(10), b"")), b"ab")


@CHAPTER.rows({"bytes": b"hello", "pieces": [b"he", b"llo"], "no bytes": b"", "no pieces": []}, wire=False)
def the_end_stays_the_end(stage: Stage, body: Any) -> None:
    """T8: behind a body of {row}, each further read gives nothing, and raises nothing."""
    stage.answer(body=body)
    response = stage.send()
    _read_by_sizes(stage, response)
    stage.same("three reads behind the end", [response._body.read(100) for _ in range(3)], [b"", b"", b""])


@CHAPTER.case()
def the_end_of_the_connection_stays_the_end(stage: Stage) -> None:
    """T8, RFC 9112 section 6.3: behind a body that the connection's end has ended, each further read gives nothing."""
    stage.play(UNTIL_CLOSE, b"hello", then="fin")
    response = stage.send()
    stage.same("the body", _read(stage, response, 5), b"hello")
    stage.same("three reads behind it", [response._body.read(100) for _ in range(3)], [b"", b"", b""])


@CHAPTER.rows(FRAMINGS)
def a_body_goes_into_a_buffer(stage: Stage, framing: str) -> None:
    """T8: a body {row} can be read into the caller's own memory, and goes no further than that."""
    pieces = [b"abc", b"defg" * 500, b"h"]
    play_framed(stage, framing, pieces)
    response = stage.send()
    room, data = bytearray(b"." * 40), b""
    while count := response.raw.readinto(memoryview(room)[:30]):
        data += room[:count]
        stage.same("what lies behind the buffer", bytes(room[30:]), b"." * 10)
    stage.same("the body", data, b"".join(pieces))


@CHAPTER.case(wire=False)
def pieces_of_a_size_are_of_that_size(stage: Stage) -> None:
    """T8: iter_content(n) gives n bytes at a time, the last piece shorter, however they came."""
    stage.answer(body=[b"a", b"bcdefg", b"hi"])
    stage.same("the pieces", [*stage.send().iter_content(4)], [b"abcd", b"efgh", b"i"])


@CHAPTER.case(wire=False)
def another_thread_may_read(stage: Stage) -> None:
    """T8: a response that one thread was given is read to its end by another."""
    stage.answer(body=[b"he", b"llo"])
    response = stage.send()
    stage.same("what the other thread reads", stage.together(response.raw.readall), [b"hello"])


# --- and no further ---------------------------------------------------------------------------------------------------


@CHAPTER.rows(_ON)
def nobody_reads_so_nothing_flows(stage: Stage, framing: str) -> None:
    """T8: 64 MiB {row} that nobody reads are gathered nowhere, so that the server waits, and are whole once they are read."""
    play = play_framed(stage, framing, [BLOCK] * MANY)
    response = stage.send()
    stage.demand(not play.finished.wait(0.3), "a server that waits for the reader", "64 MiB sent to nobody")
    count = sum(len(piece) for piece in iter(lambda: response.raw.read(1 << 18), b""))
    stage.same("the bytes read", count, len(BLOCK) * MANY)


@CHAPTER.rows(FRAMINGS)
def reading_costs_no_memory(stage: Stage, framing: str) -> None:
    """T8: 32 MiB {row}, read piece by piece and thrown away, never take more than 8 MiB."""
    play_framed(stage, framing, [BLOCK] * (MANY // 2))
    response = stage.send()
    with _memory() as peak:
        count = sum(len(piece) for piece in iter(lambda: response.raw.read(65536), b""))
    stage.same("the bytes read", count, len(BLOCK) * MANY // 2)
    stage.demand(peak() < 8 << 20, "8 MiB at most", f"{peak():,} bytes")


@contextlib.contextmanager
def _memory() -> Iterator[Callable[[], int]]:
    """Measure how many bytes Python holds at once, beyond what it held before; 0 where it cannot tell, as PyPy."""
    try:
        tracemalloc = importlib.import_module("tracemalloc")
    except ImportError:
        yield lambda: 0
        return
    was_on = tracemalloc.is_tracing()
    if not was_on:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = most = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: most - before
        most = tracemalloc.get_traced_memory()[1]
    finally:
        if not was_on:
            tracemalloc.stop()


_CUT = {
    "a length": (with_length(10), b"012345"),
    "chunks": (CHUNKED_HEAD, b"6\r\n012345\r\n"),
    "a chunk": (CHUNKED_HEAD, b"a\r\n012345"),
}


@CHAPTER.rows(
    {
        f"{name}, {how}": (*cut, size)
        for name, cut in _CUT.items()
        for how, size in (("as it comes", None), ("four bytes at a time", 4))
    }
)
def an_iteration_gives_what_came_before_an_error(stage: Stage, row: tuple[bytes, bytes, int | None]) -> None:
    """T8: iter_content over a body that is cut off ({row}) gives every byte that had come, and raises then."""
    head, beginning, size = row
    stage.play(head, beginning, then="fin")
    pieces = b""
    try:
        for piece in stage.send().iter_content(size):
            pieces += piece
    except TransportError as error:
        stage.demand(isinstance(error, IncompleteBody), "the error IncompleteBody", repr(error))
    else:
        raise Failure("an error behind what came", f"the end after {pieces!r}")
    stage.same("what came before", pieces, b"012345")
