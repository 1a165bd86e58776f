"""Whole exchanges by the kind of fault that is in them; whatever is drawn carries its meaning with it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from property.answers import CONTINUE, answers, connected, crowded, field, padded
from property.asks import asks
from property.flaws import badly_chunked, badly_fielded, badly_framed, badly_started
from property.language import Answer, Ask, Exchange, Head

if TYPE_CHECKING:
    from collections.abc import Callable


@st.composite
def _cut_up(draw: st.DrawFn, exchange: Exchange) -> Exchange:
    """Draw how the answer is cut into segments: not at all, byte by byte, at its line ends, or anywhere."""
    sent = exchange.sent
    size = len(sent)
    form = draw(st.integers(0, 9))
    if form == 0 and size <= 120:
        breaks: tuple[int, ...] = tuple(range(1, size))
    elif form == 1:
        breaks = tuple(at + 1 for at, byte in enumerate(sent[:2000]) if byte == 10)[:60]
    elif form < 6 and size > 1:
        breaks = tuple(draw(st.lists(st.integers(1, size - 1), max_size=5)))
    else:
        breaks = ()
    pause = draw(st.integers(1, 5)) if draw(st.integers(0, 19)) == 0 else None
    return replace(exchange, breaks=breaks, pause=pause)


_asks = asks()
#: Answers to these have content, so that it can go wrong.
_asks_for_content = _asks.map(lambda ask: replace(ask, method="GET") if ask.method == "HEAD" else ask)
#: With a body that can be held back; see ``Lane._stalled``.
_slow_asks = asks(shapes=("generator",))


@st.composite
def _faultless(draw: st.DrawFn) -> Exchange:
    ask = draw(_asks)
    answer = draw(answers(ask))
    limit = draw(st.integers(0, 29))  # as much as fits is no fault (A5, A6)
    if limit == 0:
        answer = replace(answer, head=crowded(answer.head, 128))
    elif limit == 1:
        answer = replace(answer, head=padded(answer.head, 65536))
    elif limit == 2:
        answer = replace(answer, interim=(CONTINUE,) * 64)
    elif limit == 3:
        ask, answer = _upgraded(ask, answer)
    ends = answer.framing == "close" or ((answer.closes or answer.head.version == "HTTP/1.0") and draw(st.booleans()))
    return Exchange(ask, answer, then="fin" if ends else "keep")


def _upgraded(ask: Ask, answer: Answer) -> tuple[Ask, Answer]:
    """Let the request ask for another protocol, and be granted it (A6)."""
    asked = (("Upgrade", "websocket"), ("Connection", "upgrade"))
    fields = (field("Upgrade", "websocket"), field("Connection", "upgrade"))
    head = Head(101, "Switching Protocols", b"HTTP/1.1 101 Switching Protocols\r\n", fields)
    ask = replace(ask, headers=ask.headers + asked, sent_headers=ask.sent_headers + asked)
    return ask, Answer(head, interim=answer.interim)


@st.composite
def _excessive(draw: st.DrawFn) -> Exchange:
    """Draw bytes beyond the message: nobody's, and a danger to the next request (A7, A12)."""
    ask = draw(_asks)
    answer = draw(answers(ask, framings=("length", "chunked", "none"), small=True))
    excess = draw(
        st.one_of(
            st.sampled_from([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL", b"\r\n", b"\n", b"0\r\n\r\n", b"H"]),
            st.binary(min_size=1, max_size=20),
        )
    )
    return Exchange(ask, answer, excess=excess)


@st.composite
def _ended(draw: st.DrawFn, then: str, where: str) -> Exchange:
    """Draw an answer that ends before any byte, inside of a head, or inside of the body (A11, A13)."""
    slow = then == "stall" and where != "wait"
    ask = draw(_slow_asks if slow else _asks)
    if where == "body":
        ask = replace(ask, method="POST") if ask.method == "HEAD" else ask
        # Where the end of the connection ends the body, FIN is no fault.
        framings = ("length", "chunked") if then == "fin" else ("length", "chunked", "close")
        answer = draw(answers(ask, framings=framings, at_least=1, small=then != "fin"))
        cut = _place(draw, answer.wire, len(answer.heads), len(answer.wire) - (answer.framing != "close"))
    else:
        answer = draw(answers(ask, small=True))
        cut = 0 if where == "wait" else _place(draw, answer.heads, 1, len(answer.heads) - 1)
    return Exchange(ask, answer, cut=cut, then=then)  # type: ignore[arg-type]


def _place(draw: st.DrawFn, wire: bytes, first: int, last: int) -> int:
    """Draw an offset, each line as likely as any other: numbers alone would crowd at the ends."""
    edges = [first, *(at + 1 for at in range(first, last) if wire[at] == 10), last + 1]
    start, end = draw(st.sampled_from(list(itertools.pairwise(edges))))
    return draw(st.integers(start, end - 1))


@st.composite
def _early(draw: st.DrawFn) -> Exchange:
    """Draw a final answer to a request whose body is still on its way (RFC 9112 section 9.5).

    The server then reads the rest, closes in order and reads it, or resets; the latter two say ``close``, because
    otherwise it would be a matter of luck whether the next request finds the connection alive. So does an answer to a
    body that goes out in pieces: whether the last of them went out before the answer was seen is luck as well.
    """
    ask = draw(asks(shapes=("bytes", "list", "generator", "file")))
    if draw(st.integers(0, 3)) == 0:
        ask = replace(ask, pieces=(b"upload" * 500_000,), declared=False)
    then = draw(st.sampled_from(["keep", "fin", "rst"]))
    answer = draw(answers(ask, framings=("length", "chunked", "none"), small=True))
    if (then != "keep" or ask.shape != "bytes" or len(ask.content) > 16384) and not answer.closes:
        answer = replace(answer, head=draw(connected(answer.head, must_close=True)))
    return Exchange(ask, answer, then=then, early=True)  # type: ignore[arg-type]


def _answered(
    build: Callable[[Ask], st.SearchStrategy[Answer]], asked: st.SearchStrategy[Ask]
) -> st.SearchStrategy[Exchange]:
    return asked.flatmap(lambda ask: build(ask).map(lambda answer: Exchange(ask, answer)))


_BY_KIND: dict[str, st.SearchStrategy[Exchange]] = {
    "none": _faultless(),
    "FIN before any byte": _ended("fin", "wait"),
    "FIN in the head": _ended("fin", "head"),
    "FIN in the body": _ended("fin", "body"),
    "RST before any byte": _ended("rst", "wait"),
    "RST in the head": _ended("rst", "head"),
    "RST in the body": _ended("rst", "body"),
    "malformed status line": _answered(badly_started, _asks),
    "malformed header line": _answered(badly_fielded, _asks),
    "malformed framing field": _answered(badly_framed, _asks),
    "malformed chunk": _answered(badly_chunked, _asks_for_content),
    "stall": st.sampled_from(["wait", "head", "body"]).flatmap(lambda where: _ended("stall", where)),
    "early answer": _early(),
    "excess bytes": _excessive(),
}

#: What can go wrong with an exchange, ``none`` included.
KINDS = tuple(_BY_KIND)


@st.composite
def exchanges(draw: st.DrawFn, kind: str) -> Exchange:
    """Draw an exchange with one kind of fault, of ``KINDS``."""
    exchange = draw(_cut_up(draw(_BY_KIND[kind])))
    # What is sent before a stall is there when the connection opens: it cannot have served before.
    may_be_warm = exchange.then != "stall" or exchange.cut == 0
    return replace(exchange, warm=may_be_warm and draw(st.booleans()))
