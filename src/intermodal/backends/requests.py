"""The transport over requests: its ``HTTPAdapter``, with guarded connections in the pools below."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from intermodal.guard.current import current_exchange
from intermodal.guard.shelf import Shelf
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.guard.urllib3 import give_back, guarded_pool
from intermodal.model.options import Limits

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool

    from intermodal.blocking.exchange import Exchange


class _GuardedAdapter(HTTPAdapter):
    """An HTTPAdapter whose pools are guarded; every method here is one that requests documents for overriding."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.pools = Shelf(partial(guarded_pool, limits=limits))

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self.pools.get(current_exchange.get().route.key)

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave certificates to our dialer."""

    def request_url(self, *_: Any, **__: Any) -> str:
        return current_exchange.get().request.target

    def close(self) -> None:
        self.pools.close()
        super().close()


class RequestsTransport(GuardedTransport):
    """Carries requests over :class:`requests.adapters.HTTPAdapter`.

    >>> with_requests = RequestsTransport()
    >>> with_requests.info.name
    'requests'
    >>> with_requests.close()
    """

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        super().__init__("requests", requests.__version__, limits)
        self._adapter = _GuardedAdapter(limits)

    def _carry(self, exchange: Exchange) -> Carried:
        response = self._adapter.send(prepared(exchange), stream=True)
        return Carried(partial(give_back, response.raw))

    def _close(self) -> None:
        self._adapter.close()


def prepared(exchange: Exchange) -> requests.PreparedRequest:
    """Render the request for whatever looks at it between here and the connection; not what is written."""
    request = exchange.request
    rendered = requests.PreparedRequest()
    rendered.method = request.method
    rendered.url = str(request.url.without_userinfo())
    rendered.headers = CaseInsensitiveDict(request.headers.items())
    rendered.body = None if request.body is None else request.body.content
    return rendered
