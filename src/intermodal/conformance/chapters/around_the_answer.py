"""T3, of what comes before an answer, behind it and with it: 1xx, trailers, an upgrade, and how it went."""

from __future__ import annotations

import itertools
import ssl
from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import CHUNKED_FIELDS, CONTINUE, an_answer, in_chunks
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.origin import Drip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intermodal.conformance.stage import Stage
    from intermodal.model.headers import Headers
    from intermodal.model.response import Response

CHAPTER = Chapter()

Fields = list[tuple[str, str]]


# --- trailers ---------------------------------------------------------------------------------------------------------

_TRAILERS: dict[str, tuple[list[bytes], Fields]] = {
    "one": ([b"X-Sum: 1"], [("X-Sum", "1")]),
    "several, one of them twice": (
        [b"X-Sum: 1", b"x-other: 2", b"X-Sum:  3 "],
        [("X-Sum", "1"), ("x-other", "2"), ("X-Sum", "3")],
    ),
    "a field of the head again": ([b"X-Head: trailing"], [("X-Head", "trailing")]),
    "a framing field": ([b"Content-Length: 99"], [("Content-Length", "99")]),
    "latin-1 and an empty value": ([b"X-A: caf\xe9", b"X-B:"], [("X-A", "caf\xe9"), ("X-B", "")]),
    "none": ([], []),
}


def _with_trailers(stage: Stage, lines: list[bytes]) -> Response:
    head = [b"Trailer: X-Sum", b"X-Head: 1", *CHUNKED_FIELDS]
    stage.play(an_answer(head, in_chunks(b"body", trailers=lines)))
    fields = [("Trailer", "X-Sum"), ("X-Head", "1"), ("Transfer-Encoding", "chunked")]
    return stage.answered(stage.carry(), 200, b"body", fields)


def _pairs(headers: Headers | None) -> Fields | None:
    return None if headers is None else [*headers.pairs]


@CHAPTER.rows(_TRAILERS, guarantee=Guarantee.TRAILERS)
def trailers_are_told(stage: Stage, row: tuple[list[bytes], Fields]) -> None:
    """T3, RFC 9112 section 7.1.2: trailers ({row}) are told after the body, in order, apart from the head's."""
    lines, expected = row
    response = _with_trailers(stage, lines)
    stage.same("the trailers", _pairs(response.trailers) or [], expected)


@CHAPTER.rows(_TRAILERS)
def trailers_are_no_headers(stage: Stage, row: tuple[list[bytes], Fields]) -> None:
    """T3, RFC 9110 section 6.5.1: trailers ({row}) are not merged into the head, and who cannot tell them tells None."""
    lines, expected = row
    response = _with_trailers(stage, lines)
    stage.demand(_pairs(response.trailers) in (None, expected), f"the trailers {expected}, or None", response.trailers)
    stage.works("trailers")


@CHAPTER.case(guarantee=Guarantee.TRAILERS)
def trailers_are_not_told_before_they_came(stage: Stage) -> None:
    """T3, RFC 9110 section 6.5: trailers are known once the body has been read, and of one exchange only."""
    head = an_answer(CHUNKED_FIELDS)
    stage.play(head, b"4\r\nbody\r\n", 0.05, b"0\r\nX-Sum: 1\r\n\r\n")
    response = stage.send()
    stage.same("the trailers before the body was read", _pairs(response.trailers) or [], [])
    stage.same("the body", response.content, b"body")
    stage.same("the trailers after it", _pairs(response.trailers), [("X-Sum", "1")])
    stage.play(an_answer([b"Content-Length: 1"], b"x"))
    stage.same("the trailers of the next", _pairs(stage.answered(stage.carry()).trailers) or [], [])


# --- 1xx and 101 ------------------------------------------------------------------------------------------------------

_FINAL = an_answer([b"X-Final: 1", b"Content-Length: 4"], b"body", b"HTTP/1.1 201 Created")
_FINAL_FIELDS = [("X-Final", "1"), ("Content-Length", "4")]


@CHAPTER.rows(
    {
        "one": CONTINUE,
        "one with fields": b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\nContent-Length: 9\r\n\r\n",
        "three": CONTINUE * 3,
    }
)
def the_answer_after_a_100_is_told(stage: Stage, interim: bytes) -> None:
    """T3, RFC 9110 section 15.2.1: a 100 that nobody asked for ({row}) is not the answer, and leaves nothing in it."""
    stage.play(interim + _FINAL)
    stage.answered(stage.carry(), 201, b"body", _FINAL_FIELDS, "Created")
    stage.works("a 100")


_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n"
_INFORMATIONAL: dict[str, tuple[list[bytes], list[tuple[int, str, Fields]]]] = {
    "100": ([CONTINUE], [(100, "Continue", [])]),
    "102": ([b"HTTP/1.1 102 Processing\r\n\r\n"], [(102, "Processing", [])]),
    "103 with fields": ([_HINTS], [(103, "Early Hints", [("Link", "</a>"), ("Link", "</b>")])]),
    "199 without a reason": ([b"HTTP/1.1 199 \r\nX-A: 1\r\n\r\n"], [(199, "", [("X-A", "1")])]),
    "several": (
        [CONTINUE, _HINTS, b"HTTP/1.1 103 More\r\nX-A: 1\r\n\r\n"],
        [
            (100, "Continue", []),
            (103, "Early Hints", [("Link", "</a>"), ("Link", "</b>")]),
            (103, "More", [("X-A", "1")]),
        ],
    ),
    "thirty": ([b"HTTP/1.1 102 Processing\r\n\r\n"] * 30, [(102, "Processing", [])] * 30),
    "none": ([], []),
}


@CHAPTER.rows(_INFORMATIONAL, guarantee=Guarantee.INFORMATIONAL)
def informational_answers_are_kept_apart(stage: Stage, row: tuple[list[bytes], list[tuple[int, str, Fields]]]) -> None:
    """T3, RFC 9110 section 15.2: what comes before the answer ({row}) is told, in order, and nothing of it in the answer."""
    interim, expected = row
    stage.play(*interim, _FINAL)
    response = stage.answered(stage.carry(), 201, b"body", _FINAL_FIELDS, "Created")
    came = [(each.status_code, each.reason, [*each.headers.pairs]) for each in response.informational]
    stage.same("the informational answers", came, expected)
    stage.works("informational answers")


@CHAPTER.case(guarantee=Guarantee.INFORMATIONAL)
def informational_answers_are_those_of_one_exchange(stage: Stage) -> None:
    """T3, RFC 9110 section 15.2: the next exchange on the connection tells nothing of the last one's 103."""
    stage.play(_HINTS + _FINAL)
    stage.answered(stage.carry(), 201, b"body")
    stage.play(_FINAL)
    stage.same("the informational answers", [*stage.answered(stage.carry(), 201, b"body").informational], [])


_UPGRADE = [("Connection", "upgrade"), ("Upgrade", "echo")]
_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


def _received(stream: Any) -> bytes:
    """Read an upgraded connection to its end."""
    return b"".join(iter(lambda: stream.recv(3), b""))


@CHAPTER.rows(
    {"with the answer": (_SWITCH + b"\x00he", b"llo"), "later": (_SWITCH, 0.02, b"\x00he", b"llo")},
    needs=Capability.UPGRADE,
)
def an_upgraded_connection_is_handed_over(stage: Stage, steps: tuple[Any, ...]) -> None:
    """T3, RFC 9110 section 7.8: after a 101 the connection is the caller's; what came {row} is on it, no byte lost."""
    stage.play(*steps)
    response = stage.send(stage.request("GET", "/", _UPGRADE))
    stage.same("the status", response.status_code, 101)
    stage.same("the reason", response.reason, "Switching Protocols")
    stage.same("the field Upgrade", response.headers.get("upgrade"), "echo")
    stage.demand(response.upgraded is not None, "the connection, on response.upgraded", "None")
    assert response.upgraded is not None
    connection = stage.connections[0]
    head = connection.received
    # What is sent is no HTTP: the server of the case says so, and ends the connection, so that reading comes to an end.
    response.upgraded.sendall(b"\x00\xff\r\nping")
    came = _received(response.upgraded)
    stage.demand(came.startswith(b"\x00hello"), "the server's bytes b'\\x00hello', and more", came)
    stage.same("the caller's bytes", connection.received, head + b"\x00\xff\r\nping")
    response.upgraded.close()
    stage.until(lambda: not connection.open, "an end of the connection", 1.5)  # by itself the server ends it after 2 s


@CHAPTER.case(needs=Capability.UPGRADE)
def an_upgraded_connection_ends_where_the_server_ends_it(stage: Stage) -> None:
    """T3, RFC 9110 section 7.8: the end of an upgraded connection reads as b"", and it carries no request again."""
    stage.play(_SWITCH + b"bye", then="fin")
    response = stage.send(stage.request("GET", "/", _UPGRADE))
    assert response.upgraded is not None
    stage.same("what came", _received(response.upgraded), b"bye")
    response.upgraded.close()
    stage.works("an upgrade")
    stage.same("the number of connections", len(stage.connections), 2)


@CHAPTER.case(needs=Capability.UPGRADE)
def an_upgrade_that_is_declined_is_an_ordinary_answer(stage: Stage) -> None:
    """T3, RFC 9110 section 7.8: a server may ignore Upgrade: its answer has a body, and nothing is handed over."""
    stage.play(_FINAL)
    response = stage.answered(stage.carry(stage.request("GET", "/", _UPGRADE)), 201, b"body", _FINAL_FIELDS)
    stage.same("response.upgraded", response.upgraded, None)


# --- what belongs to it -----------------------------------------------------------------------------------------------


@CHAPTER.case(wire=False)
def a_response_has_its_request(stage: Stage) -> None:
    """T3: the Request that a response answers is on it, as it was given."""
    for path in ("/one", "/two"):
        request = stage.request("POST", path, [("X-A", path)], b"body")
        stage.answer()
        stage.same("response.request", stage.answered(stage.carry(request)).request, request)


@CHAPTER.case(wire=False)
def nothing_is_told_that_did_not_come(stage: Stage) -> None:
    """T3: an ordinary answer has no informational ones before it, no trailers, and no connection to hand over."""
    stage.answer(200, [], b"body")
    response = stage.answered(stage.carry(), 200, b"body")
    stage.same("the informational answers", [*response.informational], [])
    stage.demand(not response.trailers, "no trailers", response.trailers)
    stage.same("response.upgraded", response.upgraded, None)


@CHAPTER.case(wire=False)
def each_response_is_its_own(stage: Stage) -> None:
    """T3: of answers one after the other each keeps its own status, fields and body."""
    kept = []
    for index in range(4):
        stage.answer(200 + index, [("X-Index", str(index))] * index, b"%d" % index * (3 - index), f"R{index}")
        kept.append(stage.carry(stage.request("GET", f"/{index}")))
    for index, came in enumerate(kept):
        response = stage.answered(came, 200 + index, b"%d" % index * (3 - index))
        stage.same("the field X-Index", response.headers.get_list("x-index"), [str(index)] * index)


# --- however it comes -------------------------------------------------------------------------------------------------

_HEAD = [b"X-A: 1", b"X-B: a  b", b"X-A: 2"]
_HEAD_FIELDS = [("X-A", "1"), ("X-B", "a  b"), ("X-A", "2")]
_CUT: dict[str, tuple[bytes, bytes, Any]] = {
    "a length": (an_answer([*_HEAD, b"Content-Length: 9"], b"a\r\nb\r\n\r\nc"), b"a\r\nb\r\n\r\nc", "keep"),
    "chunks": (
        an_answer([*_HEAD, *CHUNKED_FIELDS], b"3;x=1\r\na\r\n\r\n0A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"),
        b"a\r\n0123456789",
        "keep",
    ),
    "the end of the connection": (an_answer(_HEAD, b"a\r\nb"), b"a\r\nb", "fin"),
    "a 100 before it": (
        CONTINUE + an_answer([*_HEAD, b"Content-Length: 1"], b"x"),
        b"x",
        "keep",
    ),
}


def _came_whole(stage: Stage, row: tuple[bytes, bytes, Any], steps: Sequence[Any]) -> None:
    _, body, then = row
    stage.play(*steps, then=then)
    response = stage.answered(stage.carry(), 200, body, reason="OK")
    stage.same("the fields X", [pair for pair in response.headers.pairs if pair[0][:2] == "X-"], _HEAD_FIELDS)
    stage.works("that")


@CHAPTER.rows(_CUT)
def an_answer_may_come_in_one_piece(stage: Stage, row: tuple[bytes, bytes, Any]) -> None:
    """T3, RFC 9112 section 2.2: an answer ({row}) that comes in one piece is read as it is written."""
    _came_whole(stage, row, [row[0]])


@CHAPTER.rows(_CUT)
def an_answer_may_come_byte_by_byte(stage: Stage, row: tuple[bytes, bytes, Any]) -> None:
    """T3, RFC 9112 section 2.2: an answer ({row}) means the same where it comes byte by byte."""
    _came_whole(stage, row, [Drip(row[0], 0.0001)])


@CHAPTER.rows(_CUT)
def an_answer_may_come_line_by_line(stage: Stage, row: tuple[bytes, bytes, Any]) -> None:
    """T3, RFC 9112 section 2.2: an answer ({row}) means the same where it is cut in two at every CR and LF."""
    pieces = row[0].replace(b"\r\n", b"\r\0\n\0").split(b"\0")
    _came_whole(stage, row, [*itertools.chain.from_iterable((piece, 0.001) for piece in pieces if piece)])


# --- how it went ------------------------------------------------------------------------------------------------------


@CHAPTER.case(guarantee=Guarantee.EXCHANGE)
def the_addresses_of_an_exchange_are_the_connections(stage: Stage) -> None:
    """T3: the exchange tells the addresses of its connection's two ends, as the server sees them."""
    stage.answer(200, [], b"body")
    exchange = stage.answered(stage.carry()).exchange
    stage.same("peer_address", exchange.peer_address, (stage.origin.host, stage.origin.port))
    stage.same("local_address", exchange.local_address, stage.connections[0].peer)


@CHAPTER.case(guarantee=Guarantee.EXCHANGE)
def an_exchange_tells_whether_its_connection_had_served(stage: Stage) -> None:
    """T3: ``reused`` is False on a new connection, and True on one that had carried an exchange before."""
    for index in range(3):
        stage.play(an_answer([b"Content-Length: 1"] + [b"Connection: close"] * (index == 1), b"x"))
        exchange = stage.answered(stage.carry()).exchange
        connection = stage.connections[-1]
        stage.same(f"reused of exchange {index}", exchange.reused, len(connection.requests) > 1)
        stage.same("local_address", exchange.local_address, connection.peer)
        if index == 1:
            stage.until(lambda: not stage.connections[-1].open, "an end of the connection")
    stage.demand(len(stage.connections) >= 2, "a new connection after one that was closed", stage.connections)


@CHAPTER.case(guarantee=Guarantee.EXCHANGE, needs=Capability.STREAM_REQUEST)
def the_bytes_of_an_exchange_are_counted(stage: Stage) -> None:
    """T3: the exchange counts the bytes of its own request and answer, as they were on the wire."""
    answers = [
        _FINAL,
        an_answer(CHUNKED_FIELDS, in_chunks(b"he", b"llo", trailers=[b"X-T: 1"])),
        an_answer([b"Content-Length: 70000"], b"x" * 70000),
    ]
    bodies: list[Any] = [None, b"x" * 70000, [b"a", b"bc"]]
    for index, (answer, body) in enumerate(zip(answers, bodies, strict=True)):
        stage.play(answer)
        came = stage.carry(stage.request("PUT", f"/{index}", (), body))
        response = stage.answered(came, int(answer[9:12]))
        stage.same("bytes_sent", response.exchange.bytes_sent, len(stage.origin.requests[index].raw))
        stage.same("bytes_received", response.exchange.bytes_received, len(answer))


@CHAPTER.case(guarantee=Guarantee.EXCHANGE)
def the_times_of_an_exchange_are_what_it_took(stage: Stage) -> None:
    """T3: each part has a time that is not negative, and together they are no more than the exchange took."""
    stage.play(0.05, an_answer([b"Content-Length: 4"]), 0.05, b"body")
    came = stage.carry()
    times = stage.answered(came, 200, b"body").exchange.times
    parts = {name: getattr(times, name) for name in ("resolve", "connect", "proxy", "tls", "send", "wait", "body")}
    known = [seconds for seconds in parts.values() if seconds is not None]
    stage.demand(all(seconds >= 0 for seconds in known), "times that are not negative", parts)
    stage.demand(sum(known) <= came.seconds + 0.001, f"times of no more than {came.seconds} s together", parts)
    stage.same("the times of a proxy and of TLS, which were not there", (times.proxy, times.tls), (None, None))
    for name in ("wait", "body"):
        stage.demand((parts[name] or 0) >= 0.04, f"a time of {name} of 0.05 s and more", parts)
    stage.demand(times.connect is not None and times.send is not None, "a time of connect and of send", parts)


@CHAPTER.case(guarantee=Guarantee.EXCHANGE)
def the_time_of_a_body_is_not_told_before_its_end(stage: Stage) -> None:
    """T3: while a body is still coming, its time is None."""
    stage.play(an_answer([b"Content-Length: 4"], b"bo"), 0.05, b"dy")
    response = stage.send()
    stage.same("times.body before the end", response.exchange.times.body, None)
    stage.same("the body", response.content, b"body")
    stage.demand(response.exchange.times.body is not None, "a time of the body after its end", response.exchange)


@CHAPTER.case(guarantee=Guarantee.EXCHANGE, needs=Capability.CUSTOM_TLS)
def the_tls_of_an_exchange_is_told(stage: Stage) -> None:
    """T3: the exchange tells version, cipher and certificate of its TLS, and nothing of the kind without."""
    origin = stage.serve(tls=stage.authority.server())
    came = stage.carry(stage.request("GET", "/", base=origin.url), stage.options(tls=stage.trusting()))
    exchange = stage.answered(came).exchange
    stage.demand(exchange.tls_version in ("TLSv1.2", "TLSv1.3"), "a version of TLS", exchange)
    stage.demand(exchange.cipher, "a cipher", exchange)
    seen = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((origin.host, origin.port), timeout=5))
    stage.same("the certificate", exchange.peer_certificate, seen)
    stage.demand((exchange.times.tls or -1) >= 0, "a time of TLS", exchange.times)
    plain = stage.serve()
    exchange = stage.answered(stage.carry(stage.request("GET", "/", base=plain.url))).exchange
    told = (exchange.tls_version, exchange.cipher, exchange.peer_certificate, exchange.times.tls)
    stage.same("what is told of TLS without it", told, (None, None, None, None))
