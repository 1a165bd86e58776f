"""Asynchronous transports that take a cancellation for something else, or lose something over it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections import deque
from typing import ClassVar

from conformance.broken import Shelf
from conformance.over_asyncio import LIMITS, Exchange, OverAsyncio

from intermodal.backends.socket import SocketTransport
from intermodal.errors import ReadTimeout
from intermodal.model.response import AsyncResponse

BROKEN = Shelf("T11")


class Wrapped:
    """An asynchronous transport that does everything right, by handing it on to a right one."""

    def __init__(self, *, limits=LIMITS):
        self.limits = limits
        self.inner = OverAsyncio(limits=limits)

    @property
    def info(self):
        return self.inner.info

    async def asend(self, request, options, /):
        return await self.inner.asend(request, options)

    async def aclose(self):
        await self.inner.aclose()


class Body:
    """The body of a response, handed on."""

    def __init__(self, body):
        self.body = body

    async def read(self, n, /):
        return await self.body.read(n)

    @property
    def trailers(self):
        return self.body.trailers

    async def aclose(self):
        await self.body.aclose()


def changed(response, body):
    return AsyncResponse(
        response.status_code,
        response.headers,
        body,
        reason=response.reason,
        http_version=response.http_version,
        request=response.request,
        informational=response.informational,
    )


@BROKEN(
    "takes a cancellation for a timeout",
    "cancelled while: waiting for the answer",
    "a sibling that fails ends it",
    "cancelled at every step: as it begins to wait",
)
class _(Wrapped):
    async def asend(self, request, options, /):
        try:
            return await self.inner.asend(request, options)
        except asyncio.CancelledError as error:
            raise ReadTimeout("no answer came", request=request, transport=self.info.name) from error


@BROKEN(
    "tries again when it is cancelled", "cancelled while: waiting for the answer", "cancelled while: sending the body"
)
class _(Wrapped):
    async def asend(self, request, options, /):
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                return await self.inner.asend(request, options)
        return await self.inner.asend(request, options)


@BROKEN("takes a cancelled read for the end", "cancelled while: reading the body", "cancelled while: reading chunks")
class _(Wrapped):
    class Forgiving(Body):
        async def read(self, n, /):
            try:
                return await self.body.read(n)
            except asyncio.CancelledError:
                return b""

    async def asend(self, request, options, /):
        response = await self.inner.asend(request, options)
        return changed(response, self.Forgiving(response._body))


@BROKEN(
    "keeps the connection of an exchange that was cancelled",
    "cancelled while: waiting for the answer",
    "the next gets its own answer: answers late",
    "a kept connection is dropped too",
)
class _(OverAsyncio):
    class Dirty(Exchange):
        def finish(self, *, reusable=False):
            if self.has_slot and self.wire is not None and isinstance(sys.exc_info()[1], asyncio.CancelledError):
                self.has_slot = False
                self.wire.served += 1
                self.transport.release(self.key, self.wire)
            super().finish(reusable=reusable)

    exchange_type = Dirty


@BROKEN(
    "gives no slot back when it is cancelled",
    "no slot is lost to one that was cancelled while: waiting for the answer",
    "cancelled at every step: as it begins to wait",
)
class _(OverAsyncio):
    class Greedy(Exchange):
        def finish(self, *, reusable=False):
            if self.wire is not None and isinstance(sys.exc_info()[1], asyncio.CancelledError):
                self.has_slot = False
                self.wire.close()
            super().finish(reusable=reusable)

    exchange_type = Greedy


@BROKEN(
    "gives no slot back when it is cancelled between two steps",
    "cancelled at every step: as it is woken",
    "cancelled at every step on a kept connection: as it is woken",
)
class _(Wrapped):
    def __init__(self, *, limits=LIMITS):
        super().__init__(limits=limits)
        self.free = limits.connections
        self.line = []

    async def asend(self, request, options, /):
        if not self.free:
            self.line.append(asyncio.get_running_loop().create_future())
            await self.line[-1]
        self.free -= 1
        await asyncio.sleep(0)  # outside of the try below
        try:
            return await self.inner.asend(request, options)
        finally:
            self.free += 1
            if self.line:
                self.line.pop(0).set_result(None)


@BROKEN("hands a slot to who was cancelled in the line", "cancelled as a slot is handed to it: after")
class _(OverAsyncio):
    def release(self, key, wire):
        served = self._pool.release(key, wire, 0.0)
        if served is not None and not served[0][0].done():
            served[0][0].set_result(served[1])
        self._close_gone()


@BROKEN("loses a slot that was handed to who is cancelled", "cancelled as a slot is handed to it: before")
class _(OverAsyncio):
    def pass_on(self, ticket, key):
        pass


@BROKEN(
    "lets a cancelled exchange go on by itself",
    "cancelled while: waiting for the answer",
    "no slot is lost to one that was cancelled while: waiting for the answer",
    "no task is left",
)
class _(Wrapped):
    async def asend(self, request, options, /):
        return await asyncio.shield(self.inner.asend(request, options))


class OverThreads(Wrapped):
    """Does it all by the blocking transport, in threads."""

    def __init__(self, *, limits=LIMITS):
        self.inner = SocketTransport(limits=limits)

    async def asend(self, request, options, /):
        response = await self.blocking(self.inner.send, request, options)
        return changed(response, self.Body(self, response))

    async def blocking(self, call, *arguments):
        return await asyncio.to_thread(call, *arguments)

    async def aclose(self):
        self.inner.close()

    class Body:
        """Its body, read in threads too."""

        def __init__(self, transport, response):
            self.transport = transport
            self.response = response

        async def read(self, n, /):
            return await self.transport.blocking(self.response.raw.read, n)

        @property
        def trailers(self):
            return self.response.trailers

        async def aclose(self):
            self.response.close()


@BROKEN(
    "runs a blocking transport in threads",
    "cancelled while: waiting for the answer",
    "no slot is lost to one that was cancelled while: waiting for the answer",
)
class _(OverThreads):
    async def blocking(self, call, *arguments):
        result = asyncio.get_running_loop().create_future()

        def work():
            try:
                done, value = result.set_result, call(*arguments)
            except Exception as error:
                done, value = result.set_exception, error
            with contextlib.suppress(RuntimeError):  # the loop has ended
                result.get_loop().call_soon_threadsafe(lambda: result.done() or done(value))

        threading.Thread(target=work, daemon=True).start()
        return await result


@BROKEN(
    "blocks the loop",
    "the loop goes on while it is: waiting for the answer",
    "the loop goes on while it is: reading the body",
)
class _(OverThreads):
    async def blocking(self, call, *arguments):
        return call(*arguments)


@BROKEN("holds on to the body of a cancelled request", "the callers body is let go")
class _(OverAsyncio):
    class Keeping(Exchange):
        kept: ClassVar = deque()

        def finish(self, *, reusable=False):
            self.kept.append((self._source, self._pieces))
            self._source, self._pieces = None, iter(())
            super().finish(reusable=reusable)

    exchange_type = Keeping


@BROKEN("takes the others along when one is cancelled", "others go on", "some of many are cancelled")
class _(Wrapped):
    async def asend(self, request, options, /):
        try:
            return await self.inner.asend(request, options)
        except asyncio.CancelledError:
            await self.inner.aclose()
            self.inner = OverAsyncio(limits=self.limits)
            raise
