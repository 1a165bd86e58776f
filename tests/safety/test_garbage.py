"""What is left to the garbage collector ends there: its slot is free, its connection serves again or is closed."""

import gc
import itertools
import socket
import threading
import time
import warnings

import pytest
from safety.census import Census
from safety.waiting import until

from intermodal import Client, ConnectionError, Limits, Timeouts

BOUNDS = Timeouts(connect=10, read=10, write=10, pool=2)


@pytest.fixture
def client(name):
    """A client with one slot."""
    with Client(name, limits=Limits(connections=1), timeout=BOUNDS) as made:
        yield made


@pytest.fixture
def silence():
    """Holds a test to this: no socket is left that says that nobody has closed it."""
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    assert [str(each.message) for each in recorded if each.category is ResourceWarning] == []


silently = pytest.mark.usefixtures("silence")


#: How a response was left, by what had been done with it.
LEFT = {
    "unread": lambda response: None,
    "half read": lambda response: response.raw.read(10),
    "half iterated": lambda response: next(response.iter_content(10)),
    "half read into a buffer": lambda response: response.raw.readinto(bytearray(10)),
    "read": lambda response: response.content,
    "closed": lambda response: response.close(),
}


#: Bodies by their framing and size: sized, chunked, until the close, small enough to come with the head, and none.
PATHS = ("/bytes/300000", "/stream-bytes/300000", "/until-close", "/bytes/20", "/status/204")


@silently
def test_a_response_that_is_left_gives_its_slot_back(client, origin):
    """However far it was read, and by reference counting alone, the next request finds a slot and gets its own answer."""
    for (left, leave), path in itertools.product(LEFT.items(), PATHS):
        if path != "/status/204" or not left.startswith("half"):
            leave(client.get(origin.url + path, stream=True))
            assert client.get(f"{origin.url}/get?next").json()["args"] == {"next": [""]}, (left, path)


@silently
def test_a_response_that_is_left_in_a_cycle_does_too(client, origin):
    """Where only the collector can find it, its connection is closed without a warning of the socket's."""
    for left, leave in LEFT.items():
        response = client.get(f"{origin.url}/bytes/300000", stream=True)
        leave(response)
        response.itself = [response]
        del response
        gc.collect()
        assert client.get(f"{origin.url}/get?next").json()["args"] == {"next": [""]}, left


def test_a_small_answer_that_came_whole_keeps_its_connection(client, origin):
    """What has nothing to read is no reason to connect anew."""
    for _ in range(5):
        client.get(f"{origin.url}/status/204", stream=True)
    assert len(origin.connections) == 1


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # whoever leaves a client unclosed may be told
def test_a_client_that_is_left_leaves_nothing(name, origin):
    """With an idle connection and a response half read, in a cycle too, all of it is gone."""
    census = Census()
    for cyclic in (False, True):
        client = Client(name, timeout=BOUNDS)
        responses = [client.get(f"{origin.url}/bytes/300000", stream=True) for _ in range(2)]
        assert len(responses[0].content) == 300_000
        responses[1].raw.read(10)
        if cyclic:
            responses[1].all = [client, responses]
        del client, responses
        gc.collect()
    assert census.more() == ""


@silently
def test_an_error_that_is_kept_keeps_no_slot(client, origin):
    """An error, whose traceback has everything that was there, keeps neither the slot nor the connection."""
    kept = []
    for _ in range(3):
        origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", then="fin")
        try:
            client.get(origin.url)
        except Exception as error:
            kept.append(error)
    assert len(kept) == 3
    assert client.get(f"{origin.url}/get").ok
    assert until(lambda: sum(connection.open for connection in origin.connections) <= 1)


@silently
def test_a_connection_reset_before_its_handshake_is_closed(name, origin, ca, monkeypatch):
    """The ssl module does not close what it finds dead when it is to begin; somebody does."""
    real = socket.socket.connect

    def connect(sock, address):
        script = origin.play(then="rst", at="connect")
        real(sock, address)
        assert script.finished.wait(10)
        time.sleep(0.02)  # on its way through the loopback

    monkeypatch.setattr(socket.socket, "connect", connect)
    with Client(name, timeout=BOUNDS, verify=ca) as client, pytest.raises(ConnectionError) as caught:
        client.get(origin.url.replace("http:", "https:"))
    assert caught.value.phase in {"connect", "tls"}
    assert caught.value.delivery == "not_sent"


@silently
@pytest.mark.timeout(60)
def test_collected_by_another_thread_while_the_pool_is_in_use(name, origin):
    """Responses die in one thread, in cycles, while others take and give slots: nobody waits for a lock for ever."""
    graveyard = []
    stop = threading.Event()
    faults = []
    with Client(name, limits=Limits(connections=8), timeout=10) as client:

        def bury():
            while not stop.is_set():
                graveyard.clear()
                gc.collect()
                stop.wait(0.005)

        def work(number):
            try:
                for turn in range(10):
                    response = client.get(f"{origin.url}/bytes/70000", stream=True)
                    response.itself = response
                    graveyard.append(response)
                    del response
                    token = f"{number}-{turn}"
                    assert client.get(f"{origin.url}/anything?token={token}").json()["args"] == {"token": [token]}
            except BaseException as error:
                faults.append(error)

        digger = threading.Thread(target=bury, daemon=True)
        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
        digger.start()
        for each in workers:
            each.start()
        for each in workers:
            each.join(30)
        stop.set()
        digger.join(10)
        assert [each.name for each in [digger, *workers] if each.is_alive()] == []
        graveyard.clear()
        gc.collect()
    assert faults == []
