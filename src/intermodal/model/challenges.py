"""Challenges and credentials, as fields carry them (RFC 9110 section 11).

A server may put several challenges into one field line, and a comma stands between challenges as it stands between
the parameters of one. What cannot be read is passed over up to the next comma. Reading takes linear time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import InvalidRequest
from intermodal.model.headers import FIELD_VALUE, TOKEN

if TYPE_CHECKING:
    from intermodal.model.request import Request

#: Nobody needs more in one field; each costs more memory than the two characters that it can be written with.
MOST_CHALLENGES = 64

_gap = re.compile(r"[ \t,]*").match
_scheme = re.compile(rf"({TOKEN})(?:[ \t]+|(?=,)|\Z)").match
_token68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|\Z)").match
# A value that should be quoted and is not, for it holds "/" or "=", is read all the same: nonces are sent like that.
_parameter = re.compile(
    rf'({TOKEN})[ \t]*=[ \t]*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,"]+))[ \t]*(?=,|\Z)', re.DOTALL
).match
_sendable = re.compile(FIELD_VALUE).fullmatch


class Challenge(NamedTuple):
    """One challenge.

    Attributes:
        scheme: in lower case.
        parameters: by name in lower case; of one that stands there twice the first.
        token68: what stands there instead of parameters, as with ``Negotiate``.
    """

    scheme: str
    parameters: dict[str, str]
    token68: str = ""


def challenges(value: str) -> list[Challenge]:
    r"""Read a ``WWW-Authenticate`` or ``Proxy-Authenticate`` field (RFC 9110 section 11.6.1).

    >>> for challenge in challenges('Negotiate YWI=, Digest realm="a, \\"b\\"", nonce=x/y==, Basic realm="c"'):
    ...     print(challenge.scheme, challenge.parameters or challenge.token68)
    negotiate YWI=
    digest {'realm': 'a, "b"', 'nonce': 'x/y=='}
    basic {'realm': 'c'}
    """
    found: list[Challenge] = []
    at = 0
    while (at := _after_gap(value, at)) < len(value):
        parameter = _parameter(value, at) if found else None
        if parameter is not None:
            found[-1].parameters.setdefault(parameter[1].lower(), _value_of(parameter))
            at = parameter.end()
        elif (scheme := _scheme(value, at)) is not None:
            if len(found) == MOST_CHALLENGES:
                break
            token68 = _token68(value, scheme.end())
            found.append(Challenge(scheme[1].lower(), {}, token68[1] if token68 else ""))
            at = token68.end() if token68 else scheme.end()
        else:
            at = _next_comma(value, at)
    return found


def parameters(value: str) -> dict[str, str]:
    """Read an ``Authentication-Info`` field (RFC 7615 section 3): parameters alone.

    >>> parameters('nextnonce="a,b", QOP=auth')
    {'nextnonce': 'a,b', 'qop': 'auth'}
    """
    found: dict[str, str] = {}
    at = 0
    while (at := _after_gap(value, at)) < len(value):
        parameter = _parameter(value, at)
        if parameter is not None:
            found.setdefault(parameter[1].lower(), _value_of(parameter))
        at = _next_comma(value, at) if parameter is None else parameter.end()
    return found


def _after_gap(value: str, at: int) -> int:
    gap = _gap(value, at)
    assert gap is not None  # it may be empty
    return gap.end()


def _next_comma(value: str, at: int) -> int:
    comma = value.find(",", at)
    return len(value) if comma < 0 else comma


def _value_of(parameter: re.Match[str]) -> str:
    quoted: str | None = parameter[2]
    if quoted is None:
        return parameter[3]
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if "\\" in quoted else quoted


def sendable(value: str) -> bool:
    r"""Whether what a server has sent can be sent back: a field that came in may hold more than one that goes out.

    >>> sendable("a b"), sendable("a\x1fb")
    (True, False)
    """
    return _sendable(value) is not None


def quoted(text: str) -> str:
    r"""Write a quoted-string (RFC 9110 section 5.6.4).

    >>> print(quoted('a "b" \\ c'))
    "a \"b\" \\ c"
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def octets(value: object, whose: str) -> bytes:
    """Give a user name, a password or a token as bytes; text in UTF-8. What it is does not show in an error.

    Args:
        value: str or bytes.
        whose: what it is, for an error.

    Raises:
        TypeError: it is neither.
        InvalidRequest: it holds a lone surrogate, which no encoding has.
    """
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            # Not chained: that error holds the text.
            raise InvalidRequest(f"{whose} holds a lone surrogate, which UTF-8 does not have: give bytes") from None
    if isinstance(value, bytes):
        return bytes(value)
    raise TypeError(f"{whose} is of type {type(value).__name__}: expected str or bytes; convert it with str()")


def authorized(request: Request, value: str) -> Request:
    """Give the request with this ``Authorization`` instead of any that it has.

    >>> from intermodal.model.request import Request
    >>> authorized(Request("GET", "http://h/", {"authorization": "mine"}), "Bearer x").headers.pairs[1:]
    (('Authorization', 'Bearer x'),)
    """
    if "authorization" in request.headers:
        request = request.replace(headers=request.headers.without("authorization"))
    return request.with_field("Authorization", value)
