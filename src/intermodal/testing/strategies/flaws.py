"""Answers that break HTTP at one place, and are faultless up to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from .answer import (
    ANSWER_TEXT,
    CONTINUE,
    answers,
    cased,
    chunks,
    crowded,
    field,
    padded,
    put,
    size_lines,
)
from .language import Answer, Ask, Field
from .texts import now_and_then, small_pieces, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from .language import Head

_BAD_STARTS: Final = [
    "\r\nHTTP/1.1 200 OK", "\nHTTP/1.1 200 OK", " HTTP/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",
    "HTTP/1.1 200\tOK", "HTTP/2.0 200 OK", "HTTP/2 200 OK", "HTTP/0.9 200 OK", "HTTP/1.10 200 OK", "HTTP/1.1x 200 OK",
    "HTTP/1 200 OK", "HTTP/1. 200 OK", "HTTP/1.x 200 OK", "http/1.1 200 OK", "HTTP 200 OK", "ICY 200 OK", "HTTP/1.1200 OK",
    "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 0200 OK", "HTTP/1.1 +200 OK", "HTTP/1.1 2_0 OK", "HTTP/1.1 20x OK",
    "HTTP/1.1 \xb2\xb2\xb2 OK", "HTTP/1.1 099 OK", "HTTP/1.1 000 OK", "HTTP/1.1 200OK", "HTTP/1.1 OK", "HTTP/1.1", "HTTP/1.1 ",
    "HTTP/1.1 200 OK\r", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\vK", "HTTP/1.1 200 O\fK",
    "HTTP/1.1 101 Switching Protocols", "<html>HTTP/1.1 200 OK", "220 smtp ESMTP", "\x15\x03\x01\x00\x02\x02\x28",
]  # fmt: skip
_bad_starts = st.one_of(
    st.sampled_from(_BAD_STARTS),
    st.text(ANSWER_TEXT, min_size=1, max_size=20).filter(lambda text: not text.startswith("H")),
    st.integers(0, 99).map(lambda code: f"HTTP/1.1 {code:03} OK"),
    st.integers(1000, 99999).map(lambda code: f"HTTP/1.1 {code} OK"),
)


@st.composite
def badly_started(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer with a status line that is none (RFC 9112 section 4), of its final head or of an interim one."""
    answer = draw(answers(ask))
    if now_and_then(draw, 10):
        return replace(answer, interim=(CONTINUE,) * 65, flaw="head")
    line = f"{draw(_bad_starts)}\r\n".encode("latin-1")
    return _spoilt(draw, answer, lambda head: replace(head, line=line))


def _spoilt(draw: st.DrawFn, answer: Answer, spoil: Callable[[Head], Head]) -> Answer:
    """Spoil one of the heads of an answer, interim or final."""
    heads = [*answer.interim, answer.head]
    place = draw(st.integers(0, len(answer.interim)))
    heads[place] = spoil(heads[place])
    return replace(answer, interim=tuple(heads[:-1]), head=heads[-1], flaw="head")


_bad_in_name = st.sampled_from([*'"(),/;<=>?@[\\]{} ', "\0", "\t", "\v", "\f", "\x7f", "\x80", "\xe9"])
_bad_in_value = st.sampled_from(["\0", "\r", "\v", "\f", "\rX-C: c", "\r "])
_bad_lines = st.one_of(
    tokens.map(lambda name: f"{name} : v"),
    tokens.map(lambda name: f"{name}\t: v"),
    st.sampled_from([": v", ":", "garbage", "From me", "HTTP/1.1 200 OK", "\rX: v"]),
    tokens,  # no colon
    st.tuples(tokens, _bad_in_name, tokens).map(lambda parts: "".join(parts) + ": v"),
    st.tuples(tokens, _bad_in_value).map(lambda parts: f"{parts[0]}: a{parts[1]}b"),
    tokens.map(lambda name: f"{name}: v\r"),
)


@st.composite
def badly_fielded(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer with a header line that is none, or with more of them than fit (RFC 9112 section 5)."""
    answer = draw(answers(ask))
    form = draw(st.integers(0, 9))
    if form == 9:
        return replace(answer, head=crowded(answer.head, 129), flaw="head")
    if form == 8:
        return replace(answer, head=padded(answer.head, 65537), flaw="head")
    if form == 7:  # a fold needs a field before it
        fold = Field("", "", draw(st.sampled_from([" folded", "\tX: v", " ", "\t"])).encode() + b"\r\n")
        return replace(answer, head=replace(answer.head, fields=(fold, *answer.head.fields)), flaw="head")
    bad = Field("", "", f"{draw(_bad_lines)}\r\n".encode("latin-1"))
    return _spoilt(draw, answer, lambda head: put(draw, head, bad))


_bad_lengths_sent = st.one_of(
    st.sampled_from([
        "-1", "+5", "0x5", "5.0", "5e0", "abc", "", "5 5", "5_0", "5,", ",5", "5,,5", "5, 6", "5;5", "'5'", "\xb2", "5\x85", "5\xa0",
    ]),
    st.integers(10**19, 10**22).map(str),
)  # fmt: skip
_bad_codings = st.sampled_from([
    "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "identity", "", "xchunked",
    '"chunked"', "chunked;q=1", "chunked\x85", "chun ked",
])  # fmt: skip


@st.composite
def badly_framed(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer whose Content-Length or Transfer-Encoding is invalid (RFC 9112 sections 6.1 and 6.3), even where it would not count."""
    answer = draw(answers(ask))
    form = draw(st.integers(0, 4))
    length, coding = cased("Content-Length"), cased("Transfer-Encoding")
    if form == 0:
        have = draw(st.integers(0, 99))
        bad = [field(draw(length), str(have)), field(draw(length), str(have + draw(st.integers(1, 9))))]
    elif form == 1:
        bad = [field(draw(coding), "chunked"), field(draw(coding), "chunked")]
    elif form == 2:
        bad = [field(draw(coding), draw(_bad_codings))]
    else:
        bad = [field(draw(length), draw(_bad_lengths_sent))]
    return replace(answer, head=put(draw, answer.head, *bad), flaw="head")


#: What makes a chunk-size line none, though a careless reader finds the right number in it (RFC 9112 section 7.1).
_SPOILT_SIZES: Final = [
    *[f"{before}{{0}}\r\n" for before in ("0x", "0X", "+", "-", " ", "\t", "\v", "\0", "x", "g", ";", "\r", "\r\n", "_")],
    *[f"{{0}}{after}\r\n" for after in ("h", "_0", ".0", ",5", " 5", "\v", "\f", "\0", "\r", "\xa0", "\xb2", " x", ";a\rb")],
    *["{0:0>17}\r\n", "{0:0>25}\r\n", "{0}\n", "{0};a\n", "{0} \n", "{0};" + "x" * 16384 + "\r\n", "\r\n", "f" * 17 + "\r\n"],
]  # fmt: skip
_bad_data_ends = st.sampled_from(["", "XY", "X\r\n", "\n", "\rX", "\r\r\n", "0\r\n\r\n", " \r\n"])
_bad_trailers = st.one_of(
    st.sampled_from(["garbage\r\n", ": v\r\n", " folded\r\n", "X : v\r\n", "X: a\rb\r\n", "X: \0\r\n"]),
    st.just("X: y\r\n" * 129),
)


@st.composite
def badly_chunked(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer with a chunk that is none behind chunks that are, and what would make it whole behind that (RFC 9112 section 7.1)."""
    answer = draw(answers(ask, framings=("chunked",), small=True))
    parts = draw(chunks(draw(small_pieces())))
    form = draw(st.integers(0, 5))
    if form == 0 and parts:
        parts[-1] = (draw(_bad_data_ends).encode(), b"")
        rest = b"5\r\nhello\r\n0\r\n\r\n"
    elif form == 1:
        parts += [(draw(size_lines(0)) + draw(_bad_trailers).encode(), b"")]
        rest = b"\r\n"
    else:
        size = draw(st.sampled_from([0, 5, 11]))
        parts += [(draw(st.sampled_from(_SPOILT_SIZES)).format(f"{size:x}").encode("latin-1"), b"")]
        rest = b"x" * size + b"\r\n" + (b"0\r\n\r\n" if size else b"")
    return replace(answer, body=(*parts, (rest, b"")), flaw="body")
