"""Transports that say something else of a request that failed than what its server saw."""

from __future__ import annotations

import http.client
from dataclasses import replace

from conformance.broken import Shelf, Wrapped, WrappedBody, changed

from intermodal.errors import (
    BodyNotReplayable,
    Error,
    IncompleteBody,
    PoolTimeout,
    ProxyError,
    ReadTimeout,
    RequestBodyError,
    TransportClosed,
)
from intermodal.model.response import Response
from intermodal.protocol import Capability, Guarantee, refuse_unsupported

BROKEN = Shelf("T6")

#: What takes time to try, and is declared only where it is what is broken.
SLOW = Capability.WRITE_TIMEOUT | Capability.POOL_TIMEOUT | Capability.TOTAL_TIMEOUT | Capability.SOCKS


class Telling(Wrapped):
    """A right transport that tells its errors in its own way."""

    lacks = SLOW

    @property
    def info(self):
        info = self.inner.info
        return replace(info, capabilities=info.capabilities & ~self.lacks)

    def send(self, request, options, /):
        refuse_unsupported(request, options, self.info)
        try:
            response = self.inner.send(request, options)
        except Error as error:
            self.tell(error)
            raise
        return changed(response, body=TellingBody(response._body, self.tell))

    def tell(self, error):
        raise NotImplementedError


class TellingBody(WrappedBody):
    """Tells its errors likewise."""

    def __init__(self, body, tell):
        super().__init__(body)
        self.tell = tell

    def read(self, n, /):
        try:
            return super().read(n)
        except Error as error:
            self.tell(error)
            raise


@BROKEN(
    "takes no answer for not sent",
    "a server that gives no answer: closes",
    "a server that is silent",
    "whoever has the request was sent it",
)
class _(Telling):
    def tell(self, error):
        if error.delivery == "maybe_sent":
            error.delivery = "not_sent"


@BROKEN(
    "says not_sent until there is an answer to give",
    "an answer that breaks off: nothing follows 100",
    "behind early hints: nothing comes",
)
class _(Telling):
    def tell(self, error):
        if error.phase == "head":
            error.delivery = "not_sent"


@BROKEN(
    "says that all was sent",
    "nobody listens",
    "a server that gives no answer: closes",
    "a connection that is closed at once",
)
class _(Telling):
    def tell(self, error):
        error.delivery = "sent"


@BROKEN(
    "guarantees to know, and does not",
    "nobody has that name",
    "an answer that breaks off: a body is cut off",
    "a handshake that fails: is closed",
    "a certificate nobody vouches for",
)
class _(Telling):
    def tell(self, error):
        error.delivery = "maybe_sent"


@BROKEN(
    "calls it sent only with the whole head",
    "a head that is reset: behind the status",
    "an answer that stops: in a field",
    "an answer that is refused: two lengths",
)
class _(Telling):
    def tell(self, error):
        if error.phase == "head":
            error.delivery = "maybe_sent"


@BROKEN("takes the bytes of a body for an answer of their own", "an answer that stops: behind the head")
class _(Telling):
    def send(self, request, options, /):
        response = super().send(request, options)
        response._body.tell = lambda error: self.tell(error, response._body)
        return response

    def tell(self, error, body=None):
        if body is not None and isinstance(error, ReadTimeout):
            error.delivery = "maybe_sent"


@BROKEN(
    "takes the proxy's answer for the server's",
    "a proxy that gives no tunnel: refuses",
    "a proxy that gives no tunnel: closes",
)
class _(Telling):
    def tell(self, error):
        if isinstance(error, ProxyError) and error.phase == "proxy":
            error.delivery = "sent" if error.response is not None else "maybe_sent"


@BROKEN("takes a wait for a connection for a wait for an answer", "no connection became free")
class _(Telling):
    lacks = SLOW & ~Capability.POOL_TIMEOUT

    def tell(self, error):
        if isinstance(error, PoolTimeout):
            error.delivery = "maybe_sent"


@BROKEN("says that nothing of a body that fails was sent", "a body that fails: raises later")
class _(Telling):
    def tell(self, error):
        if isinstance(error, RequestBodyError):
            error.delivery = "not_sent"


@BROKEN("does not know that a body was used up before it has sent the head", "a body that was used up")
class _(Telling):
    def send(self, request, options, /):
        try:
            return super().send(request, options)
        except BodyNotReplayable:
            self.inner.send(request.replace(body=b"", method="GET"), options).close()
            raise

    def tell(self, error):
        if isinstance(error, BodyNotReplayable):
            error.delivery = "maybe_sent"


@BROKEN("does not know whether it is closed", "nothing is sent after close")
class _(Telling):
    def tell(self, error):
        if isinstance(error, TransportClosed):
            error.delivery = "maybe_sent"


@BROKEN(
    "says of every connection that it is new",
    "what fails on a kept connection: a reset",
    "what fails on a kept connection: a body cut off",
)
class _(Telling):
    def tell(self, error):
        error.reused = False


@BROKEN("says of every connection that it was used", "a server that is silent", "nobody listens")
class _(Telling):
    def tell(self, error):
        error.reused = True


@BROKEN(
    "says of every connection but its first that it was used",
    "a new connection beside a kept one",
    "the third connection is new again",
)
class _(Telling):
    served = False

    def send(self, request, options, /):
        response = super().send(request, options)
        self.served = True
        return response

    def tell(self, error):
        error.reused = self.served


@BROKEN(
    "tries again what failed on a kept connection",
    "what fails on a kept connection: no answer",
    "the third connection is new again",
)
class _(Telling):
    def send(self, request, options, /):
        try:
            return super().send(request, options)
        except Error as error:
            if not error.reused or error.delivery != "maybe_sent":
                raise
            return super().send(request, options)

    def tell(self, error):
        pass


@BROKEN(
    "believes whatever lies in a kept connection",
    "a kept connection that was: closed after an answer that nobody had asked for",
)
class _:
    """Keeps one http.client connection, and never looks at it before it serves again."""

    kept = None

    def __init__(self):
        self.inner = Telling()
        self.closed = False

    @property
    def info(self):
        return replace(self.inner.info, capabilities=Capability.NONE, guarantees=Guarantee.NONE)

    def send(self, request, options, /):
        refuse_unsupported(request, options, self.info)
        if self.closed:
            raise TransportClosed("closed", request=request, transport="socket")
        about = {"request": request, "transport": "socket", "phase": "wait"}
        delivery = "not_sent"
        try:
            place = (request.url.dial_host, request.url.port)
            if self.kept is None or self.kept[0] != place:
                self.forget()
                connection = http.client.HTTPConnection(*place, timeout=options.timeouts.read)
                connection.connect()
                self.kept = place, connection
            connection = self.kept[1]
            connection.sock.settimeout(options.timeouts.read)
            delivery = "maybe_sent"
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.pairs:
                connection.putheader(name, value)
            connection.endheaders(b"".join(request.body.pieces()) if request.body else None)
            answer = connection.getresponse()
            data = answer.read()
            if connection.sock is None:
                self.forget()
        except http.client.IncompleteRead as error:
            self.forget()
            raise IncompleteBody(str(error), delivery="sent", **about) from error
        except Exception as error:
            self.forget()
            raise Error(str(error), delivery=delivery, **about) from error
        return Response(answer.status, answer.getheaders(), data, reason=answer.reason, request=request)

    def close(self):
        self.closed = True
        self.forget()

    def forget(self):
        if self.kept is not None:
            self.kept[1].close()
        self.kept = None
