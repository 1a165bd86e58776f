"""One HTTP request, any transport, the same answer.

>>> import intermodal
>>> from intermodal.testing import MockTransport
>>> with intermodal.Client(transport=MockTransport({"/": "hello"})) as client:
...     client.get("http://example.test/").text
'hello'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal._version import __version__
from intermodal.client import Client, delete, get, head, options, patch, post, put, request
from intermodal.errors import (
    BodyNotReplayable,
    CertificateError,
    ConnectionError,
    ConnectTimeout,
    ContentDecodingError,
    Disconnected,
    Error,
    HTTPError,
    IncompleteBody,
    InsecureRequestWarning,
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    JSONDecodeError,
    NameResolutionError,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadTimeout,
    RequestBodyError,
    RequestException,
    ResponseError,
    SSLError,
    Timeout,
    TLSError,
    TooManyRedirects,
    TotalTimeout,
    TransportBug,
    TransportClosed,
    TransportError,
    UnsupportedFeature,
    UnsupportedScheme,
    URLRequired,
    WriteTimeout,
)
from intermodal.middleware.auth import Auth, BasicAuth, BearerAuth, NetrcAuth
from intermodal.middleware.retries import Retry
from intermodal.model.body import Body
from intermodal.model.exchange import ConnectionInfo, ExchangeInfo, Times
from intermodal.model.headers import Headers
from intermodal.model.options import TLS, Dial, Limits, Options, Proxy, Timeouts
from intermodal.model.request import Request
from intermodal.model.response import AsyncResponse, Informational, RawBody, Response
from intermodal.model.url import URL
from intermodal.protocol import (
    AsyncTransport,
    Capability,
    Guarantee,
    Transport,
    TransportInfo,
    refuse_unsupported,
)
from intermodal.registry import (
    InstalledTransport,
    TransportUnavailable,
    TransportWarning,
    open_async_transport,
    open_transport,
    transports,
    use_transport,
)

if TYPE_CHECKING:
    from intermodal.backends.httpx import HttpxTransport as HttpxTransport
    from intermodal.backends.requests import RequestsTransport as RequestsTransport
    from intermodal.backends.socket import SocketTransport as SocketTransport
    from intermodal.backends.urllib3 import Urllib3Transport as Urllib3Transport
    from intermodal.events import Event as Event
    from intermodal.middleware.digest import DigestAuth as DigestAuth
    from intermodal.model.cookies import CookieConflictError as CookieConflictError
    from intermodal.model.cookies import CookieJar as CookieJar

__all__ = [
    "TLS",
    "URL",
    "AsyncResponse",
    "AsyncTransport",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "Body",
    "BodyNotReplayable",
    "Capability",
    "CertificateError",
    "Client",
    "ConnectTimeout",
    "ConnectionError",
    "ConnectionInfo",
    "ContentDecodingError",
    "CookieConflictError",
    "CookieJar",
    "Dial",
    "DigestAuth",
    "Disconnected",
    "Error",
    "Event",
    "ExchangeInfo",
    "Guarantee",
    "HTTPError",
    "Headers",
    "IncompleteBody",
    "Informational",
    "InsecureRequestWarning",
    "InstalledTransport",
    "InvalidHeader",
    "InvalidRequest",
    "InvalidURL",
    "JSONDecodeError",
    "Limits",
    "NameResolutionError",
    "NetrcAuth",
    "Options",
    "PoolTimeout",
    "ProtocolError",
    "Proxy",
    "ProxyError",
    "RawBody",
    "ReadTimeout",
    "Request",
    "RequestBodyError",
    "RequestException",
    "Response",
    "ResponseError",
    "Retry",
    "SSLError",
    "TLSError",
    "Timeout",
    "Timeouts",
    "Times",
    "TooManyRedirects",
    "TotalTimeout",
    "Transport",
    "TransportBug",
    "TransportClosed",
    "TransportError",
    "TransportInfo",
    "TransportUnavailable",
    "TransportWarning",
    "URLRequired",
    "UnsupportedFeature",
    "UnsupportedScheme",
    "WriteTimeout",
    "__version__",
    "delete",
    "get",
    "head",
    "open_async_transport",
    "open_transport",
    "options",
    "patch",
    "post",
    "put",
    "refuse_unsupported",
    "request",
    "transports",
    "use_transport",
]

#: Imported at first use, and not part of ``import *``: ``import intermodal`` imports no HTTP library.
_BACKENDS = {
    "SocketTransport": "socket",
    "RequestsTransport": "requests",
    "Urllib3Transport": "urllib3",
    "HttpxTransport": "httpx",
}


#: Imported at first use, because they are slow to import, or seldom needed.
_SELDOM = {
    "CookieConflictError": "intermodal.model.cookies",
    "CookieJar": "intermodal.model.cookies",
    "DigestAuth": "intermodal.middleware.digest",
    "Event": "intermodal.events",
}


if not TYPE_CHECKING:  # to a type checker, they are simply there

    def __getattr__(name: str) -> Any:
        if name in _SELDOM:
            from importlib import import_module  # noqa: PLC0415 - see above

            seldom = globals()[name] = getattr(import_module(_SELDOM[name]), name)
            return seldom
        if name in _BACKENDS:
            from intermodal.registry import find  # noqa: PLC0415 - see above

            loaded = globals()[name] = find(_BACKENDS[name]).load()
            return loaded
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
