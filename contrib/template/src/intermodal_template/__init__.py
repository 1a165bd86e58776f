"""A transport over the standard library's http.client, one connection for each exchange.

The contract is the numbered clauses in the docstring of ``intermodal.protocol``; the clause that a line is
there for stands beside it.
"""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Any

import intermodal
from intermodal.protocol import refuse_unsupported

if TYPE_CHECKING:
    from intermodal import Limits, Options, Request, Response

_INFO = intermodal.TransportInfo(
    name="template",
    version="0.1.0",
    # A need that is not declared is refused, and so it should be where the library cannot meet it.
    capabilities=intermodal.Capability.STREAM_REQUEST,
)


class TemplateTransport:
    """Carries plain http requests, each over a connection of its own."""

    info = _INFO

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._limits = limits
        self._closed = False

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head (T8)."""
        if self._closed:
            raise intermodal.TransportClosed("the transport is closed", request=request, transport="template")  # T10
        refuse_unsupported(request, options, _INFO)  # T4
        if request.url.scheme != "http":
            raise intermodal.UnsupportedFeature("template speaks http only", request=request, transport="template")
        connection = http.client.HTTPConnection(request.url.dial_host, request.url.port, options.timeouts.connect)
        exchange = _Exchange(connection, request)
        try:
            connection.connect()
            connection.sock.settimeout(options.timeouts.read)  # T7
            exchange.phase, exchange.delivery = "send", "maybe_sent"  # T6
            # T2: the Request is whole; http.client adds Host and Accept-Encoding unless it is told not to.
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.pairs:
                connection.putheader(name, value.encode("latin-1"))
            body, chunked = request.body, request.body is not None and request.body.length is None
            connection.endheaders(body.pieces() if body else None, encode_chunked=chunked)
            exchange.phase = "wait"
            answer = exchange.answer = connection.getresponse()
        except Exception as error:
            connection.close()
            raise exchange.failed(error) from error  # T5
        exchange.phase, exchange.delivery = "body", "sent"
        return intermodal.Response(
            answer.status, answer.getheaders(), exchange, reason=answer.reason, request=request,
            http_version="HTTP/1.0" if answer.version == 10 else "HTTP/1.1",
        )  # T3  # fmt: skip

    def close(self) -> None:
        """Refuse whatever is sent from now on (T10)."""
        self._closed = True


class _Exchange:
    """The undecoded body, and how far the exchange has come: read(n) and close() are all that a body needs."""

    answer: http.client.HTTPResponse

    def __init__(self, connection: http.client.HTTPConnection, request: Request) -> None:
        self.connection, self.request = connection, request
        self.phase: Any = "connect"
        self.delivery: Any = "not_sent"

    def read(self, n: int, /) -> bytes:
        try:
            return self.answer.read(n)
        except Exception as error:
            raise self.failed(error) from error

    def close(self) -> None:
        self.answer.close()
        self.connection.close()

    def failed(self, error: Exception) -> intermodal.Error:
        """Say what happened in Intermodal's words (T5): the most special row first."""
        if isinstance(error, intermodal.Error):
            made: intermodal.Error = error
        else:
            kind = next((ours for theirs, ours in _ERRORS if isinstance(error, theirs)), intermodal.TransportBug)
            if kind is intermodal.ReadTimeout and self.phase == "connect":
                kind = intermodal.ConnectTimeout
            made = kind(str(error) or type(error).__name__)
        made.request, made.transport = self.request, "template"
        made.phase, made.delivery = self.phase, self.delivery
        return made


_ERRORS: list[tuple[type[Exception], type[intermodal.Error]]] = [
    (socket.gaierror, intermodal.NameResolutionError),
    (TimeoutError, intermodal.ReadTimeout),
    (ConnectionRefusedError, intermodal.ConnectionError),
    (ConnectionError, intermodal.Disconnected),
    (OSError, intermodal.ConnectionError),
    (http.client.RemoteDisconnected, intermodal.Disconnected),
    (http.client.IncompleteRead, intermodal.IncompleteBody),
    (http.client.HTTPException, intermodal.ProtocolError),
]
