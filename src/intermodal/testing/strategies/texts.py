"""The characters and small pieces that requests and answers are made of."""

from __future__ import annotations

import functools
import gzip
from typing import Final

from hypothesis import strategies as st

#: The characters of a token (RFC 9110 section 5.6.2).
_TCHAR: Final = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))
OBS_TEXT: Final = "".join(map(chr, range(0x80, 0x100)))
#: What an answer may hold beside them: NUL, CR, LF, VT and FF are the only ones it may not. RFC 9110 section 5.5 lets a
#: recipient keep the others.
ODD_CONTROLS: Final = "".join(map(chr, [*range(1, 9), *range(0x0E, 0x20), 0x7F]))

tokens = st.text(_TCHAR, min_size=1, max_size=8)
#: Optional white space (RFC 9110 section 5.6.3).
white_space = st.sampled_from([" ", " ", " ", "", "\t", "  ", " \t "])
#: The same where it is usually left out.
more_space = st.sampled_from(["", "", "", " ", "\t", "  ", " \t "])


@functools.cache  # to build such a strategy takes longer than to draw from it
def stripped(alphabet: str, max_size: int = 12) -> st.SearchStrategy[str]:
    """Draw text without SP and HTAB at its ends, which would not be part of a value."""
    return st.text(alphabet, max_size=max_size).map(lambda text: text.strip(" \t"))


def now_and_then(draw: st.DrawFn, every: int) -> bool:
    """Draw True once in so many times; what is False is the simpler, and what a failure is shrunk to."""
    return draw(st.integers(0, every - 1)) == every - 1


#: More than a transport reads or sends at once.
large = st.sampled_from([65535, 65536, 65537, 70_001, 200_000]).map(lambda size: bytes(range(256)) * (size // 256 + 1))


#: Content that decodes, for whoever does what is not asked of it (RFC 9110 section 8.4).
GZIPPED: Final = gzip.compress(b"tea", mtime=0)


def small_pieces() -> st.SearchStrategy[list[bytes]]:
    """Draw a few short pieces of content; some may be empty."""
    return st.lists(st.binary(max_size=24), max_size=4)


def content(*, small: bool) -> st.SearchStrategy[list[bytes]]:
    """Draw content in pieces; unless it must be small, now and then more than one read takes in."""
    if small:
        return small_pieces()
    return st.integers(0, 9).flatmap(
        lambda n: st.lists(large, min_size=1, max_size=2) if n == 9 else small_pieces()
    )  # fmt: skip
