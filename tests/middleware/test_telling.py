"""Logging and events: readable lines, each once and in order, no secret in any, and no result changed by them."""

import asyncio
import contextlib
import dataclasses
import functools
import gc
import io
import itertools
import logging
import pickle
import re
import ssl
import subprocess
import sys
import timeit
import weakref

import pytest
import trustme
from fleet import TRANSPORTS, make_transport
from hypothesis import given
from hypothesis import strategies as st

from intermodal import (
    TLS,
    AsyncResponse,
    Body,
    ConnectionError,
    ExchangeInfo,
    IncompleteBody,
    Options,
    Proxy,
    ReadTimeout,
    Request,
    RequestBodyError,
    Response,
    Times,
    TransportBug,
)
from intermodal.events import Event
from intermodal.flow import adrive, drain, drive, send
from intermodal.middleware.telling import Teller, as_listener, told, wanted
from intermodal.model.bodies import WholeBody
from intermodal.model.headers import SECRET, Headers
from intermodal.model.url import URL
from intermodal.testing import MockTransport, WSGITransport
from intermodal.testing.origin import Origin

GET = Request("GET", "http://h/a")
LOGGER = logging.getLogger("intermodal")


class Records(logging.Handler):
    """Keeps records, with their lines as a handler would write them."""

    def __init__(self):
        super().__init__()
        self.records, self.lines = [], []

    def emit(self, record):
        self.records.append(record)
        self.lines.append(self.format(record))


@contextlib.contextmanager
def logged(level=logging.DEBUG):
    """Listen to the logger at a level."""
    records = Records()
    LOGGER.setLevel(level)
    LOGGER.addHandler(records)
    LOGGER.propagate = False
    try:
        yield records
    finally:
        LOGGER.propagate = True
        LOGGER.removeHandler(records)
        LOGGER.setLevel(logging.NOTSET)


def ticking(step=0.001):
    """A clock that goes on by a millisecond at each look."""
    return functools.partial(next, (tick * step for tick in itertools.count()))


def send_told(request, carry, *, listener=None, clock=None, options=Options()):  # noqa: B008
    """Send a request through the flow, told to a listener and to the log."""
    settings = {} if clock is None else {"clock": clock}
    return drive(told(request, options, send, tell=Teller(listener).tell, **settings), carry)


def answering(*args, **kwargs):
    """Carry by answering with a new Response of these."""
    return lambda request, options: Response(*args, **kwargs)


# -- lines ----------------------------------------------------------------------------------------------------------------


def test_an_exchange_reads_like_this():
    """One line an event, in order, with the times that the transport and the clock tell."""
    exchange = ExchangeInfo(
        peer_address=("192.0.2.1", 443),
        reused=False,
        tls_version="TLSv1.3",
        times=Times(resolve=0.0004, connect=0.00123, proxy=0.02, tls=0.0041),
    )
    request = Request("POST", "https://h:8443/a?b=c", {}, b"x" * 12)
    with logged() as log:
        response = send_told(
            request, answering(200, (), b"y" * 345, reason="OK", exchange=exchange), clock=ticking(0.01)
        )
        assert response.content == b"y" * 345

    assert log.lines == [
        "POST https://h:8443/a?b=c, with a body of 12 bytes",
        "POST https://h:8443/a?b=c: name resolved in 0.4 ms",
        "POST https://h:8443/a?b=c: connected to 192.0.2.1 port 443 in 1.2 ms",
        "POST https://h:8443/a?b=c: the proxy agreed in 20.0 ms",
        "POST https://h:8443/a?b=c: TLSv1.3 agreed in 4.1 ms",
        "POST https://h:8443/a?b=c: HTTP/1.1 200 OK in 10.0 ms",
        "POST https://h:8443/a?b=c: body of 345 bytes in 10.0 ms",
    ]
    assert {record.levelno for record in log.records} == {logging.DEBUG}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event("request", GET), "GET http://h/a"),
        (
            Event("request", Request("PUT", "http://h/a", (), iter([b"x"]))),
            "PUT http://h/a, with a body of unknown length",
        ),
        (Event("request", Request("PUT", "http://h/a", (), b"x")), "PUT http://h/a, with a body of 1 byte"),
        (Event("connect", GET, 0.25, peer="/run/s"), "GET http://h/a: connected to /run/s in 250.0 ms"),
        (
            Event("head", GET, 5, status=204, http_version="HTTP/1.0", reused=True),
            "GET http://h/a: HTTP/1.0 204 in 5000.0 ms, on a connection that had served before",
        ),
        (Event("body", GET, 0, size=1, ending="closed"), "GET http://h/a: body closed after 1 byte in 0.0 ms"),
        (Event("body", GET, 0.5, ending="drained"), "GET http://h/a: body drained in 500.0 ms"),
        (
            Event("error", GET, 0.1, error="KeyboardInterrupt"),
            "GET http://h/a: KeyboardInterrupt after 100.0 ms",
        ),
        (
            Event("retry", GET, 1.5, attempt=2, reason="status 503"),
            "GET http://h/a: again in 1500.0 ms, attempt 2: status 503",
        ),
        (Event("redirect", GET, status=302, to="http://g/b"), "GET http://h/a: 302, on to http://g/b"),
    ],
    ids=lambda value: "" if isinstance(value, str) else value.kind,
)
def test_each_kind_has_its_line(event, line):
    """What is not known leaves no gap; what is one is not written as many."""
    assert str(event) == line


def test_a_failure_tells_how_far_it_had_come():
    """Class, time, phase, delivery and text of an error stand in its line, and the error itself is raised."""
    error = ReadTimeout("no byte for 5 s", phase="wait", delivery="maybe_sent")

    def carry(request, options):
        raise error

    with logged() as log, pytest.raises(ReadTimeout) as caught:
        send_told(GET, carry, clock=ticking(1))

    assert caught.value is error
    assert log.lines == [
        "GET http://h/a",
        "GET http://h/a: ReadTimeout after 1000.0 ms (wait, maybe_sent): no byte for 5 s",
    ]


def test_a_body_that_fails_tells_how_much_of_it_came():
    """The bytes before the failure are counted, and why it failed is said."""

    def pieces():
        yield b"ten bytes!"
        raise IncompleteBody("5 bytes are missing", phase="body", delivery="sent")

    with logged() as log:
        response = send_told(GET, answering(200, body=pieces()), clock=ticking())
        with pytest.raises(IncompleteBody):
            response.content  # noqa: B018
    assert log.lines[-1] == (
        "GET http://h/a: body failed after 10 bytes in 1.0 ms: IncompleteBody (body, sent): 5 bytes are missing"
    )


@given(text=st.text(min_size=1), long=st.integers(0, 3000))
def test_no_text_of_a_server_ends_a_line_or_speaks_to_a_terminal(text, long):
    """Whatever stands in a reason, an error or a redirect, the line is printable ASCII, and its length has a bound."""
    words = text * (1 + long // len(text))
    for event in (
        Event("head", GET, 1, status=200, reason=words),
        Event("error", GET, 1, error="E", reason=words),
        Event("body", GET, 1, size=1, ending="failed", error="E", reason=words),
        Event("retry", GET, 1, attempt=2, reason=words),
        Event("redirect", GET, status=302, to=words),
    ):
        line = str(event)
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 3500
    assert "\\x1b[2J\\r\\n" in str(Event("head", GET, 1, status=200, reason="\x1b[2J\r\nGET"))
    assert "%s" in str(Event("head", GET, 1, status=200, reason="%s"))


def test_a_percent_sign_is_no_format():
    """A URL and a reason with what looks like a format are logged as they are."""
    with logged() as log:
        send_told(Request("GET", "http://h/%25s%20d"), answering(200, reason="100%s %d"))
    assert log.lines[0] == "GET http://h/%25s%20d"
    assert "100%s %d" in log.lines[1]


# -- secrets --------------------------------------------------------------------------------------------------------------

MARKER = "S3CRETmarker"
_around = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=8)
_secrets = st.builds("{}{}{}".format, _around, st.just(MARKER), _around)
_names = st.sampled_from(sorted(SECRET)).flatmap(
    lambda name: st.lists(st.booleans(), min_size=len(name), max_size=len(name)).map(
        lambda ups: "".join(c.upper() if up else c for c, up in zip(name, ups, strict=True))
    )
)
_fields = st.lists(st.tuples(_names, _secrets), max_size=4)
_userinfo = st.builds(
    "{}{}@".format, st.sampled_from([MARKER, f"ann:{MARKER}", f":{MARKER}"]), st.sampled_from(["", "%40", "%2F%3a"])
)
_urls = st.builds("http://{}h/a?b#{}".format, _userinfo, st.sampled_from(["", MARKER]))


def _unseen(log, events):
    """Assert that no line, no repr and no pickle of what was told holds the marker."""
    assert MARKER not in "".join(log.lines)
    assert MARKER not in "".join(f"{event}{event.to}{event.reason}{event.url}" for event in events)
    for record in log.records:
        # A Request's own repr has the fragment, which is never sent; lines and pickles do without.
        assert MARKER not in repr(record.__dict__).replace(f"#{MARKER}", "")
        sent = pickle.dumps({**record.__dict__, "args": None})  # as a SocketHandler does
        assert MARKER.encode() not in sent
        again = pickle.loads(sent)["intermodal"]
        assert (again.kind, again.request.method, str(again)) == (
            record.intermodal.kind,
            record.intermodal.request.method,
            str(record.intermodal),
        )


@given(
    url=_urls,
    fields=_fields,
    answered=_fields,
    body=st.sampled_from([None, MARKER.encode(), [MARKER.encode()]]),
    outcome=st.sampled_from(["answer", "error", "foreign", "bug", "body error", "broken body"]),
)
def test_no_secret_stands_in_any_record(url, fields, answered, body, outcome):
    """Neither lines nor records, as text or pickled, hold credentials of headers or URLs, bodies, or foreign texts."""
    request = Request("PUT", url, fields, body)
    failures = {
        "error": ConnectionError(f"no way to {url.partition('#')[0]}"),
        "foreign": ValueError(MARKER),
        "bug": TransportBug(f"let {ValueError(MARKER)!r} out"),
        "body error": RequestBodyError(f"gave {MARKER!r}"),
    }
    failures["bug"].__cause__ = ValueError(MARKER)

    def pieces():
        yield MARKER.encode()
        raise failures["bug"]

    def carry(request, options):
        if outcome in failures:
            raise failures[outcome]
        return Response(302, [*answered, ("Location", url)], pieces() if outcome == "broken body" else MARKER.encode())

    events = []
    with logged() as log:
        with contextlib.suppress(Exception):
            response = send_told(request, carry, listener=events.append)
            response.content  # noqa: B018
        for to in (url, URL(url)):
            Teller(events.append).tell("redirect", request, status=302, to=to)
        Teller(events.append).tell(
            "retry", request, seconds=1.0, attempt=2, reason=f"no way to {url.partition('#')[0]}"
        )

    assert len(log.records) == len(events) > 3
    assert log.lines == [str(event) for event in events]
    _unseen(log, events)


def test_a_pickled_event_has_the_rest_of_its_request():
    """Another process sees method, URL, target and headers, with the secret ones masked, and a body of the same length."""
    for body in (b"12345", iter([b"x"]), None):
        request = Request("PUT", "http://ann:pw@h/a?b", {"Authorization": "Basic x", "X-A": "1"}, body)
        again = pickle.loads(pickle.dumps(Event("head", request, 0.5, status=200))).request
        assert str(again.url) == "http://h/a?b"
        assert dict(again.headers) == {**request.headers, "Authorization": "***"}
        assert again.target == "/a?b"
        assert (again.body and again.body.length) == (request.body and request.body.length)
    assert request.headers["Authorization"] == "Basic x"


def test_an_event_is_a_frozen_dataclass():
    """It cannot be changed, and structured loggers can take it apart."""
    event = Event("head", GET, 0.5, status=200)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.status = 500
    assert {key: value for key, value in dataclasses.asdict(event).items() if value} == {
        "kind": "head",
        "request": GET,
        "seconds": 0.5,
        "status": 200,
    }


# -- once and in order, over each transport -------------------------------------------------------------------------------


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    """Each of the four in turn, which find any name on this machine."""
    made = make_transport(request.param, resolver=lambda host, port: ["127.0.0.1"])
    yield made
    made.close()


def at(origin, path="/get"):
    """A URL of the origin by a name, which has to be looked up."""
    return f"{origin.url.replace('127.0.0.1', 'origin.test')}{path}"


def test_a_connection_is_told_by_the_exchange_that_made_it(transport):
    """The first exchange tells all, the next one over the same connection no part of its making."""
    events = []
    with Origin() as origin, logged() as log:
        for _ in range(2):
            assert send_told(Request("GET", at(origin)), transport.send, listener=events.append).content
        assert len(origin.connections) == 1
        size = len(origin.connections[0].sent.rpartition(b"\r\n\r\n")[2])

    made = ["request", "resolve", "connect", "head", "body"]
    assert [event.kind for event in events] == [*made, "request", "head", "body"]
    assert [event.reused for event in events if event.kind == "head"] == [False, True]
    assert [event.size for event in events if event.kind == "body"] == [size, size]
    assert events[2].peer == f"127.0.0.1 port {origin.port}"
    assert all(0 <= event.seconds < 30 for event in events if event.kind != "request")
    head = next(event for event in events if event.kind == "head")
    assert (head.status, head.reason, head.http_version) == (200, "OK", "HTTP/1.1")
    assert [record.intermodal for record in log.records] == events
    assert re.fullmatch(
        rf"GET http://origin\.test:{origin.port}/get: connected to 127\.0\.0\.1 port {origin.port} in \d+\.\d ms",
        log.lines[2],
    )


@pytest.fixture(scope="module")
def authority():
    """Who vouches for the servers here."""
    return trustme.CA()


def test_tls_and_a_tunnel_are_told(transport, authority, tmp_path):
    """Through a proxy to https, its agreement and the handshake come in this order before the head."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("origin.test").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = TLS(verify=str(tmp_path / "ca.pem"))
    events = []
    with Origin(tls=context, front="http") as origin:
        options = Options(tls=tls, proxy=Proxy(origin.proxy_url))
        send_told(
            Request("GET", "https://origin.test/get"), transport.send, listener=events.append, options=options
        ).close()
    assert [event.kind for event in events][2:] == ["connect", "proxy", "tls", "head", "body"]
    assert next(event for event in events if event.kind == "tls").tls_version == "TLSv1.3"


def test_no_connection_is_told_as_an_error(transport):
    """A refused connection is one error, of phase and delivery as the error itself has them."""
    with Origin() as origin:
        pass
    events = []
    with pytest.raises(ConnectionError) as caught:
        send_told(Request("GET", at(origin)), transport.send, listener=events.append)
    assert [event.kind for event in events] == ["request", "error"]
    told_of = events[1]
    assert (told_of.error, told_of.phase, told_of.delivery) == ("ConnectionError", "connect", "not_sent")
    assert told_of.reason == str(caught.value)


def _left(response):
    response.raw.read(10)
    response.close()
    response.close()


def _drained(response):
    drive(drain(response), None)


def _drained_whole(response):
    response.drain(400_000, 30)
    assert len(response.content) == 300_000


def _counted_out(response):
    size = int(response.headers["Content-Length"])
    while size:
        size -= len(response.raw.read(size))
    response.close()


def _into(response):
    buffer = bytearray(70_000)
    while response.raw.readinto(buffer):
        pass


@pytest.mark.parametrize(
    ("finish", "ending"),
    [
        (_left, "closed"),
        (_drained, "drained"),
        (_drained_whole, "read"),
        (_counted_out, "read"),
        (_into, "read"),
        (lambda response: [*response.iter_content(100_000)], "read"),
        (lambda response: response.content, "read"),
    ],
    ids=["closed", "drained", "drained whole", "counted", "readinto", "iterated", "content"],
)
def test_a_body_is_told_once_however_it_ends(transport, finish, ending):
    """Read, closed or drained, once or again: one event, with the bytes that were read."""
    events = []
    with Origin() as origin:
        response = send_told(Request("GET", at(origin, "/bytes/300000")), transport.send, listener=events.append)
        finish(response)
        response.close()
    assert [event.kind for event in events].count("body") == 1
    body = events[-1]
    assert (body.kind, body.ending) == ("body", ending)
    assert body.size == {"read": 300_000, "drained": None}.get(ending, body.size)
    if ending == "closed":
        assert 0 < body.size <= 10


def test_a_body_without_bytes_is_read_when_it_is_closed(transport):
    """What has no content by its status or method was not closed too early."""
    with Origin() as origin:
        for request in (Request("HEAD", at(origin)), Request("GET", at(origin, "/status/204"))):
            events = []
            send_told(request, transport.send, listener=events.append).close()
            assert (events[-1].kind, events[-1].ending, events[-1].size) == ("body", "read", 0)


@pytest.mark.parametrize(
    ("request_", "answer", "ending"),
    [
        (Request("HEAD", "http://h/"), (200, {"Content-Length": "5"}), "read"),
        (GET, (304, {"Content-Length": "5"}), "read"),
        (GET, (204,), "read"),
        (GET, (200, {"Content-Length": "5"}, b"12345"), "read"),
        (GET, (200, {"Content-Length": "6"}, b"12345"), "closed"),
        (GET, (200, {"Content-Length": "5", "Transfer-Encoding": "chunked"}, b"12345"), "closed"),
        (GET, (200, [("Content-Length", "5"), ("Content-Length", "5")], b"12345"), "closed"),
        (GET, (200, {"Content-Length": "\xb2"}, b"12345"), "closed"),
        (GET, (200, (), b"12345"), "closed"),
    ],
)
def test_whether_a_body_was_read_is_told_by_its_length(request_, answer, ending):
    """A body that tells nothing by itself, closed after five bytes, was read if its head says so (RFC 9112 section 6.3)."""
    events = []
    response = send_told(request_, answering(*answer), listener=events.append)
    if len(answer) > 2:
        response.raw.read(5)
    assert events[-1].kind == "head"
    response.close()
    assert (events[-1].kind, events[-1].ending) == ("body", ending)


def test_a_body_that_is_cut_off_is_told_as_failed(transport):
    """The server's end in the middle of a body is a failure of the body, once, though reading is tried again."""
    events = []
    with Origin() as origin:
        origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", then="fin")
        response = send_told(Request("GET", at(origin)), transport.send, listener=events.append)
        for _ in range(2):
            with pytest.raises(IncompleteBody):
                while response.raw.read(100):
                    pass
        response.close()
    assert [event.kind for event in events][-2:] == ["head", "body"]
    assert (events[-1].ending, events[-1].size, events[-1].error) == ("failed", 5, "IncompleteBody")
    assert (events[-1].phase, events[-1].delivery) == ("body", "sent")


def test_the_connection_after_a_101_is_the_callers(transport):
    """Its bytes are no body, and are neither counted nor told."""
    events = []
    with Origin() as origin:
        origin.play(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhi", then="fin")
        request = Request("GET", at(origin), {"Connection": "upgrade", "Upgrade": "x"})
        response = send_told(request, transport.send, listener=events.append)
        assert response.upgraded.recv(10) == b"hi"
        response.upgraded.close()
        response.close()
    assert events[-1].kind == "head"


def test_a_response_that_is_dropped_gives_its_connection_back_at_once(transport):
    """The flow keeps no circle of references: with the last one to the response, its body goes."""
    with Origin() as origin:
        response = send_told(Request("GET", at(origin, "/bytes/3000000")), transport.send, listener=lambda event: None)
        gone = weakref.ref(response)
        assert [each.in_use for each in transport.connections()] == [True]
        gc.disable()
        try:
            del response
            assert gone() is None
            assert not any(each.in_use for each in transport.connections())
        finally:
            gc.enable()


# -- nothing is changed ---------------------------------------------------------------------------------------------------


class Scripted:
    """A RawBody that gives pieces, then ends or fails."""

    def __init__(self, pieces, failure):
        self.pieces, self.failure, self.closed = list(pieces), failure, 0

    def read(self, n):
        if not self.pieces:
            if self.failure is not None:
                raise self.failure
            return b""
        data, self.pieces[0] = self.pieces[0][:n], self.pieces[0][n:]
        if not self.pieces[0]:
            del self.pieces[0]
        return data

    def close(self):
        self.closed += 1


class Full(Scripted):
    """One that has all that a body may have."""

    @property
    def trailers(self):
        return None if self.pieces else Headers([("X-T", "1")])

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def fill(self, n):
        gathered = self.read(n)
        while self.pieces and len(gathered) < n:
            gathered += self.read(n - len(gathered))
        return gathered

    def drain(self, limit, seconds):
        gathered = b""
        with contextlib.suppress(IncompleteBody):
            while len(gathered) <= limit:
                if not (data := self.read(limit + 1 - len(gathered))):
                    return gathered
                gathered += data
        return None


def _outcome(step):
    """What came of a step: its value, or its error as far as a caller sees it."""
    try:
        return step()
    except Exception as error:
        return type(error), str(error), getattr(error, "partial", None), type(error.__cause__)


def _readinto(response, n):
    buffer = bytearray(n)
    count = response.raw.readinto(buffer)
    return count, bytes(buffer)


STEPS = {
    "content": lambda response, n: response.content,
    "iterate": lambda response, n: [*response.iter_content()],
    "cut": lambda response, n: [*response.iter_content(n)],
    "raw": lambda response, n: response.raw.read(n),
    "into": _readinto,
    "drain": lambda response, n: response.drain(n, 5),
    "close": lambda response, n: response.close(),
    "trailers": lambda response, n: response.trailers,
    "has": lambda response, n: [hasattr(response._body, name) for name in ("fill", "readinto", "drain", "trailers")],
}


@given(
    kind=st.sampled_from([Scripted, Full]),
    pieces=st.lists(st.binary(min_size=1, max_size=20), max_size=4),
    failure=st.sampled_from([lambda: None, lambda: IncompleteBody("cut off"), lambda: ValueError("foreign")]),
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from([1, 7, 4096])), max_size=6),
)
def test_the_flow_changes_nothing_of_a_body(kind, pieces, failure, steps):
    """With it and without, each step gives the same bytes, the same error and the same trailers; and one end is told."""
    bodies = [kind(pieces, failure()), kind(pieces, failure())]
    events = []
    bare = Response(200, body=bodies[0], request=GET)
    followed = send_told(GET, answering(200, body=bodies[1], request=GET), listener=events.append)
    for name, n in steps:
        step = STEPS[name]
        assert _outcome(lambda step=step, n=n: step(followed, n)) == _outcome(lambda step=step, n=n: step(bare, n))
    assert bodies[1].closed == bodies[0].closed
    assert bodies[1].pieces == bodies[0].pieces
    assert [event.kind for event in events] in (["request", "head"], ["request", "head", "body"])
    if events[-1].kind == "body" and events[-1].size is not None:
        assert (
            events[-1].size == len(b"".join(pieces)) - len(b"".join(bodies[1].pieces)) or events[-1].ending == "closed"
        )


def _app(environ, start_response):
    """Answer by the path: a status, then pieces, the last of which may raise."""
    _, status, count, failing = environ["PATH_INFO"].split("/")
    start_response(f"{status} Reason", [("X-A", "1")])

    def pieces():
        for number in range(int(count)):
            yield b"%d" % number * 500
        if failing == "1":
            raise ValueError("in the middle")

    return pieces()


@given(
    data=st.binary(max_size=9000),
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from([1, 7, 4096])), max_size=6),
)
def test_the_flow_leaves_a_body_alone_that_is_here_already(data, steps):
    """What came along with the head is told with its size at once, and every step then goes as it would."""
    events = []
    bare = Response(200, body=WholeBody(data, 0), request=GET)
    met = send_told(GET, answering(200, body=WholeBody(data, 0), request=GET), listener=events.append)
    assert [(event.kind, event.size, event.ending) for event in events[1:]] == [
        ("head", None, None),
        ("body", len(data), "read"),
    ]
    for name, n in steps:
        step = STEPS[name]
        assert _outcome(lambda step=step, n=n: step(met, n)) == _outcome(lambda step=step, n=n: step(bare, n))
    assert len(events) == 3


@given(
    status=st.sampled_from([200, 204, 404, 500]),
    count=st.integers(0, 4),
    failing=st.booleans(),
    stream=st.booleans(),
    wsgi=st.booleans(),
)
def test_the_flow_changes_nothing_of_a_response(status, count, failing, stream, wsgi):
    """Over a WSGI application and a mock, response or error are the same with it and without."""

    def outcome(call):
        def step():
            transport = WSGITransport(_app) if wsgi else MockTransport({f"/{status}/{count}/0": (status, b"")})
            request = Request("GET", f"http://app.test/{status}/{count}/{int(failing)}")
            response = call(request, transport.send)
            body = [*response.iter_content(300)] if stream else response.content
            assert response.request is request
            return response.status_code, response.reason, response.headers.pairs, body, response.trailers

        return _outcome(step)

    with logged():
        told_of = outcome(send_told)
    assert told_of == outcome(lambda request, carry: carry(request, Options()))


def test_a_followed_response_is_copied_as_it_is():
    """A copy and a pickle of its body are of the body that was followed, whoever listens."""
    response = send_told(GET, answering(200, body=b"abc"), listener=lambda event: None)
    response._body._body = io.BytesIO(b"abc")
    assert pickle.loads(pickle.dumps(response._body)).read() == b"abc"


def test_reading_no_bytes_is_no_end():
    """Who asks for none gets none, and that says nothing of the body's end."""
    events = []
    response = send_told(GET, answering(200, body=Full([b"ab"], None)), listener=events.append)
    assert response._body.read(0) == b""
    assert response._body.readinto(memoryview(bytearray())) == 0
    assert response._body.fill(2) == b"ab"
    assert events[-1].kind == "head"
    assert response._body.read(1) == b""
    assert (events[-1].kind, events[-1].ending, events[-1].size) == ("body", "read", 2)


def test_a_double_that_gives_the_same_response_again_is_followed_once():
    """However often the same object is answered with, closing it goes through one layer."""
    body = Scripted([b"x"], None)
    response = Response(200, body=body)
    for _ in range(sys.getrecursionlimit()):
        send_told(GET, lambda request, options: response, listener=lambda event: None)
    assert response._body._body is body
    response.close()


# -- the other colour -----------------------------------------------------------------------------------------------------


class AsyncScripted:
    """An AsyncRawBody over a scripted one, with its drain."""

    def __init__(self, body):
        self.body = body

    async def read(self, n):
        await asyncio.sleep(0)
        return self.body.read(n)

    async def drain(self, limit, seconds):
        return self.body.drain(limit, seconds)

    async def aclose(self):
        self.body.close()


async def _rest(seconds):
    raise AssertionError(seconds)


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=20), max_size=4),
    failure=st.sampled_from([lambda: None, lambda: IncompleteBody("cut off"), lambda: ValueError("foreign")]),
    steps=st.lists(st.sampled_from(["read", "iterate", "one", "drain", "aclose"]), max_size=4),
)
def test_the_same_holds_when_it_is_awaited(pieces, failure, steps):
    """In the other colour too nothing is changed, and one end is told."""
    events, bodies = [], []

    async def run(response):
        async def step(name):
            if name == "read":
                return await response.read()
            if name == "drain":
                await response.drain(10, 5)
                return response.content
            if name == "one":
                return await response._body.read(1)
            return [piece async for piece in response.iter_content(3)] if name == "iterate" else await response.aclose()

        outcomes = []
        for name in steps:
            try:
                outcomes.append(await step(name))
            except Exception as error:
                outcomes.append((type(error), str(error), getattr(error, "partial", None)))
        return outcomes

    async def carry(request, options):
        bodies.append(Full(pieces, failure()))
        return AsyncResponse(200, body=AsyncScripted(bodies[-1]), request=request)

    async def both():
        flow = told(GET, Options(), send, tell=Teller(events.append).tell)
        followed = await adrive(flow, carry, _rest)
        bare = await carry(GET, Options())
        return await run(followed), await run(bare)

    followed, bare = asyncio.run(both())
    assert followed == bare
    assert bodies[0].closed == bodies[1].closed
    assert [event.kind for event in events] in (["request", "head"], ["request", "head", "body"])


def test_an_awaited_body_that_is_here_already_is_told_at_once():
    """Bytes are no less here for being awaited."""
    events = []

    async def carry(request, options):
        return AsyncResponse(200, body=b"abc")

    async def call():
        response = await adrive(told(GET, Options(), send, tell=Teller(events.append).tell), carry, _rest)
        assert [event.kind for event in events] == ["request", "head", "body"]
        await response.drain(100, 1)
        return response.content

    assert asyncio.run(call()) == b"abc"
    assert (len(events), events[-1].size, events[-1].ending) == (3, 3, "read")


def test_a_cancelled_call_is_told_as_that():
    """Cancelling the task, before the head or in the body, is told by its name and goes through."""
    events = []

    async def carry(request, options):
        if request.method == "POST":
            await asyncio.sleep(60)

        class Endless(AsyncScripted):
            async def read(self, n):
                await asyncio.sleep(60)

        return AsyncResponse(200, body=Endless(Scripted([], None)))

    async def call(request):
        flow = told(request, Options(), send, tell=Teller(events.append).tell)
        await (await adrive(flow, carry, _rest)).read()

    async def cancelled(request):
        task = asyncio.ensure_future(call(request))
        await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(cancelled(Request("POST", "http://h/")))
    assert [(event.kind, event.error) for event in events] == [("request", None), ("error", "CancelledError")]
    events.clear()
    assert asyncio.run(cancelled(GET))
    assert [event.kind for event in events] == ["request", "head", "body"]
    assert (events[-1].ending, events[-1].error) == ("failed", "CancelledError")


def test_an_interrupt_is_told_as_that():
    """Ctrl-C before the head is an error of that name, and goes through."""

    def carry(request, options):
        raise KeyboardInterrupt

    events = []
    with pytest.raises(KeyboardInterrupt):
        send_told(GET, carry, listener=events.append)
    assert [(event.kind, event.error) for event in events] == [("request", None), ("error", "KeyboardInterrupt")]


# -- who listens ----------------------------------------------------------------------------------------------------------


def test_redirects_and_retries_are_of_a_higher_level():
    """At INFO only what was done beyond the caller's own request is logged; the listener is told all."""
    events = []
    teller = Teller(events.append)
    with logged(logging.INFO) as log:
        teller.tell("head", GET, status=302)
        teller.tell("redirect", GET, status=302, to=URL("http://ann:pw@g/b#c"))
        teller.tell("retry", GET, seconds=0.5, attempt=2, reason="status 503")
    assert log.lines == [
        "GET http://h/a: 302, on to http://g/b",
        "GET http://h/a: again in 500.0 ms, attempt 2: status 503",
    ]
    assert [record.levelname for record in log.records] == ["INFO", "INFO"]
    assert [event.kind for event in events] == ["head", "redirect", "retry"]
    assert log.records[0].intermodal is events[1]


def test_a_listener_that_raises_changes_nothing(recwarn):
    """Its exception is logged with where it came from, and warned of; the call and its body go on."""

    def listener(event):
        raise KeyError("mine")

    with logged() as log, pytest.warns(RuntimeWarning, match=r"the listener .* raised KeyError\('mine'\)"):
        response = send_told(GET, answering(200, body=b"abc"), listener=listener)
        assert response.content == b"abc"
    failures = [record for record in log.records if record.levelno == logging.ERROR]
    assert len(failures) == 3
    assert isinstance(failures[0].exc_info[1], KeyError)
    assert len(log.lines) == 6


@pytest.mark.parametrize("given", ["print", 7])
def test_what_is_no_listener_is_refused(given):
    """A listener can be called, and need not be awaited."""

    async def asynchronous(event):
        pass

    assert as_listener(None) is None
    assert as_listener(print) is print
    for wrong in (given, asynchronous):
        with pytest.raises(TypeError, match="expected a function of one Event, not asynchronous"):
            as_listener(wrong)


def test_it_is_wanted_only_where_somebody_listens():
    """A listener, or the logger at DEBUG, by itself or by a logger above it; INFO needs a Teller alone."""
    assert not wanted(None)
    assert wanted(print)
    with logged():
        assert wanted(None)
        logging.disable(logging.DEBUG)
        assert not wanted(None)
        logging.disable(logging.NOTSET)
    with logged(logging.INFO):
        assert not wanted(None)
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    assert wanted(None)
    root.setLevel(before)
    assert not wanted(None)


def test_asking_costs_next_to_nothing():
    """Whether it is wanted is told in less than two microseconds, a small part of any exchange."""
    assert min(timeit.repeat(lambda: wanted(None), number=1000, repeat=20)) / 1000 < 2e-6


def test_the_library_configures_no_logging():
    """Asking imports no logging where there is none, and where there is, adds a NullHandler to its own logger only."""
    code = """
import sys
from intermodal.middleware.telling import Teller, told, wanted
from intermodal import Request, Response, Options
from intermodal.flow import drive, send

def get():
    assert not wanted(None)
    drive(told(Request("GET", "http://h/"), Options(), send, tell=Teller().tell), lambda r, o: Response(200)).content

get()
print("logging" in sys.modules)
import logging
get()
logger = logging.getLogger("intermodal")
print(logging.getLogger().handlers, [type(each).__name__ for each in logger.handlers], logger.level, logger.propagate)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "[] ['NullHandler'] 0 True"]
    assert done.stderr == ""


def test_an_unsent_body_is_left_as_it_is():
    """Telling of a request reads nothing of its body, which may be read once only."""
    body = Body(lambda: iter([b"x"]), replayable=False)
    with logged() as log:
        send_told(Request("PUT", "http://h/", (), body), answering(200))
        pickle.dumps(log.records[0].intermodal)
    assert b"".join(body.pieces()) == b"x"
