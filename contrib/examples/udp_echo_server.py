"""A UDP server that sends every datagram back to where it came from.

    python udp_echo_server.py [HOST [PORT]]        # port 0: the system picks a free one

UDP knows no connections: one socket serves everybody, each datagram arrives whole with its sender's address or not at
all, and an empty one is a message like any other. Nothing proves that the sender's address is true, so an echo server on
an open network can be made to shoot at others, or at another echo server without end: keep this one on loopback.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from typing import Any

MAX_DATAGRAM = 65535  # no datagram is longer; recvfrom would cut one that did not fit
POLL_SECONDS = 0.2  # Windows does not interrupt recvfrom for Ctrl-C, so recvfrom returns this often to look


def main() -> None:
    """Bind, and serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Send every datagram back to where it came from, over UDP.")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="name or address to bind (%(default)s)")
    parser.add_argument("port", nargs="?", default=7007, type=port_number, help="0 for any free one (%(default)s)")
    arguments = parser.parse_args()
    stop_signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stop_signals.append(number))
    try:
        found = socket.getaddrinfo(arguments.host, arguments.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as server:
            server.bind(address)
            server.settimeout(POLL_SECONDS)
            print(f"listening on {shown(server.getsockname())}", flush=True)
            while not stop_signals:
                answer_one(server)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name, such as "a..b"
        sys.exit(f"cannot serve on {shown((arguments.host, arguments.port))}: {error}")
    print("stopped", flush=True)


def answer_one(server: socket.socket) -> None:
    """Wait a little for a datagram and send it back; an answer that cannot be sent is reported and forgotten."""
    try:
        data, client = server.recvfrom(MAX_DATAGRAM)
    except TimeoutError:
        return
    except ConnectionResetError:  # how Windows tells that an earlier answer found nobody at home
        return
    print(f"{shown(client)} sent {data!r}", flush=True)
    try:
        server.sendto(data, client)  # all or nothing: there is no part of a datagram
    except OSError as error:  # such as EMSGSIZE: macOS receives longer datagrams than it sends
        print(f"{shown(client)} not answered: {error}", flush=True)


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
