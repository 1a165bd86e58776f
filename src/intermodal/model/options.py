"""Settings of an exchange and of a transport: frozen, hashable values, checked when they are made.

``tls``, ``proxy`` and ``dial`` belong to the key under which a connection is pooled: if any of their
fields differs, no connection is shared. ``timeouts`` never do.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from intermodal.errors import InvalidRequest, InvalidURL, UnsupportedScheme
from intermodal.model.basic import basic
from intermodal.model.host import authority
from intermodal.model.url import URL

if TYPE_CHECKING:
    import ssl
    from typing import TypeAlias

    TimeoutInput: TypeAlias = "float | tuple[float | None, float | None] | Timeouts | None"
    VerifyInput: TypeAlias = "bool | str | os.PathLike[str] | ssl.SSLContext | TLS | None"

#: The longest wait that can be asked for, in seconds; beyond it platforms overflow.
LONGEST = 1e9


def _seconds(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(
            f"timeout {name}={value!r:.60} is a {type(value).__name__}: expected seconds, or None for no bound"
        )
    if not 0 < value < LONGEST:  # neither NaN nor infinity is
        raise InvalidRequest(
            f"timeout {name}={value!r} is not a time: expected seconds above 0 and below 1e9, or None for no bound"
        )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each part of an exchange may take, in seconds; None is no bound.

    Attributes:
        connect: resolving, all addresses, the proxy and TLS together.
        read: each wait for bytes from the server.
        write: each wait for the server to take bytes.
        pool: the wait for a free connection.
        total: the whole exchange, body included; a server that drips cannot outlive it.

    >>> Timeouts.of((3, 20))
    Timeouts(connect=3, read=20, write=20, pool=3, total=None)

    Raises:
        InvalidRequest: a value that is not a finite number of seconds above 0 and below 1e9.
    """

    connect: float | None = 10
    read: float | None = 30
    write: float | None = 30
    pool: float | None = 10
    total: float | None = None

    def __post_init__(self) -> None:
        for name in ("connect", "read", "write", "pool", "total"):
            _seconds(name, getattr(self, name))

    @classmethod
    def of(cls, value: TimeoutInput) -> Timeouts:
        """Read what requests' users write: seconds, ``(connect, read)``, Timeouts, or None for no bound."""
        if isinstance(value, Timeouts):
            return value
        if isinstance(value, tuple):
            parts: tuple[object, ...] = value
            if len(parts) != 2:
                raise InvalidRequest(
                    f"timeout={value!r} has {len(parts)} parts: expected (connect, read), or Timeouts(...)"
                )
            connect, read = value
            return cls(connect=connect, read=read, write=read, pool=connect)
        return cls(connect=value, read=value, write=value, pool=value)


_Path = str | os.PathLike[str]
CertInput = _Path | tuple[_Path] | tuple[_Path, _Path] | tuple[_Path, _Path, str] | None


_VERSIONS = ("TLSv1.2", "TLSv1.3")


@dataclass(frozen=True, slots=True)
class TLS:
    """How the server's certificate is checked, and which certificate is shown to it.

    Attributes:
        verify: True for the system's trust store, a CA file or folder, an ``ssl.SSLContext`` that is
            used as it is, or False for no check at all.
        cert: the client's certificate: a file with certificate and key, ``(cert, key)`` or
            ``(cert, key, password)``.
        minimum_version: the oldest version that is spoken, ``"TLSv1.2"`` or ``"TLSv1.3"``; an ``ssl.SSLContext``
            has its own.

    Raises:
        InvalidRequest: a field that is not one of these.

    >>> TLS(verify="/etc/ssl/private-ca.pem").verify
    '/etc/ssl/private-ca.pem'
    """

    verify: bool | str | os.PathLike[str] | ssl.SSLContext = True
    cert: CertInput = None
    minimum_version: str = "TLSv1.2"

    def __post_init__(self) -> None:
        if self.minimum_version not in _VERSIONS:
            raise InvalidRequest(
                f"minimum_version={self.minimum_version!r:.40}: expected {' or '.join(map(repr, _VERSIONS))}"
            )
        verify: object = self.verify
        if isinstance(verify, os.PathLike):
            verify = os.fspath(verify)
            object.__setattr__(self, "verify", verify)
        if not isinstance(verify, bool | str) and not hasattr(verify, "wrap_socket"):
            raise InvalidRequest(
                f"verify={self.verify!r:.80}: expected True, False, a CA file or folder, or an ssl.SSLContext"
            )
        if isinstance(verify, str) and "-----BEGIN" in verify:
            raise InvalidRequest(
                "verify is the text of a certificate: expected the path of a file; for text, make an ssl.SSLContext with cadata"
            )
        if not isinstance(verify, bool | str) and self.minimum_version != _VERSIONS[0]:
            raise InvalidRequest(
                "minimum_version and an ssl.SSLContext were both given: set the context's minimum_version instead"
            )
        cert: object = self.cert
        parts = (cert,) if isinstance(cert, str | os.PathLike) else cert
        if parts is not None:
            object.__setattr__(self, "cert", _cert(parts))
        if parts is not None and not isinstance(verify, bool | str):
            raise InvalidRequest(
                "cert and an ssl.SSLContext were both given: load the certificate into the context instead"
            )

    def __repr__(self) -> str:
        cert = self.cert
        shown = (*cert[:2], "***") if isinstance(cert, tuple) and len(cert) == 3 else cert
        minimum = "" if self.minimum_version == _VERSIONS[0] else f", minimum_version={self.minimum_version!r}"
        return f"TLS(verify={self.verify!r}, cert={shown!r}{minimum})"


def _cert(parts: object) -> tuple[str, ...]:
    if not isinstance(parts, tuple) or not 1 <= len(parts) <= 3:
        raise InvalidRequest("cert is neither a file name nor (cert, key) nor (cert, key, password)")
    files = [os.fspath(part) if isinstance(part, os.PathLike) else part for part in parts[:2]]
    if not all(isinstance(file, str) and file and "\0" not in file and _is_name(file) for file in files):
        raise InvalidRequest("cert holds what is no file name: expected (cert, key) or (cert, key, password)")
    if not all(isinstance(password, str) for password in parts[2:]):
        raise InvalidRequest("the password of cert is no str: expected (cert, key, password)")
    return (*files, *parts[2:])


def _is_name(text: str) -> bool:
    """Whether the system can be given this name of a file."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: ``http://user:password@host:port``, also https, socks5 and socks5h. Its text has the password masked.

    Attributes:
        url: as it was given; without a scheme it is ``http``.
        tls: how the certificate of an https proxy is checked, and which one is shown to it. What a call says about TLS
            is about the server at the end, and never about the proxy.
        scheme: ``"http"``, ``"https"``, ``"socks5"`` (names are looked up here) or ``"socks5h"`` (by the proxy).
        host: what is resolved and connected to, as ``URL.dial_host``.
        port: the port written, else 80, 443 or 1080 by the scheme.
        username, password: percent-decoded; None where the URL has none.

    >>> proxy = Proxy("http://ann:secret@proxy.example:3128")
    >>> proxy.host, proxy.port, proxy
    ('proxy.example', 3128, Proxy('http://ann:***@proxy.example:3128'))

    Raises:
        InvalidURL: it has no host, or a path; UnsupportedScheme: no kind of proxy known here; InvalidRequest: ``tls`` is
            no TLS.
    """

    url: str
    tls: TLS = TLS()
    scheme: str = field(init=False)
    host: str = field(init=False)
    port: int = field(init=False)
    username: str | None = field(init=False)
    password: str | None = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise InvalidURL(
                f"proxy {self.url!r:.80} is a {type(self.url).__name__}: expected a URL such as 'http://proxy:3128'"
            )
        if not isinstance(self.tls, TLS):
            raise InvalidRequest(f"the proxy was given tls={self.tls!r:.60}: expected TLS(verify=..., cert=...)")
        text = self.url if "://" in self.url else f"http://{self.url}"
        scheme, _, rest = text.partition("://")
        scheme = scheme.lower()
        if scheme not in _PROXY_PORTS:
            # A password may stand where the scheme should: shown is what cannot be one.
            shown = f" {scheme!r:.40}" if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) else ""
            raise UnsupportedScheme(f"unknown proxy scheme{shown}: expected one of {', '.join(_PROXY_PORTS)}")
        parsed = URL(f"http://{rest}")
        if parsed.username is not None and ":" in parsed.username:
            raise InvalidURL("the proxy's user holds ':' (%3A), which no login can have (RFC 7617 section 2)")
        if parsed.path != "/" or parsed.query is not None or "#" in rest:
            raise InvalidURL(  # and not what was given: half a password may stand there
                "the proxy was given with a path, a query or a fragment: expected scheme://user:password@host:port only; where"
                " user or password hold '/', '?' or '#', percent-encode that"
            )
        written = re.search(r":[0-9]+$", rest.partition("/")[0].rpartition("@")[2])
        given = {
            "scheme": scheme,
            "host": parsed.dial_host,
            "port": parsed.port if written else _PROXY_PORTS[scheme],
            "username": parsed.username,
            "password": parsed.password,
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def is_socks(self) -> bool:
        """Whether it is asked for a tunnel in SOCKS, for http URLs too; any other forwards those."""
        return self.scheme.startswith("socks")

    @property
    def authorization(self) -> str | None:
        """Its credentials as ``Proxy-Authorization`` has them (RFC 7617), None where it has none.

        >>> Proxy("http://ann:secret@proxy.example:3128").authorization
        'Basic YW5uOnNlY3JldA=='
        """
        return None if self.username is None else basic(self.username, self.password or "")

    def __str__(self) -> str:
        # A user without a password is a token, as likely as not.
        user = "" if self.username is None else "***@" if not self.password else f"{quote(self.username)}:***@"
        return f"{self.scheme}://{user}{authority(self.host, self.port)}"

    def __repr__(self) -> str:
        return f"Proxy({str(self)!r})"


#: The longest path that fits into the address of a Unix socket, in bytes, wherever there are any (Linux has 4 more).
_LONGEST_PATH = 103


@dataclass(frozen=True, slots=True)
class Dial:
    """How the connection is made: over a Unix socket, or from a local address.

    Attributes:
        unix_socket: its path; whatever host the URL names, it is this socket that is asked for it. One that begins with
            a NUL is of Linux's abstract kind.
        source_address: a local IP address, or ``(address, port)``; port 0 is any.

    >>> Dial(source_address="127.0.0.1")
    Dial(unix_socket=None, source_address=('127.0.0.1', 0))

    Raises:
        InvalidRequest: what cannot be a path or an address.
    """

    unix_socket: str | os.PathLike[str] | None = None
    source_address: str | tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if self.unix_socket is not None:
            object.__setattr__(self, "unix_socket", _socket_path(self.unix_socket))
        if self.source_address is not None:
            object.__setattr__(self, "source_address", _source(self.source_address))
        if self.unix_socket is not None and self.source_address is not None:
            raise InvalidRequest("Dial got unix_socket and source_address: a Unix socket is reached from no address")

    @property
    def source(self) -> tuple[str, int] | None:
        """``source_address`` as address and port, None where there is none.

        >>> Dial(source_address="127.0.0.1").source
        ('127.0.0.1', 0)
        """
        return self.source_address  # type: ignore[return-value]  # made a pair above


def _socket_path(given: str | os.PathLike[str]) -> str:
    path = os.fspath(given) if isinstance(given, os.PathLike) else given
    if not isinstance(path, str) or not path or "\0" in path[1:] or not _is_name(path):
        raise InvalidRequest(f"unix_socket={given!r:.80}: expected the path of a socket")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise InvalidRequest(
            f"unix_socket={path!r:.120} is {len(os.fsencode(path))} bytes long: a socket's path has {_LONGEST_PATH} at most;"
            " a symbolic link to its folder can be shorter"
        )
    return path


def _source(given: object) -> tuple[str, int]:
    address, port = given if isinstance(given, tuple) and len(given) == 2 else (given, 0)
    try:
        if not isinstance(address, str):
            raise ValueError  # noqa: TRY004 - said below
        ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidRequest(
            f"source_address={given!r:.80}: expected an IP address of this machine, or (address, port)"
        ) from error
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InvalidRequest(f"source_address={given!r:.80}: expected a port from 0, for any, to 65535")
    return address, port


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of one exchange beside the Request itself."""

    timeouts: Timeouts = Timeouts()
    tls: TLS = TLS()
    proxy: Proxy | None = None
    dial: Dial = Dial()

    def within(self, total: float) -> Options:
        """Give the same with another bound on the whole exchange, in seconds."""
        return replace(self, timeouts=replace(self.timeouts, total=total))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a transport accepts and keeps.

    Attributes:
        head_bytes: the size of a response head, and of a trailer section, in bytes.
        fields: the number of fields in each.
        interim: the number of 1xx responses before the final one.
        chunk_line: the length of a chunk-size line, extensions included, in bytes.
        connections: connections in use at once.
        per_origin: the same for each origin; None is no bound of its own.
        idle_seconds: how long an unused connection is kept.
    """

    head_bytes: int = 65536
    fields: int = 128
    interim: int = 64
    chunk_line: int = 16384
    connections: int = 100
    per_origin: int | None = None
    idle_seconds: float = 60

    def __post_init__(self) -> None:
        for name in ("head_bytes", "fields", "interim", "chunk_line", "connections", "per_origin", "idle_seconds"):
            value = getattr(self, name)
            if name == "per_origin" and value is None:
                continue
            kind, least = (int | float, 0) if name == "idle_seconds" else (int, 0 if name == "interim" else 1)
            if isinstance(value, bool) or not isinstance(value, kind) or not least <= value < LONGEST:
                what = "a number of seconds" if name == "idle_seconds" else "a whole number"
                raise InvalidRequest(f"limit {name}={value!r:.40}: expected {what} from {least} to 1e9")
