"""Send a request again where that may mend what went wrong, and where it cannot do a thing twice.

What may be sent again follows from how far the request had come (``error.delivery``, RFC 9110 section 9.2.2):

- Not a byte of it had left: any method may go again.
- It may have arrived, or an answer began or came: idempotent methods only, ``Retry.methods``.
- In both cases only with a body that is there to be sent: none, one that can be read again, or one not begun to be read.

Not repeated is what no other attempt would mend: a certificate that was not accepted, a refusal of the proxy's, a
transport that is closed, the end of all time that there was; nor what is no failure of the way: a request that cannot be
sent, the caller's own body that raises.

One thing is mended without being asked for, with ``Retry(0)`` too: a connection that had served before and ended before
the first byte of an answer. It had ended already while it was idle, most likely, and its end crossed the request. That
says nothing about the server, so such a repetition waits for nothing and counts nowhere.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from intermodal.errors import (
    CertificateError,
    Disconnected,
    InvalidRequest,
    ProxyError,
    TotalTimeout,
    TransportClosed,
    TransportError,
)
from intermodal.flow import drain, sleep
from intermodal.model.headers import TOKEN
from intermodal.model.options import LONGEST

if TYPE_CHECKING:
    from intermodal.flow import Call, Flow, Inner
    from intermodal.model.headers import Headers
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

#: What is safe or idempotent by RFC 9110 section 9.2.2, but for CONNECT, which nobody sends here.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

#: Statuses that say "not now" rather than "not so". Too slow a request that was therefore not read, which RFC 9110 section
#: 15.5.9 invites to repeat; too many requests (RFC 6585 section 4); unavailable for the time being (section 15.6.4); and a
#: gateway that got no answer, or a bad one (15.6.3, 15.6.5). Not 500: a server that stumbles over a request will again.
PASSING = frozenset({408, 429, 502, 503, 504})

#: How many connections that had served before may end under one call. A flow cannot ask for a new one, but each that was
#: found dead is gone, and a transport tests those it has kept before it gives one away: to meet a second takes the same bad
#: luck again, or something on the way that has forgotten all its connections. Why there is a bound: a request that its
#: server dies of must not go through all the workers there are.
MOST_ENDED = 5

#: What no other attempt would mend.
_LASTING = (CertificateError, TransportClosed, TotalTimeout)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, when and what is sent again; the same for all kinds of failure.

    Where retries are used up, or another is not possible, the last outcome is handed over as it is: the response is
    returned, whatever its status, the error raised.

    Attributes:
        total: how many times a request is sent again, at most; 0 is never.
        backoff: the wait before retry n (from 0) is anything from 0 to ``backoff * 2**n`` seconds, by chance: clients
            that failed together do not come back together.
        statuses: the statuses upon which a request is sent again: 408, 429, 502, 503 and 504.
        methods: those that may be sent again though they may have been acted upon already: GET, HEAD, OPTIONS, TRACE, PUT
            and DELETE. Add one only if your server tells repetitions apart, by an Idempotency-Key for example. None is
            every method.
        respect_retry_after: whether a wait is at least as long as the server asks for (``Retry-After``, RFC 9110 section
            10.2.3).
        max_backoff: the longest wait of its own choice, in seconds.
        max_retry_after: the longest wait that a server may ask for, in seconds: a minute, which is what rate limits are
            counted by. One that asks for more is not asked again; its response is handed over, for the caller to decide.

    A wait never goes beyond the call's total timeout: where no time would be left, the outcome is handed over at once.

    >>> Retry(2, backoff=0.1, statuses=[503]).statuses, Retry.of(2) == Retry(2)
    (frozenset({503}), True)

    Raises:
        InvalidRequest: a number out of bounds, a status or a method that is none; TypeError: no number at all.
    """

    total: int = 3
    backoff: float = 0.5
    statuses: Collection[int] = PASSING
    methods: Collection[str] | None = IDEMPOTENT
    respect_retry_after: bool = True
    max_backoff: float = 30.0
    max_retry_after: float = 60.0

    def __post_init__(self) -> None:
        _check("total", self.total, int, "a whole number from 0")
        for name in ("backoff", "max_backoff", "max_retry_after"):
            _check(name, getattr(self, name), (int, float), "seconds from 0")
        if not isinstance(self.respect_retry_after, bool):
            raise TypeError(f"Retry(respect_retry_after={self.respect_retry_after!r:.40}): expected True or False")
        statuses = _members("statuses", self.statuses, "final statuses such as 503", _is_status)
        object.__setattr__(self, "statuses", statuses)
        if self.methods is not None:
            methods = _members("methods", self.methods, "methods such as 'GET', or None for every one", _is_method)
            object.__setattr__(self, "methods", frozenset(map(str.upper, methods)))

    @classmethod
    def of(cls, value: RetryInput) -> Retry:
        """Read ``retries``: a number, a Retry, a ``urllib3.Retry``, or None for 0.

        Of urllib3's, what is asked for holds but for these: waits are by chance; a failure of the connection before
        anything was sent is repeated for every method; what was returned last is returned, not raised; statuses that are
        not listed are not repeated, also where there is a Retry-After. Redirects are counted by ``max_redirects``.

        >>> Retry.of(None).total, Retry.of(5).total
        (0, 5)

        Raises:
            TypeError: none of these; InvalidRequest: a number out of bounds, or a urllib3.Retry that cannot be kept.
        """
        if isinstance(value, Retry):
            return value
        if value is None:
            return NEVER
        if isinstance(value, int):
            return cls(value)
        if all(hasattr(value, name) for name in RetryOfUrllib3.__annotations__):
            return _translated(value)
        raise TypeError(f"retries={value!r:.60}: expected a number such as 3, Retry(...), or None for no retries")


class RetryOfUrllib3(Protocol):
    """A ``urllib3.Retry``, as far as it is looked at; urllib3 itself is not imported."""

    total: Any
    backoff_factor: Any
    status_forcelist: Any
    allowed_methods: Any
    respect_retry_after_header: Any


RetryInput = int | Retry | RetryOfUrllib3 | None


def _translated(theirs: RetryOfUrllib3) -> Retry:
    if theirs.total is None:
        raise InvalidRequest(
            "retries=urllib3.Retry(total=None): expected a number, which counts failures of every kind"
        )
    total = int(theirs.total)  # False is none
    for name in ("connect", "read", "status", "other"):
        own = getattr(theirs, name, None)
        if own is not None and own < total:
            raise InvalidRequest(
                f"retries=urllib3.Retry(total={total}, {name}={own!r}): expected total alone, because failures of every kind"
                " are counted together here; leave out methods= or statuses= of Retry(...) to repeat less"
            )
    return Retry(
        total,
        backoff=theirs.backoff_factor,
        statuses=theirs.status_forcelist or (),
        methods=theirs.allowed_methods or None,  # to urllib3 an empty one is every method
        respect_retry_after=bool(theirs.respect_retry_after_header),
        max_backoff=getattr(theirs, "backoff_max", 120),
        max_retry_after=getattr(theirs, "retry_after_max", 6 * 3600),
    )


def _check(name: str, value: Any, kind: Any, expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"Retry({name}={value!r:.40}) is a {type(value).__name__}: expected {expected}")
    if not 0 <= value < LONGEST:  # NaN is not
        raise InvalidRequest(f"Retry({name}={value!r:.40}): expected {expected} and below 1e9")


def _members(name: str, given: Any, expected: str, fits: Callable[[Any], bool]) -> frozenset[Any]:
    if isinstance(given, str | bytes) or not isinstance(given, Collection):
        raise TypeError(f"Retry({name}={given!r:.60}): expected a set of {expected}")
    for member in given:
        if not fits(member):
            raise InvalidRequest(f"Retry({name}=...) holds {member!r:.40}: expected {expected}")
    return frozenset(given)


def _is_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value <= 999


def _is_method(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(TOKEN, value) is not None


#: No retries: what holds where nothing is said.
NEVER = Retry(0)


class Budget:
    """What the calls of one client may spend on retries together, so that a server in trouble is not sent a multiple.

    Each retry takes a token, and each so many answers that are no failure give one back. Where none is left, nothing is
    sent again and the outcome is handed over. So whatever fails, for however long: all in all there are no more retries
    than ``tokens``, and one for every ``successes`` answers.

    The numbers are those of the AWS SDKs, which begin with 500, take 5 for a retry and give 1 for a success: a short
    failure of a hundred calls is mended at once, and a long one raises the load by a fifth at most.

    Taking and giving are each one step that no thread, signal handler or fork gets into, without a lock that one of these
    could find taken for ever.

    >>> budget = Budget(tokens=1)
    >>> budget.take(), budget.take(), budget
    (True, False, Budget(tokens=1, successes=5, left=0))

    Args:
        tokens: how many retries there may be at first, and are ever saved up.
        successes: how many answers give one back.

    Raises:
        ValueError: a number that is not from 1 to 1 000 000; TypeError: no whole number.
    """

    __slots__ = ("_given", "_left", "successes", "tokens")

    def __init__(self, tokens: int = 100, successes: int = 5) -> None:
        for name, value in (("tokens", tokens), ("successes", successes)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"Budget({name}={value!r:.40}): expected a whole number")
            if not 1 <= value <= 1_000_000:
                raise ValueError(f"Budget({name}={value!r:.40}): expected a number from 1 to 1000000")
        self.tokens: int = tokens
        self.successes: int = successes
        self._left = deque([None] * tokens, maxlen=tokens)
        self._given = count(1)

    def __reduce__(self) -> tuple[type[Budget], tuple[int, int]]:
        return Budget, (self.tokens, self.successes)  # the other process has a full one of its own

    @property
    def left(self) -> int:
        """How many retries it would pay for now."""
        return len(self._left)

    @property
    def is_full(self) -> bool:
        """Whether there is nothing to be given back."""
        return len(self._left) == self.tokens

    def take(self) -> bool:
        """Pay for a retry, if it can be paid for."""
        try:
            self._left.pop()
        except IndexError:
            return False
        return True

    def give(self) -> None:
        """Note an answer that is no failure."""
        if next(self._given) % self.successes == 0:
            self._left.append(None)  # a full one stays as it is

    def __repr__(self) -> str:
        return f"Budget(tokens={self.tokens}, successes={self.successes}, left={self.left})"


def _chance() -> float:
    from random import random  # noqa: PLC0415 - slow to import, and seldom needed

    return random()  # noqa: S311 - nobody gains by guessing it


def with_retries(
    request: Request,
    options: Options,
    inner: Inner,
    *,
    retry: Retry,
    call: Call,
    budget: Budget | None = None,
    random: Callable[[], float] = _chance,
) -> Flow[BaseResponse]:
    """Send a request, and again where that may mend a failure.

    Args:
        request: the request.
        options: what is asked of each exchange.
        inner: what sends it.
        retry: how often, when and what.
        call: bounds all of it together, and is told of each repetition: ``tell("retry", request, attempt=..., seconds=...,
            reason=...)``, with the number of the attempt to come, from 2, and the wait before it.
        budget: what retries are taken from, those of other calls too; None is no bound.
        random: gives a number from 0 to 1.

    Raises:
        Error: that of the last attempt.
    """
    attempt = 1
    retries = ended = 0
    while True:
        try:
            response = yield from inner(request, options)
        except TransportError as error:
            if ended < MOST_ENDED and ended_idle(error, request, retry):
                ended += 1
                seconds = 0.0
                if not _in_time(seconds, call):
                    raise
            else:
                if retries >= retry.total or not _may_mend(error, request, options, retry):
                    raise
                seconds = _backoff(retry, retries, random)
                if not _in_time(seconds, call) or not (budget is None or budget.take()):
                    raise
                retries += 1
            reason = f"{type(error).__name__}: {error}"
        else:
            status = response.status_code
            if status not in retry.statuses:
                if budget is not None and status < 500:
                    budget.give()
                return response
            if retries >= retry.total or not _may_repeat(request, retry):
                return response
            asked: float = _asked_for(response.headers) if retry.respect_retry_after else 0
            seconds = max(_backoff(retry, retries, random), asked)
            if asked > retry.max_retry_after or not _in_time(seconds, call):
                return response
            if budget is not None and not budget.take():
                return response
            retries += 1
            reason = f"status {status}"
            seconds = yield from _drained(response, seconds, call)
        attempt += 1
        call.tell("retry", request, attempt=attempt, seconds=seconds, reason=reason)
        if seconds > 0:
            yield from sleep(seconds)


def ended_idle(error: TransportError, request: Request, retry: Retry) -> bool:
    """Whether nothing failed but a connection that had served before, so that the request may go again at once.

    >>> from intermodal.model.request import Request
    >>> error = Disconnected("", phase="wait", delivery="maybe_sent", reused=True)
    >>> ended_idle(error, Request("GET", "http://h/"), Retry(0)), ended_idle(error, Request("POST", "http://h/"), Retry(0))
    (True, False)
    """
    return (
        isinstance(error, Disconnected)
        and error.reused
        and error.delivery != "sent"
        and error.phase in {"send", "wait"}
        and _may_repeat(request, retry)
    )


def _may_mend(error: TransportError, request: Request, options: Options, retry: Retry) -> bool:
    """Whether the failure may be another's at the next attempt, and this request may make one."""
    if isinstance(error, _LASTING):
        return False
    if isinstance(error, ProxyError):
        if error.response is not None:
            if error.response.status_code not in retry.statuses:
                return False
        elif error.phase != "connect" and options.proxy is not None and options.proxy.is_socks:
            return False  # it may have refused the login, and a wrong one is not to be given again and again
    return _has_its_body(request) if error.delivery == "not_sent" else _may_repeat(request, retry)


def _may_repeat(request: Request, retry: Retry) -> bool:
    """Whether this request may be sent again though it may have been acted upon."""
    return (retry.methods is None or request.method in retry.methods) and _has_its_body(request)


def _has_its_body(request: Request) -> bool:
    body = request.body
    return body is None or body.replayable or not body._opened


def _in_time(seconds: float, call: Call) -> bool:
    remaining = call.remaining()
    return remaining is None or seconds < remaining


def _drained(response: BaseResponse, seconds: float, call: Call) -> Flow[float]:
    """Be done with a response; gives what is left of the wait, where time is short: draining is part of it."""
    before = call.remaining()
    yield from drain(response)
    after = call.remaining()
    return seconds if before is None or after is None else max(0.0, seconds - (before - after))


def _backoff(retry: Retry, retries: int, random: Callable[[], float]) -> float:
    most = min(retry.max_backoff, retry.backoff * 2.0 ** min(retries, 64))  # which is long enough for any max_backoff
    return random() * most if most else 0.0


# --- Retry-After --------------------------------------------------------------------------------------------------------

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
#: As an HTTP-date is written, and as it once was (RFC 9110 section 5.6.7).
_DATES = (
    f"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
    f"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
    f"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
)


def _asked_for(headers: Headers) -> float:
    """Give the seconds that a server asks to wait (RFC 9110 section 10.2.3), fewer than 0 where that moment has passed; 0
    where it asks for nothing that can be read.

    A date is taken against the server's own clock, where the response tells it (``Date``): ours may be wrong.
    """
    text = headers.get("retry-after", "")  # which holds a comma too many where there are two
    if re.fullmatch("[0-9]+", text):
        digits = text.lstrip("0")
        return float(digits or 0) if len(digits) < 10 else LONGEST
    until = _moment(text)
    if until is None:
        return 0.0
    now = _moment(headers.get("date", ""))
    return until - (time.time() if now is None else now)


def _moment(text: str) -> float | None:
    """Read an HTTP-date in any of its three forms (RFC 9110 section 5.6.7), as ``time.time`` counts; None for any other.

    >>> [_moment(text) for text in ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "6 Nov 1994")]
    [784111777.0, 784111777.0, None]
    """
    found = next(filter(None, (re.fullmatch(form, text) for form in _DATES)), None)
    if found is None:
        return None
    day, hour, minute, second, year = (int(found[name]) for name in ("day", "hour", "minute", "second", "year"))
    leap = second == 60  # which no clock of ours has
    rest = (_MONTHS.index(found["month"]) + 1, day, hour, minute, second - leap)
    if len(found["year"]) == 2:
        year = _full_year(year, rest)
    try:
        return dt.datetime(year, *rest, tzinfo=dt.timezone.utc).timestamp() + leap
    except ValueError:  # the 30th of February
        return None


def _full_year(year: int, rest: tuple[int, ...]) -> int:
    """Give its century to a year of two digits: the last in which the date is no more than 50 years ahead."""
    now = time.gmtime()
    latest = now.tm_year + 50
    year += latest // 100 * 100
    return year - 100 if (year, *rest) > (latest, *now[1:6]) else year
