"""``intermodal doctor``: what it looks at, what it finds in the way, and that no request is sent meanwhile."""

import errno
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner
from roads.proxies import LONG, Peer, answering, tunnelling

from intermodal.cli.app import app

NAMES = ["httpx", "requests", "socket", "urllib3"]
PARTS = ["request", "proxy", "names", "trust", "tls", "transports"]

#: A transport that can do nothing out of the ordinary.
BARE = """
from intermodal.protocol import TransportInfo

class Plugin:
    info = TransportInfo("bare", "1.0")
    def __init__(self, *, limits): pass
    def send(self, request, options, /): raise AssertionError("a request was sent")
    def close(self): pass
"""

needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


class Quiet(Peer):
    """Says nothing, and hears every connection to its end."""

    def __init__(self, tls=None, **keywords):
        self._ended = threading.Semaphore(0)
        super().__init__(self._hear, tls, **keywords)

    def _hear(self, talk):
        try:
            talk.stay()
        finally:
            self._ended.release()

    def heard(self, connections):
        """Wait until so many clients have left, after a handshake where there is TLS; give what each of them sent."""
        for _ in range(connections):
            assert self._ended.acquire(timeout=LONG)
        return self.received


def examine(*arguments, **environment):
    """Run ``doctor --json`` in this process; give its exit status and the document."""
    done = CliRunner().invoke(app, ["doctor", "--json", *arguments], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, json.loads(done.stdout)


def shown(*arguments, **environment):
    """Run ``doctor`` in this process; give its exit status and the lines that people see."""
    done = CliRunner().invoke(app, ["doctor", *arguments], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, done.output.splitlines()


def faults(seen):
    """What stands in the way, by part."""
    return {each["part"]: each["says"] for each in seen["findings"] if each["stands_in_the_way"]}


def notes(seen, part):
    return [each["says"] for each in seen["findings"] if not each["stands_in_the_way"] and each["part"] == part]


@pytest.fixture
def closed_port():
    """A port of 127.0.0.1 where nobody listens, and nobody will meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def folder():
    """A folder with a short name, for the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="im-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority, tmp_path_factory):
    """The file of the authority."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def served(certificate):
    """The TLS settings of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    return context


# -- the request and its road -----------------------------------------------------------------------------------------


def test_a_plain_url_is_explained_and_nothing_is_sent():
    """The canonical URL, target, Host and origin, the address that takes connections, and who would send it; no byte goes out."""
    with Quiet() as peer:
        status, seen = examine(f"HTTP://127.0.0.1:{peer.port}/a/../b c?q#top")
        assert peer.heard(2) == [b"", b""]  # the address by itself, and the road
    assert status == 0
    assert seen["could_be_sent"] is True
    origin = f"http://127.0.0.1:{peer.port}"
    assert seen["request"] == {
        "url": f"{origin}/b%20c?q#top",
        "target": "/b%20c?q",
        "host": f"127.0.0.1:{peer.port}",
        "origin": origin,
        "unix_socket": None,
        "login": False,
    }
    assert seen["proxy"] == {"proxy": None, "by": "no proxy is set"}
    (name,) = seen["names"]
    assert (name["whose"], name["host"], name["port"]) == ("server", "127.0.0.1", peer.port)
    (address,) = name["addresses"]
    assert (address["address"], address["family"], address["accepts"], address["why"]) == (
        "127.0.0.1",
        "IPv4",
        True,
        "",
    )
    assert 0 <= address["seconds"] < 3
    assert (seen["trust"], seen["tls"], seen["sent"]) == ([], [], "")
    assert [(each["name"], each["sends"]) for each in seen["transports"]] == [(name, True) for name in NAMES]
    assert [phase for phase, _ in seen["phases"]] == ["resolve", "connect"]
    assert any("#top" in note for note in notes(seen, "request"))


def test_people_are_shown_the_same(run):
    """As a process of its own: each part has its title and its facts, the last line is the verdict, in plain text."""
    with Quiet() as peer:
        done = run("doctor", f"http://127.0.0.1:{peer.port}/a", HTTPS_PROXY="http://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line in PARTS] == ["request", "proxy", "names", "transports"]
    assert f"  Host        127.0.0.1:{peer.port}" in lines
    assert "  none: no proxy is set" in lines
    assert next(line for line in lines if line.startswith("    127.0.0.1 ")).split()[1:3] == ["IPv4", "takes"]
    assert [line.split()[0] for line in lines if line.endswith("would send it")] == NAMES
    assert lines[-2:] == ["no request was sent", "a request could be sent"]
    assert "\x1b" not in done.stdout


def test_a_refused_port_stands_in_the_way(closed_port):
    """An address where nobody listens is named with the reason, with what to do about it; status 1."""
    status, seen = examine(f"http://127.0.0.1:{closed_port}/")
    assert status == 1
    assert seen["could_be_sent"] is False
    (address,) = seen["names"][0]["addresses"]
    assert (address["accepts"], address["why"]) == (False, os.strerror(errno.ECONNREFUSED))
    assert list(faults(seen)) == ["names"]
    assert f"port {closed_port}" in faults(seen)["names"]
    status, lines = shown(f"http://127.0.0.1:{closed_port}/")
    assert status == 1
    at = next(place for place, line in enumerate(lines) if line.startswith("  ! no address"))
    assert "is the port right" in lines[at + 1]
    assert lines[-1] == "no request could be sent: see names"


def test_an_address_that_does_not_answer_costs_no_more_than_the_bound():
    """Where the queue of a listener is full the attempt is given up after the bound, and said to have had no answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fill = [socket.socket() for _ in range(8)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        try:
            status, seen = examine(f"http://127.0.0.1:{listener.getsockname()[1]}/", "--timeout", "0.3")
        finally:
            for each in fill:
                each.close()
    assert status == 1
    (address,) = seen["names"][0]["addresses"]
    assert (address["accepts"], address["why"]) == (False, "no answer within 0.3 s")
    assert 0.3 <= address["seconds"] < 2


def test_every_address_is_told_with_its_family(monkeypatch):
    """A name with two addresses, of which one takes connections: both are told, and a request could be sent."""
    with Quiet() as peer:
        places = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", peer.port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", peer.port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        status, seen = examine(f"http://two.test:{peer.port}/")
    assert status == 0
    taken = {each["address"]: each["accepts"] for each in seen["names"][0]["addresses"]}
    assert taken == {"127.0.0.2": False, "127.0.0.1": True}
    assert any("two.test" in note for note in notes(seen, "names"))


def test_a_name_that_does_not_resolve_stands_in_the_way():
    """The name is said, the road is not tried, and the other parts are looked at all the same."""
    status, seen = examine("https://no-such-host.invalid/", "--timeout", "20")
    assert status == 1
    assert "'no-such-host.invalid'" in faults(seen)["names"]
    assert list(faults(seen)) == ["names"]
    assert seen["names"][0]["addresses"] == []
    assert seen["phases"] == []
    assert [each["kind"] for each in seen["trust"]] == ["system"]
    assert len(seen["transports"]) == 4


def test_a_login_of_the_netrc_file_is_told_and_not_shown(tmp_path):
    """That the netrc file adds an Authorization is told, without what is in it; with --no-env there is none."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    netrc.chmod(0o600)
    with Quiet() as peer:
        _, seen = examine(f"http://127.0.0.1:{peer.port}/", NETRC=str(netrc))
        _, without = examine(f"http://127.0.0.1:{peer.port}/", "--no-env", NETRC=str(netrc))
        _, lines = shown(f"http://127.0.0.1:{peer.port}/", NETRC=str(netrc))
    assert seen["request"]["login"] is True
    assert without["request"]["login"] is False
    assert any("Authorization" in line for line in lines)
    assert "secret" not in json.dumps(seen) + "\n".join(lines)
    assert "YW5uOnNlY3JldA" not in json.dumps(seen) + "\n".join(lines)


# -- proxies ----------------------------------------------------------------------------------------------------------


def test_the_proxy_is_told_with_the_variable_that_chose_it():
    """The variable is named, the password is masked, the target is absolute, and the names are those of the proxy."""
    with Quiet() as peer:
        proxy = f"http://ann:secret@127.0.0.1:{peer.port}"
        status, seen = examine("http://far.invalid/a", HTTP_PROXY=proxy)
        _, lines = shown("http://far.invalid/a", HTTP_PROXY=proxy)
        assert peer.heard(4) == [b""] * 4  # a proxy that forwards is asked for nothing
    assert status == 0
    assert seen["proxy"] == {"proxy": f"http://ann:***@127.0.0.1:{peer.port}", "by": "HTTP_PROXY"}
    assert seen["request"]["target"] == "http://far.invalid/a"
    assert [(each["whose"], each["host"]) for each in seen["names"]] == [("proxy", "127.0.0.1")]
    assert any("by the proxy" in note for note in notes(seen, "names"))
    assert f"  http://ann:***@127.0.0.1:{peer.port}, chosen by HTTP_PROXY" in lines
    assert "secret" not in json.dumps(seen) + "\n".join(lines)


def test_the_entry_that_lets_a_host_go_without_a_proxy_is_told(closed_port):
    """NO_PROXY's entry is named; --no-env leaves both out of account, and --proxy comes before either."""
    proxied = {"all_proxy": f"http://127.0.0.1:{closed_port}", "no_proxy": "example.com, 127.0.0.0/8"}
    with Quiet() as peer:
        url = f"http://127.0.0.1:{peer.port}/"
        status, seen = examine(url, **proxied)
        _, without = examine(url, "--no-env", all_proxy=proxied["all_proxy"])
        _, given = examine(url, "--proxy", f"http://127.0.0.1:{peer.port}", **proxied)
        _, through = examine(url, all_proxy=proxied["all_proxy"])
    assert status == 0
    assert seen["proxy"] == {"proxy": None, "by": "no_proxy entry '127.0.0.0/8'"}
    assert without["proxy"] == {"proxy": None, "by": "no proxy is set"}
    assert given["proxy"] == {"proxy": f"http://127.0.0.1:{peer.port}", "by": "--proxy"}
    assert through["proxy"] == {"proxy": proxied["all_proxy"], "by": "all_proxy"}
    assert list(faults(through)) == ["names"]


def test_a_variable_that_holds_no_proxy_stands_in_the_way():
    """The variable and what is wrong with it are said, without a traceback."""
    status, seen = examine("http://127.0.0.1:1/", HTTP_PROXY="gopher://127.0.0.1:70")
    assert status == 1
    assert list(faults(seen)) == ["proxy"]
    assert "HTTP_PROXY" in faults(seen)["proxy"]
    assert "gopher" in faults(seen)["proxy"]
    assert seen["names"] == []


def test_a_tunnel_is_asked_for_and_nothing_else(authority, ca):
    """Through a proxy TLS is shaken with the server; the proxy gets one CONNECT, which is told, and the server no byte."""
    with Quiet(served(authority.issue_cert("far.invalid"))) as server, Peer(tunnelling()) as proxy:
        status, seen = examine(f"https://far.invalid:{server.port}/", "--proxy", proxy.url, "--verify", ca)
        assert server.heard(1) == [b""]
    assert status == 0, seen["findings"]
    assert [each["whose"] for each in seen["tls"]] == ["server"]
    assert seen["sent"].startswith(f"CONNECT far.invalid:{server.port}, to the proxy '127.0.0.1'")
    assert [phase for phase, _ in seen["phases"]] == ["resolve", "connect", "proxy", "tls"]
    connects = [received for received in proxy.received if received]
    assert len(connects) == 1
    assert connects[0].startswith(f"CONNECT far.invalid:{server.port} HTTP/1.1\r\n".encode())
    assert b"GET" not in connects[0]


def test_a_proxy_that_refuses_stands_in_the_way():
    """A 407 is found in the proxy's part, with who chose it; its credentials are not shown."""
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with Peer(answering(refusal)) as proxy:
        address = f"http://ann:secret@127.0.0.1:{proxy.port}"
        status, seen = examine("https://far.invalid/", https_proxy=address)
    assert status == 1
    assert list(faults(seen)) == ["proxy"]
    assert "407" in faults(seen)["proxy"]
    assert any("https_proxy" in each["do"] for each in seen["findings"])
    assert "CONNECT" in seen["sent"]
    assert "secret" not in json.dumps(seen)


def test_the_name_of_the_server_is_looked_up_here_for_socks5_alone(closed_port):
    """With socks5 the server's name is looked up here, with socks5h by the proxy."""
    url = "http://localhost:9/"
    _, here = examine(url, "--proxy", f"socks5://127.0.0.1:{closed_port}")
    _, there = examine(url, "--proxy", f"socks5h://127.0.0.1:{closed_port}")
    assert [each["whose"] for each in here["names"]] == ["proxy", "server"]
    assert {each["accepts"] for each in here["names"][1]["addresses"]} == {None}
    assert [each["whose"] for each in there["names"]] == ["proxy"]


# -- TLS --------------------------------------------------------------------------------------------------------------


def test_the_handshake_and_the_chain_are_told(authority, ca):
    """Trust store, version, cipher, ALPN and each certificate that was sent; the server gets no byte inside TLS."""
    middle, ends = authority.create_child_ca(), datetime(2900, 1, 2, tzinfo=timezone.utc)
    own = middle.issue_cert("localhost", "127.0.0.1", common_name="the server", not_after=ends)
    with Quiet(served(own)) as server:
        status, seen = examine(f"{server.url}/", "--verify", ca)
        _, lines = shown(f"{server.url}/", "--verify", ca)
        assert set(server.heard(2)) == {b""}
    assert status == 0, seen["findings"]
    assert seen["trust"] == [{"whose": "server", "kind": "file", "path": ca, "by": "--verify", "authorities": 1}]
    (handshake,) = seen["tls"]
    assert (handshake["whose"], handshake["hostname"], handshake["port"]) == ("server", "127.0.0.1", server.port)
    assert (handshake["accepted"], handshake["version"], handshake["alpn"]) == (True, "TLSv1.3", "http/1.1")
    assert handshake["cipher"].startswith("TLS_")
    own, above = handshake["chain"]
    assert "the server" in own["subject"]
    assert own["issuer"] == above["subject"]
    assert own["names"] == ["localhost", "127.0.0.1"]
    assert own["not_after"] == "2900-01-02T00:00:00Z"
    expected = (ends - datetime.now(timezone.utc)).days
    assert own["days_left"] in {expected, expected + 1}  # a day may have ended meanwhile
    assert [own["fault"], above["fault"]] == ["", ""]
    assert any("TLSv1.3" in line for line in lines)
    assert any("for localhost, 127.0.0.1" in line for line in lines)


def certificates(kind):
    """A certificate for localhost with this flaw, and its authority; the fault is that of the place in the chain."""
    root, now = trustme.CA(), datetime.now(timezone.utc)
    if kind == "expired":
        return root, root.issue_cert("localhost", not_before=now - timedelta(9), not_after=now - timedelta(3))
    if kind == "not valid yet":
        return root, root.issue_cert("localhost", not_before=now + timedelta(3))
    if kind == "wrong host":
        return root, root.issue_cert("other.test")
    if kind == "unknown authority":
        return trustme.CA(), root.create_child_ca().issue_cert("localhost")
    assert kind == "own authority sent along"
    own = root.issue_cert("localhost")
    own.cert_chain_pems.append(root.cert_pem)
    return trustme.CA(), own


@pytest.mark.parametrize(
    ("kind", "place", "fault"),
    [
        ("expired", 0, "expired"),
        ("not valid yet", 0, "not valid yet"),
        ("wrong host", 0, "not for localhost"),
        ("unknown authority", 1, "was not sent, and is not in the trust store"),
        ("own authority sent along", 1, "self-signed, and not in the trust store"),
    ],
)
def test_what_is_wrong_with_which_certificate(kind, place, fault, tmp_path):
    """A chain that is not accepted is read and told all the same, with the fault at the certificate that has it."""
    root, certificate = certificates(kind)
    root.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    whole = tmp_path / "server.pem"
    whole.write_bytes(b"".join(each.bytes() for each in [certificate.private_key_pem, *certificate.cert_chain_pems]))
    context.load_cert_chain(whole)
    with Quiet(context) as server:
        status, seen = examine(f"https://localhost:{server.port}/", "--verify", str(tmp_path / "ca.pem"))
        _, lines = shown(f"https://localhost:{server.port}/", "--verify", str(tmp_path / "ca.pem"))
        assert set(server.heard(2)) == {b""}
    assert status == 1
    assert list(faults(seen)) == ["tls"]
    (handshake,) = seen["tls"]
    assert handshake["accepted"] is False
    marked = {number: link["fault"] for number, link in enumerate(handshake["chain"]) if link["fault"]}
    assert list(marked) == [place]
    assert fault in marked[place]
    assert handshake["chain"][0]["days_left"] < 0 if kind == "expired" else handshake["chain"][0]["days_left"] > 0
    assert any(line.startswith("       ! ") and fault in line for line in lines)
    assert lines[-1] == "no request could be sent: see TLS"


def test_a_certificate_that_ends_soon_is_told(authority, ca):
    """It is accepted, and its end is a note: nothing stands in the way."""
    soon = datetime.now(timezone.utc) + timedelta(days=4, hours=1)
    with Quiet(served(authority.issue_cert("127.0.0.1", not_after=soon))) as server:
        status, seen = examine(f"{server.url}/", "--verify", ca)
    assert status == 0
    assert seen["tls"][0]["chain"][0]["days_left"] == 4
    assert any("expires in 4 days" in note for note in notes(seen, "tls"))


def test_the_variable_that_chose_the_trust_store_is_told(authority, ca):
    """The variable is named; --verify comes before it, and --no-env leaves it out of account."""
    with Quiet(served(authority.issue_cert("127.0.0.1"))) as server:
        status, seen = examine(f"{server.url}/", REQUESTS_CA_BUNDLE=ca)
        _, given = examine(f"{server.url}/", "--verify", ca, REQUESTS_CA_BUNDLE="/nowhere")
        refused, without = examine(f"{server.url}/", "--no-env", REQUESTS_CA_BUNDLE=ca)
    assert status == 0
    store = {"whose": "server", "kind": "file", "path": ca, "authorities": 1}
    assert seen["trust"] == [{**store, "by": "REQUESTS_CA_BUNDLE"}]
    assert given["trust"] == [{**store, "by": "--verify"}]
    assert refused == 1
    assert without["trust"][0]["kind"] == "system"
    assert list(faults(without)) == ["tls"]


def test_a_trust_store_that_is_not_there_stands_in_the_way(tmp_path):
    """A variable that names no file, and a file that holds no certificate, are said before anything is dialled."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with Quiet() as server:
        url = f"https://127.0.0.1:{server.port}/"
        status, missing = examine(url, SSL_CERT_FILE=str(tmp_path / "none.pem"))
        other, unusable = examine(url, "--verify", str(empty))
        assert server.heard(1) == [b""]  # the address of the second, and no handshake
    assert (status, other) == (1, 1)
    assert "SSL_CERT_FILE" in "".join(faults(missing).values())
    assert list(faults(unusable)) == ["trust"]


def test_without_a_check_it_is_told_that_there_is_none():
    """--verify no: a request could be sent to whoever it is, with a note that says what that means."""
    with Quiet(served(trustme.CA().issue_cert("other.test"))) as server:
        status, seen = examine(f"{server.url}/", "--verify", "no")
    assert status == 0
    assert seen["trust"][0]["kind"] == "nothing"
    assert (seen["tls"][0]["accepted"], seen["tls"][0]["checked"]) == (True, False)
    assert seen["tls"][0]["chain"][0]["names"] == ["other.test"]
    assert any("not checked" in note for note in notes(seen, "trust"))


def test_a_proxys_own_tls_is_told(authority, ca):
    """Through an https proxy both handshakes are told, and the server's settings are not the proxy's."""
    proxy_tls = served(authority.issue_cert("127.0.0.1", common_name="the proxy"))
    server_tls = served(authority.issue_cert("far.invalid", common_name="the server"))
    with Quiet(server_tls) as server, Peer(tunnelling(), proxy_tls) as proxy:
        url = f"https://far.invalid:{server.port}/"
        status, seen = examine(url, "--proxy", proxy.url, REQUESTS_CA_BUNDLE=ca)
    assert status == 0, seen["findings"]
    assert [(each["whose"], each["by"]) for each in seen["trust"]] == [
        ("proxy", "REQUESTS_CA_BUNDLE"),
        ("server", "REQUESTS_CA_BUNDLE"),
    ]
    first, second = seen["tls"]
    assert (first["whose"], first["hostname"], first["port"]) == ("proxy", "127.0.0.1", proxy.port)
    assert "the proxy" in first["chain"][0]["subject"]
    assert (second["whose"], second["hostname"], second["port"]) == ("server", "far.invalid", server.port)
    assert "the server" in second["chain"][0]["subject"]


def test_a_proxy_that_is_not_trusted_is_told_nothing(authority, ca):
    """Its chain is read, and neither CONNECT nor credentials go to it; what --verify says is not about it."""
    with Quiet(served(authority.issue_cert("127.0.0.1"))) as proxy:
        address = f"https://ann:secret@127.0.0.1:{proxy.port}"
        status, seen = examine("https://far.invalid/", "--proxy", address, "--verify", ca)
        assert set(proxy.heard(1)) == {b""}
    assert status == 1
    assert list(faults(seen)) == ["tls"]
    assert "the proxy" in faults(seen)["tls"]
    (handshake,) = seen["tls"]
    assert (handshake["whose"], handshake["accepted"]) == ("proxy", False)
    assert handshake["chain"][0]["names"] == ["127.0.0.1"]
    assert seen["sent"] == ""


def test_a_port_that_does_not_speak_tls_is_told():
    """An https URL for a server that answers in plain HTTP: what is wrong, and what the URL may have meant."""
    with Peer(lambda talk: (talk.take(), talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as server:
        status, seen = examine(f"https://127.0.0.1:{server.port}/", "--verify", "no")
    assert status == 1
    (finding,) = [each for each in seen["findings"] if each["stands_in_the_way"]]
    assert finding["part"] == "tls"
    assert "http://" in finding["do"]


def test_a_handshake_that_is_not_answered_ends_at_its_bound():
    """A server that takes connections and says nothing: the timeout ends it, in the phase of TLS."""
    with Quiet() as server:
        status, seen = examine(f"https://127.0.0.1:{server.port}/", "--timeout", "0.4")
    assert status == 1
    assert list(faults(seen)) == ["tls"]
    assert seen["phases"][-1][0] == "tls"
    assert 0.3 < seen["phases"][-1][1] < 5


def test_a_server_that_wants_a_certificate_is_told(authority, ca, tmp_path):
    """TLS 1.3 refuses a client after the handshake: that is heard, and --cert, or --cert with --key, mends it."""
    context = served(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    own = authority.issue_cert("ann")
    own.private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    with Quiet(context) as server:
        without, seen = examine(f"{server.url}/", "--verify", ca)
        with_it, _ = examine(f"{server.url}/", "--verify", ca, "--cert", str(tmp_path / "own.pem"))
        pair = ["--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem")]
        with_both, _ = examine(f"{server.url}/", "--verify", ca, *pair)
    assert (without, with_it, with_both) == (1, 0, 0)
    (finding,) = [each for each in seen["findings"] if each["stands_in_the_way"]]
    assert (finding["part"], "--cert" in finding["do"]) == ("tls", True)


# -- Unix sockets -----------------------------------------------------------------------------------------------------


@needs_unix
def test_a_unix_socket_is_told_and_reached(folder):
    """The URL's host is the path of the socket; no name is looked up, no byte is sent."""
    path = str(folder / "x.sock")
    with Quiet(path=path) as peer:
        url = f"http+unix://{path.replace('/', '%2F')}/info?a"
        status, seen = examine(url)
        _, lines = shown(url)
        assert peer.heard(2) == [b"", b""]
    assert status == 0, seen["findings"]
    assert seen["given"] == url
    assert seen["request"]["unix_socket"] == path
    assert (seen["request"]["target"], seen["request"]["host"]) == ("/info?a", "localhost")
    assert seen["names"] == []
    assert f"  over        the Unix socket {path}" in lines


@needs_unix
def test_a_unix_socket_that_is_not_there_stands_in_the_way(folder):
    """The path is said with what to do; signs that a terminal would obey are not printed."""
    status, lines = shown(f"http+unix://{str(folder).replace('/', '%2F')}%2F%1B[31m/")
    assert status == 1
    assert any(line.startswith("  ! could not connect to the Unix socket") for line in lines)
    assert any("is the path right" in line for line in lines)
    assert "\x1b" not in "".join(lines)


@needs_unix
def test_compare_takes_a_unix_socket(folder):
    """``compare http+unix://...`` is answered over all four transports alike, and asks for the path with Host: localhost."""
    path = str(folder / "x.sock")
    body = {b"GET": b"hello", b"HEAD": b""}

    def serve(talk):
        while True:
            method = talk.asked().split(b" ")[0]
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body[method])

    with Peer(serve, path=path) as peer:
        done = CliRunner().invoke(app, ["compare", "--json", f"http+unix://{path.replace('/', '%2F')}/a?b"])
    assert done.exit_code == 0, done.output
    compared = json.loads(done.stdout)
    for exchange in compared["exchanges"]:
        assert {name: result["status"] for name, result in exchange["results"].items()} == dict.fromkeys(NAMES, 200)
        assert exchange["refused"] == {}
    assert compared["exchanges"][0]["results"]["socket"]["body"]["bytes"] == 5
    assert len(peer.talks) >= 4
    for received in peer.received:
        assert received.startswith(b"GET /a?b HTTP/1.1\r\nHost: localhost\r\n")


# -- transports, usage, ending ----------------------------------------------------------------------------------------


def test_what_a_transport_would_refuse_is_told(run, install, ca, authority):
    """A plugin without the capability is named with what it lacks; the others would send it, so nothing is in the way."""
    install("bare", BARE)
    with Quiet(served(authority.issue_cert("127.0.0.1"))) as server:
        done = run("doctor", "--json", f"{server.url}/", "--verify", ca)
        alone = run(
            "doctor",
            "--json",
            f"{server.url}/",
            "--verify",
            ca,
            before="import intermodal.cli.installed as i; i.transports = lambda: ['bare']",
        )
    assert (done.returncode, done.stderr) == (0, "")
    verdicts = {each["name"]: each for each in json.loads(done.stdout)["transports"]}
    assert [name for name, each in verdicts.items() if not each["sends"]] == ["bare"]
    assert "CUSTOM_TLS" in verdicts["bare"]["why"]
    assert alone.returncode == 1
    assert list(faults(json.loads(alone.stdout))) == ["transports"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["example.com"], "perhaps you meant"),
        (["ftp://127.0.0.1/"], "'ftp'"),
        (["http://ann:secret@127.0.0.1/"], "credentials"),
        (["http+unix:///run/x.sock"], "%2F"),
        ([f"http+unix://{'a' * 200}/"], "200 bytes"),
        (["http://127.0.0.1:1/", "--timeout", "0"], "seconds above 0"),
        (["http://127.0.0.1:1/", "--verify", "/no/such/file"], "/no/such/file"),
        (["http://127.0.0.1:1/", "--key", __file__], "--cert"),
        (["http://127.0.0.1:1/", "--proxy", "gopher://ann:secret@127.0.0.1"], "gopher"),
    ],
)
def test_wrong_usage_ends_with_status_2(arguments, said):
    """What cannot be examined is said in one message, without a traceback and without the secret; nothing is printed."""
    done = CliRunner().invoke(app, ["doctor", *arguments])
    assert done.exit_code == 2
    assert said in done.output
    assert "secret" not in done.output
    assert "Traceback" not in done.output


@pytest.mark.skipif(os.name != "posix", reason="another process gets no SIGINT by itself elsewhere")
@pytest.mark.parametrize(("command", "scheme"), [("doctor", "https"), ("compare", "http")])
def test_ctrl_c_ends_a_command_at_once(environment, command, scheme):
    """While the server owes an answer: status 130, nothing printed, no traceback."""
    asked = threading.Event()

    def serve(talk):
        talk.take()
        asked.set()
        talk.stay()

    with Peer(serve) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "intermodal", command, "--timeout", "60", f"{scheme}://127.0.0.1:{server.port}/"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # What a shell has put into the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - and does no more
        )
        try:
            assert asked.wait(30)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
            process.communicate()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
