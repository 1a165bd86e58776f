"""The kit's own authority, and the certificates it has signed; made once for each process."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

__all__ = ["Authority", "authority"]

#: The names and addresses that a right certificate is for.
NAMES = ("localhost", "127.0.0.1", "::1", "target.test", "proxy.test")


class Authority:
    """An authority of the kit's, which no system trusts.

    Attributes:
        path: the file with its certificate, in PEM: what ``verify`` is given.
        client: the file with a client's certificate and key, in PEM: what ``cert`` is given.
    """

    def __init__(self) -> None:
        import trustme  # noqa: PLC0415 - of the extra: only what speaks TLS needs it

        self._authority = trustme.CA()
        self._folder = tempfile.TemporaryDirectory(prefix="intermodal-")
        self.path = str(Path(self._folder.name, "authority.pem"))
        self.client = str(Path(self._folder.name, "client.pem"))
        self._authority.cert_pem.write_to_path(self.path)
        self._authority.issue_cert("client@target.test").private_key_and_cert_chain_pem.write_to_path(self.client)

    def server(self, kind: str = "right", *, asks: bool = False) -> ssl.SSLContext:
        """Make a server's context.

        Args:
            kind: ``"right"``, ``"expired"``, ``"another host's"`` or ``"self-made"``, the certificate it shows.
            asks: whether it demands a client's certificate.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issued(kind).configure_cert(context)
        with contextlib.suppress(NotImplementedError):
            context.set_alpn_protocols(["http/1.1"])
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            self._authority.configure_trust(context)
        return context

    def _issued(self, kind: str) -> trustme.LeafCert:
        import trustme  # noqa: PLC0415 - as above

        if kind == "expired":
            past = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=2)
            return self._authority.issue_cert(*NAMES, not_before=past - dt.timedelta(days=2), not_after=past)
        if kind == "another host's":
            return self._authority.issue_cert("another.test")
        return (trustme.CA() if kind == "self-made" else self._authority).issue_cert(*NAMES)


@functools.cache
def authority() -> Authority:
    """Give the authority of this process.

    Raises:
        ImportError: trustme is missing; the message says what brings it.
    """
    try:
        return Authority()
    except ModuleNotFoundError as error:
        raise ImportError(
            'the kit makes its certificates with trustme, which is not installed: pip install "intermodal[testing]"',
            name=error.name,
        ) from error
