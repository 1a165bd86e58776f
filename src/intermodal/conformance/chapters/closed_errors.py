"""T5: what leaves is an error of ours, from ``send`` and from the body alike, and it says what it is about."""

from __future__ import annotations

import errno
import http.client
import random
import unicodedata
from typing import TYPE_CHECKING, Any, get_args

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import CHUNKED_HEAD, OK
from intermodal.conformance.stage import BRIEF, PAUSE, Came, told
from intermodal.errors import (
    ConnectionError,
    Delivery,
    Disconnected,
    Error,
    IncompleteBody,
    InvalidRequest,
    NameResolutionError,
    Phase,
    ProtocolError,
    ReadTimeout,
    TransportBug,
)
from intermodal.protocol import Guarantee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Stage
    from intermodal.model.response import Response

__all__ = ["CHAPTER", "causes", "closed", "ours", "raised"]

CHAPTER = Chapter()

#: What the operating system, the standard library and other clients raise; ours derive from none of it.
_FOREIGN = (OSError, http.client.HTTPException)
_LIBRARIES = frozenset({"socket", "ssl", "http", "urllib3", "requests", "httpx", "httpcore", "h11", "asyncio"})


def closed(stage: Stage, came: Came, request: object, *kinds: type[Error], lower: bool = False, **said: Any) -> Error:
    """Demand an error with all that the clause says of it; ``lower``: one of the operating system's led to it."""
    error = stage.failed(came, *kinds, **said)
    ours(stage, error)
    stage.demand(error.request is request, "the very Request that was sent, as error.request", error.request)
    stage.demand(error.phase in get_args(Phase), f"a phase, one of {get_args(Phase)}", repr(error.phase))
    stage.demand(error.delivery in get_args(Delivery), f"delivery, one of {get_args(Delivery)}", repr(error.delivery))
    stage.demand(isinstance(error.reused, bool), "reused, True or False", repr(error.reused))
    led = [*causes(error)]
    if lower:
        stage.demand(error.__cause__ is not None, "the lower error as __cause__", "None")
        stage.demand(any(isinstance(cause, OSError) for cause in led), "an OSError that led to it", [*map(told, led)])
    return error


def ours(stage: Stage, error: BaseException) -> None:
    """Demand that an error is one of ours and nothing else beside, and that it says something readable."""
    stage.demand(isinstance(error, Error) and not isinstance(error, TransportBug), "an intermodal error", told(error))
    foreign = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.partition(".")[0] in _LIBRARIES]
    stage.demand(not isinstance(error, _FOREIGN) and not foreign, "an error of ours and of nobody else", told(error))
    text = str(error)
    stage.demand(text.strip(), "a message that says something", repr(text))
    stage.demand(
        not any(unicodedata.category(each) == "Cc" for each in text), "a message without control characters", repr(text)
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """What led to an error, as far as it names it; a borrowed library has its own wrappings in between."""
    seen: list[BaseException] = []
    todo = [error.__cause__]
    while todo:
        cause = todo.pop()
        if cause is not None and all(cause is not known for known in seen):
            seen.append(cause)
            yield cause
            todo += [cause.__cause__, cause.__context__]


# --- from send ----------------------------------------------------------------------------------------------------------


@CHAPTER.case()
def a_refused_connection(stage: Stage) -> None:
    """T5: a connection that is refused is a ConnectionError with the system's number, caused by an OSError."""
    request = stage.request("POST", "/", body=b"x", base=stage.nowhere)
    came = stage.carry(request)
    error = closed(stage, came, request, ConnectionError, phase="connect", delivery="not_sent", lower=True)
    stage.same("errno", getattr(error, "errno", None), errno.ECONNREFUSED)
    stage.works("a refused connection")


@CHAPTER.case()
def an_unknown_host(stage: Stage) -> None:
    """T5, RFC 6761 section 6.4: a name that does not resolve is a NameResolutionError, caused by the resolver's."""
    request = stage.request("GET", "/", base="http://nothing.invalid")
    came = stage.carry(request)
    closed(stage, came, request, NameResolutionError, phase="resolve", delivery="not_sent", lower=True)
    stage.works("an unknown host")


_BEFORE_AN_ANSWER: dict[str, tuple[tuple[Any, ...], Any]] = {
    "FIN": ((), "fin"),
    "RST": ((), "rst"),
    "RST after a while": ((PAUSE,), "rst"),
}


@CHAPTER.rows(_BEFORE_AN_ANSWER)
def an_end_without_an_answer(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T5, RFC 9112 section 9.5: a connection that ends by {row} before any answer is Disconnected."""
    steps, then = row
    stage.play(*steps, then=then)
    request = stage.request()
    came = stage.carry(request)
    closed(stage, came, request, Disconnected, phase="wait", delivery="maybe_sent", reused=False, lower=then == "rst")
    stage.works("a lost connection")


@CHAPTER.case()
def an_end_of_a_kept_connection(stage: Stage) -> None:
    """T5: a kept connection that ends instead of an answer is Disconnected, and says that it had served before."""
    stage.works()
    stage.play(then="rst")
    request = stage.request("POST", body=b"x")
    came = stage.carry(request)
    closed(stage, came, request, Disconnected, phase="wait", delivery="maybe_sent", reused=True)
    stage.works("a lost connection")


@CHAPTER.rows({"in the status line": b"HTTP/1.1 2", "in the fields": OK + b"X-A: 1\r\nX-B"})
def a_reset_in_the_head(stage: Stage, begun: bytes) -> None:
    """T5: a reset {row} is Disconnected, and nothing of the operating system's."""
    stage.play(begun, PAUSE, then="rst")
    request = stage.request()
    came = stage.carry(request)
    closed(stage, came, request, Disconnected, phase=_in_the_head(stage), delivery="sent", lower=True)
    stage.works("a reset in the head")


@CHAPTER.rows({"nothing": b"", "half a head": OK + b"X-A: 1\r\n"})
def silence(stage: Stage, begun: bytes) -> None:
    """T5: {row} and then silence is a ReadTimeout, and no TimeoutError of Python's."""
    stage.play(begun, 1.0, then="rst")
    request = stage.request()
    came = stage.carry(request, stage.options(read=BRIEF))
    phase = _in_the_head(stage) if begun else "wait"
    closed(stage, came, request, ReadTimeout, phase=phase, delivery="sent" if begun else "maybe_sent")
    stage.works("a silence")


def _in_the_head(stage: Stage) -> tuple[Phase, ...]:
    """The phase of a head that has begun; who does not guarantee DELIVERY may not know that it has."""
    return ("head",) if stage.guarantees(Guarantee.DELIVERY) else ("wait", "head")


@CHAPTER.rows(
    {
        "an end in the status line": b"HTTP/1.1 20",
        "an end in the fields": OK + b"X-A: 1\r\n",
        "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
        "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "control characters": OK + b"X-\x1b[31mA\x07: \x00\x1b[2J\r\n\r\n",
    },
    guarantee=Guarantee.STRICT_FRAMING,
)
def a_malformed_head(stage: Stage, head: bytes) -> None:
    """T5, RFC 9112 section 2: {row} is a ProtocolError, whose message keeps a terminal as it is."""
    stage.play(head, then="fin")
    request = stage.request()
    came = stage.carry(request)
    closed(stage, came, request, ProtocolError, phase="head", delivery="sent")
    stage.works("a malformed head")


@CHAPTER.rows({"words": b"SSH-2.0-OpenSSH\r\n\r\n", "control characters": b"\x1b[31m\x07\x1b]0;x\x07\r\n\r\n"})
def no_http_at_all(stage: Stage, data: bytes) -> None:
    """T5, RFC 9112 section 4: {row} in place of a status line is a ProtocolError."""
    stage.play(data, then="fin")
    request = stage.request()
    came = stage.carry(request)
    closed(stage, came, request, ProtocolError, phase="head", delivery="sent")
    stage.works("what is no HTTP")


# --- whatever comes -----------------------------------------------------------------------------------------------------

#: What clients have let a ValueError, an OverflowError or a KeyError out for.
_STRANGE = {
    "a huge length": OK + b"Content-Length: 99999999999999999999\r\n\r\nx",
    "a length of 5,000 digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx",
    "a negative length": OK + b"Content-Length: -1\r\n\r\nx",
    "a length that is none": OK + b"Content-Length: \xb2\r\n\r\nx",
    "a negative chunk": CHUNKED_HEAD + b"-2\r\nab\r\n0\r\n\r\n",
    "a chunk of 17 digits": CHUNKED_HEAD + b"f" * 17 + b"\r\nab\r\n0\r\n\r\n",
    "a chunk size that is none": CHUNKED_HEAD + b"\xff\xfe\r\nab\r\n0\r\n\r\n",
    "a status of many digits": b"HTTP/1.1 99999999999999999999 OK\r\n\r\n",
    "a status that is none": b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
    "a version of many digits": b"HTTP/99999999999999999999.1 200 OK\r\n\r\n",
    "a reason that is no text": b"HTTP/1.1 200 \xff\xfe\x80\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a field that is no text": OK + b"X-A: \xff\xfe\x80\r\n\xe9: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a NUL": OK + b"X-A: a\0b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a location that is none": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\xff\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a cookie that is none": OK
    + b"Set-Cookie: \xff=;;=;Expires=never\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a type that is none": OK + b"Content-Type: ;;;charset=\xff\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a coding that is none": OK
    + b"Content-Encoding: gzip, ,\xff\r\nConnection: close\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
    "an unasked 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: \xff\r\n\r\n",
    "nothing but line ends": b"\r\n\r\n\r\n\r\n",
    "a NUL alone": b"\0",
}


@CHAPTER.rows(_STRANGE)
def nothing_foreign_for(stage: Stage, data: bytes) -> None:
    """T5: an answer with {row} is read, or is an error of ours."""
    stage.play(data, then="fin")
    request = stage.request()
    came = stage.carry(request)
    if came.error is not None:
        error = closed(stage, came, request, Error)
        stage.demand(not isinstance(error, InvalidRequest), "an error that does not blame the request", repr(error))
    stage.works("a strange answer")


@CHAPTER.case()
def nothing_foreign_for_bytes_at_random(stage: Stage) -> None:
    """T5: an answer in which a few bytes are changed at random is read, or is an error of ours."""
    dice = random.Random(5)  # noqa: S311 - the same ones in every run
    whole = CHUNKED_HEAD.replace(
        b"\r\n\r\n", b"\r\nX-A: 1\r\nSet-Cookie: a=1; Path=/\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    )
    for _ in range(3 * stage.examples):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data))
            data[at : at + dice.randint(0, 2)] = dice.choice(
                [b"", b"\0", b"\xff", b"\r", b"\n", b":", b" ", b"9", b"-"]
            )
        stage.play(bytes(data), then="fin")
        came = stage.carry(request := stage.request())
        if came.error is not None:
            closed(stage, came, request, Error)


# --- from the body ------------------------------------------------------------------------------------------------------

_LENGTH = OK + b"Content-Length: 9\r\n\r\nhello"

#: What is sent, how the connection ends, what it is, and whether the operating system has a part in it.
_FAULTS: dict[str, tuple[bytes, str, type[Error], bool]] = {
    "an end before its length": (_LENGTH, "fin", IncompleteBody, False),
    "an end between two chunks": (CHUNKED_HEAD + b"5\r\nhello\r\n", "fin", IncompleteBody, False),
    "an end in a chunk": (CHUNKED_HEAD + b"9\r\nhello", "fin", IncompleteBody, False),
    "a reset before its length": (_LENGTH, "rst", Disconnected, True),
    "a reset in a chunk": (CHUNKED_HEAD + b"9\r\nhello", "rst", Disconnected, True),
    "a reset where the end is its end": (OK + b"Connection: close\r\n\r\nhello", "rst", Disconnected, True),
    "silence before its length": (_LENGTH, "wait", ReadTimeout, False),
    "silence in a chunk": (CHUNKED_HEAD + b"9\r\nhello", "wait", ReadTimeout, False),
    "a chunk size that is none": (CHUNKED_HEAD + b"5\r\nhello\r\nxyz\r\n", "fin", ProtocolError, False),
}


def _begin(stage: Stage, fault: tuple[bytes, str, type[Error], bool]) -> tuple[Any, Response]:
    data, then, _, _ = fault
    if then == "wait":
        stage.play(data, 1.0, then="rst")
    else:
        stage.play(data, *([PAUSE] if then == "rst" else []), then=then)
    request = stage.request("GET", "/body")
    return request, stage.send(request, stage.options(read=BRIEF if then == "wait" else 5.0))


def raised(action: Callable[[], object]) -> Came:
    """Do something and say what it raised."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it is, the case is to judge it
        return Came(None, b"", error, 0)
    return Came(None, b"", None, 0)


@CHAPTER.rows(_FAULTS)
def a_body_that_fails(stage: Stage, fault: tuple[bytes, str, type[Error], bool]) -> None:
    """T5: {row} is an error of ours out of ``raw.read`` too, and reading on does not make a whole body of it."""
    request, response = _begin(stage, fault)
    *_, kind, lower = fault
    body = bytearray()

    def read() -> None:
        while piece := response.raw.read(3):
            body.extend(piece)

    came = raised(read)
    closed(stage, came, request, kind, phase="body", delivery="sent", lower=lower)
    stage.same("the bytes before the error", bytes(body), b"hello")
    again = raised(lambda: response.raw.read(3))
    stage.demand(again.error is not None, "an error, as there is no end of a body that failed", "the end of the body")
    assert again.error is not None
    ours(stage, again.error)
    response.close()
    stage.works("a body that failed")


@CHAPTER.rows(_FAULTS)
def content_that_fails(stage: Stage, fault: tuple[bytes, str, type[Error], bool]) -> None:
    """T5: {row} is an error of ours out of ``content``, with what had come on ``partial``."""
    request, response = _begin(stage, fault)
    *_, kind, lower = fault
    came = raised(lambda: response.content)
    error = closed(stage, came, request, kind, phase="body", delivery="sent", lower=lower)
    stage.same("partial", getattr(error, "partial", None), b"hello")
    response.close()
    stage.works("a body that failed")


@CHAPTER.rows(_FAULTS)
def pieces_that_fail(stage: Stage, fault: tuple[bytes, str, type[Error], bool]) -> None:
    """T5: {row} is an error of ours out of ``iter_content``, after the bytes that had come."""
    request, response = _begin(stage, fault)
    *_, kind, lower = fault
    body = bytearray()

    def iterate() -> None:
        for piece in response.iter_content(4):
            body.extend(piece)

    came = raised(iterate)
    closed(stage, came, request, kind, phase="body", delivery="sent", lower=lower)
    stage.same("the bytes before the error", bytes(body), b"hello")
    stage.works("a body that failed")
