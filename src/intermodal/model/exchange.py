"""How an exchange went, and what connections there are: for a look, not for decisions. What is not known is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

#: As the socket module gives it: ``(host, port)``, four fields for IPv6, the path of a Unix socket.
Address: TypeAlias = "tuple[str, int] | tuple[str, int, int, int] | str"


@dataclass(frozen=True)
class Times:
    """How long each part of an exchange took, in seconds; None where it did not happen or is not known.

    Attributes:
        resolve: looking the name up.
        connect: until the TCP connection stood.
        proxy: the talk with the proxy.
        tls: the handshakes.
        send: writing the request.
        wait: from then to the first bytes of an answer.
        body: from those to the end of the body; None until it has come.
    """

    resolve: float | None = None
    connect: float | None = None
    proxy: float | None = None
    tls: float | None = None
    send: float | None = None
    wait: float | None = None
    body: float | None = None


@dataclass(frozen=True)
class ExchangeInfo:
    """How one exchange went, as far as its transport can tell (``Guarantee.EXCHANGE``).

    Attributes:
        local_address: of the connection's socket, by ``getsockname``.
        peer_address: of whom it was connected to, a proxy perhaps, by ``getpeername``.
        reused: whether the connection had served an exchange before.
        tls_version: with the server, for example ``"TLSv1.3"``; None without TLS.
        cipher: OpenSSL's name of the cipher suite.
        peer_certificate: the server's, in DER.
        tls_resumed: whether the handshake took up an earlier session.
        bytes_sent: of the request, head and body as HTTP/1.1 writes them, before TLS.
        bytes_received: of the answer, likewise, so far.
        times: of its parts; what makes a connection is told by the exchange that made it.

    >>> ExchangeInfo().reused is None
    True
    """

    local_address: Address | None = None
    peer_address: Address | None = None
    reused: bool | None = None
    tls_version: str | None = None
    cipher: str | None = None
    peer_certificate: bytes | None = None
    tls_resumed: bool | None = None
    bytes_sent: int | None = None
    bytes_received: int | None = None
    times: Times = Times()


@dataclass(frozen=True)
class ConnectionInfo:
    """One connection of a transport, as ``netstat -an`` would list it, and what it is used for.

    Attributes:
        local_address, peer_address: of its socket.
        state: TCP's name for how it stands (RFC 9293 section 3.3.2), such as ``"ESTABLISHED"`` or ``"CLOSE-WAIT"``; None
            where the system does not tell, or it is no TCP.
        in_use: whether it carries an exchange now; else it is idle.
        origin: whom it leads to, for example ``"https://example.org:443"``.
        proxy: whom it goes through, without credentials.
        tls_version: with the server; None without TLS.
        age: since it was made, in seconds.
        served: how many exchanges it has carried to their end.
    """

    local_address: Address | None
    peer_address: Address | None
    state: str | None
    in_use: bool
    origin: str
    proxy: str | None
    tls_version: str | None
    age: float
    served: int


#: Of an exchange whose transport tells nothing.
UNKNOWN = ExchangeInfo()
