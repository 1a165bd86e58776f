"""Closed by another thread: who is in the middle of a call is told at once, and who has a response already keeps it."""

import sys
import threading
import time
from functools import partial

import pytest

from intermodal import Client, Error, Limits, PoolTimeout, Timeouts, TransportClosed, TransportError
from intermodal.testing.origin import Origin, RequestReceived, Stall

#: What nothing here takes unless it is stuck, in seconds: no bound of a call is shorter.
STUCK = 30.0

#: Within which a thread is told, on a machine that has much else to do.
PROMPTLY = 2.0


#: The beginnings of bodies, from their framing on, by each way in which they may end.
BEGUN = (
    "Content-Length: 10\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "\r\nhello",
)


class Elsewhere:
    """One call in a thread of its own, and what came of it."""

    def __init__(self, call):
        self.result = self.error = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call):
        try:
            self.result = call()
        except BaseException as error:
            self.error = error

    def ends(self):
        """Whether it comes to an end promptly."""
        self._thread.join(PROMPTLY)
        return not self._thread.is_alive()

    def goes_on(self):
        """Whether it is still at it after the time in which whatever it waits for would have come."""
        self._thread.join(0.1)
        return self._thread.is_alive()


@pytest.fixture
def asked():
    """Set once the origin has read a whole request."""
    return threading.Event()


@pytest.fixture
def origin(asked):
    """An origin that says when it was asked."""
    with Origin(observer=lambda event: isinstance(event, RequestReceived) and asked.set()) as made:
        yield made


@pytest.fixture
def client(name):
    """A client with one slot, whose own bounds are far away."""
    with Client(name, limits=Limits(connections=1), timeout=STUCK) as made:
        yield made


def told(call, name, phase):
    """Assert that a call was ended by the closing, and says where it was."""
    assert call.ends(), "it is stuck"
    assert isinstance(call.error, TransportClosed), f"{call.result!r}, {call.error!r}"
    assert (call.error.transport, call.error.phase, call.error.request is not None) == (name, phase, True)
    return call.error


def test_waiting_for_an_answer(name, client, origin, asked):
    """Who waits for a silent server is told, and that the request may have been acted upon."""
    origin.play(Stall())
    call = Elsewhere(lambda: client.get(origin.url))
    assert asked.wait(STUCK)
    assert call.goes_on()
    client.close()
    assert told(call, name, "wait").delivery == "maybe_sent"


def test_in_the_middle_of_a_head(name, client, origin, asked):
    """Who has the beginning of a head is told, and that an answer began."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Le", Stall())
    call = Elsewhere(lambda: client.get(origin.url))
    assert asked.wait(STUCK)
    assert call.goes_on()
    client.close()
    assert told(call, name, "head").delivery == "sent"


@pytest.mark.parametrize("begun", BEGUN, ids=["sized", "chunked", "until the close"])
def test_in_the_middle_of_a_body_that_is_read_whole(name, client, origin, asked, begun):
    """Who reads the whole body in one call is told and has the bytes that came, also where an end would end the body."""
    origin.play(f"HTTP/1.1 200 OK\r\n{begun}".encode(), Stall())
    call = Elsewhere(lambda: client.get(origin.url))
    assert asked.wait(STUCK)
    assert call.goes_on()
    client.close()
    error = told(call, name, "body")
    assert (error.delivery, error.partial) == ("sent", b"hello")


def test_in_the_middle_of_an_upload(name, client, origin):
    """Who sends to a server that does not read is told, and that part of the request may have arrived."""
    flowing = threading.Event()

    def pieces():
        for _ in range(1000):
            yield b"x" * 65536
            flowing.set()

    origin.play(Stall(), at="head")
    call = Elsewhere(lambda: client.post(origin.url, data=pieces()))
    assert flowing.wait(STUCK)
    assert call.goes_on()
    client.close()
    assert told(call, name, "send").delivery == "maybe_sent"


def test_waiting_for_a_slot(name, client, origin, asked):
    """Who waits for a slot is told, and that nothing was sent; who has the slot keeps it to the end of the response."""
    held = client.get(f"{origin.url}/bytes/3000000", stream=True)
    call = Elsewhere(lambda: client.get(f"{origin.url}/get"))
    assert call.goes_on()
    client.close()
    assert told(call, name, "pool").delivery == "not_sent"
    assert len(held.content) == 3_000_000
    assert [request.target for request in origin.requests] == ["/bytes/3000000"]


def test_shaking_hands(name, client, origin, ca):
    """Who waits for a TLS handshake that does not end is told, and that nothing was sent."""
    origin.play(Stall(), at="connect")
    call = Elsewhere(lambda: client.get(origin.url.replace("http:", "https:"), verify=ca))
    assert call.goes_on()
    client.close()
    assert told(call, name, "tls").delivery == "not_sent"


@pytest.mark.usefixtures("names")
def test_resolving(name, client):
    """Who waits for a name is told, and that nothing was sent."""
    call = Elsewhere(lambda: client.get("http://slow.test/"))
    assert call.goes_on()
    client.close()
    assert told(call, name, "resolve").delivery == "not_sent"


def test_connecting(name, client, black_hole):
    """Who waits for a connection is told, and that nothing was sent."""
    call = Elsewhere(lambda: client.get(black_hole.url))
    assert call.goes_on()
    client.close()
    assert told(call, name, "connect").delivery == "not_sent"


def test_all_of_many_are_told(name, origin):
    """Every thread of many is told, whatever it waits for."""
    with Client(name, limits=Limits(connections=3), timeout=STUCK) as client:
        for _ in range(3):
            origin.play(Stall())
        calls = [Elsewhere(lambda: client.get(origin.url)) for _ in range(8)]
        assert all(call.goes_on() for call in calls)
        client.close()
        for call in calls:
            assert call.ends()
            assert isinstance(call.error, TransportClosed)


@pytest.mark.parametrize("reading", ["iter_content", "raw.read", "raw.readinto", "content"])
def test_a_response_that_was_returned_is_its_holders(name, client, origin, reading):
    """A streamed response is read to its end although its client was closed in between, in whichever way."""
    response = client.get(f"{origin.url}/bytes/3000000", stream=True)
    client.close()
    assert read_by(reading, response) == 3_000_000
    with pytest.raises(TransportClosed):
        client.get(origin.url)


@pytest.mark.parametrize("reading", ["iter_content", "raw.read", "raw.readinto", "content"])
def test_closing_a_response_wakes_its_reader(name, origin, reading):
    """A thread in the middle of a body gets an error of ours when another closes the response; never a body cut short."""
    with Client(name, limits=Limits(connections=len(BEGUN)), timeout=STUCK) as client:
        calls = {}
        for begun in BEGUN:
            origin.play(f"HTTP/1.1 200 OK\r\n{begun}".encode(), Stall())
            response = client.get(origin.url, stream=True)
            calls[response] = Elsewhere(partial(read_by, reading, response))
        assert all(call.goes_on() for call in calls.values())
        for response, call in calls.items():
            response.close()
            assert call.ends(), "it is stuck"
            assert isinstance(call.error, TransportError), f"{call.result!r}, {call.error!r}"
            assert (call.error.phase, call.error.delivery, call.error.transport) == ("body", "sent", name)
        assert all(client.get(f"{origin.url}/get").ok for _ in calls)


def test_read_to_the_end_and_closed_at_the_same_moment(name, origin):
    """However two threads meet, the body is whole or an error, and the slot is given back once: no more are there than before."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with Client(name, limits=Limits(connections=2), timeout=STUCK) as client:
            held = client.get(f"{origin.url}/bytes/3000000", stream=True)  # what is given back twice would be its slot
            for attempt in range(200):
                response = client.get(f"{origin.url}/bytes/70000", stream=True)
                together = threading.Barrier(2)
                call = Elsewhere(lambda together=together, response=response: (together.wait(), response.content)[1])
                together.wait(STUCK)
                time.sleep(attempt % 20 / 40_000)  # from before the first read to after the last
                response.close()
                assert call.ends(), "it is stuck"
                assert isinstance(call.error, Error) if call.result is None else len(call.result) == 70_000
            with client.get(f"{origin.url}/bytes/3000000", stream=True), pytest.raises(PoolTimeout):
                client.get(origin.url, timeout=Timeouts(pool=0.01))
            held.close()
    finally:
        sys.setswitchinterval(interval)


def read_by(reading, response):
    """Read a whole body in one of the ways there are, and give how much it was."""
    if reading == "iter_content":
        return sum(map(len, response.iter_content()))
    if reading == "content":
        return len(response.content)
    if reading == "raw.read":
        return sum(iter(lambda: len(response.raw.read(65536)), 0))
    buffer = bytearray(65536)
    return sum(iter(lambda: response.raw.readinto(buffer), 0))


def test_closing_from_many_threads_at_once(name, origin):
    """Closing is idempotent also where threads meet in it, in the middle of the others' requests; every error is ours."""
    for _ in range(5):
        client = Client(name, limits=Limits(connections=2), timeout=STUCK)
        calls = [
            Elsewhere(lambda client=client: [client.get(f"{origin.url}/get") for _ in range(1000)]) for _ in range(4)
        ]
        closings = [Elsewhere(client.close) for _ in range(4)]
        assert all(each.ends() for each in [*closings, *calls])
        assert [each.error for each in closings] == [None] * 4
        assert all(isinstance(call.error, Error) for call in calls), [call.error for call in calls]
