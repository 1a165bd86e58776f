"""TLS that is carried by something other than a bare socket: by another TLS, or behind bytes that came before it."""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from typing_extensions import Buffer

R = TypeVar("R")

#: What a Stream goes over: a socket, which may be TLS, or TLS that is not a socket's own.
Carrier: TypeAlias = "socket.socket | LayeredTLS"
#: One of these that is TLS.
Secure: TypeAlias = "ssl.SSLSocket | LayeredTLS"

#: How much is encrypted at once, in bytes: one record, so that nobody can have read what ``send`` has not told of; with all
#: that TLS adds to it, it fits into one of the outer TLS.
PIECE = 16384 - 128

#: How much is asked of the outer connection at once.
RECEIVE = 65536

_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LayeredTLS:
    """The client's side of one TLS connection, in the place of an ``ssl.SSLSocket`` with ``suppress_ragged_eofs=False``.

    It does not block where ``outer`` does not, and it waits for the same: who is told SSLWantWriteError by ``send`` waits,
    and sends the same bytes again.

    Args:
        outer: what carries it, connected; closed with it.
        context: whom to trust.
        server_hostname: whom the certificate must be for.
        early: what was received of this TLS already.
        session: a session to resume.
    """

    def __init__(
        self,
        outer: Carrier,
        context: ssl.SSLContext,
        server_hostname: str | None,
        *,
        early: bytes = b"",
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(early)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname, session=session)
        self.outer = outer
        #: The socket at the bottom.
        self.socket = bottom_of(outer)
        self._outer_pending = outer.pending if isinstance(outer, ssl.SSLSocket | LayeredTLS) else None
        #: What TLS has made and ``outer`` has not taken.
        self._unsent = bytearray()
        #: How many bytes of the caller's TLS has encrypted, and the caller has not been told of.
        self._taken = 0
        self._trusted = False

    def do_handshake(self) -> None:
        """Shake hands, as far as it goes."""
        self._go(self._shake_hands)
        self._flush()  # nobody else would, if the peer speaks first
        self._trusted = True

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except _WANTS:
            raise
        except BaseException:
            if self._tls.version() is not None:
                # TLS is content, and whoever checks the certificate after it (truststore) is not: the peer does not
                # get our part of the handshake, and a certificate of ours with it.
                self._outgoing.read()
            raise

    def send(self, data: Buffer) -> int:
        """Send some of ``data``, and give how much.

        It is sent when the last byte of it is: else a caller who turns to reading would leave the rest of a request here,
        and wait for the answer to it.
        """
        self._check()
        with memoryview(data) as view, view.cast("B") as whole, whole[:PIECE] as piece:
            if len(piece) < self._taken:
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, "other bytes than those that were to be sent again")
            self._flush()
            if not self._taken:
                self._taken = self._tls.write(piece)
                self._flush()
        taken, self._taken = self._taken, 0
        return taken

    def recv(self, n: int, flags: int = 0) -> bytes:
        """Give at most ``n`` bytes; ``b""`` where the peer has said that there are no more."""
        if flags:
            raise ValueError("TLS knows no flags")
        self._check()
        return self._go(self._tls.read, n)

    def recv_into(self, buffer: Buffer) -> int:
        """Write what has come into ``buffer``, and give how much that was."""
        self._check()
        read: Callable[..., Any] = self._tls.read  # its type knows neither other buffers nor what it gives for them
        with memoryview(buffer) as view, view.cast("B") as room:
            taken: int = self._go(read, len(room), room)
            return taken

    def pending(self) -> int:
        """How many bytes are here that the network need not be asked for; some may be TLS's own."""
        outer = 0 if self._outer_pending is None else self._outer_pending()
        return self._tls.pending() + self._incoming.pending + outer

    def _check(self) -> None:
        if not self._trusted:  # or TLS would shake hands by itself, past whoever checks the certificate after it
            raise ValueError("the handshake has not come to its end")
        if self.outer.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def _go(self, step: Callable[..., R], *arguments: object) -> R:
        """Do what TLS may need more of the peer for."""
        while True:
            try:
                return step(*arguments)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # which tells the peer why
                raise
            self._feed()

    def _feed(self) -> None:
        """Give TLS more of what the peer has sent, and the peer what TLS says to that."""
        try:
            self._flush()
        except OSError as error:  # what does not go out keeps nothing from coming in: it may be the reason
            waits = isinstance(error, _WANTS)
            data = self._receive()
            if data is None and waits and self._taken:  # whoever sends it waits for that
                raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "nothing has come") from None
            if data is None or not (data or waits):
                raise
        else:
            data = self._receive()
            if data is None:
                raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "nothing has come")
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _receive(self) -> bytes | None:
        try:
            return self.outer.recv(RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None

    def _flush(self) -> None:
        """Send what TLS has made; where ``outer`` does not take all of it now, the rest is kept."""
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                del self._unsent[: self.outer.send(self._unsent)]
            except BlockingIOError:
                raise ssl.SSLWantWriteError(ssl.SSL_ERROR_WANT_WRITE, "the peer takes no more") from None

    # -- what TLS knows ------------------------------------------------------------------------------

    def version(self) -> str | None:
        return self._tls.version()

    def cipher(self) -> tuple[str, str, int] | None:
        return self._tls.cipher()

    def getpeercert(self, binary_form: bool = False) -> Any:
        return self._tls.getpeercert(binary_form)

    def selected_alpn_protocol(self) -> str | None:
        return self._tls.selected_alpn_protocol()

    @property
    def session(self) -> ssl.SSLSession | None:
        return self._tls.session

    @property
    def session_reused(self) -> bool | None:
        return self._tls.session_reused

    # -- what the socket knows -----------------------------------------------------------------------

    def fileno(self) -> int:
        return self.outer.fileno()

    def setblocking(self, flag: bool) -> None:
        self.outer.setblocking(flag)

    def settimeout(self, value: float | None) -> None:
        self.outer.settimeout(value)

    def gettimeout(self) -> float | None:
        return self.outer.gettimeout()

    def getsockname(self) -> Any:
        return self.outer.getsockname()

    def getpeername(self) -> Any:
        return self.outer.getpeername()

    def close(self) -> None:
        self.outer.close()


def bottom_of(carrier: Carrier) -> socket.socket:
    """Give what the system knows of a connection: this is waited for, and shut down."""
    return carrier.socket if isinstance(carrier, LayeredTLS) else carrier
