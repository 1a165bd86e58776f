"""A relay: passes bytes on to one server and back, and records what clients send.

It stands in for a server that cannot be asked what it received. It reads nothing of what passes: ends are passed on
as ends and resets as resets.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any

from intermodal.testing.scripts import _RESET_ON_CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Passed", "Relay"]

_RECEIVE = 65536


class Passed:
    """The record of one connection that was passed on; `number` counts from 1."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True
        self._received = bytearray()

    @property
    def received(self) -> bytes:
        """The exact bytes that the client sent so far."""
        return bytes(self._received)


class Relay:
    """Listens on a port of 127.0.0.1 and passes every connection on to a server, from construction to `close`.

    >>> import http.client
    >>> from intermodal.testing.origin import Origin
    >>> with Origin() as origin, Relay(origin.host, origin.port) as relay:
    ...     client = http.client.HTTPConnection("127.0.0.1", relay.port)
    ...     client.request("GET", "/status/204")
    ...     status = client.getresponse().status
    ...     client.close()
    ...     status, relay.connections[0].received == origin.requests[0].raw
    (204, True)

    Args:
        host, port: of the server.
        seconds: the longest it may take to connect to that.

    Raises OSError where it cannot listen.
    """

    def __init__(self, host: str, port: int, seconds: float = 10) -> None:
        self._server = (host, port)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connections: list[Passed] = []
        self._sockets: set[socket.socket] = set()
        self._closing = False
        self._listener = _Listener(self._serve)
        self.port: int = self._listener.server_address[1]
        # The interval is how long close() waits at most for this thread to look up.
        self._acceptor = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._acceptor.start()

    @property
    def connections(self) -> list[Passed]:
        """The connections so far."""
        with self._lock:
            return [*self._connections]

    def close(self) -> None:
        """Close the listener and every connection, and wait for their threads."""
        self._listener.shutdown()
        self._acceptor.join()
        with self._lock:
            self._closing = True
            sockets = [*self._sockets]
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()

    def __enter__(self) -> Relay:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            passed = Passed(len(self._connections) + 1)
            self._connections.append(passed)
        try:
            with socket.create_connection(self._server, self._seconds) as server:
                server.settimeout(None)
                with self._lock:
                    if self._closing:
                        return
                    self._sockets |= {client, server}
                try:
                    _pass_both_ways(client, server, passed)
                finally:
                    with self._lock:
                        self._sockets -= {client, server}
        except OSError:
            _reset_when_closed(client)  # it cannot be told any more than that
        finally:
            passed.open = False
            client.close()


class _Listener(socketserver.ThreadingTCPServer):
    """Accepts connections and serves each in a thread of its own, which closing waits for."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self._serve = serve

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        self._serve(request)


def _pass_both_ways(client: socket.socket, server: socket.socket, passed: Passed) -> None:
    for sock in (client, server):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    back = threading.Thread(target=_pass, args=(server, client, len), daemon=True)
    back.start()
    _pass(client, server, passed._received.extend)
    back.join()


def _pass(source: socket.socket, sink: socket.socket, record: Callable[[bytes], object]) -> None:
    try:
        while data := source.recv(_RECEIVE):
            record(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _reset_when_closed(source)
        _reset_when_closed(sink)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RD)  # wakes the other direction, and sends nothing


def _reset_when_closed(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
