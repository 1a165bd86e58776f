"""T9, of limits: what has no end is refused long before it fills the memory, and what keeps to a limit is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.malformed import HELLO, LENGTH, STRICT, refused
from intermodal.conformance.chapters.written import CHUNKED_HEAD, CONTINUE, OK
from intermodal.model.options import Limits
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intermodal.conformance.stage import Stage
    from intermodal.errors import Phase

CHAPTER = Chapter()

_LINE: Final = b"X-Filling: " + b"x" * 1011 + b"\r\n"

#: What begins, and what goes on and on behind it.
_ENDLESS: Mapping[str, tuple[bytes, bytes, Phase]] = {
    "a status line": (b"HTTP/1.1 200 ", b"O" * 65536, "head"),
    "a field": (OK + b"X-Filling: ", b"x" * 65536, "head"),
    "fields": (OK, _LINE * 64, "head"),
    "short fields": (OK, b"a:\r\n" * 16384, "head"),
    "a folded field": (OK + b"X-Filling: x\r\n", b" x\r\n" * 16384, "head"),
    "interim answers": (b"", CONTINUE * 2048, "head"),
    "an extension of a chunk": (CHUNKED_HEAD + b"5;a=", b"x" * 65536, "body"),
    "a chunk size": (CHUNKED_HEAD, b"0" * 65536, "body"),
    "trailers": (CHUNKED_HEAD + b"0\r\n", _LINE * 64, "body"),
    "a trailer": (CHUNKED_HEAD + b"0\r\nX-Filling: ", b"x" * 65536, "body"),
}


@CHAPTER.rows(_ENDLESS, guarantee=STRICT)
def what_never_ends_is_refused(stage: Stage, row: tuple[bytes, bytes, Phase]) -> None:
    """T9, RFC 9110 section 5.4: nobody goes on reading {row} without an end, of which 4 MiB would come."""
    start, more, phase = row
    refused(stage, start, *[more] * 64, Stall(), phase=phase)


def _crowded(fields: int) -> bytes:
    return OK + b"X-Filling: 1\r\n" * (fields - 1) + HELLO


def _padded(size: int) -> bytes:
    """Give a head of so many bytes in all, and its body."""
    rest = len(OK + LENGTH + b"X-Filling: \r\n\r\n")
    return OK + b"X-Filling: " + b"x" * (size - rest) + b"\r\n" + HELLO


def _in_a_trailer(size: int) -> bytes:
    """Give chunks with a trailer section of so many bytes in all."""
    return CHUNKED_HEAD + b"0\r\nX-T: " + b"x" * (size - 9) + b"\r\n\r\n"


#: The limits, what just keeps to them, what does not, and where that shows.
_LIMITS: Mapping[str, tuple[Limits, bytes, bytes, Phase]] = {
    "head_bytes": (Limits(head_bytes=1000), _padded(1000), _padded(1001), "head"),
    "head_bytes of trailers": (Limits(head_bytes=1000), _in_a_trailer(1000), _in_a_trailer(1001), "body"),
    "fields": (Limits(fields=10), _crowded(10), _crowded(11), "head"),
    "fields of trailers": (
        Limits(fields=10),
        CHUNKED_HEAD + b"0\r\n" + b"X-T: 1\r\n" * 10 + b"\r\n",
        CHUNKED_HEAD + b"0\r\n" + b"X-T: 1\r\n" * 11 + b"\r\n",
        "body",
    ),
    "interim": (
        Limits(interim=2),
        CONTINUE * 2 + OK + HELLO,
        CONTINUE * 3 + OK + HELLO,
        "head",
    ),
    "interim, none": (
        Limits(interim=0),
        OK + HELLO,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + HELLO,
        "head",
    ),
    "chunk_line": (
        Limits(chunk_line=20),
        CHUNKED_HEAD + b"0;" + b"a" * 16 + b"\r\n\r\n",
        CHUNKED_HEAD + b"0;" + b"a" * 17 + b"\r\n\r\n",
        "body",
    ),
}


@CHAPTER.rows(_LIMITS, guarantee=STRICT, limits=True)
def a_limit_is_kept(stage: Stage, row: tuple[Limits, bytes, bytes, Phase]) -> None:
    """T9, RFC 9110 section 5.4: what reaches a limit ({row}) is accepted, and one more is refused."""
    limits, within, beyond, phase = row
    stage.open(limits)
    stage.play(within)
    stage.answered(stage.carry(), 200)
    stage.same("the number of connections", len(stage.connections), 1)
    refused(stage, beyond, phase=phase)
