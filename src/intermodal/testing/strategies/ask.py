"""Requests as callers may give them, together with what must be sent for them (RFC 9112 sections 3 and 6)."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final, get_args

from hypothesis import strategies as st

from intermodal.protocol import Capability

from .language import Ask, Shape
from .texts import OBS_TEXT, VISIBLE, large, now_and_then, stripped, tokens

if TYPE_CHECKING:
    from intermodal.model.request import Request

#: Of a transport that declares everything.
ALL: Final = ~Capability.NONE

methods = st.one_of(
    st.sampled_from(["GET", "GET", "HEAD", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    st.sampled_from(["get", "head", "M-SEARCH", "PROPFIND", "QUERY", "X!#$%&'*+-.^_`|~9"]),
    tokens.filter(lambda token: token.upper() != "CONNECT"),
)

#: Pieces of a path as written and as sent (RFC 3986 section 2): what a URL may not hold is percent-encoded, triplets stay
#: as they are. None ends in a ``%`` that the next could complete to a triplet, and none is a dot segment together with
#: others: ``_dots`` are.
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
    """Draw what follows the authority of a URL, and the origin-form target that it means (RFC 9112 section 3.2.1)."""
    pieces = draw(st.lists(st.one_of(_path_pieces, _path_pieces, _path_pieces, _dots), max_size=6))
    written, sent = ("".join(column) for column in zip(("", ""), *pieces, strict=True))
    if pieces and not written.startswith("/"):
        written, sent = f"/{written}", f"/{sent}"
    sent = _without_dot_segments(sent) or "/"
    if draw(st.booleans()):
        query = draw(st.lists(st.one_of(_path_pieces, st.just(("?", "?"))), max_size=4))
        written += "?" + "".join(piece for piece, _ in query)
        sent += "?" + "".join(piece for _, piece in query)
    if now_and_then(draw, 8):
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


def _targets(characters: str) -> st.SearchStrategy[str]:
    text = st.text(characters, max_size=12)
    return st.one_of(
        text.map(lambda drawn: f"/{drawn}"),
        text.map(lambda drawn: f"http://other.example:8080/{drawn}"),
        st.just("http://other.example"),
    )


_exact_targets = _targets(VISIBLE.replace("#", ""))
#: Those that stay what they are whoever writes them anew; any other needs EXACT_TARGET.
_canonical_targets = _targets("abcXYZ019-_~!$&'()*+,;=:@")
_rewritten = re.compile("//|[^?]*/[.]{1,2}(?:[/?]|$)|.*%(?:[a-f]|.[a-f])").match

#: The fields with rules of their own (RFC 9110 sections 7.2, 7.6.1, 8.6, 10.1.1, RFC 9112 section 6); ``Expect`` is not
#: among them because not every transport can wait.
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
    """Draw a field as given, in str or bytes, and as it must be sent (RFC 9110 section 5.5)."""
    name = draw(request_names)
    if now_and_then(draw, 10):
        return (name.encode(), "€".encode()), (name, "€".encode().decode("latin-1"))
    value = draw(stripped(VISIBLE + " \t" + OBS_TEXT))
    given = draw(st.sampled_from(["", " ", "\t "])) + value + draw(st.sampled_from(["", " ", "\t"]))
    if draw(st.booleans()):
        return (name.encode(), given.encode("latin-1")), (name, value)
    return (name, given), (name, value)


_body_pieces = st.one_of(
    st.lists(st.binary(max_size=20), max_size=4),
    st.lists(st.binary(max_size=20), max_size=4),
    st.sampled_from([[b"", b"ab", b"", b"c", b""], [b""], [b"\r\n0\r\n\r\n"]]),
    st.integers(0, 3).flatmap(lambda n: large.map(lambda data: [data]) if n == 3 else st.just([b"x" * 300])),
)


_paths = paths()
_fields = st.lists(_request_fields(), max_size=4)
_STREAMED: Final = ("file", "list", "generator")


def asks(
    *, capabilities: Capability = ALL, upgrade: bool = False, shapes: tuple[Shape, ...] | None = None
) -> st.SearchStrategy[Ask]:
    """Draw a request: any method, target, headers and body that a caller may give, together with what must be sent for it.

    Args:
        capabilities: what the transport declares. Bodies that are no bytes need STREAM_REQUEST; targets that a library
            may write anew (given whole and not canonical, with triplets in lower case, dot segments or two slashes at
            their start) need EXACT_TARGET; ``Upgrade`` needs UPGRADE.
        upgrade: whether ``Upgrade`` may be asked for: then the answer may be 101 (RFC 9110 section 7.8).
        shapes: where given, there is a body of at least a byte, handed over in one of these ways.

    >>> from hypothesis import given
    >>> @given(asks(shapes=("list",)))
    ... def test_a_request_has_the_body_and_the_target_it_was_given(ask):
    ...     request = ask.request("http://origin.example")
    ...     assert (b"".join(request.body.pieces()), request.target) == (ask.content, ask.sent_target)
    >>> test_a_request_has_the_body_and_the_target_it_was_given()
    """
    return _asks(capabilities, upgrade, shapes)


@functools.cache
def _asks(capabilities: Capability, upgrade: bool, shapes: tuple[Shape, ...] | None) -> st.SearchStrategy[Ask]:
    exact = Capability.EXACT_TARGET in capabilities
    drawn = _drawn_asks(
        exact=exact,
        upgrade=upgrade and Capability.UPGRADE in capabilities,
        has_body=shapes is not None,
        shapes=tuple(
            each
            for each in shapes or get_args(Shape)
            if each != "none" and (each not in _STREAMED or Capability.STREAM_REQUEST in capabilities)
        ),
    )
    return drawn if exact else drawn.filter(lambda ask: ask.target is not None or not _rewritten(ask.sent_target))


@st.composite
def _drawn_asks(draw: st.DrawFn, *, exact: bool, upgrade: bool, has_body: bool, shapes: tuple[Shape, ...]) -> Ask:
    method = draw(methods)
    written, sent = draw(_paths)
    target = None
    choice = draw(st.integers(0, 9))
    if choice == 9:
        target = sent = draw(_exact_targets if exact else _canonical_targets)
    elif choice == 8 and method == "OPTIONS" and exact:
        target = sent = "*"
    fields = draw(_fields)
    connection = draw(st.integers(0, 11))
    if connection > 9:
        pair = (
            ("connection", "keep-alive")
            if connection > 10
            else ("Connection", draw(st.sampled_from(["close", "Close"])))
        )
        fields.insert(len(fields) // 2, (pair, pair))
    elif connection == 9 and upgrade:
        fields += [(pair, pair) for pair in (("Upgrade", "websocket"), ("Connection", "upgrade"))]
    host = draw(st.sampled_from(["own.example", "OWN:81", ""])) if now_and_then(draw, 8) else None
    shape: Shape
    if has_body:
        pieces, shape = [*draw(_body_pieces), b"."], draw(st.sampled_from(shapes))
        method = "POST" if method == "TRACE" else method  # RFC 9110 section 9.3.8
    elif method == "TRACE" or draw(st.integers(0, 2)) == 0:
        pieces, shape = [], "none"
    else:
        pieces = draw(_body_pieces)
        shape = draw(st.sampled_from(shapes))
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
        shape=shape,
        pieces=tuple(pieces),
        declared=shape != "none" and now_and_then(draw, 4),
    )


def requests(base: str = "http://origin.example", *, capabilities: Capability = ALL) -> st.SearchStrategy[Request]:
    """Draw a Request to the server that ``base``, a URL without a path, names; its body can be a generator, to be read once.

    >>> from hypothesis import given
    >>> @given(requests("http://h:8080"))
    ... def test_it_names_the_server(request):
    ...     assert (request.url.host, request.url.port) == ("h", 8080)
    >>> test_it_names_the_server()
    """
    return asks(capabilities=capabilities).map(lambda ask: ask.request(base))
