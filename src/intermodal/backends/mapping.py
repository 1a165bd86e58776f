"""What a borrowed library raises, translated into errors of ours: one table, read from its first row on.

An outer exception says little: the same refusal is a ``requests.ConnectionError``, a ``urllib3.NewConnectionError`` and
an ``httpx.ConnectError``, and a ``requests.ConnectionError`` is a dozen other things. So the whole chain is looked at,
the first row that any member of it fits decides, and rows stand in the order of how much they say. Classes are known by
name: no library is imported to translate what another one raised. What fits no row is a TransportBug.

``delivery`` is ``not_sent`` or ``sent`` only where the failure itself proves it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from intermodal.errors import (
    CertificateError,
    ConnectionError,
    ConnectTimeout,
    Delivery,
    Disconnected,
    Error,
    IncompleteBody,
    InvalidRequest,
    NameResolutionError,
    Phase,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadTimeout,
    Timeout,
    TLSError,
    TransportClosed,
    UnsupportedFeature,
    UnsupportedScheme,
    WriteTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.blocking.exchange import Exchange

T = TypeVar("T")


class Row(NamedTuple):
    """A class (``package.Class``), a part of its text where the class alone says too little, and what it means."""

    name: str
    text: str
    kind: type[Error]
    phase: Phase
    delivery: Delivery


TABLE = (
    # -- before a byte of the request left
    Row("ssl.SSLCertVerificationError", "", CertificateError, "tls", "not_sent"),
    Row("urllib3.CertificateError", "", CertificateError, "tls", "not_sent"),
    Row("builtins.TimeoutError", "handshake", ConnectTimeout, "tls", "not_sent"),  # to urllib3 a ReadTimeoutError
    Row("socket.gaierror", "", NameResolutionError, "resolve", "not_sent"),
    Row("urllib3.NameResolutionError", "", NameResolutionError, "resolve", "not_sent"),
    Row("urllib3.EmptyPoolError", "", PoolTimeout, "pool", "not_sent"),
    Row("httpx.PoolTimeout", "", PoolTimeout, "pool", "not_sent"),
    Row("urllib3.ClosedPoolError", "", TransportClosed, "pool", "not_sent"),
    Row("requests.InvalidSchema", "", UnsupportedScheme, "connect", "not_sent"),  # no adapter is mounted for it
    Row("httpx.UnsupportedProtocol", "", UnsupportedScheme, "connect", "not_sent"),
    Row("urllib3.LocationValueError", "", UnsupportedFeature, "connect", "not_sent"),  # it parses even targets
    Row("urllib3.ProxyError", "", ProxyError, "proxy", "not_sent"),
    Row("requests.ProxyError", "", ProxyError, "proxy", "not_sent"),
    Row("httpx.ProxyError", "", ProxyError, "proxy", "not_sent"),
    Row("urllib3.NewConnectionError", "", ConnectionError, "connect", "not_sent"),  # also a ConnectTimeoutError
    Row("urllib3.ConnectTimeoutError", "", ConnectTimeout, "connect", "not_sent"),
    Row("requests.ConnectTimeout", "", ConnectTimeout, "connect", "not_sent"),
    Row("httpx.ConnectTimeout", "", ConnectTimeout, "connect", "not_sent"),
    # -- time
    Row("urllib3.ReadTimeoutError", "", ReadTimeout, "wait", "maybe_sent"),
    Row("requests.ReadTimeout", "", ReadTimeout, "wait", "maybe_sent"),
    Row("httpx.ReadTimeout", "", ReadTimeout, "wait", "maybe_sent"),
    Row("httpx.WriteTimeout", "", WriteTimeout, "send", "maybe_sent"),
    Row("builtins.TimeoutError", "", WriteTimeout, "send", "maybe_sent"),  # urllib3 wraps all others
    Row("requests.Timeout", "", Timeout, "wait", "maybe_sent"),
    Row("httpx.TimeoutException", "", Timeout, "wait", "maybe_sent"),
    # -- TLS: urllib3 does not tell a handshake from what follows, and a TLS 1.3 server refuses a client after it
    Row("ssl.SSLError", "", TLSError, "tls", "maybe_sent"),
    Row("urllib3.SSLError", "", TLSError, "tls", "maybe_sent"),
    Row("requests.SSLError", "", TLSError, "tls", "maybe_sent"),
    Row("httpx.ConnectError", "", ConnectionError, "connect", "not_sent"),
    # -- the connection ended
    Row("http.RemoteDisconnected", "", Disconnected, "wait", "maybe_sent"),
    Row("httpx.RemoteProtocolError", "disconnected without sending", Disconnected, "wait", "maybe_sent"),
    Row("builtins.ConnectionResetError", "", Disconnected, "wait", "maybe_sent"),
    Row("builtins.ConnectionAbortedError", "", Disconnected, "wait", "maybe_sent"),
    Row("builtins.BrokenPipeError", "", Disconnected, "wait", "maybe_sent"),
    # -- the body: http.client has one class for a size that is none and for one that never came
    Row("urllib3.InvalidChunkLength", "", ProtocolError, "body", "sent"),  # also an IncompleteRead
    Row("builtins.ValueError", "with base 16: b''", IncompleteBody, "body", "sent"),
    Row("builtins.ValueError", "with base 16: b'", ProtocolError, "body", "sent"),
    Row("builtins.ValueError", "read length must be", ProtocolError, "body", "sent"),
    Row("http.IncompleteRead", "", IncompleteBody, "body", "sent"),
    Row("urllib3.IncompleteRead", "", IncompleteBody, "body", "sent"),
    Row("urllib3.ProtocolError", "ended prematurely", IncompleteBody, "body", "sent"),
    Row("httpx.RemoteProtocolError", "closed connection", IncompleteBody, "body", "sent"),
    Row("requests.ChunkedEncodingError", "", ProtocolError, "body", "sent"),
    # -- the head
    Row("http.BadStatusLine", "", ProtocolError, "head", "sent"),
    Row("http.LineTooLong", "", ProtocolError, "head", "sent"),
    Row("http.UnknownProtocol", "", ProtocolError, "head", "sent"),
    Row("http.HTTPException", "got more than", ProtocolError, "head", "sent"),
    Row("builtins.ValueError", "Exceeds the limit", ProtocolError, "head", "sent"),  # a length of many digits, to h11
    Row("urllib3.InvalidHeader", "", ProtocolError, "head", "sent"),
    Row("httpx.RemoteProtocolError", "", ProtocolError, "head", "sent"),
    # -- the rest of what the operating system says, and libraries without it
    Row("builtins.OSError", "Could not find", InvalidRequest, "tls", "not_sent"),  # a CA file, to requests
    Row("builtins.OSError", "", ConnectionError, "wait", "maybe_sent"),
    Row("httpx.ReadError", "", Disconnected, "wait", "maybe_sent"),
    Row("httpx.WriteError", "", Disconnected, "send", "maybe_sent"),
    Row("httpx.NetworkError", "", ConnectionError, "wait", "maybe_sent"),
    Row("requests.ConnectionError", "", ConnectionError, "connect", "maybe_sent"),
)

#: Where one of these is in the chain, connecting failed, whatever the row: nothing was sent.
_CONNECTING = frozenset({"httpx.ConnectError", "urllib3.NewConnectionError", "urllib3.ConnectTimeoutError"})

#: Their exceptions may derive from OSError and ValueError without being what these are.
_LIBRARIES = frozenset({"requests", "urllib3", "httpx", "httpcore", "http", "ssl"})

_MOST = 32  # no library nests its exceptions so deep


def call(exchange: Exchange, function: Callable[[], T]) -> T:
    """Let a library send the exchange's request; what it raises comes out as ours, with what is known about it.

    A connection of ours below the library has its errors said already: there, what is foreign is a bug.
    """
    outer = sys.exc_info()[1]
    try:
        return function()
    except Exception as error:
        if exchange.stream is None:
            _raise(error, outer, exchange)
        restore_cause(error, outer)
        raise


def restore_cause(error: Exception, outer: BaseException | None) -> None:
    """Give an error of ours its cause back, which httpcore takes from all that passes through it (``from None``)."""
    if isinstance(error, Error) and error.__cause__ is None and error.__suppress_context__:
        error.__cause__ = error.__context__ if error.__context__ is not outer else None


def reading(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Let a library read a body; what it raises comes out as ours."""

    def translated(n: int) -> bytes:
        outer = sys.exc_info()[1]
        try:
            return read(n)
        except Exception as error:  # noqa: BLE001 - raised again
            _raise(error, outer)

    return translated


def _raise(error: Exception, outer: BaseException | None, exchange: Exchange | None = None) -> NoReturn:
    restore_cause(error, outer)
    failure = translate(error, outer)
    if failure is None or failure is error:
        raise error
    if failure.__traceback__ is not None:  # ours, raised below the library and wrapped by it
        raise failure from failure.__cause__
    if exchange is not None:
        if type(failure) is ConnectionError and failure.phase == "connect" and exchange.options.proxy is not None:
            failure = _of_the_proxy(failure)
        failure.request = exchange.request
        failure.transport = exchange.transport
    raise failure from error


def _of_the_proxy(failure: ConnectionError) -> ProxyError:
    """What could not be connected to was the proxy, to the library an origin like any other."""
    refused = ProxyError(str(failure), phase="connect", delivery=failure.delivery)
    refused.errno = failure.errno
    return refused


def translate(error: BaseException, outer: BaseException | None = None) -> Error | None:
    """Translate what a library raised; an error of ours in its chain is given as it is, None means a bug.

    Args:
        error: what came out of the library.
        outer: what was being handled already when the library was called; it and what led to it are not looked at.

    >>> failure = translate(ConnectionRefusedError(111, "Connection refused"))
    >>> type(failure).__name__, failure.phase, failure.errno
    ('ConnectionError', 'wait', 111)
    >>> translate(KeyError("x")) is None
    True
    """
    chain = _chain(error, outer)
    ours = next((member for member in chain if isinstance(member, Error)), None)
    if ours is not None:
        return ours
    named = [(member, _names(member)) for member in chain]
    for row in TABLE:
        for member, names in named:
            if row.name in names and row.text in str(member):
                return _failure(row, chain, any(names & _CONNECTING for _, names in named))
    return None


def _failure(row: Row, chain: list[BaseException], connecting: bool) -> Error:
    root = next((member for member in reversed(chain) if str(member)), chain[-1])
    failure = row.kind(
        f"{_WHAT[row.kind]}: {_readable(str(root).strip() or repr(root)):.300}",
        phase=row.phase,
        delivery="not_sent" if connecting else row.delivery,
    )
    if isinstance(failure, ConnectionError):
        failure.errno = next((m.errno for m in reversed(chain) if isinstance(m, OSError) and _is_built_in(m)), None)
    if isinstance(failure, CertificateError):
        failure.verify_code = next((m.verify_code for m in chain if hasattr(m, "verify_code")), None)
    return failure


def _readable(text: str) -> str:
    """Escape what a terminal would obey: http.client quotes the server's status line as it came."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _is_built_in(error: OSError) -> bool:
    """Whether its number is the operating system's: the resolver and OpenSSL have numbers of their own."""
    return type(error).__module__ == "builtins"


_WHAT: dict[type[Error], str] = {
    CertificateError: "the server's certificate was not accepted",
    TLSError: "TLS failed",
    NameResolutionError: "the host name could not be resolved",
    ConnectTimeout: "connecting took longer than its bound",
    ReadTimeout: "the server sent nothing for as long as read allows",
    WriteTimeout: "the server took nothing for as long as the library waits",
    PoolTimeout: "no connection became free in time",
    Timeout: "the exchange took longer than its bound",
    TransportClosed: "the pool was closed by its owner",
    UnsupportedFeature: "the library cannot carry this URL or target, nothing was sent",
    UnsupportedScheme: "the library has no way for this URL",
    ProxyError: "the proxy failed",
    Disconnected: "the connection was lost without a whole answer",
    ConnectionError: "the connection failed",
    IncompleteBody: "the body ended before it was complete",
    ProtocolError: "what the server sent is not HTTP/1.1",
    InvalidRequest: "the library cannot use what it was given",
}


def _chain(error: BaseException, outer: BaseException | None) -> list[BaseException]:
    """The exception and all it names as its reason, from the outside in; each once."""
    chain = [error]
    for member in chain:  # grows while it is walked
        for inner in _reasons(member):
            if inner is not outer and len(chain) < _MOST and all(inner is not known for known in chain):
                chain.append(inner)
    return chain


def _reasons(error: BaseException) -> Iterator[BaseException]:
    context = None if error.__suppress_context__ else error.__context__
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__, context):
        if isinstance(inner, BaseException):
            yield inner


def _names(error: BaseException) -> set[str]:
    packages = [(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__]
    foreign = any(package in _LIBRARIES for package, _ in packages)
    return {f"{package}.{name}" for package, name in packages if not (foreign and package == "builtins")}
