"""The transport over urllib3: its pools with guarded connections in them, or a pool manager's own."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import urllib3

from intermodal.backends.mapping import call, reading
from intermodal.borrowed.answer import adopt, hand_over
from intermodal.borrowed.ignored import check_kind, refuse_ignored, refuse_overridden, refuse_resolver
from intermodal.borrowed.urllib3 import FieldList, answer_of, body_of, check_target, forsake, shown, written
from intermodal.guard.shelf import Shelf
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.guard.urllib3 import give_back, guarded_pool
from intermodal.model.options import Limits
from intermodal.protocol import Capability, Guarantee, TransportInfo

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange
    from intermodal.blocking.resolving import Resolver

_VERSION = version("urllib3")

#: Over a user's pool manager; its TLS settings are the manager's, and what bounds sending is its connect timeout.
_MANAGER_INFO = TransportInfo(
    "urllib3",
    _VERSION,
    Capability.HTTPS | Capability.FORWARD_PROXY | Capability.STREAM_REQUEST | Capability.POOL_TIMEOUT,
    Guarantee.WIRE_EXACT,
)

_EXACTLY_ONCE: dict[str, Any] = {
    "retries": False,
    "redirect": False,
    "assert_same_host": False,
    "preload_content": False,
    "decode_content": False,
}


class Urllib3Transport(GuardedTransport):
    """Carries requests over :class:`urllib3.HTTPConnectionPool`.

    Args:
        pool_manager: a pool manager of your own, whose pools are used with their TLS settings. The answers are then
            read by urllib3's own parser, less is declared, each piece of a body is sent within the connect timeout, and
            the manager stays open. What of it is not used (``headers``, ``retries`` …) is refused: give it to
            :class:`intermodal.Client`.
        limits: what is accepted and kept; with a pool manager, how many connections are kept is its own choice.
        resolver: looks host names up instead of the system, as for the socket transport; not with a pool_manager.

    Raises:
        InvalidRequest: the pool manager has settings that would be ignored.

    >>> with_urllib3 = Urllib3Transport()
    >>> with_urllib3.info.name
    'urllib3'
    >>> with_urllib3.close()
    >>> Urllib3Transport(pool_manager=urllib3.PoolManager()).info.guarantees
    <Guarantee.WIRE_EXACT: 1>
    """

    def __init__(
        self,
        *,
        pool_manager: urllib3.PoolManager | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        resolver: Resolver | None = None,
    ) -> None:
        super().__init__("urllib3", _VERSION, limits, resolver)
        self._manager = pool_manager
        if pool_manager is not None:
            _refuse_ignored(pool_manager)
            refuse_resolver("pool_manager", resolver)
            self._info = _MANAGER_INFO
        else:
            self._shelf = Shelf(partial(guarded_pool, limits=limits))

    def _carry(self, exchange: Exchange) -> Carried:
        if self._manager is None:
            assert self._shelf is not None
            request = exchange.request
            pool = self._shelf.get(exchange.route.key)
            headers = urllib3.HTTPHeaderDict(request.headers.pairs)
            response = call(
                exchange, partial(pool.urlopen, request.method, shown(request), headers=headers, **_EXACTLY_ONCE)
            )
            if exchange.head is not None:
                return Carried(partial(give_back, response))
        else:
            response = self._send(self._manager, exchange)
        answer = answer_of(response)
        if not adopt(exchange, answer._replace(read=reading(answer.read))):
            forsake(response)
        return Carried(answer.give_back)

    def _send(self, manager: urllib3.PoolManager, exchange: Exchange) -> urllib3.BaseHTTPResponse:
        request, key, timeouts = exchange.request, exchange.route.key, exchange.options.timeouts
        check_target(exchange, written(request.target))
        pool = call(exchange, partial(manager.connection_from_host, key.host, key.port, key.scheme))
        send = partial(
            pool.urlopen,
            request.method,
            request.target,
            body=body_of(request),
            headers=FieldList.of(request.headers),
            timeout=urllib3.Timeout(connect=timeouts.connect, read=timeouts.read),
            pool_timeout=timeouts.pool,  # type: ignore[arg-type]
            **_EXACTLY_ONCE,
        )
        hand_over(exchange)
        return call(exchange, send)


def _refuse_ignored(manager: urllib3.PoolManager) -> None:
    check_kind("pool_manager", manager, urllib3.PoolManager)
    refuse_overridden(
        manager,
        urllib3.ProxyManager if isinstance(manager, urllib3.ProxyManager) else urllib3.PoolManager,
        ("urlopen", "request"),
        "do it in pool classes of your own (pool_classes_by_scheme), or in intermodal.Client(middleware=…)",
    )
    settings = manager.connection_pool_kw
    refuse_ignored(
        "pool manager",
        [
            ("headers", manager.headers, "Client(headers=…)"),
            ("proxy", manager.proxy, "Client(proxies=…)"),
            ("retries", "retries" in settings, "Client(retries=…)"),
            ("timeout", "timeout" in settings, "Client(timeout=…)"),
        ],
    )
