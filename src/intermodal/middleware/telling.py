"""Tell what happens: to the logger ``intermodal``, and to the client's listener.

The library never configures logging: its logger has a ``NullHandler``, and whoever wants to read sets a level and a
handler::

    logging.basicConfig()
    logging.getLogger("intermodal").setLevel(logging.DEBUG)

At INFO the log says what was done beyond what was asked for, redirects and retries; at DEBUG also each exchange. Each
record has its :class:`~intermodal.events.Event` as ``record.intermodal``, for loggers that want fields and not lines.

Laws:

- Nothing of this changes a result: a body gives the same bytes, errors and trailers, and has the same methods.
- Each exchange is told once: it begins by ``request`` and ends by ``error``, or by ``head`` and, as soon as the body is
  read to its end, closed, drained or failed, ``body``: at once where it came along with the head. One that is left to
  the garbage collector is told no end, for that may be at work in the middle of anything; nor is the connection after
  a 101, which is the caller's.
- Where nobody listens, none of it is entered: see :func:`wanted`.
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from intermodal.model.bodies import ReadyBody, WholeBody
from intermodal.model.response import AsyncResponse

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

    from intermodal.events import Ending, Kind, Listener
    from intermodal.flow import Flow, Inner
    from intermodal.model.exchange import Address
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

_A = TypeVar("_A", int, memoryview)
_R = TypeVar("_R", bytes, int)

_DEBUG, _INFO, _ERROR = 10, 20, 40

#: What a redirect or a retry tells is about the caller's own request; all else is for whoever looks into it.
_LEVELS = {"redirect": _INFO, "retry": _INFO}


@functools.lru_cache(maxsize=1)
def _open_logger() -> logging.Logger:
    import logging  # noqa: PLC0415 - see _logger

    logger = logging.getLogger("intermodal")
    logger.addHandler(logging.NullHandler())
    return logger


def _logger(level: int) -> logging.Logger | None:
    """Give the logger if anybody wants this level of it.

    Where nobody has imported logging nobody has asked for a log, and nobody is to wait for that import.
    """
    if "logging" not in sys.modules:
        return None
    logger = _open_logger()
    return logger if logger.isEnabledFor(level) else None


def wanted(listener: Listener | None) -> bool:
    """Tell whether anybody wants to know of each exchange, so that ``told`` is to be entered.

    At INFO it is not: redirects and retries are told by a Teller, which looks by itself.

    >>> wanted(None), wanted(print)
    (False, True)
    """
    return listener is not None or _logger(_DEBUG) is not None


def as_listener(given: Listener | None) -> Listener | None:
    """Give a listener back, once it can be one.

    Raises:
        TypeError: it cannot be called, or would have to be awaited, in a call that waits for nothing.
    """
    if given is not None:
        from inspect import iscoroutinefunction  # noqa: PLC0415 - most clients have none

        if not callable(given) or iscoroutinefunction(given):
            raise TypeError(
                f"listener={given!r:.80}: expected a function of one Event, not asynchronous, such as print"
            )
    return given


class Teller:
    """Tells the log and a listener what happens, by kind: ``Call(tell=Teller(listener).tell)``.

    It looks each time whether anybody wants to know, keeps nothing, and may serve any number of calls at once. A listener
    is told, not asked: an exception of its own is logged, and warned of, and changes nothing.

    Args:
        listener: called with each Event; ``print`` will do.

    >>> from intermodal.model.request import Request
    >>> teller = Teller(print)
    >>> teller.tell("redirect", Request("GET", "http://h/a"), status=302, to="http://ann:secret@h/b")
    GET http://h/a: 302, on to http://h/b
    """

    __slots__ = ("_listener",)

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener

    def tell(self, kind: Kind, request: Request, **details: Any) -> None:
        """Tell that something happened to a request; the details are those of the :class:`~intermodal.events.Event`."""
        listener = self._listener
        level = _LEVELS.get(kind, _DEBUG)
        logger = _logger(level)
        if logger is None and listener is None:
            return
        from intermodal.events import Event  # noqa: PLC0415 - only where somebody listens

        event = Event(kind, request, **details)
        if logger is not None:
            logger.log(level, "%s", event, extra={"intermodal": event})
        if listener is not None:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - foreign code, which nothing here is to depend on
                _excuse(listener, error)


def _excuse(listener: Listener, error: Exception) -> None:
    """Say that a listener failed: in the log, with where; and by a warning, which is seen without a log too."""
    text = f"the listener {listener!r:.80} raised {error!r:.200}; the request goes on without it"
    logger = _logger(_ERROR)
    if logger is not None:
        logger.error("%s", text, exc_info=error)
    warnings.warn(text, RuntimeWarning, stacklevel=2)


def told(
    request: Request,
    options: Options,
    inner: Inner,
    *,
    tell: Callable[..., object],
    clock: Callable[[], float] = time.perf_counter,
) -> Flow[BaseResponse]:
    """Send a request, and tell what becomes of it.

    Args:
        request: the request.
        options: what is asked of the exchange.
        inner: what sends it.
        tell: of a :class:`Teller`.
        clock: gives the time in seconds.
    """
    from intermodal.events import failure  # noqa: PLC0415 - only where somebody listens

    tell("request", request)
    began = clock()
    try:
        response = yield from inner(request, options)
    except BaseException as error:
        tell("error", request, seconds=clock() - began, **failure(error))
        raise
    seconds = clock() - began
    exchange = response.exchange
    times = exchange.times
    steps: list[tuple[Kind, float | None, dict[str, str | None]]] = [
        ("resolve", times.resolve, {}),
        ("connect", times.connect, {"peer": _text(exchange.peer_address)}),
        ("proxy", times.proxy, {}),
        ("tls", times.tls, {"tls_version": exchange.tls_version}),
    ]
    for kind, took, details in steps:
        if took is not None:
            tell(kind, request, seconds=took, **details)
    tell(
        "head",
        request,
        seconds=seconds,
        status=response.status_code,
        reason=response.reason,
        http_version=response.http_version,
        reused=exchange.reused,
    )
    if response.upgraded is None:
        _follow(response, _length(request, response), functools.partial(tell, "body", request), clock)
    return response


def _follow(
    response: BaseResponse, length: int | None, tell: Callable[..., object], clock: Callable[[], float]
) -> None:
    """Tell the end of a response's body, now or when it comes."""
    body = response._body
    if isinstance(body, WholeBody | ReadyBody):
        tell(seconds=0.0, size=len(body if isinstance(body, WholeBody) else body._content), ending="read")
        return
    if isinstance(body, _Followed):  # a double that gives the same response twice
        body = body._body
    followed = _AsyncFollowed if isinstance(response, AsyncResponse) else _BlockingFollowed
    response._body = followed(body, length, tell, clock)


def _text(address: Address | None) -> str | None:
    return address if address is None or isinstance(address, str) else f"{address[0]} port {address[1]}"


def _length(request: Request, response: BaseResponse) -> int | None:
    """Give how long a body is to be, where the head tells (RFC 9112 section 6.3)."""
    if request.method == "HEAD" or response.status_code in {204, 304}:
        return 0
    given = response.headers.get_list("content-length")
    counts = len(given) == 1 and given[0].isdecimal() and len(given[0]) < 20
    return int(given[0]) if counts and "transfer-encoding" not in response.headers else None


class _Followed:
    """A body that passes everything on to the one it stands for, counts, and tells its end once.

    ``fill``, ``readinto``, ``drain``, ``trailers`` and whatever else there may be are there if they are there below. None
    of it is kept here: a circle of references would keep the connection of a response that is dropped.
    """

    __slots__ = ("_began", "_body", "_clock", "_length", "_size", "_tell", "_untold")

    def __init__(self, body: Any, length: int | None, tell: Callable[..., object], clock: Callable[[], float]) -> None:
        self._body = body
        self._length = length
        self._tell = tell
        self._clock = clock
        self._began = clock()
        self._size = 0
        self._untold = [True]  # taken by one thread only, whichever reads or closes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._body, name)
        if name in {"fill", "readinto"}:
            return functools.partial(self._counted, found)
        return functools.partial(self._drained, found) if name == "drain" else found

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self._body,)

    def _counted(self, read: Any, wanted: Any) -> Any:
        raise NotImplementedError

    def _drained(self, drain: Any, limit: int, seconds: float) -> Any:
        raise NotImplementedError

    def _came(self, got: bytes | int, wanted: int | memoryview) -> None:
        if got:
            self._size += got if isinstance(got, int) else len(got)
        elif wanted:
            self._end("read")

    def _left(self, data: bytes | None) -> None:
        """Note what draining has given: all that was left, or None."""
        self._size += len(data or b"")
        self._end("drained" if data is None else "read")

    def _end(self, ending: Ending, error: BaseException | None = None) -> None:
        try:
            self._untold.pop()
        except IndexError:
            return
        from intermodal.events import failure  # noqa: PLC0415 - only where somebody listens

        size = None if ending == "drained" else self._size
        details = {} if error is None else failure(error)
        self._tell(seconds=self._clock() - self._began, size=size, ending=ending, **details)

    def _ending(self) -> Ending:
        """Give how a body ends that is closed now: many a reader knows the length, and asks for no byte beyond it."""
        is_read = self._size == self._length or getattr(self._body, "trailers", None) is not None
        return "read" if is_read else "closed"


def _itself(body: object) -> object:
    """Copy and pickle the body that was followed; whoever gets it follows nothing."""
    return body


class _BlockingFollowed(_Followed):
    __slots__ = ()

    def read(self, n: int, /) -> bytes:
        data: bytes = self._counted(self._body.read, n)
        return data

    def close(self) -> None:
        ending = self._ending()
        try:
            self._body.close()
        finally:
            self._end(ending)

    def _counted(self, read: Callable[[_A], _R], wanted: _A) -> _R:
        try:
            got = read(wanted)
        except BaseException as error:
            self._end("failed", error)
            raise
        self._came(got, wanted)
        return got

    def _drained(self, drain: Callable[[int, float], bytes | None], limit: int, seconds: float) -> bytes | None:
        data = None
        try:
            data = drain(limit, seconds)
        finally:
            self._left(data)
        return data


class _AsyncFollowed(_Followed):
    __slots__ = ()

    async def read(self, n: int, /) -> bytes:
        data: bytes = await self._counted(self._body.read, n)
        return data

    async def aclose(self) -> None:
        ending = self._ending()
        try:
            await self._body.aclose()
        finally:
            self._end(ending)

    async def _counted(self, read: Callable[[_A], Awaitable[_R]], wanted: _A) -> _R:
        try:
            got = await read(wanted)
        except BaseException as error:
            self._end("failed", error)
            raise
        self._came(got, wanted)
        return got

    async def _drained(
        self, drain: Callable[[int, float], Awaitable[bytes | None]], limit: int, seconds: float
    ) -> bytes | None:
        data = None
        try:
            data = await drain(limit, seconds)
        finally:
            self._left(data)
        return data
