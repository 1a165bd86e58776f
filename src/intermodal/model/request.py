"""The Request: always canonical, however it was made, so that every transport sends the same bytes.

The rules, by number, with what they rest on:

- Q1 the method is a token, its case kept, never CONNECT (RFC 9110 sections 5.6.2, 9.1);
- Q2 the target is computed once, by the URL, or given whole (RFC 9112 section 3.2);
- Q3 names are tokens, values free of control characters, stripped (RFC 9110 section 5.5);
- Q4 exactly one Host, first (RFC 9112 section 3.2);
- Q5 framing is always explicit, last, and agrees with the body (RFC 9112 section 6);
- Q6 the body is non-empty pieces, counted (``body.py``);
- Q7 no field is added that nobody asked for: defaults such as User-Agent are the client's;
- Q8 hop-by-hop fields are the library's, but for ``Connection`` (close, keep-alive, upgrade),
  ``Upgrade``, ``Expect: 100-continue`` and ``Proxy-Authorization`` (RFC 9110 section 7.6.1);
- Q9 timeouts are times (``options.py``).

Making a Request of a Request's own parts gives the same Request again.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from intermodal.errors import InvalidHeader, InvalidRequest, InvalidURL
from intermodal.model.body import Body, BodyInput, as_body
from intermodal.model.headers import TOKEN, Headers, HeadersInput, valid_name, valid_value
from intermodal.model.url import URL

#: Without content these carry no framing; any other method says ``Content-Length: 0``, because for
#: them a server may expect content (RFC 9110 section 8.6).
_BODYLESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
_KNOWN = frozenset({*_BODYLESS, "POST", "PUT", "PATCH"})
_token = re.compile(TOKEN).fullmatch
_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_exact_target = re.compile(r"[\x21-\x7e]+").fullmatch
_absolute = re.compile(r"https?://[^/?#]+[^#]*", re.IGNORECASE).fullmatch

#: The fields that the constructor has to look at; any other goes through untouched.
_SPECIAL = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
    }
)
_CONNECTION_OPTIONS = frozenset({"close", "keep-alive", "upgrade"})


class Way(NamedTuple):
    """The redirects behind a request, as far as they matter to what may be sent with it.

    Attributes:
        strayed: they have led away from the origin of the first request.
        downgraded: they have led from https to http.
    """

    strayed: bool = False
    downgraded: bool = False


_STRAIGHT = Way()


class Request:
    """One HTTP request, whole and canonical: what is in it is what goes on the wire, and nothing else.

    Attributes:
        method: as given, case kept.
        url: the :class:`~intermodal.model.url.URL`: what is connected to.
        target: the request-target: origin-form unless given.
        headers: Host first, then the caller's in order, then the framing field.
        body: the :class:`~intermodal.model.body.Body`, or None.

    >>> request = Request("POST", "http://Example.com/a b", [("Accept", "*/*")], b"hi")
    >>> request.target, request.headers.pairs
    ('/a%20b', (('Host', 'example.com'), ('Accept', '*/*'), ('Content-Length', '2')))

    Raises:
        InvalidRequest: and its subclasses InvalidURL, InvalidHeader, UnsupportedScheme, URLRequired.
    """

    __slots__ = ("body", "headers", "memo", "method", "target", "url")

    method: str
    url: URL
    headers: Headers
    body: Body | None
    target: str
    #: What layers below have found out about this request, each under a key of its own, to find it out once.
    memo: dict[str, Any]

    def __init__(
        self,
        method: str,
        url: str | bytes | URL,
        headers: HeadersInput = (),
        body: Body | BodyInput = None,
        *,
        target: str | None = None,
    ) -> None:
        put = object.__setattr__  # frozen: see __setattr__
        put(self, "memo", {})
        put(self, "method", method if type(method) is str and method in _KNOWN else _valid_method(method))
        url = url if isinstance(url, URL) else URL(url)
        put(self, "url", url)
        put(self, "target", url.target if target is None else _valid_target(target, method))
        put(self, "body", as_body(body))
        put(self, "headers", self._complete(_sendable(headers) if isinstance(headers, Headers) else Headers(headers)))

    def _complete(self, given: Headers) -> Headers:
        """Check the fields that have rules of their own, and put Host first and the framing last (Q4, Q5, Q8)."""
        kept = []
        special: dict[str, list[str]] = {}
        for pair in given.pairs:
            name = pair[0].lower()
            if name in _SPECIAL:
                special.setdefault(name, []).append(pair[1])
                if name in {"host", "content-length", "transfer-encoding"}:
                    continue
            kept.append(pair)
        if special:
            _check_special(special)
        host = special.get("host")
        pairs = [("Host", host[0] if host else self.url.authority), *kept]
        framing = self._framing(special)
        if framing is not None:
            pairs.append(framing)
        return Headers.trusted(pairs)

    def _framing(self, special: dict[str, list[str]]) -> tuple[str, str] | None:
        declared = special.get("content-length")
        body = self.body
        if declared:
            length = _declared_length(declared)
            if body is not None and body.length is None:
                body = body.with_length(length)
                object.__setattr__(self, "body", body)
            have = body.length if body is not None else 0
            if have != length:
                raise InvalidHeader(
                    f"Content-Length {length} does not agree with the body of {have} bytes: leave it out, it is computed"
                )
        if "transfer-encoding" in special and (
            special["transfer-encoding"] != ["chunked"] or body is None or body.length is not None
        ):
            raise InvalidHeader(
                "Transfer-Encoding is not the caller's to set: a body of unknown length is sent chunked by itself"
            )
        if body is None and "expect" in special:
            raise InvalidHeader(
                "Expect: 100-continue asks whether to send a body, and there is none (RFC 9110 section 10.1.1)"
            )
        if body is None:
            return ("Content-Length", "0") if declared or self.method not in _BODYLESS else None
        if self.method == "TRACE":
            raise InvalidRequest("a TRACE request must not have a body (RFC 9110 section 9.3.8)")
        return ("Transfer-Encoding", "chunked") if body.length is None else ("Content-Length", str(body.length))

    def replace(
        self,
        *,
        headers: HeadersInput | None = None,
        target: str | None = None,
    ) -> Request:
        """Give the same request with other headers or another target; canonical again."""
        made = Request(
            self.method,
            self.url,
            self.headers if headers is None else headers,
            self.body,
            target=self.target if target is None else target,
        )
        return made.by_way_of(self.way)

    @property
    def way(self) -> Way:
        """What is known of the redirects that have led to this request."""
        known: Way = self.memo.get("way", _STRAIGHT)
        return known

    def by_way_of(self, way: Way) -> Request:
        """Note how this request came about, for whoever sends it; it says nothing about the request itself."""
        if way is not _STRAIGHT:
            self.memo["way"] = way
        return self

    def with_field(self, name: str, value: str) -> Request:
        """Give the same request with one more field, in front of the framing; the same one again for the same value.

        It is for what is added each time a request is sent, such as ``Authorization`` and ``Cookie``: nothing but the new
        value is looked at, and who sends a request twice finds the second one made.

        >>> request = Request("POST", "http://h/", body=b"hi").with_field("Cookie", "a=1")
        >>> request.headers.pairs
        (('Host', 'h'), ('Cookie', 'a=1'), ('Content-Length', '2'))

        Raises:
            InvalidHeader: the value cannot be sent, or the name is one of those with rules of their own.
        """
        key = f"with {name}"
        known = self.memo.get(key)
        if known is not None and known[0] == value:
            made: Request = known[1]
            return made
        if name.lower() in _SPECIAL:
            raise InvalidHeader(f"{name} is not a field to be added: expected one without rules of its own")
        pairs = self.headers.pairs
        framed = pairs[-1][0].lower() in {"content-length", "transfer-encoding"}
        at = len(pairs) - framed
        made = object.__new__(Request)
        put = object.__setattr__
        put(made, "memo", {})
        put(made, "method", self.method)
        put(made, "url", self.url)
        put(made, "target", self.target)
        put(made, "body", self.body)
        put(made, "headers", Headers.trusted([*pairs[:at], (valid_name(name), valid_value(value, name)), *pairs[at:]]))
        self.memo[key] = (value, made.by_way_of(self.way))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (self.method, self.url, self.headers, self.body, self.target, self.way))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Request does not change: make another one ({name}={value!r:.40})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return (
            self.method == other.method
            and self.url == other.url
            and self.target == other.target
            and self.headers.pairs == other.headers.pairs
            and _same_body(self.body, other.body)
        )

    def __hash__(self) -> int:
        return hash((self.method, self.url, self.target, self.headers))

    def __repr__(self) -> str:
        return f"<Request [{self.method} {self.url.without_userinfo()}]>"


def _again(  # noqa: PLR0917 - as pickle hands them over
    method: str, url: URL, headers: Headers, body: Body | None, target: str, way: Way
) -> Request:
    return Request(method, url, headers, body, target=None if target == url.target else target).by_way_of(Way(*way))


def _same_body(one: Body | None, other: Body | None) -> bool:
    if one is other:
        return True
    return one is not None and other is not None and one.content is not None and one.content == other.content


def _sendable(headers: Headers) -> Headers:
    """Check Headers that may be those of a response, in which more is allowed than may be sent (Q3)."""
    if _control("".join([value for _, value in headers.pairs])):
        for name, value in headers.pairs:
            valid_value(value, name)
    return headers


def _valid_method(method: str) -> str:
    if not isinstance(method, str) or not _token(method):
        raise InvalidHeader(f"method {method!r:.60} is not a token: expected letters such as 'GET' or 'PROPFIND'")
    if method.upper() == "CONNECT":
        raise InvalidRequest(
            "CONNECT is not a request a caller makes: give a proxy, and tunnels are opened where needed"
        )
    return str.__str__(method)  # of a subclass, what was checked and not what it shows


def _valid_target(target: str, method: str) -> str:
    """Check a target that was given whole (Q2): origin-form, absolute-form, or ``*`` for OPTIONS (RFC 9112 section 3.2)."""
    if not isinstance(target, str) or not _exact_target(target):
        raise InvalidURL(
            f"target {target!r:.80} holds what a request line cannot: expected visible ASCII, percent-encoded"
        )
    if target == "*":
        if method != "OPTIONS":
            raise InvalidURL(f"target '*' is for OPTIONS only (RFC 9112 section 3.2.4), not for {method!r:.20}")
    elif "#" in target:
        raise InvalidURL(f"target {target!r:.80} has a fragment, which is never sent: leave it out")
    elif not (target.startswith("/") or _absolute(target)):
        raise InvalidURL(f"target {target!r:.80} is neither '/path', 'http://host/path' nor '*'")
    return str.__str__(target)


def _declared_length(values: list[str]) -> int:
    if len(values) > 1 or not re.fullmatch("[0-9]{1,19}", values[0]):
        raise InvalidHeader(
            f"Content-Length {', '.join(values)!r:.60} is not one decimal number: leave it out, it is computed"
        )
    return int(values[0])


def _check_special(special: dict[str, list[str]]) -> None:
    hosts = special.get("host", ())
    if len(hosts) > 1:
        raise InvalidHeader(f"Host was given {len(hosts)} times: a request has exactly one (RFC 9112 section 3.2)")
    for name in ("keep-alive", "proxy-connection", "te", "trailer"):
        if name in special:
            raise InvalidHeader(
                f"{name.title()} is a hop-by-hop field that belongs to the transport (RFC 9110 section 7.6.1): leave it out"
            )
    options = [option.strip().lower() for value in special.get("connection", ()) for option in value.split(",")]
    unknown = set(options) - _CONNECTION_OPTIONS
    if unknown:
        raise InvalidHeader(
            f"Connection: {min(unknown)!r:.60} is not the caller's to set: expected close, keep-alive or upgrade"
        )
    if "upgrade" in special and "upgrade" not in options:
        raise InvalidHeader("Upgrade needs 'Connection: upgrade' beside it (RFC 9110 section 7.8)")
    expectations = special.get("expect", [])
    if any(value.lower() != "100-continue" for value in expectations):
        raise InvalidHeader(
            f"Expect {', '.join(expectations)!r:.60}: expected '100-continue' (RFC 9110 section 10.1.1)"
        )
