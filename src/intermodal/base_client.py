"""What the clients of both colours share: settings, and what of them becomes of a request; nothing here does any I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.build import (
    BUILD_KEYWORDS,
    DEFAULT_TIMEOUTS,
    FLOW_KEYWORDS,
    OPTION_KEYWORDS,
    SETTINGS,
    Asked,
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
from intermodal.errors import InvalidURL
from intermodal.forking import Lock
from intermodal.middleware.auth import as_auth
from intermodal.middleware.environment import Environment
from intermodal.middleware.retries import Budget, Retry
from intermodal.middleware.route import Proxies, Roads
from intermodal.middleware.telling import Teller, as_listener, wanted
from intermodal.model.encode import Params
from intermodal.model.options import Dial, Limits
from intermodal.model.url import URL
from intermodal.protocol import Capability
from intermodal.stack import Around, Plan

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from intermodal.build import BuildKeywords, ClientKeywords, RequestKeywords
    from intermodal.middleware.auth import Auth, NetrcAuth
    from intermodal.middleware.logins import Logins
    from intermodal.model.cookies import CookieJar
    from intermodal.model.headers import Headers
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.protocol import TransportInfo

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
    "_jar",
    "_auth",
    "_retry",
    "_max_redirects",
    "_around",
    "_listener",
)


class BaseClient:
    """The settings of a client."""

    def __init__(self, **settings: Unpack[ClientKeywords]) -> None:
        if not settings.keys() <= SETTINGS:
            refuse_keywords("Client", settings.keys() - SETTINGS, {*SETTINGS, "transport"})
        limits = settings.get("limits", Limits())
        if not isinstance(limits, Limits):
            raise TypeError(f"limits={limits!r:.60}: expected Limits(...)")
        base_url, proxies = settings.get("base_url"), settings.get("proxies")
        self._opening = Lock()
        self._closed = False
        self._limits = limits
        self._base_url = None if base_url is None else _base(base_url)
        self._headers = merge_headers(default_headers(), settings.get("headers"))
        self._params = Params.of(settings.get("params"))  # now: what changes in a mapping later changes no request
        self._timeouts = Asked.of(settings["timeout"]) if "timeout" in settings else DEFAULT_TIMEOUTS
        self._proxies = None if proxies is None else Proxies(proxies)
        self._tls = build_tls(settings.get("verify", True), settings.get("cert"))
        self._dial = checked_dial(settings.get("dial", Dial()))
        self._trust_env = settings.get("trust_env", True)
        self._auth = as_auth(settings.get("auth"))
        self._retry = Retry.of(settings.get("retries", 0))
        self._budget = Budget()
        self._max_redirects = _count(settings.get("max_redirects", 30))
        self._around = Around.of(settings.get("middleware"))
        self._listener = as_listener(settings.get("listener"))
        self._teller = Teller(self._listener)
        #: None while there has never been a cookie: most clients see none, and what holds them is slow to import.
        self._jar: CookieJar | None = None
        cookies = settings.get("cookies")
        if cookies is not None:
            from intermodal.model.cookies import CookieJar  # noqa: PLC0415 - see above

            self._jar = cookies if isinstance(cookies, CookieJar) else CookieJar.of(cookies)
        self._read_environment()
        #: The options of a call that says nothing about them.
        self._usual: tuple[TransportInfo, Options] | None = None

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
        return {name: getattr(self, name) for name in _PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        BaseClient.__init__(self, limits=state["_limits"], trust_env=False)  # read below
        self.__dict__.update(state)
        self._teller = Teller(self._listener)
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
    def cookies(self) -> CookieJar:
        """The cookies of this client: those it was given, and what servers have set.

        >>> from intermodal import Client
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

        >>> from intermodal import Client
        >>> Client().build_request("get", "http://h/a", params={"q": 1}).target
        '/a?q=1'
        """
        if not keywords.keys() <= BUILD_KEYWORDS:
            refuse_keywords("build_request", keywords.keys() - BUILD_KEYWORDS, BUILD_KEYWORDS)
        return self._build(method, url, keywords)

    def _build(self, method: str, url: str | bytes | URL, keywords: BuildKeywords | RequestKeywords) -> Request:
        target = build_url(url, self._base_url, self._params, keywords.get("params"))
        return build_request(method, target, self._headers, keywords)

    def _needs_no_flow(self, request: Request, keywords: RequestKeywords) -> bool:
        """Whether flows would change nothing about what is sent, so that none is entered before an answer asks for one."""
        return (
            self._plain
            and (self._jar is None or self._jar.is_empty)
            and request.url.username is None
            and (not keywords or keywords.keys().isdisjoint(FLOW_KEYWORDS))
            and not wanted(self._listener)
        )

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

    def _options_for(self, keywords: RequestKeywords, info: TransportInfo) -> Options:
        if keywords and not keywords.keys().isdisjoint(OPTION_KEYWORDS):
            return self._made_options(keywords, info.capabilities)
        usual = self._usual
        if usual is None or usual[0] is not info:
            usual = self._usual = (info, self._made_options({}, info.capabilities))
        return usual[1]

    def _made_options(self, keywords: RequestKeywords, capabilities: Capability) -> Options:
        ca = self._ca if Capability.CUSTOM_TLS in capabilities else None  # else it has settings of its own
        return build_options(self._timeouts, self._tls, self._dial, keywords, capabilities, ca=ca)


def _count(given: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"max_redirects={given!r:.40}: expected a number from 0")
    if given < 0:
        raise ValueError(f"max_redirects={given!r:.40}: expected how many redirects to follow in one call, from 0")
    return given


def _base(url: str) -> URL:
    base = URL(url)
    if base.query is not None or base.fragment is not None:
        raise InvalidURL(
            f"base_url={base.without_userinfo()!r:.80} has a query or a fragment: give params=... for what every query is to hold"
        )
    return base
