"""What goes wrong over the user's own object is an error of ours that says how far it came, with the library's as its cause."""

import builtins
import errno
import http.client
import socket
import ssl

import httpx
import pytest
import requests
import trustme
import urllib3
from backends.own import NAMES, fitting, make_own

from intermodal.backends.mapping import TABLE, translate
from intermodal.errors import (
    CertificateError,
    ConnectionError,
    ConnectTimeout,
    Disconnected,
    Error,
    IncompleteBody,
    NameResolutionError,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadTimeout,
    RequestBodyError,
    TLSError,
    TransportBug,
    WriteTimeout,
)
from intermodal.model.options import TLS, Proxy
from intermodal.model.request import Request
from intermodal.testing.origin import Origin, Stall


def fails(own, request, seconds=5.0, **options):
    """Carry a request that must fail, and give the error once its general claims are checked."""
    with pytest.raises(Error) as caught:
        own.transport.send(request, fitting(own.transport, seconds, **options)).content  # noqa: B018
    error = caught.value
    assert (error.request, error.transport, error.reused) == (request, own.transport.info.name, False)
    return error


def said(error):
    return type(error), error.phase, error.delivery


def causes(error):
    """The chain of causes, as names of their packages."""
    chain = []
    while error.__cause__ is not None:
        error = error.__cause__
        chain.append(type(error).__module__.partition(".")[0])
    return chain


@pytest.fixture
def closed_port():
    """A port that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()
    return taken[1]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def secure(authority):
    """An https origin whose authority nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Origin(tls=context) as made:
        yield made


def test_a_refused_connect(own, closed_port):
    """Nothing was sent, and the operating system's number is there."""
    error = fails(own, Request("POST", f"http://127.0.0.1:{closed_port}/", body=b"x"))
    assert said(error) == (ConnectionError, "connect", "not_sent")
    assert error.errno == errno.ECONNREFUSED
    assert causes(error)[0] == own.transport.info.name


def test_a_refused_proxy(own, closed_port):
    """What was refused is the proxy, though to the library it is an origin like any other."""
    proxy = Proxy(f"http://127.0.0.1:{closed_port}")
    error = fails(own, Request("GET", "http://o.example/", target="http://o.example/"), proxy=proxy)
    assert said(error) == (ProxyError, "connect", "not_sent")


def test_a_name_that_does_not_resolve(own):
    """RFC 6761 section 6.4: names under invalid never resolve."""
    error = fails(own, Request("GET", "http://nothing.invalid/"))
    assert said(error) == (NameResolutionError, "resolve", "not_sent")
    assert error.errno is None  # the resolver's number is none of the operating system's


def test_silence_before_the_answer(own, origin):
    """A read timeout in front of the head leaves open what the server has done."""
    origin.play(Stall())
    error = fails(own, Request("GET", origin.url), 0.2)
    assert said(error) == (ReadTimeout, "wait", "maybe_sent")
    assert causes(error)[0] == own.transport.info.name


def test_silence_in_the_body(own, origin):
    """A read timeout in the body comes after the bytes that had come."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Stall())
    error = fails(own, Request("GET", origin.url), 0.2)
    assert said(error) == (ReadTimeout, "body", "sent")
    assert error.partial == b"hello"


@pytest.mark.parametrize("then", ["fin", "rst"])
def test_no_answer_at_all(own, origin, then):
    """A connection closed or reset without an answer is Disconnected: whether to ask again is the caller's to decide."""
    origin.play(0.05, then=then)
    assert said(fails(own, Request("GET", origin.url))) == (Disconnected, "wait", "maybe_sent")


def test_a_reset_in_the_body(own, origin):
    """A reset in the body is Disconnected, with what had come."""
    origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0.05, then="rst")
    error = fails(own, Request("GET", origin.url))
    assert said(error) == (Disconnected, "body", "sent")
    assert error.partial == b"hello"


@pytest.mark.parametrize(
    "cut",
    [
        b"Content-Length: 9\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ],
)
def test_a_body_cut_off(own, origin, cut):
    """A body that ends before it is complete is IncompleteBody, by length and by chunks, between two chunks as well."""
    origin.play(b"HTTP/1.1 200 OK\r\n" + cut, then="fin")
    error = fails(own, Request("GET", origin.url))
    assert said(error) == (IncompleteBody, "body", "sent")
    assert error.partial == b"hello"


def test_a_chunk_size_that_is_none(own, origin):
    """It is malformed, not cut off, though http.client has the same exception for both."""
    origin.play(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n")
    assert said(fails(own, Request("GET", origin.url))) == (ProtocolError, "body", "sent")


def test_no_http_at_all(own, origin):
    """What does not begin like HTTP is a ProtocolError: a response began."""
    origin.play(b"SSH-2.0-OpenSSH\r\n\r\n")
    assert said(fails(own, Request("GET", origin.url))) == (ProtocolError, "head", "sent")


def test_a_message_has_no_control_characters(own, origin):
    """What a terminal would obey is escaped where an error quotes the server."""
    origin.play(b"\x1b[31mSSH\x07\r\n\r\n", then="fin")
    assert str(fails(own, Request("GET", origin.url))).isprintable()


def test_an_untrusted_certificate(own, secure):
    """Nothing was sent to a server that could not show who it is; OpenSSL's number says why."""
    error = fails(own, Request("GET", secure.url))
    assert said(error) == (CertificateError, "tls", "not_sent")
    assert error.errno is None
    assert error.verify_code == 20  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    assert causes(error)[0] == own.transport.info.name


def test_plain_text_where_tls_was_asked_for(own, origin):
    """A server that does not speak TLS is a TLSError; httpx knows that nothing was sent, the others do not say."""
    origin.play(b"HTTP/1.1 400 Bad Request\r\n\r\n", then="fin", at="connect")
    error = fails(own, Request("GET", origin.url.replace("http:", "https:")))
    assert said(error) == (TLSError, "tls", "not_sent" if own.transport.info.name == "httpx" else "maybe_sent")


def test_a_handshake_that_does_not_end(own, origin):
    """It is a ConnectTimeout, whatever urllib3 calls it: nothing was sent."""
    origin.play(Stall(), at="connect")
    error = fails(own, Request("GET", origin.url.replace("http:", "https:")), 0.3)
    assert isinstance(error, ConnectTimeout)
    assert (error.phase, error.delivery) == ("tls", "not_sent")


def test_a_server_that_takes_nothing(own, origin):
    """Where the library bounds sending, what runs out is a WriteTimeout."""
    origin.play(Stall(), at="head")
    error = fails(own, Request("PUT", origin.url, body=iter([b"x" * 65536] * 400)), 0.3)
    assert said(error) == (WriteTimeout, "send", "maybe_sent")


def test_a_pool_without_a_free_connection(origin):
    """Where the user's own pool is full, waiting for it is bounded and nothing was sent."""
    for name, thing in (
        ("urllib3", urllib3.PoolManager(maxsize=1, block=True)),
        ("httpx", httpx.Client(trust_env=False, limits=httpx.Limits(max_connections=1))),
    ):
        own = make_own(name, thing)
        with own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)):
            assert said(fails(own, Request("GET", origin.url), 0.2)) == (PoolTimeout, "pool", "not_sent")
        assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).ok
        own.close()


def test_a_body_that_raises(own, origin):
    """What the caller's iterator raises comes back as it is, inside RequestBodyError, and the connection is dropped."""
    fault = ValueError("out of paper")

    def pieces():
        yield b"first"
        raise fault

    error = fails(own, Request("POST", origin.url, body=pieces()))
    assert said(error) == (RequestBodyError, "send", "maybe_sent")
    assert error.__cause__ is fault
    error = fails(own, Request("POST", origin.url, {"Content-Length": "9"}, iter([b"short"])))
    assert said(error) == (RequestBodyError, "send", "maybe_sent")
    assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).ok
    assert origin.requests[-1].target == "/get"


def test_a_base_exception_passes(own, origin):
    """KeyboardInterrupt out of the caller's body is nobody's to translate."""

    def pieces():
        yield b"first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        own.transport.send(Request("POST", origin.url, body=pieces()), fitting(own.transport))
    assert own.transport.send(Request("GET", f"{origin.url}/get"), fitting(own.transport)).ok


def test_an_error_that_is_being_handled_is_no_reason(own, closed_port):
    """Sent while another failure is handled, a request fails for its own reason only."""
    try:
        raise Disconnected("an earlier exchange") from ssl.SSLCertVerificationError("another one")
    except Disconnected:
        error = fails(own, Request("GET", f"http://127.0.0.1:{closed_port}/"))
    assert said(error) == (ConnectionError, "connect", "not_sent")


def test_a_foreign_exception_is_a_bug_of_the_transport(own, origin, monkeypatch):
    """What fits no row is wrapped, with the exception as its cause, and claims nothing about delivery."""
    fault = LookupError("what is this?")

    def explode(*_, **__):
        raise fault

    target = {
        "requests": "requests.adapters.HTTPAdapter.send",
        "urllib3": "urllib3.HTTPConnectionPool.urlopen",
        "httpx": "httpx.HTTPTransport.handle_request",
    }[own.transport.info.name]
    monkeypatch.setattr(target, explode)
    error = fails(own, Request("GET", origin.url))
    assert (type(error), error.delivery, error.__cause__) == (TransportBug, "maybe_sent", fault)


# --- the table ----------------------------------------------------------------------------------------------------------


def test_each_row_names_a_class_that_there_is():
    """A name is not checked by anything else: each one is found in its package, in this version of it."""
    places = {
        "builtins": [builtins],
        "socket": [socket],
        "ssl": [ssl],
        "http": [http.client],
        "httpx": [httpx],
        "requests": [requests.exceptions],
        "urllib3": [urllib3.exceptions, urllib3.util.ssl_match_hostname],
    }
    for row in TABLE:
        package, _, name = row.name.partition(".")
        found = [getattr(place, name) for place in places[package] if hasattr(place, name)]
        assert found, row.name
        assert issubclass(found[0], BaseException)


def test_each_row_can_decide():
    """No row stands behind one that takes all that it would: each is reached by an exception of its own class."""
    decided = []
    for row in TABLE:
        package, _, name = row.name.partition(".")
        kind = type(name, (Exception,), {"__module__": package})
        failure = translate(kind(row.text))
        assert said(failure) == (row.kind, row.phase, row.delivery), row
        decided.append(row)
    assert decided == list(TABLE)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (requests.ConnectionError("refused by a mock"), ConnectionError),
        (requests.ReadTimeout(), ReadTimeout),
        (requests.ConnectTimeout(), ConnectTimeout),
        (requests.exceptions.SSLError(), TLSError),
        (requests.exceptions.ProxyError(), ProxyError),
        (httpx.ConnectError("no"), ConnectionError),
        (httpx.ReadTimeout("no"), ReadTimeout),
        (httpx.RemoteProtocolError("no"), ProtocolError),
        (urllib3.exceptions.NewConnectionError(None, "no"), ConnectionError),
        (requests.exceptions.InvalidURL("not in the table, though it is a ValueError and an OSError"), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_a_mock_raises_means_the_same(raised, kind):
    """Raised by hand, without the chain that a real failure has, an exception still has its meaning."""
    failure = translate(raised)
    assert kind is None if failure is None else type(failure) is kind


def test_a_chain_that_ends_in_itself_ends():
    """Reasons that go round in a circle are looked at once each."""
    one, other = requests.ConnectionError(), ConnectionResetError(104, "reset")
    one.args, other.__context__ = (other,), one
    assert type(translate(one)) is Disconnected


def test_custom_tls_reaches_requests(secure, authority, tmp_path):
    """A CA file and no check at all are passed on with the request; nothing is kept from one to the other."""
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    own = make_own("requests")
    request = Request("GET", f"{secure.url}/get")
    assert own.transport.send(request, fitting(own.transport, tls=TLS(verify=str(ca)))).ok
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        assert own.transport.send(request, fitting(own.transport, tls=TLS(verify=False))).ok
    assert said(fails(own, request)) == (CertificateError, "tls", "not_sent")
    error = fails(own, request, tls=TLS(verify=str(tmp_path / "missing.pem")))
    assert (error.delivery, "missing.pem" in str(error)) == ("not_sent", True)
    own.close()


def trusting(name, authority):
    """An object of the user's own that trusts the authority, as each library has it."""
    context = ssl.create_default_context()
    authority.configure_trust(context)

    class Trusting(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args, **kwargs):
            super().init_poolmanager(*args, ssl_context=context, **kwargs)

    session = requests.Session()
    session.mount("https://", Trusting())
    things = {
        "requests": session,
        "urllib3": urllib3.PoolManager(ssl_context=context),
        "httpx": httpx.Client(verify=context, trust_env=False),
    }
    return make_own(name, things[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_trust_of_the_users_object_is_honoured(name, secure, authority):
    """What the user's own object trusts is trusted: that is its transport part."""
    own = trusting(name, authority)
    with own.transport.send(Request("GET", f"{secure.url}/get"), fitting(own.transport)) as response:
        assert response.json()["target"] == "/get"
    own.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_ends_in_a_dot_is_looked_up_so_and_certified_without_it(name, authority, monkeypatch):
    """The dot means something to the resolver only (RFC 1034 section 3.1); no certificate has it (RFC 6066 section 3)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("named.example").configure_cert(context)
    looked_up = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        looked_up.append(host)
        return resolve("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    own = trusting(name, authority)
    with Origin(tls=context) as origin:
        request = Request("GET", f"https://named.example.:{origin.port}/get")
        assert own.transport.send(request, fitting(own.transport)).ok
        assert origin.requests[0].headers[0] == ("Host", f"named.example:{origin.port}")
    assert looked_up == ["named.example."]
    own.close()
