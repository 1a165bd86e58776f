"""A UDP client that sends each typed line as one datagram and prints what the server answers.

    python udp_echo_client.py [--timeout SECONDS] [HOST [PORT]]

Datagrams get lost, late, doubled, or come from a stranger, and UDP reports none of it: this client waits a while for each
answer, and takes only one from the server's address with the bytes it sent (an answer to an earlier line may come late).
``connect`` on the socket would leave the look at the address to the system; here it is done by hand, to be seen.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys
import time
from typing import Any

MAX_DATAGRAM = 65535  # no datagram is longer; recvfrom would cut one that did not fit
MAX_IPV4_DATA = 65507  # 65535 less 20 for the IPv4 header and 8 for the UDP header


def main() -> None:
    """Send every line; exit with status 1 if one got no answer, or if there is no such host."""
    parser = argparse.ArgumentParser(description="Send standard input line by line over UDP and print the answers.")
    parser.add_argument("--timeout", default=2.0, type=seconds, help="seconds to wait for an answer (%(default)s)")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="name or address of the server (%(default)s)")
    parser.add_argument("port", nargs="?", default=7007, type=port_number, help="port of the server (%(default)s)")
    arguments = parser.parse_args()
    unanswered = 0
    try:
        found = socket.getaddrinfo(arguments.host, arguments.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, server = found[0]
        with socket.socket(family, kind, protocol) as client:
            for line in sys.stdin.buffer:
                message = line.removesuffix(b"\n")  # the datagram has borders of its own
                try:
                    answer = exchange(client, server, message, arguments.timeout)
                except OSError as error:
                    unanswered += 1
                    complain(f"no answer to {len(message)} bytes: {reason(error)}")
                    continue
                sys.stdout.buffer.write(answer + b"\n")
                sys.stdout.buffer.flush()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name, such as "a..b"
        sys.exit(f"{arguments.host} port {arguments.port}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # as shells report an end by Ctrl-C
    sys.exit(1 if unanswered else 0)


def exchange(client: socket.socket, server: tuple[Any, ...], message: bytes, timeout: float) -> bytes:
    """Send a datagram and return the server's answer.

    Raises:
        TimeoutError: no answer came within ``timeout`` seconds, however much came from elsewhere.
        OSError: the system did not send it; EMSGSIZE if it is too long.
    """
    client.settimeout(timeout)
    client.sendto(message, server)  # all or nothing: there is no part of a datagram
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        client.settimeout(left)
        answer, sender = client.recvfrom(MAX_DATAGRAM)
        if sender[:2] == server[:2] and answer == message:
            return answer
        complain(f"ignored {len(answer)} bytes from {sender[0]} port {sender[1]}: not the answer")
    raise TimeoutError("timed out")


def reason(error: OSError) -> str:
    """Say why, and for a datagram that is too long what would fit."""
    if error.errno == errno.EMSGSIZE:
        return f"not sent, as a datagram holds at most {MAX_IPV4_DATA} (over IPv4; on some systems less)"
    return str(error)


def complain(text: str) -> None:
    """Print to stderr, so that stdout holds nothing but answers."""
    print(text, file=sys.stderr, flush=True)


def seconds(text: str) -> float:
    """Return a time a socket can wait, or raise the ValueError that argparse reports."""
    if not 0 < (value := float(text)) <= 3600:
        raise ValueError(text)
    return value


def port_number(text: str) -> int:
    """Return the port, or raise the ValueError that argparse reports; getaddrinfo would take 70000 for 4464."""
    if (port := int(text)) not in range(65536):
        raise ValueError(text)
    return port


if __name__ == "__main__":
    main()
