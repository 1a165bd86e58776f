"""Transports whose clocks are wrong: too early, too late, never, or another's."""

from __future__ import annotations

import dataclasses
import http.client
import threading
import time

from conformance.broken import Shelf, Wrapped, WrappedBody, changed

from intermodal.errors import (
    ConnectTimeout,
    Disconnected,
    Error,
    IncompleteBody,
    PoolTimeout,
    ReadTimeout,
    Timeout,
    TotalTimeout,
)
from intermodal.model.options import Timeouts
from intermodal.model.response import Response
from intermodal.protocol import Capability, TransportInfo

BROKEN = Shelf("T7")


class Bounds(Wrapped):
    """Sends with other bounds than it was given; ``bounds`` gives them."""

    def send(self, request, options, /):
        return self.inner.send(request, dataclasses.replace(options, timeouts=self.bounds(options.timeouts)))

    def bounds(self, given):
        return given


def without(name, *caught_by):
    @BROKEN(f"forgets {name}", *caught_by)
    class _(Bounds):
        def bounds(self, given):
            # Not None: even a broken transport comes to an end.
            return dataclasses.replace(given, **{name: 2.0})


without("read", "read bounds a silence: before an answer", "read bounds a silence in the body: within a chunk")
without("write", "write bounds a standstill: in pieces", "write bounds a standstill: in one")
without(
    "connect",
    "connect bounds a connection",
    "connect bounds resolving",
    "connect bounds the handshake: drips",
)
without("pool", "pool bounds the wait for a slot: in all", "pool bounds the wait for a slot: for each origin")
without(
    "total",
    "total is not outlived by who: says nothing",
    "total bounds an upload",
    "total bounds a slow caller",
)


@BROKEN("takes connect for read", "connect is over once connected", "read may be none")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, read=given.connect)


@BROKEN("takes write for read", "write is over once written")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, read=given.write or given.read)


@BROKEN("takes pool for read", "pool is over once there is a slot")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, read=given.pool or given.read)


@BROKEN("takes read for pool", "a slot that becomes free")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, pool=given.read)


@BROKEN("takes read for total", "read bounds each wait alone", "the bound that runs out first")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, total=given.read)


@BROKEN("takes write for total", "write bounds each wait alone")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, total=given.write or given.total)


@BROKEN(
    "takes total for read and write alone", "total is not outlived by who: drips chunks", "total bounds a slow caller"
)
class _(Bounds):
    def bounds(self, given):
        if given.total is None:
            return given
        return dataclasses.replace(given, read=given.total, write=given.total, connect=given.total, total=2.0)


@BROKEN(
    "is impatient", "read bounds a silence: in the fields", "connect bounds a connection", "total bounds the tunnel"
)
class _(Bounds):
    def bounds(self, given):
        return Timeouts(
            *[seconds and seconds * 0.6 for seconds in (getattr(given, f.name) for f in dataclasses.fields(given))]
        )


@BROKEN("does not know a short bound from none", "the shortest bound: read", "the shortest bound: total")
class _(Wrapped):
    def send(self, request, options, /):
        timeouts = options.timeouts
        if any(0 < (getattr(timeouts, f.name) or 1) < 1e-6 for f in dataclasses.fields(timeouts)):
            raise BlockingIOError("a timeout of 0 means that a socket does not block")
        return self.inner.send(request, options)


@BROKEN(
    "keeps milliseconds in 32 bits", "the longest bound: connect", "the longest bound: read", "the longest bound: total"
)
class _(Wrapped):
    def send(self, request, options, /):
        timeouts = options.timeouts
        for field in dataclasses.fields(timeouts):
            int((getattr(timeouts, field.name) or 0) * 1000).to_bytes(4, "big")
        return self.inner.send(request, options)


@BROKEN(
    "begins connect anew for each try", "connect bounds a connection", "connect bounds the handshake: does not answer"
)
class _(Wrapped):
    def send(self, request, options, /):
        for attempt in range(20):
            try:
                return self.inner.send(request, options)
            except ConnectTimeout:
                if attempt == 19:
                    raise
        return None


@BROKEN(
    "has a total that ends with the head",
    "total is not outlived by who: drips a chunk size",
    "total is not outlived by who: drips trailers",
)
class _(Wrapped):
    def send(self, request, options, /):
        timeouts = options.timeouts
        if timeouts.total is None:
            return self.inner.send(request, options)
        box = []

        def act():
            try:
                rest = dataclasses.replace(options, timeouts=dataclasses.replace(timeouts, total=2.0))
                box.append(self.inner.send(request, rest))
            except Error as error:
                box.append(error)

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        thread.join(timeouts.total)
        if not box:
            raise TotalTimeout("too long", request=request, transport="socket", phase="wait")
        if isinstance(box[0], Error):
            raise box[0]
        return box[0]


@BROKEN(
    "drops what came before a timeout",
    "read bounds a silence in the body: within its length",
    "total is not outlived by who: drips a body of a length",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=_Whole(response._body))


class _Whole(WrappedBody):
    data = None

    def read(self, n, /):
        if self.data is None:
            self.data = b"".join(iter(lambda: self.body.read(65536), b""))
        piece, self.data = self.data[:n], self.data[n:]
        return piece


@BROKEN(
    "calls every timeout a ReadTimeout",
    "connect bounds a connection",
    "pool bounds the wait for a slot: in all",
    "total bounds the handshake",
)
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Timeout as error:
            made = ReadTimeout(str(error))
            made.__dict__.update(error.__dict__)
            raise made from error.__cause__


@BROKEN(
    "says of every timeout that it was sending", "read bounds a silence: in the status line", "total bounds the tunnel"
)
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Timeout as error:
            error.phase, error.delivery = "send", "maybe_sent"
            raise


@BROKEN(
    "takes the end of time for the end of the body",
    "read bounds a silence in the body: where its end is the connection's",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=_Patient(response._body))


class _Patient(WrappedBody):
    def read(self, n, /):
        try:
            return self.body.read(n)
        except ReadTimeout:
            return b""


@BROKEN("loses the slot of a wait that timed out", "pool bounds the wait for a slot: in all")
class _(Wrapped):
    lost = False

    def send(self, request, options, /):
        if self.lost:
            raise PoolTimeout("no slot", request=request, transport="socket", phase="pool")
        try:
            return self.inner.send(request, options)
        except PoolTimeout:
            self.lost = True
            raise


# --- over http.client, and one connection that is kept --------------------------------------------------------------------


class Naive:
    """One connection for all requests, over http.client; ``read`` is the timeout of its socket."""

    info = TransportInfo("naive", "1", Capability.STREAM_REQUEST)
    line = None

    def __init__(self):
        self.lines = []

    def send(self, request, options, /):
        said = {"request": request, "transport": "naive", "phase": "wait", "delivery": "maybe_sent"}
        if request.url.scheme == "https":
            raise Disconnected("it speaks no TLS", **said)
        try:
            line = self.connected(request, options)
            line.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.pairs:
                line.putheader(name, value)
            line.endheaders()
            for piece in request.body.pieces() if request.body else ():
                line.send(piece)
            answer = line.getresponse()
        except TimeoutError as error:
            self.timed_out()
            raise ReadTimeout("silence", **said) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Disconnected("lost", **said) from error
        body = NaiveBody(self, answer, request)
        return Response(answer.status, answer.getheaders(), body, reason=answer.reason, request=request)

    def connected(self, request, options):
        if self.line is None:
            url = request.url
            self.line = http.client.HTTPConnection(url.host, url.port, timeout=options.timeouts.connect)
            self.lines.append(self.line)
            self.line.connect()
            self.line.sock.settimeout(options.timeouts.read)
        return self.line

    def timed_out(self):
        self.close()

    def close(self):
        for line in self.lines:
            line.close()
        self.line = None


class NaiveBody:
    def __init__(self, transport, answer, request):
        self.transport, self.answer, self.request = transport, answer, request

    def read(self, n, /):
        try:
            data = self.answer.read1(n)
        except TimeoutError as error:
            self.answer.close()
            self.transport.timed_out()
            raise ReadTimeout(
                "silence", request=self.request, transport="naive", phase="body", delivery="sent"
            ) from error
        if not data and self.answer.length:
            raise IncompleteBody("cut", request=self.request, transport="naive", phase="body", delivery="sent")
        return data

    def close(self):
        over = self.answer.isclosed() or self.answer.length == 0
        self.answer.close()
        if not over:
            self.transport.close()


@BROKEN(
    "gives a connection the timeout of its first call",
    "a short read is forgotten",
    "a long read is forgotten",
    "no read is forgotten",
)
class _(Naive):
    pass


@BROKEN("uses a connection again after a timeout", "what comes late: an answer")
class _(Naive):
    def connected(self, request, options):
        line = super().connected(request, options)
        line.sock.settimeout(options.timeouts.read)
        return line

    def timed_out(self):
        """Keep the connection, and forget that an answer is still to come."""
        fresh = http.client.HTTPConnection(self.line.host, self.line.port)
        fresh.sock = self.line.sock
        self.line = fresh
        self.lines.append(fresh)


@BROKEN("gives its total to the connection", "a total is forgotten")
class _(Wrapped):
    ends = None

    def send(self, request, options, /):
        total = options.timeouts.total
        if total is not None:
            self.ends = time.monotonic() + total
        if self.ends is not None:
            left = max(self.ends - time.monotonic(), 1e-3)
            options = dataclasses.replace(options, timeouts=dataclasses.replace(options.timeouts, total=left))
        return self.inner.send(request, options)


@BROKEN("gives up after a while, whatever it was told", "a total that is long enough", "read may be none")
class _(Bounds):
    def bounds(self, given):
        return dataclasses.replace(given, total=min(given.total or 0.12, 0.12))
