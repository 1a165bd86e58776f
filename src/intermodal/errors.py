"""The one tree of errors that leaves Intermodal, whatever transport carried the request.

    Error                               (alias RequestException)
    ├── InvalidRequest(ValueError)      the request cannot be sent as asked; nothing left this machine
    │   ├── URLRequired                 the URL is empty or None
    │   ├── InvalidURL
    │   ├── UnsupportedScheme
    │   ├── InvalidHeader
    │   ├── UnsupportedFeature          the transport does not declare what the request needs
    │   └── BodyNotReplayable           a one-shot body would have to be sent a second time
    ├── RequestBodyError                the caller's body raised, or its length did not match
    ├── TransportError
    │   ├── ConnectionError
    │   │   ├── NameResolutionError
    │   │   ├── ConnectTimeout          (also a Timeout)
    │   │   ├── TLSError                (alias SSLError)
    │   │   │   └── CertificateError
    │   │   ├── ProxyError
    │   │   └── Disconnected            closed or reset without an answer, or in the middle of one
    │   ├── Timeout
    │   │   ├── ConnectTimeout  ReadTimeout  WriteTimeout  PoolTimeout  TotalTimeout
    │   ├── ProtocolError               the peer broke HTTP
    │   │   └── IncompleteBody          the body ended before it was complete
    │   └── TransportClosed             send after close, or a wait that another thread has closed
    ├── ResponseError                   the response came, but cannot be used as asked
    │   ├── ContentDecodingError  TooManyRedirects  HTTPError  JSONDecodeError(ValueError)
    └── TransportBug                    a transport let something foreign out

Names are those of requests where requests has one. Where two failures ask for the same action they
share a class and differ in their attributes: ``phase`` tells how far the exchange had come,
``delivery`` whether the server may have seen the request, ``reused`` whether the connection had
served before.

No class here derives from OSError, TimeoutError, ssl.SSLError or http.client.HTTPException: raised
inside a borrowed library such an error would be caught and wrapped by that library, and callers of
different transports would see different classes.
"""

from __future__ import annotations

import json
from typing import Any, Literal

__all__ = [
    "BodyNotReplayable",
    "CertificateError",
    "ConnectTimeout",
    "ConnectionError",
    "ContentDecodingError",
    "Delivery",
    "Disconnected",
    "Error",
    "HTTPError",
    "IncompleteBody",
    "InsecureRequestWarning",
    "InvalidHeader",
    "InvalidRequest",
    "InvalidURL",
    "JSONDecodeError",
    "NameResolutionError",
    "Phase",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadTimeout",
    "RequestBodyError",
    "RequestException",
    "ResponseError",
    "SSLError",
    "TLSError",
    "Timeout",
    "TooManyRedirects",
    "TotalTimeout",
    "TransportBug",
    "TransportClosed",
    "TransportError",
    "URLRequired",
    "UnsupportedFeature",
    "UnsupportedScheme",
    "WriteTimeout",
]

#: How far an exchange had come: waiting for a slot, resolving the name, connecting, talking to the
#: proxy, shaking hands, sending the request, waiting for the first byte, reading head, reading body.
Phase = Literal["pool", "resolve", "connect", "proxy", "tls", "send", "wait", "head", "body"]

#: What the server may have seen: ``not_sent`` (no byte of the request left), ``sent`` (a response
#: began), ``maybe_sent`` (anything between).
Delivery = Literal["not_sent", "maybe_sent", "sent"]


class Error(Exception):
    """The root of all errors raised by Intermodal and by every conforming transport.

    Attributes:
        request: the Request that failed, or None where there was none yet.
        response: the Response, where one had come.
        transport: the name of the transport, for example ``"socket"``.
        phase: how far the exchange had come, one of :data:`Phase`, or None outside an exchange.
        delivery: one of :data:`Delivery`; decides whether a request may be sent again.
        reused: whether the connection had served an exchange before.

    >>> try:
    ...     raise ReadTimeout("no byte for 5 s", phase="wait", delivery="maybe_sent")
    ... except Error as error:
    ...     print(error, error.phase, error.delivery)
    no byte for 5 s wait maybe_sent
    """

    request: Any
    response: Any
    transport: str | None
    phase: Phase | None
    reused: bool
    #: What is assumed where nobody says: nothing that would let a request be sent twice.
    delivery: Delivery = "maybe_sent"

    def __init__(
        self,
        message: str = "",
        *,
        request: Any = None,
        response: Any = None,
        transport: str | None = None,
        phase: Phase | None = None,
        delivery: Delivery | None = None,
        reused: bool = False,
    ) -> None:
        Exception.__init__(self, message)  # not super(): JSONDecodeError has a second base with another signature
        self.request = request
        self.response = response
        self.transport = transport
        self.phase = phase
        if delivery is not None:
            self.delivery = delivery
        self.reused = reused


RequestException = Error


class InvalidRequest(Error, ValueError):
    """The request cannot be sent as it was asked for; no connection was opened."""

    delivery: Delivery = "not_sent"


class URLRequired(InvalidRequest):
    """The URL is empty or None."""


class InvalidURL(InvalidRequest):
    """The URL cannot be parsed, or names what cannot be connected to."""


class UnsupportedScheme(InvalidRequest):
    """The URL's scheme is neither http nor https."""


class InvalidHeader(InvalidRequest):
    """A method, header name or header value that RFC 9110 does not allow, or that is not the caller's to set."""


class UnsupportedFeature(InvalidRequest):
    """The request needs what the transport does not declare; it was refused before a byte left."""


class BodyNotReplayable(InvalidRequest):
    """A body that can be read only once would have to be sent again."""


class RequestBodyError(Error):
    """The caller's body raised while it was read, or did not have the length it was said to have."""


class TransportError(Error):
    """The exchange failed on the way.

    ``partial`` holds the body bytes that had come before the failure, undecoded, where the whole
    body was being read (``response.content``); a caller that streams has already been given them.
    """

    partial: bytes = b""


class ConnectionError(TransportError):
    """No connection, or one that was lost.

    ``errno`` is the operating system's number, where there was one (``errno.ECONNREFUSED`` …).
    """

    errno: int | None = None


class NameResolutionError(ConnectionError):
    """The host name could not be resolved."""


class Timeout(TransportError):
    """A wait took longer than its bound; ``phase`` and the class tell which."""


class ConnectTimeout(ConnectionError, Timeout):
    """Resolving, connecting, the proxy and TLS together took longer than ``Timeouts.connect``."""


class ReadTimeout(Timeout):
    """The server sent nothing for ``Timeouts.read`` seconds."""


class WriteTimeout(Timeout):
    """The server took nothing for ``Timeouts.write`` seconds."""


class PoolTimeout(Timeout):
    """No connection became free within ``Timeouts.pool`` seconds."""


class TotalTimeout(Timeout):
    """The whole exchange, body included, took longer than ``Timeouts.total``."""


class TLSError(ConnectionError):
    """The TLS handshake or a TLS record failed."""


SSLError = TLSError


class CertificateError(TLSError):
    """The server's certificate was not accepted; ``verify_code`` is OpenSSL's number for why."""

    verify_code: int | None = None


class ProxyError(ConnectionError):
    """The proxy refused or failed; ``response`` is what it answered, where it did."""


class Disconnected(ConnectionError):
    """The peer closed or reset the connection without an answer, or reset it in the middle of one."""


class ProtocolError(TransportError):
    """What the peer sent is not HTTP/1.1 as RFC 9112 has it; the connection is not used again."""


class IncompleteBody(ProtocolError):
    """The body ended before it was complete (RFC 9112 section 8); ``partial`` holds what came."""


class TransportClosed(TransportError):
    """``send`` was called after ``close``, or another thread has closed what this one was waiting for.

    ``delivery`` tells whether the request may have been acted upon.
    """

    delivery: Delivery = "not_sent"


class ResponseError(Error):
    """A response came, but cannot be used as asked."""

    delivery: Delivery = "sent"


class ContentDecodingError(ResponseError):
    """The body does not decode by its Content-Encoding."""


class TooManyRedirects(ResponseError):
    """More redirects than ``max_redirects``."""


class HTTPError(ResponseError):
    """Raised by ``response.raise_for_status()`` for a status of 400 and above."""


class JSONDecodeError(ResponseError, json.JSONDecodeError):
    """The body is not JSON; also a :class:`json.JSONDecodeError`, with its ``msg``, ``doc`` and ``pos``."""

    def __init__(self, msg: str, doc: str, pos: int, **attributes: Any) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        ResponseError.__init__(self, str(self), **attributes)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.msg, self.doc, self.pos), self.__dict__)


class TransportBug(Error):
    """A transport let an exception out that is none of these; ``__cause__`` is that exception."""


class InsecureRequestWarning(Warning):
    """A request went out with ``verify=False``: the server's certificate is not checked."""
