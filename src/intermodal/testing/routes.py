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
import gzip
import hashlib
import json
import re
import uuid
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from .asked import (
    Asked,
    Refused,
    byte_range,
    field_name,
    field_value,
    grouped,
    parse_count,
    parse_seconds,
    parse_status,
)
from .messages import Answer, Fields, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["answer", "problem"]

_MOST_BYTES: Final = 64 << 20
_MOST_PIECES: Final = 65536
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


def _octets(count: int, seed: str) -> bytes:
    """`count` bytes that depend on nothing but `seed`."""
    return hashlib.shake_256(seed.encode("utf-8", "surrogateescape")).digest(count)


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
    except Refused as exc:
        return problem(400, str(exc))


@_route("/")
def _index(_: Asked) -> Answer:
    lines = (f"{path:36}{', '.join(_allowed(methods)) if methods else 'any method'}" for path, _, methods, _ in _ROUTES)
    return _typed(_TEXT, ("\n".join(lines) + "\n").encode())


@_route("/head", methods=("HEAD",))
@_route("/get")
@_route("/post", methods=("POST",))
@_route("/put", methods=("PUT",))
@_route("/patch", methods=("PATCH",))
@_route("/delete", methods=("DELETE",))
@_route("/anything", "/anything/REST...", methods=_ANY)
def _anything(asked: Asked, *_: str) -> Answer:
    return _json(asked.about() | asked.about_body())


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
    code = parse_status(status)
    if 100 <= code < 200 and code != 101:
        return Answer(200, before=(f"HTTP/1.1 {code} {reason(code)}\r\n\r\n".encode(),))
    return Answer(code, _STATUS_FIELDS.get(code, []))


@_route("/bytes/N")
def _bytes(asked: Asked, count: str) -> Answer:
    return _typed(_OCTETS, _octets(parse_count(count, _MOST_BYTES), asked.arg("seed", "")))


@_route("/stream/N")
def _stream(asked: Asked, count: str) -> Answer:
    about = asked.about()
    lines = (json.dumps({"id": index} | about).encode() + b"\n" for index in range(parse_count(count, _MOST_PIECES)))
    return Answer(200, [("Content-Type", "application/json")], lines, "chunked")


@_route("/stream-bytes/N")
def _stream_bytes(asked: Asked, count: str) -> Answer:
    data = _octets(parse_count(count, _MOST_BYTES), asked.arg("seed", ""))
    size = parse_count(asked.arg("chunk_size", "10240"), _MOST_BYTES)
    if not size:
        raise Refused("chunk_size=0: expected at least 1, an empty chunk would end the body")
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return Answer(200, [("Content-Type", _OCTETS)], chunks, "chunked")


@_route("/drip")
def _drip(asked: Asked) -> Answer:
    count = parse_count(asked.arg("numbytes", "10"), _MOST_PIECES)
    gap = parse_seconds(asked.arg("duration", "2")) / max(count - 1, 1)
    delay = parse_seconds(asked.arg("delay", "0"))
    code = parse_status(asked.arg("code", "200"))
    return Answer(code, [("Content-Type", _OCTETS)], _drops(count, gap), length=count, before=(delay,))


def _drops(count: int, gap: float) -> Iterator[bytes | float]:
    for index in range(count):
        yield gap if index else 0
        yield b"*"


@_route("/delay/SECONDS", methods=_ANY)
def _delay(asked: Asked, seconds: str) -> Answer:
    return replace(_json(asked.about() | asked.about_body()), before=(parse_seconds(seconds),))


@_route("/redirect/N", methods=_ANY)
def _redirect(_: Asked, count: str, base: str = "", name: str = "redirect") -> Answer:
    left = parse_count(count, 1000) - 1
    return Answer(302, [("Location", base + (f"/{name}/{left}" if left > 0 else "/get"))])


@_route("/absolute-redirect/N", methods=_ANY)
def _absolute_redirect(asked: Asked, count: str) -> Answer:
    return _redirect(asked, count, asked.base, "absolute-redirect")


@_route("/redirect-to", methods=_ANY)
def _redirect_to(asked: Asked) -> Answer:
    url = field_value(asked.arg("url", "/get"))
    return Answer(parse_status(asked.arg("status_code", "302")), [("Location", url)])


@_route("/gzip")
def _gzip(asked: Asked) -> Answer:
    coded = gzip.compress(_dump({"gzipped": True} | asked.about()), mtime=0)  # no time: the same bytes always
    return Answer(200, [("Content-Type", "application/json"), ("Content-Encoding", "gzip")], coded)


@_route("/deflate")
def _deflate(asked: Asked) -> Answer:
    # The zlib format, as RFC 9110 section 8.4.1.2 defines the coding.
    coded = zlib.compress(_dump({"deflated": True} | asked.about()))
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
    return _json({"cookies": grouped([(name, value) for name, _, value in pairs if name])})


@_route("/cookies/set")
def _set_cookies(asked: Asked) -> Answer:
    cookies = [("Set-Cookie", field_value(f"{name}={value}; Path=/")) for name, value in asked.args]
    return Answer(302, [("Location", "/cookies"), *cookies])


@_route("/response-headers", methods=("GET", "POST"))
def _response_headers(asked: Asked) -> Answer:
    fields = [(field_name(name), field_value(value)) for name, value in asked.args]
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
    return replace(_json(asked.about() | asked.about_body()), before=(hints,))


@_route("/etag/E")
def _etag(asked: Asked, name: str) -> Answer:
    etag = f'"{name}"'
    if asked.request.field_values("if-match") and not asked.names("if-match", etag, strongly=True):
        return problem(412, f"the resource is now {etag}", ("ETag", etag))
    if asked.names("if-none-match", etag):
        return Answer(304, [("ETag", etag)])
    return _json(asked.about() | asked.about_body(), headers=[("ETag", etag)])


@_route("/cache")
def _cache(asked: Asked) -> Answer:
    fields = [("Last-Modified", _EPOCH), ("ETag", '"origin"'), ("Cache-Control", "max-age=0")]
    if asked.request.field_values("if-modified-since") or asked.request.field_values("if-none-match"):
        return Answer(304, fields)
    return _json(asked.about() | asked.about_body(), headers=fields)


@_route("/range/N")
def _range(asked: Asked, count: str) -> Answer:
    request, size = asked.request, parse_count(count, _MOST_BYTES)
    data = (bytes(range(ord("a"), ord("z") + 1)) * (size // 26 + 1))[:size]
    etag = f'"range{size}"'
    fields = [("Content-Type", _OCTETS), ("ETag", etag), ("Accept-Ranges", "bytes")]
    fresh = request.field_values("if-range") in ([], [etag])
    # Range means something for GET alone (RFC 9110 section 14.2).
    selected = byte_range(request.field_values("range"), size) if fresh and request.method == "GET" else None
    if selected is None:
        return Answer(200, fields, data)
    first, last = selected
    if first > last:
        return problem(416, "the range lies outside", ("Content-Range", f"bytes */{size}"))
    return Answer(206, [*fields, ("Content-Range", f"bytes {first}-{last}/{size}")], data[first : last + 1])


@_route("/basic-auth/USER/PASSWORD", methods=_ANY)
def _basic_auth(asked: Asked, user: str, password: str) -> Answer:
    if not asked.knows(user, password):
        return problem(401, "other credentials are needed", ("WWW-Authenticate", 'Basic realm="origin"'))
    return _json({"authenticated": True, "user": unquote(user)})


@_route("/hidden-basic-auth/USER/PASSWORD", methods=_ANY)
def _hidden_basic_auth(asked: Asked, user: str, password: str) -> Answer:
    if not asked.knows(user, password):
        return problem(404, f"nothing is known of {asked.path}")
    return _json({"authenticated": True, "user": unquote(user)})


@_route("/bearer", methods=_ANY)
def _bearer(asked: Asked) -> Answer:
    token = asked.credentials("bearer")
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
        raise Refused(f"{value!r} is not base64: {exc}") from exc


@_route("/close", methods=_ANY)
def _close(asked: Asked) -> Answer:
    return replace(_json(asked.about() | asked.about_body()), close=True)


@_route("/until-close")
def _until_close(asked: Asked) -> Answer:
    return replace(_json(asked.about() | asked.about_body()), framing="close")


@_route("/malformed")
def _malformed(_: Asked) -> Answer:
    return Answer(200, status_line="HTTP/1.1 2OO Okay", close=True)


@_route("/truncated")
def _truncated(_: Asked) -> Answer:
    return Answer(200, [("Content-Type", _OCTETS)], (b"0123456789",), length=100, close=True)


@_route("/echo", methods=_ANY)
def _echo(asked: Asked) -> Answer:
    return _typed(next(iter(asked.request.field_values("content-type")), _OCTETS), asked.request.body)
