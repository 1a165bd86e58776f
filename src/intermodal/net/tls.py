"""TLS settings -> ``ssl.SSLContext``: the one place that decides whom to trust, for every transport."""

from __future__ import annotations

import functools
import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from intermodal.errors import InvalidRequest

if TYPE_CHECKING:
    from intermodal.model.options import TLS


#: How OpenSSL names the files of a folder of authorities.
_by_hash = re.compile(r"[0-9a-f]{8}\.[0-9]+").fullmatch

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@functools.lru_cache(maxsize=64)
def context_for(tls: TLS) -> ssl.SSLContext:
    """Make the context for these settings: ``minimum_version`` and above, ALPN ``http/1.1``; a caller's own is left as it is.

    Raises:
        InvalidRequest: a CA file, folder or certificate that cannot be read.
    """
    verify = tls.verify
    if isinstance(verify, ssl.SSLContext):
        return verify
    if not isinstance(verify, bool | str):
        raise InvalidRequest(f"verify={verify!r:.80}: expected True, False, a CA file or folder, or an ssl.SSLContext")
    context = _trusting_the_system() if verify is True else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.set_alpn_protocols(["http/1.1"])
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif isinstance(verify, str):
        _load_ca(context, verify)
    if tls.cert is not None:
        _load_cert(context, tls.cert)  # type: ignore[arg-type]  # a tuple of str: TLS has seen to it
    return context


def _trusting_the_system() -> ssl.SSLContext:
    """Make a context with the system's trust store.

    Where that is OpenSSL's own it is loaded once for all connections: truststore would do so for each, which takes tens of
    milliseconds. It is looked for where OpenSSL was built to look, not where the environment says.
    """
    store = system_store()
    if store is None:
        import truststore  # noqa: PLC0415 - only where TLS with the system's trust is used

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(*store)
    return context


def system_store() -> tuple[str | None, str | None] | None:
    """Give the file and the folder of the system's trust store; None where truststore has to be asked for it."""
    if sys.platform in {"darwin", "win32"}:
        return None
    paths = ssl.get_default_verify_paths()
    # A folder is of use where its files are named by the hash of the subject, as OpenSSL looks them up.
    file, folder = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    cafile = str(file) if file.is_file() else None
    capath = str(folder) if folder.is_dir() and any(_by_hash(each.name) for each in folder.iterdir()) else None
    return (cafile, capath) if cafile or capath else None


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    try:
        if Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise InvalidRequest(
            f"verify={path!r} cannot be used ({error}): expected a file of PEM certificates, or a folder of them by hash"
        ) from error


def _load_cert(context: ssl.SSLContext, cert: tuple[str, ...]) -> None:
    key = cert[1] if len(cert) > 1 else cert[0]
    try:
        context.load_cert_chain(cert[0], cert[1] if len(cert) > 1 else None, cert[2] if len(cert) > 2 else _no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise InvalidRequest(
            f"the client certificate {cert[0]!r} cannot be used: {_flaw(error, cert, key)}; expected PEM with certificate and"
            " key, a pair (cert, key), or (cert, key, password)"
        ) from error


def _flaw(error: Exception, cert: tuple[str, ...], key: str) -> str:
    """Say what is wrong with a client certificate; OpenSSL does not say which file it is about, nor that it was the password."""
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"the key in {key!r} belongs to another certificate"
    texts = {}
    for path in (cert[0], key):
        try:
            texts[path] = Path(path).read_bytes()
        except OSError as unreadable:
            return f"{path!r}: {unreadable.strerror}"
    if b"-BEGIN CERTIFICATE-" not in texts[cert[0]]:
        return f"{cert[0]!r} holds no certificate"
    if b"PRIVATE KEY-" not in texts[key]:
        return f"{key!r} holds no key"
    if b"ENCRYPTED" in texts[key]:
        return f"{'the password does not fit' if len(cert) > 2 else 'no password was given for'} the key in {key!r}"
    return str(error)


def _no_password() -> str:
    """Answer OpenSSL's question for a password, which it would otherwise put to the terminal and wait."""
    raise ValueError("its key is encrypted and no password was given")
