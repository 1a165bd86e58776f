"""Intermodal: the whole Client, over the transport that is named behind the slash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import intermodal
from bench.contestants.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable


class Intermodal(Verbs):
    """Client.get and its like."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._transport = name.partition("/")[2]
        self.statement = (
            f"import intermodal; intermodal.Client({self._transport!r})"  # loads what carries the transport
        )

    def _client(self, connections: int | None = None) -> intermodal.Client:  # noqa: ARG002 - 100 are kept
        return intermodal.Client(self._transport, verify=self.authorities or True)

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
