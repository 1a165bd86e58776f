"""What came of an exchange, as a plain value that can be compared: the same for every transport, or a test fails."""

from dataclasses import dataclass

from intermodal.errors import Error


@dataclass(frozen=True)
class Outcome:
    """A response with its whole undecoded body, or an error with what came before it."""

    status: int | None = None
    version: str | None = None
    reason: str | None = None
    headers: tuple | None = None
    body: bytes = b""
    informational: tuple = ()
    trailers: tuple | None = None
    error: str | None = None
    phase: str | None = None
    delivery: str | None = None
    reused: bool | None = None


def outcome(transport, request, options):
    """Carry one exchange to its end and say what came of it; anything but an intermodal error escapes."""
    head = {}
    body = bytearray()
    try:
        with transport.send(request, options) as response:
            head = {
                "status": response.status_code,
                "version": response.http_version,
                "reason": response.reason,
                "headers": response.headers.pairs,
                "informational": tuple((i.status_code, i.reason, i.headers.pairs) for i in response.informational),
            }
            while piece := response.raw.read(65536):
                body += piece
            trailers = response.trailers
            return Outcome(**head, body=bytes(body), trailers=None if trailers is None else trailers.pairs)
    except Error as error:
        assert error.request is request, "an error carries the request it is about"
        assert error.transport == transport.info.name
        label = type(error).__name__
        return Outcome(
            **head,
            body=bytes(body),
            error=label,
            phase=error.phase,
            delivery=error.delivery,
            reused=error.reused,
        )
