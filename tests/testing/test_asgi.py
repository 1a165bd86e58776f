"""An ASGI application is called in-process as its specification asks of a server, and answers as it would over a socket."""

import asyncio
import contextlib
import contextvars
import gc

import pytest

from intermodal import (
    AsyncTransport,
    BodyNotReplayable,
    Headers,
    IncompleteBody,
    InvalidURL,
    Options,
    ProtocolError,
    ReadTimeout,
    Request,
    RequestBodyError,
    ResponseError,
    Timeouts,
    TotalTimeout,
    TransportBug,
    TransportClosed,
    UnsupportedFeature,
)
from intermodal.testing import ASGITransport

URL = "http://app.test/"
NO_BOUND = Timeouts.of(None)
LONG = 10.0

pytestmark = pytest.mark.timeout(20)


def run(coroutine):
    """Run a scenario; whatever task it leaves behind is a failure."""

    async def scenario():
        try:
            return await asyncio.wait_for(coroutine, LONG)
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks were left: {left}"

    return asyncio.run(scenario())


def start(status=200, headers=(), **more):
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(piece=b"", *, more=False):
    return {"type": "http.response.body", "body": piece, "more_body": more}


def sending(*messages):
    async def app(scope, receive, send):
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            await send(message)

    return app


async def ask(app, method="GET", url=URL, headers=(), content=None, *, target=None, timeouts=None, **keywords):
    options = Options(timeouts or Timeouts(total=LONG))
    transport = app if isinstance(app, ASGITransport) else ASGITransport(app, **keywords)
    return await transport.asend(Request(method, url, headers, content, target=target), options)


async def fetch(app, *arguments, **keywords):
    async with await ask(app, *arguments, **keywords) as response:
        await response.read()
        return response


def checking(found):
    """Make an application that demands of its server all that the specification promises, and echoes the body."""

    async def app(scope, receive, send):
        found.append(scope)
        assert type(scope) is dict
        assert scope["type"] == "http"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
        assert scope["http_version"] == "1.1"
        assert scope["scheme"] in ("http", "https")
        for key in ("method", "path", "root_path"):
            assert type(scope[key]) is str
        for key in ("raw_path", "query_string"):
            assert type(scope[key]) is bytes
        for name, value in scope["headers"]:
            assert type(name) is type(value) is bytes
            assert name == name.lower()
        for address, port in (scope["client"], scope["server"]):
            assert (type(address), type(port)) == (str, int)
        assert all(type(extension) is dict for extension in scope["extensions"].values())
        pieces, more = [], True
        while more:
            message = await receive()
            assert message["type"] == "http.request"
            assert type(message["body"]) is bytes
            assert type(message["more_body"]) is bool
            pieces.append(message["body"])
            more = message["more_body"]
        assert await send(start(headers=[(b"x-pieces", str(len(pieces)).encode())])) is None
        for piece in pieces:
            assert await send(body(piece, more=True)) is None
        await send(body())
        for _ in range(2):
            assert await receive() == {"type": "http.disconnect"}

    return app


def test_the_scope_is_whole():
    """Every key of an HTTP scope is there, and holds what the request says: fields in order, with duplicates."""
    scopes = []
    headers = [("X-A", "1"), ("Accept", "é"), ("x-a", "2")]
    response = run(fetch(checking(scopes), "POST", "https://app.test:8443/caf%C3%A9/a%2Fb?q=%20x", headers, b"tea"))

    assert response.content == b"tea"
    assert scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": "/café/a/b",
            "raw_path": b"/caf%C3%A9/a%2Fb",
            "query_string": b"q=%20x",
            "root_path": "",
            "headers": [
                (b"host", b"app.test:8443"),
                (b"x-a", b"1"),
                (b"accept", b"\xe9"),
                (b"x-a", b"2"),
                (b"content-length", b"3"),
            ],
            "client": ("127.0.0.1", 123),
            "server": ("app.test", 8443),
            "extensions": {"http.response.trailers": {}},
        }
    ]


@pytest.mark.parametrize(
    ("content", "expected", "messages"),
    [
        (None, b"", "1"),
        (b"x" * 65536, b"x" * 65536, "1"),
        (b"x" * 65537, b"x" * 65537, "3"),
        ([b"a", b"b"], b"ab", "3"),
    ],
)
def test_the_body_comes_in_pieces(content, expected, messages):
    """The checker finds nothing wrong with bodies of each kind, and all of them arrive; a known one is not dragged out."""
    response = run(fetch(checking([]), "POST", content=content))

    assert (response.content, response.headers["x-pieces"]) == (expected, messages)


@pytest.mark.parametrize(
    ("method", "target", "raw_path", "path", "query"),
    [
        ("GET", "/a|b%zz", b"/a|b%zz", "/a|b%zz", b""),
        ("GET", "http://other.test/a?b?c", b"http://other.test/a", "/a", b"b?c"),
        ("OPTIONS", "*", b"*", "*", b""),
    ],
)
def test_a_target_given_whole_arrives_as_it_is(method, target, raw_path, path, query):
    """raw_path and query_string have the bytes of an unusual target, path what it means."""
    scopes = []
    run(fetch(checking(scopes), method, target=target))

    assert (scopes[0]["raw_path"], scopes[0]["path"], scopes[0]["query_string"]) == (raw_path, path, query)


def test_an_application_can_be_mounted():
    """The path includes root_path; a URL beside it is refused before the application is called."""
    scopes = []
    run(fetch(checking(scopes), url="http://app.test/shop/tea", root_path="/shop"))
    assert (scopes[0]["root_path"], scopes[0]["path"]) == ("/shop", "/shop/tea")

    with pytest.raises(InvalidURL, match="mounted at '/shop'") as caught:
        run(fetch(checking(scopes), url="http://app.test/shopping", root_path="/shop"))
    assert (caught.value.delivery, caught.value.transport, len(scopes)) == ("not_sent", "asgi", 1)
    with pytest.raises(ValueError, match="root_path"):
        ASGITransport(sending(), root_path="shop")


def test_the_head_comes_as_it_was_sent():
    """Status and fields arrive in order, with case and duplicates; the reason is the usual one, nothing else is added."""
    fields = [(b"X-b", b"1"), (b"Set-Cookie", b"a=1, x"), (b"x-B", b"\xe9")]
    response = run(fetch(sending(start(404, fields), body(b"x"))))

    assert (response.status_code, response.reason, response.http_version) == (404, "Not Found", "HTTP/1.1")
    assert response.headers.pairs == (("X-b", "1"), ("Set-Cookie", "a=1, x"), ("x-B", "é"))
    assert (response.request.target, response.content) == ("/", b"x")
    assert run(fetch(sending(start(299), body()))).reason == ""


def test_the_response_is_streamed():
    """asend returns with the head, and the application is never more than one message ahead of its reader."""

    async def scenario():
        sent = []

        async def app(scope, receive, send):
            await send(start())
            for number in range(5):
                await send(body(b"%d" % number, more=True))
                sent.append(number)
            await send(body(b"end"))

        response = await ask(app)
        ahead = []
        async for piece in response:
            for _ in range(20):  # all the turns that it could want
                await asyncio.sleep(0)
            ahead.append((piece, len(sent)))
        return ahead

    assert run(scenario()) == [(b"0", 2), (b"1", 3), (b"2", 4), (b"3", 5), (b"4", 5), (b"end", 5)]


def test_large_pieces_are_read_in_parts():
    """A piece larger than what is read at once is cut, and nothing of it is lost."""
    content = bytes(range(256)) * 1024
    assert run(fetch(sending(start(), body(content, more=True), body(content)))).content == content * 2


def test_the_application_is_over_with_the_body():
    """What an application does after its response is done by the end of the body, and it is told of the disconnect."""
    done = []

    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x"))
        assert await receive() == {"type": "http.disconnect"}
        await asyncio.sleep(0.01)
        done.append(True)

    assert run(fetch(app)).content == b"x"
    assert done == [True]


@pytest.mark.parametrize("way", ["send", "receive", "sleep"])
def test_leaving_early_ends_the_application(way):
    """A response left half read shows the application a disconnect, or cancels it; it is over when aclose() returns."""
    seen = []

    async def app(scope, receive, send):
        try:
            await receive()
            await send(start())
            await send(body(b"one", more=True))
            if way == "receive":
                seen.append(await receive())
            elif way == "sleep":
                await asyncio.sleep(LONG)
            while True:
                await send(body(b"more", more=True))
        except BaseException as error:
            seen.append(type(error))
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("over")

    async def scenario():
        response = await ask(app)
        assert await response._body.read(2) == b"on"
        for _ in range(10):
            await asyncio.sleep(0)
        assert seen == []
        await response.aclose()
        await response.aclose()
        assert seen[-1] == "over"
        with pytest.raises(ResponseError, match="closed before its body was read"):
            await response.read()

    run(scenario())
    assert (
        seen[:-1]
        == {"send": [OSError], "receive": [{"type": "http.disconnect"}, OSError], "sleep": [asyncio.CancelledError]}[
            way
        ]
    )


def test_an_application_that_was_left_is_not_reported():
    """What an application raises because its client has gone concerns nobody, asyncio's log neither."""

    async def scenario():
        reports = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        response = await ask(sending(start(), body(b"x", more=True), body(b"y")))
        await response.aclose()
        del response
        gc.collect()
        return reports

    assert run(scenario()) == []


def test_a_response_that_is_lost_ends_the_application():
    """A response that nobody closes does not leave its application behind."""

    async def scenario():
        before = len(asyncio.all_tasks())
        response = await ask(sending(start(), body(b"x", more=True), body(b"y", more=True), body(b"z")))
        assert len(asyncio.all_tasks()) == before + 1
        del response
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)

    run(scenario())


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_no_content_is_none(method, status):
    """HEAD, 204 and 304 bring no body, whatever the application sends, and it comes to its end; Content-Length stays."""
    done = []

    async def app(scope, receive, send):
        await send(start(status, [(b"content-length", b"6")]))
        await send(body(b"one", more=True))
        await send(body(b"two"))
        done.append(True)

    response = run(fetch(app, method))
    assert (response.content, response.headers["content-length"], done) == (b"", "6", [True])


def test_trailers_come_at_the_end():
    """Trailer fields are there once the body was read, in order; without any there are none."""

    def trailers(*fields, more=False):
        return {"type": "http.response.trailers", "headers": fields, "more_trailers": more}

    app = sending(
        start(trailers=True),
        body(b"x"),
        trailers((b"X-Sum", b"1"), more=True),
        trailers((b"x-sum", b"2"), (b"Y", b"3")),
    )

    async def scenario():
        response = await ask(app)
        assert response.trailers is None
        assert await response.read() == b"x"
        return response

    assert run(scenario()).trailers.pairs == (("X-Sum", "1"), ("x-sum", "2"), ("Y", "3"))
    assert run(fetch(sending(start(), body(b"x")))).trailers == Headers()
    with pytest.raises(ProtocolError, match="cannot be sent") as caught:
        run(fetch(sending(start(trailers=True), body(b"x"), trailers((b"X", b"a\r\nb")))))
    assert (caught.value.phase, caught.value.partial) == ("body", b"x")
    with pytest.raises(IncompleteBody):
        run(fetch(sending(start(trailers=True), body(b"x"))))


def test_the_applications_of_other_servers_are_named():
    """What is no ASGI 3 application is named, when it is given or when it is called."""
    with pytest.raises(TypeError, match="expected an ASGI application"):
        ASGITransport("module:app")
    with pytest.raises(ProtocolError, match=r"returned None when it was called: expected ASGI 3"):
        run(fetch(lambda scope, receive, send: None))


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "without sending http.response.start"),
        ([body(b"x")], "expected 'http.response.start'"),
        ([None], "sent None: expected"),
        ([{"type": "http.response.begin"}], "begin.*: expected 'http.response.start'"),
        ([start("200")], "status '200': expected a number"),
        ([start(True)], "status True: expected a number"),
        ([start(None)], "expected a number"),
        ([start(100)], "from 200 to 999"),
        ([start(headers=[(b"X", b"a\r\nY: b")])], r"'\\r' at position 1"),
        ([start(headers=[(b"X Y", b"a")])], "not a token"),
        ([start(headers=[("X", "a")])], "expected pairs of bytes"),
        ([start(headers=[b"X"])], "expected pairs of bytes"),
        ([{**start(), "headers": None}], "expected pairs of bytes"),
        ([start(headers=[(b"content-length", b"two")])], "Content-Length 'two'"),
    ],
)
def test_what_breaks_the_protocol_is_named(messages, words):
    """What an application sends against ASGI or HTTP is a ProtocolError that says so; to a client of a server, a 500."""
    with pytest.raises(ProtocolError, match=words) as caught:
        run(fetch(sending(*messages)))
    error = caught.value
    assert (error.transport, error.request.url.host, error.reused) == ("asgi", "app.test", False)
    began = bool(messages) and messages[0] is not None and messages[0]["type"] == "http.response.start"
    assert (error.phase, error.delivery) == (("head", "sent") if began else ("wait", "maybe_sent"))

    assert run(fetch(sending(*messages), raise_app_exceptions=False)).status_code == 500


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([body(b"x", more=True), start()], "expected 'http.response.body'"),
        ([body(b"x", more=True), body("y")], "sent 'y', a str, as a piece of its body"),
        ([body(b"x"), body(b"y")], "its response was complete"),
    ],
)
def test_what_breaks_the_body_is_named(messages, words):
    """What is wrong behind the head is told when the body is read, behind what came of it."""
    with pytest.raises(ProtocolError, match=words) as caught:
        run(fetch(sending(start(), *messages)))
    assert (caught.value.partial, caught.value.phase, caught.value.delivery) == (b"x", "body", "sent")


class Boom(Exception):
    pass


def test_what_the_application_raises_reaches_the_test():
    """It is the cause of a TransportBug that shows it: before the response, in the middle, and after."""
    with pytest.raises(TransportBug, match=r"raised Boom\('early'\) while it answered GET http://app.test/") as caught:
        run(fetch(sending(Boom("early"))))
    assert isinstance(caught.value.__cause__, Boom)
    assert (caught.value.phase, caught.value.delivery, caught.value.transport) == ("wait", "maybe_sent", "asgi")

    for more in (True, False):

        async def scenario(more=more):
            response = await ask(sending(start(), body(b"one", more=more), Boom("late")))
            assert await response._body.read(9) == b"one"
            for _ in range(2):
                with pytest.raises(TransportBug, match="late") as caught:
                    await response._body.read(9)
            assert isinstance(caught.value.__cause__, Boom)
            assert (caught.value.phase, caught.value.delivery) == ("body", "sent")

        run(scenario())


@pytest.mark.parametrize("error", [ReadTimeout("of somebody else"), asyncio.CancelledError()])
def test_the_applications_own_error_is_not_ours(error):
    """An application that is itself a client, or cancels itself, does not make its own failure look like ours."""
    with pytest.raises(TransportBug) as caught:
        run(fetch(sending(error)))
    assert type(caught.value.__cause__) is type(error)


def test_a_server_would_answer_500(caplog):
    """Where failures are not to be raised, they are logged: a 500 before, a body cut off in the middle, nothing after."""
    response = run(fetch(sending(Boom()), raise_app_exceptions=False))
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert caplog.records[-1].exc_info[0] is Boom
    assert run(fetch(sending(Boom()), "HEAD", raise_app_exceptions=False)).content == b""

    with pytest.raises(IncompleteBody) as caught:
        run(fetch(sending(start(), body(b"one", more=True), Boom()), raise_app_exceptions=False))
    assert (caught.value.partial, caught.value.delivery) == (b"one", "sent")
    assert isinstance(caught.value.__cause__, Boom)

    caplog.clear()
    assert run(fetch(sending(start(), body(b"one"), Boom()), raise_app_exceptions=False)).content == b"one"
    assert caplog.records[-1].exc_info[0] is Boom


@pytest.mark.parametrize("shows", [True, False])
def test_a_body_that_is_not_complete(shows):
    """A body shorter than its Content-Length, or never ended, is what a closed connection makes of it, with what came."""
    length = [(b"content-length", b"5")]
    for messages in ([start(headers=length), body(b"abc")], [start(), body(b"abc", more=True)]):
        with pytest.raises(IncompleteBody) as caught:
            run(fetch(sending(*messages), raise_app_exceptions=shows))
        assert (caught.value.partial, caught.value.phase, caught.value.delivery) == (b"abc", "body", "sent")


@pytest.mark.parametrize("pieces", [(b"abcdefg",), (b"abcde", b"fg"), (b"abc", b"de", b"f", b"g")])
def test_a_long_body_is_told_or_cut_off(pieces):
    """Of a body longer than its Content-Length the rest is never given: a test is told, a client of a server sees nothing."""
    app = sending(start(headers=[(b"content-length", b"5")]), *(body(piece, more=True) for piece in pieces), body())
    with pytest.raises(ProtocolError, match="more of a body than its Content-Length") as caught:
        run(fetch(app))
    assert caught.value.partial == b"abcde"

    assert run(fetch(app, raise_app_exceptions=False)).content == b"abcde"


def test_a_body_without_end_is_cut_off():
    """Behind its Content-Length nothing more is taken of an application; a HEAD waits for it no longer than `read` says."""

    async def endless(scope, receive, send):
        await send(start(headers=[(b"content-length", b"5")]))
        while True:
            await send(body(b"abc", more=True))

    assert run(fetch(endless, raise_app_exceptions=False)).content == b"abcab"
    with pytest.raises(ReadTimeout):
        run(fetch(endless, "HEAD", timeouts=Timeouts(read=0.05)))


def test_a_failing_request_body_is_the_callers():
    """What the caller's body raises is a RequestBodyError with it as the cause; the application sees its client go."""
    seen = []

    def content():
        yield b"x"
        raise Boom

    async def app(scope, receive, send):
        seen.extend([await receive(), await receive(), await receive()])
        with contextlib.suppress(OSError):
            await send(start(400))

    for shows in (True, False):
        seen.clear()
        with pytest.raises(RequestBodyError) as caught:
            run(fetch(app, "POST", content=content(), raise_app_exceptions=shows))
        assert isinstance(caught.value.__cause__, Boom)
        assert (caught.value.phase, caught.value.delivery) == ("send", "maybe_sent")
        assert (caught.value.transport, caught.value.request.method) == ("asgi", "POST")
        gone = {"type": "http.disconnect"}
        assert seen == [{"type": "http.request", "body": b"x", "more_body": True}, gone, gone]


def test_a_request_body_is_let_go():
    """A body that the application does not read to its end is closed with the exchange; one that is gone is refused."""
    seen = []

    def content():
        try:
            while True:
                yield b"x"
        finally:
            seen.append("closed")

    async def app(scope, receive, send):
        message = await receive()
        await send(start())
        await send(body(message["body"]))

    async def scenario():
        transport = ASGITransport(app)
        request = Request("POST", URL, body=content())
        response = await transport.asend(request, Options())
        assert await response.read() == b"x"
        assert seen == ["closed"]
        with pytest.raises(BodyNotReplayable) as caught:
            await transport.asend(request, Options())
        assert caught.value.delivery == "not_sent"

    run(scenario())


def test_what_cannot_be_is_refused():
    """A transport with another's needs refuses them before the application is called."""
    called = []
    transport = ASGITransport(lambda *_: called.append(1))
    assert isinstance(transport, AsyncTransport)
    with pytest.raises(UnsupportedFeature, match="UPGRADE"):
        run(fetch(transport, headers=[("Connection", "upgrade"), ("Upgrade", "x")]))
    assert not called


async def hanging(scope, receive, send):
    await asyncio.sleep(LONG)


async def stalling(scope, receive, send):
    await send(start())
    await send(body(b"one", more=True))
    await asyncio.sleep(LONG)


async def dripping(scope, receive, send):
    await send(start())
    while True:
        await send(body(b".", more=True))
        await asyncio.sleep(0.01)


async def lingering(scope, receive, send):
    await send(start())
    await send(body(b"one"))
    await asyncio.sleep(LONG)


@pytest.mark.parametrize(
    ("app", "timeouts", "kind", "phase", "delivery"),
    [
        (hanging, Timeouts(read=0.05), ReadTimeout, "wait", "maybe_sent"),
        (hanging, Timeouts(read=None, total=0.05), TotalTimeout, "wait", "maybe_sent"),
        (stalling, Timeouts(read=0.05), ReadTimeout, "body", "sent"),
        (stalling, Timeouts(read=5, total=0.05), TotalTimeout, "body", "sent"),
        (dripping, Timeouts(read=0.05, total=0.15), TotalTimeout, "body", "sent"),
        (lingering, Timeouts(read=0.05), ReadTimeout, "body", "sent"),
    ],
)
def test_every_wait_is_bounded(app, timeouts, kind, phase, delivery):
    """A wait ends by `read`, the exchange by `total`; what came is kept, and the application is over."""

    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(kind) as caught:
            await fetch(app, timeouts=timeouts)
        assert loop.time() - began < 2
        return caught.value

    error = run(scenario())
    assert type(error) is kind
    assert (error.phase, error.delivery, error.transport) == (phase, delivery, "asgi")
    assert bool(error.partial) == (phase == "body")


def test_an_application_that_lingers_is_no_clients_business():
    """As over a server, a complete response counts, though its application does not return; it is cancelled."""
    assert run(fetch(lingering, timeouts=Timeouts(read=0.05), raise_app_exceptions=False)).content == b"one"


def test_reading_a_body_is_no_silence():
    """While the application takes pieces of the request, `read` does not run out."""

    async def app(scope, receive, send):
        for _ in range(6):
            assert (await receive())["more_body"]
            await asyncio.sleep(0.05)
        await send(start())
        await send(body(b"done"))

    timeouts = Timeouts(read=0.15)
    assert run(fetch(app, "POST", content=[b"x"] * 6, timeouts=timeouts)).content == b"done"


def test_a_slow_reader_is_no_silence():
    """A wait begins when somebody waits: the time in which nobody read is not the application's, nor at the end."""

    async def scenario():
        go_on = asyncio.Event()

        async def app(scope, receive, send):
            await send(start())
            await send(body(b"one", more=True))
            await go_on.wait()
            await send(body(b"two"))
            go_on.clear()
            await go_on.wait()

        response = await ask(app, timeouts=Timeouts(read=0.1))
        assert await response._body.read(9) == b"one"
        for expected in (b"two", b""):
            await asyncio.sleep(0.15)
            asyncio.get_running_loop().call_later(0.02, go_on.set)
            assert await response._body.read(9) == expected

    run(scenario())


@pytest.mark.parametrize("where", ["head", "body", "end"])
def test_cancellation_propagates(where):
    """A task that is cancelled in a wait is cancelled, and its application is over by then, whatever that makes of it."""
    seen = []

    async def scenario():
        waiting = asyncio.Event()

        async def app(scope, receive, send):
            try:
                if where != "head":
                    await send(start())
                    await send(body(b"x", more=where == "body"))
                waiting.set()
                await asyncio.sleep(LONG)
            except asyncio.CancelledError as error:
                seen.append("cancelled")
                raise Boom from error

        task = asyncio.create_task(fetch(app))
        await waiting.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["cancelled"]

    run(scenario())


def test_an_application_that_will_not_end_is_left(monkeypatch):
    """One that swallows its cancellation cannot hold its caller for ever."""
    monkeypatch.setattr("intermodal.testing.asgi_exchange._PATIENCE", 0.05)
    enough = []

    async def app(scope, receive, send):
        await send(start())
        while not enough:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    async def scenario():
        response = await ask(app)
        await response.aclose()
        enough.append(True)
        await asyncio.sleep(0.05)

    run(scenario())


def test_close_refuses_what_follows():
    """aclose() is idempotent, refuses the next send, and leaves a response that nobody waits for to its holder."""

    async def scenario():
        transport = ASGITransport(sending(start(), body(b"one", more=True), body(b"two")))
        response = await ask(transport)
        await transport.aclose()
        await transport.aclose()
        with pytest.raises(TransportClosed) as caught:
            await ask(transport)
        assert (caught.value.delivery, caught.value.transport) == ("not_sent", "asgi")
        assert caught.value.request.url.host == "app.test"
        assert await response.read() == b"onetwo"

    run(scenario())


@pytest.mark.parametrize(("app", "partial"), [(hanging, b""), (stalling, b"one")])
def test_close_ends_what_runs(app, partial):
    """What waits for the application while the transport is closed ends with TransportClosed, all at once, and so does it."""

    async def scenario():
        transport = ASGITransport(app)
        tasks = [asyncio.create_task(fetch(transport)) for _ in range(3)]
        for _ in range(10):
            await asyncio.sleep(0)
        await transport.aclose()
        return await asyncio.gather(*tasks, return_exceptions=True)

    errors = run(scenario())
    assert [(type(error), error.partial) for error in errors] == [(TransportClosed, partial)] * 3
    assert {error.delivery for error in errors} == {"sent" if partial else "maybe_sent"}


def test_closing_a_response_ends_its_reader():
    """A response that another task closes ends the wait of the one that reads it."""

    async def scenario():
        response = await ask(stalling)
        reader = asyncio.create_task(response.read())
        for _ in range(10):
            await asyncio.sleep(0)
        await response.aclose()
        with pytest.raises(TransportClosed) as caught:
            await reader
        assert caught.value.partial == b"one"

    run(scenario())


def test_tasks_do_not_meet():
    """Many exchanges at once get each its own answer, all of them inside the application together."""
    count = 8

    async def scenario():
        inside = []
        all_inside = asyncio.Event()

        async def app(scope, receive, send):
            message = await receive()
            inside.append(1)
            if len(inside) == count:
                all_inside.set()
            await all_inside.wait()
            await send(start())
            await send(body(message["body"], more=True))
            await asyncio.sleep(0)
            await send(body(scope["raw_path"]))

        transport = ASGITransport(app)
        return await asyncio.gather(
            *(fetch(transport, "POST", f"{URL}{number}", content=b"%d" % number) for number in range(count))
        )

    assert [response.content for response in run(scenario())] == [b"%d/%d" % (n, n) for n in range(count)]


def test_the_callers_context_is_the_applications():
    """Context variables of the caller are visible to the application; what it sets stays its own."""
    user = contextvars.ContextVar("user", default="nobody")

    async def app(scope, receive, send):
        await send(start())
        await send(body(user.get().encode()))
        user.set("app")

    async def scenario():
        user.set("ada")
        response = await fetch(app)
        return response.content, user.get()

    assert run(scenario()) == (b"ada", "ada")


def test_one_transport_serves_many_loops():
    """A transport made outside of any loop is used on one after the other."""
    transport = ASGITransport(sending(start(), body(b"x")))
    assert [run(fetch(transport)).content for _ in range(2)] == [b"x", b"x"]
