"""Heads: a request head encoded, a response head parsed, strictly and in one pass.

Laws: the name, value, order, case and number of fields come through as they were sent; what RFC 9112
calls invalid is a ProtocolError that says what was found; the result does not depend on how the bytes
were cut, because nothing is parsed before the empty line is there.
"""

from __future__ import annotations

from typing import NamedTuple

from intermodal.errors import ProtocolError
from intermodal.h1.grammar import FIELD_LINE, FIELD_SECTION, OBS_FOLD, STATUS_LINE
from intermodal.model.headers import Headers


class ResponseHead(NamedTuple):
    """A status line and its fields."""

    status_code: int
    reason: str
    http_version: str
    headers: Headers


def encode_head(method: str, target: str, headers: Headers) -> bytes:
    r"""Encode a request line and its fields (RFC 9112 section 3) as they are: a Request is canonical already.

    >>> encode_head("GET", "/", Headers([("Host", "h")]))
    b'GET / HTTP/1.1\r\nHost: h\r\n\r\n'
    """
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.pairs])
    return f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1")


def find_end(data: bytes | bytearray, start: int = 0) -> int:
    """Give the position just behind the first empty line, or -1 where there is none yet.

    ``start`` is where an earlier search may have left off, less three bytes.
    """
    crlf = data.find(b"\n\r\n", start)
    lf = data.find(b"\n\n", start, crlf + 1 if crlf >= 0 else len(data))
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else -1


def parse_head(data: bytes, max_fields: int) -> ResponseHead:
    r"""Parse a whole response head, empty line included.

    >>> parse_head(b"HTTP/1.1 200 OK\r\nX-A:  1 \r\n\r\n", 128).headers.pairs
    (('X-A', '1'),)

    Raises:
        ProtocolError: it is not one.
    """
    text = data.decode("latin-1")
    start = STATUS_LINE.match(text)
    if start is None:
        raise ProtocolError(
            f"malformed status line {first_line(text)!r}: expected 'HTTP/1.1 200 OK' (RFC 9112 section 4)"
        )
    minor, status, reason = start.groups()
    pairs = parse_fields(text[start.end() :], max_fields)
    return ResponseHead(
        int(status),
        reason.strip(" \t") if reason else "",
        "HTTP/1.0" if minor == "0" else "HTTP/1.1",
        Headers.trusted(pairs),
    )


def parse_fields(section: str, max_fields: int) -> list[tuple[str, str]]:
    """Parse a field section, the empty line included: of a head, or of trailers (RFC 9112 sections 5, 7.1.2)."""
    if not FIELD_SECTION.fullmatch(section):
        section = _unfold(section)
    pairs = [(name, value.strip(" \t")) for name, value in FIELD_LINE.findall(section)]
    if len(pairs) > max_fields:
        raise ProtocolError(f"{len(pairs)} header fields, more than the limit of {max_fields} (Limits.fields)")
    return pairs


def _unfold(section: str) -> str:
    """Join folded lines, then insist: what is not a section of field lines now never was one."""
    if section[0] not in " \t":  # a fold needs a field before it
        first, *rest = [piece.rstrip(" \t") for piece in OBS_FOLD.split(section)]
        unfolded = " ".join([first, *filter(None, rest)])
        if FIELD_SECTION.fullmatch(unfolded):
            return unfolded
        section = unfolded
    end = 0
    while line := FIELD_LINE.match(section, end):
        end = line.end()
    raise ProtocolError(
        f"malformed header line {first_line(section[end:])!r}: expected 'Name: value' without a space before the"
        " colon and without NUL, CR, VT or FF (RFC 9112 section 5)"
    )


def first_line(text: str) -> str:
    """Give the beginning of a text, as much as an error message should show."""
    line = text[:81].partition("\n")[0]
    return line if len(line) <= 80 else line[:77] + "..."
