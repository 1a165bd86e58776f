"""Transports that send something else than the request they were given."""

from __future__ import annotations

import contextlib
import http.client
import socket
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin

from conformance.broken import Shelf

from intermodal.errors import Error
from intermodal.model.request import Request
from intermodal.model.response import Response
from intermodal.protocol import Capability, Guarantee, TransportInfo, refuse_unsupported

BROKEN = Shelf("T2")


class Bare:
    """A connection for each request, written by hand and read by http.client; right in each of its parts.

    A Request is canonical and cannot be made wrong: what is wrong in the bytes has to be written here.
    """

    info = TransportInfo(
        "bare",
        capabilities=Capability.STREAM_REQUEST | Capability.EXACT_TARGET | Capability.FORWARD_PROXY,
        guarantees=Guarantee.WIRE_EXACT,
    )

    def send(self, request, options, /):
        refuse_unsupported(request, options, self.info)
        to = request.url if options.proxy is None else options.proxy
        with contextlib.closing(socket.create_connection((to.host, to.port), options.timeouts.connect)) as connection:
            connection.sendall(self.head(request))
            try:
                for data in self.body(request) if self.wants_body(connection, request) else ():
                    connection.sendall(data)
            except Error as error:
                error.request, error.transport = request, self.info.name
                raise
            answer = http.client.HTTPResponse(connection, method=request.method)
            answer.begin()
            return Response(answer.status, answer.getheaders(), answer.read(), reason=answer.reason, request=request)

    def close(self):
        pass

    def wants_body(self, connection, request):
        return True

    def line(self, request):
        return f"{request.method} {request.target} HTTP/1.1"

    def fields(self, request):
        return request.headers.pairs

    def text(self, value):
        return value.encode("latin-1")

    def head(self, request):
        fields = [b"%b: %b\r\n" % (name.encode(), self.text(value)) for name, value in self.fields(request)]
        return b"%b\r\n%b\r\n" % (self.line(request).encode(), b"".join(fields))

    def pieces(self, request):
        return () if request.body is None else request.body.pieces()

    def body(self, request):
        chunked = "transfer-encoding" in request.headers
        for piece in self.pieces(request):
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if chunked:
            yield b"0\r\n\r\n"


# --- the request line -------------------------------------------------------------------------------------------------


@BROKEN(
    "decodes and encodes the target again",
    "a target goes out as the request has it: an encoded slash",
    "an encoding in lower case is kept: of what needs none",
)
class _(Bare):
    def line(self, request):
        target = quote(unquote(request.target), safe="/?=&*+:;,!$'()@")
        return f"{request.method} {target} HTTP/1.1"


@BROKEN("writes encodings in capitals", "an encoding in lower case is kept: of letters")
class _(Bare):
    def line(self, request):
        head, *rest = request.target.split("%")
        target = "%".join([head, *(piece[:2].upper() + piece[2:] for piece in rest)])
        return f"{request.method} {target} HTTP/1.1"


@BROKEN(
    "resolves a target that was given whole",
    "a target given whole is kept: dot segments",
    "a target given whole is kept: dot segments above the root",
)
class _(Bare):
    def line(self, request):
        target = request.target if request.target == "*" else urljoin("/", request.target)
        return f"{request.method} {target} HTTP/1.1"


@BROKEN(
    "sends the URL's target, whatever the request's is",
    "a target given whole is kept: a query",
    "an odd target given whole is kept: a percent sign alone",
    "a target can be an asterisk",
    "a forward proxy is asked for the whole url",
)
class _(Bare):
    def line(self, request):
        return f"{request.method} {request.url.target} HTTP/1.1"


@BROKEN("joins slashes", "two slashes in front are kept")
class _(Bare):
    def line(self, request):
        path, mark, query = request.target.partition("?")
        scheme, separator, path = path.rpartition("://")
        while "//" in path:
            path = path.replace("//", "/")
        return f"{request.method} {scheme}{separator}{path}{mark}{query} HTTP/1.1"


@BROKEN(
    "takes the query apart and makes it again",
    "a target goes out as the request has it: a query of a name alone",
    "a target goes out as the request has it: a query with empty parts",
)
class _(Bare):
    def line(self, request):
        path, mark, query = request.target.partition("?")
        return f"{request.method} {path}{mark}{urlencode(parse_qsl(query))} HTTP/1.1"


@BROKEN("drops an empty query", "an empty query is kept: alone", "an empty query is kept: before a fragment")
class _(Bare):
    def line(self, request):
        return f"{request.method} {request.target.removesuffix('?')} HTTP/1.1"


@BROKEN("sends a long target cut off", "a target goes out as the request has it: a query of 6000 characters")
class _(Bare):
    def line(self, request):
        return f"{request.method} {request.target[:4096]} HTTP/1.1"


@BROKEN("writes methods in capitals", "the case of a method is kept: get", "the case of a method is kept: pRoPfInD")
class _(Bare):
    def line(self, request):
        return f"{request.method.upper()} {request.target} HTTP/1.1"


@BROKEN("sends HTTP/1.0", "the request line is exact")
class _(Bare):
    def line(self, request):
        return f"{request.method} {request.target} HTTP/1.0"


@BROKEN("sends what it does not know as a POST", "a method arrives: PROPFIND", "a method arrives: M-SEARCH")
class _(Bare):
    def send(self, request, options, /):
        known = request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
        method = request.method if known else "POST"
        sent = Request(method, request.url, request.headers, request.body, target=request.target)
        return super().send(sent, options)


# --- fields -----------------------------------------------------------------------------------------------------------


@BROKEN(
    "adds a User-Agent and an Accept-Encoding",
    "fields arrive: one",
    "the field lines are exact: none",
)
class _(Bare):
    def send(self, request, options, /):
        added = [(name, "x") for name in ("User-Agent", "Accept-Encoding") if name not in request.headers]
        return super().send(request.replace(headers=[*request.headers.pairs, *added]), options)


@BROKEN("keeps fields in a dict", "fields arrive: one name twice", "fields arrive: one name in two cases")
class _(Bare):
    def send(self, request, options, /):
        fields = {name.lower(): (name, value) for name, value in request.headers.pairs}
        return super().send(request.replace(headers=[*fields.values()]), options)


@BROKEN("joins fields of one name", "the field lines are exact: duplicates with others between")
class _(Bare):
    def send(self, request, options, /):
        joined = {}
        for name, value in request.headers.pairs:
            joined.setdefault(name, []).append(value)
        fields = [(name, ", ".join(values)) for name, values in joined.items()]
        return super().send(request.replace(headers=fields), options)


@BROKEN(
    "writes names in lower case",
    "the field lines are exact: order and case",
    "the field lines are exact: names that differ in case",
)
class _(Bare):
    def fields(self, request):
        return [(name.lower(), value) for name, value in request.headers.pairs]


@BROKEN("sorts fields", "the field lines are exact: order and case")
class _(Bare):
    def fields(self, request):
        host, *fields = request.headers.pairs
        return [host, *sorted(fields)]


@BROKEN("drops empty fields", "fields arrive: an empty value", "the field lines are exact: empty values")
class _(Bare):
    def fields(self, request):
        return [(name, value) for name, value in request.headers.pairs if value]


@BROKEN("encodes values as UTF-8", "fields arrive: latin-1", "the field lines are exact: latin-1 as one byte each")
class _(Bare):
    def text(self, value):
        return value.encode()


@BROKEN("joins white space in values", "fields arrive: spaces and tabs inside a value")
class _(Bare):
    def text(self, value):
        return b" ".join(value.encode("latin-1").split())


@BROKEN("takes at most fifty fields", "fields arrive: a hundred")
class _(Bare):
    def fields(self, request):
        return request.headers.pairs[:50]


@BROKEN("names the URL's host whatever the caller says", "a host of the callers is sent")
class _(Bare):
    def fields(self, request):
        return [("Host", request.url.authority), *request.headers.pairs[1:]]


@BROKEN("sends Host last", "a host of the callers is first", "the field lines are exact: order and case")
class _(Bare):
    def fields(self, request):
        host, *fields = request.headers.pairs
        return [*fields, host]


@BROKEN("forgets the brackets of an address", "an address of ipv6 is named in brackets")
class _(Bare):
    def fields(self, request):
        return [("Host", request.headers["host"].replace("[", "").replace("]", "")), *request.headers.pairs[1:]]


@BROKEN("tells a proxy what is for nobody", "the bytes to a forward proxy are exact: GET")
class _(Bare):
    def fields(self, request):
        absolute = request.target.startswith("http:")
        return [*request.headers.pairs, *([("Proxy-Connection", "keep-alive")] if absolute else [])]
