"""Mutants of what reads a response head, interim responses and limits."""

from __future__ import annotations

import re
from dataclasses import replace

from kit.mutant import Mutants

import intermodal.blocking.exchange as blocking
from intermodal.h1 import body, exchange, grammar, head
from intermodal.h1.exchange import ResponseReader
from intermodal.model.headers import TOKEN
from intermodal.model.response import Informational

mutant = Mutants(shortcut=False)


def _fields(monkeypatch, change):
    """Put ``change`` behind the parsing of every field section."""
    parse = head.parse_fields

    def changed(section, limit):
        return change(parse(section, limit))

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


@mutant("the case of a name is lost", "headers/name case kept", "headers/dup other diff case")
def _(monkeypatch):
    _fields(monkeypatch, lambda pairs: [(name.title(), value) for name, value in pairs])


@mutant(
    "white space stays at the end of a value",
    "headers/leading/trailing OWS",
    "transfer-encoding/'chunked ' trailing ws",
)
def _(monkeypatch):
    def kept(section, _limit):
        return [(name, value.lstrip(" \t")) for name, value in head.FIELD_LINE.findall(section)]

    monkeypatch.setattr(head, "parse_fields", kept)


@mutant(
    "a folded line keeps its line end",
    "headers/obs-fold SP",
    "headers/obs-fold twice",
    "chunked-framing/trailer obs-fold",
)
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
    _field_pattern(monkeypatch, value=r"(?:[^\r\n\0\v\f]|\r(?!\n))*")


@mutant("NUL is taken in a value", "headers/value with NUL")
def _(monkeypatch):
    _field_pattern(monkeypatch, value=r"[^\r\n\v\f]*")


@mutant("a name need not be a token", "headers/name with (", "headers/SP inside name", "headers/latin-1 name")
def _(monkeypatch):
    _field_pattern(monkeypatch, name=r"[^:\r\n\0]+")


@mutant(
    "a lone LF ends no line", "headers/all bare LF", "headers/bare LF line end", "chunked-framing/trailer bare LF end"
)
def _(monkeypatch):
    _field_pattern(monkeypatch, end=r"\r\n")
    monkeypatch.setattr(body.Buffer, "put", _without_lone_line_feeds(body.Buffer.put))


def _without_lone_line_feeds(put):
    return lambda self, data: put(self, re.sub(rb"(?<!\r)\n", b"\v", data))


@mutant("a status of four digits is cut to three", "status-line/status 2000")
def _(monkeypatch):
    monkeypatch.setattr(head, "STATUS_LINE", re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})[0-9]*(?: ([^\r\n]*))?\r?\n"))


@mutant("any minor version is one digit and more", "status-line/HTTP/1.10")
def _(monkeypatch):
    monkeypatch.setattr(
        head, "STATUS_LINE", re.compile(grammar.STATUS_LINE.pattern.replace("([0-9]) ", "([0-9])[0-9]* "))
    )


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


@mutant(
    "a head cut off is taken as whole", "status-line/status line only FIN", "status-line/headers w/o blank line FIN"
)
def _(monkeypatch):
    receive = ResponseReader.receive

    def completing(self, data, *, clean=True):
        if not data and self.began and self.head() is None:
            receive(self, b"\r\n\r\n")
        receive(self, data, clean=clean)

    monkeypatch.setattr(ResponseReader, "receive", completing)


@mutant(
    "the end of a head is missed where a cut goes through it",
    "status-line/normal",
    "headers/all bare LF",
    seen="reader",
)
def _(monkeypatch):
    find_end = head.find_end
    monkeypatch.setattr(exchange, "find_end", lambda data, start=0: find_end(data, start + 3 if start else 0))


@mutant("an LF LF behind the head ends it", "headers/body begins with LF LF")
def _(monkeypatch):
    find_end = head.find_end

    def last_lf_lf(data, start=0):
        found = data.find(b"\n\n", start)
        return found + 2 if found >= 0 else find_end(data, start)

    monkeypatch.setattr(exchange, "find_end", last_lf_lf)


@mutant("an empty line of CRLF goes before one of LF", "headers/all bare LF, body begins with CRLF")
def _(monkeypatch):
    find_end = head.find_end

    def crlf_first(data, start=0):
        found = data.find(b"\n\r\n", start)
        return found + 3 if found >= 0 else find_end(data, start)

    monkeypatch.setattr(exchange, "find_end", crlf_first)


@mutant("what cannot become an answer is waited for", "status-line/banner of another protocol, kept open")
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "_check_start", lambda _self, _start: None)


@mutant("the limit of a head is one byte off", "limits/head of 65537 bytes", "limits/trailers of 65537 bytes")
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
