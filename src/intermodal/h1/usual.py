r"""The usual response head, read in one match: a final status, one Content-Length, no line folded, nothing odd.

It is a shortcut and no second opinion: what it takes, ``parse_head`` and ``response_framing`` take with the same
meaning; for all else it gives None, and they decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intermodal.model.headers import TOKEN, Headers

if TYPE_CHECKING:
    from intermodal.model.options import Limits

# status-line *( field-line ) CRLF (RFC 9112 sections 4 and 5), every line ended by CRLF and every byte printable: classes
# of characters that are ranges are matched in half the time of those that are exceptions.
_HEAD = re.compile(
    rb"HTTP/1\.1 [2-9][0-9][0-9] [\t -~\x80-\xff]*\r\n(?:" + TOKEN.encode() + rb":[\t -~\x80-\xff]*\r\n)+\r\n"
).match

# Content-Length = 1*DIGIT (RFC 9110 section 8.6), in the lower-cased head
_LENGTH = re.compile(r"\ncontent-length:[\t ]*([0-9]{1,18})[\t ]*\r").match

#: Status, reason, fields; the length of the body, and where in the bytes received it begins.
UsualHead = tuple[int, str, Headers, int, int]


def usual_head(data: bytes, method: str, limits: Limits) -> UsualHead | None:
    r"""Read the head at the start of ``data`` if all of it is there and it is of the usual kind.

    >>> from intermodal.model.options import Limits
    >>> usual_head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", Limits())
    (200, 'OK', Headers([('Content-Length', '2')]), 2, 38)
    """
    match = _HEAD(data)
    if match is None or method == "HEAD":
        return None
    end = match.end()
    text = data[:end].decode("latin-1")
    lowered = text.lower()
    at = lowered.find("\ncontent-length:")
    length = _LENGTH(lowered, at) if at >= 0 else None
    if (
        length is None
        or lowered.find("\ncontent-length:", at + 1) >= 0
        or "\ntransfer-encoding:" in lowered
        or end > limits.head_bytes
        or (end > 4 * limits.fields and text.count("\n") > limits.fields + 2)  # "a:" and CRLF is the shortest field
    ):
        return None
    connection = lowered.find("\nconnection:")
    if connection >= 0 and (
        not lowered.startswith(" keep-alive\r", connection + 12) or lowered.find("\nconnection:", connection + 12) >= 0
    ):
        return None
    status = int(text[9:12])
    if status in (204, 304):
        return None
    line_end = text.index("\r")
    fields = Headers.of_section(text, line_end + 2, lowered)
    return status, text[13:line_end].strip(" \t"), fields, int(length[1]), end
