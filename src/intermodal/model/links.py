"""Link header fields: what a response is related to (RFC 8288), in the shape that requests gives them.

Lenient where servers are (single quotes, upper case, spaces, parameters of no value), strict about what a link is: a target
in angle brackets. What is none is passed over, up to the next comma with a target behind it. Linear in its input.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A parameter with what separates it from the last one (RFC 8288 section 3): a token, then perhaps a value, quoted or not.
_PARAMETER = r"""[ \t;]*;[ \t]*([^\s=;,"<>]+)[ \t]*(?:=[ \t]*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^;,]*)))?"""


def parse_links(values: Iterable[str]) -> dict[str, dict[str, str]]:
    """Give each link by its relation, else by its URL: ``{"next": {"url": "/?page=2", "rel": "next"}}``.

    A link of several relations (``rel="next last"``) is there by each of them; relations are compared without case (RFC 8288
    section 2.1.1), so their keys are in lower case. Of two links with one relation the last counts. Names of parameters are
    in lower case; of two with one name the first counts (RFC 8288 section 3.3).

    >>> parse_links(['</?page=2>; rel="next", </?page=9>; rel="last"; title="a, b"'])["last"]
    {'url': '/?page=9', 'rel': 'last', 'title': 'a, b'}
    """
    links = {}
    for value in values:
        for link in _links(value):
            for key in link.get("rel", "").lower().split() or [link["url"]]:
                links[key] = link
    return links


def _links(value: str) -> Iterator[dict[str, str]]:
    parameter = re.compile(_PARAMETER).match
    at = 0
    while (start := _next_target(value, at)) >= 0 and (end := value.find(">", start)) >= 0:
        start = value.rfind("<", start, end)  # a target holds none (RFC 3986): what is before it was cut off
        link = {"url": value[start + 1 : end].strip()}
        at = end + 1
        while found := parameter(value, at):
            quoted, bare = found[2], found[3]
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (bare or "").strip(" \t'\"")
            link.setdefault(found[1].lower(), text)
            at = found.end()
        yield link


def _next_target(value: str, at: int) -> int:
    """Give where the next target begins, at the start of the value or behind a comma; -1 where there is none."""
    start = at
    while (start := value.find("<", start)) >= 0:
        before = start - 1
        while before >= at and value[before] in " \t":
            before -= 1
        if before < 0 or (before >= at and value[before] == ","):
            return start
        start += 1
    return -1
