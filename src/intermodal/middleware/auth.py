"""Authentication: who the caller says he is, told to the origin of the first request and to no other.

An auth is a flow. It is called with the request, the options and what sends, and may send as often as it needs to:

    def signed(request, options, inner):
        headers = [*request.headers.pairs, ("X-Signature", sign(request))]
        return (yield from inner(request.replace(headers=headers), options))

``BasicAuth`` and ``BearerAuth`` are here, ``DigestAuth`` is in ``digest.py``. All are values: they do not change, can be
shared by threads, compared and pickled, and do not show what is secret.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from intermodal.errors import InvalidHeader, InvalidRequest
from intermodal.flow import held
from intermodal.middleware.environment import _logins
from intermodal.middleware.logins import Logins
from intermodal.model.challenges import authorized, octets

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from intermodal.flow import Call, Flow, Inner
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

_EXPECTED = (
    "expected (user, password), BasicAuth, BearerAuth, DigestAuth, NetrcAuth, or a flow:"
    " a generator function of (request, options, inner) that returns what 'yield from inner(request, options)' gives"
)
_token = re.compile(rb"[\x21-\x7e]+").fullmatch


class Auth(Protocol):
    """What authenticates requests: a flow, called for each with what sends it (see the module)."""

    def __call__(self, request: Request, options: Options, inner: Inner, /) -> Flow[BaseResponse]: ...


@dataclass(frozen=True, slots=True, repr=False)
class BasicAuth:
    """User and password, encoded and not encrypted, with every request (RFC 7617).

    Text is sent in UTF-8, as everywhere here; for a server that expects latin-1, give bytes. An ``Authorization`` field
    of the request is replaced.

    >>> BasicAuth("Aladdin", "open sesame")
    BasicAuth('Aladdin', '***')

    Raises:
        InvalidRequest: the user holds ``":"``, where the server would begin to read the password (RFC 7617 section 2).
        TypeError: user or password is neither str nor bytes.
    """

    username: str | bytes
    password: str | bytes
    _value: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        username = octets(self.username, "the user of BasicAuth")
        password = octets(self.password, "the password of BasicAuth")
        if b":" in username:
            raise InvalidRequest("the user of BasicAuth holds ':', which no such login can have (RFC 7617 section 2)")
        object.__setattr__(self, "_value", "Basic " + b64encode(username + b":" + password).decode("ascii"))

    def __call__(self, request: Request, options: Options, inner: Inner, /) -> Flow[BaseResponse]:
        """Send the request with the login."""
        return inner(authorized(request, self._value), options)

    def __repr__(self) -> str:
        # A user without a password is an access token as often as not.
        return f"BasicAuth({self.username!r}, '***')" if self.password else "BasicAuth('***', '')"


@dataclass(frozen=True, slots=True, repr=False)
class BearerAuth:
    """A token with every request (RFC 6750 section 2.1).

    Args:
        token: the token, or what gives it: called for each request, in the thread that sends it, so that a token that
            expires can be replaced. An ``Authorization`` field of the request is replaced.

    >>> BearerAuth("mF_9.B5f-4.1JqM"), BearerAuth(lambda: "mF_9.B5f-4.1JqM")
    (BearerAuth('***'), BearerAuth('***'))

    Raises:
        InvalidHeader: the token holds white space, a control character or a character outside ASCII, or is empty.
        TypeError: the token is neither str nor bytes, nor can it be called.
    """

    token: str | bytes | Callable[[], str | bytes]

    def __post_init__(self) -> None:
        if not callable(self.token):
            _bearer(self.token)

    def __call__(self, request: Request, options: Options, inner: Inner, /) -> Flow[BaseResponse]:
        """Send the request with the token."""
        token = self.token
        return inner(authorized(request, _bearer(token() if callable(token) else token)), options)

    def __repr__(self) -> str:
        return "BearerAuth('***')"


def _bearer(token: object) -> str:
    # RFC 6750 allows less, and tokens with "|" and ":" are handed out nevertheless.
    value = octets(token, "the token of BearerAuth")
    if not _token(value):
        raise InvalidHeader(
            "the token of BearerAuth is empty, or holds white space, a control character or a character outside ASCII:"
            " expected one word of visible ASCII; strip what comes out of a file"
        )
    return "Bearer " + value.decode("ascii")


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class NetrcAuth:
    """The logins of a netrc file, for whichever host a request goes to; the file is read once, now.

    It is no flow: the login goes by the host of each request, redirected ones too (``route.py``).

    Args:
        path: the file; None is the one that ``NETRC`` names, else ``~/.netrc``, else ``~/_netrc``, where there is one.

    Attributes:
        logins: what is in it.

    >>> NetrcAuth()
    NetrcAuth(<Logins for 0 hosts>)

    Raises:
        InvalidRequest: there is no file of the given name.
    """

    logins: Logins

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        object.__setattr__(self, "logins", _logins() if path is None else _read(path))

    def __repr__(self) -> str:
        return f"NetrcAuth({self.logins!r})"


#: What a user may give for ``auth``; see :func:`as_auth`.
AuthInput = tuple[str | bytes, str | bytes] | list[str] | list[bytes] | Auth | NetrcAuth | None


def _read(path: str | os.PathLike[str]) -> Logins:
    from pathlib import Path  # noqa: PLC0415 - only where there is such a file

    expanded = Path(path).expanduser()
    if not expanded.exists():
        raise InvalidRequest(f"NetrcAuth was given {str(path)!r}, and there is no such file: correct the path")
    return Logins.read(str(expanded))


def as_auth(value: object) -> Auth | NetrcAuth | None:
    """Make an auth of what a user gives: a pair, an auth object, a flow, or None.

    >>> as_auth(("ann", "secret"))
    BasicAuth('ann', '***')

    Raises:
        TypeError: it is none of these; what was given does not show.
        InvalidRequest: a pair that BasicAuth refuses.
    """
    if value is None or isinstance(value, BasicAuth | BearerAuth | NetrcAuth):
        return value
    if isinstance(value, tuple | list):
        if len(value) == 2:
            return BasicAuth(*value)
        raise TypeError(f"auth is a {type(value).__name__} of {len(value)}: {_EXPECTED}")
    if callable(value) and not isinstance(value, type) and _is_flow(value):
        return cast("Auth", value)
    raise TypeError(f"auth is {_described(value)}: {_EXPECTED}")


def _is_flow(value: Callable[..., Any]) -> bool:
    import inspect  # noqa: PLC0415 - only for an auth that is not our own

    try:
        inspect.signature(value).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # nothing is known of its parameters
        return True
    return True


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, and not an object made of it"
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    if library in {"requests", "httpx"}:
        instead = {"HTTPBasicAuth": "BasicAuth(username, password)", "HTTPDigestAuth": "DigestAuth(username, password)"}
        ours = instead.get(kind.__name__, kind.__name__ if library == "httpx" else "a flow")
        return f"a {library} {kind.__name__}, which only {library} can use; give {ours} of intermodal"
    if callable(value):
        return f"a {kind.__name__} that cannot be called with (request, options, inner)"
    return f"of type {kind.__name__}"


def authenticated(request: Request, options: Options, inner: Inner, *, auth: Auth, call: Call) -> Flow[BaseResponse]:
    """Send a request with an auth, unless a redirect has led away from the origin that it was given for.

    Once away, it is applied no more, on the way back neither: whoever leads a client around must not choose what it
    says to whom (Go CVE-2024-45336).

    Raises:
        TypeError: the auth is no flow, or returns no response.
    """
    if call.strayed:
        return (yield from inner(request, options))
    return (yield from held(auth(request, options, inner), "the auth"))
