"""http.client: one connection, kept."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Standard(Contestant):
    """The standard library; it connects again by itself where the server has closed."""

    statement = "import http.client"

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self.authorities)
            return http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context)
        return http.client.HTTPConnection(parts.hostname or "", parts.port)

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:  # noqa: ARG002
        connection, path = self._connection(url), urlsplit(url).path

        def get() -> tuple[int, bytes]:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

        return get

    def get_in_threads(self, url: str, threads: int) -> list[Callable[[], Any]]:
        raise NotImplementedError  # a connection is for one thread

    def post(self, url: str, value: object) -> Callable[[], tuple[int, bytes]]:
        connection, path = self._connection(url), urlsplit(url).path

        def post() -> tuple[int, bytes]:
            connection.request("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()

        return post

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        connection, path = self._connection(url), urlsplit(url).path

        def download() -> int:
            connection.request("GET", path)
            response = connection.getresponse()
            while piece := response.read(size):
                take(piece)
            return response.status

        return download

    def download_into(self, url: str, buffer: bytearray, take: Callable[[Any], None]) -> Callable[[], int]:
        connection, path, view = self._connection(url), urlsplit(url).path, memoryview(buffer)

        def download() -> int:
            connection.request("GET", path)
            response = connection.getresponse()
            while read := response.readinto(buffer):
                take(view[:read])
            return response.status

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        connection, target = self._connection(url), urlsplit(url).path
        fields: Mapping[str, str] = {"Content-Length": str(os.path.getsize(path))}  # noqa: PTH202

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                connection.request("PUT", target, file, fields)
            response = connection.getresponse()
            return response.status, response.read()

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        held = [self._connection(url) for _ in range(connections)]
        for connection in held:
            connection.request("GET", urlsplit(url).path)
        release()
        for connection in held:
            connection.getresponse().read()
        return held


make = Standard
