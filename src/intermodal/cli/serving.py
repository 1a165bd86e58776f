"""The command ``serve``: an origin in the foreground that prints what it receives.

What is printed is exactly what was received, byte for byte, and can do no harm to a terminal: CR, LF and whatever is
not printable ASCII is escaped as in a Python string. Only bodies are shortened, and say how long they are.
"""

from __future__ import annotations

import contextlib
import signal
import ssl
import threading
import time
from typing import TYPE_CHECKING

import click

from intermodal.model.host import authority
from intermodal.testing.origin import (
    AnswerSent,
    Connection,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    Origin,
    RequestReceived,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How much of a body is shown, in bytes.
_BODY = 512


def server_context(cert: str, key: str) -> ssl.SSLContext:
    """Make the server's side of TLS; a certificate that cannot be used ends the command."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise click.ClickException(f"the certificate {cert} with the key {key} cannot be used: {error}") from error
    return context


def serve(host: str, port: int, tls: ssl.SSLContext | None, *, quiet: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell script's background job ignores it
        signal.signal(number, signal.default_int_handler)
    printer = _Printer()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            origin = printer.watch(host, port, tls, quiet=quiet)
        except OSError as error:
            raise click.ClickException(f"cannot listen at {host} port {port}: {error.strerror or error}") from error
        with origin:
            click.echo(f"listening on {origin.url}")
            while printer.failure is None:
                time.sleep(0.2)
    if printer.failure is not None:
        raise printer.failure


class _Printer:
    """Prints the events of an origin, one at a time; the connection they are about waits meanwhile."""

    def __init__(self) -> None:
        self.failure: OSError | None = None
        self._lock = threading.Lock()
        self._open: dict[int, _Shown] = {}

    def watch(self, host: str, port: int, tls: ssl.SSLContext | None, *, quiet: bool) -> Origin:
        """Start an origin whose events are printed."""
        with self._lock:  # the first event waits until the origin is known
            self._origin = Origin(host=host, port=port, tls=tls, observer=self._forget if quiet else self._print)
        return self._origin

    def _forget(self, event: Event) -> None:
        if isinstance(event, ConnectionClosed):
            with self._lock:
                self._origin.reset_records()  # what is over would be kept for ever

    def _print(self, event: Event) -> None:
        with self._lock:
            if self.failure is not None:
                return
            try:
                for line in self._lines(event):
                    click.echo(line)
            except OSError as error:  # whoever read this has gone
                self.failure = error
        self._forget(event)

    def _lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, ConnectionOpened):
            record = next(each for each in self._origin.connections if each.number == event.number)
            self._open[event.number] = _Shown(record)
            yield f"#{event.number} {authority(*event.peer[:2])} connected"
        elif isinstance(event, RequestReceived):
            raw = event.request.raw
            self._open[event.request.connection].add(raw)
            yield from (f"#{event.request.connection} > {line}" for line in readable(raw))
        elif isinstance(event, AnswerSent):
            if not self._open[event.number].asked:  # it could not be read, and is answered by 400
                yield from self._rest(event.number)
            self._open[event.number].asked = False
            yield f"#{event.number} < {event.status}, {event.size:,} bytes"
        else:
            if event.number in self._open:
                yield from self._rest(event.number)
                del self._open[event.number]
            yield f"#{event.number} closed: {event.why}"

    def _rest(self, number: int) -> Iterator[str]:
        rest = self._open[number].rest()
        if rest:
            yield f"#{number} > {len(rest):,} bytes that are no whole request:"
            yield from (f"#{number} > {line}" for line in readable(rest))


class _Shown:
    """How much of what a connection received has been shown."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._size = 0
        self._last = b""
        self.asked = False

    def add(self, raw: bytes) -> None:
        """Note that a whole request was shown."""
        self._size += len(raw)
        self._last = raw
        self.asked = True

    def rest(self) -> bytes:
        """Give what came after that, once."""
        received = self._connection.received
        # Empty lines before a request are no part of it: it stands there, or a little later.
        start = received.find(self._last, self._size - len(self._last)) + len(self._last)
        self._size, self._last = len(received), b""
        return received[start:]


def readable(data: bytes) -> Iterator[str]:
    r"""Give lines that show a message: everything but printable ASCII escaped, its body shortened.

    >>> print("\n".join(readable(b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n")))
    GET /\xe9 HTTP/1.1\r\n
    Host: x\r\n
    \r\n
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:  # not a whole head: there is no telling what it is
        head, body = b"", data
    yield from _escaped(head + blank)
    yield from _escaped(body[:_BODY])
    if len(body) > _BODY:
        yield f"... {len(body):,} bytes in all"


def _escaped(data: bytes) -> Iterator[str]:
    for line in data.splitlines(keepends=True):
        yield line.decode("latin-1").encode("unicode_escape").decode("ascii")
