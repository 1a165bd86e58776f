"""A response: text, JSON, streaming, closing, and what is decoded when."""

import asyncio
import gzip
import io
import itertools
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import intermodal
from intermodal import (
    AsyncResponse,
    ContentDecodingError,
    HTTPError,
    IncompleteBody,
    JSONDecodeError,
    Response,
    ResponseError,
)


class Failing:
    """A body that gives some bytes, then fails."""

    closed = 0

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def read(self, n):
        """Give the next piece, or fail."""
        if not self.pieces:
            raise IncompleteBody("cut off")
        piece = self.pieces.pop(0)
        assert len(piece) <= n
        return piece

    def close(self):
        """Count."""
        self.closed += 1


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/html; charset=iso-8859-1", "iso-8859-1"),
        ('text/html; charset="utf-8"', "utf-8"),
        ("text/html; CHARSET = 'cp1252' ; x=y", "cp1252"),
        ("text/html", None),
        ("application/json", "utf-8"),
        ("application/problem+json; x=y", "utf-8"),
        ("", None),
        ("text/plain; charset=", None),
    ],
)
def test_encoding_is_declared_or_jsons_or_none(content_type, encoding):
    """The charset of Content-Type, UTF-8 for JSON, else nothing is known."""
    assert Response(200, {"Content-Type": content_type}).encoding == encoding


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("text/plain; charset=latin-1", b"caf\xe9", "café"),
        ("text/plain; charset=nonsense", "é".encode(), "é"),
        ("text/plain; charset=base64", b"abc", "abc"),
        ("text/plain; charset=utf-8", b"a\xffb", "a\ufffdb"),
        ("text/plain", "日本".encode(), "日本"),
        ("text/plain; charset=utf-16", b"a", "\ufffd"),
        ("text/plain", b"", ""),
        ("text/plain; charset=idna", b"a", "a"),
    ],
)
def test_text_never_raises(content_type, content, text):
    """What cannot be decoded is replaced, and an encoding nobody knows is passed over."""
    assert Response(200, {"Content-Type": content_type}, content).text == text


@given(
    st.binary(max_size=60),
    st.sampled_from(["", "; charset=utf-16", "; charset=hex", "; charset=punycode", "; charset=utf-7"]),
)
def test_text_never_raises_on_anything(content, charset):
    """Whatever came, text is a str."""
    assert isinstance(Response(200, {"Content-Type": "text/plain" + charset}, content).text, str)


def test_encoding_can_be_set():
    """A caller who knows better says so."""
    response = Response(200, {"Content-Type": "text/plain; charset=utf-8"}, b"caf\xe9")
    response.encoding = "latin-1"

    assert response.text == "café"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_finds_its_encoding_by_its_bytes(encoding):
    """JSON in UTF-8, -16 and -32 is read whatever Content-Type says (RFC 8259 section 8.1)."""
    assert Response(200, {"Content-Type": "text/plain"}, '{"é": 1}'.encode(encoding)).json() == {"é": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xfd", b"nope"])
def test_json_errors_carry_the_response(content):
    """What is no JSON raises an error that is both ours and json's, with the response on it."""
    response = Response(200, body=content)

    with pytest.raises(JSONDecodeError) as caught:
        response.json()

    assert caught.value.response is response
    assert isinstance(caught.value, json.JSONDecodeError)
    assert isinstance(caught.value, ValueError)


@given(content=st.binary(max_size=50), cuts=st.lists(st.integers(0, 50)), size=st.none() | st.integers(1, 20))
def test_iter_content_gives_everything_in_the_size_asked_for(content, cuts, size):
    """However the body comes, its pieces have the size that was asked for, the last one what is left."""
    edges = sorted({0, len(content), *[cut for cut in cuts if cut < len(content)]})
    pieces = [content[a:b] for a, b in itertools.pairwise(edges)]
    given_out = list(Response(200, body=pieces).iter_content(size))

    assert b"".join(given_out) == content
    assert all(given_out)
    if size is not None:
        assert all(len(piece) == size for piece in given_out[:-1])


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), ("8", TypeError), (1.5, TypeError)])
def test_a_chunk_size_that_is_none_is_refused(size, error):
    """A size of no bytes would never end, and what is no whole number is no size."""
    with pytest.raises(error, match="chunk_size"):
        Response(200).iter_content(size)


def test_bytes_that_came_are_given_before_the_failure():
    """A stream that is cut gives what came first, whole and in pieces, and closes the body."""
    for size in (None, 2, 100):
        body = Failing(b"abc", b"de")
        got = []
        with pytest.raises(IncompleteBody):
            for piece in Response(200, body=body).iter_content(size):
                got.append(piece)  # noqa: PERF402 - what came before the error counts
        assert b"".join(got) == b"abcde"
        assert body.closed


def test_bytes_that_decoded_are_given_before_a_decoding_fault():
    """A coded stream that is cut gives what it held, in pieces of any size, before the error."""
    coded = gzip.compress(b"hello world")[:-4]
    for size in (None, 4):
        got = []
        with pytest.raises(ContentDecodingError):
            for piece in Response(200, {"Content-Encoding": "gzip"}, coded).iter_content(size):
                got.append(piece)  # noqa: PERF402 - what came before the error counts
        assert b"".join(got) == b"hello world"


class Awaited:
    """An asynchronous body that gives some pieces, then ends or fails."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.closed = False

    async def read(self, n):
        """Give the next piece."""
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self):
        """Note it."""
        self.closed = True


@pytest.mark.parametrize("size", [None, 1, 4, 100])
def test_the_other_colour_reads_and_decodes_alike(size):
    """An awaited body is decoded by the same decoders, byte by byte or whole, and closed at its end."""
    coded = gzip.compress(b"hello world")
    body = Awaited(*[coded[at : at + 1] for at in range(len(coded))])

    async def stream():
        response = AsyncResponse(200, {"Content-Encoding": "gzip"}, body)
        return [piece async for piece in response.iter_content(size)]

    pieces = asyncio.run(stream())
    assert b"".join(pieces) == b"hello world"
    assert body.closed
    if size:
        assert all(len(piece) == size for piece in pieces[:-1])


def test_the_other_colour_gives_what_came_before_a_failure():
    """A cut awaited body gives its bytes first; read() keeps them on the error; content before read() says so."""

    async def stream():
        got = []
        with pytest.raises(IncompleteBody):
            async for piece in AsyncResponse(200, (), Awaited(b"abc", b"de", IncompleteBody("cut"))).iter_content(4):
                got.append(piece)  # noqa: PERF401 - what came before the error counts
        unread = AsyncResponse(200, (), Awaited(b"abc", IncompleteBody("cut")))
        with pytest.raises(ResponseError, match="await"):
            unread.content  # noqa: B018
        with pytest.raises(IncompleteBody) as caught:
            await unread.read()
        whole = AsyncResponse(200, {"Content-Type": "application/json"}, b"[1]")
        await whole.read()
        return got, caught.value.partial, whole.json(), whole.text

    assert asyncio.run(stream()) == ([b"abcd", b"e"], b"abc", [1], "[1]")


def test_content_that_is_cut_is_on_the_error():
    """The error of a whole read has what came on it."""
    with pytest.raises(IncompleteBody) as caught:
        Response(200, body=Failing(b"abc", b"de")).content  # noqa: B018

    assert caught.value.partial == b"abcde"


def test_content_is_kept_and_a_stream_is_not():
    """Content can be asked for again; a body that was streamed is gone, and that is said."""
    kept = Response(200, body=[b"ab", b"c"])
    assert (kept.content, kept.content, list(kept.iter_content(2))) == (b"abc", b"abc", [b"ab", b"c"])

    streamed = Response(200, body=[b"ab"])
    list(streamed.iter_content())
    with pytest.raises(ResponseError, match="streamed already"):
        streamed.content  # noqa: B018


def test_content_is_decoded_and_raw_is_not():
    """Content-Encoding is undone for content and iter_content, never for raw."""
    coded = gzip.compress(b"hello" * 100)
    headers = {"Content-Encoding": "gzip"}

    assert Response(200, headers, coded).content == b"hello" * 100
    assert b"".join(Response(200, headers, coded).iter_content(7)) == b"hello" * 100
    assert Response(200, headers, coded).raw.read() == coded
    assert Response(200, {"content-encoding": "deflate"}, zlib.compress(b"x")).text == "x"
    with pytest.raises(ContentDecodingError):
        Response(200, headers, coded[:-4]).content  # noqa: B018


def test_raw_is_a_file():
    """raw can be read, read into, and wrapped; it stays the same file from one use to the next."""
    response = Response(200, body=[b"line 1\nli", b"ne 2\n", b"rest"])
    buffer = bytearray(4)

    assert response.raw.readinto(buffer) == 4
    assert buffer == b"line"
    assert response.raw.read(3) == b" 1\n"
    assert io.BufferedReader(response.raw).readlines() == [b"line 2\n", b"rest"]


@pytest.mark.parametrize(("status", "side"), [(400, "Client"), (404, "Client"), (500, "Server"), (999, "Server")])
def test_raise_for_status(status, side):
    """400 and above raise with the response; below, nothing happens."""
    request = intermodal.Request("GET", "http://ann:secret@h/x")
    response = Response(status, reason="Why", request=request)

    with pytest.raises(HTTPError, match=f"{status} {side} Error: Why for url: http://h/x") as caught:
        response.raise_for_status()
    assert caught.value.response is response
    assert not response
    assert not response.ok
    assert "secret" not in str(caught.value)
    Response(399).raise_for_status()


def test_drain_is_bounded():
    """A response that is not wanted is read so far and no further, undecoded, then closed."""

    def endless():
        while True:
            nonlocal read
            read += 1000
            yield b"x" * 1000

    read = 0
    Response(200, {"Content-Encoding": "gzip"}, endless()).drain(5000, 10)

    assert 5000 <= read <= 6000


def test_apparent_encoding_is_found():
    """The encoding is guessed from the content where it is not declared."""
    text = "Überraschung: die Straße war naß, und größer als übermütige Köche glaubten. " * 5

    assert Response(200, body=text.encode("utf-8")).apparent_encoding == "utf-8"
    assert Response(200, body=text.encode("cp1252")).text == text
