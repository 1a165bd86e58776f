"""Mutants of what carries an exchange, of what writes a request, and of the adapters."""

from __future__ import annotations

import requests
import urllib3
from kit.mutant import OURS, Mutants
from urllib3.util.url import _encode_target

import intermodal.backends.httpx as over_httpx
import intermodal.backends.requests as over_requests
import intermodal.backends.urllib3 as over_urllib3
import intermodal.blocking.exchange as blocking
import intermodal.guard.urllib3 as below_urllib3
from intermodal.backends.socket import SocketTransport
from intermodal.blocking.stream import Stream
from intermodal.errors import Disconnected, Error
from intermodal.guard.current import current_exchange
from intermodal.guard.transport import Carried, GuardedTransport
from intermodal.h1 import exchange, head
from intermodal.h1.exchange import ResponseReader
from intermodal.model.headers import Headers

mutant = Mutants()


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


@mutant(
    "a reset is taken for the end of the body",
    "content-length/no CL until close, RST",
    "content-length/CL 5, short 3 RST",
)
def _(monkeypatch):
    receive_bytes = blocking.Exchange.receive_bytes

    def ending(self, n):
        try:
            return receive_bytes(self, n)
        except Disconnected:
            return b""

    monkeypatch.setattr(blocking.Exchange, "receive_bytes", ending)


@mutant("an error of the socket leaves as it is", "content-length/CL 5, short 3 RST", "chunked-framing/RST mid data")
def _(monkeypatch):
    def bare(_self, error):
        raise error

    monkeypatch.setattr(blocking.Exchange, "not_received", bare)


@mutant("delivery is never known", "status-line/status 099", "content-length/CL 5, short 3 FIN")
def _(monkeypatch):
    monkeypatch.setattr(blocking.Exchange, "delivery", property(lambda _: "maybe_sent"))


@mutant("what had no answer was never sent", "status-line/empty then FIN")
def _(monkeypatch):
    monkeypatch.setattr(
        blocking.Exchange, "delivery", property(lambda self: "sent" if self.reader.began else "not_sent")
    )


@mutant(
    "a failure of the head is one of the wait",
    "status-line/status 099",
    "headers/SP before colon",
    "1xx/100 only then FIN",
)
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


def _encoded(monkeypatch, change):
    """Put ``change`` before the encoding of a request's head."""
    encode = head.encode_head
    monkeypatch.setattr(
        exchange, "encode_head", lambda method, target, headers: encode(*change(method, target, headers))
    )


@mutant("names are sent in lower case", "order, case and duplicates", "a body of bytes", seen="wire", over=OURS)
def _(monkeypatch):
    _encoded(
        monkeypatch, lambda m, t, headers: (m, t, Headers([(name.lower(), value) for name, value in headers.pairs]))
    )


@mutant("a repeated field is sent once", "order, case and duplicates", seen="wire", over=OURS)
def _(monkeypatch):
    _encoded(monkeypatch, lambda m, t, headers: (m, t, Headers(dict(headers.pairs))))


@mutant("the target is normalised as it is sent", "a target as it was given", seen="wire", over=OURS)
def _(monkeypatch):
    _encoded(monkeypatch, lambda m, t, headers: (m, _encode_target(t), headers))


@mutant("an empty chunk goes out in the middle", "a body of unknown length", seen="wire", over=OURS)
def _(monkeypatch):
    def encoded(body, pieces):
        for piece in exchange.encode_pieces(body, pieces):
            yield piece
            if piece.endswith(b"ab\r\n"):
                yield b"0\r\n\r\n"

    monkeypatch.setattr(blocking, "encode_pieces", encoded)


@mutant(
    "urllib3 writes the request",
    "a target as it was given",
    "order, case and duplicates",
    seen="wire",
    over=("requests", "urllib3"),
)
def _(monkeypatch):
    def request(self, *arguments, **keywords):
        exchange = current_exchange.get()
        if self.sock is None:
            self.connect()
        exchange.stream = self._stream
        urllib3.connection.HTTPConnection.request(self, *arguments, **keywords)
        exchange.wrote = True
        exchange.phase = "wait"

    monkeypatch.setattr(below_urllib3._Guarded, "request", request)


def _rendered(monkeypatch, change):
    """Put ``change`` behind what the adapter over httpx hands to it."""
    render = over_httpx.rendered
    monkeypatch.setattr(over_httpx, "rendered", lambda exchange: change(exchange.request, render(exchange)))


@mutant("httpx is not told the target", "a target as it was given", "the server itself", seen="wire", over=("httpx",))
def _(monkeypatch):
    def untold(request, made):
        made.url = over_httpx.httpx.URL(str(request.url))
        return made

    _rendered(monkeypatch, untold)


@mutant(
    "%7e becomes ~ on the way to httpx",
    "a target as it was given",
    "a target that the URL makes",
    seen="wire",
    over=("httpx",),
)
def _(monkeypatch):
    def decoded(_request, made):
        made.url.exact = requests.utils.unquote_unreserved(made.url.exact.decode()).encode()
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


@mutant(
    "httpx adds what its client adds", "order, case and duplicates", "a body of bytes", seen="wire", over=("httpx",)
)
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


@mutant(
    "urllib3 is given back no connection",
    "status-line/normal",
    "transfer-encoding/chunked",
    over=("requests", "urllib3"),
)
def _(monkeypatch):
    give_back = over_urllib3.give_back
    for adapter in (over_urllib3, over_requests):
        monkeypatch.setattr(adapter, "give_back", lambda response, _reusable: give_back(response, False))


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


@mutant(
    "requests calls a status of 400 and above an error",
    "untouched/401 with a challenge",
    "untouched/503 with Retry-After",
    over=("requests",),
)
def _(monkeypatch):
    send = over_requests._GuardedAdapter.send

    def strict(self, *arguments, **keywords):
        response = send(self, *arguments, **keywords)
        response.raise_for_status()
        return response

    monkeypatch.setattr(over_requests._GuardedAdapter, "send", strict)


@mutant(
    "an error of ours is replaced on its way through",
    "status-line/status 099",
    "headers/SP before colon",
    over=("requests", "urllib3", "httpx"),
)
def _(monkeypatch):
    def wrapping(self, exchange):
        try:
            return self.carry(exchange)
        except Error as error:
            why = str(error)
        raise OSError(why)

    for kind in (over_requests.RequestsTransport, over_urllib3.Urllib3Transport, over_httpx.HttpxTransport):
        monkeypatch.setattr(kind, "carry", kind._carry, raising=False)
        monkeypatch.setattr(kind, "_carry", wrapping)
