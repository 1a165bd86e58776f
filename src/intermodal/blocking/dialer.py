"""Makes connections: name, addresses, TLS, all within one bound; the same steps for every sync transport."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from intermodal.blocking.ready import IN, OUT, waiter
from intermodal.blocking.stream import Stream
from intermodal.errors import (
    CertificateError,
    ConnectionError,
    ConnectTimeout,
    NameResolutionError,
    Phase,
    ProxyError,
    TLSError,
)
from intermodal.net.tls import context_for

if TYPE_CHECKING:
    from intermodal.model.options import Options
    from intermodal.net.deadline import Deadline
    from intermodal.net.route import Route


#: Is told each phase as it begins, and what another thread may call to end the wait in it.
Entering = Callable[[Phase, Callable[[], object]], None]


def dial(route: Route, options: Options, deadline: Deadline, entering: Entering) -> Stream:
    """Connect along a route.

    Raises:
        NameResolutionError, ConnectTimeout, ConnectionError, ProxyError, TLSError, CertificateError, TotalTimeout; and
        what ``entering`` raises.
    """
    bound = _Bound(deadline)
    context = None if route.server_hostname is None else context_for(options.tls)
    addresses = _resolve(route.host, route.port, bound, entering)
    refusal = ConnectionError if options.proxy is None else ProxyError
    sock = _connect(addresses, route, bound, refusal, entering)
    if context is not None:
        sock = _start_tls(sock, context, route, bound, entering)
    try:
        return Stream(sock)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise _lost(f"the connection to {route.host!r} port {route.port} cannot be used", error) from error
        raise


class _Bound:
    """``connect`` bounds everything up to a usable connection together, and ``total`` bounds that (T7)."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._seconds = deadline.timeouts.connect
        self._ends = None if self._seconds is None else time.monotonic() + self._seconds

    def left(self, what: str) -> float | None:
        now = time.monotonic()
        left = None if self._ends is None else self._ends - now
        if left is not None and left <= 0:
            raise self.expired(what)
        return self._deadline.wait(left, now)

    def expired(self, what: str) -> Exception:
        message = f"{what} took longer than connect={self._seconds} s"
        return self._deadline.expired(ConnectTimeout, message, time.monotonic())


_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


def _resolve(host: str, port: int, bound: _Bound, entering: Entering) -> list[_Address]:
    """Look a name up. The resolver knows no bound: where one is set, a thread waits for it in our stead."""
    what = f"resolving {host!r}"
    seconds = bound.left(what)
    found: list[list[_Address] | BaseException] = []
    over = threading.Event()
    entering("resolve", over.set)

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that asked
            found.append(error)
        over.set()

    if _literal(host):
        look_up()
    else:
        try:
            threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        except RuntimeError:  # no thread is to be had
            look_up()
        over.wait(seconds)
        if not found:
            raise bound.expired(what)
    addresses = found[0]
    if isinstance(addresses, OSError | UnicodeError):
        raise NameResolutionError(f"the host name {host!r} could not be resolved: {addresses}") from addresses
    if isinstance(addresses, BaseException):
        raise addresses
    return addresses


def _literal(host: str) -> bool:
    """Whether a canonical host is an address: only those have a colon, or nothing but digits and dots."""
    return ":" in host or host.replace(".", "").isdigit()


def _connect(
    addresses: list[_Address], route: Route, bound: _Bound, refusal: type[ConnectionError], entering: Entering
) -> socket.socket:
    """Try every address in the resolver's order; the error lists each with its reason."""
    failures: list[tuple[str, OSError]] = []
    what = f"connecting to {route.host!r}"
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = bound.left(what)
        # An address that never answers may use up its share of the time, not that of those behind it.
        share = None if left is None else left / (len(addresses) - number)
        sock: socket.socket | None = None
        try:
            sock = socket.socket(family, kind, protocol)
            entering("connect", partial(_shut, sock))
            sock.settimeout(share)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            failures.append((str(address[0]), error))
            if sock is not None:
                sock.close()
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        else:
            return sock
    reasons = "; ".join(f"{address}: {error.strerror or error}" for address, error in failures)
    cause = failures[-1][1] if failures else None
    if isinstance(cause, TimeoutError) and cause.errno is None:  # our bound, not the network's own ETIMEDOUT
        raise bound.expired(what) from cause
    kind_of = ConnectTimeout if isinstance(cause, TimeoutError) else refusal
    peer = "the proxy " if refusal is ProxyError else ""
    refused = kind_of(f"could not connect to {peer}{route.host!r} port {route.port}: {reasons or 'it has no address'}")
    refused.errno = cause.errno if cause is not None else None
    raise refused from cause


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _start_tls(
    sock: socket.socket, context: ssl.SSLContext, route: Route, bound: _Bound, entering: Entering
) -> socket.socket:
    where = f"the TLS handshake with {route.host!r} port {route.port}"
    try:
        entering("tls", partial(_shut, sock))
        # The handshake does not block, because truststore holds a lock in each step of it: one server that is slow would
        # keep every other from shaking hands. Ragged ends are errors: a body that ends with the connection could have
        # been cut (RFC 9112 section 9.8).
        sock.settimeout(0)
        sock.getpeername()  # raises if the connection is gone already, which wrap_socket would leave open
        sock = context.wrap_socket(
            sock, server_hostname=route.server_hostname, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        entering("tls", partial(_shut, sock))  # another socket now
        _shake_hands(sock, where, bound)
    except BaseException as error:
        sock.close()
        mapped = _tls_failure(error, where, route, bound)
        if mapped is None:
            raise
        raise mapped from error
    return sock


def _shake_hands(sock: ssl.SSLSocket, where: str, bound: _Bound) -> None:
    readable, writable = waiter(sock, IN), waiter(sock, OUT)
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            wait = readable
        except ssl.SSLWantWriteError:
            wait = writable
        else:
            return
        if not wait(bound.left(where)):
            raise bound.expired(where)


def _tls_failure(error: BaseException, where: str, route: Route, bound: _Bound) -> Exception | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        failure = CertificateError(
            f"the certificate of {route.host!r} port {route.port} was not accepted: {error.verify_message or error.reason};"
            " give verify='ca.pem' if the server's authority is a private one"
        )
        failure.verify_code = error.verify_code
        return failure
    if isinstance(error, TimeoutError):
        return bound.expired(where)
    if isinstance(error, ssl.SSLError):
        return TLSError(f"{where} failed: {error.reason or error}")
    if isinstance(error, OSError):
        return _lost(f"{where} failed", error)
    if isinstance(error, ValueError):  # a name that TLS cannot carry
        return TLSError(f"{where} could not begin: {error}")
    return None


def _lost(what: str, error: OSError) -> ConnectionError:
    lost = ConnectionError(f"{what}: {error.strerror or error}")
    lost.errno = error.errno
    return lost
