"""Unix sockets: the same exchange as over TCP, whatever host the URL names, and errors that name the socket."""

import errno
import os
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from roads.proxies import Peer
from safety.census import Census

from intermodal import CertificateError, Client, ConnectionError, ConnectTimeout, Dial, InvalidRequest, Proxy

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


def server(talk):
    """Answer every request."""
    while True:
        talk.asked()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


@pytest.fixture
def folder():
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="im-") as path:
        yield Path(path)


@pytest.fixture
def path(folder):
    return str(folder / "socket")


def test_the_server_is_asked_as_over_tcp(name, path):
    """The same bytes as over TCP, with the URL's host; a second request takes the same connection."""
    with Peer(server) as over_tcp, Peer(server, path=path) as over_unix:
        url = f"http://127.0.0.1:{over_tcp.port}/a?b=c"
        for dial in (Dial(), Dial(unix_socket=path)):
            with Client(name, dial=dial) as client:
                for _ in range(2):
                    assert client.post(url, data=b"x" * 100_000).content == b"hello"
        assert len(over_tcp.talks) == len(over_unix.talks) == 1
        assert over_unix.received == over_tcp.received


def test_a_name_is_not_looked_up(name, path):
    """The URL's host is for the server alone: one that does not exist does no harm, and it may be given for one call."""
    with Peer(server, path=path) as peer, Client(name) as client:
        for url in ("http://docker.invalid/v1/info", "http://other.invalid:8080/"):
            assert client.get(url, dial=Dial(unix_socket=Path(path))).content == b"hello"
        assert len(peer.talks) == 2
        heads = [received.split(b"\r\n")[:2] for received in peer.received]
        assert heads == [
            [b"GET /v1/info HTTP/1.1", b"Host: docker.invalid"],
            [b"GET / HTTP/1.1", b"Host: other.invalid:8080"],
        ]


def test_tls(name, path, server_tls, ca, proxies_authority):
    """TLS goes over it as over TCP, and the certificate must be for the URL's host."""
    with (
        Peer(server, tls=server_tls, path=path) as peer,
        Client(name, verify=ca, dial=Dial(unix_socket=path)) as client,
    ):
        for _ in range(2):
            assert client.get("https://origin.test/").content == b"hello"
        assert len(peer.talks) == 1
        census = Census()
        with pytest.raises(CertificateError, match=r"'other\.test'"):
            client.get("https://other.test/")
        with pytest.raises(CertificateError):
            client.get("https://origin.test/", verify=proxies_authority.file)
        assert peer.received[1:] == [b"", b""]
        assert census.more() == ""


def test_each_socket_has_connections_of_its_own(name, folder):
    """The same URL over two sockets and over TCP is three servers."""
    first, second = str(folder / "first"), str(folder / "second")
    with (
        Peer(server) as over_tcp,
        Peer(server, path=first) as one,
        Peer(server, path=second) as two,
        Client(name) as client,
    ):
        for _ in range(2):
            for dial in (Dial(unix_socket=first), Dial(unix_socket=second), Dial()):
                assert client.get(over_tcp.url, dial=dial).content == b"hello"
        assert [len(peer.talks) for peer in (over_tcp, one, two)] == [1, 1, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_an_abstract_socket(name):
    """A path that begins with NUL is no file."""
    path = f"\0intermodal-{os.getpid()}-{name}"
    with Peer(server, path=path), Client(name, dial=Dial(unix_socket=path)) as client:
        assert client.get("http://origin.test/").content == b"hello"


def nothing(path):
    """No such file."""


def a_file(path):
    Path(path).write_bytes(b"")


def left_behind(path):
    """The socket of a server that is gone."""
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(path)


def of_datagrams(path):
    """A socket of another kind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(path)
        return other.dup()


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (nothing, errno.ENOENT),
        (a_file, errno.ECONNREFUSED),
        (left_behind, errno.ECONNREFUSED),
        (of_datagrams, errno.EPROTOTYPE),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_socket_that_cannot_be_connected_to(name, make, number, scheme, path):
    """The error names the socket and says what the system says, with its number."""
    kept = make(path)
    with Client(name, dial=Dial(unix_socket=path)) as client:
        census = Census()
        with pytest.raises(ConnectionError) as caught:
            client.get(f"{scheme}://origin.test/")
        error = caught.value
        assert (type(error), error.phase, error.delivery) == (ConnectionError, "connect", "not_sent")
        assert (error.errno, error.transport) == (number, name)
        assert path in str(error)
        assert os.strerror(number) in str(error)
        assert census.more() == ""
    if kept is not None:
        kept.close()


@contextmanager
def nobody():
    """Be somebody whom permissions concern."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_socket_that_is_not_for_us(name, path):
    """Who may not connect is told so."""
    with Peer(server, path=path), Client(name, dial=Dial(unix_socket=path)) as client:
        assert client.get("http://origin.test/").ok
        Path(path).chmod(0)
        with nobody(), pytest.raises(ConnectionError) as caught:
            client.get("http://elsewhere.test/")
        assert (caught.value.errno, path in str(caught.value)) == (errno.EACCES, True)


def test_a_server_that_takes_nobody_in(name, path):
    """A socket whose queue stays full is waited for as long as ``connect`` says."""
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as waiting:
        full.bind(path)
        full.listen(0)
        waiting.setblocking(False)
        waiting.connect(path)
        with Client(name, dial=Dial(unix_socket=path), timeout=0.2) as client:
            began = time.monotonic()
            with pytest.raises(ConnectTimeout) as caught:
                client.get("http://origin.test/")
            assert 0.19 < time.monotonic() - began < 0.7
            assert (caught.value.phase, path in str(caught.value)) == ("connect", True)


@pytest.mark.parametrize("proxy", ["http://proxy.test:3128", "https://proxy.test", "socks5://proxy.test"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_not_with_a_proxy(name, proxy, scheme, path):
    """A Unix socket and a proxy for the same request are refused, with both named, and the proxy's password not."""
    proxy = proxy.replace("://", "://ann:secret@")
    with Peer(server, path=path) as peer, Client(name, dial=Dial(unix_socket=path), proxies={"all": proxy}) as client:
        with pytest.raises(InvalidRequest) as caught:
            client.get(f"{scheme}://origin.test/")
        assert path in str(caught.value)
        assert repr(Proxy(proxy)) in str(caught.value)
        assert "secret" not in str(caught.value)
        assert peer.talks == []
