"""What a transport's author writes, and what a test puts in the place of one."""

from __future__ import annotations

from typing_extensions import assert_type

import intermodal
from intermodal import (
    AsyncResponse,
    AsyncTransport,
    Capability,
    Client,
    Guarantee,
    Headers,
    InstalledTransport,
    Limits,
    Options,
    Request,
    Response,
    Transport,
    TransportInfo,
    refuse_unsupported,
)
from intermodal.testing import ASGITransport, Call, MockTransport, WSGITransport

INFO = TransportInfo("own", "1.0", Capability.HTTPS | Capability.CUSTOM_TLS, Guarantee.DELIVERY)


class WithProperty:
    """Its info is a property, and its parameters are as the protocol has them."""

    @property
    def info(self) -> TransportInfo:
        return INFO

    def send(self, request: Request, options: Options, /) -> Response:
        refuse_unsupported(request, options, self.info)
        return Response(200, request=request)

    def close(self) -> None: ...


class WithAttribute:
    """Its info is an attribute, and its parameters can be named."""

    info = INFO

    def send(self, request: Request, options: Options) -> Response:
        return Response(200, request=request)

    def close(self) -> None: ...


class WithOwnInfo:
    """Each has an info of its own, and it is opened as an entry point is."""

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.info = TransportInfo(f"own, {limits}")

    def send(self, request: Request, options: Options) -> Response:
        return Response(200, request=request)

    def close(self) -> None: ...


class Awaited:
    """The same, awaited."""

    info = INFO

    async def asend(self, request: Request, options: Options, /) -> AsyncResponse:
        return AsyncResponse(200, request=request)

    async def aclose(self) -> None: ...


class AwaitedWithProperty:
    """The same, with a property."""

    @property
    def info(self) -> TransportInfo:
        return INFO

    async def asend(self, request: Request, options: Options) -> AsyncResponse:
        return AsyncResponse(200, request=request)

    async def aclose(self) -> None: ...


def own_transports() -> None:
    carrying: list[Transport] = [WithProperty(), WithAttribute(), WithOwnInfo(), MockTransport()]
    awaited: list[AsyncTransport] = [Awaited(), AwaitedWithProperty(), MockTransport()]
    for transport in carrying:
        assert_type(transport.info, TransportInfo)
        Client(transport)
    for asynchronous in awaited:
        assert_type(asynchronous.info, TransportInfo)
    Client(WithProperty())
    Client(WithOwnInfo)
    with intermodal.use_transport(WithAttribute()) as nothing:
        assert_type(nothing, None)
    with intermodal.use_transport(Awaited(), scope="context"):
        pass


def told_apart(given: Transport | str) -> None:
    if isinstance(given, Transport):
        assert_type(given, Transport)
    else:
        assert_type(given, str)


def of_this_package() -> None:
    built_in: list[Transport] = [
        intermodal.SocketTransport(),
        intermodal.RequestsTransport(),
        intermodal.HttpxTransport(),
        intermodal.Urllib3Transport(),
        intermodal.open_transport("socket", limits=Limits()),
    ]
    for transport in built_in:
        transport.close()


def asynchronous(name: str) -> None:
    assert_type(intermodal.open_async_transport(name), AsyncTransport)


def installed() -> None:
    assert_type(intermodal.transports(), dict[str, InstalledTransport])
    assert_type(intermodal.transports(asynchronous=True), dict[str, InstalledTransport])
    one = intermodal.transports()["socket"]
    assert_type(one.name, str)
    assert_type(one.distribution, str)
    assert_type(one.target, str)


def info() -> None:
    assert_type(INFO.name, str)
    assert_type(INFO.version, str)
    assert_type(INFO.capabilities, Capability)
    assert_type(INFO.guarantees, Guarantee)
    assert_type(Capability.HTTPS in INFO.capabilities, bool)


def answer(request: Request) -> Response:
    return Response(200, request=request)


def mocks() -> None:
    mock = MockTransport({"GET /users": {"name": "Ada"}, "/slow": intermodal.ReadTimeout("slow"), "/none": 204})
    MockTransport()
    MockTransport(503)
    MockTransport(answer)
    MockTransport(lambda request: (200, request.method))
    MockTransport({"/": answer, "/a": (200, "text"), "/b": (200, b"bytes", {"A": "b"})})
    mock.answer("/more", [1, 2])
    with Client(mock, base_url="http://example.test") as client:
        client.get("/users")
    assert_type(mock.calls, list[Call])
    assert_type(mock.calls[0].request, Request)
    assert_type(mock.calls[0].options, Options)
    assert_type(mock.calls[0].content, bytes)
    assert_type(mock.calls[0].method, str)
    assert_type(mock.calls[0].url, str)
    assert_type(mock.calls[0].headers, Headers)
    assert_type(mock.closed, bool)


def applications() -> None:
    classes = (WSGITransport, ASGITransport)
    assert_type(classes, tuple[type[WSGITransport], type[ASGITransport]])
