"""Over the user's own object the same bytes go out as over every other transport, or the request is refused."""

import os
import re
from contextlib import closing

import pytest
from backends.own import NAMES, fitting, make_own
from hypothesis import given, settings
from kit.wire import CASES

from intermodal.backends.socket import SocketTransport
from intermodal.errors import UnsupportedFeature
from intermodal.middleware.route import forwarded
from intermodal.model.options import Options, Proxy
from intermodal.model.request import Request
from intermodal.protocol import Capability, Guarantee, needs
from intermodal.testing.origin import Origin
from intermodal.testing.strategies import asks

EXAMPLES = {"default": 100, "ci": 500, "deep": 5_000}[os.environ.get("INTERMODAL_PROFILE", "default")]
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("case", CASES)
def test_what_goes_out_is_the_request_byte_by_byte(own, origin, case):
    """Each request of the kit goes out as written by hand, or is refused because it needs what is not declared."""
    make, expected = CASES[case]
    request = make(origin.url)
    origin.play(EMPTY)
    if undeclared(request) or changed_by(own.transport.info.name, request.target):
        with pytest.raises(UnsupportedFeature):
            own.transport.send(request, fitting(own.transport))
        assert origin.connections == []
    else:
        own.transport.send(request, fitting(own.transport)).close()
        assert [received.raw for received in origin.requests] == [expected]


def undeclared(request):
    return needs(request, Options()) & Capability.EXACT_TARGET


def two_slashes(request):
    """Older versions of requests make one slash of them, older ones of urllib3 take them for the start of a host."""
    return request.target.startswith("//")


def changed_by(name, target):
    """Whether a library would write a canonical target otherwise than it stands in the request."""
    if name == "httpx":
        return False
    if re.search("%(?:[a-f]|.[a-f])", target):  # urllib3 writes triplets in upper case
        return True
    # It removes dot segments, but from an origin-form.
    return not target.startswith("/") and bool(re.search(r"/\.{1,2}(?:[/?]|$)", target))


@pytest.fixture(scope="module")
def lanes():
    """The socket transport and the three, each with an origin that lasts for all examples."""
    made = {name: make_own(name) for name in NAMES}
    lanes = {name: (own.transport, Origin()) for name, own in made.items()} | {"socket": (SocketTransport(), Origin())}
    yield lanes
    for transport, origin in lanes.values():
        transport.close()
        origin.close()
    for own in made.values():
        own.close()


@settings(max_examples=EXAMPLES)
@given(asks())
def test_generated_requests_go_out_as_over_a_socket(lanes, ask):
    """Any request goes out as written by hand over all four, or is refused for its target before a byte is sent."""
    for name, (transport, origin) in lanes.items():
        origin.reset_records()
        request = ask.request(origin.url)
        refusable = name != "socket" and (undeclared(request) or changed_by(name, request.target))
        origin.play(EMPTY)
        try:
            transport.send(request, fitting(transport)).close()
        except UnsupportedFeature as refused:
            assert refusable or (name != "httpx" and two_slashes(request)), (name, refused)
            assert origin.requests == [], name
            transport.send(Request("GET", origin.url), fitting(transport)).close()  # takes the script
            continue
        assert not refusable, name
        authority = origin.url.partition("//")[2]
        assert [received.raw for received in origin.requests] == [ask.rendered(authority)], name


def test_a_forwarding_proxy_gets_the_same_bytes_as_over_a_socket(own, origin):
    """Through a proxy the absolute-form target and the proxy's credentials go to the proxy, as from the socket transport."""
    proxy = Proxy(f"http://ann:secret@{origin.url.partition('//')[2]}")
    request = forwarded(
        Request("POST", "http://origin.example:8080/a//b?c=%2F", [("X-A", "1"), ("x-a", "2")], b"hello"), proxy
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        own.transport.send(request, fitting(own.transport, proxy=proxy)).close()
    with closing(SocketTransport()) as sockets:
        sockets.send(request, Options(proxy=proxy)).close()
    one, other = [received.raw for received in origin.requests]
    assert one == other
    assert one.startswith(b"POST http://origin.example:8080/a//b?c=%2F HTTP/1.1\r\nHost: origin.example:8080\r\n")


@pytest.mark.parametrize("value", ["@@@SKIP_HEADER@@@", "", "caf\xe9"])
def test_a_value_means_nothing_to_the_library_below(own, origin, value):
    """Not even the marker by which urllib3 leaves fields out, in the fields that it knows and in others."""
    headers = [("User-Agent", value), ("X-A", value)]
    own.transport.send(Request("GET", origin.url, headers), fitting(own.transport)).close()
    assert origin.requests[0].headers[1:] == headers


def test_large_bodies_of_every_kind_arrive_whole(own, origin, tmp_path):
    """Bytes, a generator and a file of several pieces arrive as they are, with their framing."""
    data = bytes(range(256)) * 1200
    (tmp_path / "body").write_bytes(data)
    with (tmp_path / "body").open("rb") as file:
        for body in (data, (data[at : at + 1000] for at in range(0, len(data), 1000)), file):
            with own.transport.send(
                Request("PUT", f"{origin.url}/echo", body=body), fitting(own.transport)
            ) as response:
                assert response.content == data
    framing = [received.headers[-1][0] for received in origin.requests]
    assert framing == ["Content-Length", "Transfer-Encoding", "Content-Length"]


def test_the_guarantee_is_declared(own):
    """What this file shows is what is declared: the exact bytes, and nothing more."""
    assert own.transport.info.guarantees == Guarantee.WIRE_EXACT
