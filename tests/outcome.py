"""What came of an exchange, where the test is to fail at once if anything but an intermodal error escapes."""

from intermodal.errors import Error
from intermodal.testing.outcomes import Outcome

__all__ = ["Outcome", "outcome"]


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
