"""Cookies in a file: JSON, written whole or not at all, for its owner's eyes only."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

#: What the file says of itself, so that another file is not taken for one.
_MARK = "intermodal cookies 1"

#: Seconds that fit everywhere.
_END_OF_TIME = 1 << 53

#: The attributes of a cookie as they are in the file, with what each may be.
_TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "value": (str, type(None)),
    "domain": (str,),
    "domain_specified": (bool,),
    "domain_initial_dot": (bool,),
    "path": (str,),
    "path_specified": (bool,),
    "secure": (bool,),
    "expires": (int, type(None)),
    "discard": (bool,),
    "rest": (dict,),
    "port": (str, type(None)),
    "port_specified": (bool,),
    "version": (int, type(None)),
    "comment": (str, type(None)),
    "comment_url": (str, bool, type(None)),
    "rfc2109": (bool,),
}


def write(path: str | os.PathLike[str], records: list[dict[str, Any]]) -> None:
    """Write records; whoever reads the file meanwhile, and whatever happens, it is the old one or the new one.

    Args:
        path: the file; where it is a link, what it leads to is replaced.
        records: the attributes of each cookie.
    """
    target = Path(path).resolve()
    text = json.dumps({"format": _MARK, "cookies": records}, indent=1)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # which is 0600 from the start
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read records.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else; what it holds is not quoted, for it may be secret.
    """
    raw = Path(path).read_bytes()
    try:
        content = json.loads(raw)
        marked = content["format"] == _MARK
        records: list[dict[str, Any]] = content["cookies"]
        wrong = next((number for number, record in enumerate(records, 1) if not _is_record(record)), None)
    except (ValueError, TypeError, KeyError, RecursionError):
        marked, wrong = False, None
    if not marked:
        raise ValueError(f"{os.fspath(path)!r} is no file of CookieJar.save: expected JSON with the format {_MARK!r}")
    if wrong is not None:
        raise ValueError(f"cookie {wrong} of {os.fspath(path)!r} is none: expected what CookieJar.save writes")
    return records


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and record.keys() == _TYPES.keys()
        and all(type(record[name]) in types for name, types in _TYPES.items())
        and abs(record["expires"] or 0) < _END_OF_TIME
        and (record["port"] is not None or not record["port_specified"])
    )
