"""Answers in the language that the libraries' own parsers agree on are read over the user's own object as guarded ones are.

What they disagree on is refused where it shows, and never reaches the next request.
"""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from backends.own import NAMES, fitting, make_own
from corpus_player import CUTS, DEFAULT_HEADERS, play, rows
from fleet import make_transport

from intermodal.errors import ProtocolError, ResponseError, TotalTimeout
from intermodal.model.options import Limits
from intermodal.model.request import Request
from intermodal.testing.origin import Origin

# --- the language -------------------------------------------------------------------------------------------------------

_VALUE = rb"[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?"
_FIELD = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t ]*(?:" + _VALUE + rb"(?:\r\n " + _VALUE + rb")*)?[\t ]*\r\n"
_REASON = rb"[\t -~\xa1-\xff]*"
_HEAD = re.compile(
    rb"(?:HTTP/1\.[01] 100 " + _REASON + rb"\r\n(?:" + _FIELD + rb")*\r\n)*"
    rb"HTTP/1\.[01] ([2-9][0-9]{2}) " + _REASON + rb"\r\n((?:" + _FIELD + rb")*)\r\n"
)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]{0,16000})?\r\n")
_TRAILERS = re.compile(rb"(?:" + _FIELD + rb"){0,99}\r\n")


def in_common_language(row):
    """Whether http.client and h11 make the same of a row, whoever guards them.

    What is left out, and the rule that leaves it out:

    - an asked ``Upgrade``: it is not declared;
    - a status line with other than single spaces, a status outside 200 to 999, an interim status other than 100
      (http.client takes it for the final one) or more than 64 of them, a control character in the reason;
    - more than 99 fields (http.client's bound), a line beyond 65536 or a head beyond 60000 bytes, a name that is no
      token, white space before the colon, a control character or a bare CR, a fold other than CRLF SP with text on
      both sides, a first field that begins with ``From `` (http.client drops it);
    - ``Connection`` in an interim response, which no library tells of;
    - a head that is cut off (http.client has no error for it);
    - ``Transfer-Encoding`` other than one lower-case ``chunked`` (h11 rewrites its case);
    - ``Content-Length`` other than one number of up to 19 digits (h11 makes one of several);
    - more than one ``Connection`` field, or ``close`` in it as a part of another word (http.client's search);
    - bytes or Transfer-Encoding where there is no content: after HEAD, 204 and 304;
    - chunks other than ``size [;extension] CRLF data CRLF``, long extensions and trailers, and a cut in the last chunk
      or in the trailers (http.client has no error for it);
    - a byte beyond the message that comes together with it: each library has its own way with those.
    """
    if any(name.lower() == "upgrade" for name, _ in row.headers):
        return False
    script = row.script
    head = _HEAD.match(script)
    if head is None or head.end() > 60000 or script[: head.start(1)].count(b" 100 ") > 64:
        return False
    if b"\nconnection:" in script[: head.start(1)].lower():
        return False
    lines = re.sub(rb"\r\n ", b" ", head[2]).split(b"\r\n")[:-1]
    if len(lines) > 99 or (lines and lines[0].startswith(b"From ")):
        return False
    return _framed_alike(row, head, lines)


def _framed_alike(row, head, lines):
    def values(name):
        return [line.partition(b":")[2].strip() for line in lines if line.partition(b":")[0].lower() == name]

    codings, lengths, connection = values(b"transfer-encoding"), values(b"content-length"), values(b"connection")
    if codings not in ([], [b"chunked"]) or (codings and re.search(rb"chunked[\t ]+\r\n", head[2])):
        return False
    if len(lengths) > 1 or not all(re.fullmatch(b"[0-9]{1,19}", length) for length in lengths):
        return False
    if len(connection) > 1 or any(
        b"close" in option.lower() and option.strip().lower() != b"close"
        for value in connection
        for option in value.split(b",")
    ):
        return False
    body = row.script[head.end() :]
    if row.method == "HEAD" or head[1] in (b"204", b"304"):
        return not body and not codings
    if codings:
        return _chunked_alike(body)
    return not lengths or len(body) <= int(lengths[0])


def _chunked_alike(body):
    while True:
        size = _SIZE.match(body)
        if size is None:
            return re.fullmatch(b"[0-9A-Fa-f]{0,16}", body) is not None and not re.match(b"0+$", body)
        body = body[size.end() :]
        length = int(size[1], 16)
        if length == 0:
            return len(body) < 16000 and _TRAILERS.fullmatch(body) is not None
        if len(body) < length + 2:
            return b"\r\n".startswith(body[length:])
        if body[length : length + 2] != b"\r\n":
            return False
        body = body[length + 2 :]


ROWS = [row for row in rows() if in_common_language(row)]

#: Each lane has an origin of its own, because scripts are taken in the order in which they were queued.
LANES = list(itertools.product(NAMES, (True, False)))


class Fitted:
    """A transport that is asked for what it declares, whatever the player asks."""

    def __init__(self, transport):
        self._transport = transport
        self.info = transport.info

    def send(self, request, options):
        return self._transport.send(request, fitting(self._transport, options.timeouts.read))


@pytest.fixture(scope="module")
def lanes():
    """Plays a row over the three guarded transports and the three over an object of the user's, at once."""
    origins = {lane: Origin() for lane in LANES}

    def play_in(lane, row, steps):
        name, guarded = lane
        made = make_transport(name) if guarded else make_own(name)
        try:
            return play(row, steps, made if guarded else Fitted(made.transport), origins[lane])
        finally:
            made.close()

    with ThreadPoolExecutor(len(LANES)) as pool:

        def play_in_all(row, steps):
            waiting = {lane: pool.submit(play_in, lane, row, steps) for lane in LANES}
            return {lane: played.result() for lane, played in waiting.items()}

        yield play_in_all
    for origin in origins.values():
        origin.close()


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_an_answer_in_the_common_language_is_read_as_the_guarded_transport_reads_it(lanes, row, cut):
    """The outcome, the connections opened and the next request are the same; only what is not declared is not there."""
    played = lanes(row, CUTS[cut](row))
    for name in NAMES:
        guarded = played[name, True]
        undeclared = replace(guarded.outcome, trailers=None, informational=())
        assert played[name, False] == replace(guarded, outcome=undeclared), name


def test_the_language_holds_a_good_part_of_the_corpus():
    """The comparison is not empty: each group has rows in it, and a third of all answers are."""
    assert len(ROWS) > len(rows()) / 3
    assert {row.group for row in ROWS} >= {
        "headers",
        "1xx",
        "no-body",
        "content-length",
        "chunked-framing",
        "persistence",
    }


# --- beyond it ----------------------------------------------------------------------------------------------------------

REFUSED = {
    "a line without a colon": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\ngarbage\r\nX-B: 2\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n",
    "a name that is no token": b"HTTP/1.1 200 OK\r\nX(A: 1\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unasked 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "another major version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status that is none": b"HTTP/1.1 20x OK\r\n\r\n",
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
def test_what_a_library_lets_pass_is_malformed_all_the_same(own, origin, answer):
    """A head that RFC 9112 calls invalid is a ProtocolError, and the connection it came on serves no more."""
    origin.play(answer)
    request = Request("GET", origin.url, DEFAULT_HEADERS)
    with pytest.raises(ProtocolError) as caught:
        own.transport.send(request, fitting(own.transport))
    assert (caught.value.phase, caught.value.delivery, caught.value.request) == ("head", "sent", request)
    assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).json()["target"] == "/get"
    assert len(origin.connections) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ],
    ids=["a length", "no content", "chunks"],
)
def test_what_follows_an_answer_never_answers_the_next_request(own, origin, answer):
    """A whole answer behind the answer, in the same segment, is nobody's: h11 would give it to the next request."""
    origin.play(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL")
    own.transport.send(Request("GET", origin.url), fitting(own.transport)).content  # noqa: B018
    assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).json()["target"] == "/get"


KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CLOSED = {
    "the request says close": ({"Connection": "close"}, KEPT),
    "the answer says close": ({}, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"),
    "close in a second field": (
        {},
        b"HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
    ),
    "HTTP/1.0 with keep-alive": ({}, b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"),
    "two framings": (
        {},
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("headers", "answer"), CLOSED.values(), ids=CLOSED)
def test_a_connection_that_must_close_serves_no_more(own, origin, headers, answer):
    """The rule of RFC 9112 section 9.3 holds, where the library has another; the body is read to its end before."""
    origin.play(answer[:-1], 0.02, answer[-1:])
    with own.transport.send(Request("GET", origin.url, headers), fitting(own.transport)) as response:
        assert response.content == b"hi"
    own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).close()
    assert [received.connection for received in origin.requests] == [1, 2]


def test_a_connection_that_may_stay_serves_again(own, origin):
    """Bodies by length, by chunks and without content leave a connection that carries all further requests."""
    for path in ("/get", "/stream/3", "/status/204", "/bytes/70000"):
        with own.transport.send(Request("GET", origin.url + path), fitting(own.transport)) as response:
            response.content  # noqa: B018
        own.transport.send(Request("HEAD", origin.url + path), fitting(own.transport)).close()
    assert len(origin.connections) == 1


def test_a_body_left_unread_poisons_nothing(own, origin):
    """Closing early, or leaving a response to the garbage collector, costs the connection and nothing else."""
    for leave in (lambda response: response.close(), lambda response: None):
        origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        response = own.transport.send(Request("GET", origin.url), fitting(own.transport))
        assert response.raw.read(5) == b"hello"
        leave(response)
        del response
        assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).status_code == 200
    with own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)) as response:
        pass
    with pytest.raises(ResponseError):
        response.content  # noqa: B018


def test_a_body_is_given_as_it_comes(own, origin):
    """What has arrived is handed out before the rest is there, by length and by chunks."""
    for answer in (
        [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 0.2, b"cd"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", 0.2, b"2\r\ncd\r\n0\r\n\r\n"],
    ):
        origin.play(*answer)
        with own.transport.send(Request("GET", origin.url), fitting(own.transport)) as response:
            pieces = list(iter(lambda read=response.raw.read: read(100), b""))
        assert pieces == [b"ab", b"cd"]


def test_the_limits_of_a_head_hold(origin):
    """A head beyond ``Limits`` is refused, though the libraries accept it."""
    for name in NAMES:
        own = make_own(name, limits=Limits(fields=5, head_bytes=300))
        for fields in (b"X-A: 1\r\n" * 6, b"X-A: " + b"a" * 300 + b"\r\n"):
            origin.play(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
            with pytest.raises(ProtocolError, match="limit|Limits"):
                own.transport.send(Request("GET", origin.url), fitting(own.transport))
        own.close()


def test_draining_is_bounded_between_two_reads(own, origin):
    """Reading on for the connection's sake ends after its time, though no total is declared."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *itertools.chain(*[(b"a", 0.03)] * 40))
    response = own.transport.send(Request("GET", origin.url), fitting(own.transport))
    response._body.drain(1000, 0.2)
    with pytest.raises((TotalTimeout, ResponseError)):
        response.content  # noqa: B018
    assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).status_code == 200
