"""Answers by the grammar of RFC 9112, most of them with a fault or an oddity somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_STATUSES = [200] * 8 + [201, 204, 204, 205, 206, 301, 304, 304, 404, 500, 600, 999, 101, 101]
_INTERIM = [100, 100, 102, 103, 199]
_REASONS = [
    b"OK",
    b"OK",
    b"OK",
    b"",
    b"Not Found",
    b"\xe9t\xe9",
    b"a\tb",
    b" two  words ",
    b"OK\t",
    b"200",
    b"HTTP/1.1 200 OK",
]
_BAD_REASONS = [b"a\0b", b"a\x0bb", b"a\x0cb", b"a\rb", b"\x01", b"\x7f", b"\x85", b"\xa0", b"x" * 300]
_BAD_STARTS = [
    b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 200\tOK", b" HTTP/1.1 200 OK", b"\r\nHTTP/1.1 200 OK",
    b"\nHTTP/1.1 200 OK", b"HTTP/2.0 200 OK", b"HTTP/2 200", b"HTTP/0.9 200 OK", b"HTTP/1.10 200 OK", b"HTTP/1 200 OK",
    b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 0200 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 000 OK", b"HTTP/1.1 +20 OK",
    b"HTTP/1.1 2_0 OK", b"HTTP/1.1 20x OK", b"HTTP/1.1 \xb2\xb2\xb2 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 OK", b"HTTP/1.1",
    b"http/1.1 200 OK", b"HTTP/1.\xb2 200 OK", b"ICY 200 OK", b"<html>", b"220 smtp ESMTP", b"\x15\x03\x01\x00\x02\x02\x28",
    b"HTTP/1.1 200 OK\r", b"HTTP /1.1 200 OK", b"HTTP/1.1200 OK", b"HTTP/1,1 200 OK", b"HTTP/+1.1 200 OK", b"HTTP/1.1 200 OK X: y",
]  # fmt: skip
_VERSIONS = [b"HTTP/1.1"] * 12 + [b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.9"]

_NAMES = [
    b"X", b"X-A", b"x-a", b"Server", b"Set-Cookie", b"set-cookie", b"Date", b"Content-Type", b"Connection", b"Via", b"!#$%&'*+-.^_`|~9",
    b"Content-Lengt", b"Content-Length2", b"Transfer-Encodin", b"Connectio", b"Proxy-Connection", b"Trailer", b"Upgrade", b"Keep-Alive",
]  # fmt: skip
_VALUES = [
    b"", b"1", b"a", b"a b", b"a, b", b'"q;\\"r"', b"\xe9", b"\xa0a\xa0", b"\x85a\x85", b"close", b"keep-alive", b"Close", b"x, close",
    b"close-not", b"disclosed", b"upgrade", b"websocket", b"chunked", b"5", b"0", b"a:b", b":", b"a\tb", b"HTTP/1.1 200 OK", b"x" * 60,
]  # fmt: skip
_ODD_VALUES = [b"a\x01b", b"\x7f", b"a\x1cb", b"\x1b[31m", b"a\x1fb", b"\x08"]
_BAD_VALUES = [b"a\0b", b"a\x0bb", b"a\x0cb", b"a\rb", b"\r", b"\0", b"a\r b", b"\x0b", b"\x0c"]
_BAD_LINES = [
    b"X : v", b"X\t: v", b": v", b":", b"garbage", b" folded", b"\tX: v", b"\rX: v", b"X\x80: v", b"X\0: v", b"X\x0b: v", b"(X): v",
    b"X[]: v", b"X=: v", b'"X": v', b"Content-Length : 5", b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"X: v\r",
    b"Content-Length", b"\xa0Content-Length: 5", b"Content Length: 5", b"GET / HTTP/1.1",
]  # fmt: skip
_FOLDS = [b"\r\n ", b"\r\n\t", b" \r\n  ", b"\n ", b"\r\n \r\n ", b"\t\r\n \t", b"\r\n "]

_BAD_LENGTHS = [
    b"-1", b"+5", b"0x5", b"5.0", b"5e0", b"abc", b"", b"5 5", b"5_0", b"5,", b",5", b"5,,5", b"5, 6", b"5;5", b"'5'", b"\xb2", b"5\x85",
    b"5\xa0", b"\xa05", b"5\0", b"5\x0b", b"9" * 19, b"9" * 20, b"1" + b"0" * 19, b"18446744073709551616", b"18446744073709551621", b"0" * 18 + b"5",
    b"0" * 19 + b"5", b"4294967301", b"\xef\xbc\x95",
]  # fmt: skip
_BAD_CODINGS = [
    b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked,", b",chunked", b"identity", b"", b"xchunked",
    b'"chunked"', b"chunked;q=1", b"chunked\x85", b"chunked\x85", b"\x0bchunked", b"chun ked", b"chunked\0", b"chunkedx", b"x, chunked", b"chunked\xa0",
]  # fmt: skip
_EXTENSIONS = [
    b";a", b";a=b", b' ; a = "q;r"', b";", b";;", b" ", b"\t", b"  \t", b";a=\xe9", b'; a="\r"', b";a\nb", b";a=0\r", b"; " + b"x" * 50, b";x=0d0a", b" ;a",
    b"; a", b";a b", b";\x01", b";a=", b";=b", b';a="', b';a="b";c', b";a;b;c", b";\x7f", b";\x0b", b";\0",
]  # fmt: skip
_BAD_SIZES = [
    b"0x%x", b"+%x", b"-%x", b" %x", b"\t%x", b"%x h", b"%xg", b"%x_0", b"%x.0", b"%x,5", b"0%017x", b"%016x", b"%x\r", b"%x\0", b"%x\x0b", b"",
    b"\xa0%x", b"%x\xa0", b"%x\x85", b"%xffffffffffffffff", b"ffffffffffffffff%x", b"%x 5", b"x", b";%x", b"%025x", b"8000000000000000%x", b"\xef\xbc\x95",
]  # fmt: skip
_BAD_DATA_ENDS = [b"", b"XY", b"X\r\n", b"\n", b"\n", b"\n", b"\rX", b"\r\r\n", b" \r\n", b"\n\n", b"\r", b"0\r\n\r\n"]
_CONTENT = [
    b"",
    b"a",
    b"hello",
    b"hello",
    b"\r\n",
    b"\n\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"\0\xff\x80",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"x" * 40,
]


def _maybe(random: Random, one_in: int) -> bool:
    return random.random() * one_in < 1


def _case(random: Random, name: bytes) -> bytes:
    choice = random.random()
    return (
        name if choice < 0.7 else name.lower() if choice < 0.85 else name.upper() if choice < 0.95 else name.swapcase()
    )


def _field(random: Random) -> bytes:
    if _maybe(random, 50):
        return random.choice(_BAD_LINES)
    value = random.choice(_VALUES)
    if _maybe(random, 20):
        value = random.choice(_ODD_VALUES if random.random() < 0.5 else _BAD_VALUES)
    return _line(random, random.choice(_NAMES), value)


def _line(random: Random, name: bytes, value: bytes) -> bytes:
    choice = random.random()
    if choice < 0.75:
        return name + b": " + value
    if choice < 0.80:
        return name + b":" + value
    if choice < 0.90:
        return name + b":" + random.choice([b"\t", b"  ", b" \t "]) + value + random.choice([b" ", b"\t", b"  \t"])
    fold = random.choice(_FOLDS)
    if choice < 0.95:
        return name + b":" + fold + value
    return name + b": " + value + fold + random.choice([b"", b"b", b"c d"])


def _head(random: Random, code: int, framing: list[bytes], end: bytes) -> bytes:
    if _maybe(random, 40):
        start = random.choice(_BAD_STARTS)
    else:
        reason = random.choice(_BAD_REASONS if _maybe(random, 30) else _REASONS)
        start = b"%b %d %b" % (random.choice(_VERSIONS), code, reason)
        if not reason and random.random() < 0.5:
            start = start[:-1]
    lines = [_field(random) for _ in range(random.choice((0, 0, 1, 1, 2, 3)))]
    for line in framing:
        lines.insert(random.randint(0, len(lines)), line)
    if _maybe(random, 12):
        lines.append(
            _line(
                random,
                _case(random, b"Connection"),
                random.choice([b"close", b"CLOSE", b"keep-alive", b"x , close", b"upgrade"]),
            )
        )
    if _maybe(random, 60):
        lines += [b"X: y"] * random.randint(100, 140)
    if end is not None:
        return end.join([start, *lines, b"", b""])
    return b"".join(line + random.choice((b"\r\n", b"\r\n", b"\n")) for line in (start, *lines, b""))


def _lengths(random: Random, size: int) -> list[bytes]:
    """Content-Length: right, wrong, twice, or none."""
    name = _case(random, b"Content-Length")
    choice = random.random()
    if choice < 0.60:
        return [_line(random, name, b"%d" % size)]
    if choice < 0.72:
        return [_line(random, name, b"%d" % max(0, size + random.choice((-3, -1, 1, 2, 1000, 2**40))))]
    if choice < 0.80:
        other = size if random.random() < 0.6 else size + 1
        return [b"%b: %d" % (name, size), b"%b: %d" % (_case(random, name), other)]
    if choice < 0.87:
        return [b"%b: %d%b%d" % (name, size, random.choice((b", ", b",", b" ,\t")), size)]
    return [_line(random, name, random.choice(_BAD_LENGTHS))]


def _codings(random: Random) -> list[bytes]:
    name = _case(random, b"Transfer-Encoding")
    choice = random.random()
    if choice < 0.85:
        return [_line(random, name, _case(random, b"chunked"))]
    if choice < 0.9:
        return [
            name + b": chunked",
            _line(random, _case(random, name), random.choice((b"chunked", b"gzip", b"identity", b""))),
        ]
    return [_line(random, name, random.choice(_BAD_CODINGS))]


def _chunks(random: Random, content: bytes) -> bytes:
    """A chunked body, trailers included."""
    parts = []
    while content:
        size = random.choice((1, 2, 5, len(content), len(content)))
        piece, content = content[:size], content[size:]
        parts += [_size(random, len(piece)), piece, random.choice(_BAD_DATA_ENDS) if _maybe(random, 25) else b"\r\n"]
    parts.append(_size(random, 0))
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        parts.append(_field(random) + b"\r\n")
    if _maybe(random, 12):
        parts.append(
            random.choice(
                [
                    b"Content-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Connection: close\r\n",
                    b"X: y\r\n" * 130,
                ]
            )
        )
    parts.append(b"\n" if _maybe(random, 20) else b"\r\n")
    return b"".join(parts)


def _size(random: Random, size: int) -> bytes:
    choice = random.random()
    if choice < 0.72:
        line = b"%x" % size
    elif choice < 0.80:
        line = b"%X" % size
    elif choice < 0.93:
        line = b"%0*x" % (random.choice((2, 4, 16)), size)
    else:
        form = random.choice(_BAD_SIZES)
        line = form % size if b"%" in form else form
    if _maybe(random, 6):
        line += random.choice(_EXTENSIONS)
    return line + (b"\n" if _maybe(random, 40) else b"\r\n")


def message(random: Random) -> bytes:
    """Make an answer: interim responses, the final head, a body framed in one way, two, or none."""
    end = b"\r\n"
    if _maybe(random, 12):
        end = b"\n" if random.random() < 0.5 else None
    parts = []
    if _maybe(random, 5):
        times = random.choice((1, 1, 2, 3, 3, 70)) if _maybe(random, 4) else 1
        parts.append(
            _head(random, random.choice(_INTERIM), _lengths(random, 0) if _maybe(random, 10) else [], end) * times
        )
    content = random.choice(_CONTENT) + (random.choice(_CONTENT) if random.random() < 0.3 else b"")
    kind = random.random()
    if kind < 0.40:
        framing, body = _lengths(random, len(content)), content
    elif kind < 0.80:
        framing, body = _codings(random), _chunks(random, content)
    elif kind < 0.88:
        framing, body = _lengths(random, len(content)) + _codings(random), _chunks(random, content)
    else:
        framing, body = [], content
    parts += [_head(random, random.choice(_STATUSES), framing, end), body]
    if _maybe(random, 12):
        parts.append(random.choice((b"\r\n", b"H", b"\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL", b"\0")))
    return b"".join(parts)
