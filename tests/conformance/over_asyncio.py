"""A small and correct asynchronous transport, for tests: it shows that the kit is right in that colour too.

Plain http over sockets that do not block, the event loop telling when they are ready. Every wait is a future that one
method awaits: there it ends by its bound, by ``aclose``, or by cancellation, and leaves nothing registered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time

from intermodal.blocking.failures import judge_read, judge_write
from intermodal.errors import (
    ConnectionError,
    ConnectTimeout,
    Error,
    NameResolutionError,
    PoolTimeout,
    ResponseError,
    TransportBug,
    TransportClosed,
    UnsupportedScheme,
)
from intermodal.h1.exchange import ResponseReader, encode_pieces
from intermodal.model.options import Limits
from intermodal.model.response import AsyncResponse
from intermodal.net.deadline import Deadline
from intermodal.net.pool import WAIT, PoolState
from intermodal.net.prepared import prepare
from intermodal.protocol import Capability, Guarantee, TransportInfo, refuse_unsupported

INFO = TransportInfo(
    "over-asyncio",
    "1",
    Capability.STREAM_REQUEST
    | Capability.WRITE_TIMEOUT
    | Capability.POOL_TIMEOUT
    | Capability.TOTAL_TIMEOUT
    | Capability.EXACT_TARGET,
    Guarantee.WIRE_EXACT | Guarantee.STRICT_FRAMING | Guarantee.DELIVERY | Guarantee.TRAILERS | Guarantee.INFORMATIONAL,
)

#: What is accepted and kept where nobody says else.
LIMITS = Limits()

#: How much is received at once, in bytes.
RECEIVE = 65536


class Interrupted(Exception):
    """Another task has closed what this one waits for."""


class OverAsyncio:
    """Carries requests over asyncio; an AsyncTransport. To be used on one event loop."""

    @property
    def exchange_type(self):
        """What an exchange is made of; broken transports have another."""
        return Exchange

    def __init__(self, *, limits=LIMITS):
        self.limits = limits
        #: Slots, idle connections and who waits; a ticket is a future with the key that it waits for.
        self._pool = PoolState(limits)
        #: The exchanges that a task is at work on.
        self.active = set()

    @property
    def info(self):
        return INFO

    async def asend(self, request, options, /):
        """Send one request and return at the end of the response's head."""
        refuse_unsupported(request, options, INFO)
        exchange = self.exchange_type(self, request, options)
        with exchange.at_work():
            return await exchange.begin()

    async def aclose(self):
        """Close every idle connection, and end what other tasks wait for; a response that is held stays its holder's."""
        for ticket, _ in self._pool.close():
            if not ticket.done():
                ticket.set_exception(Interrupted())
        self._close_gone()
        for exchange in [*self.active]:
            exchange.interrupt()

    async def acquire(self, exchange):
        """Take a slot, with an idle connection that still lives where there is one."""
        pool, key, now = self._pool, exchange.key, time.monotonic()
        if pool.closed:
            raise TransportClosed("the transport is closed: open another one")
        wire = pool.acquire(key, now)
        self._close_gone()
        if wire is WAIT:
            ticket = asyncio.get_running_loop().create_future(), key
            pool.wait(ticket, key)
            try:
                wire = await exchange.wait(ticket[0], exchange.bound(exchange.options.timeouts.pool))
            except BaseException:
                pool.leave(ticket)
                self.pass_on(*ticket)
                raise
        while wire is not None and not wire.quiet():
            wire.close()
            wire = pool.another(key, time.monotonic())
        return wire

    def pass_on(self, ticket, key):
        """Give back the slot of who was served and cancelled at the same moment."""
        if ticket.done() and not ticket.cancelled() and ticket.exception() is None:
            self.release(key, ticket.result())

    def release(self, key, wire):
        """Give a slot back, with its connection if that may serve again; who was cancelled in line lets others pass."""
        served = self._pool.release(key, wire, time.monotonic())
        while served is not None:
            (ticket, key), wire = served
            if not ticket.done():
                ticket.set_result(wire)
                break
            served = self._pool.release(key, wire, time.monotonic())
        self._close_gone()

    def _close_gone(self):
        while self._pool.gone:
            self._pool.gone.pop().close()


class Wire:
    """A connection that does not block."""

    def __init__(self, sock):
        self._sock = sock
        #: How many exchanges it has served.
        self.served = 0

    def quiet(self):
        """Whether nothing has come while nobody listened: neither bytes nor the end."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def recv(self):
        """Give what is there, ``b""`` for the end of the connection, None where nothing is."""
        try:
            return self._sock.recv(RECEIVE)
        except BlockingIOError:
            return None

    def send(self, data):
        """Send as much as the system takes now, and give how much that was."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    async def ready(self, exchange, seconds, *, read=True, write=False):
        """Wait until there is something to be received, or room for something to be sent."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if read:
            loop.add_reader(self._sock, settle, future)
        if write:
            loop.add_writer(self._sock, settle, future)
        try:
            await exchange.wait(future, seconds)
        finally:
            loop.remove_reader(self._sock)
            loop.remove_writer(self._sock)

    def close(self):
        self._sock.close()


def settle(future):
    if not future.done():
        future.set_result(None)


def expire(future):
    if not future.done():
        future.set_exception(TimeoutError())


async def connect(exchange, host, port):
    """Connect to the first address of a host that answers."""
    loop = asyncio.get_running_loop()
    deadline = exchange.deadline
    seconds = exchange.options.timeouts.connect
    until = None if seconds is None else time.monotonic() + seconds

    def left():
        return deadline.wait(None if until is None else max(until - time.monotonic(), 0), time.monotonic())

    try:
        exchange.phase = "resolve"
        lookup = asyncio.ensure_future(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        found = loop.create_future()
        lookup.add_done_callback(lambda _: settle(found))
        try:
            await exchange.wait(found, left())
            addresses = lookup.result()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise NameResolutionError(f"{host!r} cannot be resolved: {error.strerror}") from error
        finally:
            lookup.cancel()
        exchange.phase = "connect"
        for family, kind, protocol, _, address in addresses:
            sock = socket.socket(family, kind, protocol)
            wire = Wire(sock)
            try:
                sock.setblocking(False)
                number = sock.connect_ex(address)
                if number == errno.EINPROGRESS:
                    await wire.ready(exchange, left(), read=False, write=True)
                    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not number:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return wire
            except BaseException:
                wire.close()
                raise
            wire.close()
    except TimeoutError as error:
        message = f"no connection to {host!r} port {port} within connect={seconds} s"
        raise deadline.expired(ConnectTimeout, message, time.monotonic()) from error
    refused = ConnectionError(f"no connection to {host!r} port {port}: {errno.errorcode.get(number, number)}")
    refused.errno = number
    raise refused from OSError(number, os.strerror(number))


class Exchange:
    """A request on its way to a response; it knows how far it is, and what the server may have seen."""

    def __init__(self, transport, request, options):
        prepared = prepare(request, options)
        self.transport = transport
        self.request = request
        self.options = options
        self.route = prepared.route
        self.key = prepared.route.key
        self.deadline = Deadline(options.timeouts, time.monotonic())
        self.reader = ResponseReader(request.method, transport.limits, close=prepared.closing)
        self.phase = "pool"
        self.wire = None
        self.reused = False
        self.wrote = False
        #: Whether the request went out whole, and nothing else happened that ends a connection.
        self.intact = True
        self.interrupted = False
        self.has_slot = False
        #: What is awaited just now.
        self._future = None
        #: What is left of the piece that is being sent, and the pieces behind it; None once all is sent.
        self._rest = prepared.start
        self._whole = prepared.whole
        self._source = None
        self._pieces = iter(())

    @contextlib.contextmanager
    def at_work(self):
        """Let ``aclose`` find it, and see that whatever ends it ends it whole: its error is ours, its slot is given back."""
        active = self.transport.active
        active.add(self)
        try:
            yield
        except Exception as error:
            self.finish()
            raise self._named(error) from error.__cause__ if isinstance(error, Error) else error
        except BaseException:
            self.finish()
            raise
        finally:
            active.discard(self)

    def _named(self, error):
        if isinstance(error, Interrupted):
            error = TransportClosed("closed by another task while this request was on its way")
        elif not isinstance(error, Error):
            error = TransportBug(f"OverAsyncio let {error!r:.200} out")
        if error.request is None:
            error.request, error.transport, error.phase = self.request, INFO.name, self.phase
            error.delivery = "sent" if self.reader.began else "maybe_sent" if self.wrote else "not_sent"
            error.reused = self.reused
        return error

    async def wait(self, future, seconds):
        """Await a future, for so long at most; where every wait of an exchange ends."""
        if self.interrupted:
            raise Interrupted
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, expire, future)
        self._future = future
        try:
            return await future
        finally:
            self._future = None
            if timer is not None:
                timer.cancel()

    def bound(self, seconds):
        return self.deadline.wait(seconds, time.monotonic())

    def interrupt(self):
        """End whatever a task waits for here."""
        self.interrupted = True
        if self._future is not None and not self._future.done():
            self._future.set_exception(Interrupted())

    async def begin(self):
        """Send the request and read the head of the answer."""
        if self.request.url.scheme != "http":
            raise UnsupportedScheme("this transport speaks plain http only", delivery="not_sent")
        if not self._whole:
            self._source = self.request.body.pieces()
            self._pieces = encode_pieces(self.request.body, self._source)
        try:
            self.wire = await self.transport.acquire(self)
        except TimeoutError as error:
            message = f"no connection became free within pool={self.options.timeouts.pool} s"
            raise self.deadline.expired(PoolTimeout, message, time.monotonic()) from error
        self.has_slot = True
        if self.wire is None:
            self.wire = await connect(self, self.route.host, self.route.port)
        self.reused = self.wire.served > 0
        self.phase = "send"
        head = await self._send()
        while head is None:
            self.phase = "head" if self.reader.began else "wait"
            head = self.reader.head()
            if head is None:
                await self._receive()
        self.phase = "body"
        body = Body(self)
        if self.reader.done and self._rest is None:
            self.finish(reusable=True)
        return AsyncResponse(
            head.status_code,
            head.headers,
            body,
            reason=head.reason,
            http_version=head.http_version,
            request=self.request,
            informational=self.reader.informational,
        )

    async def _send(self):
        """Send the request, as much of it as the server takes before it answers; give the head if it has."""
        while self._rest is not None:
            self.bound(None)  # the caller's body may have taken its time
            data = self._recv()
            if data is not None:
                self.reader.receive(data)
            if self.reader.began and (head := self.reader.head()) is not None:
                self.intact = False
                if head.status_code >= 300:
                    self._leave()  # no more of it is wanted (RFC 9112 section 9.5)
                return head
            if self._send_some():
                await asyncio.sleep(0)  # others have their turn too
                continue
            try:
                await self.wire.ready(self, self.bound(self.options.timeouts.write), write=True)
            except TimeoutError as error:
                judge_write(error, self.options, self.deadline)
        return None

    def _send_some(self):
        """Send what the system takes of the piece that is next, if it takes anything."""
        try:
            taken = self.wire.send(self._rest)
        except OSError as error:
            judge_write(error, self.options, self.deadline)
            self._leave()  # it is gone, and may have answered before
            return True
        self.wrote = self.wrote or taken > 0
        self._rest = self._rest[taken:] or next(self._pieces, None)
        return taken > 0

    async def _receive(self):
        """Wait for bytes and hand them to the reader; what is left of the request goes on meanwhile."""
        while (data := self._recv()) is None:
            try:
                await self.wire.ready(self, self.bound(self.options.timeouts.read), write=self._rest is not None)
            except TimeoutError as error:
                judge_read(error, self.options, self.deadline)
            if self._rest is not None:
                self._send_some()
        self.reader.receive(data)

    def _recv(self):
        try:
            return self.wire.recv()
        except OSError as error:
            if self.phase == "send":
                self.phase = "head" if self.reader.began else "wait"
            judge_read(error, self.options, self.deadline)
            self.reader.receive(b"", clean=False)
            return b""

    async def read(self, n):
        """Read at most ``n`` bytes of the body as soon as any are there; ``b""`` at its end."""
        reader = self.reader
        while not (data := reader.take(n)) and not reader.done:
            await self._receive()
        if reader.done:
            self.finish(reusable=True)
        return data

    def _leave(self):
        """Send no more, and let go of the body."""
        self.intact = False
        self._rest = None

    def finish(self, *, reusable=False):
        """Give up what it has, once; the connection serves again where both messages are whole."""
        if self._rest is not None:
            self._leave()
        for pieces in (self._pieces, self._source):
            if pieces is not None and hasattr(pieces, "close"):
                with contextlib.suppress(Exception):  # of a body that nobody asks for any more
                    pieces.close()
        if not self.has_slot:
            return
        self.has_slot = False
        wire = self.wire
        if wire is not None:
            wire.served += 1
            if not (reusable and self.intact and not self.interrupted and self.reader.reusable):
                wire.close()
                wire = None
        self.transport.release(self.key, wire)


class Body:
    """The undecoded body of a response."""

    def __init__(self, exchange):
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._failure = None

    async def read(self, n, /):
        exchange = self._exchange
        if self._failure is not None:
            raise self._failure
        try:
            if not exchange.has_slot:  # all of it has come
                return exchange.reader.take(n)
            with exchange.at_work():
                return await exchange.read(n)
        except BaseException as error:
            cancelled = not isinstance(error, Exception)
            self._failure = ResponseError("a read of this body was cancelled: the rest is gone") if cancelled else error
            raise

    @property
    def trailers(self):
        return self._exchange.reader.trailers

    async def aclose(self):
        exchange = self._exchange
        if exchange in exchange.transport.active:
            exchange.interrupt()  # whoever reads is told, and gives the connection up
        elif exchange.has_slot:
            self._failure = ResponseError("the response was closed before its body was read to the end")
            exchange.finish(reusable=exchange.reader.done)

    def __del__(self):
        if self._exchange.has_slot and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._exchange.finish)
