"""urllib3, through one PoolManager."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import urllib3

from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable


class Urllib3(Contestant):
    """PoolManager.request."""

    statement = "import urllib3"

    def _pool(self, connections: int | None = None) -> urllib3.PoolManager:
        keywords: dict[str, Any] = {} if connections is None else {"maxsize": connections}
        return urllib3.PoolManager(ca_certs=self.authorities, **keywords)

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:
        pool = self._pool(connections)

        def get() -> tuple[int, bytes]:
            response = pool.request("GET", url)
            return response.status, response.data

        return get

    def post(self, url: str, value: object) -> Callable[[], tuple[int, bytes]]:
        pool = self._pool()

        def post() -> tuple[int, bytes]:
            response = pool.request("POST", url, json=value)
            return response.status, response.data

        return post

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        pool = self._pool()

        def download() -> int:
            response = pool.request("GET", url, preload_content=False)
            for piece in response.stream(size):
                take(piece)
            response.release_conn()
            return response.status

        return download

    def download_into(self, url: str, buffer: bytearray, take: Callable[[Any], None]) -> Callable[[], int]:
        pool, view = self._pool(), memoryview(buffer)

        def download() -> int:
            response = pool.request("GET", url, preload_content=False)
            while read := response.readinto(buffer):
                take(view[:read])
            response.release_conn()
            return response.status

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        pool, fields = self._pool(), {"Content-Length": str(os.path.getsize(path))}  # noqa: PTH202

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                response = pool.request("PUT", url, body=file, headers=fields)
            return response.status, response.data

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        pool = self._pool(connections)
        responses = [pool.request("GET", url, preload_content=False) for _ in range(connections)]
        release()
        for response in responses:
            response.read()
            response.release_conn()
        return pool


make = Urllib3
