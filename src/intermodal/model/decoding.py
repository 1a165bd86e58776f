"""Undo content codings while a body is read (RFC 9110 section 8.4), in bounded memory.

A *reader* is a callable ``read(n)`` that returns 1 to ``n`` bytes, and ``b""`` only at the end of the
body. :func:`decoded` makes a reader of decoded bytes out of a reader of coded ones. Its laws:

* Codings are undone last-applied first, at most :data:`MAX_CODINGS` of them over all header lines.
* A coding that is unknown here leaves the whole body as it came, and nothing is half decoded.
* A body that ends before its coded data does is an error, never a silent prefix; one without any byte
  is an empty body whatever its codings (the answer to HEAD, 204, Content-Length: 0).
* What was decoded before a fault is delivered before the error. gzip and deflate deliver all that the
  bytes before the faulty one hold, however they were segmented; the libraries for br and zstd return
  nothing from a call that fails, so there up to ``_STEP`` bytes of coded input may go undelivered.
* Memory does not grow with the body, nor with its ratio: each coding holds one piece of input, one
  block of output and its window (at most 16 MiB, the largest of br). Nothing is decoded ahead of the
  block that is being read, so a decompression bomb costs only what its reader takes.
* Time between two pieces of data is bounded as well: codings that go on and on without holding anything
  (empty members, skipped frames, bytes after the end, each multiplied by the coding around it) are an error.
* What the reader below raises passes through untouched and changes nothing here: a reader that raises for
  want of bytes can be given some, and the call made again, which is how asynchronous bodies are decoded.

After the coded data: bytes after gzip and deflate are ignored, as gzip(1) and browsers do, unless they
begin another gzip member (RFC 1952 section 2.2); zstd continues with the next frame (RFC 8878 section
3.1), and br with nothing (RFC 7932 section 10), so anything else there is an error.
"""

from __future__ import annotations

import sys
import zlib
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from intermodal.errors import ContentDecodingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["MAX_CODINGS", "accept_encoding", "codings", "decoded"]

#: The most codings that are undone; an endless chain is an attack (CVE-2022-32206, CVE-2023-23916).
MAX_CODINGS = 5

# Bytes of coded input asked for at a time.
_PIECE = 65536
# Bytes of it given to a library at a time: what the library keeps, copies and loses in a fault stays small.
_STEP = 4096
# Bytes of output a library may return at a time: a little below brotli's first buffer, because it counts
# only whole buffers and the next is twice as big.
_BLOCK = 32000
# Bytes that may be taken in, by all codings of a body together, without a byte of data coming out of it; a
# member counts for a step, however short, because that is what beginning one costs.
_FRUITLESS = 16 * 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"
# RFC 9659: content coded with zstd has a window of at most 8 MB.
_ZSTD_WINDOW_LOG = 23
_BR_TRAILING = "data after the end of the stream"


def accept_encoding() -> str:
    """Return the value of Accept-Encoding that names what can be decoded here.

    ``br`` and ``zstd`` are named where their library is installed; it is imported on the first call.

    >>> accept_encoding().split(", ")[:2]
    ['gzip', 'deflate']
    """
    return ", ".join(_available())


def codings(values: Iterable[str]) -> tuple[str, ...]:
    """Return the codings that all Content-Encoding field values name, in the order they were applied.

    They come in lower case, ``x-gzip`` as ``gzip`` (RFC 9110 section 8.4.1.3), without ``identity`` and
    without empty list members (RFC 9110 section 5.6.1).

    >>> codings(["deflate, X-Gzip", "identity,, br"])
    ('deflate', 'gzip', 'br')
    """
    members = (member.strip(" \t").lower() for value in values for member in value.split(","))
    return tuple("gzip" if member == "x-gzip" else member for member in members if member not in {"", "identity"})


def decoded(read: Callable[[int], bytes], codings: Sequence[str]) -> Callable[[int], bytes]:
    """Return a reader of what ``read`` gives with ``codings`` undone, the last one first.

    Where there is nothing to undo, that is ``read`` itself. So it is where any of the codings is unknown
    here: the bytes then come as they came, and the header that names their codings has to stay.

    Args:
        read: the reader of the coded body.
        codings: what was applied to it, as :func:`codings` returns it.

    Raises:
        ContentDecodingError: there are more than :data:`MAX_CODINGS`; nothing has been read. The reader
            raises it where the body does not decode or ends too early, and again on each later call.

    >>> import io
    >>> read = decoded(io.BytesIO(zlib.compress(b"hello")).read, ["deflate"])
    >>> read(3), read(3), read(3)
    (b'hel', b'lo', b'')
    """
    if len(codings) > MAX_CODINGS:
        raise ContentDecodingError(
            f"the body has {len(codings)} content codings, of which at most {MAX_CODINGS} are undone: "
            f"{', '.join(codings[:MAX_CODINGS])!r}, ...; `raw` gives the body as it came"
        )
    if not codings or not _available().keys() >= set(codings):
        return read
    effort = _Effort()
    for name in reversed(codings):
        read = _Decoder(read, name, _available()[name], effort).read

    def delivered(n: int) -> bytes:
        piece = read(n)
        effort.fruitless = 0
        return piece

    return delivered


class _Member(Protocol):
    """Decodes one gzip member, zstd frame or the like: the interface of bz2, lzma and zstd decompressors."""

    @property
    def eof(self) -> bool: ...  # the end of the member was reached, and all its output returned
    @property
    def needs_input(self) -> bool: ...  # False: ``decompress(b"")`` may return more
    @property
    def unused_data(self) -> bytes: ...  # after eof: the end of the data that was given, not used

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Coding(NamedTuple):
    """A coding: how its members begin, and what its library raises."""

    #: Takes the first two bytes (one, if the body has no more) and whether a member came before; returns
    #: None where these bytes and all that follow are to be ignored.
    begin: Callable[[bytes, bool], _Member | None]
    error: type[Exception]


class _Effort:
    """What all codings of a body have taken in since it last gave data, in bytes."""

    fruitless = 0


class _Decoder:
    """Undoes one coding of what a reader gives."""

    def __init__(self, read: Callable[[int], bytes], name: str, coding: _Coding, effort: _Effort) -> None:
        self._read = read
        self._name = name
        self._coding = coding
        self._effort = effort
        self._input = b""
        self._at = 0  # how much of _input has been taken
        self._input_ended = False
        self._member: _Member | None = None
        self._again = False  # a member came before
        self._ignoring = False  # the rest of the input
        self._output = memoryview(b"")
        # Kept as parts: an exception's traceback would hold this object, and with it the connection, in a cycle.
        self._fault: tuple[str, Exception | None] | None = None

    def read(self, n: int) -> bytes:
        while not self._output:
            if self._fault is not None:
                reason, cause = self._fault
                raise ContentDecodingError(
                    f"the body does not decode as {self._name!r}: {reason}; `raw` gives it as it came"
                ) from cause
            if self._input_ended and self._member is None and self._at == len(self._input):
                return b""
            self._advance()
        piece, self._output = bytes(self._output[:n]), self._output[n:]
        return piece

    def _advance(self) -> None:
        left = len(self._input) - self._at
        if self._effort.fruitless > _FRUITLESS:
            self._fault = ("it goes on and on with no data in it", None)
        elif self._member is None:
            if left < 2 and not self._input_ended:
                self._pull()
            else:
                self._begin()
        elif left or not self._member.needs_input:
            self._decode(self._member)
        elif self._input_ended:
            self._fault = (f"it ends inside the {self._name} data, so it was cut short", None)
        else:
            self._pull()

    def _pull(self) -> None:
        data = self._read(_PIECE)
        self._effort.fruitless += len(data)
        self._input_ended = not data
        self._input = b"" if self._ignoring else self._input[self._at :] + data
        self._at = 0

    def _begin(self) -> None:
        self._effort.fruitless += _STEP
        head = self._input[self._at : self._at + 2]
        try:
            self._member = self._coding.begin(head, self._again)
        except self._coding.error as exc:
            self._fault = (str(exc), exc.with_traceback(None))
            return
        if self._member is None:
            self._ignoring = True
            self._at = len(self._input)

    def _decode(self, member: _Member) -> None:
        data = self._input[self._at : self._at + _STEP] if member.needs_input else b""
        try:
            self._output = memoryview(member.decompress(data, _BLOCK))
        except self._coding.error as exc:
            self._fault = (str(exc), exc.with_traceback(None))
            return
        self._at += len(data)
        if member.eof:
            # What it did not use is the end of the last data it was given, maybe some calls ago.
            self._at -= len(member.unused_data)
            self._member = None
            self._again = True


class _Inflate:
    """Decodes one stream of zlib's, in the interface of :class:`_Member`."""

    def __init__(self, wbits: int) -> None:
        self._inflate = zlib.decompressobj(wbits)
        self._fault: zlib.error | None = None
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._fault is not None:
            raise self._fault
        data = data or self._inflate.unconsumed_tail
        before = self._inflate.copy()
        try:
            output = self._inflate.decompress(data, max_length)
        except zlib.error as exc:
            self._fault = exc.with_traceback(None)
            output = _before_fault(before, data)
        # Output that fills its room may have more behind it, even where all input was taken.
        self.needs_input = self._fault is None and len(output) < max_length
        return output


def _before_fault(inflate: zlib._Decompress, data: bytes) -> bytes:
    """Return what the bytes of ``data`` before the faulty one decode to, as a call that fails returns nothing.

    That is no more than the failed call was allowed to return, since it got as far as the fault.
    """
    output = bytearray()
    with suppress(zlib.error):
        for at in range(len(data)):
            output += inflate.decompress(data[at : at + 1])
    return bytes(output)


class _Brotli:
    """Decodes a br stream with ``brotli`` or ``brotlicffi``, in the interface of :class:`_Member`."""

    unused_data = b""  # both libraries fail when given bytes after the end

    def __init__(self, library: Any) -> None:
        self._error = library.error
        self._decompressor = library.Decompressor()
        self.needs_input = True
        self.eof = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output: bytes = self._decompressor.process(data, output_buffer_limit=max_length)
        accepts = self._decompressor.can_accept_more_data()
        if not output and not accepts:
            # brotlicffi 1.2.0 keeps such bytes and says so for ever (python-hyper/brotlicffi#232).
            raise self._error(_BR_TRAILING)
        # can_accept_more_data() does not tell, in every version, whether more output waits inside.
        self.needs_input = accepts and not output
        self.eof = accepts and self._decompressor.is_finished()
        return output


@cache
def _available() -> Mapping[str, _Coding]:
    """Return the codings that can be undone here, in the order in which they are offered."""
    codings = {
        "gzip": _Coding(_gzip, zlib.error),
        "deflate": _Coding(_deflate, zlib.error),
        "br": _br(_library("brotli", "brotlicffi")),
        # Below 3.14 `compression` is not the standard library's: whatever answers to that name is somebody else's.
        "zstd": _zstd(_library(*(["compression.zstd"] if sys.version_info >= (3, 14) else []), "backports.zstd")),
    }
    return {name: coding for name, coding in codings.items() if coding is not None}


def _library(*names: str) -> Any:
    """Return the first of these modules that can be imported, or None."""
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    return None


def _gzip(head: bytes, again: bool) -> _Member | None:
    # A lone first byte of the magic is a member cut short, as gzip(1) has it.
    if again and not _GZIP_MAGIC.startswith(head):
        return None
    return _Inflate(16 + zlib.MAX_WBITS)


def _deflate(head: bytes, again: bool) -> _Member | None:
    """Tell zlib format from the raw deflate that some servers send (RFC 9110 section 8.4.1.2).

    RFC 1950 section 2.2: method 8, a window of at most 32 KiB, and a check of both bytes. As raw deflate
    a first byte like that would be a stored block with padding bits set, which no encoder writes.
    """
    if again:
        return None
    is_zlib = head[0] & 0x8F == 8 and int.from_bytes(head, "big") % 31 == 0
    return _Inflate(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)


def _br(library: Any) -> _Coding | None:
    # Before 1.2 the output of a call has no bound (CVE-2025-6176).
    if library is None or not hasattr(library.Decompressor, "can_accept_more_data"):
        return None

    def begin(_head: bytes, again: bool) -> _Member:
        if again:
            raise library.error(_BR_TRAILING)
        return _Brotli(library)

    return _Coding(begin, library.error)


def _zstd(library: Any) -> _Coding | None:
    if library is None:
        return None
    options = {library.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    # Bytes after a frame have to begin another one; the library tells.
    return _Coding(lambda _head, _again: library.ZstdDecompressor(options=options), library.ZstdError)
