"""Plain sockets to talk to an origin with, and an authority that vouches for it."""

import functools
import socket
import ssl
import time

import trustme

GET = b"GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /ip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#: Whom the certificates are for.
NAMES = ("localhost", "127.0.0.1", "::1", "origin.test")


@functools.cache
def authority():
    return trustme.CA()


@functools.cache
def server_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*NAMES).configure_cert(context)
    return context


@functools.cache
def client_tls():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def dial(origin):
    if origin.unix_socket is None:
        sock = socket.create_connection((origin.host, origin.port), timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(origin.unix_socket)
    return sock


def read_all(sock):
    """Everything up to FIN; a reset raises."""
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


def read(sock, count):
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, f"FIN after {bytes(data)!r}"
        data += piece
    return bytes(data)


def read_until(sock, end):
    data = bytearray()
    while not data.endswith(end):
        data += read(sock, 1)
    return bytes(data)


def eventually(condition, seconds=5):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.002)


def settled(origin):
    """The connections so far, once all are closed."""
    eventually(lambda: not any(connection.open for connection in origin.connections))
    return origin.connections


def anew(origin):
    """Wait until nothing goes on at the origin, and forget what did."""
    settled(origin)
    origin.reset_records()


def is_alive(origin):
    """Whether the next connection is served, by whatever front there is."""
    with dial(origin) as sock:
        if origin.front == "socks5":
            sock.sendall(b"\x05\x01\x00\x05\x01\x00\x03\x01a\x00\x50")
            read(sock, 12)
        sock.sendall(GET)
        return read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
