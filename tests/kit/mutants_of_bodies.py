"""Mutants of what decides how a body ends, and of what reads it."""

from __future__ import annotations

import re

from kit.mutant import OURS, Mutants

import intermodal.blocking.exchange as blocking
from intermodal.errors import IncompleteBody, ProtocolError
from intermodal.h1 import body, exchange, framing
from intermodal.h1.body import ChunkedReader, LengthReader, UntilCloseReader
from intermodal.h1.exchange import ResponseReader
from intermodal.h1.framing import Kind
from intermodal.model.headers import Headers

mutant = Mutants(shortcut=False)


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
    monkeypatch.setattr(
        exchange, "response_framing", lambda method, response, upgrade: decide(method, response, upgrade=True)
    )


@mutant("a connection is used again after a 101", "1xx/101 Upgrade asked, no data", over=OURS)
def _(monkeypatch):
    _framing(monkeypatch, lambda _m, _r, decided: decided._replace(persistent=decided.kind is not Kind.CLOSE))


@mutant("a field is known by its length alone", "headers/names as long as those of framing fields")
def _(monkeypatch):
    decide = framing.response_framing
    known = {len(name): name for name in ("Content-Length", "Transfer-Encoding", "Connection")}

    def guessing(method, response, *, upgrade):
        guessed = [(known.get(len(name), name), value) for name, value in response.headers.pairs]
        return decide(method, response._replace(headers=Headers(guessed)), upgrade=upgrade)

    monkeypatch.setattr(exchange, "response_framing", guessing)


@mutant("'close' is found inside of other words", "persistence/1.1 CL Connection: disclosed (substring)")
def _(monkeypatch):
    def substring(_method, response, decided):
        return decided._replace(persistent=decided.persistent and "close" not in _options(response))

    _framing(monkeypatch, substring)


@mutant(
    "Connection: close is not looked at",
    "persistence/1.1 CL Connection: close (server keeps open)",
    "persistence/1.1 CL Connection: x, close",
    over=OURS,
)
def _(monkeypatch):
    def ignored(_method, response, decided):
        kept = decided.kind is not Kind.CLOSE and response.http_version == "HTTP/1.1"
        return decided._replace(persistent=kept)

    _framing(monkeypatch, ignored)


@mutant(
    "only the first Connection field is looked at", "persistence/1.1 CL Connection: x / close two headers", over=OURS
)
def _(monkeypatch):
    def first(_method, response, decided):
        values = response.headers.get_list("connection")
        again = len(values) > 1 and "close" not in values[0]
        return decided._replace(persistent=decided.persistent or again)

    _framing(monkeypatch, first)


@mutant(
    "the request's own Connection: close is forgotten",
    "persistence/request Connection: close, server keeps",
    over=OURS,
)
def _(monkeypatch):
    def forgetful(method, limits, *, upgrade, close):
        return ResponseReader(method, limits, upgrade=upgrade)

    monkeypatch.setattr(blocking, "ResponseReader", forgetful)


@mutant(
    "a connection is used again after Transfer-Encoding with Content-Length",
    "transfer-encoding/chunked + CL 5",
    "transfer-encoding/CL 5 + chunked",
)
def _(monkeypatch):
    _framing(
        monkeypatch,
        lambda _m, _r, decided: decided._replace(persistent=decided.kind is Kind.CHUNKED or decided.persistent),
    )


@mutant("and after both where there is no content", "no-body/HEAD TE chunked + CL 5")
def _(monkeypatch):
    _framing(
        monkeypatch,
        lambda _m, _r, decided: decided._replace(persistent=decided.kind is Kind.NONE or decided.persistent),
    )


@mutant(
    "keep-alive of HTTP/1.0 is honoured",
    "persistence/1.0 CL Connection: keep-alive",
    "transfer-encoding/HTTP/1.0 + chunked keep-alive",
    over=OURS,
)
def _(monkeypatch):
    _framing(
        monkeypatch,
        lambda _m, response, decided: decided._replace(
            persistent=decided.persistent or "keep-alive" in _options(response)
        ),
    )


@mutant("HTTP/1.0 is taken for persistent", "persistence/1.0 CL", "status-line/HTTP/1.0", over=OURS)
def _(monkeypatch):
    _framing(
        monkeypatch,
        lambda _m, response, decided: decided._replace(
            persistent=decided.persistent or response.http_version == "HTTP/1.0"
        ),
    )


@mutant("a Content-Length of +5 is taken", "content-length/CL +5", "content-length/CL 5_0 (50 bytes)")
def _(monkeypatch):
    monkeypatch.setattr(framing, "CONTENT_LENGTH", re.compile(r"[+]?[0-9_]{1,19}"))


@mutant("a Content-Length of any digits is taken", "content-length/CL huge 20 digits, FIN")
def _(monkeypatch):
    monkeypatch.setattr(framing, "CONTENT_LENGTH", re.compile(r"[0-9]{1,1000}"))


@mutant(
    "of two that differ the first Content-Length counts",
    "content-length/CL 5 / 6 different",
    "content-length/CL '5, 6'",
)
def _(monkeypatch):
    length = framing._content_length
    monkeypatch.setattr(
        framing, "_content_length", lambda values: length([values[0].partition(",")[0]] if values else [])
    )


@mutant(
    "a malformed Content-Length means until close",
    "content-length/CL abc",
    "content-length/CL -1",
    "no-body/HEAD CL bad",
)
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
        return (
            decided._replace(kind=Kind.LENGTH, length=int(values[0]))
            if response.status_code == 204 and values
            else decided
        )

    _framing(monkeypatch, with_content)


@mutant("the content of a response to HEAD is read", "no-body/HEAD CL 5", "no-body/HEAD CL 5 + 5 bytes")
def _(monkeypatch):
    decide = framing.response_framing
    monkeypatch.setattr(
        exchange, "response_framing", lambda _method, response, upgrade: decide("GET", response, upgrade=upgrade)
    )


@mutant("a 205 has no content", "no-body/205 + CL 5 + 5 bytes", "no-body/205 + TE chunked + body")
def _(monkeypatch):
    _framing(
        monkeypatch,
        lambda _m, response, decided: decided._replace(kind=Kind.NONE) if response.status_code == 205 else decided,
    )


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


@mutant(
    "a lone LF ends a chunk-size line", "chunked-framing/size line bare LF", "chunked-framing/ext with LF only in ext"
)
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")


@mutant("a bare CR is taken in a chunk extension", "chunked-framing/ext with bare CR")
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r\n")


@mutant("no chunk extension is taken", "chunked-framing/ext", "chunked-framing/last chunk with ext")
def _(monkeypatch):
    _chunk_line(monkeypatch, rb"([0-9A-Fa-f]{1,16})[ \t]*\r\n")


@mutant("what ends the data of a chunk is not looked at", "chunked-framing/data end 'XY'")
def _(monkeypatch):
    def skipped(self):
        if len(self._buffer) < 2:
            return False
        self._buffer.at += 2
        self._state = "size"
        return True

    monkeypatch.setattr(ChunkedReader, "_data_end", skipped)


@mutant(
    "half of a CRLF behind a chunk is malformed", "chunked-framing/trailers", "transfer-encoding/chunked", seen="reader"
)
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


@mutant(
    "a body short of its Content-Length is taken as whole",
    "content-length/CL 5, short 3 FIN",
    "content-length/CL 5, short 0 FIN",
)
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


@mutant(
    "the last chunk ends the message, whatever follows",
    "chunked-framing/missing final CRLF, FIN",
    "chunked-framing/truncated after trailer line FIN",
    "chunked-framing/trailers",
)
def _(monkeypatch):
    def at_once(self):
        self.done = True
        return False

    monkeypatch.setattr(ChunkedReader, "_trailer_section", at_once)


@mutant("a body until close is never whole", "content-length/no CL until close", "no-body/205 + bytes then FIN")
def _(monkeypatch):
    take = UntilCloseReader.take

    def doubting(self, n):
        data = take(self, n)
        if self.done:
            raise IncompleteBody("who knows")
        return data

    monkeypatch.setattr(UntilCloseReader, "take", doubting)
