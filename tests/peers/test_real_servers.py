"""Servers that no one here wrote: over every transport they see the same bytes, and answer with the same response."""

import dataclasses
import time

import pytest
from fleet import TRANSPORTS

import intermodal
from intermodal.testing.outcomes import carry
from intermodal.testing.relay import Relay
from intermodal.testing.tour import TOUR, Exchange

#: The tour, as far as it needs no script; paths that a server does not know are answered 404 or 405, the same to all.
APPLICABLE = [each for each in TOUR if not each.script and each.server == "origin"]

NGINX = [
    *APPLICABLE,
    Exchange("file", "", path="/hello.txt"),
    Exchange("head of a file", "", method="HEAD", path="/large.bin"),
    Exchange("large file", "", path="/large.bin"),
    Exchange("range", "", path="/large.bin", keywords=lambda: {"headers": {"Range": "bytes=5-99"}}),
    Exchange("gzip by nginx", "", path="/text.html"),
    Exchange(
        "not modified",
        "",
        path="/hello.txt",
        keywords=lambda: {"headers": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}},
    ),
    Exchange("duplicates", "", path="/duplicate"),
    Exchange("connection closed after it", "", path="/old"),
    Exchange("close asked for", "", path="/hello.txt", keywords=lambda: {"headers": {"Connection": "close"}}),
    Exchange("418", "", path="/teapot"),
    Exchange(
        "too large", "", method="POST", path="/hello.txt", keywords=lambda: {"data": b"x" * 3_000_000}, early=True
    ),
    Exchange("long header", "", path="/hello.txt", keywords=lambda: {"headers": {"X-Long": "x" * 40_000}}),
]
GRANIAN = [
    *APPLICABLE,
    Exchange("echo", "", method="PUT", path="/echo?x=%7e", keywords=lambda: {"data": "ü" * 100}),
    Exchange("chunked echo", "", method="POST", path="/echo", keywords=lambda: {"data": iter([b"a" * 70_000, b"b"])}),
    Exchange("stream", "", path="/stream"),
    Exchange("205", "", path="/status/205"),
    Exchange("304", "", path="/status/304"),
]

#: What a server may vary from one answer to the next.
VARYING = {"date", "etag"}


def stripped(outcome):
    """An outcome without what is never the same twice."""
    headers = None
    if outcome.headers is not None:
        headers = tuple(pair for pair in outcome.headers if pair[0].lower() not in VARYING)
    return dataclasses.replace(outcome, headers=headers, seconds=0, message="", wire=None)


def all_ways(port, exchange):
    """The outcome over each transport, and the bytes that it sent."""
    outcomes, wires = {}, {}
    for name in TRANSPORTS:
        with Relay("127.0.0.1", port) as relay:
            transport = intermodal.open_transport(name)
            # The Host is the server's own: the relay's port differs from one transport to the next.
            request = exchange.request(f"http://127.0.0.1:{relay.port}")
            request = request.replace(headers=[*request.headers.without("host").pairs, ("Host", f"127.0.0.1:{port}")])
            outcomes[name] = stripped(carry(transport, request, intermodal.Options(exchange.timeouts(10)), 20))
            transport.close()
            ends = time.monotonic() + 10
            while any(passed.open for passed in relay.connections) and time.monotonic() < ends:
                time.sleep(0.001)  # the relay may still have to read what was sent before the answer came
            wires[name] = [passed.received for passed in relay.connections]
    return outcomes, wires


def check(port, exchange):
    """Every transport: the same outcome, no error that the server did not cause, the same bytes."""
    outcomes, wires = all_ways(port, exchange)

    assert len(set(outcomes.values())) == 1, outcomes
    found = outcomes["socket"]
    if not exchange.early:
        # A server that refuses a body may not wait for it, and then it is luck how much of the body went out.
        (whole,) = max(wires.values())
        head = whole.partition(b"\r\n\r\n")[0]
        refused = found.status is not None and found.status >= 300 and len(whole) > len(head) + 4
        assert head
        for (wire,) in wires.values():
            assert wire == whole or (refused and whole.startswith(wire) and wire.startswith(head)), wires
        assert found.error is None
    return found


@pytest.mark.parametrize("exchange", NGINX, ids=lambda each: each.name)
def test_nginx(nginx, exchange):
    """nginx answers every transport alike, and was sent the same bytes."""
    found = check(nginx, exchange)

    known = {"file": 200, "range": 206, "not modified": 304, "418": 418, "204": 204, "redirect": 302, "404": 404}
    assert found.status == known.get(exchange.name, found.status)


@pytest.mark.parametrize("exchange", GRANIAN, ids=lambda each: each.name)
def test_granian(granian, exchange):
    """granian (hyper) answers every transport alike, and was sent the same bytes."""
    check(granian, exchange)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_client_works_with_both(name, nginx, granian):
    """Verbs, decoding and streaming with servers of other people's making; connections are kept alive."""
    with intermodal.Client(name) as client:
        assert client.get(f"http://127.0.0.1:{nginx}/text.html").text.startswith("<p>lorem ipsum</p>")
        with client.get(f"http://127.0.0.1:{nginx}/large.bin", stream=True) as response:
            assert sum(len(piece) for piece in response.iter_content(10_000)) == 256 * 8192
        echo = client.post(f"http://127.0.0.1:{granian}/echo", params={"a": "b c"}, json={"ü": 1}).json()
        assert (echo["method"], echo["query"], echo["body"]) == ("POST", "a=b+c", '{"\\u00fc": 1}')
        assert client.post(f"http://127.0.0.1:{nginx}/hello.txt", data=b"x" * 3_000_000).status_code == 413
        assert client.get(f"http://127.0.0.1:{nginx}/hello.txt").text == "hello\n"
