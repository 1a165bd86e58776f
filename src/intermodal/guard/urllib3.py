"""The seam below urllib3, for urllib3 itself and for requests on top of it.

``HTTPConnectionPool.ConnectionCls`` is urllib3's own hook (its SOCKS support uses it). The connection put
there dials with our dialer, writes our bytes and reads with our reader; urllib3 keeps the pool, decides
which connection is taken, and hands its HTTPResponse to whatever watches above.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPHeaderDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from intermodal.guard.current import current_exchange

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange
    from intermodal.blocking.stream import Stream
    from intermodal.model.options import Limits
    from intermodal.net.route import Key


class _Guarded(HTTPConnection):
    """An HTTPConnection whose bytes are ours; mixed into both of urllib3's classes."""

    _stream: Stream | None = None
    _idle_since = 0.0
    idle_seconds = 60.0

    def connect(self) -> None:
        self._stream = current_exchange.get().dial()
        self.sock = self._stream.sock
        self.is_verified = True  # or not, as was asked for: our dialer decided, and warned

    def request(self, *_: Any, **__: Any) -> None:
        """Write the request that is being carried; urllib3's rendering of it is not looked at."""
        exchange = current_exchange.get()
        if self.sock is None:
            self.connect()
        exchange.stream = self._stream
        exchange.send_request()

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        exchange = current_exchange.get()
        head = exchange.read_head()
        return HTTPResponse(
            body=_ExchangeFile(exchange),
            headers=HTTPHeaderDict(head.headers.pairs),
            status=head.status_code,
            version=10 if head.http_version == "HTTP/1.0" else 11,
            reason=head.reason,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,  # our reader has seen to it
            request_method=exchange.request.method,
            request_url=exchange.request.target,
        )

    def rest(self) -> None:
        """Note that the connection is idle from now on."""
        self._idle_since = time.monotonic()

    @property
    def is_connected(self) -> bool:
        stream = self._stream
        if self.sock is None or stream is None:
            return False
        return time.monotonic() - self._idle_since < self.idle_seconds and stream.quiet()

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            self.sock = None
        super().close()


class _ExchangeFile(io.RawIOBase):
    """The undecoded body as urllib3 expects to read it, for whoever reads urllib3's response itself."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        return self._exchange.read(size) if size else b""

    read1 = read

    def readall(self) -> bytes:
        pieces = []
        while piece := self._exchange.read(65536):
            pieces.append(piece)
        return b"".join(pieces)


class _OnlyLive(HTTPConnectionPool):
    """A pool that holds live connections, and nothing else.

    urllib3 fills a pool with placeholders, puts one on top for each connection it has lost, and connects anew
    where the one on top has died, though live ones lie below. A pool that does not block needs no placeholders.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        pool = self.pool
        while pool is not None and not pool.empty():
            pool.get_nowait()

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn = super()._get_conn(timeout)
        while conn.is_closed and self.pool is not None and not self.pool.empty():
            conn = super()._get_conn(timeout)
        return conn

    def _put_conn(self, conn: Any) -> None:
        if conn is not None and conn.sock is not None:
            super()._put_conn(conn)


def guarded_pool(key: Key, limits: Limits) -> HTTPConnectionPool:
    """Make a urllib3 pool for one key whose connections are guarded."""
    secure = key.scheme == "https"
    base: type[HTTPConnection] = HTTPSConnection if secure else HTTPConnection
    connection = type("GuardedConnection", (_Guarded, base), {"idle_seconds": limits.idle_seconds})
    kind: type[HTTPConnectionPool] = HTTPSConnectionPool if secure else HTTPConnectionPool
    pool_class = type(kind.__name__, (_OnlyLive, kind), {"ConnectionCls": connection})
    shown = key.host.partition("%")[0]  # some versions refuse a zone; it is our dialer that connects
    pool: HTTPConnectionPool = pool_class(
        shown, key.port, maxsize=min(limits.connections, 256), block=False, retries=False
    )
    return pool


def give_back(response: Any, reusable: bool) -> None:
    """Give urllib3 its connection back, closed where it must not serve again."""
    connection = response._connection
    if connection is None:
        return
    if reusable:
        connection.rest()
    else:
        connection.close()
    response.release_conn()
