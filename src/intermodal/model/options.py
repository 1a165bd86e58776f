"""Settings of an exchange and of a transport: frozen, hashable values, checked when they are made.

``tls``, ``proxy`` and ``dial`` belong to the key under which a connection is pooled: if any of their
fields differs, no connection is shared. ``timeouts`` never do.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from intermodal.errors import InvalidRequest, InvalidURL, UnsupportedScheme
from intermodal.model.url import URL

if TYPE_CHECKING:
    import ssl
    from typing import TypeAlias

    TimeoutInput: TypeAlias = "float | tuple[float | None, float | None] | Timeouts | None"

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


@dataclass(frozen=True, slots=True)
class TLS:
    """How the server's certificate is checked, and which certificate is shown to it.

    Attributes:
        verify: True for the system's trust store, a CA file or folder, an ``ssl.SSLContext`` that is
            used as it is, or False for no check at all.
        cert: the client's certificate: a file with certificate and key, ``(cert, key)`` or
            ``(cert, key, password)``.

    >>> TLS(verify="/etc/ssl/private-ca.pem").verify
    '/etc/ssl/private-ca.pem'
    """

    verify: bool | str | os.PathLike[str] | ssl.SSLContext = True
    cert: CertInput = None

    def __post_init__(self) -> None:
        verify: object = self.verify
        if isinstance(verify, os.PathLike):
            verify = os.fspath(verify)
            object.__setattr__(self, "verify", verify)
        if not isinstance(verify, bool | str) and not hasattr(verify, "wrap_socket"):
            raise InvalidRequest(
                f"verify={self.verify!r}: expected True, False, a CA file or folder, or an ssl.SSLContext"
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
        return f"TLS(verify={self.verify!r}, cert={shown!r})"


def _cert(parts: object) -> tuple[str, ...]:
    if not isinstance(parts, tuple) or not 1 <= len(parts) <= 3:
        raise InvalidRequest("cert is neither a file name nor (cert, key) nor (cert, key, password)")
    try:
        return (*(os.fspath(part) for part in parts[:2]), *parts[2:])
    except TypeError as error:
        raise InvalidRequest(
            "cert holds what is no file name: expected (cert, key) or (cert, key, password)"
        ) from error


_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: ``http://user:password@host:port``, also https, socks5 and socks5h.

    >>> proxy = Proxy("http://ann:secret@proxy.example:3128")
    >>> proxy.host, proxy.port, proxy
    ('proxy.example', 3128, Proxy('http://ann:***@proxy.example:3128'))

    Raises:
        InvalidURL: it has no host, or a path; UnsupportedScheme: no kind of proxy known here.
    """

    url: str
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
        text = self.url if "://" in self.url else f"http://{self.url}"
        scheme, _, rest = text.partition("://")
        scheme = scheme.lower()
        if scheme not in _PROXY_PORTS:
            raise UnsupportedScheme(f"proxy scheme {scheme!r:.40}: expected one of {', '.join(_PROXY_PORTS)}")
        parsed = URL(f"http://{rest}")
        if parsed.path != "/" or parsed.query is not None:
            raise InvalidURL(
                f"the proxy at {parsed.authority!r} was given with a path: expected scheme://host:port only"
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

    def __repr__(self) -> str:
        user = "" if self.username is None else f"{self.username}:***@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Proxy('{self.scheme}://{user}{host}:{self.port}')"


@dataclass(frozen=True, slots=True)
class Dial:
    """How the connection is made: over a Unix socket's path, or from a local ``(address, port)``."""

    unix_socket: str | None = None
    source_address: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of one exchange beside the Request itself."""

    timeouts: Timeouts = Timeouts()
    tls: TLS = TLS()
    proxy: Proxy | None = None
    dial: Dial = Dial()


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
