"""Cookies: those of the jar go with each request, and what the answer sets goes into it (RFC 6265bis section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.flow import Call, Flow, Inner
    from intermodal.model.cookies import CookieJar
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse


def with_cookies(
    request: Request,
    options: Options,
    inner: Inner,
    *,
    known: Callable[[], CookieJar | None],
    make: Callable[[], CookieJar],
    own: CookieJar | None,
    call: Call,
) -> Flow[BaseResponse]:
    """Send a request with the cookies for its URL, and keep what is set in return.

    A ``Cookie`` field that the caller has written stays as it is, and nothing is added to it.

    Args:
        request: the request.
        options: what is asked of the exchange.
        inner: what sends it.
        known: gives the client's jar, None while it has had no cookie.
        make: makes it for the first; it is slow to import, and most clients see none.
        own: a jar made for this call, of what the caller gave with it: its cookies replace those of the client that have
            the same name, go to the first origin only, and are not kept. What the server sets is taken out of it, so
            that a login that leads on goes on with its new session.
        call: tells whether the first origin has been left; the client's cookies without a domain stay there too.
    """
    jar = known() if own is None else make()
    if "cookie" not in request.headers and jar is not None and not (own is None and jar.is_empty):
        value = jar.header(request.url, None if call.strayed else own, unbound=not request.way.strayed)
        if value is not None:
            request = request.with_field("Cookie", value)
    response = yield from inner(request, options)
    if "set-cookie" in response.headers:
        names = make().store(request.url, response.headers)
        if own is not None:
            for name in names:
                own.set(name, None)
    return response
