"""What is wrong with a certificate that was refused, which one it is, and what to do about it, in words."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from intermodal.blocking.chain import (
    EXPIRED,
    NOT_YET_VALID,
    REVOKED,
    SELF_SIGNED,
    SELF_SIGNED_AUTHORITY,
    TOO_WEAK,
    UNKNOWN_ISSUER,
    WEAK_KEY,
    WRONG_NAME,
    WRONG_PURPOSE,
    end_of,
    shown,
)
from intermodal.errors import CertificateError

if TYPE_CHECKING:
    import ssl

    from intermodal.blocking.chain import Certificate
    from intermodal.model.options import TLS
    from intermodal.net.plan import StartTLS

#: How many of a certificate's names are listed.
_NAMES = 8

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def refused(error: ssl.SSLCertVerificationError, chain: list[Certificate], step: StartTLS) -> CertificateError:
    """Say why a certificate was refused; ``chain`` is what came with it, as far as that is known."""
    peer = f"{'the proxy ' if step.proxy else ''}{step.hostname!r} port {step.port}"
    words = _Words(chain, step).about(error)
    about = f" ({_description(chain[0])})" if chain else ""
    failure = CertificateError(f"the certificate of {peer} {words}{about}")
    failure.verify_code = error.verify_code
    return failure


class _Words:
    def __init__(self, chain: list[Certificate], step: StartTLS) -> None:
        self._chain = chain
        self._hostname = step.hostname
        self._who = "the proxy" if step.proxy else "the server"
        self._tls = step.tls
        self._trust = _trust(step.tls)
        self._give = "Proxy(url, tls=TLS(verify='ca.pem'))" if step.proxy else "verify='ca.pem'"

    def about(self, error: ssl.SSLCertVerificationError) -> str:
        code = getattr(error, "verify_code", None)
        if code in {EXPIRED, NOT_YET_VALID}:
            return self._out_of_time(expired=code == EXPIRED)
        if code == SELF_SIGNED:
            return (
                f"is self-signed, and not in {self._trust}: nobody vouches for it. If {self._who} is to have such a one, get"
                f" it from whoever runs {self._who}, not over this connection, and give its file: {self._give}"
            )
        if code == SELF_SIGNED_AUTHORITY:
            root = f"{self._chain[-1].subject}, which" if self._chain else "an authority that"
            return f"goes back to {root} is not in {self._trust}: {self._private()}"
        if code in UNKNOWN_ISSUER:
            return self._unknown_issuer()
        if code in WRONG_NAME:
            return self._wrong_name()
        if code == REVOKED:
            return f"was revoked by its authority: send nothing to {self._who} until it has another"
        if code in TOO_WEAK:
            return (
                f"is too weak: the {TOO_WEAK[code]} of {'it' if code == WEAK_KEY else 'one of its authorities'} is no longer safe;"
                f" whoever runs {self._who} has to get another"
            )
        if code == WRONG_PURPOSE:
            return f"is not made for a server: whoever runs {self._who} has to install another"
        # Other systems have reasons of their own.
        return f"was not accepted: {error.verify_message or error.reason or error}; {self._private()}"

    def _out_of_time(self, *, expired: bool) -> str:
        now = time.time()
        clock = f"this machine's clock says {_date(now)}"
        wrong = [each for each in self._chain if (each.ends < now if expired else each.begins > now)]
        if not wrong:
            which = "one of its authorities" if self._chain else "it, or one of its authorities,"
            return f"was not accepted: {which} {'has expired' if expired else 'is not valid yet'}; {clock}"
        link = wrong[0]
        if expired:
            verdict = f"expired on {_date(link.ends)}"
            do = f"if that is right, whoever runs {self._who} has to renew it"
        else:
            verdict, do = f"is not valid before {_date(link.begins)}", "if that is right, it can only be waited for"
        if link is self._chain[0]:
            return f"{verdict}; {clock}: {do}"
        return f"was not accepted: that of its authority {link.subject} {verdict}; {clock}: {do}"

    def _unknown_issuer(self) -> str:
        if not self._chain:
            return f"is from an authority that is not in {self._trust}: {self._private()}"
        issuer = end_of(self._chain).issuer
        words = f"was issued by {issuer}, which is not in {self._trust}: "
        if len(self._chain) == 1:
            words = (
                f"was issued by {issuer}, which is not in {self._trust}, and {self._who} sent no certificate of it. If there is one"
                f" between the two, whoever runs {self._who} has to send it along; otherwise, "
            )
        return words + self._private()

    def _private(self) -> str:
        verify = self._tls.verify
        if isinstance(verify, str):
            with contextlib.suppress(OSError):
                if Path(verify).is_dir():
                    return "if that is the right folder, are its links up to date (openssl rehash)?"
            return "if that is the wrong file, give the one that holds it"
        if not isinstance(verify, bool):
            return "if the authority is a private one, load it into the context (load_verify_locations)"
        return f"if the authority is a private one, get its certificate from whoever runs it and give {self._give}"

    def _wrong_name(self) -> str:
        words = f"is not for {self._hostname!r}"
        if not self._chain:
            return f"{words}: ask for a name that it is for, or whoever runs {self._who} has to get another"
        names = self._chain[0].names
        if not names:
            return f"{words}, nor for any other name: whoever runs {self._who} has to get another"
        return (
            f"{words}: it is for {_listed(names)}. If one of these was meant, ask for that; otherwise this is another server than"
            f" it should be, or whoever runs {self._who} has to get another"
        )


def _trust(tls: TLS) -> str:
    if isinstance(tls.verify, str):
        return repr(tls.verify)
    return "this machine's trust store" if isinstance(tls.verify, bool) else "the ssl.SSLContext that was given"


def _description(certificate: Certificate) -> str:
    return (
        f"subject {certificate.subject}; issuer {certificate.issuer};"
        f" valid from {_date(certificate.begins)} to {_date(certificate.ends)}"
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(map(shown, names[:_NAMES])) + (f" and {more} more" if more > 0 else "")


def _date(seconds: float) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M} UTC"
