"""Broken readers, made out of the one under test by its public surface alone: whatever is inside of it, they stay broken.

``law`` names the law by which each has to be caught.
"""

from __future__ import annotations

import contextlib
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fuzz.reading import OURS

from intermodal.errors import ProtocolError
from intermodal.h1.exchange import ResponseReader
from intermodal.model.headers import Headers
from intermodal.model.options import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

MUTANTS: list[tuple[str, str, type]] = []

ESCAPE = "only our errors escape"
CUT = "any cut gives the same"
END = "every input comes to an end"
MORE = "no more comes out than went in"
TEXT = "an error text is short and printable"
LISTED = "every difference is listed"
LIMITS = "limits hold"
WHOLE = "a failed message is never whole"
MEMORY = "memory is bounded"
OPEN = "only a whole message leaves a reusable connection"
TRAILERS = "trailers are there once the message is whole"
NOTHING = "nothing comes of nothing"


def mutant(name: str, law: str):
    """Register a class of broken readers."""

    def register(made: type) -> type:
        MUTANTS.append((name, law, made))
        return made

    return register


# --- readers of other bytes -------------------------------------------------------------------------------------------


class Rereading:
    """A reader that reads all that has come from its beginning whenever it is asked, and ``change`` of it instead of it."""

    def __init__(self, method: str, limits: Limits, *, upgrade: bool = False, close: bool = False) -> None:
        self._make = lambda: ResponseReader(method, limits, upgrade=upgrade, close=close)
        self._all = b""
        self._end: bool | None = None
        self._given = 0
        self._starved = False

    def change(self, data: bytes) -> bytes:
        return data

    def receive(self, data: bytes, *, clean: bool = True) -> None:
        self._all += data
        self._starved = False
        if not data:
            self._end = clean

    def _fed(self) -> ResponseReader:
        reader = self._make()
        if data := self.change(self._all):
            reader.receive(data)
        if self._end is not None:
            reader.receive(b"", clean=self._end)
        return reader

    def _read(self) -> ResponseReader:
        """A new reader, as far as the bytes go that were given out."""
        reader = self._fed()
        with contextlib.suppress(*OURS):
            if reader.head() is not None:
                left = self._given
                while left and (data := reader.take(left)):
                    left -= len(data)
                if self._starved:
                    reader.take(1)
        return reader

    def head(self):
        return self._fed().head()

    def take(self, n: int) -> bytes:
        data = self._read().take(n)
        self._given += len(data)
        self._starved = not data
        return data

    def rest(self) -> bytes:
        return self._read().rest()

    done = property(lambda self: self._read().done)
    reusable = property(lambda self: self._read().reusable)
    stays_open = property(lambda self: self._read().stays_open)
    trailers = property(lambda self: self._read().trailers)
    informational = property(lambda self: self._read().informational)


def _reads(name: str, pattern: bytes, instead: bytes) -> None:
    """A mutant that takes one thing for another; the beginning of what it reads does not change as more comes."""
    compiled = re.compile(pattern)
    made = type("Mutant", (Rereading,), {"change": lambda _self, data: compiled.sub(instead, data)})
    MUTANTS.append((name, LISTED, made))


_reads("a lone LF ends a chunk-size line", rb"(?<=\r\n)([0-9A-Fa-f]+)\n", rb"\1\r\n")
_reads("a lone LF ends the data of a chunk", rb"(?<=hello)\n", rb"\r\n")
_reads("a sign in front of a length", rb"(?im)^(content-length:[ \t]*)[+](?=[0-9])", rb"\1")
_reads("an underscore in a length", rb"(?im)^(content-length:[ \t]*[0-9])_(?=[0-9])", rb"\1")
_reads("0x in front of a chunk size", rb"(?<=\r\n)0x(?=[0-9a-f])", rb"")
_reads("white space before a colon", rb"(?m)^([A-Za-z-]+)[ \t]+:", rb"\1:")
_reads("white space around the version", rb"^(HTTP/1\.1)[ \t]+(?=[0-9]{3})", rb"\1 ")
_reads("xchunked for chunked", rb"(?im)^(transfer-encoding:[ \t]*)x(?=chunked\r?\n)", rb"\1")
_reads("chunked\\x85 for chunked", rb"(?im)^(transfer-encoding:[ \t]*chunked)[\x85\xa0](?=\r?\n)", rb"\1")
_reads("a fold is joined without a space", rb"\r\n[ \t]+(?=[^\s])", rb"")
_reads("a bare CR ends a line", rb"\r(?=[A-Za-z])", rb"\r\n")
_reads("NUL is left out", rb"(?m)(?<=: a)\0", rb"")
_reads("VT is white space", rb"\x0b(?=\r\n)", rb" ")
_reads(
    "two different lengths, the first of which counts",
    rb"(?im)^(content-length: \d+\r\n)content-length: \d+\r\n",
    rb"\1",
)
_reads("the members of a list of lengths need not be equal", rb"(?im)^(content-length: \d+),[ \t\d,]*\d(?=\r)", rb"\1")
_reads("a chunked body of a 204 is read", rb"^(HTTP/1\.1 20)4(?= [^\n]*\n)", rb"\g<1>0")


# --- readers that tell something else ---------------------------------------------------------------------------------


@mutant("a ValueError for a chunk size", ESCAPE)
class _(ResponseReader):
    def take(self, n):
        try:
            return super().take(n)
        except ProtocolError as error:
            if "chunk-size" in str(error):
                raise ValueError(str(error)) from error
            raise


@mutant("an UnboundLocalError once asked again", ESCAPE)
class _(ResponseReader):
    failed = False

    def head(self):
        if self.failed:
            raise UnboundLocalError
        try:
            return super().head()
        except OURS:
            self.failed = True
            raise


@mutant("the text of an error holds all that came", TEXT)
class _(ResponseReader):
    came = b""

    def receive(self, data, *, clean=True):
        self.came += data
        super().receive(data, clean=clean)

    def head(self):
        try:
            return super().head()
        except OURS as error:
            raise type(error)(f"{error}: {self.came!r}") from error


@mutant("the text of an error holds a line end", TEXT)
class _(ResponseReader):
    def head(self):
        try:
            return super().head()
        except OURS as error:
            raise type(error)(f"{error}\r\n") from error


@mutant("a LF at the beginning of a segment is lost", CUT)
class _(ResponseReader):
    def receive(self, data, *, clean=True):
        super().receive(data[1:] if data[:1] == b"\n" and len(data) > 1 else data, clean=clean)


@mutant("an end of line must come in one segment", CUT)
class _(ResponseReader):
    last = b""

    def receive(self, data, *, clean=True):
        super().receive(b"\r" + data if self.last == b"\r" and data[:1] == b"\n" else data, clean=clean)
        self.last = data[-1:]


@mutant("the shortcut for a head leaves a byte of it to the body", CUT)
class _(ResponseReader):
    def begin(self, data, usual):
        *others, end = usual
        super().begin(data, (*others, end - 1))


@mutant("the bytes that went past the reader are not counted", CUT)
class _(ResponseReader):
    def skip(self, n):
        pass


@mutant("a fault is told before the bytes in front of it", CUT)
class _(ResponseReader):
    ahead = b""

    def take(self, n):
        data, self.ahead = self.ahead or super().take(n), b""
        self.ahead = super().take(n) if data else b""
        return data


@mutant("asking whether it is done consumes a byte", CUT)
class _(ResponseReader):
    @property
    def done(self):
        if not super().done:
            with contextlib.suppress(*OURS):
                super().take(1)
        return super().done


@mutant("a body that never ends", MORE)
class _(ResponseReader):
    def take(self, n):
        return super().take(n) or (b"x" if super().done else b"")


@mutant("more than was asked for", MORE)
class _(ResponseReader):
    def take(self, n):
        return super().take(max(n, 65536))


@mutant("a loop on trailers", END)
class _(ResponseReader):
    def take(self, n):
        data = super().take(n)
        while self.trailers:
            pass
        return data


@mutant("limits are not heeded", LIMITS)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        wide = Limits(head_bytes=10**6, fields=10**6, interim=10**6, chunk_line=10**6)
        super().__init__(method, wide, upgrade=upgrade, close=close)


@mutant("a limit is off by one", LIMITS)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        wider = Limits(limits.head_bytes, limits.fields + 1, limits.interim, limits.chunk_line)
        super().__init__(method, wider, upgrade=upgrade, close=close)


@mutant("a body that was cut off is whole", LISTED)
class _(ResponseReader):
    def take(self, n):
        try:
            return super().take(n)
        except OURS as error:
            if "before its Content-Length" in str(error):
                self.ended = True
                return b""
            raise

    ended = False
    done = property(lambda self: self.ended or super().done)
    trailers = property(lambda self: Headers() if self.ended else super().trailers)


@mutant("a connection serves again after a failure", WHOLE)
class _(ResponseReader):
    failed = False

    def head(self):
        try:
            return super().head()
        except OURS:
            self.failed = True
            raise

    reusable = property(lambda self: self.failed or super().reusable)


@mutant("every connection serves again", OPEN)
class _(ResponseReader):
    reusable = property(lambda self: self.done)


@mutant("trailers are there with the first bytes of the body", TRAILERS)
class _(ResponseReader):
    taken = False

    def take(self, n):
        data = super().take(n)
        self.taken = self.taken or bool(data)
        return data

    @property
    def trailers(self):
        return Headers() if self.taken and not self.done else super().trailers


@mutant("nothing at all is a whole message", NOTHING)
class _(ResponseReader):
    came = False

    def receive(self, data, *, clean=True):
        self.came = True
        super().receive(data, clean=clean)

    done = property(lambda self: not self.came or super().done)


def _tells(name: str, change: Callable[[tuple[str, str]], tuple[str, str]]) -> None:
    """A mutant whose fields are changed on their way out."""

    def head(self):
        found = ResponseReader.head(self)
        if found is None:
            return None
        pairs = [change(pair) for pair in found.headers.pairs]
        return SimpleNamespace(
            status_code=found.status_code,
            reason=found.reason,
            http_version=found.http_version,
            headers=Headers.trusted(pairs),
        )

    MUTANTS.append((name, LISTED, type("Mutant", (ResponseReader,), {"head": head})))


_tells("values are stripped as text is", lambda pair: (pair[0], pair[1].strip()))
_tells("values are decoded as UTF-8", lambda pair: (pair[0], pair[1].encode("latin-1").decode("utf-8", "replace")))
_tells("names are written in another case", lambda pair: (pair[0].title(), pair[1]))


@mutant("bytes beyond the message do not matter", LISTED)
class _(ResponseReader):
    @property
    def reusable(self):
        return self.done and self.stays_open


@mutant("the option close of a response does not matter", LISTED)
class _(Rereading):
    opened = False

    def change(self, data):
        return re.sub(rb"(?i)close", b"other", data) if self.opened else data

    @property
    def reusable(self):
        self.opened = True
        try:
            return self.done and super()._read().reusable
        finally:
            self.opened = False


@mutant("the option close of the request does not matter", LISTED)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        super().__init__(method, limits, upgrade=upgrade)


@mutant("trailers are lost", LISTED)
class _(ResponseReader):
    @property
    def trailers(self):
        return None if super().trailers is None else Headers()


@mutant("interim responses are lost", LISTED)
class _(Rereading):
    informational = property(lambda _: [])


@mutant("HEAD is read as GET", LISTED)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        super().__init__("GET" if method == "HEAD" else method, limits, upgrade=upgrade, close=close)


@mutant("a 101 that nobody asked for is taken", LISTED)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        super().__init__(method, limits, upgrade=True, close=close)


# --- readers that keep too much ---------------------------------------------------------------------------------------


@mutant("all that came is kept", MEMORY)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        super().__init__(method, limits, upgrade=upgrade, close=close)
        self.kept = []

    def receive(self, data, *, clean=True):
        self.kept.append(data)
        super().receive(data, clean=clean)


@mutant("all that was given out is kept", MEMORY)
class _(ResponseReader):
    def __init__(self, method, limits, *, upgrade=False, close=False):
        super().__init__(method, limits, upgrade=upgrade, close=close)
        self.kept = []

    def take(self, n):
        self.kept.append(super().take(n))
        return self.kept[-1]
