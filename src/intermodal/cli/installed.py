"""The transports that are installed here, opened as far as they open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.model.options import Limits
from intermodal.protocol import Transport
from intermodal.registry import TransportUnavailable, find, transports

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from intermodal.protocol import TransportInfo
    from intermodal.registry import InstalledTransport


class Installed:
    """Transports by name: opened ones, and why others are not. A broken plugin stops nobody.

    Args:
        names: those to open; all that are registered where there is none.

    Attributes:
        registered: each of them, as it is registered.
        opened: those that opened; `infos` is what they say of themselves.
        skipped: why each other one did not.

    >>> with Installed(["socket"]) as installed:
    ...     sorted(installed.opened), installed.skipped
    (['socket'], {})

    Raises:
        ValueError: no transport is registered under one of the names.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.registered = {name: find(name) for name in (names or sorted(transports()))}
        self.opened: dict[str, Transport] = {}
        self.infos: dict[str, TransportInfo] = {}
        self.skipped: dict[str, str] = {}
        for name, registered in self.registered.items():
            try:
                transport = _open(registered)
                self.infos[name] = transport.info
                self.opened[name] = transport
            except TransportUnavailable as error:
                self.skipped[name] = str(error)
            except Exception as error:  # noqa: BLE001 - a plugin may raise whatever it likes
                self.skipped[name] = f"transport {name!r} of {registered.distribution!r} does not open: {error!r:.200}"

    def close(self) -> None:
        """Close what was opened."""
        for name, transport in self.opened.items():
            try:
                transport.close()
            except Exception as error:  # noqa: BLE001 - as above; the next one is to be closed all the same
                self.skipped[name] = f"transport {name!r} does not close: {error!r:.200}"

    def __enter__(self) -> Installed:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(registered: InstalledTransport) -> Transport:
    transport = registered.load()(limits=Limits())
    if not isinstance(transport, Transport):
        raise TypeError(f"{transport!r:.80} is no transport: expected an object with info, send() and close()")
    return transport
