"""Makes the transport under test, one for each case, and ends it."""

from __future__ import annotations

import contextlib
import inspect
import threading
from typing import TYPE_CHECKING, Any

from intermodal.conformance.answering import Application, Kind, make_application
from intermodal.testing.lifted import Lifted

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.model.options import Limits
    from intermodal.protocol import Transport, TransportInfo

__all__ = ["Maker", "end"]


class Maker:
    """Makes the transport under test, in the colour it is tested in.

    Args:
        factory: gives a Transport or an AsyncTransport; takes ``limits`` where it can have any, and the application
            or handler first, where ``application`` says so.
        application: what a transport that works in-process calls; None for one that reaches for a server.
        asynchronous: whether ``asend`` is what is tested; None: where there is no ``send``.

    Raises:
        TypeError: what the factory gives is no transport.
    """

    def __init__(
        self, factory: Callable[..., Any], application: Kind | None = None, *, asynchronous: bool | None = None
    ) -> None:
        self.factory = factory
        self.application = application
        self.takes_limits = _takes_limits(factory)
        # On a loop, because an asynchronous transport may need one to be made at all.
        lifted = Lifted(lambda: self._made(None))
        probe: Any = lifted.transport
        self.asynchronous = not hasattr(probe, "send") if asynchronous is None else asynchronous
        for name in ("asend", "aclose") if self.asynchronous else ("send", "close"):
            if not callable(getattr(probe, name, None)):
                lifted.end()
                raise TypeError(f"{probe!r:.80} is no transport: expected an object with info, {name}() and the like")
        self.info: TransportInfo = probe.info
        end(lifted if self.asynchronous else probe)
        lifted.end()

    def make(self, limits: Limits | None = None, application: Application | None = None) -> Transport:
        """Make the transport; an asynchronous one comes lifted."""
        return self._lifted(lambda: self._made(limits, application))

    def _lifted(self, make: Callable[[], Any]) -> Transport:
        if self.asynchronous:
            return Lifted(make)
        made: Transport = make()
        return made

    def _made(self, limits: Limits | None, application: Application | None = None) -> Any:
        given: list[Any] = []
        if self.application is not None:
            given.append((application or make_application(self.application)).call)
        return self.factory(*given, **({"limits": limits} if limits is not None else {}))


def _takes_limits(factory: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # some callables of C have none
        return False
    return "limits" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def end(transport: Any) -> None:
    """Close a transport for good, whatever it makes of that, and wait a little for it only."""

    def ended() -> None:
        with contextlib.suppress(Exception):
            transport.close()
        if isinstance(transport, Lifted):
            transport.end()

    ending = threading.Thread(target=ended, name="end", daemon=True)
    ending.start()
    ending.join(0.5)
