"""What a caller reads of an exchange: the body of its response, or the connection after a 101."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from intermodal.errors import Disconnected, Error, ResponseError
from intermodal.model.bodies import WholeBody, read_on

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange
    from intermodal.model.headers import Headers

A = TypeVar("A")
R = TypeVar("R", bytes, int, bool)

#: How an exchange ended: its body was read to the end or failed, it was closed before, or left to the garbage collector.
Ending = Literal["read", "closed", "collected"]
Finish = Callable[[bool, Ending], None]

#: How much is asked of the socket at once.
RECEIVE = 65536


class ExchangeBody:
    """The undecoded body, read from the exchange; gives the connection back at its end."""

    __slots__ = ("_direct", "_exchange", "_failure", "_finish", "_lock", "_read", "waiting")

    def __init__(
        self, exchange: Exchange, finish: Finish, waiting: set[Exchange], read: Callable[[int], bytes] | None = None
    ) -> None:
        self._exchange = exchange
        self._read = read or exchange.read
        self._direct = read is None
        self._finish: Finish | None = finish
        self._failure: Exception | None = None
        #: The exchanges that a thread waits on; this one while it is read.
        self.waiting = waiting
        #: Held to give the connection up, or to end it under another thread: not both.
        self._lock = threading.RLock()

    def read(self, n: int, /) -> bytes:
        return self._attempt(self._read, n, b"")

    def fill(self, n: int, /) -> bytes:
        return self._attempt(self._exchange.fill if self._direct else self._read, n, b"")

    def readinto(self, buffer: memoryview, /) -> int:
        if self._direct:
            return self._attempt(self._exchange.read_into, buffer, 0)
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _attempt(self, step: Callable[[A], R], argument: A, nothing: R) -> R:
        exchange, waiting = self._exchange, self.waiting
        with self._lock:
            if self._finish is None:
                if self._failure is not None:
                    raise self._failure
                return nothing
            if exchange.stream is not None and not exchange.stream.is_own:
                raise ResponseError(
                    "this response is the parent process's: what a child read of it the parent would miss"
                )
            waiting.add(exchange)
        try:
            result = step(argument)
            if not result:
                exchange.end_upload()
        except Exception as error:  # noqa: BLE001 - fail() raises it again
            try:
                exchange.fail(error)
            except Error as failure:
                self._failure = failure
                raise
            finally:
                self.end()
        except BaseException:
            self.end()
            raise
        finally:
            waiting.discard(exchange)
        if not result or (self._direct and exchange.done):  # a library may hold bytes back for the next call
            self.end()
        return result

    def gathered(self) -> WholeBody:
        """Take all of a body that was received already: its connection need not wait for whoever reads it."""
        pieces = []
        while piece := self.read(RECEIVE):
            pieces.append(piece)
        return WholeBody(b"".join(pieces), 0, self.trailers)

    @property
    def trailers(self) -> Headers | None:
        return self._exchange.reader.trailers

    def drain(self, limit: int, seconds: float) -> bytes | None:
        """Read on for the connection's sake, so many bytes and seconds at most; a failure concerns nobody any more.

        What was read is given if it is all there was.
        """
        self._exchange.deadline = self._exchange.deadline.sooner(time.monotonic() + seconds)
        return read_on(self.read, limit)

    def end(self, how: Ending = "read") -> None:
        """Give the connection up, once; it serves again only where nothing is left on it."""
        with self._lock:
            finish, self._finish = self._finish, None
        if finish is None:
            return
        exchange, reusable = self._exchange, False
        try:
            if exchange.upload is not None:
                exchange.upload.leave()
            reusable = self._failure is None and exchange.reusable
            if how == "read" and self._failure is None:
                exchange.ended_at = time.monotonic()
            if reusable and exchange.stream is not None:
                exchange.stream.served += 1
                reusable = exchange.stream.is_own
        finally:
            finish(reusable, how)

    def close(self) -> None:
        with self._lock:
            if self._finish is not None and self._exchange in self.waiting:
                self._exchange.interrupt()  # another thread is reading: it is told, and gives the connection up
                return
            if self._finish is not None and not self._is_read():
                self._exchange.interrupted = True  # for a thread that begins to read just now
                self._failure = ResponseError(
                    "the response was closed before its body was read to the end", request=self._exchange.request
                )
        self.end("closed")

    def _is_read(self) -> bool:
        """Whether nothing is left; what a library has read, and its caller has not, is left."""
        if self._direct or not self._exchange.reader.done:
            return self._exchange.reader.done
        try:
            return not self._read(1)
        except Exception:  # noqa: BLE001 - whoever closes wants no more of it
            return False

    def __del__(self) -> None:
        if self._finish is not None:
            self._failure = ResponseError("the response was left to the garbage collector")
            self.end("collected")


class Upgraded:
    """The connection after a 101, its first bytes included; closing it closes the connection."""

    def __init__(self, exchange: Exchange, body: ExchangeBody) -> None:
        self._exchange = exchange
        self._body = body
        self._first = exchange.reader.rest()

    def recv(self, n: int, /) -> bytes:
        if self._first:
            data, self._first = self._first[:n], self._first[n:]
            return data
        return self._wait(self._exchange.receive_bytes, n)

    def sendall(self, data: bytes, /) -> None:
        if not self._wait(self._exchange.write, data):
            self._exchange.fail(Disconnected("the peer takes no more"))

    def _wait(self, step: Callable[[A], R], argument: A) -> R:
        """Do what may be ended by another thread; after a timeout the connection is as it was."""
        exchange, waiting = self._exchange, self._body.waiting
        waiting.add(exchange)
        try:
            return step(argument)
        except Error as error:
            if exchange.interrupted:
                self._body.end()
            exchange.fail(error)
        finally:
            waiting.discard(exchange)

    def close(self) -> None:
        self._body.close()
