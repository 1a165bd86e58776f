"""What of the user's own object would be ignored is refused at once, and what it cannot do before a byte is sent."""

import ssl

import httpx
import pytest
import requests
import urllib3
from backends.own import NAMES, fitting, make_own
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from intermodal.backends.httpx import HttpxTransport
from intermodal.backends.requests import RequestsTransport
from intermodal.backends.urllib3 import Urllib3Transport
from intermodal.errors import InvalidRequest, UnsupportedFeature
from intermodal.model.options import TLS, Dial, Options, Proxy, Timeouts
from intermodal.model.request import Request


class _OwnSend(requests.Session):
    def send(self, *args, **kwargs):
        raise AssertionError("must not be called")


class _OwnUrlopen(urllib3.PoolManager):
    def urlopen(self, *args, **kwargs):
        raise AssertionError("must not be called")


class _OwnRequest(httpx.Client):
    def request(self, *args, **kwargs):
        raise AssertionError("must not be called")


def _session(**settings):
    session = requests.Session()
    for name, value in settings.items():
        setattr(session, name, value)
    return session


def _with_cookie(thing):
    thing.cookies.set("a", "b")
    return thing


def _with_header(session):
    session.headers["X-A"] = "1"
    return session


def _with_hook(session):
    session.hooks["response"].append(print)
    return session


def _with_adapter(**settings):
    session = requests.Session()
    session.mount("https://retried.example/", HTTPAdapter(**settings))
    return session


def _client(**settings):
    return httpx.Client(trust_env=False, **settings)


REFUSED = {
    "requests": {
        "auth": (lambda: _session(auth=("a", "b")), "Client(auth="),
        "cookies": (lambda: _with_cookie(requests.Session()), "Client(cookies="),
        "hooks": (lambda: _with_hook(requests.Session()), "Client(middleware="),
        "params": (lambda: _session(params={"a": "1"}), "Client(params="),
        "headers": (lambda: _with_header(requests.Session()), "Client(headers="),
        "proxies": (lambda: _session(proxies={"http": "http://p"}), "Client(proxies="),
        "verify=False": (lambda: _session(verify=False), "Client(verify="),
        "verify=path": (lambda: _session(verify="/ca.pem"), "Client(verify="),
        "cert": (lambda: _session(cert="/cert.pem"), "Client(cert="),
        "max_redirects": (lambda: _session(max_redirects=3), "Client(max_redirects="),
        "trust_env": (lambda: _session(trust_env=False), "Client(trust_env="),
        "retries": (lambda: _with_adapter(max_retries=3), "Client(retries="),
        "retries by status": (lambda: _with_adapter(max_retries=Retry(0, status_forcelist=[503])), "Client(retries="),
        "its own send": (_OwnSend, "send()"),
        "another kind": (urllib3.PoolManager, "requests.Session"),
    },
    "urllib3": {
        "headers": (lambda: urllib3.PoolManager(headers={"X-A": "1"}), "Client(headers="),
        "a proxy": (lambda: urllib3.ProxyManager("http://p:3128"), "Client(proxies="),
        "retries": (lambda: urllib3.PoolManager(retries=3), "Client(retries="),
        "timeout": (lambda: urllib3.PoolManager(timeout=3), "Client(timeout="),
        "its own urlopen": (_OwnUrlopen, "urlopen()"),
        "another kind": (lambda: urllib3.HTTPConnectionPool("h"), "urllib3.PoolManager"),
    },
    "httpx": {
        "auth": (lambda: _client(auth=("a", "b")), "Client(auth="),
        "cookies": (lambda: _with_cookie(_client()), "Client(cookies="),
        "event_hooks": (lambda: _client(event_hooks={"request": [print]}), "Client(middleware="),
        "params": (lambda: _client(params={"a": "1"}), "Client(params="),
        "headers": (lambda: _client(headers={"X-A": "1"}), "Client(headers="),
        "base_url": (lambda: _client(base_url="http://h/"), "Client(base_url="),
        "timeout": (lambda: _client(timeout=3), "Client(timeout="),
        "follow_redirects": (lambda: _client(follow_redirects=True), "follows them by itself"),
        "max_redirects": (lambda: _client(max_redirects=3), "Client(max_redirects="),
        "a proxy": (lambda: _client(proxy="http://p:3128"), "Client(proxies="),
        "its own request": (lambda: _OwnRequest(trust_env=False), "request()"),
        "another kind": (lambda: httpx.HTTPTransport(trust_env=False), "httpx.Client"),
    },
}
_CASES = [(name, case) for name, cases in REFUSED.items() for case in cases]


@pytest.mark.parametrize(("name", "case"), _CASES, ids=[" ".join(case) for case in _CASES])
def test_a_setting_that_would_be_ignored_is_refused_with_what_does_the_same(name, case):
    """The transport is not made; the error names the setting's keyword at intermodal.Client, or what to do instead."""
    make, said = REFUSED[name][case]
    thing = make()
    with pytest.raises(InvalidRequest) as caught:
        make_own(name, thing)
    assert said in str(caught.value)
    if said.startswith("Client("):
        assert f"intermodal.{said}" in str(caught.value)
    getattr(thing, "clear" if isinstance(thing, urllib3.PoolManager) else "close")()


def test_every_setting_is_named_at_once():
    """Two settings take one look, not two."""
    with pytest.raises(InvalidRequest, match=r"its auth, params .*Client\(auth=…\), intermodal\.Client\(params=…\)"):
        RequestsTransport(session=_session(auth=("a", "b"), params={"a": "1"}))


def test_a_proxy_of_the_environment_is_in_the_client_already(monkeypatch):
    """httpx reads the environment when the client is made: such a proxy is refused like a given one."""
    monkeypatch.setenv("HTTP_PROXY", "http://p:3128")
    with httpx.Client() as client, pytest.raises(InvalidRequest, match="proxy"):
        HttpxTransport(client=client)


def test_http2_is_refused(monkeypatch):
    """No guarantee speaks of HTTP/2; a client that may choose it is refused."""
    with _client() as client:
        monkeypatch.setattr(client._transport._pool, "_http2", True)
        with pytest.raises(InvalidRequest, match="HTTP/2"):
            HttpxTransport(client=client)


def test_what_belongs_to_the_transport_is_taken():
    """Pool sizes, TLS settings, mounts and adapters are what the user's object is given for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with requests.Session() as session:
        session.mount("https://x.example/", HTTPAdapter(pool_maxsize=3, pool_block=True, max_retries=0))
        RequestsTransport(session=session).close()
    Urllib3Transport(pool_manager=urllib3.PoolManager(3, maxsize=3, block=True, ssl_context=context)).close()
    with _client(verify=context, limits=httpx.Limits(max_connections=3), mounts={"all://x": None}) as client:
        HttpxTransport(client=client).close()


# --- what it cannot do --------------------------------------------------------------------------------------------------

_EVERY = Timeouts(connect=5, read=5, write=None, pool=None, total=None)
UNDECLARED = {
    "EXPECT_CONTINUE": (NAMES, {"headers": {"Expect": "100-continue"}, "body": b"x"}, {}),
    "UPGRADE": (NAMES, {"headers": {"Connection": "upgrade", "Upgrade": "x"}}, {}),
    "EXACT_TARGET": (NAMES, {"target": "/a|b"}, {}),
    "TOTAL_TIMEOUT": (NAMES, {}, {"timeouts": Timeouts(write=None, pool=None, total=5)}),
    "WRITE_TIMEOUT": (("requests", "urllib3"), {}, {"timeouts": Timeouts(write=5, pool=None)}),
    "POOL_TIMEOUT": (("requests",), {}, {"timeouts": Timeouts(write=None, pool=5)}),
    "UNIX_SOCKET": (NAMES, {}, {"dial": Dial(unix_socket="/tmp/none")}),
    "SOURCE_ADDRESS": (NAMES, {}, {"dial": Dial(source_address=("127.0.0.1", 0))}),
    "SOCKS": (NAMES, {}, {"proxy": Proxy("socks5://p")}),
    "TLS_PROXY": (NAMES, {}, {"proxy": Proxy("https://p")}),
    "CONNECT_PROXY": (NAMES, {"secure": True}, {"proxy": Proxy("http://p")}),
    "CUSTOM_TLS": (("urllib3", "httpx"), {"secure": True}, {"tls": TLS(verify=False)}),
    "CLIENT_CERT": (("urllib3", "httpx"), {"secure": True}, {"tls": TLS(cert="/cert.pem")}),
}
_NEEDS = [(name, need) for need, (names, _, _) in UNDECLARED.items() for name in names]


@pytest.mark.parametrize(("name", "need"), _NEEDS)
def test_an_undeclared_need_is_refused_before_a_byte_is_sent(origin, name, need):
    """The error names the capability, and no connection is opened."""
    _, asked, options = UNDECLARED[need]
    asked = dict(asked)
    url = origin.url.replace("http:", "https:") if asked.pop("secure", False) else origin.url
    own = make_own(name)
    with pytest.raises(UnsupportedFeature, match=need) as caught:
        own.transport.send(Request("PUT", url, **asked), Options(**{"timeouts": _EVERY} | options))
    assert (caught.value.delivery, caught.value.transport) == ("not_sent", name)
    assert origin.connections == []
    own.close()


@pytest.mark.parametrize(
    "tls",
    [
        TLS(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        TLS(cert=("/cert.pem", "/key.pem", "secret")),
        TLS(minimum_version="TLSv1.3"),
    ],
    ids=["an ssl.SSLContext", "a key with a password", "a minimum version"],
)
def test_tls_that_requests_cannot_take_is_refused(origin, tls):
    """Of custom TLS requests takes files and False only; anything else is refused before a connection is opened."""
    own = make_own("requests")
    url = origin.url.replace("http:", "https:")
    with pytest.raises(UnsupportedFeature, match="nothing was sent"):
        own.transport.send(Request("GET", url), fitting(own.transport, tls=tls))
    assert origin.connections == []
    own.transport.send(Request("GET", origin.url), fitting(own.transport, tls=tls)).close()  # of no meaning without TLS
    own.close()
