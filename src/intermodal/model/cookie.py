"""One cookie: ``http.cookiejar``'s, with what this package asks of it and remembers of it."""

from __future__ import annotations

import copy
import http.cookiejar
import itertools
import re
from typing import Any, Final

from intermodal.errors import InvalidHeader

#: What a name and a value may hold: latin-1 without control characters, and nothing that would end them.
_sendable_name = re.compile(r"[\t\x20-\x3a\x3c\x3e-\x7e\x80-\xff]*").fullmatch
_sendable_value = re.compile(r"[\t\x20-\x3a\x3c-\x7e\x80-\xff]*").fullmatch

_DEFAULTS: Final[dict[str, Any]] = {
    "version": 0,
    "port": None,
    "domain": "",
    "path": "/",
    "secure": False,
    "expires": None,
    "comment": None,
    "comment_url": None,
    "rest": {},
    "rfc2109": False,
}
_IMPLIED = ("port_specified", "domain_specified", "domain_initial_dot", "path_specified", "discard")

# Counts what happens to cookies, in whatever jar, for the cookies of two may go into one field.
_moments = itertools.count(1)


class Cookie(http.cookiejar.Cookie):
    """A cookie as ``http.cookiejar`` has it, but for its value, which does not show."""

    def __repr__(self) -> str:
        return f"<Cookie {self.name}=*** for {self.domain or 'any host'}{self.path}>"

    __str__ = __repr__


def make(name: str, value: str, **attributes: Any) -> Cookie:
    """Make a cookie of those attributes of ``http.cookiejar.Cookie`` that are not as usual.

    >>> make("a", "secret", domain="example.com")
    <Cookie a=*** for example.com/>

    Raises:
        TypeError: an attribute that a cookie does not have.
    """
    unknown = attributes.keys() - _DEFAULTS.keys() - set(_IMPLIED)
    if unknown:
        raise TypeError(f"a cookie has no {min(unknown)!r}: expected {', '.join(sorted([*_DEFAULTS, *_IMPLIED]))}")
    implied = {
        "port_specified": bool(attributes.get("port")),
        "domain_specified": bool(attributes.get("domain")),
        "domain_initial_dot": attributes.get("domain", "").startswith("."),
        "path_specified": bool(attributes.get("path")),
        "discard": attributes.get("expires") is None,
    }
    return Cookie(name=name, value=value, **_DEFAULTS | implied | attributes)


def check(cookie: http.cookiejar.Cookie) -> None:
    """Check that a cookie can be sent, and is one; its value is not quoted.

    Raises:
        InvalidHeader: its name or value is not text, or holds what would be read as something else.
    """
    name: Any = cookie.name
    value: Any = cookie.value
    if not isinstance(name, str) or not isinstance(value, str | None):
        wrong = value if isinstance(name, str) else name
        raise InvalidHeader(
            f"a cookie's name or value is a {type(wrong).__name__}: expected str; convert it with str()"
        )
    if not _sendable_name(name):
        raise InvalidHeader(
            f"the cookie's name {name!r:.80} cannot be sent: expected latin-1 without '=', ';' and control characters"
        )
    if not _sendable_value(value or ""):
        raise InvalidHeader(
            f"the value of the cookie {name!r:.80} cannot be sent: expected latin-1 without ';' and control characters;"
            " encode it, for instance by urllib.parse.quote, or give it as bytes"
        )
    if not (name or value):
        raise InvalidHeader("a cookie has neither a name nor a value: expected one of them")


def adopted(cookie: http.cookiejar.Cookie) -> http.cookiejar.Cookie:
    """Copy a cookie of another kind of jar."""
    cookie = copy.copy(cookie)
    if cookie.domain == "localhost.local":  # what http.cookiejar makes of a host without a dot
        cookie.domain = "localhost"
    return cookie


def remember(cookie: http.cookiejar.Cookie, instead_of: http.cookiejar.Cookie | None) -> None:
    """Note that a cookie is kept from now on; it is as old as the one that it replaces (section 5.7, step 23)."""
    memory = vars(cookie)
    memory["_used"] = next(_moments)
    memory["_made"] = memory["_used"] if instead_of is None else made(instead_of)


def touch(cookies: list[http.cookiejar.Cookie]) -> None:
    """Note that cookies were sent."""
    moment = next(_moments)
    for cookie in cookies:
        vars(cookie)["_used"] = moment


def made(cookie: http.cookiejar.Cookie) -> int:
    """Tell when a cookie was made: the lower, the longer ago."""
    moment: int = vars(cookie)["_made"]
    return moment


def used(cookie: http.cookiejar.Cookie) -> int:
    """Tell when a cookie was last set or sent."""
    moment: int = vars(cookie)["_used"]
    return moment


def pair(cookie: http.cookiejar.Cookie) -> str:
    """Write a cookie as it is sent (section 5.8.3, step 6)."""
    if cookie.value is None:  # http.cookiejar's way with a cookie that has no name
        return cookie.name
    return f"{cookie.name}={cookie.value}" if cookie.name else cookie.value


def record(cookie: http.cookiejar.Cookie) -> dict[str, Any]:
    """Give all attributes, as :func:`make` takes them."""
    named = {name: getattr(cookie, name) for name in ("name", "value", *_DEFAULTS, *_IMPLIED) if name != "rest"}
    return {**named, "rest": dict(cookie._rest)}  # type: ignore[attr-defined]  # there is no other way to all of them
