"""What is sent again after a failure, when, and what never is."""

import asyncio
import copy
import datetime as dt
import pickle
import threading
import time
import warnings
from dataclasses import dataclass, field

import pytest
import urllib3
from fleet import make_transport
from hypothesis import given
from hypothesis import strategies as st
from safety.lanes import over_all

from intermodal import errors
from intermodal.flow import Call, adrive, drive, send
from intermodal.middleware.retries import NEVER, Budget, Retry, ended_idle, with_retries
from intermodal.model.options import Limits, Options, Proxy, Timeouts
from intermodal.model.request import Request
from intermodal.model.response import AsyncResponse, Response
from intermodal.testing.origin import Drip, Origin

#: RFC 9110 section 9.2.2, with 9.2.1 for what is safe.
IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]
OTHERS = ["POST", "PATCH", "QUERY", "get"]
GET = Request("GET", "http://h/")
PATIENT = {"connect": 20, "read": 20, "write": 20, "pool": 20}


class Watched(Response):
    """A response that counts how often it was drained, which takes a while on the clock of its line."""

    drained = 0
    line = None
    takes = 0.0

    def drain(self, limit, seconds):
        self.drained += 1
        if self.line is not None:
            self.line.now += self.takes
        super().drain(limit, seconds)


@dataclass
class Line:
    """A scripted transport with a clock of its own: each outcome is a response, an error, or a status."""

    outcomes: list
    total: float | None = None
    takes: float = 0.0
    reads_bodies: bool = False
    now: float = 0.0
    carried: list = field(default_factory=list)
    sleeps: list = field(default_factory=list)
    told: list = field(default_factory=list)
    came: list = field(default_factory=list)

    def carry(self, request, options):
        self.carried.append(request)
        self.now += self.takes
        outcome = self.outcomes[min(len(self.carried), len(self.outcomes)) - 1]
        if isinstance(outcome, int):
            outcome = Watched(outcome)
        outcome.line = self
        self.came.append(outcome)
        if self.reads_bodies and request.body is not None:
            list(request.body.pieces())
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def rest(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds

    def tell(self, kind, request, **details):
        self.told.append((kind, request, details))

    def run(self, request=GET, retry=NEVER, options=Options(), **settings):  # noqa: B008 - frozen
        """Run a call to its end, and give what was returned or raised."""
        settings = {"random": lambda: 1.0, "call": _Clocked(self)} | settings
        flow = with_retries(request, options, send, retry=retry, **settings)
        try:
            return drive(flow, self.carry, self.rest)
        except BaseException as error:
            return error


class _Clocked(Call):
    def __init__(self, line):
        super().__init__(None, line.tell)
        self.line = line

    def remaining(self):
        return None if self.line.total is None else self.line.total - self.line.now


def failure(kind, delivery="maybe_sent", phase="wait", reused=False, response=None):
    return kind("scripted", delivery=delivery, phase=phase, reused=reused, response=response)


def idle_end():
    return failure(errors.Disconnected, reused=True)


# --- by delivery, method, body and class --------------------------------------------------------------------------------

#: Each class, and the deliveries it comes with, of which another attempt may mend something.
PASSING = {
    errors.ConnectionError: ("not_sent", "maybe_sent", "sent"),
    errors.NameResolutionError: ("not_sent",),
    errors.ConnectTimeout: ("not_sent",),
    errors.PoolTimeout: ("not_sent",),
    errors.TLSError: ("not_sent", "maybe_sent", "sent"),
    errors.Disconnected: ("not_sent", "maybe_sent", "sent"),
    errors.ReadTimeout: ("maybe_sent", "sent"),
    errors.WriteTimeout: ("not_sent", "maybe_sent"),
    errors.Timeout: ("maybe_sent",),
    errors.ProtocolError: ("sent", "maybe_sent"),
    errors.IncompleteBody: ("sent",),
    errors.ProxyError: ("not_sent",),
}
#: Those of which none does.
LASTING = (
    errors.CertificateError,
    errors.TransportClosed,
    errors.TotalTimeout,
    errors.InvalidRequest,
    errors.InvalidURL,
    errors.UnsupportedFeature,
    errors.BodyNotReplayable,
    errors.RequestBodyError,
    errors.ContentDecodingError,
    errors.TransportBug,
    errors.Error,
)
BODIES = {
    "none": (lambda: None, False, True),
    "bytes": (lambda: b"x", True, True),
    "a list": (lambda: [b"x", b"y"], True, True),
    "once, not begun": (lambda: iter([b"x"]), False, True),
    "once, begun": (lambda: iter([b"x"]), True, False),
}


def each_request():
    """Give each method with each kind of body: the request, whether its body is read before it fails, whether it is there after."""
    for method in [*IDEMPOTENT, *OTHERS]:
        for body, (make, begun, whole) in BODIES.items():
            if method != "TRACE" or body == "none":
                yield Request(method, "http://h/", body=make()), begun, whole


@pytest.mark.parametrize(("kind", "delivery"), [(kind, each) for kind, all in PASSING.items() for each in all])
def test_what_may_be_mended_is_repeated_where_it_does_no_harm(kind, delivery):
    """Not sent: any method. Else idempotent ones only. Never without the body; the second attempt's answer is given."""
    for request, begun, whole in each_request():
        line = Line([failure(kind, delivery), 200], reads_bodies=begun)
        result = line.run(request, Retry(1))
        repeated = whole and (delivery == "not_sent" or request.method in IDEMPOTENT)
        assert line.carried == [request] * (1 + repeated)
        assert result is line.came[-1]


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.parametrize("delivery", ["not_sent", "maybe_sent", "sent"])
def test_what_would_not_change_is_not_repeated(kind, delivery):
    """A certificate, a closed transport, time that is over, a request or a body that cannot be sent: raised at once."""
    line = Line([failure(kind, delivery), 200])

    assert line.run(retry=Retry(9)) is line.came[0]
    assert (len(line.carried), line.sleeps, line.told) == (1, [], [])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_is_no_error_of_ours_goes_through(kind):
    """An interruption, and what is foreign, is never held up."""
    line = Line([kind("x"), 200])

    assert line.run(retry=Retry(9)) is line.came[0]
    assert len(line.carried) == 1


@pytest.mark.parametrize(
    ("status", "phase", "proxy", "repeated"),
    [
        (None, "connect", "http://p", True),
        (None, "proxy", "http://p", True),
        (503, "proxy", "http://p", True),
        (407, "proxy", "http://p", False),
        (403, "proxy", "http://p", False),
        (None, "connect", "socks5://u:p@p", True),
        (None, "proxy", "socks5://u:p@p", False),
    ],
)
def test_a_proxy_that_refuses_is_not_asked_again(status, phase, proxy, repeated):
    """One that cannot be reached, or is busy, may be later; a login that was refused is not given again."""
    refusal = None if status is None else Response(status)
    line = Line([failure(errors.ProxyError, "not_sent", phase, response=refusal), 200])
    line.run(Request("POST", "https://h/"), Retry(1), Options(proxy=Proxy(proxy)))

    assert len(line.carried) == 1 + repeated


# --- by status ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [200, 204, 304, 400, 401, 404, 408, 409, 413, 425, 429, 500, 501, 502, 503, 504, 505]
)
def test_statuses_that_mean_not_now_are_repeated(status):
    """408, 429, 502, 503 and 504, for idempotent methods whose body is there; any other is the answer."""
    for request, begun, whole in each_request():
        line = Line([status, 200], reads_bodies=begun)
        result = line.run(request, Retry(1))
        repeated = status in {408, 429, 502, 503, 504} and request.method in IDEMPOTENT and whole
        assert line.carried == [request] * (1 + repeated)
        assert result is line.came[-1]
        assert [each.drained for each in line.came] == [1] * repeated + [0]


def test_what_is_repeated_can_be_chosen():
    """Other statuses and methods by name, whatever the case they are written in; None is every method."""
    for methods in (["post"], None):
        line = Line([500, 503, 200])
        line.run(Request("POST", "http://h/"), Retry(2, statuses=[500], methods=methods))
        assert len(line.carried) == 2
    line = Line([failure(errors.ReadTimeout), 200])
    line.run(retry=Retry(2, methods=()))
    assert len(line.carried) == 1


@pytest.mark.parametrize("total", [0, 1, 3])
def test_in_the_end_the_last_outcome_is_handed_over(total):
    """The last response is returned as it is, undrained, those before are drained; the last error is raised."""
    line = Line([503])
    assert line.run(retry=Retry(total)) is line.came[-1]
    assert [each.drained for each in line.came] == [1] * total + [0]
    line = Line([failure(errors.ReadTimeout) for _ in range(9)])
    assert line.run(retry=Retry(total)) is line.outcomes[total]
    assert len(line.sleeps) == total


# --- the wait -----------------------------------------------------------------------------------------------------------

seconds = st.floats(0, 1000, allow_subnormal=False)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), seconds, seconds)
def test_a_wait_is_anything_up_to_a_bound_that_doubles(chances, backoff, most):
    """Full jitter: chance times ``backoff * 2**n``, and never more than ``max_backoff``; what is 0 is not waited for."""
    drawn = iter(chances)
    line = Line([failure(errors.ReadTimeout)])
    line.run(retry=Retry(len(chances), backoff, max_backoff=most), random=lambda: next(drawn))
    expected = [min(most, backoff * 2**n) * chance for n, chance in enumerate(chances)]

    assert [told["seconds"] for _, _, told in line.told] == pytest.approx(expected)
    assert line.sleeps == [told["seconds"] for _, _, told in line.told if told["seconds"]]


def test_waits_stay_bounded_and_differ():
    """After thousands of retries a wait is ``max_backoff`` at most; by default chance decides, and differently."""
    line = Line([503])
    line.run(retry=Retry(3000))
    assert line.sleeps[:7] == [0.5, 1, 2, 4, 8, 16, 30]
    assert (set(line.sleeps[7:]), len(line.sleeps)) == ({30}, 3000)
    line = Line([503])
    drive(with_retries(GET, Options(), send, retry=Retry(20, max_backoff=0.5), call=Call()), line.carry, line.rest)
    assert len(set(line.sleeps)) == 20
    assert all(0 <= each < 0.5 for each in line.sleeps)


def test_each_repetition_is_told():
    """With the number of the attempt to come, the wait before it, and why."""
    line = Line([idle_end(), 503, failure(errors.ReadTimeout), 200])
    line.run(retry=Retry(2))

    assert line.told == [
        ("retry", GET, {"attempt": 2, "seconds": 0, "reason": "Disconnected: scripted"}),
        ("retry", GET, {"attempt": 3, "seconds": 0.5, "reason": "status 503"}),
        ("retry", GET, {"attempt": 4, "seconds": 1, "reason": "ReadTimeout: scripted"}),
    ]


# --- Retry-After --------------------------------------------------------------------------------------------------------

DAYS = ("Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fixed(when):
    return f"{DAYS[when.weekday()]:.3}, {when:%d} {MONTHS[when.month - 1]} {when.year:04} {when:%H:%M:%S} GMT"


def rfc850(when):
    return f"{DAYS[when.weekday()]}day, {when:%d}-{MONTHS[when.month - 1]}-{when.year % 100:02} {when:%H:%M:%S} GMT"


def asctime(when):
    return f"{DAYS[when.weekday()]:.3} {MONTHS[when.month - 1]} {when.day:2} {when:%H:%M:%S} {when.year:04}"


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"  # the example of RFC 9110 section 5.6.7


def waits(after, *, date=DATE, status=503, **settings):
    """Give what is waited upon such a Retry-After; None where the response is handed over instead."""
    fields = [("Retry-After", each) for each in ([after] if isinstance(after, str) else after)]
    line = Line([Watched(status, [*fields, *([] if date is None else [("Date", date)])]), 200])
    line.run(retry=Retry(1, backoff=0, **settings))
    return sum(line.sleeps) if len(line.carried) == 2 else None


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # delay-seconds
        ("0", 0),
        ("1", 1),
        ("007", 7),
        ("60", 60),
        ("61", None),
        ("31536000", None),
        ("9" * 10, None),
        ("9" * 5000, None),
        ("0" * 5000 + "3", 3),
        # the three forms of a date
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun Nov 06 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60),
        ("Sun, 06 Nov 1994 08:50:38 GMT", None),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 23),  # a leap second
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:36 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        # what is none of these says nothing
        ("", 0),
        ("-1", 0),
        ("+5", 0),
        ("1.5", 0),
        ("1e3", 0),
        ("0x10", 0),
        ("5 seconds", 0),
        ("5, 5", 0),
        (["5", "5"], 0),
        ("\u00b2", 0),
        ("soon", 0),
        ("Sun, 06 Nov 1994 08:49:47", 0),
        ("Sun, 06 Nov 1994 08:49:47 CET", 0),
        ("Sun, 06 Nov 1994 08:49:47 +0000", 0),
        ("sun, 06 nov 1994 08:49:47 gmt", 0),
        ("Sun, 6 Nov 1994 08:49:47 GMT", 0),
        ("Sun, 31 Feb 1995 08:49:47 GMT", 0),
        ("Sun, 06 Nov 1994 24:49:47 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:61 GMT", 0),
        ("Sun, 06 Nov 0000 08:49:47 GMT", 0),
        ("Sun, 06-Nov-94 08:49:47 GMT", 0),
        ("1994-11-06T08:49:47Z", 0),
    ],
)
def test_a_server_says_how_long_to_wait(after, expected):
    """Seconds or a date in any form, against the server's own clock; a minute at most; what cannot be read is nothing."""
    assert waits(after) == expected


def test_a_longer_wait_is_the_callers_to_decide():
    """Beyond ``max_retry_after`` the response is handed over whole; within it is waited for, or not if not respected."""
    assert waits("315360000", max_retry_after=9e8) == 315360000
    assert waits("1", max_retry_after=0.5) is None
    assert waits("31536000", respect_retry_after=False) == 0
    line = Line([Watched(503, {"Retry-After": "3600"}, b"come back in an hour"), 200])
    result = line.run(retry=Retry(5))
    assert (result.content, result.drained, line.sleeps) == (b"come back in an hour", 0, [])


def test_the_longer_wait_counts():
    """The server's is the least that is waited: its 0 does not do away with our own."""
    for after, expected in (("0", 8), ("7", 8), ("9", 9)):
        line = Line([Watched(429, {"Retry-After": after}), 200])
        line.run(retry=Retry(1, backoff=8))
        assert line.sleeps == [expected]


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_the_servers_clock_ours_counts(date):
    """A date is taken against the time of this machine where the response has none to compare it with."""
    soon = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=30)
    for form in (fixed, rfc850, asctime):
        assert 25 < waits(form(soon), date=date) <= 30


@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)), st.integers(0, 10**6))  # noqa: DTZ001 - it is GMT
def test_dates_are_read_as_they_are_written(now, later):
    """Whatever the date, the wait is the difference to that of the response, in both forms that name the year in full."""
    now = now.replace(microsecond=0)
    try:
        then = now + dt.timedelta(seconds=later)
    except OverflowError:
        then, later = now, 0
    for form in (fixed, asctime):
        for date in (fixed, asctime):
            assert waits(form(then), date=date(now), max_retry_after=10**7) == later


@pytest.mark.parametrize(
    ("days", "wait"), [(10, None), (18_200, None), (18_259, None), (18_266, 0), (19_000, 0), (-1, 0), (-18_000, 0)]
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(days, wait):
    """One that would be more than 50 years ahead is the last of these digits that has passed (RFC 9110 section 5.6.7)."""
    then = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=days)
    assert waits(rfc850(then), date=None) == wait


@given(st.text(max_size=40) | st.from_regex(r"[0-9A-Za-z ,:\-]{0,40}", fullmatch=True))
def test_no_retry_after_breaks_a_call(text):
    """Whatever a server writes there, the call ends with its outcome."""
    try:
        answer = Watched(503, {"Retry-After": text})
    except errors.Error:
        return
    assert Line([answer, 200]).run(retry=Retry(1)).status_code in {200, 503}


# --- the deadline -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "repeated"), [(None, True), (8.1, True), (8.0, False), (1, False), (0, False)])
def test_no_wait_goes_beyond_the_deadline(total, repeated):
    """Where a wait would leave no time, the outcome is handed over at once, a response undrained."""
    for outcome in (503, failure(errors.ReadTimeout), Watched(503, {"Retry-After": "8"})):
        line = Line([outcome, 200], total=total)
        result = line.run(retry=Retry(1, backoff=8))
        assert (len(line.carried), line.sleeps) == ((2, [8]) if repeated else (1, []))
        assert result is line.came[-1]
        assert getattr(result, "drained", 0) == 0


def test_after_the_deadline_nothing_is_sent_again():
    """Not even for a connection that had ended while it was idle, though that costs no wait."""
    line = Line([idle_end(), 200], total=5, takes=5)

    assert line.run() is line.came[0]
    assert len(line.carried) == 1


def test_draining_is_part_of_the_wait():
    """What a reluctant body takes is waited less, so that the next attempt begins when it was to."""
    line = Line([Watched(503), 200], total=10)
    line.outcomes[0].takes = 0.25
    line.run(retry=Retry(1, backoff=8))
    assert line.sleeps == [7.75]
    line = Line([Watched(503), 200], total=10)
    line.outcomes[0].takes = 0.25
    line.run(retry=Retry(1, backoff=0.125))
    assert (line.sleeps, len(line.carried), line.told[0][2]["seconds"]) == ([], 2, 0)


# --- connections that had ended while they were idle --------------------------------------------------------------------


@pytest.mark.parametrize("retry", [NEVER, Retry(3)])
def test_a_connection_that_had_ended_costs_nothing(retry):
    """The request goes out again at once, and neither a retry nor a token is spent for that."""
    budget = Budget(1)
    line = Line([idle_end(), 200])

    assert line.run(retry=retry, budget=budget) is line.came[1]
    assert (line.sleeps, budget.left, len(line.told)) == ([], 1, 1)


def test_each_dead_connection_is_used_up_and_no_more_than_five():
    """A transport may have kept several that are dead; a request that its server dies of is not sent for ever."""
    for dead, sent in ((1, 2), (5, 6), (6, 6), (50, 6)):
        line = Line([*(idle_end() for _ in range(dead)), 200])
        result = line.run()
        assert len(line.carried) == sent
        assert result is line.came[-1]
    line = Line([idle_end()] * 50)
    line.run(retry=Retry(2))
    assert (len(line.carried), line.sleeps) == (8, [0.5, 1])


@pytest.mark.parametrize(
    "error",
    [
        failure(errors.Disconnected),  # a new connection: the server itself hung up
        failure(errors.Disconnected, "sent", "send", reused=True),
        failure(errors.Disconnected, "sent", "head", reused=True),
        failure(errors.Disconnected, "sent", "body", reused=True),
        failure(errors.Disconnected, "not_sent", "tls", reused=True),
        failure(errors.ReadTimeout, reused=True),
        failure(errors.ProtocolError, reused=True),
        failure(errors.ConnectionError, reused=True),
        failure(errors.TLSError, reused=True),
    ],
    ids=lambda error: f"{type(error).__name__} {error.phase} {error.reused}",
)
def test_only_that_is_mended_unasked(error):
    """Anything else is a failure of the server or of the way, and with no retries it is raised."""
    line = Line([error, 200])
    assert line.run() is error
    assert len(line.carried) == 1


def test_what_had_ended_is_mended_only_where_it_does_no_harm():
    """Idempotent methods with a body that is there; anything else may have been acted upon."""
    for phase in ("send", "wait"):
        for request, begun, whole in each_request():
            error = failure(errors.Disconnected, phase=phase, reused=True)
            line = Line([error, 200], reads_bodies=begun)
            line.run(request)
            mended = request.method in IDEMPOTENT and whole
            assert len(line.carried) == 1 + mended
            assert ended_idle(error, request, NEVER) == mended


# --- the budget ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(1, 4), st.lists(st.booleans(), max_size=80))
def test_a_budget_is_a_bucket(tokens, successes, takes):
    """Takes what there is, and is given one back for each so many successes, up to where it began."""
    budget, left, given_back = Budget(tokens, successes), tokens, 0
    for take in takes:
        if take:
            assert budget.take() == (left > 0)
            left = max(0, left - 1)
        else:
            budget.give()
            given_back += 1
            left = min(tokens, left + (given_back % successes == 0))
        assert budget.left == left


def test_calls_share_a_budget():
    """When it is spent, no call repeats anything; what is handed over is whole; answers fill it again."""
    budget = Budget(tokens=3, successes=2)
    lines = [Line([503]), Line([failure(errors.ReadTimeout)]), Line([503])]
    for line in lines:
        line.run(retry=Retry(2), budget=budget)
    assert [len(line.carried) for line in lines] == [3, 2, 1]
    assert lines[2].came[0].drained == 0
    for outcome in (500, 503, failure(errors.CertificateError)):  # no successes
        for _ in range(4):
            Line([outcome]).run(retry=Retry(2), budget=budget)
            assert budget.left == 0
    for outcome in (200, 404):
        Line([outcome]).run(retry=Retry(2), budget=budget)
    assert budget.left == 1


def test_a_server_in_trouble_is_not_sent_a_multiple():
    """Out of 1000 calls that all fail, no more than the tokens are repeated; of 1000 where half do, a fifth beside."""
    budget = Budget()
    sent = 0
    for _ in range(1000):
        line = Line([503])
        line.run(retry=Retry(3), budget=budget)
        sent += len(line.carried)
    assert sent == 1000 + 100
    sent = 0
    for number in range(1000):
        line = Line([503 if number % 2 else 200])
        line.run(retry=Retry(3), budget=budget)
        sent += len(line.carried)
    assert sent == 1000 + 500 // 5


def test_threads_share_a_budget():
    """However many take at once, it pays for what it has, and not for one more."""
    budget = Budget(tokens=500, successes=1_000_000)
    taken = []
    start = threading.Barrier(8)

    def work():
        start.wait()
        for _ in range(200):
            line = Line([503])
            line.run(retry=Retry(1), budget=budget)
            taken.append(len(line.carried) - 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(taken), len(taken), budget.left) == (500, 1600, 0)


def test_a_budget_travels_as_it_was_made():
    """A copy, in this process or another, has the same settings and is full."""
    budget = Budget(3, 7)
    budget.take()
    for other in (pickle.loads(pickle.dumps(budget)), copy.deepcopy(budget)):
        assert (other.tokens, other.successes, other.left) == (3, 7, 3)


@pytest.mark.parametrize("value", [0, -1, 10**7, 1.5, "3", None, True])
def test_no_budget_without_a_number(value):
    """Its numbers are whole, from 1 to a million."""
    for settings in ({"tokens": value}, {"successes": value}):
        with pytest.raises((TypeError, ValueError), match=next(iter(settings))):
            Budget(**settings)


# --- all of it together -------------------------------------------------------------------------------------------------

CLASSES = [*PASSING, *LASTING]


@st.composite
def outcomes(draw):
    """Draw what comes of one attempt."""
    if draw(st.booleans()):
        fields = draw(st.sampled_from([{}, {"Retry-After": "0"}, {"Retry-After": "3"}, {"Retry-After": "99"}]))
        answer = Watched(draw(st.sampled_from([200, 404, 429, 500, 503])), fields)
        answer.takes = draw(st.sampled_from([0.0, 0.25]))
        return answer
    delivery, phase = draw(
        st.sampled_from([("not_sent", "connect"), ("maybe_sent", "wait"), ("maybe_sent", "send"), ("sent", "head")])
    )
    kind = draw(st.sampled_from([errors.Disconnected, *CLASSES]))
    return failure(kind, delivery, phase, reused=draw(st.booleans()))


@given(
    st.lists(outcomes(), min_size=1, max_size=12),
    st.integers(0, 5),
    st.sampled_from(IDEMPOTENT + OTHERS),
    st.sampled_from(sorted(BODIES)),
    st.none() | st.floats(0, 40),
    st.sampled_from([0.0, 0.5]),
    st.integers(1, 4),
    st.data(),
)
def test_whatever_comes_nothing_is_done_twice_nor_for_ever(script, total, method, body, deadline, takes, tokens, data):
    """Bounded sends, waits within the deadline, no doubtful repetition, every response but the last drained once."""
    make, begun, whole = BODIES["none" if method == "TRACE" else body]
    budget = Budget(tokens, 1_000_000)
    line = Line([*script, Response(200)], deadline, takes, reads_bodies=begun)
    result = line.run(
        Request(method, "http://h/", body=make()),
        Retry(total),
        budget=budget,
        random=lambda: data.draw(st.floats(0, 1)),
    )
    *before, last = line.came
    idle = [isinstance(each, errors.Disconnected) and each.reused and each.phase != "head" for each in before]

    assert result is last
    assert len(line.carried) <= 1 + total + 5
    assert tokens - budget.left <= len(before) <= tokens - budget.left + min(5, sum(idle))
    assert tokens - budget.left <= total
    assert deadline is None or not line.sleeps or sum(line.sleeps) < deadline
    assert [told["attempt"] for _, _, told in line.told] == list(range(2, len(line.carried) + 1))
    assert sum(told["seconds"] for _, _, told in line.told) == pytest.approx(sum(line.sleeps))
    for outcome in before:
        assert type(outcome) not in LASTING
        assert whole
        if method not in IDEMPOTENT:
            assert isinstance(outcome, errors.TransportError)
            assert outcome.delivery == "not_sent"
        if isinstance(outcome, Watched):
            assert (outcome.drained, outcome.status_code in {429, 503}) == (1, True)
    assert getattr(last, "drained", 0) == 0


def test_the_flow_has_no_colour():
    """Awaited, it does the same, and is done with what it does not hand over."""
    closed = []

    class Body:
        async def read(self, n, /):
            return b""

        async def aclose(self):
            closed.append(self)

    script = iter([AsyncResponse(503, body=Body()), failure(errors.ReadTimeout), AsyncResponse(200, body=Body())])
    waited = []

    async def carry(request, options):
        outcome = next(script)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def rest(seconds):
        waited.append(seconds)

    flow = with_retries(GET, Options(), send, retry=Retry(2), call=Call(), random=lambda: 1)
    assert asyncio.run(adrive(flow, carry, rest)).status_code == 200
    assert (waited, len(closed)) == ([0.5, 1], 1)


# --- the settings -------------------------------------------------------------------------------------------------------


def test_a_retry_is_a_value():
    """Equal by what it says, hashable, picklable, and not to be changed."""
    made = Retry(2, statuses=[503, 503], methods=["get"])
    assert made == Retry(2, statuses=frozenset({503}), methods={"GET"})
    assert {made: 1}[pickle.loads(pickle.dumps(made))] == 1
    with pytest.raises(AttributeError):
        made.total = 3
    assert (NEVER.total, Retry.of(None), Retry.of(0), Retry.of(4), Retry.of(made)) == (0, NEVER, NEVER, Retry(4), made)


@pytest.mark.parametrize(
    "settings",
    [
        *({"total": value} for value in (-1, 1.0, "3", None, True, 10**9)),
        *(
            {name: value}
            for name in ("backoff", "max_backoff", "max_retry_after")
            for value in (-0.1, float("nan"), float("inf"), 1e9, "1", None, False)
        ),
        *({"statuses": value} for value in (503, "503", [True], ["503"], [100], [101], [1000], None, [503.0])),
        *({"methods": value} for value in ("GET", b"GET", [b"GET"], [""], ["G T"], ["GET\n"], 7)),
        *({"respect_retry_after": value} for value in (1, None, "no")),
    ],
    ids=str,
)
def test_what_is_no_setting_is_refused_by_its_name(settings):
    """Numbers out of bounds, and what is of another kind, when it is given and not when it would be needed."""
    with pytest.raises((TypeError, ValueError), match=next(iter(settings))):
        Retry(**settings)


@pytest.mark.parametrize("value", [True, False, "3", 3.0, [3], {}, object(), -1])
def test_what_is_no_number_of_retries_is_refused(value):
    """The error says what was given and what was expected."""
    with pytest.raises((TypeError, ValueError), match="expected a (whole )?number"):
        Retry.of(value)


def test_urllib3s_settings_are_understood():
    """What requests' users mount with an HTTPAdapter is taken over; what cannot be kept is refused."""
    given = urllib3.Retry(
        total=5, connect=5, read=7, backoff_factor=0.3, status_forcelist=[500, 502], allowed_methods=["GET", "POST"]
    )
    assert Retry.of(given) == Retry(5, 0.3, {500, 502}, {"GET", "POST"}, max_backoff=120, max_retry_after=21600)
    default = Retry.of(urllib3.Retry(respect_retry_after_header=False))
    assert (default.total, default.backoff, default.statuses, default.methods, default.respect_retry_after) == (
        10,
        0,
        frozenset(),
        frozenset(IDEMPOTENT),
        False,
    )
    assert Retry.of(urllib3.Retry(3, allowed_methods=None)).methods is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this will mean no method, in urllib3 3
        of_every_method = urllib3.Retry(3, allowed_methods=[])
    assert Retry.of(of_every_method).methods is None
    assert Retry.of(urllib3.Retry(False)).total == Retry.of(urllib3.Retry(0, read=False)).total == 0
    for refused in (
        {"total": None},
        {"total": 5, "read": 0},
        {"total": 5, "connect": 1},
        {"total": 5, "status": False},
    ):
        with pytest.raises(ValueError, match="urllib3"):
            Retry.of(urllib3.Retry(**refused))


# --- over each transport ------------------------------------------------------------------------------------------------


def over(transport, request, retry=NEVER, rest=time.sleep, told=None):
    call = Call(None, lambda kind, request, **details: told.append(details["attempt"]) if told is not None else None)
    flow = with_retries(request, Options(Timeouts(**PATIENT)), send, retry=retry, call=call, random=lambda: 0.0)
    return drive(flow, transport.send, rest)


@pytest.mark.parametrize("end", ["fin", "rst"])
def test_a_connection_that_ends_as_it_is_used_again(end):
    """A GET goes out once more, on a new connection; a POST does not, and its error says why."""

    def exchange(name):
        transport = make_transport(name, limits=Limits(connections=2))
        try:
            with Origin() as origin:
                first, told = Request("GET", f"{origin.url}/get"), []
                over(transport, first).content  # noqa: B018 - read
                origin.play(then=end)
                assert over(transport, Request("GET", f"{origin.url}/get?again"), told=told).json()["args"] == {
                    "again": [""]
                }
                seen = [[each.target for each in connection.requests] for connection in origin.connections]
                assert (seen, told) == ([["/get", "/get?again"], ["/get?again"]], [2])
                origin.reset_records()
                over(transport, first).content  # noqa: B018 - read
                origin.play(then=end)
                with pytest.raises(errors.Disconnected) as caught:
                    over(transport, Request("POST", f"{origin.url}/post", body=b"x"), Retry(5))
                assert [each.target for each in origin.requests] == ["/get", "/post"]
            return caught.value.reused, caught.value.delivery
        finally:
            transport.close()

    assert set(over_all(exchange).values()) == {(True, "maybe_sent")}


def test_several_connections_that_had_ended():
    """Each that a transport has kept is found dead and gone; then a new one is opened."""

    def exchange(name):
        transport = make_transport(name)
        try:
            with Origin() as origin:
                answers = [over(transport, Request("GET", f"{origin.url}/bytes/300000")) for _ in range(3)]
                assert [len(answer.content) for answer in answers] == [300000] * 3
                for _ in range(3):
                    origin.play(then="rst")
                assert over(transport, Request("PUT", f"{origin.url}/put", body=b"x")).ok
                assert [len(each.requests) for each in origin.connections] == [2, 2, 2, 1]
        finally:
            transport.close()

    over_all(exchange)


def test_a_busy_server_is_asked_again():
    """With Retry-After: 0 at once, on the same connection where the body was small, on another where it has no end."""

    def exchange(name):
        transport = make_transport(name, limits=Limits(connections=1))
        try:
            with Origin() as origin:
                busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\n"
                origin.play(busy + b"Content-Length: 4\r\n\r\nbusy")
                request = Request("DELETE", f"{origin.url}/delete")
                assert over(transport, request, Retry(1), rest=None).ok
                assert [len(each.requests) for each in origin.connections] == [2]
                origin.play(busy + b"\r\n", Drip(b"x" * 1000, 0.05))
                assert over(transport, request, Retry(1), rest=None).ok
                origin.play(busy + b"Content-Length: 4\r\n\r\nbusy")
                answer = over(transport, request, NEVER)
                assert (answer.status_code, answer.content) == (503, b"busy")
        finally:
            transport.close()

    over_all(exchange)


def test_nobody_listens_yet():
    """A POST whose body can be read only once is sent as soon as somebody does, because nothing of it was sent before."""

    def exchange(name):
        transport = make_transport(name)
        with Origin() as gone:
            port = gone.port
        opened = []

        def rest(_):
            opened.append(Origin(port=port))

        try:
            request = Request("POST", f"http://127.0.0.1:{port}/post", body=iter([b"once"]))
            flow = with_retries(
                request, Options(Timeouts(**PATIENT)), send, retry=Retry(1), call=Call(), random=lambda: 1.0
            )
            assert drive(flow, transport.send, rest).ok
            assert [each.body for each in opened[0].requests] == [b"once"]
        finally:
            transport.close()
            for origin in opened:
                origin.close()

    over_all(exchange)
