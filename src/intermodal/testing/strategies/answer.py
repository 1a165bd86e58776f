"""Faultless answers, in every form that RFC 9112 lets a server choose, together with what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from . import plain
from .language import Answer, Ask, Field, Head
from .texts import (
    GZIPPED,
    OBS_TEXT,
    ODD_CONTROLS,
    VISIBLE,
    content,
    more_space,
    now_and_then,
    stripped,
    tokens,
    white_space,
)

if TYPE_CHECKING:
    from .language import Framing

#: Fields by which an answer is framed or its connection is kept: drawn apart, with their meaning.
_MEANINGFUL: Final = {"content-length", "transfer-encoding", "connection"}
_answer_names = st.one_of(
    st.sampled_from(["X-A", "x-a", "Set-Cookie", "set-cookie", "Content-Type", "Content-Encoding", "Keep-Alive", "Date"]),
    tokens.filter(lambda token: token.lower() not in _MEANINGFUL),
)  # fmt: skip
ANSWER_TEXT: Final = VISIBLE + " \t" + OBS_TEXT + ODD_CONTROLS
line_ends = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"])


def field(name: str, value: str, before: str = " ", after: str = "", end: str = "\r\n") -> Field:
    """Build a field of one line."""
    return Field(name, value, f"{name}:{before}{value}{after}{end}".encode("latin-1"))


_continued = st.lists(stripped(ANSWER_TEXT).filter(bool), min_size=1, max_size=2)
_folds = st.tuples(white_space, line_ends, st.sampled_from([" ", "\t", "   "])).map("".join)


@st.composite
def _folded(draw: st.DrawFn, name: str) -> Field:
    """Draw a field whose value stands on several lines: each fold means one SP (RFC 9112 section 5.2)."""
    parts = draw(_continued)
    parts.insert(0, draw(stripped(ANSWER_TEXT)))  # the first line may be empty
    wire = f"{name}:{draw(white_space)}{parts[0]}" + "".join(draw(_folds) + part for part in parts[1:])
    return Field(name, " ".join(parts).strip(" \t"), (wire + draw(more_space) + draw(line_ends)).encode("latin-1"))


@st.composite
def _answer_fields(draw: st.DrawFn) -> Field:
    name = draw(_answer_names)
    if now_and_then(draw, 6):
        return draw(_folded(name))
    return field(name, draw(stripped(ANSWER_TEXT)), draw(white_space), draw(more_space), draw(line_ends))


_fields = {count: st.lists(_answer_fields(), max_size=count).map(tuple) for count in (2, 4)}
_reasons = st.one_of(st.sampled_from(["OK", "", "Not  Found"]), stripped(ANSWER_TEXT))


@st.composite
def heads(draw: st.DrawFn, status: st.SearchStrategy[int], *, interim: bool = False) -> Head:
    """Draw a head without fields that would frame a body or end a connection (RFC 9112 sections 2.2, 4 and 5)."""
    code = draw(status)
    # Any minor version from 1 on is read as 1.1 (RFC 9110 section 2.5); an interim answer to a 1.0 server's is not a thing.
    minor = 1 if interim else draw(st.sampled_from([1, 1, 1, 1, 1, 2, 9, 0]))
    reason = draw(_reasons)
    if reason:
        start = f"HTTP/1.{minor} {code} {draw(more_space)}{reason}{draw(more_space)}"
    else:
        start = f"HTTP/1.{minor} {code}" + draw(st.sampled_from(["", " ", "  ", " \t"]))
    return Head(
        status=code,
        reason=reason,
        line=(start + draw(line_ends)).encode("latin-1"),
        fields=draw(_fields[2 if interim else 4]),
        version="HTTP/1.1" if minor else "HTTP/1.0",
        end=draw(line_ends).encode(),
    )


#: The least that an interim answer can be (RFC 9110 section 15.2).
CONTINUE = Head(100, "", b"HTTP/1.1 100\r\n")
_interim_statuses = st.one_of(st.sampled_from([100, 102, 103]), st.integers(100, 199)).filter(lambda code: code != 101)
_interims = st.lists(heads(_interim_statuses, interim=True), max_size=3).map(tuple)
_statuses = st.one_of(st.sampled_from([200, 200, 201, 205, 302, 404, 503]), st.integers(200, 999)).filter(
    lambda code: code not in (204, 304)
)


def put(draw: st.DrawFn, head: Head, *fields: Field) -> Head:
    """Add fields at a drawn place each."""
    found = list(head.fields)
    for each in fields:
        found.insert(draw(st.integers(0, len(found))), each)
    return replace(head, fields=tuple(found))


def cased(name: str) -> st.SearchStrategy[str]:
    """Draw the case of a field's name, which means nothing (RFC 9110 section 5.1)."""
    return st.sampled_from([name, name, name.lower(), name.upper()])


@st.composite
def _length_fields(draw: st.DrawFn, length: int) -> list[Field]:
    """Draw Content-Length: once, as a list of equal members, or repeated (RFC 9112 section 6.3)."""
    text = str(length)
    form = draw(st.integers(0, 9))
    name = cased("Content-Length")
    if form == 9:
        return [field(draw(name), text), field(draw(name), text)]
    if form == 8:
        return [field(draw(name), f"{text},{draw(white_space)}{text}")]
    if form == 7:
        return [field(draw(name), text.zfill(19))]
    if form == 6:
        folded = draw(name)
        return [Field(folded, text, f"{folded}:\r\n {text} \r\n".encode())]
    return [field(draw(name), text, draw(white_space), draw(more_space), draw(line_ends))]


@st.composite
def _coding_field(draw: st.DrawFn) -> Field:
    """Draw Transfer-Encoding as one coding in one field (RFC 9112 section 6.1)."""
    coding = draw(st.sampled_from(["chunked", "chunked", "Chunked", "CHUNKED"]))
    return field(draw(cased("Transfer-Encoding")), coding, draw(white_space), draw(more_space), draw(line_ends))


_extensions = st.one_of(
    st.just(""),
    st.just(""),
    st.sampled_from([";a", ";a=b", ' ; a = "q;\\"r"', ";", ";;", ";x=0d0a"]),
    st.text(VISIBLE + " \t" + OBS_TEXT, max_size=8).map(lambda text: f";{text}"),
)  # fmt: skip


@st.composite
def size_lines(draw: st.DrawFn, size: int) -> bytes:
    """Draw a chunk-size line: either case, leading zeros, white space and extensions behind (RFC 9112 section 7.1)."""
    digits = f"{size:x}" if draw(st.booleans()) else f"{size:X}"
    zeros = draw(st.sampled_from([0, 0, 0, 1, 3, 16]))
    line = digits.zfill(min(zeros + len(digits), 16)) + draw(st.sampled_from(["", "", " ", "\t "])) + draw(_extensions)
    return f"{line}\r\n".encode("latin-1")


@st.composite
def chunks(draw: st.DrawFn, pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Draw the chunks that carry the pieces, without the last one."""
    parts = []
    for piece in filter(None, pieces):
        parts += [(draw(size_lines(len(piece))), b""), (piece, piece), (b"\r\n", b"")]
    return parts


def answers(
    ask: Ask,
    *,
    framings: tuple[Framing, ...] = ("length", "length", "chunked", "chunked", "close", "none"),
    at_least: int = 0,
    small: bool = False,
    strict: bool = True,
) -> st.SearchStrategy[Answer]:
    r"""Draw a faultless answer to a request; one to HEAD has no content.

    Args:
        ask: the request.
        framings: the ways in which the end of the body may be told, RFC 9112 section 6.3.
        at_least: so many bytes of content there are, and
        small: whether there are only a few of them.
        strict: whether any form is drawn that RFC 9112 allows, or the language of :mod:`.plain` alone.

    >>> from hypothesis import given
    >>> @given(answers(Ask("GET", "", "/"), framings=("chunked",)))
    ... def test_the_empty_line_ends_it(answer):
    ...     assert answer.wire.endswith(b"\n")
    >>> test_the_empty_line_ends_it()
    """
    if strict:
        return _answers(ask, framings, at_least, small=small)
    return plain.answers(ask, framings, at_least, small=small)


@st.composite
def _answers(draw: st.DrawFn, ask: Ask, framings: tuple[Framing, ...], at_least: int, *, small: bool) -> Answer:
    framing: Framing = "none" if ask.method == "HEAD" else draw(st.sampled_from(framings))
    # RFC 9110 section 6.4.1: no content after these, whatever the fields say.
    bodiless = framing == "none" and ask.method != "HEAD"
    head = draw(heads(st.sampled_from([204, 304]) if bodiless else _statuses))
    interim = draw(_interims)
    if interim and now_and_then(draw, 10):
        interim = (draw(connected(interim[0], must_close=True)), *interim[1:])
    coded = now_and_then(draw, 6)
    pieces = [GZIPPED] if coded else draw(content(small=small))
    if sum(map(len, pieces)) < at_least:
        pieces.append(b"content"[: max(at_least, 1)])
    whole = b"".join(pieces)
    body: list[tuple[bytes, bytes]] = []
    trailers: tuple[Field, ...] = ()
    fields: list[Field] = []
    two_lengths = False
    if framing == "length":
        fields, body = draw(_length_fields(len(whole))), [(whole, whole)]
    elif framing == "chunked":
        trailers = draw(_fields[2])
        last = draw(size_lines(0)) + b"".join(each.wire for each in trailers) + draw(line_ends).encode()
        fields, body = [draw(_coding_field())], [*draw(chunks(pieces)), (last, b"")]
        two_lengths = now_and_then(draw, 8)
        fields += draw(_length_fields(draw(st.integers(0, 40)))) if two_lengths else []
    elif framing == "close":
        body = [(whole, whole)]
    else:  # framing fields of a message without content are judged, and describe what a GET would have got
        describe = draw(st.integers(0, 3))
        fields += draw(_length_fields(draw(st.integers(0, 9)))) if describe in (1, 3) else []
        fields += [draw(_coding_field())] if describe in (2, 3) else []
        two_lengths = describe == 3
    if coded and body:
        fields.append(field("Content-Encoding", "gzip"))
    return Answer(
        head=draw(connected(put(draw, head, *fields))),
        framing=framing,
        interim=interim,
        body=tuple(body),
        trailers=tuple((each.name, each.value) for each in trailers),
        two_lengths=two_lengths,
    )


@st.composite
def connected(draw: st.DrawFn, head: Head, *, must_close: bool = False) -> Head:
    """Draw Connection fields into a head (RFC 9110 section 7.6.1): ``close`` is an option, not a part of a word, in any of them."""
    name = cased("Connection")
    if must_close or now_and_then(draw, 5):
        value = draw(st.sampled_from(["close", "close", "Close", "keep-alive, close", "x ,\tCLOSE,, y"]))
        more = [field("Connection", "keep-alive")] if now_and_then(draw, 4) else []
        close = field(draw(name), value, draw(white_space), draw(more_space), draw(line_ends))
        return replace(put(draw, head, *more, close), closes=True)
    other = draw(st.sampled_from([None, None, None, "keep-alive", "disclosed", "close-not", "x, not close", ""]))
    return head if other is None else put(draw, head, field(draw(name), other))


def crowded(head: Head, count: int) -> Head:
    """Add fields up to a number of them."""
    return replace(head, fields=head.fields + (field("X", "y"),) * (count - len(head.fields)))


def padded(head: Head, size: int) -> Head:
    """Add a field that makes the head so many bytes long."""
    room = size - len(head.wire) - len(b"Pad: \r\n")
    return replace(head, fields=(*head.fields, field("Pad", "p" * room)))
