"""What a contestant is: a maker of operations, which a job repeats and times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class Contestant:
    """One HTTP client, kept and reused; each method makes an operation. What it does not offer it leaves as it is here.

    An operation does the same work everywhere: it is given the URL with every call, the status and the body come back, and
    the fields of the answer are there for whoever wants them (the README names the one exception). Those of an asynchronous
    library are coroutine functions.
    """

    #: The import that a user writes.
    statement: str

    def __init__(self, name: str) -> None:
        self.name = name
        #: The file of the only certificate that is trusted, where TLS is spoken.
        self.authorities: str | None = None

    def get(self, url: str, connections: int | None = None) -> Callable[[], Any]:
        """GET over a client that keeps so many connections; None leaves that to the library. Gives (status, body)."""
        raise NotImplementedError

    def get_in_threads(self, url: str, threads: int) -> list[Callable[[], Any]]:
        """GET over one client, for so many threads at once."""
        return [self.get(url, threads)] * threads

    def post(self, url: str, value: object) -> Callable[[], Any]:
        """POST of a JSON value. Gives (status, body)."""
        raise NotImplementedError

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], Any]:
        """GET, handing the body on in pieces of so many bytes and keeping none. Gives the status."""
        raise NotImplementedError

    def download_into(self, url: str, buffer: bytearray, take: Callable[[Any], None]) -> Callable[[], Any]:
        """GET, reading the body into one buffer over and over and handing views of it on. Gives the status."""
        raise NotImplementedError

    def upload(self, url: str, path: str) -> Callable[[], Any]:
        """PUT of a file, streamed, its length told. Gives (status, body)."""
        raise NotImplementedError

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        """Use so many connections at once, leave them idle, and give what must be kept for them to stay.

        The URL's body comes after ``release`` was called.
        """
        raise NotImplementedError

    def in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop of an asynchronous contestant."""
        raise NotImplementedError
