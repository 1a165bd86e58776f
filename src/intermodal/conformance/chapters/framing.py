"""T9, of framing: where it cannot be told where a body ends, nobody guesses; nor what its chunks are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.malformed import CHUNKS, STRICT, dropped, refused
from intermodal.conformance.chapters.written import CHUNKED_HEAD, EVIL, OK
from intermodal.errors import ProtocolError

if TYPE_CHECKING:
    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()

# --- where a body ends ------------------------------------------------------------------------------------------------

_LENGTHS = {
    "a sign": b"+5",
    "a minus": b"-5",
    "minus zero": b"-0",
    "hexadecimal digits": b"0x5",
    "a fraction": b"5.0",
    "an exponent": b"5e0",
    "letters": b"five",
    "nothing": b"",
    "two numbers": b"5 5",
    "an underscore": b"5_0",
    "quotes": b'"5"',
    "a semicolon": b"5;5",
    "a comma behind": b"5,",
    "a comma in front": b",5",
    "two commas": b"5,,5",
    "a list that disagrees": b"5, 6",
    "a list with a word": b"5, five",
    "a digit that is none": b"\xb2",
    "a space that is none": b"5\xa0",
    "a line end that is none": b"5\x85",
    "more than 64 bits hold": b"99999999999999999999",
    "thousands of digits": b"9" * 5000,
}


@CHAPTER.rows(_LENGTHS, guarantee=STRICT)
def a_length_that_is_none(stage: Stage, value: bytes) -> None:
    """T9, RFC 9112 section 6.3: a Content-Length with {row} is refused, not read as a number or as no length."""
    refused(stage, OK + b"Content-Length: " + value + b"\r\n\r\nhello", then="fin")


_TWO_FIELDS = {
    "5 and 6": (b"Content-Length: 5", b"Content-Length: 6"),
    "6 and 5": (b"Content-Length: 6", b"Content-Length: 5"),
    "5 and 5 and 6": (b"Content-Length: 5", b"Content-Length: 5", b"Content-Length: 6"),
    "5 and a word": (b"Content-Length: 5", b"Content-Length: five"),
    "a word and 5": (b"Content-Length: five", b"Content-Length: 5"),
    "5 and a list with 6, in other letters": (b"Content-Length: 5", b"content-length: 5, 6"),
}


@CHAPTER.rows(_TWO_FIELDS, guarantee=STRICT)
def lengths_that_disagree(stage: Stage, lines: tuple[bytes, ...]) -> None:
    """T9, RFC 9112 section 6.3: several Content-Length fields, {row}, are refused."""
    refused(stage, OK + b"\r\n".join(lines) + b"\r\n\r\nhello!")


@CHAPTER.rows({name: _TWO_FIELDS[name] for name in ("5 and 6", "6 and 5")})
def two_lengths_are_an_error(stage: Stage, lines: tuple[bytes, ...]) -> None:
    """T9, RFC 9112 section 6.3: two Content-Length fields that differ, {row}, are an error, and the next exchange works."""
    stage.play(OK + b"\r\n".join(lines) + b"\r\n\r\nhello!", then="fin")
    stage.failed(stage.carry(), ProtocolError, delivery="sent")
    stage.works("two lengths")


_CODINGS = {
    "another coding": b"gzip",
    "another coding before chunked": b"gzip, chunked",
    "another coding behind chunked": b"chunked, gzip",
    "identity": b"identity",
    "chunked twice": b"chunked, chunked",
    "a comma behind": b"chunked,",
    "a comma in front": b",chunked",
    "a letter too many": b"xchunked",
    "a letter too few": b"chunke",
    "a space in it": b"chun ked",
    "quotes": b'"chunked"',
    "a parameter": b"chunked;q=1",
    "nothing": b"",
    "a vertical tab": b"\vchunked",
    "a line end that is none": b"chunked\x85",
}


@CHAPTER.rows(_CODINGS, guarantee=STRICT)
def a_coding_nobody_asked_for(stage: Stage, value: bytes) -> None:
    """T9, RFC 9112 section 6.1: a Transfer-Encoding with {row} is refused, as chunked alone needs no TE."""
    refused(stage, OK + b"Transfer-Encoding: " + value + b"\r\n\r\n" + CHUNKS, then="fin")


_TWO_CODINGS = {
    "two fields that say chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "gzip and chunked in two fields": b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    "chunked and identity in two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "gzip, and a length": b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
    "identity, and a length": b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
    "nothing, and a length": b"Transfer-Encoding: \r\nContent-Length: 5\r\n",
    "chunked, and a length that is none": b"Transfer-Encoding: chunked\r\nContent-Length: five\r\n",
}


@CHAPTER.rows(_TWO_CODINGS, guarantee=STRICT)
def framing_that_contradicts_itself(stage: Stage, fields: bytes) -> None:
    """T9, RFC 9112 section 6.3: {row} is refused, not read one way or the other."""
    refused(stage, OK + fields + b"\r\n" + CHUNKS, then="fin")


_BOTH = {
    "chunks and a length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + CHUNKS,
    "a length and chunks": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "chunks from HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "chunks from HTTP/1.0, kept alive": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: keep-alive\r\n\r\n" + CHUNKS,
}


@CHAPTER.rows(_BOTH)
def chunks_come_before_a_length(stage: Stage, script: bytes) -> None:
    """T9, RFC 9112 section 6.3: with {row} the chunks count, and the next request gets its own answer."""
    stage.play(script)
    stage.answered(stage.carry(), 200, b"hello")
    stage.works("framing in doubt")


@CHAPTER.rows(_BOTH, guarantee=STRICT)
def framing_in_doubt_ends_the_connection(stage: Stage, script: bytes) -> None:
    """T9, RFC 9112 section 6.1: after {row} the client closes the connection, as others may have read them differently."""
    stage.play(script)
    stage.answered(stage.carry(), 200, b"hello")
    dropped(stage)


# --- chunks -----------------------------------------------------------------------------------------------------------

_SIZE_LINES = {
    "a prefix": b"0x5\r\n",
    "a sign": b"+5\r\n",
    "a minus": b"-5\r\n",
    "an underscore": b"0_5\r\n",
    "a space in front": b" 5\r\n",
    "a tab in front": b"\t5\r\n",
    "a vertical tab in front": b"\v5\r\n",
    "NUL in front": b"\x005\r\n",
    "a vertical tab behind": b"5\v\r\n",
    "NUL behind": b"5\0\r\n",
    "a letter that is no digit": b"5h\r\n",
    "a fraction": b"5.0\r\n",
    "a comma": b"5,5\r\n",
    "two numbers": b"5 5\r\n",
    "a word": b"five\r\n",
    "a digit that is none": b"\xb2\r\n",
    "a space that is none": b"5\xa0\r\n",
    "no size": b"\r\n",
    "an extension and no size": b";a=b\r\n",
    "a line feed alone": b"5\n",
    "an extension and a line feed alone": b"5;a=b\n",
    "a bare CR": b"5\rX\r\n",
    "a bare CR in its extension": b"5;a\rb\r\n",
    "two CR": b"5\r\r\n",
    "17 digits": b"00000000000000005\r\n",
    "more than 64 bits hold": b"FFFFFFFFFFFFFFFFF\r\n",
}


@CHAPTER.rows(_SIZE_LINES, guarantee=STRICT)
def a_chunk_size_that_is_none(stage: Stage, line: bytes) -> None:
    """T9, RFC 9112 section 7.1: a chunk-size line with {row} is refused, and the chunk before it is given."""
    refused(stage, CHUNKED_HEAD + b"3\r\nabc\r\n" + line + CHUNKS[3:], phase="body", before=b"abc")


_CHUNK_ENDS = {
    "nothing": b"",
    "two other bytes": b"XY",
    "a line feed alone": b"\n",
    "a CR alone": b"\r",
    "a byte before its line end": b"X\r\n",
    "two CR": b"\r\r\n",
    "a space and a line end": b" \r\n",
}


@CHAPTER.rows(_CHUNK_ENDS, guarantee=STRICT)
def a_chunk_that_does_not_end(stage: Stage, end: bytes) -> None:
    """T9, RFC 9112 section 7.1: a chunk with {row} behind its data is refused, and its data is given."""
    refused(stage, CHUNKED_HEAD + b"5\r\nhello" + end + CHUNKS, phase="body", before=b"hello")


_TRAILERS = {
    "a line without a colon": b"X-Bad\r\n",
    "a space before its colon": b"X-Bad : v\r\n",
    "no name": b": v\r\n",
    "a fold first": b" X-Bad: v\r\n",
    "NUL": b"X-Bad: \0\r\n",
    "a bare CR": b"X-Bad: a\rb\r\n",
    "an answer": EVIL[:38] + b"\r\n",
}


@CHAPTER.rows(_TRAILERS, guarantee=STRICT)
def a_trailer_that_is_none(stage: Stage, line: bytes) -> None:
    """T9, RFC 9112 section 7.1.2: a trailer section with {row} is refused, and the body before it is given."""
    refused(stage, CHUNKED_HEAD + b"5\r\nhello\r\n0\r\n" + line + b"\r\n", phase="body", before=b"hello")
