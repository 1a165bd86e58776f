"""The body of a request on its way out, with an eye on what comes in.

The server may answer before it has the whole body (RFC 9112 section 9.5), and it may read on only as its answer is
read: so while the body is sent, what comes is taken in. An answer from 300 on says that the rest is not wanted, and it
stays here. Behind any other the rest goes out while the body of the answer is read: neither side waits for the other.
"""

from __future__ import annotations

import contextlib
import errno
import time
from typing import TYPE_CHECKING

from intermodal.errors import ProtocolError, RequestBodyError, TransportError
from intermodal.model.body import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.blocking.exchange import Exchange

#: The system cannot send this file by itself; where reading it fails too, that says why.
_CANNOT_SEND_FILES = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW, errno.EIO, errno.EBADF})

#: How long a server that has answered may take nothing of what it did not wait for, in seconds.
LINGER = 1.0


class Upload:
    """The encoded pieces of one body, until the last is sent or no more is wanted.

    Args:
        exchange: whose body it is; its ``upload`` is this as long as there is something to send.
        pieces: what is to be sent; a part of a file is sent by the system.
        rest: what goes before them.
    """

    def __init__(
        self, exchange: Exchange, pieces: Iterator[bytes | FileSpan], rest: bytes | memoryview | FileSpan | None = None
    ) -> None:
        self._exchange = exchange
        self._pieces = pieces
        self._rest = rest
        exchange.upload = self

    def until_answered(self) -> None:
        """Send all, or as much as the server takes before it has answered.

        Raises:
            RequestBodyError, WriteTimeout, TotalTimeout, TLSError, ConnectionError, ProtocolError.
        """
        exchange = self._exchange
        try:
            while exchange.upload is self and not self.answered():
                self.more(exchange.options.timeouts.write)
        except BaseException:
            self.leave()
            raise

    def piece(self) -> bool:
        """Send the rest alone, for a library that encodes the pieces; False where it is to send no more of them."""
        exchange = self._exchange
        try:
            while self._rest and exchange.upload is self:
                if self.answered():
                    return False
                self.more(exchange.options.timeouts.write)
        except BaseException:
            self.leave()
            raise
        if exchange.upload is not self:
            return False
        exchange.upload = None
        return True

    def answered(self) -> bool:
        """Whether the head of a final response came while the body was being sent."""
        exchange = self._exchange
        if not exchange.began:
            return False
        exchange.phase = "head"
        head = exchange.reader.head()
        exchange.phase = "send"
        if head is None:
            return False
        if head.status_code == 101:
            raise ProtocolError(
                "101 Switching Protocols before the request was sent to its end (RFC 9110 section 15.2.2)"
            )
        exchange.intact = False  # whatever becomes of the body: a library that sends it may not know of its end
        if head.status_code >= 300:
            self.leave()
        return True

    def more(self, seconds: float | None) -> None:
        """Send one piece, or a part of it; or take in what has come, if that is what the server has done."""
        exchange = self._exchange
        stream = exchange.stream
        assert stream is not None
        rest = self._rest or next(self._pieces, None)  # what is left of a piece may be nothing
        if rest is None:
            exchange.upload = None
            exchange.sent_at = time.monotonic()
            return
        self._rest = rest
        try:
            if isinstance(rest, FileSpan):
                taken = stream.offer_file(rest, exchange.wait(seconds))
            else:
                taken = stream.offer(rest, exchange.wait(seconds))
        except Exception as error:
            if isinstance(error, TimeoutError) and exchange.phase == "body":
                exchange.not_received(error)
            if isinstance(rest, FileSpan) and rest.file.closed:
                raise RequestBodyError("the file that is the request body was closed while it was sent") from error
            if isinstance(rest, FileSpan) and isinstance(error, OSError) and error.errno in _CANNOT_SEND_FILES:
                self._pieces, self._rest = rest.pieces(), None
            elif not exchange.not_taken(error):
                self.leave()
            return
        if taken < 0:
            raise RequestBodyError("the file that is the request body ended before the bytes it was said to have")
        if taken:
            exchange.wrote = True
            exchange.sent += taken
            self._rest = rest.after(taken) if isinstance(rest, FileSpan) else memoryview(rest)[taken:]
        elif exchange.answer_is_whole:
            self.leave()  # it speaks again, or is gone
        else:
            self._take_in()

    def _take_in(self) -> None:
        """Take in what the server has sent meanwhile; where that is the end of the connection, send no more."""
        exchange = self._exchange
        data = exchange.receive_now()
        if data is not None:
            exchange.reader.receive(data)
            if not data:
                self.leave()

    def to_the_end(self) -> None:
        """Send what is left now that the answer is whole, if the server takes it; if not, the answer is whole all the same."""
        exchange = self._exchange
        with contextlib.suppress(TransportError):
            while exchange.upload is self and exchange.reader.stays_open:
                self.more(LINGER)
        self.leave()

    def leave(self) -> None:
        """Send no more, and let go of the body."""
        exchange = self._exchange
        self._rest = None
        exchange.upload = None
        exchange.intact = False
        for pieces in (self._pieces, exchange.pieces):
            close = getattr(pieces, "close", None)
            if close is not None:
                with contextlib.suppress(Exception):  # of a body that nobody asks for any more
                    close()
