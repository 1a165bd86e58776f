"""T8, of several responses: open at once or one after the other, each has its own body and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.left_early import nothing_more
from intermodal.conformance.chapters.written import CHUNKED_HEAD, UNTIL_CLOSE, with_length
from intermodal.conformance.stage import BOUND

if TYPE_CHECKING:
    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()


@CHAPTER.rows({"bytes": False, "pieces": True}, wire=False)
def two_responses_do_not_mix(stage: Stage, pieces: bool) -> None:
    """T8: two responses whose bodies come as {row} are open at once, read by turns, and each has its own body."""
    bodies = [letter * 20000 for letter in (b"a", b"b")]
    for body in bodies:
        stage.answer(body=[body[:10000], body[10000:]] if pieces else body)
    open_ones = [stage.send() for _ in bodies]
    read = [b"", b""]
    for turn in range(1000):
        piece = open_ones[turn % 2].raw.read(100 + turn)
        read[turn % 2] += piece
    stage.demand(read == bodies, "both bodies", f"{[(len(data), set(data.decode())) for data in read]}")
    stage.works("two responses at once")


@CHAPTER.case(wire=False)
def the_last_may_be_read_first(stage: Stage) -> None:
    """T8: of four responses that are open, the last is read first, and each has its own body."""
    bodies = [b"%d" % index * 3000 for index in range(4)]
    for body in bodies:
        stage.answer(body=body)
    open_ones = [stage.send() for _ in bodies]
    stage.same("the bodies", [each.raw.readall() for each in reversed(open_ones)], bodies[::-1])


@CHAPTER.case(wire=False)
def the_end_of_one_is_not_the_next(stage: Stage) -> None:
    """T8: reading on behind the end of a response takes nothing of the one that is open after it."""
    stage.answer(body=b"first")
    stage.answer(body=b"second")
    first = stage.send()
    stage.same("the first body", first.raw.readall(), b"first")
    second = stage.send()
    nothing_more(stage, first)
    stage.same("the second body", second.raw.readall(), b"second")


@CHAPTER.case(wire=False)
def closing_late_harms_nobody(stage: Stage) -> None:
    """T8: a response that was read to its end and is closed while the next one is read does not end that one."""
    stage.answer(body=b"first")
    stage.answer(body=[b"sec", b"ond"] * 1000)
    first = stage.send()
    stage.same("the first body", first.raw.readall(), b"first")
    second = stage.send()
    beginning = second.raw.read(3)
    first.close()
    stage.same("the second body", beginning + second.raw.readall(), b"second" * 1000)


@CHAPTER.rows({"by its length": b"%d" * 10, "in pieces": [b"%d"] * 10, "of nothing": b""}, wire=False)
def each_request_has_its_own_answer(stage: Stage, template: Any) -> None:
    """T8, RFC 9112 section 9.3: of five exchanges in a row with a body {row}, each gets the answer to its own request."""
    for index in range(5):
        number = b"%d" % index
        body = template.replace(b"%d", number) if isinstance(template, bytes) else [number] * len(template)
        stage.answer(200, [("X-Number", str(index))], body)
        whole = body if isinstance(body, bytes) else b"".join(body)
        response = stage.answered(stage.carry(stage.request("GET", f"/{index}")), 200, whole)
        stage.same("X-Number", response.headers.get("x-number"), str(index))
        stage.arrived("GET", f"/{index}")


@CHAPTER.case()
def framings_may_change_between_answers(stage: Stage) -> None:
    """T8, RFC 9112 section 9.3: bodies by length, in chunks, with trailers, of nothing and until close follow each other."""
    answers = [
        (with_length(3) + b"one", b"one"),
        (CHUNKED_HEAD + b"3\r\ntwo\r\n0\r\n\r\n", b"two"),
        (CHUNKED_HEAD + b"5\r\nthree\r\n0\r\nX-Trailer: 1\r\n\r\n", b"three"),
        (with_length(0), b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (with_length(4) + b"last", b"last"),
    ]
    for script, body in answers:
        stage.play(script)
        came = stage.carry()
        stage.demand(came.error is None and came.body == body, f"the body {body!r}", str(came))
    stage.play(UNTIL_CLOSE + b"end", then="fin")
    stage.answered(stage.carry(), 200, b"end")
    stage.works("a body until close")


_WITHOUT_CONTENT = {
    "HEAD": ("HEAD", 200, [("Content-Length", "5")]),
    "HEAD without a length": ("HEAD", 200, []),
    "204": ("GET", 204, []),
    "304": ("GET", 304, [("ETag", '"1"')]),
    "304 with the length of what is not sent": ("GET", 304, [("Content-Length", "5")]),
}


@CHAPTER.rows(_WITHOUT_CONTENT, wire=False)
def no_content_is_not_waited_for(stage: Stage, row: tuple[str, int, list[tuple[str, str]]]) -> None:
    """T8, RFC 9112 section 6.3: an answer without content ({row}) is at its end at once, and the next exchange works."""
    method, status, fields = row
    for _ in range(2):
        stage.answer(status, fields, None)
        came = stage.carry(stage.request(method), stage.options(read=BOUND))
        stage.answered(came, status, b"")
    stage.works("an answer without content")
