"""An SDK for a small web API that lets its user choose the transport, and leaks no HTTP library's type.

What crosses its border is its own: ``Book``, ``BookshopError``, and ``transport``, which is a name such as
``"httpx"``, an Intermodal transport, or nothing. A user who swaps the HTTP library changes one argument; a
test passes a ``MockTransport``. Try it:

    python sdk.py http://127.0.0.1:8000 --transport requests
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

import intermodal

if TYPE_CHECKING:
    from collections.abc import Iterator


class BookshopError(Exception):
    """The one error of this SDK; ``retry`` tells whether the same call may simply be made again."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


@dataclass(frozen=True)
class Book:
    """A book as the API knows it."""

    id: int
    title: str


class Bookshop:
    """The API's client."""

    def __init__(self, url: str, transport: str | intermodal.Transport | None = None) -> None:
        self._http = intermodal.Client(transport, base_url=url, timeout=(3, 10))

    def book(self, number: int) -> Book:
        """Fetch one book."""
        found = self._call("GET", f"/books/{number}").json()
        return Book(found["id"], found["title"])

    def add(self, title: str) -> Book:
        """Add a book."""
        made = self._call("POST", "/books", json={"title": title}).json()
        return Book(made["id"], made["title"])

    def cover(self, number: int) -> Iterator[bytes]:
        """Stream a cover: the picture is never held in memory as a whole."""
        yield from self._call("GET", f"/books/{number}/cover", stream=True).iter_content(65536)

    def _call(self, method: str, path: str, **keywords: object) -> intermodal.Response:
        try:
            response = self._http.request(method, path, **keywords)  # type: ignore[arg-type]
            response.raise_for_status()
        except intermodal.HTTPError as error:
            raise BookshopError(f"the shop answered {error.response.status_code}") from error
        except intermodal.Error as error:
            raise BookshopError(f"the shop could not be asked: {error}", retry=error.delivery == "not_sent") from error
        return response

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("url")
    arguments.add_argument("--transport", help="socket, requests, urllib3, httpx, or any other that is installed")
    given = arguments.parse_args()
    try:
        print(Bookshop(given.url, given.transport).book(1))
    except (ValueError, ImportError) as mistake:  # no such transport, or none whose library is installed; no URL
        raise SystemExit(str(mistake)) from mistake
    except BookshopError as failure:
        raise SystemExit(f"{failure} ({'try again' if failure.retry else 'do not simply try again'})") from failure
