"""Carry the requests of one call over a blocking transport, and hold both to what was agreed."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from intermodal.errors import Error, TransportBug
from intermodal.flow import DRAIN_BYTES, DRAIN_SECONDS
from intermodal.model.response import Response
from intermodal.protocol import refuse_unsupported

if TYPE_CHECKING:
    from intermodal.errors import Disconnected
    from intermodal.flow import Call
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.protocol import Transport


class Carrier:
    """Carries the requests of one call over a transport, within the time that is left of it.

    Args:
        transport: what carries.
        call: tells what is left of the time.
        came: what has come of the first request already; it is not sent then.
    """

    __slots__ = ("_came", "_first", "_last", "call", "transport")

    call: Call
    transport: Transport

    def __init__(self, transport: Transport, call: Call, came: Response | Disconnected | None) -> None:
        self.transport = transport
        self.call = call
        self._came = came
        self._first = True
        self._last: Response | None = None

    def carry(self, request: Request, options: Options) -> Response:
        """Send one request and give its response."""
        came, self._came = self._came, None
        if came is None:
            if self.call.ends is not None:
                options = self.call.bound(request, options, self.transport.info.name, first=self._first)
            came = carry(self.transport, request, options)
        self._first = False
        if not isinstance(came, Response):
            raise came
        self._last = came
        return came

    def rest(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the call."""
        left = self.call.remaining()
        time.sleep(seconds if left is None else max(min(seconds, left), 0))

    def leave(self, *, wait: bool) -> None:
        """Be done with the last response that came, where the call has failed: an error may keep it for long."""
        last = self._last
        if last is None:
            return
        with contextlib.suppress(Exception):
            if wait:
                last.drain(DRAIN_BYTES, DRAIN_SECONDS)  # what is short can still be read, from an error that has it
            else:
                last.close()


def carry(transport: Transport, request: Request, options: Options) -> Response:
    """Send, and hold the transport to its contract: what it does not declare is refused (T4), its errors are ours (T5)."""
    started = time.perf_counter()
    try:
        refuse_unsupported(request, options, transport.info)
        response = transport.send(request, options)
    except Error as error:
        if error.request is None:
            error.request, error.transport = request, transport.info.name
        raise
    except Exception as error:
        raise TransportBug(
            f"transport {transport.info.name!r} let {error!r:.200} out, which is no intermodal error: this is a bug of the transport",
            request=request,
            transport=transport.info.name,
        ) from error
    if not isinstance(response, Response):
        raise TransportBug(
            f"transport {transport.info.name!r} gave {response!r:.80}: expected an intermodal.Response; this is a bug of the transport",
            request=request,
            transport=transport.info.name,
        )
    response._seconds = time.perf_counter() - started
    return response
