"""CONNECT: what the proxy is sent, to the byte, and what comes of everything that it may answer."""

import errno
import socket

import pytest
from roads.proxies import GRANTED, Peer, answering, port_of, tunnelling
from safety.census import Census

from intermodal import TLS, Client, InvalidHeader, Limits, Proxy, ProxyError, TLSError

#: What a refusing proxy answers, where it is of no further interest.
REFUSED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"

#: An address that means something on this machine alone.
ZONED = "https://[fe80::1%25lo]:8443/"

#: A URL, and whom a tunnel to it is asked for: always with the port, IPv6 in brackets (RFC 9110 section 9.3.6), and
#: without its zone, which is this machine's own (RFC 6874 section 1).
AUTHORITIES = {
    "https://origin.test/": "origin.test:443",
    "https://Origin.TEST:8443/a?b#c": "origin.test:8443",
    "https://bücher.test/": "xn--bcher-kva.test:443",
    "https://192.0.2.1/": "192.0.2.1:443",
    "https://[2001:db8::1]/": "[2001:db8::1]:443",
    ZONED: "[fe80::1]:8443",
}

#: The credentials of a proxy as its URL has them, and in Proxy-Authorization: both examples are of RFC 7617, section 2
#: and section 2.1.
CREDENTIALS = {
    "": "",
    "Aladdin:open%20sesame@": "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
    "test:123%C2%A3@": "Proxy-Authorization: Basic dGVzdDoxMjPCow==\r\n",
}


@pytest.mark.parametrize(
    ("url", "user"), [*((url, "") for url in AUTHORITIES), *(("https://origin.test/", user) for user in CREDENTIALS)]
)
def test_what_the_proxy_is_sent(name, url, user):
    """The same bytes from every transport: authority, Host, the proxy's credentials, and none of the request's own fields."""
    with (
        Peer(answering(REFUSED)) as proxy,
        Client(name, proxies={"https": f"http://{user}127.0.0.1:{proxy.port}"}) as client,
    ):
        with pytest.raises(ProxyError):
            client.post(url, data=b"x", headers={"Authorization": "Basic eDp5", "Cookie": "a=b", "X-A": "1"})
        asked = AUTHORITIES[url]
        expected = f"CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\n{CREDENTIALS[user]}\r\n"
        assert proxy.received == [expected.encode()]


def test_the_credentials_end_at_the_proxy(name, secure, ca):
    """The server sees the request as if there were no proxy, whatever the proxy was told; a second request takes the same tunnel."""
    with Peer(tunnelling()) as proxy, Client(name, verify=ca) as client:
        client.get(f"{secure.url}/get")
        through = {"https": f"http://ann:secret@127.0.0.1:{proxy.port}"}
        for _ in range(2):
            assert client.get(f"{secure.url}/get", proxies=through).ok
        straight, *tunnelled = [request.raw for request in secure.requests]
        assert tunnelled == [straight, straight]
        assert len(secure.connections) == 2
        assert proxy.received[0].startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1\r\n".encode())
        assert len(proxy.talks) == 1


def test_the_proxy_resolves_the_name(name, secure, ca):
    """A name that only the proxy knows is reached, and it is that name which the certificate must be for."""
    with Peer(tunnelling()) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}) as client:
        assert client.get(f"https://origin.test:{secure.port}/get").ok
        with pytest.raises(TLSError, match=r"'other\.test'"):
            client.get(f"https://other.test:{secure.port}/get")


def test_credentials_in_a_field_of_the_request_are_refused(name, secure, ca):
    """Proxy-Authorization beside a tunnel would go to the server: it is refused, with what to do, and nobody is asked."""
    with Peer(tunnelling()) as proxy, Client(name, verify=ca, proxies={"https": proxy.url}) as client:
        with pytest.raises(InvalidHeader, match="http://user:password@host:port") as caught:
            client.get(f"{secure.url}/get", headers={"proxy-authorization": "Basic eDp5"})
        assert (caught.value.transport, caught.value.delivery) == (name, "not_sent")
        assert (proxy.talks, secure.connections) == ([], [])


# --- a yes -----------------------------------------------------------------------------------------------------------

GRANTS = {
    "200": GRANTED,
    "201": b"HTTP/1.1 201 Created\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "299": b"HTTP/1.1 299 \r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nProxy-agent: old\r\n\r\n",
    "closing": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: plenty\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "no coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x, y\r\nTransfer-Encoding: chunked\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + GRANTED,
}


@pytest.mark.parametrize("answer", GRANTS.values(), ids=GRANTS)
def test_a_yes(name, answer, secure, ca):
    """Any 2xx is a tunnel, after any interim answers; fields that would frame a body mean nothing (RFC 9110 section 9.3.6)."""
    with Peer(tunnelling(answer)) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}) as client:
        assert [client.get(f"{secure.url}/get").status_code for _ in range(2)] == [200, 200]
        assert len(secure.connections) == len(proxy.talks) == 1


def test_a_yes_that_drips(name, secure, ca):
    """However an answer is cut, it is the same answer."""

    def dripping(talk):
        asked = talk.asked()
        talk.drip(GRANTS["interim"], 0)
        talk.pass_on(port_of(asked))

    with Peer(dripping) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}) as client:
        assert client.get(f"{secure.url}/get").ok


#: A HelloRequest: the one message of TLS that a server may send before it was asked anything, and that a client in a
#: handshake passes over (RFC 5246 section 7.4.1.1).
HELLO_REQUEST = bytes.fromhex("16 0303 0004 00 000000")

#: The alert handshake_failure, fatal (RFC 8446 section 6).
ALERT = bytes.fromhex("15 0303 0002 02 28")


@pytest.mark.parametrize("over", ["http", "https"])
@pytest.mark.parametrize("early", [len(HELLO_REQUEST), 3])
def test_what_comes_behind_a_yes_is_the_tunnels(name, early, over, secure, authority, proxy_tls, proxies_authority):
    """The bytes in one segment with the proxy's answer are the beginning of TLS: without them what follows is no TLS."""
    serve = tunnelling(GRANTED + HELLO_REQUEST[:early], behind=HELLO_REQUEST[early:])
    with Peer(serve, tls=proxy_tls if over == "https" else None) as peer:
        proxy = Proxy(peer.url, tls=TLS(verify=proxies_authority.file))
        with Client(name, verify=authority.file, proxies={"all": proxy}) as client:
            body = b"0123456789" * 30_000
            assert client.post(f"{secure.url}/post", data=body).json()["data"] == body.decode()


def test_an_alert_behind_a_yes_is_heard(name, secure, ca):
    """An alert that comes with the answer ends the handshake: it was not thrown away, and it is not HTTP either."""
    with Peer(tunnelling(GRANTED + ALERT)) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}) as client:
        census = Census()
        with pytest.raises(TLSError, match="HANDSHAKE_FAILURE") as caught:
            client.get(f"{secure.url}/get")
        error = caught.value
        assert (type(error), error.phase, error.delivery, error.transport) == (TLSError, "tls", "not_sent", name)
        assert secure.requests == []
        assert census.more() == ""


# --- a no ------------------------------------------------------------------------------------------------------------

ASKED = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"

#: An answer, its status, its body as far as it is kept, and words of the error.
REFUSALS = {
    "407": (ASKED + b"Content-Length: 5\r\n\r\nLogin", 407, b"Login", r"407 .*http://user:password@host:port"),
    "407, until the close": (ASKED + b"\r\nLogin", 407, b"Login", "407"),
    "407, cut off": (ASKED + b"Content-Length: 10\r\n\r\nLogin", 407, b"Login", "407"),
    "407 in chunks": (ASKED + b"Transfer-Encoding: chunked\r\n\r\n5\r\nLogin\r\n0\r\n\r\n", 407, b"Login", "407"),
    "407 in broken chunks": (
        ASKED + b"Transfer-Encoding: chunked\r\n\r\n5\r\nLogin\r\nx\r\n\r\n",
        407,
        b"Login",
        "407",
    ),
    "302": (b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n", 302, b"", "302 Found"),
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden", 403, b"forbidden", "403 Forbidden"),
    "502 after 100": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502 Bad\r\nContent-Length: 1\r\n\r\nx", 502, b"x", "502"),
    "300": (b"HTTP/1.1 300 \r\nContent-Length: 0\r\n\r\n", 300, b"", "300"),
    "a long one": (b"HTTP/1.1 403 No\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000, 403, b"x" * 65536, "403 No"),
    "a long one, in chunks": (
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3E8\r\n" + b"x" * 1000 + b"\r\n",
        403,
        b"x" * 1000,
        "403 No",
    ),
}


@pytest.mark.parametrize(("answer", "status", "said", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_no(name, answer, status, said, words, secure, ca):
    """Anything else is a ProxyError with what the proxy answered on it, up to 64 KiB; the server is never reached, nothing is left open."""
    with Peer(answering(answer)) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}) as client:
        census = Census()
        with pytest.raises(ProxyError, match=words) as caught:
            client.get(f"{secure.url}/get")
        error = caught.value
        assert (type(error), error.phase, error.delivery, error.transport) == (ProxyError, "proxy", "not_sent", name)
        assert (error.reused, error.request.url.port) == (False, secure.port)
        assert f"port {proxy.port}" in str(error)
        response = error.response
        assert (response.status_code, response.content) == (status, said)
        if status == 407:
            assert response.headers["proxy-authenticate"] == "Basic realm=x"
        if status == 302:
            assert response.headers["location"] == "http://evil.test/"
        assert secure.connections == []
        assert census.more() == ""


def test_after_a_no_the_next_request_asks_anew(name, secure, ca):
    """A refusal is not remembered, and its connection is not used again."""

    def once(talk):
        talk.asked()
        talk.send(ASKED + b"Content-Length: 0\r\n\r\n" if len(proxy.talks) == 1 else GRANTED)
        if len(proxy.talks) > 1:
            talk.pass_on(secure.port)
        talk.stay()

    with (
        Peer(once) as proxy,
        Client(name, verify=ca, proxies={"all": proxy.url}, limits=Limits(connections=1)) as client,
    ):
        with pytest.raises(ProxyError):
            client.get(f"{secure.url}/get")
        assert client.get(f"{secure.url}/get").ok
        assert len(proxy.talks) == 2


# --- neither ---------------------------------------------------------------------------------------------------------

#: What a proxy says that is no HTTP, or not all of it, and words of the error.
BROKEN = {
    "nothing": (b"", "closed the connection without an answer"),
    "HTTP/0.9": (b"<html>tunnel</html>", "as HTTP/1.1 has it"),
    "garbage": (bytes(range(256)) * 40, "as HTTP/1.1 has it"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "as HTTP/1.1 has it"),
    "a TLS alert": (ALERT, "as HTTP/1.1 has it"),
    "a head cut off": (b"HTTP/1.1 200 OK\r\nVia: x\r\n", "as HTTP/1.1 has it"),
    "a status line cut off": (b"HTTP/1.1 20", "as HTTP/1.1 has it"),
    "interim only": (b"HTTP/1.1 103 Early Hints\r\n\r\n", "as HTTP/1.1 has it"),
    "a bad field": (b"HTTP/1.1 200 OK\r\nbad field: x\r\n\r\n", "as HTTP/1.1 has it"),
    "switching": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "101"),
    "a no with two lengths": (b"HTTP/1.1 403 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "Content-Length"),
    "a head too long": (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 2000 + b"\r\n\r\n", "1000"),
    "a head without end": (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000, "1000"),
    "interim without end": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, r"Limits\.interim"),
}


@pytest.mark.parametrize(("said", "words"), BROKEN.values(), ids=BROKEN)
def test_neither(name, said, words, secure, ca):
    """What is no answer is a ProxyError of the proxy's phase that says so, within the limits of a head; nothing is left open."""

    def serve(talk):
        talk.asked()
        talk.send(said)

    limits = Limits(head_bytes=1000)
    with Peer(serve) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}, limits=limits) as client:
        census = Census()
        with pytest.raises(ProxyError, match=words) as caught:
            client.get(f"{secure.url}/get")
        error = caught.value
        assert (type(error), error.phase, error.delivery, error.transport) == (ProxyError, "proxy", "not_sent", name)
        assert f"port {proxy.port}" in str(error)
        assert (error.response, secure.connections) == (None, [])
        assert census.more() == ""


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nVia"], ids=["at once", "in the head"])
def test_a_reset(name, said, secure, ca):
    """A connection that the proxy cuts is a ProxyError with the system's number for it."""

    def serve(talk):
        talk.asked()
        talk.send(said)
        talk.reset()

    with Peer(serve) as proxy, Client(name, verify=ca, proxies={"all": proxy.url}) as client:
        census = Census()
        with pytest.raises(ProxyError) as caught:
            client.get(f"{secure.url}/get")
        error = caught.value
        assert (type(error), error.phase, error.delivery, error.errno) == (
            ProxyError,
            "proxy",
            "not_sent",
            errno.ECONNRESET,
        )
        assert census.more() == ""


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("url", ["http://origin.test/", "https://origin.test/"])
def test_nobody_at_the_proxys_port(name, scheme, url):
    """A proxy that cannot be reached is a ProxyError that names it, whatever was to go through it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with Client(name, proxies={"all": f"{scheme}://ann:secret@127.0.0.1:{port}"}) as client:
            census = Census()
            with pytest.raises(ProxyError, match=f"'127.0.0.1' port {port}") as caught:
                client.get(url)
            error = caught.value
            assert (error.phase, error.delivery, error.errno) == ("connect", "not_sent", errno.ECONNREFUSED)
            assert "secret" not in str(error)
            assert census.more() == ""
