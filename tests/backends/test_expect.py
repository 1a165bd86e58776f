"""Expect: 100-continue (RFC 9110 section 10.1.1): the server is asked first, and waited for, but not for ever."""

from __future__ import annotations

import time
from unittest.mock import patch

import pytest
from backends import talk
from backends.talk import BODIES, Generated, Server, body_of, goes_on, send, sum_of

import intermodal
from intermodal.blocking import exchange
from intermodal.errors import Disconnected, ProtocolError, ReadTimeout, TotalTimeout
from intermodal.model.request import Request

EXPECT = {"Expect": "100-continue"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

#: Fits into one segment, and would have gone out with its head.
SMALL = 5
#: Does not.
LARGE = 1_000_000

bodies = pytest.mark.parametrize("body", BODIES)
sizes = pytest.mark.parametrize("size", [SMALL, LARGE])
schemes = pytest.mark.parametrize("scheme", ["http", "https"])


def patiently(seconds):
    """Let a server that was asked keep silent for so long."""
    return patch.object(exchange, "PATIENCE", seconds)


@schemes
@sizes
@bodies
def test_the_body_follows_100_and_not_before(transport, body, size, scheme):
    """Nothing comes behind the head until the server has said 100; then all of it, and the connection serves again."""
    came = []

    def ask_for_it(connection):
        connection.head()
        assert connection.is_silent()
        connection.send(CONTINUE)
        came.append(connection.body())
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(talk.PATIENCE), Server(ask_for_it, tls=scheme == "https") as server, body_of(body, size) as given:
        with send(transport, server, given, headers=EXPECT) as response:
            assert [interim.status_code for interim in response.informational] == [100]
            assert (response.status_code, response.content) == (200, b"ok")
        assert came == [sum_of(size)]
        assert goes_on(transport, server) == 1


@schemes
@pytest.mark.parametrize("status", ["417 Expectation Failed", "401 Unauthorized", "200 OK"])
@bodies
def test_a_final_answer_keeps_the_body_here(transport, body, status, scheme):
    """Whatever it says, it was given without the body: no byte of that is sent, and the connection is not used again."""

    def answer(connection):
        connection.head()
        connection.send(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno".encode())
        connection.read_on()

    with patiently(talk.PATIENCE), Server(answer, tls=scheme == "https") as server, body_of(body, SMALL) as given:
        with send(transport, server, given, headers=EXPECT) as response:
            assert (response.status_code, response.content) == (int(status[:3]), b"no")
        assert server.talk(1).has_gone()
        assert server.talk(1).size == 0
        assert goes_on(transport, server) == 2


def test_a_body_that_was_not_sent_was_not_touched(transport):
    """A generator is not begun, and a file stands where it stood."""

    def refuse(connection):
        connection.head()
        connection.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        connection.read_on()

    generated = Generated(SMALL)
    with patiently(talk.PATIENCE), Server(refuse, refuse) as server, talk.stored(b"0123456789") as file:
        file.seek(3)
        for body in (generated, file):
            with send(transport, server, body, headers=EXPECT) as response:
                assert response.status_code == 417
        assert generated.taken == 0
        assert file.tell() == 3


@bodies
def test_a_silent_server_gets_the_body_after_a_while(transport, body):
    """One that does not know of Expect waits for the body: it comes when the patience is over, and not before."""
    waited = []

    def wait_for_it(connection):
        connection.head()
        before = time.monotonic()
        body = connection.body()
        waited.append((time.monotonic() - before, body))
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(0.15), Server(wait_for_it) as server, body_of(body, SMALL) as given:
        with send(transport, server, given, headers=EXPECT) as response:
            assert (response.status_code, response.content, response.informational) == (200, b"ok", ())
        ((seconds, came),) = waited
        assert 0.1 < seconds < talk.PATIENCE / 4
        assert came == sum_of(SMALL)
        assert goes_on(transport, server) == 1


@schemes
def test_other_interim_responses_are_not_the_one_that_is_waited_for(transport, scheme):
    """102 and 103 say nothing about the body: it waits for 100."""

    def hint_first(connection):
        connection.head()
        for status in (b"102 Processing", b"103 Early Hints"):
            connection.send(b"HTTP/1.1 " + status + b"\r\n\r\n")
            assert connection.is_silent()
        connection.send(CONTINUE)
        assert connection.body() == sum_of(SMALL)
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(talk.PATIENCE), Server(hint_first, tls=scheme == "https") as server:
        with send(transport, server, b"g" * SMALL, headers=EXPECT) as response:
            assert [interim.status_code for interim in response.informational] == [102, 103, 100]
            assert response.content == b"ok"
        assert goes_on(transport, server) == 1


def test_interim_responses_before_a_refusal_are_kept(transport):
    """103, and then 417 in two pieces: neither the hint nor the first piece is an answer."""

    def hint_and_refuse(connection):
        connection.head()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 417 Expectation")
        assert connection.is_silent()
        connection.send(b" Failed\r\nContent-Length: 0\r\n\r\n")
        connection.read_on()

    with patiently(talk.PATIENCE), Server(hint_and_refuse) as server:
        with send(transport, server, b"g" * SMALL, headers=EXPECT) as response:
            assert response.status_code == 417
            assert [interim.status_code for interim in response.informational] == [103]
        assert server.talk(1).has_gone()
        assert server.talk(1).size == 0


@bodies
def test_a_100_that_comes_after_the_body_is_read_over(transport, body):
    """The server was too slow to be asked: its 100 is an interim response like any other."""

    def late(connection):
        connection.head()
        came = connection.body()
        assert came == sum_of(SMALL)
        connection.send(CONTINUE)
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(0.05), Server(late) as server, body_of(body, SMALL) as given:
        with send(transport, server, given, headers=EXPECT) as response:
            assert [interim.status_code for interim in response.informational] == [100]
            assert (response.status_code, response.content) == (200, b"ok")
        assert goes_on(transport, server) == 1


@bodies
def test_100_and_the_answer_in_one_segment(transport, body):
    """Who says 100 and answers at once has not waited for the body: it is as with any early answer."""

    def hasty(connection):
        connection.head()
        connection.send(CONTINUE + b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        connection.read_on()

    with patiently(talk.PATIENCE), Server(hasty) as server, body_of(body, SMALL) as given:
        with send(transport, server, given, headers=EXPECT) as response:
            assert [interim.status_code for interim in response.informational] == [100]
            assert (response.status_code, response.content) == (413, b"no")
        assert server.talk(1).has_gone()
        assert server.talk(1).size == 0
        assert goes_on(transport, server) == 2


@schemes
@pytest.mark.parametrize("end", ["fin", "reset"])
def test_a_server_that_goes_instead_of_answering(transport, end, scheme):
    """Disconnected, the head may have arrived, no byte of the body was sent."""

    def leave(connection):
        connection.head()
        if end == "fin":
            connection.sock.unwrap() if scheme == "https" else connection.end()
            connection.read_on()
        else:
            connection.reset()

    with patiently(talk.PATIENCE), Server(leave, tls=scheme == "https") as server:
        with pytest.raises(Disconnected) as caught:
            send(transport, server, b"g" * SMALL, headers=EXPECT)
        assert (caught.value.phase, caught.value.delivery) == ("wait", "maybe_sent")
        assert server.talk(1).has_gone()
        assert server.talk(1).size == 0
        assert goes_on(transport, server) == 2


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\nnonsense"]
)
def test_what_is_no_answer_is_refused(transport, answer):
    """Garbage in the place of 100, or behind it: a ProtocolError of the head."""

    def garble(connection):
        connection.head()
        connection.send(answer)
        connection.read_on()

    with patiently(talk.PATIENCE), Server(garble) as server:
        with pytest.raises(ProtocolError) as caught:
            send(transport, server, b"g" * SMALL, headers=EXPECT)
        assert (caught.value.phase, caught.value.delivery) == ("head", "sent")
        assert goes_on(transport, server) == 2


def test_session_tickets_are_no_answer(transport):
    """TLS 1.3 sends tickets behind its handshake: they wake who waits, and the body still waits for 100."""

    def ask_for_it(connection):
        assert connection.sock.version() == "TLSv1.3"
        connection.head()
        assert connection.is_silent(0.2)
        connection.send(CONTINUE)
        assert connection.body() == sum_of(LARGE)
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(talk.PATIENCE), Server(ask_for_it, tls=True) as server:
        with send(transport, server, b"g" * LARGE, headers=EXPECT) as response:
            assert response.content == b"ok"
        assert goes_on(transport, server) == 1


def test_the_wait_is_within_the_total_bound(transport):
    """A server that keeps silent, and a bound for all that is shorter than the patience."""

    def hold(connection):
        connection.head()
        connection.hold()

    with patiently(talk.PATIENCE), Server(hold) as server:
        before = time.monotonic()
        with pytest.raises(TotalTimeout) as caught:
            send(transport, server, b"g" * SMALL, headers=EXPECT, total=0.15)
        assert 0.14 < time.monotonic() - before < talk.PATIENCE / 4
        assert caught.value.delivery == "maybe_sent"
        assert caught.value.phase in {"wait", "send"}, "it waits in the middle of sending"
        assert server.talk(1).has_gone()
        assert server.talk(1).size == 0
        assert goes_on(transport, server) == 2


def test_a_server_that_says_nothing_at_all_is_left_in_time(transport):
    """The body went out after the wait, and then the bound of reading holds."""

    def hold(connection):
        connection.head()
        connection.hold()

    with patiently(0.05), Server(hold) as server:
        with pytest.raises(ReadTimeout) as caught:
            send(transport, server, b"g" * SMALL, headers=EXPECT, read=0.15)
        assert (caught.value.phase, caught.value.delivery) == ("wait", "maybe_sent")
        assert server.talk(1).has_gone()
        assert server.talk(1).size == SMALL


def test_the_second_request_of_a_connection_may_ask_too(transport):
    """On a connection that has served, as on a new one; and the answer to the first is not taken for the one to the second."""

    def twice(connection):
        connection.head()
        connection.send(talk.OK)
        connection.head()
        assert connection.is_silent()
        connection.send(CONTINUE)
        assert connection.body() == sum_of(SMALL)
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(talk.PATIENCE), Server(twice) as server:
        assert send(transport, server, method="GET").content == b"ok"
        with send(transport, server, b"g" * SMALL, headers=EXPECT) as response:
            assert (response.status_code, response.content) == (200, b"ok")
        assert goes_on(transport, server) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_asks_too(transport, stream):
    """By its own keywords, streamed or not, with a body that is chunked."""

    def ask_for_it(connection):
        assert b"\r\nTransfer-Encoding: chunked\r\n" in connection.head()
        assert connection.is_silent()
        connection.send(CONTINUE)
        assert connection.body() == sum_of(LARGE)
        connection.send(talk.OK)
        talk.plainly(connection)

    with patiently(talk.PATIENCE), Server(ask_for_it) as server:
        client = intermodal.Client(transport)
        response = client.post(server.url, data=Generated(LARGE), headers=EXPECT, stream=stream)
        assert (response.status_code, response.content) == (200, b"ok")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_without_content_asks_for_nothing(method):
    """A client must not ask where it has nothing to send (RFC 9110 section 10.1.1)."""
    with pytest.raises(intermodal.InvalidHeader, match="there is none"):
        Request(method, "http://h/", EXPECT)


def test_how_long_a_server_may_keep_silent():
    """About a second, as other clients have it."""
    assert 0.5 <= exchange.PATIENCE <= 2


def test_what_goes_out_is_the_same_everywhere(all_transports):
    """Head, pause, body: as written by hand, over each of the four."""
    for body, framing, content in (
        (lambda: b"g" * SMALL, b"Content-Length: 5", b"ggggg"),
        (lambda: Generated(SMALL), b"Transfer-Encoding: chunked", b"5\r\nggggg\r\n0\r\n\r\n"),
    ):
        came = {}
        for name, transport in all_transports.items():
            taken = came.setdefault(name, [])
            with patiently(talk.PATIENCE), Server(_taking(len(content), taken)) as server:
                send(transport, server, body(), headers=[("Host", "h"), *EXPECT.items()]).close()
        head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" + framing + b"\r\n\r\n"
        assert came == {name: [head, content] for name in all_transports}


def _taking(size, taken):
    """A step that notes a head and so many bytes behind it."""

    def take(connection):
        taken.append(connection.head())
        connection.send(CONTINUE)
        taken.append(connection.exactly(size))
        connection.send(talk.OK)

    return take
