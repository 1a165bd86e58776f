r"""The usual response head, read in one match: a final status, one Content-Length, no line folded, nothing odd.

It is a shortcut and no second opinion: what it takes, ``parse_head`` and ``response_framing`` take with the same
meaning; for all else it gives None, and they decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from intermodal.h1.head import ResponseHead
from intermodal.model.headers import TOKEN, Headers

if TYPE_CHECKING:
    from intermodal.model.options import Limits

# status-line *( field-line ) CRLF (RFC 9112 sections 4 and 5), every line ended by CRLF, every byte printable; field
# names written out as one class of characters, because an alternative tried for each byte costs twice the time.
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-9][0-9][0-9]) ([\t -~\x80-\xff]*)\r\n(?:" + TOKEN.encode() + rb":[\t -~\x80-\xff]*\r\n)+\r\n"
).match

# Content-Length = 1*DIGIT (RFC 9110 section 8.6), in the lower-cased head
_LENGTH = re.compile(r"\ncontent-length:[\t ]*([0-9]{1,18})[\t ]*\r").search


class UsualHead(NamedTuple):
    """A head, the length of the body that follows it, and where in the bytes that body begins."""

    head: ResponseHead
    length: int
    end: int


def usual_head(data: bytes, method: str, limits: Limits) -> UsualHead | None:
    r"""Read the head at the start of ``data`` if all of it is there and it is of the usual kind.

    >>> from intermodal.model.options import Limits
    >>> usual_head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", Limits())[1:]
    (2, 38)
    """
    match = _HEAD(data)
    if match is None or method == "HEAD":
        return None
    end = match.end()
    text = data[:end].decode("latin-1")
    lowered = text.lower()
    length = _LENGTH(lowered)
    if (
        length is None
        or "\ncontent-length:" in lowered[length.end() :]
        or "\ntransfer-encoding:" in lowered
        or end > limits.head_bytes
        or text.count("\n") > limits.fields + 2
    ):
        return None
    connection = lowered.find("\nconnection:")
    if connection >= 0 and not lowered.startswith(" keep-alive\r", connection + 12):
        return None
    status, reason = match.groups()
    if status == b"204" or status == b"304":  # noqa: PLR1714 - two comparisons cost less than a search
        return None
    fields = Headers.of_section(text, text.index("\n") + 1, lowered)
    return UsualHead(
        ResponseHead(int(status), reason.decode("latin-1").strip(" \t"), "HTTP/1.1", fields), int(length[1]), end
    )
