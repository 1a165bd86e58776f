"""Flows: how HTTP behaves, written once for both colours.

A flow is a generator that yields what it wants done (send this, drain that, sleep so long), is sent back
what came of it, and returns a response. It does no I/O, so it needs no server to be tested and no second
copy for asyncio. Flows compose by ``yield from``; only ``send``, ``drain`` and ``sleep`` yield.

    def twice(request, options, inner):
        response = yield from inner(request, options)
        if response.status_code == 503:
            yield from drain(response)
            yield from sleep(1)
            response = yield from inner(request, options)
        return response

``drive`` and ``adrive`` are the only places where the colour matters.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from intermodal.errors import TotalTimeout
from intermodal.model.base_response import BaseResponse

if TYPE_CHECKING:
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import AsyncResponse, Response

#: A response that is not wanted is read so far, in bytes and seconds, to keep its connection; then dropped.
DRAIN_BYTES = 65536
DRAIN_SECONDS = 0.25

#: So many seconds are not taken off a call's total for what has been done before its first request.
_UNNOTICED = 0.01


@dataclass(slots=True)  # frozen ones take three times as long to make, and this one is made for every request
class Send:
    """Carry this request to the end of its response's head."""

    request: Request
    options: Options


@dataclass(frozen=True, slots=True)
class Drain:
    """Be done with this response, without decoding it; a small body stays there for whoever asks."""

    response: BaseResponse


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


class Call:
    """What is true of one call, across all that is sent for it: requests, redirected ones and repeated ones.

    Attributes:
        total: the seconds that all of it may take; None without a bound.
        ends: the moment, of ``time.monotonic``, by which it is to be over.
        strayed: whether a redirect has led to another origin than the first request's. From then on, and on the way back
            too, nothing is sent that the caller gave for the first origin.
        tell: told what happens, by kind, for logs and listeners.

    >>> Call(total=None).remaining() is None, 4 < Call(total=5.0).remaining() <= 5
    (True, True)
    """

    __slots__ = ("ends", "strayed", "tell", "total")

    total: float | None
    ends: float | None
    strayed: bool
    tell: Callable[..., object]

    def __init__(
        self,
        total: float | None = None,
        tell: Callable[..., object] = lambda *_, **__: None,
        *,
        began: float | None = None,
    ) -> None:
        self.total = total
        self.ends = None if total is None else (time.monotonic() if began is None else began) + total
        self.strayed = False
        self.tell = tell

    def remaining(self) -> float | None:
        """Give the seconds that are left, which may be none any more; None without a total timeout."""
        return None if self.ends is None else self.ends - time.monotonic()

    def bound(self, request: Request, options: Options, transport: str, *, first: bool) -> Options:
        """Bound an exchange by what is left of the call; the first has all of it, and its error tells that bound.

        Raises:
            TotalTimeout: nothing is left; the request was not sent.
        """
        left, asked = self.remaining(), options.timeouts.total
        if left is None:
            return options
        if left <= 0:
            raise TotalTimeout(
                f"nothing is left of the {self.total:g} s that the whole call may take",
                request=request,
                transport=transport,
                phase="pool",
                delivery="not_sent",
            )
        if first and asked is not None and asked - left < _UNNOTICED:
            return options
        total = round(left, 3) or left
        return options.within(total if asked is None else min(total, asked))


Op = Send | Drain | Sleep
_T = TypeVar("_T")
Flow = Generator[Op, Any, _T]

#: What a flow calls for the next one inside it, down to ``send``.
Inner = Callable[["Request", "Options"], Flow["BaseResponse"]]


def send(request: Request, options: Options) -> Flow[BaseResponse]:
    """Carry a request over the transport."""
    response: BaseResponse = yield Send(request, options)
    return response


def held(made: object, whose: str) -> Flow[BaseResponse]:
    """Run what a user's function has made, and hold it to what a flow is.

    Raises:
        TypeError: it is no generator, or returns no response.
    """
    if not isinstance(made, Generator):
        raise TypeError(f"{whose} gave a {type(made).__name__} and no generator: {_FLOW}")
    response = yield from made
    if not isinstance(response, BaseResponse):
        raise TypeError(f"{whose} returned a {type(response).__name__}, no response: {_FLOW}")
    return response


_FLOW = "expected a function that holds 'response = yield from inner(request, options)' and 'return response'"


def drain(response: BaseResponse) -> Flow[None]:
    """Be done with a response that is not handed on."""
    yield Drain(response)


def sleep(seconds: float) -> Flow[None]:
    """Wait; in a test of a flow this takes no time."""
    yield Sleep(seconds)


def drive(
    flow: Flow[_T],
    carry: Callable[[Request, Options], Response],
    rest: Callable[[float], object] = time.sleep,
) -> _T:
    """Run a flow to its end, blocking.

    >>> from intermodal.model.options import Options
    >>> from intermodal.model.request import Request
    >>> from intermodal.model.response import Response
    >>> drive(send(Request("GET", "http://h/"), Options()), lambda request, options: Response(204))
    <Response [204]>
    """
    try:
        op = next(flow)
        while True:
            try:
                result = carry(op.request, op.options) if isinstance(op, Send) else _perform(op, rest)
            except Exception as error:  # noqa: BLE001 - the flow decides; what it does not want comes out again
                op = flow.throw(error)
            else:
                op = flow.send(result)
    except StopIteration as end:
        value: _T = end.value
        return value
    finally:
        flow.close()


def _is_op(op: object) -> None:
    """Refuse what a flow has yielded that asks for nothing.

    Raises:
        TypeError: it is no op; most often a ``from`` is missing.
    """
    if not isinstance(op, Op):
        raise TypeError(
            f"a flow yielded a {type(op).__name__}: expected 'yield from inner(request, options)', 'yield from drain(...)'"
            " or 'yield from sleep(...)'"
        )


def _perform(op: Drain | Sleep, rest: Callable[[float], object]) -> object:
    _is_op(op)
    if isinstance(op, Drain):
        response: Any = op.response
        response.drain(DRAIN_BYTES, DRAIN_SECONDS)
        return None
    return rest(op.seconds)


async def adrive(
    flow: Flow[_T],
    carry: Callable[[Request, Options], Awaitable[AsyncResponse]],
    rest: Callable[[float], Awaitable[object]],
) -> _T:
    """Run a flow to its end, awaiting."""
    try:
        op = next(flow)
        while True:
            try:
                result = await _aperform(op, carry, rest)
            except Exception as error:  # noqa: BLE001 - as above
                op = flow.throw(error)
            else:
                op = flow.send(result)
    except StopIteration as end:
        value: _T = end.value
        return value
    finally:
        flow.close()


async def _aperform(
    op: Op,
    carry: Callable[[Request, Options], Awaitable[AsyncResponse]],
    rest: Callable[[float], Awaitable[object]],
) -> object:
    _is_op(op)
    if isinstance(op, Send):
        return await carry(op.request, op.options)
    if isinstance(op, Drain):
        response: Any = op.response
        await response.drain(DRAIN_BYTES, DRAIN_SECONDS)
        return None
    return await rest(op.seconds)
