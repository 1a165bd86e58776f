"""A transport over the standard library's http.client, one connection for each exchange.

The contract is the numbered clauses in the docstring of ``intermodal.protocol``; the clause that a line is
there for stands beside it. What is not obvious about http.client was found by ``intermodal conform``.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import weakref
from typing import TYPE_CHECKING, Any

import intermodal
from intermodal.protocol import refuse_unsupported

if TYPE_CHECKING:
    from intermodal import Options, Request, Response

_INFO = intermodal.TransportInfo(
    name="template",
    version="0.1.0",
    # A need that is not declared is refused, and so it should be where the library cannot meet it.
    capabilities=intermodal.Capability.STREAM_REQUEST,
)


class TemplateTransport:
    """Carries plain http requests, each over a connection of its own."""

    info = _INFO

    def __init__(self, **_: Any) -> None:
        self.closed = False
        #: The exchanges under way: each has a connection, and ends with its response where nobody closes that.
        self.exchanges: weakref.WeakSet[_Exchange] = weakref.WeakSet()

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head (T8)."""
        if self.closed:
            raise intermodal.TransportClosed("the transport is closed", request=request, transport="template")  # T10
        refuse_unsupported(request, options, _INFO)  # T4
        exchange = _Exchange(self, request)
        try:
            return exchange.carry(options)
        except BaseException as error:
            exchange.close()
            if not isinstance(error, Exception):  # Ctrl-C, and what else is not ours to name (T5)
                raise
            raise exchange.failed(error)  # noqa: B904 - it has its cause

    def close(self) -> None:
        """Refuse whatever is sent from now on, and end what is waited for (T10)."""
        self.closed = True
        for exchange in tuple(self.exchanges):
            exchange.interrupt()


class _Exchange:
    """One exchange: how far it has come, and the undecoded body; read(n) and close() are all that a body needs."""

    def __init__(self, transport: TemplateTransport, request: Request) -> None:
        self.transport, self.request = transport, request
        self.connection = http.client.HTTPConnection(request.url.dial_host, request.url.port)
        self.answer: Any = None
        self.left: int | None = None
        self.error: intermodal.Error | None = None
        self.phase: Any = "connect"
        self.delivery: Any = "not_sent"
        transport.exchanges.add(self)

    def carry(self, options: Options) -> Response:
        request, connection = self.request, self.connection
        connection.timeout = options.timeouts.connect
        connection.connect()
        connection.sock.settimeout(options.timeouts.read)  # T7
        self.phase, self.delivery = "send", "maybe_sent"  # T6
        # T2: the Request is whole; http.client adds Host and Accept-Encoding unless it is told not to.
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.pairs:
            connection.putheader(name, value.encode("latin-1"))
        body, chunked = request.body, request.body is not None and request.body.length is None
        connection.endheaders(body.pieces() if body else None, encode_chunked=chunked)
        self.phase = "wait"
        answer = self.answer = connection.getresponse()
        if self.transport.closed:  # http.client takes the end that close() makes for the end of a head
            raise intermodal.TransportClosed("the transport was closed")
        self.phase, self.delivery = "head", "sent"
        lengths = set(answer.headers.get_all("content-length", []))
        if answer.status < 200 or len(lengths) > 1:  # T9: http.client lets both pass
            raise intermodal.ProtocolError(f"status {answer.status}, lengths {sorted(lengths)}")
        # http.client keeps the line ends of a folded value (RFC 9112 section 5.2).
        fields = [(name, re.sub(r"[ \t]*\r?\n[ \t]+", " ", value)) for name, value in answer.getheaders()]
        response = intermodal.Response(
            answer.status, fields, self, reason=answer.reason, request=request,
            http_version="HTTP/1.0" if answer.version == 10 else "HTTP/1.1",
        )  # T3  # fmt: skip
        self.phase, self.left = "body", answer.length
        return response

    def read(self, n: int, /) -> bytes:
        if self.error is not None:
            raise self.error
        try:
            # T8: read() would wait for all n bytes, and lose those that came before an error.
            data: bytes = self.answer.read1(n if self.left is None else min(n, self.left))
            if self.left is not None:
                if self.left and not data:  # T9: http.client takes a body that was cut short for a whole one
                    raise intermodal.IncompleteBody(f"the body ended {self.left} bytes before its length")
                self.left -= len(data)
            if not data and self.transport.closed:
                raise intermodal.TransportClosed("the transport was closed")
        except Exception as error:  # noqa: BLE001 - named, and raised again
            self.error = self.failed(error)
            raise self.error  # noqa: B904 - it has its cause
        return data

    def close(self) -> None:
        self.transport.exchanges.discard(self)
        if self.answer is not None:
            self.answer.close()
        self.connection.close()

    def __del__(self) -> None:  # T10: a response that nobody closes
        self.close()

    def interrupt(self) -> None:
        """Wake the thread that waits for this exchange."""
        with contextlib.suppress(AttributeError, OSError):  # there is no connection, or none any more
            self.connection.sock.shutdown(socket.SHUT_RDWR)

    def failed(self, error: Exception) -> intermodal.Error:
        """Say what happened in Intermodal's words (T5): the most special row first."""
        if isinstance(error, http.client.HTTPException) and not isinstance(error, http.client.RemoteDisconnected):
            self.delivery = "sent"
            self.phase = "head" if self.phase == "wait" else self.phase
        if isinstance(error, intermodal.Error) and not isinstance(error, intermodal.InvalidHeader):
            made: intermodal.Error = error
        else:
            kind = next((ours for theirs, ours in _ERRORS if isinstance(error, theirs)), intermodal.TransportBug)
            if kind is intermodal.ReadTimeout and self.phase == "connect":
                kind = intermodal.ConnectTimeout
            if kind is intermodal.NameResolutionError:
                self.phase = "resolve"
            if self.transport.closed:
                kind = intermodal.TransportClosed
            made = kind(f"{type(error).__name__}: {str(error)!a}")  # what a server says may be control characters
            made.__cause__ = error
            if isinstance(made, intermodal.ConnectionError):
                made.errno = getattr(error, "errno", None)
        made.request, made.transport = self.request, "template"
        made.phase, made.delivery = self.phase, self.delivery
        return made


_ERRORS: list[tuple[type[Exception], type[intermodal.Error]]] = [
    (socket.gaierror, intermodal.NameResolutionError),
    (TimeoutError, intermodal.ReadTimeout),
    (ConnectionRefusedError, intermodal.ConnectionError),
    (http.client.RemoteDisconnected, intermodal.Disconnected),
    (ConnectionError, intermodal.Disconnected),
    (OSError, intermodal.ConnectionError),
    (http.client.IncompleteRead, intermodal.IncompleteBody),
    (http.client.HTTPException, intermodal.ProtocolError),
    (intermodal.InvalidHeader, intermodal.ProtocolError),  # a field of the answer
    (ValueError, intermodal.ProtocolError),  # http.client reads numbers as Python writes them
]
