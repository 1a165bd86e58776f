"""A hook that answers in a library's place is heard by the guarded transports too, and what it raises means the same."""

import io

import httpx
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from intermodal.backends.httpx import HttpxTransport
from intermodal.backends.requests import RequestsTransport
from intermodal.backends.urllib3 import Urllib3Transport
from intermodal.errors import (
    ConnectTimeout,
    Disconnected,
    Error,
    IncompleteBody,
    ProtocolError,
    ReadTimeout,
    TransportBug,
)
from intermodal.model.options import Options
from intermodal.model.request import Request
from intermodal.testing.origin import Origin

REQUEST = Request("POST", "http://mocked.example/a?b=%7e", [("X-A", "1")], b"hello")
HEADERS = {"Content-Type": "text/plain", "X-B": "2"}


def _requests_response(status=200, headers=HEADERS, body=b"mocked", reason="Fine"):
    response = requests.Response()
    response.status_code, response.reason = status, reason
    response.headers.update(headers)
    response.raw = io.BytesIO(body)
    return response


def _requests_over_urllib3(status=200, headers=HEADERS, body=b"mocked", reason="Fine"):
    raw = _urllib3_response(status, headers, body, reason)
    return HTTPAdapter().build_response(requests.Request("GET", "http://h/").prepare(), raw)


def _urllib3_response(status=200, headers=HEADERS, body=b"mocked", reason="Fine"):
    return urllib3.HTTPResponse(io.BytesIO(body), headers, status, reason=reason, preload_content=False)


def _urllib3_preloaded(status=200, headers=HEADERS, body=b"mocked", reason="Fine"):
    return urllib3.HTTPResponse(io.BytesIO(body), headers, status, reason=reason)


def _httpx_response(status=200, headers=HEADERS, body=b"mocked", reason="Fine"):
    extensions = {"reason_phrase": reason.encode()}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body), extensions=extensions)


def _httpx_content(status=200, headers=HEADERS, body=b"mocked", reason="Fine"):
    return httpx.Response(status, headers=headers, content=body, extensions={"reason_phrase": reason.encode()})


HOOKS = {
    "requests over BytesIO": (RequestsTransport, "requests.adapters.HTTPAdapter.send", _requests_response),
    "requests over urllib3": (RequestsTransport, "requests.adapters.HTTPAdapter.send", _requests_over_urllib3),
    "urllib3": (Urllib3Transport, "urllib3.HTTPConnectionPool.urlopen", _urllib3_response),
    "urllib3, body read already": (Urllib3Transport, "urllib3.HTTPConnectionPool.urlopen", _urllib3_preloaded),
    "httpx": (HttpxTransport, "httpx.HTTPTransport.handle_request", _httpx_response),
    "httpx, body read already": (HttpxTransport, "httpx.HTTPTransport.handle_request", _httpx_content),
}


@pytest.fixture(params=HOOKS)
def hooked(request, monkeypatch):
    """A guarded transport, what sets the answer of the hook below it, and the response class of its library."""
    make, target, respond = HOOKS[request.param]
    calls = []

    def answer(**parts):
        def hook(_self, *args, **kwargs):
            calls.append((args, kwargs))
            return respond(**parts)

        monkeypatch.setattr(target, hook)

    def fail(error):
        def hook(*_, **__):
            raise error

        monkeypatch.setattr(target, hook)

    with_transport = make()
    yield with_transport, answer, fail, calls
    with_transport.close()


def test_the_answer_of_a_hook_is_the_response(hooked):
    """Status, reason, headers and body are the hook's; trailers and interim responses nobody knows."""
    transport, answer, _, calls = hooked
    answer()
    with transport.send(REQUEST, Options()) as response:
        assert (response.status_code, response.reason, response.http_version) == (200, "Fine", "HTTP/1.1")
        assert {name.lower(): value for name, value in response.headers.pairs}.items() >= {
            "content-type": "text/plain",
            "x-b": "2",
        }.items()
        assert response.text == "mocked"
        assert (response.trailers, response.informational) == (None, ())
    assert len(calls) == 1


def test_the_hook_sees_the_request(hooked):
    """Method, URL, headers and body are there to be matched."""
    transport, answer, _, calls = hooked
    answer()
    transport.send(REQUEST, Options()).close()
    args, kwargs = calls[0]
    if isinstance(transport, Urllib3Transport):
        assert args == ("POST", "/a?b=%7e")
        assert kwargs["headers"]["x-a"] == "1"
        return
    (seen,) = args
    assert (seen.method, str(seen.url)) == ("POST", "http://mocked.example/a?b=%7e")
    assert seen.headers["x-a"] == "1"
    assert (seen.body if isinstance(transport, RequestsTransport) else seen.read()) == b"hello"


def test_hooks_may_answer_again_and_again(hooked):
    """No slot is lost, whether a body is read, left, or there is none."""
    transport, answer, _, _ = hooked
    answer()
    for _ in range(150):  # more than Limits.connections
        transport.send(REQUEST, Options()).close()
    answer(status=204, body=b"", headers={})
    assert transport.send(REQUEST, Options()).content == b""


def test_a_hook_is_held_to_what_a_server_is(hooked):
    """A head that is none is a ProtocolError, a body shorter than its length is IncompleteBody, a longer one ends there."""
    transport, answer, _, _ = hooked
    for parts in (
        {"status": 103},
        {"status": 101},
        {"headers": {"X-A": "a\r\nX-C: injected"}},
        {"reason": "a\r\nX-C: b"},
    ):
        answer(**parts)
        with pytest.raises(ProtocolError):
            transport.send(REQUEST, Options())
    answer(headers={"Content-Length": "9"})
    with pytest.raises(IncompleteBody) as caught:
        transport.send(REQUEST, Options()).content  # noqa: B018
    assert (caught.value.phase, caught.value.delivery) == ("body", "sent")
    answer(headers={"Content-Length": "4"})
    assert transport.send(REQUEST, Options()).content == b"mock"


RAISED = {
    RequestsTransport: [
        (requests.ConnectTimeout("no"), ConnectTimeout),
        (requests.ReadTimeout("no"), ReadTimeout),
        (requests.ConnectionError("no"), Error),
    ],
    Urllib3Transport: [
        (urllib3.exceptions.ReadTimeoutError(None, None, "no"), ReadTimeout),
        (urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "reset")), Disconnected),
    ],
    HttpxTransport: [(httpx.ConnectTimeout("no"), ConnectTimeout), (httpx.ReadTimeout("no"), ReadTimeout)],
}


def test_what_a_hook_raises_means_what_the_library_means_by_it(hooked):
    """The error of a hook is translated as one of the library over a user's object; anything else is a bug."""
    transport, _, fail, _ = hooked
    for raised, kind in RAISED[type(transport)]:
        fail(raised)
        with pytest.raises(kind) as caught:
            transport.send(REQUEST, Options())
        assert (caught.value.__cause__, caught.value.request) == (raised, REQUEST)
        assert not isinstance(caught.value, TransportBug)
    fail(LookupError("x"))
    with pytest.raises(TransportBug):
        transport.send(REQUEST, Options())


def test_without_the_hook_the_wire_is_asked_again(hooked, monkeypatch):
    """A transport that a hook has answered for carries the next exchange itself, guarded as before."""
    transport, answer, _, _ = hooked
    answer()
    transport.send(REQUEST, Options()).close()
    monkeypatch.undo()
    with Origin() as origin, transport.send(Request("GET", f"{origin.url}/trailers"), Options()) as response:
        assert response.content
        assert response.trailers is not None
