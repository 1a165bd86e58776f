"""The client: requests' verbs and keywords over any transport."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from intermodal.build import (
    BUILD_KEYWORDS,
    DEFAULT_TIMEOUTS,
    FLOW_KEYWORDS,
    KEYWORDS,
    OPTION_KEYWORDS,
    SEND_KEYWORDS,
    Asked,
    RequestKeywords,
    build_options,
    build_request,
    build_tls,
    build_url,
    checked_dial,
    default_headers,
    merge_headers,
    refuse_keywords,
    refuses_login,
)
from intermodal.errors import (
    Disconnected,
    Error,
    InvalidURL,
    TotalTimeout,
    TransportBug,
    TransportClosed,
    UnsupportedFeature,
)
from intermodal.flow import DRAIN_BYTES, DRAIN_SECONDS, Call, drive
from intermodal.forking import Lock
from intermodal.middleware.auth import as_auth
from intermodal.middleware.environment import Environment
from intermodal.middleware.retries import Budget, Retry
from intermodal.middleware.route import Proxies, Roads, explain_refusal
from intermodal.middleware.telling import Teller, as_listener, wanted
from intermodal.model.encode import Params
from intermodal.model.options import Dial, Limits, Options
from intermodal.model.redirect import REDIRECTS
from intermodal.model.request import Request
from intermodal.model.response import Response
from intermodal.model.url import URL
from intermodal.protocol import Capability, TransportInfo, refuse_unsupported
from intermodal.registry import current_override, find
from intermodal.stack import Around, Plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Never, Self, Unpack

    from intermodal.build import BuildKeywords, CommonKeywords, DataInput, DefaultsInput, SendKeywords
    from intermodal.events import Listener
    from intermodal.middleware.auth import Auth, AuthInput, NetrcAuth
    from intermodal.middleware.logins import Logins
    from intermodal.middleware.retries import RetryInput
    from intermodal.middleware.route import ProxiesInput
    from intermodal.model.cookies import CookieJar, CookiesInput
    from intermodal.model.encode import ParamsInput
    from intermodal.model.headers import Headers
    from intermodal.model.options import CertInput, TimeoutInput, VerifyInput
    from intermodal.protocol import Transport, TransportFactory
    from intermodal.stack import MiddlewareInput

#: Stands for "not given", where None means something.
_UNSET: Any = object()

#: So many seconds are not taken off a call's total for what has been done before its first request.
_UNNOTICED = 0.01

#: How many requests a client remembers.
_MOST_MADE = 256

_SETTINGS = (
    "base_url",
    "headers",
    "params",
    "cookies",
    "auth",
    "timeout",
    "proxies",
    "verify",
    "cert",
    "retries",
    "max_redirects",
    "dial",
    "trust_env",
    "limits",
    "middleware",
    "listener",
    "transport",
)

#: What of a client travels to another process.
_PICKLED = (
    "_limits",
    "_base_url",
    "_headers",
    "_params",
    "_timeouts",
    "_proxies",
    "_tls",
    "_dial",
    "_trust_env",
    "_given",
    "_name",
    "_jar",
    "_auth",
    "_retry",
    "_max_redirects",
    "_around",
    "_listener",
)


class Client:
    """Sends requests over a transport, with settings that hold for all of them.

    Args:
        transport: a name (``"socket"``, ``"requests"``, ``"urllib3"``, ``"httpx"`` or any installed one), an
            instance, or a factory. By default what ``use_transport`` says, else ``INTERMODAL_TRANSPORT``,
            else ``"socket"``. What the client opened, it closes; what it was given, it leaves open.
        base_url: what relative URLs are appended to.
        headers: laid over the defaults; None removes one.
        params: added to every query.
        cookies: those to begin with; what servers set is kept beside them, in ``client.cookies``. A CookieJar is used as
            it is, and may be that of several clients; of any other jar, the cookies are taken over.
        auth: ``(user, password)``, BasicAuth, DigestAuth, BearerAuth, NetrcAuth, or a flow of your own. It is for the
            origin of each call's first request; an ``Authorization`` header given for a call goes before it.
        timeout: seconds, ``(connect, read)``, :class:`~intermodal.model.options.Timeouts`, or None for no bound.
        proxies: by ``"http"``, ``"https"``, ``"all"`` or ``"https://host"``; ``"no_proxy"`` lists hosts without one.
        verify: True, a CA file or folder, an ``ssl.SSLContext``, False, or :class:`~intermodal.model.options.TLS` with these
            and more.
        cert: the client's certificate: a file, ``(cert, key)`` or ``(cert, key, password)``.
        retries: how often a request is sent again where that does no harm: a number, or
            :class:`~intermodal.middleware.retries.Retry`.
        max_redirects: how many are followed in one call.
        dial: how connections are made: :class:`~intermodal.model.options.Dial`.
        middleware: flows of your own, around each call; or ``{"call": [...], "attempt": [...]}``, the latter around each
            request that is sent.
        listener: called with each :class:`~intermodal.events.Event`, as the logger ``intermodal`` is.
        trust_env: whether what is not given is taken from the environment: proxies (``HTTP_PROXY``, ``HTTPS_PROXY``,
            ``ALL_PROXY``, ``NO_PROXY``), the CA file or folder that stands for ``verify=True`` (``REQUESTS_CA_BUNDLE``,
            ``CURL_CA_BUNDLE``, ``SSL_CERT_FILE``, ``SSL_CERT_DIR``) and logins (``NETRC``, else ``~/.netrc``). It is read
            once, now; a client that was pickled reads the one of the process it arrives in.
        limits: what the transport that is opened accepts and keeps.

    >>> from intermodal.testing import MockTransport
    >>> with Client(MockTransport({"/users": {"name": "Ada"}}), base_url="http://api.test") as client:
    ...     client.get("/users").json()
    {'name': 'Ada'}
    """

    def __init__(
        self,
        transport: str | TransportFactory | Transport | None = None,
        *,
        base_url: str | None = None,
        headers: DefaultsInput = None,
        params: ParamsInput = None,
        cookies: CookiesInput = None,
        auth: AuthInput = None,
        timeout: TimeoutInput = _UNSET,
        proxies: ProxiesInput | None = None,
        verify: VerifyInput = True,
        cert: CertInput = None,
        retries: RetryInput = 0,
        max_redirects: int = 30,
        dial: Dial = Dial(),  # noqa: B008 - frozen
        trust_env: bool = True,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        middleware: MiddlewareInput = (),
        listener: Listener | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            refuse_keywords("Client", unknown, _SETTINGS)
        if not isinstance(limits, Limits):
            raise TypeError(f"limits={limits!r:.60}: expected Limits(...)")
        self._opening = Lock()
        self._limits = limits
        self._base_url = None if base_url is None else _base(base_url)
        self._headers = merge_headers(default_headers(), headers)
        self._params = Params.of(params)  # now: what is changed in a mapping afterwards changes no request
        self._timeouts = DEFAULT_TIMEOUTS if timeout is _UNSET else Asked.of(timeout)
        self._proxies = None if proxies is None else Proxies(proxies)
        self._tls = build_tls(verify, cert)
        self._dial = checked_dial(dial)
        self._trust_env = trust_env
        self._auth = as_auth(auth)
        self._retry = Retry.of(retries)
        self._budget = Budget()
        self._max_redirects = _count(max_redirects)
        self._around = Around.of(middleware)
        self._listener = as_listener(listener)
        #: None while there has never been a cookie: most clients see none, and what holds them is slow to import.
        self._jar: CookieJar | None = None
        if cookies is not None:
            from intermodal.model.cookies import CookieJar  # noqa: PLC0415 - see above

            self._jar = cookies if isinstance(cookies, CookieJar) else CookieJar.of(cookies)
        self._read_environment()
        self._given: Transport | None = None
        self._opened: Transport | None = None
        self._name: str | None = None
        self._factory: Callable[..., Transport] | None = None
        self._closed = False
        #: Requests that were made of a method and a URL alone, to be sent again; and the options of those without any.
        self._made: dict[tuple[str, str], Request] = {}
        self._usual: tuple[TransportInfo, Options] | None = None
        if transport is None or isinstance(transport, str):
            self._name = transport or os.environ.get("INTERMODAL_TRANSPORT") or "socket"
            self._factory = find(
                self._name
            ).load()  # what is wrong with the name is said here, not at the first request
        elif (callable(transport) and not hasattr(transport, "send")) or isinstance(transport, type):
            self._opened = _transport(transport(limits=limits))
        else:
            self._given = _transport(transport)

    def _read_environment(self) -> None:
        self._environment = environment = Environment.read() if self._trust_env else Environment()
        self._ca = environment.ca.found() if environment.ca is not None else None
        missing = environment.ca is not None and self._ca is None  # which is the fault of an https request only
        by_url = self._proxies is not None or environment.proxies or missing
        #: None where nothing goes by a request's URL.
        self._roads = Roads(self._proxies, environment) if by_url else None
        #: Whether nothing is to be done around a request of this client's, until an answer asks for it.
        self._plain = not (by_url or environment.logins or self._auth is not None or self._retry.total or self._around)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the settings, with the transport by its name, or as one that was given pickles itself; no connection."""
        return {
            **{name: getattr(self, name) for name in _PICKLED},
            "_opened": self._opened if self._name is None else None,  # by a factory, which nothing is known of any more
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Client.__init__(
            self, state["_name"] or state["_given"] or state["_opened"], limits=state["_limits"], trust_env=False
        )  # read below
        self.__dict__.update(state)
        self._read_environment()

    if not TYPE_CHECKING:  # to a type checker, there is nothing to be set

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_"):
                raise AttributeError(
                    f"a Client's settings are given when it is made, or with a call: Client({name}=...)"
                )
            object.__setattr__(self, name, value)

    @property
    def headers(self) -> Headers:
        """The headers that every request begins with; given when the client is made."""
        return self._headers

    @property
    def transport(self) -> Transport:
        """The transport that a request sent now would take.

        Raises:
            TransportClosed: the client is closed.
        """
        if self._given is not None:
            return self._given
        if self._name is not None:
            overriding = current_override()
            if overriding is not None:
                return _transport(overriding)
        if self._opened is None:
            with self._opening:
                if self._closed:
                    raise TransportClosed("the client is closed: open another one")
                if self._opened is None:
                    assert self._factory is not None
                    self._opened = _transport(self._factory(limits=self._limits))
        return self._opened

    @property
    def cookies(self) -> CookieJar:
        """The cookies of this client: those it was given, and what servers have set.

        >>> client = Client(cookies={"theme": "dark"})
        >>> client.cookies["theme"]
        'dark'
        """
        return self._make_jar()

    def _known_jar(self) -> CookieJar | None:
        return self._jar

    def _make_jar(self) -> CookieJar:
        if self._jar is None:
            from intermodal.model.cookies import CookieJar  # noqa: PLC0415 - see __init__

            with self._opening:
                if self._jar is None:
                    self._jar = CookieJar()
        return self._jar

    def build_request(self, method: str, url: str | bytes | URL, **keywords: Unpack[BuildKeywords]) -> Request:
        """Make the Request that ``request`` would begin with; cookies, logins and proxies are added when it is sent.

        >>> Client().build_request("get", "http://h/a", params={"q": 1}).target
        '/a?q=1'
        """
        if not keywords.keys() <= BUILD_KEYWORDS:
            refuse_keywords("build_request", keywords.keys() - BUILD_KEYWORDS, BUILD_KEYWORDS)
        return self._build(method, url, keywords)

    def _build(self, method: str, url: str | bytes | URL, keywords: BuildKeywords | RequestKeywords) -> Request:
        target = build_url(url, self._base_url, self._params, keywords.get("params"))
        return build_request(method, target, self._headers, keywords)

    def request(self, method: str, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
        """Send a request.

        Args:
            method: upper-cased.
            url: absolute, or relative to ``base_url``; user name and password in it log in.
            keywords: those that follow.
            params: mapping, pairs, str or bytes; merged into the query; lists repeat the key, None is left out.
            data: mapping or pairs for a form; str (UTF-8), bytes, a binary file or an iterable of bytes as is.
            json: any JSON value.
            files: mapping or pairs of name to file, bytes, str, or ``(filename, file[, content_type[, headers]])``: sent
                as multipart/form-data, with ``data`` as fields before them; streamed.
            headers: mapping or pairs, laid over the client's; None removes one, ``"Authorization": None`` every login.
            cookies: mapping or jar, for this call and the origin it begins at.
            auth: as for the Client, for this call; it replaces an ``Authorization`` header.
            timeout: seconds, ``(connect, read)``, Timeouts, or None for no bound.
            allow_redirects: whether redirects are followed; by default they are, but for ``HEAD``.
            verify, cert, proxies, dial, retries: as for the Client, for this call.
            stream: return at the end of the head; the body is read as it is iterated.

        Raises:
            Error: any of :mod:`intermodal.errors`.
        """
        if (keywords and not keywords.keys() <= SEND_KEYWORDS) or type(url) is not str or type(method) is not str:
            if not keywords.keys() <= KEYWORDS:
                refuse_keywords("a request", keywords.keys() - KEYWORDS, KEYWORDS)
            given = keywords.get("headers")
            if isinstance(given, Iterator):  # it is looked at twice
                keywords["headers"] = list(given)
            return self._send(self._build(method, url, keywords), keywords)
        request = self._made.get((method, url))
        if request is None:
            request = self._build(method, url, keywords)
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            self._made[method, url] = request
        return self._send(request, keywords)

    def send(self, request: Request, **keywords: Unpack[SendKeywords]) -> Response:
        """Send a Request as it is; its keywords are those of :meth:`request` but for headers, query and body."""
        if not keywords.keys() <= SEND_KEYWORDS:
            refuse_keywords("Client.send", keywords.keys() - SEND_KEYWORDS, SEND_KEYWORDS)
        if not isinstance(request, Request):
            raise TypeError(
                f"Client.send was given a {type(request).__name__}: expected a Request, as build_request makes it"
            )
        return self._send(request, cast("RequestKeywords", keywords))

    def _send(self, request: Request, keywords: RequestKeywords) -> Response:
        if self._closed:
            raise TransportClosed("the client is closed: open another one", request=request)
        transport = self.transport
        info = transport.info
        usual = self._usual
        if keywords and not keywords.keys().isdisjoint(OPTION_KEYWORDS):
            options = self._options(keywords, info.capabilities)
        elif usual is not None and usual[0] is info:
            options = usual[1]
        else:
            options = self._options({}, info.capabilities)
            self._usual = (info, options)
        began = None if options.timeouts.total is None else time.monotonic()
        came: Response | Disconnected | None = None
        if (
            self._plain
            and (self._jar is None or self._jar.is_empty)
            and request.url.username is None
            and (not keywords or keywords.keys().isdisjoint(FLOW_KEYWORDS))
            and not wanted(self._listener)
        ):
            # Flows would change nothing about what is sent: none is entered before what comes asks for one.
            try:
                came = _carry(transport, request, options)
            except Disconnected as error:
                if not error.reused:
                    raise
                came = error
            else:
                if came.status_code not in REDIRECTS and "set-cookie" not in came.headers:
                    if not self._budget.is_full and came.status_code < 500:
                        self._budget.give()
                    return _handed_over(came, keywords)
        call = Call(options.timeouts.total, Teller(self._listener).tell, began=began)
        response = self._by_flows(_Carrier(transport, call, came), request, options, keywords)
        return _handed_over(response, keywords)

    def _by_flows(self, carrier: _Carrier, request: Request, options: Options, keywords: RequestKeywords) -> Response:
        """Send by way of the flows; what has come of the first request already is not asked for again."""
        capabilities = carrier.transport.info.capabilities
        plan = self._plan(request, keywords, capabilities)
        try:
            inner = plan.compose(carrier.call, telling=wanted(self._listener))
            response = drive(inner(request, options), carrier.carry, carrier.rest)
        except BaseException as error:
            carrier.leave(wait=isinstance(error, Exception))
            if isinstance(error, UnsupportedFeature):
                explain_refusal(error, options, plan.roads or Roads(None, self._environment), capabilities)
            raise
        if not isinstance(response, Response):
            raise TypeError(
                f"a middleware gave {response!r:.60}: expected a Response, which is what this client awaits"
            )
        return response

    def _plan(self, request: Request, keywords: RequestKeywords, capabilities: Capability) -> Plan:
        """Decide what is to happen around the requests of one call."""
        follows = keywords.get("allow_redirects")
        if follows is None:
            follows = request.method != "HEAD"
        auth, logins = self._login(request, keywords)
        proxies = keywords.get("proxies")
        cookies = keywords.get("cookies")
        if cookies is not None:
            from intermodal.model.cookies import CookieJar  # noqa: PLC0415 - see __init__

            cookies = CookieJar.of(cookies)
        retries = keywords.get("retries")
        return Plan(
            redirects=self._max_redirects if follows else None,
            roads=self._roads if proxies is None else Roads(Proxies(proxies).over(self._proxies), self._environment),
            trusting=Capability.CUSTOM_TLS in capabilities,
            logins=logins,
            auth=auth,
            retry=self._retry if retries is None else Retry.of(retries),
            budget=self._budget,
            jar=self._known_jar,
            make_jar=self._make_jar,
            cookies=cookies,
            around=self._around,
        )

    def _login(self, request: Request, keywords: RequestKeywords) -> tuple[Auth | None, Logins | None]:
        """Decide who logs in: the call's auth, its header, the client's auth, the URL, the netrc file."""
        logins = self._environment.logins or None
        auth: Auth | NetrcAuth | None = None
        if keywords.get("auth") is not None:
            auth = as_auth(keywords["auth"])
        elif refuses_login(keywords.get("headers")):
            return None, None
        elif request.way.strayed:  # what is the client's own is not for whom a redirect chose
            pass
        elif (own := request.headers.get("authorization")) is None or own == self._headers.get("authorization"):
            auth = self._auth  # a header that is the client's own does not keep the client's own auth away
            if auth is None and own is None and request.url.username is not None:
                auth = as_auth((request.url.username, request.url.password or ""))
        if auth is not None and not callable(auth):
            return None, auth.logins
        return auth, logins

    def _options(self, keywords: RequestKeywords, capabilities: Capability) -> Options:
        ca = self._ca if Capability.CUSTOM_TLS in capabilities else None  # else it has settings of its own
        return build_options(self._timeouts, self._tls, self._dial, keywords, capabilities, ca=ca)

    def get(self, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
        """Send a GET; keywords as for :meth:`request`."""
        return self.request("GET", url, **keywords)

    def options(self, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
        """Send an OPTIONS; keywords as for :meth:`request`."""
        return self.request("OPTIONS", url, **keywords)

    def head(self, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
        """Send a HEAD; keywords as for :meth:`request`."""
        return self.request("HEAD", url, **keywords)

    def post(
        self, url: str | bytes | URL, data: DataInput = None, json: Any = None, **keywords: Unpack[CommonKeywords]
    ) -> Response:
        """Send a POST; keywords as for :meth:`request`."""
        return self.request("POST", url, **keywords, data=data, json=json)

    def put(
        self, url: str | bytes | URL, data: DataInput = None, json: Any = None, **keywords: Unpack[CommonKeywords]
    ) -> Response:
        """Send a PUT; keywords as for :meth:`request`."""
        return self.request("PUT", url, **keywords, data=data, json=json)

    def patch(
        self, url: str | bytes | URL, data: DataInput = None, json: Any = None, **keywords: Unpack[CommonKeywords]
    ) -> Response:
        """Send a PATCH; keywords as for :meth:`request`."""
        return self.request("PATCH", url, **keywords, data=data, json=json)

    def delete(self, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
        """Send a DELETE; keywords as for :meth:`request`."""
        return self.request("DELETE", url, **keywords)

    def close(self) -> None:
        """Close the transport that this client opened; one that it was given stays open. Any number of times."""
        with self._opening:
            self._closed = True
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Carrier:
    """Carries the requests of one call over a transport, within the time that is left of it."""

    __slots__ = ("_came", "_last", "_sent", "call", "transport")

    def __init__(self, transport: Transport, call: Call, came: Response | Disconnected | None) -> None:
        self.transport = transport
        self.call = call
        self._came = came
        self._last: Response | None = None
        self._sent = False

    def carry(self, request: Request, options: Options) -> Response:
        came, self._came = self._came, None
        if came is None:
            came = _carry(self.transport, request, self._within(request, options))
        self._sent = True
        if not isinstance(came, Response):
            raise came
        self._last = came
        return came

    def _within(self, request: Request, options: Options) -> Options:
        """Bound the exchange by what is left of the call; the first has all of it."""
        left, asked = self.call.remaining(), options.timeouts.total
        if left is None:
            return options
        if left <= 0:
            raise TotalTimeout(
                f"nothing is left of the {self.call.total:g} s that the whole call may take",
                request=request,
                transport=self.transport.info.name,
                phase="pool",
                delivery="not_sent",
            )
        if asked is not None and asked - left < _UNNOTICED and not self._sent:
            return options  # an error of it is to tell the bound that was given
        total = round(left, 3) or left
        return options.within(total if asked is None else min(total, asked))

    def rest(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the call."""
        left = self.call.remaining()
        time.sleep(seconds if left is None else max(min(seconds, left), 0))

    def leave(self, *, wait: bool) -> None:
        """Be done with the last response that came, where the call has failed: an error may keep it for long."""
        last = self._last
        if last is None:
            return
        with contextlib.suppress(Exception):
            if wait:
                last.drain(DRAIN_BYTES, DRAIN_SECONDS)  # what is short can still be read, from an error that has it
            else:
                last.close()


def _handed_over(response: Response, keywords: RequestKeywords) -> Response:
    if not keywords or not keywords.get("stream"):
        response.content  # noqa: B018 - read now, so that its failure is this call's
    return response


def _carry(transport: Transport, request: Request, options: Options) -> Response:
    """Send, and hold the transport to its contract: what it does not declare is refused (T4), its errors are ours (T5)."""
    started = time.perf_counter()
    try:
        refuse_unsupported(request, options, transport.info)
        response = transport.send(request, options)
    except Error as error:
        if error.request is None:
            error.request, error.transport = request, transport.info.name
        raise
    except Exception as error:
        raise TransportBug(
            f"transport {transport.info.name!r} let {error!r:.200} out, which is no intermodal error: this is a bug of the transport",
            request=request,
            transport=transport.info.name,
        ) from error
    if not isinstance(response, Response):
        raise TransportBug(
            f"transport {transport.info.name!r} gave {response!r:.80}: expected an intermodal.Response; this is a bug of the transport",
            request=request,
            transport=transport.info.name,
        )
    response._seconds = time.perf_counter() - started
    return response


def _count(given: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"max_redirects={given!r:.40}: expected a number from 0")
    if given < 0:
        raise ValueError(f"max_redirects={given!r:.40}: expected how many redirects to follow in one call, from 0")
    return given


def _transport(given: Any) -> Transport:
    if hasattr(given, "asend") and not hasattr(given, "send"):
        raise TypeError(f"{given!r:.80} is an asynchronous transport, and this is a synchronous client")
    if not (
        isinstance(getattr(given, "info", None), TransportInfo) and hasattr(given, "send") and hasattr(given, "close")
    ):
        raise TypeError(
            f"{given!r:.80} is no transport: expected a name, or an object with info (a TransportInfo), send() and close()."
            " A library's own object goes into its transport: RequestsTransport(session=...), HttpxTransport(client=...),"
            " Urllib3Transport(pool_manager=...)"
        )
    checked: Transport = given
    return checked


def _base(url: str) -> URL:
    base = URL(url)
    if base.query is not None or base.fragment is not None:
        raise InvalidURL(
            f"base_url={base.without_userinfo()!r:.80} has a query or a fragment: give params=... for what every query is to hold"
        )
    return base


def request(method: str, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
    """Send one request over a client of its own; keywords as for :meth:`Client.request`.

    Whoever sends more than one keeps a :class:`Client`, and with it the connection.
    """
    client = Client()
    try:
        response = client.request(method, url, **keywords)
    except BaseException:
        client.close()
        raise
    if keywords.get("stream"):
        response._on_close = client.close
    else:
        client.close()
    return response


def get(url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
    """Send a GET; see :func:`request`."""
    return request("GET", url, **keywords)


def options(url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
    """Send an OPTIONS; see :func:`request`."""
    return request("OPTIONS", url, **keywords)


def head(url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
    """Send a HEAD; see :func:`request`."""
    return request("HEAD", url, **keywords)


def post(
    url: str | bytes | URL, data: DataInput = None, json: Any = None, **keywords: Unpack[CommonKeywords]
) -> Response:
    """Send a POST; see :func:`request`."""
    return request("POST", url, **keywords, data=data, json=json)


def put(
    url: str | bytes | URL, data: DataInput = None, json: Any = None, **keywords: Unpack[CommonKeywords]
) -> Response:
    """Send a PUT; see :func:`request`."""
    return request("PUT", url, **keywords, data=data, json=json)


def patch(
    url: str | bytes | URL, data: DataInput = None, json: Any = None, **keywords: Unpack[CommonKeywords]
) -> Response:
    """Send a PATCH; see :func:`request`."""
    return request("PATCH", url, **keywords, data=data, json=json)


def delete(url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
    """Send a DELETE; see :func:`request`."""
    return request("DELETE", url, **keywords)
