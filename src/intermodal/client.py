"""The client: requests' verbs and keywords over any transport."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from intermodal.build import (
    DEFAULT_TIMEOUTS,
    KEYWORDS,
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
)
from intermodal.errors import Error, InvalidURL, TransportBug, TransportClosed, UnsupportedFeature
from intermodal.flow import drive, send
from intermodal.middleware.environment import Environment
from intermodal.middleware.route import Proxies, Roads, by_road, explain_refusal
from intermodal.model.encode import encode_params
from intermodal.model.options import Dial, Limits, Options
from intermodal.model.request import Request
from intermodal.model.response import Response
from intermodal.model.url import URL
from intermodal.protocol import Capability, TransportInfo, refuse_unsupported
from intermodal.registry import current_override, find

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Never, Self, Unpack

    from intermodal.build import CommonKeywords, DefaultsInput, SendKeywords
    from intermodal.middleware.route import ProxiesInput
    from intermodal.model.encode import ParamsInput
    from intermodal.model.headers import Headers
    from intermodal.model.options import CertInput, TimeoutInput, VerifyInput
    from intermodal.protocol import Transport

#: Stands for "not given", where None means something.
_UNSET: Any = object()

#: How many requests a client remembers.
_MOST_MADE = 256

_SETTINGS = (
    "base_url",
    "headers",
    "params",
    "timeout",
    "proxies",
    "verify",
    "cert",
    "dial",
    "trust_env",
    "limits",
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
        timeout: seconds, ``(connect, read)``, :class:`~intermodal.model.options.Timeouts`, or None for no bound.
        proxies: by ``"http"``, ``"https"``, ``"all"`` or ``"https://host"``; ``"no_proxy"`` lists hosts without one.
        verify: True, a CA file or folder, an ``ssl.SSLContext``, False, or :class:`~intermodal.model.options.TLS` with these
            and more.
        cert: the client's certificate: a file, ``(cert, key)`` or ``(cert, key, password)``.
        dial: how connections are made: :class:`~intermodal.model.options.Dial`.
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
        transport: str | Transport | Callable[..., Transport] | None = None,
        *,
        base_url: str | None = None,
        headers: DefaultsInput = None,
        params: ParamsInput = None,
        timeout: TimeoutInput = _UNSET,
        proxies: ProxiesInput | None = None,
        verify: VerifyInput = True,
        cert: CertInput = None,
        dial: Dial = Dial(),  # noqa: B008 - frozen
        trust_env: bool = True,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        **unknown: Never,
    ) -> None:
        if unknown:
            refuse_keywords("Client", unknown, _SETTINGS)
        if not isinstance(limits, Limits):
            raise TypeError(f"limits={limits!r:.60}: expected Limits(...)")
        self._limits = limits
        self._base_url = None if base_url is None else _base(base_url)
        self._headers = merge_headers(default_headers(), headers)
        self._params = encode_params(params)  # now: what is changed in a mapping afterwards changes no request
        self._timeouts = DEFAULT_TIMEOUTS if timeout is _UNSET else Asked.of(timeout)
        self._proxies = None if proxies is None else Proxies(proxies)
        self._tls = build_tls(verify, cert)
        self._dial = checked_dial(dial)
        self._trust_env = trust_env
        self._read_environment()
        self._given: Transport | None = None
        self._opened: Transport | None = None
        self._name: str | None = None
        self._factory: Callable[..., Transport] | None = None
        self._closed = False
        self._opening = threading.Lock()
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
        by_url = self._proxies is not None or environment.proxies or environment.logins or missing
        #: None where nothing goes by a request's URL, so that no flow has to be entered.
        self._roads = Roads(self._proxies, environment) if by_url else None

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

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"a Client's settings are given when it is made, or with a call: Client({name}=...)")
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

    def build_request(self, method: str, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Request:
        """Make the Request that ``request`` would send.

        >>> Client().build_request("get", "http://h/a", params={"q": 1}).target
        '/a?q=1'
        """
        if not keywords.keys() <= KEYWORDS:
            refuse_keywords("a request", keywords.keys() - KEYWORDS, KEYWORDS)
        return build_request(
            method, build_url(url, self._base_url, self._params, keywords.get("params")), self._headers, keywords
        )

    def request(self, method: str, url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
        """Send a request.

        Args:
            method: upper-cased.
            url: absolute, or relative to ``base_url``.
            keywords: those that follow.
            params: mapping, pairs, str or bytes; merged into the query; lists repeat the key, None is left out.
            data: mapping or pairs for a form; str (UTF-8), bytes, a binary file or an iterable of bytes as is.
            json: any JSON value.
            headers: mapping or pairs, laid over the client's; None removes one.
            timeout: seconds, ``(connect, read)``, Timeouts, or None for no bound.
            verify, cert, proxies, dial: as for the Client, for this call.
            stream: return at the end of the head; the body is read as it is iterated.

        Raises:
            Error: any of :mod:`intermodal.errors`.
        """
        if keywords and not keywords.keys() <= SEND_KEYWORDS:
            return self._send(self.build_request(method, url, **keywords), keywords)
        if type(url) is not str or type(method) is not str:
            return self._send(self.build_request(method, url, **keywords), keywords)
        request = self._made.get((method, url))
        if request is None:
            request = self.build_request(method, url, **keywords)
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            self._made[method, url] = request
        return self._send(request, keywords)

    def send(self, request: Request, **keywords: Unpack[SendKeywords]) -> Response:
        """Send a Request as it is; its keywords are those of :meth:`request` but for headers, query and body."""
        if not keywords.keys() <= SEND_KEYWORDS:
            refuse_keywords("Client.send", keywords.keys() - SEND_KEYWORDS, SEND_KEYWORDS)
        if not isinstance(request, Request):
            raise TypeError(f"Client.send was given {request!r:.60}: expected a Request, as build_request makes it")
        return self._send(request, cast("RequestKeywords", keywords))

    def _send(self, request: Request, keywords: RequestKeywords) -> Response:
        if self._closed:
            raise TransportClosed("the client is closed: open another one", request=request)
        transport = self.transport
        info = transport.info
        roads = self._roads
        if keywords:
            options = self._options(keywords, info.capabilities)
            given = keywords.get("proxies")
            if given is not None:
                roads = Roads(Proxies(given).over(self._proxies), self._environment)
        elif self._usual is not None and self._usual[0] is info:
            options = self._usual[1]
        else:
            options = self._options(keywords, info.capabilities)
            self._usual = (info, options)
        started = time.perf_counter()
        try:
            if roads is None:  # a flow that the call does not need is not entered
                response = _carry(transport, request, options)
            else:
                trusting = Capability.CUSTOM_TLS in info.capabilities
                flow = by_road(request, options, send, roads, trusting=trusting)
                response = drive(flow, partial(_carry, transport))  # type: ignore[assignment]
        except UnsupportedFeature as error:
            explain_refusal(error, options, roads or Roads(None, self._environment), info.capabilities)
            raise
        response._seconds = time.perf_counter() - started
        if not keywords or not keywords.get("stream"):
            response.content  # noqa: B018 - read now, so that its failure is this call's
        return response

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
        self, url: str | bytes | URL, data: Any = None, json: Any = None, **keywords: Unpack[CommonKeywords]
    ) -> Response:
        """Send a POST; keywords as for :meth:`request`."""
        return self.request("POST", url, **keywords, data=data, json=json)

    def put(
        self, url: str | bytes | URL, data: Any = None, json: Any = None, **keywords: Unpack[CommonKeywords]
    ) -> Response:
        """Send a PUT; keywords as for :meth:`request`."""
        return self.request("PUT", url, **keywords, data=data, json=json)

    def patch(
        self, url: str | bytes | URL, data: Any = None, json: Any = None, **keywords: Unpack[CommonKeywords]
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


def _carry(transport: Transport, request: Request, options: Options) -> Response:
    """Send, and hold the transport to its contract: what it does not declare is refused (T4), its errors are ours (T5)."""
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
    return response


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
            f"base_url={url!r:.80} has a query or a fragment: give params=... for what every query is to hold"
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


def post(url: str | bytes | URL, data: Any = None, json: Any = None, **keywords: Unpack[CommonKeywords]) -> Response:
    """Send a POST; see :func:`request`."""
    return request("POST", url, **keywords, data=data, json=json)


def put(url: str | bytes | URL, data: Any = None, json: Any = None, **keywords: Unpack[CommonKeywords]) -> Response:
    """Send a PUT; see :func:`request`."""
    return request("PUT", url, **keywords, data=data, json=json)


def patch(url: str | bytes | URL, data: Any = None, json: Any = None, **keywords: Unpack[CommonKeywords]) -> Response:
    """Send a PATCH; see :func:`request`."""
    return request("PATCH", url, **keywords, data=data, json=json)


def delete(url: str | bytes | URL, **keywords: Unpack[RequestKeywords]) -> Response:
    """Send a DELETE; see :func:`request`."""
    return request("DELETE", url, **keywords)
