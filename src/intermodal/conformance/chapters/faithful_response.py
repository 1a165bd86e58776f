"""T3: the response is what the server sent: status, reason, fields, version, the undecoded body, trailers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import ALL_BYTES, CHUNKED_FIELDS, an_answer, in_chunks
from intermodal.protocol import Guarantee

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()

Fields = list[tuple[str, str]]

_LENGTH_0 = (b"Content-Length: 0",)

# --- the status line --------------------------------------------------------------------------------------------------

_STATUSES = (
    *(200, 201, 202, 203, 206, 226, 299, 300, 303, 306, 307, 399, 400, 401, 404, 407, 410, 418, 421, 451, 499),
    *(500, 501, 503, 511, 599),
)


@CHAPTER.rows({str(status): status for status in _STATUSES}, wire=False)
def a_status_is_told(stage: Stage, status: int) -> None:
    """T3, RFC 9110 section 15: the status {row} comes back as it is, with its fields and its body."""
    stage.answer(status, [("X-A", "1")], b"body", "Reason")
    response = stage.answered(stage.carry(), status, b"body")
    stage.same("the field X-A", response.headers.get("x-a"), "1")


@CHAPTER.rows({"600": 600, "777": 777, "999": 999})
def a_status_beyond_its_classes_is_told(stage: Stage, status: int) -> None:
    """T3, RFC 9112 section 4: a status of three digits, {row}, that has no meaning comes back nevertheless."""
    stage.play(an_answer([b"Content-Length: 4"], b"body", b"HTTP/1.1 %d Odd" % status))
    stage.answered(stage.carry(), status, b"body", reason="Odd")


@CHAPTER.rows({"204": 204, "304": 304}, wire=False)
def a_status_without_content_is_told(stage: Stage, status: int) -> None:
    """T3, RFC 9112 section 6.3: {row} has no content, says nothing of one, and ends with its head."""
    stage.answer(status, [("X-A", "1")], None, "Nothing")
    response = stage.answered(stage.carry(), status, b"")
    stage.same("the field X-A", response.headers.get("x-a"), "1")
    stage.works("an answer without content")


_REASONS = {
    "its usual words": (b" Not Found", "Not Found"),
    "words of the server's own": (b" No Tea Today", "No Tea Today"),
    "nothing": (b" ", ""),
    "nothing, not even a space": (b"", ""),
    "one letter": (b" x", "x"),
    "what looks like a status": (b" 200 OK", "200 OK"),
    "what looks like a field": (b" X-A: 1", "X-A: 1"),
    "a tab": (b" a\tb", "a\tb"),
    "two spaces": (b" a  b", "a  b"),
    "latin-1": (b" caf\xe9 \xff", "caf\xe9 \xff"),
    "UTF-8": (b" \xc3\xa9", "\xc3\xa9"),
    "all that is visible": (b" " + bytes(range(0x21, 0x7F)), bytes(range(0x21, 0x7F)).decode()),
    "a thousand letters": (b" " + b"r" * 1000, "r" * 1000),
}


@CHAPTER.rows(_REASONS)
def a_reason_is_the_servers(stage: Stage, row: tuple[bytes, str]) -> None:
    """T3, RFC 9112 section 4: a reason of {row} comes back as it is, whatever the status is usually called."""
    sent, reason = row
    stage.play(an_answer(_LENGTH_0, line=b"HTTP/1.1 404" + sent))
    stage.answered(stage.carry(), 404, b"", reason=reason)


@CHAPTER.rows({"HTTP/1.1": b"HTTP/1.1", "HTTP/1.0": b"HTTP/1.0"})
def a_version_is_told(stage: Stage, version: bytes) -> None:
    """T3, RFC 9112 section 2.3: the version of an answer in {row} is told, and its body is read."""
    stage.play(an_answer([b"Content-Length: 4"], b"body", version + b" 200 OK"))
    response = stage.answered(stage.carry(), 200, b"body")
    stage.same("the version", response.http_version, version.decode())


@CHAPTER.rows({"1.2": b"HTTP/1.2", "1.9": b"HTTP/1.9"}, guarantee=Guarantee.STRICT_FRAMING)
def a_later_minor_version_counts_as_1_1(stage: Stage, version: bytes) -> None:
    """T3, RFC 9110 section 2.5: an answer of version {row} is read, and told, as one of 1.1, the highest that is known."""
    stage.play(an_answer(CHUNKED_FIELDS, in_chunks(b"body"), version + b" 200 OK"))
    response = stage.answered(stage.carry(), 200, b"body")
    stage.same("the version", response.http_version, "HTTP/1.1")


# --- fields -----------------------------------------------------------------------------------------------------------

_FIELDS: dict[str, Fields] = {
    "one": [("X-One", "1")],
    "one name twice": [("X-Two", "a"), ("X-Two", "b")],
    "two names in turns": [("X-A", "1"), ("X-B", "2"), ("X-A", "3"), ("X-B", "4")],
    "one name twice with one value": [("X-Two", "a"), ("X-Two", "a")],
    "cookies with commas in their dates": [
        ("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/"),
        ("Set-Cookie", "b=2; Expires=Thu, 22 Oct 2026 07:28:00 GMT"),
        ("Set-Cookie", "c=3"),
    ],
    "a comma list": [("X-List", "a, b,c ,d"), ("X-List", "e")],
    "an empty value": [("X-Empty", ""), ("X-After", "1")],
    "inner spaces and tabs": [("X-Value", "a  b\tc \t d")],
    "quotes and backslashes": [("X-Value", '"a, \\"b\\"; c"'), ("X-Open", '"never closed')],
    "colons": [("X-Value", "a: b: c"), ("X-Colon", ":")],
    "latin-1": [("X-Value", "caf\xe9 \xa7\xff")],
    "UTF-8, as latin-1": [("X-Value", "é→".encode().decode("latin-1"))],
    "a name of odd characters": [("!#$%&'*+-.^_`|~09", "1")],
    "a value of 8,000 bytes": [("X-Long", "v" * 8000)],
    "ninety": [(f"X-Field-{index}", str(index)) for index in range(90)],
    "a date and an entity tag": [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("ETag", 'W/"a,b"')],
    "two challenges": [("WWW-Authenticate", 'Basic realm="a", Digest realm="b"'), ("WWW-Authenticate", "Bearer")],
    "a Location that is no URL": [("Location", "::not a url%zz")],
    "none": [],
}


@CHAPTER.rows(_FIELDS, wire=False)
def fields_come_in_order(stage: Stage, fields: Fields) -> None:
    """T3, RFC 9110 section 5.3: fields ({row}) come back one by one, in order, with their values."""
    stage.answer(200, fields, b"hello")
    response = stage.answered(stage.carry(), 200, b"hello")
    # An interface may prescribe lower case for the names, as ASGI does; over HTTP it is kept, which the next case says.
    came = [(name.lower(), value) for name, value in response.headers.pairs]
    stage.same("the fields", came, [(name.lower(), value) for name, value in [*fields, ("Content-Length", "5")]])


@CHAPTER.case()
def the_case_of_names_is_kept(stage: Stage) -> None:
    """T3, RFC 9110 section 5.1: names come back with the case that they were sent in, each as its own."""
    fields = [("x-lower", "1"), ("X-UPPER", "2"), ("x-MiXeD", "3"), ("X-LOWER", "4"), ("content-LENGTH", "0")]
    stage.play(an_answer([f"{name}: {value}".encode() for name, value in fields]))
    response = stage.answered(stage.carry(), 200, b"", fields)
    stage.same("a name in another case", response.headers.get_list("X-Lower"), ["1", "4"])


_VALUES: dict[str, tuple[bytes, str]] = {
    "without a space before it": (b"X-A:1", "1"),
    "with spaces and tabs around it": (b"X-A: \t 1 2 \t ", "1 2"),
    "of spaces alone": (b"X-A:   \t ", ""),
    "of nothing": (b"X-A:", ""),
    "that begins with a colon": (b"X-A::1", ":1"),
    "of bytes beyond ASCII": (b"X-A: \x80\x85\xa0x\xff", "\x80\x85\xa0x\xff"),
    "that ends in a byte beyond ASCII": (b"X-A: x\xa0\x85", "x\xa0\x85"),
}


@CHAPTER.rows(_VALUES)
def white_space_around_a_value_is_not_part_of_it(stage: Stage, row: tuple[bytes, str]) -> None:
    """T3, RFC 9110 section 5.5: of a value {row}, spaces and tabs at its ends are left out, and nothing else is."""
    line, value = row
    stage.play(an_answer([line, *_LENGTH_0, b"X-B: 2"]))
    stage.answered(stage.carry(), 200, b"", [("X-A", value), ("Content-Length", "0"), ("X-B", "2")])


_FOLDED: dict[str, tuple[bytes, str]] = {
    "twice": (b"X-A: a\r\n b\r\n c", "a b c"),
    "with spaces and tabs around": (b"X-A: a \t\r\n \t  b", "a b"),
    "with an empty first line": (b"X-A:\r\n b", "b"),
    "with an empty last line": (b"X-A: a\r\n ", "a"),
    "at what looks like a field": (b"X-A: a\r\n X-C: 1", "a X-C: 1"),
}


@CHAPTER.case()
def a_folded_line_is_one_line(stage: Stage) -> None:
    """T3, RFC 9112 section 5.2: a line that begins with a space goes on with the value before it."""
    stage.play(an_answer([b"X-A: a\r\n b", *_LENGTH_0]))
    stage.answered(stage.carry(), 200, b"", [("X-A", "a b"), ("Content-Length", "0")])


@CHAPTER.rows(_FOLDED, guarantee=Guarantee.STRICT_FRAMING)
def a_line_folded_oddly_is_one_line(stage: Stage, row: tuple[bytes, str]) -> None:
    """T3, RFC 9112 section 5.2: a line folded {row} is one line, with a space for each fold."""
    line, value = row
    stage.play(an_answer([line, *_LENGTH_0]))
    stage.answered(stage.carry(), 200, b"", [("X-A", value), ("Content-Length", "0")])


@CHAPTER.case()
def no_field_at_all_is_none(stage: Stage) -> None:
    """T3, RFC 9112 section 2.1: an answer may have no field, and then none is told."""
    stage.play(an_answer(body=b"until the end"), then="fin")
    stage.answered(stage.carry(), 200, b"until the end", [])


# --- the body ---------------------------------------------------------------------------------------------------------

_LARGE = ALL_BYTES * 4096
_BODIES: dict[str, bytes | list[bytes]] = {
    "nothing": b"",
    "a byte": b"x",
    "all bytes there are": ALL_BYTES,
    "line ends of every kind": b"\r\n\n\r\x00\r\n\r\n",
    "what looks like an answer": b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    "text with a byte order mark": b"\xef\xbb\xbfh\xc3\xa9",
    "a MiB": _LARGE,
    "pieces": [b"he", b"l", b"lo"],
    "a thousand pieces": [b"%d" % (index % 10) for index in range(1000)],
    "pieces of all bytes": [ALL_BYTES, ALL_BYTES[::-1]],
}


@CHAPTER.rows(_BODIES, wire=False)
def a_body_comes_as_it_was_sent(stage: Stage, body: bytes | list[bytes]) -> None:
    """T3, RFC 9112 section 6: a body of {row} comes whole and unchanged."""
    stage.answer(200, [("Content-Type", "text/plain; charset=utf-16")], body)
    came = stage.carry()
    stage.answered(came, 200)
    sent = body if isinstance(body, bytes) else b"".join(body)
    if len(sent) > 1000:  # where it differs, nobody wants to see it
        stage.same("the length of the body", len(came.body), len(sent))
        stage.same("its hash", hashlib.sha256(came.body).hexdigest(), hashlib.sha256(sent).hexdigest())
    stage.demand(came.body == sent, f"the body {sent[:300]!r}", came)


_FRAMED: dict[str, tuple[bytes, bytes]] = {
    "a length": (an_answer([b"Content-Length: 5"], b"hello"), b"hello"),
    "a length of zero": (an_answer(_LENGTH_0), b""),
    "a length with zeros in front": (an_answer([b"Content-Length: 0005"], b"hello"), b"hello"),
    "a length said twice": (an_answer([b"Content-Length: 5", b"X-A: 1", b"content-length: 5"], b"hello"), b"hello"),
    "a length and spaces": (an_answer([b"Content-Length: \t 5"], b"hello"), b"hello"),
    "chunks": (an_answer(CHUNKED_FIELDS, in_chunks(b"he", b"llo")), b"hello"),
    "no chunk but the last": (an_answer(CHUNKED_FIELDS, in_chunks()), b""),
    "chunks in capitals": (an_answer([b"Transfer-Encoding: CHUNKED"], in_chunks(b"hello")), b"hello"),
    "a size in capitals": (an_answer(CHUNKED_FIELDS, b"1A\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"), b"x" * 26),
    "a size in small letters": (an_answer(CHUNKED_FIELDS, b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"), b"x" * 26),
    "a size with zeros in front": (an_answer(CHUNKED_FIELDS, b"00005\r\nhello\r\n000\r\n\r\n"), b"hello"),
    "chunks with extensions": (
        an_answer(CHUNKED_FIELDS, b'3;a\r\nhel\r\n2;b=1;c="d;\\"e"\r\nlo\r\n0;end\r\n\r\n'),
        b"hello",
    ),
    "chunks of a byte each": (an_answer(CHUNKED_FIELDS, in_chunks(*[b"x"] * 3000)), b"x" * 3000),
    "chunks of line ends": (an_answer(CHUNKED_FIELDS, in_chunks(b"\r\n", b"0\r\n\r\n", b"\n")), b"\r\n0\r\n\r\n\n"),
    "205": (an_answer(_LENGTH_0, line=b"HTTP/1.1 205 Reset Content"), b""),
}


@CHAPTER.rows(_FRAMED)
def a_body_ends_where_its_framing_says(stage: Stage, row: tuple[bytes, bytes]) -> None:
    """T3, RFC 9112 section 6.3: a body ({row}) is read to its end and not beyond, and another exchange follows."""
    sent, body = row
    stage.play(sent)
    came = stage.carry()
    stage.answered(came, int(sent[9:12]), body)
    stage.works("that body")


@CHAPTER.rows({"of the version 1.1": b"HTTP/1.1", "of the version 1.0": b"HTTP/1.0"})
def a_body_without_framing_ends_with_the_connection(stage: Stage, version: bytes) -> None:
    """T3, RFC 9112 section 6.3: an answer {row} with neither length nor chunks goes on until the server closes."""
    stage.play(an_answer([b"X-A: 1"], ALL_BYTES, version + b" 200 OK"), 0.02, b"more", then="fin")
    stage.answered(stage.carry(), 200, ALL_BYTES + b"more", [("X-A", "1")])


_BODYLESS: dict[str, tuple[str, bytes, Sequence[bytes]]] = {
    "to a HEAD, with a length": ("HEAD", b"200 OK", [b"Content-Length: 5"]),
    "to a HEAD, with chunks announced": ("HEAD", b"200 OK", CHUNKED_FIELDS),
    "to a HEAD, with neither": ("HEAD", b"200 OK", [b"X-A: 1"]),
    "to a HEAD, that found nothing": ("HEAD", b"404 Not Found", [b"Content-Length: 9"]),
    "204": ("GET", b"204 No Content", [b"X-A: 1"]),
    "304 with the length of what it spares": ("GET", b"304 Not Modified", [b"Content-Length: 5", b'ETag: "1"']),
    "304": ("GET", b"304 Not Modified", [b'ETag: "1"']),
    "204 to a POST": ("POST", b"204 No Content", []),
}


@CHAPTER.rows(_BODYLESS)
def no_content_follows(stage: Stage, row: tuple[str, bytes, Sequence[bytes]]) -> None:
    """T3, RFC 9112 section 6.3: after the head of an answer ({row}) nothing is waited for, and its fields are told."""
    method, status, fields = row
    stage.play(an_answer(fields, line=b"HTTP/1.1 " + status))
    came = stage.carry(stage.request(method, "/"), stage.options(read=1.0))
    told = [(name, value) for name, _, value in (line.decode().partition(": ") for line in fields)]
    stage.answered(came, int(status[:3]), b"", told)
    stage.works("an answer without content")
