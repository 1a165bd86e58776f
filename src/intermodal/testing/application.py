"""What the transports that call an application in this process have in common, whatever they call it by.

Laws:

- What a client could not see over a socket, it does not see here: a body ends where RFC 9112 section 6.3 says, and an
  answer that would be malformed there is malformed here (T9).
- An application's own failure is never taken for the network's: what it raised becomes a ``TransportBug``, which no code
  that waits for a ``TransportError`` catches, with the exception as its cause; what it gave against the protocol, a
  ``ProtocolError``. Only where it is not to be shown does it become what a server would make of it.
- An error that the application raised is the application's, also where it is one of Intermodal's.
"""

from __future__ import annotations

import contextlib
import logging
import re
from typing import TYPE_CHECKING, Final, NoReturn

from intermodal.errors import (
    Delivery,
    Error,
    IncompleteBody,
    InvalidHeader,
    InvalidURL,
    Phase,
    ProtocolError,
    TransportBug,
    TransportClosed,
)
from intermodal.h1.framing import Kind, response_framing
from intermodal.h1.head import ResponseHead
from intermodal.model.headers import FIELD_VALUE, Headers
from intermodal.protocol import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from intermodal.model.request import Request

#: What needs no network: an https URL is told the application, a body is read as it asks for it, a target is handed over
#: as it is, nobody waits to write or for a connection, and there is no TLS that settings could make weaker or stronger.
CAPABILITIES: Final = (
    Capability.HTTPS
    | Capability.STREAM_REQUEST
    | Capability.EXACT_TARGET
    | Capability.WRITE_TIMEOUT
    | Capability.POOL_TIMEOUT
    | Capability.CUSTOM_TLS
    | Capability.CLIENT_CERT
)

#: What a server answers where its application has failed.
FAILED: Final = b"Internal Server Error"
FAILED_FIELDS: Final = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(FAILED))))

_log = logging.getLogger(__name__)
_reason = re.compile(FIELD_VALUE).fullmatch  # RFC 9112 section 4: the same characters
_absolute = re.compile(r"https?://[^/?]+", re.IGNORECASE).match


class Fault(Exception):
    """The application has failed; ``error`` is how that is told."""

    def __init__(self, error: Error) -> None:
        super().__init__(error)
        self.error = error


class Call:
    """One request to an application, and its answer: how far it is, and what becomes of all that goes wrong.

    Args:
        request: the request.
        transport: the name of the transport.
        shows: whether the application's failures are raised, or made what a server makes of them.
    """

    phase: Phase = "wait"
    delivery: Delivery = "not_sent"

    def __init__(self, request: Request, transport: str, *, shows: bool) -> None:
        self.request = request
        self.transport = transport
        self.shows = shows
        #: What has ended the exchange and is not the application's fault; nothing that it makes of this counts.
        self.failure: Error | None = None
        #: Whether there is content, whatever is given; known with the head.
        self.has_content = True
        #: Whether more was given than Content-Length says.
        self.excess = False
        self._left: int | None = None
        self._raised: Error | None = None
        try:
            self._pieces = iter(()) if request.body is None else request.body.pieces()
        except Error as error:  # it was read before, and cannot be read again
            error.request, error.transport = request, transport
            raise

    # --- errors -------------------------------------------------------------------------------------------------------

    def told(self, error: Error) -> Error:
        """Give the error, with what it is about (T5)."""
        error.request, error.transport = self.request, self.transport
        error.phase, error.delivery = self.phase, self.delivery
        return error

    def ends(self, error: Error) -> Error:
        """Note what ends the exchange, and give it with what it is about."""
        self.failure = self.told(error)
        return error

    def blame(self, did: str) -> Error:
        """Give the error for what the application did against its protocol, to be raised where it did it."""
        self._raised = self.told(ProtocolError(f"the application {did}"))
        return self._raised

    def blame_head(self, did: str) -> Error:
        """Blame it for how its response begins: it has begun."""
        self.phase, self.delivery = "head", "sent"
        return self.blame(did)

    def raised(self, error: BaseException) -> NoReturn:
        """Raise what it means that the application raised this.

        Raises:
            Fault: it is the application's own.
            Error: something else has ended the exchange before.
        """
        raise self.failure or self.fault(error)

    def fault(self, error: BaseException) -> Fault:
        """Give what the application raised as its fault."""
        if error is self._raised:
            return Fault(self._raised)
        request = self.request
        bug = TransportBug(
            f"the application raised {error!r:.200} while it answered {request.method}"
            f" {request.url.without_userinfo()}: its traceback is above, or in __cause__"
        )
        bug.__cause__ = error
        return Fault(self.told(bug))

    def cut(self, fault: Fault) -> Error:
        """Give the error for a failure that came when the response had begun: a server could only close the connection."""
        if self.shows:
            return fault.error
        self.log(fault)
        failed = IncompleteBody("the application failed before its response was complete")
        failed.__cause__ = fault.error.__cause__ or fault.error
        return self.told(failed)

    def log(self, late: Fault | Error) -> None:
        """Log a failure that is not raised, as a server does."""
        error = late.error if isinstance(late, Fault) else late
        _log.error("%s", error, exc_info=error.__cause__ or error)

    # --- the request's body -------------------------------------------------------------------------------------------

    def upload(self) -> bytes:
        """Give the next piece of the request's body, ``b""`` at its end.

        Raises:
            RequestBodyError: the caller's body failed, and with it the exchange.
        """
        try:
            return next(self._pieces, b"")
        except Error as error:
            if self.phase == "wait":
                self.phase = "send"
            raise self.ends(error)  # noqa: B904 - the same error

    def leave(self) -> None:
        """Let go of a request body that nobody reads any further."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            with contextlib.suppress(Exception):  # of a body that nobody asks for any more
                close()

    # --- the answer ---------------------------------------------------------------------------------------------------

    def judge(self, status: int, reason: str, fields: Iterable[tuple[str | bytes, str | bytes]]) -> Headers:
        """Judge the head of an answer as if it had come over a socket, and give its fields.

        Raises:
            ProtocolError: it is none that a server could send.
        """
        if not 200 <= status <= 999:
            raise self.blame_head(f"gave {status} as the status of a response: expected one from 200 to 999")
        if not _reason(reason):
            raise self.blame_head(f"gave the reason {reason!r:.60}, which would break the status line")
        headers = self.fields(fields, self.blame_head)
        try:
            framing = response_framing(
                self.request.method, ResponseHead(status, reason, "HTTP/1.1", headers), upgrade=False
            )
        except ProtocolError as error:
            raise self.blame_head(f"gave a response that no client can read: {error}") from error
        self.has_content = framing.kind is not Kind.NONE
        self._left = framing.length if framing.kind is Kind.LENGTH else None
        return headers

    def fields(
        self, fields: Iterable[tuple[str | bytes, str | bytes]], blame: Callable[[str], Error] | None = None
    ) -> Headers:
        """Make Headers of fields or trailer fields.

        Raises:
            ProtocolError: a name or a value is none (RFC 9110 section 5).
        """
        try:
            return Headers(fields)
        except InvalidHeader as error:
            raise (blame or self.blame)(f"gave a field that cannot be sent: {error}") from error

    def accept(self, piece: bytes) -> bytes:
        """Give of a piece what Content-Length lets through; what is beyond it, no client would take for this body."""
        left = self._left
        if left is None:
            return piece
        if len(piece) > left:
            self.excess = True
            piece = piece[:left]
        self._left = left - len(piece)
        return piece

    def complete(self, *, ended: bool = True) -> None:
        """Judge the length of a body that is over; ``ended`` is False where the application has not said so.

        Raises:
            IncompleteBody: it is shorter than its Content-Length: a server closes the connection (RFC 9112 section 8).
            Fault: it is longer. PEP 3333 has a server cut it off, and so does this where failures are not shown; where
                they are, a test is better told than given a body that is wrong in every client.
        """
        if self.excess and self.shows:
            raise Fault(
                self.blame("gave more of a body than its Content-Length says: no client would see what is beyond it")
            )
        if self._left:
            raise self.told(
                IncompleteBody(f"the application's body ended {self._left} bytes before its Content-Length")
            )
        if not ended and self.has_content and (self.shows or self._left is None):
            raise self.told(IncompleteBody("the application returned before it had sent its whole response"))


def closed(request: Request, transport: str) -> TransportClosed:
    """Make the error for a send after the transport was closed."""
    return TransportClosed(
        "the transport is closed: make another one", request=request, transport=transport, phase="pool"
    )


def is_mount(path: str) -> bool:
    """Whether an application can be said to be mounted there: ``""``, or ``"/name"`` and so on."""
    return isinstance(path, str) and (not path or (path.startswith("/") and not path.endswith("/")))


def split_target(request: Request) -> tuple[str, str]:
    """Give path and query of the request's target as they are written, of one in absolute form too (RFC 9112 section 3.2).

    >>> from intermodal.model.request import Request
    >>> split_target(Request("GET", "http://h/a%2Fb?x=1")), split_target(Request("GET", "http://h/", target="http://i?y"))
    (('/a%2Fb', 'x=1'), ('/', 'y'))
    """
    target = request.target
    authority = _absolute(target)
    path, _, query = (target[authority.end() :] if authority else target).partition("?")
    return path or "/", query


def below(path: str, mount: str, request: Request, transport: str) -> str:
    """Give what is left of a decoded path below where the application is mounted.

    Raises:
        InvalidURL: the path is not below it.
    """
    if not mount:
        return path
    if path == mount or path.startswith(f"{mount}/"):
        return path[len(mount) :]
    raise InvalidURL(
        f"the application is mounted at {mount!r:.80}, and {path!r:.80} is not below it: add it to the URL, or to base_url",
        request=request,
        transport=transport,
    )
