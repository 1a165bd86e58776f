"""Who is told a secret: the origin that it was given for, and nobody else, over every transport.

The rows of A1 in ``faults.md`` (past advisories of HTTP clients), and where each is tried:

    requests CVE-2018-18074                       test_nothing_follows_a_redirect_elsewhere, test_a_netrc_login_is_its_hosts
    urllib3 CVE-2018-20060, -25091                test_nothing_follows_a_redirect_elsewhere ("in any case", "in bytes", "in pairs")
    urllib3 CVE-2023-43804, undici, guzzle        test_nothing_follows_a_redirect_elsewhere ("Cookie ...")
    urllib3 CVE-2024-37891, Go CVE-2025-4673 ...  test_nothing_follows_a_redirect_elsewhere ("Proxy-Authorization ...")
    requests CVE-2023-32681                       test_no_origin_is_told_the_proxys_login
    curl CVE-2018-1000007, 2022-27774, -27776     test_nothing_follows_a_redirect_elsewhere (host, port, scheme)
    Go CVE-2024-45336                             test_nothing_follows_a_redirect_elsewhere (a, b, b, a)
    Go CVE-2023-45289                             test_a_host_that_looks_like_it_is_another
    curl CVE-2022-27775 (IPv6 zones)              test_url.py (origin), roads/test_pool_key.py
    curl CVE-2026-6276 (state of a custom Host)   test_a_host_field_decides_nothing
    netrc: curl CVE-2024-11053 ..., requests      test_a_netrc_login_is_its_hosts, test_the_default_login_of_netrc_is_for_nobody_else,
      CVE-2024-47081                              middleware/test_environment.py
    curl CVE-2025-14524 (other protocols)         test_only_http_and_https_are_asked
    curl CVE-2026-7168 ... (state of Digest)      test_digest_proves_itself_to_the_first_origin_only, middleware/test_digest.py,
                                                  test_what_is_cleared_is_gone
    curl CVE-2026-6253 (proxy 1, then proxy 2)    test_each_proxy_is_told_its_own_login, roads/test_credentials.py
    urllib3 CVE-2023-45803 (a body beside GET)    test_a_body_that_is_not_asked_for_again_is_gone
    urllib3 2.5.0, GHSA-qccp-gfcp-xxvc            test_every_way_in_has_the_same_policy
    curl CVE-2021-22876, CVE-2026-9546 (Referer)  test_nothing_tells_where_a_request_came_from
    undici CVE-2022-35949, psr7 CVE-2026-48998    test_a_path_of_two_slashes_stays_a_path
    curl CVE-2022-32221, -28322 (POST after PUT)  test_no_request_sends_the_body_of_another
"""

import base64
import contextlib
import io
import itertools
import logging
import re
import ssl
import traceback

import pytest
from fleet import make_transport

import intermodal
from intermodal import Client, Error, InvalidRequest, Proxy, Request
from intermodal.middleware.auth import BasicAuth, BearerAuth
from intermodal.middleware.digest import DigestAuth
from intermodal.middleware.retries import Retry
from intermodal.model.cookies import CookieJar
from intermodal.testing.origin import Origin

SECRET = "s3cret"
LOGIN = ("ann", SECRET)
BASIC = "Basic " + base64.b64encode(b"ann:s3cret").decode()
#: How the secret looks wherever it may turn up.
SIGNS = (SECRET, BASIC.partition(" ")[2])
PRIVATE = {"authorization", "cookie", "proxy-authorization"}


class Web:
    """Three servers that every name leads to: one in clear, one beside it on another port, one with TLS.

    A URL is written with the name of the port: ``http://a.test:CLEAR/``.
    """

    def __init__(self, tls):
        self.CLEAR, self.OTHER, self.SECURE = self.all = Origin(), Origin(), Origin(tls=tls)

    def close(self):
        for origin in self.all:
            origin.close()

    def forget(self):
        for origin in self.all:
            origin.reset_records()

    def url(self, written):
        return re.sub("CLEAR|OTHER|SECURE", lambda name: str(getattr(self, name[0]).port), written)

    def leads(self, *way, statuses=(302, 301, 307, 308, 303)):
        """Let each URL of a way lead to the next one."""
        for here, there, status in zip(way, way[1:], itertools.cycle(statuses), strict=False):
            port = re.search("CLEAR|OTHER|SECURE", here)[0]
            getattr(self, port).play(redirect(self.url(there), status))

    @property
    def requests(self):
        return [request for origin in self.all for request in origin.requests]

    @property
    def received(self):
        return b"".join(connection.received for origin in self.all for connection in origin.connections)


def redirect(location, status=302, *fields):
    lines = [f"HTTP/1.1 {status} Elsewhere", f"Location: {location}", *fields, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def private(request):
    """The fields of a request that nobody else is to see, and the secret wherever else it may stand."""
    fields = [name for name, _ in request.headers if name.lower() in PRIVATE]
    return fields + [sign for sign in SIGNS if sign.encode() in request.raw]


@pytest.fixture(scope="module")
def tls(authority):
    """The TLS settings of a server that has every name of these tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("a.test", "b.test", "*.a.test", "127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def web(tls):
    """All the servers there are."""
    made = Web(tls)
    yield made
    made.close()


@pytest.fixture
def transport(name):
    """Each of the four transports in turn, which finds any name on this machine."""
    made = make_transport(name, resolver=lambda host, port: ["127.0.0.1"])
    yield made
    made.close()


@pytest.fixture
def netrc(monkeypatch, tmp_path):
    """Write the netrc file that clients are to find."""

    def write(text):
        path = tmp_path / "netrc"
        path.write_text(text)
        monkeypatch.setenv("NETRC", str(path))

    return write


# --- redirects -------------------------------------------------------------------------------------------------------


def signed(request, options, inner):
    """A user's own auth."""
    pairs = [*request.headers.pairs, ("Authorization", f"Signature {SECRET}")]
    return (yield from inner(request.replace(headers=pairs), options))


def keyed(request, options, inner):
    """Another one, that has a field of its own."""
    return (yield from inner(request.replace(headers=[*request.headers.pairs, ("X-Api-Key", SECRET)]), options))


def jar_of_the_call():
    jar = CookieJar()
    jar.set("sid", SECRET)
    return jar


#: How a caller may come to send a secret: keywords of the client, keywords of the call, user name and password of the URL.
GIVEN = {
    "Authorization": ({}, {"headers": {"Authorization": f"Bearer {SECRET}"}}, ""),
    "Authorization in any case": ({}, {"headers": {"aUTHORIZATION": f"Bearer {SECRET}"}}, ""),
    "Authorization in bytes": ({}, {"headers": {b"authorization": f"Bearer {SECRET}".encode()}}, ""),
    "Authorization in pairs": (
        {},
        {"headers": [("AUTHORIZATION", f"Bearer {SECRET}"), (b"Authorization", b"Bearer s3cret2")]},
        "",
    ),
    "Authorization of the client": ({"headers": {"authorization": f"Bearer {SECRET}"}}, {}, ""),
    "a pair": ({}, {"auth": LOGIN}, ""),
    "a pair of the client": ({"auth": LOGIN}, {}, ""),
    "BasicAuth": ({}, {"auth": BasicAuth(*LOGIN)}, ""),
    "BearerAuth": ({"auth": BearerAuth(SECRET)}, {}, ""),
    "a token that is asked for": ({}, {"auth": BearerAuth(lambda: SECRET)}, ""),
    "an auth of the user's own": ({}, {"auth": signed}, ""),
    "an auth with its own field": ({"auth": keyed}, {}, ""),
    "the URL": ({}, {}, "ann:s3cret@"),
    "the URL's user": ({}, {}, "s3cret@"),
    "Cookie": ({}, {"headers": {"Cookie": f"sid={SECRET}"}}, ""),
    "Cookie in any case": ({}, {"headers": {"COOKIE": f"sid={SECRET}"}}, ""),
    "Cookie in bytes": ({}, {"headers": {b"cookie": f"sid={SECRET}".encode()}}, ""),
    "Cookie in pairs": ({}, {"headers": [("cookie", f"sid={SECRET}"), ("Cookie", "b=s3cret")]}, ""),
    "Cookie of the client": ({"headers": {"Cookie": f"sid={SECRET}"}}, {}, ""),
    "cookies": ({}, {"cookies": {"sid": SECRET}}, ""),
    "a jar": ({}, {"cookies": jar_of_the_call()}, ""),
    "Proxy-Authorization": ({}, {"headers": {"Proxy-Authorization": BASIC}}, ""),
    "Proxy-Authorization in any case": ({}, {"headers": {"proxy-AUTHORIZATION": BASIC}}, ""),
    "Proxy-Authorization in bytes": ({}, {"headers": {b"proxy-authorization": BASIC.encode()}}, ""),
    "Proxy-Authorization of the client": ({"headers": [("PROXY-AUTHORIZATION", BASIC)]}, {}, ""),
    "all at once": (
        {"headers": {"Cookie": f"sid={SECRET}", "Proxy-Authorization": BASIC}, "auth": BearerAuth(SECRET)},
        {"cookies": {"a": SECRET}},
        "ann:s3cret@",
    ),
}

#: From one origin to another.
ELSEWHERE = {
    "another host": ("http://a.test:CLEAR", "http://b.test:CLEAR"),
    "a host below": ("http://a.test:CLEAR", "http://x.a.test:CLEAR"),
    "the host above": ("http://x.a.test:CLEAR", "http://a.test:CLEAR"),
    "another port": ("http://a.test:CLEAR", "http://a.test:OTHER"),
    "up to https": ("http://a.test:CLEAR", "https://a.test:SECURE"),
    "down to http": ("https://a.test:SECURE", "http://a.test:CLEAR"),
    "another host with https": ("https://a.test:SECURE", "https://b.test:SECURE"),
}


#: What is tried on each way; the others are other ways to write these, and tried on two.
KINDS = ("Authorization", "a pair of the client", "the URL", "Cookie", "cookies", "Proxy-Authorization", "all at once")
FOR_OTHERS = ("another host", "down to http")


@pytest.mark.parametrize("kind", GIVEN)
def test_nothing_follows_a_redirect_elsewhere(transport, web, ca, kind):
    """On the way a, b, b, a, a only the first request holds it: another origin is not told, and the way back restores nothing."""
    of_client, of_call, user = GIVEN[kind]
    told = {}
    for case in ELSEWHERE if kind in KINDS else FOR_OTHERS:
        home, away = ELSEWHERE[case]
        first = f"{home}/1"
        web.leads(first, f"{away}/2", f"{away}/3", f"{home}/4", f"{home}/get")
        with Client(transport, verify=ca, **of_client) as client:
            response = client.get(web.url(first.replace("://", f"://{user}")), **of_call)
        assert (response.status_code, len(response.history)) == (200, 4), case
        shown = {request.target: private(request) for request in web.requests}
        assert shown.pop("/1"), f"{case}: the first origin was not told either"
        assert len(shown) == 4
        told[case] = {target: fields for target, fields in shown.items() if fields}
        web.forget()
    assert not any(told.values()), told


def test_at_home_a_redirect_changes_nothing(transport, web):
    """As long as the origin is the same, however it is written, a redirect keeps what was given for it."""
    for kind, (of_client, of_call, user) in GIVEN.items():
        web.leads("http://a.test:CLEAR/1", "http://A.TEST:CLEAR/2", "/3?q#f")
        with Client(transport, **of_client) as client:
            client.get(web.url(f"http://{user}a.test:CLEAR/1"), **of_call)
        first, *others = [private(request) for request in web.CLEAR.requests]
        assert first, kind
        assert others == [first, first], kind
        web.forget()


DIGEST_WANTED = (
    b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n0nce", qop="auth", algorithm=SHA-256\r\n'
    b"WWW-Authenticate: Basic realm=r\r\nContent-Length: 0\r\n\r\n"
)


def by_get(client, url, **keywords):
    return client.get(url, **keywords)


def by_request(client, url, **keywords):
    return client.request("GET", url, **keywords)


def by_send(client, url, **keywords):
    headers = keywords.pop("headers", None)
    return client.send(client.build_request("GET", url, headers=headers), **keywords)


def by_head(client, url, **keywords):
    return client.head(url, allow_redirects=True, **keywords)


def by_stream(client, url, **keywords):
    with client.get(url, stream=True, **keywords) as response:
        return response


def by_hand(client, url, **keywords):
    """Follow each redirect as users of requests do who want to see it first."""
    response = client.get(url, allow_redirects=False, **keywords)
    while response.is_redirect:
        response = client.send(response.next, allow_redirects=False)
    return response


def by_module(client, url, **keywords):
    with intermodal.use_transport(client.transport):
        return intermodal.get(url, **keywords)


def by_post(client, url, **keywords):
    return client.post(url, data=b"x", **keywords)


WAYS_IN = (by_get, by_request, by_send, by_head, by_stream, by_hand, by_module, by_post)

#: What every way in can be given, and what a client alone.
FOR_ALL = [
    {"headers": {"Authorization": f"Bearer {SECRET}"}},
    {"headers": {"cookie": f"a={SECRET}"}},
    {"headers": {"Proxy-Authorization": BASIC}},
    {"auth": LOGIN},
    {"auth": keyed},
    {"cookies": {"sid": SECRET}},
]
FOR_CLIENTS = [
    {"headers": {"Authorization": f"Bearer {SECRET}"}},
    {"auth": LOGIN},
    {"auth": BearerAuth(SECRET)},
    {"auth": keyed},
]


@pytest.mark.parametrize("way_in", WAYS_IN, ids=lambda way: way.__name__)
def test_every_way_in_has_the_same_policy(transport, web, way_in):
    """Each way to send a request, that by ``response.next`` too, takes secrets away from other origins and gives none back."""
    for keywords in FOR_ALL:
        _follow(transport, web, way_in, {}, keywords)
    if way_in is not by_module:  # which has a client of its own
        for keywords in FOR_CLIENTS:
            _follow(transport, web, way_in, keywords, {})
    _follow(transport, web, way_in, {}, {}, "ann:s3cret@")


def _follow(transport, web, way_in, of_client, of_call, user=""):
    home, away = "http://a.test:CLEAR", "http://b.test:CLEAR"
    web.leads(f"{home}/1", f"{away}/2", f"{home}/3", f"{home}/get")
    with Client(transport, **of_client) as client:
        way_in(client, web.url(f"http://{user}a.test:CLEAR/1"), **of_call)
    told = [(request.target, private(request)) for request in web.CLEAR.requests]
    web.CLEAR.reset_records()
    assert len(told) == 4
    assert told[0][1]
    assert [each for each in told[1:] if each[1]] == [], (of_client, of_call, user)


def test_what_an_auth_added_is_not_for_the_next_request(transport, web):
    """``response.next`` is what the caller asked for, sent elsewhere: an answer to a challenge is made for it anew, at home too."""
    web.CLEAR.play(DIGEST_WANTED)
    web.leads("http://a.test:CLEAR/1", "/2")
    with Client(transport, auth=DigestAuth(*LOGIN)) as client:
        by_hand(client, web.url("http://a.test:CLEAR/1"))
    answers = [request.first("Authorization") for request in web.CLEAR.requests]
    assert [re.findall('uri="(.*?)"', answer) for answer in answers] == [[], ["/1"], ["/2"]]
    assert [re.findall("nc=([0-9]*)", answer) for answer in answers] == [[], ["00000001"], ["00000002"]]


def test_a_transport_by_its_name_has_the_same_policy(name, web, monkeypatch):
    """What INTERMODAL_TRANSPORT chooses for the verbs of the module strips as a client does."""
    monkeypatch.setenv("INTERMODAL_TRANSPORT", name)
    here, there = "http://127.0.0.1:CLEAR/1", "http://localhost:CLEAR/2"
    for keywords in (*FOR_ALL, {"auth": BearerAuth(SECRET)}):
        web.leads(here, there, "http://127.0.0.1:CLEAR/get")
        intermodal.get(web.url(here), **keywords)
    told = [bool(private(request)) for request in web.CLEAR.requests]
    assert told == [True, False, False] * (len(FOR_ALL) + 1)


LOOKALIKES = [
    "http://a.test.evil.test:CLEAR/",
    "http://evila.test:CLEAR/",
    "http://atest:CLEAR/",
    "http://a.test@evil.test:CLEAR/",
    "http://a.test:80@evil.test:CLEAR/",
    "http://a.test:CLEAR@evil.test:CLEAR/",
    "http://evil.test:CLEAR/a.test",
    "http://evil.test:CLEAR?@a.test/",
    "http://evil.test:CLEAR#@a.test/",
    "//evil.test:CLEAR/",
    "//a.test@evil.test:CLEAR/",
    "http://b\xfccher.test:CLEAR/",
]


def test_a_host_that_looks_like_it_is_another(transport, web):
    """A name that merely begins, ends or is decorated with the first one's is asked without any of its secrets."""
    for location in LOOKALIKES:
        web.leads("http://a.test:CLEAR/", location.encode().decode("latin-1"))
        with Client(transport, headers={"Authorization": BASIC, "Cookie": "a=s3cret"}) as client:
            client.get(web.url("http://a.test:CLEAR/"))
        first, second = web.CLEAR.requests
        assert private(first), location
        assert not private(second), location
        assert not second.first("Host").startswith("a.test:"), location
        web.CLEAR.reset_records()


@pytest.mark.parametrize("way_in", [by_get, by_hand], ids=lambda way: way.__name__)
def test_a_user_in_a_location_logs_in_nowhere(transport, web, way_in):
    """User name and password that a server has written are not the caller's to give, at home, elsewhere and on the way back."""
    web.leads(
        "http://a.test:CLEAR/1",
        "http://eve:h1dden@a.test:CLEAR/2",
        "http://eve:h1dden@b.test:CLEAR/3",
        "//eve@b.test:CLEAR/4",
        "http://eve:h1dden@a.test:CLEAR/get",
    )
    with Client(transport) as client:
        response = way_in(client, web.url("http://a.test:CLEAR/1"))
    assert "h1dden" not in response.url
    assert [request.field_values("Authorization") for request in web.CLEAR.requests] == [[]] * 5


NOWHERE = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://b.test/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "gopher://b.test:CLEAR/_GET",
    "ws://b.test:CLEAR/",
    "jar:http://b.test:CLEAR/!/",
    "unix:/run/x.sock:http://b.test/",
    "http+unix://%2Frun%2Fx.sock/",
    "http:b.test",
    "http:/b.test/",
    "http:///b.test/",
    "http://a.test:CLEAR\\@b.test:CLEAR/",
    "http://a.test:CLEAR\\.b.test/",
    "http:\\\\b.test/",
    "http://b.test%2F@a.test:CLEAR\\/",
    "http://%62.test:CLEAR/",
    "http://b.test%2f.a.test:CLEAR/",
    "http://b.test%00.a.test:CLEAR/",
    "http://b.test%0d%0a.a.test:CLEAR/",
    "http://b%E3%80%82test:CLEAR/",
    "http://[::1%25.a.test]b.test:CLEAR/",
    "http://[b.test]:CLEAR/",
    "http://2130706433:CLEAR/",
    "http://0x7f.1:CLEAR/",
    "http://127.1:CLEAR/",
    "http://0177.0.0.1:CLEAR/",
    "http://b.test:CLEAR:80/",
    "http://b.test:0/",
    "http://b.test:65536/",
    "http://b.test:+80/",
    "http://b .test:CLEAR/",
    "http://b.test:CLEAR/\tx",
    "http://",
    "//",
]
#: These mean a path of the same host where they are a reference (RFC 3986 section 4.2), and nothing elsewhere.
PATHS = [
    "\\\\b.test/",
    "/\\b.test/",
    "\\/b.test/",
    "/%2F/b.test/",
    "/%5Cb.test/",
    ";//b.test/",
    "?//b.test/",
    "/.//b.test/",
]


def test_only_http_and_https_are_asked(transport, web):
    """What is no URL of a server, or could be read as one of two, is refused with an error of ours, in a Location and when it is given."""
    with Client(transport, headers={"Authorization": BASIC}) as client:
        for location in NOWHERE:
            web.leads("http://a.test:CLEAR/", location)
            with pytest.raises(InvalidRequest) as caught:
                client.get(web.url("http://a.test:CLEAR/"))
            assert (caught.value.response.status_code, caught.value.delivery) == (302, "sent"), location
            with pytest.raises(InvalidRequest) as caught:
                client.get(web.url(location))
            assert caught.value.delivery == "not_sent"
            with pytest.raises(InvalidRequest):
                client.send(client.build_request("GET", web.url(location)))
            with pytest.raises(InvalidRequest):
                Client(transport, base_url=web.url(location))
    assert len(web.CLEAR.requests) == len(NOWHERE)
    assert len(web.requests) == len(NOWHERE)


def test_a_reference_of_slashes_is_a_path(transport, web):
    """Backslashes and encoded slashes never begin a host: such a Location leads to a path of the same server."""
    with Client(transport, headers={"Authorization": BASIC}) as client:
        for location in PATHS:
            web.leads("http://a.test:CLEAR/", location)
            assert client.get(web.url("http://a.test:CLEAR/")).url.startswith(web.url("http://a.test:CLEAR/")), location
    asked = {(request.first("Host"), private(request)[0]) for request in web.CLEAR.requests}
    assert asked == {(web.url("a.test:CLEAR"), "Authorization")}
    assert len(web.CLEAR.requests) == 2 * len(PATHS)


def test_a_path_of_two_slashes_stays_a_path(transport, web):
    """A path that begins with two slashes goes to the host of its URL, as it is written; straight, by a proxy, below a base."""
    with Client(transport) as client, Origin(front="http") as proxy:
        for written in ("//evil.test/x", "///evil.test", "//evil.test:80/@a", "//a@evil.test/?q=//b"):
            url = web.url(f"http://a.test:CLEAR{written}")
            client.get(url)
            client.send(Request("GET", web.url("http://a.test:CLEAR/"), target=written))
            client.get(url, proxies={"http": proxy.proxy_url})
            sent = [(request.target, request.first("Host")) for request in web.CLEAR.requests]
            assert sent == [(written, web.url("a.test:CLEAR"))] * 2
            forwarded = proxy.requests[-1]
            assert (forwarded.target, forwarded.first("Host")) == (url, web.url("a.test:CLEAR"))
            web.CLEAR.reset_records()
    with Client(transport, base_url=web.url("http://a.test:CLEAR/api")) as client:
        for relative in ("//evil.test/x", "/\\evil.test/x", "@evil.test/x", ":80@evil.test/x", ".evil.test"):
            client.get(relative)
            assert web.CLEAR.requests[-1].target.startswith("/api/"), relative
            assert web.CLEAR.requests[-1].first("Host") == web.url("a.test:CLEAR")


def test_a_host_field_decides_nothing(transport, web):
    """A Host of the caller's own is sent, and neither cookies, logins nor later requests go by it."""
    jar = CookieJar()
    jar.set("of", "a", domain="a.test", domain_specified=False)
    jar.set("of", "b", domain="b.test", domain_specified=False)
    with Client(transport, cookies=jar) as client:
        web.CLEAR.play(redirect("/2", 302, "Set-Cookie: new=b"))
        web.leads("http://b.test:CLEAR/2", "http://a.test:CLEAR/3")
        client.get(web.url("http://b.test:CLEAR/1"), headers={"Host": "a.test"})
        client.get(web.url("http://b.test:CLEAR/4"))
        client.get(web.url("http://a.test:CLEAR/5"))
    assert [(request.target, request.first("Host"), request.first("Cookie")) for request in web.CLEAR.requests] == [
        ("/1", "a.test", "of=b"),
        ("/2", "a.test", "of=b; new=b"),
        ("/3", web.url("a.test:CLEAR"), "of=a"),
        ("/4", web.url("b.test:CLEAR"), "of=b; new=b"),
        ("/5", web.url("a.test:CLEAR"), "of=a"),
    ]


def test_a_cookie_of_the_client_goes_where_it_is_for(transport, web, ca):
    """A cookie with a domain, of the client or set by a server, is not sent to another host, whoever leads there, nor in clear once it is secure."""
    with Client(transport, verify=ca, headers={"X-A": "1"}) as client:
        client.cookies.set("host", SECRET, domain="a.test", domain_specified=False)
        client.cookies.set("wide", SECRET, domain="a.test")
        client.cookies.set("safe", SECRET, domain="a.test", secure=True)
        web.leads(
            "http://a.test:CLEAR/1",
            "http://b.test:CLEAR/2",
            "http://x.a.test:CLEAR/3",
            "http://\xd0\xb0.test:CLEAR/4",
        )
        client.get(web.url("http://a.test:CLEAR/1"))
        web.leads("https://a.test:SECURE/5", "http://a.test:CLEAR/6", "https://x.a.test:SECURE/7")
        client.get(web.url("https://a.test:SECURE/5"))
    sent = {
        request.target: {pair.partition("=")[0] for pair in request.first("Cookie").split("; ")}
        for request in web.requests
    }
    assert sent == {
        "/1": {"host", "wide"},
        "/2": {""},
        "/3": {"wide"},
        "/4": {""},
        "/5": {"host", "wide", "safe"},
        "/6": {"host", "wide"},
        "/7": {"wide", "safe"},
    }


# --- logins ----------------------------------------------------------------------------------------------------------


def test_digest_proves_itself_to_the_first_origin_only(transport, web):
    """One that a redirect leads to may challenge as it likes, with the same realm and nonce: it is answered with nothing."""
    auth = DigestAuth(*LOGIN)
    for known in (False, True):
        if not known:
            web.CLEAR.play(DIGEST_WANTED)
        web.CLEAR.play(redirect(web.url("http://b.test:CLEAR/2")))
        web.CLEAR.play(DIGEST_WANTED)
        with Client(transport, auth=auth) as client:
            assert client.get(web.url("http://a.test:CLEAR/1")).status_code == 401
        *first, second, third = [request.field_values("Authorization") for request in web.CLEAR.requests]
        assert (first, len(second), third) == ([] if known else [[]], 1, [])
        assert 'nonce="n0nce"' in second[0]
        web.CLEAR.reset_records()
    # Asked for itself, with the same auth, it is told nothing of the other's nonce.
    with Client(transport, auth=auth) as client:
        client.get(web.url("http://b.test:CLEAR/3"))
    assert not private(web.CLEAR.requests[-1])


def test_a_challenge_tells_nobody_a_password(transport, web):
    """A digest login is never answered by Basic, and no login by what it is not: a 401 from wherever gets nothing more."""
    refusal = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=r, Bearer, Negotiate\r\nContent-Length: 0\r\n\r\n"
    for auth, requests in ((DigestAuth(*LOGIN), 1), (None, 1), (LOGIN, 1), (BearerAuth(SECRET), 1)):
        web.CLEAR.play(refusal)
        with Client(transport, retries=Retry(2, backoff=0)) as client:
            client.get(web.url("http://a.test:CLEAR/"), auth=auth)
        assert len(web.CLEAR.requests) == requests
        web.CLEAR.reset_records()


def test_a_netrc_login_is_its_hosts(transport, web, ca, netrc):
    """Each host is sent its own entry and nobody another's, whatever stands in the URL; and none in clear after https."""
    netrc("machine a.test login ann password s3cret\nmachine x.a.test login xavier password s3cret\n")
    xavier = "Basic " + base64.b64encode(b"xavier:s3cret").decode()
    rows = [
        # the way, and what each of it is sent
        (["http://a.test:CLEAR/1", "http://b.test:CLEAR/2"], [BASIC, ""]),
        (["http://b.test:CLEAR/1", "http://a.test:CLEAR/2"], ["", BASIC]),
        (["http://a.test:CLEAR/1", "http://x.a.test:CLEAR/2", "http://y.a.test:CLEAR/3"], [BASIC, xavier, ""]),
        (["http://a.test:CLEAR/1", "http://a.test:OTHER/2"], [BASIC, BASIC]),
        (["https://a.test:SECURE/1", "http://a.test:CLEAR/2"], [BASIC, ""]),
        (["https://a.test:SECURE/1", "http://b.test:CLEAR/2", "https://a.test:SECURE/3"], [BASIC, "", ""]),
        (["http://a.test:CLEAR/1", "http://a.test:x@b.test:CLEAR/2"], [BASIC, ""]),
        (["http://a.test:@b.test:CLEAR/1"], [_basic("a.test:")]),
        (["http://a.test@b.test:CLEAR/1"], [_basic("a.test:")]),
        (["http://bob@a.test:CLEAR/1"], [_basic("bob:")]),
        (["http://a.test.b.test:CLEAR/1"], [""]),
    ]
    with Client(transport, verify=ca) as client:
        for way, expected in rows:
            web.leads(*way)
            client.get(web.url(way[0]))
            sent = {request.target: request.first("Authorization") for request in web.requests}
            assert [sent[key] for key in sorted(sent)] == expected, way
            web.forget()


def _basic(login):
    return "Basic " + base64.b64encode(login.encode()).decode()


@pytest.mark.parametrize("way_in", [by_get, by_hand], ids=lambda way: way.__name__)
def test_the_default_login_of_netrc_is_for_nobody_else(transport, web, netrc, ca, way_in):
    """A login for any host goes to the one that the caller named, not to one that a server did, nor back, nor down to http."""
    netrc("default login ann password s3cret\n")
    with Client(transport, verify=ca) as client:
        web.leads("http://a.test:CLEAR/1", "http://b.test:CLEAR/2", "http://a.test:CLEAR/get")
        way_in(client, web.url("http://a.test:CLEAR/1"))
        assert [request.first("Authorization") for request in web.CLEAR.requests] == [BASIC, "", ""]
        web.CLEAR.reset_records()
        web.leads("https://a.test:SECURE/1", "http://a.test:CLEAR/get")
        way_in(client, web.url("https://a.test:SECURE/1"))
        assert [request.first("Authorization") for request in web.requests] == ["", BASIC]  # in clear first


def test_a_netrc_login_stays_up_when_it_is_followed_by_hand(transport, web, netrc, ca):
    """``response.next`` from https to http on the same host is sent without the login, as a redirect that is followed is."""
    netrc("machine a.test login ann password s3cret\n")
    with Client(transport, verify=ca) as client:
        web.leads("https://a.test:SECURE/1", "http://a.test:CLEAR/get")
        by_hand(client, web.url("https://a.test:SECURE/1"))
    assert private(web.SECURE.requests[0])
    assert not private(web.CLEAR.requests[0])


def test_what_is_cleared_is_gone(transport, web, netrc):
    """A login or cookie that is taken away for a call, or for good, is sent no more, from wherever it came."""
    netrc("default login ann password s3cret\n")
    url = web.url("http://a.test:CLEAR/get")
    with Client(transport, auth=LOGIN, cookies={"sid": SECRET}, headers={"Cookie": "x=s3cret"}) as client:
        client.get(url)
        client.cookies.clear()
        client.get(url, headers={"authorization": None, "COOKIE": None})
        client.get(url, headers={b"AUTHORIZATION": None, b"cookie": None}, cookies={})
    with Client(transport, trust_env=False) as client:
        client.get(url)
    assert [bool(private(request)) for request in web.CLEAR.requests] == [True, False, False, False]


# --- proxies ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def fronts(tls):
    """Two proxies that want a login each, and lead to servers of all names."""
    with (
        Origin(front="http", tls=tls, front_login=("ann", SECRET)) as first,
        Origin(front="http", tls=tls, front_login=("bob", "h1dden")) as second,
    ):
        yield first, second


def proxy_of(front, login="ann:s3cret"):
    return front.proxy_url.replace("://", f"://{login}@")


def inside(origin):
    """What came to the servers behind a proxy, through its tunnels."""
    return b"".join(connection.received for connection in origin.connections if connection.tunnel is not None)


def test_no_origin_is_told_the_proxys_login(transport, web, fronts, ca):
    """From a request that is forwarded to one that is tunnelled, to one that goes straight, and back: the login ends at the proxy."""
    front, _ = fronts
    proxies = {"all": proxy_of(front), "no_proxy": "straight.test"}
    front.play(redirect("https://b.test/2"))
    front.play(redirect(web.url("http://straight.test:CLEAR/3")))
    web.leads("http://straight.test:CLEAR/3", "http://c.test/4")
    front.play(redirect("https://a.test/get"))
    with Client(transport, verify=ca, proxies=proxies) as client:
        response = client.get("http://a.test/1")
    assert [each.status_code for each in (*response.history, response)] == [302] * 4 + [200]
    forwarded = [request for request in front.requests if request.target.startswith("http://")]
    assert [request.target for request in forwarded] == ["http://a.test/1", "http://c.test/4"]
    assert [request.field_values("Proxy-Authorization") for request in forwarded] == [[BASIC]] * 2
    assert inside(front).startswith(b"GET /2 ")
    for sign in (*SIGNS, "roxy-"):
        assert sign.encode() not in inside(front)
        assert sign.encode() not in web.received


def test_each_proxy_is_told_its_own_login(transport, fronts, ca):
    """Proxies by scheme, each with a login: a redirect from one's scheme to the other's tells each its own, and origins nothing."""
    first, second = fronts
    plain = second.proxy_url
    with Client(transport, verify=ca) as client:
        for there in (proxy_of(second, "bob:h1dden"), plain):
            first.play(redirect("https://b.test/2"))
            with contextlib.suppress(intermodal.ProxyError):  # without a login the second lets nobody through
                client.get("http://a.test/1", proxies={"http": proxy_of(first), "https": there})
    told = b"".join(c.tunnel.received for c in second.connections if c.tunnel)
    assert told.count(b"CONNECT b.test:443 ") == 2
    assert re.findall(b"(?i)proxy-authorization: (.*)\r", told) == [_basic("bob:h1dden").encode()]
    assert [request.field_values("Proxy-Authorization") for request in first.requests] == [[BASIC], [BASIC]]
    assert b"uthorization" not in inside(second)


def test_a_login_for_a_proxy_that_is_a_field_stays_with_its_origin(transport, fronts, ca):
    """Proxy-Authorization by hand, which a forwarded request may have, is gone where a redirect leads elsewhere, in clear and in a tunnel."""
    _, front = fronts
    hand = {"proxy-authorization": _basic("bob:h1dden")}
    with Client(transport, verify=ca, proxies={"all": front.proxy_url}) as client:
        front.play(redirect("http://b.test/2"))
        assert client.get("http://a.test/1", headers=hand).status_code == 407
        front.play(redirect("https://a.test/2"))
        with pytest.raises(intermodal.ProxyError):
            client.get("http://a.test/1", headers=hand)
    assert [
        request.field_values("Proxy-Authorization") for request in front.requests if request.target.endswith("/2")
    ] == [[]]
    assert all(b"uthorization" not in c.tunnel.received for c in front.connections if c.tunnel)


def test_the_scheme_alone_makes_another_origin(transport, fronts, ca):
    """The same host and the same number of the port, with https before and http after, or the other way round, is another origin."""
    first, _ = fronts
    way = {"all": proxy_of(first)}
    for here, there in (("http", "https"), ("https", "http")):
        first.play(redirect(f"{there}://a.test:8443/2"))
        with Client(transport, verify=ca, proxies=way) as client:
            hand = {"Authorization": f"Bearer {SECRET}", "Cookie": f"sid={SECRET}"}
            client.get(f"{here}://a.test:8443/1", headers=hand)
        one, two = first.requests
        assert one.field_values("Authorization") == [f"Bearer {SECRET}"]
        assert [two.field_values(name) for name in ("Authorization", "Cookie")] == [[], []]
        assert two.first("Host") == "a.test:8443"
        first.reset_records()


# --- what else must not follow ---------------------------------------------------------------------------------------

BODIES = {
    "bytes": {"data": b"s3cret"},
    "form": {"data": {"a": "s3cret"}},
    "json": {"json": {"a": "s3cret"}},
    "generator": {"data": (piece for piece in [b"s3c", b"ret"])},
    "files": {"files": {"a": ("name.txt", b"s3cret", "text/plain")}},
}
OF_A_BODY = {
    "Content-Encoding": "identity",
    "content-language": "en",
    "CONTENT-LOCATION": "/x",
    "Content-Disposition": "attachment",
    "Content-MD5": "x",
    "Content-Range": "bytes 0-5/6",
    "Digest": "md5=x",
    "Repr-Digest": "md5=:x:",
    "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
}


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 301), ("POST", 302), ("POST", 303), ("PUT", 303), ("PATCH", 303)]
)
def test_a_body_that_is_not_asked_for_again_is_gone(transport, web, method, status):
    """The GET that follows has neither body nor framing, nor any field about a body; at home and elsewhere."""
    for host in ("a.test", "b.test"):
        for keywords in BODIES.values():
            if "generator" in str(type(keywords.get("data"))):
                keywords = {"data": (piece for piece in [b"s3c", b"ret"])}  # noqa: PLW2901 - it is read once
            web.leads("http://a.test:CLEAR/1", f"http://{host}:CLEAR/2", statuses=[status])
            with Client(transport) as client:
                client.request(
                    method, web.url("http://a.test:CLEAR/1"), headers={**OF_A_BODY, "X-Kept": "1"}, **keywords
                )
            first, second = web.CLEAR.requests
            assert b"s3cret" in first.body
            assert (second.method, second.body, second.first("X-Kept")) == ("GET", b"", "1")
            about_it = {name.lower() for name, _ in second.headers} - {
                "host",
                "user-agent",
                "accept",
                "connection",
                "x-kept",
            }
            assert about_it == {"accept-encoding"}
            assert second.raw.endswith(b"\r\n\r\n")
            web.CLEAR.reset_records()


def test_no_request_sends_the_body_of_another(transport, web):
    """A POST after a PUT on one client, and one connection, sends what it was given and nothing of what went before."""
    url = web.url("http://a.test:CLEAR/echo")
    with Client(transport) as client:
        client.put(url, data=b"s3cret-1")
        assert client.post(url).content == b""
        client.put(url, data=io.BytesIO(b"s3cret-2"))
        assert client.post(url, data=io.BytesIO(b"new")).content == b"new"
        client.put(url, data=iter([b"s3cret-3", b"s3cret-4"]))
        assert client.post(url, json=1).content == b"1"
        client.put(url, files={"a": b"s3cret-5"})
        assert client.get(url).content == b""
        web.leads("http://a.test:CLEAR/echo", "http://a.test:CLEAR/get", statuses=[303])
        client.put(url, data=b"s3cret-6")
        assert client.put(url, data=b"x").content == b"x"
    assert len(web.CLEAR.connections) == 1
    lengths = [request.field_values("Content-Length") for request in web.CLEAR.requests if request.method == "POST"]
    assert lengths == [["0"], ["3"], ["1"]]


def test_nothing_tells_where_a_request_came_from(transport, web, ca):
    """No Referer is made up: neither the login, the query nor the fragment of a URL goes where a redirect leads."""
    web.leads("http://a.test:CLEAR/1", "http://b.test:CLEAR/2", "https://a.test:SECURE/get")
    with Client(transport, verify=ca) as client:
        client.get(web.url("http://ann:s3cret@a.test:CLEAR/1?q=s3cret#s3cret"))
    assert [request.field_values("Referer") for request in web.requests] == [[], [], []]
    assert [b"s3cret" in request.raw for request in web.requests] == [True, False, False]


# --- what shows ------------------------------------------------------------------------------------------------------


class Records(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record) + repr(record.__dict__))


@pytest.fixture
def log():
    """What the logger writes at DEBUG, with all that is in its records."""
    logger, records = logging.getLogger("intermodal"), Records()
    before = logger.level
    logger.addHandler(records)
    logger.setLevel(logging.DEBUG)
    yield records
    logger.setLevel(before)
    logger.removeHandler(records)


def shown(*things):
    """All that these say of themselves, an error with its traceback and what it holds."""
    lines = [repr(thing) for thing in things]
    for thing in things:
        if isinstance(thing, BaseException):
            lines += traceback.format_exception(type(thing), thing, thing.__traceback__)
            lines += [repr(getattr(thing, held, None)) for held in ("request", "response")]
    return lines


@pytest.mark.parametrize("kind", [*KINDS, "Authorization in bytes", "the URL's user", "BearerAuth"])
def test_no_secret_shows(transport, web, nobody, log, kind):
    """Neither client, request, response nor error shows one, whether it goes well or not, nor does the log or a listener."""
    of_client, of_call, user = GIVEN[kind]
    home = web.url(f"http://{user}a.test:CLEAR")
    hostile = "http://eve:h1dden@b.test:CLEAR/status/401"
    events, things = [], []
    with Client(transport, listener=events.append, retries=Retry(1, backoff=0), max_redirects=2, **of_client) as client:
        web.CLEAR.play(redirect(web.url(hostile), 302, "Set-Cookie: sid=s3cret", "Set-Cookie: b=s3cret"))
        response = client.get(f"{home}/1", **of_call)
        for each in (response, *response.history):
            request = each.request
            things += [
                each,
                each.headers,
                each.cookies,
                *each.cookies,
                each.next,
                request,
                request.headers,
                request.url,
            ]
        with pytest.raises(Error) as failed:
            response.raise_for_status()
        things += [client, client.headers, client.cookies, response.history, failed.value]
        for url in (f"{home}/redirect/5", f"{home}/malformed", f"{home}/truncated", nobody.replace("//", f"//{user}")):
            with pytest.raises(Error) as failed:
                client.get(url, **of_call)
            things.append(failed.value)
        things += [*events, BasicAuth(*LOGIN), BearerAuth(SECRET), DigestAuth(*LOGIN), Proxy("http://ann:s3cret@p:1")]
    text = "\n".join([*shown(*things), *log.lines])
    assert len(log.lines) > 20
    found = [line for line in text.splitlines() if any(sign in line for sign in SIGNS)]
    found += [line for line in log.lines if "h1dden" in line]
    assert found == []


WRONG = {
    "headers that are no pairs": lambda client: client.get(
        "http://a.test/", headers=[("Authorization", BASIC), ("X",)]
    ),
    "a header of three": lambda client: client.get("http://a.test/", headers=[("Authorization", BASIC, "x")]),
    "headers in one text": lambda client: client.get("http://a.test/", headers=f"Authorization: {BASIC}"),
    "headers of the client": lambda client: Client(headers=[("Authorization", BASIC, "x")]),
    "a header in a list": lambda client: client.get("http://a.test/", headers={"Authorization": [BASIC]}),
    "a line end": lambda client: client.get("http://a.test/", headers={"Authorization": f"{BASIC}\n"}),
    "a cookie of two": lambda client: client.get("http://a.test/", cookies={"a": f"{SECRET};"}),
    "a cookie's type": lambda client: client.get("http://a.test/", cookies={"a": [SECRET]}),
    "cookies in one text": lambda client: client.get("http://a.test/", cookies=f"sid={SECRET}"),
    "auth of three": lambda client: client.get("http://a.test/", auth=(*LOGIN, "x")),
    "auth in one text": lambda client: client.get("http://a.test/", auth=":".join(LOGIN)),
    "a user with a colon": lambda client: client.get("http://a.test/", auth=("a:b", SECRET)),
    "a password that is no text": lambda client: client.get("http://a.test/", auth=("a", [SECRET])),
    "a surrogate": lambda client: client.get("http://a.test/", auth=("a", f"{SECRET}\udc80")),
    "a token with a line end": lambda client: BearerAuth(f"{SECRET}\n"),
    "a proxy in one text": lambda client: client.get("http://a.test/", proxies="http://ann:s3cret@p.test:1"),
    "a proxy with a path": lambda client: client.get("http://a.test/", proxies={"all": "http://ann:s3cret@p.test:1/x"}),
    "a proxy with a port too many": lambda client: client.get(
        "http://a.test/", proxies={"all": "http://ann:s3cret@p:1:2"}
    ),
    "a URL's port": lambda client: client.get("http://ann:s3cret@a.test:x/"),
    "a URL's host": lambda client: client.get("http://ann:s3cret@a b.test/"),
    "a URL's scheme": lambda client: client.get("ftp://ann:s3cret@a.test/"),
    "a URL without a scheme": lambda client: client.get("ann:s3cret@a.test/"),
    "a base with a query": lambda client: Client(base_url="http://ann:s3cret@a.test/?x"),
    "a URL that is sent": lambda client: client.send("http://ann:s3cret@a.test/"),
    "a part's header": lambda client: client.post(
        "http://a.test/", files={"a": ("f", b"x", None, [("Authorization", BASIC, "x")])}
    ),
    "a certificate": lambda client: client.get("http://a.test/", cert=("a", "b", SECRET, "x")),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_no_refusal_shows_what_it_refuses(wrong):
    """What is given wrongly is refused in words that say which it is and how it is given, and not what it was."""
    with Client() as client, pytest.raises((Error, TypeError, ValueError)) as caught:
        wrong(client)
    said = f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert [sign for sign in SIGNS if sign in said] == []


def test_two_locations_show_no_password(transport, web):
    """An answer that leads to two places at once, each with a login, is refused without them."""
    web.CLEAR.play(redirect("http://eve:s3cret@b.test/", 302, "Location: http://eve:s3cret@c.test/"))
    with Client(transport) as client, pytest.raises(Error) as caught:
        client.get(web.url("http://a.test:CLEAR/"))
    assert SECRET not in str(caught.value)
