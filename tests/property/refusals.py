"""Requests that break a rule, together with the error that must name the culprit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from intermodal.errors import (
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    UnsupportedScheme,
    URLRequired,
)
from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.testing.strategies.ask import request_names
from intermodal.testing.strategies.texts import VISIBLE, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.errors import Error


@dataclass(frozen=True)
class Refusal:
    """A request that breaks a rule: which error names it, and what the message must show."""

    rule: str
    error: type[Error]
    culprit: str
    make: Callable[[str], tuple[Request, Options]]

    def __repr__(self) -> str:
        return f"<{self.rule}: {self.error.__name__} about {self.culprit}>"


def _refused(rule: str, error: type[Error], culprit: str, *arguments: Any, **keywords: Any) -> Refusal:
    """Refuse ``Request(*arguments)``, whose second argument is what stands behind the origin's URL."""

    def make(base: str) -> tuple[Request, Options]:
        method, path, *rest = arguments
        return Request(method, base + path, *rest, **keywords), Options()

    return Refusal(rule, error, culprit, make)


_controls = st.sampled_from([chr(code) for code in [*range(0x20), 0x7F] if chr(code) != "\t"])
_not_tchar = st.sampled_from([*'"(),/:;<=>?@[\\]{} ', "\0", "\t", "\n", "\r", "\x7f", "é", "€"])


def _spoilt(text: st.SearchStrategy[str], wrong: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Put something wrong in the middle of a text, where no stripping can take it away."""
    return st.tuples(text, wrong, text).map("".join)


_bad_methods = st.one_of(st.just(""), _spoilt(tokens, _not_tchar))
_bad_names = st.one_of(st.just(""), _spoilt(tokens, _not_tchar))
_bad_targets = st.one_of(
    st.tuples(st.just("/"), st.text(VISIBLE, max_size=4), st.sampled_from(" \t\r\n\0\x7fé€")).map("".join),
    st.sampled_from(["", "x", "?q", "ftp://h/", "/a#b", "http://h/#f", "http:///x"]),
)


def _bad_url(base_to_url: Callable[[str], Any], error: type[Error], culprit: str) -> Refusal:
    return Refusal("target", error, culprit, lambda base: (Request("GET", base_to_url(base)), Options()))


_bad_urls = st.one_of(
    _controls.map(lambda bad: _bad_url(lambda base: f"{base}/a{bad}b", InvalidURL, repr(bad))),
    st.sampled_from([
        _bad_url(lambda _: None, URLRequired, "None"),
        _bad_url(lambda _: "", URLRequired, "empty"),
        _bad_url(lambda _: 5, InvalidURL, "int"),
        _bad_url(lambda base: base.replace("http:", "ws:"), UnsupportedScheme, "'ws'"),
        _bad_url(lambda base: base.partition(":")[2], InvalidURL, "no scheme"),
        _bad_url(lambda base: f"{base}/\ud800", InvalidURL, "\\ud800"),
        _bad_url(lambda _: "http://127.0.0.1:0/", InvalidURL, "'0'"),
        _bad_url(lambda _: "http://127.0.0.1:65536/", InvalidURL, "'65536'"),
        _bad_url(lambda _: "http://127.1/", InvalidURL, "'127.1'"),
        _bad_url(lambda _: "http://a..b/", InvalidURL, "'a..b'"),
        _bad_url(lambda _: "http://127.0.0.1\\@h/", InvalidURL, "backslash"),
        _bad_url(lambda _: "http:///path", InvalidURL, "host"),
    ]),
)  # fmt: skip


@st.composite
def _bad_values(draw: st.DrawFn) -> Refusal:
    bad = draw(st.one_of(_controls, st.sampled_from(["\r\nX: y", "\r\n folded", "€", "\ud800"])))
    name = draw(request_names)
    value = draw(_spoilt(st.text("abc ", min_size=1).map(lambda text: f".{text}."), st.just(bad)))
    given = value.encode() if bad.isascii() and draw(st.booleans()) else value
    return _refused("field", InvalidHeader, repr(name), "GET", "/", [("X-Ok", "1"), (name, given)])


@st.composite
def _bad_lengths(draw: st.DrawFn) -> Refusal:
    have = draw(st.integers(0, 5))
    said = draw(st.integers(0, 7).filter(lambda said: said != have))
    body = b"x" * have
    culprit = f"Content-Length {said}"
    return _refused("framing", InvalidHeader, culprit, "POST", "/", {"Content-Length": str(said)}, body)


def _bad_timeout(part: str, value: object) -> Refusal:
    def make(base: str) -> tuple[Request, Options]:
        return Request("GET", base), Options(Timeouts(**{part: value}))  # type: ignore[arg-type]

    return Refusal("timeout", InvalidRequest, f"{part}={value!r}", make)


_bad_timeouts = st.builds(
    _bad_timeout,
    st.sampled_from(["connect", "read", "write", "pool", "total"]),
    st.one_of(
        st.sampled_from([0, -1, 0.0, math.nan, math.inf, -math.inf, 1e9, 1e20, True, False, "5", b"5", (1,), 1j]),
        st.floats(max_value=0),
        st.integers(min_value=10**9, max_value=10**30),
    ),
)
_fixed_refusals = st.sampled_from([
    _refused("method", InvalidRequest, "CONNECT", "CONNECT", "/"),
    _refused("method", InvalidRequest, "CONNECT", "connect", "/"),
    _refused("method", InvalidHeader, "b'GET'", b"GET", "/"),
    _refused("target", InvalidURL, "'*'", "GET", "/", target="*"),
    _refused("field", InvalidHeader, "5", "GET", "/", [(5, "v")]),
    _refused("field", InvalidHeader, "'X-A'", "GET", "/", [("X-A", 5)]),
    _refused("field", InvalidHeader, "'X-A'", "GET", "/", {"X-A": None}),
    _refused("field", InvalidHeader, "type int", "GET", "/", 5),
    _refused("Host", InvalidHeader, "Host", "GET", "/", [("Host", "a"), ("host", "a")]),
    _refused("framing", InvalidHeader, "'+5'", "POST", "/", {"Content-Length": "+5"}, b"12345"),
    _refused("framing", InvalidHeader, "'5, 5'", "POST", "/", {"Content-Length": "5, 5"}, b"12345"),
    _refused("framing", InvalidHeader, "'5, 5'", "POST", "/", [("Content-Length", "5"), ("content-length", "5")], b"12345"),
    _refused("framing", InvalidHeader, "Content-Length", "POST", "/", [("Content-Length", "")], iter([b"1"])),
    _refused("framing", InvalidHeader, "Transfer-Encoding", "POST", "/", {"Transfer-Encoding": "chunked"}, b"1"),
    _refused("framing", InvalidHeader, "Transfer-Encoding", "POST", "/", {"Transfer-Encoding": "chunked"}),
    _refused("framing", InvalidHeader, "Transfer-Encoding", "POST", "/", {"transfer-encoding": "gzip, chunked"}, iter([b"1"])),
    _refused("framing", InvalidHeader, "Transfer-Encoding", "POST", "/",
             {"Transfer-Encoding": "chunked", "Content-Length": "1"}, iter([b"1"])),
    _refused("framing", InvalidRequest, "TRACE", "TRACE", "/", (), b"1"),
    _refused("body", InvalidRequest, "dict", "POST", "/", (), {"a": 1}),
    _refused("body", InvalidRequest, "int", "POST", "/", (), 5),
    *[
        _refused("hop-by-hop field", InvalidHeader, name, "GET", "/", [(name, "x")])
        for name in ("Keep-Alive", "Proxy-Connection", "Trailer")
    ],
    _refused("hop-by-hop field", InvalidHeader, "Te", "GET", "/", [("TE", "trailers")]),
    _refused("hop-by-hop field", InvalidHeader, "'x-a'", "GET", "/", [("Connection", "close, X-A")]),
    _refused("hop-by-hop field", InvalidHeader, "Upgrade", "GET", "/", [("Upgrade", "websocket")]),
    _refused("hop-by-hop field", InvalidHeader, "'x'", "GET", "/", [("Expect", "x")]),
    _refused("hop-by-hop field", InvalidHeader, "there is none", "PUT", "/", [("Expect", "100-continue")]),
])  # fmt: skip

refusals = st.one_of(
    _bad_methods.map(lambda method: _refused("method", InvalidHeader, repr(method), method, "/")),
    _bad_targets.map(lambda target: _refused("target", InvalidURL, repr(target), "GET", "/", target=target)),
    _bad_urls,
    _bad_names.map(lambda name: _refused("field", InvalidHeader, repr(name), "GET", "/", [(name, "v")])),
    _bad_values(),
    _bad_lengths(),
    _bad_timeouts,
    _fixed_refusals,
)
