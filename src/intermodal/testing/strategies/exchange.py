"""Whole exchanges by the kind of fault that is in them; whatever is drawn carries its meaning with it."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from hypothesis import strategies as st

from intermodal.protocol import Capability

from .answer import CONTINUE, answers, connected, crowded, field, padded
from .ask import ALL, asks
from .flaws import badly_chunked, badly_fielded, badly_framed, badly_started
from .language import Answer, Ask, Exchange, Head
from .texts import now_and_then

if TYPE_CHECKING:
    from collections.abc import Callable

    from .language import Shape, Then

Where = Literal["wait", "head", "body"]


@st.composite
def _cut_up(draw: st.DrawFn, exchange: Exchange) -> Exchange:
    """Draw how the answer is cut into segments: not at all, byte by byte, at its line ends, or anywhere."""
    sent = exchange.sent
    size = len(sent)
    form = draw(st.integers(0, 9))
    if form == 9 and size <= 120:
        breaks: tuple[int, ...] = tuple(range(1, size))
    elif form == 8:
        breaks = tuple(at + 1 for at, byte in enumerate(sent[:2000]) if byte == 10)[:60]
    elif form > 3 and size > 1:
        breaks = tuple(draw(st.lists(st.integers(1, size - 1), max_size=5)))
    else:
        breaks = ()
    pause = draw(st.integers(1, 5)) if now_and_then(draw, 20) else None
    return replace(exchange, breaks=breaks, pause=pause)


@dataclass(frozen=True)
class _Drawn:
    """What the exchanges are drawn from, for what a transport declares."""

    capabilities: Capability
    strict: bool

    def asks(self, shapes: tuple[Shape, ...] | None = None) -> st.SearchStrategy[Ask]:
        return asks(capabilities=self.capabilities, shapes=shapes)

    def asks_for_content(self) -> st.SearchStrategy[Ask]:
        """Draw requests whose answers have content, so that it can go wrong."""
        return self.asks().map(lambda ask: replace(ask, method="GET") if ask.method == "HEAD" else ask)

    @property
    def streams(self) -> bool:
        return Capability.STREAM_REQUEST in self.capabilities


@st.composite
def _faultless(draw: st.DrawFn, drawn: _Drawn) -> Exchange:
    ask = draw(drawn.asks())
    answer = draw(answers(ask, strict=drawn.strict))
    limit = draw(st.integers(0, 29)) if drawn.strict else 0  # as much as fits is no fault
    if limit == 29:
        answer = replace(answer, head=crowded(answer.head, 128))
    elif limit == 28:
        answer = replace(answer, head=padded(answer.head, 65536))
    elif limit == 27:
        answer = replace(answer, interim=(CONTINUE,) * 64)
    elif limit == 26 and Capability.UPGRADE in drawn.capabilities:
        ask, answer = _upgraded(ask, answer)
    ends = answer.framing == "close" or ((answer.closes or answer.head.version == "HTTP/1.0") and draw(st.booleans()))
    return Exchange(ask, answer, then="fin" if ends else "keep")


def _upgraded(ask: Ask, answer: Answer) -> tuple[Ask, Answer]:
    """Let the request ask for another protocol, and be granted it (RFC 9110 section 7.8)."""
    asked = (("Upgrade", "websocket"), ("Connection", "upgrade"))
    fields = (field("Upgrade", "websocket"), field("Connection", "upgrade"))
    head = Head(101, "Switching Protocols", b"HTTP/1.1 101 Switching Protocols\r\n", fields)
    ask = replace(ask, headers=ask.headers + asked, sent_headers=ask.sent_headers + asked)
    return ask, Answer(head, interim=answer.interim)


@st.composite
def _excessive(draw: st.DrawFn, drawn: _Drawn) -> Exchange:
    """Draw bytes beyond the message: nobody's, and a danger to the next request (RFC 9112 section 6.3)."""
    ask = draw(drawn.asks())
    answer = draw(answers(ask, framings=("length", "chunked", "none"), small=True))
    excess = draw(
        st.one_of(
            st.sampled_from([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL", b"\r\n", b"\n", b"0\r\n\r\n", b"H"]),
            st.binary(min_size=1, max_size=20),
        )
    )
    return Exchange(ask, answer, excess=excess)


@st.composite
def _ended(draw: st.DrawFn, drawn: _Drawn, then: Then, where: Where) -> Exchange:
    """Draw an answer that ends before any byte, inside of a head, or inside of the body (RFC 9112 section 8)."""
    # What is sent before a stall is there before anybody waits for it: the request's body is held back until then.
    slow = then == "stall" and where != "wait"
    ask = draw(drawn.asks(("generator",)) if slow else drawn.asks())
    if where == "body":
        ask = replace(ask, method="POST") if ask.method == "HEAD" else ask
        # Where the end of the connection ends the body, FIN is no fault.
        answer = draw(
            answers(
                ask,
                framings=("length", "chunked") if then == "fin" else ("length", "chunked", "close"),
                at_least=1,
                small=then != "fin",
                strict=drawn.strict,
            )
        )
        end = len(answer.wire) - (answer.framing != "close")
        if not drawn.strict and answer.framing == "chunked":
            end = len(answer.wire) - len(answer.body[-1][0])
        cut = _place(draw, answer.wire, len(answer.heads), end)
        if not drawn.strict and answer.framing == "chunked":
            cut = _before_zeros(answer.wire, cut)
    else:
        answer = draw(answers(ask, small=True, strict=drawn.strict))
        cut = 0 if where == "wait" else _place(draw, answer.heads, 1, len(answer.heads) - 1)
    return Exchange(ask, answer, cut=cut, then=then)


def _before_zeros(wire: bytes, cut: int) -> int:
    """Give the start of the line that is cut where that leaves only zeros: http.client reads them as the last chunk."""
    start = wire.rfind(b"\n", 0, cut) + 1
    return start if set(wire[start:cut]) == {ord("0")} else cut


def _place(draw: st.DrawFn, wire: bytes, first: int, last: int) -> int:
    """Draw an offset, each line as likely as any other: numbers alone would crowd at the ends."""
    edges = [first, *(at + 1 for at in range(first, last) if wire[at] == 10), last + 1]
    start, end = draw(st.sampled_from(list(itertools.pairwise(edges))))
    return draw(st.integers(start, end - 1))


@st.composite
def _early(draw: st.DrawFn, drawn: _Drawn) -> Exchange:
    """Draw a final answer to a request whose body is still on its way (RFC 9112 section 9.5).

    The server then reads the rest, closes in order and reads it, or resets; the latter two say ``close``, because
    otherwise it would be a matter of luck whether the next request finds the connection alive. So does an answer to a
    body that goes out in pieces: whether the last of them went out before the answer was seen is luck as well.
    """
    ask = draw(drawn.asks(("bytes", "list", "generator", "file")))
    if now_and_then(draw, 4):
        ask = replace(ask, pieces=(b"upload" * 500_000,), declared=False)
    then = draw(st.sampled_from(_ENDS_OF_EARLY))
    answer = draw(answers(ask, framings=("length", "chunked", "none"), small=True))
    if (then != "keep" or ask.shape != "bytes" or len(ask.content) > 16384) and not answer.closes:
        answer = replace(answer, head=draw(connected(answer.head, must_close=True)))
    return Exchange(ask, answer, then=then, early=True)


_ENDS_OF_EARLY: Final[tuple[Then, ...]] = ("keep", "fin", "rst")


def _stalled(drawn: _Drawn) -> st.SearchStrategy[Exchange]:
    """Draw an answer that stops; of it nothing is sent where the request's body cannot be held back."""
    places: tuple[Where, ...] = ("wait",)
    if drawn.streams:
        places += ("head", "body") if drawn.strict else ("body",)
    return st.sampled_from(places).flatmap(lambda where: _ended(drawn, "stall", where))


def _answered(
    build: Callable[[Ask], st.SearchStrategy[Answer]], asked: st.SearchStrategy[Ask]
) -> st.SearchStrategy[Exchange]:
    return asked.flatmap(lambda ask: build(ask).map(lambda answer: Exchange(ask, answer)))


_BY_KIND: Final[dict[str, Callable[[_Drawn], st.SearchStrategy[Exchange]]]] = {
    "none": _faultless,
    "FIN before any byte": lambda drawn: _ended(drawn, "fin", "wait"),
    "FIN in the head": lambda drawn: _ended(drawn, "fin", "head"),
    "FIN in the body": lambda drawn: _ended(drawn, "fin", "body"),
    "RST before any byte": lambda drawn: _ended(drawn, "rst", "wait"),
    "RST in the head": lambda drawn: _ended(drawn, "rst", "head"),
    "RST in the body": lambda drawn: _ended(drawn, "rst", "body"),
    "malformed status line": lambda drawn: _answered(badly_started, drawn.asks()),
    "malformed header line": lambda drawn: _answered(badly_fielded, drawn.asks()),
    "malformed framing field": lambda drawn: _answered(badly_framed, drawn.asks()),
    "malformed chunk": lambda drawn: _answered(badly_chunked, drawn.asks_for_content()),
    "stall": _stalled,
    "early answer": _early,
    "excess bytes": _excessive,
}

#: What can go wrong with an exchange, ``none`` included.
KINDS: Final = tuple(_BY_KIND)

#: What goes wrong in the same way whatever reads the answer.
_PLAIN_KINDS: Final = (
    "none",
    "FIN before any byte",
    "FIN in the body",
    "RST before any byte",
    "RST in the body",
    "stall",
)


def kinds(*, strict: bool = True) -> tuple[str, ...]:
    """Give the kinds of exchange: all of ``KINDS``, or for a transport without STRICT_FRAMING those that it can be held to.

    >>> kinds(strict=False)
    ('none', 'FIN before any byte', 'FIN in the body', 'RST before any byte', 'RST in the body', 'stall')
    """
    return KINDS if strict else _PLAIN_KINDS


@functools.cache
def exchanges(kind: str, *, capabilities: Capability = ALL, strict: bool = True) -> st.SearchStrategy[Exchange]:
    """Draw an exchange with one kind of fault, of ``KINDS``.

    Args:
        kind: one of ``kinds(strict=strict)``.
        capabilities: what the transport declares; no request needs anything else (see :func:`.asks`).
        strict: whether the transport declares STRICT_FRAMING. If not, its answers are of the language that libraries agree
            on without a strict reader below them (see :mod:`.plain`).

    Raises:
        ValueError: there is no such kind.

    >>> from hypothesis import given
    >>> @given(exchanges("FIN in the body"))
    ... def test_it_ends_too_early(exchange):
    ...     assert exchange.answer.wire.startswith(exchange.sent)
    ...     assert len(exchange.sent) < len(exchange.answer.wire)
    >>> test_it_ends_too_early()
    """
    offered = kinds(strict=strict)
    if kind not in offered:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(map(repr, offered))}")
    return _exchanges(_BY_KIND[kind](_Drawn(capabilities, strict)))


@st.composite
def _exchanges(draw: st.DrawFn, strategy: st.SearchStrategy[Exchange]) -> Exchange:
    exchange = draw(_cut_up(draw(strategy)))
    # What is sent before a stall is there when the connection opens: it cannot have served before.
    may_be_warm = exchange.then != "stall" or exchange.cut == 0
    return replace(exchange, warm=may_be_warm and draw(st.booleans()))
