"""The client: what a user types becomes the request that is sent, over each transport."""

import io
import json
import os
import pickle
import subprocess
import sys
import threading
import time

import pytest
import requests
import trustme
from fleet import TRANSPORTS
from hypothesis import given
from hypothesis import strategies as st

import intermodal
from intermodal import (
    CertificateError,
    Client,
    InsecureRequestWarning,
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    Limits,
    PoolTimeout,
    ReadTimeout,
    Timeouts,
    TLSError,
    TotalTimeout,
    TransportBug,
    TransportClosed,
    UnsupportedFeature,
    URLRequired,
)
from intermodal.testing import MockTransport
from intermodal.testing.origin import Origin, Stall


@pytest.fixture(scope="module")
def origin():
    """An origin server for this module."""
    with Origin() as made:
        yield made


@pytest.fixture(params=list(TRANSPORTS))
def client(request):
    """A client over each of the four transports."""
    with Client(request.param) as made:
        yield made


def sent(**keywords):
    """The one call that a mock records for a POST with these keywords."""
    mock = MockTransport(200)
    with Client(mock) as client:
        client.request("POST", "http://h/p", **keywords)
    return mock.calls[0]


@pytest.mark.parametrize("verb", ["get", "options", "post", "put", "patch", "delete"])
def test_each_verb_sends_its_method(client, origin, verb):
    """Every verb sends the method of its name, and its answer comes back whole."""
    response = getattr(client, verb)(f"{origin.url}/anything")

    assert response.status_code == 200
    assert response.json()["method"] == verb.upper()
    assert response.url == f"{origin.url}/anything"
    assert response.elapsed.total_seconds() > 0


def test_head_has_headers_and_no_body(client, origin):
    """A HEAD tells the length of what a GET would bring, and brings nothing."""
    response = client.head(f"{origin.url}/bytes/10")

    assert response.headers["content-length"] == "10"
    assert response.content == b""


def test_the_method_is_upper_cased():
    """The client upper-cases a method, as requests does; a Request keeps it."""
    mock = MockTransport(200)
    Client(mock).request("get", "http://h/")

    assert mock.calls[0].method == "GET"


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"a": 1, "b": ["x", "y"], "c": None}, "/p?z=0&a=1&b=x&b=y"),
        ([("k", "1"), ("k", "a b&c")], "/p?z=0&k=1&k=a+b%26c"),
        ("raw=%7e", "/p?z=0&raw=%7e"),
        (b"raw=1", "/p?z=0&raw=1"),
        ({}, "/p?z=0"),
        (None, "/p?z=0"),
        ({"é": "ü"}, "/p?z=0&%C3%A9=%C3%BC"),
    ],
)
def test_params_are_added_to_the_query(params, target):
    """Params follow what the URL has already; lists repeat the key and None is left out."""
    mock = MockTransport(200)
    Client(mock).get("http://h/p?z=0", params=params)

    assert mock.calls[0].request.target == target


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_params_arrive_as_they_were_given(params):
    """Any text in keys and values survives the way through the query."""
    from urllib.parse import parse_qsl, urlsplit

    mock = MockTransport(200)
    Client(mock).get("http://h/", params=params)

    assert dict(parse_qsl(urlsplit(mock.calls[0].request.target).query, keep_blank_values=True)) == params


@pytest.mark.parametrize(
    ("keywords", "content", "media_type"),
    [
        ({"data": {"a": "b c", "l": [1, 2], "n": None}}, b"a=b+c&l=1&l=2", "application/x-www-form-urlencoded"),
        ({"data": [("a", "1"), ("a", "2")]}, b"a=1&a=2", "application/x-www-form-urlencoded"),
        ({"data": "é"}, "é".encode(), None),
        ({"data": b"\x00\xff"}, b"\x00\xff", None),
        ({"data": io.BytesIO(b"file")}, b"file", None),
        ({"data": iter([b"a", b"b"])}, b"ab", None),
        ({"data": [b"a", b"b"]}, b"ab", None),
        ({"json": {"a": [1, None, "é"]}}, b'{"a": [1, null, "\\u00e9"]}', "application/json"),
        ({"json": []}, b"[]", "application/json"),
        ({"json": 0}, b"0", "application/json"),
        ({"json": None}, b"", None),
        ({"data": {}}, b"", None),
        ({"json": {"a": 1}, "headers": {"content-type": "x/y"}}, b'{"a": 1}', "x/y"),
    ],
)
def test_data_and_json_become_the_body(keywords, content, media_type):
    """What is given as data or json is the body, with its media type unless the caller named one."""
    call = sent(**keywords)

    assert call.content == content
    assert call.request.headers.get("content-type") == media_type


@pytest.mark.parametrize(
    ("keywords", "error", "what"),
    [
        ({"json": float("nan")}, InvalidRequest, "JSON"),
        ({"json": {1, 2}}, InvalidRequest, "JSON"),
        ({"json": {}, "data": b"x"}, InvalidRequest, "one body"),
        ({"data": 7}, InvalidRequest, "body"),
        ({"data": io.StringIO("x")}, InvalidRequest, "'rb'"),
        ({"params": 7}, InvalidRequest, "params"),
        ({"headers": {"X": 1}}, InvalidHeader, "'X'"),
        ({"headers": 7}, InvalidHeader, "headers"),
        ({"timeout": 0}, InvalidRequest, "timeout"),
        ({"timeout": True}, InvalidRequest, "timeout"),
        ({"timeout": "5"}, InvalidRequest, "timeout"),
        ({"timeout": float("nan")}, InvalidRequest, "timeout"),
        ({"timeout": float("inf")}, InvalidRequest, "timeout"),
        ({"timeout": -1}, InvalidRequest, "timeout"),
        ({"timeout": 1e10}, InvalidRequest, "timeout"),
        ({"timeout": (1, 2, 3)}, InvalidRequest, "connect, read"),
        ({"verify": 3}, InvalidRequest, "verify"),
        ({"verify": "-----BEGIN CERTIFICATE-----"}, InvalidRequest, "path of a file"),
        ({"proxies": {"http": "http://u:p@ss#w@p:1"}}, InvalidURL, "percent-encode"),
        ({"cert": 7}, InvalidRequest, "cert"),
        ({"proxies": "http://p"}, InvalidURL, "proxies"),
        ({"proxies": {"ftp": "http://p"}}, InvalidURL, "proxies"),
    ],
)
def test_bad_values_are_refused_before_anything_is_sent(keywords, error, what):
    """Each bad value raises an error of its own that names it; the transport is never asked (Q9 among others)."""
    mock = MockTransport(200)
    with pytest.raises(error, match=what):
        Client(mock).post("http://h/", **keywords)

    assert not mock.calls


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (None, URLRequired),
        ("", URLRequired),
        ("h/x", InvalidURL),
        ("http://", InvalidURL),
    ],
)
def test_bad_urls_are_refused(url, error):
    """A URL that cannot be sent to is an error that says why."""
    with pytest.raises(error):
        Client(MockTransport(200)).get(url)


def test_a_keyword_that_does_nothing_is_refused():
    """What requests has taught and is not here is refused, never ignored, and so is what belongs elsewhere."""
    mock = MockTransport(200)
    with pytest.raises(UnsupportedFeature, match="middleware"):
        Client(mock).get("http://h/", hooks={})
    with pytest.raises(UnsupportedFeature, match="middleware"):
        Client(mock, hooks={})
    with pytest.raises(TypeError, match="Client\\(max_redirects"):
        Client(mock).get("http://h/", max_redirects=3)
    with pytest.raises(TypeError, match="send\\(request, timeout"):
        Client(mock).build_request("GET", "http://h/", timeout=3)
    with pytest.raises(TypeError, match="'nonsense'"):
        Client(mock).get("http://h/", nonsense=1)

    assert not mock.calls


def test_default_headers_and_how_to_change_them():
    """Defaults come first; a name replaces its default in place, None removes it, per client and per call."""
    mock = MockTransport(200)
    client = Client(mock, headers={"X-Client": "1", "Accept": None})
    client.get("http://h/", headers=[("user-agent", "me"), ("X-A", "1"), ("X-A", "2"), ("Connection", None)])

    assert mock.calls[0].request.headers.without("accept-encoding").pairs == (
        ("Host", "h"),
        ("user-agent", "me"),
        ("X-Client", "1"),
        ("X-A", "1"),
        ("X-A", "2"),
    )


def test_base_url():
    """A relative URL is appended to the base; an absolute one is not."""
    mock = MockTransport(200)
    client = Client(mock, base_url="http://h/api/v1/", params={"k": 1})
    for url in ("users", "/users", "", "http://other/x"):
        client.get(url)

    assert [call.url for call in mock.calls] == [
        "http://h/api/v1/users?k=1",
        "http://h/api/v1/users?k=1",
        "http://h/api/v1/?k=1",
        "http://other/x?k=1",
    ]


def test_stream_returns_after_the_head(client, origin):
    """With stream=True the call returns while the body is still on its way; without, the body has come."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0.5, b"world")
    with client.get(origin.url, stream=True) as response:
        assert response.elapsed.total_seconds() < 0.4
        assert next(response.iter_content(5)) == b"hello"


def test_leaving_a_stream_early_does_not_poison_the_next_exchange(client, origin):
    """A response left half read costs its connection and nothing else."""
    with client.get(f"{origin.url}/bytes/1000000", stream=True) as response:
        next(response.iter_content(10))

    assert client.get(f"{origin.url}/get").json()["method"] == "GET"


@pytest.mark.parametrize(("path", "first"), [("/gzip", b"\x1f"), ("/deflate", b"x")])
def test_content_is_decoded_as_it_is_read(client, origin, path, first):
    """gzip and deflate are undone for content, left alone in raw, whole or streamed."""
    assert client.get(origin.url + path).json()["method"] == "GET"
    with client.get(origin.url + path, stream=True) as response:
        assert json.loads(b"".join(response.iter_content(3)))["method"] == "GET"
    with client.get(origin.url + path, stream=True) as response:
        assert response.raw.read(1) == first


def test_timeouts_have_the_phase(client, origin):
    """A silent server is a ReadTimeout, a dripping one cannot outlive total; both soon after their time."""
    origin.play(1.0, b"HTTP/1.1 200 OK\r\n\r\n", then="fin")
    with pytest.raises(ReadTimeout) as caught:
        client.get(origin.url, timeout=0.2)
    assert (caught.value.phase, caught.value.delivery) == ("wait", "maybe_sent")

    with pytest.raises(TotalTimeout) as caught:
        client.get(f"{origin.url}/drip?numbytes=40&duration=4", timeout=Timeouts(read=2, total=0.4))
    assert caught.value.phase == "body"
    assert 0 < len(caught.value.partial) < 40


@pytest.mark.parametrize("name", TRANSPORTS)
def test_the_pool_has_a_bound(name, origin):
    """With every slot taken a request waits no longer than its pool timeout, and one that is given back serves."""
    with Client(name, limits=Limits(connections=1)) as client:
        with client.get(f"{origin.url}/bytes/1000000", stream=True):
            with pytest.raises(PoolTimeout) as caught:
                client.get(origin.url, timeout=0.1)
            assert caught.value.delivery == "not_sent"
        assert client.get(f"{origin.url}/get").ok


@pytest.mark.parametrize("name", TRANSPORTS)
def test_many_threads_share_a_client(name, origin):
    """Eight threads over four slots: every answer belongs to its request, and no more connections than slots."""
    wrong = []
    with Origin() as own, Client(name, limits=Limits(connections=4)) as client:

        def work(number):
            for turn in range(12):
                token = f"{number}-{turn}"
                if client.get(f"{own.url}/anything", params={"t": token}).json()["args"] != {"t": [token]}:
                    wrong.append(token)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert len(own.connections) <= 4
        assert len(own.requests) == 96


@pytest.fixture(scope="module")
def authority():
    """A certificate authority of this module's own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority):
    """An origin with a certificate by that authority."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with Origin(tls=context) as made:
        yield made


def test_tls_is_per_call_and_never_outlives_it(client, secure, authority, tmp_path):
    """An unknown authority is refused, also right after a call that did not check or trusted it."""
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    url = f"{secure.url}/get"

    with pytest.raises(CertificateError) as caught:
        client.get(url)
    assert (caught.value.phase, caught.value.delivery) == ("tls", "not_sent")
    assert client.get(url, verify=str(ca)).ok
    with pytest.raises(CertificateError):
        client.get(url)
    with pytest.warns(InsecureRequestWarning):
        assert client.get(url, verify=False).ok
    with pytest.raises(CertificateError):
        client.get(url)


def test_a_callers_own_context_is_used(client, secure, authority):
    """An ssl.SSLContext given as verify decides alone."""
    import ssl

    context = ssl.create_default_context()
    authority.configure_trust(context)

    assert client.get(f"{secure.url}/get", verify=context).ok


@pytest.mark.parametrize("given", ["/no/such/ca.pem"])
def test_a_ca_that_cannot_be_read_is_named(client, secure, given):
    """A missing CA file is an error that names it, and nothing is sent."""
    with pytest.raises(InvalidRequest, match=given):
        client.get(secure.url, verify=given)


def test_a_forward_proxy_gets_the_whole_url(client, origin):
    """For plain http a proxy is sent the absolute URL and its own credentials, identically by every transport."""
    proxy = f"http://ann:p%40ss@{origin.host}:{origin.port}"
    client.get(
        "http://example.test/headers?q=%7e",
        proxies={"http": proxy},
        headers={"User-Agent": "x", "Accept-Encoding": None},
    )

    assert origin.requests[-1].raw == (
        b"GET http://example.test/headers?q=%7e HTTP/1.1\r\nHost: example.test\r\nUser-Agent: x\r\nAccept: */*\r\n"
        b"Connection: keep-alive\r\nProxy-Authorization: Basic YW5uOnBAc3M=\r\n\r\n"
    )


class Broken:
    """A transport that breaks clause T5."""

    info = intermodal.TransportInfo("broken", capabilities=MockTransport().info.capabilities)

    def send(self, request, options):
        """Let something foreign out."""
        raise KeyError("foreign")

    def close(self):
        """Do nothing."""


def test_a_foreign_exception_is_a_transport_bug():
    """Whatever a transport lets out, a caller who catches Error catches it."""
    with pytest.raises(TransportBug, match="broken") as caught:
        Client(Broken()).get("http://h/")

    assert isinstance(caught.value.__cause__, KeyError)


def test_what_a_client_opened_it_closes_and_what_it_was_given_it_leaves():
    """A client closes a transport made for it, not one that somebody else holds."""
    given, made = MockTransport(200), MockTransport(200)
    with Client(given):
        pass
    with Client(lambda *, limits: made) as client:
        client.get("http://h/")
    assert (given.closed, made.closed) == (False, True)
    client.close()
    with pytest.raises(TransportClosed):
        client.get("http://h/")


@pytest.mark.parametrize("transport", [7, object(), io.BytesIO(), requests.Session(), lambda *, limits: 7])
def test_what_is_no_transport_is_refused(transport):
    """Neither a name, an instance nor a factory: a TypeError says what was expected, and where a session goes."""
    with pytest.raises(TypeError, match=r"RequestsTransport\(session="):
        Client(transport)


def test_closing_a_transport_twice_and_using_it_after(transport, origin):
    """close is idempotent; send after it raises TransportClosed (T10)."""
    transport.close()
    transport.close()
    with pytest.raises(TransportClosed) as caught:
        transport.send(intermodal.Request("GET", origin.url), intermodal.Options())
    assert caught.value.delivery == "not_sent"


def test_module_functions(origin):
    """The functions of the package work without a client, streamed too, and close what they opened."""
    assert intermodal.get(f"{origin.url}/get", params={"a": 1}).json()["args"] == {"a": ["1"]}
    assert intermodal.post(f"{origin.url}/post", json=[1]).json()["json"] == [1]
    for verb in ("put", "patch", "delete", "options"):
        assert getattr(intermodal, verb)(f"{origin.url}/anything").ok
    assert intermodal.head(f"{origin.url}/get").content == b""
    assert intermodal.request("GET", f"{origin.url}/status/404").status_code == 404
    with intermodal.get(f"{origin.url}/stream/3", stream=True) as response:
        assert len(list(response.iter_content())) >= 1


def test_importing_the_package_imports_no_http_library():
    """`import intermodal` brings no HTTP library, no ssl and no socket with it."""
    code = (
        "import sys, intermodal\n"
        "print([m for m in ('requests', 'httpx', 'httpcore', 'urllib3', 'h11', 'socket', 'ssl', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_it_works_without_any_http_library(origin):
    """With requests, httpx and urllib3 not importable the package works, and their names say what to install."""
    code = (
        "import sys\n"
        "for m in ('requests', 'httpx', 'httpcore', 'urllib3', 'click', 'rich', 'brotli', 'backports.zstd'): sys.modules[m] = None\n"
        "import intermodal\n"
        f"print(intermodal.get('{origin.url}/gzip').status_code)\n"
        "for name in ('requests', 'httpx', 'urllib3'):\n"
        "    try: intermodal.open_transport(name)\n"
        "    except intermodal.TransportUnavailable as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    lines = done.stdout.splitlines()
    assert lines[0] == "200"
    assert [line.partition("pip install ")[2] for line in lines[1:]] == [
        f'"intermodal[{name}]"' for name in ("requests", "httpx", "urllib3")
    ]


def test_send_refuses_what_it_would_ignore():
    """A Request is sent as it is: keywords that would change it are refused, and so is what is no Request."""
    mock = MockTransport(200)
    client = Client(mock)
    for keyword in ("json", "data", "headers", "params"):
        with pytest.raises(TypeError, match=keyword):
            client.send(intermodal.Request("POST", "http://h/"), **{keyword: {}})
    with pytest.raises(TypeError, match="expected a Request"):
        client.send("http://h/")

    assert not mock.calls


def test_a_client_is_configured_when_it_is_made():
    """Settings assigned afterwards, as on a Session, are refused instead of ignored."""
    client = Client(MockTransport(200))
    for name in ("verify", "timeout", "auth", "headers", "proxies"):
        with pytest.raises(AttributeError, match=f"Client\\({name}="):
            setattr(client, name, None)


@pytest.mark.parametrize(
    ("base", "url", "sent"),
    [
        ("http://h/api", "/login?next=http://x/", "http://h/api/login?next=http://x/"),
        ("http://h/api", b"users", "http://h/api/users"),
        ("http://h/api", "HTTPS://other/", "https://other/"),
    ],
)
def test_only_a_scheme_makes_a_url_absolute(base, url, sent):
    """A URL inside a relative URL's query is no reason to take it for absolute."""
    assert str(Client(MockTransport(200), base_url=base).build_request("GET", url).url) == sent


@pytest.mark.parametrize("base", ["http://h/?k=1", "http://h/#f", "nonsense"])
def test_a_base_that_cannot_be_appended_to_is_refused(base):
    """A base with a query or a fragment would end up in the middle of the URL."""
    with pytest.raises(InvalidURL):
        Client(base_url=base)


class Shown(str):
    """A str that shows as something else, as the members of an enum do."""

    __slots__ = ()

    def __format__(self, spec):
        return "X\r\nInjected: yes"

    __str__ = __format__


def test_what_is_checked_is_what_is_sent(transport, origin):
    """A str subclass with a face of its own is sent as what it holds, by every transport."""
    request = intermodal.Request(Shown("GET"), f"{origin.url}/get", [(Shown("X-A"), Shown("v"))], target=Shown("/get"))
    transport.send(request, intermodal.Options()).close()

    assert origin.requests[-1].raw.startswith(b"GET /get HTTP/1.1\r\n")
    assert b"X-A: v\r\n" in origin.requests[-1].raw
    assert b"Injected" not in origin.requests[-1].raw


def test_closing_a_client_leaves_a_response_its_connection(client, origin):
    """A response that is still being read when its client is closed is read to its end."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0.1, b"world")
    response = client.get(origin.url, stream=True)
    client.close()

    assert response.content == b"helloworld"


def test_a_waiter_is_not_kept_from_its_slot_by_another(client, origin):
    """With a bound per origin, who waits for one origin gets its slot though another has waited longer elsewhere."""
    with Origin() as one, Origin() as two, Client(client.transport.info.name, limits=Limits(per_origin=1)) as own:
        held = [own.get(f"{each.url}/bytes/1000000", stream=True) for each in (one, two)]
        done = {}

        def get(name, url):
            done[name] = own.get(url, timeout=Timeouts(pool=20)).status_code

        threads = [threading.Thread(target=get, args=(each.url, f"{each.url}/status/204")) for each in (one, two)]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        held[1].close()
        threads[1].join(5)
        assert done == {two.url: 204}
        held[0].close()
        threads[0].join(5)
        assert done == {one.url: 204, two.url: 204}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_uses_connections_of_its_own(client, origin):
    """The child of a fork opens its own connection, and the parent goes on with the one it had."""
    client.get(f"{origin.url}/get")
    before = len(origin.connections)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if client.get(f"{origin.url}/get").ok else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.get(f"{origin.url}/get")

    assert len(origin.connections) == before + 1


def test_closing_a_response_wakes_its_reader(client, origin):
    """A thread that waits for a body is woken when another closes the response."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 5.0)
    response = client.get(origin.url, stream=True, timeout=30)
    ended = []

    def read():
        try:
            response.content  # noqa: B018
        except intermodal.Error as error:
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.2)
    response.close()
    thread.join(2)

    assert not thread.is_alive()
    assert ended


@pytest.mark.parametrize("answer", [None, 7, "text"])
def test_a_transport_that_returns_nonsense_is_named(answer):
    """What is no Response is a bug of the transport, and said to be one."""

    class Odd(Broken):
        def send(self, request, options):
            return answer

    with pytest.raises(TransportBug, match=r"expected an intermodal\.Response"):
        Client(Odd()).get("http://h/")


@pytest.mark.parametrize("body", [iter(["text"]), (1 / 0 for _ in "x")])
def test_a_body_that_lets_something_out_is_named(body):
    """Foreign exceptions of a third-party body leave as TransportBug too (T5)."""

    class Odd(Broken):
        def send(self, request, options):
            return intermodal.Response(200, (), body, request=request)

    with pytest.raises(TransportBug, match="body raised"):
        Client(Odd()).get("http://h/")


def test_what_a_transport_does_not_declare_is_refused_for_it():
    """A transport that forgets to refuse is not asked (T4)."""

    class Bare(Broken):
        info = intermodal.TransportInfo("bare")

    with pytest.raises(UnsupportedFeature, match="STREAM_REQUEST"):
        Client(Bare()).post("http://h/", data=iter([b"x"]))


def test_errors_travel_between_processes(origin):
    """An error with its request can be pickled; a one-shot body stays behind and says so."""
    closed = "http://127.0.0.1:1/"
    for data in (b"bytes", iter([b"x"])):
        with pytest.raises(intermodal.ConnectionError) as caught:
            intermodal.post(closed, data=data)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.phase, again.delivery, again.request.method) == ("connect", "not_sent", "POST")
        assert str(again) == str(caught.value)
    with pytest.raises(intermodal.BodyNotReplayable):
        list(again.request.body.pieces())


def test_star_import_works_without_any_extra():
    """`from intermodal import *` needs no HTTP library."""
    code = "import sys\nfor m in ('requests', 'httpx', 'urllib3'): sys.modules[m] = None\nfrom intermodal import *\nprint(Client)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).returncode == 0


def test_an_address_family_that_is_not_there_does_not_end_the_attempt(transport, origin, monkeypatch):
    """Where the system has no IPv6 the next address is tried."""
    import socket

    real = socket.getaddrinfo

    def both(host, port, *arguments, **keywords):
        return [(999, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)), *real("127.0.0.1", port, *arguments, **keywords)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    request = intermodal.Request("GET", origin.url.replace("127.0.0.1", "localhost") + "/get")

    with transport.send(request, intermodal.Options()) as response:
        assert response.status_code == 200


def test_secrets_of_tls_do_not_show():
    """No repr shows the password of a certificate's key; paths may be paths."""
    import pathlib

    tls = intermodal.TLS(verify=pathlib.Path("/ca.pem"), cert=(pathlib.Path("/c.pem"), "/k.pem", "hunter2"))

    assert (tls.verify, tls.cert) == ("/ca.pem", ("/c.pem", "/k.pem", "hunter2"))
    assert "hunter2" not in repr(tls) + repr(intermodal.Options(tls=tls))


@pytest.mark.parametrize("filler", ["\t ", " ", "\r\n \t"])
def test_a_hostile_head_costs_no_more_than_its_length(filler):
    """Long runs of white space in a malformed head are refused in linear time, not by trying each place."""
    from intermodal.h1.exchange import ResponseReader

    head = b"HTTP/1.1 200 OK\r\nA:" + (filler * (60_000 // len(filler))).encode() + b"\0\r\n\r\n"
    reader = ResponseReader("GET", Limits())
    reader.receive(head)
    began = time.thread_time()
    with pytest.raises(intermodal.ProtocolError):
        reader.head()

    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_handshake_that_stalls_keeps_no_other_waiting(name):
    """TLS with the system's trust is set up with one server while another is silent in the middle of its handshake."""
    with Origin() as silent, Origin() as other, Client(name, timeout=20) as client:

        def stall():
            with pytest.raises(TransportClosed):
                client.get(silent.url.replace("http:", "https:"))

        silent.play(Stall(), at="connect")
        stalled = threading.Thread(target=stall, daemon=True)
        stalled.start()
        while not silent.connections:
            time.sleep(0.005)
        other.play(b"this is not TLS", then="fin", at="connect")
        began = time.monotonic()
        with pytest.raises(TLSError):
            client.get(other.url.replace("http:", "https:"))
        assert time.monotonic() - began < 5
        client.close()
        stalled.join(5)
        assert not stalled.is_alive()
