"""A tunnel through a SOCKS5 proxy: RFC 1928, and RFC 1929 for user and password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.errors import InvalidURL, ProxyError
from intermodal.model.host import is_address
from intermodal.net.plan import Read, Resolve, Write

if TYPE_CHECKING:
    from intermodal.model.options import Proxy
    from intermodal.net.plan import Plan

#: The methods that we know (RFC 1928 section 3).
_OPEN, _USER_AND_PASSWORD, _NO_METHOD = 0x00, 0x02, 0xFF

#: The kinds of address (RFC 1928 section 5), with the length of those that always have the same.
_IPV4, _NAME, _IPV6 = 0x01, 0x03, 0x04
_LENGTHS = {_IPV4: 4, _IPV6: 16}

#: RFC 1928 section 6.
_REFUSALS = {
    1: "general SOCKS server failure",
    2: "connection not allowed by its ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}

_ADVICE = "give its user and password: socks5h://user:password@host:port"


def socks5(host: str, port: int, proxy: Proxy) -> Plan[None]:
    r"""Ask a proxy for a tunnel; what comes behind its last answer is the other side's, and not read here.

    ``socks5`` has the name resolved here, ``socks5h`` leaves that to the proxy.

    Raises:
        InvalidURL: what no SOCKS5 message can hold; raised at once, not by the steps.
        ProxyError: the proxy refused, closed the connection, or does not speak SOCKS5.

    >>> from intermodal.model.options import Proxy
    >>> plan = socks5("h", 443, Proxy("socks5h://p"))
    >>> next(plan), plan.send(b""), plan.send(b"\x05\x00")
    (Write(data=b'\x05\x01\x00'), Read(n=2), Write(data=b'\x05\x01\x00\x03\x01h\x01\xbb'))
    """
    packed = _packed(host)
    address = None
    if packed is not None:
        address = _address(packed)
    elif proxy.scheme == "socks5h":
        address = bytes([_NAME]) + _measured("host name", host, "RFC 1928 section 5")
    credentials = None
    if proxy.username is not None:
        user = _measured("proxy's user", proxy.username, "RFC 1929 section 2")
        credentials = b"\x01" + user + _measured("proxy's password", proxy.password or "", "RFC 1929 section 2")
    return _Tunnel(host, port, proxy).steps(address, credentials)


def _packed(host: str) -> bytes | None:
    if not is_address(host):
        return None  # as most are, and ipaddress is slow to import
    import ipaddress  # noqa: PLC0415

    try:
        # Without its zone, which means something on this machine alone (RFC 6874 section 1).
        return ipaddress.ip_address(host).packed
    except ValueError:
        return None


def _address(packed: bytes) -> bytes:
    return bytes([_IPV4 if len(packed) == 4 else _IPV6]) + packed


def _measured(what: str, text: str, rule: str) -> bytes:
    """Put the length before a text, in one byte."""
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise InvalidURL(f"the {what} has {len(data)} bytes in UTF-8: SOCKS5 takes 1 to 255 ({rule})")
    return bytes([len(data)]) + data


class _Tunnel:
    """What is asked of whom, for the words of an error: never with credentials, nor with more than 2 of the proxy's bytes."""

    def __init__(self, host: str, port: int, proxy: Proxy) -> None:
        self._host = host
        self._port = port
        self._proxy = proxy
        self._resolved = b""

    def steps(self, address: bytes | None, credentials: bytes | None) -> Plan[None]:
        if address is None:
            self._resolved = yield Resolve(self._host, self._port)
            address = _address(self._resolved)
        yield from self._authenticate(credentials)
        # VER, CMD for CONNECT, RSV (RFC 1928 section 4).
        yield Write(b"\x05\x01\x00" + address + self._port.to_bytes(2, "big"))
        reply = (yield from self._answer("the request"))[1]
        if reply != 0:
            raise self._error(f"refused: {_REFUSALS.get(reply, 'for no reason that RFC 1928 knows')} (reply {reply})")
        # The address that the proxy connects from is of no use to a client; it has to be read to be out of the way.
        reserved, kind, first = yield from self._exactly(3, "the request")
        if reserved != 0:
            raise self._error(f"broke SOCKS5: the reserved byte of its reply is {reserved} (RFC 1928 section 6)")
        if kind != _NAME and kind not in _LENGTHS:
            raise self._error(f"broke SOCKS5: its reply has an address of type {kind} (RFC 1928 section 6)")
        # ``first`` is a name's length, or the first byte of an address; behind either stand 2 bytes of a port.
        yield from self._exactly((first if kind == _NAME else _LENGTHS[kind] - 1) + 2, "the request")

    def _authenticate(self, credentials: bytes | None) -> Plan[None]:
        """Let the proxy choose among the methods that are offered (RFC 1928 section 3), and do as it chose."""
        methods = bytes([_OPEN] if credentials is None else [_OPEN, _USER_AND_PASSWORD])
        yield Write(bytes([5, len(methods)]) + methods)
        method = (yield from self._answer("the greeting"))[1]
        if method == _OPEN:
            return
        if credentials is None and method in {_USER_AND_PASSWORD, _NO_METHOD}:
            raise self._error(f"wants to know who asks: {_ADVICE}")
        if method == _NO_METHOD:
            raise self._error("takes neither user and password nor a request without them")
        if credentials is None or method != _USER_AND_PASSWORD:
            raise self._error(
                f"broke SOCKS5: it chose method {method}, which was not offered (RFC 1928 section 3);"
                f" if it wants to know who asks, {_ADVICE}"
            )
        yield Write(credentials)
        # The version here is 1 (RFC 1929 section 2); many a proxy answers with 5, and curl and tinyproxy take it.
        version, status = yield from self._exactly(2, "user and password")
        if version not in {1, 5}:
            raise self._error(f"broke SOCKS5: it answered user and password in version {version} (RFC 1929 section 2)")
        if status != 0:
            raise self._error(f"did not accept the user and password that it was given (status {status}): {_ADVICE}")

    def _answer(self, to: str) -> Plan[bytes]:
        """Read the version, and the byte behind it: a method or a reply code (RFC 1928 sections 3 and 6).

        A refusal ends here, even where the proxy does not send the rest of it.
        """
        answer = yield from self._exactly(2, to)
        if answer[0] == 5:
            return answer
        if answer == b"HT" or answer[:1] == b"<":  # a status line, or an error page by itself
            spoken = "it answered in HTTP; give it as http://host:port"
        elif answer[0] == 0 and 0x5A <= answer[1] <= 0x5D:
            spoken = "it answered in SOCKS4, which is not supported"
        elif answer[0] == 4:
            spoken = "it answered in version 4, which is not supported"
        elif answer[0] in {0x15, 0x16} and answer[1] == 3:
            spoken = "it answered in TLS"
        else:
            spoken = f"its answer to {to} begins with {answer!r}"
        raise self._error(f"does not speak SOCKS5: {spoken}")

    def _exactly(self, n: int, to: str) -> Plan[bytes]:
        data = b""
        while len(data) < n:
            piece = yield Read(n - len(data))
            if not piece:
                raise self._error(f"closed the connection before it had answered {to}")
            data += piece
        return data

    def _error(self, what: str) -> ProxyError:
        asked = f"{self._host!r} port {self._port}"
        if self._resolved:
            import ipaddress  # noqa: PLC0415 - slow to import

            asked += f" ({ipaddress.ip_address(self._resolved)})"
        return ProxyError(
            f"the proxy {self._proxy.host!r} port {self._proxy.port}, asked for a tunnel to {asked}, {what}"
        )
