"""The transport over urllib3: its pools, with guarded connections in them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import urllib3

from intermodal.guard.shelf import Shelf
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.guard.urllib3 import give_back, guarded_pool
from intermodal.model.options import Limits

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange


class Urllib3Transport(GuardedTransport):
    """Carries requests over :class:`urllib3.HTTPConnectionPool`.

    >>> with_urllib3 = Urllib3Transport()
    >>> with_urllib3.info.name
    'urllib3'
    >>> with_urllib3.close()
    """

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        super().__init__("urllib3", urllib3.__version__, limits)
        self._pools = Shelf(partial(guarded_pool, limits=limits))

    def _carry(self, exchange: Exchange) -> Carried:
        request = exchange.request
        response = self._pools.get(exchange.route.key).urlopen(
            request.method,
            request.target,
            headers=urllib3.HTTPHeaderDict(request.headers.pairs),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        return Carried(partial(give_back, response))

    def _close(self) -> None:
        self._pools.close()
