"""The tour: exchanges that show what a transport does, as plain data.

Each says how to make its Request and what the server does with it: an answer by path, as `routes` (and httpbin) give
it, or a script, played byte for byte by :class:`~intermodal.testing.origin.Origin`. An exchange without a script can
be sent to any such server.

Laws:

- Sent twice, an exchange is the same bytes twice: no time, no random data, a fresh body of the same pieces each time.
- Every exchange ends: what never ends by itself has a bound of its own.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from intermodal.build import RequestKeywords, build_request, default_headers
from intermodal.model.options import Timeouts
from intermodal.model.url import URL
from intermodal.testing.scripts import Drip, Reset, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.model.request import Request
    from intermodal.testing.scripts import At, Step, Then

__all__ = ["TOUR", "UNKNOWN_HOST", "Exchange"]

#: A name that no resolver knows (RFC 6761 section 6.4).
UNKNOWN_HOST: Final = "no-such-host.invalid"


@dataclass(frozen=True)
class Exchange:
    """One request, and what the server does with it.

    Attributes:
        name: what it is called in a table.
        shows: what can be seen by it, in a few words.
        method: the request's method.
        path: path and query, as a user would type them.
        target: the request-target given whole, where the path is not to be read as part of a URL.
        keywords: makes the keywords ``headers``, ``data`` and ``json`` anew, because a body may be read only once.
        script: what the origin plays in answer; without one it answers by path.
        then: what the origin does after the script, as in :meth:`Origin.play`.
        at: when the script begins, as in :meth:`Origin.play`.
        read: seconds to wait for bytes from the server, if not as long as everywhere.
        total: seconds for the whole exchange, if it is to be bounded.
        server: the origin, a port where nobody listens, or a host that does not exist.
        early: the origin answers before it has read the body: how much of that still goes out is a matter of luck.

    >>> request = TOUR[0].request("http://127.0.0.1:8000")
    >>> request.method, str(request.url)
    ('GET', 'http://127.0.0.1:8000/get')
    """

    name: str
    shows: str
    method: str = "GET"
    path: str = "/get"
    target: str | None = None
    keywords: Callable[[], RequestKeywords] = RequestKeywords
    script: tuple[Step, ...] = ()
    then: Then = "keep"
    at: At = "request"
    read: float | None = None
    total: float | None = None
    server: Literal["origin", "closed port", "unknown host"] = "origin"
    early: bool = False

    def request(self, base: str) -> Request:
        """Make the Request, to a server at ``base`` (scheme and authority)."""
        made = build_request(self.method, URL(base + self.path), default_headers(), self.keywords())
        return made if self.target is None else made.replace(target=self.target)

    def timeouts(self, seconds: float) -> Timeouts:
        """Give the bounds of this exchange, ``seconds`` being the usual one for connecting and for each wait."""
        # Nobody asked for bounds of write and pool: a transport that cannot keep them need not refuse.
        return Timeouts(connect=seconds, read=self.read or seconds, write=None, pool=None, total=self.total)


def _pieces() -> Iterator[bytes]:
    yield b"one,"
    yield b""
    yield b"two,"
    yield b"three\r\n" * 1000


_BODY_OF_10 = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

_ORDINARY = (
    Exchange("GET", "the request as a client sends it: order and case of its header fields"),
    Exchange("HEAD", "a head that announces a body which never comes", method="HEAD"),
    Exchange(
        "POST JSON",
        "a body of bytes with its length and media type",
        method="POST",
        path="/post",
        keywords=lambda: {"json": {"name": "Zoë", "numbers": [1, 2.5, None]}},
    ),
    Exchange(
        "form",
        "fields in order, repeated ones too, percent-encoded",
        method="POST",
        path="/post",
        keywords=lambda: {"data": [("name", "Ada Lovelace"), ("tag", "a&b=c"), ("tag", "ü")]},
    ),
    Exchange(
        "chunked upload",
        "a generator: its pieces become the chunks, an empty piece becomes none",
        method="PUT",
        path="/put",
        keywords=lambda: {"data": _pieces()},
    ),
    Exchange(
        "file upload",
        "a file: its length is known, so it is not chunked",
        method="POST",
        path="/echo",
        keywords=lambda: {"data": io.BytesIO(bytes(range(256)) * 1024)},
    ),
    Exchange("empty POST", "Content-Length: 0, because a server may expect a body", method="POST", path="/post"),
    Exchange("own method", "a method that HTTP libraries do not know", method="REPORT", path="/anything"),
)

_TARGETS_AND_FIELDS = (
    Exchange(
        "odd URL",
        "triplets stay as they were written, what must be encoded is encoded once",
        path="/anything/%7e/a%2Fb//c/%2E%2e/d;e=1?x=%zz&y=é&z=[1]|'%27+",
    ),
    Exchange(
        "exact target",
        "a target given whole goes out as it is",
        path="/",
        target='/anything/[raw]|{braces}^`"quotes"?a=<b>&c=\\d%',
    ),
    Exchange(
        "OPTIONS *", "the target that is no path (RFC 9112 section 3.2.4)", method="OPTIONS", path="/", target="*"
    ),
    Exchange(
        "duplicate fields",
        "fields that come twice stay apart, in order, both ways",
        path="/duplicate-headers",
        keywords=lambda: {"headers": [("X-Tag", "one"), ("Cookie", "a=1"), ("X-Tag", "two, three"), ("x-tag", "four")]},
    ),
    Exchange(
        "odd fields",
        "empty values, white space and latin-1 in fields and reason, both ways",
        keywords=lambda: {"headers": [("X-Empty", ""), ("X-Latin", "caf\xe9"), ("x-UPPER-lower", "\ta  b ")]},
        script=(
            b"HTTP/1.1 299 Tr\xe8s  bien\r\nX-Empty:\r\nX-LATIN: caf\xe9\r\nX-Spaces: \t a  b \r\nContent-Length: 0\r\n\r\n",
        ),
    ),
)

_ANSWERS = (
    Exchange("streamed download", "1 MB in chunks", path="/stream-bytes/1000000?chunk_size=16384"),
    Exchange("gzip", "the body as it came: decoding is the client's", path="/gzip"),
    Exchange("body until close", "a body that ends with its connection", path="/until-close"),
    Exchange("404", "an answer like any other", path="/no/such/page"),
    Exchange("204", "an answer without a body and without a length", path="/status/204"),
    Exchange("redirect", "returned, not followed", path="/redirect/1"),
    Exchange("103 before 200", "an interim answer, kept apart from the final one", path="/early-hints"),
    Exchange("trailers", "fields after a chunked body", path="/trailers"),
    Exchange(
        "early answer",
        "the server answers 413 and closes while the upload is still under way",
        method="PUT",
        keywords=lambda: {"data": io.BytesIO(bytes(1 << 20))},
        script=(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",),
        then="fin",
        at="head",
        early=True,
    ),
)

_FAULTS = (
    Exchange(
        "malformed answer",
        "a status that is no number: an error, not a guess",
        script=(b"HTTP/1.1 2OO Okay\r\nContent-Length: 0\r\n\r\n",),
        then="fin",
    ),
    Exchange(
        "two lengths",
        "two lengths that disagree, as a smuggled response has them",
        script=(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",),
        then="fin",
    ),
    Exchange("no answer", "the server closes without a word", then="fin", script=(b"",)),
    Exchange("head cut off", "the connection ends within the head", script=(_BODY_OF_10[:-10],), then="fin"),
    Exchange("body cut off", "the connection ends before the length", script=(_BODY_OF_10, b"01234"), then="fin"),
    Exchange(
        "chunks cut off", "the connection ends before the last chunk", script=(_CHUNKED, b"5\r\nhello\r\n"), then="fin"
    ),
    Exchange("reset", "a reset in the middle of the body", script=(_BODY_OF_10, b"01234", 0.05, Reset())),
    Exchange("silent server", "the read timeout, 0.2 s here", script=(Stall(),), read=0.2),
    Exchange(
        "dripping server",
        "the total timeout, 0.4 s here: a byte now and then does not outlive it",
        script=(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", Drip(b"." * 9999, 0.01)),
        total=0.4,
    ),
    Exchange("refused", "a port where nobody listens", server="closed port"),
    Exchange("no such host", "a name that cannot be resolved", server="unknown host"),
)

#: Every exchange of the tour, in order.
TOUR: Final[tuple[Exchange, ...]] = (*_ORDINARY, *_TARGETS_AND_FIELDS, *_ANSWERS, *_FAULTS)
