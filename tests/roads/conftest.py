"""What the tests of this folder share: two authorities that do not know each other, and servers with TLS of each."""

import ssl

import pytest
import trustme
from fleet import TRANSPORTS
from safety.waiting import at_work

from intermodal.testing.origin import Origin


class Authority:
    """A certificate authority of this run's own.

    Attributes:
        file: of its certificate, to be given as ``verify``.
    """

    def __init__(self, folder):
        self._ca = trustme.CA()
        self._folder = folder
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def server(self, *names, clients=None):
        """The TLS settings of a server, of this machine by default; it asks for a certificate of ``clients``, but needs none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("localhost", "127.0.0.1", "origin.test"))).configure_cert(context)
        if clients is not None:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(clients.file)
        return context

    def certificate(self, name):
        """The file of a certificate, with its key, for whoever has this name."""
        path = self._folder / f"{name}.pem"
        if not path.exists():
            issued = self._ca.issue_cert("localhost", "127.0.0.1", common_name=name)
            issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)


@pytest.fixture(params=list(TRANSPORTS))
def name(request):
    """The name of each of the four transports in turn."""
    return request.param


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Who vouches for the servers."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def proxies_authority(tmp_path_factory):
    """Who vouches for the proxies, and for nobody else."""
    return Authority(tmp_path_factory.mktemp("proxies-authority"))


@pytest.fixture(scope="session")
def ca(authority):
    """What the servers are verified by."""
    return authority.file


@pytest.fixture(scope="session")
def server_tls(authority):
    """The TLS settings of a server."""
    return authority.server()


@pytest.fixture(scope="session")
def proxy_tls(proxies_authority):
    """The TLS settings of a proxy."""
    return proxies_authority.server()


@pytest.fixture
def origin():
    """An http origin of this test's own."""
    with Origin() as made:
        yield at_work(made)


@pytest.fixture
def secure(server_tls):
    """An https origin of this test's own."""
    with Origin(tls=server_tls) as made:
        yield at_work(made)
