"""Transports that are closed badly, or that leave something behind, or cannot be shared."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from functools import partial
from typing import ClassVar

from conformance.broken import Shelf, Wrapped, WrappedBody, changed

from intermodal.backends.socket import SocketTransport
from intermodal.errors import Error, TransportClosed
from intermodal.forking import _heirs
from intermodal.model.options import Limits

BROKEN = Shelf("T10")


@BROKEN("hangs on close while a response is held", "a half read response holds no close up")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.open = threading.Semaphore(0)
        self.count = 0

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        self.count += 1
        response._on_close = self.open.release
        return response

    def close(self):
        for _ in range(self.count):
            self.open.acquire(timeout=4)
        self.inner.close()


@BROKEN(
    "waits on close for those who wait",
    "closing while another thread waits: for an answer",
    "closing while another thread waits: to send more",
)
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.lock = threading.Lock()
        self.busy = 0

    def send(self, request, options, /):
        with self.lock:
            self.busy += 1
        try:
            return self.inner.send(request, options)
        finally:
            with self.lock:
                self.busy -= 1

    def close(self):
        ends = time.monotonic() + 6
        while self.busy and time.monotonic() < ends:
            time.sleep(0.01)
        self.inner.close()


@BROKEN(
    "opens again when it is sent to",
    "sending after close: used",
    "closing more than once: twice",
    "a body is not read after close",
)
class _(Wrapped):
    def send(self, request, options, /):
        if self.inner is None:
            self.inner = SocketTransport()
        return self.inner.send(request, options)

    def close(self):
        self.inner.close()
        self.inner = None

    info = SocketTransport().info


@BROKEN(
    "cannot be closed twice",
    "closing more than once: twice",
    "closing what was never used",
    "closing from many threads",
)
class _(Wrapped):
    closed = False

    def close(self):
        if self.closed:
            raise ValueError("it is closed already")
        self.closed = True
        self.inner.close()


@BROKEN("raises a foreign error once it is closed", "sending after close: never used", "sending after close: used")
class _(Wrapped):
    closed = False

    def send(self, request, options, /):
        if self.closed:
            raise RuntimeError("Cannot send a request, as the client has been closed.")
        return self.inner.send(request, options)

    def close(self):
        self.closed = True
        self.inner.close()


@BROKEN("reads the body before it looks whether it is closed", "a body is not read after close")
class _(Wrapped):
    def send(self, request, options, /):
        if request.body is not None and request.body.content is None:
            request = type(request)(
                request.method, request.url, request.headers.pairs[1:-1], b"".join(request.body.pieces())
            )
        return self.inner.send(request, options)


@BROKEN("forgets what it is when it is closed", "what it is can be asked after close")
class _(Wrapped):
    @property
    def info(self):
        if self.inner is None:
            raise AttributeError("info")
        return SocketTransport().info

    def send(self, request, options, /):
        if self.inner is None:
            raise TransportClosed("closed", request=request, transport="socket")
        return self.inner.send(request, options)

    def close(self):
        if self.inner is not None:
            self.inner.close()
        self.inner = None


@BROKEN("shares its pool with all others", "two transports are two")
class _(Wrapped):
    shared = None

    def __init__(self, *, limits=None):
        if limits is None:
            shared = type(self).shared
            if shared is None:
                shared = type(self).shared = SocketTransport()
            self.inner = shared
        else:
            super().__init__(limits=limits)

    def close(self):
        self.inner.close()


@BROKEN(
    "forgets kept connections when it is closed",
    "closing closes what was kept: one",
    "closing closes what was kept: several",
    "nothing is left after: answers",
)
class _(Wrapped):
    forgotten: ClassVar = deque()
    closed = False

    def send(self, request, options, /):
        if self.closed:
            raise TransportClosed("closed", request=request, transport="socket")
        return self.inner.send(request, options)

    def close(self):
        self.closed = True
        self.forgotten.append(self.inner)


@BROKEN("has a pool for each thread", "what an ended thread has opened is closed")
class _(Wrapped):
    """Closes the one of the thread that closes it."""

    def __init__(self, *, limits=None):
        self.local = threading.local()
        self.made = []
        self.limits = limits
        self.closed = False

    @property
    def inner(self):
        if not hasattr(self.local, "inner"):
            self.local.inner = SocketTransport(limits=self.limits or Limits())
            self.made.append(self.local.inner)
        return self.local.inner

    def send(self, request, options, /):
        if self.closed:
            raise TransportClosed("closed", request=request, transport="socket")
        return self.inner.send(request, options)

    def close(self):
        self.closed = True
        self.inner.close()


@BROKEN(
    "cuts the response that is read when it closes",
    "a response that is read when it closes: of a length",
    "a response that is read when it closes: until the close",
)
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.closed = threading.Event()

    class Cut(WrappedBody):
        closed = None

        def read(self, n, /):
            return b"" if self.closed.is_set() else self.body.read(n)

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        body = self.Cut(response._body)
        body.closed = self.closed
        return changed(response, body=body)

    def close(self):
        self.closed.set()
        self.inner.close()


@BROKEN("says not_sent to those whom it closes", "closing while another thread waits: for an answer")
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except TransportClosed as error:
            error.delivery = "not_sent"
            raise


@BROKEN("mixes up the answers of threads", "many threads get their own answers", "many threads at once")
class _(Wrapped):
    last = None

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        self.last = changed(response, body=response.raw.readall())
        time.sleep(0.001)
        return self.last


@BROKEN("has one lock for all", "who waits holds nobody up", "a body may send by the same transport")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.lock = threading.Lock()

    def send(self, request, options, /):
        with self.lock:
            return self.inner.send(request, options)


@BROKEN("has one buffer for all bodies", "responses are read by turns")
class _(Wrapped):
    """A response's body is read from the response that was sent for last."""

    body = None

    class Shared(WrappedBody):
        def __init__(self, transport, body):
            super().__init__(body)
            self.transport = transport

        def read(self, n, /):
            data = self.body.read(n)
            return data and self.transport.body[: len(data)].ljust(len(data), self.transport.body[:1])

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        data = response.raw.readall()
        self.body = data[:65536] or b"-"
        return changed(response, body=self.Shared(self, changed(response, body=data)._body))


@BROKEN("belongs to the thread that made it", "threads hand things over", "many threads at once")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.thread = threading.get_ident()

    def send(self, request, options, /):
        if threading.get_ident() != self.thread:
            raise RuntimeError("objects created in a thread can only be used in that same thread")
        return self.inner.send(request, options)


@BROKEN(
    "opens connections beyond its limits",
    "many threads share few connections",
)
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__()


@BROKEN("leaves a thread behind", "nothing is left after: answers", "nothing is left of a transport that was made")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        threading.Thread(target=partial(time.sleep, 30), name="keep-alive", daemon=True).start()


@BROKEN(
    "leaks a descriptor with each failure",
    "nothing is left of: refused connections",
    "nothing is left of: connections that were reset",
)
class _(Wrapped):
    leaked: ClassVar = deque()

    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Error:
            self.leaked += os.pipe()
            raise


@BROKEN("leaks a descriptor with each body that raises", "nothing is left of a request with: bodies that raised")
class _(Wrapped):
    leaked: ClassVar = deque()

    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except BaseException:
            if request.body is not None:
                self.leaked += os.pipe()
            raise


@BROKEN(
    "lets go of a response without closing it",
    "nothing is left after: responses closed half read",
    "no slot is lost to: responses closed unread",
    "no slot is lost to: responses closed half read",
)
class _(Wrapped):
    kept: ClassVar = deque()

    class Kept(WrappedBody):
        def close(self):
            _kept.append(self.body)

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=self.Kept(response._body))


_kept = []


class Slots(Wrapped):
    """Has slots of its own, which it gives back where ``kept`` says nothing else."""

    kept = ()

    def __init__(self, *, limits=None):
        super().__init__()
        self.slots = threading.Semaphore((limits or Limits()).connections)

    def send(self, request, options, /):
        if not self.slots.acquire(timeout=0.5):
            raise Error("no slot", request=request, transport="socket")
        try:
            response = self.inner.send(request, options)
        except BaseException as error:
            if not isinstance(error, self.kept):
                self.slots.release()
            raise
        self.slots.release()
        return response


@BROKEN(
    "gives no slot back after a failure",
    "no slot is lost to: connections that were reset",
    "no slot is lost to: refused connections",
    "no slot is lost to: answers that did not come in time",
)
class _(Slots):
    kept = (Error,)


@BROKEN(
    "gives no slot back where it is stopped from outside", "no slot is lost to a request with: bodies that were stopped"
)
class _(Slots):
    class Anything(type):
        def __instancecheck__(cls, error):
            return not issubclass(type(error), Exception)

    kept = (Anything("Anything", (), {}),)


class Heedless(Wrapped):
    """Is not told that it was forked; knows the sockets of its idle connections."""

    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        for heir in (self.inner, self.inner._pool):
            _heirs.discard(heir)

    def idle(self):
        for entries in self.inner._pool._state._idle.values():
            for _, stream in entries:
                yield stream._sock


@BROKEN("uses its parent's connections in a child", "a child that: asks", "a child that: asks and closes it")
class _(Heedless):
    pass


@BROKEN("ends its parent's connections from a child", "a child that: closes it", "a child that: asks and closes it")
class _(Heedless):
    def close(self):
        for sock in self.idle():
            sock.shutdown(socket.SHUT_RDWR)
        self.inner.close()


@BROKEN("ends the response that its parent reads from a child", "a response and a child that: closes it")
class _(Wrapped):
    class Loud(WrappedBody):
        def close(self):
            stream = getattr(self.body, "_exchange", None) and self.body._exchange.stream
            if stream is not None and stream._sock.fileno() >= 0:
                stream._sock.shutdown(socket.SHUT_RDWR)
            self.body.close()

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=self.Loud(response._body))


@BROKEN("waits in a child for a lock of its parent's", "a child of a busy parent", "who waits holds nobody up")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.lock = threading.Lock()

    def send(self, request, options, /):
        with self.lock:
            return self.inner.send(request, options)


@BROKEN("begins anew in a child although it was closed", "a child of a parent that has closed")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.process = os.getpid()

    def send(self, request, options, /):
        if os.getpid() != self.process:
            self.inner, self.process = SocketTransport(), os.getpid()
        return self.inner.send(request, options)
