"""One exchange over one blocking connection: the request goes out, the response comes in, every failure is ours.

An ``Exchange`` knows at every moment how far it is (``phase``), what the server may have seen
(``delivery``) and what time remains, so that an error can say it. Who owns the connection decides what
becomes of it, by asking ``reusable`` at the end.
"""

from __future__ import annotations

import contextlib
import errno
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NoReturn

from intermodal.blocking.dialer import dial
from intermodal.errors import (
    ConnectionError,
    Delivery,
    Disconnected,
    Error,
    Phase,
    ReadTimeout,
    ResponseError,
    TLSError,
    TransportBug,
    WriteTimeout,
)
from intermodal.h1.exchange import ResponseReader, encode_request
from intermodal.model.response import Response
from intermodal.net.deadline import Deadline
from intermodal.net.route import route
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from intermodal.blocking.stream import Stream
    from intermodal.h1.head import ResponseHead
    from intermodal.model.headers import Headers
    from intermodal.model.options import Limits, Options
    from intermodal.model.request import Request

#: How much is asked of the socket at once.
RECEIVE = 65536

#: How an exchange ended: its body was read to the end or failed, it was closed before, or left to the garbage collector.
Ending = Literal["read", "closed", "collected"]
Finish = Callable[[bool, Ending], None]

#: What an exchange over our own stream can do, whatever transport dials it.
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

#: The peer is gone: stop writing, and read what it may have answered before it went (RFC 9112 section 9.5).
_GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN, errno.ECONNABORTED})


class Exchange:
    """A request on its way to a response."""

    __slots__ = (
        "_intact",
        "_wrote",
        "deadline",
        "head",
        "options",
        "phase",
        "reader",
        "request",
        "route",
        "stream",
        "transport",
    )

    def __init__(self, request: Request, options: Options, limits: Limits, transport: str) -> None:
        self.request = request
        self.options = options
        self.transport = transport
        self.deadline = Deadline(options.timeouts, time.monotonic())
        headers = request.headers
        self.reader = ResponseReader(
            request.method,
            limits,
            upgrade="upgrade" in headers,
            close="close" in headers.get("connection", "").lower(),  # of three options that a Request may name
        )
        self.route = route(request, options)
        self.phase: Phase = "pool"
        self.stream: Stream | None = None
        self.head: ResponseHead | None = None
        self._wrote = False
        self._intact = True

    def dial(self) -> Stream:
        """Open the connection that this exchange asks for."""
        return dial(self.route, self.options, self.deadline, self._enter)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase

    # -- out ----------------------------------------------------------------------------------------

    def send_request(self) -> None:
        """Write the whole request; where the peer stops taking it, go on to what it has answered.

        Raises:
            RequestBodyError, WriteTimeout, TotalTimeout, TLSError, ConnectionError.
        """
        self.phase = "send"
        with contextlib.closing(encode_request(self.request)) as pieces:  # type: ignore[type-var]
            for data in pieces:
                if not self.write(data):
                    break
        self.phase = "wait"

    def write(self, data: bytes) -> bool:
        """Write all of ``data``; False where the peer takes no more, which is no error yet: it may have answered."""
        stream = self.stream
        assert stream is not None
        rest: bytes | memoryview = data
        while True:
            try:
                taken = stream.send(rest, self._wait(self.options.timeouts.write))
            except TimeoutError as error:
                message = f"the server took nothing for write={self.options.timeouts.write} s"
                raise self.deadline.expired(WriteTimeout, message, time.monotonic()) from error
            except ssl.SSLError as error:
                self._intact = False
                if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                    return False
                raise TLSError(f"TLS failed while the request was sent: {error.reason or error}") from error
            except OSError as error:
                self._intact = False
                if error.errno in _GONE:
                    return False
                raise _lost("while the request was sent", error) from error
            self._wrote = True
            if taken == len(rest):
                return True
            rest = memoryview(rest)[taken:]

    def _wait(self, seconds: float | None) -> float | None:
        return seconds if self.deadline.ends is None else self.deadline.wait(seconds, time.monotonic())

    # -- in -----------------------------------------------------------------------------------------

    def receive(self) -> None:
        """Wait for bytes and hand them to the reader."""
        stream = self.stream
        assert stream is not None
        try:
            data = stream.recv(RECEIVE, self._wait(self.options.timeouts.read))
        except TimeoutError as error:
            message = f"the server sent nothing for read={self.options.timeouts.read} s"
            raise self.deadline.expired(ReadTimeout, message, time.monotonic()) from error
        except ssl.SSLEOFError:
            self.reader.receive(b"", clean=False)
        except ssl.SSLError as error:
            raise TLSError(f"TLS failed while the response was read: {error.reason or error}") from error
        except (OSError, ValueError) as error:  # ValueError: closed by another thread
            raise _lost("while the response was read", error) from error
        else:
            self.reader.receive(data)

    def read_head(self) -> ResponseHead:
        """Read to the end of the final response's head; interim ones are on ``reader.informational``."""
        reader = self.reader
        while (head := reader.head()) is None:
            self.receive()
            if self.phase == "wait" and reader.began:
                self.phase = "head"
        self.phase = "body"
        self.head = head
        return head

    def read(self, n: int) -> bytes:
        """Read at most ``n`` bytes of the body as soon as any are there; ``b""`` at its end."""
        reader = self.reader
        while True:
            data = reader.take(n)
            if data or reader.done:
                return data
            self.receive()

    # -- the end ------------------------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Whether the connection may serve another exchange: both messages are whole and nothing is left over."""
        return self._intact and self.reader.reusable

    @property
    def delivery(self) -> Delivery:
        """What the server may have seen of this request (T6)."""
        if self.reader.began:
            return "sent"
        return "maybe_sent" if self._wrote else "not_sent"

    @property
    def reused(self) -> bool:
        """Whether the connection had served before."""
        return self.stream is not None and self.stream.served > 0

    def fail(self, error: Exception) -> NoReturn:
        """Raise ``error`` with what is known about the exchange; a foreign one as TransportBug (T5)."""
        if not isinstance(error, Error):
            bug = TransportBug(f"transport {self.transport!r} let {error!r:.200} out: this is a bug of the transport")
            self._attach(bug)
            raise bug from error
        if error.request is None:
            self._attach(error)
        raise error

    def _attach(self, error: Error) -> None:
        error.request = self.request
        error.transport = self.transport
        error.phase = self.phase
        error.delivery = self.delivery
        error.reused = self.reused

    def response(self, finish: Finish, read: Callable[[int], bytes] | None = None) -> Response:
        """Make the Response, once the head was read.

        Args:
            finish: called once, with whether the connection may serve again, and how the exchange ended; the
                garbage collector may be calling unless it was "read", and then no lock may be waited for.
            read: where the body is read, if a library stands between it and this exchange.
        """
        head = self.head
        assert head is not None
        body = ExchangeBody(self, finish, read)
        upgraded = None
        if head.status_code == 101:
            upgraded = Upgraded(self, body)
        elif self.reader.done:
            body.end()
        return Response(
            head.status_code,
            head.headers,
            body,
            reason=head.reason,
            http_version=head.http_version,
            request=self.request,
            informational=self.reader.informational,
            upgraded=upgraded,
        )


class ExchangeBody:
    """The undecoded body, read from the exchange; gives the connection back at its end."""

    __slots__ = ("_direct", "_exchange", "_failure", "_finish", "_read")

    def __init__(self, exchange: Exchange, finish: Finish, read: Callable[[int], bytes] | None = None) -> None:
        self._exchange = exchange
        self._read = read or exchange.read
        self._direct = read is None
        self._finish: Finish | None = finish
        self._failure: Exception | None = None

    def read(self, n: int, /) -> bytes:
        if self._finish is None:
            if self._failure is not None:
                raise self._failure
            return b""
        exchange = self._exchange
        try:
            data = self._read(n)
        except Exception as error:  # noqa: BLE001 - fail() raises it again
            try:
                exchange.fail(error)
            except Error as failure:
                self._failure = failure
                raise
            finally:
                self.end()
        except BaseException:
            self.end()
            raise
        if not data or (self._direct and exchange.reader.done):  # a library may hold bytes back for the next call
            self.end()
        return data

    @property
    def trailers(self) -> Headers | None:
        return self._exchange.reader.trailers

    def drain(self, limit: int, seconds: float) -> None:
        """Read on for the connection's sake, so many bytes and seconds at most; a failure concerns nobody any more."""
        self._exchange.deadline.shorten(time.monotonic() + seconds)
        with contextlib.suppress(Error):
            while limit > 0 and (piece := self.read(min(limit, RECEIVE))):
                limit -= len(piece)

    def end(self, how: Ending = "read") -> None:
        """Give the connection up, once; it serves again only where nothing is left on it."""
        finish, self._finish = self._finish, None
        if finish is not None:
            reusable = self._failure is None and self._exchange.reusable
            if reusable and self._exchange.stream is not None:
                self._exchange.stream.served += 1
            finish(reusable, how)

    def close(self) -> None:
        # A library may have read to the end of the message what its caller has not: left unread, it counts as unread.
        if self._finish is not None and not (self._exchange.reader.done and (self._direct or not self._read(1))):
            self._failure = ResponseError(
                "the response was closed before its body was read to the end", request=self._exchange.request
            )
        self.end("closed")

    def __del__(self) -> None:
        if self._finish is not None:
            self._failure = ResponseError("the response was left to the garbage collector")
            self.end("collected")


class Upgraded:
    """The connection after a 101, its first bytes included; closing it closes the connection."""

    def __init__(self, exchange: Exchange, body: ExchangeBody) -> None:
        self._exchange = exchange
        self._body = body
        self._first = exchange.reader.rest()

    def recv(self, n: int, /) -> bytes:
        if self._first:
            data, self._first = self._first[:n], self._first[n:]
            return data
        exchange = self._exchange
        assert exchange.stream is not None
        try:
            return exchange.stream.recv(n, exchange.options.timeouts.read)
        except TimeoutError as error:
            message = f"the server sent nothing for read={exchange.options.timeouts.read} s"
            self._fail(ReadTimeout(message), error)
        except (OSError, ValueError) as error:
            self._fail(_lost("after the upgrade", error), error)

    def sendall(self, data: bytes, /) -> None:
        try:
            if not self._exchange.write(data):
                self._fail(Disconnected("the peer takes no more"), None)
        except Error as error:
            self._fail(error, error.__cause__)

    def _fail(self, error: Error, cause: BaseException | None) -> NoReturn:
        error.__cause__ = cause
        self._exchange.fail(error)

    def close(self) -> None:
        self._body.close()


def _lost(when: str, error: Exception) -> ConnectionError:
    number = getattr(error, "errno", None)
    kind = Disconnected if number in _GONE else ConnectionError
    lost = kind(f"the connection was lost {when}: {getattr(error, 'strerror', None) or error}")
    lost.errno = number
    return lost
