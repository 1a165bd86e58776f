"""Answers by path, like httpbin's: what the origin says to a request no script has taken.

Laws:

- The same request gets the same bytes, whenever it comes and on whichever connection: no random data, no client port,
  a fixed Server field and no Date. RFC 9110 section 6.6.1 lets an origin without a clock omit Date; this one has none
  because a field that changes every second would show as a difference between two transports that behave alike.
- A request that could be read is answered, whatever it asks for: 400, 404, 405 and 416 are answers too.
- HEAD gets the head that GET would get, and nothing after it.
- HTTP/1.0 gets neither chunked coding nor interim answers (RFC 9112 section 6.1, RFC 9110 section 15.2).

Text that came with the request is latin-1, one character a byte, as it was received.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import re
import uuid
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from .messages import Answer, Fields, Received, reason

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Asked", "answer", "problem"]

_ABSOLUTE: Final = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MOST_BYTES: Final = 64 << 20
_MOST_PIECES: Final = 65536
_MOST_SECONDS: Final = 10.0
_ANY: Final = ()
_EPOCH: Final = "Thu, 01 Jan 1970 00:00:00 GMT"
_TEXT: Final = "text/plain; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_OCTETS: Final = "application/octet-stream"
_PAGE: Final = "<!DOCTYPE html>\n<html lang=en><title>Origin</title>\n<h1>{title}</h1>\n<p>{text}</p>\n</html>\n"
_UTF8: Final = "Zażółć gęślą jaźń. Ελληνικά. Русский. 日本語. עברית. 🚂🚢"

# Fields which RFC 9110 sections 15.4 and 15.5 require (or expect) beside a status.
_STATUS_FIELDS: Final[dict[int, Fields]] = {
    **{status: [("Location", "/get")] for status in (301, 302, 303, 307, 308)},
    101: [("Upgrade", "origin")],
    401: [("WWW-Authenticate", 'Basic realm="origin"')],
    405: [("Allow", "GET, HEAD")],
    407: [("Proxy-Authenticate", 'Basic realm="origin"')],
    416: [("Content-Range", "bytes */0")],
    426: [("Upgrade", "HTTP/1.1")],
}


@dataclass(frozen=True)
class Asked:
    """A request beside what the connection knows of it."""

    request: Received
    scheme: str
    client: str
    authority: str

    @property
    def url(self) -> str:
        """The target URI (RFC 9112 section 3.3); an absolute-form target is it already."""
        target = self.request.target
        if _ABSOLUTE.match(target):
            return target
        host = self.request.field_values("host") or [self.authority]
        return f"{self.scheme}://{host[0]}{target}"

    @property
    def base(self) -> str:
        """Scheme and authority of the URL."""
        found = _ABSOLUTE.match(self.url)
        return found.group() if found else f"{self.scheme}://{self.authority}"

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return self._path_and_query[0]

    @property
    def _path_and_query(self) -> tuple[str, str]:
        target = self.request.target
        absolute = _ABSOLUTE.match(target)
        path, _, query = target[absolute.end() if absolute else 0 :].partition("?")
        return path or "/", query

    @property
    def args(self) -> Fields:
        """Names and values of the query, decoded; bytes that are not UTF-8 stay as lone surrogates."""
        return _pairs(self._path_and_query[1])

    def arg(self, name: str, default: str) -> str:
        return next((value for known, value in self.args if known == name), default)


class _Refused(Exception):
    """The request asks a route for what it cannot give; the message is the reason."""


# --- small parts the routes are made of -------------------------------------------------------------------------------


def _dump(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def _json(value: object, status: int = 200, headers: Fields | None = None) -> Answer:
    return Answer(status, [("Content-Type", "application/json"), *(headers or [])], _dump(value))


def _typed(content_type: str, body: bytes) -> Answer:
    return Answer(200, [("Content-Type", content_type)], body)


def problem(status: int, why: str, *headers: tuple[str, str]) -> Answer:
    """An answer that says in JSON what was wrong."""
    return _json({"error": why, "status": status}, status, [*headers])


def _pairs(query: str) -> Fields:
    try:
        text = query.encode("latin-1").decode("utf-8", "surrogateescape")
        return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=1000)
    except ValueError as exc:
        raise _Refused(f"the query cannot be read: {exc}") from exc


def _grouped(pairs: Fields) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _field_value(text: str) -> str:
    """Text of the query as a field value: UTF-8, or the very bytes that were percent-encoded."""
    if any(char in text for char in "\r\n\0"):
        raise _Refused(f"{text!r} holds CR, LF or NUL: expected text that can stand in a field")
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _field_name(text: str) -> str:
    if not _TOKEN.fullmatch(text) or text.lower() in ("content-length", "transfer-encoding", "connection"):
        raise _Refused(f"{text!r}: expected the name of a field that is not about framing")
    return text


def _count(text: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) > most:
        raise _Refused(f"{text!r}: expected a whole number from 0 to {most}")
    return int(text)


def _status(text: str) -> int:
    if not re.fullmatch("[0-9]{3}", text):
        raise _Refused(f"{text!r}: expected a status of three digits")
    return int(text)


def _seconds(text: str) -> float:
    """A time, cut down to ten seconds."""
    try:
        seconds = float(text)
    except ValueError as exc:
        raise _Refused(f"{text!r}: expected a number of seconds") from exc
    if not seconds >= 0:  # not a number compares false
        raise _Refused(f"{text!r}: expected a number of seconds from 0 on")
    return min(seconds, _MOST_SECONDS)


def _octets(count: int, seed: str) -> bytes:
    """`count` bytes that depend on nothing but `seed`."""
    return hashlib.shake_256(seed.encode("utf-8", "surrogateescape")).digest(count)


def _media_type(request: Received) -> str:
    return "".join(request.field_values("content-type")[:1]).partition(";")[0].strip().lower()


def _parsed_json(request: Received) -> Any:
    """The body as JSON; None where it is not, or too deeply nested to be written again."""
    try:
        value = json.loads(request.body)
        json.dumps([[[value]]], indent=2)  # the answer nests it deeper than it came
    except (ValueError, RecursionError):
        return None
    return value


def _data(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"data:{_OCTETS};base64,{base64.b64encode(body).decode()}"


def _about(asked: Asked, *, body: bool = True) -> dict[str, Any]:
    """What the origin knows of the request, in the words of httpbin."""
    request = asked.request
    about: dict[str, Any] = {
        "method": request.method,
        "url": asked.url,
        "target": request.target,
        "args": _grouped(asked.args),
        "headers": request.headers,
        "origin": asked.client,
    }
    if body:
        form = _pairs(request.body.decode("latin-1")) if _media_type(request).endswith("form-urlencoded") else []
        about |= {"data": _data(request.body), "form": _grouped(form), "json": _parsed_json(request)}
    return about


def _names(request: Received, name: str, etag: str, *, strongly: bool = False) -> bool:
    """Whether the list field `name` is "*" or names `etag` (compared as in RFC 9110 section 8.8.3.2)."""
    listed = ",".join(request.field_values(name))
    tags = re.findall(r'(W/)?("[^"]*")', listed)
    return listed.strip() == "*" or any(tag == etag and not (strongly and weak) for weak, tag in tags)


def _credentials(request: Received, scheme: str) -> str | None:
    """What follows `scheme` in the one Authorization field."""
    values = request.field_values("authorization")
    found, _, rest = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return rest.strip() if found.lower() == scheme else None


def _knows(request: Received, user: str, password: str) -> bool:
    """Whether the request carries these credentials by Basic (RFC 7617)."""
    given = _credentials(request, "basic")
    try:
        return given is not None and base64.b64decode(given, validate=True) == unquote_to_bytes(f"{user}:{password}")
    except (binascii.Error, ValueError):
        return False


# --- the routes -------------------------------------------------------------------------------------------------------

_Route = tuple[str, "re.Pattern[str]", tuple[str, ...], "Callable[..., Answer]"]
_ROUTES: list[_Route] = []


def _route(
    *paths: str, methods: tuple[str, ...] = ("GET",)
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a function for paths, where NAME in capitals is one segment and NAME... the rest of the path."""

    def register(function: Callable[..., Answer]) -> Callable[..., Answer]:
        for path in paths:
            pattern = re.escape(path).replace(r"\.\.\.", "...")
            pattern = re.sub(r"[A-Z]+(\.\.\.)?", lambda found: "(.*)" if found[1] else "([^/]*)", pattern)
            _ROUTES.append((path, re.compile(pattern, re.DOTALL), methods, function))
        return function

    return register


def _allowed(methods: tuple[str, ...]) -> tuple[str, ...]:
    return (*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS")


def answer(asked: Asked) -> Answer:
    """Answer by path."""
    request = asked.request
    if request.version != "HTTP/1.0" and len(request.field_values("host")) != 1:
        return problem(400, "expected exactly one Host field (RFC 9112 section 3.2)")
    if request.method == "CONNECT":
        return problem(405, "there is no tunnel here", ("Allow", "GET, HEAD, OPTIONS"))
    if request.method == "OPTIONS" and request.target == "*":
        return Answer(204, [("Allow", "GET, HEAD, OPTIONS")])
    for _, pattern, methods, function in _ROUTES:
        if found := pattern.fullmatch(asked.path):
            return _checked(asked, methods, function, found.groups())
    return problem(404, f"nothing is known of {asked.path}")


def _checked(asked: Asked, methods: tuple[str, ...], function: Callable[..., Answer], parts: tuple[str, ...]) -> Answer:
    """Call a route's function if the method is one of its methods."""
    method, allow = asked.request.method, ("Allow", ", ".join(_allowed(methods)))
    if methods and method == "OPTIONS":
        return Answer(204, [allow])
    if methods and method not in _allowed(methods):
        return problem(405, f"{method} is not for {asked.path}", allow)
    try:
        return function(asked, *parts)
    except _Refused as exc:
        return problem(400, str(exc))


@_route("/")
def _index(_: Asked) -> Answer:
    lines = (f"{path:32}{', '.join(_allowed(methods)) if methods else 'any method'}" for path, _, methods, _ in _ROUTES)
    return _typed(_TEXT, ("\n".join(lines) + "\n").encode())


@_route("/head", methods=("HEAD",))
@_route("/get")
@_route("/post", methods=("POST",))
@_route("/put", methods=("PUT",))
@_route("/patch", methods=("PATCH",))
@_route("/delete", methods=("DELETE",))
@_route("/anything", "/anything/REST...", methods=_ANY)
def _anything(asked: Asked, *_: str) -> Answer:
    return _json(_about(asked))


@_route("/headers")
def _headers(asked: Asked) -> Answer:
    return _json({"headers": asked.request.headers})


@_route("/ip")
def _ip(asked: Asked) -> Answer:
    return _json({"origin": asked.client})


@_route("/user-agent")
def _user_agent(asked: Asked) -> Answer:
    return _json({"user-agent": next(iter(asked.request.field_values("user-agent")), None)})


@_route("/status/N", methods=_ANY)
def _by_status(_: Asked, status: str) -> Answer:
    code = _status(status)
    if 100 <= code < 200 and code != 101:
        return Answer(200, before=(f"HTTP/1.1 {code} {reason(code)}\r\n\r\n".encode(),))
    return Answer(code, _STATUS_FIELDS.get(code, []))


@_route("/bytes/N")
def _bytes(asked: Asked, count: str) -> Answer:
    return _typed(_OCTETS, _octets(_count(count, _MOST_BYTES), asked.arg("seed", "")))


@_route("/stream/N")
def _stream(asked: Asked, count: str) -> Answer:
    about = _about(asked, body=False)
    lines = (json.dumps({"id": index} | about).encode() + b"\n" for index in range(_count(count, _MOST_PIECES)))
    return Answer(200, [("Content-Type", "application/json")], lines, "chunked")


@_route("/stream-bytes/N")
def _stream_bytes(asked: Asked, count: str) -> Answer:
    data = _octets(_count(count, _MOST_BYTES), asked.arg("seed", ""))
    size = _count(asked.arg("chunk_size", "10240"), _MOST_BYTES)
    if not size:
        raise _Refused("chunk_size=0: expected at least 1, an empty chunk would end the body")
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return Answer(200, [("Content-Type", _OCTETS)], chunks, "chunked")


@_route("/drip")
def _drip(asked: Asked) -> Answer:
    count = _count(asked.arg("numbytes", "10"), _MOST_PIECES)
    gap = _seconds(asked.arg("duration", "2")) / max(count - 1, 1)
    pieces = (piece for index in range(count) for piece in ([gap, b"*"] if index else [b"*"]))
    delay = _seconds(asked.arg("delay", "0"))
    code = _status(asked.arg("code", "200"))
    return Answer(code, [("Content-Type", _OCTETS)], pieces, length=count, before=(delay,))


@_route("/delay/SECONDS", methods=_ANY)
def _delay(asked: Asked, seconds: str) -> Answer:
    return replace(_json(_about(asked)), before=(_seconds(seconds),))


@_route("/redirect/N", methods=_ANY)
def _redirect(_: Asked, count: str, base: str = "", name: str = "redirect") -> Answer:
    left = _count(count, 1000) - 1
    return Answer(302, [("Location", base + (f"/{name}/{left}" if left > 0 else "/get"))])


@_route("/absolute-redirect/N", methods=_ANY)
def _absolute_redirect(asked: Asked, count: str) -> Answer:
    return _redirect(asked, count, asked.base, "absolute-redirect")


@_route("/redirect-to", methods=_ANY)
def _redirect_to(asked: Asked) -> Answer:
    url = _field_value(asked.arg("url", "/get"))
    return Answer(_status(asked.arg("status_code", "302")), [("Location", url)])


@_route("/gzip")
def _gzip(asked: Asked) -> Answer:
    coded = gzip.compress(
        _dump({"gzipped": True} | _about(asked, body=False)), mtime=0
    )  # no time: the same bytes always
    return Answer(200, [("Content-Type", "application/json"), ("Content-Encoding", "gzip")], coded)


@_route("/deflate")
def _deflate(asked: Asked) -> Answer:
    # The zlib format, as RFC 9110 section 8.4.1.2 defines the coding.
    coded = zlib.compress(_dump({"deflated": True} | _about(asked, body=False)))
    return Answer(200, [("Content-Type", "application/json"), ("Content-Encoding", "deflate")], coded)


def _fixed(path: str, content_type: str, text: str) -> None:
    """Register a path that says the same to everybody."""
    _route(path)(lambda _: _typed(content_type, text.encode()))


_fixed("/encoding/utf8", _HTML, _PAGE.format(title="UTF-8", text=_UTF8))
_fixed("/html", _HTML, _PAGE.format(title="Origin", text="A page that never changes."))
_fixed(
    "/json", "application/json", '{"slideshow": {"title": "Origin", "slides": [{"title": "One"}, {"title": "Two"}]}}\n'
)
_fixed("/xml", "application/xml", '<?xml version="1.0" encoding="utf-8"?>\n<slideshow title="Origin"/>\n')
_fixed("/robots.txt", _TEXT, "User-agent: *\nDisallow: /deny\n")


@_route("/cookies")
def _cookies(asked: Asked) -> Answer:
    pairs = (pair.strip().partition("=") for value in asked.request.field_values("cookie") for pair in value.split(";"))
    return _json({"cookies": _grouped([(name, value) for name, _, value in pairs if name])})


@_route("/cookies/set")
def _set_cookies(asked: Asked) -> Answer:
    cookies = [("Set-Cookie", _field_value(f"{name}={value}; Path=/")) for name, value in asked.args]
    return Answer(302, [("Location", "/cookies"), *cookies])


@_route("/response-headers", methods=("GET", "POST"))
def _response_headers(asked: Asked) -> Answer:
    fields = [(_field_name(name), _field_value(value)) for name, value in asked.args]
    plain = _json({"headers": fields})
    return replace(plain, headers=fields if "content-type" in dict(_lower(fields)) else [*plain.headers, *fields])


def _lower(fields: Fields) -> Fields:
    return [(name.lower(), value) for name, value in fields]


@_route("/duplicate-headers")
def _duplicate_headers(_: Asked) -> Answer:
    twice = [("X-Twice", "1"), ("X-Other", "x"), ("x-twice", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    return _json({"headers": twice}, headers=twice)


@_route("/trailers")
def _trailers(_: Asked) -> Answer:
    fields = [("Content-Type", _TEXT), ("Trailer", "X-Checksum, X-Last")]
    digest = hashlib.sha256(b"one\ntwo\n").hexdigest()
    return Answer(200, fields, (b"one\n", b"two\n"), "chunked", trailers=[("X-Checksum", digest), ("X-Last", "yes")])


@_route("/early-hints")
def _early_hints(asked: Asked) -> Answer:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n"
    return replace(_json(_about(asked)), before=(hints,))


@_route("/etag/E")
def _etag(asked: Asked, name: str) -> Answer:
    etag = f'"{name}"'
    if asked.request.field_values("if-match") and not _names(asked.request, "if-match", etag, strongly=True):
        return problem(412, f"the resource is now {etag}", ("ETag", etag))
    if _names(asked.request, "if-none-match", etag):
        return Answer(304, [("ETag", etag)])
    return _json(_about(asked), headers=[("ETag", etag)])


@_route("/cache")
def _cache(asked: Asked) -> Answer:
    fields = [("Last-Modified", _EPOCH), ("ETag", '"origin"'), ("Cache-Control", "max-age=0")]
    if asked.request.field_values("if-modified-since") or asked.request.field_values("if-none-match"):
        return Answer(304, fields)
    return _json(_about(asked), headers=fields)


@_route("/range/N")
def _range(asked: Asked, count: str) -> Answer:
    request, size = asked.request, _count(count, _MOST_BYTES)
    data = (bytes(range(ord("a"), ord("z") + 1)) * (size // 26 + 1))[:size]
    etag = f'"range{size}"'
    fields = [("Content-Type", _OCTETS), ("ETag", etag), ("Accept-Ranges", "bytes")]
    fresh = request.field_values("if-range") in ([], [etag])
    # Range means something for GET alone (RFC 9110 section 14.2).
    selected = _selected(request.field_values("range"), size) if fresh and request.method == "GET" else None
    if selected is None:
        return Answer(200, fields, data)
    first, last = selected
    if first > last:
        return problem(416, "the range lies outside", ("Content-Range", f"bytes */{size}"))
    return Answer(206, [*fields, ("Content-Range", f"bytes {first}-{last}/{size}")], data[first : last + 1])


def _selected(ranges: list[str], size: int) -> tuple[int, int] | None:
    """First and last position asked for; None for what is to be ignored: several ranges, or an invalid one.

    The first lies behind the last where nothing of the range exists (RFC 9110 section 14.1.2).
    """
    found = re.fullmatch("bytes=([0-9]{0,18})-([0-9]{0,18})", ",".join(ranges))
    if found is None or found.groups() == ("", ""):
        return None
    if not found[1]:
        return max(size - int(found[2]), 0), size - 1
    first = int(found[1])
    last = int(found[2]) if found[2] else max(first, size)
    return (first, min(last, size - 1)) if first <= last else None


@_route("/basic-auth/USER/PASSWORD", methods=_ANY)
def _basic_auth(asked: Asked, user: str, password: str) -> Answer:
    if not _knows(asked.request, user, password):
        return problem(401, "other credentials are needed", ("WWW-Authenticate", 'Basic realm="origin"'))
    return _json({"authenticated": True, "user": unquote(user)})


@_route("/hidden-basic-auth/USER/PASSWORD", methods=_ANY)
def _hidden_basic_auth(asked: Asked, user: str, password: str) -> Answer:
    if not _knows(asked.request, user, password):
        return problem(404, f"nothing is known of {asked.path}")
    return _json({"authenticated": True, "user": unquote(user)})


@_route("/bearer", methods=_ANY)
def _bearer(asked: Asked) -> Answer:
    token = _credentials(asked.request, "bearer")
    if not token:
        return problem(401, "a bearer token is needed", ("WWW-Authenticate", "Bearer"))
    return _json({"authenticated": True, "token": token})


@_route("/uuid")
def _uuid(asked: Asked) -> Answer:
    return _json({"uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, asked.request.target))})


@_route("/base64/VALUE...")
def _base64(_: Asked, value: str) -> Answer:
    try:
        return _typed(_TEXT, base64.b64decode(unquote(value).replace("-", "+").replace("_", "/"), validate=True))
    except ValueError as exc:
        raise _Refused(f"{value!r} is not base64: {exc}") from exc


@_route("/close", methods=_ANY)
def _close(asked: Asked) -> Answer:
    return replace(_json(_about(asked)), close=True)


@_route("/until-close")
def _until_close(asked: Asked) -> Answer:
    return replace(_json(_about(asked)), framing="close")


@_route("/malformed")
def _malformed(_: Asked) -> Answer:
    return Answer(200, status_line="HTTP/1.1 2OO Okay", close=True)


@_route("/truncated")
def _truncated(_: Asked) -> Answer:
    return Answer(200, [("Content-Type", _OCTETS)], (b"0123456789",), length=100, close=True)


@_route("/echo", methods=_ANY)
def _echo(asked: Asked) -> Answer:
    return _typed(next(iter(asked.request.field_values("content-type")), _OCTETS), asked.request.body)
