"""What a caller has of a Response, and how its body is read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

from typing_extensions import assert_type

from intermodal import (
    AsyncResponse,
    Client,
    CookieJar,
    ExchangeInfo,
    Headers,
    Informational,
    RawBody,
    Request,
    Response,
    Times,
)
from intermodal.model.event_stream import ServerSentEvent
from intermodal.model.response import AsyncRaw, Raw, UpgradedStream

URL_TEXT = "http://example.test/"


def attributes(client: Client) -> None:
    response = client.get(URL_TEXT)
    assert_type(response.status_code, int)
    assert_type(response.reason, str)
    assert_type(response.headers, Headers)
    assert_type(response.headers["content-type"], str)
    assert_type(response.url, str)
    assert_type(response.request, Request | None)
    assert_type(response.history, list[Response])
    assert_type(response.http_version, str)
    assert_type(response.elapsed, dt.timedelta)
    assert_type(response.elapsed.total_seconds(), float)
    assert_type(response.cookies, CookieJar)
    assert_type(response.links, dict[str, dict[str, str]])
    assert_type(response.encoding, str | None)
    assert_type(response.apparent_encoding, str)
    assert_type(response.ok, bool)
    assert_type(bool(response), bool)
    assert_type(response.is_redirect, bool)
    assert_type(response.is_permanent_redirect, bool)
    assert_type(response.next, Request | None)
    assert_type(response.text, str)
    assert_type(response.content, bytes)
    assert_type(response.trailers, Headers | None)
    assert_type(response.exchange, ExchangeInfo)
    assert_type(response.informational, tuple[Informational, ...])
    assert_type(response.upgraded, UpgradedStream | None)
    assert_type(response.raw, Raw)
    assert_type(response.raise_for_status(), None)
    assert_type(response.close(), None)
    response.encoding = "latin-1"
    response.encoding = None


def as_json(client: Client) -> None:
    response = client.get(URL_TEXT, headers={"X-Wish": "json"})
    assert_type(response.json(), Any)
    assert_type(response.json(parse_float=Decimal, cls=json.JSONDecoder), Any)
    users: list[dict[str, int]] = response.json()
    assert_type(users, list[dict[str, int]])


def context(client: Client) -> None:
    with client.get(URL_TEXT, stream=True) as response:
        assert_type(response, Response)


def pieces(client: Client) -> None:
    assert_type(client.get(URL_TEXT).iter_content(), Iterator[bytes])
    assert_type(client.get(URL_TEXT).iter_content(1024), Iterator[bytes])
    assert_type(client.get(URL_TEXT).iter_content(chunk_size=None), Iterator[bytes])
    assert_type(client.get(URL_TEXT).iter_content(decode_unicode=False), Iterator[bytes])
    assert_type(client.get(URL_TEXT).iter_content(decode_unicode=True), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_content(1024, decode_unicode=True), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_content(1024, True), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_text(), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_text(10), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_lines(), Iterator[bytes])
    assert_type(client.get(URL_TEXT).iter_lines(delimiter=b"\n\n"), Iterator[bytes])
    assert_type(client.get(URL_TEXT).iter_lines(decode_unicode=True), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_lines(512, True), Iterator[str])
    assert_type(client.get(URL_TEXT).iter_lines(decode_unicode=True, delimiter="\n\n"), Iterator[str])
    assert_type(iter(client.get(URL_TEXT)), Iterator[bytes])
    for piece in client.get(URL_TEXT):
        assert_type(piece, bytes)
    for text in client.get(URL_TEXT).iter_text():
        assert_type(text, str)


def events(client: Client) -> None:
    for event in client.get(URL_TEXT, headers={"X-Wish": "events"}).iter_events():
        assert_type(event, ServerSentEvent)
        assert_type(event.data, str)
        assert_type(event.event, str)
        assert_type(event.id, str)
        assert_type(event.retry, int | None)


def raw(client: Client) -> None:
    body = client.get(URL_TEXT, stream=True).raw
    assert_type(body.read(10), bytes)
    assert_type(body.readinto(bytearray(10)), int)
    assert_type(body.read(), bytes)
    body.close()


def exchange(client: Client) -> None:
    told = client.get(URL_TEXT).exchange
    assert_type(told.local_address, tuple[str, int] | tuple[str, int, int, int] | str | None)
    assert_type(told.peer_address, tuple[str, int] | tuple[str, int, int, int] | str | None)
    assert_type(told.reused, bool | None)
    assert_type(told.tls_version, str | None)
    assert_type(told.cipher, str | None)
    assert_type(told.peer_certificate, bytes | None)
    assert_type(told.tls_resumed, bool | None)
    assert_type(told.bytes_sent, int | None)
    assert_type(told.bytes_received, int | None)
    assert_type(told.times, Times)
    assert_type(told.times.connect, float | None)


def interim(client: Client) -> None:
    for response in client.get(URL_TEXT).informational:
        assert_type(response.status_code, int)
        assert_type(response.reason, str)
        assert_type(response.headers, Headers)


class Body:
    """What a transport gives to be read."""

    def read(self, n: int, /) -> bytes:
        return b""

    def close(self) -> None: ...


def made_by_hand(client: Client) -> None:
    request = client.build_request("GET", URL_TEXT)
    body: RawBody = Body()
    Response(204)
    Response(200, {"A": "b"}, b"bytes")
    Response(200, [("A", "b")], [b"pieces"], reason="OK", http_version="HTTP/1.0", request=request)
    Response(200, Headers(), body, trailers=[("A", "b")], exchange=ExchangeInfo())
    Response(status_code=200, headers={}, body=b"", informational=[Informational(103, "Early Hints", Headers())])


async def awaited(response: AsyncResponse) -> None:
    assert_type(response.status_code, int)
    assert_type(response.history, list[AsyncResponse])
    assert_type(await response.read(), bytes)
    assert_type(response.content, bytes)
    assert_type(response.text, str)
    assert_type(response.json(), Any)
    assert_type(response.raw, AsyncRaw)
    assert_type(await response.raw.read(10), bytes)
    assert_type(response.iter_content(), AsyncIterator[bytes])
    assert_type(response.iter_content(decode_unicode=True), AsyncIterator[str])
    assert_type(response.iter_lines(), AsyncIterator[bytes])
    assert_type(response.iter_lines(decode_unicode=True), AsyncIterator[str])
    assert_type(response.iter_text(), AsyncIterator[str])
    assert_type(response.iter_events(), AsyncIterator[ServerSentEvent])
    async for piece in response:
        assert_type(piece, bytes)
    async with response as entered:
        assert_type(entered, AsyncResponse)
    await response.aclose()
