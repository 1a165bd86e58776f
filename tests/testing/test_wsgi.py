"""A WSGI application is called in-process as PEP 3333 asks of a server, and answers as it would over a socket."""

import contextvars
import gc
import io
import itertools
import threading
import traceback
from wsgiref.validate import validator

import pytest

from intermodal import (
    BodyNotReplayable,
    Client,
    IncompleteBody,
    InvalidURL,
    Options,
    ProtocolError,
    ReadTimeout,
    Request,
    RequestBodyError,
    ResponseError,
    Timeouts,
    Transport,
    TransportBug,
    TransportClosed,
    UnsupportedFeature,
)
from intermodal.testing import WSGITransport

URL = "http://app.test/"
TEXT = [("Content-Type", "text/plain")]

pytestmark = pytest.mark.timeout(20)


def answering(*pieces, status="200 OK", headers=TEXT):
    def app(environ, start_response):
        start_response(status, list(headers))
        return list(pieces)

    return app


class Pieces:
    """A body that counts what is taken of it and how often it is closed."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.taken = self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.taken == len(self.pieces):
            raise StopIteration
        self.taken += 1
        piece = self.pieces[self.taken - 1]
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self):
        self.closed += 1

    def app(self, environ, start_response):
        start_response("200 OK", TEXT)
        return self


def environ_of(method="GET", url=URL, target=None, script_name="", **keywords):
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        start_response("200 OK", list(TEXT))
        return []

    headers, body = keywords.get("headers", ()), keywords.get("body")
    transport = WSGITransport(app, script_name=script_name)
    transport.send(Request(method, url, headers, body, target=target), Options()).content  # noqa: B018
    return seen


def test_the_environ_is_whole():
    """Every key that PEP 3333 and RFC 3875 name is there, and holds what the request says."""
    seen = environ_of(
        "POST",
        "https://app.test:8443/caf%C3%A9/a%2Fb?q=%20x",
        headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Content-Type", "text/x")],
        body=b"tea",
    )

    stream = seen.pop("wsgi.input")
    assert hasattr(seen.pop("wsgi.errors"), "write")
    assert seen == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\u00c3\u00a9/a/b",
        "QUERY_STRING": "q=%20x",
        "REQUEST_URI": "/caf%C3%A9/a%2Fb?q=%20x",
        "RAW_URI": "/caf%C3%A9/a%2Fb?q=%20x",
        "SERVER_NAME": "app.test",
        "SERVER_PORT": "8443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "123",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "app.test:8443",
        "HTTP_X_A": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    assert not stream.seekable()


@pytest.mark.parametrize(
    ("method", "target", "path", "query"),
    [
        ("GET", "/a|b%zz?", "/a|b%zz", ""),
        ("GET", "http://other.test/a?b?c", "/a", "b?c"),
        ("GET", "http://other.test", "/", ""),
        ("OPTIONS", "*", "", ""),
    ],
)
def test_a_target_given_whole_arrives_as_it_is(method, target, path, query):
    """REQUEST_URI has every byte of an unusual target, PATH_INFO and QUERY_STRING what it means."""
    seen = environ_of(method, target=target)

    assert (seen["REQUEST_URI"], seen["PATH_INFO"], seen["QUERY_STRING"]) == (target, path, query)


def test_an_application_can_be_mounted():
    """Below script_name, PATH_INFO is the rest; a URL beside it is refused before the application is called."""
    seen = environ_of(url="http://app.test/shop/tea", script_name="/shop")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/shop", "/tea")

    with pytest.raises(InvalidURL, match="mounted at '/shop'") as caught:
        environ_of(url="http://app.test/shopping", script_name="/shop")
    assert (caught.value.delivery, caught.value.transport) == ("not_sent", "wsgi")
    with pytest.raises(ValueError, match="script_name"):
        WSGITransport(answering(), script_name="shop/")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_the_validator_finds_nothing(method):
    """The standard library's own judge of servers accepts what the application is given, with and without a body."""

    def app(environ, start_response):
        content = environ["wsgi.input"].read(100)
        write = start_response("200 OK", list(TEXT))
        write(b"<")
        return [content, b">"]

    body = iter([b"ab", b"c"]) if method == "POST" else None
    response = Client(WSGITransport(validator(app))).request(method, URL, data=body)

    assert response.content == {"POST": b"<abc>", "HEAD": b""}.get(method, b"<>")


def test_the_input_is_a_stream():
    """wsgi.input reads by size, by line and to its end, takes a piece of the body only when it is asked for, and ends."""
    taken = []

    def body():
        for piece in (b"one\ntw", b"o\n", b"three\nfour\nfive"):
            taken.append(piece)
            yield piece

    def app(environ, start_response):
        stream = environ["wsgi.input"]
        seen = [stream.read(2), list(taken)]
        seen += [stream.readline(), stream.readline(), next(iter(stream)), stream.readlines(), stream.read(5)]
        start_response("200 OK", list(TEXT))
        return [repr(seen).encode(), environ.get("CONTENT_LENGTH", "none").encode()]

    response = Client(WSGITransport(app)).post(URL, data=body())

    expected = [b"on", [b"one\ntw"], b"e\n", b"two\n", b"three\n", [b"four\n", b"five"], b""]
    assert response.content == repr(expected).encode() + b"none"


def test_the_head_comes_as_it_was_given():
    """Status, reason and fields arrive in order, with case and duplicates, and nothing is added to them."""
    fields = [("X-b", "1"), ("Set-Cookie", "a=1, x"), ("x-B", "2"), ("Set-Cookie", "b=2")]
    response = Client(WSGITransport(answering(b"x", status="299 Très bien", headers=fields))).get(URL)

    assert (response.status_code, response.reason, response.http_version) == (299, "Très bien", "HTTP/1.1")
    assert response.headers.pairs == tuple(fields)
    assert response.request.target == "/"
    assert Client(WSGITransport(answering(status="200 "))).get(URL).reason == ""


def test_the_response_is_streamed():
    """send returns with the first piece that is not empty, and the next is taken when it is asked for."""
    pieces = Pieces(b"", b"", b"one", b"two", b"three")
    response = Client(WSGITransport(pieces.app)).get(URL, stream=True)

    assert pieces.taken == 3
    body = response.iter_content()
    assert [next(body), pieces.taken, next(body), pieces.taken] == [b"one", 3, b"two", 4]
    assert [list(body), pieces.closed] == [[b"three"], 1]
    response.close()
    assert pieces.closed == 1


def test_a_large_piece_is_read_in_parts():
    """A piece is cut as the reader asks, nothing of it lost."""
    content = bytes(range(256)) * 4096
    response = Client(WSGITransport(answering(content, b"end"))).get(URL, stream=True)

    assert response.raw.read(10) == content[:10]
    assert response.raw.read() == content[10:] + b"end"


def test_leaving_early_closes_the_application():
    """A body left half read is closed exactly once, and so is one that nobody closes; then there is no more of it."""
    pieces = Pieces(b"one", b"two")
    transport = WSGITransport(pieces.app)
    response = transport.send(Request("GET", URL), Options())
    response.raw.read(1)
    response.close()
    response.close()
    assert (pieces.taken, pieces.closed) == (1, 1)
    with pytest.raises(Exception, match="closed before its body was read"):
        response.content  # noqa: B018

    left = Pieces(b"one", b"two")
    transport = WSGITransport(left.app)
    transport.send(Request("GET", URL), Options())
    gc.collect()
    assert left.closed == 1


def test_a_generator_is_closed():
    """A generator of an application sees that its response was left, and runs to its end where it was not."""
    seen = []

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        try:
            yield b"one"
            yield b"two"
            seen.append("end")
        finally:
            seen.append("closed")

    client = Client(WSGITransport(app))
    assert client.get(URL).content == b"onetwo"
    with client.get(URL, stream=True):
        pass
    assert seen == ["end", "closed", "closed"]


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_no_content_is_none(method, status):
    """HEAD, 204 and 304 bring no body, whatever the application gives, and it is closed; Content-Length stays."""
    pieces = Pieces(b"one", b"two")

    def app(environ, start_response):
        start_response(status, [("Content-Length", "6")])
        return pieces

    response = WSGITransport(app).send(Request(method, URL), Options())

    assert pieces.closed == 1
    assert (response.content, response.headers["content-length"], pieces.closed) == (b"", "6", 1)


def test_write_goes_before_what_is_returned():
    """What is given by write() comes first, in order."""

    def app(environ, start_response):
        write = start_response("200 OK", list(TEXT))
        write(b"a")
        write(b"")
        write(b"b")
        return [b"c"]

    assert Client(WSGITransport(app)).get(URL).content == b"abc"


def test_an_error_page_replaces_the_head():
    """start_response with exc_info replaces a head that was not sent, and raises where it was; without, it is an error."""

    def recovers(environ, start_response):
        start_response("200 OK", [("X-Old", "1")])
        yield b""
        try:
            raise KeyError("lost")
        except KeyError as error:
            start_response("500 Oops", list(TEXT), (KeyError, error, error.__traceback__))
        yield b"page"

    def too_late(environ, start_response):
        start_response("200 OK", list(TEXT))
        yield b"first"
        try:
            raise KeyError("lost")
        except KeyError as error:
            start_response("500 Oops", list(TEXT), (KeyError, error, error.__traceback__))
        yield b"page"

    def written(environ, start_response):
        start_response("200 OK", list(TEXT))(b"first")
        return too_late(environ, lambda *given: start_response("500 Oops", list(TEXT), (Boom, Boom(), None)))

    def twice(environ, start_response):
        start_response("200 OK", list(TEXT))
        start_response("200 OK", list(TEXT))
        return []

    response = Client(WSGITransport(recovers)).get(URL)
    assert (response.status_code, response.content, "x-old" in response.headers) == (500, b"page", False)
    with pytest.raises(TransportBug) as caught:
        Client(WSGITransport(too_late)).get(URL)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(TransportBug) as caught:
        Client(WSGITransport(written)).get(URL)
    assert isinstance(caught.value.__cause__, Boom)
    with pytest.raises(ProtocolError, match="second time without exc_info"):
        Client(WSGITransport(twice)).get(URL)


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (answering(status=200), "status 200, a int: expected a str"),
        (answering(status=b"200 OK"), "a bytes: expected a str"),
        (answering(status="OK"), "status 'OK': expected three digits"),
        (answering(status="100 Continue"), "from 200 to 999"),
        (answering(status="101 Switching Protocols"), "from 200 to 999"),
        (answering(status="200 O\r\nX: y"), "break the status line"),
        (answering(headers=[("X", "a\r\nY: b")]), r"'\\r' at position 1"),
        (answering(headers=[("X Y", "a")]), "not a token"),
        (answering(headers=[(b"X", b"a")]), "expected a list of .name, value., both str"),
        (answering(headers=[("X", 1)]), "both str"),
        (answering(headers=[("Content-Length", "two")]), "Content-Length 'two'"),
        (answering(headers=[("Content-Length", "1"), ("Content-Length", "2")]), "two that differ"),
        (answering(headers=[("Transfer-Encoding", "gzip, chunked")]), "Transfer-Encoding"),
        (answering("text"), "gave 'text', a str, as a piece of its body: expected bytes"),
        (lambda environ, start_response: (start_response("200 OK", TEXT), None)[1], "returned None"),
        (lambda environ, start_response: (start_response("200 OK", TEXT), b"abc")[1], "expected an iterable of bytes"),
        (lambda environ, start_response: start_response("200 OK", tuple(TEXT)), "expected a list"),
        (lambda environ, start_response: start_response("200 OK", TEXT)("text"), "wrote 'text', a str"),
        (lambda environ, start_response: [], "without calling start_response"),
        (lambda environ, start_response: [b"x"], "before it called start_response"),
    ],
)
def test_what_breaks_the_protocol_is_named(app, words):
    """What an application gives against PEP 3333 or HTTP is a ProtocolError that says so; to a client of a server, a 500."""
    with pytest.raises(ProtocolError, match=words) as caught:
        Client(WSGITransport(app)).get(URL)
    error = caught.value
    assert (error.transport, error.request.url.host, error.reused) == ("wsgi", "app.test", False)
    assert (error.phase, error.delivery) in (("wait", "maybe_sent"), ("head", "sent"))

    assert Client(WSGITransport(app, raise_app_exceptions=False)).get(URL).status_code == 500


class Boom(Exception):
    pass


def raising(environ, start_response):
    start_response("200 OK", list(TEXT))
    raise Boom("in the view")


def test_a_malformed_head_has_begun():
    """How far an exchange with a malformed head had come: a response had begun."""
    for app in (
        answering(status="OK"),
        answering(headers=[("X Y", "a")]),
        answering(headers=[("Content-Length", "x")]),
    ):
        with pytest.raises(ProtocolError) as caught:
            Client(WSGITransport(app)).get(URL)
        assert (caught.value.phase, caught.value.delivery) == ("head", "sent")


def test_what_the_application_raises_reaches_the_test():
    """It is the cause of a TransportBug that shows it, which no handler of network failures catches; what began is told."""
    pieces = Pieces(b"one", Boom("half way"), b"two")
    with pytest.raises(
        TransportBug, match=r"raised Boom\('in the view'\) while it answered GET http://app.test/"
    ) as caught:
        WSGITransport(raising).send(Request("GET", "http://user:secret@app.test/"), Options())
    error = caught.value
    assert isinstance(error.__cause__, Boom)
    assert traceback.extract_tb(error.__cause__.__traceback__)[-1].name == "raising"
    assert (error.phase, error.delivery, error.transport, error.request.method) == ("wait", "maybe_sent", "wsgi", "GET")

    response = Client(WSGITransport(pieces.app)).get(URL, stream=True)
    assert response.raw.read(9) == b"one"
    for _ in range(2):
        with pytest.raises(TransportBug, match="half way") as caught:
            response.raw.read(9)
    assert (caught.value.phase, caught.value.delivery, pieces.closed) == ("body", "sent", 1)


def test_an_error_of_intermodal_is_the_applications_too():
    """An application that is itself a client does not make its own failure look like ours."""

    def app(environ, start_response):
        raise ReadTimeout("of somebody else")

    with pytest.raises(TransportBug) as caught:
        Client(WSGITransport(app)).get(URL)
    assert isinstance(caught.value.__cause__, ReadTimeout)


def test_a_server_would_answer_500(caplog):
    """Where failures are not to be raised, they are logged: before the response a 500, in the middle a body cut off."""
    response = Client(WSGITransport(raising, raise_app_exceptions=False)).get(URL)
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert caplog.records[-1].exc_info[0] is Boom
    assert Client(WSGITransport(raising, raise_app_exceptions=False)).head(URL).content == b""

    pieces = Pieces(b"one", Boom())
    with pytest.raises(IncompleteBody) as caught:
        Client(WSGITransport(pieces.app, raise_app_exceptions=False)).get(URL)
    assert (caught.value.partial, caught.value.delivery, pieces.closed) == (b"one", "sent", 1)
    assert isinstance(caught.value.__cause__, Boom)

    def writing(environ, start_response):
        start_response("200 OK", list(TEXT))(b"one")
        raise Boom

    with pytest.raises(IncompleteBody) as caught:
        Client(WSGITransport(writing, raise_app_exceptions=False)).get(URL)
    assert caught.value.partial == b"one"


def test_what_close_raises_is_shown():
    """A close() that fails is the application's failure too, at the end of the body and in the middle."""

    class Bad(Pieces):
        def close(self):
            super().close()
            raise Boom

    bad = Bad(b"x", b"y")
    for shows in (True, False):
        client = Client(WSGITransport(bad.app, raise_app_exceptions=shows))
        bad.taken = bad.closed = 0
        response = client.get(URL, stream=True)
        if shows:
            with pytest.raises(TransportBug):
                response.close()
            bad.taken = 0
            with pytest.raises(TransportBug):
                client.get(URL)
        else:
            response.close()
            bad.taken = 0
            assert client.get(URL).content == b"xy"
        assert bad.closed == 2


def test_interrupts_pass():
    """Ctrl-C in an application is no error of ours, and its body is closed all the same."""
    pieces = Pieces(b"one", KeyboardInterrupt())
    response = Client(WSGITransport(pieces.app)).get(URL, stream=True)
    assert response.raw.read(9) == b"one"
    with pytest.raises(KeyboardInterrupt):
        response.raw.read(9)
    assert pieces.closed == 1


def test_a_short_body_is_incomplete():
    """A body shorter than its Content-Length is what a closed connection makes of it, with what came."""
    app = answering(b"abc", headers=[("Content-Length", "5")])
    for shows in (True, False):
        with pytest.raises(IncompleteBody, match="2 bytes before its Content-Length") as caught:
            Client(WSGITransport(app, raise_app_exceptions=shows)).get(URL)
        assert (caught.value.partial, caught.value.phase, caught.value.delivery) == (b"abc", "body", "sent")


@pytest.mark.parametrize("pieces", [(b"abcdefg",), (b"abcde", b"fg"), (b"abc", b"de", b"", b"f")])
def test_a_long_body_is_told_or_cut_off(pieces):
    """Of a body longer than its Content-Length the rest is never given: a test is told, a client of a server sees nothing."""
    app = answering(*pieces, headers=[("Content-Length", "5")])
    with pytest.raises(ProtocolError, match="more of a body than its Content-Length") as caught:
        Client(WSGITransport(app)).get(URL)
    assert caught.value.partial == b"abcde"

    assert Client(WSGITransport(app, raise_app_exceptions=False)).get(URL).content == b"abcde"


def test_a_body_without_end_is_cut_off():
    """Behind its Content-Length nothing more is taken of an application."""

    def endless(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        while True:
            yield b"abc"

    assert Client(WSGITransport(endless, raise_app_exceptions=False)).get(URL).content == b"abcab"


def test_a_failing_request_body_is_the_callers():
    """What the caller's body raises is a RequestBodyError with it as the cause, whatever the application makes of that."""

    def body():
        yield b"x"
        raise Boom

    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except Exception:
            start_response("400 Bad", list(TEXT))
        return [b"answered"]

    def passing(environ, start_response):
        return [environ["wsgi.input"].read()]

    def wrapping(environ, start_response):
        try:
            return passing(environ, start_response)
        except Exception as error:
            raise LookupError from error

    for tried, shows in itertools.product((app, passing, wrapping), (True, False)):
        with pytest.raises(RequestBodyError) as caught:
            Client(WSGITransport(tried, raise_app_exceptions=shows)).post(URL, data=body())
        assert isinstance(caught.value.__cause__, Boom)
        assert (caught.value.phase, caught.value.delivery) == ("send", "maybe_sent")
        assert (caught.value.transport, caught.value.request.method) == ("wsgi", "POST")


def test_a_request_body_is_let_go():
    """A body that the application does not read to its end is closed with the exchange; one that is gone is refused."""
    seen = []

    def body():
        try:
            while True:
                yield b"x" * 10
        finally:
            seen.append("closed")

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return [environ["wsgi.input"].read(25)]

    request = Request("POST", URL, body=body())
    transport = WSGITransport(app)
    assert transport.send(request, Options()).content == b"x" * 25
    assert seen == ["closed"]
    with pytest.raises(BodyNotReplayable) as caught:
        transport.send(request, Options())
    assert caught.value.delivery == "not_sent"


def test_what_cannot_be_is_refused():
    """A bound on the whole exchange cannot be kept here, a proxy not be used: both are refused, the rest is not."""
    called = []
    transport = WSGITransport(lambda *_: called.append(1))
    assert isinstance(transport, Transport)
    with pytest.raises(UnsupportedFeature, match="TOTAL_TIMEOUT"):
        transport.send(Request("GET", URL), Options(Timeouts(total=5)))
    with pytest.raises(UnsupportedFeature, match="FORWARD_PROXY"):
        Client(transport, proxies={"http": "http://proxy.test"}).get(URL)
    assert not called
    fine = Client(WSGITransport(answering(b"x")), timeout=Timeouts(write=1, pool=1), verify="no.pem", cert="no.pem")
    assert fine.put("https://app.test/", data=iter([b"x"])).content == b"x"


def test_a_slow_application_is_noticed():
    """A wait longer than `read` ends in a ReadTimeout once the application comes back; the caller's own body costs none."""
    rest = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        yield b"one"
        rest.wait(0.1)
        yield b"two"

    response = Client(WSGITransport(app), timeout=Timeouts(read=0.05, write=None)).get(URL, stream=True)
    assert response.raw.read(9) == b"one"
    with pytest.raises(ReadTimeout) as caught:
        response.raw.read(9)
    assert (caught.value.phase, caught.value.delivery) == ("body", "sent")

    def slow_body():
        rest.wait(0.1)
        yield b"x"

    def echo(environ, start_response):
        start_response("200 OK", list(TEXT))
        return [environ["wsgi.input"].read()]

    client = Client(WSGITransport(echo), timeout=Timeouts(read=0.05))
    assert client.post(URL, data=slow_body()).content == b"x"


def test_close_refuses_what_follows():
    """close() is idempotent, refuses the next send, and leaves a response that nobody waits for to its holder."""
    pieces = Pieces(b"one", b"two")
    transport = WSGITransport(pieces.app)
    response = transport.send(Request("GET", URL), Options())
    transport.close()
    transport.close()

    with pytest.raises(TransportClosed) as caught:
        transport.send(Request("GET", URL), Options())
    assert (caught.value.delivery, caught.value.transport, caught.value.request.url.host) == (
        "not_sent",
        "wsgi",
        "app.test",
    )
    assert response.content == b"onetwo"


@pytest.mark.parametrize("what", ["transport", "response"])
def test_close_ends_a_wait_of_another_thread(what):
    """Who waits for the application while it is closed is told when that comes back; the body is closed once."""
    working, go_on = threading.Event(), threading.Event()

    class Slow(Pieces):
        def __next__(self):
            if self.taken:
                working.set()
                assert go_on.wait(10)
            return super().__next__()

    slow = Slow(b"one", b"two", b"three")
    transport = WSGITransport(slow.app)
    response = transport.send(Request("GET", URL), Options())
    failures = []

    def read():
        try:
            response.content  # noqa: B018
        except Exception as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert working.wait(10)
    (transport if what == "transport" else response).close()
    assert slow.closed == 0
    go_on.set()
    reader.join(10)
    assert [type(error) for error in failures] == [TransportClosed]
    assert (failures[0].partial, failures[0].delivery, slow.closed) == (b"one", "sent", 1)


def test_a_close_at_the_last_moment_is_not_lost(monkeypatch):
    """A response that is closed when the application has just come back, and its reader not yet, is given up all the same."""
    pieces = Pieces(b"one", b"two")
    response = WSGITransport(pieces.app).send(Request("GET", URL), Options())
    assert response.raw.read(9) == b"one"
    looks = iter([False, True])

    class Clock:  # looked at when the application is asked, and when it has come back
        def monotonic():
            if next(looks):
                response.close()
            return 0.0

    monkeypatch.setattr("intermodal.testing.wsgi.time", Clock)

    response._body.read(9)
    assert pieces.closed == 1
    with pytest.raises(ResponseError):
        response._body.read(9)


def test_threads_do_not_meet():
    """Many threads at once get each its own answer, all of them inside the application together."""
    count = 8
    together = threading.Barrier(count, timeout=10)

    def app(environ, start_response):
        together.wait()
        start_response("200 OK", list(TEXT))
        yield environ["wsgi.input"].read()
        together.wait()
        yield environ["PATH_INFO"].encode()

    client = Client(WSGITransport(app))
    answers = {}

    def ask(number):
        answers[number] = client.post(f"{URL}{number}", data=b"%d" % number).content

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == {number: b"%d/%d" % (number, number) for number in range(count)}


def test_the_callers_context_is_the_applications():
    """Context variables of the caller are visible to the application, and what it sets to the caller."""
    user = contextvars.ContextVar("user", default="nobody")

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        yield user.get().encode()
        user.set("app")

    user.set("ada")
    assert Client(WSGITransport(app)).get(URL).content == b"ada"
    assert user.get() == "app"


def test_errors_go_to_stderr(monkeypatch):
    """wsgi.errors is the standard error of the moment, which a test may have replaced."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    environ_of()["wsgi.errors"].write("said")
    assert stream.getvalue() == "said"


def test_what_is_no_application_is_refused():
    """A module or a response instead of an application is named at once."""
    with pytest.raises(TypeError, match="expected a WSGI application"):
        WSGITransport(Pieces())
