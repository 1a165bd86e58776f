"""One request in the hands of an ASGI application: the application's side of it, and its caller's.

Laws:

- The application is a task beside the caller's, and hands over one message at a time: it waits until that is taken.
- When the response is closed, or was not waited for to its end, the task is over too: told first, then cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from intermodal.errors import Error, ReadTimeout, ResponseError, Timeout, TransportClosed
from intermodal.model.headers import Headers
from intermodal.model.response import AsyncResponse
from intermodal.net.deadline import Deadline
from intermodal.testing.application import FAILED, FAILED_FIELDS, Call, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from intermodal.model.options import Timeouts

__all__ = ["Exchange", "Message"]

#: Seconds in which an application that is told of a disconnect may end by itself, before it is cancelled.
_GRACE: Final = 0.1

#: Seconds in which one that was cancelled may clean up, before it is left behind.
_PATIENCE: Final = 2.0

Message = dict[str, Any]


class _Bell:
    """Wakes all who wait for something to change. They look again: it may not be what they waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            _settle(waiter)

    async def wait(self, until: float | None = None) -> None:
        """Wait until it rings, or until a time on the loop's clock."""
        # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes together with what it waits for.
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = None if until is None else self._loop.call_at(until, _settle, waiter)
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
            if timer is not None:
                timer.cancel()


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Exchange:
    """A request in the hands of an application, seen from both sides: its ``receive`` and ``send``, and its caller's."""

    _interrupted = False
    _task: asyncio.Task[None]

    def __init__(self, call: Call, timeouts: Timeouts, waiting: set[Exchange]) -> None:
        self.call = call
        self._loop = asyncio.get_running_loop()
        self._bell = _Bell()
        self._read_timeout = timeouts.read
        self._deadline = Deadline(timeouts, self._loop.time())
        self._waiting = waiting
        #: When the wait for the application began: when it was asked, or last took or gave something.
        self._since = self._loop.time()
        #: What it may send next.
        self._expected = "http.response.start"
        self._announced = False
        self._uploaded = False
        #: What it has sent and nobody has taken: the head, a piece of the body, or trailer fields.
        self._item: tuple[int, Headers] | bytes | Headers | None = None
        #: Whether the caller wants no more.
        self._gone = False

    @property
    def answered(self) -> bool:
        """Whether the application has sent all of its response."""
        return not self._expected

    # --- the application's side ---------------------------------------------------------------------------------------

    async def _run(self, app: Callable[..., Awaitable[None]], scope: Message) -> None:
        working = app(scope, self.receive, self.send)
        if not inspect.isawaitable(working):
            raise self.call.blame(
                f"returned {working!r:.60} when it was called: expected ASGI 3, async def app(scope, receive, send)"
            )
        await working

    async def receive(self) -> Message:
        """Give the application the next piece of the request, or tell it that its client has gone."""
        if not (self._uploaded or self._gone or self.answered):
            try:
                piece = self.call.upload()
            except Error:  # the exchange fails by it; a server would lose the connection
                self._gone = True
                self._bell.ring()
            else:
                self._since = self._loop.time()
                body = self.call.request.body
                self._uploaded = not piece or (body is not None and body.content == piece)
                return {"type": "http.request", "body": piece, "more_body": not self._uploaded}
        while not (self._gone or self.answered):
            await self._bell.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the application, once the one before was taken."""
        while self._item is not None and not self._gone:
            await self._bell.wait()
        if self._gone:
            raise OSError("the client has gone")  # as ASGI's HTTP specification 2.4 has it
        kind = message.get("type") if isinstance(message, dict) else None
        if kind != self._expected:
            wanted = f"expected {self._expected!r}" if self._expected else "its response was complete"
            raise self.call.blame(f"sent {message!r:.120}: {wanted}")
        if kind == "http.response.start":
            self._item = self._start(message)
        elif kind == "http.response.body":
            self._item = self._body(message)
        else:
            self._item = self.call.fields(self._pairs(message))
            if not message.get("more_trailers", False):
                self._expected = ""
        self._bell.ring()
        if self._item is None:
            await asyncio.sleep(0)  # nobody takes it: others are to have their turn all the same
        else:
            self._since = self._loop.time()

    def _start(self, message: Message) -> tuple[int, Headers]:
        status = message.get("status")
        if isinstance(status, bool) or not isinstance(status, int):
            raise self.call.blame_head(f"gave the status {status!r:.60}: expected a number such as 200")
        headers = self.call.judge(status, "", self._pairs(message))
        self._announced = bool(message.get("trailers", False))
        self._expected = "http.response.body"
        self.call.delivery = "sent"
        return int(status), headers

    def _body(self, message: Message) -> bytes | None:
        piece = message.get("body", b"")
        if not isinstance(piece, bytes):
            raise self.call.blame(
                f"sent {piece!r:.60}, a {type(piece).__name__}, as a piece of its body: expected bytes"
            )
        if not message.get("more_body", False):
            self._expected = "http.response.trailers" if self._announced else ""
        return piece if piece and self.call.has_content else None

    def _pairs(self, message: Message) -> list[tuple[bytes, bytes]]:
        try:
            pairs = [(name, value) for name, value in message.get("headers", ())]
        except (TypeError, ValueError):
            pairs = [(None, None)]
        if not all(isinstance(name, bytes) and isinstance(value, bytes) for name, value in pairs):
            raise self.call.blame_head(f"gave the headers {message['headers']!r:.120}: expected pairs of bytes (ASGI)")
        return pairs

    # --- the caller's side --------------------------------------------------------------------------------------------

    async def begin(self, app: Callable[..., Awaitable[None]], scope: Message) -> AsyncResponse:
        """Let the application work until its response has begun."""
        call = self.call
        call.delivery = "maybe_sent"
        self._task = self._loop.create_task(self._run(app, scope))
        self._task.add_done_callback(self._ended)
        try:
            item = await self.next()
            if item is None:
                raise Fault(call.blame("returned without sending http.response.start"))
        except Fault as fault:
            await self.stop()
            if call.shows:
                raise fault.error from fault.error.__cause__
            call.log(fault)
            content = FAILED if call.request.method != "HEAD" else b""
            return AsyncResponse(
                500, FAILED_FIELDS, content, reason="Internal Server Error", request=call.request, trailers=()
            )
        except BaseException:
            await self.stop()
            raise
        assert isinstance(item, tuple)
        call.phase = "body"
        status, headers = item
        return AsyncResponse(status, headers, _Body(self), reason=_phrase(status), request=call.request)

    async def next(self) -> tuple[int, Headers] | bytes | Headers | None:
        """Wait for what the application sends next; None where its response, or the application, is over.

        Raises:
            Fault: the application has failed.
            Error: what else has ended the exchange: a timeout, the caller's body, the closing of the transport.
        """
        self._since = self._loop.time()
        while self._item is None:
            if self.call.failure is not None:
                raise self.call.failure
            if self.answered:
                return None
            if self._task.done():
                self._look()
                return None
            await self._wait("the application sent nothing")
        item, self._item = self._item, None
        self._bell.ring()
        return item

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # or asyncio would report, of a response left behind, that nobody has looked at it
        self._bell.ring()

    async def finish(self) -> None:
        """Wait until the application is over, now that its response is.

        Raises:
            Fault: it failed after its response.
            Error: it is still not over where ``read`` or ``total`` end.
        """
        while not self._task.done():
            await self._wait("the application sent its whole response, but has not returned")
        self._look()

    def _look(self) -> None:
        """Look at how the application ended."""
        if self._task.cancelled():
            self.call.raised(asyncio.CancelledError("it was cancelled, or cancelled itself"))
        error = self._task.exception()
        if isinstance(error, Exception):
            self.call.raised(error)
        if error is not None:
            raise error

    async def _wait(self, what: str) -> None:
        """Wait for a change, within the bounds of the exchange."""
        call, deadline, bound = self.call, self._deadline, self._read_timeout
        if self._interrupted:
            raise call.told(TransportClosed("the transport or the response was closed while the application worked"))
        now = self._loop.time()
        left = None if bound is None else self._since + bound - now
        try:
            left = deadline.wait(left, now)
        except Error as error:  # the total is over
            raise call.told(error)  # noqa: B904 - the same error
        if left is not None and left <= 0:
            raise call.told(ReadTimeout(f"{what} for read={bound} s"))
        self._waiting.add(self)
        try:
            await self._bell.wait(None if left is None else now + left)
        finally:
            self._waiting.discard(self)

    def interrupt(self) -> None:
        """End the wait of another task."""
        self._interrupted = True
        with contextlib.suppress(RuntimeError):  # that loop is closed, and nobody waits there
            self._loop.call_soon_threadsafe(self._bell.ring)

    @property
    def waited_for(self) -> bool:
        """Whether a task waits for the application."""
        return self in self._waiting

    async def stop(self, grace: float = 0) -> None:
        """Be done with the application: tell it, give it so many seconds, then cancel it and wait until it is over."""
        task = self._task
        self._gone = True
        self._bell.ring()
        self.call.leave()
        try:
            if grace and not task.done():
                await asyncio.wait({task}, timeout=grace)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_PATIENCE)

    def drop(self) -> None:
        """Be done with the application without waiting; from any thread."""
        self._gone = True
        with contextlib.suppress(RuntimeError):  # that loop is closed, and has cancelled all
            self._loop.call_soon_threadsafe(self._task.cancel)


class _Body:
    """The body of a response, taken from the application as it is read."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rest = memoryview(b"")
        self._failure: Error | None = None
        self._over = False
        self._trailers: list[tuple[str, str]] = []
        #: Known at the end of the body.
        self.trailers: Headers | None = None

    async def read(self, n: int, /) -> bytes:
        """Give at most ``n`` bytes of the body, ``b""`` at its end."""
        call = self._exchange.call
        if self._failure is not None:
            raise self._failure
        try:
            while not self._rest:
                if self._over:
                    return b""
                await self._more()
        except Fault as fault:
            self._failure = call.cut(fault)
            await self._exchange.stop()
            raise self._failure from self._failure.__cause__
        except BaseException as error:
            self._failure = error if isinstance(error, Error) else self._early()
            await self._exchange.stop()
            raise
        data = bytes(self._rest[:n])
        self._rest = self._rest[len(data) :]
        return data

    async def _more(self) -> None:
        exchange, call = self._exchange, self._exchange.call
        item = None if call.excess else await exchange.next()
        if isinstance(item, bytes):
            self._rest = memoryview(call.accept(item))
        elif isinstance(item, Headers):
            self._trailers += item.pairs
        else:
            call.complete(ended=exchange.answered)
            await self._finish()

    async def _finish(self) -> None:
        exchange, call = self._exchange, self._exchange.call
        try:
            if not call.excess:
                await exchange.finish()
        except (Fault, Timeout) as late:  # no client of a server would see it
            if call.shows:
                raise
            call.log(late)
        await exchange.stop()
        self.trailers = Headers.trusted(self._trailers)
        self._over = True

    async def aclose(self) -> None:
        if self._over or self._failure is not None:
            return
        exchange = self._exchange
        if exchange.waited_for:
            exchange.interrupt()  # another task reads: it is told, and gives the application up
            return
        self._failure = self._early()
        self._rest = memoryview(b"")
        await exchange.stop(_GRACE)

    def _early(self) -> Error:
        return ResponseError(
            "the response was closed before its body was read to the end", request=self._exchange.call.request
        )

    def __del__(self) -> None:
        if not self._over and self._failure is None:
            self._exchange.drop()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
