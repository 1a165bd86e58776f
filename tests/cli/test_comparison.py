"""The library behind ``compare``: what is compared, what may differ, and that every exchange ends."""

import dataclasses
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.backends.socket import SocketTransport
from intermodal.errors import Disconnected, ReadTimeout, UnsupportedFeature
from intermodal.model.headers import Headers
from intermodal.model.request import Request
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.compare import compare, compare_at
from intermodal.testing.mock import MockTransport
from intermodal.testing.origin import Origin
from intermodal.testing.outcomes import COMPARED, MOST_BODY, NO_END, Outcome, differences
from intermodal.testing.relay import Relay
from intermodal.testing.tour import TOUR, Exchange

BY_NAME = {exchange.name: exchange for exchange in TOUR}


class Altered(SocketTransport):
    """The socket transport, with a hand on what goes in or comes out."""

    def __init__(self, *, request=None, response=None, options=None, info=None):
        super().__init__()
        self._request, self._response, self._options = request, response, options
        self._info = info or (lambda info: info)

    @property
    def info(self):
        return self._info(super().info)

    def send(self, request, options, /):
        if self._request:
            request = self._request(request)
        if self._options:
            options = self._options(options)
        response = super().send(request, options)
        return self._response(response) if self._response else response


def against(other, *names, **keywords):
    """Compare the socket transport twice with another one; give the fields that differ, by exchange."""
    good, also_good = SocketTransport(), SocketTransport()
    try:
        exchanges = [BY_NAME[name] for name in names] or TOUR
        return compare({"good": good, "also good": also_good, "other": other}, exchanges, **keywords)
    finally:
        for transport in (good, also_good, other):
            transport.close()


def found(comparison):
    """The fields that differ, by exchange; the odd one is always the same."""
    assert all(each.odd == ("other",) for row in comparison.rows for each in row.differences)
    return {row.exchange.name: [each.field for each in row.differences] for row in comparison.rows if row.differences}


def test_equal_transports_are_identical_over_the_whole_tour(all_transports):
    """The four transports agree in every field of every exchange, in a test without the command line."""
    comparison = compare(all_transports)
    assert comparison.identical, found(comparison)
    assert [row.exchange for row in comparison.rows] == list(TOUR)
    assert comparison.transports["httpx"].name == "httpx"
    assert set(comparison.connections) == set(all_transports)


def test_two_tours_of_one_transport_are_identical():
    """An exchange sent twice is the same bytes twice, though bodies are used up."""
    with Origin() as origin:
        transport = SocketTransport()
        first, second = (compare({"one": transport}, origin=origin) for _ in range(2))
        transport.close()
    for one, two in zip(first.rows, second.rows, strict=True):
        found = differences({"one": one.outcomes["one"], "two": two.outcomes["one"]}, {}, early=one.exchange.early)
        assert not found, one.exchange.name


def test_a_field_left_out_shows_on_the_wire_and_in_what_comes_of_it():
    """A transport that drops a request's field differs in the bytes received, and in the echo of them."""

    def less(request):
        return Request(request.method, request.url, request.headers.without("accept"), request.body)

    comparison = against(Altered(request=less), "GET", "HEAD", "204")
    assert found(comparison) == {"GET": ["headers", "body", "wire"], "HEAD": ["headers", "wire"], "204": ["wire"]}
    wire = comparison.rows[2].differences[0]
    assert wire.shown["good"] == "line 4: 'Accept: */*\\r\\n'"
    assert wire.shown["other"].startswith("line 4: 'Accept-Encoding: ")


def test_changes_of_an_answer_are_told_by_the_field_that_changed():
    """Reason, version, field order, trailers and interim answers are each compared."""

    def change(response):
        if response.status_code == 404:
            response.reason = "No"
        if response.status_code == 204:
            response.http_version = "HTTP/1.0"
        if response.status_code == 302:
            response.headers = Headers.trusted(response.headers.pairs[::-1])
        response.informational = ()
        if "trailer" in response.headers:
            response._trailers = Headers({"X-Last": "no"})
        return response

    comparison = against(Altered(response=change), "404", "204", "redirect", "103 before 200", "trailers")
    assert found(comparison) == {
        "404": ["reason"],
        "204": ["version"],
        "redirect": ["headers"],
        "103 before 200": ["informational"],
        "trailers": ["trailers"],
    }


def test_a_decoded_body_is_a_difference():
    """A transport that decodes, as a client should, differs in the body."""

    def decode(response):
        body = response.content
        response._body, response._trailers = type(response)(200, body=body)._body, response.trailers
        response._raw = None
        return response

    assert found(against(Altered(response=decode), "gzip")) == {"gzip": ["body"]}


def test_errors_are_compared_by_class_phase_and_delivery():
    """A foreign error, a wrong class and a wrong delivery each show; a message may be worded in another way."""

    class Failing(SocketTransport):
        def send(self, request, options, /):
            try:
                return super().send(request, options)
            except ReadTimeout as error:
                raise TimeoutError from error
            except Disconnected as error:
                error.delivery = "not_sent"
                raise
            except Exception as error:
                error.args = ("other words",)
                raise

    comparison = against(Failing(), "silent server", "no answer", "refused")
    assert found(comparison) == {"silent server": ["error", "phase", "delivery"], "no answer": ["delivery"]}
    assert comparison.rows[0].outcomes["other"].error == "TimeoutError"


def test_a_request_that_goes_out_twice_is_seen():
    """A transport that repeats a request by itself gets the same answer, but not the same wire."""

    class Eager(SocketTransport):
        def send(self, request, options, /):
            super().send(request, options).close()
            return super().send(request, options)

    assert found(against(Eager(), "POST JSON")) == {"POST JSON": ["wire"]}


def test_a_transport_that_sends_nothing_leaves_no_script_behind():
    """A mock answers by itself: it differs, and the scripts meant for it reach no other transport's request."""
    comparison = against(MockTransport(200), "silent server", "body cut off", "GET", "404", "refused")
    assert "wire" in found(comparison)["silent server"]
    for row in comparison.rows:
        good, also_good = row.outcomes["good"], row.outcomes["also good"]
        assert not differences({"good": good, "also good": also_good}, {}), row.exchange.name
        assert row.outcomes["other"].wire == ()
    assert comparison.rows[3].outcomes["good"].status == 404


def test_what_is_not_declared_is_refused_without_being_a_difference():
    """A transport that declares no total timeout and refuses it (T4) is told, and is no difference."""

    def less(info):
        return dataclasses.replace(info, capabilities=info.capabilities & ~Capability.TOTAL_TIMEOUT)

    class Honest(Altered):
        def send(self, request, options, /):
            if options.timeouts.total is not None:
                raise UnsupportedFeature("no total timeout", request=request)
            return super().send(request, options)

    comparison = against(Honest(info=less), "GET", "dripping server")
    assert comparison.identical
    assert comparison.rows[1].refused == {"other": "TOTAL_TIMEOUT"}
    assert comparison.rows[1].outcomes["good"].error == "TotalTimeout"

    def without_total(options):
        return dataclasses.replace(options, timeouts=dataclasses.replace(options.timeouts, total=None))

    ignoring = against(Altered(info=less, options=without_total), "dripping server", timeout=0.5)
    assert found(ignoring) == {"dripping server": ["error", "delivery"]}  # ignored it: T4 is broken


def test_a_refusal_of_what_is_declared_is_a_difference():
    """UnsupportedFeature for a capability that is declared is not honest."""

    class Refusing(SocketTransport):
        def send(self, request, options, /):
            raise UnsupportedFeature("not today", request=request)

    assert found(against(Refusing(), "204")) == {"204": ["error", "delivery", "status", "wire"]}


def test_a_transport_that_never_returns_is_given_up():
    """An exchange that hangs ends, differs, and is the last one asked of that transport."""
    release = threading.Event()

    class Hanging(SocketTransport):
        def send(self, request, options, /):
            release.wait(60)
            return super().send(request, options)

    begun = time.monotonic()
    comparison = against(Hanging(), "GET", "HEAD", timeout=0.1)
    release.set()
    assert time.monotonic() - begun < 5
    assert comparison.rows[0].outcomes["other"].error == NO_END
    assert not comparison.identical
    assert comparison.rows[1].outcomes.keys() == {"good", "also good"}


def test_a_body_without_end_is_not_read_for_ever():
    """A server that goes on sending is left after three timeouts, or when enough was read; that is no difference."""
    dripping = dataclasses.replace(BY_NAME["dripping server"], total=None)
    with Origin() as origin:
        transports = {"one": SocketTransport(), "two": SocketTransport()}
        comparison = compare(transports, [dripping], origin, timeout=0.2)
        long = Exchange("long", "", path=f"/bytes/{MOST_BODY + 1}")
        cut = compare(transports, [long], origin)
        for transport in transports.values():
            transport.close()
    assert comparison.identical
    assert {outcome.error for outcome in comparison.rows[0].outcomes.values()} == {NO_END}
    assert cut.identical
    assert {outcome.error for outcome in cut.rows[0].outcomes.values()} == {NO_END}
    assert {len(outcome.body) for outcome in cut.rows[0].outcomes.values()} == {MOST_BODY}


def answers(*heads):
    """An origin that gives these answers, one after the other."""
    origin = Origin()
    for head in heads:
        origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%b\r\n" % head)
    return origin


def compared_at(origin):
    """Compare two transports at an origin."""
    transports = {"one": SocketTransport(), "two": SocketTransport()}
    with origin:
        comparison = compare_at(f"{origin.url}/x", transports, timeout=2)
        for transport in transports.values():
            transport.close()
    return comparison


def test_what_a_server_varies_by_itself_is_no_difference_and_is_told():
    """A field that differs between two answers to the same transport is not compared; all others are."""
    heads = [b"Date: %d\r\nX-Same: 1\r\n" % number for number in range(6)]
    comparison = compared_at(answers(*heads))
    assert comparison.identical
    assert [row.varying for row in comparison.rows] == [("header date",)] * 2


def test_what_a_server_does_not_vary_by_itself_is_a_difference():
    """A field that differs for the second transport alone is a difference, whatever its name."""
    comparison = compared_at(answers(b"Date: 1\r\n", b"Date: 2\r\n", b"Date: 1\r\n", b"", b"", b""))
    assert [[each.field for each in row.differences] for row in comparison.rows] == [["headers"], []]
    assert comparison.rows[0].differences[0].shown == {"one": "'Date: 1'", "two": "'Date: 2'"}


def test_faults_are_the_same_through_the_relay():
    """At a URL, whose wire is seen through a relay, a cut body and a reset are the errors they are without it."""
    origin = Origin()
    for name in ("body cut off",) * 3 + ("reset",) * 3:  # GET from one, two and one; the same with HEAD
        origin.play(
            *(BY_NAME[name].script if name == "body cut off" else (0.05,)), then="fin" if "cut" in name else "rst"
        )
    comparison = compared_at(origin)
    assert comparison.identical
    get, head = (row.outcomes["two"] for row in comparison.rows)
    assert (get.status, get.error, get.phase, get.body) == (200, "IncompleteBody", "body", b"01234")
    assert (head.status, head.error, head.phase) == (None, "Disconnected", "wait")


@pytest.mark.parametrize(("end", "expected"), [(socket.SHUT_WR, b""), (None, ConnectionResetError)])
def test_a_relay_ends_as_its_server_does(end, expected):
    """FIN is passed on as FIN, after all that went before it; RST as RST."""
    with Origin() as origin, Relay(origin.host, origin.port) as relay:
        origin.play(b"hello", 0.05, then="fin" if end is not None else "rst")
        with socket.create_connection(("127.0.0.1", relay.port), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(5, socket.MSG_WAITALL) == b"hello"
            if end is None:
                with pytest.raises(expected):
                    client.recv(1)
            else:
                assert client.recv(1) == expected


def test_a_relay_carries_much_both_ways_and_leaves_nothing():
    """Megabytes pass unchanged in both directions at once; after close no thread of it is left."""
    before = threading.active_count()
    data = bytes(range(256)) * 16384
    with Origin() as origin:
        with Relay(origin.host, origin.port) as relay:
            transport = SocketTransport()
            exchange = Exchange("big", "", "POST", "/echo", keywords=lambda: {"data": data})
            request = exchange.request(f"http://127.0.0.1:{relay.port}")
            from intermodal.model.options import Options

            with transport.send(request, Options()) as response:
                assert response.raw.read() == data
            idle = socket.create_connection(("127.0.0.1", relay.port), 5)
        assert relay.connections[0].received == origin.requests[0].raw
        assert not any(each.open for each in relay.connections)
        idle.close()
        transport.close()
    assert threading.active_count() <= before


_outcomes = st.builds(
    Outcome,
    status=st.sampled_from([None, 200, 404]),
    reason=st.sampled_from([None, "OK"]),
    headers=st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("12"))).map(tuple),
    body=st.binary(max_size=3),
    trailers=st.sampled_from([None, (), (("X", "1"),)]),
    informational=st.sampled_from([(), ((103, "", ()),)]),
    error=st.sampled_from([None, "ReadTimeout", "Disconnected"]),
    delivery=st.sampled_from([None, "sent", "maybe_sent"]),
    wire=st.sampled_from([None, (), (b"a\r\nb",), (b"a\r\nc",), (b"a\r\n",), (b"a", b"b")]),
)


def says(outcome, name):
    """Whether there was a head, or an end, that a field could be about."""
    if name in ("reason", "version", "headers", "informational"):
        return outcome.status is not None
    return name != "trailers" or outcome.error is None


@given(st.lists(_outcomes, min_size=2, max_size=4), st.booleans())
def test_differences_are_found_exactly_where_values_differ(outcomes, early):
    """A field is told if and only if its values differ, but for what a clock or an early answer leaves open."""
    named = {f"t{index}": outcome for index, outcome in enumerate(outcomes)}
    told = {each.field: each for each in differences(named, {}, early=early)}
    for name in COMPARED:
        said = {key: getattr(outcome, name) for key, outcome in named.items() if says(outcome, name)}
        values = set(said.values())
        if name in told:
            assert len(values) > 1
            assert told[name].shown.keys() == said.keys()
            assert 0 < len(told[name].odd) < len(said)
        elif len(values) > 1:
            assert early if name == "wire" else name == "body" and any(each.error == "ReadTimeout" for each in outcomes)
            longest = max((value if name == "body" else value[0] for value in values), key=len)
            assert all(longest.startswith(value if name == "body" else value[0]) for value in values)


def test_values_are_shown_where_they_part():
    """However long the values, what is shown is the place where they differ."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 300
    one = Outcome(body=bytes(1000) + b"1", wire=(head + b"1\r\n\r\n",))
    two = Outcome(body=bytes(1000) + b"2", wire=(head + b"2\r\n\r\n",))
    body, wire = differences({"one": one, "two": two}, {})
    assert body.shown == {"one": "1,001 bytes, at 1,000: b'1'", "two": "1,001 bytes, at 1,000: b'2'"}
    assert wire.shown["one"] == f"line 3: ...'{'x' * 30}1\\r\\n'"


def test_an_early_answer_alone_excuses_a_request_cut_short():
    """Less of the same request is a difference, unless the server had answered before it was all there."""
    whole, cut = Outcome(413, wire=(b"PUT / HTTP/1.1\r\n\r\nabc",)), Outcome(413, wire=(b"PUT / HTTP/1.1\r\n\r\na",))
    other = Outcome(413, wire=(b"PUT / HTTP/1.1\r\n\r\nb",))
    assert [each.field for each in differences({"one": whole, "two": cut}, {})] == ["wire"]
    assert differences({"one": whole, "two": cut}, {}, early=True) == ()
    assert [each.field for each in differences({"one": whole, "two": other}, {}, early=True)] == ["wire"]


def test_a_guarantee_that_is_not_declared_may_be_left_open_but_not_broken():
    """Without the guarantee, None for trailers is no difference; other trailers are, and so is None with it."""
    one = Outcome(200, trailers=(("X", "1"),), delivery="sent")
    silent = Outcome(200, trailers=None, delivery="maybe_sent")
    wrong = Outcome(200, trailers=(), delivery="sent")
    none = {"two": Guarantee.NONE}
    assert differences({"one": one, "two": silent}, none) == ()
    assert [each.field for each in differences({"one": one, "two": silent}, {})] == ["delivery", "trailers"]
    assert [each.field for each in differences({"one": one, "two": wrong}, none)] == ["trailers"]
