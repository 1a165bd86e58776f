"""urllib3 as it comes, for urllib3 itself and for requests on top of it: what it is given, and what it answers."""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import Iterator, MutableMapping
from email import errors as defects
from typing import TYPE_CHECKING, Any

from urllib3.util import SKIP_HEADER, parse_url

from intermodal.borrowed.answer import Answer
from intermodal.errors import UnsupportedFeature
from intermodal.model.body import PIECE

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange
    from intermodal.model.body import Body
    from intermodal.model.headers import Headers
    from intermodal.model.request import Request

# --- what it is given ---------------------------------------------------------------------------------------------------


class FieldList(MutableMapping[str, str]):
    """Header fields in wire order, with their case and duplicates, as the mapping that urllib3 writes its head from.

    User-Agent and Accept-Encoding, which urllib3 adds where they are missing, are marked to be left out. Whoever stands
    between (an adapter of the user's) may read and set fields as in any mapping.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    @classmethod
    def of(cls, headers: Headers) -> FieldList:
        """Take over the fields of a canonical request, and say which ones are not to be added."""
        added = [(name, SKIP_HEADER) for name in ("User-Agent", "Accept-Encoding") if name not in headers]
        # As bytes a caller's value is sent even where it reads like the marker.
        sent = [(n, v.encode() if v == SKIP_HEADER else v) for n, v in headers.pairs]
        return cls([*sent, *added])  # type: ignore[list-item]

    def copy(self) -> FieldList:
        return FieldList(list(self._pairs))

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        values = [value for known, value in self._pairs if known.lower() == name.lower()]
        if not values:
            raise KeyError(name)
        return values[0] if len(values) == 1 else ", ".join(values)

    def __setitem__(self, name: str, value: str) -> None:
        at = next((at for at, (known, _) in enumerate(self._pairs) if known.lower() == name.lower()), len(self._pairs))
        self._pairs[at:] = [(name, value), *[p for p in self._pairs[at:] if p[0].lower() != name.lower()]]

    def __delitem__(self, name: str) -> None:
        kept = [pair for pair in self._pairs if pair[0].lower() != name.lower()]
        if len(kept) == len(self._pairs):
            raise KeyError(name)
        self._pairs[:] = kept

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower(): name for name, _ in self._pairs}.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})


def body_of(request: Request) -> Any:
    """Give the body in the shape that urllib3 writes as it is: bytes that one write bounds, else pieces."""
    body = request.body
    if body is None:
        return None
    content = body.content
    return content if content is not None and len(content) <= PIECE else _Pieces(body)


class _Pieces:
    """A longer body, or one that is no bytes: iterated, so that no length and no file position is guessed at."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self._body.pieces()


_TRIPLET = re.compile("%[0-9A-Fa-f]{2}")


def written(target: str) -> str:
    """Give what urllib3 makes of a canonical target: it writes triplets in upper case and an absolute-form anew."""
    if target.startswith("/"):
        return _TRIPLET.sub(lambda triplet: triplet[0].upper(), target)
    return parse_url(target).url


def shown(request: Request) -> str:
    """Give the target where it is shown only, because our own connection writes it: urllib3 parses what it is given.

    An absolute-form may be one that it cannot parse, and older versions take two slashes for the start of a host.
    """
    target = request.target if request.target.startswith("/") else request.url.target
    return target if not target.startswith("//") else "/" + target.lstrip("/")


def check_target(exchange: Exchange, becomes: str) -> None:
    """Refuse a target that would go out otherwise than it stands in the request: signed URLs depend on it (T2).

    Raises:
        UnsupportedFeature: nothing was sent.
    """
    target = exchange.request.target
    if becomes != target:
        raise UnsupportedFeature(
            f"transport {exchange.transport!r} would write the target {target!r:.200} as {becomes!r:.200}, nothing was"
            " sent: write it so, or make the transport without an object of your own",
            request=exchange.request,
            transport=exchange.transport,
        )


# --- what it answers ----------------------------------------------------------------------------------------------------

_VERSIONS = {0: "HTTP/1.1", 10: "HTTP/1.0", 11: "HTTP/1.1"}  # 0 is a response that never was on a wire

#: Of the defects that the standard library notes and urllib3 logs, those behind which fields are missing. Others are
#: about the content of a field and no fault of the head.
_DEFECTS = (
    defects.MissingHeaderBodySeparatorDefect,
    defects.InvalidHeaderDefect,
    defects.FirstHeaderLineIsContinuationDefect,
    defects.MisplacedEnvelopeHeaderDefect,
)


def answer_of(response: Any) -> Answer:
    """Read what urllib3 has parsed off its HTTPResponse, or off one that a hook has made."""
    message: Any = getattr(getattr(response, "_original_response", None), "msg", None)
    parsed = isinstance(message, http.client.HTTPMessage)
    version = response.version or 0
    body = getattr(response, "_body", None)  # read already, where a hook made the response so
    source = io.BytesIO(body) if isinstance(body, bytes) and body else response
    return Answer(
        response.status,
        response.reason or "",
        _VERSIONS.get(version, f"HTTP/{version / 10}"),
        # urllib3 groups its own headers by name, in the case of the first; in wire order they are here only.
        message.raw_items() if parsed else response.headers.items(),
        lambda n: _read(source, n),
        lambda reusable: give_back(response, reusable),
        "malformed header lines, some of which are lost (RFC 9112 section 5)" if parsed and _lossy(message) else "",
    )


def _lossy(message: Any) -> bool:
    """Whether the standard library has dropped lines of the head: what follows such a line is payload to it."""
    payload = message.get_payload()
    return (isinstance(payload, str) and payload != "") or any(isinstance(d, _DEFECTS) for d in message.defects)


def _read(source: Any, n: int) -> bytes:
    """Read undecoded bytes as soon as any are there: ``read`` and ``stream`` wait for all of them, and lose them on error."""
    if isinstance(source, io.BytesIO):
        return source.read(n)
    if hasattr(source, "read1"):
        return source.read1(n, decode_content=False) or b""
    return _read1(source, n)


def _read1(response: Any, n: int) -> bytes:
    """Do what ``read1`` does, which the oldest urllib3 that is supported does not have."""
    file = response._fp
    if file is None:
        return b""
    with response._error_catcher():
        data: bytes = file.read1(n)
        if not data:
            file.close()
    return data


def forsake(response: Any) -> None:
    """Take the socket from a connection that must not serve again, before urllib3 puts it back into its pool.

    At the end of the body it does so by itself, at once, for whoever waits for a connection. What is left to read is
    read all the same: this is what http.client does after a ``Connection: close``.
    """
    connection = getattr(response, "connection", None)
    sock = getattr(connection, "sock", None)
    if connection is not None and sock is not None:
        connection.sock = None
        sock.close()


def give_back(response: Any, reusable: bool) -> None:
    """Give urllib3 its connection back, closed where it must not serve again."""
    original = getattr(response, "_original_response", None)
    if not reusable or original is None:
        response.close()
    else:
        original.close()  # the body was counted to its end: nothing is read any more
    response.release_conn()
