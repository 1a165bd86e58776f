"""The limit: one sendall and one recv, nothing understood; what no client in Python can undercut."""

from __future__ import annotations

import json
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.bodies import SMALL
from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable


def head(method: str, url: str, *fields: str) -> bytes:
    """Write a request's head."""
    parts = urlsplit(url)
    return "\r\n".join([f"{method} {parts.path} HTTP/1.1", f"Host: {parts.netloc}", *fields, "", ""]).encode()


def shape(peer: socket.socket, request: bytes) -> tuple[int, int]:
    """Send a request and read its answer: the sizes of head and body. Every later answer has them too, even in its date."""
    peer.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    top, _, body = data.partition(b"\r\n\r\n")
    if not top.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the server answers {top!r}")
    length, size = int(top.lower().partition(b"content-length:")[2].split()[0]), len(body)
    while size < length:
        size += len(peer.recv(65536))
    return len(top) + 4, length


class Bare(Contestant):
    """Sockets, and what is known beforehand."""

    statement = "import socket"

    def _dial(self, url: str) -> socket.socket:
        parts = urlsplit(url)
        peer = socket.create_connection((parts.hostname or "", parts.port or 80))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:  # noqa: ARG002
        if url.endswith("/once"):
            return self._connect_each_time(url)
        return self._exchange(url, head("GET", url))

    def get_in_threads(self, url: str, threads: int) -> list[Callable[[], Any]]:
        return [self.get(url) for _ in range(threads)]  # there is no pool to share: each has its socket

    def post(self, url: str, value: object) -> Callable[[], tuple[int, bytes]]:
        body = json.dumps(value).encode()
        fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        return self._exchange(url, head("POST", url, *fields) + body)

    def _exchange(self, url: str, request: bytes) -> Callable[[], tuple[int, bytes]]:
        peer = self._dial(url)
        start, length = shape(peer, request)
        whole = start + length
        send, receive = peer.sendall, peer.recv

        def exchange() -> tuple[int, bytes]:
            send(request)
            data = receive(65536)
            while len(data) < whole:
                data += receive(65536)
            return 200, data[start:]

        return exchange

    def _connect_each_time(self, url: str) -> Callable[[], tuple[int, bytes]]:
        parts, request = urlsplit(url), head("GET", url)
        context = ssl.create_default_context(cafile=self.authorities) if parts.scheme == "https" else None

        def exchange() -> tuple[int, bytes]:
            peer = self._dial(url)
            if context is not None:
                peer = context.wrap_socket(peer, server_hostname=parts.hostname)
            peer.sendall(request)
            data = b""
            while piece := peer.recv(65536):
                data += piece
            peer.close()
            return 200, data.partition(b"\r\n\r\n")[2]

        return exchange

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        peer, request = self._dial(url), head("GET", url)
        start, length = shape(peer, request)

        def download() -> int:
            peer.sendall(request)
            left = length
            piece = peer.recv(size)[start:]
            while True:
                left -= len(piece)
                take(piece)
                if not left:
                    return 200
                piece = peer.recv(size)

        return download

    def download_into(self, url: str, buffer: bytearray, take: Callable[[Any], None]) -> Callable[[], int]:
        peer, request, view = self._dial(url), head("GET", url), memoryview(buffer)
        start, length = shape(peer, request)

        def download() -> int:
            peer.sendall(request)
            left = length + start
            read = peer.recv_into(buffer)
            take(view[start:read])
            while left := left - read:
                read = peer.recv_into(buffer)
                take(view[:read])
            return 200

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        peer, length = self._dial(url), os.path.getsize(path)  # noqa: PTH202
        request = head("PUT", url, f"Content-Length: {length}")

        def upload() -> tuple[int, bytes]:
            peer.sendall(request)
            with open(path, "rb") as file:  # noqa: PTH123 - as any user of these clients would
                sent = 0
                while sent < length:
                    sent += os.sendfile(peer.fileno(), file.fileno(), sent, length - sent)
            return 200, peer.recv(65536).partition(b"\r\n\r\n")[2]

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        peers = [self._dial(url) for _ in range(connections)]
        for peer in peers:
            peer.sendall(head("GET", url))
        release()
        for peer in peers:
            while not peer.recv(65536).endswith(SMALL):
                pass
        return peers


make = Bare
