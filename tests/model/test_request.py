"""A Request is canonical however it was made, and what cannot be one is refused with a reason (Q1 to Q8)."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal import (
    URL,
    Body,
    BodyNotReplayable,
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    Request,
    RequestBodyError,
)

URL_TEXT = "http://example.com/a?b"


def pairs(*arguments, **keywords):
    """The header pairs of a Request."""
    return Request(*arguments, **keywords).headers.pairs


@pytest.mark.parametrize("method", ["GET", "get", "PROPFIND", "M-SEARCH", "x!#$%&'*+-.^_`|~"])
def test_q1_a_method_is_a_token_and_keeps_its_case(method):
    """Any token is a method, exactly as written."""
    assert Request(method, URL_TEXT).method == method


@pytest.mark.parametrize(
    "method", ["", "GE T", "GET\r\nX: y", "GET/", "GET(", "G:T", "GÉT", "GET\0", None, b"GET", 7, "CONNECT", "connect"]
)
def test_q1_anything_else_is_refused(method):
    """What is no token, or would open a tunnel, never becomes a request line."""
    with pytest.raises(InvalidRequest, match="(?i)method|CONNECT"):
        Request(method, URL_TEXT)


@pytest.mark.parametrize("target", ["/a|b[c]", "/%7e", "//x", "/", "http://other/x?y", "HTTPS://other:8443", "/a?b=\\"])
def test_q2_a_target_given_whole_is_sent_as_it_is(target):
    """Origin-form and absolute-form targets of visible ASCII go through untouched."""
    assert Request("GET", URL_TEXT, target=target).target == target


@pytest.mark.parametrize("target", ["", "a", "/ b", "/\r\n", "/é", "/a#b", "ftp://h/", "*", "http://", b"/", "/\x7f"])
def test_q2_a_target_that_is_none_is_refused(target):
    """A target that would break the request line, or is no form of RFC 9112 section 3.2, is refused."""
    with pytest.raises(InvalidURL, match="target"):
        Request("GET", URL_TEXT, target=target)


def test_q2_asterisk_is_for_options():
    """OPTIONS may ask about the server as a whole."""
    assert Request("OPTIONS", URL_TEXT, target="*").target == "*"


@pytest.mark.parametrize("name", ["", "X A", "XA ", "X(A", "X@A", "X\0A", "X\tA", "X\r\nA", "Xé", "X:A", 7, None])
def test_q3_a_name_is_a_token(name):
    """No header name can carry a second header."""
    with pytest.raises(InvalidHeader, match="header name"):
        Request("GET", URL_TEXT, [(name, "v")])


@pytest.mark.parametrize(
    "value", ["a\r\nX: y", "a\n", "\ra", "a\r\n b", "a\0", "a\x0b", "a\x0c", "\x01", "\x7f", "€", 5, None, b"\n"]
)
def test_q3_a_value_holds_no_control_character(value):
    """No header value can end its line, and the error names the header."""
    with pytest.raises(InvalidHeader, match="'X-A'"):
        Request("GET", URL_TEXT, [("X-A", value)])


def test_q3_values_are_stripped_and_bytes_are_latin1():
    """White space around a value is not part of it; bytes stand for themselves."""
    assert pairs("GET", URL_TEXT, [("X-A", " \t a \t b "), (b"X-B", b"caf\xe9"), ("X-C", "")])[1:] == (
        ("X-A", "a \t b"),
        ("X-B", "café"),
        ("X-C", ""),
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://EXAMPLE.com.:80/", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://[fe80::1%25lo]/", "[fe80::1]"),
        ("http://münchen.de/", "xn--mnchen-3ya.de"),
        ("http://user:secret@h/", "h"),
    ],
)
def test_q4_host_comes_first_and_from_the_url(url, host):
    """The Host field is the canonical authority, before every other field."""
    assert pairs("GET", url, [("X-A", "1")]) == (("Host", host), ("X-A", "1"))


def test_q4_a_callers_single_host_replaces_ours_and_stays_first():
    """A caller may name another virtual host, once."""
    assert pairs("GET", URL_TEXT, [("X-A", "1"), ("hOsT", "other")]) == (("Host", "other"), ("X-A", "1"))
    with pytest.raises(InvalidHeader, match="Host was given 2 times"):
        Request("GET", URL_TEXT, [("Host", "a"), ("host", "b")])


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "DELETE"])
def test_q5_no_body_and_no_expectation_of_one_is_no_framing(method):
    """These methods without a body carry no framing field."""
    assert pairs(method, URL_TEXT) == (("Host", "example.com"),)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "PROPFIND", "QUERY", "get"])
def test_q5_no_body_elsewhere_is_said(method):
    """Any other method says that there is no body."""
    assert pairs(method, URL_TEXT)[-1] == ("Content-Length", "0")


@pytest.mark.parametrize(
    ("body", "framing"),
    [
        (b"", ("Content-Length", "0")),
        ("", ("Content-Length", "0")),
        (b"abc", ("Content-Length", "3")),
        ("é", ("Content-Length", "2")),
        (bytearray(b"abc"), ("Content-Length", "3")),
        (memoryview(b"abc"), ("Content-Length", "3")),
        (io.BytesIO(b"abcd"), ("Content-Length", "4")),
        ([b"a", b"b"], ("Transfer-Encoding", "chunked")),
        (iter([b"a"]), ("Transfer-Encoding", "chunked")),
        (Body(lambda: [b"ab"], 2), ("Content-Length", "2")),
    ],
)
def test_q5_framing_is_explicit_and_last(body, framing):
    """Exactly one framing field, by what the body is, behind every other field."""
    found = pairs("POST", URL_TEXT, [("X-A", "1")], body)

    assert found[-1] == framing
    assert [name for name, _ in found] == ["Host", "X-A", framing[0]]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "4"}, b"abc"),
        ({"Content-Length": "+3"}, b"abc"),
        ({"Content-Length": "abc"}, b"abc"),
        ([("Content-Length", "3"), ("content-length", "3")], b"abc"),
        ({"Content-Length": "3"}, None),
        ({"Transfer-Encoding": "chunked"}, b"abc"),
        ({"Transfer-Encoding": "chunked"}, None),
        ({"Transfer-Encoding": "gzip, chunked"}, [b"abc"]),
        ({"Transfer-Encoding": "identity"}, [b"abc"]),
    ],
)
def test_q5_framing_that_disagrees_is_refused(headers, body):
    """A framing field that does not agree with the body would make its rest the next request."""
    with pytest.raises(InvalidHeader, match="Content-Length|Transfer-Encoding"):
        Request("POST", URL_TEXT, headers, body)


def test_q5_a_length_the_caller_knows_spares_the_chunks():
    """A generator with a Content-Length beside it is sent by that length."""
    request = Request("PUT", URL_TEXT, {"Content-Length": "3"}, iter([b"ab", b"c"]))

    assert request.headers.pairs[-1] == ("Content-Length", "3")
    assert request.body.length == 3


def test_q5_trace_has_no_body():
    """A TRACE with a body is refused (RFC 9110 section 9.3.8)."""
    with pytest.raises(InvalidRequest, match="TRACE"):
        Request("TRACE", URL_TEXT, body=b"x")


def test_q6_pieces_are_nonempty_and_bounded():
    """Whatever the caller's pieces are, the transport's are bytes of 1 to 65536."""
    body = Request("PUT", URL_TEXT, body=[b"", b"x" * 100_000, bytearray(b"y"), b"", memoryview(b"z")]).body

    assert [len(piece) for piece in body.pieces()] == [65536, 34464, 1, 1]
    assert all(type(piece) is bytes for piece in body.pieces())


@pytest.mark.parametrize("said", [2, 4])
def test_q6_a_wrong_length_is_an_error_before_a_byte_too_many(said):
    """No piece goes beyond the length that was said, and a body that ends early is an error."""
    sent = []
    with pytest.raises(RequestBodyError, match=str(said)):
        for piece in Body(lambda: [b"ab", b"c"], said).pieces():
            sent.append(piece)  # noqa: PERF402 - what came before the error counts

    assert len(b"".join(sent)) <= said


@pytest.mark.parametrize("piece", ["text", None, 7, [b"x"]])
def test_q6_a_piece_that_is_no_bytes_is_an_error(piece):
    """A piece of another type is named, not guessed at."""
    with pytest.raises(RequestBodyError, match="expected bytes"):
        list(Body(lambda: [piece]).pieces())


def test_q6_what_the_caller_raises_is_the_cause():
    """An exception in the caller's generator comes back as a RequestBodyError; BaseException passes."""

    def failing(error):
        yield b"x"
        raise error

    with pytest.raises(RequestBodyError) as caught:
        list(Body(lambda: failing(KeyError("mine"))).pieces())
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(KeyboardInterrupt):
        list(Body(lambda: failing(KeyboardInterrupt())).pieces())


def test_a_generator_is_read_once():
    """A body that can be read only once says so at the second time."""
    body = Request("PUT", URL_TEXT, body=iter([b"x"])).body
    list(body.pieces())

    with pytest.raises(BodyNotReplayable, match="cannot be read again"):
        body.pieces()


def test_a_file_is_read_from_where_it_stands(tmp_path):
    """A file's length counts from its position, and it is read from there each time."""
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(4)
        body = Request("PUT", URL_TEXT, body=file).body

        assert (body.length, b"".join(body.pieces()), b"".join(body.pieces())) == (6, b"456789", b"456789")


def test_a_pipe_has_no_length_and_is_read_once():
    """What cannot be rewound is sent chunked."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as sink:
        sink.write(b"abc")
    with os.fdopen(read, "rb") as source:
        body = Request("PUT", URL_TEXT, body=source).body

        assert (body.length, body.replayable, b"".join(body.pieces())) == (None, False, b"abc")


@pytest.mark.parametrize("body", [io.StringIO("text"), {"a": 1}, 7, object()])
def test_what_is_no_body_is_refused(body):
    """A text file, a mapping and other objects are refused when the Request is made."""
    with pytest.raises(InvalidRequest, match="expected|rb"):
        Request("POST", URL_TEXT, body=body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Keep-Alive": "timeout=5"},
        {"Proxy-Connection": "keep-alive"},
        {"TE": "trailers"},
        {"Trailer": "X-T"},
        {"Connection": "X-Custom"},
        {"Connection": "close, X-Custom"},
        {"Upgrade": "websocket"},
        {"Expect": "200-ok"},
    ],
)
def test_q8_hop_by_hop_fields_are_the_transports(headers):
    """Fields about the connection are refused, but for the few a caller may set."""
    with pytest.raises(InvalidHeader, match=f"(?i){next(iter(headers))}"):
        Request("GET", URL_TEXT, headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "close"},
        {"Connection": "Keep-Alive"},
        {"Connection": "Upgrade", "Upgrade": "websocket"},
        {"Proxy-Authorization": "Basic x"},
    ],
)
def test_q8_those_a_caller_may_set_stay(headers):
    """These go through as they are."""
    assert pairs("GET", URL_TEXT, headers)[1:] == tuple(headers.items())


def test_q8_who_has_a_body_may_ask_before_sending_it():
    """The expectation goes through as it is."""
    request = Request("POST", URL_TEXT, {"Expect": "100-continue"}, b"body")
    assert request.headers.pairs[1:] == (("Expect", "100-continue"), ("Content-Length", "4"))


def test_a_request_does_not_change():
    """No attribute can be set: what was checked is what is sent."""
    with pytest.raises(AttributeError, match="does not change"):
        Request("GET", URL_TEXT).method = "POST"


def test_secrets_do_not_show():
    """No repr shows a password or a credential."""
    request = Request("GET", "http://user:hunter2@h/", {"Authorization": "hunter2", "Cookie": "hunter2"})

    assert "hunter2" not in repr(request) + repr(request.headers) + repr(request.url)


tokens = st.text("abcXYZ019-_!#$%&'*+.^`|~", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=10)
names = tokens.filter(
    lambda name: name.lower() not in {"te", "host", "trailer", "upgrade", "expect", "connection", "keep-alive"}
)


@given(
    method=tokens.filter(lambda method: method.upper() not in {"CONNECT", "TRACE"}),
    url=st.sampled_from(
        ["http://h", "https://H:8443/a b?q=%zz#f", "http://[::1]/%7e|", "http://bücher.example//x/../y"]
    ),
    headers=st.lists(st.tuples(names, values), max_size=5),
    body=st.none() | st.binary(max_size=20) | st.lists(st.binary(max_size=5), max_size=3),
)
def test_canonicalisation_is_a_fixed_point(method, url, headers, body):
    """A Request made of a Request's own parts is that Request."""
    once = Request(method, url, headers, body)
    again = Request(once.method, str(once.url), once.headers.pairs, once.body, target=once.target)

    assert again == once
    assert again.headers.pairs == once.headers.pairs
    assert URL(str(once.url)) == once.url
