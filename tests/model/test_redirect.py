"""What a redirect asks for: method, body, fields and target of the request that follows (RFC 9110 section 15.4)."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal import Client, InvalidRequest, InvalidURL, Request, Response, UnsupportedScheme
from intermodal.model.redirect import redirected
from intermodal.testing import MockTransport

HOME = "http://home.test/dir/page?q=1"
SECRETS = [("AUTHORIZATION", "Bearer s3cret"), ("cookie", "a=s3cret"), ("Proxy-authorization", "Basic s3cret")]


def following(status, location, method="GET", url=HOME, headers=(), body=None, **how):
    fields = [("Location", location)] if isinstance(location, str) else [("Location", each) for each in location]
    return redirected(Response(status, fields, **how), Request(method, url, headers, body))


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        # RFC 9110 section 15.4.2, 15.4.3: "a user agent MAY change the request method from POST to GET"
        (301, "GET", "GET"), (301, "HEAD", "HEAD"), (301, "POST", "GET"), (301, "PUT", "PUT"), (301, "DELETE", "DELETE"),
        (302, "GET", "GET"), (302, "HEAD", "HEAD"), (302, "POST", "GET"), (302, "PUT", "PUT"), (302, "PATCH", "PATCH"),
        # 15.4.4: "perform a retrieval request ... (a GET or HEAD request if using HTTP)"
        (303, "GET", "GET"), (303, "HEAD", "HEAD"), (303, "POST", "GET"), (303, "PUT", "GET"), (303, "DELETE", "GET"),
        (303, "PROPFIND", "GET"),
        # 15.4.8, 15.4.9: "MUST NOT change the request method"
        (307, "POST", "POST"), (307, "PUT", "PUT"), (308, "POST", "POST"), (308, "PATCH", "PATCH"), (307, "HEAD", "HEAD"),
    ],
)  # fmt: skip
def test_the_method_is_what_the_status_says(status, method, becomes):
    """Only 303, and 301 and 302 after a POST, become GET; a body goes where the method stays, and nowhere else."""
    body = b"x=1" if method in {"POST", "PUT", "PATCH"} else None
    fields = {"Content-Type": "text/plain", "Content-Language": "en", "Content-Encoding": "x", "X-Kept": "1"}
    request = following(status, "/next", method, headers=fields, body=body)
    assert request.method == becomes
    names = [name.lower() for name in request.headers]
    assert "x-kept" in names
    if becomes == method:
        assert (request.body.content if request.body else None) == body
        assert "content-type" in names
    else:
        assert request.body is None
        assert not [name for name in names if name.startswith("content-") or name == "transfer-encoding"]


@pytest.mark.parametrize("status", [200, 201, 204, 300, 304, 305, 306, 309, 310, 400, 503])
def test_no_other_status_leads_anywhere(status):
    """A Location with any other status is information, not a redirect."""
    assert following(status, "/next") is None


def test_without_a_location_nothing_follows():
    """A redirect without Location, or with an empty one, is the final response."""
    assert following(302, []) is None
    assert following(302, "") is None


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        # RFC 3986 section 5.4, and what servers write
        ("next", "http://home.test/dir/next"),
        ("/next", "http://home.test/next"),
        ("?r=2", "http://home.test/dir/page?r=2"),
        ("../x/./y", "http://home.test/x/y"),
        ("//other.test/p", "http://other.test/p"),
        ("https://other.test", "https://other.test/"),
        ("HTTP://Other.Test:80/P", "http://other.test/P"),
        ("/a b", "http://home.test/a%20b"),
        ("/%7euser/%2F", "http://home.test/%7euser/%2F"),
        ("/caf\xc3\xa9", "http://home.test/caf%C3%A9"),  # the bytes of UTF-8, as latin-1 text
        ("/caf\xe9", "http://home.test/caf%E9"),  # bytes that are no UTF-8 stay the bytes they are
        ("http://user:pass@other.test/", "http://other.test/"),
        ("http://good.test:80@evil.test/", "http://evil.test/"),
        ("#part", "http://home.test/dir/page?q=1#part"),
    ],
)
def test_where_it_leads(location, leads_to):
    """A Location is resolved against the URL that answered; nothing in it logs in anywhere."""
    assert str(following(302, location).url) == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://h/",
        "data:text/plain,x",
        "mailto:a@b",
        "ws://h/",
        "gopher://h/",
    ],
)
def test_only_http_and_https_are_followed(location):
    """A Location of any other scheme is refused by name."""
    with pytest.raises(UnsupportedScheme, match=location.partition(":")[0]):
        following(302, location)


@pytest.mark.parametrize(
    "location",
    ["http://", "http:///x", "http://h:99999/", "http://[::1/", "http://a b/", "http://h\\@evil.test/", "http://%65vil.test\x01/",
     "http://exa%2fmple.test/", "/a\x0bb", "//", "http://[h]/"],
)  # fmt: skip
def test_what_leads_nowhere_is_an_error(location):
    """A Location that no request can be made of is refused, never guessed at."""
    with pytest.raises(InvalidURL):
        following(302, location)


def test_two_places_at_once_are_an_error():
    """Different Location fields are no redirect that anyone can follow; equal ones are one."""
    assert str(following(302, ["/a", "/a"]).url) == "http://home.test/a"
    with pytest.raises(InvalidURL, match="2 different"):
        following(302, ["/a", "http://evil.test/"])


@pytest.mark.parametrize(
    "elsewhere",
    ["http://other.test/", "https://home.test/", "http://home.test:8080/", "http://home.test.evil.test/", "http://evilhome.test/",
     "http://sub.home.test/", "//home.test@evil.test/"],
)  # fmt: skip
def test_what_is_the_first_origins_does_not_go_elsewhere(elsewhere):
    """Another scheme, host or port is another origin: no login, no cookie, no Host of the caller's, in whatever case."""
    request = following(307, elsewhere, "POST", headers=[*SECRETS, ("Host", "vhost.test"), ("X-Kept", "1")], body=b"b")
    assert "s3cret" not in str(request.headers.pairs)
    assert request.headers["host"] == request.url.authority
    assert request.headers["x-kept"] == "1"


@pytest.mark.parametrize("same", ["/x", "http://HOME.test:80/x", "http://home.test./x"])
def test_what_is_the_first_origins_goes_to_it(same):
    """The same scheme, host and port, however written, are the same origin: what the caller gave stays."""
    request = following(302, same, headers=[*SECRETS, ("Host", "vhost.test")])
    assert {name.lower() for name in request.headers} >= {"authorization", "cookie", "proxy-authorization"}
    assert request.headers["host"] == "vhost.test"


def test_the_fragment_is_inherited():
    """RFC 9110 section 10.2.2: a Location without a fragment inherits that of the URL; one with a fragment has its own."""
    assert str(following(302, "/x", url="http://h/#top").url) == "http://h/x#top"
    assert str(following(302, "/x#own", url="http://h/#top").url) == "http://h/x#own"
    assert "#" not in following(302, "/x", url="http://h/#top").target


def test_userinfo_of_the_caller_stays_with_its_origin():
    """A relative redirect keeps the caller's own user name and password in the URL; one to elsewhere never has them."""
    assert str(following(302, "/x", url="http://u:p@h/").url) == "http://u:p@h/x"
    assert str(following(302, "//other.test/x", url="http://u:p@h/").url) == "http://other.test/x"


def test_a_target_of_the_callers_own_is_not_kept():
    """What was sent as the target for the first URL says nothing about the next one."""
    response = Response(302, {"Location": "/next"})
    assert redirected(response, Request("GET", HOME, target="/%7eexact")).target == "/next"


def test_next_leaves_behind_what_was_added_on_the_way():
    """What a client adds for the sending is chosen anew, and who sends it knows what the way has left."""
    sent = Request("GET", HOME, SECRETS)
    stays = Response(302, {"Location": "/x"}, request=sent).next
    assert {name.lower() for name in stays.headers} == {"host", "authorization", "cookie", "proxy-authorization"}
    assert stays.way == (False, False)

    def key(request, options, inner):
        return (yield from inner(request.with_field("X-Api-Key", "s3cret"), options))

    mock = MockTransport(lambda request: Response(302, {"Location": "http://b.test/", "Set-Cookie": "a=1"}))
    with Client(mock, auth=key, cookies={"c": "1"}, trust_env=False) as client:
        redirect = client.get(HOME, allow_redirects=False)
    assert {name.lower() for name in mock.calls[0].headers} >= {"x-api-key", "cookie"}
    for response in (redirect, pickle.loads(pickle.dumps(redirect))):
        assert not {"x-api-key", "cookie"} & {name.lower() for name in response.next.headers}
        assert response.next.way == (True, False)


def test_next_knows_what_the_way_has_left():
    """Once away, or down from https, is away for good, in another process too."""
    away = Response(302, {"Location": "http://b.test/"}, request=Request("GET", HOME)).next
    assert away.way == (True, False)
    back = Response(302, {"Location": HOME}, request=away.with_field("X-A", "1")).next
    assert back.way == (True, False)
    assert pickle.loads(pickle.dumps(back)).way == (True, False)
    assert back.replace(headers=[]).way == (True, False)
    down = Response(302, {"Location": "http://h/"}, request=Request("GET", "https://h/")).next
    assert down.way == (True, True)
    assert Response(200, request=away).next is None
    assert Response(302, {"Location": "/x"}).next is None


@given(
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=40), st.sampled_from([301, 302, 303, 307, 308])
)
def test_any_location_gives_a_request_or_an_error_of_ours(location, status):
    """Whatever bytes a Location holds, what follows is canonical or refused, and secrets go to the same origin only."""
    location = location.translate({0: None, 10: None, 13: None}).strip(" \t")
    sent = Request("GET", HOME, SECRETS)
    try:
        request = redirected(Response(status, [("Location", location)]), sent)
    except InvalidRequest:
        return
    if request is not None:
        assert request.url.scheme in {"http", "https"}
        assert request == Request(request.method, str(request.url), request.headers.pairs)
        assert ("authorization" in request.headers) == (request.url.origin == sent.url.origin)
