"""The stack of flows of one call, in its fixed order, for the clients of both colours.

    middleware per call → redirects → route → auth → retries → cookies → middleware per attempt → telling → transport

A flow that the call does not need is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from intermodal.flow import Call, Flow, Inner, held, send
from intermodal.middleware.auth import authenticated
from intermodal.middleware.cookies import with_cookies
from intermodal.middleware.redirects import follow_redirects, keep_asked
from intermodal.middleware.retries import NEVER, with_retries
from intermodal.middleware.route import Roads, by_road
from intermodal.middleware.telling import told

if TYPE_CHECKING:
    from intermodal.middleware.auth import Auth
    from intermodal.middleware.logins import Logins
    from intermodal.middleware.retries import Budget, Retry
    from intermodal.model.cookies import CookieJar
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse

#: A flow of the user's own, around those of the client or around each attempt.
Middleware = Callable[["Request", "Options", Inner], "Flow[BaseResponse]"]


class MiddlewareByPlace(TypedDict, total=False):
    """Flows of the user's own, by what they are around."""

    call: Iterable[Middleware]
    attempt: Iterable[Middleware]


MiddlewareInput = Iterable[Middleware] | MiddlewareByPlace


@dataclass(frozen=True, slots=True)
class Around:
    """The user's own flows: around a whole call, and around each attempt; the first is the outermost."""

    call: tuple[Middleware, ...] = ()
    attempt: tuple[Middleware, ...] = ()

    @classmethod
    def of(cls, given: MiddlewareInput | None) -> Around:
        """Read a ``middleware``: a sequence is for the call, a mapping says for what.

        >>> Around.of([]), Around.of({"attempt": []}) == Around()
        (Around(call=(), attempt=()), True)

        Raises:
            TypeError: something in it is no flow, or a key is neither ``"call"`` nor ``"attempt"``.
        """
        named: Mapping[str, Any] = given if isinstance(given, Mapping) else {"call": () if given is None else given}
        if unknown := [key for key in named if key not in {"call", "attempt"}]:
            raise TypeError(f"middleware has the key {unknown[0]!r:.40}: expected 'call' or 'attempt'")
        flows = {}
        for key, members in named.items():
            if callable(members) or isinstance(members, str | bytes) or not isinstance(members, Iterable):
                raise TypeError(f"middleware is {members!r:.60}: expected a list of flows, [{members!r:.40}]")
            flows[key] = tuple(members)
            for flow in flows[key]:
                if not callable(flow):
                    raise TypeError(f"middleware holds {flow!r:.60}: expected a flow(request, options, inner)")
        return cls(**flows)

    def __bool__(self) -> bool:
        return bool(self.call or self.attempt)


@dataclass(slots=True)
class Plan:
    """What is to happen around the sending of one call's requests.

    Attributes:
        jar: gives the cookies of the client, None while it has had none.
        make_jar: makes the jar for the first.
        redirects: how many are followed; None for none.
        roads: the proxies and whom to trust; None where nothing goes by the URL.
        trusting: whether the transport can be told whom to trust.
        logins: those of a netrc file.
        auth: what logs in.
        retry: when a request is sent again.
        budget: how much of that there may be.
        cookies: those of this call.
        around: the user's own flows.
    """

    jar: Callable[[], CookieJar | None]
    make_jar: Callable[[], CookieJar]
    redirects: int | None = None
    roads: Roads | None = None
    trusting: bool = True
    logins: Logins | None = None
    auth: Auth | None = None
    retry: Retry = NEVER
    budget: Budget | None = None
    cookies: CookieJar | None = None
    around: Around = Around()

    def compose(self, call: Call, *, telling: bool = False) -> Inner:
        """Put the stack together, from the transport up."""
        inner: Inner = send
        if telling:
            inner = _bound(told, inner, tell=call.tell)
        for flow in reversed(self.around.attempt):
            inner = _foreign(flow, inner)
        inner = _bound(with_cookies, inner, known=self.jar, make=self.make_jar, own=self.cookies, call=call)
        inner = _bound(with_retries, inner, retry=self.retry, call=call, budget=self.budget)
        if self.auth is not None:
            inner = _bound(authenticated, inner, auth=self.auth, call=call)
        if self.roads is not None or self.logins is not None:
            inner = _bound(
                by_road,
                inner,
                roads=self.roads or Roads(),
                trusting=self.trusting,
                logins=self.logins,
                elsewhere=self.auth is not None,
                call=call,
            )
        inner = _bound(keep_asked, inner)
        if self.redirects is not None:
            inner = _bound(follow_redirects, inner, limit=self.redirects, call=call)
        for flow in reversed(self.around.call):
            inner = _foreign(flow, inner)
        return inner


def _bound(flow: Callable[..., Flow[BaseResponse]], inner: Inner, **settings: Any) -> Inner:
    def bound(request: Request, options: Options) -> Flow[BaseResponse]:
        return flow(request, options, inner, **settings)

    return bound


def _foreign(flow: Middleware, inner: Inner) -> Inner:
    def bound(request: Request, options: Options) -> Flow[BaseResponse]:
        return held(flow(request, options, inner), f"the middleware {_name(flow)}")

    return bound


def _name(flow: Middleware) -> str:
    return getattr(flow, "__qualname__", None) or type(flow).__qualname__
