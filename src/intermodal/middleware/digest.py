"""Digest authentication (RFC 7616): the password is proved and not sent.

The first request to an origin goes out without credentials. Its 401 brings a nonce, with which that request and later
ones are answered. Laws:

- A nonce is used for the origin that gave it and for no other, each time with a higher count, whichever thread asks.
- A challenge is answered once; that of a nonce that has become stale once more. So a wrong password ends.
- Of several challenges the strongest that is known here is answered; those of other schemes never are.
- ``uri`` is the request-target as the origin gets it. Through a forwarding proxy that is the path, though the request
  line holds the whole URL: the proxy takes it off again (RFC 9112 section 3.2.2), and curl, requests and httpx do so.
- What a server has sent is sent back as it was written, quoted anew.

``rspauth``, with which a server would prove that it knows the password, is not checked: no client in the field does,
servers get it wrong, and it vouches for a body only with ``auth-int``. TLS is what tells a server.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import BodyNotReplayable, RequestBodyError
from intermodal.flow import drain
from intermodal.forking import Lock
from intermodal.model.challenges import authorized, challenges, octets, parameters, quoted, sendable

if TYPE_CHECKING:
    from intermodal.flow import Flow, Inner
    from intermodal.model.headers import Headers
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

_Origin = tuple[str, str, int]

#: What hashlib calls them, the weakest first. SHA-512-256 is the function of FIPS 180-4 section 5.3.6.2, as erratum
#: 4897 of RFC 7616 has it, and not SHA-512 cut short, as its example has it.
_FUNCTIONS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}

#: Nothing here grows with what a server sends, or with how many there are.
_MOST_ORIGINS, _MOST_NONCES = 256, 32

_absolute = re.compile("https?://[^/?]*", re.IGNORECASE)
_control = re.compile("[\x00-\x08\x0a-\x1f\x7f]").search


class _Session(NamedTuple):
    """What a server has challenged with, as far as answers depend on it.

    Attributes:
        algorithm: as the server wrote it; None where it wrote none, which is MD5.
        function: what hashlib calls it.
        qop: ``"auth"``, ``"auth-int"``, or ``""`` where the server has none (RFC 2069).
        prime: with ``-sess``, the nonce and cnonce that began it (RFC 7616 section 3.4.2).
        stale: whether the nonce that was used is merely too old.
    """

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str | None
    function: str
    qop: str
    utf8: bool
    userhash: bool
    prime: tuple[str, str] | None
    stale: bool


class _Nonces:
    """What is known of one origin: the session that later requests begin with, and how often each nonce was used."""

    __slots__ = ("counts", "session")

    def __init__(self) -> None:
        self.session: _Session | None = None
        self.counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True, repr=False)
class DigestAuth:
    """User and password for servers that ask for Digest (RFC 7616; RFC 2069 where a server is as old as that).

    MD5, SHA-256 and SHA-512-256, each with ``-sess``; ``auth``, and ``auth-int`` where a server offers nothing else.
    One object may serve many threads, clients and origins; kept, it saves all but the first 401. The 401 responses that
    were answered are the response's ``history``. An ``Authorization`` field of the request is replaced.

    >>> DigestAuth("Mufasa", "Circle of Life")
    DigestAuth('Mufasa', '***')

    Raises:
        BodyNotReplayable: when sending: the server asks for credentials, and a body that can be read only once was
            sent already (the 401 is attached); or it asks for ``auth-int``, which reads the body before it is sent.
        TypeError: user or password is neither str nor bytes.
    """

    username: str | bytes
    password: str | bytes
    _origins: dict[_Origin, _Nonces] = field(init=False, compare=False, default_factory=dict)
    _lock: Lock = field(init=False, compare=False, default_factory=Lock)

    def __post_init__(self) -> None:
        octets(self.username, "the user of DigestAuth")
        octets(self.password, "the password of DigestAuth")

    def __reduce__(self) -> tuple[type[DigestAuth], tuple[str | bytes, str | bytes]]:
        return type(self), (self.username, self.password)  # nonces stay: elsewhere they would be counted twice

    def __repr__(self) -> str:
        return f"DigestAuth({self.username!r}, '***')" if self.password else "DigestAuth('***', '')"  # as BasicAuth

    def __call__(self, request: Request, options: Options, inner: Inner, /) -> Flow[BaseResponse]:
        """Send the request, with credentials where a nonce is known, and answer the challenge where one comes back."""
        origin = request.url.origin
        uri = _uri(request, options)
        session = self._known(origin)
        answered = renewed = False
        history: list[BaseResponse] = []
        while True:
            response = yield from inner(self._signed(request, uri, session), options)
            if history:
                response.history = [*history, *response.history]
            if response.status_code != 401:
                if session is not None:
                    self._keep(origin, session, response.headers, answered=answered)
                return response
            offered = _strongest(response.headers)
            if session is not None:
                self._forget(origin, session)
            if offered is None:
                return response
            if session is not None:
                # Without "stale" the credentials themselves are refused (RFC 7616 section 3.3). But servers forget
                # nonces without a word, and an origin can have two realms: a known nonce may have been the wrong one.
                if renewed if offered.stale else answered or offered[:2] == session[:2]:
                    return response
                renewed = offered.stale
            yield from drain(response)
            _refuse_one_shot(request, response)
            history.append(response)
            session, answered = offered, True

    def _signed(self, request: Request, uri: str, session: _Session | None) -> Request:
        if session is not None:
            return authorized(request, self._answer(request, uri, session))
        if "authorization" in request.headers:
            return request.replace(headers=request.headers.without("authorization"))
        return request

    def _answer(self, request: Request, uri: str, session: _Session) -> str:
        """Give the value of ``Authorization`` (RFC 7616 section 3.4)."""
        function, qop = session.function, session.qop
        user, password = (_normal(value, session) for value in (self.username, self.password))
        realm, nonce = session.realm.encode("latin-1"), session.nonce.encode("latin-1")  # as they came off the wire
        secret = _hash(function, b"%b:%b:%b" % (user, realm, password))
        if session.prime is not None:
            secret = _hash(function, ":".join((secret, *session.prime)).encode("latin-1"))
        asked = f"{request.method}:{uri}"
        if qop == "auth-int":
            asked += f":{_hash_of_body(function, request)}"
        if qop:
            count = f"{self._count(request.url.origin, session.nonce):08x}"
            cnonce = session.prime[1] if session.prime else _cnonce()
            middle = b"%b:%b" % (nonce, f"{count}:{cnonce}:{qop}".encode("ascii"))
        else:
            count = cnonce = ""
            middle = nonce
        proof = b"%b:%b:%b" % (secret.encode("ascii"), middle, _hash(function, asked.encode("ascii")).encode("ascii"))
        parts = [
            _user(user, realm, session),
            f"realm={quoted(session.realm)}",
            f"nonce={quoted(session.nonce)}",
            f"uri={quoted(uri)}",
            f'response="{_hash(function, proof)}"',
        ]
        if session.opaque is not None:
            parts.append(f"opaque={quoted(session.opaque)}")
        if session.algorithm is not None:
            parts.append(f"algorithm={session.algorithm}")
        if qop:
            parts.append(f'qop={qop}, nc={count}, cnonce="{cnonce}"')
        if session.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)

    def _nonces(self, origin: _Origin) -> _Nonces:
        nonces = self._origins.get(origin)
        if nonces is None:
            if len(self._origins) >= _MOST_ORIGINS:
                del self._origins[next(iter(self._origins))]
            nonces = self._origins[origin] = _Nonces()
        return nonces

    def _known(self, origin: _Origin) -> _Session | None:
        with self._lock:
            nonces = self._origins.get(origin)
            return None if nonces is None else nonces.session

    def _count(self, origin: _Origin, nonce: str) -> int:
        """Count one use of a nonce; two servers behind one origin may take turns, so more than the last is counted."""
        with self._lock:
            counts = self._nonces(origin).counts
            count = counts.pop(nonce, 0) + 1
            if len(counts) >= _MOST_NONCES:
                del counts[next(iter(counts))]
            counts[nonce] = count  # the last used last
            return count

    def _keep(self, origin: _Origin, session: _Session, headers: Headers, *, answered: bool) -> None:
        """Remember what was accepted, and only then: so nobody is ahead of its first use, which some servers refuse."""
        following = parameters(headers.get("authentication-info", "")).get("nextnonce", "")
        if following and sendable(following):
            session = session._replace(nonce=following)
        elif not answered:
            return
        with self._lock:
            self._nonces(origin).session = session

    def _forget(self, origin: _Origin, session: _Session) -> None:
        with self._lock:
            nonces = self._origins.get(origin)
            if nonces is not None and nonces.session is session:
                nonces.session = None


def _uri(request: Request, options: Options) -> str:
    """Give the request-target as the origin gets it."""
    target, proxy = request.target, options.proxy
    if target[0] in "/*" or proxy is None or proxy.is_socks or request.url.scheme != "http":
        return target
    path = _absolute.sub("", target, count=1)
    if not path and request.method == "OPTIONS":
        return "*"  # RFC 9112 section 3.2.4
    return path if path.startswith("/") else f"/{path}"


def _strongest(headers: Headers) -> _Session | None:
    """Give the strongest challenge that can be answered, and of those as strong the first."""
    strengths = list(_FUNCTIONS.values())
    sessions = [
        session
        for value in headers.get_list("www-authenticate")
        for challenge in challenges(value)
        if challenge.scheme == "digest" and (session := _session(challenge.parameters)) is not None
    ]
    return max(sessions, key=lambda session: (strengths.index(session.function), bool(session.qop)), default=None)


def _session(given: dict[str, str]) -> _Session | None:
    """Read a challenge (RFC 7616 section 3.3); None where it cannot be answered."""
    algorithm, opaque = given.get("algorithm"), given.get("opaque")
    name = (algorithm or "MD5").upper()
    function = _FUNCTIONS.get(name.removesuffix("-SESS"))
    offered = [qop.strip().lower() for qop in given.get("qop", "").split(",")]
    qop = next((qop for qop in ("auth", "auth-int") if qop in offered), "")
    if (
        "realm" not in given
        or not given.get("nonce")
        or not sendable(given["realm"] + given["nonce"] + (opaque or ""))
        or function is None
        or not _is_there(function)
        or not (qop or offered == [""])
    ):
        return None
    prime = None
    if name.endswith("-SESS"):
        if not qop:  # A1 needs a cnonce, which is not to be sent then (RFC 2617 section 3.2.2)
            return None
        prime = (given["nonce"], _cnonce())
    return _Session(
        realm=given["realm"],
        nonce=given["nonce"],
        opaque=opaque,
        algorithm=algorithm or None,
        function=function,
        qop=qop,
        utf8=given.get("charset", "").lower() == "utf-8",
        userhash=given.get("userhash", "").lower() == "true",
        prime=prime,
        stale=given.get("stale", "").lower() == "true",
    )


def _normal(value: str | bytes, session: _Session) -> bytes:
    if session.utf8 and isinstance(value, str):
        from unicodedata import normalize  # noqa: PLC0415 - for servers that say so only

        value = normalize("NFC", value)  # RFC 7616 section 4
    return octets(value, "the user or password of DigestAuth")


def _user(user: bytes, realm: bytes, session: _Session) -> str:
    """Write the user: hashed, or as it is, or where a quoted-string does not hold it as RFC 8187 has it (``username*``).

    A quoted-string does hold UTF-8, but nothing says that it is. A server that shows that it knows RFC 7616 is told so;
    an older one knows no ``username*``, and is sent what curl sends.
    """
    if session.userhash:
        return f'username="{_hash(session.function, user + b":" + realm)}"'
    text = user.decode("latin-1")
    knows = session.utf8 or session.function != "md5"
    if _control(text) or (knows and not text.isascii()):
        from urllib.parse import quote  # noqa: PLC0415 - for odd names only

        try:
            user.decode()
        except UnicodeDecodeError:
            pass  # bytes in an encoding that nobody can be told
        else:
            return f"username*=UTF-8''{quote(user, safe='!#$&+^`|')}"
    return f"username={quoted(text)}"


def _refuse_one_shot(request: Request, response: BaseResponse) -> None:
    body = request.body
    if body is not None and not body.replayable and body._opened:
        raise BodyNotReplayable(
            "the server asks for credentials by Digest (401), and the request body was sent already and cannot be read"
            " again: give bytes, a list of bytes or a seekable file; or send a request without a body first, and then"
            " this one with the same DigestAuth",
            request=request,
            response=response,
            delivery="sent",
        )


def _hash_of_body(function: str, request: Request) -> str:
    import hashlib  # noqa: PLC0415 - costs a millisecond

    digest, body = hashlib.new(function, usedforsecurity=False), request.body
    if body is not None:
        if not body.replayable:
            raise BodyNotReplayable(
                "the server asks for Digest with auth-int, for which the request body is read once before it is sent, and"
                " it cannot be read again: give bytes, a list of bytes or a seekable file",
                request=request,
            )
        try:
            for piece in body.pieces():
                digest.update(piece)
        except RequestBodyError as error:
            error.request = request
            raise
    return digest.hexdigest()


def _hash(function: str, data: bytes) -> str:
    import hashlib  # noqa: PLC0415 - costs a millisecond

    # The protocol's choice, and no safety is claimed: without it a system that allows no MD5 refuses.
    return hashlib.new(function, data, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=8)
def _is_there(function: str) -> bool:
    """Whether the OpenSSL of this Python has it."""
    try:
        _hash(function, b"")
    except ValueError:
        return False
    return True


def _cnonce() -> str:
    return os.urandom(16).hex()
