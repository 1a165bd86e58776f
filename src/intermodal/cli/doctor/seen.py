"""What ``doctor`` has seen: the parts of an examination, as ``--json`` prints them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from intermodal._version import __version__

if TYPE_CHECKING:
    from intermodal.cli.doctor.chain import Link
    from intermodal.cli.doctor.reach import Reached
    from intermodal.errors import Phase

#: The parts, in the order in which they are looked at and shown.
Part = Literal["request", "proxy", "names", "trust", "tls", "transports"]
Whose = Literal["server", "proxy"]


@dataclass(frozen=True)
class Finding:
    """Something to be known.

    Attributes:
        part: what it is about.
        stands_in_the_way: whether no request can be sent because of it.
        says: what it is.
        do: what to do about it; empty where that is said already.
    """

    part: Part
    stands_in_the_way: bool
    says: str
    do: str = ""


@dataclass(frozen=True)
class Asked:
    """The request: the canonical URL, what stands in its first line and in Host, and whose server that is.

    Attributes:
        unix_socket: the path it goes over instead of TCP.
        login: whether the netrc file adds an Authorization.
    """

    url: str
    target: str
    host: str
    origin: str
    unix_socket: str | None = None
    login: bool = False


@dataclass(frozen=True)
class Chosen:
    """The proxy, with its password masked, or None; and what chose it, or chose to have none."""

    proxy: str | None
    by: str


@dataclass(frozen=True)
class Name:
    """A host that is looked up here, and its addresses; ``whose`` is the server or the proxy."""

    whose: Whose
    host: str
    port: int
    seconds: float
    addresses: tuple[Reached, ...] = ()


@dataclass(frozen=True)
class Store:
    """Whom a certificate is checked against.

    Attributes:
        whose: certificate.
        kind: the system's store, a file, a folder, or nothing: no check at all.
        path: where it is; None where the system keeps it elsewhere than in files.
        by: the option or the variable that chose it, or ``"default"``.
        authorities: how many are in it; None where that shows only as they are used.
    """

    whose: Whose
    kind: Literal["system", "file", "folder", "nothing"]
    path: str | None
    by: str
    authorities: int | None = None


@dataclass(frozen=True)
class Handshake:
    """What came of TLS with the server, or with the proxy.

    Attributes:
        accepted: whether the certificate was; where it was not, the rest comes from a second look that checked nothing.
        checked: whether it was to be.
        sha256: of the certificate, in hex.
        chain: what was sent, the peer's own certificate first; empty where it could not be read.
    """

    whose: Whose
    hostname: str
    port: int
    accepted: bool
    checked: bool
    version: str | None
    cipher: str | None
    alpn: str | None
    sha256: str | None
    chain: tuple[Link, ...]


@dataclass(frozen=True)
class Verdict:
    """What a transport would do: send the request, or refuse it, and why."""

    name: str
    sends: bool
    why: str = ""


@dataclass(frozen=True)
class Examination:
    """All that was seen; ``--json`` prints it as it is.

    Attributes:
        intermodal: the version.
        given: the URL as it was given.
        could_be_sent: whether nothing stands in the way.
        findings: by part, as they came up.
        request, proxy: None where that part could not be looked at.
        names, trust, tls, transports: likewise empty.
        phases: of the road, in order: each with the seconds it took.
        sent: what a proxy was told; nothing else has been sent.
        skipped: transports that do not open, and why.
    """

    intermodal: str
    given: str
    could_be_sent: bool
    findings: tuple[Finding, ...]
    request: Asked | None
    proxy: Chosen | None
    names: tuple[Name, ...]
    trust: tuple[Store, ...]
    tls: tuple[Handshake, ...]
    transports: tuple[Verdict, ...]
    phases: tuple[tuple[Phase, float], ...]
    sent: str
    skipped: dict[str, str]


@dataclass
class Seen:
    """What has been seen so far; the fields are those of an Examination."""

    findings: list[Finding] = field(default_factory=list)
    request: Asked | None = None
    proxy: Chosen | None = None
    names: list[Name] = field(default_factory=list)
    trust: list[Store] = field(default_factory=list)
    tls: list[Handshake] = field(default_factory=list)
    transports: list[Verdict] = field(default_factory=list)
    phases: list[tuple[Phase, float]] = field(default_factory=list)
    sent: str = ""

    def fault(self, part: Part, says: str, do: str = "") -> None:
        """Note what stands in the way."""
        self.findings.append(Finding(part, True, says, do))

    def note(self, part: Part, says: str, do: str = "") -> None:
        """Note what is good to know."""
        self.findings.append(Finding(part, False, says, do))

    @property
    def is_free(self) -> bool:
        """Whether nothing stands in the way."""
        return not any(finding.stands_in_the_way for finding in self.findings)

    def examination(self, given: str, skipped: dict[str, str]) -> Examination:
        """Give all of it, once everything has been looked at."""
        return Examination(
            __version__,
            given,
            self.is_free,
            tuple(self.findings),
            self.request,
            self.proxy,
            tuple(self.names),
            tuple(self.trust),
            tuple(self.tls),
            tuple(self.transports),
            tuple(self.phases),
            self.sent,
            skipped,
        )
