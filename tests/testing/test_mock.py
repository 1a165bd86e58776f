"""The mock answers as it was told, records what it was sent, and keeps the contract of a transport."""

import asyncio

import pytest

from intermodal import (
    Client,
    ConnectionError,
    Options,
    ReadTimeout,
    Request,
    RequestBodyError,
    Response,
    Transport,
    TransportBug,
    TransportClosed,
)
from intermodal.testing import MockTransport

URL = "http://api.test/users/1?x=1"


@pytest.mark.parametrize(
    ("answer", "status", "content", "media_type"),
    [
        (204, 204, b"", None),
        ("héllo", 200, "héllo".encode(), "text/plain; charset=utf-8"),
        (b"\x00", 200, b"\x00", None),
        ({"a": 1}, 200, b'{"a": 1}', "application/json"),
        ([1], 200, b"[1]", "application/json"),
        ((201, {"a": 1}), 201, b'{"a": 1}', "application/json"),
        ((418, "no", {"X-A": "1", "content-type": "x/y"}), 418, b"no", "x/y"),
        ("a Response", 299, b"xy", "a/b"),
        (lambda request: (200, request.method), 200, b"GET", "text/plain; charset=utf-8"),
        (lambda request: Response(200, body=b"x"), 200, b"x", None),
    ],
)
@pytest.mark.parametrize("table", [True, False])
def test_an_answer_may_be_many_things(answer, status, content, media_type, table):
    """Each kind of answer becomes its response, from a table and alone, and as often as it is asked for."""
    if answer == "a Response":  # made here: a response is a handle, and its body is read once
        answer = Response(299, {"Content-Type": "a/b"}, [b"x", b"y"], reason="Odd")
    if isinstance(answer, dict) and not table:
        answer = (200, answer)  # a mapping alone is a table
    mock = MockTransport({"/users/1": answer} if table else answer)
    with Client(mock) as client:
        for _ in range(2):
            response = client.get(URL)
            assert (response.status_code, response.content) == (status, content)
            assert response.headers.get("content-type") == media_type
            assert response.request is mock.calls[-1].request


@pytest.mark.parametrize(
    "key",
    [
        "GET http://api.test/users/1?x=1",
        "http://api.test/users/1?x=1",
        "http://api.test/users/1",
        "get /users/1",
        "/users/1?x=1",
        "/users/1",
    ],
)
def test_a_table_is_looked_up_by_url_or_path(key):
    """A key is a whole URL or a path, with or without query and method."""
    assert Client(MockTransport({key: 204})).get(URL).status_code == 204


def test_the_most_special_key_counts():
    """A key with method and query wins over one that says less."""
    table = {"/users/1": 200, "GET /users/1": 201, "/users/1?x=1": 202, "http://api.test/users/1?x=1": 203}

    assert Client(MockTransport(table)).get(URL).status_code == 203
    assert Client(MockTransport({"http://api.test": 204})).get("http://api.test").status_code == 204


def test_what_the_table_does_not_know_says_what_it_knows():
    """An unknown request is a ConnectionError that lists the keys there are."""
    with pytest.raises(ConnectionError, match="no answer to GET .*GET /other") as caught:
        Client(MockTransport({"GET /other": 200})).get(URL)

    assert caught.value.transport == "mock"


@pytest.mark.parametrize("answer", [ReadTimeout("slow"), ReadTimeout, lambda request: ReadTimeout("slow")])
def test_an_error_is_raised(answer):
    """An exception as an answer is raised, with the request on it."""
    with pytest.raises(ReadTimeout) as caught:
        Client(MockTransport(answer)).get(URL)

    assert caught.value.request.url.host == "api.test"


@pytest.mark.parametrize("answer", [None, True, 1.5, (1, 2, 3, 4, 5)])
def test_an_answer_that_is_none_is_refused(answer):
    """A test that told the mock nonsense is told so."""
    with pytest.raises((TypeError, TransportBug), match="MockTransport"):
        Client(MockTransport({"/users/1": answer})).get(URL)


def test_it_records_what_it_was_sent():
    """Each call keeps the request, its options and the bytes of its body, streamed ones too."""
    mock = MockTransport(200)
    with Client(mock) as client:
        client.post(URL, json={"a": 1}, timeout=3)
        client.put(URL, data=iter([b"ab", b"c"]))

    first, second = mock.calls
    assert (first.method, first.url, first.json(), first.options.timeouts.read) == ("POST", URL, {"a": 1}, 3)
    assert second.content == b"abc"


def test_it_keeps_the_contract():
    """It is a transport: it reads the body once, answers a HEAD without content, refuses use after close."""
    mock = MockTransport("hello")
    assert isinstance(mock, Transport)
    head = Client(mock).head(URL)
    assert (head.content, head.headers["content-length"]) == (b"", "5")

    with pytest.raises(RequestBodyError):
        Client(mock).put(URL, data=iter(["no bytes"]))
    mock.close()
    mock.close()
    with pytest.raises(TransportClosed):
        mock.send(Request("GET", URL), Options())


def test_it_serves_both_colours():
    """The same mock answers an awaited exchange."""

    async def exchange():
        response = await MockTransport({"/users/1": {"a": 1}}).asend(Request("GET", URL), Options())
        await response.read()
        return response.json()

    assert asyncio.run(exchange()) == {"a": 1}


def test_an_answer_to_head_has_no_content_however_it_is_given():
    """A HEAD gets the fields of the answer and nothing behind them, of a Response too; a GET gets the content."""
    mock = MockTransport({"/page": (200, "hello"), "/made": Response(200, {"Content-Length": "5"}, b"hello")})
    with Client(mock, base_url="http://any.test") as client:
        for path in ("/page", "/made"):
            head = client.head(path)
            assert (head.content, head.headers["content-length"]) == (b"", "5")
        assert client.get("/page").content == b"hello"


@pytest.mark.parametrize("status", [204, 304])
def test_content_where_there_can_be_none_is_a_mistake(status):
    """A 204 with a body is no answer that a server can give, and the error says so."""
    with Client(MockTransport((status, "hello"))) as client, pytest.raises(TransportBug, match="with content"):
        client.get(URL)


def test_the_table_grows():
    """An answer can be put in later, and another in its place; a mock without a table says that it has none."""
    mock = MockTransport({})
    mock.answer("GET /a", 201)
    mock.answer("GET /a", (200, "two"))
    with Client(mock, base_url="http://any.test") as client:
        assert client.get("/a").text == "two"
    with pytest.raises(TypeError, match="make it with a table"):
        MockTransport(200).answer("/a", 200)
