"""Transports by name: found by entry point, loaded when used, and overridden for tests.

Built-in transports come through the same door as anyone's. Groups: ``intermodal.transports`` and
``intermodal.async_transports``; an entry point is a callable ``(*, limits: Limits) -> Transport``.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import threading
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from intermodal.model.options import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.metadata import EntryPoint

    from intermodal.protocol import AsyncTransport, Transport

SYNC_GROUP = "intermodal.transports"
ASYNC_GROUP = "intermodal.async_transports"
_OURS = "intermodal"


class TransportUnavailable(ImportError):
    """A transport is registered but does not load: its library is missing, or its plugin is broken."""


class TransportWarning(UserWarning):
    """A transport that is installed was skipped, and why."""


@dataclass(frozen=True)
class InstalledTransport:
    """A name under which a transport is registered.

    Attributes:
        name: what ``open_transport`` is given.
        distribution: the package that brings it.
        target: ``module:attribute`` of its factory.
    """

    name: str
    distribution: str
    target: str
    _entry: EntryPoint

    def load(self) -> Callable[..., Any]:
        """Import the factory.

        Raises:
            TransportUnavailable: with what to install, or what the plugin raised.
        """
        try:
            factory = self._entry.load()
        except Exception as error:
            if self.distribution == _OURS and isinstance(error, ModuleNotFoundError):
                raise TransportUnavailable(
                    f"transport {self.name!r} needs {error.name!r}, which is not installed:"
                    f' pip install "intermodal[{self.name}]"',
                    name=error.name,
                ) from error
            raise TransportUnavailable(
                f"transport {self.name!r} of distribution {self.distribution!r} does not load ({self.target}): {error!r}"
            ) from error
        if not callable(factory):
            raise TransportUnavailable(
                f"transport {self.name!r} of distribution {self.distribution!r}: {self.target} is no factory"
            )
        loaded: Callable[..., Any] = factory
        return loaded


@functools.cache
def _installed(group: str) -> dict[str, InstalledTransport]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - a quarter of the import time of everything here

    found: dict[str, InstalledTransport] = {}
    for entry in entry_points(group=group):
        distribution = entry.dist.name if entry.dist is not None else ""
        transport = InstalledTransport(entry.name, distribution, entry.value, entry)
        other = found.get(entry.name)
        if other is None or (distribution == _OURS and other.distribution != _OURS):
            found[entry.name] = transport
        if other is not None and {other.distribution, distribution} != {_OURS} and other.target != entry.value:
            warnings.warn(
                f"transport {entry.name!r} is registered by {other.distribution!r} and by {distribution!r}:"
                f" that of {found[entry.name].distribution!r} is used",
                TransportWarning,
                stacklevel=3,
            )
    return found


def transports(*, asynchronous: bool = False) -> dict[str, InstalledTransport]:
    """List the transports that are installed, by name, without importing any.

    >>> sorted(transports())[:4]
    ['httpx', 'requests', 'socket', 'urllib3']
    """
    return dict(_installed(ASYNC_GROUP if asynchronous else SYNC_GROUP))


def find(name: str, *, asynchronous: bool = False) -> InstalledTransport:
    """Give the registered transport of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    known = transports(asynchronous=asynchronous)
    if name in known:
        return known[name]
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"no transport is called {name!r}: installed are {', '.join(sorted(known)) or 'none'}{hint}")


def open_transport(name: str, *, limits: Limits | None = None) -> Transport:
    """Open a transport by name.

    >>> with_sockets = open_transport("socket")
    >>> with_sockets.close()

    Raises:
        ValueError: no transport of that name; TransportUnavailable: its library is missing.
    """
    transport: Transport = find(name).load()(limits=limits or Limits())
    return transport


def open_async_transport(name: str, *, limits: Limits | None = None) -> AsyncTransport:
    """Open an asynchronous transport by name; otherwise as :func:`open_transport`."""
    transport: AsyncTransport = find(name, asynchronous=True).load()(limits=limits or Limits())
    return transport


_lock = threading.Lock()
_process_wide: list[Any] = []
_in_context: ContextVar[Any] = ContextVar("intermodal_transport", default=None)


def current_override() -> Any:
    """Give the transport that ``use_transport`` has put in place, or None."""
    in_context = _in_context.get()
    if in_context is not None:
        return in_context
    return _process_wide[-1] if _process_wide else None


@contextlib.contextmanager
def use_transport(
    transport: Transport | AsyncTransport, *, scope: Literal["process", "context"] = "process"
) -> Iterator[None]:
    """Send everything over ``transport``, also what clients made deep inside a library send.

    It is looked up when a request is sent. It wins over transports chosen by name, never over an
    instance that a client was given, and holds for the whole process, threads included, unless
    ``scope="context"`` (this thread or task only).

    >>> import intermodal
    >>> from intermodal.testing import MockTransport
    >>> with use_transport(MockTransport({"/": "hello"})):
    ...     intermodal.get("http://example.test/").text
    'hello'
    """
    if not (hasattr(transport, "send") or hasattr(transport, "asend")) or isinstance(transport, type):
        raise TypeError(f"use_transport({transport!r:.60}): expected a transport, an object with send() or asend()")
    if scope == "context":
        token = _in_context.set(transport)
        try:
            yield
        finally:
            _in_context.reset(token)
        return
    if scope != "process":
        raise ValueError(f"scope={scope!r}: expected 'process' or 'context'")
    with _lock:
        _process_wide.append(transport)
    try:
        yield
    finally:
        with _lock:
            # The last one that is this one: overrides of two threads may end in any order.
            for index in reversed(range(len(_process_wide))):
                if _process_wide[index] is transport:
                    del _process_wide[index]
                    break
