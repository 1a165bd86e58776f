"""The TLS handshake over a connection, within its bound; what goes wrong in it is said as ours."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from functools import partial
from typing import TYPE_CHECKING

from intermodal.blocking.alerts import reason
from intermodal.blocking.certificates import refused
from intermodal.blocking.chain import sent_by
from intermodal.blocking.layered import LayeredTLS, bottom_of
from intermodal.blocking.ready import IN, OUT, waiter
from intermodal.errors import ConnectionError, Error, TLSError
from intermodal.net.tls import context_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.blocking.bound import Bound, Entering
    from intermodal.blocking.layered import Carrier, Secure
    from intermodal.blocking.sessions import Ticket
    from intermodal.net.plan import StartTLS


def start_tls(
    carrier: Carrier,
    step: StartTLS,
    bound: Bound,
    entering: Entering,
    ticket: Ticket,
    *,
    begun: Callable[[Carrier], None],
) -> Carrier:
    """Shake hands, or resume the session that ``ticket`` has; the carrier given is closed where that fails.

    Args:
        carrier: what there is so far.
        step: what is asked for.
        bound: how long it may take.
        entering: is told the phase, and what ends it.
        ticket: the session, and where it goes.
        begun: is told what takes the carrier's place, before the handshake.

    Raises:
        CertificateError, TLSError, ConnectTimeout, ConnectionError, TotalTimeout; InvalidRequest where the settings
        cannot be used; and what ``entering`` raises.
    """
    where = f"the TLS handshake with {'the proxy ' if step.proxy else ''}{step.hostname!r} port {step.port}"
    shut = partial(_shut, carrier)
    secure: Secure | None = None
    try:
        entering("tls", shut)
        context = context_for(step.tls)
        session = ticket.take(context)
        if step.early or not isinstance(carrier, socket.socket) or isinstance(carrier, ssl.SSLSocket):
            secure = _layered(carrier, context, step, session)
        else:
            # The handshake does not block: where truststore checks, it holds a lock in each step, and one server that is
            # slow would keep every other from shaking hands. Ragged ends are errors: a body that ends with the connection
            # could have been cut (RFC 9112 section 9.8).
            carrier.getpeername()  # raises if the connection is gone already, which wrap_socket would leave open
            secure = context.wrap_socket(
                carrier, server_hostname=step.hostname, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
            shut = partial(_shut, secure)  # another socket now
            if session is not None:
                with contextlib.suppress(ValueError):  # it was another context's
                    secure.session = session
        entering("tls", shut)
        begun(secure)
        # Given as https:// by mistake, some proxies wait in silence for a request.
        _shake_hands(secure, f"{where} (one without TLS is given as http://)" if step.proxy else where, bound)
        ticket.stand(secure)
    except BaseException as error:
        ticket.fail()
        try:
            mapped = _failure(error, step, secure, where, bound)
        finally:
            (secure or carrier).close()
        if mapped is None:
            raise
        raise mapped from error
    return secure


def _layered(carrier: Carrier, context: ssl.SSLContext, step: StartTLS, session: ssl.SSLSession | None) -> LayeredTLS:
    if session is not None:
        with contextlib.suppress(ValueError):  # it was another context's
            return LayeredTLS(carrier, context, step.hostname, early=step.early, session=session)
    return LayeredTLS(carrier, context, step.hostname, early=step.early)


def _shake_hands(secure: Secure, where: str, bound: Bound) -> None:
    bottom = bottom_of(secure)
    readable, writable = waiter(bottom, IN), waiter(bottom, OUT)
    with _alarm(secure, bound.left(where)):
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                wait = readable
            except ssl.SSLWantWriteError:
                wait = writable
            except OSError:
                bound.left(where)  # it was the alarm
                raise
            else:
                return
            if not wait(bound.left(where)):
                raise bound.expired(where)


@contextlib.contextmanager
def _alarm(secure: Secure, seconds: float | None) -> Iterator[None]:
    """End a handshake at its bound from another thread: a peer that never stops talking keeps OpenSSL to itself."""
    alarm = None if seconds is None else threading.Timer(min(seconds, threading.TIMEOUT_MAX), _shut, [secure])
    if alarm is not None:
        alarm.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread is to be had
            alarm.start()
    try:
        yield
    finally:
        if alarm is not None:
            alarm.cancel()


def _failure(error: BaseException, step: StartTLS, secure: Secure | None, where: str, bound: Bound) -> Exception | None:
    if isinstance(error, Error):
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return refused(error, [] if secure is None else sent_by(secure), step)
    if isinstance(error, TimeoutError):
        return bound.expired(where)
    if isinstance(error, ssl.SSLError):
        return TLSError(f"{where} failed: {reason(error, step.tls, proxy=step.proxy)}")
    if isinstance(error, OSError):
        lost = ConnectionError(f"{where} failed: {error.strerror or error}")
        lost.errno = error.errno
        return lost
    if isinstance(error, ValueError):
        return TLSError(f"{where} could not begin, because TLS cannot carry this name: {error}")
    return None


def _shut(carrier: Carrier) -> None:
    with contextlib.suppress(OSError):
        # Not SSLSocket's own, which puts TLS aside.
        socket.socket.shutdown(bottom_of(carrier), socket.SHUT_RDWR)
