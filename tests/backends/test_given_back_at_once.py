"""A connection serves again as soon as all of its answer is here, whether anybody has read that or not."""

from __future__ import annotations

import contextlib
import gc

import pytest
from backends import talk
from backends.talk import Server, goes_on, send
from fleet import TRANSPORTS, make_transport

from intermodal.errors import PoolTimeout, ResponseError
from intermodal.model.options import Limits

schemes = pytest.mark.parametrize("scheme", ["http", "https"])

#: A server's answers that are whole as soon as they have come.
WHOLE = {
    "sized": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "with odd fields": (b"HTTP/1.1 200 OK\r\nX-A: 1\n folded\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "sized twice": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "behind a hint": (b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "without content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
}


@pytest.fixture(params=TRANSPORTS)
def narrow(request):
    """Each of the four with room for one connection."""
    with contextlib.closing(make_transport(request.param, limits=Limits(connections=1))) as made:
        yield made


def answering(*answers):
    """A step that gives each of the answers to a request, and goes on plainly."""

    def answer(connection):
        for data in answers:
            connection.head()
            connection.body()
            connection.send(data)
        talk.plainly(connection)

    return answer


@schemes
@pytest.mark.parametrize("kind", WHOLE)
def test_an_answer_that_is_here_holds_no_connection(narrow, kind, scheme):
    """Unread, it does not keep the next request from the one connection there is; read afterwards, it is as it came."""
    data, content = WHOLE[kind]
    with Server(answering(data, data), tls=scheme == "https") as server:
        first = send(narrow, server, method="GET", pool=1)
        second = send(narrow, server, b"body", pool=1)
        assert goes_on(narrow, server) == 1
        assert (first.content, second.content) == (content, content)
        assert (first.trailers.pairs, second.raw.read()) == ((), b"")


def test_an_answer_that_is_not_here_holds_its_connection(narrow):
    """One byte is missing: the next request waits for the one connection, until this one is closed."""
    with Server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello")) as server:
        first = send(narrow, server, method="GET", pool=0.1)
        with pytest.raises(PoolTimeout):
            send(narrow, server, method="GET", pool=0.1)
        first.close()
        assert goes_on(narrow, server) == 2


@pytest.mark.parametrize("kind", ["sized", "with odd fields"])
def test_closed_unread_it_is_closed(narrow, kind):
    """Reading it then is a ResponseError, though its bytes were here; and its connection serves on."""
    data, _ = WHOLE[kind]
    with Server(answering(data)) as server:
        response = send(narrow, server, method="GET")
        assert response.raw.read(2) == b"he"
        response.close()
        for _ in range(2):
            with pytest.raises(ResponseError, match="closed"):
                response.raw.read(2)
        with pytest.raises(ResponseError, match="closed"):
            response.content  # noqa: B018
        assert goes_on(narrow, server) == 1


@pytest.mark.parametrize("kind", WHOLE)
def test_closed_after_it_was_read_it_stays_read(narrow, kind):
    """Closing, twice or by ``with``, changes nothing for an answer that was read."""
    data, content = WHOLE[kind]
    with Server(answering(data)) as server:
        with send(narrow, server, method="GET") as response:
            assert response.content == content
        response.close()
        assert response.content == content
        assert list(response.iter_content(2)) == [content[at : at + 2] for at in range(0, len(content), 2)]
        assert goes_on(narrow, server) == 1


def test_it_is_a_body_like_any_other(narrow):
    """In pieces, as a file, into a buffer: each gives what came, once."""
    data, _ = WHOLE["sized"]
    with Server(answering(data, data, data)) as server:
        assert list(send(narrow, server, method="GET").iter_content(2)) == [b"he", b"ll", b"o"]
        raw = send(narrow, server, method="GET").raw
        assert [raw.read(2), raw.read(), raw.read()] == [b"he", b"llo", b""]
        raw = send(narrow, server, method="GET").raw
        buffer = bytearray(4)
        assert [raw.readinto(buffer), bytes(buffer), raw.readinto(buffer), bytes(buffer[:1]), raw.readinto(buffer)] == [
            4,
            b"hell",
            1,
            b"o",
            0,
        ]
        streamed = send(narrow, server, method="GET")
        list(streamed.iter_content())
        with pytest.raises(ResponseError, match="streamed"):
            streamed.content  # noqa: B018
        assert goes_on(narrow, server) == 1


def test_an_answer_that_says_close_is_the_last(narrow):
    """It is here, and its connection is not used again, by either side's wish."""
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    with Server(answering(closing), answering(WHOLE["sized"][0])) as server:
        first = send(narrow, server, method="GET", pool=1)
        second = send(narrow, server, method="GET", pool=1, headers={"Connection": "close"})
        assert goes_on(narrow, server) == 3
        assert (first.content, second.content) == (b"hello", b"hello")


def test_an_answer_with_more_behind_it_is_the_last(narrow):
    """The bytes too many are nobody's; the answer is as it was announced."""
    with Server(answering(WHOLE["sized"][0] + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL")) as server:
        assert send(narrow, server, method="GET").content == b"hello"
        assert goes_on(narrow, server) == 2


def test_a_body_read_to_its_last_byte_and_closed_gives_its_connection_back(transport):
    """Whoever knows the length does not ask for the end: closed there, the body counts as read."""
    size = 200_000
    with Server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)) as server:
        response = send(transport, server, method="GET")
        left = size
        while left:
            left -= len(response.raw.read(left))
        response.close()
        assert response.raw.read(1) == b""
        assert goes_on(transport, server) == 1


def test_a_large_body_that_is_dropped_unread_frees_its_place(narrow):
    """Left to the garbage collector it holds nothing any more; its connection is not used again."""
    size = 30_000_000
    with Server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)) as server:
        response = send(narrow, server, method="GET")
        assert response.raw.read(10) == b"x" * 10
        del response
        gc.collect()
        assert goes_on(narrow, server) == 2
