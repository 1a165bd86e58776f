"""A stream's waits: each has its bound, both ways at once never block each other, and whoever is idle is seen through."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import signal
import socket
import ssl
import struct
import threading
import time
from unittest.mock import patch

import pytest
import trustme

from intermodal.blocking import ready
from intermodal.blocking import stream as streams
from intermodal.blocking.stream import FILE_PIECE, Stream
from intermodal.model.body import FileSpan

#: How long anything may take that is sure to come, in seconds.
PATIENCE = 20.0
#: A bound that is meant to run out.
SHORT = 0.05
#: The longest that can be asked for (``Timeouts``), and the shortest.
LONGEST, SHORTEST = 999_999_999.0, 1e-9

#: More than the buffers between two sockets of one machine hold.
HUGE = 30_000_000


def without_poll():
    """How it is waited on a system that has no poll()."""
    spec = importlib.util.spec_from_file_location("ready_without_poll", ready.__file__)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delattr(select, "poll", raising=False)
        spec.loader.exec_module(module)
    return module


KINDS = ("plain", "without poll", "tls")


@pytest.fixture(scope="module")
def contexts():
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("peer.test").configure_cert(theirs)
    authority.configure_trust(ours)
    return ours, theirs


class Pair:
    """A stream and its peer."""

    def __init__(self, kind, contexts):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ours = socket.create_connection(listener.getsockname())
            self.peer, _ = listener.accept()
        for sock in (ours, self.peer):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if kind == "tls":
            thread = threading.Thread(target=self._wrap, args=(contexts[1],))
            thread.start()
            ours = contexts[0].wrap_socket(ours, server_hostname="peer.test")
            thread.join()
        self.stream = Stream(ours)

    def _wrap(self, context):
        self.peer = context.wrap_socket(self.peer, server_side=True)

    def end(self):
        """Let the peer say that it sends no more."""
        if isinstance(self.peer, ssl.SSLSocket):
            with pytest.raises((ssl.SSLError, OSError)):  # it has said so, and waits for the same
                self.peer.settimeout(SHORT)
                self.peer.unwrap()
                raise OSError
        else:
            self.peer.shutdown(socket.SHUT_WR)

    def close(self):
        self.stream.close()
        self.peer.close()


@pytest.fixture(params=KINDS)
def pair(request, contexts, monkeypatch):
    """Each kind of stream there is, with its peer; what TLS sends behind its handshake has come."""
    if request.param == "without poll":
        for name in ("IN", "OUT", "waiter"):
            monkeypatch.setattr(streams, name, getattr(without_poll(), name))
    made = Pair(request.param, contexts)
    made.peer.sendall(b".")
    assert made.stream.recv(1, PATIENCE) == b"."
    yield made
    made.close()


def timed(call, *args):
    """What a call raises, and how long it took."""
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        call(*args)
    return time.monotonic() - before


def test_files_go_out_by_the_system_where_the_connection_is_plain(contexts):
    """What TLS has to encrypt the system cannot send by itself; nor can it wait there for so many bytes."""
    plain, tls = Pair("plain", contexts), Pair("tls", contexts)
    assert (plain.stream.sends_files, tls.stream.sends_files) == (hasattr(os, "sendfile"), False)
    plain.close()
    tls.close()


# --- one way at a time --------------------------------------------------------------------------------------------------


def test_receiving_gives_what_has_come(pair):
    """At most so many bytes, into bytes or into memory, and nothing at the end."""
    pair.peer.sendall(b"abcdefg")
    assert pair.stream.recv(3, PATIENCE) == b"abc"
    buffer = bytearray(6)
    assert pair.stream.recv_into(memoryview(buffer)[2:4], PATIENCE) == 2
    assert buffer == b"\0\0de\0\0"
    assert pair.stream.recv(100, None) == b"fg"
    pair.end()
    assert pair.stream.recv(100, PATIENCE) == b""
    assert pair.stream.recv_into(memoryview(buffer), PATIENCE) == 0


def test_filling_waits_for_all(contexts):
    """Where a stream can: for so many bytes and no fewer, unless its bound or the end of the connection comes first."""
    pair = Pair("plain", contexts)
    stream = pair.stream
    if not stream.fills:
        pytest.skip("this system cannot wait for all of what is asked for")
    pair.peer.sendall(b"abc")
    threading.Timer(SHORT, pair.peer.sendall, [b"defgh"]).start()
    assert stream.fill(6, None) == b"abcdef"
    before = time.monotonic()
    assert stream.fill(6, SHORT) == b"gh", "what has come is not lost when the bound runs out"
    assert SHORT * 0.9 < time.monotonic() - before < PATIENCE / 4
    assert SHORT * 0.9 < timed(stream.fill, 6, SHORT) < PATIENCE / 4
    pair.peer.sendall(b"ij")
    pair.end()
    assert stream.fill(6, PATIENCE) == b"ij"
    assert stream.fill(6, PATIENCE) == b""
    pair.close()
    tls = Pair("tls", contexts)
    assert not tls.stream.fills
    tls.close()


def test_after_filling_every_other_wait_has_its_own_bound(contexts):
    """What was left to the kernel is taken back: no other way of waiting waits as long as the last filling could have."""
    pair = Pair("plain", contexts)
    stream = pair.stream
    if not stream.fills:
        pytest.skip("this system cannot wait for all of what is asked for")

    def filled():
        pair.peer.sendall(b"abc")
        assert stream.fill(3, PATIENCE) == b"abc"

    filled()
    assert SHORT * 0.9 < timed(stream.recv, 1, SHORT) < PATIENCE / 4
    filled()
    assert SHORT * 0.9 < timed(stream.recv_into, memoryview(bytearray(1)), SHORT) < PATIENCE / 4
    filled()
    before = time.monotonic()
    assert stream.recv_now(1) is None
    assert time.monotonic() - before < PATIENCE / 4
    filled()
    before = time.monotonic()
    assert fill(stream) < HUGE
    with pytest.raises(TimeoutError):
        for _ in range(HUGE):
            stream.send(b"x" * 4096, SHORT)
    assert time.monotonic() - before < PATIENCE / 2
    pair.close()


@pytest.mark.parametrize("way", ["recv", "recv_into", "readable"])
def test_waiting_for_bytes_has_its_bound(pair, way):
    """It runs out, the next wait has its own, and neither disturbs what comes later."""
    stream = pair.stream
    call = {
        "recv": lambda seconds: stream.recv(1, seconds),
        "recv_into": lambda seconds: stream.recv_into(memoryview(bytearray(1)), seconds),
        "readable": lambda seconds: stream.readable(seconds) or _timeout(),
    }[way]
    assert SHORT * 0.9 < timed(call, SHORT) < PATIENCE / 4
    assert SHORT * 2.9 < timed(call, 3 * SHORT) < PATIENCE / 4
    assert timed(call, SHORTEST) < PATIENCE / 4
    pair.peer.sendall(b"x")
    assert call(SHORT)


def _timeout():
    raise TimeoutError


def test_without_a_bound_it_is_waited_for_as_long_as_it_takes(pair):
    """Also behind a wait that had one."""
    timed(pair.stream.recv, 1, SHORT)
    threading.Timer(2 * SHORT, pair.peer.sendall, [b"late"]).start()
    assert pair.stream.recv(100, None) == b"late"


def test_sending_has_its_bound(pair):
    """A peer that takes nothing is waited for so long, and what it took is told."""
    data = bytes(1 << 20)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < HUGE:
            taken = pair.stream.send(data, SHORT)
            assert 0 < taken <= len(data)
            sent += taken
    assert 0 < sent < HUGE


def test_the_longest_bound_is_one(pair):
    """Any bound that a caller may ask for is one that the system takes, in each way of waiting."""
    pair.peer.sendall(b"abc")
    assert pair.stream.readable(LONGEST)
    assert pair.stream.recv(1, LONGEST) == b"a"
    assert pair.stream.recv_into(memoryview(bytearray(1)), LONGEST) == 1
    assert pair.stream.send(b"x", LONGEST) == 1
    assert pair.stream.offer(b"x", LONGEST) == 0
    assert pair.stream.recv_now(1) == b"c"
    assert pair.stream.offer(b"x", LONGEST) == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_a_signal_ends_no_wait(pair):
    """A handler runs in the middle of a wait, which then goes on, and still has a bound."""
    handled = []
    before = signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
    try:
        for call in (pair.stream.recv, lambda n, seconds: pair.stream.readable(seconds) or _timeout()):
            signal.setitimer(signal.ITIMER_REAL, SHORT)
            assert 1.9 * SHORT < timed(call, 1, 2 * SHORT) < PATIENCE / 4
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(handled) == 2


# --- both ways at once --------------------------------------------------------------------------------------------------


def test_an_offer_is_taken_where_nothing_has_come(pair):
    """As many bytes as there is room for, and the peer gets them."""
    assert pair.stream.offer(b"hello", PATIENCE) == 5
    assert pair.peer.recv(100) == b"hello"
    assert pair.stream.offer(memoryview(b"hello")[1:], PATIENCE) == 4
    assert pair.peer.recv(100) == b"ello"


def test_an_offer_is_not_made_to_who_has_spoken(pair):
    """What came is read first: nothing was sent."""
    pair.peer.sendall(b"stop")
    assert pair.stream.readable(PATIENCE)
    assert pair.stream.offer(b"hello", PATIENCE) == 0
    assert pair.stream.recv_now(100) == b"stop"
    assert pair.stream.offer(b"hello", PATIENCE) == 5
    assert pair.peer.recv(100) == b"hello"


def test_an_offer_is_not_made_to_who_has_gone(pair):
    """The end of the connection is something to read."""
    pair.end()
    assert pair.stream.readable(PATIENCE)
    assert pair.stream.offer(b"hello", PATIENCE) == 0
    assert pair.stream.recv_now(100) == b""


def fill(stream, seconds=SHORT):
    """Offer until nothing more is taken, for some time: the system makes a little more room as it finds it."""
    taken = 0
    with pytest.raises(TimeoutError):
        while taken < HUGE:
            count = stream.offer(bytes(1 << 20), 8 * seconds)
            assert count, "nobody has spoken"
            taken += count
    return taken


@pytest.mark.parametrize("step", [Stream.send, Stream.offer])
def test_each_record_of_tls_is_told(pair, step):
    """TLS gives a peer whole records to read: of no more than one may it be unknown here whether it was taken."""
    if isinstance(pair.peer, ssl.SSLSocket):
        assert step(pair.stream, bytes(HUGE), PATIENCE) == 16384
        assert pair.peer.recv(HUGE) == bytes(16384)


def test_an_offer_has_its_bound(pair):
    """A peer that neither takes nor speaks is waited for so long."""
    assert 0 < fill(pair.stream) < HUGE
    assert SHORT * 0.9 < timed(pair.stream.offer, b"x", SHORT) < PATIENCE / 4
    assert SHORT * 2.9 < timed(pair.stream.offer, b"x", 3 * SHORT) < PATIENCE / 4


@pytest.mark.parametrize("bound", [PATIENCE, None])
def test_an_offer_that_waits_is_ended_by_what_comes(pair, bound):
    """No room, and then the peer speaks: that is seen at once."""
    fill(pair.stream)
    threading.Timer(SHORT, pair.peer.sendall, [b"stop"]).start()
    before = time.monotonic()
    assert pair.stream.offer(b"x", bound) == 0
    assert time.monotonic() - before < PATIENCE / 4
    assert pair.stream.recv_now(100) == b"stop"


def test_an_offer_that_waits_is_ended_by_room(pair):
    """No room, and then the peer reads."""
    taken = fill(pair.stream)

    def read():
        left = taken
        while left > 0:
            left -= len(pair.peer.recv(1 << 20))

    reader = threading.Timer(SHORT, read)
    reader.start()
    assert pair.stream.offer(b"x", PATIENCE) == 1
    reader.join()


def test_the_tickets_of_tls_are_nothing_to_read(contexts):
    """They wake who waits, because only reading tells what they are; then there is nothing, and an offer is taken."""
    pair = Pair("tls", contexts)
    assert pair.peer.version() == "TLSv1.3"
    assert pair.stream.readable(PATIENCE)
    while pair.stream.readable(SHORT):
        assert pair.stream.recv_now(100) is None
    assert pair.stream.offer(b"hello", PATIENCE) == 5
    pair.close()


def test_nothing_has_come_yet(pair):
    """None where nothing has."""
    assert pair.stream.recv_now(100) is None
    pair.peer.sendall(b"ab")
    assert pair.stream.readable(PATIENCE)
    assert pair.stream.recv_now(1) == b"a"
    assert pair.stream.readable(0), "TLS has decrypted more than was asked for"
    assert pair.stream.recv_now(100) == b"b"
    assert pair.stream.recv_now(100) is None


def test_after_both_ways_a_single_one_waits_again(pair):
    """Where nothing waited for a moment, each single wait has its bound as before, and the same one too."""
    timed(pair.stream.recv, 1, SHORT)
    for _ in range(2):
        assert pair.stream.recv_now(1) is None
        assert SHORT * 0.9 < timed(pair.stream.recv, 1, SHORT) < PATIENCE / 4
        assert pair.stream.offer(b"x", PATIENCE) == 1
        assert SHORT * 0.9 < timed(pair.stream.recv_into, memoryview(bytearray(1)), SHORT) < PATIENCE / 4
    fill(pair.stream)
    with pytest.raises(TimeoutError):
        for _ in range(HUGE):  # there may be room for less than an offer waits for
            pair.stream.send(b"x" * 4096, SHORT)
    assert SHORT * 0.9 < timed(pair.stream.send, b"x" * 4096, SHORT) < PATIENCE / 4  # TLS takes nothing else now


def test_tls_that_waits_for_its_peer_is_waited_for(contexts):
    """A write that needs a record from the peer first (a renegotiation, an update of keys) goes on once that is there."""
    pair = Pair("tls", contexts)
    pair.peer.sendall(b".")
    assert pair.stream.recv(1, PATIENCE) == b"."
    tried = []

    class Waiting(ssl.SSLSocket):
        def send(self, data):
            tried.append(len(data))
            if len(tried) < 3:
                pair.peer.sendall(b"!")  # wakes who waits
                raise ssl.SSLWantReadError
            return super().send(data)

    pair.stream.sock.__class__ = Waiting
    assert pair.stream.offer(b"abc", PATIENCE) == 0
    assert pair.stream.recv_now(1) == b"!"
    tried[:] = [0, 0]
    assert pair.stream.offer(b"abc", PATIENCE) == 3
    tried.clear()
    with patch.object(pair.peer, "sendall"):
        assert SHORT * 0.9 < timed(pair.stream.offer, b"abc", SHORT) < PATIENCE / 4
    pair.close()


# --- files --------------------------------------------------------------------------------------------------------------

sends_files = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="this system sends no files by itself")


@pytest.fixture
def plain(contexts):
    made = Pair("plain", contexts)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)) * 20_000)
    with (tmp_path / "file").open("rb") as opened:
        yield opened


@sends_files
def test_a_part_of_a_file_is_sent(plain, file):
    """From its start, no further than its length, and the file's own position does not count."""
    file.seek(7)
    assert plain.stream.offer_file(FileSpan(file, 300, 10), PATIENCE) == 10
    assert plain.peer.recv(100) == (bytes(range(256)) * 2)[300:310]
    assert file.tell() == 7


@sends_files
def test_a_large_file_goes_in_pieces(plain, file):
    """No call sends more than one, so that an answer is seen between two."""
    assert 0 < plain.stream.offer_file(FileSpan(file, 0, 5_000_000), PATIENCE) <= FILE_PIECE


@sends_files
def test_a_file_that_has_ended_is_told_from_a_peer_that_spoke(plain, file):
    """-1 for the one, 0 for the other."""
    assert plain.stream.offer_file(FileSpan(file, 5_120_000, 10), PATIENCE) == -1
    plain.peer.sendall(b"stop")
    assert plain.stream.readable(PATIENCE)
    assert plain.stream.offer_file(FileSpan(file, 0, 10), PATIENCE) == 0


@sends_files
def test_a_file_that_nobody_takes_has_its_bound(plain, file):
    """As any other offer."""
    fill(plain.stream)
    assert SHORT * 0.9 < timed(plain.stream.offer_file, FileSpan(file, 0, 10), SHORT) < PATIENCE / 4


# --- between exchanges --------------------------------------------------------------------------------------------------


def await_word(pair):
    assert pair.stream.readable(PATIENCE)


def test_an_idle_connection_is_quiet_until_something_happens(pair):
    """Neither spoken on nor ended; one byte is enough."""
    assert pair.stream.quiet()
    assert pair.stream.quiet()
    pair.peer.sendall(b"x")
    await_word(pair)
    assert not pair.stream.quiet()
    assert pair.stream.recv(1, PATIENCE) == b"x"
    assert pair.stream.quiet()


@pytest.mark.parametrize("how", ["fin", "reset", "our own"])
def test_a_connection_that_has_ended_is_not_quiet(pair, how):
    """By whichever side, and however."""
    if how == "our own":
        pair.stream.close()
    else:
        if how == "reset":
            pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock = pair.peer if how == "reset" else socket.socket(fileno=pair.peer.detach())
        sock.close()
        await_word(pair)
    assert not pair.stream.quiet()


def test_what_tls_has_decrypted_is_something_to_read(contexts):
    """The socket is empty, the stream is not: then it is neither quiet nor to be offered anything."""
    pair = Pair("tls", contexts)
    pair.peer.sendall(b"abc")
    assert pair.stream.recv(1, PATIENCE) == b"a"
    assert pair.stream.readable(0)
    assert not pair.stream.quiet()
    assert pair.stream.offer(b"x", PATIENCE) == 0
    pair.close()


@pytest.mark.parametrize("way", ["recv", "offer", "readable"])
def test_another_thread_may_end_a_wait(pair, way):
    """``interrupt`` wakes whoever waits; what comes out is the end, or an error, and never the other side's bytes in the clear."""
    stream = pair.stream
    if way == "offer":
        fill(stream)
    began, came = threading.Event(), []

    def wait():
        began.set()
        try:
            call = {
                "recv": lambda: stream.recv(10, None),
                "offer": lambda: stream.offer(b"x", None),
                "readable": lambda: stream.readable(None),
            }
            came.append(call[way]())
        except (OSError, ValueError) as error:
            came.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    assert began.wait(PATIENCE)
    time.sleep(SHORT)  # nothing tells that a thread has entered a system call
    stream.interrupt()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    (result,) = came
    assert result in {b"", 0, True} or isinstance(result, type)
    stream.interrupt()
    stream.close()
    stream.close()


def test_closing_ends_the_connection_for_both(pair):
    """The peer sees the end, and the descriptor is gone."""
    pair.stream.close()
    pair.peer.settimeout(PATIENCE)
    with contextlib.suppress(ssl.SSLEOFError):  # no close_notify was owed
        assert pair.peer.recv(10) == b""
    assert pair.stream.sock.fileno() == -1


def test_abandoning_ends_nothing(pair):
    """Another process may have the same connection: for its peer nothing has happened."""
    with socket.socket(fileno=os.dup(pair.stream.sock.fileno())):
        pair.stream.abandon()
        assert pair.stream.sock.fileno() == -1
        assert not select.select([pair.peer], [], [], SHORT)[0]


@pytest.mark.skipif(not hasattr(select, "poll"), reason="select() knows no such descriptors")
def test_a_descriptor_above_1023_is_one(plain):
    """Where many files are open, waiting works as with few."""
    fcntl, resource = pytest.importorskip("fcntl"), pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        pytest.skip("this system opens no more files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    try:
        high = socket.socket(fileno=fcntl.fcntl(plain.stream.sock.fileno(), fcntl.F_DUPFD, 1500))
        stream = Stream(high)
        assert high.fileno() >= 1500
        assert stream.quiet()
        assert stream.offer(b"x", PATIENCE) == 1
        plain.peer.sendall(b"y")
        assert stream.readable(PATIENCE)
        assert not stream.quiet()
        assert stream.recv(1, PATIENCE) == b"y"
        stream.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
