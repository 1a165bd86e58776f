"""Server-sent events, as the WHATWG's HTML standard has them (section 9.2, "Server-sent events").

Laws: an event is what an empty line ends; one that the end of the stream cuts off is none. Lines end with LF, CR LF or CR.
What is not UTF-8 is replaced. A stream that never ends a line or an event is an error, so that memory stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

from intermodal.errors import ResponseError
from intermodal.model.reading import Lines

#: The largest event, in bytes: far more than any but one that never ends.
LIMIT = 16 * 1024 * 1024

#: The most digits of a reconnection time that is believed: 30 years, in milliseconds.
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        data: its lines, joined by LF.
        event: its type.
        id: the last one that the stream has told, with this event or before: what ``Last-Event-ID`` is to say where the
            stream is asked for again.
        retry: how long to wait before that, in milliseconds, as the stream told last; None where it has not.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None


class EventStream:
    r"""Makes events of bytes; a stage of :mod:`intermodal.model.reading`.

    >>> stream = EventStream()
    >>> stream.put(b"event: add\ndata: 1\r\ndata:2\n"), stream.put(b"\n")
    ([], [ServerSentEvent(data='1\n2', event='add', id='', retry=None)])
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._lines = Lines(b"", limit=limit)
        self._limit = limit
        self._first = True
        self._data: list[str] = []
        self._size = 0
        self._type = ""
        self._id = ""
        self._retry: int | None = None

    def put(self, piece: bytes, /) -> list[ServerSentEvent]:
        """Take a piece in, and give the events that have ended."""
        events = []
        for line in self._lines.put(piece):
            event = self._take(line)
            if event is not None:
                events.append(event)
        return events

    def rest(self) -> tuple[()]:
        """Give nothing: an event that was not ended is none."""
        return ()

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(line)
            if self._size > self._limit:
                raise ResponseError(f"an event of the stream is larger than {self._limit} bytes, the limit set for it")
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
            self._retry = int(value)
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, kind = self._data, self._type
        self._data, self._size, self._type = [], 0, ""
        return ServerSentEvent("\n".join(data), kind or "message", self._id, self._retry) if data else None
