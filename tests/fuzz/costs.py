"""What reading costs: the memory that a reader keeps, and how its work grows with the input."""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

from fuzz.reading import MUCH, OURS, Fault

from intermodal.h1.exchange import ResponseReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz.case import Case

    from intermodal.model.options import Limits

#: What arrives at once while memory is measured.
PIECE = 4096

#: A parsed field: a pair, a name and a value, each an object of its own, of a few bytes.
_FIELD = 250

#: The reader itself, and the error it ends with.
_OBJECTS = 8192


def allowed(limits: tuple[int, int, int, int]) -> int:
    """The bytes that a reader may keep under these limits, beside what it was given last.

    The beginning of a head or of a chunk-size line, once in hand and once grown by what came; and every section of fields
    that it has parsed: of each interim response, of the final one, and the trailers.
    """
    head_bytes, fields, interim, chunk_line = limits
    sections = interim + 2
    return _OBJECTS + 2 * max(head_bytes, chunk_line) + sections * (2 * head_bytes + fields * _FIELD)


def check_memory(case: Case, make=ResponseReader, piece: int = PIECE) -> int:
    """Feed a case in pieces, taking what there is before the next; the most that was kept after any of them.

    Raises:
        Fault: it was more than the limits allow and what was just received.
    """
    bound = allowed(case.limits) + piece
    most = 0
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        reader = make(case.method, case.bounds, upgrade=case.upgrade, close=case.close)
        head = None
        for at in range(0, len(case.data), piece):
            try:
                reader.receive(bytes(memoryview(case.data)[at : at + piece]))
                if head is None:
                    head = reader.head()
                while head is not None and reader.take(MUCH):
                    pass
            except OURS:
                break  # its connection is closed, and the reader is dropped
            most = max(most, tracemalloc.get_traced_memory()[0] - before)
            if reader.done:
                break
    finally:
        tracemalloc.stop()
    if most > bound:
        raise Fault(
            "memory is bounded", f"{most} bytes kept, where {case.limits} allow {bound} with {piece} just received"
        )
    return most


def seconds(data: bytes, piece: int, limits: Limits, make=ResponseReader) -> float:
    """The time that a reading in pieces of a size takes, in seconds of work."""
    begin = time.process_time()
    reader = make("GET", limits)
    head = None
    try:
        for at in range(0, len(data), piece):
            reader.receive(data[at : at + piece])
            if head is None:
                head = reader.head()
            while head is not None and reader.take(MUCH):
                pass
    except OURS:
        pass
    return time.process_time() - begin


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"


def _many(token: bytes, size: int) -> bytes:
    return token * (size // len(token))


#: Inputs of about so many bytes, each long in another way; some are an answer, some have a fault at their end.
FAMILIES: dict[str, Callable[[int], bytes]] = {
    "short header lines": lambda n: _OK + _many(b"A:\r\n", n) + b"\r\n",
    "short header lines, a fault behind them": lambda n: _OK + _many(b"A:\r\n", n) + b"no field\r\n\r\n",
    "one header line": lambda n: _OK + b"A: " + b"x" * n + b"\r\n\r\n",
    "one name": lambda n: _OK + b"a" * n + b"\r\n\r\n",
    "a reason": lambda n: b"HTTP/1.1 200 " + b"x" * n + b"\r\n\r\n",
    "white space before a value": lambda n: _OK + b"A:" + b" \t" * (n // 2) + b"x\r\n\r\n",
    "white space behind a value": lambda n: _OK + b"A: x" + b" \t" * (n // 2) + b"\r\n\r\n",
    "white space before a fault": lambda n: _OK + b"A: x" + b" \t" * (n // 2) + b"\0\r\n\r\n",
    "folds": lambda n: _OK + b"A: x" + _many(b"\r\n y", n) + b"\r\n\r\n",
    "empty folds": lambda n: _OK + b"A: x" + _many(b"\r\n ", n) + b"\r\n\r\n",
    "folds in white space": lambda n: _OK + b"A: x" + _many(b"        \r\n        ", n) + b"\r\n\r\n",
    "lone CRs": lambda n: _OK + b"A: " + b"\r" * n + b"\r\n\r\n",
    "connection options": lambda n: _OK + b"Connection: " + b"," * n + b"\r\nContent-Length: 0\r\n\r\n",
    "equal lengths": lambda n: _OK + b"Content-Length: " + _many(b"5,", n) + b"5\r\n\r\nhello",
    "digits of a length": lambda n: _OK + b"Content-Length: " + b"9" * n + b"\r\n\r\n",
    "transfer codings": lambda n: _OK + b"Transfer-Encoding: " + _many(b"x,", n) + b"chunked\r\n\r\n",
    "interim responses": lambda n: _many(b"HTTP/1.1 100 C\r\n\r\n", n) + _OK + b"Content-Length: 0\r\n\r\n",
    "zeros of a chunk size": lambda n: _CHUNKED + b"0" * n + b"\r\n\r\n",
    "white space behind a chunk size": lambda n: _CHUNKED + b"0" + b" " * n + b"x\r\n\r\n",
    "one chunk extension": lambda n: _CHUNKED + b"0;" + b"x" * n + b"\r\n\r\n",
    "chunk extensions": lambda n: _CHUNKED + _many(b"1;" + b"x" * 96 + b"\r\na\r\n", n) + b"0\r\n\r\n",
    "chunks of a byte": lambda n: _CHUNKED + _many(b"1\r\na\r\n", n) + b"0\r\n\r\n",
    "trailers": lambda n: _CHUNKED + b"0\r\n" + _many(b"A:\r\n", n) + b"\r\n",
    "one trailer": lambda n: _CHUNKED + b"0\r\nA: " + b"x" * n + b"\r\n\r\n",
    "folded trailers": lambda n: _CHUNKED + b"0\r\nA: x" + _many(b"\r\n y", n) + b"\r\n\r\n",
    "a body of a length": lambda n: _OK + b"Content-Length: %d\r\n\r\n" % n + b"x" * n,
    "a body until the end": lambda n: _OK + b"\r\n" + b"x" * n,
}
