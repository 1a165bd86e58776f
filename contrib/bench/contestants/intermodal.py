"""Intermodal: the whole Client, over the transport that is named behind the slash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import intermodal
from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable


class Intermodal(Contestant):
    """Client.get and its like."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._transport = name.partition("/")[2]
        self.statement = (
            f"import intermodal; intermodal.Client({self._transport!r})"  # loads what carries the transport
        )

    def _client(self) -> intermodal.Client:
        return intermodal.Client(self._transport, verify=self.authorities or True)

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:  # noqa: ARG002 - 100 are kept
        client = self._client()

        def get() -> tuple[int, bytes]:
            response = client.get(url)
            return response.status_code, response.content

        return get

    def post(self, url: str, value: object) -> Callable[[], tuple[int, bytes]]:
        client = self._client()

        def post() -> tuple[int, bytes]:
            response = client.post(url, json=value)
            return response.status_code, response.content

        return post

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        client = self._client()

        def download() -> int:
            response = client.get(url, stream=True)
            for piece in response.iter_content(size):
                take(piece)
            return response.status_code

        return download

    def download_into(self, url: str, buffer: bytearray, take: Callable[[Any], None]) -> Callable[[], int]:
        client, view = self._client(), memoryview(buffer)

        def download() -> int:
            response = client.get(url, stream=True)
            raw = response.raw
            while read := raw.readinto(buffer):
                take(view[:read])
            return response.status_code

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        client = self._client()

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                response = client.put(url, data=file)
            return response.status_code, response.content

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        client = self._client()
        responses = [client.get(url, stream=True) for _ in range(connections)]
        release()
        for response in responses:
            response.content  # noqa: B018 - read, which gives the connection back
        return client


make = Intermodal
