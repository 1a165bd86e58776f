"""From what a user types to a Request and its Options: the keywords, written once for both clients."""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypedDict

from intermodal._version import __version__
from intermodal.callers import callers_level
from intermodal.errors import (
    InsecureRequestWarning,
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    UnsupportedFeature,
    URLRequired,
)
from intermodal.model.body import Body, BodyInput
from intermodal.model.decoding import accept_encoding
from intermodal.model.encode import FORM, JSON, Fields, Params, ParamsInput, encode_fields, encode_json
from intermodal.model.headers import Headers
from intermodal.model.options import TLS, Dial, Options, Timeouts
from intermodal.model.request import Request
from intermodal.model.url import URL
from intermodal.protocol import Capability

if TYPE_CHECKING:
    from intermodal.events import Listener
    from intermodal.middleware.auth import AuthInput
    from intermodal.middleware.retries import RetryInput
    from intermodal.middleware.route import ProxiesInput
    from intermodal.model.cookies import CookiesInput
    from intermodal.model.headers import HeaderText
    from intermodal.model.multipart import FilesInput
    from intermodal.model.options import CertInput, Limits, TimeoutInput, VerifyInput
    from intermodal.stack import MiddlewareInput

DefaultsInput = (
    Mapping[str, str] | Mapping[str, "HeaderText | None"] | Iterable[tuple["HeaderText", "HeaderText | None"]] | None
)
DataInput = BodyInput | Fields


class CommonKeywords(TypedDict, total=False):
    """The keywords of every verb."""

    params: ParamsInput
    headers: DefaultsInput
    cookies: CookiesInput
    files: FilesInput | None
    auth: AuthInput
    timeout: TimeoutInput
    allow_redirects: bool | None
    verify: VerifyInput
    cert: CertInput
    proxies: ProxiesInput | None
    retries: RetryInput | None
    dial: Dial
    stream: bool


class RequestKeywords(CommonKeywords, total=False):
    """The keywords of ``Client.request``: a body too."""

    data: DataInput
    json: Any


class BuildKeywords(TypedDict, total=False):
    """The keywords of ``Client.build_request``: those that a Request is made of."""

    params: ParamsInput
    headers: DefaultsInput
    files: FilesInput | None
    data: DataInput
    json: Any


class SendKeywords(TypedDict, total=False):
    """The keywords of ``Client.send``: those that leave the Request as it is."""

    cookies: CookiesInput
    auth: AuthInput
    timeout: TimeoutInput
    allow_redirects: bool | None
    verify: VerifyInput
    cert: CertInput
    proxies: ProxiesInput | None
    retries: RetryInput | None
    dial: Dial
    stream: bool


class ClientKeywords(TypedDict, total=False):
    """The settings of a client, beside its transport."""

    base_url: str | None
    headers: DefaultsInput
    params: ParamsInput
    cookies: CookiesInput
    auth: AuthInput
    timeout: TimeoutInput
    proxies: ProxiesInput | None
    verify: VerifyInput
    cert: CertInput
    retries: RetryInput
    max_redirects: int
    dial: Dial
    trust_env: bool
    limits: Limits
    middleware: MiddlewareInput | None
    listener: Listener | None


SETTINGS = frozenset(ClientKeywords.__annotations__)
BUILD_KEYWORDS = frozenset(BuildKeywords.__annotations__)
#: What is done by flows around a request.
FLOW_KEYWORDS = frozenset({"cookies", "auth", "proxies", "retries"})
#: What is said in Options.
OPTION_KEYWORDS = frozenset({"timeout", "verify", "cert", "dial"})
SEND_KEYWORDS = frozenset(SendKeywords.__annotations__)
KEYWORDS = frozenset(RequestKeywords.__annotations__)

_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://").match  # RFC 3986 section 3.1

#: Those of a call that are not for the Request itself, and where they belong.
_ELSEWHERE = {"max_redirects": "Client(max_redirects=...)", "middleware": "Client(middleware=...)"}

#: What other libraries call it.
_OTHER_NAMES = {
    "follow_redirects": "allow_redirects",
    "content": "data",
    "body": "data",
    "max_retries": "retries",
    "query": "params",
    "hook": "middleware",
}


def refuse_keywords(where: str, unknown: Iterable[str], known: Iterable[str]) -> NoReturn:
    """Refuse keywords: a wish is never ignored.

    Raises:
        UnsupportedFeature: a keyword of requests' that is not available; TypeError: one that nobody knows.
    """
    name = min(unknown)
    if name == "hooks":
        raise UnsupportedFeature("hooks= is not available: give Client(middleware=[...]), flows around each call")
    if name in _ELSEWHERE and where != "Client":
        raise TypeError(f"{where} has no keyword {name!r}: it is a setting of the client, {_ELSEWHERE[name]}")
    if name in SEND_KEYWORDS and where == "build_request":
        raise TypeError(
            f"build_request has no keyword {name!r}: it is about the sending, client.send(request, {name}=...)"
        )
    ours = _OTHER_NAMES.get(name)
    if ours is not None and ours in known:
        raise TypeError(f"{where} has no keyword {name!r}: it is called {ours!r} here")
    raise TypeError(f"{where} has no keyword {name!r}: expected {', '.join(sorted(known))}")


def default_headers() -> Headers:
    """Give the headers that a Client sends unless told otherwise."""
    return Headers.trusted(
        [
            ("User-Agent", f"intermodal/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", accept_encoding()),
            ("Connection", "keep-alive"),
        ]
    )


_PAIRS = "expected a mapping or pairs of (name, value)"  # and no word of what it was: it may be a login


def merge_headers(defaults: Headers, given: DefaultsInput) -> Headers:
    """Lay headers over defaults: a name replaces the default where that stands, None removes it, new ones follow.

    >>> merge_headers(Headers({"Accept": "*/*", "X-A": "1"}), {"accept": "text/html", "X-A": None}).pairs
    (('accept', 'text/html'),)
    """
    if not given:
        return defaults
    try:
        items = _latest(given) if isinstance(given, Mapping) else list(given)
        removed = {_text(name).lower() for name, value in items if value is None}
        added = Headers([(name, value) for name, value in items if value is not None])
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidHeader):
            raise
        raise InvalidHeader(f"headers is a {type(given).__name__} that holds something else: {_PAIRS}") from error
    pending: dict[str, list[tuple[str, str]]] = {}
    for pair in added.pairs:
        pending.setdefault(pair[0].lower(), []).append(pair)
    merged = []
    for pair in defaults.pairs:
        name = pair[0].lower()
        if name in pending:
            merged += pending.pop(name)
        elif name not in removed and name not in added:
            merged.append(pair)
    merged += [pair for pair in added.pairs if pair[0].lower() in pending]
    return Headers.trusted(merged)


def _latest(given: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Give the items of a mapping; of a name in several cases the last, as of any other key."""
    by_name = {_text(name).lower(): (name, value) for name, value in given.items()}
    return list(by_name.values())


def refuses_login(given: DefaultsInput) -> bool:
    """Whether headers say that there is to be no ``Authorization``, from wherever.

    >>> refuses_login({"authorization": None}), refuses_login({"Authorization": "Bearer x"})
    (True, False)
    """
    if not given:
        return False
    items = _latest(given) if isinstance(given, Mapping) else given
    return any(value is None and _text(name).lower() == "authorization" for name, value in items)


def _text(name: HeaderText) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)


_NO_PARAMS = Params()


def build_url(
    url: str | bytes | URL,
    base: URL | None,
    defaults: Params = _NO_PARAMS,
    params: ParamsInput = None,
) -> URL:
    """Resolve a URL against the client's base and add parameters to its query.

    >>> str(build_url("users", URL("http://h/api/v1/"), Params.of({"page": 1, "a": "b"}), {"page": 2}))
    'http://h/api/v1/users?page=2&a=b'
    """
    if base is not None and not isinstance(url, URL):
        text = url.decode("utf-8", "surrogateescape") if isinstance(url, bytes) else url
        if not isinstance(text, str):
            raise URLRequired(f"url={url!r:.60}: expected a str, even with a base_url; '' stands for the base itself")
        url = text if _absolute(text) else f"{str(base).rstrip('/')}/{text.lstrip('/')}" if text else base
    if base is None and isinstance(url, str) and url.startswith("/") and not url.startswith("//"):
        raise InvalidURL(f"{url!r:.80} is relative: give a whole URL, or Client(base_url=...)")
    parsed = url if isinstance(url, URL) else URL(url)
    query = defaults.under(params)
    if query:
        parsed = parsed.with_query(f"{parsed.query}&{query}" if parsed.query else query)
    return parsed


def build_request(
    method: str,
    url: URL,
    defaults: Headers,
    keywords: BuildKeywords | RequestKeywords,
) -> Request:
    """Make the Request of the keywords ``data``, ``json``, ``files`` and ``headers``."""
    if not isinstance(method, str):
        raise InvalidHeader(f"method {method!r:.60} is a {type(method).__name__}: expected a str such as 'GET'")
    headers = merge_headers(defaults, keywords.get("headers"))
    data, json, files = keywords.get("data"), keywords.get("json"), keywords.get("files")
    if (data or files) and json is not None:
        raise InvalidRequest(f"{'data' if data else 'files'}= and json= were both given: a request has one body")
    body, media_type = _multipart(data, files, headers) if files else _body(data, json)
    if media_type is not None and "content-type" not in headers:
        headers = Headers.trusted([*headers.pairs, ("Content-Type", media_type)])
    # ASCII only: other characters upper-case into letters, and would pass for what they are not.
    return Request(method.upper() if method.isascii() else method, url, headers, body)


def _multipart(data: DataInput, files: FilesInput, headers: Headers) -> tuple[Body | BodyInput, str | None]:
    """Make the body of fields and files, with the boundary of the caller's own Content-Type where it has one."""
    from intermodal.model.multipart import encode_multipart  # noqa: PLC0415 - seldom needed

    given = headers.get("content-type", "")
    boundary = None
    if given.lower().startswith("multipart/"):
        found = _boundary(given)
        if found is None:
            raise InvalidHeader(
                f"Content-Type {given!r:.60} was given with files=, and without the boundary between them, which is made"
                " with them: leave the header out"
            )
        boundary = found[1] or found[2]
    return encode_multipart(data, files, boundary=boundary)  # type: ignore[arg-type]  # what is no fields it refuses


#: Where the parts of a body begin (RFC 2046 section 5.1.1).
_boundary = re.compile(r";\s*boundary=(?:\"([^\"]+)\"|([^\s;\"]+))", re.IGNORECASE).search


def _body(data: DataInput, json: object) -> tuple[Body | BodyInput, str | None]:
    if json is not None:
        return encode_json(json), JSON
    if isinstance(data, Mapping) or _is_pairs(data):
        form = encode_fields(data, "data").encode()  # type: ignore[arg-type]
        return (form, FORM) if form else (None, None)
    return (None if isinstance(data, list | tuple) and not data else data), None  # type: ignore[return-value]


def _is_pairs(data: object) -> bool:
    """Tell form fields from an iterable of bytes, as requests does: a list or tuple that begins with a pair."""
    return isinstance(data, list | tuple) and bool(data) and isinstance(data[0], tuple | list)


def build_options(
    timeouts: Asked,
    tls: TLS,
    dial: Dial,
    keywords: RequestKeywords,
    capabilities: Capability,
    *,
    ca: str | None = None,
) -> Options:
    """Make the Options of the client's settings and the keywords ``timeout``, ``verify``, ``cert`` and ``dial``.

    Args:
        timeouts: the client's.
        tls: the client's.
        dial: the client's.
        keywords: the call's, which win.
        capabilities: the transport's.
        ca: what the environment puts in the place of ``verify=True``.
    """
    asked = Asked.of(keywords["timeout"]) if "timeout" in keywords else timeouts
    if "verify" in keywords or "cert" in keywords:
        given = keywords.get("verify")
        given = tls.verify if given is None else given
        cert = keywords.get("cert", None if isinstance(given, TLS) else tls.cert)
        tls = build_tls(given, cert, tls.minimum_version)
    if ca is not None and tls.verify is True:
        tls = dataclasses.replace(tls, verify=ca)
    if "dial" in keywords:
        dial = checked_dial(keywords["dial"])
    return Options(asked.fitting(capabilities), tls, dial=dial)


def checked_dial(dial: Dial) -> Dial:
    """Refuse what is no Dial."""
    if not isinstance(dial, Dial):
        raise TypeError(f"dial={dial!r:.60}: expected Dial(...)")
    return dial


def build_tls(verify: VerifyInput, cert: CertInput, minimum_version: str = TLS().minimum_version) -> TLS:
    """Make the TLS settings, with a warning where nothing is to be checked."""
    verify = True if verify is None else verify
    if isinstance(verify, TLS):
        if cert is not None:
            raise InvalidRequest("cert and verify=TLS(...) were both given: put the certificate in, TLS(cert=...)")
        tls = verify
    else:
        of_files = isinstance(verify, bool | str | os.PathLike)  # a context has its own minimum
        tls = TLS(verify, cert, minimum_version if of_files else TLS().minimum_version)
    if tls.verify is False:
        warnings.warn(
            "verify=False: the server's certificate is not checked, anyone on the way can read and change what is sent",
            InsecureRequestWarning,
            stacklevel=callers_level(),
        )
    return tls


class Asked(NamedTuple):
    """The bounds of a caller, and whether each was asked for by its name: then a transport must keep it or refuse."""

    timeouts: Timeouts
    by_name: bool

    @classmethod
    def of(cls, given: TimeoutInput) -> Asked:
        """Read a ``timeout``: seconds, and a pair, are for whatever a transport can bound."""
        return cls(Timeouts.of(given), isinstance(given, Timeouts))

    def fitting(self, capabilities: Capability) -> Timeouts:
        """Leave out what a transport does not bound and nobody asked for by name."""
        if self.by_name:
            return self.timeouts
        return dataclasses.replace(
            self.timeouts,
            write=self.timeouts.write if Capability.WRITE_TIMEOUT in capabilities else None,
            pool=self.timeouts.pool if Capability.POOL_TIMEOUT in capabilities else None,
        )


#: What holds where nothing is said.
DEFAULT_TIMEOUTS = Asked(Timeouts(), by_name=False)
