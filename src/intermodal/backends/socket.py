"""The hand-written transport: HTTP/1.1 over ``socket.connect``, ``send`` and ``recv``, with a keep-alive pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal._version import __version__
from intermodal.blocking.exchange import CAPABILITIES, GUARANTEES, Exchange
from intermodal.blocking.pool import Pool
from intermodal.blocking.stream import Stream
from intermodal.errors import Error
from intermodal.model.options import Limits
from intermodal.protocol import TransportInfo, refuse_unsupported

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Ending
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import Response

_INFO = TransportInfo("socket", __version__, CAPABILITIES, GUARANTEES)


class SocketTransport:
    """Carries requests over sockets of its own; a :class:`~intermodal.protocol.Transport`.

    >>> transport = SocketTransport(limits=Limits(connections=10))
    >>> transport.info.name
    'socket'
    >>> transport.close()
    """

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._pool: Pool[Stream] = Pool(limits, usable=Stream.quiet, close=Stream.close, abandon=Stream.abandon)

    @property
    def info(self) -> TransportInfo:
        return _INFO

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head."""
        refuse_unsupported(request, options, _INFO)
        exchange = Exchange(request, options, self._limits, "socket")
        key = exchange.route.key
        try:
            stream = self._pool.acquire(key, exchange.deadline)
        except Error as error:
            exchange.fail(error)

        def finish(reusable: bool, _: Ending = "read") -> None:
            used = exchange.stream
            if used is not None and not reusable:
                used.close()
            self._pool.release(key, used if reusable else None)

        try:
            exchange.stream = stream or exchange.dial()
            exchange.send_request()
            exchange.read_head()
        except Exception as error:  # noqa: BLE001 - fail() raises it again
            try:
                exchange.fail(error)
            finally:
                finish(False)
        except BaseException:
            finish(False)
            raise
        return exchange.response(finish)

    def close(self) -> None:
        """Close every idle connection; a response still being read keeps its own to its end."""
        self._pool.close()
