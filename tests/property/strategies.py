"""Strategies for requests, answers, segmentations and faults; whatever they draw carries its meaning with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from intermodal.errors import (
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    UnsupportedFeature,
    UnsupportedScheme,
    URLRequired,
)
from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from property.language import Answer, Ask, Exchange, Field, Head

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.errors import Error

# --- characters -------------------------------------------------------------------------------------------------------

#: tchar (RFC 9110 section 5.6.2)
_TCHAR = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_OBS_TEXT = "".join(map(chr, range(0x80, 0x100)))
#: What an answer may hold beside them: rule A3 names NUL, CR, LF, VT and FF as the only ones it may not.
_ODD_CONTROLS = "".join(map(chr, [*range(1, 9), *range(0x0E, 0x20), 0x7F]))

tokens = st.text(_TCHAR, min_size=1, max_size=8)
_ows = st.sampled_from(["", " ", " ", " ", "\t", "  ", " \t "])


def _stripped(alphabet: str, max_size: int = 12) -> st.SearchStrategy[str]:
    """Draw text without SP and HTAB at its ends, which would not be part of a value."""
    return st.text(alphabet, max_size=max_size).map(lambda text: text.strip(" \t"))


# --- requests ---------------------------------------------------------------------------------------------------------

methods = st.one_of(
    st.sampled_from(["GET", "GET", "HEAD", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    st.sampled_from(["get", "head", "M-SEARCH", "PROPFIND", "QUERY", "X!#$%&'*+-.^_`|~9"]),
    tokens.filter(lambda token: token.upper() != "CONNECT"),
)

#: Pieces of a path as written and as sent (RFC 3986 section 2, wire rule Q2). None ends in a ``%`` that the next could
#: complete to a triplet, and none is a dot segment together with others: ``_dots`` are.
_path_pieces = st.one_of(
    st.text("abcXYZ019-_~!$&'()*+,;=:@", min_size=1, max_size=4).map(lambda text: (text, text)),
    st.sampled_from([
        ("/", "/"), ("/", "/"), ("//", "//"), ("%7e", "%7e"), ("%7E", "%7E"), ("%2f", "%2f"), ("%2E%2e", "%2E%2e"),
        ("%41", "%41"), ("%25", "%25"), ("%00", "%00"), ("%z", "%25z"), ("%4g", "%254g"), ("%/", "%25/"), ("%%41", "%25%41"),
        (" ", "%20"), ('"', "%22"), ("<", "%3C"), (">", "%3E"), ("[", "%5B"), ("]", "%5D"), ("\\", "%5C"), ("^", "%5E"),
        ("`", "%60"), ("{", "%7B"), ("|", "%7C"), ("}", "%7D"), ("é", "%C3%A9"), ("\xa0", "%C2%A0"), ("\u20ac", "%E2%82%AC"),
        ("\U0001f600", "%F0%9F%98%80"), ("a.b", "a.b"), (";", ";"),
    ]),
)  # fmt: skip
_dots = st.sampled_from([("/.", "/."), ("/..", "/.."), ("/../", "/../"), ("/./", "/./"), ("/.../", "/.../")])


@st.composite
def paths(draw: st.DrawFn) -> tuple[str, str]:
    """Draw what follows the authority of a URL, and the origin-form target that it means."""
    pieces = draw(st.lists(st.one_of(_path_pieces, _path_pieces, _path_pieces, _dots), max_size=6))
    written, sent = ("".join(column) for column in zip(("", ""), *pieces, strict=True))
    if pieces and not written.startswith("/"):
        written, sent = f"/{written}", f"/{sent}"
    sent = _without_dot_segments(sent) or "/"
    if draw(st.booleans()):
        query = draw(st.lists(st.one_of(_path_pieces, st.just(("?", "?"))), max_size=4))
        written += "?" + "".join(piece for piece, _ in query)
        sent += "?" + "".join(piece for _, piece in query)
    if draw(st.integers(0, 7)) == 0:
        written += "#fragment?|"
    return written, sent


def _without_dot_segments(path: str) -> str:
    """Carry out RFC 3986 section 5.2.4, to the letter, for a path that begins with a slash."""
    left, out = path, ""
    while left:
        if left.startswith("/./"):
            left = left[2:]
        elif left == "/.":
            left = "/"
        elif left.startswith("/../"):
            left, out = left[3:], out.rpartition("/")[0]
        elif left == "/..":
            left, out = "/", out.rpartition("/")[0]
        else:
            end = left.find("/", 1)
            end = len(left) if end < 0 else end
            left, out = left[end:], out + left[:end]
    return out


_exact_targets = st.one_of(
    st.text(_VISIBLE.replace("#", ""), max_size=12).map(lambda text: f"/{text}"),
    st.text(_VISIBLE.replace("#", ""), max_size=12).map(lambda text: f"http://other.example:8080/{text}"),
    st.just("http://other.example"),
)

#: The fields with rules of their own (Q4, Q5, Q8); ``Expect`` is refused by these transports, rightly (Q8).
_RULED = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer",
    "upgrade", "expect",
}  # fmt: skip
_request_names = st.one_of(
    st.sampled_from(["X-A", "x-a", "X-a", "Accept", "User-Agent", "Accept-Encoding", "Cookie", "cookie", "Authorization"]),
    tokens.filter(lambda token: token.lower() not in _RULED),
)  # fmt: skip


@st.composite
def _request_fields(draw: st.DrawFn) -> tuple[tuple[str | bytes, str | bytes], tuple[str, str]]:
    """Draw a field as given, in str or bytes, and as it must be sent."""
    name = draw(_request_names)
    if draw(st.integers(0, 9)) == 0:
        return (name.encode(), "€".encode()), (name, "€".encode().decode("latin-1"))
    value = draw(_stripped(_VISIBLE + " \t" + _OBS_TEXT))
    given = draw(st.sampled_from(["", " ", "\t "])) + value + draw(st.sampled_from(["", " ", "\t"]))
    if draw(st.booleans()):
        return (name, given), (name, value)
    return (name.encode(), given.encode("latin-1")), (name, value)


_large = st.sampled_from([65535, 65536, 65537, 70_001, 200_000]).map(lambda size: bytes(range(256)) * (size // 256 + 1))
_body_pieces = st.one_of(
    st.lists(st.binary(max_size=20), max_size=4),
    st.lists(st.binary(max_size=20), max_size=4),
    st.sampled_from([[b"", b"ab", b"", b"c", b""], [b""], [b"\r\n0\r\n\r\n"]]),
    st.integers(0, 3).flatmap(lambda n: _large.map(lambda data: [data]) if n == 0 else st.just([b"x" * 300])),
)


@st.composite
def asks(draw: st.DrawFn, *, upgrade: bool = False, shapes: tuple[str, ...] | None = None) -> Ask:
    """Draw a request: any method, target, headers and body that a caller may give.

    Args:
        upgrade: whether it may ask for an upgrade.
        shapes: the ways its body may be handed over; then it has one, of at least a byte.
    """
    method = draw(methods)
    written, sent = draw(paths())
    target = None
    choice = draw(st.integers(0, 9))
    if choice == 0:
        target = sent = draw(_exact_targets)
    elif choice == 1 and method == "OPTIONS":
        target = sent = "*"
    fields = draw(st.lists(_request_fields(), max_size=4))
    connection = draw(st.integers(0, 11))
    if connection < 2:
        pair = ("connection", "keep-alive") if connection else ("Connection", draw(st.sampled_from(["close", "Close"])))
        fields.insert(len(fields) // 2, (pair, pair))
    elif connection == 2 and upgrade:
        fields += [(pair, pair) for pair in (("Upgrade", "websocket"), ("Connection", "upgrade"))]
    host = draw(st.sampled_from(["own.example", "OWN:81", ""])) if draw(st.integers(0, 7)) == 0 else None
    if shapes is not None:
        pieces, shape = [*draw(_body_pieces), b"."], draw(st.sampled_from(shapes))
        method = "POST" if method == "TRACE" else method  # RFC 9110 section 9.3.8
    elif method == "TRACE" or draw(st.integers(0, 2)) == 0:
        pieces, shape = [], "none"
    else:
        pieces = draw(_body_pieces)
        shape = draw(st.sampled_from(["bytes", "bytearray", "text", "file", "list", "generator"]))
    if shape == "text" and not all(piece.isascii() for piece in pieces):
        shape = "bytes"
    return Ask(
        method=method,
        path=written,
        sent_target=sent,
        target=target,
        headers=tuple(given for given, _ in fields),
        sent_headers=tuple(meant for _, meant in fields),
        host=host,
        shape=shape,  # type: ignore[arg-type]
        pieces=tuple(pieces),
        declared=shape != "none" and draw(st.integers(0, 3)) == 0,
    )


# --- requests that must be refused ------------------------------------------------------------------------------------


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


_controls = st.sampled_from(sorted(set(map(chr, range(0x20))) - {"\t"}) + ["\x7f"])
_not_tchar = st.sampled_from([*'"(),/:;<=>?@[\\]{} ', "\0", "\t", "\n", "\r", "\x7f", "é", "€"])


def _spoilt(text: st.SearchStrategy[str], wrong: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Put something wrong in the middle of a text, where no stripping can take it away."""
    return st.tuples(text, wrong, text).map("".join)


_bad_methods = st.one_of(st.just(""), _spoilt(tokens, _not_tchar))
_bad_names = st.one_of(st.just(""), _spoilt(tokens, _not_tchar))
_bad_targets = st.one_of(
    st.tuples(st.just("/"), st.text(_VISIBLE, max_size=4), st.sampled_from(" \t\r\n\0\x7fé€")).map("".join),
    st.sampled_from(["", "x", "?q", "ftp://h/", "/a#b", "http://h/#f", "http:///x"]),
)


def _bad_url(base_to_url: Callable[[str], Any], error: type[Error], culprit: str) -> Refusal:
    return Refusal("Q2", error, culprit, lambda base: (Request("GET", base_to_url(base)), Options()))


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
    name = draw(_request_names)
    value = draw(_spoilt(st.text("abc ", min_size=1).map(lambda text: f".{text}."), st.just(bad)))
    given = value.encode() if bad.isascii() and draw(st.booleans()) else value
    return _refused("Q3", InvalidHeader, repr(name), "GET", "/", [("X-Ok", "1"), (name, given)])


@st.composite
def _bad_lengths(draw: st.DrawFn) -> Refusal:
    have = draw(st.integers(0, 5))
    said = draw(st.integers(0, 7).filter(lambda said: said != have))
    body = b"x" * have
    culprit = f"Content-Length {said}"
    return _refused("Q5", InvalidHeader, culprit, "POST", "/", {"Content-Length": str(said)}, body)


def _bad_timeout(part: str, value: object) -> Refusal:
    def make(base: str) -> tuple[Request, Options]:
        return Request("GET", base), Options(Timeouts(**{part: value}))  # type: ignore[arg-type]

    return Refusal("Q9", InvalidRequest, f"{part}={value!r}", make)


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
    _refused("Q1", InvalidRequest, "CONNECT", "CONNECT", "/"),
    _refused("Q1", InvalidRequest, "CONNECT", "connect", "/"),
    _refused("Q1", InvalidHeader, "b'GET'", b"GET", "/"),
    _refused("Q2", InvalidURL, "'*'", "GET", "/", target="*"),
    _refused("Q3", InvalidHeader, "5", "GET", "/", [(5, "v")]),
    _refused("Q3", InvalidHeader, "'X-A'", "GET", "/", [("X-A", 5)]),
    _refused("Q3", InvalidHeader, "'X-A'", "GET", "/", {"X-A": None}),
    _refused("Q3", InvalidHeader, "5", "GET", "/", 5),
    _refused("Q4", InvalidHeader, "Host", "GET", "/", [("Host", "a"), ("host", "a")]),
    _refused("Q5", InvalidHeader, "'+5'", "POST", "/", {"Content-Length": "+5"}, b"12345"),
    _refused("Q5", InvalidHeader, "'5, 5'", "POST", "/", {"Content-Length": "5, 5"}, b"12345"),
    _refused("Q5", InvalidHeader, "'5, 5'", "POST", "/", [("Content-Length", "5"), ("content-length", "5")], b"12345"),
    _refused("Q5", InvalidHeader, "Content-Length", "POST", "/", [("Content-Length", "")], iter([b"1"])),
    _refused("Q5", InvalidHeader, "Transfer-Encoding", "POST", "/", {"Transfer-Encoding": "chunked"}, b"1"),
    _refused("Q5", InvalidHeader, "Transfer-Encoding", "POST", "/", {"Transfer-Encoding": "chunked"}),
    _refused("Q5", InvalidHeader, "Transfer-Encoding", "POST", "/", {"transfer-encoding": "gzip, chunked"}, iter([b"1"])),
    _refused("Q5", InvalidHeader, "Transfer-Encoding", "POST", "/",
             {"Transfer-Encoding": "chunked", "Content-Length": "1"}, iter([b"1"])),
    _refused("Q5", InvalidRequest, "TRACE", "TRACE", "/", (), b"1"),
    _refused("Q6", InvalidRequest, "dict", "POST", "/", (), {"a": 1}),
    _refused("Q6", InvalidRequest, "int", "POST", "/", (), 5),
    *[
        _refused("Q8", InvalidHeader, name, "GET", "/", [(name, "x")])
        for name in ("Keep-Alive", "Proxy-Connection", "Trailer")
    ],
    _refused("Q8", InvalidHeader, "Te", "GET", "/", [("TE", "trailers")]),
    _refused("Q8", InvalidHeader, "'x-a'", "GET", "/", [("Connection", "close, X-A")]),
    _refused("Q8", InvalidHeader, "Upgrade", "GET", "/", [("Upgrade", "websocket")]),
    _refused("Q8", InvalidHeader, "'x'", "GET", "/", [("Expect", "x")]),
    # Well formed, but none of the four transports declares it: refused by the transport (T4), never stripped.
    _refused("Q8", UnsupportedFeature, "EXPECT_CONTINUE", "PUT", "/", [("Expect", "100-continue")], b"1"),
])  # fmt: skip

refusals = st.one_of(
    _bad_methods.map(lambda method: _refused("Q1", InvalidHeader, repr(method), method, "/")),
    _bad_targets.map(lambda target: _refused("Q2", InvalidURL, repr(target), "GET", "/", target=target)),
    _bad_urls,
    _bad_names.map(lambda name: _refused("Q3", InvalidHeader, repr(name), "GET", "/", [(name, "v")])),
    _bad_values(),
    _bad_lengths(),
    _bad_timeouts,
    _fixed_refusals,
)

# --- heads of answers -------------------------------------------------------------------------------------------------

#: Fields by which an answer is framed or its connection is kept: drawn apart, with their meaning.
_MEANINGFUL = {"content-length", "transfer-encoding", "connection"}
_answer_names = st.one_of(
    st.sampled_from(["X-A", "x-a", "Set-Cookie", "set-cookie", "Content-Type", "Content-Encoding", "Keep-Alive", "Date"]),
    tokens.filter(lambda token: token.lower() not in _MEANINGFUL),
)  # fmt: skip
_answer_text = _VISIBLE + " \t" + _OBS_TEXT + _ODD_CONTROLS
_ends = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"])


def field(name: str, value: str, before: str = " ", after: str = "", end: str = "\r\n") -> Field:
    """Build a field of one line."""
    return Field(name, value, f"{name}:{before}{value}{after}{end}".encode("latin-1"))


@st.composite
def _folded(draw: st.DrawFn, name: str) -> Field:
    """Draw a field whose value stands on several lines: each fold means one SP (A4, RFC 9112 section 5.2)."""
    parts = draw(st.lists(_stripped(_answer_text).filter(bool), min_size=1, max_size=2))
    parts.insert(0, draw(_stripped(_answer_text)))  # the first line may be empty
    fold = st.tuples(_ows, _ends, st.sampled_from([" ", "\t", "   "])).map("".join)
    wire = f"{name}:{draw(_ows)}{parts[0]}" + "".join(draw(fold) + part for part in parts[1:])
    return Field(name, " ".join(parts).strip(" \t"), (wire + draw(_ows) + draw(_ends)).encode("latin-1"))


@st.composite
def _answer_fields(draw: st.DrawFn) -> Field:
    name = draw(_answer_names)
    if draw(st.integers(0, 5)) == 0:
        return draw(_folded(name))
    return field(name, draw(_stripped(_answer_text)), draw(_ows), draw(_ows), draw(_ends))


_reasons = st.one_of(st.sampled_from(["OK", "", "Not  Found"]), _stripped(_answer_text))


@st.composite
def heads(draw: st.DrawFn, status: st.SearchStrategy[int], *, interim: bool = False) -> Head:
    """Draw a head without fields that would frame a body or end a connection (A1 to A4)."""
    code = draw(status)
    # A2: any minor version from 1 on is HTTP/1.1 to us; an interim answer to a 1.0 server's is not a thing.
    minor = 1 if interim else draw(st.sampled_from([1, 1, 1, 1, 1, 2, 9, 0]))
    reason = draw(_reasons)
    if reason:
        start = f"HTTP/1.{minor} {code} {draw(_ows)}{reason}{draw(_ows)}"
    else:
        start = f"HTTP/1.{minor} {code}" + draw(st.sampled_from(["", " ", "  ", " \t"]))
    return Head(
        status=code,
        reason=reason,
        line=(start + draw(_ends)).encode("latin-1"),
        fields=tuple(draw(st.lists(_answer_fields(), max_size=2 if interim else 4))),
        version="HTTP/1.1" if minor else "HTTP/1.0",
        end=draw(_ends).encode(),
    )


#: Of interim answers there may be 64, and no more (A6).
_CONTINUE = Head(100, "", b"HTTP/1.1 100\r\n")
_interim_statuses = st.one_of(st.sampled_from([100, 102, 103]), st.integers(100, 199)).filter(lambda code: code != 101)
_interims = st.lists(heads(_interim_statuses, interim=True), max_size=3).map(tuple)
_statuses = st.one_of(st.sampled_from([200, 200, 201, 205, 302, 404, 503]), st.integers(200, 999)).filter(
    lambda code: code not in (204, 304)
)

# --- framing of answers -----------------------------------------------------------------------------------------------


def _put(draw: st.DrawFn, head: Head, *fields: Field) -> Head:
    """Add fields at a drawn place each."""
    found = list(head.fields)
    for each in fields:
        found.insert(draw(st.integers(0, len(found))), each)
    return replace(head, fields=tuple(found))


def _cased(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name, name.lower(), name.upper()])


@st.composite
def _length_fields(draw: st.DrawFn, length: int) -> list[Field]:
    """Draw Content-Length: once, as a list of equal members, or repeated (A9)."""
    text = str(length)
    form = draw(st.integers(0, 9))
    name = _cased("Content-Length")
    if form == 0:
        return [field(draw(name), text), field(draw(name), text)]
    if form == 1:
        return [field(draw(name), f"{text},{draw(_ows)}{text}")]
    if form == 2:
        return [field(draw(name), text.zfill(19))]
    if form == 3:
        folded = draw(name)
        return [Field(folded, text, f"{folded}:\r\n {text} \r\n".encode())]
    return [field(draw(name), text, draw(_ows), draw(_ows), draw(_ends))]


@st.composite
def _coding_field(draw: st.DrawFn) -> Field:
    """Draw Transfer-Encoding as A8 wants it."""
    coding = draw(st.sampled_from(["chunked", "chunked", "Chunked", "CHUNKED"]))
    return field(draw(_cased("Transfer-Encoding")), coding, draw(_ows), draw(_ows), draw(_ends))


_extensions = st.one_of(
    st.just(""),
    st.just(""),
    st.sampled_from([";a", ";a=b", " ; a = \"q;\\\"r\"", ";", ";;", ";x=0d0a"]),
    st.text(_VISIBLE + " \t" + _OBS_TEXT, max_size=8).map(lambda text: f";{text}"),
)  # fmt: skip


@st.composite
def _size_lines(draw: st.DrawFn, size: int) -> bytes:
    """Draw a chunk-size line: either case, leading zeros, white space and extensions behind (A10)."""
    digits = f"{size:x}" if draw(st.booleans()) else f"{size:X}"
    zeros = draw(st.sampled_from([0, 0, 0, 1, 3, 16]))
    line = digits.zfill(min(zeros + len(digits), 16)) + draw(st.sampled_from(["", "", " ", "\t "])) + draw(_extensions)
    return f"{line}\r\n".encode("latin-1")


@st.composite
def _chunks(draw: st.DrawFn, pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Draw the chunks that carry the pieces, without the last one."""
    parts = []
    for piece in filter(None, pieces):
        parts += [(draw(_size_lines(len(piece))), b""), (piece, piece), (b"\r\n", b"")]
    return parts


def _small_pieces() -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.binary(max_size=24), max_size=4)


def _content(*, small: bool) -> st.SearchStrategy[list[bytes]]:
    """Draw content in pieces; unless it must be small, now and then more than one read takes in."""
    if small:
        return _small_pieces()
    return st.integers(0, 9).flatmap(
        lambda n: st.lists(_large, min_size=1, max_size=2) if n == 0 else _small_pieces()
    )  # fmt: skip


@st.composite
def answers(
    draw: st.DrawFn,
    ask: Ask,
    *,
    framings: tuple[str, ...] = ("length", "length", "chunked", "chunked", "close", "none"),
    at_least: int = 0,
    small: bool = False,
) -> Answer:
    """Draw a faultless answer to a request.

    Args:
        ask: the request, for a HEAD is answered without content.
        framings: the ways that the end of the body may be told.
        at_least: how many bytes of content there must be.
        small: whether the content is of a few bytes only.
    """
    framing = "none" if ask.method == "HEAD" else draw(st.sampled_from(framings))
    # RFC 9110 section 6.4.1: no content after these, whatever the fields say (A7).
    bodiless = framing == "none" and ask.method != "HEAD"
    head = draw(heads(st.sampled_from([204, 304]) if bodiless else _statuses))
    interim = draw(_interims)
    pieces = draw(_content(small=small))
    if sum(map(len, pieces)) < at_least:
        pieces.append(b"content"[: max(at_least, 1)])
    content = b"".join(pieces)
    body: list[tuple[bytes, bytes]] = []
    trailers: tuple[Field, ...] = ()
    fields: list[Field] = []
    two_lengths = False
    if framing == "length":
        fields, body = draw(_length_fields(len(content))), [(content, content)]
    elif framing == "chunked":
        trailers = tuple(draw(st.lists(_answer_fields(), max_size=2)))
        last = draw(_size_lines(0)) + b"".join(each.wire for each in trailers) + draw(_ends).encode()
        fields, body = [draw(_coding_field())], [*draw(_chunks(pieces)), (last, b"")]
        two_lengths = draw(st.integers(0, 7)) == 0
        fields += draw(_length_fields(draw(st.integers(0, 40)))) if two_lengths else []
    elif framing == "close":
        body = [(content, content)]
    else:  # framing fields of a message without content are judged, and describe what a GET would have got (A7)
        describe = draw(st.integers(0, 3))
        fields += draw(_length_fields(draw(st.integers(0, 9)))) if describe in (1, 3) else []
        fields += [draw(_coding_field())] if describe in (2, 3) else []
        two_lengths = describe == 3
    closes, connection = draw(_connection_fields(must_close=False))
    return Answer(
        head=_put(draw, head, *fields, *connection),
        framing=framing,  # type: ignore[arg-type]
        interim=interim,
        body=tuple(body),
        trailers=tuple((each.name, each.value) for each in trailers),
        closes=closes,
        two_lengths=two_lengths,
    )


@st.composite
def _connection_fields(draw: st.DrawFn, *, must_close: bool) -> tuple[bool, list[Field]]:
    """Draw Connection fields, and whether they say ``close`` (A12): an option, not a part of a word, in any of the lines."""
    name = _cased("Connection")
    closes = must_close or draw(st.integers(0, 4)) == 0
    if closes:
        value = draw(st.sampled_from(["close", "close", "Close", "keep-alive, close", "x ,\tCLOSE,, y"]))
        more = [field("Connection", "keep-alive")] if draw(st.integers(0, 3)) == 0 else []
        return True, [*more, field(draw(name), value, draw(_ows), draw(_ows), draw(_ends))]
    value = draw(st.sampled_from([None, None, None, "keep-alive", "disclosed", "close-not", "x, not close", ""]))
    return False, [] if value is None else [field(draw(name), value)]


# --- answers that break HTTP ------------------------------------------------------------------------------------------

_BAD_STARTS = [
    "\r\nHTTP/1.1 200 OK", "\nHTTP/1.1 200 OK", " HTTP/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",
    "HTTP/1.1 200\tOK", "HTTP/2.0 200 OK", "HTTP/2 200 OK", "HTTP/0.9 200 OK", "HTTP/1.10 200 OK", "HTTP/1.1x 200 OK",
    "HTTP/1 200 OK", "HTTP/1. 200 OK", "HTTP/1.x 200 OK", "http/1.1 200 OK", "HTTP 200 OK", "ICY 200 OK", "HTTP/1.1200 OK",
    "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 0200 OK", "HTTP/1.1 +200 OK", "HTTP/1.1 2_0 OK", "HTTP/1.1 20x OK",
    "HTTP/1.1 \xb2\xb2\xb2 OK", "HTTP/1.1 099 OK", "HTTP/1.1 000 OK", "HTTP/1.1 200OK", "HTTP/1.1 OK", "HTTP/1.1", "HTTP/1.1 ",
    "HTTP/1.1 200 OK\r", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\vK", "HTTP/1.1 200 O\fK",
    "HTTP/1.1 101 Switching Protocols", "<html>HTTP/1.1 200 OK", "220 smtp ESMTP", "\x15\x03\x01\x00\x02\x02\x28",
]  # fmt: skip
_bad_starts = st.one_of(
    st.sampled_from(_BAD_STARTS),
    st.text(_answer_text, min_size=1, max_size=20).filter(lambda text: not text.startswith("H")),
    st.integers(0, 99).map(lambda code: f"HTTP/1.1 {code:03} OK"),
    st.integers(1000, 99999).map(lambda code: f"HTTP/1.1 {code} OK"),
)


@st.composite
def badly_started(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer with a status line that is none (A2, A13), of its final head or of an interim one."""
    answer = draw(answers(ask))
    if draw(st.integers(0, 9)) == 0:
        return replace(answer, interim=(_CONTINUE,) * 65, flaw="head")
    bad = replace(answer.head, line=f"{draw(_bad_starts)}\r\n".encode("latin-1"))
    place = draw(st.integers(0, len(answer.interim)))
    heads_in_order = [*answer.interim, answer.head]
    heads_in_order[place] = bad
    return replace(answer, interim=tuple(heads_in_order[:-1]), head=heads_in_order[-1], flaw="head")


_bad_in_name = st.sampled_from([*'"(),/;<=>?@[\\]{} ', "\0", "\t", "\v", "\f", "\x7f", "\x80", "\xe9"])
_bad_in_value = st.sampled_from(["\0", "\r", "\v", "\f", "\rX-C: c", "\r "])
_bad_lines = st.one_of(
    tokens.map(lambda name: f"{name} : v"),
    tokens.map(lambda name: f"{name}\t: v"),
    st.sampled_from([": v", ":", "garbage", "From me", "HTTP/1.1 200 OK", "\rX: v"]),
    tokens,  # no colon
    st.tuples(tokens, _bad_in_name, tokens).map(lambda parts: "".join(parts) + ": v"),
    st.tuples(tokens, _bad_in_value).map(lambda parts: f"{parts[0]}: a{parts[1]}b"),
    tokens.map(lambda name: f"{name}: v\r"),
)


@st.composite
def badly_fielded(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer with a header line that is none, or with more of them than fit (A3, A4, A5)."""
    answer = draw(answers(ask))
    form = draw(st.integers(0, 9))
    if form == 0:
        return replace(answer, head=_crowded(answer.head, 129), flaw="head")
    if form == 1:
        return replace(answer, head=_padded(answer.head, 65537), flaw="head")
    if form == 2:  # a fold needs a field before it
        fold = Field("", "", draw(st.sampled_from([" folded", "\tX: v", " ", "\t"])).encode() + b"\r\n")
        return replace(answer, head=replace(answer.head, fields=(fold, *answer.head.fields)), flaw="head")
    bad = Field("", "", f"{draw(_bad_lines)}\r\n".encode("latin-1"))
    place = draw(st.integers(0, len(answer.interim)))
    heads_in_order = [*answer.interim, answer.head]
    heads_in_order[place] = _put(draw, heads_in_order[place], bad)
    return replace(answer, interim=tuple(heads_in_order[:-1]), head=heads_in_order[-1], flaw="head")


def _crowded(head: Head, count: int) -> Head:
    """Add fields up to a number of them."""
    return replace(head, fields=head.fields + (field("X", "y"),) * (count - len(head.fields)))


def _padded(head: Head, size: int) -> Head:
    """Add a field that makes the head so many bytes long."""
    room = size - len(head.wire) - len(b"Pad: \r\n")
    return replace(head, fields=(*head.fields, field("Pad", "p" * room)))


_bad_lengths_sent = st.one_of(
    st.sampled_from([
        "-1", "+5", "0x5", "5.0", "5e0", "abc", "", "5 5", "5_0", "5,", ",5", "5,,5", "5, 6", "5;5", "'5'", "\xb2", "5\x85", "5\xa0",
    ]),
    st.integers(10**19, 10**22).map(str),
)  # fmt: skip
_bad_codings = st.sampled_from([
    "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "identity", "", "xchunked",
    '"chunked"', "chunked;q=1", "chunked\x85", "chun ked",
])  # fmt: skip


@st.composite
def badly_framed(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer whose Content-Length or Transfer-Encoding is invalid (A8, A9), even where it would not count (A7)."""
    answer = draw(answers(ask))
    form = draw(st.integers(0, 4))
    length, coding = _cased("Content-Length"), _cased("Transfer-Encoding")
    if form == 0:
        have = draw(st.integers(0, 99))
        bad = [field(draw(length), str(have)), field(draw(length), str(have + draw(st.integers(1, 9))))]
    elif form == 1:
        bad = [field(draw(coding), "chunked"), field(draw(coding), "chunked")]
    elif form == 2:
        bad = [field(draw(coding), draw(_bad_codings))]
    else:
        bad = [field(draw(length), draw(_bad_lengths_sent))]
    return replace(answer, head=_put(draw, answer.head, *bad), flaw="head")


_bad_size_lines = st.one_of(
    st.sampled_from([
        "0x5", "+5", "-5", " 5", "\t5", "5_0", "1_0", "g", "", "5\v", "5 5", "5,5", "5\r", "\r", ";a", "5;a\rb", "5h", "\xb2",
        "0" * 17, "f" * 17, "0" * 25, "0x0", "+0", "-0", " 0", "0_0",
    ]).map(lambda line: f"{line}\r\n"),
    st.sampled_from(["5\n", "0\n", "5;a\n", "5" + ";" + "x" * 16384 + "\r\n"]),
    tokens.filter(lambda token: token[0] not in "0123456789abcdefABCDEF").map(lambda token: f"{token}\r\n"),
)  # fmt: skip
_bad_data_ends = st.sampled_from(["XY", "X\r\n", "\n", "\rX", "\r\r\n", "0\r\n\r\n", " \r\n"])
_bad_trailers = st.one_of(
    st.sampled_from(["garbage\r\n", ": v\r\n", " folded\r\n", "X : v\r\n", "X: a\rb\r\n", "X: \0\r\n"]),
    st.just("X: y\r\n" * 129),
)


@st.composite
def badly_chunked(draw: st.DrawFn, ask: Ask) -> Answer:
    """Draw an answer with a chunk that is none, behind chunks that are (A10)."""
    answer = draw(answers(ask, framings=("chunked",), small=True))
    parts = draw(_chunks(draw(_small_pieces())))
    form = draw(st.integers(0, 3))
    if form == 0 and parts:
        parts[-1] = (draw(_bad_data_ends).encode(), b"")
    elif form == 1:
        parts += [(draw(_size_lines(0)) + draw(_bad_trailers).encode(), b"")]
    else:
        parts += [(draw(_bad_size_lines).encode("latin-1"), b"")]
    rest = draw(st.sampled_from([b"hello\r\n0\r\n\r\n", b"\r\n", b"\r\n\r\n", b"hello\r\n\r\n"]))
    return replace(answer, body=(*parts, (rest + b"\r\n\r\n", b"")), flaw="body")


# --- exchanges --------------------------------------------------------------------------------------------------------


@st.composite
def _cut_up(draw: st.DrawFn, exchange: Exchange) -> Exchange:
    """Draw how the answer is cut into segments: not at all, byte by byte, at its line ends, or anywhere."""
    sent = exchange.sent
    size = len(sent)
    form = draw(st.integers(0, 9))
    if form == 0 and size <= 120:
        breaks: tuple[int, ...] = tuple(range(1, size))
    elif form == 1:
        breaks = tuple(at + 1 for at, byte in enumerate(sent[:2000]) if byte == 10)[:60]
    elif form < 6 and size > 1:
        breaks = tuple(draw(st.lists(st.integers(1, size - 1), max_size=5)))
    else:
        breaks = ()
    pause = draw(st.integers(1, 5)) if draw(st.integers(0, 19)) == 0 else None
    return replace(exchange, breaks=breaks, pause=pause)


_asks = asks()
#: Answers to these have content, so that it can go wrong.
_asks_for_content = _asks.map(lambda ask: replace(ask, method="GET") if ask.method == "HEAD" else ask)
#: With a body that can be held back; see ``Lane._stalled``.
_slow_asks = asks(shapes=("generator",))


@st.composite
def _faultless(draw: st.DrawFn) -> Exchange:
    ask = draw(_asks)
    answer = draw(answers(ask))
    limit = draw(st.integers(0, 29))  # as much as fits is no fault (A5, A6)
    if limit == 0:
        answer = replace(answer, head=_crowded(answer.head, 128))
    elif limit == 1:
        answer = replace(answer, head=_padded(answer.head, 65536))
    elif limit == 2:
        answer = replace(answer, interim=(_CONTINUE,) * 64)
    ends = answer.framing == "close" or ((answer.closes or answer.head.version == "HTTP/1.0") and draw(st.booleans()))
    return Exchange(ask, answer, then="fin" if ends else "keep")


@st.composite
def _excessive(draw: st.DrawFn) -> Exchange:
    """Draw bytes beyond the message: nobody's, and a danger to the next request (A7, A12)."""
    ask = draw(_asks)
    answer = draw(answers(ask, framings=("length", "chunked", "none"), small=True))
    excess = draw(
        st.one_of(
            st.sampled_from([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL", b"\r\n", b"\n", b"0\r\n\r\n", b"H"]),
            st.binary(min_size=1, max_size=20),
        )
    )
    return Exchange(ask, answer, excess=excess)


@st.composite
def _ended(draw: st.DrawFn, then: str, where: str) -> Exchange:
    """Draw an answer that ends before any byte, inside of a head, or inside of the body (A11, A13)."""
    slow = then == "stall" and where != "wait"
    ask = draw(_slow_asks if slow else _asks)
    if where == "body":
        ask = replace(ask, method="POST") if ask.method == "HEAD" else ask
        # Where the end of the connection ends the body, FIN is no fault.
        framings = ("length", "chunked") if then == "fin" else ("length", "chunked", "close")
        answer = draw(answers(ask, framings=framings, at_least=1, small=then != "fin"))
        cut = draw(st.integers(len(answer.heads), len(answer.wire) - (answer.framing != "close")))
    else:
        answer = draw(answers(ask, small=True))
        cut = 0 if where == "wait" else draw(st.integers(1, len(answer.heads) - 1))
    return Exchange(ask, answer, cut=cut, then=then)  # type: ignore[arg-type]


@st.composite
def _early(draw: st.DrawFn) -> Exchange:
    """Draw a final answer to a request whose body is still on its way (RFC 9112 section 9.5).

    The server then reads the rest, closes in order and reads it, or resets; the latter two say ``close``, because
    otherwise it would be a matter of luck whether the next request finds the connection alive.
    """
    ask = draw(asks(shapes=("bytes", "list", "generator", "file")))
    if draw(st.integers(0, 3)) == 0:
        ask = replace(ask, pieces=(b"upload" * 500_000,), declared=False)
    then = draw(st.sampled_from(["keep", "fin", "rst"]))
    answer = draw(answers(ask, framings=("length", "chunked", "none"), small=True))
    if then != "keep" and not answer.closes:
        _, connection = draw(_connection_fields(must_close=True))
        answer = replace(answer, head=_put(draw, answer.head, *connection), closes=True)
    return Exchange(ask, answer, then=then, early=True)  # type: ignore[arg-type]


def _answered(build: Callable[[Ask], st.SearchStrategy[Answer]], asked: st.SearchStrategy[Ask]) -> st.SearchStrategy[Exchange]:
    return asked.flatmap(lambda ask: build(ask).map(lambda answer: Exchange(ask, answer)))


_BY_KIND: dict[str, st.SearchStrategy[Exchange]] = {
    "none": _faultless(),
    "FIN before any byte": _ended("fin", "wait"),
    "FIN in the head": _ended("fin", "head"),
    "FIN in the body": _ended("fin", "body"),
    "RST before any byte": _ended("rst", "wait"),
    "RST in the head": _ended("rst", "head"),
    "RST in the body": _ended("rst", "body"),
    "malformed status line": _answered(badly_started, _asks),
    "malformed header line": _answered(badly_fielded, _asks),
    "malformed framing field": _answered(badly_framed, _asks),
    "malformed chunk": _answered(badly_chunked, _asks_for_content),
    "stall": st.sampled_from(["wait", "head", "body"]).flatmap(lambda where: _ended("stall", where)),
    "early answer": _early(),
    "excess bytes": _excessive(),
}

#: What can go wrong with an exchange, ``none`` included.
KINDS = tuple(_BY_KIND)


@st.composite
def exchanges(draw: st.DrawFn, kind: str) -> Exchange:
    """Draw an exchange with one kind of fault, of ``KINDS``."""
    exchange = draw(_cut_up(draw(_BY_KIND[kind])))
    # What is sent before a stall is there when the connection opens: it cannot have served before.
    may_be_warm = exchange.then != "stall" or exchange.cut == 0
    return replace(exchange, warm=may_be_warm and draw(st.booleans()))
