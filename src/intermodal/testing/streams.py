"""What an accepted connection is read and written through: the socket itself, and any layers of TLS upon it.

Laws:

- A layer reads no more from the one below than it needs to give the next bytes, but for what one call of that gives.
- Layers stack: a TLS layer over another is TLS inside TLS, which is how an https server is reached behind an https proxy.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Final, Protocol

__all__ = ["MOST", "Plain", "Stream", "Tls"]

MOST: Final = 65536
"""Bytes that one call of `receive` asks for."""


class Stream(Protocol):
    """Bytes in order, both ways."""

    def receive(self, most: int, /) -> bytes:
        """Wait for bytes, and give at most so many; b"" is the end."""
        ...

    def peek(self, most: int, /) -> bytes:
        """Wait for bytes as `receive` does, and leave them there."""
        ...

    def send(self, data: bytes, /) -> None:
        """Send all of it."""
        ...


class Plain:
    """The bytes of a socket as they are."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def receive(self, most: int, /) -> bytes:
        return self._sock.recv(most)

    def peek(self, most: int, /) -> bytes:
        return self._sock.recv(most, socket.MSG_PEEK)

    def send(self, data: bytes, /) -> None:
        self._sock.sendall(data)


class Tls:
    """The server's end of TLS upon another stream, over buffers in memory.

    Over buffers and not over the socket, because an orderly end has to send close_notify while application data is
    still coming in, and to go on reading that: `ssl.SSLSocket` can do neither without losing data; nor does it stack.
    """

    def __init__(self, below: Stream, context: ssl.SSLContext) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._ahead = b""

    def handshake(self) -> None:
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            else:
                return
            finally:
                self._flush()  # an alert, when it failed

    def receive(self, most: int, /) -> bytes:
        data = self.peek(most)
        self._ahead = self._ahead[len(data) :]
        return data

    def peek(self, most: int, /) -> bytes:
        if not self._ahead:
            self._ahead = self._read()
        return self._ahead[:most]

    def _read(self) -> bytes:
        while True:
            try:
                return self._object.read(MOST)
            except ssl.SSLEOFError:  # FIN without close_notify: the client's affair
                return b""
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()

    def send(self, data: bytes, /) -> None:
        if data:
            self._object.write(data)
            self._flush()

    def drain(self) -> bytes:
        """Give what had been received but not read, which nothing could read once close_notify is sent."""
        left, self._ahead = bytearray(self._ahead), b""
        with contextlib.suppress(ssl.SSLError):
            while data := self._object.read(MOST):
                left += data
        return bytes(left)

    def notify_close(self) -> None:
        """Send close_notify."""
        with contextlib.suppress(ssl.SSLError):  # it would wait for the client's close_notify, which nobody needs
            self._object.unwrap()
        self._flush()

    def absorb(self, data: bytes) -> None:
        """Take what the layer below had still received when it ends."""
        self._incoming.write(data)

    def _feed(self) -> None:
        if self._incoming.eof:
            raise ConnectionAbortedError("the client closed within TLS")
        data = self._below.receive(MOST)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._below.send(self._outgoing.read())
