"""What callers give as ``params``, ``data`` and ``json``, as bytes with a media type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

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
    try:
        items = list(fields.items()) if isinstance(fields, Mapping) else [(key, value) for key, value in fields]
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{name}={fields!r:.80}: expected a mapping or pairs of (key, value)") from error
    pairs: list[tuple[Any, Any]] = []
    for key, value in items:
        values = value if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else [value]
        pairs.extend((key, each) for each in values if each is not None)
    from urllib.parse import urlencode  # noqa: PLC0415 - slow to import

    try:
        return urlencode(pairs)
    except (UnicodeEncodeError, RecursionError) as error:
        raise InvalidRequest(f"{name} holds what cannot be written: {error}") from error


def encode_params(params: ParamsInput) -> str:
    """Encode what is added to a URL's query; text and bytes go as they are.

    >>> encode_params("a=1"), encode_params([("k", 1), ("k", 2)])
    ('a=1', 'k=1&k=2')
    """
    if params is None:
        return ""
    if isinstance(params, bytes):
        return params.decode("utf-8", "surrogateescape")
    return params if isinstance(params, str) else encode_fields(params, "params")


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
