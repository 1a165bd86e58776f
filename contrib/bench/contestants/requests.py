"""requests, and niquests which shares its interface, through one Session."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bench.contestants.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable


class Requests(Verbs):
    """Session.get and its like."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.statement = f"import {name}"
        self._library = importlib.import_module(name)

    def _client(self, connections: int | None = None) -> Any:
        session = self._library.Session()
        session.verify = self.authorities or True
        if connections is not None:
            session.mount("http://", self._library.adapters.HTTPAdapter(pool_maxsize=connections))
        return session

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        session = self._client()

        def download() -> int:
            response = session.get(url, stream=True)
            for piece in response.iter_content(size):
                take(piece)
            status: int = response.status_code
            return status

        return download

    def download_into(self, url: str, buffer: bytearray, take: Callable[[Any], None]) -> Callable[[], int]:
        session, view = self._client(), memoryview(buffer)

        def download() -> int:
            response = session.get(url, stream=True)
            while read := response.raw.readinto(buffer):
                take(view[:read])
            status: int = response.status_code
            response.close()
            return status

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        session = self._client()

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                response = session.put(url, data=file)
            return response.status_code, response.content

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        session = self._client(connections)
        responses = [session.get(url, stream=True) for _ in range(connections)]
        release()
        for response in responses:
            response.content  # noqa: B018 - read, which gives the connection back
        return session


make = Requests
