"""aiohttp, through one ClientSession, in a loop of its own."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")


class Aiohttp(Contestant):
    """ClientSession.get and its like; several threads are several tasks here."""

    statement = "import aiohttp"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._library = importlib.import_module("aiohttp")
        self._loop = asyncio.new_event_loop()

    def in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)

    def _session(self, connections: int | None = None) -> Any:
        async def make() -> Any:
            keywords: dict[str, Any] = {} if connections is None else {"limit": connections}
            if self.authorities:
                keywords["ssl"] = ssl.create_default_context(cafile=self.authorities)
            return self._library.ClientSession(connector=self._library.TCPConnector(**keywords))

        return self.in_loop(make())

    def get(self, url: str, connections: int | None = None) -> Callable[[], Awaitable[tuple[int, bytes]]]:
        session = self._session(connections)

        async def get() -> tuple[int, bytes]:
            async with session.get(url) as response:
                return response.status, await response.read()

        return get

    def post(self, url: str, value: object) -> Callable[[], Awaitable[tuple[int, bytes]]]:
        session = self._session()

        async def post() -> tuple[int, bytes]:
            async with session.post(url, json=value) as response:
                return response.status, await response.read()

        return post

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], Awaitable[int]]:
        session = self._session()

        async def download() -> int:
            async with session.get(url) as response:
                async for piece in response.content.iter_chunked(size):
                    take(piece)
                status: int = response.status
                return status

        return download

    def upload(self, url: str, path: str) -> Callable[[], Awaitable[tuple[int, bytes]]]:
        session = self._session()

        async def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123, ASYNC230 - the library reads it in threads
                async with session.put(url, data=file) as response:
                    return response.status, await response.read()

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        session = self._session(connections)

        async def hold() -> None:
            responses = [await session.get(url) for _ in range(connections)]
            release()
            for response in responses:
                await response.read()

        self.in_loop(hold())
        return session


make = Aiohttp
