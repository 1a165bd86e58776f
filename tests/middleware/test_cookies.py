"""Cookies around one request: what is sent, what is kept, and what leaves the first origin."""

import pytest

from intermodal import URL, Headers, Options, Request, Response
from intermodal.flow import Call, drive, send
from intermodal.middleware.cookies import with_cookies
from intermodal.model.cookies import CookieJar

URL_ = "http://a.example/x"


def ask(request, jar, own=None, *, strayed=False, answers=()):
    """Send a request through the flow; give the request that was carried, and the response."""
    carried = []
    call = Call()
    call.strayed = strayed
    response = Response(200, [("Set-Cookie", line) for line in answers])

    def carry(request, options):
        carried.append(request)
        return response

    given = drive(
        with_cookies(request, Options(), send, known=lambda: jar, make=lambda: jar, own=own, call=call), carry
    )
    assert given is response
    return carried[0]


def cookie_of(request, jar, own=None, **kwargs):
    return ask(request, jar, own, **kwargs).headers.get_list("cookie")


def jar_of(url=URL_, *lines):
    jar = CookieJar()
    jar.store(URL(url), Headers([("Set-Cookie", line) for line in lines]))
    return jar


def test_the_cookies_for_the_url_are_added():
    """One Cookie field comes after the caller's own fields, and the body goes as it would have gone."""
    request = Request("POST", URL_, [("X-A", "1")], b"body")
    seen = ask(request, jar_of(URL_, "a=1", "b=2", "c=3; Path=/other"))

    assert seen.headers.pairs == (("Host", "a.example"), ("X-A", "1"), ("Cookie", "a=1; b=2"), ("Content-Length", "4"))
    assert (seen.body, seen.method, seen.url, seen.target) == (request.body, "POST", request.url, request.target)


@pytest.mark.parametrize("own", [None, CookieJar()])
@pytest.mark.parametrize(
    "jar", [CookieJar(), jar_of("http://other.example/", "a=1"), jar_of("https://a.example/", "a=1; Secure")]
)
def test_without_any_the_very_same_request_goes_on(jar, own):
    """A request that no cookie is for is not made anew."""
    request = Request("GET", URL_)

    assert ask(request, jar, own) is request


def test_the_host_is_that_of_the_url():
    """A Host field that the caller has written chooses no cookies, neither to send nor to keep (CVE-2026-6276)."""
    jar = jar_of("http://other.example/", "a=1")
    request = Request("GET", URL_, {"Host": "other.example"})

    assert ask(request, jar, answers=["b=2"]) is request
    assert [(cookie.name, cookie.domain) for cookie in jar] == [("a", "other.example"), ("b", "a.example")]


@pytest.mark.parametrize("name", ["Cookie", "cookie", "COOKIE"])
def test_a_field_written_by_hand_wins_over_all(name):
    """As with requests, nothing is added to a Cookie field of the caller's; what the answer sets is kept all the same."""
    request = Request("GET", URL_, [(name, "by=hand")])
    jar = jar_of(URL_, "a=1")

    assert ask(request, jar, CookieJar.of({"own": "1"}), answers=["b=2"]) is request
    assert jar.get_dict() == {"a": "1", "b": "2"}


def test_cookies_of_the_call_win_and_are_not_kept():
    """Cookies given with a call replace the jar's of the same name, whatever their path, and leave the jar as it was."""
    jar = jar_of(URL_, "a=1", "b=2", "a=3; Path=/x")
    jar["mine"] = "4"
    own = CookieJar.of({"a": "5", "mine": "6"})

    assert cookie_of(Request("GET", URL_), jar, own) == ["b=2; a=5; mine=6"]
    assert sorted(jar.items()) == [("a", "1"), ("a", "3"), ("b", "2"), ("mine", "4")]
    assert cookie_of(Request("GET", URL_), jar) == ["a=3; a=1; b=2; mine=4"]


def test_cookies_of_the_call_go_to_the_first_origin_only():
    """Once a redirect has led away they are sent no more; the jar's go wherever they belong."""
    jar = jar_of(URL_, "a=1")
    own = CookieJar.of({"a": "5", "own": "6"})

    assert cookie_of(Request("GET", URL_), jar, own, strayed=True) == ["a=1"]
    assert cookie_of(Request("GET", "http://other.example/"), jar, own, strayed=True) == []


def test_what_the_server_sets_anew_replaces_what_came_with_the_call():
    """On the way of a redirect, a login's new session is sent, and what was removed is not."""
    jar, own = CookieJar(), CookieJar.of({"sid": "old", "gone": "1", "kept": "1"})
    request = Request("GET", URL_)

    assert cookie_of(request, jar, own, answers=["sid=new", "gone=; Max-Age=0", "kept=2; Domain=other.example"]) == [
        "sid=old; gone=1; kept=1"
    ]
    assert cookie_of(request, jar, own) == ["kept=1; sid=new"]
    assert jar.get_dict() == {"sid": "new"}


def test_what_is_set_is_kept_for_the_url_of_the_request():
    """Set-Cookie lines of any status are taken in, each for itself, by the rules for that URL."""
    jar = CookieJar()
    ask(
        Request("GET", "http://a.example/x/y", target="http://proxied.example/"),
        jar,
        answers=["a=1", "b=2; Path=/", "c; Secure"],
    )

    assert [(cookie.name, cookie.domain, cookie.path) for cookie in jar] == [
        ("a", "a.example", "/x"),
        ("b", "a.example", "/"),
    ]


def test_bytes_go_back_as_they_came():
    """A value that is no ASCII goes back as the same bytes of the wire."""
    jar = CookieJar()
    ask(Request("GET", URL_), jar, answers=["a=\xc3\xa9\xff"])

    assert cookie_of(Request("GET", URL_), jar) == ["a=\xc3\xa9\xff"]


def test_a_failed_exchange_stores_nothing():
    """What the transport raises comes out as it is."""
    jar = jar_of(URL_, "a=1")

    def carry(request, options):
        raise KeyError("x")

    with pytest.raises(KeyError):
        drive(
            with_cookies(
                Request("GET", URL_), Options(), send, known=lambda: jar, make=lambda: jar, own=None, call=Call()
            ),
            carry,
        )
    assert jar.get_dict() == {"a": "1"}
