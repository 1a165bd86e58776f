"""Follow redirects, up to a limit; what the caller gave for the first origin stays there.

Each hop goes through the flows inside anew: its own proxy, its own login by netrc, its own cookies. A redirect's body is
drained undecoded up to a small bound (``Drain``), so that one which never ends delays nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.errors import BodyNotReplayable, InvalidRequest, TooManyRedirects
from intermodal.flow import drain
from intermodal.model.redirect import REDIRECTS, redirected

if TYPE_CHECKING:
    from intermodal.flow import Call, Flow, Inner
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import BaseResponse


def follow_redirects(request: Request, options: Options, inner: Inner, *, limit: int, call: Call) -> Flow[BaseResponse]:
    """Send a request, and what each redirect asks for, until a response leads nowhere.

    Args:
        request: the first request.
        options: the same for all of them.
        inner: what sends one.
        limit: how many redirects are followed.
        call: is told when the way leads to another origin.

    Raises:
        TooManyRedirects: one more than ``limit``; the last response is on it, those before in its ``history``.
        BodyNotReplayable: the body would have to be sent again, and can be read only once.
        InvalidURL, UnsupportedScheme: a redirect leads to nothing that can be requested.
    """
    passed: list[BaseResponse] = []  # challenges of a login among them
    followed = 0
    while True:
        response = yield from inner(request, options)
        if passed:
            response.history = [*passed, *response.history]
        try:
            following = redirected(response, request)
        except InvalidRequest as error:
            yield from drain(response)
            error.request, error.response, error.delivery = request, response, "sent"
            raise
        if following is None:
            return response
        yield from drain(response)
        if followed >= limit:
            raise TooManyRedirects(
                f"more than {limit} redirects: the last one leads from {_shown(request)} to {_shown(following)}",
                request=request,
                response=response,
            )
        if following.body is not None and not following.body.replayable:
            raise BodyNotReplayable(
                f"{_shown(request)} redirects with status {response.status_code}, which asks for the body again, and it"
                " can be read only once: give bytes, a list of bytes or a seekable file instead of a generator",
                request=following,
                response=response,
            )
        passed = [*response.history, response]
        followed += 1
        call.strayed = call.strayed or following.url.origin != request.url.origin
        call.tell("redirect", request, status=response.status_code, to=following.url)
        request = following


def keep_asked(request: Request, options: Options, inner: Inner) -> Flow[BaseResponse]:
    """Let a redirect know the request as it came here: what the flows inside add for its sending is for it alone."""
    response = yield from inner(request, options)
    if response.status_code in REDIRECTS:
        response._asked = request
    return response


def _shown(request: Request) -> str:
    return str(request.url.without_userinfo())
