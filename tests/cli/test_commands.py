"""The other commands, and the entry point itself."""

import json
import signal
import socket
import ssl
import subprocess
import sys

import pytest
import trustme

import intermodal
from intermodal.testing.origin import Origin

NAMES = ["httpx", "requests", "socket", "urllib3"]


def test_the_version(run):
    """``--version`` says the version, through ``python -m`` too."""
    assert run("--version").stdout == f"intermodal {intermodal.__version__}\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_extra_the_command_says_what_to_install(run, missing):
    """Without click or rich: one line on stderr with the pip command, status 2."""
    done = run("compare", before=f"sys.modules['{missing}'] = None")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert 'pip install "intermodal[cli]"' in done.stderr


def test_comparing_needs_neither_click_nor_rich():
    """The function behind ``compare`` works in a test suite without the extra."""
    code = "import sys, intermodal.testing.compare; print(sys.modules.keys() & {'click', 'rich'})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"set()"


def test_transports_lists_what_is_installed_and_what_is_not(run, install):
    """Each transport has its version, capabilities and guarantees; one that does not load has the reason."""
    install("broken", "raise RuntimeError('half an install')")
    done = run("transports", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    described = {each["name"]: each for each in json.loads(done.stdout)["transports"]}
    assert sorted(described) == ["broken", *NAMES]
    assert described["broken"]["available"] is False
    assert "half an install" in described["broken"]["why"]
    for name in NAMES:
        assert described[name]["available"] is True
        assert described[name]["distribution"] == "intermodal"
        assert described[name]["version"]
        assert "STREAM_REQUEST" in described[name]["capabilities"]
        assert "WIRE_EXACT" in described[name]["guarantees"]
        assert "NONE" not in described[name]["capabilities"]


def test_transports_as_a_table(run):
    """The table has a column for each transport; a missing library is named with the pip command."""
    done = run("transports", before="sys.modules['requests'] = None")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stdout.split()[:3] == ["httpx", "socket", "urllib3"]
    assert next(line for line in done.stdout.splitlines() if "stream request" in line).split()[2:] == ["yes"] * 3
    assert 'pip install "intermodal[requests]"' in done.stdout.splitlines()[-1]


class Serving:
    """``intermodal serve`` at a free port, with what it prints."""

    def __init__(self, environment, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "intermodal", "serve", "--port", "0", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        begin, _, url = self._process.stdout.readline().rstrip().rpartition(" ")
        assert begin == "listening on"
        self.url = url
        self.address = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._lines = []

    def until(self, beginning):
        """Read what it prints up to a line that begins so."""
        while not (line := self._process.stdout.readline()).startswith(beginning):
            assert line, f"it ended without {beginning!r}"
            self._lines.append(line.rstrip("\n"))
        self._lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def end(self, number=signal.SIGTERM):
        """End it by a signal; give its exit status, the lines it has printed since the first, and its stderr."""
        self._process.send_signal(number)
        out, err = self._process.communicate(timeout=20)
        return self._process.returncode, [*self._lines, *out.splitlines()], err


def exchange(address, *pieces):
    """Send bytes from a raw socket and read to the end; give the socket's own name and what came."""
    with socket.create_connection(address, 10) as client:
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        return client.getsockname(), client.makefile("rb").read()


def test_serve_prints_the_peer_and_the_exact_bytes(environment):
    """A raw client is answered; printed are its address, each line it sent with its CRLF, and the answer's size."""
    with Serving(environment) as serving:
        (host, port), answer = exchange(
            serving.address, b"POST /echo HTTP/1.1\r\nHost: a\r\nX-\xc3\xa9: \x1b[31m\r\nContent-Length: 3\r\n\r\na\tb"
        )
        assert exchange(serving.address, b"POST /echo HTTP/1.1\r\nHost: a\r\nX: \x01\r\nContent-Length: 3\r\n\r\na\tb")[
            1
        ].endswith(b"\r\n\r\na\tb")
        status, lines, err = serving.end()
    assert answer.startswith(b"HTTP/1.1 400 ")  # a name that is no token
    assert (status, err) == (0, "")
    assert lines[0] == f"#1 {host}:{port} connected"
    assert r"#1 > X-\xc3\xa9: \x1b[31m\r\n" in lines
    second = [line for line in lines if line.startswith("#2 ")]
    assert second[1:7] == [
        r"#2 > POST /echo HTTP/1.1\r\n",
        r"#2 > Host: a\r\n",
        r"#2 > X: \x01\r\n",
        r"#2 > Content-Length: 3\r\n",
        r"#2 > \r\n",
        r"#2 > a\tb",
    ]
    assert second[7].startswith("#2 < 200, ")
    assert second[8:] == ["#2 closed: the client closed it"]


def test_serve_shortens_bodies_and_shows_what_is_no_request(environment):
    """A long body is shown by its beginning and its length; bytes that never became a request are shown too, once."""
    with Serving(environment) as serving:
        exchange(serving.address, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n", b"x" * 20000)
        exchange(serving.address, b"\r\n\r\nGET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /half HT")
        exchange(serving.address, b"GET /a\r\n\r\n")
        serving.until("#3 closed")
        _, lines, _ = serving.end(signal.SIGINT)
    assert f"#1 > {'x' * 512}" in lines
    assert "#1 > ... 20,000 bytes in all" in lines
    second = [line for line in lines if line.startswith("#2 ")]
    assert second[1] == r"#2 > GET /status/204 HTTP/1.1\r\n"
    at = next(index for index, line in enumerate(second) if line.startswith("#2 < 204"))
    assert second[at + 1] == "#2 > 14 bytes that are no whole request:"
    assert second[at + 2 : at + 4] == [r"#2 > \r\n", "#2 > GET /half HT"]
    third = [line for line in lines if line.startswith("#3 ")]
    assert third[1:4] == ["#3 > 10 bytes that are no whole request:", r"#3 > GET /a\r\n", r"#3 > \r\n"]
    assert third[4].startswith("#3 < 400, ")
    assert third[5].startswith("#3 closed: malformed request")


def test_serve_over_tls_and_quietly(environment, tmp_path):
    """With a certificate it serves https; with --quiet it prints nothing but where it listens."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with Serving(environment, "--quiet", "--tls-cert", str(cert), "--tls-key", str(key)) as serving:
        assert serving.url.startswith("https://")
        with (
            socket.create_connection(serving.address, 10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            client.sendall(b"GET /status/204 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 204 ")
        assert serving.end() == (0, [], "")


def test_serve_that_cannot_listen_says_why_on_one_line(run):
    """A port in use: one line on stderr, status 1."""
    with Origin() as origin:
        done = run("serve", "--port", str(origin.port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"cannot listen at 127.0.0.1 port {origin.port}" in done.stderr


def test_serve_with_half_a_certificate(run, tmp_path):
    """A certificate without its key is wrong usage; a file that is no certificate is an error of one line."""
    file = tmp_path / "cert.pem"
    file.write_text("no certificate")
    assert run("serve", "--tls-cert", str(file)).returncode == 2
    done = run("serve", "--tls-cert", str(file), "--tls-key", str(file))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be used" in done.stderr
