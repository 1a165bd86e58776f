"""A guarded connection writes the target itself: what the library above it makes of URLs does not matter."""

import pytest

from intermodal.model.options import Options
from intermodal.model.request import Request
from intermodal.testing.origin import Origin

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "target", ["/%7e", "//::", "//x/?", "/a|b[", "http://[/", "http://h:99999/x", "/" + "a" * 70_000]
)
def test_a_target_goes_out_as_it_is_even_where_no_library_could_parse_it(all_transports, target):
    """Two slashes, a malformed authority, a length beyond httpx's bound: every transport sends the same bytes."""
    for name, transport in all_transports.items():
        with Origin() as origin:
            origin.play(EMPTY)
            transport.send(Request("GET", origin.url, target=target), Options()).close()
            received = b"".join(connection.received for connection in origin.connections)
            assert received.startswith(b"GET " + target.encode() + b" HTTP/1.1\r\n"), name
        transport.close()
