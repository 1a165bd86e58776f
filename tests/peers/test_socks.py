"""SOCKS5 end to end: every transport through the proxies that people run, and through one that does what a test says."""

import contextlib
import ssl
import threading
import time

import pytest
import trustme
from backends.talk import PATIENCE, Server
from fleet import TRANSPORTS
from peers import socks_peers
from peers.programs import free_port

import intermodal
from intermodal import ConnectTimeout, Proxy, ProxyError, TransportClosed
from intermodal.testing.origin import Origin
from intermodal.testing.relay import Relay

USER, PASSWORD = "ann", "pä:ss@word"
LOGIN = "ann:p%C3%A4%3Ass%40word"


@pytest.fixture(params=list(TRANSPORTS))
def name(request):
    """The name of each of the four transports in turn."""
    return request.param


@pytest.fixture
def client(name):
    """A client over it that takes nothing from the environment."""
    with intermodal.Client(name, timeout=PATIENCE, trust_env=False) as made:
        yield made


@pytest.fixture(scope="module")
def microsocks():
    """The port of a microsocks that anybody may use."""
    with socks_peers.microsocks() as port:
        yield port


@pytest.fixture(scope="module")
def locked():
    """The port of a microsocks for one user."""
    with socks_peers.microsocks(USER, PASSWORD) as port:
        yield port


@pytest.fixture(scope="module")
def forbidden():
    """A port that the rules of danted do not let anybody connect to."""
    return free_port()


@pytest.fixture(scope="module")
def danted(tmp_path_factory, forbidden):
    """The port of a danted that anybody may use."""
    with socks_peers.danted(tmp_path_factory.mktemp("danted"), forbidden) as port:
        yield port


@pytest.fixture(scope="module")
def authority():
    """A certificate authority of this module's own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority, tmp_path_factory):
    """The file of its certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def secure(authority):
    """An https origin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Origin(tls=context) as made:
        yield made


@pytest.fixture(scope="module")
def plain():
    """An http origin."""
    with Origin() as made:
        yield made


def through(port, scheme="socks5h", login=""):
    """The keyword that sends a call through a proxy."""
    return {"proxies": {"all": f"{scheme}://{login and login + '@'}127.0.0.1:{port}"}}


ASKED = {
    "socks5": lambda port: b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"),
    "socks5h": lambda port: b"\x05\x01\x00\x05\x01\x00\x03\x09localhost" + port.to_bytes(2, "big"),
}


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("peer", ["microsocks", "danted"])
def test_http_and_https_go_through_it(peer, scheme, client, plain, secure, ca, request):
    """Both kinds of origin are reached by name, resolved where the scheme says; the proxy sees SOCKS5, then the origin's bytes alone."""
    with Relay("127.0.0.1", request.getfixturevalue(peer)) as relay:
        for _ in range(2):
            got = client.post(f"http://localhost:{plain.port}/post", data=b"tea", **through(relay.port, scheme))
            assert got.json()["data"] == "tea"
            got = client.get(f"https://localhost:{secure.port}/get", verify=ca, **through(relay.port, scheme))
            assert got.status_code == 200

        first, second = relay.connections  # one for each origin: the second round uses them again
    head = ASKED[scheme](plain.port)
    assert first.received.startswith(head + b"POST /post HTTP/1.1\r\nHost: localhost")
    assert second.received.startswith(ASKED[scheme](secure.port) + b"\x16\x03")


def test_every_transport_says_the_same(locked, plain):
    """The four send the proxy the same bytes, credentials and request included."""
    said = {}
    for name in TRANSPORTS:
        with Relay("127.0.0.1", locked) as relay, intermodal.Client(name, timeout=PATIENCE, trust_env=False) as client:
            headers = {"User-Agent": "x", "Accept-Encoding": None}
            assert client.get(f"{plain.url}/get", headers=headers, **through(relay.port, login=LOGIN)).ok
            (connection,) = relay.connections
            said[name] = connection.received

    assert len(set(said.values())) == 1, said
    secret = PASSWORD.encode()
    assert said["socket"].startswith(
        b"\x05\x02\x00\x02\x01\x03ann" + bytes([len(secret)]) + secret + b"\x05\x01\x00\x01\x7f\x00\x00\x01"
    )


def test_an_ipv6_address_is_reached(client, microsocks, danted):
    """An address in brackets goes to the proxy as 16 bytes, with both schemes."""
    with Origin(host="::1") as origin:
        for port, scheme in ((microsocks, "socks5"), (microsocks, "socks5h"), (danted, "socks5h")):
            assert client.get(f"{origin.url}/get", **through(port, scheme)).ok
        assert {connection.peer[0] for connection in origin.connections} == {"::1"}


@pytest.mark.parametrize("login", ["ann:wrong", "bob:p%C3%A4%3Ass%40word"])
def test_a_wrong_login_is_refused(client, locked, plain, login):
    """A user or password that the proxy does not know is a ProxyError that says so, and holds neither of them."""
    with pytest.raises(ProxyError, match="did not accept the user and password") as caught:
        client.get(plain.url, **through(locked, login=login))

    assert (caught.value.phase, caught.value.delivery) == ("proxy", "not_sent")
    assert f"'127.0.0.1' port {locked}" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("ann", "bob", "wrong", "pä"))


def test_danted_refuses_users_that_it_does_not_know(client, plain, tmp_path, forbidden):
    """Dante's refusal of a login, and its wish for one, are told apart."""
    with socks_peers.danted(tmp_path, forbidden, "username") as port:
        with pytest.raises(ProxyError, match="did not accept the user and password"):
            client.get(plain.url, **through(port, login="nobody-here:x"))
        with pytest.raises(ProxyError, match="give its user and password: socks5h://user:password@host:port"):
            client.get(plain.url, **through(port))


def test_a_login_that_is_missing_is_asked_for(client, locked, plain):
    """A proxy that wants a login where none was given: the error says how to give one."""
    with pytest.raises(ProxyError, match="give its user and password: socks5h://user:password@host:port"):
        client.get(plain.url, **through(locked))


def test_a_target_that_the_proxy_does_not_reach(client, microsocks, danted, forbidden):
    """What the proxy says of the target is in the error: refused, forbidden, unknown."""
    closed = free_port()
    for port in (microsocks, danted):
        with pytest.raises(ProxyError, match=r"connection refused \(reply 5\)") as caught:
            client.get(f"http://127.0.0.1:{closed}/", **through(port))
        assert (caught.value.phase, caught.value.delivery) == ("proxy", "not_sent")
        assert f"'127.0.0.1' port {closed}" in str(caught.value)
    with pytest.raises(ProxyError, match=r"not allowed by its ruleset \(reply 2\)"):
        client.get(f"http://127.0.0.1:{forbidden}/", **through(danted))
    with pytest.raises(ProxyError, match=r"refused: .*\(reply [14]\)"):
        client.get("http://nowhere.invalid/", **through(microsocks))


def test_a_proxy_that_is_down(client, plain):
    """Nobody listens where the proxy should be: a ProxyError that names it, and not the target."""
    down = free_port()
    with pytest.raises(ProxyError, match=f"'127.0.0.1' port {down}") as caught:
        client.get(plain.url, **through(down))

    assert (caught.value.phase, caught.value.delivery) == ("connect", "not_sent")


def test_an_http_server_is_not_taken_for_one(client, nginx, plain):
    """A web server given as a SOCKS proxy is recognised by what it answers."""
    with pytest.raises(ProxyError, match="does not speak SOCKS5: it answered in HTTP; give it as http://host:port"):
        client.get(plain.url, **through(nginx))


SILENT_AFTER = {
    "connection": lambda talk: talk.hold(),
    "greeting": lambda talk: (talk.exactly(4), talk.hold()),
    "choice": lambda talk: (talk.exactly(4), talk.send(b"\x05\x02"), talk.hold()),
    "half a reply": lambda talk: (talk.exactly(4), talk.send(b"\x05\x00\x05\x00\x00\x03\x09local"), talk.hold()),
}


@pytest.mark.parametrize("step", SILENT_AFTER)
def test_a_silent_proxy_ends_at_the_bound(step, client):
    """Wherever the proxy falls silent, ``connect`` ends the wait in time, in the phase ``proxy``."""
    with Server(SILENT_AFTER[step]) as server:
        proxies = {"all": server.url.replace("http://", "socks5h://ann:secret@")}
        began = time.monotonic()
        with pytest.raises(ConnectTimeout) as caught:
            client.get("http://h.test/", proxies=proxies, timeout=intermodal.Timeouts(connect=0.1))
        took = time.monotonic() - began

        assert (caught.value.phase, caught.value.delivery) == ("proxy", "not_sent")
        assert 0.1 <= took < PATIENCE / 2
        assert server.talk(1).has_gone()


def test_a_dripping_proxy_ends_at_the_bound(client):
    """Byte after byte in time does not move the bound: it holds for everything that the proxy says."""

    def drip(talk):
        talk.exactly(3)
        talk.send(b"\x05\x00\x05\x00\x00\x03\xff")
        while not talk.released.wait(0.02):
            talk.send(b"n")

    with Server(drip) as server:
        proxies = {"all": server.url.replace("http://", "socks5h://")}
        began = time.monotonic()
        with pytest.raises(ConnectTimeout) as caught:
            client.get("http://h.test/", proxies=proxies, timeout=intermodal.Timeouts(connect=0.3))

        assert caught.value.phase == "proxy"
        assert 0.3 <= time.monotonic() - began < 4  # all 257 bytes would take more than 5


def test_another_thread_ends_the_wait_for_a_proxy(name):
    """Closing the client ends a wait for a silent proxy at once."""
    caught = []
    asked = threading.Event()

    def silent(talk):
        talk.exactly(3)
        asked.set()
        talk.hold()

    with Server(silent) as server, intermodal.Client(name, timeout=10 * PATIENCE, trust_env=False) as client:

        def call():
            try:
                client.get("http://h.test/", proxies={"all": server.url.replace("http://", "socks5h://")})
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        assert asked.wait(PATIENCE)
        client.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert server.talk(1).has_gone()

    (error,) = caught
    assert isinstance(error, TransportClosed)


@pytest.mark.parametrize("end", ["end", "reset"])
@pytest.mark.parametrize("said", [b"", b"\x05", b"\x05\x00\x05\x00\x00"])
def test_a_proxy_that_leaves(client, said, end):
    """Closed or reset in the middle of the handshake: a ProxyError that names the proxy, and nothing was sent."""

    def leave(talk):
        talk.exactly(3)
        talk.send(said)
        if said[1:]:
            talk.exactly(7 + len("h.test"))
        getattr(talk, end)()

    with Server(leave) as server:
        proxy = Proxy(server.url.replace("http://", "socks5h://"))
        with pytest.raises(ProxyError, match=f"'127.0.0.1' port {proxy.port}") as caught:
            client.get("http://h.test/", proxies={"all": proxy})

    assert (caught.value.phase, caught.value.delivery) == ("proxy", "not_sent")


def test_what_comes_right_behind_the_reply_is_the_servers(client):
    """A server that speaks before it is asked, in the same segment as the proxy's reply, loses no byte of it."""

    def eager(talk):
        talk.exactly(3)
        talk.send(b"\x05\x00")
        talk.exactly(7 + len("h.test"))
        talk.send(b"\x05\x00\x00\x03\x05bound\x00\x50HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntea")
        talk.hold()

    with Server(eager) as server:
        got = client.get("http://h.test/", proxies={"all": server.url.replace("http://", "socks5h://")})
        assert (got.status_code, got.content) == (200, b"tea")


def test_a_login_is_for_its_own_proxy_and_a_connection_for_its_own_login(client, locked, plain):
    """Each of two proxies is told its own login only, and a connection that one login has opened serves no other."""
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(socks_peers.microsocks("bob", "b0b"))
        one, two = (stack.enter_context(Relay("127.0.0.1", port)) for port in (locked, other))
        mine, its = through(one.port, login=LOGIN), through(two.port, login="bob:b0b")
        for _ in range(2):
            assert client.get(f"{plain.url}/get", **mine).ok
            assert client.get(f"{plain.url}/get", **its).ok

        with pytest.raises(ProxyError, match="did not accept"):
            client.get(f"{plain.url}/get", **through(one.port, login="ann:wrong"))
        with pytest.raises(ProxyError, match="give its user and password"):
            client.get(f"{plain.url}/get", **through(one.port))
        assert client.get(f"{plain.url}/get", **mine).ok

        to_one = [connection.received for connection in one.connections]
        to_two = [connection.received for connection in two.connections]
    assert len(to_one) == 3
    assert len(to_two) == 1
    assert not any(b"bob" in data or b"b0b" in data for data in to_one)
    assert not any(b"ann" in data or PASSWORD.encode() in data for data in to_two)
    assert not any(b"roxy-" in data for data in [*to_one, *to_two])  # no Proxy-Authorization to the origin
