"""Header fields: ordered, case-insensitive, multi-valued, valid by construction (RFC 9110 section 5).

A ``Headers`` keeps every ``(name, value)`` pair as it was written, in order, with its case and its
duplicates, because that is what goes on the wire and what came off it; looking one up ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from intermodal.errors import InvalidHeader

#: ``token = 1*tchar`` (RFC 9110 section 5.6.2)
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"

#: ``field-value`` once it is stripped: VCHAR, obs-text, SP and HTAB (RFC 9110 section 5.5). CR, LF
#: and NUL would let a value end the head or start another field; other controls have no meaning.
FIELD_VALUE = r"[\t\x20-\x7e\x80-\xff]*"

_name = re.compile(TOKEN).fullmatch
_field_lines = re.compile(rf"({TOKEN}):([^\r\n]*)\r\n").findall
_value = re.compile(FIELD_VALUE).fullmatch
_kept = re.compile(r"[\x01-\x09\x0b\x0c\x0e-\xff]*").fullmatch

#: Fields whose values are never shown in a repr, a log or an error.
SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})

HeaderText = str | bytes
HeadersInput = Mapping[str, str] | Mapping[str, HeaderText] | Iterable[tuple[HeaderText, HeaderText]]


class Headers(Mapping[str, str]):
    """An immutable list of header fields that is also a case-insensitive mapping.

    ``headers["x"]`` joins duplicates with ``", "`` (RFC 9110 section 5.2), but Set-Cookie, whose
    values may hold commas, is never joined: its first value is given (RFC 6265 section 3).

    >>> headers = Headers([("Accept", "a"), ("X-Id", "7"), ("accept", "b")])
    >>> headers["ACCEPT"], headers.get_list("accept")
    ('a, b', ['a', 'b'])
    >>> headers.pairs
    (('Accept', 'a'), ('X-Id', '7'), ('accept', 'b'))

    Raises:
        InvalidHeader: a name is no token, or a value holds what RFC 9110 section 5.5 does not allow.
    """

    __slots__ = ("_index", "_section", "pairs")

    #: Every ``(name, value)`` in wire order, with its case and its duplicates.
    pairs: tuple[tuple[str, str], ...]

    def __init__(self, headers: HeadersInput = ()) -> None:
        self._index: dict[str, list[str]] | None = None
        self._section: tuple[str, int, str] | None = None
        if isinstance(headers, Headers):
            self.pairs = headers.pairs
            return
        items: Iterable[tuple[HeaderText, HeaderText]]
        items = headers.items() if isinstance(headers, Mapping) else headers
        try:
            self.pairs = tuple([_pair(item) for item in items])
        except TypeError as error:
            raise InvalidHeader(
                f"headers must be a mapping or pairs of (name, value), not of type {type(headers).__name__}"
            ) from error

    @classmethod
    def received(cls, headers: HeadersInput) -> Headers:
        r"""Make Headers of what a peer has sent: values may hold control characters, but for CR, LF and NUL.

        Such values are invalid to send, and a recipient may keep them (RFC 9110 section 5.5).

        >>> Headers.received([("X-Odd", "a\x1fb")])["x-odd"]
        'a\x1fb'

        Raises:
            InvalidHeader: a name is no token, or a value holds CR, LF or NUL.
        """
        if isinstance(headers, Headers):
            return headers
        items = headers.items() if isinstance(headers, Mapping) else headers
        try:
            return cls.trusted([_received_pair(item) for item in items])
        except TypeError as error:
            raise InvalidHeader(
                f"headers must be a mapping or pairs of (name, value), not of type {type(headers).__name__}"
            ) from error

    @classmethod
    def trusted(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """Make Headers of pairs that have been validated already, by a parser or by another Headers."""
        headers = cls.__new__(cls)
        headers.pairs = tuple(pairs)
        headers._index = None
        headers._section = None
        return headers

    @classmethod
    def of_section(cls, text: str, start: int, lowered: str) -> Headers:
        """Make Headers of a section that has been validated already; it is taken apart when it is first looked at.

        Args:
            text: holds field lines ended by CRLF, none of them folded.
            start: where they begin.
            lowered: the same text in lower case.
        """
        headers = cls.__new__(cls)
        headers._index = None
        headers._section = (text, start, lowered)
        return headers

    if not TYPE_CHECKING:  # to a type checker, pairs are simply there

        def __getattr__(self, name: str) -> tuple[tuple[str, str], ...]:
            if name != "pairs":
                raise AttributeError(f"Headers have no attribute {name!r}")
            text, start, _ = self._section
            pairs = self.pairs = tuple([(name, value.strip(" \t")) for name, value in _field_lines(text, start)])
            return pairs

    def _by_name(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = {}
            for name, value in self.pairs:
                index.setdefault(name.lower(), []).append(value)
            self._index = index
        return index

    def get_list(self, name: str) -> list[str]:
        """Give each value of ``name`` apart, in order; an empty list where there is none."""
        return list(self._by_name().get(name.lower(), ()))

    def without(self, *names: str) -> Headers:
        """Give these headers less every field of the given names."""
        lowered = {name.lower() for name in names}
        return Headers.trusted([pair for pair in self.pairs if pair[0].lower() not in lowered])

    def __getitem__(self, name: str) -> str:
        if not isinstance(name, str):
            raise KeyError(name)
        key = name.lower()
        values = self._by_name()[key]
        return values[0] if len(values) == 1 or key == "set-cookie" else ", ".join(values)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = name.lower()
        if self._index is None and self._section is not None and f"\n{key}:" not in self._section[2]:
            return False  # most that are asked for are not there, and that needs no index
        return key in self._by_name()

    def __iter__(self) -> Iterator[str]:
        seen = set()
        for name, _ in self.pairs:
            key = name.lower()
            if key not in seen:
                seen.add(key)
                yield name

    def __len__(self) -> int:
        return len(self._by_name())

    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple((name.lower(), value) for name, value in self.pairs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._folded() == other._folded()
        if isinstance(other, Mapping):
            mine = {name.lower(): value for name, value in self.items()}
            return mine == {str(name).lower(): value for name, value in other.items()}
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._folded())

    def __reduce__(self) -> tuple[Callable[[HeadersInput], Headers], tuple[tuple[tuple[str, str], ...]]]:
        return (Headers.received, (self.pairs,))

    def __repr__(self) -> str:
        shown = [(name, "***" if name.lower() in SECRET else value) for name, value in self.pairs]
        return f"Headers({shown!r})"


def _pair(item: object) -> tuple[str, str]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        what = f"a {type(item).__name__}" + (f" of {len(item)}" if isinstance(item, tuple | list) else "")
        raise InvalidHeader(f"headers hold {what}: expected pairs of (name, value)")  # what it holds may be a login
    return valid_name(item[0]), valid_value(item[1], item[0])


def _received_pair(item: object) -> tuple[str, str]:
    if isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[1], str | bytes):
        value = item[1] if isinstance(item[1], str) else item[1].decode("latin-1")
        if _kept(value):
            return valid_name(item[0]), value.strip(" \t")
    return _pair(item)  # which says what is wrong with it


def valid_name(name: HeaderText) -> str:
    """Check a field name: a token (RFC 9110 section 5.1)."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    if not isinstance(text, str):
        raise InvalidHeader(f"header name {name!r} is a {type(name).__name__}: expected str or bytes")
    if not _name(text):
        raise InvalidHeader(
            f"header name {text!r:.80} is not a token: expected letters, digits and !#$%&'*+-.^_`|~ only, without spaces"
        )
    return str.__str__(text)  # of a subclass, an enum's member say, what was checked and not what it shows


def valid_value(value: HeaderText, name: HeaderText = "") -> str:
    """Check a field value and strip the white space around it, which is not part of it (RFC 9110 section 5.5)."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    shown = name.decode("latin-1", "replace") if isinstance(name, bytes) else name
    if not isinstance(text, str):
        raise InvalidHeader(
            f"the value of header {shown!r:.80} is a {type(value).__name__}: expected str or bytes; convert it with str()"
        )
    text = text.strip(" \t")
    if not _value(text):
        raise InvalidHeader(
            f"the value of header {shown!r:.80} holds {_first_bad(text)}: control characters other than TAB cannot be"
            " sent, and characters beyond latin-1 only as bytes in an encoding the server knows"
        )
    return text


def _first_bad(text: str) -> str:
    for position, character in enumerate(text):
        if not _value(character):
            return f"{character!r} at position {position}"
    raise AssertionError(text)  # called only with a value the pattern refused
