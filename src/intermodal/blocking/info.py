"""How an exchange went, put together when somebody asks: most are never asked."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from intermodal.model.exchange import UNKNOWN, ExchangeInfo, Times

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange


def exchange_info(exchange: Exchange) -> ExchangeInfo:
    """Tell how an exchange went, so far."""
    facts = None if exchange.stream is None else exchange.stream.facts
    if facts is None:  # over a library's own connection
        return UNKNOWN
    return ExchangeInfo(
        facts.local_address,
        facts.peer_address,
        exchange.before > 0,
        facts.tls_version,
        facts.cipher,
        facts.certificate,
        facts.resumed,
        exchange.sent,
        exchange.received,
        _times(exchange),
    )


def _times(exchange: Exchange) -> Times:
    spent: dict[str, float] = {}
    for (phase, at), (_, until) in itertools.pairwise(exchange.marks):
        spent[phase] = spent.get(phase, 0) + until - at
    answered_at = exchange.answered_at
    spans = {
        "send": (exchange.wrote_at, exchange.sent_at),
        "wait": (exchange.sent_at, answered_at),
        "body": (answered_at, answered_at if exchange._reader is None else exchange.ended_at),
    }
    for name, (began, ended) in spans.items():
        if began is not None and ended is not None:
            spent[name] = max(0.0, ended - began)  # an early answer comes before all was sent
    return Times(**spent)
