"""Mistakes that both checkers tell: where one lets a mistake pass, it calls its ignore unnecessary. Never run."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import intermodal
from intermodal import (
    TLS,
    URL,
    AsyncResponse,
    AsyncTransport,
    BasicAuth,
    BearerAuth,
    Client,
    Dial,
    Headers,
    Limits,
    Options,
    Proxy,
    Request,
    Response,
    Retry,
    Timeouts,
    TransportInfo,
)
from intermodal.flow import Flow, Inner
from intermodal.model.response import BaseResponse
from intermodal.testing import MockTransport

URL_TEXT = "http://example.test/"


async def awaited() -> AsyncIterator[bytes]:
    yield b"a"


def flow(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    return (yield from inner(request, options))


def no_flow(request: Request, options: Options, inner: Inner) -> Response:
    return Response(200)


async def asynchronous_flow(request: Request, options: Options, inner: Inner) -> Response:
    return Response(200)


def no_listener() -> None: ...


class Awaited:
    info = TransportInfo("awaited")

    async def asend(self, request: Request, options: Options) -> AsyncResponse:
        return AsyncResponse(200)

    async def aclose(self) -> None: ...


class WithoutInfo:
    def send(self, request: Request, options: Options) -> Response:
        return Response(200)

    def close(self) -> None: ...


class WithWrongSend:
    info = TransportInfo("wrong")

    def send(self, request: Request) -> Response:
        return Response(200)

    def close(self) -> None: ...


def names(client: Client, response: Response) -> None:
    intermodal.gte(URL_TEXT)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    intermodal.Clinet()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.fetch(URL_TEXT)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    response.status  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    intermodal.testing.MockTransprot  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def keywords(client: Client) -> None:
    client.get(URL_TEXT, param={"a": 1})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.get(URL_TEXT, hooks={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.get(URL_TEXT, max_redirects=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.post(URL_TEXT, datas=b"")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    intermodal.get(URL_TEXT, jsn={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    intermodal.post(URL_TEXT, jsn={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Client(header={"A": "b"})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.get()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.request(URL_TEXT)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.build_request("GET", URL_TEXT, timeout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.send(Request("GET", URL_TEXT), data=b"")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.send(URL_TEXT)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def urls(client: Client) -> None:
    client.get(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.request(b"GET", URL_TEXT)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def params(client: Client) -> None:
    client.get(URL_TEXT, params=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, params=["a", "b"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def data(client: Client) -> None:
    client.post(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.put(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.patch(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.delete(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.request("POST", URL_TEXT, data=object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.post(URL_TEXT, data=io.StringIO("text"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.post(URL_TEXT, data=["text"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.post(URL_TEXT, data=awaited())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    intermodal.post(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    intermodal.put(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    intermodal.patch(URL_TEXT, data=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def headers(client: Client) -> None:
    client.get(URL_TEXT, headers={"A": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, headers=[("A", 1)])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, headers="A: b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(headers={"A": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def cookies(client: Client) -> None:
    client.get(URL_TEXT, cookies={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, cookies="a=1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def files(client: Client) -> None:
    client.post(URL_TEXT, files=b"bytes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.post(URL_TEXT, files={"f": ("name.txt",)})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.post(URL_TEXT, files={"f": io.StringIO("text")})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.post(URL_TEXT, files={"f": ("name.txt", b"", 5)})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def auth(client: Client) -> None:
    client.get(URL_TEXT, auth="ann:secret")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, auth=("ann", None))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, auth=("ann", "secret", "more"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, auth=BasicAuth)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, auth=lambda request: request)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, auth=no_flow)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    BasicAuth("ann")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    BearerAuth(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def timeout(client: Client) -> None:
    client.get(URL_TEXT, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, timeout=(1, 2, 3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, timeout=[1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Timeouts(connect="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Timeouts(conect=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def roads(client: Client) -> None:
    client.get(URL_TEXT, proxies="http://proxy.test")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, proxies={"http": 3128})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, verify=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, cert=b"/client.pem")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, dial="/run/service.sock")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Proxy(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TLS(verify=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Dial(unix_socket=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def others(client: Client) -> None:
    client.get(URL_TEXT, retries="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, retries=2.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, stream="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get(URL_TEXT, allow_redirects="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Retry("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Retry(statuses=["503"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Client(max_redirects=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(limits=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(base_url=URL_TEXT.encode())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def transports() -> None:
    Client(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(MockTransport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(Awaited())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(WithoutInfo())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(WithWrongSend())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    intermodal.use_transport("socket")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    intermodal.use_transport(MockTransport(), scope="thread")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    intermodal.open_transport()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TransportInfo()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    _asynchronous: list[AsyncTransport] = [WithWrongSend()]  # type: ignore[list-item]  # pyright: ignore[reportAssignmentType]


def middleware() -> None:
    Client(middleware=flow)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(middleware=[no_flow])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Client(middleware=[asynchronous_flow])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Client(middleware={"calls": [flow]})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    Client(middleware={"call": flow})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    Client(listener=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(listener=no_listener)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def values() -> None:
    Headers("A: b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Headers({"A": None})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Headers()["A"] = "b"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    Headers()[5]  # type: ignore[index]  # pyright: ignore[reportArgumentType]
    URL(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    URL(URL_TEXT).port = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Request("GET", URL_TEXT, json={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Options(timeouts=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Response("200")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Limits(connections="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def answers(client: Client, response: Response) -> None:
    response.text = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    response.json.get("a")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    response.iter_lines(decode_unicode=True, delimiter=b"\n")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    response.iter_lines(delimiter="\n")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    response.next.url  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    client.headers["A"] = "b"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    client.timeout = 5  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
