"""An error keeps its cause on its way through a library, which may drop what it did not put there."""

import socket

import pytest
from fleet import TRANSPORTS, make_transport

from intermodal.errors import ConnectionError, ReadTimeout, RequestBodyError
from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.testing.origin import Origin, Stall

QUICK = Options(Timeouts(read=0.2))


@pytest.fixture(params=TRANSPORTS)
def carried(request):
    """Each transport, with an origin."""
    made = make_transport(request.param)
    with Origin() as origin:
        yield made, origin
    made.close()


def test_what_the_callers_body_raised_is_the_cause(carried):
    """RequestBodyError has as its cause the very exception that the caller's iterator raised."""
    transport, origin = carried
    fault = ValueError("out of paper")

    def pieces():
        yield b"first"
        raise fault

    with pytest.raises(RequestBodyError) as caught:
        transport.send(Request("POST", origin.url, body=pieces()), QUICK)
    assert caught.value.__cause__ is fault


def test_what_the_socket_raised_is_the_cause(carried):
    """A timeout in front of the head and one in the body are caused by the socket's."""
    transport, origin = carried
    origin.play(Stall())
    with pytest.raises(ReadTimeout) as caught:
        transport.send(Request("GET", origin.url), QUICK)
    assert isinstance(caught.value.__cause__, TimeoutError)
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Stall())
    with pytest.raises(ReadTimeout) as caught:
        transport.send(Request("GET", origin.url), QUICK).content  # noqa: B018
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_what_is_being_handled_elsewhere_is_no_cause(carried):
    """A failure in the middle of handling another one has a cause of its own, or none."""
    transport, origin = carried
    try:
        raise KeyError("another matter")
    except KeyError as other:
        with pytest.raises(RequestBodyError) as caught:
            transport.send(Request("POST", origin.url, {"Content-Length": "9"}, iter([b"short"])), QUICK)
        assert caught.value.__cause__ is not other


def test_what_refused_is_the_cause_while_another_failure_is_handled(carried):
    """A connection that is refused in the middle of handling another failure is caused by its own OSError."""
    transport, _ = carried
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        try:
            raise KeyError("another matter")
        except KeyError:
            with pytest.raises(ConnectionError) as caught:
                transport.send(Request("GET", f"http://127.0.0.1:{deaf.getsockname()[1]}/"), QUICK)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
