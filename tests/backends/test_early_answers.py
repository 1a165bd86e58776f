"""An answer that comes while the request's body is on its way: no byte more than is wanted, and no deadlock (RFC 9112 section 9.5)."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from unittest.mock import patch

import pytest
from backends import talk
from backends.talk import BODIES, HUGE, Generated, Server, body_of, goes_on, send, sum_of, summed

from intermodal.blocking import upload
from intermodal.errors import Disconnected, ReadTimeout, RequestBodyError, TotalTimeout, TransportError, WriteTimeout

REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"

bodies = pytest.mark.parametrize("body", BODIES)
schemes = pytest.mark.parametrize("scheme", ["http", "https"])

#: Enough that neither side can hold it, and little enough to be sent over TLS in no time.
ECHO = 20_000_000


def refuse(connection):
    """Answer 413 to the head, and never read on."""
    connection.head()
    connection.send(REFUSAL)
    connection.hold()


@schemes
@bodies
def test_a_refusal_ends_the_upload_at_once(transport, body, scheme):
    """413 to 30 MB by a server that reads none of it: the answer is there, the body is let go, the connection is not used again."""
    with Server(refuse, tls=scheme == "https") as server, body_of(body) as given:
        before = time.monotonic()
        with send(transport, server, given) as response:
            assert time.monotonic() - before < talk.PATIENCE / 2
            if body == "generator":
                assert given.closed.wait(0), "it is closed before the answer is read"
            assert (response.status_code, response.content) == (413, b"no")
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


@bodies
def test_what_is_left_of_an_upload_is_not_sent_after_a_refusal(transport, body):
    """The same by a server that does read on, and counts: what comes is less than the body, and then the end."""

    def refuse_and_read(connection):
        connection.head()
        connection.exactly(100_000)
        connection.send(REFUSAL)
        connection.read_on()

    with Server(refuse_and_read) as server, body_of(body) as given:
        with send(transport, server, given) as response:
            assert (response.status_code, response.content) == (413, b"no")
        assert server.talk(1).has_gone()
        assert 100_000 <= server.talk(1).size < HUGE
        assert goes_on(transport, server) == 2


@schemes
@bodies
def test_an_echo_goes_both_ways_at_once(transport, body, scheme):
    """A server that reads on only as its answer is taken gets all, the answer is whole, and memory for all of it is not needed."""

    def echo(connection):
        length = talk.field(connection.head(), "Content-Length")
        framing = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
        connection.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        if length:
            for piece in connection.pieces(int(length)):
                connection.send(piece)
        else:  # its chunks are ours
            end = b""
            while end != b"0\r\n\r\n":
                piece = connection.some()
                end = (end + piece)[-5:]
                connection.send(piece)
        connection.read_on()

    expected = sum_of(ECHO)
    with Server(echo, tls=scheme == "https") as server, body_of(body, ECHO) as given:
        tracemalloc.start()
        try:
            with send(transport, server, given) as response:
                assert response.status_code == 200
                assert summed(response.iter_content()) == expected
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
        assert goes_on(transport, server) == 2


@bodies
def test_a_server_that_answers_first_and_reads_then_gets_all(transport, body):
    """A 200 that was whole before the body was: whoever reads it sends the body to its end."""
    came = []

    def answer_and_read(connection):
        connection.head()
        connection.send(talk.OK)
        came.append(connection.body())
        connection.read_on()

    with Server(answer_and_read) as server, body_of(body) as given:
        with send(transport, server, given) as response:
            assert (response.status_code, response.content) == (200, b"ok")
        assert server.talk(1).has_gone()
        assert came == [sum_of(HUGE)]
        assert goes_on(transport, server) == 2


@bodies
def test_a_server_that_answers_and_never_reads_is_not_waited_for(transport, body):
    """A 200 that was whole, and a body that nobody takes: the answer is whole all the same, and soon."""

    def answer(connection):
        connection.head()
        connection.send(talk.OK)
        connection.hold()

    with Server(answer) as server, body_of(body) as given, patch.object(upload, "LINGER", 0.1):
        before = time.monotonic()
        with send(transport, server, given) as response:
            assert (response.status_code, response.content) == (200, b"ok")
        assert time.monotonic() - before < talk.PATIENCE / 4
        assert body != "generator" or given.closed.wait(0)
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


def test_how_long_a_server_that_has_answered_may_take_nothing():
    """Long enough for one that is slow, and no longer than a caller would wait for nothing."""
    assert 0.5 <= upload.LINGER <= 2


@bodies
def test_an_early_answer_that_closes_ends_the_upload(transport, body):
    """``Connection: close`` says that nothing more is read: nothing more is sent (RFC 9112 section 9.6)."""

    def answer(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        connection.read_on()

    with Server(answer) as server, body_of(body) as given:
        with send(transport, server, given) as response:
            assert (response.status_code, response.content) == (200, b"ok")
        assert server.talk(1).has_gone()
        assert server.talk(1).size < HUGE
        assert body != "generator" or given.closed.wait(0)
        assert goes_on(transport, server) == 2


@pytest.mark.parametrize("end", ["reset", "fin"])
@bodies
def test_an_early_answer_counts_though_the_connection_ends(transport, body, end):
    """413 and then a reset, or the end of the connection: what was answered was answered."""

    def answer(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(REFUSAL)
        if end == "fin":
            connection.end()
            connection.hold()
        else:
            time.sleep(0.05)  # a reset throws away what has not arrived
            connection.reset()

    with Server(answer) as server, body_of(body) as given:
        with send(transport, server, given) as response:
            assert (response.status_code, response.content) == (413, b"no")
        assert goes_on(transport, server) == 2


@bodies
def test_an_early_answer_that_is_cut_off_is_incomplete(transport, body):
    """A 413 of ten bytes of which two come, and the end of the connection."""

    def answer(connection):
        connection.head()
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 10\r\n\r\nno")
        connection.end()
        connection.hold()

    with Server(answer) as server, body_of(body) as given:
        with send(transport, server, given) as response, pytest.raises(TransportError) as caught:
            response.content  # noqa: B018
        error = caught.value
        assert (type(error).__name__, error.phase, error.delivery, error.partial) == (
            "IncompleteBody",
            "body",
            "sent",
            b"no",
        )
        assert goes_on(transport, server) == 2


@bodies
def test_interim_responses_do_not_end_the_upload(transport, body):
    """103 in the middle of the body is kept for the answer, which comes when all was sent; the connection serves again."""

    def hint(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        assert sum(map(len, connection.pieces(HUGE // 2))) == HUGE // 2
        connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        if talk.field(connection.heads[0], "Content-Length"):
            connection.exactly(HUGE - HUGE // 2 - 1000)
        else:
            end = b""
            while end != b"0\r\n\r\n":
                end = (end + connection.some())[-5:]
        talk_on(connection)

    def talk_on(connection):
        connection.send(talk.OK)
        talk.plainly(connection)

    with Server(hint) as server, body_of(body) as given:
        with send(transport, server, given) as response:
            assert [interim.status_code for interim in response.informational] == [103, 102]
            assert response.informational[0].headers.pairs == (("Link", "</a>"),)
            assert (response.status_code, response.content) == (200, b"ok")
        assert goes_on(transport, server) == 1


@bodies
def test_an_interim_response_before_an_early_answer_is_kept(transport, body):
    """103 and then 413, in one piece or two, to a body that nobody reads."""

    def hint_and_refuse(connection):
        connection.head()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 41")
        time.sleep(0.02)
        connection.send(REFUSAL.removeprefix(b"HTTP/1.1 41"))
        connection.hold()

    with Server(hint_and_refuse) as server, body_of(body) as given:
        with send(transport, server, given) as response:
            assert [interim.status_code for interim in response.informational] == [103]
            assert (response.status_code, response.content) == (413, b"no")
        assert goes_on(transport, server) == 2


@pytest.mark.parametrize("end", ["fin", "reset"])
@bodies
def test_a_server_that_goes_without_an_answer_may_have_acted(transport, body, end):
    """The end of the connection, in order or by a reset, in the middle of the body: Disconnected, delivery unknown."""

    def leave(connection):
        connection.head()
        connection.exactly(1000)
        if end == "fin":
            connection.end()
            connection.hold()
        else:
            connection.reset()

    with Server(leave) as server, body_of(body) as given:
        with pytest.raises(Disconnected) as caught:
            send(transport, server, given)
        error = caught.value
        assert (error.delivery, error.reused, error.transport) == ("maybe_sent", False, transport.info.name)
        assert error.phase == "wait"
        assert body != "generator" or given.closed.wait(0)
        assert goes_on(transport, server) == 2


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n"]
)
def test_an_early_answer_that_is_none_is_refused_at_once(transport, answer):
    """What is no answer is a ProtocolError of the head, while the body is on its way as after it."""

    def garble(connection):
        connection.head()
        connection.send(answer)
        connection.hold()

    for body in BODIES:
        with Server(garble) as server, body_of(body) as given:
            with pytest.raises(TransportError) as caught:
                send(transport, server, given)
            error = caught.value
            assert (type(error).__name__, error.phase, error.delivery) == ("ProtocolError", "head", "sent"), body
            assert goes_on(transport, server) == 2


def test_a_body_that_fails_behind_an_early_answer_fails_the_reading(transport):
    """The caller's generator raises once the head is there: RequestBodyError out of the body, behind what had come of it."""
    answered = threading.Event()

    def fail_at_third(number):
        if number == 1:
            assert answered.wait(talk.PATIENCE)
        if number == 2:
            raise ValueError("mine")

    def answer(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        answered.set()
        connection.read_on()

    body = Generated(between=fail_at_third)
    with Server(answer) as server:
        with send(transport, server, body) as response:
            assert response.status_code == 200
            assert response.raw.read(100) == b"he"
            with pytest.raises(RequestBodyError, match="mine") as caught:
                response.raw.read(100)
            assert isinstance(caught.value.__cause__, ValueError)
            assert caught.value.request is response.request
        assert body.closed.wait(0)
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


def test_a_body_that_fails_behind_a_whole_answer_fails_the_reading(transport):
    """So too where all of the answer was there at once: it is given, and what fails is to read it."""
    answered = threading.Event()

    def fail_at_third(number):
        if number == 1:
            assert answered.wait(talk.PATIENCE)
        if number == 2:
            raise ValueError("mine")

    def answer(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(talk.OK)
        answered.set()
        connection.read_on()

    body = Generated(between=fail_at_third)
    with Server(answer) as server:
        with send(transport, server, body) as response:
            assert response.status_code == 200
            with pytest.raises(RequestBodyError, match="mine") as caught:
                response.content  # noqa: B018
            assert (caught.value.phase, caught.value.delivery) == ("body", "sent")
        assert body.closed.wait(0)
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


@bodies
def test_dropping_a_response_ends_its_upload(transport, body):
    """Left to the garbage collector in the middle of both directions, it holds neither body nor connection."""

    def answer(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        connection.hold()

    with Server(answer) as server, body_of(body) as given:
        response = send(transport, server, given)
        assert response.raw.read(1) == b"h"
        del response
        gc.collect()
        assert server.talk(1).has_gone()
        assert body != "generator" or given.closed.wait(0)
        assert goes_on(transport, server) == 2


@bodies
def test_closing_a_response_ends_its_upload(transport, body):
    """Closed in the middle of both directions: the body is let go, and the connection is not used again."""

    def answer(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        connection.hold()

    with Server(answer) as server, body_of(body) as given:
        response = send(transport, server, given)
        assert response.raw.read(1) == b"h"
        response.close()
        assert server.talk(1).has_gone()
        assert body != "generator" or given.closed.wait(0)
        assert goes_on(transport, server) == 2


def test_an_endless_body_ends_where_it_is_refused(transport):
    """A generator that waits for what goes on meanwhile is asked for no more than a piece once the answer is there."""
    answered = threading.Event()
    seen = []

    def wait_at_third(number):
        if number == 3:
            assert answered.wait(talk.PATIENCE)
            seen.append(number)
        assert number < 5, "it goes on and on"

    def refuse_at_third(connection):
        connection.head()
        connection.exactly(150_000)
        connection.send(REFUSAL)
        answered.set()
        connection.read_on()

    body = Generated(between=wait_at_third)
    with Server(refuse_at_third) as server:
        with send(transport, server, body) as response:
            assert (response.status_code, response.content) == (413, b"no")
        assert seen == [3]
        assert body.taken == 4
        assert body.closed.wait(0)


@pytest.mark.parametrize("bound", ["write", "total"])
@pytest.mark.parametrize("body", ["generator", "file"])
def test_a_server_that_neither_reads_nor_answers_is_left_in_time(transport, body, bound):
    """The bound for each write, and the total one, end an upload that nobody takes."""

    def hold(connection):
        connection.head()
        connection.hold()

    with Server(hold) as server, body_of(body) as given:
        before = time.monotonic()
        with pytest.raises(WriteTimeout if bound == "write" else TotalTimeout) as caught:
            send(transport, server, given, **{bound: 0.15})
        assert 0.14 < time.monotonic() - before < talk.PATIENCE / 4
        assert (caught.value.phase, caught.value.delivery) == ("send", "maybe_sent")
        assert body != "generator" or given.closed.wait(0)
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


@pytest.mark.parametrize("bound", ["read", "total"])
@pytest.mark.parametrize("body", ["bytes", "generator"])
def test_an_early_answer_that_does_not_go_on_is_left_in_time(transport, body, bound):
    """The head is there, and then the server neither reads nor sends: the bounds of reading hold."""

    def begin(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        connection.hold()

    with Server(begin) as server, body_of(body) as given:
        before = time.monotonic()
        with send(transport, server, given, **{bound: 0.2}) as response:
            with pytest.raises(ReadTimeout if bound == "read" else TotalTimeout) as caught:
                response.content  # noqa: B018
            assert 0.14 < time.monotonic() - before < talk.PATIENCE / 4
            assert (caught.value.phase, caught.value.delivery, caught.value.partial) == ("body", "sent", b"he")
            assert body != "generator" or given.closed.wait(0)
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


@bodies
def test_what_goes_out_up_to_the_answer_is_the_same_everywhere(all_transports, body):
    """The head and the first 200 000 bytes behind it, as written by hand, over each of the four."""
    came = {}

    def taking(name):
        def take_and_refuse(connection):
            head = connection.head()
            came[name] = head + connection.exactly(200_000)
            connection.send(REFUSAL)
            connection.hold()

        return take_and_refuse

    fields = [("Host", "h"), ("X-A", "1"), ("x-a", "2")]
    for name, transport in all_transports.items():
        with Server(taking(name)) as server, body_of(body) as given:
            assert send(transport, server, given, headers=fields).status_code == 413
    framing = b"Transfer-Encoding: chunked" if body == "generator" else b"Content-Length: 30000000"
    head = b"POST / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n" + framing + b"\r\n\r\n"
    content = (b"10000\r\n" + b"g" * 65536 + b"\r\n") * 4 if body == "generator" else b"g" * 200_000
    assert came == dict.fromkeys(all_transports, head + content[:200_000])
