"""What to do about what stands in the way."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from intermodal.errors import CertificateError, ConnectTimeout, NameResolutionError, TLSError

if TYPE_CHECKING:
    from intermodal.cli.doctor.seen import Chosen
    from intermodal.errors import Error

REFUSED = "nobody listens there: is the port right, and the server running?"
SILENT = "a firewall on the way may drop what is sent, or the machine is down"
_ADVICE = {
    errno.ECONNREFUSED: REFUSED,
    errno.ETIMEDOUT: SILENT,
    errno.ENETUNREACH: "there is no route to it from here: is the network up, and IPv6 if it is an address of IPv6?",
    errno.EHOSTUNREACH: "there is no route to it from here: is the network up, is a VPN needed?",
    errno.ENOENT: "there is no such socket: is the path right, and the server running?",
    errno.EACCES: "this user may not: look at the permissions of the socket and its folder",
    errno.ECONNRESET: "whoever listens there does not want to speak TLS, or something on the way cuts it off",
}

#: What OpenSSL's word for a failed handshake means, most often.
_TLS_ADVICE = (
    ("WRONG_VERSION_NUMBER", "what listens there does not speak TLS: is it an http:// URL, or another port?"),
    ("HTTP_REQUEST", "what listens there does not speak TLS: is it an http:// URL, or another port?"),
    ("RECORD_LAYER_FAILURE", "what listens there does not speak TLS: is it an http:// URL, or another port?"),
    ("PROTOCOL_VERSION", "the server speaks no version from TLS 1.2 on: whoever runs it has to bring it up to date"),
    (
        "UNSUPPORTED_PROTOCOL",
        "the server speaks no version from TLS 1.2 on: whoever runs it has to bring it up to date",
    ),
    ("UNRECOGNIZED_NAME", "the server knows no site of this name: is the host right?"),
    ("CERTIFICATE_REQUIRED", "the server wants a certificate of yours: give --cert"),
    ("HANDSHAKE_FAILURE", "there is no cipher that both know, or the server wants a certificate of yours: --cert"),
    ("EOF", "whoever listens there closed the connection: is it a TLS port, and for this host name?"),
)


def advice(error: Error) -> str:
    """Say what to do about an error of ours; empty where it says so itself."""
    if isinstance(error, CertificateError):
        return ""  # it says so itself
    if isinstance(error, NameResolutionError):
        return (
            "is the name right? If only a VPN or a proxy knows it, give --proxy; else ask whoever runs the name server"
        )
    if isinstance(error, TLSError):
        return tls_advice(str(error))
    number = getattr(error, "errno", None)
    if number in _ADVICE:
        return _ADVICE[number]
    return SILENT if isinstance(error, ConnectTimeout) else ""


def tls_advice(words: str) -> str:
    """Say what to do about a handshake that failed, from what OpenSSL calls it."""
    words = words.upper().replace(" ", "_")
    return next((do for word, do in _TLS_ADVICE if word in words), "")


def without_proxy(chosen: Chosen | None, host: str) -> str:
    """Say who chose the proxy, and how to reach this host without it."""
    by = "" if chosen is None else chosen.by
    if by == "--proxy":
        return "the proxy was chosen by --proxy"
    return f"the proxy was chosen by {by}: give NO_PROXY={host}, or --no-env, to go without it"
