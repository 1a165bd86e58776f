"""Two readers of HTTP/1.1 that share no code with this package, h11 and llhttp (by httptools), over the rows of the corpus.

Each is given the whole script as a client that sent the row's request, then the end that the row has, and nothing in
its configuration is made more lenient than it comes. ``differences`` says in words where a reader and the canonical
outcome differ; ``listed`` reads the same words back from ``independent.md``, where each stands under the rule that
decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import h11
import httptools
from corpus_player import expected

TABLE = Path(__file__).with_name("independent.md")


@dataclass
class Reading:
    """What a reader made of a row."""

    status: int | None = None
    version: str | None = None
    reason: str | None = None
    headers: list | None = None
    informational: int = 0
    body: bytes = b""
    trailers: list | None = None
    fault: str | None = None  # "malformed" | "cut off" | "reset" | "timeout"
    reusable: bool = False


# --- h11 --------------------------------------------------------------------------------------------------------------


def read_by_h11(row):
    """Read a row by h11, its limit for a head set to ours (it comes with a quarter of that)."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=65536)
    headers = [(name.encode(), value.encode()) for name, value in row.headers]
    connection.send(h11.Request(method=row.method.encode(), target=b"/", headers=headers))
    connection.send(h11.EndOfMessage())
    reading = Reading()
    try:
        connection.receive_data(row.script)
        complete = _h11_events(connection, reading)
        if not complete and row.then == "fin":
            connection.receive_data(b"")
            complete = _h11_events(connection, reading)
    except h11.RemoteProtocolError as error:
        # One class says both, so its words are needed; "Server disconnected" is httpcore's, not h11's.
        cut_off = "peer closed connection" in str(error) or "peer unexpectedly closed" in str(error)
        reading.fault = "cut off" if cut_off else "malformed"
        return reading
    if not complete:
        reading.fault = _unfinished(row)
        return reading
    idle = connection.our_state is h11.DONE and connection.their_state is h11.DONE
    reading.reusable = idle and connection.trailing_data == (b"", False)
    return reading


def _h11_events(connection, reading):
    """Take in all events there are; whether the message is complete."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.InformationalResponse):
            reading.informational += 1
            if event.status_code == 101:
                _h11_head(event, reading)
        elif isinstance(event, h11.Response):
            _h11_head(event, reading)
        elif isinstance(event, h11.Data):
            reading.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            reading.trailers = _decoded(event.headers.raw_items())
            return True
        elif event is h11.PAUSED:
            return True  # a 101: the connection is another protocol's now
        elif isinstance(event, h11.ConnectionClosed):
            return False
        else:
            return False  # NEED_DATA


def _h11_head(event, reading):
    reading.status = event.status_code
    reading.version = f"HTTP/{event.http_version.decode()}"
    reading.reason = bytes(event.reason).decode("latin-1")
    reading.headers = _decoded(event.headers.raw_items())


# --- httptools --------------------------------------------------------------------------------------------------------


class _Listener:
    """Collects what llhttp calls back with, up to the end of the first final message."""

    def __init__(self):
        self.reading = Reading()
        self.parser = httptools.HttpResponseParser(self)
        self.complete = False
        self.excess = False
        self.keep_alive = False
        self._begin()

    def _begin(self):
        self.reason = b""
        self.fields = []
        self.trailers = []
        self.in_body = False

    def on_message_begin(self):
        self.excess = self.excess or self.complete
        self._begin()

    def on_status(self, text):
        self.reason += text

    def on_header(self, name, value):
        (self.trailers if self.in_body else self.fields).append((name, value))

    def on_headers_complete(self):
        self.in_body = True
        status = self.parser.get_status_code()
        if self.complete or (status < 200 and status != 101):
            return
        reading = self.reading
        reading.status = status
        reading.version = f"HTTP/{self.parser.get_http_version()}"
        reading.reason = self.reason.decode("latin-1")
        reading.headers = _decoded(self.fields)

    def on_body(self, data):
        if not self.complete:
            self.reading.body += data

    def on_message_complete(self):
        if self.complete:
            return
        if self.reading.status is None:
            self.reading.informational += 1
            return
        self.complete = True
        self.keep_alive = self.parser.should_keep_alive()
        self.reading.trailers = _decoded(self.trailers)


def read_by_httptools(row):
    """Read a row by llhttp as httptools has it: it cannot be told the method, and is not told of the connection's end."""
    listener = _Listener()
    reading = listener.reading
    if row.script:
        try:
            listener.parser.feed_data(row.script)
        except httptools.HttpParserUpgrade:
            listener.complete = True
            listener.excess = True
        except httptools.HttpParserError:
            if not listener.complete:
                reading.fault = "malformed"
                return reading
            listener.excess = True
    if listener.complete:
        ended = row.then == "fin"
        reading.reusable = listener.keep_alive and not listener.excess and not ended
        return reading
    if row.then == "fin" and listener.in_body and reading.status is not None and _until_close(reading.headers):
        reading.trailers = []
        return reading
    reading.fault = _unfinished(row)
    return reading


def _until_close(headers):
    """llhttp_message_needs_eof, which httptools does not show: neither chunked nor of a given length."""
    codings = [value.lower() for name, value in headers if name.lower() == "transfer-encoding"]
    if codings:
        return codings[-1].rpartition(",")[2].strip() != "chunked"
    return not any(name.lower() == "content-length" for name, _ in headers)


READERS = {"h11": read_by_h11, "httptools": read_by_httptools}


# --- compared ---------------------------------------------------------------------------------------------------------


def _decoded(pairs):
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in pairs]


def _unfinished(row):
    return {"fin": "cut off", "rst": "reset", "keep": "timeout"}[row.then]


_FAULTS = {
    "NoResponse": "cut off",
    "Truncated": "cut off",
    "Malformed": "malformed",
    "HeadTooLarge": "malformed",
    "Reset": "reset",
    "ReadTimeout": "timeout",
}


def canonical(row):
    """The canonical outcome as a Reading."""
    expect = expected(row)
    if expect["error"]:
        fault = _FAULTS[row.expect["error"]]
        return Reading(status=expect["status"], body=expect["body"], fault=fault)
    return Reading(
        expect["status"],
        expect["version"],
        expect["reason"],
        list(expect["headers"]),
        expect["informational"],
        expect["body"],
        list(expect["trailers"]),
        None,
        row.expect["connections"] == 1,
    )


def differences(row, reader):
    """What a reader has otherwise than the canonical outcome: field by field, ``ours -> theirs``; "" for nothing."""
    ours, theirs = canonical(row), READERS[reader](row)
    if ours.fault != theirs.fault or ours.fault is not None:
        # Of a message that failed, what was told before is compared; never its trailers or reuse.
        fields = ("fault", "status", "body")
    else:
        fields = ("status", "version", "reason", "headers", "informational", "body", "trailers", "reusable")
    pairs = [(name, getattr(ours, name), getattr(theirs, name)) for name in fields]
    return "; ".join(f"{name} {_short(one)} -> {_short(other)}" for name, one, other in pairs if one != other)
