"""Peers that are slow in ways an origin is not: never there, read by drops, or pass TLS on byte by byte."""

import contextlib
import select
import socket
import threading

__all__ = ["BlackHole", "Dripping", "Sipping"]

#: How long a thread of these may wait for anything, in seconds; their sockets are closed before.
LONG = 20


class BlackHole:
    """A port that answers no connection attempt: its queue is full, and nobody takes anyone out of it."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._queue = []
        for _ in range(64):
            waiting = socket.socket()
            self._queue.append(waiting)
            waiting.setblocking(False)
            waiting.connect_ex(self._listener.getsockname())
            if not select.select([], [waiting], [], 0.05)[1]:
                break
        else:
            self.close()
            raise OSError("this system answers more connections than were asked for")
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        for each in (*self._queue, self._listener):
            each.close()


class _Server:
    """Accepts connections, each served by a thread of its own, until it is closed."""

    def __init__(self):
        self._listener = socket.socket()
        # Before it listens: what is accepted has it from here. A small buffer makes a sender wait soon.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self.closing = threading.Event()
        self._open = [self._listener]
        self._threads = []
        self._begin(self._accept)

    def _begin(self, work, *arguments):
        thread = threading.Thread(target=self._until_closed, args=(work, *arguments), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _until_closed(self, work, *arguments):
        with contextlib.suppress(OSError):
            work(*arguments)

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            connection.settimeout(LONG)
            self._open.append(connection)
            self._begin(self.serve, connection)

    def close(self):
        self.closing.set()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(LONG)


class Sipping(_Server):
    """Reads a little every now and then, and never answers."""

    def __init__(self):
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, connection):
        while connection.recv(64) and not self.closing.wait(0.02):
            pass


class Dripping(_Server):
    """Passes bytes on to an origin as they come, and those of the origin byte by byte from ``begin`` on."""

    def __init__(self, origin):
        self._origin = (origin.host, origin.port)
        self.begin = threading.Event()
        super().__init__()
        self.url = f"https://127.0.0.1:{self.port}"

    def serve(self, connection):
        server = socket.create_connection(self._origin)
        self._open.append(server)
        self._begin(self._pass_on, connection, server)
        while data := server.recv(65536):
            if not self.begin.is_set():
                connection.sendall(data)
                continue
            for place in range(len(data)):
                connection.sendall(data[place : place + 1])
                if self.closing.wait(0.01):
                    return

    def _pass_on(self, connection, server):
        while data := connection.recv(65536):
            server.sendall(data)
