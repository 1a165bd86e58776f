"""The rules of cookies as pure functions: what a ``Set-Cookie`` line says, when it expires, where it goes.

They are those of RFC 6265bis (draft-ietf-httpbis-rfc6265bis), whose sections are named where they are followed. Text
is latin-1, a character for each byte of the wire, so that lengths are octets and values go back as the same bytes.
What breaks a rule is no error: a recipient ignores it.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from intermodal.model.host import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.model.url import URL

#: Octets of name and value together, and of one attribute's value (section 5.6).
MAX_PAIR = 4096
MAX_ATTRIBUTE = 1024
#: The longest that a cookie lives: 400 days, in seconds (section 5.5).
MAX_AGE = 34_560_000
#: Cookies that share a domain, and cookies in all (section 6.1).
MAX_PER_DOMAIN = 50
MAX_COOKIES = 3000
#: Octets of a ``Cookie`` field: servers refuse longer ones, and with them every later request (CVE-2022-32205).
MAX_HEADER = 8192

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]").search
_MAX_AGE = re.compile("-?[0-9]+").fullmatch

_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}

# The tokens of section 5.1.1 stand between delimiters; after what a token is read for, anything but a digit may follow.
_DATE_TOKEN = re.compile(r"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+").findall
_TIME = re.compile("([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])").match
_DAY = re.compile("([0-9]{1,2})(?![0-9])").match
_YEAR = re.compile("([0-9]{2,4})(?![0-9])").match
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Received(NamedTuple):
    """What a ``Set-Cookie`` line says; None is what it does not say, an empty path is the default one."""

    name: str
    value: str
    domain: str | None = None
    path: str | None = None
    max_age: int | None = None
    expires: int | None = None
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None

    def expiry(self, now: float) -> int | None:
        """Give the second at which the cookie ends, at most 400 days from now; None is the end of the session.

        ``Max-Age`` comes before ``Expires`` (section 5.7, step 6).

        >>> Received("a", "1", max_age=60, expires=0).expiry(1000.5), Received("a", "1", max_age=0).expiry(1000.5)
        (1061, 0)
        """
        if self.max_age is not None:
            moment = -int(-(now + min(self.max_age, MAX_AGE)) // 1) if self.max_age > 0 else 0
        elif self.expires is not None:
            moment = self.expires
        else:
            return None
        return min(moment, int(now + MAX_AGE))


def parse_set_cookie(line: str) -> Received | None:
    """Parse the value of a ``Set-Cookie`` field (section 5.6); None for what is ignored.

    >>> parse_set_cookie("SID=31d4; Path=/; Secure; Max-Age=60")
    Received(name='SID', value='31d4', domain=None, path='/', max_age=60, expires=None, secure=True, http_only=False, same_site=None)
    """
    if _CONTROL(line):
        return None
    pair, _, rest = line.partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    if len(name) + len(value) > MAX_PAIR or not (name or value):
        return None
    return _with_attributes(Received(name, value), rest) if rest else Received(name, value)


def _with_attributes(received: Received, text: str) -> Received:
    """Add what the attributes say: of each the last that is valid (sections 5.6.1 to 5.6.7)."""
    said: dict[str, object] = {}
    for attribute in text.split(";"):
        if not attribute:
            continue
        name, _, value = attribute.partition("=")
        value = value.strip(" \t")
        if len(value) > MAX_ATTRIBUTE:
            continue
        match name.strip(" \t").lower():
            case "expires":
                date = parse_date(value)
                if date is not None:
                    said["expires"] = date
            case "max-age":
                if _MAX_AGE(value):
                    said["max_age"] = int(value)
            case "domain":
                said["domain"] = value.removeprefix(".")
            case "path":
                said["path"] = value if value.startswith("/") else ""
            case "secure":
                said["secure"] = True
            case "httponly":
                said["http_only"] = True
            case "samesite":
                said["same_site"] = _SAME_SITE.get(value.lower())
    return received._replace(**said)  # type: ignore[arg-type]


def parse_date(text: str) -> int | None:
    """Parse a cookie-date, which takes nearly anything, to seconds since 1970 (section 5.1.1); None for what is none.

    >>> parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), parse_date("06-nov-94 8:49:37"), parse_date("tomorrow")
    (784111777, 784111777, None)
    """
    time = day = month = year = None
    for token in _DATE_TOKEN(text):
        if time is None and (found := _TIME(token)):
            time = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR(token)):
            year = int(found[1])
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return int(datetime(year, month, day, *time, tzinfo=timezone.utc).timestamp())
    except ValueError:  # there is no such day or no such time, as a leap second
        return None


def host_of(url: URL) -> str:
    """Give the host that cookies are for: as in a URL, an IPv6 address in brackets and with its zone, no trailing dot.

    >>> from intermodal.model.url import URL
    >>> host_of(URL("http://Example.com.:8080/")), host_of(URL("http://[::1]/"))
    ('example.com', '[::1]')
    """
    host = url.origin[1]
    return f"[{host}]" if ":" in host else host


def domain_matches(host: str, domain: str) -> bool:
    """Whether a host is a domain or below it (section 5.1.3); nothing is below an address.

    >>> domain_matches("a.example.com", "example.com"), domain_matches("badexample.com", "example.com")
    (True, False)
    """
    return host == domain or (host.endswith(f".{domain}") and not is_address(host))


def domains_of(host: str) -> Iterator[str]:
    """Give the domains that a host matches, itself first.

    >>> list(domains_of("a.b.example")), list(domains_of("127.0.0.1"))
    (['a.b.example', 'b.example', 'example'], ['127.0.0.1'])
    """
    yield host
    if not is_address(host):
        dot = host.find(".")
        while dot >= 0:
            yield host[dot + 1 :]
            dot = host.find(".", dot + 1)


def path_matches(path: str, of_cookie: str) -> bool:
    """Whether a request's path is a cookie's, or lies below it at a slash (section 5.1.4).

    >>> path_matches("/docs/web", "/docs"), path_matches("/docsets", "/docs")
    (True, False)
    """
    return path.startswith(of_cookie) and (
        len(path) == len(of_cookie) or of_cookie.endswith("/") or path[len(of_cookie)] == "/"
    )


def default_path(path: str) -> str:
    """Give the path of a cookie that names none: the request's, up to its last slash (section 5.1.4).

    >>> default_path("/docs/web/x"), default_path("/docs"), default_path("/docs/")
    ('/docs/web', '/', '/docs')
    """
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def is_public_suffix(domain: str) -> bool:
    """Whether anybody may register below a domain, so that a cookie for it would reach strangers.

    The list is that of ``publicsuffixlist`` (``pip install "intermodal[cookies]"``); without it, these are the domains
    of one label.

    >>> is_public_suffix("com"), is_public_suffix("localhost"), is_public_suffix("example.com")
    (True, True, False)
    """
    if "." not in domain:
        return True
    listed = _public_suffixes()
    return listed is not None and listed(domain)


@cache
def _public_suffixes() -> Callable[[str], bool] | None:
    try:
        library = import_module("publicsuffixlist")
    except ImportError:
        return None
    is_public: Callable[[str], bool] = library.PublicSuffixList().is_public
    return is_public


def domain_for(received: Received, host: str) -> str | None:
    """Give the domain of a cookie from this host, with a dot in front unless it is for the host only.

    None where the host may not set it (section 5.7, steps 8 to 10).

    >>> domain_for(Received("a", "1"), "example.com"), domain_for(Received("a", "1", "example.com"), "www.example.com")
    ('example.com', '.example.com')
    >>> domain_for(Received("a", "1", "com"), "example.com") is None
    True
    """
    if not received.domain:
        return host
    if not received.domain.isascii():
        return None
    domain = received.domain.lower()
    if is_public_suffix(domain):
        return host if domain == host else None
    return f".{domain}" if domain_matches(host, domain) else None


def is_allowed(received: Received, domain: str, path: str, *, secure: bool) -> bool:
    """Whether a cookie keeps the promises of its flags and of its name's prefix (section 5.7, steps 13 and 19 to 22).

    Args:
        received: what the line says.
        domain: as :func:`domain_for` gives it.
        path: the cookie's path.
        secure: whether it came by https.

    >>> is_allowed(Received("__Host-a", "1", path="/", secure=True), "example.com", "/", secure=True)
    True
    >>> is_allowed(Received("__Host-a", "1", path="/", secure=True), ".example.com", "/", secure=True)
    False
    """
    if received.secure and not secure:
        return False
    if received.same_site == "None" and not received.secure:
        return False
    if not received.name:
        return not received.value.lower().startswith(("__secure-", "__host-"))
    name = received.name.lower()
    if name.startswith("__secure-"):
        return received.secure
    if name.startswith("__host-"):
        return received.secure and not domain.startswith(".") and received.path is not None and path == "/"
    return True
