"""pycurl: one handle, kept; "+headers" collects the fields of the answer as well, as every other client does."""

from __future__ import annotations

import importlib
import json
import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable


class Pycurl(Contestant):
    """An easy handle, as in the documentation's quick start."""

    statement = "import pycurl"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._library = importlib.import_module("pycurl")
        self._with_headers = name.endswith("+headers")

    def _handle(self) -> Any:
        handle = self._library.Curl()
        if self.authorities:
            handle.setopt(self._library.CAINFO, self.authorities)
        return handle

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:  # noqa: ARG002
        return self._exchange(self._handle(), url)

    def get_in_threads(self, url: str, threads: int) -> list[Callable[[], Any]]:
        raise NotImplementedError  # a handle is for one thread

    def _exchange(self, handle: Any, url: str) -> Callable[[], tuple[int, bytes]]:
        set_url, write_to, head_to = self._library.URL, self._library.WRITEDATA, self._library.HEADERFUNCTION
        code, with_headers = self._library.RESPONSE_CODE, self._with_headers

        def exchange() -> tuple[int, bytes]:
            body = BytesIO()
            handle.setopt(set_url, url)
            handle.setopt(write_to, body)
            if with_headers:
                fields: list[bytes] = []
                handle.setopt(head_to, fields.append)
            handle.perform()
            return handle.getinfo(code), body.getvalue()

        return exchange

    def post(self, url: str, value: object) -> Callable[[], tuple[int, bytes]]:
        handle = self._handle()
        handle.setopt(self._library.HTTPHEADER, ["Content-Type: application/json"])
        exchange = self._exchange(handle, url)
        fields = self._library.POSTFIELDS

        def post() -> tuple[int, bytes]:
            handle.setopt(fields, json.dumps(value))
            return exchange()

        return post

    def download(self, url: str, size: int, take: Callable[[Any], None]) -> Callable[[], int]:
        handle = self._handle()
        handle.setopt(self._library.BUFFERSIZE, size)
        handle.setopt(self._library.WRITEFUNCTION, take)

        def download() -> int:
            handle.setopt(self._library.URL, url)
            handle.perform()
            status: int = handle.getinfo(self._library.RESPONSE_CODE)
            return status

        return download

    def upload(self, url: str, path: str) -> Callable[[], tuple[int, bytes]]:
        handle = self._handle()
        handle.setopt(self._library.UPLOAD, 1)
        handle.setopt(self._library.UPLOAD_BUFFERSIZE, 256 * 1024)
        exchange = self._exchange(handle, url)

        def upload() -> tuple[int, bytes]:
            with open(path, "rb") as file:  # noqa: PTH123
                handle.setopt(self._library.INFILESIZE_LARGE, os.path.getsize(path))  # noqa: PTH202
                handle.setopt(self._library.READDATA, file)
                return exchange()

        return upload

    def hold(self, url: str, connections: int, release: Callable[[], None]) -> object:
        release()  # a handle reads its answer to the end, and has a connection of its own anyway
        handles = [self._handle() for _ in range(connections)]
        for handle in handles:
            self._exchange(handle, url)()
        return handles


make = Pycurl
