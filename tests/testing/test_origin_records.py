"""What the origin records of both directions, its counter of delivery, and scripts that begin at a number of bytes."""

import socket
import ssl
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testing.raw import (
    GET,
    LAST,
    OK,
    anew,
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

from intermodal import Client, Disconnected
from intermodal.testing.origin import Drip, Origin, Reset, Stall

MIB = 1 << 20
POST = b"POST /anything HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def origin():
    with Origin() as made:
        yield made


@pytest.fixture(scope="module", params=["http", "https"])
def shared(request):
    """An origin of each scheme."""
    with Origin(tls=server_tls() if request.param == "https" else None) as made:
        yield made


def speak(origin):
    """A connection to it, in TLS where it wants that."""
    sock = dial(origin)
    if not origin.url.startswith("https:"):
        return sock
    secure = client_tls().wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
    secure.settimeout(10)
    return secure


# --- both directions --------------------------------------------------------------------------------------------------


def test_transcript_tells_who_spoke_when(shared):
    """Turns stand in their order, with all bytes of both sides; what one side says in pieces is one turn."""
    anew(shared)
    shared.play(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01, Drip(b"HTTP/1.1 102 \r\n\r\n", 0.001), at="head")
    with speak(shared) as sock:
        head, body = POST + b"Content-Length: 4\r\n\r\n", b"body"
        sock.sendall(head[:9])
        sock.sendall(head[9:])
        interim = read(sock, 25 + 17)
        sock.sendall(body[:2])
        sock.sendall(body[2:])
        sock.sendall(LAST)
        last = read_all(sock)
    connection = settled(shared)[-1]
    assert connection.transcript == (("received", head), ("sent", interim), ("received", body + LAST), ("sent", last))
    assert (connection.received, connection.sent) == (head + body + LAST, interim + last)
    assert shared.received == len(head + body + LAST)


def test_what_a_client_has_stands_in_the_records(shared):
    """As soon as a client has an answer, it finds it in what was sent."""
    anew(shared)
    with speak(shared) as sock:
        for _ in range(50):
            shared.play(OK)
            sock.sendall(GET)
            said = read(sock, len(OK))
            assert shared.connections[-1].sent.endswith(said)
            assert shared.connections[-1].transcript[-2:] == (("received", GET), ("sent", OK))


def test_no_more_than_a_mib_of_what_was_sent_is_kept(origin):
    """Of what was sent the first MiB is kept, and the same of each direction in the transcript; what comes later is joined."""
    body = bytes(range(256)) * 5000
    origin.play(OK)
    origin.play(body, at="head")
    with dial(origin) as sock:
        sock.sendall(GET)
        read(sock, len(OK))
        sock.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        read(sock, len(body))
        sock.sendall(body)
        for _ in range(2):
            sock.sendall(GET)
            read_until(sock, b"\r\n\r\n")
    (connection,) = settled(origin)
    sent, received = OK + body, GET + POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + GET + GET
    assert connection.sent == sent[:MIB]
    assert connection.received == received
    assert connection.transcript == (
        ("received", GET),
        ("sent", OK),
        ("received", received[len(GET) : -len(body) - 2 * len(GET)]),
        ("sent", sent[len(OK) : MIB]),
        ("received", received[-len(body) - 2 * len(GET) : MIB]),
    )
    assert origin.received == len(received)


def test_neighbours_are_joined_beyond_what_is_kept(origin):
    """Where answers are no longer kept, the requests before and after them are one turn."""
    body = bytes(MIB)
    origin.play(body)
    with dial(origin) as sock:
        sock.sendall(GET)
        read(sock, len(body))
        for _ in range(3):
            sock.sendall(GET)
            read_until(sock, b"\r\n\r\n")
    assert origin.connections[0].transcript == (("received", GET), ("sent", body), ("received", GET * 3))


def test_the_counter_of_delivery(origin):
    """It counts the bytes of all connections, half requests included, and begins anew with the records."""
    assert origin.received == 0
    with dial(origin) as one, dial(origin) as two:
        one.sendall(GET)
        read_until(one, b"\r\n\r\n")
        two.sendall(b"GE")
        eventually(lambda: origin.received == len(GET) + 2)
        origin.reset_records()
        assert origin.received == 0
        two.sendall(b"T")
        eventually(lambda: origin.received == 1)
        assert [connection.received for connection in origin.connections] == [GET, b"GET"]
        assert origin.connections[0].transcript[0] == ("received", GET)
    settled(origin)
    origin.reset_records()
    assert (origin.received, origin.connections) == (0, [])


def test_zero_proves_that_nothing_was_sent():
    """A handshake that fails for the client's want of trust counts nothing."""
    with Origin(tls=server_tls()) as origin:
        with Client("socket", timeout=5) as client, pytest.raises(Exception, match="certificate"):
            client.get(origin.url)
        assert len(settled(origin)) == 1
        assert origin.received == 0


# --- scripts at a number of bytes -------------------------------------------------------------------------------------

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"
WHOLE = [GET, POST + b"Content-Length: 5\r\n\r\nhello", CHUNKED]


@settings(max_examples=60)
@given(request=st.sampled_from(WHOLE), data=st.data())
def test_reset_after_any_number_of_bytes(shared, request, data):
    """So many bytes are read, not one more, and then comes the reset, wherever the client's pieces end."""
    anew(shared)
    number = data.draw(st.integers(1, len(request)))
    cut = data.draw(st.integers(0, len(request)))
    play = shared.play(Reset(), at=number)
    # ssl makes of some resets an end in violation of the protocol, but never an end in order.
    with speak(shared) as sock, pytest.raises((ConnectionError, ssl.SSLEOFError)):
        sock.sendall(request[:cut])
        sock.sendall(request[cut:])
        read_all(sock)
        raise AssertionError("no reset")
    assert play.finished.wait(5)
    assert settled(shared)[-1].received == request[:number]
    assert shared.requests == []


@settings(max_examples=60)
@given(request=st.sampled_from(WHOLE), data=st.data())
def test_an_answer_at_any_number_of_bytes(shared, request, data):
    """The script is the answer, whole requests follow it on the same connection, and the request is recorded."""
    anew(shared)
    number = data.draw(st.integers(1, len(request) + 20))
    cut = data.draw(st.integers(min(number, len(request)), len(request)))
    shared.play(OK, at=number)
    with speak(shared) as sock:
        sock.sendall(request[:cut])
        if number <= len(request):
            assert read(sock, len(OK)) == OK  # although the rest is not sent yet
        sock.sendall(request[cut:])
        if number > len(request):
            assert read(sock, len(OK)) == OK  # at its end, because it is shorter
        sock.sendall(LAST)
        assert read_all(sock).startswith(b"HTTP/1.1 200 OK\r\nServer: intermodal-origin\r\n")
    connection = settled(shared)[-1]
    assert [each.raw for each in connection.requests] == [request, LAST]
    at = min(number, len(request))
    first, second = connection.transcript[:2]
    assert first[1] == request[: len(first[1])]
    assert (len(first[1]) >= at, second) == (True, ("sent", OK))
    assert number > len(request) or len(first[1]) == number


@settings(max_examples=40)
@given(junk=st.binary(min_size=1, max_size=50), data=st.data())
def test_a_number_counts_whatever_comes(shared, junk, data):
    """Bytes that are no request count too, and no 400 comes before the script or after it."""
    anew(shared)
    number = data.draw(st.integers(1, len(junk)))
    junk = b"\x00" + junk[1:]
    shared.play(OK, at=number)
    with speak(shared) as sock:
        sock.sendall(junk)
        assert read_all(sock) == OK
    connection = settled(shared)[-1]
    assert connection.transcript[:2] == (("received", junk[:number]), ("sent", OK))


def test_what_was_not_read_at_the_end_is_read_after_it(shared):
    """A script that ends the connection in order in the middle of a request leaves no byte of it out of the records."""
    anew(shared)
    shared.play(OK, at=5, then="fin")
    with speak(shared) as sock:
        sock.sendall(GET)
        assert read_all(sock) == OK
    (connection,) = settled(shared)
    assert connection.transcript == (("received", GET[:5]), ("sent", OK), ("received", GET[5:]))


def test_nothing_is_read_before_a_script_at_a_number_is_over(origin):
    """While the script stalls, an upload comes to a stop; what was read before it is the number of bytes."""
    play = origin.play(Stall(), at=1000)
    with dial(origin) as sock:
        sock.sendall(POST + b"Content-Length: 100000000\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.sendall(b"x" * 100_000_000)
        assert len(origin.connections[0].received) == 1000
        assert origin.received == 1000
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert play.finished.wait(5)


def test_scripts_at_numbers_keep_the_order(origin):
    """Scripts of every kind are taken in the order in which they were queued, one for each request."""
    answers = [OK.replace(b"ok", b"%02d" % number) for number in range(5)]
    for at, answer in zip(("request", 3, "head", 1, "request"), answers, strict=True):
        origin.play(answer, at=at)
    with dial(origin) as sock:
        for answer in answers:
            sock.sendall(GET)
            assert read(sock, len(OK)) == answer
    assert origin.connections[0].transcript[2:4] == (("received", GET[:3]), ("sent", answers[1]))


def test_pipelined_requests_have_scripts_at_numbers(origin):
    """Bytes of the next request that came along with the one before count as come."""
    origin.play(OK, at="request")
    origin.play(OK.replace(b"ok", b"no"), at=len(POST) + 33)
    with dial(origin) as sock:
        sock.sendall(GET + POST)
        assert read(sock, len(OK)) == OK
        sock.sendall(b"Content-Length: 100\r\n\r\n" + b"x" * 100)
        assert read(sock, len(OK)).endswith(b"no")
        sock.sendall(LAST)
        read_all(sock)
    assert len(origin.requests) == 3
    assert origin.connections[0].transcript[2] == ("received", (b"Content-Length: 100\r\n\r\n" + b"x" * 100)[:33])


def test_100_continue_is_sent_where_the_body_is_counted(origin):
    """A client that waits for 100 gets it, unless the script began before; else no byte of its body would come."""
    head = POST + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    for number, first in ((len(head) + 3, b"HTTP/1.1 100 Continue\r\n\r\n"), (len(head), b"")):
        origin.play(OK, at=number)
        with dial(origin) as sock:
            sock.sendall(head)
            assert read(sock, len(first)) == first
            if first:
                sock.sendall(b"x" * 10)
            assert read(sock, len(OK)) == OK
            sock.sendall(b"x" * (0 if first else 10) + LAST)
            assert read_all(sock).startswith(b"HTTP/1.1 200 ")


def test_a_request_that_ends_before_the_number_fails_the_script(origin):
    """Where the client leaves in the middle of its request the script says that it was not played; before one it waits on."""
    play = origin.play(OK, at=100)
    with dial(origin):
        pass
    settled(origin)
    assert not play.finished.is_set()
    with dial(origin) as sock:
        sock.sendall(b"GET / HT")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    assert play.finished.wait(5)
    assert "was not played" in str(play.error)
    with dial(origin) as sock:  # junk of less than so many bytes
        play = origin.play(OK, at=100)
        sock.sendall(b"\x00\x00")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    assert "malformed" in str(play.error)
    assert is_alive(origin)


@pytest.mark.parametrize("at", [0, -1, True, 1.5, "12", None])
def test_what_is_no_number_of_bytes(origin, at):
    """A script at a number of bytes begins at 1 or later."""
    with pytest.raises(ValueError, match="number of bytes from 1 on"):
        origin.play(OK, at=at)


def test_our_client_reads_an_answer_in_the_middle_of_its_upload(origin):
    """Our own client has the answer that came in the middle of its body, and a reset there is its error."""
    with Client("socket", timeout=10) as client:
        origin.play(OK.replace(b"200 OK", b"413 No\r\nConnection: close"), at=200_000, then="fin")
        assert client.post(origin.url, data=b"x" * 500_000).status_code == 413
        origin.play(Reset(), at=200_000)
        with pytest.raises(Disconnected) as caught:
            client.post(origin.url, data=b"x" * 5_000_000)
        assert caught.value.delivery != "not_sent"
    assert len(settled(origin)[1].received) == 200_000
