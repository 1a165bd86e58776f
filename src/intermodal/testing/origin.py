"""The origin server: an independent witness of what a client puts on the wire.

It runs inside the process, on plain sockets, one daemon thread for each connection, and imports nothing of the package
it is used to check. Every byte a client sends is recorded; every answer is either a script, played exactly as written,
or the answer of `routes` to the path.

Laws:

- A request is recorded before its answer begins: a client that has an answer finds its request in the records.
- Scripts are taken in the order they were queued, one for each request, whichever connection it comes on.
- Whatever a client sends, and however it leaves, the next connection is served.
- After `close` no thread and no socket is left.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from .asked import Asked
from .messages import Answer, Head, Malformed, Reader, Received, render
from .routes import answer as answer_by_path
from .routes import problem
from .scripts import At, Close, Drip, Play, Reset, Stall, Step, Then, Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "AnswerSent",
    "Close",
    "Connection",
    "ConnectionClosed",
    "ConnectionOpened",
    "Drip",
    "Event",
    "Origin",
    "Play",
    "Received",
    "RequestReceived",
    "Reset",
    "Stall",
    "Step",
]

_BACKLOG: Final = 512
_JOIN: Final = 5.0
"""Seconds `Origin.close` waits for its threads in all."""
_REST: Final = 0.05
"""Seconds to wait where accept fails, as it does while the process has no free descriptor."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConnectionOpened:
    """A connection was accepted; a TLS handshake is still to come."""

    number: int
    peer: tuple[Any, ...]


@dataclass(frozen=True)
class RequestReceived:
    """A whole request was read."""

    request: Received


@dataclass(frozen=True)
class AnswerSent:
    """An answer, interim ones included, or a script was sent; `size` is its bytes."""

    number: int
    status: int | Literal["script"]
    size: int


@dataclass(frozen=True)
class ConnectionClosed:
    """A connection was closed, by whichever side; `why` is for people."""

    number: int
    why: str


Event = ConnectionOpened | RequestReceived | AnswerSent | ConnectionClosed


class Connection:
    """The record of one accepted connection; all of it can be read from any thread, at any time.

    `number` counts from 1 in order of accept. `peer` is the client's address as of `getpeername`.
    """

    def __init__(self, number: int, peer: tuple[Any, ...]) -> None:
        self.number = number
        self.peer = peer
        self._lock = threading.Lock()
        self._received = bytearray()
        self._requests: list[Received] = []
        self._open = True

    def __repr__(self) -> str:
        state = "open" if self._open else "closed"
        return f"<Connection {self.number} from {self.peer[0]}:{self.peer[1]}, {len(self._requests)} requests, {state}>"

    @property
    def received(self) -> bytes:
        """The exact bytes received so far, in order; over TLS, what was inside of it."""
        with self._lock:
            return bytes(self._received)

    @property
    def requests(self) -> list[Received]:
        """The complete requests so far, in order."""
        with self._lock:
            return [*self._requests]

    @property
    def open(self) -> bool:
        """Whether the origin's end of the connection is still open."""
        return self._open

    def _add(self, data: bytes) -> None:
        with self._lock:
            self._received += data


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

    Raises OSError where it cannot listen at that address.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        observer: Callable[[Event], None] | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._listener.setblocking(False)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._scheme = "https" if tls else "http"
        self._authority = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"{self._scheme}://{self._authority}"
        self._tls = tls
        self._observer = observer
        self._closing = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._lock = threading.Lock()
        self._count = 0
        self._connections: list[Connection] = []
        self._requests: list[Received] = []
        self._services: list[_Service] = []
        self._at_connect: deque[Play] = deque()
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

    def play(self, *steps: Step, then: Then = "keep", at: At = "request") -> Play:
        r"""Queue a script for the next request which no earlier script takes.

        A step is bytes (sent by one call), a number (a pause in seconds), `Drip`, `Stall`, `Reset` or `Close`. After
        the steps `then` goes on serving the connection ("keep"), ends it in order ("fin": over TLS by close_notify,
        then FIN; what the client still sends is read, so that no RST overtakes the answer) or cuts it ("rst").

        `at` says when the script begins: "request" when the whole request was read; "head" when its head was, so
        that neither the body is read nor 100 Continue sent before the script ends (with "keep" the body is read
        then); "connect" when a connection is accepted, and over TLS when its handshake is done. A script at
        "connect" goes to the next connection, the others to the next request whose head arrives.

        >>> with Origin() as origin, socket.create_connection((origin.host, origin.port)) as client:
        ...     script = origin.play(b"HTTP/1.1 200 OK\r\n", 0.01, b"Content-Le", then="fin")
        ...     client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        ...     client.makefile("rb").read()
        ...     script.finished.wait(5), script.error
        b'HTTP/1.1 200 OK\r\nContent-Le'
        (True, None)

        Raises TypeError or ValueError for what is no script (see `Play`), RuntimeError when the origin is closed.
        """
        play = Play(*steps, then=then, at=at)
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError(f"{self!r}: expected an origin that is open")
            (self._at_connect if at == "connect" else self._at_request).append(play)
        return play

    def reset_records(self) -> None:
        """Forget all requests and the connections that are closed; open ones go on and keep what they received."""
        with self._lock:
            self._requests.clear()
            self._connections = [connection for connection in self._connections if connection.open]
            for connection in self._connections:
                with connection._lock:
                    connection._requests.clear()

    def close(self) -> None:
        """Close the listener and every connection, and wait for their threads; a second call does nothing more.

        Scripts that were never taken are finished with an error.
        """
        with self._lock:
            self._closing.set()
            left_over = [*self._at_connect, *self._at_request]
            self._at_connect.clear()
            self._at_request.clear()
        for play in left_over:
            play.fail("the origin was closed before it was taken")
        self._wake.close()
        deadline = time.monotonic() + _JOIN
        self._acceptor.join(_JOIN)
        self._listener.close()
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

    def _welcome(self, sock: socket.socket, peer: tuple[Any, ...]) -> None:
        with self._lock:
            self._count += 1
            connection = Connection(self._count, peer)
            self._connections.append(connection)
            play = self._at_connect.popleft() if self._at_connect else None
            wire = Wire(sock, self._closing, connection._add)
            service = _Service(self, connection, wire, play)
            # Threads are forgotten when they are over, not when they say they are: close() waits for all others.
            self._services = [known for known in self._services if known.is_alive()]
            self._services.append(service)
        try:
            service.start()
        except RuntimeError:  # the system gives no further thread
            self._services.remove(service)
            service.end("no thread could be started for it")

    def _take_script(self) -> Play | None:
        with self._lock:
            return self._at_request.popleft() if self._at_request else None

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


class _Service(threading.Thread):
    """The thread that serves one connection."""

    def __init__(self, origin: Origin, connection: Connection, wire: Wire, play: Play | None) -> None:
        super().__init__(name=f"origin-{origin.port}-{connection.number}", daemon=True)
        self.wire = wire
        self._origin = origin
        self._connection = connection
        self._play = play
        self._reader = Reader(wire.receive)
        self._answered = False

    def run(self) -> None:
        self._origin._tell(ConnectionOpened(self._connection.number, self._connection.peer))
        why = "the server failed"
        try:
            why = self._serve()
        except OSError as exc:
            why = f"{type(exc).__name__}: {exc}"
        finally:
            self.end(why)

    def end(self, why: str) -> None:
        """Close the connection and record it."""
        if self._origin._closing.is_set():
            why = "the origin was closed"
        if self._play is not None:
            self._play.fail(why)
        if self.wire.ended:
            self.wire.linger()
        self.wire.close()
        self._connection._open = False
        self._origin._tell(ConnectionClosed(self._connection.number, why))

    def _serve(self) -> str:
        """Serve requests until the connection ends; return why it does."""
        self.wire.begin(self._origin._tls)
        if self._play is not None and not self._carry_out(self._play):
            return "a script ended it"
        try:
            while (head := self._reader.head()) is not None:
                if why := self._exchange(head):
                    return why
        except Malformed as exc:
            if not self._answered:
                self._send(problem(exc.status, str(exc)), None)
            self.wire.finish()
            return f"malformed request: {exc}"
        return "the client closed it"

    def _exchange(self, head: Head) -> str:
        """Serve one request; return why the connection ends after it, or "" where it goes on."""
        self._play = play = self._origin._take_script()
        self._answered = play is not None and play.at == "head"
        if play is not None and self._answered:
            if not self._carry_out(play):
                return "a script ended it"
        elif head.expects_continue:
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._reader.body(head)
        number = self._connection.number
        request = Received(head.method, head.target, head.version, head.headers, body, self._reader.cut(), number)
        self._origin._add_request(self._connection, request)
        if self._answered:
            self._answered = False
            return ""
        if play is not None:
            return "" if self._carry_out(play) else "a script ended it"
        client = str(self._connection.peer[0])
        asked = Asked(request, self._origin._scheme, client, self._origin._authority)
        if self._send(answer_by_path(asked), request):
            self.wire.finish()
            return "the answer was the last"
        return ""

    def _carry_out(self, play: Play) -> bool:
        """Play a script; return whether the connection goes on."""
        before = self.wire.sent
        try:
            play.carry_out(self.wire)
        finally:
            self._origin._tell(AnswerSent(self._connection.number, "script", self.wire.sent - before))
        return not self.wire.ended

    def _send(self, answer: Answer, request: Received | None) -> bool:
        """Send an answer; return whether the connection is to be closed after it."""
        before = self.wire.sent
        pieces, close = render(answer, request)
        try:
            for piece in pieces:
                self.wire.carry_out(piece)
        finally:
            self._origin._tell(AnswerSent(self._connection.number, answer.status, self.wire.sent - before))
        return close
