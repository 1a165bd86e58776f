"""The steps by which a connection is made, without making any: a plan yields them and is told what came of each.

Who runs a plan (:mod:`intermodal.blocking.dialer`) sends in the bytes that a step brings, ``b""`` where it
brings none, and throws in what it raises. The same plan serves sync and async.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from typing import TypeAlias

    from intermodal.model.options import TLS

R = TypeVar("R")


class Connect(NamedTuple):
    """Resolve a name and connect to it over TCP; ``proxy``: what follows is said to a proxy."""

    host: str
    port: int
    proxy: bool = False


class ConnectUnix(NamedTuple):
    """Connect to a Unix socket."""

    path: str


class Resolve(NamedTuple):
    """Resolve a name here, for somebody else to connect to; brings an address of 4 or 16 bytes."""

    host: str
    port: int


class StartTLS(NamedTuple):
    """Shake hands as a client, and go on inside TLS.

    Attributes:
        tls: how the certificate is checked, and which one is shown.
        hostname: what the certificate must be for.
        port: where, for the words of an error.
        proxy: whether it is the proxy's TLS, not the server's.
        early: what has been read already and belongs to TLS.
    """

    tls: TLS
    hostname: str
    port: int
    proxy: bool = False
    early: bytes = b""


class Write(NamedTuple):
    """Send all of ``data``."""

    data: bytes


class Read(NamedTuple):
    """Receive; brings 1 to ``n`` bytes, or ``b""`` where the other side has closed."""

    n: int


if TYPE_CHECKING:
    Step: TypeAlias = Connect | ConnectUnix | Resolve | StartTLS | Write | Read

#: Yields steps, is sent the bytes that each brings, and gives an R.
Plan = Generator["Step", bytes, R]
