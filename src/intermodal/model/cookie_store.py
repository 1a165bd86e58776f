"""What cookies are kept, and which go to a URL: the storage and the retrieval of RFC 6265bis, over ``http.cookiejar``.

The container is that of ``http.cookiejar``, and so is its lock, which every operation holds: cookies by domain, path
and name. A domain has a dot in front where a server has written ``Domain``, so that the hosts below it are meant too;
a cookie for a host only and one for all below it are two cookies, as the RFC has it. An empty domain is every host.
"""

from __future__ import annotations

import heapq
import http.cookiejar
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from intermodal.errors import InvalidRequest
from intermodal.forking import forget_after_fork
from intermodal.model.cookie import check, made, make, pair, remember, touch, used
from intermodal.model.cookie_rules import (
    MAX_COOKIES,
    MAX_HEADER,
    MAX_PER_DOMAIN,
    Received,
    default_path,
    domain_for,
    domains_of,
    host_of,
    is_allowed,
    is_public_suffix,
    parse_set_cookie,
    path_matches,
)
from intermodal.model.headers import Headers
from intermodal.model.url import URL

if TYPE_CHECKING:
    import urllib.request
    from collections.abc import Callable, Iterable, Iterator
    from http.client import HTTPResponse

#: When there are too many, so many more are removed: to find the longest unused takes a while.
_BATCH = 100

_Key = tuple[str, str, str]  # domain, path, name, under which it is kept, whatever was made of the cookie since


class CookieStore(http.cookiejar.CookieJar):
    """Cookies kept and sent by the rules of RFC 6265bis."""

    _cookies: dict[str, dict[str, dict[str, http.cookiejar.Cookie]]]
    _cookies_lock: threading.RLock

    def __init__(self) -> None:
        super().__init__()
        forget_after_fork(self)
        #: No cookie expires before this second.
        self._first_expiry = math.inf
        self._count = 0

    def after_fork(self) -> None:
        """Begin with a lock of this process's own: another thread of the parent may have held it."""
        self._cookies_lock = threading.RLock()

    @property
    def is_empty(self) -> bool:
        """Whether there is certainly nothing in it; takes no lock and no time."""
        return not self._cookies

    def header(self, url: URL, own: CookieStore | None = None, *, unbound: bool = True) -> str | None:
        """Give the value of the ``Cookie`` field for a request to a URL (section 5.8.3), or None.

        Longer paths come first, then older cookies. What a server set is left out from the first on that would make the
        field longer than 8 KiB.

        Args:
            url: where the request goes; a ``Host`` field plays no part.
            own: further cookies, which replace those of this jar that have the same name.
            unbound: whether cookies of this jar without a domain, which go to any host, are wanted.
        """
        given = own._matching(url) if own is not None else []
        kept = self._matching(url)
        if not unbound:
            kept = [cookie for cookie in kept if cookie.domain]
        if given:
            names = {cookie.name for cookie in given}
            kept = [cookie for cookie in kept if cookie.name not in names]
        cookies = given + kept
        if len(cookies) > 1:
            cookies.sort(key=lambda cookie: (-len(cookie.path), made(cookie)))
        value = "; ".join([pair(cookie) for cookie in cookies])
        if len(value) > MAX_HEADER:
            value = "; ".join(_fitting(cookies, given + [cookie for cookie in kept if not cookie.domain]))
        return value or None

    def store(self, url: URL, headers: Headers) -> set[str]:
        """Take in what the answer from a URL sets (section 5.7), and give the names of the cookies it was about.

        What may not be set there is ignored, as the RFC asks.
        """
        lines = headers.get_list("set-cookie")
        names: set[str] = set()
        if not lines:
            return names
        now = time.time()
        domains = set()
        with self._cookies_lock:
            self._drop_expired(now)
            for line in lines:
                received = parse_set_cookie(line)
                domain = None if received is None else self._receive(received, url, now)
                if received is not None and domain is not None:
                    names.add(received.name)
                    domains.add(domain)
            self._drop_excess(domains)
        return names

    def _receive(self, received: Received, url: URL, now: float) -> str | None:
        """Keep, replace or remove a cookie, and give its domain; None where it is ignored."""
        domain = domain_for(received, host_of(url))
        if domain is None:
            return None
        path = received.path or default_path(url.path)
        if not is_allowed(received, domain, path, secure=url.scheme == "https"):
            return None
        if url.scheme != "https" and self._shields(received.name, domain.removeprefix("."), path):
            return None
        expires = received.expiry(now)
        if expires is not None and expires <= now:
            self._remove(domain, path, received.name)
            return domain
        rest = {"HttpOnly": ""} if received.http_only else {}
        if received.same_site is not None:
            rest["SameSite"] = received.same_site
        self._put(
            make(
                received.name,
                received.value,
                domain=domain,
                domain_specified=domain.startswith("."),
                path=path,
                path_specified=bool(received.path),
                secure=received.secure,
                expires=expires,
                rest=rest,
            )
        )
        return domain

    def _shields(self, name: str, domain: str, path: str) -> bool:
        """Whether a secure cookie would be overlaid by one that anybody may have written (section 5.7, step 16)."""
        below = f".{domain}"
        keys = {key for above in domains_of(domain) for key in (above, f".{above}")}
        keys.update([key for key in self._cookies if key.endswith(below)])
        return any(
            by_name[name].secure and path_matches(path, of_cookie)
            for key in keys
            for of_cookie, by_name in self._cookies.get(key, {}).items()
            if name in by_name
        )

    def _matching(self, url: URL) -> list[http.cookiejar.Cookie]:
        """Find the cookies that go to a URL (section 5.8.3, step 3), in no order."""
        if not self._cookies:
            return []
        host, now = host_of(url), time.time()
        found: list[http.cookiejar.Cookie] = []
        with self._cookies_lock:
            self._drop_expired(now)
            for domain in domains_of(host):
                there = self._for_url(domain, url, now)
                if there and domain != host:  # a cookie set by hand for a domain without a dot has it specified
                    there = [cookie for cookie in there if cookie.domain_specified]
                there += self._for_url(f".{domain}", url, now)
                if there and (domain == host or not is_public_suffix(domain)):
                    found += there
            anywhere = self._for_url("", url, now)
            if anywhere:
                of_host = {cookie.name for cookie in found}
                found += [cookie for cookie in anywhere if cookie.name not in of_host]
            touch(found)
        return found

    def _for_url(self, domain: str, url: URL, now: float) -> list[http.cookiejar.Cookie]:
        by_path = self._cookies.get(domain)
        if by_path is None:
            return []
        return [
            cookie
            for path, by_name in by_path.items()
            if path_matches(url.path, path)
            for cookie in by_name.values()
            if (url.scheme == "https" or not cookie.secure)
            and (cookie.expires is None or cookie.expires > now)  # whoever has set that, and when
            and (cookie.port is None or str(url.port) in cookie.port.split(","))  # RFC 2965, in jars of http.cookiejar
        ]

    # Bounds

    def _drop_expired(self, now: float) -> None:
        if now < self._first_expiry:
            return
        self._first_expiry = math.inf
        for key, cookie in self._entries():
            if cookie.expires is None:
                continue
            if cookie.expires <= now:
                self._remove(*key)
            else:
                self._first_expiry = min(self._first_expiry, cookie.expires)

    def _drop_excess(self, domains: Iterable[str]) -> None:
        """Remove what is more than may be kept: those not marked secure before others, then the longest unused."""
        for domain in {domain.removeprefix(".") for domain in domains}:
            shared = [
                ((key, path, name), cookie)
                for key in (domain, f".{domain}")
                for path, by_name in self._cookies.get(key, {}).items()
                for name, cookie in by_name.items()
            ]
            self._drop(shared, len(shared) - MAX_PER_DOMAIN, lambda cookie: (bool(cookie.secure), used(cookie)))
        if self._count > MAX_COOKIES:
            too_many = self._count - MAX_COOKIES + _BATCH
            self._drop([entry for entry in self._entries() if entry[0][0]], too_many, used)

    def _drop(
        self,
        entries: list[tuple[_Key, http.cookiejar.Cookie]],
        count: int,
        rank: Callable[[http.cookiejar.Cookie], Any],
    ) -> None:
        if count > 0:
            for key, _ in heapq.nsmallest(count, entries, key=lambda entry: rank(entry[1])):
                self._remove(*key)

    # The container

    def _put(self, cookie: http.cookiejar.Cookie) -> None:
        by_name = self._cookies.setdefault(cookie.domain, {}).setdefault(cookie.path, {})
        old = by_name.get(cookie.name)
        remember(cookie, old)
        self._count += old is None
        by_name[cookie.name] = cookie
        if cookie.expires is not None:
            self._first_expiry = min(self._first_expiry, cookie.expires)

    def _remove(self, domain: str, path: str, name: str) -> None:
        by_path = self._cookies.get(domain, {})
        by_name = by_path.get(path, {})
        self._count -= by_name.pop(name, None) is not None
        if not by_name:
            by_path.pop(path, None)
        if not by_path:
            self._cookies.pop(domain, None)

    def _entries(self) -> list[tuple[_Key, http.cookiejar.Cookie]]:
        return [
            ((domain, path, name), cookie)
            for domain, by_path in self._cookies.items()
            for path, by_name in by_path.items()
            for name, cookie in by_name.items()
        ]

    def _live(self) -> list[tuple[_Key, http.cookiejar.Cookie]]:
        with self._cookies_lock:
            self._drop_expired(time.time())
            return self._entries()

    # What http.cookiejar does

    def set_cookie(self, cookie: http.cookiejar.Cookie) -> None:
        """Keep a cookie, whoever may set it; one of the same name, domain and path is replaced.

        Raises:
            InvalidHeader: its name or value cannot be sent.
        """
        check(cookie)
        with self._cookies_lock:
            self._put(cookie)

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove all cookies, or those of a domain, of a path in it, or of a name there.

        Raises:
            KeyError: there is none of those.
        """
        with self._cookies_lock:
            super().clear(domain, path, name)
            if domain is not None and path is not None:
                self._remove(domain, path, name or "")  # which leaves no empty dict behind
            self._count = self._count - 1 if name is not None else len(self._entries())

    def clear_expired_cookies(self) -> None:
        """Remove what has expired; this also happens by itself."""
        with self._cookies_lock:
            self._first_expiry = -math.inf
            self._drop_expired(time.time())

    def clear_session_cookies(self) -> None:
        """Remove what has no expiry, as if the session were over."""
        with self._cookies_lock:
            for key, cookie in self._entries():
                if cookie.discard:
                    self._remove(*key)

    def add_cookie_header(self, request: urllib.request.Request) -> None:
        """Add the ``Cookie`` field to a request of ``urllib.request``, by the rules of this jar."""
        url = _url(request)
        value = None if url is None else self.header(url)
        if value is not None and not request.has_header("Cookie"):
            request.add_unredirected_header("Cookie", value)

    def extract_cookies(self, response: HTTPResponse, request: urllib.request.Request) -> None:
        """Take in what an answer to ``urllib.request`` sets, by the rules of this jar."""
        url = _url(request)
        if url is not None:
            lines = response.info().get_all("Set-Cookie", ())
            self.store(url, Headers.trusted([("Set-Cookie", str(line)) for line in lines]))

    def __iter__(self) -> Iterator[http.cookiejar.Cookie]:
        return iter([cookie for _, cookie in self._live()])

    def __len__(self) -> int:
        return len(self._live())

    def __repr__(self) -> str:
        cookies = list(self)
        hosts = list(dict.fromkeys(cookie.domain.removeprefix(".") or "any host" for cookie in cookies))
        where = f" for {', '.join(hosts[:3])}" if hosts else ""
        more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
        return f"<{type(self).__name__}[{len(cookies)} cookie{'s' * (len(cookies) != 1)}{where}{more}]>"

    __str__ = __repr__


def _fitting(cookies: list[http.cookiejar.Cookie], by_hand: list[http.cookiejar.Cookie]) -> Iterator[str]:
    """Give those set by hand, and of the others the first that fit beside them."""
    certain = {id(cookie) for cookie in by_hand}
    room = MAX_HEADER + 2 - sum([len(pair(cookie)) + 2 for cookie in by_hand])
    for cookie in cookies:
        text = pair(cookie)
        if id(cookie) in certain:
            yield text
        else:
            room -= len(text) + 2
            if room >= 0:
                yield text


def _url(request: urllib.request.Request) -> URL | None:
    try:
        return URL(request.get_full_url())
    except InvalidRequest:
        return None  # urllib goes to more places than http
