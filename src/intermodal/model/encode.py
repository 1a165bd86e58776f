"""What callers give as ``params``, ``data`` and ``json``, as bytes with a media type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from intermodal.errors import InvalidRequest

_Scalar = str | bytes | int | float | None
Fields = Mapping[str, Any] | Iterable[tuple[str, Any]]
ParamsInput = Fields | str | bytes | None

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def encode_fields(fields: Fields, name: str) -> str:
    """Encode fields as a form does (WHATWG URL, application/x-www-form-urlencoded): lists repeat the key, None is left out.

    >>> encode_fields({"q": "a b&c", "tag": ["x", "y"], "none": None}, "params")
    'q=a+b%26c&tag=x&tag=y'

    Raises:
        InvalidRequest: it is neither a mapping nor pairs.
    """
    pairs = [pair for pair in _flat(fields, name) if pair[1] is not None]
    from urllib.parse import urlencode  # noqa: PLC0415 - slow to import

    try:
        return urlencode(pairs)
    except (UnicodeEncodeError, RecursionError) as error:
        raise InvalidRequest(f"{name} holds what cannot be written: {error}") from error


def _pairs(fields: Fields, name: str) -> list[tuple[Any, Any]]:
    try:
        return list(fields.items()) if isinstance(fields, Mapping) else [(key, value) for key, value in fields]
    except (TypeError, ValueError) as error:
        what = type(fields).__name__  # and nothing of what is in it, which may be a password
        raise InvalidRequest(
            f"{name} is a {what} that holds something else: expected a mapping or pairs of (key, value)"
        ) from error


def _flat(fields: Fields, name: str) -> list[tuple[Any, Any]]:
    """Give pairs with a value each, for lists repeat the key."""
    pairs: list[tuple[Any, Any]] = []
    for key, value in _pairs(fields, name):
        values = (
            list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else [value]
        )
        pairs.extend((key, each) for each in values or [None])  # a name without values keeps its place
    return pairs


class Params(NamedTuple):
    """The parameters that a client adds to every query, as they were when it was made.

    >>> defaults = Params.of({"s": 1, "t": [2, 3]})
    >>> defaults.under(None), defaults.under({"t": 4}), defaults.under([("s", None), ("u", 5)]), defaults.under("a=%7e")
    ('s=1&t=2&t=3', 's=1&t=4', 't=2&t=3&u=5', 's=1&t=2&t=3&a=%7e')
    """

    fields: tuple[tuple[Any, Any], ...] = ()
    text: str = ""

    @classmethod
    def of(cls, params: ParamsInput) -> Params:
        """Read ``params``; text and bytes go as they are."""
        if params is None or isinstance(params, str | bytes):
            return cls(text=_text(params))
        fields = tuple(_flat(params, "params"))
        encode_fields(fields, "params")  # what is wrong with them is said here, not at the first request
        return cls(fields)

    def under(self, params: ParamsInput) -> str:
        """Give the query with a call's own parameters: each replaces those of its name, and None removes them.

        Raises:
            InvalidRequest: they are neither a mapping nor pairs.
        """
        if params is None and not self.fields:
            return self.text
        if params is None or isinstance(params, str | bytes):
            return "&".join(filter(None, [self.text, encode_fields(self.fields, "params"), _text(params)]))
        given = _pairs(params, "params")
        if not self.fields:
            return "&".join(filter(None, [self.text, encode_fields(given, "params")]))
        merged: dict[Any, list[tuple[Any, Any]]] = {}
        for pair in self.fields:
            merged.setdefault(_name(pair[0]), []).append(pair)
        own: dict[Any, list[tuple[Any, Any]]] = {}
        for pair in given:
            own.setdefault(_name(pair[0]), []).append(pair)
        merged.update(own)
        fields = [pair for pairs in merged.values() for pair in pairs]
        return "&".join(filter(None, [self.text, encode_fields(fields, "params")]))


def _name(key: Any) -> Any:
    return (
        key.encode("utf-8", "surrogatepass")
        if isinstance(key, str)
        else key
        if isinstance(key, bytes)
        else str(key).encode()
    )


def _text(params: str | bytes | None) -> str:
    return params.decode("utf-8", "surrogateescape") if isinstance(params, bytes) else params or ""


def encode_json(value: object) -> bytes:
    """Encode a JSON value as UTF-8 (RFC 8259).

    >>> encode_json({"a": [1, None]})
    b'{"a": [1, null]}'

    Raises:
        InvalidRequest: NaN and the infinities, which JSON does not have, or an object that is no JSON value.
    """
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"what was given as json= cannot be written as JSON: {error}") from error
