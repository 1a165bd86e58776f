"""The certificates that a peer has sent, and OpenSSL's numbers for what can be wrong with them."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from intermodal.blocking.layered import Secure

# X509_V_ERR_... in x509_vfy.h.
NOT_YET_VALID, EXPIRED = 9, 10
SELF_SIGNED, SELF_SIGNED_AUTHORITY = 18, 19
UNKNOWN_ISSUER = frozenset({2, 20, 21})
REVOKED = 23
WRONG_PURPOSE = 26
WRONG_NAME = frozenset({62, 64})
WEAK_KEY = 66
TOO_WEAK = {WEAK_KEY: "key", 67: "key", 68: "signature"}

#: How much of a name is shown.
_LENGTH = 100

_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


class Certificate(NamedTuple):
    """What is told of a certificate: in words, the names that it is for, and from when to when in seconds since 1970."""

    subject: str
    issuer: str
    names: list[str]
    begins: float
    ends: float


def sent_by(secure: Secure) -> list[Certificate]:
    """Give the certificates that the peer has sent, its own first; none where Python does not tell."""
    with contextlib.suppress(Exception):  # it tells by what is not documented, and a certificate may hold anything
        tls: Any = secure if isinstance(secure, ssl.SSLSocket) else secure._tls
        return [_read(each.get_info()) for each in tls._sslobj.get_unverified_chain() or ()]
    return []


def end_of(chain: Sequence[Certificate]) -> Certificate:
    """Give the last certificate of the way up from the peer's own: what else was sent may be in any order."""
    end, rest = chain[0], chain[1:]
    while above := next((each for each in rest if each.subject == end.issuer), None):
        end = above
        rest = [each for each in rest if each is not above]
    return end


def shown(text: str) -> str:
    """Make what a stranger has written fit for a message."""
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def _read(certificate: dict[str, Any]) -> Certificate:
    """Take what is told from a certificate as ``SSLSocket.getpeercert`` gives it."""
    return Certificate(
        _name(certificate["subject"]),
        _name(certificate["issuer"]),
        [name for kind, name in certificate.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}],
        ssl.cert_time_to_seconds(certificate["notBefore"]),
        ssl.cert_time_to_seconds(certificate["notAfter"]),
    )


def _name(names: Iterable[Iterable[tuple[str, str]]]) -> str:
    parts = [f"{_SHORT.get(kind, kind)}={value}" for together in names for kind, value in together]
    return repr(shown(", ".join(parts))) if parts else "without a name"
