"""Answers with a head of the usual kind or nearly so, and what the shortcut owes to the reader that it spares.

``CHECKS`` holds each debt by its name; a check raises AssertionError where it is not paid, and says whether the answer
was one that the shortcut takes: a property that is never put to the test holds for everything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from hypothesis import strategies as st

from intermodal.errors import IncompleteBody, ProtocolError
from intermodal.h1 import usual
from intermodal.h1.exchange import ResponseReader
from intermodal.model.headers import Headers
from intermodal.model.options import Limits

# --- what is drawn ----------------------------------------------------------------------------------------------------

_USUAL = {
    "status line": ("HTTP/1.1 200 OK\r\n", "HTTP/1.1 404 Not  Found \r\n", "HTTP/1.1 200 \r\n", "HTTP/1.1 205 caf\xe9\r\n", "HTTP/1.1 999 a\tb\r\n"),
    "length": (
        "Content-Length: 5\r\n", "content-length:5\r\n", "CONTENT-LENGTH: \t5 \t\r\n", "Content-Length: 005\r\n", "Content-Length: 0\r\n",
        "Content-Length: 70000\r\n", f"Content-Length: {'9' * 18}\r\n",
    ),
    "field": (
        "X-A: 1\r\n", "x-a:\t 2 \t\r\n", "X-A:\r\n", "Set-Cookie: a=1; b\r\n", "set-cookie: c=2\r\n", "Date: now\r\n", "Server: caf\xe9\r\n",
        "Connection: keep-alive\r\n", "!#$%&'*+-.^_`|~: :\r\n", "Content-Encoding: x\r\n", "a:\r\n", "X-A: \x85\xa0\r\n",
        "X-Content-Length: 9\r\n", "Content-Length-X: 9\r\n", "X-Transfer-Encoding: chunked\r\n", "Proxy-Connection: close\r\n", "X-Connection: close\r\n",
    ),
}  # fmt: skip
_ODD = {
    "status line": (
        "HTTP/1.1 204 No Content\r\n", "HTTP/1.1 304 Not Modified\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.2 200 OK\r\n", "HTTP/1.1 200\r\n",
        "HTTP/1.1 103 Early Hints\r\n", "HTTP/1.1 101 X\r\n", "HTTP/1.1 099 X\r\n", "HTTP/1.1 2000 X\r\n", "HTTP/1.1 200OK\r\n",
        "HTTP/1.1 200 OK\n", "HTTP/1.1 200 O\rK\r\n", "HTTP/1.1 200 O\0K\r\n", "\r\nHTTP/1.1 200 OK\r\n", "http/1.1 200 OK\r\n",
    ),
    "length": (
        "Content-Length: 6\r\n", "Content-Length: 5, 5\r\n", "Content-Length: 5, 6\r\n", "Content-Length: 5\n", "Content-Length: abc\r\n",
        f"Content-Length: {'9' * 19}\r\n", f"Content-Length: {'9' * 20}\r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n",
        "Content-Length: 5_0\r\n", "Content-Length: \r\n", "Content-Length: 5\x85\r\n", "Content-Length: 5 5\r\n", "Content-Length:\r\n 5\r\n",
        "Content-Length : 5\r\n", "X: \rContent-Length: 9\r\n", "",
    ),
    "field": (
        "Connection: close\r\n", "connection:close\r\n", "Connection: keep-alive, close\r\n", "Connection: Keep-Alive\r\n",
        "Connection: x\r\n", "Connection: keep-alive \r\n", "Connection:keep-alive\r\n", "Connection: disclosed\r\n", "Connection : close\r\n",
        "Connection: keep-alive\r\nConnection: close\r\n", "Connection: keep-alive\r\n close\r\n",
        "Transfer-Encoding: chunked\r\n", "transfer-encoding:gzip\r\n", "Transfer-Encoding : chunked\r\n",
        "X-A: 1\n", " folded\r\n", "\tX-B: 1\r\n", "X-A : 1\r\n", "X A: 1\r\n", "\xe9: 1\r\n", ": v\r\n", "garbage\r\n",
        "X-A: \0\r\n", "X-A: a\vb\r\n", "X-A: a\rb\r\n", "X-A: 1\r\r\n", "X-A: \x01\x7f\r\n",
    ),
}  # fmt: skip
_BODIES = (
    b"hello",
    b"hello",
    b"hello",
    b"",
    b"h",
    b"helloX",
    b"\r\n",
    b"\n\n\r\n\r\n",
    b"helloHTTP/1.1 200 OK\r\n\r\n",
)
#: What about an answer is not usual.
_ODDITIES = (
    "nothing",
    "nothing",
    "status line",
    "length",
    "length",
    "two lengths",
    "field",
    "field",
    "damage",
    "method",
)
_DAMAGE = (
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"0",
    b"\0",
    b"\v",
    b"\xff",
    b"\r\n ",
    b"A",
)


class Drawn(NamedTuple):
    """What a server sends in one go, and what was asked for."""

    data: bytes
    method: str


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Draw an answer of the usual kind, with at most one oddity about it, or with damage anywhere."""
    oddity = draw(st.sampled_from(_ODDITIES))

    def part(kind: str) -> str:
        return draw(st.sampled_from((_ODD if oddity == kind else _USUAL)[kind]))

    lines = [part("length"), *draw(st.lists(st.sampled_from(_USUAL["field"]), max_size=4))]
    if oddity == "field":
        lines.append(part("field"))
    if oddity == "two lengths":
        lines.append(draw(st.sampled_from(_USUAL["length"] + _ODD["length"])))
    lines = draw(st.permutations(lines))
    data = bytearray(f"{part('status line')}{''.join(lines)}\r\n".encode("latin-1") + draw(st.sampled_from(_BODIES)))
    if oddity == "damage":
        for place in draw(st.lists(st.integers(0, len(data)), min_size=1, max_size=2)):
            data[place : place + draw(st.integers(0, 2))] = draw(st.sampled_from(_DAMAGE))
    return Drawn(bytes(data), draw(st.sampled_from(["HEAD", "head"] if oddity == "method" else ["GET", "POST"])))


# --- what it owes -----------------------------------------------------------------------------------------------------


def agrees(answer: Drawn, limits: Limits = Limits()) -> bool:  # noqa: B008 - frozen
    """What it takes is read by the reader to the same status, reason, version, fields, body and reuse of the connection."""
    short = usual.usual_head(answer.data, answer.method, limits)
    if short is None:
        return False
    reader = ResponseReader(answer.method, limits)
    reader.receive(answer.data)
    try:
        head = reader.head()
    except ProtocolError as error:
        raise AssertionError(f"it takes what is refused: {error}") from error
    assert head is not None, "it takes what has not come yet"
    assert reader.informational == [], "it takes an interim response for the final one"
    status, reason, headers, _, _ = short
    assert (status, reason, "HTTP/1.1", headers.pairs) == (*head[:3], head.headers.pairs)
    shortened = ResponseReader(answer.method, limits)
    shortened.begin(answer.data, short)
    assert _story(shortened) == _story(reader)
    return True


def _story(reader: ResponseReader) -> list[object]:
    """All that an exchange asks of a reader from the head on, up to the end of the body and one byte beyond."""
    told: list[object] = [reader.head() is not None, reader.began]

    def tell() -> None:
        told.append((reader.direct, reader.is_here, reader.stays_open, reader.done, reader.reusable))

    tell()
    for portion in (2, 1 << 20):
        told.append(reader.take(portion))
        tell()
    left = reader.direct
    if 0 < left < 100_000:
        reader.receive(b"." * left)
        told.append(len(reader.take(1 << 20)))
        tell()
    told.append(None if reader.trailers is None else reader.trailers.pairs)
    told.append(reader.rest())
    tell()
    reader.receive(b"")
    try:
        told.append(reader.take(1))
    except (IncompleteBody, ProtocolError) as error:
        told.append(str(error))
    tell()
    return told


def keeps_to_the_limits(answer: Drawn) -> bool:
    """What it takes without limits it takes within exactly those limits within which the reader takes it."""
    vast = Limits(head_bytes=1 << 20, fields=1 << 20)
    short = usual.usual_head(answer.data, answer.method, vast)
    if short is None:
        return False
    _, _, headers, _, size = short
    fields = len(headers.pairs)
    for limits in (
        *(replace(vast, head_bytes=size + more) for more in (-1, 0, 1)),
        *(replace(vast, fields=fields + more) for more in (-1, 0, 1) if fields + more),
    ):
        reader = ResponseReader(answer.method, limits)
        reader.receive(answer.data)
        try:
            taken = reader.head() is not None
        except ProtocolError:
            taken = False
        assert (usual.usual_head(answer.data, answer.method, limits) is not None) == taken, limits
    return True


_NAMES = ("x-a", "X-A", "Set-Cookie", "date", "Date", "connection", "content-length", "Content-Encoding", "server", "x", "a", "", "\n", "1\r\nX-A", "!#$%&'*+-.^_`|~")  # fmt: skip


def has_the_same_fields(answer: Drawn) -> bool:
    """Its headers, taken apart only when they are looked at, answer each question as headers made of the pairs do."""
    vast = Limits(head_bytes=1 << 20, fields=1 << 20)
    if usual.usual_head(answer.data, answer.method, vast) is None:
        return False

    def fresh() -> Headers:
        short = usual.usual_head(answer.data, answer.method, vast)
        assert short is not None
        return short[2]

    reader = ResponseReader(answer.method, vast)
    reader.receive(answer.data)
    head = reader.head()
    assert head is not None
    plain = Headers(head.headers.pairs)
    assert fresh().pairs == plain.pairs
    assert (list(fresh()), len(fresh()), repr(fresh())) == (list(plain), len(plain), repr(plain))
    assert fresh() == plain
    assert hash(fresh()) == hash(plain)
    for name in _NAMES:
        assert (name in fresh()) == (name in plain), name
        assert fresh().get(name) == plain.get(name), name
        assert fresh().get_list(name) == plain.get_list(name), name
        assert fresh().without(name).pairs == plain.without(name).pairs, name
    looked_at = fresh()
    assert [name in looked_at for name in _NAMES] == [name in plain for name in _NAMES]
    assert [looked_at.get(name) for name in _NAMES] == [plain.get(name) for name in _NAMES]
    assert [name in looked_at for name in _NAMES] == [name in plain for name in _NAMES]
    return True


CHECKS = {
    "agrees with the reader": agrees,
    "keeps to the limits": keeps_to_the_limits,
    "has the same fields": has_the_same_fields,
}
