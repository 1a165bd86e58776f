"""What it means that a connection failed in the middle of an exchange, as an error of ours."""

from __future__ import annotations

import errno
import ssl
import time
from typing import TYPE_CHECKING

from intermodal.blocking.alerts import reason
from intermodal.errors import ConnectionError, Disconnected, ReadTimeout, TLSError, WriteTimeout

if TYPE_CHECKING:
    from intermodal.model.options import Options
    from intermodal.net.deadline import Deadline

#: The peer is gone: stop writing, and read what it may have answered before it went (RFC 9112 section 9.5).
_GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN, errno.ECONNABORTED})


def judge_write(error: Exception, options: Options, deadline: Deadline) -> None:
    """Raise what it means that a write failed; return where the peer is gone, and may have answered before.

    Raises:
        WriteTimeout, TotalTimeout, TLSError, ConnectionError; ``error`` itself where it is none of the network's.
    """
    if isinstance(error, TimeoutError):
        message = f"the server took nothing for write={options.timeouts.write} s"
        raise deadline.expired(WriteTimeout, message, time.monotonic()) from error
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return
    if isinstance(error, ssl.SSLError):
        raise TLSError(f"TLS failed while the request was sent: {reason(error, options.tls)}") from error
    if isinstance(error, OSError | ValueError):  # ValueError: closed by another thread
        if getattr(error, "errno", None) in _GONE:
            return
        raise _lost("while the request was sent", error) from error
    raise error


def judge_read(error: Exception, options: Options, deadline: Deadline) -> None:
    """Raise what it means that nothing was received; return where the connection ended without TLS having said so.

    Raises:
        ReadTimeout, TotalTimeout, TLSError, ConnectionError; ``error`` itself where it is none of the network's.
    """
    if isinstance(error, TimeoutError):
        message = f"the server sent nothing for read={options.timeouts.read} s"
        raise deadline.expired(ReadTimeout, message, time.monotonic()) from error
    if isinstance(error, ssl.SSLEOFError):
        return
    if isinstance(error, ssl.SSLError):
        raise TLSError(f"TLS failed while the response was read: {reason(error, options.tls)}") from error
    if isinstance(error, OSError | ValueError):  # ValueError: closed by another thread
        raise _lost("while the response was read", error) from error
    raise error


def _lost(when: str, error: Exception) -> ConnectionError:
    number = getattr(error, "errno", None)
    kind = Disconnected if number in _GONE else ConnectionError
    lost = kind(f"the connection was lost {when}: {getattr(error, 'strerror', None) or error}")
    lost.errno = number
    return lost
