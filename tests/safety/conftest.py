"""What the tests of this folder share: servers, one of them with TLS, and the authority that vouches for it."""

import gc
import socket
import ssl
import threading

import pytest
import trustme
from fleet import TRANSPORTS
from safety.slow_peers import BlackHole
from safety.waiting import at_work

from intermodal.testing.origin import Origin


def pytest_collection_finish():
    """Keep out of every later collection what is there before any test: it takes longer than what is tested."""
    if hasattr(gc, "freeze"):
        gc.collect()
        gc.freeze()


@pytest.fixture(params=list(TRANSPORTS))
def name(request):
    """The name of each of the four transports in turn."""
    return request.param


@pytest.fixture
def origin():
    """An origin server of this test's own."""
    with Origin() as made:
        yield at_work(made)


@pytest.fixture(scope="session")
def authority():
    """A certificate authority of this run's own."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca(authority, tmp_path_factory):
    """The file of that authority's certificate, to be given as ``verify``."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority):
    """The TLS settings of a server whom that authority vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def secure(server_tls):
    """An https origin of this test's own."""
    with Origin(tls=server_tls) as made:
        yield at_work(made)


@pytest.fixture
def nobody():
    """The URL of a port that stays taken, and that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.fixture
def black_hole():
    """A port that answers no attempt to connect."""
    try:
        hole = BlackHole()
    except OSError as error:
        pytest.skip(str(error))
    yield hole
    hole.close()


@pytest.fixture
def names(monkeypatch):
    """Two names that no server is asked for: ``nothing.test`` does not exist, ``slow.test`` never resolves."""
    over = threading.Event()
    real = socket.getaddrinfo

    def resolve(host, *arguments, **keywords):
        if host == "slow.test":
            over.wait(20)
        if host in {"slow.test", "nothing.test"}:
            raise socket.gaierror(socket.EAI_NONAME, "injected")
        return real(host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    over.set()
    for thread in threading.enumerate():
        if "slow.test" in thread.name:
            thread.join(20)
