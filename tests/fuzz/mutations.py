"""Damage: each mutation takes bytes and gives bytes, at places that a seeded ``random`` chooses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

#: What readers have stumbled over: ends of lines, white space in all its forms, what separates, what frames.
TOKENS = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\r\n", b"\n\r", b"\0", b" ", b"\t", b"  ", b"\x0b", b"\x0c", b"\x85", b"\xa0", b"\x80", b"\xff",
    b"\x01", b"\x1c", b"\x7f", b":", b",", b";", b"=", b'"', b"-", b"+", b"_", b"0", b"5", b"f", b"0x", b"\r\n ", b"\r\n\t", b"\n ", b" \r\n ", b";a=b", b" ;a",
    b"99999999999999999999", b"9999999999999999999", b"ffffffffffffffff", b"fffffffffffffffff", b"00000000000000000", b"4294967296",
    b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"5\r\nhello\r\n", b"1\r\n", b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 103 E\r\nLink: l\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL", b"HTTP/1.1 ", b"Content-Length: 5\r\n", b"cONTENT-lENGTH:5\r\n", b"Content-Length: 6\r\n",
    b"Transfer-Encoding: chunked\r\n", b"tRANSFER-eNCODING:chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n", b"X: y\r\n",
    b" folded\r\n", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\xa0",
)  # fmt: skip

_EDGE = re.compile(rb"[\r\n:,; ]")
_NUMBER = re.compile(rb"[0-9a-fA-F]+")
_LETTER = re.compile(rb"[A-Za-z]+")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


def _place(random: Random, data: bytes) -> int:
    """Choose an offset; every other time beside what ends or separates something."""
    place = random.randint(0, len(data))
    if random.random() < 0.5 and (edge := _EDGE.search(data, place)):
        return edge.start() + random.randint(0, 1)
    return place


def _span(random: Random, data: bytes) -> tuple[int, int]:
    start = _place(random, data)
    return start, min(len(data), start + random.choice((1, 1, 1, 2, 3, 8, 40)))


def _flip(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + bytes([data[at] ^ (1 << random.randint(0, 7))]) + data[at + 1 :] if at < len(data) else data


def _any_byte(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + bytes([random.randint(0, 255)]) + data[at + random.randint(0, 1) :]


def _delete(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _double(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 5)) + data[end:]


def _insert(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _replace(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.choice(TOKENS) + data[end:]


def _cut_off(random: Random, data: bytes) -> bytes:
    return data[: _place(random, data)]


def _behead(random: Random, data: bytes) -> bytes:
    return data[random.randint(0, 12) :]


def _lines(change: Callable[[Random, list[bytes]], None]) -> Callable[[Random, bytes], bytes]:
    def mutate(random: Random, data: bytes) -> bytes:
        lines = _LINE.findall(data)
        if lines:
            change(random, lines)
        return b"".join(lines)

    return mutate


@_lines
def _drop_line(random, lines):
    del lines[random.randrange(len(lines))]


@_lines
def _double_line(random, lines):
    at = random.randrange(len(lines))
    lines.insert(random.randint(0, len(lines)), lines[at])


@_lines
def _swap_lines(random, lines):
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


@_lines
def _fold_line(random, lines):
    at = random.randrange(len(lines))
    lines[at] = random.choice((b" ", b"\t")) + lines[at]


@_lines
def _bare_end(random, lines):
    at = random.randrange(len(lines))
    lines[at] = lines[at].rstrip(b"\r\n") + random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r\n", b""))


@_lines
def _many_lines(random, lines):
    at = random.randrange(len(lines))
    lines[at : at + 1] = lines[at : at + 1] * random.choice((3, 8, 140))


def _all_bare(random: Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", random.choice((b"\n", b"\n", b"\r", b"\n\r")))


def _renumber(random: Random, data: bytes) -> bytes:
    numbers = list(_NUMBER.finditer(data))
    if not numbers:
        return data
    found = random.choice(numbers)
    number = random.choice(
        (
            b"",
            b"0",
            b"1",
            b"5",
            b"f",
            b"-1",
            b"+5",
            b"00",
            b"100",
            b"101",
            b"204",
            b"304",
            b"9" * 19,
            b"9" * 20,
            b"f" * 16,
            b"f" * 17,
        )
    )
    return data[: found.start()] + number + data[found.end() :]


def _recase(random: Random, data: bytes) -> bytes:
    words = list(_LETTER.finditer(data))
    if not words:
        return data
    found = random.choice(words)
    return data[: found.start()] + found[0].swapcase() + data[found.end() :]


#: Often a single change matters most; those that tear a message apart come more rarely.
_MUTATIONS = [
    ("flip", _flip, 4), ("byte", _any_byte, 5), ("delete", _delete, 5), ("double", _double, 3), ("insert", _insert, 10), ("replace", _replace, 5),
    ("cut off", _cut_off, 2), ("behead", _behead, 1), ("drop line", _drop_line, 1), ("double line", _double_line, 3), ("swap lines", _swap_lines, 1),
    ("fold", _fold_line, 2), ("bare end", _bare_end, 3), ("many lines", _many_lines, 1), ("all bare", _all_bare, 1), ("renumber", _renumber, 5),
    ("recase", _recase, 2),
]  # fmt: skip
_WEIGHTED = [(name, mutation) for name, mutation, weight in _MUTATIONS for _ in range(weight)]


def mutated(random: Random, data: bytes) -> tuple[str, bytes]:
    """Carry out one mutation; its name, and what came of it."""
    name, mutation = random.choice(_WEIGHTED)
    return name, mutation(random, data)


def spliced(random: Random, one: bytes, other: bytes) -> bytes:
    """Put the end of another message behind the beginning of one, or the whole of it behind, between or before."""
    choice = random.random()
    if choice < 0.5:
        return one[: _place(random, one)] + other[_place(random, other) :]
    at = 0 if choice < 0.6 else len(one) if choice < 0.8 else _place(random, one)
    return one[:at] + other + one[at:]
