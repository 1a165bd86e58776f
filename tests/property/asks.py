"""Requests as callers may give them, together with what must be sent for them (wire rules Q1 to Q8)."""

from __future__ import annotations

from hypothesis import strategies as st
from property.language import Ask
from property.texts import OBS_TEXT, VISIBLE, large, stripped, tokens

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
    st.text(VISIBLE.replace("#", ""), max_size=12).map(lambda text: f"/{text}"),
    st.text(VISIBLE.replace("#", ""), max_size=12).map(lambda text: f"http://other.example:8080/{text}"),
    st.just("http://other.example"),
)

#: The fields with rules of their own (Q4, Q5, Q8); ``Expect`` is refused by these transports, rightly (Q8).
_RULED = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer",
    "upgrade", "expect",
}  # fmt: skip
request_names = st.one_of(
    st.sampled_from(["X-A", "x-a", "X-a", "Accept", "User-Agent", "Accept-Encoding", "Cookie", "cookie", "Authorization"]),
    tokens.filter(lambda token: token.lower() not in _RULED),
)  # fmt: skip


@st.composite
def _request_fields(draw: st.DrawFn) -> tuple[tuple[str | bytes, str | bytes], tuple[str, str]]:
    """Draw a field as given, in str or bytes, and as it must be sent."""
    name = draw(request_names)
    if draw(st.integers(0, 9)) == 0:
        return (name.encode(), "€".encode()), (name, "€".encode().decode("latin-1"))
    value = draw(stripped(VISIBLE + " \t" + OBS_TEXT))
    given = draw(st.sampled_from(["", " ", "\t "])) + value + draw(st.sampled_from(["", " ", "\t"]))
    if draw(st.booleans()):
        return (name, given), (name, value)
    return (name.encode(), given.encode("latin-1")), (name, value)


_body_pieces = st.one_of(
    st.lists(st.binary(max_size=20), max_size=4),
    st.lists(st.binary(max_size=20), max_size=4),
    st.sampled_from([[b"", b"ab", b"", b"c", b""], [b""], [b"\r\n0\r\n\r\n"]]),
    st.integers(0, 3).flatmap(lambda n: large.map(lambda data: [data]) if n == 0 else st.just([b"x" * 300])),
)


_paths = paths()
_fields = st.lists(_request_fields(), max_size=4)


@st.composite
def asks(draw: st.DrawFn, *, upgrade: bool = False, shapes: tuple[str, ...] | None = None) -> Ask:
    """Draw a request: any method, target, headers and body that a caller may give; an ``upgrade`` only where allowed.

    Where ``shapes`` are given it has a body, of at least a byte, that is handed over in one of these ways.
    """
    method = draw(methods)
    written, sent = draw(_paths)
    target = None
    choice = draw(st.integers(0, 9))
    if choice == 0:
        target = sent = draw(_exact_targets)
    elif choice == 1 and method == "OPTIONS":
        target = sent = "*"
    fields = draw(_fields)
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
