"""``NO_PROXY``: the hosts that are reached without a proxy.

Nobody has written down what may stand there; these are the rules that curl, Go and requests share, and where they
differ, the one that surprises least:

- entries stand between commas or spaces; one that is none of the following is passed over;
- ``*`` is every host;
- a name is itself and all that is below it, at the border of a label; a dot or ``*.`` in front, a dot at the end and
  the case change nothing;
- an IP address is itself, ``address/bits`` a network; both are about literal hosts, for no name is resolved here;
- the zone of an IPv6 address counts where the entry has one;
- ``host:port`` is that port only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import InvalidRequest
from intermodal.model.url import URL

if TYPE_CHECKING:
    import ipaddress

_SEPARATORS = re.compile(r"[,\s]+")
#: What a URL reads as more than a host and a port.
_MORE_THAN_A_HOST = re.compile(r"[/?#@\\]").search


class _Entry(NamedTuple):
    written: str
    host: str = ""
    zone: str = ""
    port: int | None = None
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None


class NoProxy:
    """The entries of a ``NO_PROXY`` variable, or of ``proxies={"no_proxy": ...}``.

    >>> NoProxy("localhost, .example.com:8080, 10.0.0.0/8").entry_for(URL("http://a.example.com:8080/"))
    '.example.com:8080'
    """

    __slots__ = ("_entries", "_every", "_networks")

    def __init__(self, text: str) -> None:
        written = _SEPARATORS.split(text)
        self._every = "*" in written
        entries = [] if self._every else [entry for entry in map(_read, written) if entry is not None]
        self._entries = [entry for entry in entries if entry.network is None]
        self._networks = [entry for entry in entries if entry.network is not None]

    def entry_for(self, url: URL) -> str | None:
        """Give the entry, as it was written, that lets this URL go without a proxy, or None."""
        if self._every:
            return "*"
        host, zone = url.host, url.dial_host.partition("%")[2]
        for entry in self._entries:
            if (
                (host == entry.host or host.endswith("." + entry.host))  # no address ends in another, or in a name
                and entry.port in {None, url.port}
                and entry.zone in {"", zone}
            ):
                return entry.written
        return self._network_of(host) if self._networks else None

    def _network_of(self, host: str) -> str | None:
        import ipaddress  # noqa: PLC0415 - slow to import, and most lists do without

        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None  # a name
        for entry in self._networks:
            assert entry.network is not None
            if address in entry.network:  # one of the other version is in none
                return entry.written
        return None


def _read(written: str) -> _Entry | None:
    """Read one entry; None for what is none."""
    address, slash, bits = written.partition("/")
    if slash:
        return _network(written, address, bits)
    if _MORE_THAN_A_HOST(written):
        return None
    zone = ""
    if written.startswith("["):
        address, _, port = written[1:].partition("]")
        address, _, zone = address.partition("%")
        zone = zone.removeprefix("25") or zone  # the "%" as a URL writes it (RFC 6874)
        host = f"[{address}]"
    elif written.count(":") > 1:
        address, _, zone = written.partition("%")
        host, port = f"[{address}]", ""
    else:
        host, colon, port = written.partition(":")
        host, port = host.removeprefix("*.").lstrip("."), colon + port
    try:
        url = URL(f"http://{host}{port}/")
    except InvalidRequest:
        return None
    if port == ":":
        return None
    return _Entry(written, url.host, zone, url.port if port else None)


def _network(written: str, address: str, bits: str) -> _Entry | None:
    import ipaddress  # noqa: PLC0415 - slow to import, and most lists do without

    if not (bits.isascii() and bits.isdigit()) or "%" in address:
        return None
    try:
        return _Entry(written, network=ipaddress.ip_network(written, strict=False))
    except ValueError:
        return None
