"""A child process uses connections of its own: those of its parent stay as they were, whatever the child does."""

import gc
import os
import select
import signal
import threading

import pytest

from intermodal import Client, Limits

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),  # what is tested here
]

#: How long a child may take, in seconds: one that is stuck is ended.
STUCK = 20.0


def in_child(work):
    """Do some work in a child process, and give what went wrong there, in words; "" for nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = b"it ended early"
        try:
            try:
                work()
                told = b""
            except BaseException as error:
                told = repr(error).encode()
            os.write(writing, told)
        finally:
            os._exit(0)
    os.close(writing)
    try:
        told, _, _ = select.select([reading], [], [], STUCK)
        if not told:
            os.kill(child, signal.SIGKILL)
            return "it is stuck"
        return os.read(reading, 65536).decode()
    finally:
        os.close(reading)
        os.waitpid(child, 0)


def over(doings, *ending):
    """Each of them over plain connections, and those that end something over TLS too, which has an end of its own."""
    return [pytest.param(each, False, id=each) for each in doings] + [
        pytest.param(each, True, id=f"{each}, TLS") for each in ending
    ]


#: What a child does with the client that it was born with; a list, so that it can let go of it.
DOINGS = {
    "nothing": lambda held: None,
    "asks": lambda held: held[0].get(held[1]).content,
    "closes it": lambda held: held[0].close(),
    "asks and closes it": lambda held: (held[0].get(held[1]), held[0].close()),
    "leaves it to the garbage collector": lambda held: (held.clear(), gc.collect()),
}


@pytest.mark.parametrize(("doing", "tls"), over(DOINGS, "closes it", "leaves it to the garbage collector"))
def test_an_idle_connection_stays_the_parents(name, doing, tls, origin, secure, ca):
    """The server sees no byte and no end from the child on the parent's idle connection, and the parent goes on with it."""
    server = secure if tls else origin
    with Client(name, verify=ca) as client:
        client.get(f"{server.url}/get?before")
        (connection,) = server.connections
        received = connection.received

        held = [client, f"{server.url}/get?child"]
        del client
        assert in_child(lambda: DOINGS[doing](held)) == ""
        assert (connection.received, connection.open) == (received, True)

        held[0].get(f"{server.url}/get?after")
        assert [request.target for request in connection.requests] == ["/get?before", "/get?after"]
        held[0].close()


#: What a child does with a response that its parent is reading, and with the client.
LEAVINGS = {
    "nothing": lambda held: None,
    "asks": lambda held: held[0].get(held[1]).content,
    "closes the response": lambda held: held[2].close(),
    "closes both": lambda held: (held[2].close(), held[0].close()),
    "leaves the response to the garbage collector": lambda held: (held.pop(), gc.collect()),
    "leaves both to the garbage collector": lambda held: (held.clear(), gc.collect()),
}


@pytest.mark.parametrize(("leaving", "tls"), over(LEAVINGS, "closes both", "leaves both to the garbage collector"))
def test_a_response_that_is_being_read_stays_the_parents(name, leaving, tls, origin, secure, ca):
    """Whatever a child does with a response of its parent's, the parent reads it to its end and goes on on its connection."""
    server = secure if tls else origin
    with Client(name, verify=ca) as client:
        whole = client.get(f"{server.url}/bytes/3000000").content
        held = [client, f"{server.url}/get?child", client.get(f"{server.url}/bytes/3000000", stream=True)]
        begin = held[2].raw.read(1000)

        assert in_child(lambda: LEAVINGS[leaving](held)) == ""

        assert begin + held[2].raw.read() == whole
        client.get(f"{server.url}/get?after")
        first = server.connections[0]
        assert [request.target for request in first.requests] == ["/bytes/3000000", "/bytes/3000000", "/get?after"]


def test_a_child_of_a_busy_parent_can_ask(name, origin):
    """Born while other threads are in the middle of everything, a child waits for no lock of theirs."""
    stop = threading.Event()
    faults = []
    with Client(name, limits=Limits(connections=2)) as client:

        def work():
            try:
                while not stop.is_set():
                    assert client.get(f"{origin.url}/status/204").status_code == 204
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                assert in_child(lambda: client.get(f"{origin.url}/get").content) == ""
        finally:
            stop.set()
            for thread in threads:
                thread.join(STUCK)
    assert faults == []
