"""What becomes of a body between its reader and its caller: pieces of one size, lines, and decoding that is fed.

A *stage* takes pieces in (``put``), gives what is whole of what it makes of them, and gives at the end what is left
(``rest``). Stages know no colour: whoever reads, or awaits, feeds them. Each takes time linear in what it is fed,
however that is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, AnyStr, Generic, Protocol, TypeVar

from intermodal.errors import ResponseError
from intermodal.model.bodies import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Pieces of a body below this size are cut out of larger ones.
SMALL = 4096

_In_contra = TypeVar("_In_contra", contravariant=True)
_Out_co = TypeVar("_Out_co", covariant=True)
_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")


class Stage(Protocol[_In_contra, _Out_co]):
    """Makes things of the pieces that it is fed."""

    def put(self, piece: _In_contra, /) -> Iterable[_Out_co]: ...

    def rest(self) -> Iterable[_Out_co]: ...


class Then(Generic[_A, _B, _C]):
    """Two stages, of which the second is fed with what the first one gives."""

    def __init__(self, first: Stage[_A, _B], second: Stage[_B, _C]) -> None:
        self._first = first
        self._second = second

    def put(self, piece: _A, /) -> Iterator[_C]:
        for between in self._first.put(piece):
            yield from self._second.put(between)

    def rest(self) -> Iterator[_C]:
        for between in self._first.rest():
            yield from self._second.put(between)
        yield from self._second.rest()


def checked_size(size: int | None) -> int | None:
    """Refuse a ``chunk_size`` of nothing, which would never end.

    Raises:
        ValueError: it is no number from 1; TypeError: it is no whole number.
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        kind = ValueError if isinstance(size, int) and not isinstance(size, bool) else TypeError
        raise kind(f"chunk_size={size!r:.40}: expected a number from 1, or None for pieces as they come")
    return size


class Cutter(Generic[AnyStr]):
    """Cuts what comes into pieces of one size; without a size it lets them through as they come.

    Args:
        size: of each piece; the last one may be shorter.
        empty: ``b""`` or ``""``, whichever it is to cut.
        most: how much is asked for at once where there is no size.
    """

    def __init__(self, size: int | None, empty: AnyStr, most: int | None = None) -> None:
        self._size = checked_size(size)
        self._empty: AnyStr = empty
        self._most = min(checked_size(most) or CHUNK, CHUNK)
        self._kept: list[AnyStr] = []
        self._missing = size or 0
        #: Whether each piece is asked for as it is to be; small ones are cut out of larger ones.
        self.is_exact: bool = size is not None and size >= SMALL

    def wants(self) -> int:
        """How much to ask for."""
        return self._missing if self.is_exact else self._most

    def put(self, piece: AnyStr, /) -> tuple[AnyStr, ...] | list[AnyStr]:
        """Take a piece in, and give those that are whole."""
        size = self._size
        if size is None or (len(piece) == size and not self._kept):
            return (piece,) if piece else ()
        self._kept.append(piece)
        self._missing -= len(piece)
        if self._missing > 0:
            return ()
        data = piece if len(self._kept) == 1 else self._empty.join(self._kept)
        whole = len(data) - len(data) % size
        self._kept = [data[whole:]] if whole < len(data) else []
        self._missing = size - (len(data) - whole)
        return [data[at : at + size] for at in range(0, whole, size)]

    def rest(self) -> list[AnyStr]:
        """Give what is left, if anything is."""
        rest, self._kept = self._empty.join(self._kept), []
        return [rest] if rest else []


class Lines(Generic[AnyStr]):
    r"""Cuts what comes into lines, without their ends.

    A line ends with LF, CR LF or CR, whether bytes or text: nothing else that Unicode calls a line end is one, because a
    line of JSON, of a log or of a CSV file may hold it. A CR LF that comes in two pieces is one line end.

    Args:
        empty: ``b""`` or ``""``, whichever it is to cut.
        delimiter: what ends a line instead.
        limit: the longest line that is waited for.

    >>> lines = Lines(b"")
    >>> lines.put(b"one\r"), lines.put(b"\ntw"), lines.put(b"o\n\nthree"), lines.rest()
    ([b'one'], [], [b'two', b''], [b'three'])
    """

    def __init__(self, empty: AnyStr, delimiter: AnyStr | None = None, limit: int | None = None) -> None:
        if delimiter is not None and not isinstance(delimiter, type(empty)):
            raise TypeError(
                f"delimiter={delimiter!r:.40}: expected {type(empty).__name__}, as the lines are to be; decode_unicode=True"
                " makes them str"
            )
        if delimiter is not None and not delimiter:
            raise ValueError(f"delimiter={delimiter!r} is empty: expected what ends a line, or None for line ends")
        self._empty: AnyStr = empty
        self._delimiter: AnyStr | None = delimiter
        self._limit = limit
        self._lf: AnyStr
        self._cr: AnyStr
        self._lf, self._cr = (b"\n", b"\r") if isinstance(empty, bytes) else ("\n", "\r")
        self._after_cr = False  # so that a LF is its other half
        self._kept: list[AnyStr] = []  # of a line that has not ended yet
        self._held = 0  # of it
        self._tail: AnyStr = empty  # its end, where a delimiter may have begun

    def put(self, piece: AnyStr, /) -> list[AnyStr]:
        """Take a piece in, and give the lines that have ended."""
        lines = self._delimited(piece) if self._delimiter is not None else self._ended(piece)
        if self._limit is not None and self._held > self._limit:
            raise ResponseError(f"a line of the body is longer than {self._limit} bytes, the limit that was set for it")
        return lines

    def _ended(self, piece: AnyStr) -> list[AnyStr]:
        lf, cr = self._lf, self._cr
        if self._after_cr and piece[:1] == lf:
            piece = piece[1:]
            self._after_cr = False
        if not piece:
            return []
        self._after_cr = piece[-1:] == cr
        if cr in piece:
            piece = piece.replace(cr + lf, lf).replace(cr, lf)
        return self._whole(piece, piece.split(lf))

    def _delimited(self, piece: AnyStr) -> list[AnyStr]:
        delimiter = self._delimiter
        assert delimiter is not None
        if delimiter in self._tail + piece:
            self._kept.append(piece)
            lines = self._empty.join(self._kept).split(delimiter)
            self._kept = []
        else:
            lines = [piece]
        beyond = self._tail + piece if len(lines) == 1 else lines[-1]
        whole = self._whole(piece, lines)
        self._tail = beyond[max(len(beyond) - len(delimiter) + 1, 0) :]
        return whole

    def _whole(self, piece: AnyStr, lines: list[AnyStr]) -> list[AnyStr]:
        """Give all but the last of ``lines``, which has not ended, and join the first to what was kept for it."""
        if len(lines) == 1:
            if piece:
                self._kept.append(piece)
                self._held += len(piece)
            return []
        if self._kept:
            self._kept.append(lines[0])
            lines[0] = self._empty.join(self._kept)
        last = lines.pop()
        self._kept = [last] if last else []
        self._held = len(last)
        return lines

    def rest(self) -> list[AnyStr]:
        """Give the last line, if nothing ended it."""
        rest, self._kept = self._empty.join(self._kept), []
        return [rest] if rest else []


class Starved(Exception):
    """A decoder asks for bytes that have not come yet."""


class Supply:
    """Bytes for a decoder that pulls, put in by whoever awaits them: decoders know no colour."""

    def __init__(self) -> None:
        self._data = b""
        self._ended = False

    def put(self, data: bytes) -> None:
        self._data = data
        self._ended = not data

    def read(self, n: int) -> bytes:
        if not self._data and not self._ended:
            raise Starved
        data, self._data = self._data[:n], self._data[n:]
        return data
