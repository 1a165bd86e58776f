"""Transports that frame a body wrongly, change it, or send it when it is not wanted."""

from __future__ import annotations

import socket
import time

from conformance.broken import Shelf, Wrapped
from conformance.broken_complete_request import Bare

from intermodal.model.body import Body
from intermodal.model.request import Request
from intermodal.protocol import Capability, Guarantee, TransportInfo

BROKEN = Shelf("T2")

# --- framing and bodies -----------------------------------------------------------------------------------------------


@BROKEN("says Content-Length: 0 to everyone", "no body is said once at most: GET", "the framing is exact: GET")
class _(Bare):
    def fields(self, request):
        said = request.body is not None or "content-length" in request.headers
        return [*request.headers.pairs, *([] if said else [("Content-Length", "0")])]


@BROKEN("says nothing of a body that is not there", "no body is said once at most: POST")
class _(Bare):
    def fields(self, request):
        return [pair for pair in request.headers.pairs if request.body is not None or pair[0] != "Content-Length"]


@BROKEN("says the length twice", "a length is said once: POST", "the framing is exact: PUT of bytes")
class _(Bare):
    def fields(self, request):
        length = [pair for pair in request.headers.pairs if pair[0] == "Content-Length"]
        return [*request.headers.pairs, *length]


@BROKEN("sends no body but with POST and PUT", "the framing is exact: DELETE with a body", "a length is said once: GET")
class _(Bare):
    def send(self, request, options, /):
        if request.method not in {"POST", "PUT"}:
            fields = [pair for pair in request.headers.pairs if pair[0] not in {"Content-Length", "Transfer-Encoding"}]
            request = Request(request.method, request.url, fields, target=request.target)
        return super().send(request, options)


@BROKEN(
    "sends an empty piece as a chunk",
    "a streamed body arrives: a generator with empty pieces",
    "the bytes of a streamed body are exact: empty pieces",
)
class _(Bare):
    def pieces(self, request):
        body = request.body
        return () if body is None else body._open() if body.length is None else body.pieces()


@BROKEN("sends a file from its beginning", "a streamed body arrives: a file from its position")
class _(Bare):
    def pieces(self, request):
        span = None if request.body is None else request.body.file
        if span is None:
            return super().pieces(request)
        span.file.seek(0)
        return (span.file.read(span.length),)


@BROKEN("loses the last byte of a large body", "a body arrives: 70,000 bytes", "a streamed body arrives: a large file")
class _(Bare):
    def pieces(self, request):
        count = 0
        for piece in super().pieces(request):
            count += len(piece)
            yield piece if count <= 65536 else piece[:-1] + b"?"


@BROKEN("turns line ends into its own", "a body arrives: line ends of every kind")
class _(Bare):
    def send(self, request, options, /):
        content = None if request.body is None else request.body.content
        if content is not None:
            content = content.replace(b"\r\n", b"\n")
            fields = [pair for pair in request.headers.pairs if pair[0] != "Content-Length"]
            request = Request(request.method, request.url, fields, content, target=request.target)
        return super().send(request, options)


@BROKEN("writes sizes in capitals", "the bytes of a streamed body are exact: sizes in hexadecimal")
class _(Bare):
    def body(self, request):
        if "transfer-encoding" not in request.headers:
            yield from self.pieces(request)
            return
        for piece in self.pieces(request):
            yield b"%X\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"


@BROKEN(
    "keeps a stream until it knows its length",
    "the bytes of a streamed body are exact: a list",
    "one request follows the other exactly",
)
class _(Bare):
    def send(self, request, options, /):
        if request.body is not None and request.body.length is None:
            fields = [pair for pair in request.headers.pairs if pair[0] != "Transfer-Encoding"]
            content = b"".join(request.body.pieces())
            request = Request(request.method, request.url, fields, content, target=request.target)
        return super().send(request, options)


@BROKEN("sends in chunks what has a length", "a length that the caller declared frames an iterator")
class _(Bare):
    def head(self, request):
        self.chunked = request.body is not None and request.body.content is None and request.body.length is not None
        return super().head(request)

    def fields(self, request):
        if not self.chunked:
            return request.headers.pairs
        return [*request.headers.pairs[:-1], ("Transfer-Encoding", "chunked")]

    def body(self, request):
        if not self.chunked:
            yield from super().body(request)
            return
        for piece in self.pieces(request):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"


@BROKEN(
    "sends a list once only",
    "the same streamed request is sent again: a list",
    "two transports send the same",
    "a spent generator is not sent as an empty body",
)
class _(Bare):
    def pieces(self, request):
        if request.memo.setdefault("sent by", self) is not self or request.memo.get("sent"):
            return ()
        request.memo["sent"] = request.body is not None and request.body.length is None
        return super().pieces(request)


@BROKEN("adds a number to every request", "the same request is sent again: bytes")
class _(Bare):
    count = 0

    def fields(self, request):
        self.count += 1
        return [*request.headers.pairs, ("X-Request-Id", str(self.count))]


@BROKEN("ends each request with a line of its own", "one request follows the other exactly")
class _(Bare):
    def body(self, request):
        yield from super().body(request)
        if request.method == "POST":
            yield b"\r\n"


@BROKEN("writes what it sends into one place", "requests at once do not mix")
class _(Bare):
    sent = None

    def send(self, request, options, /):
        self.sent = request
        time.sleep(0.02)  # until others have come, if others come
        return super().send(request, options)

    def pieces(self, request):
        return () if request.body is None else self.sent.body.pieces()


@BROKEN("says another thing inside of TLS", "the bytes inside tls are the same")
class _(Wrapped):
    def send(self, request, options, /):
        if request.url.scheme == "https":
            request = request.replace(headers=[*request.headers.pairs, ("Upgrade-Insecure-Requests", "1")])
        return self.inner.send(request, options)


# --- Expect and Upgrade -----------------------------------------------------------------------------------------------


@BROKEN(
    "reads the body before it waits for 100",
    "a body waits for 100",
)
class _(Wrapped):
    def send(self, request, options, /):
        body = request.body
        if body is not None and body.content is None and "expect" in request.headers:
            pieces = [*body.pieces()]
            fields = [pair for pair in request.headers.pairs if pair[0] != "Transfer-Encoding"]
            request = Request(request.method, request.url, fields, Body(lambda: pieces), target=request.target)
        return self.inner.send(request, options)


@BROKEN(
    "does not wait for 100",
    "a body waits for 100",
    "a body that nobody wants is not sent: 417",
    "a body that nobody wants is not sent: 200",
)
class _(Bare):
    info = TransportInfo("bare", capabilities=Bare.info.capabilities | Capability.EXPECT_CONTINUE)


@BROKEN("strips Expect", "a body after 100 is exact")
class _(Wrapped):
    def send(self, request, options, /):
        if "expect" in request.headers:
            fields = [pair for pair in request.headers.pairs if pair[0] != "Expect"]
            request = request.replace(headers=fields)
        return self.inner.send(request, options)


@BROKEN("waits for 100 for ever", "a server that never says 100 gets the body")
class _(Bare):
    info = TransportInfo("bare", capabilities=Bare.info.capabilities | Capability.EXPECT_CONTINUE)

    def wants_body(self, connection, request):
        if "expect" not in request.headers:
            return True
        seen = b"?"
        while seen and b"\r\n\r\n" not in seen:
            seen = connection.recv(4096, socket.MSG_PEEK)
        return seen.startswith(b"HTTP/1.1 100")


@BROKEN("strips what is between it and the server", "the fields of an upgrade are sent")
class _(Bare):
    info = TransportInfo(
        "bare", capabilities=Bare.info.capabilities | Capability.UPGRADE, guarantees=Guarantee.WIRE_EXACT
    )

    def fields(self, request):
        upgrade = "upgrade" in request.headers
        return [pair for pair in request.headers.pairs if not upgrade or pair[0] not in {"Connection", "Upgrade"}]
