"""Digest beside others: requests, httpx and curl, and servers that are reached over each transport."""

import http.client
import shutil
import subprocess
import urllib.parse

import httpx
import pytest
import requests
from fleet import make_transport
from middleware.digest_server import Server, Site, answer_to, read_credentials

from intermodal import Options, Proxy, Request
from intermodal.flow import drive, send
from intermodal.middleware.digest import DigestAuth
from intermodal.testing import WSGITransport


@pytest.mark.parametrize("url", ["http://a.test/b?c=d", "http://a.test", "http://a.test/%7e?x=%2F&y"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "given",
    [
        'qop="auth", algorithm=MD5',
        'qop="auth", algorithm=SHA-256, opaque="o"',
        'algorithm=MD5, opaque="x y"',
        'qop="auth"',
        "",
        'qop="auth,auth-int", algorithm="MD5-sess"',
    ],
)
def test_requests_and_httpx_compute_the_same(monkeypatch, given, method, url):
    """Given the same challenge, and the cnonce that they drew, the same fields with the same values are sent, but for the
    algorithm that httpx names where the server has named none.
    """
    challenge = 'Digest realm="a realm", nonce="abc"' + (f", {given}" if given else "")
    theirs = requests.auth.HTTPDigestAuth("Mufasa", "Circle Of Life")
    theirs.init_per_thread_state()
    theirs._thread_local.chal = requests.utils.parse_dict_header(challenge.removeprefix("Digest "))
    of_requests = read_credentials(theirs.build_digest_header(method, url))
    flow = httpx.DigestAuth("Mufasa", "Circle Of Life").auth_flow(request := httpx.Request(method, url))
    next(flow)
    flow.send(httpx.Response(401, headers=[("WWW-Authenticate", challenge)], request=request))
    of_httpx = read_credentials(request.headers["Authorization"])
    if "algorithm" not in given:
        del of_httpx["algorithm"]
    for other in (of_requests, of_httpx):
        ours = answer_to(
            monkeypatch, other.get("cnonce", "unused"), challenge, DigestAuth("Mufasa", "Circle Of Life"), method, url
        )
        assert ours == other


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256-sess"])
def test_every_transport_carries_it(transport, algorithm):
    """Over a socket, a body goes out twice and the login is accepted; the second request is spared the 401."""
    server, auth = Server(realm='an "odd" realm', algorithm=algorithm, qop="auth-int"), DigestAuth('a"n\\n', "secret")
    server.user = b'a"n\\n'
    with Site(server) as site:
        for _ in range(2):
            request = Request("POST", f"{site.url}/a%20b?c='d'", (), b"hello")
            response = drive(auth(request, Options(), send), transport.send)
            assert (response.status_code, response.content) == (200, b"ok")

    assert server.statuses == [False, True, True]
    assert {(target, body) for _, target, _, body in server.seen} == {("/a%20b?c='d'", b"hello")}


def test_a_wsgi_application_accepts_it():
    """The login is accepted by an application in this process."""
    server = Server(algorithm="SHA-512-256")

    def app(environ, start_response):
        target = urllib.parse.quote(environ["PATH_INFO"]) + f"?{environ['QUERY_STRING']}"
        status, fields = server.judge(environ["REQUEST_METHOD"], target, environ.get("HTTP_AUTHORIZATION"))
        start_response(f"{status} {http.client.responses[status]}", fields)
        return [b"ok"]

    auth, transport = DigestAuth("ann", "secret"), WSGITransport(app)
    options = Options()
    for _ in range(2):
        assert drive(auth(Request("GET", "http://a.test/b?c"), options, send), transport.send).status_code == 200
    assert server.statuses == [False, True, True]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("through", ["direct", "proxy"])
@pytest.mark.parametrize("user", ["ann", 'a"n\\n', "é"])
def test_curl_sends_the_same(transport_of_sockets, through, user):
    """curl writes user, realm, opaque and uri as this does, odd ones, and through a proxy, too; the server accepts both."""
    realm, path = 'an "odd\\" realm', "/a%20b?c='d'"
    server, ours = (Server(user, realm=realm, opaque='"') for _ in range(2))
    with Site(server) as site:
        url = "http://a.test" if through == "proxy" else site.url
        proxied = ["--proxy", site.url] if through == "proxy" else ["--noproxy", "*"]
        ran = subprocess.run(
            ["curl", "-qsS", "-w", "%{http_code}", *proxied, "--digest", "-u", f"{user}:secret", url + path],
            capture_output=True, timeout=20, check=False,
        )  # fmt: skip
    assert ran.stdout == b"ok200", ran.stderr
    with Site(ours) as site:
        url = "http://a.test" if through == "proxy" else site.url
        proxy = Proxy(site.url) if through == "proxy" else None
        request = Request("GET", url + path, target=f"http://a.test{path}" if proxy else None)
        response = drive(DigestAuth(user, "secret")(request, Options(proxy=proxy), send), transport_of_sockets.send)
    assert response.status_code == 200
    assert site.lines[-1] == f"GET {'http://a.test' if proxy else ''}{path} HTTP/1.1"
    of_curl, of_ours = server.seen[-1][2], ours.seen[-1][2]
    drawn = {"cnonce", "response"}

    assert {k: v for k, v in of_curl.items() if k not in drawn} == {k: v for k, v in of_ours.items() if k not in drawn}


@pytest.fixture
def transport_of_sockets():
    made = make_transport("socket")
    yield made
    made.close()
