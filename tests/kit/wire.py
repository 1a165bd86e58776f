"""Requests whose every byte is known beforehand, to hold against what a transport puts on the wire."""

from __future__ import annotations

from corpus_player import PATIENCE
from outcome import outcome

from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request

_HEAD = b"Host: h\r\n"

#: Case by case: how the request is made for a URL, and what the origin has to receive.
CASES = {
    "a target as it was given": (
        lambda url: Request("GET", url, {"Host": "h"}, target="/%7e/%7E//a/../b?x|y[z]&{}"),
        b"GET /%7e/%7E//a/../b?x|y[z]&{} HTTP/1.1\r\n" + _HEAD + b"\r\n",
    ),
    "a target that the URL makes": (
        lambda url: Request("GET", f"{url}/a b/%7e?", {"Host": "h"}),
        b"GET /a%20b/%7e? HTTP/1.1\r\n" + _HEAD + b"\r\n",
    ),
    "an absolute target": (
        lambda url: Request("GET", url, {"Host": "h"}, target="http://other.example/a/../b"),
        b"GET http://other.example/a/../b HTTP/1.1\r\n" + _HEAD + b"\r\n",
    ),
    "the server itself": (
        lambda url: Request("OPTIONS", url, {"Host": "h"}, target="*"),
        b"OPTIONS * HTTP/1.1\r\n" + _HEAD + b"\r\n",
    ),
    "order, case and duplicates": (
        lambda url: Request("GET", url, [("X-A", "1"), ("x-LOWER", "2"), ("x-a", "3"), ("Host", "h"), ("X-A", "1")]),
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-LOWER: 2\r\nx-a: 3\r\nX-A: 1\r\n\r\n",
    ),
    "values empty and beyond ASCII": (
        lambda url: Request("GET", url, [("Host", "h"), ("X-A", ""), ("X-B", b"caf\xe9 \xff")]),
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: \r\nX-B: caf\xe9 \xff\r\n\r\n",
    ),
    "the case of a method": (
        lambda url: Request("pRopFind", url, {"Host": "h"}),
        b"pRopFind / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    ),
    "a body of bytes": (
        lambda url: Request("POST", url, {"Host": "h", "X-A": "1"}, b"hello"),
        b"POST / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    ),
    "a large body": (
        lambda url: Request("PUT", url, {"Host": "h"}, b"x" * 200_000),
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000,
    ),
    "a body of unknown length": (
        lambda url: Request("POST", url, {"Host": "h"}, iter([b"ab", b"", b"cdefghijklm"])),
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nb\r\ncdefghijklm\r\n0\r\n\r\n",
    ),
    "a body of declared length": (
        lambda url: Request("POST", url, {"Host": "h", "Content-Length": "5"}, iter([b"ab", b"cde"])),
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde",
    ),
    "close": (
        lambda url: Request("GET", url, {"Host": "h", "Connection": "close"}),
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ),
}


def sent(case, transport, origin):
    """The bytes of every request that the origin receives while one case is sent, and the bytes that it should receive."""
    make, expected = CASES[case]
    before = len(origin.requests)
    came = outcome(transport, make(origin.url), Options(Timeouts.of(PATIENCE)))
    received = [request.raw for request in origin.requests[before:]]
    return received if came.error is None else [*received, came.error], [expected]
