"""Proxies that forward plain http, spoken to in clear or in TLS: what they are sent, and that one connection serves all."""

import pytest
from roads.proxies import Peer, answering, proxy

from intermodal import TLS, Client, Proxy, ProxyError, TLSError

#: Plain http, TLS that its own settings trust.
SCHEMES = ("http", "https")


@pytest.fixture(params=SCHEMES)
def forwarding(request, proxy_tls):
    """A proxy that answers whatever it is to forward."""
    with Peer(proxy, tls=proxy_tls if request.param == "https" else None) as peer:
        yield peer


@pytest.fixture
def through(forwarding, proxies_authority):
    """That proxy, with a user and a password."""
    scheme, _, rest = forwarding.url.partition("://")
    return Proxy(f"{scheme}://Aladdin:open%20sesame@{rest}", tls=TLS(verify=proxies_authority.file))


def test_what_the_proxy_is_sent(name, forwarding, through):
    """The whole URL as the target, and the proxy's credentials behind the request's own fields (RFC 9112 section 3.2.2)."""
    headers = {"User-Agent": None, "Accept": None, "Accept-Encoding": None, "Connection": None, "X-A": "1"}
    with Client(name, proxies={"http": through}, headers=headers) as client:
        response = client.post("http://Origin.test:8080/a%7e?b=c#d", data=b"hello")
        assert (response.status_code, response.content) == (200, b"forwarded")
        expected = (
            b"POST http://origin.test:8080/a%7e?b=c HTTP/1.1\r\nHost: origin.test:8080\r\nX-A: 1\r\n"
            b"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nContent-Length: 5\r\n\r\nhello"
        )
        assert forwarding.received == [expected]


def test_one_connection_serves_every_origin(name, forwarding, through):
    """Requests to hosts that have nothing to do with each other take the same connection to the proxy."""
    with Client(name, proxies={"http": through}) as client:
        for host in ("a.test", "b.test:81", "[2001:db8::1]", "a.test"):
            assert client.get(f"http://{host}/").content == b"forwarded"
        assert len(forwarding.talks) == 1
        targets = [line.split()[1] for line in forwarding.received[0].split(b"\r\n") if line.startswith(b"GET ")]
        assert targets == [b"http://a.test/", b"http://b.test:81/", b"http://[2001:db8::1]/", b"http://a.test/"]


def test_an_answer_of_the_proxy_is_an_answer(name, proxy_tls, proxies_authority):
    """A proxy that forwards answers in the server's place: its 407 is a response like any other."""
    said = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 5\r\n\r\nLogin"
    for tls in (None, proxy_tls):
        with Peer(answering(said), tls=tls) as peer:
            through = Proxy(peer.url, tls=TLS(verify=proxies_authority.file))
            with Client(name, proxies={"http": through}) as client:
                response = client.get("http://origin.test/")
                assert (response.status_code, response.content) == (407, b"Login")
                assert response.headers["proxy-authenticate"] == "Basic realm=x"


def test_a_field_of_the_request_reaches_the_proxy(name):
    """Proxy-Authorization that a caller gives by itself goes where it belongs, to the proxy that forwards."""
    with Peer(proxy) as peer, Client(name, proxies={"http": peer.url}) as client:
        client.get("http://origin.test/", headers={"Proxy-Authorization": "Bearer xyz"})
        assert b"\r\nProxy-Authorization: Bearer xyz\r\n" in peer.received[0]


@pytest.mark.parametrize("url", ["http://origin.test/", "https://origin.test/"])
def test_a_proxy_without_tls_is_never_told_anything_in_clear(name, url):
    """Where https:// stands for a proxy that speaks plain http, all it ever sees is the beginning of a handshake."""

    def plain(talk):
        talk.take()
        talk.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        talk.stay()

    with Peer(plain) as peer, Client(name, proxies={"all": f"https://ann:secret@127.0.0.1:{peer.port}"}) as client:
        with pytest.raises(TLSError, match=f"the proxy '127.0.0.1' port {peer.port}") as caught:
            client.get(url, headers={"X-A": "secret"})
        error = caught.value
        assert (type(error), error.phase, error.delivery, error.transport) == (TLSError, "tls", "not_sent", name)
        assert not isinstance(error, ProxyError)
    for seen in peer.received:
        assert seen[:3] in {b"\x16\x03\x01", b"\x16\x03\x03"}  # the record of a handshake (RFC 8446 section 5.1)
        # A record of 5 bytes and so many, the ClientHello, and perhaps an alert of 7: nothing else.
        assert seen[5 + int.from_bytes(seen[3:5], "big") :][:1] in {b"", b"\x15"}
        assert b"HTTP" not in seen
        assert b"origin.test" not in seen
