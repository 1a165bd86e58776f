"""``raw.readinto``: the undecoded body into memory of the caller's own, whatever the framing, the buffer and the end."""

from __future__ import annotations

import array
import gzip
import io
import threading
import time
from itertools import cycle
from unittest.mock import patch

import pytest
from backends import talk
from backends.talk import Server, goes_on, send
from fleet import make_transport

from intermodal.blocking.stream import Stream
from intermodal.errors import Disconnected, IncompleteBody, ProtocolError, ReadTimeout, ResponseError, TotalTimeout

#: Large enough to come in many segments, and no multiple of anything.
SIZE = 234_567
BODY = bytes(range(251)) * (SIZE // 251 + 1)
BODY = BODY[:SIZE]

schemes = pytest.mark.parametrize("scheme", ["http", "https"])


def sized(body, announced=None):
    length = len(body) if announced is None else announced
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body


def chunked(body, size=10_000):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\nX-T: 1\r\n\r\n"
    )


def until_close(body):
    return b"HTTP/1.1 200 OK\r\n\r\n" + body


FRAMINGS = {"sized": sized, "chunked": chunked, "until close": until_close}
framings = pytest.mark.parametrize("framing", FRAMINGS)


def sending(*pieces, then=None):
    """A step that sends such an answer to its first request, in pieces or at once; ``then`` says how it goes on."""

    def answer(connection):
        connection.head()
        for piece in pieces:
            connection.send(piece)
        (then or talk.plainly)(connection)

    return answer


def _ends(connection):
    if hasattr(connection.sock, "unwrap"):
        connection.sock.unwrap()
    connection.end()
    connection.read_on()


def then(framing):
    return _ends if framing == "until close" else talk.plainly


def read_all(raw, size, kind=bytearray):
    """Read to the end by one buffer; a byte of it that is not said to be written must not be."""
    buffer = kind(size)
    view = memoryview(buffer).cast("B")
    came = bytearray()
    while True:
        view[:] = b"\xee" * len(view)
        count = raw.readinto(buffer)
        assert 0 <= count <= len(view)
        assert bytes(view[count:]) == b"\xee" * (len(view) - count)
        if not count:
            return bytes(came)
        came += view[:count]


@schemes
@framings
@pytest.mark.parametrize("size", [4096, 65_536, 2 * SIZE])
def test_the_body_comes_whole(transport, framing, scheme, size):
    """In any framing, by buffers that are smaller and larger than it; and its connection serves again."""
    with Server(sending(FRAMINGS[framing](BODY), then=then(framing)), tls=scheme == "https") as server:
        with send(transport, server, method="GET") as response:
            assert read_all(response.raw, size) == BODY
            assert response.raw.readinto(bytearray(10)) == 0
            assert response.trailers.pairs == ((("X-T", "1"),) if framing == "chunked" else ())
        assert goes_on(transport, server) == (2 if framing == "until close" else 1)


@framings
def test_a_buffer_of_one_byte_is_enough(transport, framing):
    """One byte at a time, and never none before the end."""
    with Server(sending(FRAMINGS[framing](BODY[:3000]), then=then(framing))) as server:
        with send(transport, server, method="GET") as response:
            assert read_all(response.raw, 1) == BODY[:3000]
        assert goes_on(transport, server) == (2 if framing == "until close" else 1)


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_what_lies_beyond_the_message_is_not_given(transport, framing):
    """A buffer with room for more gets the body alone, and the connection is not used again."""
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
    with Server(sending(FRAMINGS[framing](BODY) + extra)) as server:
        with send(transport, server, method="GET") as response:
            assert read_all(response.raw, 2 * SIZE) == BODY
        assert goes_on(transport, server) == 2


@framings
def test_any_writable_buffer_will_do(transport, framing):
    """A memoryview into the middle of a bytearray, and an array of integers, are as good as any."""
    with Server(*[sending(FRAMINGS[framing](BODY), then=then(framing))] * 2) as server:
        with send(transport, server, method="GET", headers={"Connection": "close"}) as response:
            large = bytearray(SIZE + 20)
            at = 10
            while count := response.raw.readinto(memoryview(large)[at : SIZE + 10]):
                at += count
            assert (large[:10], large[10:-10], large[-10:]) == (bytes(10), BODY, bytes(10))
        with send(transport, server, method="GET") as response:
            assert read_all(response.raw, 1000, lambda count: array.array("I", [0] * count)) == BODY


def test_what_is_no_buffer_is_refused_before_a_byte_is_lost(transport):
    """Bytes cannot be written to: TypeError, and the body is still there."""
    with Server(sending(sized(BODY))) as server, send(transport, server, method="GET") as response:
        for wrong in (b"read only", "text", 7):
            with pytest.raises(TypeError):
                response.raw.readinto(wrong)
        assert response.raw.readinto(bytearray()) == 0
        assert read_all(response.raw, 65_536) == BODY


def test_content_that_is_coded_stays_coded(transport):
    """``raw`` is what came: gzip is not undone."""
    coded = gzip.compress(BODY)
    answer = sized(coded).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)
    with Server(sending(answer)) as server, send(transport, server, method="GET") as response:
        assert read_all(response.raw, 5000) == coded


@framings
def test_both_ways_of_reading_may_be_mixed(transport, framing):
    """``read`` and ``readinto`` in turns, in all sizes: each byte once, in order."""
    with Server(sending(FRAMINGS[framing](BODY), then=then(framing))) as server:
        with send(transport, server, method="GET") as response:
            came = bytearray()
            raw = response.raw
            for turn, size in zip(
                cycle(["read", "readinto", "readinto"]), cycle([1, 10, 1000, 7777, 65_536, 300_000]), strict=False
            ):
                if turn == "read":
                    piece = raw.read(size)
                else:
                    buffer = bytearray(size)
                    piece = buffer[: raw.readinto(buffer)]
                if not piece:
                    break
                came += piece
            assert bytes(came) == BODY
        assert goes_on(transport, server) == (2 if framing == "until close" else 1)


def test_a_buffered_reader_reads_lines(transport):
    """``io.BufferedReader(response.raw)`` is a file like any other."""
    lines = [b"line %d\n" % number for number in range(5000)]
    with Server(*[sending(sized(b"".join(lines)))] * 2) as server:
        with send(transport, server, method="GET", headers={"Connection": "close"}) as response:
            file = io.BufferedReader(response.raw)
            assert file.readline() == lines[0]
            assert file.peek(1)[:4] == b"line"
            assert file.read(len(lines[1])) == lines[1]
            assert list(file) == lines[2:]
            assert file.read() == b""
        with send(transport, server, method="GET") as response:
            text = io.TextIOWrapper(io.BufferedReader(response.raw, 100), encoding="ascii")
            assert text.read().encode() == b"".join(lines)


# --- how it may end -----------------------------------------------------------------------------------------------------


def drain_into(raw, came, size=65_536):
    buffer = bytearray(size)
    while count := raw.readinto(buffer):
        came += buffer[:count]


@schemes
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_body_that_is_cut_off_is_incomplete(transport, framing, scheme):
    """What came is given first, then IncompleteBody, at every further try."""
    whole = FRAMINGS[framing](BODY)
    cut = whole[: len(whole) - 500] if framing == "sized" else whole[: whole.index(b"\r\n0\r\n")]
    with Server(sending(cut, then=_ends), tls=scheme == "https") as server:
        with send(transport, server, method="GET") as response:
            came = bytearray()
            for _ in range(2):
                with pytest.raises(IncompleteBody) as caught:
                    drain_into(response.raw, came)
            assert (caught.value.phase, caught.value.delivery) == ("body", "sent")
            assert caught.value.request is response.request
            assert bytes(came) == (BODY[:-500] if framing == "sized" else BODY)
        assert goes_on(transport, server) == 2


def test_a_tls_connection_that_ends_without_notice_is_incomplete(transport):
    """Until close, but not closed in order: nobody can tell an end from a cut (RFC 9112 section 9.8)."""
    with Server(sending(until_close(BODY), then=lambda connection: connection.end()), tls=True) as server:
        with send(transport, server, method="GET") as response:
            came = bytearray()
            with pytest.raises(IncompleteBody):
                drain_into(response.raw, came)
            assert bytes(came) == BODY
        assert goes_on(transport, server) == 2


def test_a_reset_is_a_lost_connection(transport):
    """What came before it is given first."""
    gate = threading.Event()

    def cut(connection):
        assert gate.wait(talk.PATIENCE)
        connection.reset()

    with Server(sending(sized(BODY[:1000], announced=SIZE), then=cut)) as server:
        with send(transport, server, method="GET") as response:
            came = bytearray()
            buffer = bytearray(4096)
            while len(came) < 1000:
                came += buffer[: response.raw.readinto(buffer)]
            gate.set()
            with pytest.raises(Disconnected) as caught:
                drain_into(response.raw, came)
            assert (caught.value.phase, caught.value.delivery) == ("body", "sent")
            assert bytes(came) == BODY[:1000]
        assert goes_on(transport, server) == 2


def test_a_chunk_that_is_none_fails_behind_what_came_before_it(transport):
    """The bytes before the fault are given first, whatever the size of the buffer."""
    answer = chunked(BODY[:30_000]).replace(b"\r\n0\r\n", b"\r\nx\r\n")
    for size in (1000, 100_000):
        step = sending(answer, then=lambda connection: connection.read_on())
        with Server(step) as server, send(transport, server, method="GET") as response:
            came = bytearray()
            with pytest.raises(ProtocolError):
                drain_into(response.raw, came, size)
            assert bytes(came) == BODY[:30_000]


@schemes
@pytest.mark.parametrize("bound", ["read", "total"])
def test_a_body_that_stops_is_left_in_time(transport, bound, scheme):
    """The bounds hold for this way of reading too; what came is given first."""
    step = sending(sized(BODY[:100_000], announced=SIZE), then=lambda connection: connection.hold())
    with Server(step, tls=scheme == "https") as server:
        before = time.monotonic()
        with send(transport, server, method="GET", **{bound: 0.2}) as response:
            came = bytearray()
            with pytest.raises(ReadTimeout if bound == "read" else TotalTimeout) as caught:
                drain_into(response.raw, came)
            assert (caught.value.phase, bytes(came)) == ("body", BODY[:100_000])
        assert 0.14 < time.monotonic() - before < talk.PATIENCE / 4
        assert goes_on(transport, server) == 2


def test_a_response_closed_half_read_gives_no_more(transport):
    """Its connection is not used again; by its raw file, closed itself, there is nothing, as in any closed file."""
    with Server(sending(sized(BODY))) as server:
        response = send(transport, server, method="GET")
        raw = response.raw
        buffer = bytearray(1000)
        assert raw.readinto(buffer) > 0
        response.close()
        with pytest.raises(ResponseError, match="closed"):
            raw.readinto(buffer)
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


def test_a_large_body_goes_from_the_socket_into_the_buffer():
    """By recv_into where no library stands between: into the caller's memory, with no bytes object of its size made."""
    taken = []
    original = Stream.recv_into

    def recorded(self, buffer, seconds):
        count = original(self, buffer, seconds)
        taken.append(count)
        return count

    transport = make_transport("socket")
    with (
        patch.object(Stream, "recv_into", recorded),
        Server(sending(sized(BODY))) as server,
        send(transport, server, method="GET") as response,
    ):
        assert read_all(response.raw, 262_144) == BODY
    transport.close()
    assert sum(taken) > SIZE / 2
