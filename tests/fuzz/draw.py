"""A case for each number: the same number, the same case, on any machine and in any process."""

from __future__ import annotations

import functools
from dataclasses import replace
from random import Random

from corpus_player import rows
from fuzz.case import Case
from fuzz.messages import message
from fuzz.mutations import TOKENS, mutated, spliced

#: A row longer than this is taken only now and then: what it shows, small limits show sooner.
_SHORT = 2000

_MUTATIONS = (0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 5)


@functools.cache
def _rows():
    short = [row for row in rows() if len(row.script) <= _SHORT]
    return short, [row for row in rows() if len(row.script) > _SHORT]


def _asks(row, name):
    return any(field.lower() == name for field, _ in row.headers)


def drawn(seed: int, index: int) -> Case:
    """Draw the case of a number."""
    random = Random((seed << 40) + index)
    short, long = _rows()
    made = []
    if random.random() < 0.35:
        row = random.choice(long if random.random() < 0.01 else short)
        data, method, upgrade = row.script, row.method, _asks(row, "upgrade")
        close = any(name.lower() == "connection" and value.lower() == "close" for name, value in row.headers)
        made.append("row")
    else:
        data = message(random)
        method = random.choice(("GET", "GET", "GET", "GET", "GET", "POST", "HEAD"))
        upgrade, close = random.random() < 0.08, random.random() < 0.05
        made.append("message")
    if random.random() < 0.1:
        data = spliced(random, data, message(random) if random.random() < 0.5 else random.choice(short).script)
        made.append("splice")
    for _ in range(random.choice(_MUTATIONS)):
        name, data = mutated(random, data)
        made.append(name)
    if random.random() < 0.004:
        data = _lengthened(random, data)
        made.append("stretch")
    return Case(
        data,
        end=random.choice(("fin", "fin", "fin", "keep", "keep", "cut")),
        method=method,
        upgrade=upgrade,
        close=close,
        limits=_limits(random),
        cuts=random.getrandbits(32),
        made=tuple(made),
    )


def _lengthened(random, data):
    """Repeat a token somewhere until it is about as long as a limit."""
    at = random.randint(0, len(data))
    token = random.choice(TOKENS)
    return data[:at] + token * (random.choice((1000, 16_384, 17_000, 65_536, 70_000)) // len(token)) + data[at:]


def stretched(case: Case) -> Case:
    """Make a case so long, under limits so small, that a reader which keeps what it should not shows it."""
    random = Random(case.cuts)
    heads, empty, body = case.data.partition(b"\r\n\r\n")
    at = random.choice((0, random.randint(0, len(body))))
    token = random.choice((b"x", b"1\r\na\r\n", b"X: y\r\n", b"5;a=b\r\nhello\r\n", *TOKENS))
    long = body[:at] + token * (300_000 // len(token)) + body[at:]
    limits = (500, 5, 2, 30)
    return replace(case, data=heads + empty + long, limits=limits)


def _limits(random):
    """The usual limits, or some that these short inputs reach."""
    if random.random() < 0.65:
        return Case.limits
    head_bytes, fields, interim, chunk_line = Case.limits
    which = random.randint(1, 15)
    if which & 1:
        head_bytes = random.choice((20, 60, 80, 120, 200, 300, 500))
    if which & 2:
        fields = random.choice((1, 2, 3, 5))
    if which & 4:
        interim = random.choice((0, 0, 1, 2))
    if which & 8:
        chunk_line = random.choice((1, 3, 4, 6, 10, 30))
    return head_bytes, fields, interim, chunk_line
