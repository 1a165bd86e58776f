"""What is sent, read back: h11 as a server sees the request that was meant."""

from __future__ import annotations

import re

import h11
import pytest
from property.drawing import PROFILE, check_each

from intermodal.h1.exchange import encode_request
from intermodal.testing.strategies import asks

EXAMPLES = {"default": 200, "ci": 1_000, "deep": 20_000}[PROFILE]

pytestmark = pytest.mark.timeout(120 + EXAMPLES // 20)


def _read_back(data: bytes):
    """The request as h11 reads it: method, target, fields, body; nothing may be left over."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    request = server.next_event()
    assert isinstance(request, h11.Request), request
    body = bytearray()
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage), event
    assert server.trailing_data == (b"", False)
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw_items()]
    return request.method.decode("ascii"), request.target.decode("ascii"), fields, bytes(body)


def _check(ask, data: bytes) -> None:
    """Check that what is sent means what was asked for: fields in order, framing behind them, at most once."""
    method, target, fields, body = _read_back(data)
    assert (method, target, body) == (ask.method, ask.sent_target, ask.content)
    meant = [("Host", "own.example" if ask.host is None else ask.host), *ask.sent_headers]
    assert fields[: len(meant)] == meant
    assert [name.lower() for name, _ in fields[len(meant) :]] in ([], ["content-length"], ["transfer-encoding"])


def _sent(ask) -> bytes:
    return b"".join(encode_request(ask.request("http://own.example")))


def test_a_server_reads_the_request_that_was_meant():
    """Method, target, header fields in order, and body: an independent reader has them as the caller gave them."""
    check_each(asks(upgrade=True), EXAMPLES, lambda ask: _check(ask, _sent(ask)))


BROKEN = {
    "sizes of chunks are decimal": lambda data: re.sub(
        rb"(?<=\r\n)([0-9a-f]+)(?=\r\n)", lambda size: b"%d" % int(size[1], 16), data
    ),
    "the last chunk is missing": lambda data: data.removesuffix(b"0\r\n\r\n"),
    "a target is decoded": lambda data: re.sub(rb"%[0-9A-Fa-f]{2}", b"~", data, count=1),
    "names are in lower case": lambda data: re.sub(rb"(?<=\r\n)[^\r\n:]+(?=: )", lambda name: name[0].lower(), data),
    "values are encoded as UTF-8": lambda data: data.decode("latin-1").encode(),
    "a length is one too many": lambda data: re.sub(rb"(?<=Length: )\d+", lambda n: b"%d" % (int(n[0]) + 1), data),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_encoder_is_seen(broken):
    """What is sent wrongly in one place is read otherwise than it was meant, or not at all."""
    seen = []

    def attempt(ask):
        try:
            _check(ask, broken(_sent(ask)))
        except (AssertionError, h11.RemoteProtocolError):
            seen.append(ask)

    check_each(asks(upgrade=True), 300, attempt)
    assert seen


def test_a_small_request_goes_out_in_one_piece():
    """A head and a body of up to 16 KiB that is there already take one send; no piece of any request is empty."""

    def check(ask):
        pieces = list(encode_request(ask.request("http://own.example")))
        assert all(pieces)
        assert b"\r\n\r\n" in pieces[0]
        if ask.shape in ("none", "bytes") and len(ask.content) <= 16384:
            assert len(pieces) == 1

    check_each(asks(), EXAMPLES, check)
