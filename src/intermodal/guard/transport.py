"""What every guarded transport does around its library: slots, the current exchange, errors, giving back."""

from __future__ import annotations

import abc
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from intermodal.blocking.capabilities import CAPABILITIES, GUARANTEES
from intermodal.blocking.dialer import Dialer
from intermodal.blocking.exchange import Exchange
from intermodal.blocking.pool import Pool
from intermodal.errors import UnsupportedFeature
from intermodal.forking import forget_after_fork
from intermodal.guard.current import current_exchange
from intermodal.protocol import TransportInfo, refuse_unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.blocking.body import Ending
    from intermodal.blocking.resolving import Resolver
    from intermodal.blocking.stream import Stream
    from intermodal.guard.shelf import Shelf
    from intermodal.model.exchange import ConnectionInfo
    from intermodal.model.options import Limits, Options
    from intermodal.model.request import Request
    from intermodal.model.response import Response
    from intermodal.net.route import Key


class Carried(NamedTuple):
    """What the library brought: how to give its connection back, and how to read the body if through the library."""

    give_back: Callable[[bool], None]
    read: Callable[[int], bytes] | None = None


class GuardedTransport(abc.ABC):
    """A transport whose library carries the current exchange over connections that are ours."""

    def __init__(self, name: str, version: str, limits: Limits, resolver: Resolver | None) -> None:
        self._info = TransportInfo(name, version, CAPABILITIES, GUARANTEES)
        self._dialer = Dialer(limits, resolver)
        # The library below is not limited: what it would do at its limit differs from library to library.
        self._slots: Pool[None] = Pool(limits, usable=lambda _: True, close=lambda _: None, abandon=lambda _: None)

        #: The library's pools by key; None where they are the user's own.
        self._shelf: Shelf[Any] | None = None
        #: What is to be given back to the library before its next exchange.
        self._left: deque[Callable[[], None]] = deque()
        #: What the library holds of the exchanges that are not over: out of the garbage collector's reach, because
        #: its objects take its locks when they go.
        self._out: dict[int, tuple[Exchange, Carried]] = {}
        #: The exchanges that a thread waits on.
        self._waiting: set[Exchange] = set()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Leave the exchanges of the parent's threads alone in a child process."""
        self._waiting = set()
        self._left.clear()

    def __reduce__(self) -> tuple[Callable[[], GuardedTransport], tuple[()]]:
        """Pickle the settings: a connection is its process's own, and an object of the user's is the user's to pickle."""
        if self._shelf is None:
            raise TypeError(
                f"this {type(self).__name__} is over an object of your own and cannot be pickled: make it anew where it is"
                " used, or make it without one"
            )
        return partial(type(self), limits=self._dialer.limits, resolver=self._dialer.resolver), ()

    @property
    def info(self) -> TransportInfo:
        return self._info

    @abc.abstractmethod
    def _carry(self, exchange: Exchange) -> Carried:
        """Let the library send ``exchange.request``; return once ``exchange.head`` is read."""

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head."""
        refuse_unsupported(request, options, self._info)
        exchange = Exchange(request, options, self._dialer, self._info.name)
        key = exchange.route.key
        self._waiting.add(exchange)
        token = current_exchange.set(exchange)
        has_slot = False
        carried: Carried | None = None
        try:
            self._give_back_left()
            self._slots.acquire(key, exchange.deadline)
            has_slot = True
            if self._shelf is not None:
                self._shelf.hold(key)
            carried = self._carry(exchange)
            self._out[id(exchange)] = exchange, carried
            return exchange.response(partial(self._finish, exchange, carried), self._waiting, carried.read)
        except BaseException as error:
            if has_slot and self._shelf is not None and not isinstance(error, Exception):
                self._waiting.discard(exchange)
                self._shelf.drop(key)
                self._dialer.close(key, self._used(but=exchange))
            if carried is not None and isinstance(error, Exception):
                self._finish(exchange, carried, reusable=False, how="read")
            elif has_slot and not exchange.over:
                exchange.over = True
                self._out.pop(id(exchange), None)
                self._over(key)
            if isinstance(error, Exception):
                exchange.fail(error)
            raise
        finally:
            current_exchange.reset(token)
            self._waiting.discard(exchange)

    def _finish(self, exchange: Exchange, carried: Carried, reusable: bool, how: Ending) -> None:
        """Give back what an exchange had, once."""
        if exchange.over:
            return
        exchange.over = True
        stream = exchange.stream
        give_back = partial(self._give_back, exchange, carried, reusable)
        try:
            if how == "collected" or (how == "closed" and stream is not None):
                # The garbage collector may be at work, in the middle of anything, and the library's locks are not
                # made for that: its connection ends here and now, its books are closed before the next exchange.
                self._left.append(give_back)
                if stream is not None and not reusable:
                    stream.close()
            else:
                give_back()
        finally:
            self._slots.release(exchange.route.key, None)

    def _give_back(self, exchange: Exchange, carried: Carried, reusable: bool) -> None:
        try:
            carried.give_back(reusable)
        finally:
            self._out.pop(id(exchange), None)
            if self._shelf is not None:
                self._shelf.done(exchange.route.key)

    def _over(self, key: Key) -> None:
        self._slots.release(key, None)
        if self._shelf is not None:
            self._shelf.done(key)

    def _give_back_left(self) -> None:
        while self._left:
            try:
                give_back = self._left.popleft()
            except IndexError:  # another thread was faster
                return
            give_back()

    def connections(self) -> list[ConnectionInfo]:
        """List every connection that is open, oldest first: what it leads to, how it stands, whether it is in use.

        Raises:
            UnsupportedFeature: over an object of the user's own, whose library keeps its connections to itself.
        """
        if self._shelf is None:
            raise UnsupportedFeature(
                f"this {type(self).__name__} is over an object of your own, whose library keeps its connections: ask that"
            )
        return self._dialer.connections(self._used())

    def _used(self, but: Exchange | None = None) -> set[Stream | None]:
        exchanges = [*tuple(self._waiting), *(exchange for exchange, _ in list(self._out.values()))]
        return {exchange.stream for exchange in exchanges if exchange is not but}

    def close(self) -> None:
        """Close every idle connection, and end what other threads wait for: they get ``TransportClosed``.

        A response that nobody waits for at that moment keeps its connection to its end.
        """
        self._slots.close()
        for exchange in tuple(self._waiting):
            exchange.interrupt()
        try:
            self._give_back_left()
        finally:
            if self._shelf is not None:
                self._shelf.close()
