"""Transports that bring back something else than the server sent."""

from __future__ import annotations

import contextlib
import http
import itertools
import re
import socket

from conformance.broken import Shelf, Wrapped, changed

from intermodal.errors import ProtocolError
from intermodal.model.headers import Headers
from intermodal.model.response import Response
from intermodal.protocol import Capability, TransportInfo, refuse_unsupported

BROKEN = Shelf("T3")


class Plain:
    """A connection for each request, and an answer read by hand from a file; right in each of its parts.

    What a parser throws away cannot be spoiled behind it: what is wrong in reading has to be written here.
    """

    info = TransportInfo("plain", capabilities=Capability.STREAM_REQUEST)

    def send(self, request, options, /):
        refuse_unsupported(request, options, self.info)
        address = request.url.host, request.url.port
        with contextlib.closing(socket.create_connection(address, options.timeouts.connect)) as connection:
            connection.settimeout(options.timeouts.read)
            fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.pairs)
            connection.sendall(f"{request.method} {request.target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1"))
            for piece in () if request.body is None else (*filter(None, request.body.pieces()), b""):
                chunked = request.body.length is None
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            try:
                with connection.makefile("rb") as file:
                    return self.answer(request, file)
            except (OSError, ValueError, EOFError) as error:
                raise ProtocolError(f"{error!r}", request=request, transport="plain") from error

    def close(self):
        pass

    def answer(self, request, file):
        status = 100
        while status == 100:
            version, status, reason = self.status(file.readline())
            fields = self.fields(itertools.takewhile(lambda line: line.strip(b"\r\n"), file))
        body = self.body(request.method, status, Headers(fields), file)
        return Response(status, fields, body, reason=reason, http_version=version, request=request)

    def status(self, line):
        found = re.fullmatch(r"(HTTP/1\.[01]) ([0-9]{3})(?: (.*))?\r\n", line.decode("latin-1"), re.DOTALL)
        if found is None:
            raise ValueError(line)
        return found[1], int(found[2]), found[3] or ""

    def fields(self, lines):
        fields = []
        for line in lines:
            if line[:1] in b" \t":
                fields[-1][1] += " " + self.text(line)
            else:
                name, value = line.split(b":", 1)
                fields.append([name.decode(), self.text(value)])
        return [(name, value) for name, value in fields]

    def text(self, value):
        return value.strip(b" \t\r\n").decode("latin-1")

    def body(self, method, status, headers, file):
        if method == "HEAD" or status in {204, 304}:
            return b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self.chunks(file))
        return file.read(int(headers.get_list("content-length")[0])) if "content-length" in headers else file.read()

    def chunks(self, file):
        while size := self.size(file.readline()):
            yield file.read(size)
            file.readline()
        while file.readline().strip(b"\r\n"):
            pass

    def size(self, line):
        return int(line.split(b";")[0], 16)


def again(response, pairs):
    """Give a response anew with other fields."""
    return changed(response, headers=Headers(pairs))


# --- the status line --------------------------------------------------------------------------------------------------


@BROKEN(
    "gives the usual reason",
    "a reason is the servers: words of the server's own",
    "a reason is the servers: nothing",
)
class _(Plain):
    def status(self, line):
        version, status, _ = super().status(line)
        return version, status, http.HTTPStatus(status).phrase if status in {*http.HTTPStatus} else ""


@BROKEN("splits the reason at white space", "a reason is the servers: two spaces", "a reason is the servers: a tab")
class _(Plain):
    def status(self, line):
        version, status, reason = super().status(line)
        return version, status, " ".join(reason.split())


@BROKEN("insists on a reason", "a reason is the servers: nothing, not even a space")
class _(Plain):
    def status(self, line):
        version, status, reason = line[:-2].decode("latin-1").split(" ", 2)
        return version, int(status), reason


@BROKEN(
    "knows the statuses that have a name",
    "a status is told: 299",
    "a status is told: 599",
    "a status beyond its classes is told: 600",
)
class _(Plain):
    def status(self, line):
        version, status, reason = super().status(line)
        return version, http.HTTPStatus(status).value, reason


@BROKEN("takes an unknown status for the first of its class", "a status is told: 226", "a status is told: 418")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        status = response.status_code
        known = {101, 200, 201, 204, 301, 302, 304, 400, 401, 404, 500}
        return changed(response, status_code=status if status in known else status // 100 * 100)


@BROKEN("says HTTP/1.1 of every answer", "a version is told: HTTP/1.0")
class _(Plain):
    def status(self, line):
        return "HTTP/1.1", *super().status(line)[1:]


@BROKEN("knows two versions", "a later minor version counts as 1 1: 1.2")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        sent = response.headers.get("transfer-encoding") == "chunked" and not len(response.headers.pairs) > 1
        return changed(response, http_version="HTTP/1.2" if sent else response.http_version)


# --- fields -----------------------------------------------------------------------------------------------------------


@BROKEN(
    "joins fields of one name",
    "fields come in order: one name twice",
    "fields come in order: cookies with commas in their dates",
)
class _(Plain):
    def fields(self, lines):
        joined = {}
        for name, value in super().fields(lines):
            joined.setdefault(name.lower(), (name, []))[1].append(value)
        return [
            (name, values[0] if key == "content-length" else ", ".join(values))
            for key, (name, values) in joined.items()
        ]


@BROKEN("keeps the last field of a name", "fields come in order: two challenges")
class _(Plain):
    def fields(self, lines):
        return [*{name.lower(): (name, value) for name, value in super().fields(lines)}.values()]


@BROKEN("puts fields of one name together", "fields come in order: two names in turns")
class _(Plain):
    def fields(self, lines):
        fields = super().fields(lines)
        names = [name.lower() for name, _ in fields]
        return sorted(fields, key=lambda pair: names.index(pair[0].lower()))


@BROKEN("splits lists", "fields come in order: a comma list", "fields come in order: a date and an entity tag")
class _(Plain):
    def fields(self, lines):
        return [(name, part.strip()) for name, value in super().fields(lines) for part in value.split(",")]


@BROKEN("writes names in capitals and small letters", "the case of names is kept")
class _(Plain):
    def fields(self, lines):
        return [(name.title(), value) for name, value in super().fields(lines)]


@BROKEN("drops empty fields", "fields come in order: an empty value")
class _(Plain):
    def fields(self, lines):
        return [pair for pair in super().fields(lines) if pair[1]]


@BROKEN("drops cookies", "fields come in order: cookies with commas in their dates")
class _(Plain):
    def fields(self, lines):
        return [pair for pair in super().fields(lines) if pair[0].lower() != "set-cookie"]


@BROKEN("takes at most sixty-four fields", "fields come in order: ninety")
class _(Plain):
    def fields(self, lines):
        fields = super().fields(lines)
        return [*fields[:64], *fields[64:][-1:]]  # the last frames the body


@BROKEN("reads lines of 4 KiB", "fields come in order: a value of 8,000 bytes")
class _(Plain):
    def text(self, value):
        return super().text(value)[:4096]


@BROKEN("reads values as UTF-8", "fields come in order: latin-1", "fields come in order: UTF-8, as latin-1")
class _(Plain):
    def text(self, value):
        return value.strip(b" \t\r\n").decode("utf-8", "replace")


@BROKEN(
    "strips what Python calls white space",
    "white space around a value is not part of it: that ends in a byte beyond ASCII",
)
class _(Plain):
    def text(self, value):
        return super().text(value).strip()


@BROKEN(
    "ends lines where Python ends them",
    "white space around a value is not part of it: of bytes beyond ASCII",
)
class _(Plain):
    def fields(self, lines):
        lines = [line for each in lines for line in each.decode("latin-1").splitlines()]
        return super().fields(line.encode("latin-1") for line in lines)


@BROKEN(
    "takes the white space around a value for its own",
    "white space around a value is not part of it: with spaces and tabs around it",
    "white space around a value is not part of it: of spaces alone",
)
class _(Plain):
    def answer(self, request, file):
        response = super().answer(request, file)
        response.headers = Headers.trusted(self.kept)
        return response

    def fields(self, lines):
        lines = [*lines]
        self.kept = [(line.split(b":")[0].decode(), line.split(b":", 1)[1][1:-2].decode("latin-1")) for line in lines]
        return super().fields(lines)


@BROKEN("insists on a space before a value", "white space around a value is not part of it: without a space before it")
class _(Plain):
    def fields(self, lines):
        return [(name.decode(), self.text(value)) for name, value in (line.split(b": ", 1) for line in lines)]


@BROKEN("joins white space", "fields come in order: inner spaces and tabs")
class _(Plain):
    def text(self, value):
        return re.sub(r"[ \t]+", " ", super().text(value))


@BROKEN("forgets folded lines", "a folded line is one line")
class _(Plain):
    def fields(self, lines):
        return super().fields(line for line in lines if line[:1] not in b" \t")


@BROKEN("keeps the white space of a folded line", "a line folded oddly is one line: with spaces and tabs around")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        folded = [pair for pair in response.headers.pairs if pair == ("X-A", "a b")]
        return again(response, [("X-A", "a \t  b")] * len(folded)) if folded else response


# --- the body ---------------------------------------------------------------------------------------------------------


@BROKEN(
    "reads a body as lines of text",
    "a body comes as it was sent: line ends of every kind",
    "a body ends where its framing says: chunks of line ends",
)
class _(Plain):
    def body(self, method, status, headers, file):
        return super().body(method, status, headers, file).replace(b"\r\n", b"\n")


@BROKEN("ends a body at its first NUL", "a body comes as it was sent: all bytes there are")
class _(Plain):
    def body(self, method, status, headers, file):
        return super().body(method, status, headers, file).partition(b"\0")[0]


@BROKEN("drops a byte order mark", "a body comes as it was sent: text with a byte order mark")
class _(Plain):
    def body(self, method, status, headers, file):
        return super().body(method, status, headers, file).removeprefix(b"\xef\xbb\xbf")


@BROKEN("spoils what is larger than 64 KiB", "a body comes as it was sent: a MiB")
class _(Plain):
    def body(self, method, status, headers, file):
        data = super().body(method, status, headers, file)
        return data[:65536] + data[65537:] if len(data) > 65536 else data


@BROKEN("does not know extensions of chunks", "a body ends where its framing says: chunks with extensions")
class _(Plain):
    def size(self, line):
        return int(line, 16)


@BROKEN("reads sizes as decimal numbers", "a body ends where its framing says: a size in small letters")
class _(Plain):
    def size(self, line):
        size = line.split(b";")[0].strip()
        return int(size) if size.isdigit() else int(size, 16) % 10


@BROKEN("takes the first zero for the last chunk", "a body ends where its framing says: a size with zeros in front")
class _(Plain):
    def size(self, line):
        return 0 if line.startswith(b"0") else super().size(line)


@BROKEN(
    "gives the chunks with the body",
    "a body ends where its framing says: chunks",
    "an answer may come in one piece: chunks",
)
class _(Plain):
    def chunks(self, file):
        for chunk in super().chunks(file):
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)


@BROKEN("knows chunks in small letters", "a body ends where its framing says: chunks in capitals")
class _(Plain):
    def body(self, method, status, headers, file):
        if headers.get("transfer-encoding") == "CHUNKED":
            return b""
        return super().body(method, status, headers, file)


@BROKEN("takes a list of lengths for a number", "a body ends where its framing says: a length said twice")
class _(Plain):
    def body(self, method, status, headers, file):
        int(", ".join(headers.get_list("content-length")) or 0)
        return super().body(method, status, headers, file)


@BROKEN(
    "takes what has no length for empty",
    "a body without framing ends with the connection: of the version 1.1",
    "no field at all is none",
)
class _(Plain):
    def body(self, method, status, headers, file):
        framed = "content-length" in headers or "transfer-encoding" in headers
        return super().body(method, status, headers, file) if framed else b""


@BROKEN("waits for the body of an answer to a HEAD", "no content follows: to a HEAD, with a length")
class _(Plain):
    def body(self, method, status, headers, file):
        return super().body("GET" if "content-length" in headers else method, status, headers, file)


@BROKEN("waits for the body of a 304", "no content follows: 304 with the length of what it spares")
class _(Plain):
    def body(self, method, status, headers, file):
        return super().body(method, 200 if "content-length" in headers else status, headers, file)


@BROKEN("takes the length from the answer to a HEAD", "no content follows: to a HEAD, that found nothing")
class _(Plain):
    def answer(self, request, file):
        response = super().answer(request, file)
        bare = [pair for pair in response.headers.pairs if pair[0] != "Content-Length"]
        return again(response, bare) if request.method == "HEAD" else response
