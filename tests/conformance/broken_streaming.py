"""Transports that do not let a body flow, or that trip over one that was left."""

from __future__ import annotations

import contextlib
import http.client
import io
import threading

from conformance.broken import Shelf, Wrapped, WrappedBody, changed

import intermodal
from intermodal.errors import Disconnected, Error, TransportClosed
from intermodal.model.body import Body
from intermodal.model.request import Request
from intermodal.model.response import Response
from intermodal.testing.wsgi import WSGITransport

BROKEN = Shelf("T8")


class _OtherBody(Wrapped):
    """A transport that is right but for the body it hands out, which is made by ``body_type``."""

    body_type = WrappedBody

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=self.body_type(response._body))


@BROKEN(
    "reads the whole body before it returns",
    "a head is enough: with chunks to come",
    "nobody reads so nothing flows: in chunks",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=response.raw.readall())


@BROKEN(
    "waits until all is there that was asked for",
    "what has come can be read: a chunk",
    "a piece does not wait for the next: until close",
)
class _(_OtherBody):
    class body_type(WrappedBody):
        def read(self, n, /):
            data = b""
            while len(data) < n and (piece := self.body.read(n - len(data))):
                data += piece
            return data


@BROKEN(
    "gives what it has, however little was asked for",
    "a read gives no more than asked: in chunks",
    "small reads give the whole: many pieces",
)
class _(_OtherBody):
    class body_type(WrappedBody):
        def read(self, n, /):
            return self.body.read(max(n, 4096))


@BROKEN("gives nothing now and then", "a read gives no more than asked: by its length", "pieces come in their order")
class _(_OtherBody):
    class body_type(WrappedBody):
        turn = 0

        def read(self, n, /):
            self.turn += 1
            return b"" if self.turn % 2 else self.body.read(n)


@BROKEN("fails behind the end", "the end stays the end: bytes", "the end of the connection stays the end")
class _(_OtherBody):
    class body_type(WrappedBody):
        over = False

        def read(self, n, /):
            if self.over:
                raise ValueError("read of closed file")
            data = self.body.read(n)
            self.over = not data
            return data


@BROKEN("gathers in the background", "nobody reads so nothing flows: by its length")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=_Gathering(response._body))


class _Gathering(WrappedBody):
    """Reads on by itself as fast as the server sends, and hands out what it has."""

    def __init__(self, body):
        super().__init__(body)
        self.pieces, self.failure, self.over = io.BytesIO(), None, False
        self.at, self.more = 0, threading.Condition()
        threading.Thread(target=self.gather, daemon=True).start()

    def gather(self):
        while not self.over:
            try:
                piece = self.body.read(65536)
            except Error as error:
                piece, self.failure = b"", error
            with self.more:
                self.pieces.seek(0, io.SEEK_END)
                self.pieces.write(piece)
                self.over = self.over or not piece
                self.more.notify_all()

    def read(self, n, /):
        with self.more:
            while True:
                self.pieces.seek(self.at)
                data = self.pieces.read(n)
                self.at += len(data)
                if data or self.over:
                    break
                self.more.wait()
        if not data and self.failure is not None:
            raise self.failure
        return data

    def close(self):
        self.over = True
        super().close()


@BROKEN("keeps what it has given", "reading costs no memory: by its length", "reading costs no memory: in chunks")
class _(_OtherBody):
    class body_type(WrappedBody):
        def __init__(self, body):
            super().__init__(body)
            self.kept = []

        def read(self, n, /):
            self.kept.append(self.body.read(n))
            return self.kept[-1]


@BROKEN("reads to the end before it closes", "closing does not wait for the rest: half read")
class _(_OtherBody):
    class body_type(WrappedBody):
        def close(self):
            with contextlib.suppress(Error):
                while self.body.read(65536):
                    pass
            super().close()


@BROKEN("gives what is asked for after closing", "after closing nothing is read: half read", "a with block closes")
class _(_OtherBody):
    class body_type(WrappedBody):
        rest, closed = b"", False

        def read(self, n, /):
            if self.closed:
                data, self.rest = self.rest[:n], self.rest[n:]
                return data
            return self.body.read(n)

        def close(self):
            if not self.closed:
                with contextlib.suppress(Error):
                    self.rest = self.body.read(65536)
                self.closed = True
                super().close()


@BROKEN(
    "loses what came before an error",
    "an iteration gives what came before an error: a chunk, as it comes",
    "an iteration gives what came before an error: a length, four bytes at a time",
)
class _(_OtherBody):
    class body_type(WrappedBody):
        ahead = None

        def read(self, n, /):
            """Look one piece ahead, and raise at once what is found there."""
            if self.ahead is None:
                self.ahead = self.body.read(n)
            piece, rest = self.ahead[:n], self.ahead[n:]
            self.ahead = rest or (piece and self.body.read(n))
            return piece


@BROKEN("never gives the place of a body back that was left", "a response gives its place back: closed half read")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.leaked = []

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        body = WrappedBody(response._body)
        body.close = lambda: self.leaked.append(response)
        return changed(response, body=body)

    def close(self):
        for response in self.leaked:
            response.close()
        super().close()


class _OneConnection:
    """A transport by http.client over one connection for all, as it is found in many a script.

    It knows nothing of bodies that are left: what was not read is still on the connection.
    """

    info = intermodal.TransportInfo("one", "", intermodal.Capability.STREAM_REQUEST)

    def __init__(self):
        self.connection, self.closed, self.answers = None, False, []

    def send(self, request, options, /):
        if self.closed:
            raise TransportClosed("closed", request=request, transport="one")
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(request.url.dial_host, request.url.port, timeout=2)
                self.connection.connect()
            return self.exchange(request)
        except (OSError, http.client.HTTPException) as error:
            self.drop()
            raise Disconnected(
                repr(error), request=request, transport="one", phase="wait", delivery="maybe_sent"
            ) from error

    def exchange(self, request):
        connection = self.connection
        connection._HTTPConnection__state = "Idle"  # it would say that the last answer was not read
        connection._HTTPConnection__response = None
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.pairs:
            connection.putheader(name, value)
        body = request.body
        connection.endheaders(body and body.pieces(), encode_chunked=bool(body) and body.length is None)
        answer = connection.getresponse()
        self.answers.append(answer)
        made = _Answer(self, answer, connection)
        return Response(answer.status, answer.getheaders(), made, reason=answer.reason, request=request)

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def close(self):
        self.closed = True
        self.drop()
        for answer in self.answers:
            answer.close()


class _Answer:
    def __init__(self, owner, answer, connection):
        self.owner, self.answer, self.connection = owner, answer, connection

    def read(self, n, /):
        return self.answer.read1(n)

    def close(self):
        """Leave the connection as it is."""


@BROKEN(
    "goes on over a connection where a body was left",
    "leaving early poisons nothing: by its length, unread, large",
    "leaving early poisons nothing: in chunks, half read, large",
)
class _(_OneConnection):
    pass


@BROKEN("closes the connection with the response, whoever has it by then", "closing late harms nobody")
class _(Wrapped):
    last = None

    def send(self, request, options, /):
        response = self.last = self.inner.send(request, options)
        body = WrappedBody(response._body)

        def close():
            response.close()
            self.last.close()

        body.close = close
        return changed(response, body=body)


@BROKEN("reads on in whatever answer is the last", "the end of one is not the next", "two responses do not mix: bytes")
class _(Wrapped):
    last = None

    def send(self, request, options, /):
        self.last = self.inner.send(request, options)
        body = WrappedBody(self.last._body)
        body.read = lambda n: self.last._body.read(n)  # noqa: PLW0108 - the last by then
        return changed(self.last, body=body)


@BROKEN(
    "joins an upload before it is sent",
    "an upload is sent as it is made: in chunks",
    "an upload waits for its server: with a length",
)
class _(Wrapped):
    def send(self, request, options, /):
        body = request.body
        if body is not None and body.content is None:
            whole = [b"".join(body.pieces())]
            body = Body(lambda: whole, body.length, replayable=False)
            request = Request(request.method, request.url, request.headers, body)
        return self.inner.send(request, options)


class _Again:
    """An iterable over an iterator that closes nothing."""

    def __init__(self, pieces):
        self.pieces = pieces

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)


@BROKEN("never closes an upload", "an early answer ends an upload: in chunks")
class _(Wrapped):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.kept = []

    def send(self, request, options, /):
        body = request.body
        if body is not None and body.content is None:
            pieces = body.pieces()
            self.kept.append(pieces)
            body = Body(lambda: (piece for piece in _Again(pieces)), body.length, replayable=False)
            request = Request(request.method, request.url, request.headers, body)
        return self.inner.send(request, options)


@BROKEN("does not close an application's body", "the peer is let go: half read", application="wsgi")
class _(WSGITransport):
    def send(self, request, options, /):
        response = super().send(request, options)
        body = WrappedBody(response._body)
        body.close = lambda: self.__dict__.setdefault("kept", []).append(response)
        return changed(response, body=body)


@BROKEN("takes an empty piece for the end", "an empty piece is no end", application="wsgi")
class _(WSGITransport):
    def __init__(self, application):
        def call(environ, start_response):
            pieces = application(environ, start_response)
            yield from iter(iter(pieces).__next__, b"")

        super().__init__(call)
