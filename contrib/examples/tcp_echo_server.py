"""A TCP server that sends every line back to the client it came from.

    python tcp_echo_server.py [HOST [PORT]]        # port 0: the system picks a free one

TCP carries a stream of bytes and keeps no borders in it: one ``recv`` may bring half a line or three lines, so a line is
what ``read_line`` cuts out of the stream. Each client has a thread of its own. That is simpler than one loop over
``selectors``: a thread may simply wait, and a client that is slow to read its answers holds up nobody else, where the
loop would have to keep a buffer of unsent bytes for each client. Memory, clients and waits are all bounded.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
import threading
import time
from typing import Any

MAX_LINE = 65536  # bytes, newline included: a client that never sends a newline must not eat the memory
MAX_CLIENTS = 100  # below the 256 open files that macOS grants a process
IDLE_SECONDS = 300.0  # a client whose machine lost power says no goodbye, and recv would wait for ever
POLL_SECONDS = 0.2  # Windows does not interrupt accept for Ctrl-C, so accept returns this often to look

printing = threading.Lock()


def main() -> None:
    """Bind, listen, and serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Send every line back to the client it came from, over TCP.")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="name or address to listen on (%(default)s)")
    parser.add_argument("port", nargs="?", default=7007, type=port_number, help="0 for any free one (%(default)s)")
    arguments = parser.parse_args()
    stop_signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stop_signals.append(number))
    try:
        found = socket.getaddrinfo(arguments.host, arguments.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as listener:
            if sys.platform != "win32":
                # Lets a restarted server have its port back at once; on Windows it would let two servers share one.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
            listener.settimeout(POLL_SECONDS)
            say(f"listening on {shown(listener.getsockname())}")
            accept_clients(listener, stop_signals)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name, such as "a..b"
        sys.exit(f"cannot listen on {shown((arguments.host, arguments.port))}: {error}")
    say("stopped")


def accept_clients(listener: socket.socket, stop_signals: list[int]) -> None:
    """Give each client a thread until a signal has come, then end the conversations still open."""
    clients: list[tuple[threading.Thread, socket.socket]] = []
    while not stop_signals:
        clients = [client for client in clients if client[0].is_alive()]
        if len(clients) == MAX_CLIENTS:
            time.sleep(POLL_SECONDS)  # the next ones wait in the listener's queue
            continue
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        except OSError as error:  # the client gave up in the queue, or the system is out of open files
            say(f"cannot accept: {error}")
            time.sleep(POLL_SECONDS)
            continue
        thread = threading.Thread(target=serve_client, args=(connection,), daemon=True)
        thread.start()
        clients.append((thread, connection))
    for _, connection in clients:
        with contextlib.suppress(OSError):  # it may have left by itself
            connection.shutdown(socket.SHUT_RDWR)  # wakes its thread, whether it waits in recv or in sendall
    deadline = time.monotonic() + POLL_SECONDS
    for thread, _ in clients:  # Windows may let one sleep on; being a daemon, it does not hold the process
        thread.join(max(0.0, deadline - time.monotonic()))


def serve_client(connection: socket.socket) -> None:
    """Send each line back until the client ends the stream, resets it, or breaks a limit."""
    name = "a client"
    with connection:
        try:
            name = shown(connection.getpeername())
            say(f"{name} connected")
            connection.settimeout(IDLE_SECONDS)
            received = bytearray()
            while line := read_line(connection, received):
                if len(line) > MAX_LINE:
                    say(f"{name} dropped: its line is longer than {MAX_LINE} bytes")
                    return
                say(f"{name} sent {line!r}")
                connection.sendall(line)  # send alone may take only a part
            say(f"{name} left")
        except OSError as error:
            say(f"{name} lost: {error}")


def read_line(connection: socket.socket, received: bytearray) -> bytes:
    r"""Take the next line off the stream, its \n included; the last may lack it, and b"" is the end of the stream.

    Gives up beyond ``MAX_LINE`` bytes and returns them. What came after the line stays in ``received``.
    """
    while b"\n" not in received and len(received) <= MAX_LINE and (chunk := connection.recv(4096)):
        received += chunk
    end = received.find(b"\n") + 1 or len(received)
    line = bytes(received[:end])
    del received[:end]
    return line


def say(text: str) -> None:
    """Print a line whole: print writes text and newline apart, and another thread may come between."""
    with printing:
        print(text, flush=True)


def shown(address: tuple[Any, ...]) -> str:
    """Return host:port; an IPv6 host in brackets, as it has colons of its own (RFC 3986 section 3.2.2)."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def port_number(text: str) -> int:
    """Return the port, or raise the ValueError that argparse reports; getaddrinfo would take 70000 for 4464."""
    if (port := int(text)) not in range(65536):
        raise ValueError(text)
    return port


if __name__ == "__main__":
    main()
