"""Proxies, and servers, that do what a test says and keep every byte that they are sent."""

import contextlib
import re
import select
import socket
import ssl
import struct
import threading

#: How long a thread of these may wait for anything, in seconds; their sockets are closed before.
LONG = 20

GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Talk:
    """One connection that a peer has taken.

    Attributes:
        client: the IP address that it comes from.
        received: what has come over it so far; over TLS, what was inside.
        shown: the subject of the certificate that the client showed, None where it showed none.
        resumed: whether the handshake went on from an earlier one.
    """

    def __init__(self, sock, client, closing):
        self.sock = sock
        self.client = client
        self.received = bytearray()
        self.shown = None
        self.resumed = False
        self.closing = closing

    def take(self):
        """Wait for bytes, and give them; raises EOFError at the end of the connection."""
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.received += data
        return data

    def asked(self):
        """Read a request, with as much of a body as its Content-Length says; nobody says more before it is answered."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.take()
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
        while len(body) < (int(length[1]) if length else 0):
            body += self.take()
        return head

    def send(self, data):
        self.sock.sendall(data)

    def drip(self, data, seconds):
        """Send byte by byte, so many seconds apart, until the peer is closed."""
        for place in range(len(data)):
            self.send(data[place : place + 1])
            if self.closing.wait(seconds):
                return

    def reset(self):
        """Cut the connection by RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def stay(self):
        """Say nothing more, and read nothing, until the client leaves or the peer is closed."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                self.take()

    def pass_on(self, port):
        """Pass bytes on to a server of this machine, and back; one thread does it, because TLS bears no two."""
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                waits = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
                ready = select.select([self.sock, server], [], [], 0 if waits else LONG)[0]
                if waits or self.sock in ready:
                    server.sendall(self.take())
                if server in ready:
                    data = server.recv(65536)
                    if not data:
                        return
                    self.send(data)


class Peer:
    """Listens on a port of this machine, or on a Unix socket; each connection is served by ``serve(talk)``, in a thread of its own.

    Args:
        serve: what it does with a connection, which is closed where that is over.
        tls: makes it shake hands first.
        path: makes it listen on a Unix socket instead.
    """

    def __init__(self, serve, tls=None, path=None):
        self._serve = serve
        self._tls = tls
        self._closing = threading.Event()
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
            self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen()
            self.port = path
        #: The connections so far, in the order in which they were taken.
        self.talks = []
        self._sockets = [self._listener]
        self._threads = []
        self._begin(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def received(self):
        """What came over the connections, each."""
        return [bytes(talk.received) for talk in self.talks]

    def close(self):
        self._closing.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(LONG)

    def _begin(self, work, *arguments):
        # Named as the threads of an origin are, which a census leaves out.
        thread = threading.Thread(target=work, args=arguments, name=f"origin-peer-{self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, client = self._listener.accept()
                connection.settimeout(LONG)
                if connection.family != socket.AF_UNIX:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(connection)
                talk = Talk(connection, client and client[0], self._closing)
                self.talks.append(talk)
                self._begin(self._converse, talk)

    def _converse(self, talk):
        raw = talk.sock
        try:
            if self._tls is not None:
                talk.sock = self._tls.wrap_socket(raw, server_side=True)
                self._sockets.append(talk.sock)
                talk.resumed = talk.sock.session_reused
                shown = talk.sock.getpeercert()
                talk.shown = dict(each[0] for each in shown["subject"]) if shown else None
            self._serve(talk)
        except (OSError, EOFError):
            pass
        finally:
            talk.sock.close()


def answering(*answers):
    """Answer each request with the next of ``answers``, and close behind the last."""

    def serve(talk):
        for answer in answers:
            talk.asked()
            talk.send(answer)

    return serve


def tunnelling(answer=GRANTED, *, behind=b""):
    """Grant every tunnel with ``answer``, and lead it to this machine, whatever the host's name; say ``behind`` first."""

    def serve(talk):
        asked = talk.asked()
        talk.send(answer)
        if behind:
            talk.send(behind)
        talk.pass_on(port_of(asked))

    return serve


def proxy(talk):
    """Grant every tunnel, as ``tunnelling`` does, and answer every other request itself."""
    while True:
        asked = talk.asked()
        if asked.startswith(b"CONNECT "):
            talk.send(GRANTED)
            talk.pass_on(port_of(asked))
            return
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforwarded")


def silent(talk):
    """Read, and say nothing."""
    talk.stay()


def port_of(asked):
    """The port that a CONNECT asks for."""
    return int(asked.split(b" ")[1].rpartition(b":")[2])
