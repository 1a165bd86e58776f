"""T5, of the caller's own body: what it raises comes back as it is, and nothing of it passes for a whole request."""

from __future__ import annotations

import errno
import io
import ssl
import tempfile
from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.closed_errors import closed
from intermodal.conformance.chapters.written import raising
from intermodal.conformance.stage import told
from intermodal.errors import ReadTimeout, RequestBodyError
from intermodal.protocol import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()

_STREAM = Capability.STREAM_REQUEST


def _faults() -> dict[str, Exception]:
    """What callers' bodies raise; among it what a transport may take for the network's, or for its own."""
    return {
        "ValueError": ValueError("out of paper"),
        "OSError": OSError(errno.EIO, "the disk is broken"),
        "ConnectionResetError": ConnectionResetError(errno.ECONNRESET, "another server's"),
        "BrokenPipeError": BrokenPipeError(errno.EPIPE, "another server's"),
        "TimeoutError": TimeoutError("another server's"),
        "SSLError": ssl.SSLError(1, "another server's"),
        "StopAsyncIteration": StopAsyncIteration(),
        "ReadTimeout of ours": ReadTimeout("another exchange's", phase="body", delivery="sent"),
    }


@CHAPTER.rows(
    {f"{name} {when}": (name, before) for name in _faults() for when, before in (("at once", 0), ("later", 3))},
    needs=_STREAM,
    wire=False,
)
def a_body_that_raises(stage: Stage, row: tuple[str, int]) -> None:
    """T5: a body that raises {row} is a RequestBodyError with that very exception as its cause."""
    name, before = row
    fault = _faults()[name]
    request = stage.request("POST", "/broken", body=raising(fault, *[b"x" * 1000] * before))
    came = stage.carry(request)
    error = closed(stage, came, request, RequestBodyError, phase="send")
    stage.demand(error.__cause__ is fault, f"{told(fault)} as __cause__", f"{error.__cause__!r}")
    stage.works("a body that raised")


class _Iterable:
    """Raises when it is iterated over for the second time: the Request has tried the first."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        if self._begun:
            raise self._fault
        self._begun = True
        return iter([b"x"])


@CHAPTER.case(needs=_STREAM, wire=False)
def a_body_that_cannot_begin(stage: Stage) -> None:
    """T5: a body that raises when it is iterated over, before its first piece, is a RequestBodyError too."""
    fault = LookupError("no such thing")
    request = stage.request("POST", "/broken", body=_Iterable(fault))
    error = closed(stage, stage.carry(request), request, RequestBodyError, phase="send")
    stage.demand(error.__cause__ is fault, "the LookupError as __cause__", f"{error.__cause__!r}")
    stage.works("a body that raised")


@CHAPTER.rows({"text": "é", "None": None, "a number": 7, "a list": [b"x"]}, needs=_STREAM, wire=False)
def a_piece_that_is_no_bytes(stage: Stage, piece: Any) -> None:
    """T5: a body that gives {row} for a piece is a RequestBodyError."""
    request = stage.request("POST", "/broken", body=iter([b"first", piece]))
    closed(stage, stage.carry(request), request, RequestBodyError, phase="send")
    stage.works("a body that is no bytes")


class _File(io.RawIOBase):
    """A file that breaks where its second piece should be."""

    def __init__(self, *, seekable: bool) -> None:
        super().__init__()
        self._seekable = seekable
        self._reads = 0
        self._at = 0
        self.fault = OSError(errno.EIO, "the disk is broken")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def tell(self) -> int:
        return self.seek(0, io.SEEK_CUR)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if not self._seekable:
            raise io.UnsupportedOperation("a pipe")
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: 100_000}[whence]
        return self._at

    def read(self, _size: int = -1, /) -> bytes:
        self._reads += 1
        if self._reads > 1:
            raise self.fault
        return b"x" * 10


@CHAPTER.rows({"whose length is known": True, "of unknown length": False}, needs=_STREAM, wire=False)
def a_file_that_breaks(stage: Stage, seekable: bool) -> None:
    """T5: a file {row} that cannot be read to its end is a RequestBodyError, caused by its OSError."""
    file = _File(seekable=seekable)
    request = stage.request("POST", "/broken", body=file)
    error = closed(stage, stage.carry(request), request, RequestBodyError, phase="send")
    stage.demand(error.__cause__ is file.fault, "the file's OSError as __cause__", f"{error.__cause__!r}")
    stage.works("a file that broke")


@CHAPTER.rows({"closed": True, "cut short": False}, needs=_STREAM, wire=False)
def a_file_that_is_not_as_it_was(stage: Stage, closes: bool) -> None:
    """T5: a file that was {row} after the request was made of it is a RequestBodyError."""
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 100_000)
        file.seek(0)
        request = stage.request("POST", "/broken", body=file)
        if closes:
            file.close()
        else:
            file.truncate(10)
        closed(stage, stage.carry(request), request, RequestBodyError, phase="send")
    stage.works("a file that is not as it was")


# --- its length ---------------------------------------------------------------------------------------------------------

_LENGTHS: dict[str, tuple[int, list[bytes]]] = {
    "a byte short": (9, [b"12345", b"678"]),
    "without a byte": (9, []),
    "a byte long": (9, [b"1234567890"]),
    "long by a second piece": (9, [b"12345", b"67890"]),
    "long where there should be nothing": (0, [b"x"]),
}


@CHAPTER.rows(_LENGTHS, needs=_STREAM, wire=False)
def a_length_that_does_not_hold(stage: Stage, row: tuple[int, list[bytes]]) -> None:
    """T5, RFC 9110 section 8.6: a body that does not keep to its Content-Length ({row}) is a RequestBodyError."""
    length, pieces = row
    request = stage.request("POST", "/broken", [("Content-Length", str(length))], iter(pieces))
    closed(stage, stage.carry(request), request, RequestBodyError, phase="send")
    stage.works("a body of another length")


def _only_the_last_arrived(stage: Stage) -> None:
    """Demand that of the requests of the case only the ordinary one at its end is whole."""
    whole = [f"{each.method} {each.target}" for each in stage.received]
    stage.demand(len(whole) == 1 and whole[0].startswith("GET "), "one whole request, the last one", whole)


@CHAPTER.rows(_LENGTHS, needs=_STREAM)
def no_byte_beyond_the_length(stage: Stage, row: tuple[int, list[bytes]]) -> None:
    """T5, RFC 9112 section 11.2: of a body that does not keep to its length ({row}) no byte beyond it leaves, to be the next request."""
    length, pieces = row
    stage.carry(stage.request("POST", "/broken", [("Content-Length", str(length))], iter(pieces)))
    stage.works("a body of another length")
    stage.settle()
    first = stage.connections[0].received
    head, _, content = first.partition(b"\r\n\r\n")
    stage.demand(len(content) <= length, f"{length} bytes of content at most", first)
    if head and length > 0:
        _only_the_last_arrived(stage)
    stage.demand(b"GET " not in first, "a connection that is not used again", first)


_UNFINISHED: dict[str, Callable[[], tuple[list[tuple[str, str]], Iterator[Any]]]] = {
    "raises, in chunks": lambda: ([], raising(ValueError("out of paper"), *[b"x" * 1000] * 2)),
    "raises, of a length": lambda: (
        [("Content-Length", "9999")],
        raising(ValueError("out of paper"), *[b"x" * 1000] * 2),
    ),
    "is no bytes, in chunks": lambda: ([], iter([b"first", "second"])),
    "is too short": lambda: ([("Content-Length", "9999")], iter([b"first"])),
}


@CHAPTER.rows(_UNFINISHED, needs=_STREAM)
def a_broken_body_is_no_whole_request(
    stage: Stage, row: Callable[[], tuple[list[tuple[str, str]], Iterator[Any]]]
) -> None:
    """T5, RFC 9112 section 8: where a body {row}, the server sees no whole request, and its connection ends."""
    fields, body = row()
    stage.origin  # noqa: B018 - starts it
    stage.carry(stage.request("POST", "/broken", fields, body))
    stage.works("a body that broke")
    _only_the_last_arrived(stage)
    if len(stage.connections) > 1:
        first = stage.connections[0]
        stage.until(lambda: not first.open, "the end of the connection of a body that broke")


# --- what is nobody's to catch ------------------------------------------------------------------------------------------


class _Stop(BaseException):
    """What passes through ``except Exception``."""


def _stopped_by(stage: Stage, fault: BaseException, before: int) -> None:
    request = stage.request("POST", "/broken", body=raising(fault, *[b"x" * 1000] * before))
    came: BaseException | None = None
    try:
        stage.send(request)
    except BaseException as error:  # noqa: BLE001 - it is the point
        came = error
    stage.demand(came is fault, f"the very {type(fault).__name__} that the body raised", repr(came))
    stage.works(f"a {type(fault).__name__} out of a body")


_WHEN = {"at once": 0, "later": 3}


@CHAPTER.rows(_WHEN, needs=_STREAM, wire=False)
def a_base_exception_passes(stage: Stage, before: int) -> None:
    """T5: what a body raises {row} that is no Exception passes as it is, and leaves a transport that works."""
    _stopped_by(stage, _Stop(), before)


@CHAPTER.rows(_WHEN, needs=_STREAM, wire=False, colour="sync")
def a_keyboard_interrupt_passes(stage: Stage, before: int) -> None:
    """T5: KeyboardInterrupt out of a body, {row}, passes as it is, and leaves a transport that works."""
    _stopped_by(stage, KeyboardInterrupt(), before)
