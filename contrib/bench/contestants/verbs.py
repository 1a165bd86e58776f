"""What the libraries have in common that requests has taught their verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.contestants.contestant import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable


class Verbs(Contestant):
    """``get`` and ``post`` of a client or session, whose answers have ``status_code`` and ``content``."""

    def _client(self, connections: int | None = None) -> Any:
        """Make the client, which keeps so many connections; None leaves that to the library."""
        raise NotImplementedError

    def get(self, url: str, connections: int | None = None) -> Callable[[], tuple[int, bytes]]:
        client = self._client(connections)

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
