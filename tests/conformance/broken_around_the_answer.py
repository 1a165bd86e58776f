"""Transports that lie about what comes before an answer, behind it and with it."""

from __future__ import annotations

import dataclasses
import itertools

from conformance.broken import Shelf, Wrapped, WrappedBody, changed
from conformance.broken_faithful_response import Plain, again

from intermodal.errors import Error
from intermodal.model.exchange import Times
from intermodal.model.headers import Headers
from intermodal.model.response import Informational, Response

BROKEN = Shelf("T3")

# --- trailers, 1xx, 101 -----------------------------------------------------------------------------------------------


class _Kept(WrappedBody):
    """A body that was read to its end already."""

    def __init__(self, data, trailers=None):
        super().__init__(Response(200, body=data).raw)
        self.kept = trailers

    @property
    def trailers(self):
        return self.kept


@BROKEN(
    "adds trailers to the headers",
    "trailers are no headers: one",
    "trailers are no headers: a framing field",
    "trailers are told: several, one of them twice",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if "trailer" not in response.headers:
            return response
        data = response.raw.readall()
        pairs = [*response.headers.pairs, *response.trailers.pairs]
        return changed(response, body=_Kept(data, response.trailers), headers=Headers(pairs))


class _WithoutTrailers(WrappedBody):
    trailers = None


@BROKEN("drops the trailers that it guarantees", "trailers are told: one", "trailers are told: a framing field")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return response if response.upgraded else changed(response, body=_WithoutTrailers(response._body))


@BROKEN(
    "keeps trailers for the next exchange",
    "trailers are not told before they came",
)
class _(Wrapped):
    kept = None

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if response.upgraded or "transfer-encoding" in response.headers:
            self.kept = None if response.upgraded else response
            return response
        return changed(response, body=_Kept(response.raw.readall(), self.kept and self.kept.trailers))


@BROKEN("keeps the last trailer of a name", "trailers are told: several, one of them twice")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if "trailer" not in response.headers:
            return response
        data = response.raw.readall()
        return changed(response, body=_Kept(data, Headers(dict(response.trailers.pairs))))


@BROKEN(
    "takes a 100 for the answer",
    "the answer after a 100 is told: one",
    "an answer may come in one piece: a 100 before it",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        first = next(iter(response.informational), None)
        return response if first is None else Response(*first[::2], reason=first.reason, request=request)


@BROKEN("awaits one 100 at most", "the answer after a 100 is told: three")
class _(Plain):
    def answer(self, request, file):
        version, status, reason = self.status(file.readline())
        fields = self.fields(itertools.takewhile(lambda line: line.strip(b"\r\n"), file))
        if status == 100:
            version, status, reason = self.status(file.readline())
            fields = self.fields(itertools.takewhile(lambda line: line.strip(b"\r\n"), file))
        body = b"" if status == 100 else self.body(request.method, status, Headers(fields), file)
        return Response(status, fields, body, reason=reason, http_version=version, request=request)


@BROKEN(
    "drops the informational answers that it guarantees",
    "informational answers are kept apart: 100",
    "informational answers are kept apart: 103 with fields",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return response if response.upgraded else changed(response, informational=())


@BROKEN(
    "adds the fields of a 103 to the answer's",
    "informational answers are kept apart: 103 with fields",
    "the answer after a 100 is told: one with fields",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        early = [pair for each in response.informational for pair in each.headers.pairs]
        return again(response, [*early, *response.headers.pairs]) if early else response


@BROKEN("keeps the last informational answer only", "informational answers are kept apart: several")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return response if response.upgraded else changed(response, informational=response.informational[-1:])


@BROKEN(
    "keeps informational answers for the next exchange",
    "informational answers are those of one exchange",
)
class _(Wrapped):
    kept = ()

    def send(self, request, options, /):
        response = self.inner.send(request, options)
        self.kept = (*self.kept, *response.informational)
        return response if response.upgraded else changed(response, informational=self.kept)


@BROKEN("names informational answers itself", "informational answers are kept apart: 199 without a reason")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        named = [
            Informational(each.status_code, each.reason or "Unknown", each.headers) for each in response.informational
        ]
        return response if response.upgraded else changed(response, informational=named)


class _Stream:
    """An upgraded connection, handed on; broken ones derive from it."""

    def __init__(self, stream):
        self.stream = stream

    def recv(self, n, /):
        return self.stream.recv(n)

    def sendall(self, data, /):
        self.stream.sendall(data)

    def close(self):
        self.stream.close()


def handing_over(stream_type):
    """Make a transport whose upgraded connections are of that type."""

    class Handing(Wrapped):
        def send(self, request, options, /):
            response = self.inner.send(request, options)
            if response.upgraded is not None:
                response.upgraded = stream_type(response.upgraded)
            return response

    return Handing


@BROKEN("loses what came with a 101", "an upgraded connection is handed over: with the answer")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if response.upgraded is not None:
            response.upgraded = _Stream(response.upgraded)
            response.upgraded.stream.recv(3)
        return response


@BROKEN("keeps the connection of a 101", "an upgraded connection is handed over: later")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        response.upgraded = None
        return response


@BROKEN("ends what is sent over an upgraded connection with a line", "an upgraded connection is handed over: later")
@handing_over
class _(_Stream):
    def sendall(self, data, /):
        self.stream.sendall(data + b"\n")


@BROKEN("does not close an upgraded connection", "an upgraded connection is handed over: with the answer")
@handing_over
class _(_Stream):
    def close(self):
        pass


@BROKEN("raises at the end of an upgraded connection", "an upgraded connection ends where the server ends it")
@handing_over
class _(_Stream):
    def recv(self, n, /):
        data = self.stream.recv(n)
        if not data:
            raise Error("the end")
        return data


@BROKEN("hands over what was not upgraded", "an upgrade that is declined is an ordinary answer")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if "upgrade" in request.headers and response.upgraded is None:
            response = changed(response, upgraded=_Stream(None))
        return response


# --- what belongs to it -----------------------------------------------------------------------------------------------


@BROKEN("forgets the request", "a response has its request")
class _(Plain):
    def answer(self, request, file):
        response = super().answer(request, file)
        response.request = None
        return response


@BROKEN("tells trailers of an answer that has none", "nothing is told that did not come")
class _(Plain):
    def answer(self, request, file):
        response = super().answer(request, file)
        return changed(response, body=_Kept(response.content, response.headers))


@BROKEN("adds the fields of each answer to the last one's", "each response is its own")
class _(Plain):
    def __init__(self):
        self.kept = []

    def fields(self, lines):
        self.kept = [*(pair for pair in self.kept if pair[0] == "X-Index"), *super().fields(lines)]
        return self.kept


@BROKEN(
    "parses what comes at once", "an answer may come byte by byte: a length", "an answer may come line by line: chunks"
)
class _(Plain):
    def answer(self, request, file):
        if not file.peek().partition(b"\r\n\r\n")[1]:
            raise ValueError("no head")
        return super().answer(request, file)


# --- how it went ------------------------------------------------------------------------------------------------------


def telling(**lies):
    """Make a transport that tells other things of its exchanges; of each, what makes it of the truth."""

    class Telling(Wrapped):
        def send(self, request, options, /):
            response = self.inner.send(request, options)
            true = response._exchange
            now = true if callable(true) else lambda: true
            response._exchange = lambda: dataclasses.replace(
                now(), **{name: lie(getattr(now(), name)) for name, lie in lies.items()}
            )
            return response

    return Telling


_ADDRESS = "the addresses of an exchange are the connections"
_REUSED = "an exchange tells whether its connection had served"
_COUNTED = "the bytes of an exchange are counted"
_TIMES = "the times of an exchange are what it took"

BROKEN("tells the address that it asked for", _ADDRESS, _REUSED)(telling(local_address=lambda _: ("0.0.0.0", 0)))
BROKEN("tells its own address for the server's", _ADDRESS)(telling(peer_address=lambda _: ("127.0.0.1", 80)))
BROKEN("calls every connection new", _REUSED)(telling(reused=lambda _: False))
BROKEN("counts the bytes of bodies", _COUNTED)(telling(bytes_received=lambda count: count - 60))
BROKEN("counts what it sent twice", _COUNTED)(telling(bytes_sent=lambda count: 2 * count))
BROKEN("tells times of the clock", _TIMES)(telling(times=lambda times: dataclasses.replace(times, wait=1.7e9)))
BROKEN("tells no times", _TIMES, "the time of a body is not told before its end")(telling(times=lambda _: Times()))
BROKEN("tells the time of a body before its end", "the time of a body is not told before its end")(
    telling(times=lambda times: dataclasses.replace(times, body=times.body or 0.0))
)
BROKEN("tells a TLS that is not there", "the tls of an exchange is told")(telling(tls_version=lambda _: "TLSv1.3"))
BROKEN("tells no certificate", "the tls of an exchange is told")(telling(peer_certificate=lambda _: None))
