"""Where a connection comes from: an address of this machine that the caller chooses, on whichever road."""

import errno
import socket
import sys

import pytest
from roads.proxies import Peer, proxy
from safety.census import Census

from intermodal import TLS, Client, ConnectionError, Dial, Proxy, ProxyError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 by itself")

HERE = "127.0.0.5"


def test_the_server_sees_it(name, origin, secure, ca):
    """Straight to a server, in clear and in TLS; other requests keep coming from wherever the system says."""
    with Client(name, verify=ca, dial=Dial(source_address=HERE)) as client:
        for server in (origin, secure):
            assert client.get(f"{server.url}/get").ok
            assert client.get(f"{server.url}/get", dial=Dial()).ok
            assert [connection.peer[0] for connection in server.connections] == [HERE, "127.0.0.1"]


def test_a_port_of_its_own(name, origin):
    """The port may be chosen as well."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        place = probe.getsockname()
    with Client(name, dial=Dial(source_address=place)) as client:
        assert client.get(f"{origin.url}/get").ok
        assert origin.connections[0].peer == place


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_sees_it(name, scheme, secure, ca, proxy_tls, proxies_authority):
    """On the way through a proxy it is the proxy that is connected to from there."""
    with Peer(proxy, tls=proxy_tls if scheme == "https" else None) as peer:
        through = Proxy(peer.url, tls=TLS(verify=proxies_authority.file))
        with Client(name, verify=ca, dial=Dial(source_address=HERE), proxies={"all": through}) as client:
            assert client.get("http://origin.test/").content == b"forwarded"
            assert client.get(f"{secure.url}/get").ok
            assert [talk.client for talk in peer.talks] == [HERE, HERE]


#: Sources that are of no use here, and the system's number for why.
UNUSABLE = {
    "not of this machine": ("192.0.2.1", errno.EADDRNOTAVAIL),  # RFC 5737: nobody has it
    "of another family": ("::1", None),
}


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize(("source", "number"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_address_that_cannot_be_used(name, source, number, proxied, origin):
    """It is an error before anything is sent, whose number tells why, and nothing is left open."""
    proxies = {"all": origin.url} if proxied else None
    with Client(name, dial=Dial(source_address=source), proxies=proxies) as client:
        census = Census()
        with pytest.raises(ConnectionError) as caught:
            client.get(origin.url)
        error = caught.value
        assert type(error) is (ProxyError if proxied else ConnectionError)
        assert (error.errno, error.delivery, error.transport) == (number, "not_sent", name)
        assert origin.connections == []
        assert census.more() == ""


def test_an_address_in_use(name, origin):
    """A port that is somebody else's is said to be."""
    with socket.create_server((HERE, 0)) as taken, Client(name) as client:
        with pytest.raises(ConnectionError) as caught:
            client.get(origin.url, dial=Dial(source_address=taken.getsockname()))
        assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("source", [source for source, _ in UNUSABLE.values()], ids=UNUSABLE)
def test_the_error_is_about_that_address(name, source, origin):
    """The error names the address that cannot be used, and says that it was about to connect."""
    with Client(name, dial=Dial(source_address=source)) as client:
        with pytest.raises(ConnectionError, match=source) as caught:
            client.get(origin.url)
        assert caught.value.phase == "connect"
