"""The answer that a library has parsed, read into an exchange as if it had come off the wire.

Laws: the head passes the same grammar as one that we read ourselves; the body ends where RFC 9112 section 6.3 says,
however long the library would go on; what is still unknown (trailers, interim responses) stays unknown.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import IncompleteBody, ProtocolError
from intermodal.h1.exchange import ResponseReader
from intermodal.h1.framing import Kind, response_framing
from intermodal.h1.head import ResponseHead, parse_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from intermodal.blocking.exchange import Exchange
    from intermodal.model.options import Limits


class Answer(NamedTuple):
    """What a library brought: the head as it parsed it, and how to read the body and give the connection back.

    ``read(n)`` gives at most ``n`` undecoded bytes as soon as any are there, ``b""`` at the end, and raises errors of
    ours; ``give_back`` is told whether the connection may serve again. ``fault`` says what the library has let pass.
    """

    status_code: int
    reason: str
    http_version: str
    fields: Iterable[tuple[str, str]]
    read: Callable[[int], bytes]
    give_back: Callable[[bool], None]
    fault: str = ""


def hand_over(exchange: Exchange) -> None:
    """Note that a library has the request: whether a byte of it has left is the library's secret from here on."""
    exchange.phase = "send"
    exchange.wrote = True


def adopt(exchange: Exchange, answer: Answer) -> bool:
    """Make an answer the exchange's own; give whether its connection may serve again once the body is read.

    Raises:
        ProtocolError: the head is not HTTP/1.1; the connection was given up.
    """
    exchange.phase = "head"
    exchange.reader.began = True
    try:
        head = judged(answer, exchange.limits)
        reader = LibraryReader(exchange, head, answer.read)
    except BaseException:
        answer.give_back(False)
        raise
    exchange.reader = reader
    exchange.head = head
    exchange.phase = "body"
    return reader.persistent


def judged(answer: Answer, limits: Limits) -> ResponseHead:
    """Judge a head that a library let through, by writing it down again and reading it strictly.

    Raises:
        ProtocolError: it is not the head of a final HTTP/1.1 response, or is beyond the limits.
    """
    if answer.fault:
        raise ProtocolError(answer.fault)
    lines = [f"{answer.http_version} {answer.status_code} {answer.reason}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in answer.fields]
    try:
        data = "".join([*lines, "\r\n"]).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ProtocolError(f"the response head is not bytes as latin-1 text: {error}") from error
    if len(data) > limits.head_bytes:
        raise ProtocolError(f"a response head of more than {limits.head_bytes} bytes (Limits.head_bytes)")
    head = parse_head(data, limits.fields)
    if len(head.headers.pairs) != len(lines) - 1:  # a line end inside of a value has made another field of its rest
        raise ProtocolError("a response header holds a line end (RFC 9112 section 5)")
    if head.status_code < 200:
        # http.client takes any 1xx but 100 for the final response; what follows it is lost (RFC 9110 section 15.2).
        raise ProtocolError(f"{head.status_code} as a final response: expected a status from 200 to 999")
    return head


def _nothing(_: int) -> bytes:
    """Stand for a body that is over: a reader and its exchange know each other, and so would keep what read it alive."""
    return b""


class LibraryReader(ResponseReader):
    """Reads a response whose head and body come from a library's parser instead of from bytes."""

    __slots__ = ("_counted", "_exchange", "_left", "_over", "_read", "persistent")

    def __init__(self, exchange: Exchange, head: ResponseHead, read: Callable[[int], bytes]) -> None:
        request = exchange.request
        super().__init__(request.method, exchange.limits)
        framing = response_framing(request.method, head, upgrade=False)
        self.began = True
        self._head = head
        self._exchange = exchange
        self._read = read
        self._counted = framing.kind is Kind.LENGTH
        self._left = framing.length
        self._over = framing.kind is Kind.NONE or (self._counted and not self._left)
        if self._over:
            self._read = _nothing
        self.persistent = framing.persistent and "close" not in request.headers.get("connection", "").lower()

    def take(self, n: int) -> bytes:
        """Give at most ``n`` bytes of the body as soon as the library has any; ``b""`` where it is done."""
        if self._over:
            return b""
        deadline = self._exchange.deadline
        if deadline.ends is not None:
            deadline.wait(None, time.monotonic())
        data = self._read(min(n, self._left) if self._counted else n)
        if self._counted:
            if not data:
                raise IncompleteBody(f"the body ended {self._left} bytes before its Content-Length")
            self._left -= len(data)
            self._over = not self._left
        elif not data:
            self._over = True
        if self._over:
            self._read = _nothing
        return data

    @property
    def done(self) -> bool:
        return self._over

    @property
    def reusable(self) -> bool:
        return self._over and self.persistent

    @property
    def trailers(self) -> None:
        """No library tells them."""
