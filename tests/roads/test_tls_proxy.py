"""TLS to the proxy, and TLS to the server inside of it: each is checked, and shown a certificate, by its own settings alone."""

import ssl

import pytest
from roads.proxies import Peer, answering, proxy
from safety.census import Census

from intermodal import TLS, CertificateError, Client, Proxy, TLSError


@pytest.fixture
def peer(proxy_tls):
    """An https proxy."""
    with Peer(proxy, tls=proxy_tls) as made:
        yield made


def test_a_tunnel_through_tls(name, peer, secure, ca, proxies_authority):
    """TLS inside TLS carries requests and answers of any size, and serves again; the server sees what it would see without."""
    through = Proxy(peer.url, tls=TLS(verify=proxies_authority.file))
    with Client(name, verify=ca) as client:
        client.get(f"{secure.url}/get")
        body = bytes(range(256)) * 4000
        for _ in range(2):
            assert client.get(f"{secure.url}/get", proxies={"https": through}).ok
            assert client.post(f"{secure.url}/status/204", data=body, proxies={"https": through}).status_code == 204
        with client.get(f"{secure.url}/bytes/1000000", proxies={"https": through}, stream=True) as response:
            assert sum(map(len, response.iter_content(10_000))) == 1_000_000
        straight, *tunnelled = secure.requests
        assert {request.connection for request in tunnelled} == {straight.connection + 1}
        assert tunnelled[0].raw == straight.raw
        assert tunnelled[1].body == body
        assert len(peer.talks) == 1
        assert peer.received[0].startswith(
            f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1\r\nHost: 127.0.0.1:{secure.port}\r\n\r\n\x16\x03".encode(
                "latin-1"
            )
        )


@pytest.mark.parametrize("proxys", ["the other's", "the system's", "none that is for it"])
@pytest.mark.parametrize("servers", ["its own", "the proxy's", "none at all"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.filterwarnings("ignore::intermodal.InsecureRequestWarning")
def test_the_proxys_certificate_is_checked_by_the_proxys_settings(
    name, proxys, servers, scheme, ca, proxies_authority, proxy_tls
):
    """Whatever the call says of the server's certificate, ``verify=False`` included, it is not about the proxy's."""
    verify = {"its own": ca, "the proxy's": proxies_authority.file, "none at all": False}[servers]
    tls, trusted = {
        "the other's": (proxy_tls, TLS(verify=ca)),
        "the system's": (proxy_tls, TLS()),
        "none that is for it": (proxies_authority.server("elsewhere.test"), TLS(verify=proxies_authority.file)),
    }[proxys]
    with Peer(proxy, tls=tls) as peer, Client(name, verify=verify) as client:
        through = Proxy(f"https://ann:secret@127.0.0.1:{peer.port}", tls=trusted)
        census = Census()
        with pytest.raises(CertificateError, match=f"the proxy '127.0.0.1' port {peer.port}") as caught:
            client.get(f"{scheme}://origin.test/", proxies={"all": through})
        error = caught.value
        assert (error.phase, error.delivery, error.transport) == ("tls", "not_sent", name)
        # OpenSSL's numbers: of a certificate without a known issuer, or for another address.
        assert error.verify_code in ({64} if proxys == "none that is for it" else {18, 19, 20})
        assert peer.received == [b""]
        assert census.more() == ""


@pytest.mark.parametrize("proxys", ["its own", "none at all"])
def test_the_servers_certificate_is_checked_by_the_calls_settings(name, proxys, peer, secure, proxies_authority):
    """Whoever vouches for the proxy vouches for nobody behind it, and a proxy that is not checked lets nobody through."""
    through = Proxy(peer.url, tls=TLS(verify=proxies_authority.file if proxys == "its own" else False))
    for verify in (proxies_authority.file, True):
        with Client(name, verify=verify, proxies={"all": through}) as client:
            census = Census()
            with pytest.raises(CertificateError, match=f"'127.0.0.1' port {secure.port}") as caught:
                client.get(f"{secure.url}/get")
            error = caught.value
            assert "the proxy '" not in str(error)
            assert (error.phase, error.delivery) == ("tls", "not_sent")
            assert error.verify_code in {18, 19, 20}
            assert secure.requests == []
            assert census.more() == ""


@pytest.mark.parametrize(("to_proxy", "to_server"), [(None, "ann"), ("bob", None), ("bob", "ann")])
def test_certificates_are_shown_to_whom_they_are_for(name, to_proxy, to_server, authority, proxies_authority):
    """A client certificate for the server is never shown to the proxy, nor the proxy's to the server, though both ask."""

    def certificate(who):
        return None if who is None else authority.certificate(who)

    yes = b"HTTP/1.1 204 No Content\r\n\r\n"
    with (
        Peer(proxy, tls=proxies_authority.server(clients=authority)) as peer,
        Peer(answering(yes, yes), tls=authority.server(clients=authority)) as server,
        Client(name, verify=authority.file, cert=certificate(to_server)) as client,
    ):
        through = Proxy(peer.url, tls=TLS(verify=proxies_authority.file, cert=certificate(to_proxy)))
        for url in (server.url, f"http://127.0.0.1:{server.port}"):
            assert client.get(url, proxies={"all": through}).status_code in {200, 204}
        assert client.get(server.url).status_code == 204  # past the proxy
        assert [name_in(talk) for talk in server.talks] == [to_server, to_server]
        assert [name_in(talk) for talk in peer.talks] == [to_proxy, to_proxy]


def name_in(talk):
    return talk.shown and talk.shown["commonName"]


def test_the_oldest_version_is_each_ones_own(name, secure, ca, proxies_authority):
    """A minimum version for the server does not bind the proxy; one for the proxy does."""
    old = proxies_authority.server()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with Peer(proxy, tls=old) as peer, Client(name) as client:
        settings = TLS(verify=proxies_authority.file, minimum_version="TLSv1.3")
        with pytest.raises(TLSError, match="the proxy '127.0.0.1'"):
            client.get(f"{secure.url}/get", verify=ca, proxies={"all": Proxy(peer.url, tls=settings)})
        with Client(client.transport, verify=ca) as other:
            through = Proxy(peer.url, tls=TLS(verify=proxies_authority.file))
            assert other.get(f"{secure.url}/get", proxies={"all": through}).ok


def test_each_handshake_goes_on_from_its_own(name, authority, proxies_authority):
    """On a new connection TLS is resumed with the proxy and with the server, each by its own session; elsewhere it is not."""
    yes = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    with (
        Peer(proxy, tls=proxies_authority.server()) as peer,
        Peer(proxy, tls=proxies_authority.server()) as other,
        Peer(answering(yes), tls=authority.server()) as server,
        Client(name, verify=authority.file) as client,
    ):
        for way in (peer, peer, other, other):
            through = Proxy(way.url, tls=TLS(verify=proxies_authority.file))
            assert client.get(server.url, proxies={"all": through}).status_code == 204
        assert [talk.resumed for talk in peer.talks] == [False, True]
        assert [talk.resumed for talk in other.talks] == [False, True]
        assert [talk.resumed for talk in server.talks] == [False, True, False, True]
