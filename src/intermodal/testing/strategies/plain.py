"""Answers in the language that HTTP libraries agree on by themselves, without a strict reader below them.

A library that reads by itself has its own idea of what is odd, and a transport over it can say no more than the library
does. What the parsers in use today (http.client, h11, llhttp) read alike is this part of RFC 9112:

- A status line of single spaces, in HTTP/1.0 or 1.1, with a status of 200 to 999 and a reason without control characters;
  no interim answer but 100, and no Connection field in that.
- At most 99 fields in a head of less than 60,000 bytes; names are tokens, values are without control characters but HTAB,
  and every line ends in CRLF. A value goes on in the next line by CRLF SP alone, with text on both sides.
- One Content-Length, of digits, or one ``Transfer-Encoding: chunked`` in lower case, not both; nothing of the kind, and no
  byte of a body, where there is no content: for HEAD, 204 and 304.
- One Connection field at most, in which ``close`` is a word of its own if it occurs at all.
- Chunks of a size, an extension behind it perhaps, CRLF, the data, CRLF; short trailers.
- No byte beyond the message. The head comes whole or not at all, and so does the last chunk with its trailers; before these
  the connection may end or be reset at any byte, but where only zeros of a chunk's size have come (http.client reads them as
  the last chunk), and whatever comes may come late and in pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from .language import Answer, Ask, Field, Head
from .texts import GZIPPED, VISIBLE, content, now_and_then, stripped, tokens

if TYPE_CHECKING:
    from .language import Framing

#: Fields of which each library makes something itself.
_RULED: Final = {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer"}
_names = st.one_of(
    st.sampled_from(["X-A", "x-a", "Set-Cookie", "set-cookie", "Content-Type", "Content-Encoding", "Date"]),
    tokens.filter(lambda token: token.lower() not in _RULED),
)
_HIGH: Final = "".join(map(chr, range(0xA1, 0x100)))
_values = stripped(VISIBLE + " \t" + _HIGH)
_space = st.sampled_from([" ", " ", " ", "", "\t", "  "])
_reasons = st.one_of(st.sampled_from(["OK", "", "Not  Found"]), stripped(VISIBLE + " " + _HIGH))


def _field(name: str, value: str, before: str = " ") -> Field:
    return Field(name, value, f"{name}:{before}{value}\r\n".encode("latin-1"))


@st.composite
def _fields(draw: st.DrawFn) -> Field:
    name, value = draw(_names), draw(_values)
    if value and now_and_then(draw, 6):
        more = draw(_values.filter(bool))
        return Field(name, f"{value} {more}", f"{name}: {value}\r\n {more}\r\n".encode("latin-1"))
    return _field(name, value, draw(_space))


_few_fields = {count: st.lists(_fields(), max_size=count).map(tuple) for count in (2, 4)}
_statuses = st.one_of(st.sampled_from([200, 200, 201, 205, 302, 404, 503]), st.integers(200, 999)).filter(
    lambda code: code not in (204, 304)
)


def _head(draw: st.DrawFn, status: int, fields: tuple[Field, ...], *, interim: bool = False) -> Head:
    minor = 1 if interim else draw(st.sampled_from([1, 1, 1, 1, 1, 0]))
    reason = draw(_reasons)
    line = f"HTTP/1.{minor} {status} {reason}\r\n".encode("latin-1")
    return Head(status, reason, line, fields, version=f"HTTP/1.{minor}")


@st.composite
def _interims(draw: st.DrawFn) -> tuple[Head, ...]:
    return tuple(
        _head(draw, 100, draw(_few_fields[2]), interim=True) for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])))
    )


_sizes = st.sampled_from(["{:x}\r\n", "{:X}\r\n", "{:04x}\r\n", "{:x};a\r\n", "{:x};a=b\r\n"])


@st.composite
def answers(draw: st.DrawFn, ask: Ask, framings: tuple[Framing, ...], at_least: int, *, small: bool) -> Answer:
    """Draw an answer of this language; the arguments are those of :func:`.answers`."""
    framing: Framing = "none" if ask.method == "HEAD" else draw(st.sampled_from(framings))
    status = draw(st.sampled_from([204, 304]) if framing == "none" and ask.method != "HEAD" else _statuses)
    interim = draw(_interims())
    coded = now_and_then(draw, 6)
    pieces = [GZIPPED] if coded else draw(content(small=small))
    if sum(map(len, pieces)) < at_least:
        pieces.append(b"content"[: max(at_least, 1)])
    whole = b"".join(pieces)
    body: list[tuple[bytes, bytes]] = []
    trailers: tuple[Field, ...] = ()
    own: list[Field] = []
    if framing == "length":
        own, body = [_field("Content-Length", str(len(whole)), draw(_space))], [(whole, whole)]
    elif framing == "chunked":
        own = [_field("Transfer-Encoding", "chunked", draw(_space))]
        for piece in filter(None, pieces):
            size = draw(_sizes).format(len(piece)).encode()
            body += [(size, b""), (piece, piece), (b"\r\n", b"")]
        trailers = draw(_few_fields[2])
        body.append((b"0\r\n" + b"".join(each.wire for each in trailers) + b"\r\n", b""))
    elif framing == "close":
        body = [(whole, whole)]
    connection = draw(st.sampled_from([None, None, None, "keep-alive", "close"]))
    own += [] if connection is None else [_field("Connection", connection)]
    own += [_field("Content-Encoding", "gzip")] if coded and body else []
    fields = [*draw(_few_fields[4])]
    for each in own:
        fields.insert(draw(st.integers(0, len(fields))), each)
    head = _head(draw, status, tuple(fields))
    return Answer(
        head=Head(head.status, head.reason, head.line, head.fields, head.version, closes=connection == "close"),
        framing=framing,
        interim=interim,
        body=tuple(body),
        trailers=tuple((each.name, each.value) for each in trailers),
    )
