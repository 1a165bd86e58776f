"""The client: requests' verbs and keywords over any transport."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from intermodal.base_client import BaseClient
from intermodal.build import KEYWORDS, SEND_KEYWORDS, RequestKeywords, refuse_keywords
from intermodal.carrying import Carrier, carry
from intermodal.errors import Disconnected, TransportClosed, UnsupportedFeature
from intermodal.flow import Call, drive
from intermodal.middleware.route import Roads, explain_refusal
from intermodal.middleware.telling import wanted
from intermodal.model.redirect import REDIRECTS
from intermodal.model.request import Request
from intermodal.model.response import Response
from intermodal.protocol import TransportInfo
from intermodal.registry import current_override, find

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from intermodal.build import ClientKeywords, CommonKeywords, DataInput, SendKeywords
    from intermodal.model.options import Options
    from intermodal.model.url import URL
    from intermodal.protocol import Transport, TransportFactory

#: How many requests a client remembers.
_MOST_MADE = 256


class Client(BaseClient):
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
        self, transport: str | TransportFactory | Transport | None = None, **settings: Unpack[ClientKeywords]
    ) -> None:
        super().__init__(**settings)
        self._given: Transport | None = None
        self._opened: Transport | None = None
        self._name: str | None = None
        self._factory: Callable[..., Transport] | None = None
        #: Requests that were made of a method and a URL alone, to be sent again.
        self._made: dict[tuple[str, str], Request] = {}
        if transport is None or isinstance(transport, str):
            self._name = transport or os.environ.get("INTERMODAL_TRANSPORT") or "socket"
            self._factory = find(self._name).load()  # what is wrong with it is said here, not at the first request
        elif (callable(transport) and not hasattr(transport, "send")) or isinstance(transport, type):
            self._opened = _transport(transport(limits=self._limits))
        else:
            self._given = _transport(transport)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the settings, with the transport by its name, or as one that was given pickles itself; no connection."""
        by_factory = self._opened if self._name is None else None  # which nothing is known of any more
        return {**super().__getstate__(), "_name": self._name, "_given": self._given, "_opened": by_factory}

    def __setstate__(self, state: dict[str, Any]) -> None:
        transport = state["_name"] or state["_given"] or state["_opened"]
        Client.__init__(self, transport, limits=state["_limits"], trust_env=False)  # which super() reads
        super().__setstate__(state)

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
        options = self._options_for(keywords, transport.info)
        total = options.timeouts.total
        began = None if total is None else time.monotonic()
        came: Response | Disconnected | None = None
        if self._needs_no_flow(request, keywords):
            try:
                came = carry(transport, request, options)
            except Disconnected as error:
                if not error.reused:
                    raise
                came = error
            else:
                if came.status_code not in REDIRECTS and "set-cookie" not in came.headers:
                    if not self._budget.is_full and came.status_code < 500:
                        self._budget.give()
                    return _handed_over(came, keywords)
        carrier = Carrier(transport, Call(total, self._teller.tell, began=began), came)
        return _handed_over(self._by_flows(carrier, request, options, keywords), keywords)

    def _by_flows(self, carrier: Carrier, request: Request, options: Options, keywords: RequestKeywords) -> Response:
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


def _handed_over(response: Response, keywords: RequestKeywords) -> Response:
    if not keywords or not keywords.get("stream"):
        response.content  # noqa: B018 - read now, so that its failure is this call's
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
