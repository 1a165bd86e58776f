"""The thread that serves one connection of an origin: its front, its scripts, and answers by path.

Laws:

- A request for a tunnel is the front's, and no script but one at "tunnel" is taken for it; what comes inside of the
  tunnel is the target's, as is every other request.
- Where a script is to begin at a number of bytes, no byte more is read before it begins.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .asked import Asked
from .fronts import (
    CONNECT,
    CONNECT_GRANTED,
    LOGIN_WANTED,
    SOCKS_GRANTED,
    SocksRefused,
    authority,
    basic_login,
    socks_login,
    socks_request,
)
from .messages import Answer, Head, Malformed, Reader, Received, render
from .records import AnswerSent, Connection, ConnectionClosed, ConnectionOpened
from .routes import answer as answer_by_path
from .routes import problem
from .streams import MOST

if TYPE_CHECKING:
    from .origin import Origin
    from .scripts import Play, Wire

__all__ = ["Service"]


class _Ended(Exception):
    """The connection is over, by the origin's own doing; the message is the reason."""


class Service(threading.Thread):
    """Serves one connection; `play` is the script at "connect" that it takes."""

    def __init__(self, origin: Origin, connection: Connection, wire: Wire, play: Play | None) -> None:
        super().__init__(name=f"origin-{origin.port}-{connection.number}", daemon=True)
        self.wire = wire
        self._origin = origin
        self._connection = connection
        self._play = play
        self._reader = Reader(self._receive)
        self._came = 0
        """Bytes of the present request that have come."""
        self._answered = False
        """Whether a script has answered the present request, which is still being read."""
        self._front = origin.front
        """The front that the next byte is for; None once the tunnel is there."""

    def run(self) -> None:
        self._origin._tell(ConnectionOpened(self._connection.number, self._connection.peer))
        why = "the server failed"
        try:
            why = self._serve()
        except (OSError, _Ended) as exc:
            why = str(exc) if isinstance(exc, _Ended) else f"{type(exc).__name__}: {exc}"
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
        self.wire.begin()
        tls = self._origin._front_tls if self._front else self._origin._tls
        if tls is not None:
            self.wire.secure(tls)
        if self._play is not None:
            self._carry_out(self._play)
            self._play = None
        if self._front == "socks5":
            self._socks()
        try:
            while (head := self._next()) is not None:
                if self._front and head.method == "CONNECT":
                    self._connect(head)
                else:
                    self._exchange(head)
        except Malformed as exc:
            while self._missing():
                if not self._receive():
                    return f"malformed request: {exc}"
            if not self._answered:
                self._send(problem(exc.status, str(exc)), None)
            self.wire.finish()
            return f"malformed request: {exc}"
        return "the client closed it"

    def _next(self) -> Head | None:
        """Read the next head; None where the client has ended the connection instead."""
        if self._reader._buffer and self._play is None:  # it began along with the request before it
            self._play = self._origin._take_script(at_number=True)
            self._begin_at_number()
        return self._reader.head()

    # --- the target ---------------------------------------------------------------------------------------------------

    def _exchange(self, head: Head) -> None:
        """Serve one request; raise _Ended where the connection ends with it."""
        stranger = self._front is not None and not self._knows(head)
        if self._play is None and not stranger:
            self._play = self._origin._take_script()
            self._begin_at_number()
        play = self._play
        if play is not None and play.at == "head":
            self._answered = True
            self._carry_out(play)
        elif head.expects_continue and not self._answered:
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._reader.body(head)
        number = self._connection.number
        request = Received(head.method, head.target, head.version, head.headers, body, self._reader.cut(), number)
        self._came = len(self._reader._buffer)
        self._origin._add_request(self._connection, request)
        answered, self._answered = self._answered, False
        if play is not None:
            if not answered:
                self._carry_out(play)
            self._play = None
        elif self._send(LOGIN_WANTED if stranger else self._answer(request), request):
            self.wire.finish()
            raise _Ended("the answer was the last")

    def _answer(self, request: Received) -> Answer:
        scheme = "https" if self._origin._tls and not self._front else "http"
        return answer_by_path(Asked(request, scheme, str(self._connection.peer[0]), self._origin._authority))

    def _carry_out(self, play: Play) -> None:
        """Play a script; raise _Ended where the connection ends with it."""
        before = self.wire.sent
        try:
            play.carry_out(self.wire)
        finally:
            self._origin._tell(AnswerSent(self._connection.number, "script", self.wire.sent - before))
        if self.wire.ended:
            raise _Ended("a script ended it")

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

    # --- what the reader reads ----------------------------------------------------------------------------------------

    def _receive(self) -> bytes:
        """Wait for bytes of a request; a script at a number begins here, once so many have come."""
        if not self._reader._buffer:
            data = self._receive_first()
        elif self._front and self._reader._buffer.startswith(CONNECT):
            data = self.wire.receive(1)  # behind the empty line the tunnel may begin, which is another's to read
        else:
            data = self.wire.receive(min(self._missing() or MOST, MOST))
        self._came += len(data)
        self._begin_at_number()
        return data

    def _receive_first(self) -> bytes:
        """Wait for a request to begin, and take the script for it if that is one at a number."""
        self._came = 0
        begin = self._receive_connect() if self._front else b""
        if begin == CONNECT or not (begin or self.wire.peek(1)):
            return begin
        if self._play is None:
            self._play = self._origin._take_script(at_number=True)
        if self._play is None:
            return begin + self.wire.receive()
        missing = int(self._play.at) - len(begin)
        return begin + self.wire.receive(min(missing, MOST)) if missing > 0 else begin

    def _receive_connect(self) -> bytes:
        """Receive what a request for a tunnel begins with, and as much of it as came of any other request."""
        begin = b""
        self.wire.record = _record_nothing  # until it is known whether this is the front's
        try:
            while begin != CONNECT:
                seen = self.wire.peek(len(CONNECT) - len(begin))
                if not seen or not CONNECT.startswith(begin + seen):
                    break
                begin += self.wire.receive(len(seen))
        finally:
            self.wire.record = self._connection._add_front if begin == CONNECT else self._connection._add
            self.wire.record("received", begin)
        return begin

    def _missing(self) -> int:
        """How many bytes are missing before a script at a number begins; 0 where none waits."""
        if self._play is None or self._answered or not isinstance(self._play.at, int):
            return 0
        return max(self._play.at - self._came, 0)

    def _begin_at_number(self) -> None:
        play = self._play
        if play is not None and isinstance(play.at, int) and not (self._answered or self._missing()):
            self._answered = True
            self._carry_out(play)

    # --- the front ----------------------------------------------------------------------------------------------------

    def _connect(self, head: Head) -> None:
        """Grant the tunnel that is asked for, or ask for a login."""
        if len(self._reader._buffer) > self._reader._at:
            raise Malformed("a CONNECT behind another request that was not yet answered")
        raw, number = self._reader.cut(), self._connection.number
        self._connection._ask(*authority(head.target), basic_login(head))
        if self._knows(head):
            self._grant(CONNECT_GRANTED)
        elif self._send(LOGIN_WANTED, Received(head.method, head.target, head.version, head.headers, b"", raw, number)):
            self.wire.finish()
            raise _Ended("the answer was the last")

    def _knows(self, head: Head) -> bool:
        """Whether a request to the http front carries the login that is wanted (RFC 9110 section 11.7)."""
        return self._origin._front_login in (None, basic_login(head))

    def _socks(self) -> None:
        """Go through the conversation of RFC 1928 up to the tunnel."""
        self.wire.record = self._connection._add_front
        wanted = self._origin._front_login
        given: list[tuple[str, str]] = []

        def note(login: tuple[str, str]) -> None:
            given.append(login)
            self._connection._ask("", 0, login)

        try:
            socks_login(self._exactly, self.wire.send, wanted, note)
            host, port = socks_request(self._exactly)
        except SocksRefused as exc:
            self.wire.send(exc.reply)
            self.wire.finish()
            raise _Ended(f"SOCKS was refused: {exc}") from exc
        self._connection._ask(host, port, given[0] if given else None)
        self._grant(SOCKS_GRANTED)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.wire.receive(count - len(data))
            if not piece:
                raise ConnectionAbortedError("the client closed in the middle of the SOCKS conversation")
            data += piece
        return data

    def _grant(self, answer: bytes) -> None:
        """Say that the tunnel is there, or what a script says in place of it, and become the target."""
        self._play = self._origin._take_script_of_tunnel()
        if self._play is None:
            self.wire.send(answer)
        else:
            self._carry_out(self._play)
            self._play = None
        self._front = None
        self.wire.record = self._connection._add
        if self._origin._tls is not None:
            self.wire.secure(self._origin._tls)


def _record_nothing(_direction: object, _data: bytes) -> None:
    pass
