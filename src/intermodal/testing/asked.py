"""What a request asks for: its URL and query, its body, its conditions, ranges and credentials, read for the routes.

Laws:

- Nothing here fails but by `Refused`, whatever the request holds.
- Bytes that are not UTF-8 are kept as lone surrogates, and become the same bytes again in a field or as JSON escapes.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

if TYPE_CHECKING:
    from .messages import Fields, Received

__all__ = [
    "Asked",
    "Refused",
    "byte_range",
    "field_name",
    "field_value",
    "grouped",
    "parse_count",
    "parse_seconds",
    "parse_status",
]

_ABSOLUTE: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MOST_SECONDS: Final = 10.0
_MOST_LEVELS: Final = 100


class Refused(Exception):
    """The request asks a route for what it cannot give; the message is the reason."""


@dataclass(frozen=True)
class Asked:
    """A request beside what its connection knows of it: the scheme, the client's address, the origin's own authority.

    >>> from intermodal.testing.messages import Received
    >>> request = Received("GET", "/a?b=1&b=%20", "HTTP/1.1", [("Host", "x:8000")], b"", b"", 1)
    >>> asked = Asked(request, "http", "127.0.0.1", "127.0.0.1:8000")
    >>> asked.url, asked.path, asked.args
    ('http://x:8000/a?b=1&b=%20', '/a', [('b', '1'), ('b', ' ')])
    """

    request: Received
    scheme: str
    client: str
    authority: str

    @property
    def url(self) -> str:
        """The target URI (RFC 9112 section 3.3); an absolute-form target is it already."""
        target = self.request.target
        return target if _ABSOLUTE.match(target) else self.base + target

    @property
    def base(self) -> str:
        """Scheme and authority of the URL."""
        if found := _ABSOLUTE.match(self.request.target):
            return found.group()
        return f"{self.scheme}://{self.request.first('host', self.authority)}"

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return self._path_and_query[0]

    @property
    def args(self) -> Fields:
        """Names and values of the query, decoded."""
        return _pairs(self._path_and_query[1])

    def arg(self, name: str, default: str) -> str:
        """The first value of one name of the query."""
        return next((value for known, value in self.args if known == name), default)

    @property
    def _path_and_query(self) -> tuple[str, str]:
        path, _, query = _ABSOLUTE.sub("", self.request.target, count=1).partition("?")
        return path or "/", query

    def about(self) -> dict[str, Any]:
        """What the origin knows of the request without its body, in the words of httpbin."""
        request = self.request
        return {
            # The answer to HEAD describes what GET would get (RFC 9110 section 9.3.2), its length included.
            "method": "GET" if request.method == "HEAD" else request.method,
            "url": self.url,
            "target": request.target,
            "args": grouped(self.args),
            "headers": request.headers,
            "origin": self.client,
        }

    def about_body(self) -> dict[str, Any]:
        """What the origin knows of the body, in the words of httpbin."""
        body = self.request.body
        media_type = self.request.first("content-type").partition(";")[0].strip().lower()
        form = _pairs(body.decode("latin-1")) if media_type == "application/x-www-form-urlencoded" else []
        try:
            data = body.decode()
        except UnicodeDecodeError:
            data = f"data:application/octet-stream;base64,{base64.b64encode(body).decode()}"
        return {"data": data, "form": grouped(form), "json": _parsed(body)}

    def names(self, field: str, etag: str, *, strongly: bool = False) -> bool:
        """Whether the list `field` is "*" or names `etag` (compared as in RFC 9110 section 8.8.3.2)."""
        listed = ",".join(self.request.field_values(field))
        tags = re.findall(r'(W/)?("[^"]*")', listed)
        return listed.strip() == "*" or any(tag == etag and not (strongly and weak) for weak, tag in tags)

    def credentials(self, scheme: str) -> str:
        """What follows `scheme` in the one Authorization field, or nothing."""
        values = self.request.field_values("authorization")
        found, _, rest = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        return rest.strip() if found.lower() == scheme else ""

    def knows(self, user: str, password: str) -> bool:
        """Whether the request carries these (percent-encoded) credentials by Basic (RFC 7617)."""
        given = self.credentials("basic")
        expected = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
        return given == base64.b64encode(expected).decode()


def _pairs(query: str) -> Fields:
    try:
        text = query.encode("latin-1").decode("utf-8", "surrogateescape")
        return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=1000)
    except ValueError as exc:
        raise Refused(f"the query or form cannot be read: {exc}") from exc


def _parsed(body: bytes) -> Any:
    """The body as JSON; None where it is not, or nested more than a hundred levels deep.

    How deep a value can be and still be written depends on the interpreter and the stack; a number of our own does not.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    level = [value]
    for _ in range(_MOST_LEVELS):
        containers = (
            item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))
        )
        level = [child for container in containers for child in container]
        if not level:
            return value
    return None


def grouped(pairs: Fields) -> dict[str, list[str]]:
    """All values of each name, in order."""
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def field_value(text: str) -> str:
    """Text of the query as a field value: UTF-8, or the very bytes that were percent-encoded."""
    if any(char in text for char in "\r\n\0"):
        raise Refused(f"{text!r} holds CR, LF or NUL: expected text that can stand in a field")
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def field_name(text: str) -> str:
    """Text of the query as a field name; not one that would change the framing of the answer."""
    if not _TOKEN.fullmatch(text) or text.lower() in ("content-length", "transfer-encoding", "connection"):
        raise Refused(f"{text!r}: expected the name of a field that is not about framing")
    return text


def parse_count(text: str, most: int) -> int:
    """A whole number up to `most`."""
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) > most:
        raise Refused(f"{text!r}: expected a whole number from 0 to {most}")
    return int(text)


def parse_status(text: str) -> int:
    """A status, which is any three digits."""
    if not re.fullmatch("[0-9]{3}", text):
        raise Refused(f"{text!r}: expected a status of three digits")
    return int(text)


def parse_seconds(text: str) -> float:
    """A time, cut down to ten seconds."""
    try:
        value = float(text)
    except ValueError as exc:
        raise Refused(f"{text!r}: expected a number of seconds") from exc
    if not value >= 0:  # not a number compares false
        raise Refused(f"{text!r}: expected a number of seconds from 0 on")
    return min(value, _MOST_SECONDS)


def byte_range(ranges: list[str], size: int) -> tuple[int, int] | None:
    """First and last position asked for; None for what may be ignored: no range, several of them, an invalid one.

    The first lies behind the last where nothing of the range exists (RFC 9110 section 14.1.2).

    >>> byte_range(["bytes=2-"], 10), byte_range(["bytes=-3"], 10), byte_range(["bytes=5-2"], 10)
    ((2, 9), (7, 9), None)
    """
    found = re.fullmatch("bytes=([0-9]{0,18})-([0-9]{0,18})", ",".join(ranges))
    if found is None or found.groups() == ("", ""):
        return None
    if not found[1]:
        return max(size - int(found[2]), 0), size - 1
    first = int(found[1])
    last = int(found[2]) if found[2] else max(first, size)
    return (first, min(last, size - 1)) if first <= last else None
