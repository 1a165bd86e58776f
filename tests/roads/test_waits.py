"""Every wait on the way to the server ends at its bound, and where another thread closes the transport."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fleet import TRANSPORTS
from roads.proxies import GRANTED, Peer, silent
from safety.census import Census
from safety.lanes import over_all
from safety.slow_peers import BlackHole
from safety.waiting import until

from intermodal import TLS, Client, ConnectTimeout, Proxy, ProxyError, Timeouts, TotalTimeout, TransportClosed

#: The bound that runs out, the others, which never do, and how late it may be, in seconds.
BOUND, FAR, LATE = 0.2, 20.0, 0.5


def drips(first, again, seconds=0.004):
    """Answer a CONNECT byte by byte, without an end."""

    def serve(talk):
        talk.asked()
        talk.drip(first + again * (2000 // len(again)), seconds)

    return serve


def says(said, behind=None):
    """Answer a CONNECT, and leave it at that."""

    def serve(talk):
        talk.asked()
        talk.send(said)
        (behind or silent)(talk)

    return serve


#: The peers that make somebody wait: what stands at the proxy's address, whether in TLS, the proxy's scheme, what it
#: has been sent by then, and the phase.
SLOW = {
    "no answer to CONNECT": (silent, False, "http", b"CONNECT ", "proxy"),
    "no answer to CONNECT, in TLS": (silent, True, "https", b"CONNECT ", "proxy"),
    "an answer that drips": (drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), False, "http", b"CONNECT ", "proxy"),
    "interim answers": (drips(b"", b"HTTP/1.1 103 E\r\n\r\n", 0.002), False, "http", b"CONNECT ", "proxy"),
    "no handshake with the proxy": (silent, False, "https", b"\x16\x03", "tls"),
    "no handshake in the tunnel": (says(GRANTED), False, "http", b"\r\n\r\n\x16\x03", "tls"),
    "no handshake in the tunnel in TLS": (says(GRANTED), True, "https", b"\r\n\r\n\x16\x03", "tls"),
    "a handshake that drips": (
        says(GRANTED, lambda talk: (talk.take(), talk.drip(b"\x16\x03\x03\x40\x00\x02" + b"\0" * 1000, 0.004))),
        False,
        "http",
        b"\r\n\r\n\x16\x03",
        "tls",
    ),
}


@pytest.fixture(scope="module", params=SLOW)
def slow(request, proxy_tls, proxies_authority):
    """One of them, as a proxy to be given, and where somebody waits for it."""
    serve, tls, scheme, sent, phase = SLOW[request.param]
    with Peer(serve, tls=proxy_tls if tls else None) as peer:
        yield Proxy(f"{scheme}://127.0.0.1:{peer.port}", tls=TLS(verify=proxies_authority.file)), peer, sent, phase


@pytest.mark.parametrize("bound", ["connect", "total"])
def test_a_slow_road_ends_in_time(bound, slow, ca):
    """``connect`` bounds all of it together, ``total`` bounds that: the class and the phase say which, and nothing was sent."""
    proxy, _, _, phase = slow
    timeouts = Timeouts(**{"connect": FAR, "read": FAR, "write": FAR, "pool": FAR, "total": FAR, bound: BOUND})
    error = ConnectTimeout if bound == "connect" else TotalTimeout

    def exchange(name):
        with Client(name, verify=ca, timeout=timeouts, proxies={"all": proxy}) as client:
            began = time.monotonic()
            with pytest.raises(error) as caught:
                client.get("https://origin.test/")
            took = time.monotonic() - began
        assert type(caught.value) is error
        assert BOUND - 0.01 < took < BOUND + LATE
        return caught.value.phase, caught.value.delivery

    census = Census()
    assert over_all(exchange) == dict.fromkeys(TRANSPORTS, (phase, "not_sent"))
    assert census.more() == ""


def test_the_road_has_one_bound(name, ca, proxy_tls, proxies_authority):
    """A proxy that takes half of ``connect`` for each thing it does is not given it anew for each."""

    def serve(talk):
        talk.asked()
        for _ in range(10):
            time.sleep(0.06)
            talk.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        talk.send(GRANTED)

    with Peer(serve, tls=proxy_tls) as peer:
        proxy = Proxy(peer.url, tls=TLS(verify=proxies_authority.file))
        with Client(name, verify=ca, timeout=Timeouts(connect=BOUND), proxies={"all": proxy}) as client:
            began = time.monotonic()
            with pytest.raises(ConnectTimeout) as caught:
                client.get("https://origin.test/")
            assert (caught.value.phase, time.monotonic() - began < BOUND + LATE) == ("proxy", True)


def test_a_no_that_does_not_end_is_a_no(ca):
    """A refusal whose body drips is told at the bound at the latest, with what has come of it; it is not waited for again."""
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5000\r\n\r\n"

    def exchange(name):
        with Client(name, verify=ca, timeout=Timeouts(connect=BOUND), proxies={"all": peer.url}) as client:
            began = time.monotonic()
            with pytest.raises(ProxyError, match="403 Forbidden") as caught:
                client.get("https://origin.test/")
            took = time.monotonic() - began
        content = caught.value.response.content
        assert took < BOUND + LATE
        return caught.value.phase, content.startswith(b"no") and set(content) <= set(b"no")

    with Peer(says(head, lambda talk: talk.drip(b"no" * 2000, 0.004))) as peer:
        assert over_all(exchange) == dict.fromkeys(TRANSPORTS, ("proxy", True))


# --- closed by another thread ----------------------------------------------------------------------------------------


def closed(client, url, waits):
    """Get a URL in a thread, close the client once it ``waits``, and give the error, which is to come promptly."""
    census = Census()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get, url)
        try:
            waits(call)
        finally:
            client.close()
        error = call.exception(2)
    assert type(error) is TransportClosed, repr(error)
    assert (error.delivery, error.reused, error.request is not None) == ("not_sent", False, True)
    assert census.more() == ""
    return error


def goes_on(call):
    """Leave a call the time to begin to wait, which nothing tells of."""
    time.sleep(0.05)
    assert not call.done()


def test_closing_ends_each_wait(name, slow, ca):
    """Who waits for a proxy, or for a server behind it, is told at once that the transport was closed, and that nothing was sent."""
    proxy, peer, sent, phase = slow
    before = len(peer.talks)

    def waits(call):
        assert until(lambda: any(sent in received for received in peer.received[before:]))
        goes_on(call)

    client = Client(name, verify=ca, timeout=FAR, proxies={"all": proxy})
    error = closed(client, "https://origin.test/", waits)
    assert (error.transport, error.phase) == (name, phase)


def test_closing_ends_connecting_to_a_proxy(name):
    """So is who waits for the connection to the proxy itself."""
    try:
        hole = BlackHole()
    except OSError as error:
        pytest.skip(str(error))
    try:
        error = closed(Client(name, timeout=FAR, proxies={"all": hole.url}), "https://origin.test/", goes_on)
        assert (error.transport, error.phase) == (name, "connect")
    finally:
        hole.close()


def test_closing_ends_the_reading_of_a_no(name, ca):
    """A refusal that is being read when the transport is closed is no ProxyError any more."""
    reading = threading.Event()

    def serve(talk):
        talk.asked()
        talk.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nhello")
        reading.set()
        talk.stay()

    with Peer(serve) as peer:
        client = Client(name, verify=ca, timeout=FAR, proxies={"all": peer.url})

        def waits(call):
            assert reading.wait(FAR)
            goes_on(call)

        assert closed(client, "https://origin.test/", waits).phase == "proxy"


@pytest.mark.parametrize("bounds", [{"connect": BOUND}, {"connect": FAR, "total": BOUND}], ids=["connect", "total"])
def test_a_peer_that_never_stops_talking(name, bounds):
    """A server that answers the ClientHello with requests to begin, without end, is given up at the bound."""

    def flood(talk):
        talk.sock.recv(65536)
        with contextlib.suppress(OSError):  # HelloRequest (RFC 5246 section 7.4.1.1), which OpenSSL passes over
            while True:
                talk.sock.sendall(bytes.fromhex("160303000400000000") * 4000)

    with Peer(flood) as peer, Client(name, timeout=Timeouts(**bounds)) as client:
        began = time.monotonic()
        with pytest.raises(TotalTimeout if "total" in bounds else ConnectTimeout) as caught:
            client.get(f"https://127.0.0.1:{peer.port}/")
        assert time.monotonic() - began < BOUND + LATE
        assert caught.value.phase == "tls"
