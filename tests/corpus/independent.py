"""Two readers of HTTP/1.1 that share no code with this package, h11 and llhttp (by httptools), over the rows of the corpus.

Each is given the whole script as a client that sent the row's request, then the end that the row has, and nothing in
its configuration is made more lenient than it comes. ``differences`` says in words where a reader and the canonical
outcome differ; ``listed`` reads the same words back from ``independent.md``, where each stands under the rule that
decides.
"""

from __future__ import annotations

import contextlib
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
    """Read a row by h11, its limit for what is incomplete set to ours for a head (it comes with a quarter of that)."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=65536)
    headers = [(name.encode(), value.encode()) for name, value in row.headers]
    connection.send(h11.Request(method=row.method.encode(), target=b"/", headers=headers))
    connection.send(h11.EndOfMessage())
    reading = Reading()
    try:
        complete = _h11_receives(connection, row.script, reading) if row.script else False
    except h11.RemoteProtocolError:
        reading.fault = "malformed"
        return reading
    if not complete and row.then == "fin":
        with contextlib.suppress(h11.RemoteProtocolError):
            complete = _h11_receives(connection, b"", reading)
    if not complete:
        reading.fault = _unfinished(row)
        return reading
    idle = connection.our_state is h11.DONE and connection.their_state is h11.DONE
    reading.reusable = idle and row.then == "keep" and connection.trailing_data == (b"", False)
    return reading


def _h11_receives(connection, data, reading):
    """Take in what the data mean; whether the message is complete."""
    connection.receive_data(data)
    while (event := connection.next_event()) is not h11.NEED_DATA:
        if isinstance(event, h11.InformationalResponse) and event.status_code != 101:
            reading.informational += 1
        elif isinstance(event, h11.InformationalResponse | h11.Response):
            reading.status = event.status_code
            reading.version = f"HTTP/{event.http_version.decode()}"
            reading.reason = bytes(event.reason).decode("latin-1")
            reading.headers = _decoded(event.headers.raw_items())
            if event.status_code == 101:
                reading.trailers = []
                return True  # the connection is another protocol's now
        elif isinstance(event, h11.Data):
            reading.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            reading.trailers = _decoded(event.headers.raw_items())
            return True
        else:
            raise AssertionError(f"h11 gave {event!r}")
    return False


# --- httptools --------------------------------------------------------------------------------------------------------


class _Listener:
    """Collects what llhttp calls back with, up to the end of the first final message."""

    def __init__(self):
        self.reading = Reading()
        self.parser = httptools.HttpResponseParser(self)
        self.complete = False
        self.final = False
        self.keep_alive = False
        self.on_message_begin()

    def on_message_begin(self):
        self.reason = b""
        self.fields = []
        self.trailers = []
        self.head_read = False

    def on_status(self, text):
        self.reason += text

    def on_header(self, name, value):
        (self.trailers if self.head_read else self.fields).append((name, value))

    def on_headers_complete(self):
        self.head_read = True
        status = self.parser.get_status_code()
        if self.complete or (100 <= status < 200 and status != 101):
            return
        self.final = True
        self.reading.status = status
        self.reading.version = f"HTTP/{self.parser.get_http_version()}"
        self.reading.reason = self.reason.decode("latin-1")
        self.reading.headers = _decoded(self.fields)

    def on_body(self, data):
        if not self.complete:
            self.reading.body += data

    def on_message_complete(self):
        if self.complete:
            self.keep_alive = False  # a second answer to one request
        elif not self.final:
            self.reading.informational += 1
        else:
            self.complete = True
            self.keep_alive = self.parser.should_keep_alive()
            self.reading.trailers = _decoded(self.trailers)


def read_by_httptools(row):
    """Read a row by llhttp as httptools has it: it cannot be told of the request, nor of the connection's end."""
    listener = _Listener()
    reading = listener.reading
    try:
        if row.script:
            listener.parser.feed_data(row.script)
    except httptools.HttpParserUpgrade:
        listener.keep_alive = False
    except httptools.HttpParserError:
        if not listener.complete:
            reading.fault = "malformed"
            return reading
        listener.keep_alive = False
    if listener.complete:
        reading.reusable = listener.keep_alive and row.then == "keep"
    elif row.then == "fin" and listener.final and _until_close(reading.headers):
        reading.trailers = []
    else:
        reading.fault = _unfinished(row)
    return reading


def _until_close(headers):
    """llhttp_message_needs_eof, which httptools does not show: neither chunked at the end nor of a given length."""
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


def _short(value):
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:70]}... ({len(text)} characters)"


_ENTRY = re.compile(r"- (\w+) `([^`]+)`: `([^`]+)`")


@dataclass
class Section:
    """One reason for differences, with the rows it explains: ``(reader, row name)`` and the difference."""

    title: str
    text: str
    entries: list[tuple[tuple[str, str], str]]


def listed():
    """The sections of the table, in order."""
    sections = []
    for part in TABLE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        lines = text.splitlines()
        prose = "\n".join(line for line in lines if not line.startswith("- "))
        entries = [((entry[1], entry[2]), entry[3]) for entry in map(_ENTRY.fullmatch, lines) if entry]
        sections.append(Section(title, prose, entries))
    return sections
