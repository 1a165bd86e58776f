"""Generated requests: the same bytes over every transport, those that RFC 9112 asks for; or refused before any byte."""

import pytest
from hypothesis import strategies as st
from outcome import Outcome, outcome
from property.drawing import PROFILE, check_each
from property.refusals import refusals

from intermodal.errors import Error
from intermodal.model.request import Request
from intermodal.testing.strategies import asks

EXAMPLES = {"default": 100, "ci": 1000, "deep": 10_000}[PROFILE]
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

pytestmark = pytest.mark.timeout(120 + EXAMPLES)


def authority_of(lane):
    return lane.origin.url.partition("//")[2]


def test_every_transport_sends_the_bytes_that_the_request_means(lanes):
    """What the origin receives is the request written by hand, byte for byte, whichever transport carries it."""

    def carry(ask, lane):
        lane.origin.play(EMPTY)
        assert outcome(lane.transport, ask.request(lane.origin.url), lane.options).status == 200
        (connection,) = lane.opened
        return connection.received

    def check(ask):
        with lanes.example():
            received = lanes.each(lambda lane: carry(ask, lane))
            assert received == {lane.name: ask.rendered(authority_of(lane)) for lane in lanes.all}

    check_each(asks(upgrade=True), EXAMPLES, check)


def test_a_request_of_the_parts_of_a_request_is_the_same_request():
    """Canonicalisation is a fixed point, for parts as objects and for parts as plain values."""

    def check(ask):
        request = ask.request("http://h")
        parts = (request.method, request.url, request.headers, request.body)
        plain = (request.method, str(request.url), list(request.headers.pairs), request.body)
        for again in (
            Request(*parts, target=request.target),
            Request(*plain, target=request.target),
            request.replace(),
        ):
            assert again == request
            assert (again.headers.pairs, again.target) == (request.headers.pairs, request.target)

    check_each(asks(upgrade=True), EXAMPLES, check)


def test_what_cannot_be_sent_is_refused_before_a_connection_is_opened(lanes):
    """Each rule for requests is kept by an error that names the culprit, and the origin sees no connection."""

    def refuse(refusal, lane):
        with pytest.raises(Error) as caught:
            lane.transport.send(*refusal.make(lane.origin.url))
        return type(caught.value), str(caught.value), caught.value.delivery

    def check(refusal):
        with lanes.example():
            for name, (error, message, delivery) in lanes.each(lambda lane: refuse(refusal, lane)).items():
                assert (error, delivery) == (refusal.error, "not_sent"), name
                assert refusal.culprit in message
            # Connections are accepted in order: had one been opened before, this would not be the first.
            assert set(lanes.each(lambda lane: lane.ordinary("the first")).values()) == {1}

    check_each(refusals, EXAMPLES, check)


def raising(pieces):
    yield from pieces
    raise KeyError("the caller's own")


LIES = {
    "too long": lambda url, pieces: Request("PUT", url, {"Content-Length": str(total(pieces) - 1)}, iter(pieces)),
    "too short": lambda url, pieces: Request("PUT", url, {"Content-Length": str(total(pieces) + 1)}, iter(pieces)),
    "no bytes": lambda url, pieces: Request("PUT", url, body=iter([*pieces, "text"])),
    "raises": lambda url, pieces: Request("PUT", url, body=raising(pieces)),
}


def total(pieces):
    return sum(map(len, pieces))


def test_a_body_that_lies_ends_the_same_everywhere(lanes):
    """A body of another length than said, or that fails, stops each transport at the same byte and dirties nothing."""

    def carry(lie, pieces, lane):
        result = outcome(lane.transport, LIES[lie](f"{lane.origin.url}/lie", pieces), lane.options)
        return result, lane.only_connection().received.partition(b"\r\n\r\n")[2]

    def check(drawn):
        lie, sizes = drawn
        pieces = [b"x" * size for size in (*sizes, 3)]
        with lanes.example():
            results = lanes.each(lambda lane: carry(lie, pieces, lane))
            want = Outcome(error="RequestBodyError", phase="send", delivery="maybe_sent", reused=False)
            assert {name: result for name, (result, _) in results.items()} == dict.fromkeys(results, want)
            (sent,) = {content for _, content in results.values()}
            if lie.startswith("too"):
                assert b"".join(pieces).startswith(sent)
                assert len(sent) <= total(pieces) - (lie == "too long")
            else:
                assert not sent.endswith(b"0\r\n\r\n"), "a body that failed must not look complete"
            assert set(lanes.each(lambda lane: lane.ordinary("after a lie")).values()) == {2}

    sizes = st.lists(st.sampled_from([0, 1, 7, 65537]), max_size=4)
    check_each(st.tuples(st.sampled_from(sorted(LIES)), sizes), EXAMPLES // 2, check)
