"""TLS end to end: every transport to servers of other people's making, whose certificates are right, or wrong in one way."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
import trustme
from fleet import TRANSPORTS, make_transport
from peers import tls_peers
from peers.tls_peers import DAY, NOW
from roads.proxies import Peer, tunnelling

import intermodal
from intermodal import TLS, CertificateError, InvalidRequest, Options, Proxy, Request, Timeouts, TLSError
from intermodal.blocking import sessions
from intermodal.net.tls import context_for

PATIENCE = 20


@pytest.fixture(params=list(TRANSPORTS))
def name(request):
    """The name of each of the four transports in turn."""
    return request.param


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Certificates, and an authority that is trusted."""
    return tls_peers.Files(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def nginx(files, tmp_path_factory):
    """The ports of an nginx that tells whether a session was resumed."""
    folder = tmp_path_factory.mktemp("nginx-tls")
    with tls_peers.nginx(folder, files.issued("good", "localhost", "127.0.0.1", "::1"), files.trusted) as ports:
        yield ports


@pytest.fixture(scope="module")
def shown(files):
    """The ports of servers by what they show, started when first asked for."""
    with contextlib.ExitStack() as running:
        ports = {}

        def start(what):
            if what not in ports:
                certificate, *options = SHOWN[what](files)
                ports[what] = running.enter_context(tls_peers.s_server(certificate, *options))
            return ports[what]

        yield start


def untrusted_with_root(files):
    stranger = trustme.CA()
    root = files.authority("stranger-root", stranger)
    return files.issued("with-root", "localhost", by=stranger), "-cert_chain", root


def behind_intermediate(files):
    """A server that does not send the certificate between its own and the authority's."""
    return files.issued("alone", "localhost", by=files.ca.create_child_ca()), "-tls1_3"


SHOWN = {
    "good": lambda files: (files.issued("s-good", "localhost"),),
    "expired": lambda files: (files.issued("expired", "localhost", not_before=NOW - 9 * DAY, not_after=NOW - 2 * DAY),),
    "too early": lambda files: (files.issued("early", "localhost", not_before=NOW + 2 * DAY, not_after=NOW + 9 * DAY),),
    "another host": lambda files: (files.issued("host", "www.example.org", "*.example.net"),),
    "another address": lambda files: (files.issued("address", "localhost", "10.1.2.3"),),
    "self-signed": lambda files: (files.self_signed("self"),),
    "a stranger's": lambda files: (files.issued("stranger", "localhost", by=trustme.CA()),),
    "a stranger's, with root": untrusted_with_root,
    "one of three": behind_intermediate,
    "only TLS 1.2": lambda files: (files.issued("old", "localhost"), "-tls1_2"),
}


def day(moment):
    return moment.strftime("%Y-%m-%d")


#: What is shown, what is asked for, OpenSSL's number of it, and what the message must hold.
WRONG = {
    "expired": ("localhost", 10, ["expired on", day(NOW - 2 * DAY), "clock says", "renew"]),
    "too early": ("localhost", 9, ["not valid before", day(NOW + 2 * DAY), "clock says"]),
    "another host": ("localhost", 62, ["not for 'localhost'", "it is for www.example.org, *.example.net"]),
    "another address": ("127.0.0.1", 64, ["not for '127.0.0.1'", "it is for localhost, 10.1.2.3"]),
    "self-signed": ("localhost", 18, ["self-signed", "not in '", "OU=Testing CA"]),
    "a stranger's": ("localhost", 20, ["issued by 'O=trustme", "OU=Testing CA", "not in '"]),
    "a stranger's, with root": ("localhost", 19, ["goes back to 'O=trustme", "OU=Testing CA", "not in '"]),
    "one of three": ("localhost", 20, ["issued by 'O=trustme", "sent no certificate of it", "send it along"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_certificate_is_named(name, what, files, shown):
    """Each way to be wrong has its number, and words for what is wrong, with which certificate, and what to do about it."""
    host, code, words = WRONG[what]
    port = shown(what)
    with intermodal.Client(name, verify=files.trusted) as client, pytest.raises(CertificateError) as caught:
        client.get(f"https://{host}:{port}/")
    error = caught.value
    assert (error.verify_code, error.phase, error.delivery) == (code, "tls", "not_sent")
    message = str(error)
    assert message.startswith(f"the certificate of '{host}' port {port} ")
    for word in [*words, "subject 'O=trustme", "issuer 'O=trustme", "valid from"]:
        assert word in message
    assert "verify=False" not in message


def test_an_unknown_authority_is_advised_to_be_given(name, shown):
    """Who trusts the system's authorities is told that another can be given."""
    with intermodal.Client(name) as client, pytest.raises(CertificateError) as caught:
        client.get(f"https://localhost:{shown('good')}/")
    assert "not in this machine's trust store" in str(caught.value)
    assert "verify='ca.pem'" in str(caught.value)


def test_the_wrong_certificate_of_a_proxy_is_the_proxys(name, files, shown):
    """The words name the proxy, and where its authority is to be given."""
    proxy = Proxy(f"https://localhost:{shown('another host')}", tls=TLS(verify=files.trusted))
    request, transport = Request("GET", "https://origin.test/"), make_transport(name)
    with contextlib.closing(transport):
        with pytest.raises(CertificateError, match="it is for www.example.org") as caught:
            transport.send(request, Options(proxy=proxy))
        assert caught.value.verify_code == 62
        with pytest.raises(CertificateError) as caught:
            transport.send(request, Options(tls=TLS(verify=files.trusted), proxy=Proxy(proxy.url)))
    message = str(caught.value)
    assert message.startswith(f"the certificate of the proxy 'localhost' port {proxy.port} was issued by")
    assert "Proxy(url, tls=TLS(verify='ca.pem'))" in message


def test_the_certificates_are_checked_where_nothing_tells_of_them(files, shown, monkeypatch):
    """Where Python does not tell which certificates came, there are words still, and the number."""
    monkeypatch.setattr("intermodal.blocking.handshake.sent_by", lambda _: [])
    for what, (host, code, _) in WRONG.items():
        with intermodal.Client("socket", verify=files.trusted) as client, pytest.raises(CertificateError) as caught:
            client.get(f"https://{host}:{shown(what)}/")
        assert caught.value.verify_code == code
        assert "subject" not in str(caught.value)


# -- the other ways to fail ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demanding(files):
    """The ports of servers that demand a client's certificate, by the version they speak."""
    with contextlib.ExitStack() as running:
        certificate = files.issued("demanding", "localhost")
        demand = ("-Verify", "1", "-verify_return_error", "-CAfile", files.trusted)
        yield {
            version: running.enter_context(tls_peers.s_server(certificate, *demand, f"-tls{version.replace('.', '_')}"))
            for version in ("1.2", "1.3")
        }


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_certificate_is_demanded(name, version, files, demanding):
    """Who shows none is told to give one, who shows a stranger's that it is not taken; a good one opens the door."""
    url = f"https://localhost:{demanding[version]}/"
    with intermodal.Client(name, verify=files.trusted) as client:
        with pytest.raises(TLSError, match=r"client certificate: give cert=\('client.pem', 'client.key'\)") as caught:
            client.get(url)
        assert not isinstance(caught.value, CertificateError)
        strangers = files.client("stranger-client", by=trustme.CA())
        with pytest.raises(TLSError, match="did not accept the client certificate '.*stranger-client-cert.pem'"):
            client.get(url, cert=strangers)
        encrypted = (*files.client("ann", password=b"open sesame"), "open sesame")
        assert f"TLSv{version}" in client.get(url, cert=encrypted).text


def test_a_client_certificate_that_cannot_be_used(name, files, nginx):
    """What is wrong with a client certificate is said with the file that it is about, and never the password."""
    cert, key = files.client("bob", password=b"right")
    other = files.client("carol")
    missing = str(files.folder / "missing.pem")
    for given, words in {
        (cert, key, "wr0ng"): f"the password does not fit the key in '{key}'",
        (cert, key): f"no password was given for the key in '{key}'",
        (cert, other[1]): f"the key in '{other[1]}' belongs to another certificate",
        (cert, missing): f"'{missing}': No such file",
        (cert, cert): f"'{cert}' holds no key",
        (other[1], other[1]): f"'{other[1]}' holds no certificate",
    }.items():
        with intermodal.Client(name, verify=files.trusted, cert=given) as client:
            with pytest.raises(InvalidRequest) as caught:
                client.get(f"https://localhost:{nginx['1.3']}/")
            assert words in str(caught.value)
            assert "wr0ng" not in str(caught.value)


def test_a_server_that_is_too_old(name, files, shown):
    """Whoever demands TLS 1.3 of a server with 1.2 only is told that, and which setting demands it."""
    tls = TLS(verify=files.trusted, minimum_version="TLSv1.3")
    url = f"https://localhost:{shown('only TLS 1.2')}/"
    transport = make_transport(name)
    with contextlib.closing(transport):
        with pytest.raises(
            TLSError, match="no version of TLS that is new enough for minimum_version='TLSv1.3'"
        ) as caught:
            transport.send(Request("GET", url), Options(tls=tls))
        assert caught.value.phase == "tls"
        assert b"TLSv1.2" in transport.send(Request("GET", url), Options(tls=TLS(verify=files.trusted))).content


def test_a_server_without_tls(name, files, nginx):
    """A port that speaks plain HTTP is said to be perhaps http."""
    with intermodal.Client(name, verify=files.trusted) as client, pytest.raises(TLSError) as caught:
        client.get(f"https://127.0.0.1:{nginx['plain']}/")
    assert (caught.value.phase, caught.value.delivery) == ("tls", "not_sent")
    assert "plain text perhaps: is it http://" in str(caught.value)


def test_a_server_that_never_shakes_hands(name, files):
    """It ends at the bound of ``connect``."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        client = intermodal.Client(name, verify=files.trusted, timeout=Timeouts(connect=0.3))
        with client, pytest.raises(intermodal.ConnectTimeout) as caught:
            client.get(f"https://127.0.0.1:{silent.getsockname()[1]}/")
        assert 0.25 < time.monotonic() - began < 5
        assert caught.value.phase == "tls"


# -- who is checked, and by what -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "sni"),
    [("localhost", "localhost"), ("localhost.", "localhost"), ("127.0.0.1", ""), ("[::1]", "")],
    ids=["name", "trailing dot", "IPv4", "IPv6"],
)
def test_the_server_is_asked_for_by_name(name, host, sni, files, nginx):
    """A name goes into SNI without its trailing dot, an address does not; either is checked, and HTTP/1.1 is agreed on."""
    transport = make_transport(name, resolver=lambda _host, _port: ["127.0.0.1"])  # not every system knows "localhost."
    with contextlib.closing(transport):
        request = Request("GET", f"https://{host}:{nginx['1.3']}/")
        answer = transport.send(request, Options(tls=TLS(verify=files.trusted))).text
    _, version, asked, protocol, _ = answer.split("|")
    assert (version, asked, protocol) == ("TLSv1.3", sni, "http/1.1")


def test_authorities_come_in_a_file_a_folder_or_a_context(name, files, nginx, tmp_path):
    """Each is enough; a folder without the links by hash is not, and is said to be that."""
    url = f"https://localhost:{nginx['1.3']}/"
    folder, unlinked = tmp_path / "linked", tmp_path / "unlinked"
    for each in (folder, unlinked):
        each.mkdir()
        shutil.copy(files.trusted, each / "ca.pem")
    subprocess.run(["openssl", "rehash", str(folder)], check=True, timeout=PATIENCE)
    context = ssl.create_default_context(cafile=files.trusted)
    with intermodal.Client(name) as client:
        for verify in (files.trusted, folder, context):
            assert client.get(url, verify=verify).ok
        with pytest.raises(CertificateError, match="openssl rehash"):
            client.get(url, verify=unlinked)


@pytest.mark.filterwarnings("ignore::intermodal.InsecureRequestWarning")
def test_verify_false_is_for_one_call(name, shown):
    """Neither its connection nor its session helps the next call."""
    url = f"https://localhost:{shown('good')}/"
    with intermodal.Client(name) as client:
        for _ in range(2):
            assert client.get(url, verify=False).ok
            with pytest.raises(CertificateError):
                client.get(url)


# -- sessions that are resumed -------------------------------------------------------------------------

CLOSE = {"Connection": "close"}


def resumed(client, port, host="localhost", **keywords):
    """Whether a new connection resumes a session, by nginx's word."""
    answer = client.get(f"https://{host}:{port}/", headers=CLOSE, **keywords)
    said = answer.text.split("|")[0]
    assert said in {"r", "."}
    if answer.exchange is not None and answer.exchange.tls_resumed is not None:
        assert answer.exchange.tls_resumed is (said == "r")
    return said == "r"


@pytest.mark.parametrize("kind", ["1.3", "1.2", "cache"])
def test_a_session_is_resumed(name, kind, files, nginx):
    """Every connection after the first resumes a session, by ticket or out of the server's memory."""
    with intermodal.Client(name, verify=files.trusted) as client:
        assert [resumed(client, nginx[kind]) for _ in range(4)] == [False, True, True, True]


def test_a_session_of_the_callers_context_is_resumed(name, files, nginx):
    """A context of the caller's own has its sessions too."""
    with intermodal.Client(name, verify=ssl.create_default_context(cafile=files.trusted)) as client:
        assert [resumed(client, nginx["1.3"]) for _ in range(3)] == [False, True, True]


def test_a_connection_that_the_server_has_closed_leaves_its_session(name, files, nginx):
    """A connection of the pool that is found closed leaves its session to the one that takes its place."""
    url = f"https://localhost:{nginx['1.3']}/"
    with intermodal.Client(name, verify=files.trusted) as client:
        response = client.get(url, headers=CLOSE)  # nginx closes it
        assert client.get(url).text.startswith("r|"), response
        assert client.get(url).text.startswith("r|")  # over the same


@pytest.mark.filterwarnings("ignore::intermodal.InsecureRequestWarning")
@pytest.mark.parametrize("kind", ["1.3", "1.2"])
def test_a_session_is_never_resumed_with_other_settings(name, kind, files, nginx, tmp_path):
    """Whatever setting differs, the handshake is in full: trust, certificate, version, host, client."""
    port = nginx[kind]
    another = str(tmp_path / "the-same-again.pem")
    shutil.copy(files.trusted, another)
    stranger = files.authority("another-authority", trustme.CA())
    with (
        intermodal.Client(name, verify=files.trusted) as client,
        intermodal.Client(name, verify=files.trusted) as other,
    ):
        assert not resumed(client, port)
        assert not resumed(client, port, verify=False)
        assert not resumed(client, port, verify=another)
        assert not resumed(client, port, cert=files.client("dora"))
        assert not resumed(client, port, cert=files.client("emil"))
        assert not resumed(client, port, verify=ssl.create_default_context(cafile=files.trusted))
        assert not resumed(client, port, host="127.0.0.1")
        assert not resumed(other, port)
        with pytest.raises(CertificateError):
            client.get(f"https://localhost:{port}/", verify=stranger)
        with pytest.raises(CertificateError):
            client.get(f"https://localhost:{port}/", verify=True)
        assert resumed(client, port)
        assert resumed(client, port, verify=False)
        assert resumed(client, port, cert=files.client("dora"))
        assert "CN=dora" in client.get(f"https://localhost:{port}/", cert=files.client("dora"), headers=CLOSE).text
        assert resumed(other, port)


@pytest.mark.parametrize("kind", ["1.3", "1.2"])
def test_a_context_that_is_made_stricter_resumes_nothing(name, kind, files, nginx):
    """A session from when the context checked nothing does not spare the server the check."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with intermodal.Client(name, verify=context) as client:
        assert [resumed(client, nginx[kind]) for _ in range(2)] == [False, True]
        context.check_hostname, context.verify_mode = True, ssl.CERT_REQUIRED
        with pytest.raises(CertificateError):
            resumed(client, nginx[kind])


def test_a_ticket_of_tls_1_3_serves_once(name, files):
    """Of two connections that are open at once, one resumes the session."""
    goes_on = threading.Event()

    def serve(talk):
        talk.asked()
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
        talk.send(head + (b"r" if talk.sock.session_reused else b"."))
        goes_on.wait(PATIENCE)
        talk.send(b"|")

    with Peer(serve, tls=server_tls(files, ssl.TLSVersion.TLSv1_3)) as peer:
        url = f"https://localhost:{peer.port}/"
        with intermodal.Client(name, verify=files.trusted) as client:
            goes_on.set()
            assert not resumed(client, peer.port)
            goes_on.clear()
            with client.get(url, stream=True) as one, client.get(url, stream=True) as two:
                goes_on.set()
                assert [one.text, two.text] == ["r|", ".|"]


def test_the_certificate_is_checked_again_in_time(name, files, nginx, monkeypatch):
    """Sessions do not follow from one another for ever: after a while there is a handshake in full, and then none again."""
    began, later = time.monotonic(), 0.0
    monkeypatch.setattr(sessions.time, "monotonic", lambda: began + later)
    with intermodal.Client(name, verify=files.trusted, timeout=None) as client:
        assert [resumed(client, nginx["1.3"]) for _ in range(2)] == [False, True]
        later = 0.6 * sessions.UNCHECKED
        assert resumed(client, nginx["1.3"])
        later = 1.2 * sessions.UNCHECKED
        assert [resumed(client, nginx["1.3"]) for _ in range(2)] == [False, True]


def test_the_sessions_are_bounded(name, files, nginx, monkeypatch):
    """Who was not asked for longest is forgotten."""
    monkeypatch.setattr(sessions, "PLACES", 2)
    with intermodal.Client(name, verify=files.trusted) as client:
        for kind in ("1.3", "1.2", "cache"):
            assert not resumed(client, nginx[kind])
        assert resumed(client, nginx["1.2"])
        assert resumed(client, nginx["cache"])
        assert not resumed(client, nginx["1.3"])


@pytest.fixture
def looks(monkeypatch):
    """The sockets whose session was looked at, each time; to resume one is no look."""
    looks, real = [], ssl.SSLSocket.session

    class Watched:
        def __get__(self, sock, kind=None):
            looks.append(sock)
            return real.__get__(sock, kind)

        def __set__(self, sock, session):
            real.__set__(sock, session)

    monkeypatch.setattr(ssl.SSLSocket, "session", Watched())
    return looks


def test_a_server_without_sessions_is_not_asked_each_time(name, files, nginx, looks):
    """Python copies a session to show it, which takes long: where it was of no use twice, nobody looks for a while."""
    with intermodal.Client(name, verify=files.trusted) as client:
        assert [resumed(client, nginx["none"]) for _ in range(7)] == [False] * 7
    assert len(looks) == 3


def test_the_session_of_a_connection_in_use_is_not_looked_at(name, files, looks):
    """OpenSSL may replace it at that moment: a connection that another thread is ended under leaves none."""
    waits, over = threading.Event(), []

    def serve(talk):
        talk.asked()
        waits.set()
        talk.stay()

    def ask(client, url):
        with pytest.raises(intermodal.TransportClosed):
            client.get(url)
        over.append(True)

    with Peer(serve, tls=server_tls(files, ssl.TLSVersion.TLSv1_2)) as peer:
        client = intermodal.Client(name, verify=files.trusted)
        asking = threading.Thread(target=ask, args=(client, f"https://localhost:{peer.port}/"))
        asking.start()
        assert waits.wait(PATIENCE)
        client.close()
        asking.join(PATIENCE)
    assert over == [True]
    assert looks == []


def server_tls(files, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.issued("of-a-peer", "localhost"))
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_server_that_does_not_know_the_ticket(name, version, files):
    """A server that was started anew makes a full handshake of it, whose session is the one that is resumed next."""

    def serve(talk):
        talk.asked()
        talk.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + (b"r|" if talk.sock.session_reused else b".|"))
        talk.sock.unwrap()

    with Peer(serve, tls=server_tls(files, version)) as peer, intermodal.Client(name, verify=files.trusted) as client:
        assert [resumed(client, peer.port) for _ in range(2)] == [False, True]
        peer._tls = server_tls(files, version)
        assert [resumed(client, peer.port) for _ in range(3)] == [False, True, True]


def test_a_resumed_handshake_that_fails_is_not_tried_again(name, files):
    """The next is in full."""
    broken = threading.Event()

    def serve(talk):
        if broken.is_set():
            broken.clear()
            talk.take()  # its part of the handshake: the session was offered
            talk.reset()
            return
        talk.sock = context.wrap_socket(talk.sock, server_side=True)
        talk.asked()
        talk.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + (b"r|" if talk.sock.session_reused else b".|"))
        talk.sock.unwrap()

    context = server_tls(files, ssl.TLSVersion.TLSv1_2)
    with Peer(serve) as peer, intermodal.Client(name, verify=files.trusted) as client:
        assert [resumed(client, peer.port) for _ in range(2)] == [False, True]
        broken.set()
        with pytest.raises(intermodal.ConnectionError):
            resumed(client, peer.port)
        assert [resumed(client, peer.port) for _ in range(2)] == [False, True]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_connection_that_fails_in_tls_leaves_no_session(name, version, files):
    """What an alert has ended is not resumed (RFC 5246 section 7.2.2), and where TLS itself failed it was one."""
    broken = threading.Event()
    broken.set()

    def serve(talk):
        talk.asked()
        talk.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + (b"r|" if talk.sock.session_reused else b".|"))
        if broken.is_set():
            socket.socket.sendall(talk.sock, b"this is no record")
            talk.stay()
        else:
            talk.sock.unwrap()

    with Peer(serve, tls=server_tls(files, version)) as peer, intermodal.Client(name, verify=files.trusted) as client:
        with pytest.raises(TLSError):
            resumed(client, peer.port)
        broken.clear()
        assert [resumed(client, peer.port) for _ in range(2)] == [False, True]


def test_a_session_of_another_context_is_left_alone(name, files, nginx):
    """Where the same settings get another context, the handshake is in full."""
    with intermodal.Client(name, verify=files.trusted) as client:
        assert [resumed(client, nginx["1.3"]) for _ in range(2)] == [False, True]
        context_for.cache_clear()
        assert [resumed(client, nginx["1.3"]) for _ in range(2)] == [False, True]


def test_the_proxys_sessions_are_its_own(name, files, nginx):
    """Through an https proxy both handshakes are resumed, each with a session of its own; a direct one is in full."""
    reused = []

    def serve(talk):
        reused.append(talk.sock.session_reused)
        tunnelling()(talk)

    with Peer(serve, tls=server_tls(files, ssl.TLSVersion.TLSv1_3)) as peer:
        proxy = Proxy(f"https://localhost:{peer.port}", tls=TLS(verify=files.trusted))
        transport = make_transport(name)
        with contextlib.closing(transport):

            def inner(proxy):
                request = Request("GET", f"https://localhost:{nginx['1.3']}/", headers=CLOSE)
                options = Options(tls=TLS(verify=files.trusted), proxy=proxy)
                return transport.send(request, options).content[:1]

            assert [inner(proxy) for _ in range(3)] == [b".", b"r", b"r"]
            assert reused == [False, True, True]
            assert inner(None) == b"."
