"""The parts of an answer's bytes, found by a lenient reading that shares nothing with the reader under test.

It only has to find its way in what is nearly an answer: a rule that mends one oddity in one kind of part then has the
readers judge the whole again, so a part that was taken for another explains nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Part(NamedTuple):
    """A stretch of the bytes.

    ``kind`` is "interim", "head" (the final one), "size" (a chunk-size line), "chunk" (its data and the two bytes behind
    it), "trailers" (with the empty line that ends them), "body" (not chunked), or "rest".
    """

    kind: str
    data: bytes


_END = re.compile(rb"\n\r?\n")
_BLANK = re.compile(rb"[\r\n]*")
_INTERIM = re.compile(rb"[\r\n]*HTTP/\d\.\d 1(?!01)\d\d(?!\d)")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding[ \t]*:[^\n]*chunked")
#: Each run of white space is tried from its beginning only: inputs are long, and in white space too.
FOLD = re.compile(rb"(?<![ \t])[ \t]*(?:\r?\n[ \t]+)+")
_SIZE = re.compile(rb"([0-9A-Fa-f]+)[^\n]*\n")


def parts(data: bytes) -> list[Part]:
    """Take the bytes apart; joined they are the same again."""
    found = []
    at = 0
    while True:
        end = _END.search(data, _BLANK.match(data, at).end())
        stop = end.end() if end else len(data)
        head = data[at:stop]
        interim = bool(_INTERIM.match(head))
        found.append(Part("interim" if interim else "head", head))
        at = stop
        if not end or not interim:
            break
    if at == len(data):
        return found
    if not _CHUNKED.search(FOLD.sub(b" ", head)):
        return [*found, Part("body", data[at:])]
    while line := _SIZE.match(data, at):
        found.append(Part("size", line[0]))
        at = line.end()
        size = min(int(line[1], 16), len(data))
        if not size:
            end = re.compile(rb"\r?\n").match(data, at) or _END.search(data, at)
            stop = end.end() if end else len(data)
            found.append(Part("trailers", data[at:stop]))
            at = stop
            break
        found.append(Part("chunk", data[at : at + size + 2]))
        at += size + 2
    if at < len(data):
        found.append(Part("rest", data[at:]))
    return found


def changed(data: bytes, kinds: str, change) -> bytes:
    """The bytes with ``change`` done to each part of the given kinds, named with a space between."""
    wanted = kinds.split()
    return b"".join(change(part.data) if part.kind in wanted else part.data for part in parts(data))
