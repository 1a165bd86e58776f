"""The flow that follows redirects: history, limit, replay, what is drained, and what is told of the way."""

import pytest

from intermodal import BodyNotReplayable, Error, InvalidURL, Options, Request, Response, TooManyRedirects
from intermodal.flow import Call, Drain, Send, drive, send
from intermodal.middleware.redirects import follow_redirects


def script(*answers):
    """A carry that gives these answers in turn, each a status with a Location or none; and the requests that it was given."""
    given = []

    def carry(request, options):
        status, location = answers[len(given)]
        given.append(request)
        return Response(
            status, {"Location": location} if location else {}, f"body {len(given)}".encode(), request=request
        )

    return carry, given


def follow(carry, request=None, limit=30, call=None):
    request = request or Request("GET", "http://a.test/1")
    return drive(follow_redirects(request, Options(), send, limit=limit, call=call or Call()), carry)


def test_history_holds_what_was_passed():
    """Each response knows those before it, in order, and their bodies can still be read."""
    carry, given = script((301, "/2"), (302, "/3"), (200, None))
    response = follow(carry)
    assert [each.url for each in response.history] == ["http://a.test/1", "http://a.test/2"]
    assert [each.content for each in response.history] == [b"body 1", b"body 2"]
    assert [len(each.history) for each in response.history] == [0, 1]
    assert response.content == b"body 3"
    assert [str(each.url) for each in given] == ["http://a.test/1", "http://a.test/2", "http://a.test/3"]


def test_history_holds_what_a_login_has_passed_too():
    """Challenges that the flow inside has answered stand in the history where they came, and are no redirects."""

    def inner(request, options):
        response = yield from send(request, options)
        response.history = [Response(401, request=request)]
        return response

    carry, _ = script((302, "/2"), (200, None))
    flow = follow_redirects(Request("GET", "http://a.test/1"), Options(), inner, limit=1, call=Call())
    assert [each.status_code for each in drive(flow, carry).history] == [401, 302, 401]


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_the_limit_ends_a_loop(limit):
    """One redirect more than the limit is an error with the last response and all before it; nothing more is sent."""
    carry, given = script(*[(302, "/again")] * (limit + 1))
    with pytest.raises(TooManyRedirects) as caught:
        follow(carry, limit=limit)
    assert len(given) == limit + 1
    assert len(caught.value.response.history) == limit
    assert caught.value.response.status_code == 302
    assert caught.value.request is given[-1]
    assert caught.value.delivery == "sent"


def test_a_one_shot_body_is_not_sent_twice():
    """A redirect that asks for a body that cannot be read again fails before anything more is sent."""
    carry, given = script((307, "/2"))
    request = Request("POST", "http://a.test/1", body=iter([b"once"]))
    with pytest.raises(BodyNotReplayable) as caught:
        follow(carry, request)
    assert len(given) == 1
    assert caught.value.response.status_code == 307
    assert str(caught.value.request.url) == "http://a.test/2"
    assert caught.value.delivery == "not_sent"


def test_a_one_shot_body_that_is_not_asked_for_again_is_no_obstacle():
    """A redirect to GET needs no body, whatever it was."""
    carry, _ = script((303, "/2"), (200, None))
    assert follow(carry, Request("POST", "http://a.test/1", body=iter([b"once"]))).status_code == 200


def test_a_redirect_to_nowhere_is_an_error_about_the_request_that_was_sent():
    """An impossible Location leaves with the response it stands in; the request before it was sent."""
    carry, given = script((302, "http://h:99999/"))
    with pytest.raises(InvalidURL, match="99999") as caught:
        follow(carry)
    assert caught.value.response.status_code == 302
    assert caught.value.request is given[0]
    assert caught.value.delivery == "sent"


@pytest.mark.parametrize(
    ("way", "strayed", "downgraded"),
    [
        (["http://a.test/1", "/2"], False, False),
        (["http://a.test/1", "http://b.test/"], True, False),
        (["http://a.test/1", "http://b.test/", "http://a.test/2"], True, False),
        (["http://a.test/1", "https://a.test/"], True, False),
        (["https://a.test/1", "http://a.test/"], True, True),
        (["https://a.test/1", "http://a.test/", "https://a.test/"], True, True),
        (["http://a.test/1", "http://a.test:8080/"], True, False),
    ],
)
def test_the_call_remembers_where_the_way_has_led(way, strayed, downgraded):
    """Once a redirect has left the first origin, or come down from https, the rest of the call knows; no way back undoes it."""
    carry, given = script(*[(302, location) for location in way[1:]], (200, None))
    call = Call()
    response = follow(carry, Request("GET", way[0]), call=call)
    assert call.strayed == strayed
    assert given[-1].way == (strayed, downgraded)
    assert response.request.way == (strayed, downgraded)


def test_secrets_stay_stripped_on_the_way_back():
    """What was taken away for another origin is not given back, not even by the way back (CVE-2024-45336)."""
    carry, given = script((302, "http://b.test/"), (302, "http://b.test/2"), (302, "http://a.test/2"), (200, None))
    follow(carry, Request("GET", "http://a.test/1", {"Authorization": "Bearer s", "Cookie": "a=b"}))
    assert ["authorization" in each.headers for each in given] == [True, False, False, False]
    assert ["cookie" in each.headers for each in given] == [True, False, False, False]


def test_a_response_is_drained_before_the_next_request():
    """What is passed over is given up first, so that its connection can serve the next request."""
    first = Response(302, {"Location": "/2"}, request=Request("GET", "http://a.test/1"))
    flow = follow_redirects(Request("GET", "http://a.test/1"), Options(), send, limit=3, call=Call())
    assert isinstance(next(flow), Send)
    op = flow.send(first)
    assert op == Drain(first)
    assert isinstance(flow.send(None), Send)
    flow.close()


def test_each_redirect_is_told():
    """Whoever listens is told the status and where it leads."""
    told = []
    carry, _ = script((301, "/2"), (308, "http://b.test/"), (200, None))
    follow(carry, call=Call(tell=lambda kind, request, **details: told.append((kind, str(request.url), details))))
    assert [(kind, url, details["status"], str(details["to"])) for kind, url, details in told] == [
        ("redirect", "http://a.test/1", 301, "http://a.test/2"),
        ("redirect", "http://a.test/2", 308, "http://b.test/"),
    ]


def test_an_error_on_the_way_passes_through():
    """What the transport raises for a later request leaves as it is."""

    def carry(request, options):
        if request.target == "/2":
            raise Error("down")
        return Response(302, {"Location": "/2"})

    with pytest.raises(Error, match="down"):
        follow(carry)
