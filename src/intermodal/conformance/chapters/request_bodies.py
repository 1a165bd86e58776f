"""T2, of bodies: how they are framed, that each byte of them arrives, and when."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import ALL_BYTES, CHUNKED, carried, host_line, request_bytes
from intermodal.errors import BodyNotReplayable
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Stage
    from intermodal.model.request import Request

CHAPTER = Chapter()

# --- framing ----------------------------------------------------------------------------------------------------------

_BODYLESS: dict[str, list[str]] = {method: [] for method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")}
_WITH_LENGTH = {method: ["0"] for method in ("POST", "PUT", "PATCH", "PROPFIND", "QUERY")}
_FRAMED = {method: (method, lengths) for method, lengths in (_BODYLESS | _WITH_LENGTH).items()}


@CHAPTER.rows(_FRAMED)
def no_body_is_said_once_at_most(stage: Stage, row: tuple[str, list[str]]) -> None:
    """T2, RFC 9110 section 8.6: {row} without a body says Content-Length: 0 once where one is expected, and nothing where none is."""
    method, lengths = row
    carried(stage, stage.request(method, "/"))
    asked = stage.origin.requests[0]
    stage.same("Content-Length", asked.field_values("content-length"), lengths)
    stage.same("Transfer-Encoding", asked.field_values("transfer-encoding"), [])


@CHAPTER.rows({method: method for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "QUERY")})
def a_length_is_said_once(stage: Stage, method: str) -> None:
    """T2, RFC 9112 section 6.2: {row} with a body of five bytes says Content-Length: 5 once, and no coding."""
    carried(stage, stage.request(method, "/", (), b"hello"))
    asked = stage.origin.requests[0]
    stage.same("Content-Length", asked.field_values("content-length"), ["5"])
    stage.same("Transfer-Encoding", asked.field_values("transfer-encoding"), [])
    stage.same("the body", asked.body, b"hello")


@CHAPTER.rows(
    {
        "GET": ("GET", None, [], b""),
        "DELETE with a body": ("DELETE", b"x", ["Content-Length: 1"], b"x"),
        "POST without a body": ("POST", None, ["Content-Length: 0"], b""),
        "POST of an empty body": ("POST", b"", ["Content-Length: 0"], b""),
        "POST of text": ("POST", "é", ["Content-Length: 2"], b"\xc3\xa9"),
        "PUT of bytes": ("PUT", b"\x00\r\n\xff", ["Content-Length: 4"], b"\x00\r\n\xff"),
    },
    guarantee=Guarantee.WIRE_EXACT,
)
def the_framing_is_exact(stage: Stage, row: tuple[str, Any, list[str], bytes]) -> None:
    """T2, RFC 9112 section 6: {row} is exact on the wire, a framing field last of all, and the body behind it as it is."""
    method, body, framing, sent = row
    carried(stage, stage.request(method, "/", [("X-Last", "1")], body))
    stage.wire(request_bytes(f"{method} /", host_line(stage), "X-Last: 1", *framing, body=sent))


# --- bodies -----------------------------------------------------------------------------------------------------------

_BODIES: dict[str, tuple[Any, bytes]] = {
    "bytes": (b"hello", b"hello"),
    "a bytearray": (bytearray(b"hello"), b"hello"),
    "a memoryview": (memoryview(b"-hello-")[1:-1], b"hello"),
    "text": ("héllo →", "héllo →".encode()),
    "nothing": (b"", b""),
    "all bytes there are": (ALL_BYTES * 3, ALL_BYTES * 3),
    "line ends of every kind": (b"\r\n\n\r\x00\r\n\r\n", b"\r\n\n\r\x00\r\n\r\n"),
    "what looks like a request": (b"0\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",) * 2,
    "70,000 bytes": (b"0123456789" * 7000, b"0123456789" * 7000),
    "a MiB": (ALL_BYTES * 4096, ALL_BYTES * 4096),
}


@CHAPTER.rows(_BODIES, wire=False)
def a_body_arrives(stage: Stage, row: tuple[Any, bytes]) -> None:
    """T2, RFC 9112 section 6: a body of {row} arrives as it is."""
    body, sent = row
    carried(stage, stage.request("POST", "/", (), body))
    stage.arrived("POST", "/", body=sent)


def _file(data: bytes, position: int = 0) -> Any:
    """Make a file on disk, open for reading."""
    with tempfile.TemporaryFile() as made:
        made.write(data)
        made.flush()
        file = os.fdopen(os.dup(made.fileno()), "rb")
    file.seek(position)
    return file


def _changeable_file(data: bytes, position: int) -> Any:
    """Make a file on disk, open for writing too."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the case closes it
    file.write(data)
    file.seek(position)
    return file


@contextlib.contextmanager
def _closing(body: Any) -> Iterator[Any]:
    """Give a body, and close it after that if it is one that can be closed."""
    try:
        yield body
    finally:
        getattr(body, "close", lambda: None)()


class _Pipe:
    """A file that can neither seek nor tell, such as a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7) if size > 0 else size)


def _generated(*pieces: bytes) -> Iterator[bytes]:
    yield from pieces


_LARGE = b"0123456789abcdef" * 12500  # 200,000 bytes
_STREAMS: dict[str, tuple[Callable[[], Any], bytes]] = {
    "a list": (lambda: [b"he", b"llo"], b"hello"),
    "a tuple": (lambda: (b"he", b"llo"), b"hello"),
    "a generator": (lambda: _generated(b"he", b"l", b"lo"), b"hello"),
    "a generator of nothing": (_generated, b""),
    "a generator with empty pieces": (lambda: _generated(b"", b"he", b"", b"", b"llo", b""), b"hello"),
    "a generator of empty pieces": (lambda: _generated(b"", b""), b""),
    "a generator of bytearrays": (lambda: iter([bytearray(b"he"), memoryview(b"llo")]), b"hello"),
    "a generator of 5000 bytes": (lambda: (b"%d" % (index % 10) for index in range(5000)), b"0123456789" * 500),
    "a generator of one large piece": (lambda: _generated(_LARGE), _LARGE),
    "a file": (lambda: _file(b"hello"), b"hello"),
    "a file from its position": (lambda: _file(b"not this: hello", 10), b"hello"),
    "a file at its end": (lambda: _file(b"hello", 5), b""),
    "a file that is written too": (lambda: _changeable_file(b"not this: hello", 10), b"hello"),
    "a large file": (lambda: _file(_LARGE), _LARGE),
    "a file in memory": (lambda: io.BytesIO(b"he\nl\r\nlo"), b"he\nl\r\nlo"),
    "a pipe": (lambda: _Pipe(b"hello hello hello"), b"hello hello hello"),
}


@CHAPTER.rows(_STREAMS, needs=Capability.STREAM_REQUEST)
def a_streamed_body_arrives(stage: Stage, row: tuple[Callable[[], Any], bytes]) -> None:
    """T2, RFC 9112 section 7.1: a body from {row} arrives whole, and nothing of another request with it."""
    make, sent = row
    with _closing(make()) as body:
        carried(stage, stage.request("PUT", "/x", (), body))
    stage.arrived("PUT", "/x", body=sent)
    stage.works("a streamed body")


_CHUNKS: dict[str, tuple[Callable[[], Any], str, bytes]] = {
    "a list": (lambda: [b"he", b"llo"], CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    "empty pieces": (lambda: _generated(b"", b"a", b"", b"b", b""), CHUNKED, b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
    "no piece": (_generated, CHUNKED, b"0\r\n\r\n"),
    "sizes in hexadecimal": (
        lambda: _generated(b"x" * 10, b"y" * 0xABC, b"z" * 16),
        CHUNKED,
        b"a\r\n" + b"x" * 10 + b"\r\nabc\r\n" + b"y" * 0xABC + b"\r\n10\r\n" + b"z" * 16 + b"\r\n0\r\n\r\n",
    ),
    "a piece of 64 KiB and one byte": (
        lambda: _generated(b"x" * 65537),
        CHUNKED,
        b"10000\r\n" + b"x" * 65536 + b"\r\n1\r\nx\r\n0\r\n\r\n",
    ),
    "line ends": (lambda: _generated(b"\r\n", b"0\r\n\r\n"), CHUNKED, b"2\r\n\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    "a file": (lambda: _file(b"-hello", 1), "Content-Length: 5", b"hello"),
}


@CHAPTER.rows(_CHUNKS, needs=Capability.STREAM_REQUEST, guarantee=Guarantee.WIRE_EXACT)
def the_bytes_of_a_streamed_body_are_exact(stage: Stage, row: tuple[Callable[[], Any], str, bytes]) -> None:
    """T2, RFC 9112 section 7.1: a body of {row} is exact on the wire, in chunks of 64 KiB at most with sizes in lower case, or with its length."""
    make, framing, sent = row
    with _closing(make()) as body:
        carried(stage, stage.request("POST", "/", [("X-A", "1")], body))
    stage.wire(request_bytes("POST /", host_line(stage), "X-A: 1", framing, body=sent))


@CHAPTER.case(needs=Capability.STREAM_REQUEST, guarantee=Guarantee.WIRE_EXACT)
def a_length_that_the_caller_declared_frames_an_iterator(stage: Stage) -> None:
    """T2, RFC 9112 section 6.2: an iterator with a Content-Length of the caller's is sent without chunks."""
    carried(stage, stage.request("POST", "/", [("content-length", "5"), ("X-A", "1")], _generated(b"he", b"", b"llo")))
    stage.wire(request_bytes("POST /", host_line(stage), "X-A: 1", "Content-Length: 5", body=b"hello"))


# --- again ------------------------------------------------------------------------------------------------------------


def _everything(stage: Stage) -> bytes:
    """All that came to the server, in the order of its connections."""
    return b"".join(connection.received for connection in stage.connections)


def _twice(stage: Stage, make: Callable[[], Any], *, fresh: bool = False) -> None:
    """Demand that a request sent twice arrives with the same bytes both times."""
    with _closing(make()) as body:
        request = stage.request("POST", "/x?", [("X-A", "1"), ("x-a", "2")], body)
        for _ in range(2):
            stage.answer()
            stage.answered(stage.carry(request, transport=stage.another() if fresh else None))
    one, two = (each.raw for each in stage.origin.requests)
    stage.same("the bytes of the second time", two, one)


@CHAPTER.rows({"no body": lambda: None, "bytes": lambda: ALL_BYTES})
def the_same_request_is_sent_again(stage: Stage, make: Callable[[], Any]) -> None:
    """T2: a Request with {row} that is sent twice arrives twice, with the same bytes."""
    _twice(stage, make)


_REPLAYED: dict[str, Callable[[], Any]] = {
    "a list": lambda: [b"a", b"", b"bc"],
    "a file from its position": lambda: _file(b"not this: hello", 10),
}


@CHAPTER.rows(_REPLAYED, needs=Capability.STREAM_REQUEST)
def the_same_streamed_request_is_sent_again(stage: Stage, make: Callable[[], Any]) -> None:
    """T2: a Request with {row} that is sent twice arrives twice: the body is read from its beginning again."""
    _twice(stage, make)


@CHAPTER.case(needs=Capability.STREAM_REQUEST)
def two_transports_send_the_same(stage: Stage) -> None:
    """T2: a Request sent by two transports of a kind arrives with the same bytes."""
    _twice(stage, lambda: [b"a", b"", b"bc"], fresh=True)


@CHAPTER.case(needs=Capability.STREAM_REQUEST)
def a_spent_generator_is_not_sent_as_an_empty_body(stage: Stage) -> None:
    """T2: a body that was read and cannot be read again is an error, never a request with half of it, or none."""
    request = stage.request("POST", "/", (), _generated(b"a", b"b"))
    carried(stage, request)
    stage.failed(stage.carry(request), BodyNotReplayable)
    stage.same("the bodies that arrived", [each.body for each in stage.received], [b"ab"])


@CHAPTER.case(needs=Capability.STREAM_REQUEST, guarantee=Guarantee.WIRE_EXACT)
def one_request_follows_the_other_exactly(stage: Stage) -> None:
    """T2, RFC 9112 section 9.3: of requests one after the other each is whole, with no byte between or after them."""
    host = host_line(stage)
    carried(stage, stage.request("GET", "/1"))
    carried(stage, stage.request("POST", "/2", (), b"two"))
    carried(stage, stage.request("POST", "/3", (), _generated(b"th", b"ree")))
    carried(stage, stage.request("HEAD", "/4"))
    carried(stage, stage.request("PUT", "/5"))
    expected = [
        request_bytes("GET /1", host),
        request_bytes("POST /2", host, "Content-Length: 3", body=b"two"),
        request_bytes("POST /3", host, CHUNKED, body=b"2\r\nth\r\n3\r\nree\r\n0\r\n\r\n"),
        request_bytes("HEAD /4", host),
        request_bytes("PUT /5", host, "Content-Length: 0"),
    ]
    stage.same("the bytes of all connections", _everything(stage), b"".join(expected))


@CHAPTER.case(wire=False)
def requests_at_once_do_not_mix(stage: Stage) -> None:
    """T2: of requests sent at once from several threads each arrives whole, with its own fields and body."""
    bodies = {f"/{index}": (b"%d" % index) * 3000 for index in range(6)}
    for _ in bodies:
        stage.answer()
    requests = [stage.request("POST", path, [("X-Path", path)], body) for path, body in bodies.items()]
    for came in stage.together(*((lambda each=each: stage.carry(each)) for each in requests)):
        if isinstance(came, BaseException):
            raise came
        stage.answered(came)
    arrived = [
        (each.target, [value for name, value in each.headers if name.lower() == "x-path"], each.body)
        for each in stage.received
    ]
    stage.same("what arrived", sorted(arrived), [(path, [path], body) for path, body in bodies.items()])


# --- Expect and Upgrade -----------------------------------------------------------------------------------------------

_EXPECT = [("Expect", "100-continue")]


@CHAPTER.case(needs=Capability.EXPECT_CONTINUE | Capability.STREAM_REQUEST)
def a_body_waits_for_100(stage: Stage) -> None:
    """T2, RFC 9110 section 10.1.1: with Expect: 100-continue the head goes first, and the body after a 100."""
    asked_for = threading.Event()

    def body() -> Iterator[bytes]:
        asked_for.set()
        yield b"hello"

    script = stage.play(0.3, b"HTTP/1.1 100 Continue\r\n\r\n", at="head")
    with _sending(stage, stage.request("POST", "/", _EXPECT, body())):
        stage.until(lambda: stage.bytes_received, "the head of the request")
        early = asked_for.wait(0.1) and not script.finished.is_set()
        stage.until(lambda: stage.received, "the rest of the request")
    stage.demand(not early, "a body that is not asked for before a 100", "its first piece was asked for")
    stage.arrived("POST", "/", body=b"hello")


@contextlib.contextmanager
def _sending(stage: Stage, request: Request) -> Iterator[None]:
    """Send a request to which no answer will come, until the case has seen what it wants to see."""
    sending = threading.Thread(target=lambda: stage.carry(request), daemon=True)
    sending.start()
    try:
        yield
    finally:
        stage.origin.close()
        sending.join(1)


@CHAPTER.case(needs=Capability.EXPECT_CONTINUE | Capability.STREAM_REQUEST, guarantee=Guarantee.WIRE_EXACT)
def a_body_after_100_is_exact(stage: Stage) -> None:
    """T2, RFC 9110 section 10.1.1: what goes out before and after a 100 is together the request, each byte once."""
    carried(stage, stage.request("POST", "/", _EXPECT, _generated(b"he", b"llo")))
    expected = request_bytes(
        "POST /", host_line(stage), "Expect: 100-continue", CHUNKED, body=b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    )
    stage.wire(expected)


@CHAPTER.rows({"417": 417, "401": 401, "500": 500, "200": 200}, needs=Capability.EXPECT_CONTINUE)
def a_body_that_nobody_wants_is_not_sent(stage: Stage, status: int) -> None:
    """T2, RFC 9110 section 10.1.1: after a {row} in place of 100 no byte of the body leaves."""
    stage.play(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status, at="head")
    stage.answered(stage.carry(stage.request("POST", "/", _EXPECT, b"hello")), status, b"no")
    connection = stage.connections[0]
    stage.until(lambda: stage.received or not connection.open, "an end of the connection: its request is not complete")
    stage.wire(request_bytes("POST /", host_line(stage), "Expect: 100-continue", "Content-Length: 5"), 0)
    stage.works("a body that was not sent")


@CHAPTER.case(needs=Capability.EXPECT_CONTINUE)
def a_server_that_never_says_100_gets_the_body(stage: Stage) -> None:
    """T2, RFC 9110 section 10.1.1: the body follows though no 100 ever comes, as the server may be older than that."""
    stage.play(at="head")  # which sends no 100, and goes on to read the body
    with _sending(stage, stage.request("POST", "/", _EXPECT, b"hello")):
        stage.until(lambda: stage.received, "the body, without a 100", 2.5)
    stage.arrived("POST", "/", body=b"hello")


@CHAPTER.case(needs=Capability.UPGRADE, guarantee=Guarantee.WIRE_EXACT)
def the_fields_of_an_upgrade_are_sent(stage: Stage) -> None:
    """T2, RFC 9110 section 7.8: Upgrade and its Connection go out as they were given."""
    fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    carried(stage, stage.request("GET", "/chat", fields))
    stage.wire(request_bytes("GET /chat", host_line(stage), *(f"{name}: {value}" for name, value in fields)))
