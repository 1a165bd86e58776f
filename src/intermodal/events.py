r"""Events: what happens on the way of a call, one object a happening, for logs and for listeners.

Laws:

- ``str(event)`` is one short line for whoever reads a log. Whatever a server or an error put into it cannot end the
  line, nor speak to a terminal: what does not print is escaped.
- Neither that line, nor the ``repr``, nor a pickled event (which a log may send to another process) holds what is
  secret: credentials in headers and in URLs, bodies, and what foreign code has said of them in an error. A query is
  shown, because a log of URLs without it tells little: what must not be seen belongs in a header.
- What is not known is None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from intermodal.errors import Error, InvalidRequest, RequestBodyError, TransportBug
from intermodal.model.body import Body
from intermodal.model.headers import SECRET
from intermodal.model.request import Request
from intermodal.model.url import URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.errors import Delivery, Phase

#: In the order of an exchange; the last two are about the call that it belongs to.
Kind: TypeAlias = Literal["request", "resolve", "connect", "proxy", "tls", "head", "body", "error", "redirect", "retry"]

#: How a body ended: at its end; closed before it; dropped after a short look at what was left; or by an error.
Ending: TypeAlias = Literal["read", "closed", "drained", "failed"]

#: Whoever is told of each event, in the thread or the task that it happens in, which waits for it.
Listener: TypeAlias = "Callable[[Event], object]"

#: How much of a URL, of a server's words and of an error's text stands in a line, in characters.
_MOST_OF_URL, _MOST_OF_REASON, _MOST_OF_ERROR = 300, 100, 300

_USERINFO = re.compile(r"//[^/?#\s]*@")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")

#: Its text quotes what the caller's own objects, or a transport's, have said; nobody knows what is in that.
_QUOTING = (RequestBodyError, TransportBug)


@dataclass(frozen=True, slots=True)
class Event:
    r"""One thing that happened to a request.

    ===========  =================================================  ======================================
    kind         it tells                                           beside ``request``
    ===========  =================================================  ======================================
    request      a request goes to the transport
    resolve      the host's name was looked up                      seconds
    connect      a connection was made                              seconds, peer
    proxy        the proxy has agreed                               seconds
    tls          the handshake is done                              seconds, tls_version
    head         the response's head is here                        seconds, status, reason, http_version, reused
    body         its body is over                                   seconds, size, ending (error … as below)
    error        there is no response                               seconds, error, reason, phase, delivery
    redirect     the response leads elsewhere                       status, to
    retry        the request is to be sent again                    seconds, attempt, reason
    ===========  =================================================  ======================================

    Resolve, connect, proxy and tls are told once the response's head is here, and only of a connection that was made for
    this request by a transport that can tell (``Guarantee.EXCHANGE``).

    Attributes:
        kind: one of the table.
        request: the Request as it went out: the same object in all events of one attempt.
        seconds: how long it took: a head and an error count from the request, a body from its head; before a retry, how
            long is waited.
        status: the response's.
        reason: the server's own phrase; the text of an error; why there is a retry.
        http_version: the response's.
        reused: whether the connection had served before.
        peer: the address that was connected to, a proxy's perhaps.
        tls_version: for example ``"TLSv1.3"``.
        size: how many bytes of the body were read, as they came, undecoded; None where it was drained.
        ending: how the body ended.
        error: the name of the error's class.
        phase: how far the exchange had come, see :class:`~intermodal.errors.Error`.
        delivery: what the server may have seen.
        attempt: the number of the attempt that is to come; the first was 1.
        to: the URL that a redirect leads to, without credentials.

    >>> event = Event("head", Request("GET", "http://ann:secret@h/a?b#c"), 0.0123, status=200, reason="OK\x1b[2J")
    >>> print(event)
    GET http://h/a?b: 200 OK\x1b[2J in 12.3 ms
    """

    kind: Kind
    request: Request
    seconds: float | None = None
    status: int | None = None
    reason: str = ""
    http_version: str | None = None
    reused: bool | None = None
    peer: str | None = None
    tls_version: str | None = None
    size: int | None = None
    ending: Ending | None = None
    error: str | None = None
    phase: Phase | None = None
    delivery: Delivery | None = None
    attempt: int | None = None
    to: str | None = None

    @property
    def url(self) -> str:
        """The request's URL, without credentials and fragment."""
        return shown_url(self.request.url)

    def __str__(self) -> str:
        said = _LINES[self.kind](self)
        line = f"{self.request.method} {_cut(self.url, _MOST_OF_URL)}{said}"
        return line if line.isascii() and line.isprintable() else _UNPRINTABLE.sub(_escaped, line)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", _USERINFO.sub("//***@", self.reason))
        if self.to is not None:
            object.__setattr__(self, "to", shown_url(self.to))

    def __reduce__(self) -> tuple[Any, ...]:
        details = [getattr(self, field.name) for field in fields(self)[2:]]
        return Event, (self.kind, _without_secrets(self.request), *details)


def shown_url(url: URL | str) -> str:
    """Give a URL as a log may show it: without credentials, and without the fragment, which is never sent.

    >>> shown_url("http://ann:secret@h:80/a?b=c#d")
    'http://h/a?b=c'
    """
    try:
        url = URL(url)
    except InvalidRequest:
        return _USERINFO.sub("//***@", str(url)).partition("#")[0]
    return str(url if url.username is None else url.without_userinfo()).partition("#")[0]


def failure(error: BaseException) -> dict[str, Any]:
    """Give what an event says of an error.

    >>> failure(Error("no way to go", phase="connect", delivery="not_sent"))
    {'error': 'Error', 'reason': 'no way to go', 'phase': 'connect', 'delivery': 'not_sent'}
    >>> failure(ValueError("secret"))
    {'error': 'ValueError'}
    """
    if isinstance(error, GeneratorExit) and error.__context__ is not None:
        error = error.__context__  # a flow that is given up is told no more than this
    name = type(error).__name__
    if not isinstance(error, Error):
        return {"error": name}
    cause = error.__cause__
    text = str(error) if not isinstance(error, _QUOTING) else "" if cause is None else type(cause).__name__
    return {"error": name, "reason": text, "phase": error.phase, "delivery": error.delivery}


def _without_secrets(request: Request) -> Request:
    """Give a request as another process may see it: less what is secret, and with a body that was left behind."""
    headers = [(name, "***" if name.lower() in SECRET else value) for name, value in request.headers.pairs]
    body = None if request.body is None else Body(tuple, request.body.length, replayable=False)
    target = _USERINFO.sub("//***@", request.target)
    return Request(request.method, shown_url(request.url), headers, body, target=target)


# -- lines ----------------------------------------------------------------------------------------------------------------


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _bytes(count: int) -> str:
    return f"{count} byte{'s' * (count != 1)}"


def _time(event: Event, word: str = " in") -> str:
    return "" if event.seconds is None else f"{word} {event.seconds * 1000:.1f} ms"


def _because(event: Event) -> str:
    known = ", ".join(each for each in (event.phase, event.delivery) if each is not None)
    known = f" ({known})" if known else ""
    return f"{known}: {_cut(event.reason, _MOST_OF_ERROR)}" if event.reason else known


def _request(event: Event) -> str:
    body = event.request.body
    if body is None:
        return ""
    return ", with a body of unknown length" if body.length is None else f", with a body of {_bytes(body.length)}"


def _connect(event: Event) -> str:
    return f": connected{'' if event.peer is None else f' to {event.peer}'}{_time(event)}"


def _head(event: Event) -> str:
    said = (event.http_version, event.status, _cut(event.reason, _MOST_OF_REASON))
    reused = ", on a connection that had served before" if event.reused else ""
    return f": {' '.join(str(each) for each in said if each)}{_time(event)}{reused}"


def _body(event: Event) -> str:
    size = "" if event.size is None else f" of {_bytes(event.size)}"
    if event.ending == "read":
        return f": body{size}{_time(event)}"
    after = "" if event.size is None else f" after {_bytes(event.size)}"
    error = "" if event.error is None else f": {event.error}{_because(event)}"
    return f": body {event.ending}{after}{_time(event)}{error}"


def _retry(event: Event) -> str:
    attempt = "" if event.attempt is None else f", attempt {event.attempt}"
    why = f": {_cut(event.reason, _MOST_OF_ERROR)}" if event.reason else ""
    return f": again{_time(event)}{attempt}{why}"


_LINES: dict[Kind, Callable[[Event], str]] = {
    "request": _request,
    "resolve": lambda event: f": name resolved{_time(event)}",
    "connect": _connect,
    "proxy": lambda event: f": the proxy agreed{_time(event)}",
    "tls": lambda event: f": {event.tls_version or 'TLS'} agreed{_time(event)}",
    "head": _head,
    "body": _body,
    "error": lambda event: f": {event.error}{_time(event, ' after')}{_because(event)}",
    "redirect": lambda event: f": {event.status}, on to {_cut(str(event.to), _MOST_OF_URL)}",
    "retry": _retry,
}
