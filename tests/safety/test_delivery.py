"""What an error says of its request is what the server saw: whether any of it arrived, and whether it began to answer (T6)."""

import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
from safety.lanes import over_all
from safety.waiting import played, until

import intermodal
from intermodal import Client, Limits, Timeouts
from intermodal.testing.origin import AnswerSent, Drip, Origin, Stall

#: Bounds that nothing here meets, but what waits for one of them in vain.
BOUNDS = Timeouts(connect=20, read=20, write=20, pool=20)
BRIEF = Timeouts(connect=20, read=0.3, write=0.3, pool=0.3)

TOKEN = b"/fails?token"


@dataclass
class Case:
    """One fault.

    Attributes:
        script, then, at: what the server plays, as arguments of ``Origin.play``.
        error, phase, delivery: what is to come of it; where delivery is None, nothing is played, and what has arrived
            decides.
        timeout, body, headers: how the request is sent; the body is made by a call.
    """

    script: tuple
    error: type
    phase: str
    delivery: str | None
    then: str = "keep"
    at: str = "request"
    timeout: Timeouts = BOUNDS
    body: object = None
    headers: dict = field(default_factory=dict)


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

#: Between what a server sends and its reset, which would overtake it.
ARRIVES = 0.03


def raises_at_once():
    raise ValueError("out of paper")
    yield b""


def raises_later():
    yield b"x" * 100_000
    yield b"x" * 100_000
    raise ValueError("out of paper")


def endless():
    for _ in range(1000):
        yield b"x" * 65536


CASES = {
    # -- once the request is there
    "closed": Case((), intermodal.Disconnected, "wait", "maybe_sent", "fin"),
    "reset": Case((), intermodal.Disconnected, "wait", "maybe_sent", "rst"),
    "silent": Case((Stall(),), intermodal.ReadTimeout, "wait", "maybe_sent", timeout=BRIEF),
    "closed before the body is read": Case(
        (), intermodal.Disconnected, "wait", "maybe_sent", "fin", "head", body=lambda: b"x"
    ),
    # -- once an answer began
    "a head cut off": Case((b"HTTP/1.1 200 O",), intermodal.ProtocolError, "head", "sent", "fin"),
    "a head, reset": Case((b"HTTP/1.1 200 O", ARRIVES), intermodal.Disconnected, "head", "sent", "rst"),
    "a head, silent": Case((b"HTTP/1.1 200 O", Stall()), intermodal.ReadTimeout, "head", "sent", timeout=BRIEF),
    "no HTTP": Case((b"SSH-2.0-OpenSSH\r\n\r\n",), intermodal.ProtocolError, "head", "sent"),
    "two lengths": Case(
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",),
        intermodal.ProtocolError,
        "head",
        "sent",
    ),
    "a head too large": Case((b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000,), intermodal.ProtocolError, "head", "sent"),
    "an interim answer, silent": Case(
        (b"HTTP/1.1 103 E\r\n\r\n", Stall()), intermodal.ReadTimeout, "head", "sent", timeout=BRIEF
    ),
    # -- once the head is there
    "a body cut off": Case((SIZED,), intermodal.IncompleteBody, "body", "sent", "fin"),
    "chunks cut off": Case((CHUNKED,), intermodal.IncompleteBody, "body", "sent", "fin"),
    "a body, reset": Case((SIZED, ARRIVES), intermodal.Disconnected, "body", "sent", "rst"),
    "chunks, reset": Case((CHUNKED, ARRIVES), intermodal.Disconnected, "body", "sent", "rst"),
    "a body, silent": Case((SIZED, Stall()), intermodal.ReadTimeout, "body", "sent", timeout=BRIEF),
    "no chunk": Case((CHUNKED + b"nonsense\r\n",), intermodal.ProtocolError, "body", "sent"),
    "a body that drips": Case(
        (SIZED, Drip(b"abc", 0.04)), intermodal.TotalTimeout, "body", "sent", timeout=Timeouts(total=0.15)
    ),
    # -- while the request is sent
    "nobody reads": Case(
        (Stall(),), intermodal.WriteTimeout, "send", "maybe_sent", at="head", timeout=BRIEF, body=endless
    ),
    "a body that raises at once": Case((), intermodal.RequestBodyError, "send", None, body=raises_at_once),
    "a body that raises later": Case((), intermodal.RequestBodyError, "send", None, body=raises_later),
    "a body too short": Case(
        (), intermodal.RequestBodyError, "send", None, body=lambda: iter([b"abc"]), headers={"Content-Length": "9"}
    ),
    "a body too long": Case(
        (),
        intermodal.RequestBodyError,
        "send",
        None,
        body=lambda: iter([b"abc", b"def"]),
        headers={"Content-Length": "4"},
    ),
}


class Witness:
    """An origin that tells what it saw of the one request that fails."""

    def __init__(self):
        self._begun = Counter()
        self.origin = Origin(observer=self._note)

    def _note(self, event):
        if isinstance(event, AnswerSent) and event.size:
            self._begun[event.number] += 1

    def saw(self, case):
        """``sent`` where an answer was begun, ``maybe_sent`` where some of the request arrived, else ``not_sent``."""
        self._wait_for_its_end(case)
        failed = [connection for connection in self.origin.connections if TOKEN in connection.received]
        if not failed:
            return "not_sent"
        (connection,) = failed
        assert [each.target for each in connection.requests][-1:] != ["/get?next"], (
            "a connection has served after a failure"
        )
        if case.delivery is None:  # what a server says of a request that was broken off, nobody waits for
            return "maybe_sent"
        before = len([each for each in connection.requests if each.target == "/get"])
        return "sent" if self._begun[connection.number] > before else "maybe_sent"

    def _wait_for_its_end(self, case):
        """Wait until all that the client has sent is there; where nobody reads, the origin does not see the end."""
        if case.body is not endless:
            assert until(lambda: sum(connection.open for connection in self.origin.connections) <= 1)

    def executed(self):
        """How often the whole request was read."""
        return sum(TOKEN.decode() in request.target for request in self.origin.requests)


@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
@pytest.mark.parametrize("fault", CASES)
def test_an_error_says_what_the_server_saw(fault, reused):
    """Class, phase, delivery and reuse are those of the fault; nothing is asked twice; the next request is served."""
    case = CASES[fault]

    def exchange(transport):
        witness = Witness()
        with witness.origin as origin, Client(transport, limits=Limits(connections=1), timeout=BOUNDS) as client:
            if reused:
                client.get(f"{origin.url}/get")
            if case.delivery is not None:
                origin.play(*case.script, then=case.then, at=case.at)
            with pytest.raises(intermodal.Error) as caught:
                client.request(
                    # What may be repeated is sent once more where a kept connection has ended: that is the client's.
                    "GET" if case.body is None and not reused else "POST",
                    origin.url + TOKEN.decode(),
                    data=None if case.body is None else case.body(),
                    headers=case.headers,
                    timeout=case.timeout,
                )
            error = caught.value
            played(origin)
            assert client.get(f"{origin.url}/get?next").json()["args"] == {"next": [""]}
            seen = witness.saw(case)
            assert witness.executed() <= 1
        return type(error), error.phase, error.delivery, error.reused, error.transport, seen

    for transport, told in over_all(exchange).items():
        seen = told[-1]
        assert told[:-1] == (case.error, case.phase, case.delivery or seen, reused, transport), told
        assert seen == told[2]


# --- faults before there is a connection, or while there is none to spare ---------------------------------------------


@pytest.fixture
def server_without_tls():
    """An origin that says something else where a client shakes hands, or nothing, or ends."""
    with Origin() as made:
        yield made


def refused(client, peers):
    client.get(peers["nobody"])


def refused_by_the_proxy(client, peers):
    client.get("http://example.test/", proxies={"http": peers["nobody"]})


def no_such_name(client, peers):
    client.get("http://nothing.test/")


def not_trusted(client, peers):
    client.get(peers["secure"].url, verify=True)


def no_tls(client, peers):
    peers["plain"].play(b"HTTP/1.1 400 Bad Request\r\n\r\n", then="fin", at="connect")
    client.get(peers["plain"].url.replace("http:", "https:"))


def closed_while_shaking_hands(client, peers):
    peers["plain"].play(then="fin", at="connect")
    client.get(peers["plain"].url.replace("http:", "https:"))


def reset_while_shaking_hands(client, peers):
    peers["plain"].play(ARRIVES, then="rst", at="connect")
    client.get(peers["plain"].url.replace("http:", "https:"))


def silent_while_shaking_hands(client, peers):
    peers["plain"].play(Stall(), at="connect")
    client.get(peers["plain"].url.replace("http:", "https:"), timeout=Timeouts(connect=0.15))


def no_slot(client, peers):
    with client.get(f"{peers['plain'].url}/bytes/3000000", stream=True):
        client.get(peers["plain"].url + TOKEN.decode(), timeout=BRIEF)


def nothing_to_send(client, peers):
    client.get(peers["plain"].url + TOKEN.decode(), headers={"X-A": "a\r\nb"})


#: What happens, the class, and the phase; none of it reaches a server.
BEFORE = {
    refused: (intermodal.ConnectionError, "connect"),
    refused_by_the_proxy: (intermodal.ProxyError, "connect"),
    no_such_name: (intermodal.NameResolutionError, "resolve"),
    not_trusted: (intermodal.CertificateError, "tls"),
    no_tls: (intermodal.TLSError, "tls"),
    closed_while_shaking_hands: (intermodal.ConnectionError, "tls"),
    reset_while_shaking_hands: (intermodal.ConnectionError, "tls"),
    silent_while_shaking_hands: (intermodal.ConnectTimeout, "tls"),
    no_slot: (intermodal.PoolTimeout, "pool"),
    nothing_to_send: (intermodal.InvalidHeader, None),
}


@pytest.mark.parametrize("happens", BEFORE, ids=lambda happens: happens.__name__)
@pytest.mark.usefixtures("names")
def test_what_fails_before_it_is_sent_was_not_sent(name, happens, nobody, server_without_tls, secure, ca):
    """No server has a byte of it, the error says so, and the next request is served."""
    peers = {"nobody": nobody, "plain": server_without_tls, "secure": secure}
    kind, phase = BEFORE[happens]
    with Client(name, limits=Limits(connections=1), timeout=BOUNDS, verify=ca) as client:
        with pytest.raises(intermodal.Error) as caught:
            happens(client, peers)
        error = caught.value
        assert isinstance(error, kind), repr(error)
        assert (error.phase, error.delivery, error.reused) == (phase, "not_sent", False)
        assert client.get(f"{server_without_tls.url}/get").ok
    for origin in (server_without_tls, secure):
        for connection in origin.connections:
            assert TOKEN not in connection.received
            assert b"GET / " not in connection.received


@pytest.mark.parametrize("end", ["fin", "rst"])
def test_an_idle_connection_that_the_server_has_ended_costs_no_request(name, origin, end):
    """Once its end has arrived, the next request goes out once, on a new connection, also where it may not be repeated."""
    with Client(name, timeout=BOUNDS) as client:
        for number in range(1, 4):
            script = origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ARRIVES, then=end)
            assert client.post(origin.url, data=b"x").content == b"ok"
            assert script.finished.wait(10)
            time.sleep(ARRIVES)  # on its way through the loopback
            assert client.post(f"{origin.url}/post?{number}", data=b"x").ok
    assert [request.target for request in origin.requests] == ["/", "/post?1", "/", "/post?2", "/", "/post?3"]
