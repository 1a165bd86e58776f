"""Request bodies: bytes, a file, or any iterable of bytes; with a length or without, replayable or not.

Whatever the caller gave, a transport sees the same thing: ``pieces()``, an iterator of non-empty
``bytes`` of at most 64 KiB. The pieces are counted while they are read: a body that is longer or
shorter than it was said to be ends in ``RequestBodyError`` before a byte too many leaves, because a
wrong Content-Length makes the rest of the body the server's next request (RFC 9112 section 11.2).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from intermodal.errors import BodyNotReplayable, InvalidRequest, RequestBodyError

_END: object = object()

#: No piece is larger, so that a write timeout bounds each 64 KiB and not a whole upload.
PIECE = 65536


@runtime_checkable
class BinaryFile(Protocol):
    """A file opened in binary mode, as far as a request body needs it."""

    def read(self, size: int, /) -> bytes: ...


BodyInput = bytes | bytearray | memoryview | str | BinaryFile | Iterable[bytes] | None


class FileSpan(NamedTuple):
    """A part of a file on disk."""

    file: Any
    start: int
    length: int

    def after(self, n: int) -> FileSpan | None:
        """Give what is left behind the first ``n`` bytes; behind the last the file stands as if it had been read."""
        if n < self.length:
            return FileSpan(self.file, self.start + n, self.length - n)
        with contextlib.suppress(OSError, ValueError):
            self.file.seek(self.start + n)
        return None

    def pieces(self) -> Iterator[bytes]:
        """Read it."""

        def read() -> Iterator[bytes]:
            self.file.seek(self.start)
            return _read(self.file, self.length)

        return Body(read, self.length).pieces()


class Body:
    """A request body: where its bytes come from, how many they are, and whether they can be had again.

    Attributes:
        length: the number of bytes, or None where only reading tells (sent chunked, RFC 9112 section 7.1).
        replayable: whether ``pieces()`` can be called more than once.
        content: the bytes themselves, where the body was given as bytes, else None.
        file: the file that holds the body and nothing else from ``file.tell()`` on, where the system may read it
            in our stead, else None.

    >>> body = Body(lambda: iter([b"ab", b"", b"c"]), length=3)
    >>> list(body.pieces())
    [b'ab', b'c']
    """

    __slots__ = ("_open", "_opened", "content", "file", "length", "replayable")

    length: int | None
    replayable: bool
    content: bytes | None
    file: FileSpan | None

    def __init__(
        self, open: Callable[[], Iterable[bytes]], length: int | None = None, *, replayable: bool = True
    ) -> None:
        if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 0):
            raise InvalidRequest(
                f"a body's length={length!r:.40}: expected a number of bytes from 0, or None for unknown"
            )
        self._open = open
        self._opened = False
        self.length = length
        self.replayable = replayable
        self.content = None
        self.file = None

    @classmethod
    def of(cls, content: bytes) -> Body:
        """Make a Body of bytes."""
        body = cls(lambda: (content,), len(content))
        body.content = content
        return body

    def with_length(self, length: int) -> Body:
        """Give the same body with a length that the caller vouches for (checked while it is sent)."""
        body = Body(self._open, length, replayable=self.replayable)
        body._opened = self._opened
        return body

    def __reduce__(self) -> tuple[Any, ...]:
        # Bytes travel to another process; a file or a generator does not, and says so if it is to be sent from there.
        return (Body.of, (self.content,)) if self.content is not None else (_left_behind, (self.length,))

    def pieces(self) -> Iterator[bytes]:
        """Read the body from its start, in non-empty pieces of at most 64 KiB.

        Raises:
            BodyNotReplayable: it has been read before and cannot be read again.
            RequestBodyError: reading it raised, a piece is no bytes, or the length is not as said.
        """
        if self._opened and not self.replayable:
            raise BodyNotReplayable(
                "the request body has been read already and cannot be read again: give bytes, a list of bytes or a"
                " seekable file instead of a generator"
            )
        self._opened = True
        return self._checked()

    def _checked(self) -> Iterator[bytes]:
        left = self.length
        source: Iterator[object] | None = None
        try:
            while True:
                try:
                    if source is None:
                        source = iter(self._open())
                    piece = next(source, _END)
                except RequestBodyError:  # of a body within this one
                    raise
                except Exception as error:
                    raise RequestBodyError(f"reading the request body raised {error!r:.200}") from error
                if piece is _END:
                    break
                for part in _split(piece):
                    if left is not None:
                        left -= len(part)
                        if left < 0:
                            raise RequestBodyError(
                                f"the request body is longer than the {self.length} bytes it was said to have:"
                                " nothing beyond them was sent"
                            )
                    yield part
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
        if left:
            raise RequestBodyError(
                f"the request body ended {left} bytes before the {self.length} bytes it was said to have"
            )

    def __repr__(self) -> str:
        return f"<Body {'of unknown length' if self.length is None else f'of {self.length} bytes'}>"


def _split(piece: object) -> Iterator[bytes]:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise RequestBodyError(
            f"the request body gave a {type(piece).__name__} ({piece!r:.60}): expected bytes; encode text first"
        )
    data = piece if isinstance(piece, bytes) else bytes(piece)
    if len(data) <= PIECE:
        if data:
            yield data
        return
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]


def as_body(value: Body | BodyInput) -> Body | None:
    """Make a Body of what a caller gave; an empty one is no body at all.

    bytes and str (as UTF-8) have a length; a file has the length from where it stands to its end and
    is read again from there; a list or tuple of bytes can be read again, a generator only once.

    >>> as_body("é").length, as_body(iter([b"x"])).length, as_body(b"")
    (2, None, None)

    Raises:
        InvalidRequest: a file opened in text mode, a mapping, or anything that is no body.
    """
    if isinstance(value, Body):
        return None if value.content == b"" else value  # one that only says it is empty is held to it when it is sent
    if value is None:
        return None
    try:
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, memoryview | bytearray):
            value = bytes(value)
    except ValueError as error:  # a lone surrogate, or a memoryview that was released
        raise InvalidRequest(f"the request body cannot be sent: {error}") from error
    if isinstance(value, bytes):
        content = bytes(value)
        return Body.of(content) if content else None
    if isinstance(value, BinaryFile):
        return _file_body(value)
    if isinstance(value, Iterable) and not hasattr(value, "keys"):
        again = iter(value) is not value
        return Body(lambda: value, replayable=again)
    raise InvalidRequest(
        f"a {type(value).__name__} cannot be a request body: expected bytes, str, a binary file or an iterable of bytes"
    )


def _left_behind(length: int | None) -> Body:
    body = Body(lambda: (), length, replayable=False)
    body._opened = True
    return body


def _file_body(file: Any) -> Body | None:
    mode = getattr(file, "mode", None)
    if isinstance(file, io.TextIOBase) or (isinstance(mode, str) and "b" not in mode):
        raise InvalidRequest(
            f"the request body {file!r:.80} is a file opened in text mode, whose number of bytes is not known:"
            " open it with mode 'rb'"
        )
    try:
        start = file.tell()
        file.seek(0, io.SEEK_END)
        length = file.tell() - start  # not what seek() gives: wrappers forget to give anything
        file.seek(start)
    except (AttributeError, OSError, TypeError, ValueError):  # a pipe, a socket file, a wrapper without seek
        return Body(lambda: _read(file), replayable=False)
    if length <= 0:
        return None

    def again() -> Iterator[bytes]:
        file.seek(start)
        return _read(file, length)

    body = Body(again, length)
    if type(file) is io.FileIO or (type(file) is io.BufferedReader and type(file.raw) is io.FileIO):
        body.file = FileSpan(file, start, length)  # of any other, what read() gives may not be what is on the disk
    return body


def _read(file: Any, length: int | None = None) -> Iterator[bytes]:
    """Read a file to its end, or as much of it as was there when it was measured: it may be growing."""
    while piece := file.read(PIECE if length is None else min(PIECE, length)):
        yield piece
        if length is not None:
            length -= len(piece)
