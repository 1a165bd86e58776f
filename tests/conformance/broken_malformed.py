"""Transports that guess: each reads strictly but for one thing, in which it is as careless as readers have been."""

from __future__ import annotations

import re
import select
import socket

from conformance.broken import Shelf, Wrapped, WrappedBody, changed

import intermodal
from intermodal.errors import Disconnected, IncompleteBody, ProtocolError, ReadTimeout, TransportClosed
from intermodal.model.options import Limits
from intermodal.model.response import Response

BROKEN = Shelf("T9")

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([^\0\r\v\f]*)")


class _Reset(Exception):
    """The connection was reset."""


class _Line:
    """A connection, and what was received over it and not read yet."""

    def __init__(self, url):
        self.socket = socket.create_connection((url.dial_host, url.port), 2)
        self.socket.settimeout(1.5)
        self.data = bytearray()
        self.came = False

    def more(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionError as error:
            raise _Reset from error
        self.data += piece
        self.came = self.came or bool(piece)
        return bool(piece)

    def line(self, most, what):
        """Give a line with its end; None where the connection ends before."""
        searched = 0
        while (end := self.data.find(b"\n", searched)) < 0:
            searched = len(self.data)
            if searched > most:
                raise ProtocolError(f"{what} of more than {most} bytes")
            if not self.more():
                return None
        if end >= most:
            raise ProtocolError(f"{what} of more than {most} bytes")
        return self.take(end + 1)

    def take(self, count):
        data = bytes(self.data[:count])
        del self.data[:count]
        return data


class Reader:
    """A transport of its own that reads strictly; the broken ones say what is different."""

    info = intermodal.TransportInfo("reader", "", intermodal.Capability.NONE, intermodal.Guarantee.STRICT_FRAMING)
    start = b"HTTP/1."

    def __init__(self, *, limits=None):
        self.limits = limits or Limits()
        self.idle, self.closed, self.lines = None, False, []

    def close(self):
        self.closed = True
        for line in self.lines:
            line.socket.close()

    def send(self, request, options, /):
        if self.closed:
            raise TransportClosed("closed", request=request, transport="reader")
        line, self.idle = self.idle, None
        if line is not None and not self.is_quiet(line):
            line.socket.close()
            line = None
        if line is None:
            line = _Line(request.url)
            self.lines.append(line)
        line.came = bool(line.data)
        fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.pairs)
        content = b"".join(request.body.pieces()) if request.body is not None else b""
        line.socket.sendall(f"{request.method} {request.target} HTTP/1.1\r\n{fields}\r\n".encode() + content)
        exchange = _Exchange(self, line, request)
        with exchange:
            return exchange.head()

    # --- what may be read wrongly ------------------------------------------------------------------------------------

    def is_quiet(self, line):
        return not select.select([line.socket], [], [], 0)[0]

    def status_line(self, line):
        found = re.fullmatch(rb"HTTP/1\.([0-9]) ([1-9][0-9][0-9])( [^\0\r\v\f]*)?", line)
        if found is None:
            raise ProtocolError(f"the status line {line[:40]!r}")
        return found[1] == b"0", int(found[2]), (found[3] or b"").decode("latin-1").strip(" \t")

    def field(self, line):
        found = _FIELD.fullmatch(line)
        if found is None:
            raise ProtocolError(f"the field line {line[:40]!r}")
        return found[1].decode(), found[2].decode("latin-1").strip(" \t")

    def interim(self, count):
        if count > self.limits.interim:
            raise ProtocolError("too many interim answers")

    def switched(self):
        raise ProtocolError("101 that nobody asked for")

    def length(self, values):
        members = [member.strip(" \t") for value in values for member in value.split(",")]
        if len(set(members)) != 1 or not re.fullmatch("[0-9]{1,19}", members[0]):
            raise ProtocolError(f"Content-Length {values}")
        return int(members[0])

    def chunked(self, values):
        if values and [value.lower() for value in values] != ["chunked"]:
            raise ProtocolError(f"Transfer-Encoding {values}")
        return bool(values)

    def size(self, line):
        found = re.fullmatch(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[^\r\n]*)?\r\n", line)
        if found is None:
            raise ProtocolError(f"the chunk size {line[:40]!r}")
        return int(found[1], 16)

    def chunk_end(self, two):
        if two != b"\r\n":
            raise ProtocolError(f"{two!r} behind a chunk")

    def trailer(self, line):
        self.field(line)

    def cut(self, why):
        """Say what a body is that ends too early; to raise nothing is to take it for whole."""
        raise IncompleteBody(why)

    def reset(self):
        raise Disconnected("the connection was reset")

    def keeps(self, *, doubt, left):
        """Whether a connection may serve again whose framing was in doubt, or where bytes are left."""
        return not doubt and not left

    def failed(self, line):
        line.socket.close()


class _Exchange:
    """One answer as it is read: its head, then its body, which is this object."""

    def __init__(self, owner, line, request):
        self.owner, self.line, self.request = owner, line, request
        self.phase, self.doubt, self.persistent = "wait", False, True
        self.left, self.over, self.failure = 0, False, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        """Raise what was raised as it is to leave."""
        if error is None:
            return
        if isinstance(error, TimeoutError):
            error = ReadTimeout("nothing came")
        if isinstance(error, _Reset):
            error = Disconnected("the connection was reset")
        if isinstance(error, ProtocolError | Disconnected | ReadTimeout):
            error.request, error.transport = self.request, "reader"
            error.phase = "head" if self.phase == "wait" and self.line.came else self.phase
            error.delivery = "sent" if self.line.came else "maybe_sent"
            self.failure, self.over = error, True
            self.owner.failed(self.line)
            raise error

    def head(self):
        for count in range(1 << 30):
            self.owner.interim(count)
            old, status, reason, fields = self.one_head()
            if status == 101:
                self.owner.switched()
            if status >= 200 or status == 101:
                break
        values = {
            name: [value for each, value in fields if each.lower() == name]
            for name in ("content-length", "transfer-encoding")
        }
        lengths, codings = values["content-length"], values["transfer-encoding"]
        self.kind = "chunked" if self.owner.chunked(codings) else "close"
        self.doubt = bool(codings and (lengths or old))
        if lengths:
            self.left = self.owner.length(lengths)
            self.kind = "length" if self.kind == "close" and self.left is not None else self.kind
        if self.request.method == "HEAD" or status in (101, 204, 304):
            self.kind, self.left = "length", 0
        if self.kind == "chunked":
            self.left = None
        self.persistent = self.kind != "close" and not old
        self.phase = "body"
        if self.left == 0 and self.kind == "length":
            self.end()
        version = "HTTP/1.0" if old else "HTTP/1.1"
        return Response(status, fields, self, reason=reason, http_version=version, request=self.request)

    def one_head(self):
        line, limits = self.line, self.owner.limits
        while len(line.data) < len(self.owner.start) and self.owner.start.startswith(bytes(line.data)):
            if not line.more():
                break
        if not line.data.startswith(self.owner.start):
            if not line.came:
                raise Disconnected("the connection ended without an answer")
            raise ProtocolError(f"the answer begins with {bytes(line.data[:20])!r}")
        room, lines = limits.head_bytes, []
        while not lines or lines[-1]:
            each = line.line(room, "a head")
            if each is None:
                raise ProtocolError("the head was cut off")
            room -= len(each)
            lines.append(each[:-2] if each.endswith(b"\r\n") else each[:-1])
            if len(lines) > limits.fields + 2:
                raise ProtocolError("too many fields")
        unfolded = []
        for each in lines[1:-1]:
            if each[:1] in (b" ", b"\t") and unfolded:  # RFC 9112 section 5.2
                unfolded[-1] = unfolded[-1].rstrip(b" \t") + b" " + each.strip(b" \t")
            else:
                unfolded.append(each)
        fields = [self.owner.field(each) for each in unfolded]
        return *self.owner.status_line(lines[0]), [each for each in fields if each is not None]

    def read(self, n, /):
        if self.failure is not None:
            raise self.failure
        with self:
            try:
                return b"" if self.over else self.some(n)
            except _Reset:
                self.owner.reset()
                self.over = True
                return b""

    def some(self, n):
        line = self.line
        if self.kind == "chunked" and not self.left:
            self.next_chunk()
            if self.over:
                return b""
        if not line.data and not line.more():
            if self.kind != "close":
                self.owner.cut("the body ended too early")
            self.persistent = False
            self.end()
            return b""
        data = line.take(n if self.kind == "close" else min(n, self.left))
        if self.kind != "close":
            self.left -= len(data)
            if self.kind == "length" and not self.left:
                self.end()
        return data

    def next_chunk(self):
        line, limits = self.line, self.owner.limits
        if self.left == 0:
            while len(line.data) < 2:
                if line.data and not b"\r\n".startswith(bytes(line.data)):
                    break
                if not line.more():
                    return self.cut()
            self.owner.chunk_end(line.take(2))
        size = line.line(limits.chunk_line, "a chunk size")
        if size is None:
            return self.cut()
        self.left = self.owner.size(size)
        if self.left:
            return None
        room, count = limits.head_bytes, 0
        while True:
            each = line.line(room, "trailers")
            if each is None:
                return self.cut()
            room, count = room - len(each), count + 1
            each = each[:-2] if each.endswith(b"\r\n") else each[:-1]
            if not each:
                return self.end()
            if count > limits.fields:
                raise ProtocolError("too many trailers")
            self.owner.trailer(each)

    def cut(self):
        self.owner.cut("the chunks ended before the last")
        self.persistent = False
        self.end()

    def end(self):
        self.over = True
        if self.persistent and self.owner.keeps(doubt=self.doubt, left=bool(self.line.data)):
            self.owner.idle = self.line
        else:
            self.line.socket.close()

    def close(self):
        if not self.over:
            self.over = True
            self.line.socket.close()


@BROKEN("takes the last of several lengths", "lengths that disagree: 5 and 6", "two lengths are an error: 6 and 5")
class _(Reader):
    def length(self, values):
        return super().length(values[-1:])


@BROKEN(
    "reads a length as Python reads numbers", "a length that is none: a sign", "a length that is none: an underscore"
)
class _(Reader):
    def length(self, values):
        try:
            return max(int(values[0]), 0)
        except ValueError:
            return super().length(values)


@BROKEN(
    "reads until the end where it knows no length", "a length that is none: letters", "a length that is none: nothing"
)
class _(Reader):
    def length(self, values):
        try:
            return super().length(values)
        except ProtocolError:
            return None


@BROKEN(
    "finds chunked wherever it stands",
    "a coding nobody asked for: a letter too many",
    "framing that contradicts itself: two fields that say chunked",
)
class _(Reader):
    def chunked(self, values):
        return "chunked" in ",".join(values)


@BROKEN(
    "reads a chunk size as Python reads numbers",
    "a chunk size that is none: a prefix",
    "a chunk size that is none: an underscore",
)
class _(Reader):
    def size(self, line):
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError:
            return super().size(line)


@BROKEN("takes any two bytes for the end of a chunk", "a chunk that does not end: two other bytes")
class _(Reader):
    def chunk_end(self, two):
        """Look the other way."""


@BROKEN("reads no trailers", "a trailer that is none: a line without a colon", "a trailer that is none: NUL")
class _(Reader):
    def trailer(self, line):
        """Throw it away."""


@BROKEN("drops what is no field", "a field line that is none: no colon", "a first line that is none: a fold")
class _(Reader):
    def field(self, line):
        try:
            return super().field(line)
        except ProtocolError:
            return None


@BROKEN("strips names", "a field line that is none: a length with a space before its colon")
class _(Reader):
    def field(self, line):
        name, colon, value = line.partition(b":")
        return super().field(name.strip() + colon + value)


@BROKEN("splits a status line at white space", "a status line that is none: two spaces before the status")
class _(Reader):
    def status_line(self, line):
        return super().status_line(b" ".join(line.split(None, 2)))


@BROKEN("believes in any version", "a status line that is none: version 2.0", "a status line that is none: version 0.9")
class _(Reader):
    start = b"HTTP/"

    def status_line(self, line):
        return super().status_line(re.sub(rb"HTTP/[0-9.]+", b"HTTP/1.1", line))


@BROKEN(
    "looks for the answer in what comes",
    "a status line that is none: a letter first",
    "garbage is not waited for: zeros",
)
class _(Reader):
    start = b""

    def status_line(self, line):
        return super().status_line(line[max(line.find(b"HTTP/"), 0) :])


@BROKEN("switches unasked", "nobody switches unasked", "an interim answer that is none: 101 that nobody asked for")
class _(Reader):
    def switched(self):
        """Hand it out as the answer."""


@BROKEN(
    "waits for ever through interim answers", "what never ends is refused: interim answers", "a limit is kept: interim"
)
class _(Reader):
    def interim(self, count):
        """Count nothing."""


@BROKEN(
    "has no limits",
    "what never ends is refused: fields",
    "what never ends is refused: a chunk size",
    "a limit is kept: head_bytes",
)
class _(Reader):
    def __init__(self, *, limits=None):
        super().__init__(limits=Limits(10**8, 10**8, 64, 10**8))


@BROKEN(
    "takes what is cut off for whole",
    "a body cut off: a length, half-way",
    "a body cut off: chunks, between two",
    "an error holds what had come: a length",
)
class _(Reader):
    def cut(self, why):
        """Be content."""


@BROKEN("takes a reset for an end", "a body reset: the end of the connection", "a body reset: a length, half-way")
class _(Reader):
    def reset(self):
        """Be content."""


@BROKEN(
    "keeps what is left over for the next",
    "what is left over answers nobody: an answer behind a length",
    "what is left over answers nobody: a body behind a HEAD",
)
class _(Reader):
    def keeps(self, *, doubt, left):
        return not doubt


@BROKEN("throws away what is left over and goes on", "what is left over ends the connection: a byte behind a length")
class _(Reader):
    def keeps(self, *, doubt, left):
        return not doubt

    def send(self, request, options, /):
        if self.idle is not None:
            self.idle.data.clear()
        return super().send(request, options)


@BROKEN("goes on where lengths and chunks contradict", "framing in doubt ends the connection: chunks and a length")
class _(Reader):
    def keeps(self, *, doubt, left):
        return not left


@BROKEN(
    "does not look at a connection that rested",
    "what comes unasked answers nobody: an answer",
    "what comes unasked answers nobody: garbage",
)
class _(Reader):
    def is_quiet(self, line):
        return True


@BROKEN(
    "goes on over a connection whose answer it refused",
    "a status line that is none: status 099",
    "a trailer that is none: NUL",
)
class _(Reader):
    def failed(self, line):
        line.data.clear()
        self.idle = line


@BROKEN("takes the end of TCP for the end of TLS", "the end of tls tells: cut off")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        body = WrappedBody(response._body)

        def read(n, /):
            try:
                return response._body.read(n)
            except IncompleteBody:
                return b""

        if request.url.scheme == "https":
            body.read = read
        return changed(response, body=body)


@BROKEN(
    "loses what came before an error", "a body cut off: chunks, between two", "a chunk size that is none: a fraction"
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=_All(response._body))


class _All(WrappedBody):
    """A body that is read whole at the first read."""

    data = None

    def read(self, n, /):
        if self.data is None:
            pieces = [*iter(lambda: self.body.read(65536), b"")]
            self.data = b"".join(pieces)
        piece, self.data = self.data[:n], self.data[n:]
        return piece
