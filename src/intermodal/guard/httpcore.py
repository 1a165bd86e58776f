"""The seam below httpx: a NetworkBackend, which httpcore documents for this use.

``GuardStream`` stands between httpcore's HTTP/1.1 connection and the socket: writes go out as they are,
and what h11 gets to parse is a response that our reader has read first, framed again in the one way that
leaves nothing to interpret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.guard.current import current_exchange

if TYPE_CHECKING:
    from types import ModuleType

    from intermodal.blocking.exchange import Exchange
    from intermodal.blocking.stream import Stream
    from intermodal.h1.head import ResponseHead

_LAST_CHUNK = b"0\r\n\r\n"


def network_backend(httpcore: ModuleType) -> Any:
    """Make a NetworkBackend whose streams are guarded, out of the given httpcore."""

    class GuardStream(httpcore.NetworkStream):  # type: ignore[name-defined, misc]
        """One connection, as httpcore sees it."""

        def __init__(self, stream: Stream) -> None:
            self._stream = stream
            self._exchange: Exchange | None = None
            self._reframe = _Reframe()
            self._kept = b""

        def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - ours bounds it
            if not buffer:
                return
            exchange = current_exchange.get()
            if exchange is not self._exchange:
                if self._exchange is not None and not self._exchange.reusable:
                    # httpcore may hand a connection out between our saying that it is of no use and its asking.
                    self._stream.close()
                    self._stream = exchange.dial()
                self._exchange = exchange
                self._reframe = _Reframe()
                exchange.stream = self._stream
                exchange.phase = "send"
                if exchange.prepared.whole and exchange.request.body is not None:
                    self._kept = buffer  # a small body goes out together with its head
                    return
                goes_on = exchange.write(buffer) and (not exchange.prepared.expecting or exchange.is_wanted())
            elif self._kept:
                buffer, self._kept = self._kept + buffer, b""
                goes_on = exchange.write(buffer)
            else:
                if buffer == _LAST_CHUNK and exchange.chunked:
                    exchange.others = iter(())
                goes_on = exchange.send_piece(buffer)
            if not goes_on:
                raise httpcore.WriteError("the peer takes no more")  # httpcore then reads what it has answered

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - ours bounds it
            exchange = self._exchange
            assert exchange is not None, "httpcore writes before it reads"
            if exchange.head is None:
                exchange.phase = "wait"
                head = self._reframe.head(exchange.read_head(), exchange.reader.stays_open)
                # What is here already goes along, which spares h11 a round of its own.
                is_here = exchange.upload is None and exchange.reader.is_here
                return head + exchange.read(max_bytes) if is_here else head
            if self._reframe.ended:
                raise httpcore.ReadError("this response was read to its end: there is nothing more to read")
            return self._reframe.body(exchange.read(max_bytes))

        def close(self) -> None:
            if self._exchange is not None:
                self._exchange.end_upload()  # which h11 does not know of
            self._stream.close()

        def start_tls(self, *_: Any, **__: Any) -> GuardStream:
            return self  # our dialer has done it

        def get_extra_info(self, info: str) -> Any:
            if info == "is_readable":  # httpcore's question whether an idle connection is of no use any more
                exchange = self._exchange
                return (exchange is not None and not exchange.reusable) or not self._stream.quiet()
            sock = self._stream.sock
            if info == "ssl_object":
                return sock if hasattr(sock, "selected_alpn_protocol") else None
            if info == "socket":
                return sock
            if info == "client_addr":
                return sock.getsockname()
            return sock.getpeername() if info == "server_addr" else None

    class GuardBackend(httpcore.NetworkBackend):  # type: ignore[name-defined, misc]
        """Opens connections with our dialer, to where the current exchange goes."""

        def connect_tcp(self, *_: Any, **__: Any) -> GuardStream:
            return GuardStream(current_exchange.get().dial())

    return GuardBackend()


class _Reframe:
    """A response that was read already, in the shape that leaves a parser no choice."""

    def __init__(self) -> None:
        self._chunked = False
        self.ended = False

    def head(self, head: ResponseHead, stays_open: bool) -> bytes:
        lines = [f"{head.http_version} {head.status_code} {head.reason}"]
        length = None
        for name, value in head.headers.pairs:
            lowered = name.lower()
            if lowered == "transfer-encoding":
                self._chunked = True
            elif lowered == "content-length":
                length = value.partition(",")[0].strip()
            else:
                lines.append(f"{name}: {value}")
        # One framing field at most, even where the server sent both or several (RFC 9112 section 6.3).
        if self._chunked:
            lines.append("Transfer-Encoding: chunked")
        elif length is not None:
            lines.append(f"Content-Length: {length}")
        if not stays_open and head.status_code != 101:
            lines.append("Connection: close")  # or h11 takes a connection that we will not use again for an idle one
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def body(self, data: bytes) -> bytes:
        self.ended = not data
        if not self._chunked:
            return data
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b"0\r\n\r\n"
