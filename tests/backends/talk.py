"""A server whose every step a test writes, and the requests that talk to it.

The origin server of this package reads a request before it answers, or answers before it reads; here a server may do
both at once, stop in the middle, or wait for what a test lets it wait for.
"""

from __future__ import annotations

import contextlib
import functools
import re
import select
import socket
import ssl
import struct
import tempfile
import threading
import zlib
from pathlib import Path

import trustme

from intermodal.model.options import TLS, Options, Timeouts
from intermodal.model.request import Request

#: How long anything may take that is sure to come, in seconds; what takes half as long has not been waited for.
PATIENCE = 20.0

#: More than the buffers between two sockets of one machine hold.
HUGE = 30_000_000

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Talk:
    """One connection, as the server has it."""

    def __init__(self, sock, number):
        self.sock = sock
        #: Which connection this is, from 1.
        self.number = number
        #: The heads of its requests, and how many bytes came behind them.
        self.heads = []
        self.size = 0
        self.released = threading.Event()
        #: Set once nothing is done here any more.
        self.over = threading.Event()
        self._rest = b""

    def head(self):
        """Wait for a head and give it, empty line included; b"" where the client closes instead."""
        while b"\r\n\r\n" not in self._rest:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        assert re.match(rb"[A-Z]+ / HTTP/1\.1\r\n", head), f"no request: {head[:100]!r}"
        self.heads.append(head + b"\r\n\r\n")
        return self.heads[-1]

    def some(self, most=65536):
        """Wait for bytes behind the head and give some; b"" at the end."""
        if self._rest:
            data, self._rest = self._rest[:most], self._rest[most:]
        else:
            data = self.sock.recv(most)
        self.size += len(data)
        return data

    def pieces(self, size):
        """Wait for so many bytes, and give them as they come."""
        while size and (data := self.some(min(size, 65536))):
            size -= len(data)
            yield data

    def exactly(self, size):
        """Wait for so many bytes."""
        return b"".join(self.pieces(size))

    def body(self):
        """Read the body that the last head announces, chunked or not: its length and checksum; (0, 0) for none."""
        length = field(self.heads[-1], "Content-Length")
        chunked = field(self.heads[-1], "Transfer-Encoding") is not None
        return summed(self._chunks() if chunked else self.pieces(int(length or 0)))

    def _chunks(self):
        while size := int(self._line(), 16):
            yield from self.pieces(size)
            assert self._line() == b""
        assert self._line() == b""

    def _line(self):
        line = bytearray()
        while not line.endswith(b"\r\n"):
            byte = self.some(1)
            assert byte, "the client closed in the middle of its body"
            line += byte
        return bytes(line[:-2])

    def send(self, data):
        self.sock.sendall(data)

    def is_silent(self, seconds=0.05):
        """Whether nothing comes for so long."""
        return not self._rest and not select.select([self.sock], [], [], seconds)[0]

    def hold(self):
        """Do nothing, and read nothing, as long as the client may be there (see ``has_gone``)."""
        self.released.wait(2 * PATIENCE)
        self.read_on()

    def has_gone(self):
        """Whether the client has closed this connection; to see it, what is still on its way has to be read."""
        self.released.set()
        return self.over.wait(PATIENCE)

    def read_on(self):
        """Read until the client has gone."""
        with contextlib.suppress(OSError):
            while self.some():
                pass

    def end(self):
        """Say that no more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """End it at once."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Server:
    """Serves its first connections by the given steps, ``step(talk)`` for each, and all later ones with plain answers.

    What a step raises, but for the end of its connection, is raised at the end of the server's ``with``.
    """

    def __init__(self, *steps, tls=False):
        self._steps = steps
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Small buffers: what is not read is soon not taken.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._tls = server_context() if tls else None
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.talks = []
        self._came = threading.Condition()
        self._failures = []
        self._closing = threading.Event()
        self._sockets = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()
        if kind is None and self._failures:
            raise self._failures[0]

    def close(self):
        self._closing.set()
        for talk in self.talks:
            talk.released.set()
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def talk(self, number):
        """The connection of that number, once it is there."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.talks) >= number, PATIENCE), f"{len(self.talks)} connections"
            return self.talks[number - 1]

    def _accept(self):
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(sock)
            talk = Talk(sock, len(self.talks) + 1)
            with self._came:
                self.talks.append(talk)
                self._came.notify_all()
            thread = threading.Thread(target=self._serve, args=(talk,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, talk):
        try:
            if self._tls is not None:
                talk.sock = self._tls.wrap_socket(talk.sock, server_side=True)
                self._sockets.append(talk.sock)
            step = self._steps[talk.number - 1] if talk.number <= len(self._steps) else plainly
            step(talk)
        except OSError:  # the client has gone, or the test is over
            pass
        except BaseException as error:
            self._failures.append(error)
        finally:
            talk.over.set()
            with contextlib.suppress(OSError):
                talk.sock.close()


def plainly(talk):
    """Answer each request once all of it has come."""
    while talk.head():
        talk.body()
        talk.send(OK)


def field(head, name):
    """The value of a field in a head; None where it is not there."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        if line.lower().startswith(name.lower() + ":"):
            return line.partition(":")[2].strip()
    return None


def summed(pieces):
    """The length and the checksum of what comes in pieces."""
    length = checksum = 0
    for piece in pieces:
        length += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return length, checksum


# --- the client's side ------------------------------------------------------------------------------------------------


@functools.cache
def authority():
    return trustme.CA()


@functools.cache
def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    return context


@functools.cache
def _trusting():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def options(*, total=None, **bounds):
    """Options whose bounds only a hang runs into, unless they are given, and that trust these servers."""
    patient = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)
    return Options(Timeouts(**{**patient, **bounds}, total=total), tls=TLS(verify=_trusting()))


def send(transport, server, body=None, *, method="POST", headers=(), **bounds):
    """Send one request to a server of this module."""
    return transport.send(Request(method, f"{server.url}/", headers, body), options(**bounds))


def goes_on(transport, server):
    """Send an ordinary request: the number of the connection that it took."""
    with send(transport, server, method="GET", headers={"X-Goes": "on"}) as response:
        assert (response.status_code, response.content) == (200, b"ok")
    (took,) = [talk.number for talk in server.talks if b"\r\nX-Goes: on\r\n" in b"".join(talk.heads[-1:])]
    return took


class Generated:
    """A body in pieces, of which it is known how many were asked for and whether that has come to an end."""

    def __init__(self, size=HUGE, piece=b"g" * 65536, between=lambda number: None):
        self.taken = 0
        self.closed = threading.Event()
        self._pieces = self._made(size, piece, between)

    def _made(self, size, piece, between):
        try:
            while size > 0:
                between(self.taken)
                self.taken += 1
                yield piece[:size]
                size -= len(piece)
        finally:
            self.closed.set()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._pieces)

    def close(self):
        self._pieces.close()


@contextlib.contextmanager
def stored(data):
    """A file on disk with such data, open to be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "body")
        path.write_bytes(data)
        with path.open("rb") as file:
            yield file


BODIES = ("bytes", "generator", "file")


@contextlib.contextmanager
def body_of(kind, size=HUGE):
    """A body of such a kind and size."""
    if kind == "generator":
        yield Generated(size)
    elif kind == "file":
        with stored(b"g" * size) as file:
            yield file
    else:
        yield b"g" * size


def sum_of(size):
    """The length and the checksum of such a body."""
    return size, zlib.crc32(b"g" * size)
