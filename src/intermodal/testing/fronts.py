r"""The proxy's part of an origin: what a client asks before its tunnel begins, read strictly, and the answers to it.

Laws:

- Nothing is resolved and nothing dialled: any host can be asked for, for the origin itself answers behind the tunnel.
- Nothing is read beyond the end of what was asked: the next byte is the tunnel's.
- No socket is known here; what is asked comes from ``exactly(count)``, which gives so many bytes or raises.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import TYPE_CHECKING, Final, Literal

from .messages import Answer, Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Head

__all__ = [
    "CONNECT",
    "CONNECT_GRANTED",
    "LOGIN_WANTED",
    "SOCKS_GRANTED",
    "Front",
    "Login",
    "SocksRefused",
    "authority",
    "basic_login",
    "socks_login",
    "socks_request",
]

Front = Literal["http", "socks5"]
Login = tuple[str, str]

CONNECT: Final = b"CONNECT "
"""How a request for a tunnel begins (RFC 9110 section 9.3.6)."""
CONNECT_GRANTED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
LOGIN_WANTED: Final = Answer(407, [("Proxy-Authenticate", 'Basic realm="origin"')], b"a login is wanted\n")

SOCKS_GRANTED: Final = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
"""Succeeded, bound to 0.0.0.0 port 0, as nothing was dialled (RFC 1928 section 6)."""

_AUTHORITY: Final = re.compile(r"(?:\[([^\[\]@/?#]+)\]|([^\[\]:@/?#]+)):([0-9]{1,5})")
_NO_LOGIN: Final = 0
_LOGIN: Final = 2
_NOTHING_ACCEPTED: Final = 0xFF


def authority(target: str) -> tuple[str, int]:
    """The host and port that a CONNECT asks for (RFC 9112 section 3.2.3), an IPv6 address without brackets.

    >>> authority("o.test:443"), authority("[::1]:80")
    (('o.test', 443), ('::1', 80))

    Raises Malformed for any other form of target.
    """
    found = _AUTHORITY.fullmatch(target)
    if found is None or int(found[3]) > 65535:
        raise Malformed(f"CONNECT {target[:80]!r}: expected host:port")
    return found[1] or found[2], int(found[3])


def basic_login(head: Head) -> Login | None:
    """User and password of the one Proxy-Authorization field (RFC 7617); None where they cannot be read."""
    values = [value for name, value in head.headers if name.lower() == "proxy-authorization"]
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = _text(base64.b64decode(token.strip(" "), validate=True)).partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


# --- SOCKS 5 ----------------------------------------------------------------------------------------------------------


class SocksRefused(Exception):
    """What the client asks cannot be granted; `reply` is to be sent before the end, and the message is the reason."""

    def __init__(self, reply: bytes, why: str) -> None:
        super().__init__(why)
        self.reply = reply


def socks_login(
    exactly: Callable[[int], bytes], send: Callable[[bytes], None], login: Login | None, note: Callable[[Login], None]
) -> None:
    r"""Agree on a method (RFC 1928 section 3) and, where `login` is wanted, ask for it (RFC 1929); `note` what is given.

    >>> asked = iter([b"\x05\x02", b"\x00\x02", b"\x01\x03", b"ann", b"\x02", b"pw"])
    >>> socks_login(lambda count: next(asked), print, ("ann", "pw"), print)
    b'\x05\x02'
    ('ann', 'pw')
    b'\x01\x00'

    Raises SocksRefused.
    """
    version, count = exactly(2)
    if version != 5:
        raise SocksRefused(b"", f"version {version}: expected 5 (RFC 1928 section 3)")
    offered = exactly(count)
    method = _NO_LOGIN if login is None else _LOGIN
    if method not in offered:
        raise SocksRefused(bytes([5, _NOTHING_ACCEPTED]), f"methods {[*offered]}: expected {method} among them")
    send(bytes([5, method]))
    if login is None:
        return
    version, length = exactly(2)
    if version != 1:
        raise SocksRefused(b"\x01\x01", f"version {version} of the login: expected 1 (RFC 1929 section 2)")
    user = exactly(length)
    password = exactly(exactly(1)[0])
    given = (_text(user), _text(password))
    note(given)
    if given != login:
        raise SocksRefused(b"\x01\x01", "the login is wrong")
    send(b"\x01\x00")


def socks_request(exactly: Callable[[int], bytes]) -> tuple[str, int]:
    r"""Read a request (RFC 1928 section 4) and return the host and port it asks for.

    >>> asked = iter([b"\x05\x01\x00\x03", b"\x06", b"o.test", b"\x01\xbb"])
    >>> socks_request(lambda count: next(asked))
    ('o.test', 443)

    Raises SocksRefused.
    """
    version, command, reserved, kind = exactly(4)
    if version != 5 or reserved:
        raise SocksRefused(_failed(1), f"version {version}, reserved {reserved}: expected 5 and 0")
    if kind == 1:
        host = str(ipaddress.IPv4Address(exactly(4)))
    elif kind == 3:
        host = exactly(exactly(1)[0]).decode("latin-1")
    elif kind == 4:
        host = str(ipaddress.IPv6Address(exactly(16)))
    else:
        raise SocksRefused(_failed(8), f"an address of kind {kind}: expected 1, 3 or 4 (RFC 1928 section 5)")
    port = int.from_bytes(exactly(2), "big")
    if command != 1:
        raise SocksRefused(_failed(7), f"command {command}: expected 1, CONNECT")
    if not host:
        raise SocksRefused(_failed(1), "a name without a character")
    return host, port


def _failed(code: int) -> bytes:
    return SOCKS_GRANTED[:1] + bytes([code]) + SOCKS_GRANTED[2:]
