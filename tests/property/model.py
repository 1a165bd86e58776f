"""The reference model: what must come of a generated exchange, straight from RFC 9112 and the rules A1 to A14.

It reads no bytes: it looks at what an ``Exchange`` was built to mean, and at how many bytes of it are sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from outcome import Outcome

if TYPE_CHECKING:
    from property.language import Answer, Exchange


class Expected(NamedTuple):
    """The outcome, and whether the connection may serve again."""

    outcome: Outcome
    reusable: bool


def expected(exchange: Exchange) -> Expected:
    """Tell what must come of an exchange, over whichever transport."""
    answer = exchange.answer
    if answer.flaw is not None:
        # A2, A3, A4, A8, A9, A10: what is no HTTP is an error, where it stands; what came before it was delivered.
        content = answer.content(len(answer.wire)) if answer.flaw == "body" else b""
        return Expected(_failed(exchange, "ProtocolError", answer.flaw, content), reusable=False)
    if exchange.cut is not None:
        return Expected(_cut_off(exchange, exchange.cut), reusable=False)
    whole = Outcome(
        **_head_of(answer),
        body=answer.content(len(answer.wire)),
        trailers=answer.trailers,
    )
    return Expected(whole, _reusable(exchange))


def _reusable(exchange: Exchange) -> bool:
    """A12, RFC 9112 sections 9.3 and 9.6; A8 for the answer whose end two fields tell."""
    answer = exchange.answer
    return (
        answer.head.version == "HTTP/1.1"
        and answer.head.status != 101  # A6: from here on it is not HTTP
        and answer.framing != "close"
        and not answer.closes
        and not answer.two_lengths
        and not exchange.ask.closes
        and not exchange.excess
    )


def _cut_off(exchange: Exchange, cut: int) -> Outcome:
    answer = exchange.answer
    if exchange.then == "stall":
        error = "ReadTimeout"
    elif exchange.then == "rst" or not cut:
        error = "Disconnected"  # A11, A13: reset, or closed without an answer
    else:
        error = "IncompleteBody" if cut >= len(answer.heads) else "ProtocolError"  # RFC 9112 section 8
    if not cut:
        return _failed(exchange, error, "wait", b"")
    if cut < len(answer.heads):
        return _failed(exchange, error, "head", b"")
    return _failed(exchange, error, "body", answer.content(cut))


def _failed(exchange: Exchange, error: str, phase: str, content: bytes) -> Outcome:
    return Outcome(
        **(_head_of(exchange.answer) if phase == "body" else {}),
        body=content,
        error=error,
        phase=phase,
        delivery="maybe_sent" if phase == "wait" else "sent",  # T6: the first byte of an answer proves it
        reused=exchange.warm,
    )


def _head_of(answer: Answer) -> dict[str, object]:
    head = answer.head
    return {
        "status": head.status,
        "version": head.version,
        "reason": head.reason,
        "headers": head.pairs,
        "informational": tuple((interim.status, interim.reason, interim.pairs) for interim in answer.interim),
    }
