"""The same bytes before two readers that share no code with this package, and where they differ from ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from corpus.independent import READERS, TABLE, Reading
from fuzz.reading import Outcome, read
from packaging.version import Version

if TYPE_CHECKING:
    from fuzz.case import Case


@dataclass
class _Row:
    """As much of a row of the corpus as the independent readers look at."""

    method: str
    headers: list[tuple[str, str]]
    script: bytes
    then: str


def _judges() -> tuple[str, ...]:
    """Those readers whose faults the table knows: an older one has some that were mended since."""
    made_with = re.search(r"Made with (\w+) ([\d.]+) and (\w+) ([\d.]+)\.", TABLE.read_text(encoding="utf-8"))
    versions = {made_with[1]: made_with[2], made_with[3]: made_with[4]}
    return tuple(name for name in READERS if Version(metadata.version(name)) >= Version(versions[name]))


JUDGES = _judges()


def told(case: Case, reader: str) -> Case:
    """The case as far as a reader can be told of it.

    Neither knows what the end of a TLS connection is worth. httptools cannot be told of the request: of its answers it is
    asked what they are to a GET that would have liked to upgrade.
    """
    if case.end == "cut":
        case = replace(case, end="fin")
    return replace(case, method="GET", upgrade=True, close=False) if reader == "httptools" else case


def ours(case: Case, make, whole: Outcome | None = None) -> Reading:
    """What our reader makes of a case, in the words of the others."""
    if whole is None:
        whole = read(case, [case.data] if case.data else [], make)
    if whole.error or not whole.done:
        return Reading(fault=whole.text or "waits")
    status, reason, version, headers = whole.head
    return Reading(
        status,
        version,
        reason,
        list(headers),
        len(whole.informational),
        whole.body,
        list(whole.trailers),
        None,
        whole.reusable,
    )


def theirs(case: Case, reader: str) -> Reading:
    """What an independent reader makes of it."""
    headers = [("Host", "h")]
    if case.upgrade:
        headers += [("Upgrade", "websocket"), ("Connection", "upgrade")]
    if case.close:
        headers.append(("Connection", "close"))
    return READERS[reader](_Row(case.method, headers, case.data, case.end))


COMPARED = ("status", "version", "reason", "headers", "informational", "body", "trailers", "reusable")


def difference(one: Reading, other: Reading) -> str | None:
    """Say how our reading, the first, differs from another: "taken", "refused", the field that differs, or None.

    Where neither has a whole answer they do not differ: on the name of a failure they may, it concerns nobody.
    """
    if one.fault is not None or other.fault is not None:
        if one.fault is not None and other.fault is not None:
            return None
        return "taken" if one.fault is None else "refused"
    for name in COMPARED:
        if getattr(one, name) != getattr(other, name):
            return name
    return None
