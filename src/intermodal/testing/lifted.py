"""An asynchronous transport as a blocking one, so that whatever is written for the one colour serves both."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from intermodal.model.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from intermodal.model.headers import Headers
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import AsyncResponse
    from intermodal.protocol import AsyncTransport, TransportInfo

__all__ = ["Lifted"]

R = TypeVar("R")

#: Seconds that the end of a loop may take.
_PATIENCE: Final = 1.0


class Lifted:
    """Runs an asynchronous transport on an event loop in a thread of its own; a :class:`~intermodal.protocol.Transport`.

    Sent from many threads at once, the exchanges are tasks of that one loop. Whatever the transport raises, foreign
    exceptions too, leaves as it is.

    Args:
        make: makes the transport; called on the loop.

    >>> from intermodal.model.options import Options
    >>> from intermodal.model.request import Request
    >>> from intermodal.testing import MockTransport
    >>> with Lifted(lambda: MockTransport("hello")) as lifted:
    ...     lifted.send(Request("GET", "http://any.test/"), Options()).content
    b'hello'
    """

    def __init__(self, make: Callable[[], AsyncTransport]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lifted", daemon=True)
        self._thread.start()
        self._ended = False

        async def made() -> AsyncTransport:  # it may need the loop that it is made on
            return make()

        try:
            #: The transport itself.
            self.transport = self.run(made())
        except BaseException:
            self.end()
            raise

    @property
    def info(self) -> TransportInfo:
        return self.transport.info

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the transport's loop, and give its result.

        Raises:
            RuntimeError: the loop has ended.
        """
        if self._ended:
            coroutine.close()
            raise RuntimeError("this Lifted has ended: make another one")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def send(self, request: Request, options: Options, /) -> Response:
        """Send one request and return at the end of the response's head."""
        came = self.run(self.transport.asend(request, options))
        response = Response(
            came.status_code,
            came.headers,
            _Body(self, came),
            reason=came.reason,
            http_version=came.http_version,
            request=came.request,
            informational=came.informational,
            upgraded=came.upgraded,
        )
        response._exchange = came._exchange  # what tells it tells it when it is asked
        return response

    def close(self) -> None:
        """Close the transport; its loop goes on for those who call it once more."""
        self.run(self.transport.aclose())

    def end(self) -> None:
        """End the loop and its thread, and whatever still runs there; idempotent."""
        if self._ended:
            return
        self._ended = True
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._loop.stop)
        )
        self._thread.join(_PATIENCE)
        if not self._thread.is_alive():
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            self.end()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_PATIENCE / 2)  # a task may refuse to be cancelled


class _Body:
    """The body of an asynchronous response, waited for."""

    def __init__(self, lifted: Lifted, response: AsyncResponse) -> None:
        self._lifted = lifted
        self._response = response

    def read(self, n: int, /) -> bytes:
        return self._lifted.run(self._response._body.read(n))

    @property
    def trailers(self) -> Headers | None:
        return self._response.trailers

    def close(self) -> None:
        self._lifted.run(self._response.aclose())
