"""The object stays the user's: what is mounted on it is honoured, nothing is left in it, and it outlives the transport."""

import threading

import httpx
import pytest
import requests
import urllib3
from backends.own import NAMES, fitting, make_own, plain
from requests.adapters import HTTPAdapter

from intermodal.errors import TransportClosed
from intermodal.model.request import Request
from intermodal.protocol import Transport


def test_it_is_a_transport(own):
    """It has what the seam asks for, under the name of its library."""
    assert isinstance(own.transport, Transport)
    assert own.transport.info.version


@pytest.mark.parametrize("name", NAMES)
def test_the_users_object_is_open_afterwards(origin, name):
    """Closing the transport closes nothing of the user's; sending on a closed transport is TransportClosed."""
    own = make_own(name)
    request = Request("GET", f"{origin.url}/get")
    own.transport.send(request, fitting(own.transport)).close()
    own.transport.close()
    own.transport.close()
    with pytest.raises(TransportClosed) as caught:
        own.transport.send(request, fitting(own.transport))
    assert (caught.value.delivery, caught.value.request) == ("not_sent", request)
    assert b'"/get?mine"' in plain(own, name)(f"{origin.url}/get?mine")
    own.close()


def test_a_client_that_its_owner_has_closed_is_closed(origin):
    """httpx would open connections that nobody closes any more."""
    own = make_own("httpx")
    own.thing.close()
    with pytest.raises(TransportClosed):
        own.transport.send(Request("GET", origin.url), fitting(own.transport))
    assert origin.connections == []
    own.transport.close()


def test_nothing_of_an_exchange_stays_in_the_users_object(own, origin):
    """Cookies of an answer, and a Location that nobody can parse, concern neither the object nor the answer."""
    origin.play(b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b\r\nLocation: http://[bad/\r\nContent-Length: 0\r\n\r\n")
    response = own.transport.send(Request("GET", origin.url), fitting(own.transport))
    assert (response.status_code, response.headers["location"]) == (302, "http://[bad/")
    jar = getattr(own.thing, "cookies", None)
    assert jar is None or len(getattr(jar, "jar", jar)) == 0


def test_an_adapter_of_the_users_own_sees_and_changes_the_request(origin):
    """The adapter mounted for the URL carries the request; the fields it sets go out, all others as they were."""
    seen = []

    class Signing(HTTPAdapter):
        def send(self, request, **kwargs):
            seen.append((request.method, request.url, request.body, dict(kwargs)))
            request.headers["X-Signed"] = request.headers["x-a"] + "!"
            request.headers["User-Agent"] = "mine"
            del request.headers["X-Secret"]
            return super().send(request, **kwargs)

    session = requests.Session()
    session.mount(f"{origin.url}/signed/", Signing())
    own = make_own("requests", session)
    url = f"{origin.url}/signed/?"
    given = [("X-A", "1"), ("X-B", "2"), ("x-a", "3"), ("X-Secret", "4")]
    own.transport.send(Request("PoSt", url, given, b"to be signed"), fitting(own.transport)).close()
    own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).close()
    ((method, seen_url, body, keywords),) = seen
    assert (method, seen_url, body) == ("PoSt", url, b"to be signed")
    assert {name: keywords[name] for name in ("stream", "verify", "cert", "proxies")} == {
        "stream": True,
        "verify": True,
        "cert": None,
        "proxies": {},
    }
    assert origin.requests[0].target == "/signed/?"
    assert sorted(origin.requests[0].headers[1:]) == [
        ("Content-Length", "12"),
        ("User-Agent", "mine"),
        ("X-A", "1"),
        ("X-B", "2"),
        ("X-Signed", "1, 3!"),
        ("x-a", "3"),
    ]
    own.close()


def test_a_transport_mounted_on_a_client_sees_the_request(origin):
    """The httpx transport that the client has for the URL carries the request, with its real URL and method."""
    seen = []

    class Watching(httpx.HTTPTransport):
        def handle_request(self, request):
            seen.append((request.method, str(request.url), request.headers["x-a"]))
            return super().handle_request(request)

    client = httpx.Client(trust_env=False, mounts={"http://127.0.0.1": Watching(trust_env=False)})
    own = make_own("httpx", client)
    own.transport.send(Request("PoSt", f"{origin.url}/get?a=%7e", {"X-A": "1"}), fitting(own.transport)).close()
    assert seen == [("PoSt", f"{origin.url}/get?a=%7e", "1")]
    own.close()


def test_a_pool_class_of_the_users_own_carries_the_request(origin):
    """The connection class that a pool manager was given is the one that connects."""
    connected = []

    class Connection(urllib3.connection.HTTPConnection):
        def connect(self):
            connected.append((self.host, self.port))
            super().connect()

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    manager = urllib3.PoolManager()
    manager.pool_classes_by_scheme = {"http": Pool}
    own = make_own("urllib3", manager)
    own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).close()
    assert connected == [(origin.host, origin.port)]
    own.close()


def test_a_blocking_pool_gets_every_connection_back(origin):
    """Read to the end, closed early, failed or closed by rule: the one place in the pool is free again each time."""
    manager = urllib3.PoolManager(maxsize=1, block=True)
    own = make_own("urllib3", manager)
    send = lambda **asked: own.transport.send(Request("GET", f"{origin.url}/get", **asked), fitting(own.transport, 2.0))  # noqa: E731
    for _ in range(2):
        assert send().content
        send().close()
        assert send(headers={"Connection": "close"}).content
        origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")
        with pytest.raises(Exception, match="Content-Length"):
            send()
        del_me = send()
        assert del_me.raw.read(1) == b"{"
        del del_me
    own.close()


def test_many_threads_may_use_one_transport(own, origin):
    """Eight threads get each its own answers."""
    failures = []

    def work(number):
        try:
            for turn in range(10):
                with own.transport.send(
                    Request("GET", f"{origin.url}/get?{number}-{turn}"), fitting(own.transport)
                ) as response:
                    assert response.json()["target"] == f"/get?{number}-{turn}"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
