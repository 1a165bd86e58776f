"""What a failure of TLS means that is not about the server's certificate, in words."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intermodal.model.options import TLS

_PLAIN_TEXT = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
_OLD = ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW")

#: Alerts by which a server turns down a certificate (RFC 8446 section 6.2), as OpenSSL's reasons end.
_TURNED_DOWN = {
    "ALERT_UNKNOWN_CA": "it does not know its authority",
    "ALERT_BAD_CERTIFICATE": "it finds it bad",
    "ALERT_UNSUPPORTED_CERTIFICATE": "it does not take this kind",
    "ALERT_CERTIFICATE_REVOKED": "it was revoked",
    "ALERT_CERTIFICATE_EXPIRED": "it has expired",
    "ALERT_CERTIFICATE_UNKNOWN": "it does not say why",
    "ALERT_ACCESS_DENIED": "it has no access",
}


def reason(error: ssl.SSLError, tls: TLS, *, proxy: bool = False) -> str:
    """Say what the peer, the server or the proxy, has against it, and OpenSSL's own word for that."""
    word = error.reason or str(error)
    meant = _meant(word.upper().replace(" ", "_"), error, tls, proxy)
    return f"{meant} ({word})" if meant else word


def _meant(word: str, error: ssl.SSLError, tls: TLS, proxy: bool) -> str | None:
    who = "the proxy" if proxy else "the server"
    own = not isinstance(tls.verify, bool | str)  # a caller's own context
    cert = "Proxy(url, tls=TLS(cert=('client.pem', 'client.key')))" if proxy else "cert=('client.pem', 'client.key')"
    give = "load one into the ssl.SSLContext" if own else f"give {cert}"
    if word in _PLAIN_TEXT:
        return f"{who} does not answer in TLS, but in plain text perhaps: is it http://, or another port?"
    if word.endswith(_OLD):
        minimum = "the ssl.SSLContext that was given asks for" if own else f"minimum_version={tls.minimum_version!r}"
        return f"{who} speaks no version of TLS that is new enough for {minimum}"
    if word.endswith("ALERT_CERTIFICATE_REQUIRED") or (
        word.endswith("ALERT_BAD_CERTIFICATE") and not own and not tls.cert
    ):
        return f"{who} asks for a client certificate: {give}"
    if word.endswith("ALERT_HANDSHAKE_FAILURE"):
        return (
            f"{who} found nothing to agree on; it may have wanted another version or cipher"
            f"{f', or a client certificate: {give}' if own or not tls.cert else ''}"
        )
    for alert, why in _TURNED_DOWN.items():
        if word.endswith(alert):
            shown = repr(tls.cert[0]) if isinstance(tls.cert, tuple) else "that was given"
            return f"{who} did not accept the client certificate {shown}: {why}"
    if word.endswith("UNRECOGNIZED_NAME"):
        return f"{who} knows nobody of this name"
    if isinstance(error, ssl.SSLEOFError):
        return f"{who} closed the connection"
    return None
