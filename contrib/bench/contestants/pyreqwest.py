"""pyreqwest, through one SyncClient."""

from __future__ import annotations

import importlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 256 * 1024


class Pyreqwest(Contestant):
    """SyncClient.get and its like."""

    statement = "import pyreqwest.client"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._library = importlib.import_module("pyreqwest.client")

    def _client(self) -> Any:
        builder = self._library.SyncClientBuilder()
        if self.authorities:
            builder = builder.add_root_certificate_pem(Path(self.authorities).read_bytes())
        return builder.build()

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:  # noqa: ARG002 - no bound
        client = self._client()

        def get() -> tuple[int, bytes]:
            response = client.get(url).build().send()
            return response.status, response.bytes()

        return get

    def post(self, url: str, value: object) -> Callable[[], tuple[int, bytes]]:
        client = self._client()

        def post() -> tuple[int, bytes]:
            response = client.post(url).body_json(value).build().send()
            return response.status, response.bytes()

        return post

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        client = self._client()

        def download() -> int:
            with client.get(url).streamed_read_buffer_limit(size).build_streamed() as response:
                read = response.body_reader.read
                while (piece := read(size)) is not None:
                    take(piece)
                status: int = response.status
                return status

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        client, length = self._client(), str(os.path.getsize(path))  # noqa: PTH202

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                pieces = iter(partial(file.read, PIECE), b"")
                response = client.put(url).header("Content-Length", length).body_stream(pieces).build().send()
            return response.status, response.bytes()

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        client = self._client()
        requests = [client.get(url).streamed_read_buffer_limit(0).build_streamed() for _ in range(connections)]
        responses = [request.__enter__() for request in requests]
        release()
        for request, response in zip(requests, responses, strict=True):
            response.bytes()
            request.__exit__(None, None, None)
        return client


make = Pyreqwest
