"""The origin server: an independent witness of what a client puts on the wire.

It runs inside the process, on plain sockets, one daemon thread for each connection, and imports nothing of the package
it is used to check. Every byte a client sends is recorded; every answer is either a script, played exactly as written,
or the answer of `routes` to the path.

Laws:

- A request is recorded before its answer begins: a client that has an answer finds its request in the records.
- Scripts are taken in the order they were queued, one for each request, whichever connection it comes on.
- Whatever a client sends, and however it leaves, the next connection is served.
- Both directions are recorded, byte for byte: what was said to a front apart from what came inside of its tunnel.
- A front resolves and dials nothing: it is proxy and target in one.
- After `close` no thread, no socket and no path of one is left.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from .faults import Fault
from .messages import Received
from .records import (
    AnswerSent,
    Connection,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    RequestReceived,
    Tunnel,
)
from .scripts import At, Close, Drip, Play, Reset, Stall, Step, Then, Wire
from .service import Service

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from .fronts import Front, Login

__all__ = [
    "AnswerSent",
    "Close",
    "Connection",
    "ConnectionClosed",
    "ConnectionOpened",
    "Drip",
    "Event",
    "Fault",
    "Origin",
    "Play",
    "Received",
    "RequestReceived",
    "Reset",
    "Stall",
    "Step",
    "Tunnel",
]

_BACKLOG: Final = 512
_JOIN: Final = 5.0
"""Seconds `Origin.close` waits for its threads in all."""
_REST: Final = 0.05
"""Seconds to wait where accept fails, as it does while the process has no free descriptor."""

_log = logging.getLogger(__name__)


class Origin:
    """An HTTP/1.1 origin server on a socket of its own; it serves from construction to `close`.

    Without scripts it answers by path, much like httpbin (``/`` lists the paths):

    >>> import http.client
    >>> with Origin() as origin:
    ...     client = http.client.HTTPConnection(origin.host, origin.port)
    ...     client.request("GET", "/status/204", headers={"X-A": "1"})
    ...     client.getresponse().status
    ...     client.close()
    204
    >>> origin.requests[0].target, origin.requests[0].headers[-1]
    ('/status/204', ('X-A', '1'))

    `port` 0 takes a free one. `tls` makes it an https origin. `observer` is called with each event, from the thread
    of the connection it happened on; what it raises is logged and changes nothing.

    `unix_socket` makes it listen on that path, which `close` removes, instead of TCP; `host` is "localhost" then, and
    `port` 0.

    `front` makes it a proxy and the target in one. Nothing is resolved or dialled, so any host can be asked for: a
    tunnel that is granted ends in this origin, which goes on as the target on the same connection, with `tls` by a TLS
    handshake inside of it. "http" grants CONNECT (RFC 9110 section 9.3.6), and serves every other request in the clear,
    whatever `tls` is; "socks5" speaks RFC 1928. `front_tls` makes the http front itself an https proxy. `front_login`,
    user and password, is wanted by the front of everyone: by Basic, else 407 (RFC 9110 section 11.7), or by RFC 1929.

    >>> import http.client
    >>> with Origin(front="http") as origin:
    ...     client = http.client.HTTPConnection(origin.host, origin.port)
    ...     client.set_tunnel("nowhere.test", 8080)
    ...     client.request("GET", "/status/204")
    ...     client.getresponse().status
    ...     client.close()
    204
    >>> tunnel = origin.connections[0].tunnel
    >>> tunnel.host, tunnel.port, tunnel.received[:30], origin.connections[0].received[:15]
    ('nowhere.test', 8080, b'CONNECT nowhere.test:8080 HTTP', b'GET /status/204')

    Attributes:
        url: of the origin, without a path.
        proxy_url: of the front, without a login; None where there is none.
        host, port: what it listens on.
        unix_socket: the path it listens on; None where it listens on TCP.
        front: as it was given.

    Raises OSError where it cannot listen at that address, NotImplementedError where the system has no Unix sockets,
    ValueError for arguments that contradict each other.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        observer: Callable[[Event], None] | None = None,
        unix_socket: str | os.PathLike[str] | None = None,
        front: Front | None = None,
        front_tls: ssl.SSLContext | None = None,
        front_login: Login | None = None,
    ) -> None:
        if front not in (None, "http", "socks5"):
            raise ValueError(f"front={front!r}: expected 'http', 'socks5' or None")
        if front_tls is not None and front != "http":
            raise ValueError(f"front_tls with front={front!r}: expected front='http'")
        if front_login is not None and front is None:
            raise ValueError("front_login without a front: expected front='http' or front='socks5'")
        if unix_socket is not None and (host, port) != ("127.0.0.1", 0):
            raise ValueError("unix_socket with host or port: expected one or the other")
        self.unix_socket = None if unix_socket is None else os.fspath(unix_socket)
        if self.unix_socket is None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
            self.host = host
            self.port: int = self._listener.getsockname()[1]
            self._authority = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        else:
            self._listener = _listen_unix(self.unix_socket)
            self.host, self.port, self._authority = "localhost", 0, "localhost"
        self._listener.setblocking(False)
        self.url = f"{'https' if tls else 'http'}://{self._authority}"
        self.front = front
        front_scheme = "socks5h" if front == "socks5" else "https" if front_tls else "http"
        self.proxy_url = f"{front_scheme}://{self._authority}" if front else None
        self._tls = tls
        self._front_tls = front_tls
        self._front_login = front_login
        self._observer = observer
        self._closing = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._lock = threading.Lock()
        self._count = 0
        self._connections: list[Connection] = []
        self._requests: list[Received] = []
        self._services: list[Service] = []
        self._at_connect: deque[Play] = deque()
        self._at_tunnel: deque[Play] = deque()
        self._at_request: deque[Play] = deque()
        self._acceptor = threading.Thread(target=self._accept, name=f"origin-{self.port}", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Origin:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Origin {self.url}{' closed' if self._closing.is_set() else ''}>"

    @property
    def connections(self) -> list[Connection]:
        """The connections so far, in order of accept."""
        with self._lock:
            return [*self._connections]

    @property
    def requests(self) -> list[Received]:
        """The complete requests so far over all connections, in the order in which they became complete."""
        with self._lock:
            return [*self._requests]

    @property
    def received(self) -> int:
        """How many bytes all connections received so far, or since `reset_records`: the counter of delivery.

        What was said to a front counts, and over TLS what was inside of it: 0 proves that nothing of a request was
        delivered. It is final once the connections are closed, and leaves out what a script that stalled or cut the
        connection never read.
        """
        return sum(connection._counted for connection in self.connections)

    @overload
    def play(self, fault: Fault, /) -> Play: ...

    @overload
    def play(self, *steps: Step, then: Then = "keep", at: At = "request") -> Play: ...

    def play(self, *steps: Step | Fault, then: Then = "keep", at: At = "request") -> Play:
        r"""Queue a script for the next request which no earlier script takes.

        A step is bytes (sent by one call), a number (a pause in seconds), `Drip`, `Stall`, `Reset` or `Close`. After
        the steps `then` goes on serving the connection ("keep"), ends it in order ("fin": over TLS by close_notify,
        then FIN; what the client still sends is read, so that no RST overtakes the answer) or cuts it ("rst"). A
        `Fault` is all of that in one.

        `at` says when the script begins:

        - "request": when the whole request was read.
        - "head": when its head was, so that neither the body is read nor 100 Continue sent before the script ends (with
          "keep" the body is read then).
        - A number: when so many bytes of the request, head and body, have come, whatever they are; no more is read
          before (over TLS, up to 64 KiB more may have been taken from the line). It is the answer to the request,
          the rest of which is read after it. Where the request is shorter, the script begins at its end.
        - "connect": when a connection is accepted, and over TLS when its handshake is done; before a front says a word.
        - "tunnel": when a front grants a tunnel, in place of its last word, the answer to CONNECT or the reply to the
          request of SOCKS; with "keep" the tunnel is there then.

        A script at "connect" goes to the next connection, one at "tunnel" to the next tunnel, one at a number to the
        next request that begins, the others to the next request whose head arrives.

        >>> with Origin() as origin, socket.create_connection((origin.host, origin.port)) as client:
        ...     script = origin.play(b"HTTP/1.1 200 OK\r\n", 0.01, b"Content-Le", then="fin")
        ...     client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        ...     client.makefile("rb").read()
        ...     script.finished.wait(5), script.error
        b'HTTP/1.1 200 OK\r\nContent-Le'
        (True, None)

        Raises TypeError or ValueError for what is no script (see `Play`), ValueError at "tunnel" where there is no
        front, RuntimeError when the origin is closed.
        """
        if steps and isinstance(steps[0], Fault):
            fault = steps[0]
            if len(steps) > 1 or (then, at) != ("keep", "request"):
                raise TypeError(f"{fault!r} says all of a script: expected nothing beside it")
            steps, then, at = fault.steps, fault.then, fault.at
        play = Play(*steps, then=then, at=at)  # type: ignore[arg-type]  # a Fault among them is refused there
        if at == "tunnel" and self.front is None:
            raise ValueError("at='tunnel': this origin has no front; expected Origin(front=...)")
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError(f"{self!r}: expected an origin that is open")
            queues = {"connect": self._at_connect, "tunnel": self._at_tunnel}
            queues.get(str(at), self._at_request).append(play)
        return play

    def withdraw(self, play: Play) -> bool:
        """Take back a script that no connection and no request has taken yet; tell whether it was so.

        It is finished then, with an error.

        >>> with Origin() as origin:
        ...     script = origin.play(b"never")
        ...     origin.withdraw(script), origin.withdraw(script), script.finished.is_set()
        (True, False, True)
        """
        with self._lock:
            for queue in (self._at_connect, self._at_tunnel, self._at_request):
                if play in queue:
                    queue.remove(play)
                    break
            else:
                return False
        play.fail("it was withdrawn")
        return True

    def reset_records(self) -> None:
        """Forget all requests and the connections that are closed; `received` counts from 0 again.

        Open connections go on, and keep what they received and sent.
        """
        with self._lock:
            self._requests.clear()
            self._connections = [connection for connection in self._connections if connection.open]
            for connection in self._connections:
                connection._forget()

    def close(self) -> None:
        """Close the listener and every connection, and wait for their threads; a second call does nothing more.

        Scripts that were never taken are finished with an error.
        """
        with self._lock:
            self._closing.set()
            queues = (self._at_connect, self._at_tunnel, self._at_request)
            left_over = [play for queue in queues for play in queue]
            for queue in queues:
                queue.clear()
        for play in left_over:
            play.fail("the origin was closed before it was taken")
        self._wake.close()
        deadline = time.monotonic() + _JOIN
        self._acceptor.join(_JOIN)
        self._listener.close()
        if self.unix_socket is not None:
            with contextlib.suppress(OSError, ValueError):  # it has gone already; an abstract one is no file
                Path(self.unix_socket).unlink()
        self._woken.close()
        with self._lock:
            services = [*self._services]
        for service in services:
            service.wire.abort()
        for service in services:
            if service is not threading.current_thread():  # an observer may call this
                service.join(max(deadline - time.monotonic(), 0))

    # --- for the threads ----------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            ready.register(self._woken, selectors.EVENT_READ)
            while not self._closing.is_set():
                ready.select()
                try:
                    sock, peer = self._listener.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    self._closing.wait(_REST)
                    continue
                self._welcome(sock, peer)

    def _welcome(self, sock: socket.socket, peer: Any) -> None:
        with self._lock:
            self._count += 1
            connection = Connection(self._count, peer or ("", 0))
            self._connections.append(connection)
            play = self._at_connect.popleft() if self._at_connect else None
            wire = Wire(sock, self._closing, connection._add)
            service = Service(self, connection, wire, play)
            # Threads are forgotten when they are over, not when they say they are: close() waits for all others.
            self._services = [known for known in self._services if known.is_alive()]
            self._services.append(service)
        try:
            service.start()
        except RuntimeError:  # the system gives no further thread
            self._services.remove(service)
            service.end("no thread could be started for it")

    def _take_script(self, *, at_number: bool = False) -> Play | None:
        """Take the next script for a request; with `at_number`, only if that begins at a number of bytes."""
        with self._lock:
            if not self._at_request or (at_number and not isinstance(self._at_request[0].at, int)):
                return None
            return self._at_request.popleft()

    def _take_script_of_tunnel(self) -> Play | None:
        with self._lock:
            return self._at_tunnel.popleft() if self._at_tunnel else None

    def _add_request(self, connection: Connection, request: Received) -> None:
        with self._lock, connection._lock:
            self._requests.append(request)
            connection._requests.append(request)
        self._tell(RequestReceived(request))

    def _tell(self, event: Event) -> None:
        if self._observer is not None:
            try:
                self._observer(event)
            except Exception:  # noqa: BLE001 - an observer is foreign code, and serving must outlive it
                _log.exception("the observer of %r failed", self)


def _listen_unix(path: str) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise NotImplementedError(f"unix_socket={path!r}: this system has no Unix sockets")
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
