"""Where a response body ends: the numbered steps of RFC 9112 section 6.3 as one pure function."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import ProtocolError
from intermodal.h1.grammar import CONTENT_LENGTH

if TYPE_CHECKING:
    from intermodal.h1.head import ResponseHead


class Kind(enum.Enum):
    """How the end of a body is told."""

    NONE = "no content"
    UPGRADE = "no longer HTTP"
    LENGTH = "by its length"
    CHUNKED = "by its last chunk"
    CLOSE = "by the end of the connection"


class Framing(NamedTuple):
    """How the body ends, its length where that is known, and whether the connection may serve again after it."""

    kind: Kind
    length: int
    persistent: bool


def response_framing(method: str, head: ResponseHead, *, upgrade: bool) -> Framing:
    """Decide how the body of a final response ends.

    Args:
        method: the request's; a HEAD is answered without content.
        head: the final response's.
        upgrade: whether the request asked to upgrade; else a 101 is malformed.

    Raises:
        ProtocolError: Content-Length or Transfer-Encoding is invalid, or a 101 came unasked.
    """
    # Step 2: what follows a 2xx to a CONNECT is the tunnel's; fields that would frame a body are ignored, even nonsense.
    if method == "CONNECT" and 200 <= head.status_code < 300:
        return Framing(Kind.NONE, 0, persistent=False)
    codings: list[str] = []
    lengths: list[str] = []
    for name, value in head.headers.pairs:
        size = len(name)  # spares most fields the lower-casing
        if size == 14 and name.lower() == "content-length":
            lengths.append(value)
        elif size == 17 and name.lower() == "transfer-encoding":
            codings.append(value)
    # RFC 9112 section 9.3: persistent by default in HTTP/1.1. "keep-alive" from an HTTP/1.0 server is not
    # honoured: it is how a proxy that forwards Connection blindly answers (section C.2.2).
    persistent = head.http_version == "HTTP/1.1" and "close" not in connection_options(head)

    # The values are judged even where they are not applied: a server that sends nonsense in answer to a
    # HEAD will send it in answer to the GET.
    chunked = _is_chunked(codings)
    length = _content_length(lengths)

    status = head.status_code
    if status == 101:
        if not upgrade:
            raise ProtocolError("101 Switching Protocols, but no upgrade was asked for (RFC 9110 section 15.2.2)")
        return Framing(Kind.UPGRADE, 0, persistent=False)
    # Step 1: no content, whatever the fields say.
    if method == "HEAD" or status in (204, 304):
        return Framing(Kind.NONE, 0, persistent and not (chunked and length is not None))
    if chunked:
        # Step 3: Transfer-Encoding overrides Content-Length, and the connection is closed after it, because
        # someone on the way may have read it the other way. So too for HTTP/1.0 (section 6.1).
        return Framing(Kind.CHUNKED, 0, persistent and length is None)
    # Step 4, another final coding, and step 5, an invalid Content-Length, were refused above.
    if length is not None:
        return Framing(Kind.LENGTH, length, persistent)  # step 6
    return Framing(Kind.CLOSE, 0, persistent=False)  # step 8; step 7 is about requests


def connection_options(head: ResponseHead) -> list[str]:
    """Give the members of Connection over all its lines, in lower case (RFC 9110 section 7.6.1).

    They are compared whole: "disclosed" is not "close".
    """
    return [
        option.strip(" \t").lower()
        for name, value in head.headers.pairs
        if len(name) == 10 and name.lower() == "connection"
        for option in value.split(",")
    ]


def _is_chunked(values: list[str]) -> bool:
    """Exactly one field that says ``chunked``: nothing else was asked for, TE is never sent (RFC 9112 section 7.4)."""
    if not values:
        return False
    if len(values) > 1 or values[0].lower() != "chunked":
        raise ProtocolError(
            f"Transfer-Encoding {', '.join(values)!r:.80}: expected 'chunked', once and alone (RFC 9112 section 6.1)"
        )
    return True


def _content_length(values: list[str]) -> int | None:
    """One decimal number, or a list of equal ones, which a proxy may have made (RFC 9110 section 8.6)."""
    if not values:
        return None
    members = [member.strip(" \t") for value in values for member in value.split(",")]
    if not all(CONTENT_LENGTH.fullmatch(member) for member in members):
        raise ProtocolError(
            f"Content-Length {', '.join(values)!r:.80}: expected a decimal number (RFC 9112 section 6.3)"
        )
    lengths = {int(member) for member in members}
    if len(lengths) > 1:
        raise ProtocolError(f"Content-Length {', '.join(values)!r:.80}: two that differ (RFC 9112 section 6.3)")
    return lengths.pop()
