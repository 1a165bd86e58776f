"""What a Client is made of, what it has, and a Request that is made first and sent then."""

from __future__ import annotations

import http.cookiejar
import ssl
from pathlib import Path

import requests.cookies
from typing_extensions import assert_type

import intermodal
from intermodal import (
    TLS,
    BasicAuth,
    BearerAuth,
    Client,
    CookieJar,
    Dial,
    DigestAuth,
    Event,
    Headers,
    Limits,
    NetrcAuth,
    Options,
    Proxy,
    Request,
    Response,
    Retry,
    Timeouts,
    Transport,
)
from intermodal.flow import Flow, Inner
from intermodal.model.response import BaseResponse
from intermodal.testing import MockTransport

URL_TEXT = "http://example.test/"


def transports(client: Client) -> None:
    Client()
    Client(None)
    Client("socket")
    Client(transport="socket")
    Client(MockTransport({"/": "hello"}))
    Client(client.transport)
    Client(intermodal.SocketTransport)
    Client(intermodal.SocketTransport())
    Client(intermodal.RequestsTransport)
    Client(intermodal.HttpxTransport)
    Client(intermodal.Urllib3Transport)
    Client(lambda limits: intermodal.SocketTransport(limits=limits))
    Client(intermodal.transports()["socket"].load())


def flow(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    return (yield from inner(request, options))


class Flowing:
    def __call__(self, request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
        return inner(request, options)

    def method(self, request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
        return inner(request, options)


def listener(event: Event) -> None:
    assert_type(str(event), str)


def settings(client: Client) -> None:
    assert_type(client, Client)
    Client(base_url="http://example.test/api/")
    Client(headers={"A": "b", "User-Agent": None})
    Client(headers=[("A", "b"), (b"A", b"c")])
    Client(params={"page": 1})
    Client(params=[("page", "1")])
    Client(params="page=1")
    Client(cookies={"a": "1"})
    Client(cookies=CookieJar())
    Client(cookies=http.cookiejar.MozillaCookieJar())
    Client(cookies=requests.cookies.RequestsCookieJar())
    Client(auth=("ann", "secret"))
    Client(auth=BasicAuth("ann", "secret"))
    Client(auth=DigestAuth("ann", "secret"))
    Client(auth=BearerAuth("token"))
    Client(auth=NetrcAuth())
    Client(auth=flow)
    Client(timeout=5)
    Client(timeout=(3, None))
    Client(timeout=Timeouts(total=60))
    Client(timeout=None)
    Client(
        proxies={"http": "http://proxy.test:3128", "https": Proxy("http://proxy.test", TLS(verify=False)), "all": None}
    )
    Client(verify="/etc/ssl/private-ca.pem")
    Client(verify=Path(__file__))
    Client(verify=ssl.create_default_context())
    Client(verify=TLS(cert=("/client.pem", "/client.key")))
    Client(cert="/client.pem")
    Client(cert=("/client.pem", "/client.key", "password"))
    Client(retries=3)
    Client(retries=Retry(3))
    Client(max_redirects=5)
    Client(dial=Dial(source_address=("127.0.0.1", 0)))
    Client(trust_env=False)
    Client(limits=Limits())
    Client(middleware=[flow, Flowing(), Flowing().method])
    Client(middleware=(flow,))
    Client(middleware={"call": [flow], "attempt": [Flowing()]})
    Client(listener=listener)
    Client(listener=print)
    events: list[Event] = []
    Client(listener=events.append)
    Client(listener=None)


def attributes(client: Client) -> None:
    assert_type(client.headers, Headers)
    assert_type(client.cookies, CookieJar)
    assert_type(client.transport, Transport)
    with Client() as entered:
        assert_type(entered, Client)
    assert_type(Client().close(), None)


class Derived(Client):
    """A client of the user's own."""


def derived_stay_what_they_are(client: Client) -> None:
    with Derived(client.transport) as entered:
        assert_type(entered, Derived)


def build_then_send(client: Client) -> None:
    request = client.build_request("GET", URL_TEXT)
    assert_type(request, Request)
    client.build_request("POST", b"http://example.test/", params={"a": 1}, headers={"A": "b"}, json={"a": 1})
    client.build_request("POST", URL_TEXT, data={"a": 1}, files={"f": b"x"})
    assert_type(client.send(request), Response)
    response = client.send(
        request,
        cookies={"a": "1"},
        auth=("ann", "secret"),
        timeout=5,
        allow_redirects=False,
        verify=True,
        cert=None,
        proxies={},
        retries=Retry(1),
        dial=Dial(),
        stream=True,
    )
    assert_type(response, Response)


def jar(client: Client) -> None:
    cookies = client.cookies
    cookies["a"] = "1"
    assert_type(cookies["a"], str | None)
    assert_type(cookies.get("a"), str | None)
    assert_type(cookies.get("a", domain="example.test", path="/"), str | None)
    assert_type(cookies.set("b", "2", domain="example.test", secure=True), http.cookiejar.Cookie | None)
    assert_type(cookies.keys(), list[str])
    assert_type(cookies.values(), list[str | None])
    assert_type(cookies.items(), list[tuple[str, str | None]])
    assert_type(cookies.get_dict(), dict[str, str | None])
    assert_type(cookies.copy(), CookieJar)
    assert_type("a" in cookies, bool)
    assert_type(len(cookies), int)
    assert_type([cookie.name for cookie in cookies], list[str])
    cookies.update({"c": "3"})
    cookies.update(http.cookiejar.CookieJar())
    del cookies["a"]
