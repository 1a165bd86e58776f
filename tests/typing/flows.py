"""What the author of a middleware or an auth writes, and a listener's."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from intermodal import Auth, Client, Event, Options, Request, Response
from intermodal.events import Ending, Kind, Listener
from intermodal.flow import Flow, Inner, drain, drive, send, sleep
from intermodal.model.response import BaseResponse
from intermodal.stack import Middleware, MiddlewareInput

URL_TEXT = "http://example.test/"


def again(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    response = yield from inner(request, options)
    assert_type(response, BaseResponse)
    if response.status_code == 503:
        assert_type((yield from drain(response)), None)
        assert_type((yield from sleep(1)), None)
        response = yield from inner(request.with_field("X-Again", "1"), options)
    assert_type(response.headers.get("a"), str | None)
    return response


def from_a_shelf(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    """An answer without a question."""
    if request.url.path == "/known":
        return Response(200, body=b"kept", request=request)
    return (yield from inner(request, options))


def handing_on(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    """No generator function, and a flow nevertheless."""
    return inner(request, options)


class Stamped:
    """One with settings."""

    def __init__(self, stamp: str) -> None:
        self.stamp = stamp

    def __call__(self, request: Request, options: Options, inner: Inner, /) -> Flow[BaseResponse]:
        return (yield from inner(request.replace(headers=[*request.headers.pairs, ("X-Stamp", self.stamp)]), options))


def used(client: Client) -> None:
    one: Middleware = again
    auths: list[Auth] = [again, from_a_shelf, handing_on, Stamped("a")]
    several: list[Middleware] = [again, from_a_shelf, handing_on, Stamped("b")]
    inputs: list[MiddlewareInput] = [[one], (one,), {"call": [one]}, {"attempt": (one,)}, several]
    for given in inputs:
        Client(client.transport, middleware=given)
    for auth in auths:
        client.get(URL_TEXT, auth=auth)


def driven() -> None:
    """As in a test of a flow."""
    made = drive(send(Request("GET", URL_TEXT), Options()), lambda request, options: Response(204))
    assert_type(made, BaseResponse)


def seen(event: Event) -> None:
    assert_type(event.kind, Kind)
    assert_type(event.request, Request)
    assert_type(event.seconds, float | None)
    assert_type(event.status, int | None)
    assert_type(event.reason, str)
    assert_type(event.ending, Ending | None)
    assert_type(event.url, str)
    assert_type(event.attempt, int | None)
    assert_type(event.to, str | None)


class Counting:
    """A listener with a memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> Any:
        self.events.append(event)


def listened_to(client: Client) -> None:
    listeners: list[Listener] = [seen, Counting(), print, lambda event: event.kind]
    for listener in listeners:
        Client(client.transport, listener=listener).get(URL_TEXT)
