"""What a response keeps and takes along: its history, what its redirect leads to, its cookies, copies, and what draining left."""

import asyncio
import copy
import gzip
import pickle
import time

import pytest

from intermodal import (
    AsyncResponse,
    Client,
    ContentDecodingError,
    Headers,
    IncompleteBody,
    InvalidURL,
    Options,
    Request,
    Response,
    ResponseError,
    TransportBug,
    UnsupportedScheme,
)
from intermodal.flow import adrive, drain, drive, send
from intermodal.model.response import WholeBody
from intermodal.testing.origin import Origin

ROADS = {
    **{
        f"pickle protocol {n}": lambda it, n=n: pickle.loads(pickle.dumps(it, n))
        for n in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


class Raw:
    """A body of pieces, errors among them, that counts what is read and notes that it was closed."""

    def __init__(self, *pieces, trailers=None, wait=0.0):
        self.pieces = list(pieces)
        self.given = 0
        self.closed = 0
        self.wait = wait
        self.trailers = trailers

    def read(self, n):
        """Give at most n bytes of the next piece."""
        time.sleep(self.wait)
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > n:
            self.pieces.insert(0, piece[n:])
        self.given += len(piece[:n])
        return piece[:n]

    def close(self):
        """Count."""
        self.closed += 1


class AsyncRaw(Raw):
    """The same, awaited."""

    async def read(self, n):
        """Give at most n bytes of the next piece."""
        await asyncio.sleep(self.wait)
        self.wait, wait = 0, self.wait
        data = super().read(n)
        self.wait = wait
        return data

    async def aclose(self):
        """Count."""
        self.closed += 1


# --- where it leads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 300, 301, 302, 303, 304, 305, 307, 308, 399, 404])
def test_a_redirect_is_what_requests_takes_for_one(status):
    """The five statuses with a Location, two of them for good; without a Location none is."""
    with_location = Response(status, {"Location": "/x"})

    assert with_location.is_redirect == (status in (301, 302, 303, 307, 308))
    assert with_location.is_permanent_redirect == (status in (301, 308))
    assert not Response(status).is_redirect
    assert not Response(status).is_permanent_redirect


def test_next_is_the_request_that_would_follow():
    """It is made of the response's own request; there is none without a redirect, and none of an unknown request."""
    sent = Request("POST", "http://h/form", {"X-A": "1"}, b"a=1")
    follows = Response(303, {"Location": "done?x=1"}, request=sent).next

    assert (follows.method, str(follows.url), follows.body) == ("GET", "http://h/done?x=1", None)
    assert Response(307, {"Location": "/"}, request=sent).next.method == "POST"
    assert Response(200, {"Location": "/"}, request=sent).next is None
    assert Response(303, request=sent).next is None
    assert Response(303, {"Location": "/"}).next is None
    with pytest.raises(UnsupportedScheme):
        Response(302, {"Location": "file:///etc/passwd"}, request=sent).next  # noqa: B018
    with pytest.raises(InvalidURL):
        Response(302, {"Location": "http://[/"}, request=sent).next  # noqa: B018


@pytest.mark.parametrize("kind", [Response, AsyncResponse])
def test_history_is_a_list_of_one_s_own(kind):
    """Empty at first, not shared with any other response, kept when it is added to, set from any iterable."""
    one, other = kind(200), kind(302)
    one.history.append(other)

    assert one.history == [other]
    assert kind(200).history == other.history == []
    one.history = (other, other)
    assert one.history == [other, other]
    assert one.history is one.history


def test_cookies_are_those_that_this_response_sets():
    """Its own Set-Cookie lines make a jar, once; without a request they would belong to nobody."""
    head = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("Set-Cookie", "c=3; Domain=other.test")]
    response = Response(200, head, request=Request("GET", "http://h.test/x"))

    assert dict(response.cookies.items()) == {"a": "1", "b": "2"}
    assert response.cookies is response.cookies
    assert len(Response(200, head).cookies) == 0
    assert len(Response(200, request=Request("GET", "http://h.test/x")).cookies) == 0


# --- copies -----------------------------------------------------------------------------------------------------------


def full():
    """A response with all that one can have, of which nothing was read."""
    request = Request("POST", "http://h.test/form", {"X-A": "1"}, b"a=1")
    moved = Response(302, {"Location": "/"}, b"moved", request=request)
    moved.drain(100, 1)
    dropped = Response(302, {"Location": "/"}, b"x" * 100, request=request)
    dropped._body = Raw(b"x" * 100)
    dropped.drain(10, 1)
    response = Response(
        200,
        [("Content-Type", "text/plain; charset=latin-1"), ("Set-Cookie", "a=1")],
        Raw(b"caf", b"\xe9", trailers=Headers({"X-Sum": "1"})),
        reason="Fine",
        http_version="HTTP/1.0",
        request=request,
    )
    response.history = [moved, dropped]
    response._seconds = 1.5
    return response


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
@pytest.mark.parametrize("read_first", [False, True])
def test_a_response_travels_once_read(road, read_first):
    """Pickled or copied it has all it had; what nobody had read is read first, and both have it then."""
    response = full()
    if read_first:
        assert response.text == "café"
    assert response.cookies["a"] == "1"
    other = road(response)

    for it in (other, response):
        assert (it.status_code, it.reason, it.http_version, it.headers) == (200, "Fine", "HTTP/1.0", response.headers)
        assert (it.content, it.text, it.url, it.elapsed) == (b"caf\xe9", "café", "http://h.test/form", response.elapsed)
        assert (it.request, it.request.body.content) == (response.request, b"a=1")
        assert dict(it.cookies.items()) == {"a": "1"}
        assert it.trailers == {"X-Sum": "1"}
        assert [past.status_code for past in it.history] == [302, 302]
        assert it.history[0].text == "moved"
        with pytest.raises(ResponseError, match="dropped"):
            it.history[1].content  # noqa: B018
        assert list(it.iter_content(3)) == [b"caf", b"\xe9"]
        assert it.raw.read() == b""
        it.close()


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
def test_what_is_gone_does_not_stand_in_the_way(road):
    """A response that was streamed, or whose body failed, travels without it and says why there is none."""
    streamed = Response(200, body=[b"a"])
    list(streamed.iter_content())
    failed = Response(200, body=Raw(b"a", IncompleteBody("cut off")))
    with pytest.raises(IncompleteBody):
        failed.content  # noqa: B018

    for response, why in ((streamed, "streamed already"), (failed, "cut off")):
        for it in (response, road(response)):
            with pytest.raises(ResponseError, match=why):
                it.content  # noqa: B018
            with pytest.raises(ResponseError, match=why):
                it.iter_lines()
    with pytest.raises(IncompleteBody):
        road(Response(200, body=Raw(b"a", IncompleteBody("cut off"))))


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
def test_an_awaited_response_travels_once_read(road):
    """What was not awaited cannot be read on the way: that is said; once read it travels as the other colour does."""

    async def travel():
        response = AsyncResponse(
            200, {"Content-Type": "application/json"}, AsyncRaw(b"[1", b"]"), request=Request("GET", "http://h/")
        )
        with pytest.raises(ResponseError, match="await response.read"):
            road(response)
        await response.read()
        other = road(response)
        assert (other.json(), other.url, await other.read(), await other.raw.read()) == ([1], "http://h/", b"[1]", b"")
        await other.aclose()

    asyncio.run(travel())


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
def test_an_upgraded_connection_stays_where_it_is(road):
    """The connection after a 101 is its process's; all else of the response travels."""
    other = road(Response(101, upgraded=object()))

    assert (other.status_code, other.upgraded, other.content) == (101, None, b"")


def test_a_copy_does_not_close_what_the_original_holds():
    """What is told when a response is closed is told once, by the one that it was given to."""
    closed = []
    response = Response(200, body=Raw(b"a", b"b"))
    response._on_close = lambda: closed.append(1)
    next(pieces := response.iter_content())
    copy.copy(response).close()
    assert not closed
    pieces.close()
    response.close()

    assert closed == [1]


# --- draining ---------------------------------------------------------------------------------------------------------

DRAINED = [
    # what comes, and whether all of it is within 10 bytes
    ([b""], b""),
    ([b"moved"], b"moved"),
    ([b"0123", b"456789"], b"0123456789"),
    ([b"0123456789"], b"0123456789"),
    ([b"0123456789a"], None),
    ([b"x" * 4] * 1000, None),
    ([b"cut", IncompleteBody("cut off")], None),
]


@pytest.mark.parametrize(("comes", "kept"), DRAINED)
def test_what_ends_within_the_bound_is_kept(comes, kept):
    """A body that was drained whole is there for whoever asks; of any other nothing is, and that is said, again and again."""
    body = Raw(*comes, trailers=Headers({"X-A": "1"}))
    closed = []
    response = Response(302, body=body)
    response._on_close = lambda: closed.append(1)
    response.drain(10, 5)

    assert body.closed
    assert closed == [1]
    assert body.given <= 11
    if kept is None:
        for _ in range(2):
            with pytest.raises(ResponseError, match="larger than 10 bytes.* 5 seconds") as caught:
                response.text  # noqa: B018
            assert caught.value.response is response
        with pytest.raises(ResponseError, match="dropped"):
            response.iter_content()
    else:
        assert response.trailers == {"X-A": "1"}
        assert (response.content, response.content, response.text) == (kept, kept, kept.decode())
    response.drain(10, 5)
    response.close()


@pytest.mark.parametrize(("comes", "kept"), DRAINED)
def test_the_other_colour_keeps_the_same(comes, kept):
    """An awaited body that was drained whole needs no awaiting any more."""

    async def drained():
        body = AsyncRaw(*comes, trailers=Headers({"X-A": "1"}))
        response = AsyncResponse(302, body=body)
        await response.drain(10, 5)
        assert body.closed
        assert body.given <= 11
        if kept is None:
            for _ in range(2):
                with pytest.raises(ResponseError, match="larger than 10 bytes"):
                    response.content  # noqa: B018
            with pytest.raises(ResponseError, match="dropped"):
                await response.read()
        else:
            assert response.trailers == {"X-A": "1"}
            assert (response.text, await response.read()) == (kept.decode(), kept)
        await response.drain(10, 5)
        await response.aclose()

    asyncio.run(drained())


def test_draining_never_decodes_and_asking_does():
    """What is no gzip at all is drained in peace, and only asking for it as content tells; what is gzip is there."""
    head = {"Content-Encoding": "gzip"}
    for body, coded in ((b"no gzip", None), (gzip.compress(b"hello"), b"hello")):
        response, other = Response(302, head, Raw(body)), AsyncResponse(302, head, AsyncRaw(body))
        response.drain(100, 1)
        asyncio.run(other.drain(100, 1))
        if coded is None:
            for it in (response, other):
                with pytest.raises(ContentDecodingError) as caught:
                    it.content  # noqa: B018
                assert caught.value.response is it
                with pytest.raises(ResponseError, match="does not decode"):
                    it.content  # noqa: B018
        else:
            assert response.content == other.content == coded
    again = Response(302, head, Raw(b"no gzip"))
    again.drain(100, 1)
    assert again.raw.read() == b"no gzip"


def test_draining_ends_with_its_time():
    """A body that drips, or that never comes, is left after the seconds given, in both colours."""
    body = Raw(*[b"x"] * 1000, wait=0.02)
    response = Response(302, body=body)
    began = time.monotonic()
    response.drain(10_000, 0.1)
    assert 0.1 <= time.monotonic() - began < 1
    with pytest.raises(ResponseError, match="dropped"):
        response.content  # noqa: B018

    async def never():
        for wait in (0.02, 60):
            body = AsyncRaw(*[b"x"] * 1000, wait=wait)
            response = AsyncResponse(302, body=body)
            began = time.monotonic()
            await response.drain(10_000, 0.1)
            assert 0.09 <= time.monotonic() - began < 1
            assert body.closed
            with pytest.raises(ResponseError, match="dropped"):
                response.content  # noqa: B018
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(never())


def test_a_cancelled_drain_closes_the_body_and_leaves_no_task():
    """Cancelling whoever drains ends the reading too, and the cancellation goes on."""

    async def cancelled():
        body = AsyncRaw(b"x", wait=60)
        draining = asyncio.ensure_future(AsyncResponse(302, body=body).drain(10, 50))
        await asyncio.sleep(0.01)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert body.closed
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(cancelled())


def test_a_body_that_cannot_be_cancelled_delays_nobody():
    """One that swallows its cancellation is left behind after as long again."""

    class Stubborn(AsyncRaw):
        async def read(self, n):
            for _ in range(100):
                try:
                    await asyncio.sleep(0.5)
                    break
                except asyncio.CancelledError:
                    pass
            return b"x"

    async def stubborn():
        began = time.monotonic()
        await AsyncResponse(302, body=Stubborn()).drain(0, 0.05)
        return time.monotonic() - began

    assert asyncio.run(stubborn()) < 0.4


def test_draining_spoils_nothing_that_was_read_or_is_here():
    """Content that was read stays; what was streamed stays gone; a body that has come as a whole is kept however large."""
    read = Response(302, body=Raw(b"x" * 100))
    assert read.content
    read.drain(1, 1)
    assert read.content == b"x" * 100

    streamed = Response(302, body=Raw(b"ab", b"cd"))
    next(streamed.iter_content())
    streamed.drain(100, 1)
    with pytest.raises(ResponseError, match="streamed already"):
        streamed.content  # noqa: B018

    whole = Response(302, body=WholeBody(b"head" + b"x" * 100, 4))
    closed = []
    whole._on_close = lambda: closed.append(1)
    whole.drain(10, 1)
    assert closed == [1]
    assert whole.content == b"x" * 100

    upgraded = Response(101, body=Raw(b"not HTTP"), upgraded=object())
    upgraded.drain(10, 1)
    assert upgraded._body.given == 0


def test_a_body_s_own_drain_bounds_its_waits():
    """A transport that drains better is asked, in both colours; one that gives nothing has dropped it."""

    class Own(Raw):
        def drain(self, limit, seconds):
            return self.pieces[0] if limit == 7 else None

    class AsyncOwn(AsyncRaw):
        async def drain(self, limit, seconds):
            return self.pieces[0] if limit == 7 else None

    for limit in (7, 8):
        response, other = Response(302, body=Own(b"kept")), AsyncResponse(302, body=AsyncOwn(b"kept"))
        response.drain(limit, 1)
        asyncio.run(other.drain(limit, 1))
        for it in (response, other):
            if limit == 7:
                assert it.content == b"kept"
            else:
                with pytest.raises(ResponseError, match="dropped"):
                    it.content  # noqa: B018


@pytest.mark.parametrize("name", ["socket", "requests", "urllib3", "httpx"])
@pytest.mark.parametrize(
    "answer",
    [
        [b"Content-Length: 10\r\n\r\n0123456789"],
        [b"Content-Length: 10\r\n\r\n01234", 0.02, b"56789"],
        [b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n", 0.02, b"6\r\n456789\r\n0\r\n\r\n"],
    ],
)
def test_what_a_connection_brings_is_kept_and_the_connection_too(name, answer):
    """Over every transport a body of just the bound is there after draining, and the next request needs no new connection."""
    with Origin() as origin, Client(name) as client:
        origin.play(b"HTTP/1.1 200 OK\r\n" + answer[0], *answer[1:])
        response = client.get(origin.url, stream=True)
        response.drain(10, 5)
        assert client.get(f"{origin.url}/get").ok
        assert response.content == b"0123456789"
        assert len(origin.connections) == 1


def test_a_flow_s_drain_keeps_it_in_both_colours():
    """What a flow is done with, its caller may still look at."""

    def second(request, options):
        first = yield from send(request, options)
        yield from drain(first)
        response = yield from send(request, options)
        response.history = [first]
        return response

    async def carried(request, options):
        return AsyncResponse(302, (), AsyncRaw(b"moved"))

    async def rest(seconds):
        raise AssertionError(seconds)

    request = Request("GET", "http://h/")
    one = drive(second(request, Options()), lambda request, options: Response(302, (), Raw(b"moved")))
    other = asyncio.run(adrive(second(request, Options()), carried, rest))

    assert one.history[0].text == other.history[0].text == "moved"


def test_what_a_body_raises_that_is_foreign_is_a_bug_while_draining_too():
    """An exception that is none of ours is named the transport's bug, and the body is closed all the same."""
    body, other = Raw(ZeroDivisionError()), AsyncRaw(ZeroDivisionError())
    with pytest.raises(TransportBug):
        Response(302, body=body).drain(10, 1)
    with pytest.raises(TransportBug):
        asyncio.run(AsyncResponse(302, body=other).drain(10, 1))
    assert body.closed
    assert other.closed


def test_the_undecoded_body_can_be_awaited():
    """raw of the other colour gives what came, as much as is asked for, and closes at its end."""

    async def read():
        body = AsyncRaw(gzip.compress(b"hello"))
        raw = AsyncResponse(200, {"Content-Encoding": "gzip"}, body).raw
        start = await raw.read(4)
        whole = start + await raw.read()
        assert body.closed
        assert await raw.read(0) == b""
        with pytest.raises(IncompleteBody):
            await AsyncResponse(200, (), AsyncRaw(IncompleteBody("cut"))).raw.read(5)
        await raw.aclose()
        return start, gzip.decompress(whole)

    assert asyncio.run(read()) == (b"\x1f\x8b\x08\x00", b"hello")
