"""One exchange over one blocking connection: the request goes out, the response comes in, every failure is ours.

An ``Exchange`` knows at every moment how far it is (``phase``), what the server may have seen
(``delivery``) and what time remains, so that an error can say it. Who owns the connection decides what
becomes of it, by asking ``reusable`` at the end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn, TypeVar

from intermodal.blocking.body import RECEIVE, ExchangeBody, Upgraded
from intermodal.blocking.failures import judge_read, judge_write
from intermodal.blocking.info import exchange_info
from intermodal.blocking.upload import Upload
from intermodal.errors import Delivery, Error, Phase, TransportBug, TransportClosed, TransportError
from intermodal.h1.exchange import ResponseReader, encode_pieces
from intermodal.h1.usual import usual_head
from intermodal.model.response import Response, WholeBody
from intermodal.net.deadline import Deadline
from intermodal.net.prepared import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.blocking.body import Finish
    from intermodal.blocking.dialer import Dialer
    from intermodal.blocking.stream import Stream
    from intermodal.h1.head import ResponseHead
    from intermodal.h1.usual import UsualHead
    from intermodal.model.body import FileSpan
    from intermodal.model.exchange import ExchangeInfo
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.net.route import Route

A = TypeVar("A")
R = TypeVar("R", bytes, int)

#: The most that is received at once where nothing but the body can come.
LARGE = 262144

#: The most of a body that is waited for in one system call.
MOST = 1048576

#: How long a server that was asked (Expect: 100-continue) may keep silent before the body is sent, in seconds.
PATIENCE = 1.0


class Exchange:
    """A request on its way to a response."""

    # What most exchanges never change is the class's: making one costs a fraction of a small exchange.
    phase: Phase = "pool"
    stream: Stream | None = None
    head: ResponseHead | None = None
    #: Whether another thread has closed the transport, or the response, while somebody waited here.
    interrupted = False
    #: Whether a byte of the request was written, and whether all has gone as it should.
    wrote = False
    intact = True
    #: Whether its slot was given back.
    over = False
    #: What has gone out and come in, in bytes of HTTP.
    sent = 0
    received = 0
    #: How many exchanges the connection had served before.
    before = 0
    #: When the request began to go out, when it was out, when an answer began, and when its body was at its end.
    wrote_at: float | None = None
    sent_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    #: The phases of a connection that was made, each with when it began.
    marks: tuple[tuple[Phase, float], ...] = ()
    _reader: ResponseReader | None = None
    #: What ends the wait of a connection that is being made.
    _wake: Callable[[], object] | None = None
    #: The rest of the request, while there is one.
    upload: Upload | None = None
    #: The pieces of the body as they come from the caller, once they are asked for.
    pieces: Iterator[bytes] | None = None
    #: What follows the piece that a library sends, encoded, should we have to send it in its stead.
    others: Iterator[bytes | FileSpan] = iter(())

    def __init__(self, request: Request, options: Options, dialer: Dialer, transport: str) -> None:
        prepared = prepare(request, options)
        body = request.body
        if body is not None and body._opened and not body.replayable:
            try:
                body.pieces()  # says why it cannot be sent, before its head is, and before a connection is made
            except Error as error:
                error.request, error.transport = request, transport
                raise
        self.request = request
        self.options = options
        self.transport = transport
        self.prepared = prepared
        self.limits = dialer.limits
        self.dialer = dialer
        self.deadline = prepared.deadline or Deadline(options.timeouts, time.monotonic())

    @property
    def route(self) -> Route:
        """Where the request goes."""
        return self.prepared.route

    @property
    def reader(self) -> ResponseReader:
        """What reads the response; made when it is first asked for."""
        reader = self._reader
        if reader is None:
            prepared = self.prepared
            reader = self._reader = ResponseReader(
                self.request.method, self.limits, upgrade=prepared.upgrading, close=prepared.closing
            )
        return reader

    @reader.setter
    def reader(self, reader: ResponseReader) -> None:
        self._reader = reader

    def dial(self) -> Stream:
        """Open the connection that this exchange asks for."""
        self.marks = ()
        try:
            stream = self.dialer.dial(self.prepared.route, self.deadline, self._enter)
        except Error as error:
            error.__context__ = error.__cause__ or error.__context__  # httpcore raises it anew, "from None"
            raise
        self.marks += (("send", time.monotonic()),)
        return stream

    def _enter(self, phase: Phase, wake: Callable[[], object]) -> None:
        self.phase = phase
        self._wake = wake
        self.marks += ((phase, time.monotonic()),)
        if self.interrupted:
            raise TransportClosed("the transport was closed")

    # -- out ----------------------------------------------------------------------------------------

    def send_request(self) -> None:
        """Write the request, as much of it as the server wants; where it stops taking it, go on to what it has answered.

        Raises:
            RequestBodyError, WriteTimeout, TotalTimeout, TLSError, ConnectionError, ProtocolError.
        """
        self.phase = "send"
        prepared = self.prepared
        if self.write(prepared.start) and not prepared.whole and (not prepared.expecting or self.is_wanted()):
            Upload(self, self._encoded()).until_answered()
        self.phase = "wait"

    def _encoded(self) -> Iterator[bytes | FileSpan]:
        body, stream = self.request.body, self.stream
        assert body is not None
        if body.file is not None and stream is not None and stream.sends_files and not body.file.file.closed:
            return iter((body.file,))
        self.pieces = body.pieces()
        return encode_pieces(body, self.pieces)

    @property
    def chunked(self) -> bool:
        """Whether the body is sent in chunks."""
        return self.request.body is not None and self.request.body.length is None

    def send_piece(self, piece: bytes) -> bool:
        """Send one piece of the body that a library encodes; False where it is to stop, because there is an answer.

        The rest, if it is wanted, goes out as the answer is read: what is left of this piece, then ``others``.
        """
        return Upload(self, self.others, piece).piece()

    def write(self, data: bytes) -> bool:
        """Write all of ``data``; False where the peer takes no more, which is no error yet: it may have answered."""
        stream = self.stream
        assert stream is not None
        if self.interrupted:  # before there was a stream
            raise TransportClosed("the transport was closed")
        rest: bytes | memoryview = data
        if not self.sent:
            self.wrote_at = time.monotonic()
            self.before = stream.served
        while True:
            try:
                taken = stream.send(rest, self.wait(self.options.timeouts.write))
            except Exception as error:  # noqa: BLE001 - raised again as ours
                return self.not_taken(error)
            self.wrote = True
            self.sent += taken
            if taken == len(rest):
                self.sent_at = time.monotonic()
                return True
            rest = memoryview(rest)[taken:]

    def interrupt(self) -> None:
        """End this exchange under the thread that waits on it; called from another one."""
        self.interrupted = True
        stream, wake = self.stream, self._wake
        if stream is not None:
            stream.interrupt()
        elif wake is not None:
            wake()

    def not_taken(self, error: Exception) -> bool:
        """Say what it means that a write failed: False where the peer is gone and may have answered before, else raised."""
        self.intact = False
        judge_write(error, self.options, self.deadline)
        return False

    def wait(self, seconds: float | None) -> float | None:
        """Give how long a wait may take that is itself bound by ``seconds``; TotalTimeout where no time is left."""
        return seconds if self.deadline.ends is None else self.deadline.wait(seconds, time.monotonic())

    def is_wanted(self) -> bool:
        """Wait, but not for ever, until the server says whether it wants the body (RFC 9110 section 10.1.1).

        False where it has answered already: then the body stays here, and the connection does not serve again.
        """
        stream = self.stream
        assert stream is not None
        until = time.monotonic() + PATIENCE
        self.phase = "wait"
        while (left := until - time.monotonic()) > 0:
            try:
                if not stream.readable(self.wait(left)):
                    break
            except Exception as error:  # noqa: BLE001 - raised again as ours
                self.not_received(error)
            data = self.receive_now()
            if data is None:  # TLS had something to say to itself
                continue
            self.reader.receive(data)
            self.phase = "head" if self.began else "wait"
            if self.reader.head() is not None:
                self.intact = False
                return False
            if any(interim.status_code == 100 for interim in self.reader.informational):
                break
        self.phase = "send"
        return True

    # -- in -----------------------------------------------------------------------------------------

    def receive(self) -> None:
        """Wait for bytes and hand them to the reader."""
        self.reader.receive(self.receive_bytes(RECEIVE))

    def receive_bytes(self, n: int) -> bytes:
        """Wait for bytes, at most ``n``; ``b""`` for the end of the connection.

        Raises:
            ReadTimeout, TotalTimeout, TLSError, ConnectionError.
        """
        assert self.stream is not None
        return self._received(self.stream.recv, n, b"")

    def _received(self, receive: Callable[[A, float | None], R], argument: A, nothing: R) -> R:
        try:
            received = receive(argument, self.wait(self.options.timeouts.read))
        except Exception as error:  # noqa: BLE001 - raised again as ours
            self.not_received(error)
            received = nothing
        if not received:
            self._ended()
        if not self.received:
            self.answered_at = time.monotonic()
        self.received += received if type(received) is int else len(received)  # type: ignore[arg-type]
        return received

    def _ended(self) -> None:
        """Tell the peer's end of the connection from our own, made by another thread that closed the transport."""
        if self.interrupted:
            raise TransportClosed("the transport was closed")

    def receive_now(self) -> bytes | None:
        """Give what has come while we are sending, ``b""`` for the end of the connection, None where nothing has."""
        stream = self.stream
        assert stream is not None
        try:
            data = stream.recv_now(RECEIVE)
        except Exception as error:  # noqa: BLE001 - raised again as ours
            if self.phase == "send" and not self.interrupted:
                self.phase = "head" if self.began else "wait"
            data = self.not_received(error)
        if data == b"":
            self._ended()
        if data and not self.received:
            self.answered_at = time.monotonic()
        self.received += len(data or b"")
        return data

    def not_received(self, error: Exception) -> bytes:
        """Say what it means that nothing was received: the end of the connection, else raised."""
        judge_read(error, self.options, self.deadline)
        self.reader.receive(b"", clean=False)
        return b""

    def read_whole(self) -> Response | None:
        """Give the response if the first bytes that come hold all of it, the usual small one; else go on with ``read_head``.

        Then the connection may serve again at once.
        """
        if self._reader is not None or not self.intact or self.prepared.closing:
            return None  # there is more to it
        data = self.receive_bytes(RECEIVE)
        usual = usual_head(data, self.request.method, self.limits)
        if usual is not None:
            status, reason, headers, length, end = usual
            if len(data) == end + length:
                response = Response.received(status, reason, headers, WholeBody(data, end), self.request)
                response._exchange = self.info
                return response
        self._begin(data, usual)
        return None

    def read_head(self) -> ResponseHead:
        """Read to the end of the final response's head; interim ones are on ``reader.informational``."""
        if self._reader is None:
            data = self.receive_bytes(RECEIVE)
            self._begin(data, usual_head(data, self.request.method, self.limits))
        reader = self.reader
        while True:
            if reader.began:
                self.phase = "head"
            head = reader.head()
            if head is not None:
                break
            self.receive()
        self.phase = "body"
        self.head = head
        return head

    def _begin(self, data: bytes, usual: UsualHead | None) -> None:
        if usual is None:
            self.reader.receive(data)
        else:
            self.reader.begin(data, usual)

    def read(self, n: int) -> bytes:
        """Read at most ``n`` bytes of the body as soon as any are there; ``b""`` at its end."""
        reader = self.reader
        direct = reader.direct if self.upload is None else 0
        if direct:
            data = self.receive_bytes(min(n, direct, LARGE))
            if data:
                reader.skip(len(data))
                return data
            reader.receive(data)
        while not (data := reader.take(n)) and not reader.done:
            if self.upload is not None:
                self.upload.more(self.options.timeouts.read)
            else:
                self.receive()
        return data

    def fill(self, n: int) -> bytes:
        """Read ``n`` bytes of the body; fewer at its end, or where the stream cannot wait for so many at once."""
        reader, stream = self.reader, self.stream
        n = min(n, MOST)
        if stream is None or not stream.fills or self.upload is not None or reader.direct < n:
            return self.read(n)
        data = self._received(stream.fill, n, b"")
        reader.skip(len(data))
        return data or self.read(n)

    def read_into(self, buffer: memoryview) -> int:
        """Read into ``buffer`` instead, past the reader where that can be: how many bytes, 0 at the end of the body."""
        reader = self.reader
        direct = min(reader.direct, len(buffer))
        if not direct or self.upload is not None:
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        assert self.stream is not None
        received = self._received(self.stream.recv_into, buffer[:direct], 0)
        if received:
            reader.skip(received)
            return received
        reader.receive(b"")
        return len(self.read(1))  # whether that was the body's end, the reader says

    # -- the end ------------------------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Whether the connection may serve another exchange: both messages are whole and nothing is left over."""
        return self.intact and not self.interrupted and self.upload is None and self.reader.reusable

    @property
    def done(self) -> bool:
        """Whether there is nothing more to send or to read."""
        return self.upload is None and self.reader.done

    def end_upload(self) -> None:
        """Send the rest of the body, now that the answer was read to its end."""
        if self.upload is not None and self.answer_is_whole:
            self.upload.to_the_end()

    @property
    def began(self) -> bool:
        """Whether any byte of a response has come."""
        return self._reader is not None and self._reader.began

    @property
    def answer_is_whole(self) -> bool:
        """Whether the response was read to its end."""
        return self._reader is not None and self._reader.done

    @property
    def delivery(self) -> Delivery:
        """What the server may have seen of this request (T6)."""
        if self.began:
            return "sent"
        return "maybe_sent" if self.wrote else "not_sent"

    @property
    def reused(self) -> bool:
        """Whether the connection had served before."""
        return self.stream is not None and self.stream.served > 0

    def fail(self, error: Exception) -> NoReturn:
        """Raise ``error`` with what is known about the exchange; a foreign one as TransportBug (T5)."""
        if self.interrupted and isinstance(error, TransportError):
            closed = TransportClosed("closed by another thread while this request was on its way")
            self._attach(closed)
            raise closed from error
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

    def response(self, finish: Finish, waiting: set[Exchange], read: Callable[[int], bytes] | None = None) -> Response:
        """Make the Response, once the head was read.

        Args:
            finish: called once, with whether the connection may serve again, and how the exchange ended; the
                garbage collector may be calling unless it was "read", and then no lock may be waited for.
            waiting: where this exchange stands while a thread waits for more of the body.
            read: where the body is read, if a library stands between it and this exchange.
        """
        head = self.head
        assert head is not None
        body = ExchangeBody(self, finish, waiting, read)
        upgraded = Upgraded(self, body) if head.status_code == 101 else None
        is_here = upgraded is None and self.upload is None and (self.reader.done or self.reader.is_here)
        response = Response(
            head.status_code,
            head.headers,
            body.gathered() if is_here else body,
            reason=head.reason,
            http_version=head.http_version,
            request=self.request,
            informational=self.reader.informational,
            upgraded=upgraded,
        )
        response._exchange = self.info
        return response

    def info(self) -> ExchangeInfo:
        """Tell how it went, so far: asked by the response, when somebody looks."""
        return exchange_info(self)
