"""httpx, and httpx2 which shares its interface, through one Client."""

from __future__ import annotations

import importlib
import ssl
from typing import TYPE_CHECKING, Any

from bench.contestants.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable


class Httpx(Verbs):
    """Client.get and its like."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.statement = f"import {name}"
        self._library = importlib.import_module(name)

    def _client(self, connections: int | None = None) -> Any:
        keywords: dict[str, Any] = {}
        if self.authorities:
            keywords["verify"] = ssl.create_default_context(cafile=self.authorities)
        if connections is not None:
            keywords["limits"] = self._library.Limits(
                max_connections=connections, max_keepalive_connections=connections
            )
        return self._library.Client(**keywords)

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        client = self._client()

        def download() -> int:
            with client.stream("GET", url) as response:
                for piece in response.iter_bytes(size):
                    take(piece)
                status: int = response.status_code
                return status

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        client = self._client()

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                response = client.put(url, content=file)
            return response.status_code, response.content

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        client = self._client(connections)
        responses = [client.send(client.build_request("GET", url), stream=True) for _ in range(connections)]
        release()
        for response in responses:
            response.read()
        return client


make = Httpx
