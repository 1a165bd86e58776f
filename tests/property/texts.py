"""The characters and small pieces that requests and answers are made of."""

from __future__ import annotations

import functools

from hypothesis import strategies as st

#: tchar (RFC 9110 section 5.6.2)
_TCHAR = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
OBS_TEXT = "".join(map(chr, range(0x80, 0x100)))
#: What an answer may hold beside them: rule A3 names NUL, CR, LF, VT and FF as the only ones it may not.
ODD_CONTROLS = "".join(map(chr, [*range(1, 9), *range(0x0E, 0x20), 0x7F]))

tokens = st.text(_TCHAR, min_size=1, max_size=8)
white_space = st.sampled_from(["", " ", " ", " ", "\t", "  ", " \t "])


@functools.cache  # to build such a strategy takes longer than to draw from it
def stripped(alphabet: str, max_size: int = 12) -> st.SearchStrategy[str]:
    """Draw text without SP and HTAB at its ends, which would not be part of a value."""
    return st.text(alphabet, max_size=max_size).map(lambda text: text.strip(" \t"))


#: More than a transport reads or sends at once.
large = st.sampled_from([65535, 65536, 65537, 70_001, 200_000]).map(lambda size: bytes(range(256)) * (size // 256 + 1))
