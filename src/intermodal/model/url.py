r"""URLs: the one parser that decides what is connected to and what is sent, for every transport.

The syntax is RFC 3986; hosts follow the WHATWG URL standard where RFC 3986 leaves them open. Laws:

- What is connected to, what the ``Host`` field says and what a certificate is checked against come
  from the same parsed host; no transport parses a URL again.
- What clients in the field read differently (``127.1``, ``host\@evil``, ``%31.com``, control
  characters) is refused, not guessed at.
- A valid percent triplet stays as it was written, for signed URLs depend on it. Everything else is
  encoded once: ``URL(str(url)) == url``, with the same target.
- Parsing takes linear time. Passwords never appear in ``repr`` or in an error.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, final

from intermodal.errors import InvalidURL, UnsupportedScheme, URLRequired

__all__ = ["URL"]

_Server: TypeAlias = tuple[str, str, str, int]  # scheme, host, dial_host, port
_Userinfo: TypeAlias = "tuple[str | None, str | None]"  # username, password

_NO_USERINFO: _Userinfo = (None, None)
_DEFAULT_PORTS = {"http": 80, "https": 443}

# What stands unencoded beside the unreserved characters, which ``quote`` never encodes (RFC 3986 appendix A).
_SUB_DELIMS = "!$&'()*+,;="
_PATH_SAFE = _SUB_DELIMS + ":@/%"
_QUERY_SAFE = _PATH_SAFE + "?"

# RFC 1035 section 2.3.4, without the root's dot.
_MAX_LABEL, _MAX_NAME = 63, 253
# Mapping can shorten a name, so one that is too long as written may still fit; idna reads no more than this either.
_MAX_WRITTEN_NAME = 1024
_NAME_LENGTH = f"a name has from 1 to {_MAX_NAME} characters"
# Octal, hex and missing numbers: resolvers and address filters differ in which address that is.
_NOT_IPV4 = (
    "a host that ends in a number is an IPv4 address; "
    "only four decimal numbers from 0 to 255 without leading zeros mean the same everywhere"
)
# A longer URL is parsed each time it comes: what is remembered must stay small.
_MAX_REMEMBERED = 2048

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_QUAD = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_NAME = "(?:[a-z0-9_-]{1,63}[.]){0,126}[a-z][a-z0-9_-]{0,62}"
_CHARACTER = r"A-Za-z0-9\-._~!$&'()*+,;=:@/%"

# What needs no rewriting, up to what ``_parse`` looks at. Neighbouring repeats share no character, so that a mismatch
# costs linear time.
_ORDINARY = re.compile(
    rf"(https?)://({_QUAD}|{_NAME})(?::([1-9][0-9]{{0,4}}))?"
    rf"(/[{_CHARACTER}]*)?(?:\?([{_CHARACTER}?]*))?(?:#([{_CHARACTER}?]*))?"
)
# RFC 3986 appendix B, with the scheme of section 3.1.
_COMPONENTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_AUTHORITY = re.compile("(?:(?:https?:)?//+)?([^/?#]*)", re.IGNORECASE)
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_NOT_IN_LABEL = re.compile("[^a-z0-9_-]")
_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
_IPV4 = re.compile(_QUAD)
_IPV6_CHARACTERS = re.compile("[0-9A-Fa-f:.]{2,45}")
_ZERO_RUN = re.compile(r"\b0(?::0)+\b")
_ZONE = re.compile(r"[A-Za-z0-9\-._~]+")
_PORT = re.compile("0*([1-9][0-9]{0,4})")
_LEADING_PORT = re.compile(r"[0-9]+(?:[/?#]|\Z)")


@final
@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class URL:
    """An absolute ``http`` or ``https`` URL in canonical form: immutable, hashable, picklable.

    Args:
        url: text, its UTF-8 bytes, or a URL (which is returned as it is). Spaces in front are dropped.

    Attributes:
        scheme: ``"http"`` or ``"https"``.
        username: percent-decoded; None where the URL has no userinfo.
        password: percent-decoded; None where no ``:`` followed the user name.
        host: the name for ``Host``, SNI and certificates: lower case, IDNA A-labels, no trailing dot; an IPv6
            address by RFC 5952, all pieces in hex, without brackets and zone.
        dial_host: what is resolved and connected to: ``host``, with the trailing dot where a name was written with
            one, or with the zone of an IPv6 address (``fe80::1%lo``).
        port: the port written, else the scheme's.
        path: percent-encoded, without literal dot segments (RFC 3986 section 5.2.4), at least ``/``.
        query: percent-encoded; None without a ``?``, ``""`` after a bare one.
        fragment: percent-encoded; None without a ``#``; never sent.
        authority: the value of ``Host`` (RFC 9110 section 7.2): no userinfo, no default port.
        target: path and query, the origin-form of RFC 9112 section 3.2.1.
        origin: scheme, host (with its zone, without a trailing dot) and port: equal means same origin.

    Raises:
        URLRequired: ``url`` is None, empty or only spaces.
        UnsupportedScheme: the scheme is neither http nor https.
        InvalidURL: anything else is wrong.

    >>> url = URL("HTTPS://user:secret@Example.org:443/a/../b c?q=%7e#part")
    >>> url
    URL('https://user:***@example.org/b%20c?q=%7e#part')
    >>> url.authority, url.target, url.port
    ('example.org', '/b%20c?q=%7e', 443)
    >>> URL("http://h:99999/")
    Traceback (most recent call last):
    intermodal.errors.InvalidURL: the port of 'http://h:99999/' is '99999': expected a number from 1 to 65535
    """

    scheme: str
    username: str | None
    password: str | None
    host: str
    dial_host: str
    port: int
    path: str
    query: str | None
    fragment: str | None
    authority: str
    target: str
    origin: tuple[str, str, int]
    _text: str

    def __new__(cls, url: str | bytes | URL) -> URL:
        if type(url) is str:
            return _remembered(url) if len(url) <= _MAX_REMEMBERED else _parse(url)
        return url if isinstance(url, URL) else _parse(_as_text(url))

    def join(self, reference: str | bytes) -> URL:
        """Resolve a reference, such as the value of ``Location``, against this URL (RFC 3986 section 5.2, strict).

        The result has the reference's own fragment; to inherit one is the caller's rule (RFC 9110 section 10.2.2).

        Raises:
            UnsupportedScheme: the reference leads to a scheme other than http and https.
            InvalidURL: the reference leads to nothing that can be requested.

        >>> str(URL("http://example.org/a/b?x").join("../c#d"))
        'http://example.org/c#d'
        """
        text = _checked(_as_text(reference).lstrip(" "))
        scheme, authority, path, query, fragment = _split(text)
        if scheme is not None:
            return URL(text)
        if authority is not None:
            return URL(f"{self.scheme}:{text}")
        if not path:
            path = self.path
            query = self.query if query is None else query
        elif not path.startswith("/"):
            path = self.path[: self.path.rindex("/") + 1] + path
        return self._with((self.username, self.password), _canonical_path(path), _encoded(query), _encoded(fragment))

    def with_query(self, query: str | None) -> URL:
        """Return this URL with another query, percent-encoded where it must be; None takes it away.

        Raises:
            InvalidURL: the query has a control character or a lone surrogate.

        >>> str(URL("http://h/?a=1#f").with_query("b=#2"))
        'http://h/?b=%232#f'
        """
        encoded = None if query is None else _encoded(_checked(query))
        return self._with((self.username, self.password), self.path, encoded, self.fragment)

    def without_userinfo(self) -> URL:
        """Return this URL without user name and password.

        >>> str(URL("http://user:secret@h/").without_userinfo())
        'http://h/'
        """
        return self._with(_NO_USERINFO, self.path, self.query, self.fragment)

    def _with(self, userinfo: _Userinfo, path: str, query: str | None, fragment: str | None) -> URL:
        return _build((self.scheme, self.host, self.dial_host, self.port), userinfo, path, query, fragment)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        if self.username is None:
            return f"URL({self._text!r})"
        userinfo, _, rest = self._text.partition("@")
        # A user name without a password is an access token as often as not.
        shown = userinfo[: userinfo.rindex(":") + 1] if self.password else f"{self.scheme}://"
        return f"URL({f'{shown}***@{rest}'!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, URL) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type[URL], tuple[str]]:
        return URL, (self._text,)


def _build(server: _Server, userinfo: _Userinfo, path: str, query: str | None, fragment: str | None) -> URL:
    """Make the URL of components that are canonical already."""
    from urllib.parse import quote  # noqa: PLC0415 - slow to import, and most URLs do without

    scheme, host, dial_host, port = server
    username, password = userinfo
    after_host = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    target = path if query is None else f"{path}?{query}"
    bracketed = ":" in host
    written = f"[{dial_host.replace('%', '%25', 1)}]" if bracketed else dial_host
    if username is not None:
        secret = "" if password is None else f":{quote(password, safe=_SUB_DELIMS)}"
        written = f"{quote(username, safe=_SUB_DELIMS)}{secret}@{written}"
    text = f"{scheme}://{written}{after_host}{target}"
    url = object.__new__(URL)
    put = object.__setattr__
    put(url, "scheme", scheme)
    put(url, "username", username)
    put(url, "password", password)
    put(url, "host", host)
    put(url, "dial_host", dial_host)
    put(url, "port", port)
    put(url, "path", path)
    put(url, "query", query)
    put(url, "fragment", fragment)
    put(url, "authority", f"[{host}]{after_host}" if bracketed else f"{host}{after_host}")
    put(url, "target", target)
    put(url, "origin", (scheme, dial_host if bracketed else host, port))
    put(url, "_text", text if fragment is None else f"{text}#{fragment}")
    return url


def _parse(text: str) -> URL:
    ordinary = _ORDINARY.fullmatch(text)
    if ordinary is not None:
        scheme, host, written_port, path, query, fragment = ordinary.groups()
        port = int(written_port) if written_port else _DEFAULT_PORTS[scheme]
        path = path or "/"
        name_is_canonical = "xn--" not in host and len(host) <= _MAX_NAME
        path_is_canonical = "/." not in path and not _STRAY_PERCENT.search(text)
        if name_is_canonical and path_is_canonical and port <= 65535:
            return _build((scheme, host, host, port), _NO_USERINFO, path, query, fragment)
    return _parse_any(_checked(text.lstrip(" ")))


_remembered = lru_cache(512)(_parse)


def _parse_any(text: str) -> URL:
    """Parse what may need rewriting or may be wrong."""
    if not text:
        raise URLRequired("the URL is empty: expected an absolute one, such as 'http://example.org/'")
    scheme, authority, path, query, fragment = _split(text)
    if scheme is None or (authority is None and _LEADING_PORT.match(path)):
        shown, meant = _shown(text), _shown("http://" + text.lstrip(":/"))
        raise InvalidURL(f"the URL {shown!r} has no scheme: perhaps you meant {meant!r}")
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        instead = "; a Unix socket is given by dial=Dial(unix_socket=...)" if scheme.endswith("+unix") else ""
        raise UnsupportedScheme(
            f"the scheme of {_shown(text)!r} is {_short(scheme)!r}: expected http or https{instead}"
        )
    if authority is None:
        raise InvalidURL(f"the URL {_shown(text)!r} names no host: expected '//' and a host after '{scheme}:'")
    userinfo, _, host_and_port = authority.rpartition("@")
    if "\\" in authority:
        raise _refused(
            text, "host", host_and_port, "no backslash may stand in or before it: some clients read it as '/'"
        )
    host, dial_host, port = _host_and_port(text, host_and_port)
    server = scheme, host, dial_host, port or _DEFAULT_PORTS[scheme]
    path = _canonical_path(path or "/")
    return _build(server, _credentials(text, userinfo), path, _encoded(query), _encoded(fragment))


def _as_text(url: object) -> str:
    if isinstance(url, str):
        return str.__str__(url)
    if isinstance(url, bytes):
        try:
            return url.decode()
        except UnicodeDecodeError as exc:
            shown = _shown(url.decode(errors="backslashreplace"))
            raise InvalidURL(f"the URL {shown!r} is not UTF-8: percent-encode its other bytes") from exc
    if url is None:
        raise URLRequired("the URL is None: expected an absolute one, such as 'http://example.org/'")
    raise InvalidURL(f"a URL is given as str or bytes, not as {type(url).__name__}: perhaps you meant str(url)")


def _checked(text: str) -> str:
    """Return the text, once nothing in it can break a request line (RFC 9112 section 3) or is no Unicode."""
    forbidden = _FORBIDDEN.search(text)
    if forbidden is not None:
        shown, found = _shown(text), forbidden[0]
        why = "percent-encode it" if found.isascii() else "a lone surrogate has no UTF-8"
        raise InvalidURL(f"{shown!r} has the character {found!r} at position {forbidden.start()}: {why}")
    return text


def _split(text: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    """Return scheme, authority, path, query and fragment as they are written."""
    match = _COMPONENTS.match(text)
    assert match is not None, "every part of the pattern is optional"
    scheme, authority, path, query, fragment = match.groups()
    return scheme, authority, path, query, fragment


def _encoded(text: str | None) -> str | None:
    """Percent-encode a query or a fragment."""
    from urllib.parse import quote  # noqa: PLC0415 - slow to import, and most URLs do without

    return None if text is None else quote(_STRAY_PERCENT.sub("%25", text), safe=_QUERY_SAFE)


def _canonical_path(path: str) -> str:
    """Percent-encode an absolute path and remove its dot segments (RFC 3986 section 5.2.4)."""
    from urllib.parse import quote  # noqa: PLC0415 - slow to import, and most URLs do without

    path = quote(_STRAY_PERCENT.sub("%25", path), safe=_PATH_SAFE)
    if "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/" + "/".join(kept)


def _credentials(text: str, userinfo: str) -> _Userinfo:
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - slow to import, and most URLs do without

    if userinfo in ("", ":"):  # WHATWG: nothing before the "@" is no userinfo
        return _NO_USERINFO
    username, colon, password = userinfo.partition(":")
    try:
        return unquote_to_bytes(username).decode(), unquote_to_bytes(password).decode() if colon else None
    except UnicodeDecodeError as exc:
        raise _refused(text, "userinfo", "***", "percent-decoded it is not UTF-8: use the auth argument") from exc


def _host_and_port(text: str, written: str) -> tuple[str, str, int | None]:
    """Return host, dial_host and the port, None where none is written."""
    if written.startswith("["):
        literal, bracket, rest = written[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _refused(text, "host", written, "expected an address in brackets, then nothing or ':' and a port")
        port = rest[1:]
        host, dial_host = _ipv6(text, literal)
    else:
        name, _, port = written.partition(":")
        if ":" in port:
            raise _refused(text, "host", written, "expected one ':' at most; an IPv6 address stands in brackets")
        host, dial_host = _domain(text, name)
    if not port:
        return host, dial_host, None
    digits = _PORT.fullmatch(port)
    if digits is None or int(digits[1]) > 65535:
        raise _refused(text, "port", port, "expected a number from 1 to 65535")
    return host, dial_host, int(digits[1])


def _domain(text: str, written: str) -> tuple[str, str]:
    """Return host and dial_host of a name or an IPv4 address (WHATWG URL, host parsing, but IDNA 2008)."""
    import idna  # noqa: PLC0415 - slow to import, and most URLs do without

    try:
        if not 0 < len(written) <= _MAX_WRITTEN_NAME:
            raise ValueError(_NAME_LENGTH)
        name = written.lower() if written.isascii() else idna.uts46_remap(written, std3_rules=False)
        host = ".".join([_a_label(label) for label in name.removesuffix(".").split(".")])
        if len(host) > _MAX_NAME:
            raise ValueError(_NAME_LENGTH)
        # After the mapping, for it makes digits of full-width digits.
        numeric = _NUMBER.fullmatch(host.rpartition(".")[2])
        if numeric and not _IPV4.fullmatch(host):
            raise ValueError(_NOT_IPV4)
    except ValueError as exc:  # idna's errors are ValueErrors too
        raise _refused(text, "host", written, str(exc)) from exc
    dot = "." if name.endswith(".") and not numeric else ""  # an address has no root to be relative to
    return host, host + dot


def _a_label(label: str) -> str:
    """Return one mapped label as it goes to the DNS; what is wrong with it is a ValueError."""
    import idna  # noqa: PLC0415 - slow to import, and most URLs do without

    if not 0 < len(label) <= _MAX_LABEL:
        raise ValueError(f"each part between its dots has from 1 to {_MAX_LABEL} characters")
    if not label.isascii():
        return idna.alabel(label).decode()
    wrong = _NOT_IN_LABEL.search(label)
    if wrong is not None:
        why = "percent-encoding is not read in a host" if wrong[0] == "%" else "a name has letters, digits, '-' and '_'"
        raise ValueError(f"{wrong[0]!r} is not allowed: {why}")
    if label.startswith("xn--"):
        # Valid by UTS 46 and the only spelling of what it decodes to, as the WHATWG URL standard asks.
        decoded = label[4:].encode().decode("punycode")
        again = decoded.encode("punycode").decode()
        if decoded.isascii() or again != label[4:] or idna.uts46_remap(decoded, std3_rules=False) != decoded:
            raise ValueError(f"{label!r} is not the IDNA encoding of a name")
    return label


def _ipv6(text: str, literal: str) -> tuple[str, str]:
    """Return host and dial_host of the inside of brackets, by RFC 5952 on every version of Python."""
    import ipaddress  # noqa: PLC0415 - slow to import, and most URLs do without

    address, percent, zone = literal.partition("%25")
    try:
        if not _IPV6_CHARACTERS.fullmatch(address):
            raise ValueError("expected an IPv6 address, and before a zone '%25' (RFC 6874)")
        if percent and not _ZONE.fullmatch(zone):
            raise ValueError("expected a zone of letters, digits, '-', '.', '_' and '~' after '%25'")
        pieces = struct.unpack("!8H", ipaddress.IPv6Address(address).packed)
    except ValueError as exc:
        raise _refused(text, "host", f"[{literal}]", str(exc)) from exc
    host = ":".join(f"{piece:x}" for piece in pieces)
    runs = list(_ZERO_RUN.finditer(host))
    if runs:
        longest = max(runs, key=lambda run: run.end() - run.start())
        host = f"{host[: longest.start()].rstrip(':')}::{host[longest.end() :].lstrip(':')}"
    return host, f"{host}%{zone}" if zone else host


def _refused(text: str, part: str, piece: str, why: str) -> InvalidURL:
    shown, spilled = _masked(text)
    if spilled:
        why = "if a user name or password holds '/', '?' or '#', percent-encode it"
        return InvalidURL(f"the {part} of {shown!r} is not valid: {why}")
    return InvalidURL(f"the {part} of {shown!r} is {_short(piece)!r}: {why}")


def _shown(text: str) -> str:
    """Return the URL as an error may quote it."""
    return _masked(text)[0]


def _masked(text: str) -> tuple[str, bool]:
    """Mask whatever may be userinfo, and tell whether it may reach beyond the authority.

    A password with an unencoded ``/`` ends the authority too early; what then looks like a host or a
    port is a piece of the password.
    """
    authority = _AUTHORITY.match(text)
    assert authority is not None, "every part of the pattern is optional"
    start, end = authority.span(1)
    at = text.rfind("@", start)
    spilled = at > end and ":" in text[start:at]
    if not spilled:
        at = text.rfind("@", start, end)
    return _short(text if at < 0 else f"{text[:start]}***{text[at:]}"), spilled


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."
