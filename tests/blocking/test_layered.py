"""TLS inside TLS, and TLS behind bytes that came before it, side by side with ``ssl.SSLSocket`` on a socket of its own."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
import select
import socket
import ssl
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme
import truststore
from hypothesis import given
from hypothesis import strategies as st

from intermodal.blocking.layered import PIECE, LayeredTLS
from intermodal.blocking.stream import Stream

#: How long anything may take that is sure to come, in seconds.
PATIENCE = 20.0
#: A bound that is meant to run out.
SHORT = 0.05

WANTS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

#: What a server may say before anybody has spoken to it, and whoever shakes hands passes over (RFC 5246 section 7.4.1.1).
HELLO_REQUEST = bytes.fromhex("16 0303 0004 00 000000")
#: What a server says that cannot serve now: the fatal alert internal_error (RFC 8446 section 6).
ALERT = bytes.fromhex("15 0303 0002 02 50")
#: A record that the other side has not encrypted.
FORGED = bytes.fromhex("17 0303 0020") + bytes(32)

#: The model, and each way to be carried.
MODEL, LAYERED = "SSLSocket", ("in TLS", "behind bytes", "in TLS behind bytes", "behind bytes in TLS")
KINDS = (MODEL, *LAYERED)


class Party:
    """A server with an authority of its own, and whoever trusts that."""

    def __init__(self, name):
        self.authority = trustme.CA()
        certificate = self.authority.issue_cert(name)
        self.certificate = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(self.context)
        self.trusting = trusting(self.authority)


class Parties:
    """An origin and a proxy."""

    def __init__(self):
        self.origin, self.proxy = Party("origin.test"), Party("proxy.test")


@pytest.fixture(scope="module")
def tls():
    return Parties()


def trusting(authority, version=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1"])
    authority.configure_trust(context)
    return context


def await_(sock, reads=True, writes=False):
    """Wait until a socket can go on; what never comes fails the test."""
    ready = select.select([sock] if reads else [], [sock] if writes else [], [], PATIENCE)
    assert any(ready), "nothing came for too long"


def complete(sock, step, *arguments):
    """Do one step to its end, however often it has to be waited for."""
    while True:
        try:
            return step(*arguments)
        except ssl.SSLWantWriteError:
            await_(sock, False, True)
        except (BlockingIOError, ssl.SSLWantReadError):
            await_(sock)


def shut(sock):
    """Send the end of the connection, and no word of TLS about it."""
    socket.socket.shutdown(sock, socket.SHUT_WR)


def say_goodbye(sock):
    """Let TLS say that there is nothing more to come; its answer is not waited for."""
    sock.setblocking(False)
    with contextlib.suppress(ssl.SSLError):  # it would wait for the peer to say the same
        sock.unwrap()


class Relay:
    """A proxy: takes TLS off one side, and carries what was in it to the other.

    ``way_out`` is what the client hears once the origin has ended.
    """

    def __init__(self, client, origin, way_out):
        self._client, self._origin, self._way_out = client, origin, way_out
        for sock in (client, origin):
            sock.setblocking(False)

    def run(self):
        held = {self._client: bytearray(), self._origin: bytearray()}
        others = {self._client: self._origin, self._origin: self._client}
        reading = set(held)
        until = time.monotonic() + PATIENCE
        try:
            while held and time.monotonic() < until:
                moved = False
                for source in list(held):
                    target, data = others[source], held[source]
                    with contextlib.suppress(*WANTS):
                        if data:
                            del data[: target.send(data)]
                            moved = True
                    with contextlib.suppress(*WANTS):
                        if source in reading and len(data) < 65536:
                            came = source.recv(65536)
                            data += came
                            moved = True
                            if not came:
                                reading.discard(source)
                    if source not in reading and not data:
                        del held[source]
                        if source is self._origin and self._way_out == "clean":
                            say_goodbye(target)
                        shut(target)
                if not moved:
                    select.select(reading, [others[source] for source in held if held[source]], [], SHORT)
        except OSError:  # either side is gone
            pass
        finally:
            self._client.close()
            self._origin.close()


class Pair:
    """A client's end in TLS, of the kind asked for, and the origin's."""

    def __init__(
        self, kind, tls, *, context=None, name="origin.test", way_out="clean", room=None, first=HELLO_REQUEST, cut=4
    ):
        self._tls, self._room, self._way_out = tls, room, way_out
        self._threads = ThreadPoolExecutor(3)
        self._sockets = []
        context = context or tls.origin.trusting
        client, server = self._connection()
        origin = server
        if "in TLS" in kind:
            up, origin = self._connection()
        self.accepted = self._threads.submit(
            self._accept, kind, server, origin, up if "in TLS" in kind else None, first
        )
        try:
            if kind == MODEL:
                self.ours = self._wrapped(context, client, server_hostname=name)
                self.ours.setblocking(False)
            else:
                early = b""
                client.setblocking(False)
                for below in self._below(kind):
                    if below == "TLS":
                        client, early = self._outer(client, early), b""
                    else:
                        early = complete(client, client.recv, cut)
                        assert len(early) == cut
                self.ours = LayeredTLS(client, context, name, early=early)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _below(kind):
        """What it is carried in, from the bottom: "in TLS behind bytes" is bytes, and then TLS."""
        return [word for word in reversed(kind.split()) if word in {"TLS", "bytes"}]

    def _outer(self, client, early):
        if early:
            outer = LayeredTLS(client, self._tls.proxy.trusting, "proxy.test", early=early)
        else:
            outer = self._wrapped(self._tls.proxy.trusting, client, server_hostname="proxy.test")
        complete(outer, outer.do_handshake)
        return outer

    def _connection(self):
        with socket.socket() as listener, contextlib.ExitStack() as undo:
            sock = undo.enter_context(socket.socket())
            for each in (listener, sock):
                if self._room is not None:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._room)
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._room)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            sock.connect(listener.getsockname())
            other, _ = listener.accept()
            undo.pop_all()
        for each in (sock, other):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets += [sock, other]
        return sock, other

    def _accept(self, kind, server, origin, up, first):
        if "bytes" in kind:
            (origin if kind == "behind bytes in TLS" else server).sendall(first)
        if up is not None:
            self._threads.submit(self._relay, server, up)
        peer = self._wrapped(self._tls.origin.context, origin, server_side=True)
        peer.settimeout(PATIENCE)
        peer.do_handshake()
        return peer

    def _relay(self, server, up):
        client = self._wrapped(self._tls.proxy.context, server, server_side=True)
        client.settimeout(PATIENCE)
        client.do_handshake()
        Relay(client, up, self._way_out).run()

    def _wrapped(self, context, sock, **settings):
        made = context.wrap_socket(sock, do_handshake_on_connect=False, suppress_ragged_eofs=False, **settings)
        self._sockets.append(made)
        return made

    def shake_hands(self):
        complete(self.ours, self.ours.do_handshake)
        self.peer = self.accepted.result(PATIENCE)
        return self

    def send(self, data):
        sent = 0
        while sent < len(data):
            sent += complete(self.ours, self.ours.send, memoryview(data)[sent:])

    def recv(self, n):
        return complete(self.ours, self.ours.recv, n)

    def fill(self):
        """Send until nobody takes any more; what ``send`` said was taken."""
        piece, sent = random.Random(0).randbytes(PIECE), bytearray()
        while True:
            try:
                sent += piece[: self.ours.send(piece)]
            except ssl.SSLWantWriteError:
                if not select.select([], [self.ours], [], SHORT)[1]:
                    return bytes(sent), piece

    def close(self):
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # who waits on it wakes up
        self._threads.shutdown()
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def connect(tls):
    """Make pairs that are closed when the test is over."""
    with contextlib.ExitStack() as ending:

        def make(kind, **settings):
            pair = Pair(kind, tls, **settings)
            ending.callback(pair.close)
            return pair

        yield make


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


# --- the handshake ------------------------------------------------------------------------------------------------------


def test_what_was_agreed_on_is_told(kind, connect, tls):
    """Version, cipher, protocol and certificate as the peer has them, and the addresses of the connection it goes over."""
    ours = connect(kind)
    with pytest.raises(ValueError):
        ours.ours.getpeercert()
    assert (ours.ours.version(), ours.ours.cipher()) == (None, None)
    ours.shake_hands()
    peer, ours = ours.peer, ours.ours
    assert (
        (ours.version(), ours.selected_alpn_protocol())
        == ("TLSv1.3", "http/1.1")
        == (
            peer.version(),
            peer.selected_alpn_protocol(),
        )
    )
    assert ours.cipher() == peer.cipher()
    assert ours.getpeercert(binary_form=True) == tls.origin.certificate
    assert ours.getpeercert()["subjectAltName"] == (("DNS", "origin.test"),)
    with socket.socket(fileno=ours.fileno()) as bottom:
        assert (ours.getsockname(), ours.getpeername()) == (bottom.getsockname(), bottom.getpeername())
        bottom.detach()
    assert ours.gettimeout() == 0.0
    ours.settimeout(1.5)
    assert ours.gettimeout() == 1.5
    ours.setblocking(False)
    assert ours.gettimeout() == 0.0


@pytest.mark.parametrize("kind", LAYERED)
def test_what_carries_it_is_there_to_be_asked(kind, connect, tls):
    """Its own certificate is the proxy's, and at the bottom is a socket."""
    ours = connect(kind).shake_hands().ours
    assert ours.socket.fileno() == ours.fileno()
    assert isinstance(ours.socket, socket.socket)
    if "in TLS" in kind:
        assert ours.outer.getpeercert(binary_form=True) == tls.proxy.certificate
    else:
        assert ours.outer is ours.socket


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed(version, connect, tls):
    """What one connection was given, the next one goes on with."""
    context = trusting(tls.origin.authority, version)
    first = connect("in TLS", context=context).shake_hands()
    first.peer.sendall(b".")
    assert first.recv(1) == b"."
    assert first.ours.session is not None
    assert not first.ours.session_reused
    second = connect("in TLS", context=context)
    second.ours = LayeredTLS(second.ours.outer, context, "origin.test", session=first.ours.session)
    assert second.shake_hands().ours.session_reused


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_the_right_one(kind, wrong, connect, tls):
    """It is refused for the same reason, that of the proxy will not do, and the peer is told."""
    settings = {"context": tls.proxy.trusting} if wrong == "authority" else {"name": "proxy.test"}
    pair = connect(kind, **settings)
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        pair.shake_hands()
    # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_HOSTNAME_MISMATCH
    assert refused.value.verify_code == {"authority": 20, "name": 62}[wrong]
    with pytest.raises(ssl.SSLError) as heard:
        pair.accepted.result(PATIENCE)
    assert "ALERT" in heard.value.reason


@pytest.mark.parametrize("trusted", [True, False])
def test_truststore_checks_it(trusted, connect, tls):
    """The certificate is checked where the trust is the system's."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    (tls.origin.authority if trusted else tls.proxy.authority).configure_trust(context)
    pair = connect("in TLS", context=context)
    with contextlib.nullcontext() if trusted else pytest.raises(ssl.SSLCertVerificationError):
        pair.shake_hands()


class CheckedAfterwards(ssl.SSLObject):
    """How truststore refuses a certificate on macOS and Windows: TLS has checked nothing, and is at its end."""

    def do_handshake(self):
        super().do_handshake()
        raise ssl.SSLCertVerificationError("not trusted")


@pytest.fixture
def afterwards():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.sslobject_class = CheckedAfterwards
    return context


@pytest.mark.parametrize("kind", LAYERED)
def test_who_is_refused_after_the_handshake_hears_no_more(kind, connect, afterwards):
    """For the peer the handshake never ends: neither a certificate of ours nor a byte of a request goes there."""
    pair = connect(kind, context=afterwards)
    with pytest.raises(ssl.SSLCertVerificationError):
        pair.shake_hands()
    for step in (
        lambda: pair.ours.send(b"secret"),
        lambda: pair.ours.recv(1),
        lambda: pair.ours.recv_into(bytearray(1)),
    ):
        with pytest.raises(ValueError, match="handshake"):
            step()
    pair.ours.close()
    with pytest.raises(OSError) as heard:
        pair.accepted.result(PATIENCE)
    assert isinstance(heard.value, ssl.SSLEOFError | ConnectionError)


@pytest.mark.parametrize("kind", LAYERED)
def test_nothing_is_said_before_the_handshake(kind, connect):
    """A send or a recv does not shake hands by the way, as ``ssl`` would, past whoever checks the certificate."""
    pair = connect(kind)
    for step in (lambda: pair.ours.send(b"x"), lambda: pair.ours.recv(1), lambda: pair.ours.recv_into(bytearray(1))):
        with pytest.raises(ValueError, match="handshake"):
            step()
    assert not pair.accepted.done()
    pair.shake_hands()
    pair.send(b"x")
    assert pair.peer.recv(9) == b"x"


def test_a_name_that_tls_cannot_carry(connect, tls):
    """Said as ``ssl`` says it, and the connection is the caller's to close."""
    outer = connect("in TLS").ours.outer
    with pytest.raises(ValueError):
        LayeredTLS(outer, tls.origin.trusting, "." + "x" * 70)
    assert outer.fileno() >= 0


# --- bytes that came before ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["behind bytes", "behind bytes in TLS"])
@pytest.mark.parametrize("cut", range(1, len(HELLO_REQUEST) + 1))
def test_bytes_that_came_before_come_first(kind, cut, connect):
    """However many of them: TLS gets each one, once, in front of what follows; what the outer one has decrypted is here too."""
    pair = connect(kind, cut=cut)
    assert pair.ours.pending() == (cut if kind == "behind bytes" else len(HELLO_REQUEST))
    pair.shake_hands()
    pair.send(b"ping")
    assert pair.peer.recv(9) == b"ping"


@pytest.mark.parametrize("cut", [1, 5, len(ALERT)])
def test_a_server_that_refuses_before_it_was_spoken_to(cut, connect):
    """Its reason is heard, whichever part of it had come."""
    pair = connect("behind bytes", first=ALERT, cut=cut)
    with pytest.raises(ssl.SSLError) as refused:
        pair.shake_hands()
    assert refused.value.reason == "TLSV1_ALERT_INTERNAL_ERROR"


# --- bytes both ways ----------------------------------------------------------------------------------------------------


def both_ways(sock, data, expected):
    """Send ``data`` and receive so many bytes, both at once; the digest of what came."""
    sock.setblocking(False)
    digest, sent, got = hashlib.sha256(), 0, 0
    until = time.monotonic() + PATIENCE
    while sent < len(data) or got < expected:
        assert time.monotonic() < until, (sent, got)
        moved = False
        with contextlib.suppress(*WANTS):
            if sent < len(data):
                sent += sock.send(memoryview(data)[sent : sent + 300_000])
                moved = True
        with contextlib.suppress(*WANTS):
            if got < expected:
                piece = sock.recv(70_000)
                assert piece, "ended too soon"
                digest.update(piece)
                got += len(piece)
                moved = True
        if not moved:
            select.select([sock], [sock] if sent < len(data) else [], [], PATIENCE)
    return digest.digest()


@pytest.mark.parametrize("room", [None, 16384])
def test_megabytes_both_ways_at_once(kind, room, connect):
    """Every byte comes through in its place, both ways, also where the buffers between hold less than a few records."""
    pair = connect(kind, room=room).shake_hands()
    there, back = (random.Random(seed).randbytes(3_000_000) for seed in (1, 2))
    with ThreadPoolExecutor(1) as threads:
        theirs = threads.submit(both_ways, pair.peer, back, len(there))
        assert both_ways(pair.ours, there, len(back)) == hashlib.sha256(back).digest()
        assert theirs.result(PATIENCE) == hashlib.sha256(there).digest()


def test_a_peer_that_stops_reading(kind, connect):
    """Nothing more is taken, what comes is read all the same, and when the peer reads on it goes on, with nothing lost."""
    pair = connect(kind).shake_hands()
    sent, piece = pair.fill()
    assert sent
    pair.peer.sendall(b"meanwhile")
    assert pair.recv(100) == b"meanwhile"
    with pytest.raises(ssl.SSLWantReadError):
        pair.ours.recv(1)
    sent += pair.fill()[0]  # the system may find some more room
    with ThreadPoolExecutor(1) as threads:
        theirs = threads.submit(both_ways, pair.peer, b"", len(sent) + len(piece))
        pair.send(piece)
        assert theirs.result(PATIENCE) == hashlib.sha256(sent + piece).digest()


def test_what_was_sent_is_on_its_way(kind, connect):
    """All that ``send`` has said it took reaches the peer, though nobody calls again: he waits for the answer to it."""
    pair = connect(kind).shake_hands()
    sent, _ = pair.fill()
    assert both_ways(pair.peer, b"", len(sent)) == hashlib.sha256(sent).digest()


def test_what_was_not_sent_is_sent_again(kind, connect):
    """And nothing shorter in its place: TLS has encrypted it already."""
    pair = connect(kind).shake_hands()
    pair.fill()
    with pytest.raises(ssl.SSLError) as refused:
        pair.ours.send(b"other")
    assert not isinstance(refused.value, WANTS)


@pytest.mark.parametrize("kind", LAYERED)
def test_a_send_takes_a_piece(kind, connect):
    """No more, so that memory is bounded; nothing of nothing; and what is not bytes by their number."""
    pair = connect(kind).shake_hands()
    assert pair.ours.send(bytes(10_000_000)) == PIECE
    assert pair.ours.send(b"") == 0
    assert pair.ours.send(memoryview(bytes(PIECE * 2)).cast("I")) == PIECE
    assert both_ways(pair.peer, b"", PIECE * 2) == hashlib.sha256(bytes(PIECE * 2)).digest()


def test_receiving_gives_what_was_asked_for(kind, connect):
    """So many bytes at most, into bytes or into memory; what is left is pending; there are no flags."""
    pair = connect(kind).shake_hands()
    pair.peer.sendall(b"abcdefg")
    assert pair.recv(2) == b"ab"
    assert pair.ours.pending() >= 5
    buffer = bytearray(6)
    assert pair.ours.recv_into(memoryview(buffer)[2:4]) == 2
    assert buffer == b"\0\0cd\0\0"
    assert pair.ours.recv(0) == b""
    assert pair.ours.recv(100) == b"efg"
    with pytest.raises(ssl.SSLWantReadError):
        pair.ours.recv_into(buffer)
    assert pair.ours.pending() == 0
    with pytest.raises(ValueError):
        pair.ours.recv(1, socket.MSG_PEEK)


# --- the end ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way_out", ["clean", "ragged"])
@pytest.mark.parametrize("end", ["clean", "ragged"])
def test_an_end_is_clean_only_where_the_peer_has_said_so(kind, end, way_out, connect):
    """What came before is given; then the end as often as it is asked for: none of the proxy's makes the origin's clean."""
    pair = connect(kind, way_out=way_out).shake_hands()
    pair.peer.sendall(b"last words")
    if end == "clean":
        say_goodbye(pair.peer)
    shut(pair.peer)
    assert pair.recv(100) == b"last words"
    for _ in range(3):
        if end == "clean":
            assert pair.recv(100) == b""
            assert complete(pair.ours, pair.ours.recv_into, bytearray(9)) == 0
        else:
            with pytest.raises(ssl.SSLEOFError):
                pair.recv(100)
            with pytest.raises(ssl.SSLEOFError):
                complete(pair.ours, pair.ours.recv_into, bytearray(9))


def test_an_end_is_seen_by_who_cannot_send(kind, connect):
    """What is left to send does not keep it back."""
    pair = connect(kind, way_out="ragged").shake_hands()
    pair.fill()
    shut(pair.peer)
    with pytest.raises(ssl.SSLEOFError):
        pair.recv(1)


def test_a_peer_that_sends_no_more_may_still_read(kind, connect):
    """Its end is one way only."""
    pair = connect(kind).shake_hands()
    say_goodbye(pair.peer)
    assert pair.recv(1) == b""
    pair.send(b"hello")
    sock = socket.socket(fileno=pair.peer.detach())
    with sock:
        sock.settimeout(PATIENCE)
        assert sock.recv(1) == b"\x17", "a record of application data"


def test_an_end_in_the_middle_of_the_handshake(kind, connect):
    """It is none that TLS has agreed to."""
    pair = connect(kind)
    with contextlib.suppress(*WANTS):
        pair.ours.do_handshake()
    bottom = pair.ours if kind == MODEL else pair.ours.socket
    socket.socket.shutdown(bottom, socket.SHUT_RD)
    with pytest.raises(ssl.SSLEOFError):
        for _ in range(9):  # what had come is read first
            complete(pair.ours, pair.ours.do_handshake)
            pair.recv(1)


@pytest.mark.parametrize("full", [False, True])
def test_a_connection_that_was_reset(full, connect):
    """Not taken for an end (as it was by ``ssl`` until Python 3.12.3), with or without something to send; what came before is given."""
    pair = connect("behind bytes").shake_hands()
    if full:
        pair.fill()
    pair.peer.sendall(b"no more")
    await_(pair.ours)
    pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pair.peer.close()
    poller = select.poll()
    poller.register(pair.ours, 0)
    assert poller.poll(PATIENCE * 1000)  # the reset has come
    assert pair.recv(100) == b"no more"
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        pair.recv(100)


def test_what_was_closed_gives_nothing(kind, connect):
    """Neither what was decrypted nor what was not; and the peer sees the end."""
    pair = connect(kind).shake_hands()
    pair.peer.sendall(b"abc")
    assert pair.recv(1) == b"a"
    pair.ours.close()
    pair.ours.close()
    assert pair.ours.fileno() == -1
    for step in (lambda: pair.ours.recv(1), lambda: pair.ours.send(b"x"), lambda: pair.ours.recv_into(bytearray(1))):
        with pytest.raises((OSError, ValueError)) as refused:
            step()
        assert not isinstance(refused.value, WANTS)
    with pytest.raises((ssl.SSLEOFError, ConnectionError)):
        pair.peer.recv(1)


def test_bytes_that_nobody_encrypted(connect):
    """A record that is not the peer's is an error, as it is for ``ssl``, and the peer is told."""
    heard = []
    for kind in (MODEL, "behind bytes"):
        pair = connect(kind).shake_hands()
        with socket.socket(fileno=pair.peer.fileno()) as raw:
            raw.sendall(FORGED)
            with pytest.raises(ssl.SSLError) as refused:
                pair.recv(1)
            heard.append(refused.value.reason)
            raw.detach()
        with pytest.raises(ssl.SSLError) as told:
            pair.peer.recv(1)
        heard.append(told.value.reason)
    assert heard[:2] == heard[2:]
    assert "ALERT" in heard[1]


# --- cut anywhere -------------------------------------------------------------------------------------------------------


class Wire:
    """What carries ciphertext in memory, and cuts it: each call moves the next of so many bytes, 0 for none now."""

    def __init__(self, sent, received):
        self.sent, self.received = itertools.cycle(sent), itertools.cycle(received)
        self._no_room = itertools.cycle([BlockingIOError, ssl.SSLWantWriteError])
        self._nothing = itertools.cycle([BlockingIOError, ssl.SSLWantReadError])
        self.there, self.back = bytearray(), bytearray()
        #: Whether there was no room for what was sent last; whether nothing comes behind what has come.
        self.full = self.ended = False

    def send(self, data):
        size = next(self.sent)
        self.full = not size
        if self.full:
            raise next(self._no_room)
        self.there += data[:size]
        return min(size, len(data))

    def recv(self, n):
        size = min(n, next(self.received))
        if self.ended and not self.back:
            return b""
        if not size or not self.back:
            raise next(self._nothing)
        piece = bytes(self.back[:size])
        del self.back[:size]
        return piece

    def fileno(self):
        return 0


class Far:
    """The other end of a wire: a server in memory, that sends all it has to say and takes in all it is told."""

    def __init__(self, wire, context, words):
        self._wire, self._words, self.heard = wire, words, b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def go(self):
        self._incoming.write(bytes(self._wire.there))
        self._wire.there.clear()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
            while self._words:
                self._words = self._words[self.tls.write(self._words[:5000]) :]
            while True:
                self.heard += self.tls.read(65536)
        self.flush()

    def flush(self):
        self._wire.back += self._outgoing.read()

    def end(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()


cuts = st.lists(st.one_of(st.integers(0, 30), st.integers(0, 40_000)), min_size=1, max_size=12).filter(any)


@given(
    cuts, cuts, st.sampled_from(["TLSv1_2", "TLSv1_3"]), st.integers(0, 20_000), st.integers(0, 20_000), st.booleans()
)
def test_ciphertext_may_be_cut_anywhere(tls, sent, received, version, n, m, clean):
    """However the connection cuts what it carries, and however often it has to be waited for, the bytes are the same."""
    wire = Wire(sent, received)
    there, back = random.Random(n).randbytes(n), random.Random(m).randbytes(m)
    far = Far(wire, tls.origin.context, back)
    near = LayeredTLS(wire, trusting(tls.origin.authority, ssl.TLSVersion[version]), "origin.test")
    came, taken, shaken = b"", 0, False
    for _ in range(200_000):
        try:
            if not shaken:
                near.do_handshake()
                shaken = True
            elif taken < n:
                taken += near.send(there[taken:])
        except ssl.SSLWantReadError:
            assert not wire.full, "it is the wire that has to be waited for"
        except ssl.SSLWantWriteError:
            assert wire.full
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if shaken:
                came += near.recv(10_000)
        far.go()
        if shaken and taken == n and len(came) >= m:
            break
    far.go()
    assert came == back
    assert far.heard == there, "what was said to be sent is on the wire"
    if clean:
        far.end()
    wire.ended = True
    with contextlib.nullcontext() if clean else pytest.raises(ssl.SSLEOFError):
        assert complete_in_memory(near) == b""


def complete_in_memory(near):
    for _ in range(100_000):
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return near.recv(1)
    raise AssertionError("it has no end")


def test_all_that_is_here_is_pending(tls):
    """What was decrypted, what was not yet, and what the outer one has of it: none of it makes the network speak."""
    wire = Wire([65536], [65536])
    outer_far, outer = Far(wire, tls.proxy.context, b""), LayeredTLS(wire, tls.proxy.trusting, "proxy.test")
    shake_in_memory(outer, outer_far.go)
    inner_wire = Wire([65536], [65536])
    far, near = Far(inner_wire, tls.origin.context, b""), LayeredTLS(outer, tls.origin.trusting, "origin.test")

    def relay():
        outer_far.go()
        inner_wire.there, outer_far.heard = bytearray(outer_far.heard), b""
        far.go()
        if inner_wire.back:
            outer_far.tls.write(inner_wire.back)
            outer_far.flush()
            inner_wire.back.clear()

    shake_in_memory(near, relay)
    relay()
    with pytest.raises(ssl.SSLWantReadError):
        near.recv(1)
    assert near.pending() == 0
    for record in ([b"abc", b"defg"], [b"hi"]):  # two in one of the outer, and one in the next
        for words in record:
            far.tls.write(words)
        far.flush()
        outer_far.tls.write(inner_wire.back)
        outer_far.flush()
        added = len(inner_wire.back)
        inner_wire.back.clear()
    assert near.pending() == 0
    assert near.recv(1) == b"a"
    assert near.pending() == 2 + (4 + 22) + (added + 22)  # what TLS 1.3 adds (RFC 8446 section 5.2)
    assert near.recv(9) == b"bc"
    assert near.pending() == (4 + 22) + (added + 22)
    assert near.recv(9) == b"defg"
    assert near.pending() == added + 22
    assert near.recv(9) == b"hi"
    assert near.pending() == 0


def test_what_is_wrong_is_said_though_the_peer_cannot_be_told(tls):
    """The reason is no less one where nothing more can be sent."""
    wire = Wire([65536], [65536])
    far, near = Far(wire, tls.origin.context, b""), LayeredTLS(wire, tls.origin.trusting, "origin.test")
    shake_in_memory(near, far.go)
    wire.sent = itertools.cycle([0])
    wire.back += FORGED
    with pytest.raises(ssl.SSLError) as refused:
        near.recv(1)
    assert not isinstance(refused.value, WANTS)
    assert wire.full, "it was tried"


def shake_in_memory(near, go):
    for _ in range(9):
        with contextlib.suppress(ssl.SSLWantReadError):
            near.do_handshake()
            go()
            return
        go()
    raise AssertionError("no handshake")


# --- a stream over it ---------------------------------------------------------------------------------------------------


@pytest.fixture
def stream(kind, connect):
    pair = connect(kind).shake_hands()
    pair.stream = Stream(pair.ours)
    pair.peer.sendall(b".")  # what TLS sends behind its handshake has come
    assert pair.stream.recv(1, PATIENCE) == b"."
    return pair


def test_a_stream_leaves_nothing_of_it_to_the_system(stream):
    """Which knows ciphertext only."""
    assert (stream.stream.fills, stream.stream.sends_files) == (False, False)


def test_a_stream_carries_both_ways(stream):
    """An echo that stops reading while it is not read: each waits for the other, unless both ways go at once."""
    data = random.Random(3).randbytes(3_000_000)

    def echo():
        stream.peer.settimeout(PATIENCE)
        left = len(data)
        while left:
            piece = stream.peer.recv(65536)
            stream.peer.sendall(piece)
            left -= len(piece)

    with ThreadPoolExecutor(1) as threads:
        echoed = threads.submit(echo)
        sent, came = 0, bytearray()
        while sent < len(data):
            taken = stream.stream.offer(memoryview(data)[sent:], PATIENCE)
            sent += taken
            if not taken:
                came += stream.stream.recv_now(65536) or b""
        while len(came) < len(data):
            came += stream.stream.recv(65536, PATIENCE)
        echoed.result(PATIENCE)
    assert came == data


def test_a_stream_that_turns_to_reading_has_sent_it_all(stream):
    """A peer that answers only what it has read to the end, and reads only once nobody sends any more, is waited for."""
    sent, piece = stream.fill()
    with pytest.raises(TimeoutError):
        while True:  # the system may find some more room
            sent += piece[: stream.stream.send(piece, SHORT)]

    def answer():
        digest = both_ways(stream.peer, b"", len(sent) + len(piece))
        stream.peer.setblocking(True)
        stream.peer.sendall(digest)

    with ThreadPoolExecutor(1) as threads:
        answered = threads.submit(answer)
        rest = memoryview(piece)
        while rest:
            rest = rest[stream.stream.send(rest, PATIENCE) :]
        assert stream.stream.recv(100, PATIENCE) == hashlib.sha256(sent + piece).digest()
        answered.result(PATIENCE)


def test_a_stream_is_quiet_until_something_is_said(stream):
    """Also where it was said together with something else, and is here already."""
    assert stream.stream.quiet()
    stream.peer.sendall(b"abc")
    assert stream.stream.readable(PATIENCE)
    assert not stream.stream.quiet()
    assert stream.stream.recv(1, PATIENCE) == b"a"
    assert not stream.stream.quiet()
    assert stream.stream.offer(b"x", PATIENCE) == 0
    assert stream.stream.recv_now(9) == b"bc"
    assert stream.stream.quiet()
    with pytest.raises(TimeoutError):
        stream.stream.recv(1, SHORT)
    assert stream.stream.recv_now(1) is None


def test_a_stream_is_ended_under_who_waits_on_it(stream):
    """Another thread ends it: what comes out is the end or an error, and nothing of what is on the wire."""
    began, came = threading.Event(), []

    def wait():
        began.set()
        try:
            came.append(stream.stream.recv(10, None))
        except (OSError, ValueError) as error:
            came.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    assert began.wait(PATIENCE)
    time.sleep(SHORT)  # nothing tells that a thread has entered a system call
    stream.stream.interrupt()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    (ended,) = came
    assert issubclass(ended, ssl.SSLEOFError | ConnectionError)
    stream.stream.close()
    assert stream.ours.fileno() == -1
