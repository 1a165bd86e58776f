"""What is compared: what the servers saw of a call, and what the caller got, each as named facts."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from fnmatch import fnmatchcase
from typing import Any

import intermodal.errors

#: What either library adds by itself; where these stand among the other fields, neither promises.
ADDED = {
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "cookie",
    "authorization",
    "proxy-authorization",
}

#: The errors of requests that go by other names here, in the words of the page: see "Other names" there.
OTHER_NAMES = {
    "MissingSchema": ("InvalidURL", "URLRequired"),
    "InvalidSchema": ("UnsupportedScheme",),
    "InvalidProxyURL": ("InvalidURL",),
    "InvalidJSONError": ("InvalidRequest",),
    "ChunkedEncodingError": ("IncompleteBody", "ProtocolError"),
    "StreamConsumedError": ("ResponseError",),
    "UnrewindableBodyError": ("BodyNotReplayable",),
}

#: The login of every row that answers a digest challenge.
USER, PASSWORD = "user", "secret"

_ADDRESS = re.compile(r"127\.0\.0\.1:[0-9]+")
_MULTIPART = re.compile("multipart/.*boundary", re.IGNORECASE)
_BOUNDARY = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]+)\r\n")
_HASHES = {"MD5": "md5", "SHA": "sha1", "SHA-256": "sha256", "SHA-512": "sha512", "SHA-512-256": "sha512_256"}
_PARAMETER = re.compile(r'([A-Za-z0-9*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class Failure:
    """An error that came out: equal to another of the same meaning, whatever its class derives from."""

    def __init__(self, error: BaseException) -> None:
        kinds = type(error).__mro__
        if kinds[0].__module__.partition(".")[0] == "intermodal":
            known = vars(intermodal.errors).items()
            self.names = [name for kind in kinds[: kinds.index(Exception)] for name, each in known if each is kind]
            self.names += [kind.__name__ for kind in kinds if kind is ValueError]
        else:
            self.names = [kinds[0].__name__, *OTHER_NAMES.get(kinds[0].__name__, ())]
        self.said = str(error)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return other in self.names
        return isinstance(other, Failure) and bool(set(self.names) & set(other.names))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.names[0]}: {self.said}>"


def attempt(what: Any) -> Any:
    """What a function gives, or the failure that comes out of it."""
    try:
        return what()
    except Exception as error:
        return Failure(error)


# --- what the server saw ----------------------------------------------------------------------------------------------


def of_request(server: str, received: Any, own: dict[str, str]) -> dict[str, Any]:
    """The facts of one request, as a server has received it; ``own``: what the library says of itself."""
    headers = [(name, value) for name, value in received.headers]
    body = received.body
    found = _MULTIPART.match(received.first("content-type")) and _BOUNDARY.match(body)
    length = received.first("content-length", "absent")
    if length != "absent" and int(length) == len(body):
        length = "right"
    if found:
        body = body.replace(found[1], b"BOUNDARY")
        headers = [(name, value.replace(found[1].decode(), "BOUNDARY")) for name, value in headers]
    facts: dict[str, Any] = {
        "to": server,
        "method": received.method,
        "target": received.target,
        "version": received.version,
        "body": body,
        "length": length,
        "order": [name for name, _ in headers if name.lower() not in ADDED],
    }
    for name, value in headers:
        key = name.lower()
        if (key, name) != ("content-length", "Content-Length"):  # its value is told by "length"
            facts.setdefault(f"header {key}", []).append((name, _said(key, value, received, own)))
    return facts


def _said(key: str, value: str, received: Any, own: dict[str, str]) -> Any:
    """What a field's value says, without what is made by chance or stands in one order or another."""
    if own.get(key) == value:
        return "<the library's own>"
    if key == "cookie":
        return "; ".join(sorted(value.split("; ")))  # there is a row about their order
    if key == "authorization" and value.lower().startswith("digest "):
        return _digest(value, received)
    return value


def _digest(value: str, received: Any) -> dict[str, str]:
    """A digest login without what is made by chance, with what can be said of its response (RFC 7616 section 3.4.1)."""
    given = {found[1]: found[2] if found[3] is None else found[3] for found in _PARAMETER.finditer(value)}
    algorithm = given.get("algorithm", "MD5").upper()
    name = algorithm.removesuffix("-SESS")
    hashing = _HASHES.get(name)
    if hashing is None:
        return given

    def h(*parts: str) -> str:
        return hashlib.new(hashing, ":".join(parts).encode()).hexdigest()

    first = h(given["username"], given["realm"], PASSWORD)
    if algorithm.endswith("-SESS"):
        first = h(first, given["nonce"], given["cnonce"])
    whole = [hashlib.new(hashing, received.body).hexdigest()] if given.get("qop") == "auth-int" else []
    second = h(received.method, given["uri"], *whole)
    middle = [given["nc"], given["cnonce"], given["qop"]] if "qop" in given else []
    expected = h(first, given["nonce"], *middle, second)
    given["response"] = "right" if given["response"] == expected else f"wrong: {given['response']}"
    given.pop("cnonce", None)
    return given


# --- what the caller got ----------------------------------------------------------------------------------------------


def of_response(response: Any, *, streamed: bool = False) -> dict[str, Any]:
    """The facts of one response; of a streamed one, those that need no reading."""
    facts = {
        "status_code": response.status_code,
        "reason": response.reason,
        "url": response.url,
        "ok": response.ok,
        "truth": bool(response),
        "encoding": attempt(lambda: response.encoding),
        "is_redirect": response.is_redirect,
        "is_permanent_redirect": response.is_permanent_redirect,
        "history": [(each.status_code, each.url, each.request.method) for each in response.history],
        "cookies": dict(sorted(response.cookies.get_dict().items())),
        "links": attempt(lambda: response.links),
        "headers": _fields(response),
        "joined": {name.lower(): response.headers[name.swapcase()] for name in _repeated(response)},
        "elapsed": isinstance(response.elapsed, dt.timedelta) and response.elapsed >= dt.timedelta(),
        "raise_for_status": attempt(response.raise_for_status),
        "said": getattr(attempt(response.raise_for_status), "said", None),
        "request": (response.request.method, str(response.request.url) == response.url or str(response.request.url)),
        "next": attempt(lambda: response.next and (response.next.method, str(response.next.url))),
    }
    if streamed:
        return facts
    facts["content"] = attempt(lambda: response.content)
    if not _MULTIPART.match(response.headers.get("content-type", "")):
        facts |= {
            "text": attempt(lambda: response.text),
            "json": attempt(response.json),
            "pieces": attempt(lambda: list(response.iter_content(3))),
            "lines": attempt(lambda: list(response.iter_lines())),
        }
    else:
        del facts["content"], facts["headers"]
    return facts


#: The facts that follow from another: they say nothing new where that differs already.
_FOLLOWING = {"content": {"text", "json", "pieces", "lines"}, "raise_for_status": {"said"}}


def of_error(error: Exception) -> dict[str, Any]:
    """The facts of a call that ended with an error."""
    facts: dict[str, Any] = {"error": Failure(error)}
    response = getattr(error, "response", None)
    if response is not None:
        facts["error's response"] = (response.status_code, [each.status_code for each in response.history])
    return facts


def _repeated(response: Any) -> list[str]:
    """The fields that came more than once, but for Set-Cookie: a row of its own is about that."""
    return [name for name, values in _fields(response).items() if len(values) > 1 and name != "set-cookie"]


def _fields(response: Any) -> dict[str, list[str]]:
    """Every value of every field, by lower-case name: urllib3 keeps neither order nor case of duplicates."""
    pairs = response.headers.pairs if hasattr(response.headers, "pairs") else response.raw.headers.items()
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name.lower(), []).append(value)
    return dict(sorted(fields.items()))


# --- comparing --------------------------------------------------------------------------------------------------------


def plain(value: Any, names: dict[str, str]) -> Any:
    """A value with the addresses of this run's servers replaced by names that are the same in every run."""
    if isinstance(value, str):
        return _ADDRESS.sub(lambda found: names.get(found[0], found[0]), value) if "127.0.0.1:" in value else value
    if isinstance(value, bytes):
        return plain(value.decode("latin-1"), names).encode("latin-1") if b"127.0.0.1:" in value else value
    if isinstance(value, dict):
        return {key: plain(each, names) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([plain(each, names) for each in value])
    return value


class _Absent:
    def __repr__(self) -> str:
        return "absent"


#: The value of a fact that one side has and the other has not.
ABSENT = _Absent()

#: Stands for whatever there may be.
ANY: Any = type("_Any", (), {"__eq__": lambda *_: True, "__hash__": lambda _: 0, "__repr__": lambda _: "anything"})()


def differing(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The facts that are not the same on both sides, by name.

    A call that came to an error on one side only, and a request that one side only has sent, are one difference each.
    """
    theirs, ours = _briefly(theirs, ours), _briefly(ours, theirs)
    names = [*theirs, *(name for name in ours if name not in theirs)]
    pairs = {name: (theirs.get(name, ABSENT), ours.get(name, ABSENT)) for name in names}
    found = {name: (their, our) for name, (their, our) in pairs.items() if not _same(their, our)}
    for name in [*found]:
        for following in _FOLLOWING.get(name.rpartition(".")[2], ()):
            found.pop(f"{name.rpartition('.')[0]}.{following}", None)
    return found


def _briefly(facts: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Facts without those of what has no counterpart: of a call and of a request, which has one, is said instead."""
    brief: dict[str, Any] = {}
    for name, value in facts.items():
        part, number, fact = [*name.split(".", 2), "", ""][:3]
        call = f"{part}.{number}"
        if part == "got" and (f"{call}.error" in facts) != (f"{call}.error" in others):
            if fact in {"error", "status_code"}:
                brief[call] = value
        elif part == "sent" and f"{call}.method" not in others:
            brief[call] = " ".join([facts[f"{call}.{each}"] for each in ("to", "method", "target")])
        else:
            brief[name] = value
    # More than requests tells may be told.
    return {name: value for name, value in brief.items() if not name.endswith("error's response") or name in others}


def _same(their: Any, our: Any) -> bool:
    if isinstance(their, float) and isinstance(our, float) and math.isnan(their):
        return math.isnan(our)
    return bool(their == our) and (type(their) is type(our) or isinstance(their, str | Failure))


def judge(found: dict[str, tuple[Any, Any]], declared: dict[str, Any]) -> list[str]:
    """What is wrong: differences that nobody declared or that are not as declared, and declared ones that are none."""
    wrong = []
    for name, (their, our) in found.items():
        patterns = [name] if name in declared else [each for each in declared if fnmatchcase(name, each)]
        reasons = [declared[pattern] for pattern in patterns]
        if not reasons:
            wrong.append(f"{name}: requests {their!r:.600}, intermodal {our!r:.600}")
        elif not any(reason.theirs == their and reason.ours == our for reason in reasons):
            wrong.append(f"{name} differs, but not as declared: requests {their!r:.600}, intermodal {our!r:.600}")
    idle = [pattern for pattern in declared if not any(fnmatchcase(name, pattern) for name in found)]
    return wrong + [f"{pattern} is declared to differ, and does not" for pattern in idle]
