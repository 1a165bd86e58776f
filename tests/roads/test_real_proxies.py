"""Proxies that no one here wrote, in front of a server that no one here wrote: over every transport the same."""

import shutil
import subprocess
import tempfile
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers.programs import absent, free_port, nginx_serving, program, serving

from intermodal import TLS, CertificateError, Client, Proxy, ProxyError
from intermodal.testing.origin import Origin

#: What stands before the server: how it is spoken to, and whether it asks for a password.
KINDS = {
    "tinyproxy": ("http", False),
    "tinyproxy with a password": ("http", True),
    "stunnel before tinyproxy": ("https", True),
    "squid": ("http", False),
    "squid with a password": ("http", True),
    "squid in TLS": ("https", True),
}
ASKING = [kind for kind in KINDS if KINDS[kind][1]]
IN_TLS = [kind for kind in KINDS if KINDS[kind][0] == "https"]

USER, PASSWORD = "ann", "s3cret"


@pytest.fixture(scope="module")
def folder():
    """A folder that the users can read whom the programs turn into."""
    with tempfile.TemporaryDirectory(prefix="im-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


def readable(path):
    path.chmod(0o644)
    return path


@pytest.fixture(scope="module")
def server(folder, authority):
    """The URL of an nginx with TLS."""
    port = free_port()
    root = folder / "nginx"
    root.mkdir()
    (root / "large.bin").write_bytes(bytes(range(256)) * 4096)
    pem = readable(Path(authority.certificate("nginx")))
    http = f"""
          client_max_body_size 2m;
          server {{
            listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; root {root};
            location = /connection {{ return 200 "$connection $connection_requests [$http_proxy_authorization]"; }}
          }}
    """
    with nginx_serving(root, port, http):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def tinyproxy(folder, *lines):
    port = free_port()
    config = folder / f"tinyproxy-{port}.conf"
    settings = (
        f"Port {port}",
        "Listen 127.0.0.1",
        "Timeout 30",
        "MaxClients 50",
        f"LogFile '{folder}/log-{port}'",
        *lines,
    )
    config.write_text("\n".join(settings).replace("'", '"') + "\n")
    with serving([program("tinyproxy"), "-d", "-c", str(config)], port):
        yield port


@contextmanager
def stunnel(folder, port, pem):
    """TLS in front of another proxy."""
    accept = free_port()
    config = folder / "stunnel.conf"
    config.write_text(
        f"foreground = yes\nsyslog = no\npid =\n[proxy]\naccept = 127.0.0.1:{accept}\nconnect = 127.0.0.1:{port}\ncert = {pem}\n"
    )
    with serving([program("stunnel4"), str(config)], accept):
        yield accept


@contextmanager
def squid(folder, pem):
    """One squid with three ports: for everybody, for those with a password, and for those, in TLS (by GnuTLS)."""
    squid, openssl = program("squid"), program("openssl")
    helper = Path("/usr/lib/squid/basic_ncsa_auth")
    if not helper.exists():
        absent("squid's basic_ncsa_auth")
    hashed = subprocess.run([openssl, "passwd", "-1", PASSWORD], capture_output=True, text=True, check=True).stdout
    users = folder / "users"
    users.write_text(f"{USER}:{hashed}")
    readable(users)
    ports = free_port(), free_port(), free_port()
    config = folder / "squid.conf"
    config.write_text(
        textwrap.dedent(f"""
        http_port 127.0.0.1:{ports[0]} name=open
        http_port 127.0.0.1:{ports[1]} name=users
        https_port 127.0.0.1:{ports[2]} name=tls tls-cert={pem}
        pid_filename none
        cache deny all
        cache_log /dev/null
        access_log none
        visible_hostname localhost
        shutdown_lifetime 0 seconds
        auth_param basic program {helper} {users}
        auth_param basic realm squid
        acl open myportname open
        acl known proxy_auth REQUIRED
        http_access allow open
        http_access allow known
        http_access deny all
        """)
    )
    with serving([squid, "-N", "-f", str(config)], ports[1], cwd=folder):
        yield ports


@pytest.fixture(scope="module")
def ports(folder, proxies_authority):
    """The port of each kind."""
    pem = readable(Path(shutil.copy(proxies_authority.certificate("proxy"), folder / "proxy.pem")))
    with (
        tinyproxy(folder) as open_one,
        tinyproxy(folder, f"BasicAuth {USER} {PASSWORD}") as asking,
        stunnel(folder, asking, pem) as tls,
        squid(folder, pem) as squids,
    ):
        yield dict(zip(KINDS, (open_one, asking, tls, *squids), strict=True))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def to_proxy(kind, ports, proxies_authority):
    """Make the proxies to be given, with a user and a password that they may ask for."""

    def make(user="", ca=proxies_authority.file):
        return {"all": Proxy(f"{KINDS[kind][0]}://{user}127.0.0.1:{ports[kind]}", tls=TLS(verify=ca))}

    return make


@pytest.fixture
def login(kind):
    return f"{USER}:{PASSWORD}@" if kind in ASKING else ""


def test_a_tunnel(name, kind, to_proxy, login, server, ca):
    """Requests and answers of any size go through one tunnel, and the server is not told who has opened it."""
    with Client(name, verify=ca, proxies=to_proxy(login)) as client:
        seen = [client.get(f"{server}/connection").text.split() for _ in range(3)]
        assert [each[1:] for each in seen] == [["1", "[]"], ["2", "[]"], ["3", "[]"]]
        assert len({each[0] for each in seen}) == 1
        assert client.get(f"{server}/large.bin").content == bytes(range(256)) * 4096
        assert client.post(f"{server}/connection", data=b"x" * 1_000_000).text.split()[0] == seen[0][0]


def test_forwarding(name, kind, to_proxy, login):
    """A request in clear is forwarded, and so is its answer; the server is not told who asked the proxy."""
    with Origin() as origin:
        # A client each: tinyproxy closes the connection behind its answer and does not say so before.
        with Client(name, proxies=to_proxy(login)) as client:
            response = client.post(f"{origin.url}/post?a=%7e", data=b"x" * 100_000, headers={"X-A": "1"})
            assert (response.status_code, response.json()["data"]) == (200, "x" * 100_000)
        with Client(name, proxies=to_proxy(login)) as client:
            assert client.get(f"{origin.url}/status/404").status_code == 404
        assert [request.target for request in origin.requests] == ["/post?a=%7e", "/status/404"]
        assert [request.field_values("Proxy-Authorization") for request in origin.requests] == [[], []]


@pytest.mark.parametrize("kind", ASKING, indirect=True)
@pytest.mark.parametrize("user", ["", "ann:wrong@", "bob:s3cret@"])
def test_who_is_not_known_is_told_so(name, kind, to_proxy, user, server, ca):
    """Without the right user and password a tunnel is a ProxyError with the proxy's answer on it; a forwarded request is answered so."""
    with Origin() as origin, Client(name, verify=ca, proxies=to_proxy(user)) as client:
        with pytest.raises(ProxyError, match=r"40[17] .*http://user:password@host:port") as caught:
            client.get(f"{server}/connection")
        error, answer = caught.value, client.get(f"{origin.url}/get")
        assert (error.phase, error.delivery, error.transport) == ("proxy", "not_sent", name)
        wrong = 401 if user and "tinyproxy" in kind else 407
        for response in (error.response, answer):
            assert response.status_code == wrong
            assert wrong == 401 or response.headers["proxy-authenticate"].startswith("Basic realm=")
            assert b"<html" in response.content.lower()
        assert origin.requests == []


def test_a_server_that_is_not_there(name, kind, to_proxy, login, ca):
    """What the proxy says of a server that it cannot reach is on the error, to be shown."""
    with Client(name, verify=ca, proxies=to_proxy(login)) as client:
        with pytest.raises(ProxyError, match="refused a tunnel to 127.0.0.1:1: 50[023]") as caught:
            client.get("https://127.0.0.1:1/")
        assert caught.value.phase == "proxy"
        assert caught.value.response.status_code in {500, 502, 503}
        assert b"<html" in caught.value.response.content.lower()


@pytest.mark.parametrize("kind", IN_TLS, indirect=True)
def test_a_proxy_of_an_unknown_authority(name, kind, ports, to_proxy, login, server, ca):
    """An https proxy that nobody here vouches for is not used, whoever vouches for the server, and whatever is asked for."""
    with Client(name, verify=ca, proxies=to_proxy(login, ca)) as client:
        for url in (server, "http://origin.test/"):
            with pytest.raises(CertificateError, match=f"the proxy '127.0.0.1' port {ports[kind]}"):
                client.get(url)
