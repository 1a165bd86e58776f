"""The origin as a proxy and on a Unix socket: what it asks, grants and records, by raw sockets, curl and our own client."""

import base64
import itertools
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.programs import absent
from testing.raw import (
    GET,
    LAST,
    OK,
    anew,
    authority,
    client_tls,
    dial,
    eventually,
    is_alive,
    read,
    read_all,
    read_until,
    server_tls,
    settled,
)

from intermodal import TLS, Client, ConnectTimeout, Dial, Disconnected, Proxy, ProxyError
from intermodal.testing.origin import Origin, Reset, Stall, Tunnel

CONNECT = b"CONNECT o.test:8080 HTTP/1.1\r\nHost: o.test:8080\r\n\r\n"
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
LOGIN = ("ann", "pä:ß")
BASIC = base64.b64encode("ann:pä:ß".encode())
SECRET = "pä:ß".encode()

#: The conversations of RFC 1928 and 1929, by what is asked for: client's bytes and server's, in turns.
PLAIN_SOCKS = (b"\x05\x01\x00", b"\x05\x00")
LOGIN_SOCKS = (b"\x05\x02\x00\x02", b"\x05\x02", b"\x01\x03ann" + bytes([len(SECRET)]) + SECRET, b"\x01\x00")
ASKED = {
    ("192.0.2.7", 80): b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50",
    ("2001:db8::1", 65535): b"\x05\x01\x00\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01\xff\xff",
    ("o.test", 8080): b"\x05\x01\x00\x03\x06o.test\x1f\x90",
}
BOUND = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """The file of the authority's certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def fronts():
    """An origin of each kind of front, with a login and without."""
    made = {
        (front, login): Origin(front=front, front_login=login)
        for front in ("http", "socks5")
        for login in (None, LOGIN)
    }
    yield made
    for origin in made.values():
        origin.close()


@pytest.fixture
def folder():
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="im-") as path:
        yield Path(path)


unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


def cut(data, cuts):
    """The data in pieces, cut at the given places."""
    edges = [0, *sorted({place % (len(data) + 1) for place in cuts}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


# --- what every front does --------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    wants=st.sampled_from([None, LOGIN]),
    host=st.sampled_from(["o.test", "192.0.2.7", "[2001:db8::1]", "x" * 300]),
    port=st.integers(0, 65535),
    extra=st.lists(st.sampled_from([b"User-Agent: a\r\n", b"X:\r\n", b"Proxy-Connection: keep-alive\r\n"])),
    empty=st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]),
    at_once=st.booleans(),
    cuts=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_connect_cut_anywhere(fronts, wants, host, port, extra, empty, at_once, cuts):
    """A CONNECT in any pieces is granted, and told apart from what comes inside, and be it at once, to the byte."""
    origin = fronts["http", wants]
    anew(origin)
    head = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n".encode() + b"".join(extra)
    head += b"Proxy-Authorization: basic %b\r\n\r\n" % BASIC if wants else b"\r\n"
    with dial(origin) as sock:
        for piece in cut(head + (empty + LAST) * at_once, cuts):
            sock.sendall(piece)
        assert read(sock, len(GRANTED)) == GRANTED
        for piece in cut((empty + LAST) * (not at_once), cuts):
            sock.sendall(piece)
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    connection = settled(origin)[-1]
    assert connection.tunnel == Tunnel(host.strip("[]"), port, wants, head, GRANTED)
    assert (connection.received, connection.sent) == (empty + LAST, answer)
    assert [request.raw for request in connection.requests] == [LAST]
    assert origin.received == len(head + empty + LAST)


@settings(max_examples=60)
@given(
    wants=st.sampled_from([None, LOGIN]),
    asked=st.sampled_from(list(ASKED)),
    at_once=st.booleans(),
    cuts=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_socks_cut_anywhere(fronts, wants, asked, at_once, cuts):
    """The conversation of RFC 1928 and 1929 in any pieces, and without waiting for its replies, ends in the tunnel."""
    origin = fronts["socks5", wants]
    anew(origin)
    said, replied = [*(LOGIN_SOCKS if wants else PLAIN_SOCKS), ASKED[asked], BOUND][::2], b""
    replied = b"".join([*(LOGIN_SOCKS if wants else PLAIN_SOCKS), ASKED[asked], BOUND][1::2])
    with dial(origin) as sock:
        pieces = cut(b"".join(said) + LAST, cuts) if at_once else [*cut(b"".join(said), cuts)]
        for piece in pieces:
            sock.sendall(piece)
        assert read(sock, len(replied)) == replied
        if not at_once:
            sock.sendall(LAST)
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    connection = settled(origin)[-1]
    assert connection.tunnel == Tunnel(*asked, wants, b"".join(said), replied)
    assert (connection.received, connection.sent) == (LAST, answer)
    assert origin.received == len(b"".join(said) + LAST)


PARTS = st.sampled_from(
    [CONNECT, b"CONNECT ", b"CONN", b"C", GET, b"\r\n", b"\x05\x01\x00", ASKED["o.test", 8080], b"\x01\x03ann\x00"]
)


@settings(max_examples=100)
@given(
    kind=st.sampled_from(["http", "socks5"]),
    wants=st.sampled_from([None, LOGIN]),
    parts=st.lists(st.one_of(st.binary(max_size=40), PARTS), max_size=6),
    polite=st.booleans(),
)
def test_arbitrary_bytes_never_kill_a_front(fronts, kind, wants, parts, polite):
    """Whatever a front is sent, and however the client leaves, no byte is lost from the records and the next is served."""
    origin, data = fronts[kind, wants], b"".join(parts)
    anew(origin)
    with dial(origin) as sock:
        try:
            sock.sendall(data)
            if polite:
                sock.shutdown(socket.SHUT_WR)
                read_all(sock)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except ConnectionError:
            polite = False
    eventually(lambda: origin.connections)
    settled(origin)
    if polite:
        connection = origin.connections[-1]
        tunnel = connection.tunnel
        # Forward requests may stand before a CONNECT, so that order is not told here; every byte is somewhere.
        assert sorted((tunnel.received if tunnel else b"") + connection.received) == sorted(data)
    assert origin.received <= len(data)
    if wants is None:
        assert is_alive(origin)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_closing_wakes_a_front(kind):
    """Close ends connections in the middle of the front's conversation, and leaves no thread."""
    origin = Origin(front=kind)
    with dial(origin) as one, dial(origin) as other:
        one.sendall(CONNECT[:30] if kind == "http" else b"\x05\x05\x00")
        other.sendall(b"C" if kind == "http" else b"\x05")
        eventually(lambda: len(origin.connections) == 2)
        begin = time.monotonic()
        origin.close()
        assert time.monotonic() - begin < 2
    assert not any(connection.open for connection in origin.connections)
    assert not any(thread.name.startswith(f"origin-{origin.port}") for thread in threading.enumerate())


# --- the http front ---------------------------------------------------------------------------------------------------


def test_http_front_asks_for_its_login():
    """Without the right login CONNECT and absolute form are answered by 407, and the connection goes on."""
    wrong = b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"ann:other")
    right = b"Proxy-Authorization: Basic %b\r\n" % BASIC
    forward = b"GET http://o.test/status/204 HTTP/1.1\r\nHost: o.test\r\n%b\r\n"
    connect = b"CONNECT o.test:1 HTTP/1.1\r\nHost: o.test:1\r\n%b\r\n"
    with Origin(front="http", front_login=LOGIN) as origin, dial(origin) as sock:
        script = origin.play(OK)
        for asked, fields in itertools.product(
            (forward, connect), (b"", wrong, right + right, b"Proxy-Authorization: Basic !\r\n")
        ):
            sock.sendall(asked % fields)
            answer = read_until(sock, b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 407 Proxy Authentication Required\r\n")
            assert b'\r\nProxy-Authenticate: Basic realm="origin"\r\n' in answer
            assert b"\r\nConnection: close" not in answer
            read(sock, int(answer.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
        assert not script.finished.is_set(), "a script is the target's"
        sock.sendall(forward % right)
        assert read(sock, len(OK)) == OK
        sock.sendall(connect % right)
        assert read(sock, len(GRANTED)) == GRANTED
        sock.sendall(GET)
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    (connection,) = origin.connections
    assert (
        connection.received
        == b"".join(forward % each for each in (b"", wrong, right + right, b"Proxy-Authorization: Basic !\r\n", right))
        + GET
    )
    assert connection.tunnel.received == b"".join(
        connect % each for each in (b"", wrong, right + right, b"Proxy-Authorization: Basic !\r\n", right)
    )
    assert connection.tunnel.sent.endswith(GRANTED)
    assert connection.tunnel.login == LOGIN


def test_a_wrong_login_is_recorded():
    """The login that a client gave stands in the record, right or wrong, and None where it gave none."""
    given = base64.b64encode(b"bob:x")
    for front, said, login in (
        ("http", CONNECT, None),
        ("http", CONNECT[:-2] + b"Proxy-Authorization: Basic %b\r\n\r\n" % given, ("bob", "x")),
        ("http", CONNECT[:-2] + b"Proxy-Authorization: Bearer %b\r\n\r\n" % given, None),
        ("socks5", b"\x05\x01\x02\x01\x03bob\x01x", ("bob", "x")),
    ):
        with Origin(front=front, front_login=LOGIN) as origin:
            with dial(origin) as sock:
                sock.sendall(said)
                sock.shutdown(socket.SHUT_WR)
                replied = read_all(sock)
            tunnel = settled(origin)[0].tunnel
        assert (tunnel.login, tunnel.received, tunnel.sent) == (login, said, replied)
        assert origin.connections[0].received == b""


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT o.test HTTP/1.1\r\n\r\n",
        b"CONNECT o.test:65536 HTTP/1.1\r\n\r\n",
        b"CONNECT http://o.test:80/ HTTP/1.1\r\n\r\n",
        b"CONNECT ::1:80 HTTP/1.1\r\n\r\n",
        b"CONNECT o.test:80\r\n\r\n",
    ],
)
def test_malformed_connects_are_refused(head):
    """What names no host and port is answered by 400 and the end, and stands in the front's record."""
    with Origin(front="http") as origin:
        with dial(origin) as sock:
            sock.sendall(head)
            answer = read_all(sock)
            assert answer.startswith(b"HTTP/1.1 400 ")
        (connection,) = settled(origin)
        assert (connection.tunnel.received, connection.tunnel.sent) == (head, answer)
        assert (connection.tunnel.host, connection.tunnel.port) == ("", 0)
        assert is_alive(origin)


def test_a_pipelined_connect_is_refused():
    """A CONNECT sent along with the request before it is a 400: what follows it could not be told from the tunnel."""
    with Origin(front="http") as origin, dial(origin) as sock:
        sock.sendall(GET + CONNECT + GET)
        sock.shutdown(socket.SHUT_WR)
        first, _, second = read_all(sock).partition(b"\r\n\r\n")
    assert (first[:12], second[:12]) == (b"HTTP/1.1 204", b"HTTP/1.1 400")
    assert len(origin.requests) == 1


def test_forward_requests_are_served_in_the_clear():
    """Behind a front of an https origin absolute form is answered in the clear, by what its URL says."""
    with Origin(front="http", tls=server_tls()) as origin, dial(origin) as sock:
        sock.sendall(b"GET http://o.test:81/absolute-redirect/1 HTTP/1.1\r\nHost: o.test:81\r\n\r\n")
        assert b"\r\nLocation: http://o.test:81/get\r\n" in read_until(sock, b"\r\n\r\n")
        assert origin.connections[0].tunnel is None
        sock.sendall(b"COPY /status/204 HTTP/1.1\r\nHost: o.test\r\n\r\n")  # begins as CONNECT does
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
        assert origin.requests[1].method == "COPY"
        sock.sendall(LAST.replace(b"/ip", b"/anything"))
        assert b'"http://x/anything"' in read_all(sock)


def test_the_target_knows_no_tunnel():
    """Inside of the tunnel CONNECT is a request like any other, which the routes refuse."""
    with Origin(front="http") as origin, dial(origin) as sock:
        sock.sendall(CONNECT)
        read(sock, len(GRANTED))
        sock.sendall(CONNECT)
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 405 ")
        assert origin.requests[0].method == "CONNECT"


# --- the socks5 front -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wants", "said", "replied"),
    [
        (None, b"\x04\x01\x00\x50\x00\x00\x00\x01\x00", b""),
        (None, GET, b""),
        (None, b"\x05\x01\x02", b"\x05\xff"),
        (None, b"\x05\x00", b"\x05\xff"),
        (LOGIN, b"\x05\x02\x00\x01", b"\x05\xff"),
        (LOGIN, b"\x05\x01\x02\x01\x03ann\x01x", b"\x05\x02\x01\x01"),
        (LOGIN, b"\x05\x01\x02\x05\x03ann" + bytes([len(SECRET)]) + SECRET, b"\x05\x02\x01\x01"),
        (None, PLAIN_SOCKS[0] + b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x00\x05\x07" + BOUND[2:]),
        (None, PLAIN_SOCKS[0] + b"\x05\x01\x00\x02\x7f\x00\x00\x01\x00\x50", b"\x05\x00\x05\x08" + BOUND[2:]),
        (None, PLAIN_SOCKS[0] + b"\x05\x01\x00\x03\x00\x00\x50", b"\x05\x00\x05\x01" + BOUND[2:]),
        (None, PLAIN_SOCKS[0] + b"\x04\x01\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x00\x05\x01" + BOUND[2:]),
    ],
)
def test_socks_refusals(wants, said, replied):
    """What cannot be granted gets the reply of RFC 1928 section 3 and 6 or of RFC 1929 section 2, and then the end."""
    with Origin(front="socks5", front_login=wants) as origin:
        with dial(origin) as sock:
            sock.sendall(said)
            assert read_all(sock) == replied
        (connection,) = settled(origin)
        assert (connection.tunnel.received, connection.tunnel.sent) == (said, replied)
        assert (connection.tunnel.host, connection.received) == ("", b"")


# --- scripts ----------------------------------------------------------------------------------------------------------


def test_a_script_in_place_of_the_answer_to_connect():
    """A script at "tunnel" replaces the 200 and can refuse; with "keep" the tunnel is there behind it."""
    no = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"
    late = b"HTTP/1.0 299 Fine\r\nX: y\r\n\r\n"
    with Origin(front="http") as origin:
        other = origin.play(OK)
        refused, kept = origin.play(no, at="tunnel", then="fin"), origin.play(late[:9], 0.01, late[9:], at="tunnel")
        with dial(origin) as sock:
            sock.sendall(CONNECT)
            assert read_all(sock) == no
        with dial(origin) as sock:
            sock.sendall(CONNECT)
            assert read(sock, len(late)) == late
            sock.sendall(GET)
            assert read(sock, len(OK)) == OK
        assert (refused.error, kept.error, other.error) == (None, None, None)
        assert [connection.tunnel.sent for connection in settled(origin)] == [no, late]
        assert [connection.sent for connection in origin.connections] == [b"", OK]


def test_a_script_in_place_of_the_reply_of_socks():
    """A script at "tunnel" replaces the reply to the request, not those before it; a reset there is a reset."""
    refused = b"\x05\x05\x00\x01" + bytes(6)
    with Origin(front="socks5") as origin:
        origin.play(refused, at="tunnel", then="fin")
        with dial(origin) as sock:
            sock.sendall(PLAIN_SOCKS[0] + ASKED["o.test", 8080])
            assert read_all(sock) == PLAIN_SOCKS[1] + refused
        origin.play(Reset(), at="tunnel")
        with dial(origin) as sock:
            sock.sendall(PLAIN_SOCKS[0] + ASKED["o.test", 8080])
            with pytest.raises(ConnectionResetError):
                read_all(sock)
        assert is_alive(origin)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_script_at_connect_comes_before_the_front(kind):
    """A script at "connect" says its word before the front does."""
    with Origin(front=kind) as origin:
        origin.play(b"first", at="connect", then="fin")
        with dial(origin) as sock:
            assert read_all(sock) == b"first"
        assert is_alive(origin)


def test_a_script_at_the_tunnel_needs_a_front():
    """Without a front nothing could ever take such a script: it is refused."""
    with Origin() as origin, pytest.raises(ValueError, match="no front"):
        origin.play(OK, at="tunnel")
    origin = Origin(front="http")
    left = origin.play(OK, at="tunnel")
    origin.close()
    assert "the origin was closed" in str(left.error)


def test_a_script_at_a_number_counts_inside_the_tunnel():
    """Bytes of the front's conversation do not count; outside of a tunnel those of the forward request do."""
    forward = b"CHECK http://o.test/ HTTP/1.1\r\nHost: o.test\r\n\r\n"
    with Origin(front="http") as origin:
        origin.play(OK, Reset(), at=5)
        with dial(origin) as sock:
            sock.sendall(CONNECT)
            read(sock, len(GRANTED))
            sock.sendall(GET)
            with pytest.raises(ConnectionResetError):
                read_all(sock)
        origin.play(Reset(), at=4)
        with dial(origin) as sock:
            sock.sendall(forward)
            with pytest.raises(ConnectionResetError):
                read_all(sock)
        assert [connection.received for connection in settled(origin)] == [GET[:5], forward[:4]]


# --- TLS --------------------------------------------------------------------------------------------------------------


class Inside:
    """A client's TLS upon another socket-like object; ``ssl`` itself stacks on memory alone."""

    def __init__(self, sock, name):
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_tls().wrap_bio(self._in, self._out, server_hostname=name)
        self._do(self._tls.do_handshake)

    def _do(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._sock.recv(65536)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            finally:
                self._flush()

    def _flush(self):
        if self._out.pending:
            self._sock.sendall(self._out.read())

    def recv(self, most):
        return self._do(self._tls.read, most)

    def sendall(self, data):
        self._do(self._tls.write, data)


def test_tls_inside_of_tls_ends_in_order():
    """An https target behind an https proxy: both layers end by close_notify, and what the client still sends is read."""
    with Origin(tls=server_tls(), front="http", front_tls=server_tls()) as origin:
        origin.play(OK, then="fin")
        with (
            dial(origin) as sock,
            client_tls().wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as proxy,
        ):
            proxy.sendall(CONNECT)
            assert read(proxy, len(GRANTED)) == GRANTED
            inside = Inside(proxy, "origin.test")
            inside.sendall(GET + b"more")
            assert read_all(inside) == OK
            inside.sendall(b" and more")
            assert proxy.recv(10) == b""  # close_notify: a mere FIN would raise
        (connection,) = settled(origin)
        assert connection.tunnel == Tunnel("o.test", 8080, None, CONNECT, GRANTED)
        assert connection.received.startswith(GET + b"more")
        assert connection.transcript[0] == ("received", connection.received[: len(connection.transcript[0][1])])


class Corked:
    """A socket that sends together what is said while it is corked."""

    def __init__(self, sock):
        self._sock = sock
        self.recv = sock.recv
        self.held = None

    def sendall(self, data):
        if self.held is None:
            self._sock.sendall(data)
        else:
            self.held += data

    def uncork(self):
        data, self.held = self.held, None
        self.sendall(data)


def test_no_byte_is_lost_between_the_layers():
    """What had come to the outer TLS but not to the inner one when a script ended the connection is in the records."""
    with Origin(tls=server_tls(), front="http", front_tls=server_tls()) as origin:
        origin.play(OK, then="fin")
        with dial(origin) as sock:
            corked = Corked(sock)
            outer = Inside(corked, "127.0.0.1")
            outer.sendall(CONNECT)
            assert outer.recv(len(GRANTED)) == GRANTED
            inner = Inside(outer, "origin.test")
            corked.held = b""
            inner.sendall(GET)
            inner.sendall(b"more")
            corked.uncork()
            assert read_all(inner) == OK
        assert settled(origin)[0].received == GET + b"more"


def test_a_target_that_must_be_spoken_to_in_tls():
    """With ``tls`` a tunnel in the clear fails at the handshake, and nothing of it counts as received."""
    with Origin(tls=server_tls(), front="socks5") as origin:
        with dial(origin) as sock:
            sock.sendall(PLAIN_SOCKS[0] + ASKED["o.test", 8080])
            read(sock, 12)
            sock.sendall(GET)
            read_all(sock)
        (connection,) = settled(origin)
        assert connection.received == b""
        assert origin.received == len(connection.tunnel.received)


# --- Unix sockets -----------------------------------------------------------------------------------------------------


@unix
def test_unix_socket(folder):
    """It listens on the path, which is there as long as it is open, and says what it is."""
    path = folder / "s"
    with Origin(unix_socket=path) as origin:
        assert (origin.url, origin.unix_socket, origin.host, origin.port) == (
            "http://localhost",
            str(path),
            "localhost",
            0,
        )
        assert origin.proxy_url is None
        assert path.is_socket()
        assert is_alive(origin)
        with pytest.raises(OSError, match="in use"):
            Origin(unix_socket=path)
        with dial(origin) as sock:
            sock.sendall(b"GET /ip HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_until(sock, b'"origin": ""')
        stalled = origin.play(Stall())
        with dial(origin) as sock:
            sock.sendall(GET)
        assert stalled.finished.wait(5)
        assert origin.connections[0].peer == ("", 0)
        assert "1 requests" in repr(origin.connections[0])
    assert not path.exists()
    with Origin(unix_socket=str(path), tls=server_tls()) as origin:
        assert origin.url == "https://localhost"
        path.unlink()  # that it has gone already is no error


@unix
@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_front_on_a_unix_socket(folder, kind):
    """A front may listen on a Unix socket too."""
    with Origin(unix_socket=folder / "s", front=kind) as origin:
        assert is_alive(origin)
        assert (origin.connections[0].tunnel is None) == (kind == "http")


def test_no_unix_sockets(monkeypatch):
    """Where the system has none, the error says so."""
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    with pytest.raises(NotImplementedError, match="no Unix sockets"):
        Origin(unix_socket="anywhere")


@pytest.mark.parametrize(
    ("keywords", "part"),
    [
        ({"front": "socks4"}, "'http', 'socks5' or None"),
        ({"front_login": LOGIN}, "without a front"),
        ({"front_tls": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, "front='http'"),
        ({"front": "socks5", "front_tls": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, "front='http'"),
        ({"unix_socket": "s", "port": 1}, "one or the other"),
    ],
)
def test_contradictions_are_refused(keywords, part):
    """Arguments that could not all hold are refused before anything listens."""
    with pytest.raises(ValueError, match=part):
        Origin(**keywords)


# --- real clients -----------------------------------------------------------------------------------------------------

FRONTS = {
    "http": {"front": "http"},
    "https": {"front": "http", "front_tls": True},
    "socks5h": {"front": "socks5"},
}


def made(kind, *, secure, login=None):
    """An origin behind a front of this kind."""
    keywords = {**FRONTS[kind], "front_login": login, "tls": server_tls() if secure else None}
    if keywords.pop("front_tls", False):
        keywords["front_tls"] = server_tls()
    return Origin(**keywords)


def curl(*arguments, ca=None):
    """What curl prints; it fails where the exit status is not 0."""
    command = [shutil.which("curl") or absent("curl"), "-q", "--silent", "--show-error", "--max-time", "20", *arguments]
    if ca is not None:
        command += ["--cacert", ca, "--proxy-cacert", ca]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(command, check=True, capture_output=True, timeout=30, env=environment).stdout


@pytest.mark.parametrize("login", [None, ("ann", "secret")])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("kind", list(FRONTS))
def test_curl_goes_through(kind, secure, login, ca):
    """curl reaches a host that does not exist through each front, with a login and without, and uses its tunnel again."""
    with made(kind, secure=secure, login=login) as origin:
        assert origin.proxy_url == f"{kind}://127.0.0.1:{origin.port}"
        url = f"http{'s' if secure else ''}://origin.test/bytes/"
        options = ["--proxy-user", ":".join(login)] if login else []
        said = curl("-x", origin.proxy_url, *options, f"{url}70000?seed=1", f"{url}5?seed=1", ca=ca)
        assert len(said) == 70005
        assert said.endswith(said[:5])
        (connection,) = settled(origin)
        if kind == "socks5h" or secure:
            tunnel = connection.tunnel
            assert (tunnel.host, tunnel.port, tunnel.login) == ("origin.test", 443 if secure else 80, login)
            assert [request.target for request in origin.requests] == ["/bytes/70000?seed=1", "/bytes/5?seed=1"]
        else:
            assert connection.tunnel is None
            assert origin.requests[0].target == "http://origin.test/bytes/70000?seed=1"
        assert connection.received == b"".join(request.raw for request in origin.requests)


@unix
@pytest.mark.parametrize("secure", [False, True])
def test_curl_over_a_unix_socket(folder, secure, ca):
    """curl reaches an origin on a Unix socket, http and https."""
    path = str(folder / "s")
    with Origin(unix_socket=path, tls=server_tls() if secure else None) as origin:
        said = curl("--unix-socket", path, f"{origin.url}/bytes/9?seed=1", ca=ca)
        assert len(said) == 9
        assert origin.requests[0].first("host") == "localhost"


@pytest.mark.parametrize("login", [None, ("ann", "secret")])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("kind", list(FRONTS))
def test_our_client_goes_through(kind, secure, login, ca):
    """Our own client reaches a host that does not exist through each front, and is refused with the wrong login."""
    with made(kind, secure=secure, login=login) as origin, Client("socket", timeout=20, verify=ca) as client:
        scheme, _, where = origin.proxy_url.partition("://")
        url = f"http{'s' if secure else ''}://origin.test/"

        def through(user):
            return {"proxies": {"all": Proxy(f"{scheme}://{user}{where}", tls=TLS(verify=ca))}}

        right = through(f"{':'.join(login)}@" if login else "")
        for _ in range(2):
            assert client.post(f"{url}post", data=b"x" * 300_000, **right).json()["data"] == "x" * 300_000
        assert len(origin.connections) == 1
        assert (origin.connections[0].tunnel is None) == (kind != "socks5h" and not secure)
        if login:
            forwards = kind != "socks5h" and not secure
            for user in ("", "ann:wrong@"):
                if forwards:
                    assert client.get(url, **through(user)).status_code == 407
                else:
                    with pytest.raises(ProxyError) as caught:
                        client.get(url, **through(user))
                    assert caught.value.delivery == "not_sent"
            assert len(origin.requests) == (4 if forwards else 2)


@unix
@pytest.mark.parametrize("secure", [False, True])
def test_our_client_over_a_unix_socket(folder, secure, ca):
    """Our own client reaches an origin on a Unix socket, http and https."""
    path = folder / "s"
    with (
        Origin(unix_socket=path, tls=server_tls() if secure else None) as origin,
        Client("socket", timeout=20, verify=ca, dial=Dial(unix_socket=path)) as client,
    ):
        for _ in range(2):
            assert client.post(f"{origin.url}/post", data=b"tea").json()["data"] == "tea"
        assert len(origin.connections) == 1


@pytest.mark.parametrize("kind", list(FRONTS))
def test_scripts_of_a_tunnel_reach_our_client(kind, ca):
    """Garbage, silence, a reset and a refusal in place of the front's last word are errors that delivered nothing."""
    with made(kind, secure=True) as origin, Client("socket", timeout=20, verify=ca) as client:
        through = {"proxies": {"all": Proxy(origin.proxy_url, tls=TLS(verify=ca))}}
        for steps, then, error in (
            ([b"\x00garbage\r\n\r\n"], "fin", ProxyError),
            ([Reset()], "keep", (ProxyError, Disconnected)),
            ([b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"], "fin", ProxyError),
            ([Stall()], "keep", ConnectTimeout),
        ):
            origin.play(*steps, then=then, at="tunnel")
            with pytest.raises(error) as caught:
                client.get("https://origin.test/", timeout=0.3 if steps == [Stall()] else 20, **through)
            assert caught.value.delivery == "not_sent"
        assert origin.requests == []
        assert {connection.received for connection in settled(origin)} == {b""}
        assert client.get("https://origin.test/status/204", **through).status_code == 204
