"""Deliberately broken variants of reader, exchange, guard and adapters, each with the rows that have to catch it.

A mutant is a function that breaks the code through a ``MonkeyPatch``. It is a fault that HTTP clients have had, or one
line away from the code as it is; the corpus is worth what it catches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
import urllib3
from fleet import TRANSPORTS
from urllib3.util.url import _encode_target

import intermodal.backends.httpx as over_httpx
import intermodal.backends.requests as over_requests
import intermodal.backends.urllib3 as over_urllib3
import intermodal.blocking.exchange as blocking
from intermodal.backends.socket import SocketTransport
from intermodal.blocking.stream import Stream
from intermodal.errors import Disconnected, Error, IncompleteBody, ProtocolError
from intermodal.guard.current import current_exchange
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.h1 import body, exchange, framing, grammar, head
from intermodal.h1.body import ChunkedReader, LengthReader, UntilCloseReader
from intermodal.h1.exchange import ResponseReader
from intermodal.h1.framing import Kind
from intermodal.model.headers import TOKEN, Headers
from intermodal.model.response import Informational

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

EVERY = tuple(TRANSPORTS)


@dataclass(frozen=True)
class Mutant:
    """One broken variant.

    Attributes:
        name: what it does wrong.
        breaks: puts it in place.
        caught_by: the rows of the corpus, or the cases of ``wire``, each of which fails with it.
        seen: "rows" over transports, "reader" without I/O byte by byte, or "wire".
        over: the transports that are broken by it; each is caught on its own.
    """

    name: str
    breaks: Callable[[pytest.MonkeyPatch], None]
    caught_by: tuple[str, ...]
    seen: str = "rows"
    over: tuple[str, ...] = EVERY


MUTANTS: list[Mutant] = []


def mutant(name, *caught_by, seen="rows", over=EVERY):
    """Register the decorated function as the mutant of that name."""

    def register(breaks):
        MUTANTS.append(Mutant(name, breaks, caught_by, seen, over))
        return breaks

    return register


# --- heads ------------------------------------------------------------------------------------------------------------


def _fields(monkeypatch, change):
    """Put ``change`` behind the parsing of every field section."""
    parse = head.parse_fields
    changed = lambda section, limit: change(parse(section, limit))
    monkeypatch.setattr(head, "parse_fields", changed)
    monkeypatch.setattr(body, "parse_fields", changed)


def _field_pattern(monkeypatch, name=TOKEN, value=r"[^\r\n\0\v\f]*", end=r"\r?\n"):
    """Loosen or tighten the grammar of a field line."""
    monkeypatch.setattr(head, "FIELD_LINE", re.compile(rf"({name}):({value}){end}"))
    monkeypatch.setattr(head, "FIELD_SECTION", re.compile(rf"(?:{name}:{value}{end})*{end}"))


@mutant("a duplicate field is dropped", "headers/dup other", "headers/dup set-cookie", "headers/dup other diff case")
def _(monkeypatch):
    def unique(pairs):
        seen = set()
        return [pair for pair in pairs if not (pair[0].lower() in seen or seen.add(pair[0].lower()))]

    _fields(monkeypatch, unique)


@mutant("fields are regrouped by name", "headers/dup other", "headers/dup set-cookie")
def _(monkeypatch):
    def grouped(pairs):
        names = [name.lower() for name, _ in pairs]
        return sorted(pairs, key=lambda pair: names.index(pair[0].lower()))

    _fields(monkeypatch, grouped)


@mutant("the case of a name is lost", "headers/name case kept", "chunked-framing/trailers")
def _(monkeypatch):
    _fields(monkeypatch, lambda pairs: [(name.title(), value) for name, value in pairs])


@mutant("white space stays at the end of a value", "headers/leading/trailing OWS", "headers/only OWS value")
def _(monkeypatch):
    _field_pattern(monkeypatch)
    parse = head.parse_fields
    kept = lambda section, limit: (parse(section, limit), head.FIELD_LINE.findall(section))[1]
    monkeypatch.setattr(head, "parse_fields", lambda section, limit: [(n, v.lstrip(" \t")) for n, v in kept(section, limit)])


@mutant("a folded line keeps its line end", "headers/obs-fold SP", "headers/obs-fold twice", "chunked-framing/trailer obs-fold")
def _(monkeypatch):
    _field_pattern(monkeypatch, value=r"(?:[^\r\n\0\v\f]|\r?\n[ \t])*")


@mutant("a folded line is joined without a space", "headers/obs-fold SP", "headers/obs-fold TAB")
def _(monkeypatch):
    unfold = re.compile(r"(?:[ \t]*\r?\n[ \t]+)+")
    parse = head.parse_fields
    monkeypatch.setattr(head, "parse_fields", lambda section, limit: parse(unfold.sub("", section), limit))


@mutant(
    "a space before the colon is taken",
    "headers/SP before colon",
    "headers/TAB before colon",
    "transfer-encoding/TE space before colon",
)
def _(monkeypatch):
    _field_pattern(monkeypatch, name=rf"{TOKEN}[ \t]*")


@mutant("a bare CR is taken in a value", "headers/bare CR inside value", "headers/CR CR LF line end")
def _(monkeypatch):
    _field_pattern(monkeypatch, value=r"[^\n\0\v\f]*")


@mutant("NUL is taken in a value", "headers/value with NUL")
def _(monkeypatch):
    _field_pattern(monkeypatch, value=r"[^\r\n\v\f]*")


@mutant("a name need not be a token", "headers/name with (", "headers/SP inside name", "headers/latin-1 name")
def _(monkeypatch):
    _field_pattern(monkeypatch, name=r"[^:\r\n\0]+")


@mutant("a lone LF ends no line", "headers/all bare LF", "headers/bare LF line end", "chunked-framing/trailer bare LF end")
def _(monkeypatch):
    _field_pattern(monkeypatch, end=r"\r\n")
    monkeypatch.setattr(body.Buffer, "put", _without_lone_line_feeds(body.Buffer.put))


def _without_lone_line_feeds(put):
    return lambda self, data: put(self, re.sub(rb"(?<!\r)\n", b"\v", data))


@mutant("a status of four digits is cut to three", "status-line/status 1000")
def _(monkeypatch):
    monkeypatch.setattr(head, "STATUS_LINE", re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})[^\r\n]*?(?: ([^\r\n]*))?\r?\n"))


@mutant("any minor version is one digit and more", "status-line/HTTP/1.10")
def _(monkeypatch):
    monkeypatch.setattr(head, "STATUS_LINE", re.compile(grammar.STATUS_LINE.pattern.replace("([0-9]) ", "([0-9])[0-9]* ")))


@mutant("the reason phrase is lost", "status-line/reason inner double SP", "status-line/reason latin-1")
def _(monkeypatch):
    parse = head.parse_head
    monkeypatch.setattr(exchange, "parse_head", lambda data, limit: parse(data, limit)._replace(reason="OK"))


@mutant("empty lines before the status line are skipped", "status-line/leading CRLF x1", "status-line/leading CRLF x2")
def _(monkeypatch):
    next_head = ResponseReader._next_head

    def skipping(self):
        buffer = self._buffer
        while buffer.data[buffer.at : buffer.at + 2] == b"\r\n":
            buffer.at += 2
        return next_head(self)

    monkeypatch.setattr(ResponseReader, "_next_head", skipping)


@mutant("a head cut off is taken as whole", "status-line/status line only FIN", "status-line/headers w/o blank line FIN")
def _(monkeypatch):
    receive = ResponseReader.receive

    def completing(self, data, *, clean=True):
        if not data and self.began and self.head() is None:
            receive(self, b"\r\n\r\n")
        receive(self, data, clean=clean)

    monkeypatch.setattr(ResponseReader, "receive", completing)


@mutant("the end of a head is missed where a cut goes through it", "status-line/normal", "headers/all bare LF", seen="reader")
def _(monkeypatch):
    find_end = head.find_end
    monkeypatch.setattr(exchange, "find_end", lambda data, start=0: find_end(data, start + 3 if start else 0))


@mutant("the limit of a head is one byte off", "limits/head of 65537 bytes")
def _(monkeypatch):
    monkeypatch.setattr(blocking, "ResponseReader", _with_limits(head_bytes=65537))


@mutant("the limit of a head is not looked at", "headers/header line 90000", "status-line/status line 70000 bytes")
def _(monkeypatch):
    monkeypatch.setattr(blocking, "ResponseReader", _with_limits(head_bytes=10**8))


@mutant("the limit of fields is one off", "limits/129 fields", "limits/129 trailers")
def _(monkeypatch):
    monkeypatch.setattr(blocking, "ResponseReader", _with_limits(fields=129))


@mutant("the limit of fields is that of http.client", "limits/128 fields", "headers/100 headers", "headers/101 headers")
def _(monkeypatch):
    monkeypatch.setattr(blocking, "ResponseReader", _with_limits(fields=99))


@mutant("the limit of interim responses is one off", "limits/100 x65 then 200")
def _(monkeypatch):
    monkeypatch.setattr(blocking, "ResponseReader", _with_limits(interim=65))


@mutant("the limit of a chunk-size line is one byte off", "limits/chunk-size line of 16385 bytes")
def _(monkeypatch):
    monkeypatch.setattr(blocking, "ResponseReader", _with_limits(chunk_line=16385))


def _with_limits(**changed):
    from dataclasses import replace

    def make(method, limits, **keywords):
        return ResponseReader(method, replace(limits, **changed), **keywords)

    return make


# --- interim responses ------------------------------------------------------------------------------------------------


def _interim(monkeypatch, skipped):
    """Skip only the statuses that ``skipped`` says."""

    def head_of(self):
        while self._head is None:
            found = self._next_head()
            if found is None:
                return None
            if not skipped(found.status_code):
                self._begin_body(found)
            else:
                self.informational.append(Informational(found.status_code, found.reason, found.headers))
        return self._head

    monkeypatch.setattr(ResponseReader, "head", head_of)


@mutant("103 is taken as the final response", "1xx/103 then 200", "1xx/102 then 200", "1xx/199 then 200")
def _(monkeypatch):
    _interim(monkeypatch, lambda status: status == 100)


@mutant("101 is skipped like any other", "1xx/101 Upgrade asked, then data")
def _(monkeypatch):
    _interim(monkeypatch, lambda status: status < 200)


@mutant("interim responses have no limit", "1xx/100 x200 then 200", "limits/100 x65 then 200")
def _(monkeypatch):
    _interim(monkeypatch, lambda status: status < 200 and status != 101)


@mutant("interim responses are forgotten", "1xx/103 then 200", "1xx/103 x3 then 200")
def _(monkeypatch):
    _interim(monkeypatch, lambda status: status < 200 and status != 101)
    monkeypatch.setattr(blocking.Exchange, "response", _forgetful(blocking.Exchange.response))


def _forgetful(response):
    def made(self, *arguments):
        self.reader.informational = []
        return response(self, *arguments)

    return made


# --- framing ----------------------------------------------------------------------------------------------------------


def _framing(monkeypatch, change):
    """Put ``change(method, head, framing)`` behind the decision how the body ends."""
    decide = framing.response_framing

    def changed(method, response, *, upgrade):
        return change(method, response, decide(method, response, upgrade=upgrade))

    monkeypatch.setattr(exchange, "response_framing", changed)


def _options(response):
    return response.headers.get("connection", "").lower()


@mutant("101 is taken though nobody asked", "1xx/101 no Upgrade asked, then data")
def _(monkeypatch):
    decide = framing.response_framing
    monkeypatch.setattr(exchange, "response_framing", lambda method, response, upgrade: decide(method, response, upgrade=True))


@mutant("'close' is found inside of other words", "persistence/1.1 CL Connection: disclosed (substring)")
def _(monkeypatch):
    def substring(_method, response, decided):
        return decided._replace(persistent=decided.persistent and "close" not in _options(response))

    _framing(monkeypatch, substring)


@mutant(
    "Connection: close is not looked at",
    "persistence/1.1 CL Connection: close (server keeps open)",
    "persistence/1.1 CL Connection: x, close",
)
def _(monkeypatch):
    def ignored(_method, response, decided):
        kept = decided.kind is not Kind.CLOSE and response.http_version == "HTTP/1.1"
        return decided._replace(persistent=kept)

    _framing(monkeypatch, ignored)


@mutant("only the first Connection field is looked at", "persistence/1.1 CL Connection: x / close two headers")
def _(monkeypatch):
    def first(_method, response, decided):
        values = response.headers.get_list("connection")
        again = len(values) > 1 and "close" not in values[0]
        return decided._replace(persistent=decided.persistent or again)

    _framing(monkeypatch, first)


@mutant("the request's own Connection: close is forgotten", "persistence/request Connection: close, server keeps")
def _(monkeypatch):
    def forgetful(method, limits, *, upgrade, close):  # noqa: ARG001 - the point
        return ResponseReader(method, limits, upgrade=upgrade)

    monkeypatch.setattr(blocking, "ResponseReader", forgetful)


@mutant(
    "a connection is used again after Transfer-Encoding with Content-Length",
    "transfer-encoding/chunked + CL 5",
    "transfer-encoding/CL 5 + chunked",
)
def _(monkeypatch):
    _framing(monkeypatch, lambda _m, _r, decided: decided._replace(persistent=decided.kind is Kind.CHUNKED or decided.persistent))


@mutant("and after both where there is no content", "no-body/HEAD TE chunked + CL 5")
def _(monkeypatch):
    _framing(monkeypatch, lambda _m, _r, decided: decided._replace(persistent=decided.kind is Kind.NONE or decided.persistent))


@mutant(
    "keep-alive of HTTP/1.0 is honoured",
    "persistence/1.0 CL Connection: keep-alive",
    "transfer-encoding/HTTP/1.0 + chunked keep-alive",
)
def _(monkeypatch):
    _framing(monkeypatch, lambda _m, response, decided: decided._replace(persistent=decided.persistent or "keep-alive" in _options(response)))


@mutant("HTTP/1.0 is taken for persistent", "persistence/1.0 CL", "status-line/HTTP/1.0")
def _(monkeypatch):
    _framing(monkeypatch, lambda _m, response, decided: decided._replace(persistent=decided.persistent or response.http_version == "HTTP/1.0"))


@mutant("a Content-Length of +5 is taken", "content-length/CL +5", "content-length/CL 5_0 (50 bytes)")
def _(monkeypatch):
    monkeypatch.setattr(framing, "CONTENT_LENGTH", re.compile(r"[+]?[0-9_]{1,19}"))


@mutant("a Content-Length of any digits is taken", "content-length/CL huge 20 digits, FIN")
def _(monkeypatch):
    monkeypatch.setattr(framing, "CONTENT_LENGTH", re.compile(r"[0-9]{1,1000}"))


@mutant("of two that differ the first Content-Length counts", "content-length/CL 5 / 6 different", "content-length/CL '5, 6'")
def _(monkeypatch):
    length = framing._content_length
    monkeypatch.setattr(framing, "_content_length", lambda values: length([values[0].partition(",")[0]] if values else []))


@mutant("a malformed Content-Length means until close", "content-length/CL abc", "content-length/CL -1", "no-body/HEAD CL bad")
def _(monkeypatch):
    length = framing._content_length

    def forgiving(values):
        try:
            return length(values)
        except ProtocolError:
            return None

    monkeypatch.setattr(framing, "_content_length", forgiving)


@mutant(
    "'chunked' is found inside of other words",
    "transfer-encoding/xchunked",
    "transfer-encoding/gzip, chunked",
    "transfer-encoding/'chunked;q=1'",
)
def _(monkeypatch):
    monkeypatch.setattr(framing, "_is_chunked", lambda values: any("chunked" in value.lower() for value in values))


@mutant("the case of 'chunked' matters", "transfer-encoding/Chunked (case)", "transfer-encoding/CHUNKED (case)")
def _(monkeypatch):
    monkeypatch.setattr(framing, "_is_chunked", lambda values: "chunked" in values)


@mutant("the content of a 204 is read", "no-body/204 + CL 5 + 5 bytes", "no-body/204 + CL 5, no bytes")
def _(monkeypatch):
    def with_content(_method, response, decided):
        values = response.headers.get_list("content-length")
        return decided._replace(kind=Kind.LENGTH, length=int(values[0])) if response.status_code == 204 and values else decided

    _framing(monkeypatch, with_content)


@mutant("the content of a response to HEAD is read", "no-body/HEAD CL 5", "no-body/HEAD CL 5 + 5 bytes")
def _(monkeypatch):
    decide = framing.response_framing
    monkeypatch.setattr(exchange, "response_framing", lambda _method, response, upgrade: decide("GET", response, upgrade=upgrade))


@mutant("a 205 has no content", "no-body/205 + CL 5 + 5 bytes", "no-body/205 + TE chunked + body")
def _(monkeypatch):
    _framing(monkeypatch, lambda _m, response, decided: decided._replace(kind=Kind.NONE) if response.status_code == 205 else decided)


# --- bodies -----------------------------------------------------------------------------------------------------------


def _chunk_line(monkeypatch, pattern):
    monkeypatch.setattr(body, "CHUNK_LINE", re.compile(pattern))


@mutant(
    "a chunk size is what int() takes",
    "chunked-framing/size 0x5",
    "chunked-framing/size +5",
    "chunked-framing/size 1_0",
    "chunked-framing/size leading SP",
)
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([ +\-0-9A-Za-z_]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


@mutant("a chunk size may be long", "chunked-framing/size overflow 17 F", "chunked-framing/size 25 zeros then 5")
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n")


@mutant("a lone LF ends a chunk-size line", "chunked-framing/size line bare LF", "chunked-framing/ext with LF only in ext")
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")


@mutant("a bare CR is taken in a chunk extension", "chunked-framing/ext with bare CR")
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r\n")


@mutant("no chunk extension is taken", "chunked-framing/ext", "chunked-framing/last chunk with ext")
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*\r\n")


@mutant("what ends the data of a chunk is not looked at", "chunked-framing/data end 'XY'", "chunked-framing/data longer than size")
def _(monkeypatch):
    def skipped(self):
        if len(self._buffer) < 2:
            return False
        self._buffer.at += 2
        self._state = "size"
        return True

    monkeypatch.setattr(ChunkedReader, "_data_end", skipped)


@mutant("half of a CRLF behind a chunk is malformed", "chunked-framing/trailers", "transfer-encoding/chunked", seen="reader")
def _(monkeypatch):
    whole = ChunkedReader._data_end

    def impatient(self):
        if len(self._buffer) == 1:
            raise ProtocolError("no CRLF")
        return whole(self)

    monkeypatch.setattr(ChunkedReader, "_data_end", impatient)


@mutant(
    "a chunked body that is cut off is taken as whole",
    "chunked-framing/no last chunk, FIN after chunk",
    "chunked-framing/missing final CRLF, FIN",
    "chunked-framing/FIN before any chunk",
)
def _(monkeypatch):
    monkeypatch.setattr(ChunkedReader, "take", _forgiving(ChunkedReader.take))


@mutant("a body short of its Content-Length is taken as whole", "content-length/CL 5, short 3 FIN", "content-length/CL 5, short 0 FIN")
def _(monkeypatch):
    monkeypatch.setattr(LengthReader, "take", _forgiving(LengthReader.take))


def _forgiving(take):
    def taken(self, n):
        try:
            return take(self, n)
        except IncompleteBody:
            self.done = True
            return b""

    return taken


@mutant("the bytes before a fault are lost", "chunked-framing/data end 'XY'", "chunked-framing/trailer bad line")
def _(monkeypatch):
    take = ChunkedReader.take

    def losing(self, n):
        data = take(self, n)
        if self._fault is not None:
            raise self._fault
        return data

    monkeypatch.setattr(ChunkedReader, "take", losing)


@mutant("trailers are dropped", "chunked-framing/trailers", "chunked-framing/trailer obs-fold", "limits/128 trailers")
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "trailers", property(lambda _: Headers()))


@mutant("trailers are not parsed", "chunked-framing/trailer bad line", "chunked-framing/150 trailers")
def _(monkeypatch):
    monkeypatch.setattr(body, "parse_fields", lambda _section, _limit: [])


@mutant("the last chunk ends the message, whatever follows", "chunked-framing/missing final CRLF, FIN", "chunked-framing/final only '0' FIN")
def _(monkeypatch):
    def at_once(self):
        self.done = True
        return False

    monkeypatch.setattr(ChunkedReader, "_trailer_section", at_once)
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?(?:\r\n)?")


@mutant("a body until close is never whole", "content-length/no CL until close", "no-body/205 + bytes then FIN")
def _(monkeypatch):
    take = UntilCloseReader.take

    def doubting(self, n):
        data = take(self, n)
        if self.done:
            raise IncompleteBody("who knows")
        return data

    monkeypatch.setattr(UntilCloseReader, "take", doubting)


# --- the exchange -----------------------------------------------------------------------------------------------------


@mutant(
    "bytes beyond the message are ignored",
    "content-length/CL 5, extra bytes same segment",
    "content-length/CL 5, extra response pipelined",
    "chunked-framing/extra bytes after last chunk",
    "no-body/204 + CL 5 + 5 bytes",
)
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "reusable", property(lambda self: self.done and self._persistent))


@mutant(
    "an idle connection is not looked at before it is used again",
    "content-length/CL 5, extra response late 50ms",
    "persistence/server FIN after full response",
    "no-body/304 + CL 5 + 5 bytes late",
)
def _(monkeypatch):
    monkeypatch.setattr(Stream, "quiet", lambda _: True)


@mutant("a reset is taken for the end of the body", "content-length/no CL until close, RST", "content-length/CL 5, short 3 RST")
def _(monkeypatch):
    receive = blocking.Exchange.receive

    def ending(self):
        try:
            receive(self)
        except Disconnected:
            self.reader.receive(b"")

    monkeypatch.setattr(blocking.Exchange, "receive", ending)


@mutant("an error of the socket leaves as it is", "content-length/CL 5, short 3 RST", "chunked-framing/RST mid data")
def _(monkeypatch):
    def bare(self):
        self.reader.receive(self.stream.recv(65536, self.options.timeouts.read))

    monkeypatch.setattr(blocking.Exchange, "receive", bare)


@mutant("delivery is never known", "status-line/status 099", "content-length/CL 5, short 3 FIN")
def _(monkeypatch):
    monkeypatch.setattr(blocking.Exchange, "delivery", property(lambda _: "maybe_sent"))


@mutant("what had no answer was never sent", "status-line/empty then FIN")
def _(monkeypatch):
    monkeypatch.setattr(blocking.Exchange, "delivery", property(lambda self: "sent" if self.reader.began else "not_sent"))


@mutant("a failure of the head is one of the wait", "status-line/status 099", "headers/SP before colon", "1xx/100 only then FIN")
def _(monkeypatch):
    fail = blocking.Exchange.fail

    def early(self, error):
        self.phase = "wait" if self.phase == "head" else self.phase
        fail(self, error)

    monkeypatch.setattr(blocking.Exchange, "fail", early)


@mutant("a transport asks again by itself", "status-line/empty then FIN")
def _(monkeypatch):
    for kind in (SocketTransport, GuardedTransport):
        monkeypatch.setattr(kind, "send", _again(kind.send))


def _again(send):
    def sent(self, request, options):
        try:
            return send(self, request, options)
        except Disconnected:
            return send(self, request, options)

    return sent


@mutant("a transport follows redirects by itself", "untouched/302 with Location")
def _(monkeypatch):
    for kind in (SocketTransport, GuardedTransport):
        monkeypatch.setattr(kind, "send", _followed(kind.send))


def _followed(send):
    def sent(self, request, options):
        response = send(self, request, options)
        if response.status_code != 302:
            return response
        response.raw.read()
        return send(self, request.replace(target=response.headers["location"]), options)

    return sent


# --- what is sent -----------------------------------------------------------------------------------------------------

_OURS = ("socket", "requests", "urllib3")  # httpx writes its own head, from what our adapter gives it


def _encoded(monkeypatch, change):
    """Put ``change`` before the encoding of a request's head."""
    encode = head.encode_head
    monkeypatch.setattr(exchange, "encode_head", lambda method, target, headers: encode(*change(method, target, headers)))


@mutant("names are sent in lower case", "order, case and duplicates", "a body of bytes", seen="wire", over=_OURS)
def _(monkeypatch):
    _encoded(monkeypatch, lambda m, t, headers: (m, t, Headers([(name.lower(), value) for name, value in headers.pairs])))


@mutant("a repeated field is sent once", "order, case and duplicates", seen="wire", over=_OURS)
def _(monkeypatch):
    _encoded(monkeypatch, lambda m, t, headers: (m, t, Headers(dict(headers.pairs))))


@mutant("the target is normalised as it is sent", "a target as it was given", seen="wire", over=_OURS)
def _(monkeypatch):
    _encoded(monkeypatch, lambda m, t, headers: (m, _encode_target(t), headers))


@mutant("an empty chunk goes out in the middle", "a body of unknown length", seen="wire", over=_OURS)
def _(monkeypatch):
    def encoded(request):
        for piece in _encode_request(request):
            yield piece
            if piece.endswith(b"ab\r\n"):
                yield b"0\r\n\r\n"

    _encode_request = exchange.encode_request
    monkeypatch.setattr(blocking, "encode_request", encoded)


def _library_writes(monkeypatch, name):
    """Let urllib3 write the request that it was given, as an adapter without our writer would."""
    import intermodal.guard.urllib3 as guarded

    def request(self, *arguments, **keywords):
        exchange = current_exchange.get()
        if self.sock is None:
            self.connect()
        exchange.stream = self._stream
        urllib3.connection.HTTPConnection.request(self, *arguments, **keywords)
        exchange._wrote = True
        exchange.phase = "wait"

    monkeypatch.setattr(guarded._Guarded, "request", request)


@mutant("urllib3 writes the request", "a target as it was given", "order, case and duplicates", seen="wire", over=("requests", "urllib3"))
def _(monkeypatch):
    _library_writes(monkeypatch, "request")


def _rendered(monkeypatch, change):
    """Put ``change`` behind what the adapter over httpx hands to it."""
    render = over_httpx.rendered
    monkeypatch.setattr(over_httpx, "rendered", lambda exchange: change(exchange.request, render(exchange)))


@mutant("httpx is not told the target", "a target as it was given", "the server itself", seen="wire", over=("httpx",))
def _(monkeypatch):
    def untold(request, made):
        made.url = made.url.copy_with(raw_path=request.target.encode()) if request.target.startswith("/") else made.url
        del made.extensions["target"]
        return made

    _rendered(monkeypatch, untold)


@mutant("%7e becomes ~ on the way to httpx", "a target as it was given", "a target that the URL makes", seen="wire", over=("httpx",))
def _(monkeypatch):
    def decoded(_request, made):
        made.extensions["target"] = requests.utils.unquote_unreserved(made.extensions["target"].decode()).encode()
        return made

    _rendered(monkeypatch, decoded)


@mutant("a repeated field is given to httpx once", "order, case and duplicates", seen="wire", over=("httpx",))
def _(monkeypatch):
    def once(request, made):
        made.headers = over_httpx.httpx.Headers(dict(request.headers.pairs))
        return made

    _rendered(monkeypatch, once)


@mutant("httpx makes a method upper case", "the case of a method", seen="wire", over=("httpx",))
def _(monkeypatch):
    def upper(_request, made):
        made.method = made.method.upper()
        return made

    _rendered(monkeypatch, upper)


@mutant("httpx adds what its client adds", "order, case and duplicates", "a body of bytes", seen="wire", over=("httpx",))
def _(monkeypatch):
    def added(_request, made):
        made.headers.setdefault("User-Agent", "python-httpx")
        return made

    _rendered(monkeypatch, added)


# --- adapters ---------------------------------------------------------------------------------------------------------


@mutant(
    "urllib3 is given back every connection",
    "persistence/1.1 CL Connection: close (server keeps open)",
    "content-length/CL 5, extra bytes same segment",
    over=("requests", "urllib3"),
)
def _(monkeypatch):
    give_back = over_urllib3.give_back
    for adapter in (over_urllib3, over_requests):
        monkeypatch.setattr(adapter, "give_back", lambda response, _reusable: give_back(response, True))


@mutant("urllib3 is given back no connection", "status-line/normal", "transfer-encoding/chunked", over=("requests", "urllib3"))
def _(monkeypatch):
    give_back = over_urllib3.give_back
    for adapter in (over_urllib3, over_requests):
        monkeypatch.setattr(adapter, "give_back", lambda response, _reusable: give_back(response, False))


@mutant("httpx is not read to the end of the message", "status-line/normal", "transfer-encoding/chunked", over=("httpx",))
def _(monkeypatch):
    monkeypatch.setattr(over_httpx._Pieces, "drain", lambda _: None)


@mutant("the stream of httpx is read twice", "status-line/normal", "transfer-encoding/chunked", over=("httpx",))
def _(monkeypatch):
    made = over_httpx._Pieces.__init__

    def kept(self, response):
        made(self, response)
        self.response = response

    def again(self):
        for _ in self._pieces:
            pass
        for _ in self.response.stream:
            pass

    monkeypatch.setattr(over_httpx._Pieces, "__init__", kept)
    monkeypatch.setattr(over_httpx._Pieces, "drain", again)


@mutant("httpx decodes the content", "untouched/gzip, by its length", "untouched/gzip, chunked", over=("httpx",))
def _(monkeypatch):
    made = over_httpx._Pieces.__init__

    def decoding(self, response):
        made(self, response)
        self._pieces = response.iter_bytes()

    monkeypatch.setattr(over_httpx._Pieces, "__init__", decoding)


@mutant("urllib3 decodes the content", "untouched/gzip, by its length", "untouched/gzip, chunked", over=("urllib3",))
def _(monkeypatch):
    carry = over_urllib3.Urllib3Transport._carry

    def decoded(self, exchange):
        carried = carry(self, exchange)
        response = carried.give_back.args[0]
        return Carried(carried.give_back, lambda n: response.read1(n, decode_content=True))

    monkeypatch.setattr(over_urllib3.Urllib3Transport, "_carry", decoded)


@mutant("requests calls a status of 400 and above an error", "untouched/401 with a challenge", "untouched/503 with Retry-After", over=("requests",))
def _(monkeypatch):
    send = over_requests._GuardedAdapter.send

    def strict(self, *arguments, **keywords):
        response = send(self, *arguments, **keywords)
        response.raise_for_status()
        return response

    monkeypatch.setattr(over_requests._GuardedAdapter, "send", strict)


@mutant("an error of ours is wrapped on its way through", "status-line/status 099", "headers/SP before colon", over=("requests", "urllib3", "httpx"))
def _(monkeypatch):
    def wrapping(self, exchange):
        try:
            return self.carry(exchange)
        except Error as error:
            raise OSError("something went wrong") from error

    for kind in (over_requests.RequestsTransport, over_urllib3.Urllib3Transport, over_httpx.HttpxTransport):
        monkeypatch.setattr(kind, "carry", kind._carry, raising=False)
        monkeypatch.setattr(kind, "_carry", wrapping)
