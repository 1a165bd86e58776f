r"""Faults of a server by name: each builder gives a script that `Origin.play` takes as its only argument.

>>> import socket
>>> from intermodal.testing.origin import Origin
>>> with Origin() as origin, socket.create_connection((origin.host, origin.port)) as client:
...     script = origin.play(cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", -3))
...     client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
...     client.makefile("rb").read()
b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'

Laws:

- A fault is plain data: the same arguments give the same fault, and it can be played any number of times.
- Where `n` says how much of an answer is sent, it counts as a slice does: -3 leaves out the last three bytes.
- Any of them can begin elsewhere: ``dataclasses.replace(cut_after(answer, 8), at="tunnel")``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .scripts import At, Drip, Reset, Stall, Step, Then, check

__all__ = [
    "Fault",
    "cut_after",
    "drip",
    "early_answer",
    "garbage",
    "half_chunk",
    "hang_up",
    "interim_storm",
    "reset_after",
    "reset_upload",
    "silence",
    "stall_after",
    "wrong_length",
]

_SEEN: Final = 0.05
"""Seconds between the last bytes and a RST, which would otherwise overtake them on some systems."""


@dataclass(frozen=True)
class Fault:
    r"""A script as data: `steps`, `then` and `at` mean what they mean to `Origin.play`.

    >>> Fault((b"HTTP/1.1 200 OK\r\n",), "fin").at
    'request'

    Raises TypeError for a step of an unknown kind, ValueError for what else could not be played.
    """

    steps: tuple[Step, ...]
    then: Then = "keep"
    at: At = "request"

    def __post_init__(self) -> None:
        check(self.steps, self.then, self.at)


# --- answers that do not come to their end ----------------------------------------------------------------------------


def reset_after(answer: bytes, n: int) -> Fault:
    r"""The client reads the first `n` bytes of an answer and then a RST (RFC 9112 section 8: the message is incomplete).

    >>> reset_after(b"HTTP/1.1 200 OK\r\n\r\n", 0)
    Fault(steps=(Reset(),), then='keep', at='request')
    """
    sent = answer[:n]
    return Fault((sent, _SEEN, Reset()) if sent else (Reset(),))


def cut_after(answer: bytes, n: int) -> Fault:
    r"""The client reads the first `n` bytes of an answer and then the end of the connection (RFC 9112 section 8).

    >>> cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", -1).steps
    (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no',)
    """
    return Fault((answer[:n],), "fin")


def stall_after(answer: bytes = b"", n: int | None = None) -> Fault:
    r"""The client reads the first `n` bytes of an answer, by default all, and then nothing, while the connection stays.

    How long to wait is the client's to decide (RFC 9112 section 9.5).

    >>> stall_after(b"HTTP/1.1 200 OK\r\n\r\n", 8).steps
    (b'HTTP/1.1', Stall())
    """
    sent = answer[:n]
    return Fault((sent, Stall()) if sent else (Stall(),))


def silence(at: At = "request") -> Fault:
    """The client never gets a word, while the connection stays (RFC 9112 section 9.5).

    >>> silence("connect")
    Fault(steps=(Stall(),), then='keep', at='connect')
    """
    return Fault((Stall(),), at=at)


def hang_up(at: At = "request") -> Fault:
    """The client sees the connection end without a word (RFC 9112 section 9.3.1 says what it may send again).

    >>> hang_up("head")
    Fault(steps=(), then='fin', at='head')
    """
    return Fault((), "fin", at)


def drip(answer: bytes, every: float) -> Fault:
    r"""The client reads an answer byte by byte, `every` so many seconds (RFC 9112 section 9.5).

    >>> drip(b"HTTP/1.1 204 No Content\r\n\r\n", 0.01).steps
    (Drip(data=b'HTTP/1.1 204 No Content\r\n\r\n', every=0.01),)
    """
    return Fault((Drip(answer, every),))


# --- framing that does not hold ---------------------------------------------------------------------------------------


def half_chunk(then: Then = "fin") -> Fault:
    r"""The client reads a chunk of three bytes of which the size says five, and then the end (RFC 9112 section 8).

    >>> half_chunk().steps[0].partition(b"\r\n\r\n")[2]
    b'5\r\nhel'
    """
    return Fault((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",), then)


def wrong_length(by: int, content: bytes = b"hello") -> Fault:
    r"""The client is told a length that is wrong `by` so many bytes, and reads all of `content` (RFC 9112 section 6.3).

    Where more is announced than comes, the connection ends behind it; where less is, it stays, and the rest stands
    where the next answer should.

    >>> wrong_length(2).steps, wrong_length(2).then
    ((b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello',), 'fin')
    >>> wrong_length(-2).steps, wrong_length(-2).then
    ((b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello',), 'keep')

    Raises ValueError for a length that is right, or below 0.
    """
    length = len(content) + by
    if by == 0 or length < 0:
        raise ValueError(f"by={by} makes a length of {length}: expected a wrong one, from 0 on")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, content)
    return Fault((answer,), "fin" if by > 0 else "keep")


def garbage(data: bytes = b"\x00\xff no HTTP \r\n\r\n", at: At = "request") -> Fault:
    r"""The client reads what begins no answer, and then the end (RFC 9112 section 4: no status line).

    >>> garbage().then
    'fin'
    """
    return Fault((data,), "fin", at)


# --- answers at the wrong time ----------------------------------------------------------------------------------------


def early_answer(answer: bytes, then: Then = "fin", at: At = "head") -> Fault:
    r"""The client reads an answer while its body is still to be sent (RFC 9112 section 9.5).

    >>> early_answer(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").at
    'head'
    """
    return Fault((answer,), then, at)


def interim_storm(
    count: int,
    final: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    interim: bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
) -> Fault:
    r"""The client reads `count` interim answers before the final one (RFC 9110 section 15.2: any number may come).

    >>> interim_storm(1000).steps[0].count(b" 103 ")
    1000
    """
    return Fault((interim * count, final))


def reset_upload(n: int) -> Fault:
    """The client sees a RST once `n` bytes of its request, head and body, have come (RFC 9112 section 9.5).

    >>> reset_upload(100_000)
    Fault(steps=(Reset(),), then='keep', at=100000)
    """
    return Fault((Reset(),), at=n)
