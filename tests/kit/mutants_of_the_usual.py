"""Mutants of the shortcut for the usual head, of headers that are taken apart late, and of what both are handed to."""

from __future__ import annotations

import re
from dataclasses import replace

from kit.mutant import Mutants

import intermodal.blocking.exchange as blocking
from intermodal.h1 import usual
from intermodal.model.headers import TOKEN, Headers

#: The shortcut is taken in two places: one of these goes by the first, the other by the second.
mutant = Mutants(over=("socket", "urllib3"))

_TOKEN = TOKEN.encode()
_AGREES = "agrees with the reader"


def _put(monkeypatch, read):
    """Put ``read(data, method, limits)`` in the place of the shortcut."""
    monkeypatch.setattr(usual, "usual_head", read)
    monkeypatch.setattr(blocking, "usual_head", read)


def _pattern(monkeypatch, *, version=rb"1", name=_TOKEN, colon=rb":", value=rb"[\t -~\x80-\xff]*", end=rb"\r\n"):
    """Loosen the pattern of a head."""
    line = rb"(?:" + name + colon + value + end + rb")+"
    start = rb"HTTP/1\." + version + rb" [2-9][0-9][0-9] [\t -~\x80-\xff]*" + end
    monkeypatch.setattr(usual, "_HEAD", re.compile(start + line + end).match)


def _blind(monkeypatch, hide):
    """Let it judge what ``hide(data)``, as long as the data, leaves to be seen; the fields are told as they stand."""
    read = usual.usual_head

    def blind(data, method, limits):
        found = read(hide(data), method, limits)
        if found is None:
            return None
        text = data[: found[4]].decode("latin-1")
        return (*found[:2], Headers.of_section(text, text.index("\n") + 1, text.lower()), *found[3:])

    _put(monkeypatch, blind)


def _hiding(name, *, spare=""):
    """Hide the fields of one name from the first on; ``spare`` the first or the last."""
    line = re.compile(rb"(?i)(?<=\n)" + name + rb"(?=:)")

    def hide(data):
        found = [match.span() for match in line.finditer(data)]
        hidden = found[1:] if spare == "first" else found[:-1] if spare == "last" else found
        seen = bytearray(data)
        for start, end in hidden:
            seen[start:end] = b"X" * (end - start)
        return bytes(seen)

    return hide


# --- what frames and what closes --------------------------------------------------------------------------------------


@mutant("the first Content-Length counts", "content-length/CL 5 / 6 different")
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Content-Length", spare="first"))


@mutant("the last Content-Length counts", "content-length/CL abc / 5", "content-length/CL 6 / 5 different")
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Content-Length", spare="last"))


@mutant("of two Content-Lengths one counts", _AGREES, seen="heads")
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Content-Length", spare="last"))


@mutant("Transfer-Encoding is not looked at", "transfer-encoding/chunked + CL 5", "transfer-encoding/gzip + CL 5")
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Transfer-Encoding"))


@mutant("nor is it where heads are drawn", _AGREES, seen="heads")
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Transfer-Encoding"))


@mutant(
    "the shortcut does not look at Connection",
    "persistence/1.1 CL Connection: close (server keeps open)",
    "persistence/1.1 CL Connection: Close (case)",
    "persistence/1.1 CL Connection: x, close",
)
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Connection"))


@mutant("nor does it where heads are drawn", _AGREES, seen="heads")
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Connection"))


@mutant("what begins with keep-alive keeps alive", "persistence/1.1 CL Connection: keep-alive, close")
def _(monkeypatch):
    cut = re.compile(rb"(?i)(?<=\nConnection: keep-alive)[^\r\n]*")
    _blind(monkeypatch, lambda data: _same_length(cut.sub(b"", data), data))


def _same_length(shorter, data):
    """Make up for what was cut out, in the first field that can take it."""
    return (
        shorter.replace(b"\r\n", b"\r\nX:" + b" " * (len(data) - len(shorter) - 4) + b"\r\n", 1)
        if shorter != data
        else data
    )


@mutant(
    "only the first Connection is looked at by the shortcut",
    "persistence/1.1 CL Connection: keep-alive / close two headers",
)
def _(monkeypatch):
    _blind(monkeypatch, _hiding(rb"Connection", spare="first"))


@mutant(
    "only the last Connection is looked at by the shortcut",
    "persistence/1.1 CL Connection: close / x two headers",
)
def _(monkeypatch):
    hide = _hiding(rb"Connection", spare="last")
    _blind(monkeypatch, lambda data: hide(data).replace(b"Connection: x\r\n", b"X-onnection: \r\n"))


@mutant(
    "a request's own Connection: close is forgotten",
    "persistence/request Connection: close, server keeps",
    over=("socket",),
)
def _(monkeypatch):
    read_whole = blocking.Exchange.read_whole

    def forgetful(self):
        closing, self.prepared.closing = self.prepared.closing, False
        try:
            return read_whole(self)
        finally:
            self.prepared.closing = closing

    monkeypatch.setattr(blocking.Exchange, "read_whole", forgetful)


@mutant("HTTP/1.0 is taken for 1.1", "status-line/HTTP/1.0", "persistence/1.0 CL")
def _(monkeypatch):
    _pattern(monkeypatch, version=rb"[01]")


@mutant("any minor version is taken where heads are drawn", _AGREES, seen="heads")
def _(monkeypatch):
    _pattern(monkeypatch, version=rb"[0-9]")


@mutant("an interim response is taken for the final one by its length", "1xx/103 with Content-Length:5 then 200")
def _(monkeypatch):
    loose = usual._HEAD.__self__.pattern.replace(b"[2-9]", b"[1-9]")
    monkeypatch.setattr(usual, "_HEAD", re.compile(loose).match)


@mutant("the length of a response to HEAD is waited for", "no-body/HEAD CL 5", "no-body/HEAD CL 5 + 5 bytes")
def _(monkeypatch):
    read = usual.usual_head
    _put(monkeypatch, lambda data, _method, limits: read(data, "GET", limits))


@mutant(
    "the length of a 204 or 304 is waited for",
    "no-body/204 + CL 5, no bytes",
    "no-body/204 + CL 5 + 5 bytes",
    "no-body/304 + CL 5, no bytes",
)
def _(monkeypatch):
    read = usual.usual_head

    def with_content(data, method, limits):
        found = read(re.sub(rb"\A(HTTP/1.1 )(?:204|304)", rb"\g<1>200", data), method, limits)
        return found and (int(data[9:12]), *found[1:])

    _put(monkeypatch, with_content)


@mutant("a sign before a Content-Length is taken", "content-length/CL +5")
def _(monkeypatch):
    _length(monkeypatch, r"[\t ]*([+-]?[0-9]{1,18})[\t ]*")


@mutant("an underscore in a Content-Length is taken", "content-length/CL 5_0 (50 bytes)")
def _(monkeypatch):
    _length(monkeypatch, r"[\t ]*([0-9_]{1,18})[\t ]*")


@mutant("what str.strip() strips is white space around a Content-Length", r"content-length/CL 5\x85")
def _(monkeypatch):
    _length(monkeypatch, r"\s*([0-9]{1,18})\s*")


@mutant("what follows a Content-Length is not looked at", "content-length/CL '5, 6'", "content-length/CL 5.0")
def _(monkeypatch):
    _length(monkeypatch, r"[\t ]*([0-9]{1,18})[^\r]*")


@mutant("a Content-Length of 20 digits and more is taken by the shortcut", "content-length/CL huge 20 digits, FIN")
def _(monkeypatch):
    _length(monkeypatch, r"[\t ]*([0-9]{1,30})[\t ]*")


@mutant("a field that ends in Content-Length is one", _AGREES, seen="heads")
def _(monkeypatch):
    hide = _hiding(rb"Content-Length")

    def taken_for_it(data):
        ends_so = b"\nX-Content-Length: 9\r" in data
        return hide(data).replace(b"\nX-Content-Length: 9\r", b"\nContent-Length: 9  \r") if ends_so else data

    _blind(monkeypatch, taken_for_it)


def _length(monkeypatch, value):
    monkeypatch.setattr(usual, "_LENGTH", re.compile(rf"\ncontent-length:{value}\r").match)


# --- what a field is --------------------------------------------------------------------------------------------------


@mutant("a lone LF ends a line for the shortcut", "headers/bare LF line end")
def _(monkeypatch):
    _pattern(monkeypatch, end=rb"\r?\n")


@mutant("a fold is skipped by the shortcut", "headers/obs-fold SP", "headers/obs-fold TAB", "headers/obs-fold twice")
def _(monkeypatch):
    _pattern(monkeypatch, value=rb"(?:[\t -~\x80-\xff]|\r\n[\t ])*")


@mutant("NUL is taken by the shortcut", "headers/value with NUL")
def _(monkeypatch):
    _pattern(monkeypatch, value=rb"[\0\t -~\x80-\xff]*")


@mutant("VT and FF are taken by the shortcut", "headers/value with VT inside", "headers/value with FF inside")
def _(monkeypatch):
    _pattern(monkeypatch, value=rb"[\v\f\t -~\x80-\xff]*")


@mutant("a bare CR is taken by the shortcut", "headers/bare CR inside value", "headers/bare CR + header-like")
def _(monkeypatch):
    _pattern(monkeypatch, value=rb"(?:[\t -~\x80-\xff]|\r(?!\n))*")


@mutant(
    "a space before the colon is taken by the shortcut",
    "headers/SP before colon",
    "headers/TAB before colon",
    "transfer-encoding/TE space before colon",
)
def _(monkeypatch):
    _pattern(monkeypatch, colon=rb"[\t ]*:")


@mutant(
    "a name need be no token for the shortcut", "headers/name with (", "headers/SP inside name", "headers/latin-1 name"
)
def _(monkeypatch):
    _pattern(monkeypatch, name=rb"[^:\r\n]+")


@mutant("any odd field is taken where heads are drawn", _AGREES, seen="heads")
def _(monkeypatch):
    _pattern(monkeypatch, value=rb"[^\n]*")


# --- limits -----------------------------------------------------------------------------------------------------------


def _limited(monkeypatch, change):
    read = usual.usual_head
    _put(monkeypatch, lambda data, method, limits: read(data, method, change(limits)))


@mutant("the shortcut does not look at Limits.fields", "limits/129 fields", "headers/300 headers")
def _(monkeypatch):
    _limited(monkeypatch, lambda limits: replace(limits, fields=10**6))


@mutant("the shortcut takes one field too many", "keeps to the limits", seen="heads")
def _(monkeypatch):
    _limited(monkeypatch, lambda limits: replace(limits, fields=limits.fields + 1))


@mutant("and one too many at the default", "limits/129 fields")
def _(monkeypatch):
    _limited(monkeypatch, lambda limits: replace(limits, fields=limits.fields + 1))


@mutant("the shortcut takes one byte too many", "keeps to the limits", seen="heads")
def _(monkeypatch):
    _limited(monkeypatch, lambda limits: replace(limits, head_bytes=limits.head_bytes + 1))


# --- what it hands over -----------------------------------------------------------------------------------------------


@mutant("excess bytes are given as the body", "content-length/CL 5, extra bytes same segment")
def _(monkeypatch):
    read = usual.usual_head

    def greedy(data, method, limits):
        found = read(data, method, limits)
        return found and (*found[:3], max(found[3], len(data) - found[4]), found[4])

    _put(monkeypatch, greedy)


@mutant("excess bytes are thrown away", "content-length/CL 5, extra bytes same segment")
def _(monkeypatch):
    _cut_excess(monkeypatch, lambda _stream, _excess: None)


@mutant("excess bytes are left for the next request", "content-length/CL 5, extra response pipelined")
def _(monkeypatch):
    left = {}
    receive_bytes = blocking.Exchange.receive_bytes

    def first_what_is_left(self, n):
        return left.pop(self.stream, b"") or receive_bytes(self, n)

    monkeypatch.setattr(blocking.Exchange, "receive_bytes", first_what_is_left)
    _cut_excess(monkeypatch, left.__setitem__)


def _cut_excess(monkeypatch, keep):
    receive_bytes = blocking.Exchange.receive_bytes

    def cut(self, n):
        data = receive_bytes(self, n)
        found = usual.usual_head(data, self.request.method, self.limits)
        end = len(data) if found is None else found[3] + found[4]
        if data[end:]:
            keep(self.stream, data[end:])
        return data[:end]

    monkeypatch.setattr(blocking.Exchange, "receive_bytes", cut)


@mutant(
    "a body that is not here yet is taken as it is",
    "content-length/CL 5, short 3 FIN",
    "content-length/CL 5, short 0 FIN",
)
def _(monkeypatch):
    read = usual.usual_head

    def hasty(data, method, limits):
        found = read(data, method, limits)
        return found and (*found[:3], min(found[3], len(data) - found[4]), found[4])

    _put(monkeypatch, hasty)


@mutant("the reason is lost by the shortcut", "status-line/reason inner double SP", "status-line/reason latin-1")
def _(monkeypatch):
    read = usual.usual_head

    def unreasonable(data, method, limits):
        found = read(data, method, limits)
        return found and (found[0], "OK", *found[2:])

    _put(monkeypatch, unreasonable)


def _section(monkeypatch, change):
    """Put ``change`` behind the taking apart of a section."""
    of_section = Headers.of_section.__func__

    def changed(cls, text, start, lowered):
        return Headers.trusted(change(of_section(cls, text, start, lowered).pairs))

    monkeypatch.setattr(Headers, "of_section", classmethod(changed))


@mutant("a section loses duplicates", "headers/dup other", "headers/dup set-cookie", "headers/dup other diff case")
def _(monkeypatch):
    _section(monkeypatch, lambda pairs: {name.lower(): (name, value) for name, value in pairs}.values())


@mutant("a section is in another order", "headers/dup other", "headers/dup set-cookie")
def _(monkeypatch):
    _section(monkeypatch, lambda pairs: sorted(pairs, key=lambda pair: pair[0].lower()))


@mutant("a section is in lower case", "headers/name case kept", "headers/dup other diff case")
def _(monkeypatch):
    _section(monkeypatch, lambda pairs: [(name.lower(), value) for name, value in pairs])


@mutant("a section keeps white space around values", "headers/normal", "headers/leading/trailing OWS")
def _(monkeypatch):
    lines = re.compile(rf"({TOKEN}):([^\r\n]*)\r\n").findall
    of_section = Headers.of_section.__func__

    def unstripped(cls, text, start, lowered):
        return Headers.trusted(lines(text, start)) if lowered else of_section(cls, text, start, lowered)

    monkeypatch.setattr(Headers, "of_section", classmethod(unstripped))


@mutant("a section begins one field late", "headers/normal", "status-line/normal")
def _(monkeypatch):
    of_section = Headers.of_section.__func__
    monkeypatch.setattr(
        Headers,
        "of_section",
        classmethod(lambda cls, text, start, lowered: of_section(cls, text, text.index("\n", start) + 1, lowered)),
    )


@mutant("a name is looked for as it was asked for", "has the same fields", seen="heads")
def _(monkeypatch):
    _contains(monkeypatch, lambda name, section: f"\n{name}:" in section[0])


@mutant("a name is looked for with a space behind its colon", "has the same fields", seen="heads")
def _(monkeypatch):
    _contains(monkeypatch, lambda name, section: f"\n{name.lower()}: " in section[2])


@mutant("a part of a name is a name", "has the same fields", seen="heads")
def _(monkeypatch):
    monkeypatch.setattr(
        Headers,
        "__contains__",
        lambda self, name: name.lower() in (self._section[2] if self._section else str(self.pairs).lower()),
    )


def _contains(monkeypatch, there):
    contains = Headers.__contains__

    def doubting(self, name):
        if self._index is None and self._section is not None and not there(name, self._section):
            return False
        return contains(self, name)

    monkeypatch.setattr(Headers, "__contains__", doubting)
