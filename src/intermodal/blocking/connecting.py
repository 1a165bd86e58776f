"""Makes connections of sockets: the race between the addresses of a name; or the path of a Unix socket."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from intermodal.blocking.bound import raise_ended
from intermodal.blocking.ready import settled
from intermodal.blocking.resolving import address_of, resolve
from intermodal.errors import ConnectionError, ConnectTimeout, NameResolutionError, ProxyError
from intermodal.net.racing import Race, interleaved

if TYPE_CHECKING:
    from intermodal.blocking.bound import Bound, Entering
    from intermodal.blocking.resolving import Address, Resolver

#: What connect() says of a connection that will be there later; Windows has a number of its own.
UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)})

#: How long a wait may be, in seconds, before a look at whether another thread has ended it: not every system lets a
#: shutdown end an attempt to connect, and Windows hears Ctrl-C between two waits only.
_GLANCE = 1.0

#: How soon a Unix socket whose queue is full is tried again, at first and at last, in seconds.
_SOON, _LATER = 0.001, 0.05


# -- TCP ------------------------------------------------------------------------------------------------------------------


def connect(
    host: str,
    port: int,
    bound: Bound,
    entering: Entering,
    *,
    proxy: bool,
    source_address: tuple[str, int] | None,
    resolver: Resolver | None,
    pending: dict[socket.socket, Address] | None = None,
) -> socket.socket:
    """Resolve a name and connect to whichever of its addresses answers first, or to the proxy there; does not block.

    Args:
        host: whom to connect to.
        port: and where.
        bound: how long it may take.
        entering: is told each phase, and what ends it.
        proxy: whether it is a proxy.
        source_address: the local address.
        resolver: looks the name up instead of the system.
        pending: holds the sockets that are connecting, for whoever wants to look.

    Raises:
        NameResolutionError, ConnectTimeout, TotalTimeout, ConnectionError, or ProxyError where it is a proxy; and what
        ``entering`` raises.
    """
    try:
        addresses = resolve(host, port, bound, entering, resolver)
    except NameResolutionError as error:
        if proxy:
            error.args = (f"the proxy cannot be found: {error}",)
        raise
    attempts = _Attempts(f"{host!r} port {port}", {} if pending is None else pending, proxy=proxy)
    entering("connect", attempts.end)
    if source_address is not None:
        addresses = attempts.leave_from(source_address, addresses)
    try:
        sock = attempts.first_of(addresses, bound, entering)
        attempts.close(but=sock)
    except BaseException as error:
        attempts.close()
        if isinstance(error, OSError):  # from the wait itself
            attempts.fail(error.strerror or str(error), error)
        raise
    return sock


class _Attempts:
    """The sockets that are connecting to one host, and what became of those that have failed."""

    def __init__(self, peer: str, pending: dict[socket.socket, Address], *, proxy: bool) -> None:
        self._peer = f"the proxy {peer}" if proxy else peer
        self._refusal = ProxyError if proxy else ConnectionError
        self._source: Address | None = None
        self._pending = pending
        self._failures: list[tuple[Address, OSError]] = []
        #: Whether another thread wants it all to be over.
        self._over = False

    def leave_from(self, source_address: tuple[str, int], addresses: list[Address]) -> list[Address]:
        """Bind every socket to a local address; give the addresses that can be reached from there."""
        try:
            self._source = source = address_of(*source_address)
        except (OSError, ValueError) as error:
            self.fail(f"source_address={source_address!r} is not an IP address here", error)
        same = [address for address in addresses if address.family == source.family]
        if not same:
            texts = ", ".join(str(address.place[0]) for address in addresses)
            self.fail(f"source_address={source_address!r} is of another family than {texts}", None)
        return same

    def first_of(self, addresses: list[Address], bound: Bound, entering: Entering) -> socket.socket:
        """Let the addresses race, and give the socket that connects first. All the others are still to be closed."""
        race = Race(interleaved(addresses, lambda address: address.family), bound.left(self._state()))
        while True:
            failures = len(self._failures)
            now = time.monotonic()
            address = race.next(now)
            if address is not None:
                sock = self._start(address)
            elif self._pending:
                bounds = race.wait(now), bound.left(self._state()), _GLANCE
                sock = self._wait(min(seconds for seconds in bounds if seconds is not None))
            else:
                reasons = "; ".join(_reason(*failure) for failure in self._failures)
                self.fail(reasons, self._failures[-1][1])
            if self._over:
                raise_ended(self._state(), "connect", entering)
            if sock is not None:
                return sock
            if len(self._failures) > failures:
                race.failed()

    def end(self) -> None:
        """Let whoever waits for these stop waiting; another thread calls this."""
        self._over = True  # first: what is started from now on is seen through by whoever starts it
        for sock in list(self._pending):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self, but: socket.socket | None = None) -> None:
        """Close all sockets but one, each whatever comes of closing the others."""
        with contextlib.ExitStack() as every:
            for sock in self._pending:
                if sock is not but:
                    every.callback(_close, sock)

    def fail(self, reasons: str, cause: Exception | None) -> NoReturn:
        """Raise the error for there being no connection."""
        kind = ConnectTimeout if isinstance(cause, TimeoutError) else self._refusal  # the network's own, ETIMEDOUT
        error = kind(f"could not connect to {self._peer}: {reasons}")
        if isinstance(cause, OSError) and not isinstance(cause, socket.gaierror):
            error.errno = cause.errno
        raise error from cause

    def _state(self) -> str:
        """Say what is being done, and how far it is."""
        known = [_reason(*failure) for failure in self._failures]
        known += [f"{address.place[0]}: no answer" for address in self._pending.values()]
        return f"connecting to {self._peer}{' (' + '; '.join(known) + ')' if known else ''}"

    def _start(self, address: Address) -> socket.socket | None:
        """Begin to connect to an address; give the socket if that is all there is to it."""
        sock = None
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            self._pending[sock] = address
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._source is not None:
                self._bind(sock, self._source)
            code = sock.connect_ex(address.place)
        except OSError as error:
            self._give_up(sock, address, error)
            return None
        return None if code in UNDER_WAY else self._outcome(sock, code)

    def _bind(self, sock: socket.socket, source: Address) -> None:
        """Bind a socket to the local address; where that fails it would for every other one too."""
        try:
            if source.place[1] and os.name == "posix":
                # More than one attempt from one port: the system tells them apart by where they lead to.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(source.place)
        except OSError as error:
            self.fail(f"source_address={source.place[:2]!r} cannot be used: {error.strerror or error}", error)

    def _wait(self, seconds: float) -> socket.socket | None:
        """Wait for any to connect; give its socket."""
        for sock in settled(self._pending, seconds):
            connected = self._outcome(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            if connected is not None:
                return connected
        return None

    def _outcome(self, sock: socket.socket, code: int) -> socket.socket | None:
        if not code:
            if not _meets_itself(sock):
                return sock
            code = errno.ECONNREFUSED
        self._give_up(sock, self._pending[sock], os_error(code))
        return None

    def _give_up(self, sock: socket.socket | None, address: Address, error: OSError) -> None:
        self._failures.append((address, error))
        if sock is not None:
            _close(sock)
            self._pending.pop(sock, None)


def _meets_itself(sock: socket.socket) -> bool:
    """Whether TCP has connected a socket to itself: nobody listened at a port that became its own by chance."""
    with contextlib.suppress(OSError):  # reset already, which shows when it is used
        return bool(sock.getsockname() == sock.getpeername())
    return False


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.close()


def _reason(address: Address, error: OSError) -> str:
    return f"{address.place[0]}: {error.strerror or error}"


def os_error(code: int) -> OSError:
    """Give the error of a number; Windows has its texts elsewhere."""
    return OSError(code, getattr(socket, "errorTab", {}).get(code) or os.strerror(code))


# -- Unix sockets ---------------------------------------------------------------------------------------------------------


def connect_unix(path: str, bound: Bound, entering: Entering) -> socket.socket:
    """Connect to a Unix socket; does not block.

    Raises:
        ConnectTimeout, TotalTimeout, ConnectionError; and what ``entering`` raises.
    """
    assert hasattr(socket, "AF_UNIX")  # where there are none, they are refused before
    what = f"connecting to the Unix socket {path!r}"
    over = threading.Event()
    entering("connect", over.set)
    sock = None
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        pause = _SOON
        while code := sock.connect_ex(path):
            if code != errno.EAGAIN:
                raise os_error(code)
            # The server's queue is full, and nothing tells when it is not.
            left = bound.left(what)
            if over.wait(pause if left is None else min(pause, left)):
                raise_ended(what, "connect", entering)
            pause = min(2 * pause, _LATER)
    except BaseException as error:
        if sock is not None:
            _close(sock)
        if isinstance(error, OSError):
            failure = ConnectionError(f"could not connect to the Unix socket {path!r}: {error.strerror or error}")
            failure.errno = error.errno
            raise failure from error
        raise
    return sock
