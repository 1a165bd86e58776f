"""The server for what nginx cannot do: throw an upload away, answer after a while, and hold bodies back until told.

    python -m bench.side_server CHECKSUM

nginx, as it comes, keeps a large body in a file before it answers, or answers before it has read it; both would be measured
instead of the client. This one reads into one buffer over and over; each connection has a thread. It understands just what
the contestants send.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import zlib
from collections import defaultdict
from typing import TypeVar

from bench.bodies import LARGE, SMALL

T = TypeVar("T")

DELAY = 0.02
PATIENCE = 60.0
BUFFER = 2**20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(SMALL)
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

#: What /held/WORD waits for and /release/WORD sets.
RELEASED: defaultdict[bytes, threading.Event] = defaultdict(threading.Event)
NAMING = threading.Lock()


class Served:
    """One connection."""

    def __init__(self, peer: socket.socket, checksum: int) -> None:
        self._peer, self._checksum = peer, checksum
        self._buffer = bytearray()  # made for the first upload, since most connections see none
        self._summed = False  # the first large upload is; later ones are counted

    def run(self) -> None:
        """Answer until the client has closed."""
        with self._peer, contextlib.suppress(ConnectionError):
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    data += _some(self._peer.recv(65536))
                head, _, data = data.partition(b"\r\n\r\n")
                data = self._answer(head.lower(), data)

    def _answer(self, head: bytes, data: bytes) -> bytes:
        """Answer one request; the bytes that came after it."""
        method, target, _ = head.split(b" ", 2)
        if method == b"put":
            return self._take(head, data, small=target.endswith(b"/small"))
        place, _, word = target.rpartition(b"/")
        with NAMING:
            released = RELEASED[word]
        if place == b"/held":
            self._peer.sendall(HEAD)
            released.wait(PATIENCE)
            self._peer.sendall(SMALL)
            return data
        if place == b"/release":
            released.set()
        else:
            time.sleep(DELAY)
        self._peer.sendall(HEAD + SMALL)
        return data

    def _take(self, head: bytes, data: bytes, *, small: bool) -> bytes:
        """Read an upload; the bytes after it."""
        self._buffer = self._buffer or bytearray(BUFFER)
        if b"100-continue" in head:
            self._peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if b"\r\ntransfer-encoding:" in head:
            right = self._count_chunks(data) == LARGE or small
        else:
            length = int(head.partition(b"\r\ncontent-length:")[2].split(None, 1)[0])
            right = self._sum(data, length) and (small or length == LARGE)
        if not right:
            self._peer.sendall(REFUSAL)
            raise ConnectionError("another body was to come")
        self._peer.sendall(HEAD + SMALL)
        return b""  # none of the contestants sends a request before it has an answer

    def _sum(self, data: bytes, length: int) -> bool:
        """Read a body of a known length; whether it is the one that should come, in so far as it is looked at."""
        summing = length == LARGE and not self._summed
        size, checksum, view = len(data), zlib.crc32(data), memoryview(self._buffer)
        while size < length:
            read = _some(self._peer.recv_into(self._buffer, min(BUFFER, length - size)))
            size += read
            if summing:
                checksum = zlib.crc32(view[:read], checksum)
        self._summed |= summing
        return not summing or checksum == self._checksum

    def _count_chunks(self, data: bytes) -> int:
        """Read a chunked body; its size."""
        size = 0
        while True:
            while b"\r\n" not in data:
                data += _some(self._peer.recv(65536))
            line, _, data = data.partition(b"\r\n")
            chunk = int(line.partition(b";")[0], 16)
            missing = chunk + 2 - len(data)  # and the end of its line
            while missing > 0:
                missing -= _some(self._peer.recv_into(self._buffer, min(BUFFER, missing)))
            data = data[chunk + 2 :]
            size += chunk
            if not chunk:
                return size


def _some(what: T) -> T:
    """Give what was read, or the number of bytes, unless there is none."""
    if not what:
        raise ConnectionError("the client has closed")
    return what


def main() -> None:
    """Print the port, and serve until killed."""
    checksum = int(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=Served(peer, checksum).run, daemon=True).start()


if __name__ == "__main__":
    main()
