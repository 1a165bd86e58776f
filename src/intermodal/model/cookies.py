"""The jar of cookies: an ``http.cookiejar.CookieJar`` by the rules of RFC 6265bis, and a mapping as requests has it.

Its laws:

- What a server sets goes back to the hosts, paths and schemes it was set for and nowhere else, as the same bytes. A
  cookie without ``Domain`` goes to its host only, not below it, as it would from ``http.cookiejar`` and requests.
- A cookie that was set by hand without a domain goes to every host, except to those that have set one of that name.
- What servers set is bounded in size and number; what was set by hand for every host is never dropped for that.
- Every operation holds the jar's lock. No value shows in a ``repr``.

This module is imported when the first cookie is needed: ``http.cookiejar`` is slow to import.
"""

from __future__ import annotations

import copy
import http.cookiejar
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from intermodal.errors import InvalidHeader
from intermodal.model import cookie_file
from intermodal.model.cookie import Cookie, adopted, check, made, make, record
from intermodal.model.cookie_store import CookieStore

if TYPE_CHECKING:
    import os

__all__ = ["Cookie", "CookieConflictError", "CookieJar", "CookiesInput"]

CookiesInput = Mapping[str, str | bytes | None] | http.cookiejar.CookieJar | None


class CookieConflictError(ValueError):
    """There are several cookies of that name: say which one is meant, by ``get(name, domain=…, path=…)``."""


class CookieJar(CookieStore):
    """Cookies, by the rules of RFC 6265bis; also a mapping from names to values.

    Iterating gives cookies, as in every ``http.cookiejar.CookieJar``, and ``len`` counts them; ``keys``, ``values`` and
    ``items`` are lists, which may hold a name more than once. ``jar[name] = value`` replaces every cookie of that name.

    >>> from intermodal.model.headers import Headers
    >>> from intermodal.model.url import URL
    >>> jar = CookieJar()
    >>> url = URL("https://www.example.com/a/b")
    >>> sorted(jar.store(url, Headers([("Set-Cookie", "SID=31d4; Secure"), ("Set-Cookie", "lang=en; Path=/")])))
    ['SID', 'lang']
    >>> jar.header(url), jar.header(URL("http://www.example.com/")), jar.header(URL("https://example.com/"))
    ('SID=31d4; lang=en', 'lang=en', None)
    >>> jar["lang"], jar
    ('en', <CookieJar[2 cookies for www.example.com]>)
    """

    @classmethod
    def of(cls, given: CookiesInput) -> CookieJar:
        """Make a jar of what a caller gave; another jar is copied, so that it stays as it is.

        >>> CookieJar.of({"a": "1"})
        <CookieJar[1 cookie for any host]>

        Raises:
            InvalidHeader: it is neither a mapping nor a jar, or holds what cannot be sent.
        """
        jar = cls()
        if given is not None:
            jar.update(given)
        return jar

    def get(
        self, name: str, default: str | None = None, domain: str | None = None, path: str | None = None
    ) -> str | None:
        """Give the value of a cookie, or the default.

        Raises:
            CookieConflictError: several have that name, and are of that domain and path where those are given.
        """
        found = self._named(name, domain, path)
        return _only(found).value if found else default

    def set(self, name: str, value: str | bytes | None, **attributes: Any) -> http.cookiejar.Cookie | None:
        """Set a cookie by hand, and give it; a value of None removes those of that name.

        Without a domain it goes to every host, and replaces every cookie of that name.

        Args:
            name: its name.
            value: its value; text that is not latin-1 is given as bytes, in the encoding that the server knows.
            attributes: those of ``http.cookiejar.Cookie``: ``domain`` (and the hosts below it, unless there is
                ``domain_specified=False`` beside it), ``path`` (``"/"`` if not given), ``secure``, ``expires``, ``rest``

        Raises:
            InvalidHeader: a name or value that cannot be sent.
            TypeError: an attribute that a cookie does not have.
        """
        domain, path = attributes.get("domain"), attributes.get("path")
        if value is None:
            with self._cookies_lock:
                for key, cookie in self._live():
                    if _is(cookie, name, domain, path):
                        self._remove(*key)
            return None
        cookie = make(name, value.decode("latin-1") if isinstance(value, bytes) else value, **attributes)
        check(cookie)
        with self._cookies_lock:
            if not cookie.domain:
                self.set(name, None)
            self._put(cookie)
        return cookie

    def update(self, other: Mapping[str, str | bytes | None] | http.cookiejar.CookieJar) -> None:
        """Set all that is in a mapping, or take over copies of the cookies of another jar.

        Raises:
            InvalidHeader: it is neither, or holds what cannot be sent.
        """
        if isinstance(other, CookieJar):
            for cookie in sorted(other, key=made):
                self.set_cookie(copy.copy(cookie))
        elif isinstance(other, http.cookiejar.CookieJar):
            for cookie in other:
                self.set_cookie(adopted(cookie))
        elif isinstance(other, Mapping):
            for name, value in other.items():
                self.set(name, value)
        else:
            raise InvalidHeader(
                f"cookies are given as a {type(other).__name__}: expected a mapping from names to values, or a CookieJar"
            )

    def keys(self) -> list[str]:
        return [cookie.name for cookie in self]

    def values(self) -> list[str | None]:
        return [cookie.value for cookie in self]

    def items(self) -> list[tuple[str, str | None]]:
        return [(cookie.name, cookie.value) for cookie in self]

    def get_dict(self, domain: str | None = None, path: str | None = None) -> dict[str, str | None]:
        """Give names and values, of one domain and path where those are given; the last one of each name."""
        return {cookie.name: cookie.value for cookie in self._named(None, domain, path)}

    def copy(self) -> CookieJar:
        """Give another jar with copies of these cookies."""
        jar = type(self)()
        jar.update(self)
        return jar

    def _named(self, name: str | None, domain: str | None, path: str | None) -> list[http.cookiejar.Cookie]:
        return [cookie for cookie in self if _is(cookie, name, domain, path)]

    def __getitem__(self, name: str) -> str | None:
        found = self._named(name, None, None)
        if not found:
            raise KeyError(name)
        return _only(found).value

    def __setitem__(self, name: str, value: str | bytes | None) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.set(name, None)

    def __contains__(self, item: object) -> bool:
        return any(item in (cookie.name, cookie) for cookie in self)

    def save(self, path: str | os.PathLike[str], *, session: bool = False) -> None:
        """Write the cookies to a file that only its owner may read: all of them or, if that fails, none.

        Args:
            path: the file, which is replaced.
            session: whether those without an expiry are written too, which are for this session only.

        Raises:
            OSError: the file cannot be written.
        """
        kept = [cookie for cookie in self if session or cookie.expires is not None]
        cookie_file.write(path, [record(cookie) for cookie in sorted(kept, key=made)])

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take in what :meth:`save` has written; what has expired since is left out.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no such file.
        """
        for attributes in cookie_file.read(path):
            self.set_cookie(make(**attributes))

    def __getstate__(self) -> dict[str, Any]:
        return {"cookies": sorted(self, key=made)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CookieJar.__init__(self)
        for cookie in state["cookies"]:
            self.set_cookie(copy.copy(cookie))


def _is(cookie: http.cookiejar.Cookie, name: str | None, domain: str | None, path: str | None) -> bool:
    return name in {None, cookie.name} and domain in {None, cookie.domain} and path in {None, cookie.path}


def _only(found: list[http.cookiejar.Cookie]) -> http.cookiejar.Cookie:
    if len(found) > 1:
        where = ", ".join([f"{cookie.domain or 'any host'}{cookie.path}" for cookie in found[:3]])
        raise CookieConflictError(
            f"there are {len(found)} cookies named {found[0].name!r:.80}, for {where}{' ...' * (len(found) > 3)}:"
            " say which by get(name, domain=..., path=...)"
        )
    return found[0]
