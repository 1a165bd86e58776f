"""The hand-written transport: HTTP/1.1 over ``socket.connect``, ``send`` and ``recv``, with a keep-alive pool."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from intermodal._version import __version__
from intermodal.blocking.capabilities import CAPABILITIES, GUARANTEES
from intermodal.blocking.dialer import Dialer
from intermodal.blocking.exchange import Exchange
from intermodal.blocking.pool import Pool
from intermodal.blocking.stream import Stream
from intermodal.forking import forget_after_fork
from intermodal.model.options import Limits
from intermodal.protocol import TransportInfo, refuse_unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.blocking.body import Ending
    from intermodal.blocking.resolving import Resolver
    from intermodal.model.exchange import ConnectionInfo
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import Response

_INFO = TransportInfo("socket", __version__, CAPABILITIES, GUARANTEES)


class SocketTransport:
    """Carries requests over sockets of its own; a :class:`~intermodal.protocol.Transport`.

    Args:
        limits: what is accepted and kept.
        resolver: looks host names up instead of the system: called with a host and a port, it gives the addresses as
            text, best first. What it raises becomes a NameResolutionError.

    >>> transport = SocketTransport(limits=Limits(connections=10))
    >>> transport.info.name
    'socket'
    >>> transport.close()
    """

    def __init__(self, *, limits: Limits = Limits(), resolver: Resolver | None = None) -> None:  # noqa: B008 - frozen
        self._dialer = Dialer(limits, resolver)
        self._pool: Pool[Stream] = Pool(limits, usable=Stream.quiet, close=Stream.close, abandon=Stream.abandon)
        #: The exchanges that a thread waits on.
        self._waiting: set[Exchange] = set()
        #: The connections of responses that are still read: out of the garbage collector's reach, because it may take
        #: a socket before the response that would have closed it.
        self._held: set[Stream] = set()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Leave the exchanges of the parent's threads alone in a child process."""
        self._waiting = set()

    def __reduce__(self) -> tuple[Callable[[], SocketTransport], tuple[()]]:
        """Pickle the settings: a connection is its process's own."""
        return partial(type(self), limits=self._dialer.limits, resolver=self._dialer.resolver), ()

    @property
    def info(self) -> TransportInfo:
        return _INFO

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head."""
        refuse_unsupported(request, options, _INFO)
        exchange = Exchange(request, options, self._dialer, "socket")
        key = exchange.prepared.route.key
        pool, waiting = self._pool, self._waiting
        waiting.add(exchange)
        has_slot = False
        try:
            stream = pool.acquire(key, exchange.deadline)
            has_slot = True
            exchange.stream = stream = stream or exchange.dial()
            exchange.send_request()
            response = exchange.read_whole()
            if response is not None:
                stream.served += 1
                has_slot = False
                waiting.discard(exchange)  # before the connection is another's
                pool.release(key, stream)
                return response
            exchange.read_head()
            self._held.add(stream)
            return exchange.response(partial(self._finish, exchange, stream), waiting)
        except BaseException as error:
            if has_slot:
                self._finish(exchange, exchange.stream, reusable=False)
            if isinstance(error, Exception):
                exchange.fail(error)
            raise
        finally:
            waiting.discard(exchange)

    def _finish(self, exchange: Exchange, stream: Stream | None, reusable: bool, _: Ending = "read") -> None:
        """Give back what an exchange had, once."""
        if exchange.over:
            return
        exchange.over = True
        try:
            if stream is not None:
                self._held.discard(stream)
                if not reusable:
                    stream.close()
        finally:
            self._pool.release(exchange.prepared.route.key, stream if reusable else None)

    def connections(self) -> list[ConnectionInfo]:
        """List every connection that is open, oldest first: what it leads to, how it stands, whether it is in use."""
        return self._dialer.connections({*self._held, *(exchange.stream for exchange in tuple(self._waiting))})

    def close(self) -> None:
        """Close every idle connection, and end what other threads wait for: they get ``TransportClosed``.

        A response that nobody waits for at that moment keeps its connection to its end.
        """
        self._pool.close()
        for exchange in tuple(self._waiting):
            exchange.interrupt()
