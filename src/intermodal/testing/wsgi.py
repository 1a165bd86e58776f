"""A transport that calls a WSGI application (PEP 3333) in this process, so that a test needs no server.

Laws:

- What PEP 3333 asks of a server holds: no head before the first piece that is not empty, ``close()`` of the iterable
  once and always, no piece taken before it is asked for.
- Nothing runs beside the caller: the application works in the thread that sends, then in the one that reads, and sees
  its context variables. So nothing can interrupt it either.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

from intermodal._version import __version__
from intermodal.errors import Error, ReadTimeout, ResponseError, TransportClosed
from intermodal.model.response import Response
from intermodal.protocol import Guarantee, TransportInfo, refuse_unsupported
from intermodal.testing.application import (
    CAPABILITIES,
    FAILED,
    FAILED_FIELDS,
    Call,
    Fault,
    below,
    closed,
    is_mount,
    split_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from intermodal.model.headers import Headers
    from intermodal.model.options import Options
    from intermodal.model.request import Request

__all__ = ["WSGITransport"]

T = TypeVar("T")

_INFO: Final = TransportInfo("wsgi", __version__, CAPABILITIES, Guarantee.DELIVERY)
_END: Final[Any] = object()


class WSGITransport:
    """Calls a WSGI application in this process: a :class:`~intermodal.protocol.Transport` without a socket.

    The response is streamed: ``send`` returns when the application has called ``start_response`` and given the first
    piece of its body that is not empty; the rest is pulled as the body is read, but for what it gives by ``write()``,
    which is kept until then. The request's body is read as the application reads ``wsgi.input``.

    There is no TLS: an https URL sets ``wsgi.url_scheme``, and what is said about certificates concerns nobody. Nothing
    can interrupt an application in its caller's thread: a ``total`` timeout is refused, and a ``read`` timeout or the
    closing of the transport is noticed when the application comes back (under a debugger, give ``timeout=None``).

    Args:
        app: the application.
        raise_app_exceptions: whether what the application raises, or gives against PEP 3333, leaves as an error; else
            it is logged, and becomes what it would over a server: a 500, or a body that is cut off.
        script_name: where the application is mounted, for example ``"/shop"``: ``SCRIPT_NAME``. URLs include it.
        remote_addr: the client's address and port: ``REMOTE_ADDR`` and ``REMOTE_PORT``.

    Raises:
        TypeError: what is given is no application.
        ValueError: ``script_name`` does not begin with ``"/"``, or ends with one.

    >>> from intermodal import Client
    >>> def app(environ, start_response):
    ...     start_response("200 OK", [("Content-Type", "text/plain")])
    ...     return [f"Hello {environ['PATH_INFO']}".encode()]
    >>> Client(WSGITransport(app)).get("http://app.test/you").text
    'Hello /you'
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        raise_app_exceptions: bool = True,
        script_name: str = "",
        remote_addr: tuple[str, int] = ("127.0.0.1", 123),
    ) -> None:
        if not callable(app):
            raise TypeError(
                f"WSGITransport was given {app!r:.60}: expected a WSGI application, app(environ, start_response)"
            )
        if not is_mount(script_name):
            raise ValueError(
                f"script_name={script_name!r:.60}: expected a path such as '/shop', without '/' at its end"
            )
        self._app = app
        self._shows = raise_app_exceptions
        self._mount = script_name.encode().decode("latin-1")
        self._client = remote_addr
        self._closed = False
        #: The exchanges whose application is at work.
        self._waiting: set[_Exchange] = set()

    @property
    def info(self) -> TransportInfo:
        return _INFO

    def send(self, request: Request, options: Options, /) -> Response:
        """Call the application, and return when its response has begun."""
        if self._closed:
            raise closed(request, "wsgi")
        refuse_unsupported(request, options, _INFO)
        environ = self._environ(request)
        call = Call(request, "wsgi", shows=self._shows)
        exchange = _Exchange(call, options.timeouts.read, self._waiting)
        environ["wsgi.input"] = io.BufferedReader(_Input(exchange))
        return exchange.begin(self._app, environ)

    def close(self) -> None:
        """Refuse whatever is sent from now on.

        What waits for the application ends with ``TransportClosed`` when that comes back; a response that nobody waits
        for at this moment can be read to its end.
        """
        self._closed = True
        for exchange in tuple(self._waiting):
            exchange.interrupted = True

    def _environ(self, request: Request) -> dict[str, Any]:
        url = request.url
        raw_path, query = split_target(request)
        # PEP 3333: text whose characters are the bytes of the path. RFC 3875 section 4.1.5 knows no path but one from "/".
        path = "" if raw_path == "*" else unquote_to_bytes(raw_path).decode("latin-1")
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": self._mount,
            "PATH_INFO": below(path, self._mount, request, "wsgi") if path else "",
            "QUERY_STRING": query,
            "REQUEST_URI": request.target,
            "RAW_URI": request.target,
            "SERVER_NAME": url.host,
            "SERVER_PORT": str(url.port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self._client[0],
            "REMOTE_PORT": str(self._client[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,  # it ends where the body does, also where no length was told
        }
        for name, value in request.headers.pairs:
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            # RFC 9110 section 5.3 joins lines of one field by commas, RFC 6265 section 5.4 cookies by semicolons.
            joint = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
        return environ


class _Input(io.RawIOBase):
    """The request's body as a file that, as behind a server, can be read only once and has no position."""

    def __init__(self, exchange: _Exchange) -> None:
        super().__init__()
        self._exchange = exchange
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(self._exchange.upload())
        piece = self._rest[: len(buffer)]
        buffer[: len(piece)] = piece
        self._rest = self._rest[len(piece) :]
        return len(piece)


class _Exchange:
    """A request in the hands of an application; also the body of its response."""

    #: Whether another thread has closed the transport, or the response, while the application was at work.
    interrupted = False
    #: Whether that was the response, and whoever has let the application work is to give it up.
    _left = False

    def __init__(self, call: Call, read_timeout: float | None, waiting: set[_Exchange]) -> None:
        self._call = call
        self._read_timeout = read_timeout
        self._waiting = waiting
        self._began = 0.0
        self._head: tuple[int, str, Headers] | None = None
        self._sent = False
        #: What the application returned, until it was closed; its iterator.
        self._result: Any = None
        self._iterator: Iterator[Any] = iter(())
        #: What it has given and nobody has read: whole pieces, and what is left of one.
        self._pieces: deque[bytes] = deque()
        self._rest = memoryview(b"")
        self._fault: Fault | None = None
        self._failure: Error | None = None
        self._over = False
        #: Held by whoever lets the application work, or gives it up.
        self._lock = threading.Lock()

    # --- called by the application ------------------------------------------------------------------------------------

    def upload(self) -> bytes:
        """Give a piece of the request's body; the time that the caller takes for it is not the application's."""
        piece = self._call.upload()
        self._began = time.monotonic()
        return piece

    def start_response(self, status: Any, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], None]:
        call = self._call
        if exc_info is not None:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a cycle through the traceback, as PEP 3333 warns
        elif self._head is not None:
            raise call.blame_head("called start_response a second time without exc_info (PEP 3333)")
        if not isinstance(status, str):
            raise call.blame_head(
                f"gave the status {status!r:.60}, a {type(status).__name__}: expected a str such as '200 OK'"
            )
        number, _, reason = status.partition(" ")
        if not (len(number) == 3 and number.isascii() and number.isdigit()):
            raise call.blame_head(
                f"gave the status {status!r:.60}: expected three digits and a reason, such as '200 OK'"
            )
        if not isinstance(headers, list) or not all(_is_field(field) for field in headers):
            raise call.blame_head(
                f"gave the headers {headers!r:.120}: expected a list of (name, value), both str (PEP 3333)"
            )
        self._head = int(number), reason, call.judge(int(number), reason, headers)
        return self._write

    def _write(self, piece: bytes, /) -> None:
        self._take(piece, "wrote")

    def _take(self, piece: Any, how: str) -> None:
        if not isinstance(piece, bytes):
            raise self._call.blame(
                f"{how} {piece!r:.60}, a {type(piece).__name__}, as a piece of its body: expected bytes"
            )
        if not piece:
            return
        if self._head is None:
            raise self._call.blame("gave a piece of its body before it called start_response")
        self._sent = True
        self._call.delivery = "sent"
        self._pieces.append(piece)

    # --- called by the caller -----------------------------------------------------------------------------------------

    def begin(self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Response:
        """Let the application work until its response has begun."""
        call = self._call
        call.delivery = "maybe_sent"
        try:
            self._work(lambda: self._open(app(environ, self.start_response)))
            while not self._pieces and self._pull():
                pass
            if self._head is None:
                raise Fault(call.blame("returned without calling start_response"))
        except Fault as fault:
            given = tuple(self._pieces)
            self._end(quiet=True)
            if call.shows:
                raise fault.error from fault.error.__cause__
            if not self._sent:
                call.log(fault)
                content = FAILED if call.request.method != "HEAD" else b""
                return Response(500, FAILED_FIELDS, content, reason="Internal Server Error", request=call.request)
            self._fault = fault  # behind what was given by write()
            self._pieces.extend(given)
        except BaseException:
            self._end(quiet=True)
            raise
        assert self._head is not None
        self._sent = True
        call.phase, call.delivery = "body", "sent"
        status, reason, headers = self._head
        response = Response(status, headers, self, reason=reason, request=call.request)
        if not call.has_content:
            self._pieces.clear()
            self._over = True
            self._end()  # what it still has to give, no client would see
        return response

    def _open(self, result: Any) -> None:
        self._result = result
        if isinstance(result, str | bytes) or not hasattr(result, "__iter__"):
            raise self._call.blame(
                f"returned {result!r:.60}, a {type(result).__name__}: expected an iterable of bytes, such as a list"
            )
        self._iterator = iter(result)

    def _pull(self) -> bool:
        """Take the next piece; False where there is none."""

        def step() -> bool:
            piece = next(self._iterator, _END)
            if piece is not _END:
                self._take(piece, "gave")
            return piece is not _END

        return self._work(step)

    def _work(self, step: Callable[[], T]) -> T:
        """Let the application work, and say what it means where that fails, or took too long."""
        call, bound = self._call, self._read_timeout
        self._began = time.monotonic()
        self._waiting.add(self)
        try:
            result = step()
        except Exception as error:  # noqa: BLE001 - raised again as what it means
            call.raised(error)
        finally:
            self._waiting.discard(self)
        if call.failure is not None:  # and the application has made an answer of it
            raise call.failure
        if self.interrupted:
            raise call.told(TransportClosed("the transport or the response was closed while the application worked"))
        if bound is not None and time.monotonic() - self._began > bound:
            raise call.told(ReadTimeout(f"the application gave nothing for read={bound} s"))
        return result

    def read(self, n: int, /) -> bytes:
        """Give at most ``n`` bytes of the body, ``b""`` at its end."""
        try:
            with self._lock:
                try:
                    return self._read(n)
                except Fault as fault:
                    self._failure = self._call.cut(fault)
                    raise self._failure from self._failure.__cause__
                except Error as error:
                    self._failure = error
                    raise
        except BaseException:
            self._end(quiet=True)
            raise
        finally:
            if self._left:
                self._end(quiet=True)

    def _read(self, n: int) -> bytes:
        if self._failure is not None:
            raise self._failure
        while not self._rest:
            if self._over:
                return b""
            if self._pieces:
                self._rest = memoryview(self._call.accept(self._pieces.popleft()))
            elif self._fault is not None:
                raise self._fault
            elif self._call.excess or not self._pull():
                self._call.complete()
                self._over = True
                self._give_up(quiet=False)
        data = bytes(self._rest[:n])
        self._rest = self._rest[len(data) :]
        return data

    def close(self) -> None:
        if not self._over and self._failure is None:
            self._failure = ResponseError(
                "the response was closed before its body was read to the end", request=self._call.request
            )
        self._end()

    def _end(self, *, quiet: bool = False) -> None:
        """Be done with the application; where another thread lets it work just now, that one is told to be."""
        if not self._lock.acquire(blocking=False):
            self.interrupted = self._left = True
            return
        try:
            self._give_up(quiet=quiet)
        finally:
            self._lock.release()

    def _give_up(self, *, quiet: bool) -> None:
        result, self._result = self._result, None
        self._rest = memoryview(b"")
        self._pieces.clear()
        self._call.leave()
        close = getattr(result, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:
            fault = self._call.fault(error)
            if not quiet and self._call.shows:
                raise fault.error from error
            self._call.log(fault)

    def __del__(self) -> None:
        self._end(quiet=True)


def _is_field(field: Any) -> bool:
    return isinstance(field, tuple) and len(field) == 2 and all(isinstance(part, str) for part in field)
