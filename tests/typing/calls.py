"""The verbs and their keywords, with every shape that a caller may give for each. Type-checked, then run over a mock."""

from __future__ import annotations

import http.cookiejar
import io
import ssl
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

import urllib3
from typing_extensions import assert_type

import intermodal
from intermodal import (
    TLS,
    URL,
    BasicAuth,
    BearerAuth,
    Body,
    Client,
    CookieJar,
    Dial,
    DigestAuth,
    NetrcAuth,
    Options,
    Proxy,
    Request,
    Response,
    Retry,
    Timeouts,
)
from intermodal.flow import Flow, Inner, Op
from intermodal.model.response import BaseResponse

URL_TEXT = "http://example.test/"


def verbs(client: Client) -> None:
    assert_type(client.get(URL_TEXT), Response)
    assert_type(client.options(URL_TEXT), Response)
    assert_type(client.head(URL_TEXT), Response)
    assert_type(client.post(URL_TEXT), Response)
    assert_type(client.put(URL_TEXT), Response)
    assert_type(client.patch(URL_TEXT), Response)
    assert_type(client.delete(URL_TEXT), Response)
    assert_type(client.request("PROPFIND", URL_TEXT), Response)
    assert_type(client.get(url=URL_TEXT), Response)
    assert_type(client.request(method="GET", url=URL_TEXT), Response)


def verbs_of_the_module(client: Client) -> None:
    with intermodal.use_transport(client.transport):
        assert_type(intermodal.get(URL_TEXT), Response)
        assert_type(intermodal.options(URL_TEXT), Response)
        assert_type(intermodal.head(URL_TEXT), Response)
        assert_type(intermodal.post(URL_TEXT), Response)
        assert_type(intermodal.put(URL_TEXT), Response)
        assert_type(intermodal.patch(URL_TEXT), Response)
        assert_type(intermodal.delete(URL_TEXT), Response)
        assert_type(intermodal.request("PROPFIND", URL_TEXT), Response)
        assert_type(intermodal.get(URL_TEXT, params={"a": 1}, headers={"A": "b"}, timeout=5), Response)
        assert_type(intermodal.post(URL_TEXT, {"a": "1"}), Response)
        assert_type(intermodal.post(URL_TEXT, None, {"a": 1}), Response)
        assert_type(intermodal.put(URL_TEXT, b"raw", auth=("ann", "secret")), Response)
        assert_type(intermodal.patch(URL_TEXT, json=[1, 2], stream=True), Response)
        assert_type(intermodal.delete(URL_TEXT, json={"a": None}), Response)
        assert_type(intermodal.request("POST", URL_TEXT, data={"a": 1}, files={"f": b"x"}), Response)


def urls(client: Client) -> None:
    client.get("http://example.test/")
    client.get(b"http://example.test/")
    client.get(URL("http://example.test/"))


def params(client: Client) -> None:
    text: dict[str, str] = {"a": "1"}
    numbers: dict[str, int] = {"a": 1}
    lists: dict[str, list[str]] = {"a": ["1", "2"]}
    mixed: dict[str, str | int | float | bool | list[int] | None] = {"a": 1, "b": None, "c": [1]}
    pairs: list[tuple[str, str]] = [("a", "1")]
    tuples: tuple[tuple[str, int], ...] = (("a", 1),)
    client.get(URL_TEXT, params=text)
    client.get(URL_TEXT, params=numbers)
    client.get(URL_TEXT, params=lists)
    client.get(URL_TEXT, params=mixed)
    client.get(URL_TEXT, params=pairs)
    client.get(URL_TEXT, params=tuples)
    client.get(URL_TEXT, params=((name, value) for name, value in pairs))
    client.get(URL_TEXT, params=text.items())
    client.get(URL_TEXT, params={"a": 1, "b": ["x", 2.5, None], "c": b"z"})
    client.get(URL_TEXT, params="a=1&b")
    client.get(URL_TEXT, params=b"a=1")
    client.get(URL_TEXT, params=None)


def _pieces() -> Generator[bytes, None, None]:
    yield b"one"
    yield b"two"


class _OwnFile:
    """As little of a file as a body needs."""

    def read(self, size: int, /) -> bytes:
        return b""


def data(client: Client) -> None:
    fields: dict[str, str] = {"a": "1"}
    pairs: list[tuple[str, int]] = [("a", 1), ("a", 2)]
    pieces: Iterator[bytes] = iter([b"a", b"b"])
    client.post(URL_TEXT, data=fields)
    client.post(URL_TEXT, data={"a": 1, "b": ["x", "y"], "c": None})
    client.post(URL_TEXT, data=pairs)
    client.post(URL_TEXT, data=(("a", 1),))
    client.post(URL_TEXT, data="a text, in UTF-8")
    client.post(URL_TEXT, data=b"bytes")
    client.post(URL_TEXT, data=bytearray(b"bytes"))
    client.post(URL_TEXT, data=memoryview(b"bytes"))
    client.post(URL_TEXT, data=io.BytesIO(b"a file"))
    with open(__file__, "rb") as file:  # noqa: PTH123 - the shape that is meant
        client.post(URL_TEXT, data=file)
    with Path(__file__).open("rb") as file:
        reading: IO[bytes] = file
        client.post(URL_TEXT, data=reading)
    client.post(URL_TEXT, data=_OwnFile())
    client.post(URL_TEXT, data=_pieces())
    client.post(URL_TEXT, data=pieces)
    client.post(URL_TEXT, data=[b"a", b"b"])
    client.post(URL_TEXT, data=(b"a", b"b"))
    client.post(URL_TEXT, data=None)
    client.post(URL_TEXT, b"positional")
    client.put(URL_TEXT, data=fields)
    client.patch(URL_TEXT, data=fields)
    client.delete(URL_TEXT, data=fields)
    client.get(URL_TEXT, data=b"even so")
    client.request("REPORT", URL_TEXT, data=_pieces())


def json(client: Client) -> None:
    client.post(URL_TEXT, json={"a": [1, 2.5, None, True, {"b": "c"}]})
    client.post(URL_TEXT, json=[1, 2])
    client.post(URL_TEXT, json="text")
    client.post(URL_TEXT, json=0)
    client.post(URL_TEXT, json=None)
    client.post(URL_TEXT, None, {"positional": True})
    client.put(URL_TEXT, json={})
    client.patch(URL_TEXT, json={})
    client.delete(URL_TEXT, json={})
    client.request("REPORT", URL_TEXT, json={})


def headers(client: Client) -> None:
    plain: dict[str, str] = {"X-A": "1"}
    removing: dict[str, str | None] = {"X-A": "1", "Accept": None}
    raw: dict[str, bytes] = {"X-A": b"1"}
    pairs: list[tuple[str, str]] = [("X-A", "1"), ("X-A", "2")]
    raw_pairs: list[tuple[bytes, bytes]] = [(b"X-A", b"1")]
    client.get(URL_TEXT, headers=plain)
    client.get(URL_TEXT, headers=removing)
    client.get(URL_TEXT, headers=raw)
    client.get(URL_TEXT, headers=pairs)
    client.get(URL_TEXT, headers=raw_pairs)
    client.get(URL_TEXT, headers={"X-A": "1", "X-B": b"2", "Accept": None})
    client.get(URL_TEXT, headers=[("X-A", "1"), ("X-A", b"2"), ("Accept", None)])
    client.get(URL_TEXT, headers=((name, value) for name, value in pairs))
    client.get(URL_TEXT, headers=client.headers)
    client.get(URL_TEXT, headers=None)


def cookies(client: Client) -> None:
    plain: dict[str, str] = {"a": "1"}
    jar: http.cookiejar.CookieJar = http.cookiejar.CookieJar()
    client.get(URL_TEXT, cookies=plain)
    client.get(URL_TEXT, cookies={"a": b"1", "b": None})
    client.get(URL_TEXT, cookies=CookieJar())
    client.get(URL_TEXT, cookies=jar)
    client.get(URL_TEXT, cookies=client.cookies)
    client.get(URL_TEXT, cookies=None)


def files(client: Client) -> None:
    client.post(URL_TEXT, files={"f": b"bytes"})
    client.post(URL_TEXT, files={"f": "text"})
    client.post(URL_TEXT, files={"f": io.BytesIO(b"file")})
    with open(__file__, "rb") as file:  # noqa: PTH123 - the shape that is meant
        opened = {"f": file}
        client.post(URL_TEXT, files=opened)
        client.post(URL_TEXT, files={"f": ("name.txt", file)})
    client.post(URL_TEXT, files={"f": ("name.txt", b"bytes")})
    client.post(URL_TEXT, files={"f": ("name.txt", "text", "text/plain")})
    client.post(URL_TEXT, files={"f": ("name.txt", b"bytes", "text/plain", {"X-A": "1"})})
    client.post(URL_TEXT, files={"f": ("name.txt", b"bytes", None, [("X-A", "1")])})
    client.post(URL_TEXT, files={"f": (None, "a field")})
    client.post(URL_TEXT, files={"f": (b"name.txt", _pieces())})
    client.post(URL_TEXT, files={"f": Body.of(b"bytes")})
    client.post(URL_TEXT, files=[("f", b"1"), ("f", ("name.txt", io.BytesIO(b"2"), "text/plain"))])
    pairs: list[tuple[str, tuple[str, IO[bytes], str]]] = [("f", ("name.txt", io.BytesIO(b"2"), "text/plain"))]
    client.post(URL_TEXT, files=pairs)
    client.post(URL_TEXT, data={"a": "1"}, files={"f": b"x"})
    client.put(URL_TEXT, files={"f": b"x"})
    client.patch(URL_TEXT, files={"f": b"x"})
    client.request("REPORT", URL_TEXT, files={"f": b"x"})
    client.post(URL_TEXT, files=None)


def _signed(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    response = yield from inner(request.replace(headers=[*request.headers.pairs, ("X-Signature", "s")]), options)
    assert_type(response, BaseResponse)
    return response


def _spelled_out(request: Request, options: Options, inner: Inner) -> Generator[Op, Any, BaseResponse]:
    return (yield from inner(request, options))


class _Signing:
    """An auth with settings of its own."""

    def __call__(self, request: Request, options: Options, inner: Inner, /) -> Flow[BaseResponse]:
        return inner(request, options)


def auth(client: Client) -> None:
    client.get(URL_TEXT, auth=("ann", "secret"))
    client.get(URL_TEXT, auth=(b"ann", b"secret"))
    client.get(URL_TEXT, auth=["ann", "secret"])
    client.get(URL_TEXT, auth=BasicAuth("ann", "secret"))
    client.get(URL_TEXT, auth=BasicAuth(b"ann", b"secret"))
    client.get(URL_TEXT, auth=DigestAuth("ann", "secret"))
    client.get(URL_TEXT, auth=BearerAuth("token"))
    client.get(URL_TEXT, auth=BearerAuth(lambda: "token"))
    client.get(URL_TEXT, auth=NetrcAuth())
    client.get(URL_TEXT, auth=_signed)
    client.get(URL_TEXT, auth=_spelled_out)
    client.get(URL_TEXT, auth=_Signing())
    client.get(URL_TEXT, auth=None)


def timeout(client: Client) -> None:
    client.get(URL_TEXT, timeout=5)
    client.get(URL_TEXT, timeout=0.5)
    client.get(URL_TEXT, timeout=(3, 27))
    client.get(URL_TEXT, timeout=(3.05, None))
    client.get(URL_TEXT, timeout=Timeouts(connect=3, read=None, total=60))
    client.get(URL_TEXT, timeout=None)


def proxies(client: Client) -> None:
    plain: dict[str, str] = {"http": "http://proxy.test:3128"}
    client.get(URL_TEXT, proxies=plain)
    client.get(URL_TEXT, proxies={"http": "http://proxy.test:3128", "https://h.test": None})
    client.get(URL_TEXT, proxies={"all": Proxy("socks5h://proxy.test"), "no_proxy": "intern.test"})
    client.get(URL_TEXT, proxies={})
    client.get(URL_TEXT, proxies=None)


def flags(client: Client) -> None:
    client.get(URL_TEXT, allow_redirects=False)
    client.head(URL_TEXT, allow_redirects=True)
    client.get(URL_TEXT, allow_redirects=None)
    client.get(URL_TEXT, stream=True)
    with client.get(URL_TEXT, stream=True) as response:
        assert_type(response, Response)


def trust(client: Client) -> None:
    path = Path(__file__)
    client.get(URL_TEXT, verify=True)
    client.get(URL_TEXT, verify="/etc/ssl/private-ca.pem")
    client.get(URL_TEXT, verify=path)
    client.get(URL_TEXT, verify=ssl.create_default_context())
    client.get(URL_TEXT, verify=TLS(minimum_version="TLSv1.3"))
    client.get(URL_TEXT, verify=None)
    client.get(URL_TEXT, cert="/client.pem")
    client.get(URL_TEXT, cert=path)
    client.get(URL_TEXT, cert=("/client.pem", "/client.key"))
    client.get(URL_TEXT, cert=(path, path))
    client.get(URL_TEXT, cert=("/client.pem", path, "password"))
    client.get(URL_TEXT, cert=None)
    client.get(URL_TEXT, dial=Dial(unix_socket="/run/service.sock"))


def retries(client: Client) -> None:
    client.get(URL_TEXT, retries=3)
    client.get(URL_TEXT, retries=Retry(3, backoff=0.1, statuses=[503], methods={"GET"}, respect_retry_after=False))
    client.get(URL_TEXT, retries=Retry(methods=None))
    client.get(URL_TEXT, retries=urllib3.Retry(3))
    client.get(URL_TEXT, retries=None)


def all_at_once(client: Client) -> None:
    response = client.request(
        "POST",
        URL_TEXT,
        params={"a": 1},
        data={"a": 1},
        headers={"X-A": "1"},
        cookies={"a": "1"},
        files={"f": b"x"},
        auth=("ann", "secret"),
        timeout=(3, 27),
        allow_redirects=False,
        proxies={"http": "http://proxy.test:3128"},
        stream=True,
        verify=True,
        cert=None,
        retries=2,
        dial=Dial(),
    )
    assert_type(response, Response)
