"""A pool after a fork: the child begins anew, and the parent notices nothing."""

import os
import signal
import socket
import threading

import pytest
from blocking.callers import PATIENCE, Caller, Hooked, lines_up, soon

from intermodal import Limits, PoolTimeout, TransportClosed
from intermodal.blocking.pool import Pool
from intermodal.blocking.stream import Stream

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),  # what is tested here
]


def in_child(check):
    """Run ``check`` in a child process, which ends by itself after a while, and tell whether it gave True."""
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(PATIENCE)
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def streams():
    """A pool of streams, and a connection on loopback: our stream, and the socket at its other end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
    peer.settimeout(PATIENCE)
    pool = Pool(Limits(connections=2), usable=Stream.quiet, close=Stream.close, abandon=Stream.abandon)
    stream = Stream(sock)
    yield pool, stream, peer
    pool.close()
    stream.close()
    peer.close()


def still_works(stream, peer):
    """Whether both ends of a connection hear each other."""
    stream.send(b"ping", PATIENCE)
    heard = peer.recv(4)
    peer.sendall(b"pong")
    return (heard, stream.recv(4, PATIENCE)) == (b"ping", b"pong")


def test_a_child_lets_idle_connections_alone(streams):
    """What lies idle in the parent is not there in the child, whose end does not end it; the parent goes on with it."""
    pool, stream, peer = streams
    pool.acquire("k", soon())
    pool.release("k", stream)

    assert in_child(lambda: pool.acquire("k", soon()) is None and stream.sock.fileno() == -1)
    assert pool.acquire("k", soon()) is stream
    assert still_works(stream, peer)


def test_a_child_is_given_nothing_that_the_parent_uses(streams):
    """What the child's copy of a response gives back is not pooled there, nor ended, and adds no slot."""
    pool, stream, peer = streams
    pool.acquire("k", soon())

    def check():
        pool.release("k", stream)
        if [pool.acquire("k", soon()) for _ in range(2)] != [None, None]:
            return False
        with pytest.raises(PoolTimeout):
            pool.acquire("k", soon())
        return True

    assert in_child(check)
    assert still_works(stream, peer)


def test_a_fork_in_the_middle_of_a_step(streams):
    """A child is made while a thread has the lock, another is in line and word was left: it works, and so does the parent."""
    pool, stream, peer = streams
    key, in_step, go_on = Hooked(), threading.Event(), threading.Event()
    pool.acquire("k", soon())
    pool.acquire(key, soon())
    waiter = lines_up(pool, "w")
    key.arm(1, lambda: (in_step.set(), go_on.wait(PATIENCE)))
    stepping = Caller(pool.release, key, None)
    assert in_step.wait(PATIENCE)
    pool.release("k", stream)

    def check():
        if [pool.acquire("k", soon()) for _ in range(2)] != [None, None]:
            return False
        with pytest.raises(PoolTimeout):
            pool.acquire("k", soon())
        return stream.sock.fileno() == -1

    assert in_child(check)
    go_on.set()
    stepping.result()
    assert waiter.result() is None
    assert pool.acquire("k", soon()) is stream
    assert still_works(stream, peer)


def test_a_closed_pool_is_closed_in_the_child_too(streams):
    """A fork opens nothing again."""
    pool, _, _ = streams
    pool.close()

    def check():
        with pytest.raises(TransportClosed):
            pool.acquire("k", soon())
        return True

    assert in_child(check)
