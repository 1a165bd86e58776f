"""What every guarded transport does around its library: slots, the current exchange, errors, giving back."""

from __future__ import annotations

import abc
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from intermodal.blocking.exchange import Exchange
from intermodal.blocking.pool import Pool
from intermodal.errors import Error
from intermodal.guard.current import current_exchange
from intermodal.protocol import Capability, Guarantee, TransportInfo, refuse_unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.model.options import Limits, Options
    from intermodal.model.request import Request
    from intermodal.model.response import Response

#: What our dialer, writer and reader can do, whatever library stands above them.
CAPABILITIES = (
    Capability.FORWARD_PROXY
    | Capability.CUSTOM_TLS
    | Capability.CLIENT_CERT
    | Capability.STREAM_REQUEST
    | Capability.UPGRADE
    | Capability.WRITE_TIMEOUT
    | Capability.POOL_TIMEOUT
    | Capability.TOTAL_TIMEOUT
    | Capability.EXACT_TARGET
)
GUARANTEES = (
    Guarantee.WIRE_EXACT | Guarantee.STRICT_FRAMING | Guarantee.DELIVERY | Guarantee.TRAILERS | Guarantee.INFORMATIONAL
)


class Carried(NamedTuple):
    """What the library brought: how to give its connection back, and how to read the body if through the library."""

    give_back: Callable[[bool], None]
    read: Callable[[int], bytes] | None = None


class GuardedTransport(abc.ABC):
    """A transport whose library carries the current exchange over connections that are ours."""

    def __init__(self, name: str, version: str, limits: Limits) -> None:
        self._info = TransportInfo(name, version, CAPABILITIES, GUARANTEES)
        self._limits = limits
        # The library below is not limited: what it would do at its limit differs from library to library.
        self._slots: Pool[None] = Pool(limits, usable=lambda _: True, close=lambda _: None)

        #: What is to be given back to the library for responses that were left to the garbage collector.
        self._left: deque[Callable[[bool], None]] = deque()

    @property
    def info(self) -> TransportInfo:
        return self._info

    @abc.abstractmethod
    def _carry(self, exchange: Exchange) -> Carried:
        """Let the library send ``exchange.request``; return once ``exchange.head`` is read."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the library's pools."""

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head."""
        refuse_unsupported(request, options, self._info)
        exchange = Exchange(request, options, self._limits, self._info.name)
        key = exchange.route.key
        while self._left:
            self._left.popleft()(False)
        try:
            self._slots.acquire(key, exchange.deadline)
        except Error as error:
            exchange.fail(error)
        token = current_exchange.set(exchange)
        try:
            carried = self._carry(exchange)
        except Exception as error:  # noqa: BLE001 - fail() raises it again
            self._slots.release(key, None)
            exchange.fail(error)
        except BaseException:
            self._slots.release(key, None)
            raise
        finally:
            current_exchange.reset(token)

        def finish(reusable: bool, collected: bool) -> None:
            try:
                if collected:  # the library's own locks are not made for this moment
                    if exchange.stream is not None:
                        exchange.stream.close()
                    self._left.append(carried.give_back)
                else:
                    carried.give_back(reusable)
            finally:
                self._slots.release(key, None)

        return exchange.response(finish, carried.read)

    def close(self) -> None:
        """Close every idle connection; a response still being read keeps its own to its end."""
        self._slots.close()
        self._close()
