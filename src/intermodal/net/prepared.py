"""What an exchange takes from its request and options alone: worked out once, and kept with the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.h1.exchange import encode_start
from intermodal.net.deadline import Deadline
from intermodal.net.route import route

if TYPE_CHECKING:
    from intermodal.model.options import Options
    from intermodal.model.request import Request


class Prepared:
    """A request as it will be sent with these options.

    Attributes:
        route: where it goes; ``route.key`` is what its connection is pooled under.
        start: its first bytes, as :func:`~intermodal.h1.exchange.encode_start` makes them.
        whole: whether they are all of it.
        closing, upgrading: whether it asks for the connection to end, or to leave HTTP, with its answer.
        expecting: whether the server is asked before the body is sent.
        deadline: its bounds, where none of them depends on when it begins.
    """

    __slots__ = ("closing", "deadline", "expecting", "options", "route", "start", "upgrading", "whole")

    def __init__(self, request: Request, options: Options) -> None:
        headers = request.headers
        self.options = options
        self.route = route(request, options)
        self.closing = "close" in headers.get("connection", "").lower()  # of three options that a Request may name
        self.upgrading = "upgrade" in headers
        self.expecting = request.body is not None and "expect" in headers
        self.start, self.whole = encode_start(request)
        self.deadline = Deadline(options.timeouts, 0.0) if options.timeouts.total is None else None


def prepare(request: Request, options: Options) -> Prepared:
    """Prepare a request, or give what was prepared before: who sends a Request again most often has the same options."""
    known: Prepared | None = request.memo.get("prepared")
    if known is None or known.options is not options:
        known = request.memo["prepared"] = Prepared(request, options)
    return known
