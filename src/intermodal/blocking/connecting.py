"""Makes connections of sockets: a name, its addresses, the race between them; or the path of a Unix socket."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from intermodal.blocking.ready import settled
from intermodal.errors import ConnectionError, ConnectTimeout, NameResolutionError, ProxyError
from intermodal.net.racing import Race, interleaved

if TYPE_CHECKING:
    from intermodal.blocking.bound import Bound, Entering
    from intermodal.errors import Phase

#: Looks a name up: host and port in, IP addresses as text out, best first; one of IPv6 may have a ``%zone``.
Resolver = Callable[[str, int], Iterable[str]]

#: What connect() says of a connection that will be there later; Windows has a number of its own.
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)})

#: How long a wait may be, in seconds, before a look at whether another thread has ended it: not every system lets a
#: shutdown end an attempt to connect, and Windows hears Ctrl-C between two waits only.
_GLANCE = 1.0

#: How soon a Unix socket whose queue is full is tried again, at first and at last, in seconds.
_SOON, _LATER = 0.001, 0.05


class Address(NamedTuple):
    """An IP address and a port as ``socket`` has them: its family, and what ``connect`` takes."""

    family: int
    place: tuple[Any, ...]

    @property
    def packed(self) -> bytes:
        """The IP address in 4 or 16 bytes."""
        return socket.inet_pton(self.family, self.place[0])


# -- names ----------------------------------------------------------------------------------------------------------------


def resolve(host: str, port: int, bound: Bound, entering: Entering, resolver: Resolver | None = None) -> list[Address]:
    """Look a name up; at least one address. An address is taken as it is.

    The resolver knows no bound, so a thread waits for it in our stead.

    Raises:
        NameResolutionError, ConnectTimeout, TotalTimeout; and what ``entering`` raises.
    """
    what = f"resolving {host!r}"
    seconds = bound.left(what)
    found: list[list[Address] | BaseException] = []
    over = threading.Event()
    entering("resolve", over.set)
    if _literal(host):
        return _ask_system(host, port)

    def look_up() -> None:
        try:
            found.append(_ask_system(host, port) if resolver is None else _ask(resolver, host, port))
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that asked
            found.append(error)
        over.set()

    try:
        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    except RuntimeError:  # no thread is to be had
        look_up()
    ended = over.wait(seconds and min(seconds, threading.TIMEOUT_MAX))
    if not found:
        if ended:
            _ended(what, "resolve", entering)
        raise bound.expired(what)
    addresses = found[0]
    if isinstance(addresses, BaseException):
        raise addresses
    return addresses


def _literal(host: str) -> bool:
    """Whether a canonical host is an address: only those have a colon, or nothing but digits and dots."""
    return ":" in host or host.replace(".", "").isdigit()


def _ask_system(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unresolved(host, str(error)) from error
    if not found:
        raise _unresolved(host, "it has no address")
    return list(dict.fromkeys(Address(family, place) for family, _, _, _, place in found))


def _ask(resolver: Resolver, host: str, port: int) -> list[Address]:
    """Ask a caller's own resolver, whatever that may do."""
    try:
        given: object = resolver(host, port)
        texts = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else None
    except Exception as error:
        raise _unresolved(host, f"the resolver raised {error!r:.200}") from error
    if texts is None:
        raise _unresolved(host, f"the resolver gave {given!r:.80}: expected a list of IP addresses")
    if not texts:
        raise _unresolved(host, "the resolver gave no address")
    addresses = []
    for text in texts:
        try:
            addresses.append(_address(text, port))
        except (OSError, ValueError) as error:
            raise _unresolved(host, f"the resolver gave {text!r:.80}, which is not an IP address here") from error
    return list(dict.fromkeys(addresses))


def _address(text: object, port: int) -> Address:
    """Give the address that a text is, its zone as a number; anything else is an OSError or a ValueError."""
    if not isinstance(text, str):
        raise ValueError("expected text")  # noqa: TRY004 - one kind of error for whoever calls
    ipaddress.ip_address(text)  # the system takes more for an address, such as "1"
    family, _, _, _, place = socket.getaddrinfo(text, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    return Address(family, place)


def _unresolved(host: str, reason: str) -> NameResolutionError:
    return NameResolutionError(f"the host name {host!r} could not be resolved: {reason}")


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
) -> socket.socket:
    """Resolve a name and connect to whichever of its addresses answers first, or to the proxy there; does not block.

    Raises:
        NameResolutionError, ConnectTimeout, TotalTimeout, ConnectionError, or ProxyError where it is a proxy; and what
        ``entering`` raises.
    """
    addresses = resolve(host, port, bound, entering, resolver)
    attempts = _Attempts(f"{host!r} port {port}", proxy=proxy)
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

    def __init__(self, peer: str, *, proxy: bool) -> None:
        self._peer = f"the proxy {peer}" if proxy else peer
        self._refusal = ProxyError if proxy else ConnectionError
        self._source: Address | None = None
        self._pending: dict[socket.socket, Address] = {}
        self._failures: list[tuple[Address, OSError]] = []
        #: Whether another thread wants it all to be over.
        self._over = False

    def leave_from(self, source_address: tuple[str, int], addresses: list[Address]) -> list[Address]:
        """Bind every socket to a local address; give the addresses that can be reached from there."""
        try:
            self._source = source = _address(*source_address)
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
                _ended(self._state(), "connect", entering)
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
        return None if code in _UNDER_WAY else self._outcome(sock, code)

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
        self._give_up(sock, self._pending[sock], _error(code))
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


def _error(code: int) -> OSError:
    """Give the error of a number; Windows has its texts elsewhere."""
    return OSError(code, getattr(socket, "errorTab", {}).get(code) or os.strerror(code))


def _ended(what: str, phase: Phase, entering: Entering) -> NoReturn:
    """Raise for a wait that another thread has ended; ``entering`` may know better why."""
    entering(phase, lambda: None)
    raise ConnectionError(f"{what} was ended by another thread")


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
                raise _error(code)
            # The server's queue is full, and nothing tells when it is not.
            left = bound.left(what)
            if over.wait(pause if left is None else min(pause, left)):
                _ended(what, "connect", entering)
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
