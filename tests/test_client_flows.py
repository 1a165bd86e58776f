"""What a client makes of its flows: the quick way and the whole stack give the same, in time, and leave nothing open."""

import os
import pickle
import threading
import time

import pytest

import intermodal
from intermodal import (
    Client,
    CookieJar,
    Disconnected,
    InvalidHeader,
    InvalidURL,
    Request,
    Response,
    Retry,
    Timeouts,
    TooManyRedirects,
    TotalTimeout,
    TransportInfo,
    UnsupportedFeature,
)
from intermodal.flow import drain, sleep
from intermodal.protocol import Capability
from intermodal.testing import MockTransport
from intermodal.testing.origin import Origin

SECRETS = {"authorization", "cookie"}


class Scripted:
    """A transport that gives each answer in turn, an error by raising it, and remembers what it was asked."""

    info = TransportInfo(
        "scripted", capabilities=Capability.TOTAL_TIMEOUT | Capability.WRITE_TIMEOUT | Capability.POOL_TIMEOUT
    )

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.closed = 0

    def send(self, request, options, /):
        self.asked.append((request, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        answer.request = request
        return answer

    def close(self):
        """Nothing is open."""


class Body:
    """A body that knows whether it was closed."""

    def __init__(self, content=b"body"):
        self.content = content
        self.closed = False

    def read(self, n, /):
        data, self.content = self.content[:n], self.content[n:]
        return data

    def close(self):
        self.closed = True


def names(request):
    return {name.lower() for name in request.headers}


# --- the quick way ----------------------------------------------------------------------------------------------------


def ended():
    return Disconnected("ended while idle", phase="wait", delivery="maybe_sent", reused=True)


@pytest.mark.parametrize(
    ("answers", "status", "sent"),
    [
        ([lambda: Response(200)], 200, 1),
        ([lambda: Response(302, {"Location": "/b"}), lambda: Response(200)], 200, 2),
        ([lambda: Response(302, {"Location": "/b", "Set-Cookie": "a=1"}), lambda: Response(200)], 200, 2),
        ([ended, lambda: Response(200)], 200, 2),
        ([ended, lambda: Response(303, {"Location": "/b"}), lambda: Response(404)], 404, 3),
    ],
)
def test_a_call_is_the_same_on_the_quick_way_and_by_the_flows(answers, status, sent):
    """What needs no flow before an answer asks for one, and what goes through all of them, send and give the same."""
    told = []
    for how in ({}, {"middleware": [lambda request, options, inner: (yield from inner(request, options))]}):
        transport = Scripted(*[answer() for answer in answers])
        with Client(transport, trust_env=False, **how) as client:
            response = client.get("http://h/a")
            told.append(
                [
                    response.status_code,
                    [each.status_code for each in response.history],
                    [(request.method, request.target, request.headers.pairs) for request, _ in transport.asked],
                    sorted(client.cookies.keys()),
                ]
            )
    assert told[0] == told[1]
    assert told[0][0] == status
    assert len(told[0][2]) == sent


def test_a_post_is_not_sent_again_on_the_quick_way():
    """A connection that has ended under a POST is an error: nobody knows whether it was acted upon."""
    transport = Scripted(ended())
    with pytest.raises(Disconnected):
        Client(transport, trust_env=False).post("http://h/", b"x")
    assert len(transport.asked) == 1


def test_success_on_the_quick_way_gives_back_to_the_budget():
    """Retries of single calls are paid for by all of a client's successes."""
    client = Client(MockTransport(200), trust_env=False)
    while client._budget.take():
        pass
    for _ in range(client._budget.successes):
        client.get("http://h/")
    assert client._budget.left == 1


# --- what is the client's own, and what the call's --------------------------------------------------------------------


def led_away(**how):
    """A client whose server leads to another origin, from one place there to the next."""
    mock = MockTransport(lambda request: Response(302, {"Location": f"http://evil.test{request.target}x"}))
    return Client(mock, auth=("ann", "secret"), cookies={"sid": "secret"}, trust_env=False, **how), mock


def test_what_is_the_clients_own_does_not_follow_by_hand():
    """However a request came out of a redirect to elsewhere, sending it sends nothing of the client's."""
    client, mock = led_away(max_redirects=3)
    with pytest.raises(TooManyRedirects) as caught:
        client.get("http://home.test/")
    last = caught.value.response
    ways = [last.next, last.request, last.history[0].next, last.history[-1].next, pickle.loads(pickle.dumps(last)).next]
    for request in ways:
        client.send(request, allow_redirects=False)
        assert not names(mock.calls[-1]) & SECRETS, request
    assert names(mock.calls[0]) >= SECRETS


def test_what_is_given_with_a_call_is_for_its_own_origin():
    """A login and cookies given for the very call are sent to where it begins, whatever has led there."""
    client, mock = led_away()
    redirect = client.get("http://home.test/", allow_redirects=False)
    client.send(redirect.next, allow_redirects=False, auth=("bob", "other"), cookies={"own": "1"})
    assert mock.calls[-1].headers["cookie"] == "own=1"
    assert names(mock.calls[-1]) >= SECRETS
    assert "secret" not in str(mock.calls[-1].headers.pairs)


def test_no_login_at_all():
    """``None`` for Authorization keeps every login away, the client's own too."""
    mock = MockTransport(200)
    Client(mock, auth=("ann", "secret")).get("http://u:p@h/", headers={"Authorization": None})
    assert "authorization" not in mock.calls[0].headers


def test_settings_are_as_they_were_when_the_client_was_made():
    """Parameters that change afterwards, or can be read only once, are those of the beginning."""
    mock, values = MockTransport(200), [1]
    client = Client(mock, params={"t": values, "g": iter(["a", "b"])}, trust_env=False)
    values.append(2)
    for _ in range(2):
        client.get("http://h/")
    assert [each.url for each in mock.calls] == ["http://h/?t=1&g=a&g=b"] * 2


def test_a_jar_is_used_as_it_is():
    """A CookieJar is the client's own and may be several clients'; another kind is taken over."""
    jar = CookieJar()
    mock = MockTransport(lambda request: Response(200, {"Set-Cookie": "a=1"}))
    for _ in range(2):
        Client(mock, cookies=jar).get("http://h/")
    assert jar["a"] == "1"
    assert mock.calls[1].headers["cookie"] == "a=1"


# --- time -------------------------------------------------------------------------------------------------------------


def test_one_deadline_holds_for_all_of_a_call():
    """Each request is given what is left, a middleware's own shorter bound holds, and no sleep goes beyond the end."""
    total = Timeouts(total=30)
    transport = Scripted(Response(302, {"Location": "/b"}), Response(200))

    def brief(request, options, inner):
        return (yield from inner(request, options.within(0.5)))

    with Client(transport, trust_env=False, middleware={"attempt": [brief]}) as client:
        client.get("http://h/", timeout=total)
    assert [options.timeouts.total for _, options in transport.asked] == [0.5, 0.5]

    transport = Scripted(Response(302, {"Location": "/b"}), Response(200))
    with Client(transport, trust_env=False) as client:
        client.get("http://h/", timeout=total)
    first, second = [options.timeouts.total for _, options in transport.asked]
    assert first == 30
    assert 20 < second <= 30

    def patient(request, options, inner):
        yield from sleep(60)
        return (yield from inner(request, options))

    began = time.monotonic()
    with pytest.raises(TotalTimeout, match=r"0\.2 s") as caught:
        Client(Scripted(), trust_env=False, middleware=[patient]).get("http://h/", timeout=Timeouts(total=0.2))
    assert caught.value.delivery == "not_sent"
    assert 0.2 <= time.monotonic() - began < 5


def test_a_timeout_tells_the_bound_that_was_given():
    """What a caller reads is the total of the call, not what was left of it to the microsecond."""
    with Origin() as origin, Client() as client, pytest.raises(TotalTimeout, match=r"total=0\.2 s"):
        client.get(f"{origin.url}/delay/5", timeout=Timeouts(total=0.2))


# --- middleware -------------------------------------------------------------------------------------------------------


def no_generator(request, options, inner):
    return Response(200)


def no_response(request, options, inner):
    yield from inner(request, options)


def no_from(request, options, inner):
    response = yield inner(request, options)
    return response


async def asynchronous(request, options, inner):
    return inner(request, options)


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize(
    "how",
    [
        lambda flow: {"middleware": {"call": [flow]}},
        lambda flow: {"middleware": {"attempt": [flow]}},
        lambda flow: {"auth": flow},
    ],
    ids=["call", "attempt", "auth"],
)
@pytest.mark.parametrize("flow", [no_generator, no_response, no_from, asynchronous])
def test_a_function_that_is_no_flow_is_told_so(flow, how):
    """Each mistake that newcomers make is a TypeError that shows how a flow is written."""
    client = Client(MockTransport(200), **how(flow))
    with pytest.raises(TypeError, match=r"yield from inner\(request, options\)"):
        client.get("http://h/")


def test_middleware_none_is_none():
    """None stands for no middleware, as for most settings."""
    assert Client(MockTransport("hi"), middleware=None).get("http://h/").text == "hi"


def test_a_response_that_is_not_handed_over_is_not_left_open():
    """A call that fails behind a response leaves no connection out; what is short can still be read."""

    def strict(request, options, inner):
        response = yield from inner(request, options)
        response.raise_for_status()
        return response

    body = Body(b'{"why": 1}')
    with pytest.raises(intermodal.HTTPError) as caught:
        Client(Scripted(Response(500, {}, body)), middleware=[strict]).get("http://h/")
    assert body.closed
    assert caught.value.response.json() == {"why": 1}

    class Stopped(BaseException):
        pass

    def stopped(request, options, inner):
        yield from inner(request, options)
        raise Stopped

    body = Body()
    with pytest.raises(Stopped):
        Client(Scripted(Response(200, {}, body)), middleware=[stopped]).get("http://h/")
    assert body.closed


@pytest.mark.parametrize("size", [10, 500_000])
def test_a_middleware_may_give_a_response_of_its_own(size):
    """One that is made of the first one's stream is read through it; one that is not lets its connection go."""

    def louder(request, options, inner):
        response = yield from inner(request, options)
        return Response(200, body=(piece.upper() for piece in response.iter_content()))

    def other(request, options, inner):
        yield from inner(request, options)
        return Response(200, body=b"other")

    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size
    for flow, content in ((louder, b"A" * size), (other, b"other")):
        with Origin() as origin, Client(limits=intermodal.Limits(connections=1), middleware=[flow]) as client:
            for _ in range(2):
                origin.play(answer)
                assert client.get(origin.url, timeout=5).content == content


def test_a_refusal_of_a_middlewares_own_leaves_as_it_is():
    """An UnsupportedFeature that is about no request is not explained, and not lost."""

    def refuses(request, options, inner):
        raise UnsupportedFeature("not with me")
        yield

    with pytest.raises(UnsupportedFeature, match="^not with me$"):
        Client(MockTransport(200), middleware=[refuses]).get("http://h/")


def test_middleware_goes_around_calls_and_attempts():
    """One around the call sees one response, one around each attempt sees every one; the first is the outermost."""
    seen = []

    def noting(name):
        def flow(request, options, inner):
            response = yield from inner(request, options)
            seen.append((name, response.status_code))
            return response

        return flow

    answers = iter([503, 302, 200])
    mock = MockTransport(lambda request: Response(next(answers), {"Location": "/b"}))
    how = {"call": [noting("outer"), noting("inner")], "attempt": [noting("attempt")]}
    Client(mock, middleware=how, retries=Retry(1, backoff=0)).get("http://h/")
    assert seen == [("attempt", 503), ("attempt", 302), ("attempt", 200), ("inner", 200), ("outer", 200)]


def test_a_flow_may_drain_and_send_again():
    """A middleware has the whole vocabulary of the flows here."""
    mock = MockTransport(lambda request: Response(202 if request.method == "POST" else 200))

    def polls(request, options, inner):
        response = yield from inner(request, options)
        while response.status_code == 202:
            yield from drain(response)
            yield from sleep(0)
            response = yield from inner(Request("GET", "http://h/job"), options)
        return response

    assert Client(mock, middleware=[polls]).post("http://h/job").status_code == 200


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda client: client.get("/relative"), InvalidURL, "base_url"),
        (lambda client: client.get("http://h/", follow_redirects=True), TypeError, "allow_redirects"),
        (lambda client: client.post("http://h/", content=b"x"), TypeError, "'data'"),
        (lambda client: Client(client.transport, max_redirects="3"), TypeError, "max_redirects"),
        (lambda client: Client(client.transport, max_redirects=-1), ValueError, "max_redirects"),
        (lambda client: Client(client.transport, middleware=print), TypeError, "list of flows"),
        (lambda client: Client(client.transport, middleware={"calls": []}), TypeError, "'call' or 'attempt'"),
        (
            lambda client: client.post("http://h/", files={"a": b"x"}, headers={"Content-Type": "multipart/form-data"}),
            InvalidHeader,
            "boundary",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(call, error, said):
    """A wrong keyword, URL or setting says what to write instead, and nothing is sent."""
    mock = MockTransport(200)
    with pytest.raises(error, match=said):
        call(Client(mock))
    assert not mock.calls


def test_a_boundary_of_the_callers_own_stands():
    """Who gives the whole Content-Type for files= gets parts that begin where it says."""
    mock = MockTransport(200)
    for boundary in ("own", '"own"'):
        given = f"multipart/mixed; boundary={boundary}"
        Client(mock).post("http://h/", files={"a": b"x"}, headers={"Content-Type": given})
        assert mock.calls[-1].headers["content-type"] == given
        assert mock.calls[-1].content.startswith(b"--own\r\n")
        assert mock.calls[-1].content.endswith(b"--own--\r\n")


# --- another process --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_process_waits_for_no_lock_of_the_parents():
    """A jar whose lock another thread held when the process forked serves in the child."""
    jar = CookieJar()
    held, over = threading.Event(), threading.Event()

    def hold():
        with jar._cookies_lock:
            held.set()
            over.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    child = os.fork()
    if child == 0:
        jar.set("a", "1")
        os._exit(0 if jar["a"] == "1" else 1)
    ends = time.monotonic() + 5
    while (found := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < ends:
        time.sleep(0.01)
    over.set()
    thread.join()
    if found == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert found == (child, 0)
