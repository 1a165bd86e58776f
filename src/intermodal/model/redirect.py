"""What a redirect asks for: the request that follows a response (RFC 9110 section 15.4), without any I/O.

Laws:

- Only http and https are followed. A ``Location`` that leads nowhere is an error that names it, never a guess; a redirect
  without one, or with an empty one, is the final response, as browsers and requests have it.
- 303 becomes GET, and so do 301 and 302 after a POST; whatever else keeps its method and its body. HEAD stays HEAD.
- To another origin (scheme, host and port), nothing goes that was meant for the first: no ``Authorization``, ``Cookie``,
  ``Proxy-Authorization`` or ``Host`` of the caller's.
- User name and password are never taken from a ``Location``: it is the server that wrote them there.
- The fragment is inherited where the ``Location`` has none (RFC 9110 section 10.2.2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intermodal.errors import InvalidURL
from intermodal.model.request import Request, Way
from intermodal.model.url import URL

if TYPE_CHECKING:
    from intermodal.model.response import BaseResponse

#: The statuses that lead elsewhere by themselves (RFC 9110 sections 15.4.2 to 15.4.9).
REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: What of a request is the first origin's own.
PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})

#: What a request without its body says nothing of any more (RFC 9110 section 15.4: representation and expectation).
_OF_A_BODY = frozenset({"expect", "digest", "repr-digest", "last-modified"})

#: Computed anew by every Request.
_COMPUTED = frozenset({"content-length", "transfer-encoding"})

_not_ascii = re.compile(rb"[\x80-\xff]")


def redirected(response: BaseResponse, request: Request) -> Request | None:
    """Give the request that follows a response to ``request``, or None where nothing does.

    >>> from intermodal.model.response import Response
    >>> sent = Request("POST", "http://h/form", {"Authorization": "Bearer x"}, b"a=1")
    >>> request = redirected(Response(303, {"Location": "/done"}), sent)
    >>> request.method, str(request.url), request.headers.pairs
    ('GET', 'http://h/done', (('Host', 'h'), ('Authorization', 'Bearer x')))

    Raises:
        UnsupportedScheme: the response leads to another scheme than http and https.
        InvalidURL: it leads to nothing that can be requested.
    """
    if response.status_code not in REDIRECTS or "location" not in response.headers:
        return None
    locations = dict.fromkeys(response.headers.get_list("location"))
    if len(locations) > 1:
        raise InvalidURL(f"the redirect has {len(locations)} different Location fields: nobody can say where it leads")
    (location,) = locations
    if not location:
        return None
    url = _target(request.url, location)
    method = _method(request.method, response.status_code)
    same_origin = url.origin == request.url.origin
    dropped = set(_COMPUTED)
    if not same_origin:
        dropped |= PRIVATE
    if not same_origin or request.headers["host"] == request.url.authority:
        dropped.add("host")
    keeps_body = method == request.method
    way = request.way
    if not same_origin:
        way = Way(strayed=True, downgraded=way.downgraded or (request.url.scheme, url.scheme) == ("https", "http"))
    pairs = [
        (name, value)
        for name, value in request.headers.pairs
        if (key := name.lower()) not in dropped
        and (keeps_body or not (key in _OF_A_BODY or key.startswith("content-")))
    ]
    return Request(method, url, pairs, request.body if keeps_body else None).by_way_of(way)


def next_request(response: BaseResponse) -> Request | None:
    """Give the request that follows a response, for whoever follows by hand.

    It is made of the request as it was before anything was added for its sending: cookies, logins and the like are chosen
    anew. What has been left on the way is known to the one who sends it.
    """
    request = response._asked or response.request
    return None if request is None else redirected(response, request)


def _target(base: URL, location: str) -> URL:
    """Resolve a Location, whose bytes arrive as latin-1 text and are UTF-8 where they can be."""
    data = location.encode("latin-1")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = _not_ascii.sub(lambda match: b"%%%02X" % match[0][0], data).decode("ascii")
    url = base.join(text)
    if url.username is not None and (url.username, url.password, url.origin) != (
        base.username,
        base.password,
        base.origin,
    ):
        url = url.without_userinfo()
    if url.fragment is None and base.fragment is not None:
        url = URL(f"{url}#{base.fragment}")
    return url


def _method(method: str, status: int) -> str:
    if status == 303 and method not in {"GET", "HEAD"}:
        return "GET"
    return "GET" if status in {301, 302} and method == "POST" else method
