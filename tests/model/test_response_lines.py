"""Lines of a response, as they come: where they end, however the body is cut, in both colours; and server-sent events."""

import asyncio
import io
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal import AsyncResponse, IncompleteBody, Response, ResponseError
from intermodal.model.event_stream import ServerSentEvent
from intermodal.model.reading import Lines


def pieces(content, cuts):
    """Cut bytes at these places."""
    edges = sorted({0, len(content), *[place for place in cuts if place < len(content)]})
    return [content[a:b] for a, b in itertools.pairwise(edges)]


class Awaited:
    """An asynchronous body of pieces, of which one may be an error."""

    def __init__(self, given):
        self.given = list(given)
        self.closed = 0

    async def read(self, n):
        """Give the next piece."""
        piece = self.given.pop(0) if self.given else b""
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= n
        return piece

    async def aclose(self):
        """Count."""
        self.closed += 1


class Counted:
    """A body of pieces that tells how many it has given, and whether it was closed."""

    def __init__(self, *given):
        self.given = list(given)
        self.reads = []
        self.closed = False

    def read(self, n):
        """Give the next piece, or raise it."""
        self.reads.append(n)
        piece = self.given.pop(0) if self.given else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self):
        """Note it."""
        self.closed = True


def everything(response, way, *args, **keywords):
    """Gather what an AsyncResponse's iterator gives."""

    async def gather():
        return [item async for item in getattr(response, way)(*args, **keywords)]

    return asyncio.run(gather())


LINED = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", "\u2028\x85\x0b\x1c é".encode(), b"|", b"||"])
).map(b"".join)
CUTS = st.lists(st.integers(0, 40))


@given(LINED, CUTS, st.booleans())
def test_lines_are_those_of_the_whole_however_it_is_cut(content, cuts, whole):
    """As bytes they are splitlines', as text a text file's: a CR LF in two pieces is one end, U+2028 is none."""
    body = content if whole else pieces(content, cuts)
    head = {"Content-Type": "text/plain; charset=utf-8"}
    expected = content.splitlines()
    as_text = [line.removesuffix("\n") for line in io.TextIOWrapper(io.BytesIO(content), "utf-8")]

    assert list(Response(200, head, body).iter_lines()) == expected
    assert list(Response(200, head, body).iter_lines(3)) == expected
    assert list(Response(200, head, body).iter_lines(decode_unicode=True)) == as_text
    assert everything(AsyncResponse(200, head, Awaited(pieces(content, cuts))), "iter_lines") == expected
    assert everything(AsyncResponse(200, head, content), "iter_lines", 2, decode_unicode=True) == as_text


@given(LINED, CUTS, st.sampled_from([b"|", b"||", b"a|", b"\n", b"\r\n", b"|a|"]))
def test_a_delimiter_ends_lines_instead(content, cuts, delimiter):
    """The lines are what split gives, less the empty one that nothing is behind; as text likewise."""
    expected = content.split(delimiter)
    if not expected[-1]:
        expected.pop()
    response = Response(200, {"Content-Type": "x/y; charset=utf-8"}, pieces(content, cuts))
    same = Response(200, {"Content-Type": "x/y; charset=utf-8"}, pieces(content, cuts))

    assert list(response.iter_lines(delimiter=delimiter)) == expected
    assert list(same.iter_lines(None, True, delimiter.decode())) == [line.decode() for line in expected]


@pytest.mark.parametrize("delimiter", [b"||", b"<br>", b"aab"])
def test_a_delimiter_that_comes_in_pieces_is_one(delimiter):
    """Wherever it is cut, also byte by byte, it ends a line, and at once."""
    content = b"one" + delimiter + b"a" + delimiter + delimiter + b"rest"
    for places in [[at] for at in range(len(content))] + [range(len(content))]:
        response = Response(200, body=pieces(content, places))
        assert list(response.iter_lines(delimiter=delimiter)) == [b"one", b"a", b"", b"rest"]
    lines = Lines(b"", delimiter)
    assert [lines.put(content[at : at + 1]) for at in range(3 + len(delimiter))][-1] == [b"one"]


def test_a_line_is_given_as_soon_as_it_has_come():
    """Neither a chunk_size nor a CR that a LF may follow holds a line back."""
    body = Counted(b"one\r", b"\ntwo\n", b"rest")
    lines = Response(200, body=body).iter_lines(512)

    assert next(lines) == b"one"
    assert body.reads == [512]
    assert next(lines) == b"two"
    assert len(body.reads) == 2
    assert list(lines) == [b"rest"]


def test_lines_of_encodings_in_which_a_line_end_is_two_bytes():
    """As text, the lines of UTF-16 are found in its characters, not in its bytes."""
    content = "a\u0a0d\nčb\r\nc".encode("utf-16")

    assert list(Response(200, body=[content]).iter_lines(decode_unicode=True)) == ["a\u0a0d", "čb", "c"]


@pytest.mark.parametrize("way", ["iter_lines", "iter_text", "iter_events"])
def test_leaving_early_closes_the_body(way):
    """Whoever stops, gives the connection back, in both colours."""
    body = Counted(b"data: 1\n\n", b"data: 2\n\n")
    items = getattr(Response(200, body=body), way)()
    next(items)
    items.close()
    awaited = Awaited([b"data: 1\n\n", b"data: 2\n\n"])

    async def leave():
        async_items = getattr(AsyncResponse(200, (), awaited), way)()
        async for _ in async_items:
            break
        await async_items.aclose()
        assert awaited.closed  # at once, not when the loop ends

    asyncio.run(leave())
    assert body.closed


def test_a_line_that_a_failure_cuts_off_is_not_given():
    """Lines that have ended come before the error, the beginning of one does not."""
    failing = [b"one\ntwo\nthr", IncompleteBody("cut")]
    for lines in (
        Response(200, body=Counted(*failing)).iter_lines(),
        Response(200, body=Counted(*failing)).iter_lines(decode_unicode=True),
    ):
        assert [next(lines), next(lines)] in ([b"one", b"two"], ["one", "two"])
        with pytest.raises(IncompleteBody):
            next(lines)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"delimiter": "x"}, TypeError),
        ({"delimiter": b"x", "decode_unicode": True}, TypeError),
        ({"delimiter": b""}, ValueError),
        ({"chunk_size": 0}, ValueError),
        ({"chunk_size": True}, TypeError),
    ],
)
def test_what_makes_no_lines_is_refused_and_the_body_stays(arguments, error):
    """A wrong argument is told at once, in both colours, and nothing was read."""
    response = Response(200, body=[b"a\nb"])
    with pytest.raises(error):
        response.iter_lines(**arguments)
    with pytest.raises(error):
        AsyncResponse(200, (), b"a").iter_lines(**arguments)
    assert response.content == b"a\nb"


@pytest.mark.parametrize("delimiter", [None, b"|", b"||"])
@pytest.mark.parametrize("content", [b"a" * 4096, b"a\n" * 2048, b"\r" * 4096, b"|" * 4096])
def test_lines_take_linear_time(content, delimiter):
    """Eight times the pieces take no more than a multiple of eight of the time, with ends and without."""

    def took(times):
        lines = Lines(b"", delimiter)
        began = time.process_time()
        for _ in range(times):
            for line in lines.put(content):
                assert line is not None
        lines.rest()
        return time.process_time() - began

    assert took(1600) < 30 * max(took(200), 0.005)


# --- server-sent events -----------------------------------------------------------------------------------------------

#: Streams and their events: the first ones are the standard's own examples (HTML, section 9.2.6).
STREAMS = [
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [ServerSentEvent("YHOO\n+2\n10")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [ServerSentEvent("first event", id="1"), ServerSentEvent("second event"), ServerSentEvent(" third event")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [ServerSentEvent(""), ServerSentEvent("\n")]),
    (b"data:test\n\ndata: test\n\n", [ServerSentEvent("test"), ServerSentEvent("test")]),
    (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
        [ServerSentEvent("73857293", "add"), ServerSentEvent("2153", "remove")],
    ),
    (
        b"\xef\xbb\xbfdata: a\r\rdata: b\r\n\r\ndata: c\n\n",
        [ServerSentEvent("a"), ServerSentEvent("b"), ServerSentEvent("c")],
    ),
    (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [ServerSentEvent("b")]),
    (b"event: x\n\ndata: a\n\n", [ServerSentEvent("a")]),
    (b"id: 1\n\ndata: a\n\nid: 2\0\ndata: b\n\n", [ServerSentEvent("a", id="1"), ServerSentEvent("b", id="1")]),
    (
        b"retry: 1500\n\ndata: a\nretry: x\n\nretry: -1\ndata: b\n\n",
        [ServerSentEvent("a", retry=1500), ServerSentEvent("b", retry=1500)],
    ),
    ("retry: ١٢\nretry: 9999999999999999999\ndata: a\n\n".encode(), [ServerSentEvent("a")]),
    (
        "data: né \u2028 e\n\ndata: \n\n".encode() + b"data: \xff\n\n",
        [ServerSentEvent("né \u2028 e"), ServerSentEvent(""), ServerSentEvent("\ufffd")],
    ),
    (b"Data: a\nunknown: b\ndata : c\n\ndata: cut off\n", []),
    (b'data: {"a": "b: c"}\n\n', [ServerSentEvent('{"a": "b: c"}')]),
    (b"", []),
]


@pytest.mark.parametrize(("content", "events"), STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_events_are_read_as_the_standard_has_them(content, events, size):
    """Whole and in pieces of any size, in both colours, with line ends of all three kinds."""
    head = {"Content-Type": "Text/Event-Stream; charset=utf-8"}
    cut = [content[at : at + size] for at in range(0, len(content), size)]
    other = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    cut_other = [other[at : at + size] for at in range(0, len(other), size)]

    assert list(Response(200, head, cut).iter_events()) == events
    assert list(Response(200, (), cut_other).iter_events()) == events
    assert everything(AsyncResponse(200, head, Awaited(cut)), "iter_events") == events


@given(st.binary(max_size=80), CUTS)
def test_no_bytes_make_an_event_stream_raise(content, cuts):
    """Whatever comes, cut wherever, gives the events of the whole."""
    events = list(Response(200, body=content).iter_events())

    assert list(Response(200, body=pieces(content, cuts)).iter_events()) == events
    assert all(isinstance(event, ServerSentEvent) for event in events)


@pytest.mark.parametrize(
    "body",
    [
        lambda: iter(lambda: b"data: " + b"x" * 1000, None),
        lambda: iter(lambda: b"data: " + b"x" * 100 + b"\n", None),
        lambda: iter(lambda: b":" * 1000, None),
    ],
)
def test_an_event_that_never_ends_is_an_error(body):
    """A line, or an event of many lines, beyond the limit raises with the response, in bounded memory; both colours."""
    response = Response(200, body=body())
    with pytest.raises(ResponseError, match="5000 bytes") as caught:
        list(response.iter_events(5000))
    assert caught.value.response is response

    awaited = Awaited([b"data: " + b"x" * 1000] * 10)
    with pytest.raises(ResponseError, match="5000 bytes"):
        everything(AsyncResponse(200, (), awaited), "iter_events", limit=5000)
    assert awaited.closed


def test_what_is_no_event_stream_is_not_read_as_one():
    """A login page in place of the stream is told, and stays readable; comments keep a stream open without end."""
    response = Response(200, {"Content-Type": "text/html"}, b"<p>log in")
    with pytest.raises(ResponseError, match="'text/html'"):
        response.iter_events()
    with pytest.raises(ResponseError, match="'text/html'"):
        AsyncResponse(200, {"Content-Type": "text/html"}, b"").iter_events()
    assert response.text == "<p>log in"
    assert list(Response(200, body=[b": ping\n"] * 2000 + [b"data: a\n\n"]).iter_events(1000)) == [ServerSentEvent("a")]
