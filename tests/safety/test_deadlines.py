"""Every wait has its bound and ``total`` bounds them all: a server that drips cannot outlive it, wherever it drips (T7)."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from fleet import TRANSPORTS
from safety.lanes import over_all
from safety.slow_peers import BlackHole, Dripping, Sipping
from safety.waiting import played, until

from intermodal import (
    Client,
    ConnectionError,
    ConnectTimeout,
    Limits,
    PoolTimeout,
    ReadTimeout,
    Timeouts,
    TotalTimeout,
    WriteTimeout,
)
from intermodal.testing.origin import Drip, Origin, Stall

#: The bound that runs out here, and the others, which never do, in seconds.
BOUND, FAR = 0.2, 20.0

#: How late an exchange may end.
LATE = 0.2


def fails(call, error):
    """Make a call that has to end in an error of exactly that class when ``BOUND`` is over, neither before nor late.

    A machine that is busy with something else may be late: only who is late three times in a row is.
    """
    for attempt in range(3):
        began = time.monotonic()
        with pytest.raises(error) as caught:
            call()
        took = time.monotonic() - began
        assert type(caught.value) is error
        assert BOUND - 0.01 < took < BOUND + 10 * LATE
        if took < BOUND + LATE or attempt == 2:
            break
    assert took < BOUND + LATE
    return caught.value


def only(**bounds):
    """Timeouts of which the given ones may run out."""
    return Timeouts(**{"connect": FAR, "read": FAR, "write": FAR, "pool": FAR, "total": FAR, **bounds})


# --- servers that drip ------------------------------------------------------------------------------------------------

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

#: Where it drips: what the server sends at once, what it drips, the phase, and what is the begin of the body.
DRIPS = {
    "the head": (b"", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1000, "head", b""),
    "interim responses": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50, "head", b""),
    "a sized body": (SIZED + b"hello", b"x" * 995, "body", b"hello" + b"x" * 995),
    "chunks": (CHUNKED + b"5\r\nhello\r\n", b"1\r\nx\r\n" * 200, "body", b"hello" + b"x" * 200),
    "the data of a chunk": (CHUNKED + b"3e8\r\nhello", b"x" * 995, "body", b"hello" + b"x" * 995),
    "a chunk-size line": (CHUNKED + b"5\r\nhello\r\n", b"5;" + b"x" * 1000, "body", b"hello"),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\n", b"X-A: " + b"x" * 1000, "body", b"hello"),
    "a body until the close": (b"HTTP/1.1 200 OK\r\n\r\nhello", b"x" * 1000, "body", b"hello" + b"x" * 1000),
}


@pytest.mark.parametrize(
    ("where", "tls"),
    [
        *((where, False) for where in DRIPS),
        *((where, True) for where in ("the head", "a sized body", "chunks", "trailers")),
    ],
)
def test_a_server_that_drips_cannot_outlive_total(where, tls, server_tls, ca):
    """Byte by byte, each well within ``read``: it is over at ``total``, with all that has come by then, however it is read."""
    at_once, drops, phase, body = DRIPS[where]

    def exchange(name):
        with (
            Origin(tls=server_tls if tls else None) as origin,
            Client(name, timeout=only(total=BOUND), verify=ca) as client,
        ):

            def read():
                origin.play(at_once, Drip(drops, 0.003))
                client.get(origin.url)

            def stream(size):
                came.clear()
                origin.play(at_once, Drip(drops, 0.003))
                with client.get(origin.url, stream=True) as response:
                    came.extend(response.iter_content(size))

            def connect():
                """Leave no handshake to the bound: it is for what is dripped."""
                assert client.get(f"{origin.url}/get", timeout=FAR).ok

            connect()
            error = fails(read, TotalTimeout)
            told = [(error.phase, error.delivery, error.partial)]
            for size in (None, 1000):
                came = []
                connect()
                error = fails(lambda size=size: stream(size), TotalTimeout)
                told.append((error.phase, error.delivery, b"".join(came)))
            played(origin)
            connect()
        return told

    fewest = min(len(body), 6)  # what came at once, and one byte at least of what was dripped for so long
    for name, ways in over_all(exchange).items():
        for told in ways:
            assert told[:2] == (phase, "sent"), (name, told)
            assert body.startswith(told[2]), (name, told)
            assert len(told[2]) >= fewest, (name, told)


@pytest.mark.parametrize("bound", ["connect", "total"])
def test_a_handshake_that_drips_ends_in_time(bound, secure, ca):
    """TLS that comes byte by byte is bounded as a whole, by ``connect`` as by ``total``; nothing of the request was sent."""

    def exchange(name):
        with closing(Dripping(secure)) as peer, Client(name, timeout=only(**{bound: BOUND}), verify=ca) as client:
            peer.begin.set()
            error = fails(lambda: client.get(peer.url), ConnectTimeout if bound == "connect" else TotalTimeout)
        return error.phase, error.delivery

    assert over_all(exchange) == dict.fromkeys(TRANSPORTS, ("tls", "not_sent"))


@pytest.mark.parametrize("trust", ["the system", "a file"])
def test_a_handshake_that_does_not_end_holds_nobody_else_up(name, trust, origin, ca):
    """While one thread waits for a silent server to shake hands, another's request to it is over at its own ``total``."""
    url = origin.url.replace("http:", "https:")
    verify = True if trust == "the system" else ca
    with Client(name, timeout=20 * BOUND, verify=verify) as client, ThreadPoolExecutor(1) as pool:
        origin.play(Stall(), at="connect")
        other = pool.submit(client.get, url)
        try:
            assert until(lambda: origin.connections)
            time.sleep(0.1)  # until it has made its context ready and waits

            origin.play(Stall(), at="connect")
            began = time.monotonic()
            with pytest.raises(TotalTimeout) as caught:
                client.get(url, timeout=only(total=BOUND))
            assert time.monotonic() - began < 10 * BOUND  # far from the other's bound, on a busy machine too
            assert caught.value.phase == "tls"
        finally:
            origin.close()
        with pytest.raises(ConnectionError):
            other.result(FAR)


def test_a_tls_record_that_drips_ends_in_time(server_tls, ca):
    """A record of which not all has come is no reason to wait for the rest of it beyond ``total``."""

    def exchange(name):
        with (
            Origin(tls=server_tls) as origin,
            closing(Dripping(origin)) as peer,
            Client(name, timeout=only(total=2 * BOUND), verify=ca) as client,
        ):
            origin.play(SIZED, BOUND, b"x" * 1000)
            began = time.monotonic()
            with client.get(peer.url, stream=True) as response:
                peer.begin.set()
                with pytest.raises(TotalTimeout) as caught:
                    response.content  # noqa: B018
            return caught.value.phase, caught.value.partial, time.monotonic() - began < 2 * BOUND + LATE

    assert over_all(exchange) == dict.fromkeys(TRANSPORTS, ("body", b"", True))


def test_a_server_that_sips_cannot_outlive_total():
    """An upload of which a little is taken time and again, each well within ``write``, is over at ``total``."""

    def exchange(name):
        with closing(Sipping()) as peer, Client(name, timeout=only(total=BOUND)) as client:
            error = fails(lambda: client.post(peer.url, data=b"x" * 10_000_000), TotalTimeout)
        return error.phase, error.delivery

    assert over_all(exchange) == dict.fromkeys(TRANSPORTS, ("send", "maybe_sent"))


# --- every wait has its bound, and total as well ------------------------------------------------------------------------


@contextmanager
def no_name(client, origin):
    """A name whose resolution does not end."""
    yield lambda timeout: client.get("http://slow.test/", timeout=timeout)


@contextmanager
def no_connection(client, origin):
    """A port that never answers."""
    with closing(BlackHole()) as hole:
        yield lambda timeout: client.get(hole.url, timeout=timeout)


@contextmanager
def no_handshake(client, origin):
    """A server that takes the connection, and says nothing where it should shake hands."""

    def get(timeout):
        origin.play(Stall(), at="connect")
        client.get(origin.url.replace("http:", "https:"), timeout=timeout)

    yield get


@contextmanager
def no_slot(client, origin):
    """A pool whose slots are taken."""
    with client.get(f"{origin.url}/bytes/3000000", stream=True):
        yield lambda timeout: client.get(origin.url, timeout=timeout)


@contextmanager
def nobody_reads(client, origin):
    """A server that does not read the request."""

    def post(timeout):
        origin.play(Stall(), at="head")
        client.post(origin.url, data=(b"x" * 65536 for _ in range(1000)), timeout=timeout)

    yield post


def says_no_more_than(begin):
    """A server that sends a beginning, or nothing."""

    @contextmanager
    def silence(client, origin):
        def get(timeout):
            origin.play(begin, Stall())
            client.get(origin.url, timeout=timeout)

        yield get

    return silence


#: Each wait: what makes it last, its own bound, what running out of that is, the phase and the delivery.
WAITS = {
    "a slot": (no_slot, "pool", PoolTimeout, "pool", "not_sent"),
    "a name": (no_name, "connect", ConnectTimeout, "resolve", "not_sent"),
    "a connection": (no_connection, "connect", ConnectTimeout, "connect", "not_sent"),
    "a handshake": (no_handshake, "connect", ConnectTimeout, "tls", "not_sent"),
    "a server that reads": (nobody_reads, "write", WriteTimeout, "send", "maybe_sent"),
    "an answer": (says_no_more_than(b""), "read", ReadTimeout, "wait", "maybe_sent"),
    "the rest of a head": (says_no_more_than(b"HTTP/1.1 200"), "read", ReadTimeout, "head", "sent"),
    "a final answer": (says_no_more_than(b"HTTP/1.1 103 E\r\n\r\n"), "read", ReadTimeout, "head", "sent"),
    "the rest of a body": (says_no_more_than(SIZED + b"x"), "read", ReadTimeout, "body", "sent"),
}
OVER_TLS = ("a server that reads", "an answer", "the rest of a head", "the rest of a body")


@pytest.mark.usefixtures("names", "black_hole")  # the latter to be skipped where there is none
@pytest.mark.parametrize("bound", ["its own", "total"])
@pytest.mark.parametrize(("wait", "tls"), [*((wait, False) for wait in WAITS), *((wait, True) for wait in OVER_TLS)])
def test_every_wait_has_its_bound(wait, bound, tls, server_tls, ca):
    """What is waited for in vain is given up at its own bound, and at ``total``, with the class and the phase that say it."""
    lasts, own, error, phase, delivery = WAITS[wait]
    bounds = only(**{own if bound == "its own" else "total": BOUND})

    def exchange(name):
        with (
            Origin(tls=server_tls if tls else None) as origin,
            Client(name, limits=Limits(connections=1), verify=ca) as client,
        ):
            with lasts(client, origin) as call:
                caught = fails(lambda: call(bounds), error if bound == "its own" else TotalTimeout)
            played(origin)
            return caught.phase, caught.delivery, caught.reused, client.get(f"{origin.url}/get").ok

    assert over_all(exchange) == dict.fromkeys(TRANSPORTS, (phase, delivery, False, True))


@pytest.fixture
def signals():
    """Signals to this thread, each of which interrupts the system call that it waits in, for ten times the bound."""
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("this system sends no signals to threads")
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    here, over = threading.get_ident(), threading.Event()

    def send():
        until = time.monotonic() + 10 * BOUND
        while not over.wait(BOUND / 8) and time.monotonic() < until:
            signal.pthread_kill(here, signal.SIGUSR1)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    yield
    over.set()
    sender.join()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(("bound", "kind"), [("read", ReadTimeout), ("write", WriteTimeout), ("total", TotalTimeout)])
def test_a_wait_that_signals_interrupt_is_no_longer_for_that(name, bound, kind, origin):
    """Where signals are handled all the time, a profiler's say, a silent server is given up at the bound as ever."""
    origin.play(Stall(), at="head")
    body = (b"x" * 65536 for _ in range(1000)) if bound == "write" else None
    with Client(name, timeout=only(**{bound: BOUND})) as client:
        began = time.monotonic()
        with pytest.raises(kind):
            client.request("GET" if body is None else "POST", origin.url, data=body)
        assert time.monotonic() - began < 5 * BOUND
