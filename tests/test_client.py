"""The client: what a user types becomes the request that is sent, over each transport."""

import io
import json
import subprocess
import sys
import threading

import pytest
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
    TotalTimeout,
    TransportBug,
    TransportClosed,
    UnsupportedFeature,
    URLRequired,
)
from intermodal.testing import MockTransport
from intermodal.testing.origin import Origin


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
        ({"verify": None}, InvalidRequest, "verify"),
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
        ("http://u:p@h/", UnsupportedFeature),
    ],
)
def test_bad_urls_are_refused(url, error):
    """A URL that cannot be sent to is an error that says why."""
    with pytest.raises(error):
        Client(MockTransport(200)).get(url)


@pytest.mark.parametrize("name", ["cookies", "files", "auth", "allow_redirects", "retries"])
def test_a_keyword_that_is_not_there_yet_raises(name):
    """What requests has taught and is not here yet is refused, never ignored."""
    mock = MockTransport(200)
    with pytest.raises(UnsupportedFeature, match=name):
        Client(mock).get("http://h/", **{name: None})
    with pytest.raises(UnsupportedFeature, match=name):
        Client(mock, **{name: None})
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


@pytest.mark.parametrize("path", ["/gzip", "/deflate"])
def test_content_is_decoded_as_it_is_read(client, origin, path):
    """gzip and deflate are undone for content, left alone in raw, whole or streamed."""
    assert client.get(origin.url + path).json()["method"] == "GET"
    with client.get(origin.url + path, stream=True) as response:
        assert json.loads(b"".join(response.iter_content(3)))["method"] == "GET"
    with client.get(origin.url + path, stream=True) as response:
        assert response.raw.read(1) in {b"\x1f", b"x"}


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
        from intermodal.net.tls import context_for

        context_for.cache_clear()
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


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "https://127.0.0.1:1", "socks5://127.0.0.1:1"])
def test_roads_that_are_not_there_yet_are_refused(client, proxy):
    """Tunnels, TLS to a proxy and SOCKS are refused by name before a connection is opened."""
    with pytest.raises(UnsupportedFeature, match="CONNECT_PROXY|SOCKS"):
        client.get("https://example.test/", proxies={"all": proxy})


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


@pytest.mark.parametrize("transport", [7, object()])
def test_what_is_no_transport_is_refused(transport):
    """Neither a name, an instance nor a factory: a TypeError says what was expected."""
    with pytest.raises(TypeError):
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
