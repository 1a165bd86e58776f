"""The reference model: what must come of a generated exchange, straight from RFC 9112.

It reads no bytes: it looks at what an ``Exchange`` was built to mean, and at how many bytes of it are sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from intermodal.testing.outcomes import Outcome

if TYPE_CHECKING:
    from intermodal.errors import Phase

    from .language import Answer, Exchange


class Expected(NamedTuple):
    """What must come of an exchange.

    Attributes:
        outcome: the response, or the error with what came before it; of ``wire`` it says nothing, for the bytes of the
            request depend on the server's address: ``exchange.ask.rendered(authority)``.
        reusable: whether the connection may serve again.
        why: the rule by which the exchange ends as it does, with its section.
        why_not: the rule by which the connection may not serve again; empty where it may.
    """

    outcome: Outcome
    reusable: bool
    why: str
    why_not: str


_FLAWS: Final = {
    "head": "a head that is no HTTP is an error, never a guess (RFC 9112 sections 2.2, 4, 5 and 6)",
    "body": "a chunk that is none is an error behind the content that came before it (RFC 9112 section 7.1)",
}
_WHOLE: Final = "the answer is whole: head, content and trailers come as they were sent (RFC 9112 sections 4 to 7)"


def expected(exchange: Exchange) -> Expected:
    r"""Tell what must come of an exchange, over whichever transport.

    >>> from intermodal.testing.strategies import Answer, Ask, Exchange, Field, Head
    >>> head = Head(200, "OK", b"HTTP/1.1 200 OK\r\n", (Field("Content-Length", "3", b"Content-Length: 3\r\n"),))
    >>> answer = Answer(head, "length", body=((b"tea", b"tea"),))
    >>> want = expected(Exchange(Ask("GET", "/", "/"), answer, cut=len(answer.wire) - 1, then="fin"))
    >>> want.outcome.error, want.outcome.body, want.reusable, want.why
    ('IncompleteBody', b'te', False, 'the body ends before it is complete (RFC 9112 section 8)')
    """
    answer = exchange.answer
    if answer.flaw is not None:
        # What came before the flaw was delivered.
        content = answer.content(len(answer.wire)) if answer.flaw == "body" else b""
        why = _FLAWS[answer.flaw]
        return Expected(_failed(exchange, "ProtocolError", answer.flaw, content), reusable=False, why=why, why_not=why)
    if exchange.cut is not None:
        outcome, why = _cut_off(exchange, exchange.cut)
        return Expected(outcome, reusable=False, why=why, why_not=why)
    whole = Outcome(
        **_head_of(answer),
        body=answer.content(len(answer.wire)),
        trailers=answer.trailers,
    )
    why_not = _why_not(exchange)
    return Expected(whole, reusable=not why_not, why=_WHOLE, why_not=why_not)


def _why_not(exchange: Exchange) -> str:
    """Say why the connection may not serve again after a whole answer, if so."""
    answer = exchange.answer
    reasons = {
        "HTTP/1.0 keeps no connection (RFC 9112 section 9.3)": answer.head.version != "HTTP/1.1",
        "after 101 the connection speaks another protocol (RFC 9110 section 15.2.2)": answer.head.status == 101,
        "the end of the connection ends the body (RFC 9112 section 6.3)": answer.framing == "close",
        "the answer says close (RFC 9112 section 9.6)": answer.closes,
        "the request says close (RFC 9112 section 9.6)": exchange.ask.closes,
        "Transfer-Encoding beside Content-Length may be an attack (RFC 9112 section 6.1)": answer.two_lengths,
        "bytes came beyond the message: no response is theirs (RFC 9112 section 6.3)": bool(exchange.excess),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _cut_off(exchange: Exchange, cut: int) -> tuple[Outcome, str]:
    answer = exchange.answer
    if exchange.then == "stall":
        error, why = "ReadTimeout", "nothing more comes: the read timeout ends the wait, behind all that was received"
    elif exchange.then == "rst":
        error, why = (
            "Disconnected",
            "a reset is the end of a connection, never that of an answer (RFC 9112 section 9.5)",
        )
    elif not cut:
        error, why = "Disconnected", "the server closed without an answer (RFC 9112 section 9.5)"
    elif cut < len(answer.heads):
        error, why = "ProtocolError", "the head ends before it is complete (RFC 9112 section 8)"
    else:
        error, why = "IncompleteBody", "the body ends before it is complete (RFC 9112 section 8)"
    if not cut:
        return _failed(exchange, error, "wait", b""), why
    if cut < len(answer.heads):
        return _failed(exchange, error, "head", b""), why
    return _failed(exchange, error, "body", answer.content(cut)), why


def _failed(exchange: Exchange, error: str, phase: Phase, content: bytes) -> Outcome:
    return Outcome(
        **(_head_of(exchange.answer) if phase == "body" else {}),
        body=content,
        error=error,
        phase=phase,
        delivery="maybe_sent" if phase == "wait" else "sent",  # the first byte of an answer proves it
        reused=exchange.warm,
    )


def _head_of(answer: Answer) -> dict[str, Any]:
    head = answer.head
    return {
        "status": head.status,
        "version": head.version,
        "reason": head.reason,
        "headers": head.pairs,
        "informational": tuple((interim.status, interim.reason, interim.pairs) for interim in answer.interim),
    }
