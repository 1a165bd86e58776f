"""The certificates that a server sends, one by one, and what is wrong with which."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intermodal.blocking.chain import SELF_SIGNED, SELF_SIGNED_AUTHORITY, UNKNOWN_ISSUER, WRONG_NAME, end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intermodal.blocking.chain import Certificate

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


@dataclass(frozen=True)
class Link:
    """One certificate of a chain.

    Attributes:
        subject, issuer: in words, such as ``"'O=Example, CN=example.org'"``.
        names: the hosts and addresses it is for.
        not_before, not_after: in UTC, as ISO 8601 has it.
        days_left: whole days until ``not_after``; below 0 once that is over.
        fault: what is wrong with it, else empty.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: str
    not_after: str
    days_left: int
    fault: str = ""


def links(chain: Sequence[Certificate], *, code: int | None, hostname: str, now: float) -> list[Link]:
    """Describe what was sent, the server's own first.

    Args:
        chain: as :func:`~intermodal.blocking.chain.sent_by` gives it.
        code: why it was not accepted, as OpenSSL numbers it; None where it was.
        hostname: whom it had to be for.
        now: by the clock of this machine, in seconds since 1970.
    """
    faults = {} if code is None else _faults(chain, code, hostname, now)
    return [_link(certificate, now, faults.get(place, "")) for place, certificate in enumerate(chain)]


def _faults(chain: Sequence[Certificate], code: int, hostname: str, now: float) -> dict[int, str]:
    """Say what is wrong, by place in the chain."""
    faults = {}
    for place, certificate in enumerate(chain):
        if certificate.ends < now:
            faults[place] = "it has expired"
        elif certificate.begins > now:
            faults[place] = "it is not valid yet, by this machine's clock"
    if not chain:
        return faults
    if code in WRONG_NAME:
        faults.setdefault(0, f"it is not for {hostname}")
    end = end_of(chain)
    top = next(place for place, each in enumerate(chain) if each is end)
    if code in {SELF_SIGNED, SELF_SIGNED_AUTHORITY}:
        faults.setdefault(top, "it is self-signed, and not in the trust store")
    elif code in UNKNOWN_ISSUER:
        faults.setdefault(top, f"its issuer {end.issuer} was not sent, and is not in the trust store")
    return faults


def _link(certificate: Certificate, now: float, fault: str) -> Link:
    return Link(
        certificate.subject,
        certificate.issuer,
        tuple(certificate.names),
        _date(certificate.begins),
        _date(certificate.ends),
        int((certificate.ends - now) // 86400),
        fault,
    )


def _date(seconds: float) -> str:
    # Not fromtimestamp: the C library of some systems has no years beyond 2038.
    return (_EPOCH + dt.timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")
