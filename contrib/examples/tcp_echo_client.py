"""A TCP client that sends what is typed, line by line, and prints what the server answers.

    python tcp_echo_client.py [HOST [PORT]]

The end of the input (Ctrl-D, on Windows Ctrl-Z and Enter) ends only the client's half of the connection:
``shutdown(SHUT_WR)`` tells the server that no more will come, and what it still has to say is printed until it closes its
half too. Bytes go through untouched, so ``python tcp_echo_client.py <file >copy`` makes a copy.
"""

from __future__ import annotations

import argparse
import socket
import sys

TIMEOUT_SECONDS = 10.0  # for the connection, and for every wait on it: a server may vanish without a word
CHUNK = 4096  # bytes


def main() -> None:
    """Connect, converse; exit with status 1 and a line on stderr if the server cannot be reached or goes away."""
    parser = argparse.ArgumentParser(description="Send standard input line by line over TCP and print the answers.")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="name or address of the server (%(default)s)")
    parser.add_argument("port", nargs="?", default=7007, type=port_number, help="port of the server (%(default)s)")
    arguments = parser.parse_args()
    try:
        # Tries every address that the name has, IPv6 and IPv4, until one answers.
        with socket.create_connection((arguments.host, arguments.port), timeout=TIMEOUT_SECONDS) as connection:
            converse(connection)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name, such as "a..b"
        sys.exit(f"{arguments.host} port {arguments.port}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # as shells report an end by Ctrl-C


def converse(connection: socket.socket) -> None:
    """Send each line and print its answer; then end our half and print what still comes."""
    while piece := sys.stdin.buffer.readline(CHUNK):  # a long line comes in pieces and goes out in pieces
        connection.sendall(piece)  # send alone may take only a part
        if piece.endswith(b"\n"):
            print_answer(connection)
    connection.shutdown(socket.SHUT_WR)
    while chunk := connection.recv(CHUNK):
        print_bytes(chunk)


def print_answer(connection: socket.socket) -> None:
    """Print up to the end of a line: one recv may bring only a part of it.

    Raises:
        ConnectionError: the server closed the connection before the line was whole.
    """
    while chunk := connection.recv(CHUNK):
        print_bytes(chunk)
        if chunk.endswith(b"\n"):
            return
    raise ConnectionError("the server closed the connection before it had answered")


def print_bytes(data: bytes) -> None:
    """Write bytes as they are: they need not be text in any encoding."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def port_number(text: str) -> int:
    """Return the port, or raise the ValueError that argparse reports; getaddrinfo would take 70000 for 4464."""
    if (port := int(text)) not in range(65536):
        raise ValueError(text)
    return port


if __name__ == "__main__":
    main()
