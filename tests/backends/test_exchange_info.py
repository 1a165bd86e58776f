"""``response.exchange`` and ``transport.connections()``: what they tell is what the other side saw."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
import socket
import ssl
import threading
import time
from functools import partial

import pytest
from backends.own import NAMES as OWN
from backends.own import fitting, make_own
from backends.talk import PATIENCE, Server, options
from fleet import TRANSPORTS, make_transport
from safety.slow_peers import BlackHole

import intermodal
from intermodal.blocking.exchange import Exchange
from intermodal.errors import TransportBug, TransportClosed, UnsupportedFeature
from intermodal.model.exchange import ExchangeInfo
from intermodal.model.request import Request
from intermodal.protocol import Guarantee
from intermodal.testing import MockTransport
from intermodal.testing.origin import Origin

ANSWER = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    """Each of the four in turn."""
    made = make_transport(request.param)
    yield made
    made.close()


def send(transport, url, method="GET", body=None):
    return transport.send(Request(method, f"{url}/" if url.count("/") == 2 else url, (), body), options())


def wait_for(condition):
    """Wait until something holds; whether it does."""
    ends = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < ends:
        time.sleep(0.005)
    return condition()


def test_the_addresses_are_those_of_the_socket(transport):
    """``local_address`` is whom the server says it talks to, ``peer_address`` where it listens."""
    with Origin() as origin:
        exchange = send(transport, origin.url).exchange
        assert exchange.local_address == origin.connections[0].peer
        assert exchange.peer_address == (origin.host, origin.port)
        assert Guarantee.EXCHANGE in transport.info.guarantees


def test_it_tells_a_connection_that_had_served_before(transport):
    """The first exchange made the connection and tells how long that took; the second used it again and tells no such times."""
    with Origin() as origin:
        first, second = (send(transport, f"{origin.url}/get").exchange for _ in range(2))
        assert len(origin.connections) == 1
    assert (first.reused, second.reused) == (False, True)
    assert first.times.connect is not None
    assert first.times.connect > 0
    assert (second.times.resolve, second.times.connect, second.times.tls) == (None, None, None)
    assert first.local_address == second.local_address


@pytest.mark.parametrize(
    "body",
    [None, b"small", b"x" * 100_000, lambda: iter([b"ab", b"c" * 70_000]), lambda: io.BytesIO(b"y" * 50_000)],
    ids=["none", "small", "large", "chunked", "file"],
)
def test_it_counts_every_byte_that_the_server_received(transport, body):
    """``bytes_sent`` is the number of bytes that came at the server, head, framing and body, on each exchange anew."""
    with Origin() as origin:
        for nth in range(2):
            before = len(origin.connections[0].received) if nth else 0
            given = body() if callable(body) else body
            response = send(transport, f"{origin.url}/anything", method="PUT" if body else "GET", body=given)
            assert response.content  # read, so that the connection serves again
            exchange = response.exchange
            assert exchange.bytes_sent == len(origin.connections[0].received) - before


@pytest.mark.parametrize(
    "answer", [ANSWER, CHUNKS, b"HTTP/1.1 103 Early\r\n\r\n" + ANSWER], ids=["sized", "chunked", "103"]
)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte by byte"])
def test_it_counts_every_byte_of_the_answer(transport, answer, cut):
    """``bytes_received`` is the number of bytes that the server sent: interim heads, framing and trailers as well."""

    def step(talk):
        talk.head()
        for at in range(0, len(answer), 1 if cut else len(answer)):
            talk.send(answer[at : at + (1 if cut else len(answer))])
        talk.hold()

    with Server(step) as server:
        response = send(transport, server.url)
        assert response.content in (b"hello", b"abc")
        assert response.exchange.bytes_received == len(answer)


def test_the_times_are_where_the_time_went(transport):
    """A server that thinks before it answers shows in ``wait``, one that pauses in its body in ``body``, and not elsewhere."""

    def step(talk):
        talk.head()
        time.sleep(0.1)
        talk.send(ANSWER[:-3])
        time.sleep(0.4)
        talk.send(ANSWER[-3:])
        talk.hold()

    with Server(step) as server:
        response = send(transport, server.url)
        assert response.exchange.times.body is None  # it has not come yet
        assert response.content == b"hello"
    times = response.exchange.times
    assert 0.09 < times.wait < 0.35 < times.body  # clocks and sleeps differ by a little
    assert times.send + times.connect < 0.1


def test_tls_is_told_as_the_server_has_it(transport):
    """Version, cipher and certificate are those that the server's own end of the connection names."""
    seen = []

    def step(talk):
        seen.append((talk.sock.version(), talk.sock.cipher()[0]))
        talk.head()
        talk.send(ANSWER)
        talk.hold()

    with Server(step, tls=True) as server:
        exchange = send(transport, server.url).exchange
        host, port = server.url.removeprefix("https://").split(":")
        served = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))
    assert (exchange.tls_version, exchange.cipher) == seen[0]
    assert exchange.peer_certificate == served
    assert exchange.times.tls > 0


def test_what_is_not_known_is_none():
    """A double, and a transport over a user's own object, tell nothing rather than something made up."""
    assert intermodal.Client(MockTransport({"/": "x"})).get("http://h/").exchange == ExchangeInfo()
    with Origin() as origin:
        for name in OWN:
            own = make_own(name)
            assert (
                own.transport.send(Request("GET", f"{origin.url}/"), fitting(own.transport)).exchange == ExchangeInfo()
            )
            assert Guarantee.EXCHANGE not in own.transport.info.guarantees
            own.close()


def test_connections_are_listed_with_their_use(transport):
    """A connection is listed with both addresses, in use while its body is unread and idle after it, and gone once closed."""

    def step(talk):
        talk.head()
        talk.send(ANSWER[:-5])
        talk.released.wait(PATIENCE)
        talk.send(ANSWER[-5:])
        talk.read_on()

    with Server(step) as server:
        response = send(transport, server.url)
        (used,) = transport.connections()
        assert used.in_use
        assert used.served == 0
        server.talk(1).released.set()
        assert response.content == b"hello"
        (idle,) = transport.connections()
        assert not idle.in_use
        assert idle.served == 1
        assert idle.origin == server.url
        assert idle.local_address == server.talk(1).sock.getpeername()
        assert idle.peer_address == server.talk(1).sock.getsockname()
        assert 0 < idle.age < PATIENCE
        assert used.age < idle.age
        transport.close()
        assert transport.connections() == []


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system does not tell the state of a TCP connection")
def test_the_state_is_that_of_tcp(transport):
    """An idle connection is ESTABLISHED, and CLOSE-WAIT once the server has closed it behind our back."""

    def step(talk):
        talk.head()
        talk.send(ANSWER)
        talk.released.wait(PATIENCE)
        talk.sock.close()

    with Server(step) as server:
        assert send(transport, server.url).content == b"hello"
        assert [connection.state for connection in transport.connections()] == ["ESTABLISHED"]
        server.talk(1).released.set()
        assert wait_for(lambda: transport.connections()[0].state == "CLOSE-WAIT")


@pytest.mark.parametrize("name", OWN)
def test_connections_of_a_user_s_own_object_are_its_own(name):
    """Whoever asks a transport over a session of theirs is told to ask the session: an empty list would be a lie."""
    own = make_own(name)
    with pytest.raises(UnsupportedFeature, match="of your own"):
        own.transport.connections()
    own.close()


def test_a_response_takes_what_it_tells_along(transport):
    """A response that was read can be pickled and copied, with what was known of its exchange, and without the connection."""
    with Origin() as origin:
        response = send(transport, f"{origin.url}/get")
        assert response.content
        for other in (pickle.loads(pickle.dumps(response)), copy.deepcopy(response)):
            assert other.content == response.content
            assert other.exchange == response.exchange
            assert other.exchange.peer_address == (origin.host, origin.port)


def _has_state(transport, state):
    return [each.state for each in transport.connections()] == [state]


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system does not tell the state of a TCP connection")
@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_connection_that_is_being_made_is_listed(name):
    """An address that does not answer is SYN-SENT, a server that does not shake hands ESTABLISHED, and neither is left."""
    with contextlib.closing(BlackHole()) as hole, socket.create_server(("127.0.0.1", 0)) as mute:
        places = {"SYN-SENT": int(hole.url.rpartition(":")[2]), "ESTABLISHED": mute.getsockname()[1]}
        for state, port in places.items():
            transport = make_transport(name)
            request = Request("GET", f"https://127.0.0.1:{port}/")
            thread = threading.Thread(target=pytest.raises, args=(TransportClosed, transport.send, request, options()))
            thread.start()
            assert wait_for(partial(_has_state, transport, state))
            (each,) = transport.connections()
            assert (each.in_use, each.served, each.origin) == (True, 0, f"https://127.0.0.1:{port}")
            assert each.peer_address == ("127.0.0.1", port)
            transport.close()
            thread.join(PATIENCE)
            assert transport.connections() == []


def test_what_fails_once_the_head_is_read_leaves_nothing_open(transport, monkeypatch):
    """A response that cannot be made, for want of memory say, takes its connection and its slot with it, body unread."""

    def fail(*_, **__):
        raise MemoryError

    with Origin() as origin:
        with monkeypatch.context() as patch:
            patch.setattr(Exchange, "response", fail)
            with pytest.raises(TransportBug):
                send(transport, f"{origin.url}/stream-bytes/200000")
        assert transport.connections() == []
        assert wait_for(lambda: not origin.connections[0].open)
        assert send(transport, f"{origin.url}/get").ok
