"""The transport answers as the contract says; replace the expectations by those of your own library."""

import pytest
from intermodal_template import TemplateTransport

import intermodal
from intermodal.testing.origin import Origin


@pytest.fixture
def origin():
    """An origin server on a free port."""
    with Origin() as made:
        yield made


def test_it_is_found_by_name():
    """The entry point makes the transport known by its name."""
    with intermodal.Client("template") as client:
        assert client.transport.info.name == "template"


def test_it_carries_an_exchange(origin):
    """A request arrives byte for byte, and its answer comes back."""
    with intermodal.Client(TemplateTransport()) as client:
        response = client.post(f"{origin.url}/post?q=%7e", json={"a": 1}, headers=[("X-Twice", "1"), ("X-Twice", "2")])

    assert response.json()["json"] == {"a": 1}
    received = origin.requests[-1]
    assert received.target == "/post?q=%7e"
    assert [value for name, value in received.headers if name == "X-Twice"] == ["1", "2"]


def test_a_body_of_unknown_length_is_chunked(origin):
    """A generator is sent chunked, because STREAM_REQUEST is declared."""
    with intermodal.Client(TemplateTransport()) as client:
        client.put(f"{origin.url}/put", data=iter([b"ab", b"c"]))

    assert origin.requests[-1].body == b"abc"
    assert ("Transfer-Encoding", "chunked") in origin.requests[-1].headers


def test_what_it_does_not_declare_is_refused(origin):
    """A total timeout is refused before a connection is opened, not ignored."""
    with intermodal.Client(TemplateTransport()) as client, pytest.raises(intermodal.UnsupportedFeature, match="total"):
        client.get(origin.url, timeout=intermodal.Timeouts(write=None, pool=None, total=1))

    assert not origin.connections


def test_errors_are_intermodals(origin):
    """A server that hangs up is a Disconnected, with the request and the delivery on it."""
    origin.play(then="fin")
    with intermodal.Client(TemplateTransport()) as client, pytest.raises(intermodal.Disconnected) as caught:
        client.get(origin.url)

    assert caught.value.transport == "template"
    assert caught.value.delivery == "maybe_sent"


def test_send_after_close_is_refused(origin):
    """A closed transport says so."""
    transport = TemplateTransport()
    transport.close()
    transport.close()

    with pytest.raises(intermodal.TransportClosed):
        transport.send(intermodal.Request("GET", origin.url), intermodal.Options(intermodal.Timeouts.of(None)))
