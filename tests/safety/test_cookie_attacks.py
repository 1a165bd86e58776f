"""What one site may do to the cookies of another, or to a client: nothing, over every transport.

The rows of A6 in ``faults.md`` (past advisories of HTTP clients), and where each is tried; the rules themselves, RFC
6265bis line by line, are in ``model/test_cookies.py``:

    curl CVE-2023-46218, 2026-8924; guzzle CVE-2026-55767 (super cookies)  test_no_site_sets_a_cookie_for_others,
                                                                           test_no_cookie_is_for_a_public_suffix
    curl CVE-2022-35252; CPython CVE-2026-3644 (control characters)        test_no_cookie_holds_a_control_character
    curl CVE-2025-9086 (a site in clear overrides a Secure cookie)         test_a_secure_cookie_is_left_alone
    requests CVE-2015-2296; aiohttp CVE-2026-54279 (host-only is lost)     test_a_cookie_of_one_host_stays_so
    curl CVE-2022-32205; Go CVE-2025-58186 (A4: too many, too big)         test_cookies_do_not_pile_up
    curl CVE-2022-30115, -27779 (A5: a trailing dot)                       test_a_dot_at_the_end_changes_nothing
"""

import pickle
import ssl
import sys
import time
from types import ModuleType

import pytest
from fleet import make_transport
from roads.proxies import GRANTED

from intermodal import Client, InvalidHeader
from intermodal.model import cookie_rules
from intermodal.model.cookies import CookieJar
from intermodal.testing.origin import Origin


def loaded(path):
    jar = CookieJar()
    jar.load(path)
    return jar


@pytest.fixture(scope="module")
def tls(authority):
    """The TLS settings of a server that has every name of these tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = ("a.test", "*.a.test", "b.test", "a.co.test", "localhost", "127.0.0.1")
    authority.issue_cert(*names).configure_cert(context)
    return context


class Web:
    """A client, and two servers that it finds under every name, one in clear and one with TLS."""

    def __init__(self, transport, tls, ca):
        self._servers = {"http": Origin(), "https": Origin(tls=tls)}
        self._transport = transport
        self._ca = ca
        self.client = self.another()

    def close(self):
        self.client.close()
        for server in self._servers.values():
            server.close()

    def another(self, **settings):
        return Client(self._transport, verify=self._ca, **settings)

    def visit(self, url, *lines, status="200 OK", fields="", client=None):
        """Ask a URL, whose answer sets these cookies; give what was sent to it, by name."""
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        server = self._servers[scheme]
        cookies = "".join(f"Set-Cookie: {line}\r\n" for line in lines)
        server.play(f"HTTP/1.1 {status}\r\n{fields}{cookies}Content-Length: 0\r\n\r\n".encode("latin-1"))
        (client or self.client).get(f"{scheme}://{host}:{server.port}/{path}", allow_redirects=False)
        (sent,) = server.requests[-1].field_values("Cookie") or [""]
        return dict(pair.split("=", 1) for pair in sent.split("; ") if pair)


@pytest.fixture
def web(name, tls, ca):
    """The web over each of the four transports in turn."""
    transport = make_transport(name, resolver=lambda host, port: ["127.0.0.1"])
    made = Web(transport, tls, ca)
    yield made
    made.close()
    transport.close()


#: What a site at x.evil.test may not say, and what it would reach by it.
FOR_OTHERS = [
    "a=1; Domain=test",
    "a=1; Domain=.test",
    "a=1; Domain=TEST",
    "a=1; Domain=test.",
    "a=1; Domain=..",
    "a=1; Domain=..evil.test",
    "a=1; Domain=a.test",
    "a=1; Domain=.a.test",
    "a=1; Domain=A.TEST",
    "a=1; Domain=*.test",
    "a=1; Domain=il.test",
    "a=1; Domain=vil.test",
    "a=1; Domain=y.evil.test",
    "a=1; Domain=z.x.evil.test",
    "a=1; Domain=evil.test.",
    "a=1; Domain=evil.test:80",
    "a=1; Domain=evil.test/",
    "a=1; Domain=http://evil.test",
    "a=1; Domain=x.evil.test, a.test",
    "a=1; Domain=127.0.0.1",
    "a=1; Domain=%2Etest",
    "a=1; Domain=\xe5v\xeel.test",
    "a=1; Domain=xn--evl-1na.test",
    "a=1; Domain=evil.test; Domain=a.test",
]
SITES = [
    "http://a.test/",
    "http://x.a.test/",
    "http://test/",
    "http://evil.test/",
    "http://y.evil.test/",
    "http://127.0.0.1/",
]


def test_no_site_sets_a_cookie_for_others(web):
    """A Domain that is not the host's own, or one above it that is a site, is none, however it is written; an empty one is the host's."""
    for line in FOR_OTHERS:
        web.visit("http://x.evil.test/", line)
        assert not web.client.cookies, line
    web.visit("http://x.evil.test/", "own=1", "empty=1; Domain=", "dot=1; Domain=.", "wide=1; Domain=.EVIL.Test")
    for site in SITES:
        assert web.visit(site) == ({"wide": "1"} if "evil" in site else {}), site
    assert set(web.visit("http://x.evil.test/")) == {"own", "empty", "dot", "wide"}


def test_an_address_has_nothing_below_it(web):
    """A cookie of an IP address goes to that address alone, and a part of one is no domain."""
    for domain in ("0.0.1", ".0.0.1", "1", "7.0.0.1", "127.0.0.1."):
        web.visit("http://127.0.0.1/", f"a=1; Domain={domain}")
        assert not web.client.cookies, domain
    web.visit("http://127.0.0.1/", "a=1; Domain=127.0.0.1")
    assert web.visit("http://127.0.0.1/") == {"a": "1"}
    assert [web.visit(f"http://{host}/") for host in ("localhost", "127.0.0.1.test")] == [{}, {}]


@pytest.fixture
def suffixes(monkeypatch):
    """As if publicsuffixlist were installed, and knew that anybody may register below co.test."""
    library = ModuleType("publicsuffixlist")

    class PublicSuffixList:
        def is_public(self, domain):
            return domain in {"test", "co.test"}

    library.PublicSuffixList = PublicSuffixList
    monkeypatch.setitem(sys.modules, "publicsuffixlist", library)
    cookie_rules._public_suffixes.cache_clear()
    yield
    cookie_rules._public_suffixes.cache_clear()


def test_no_cookie_is_for_a_public_suffix(web, suffixes):
    """A Domain below which anybody may register is none but for itself, in any case, with a dot before or behind it."""
    for domain in ("co.test", ".co.test", "CO.Test", "co.test.", "test", "cO.tEST"):
        web.visit("http://a.co.test/", f"a=1; Domain={domain}")
        assert not web.client.cookies, domain
    web.visit("http://co.test/", "itself=1; Domain=co.test")
    assert [web.visit(f"http://{host}/") for host in ("a.co.test", "b.co.test", "co.test")] == [{}, {}, {"itself": "1"}]
    # One that was set by hand, or before the list was known, is not sent below a public suffix either.
    web.client.cookies.set("hand", "1", domain="co.test")
    assert web.visit("http://b.co.test/") == {}


def test_no_cookie_holds_a_control_character(web):
    """A line with one is ignored, wherever in it that is; nothing of it is sent back, or refuses what else is set."""
    for control in map(chr, (*range(1, 9), *range(14, 32), 127)):  # with any other an answer is malformed
        web.visit(
            "http://a.test/", f"a{control}=1", f"a=1{control}2", f"a=1; Path=/{control}", f"a=1; X={control}", "good=1"
        )
        assert web.client.cookies.get_dict() == {"good": "1"}, control
        web.client.cookies.clear()
    web.visit("http://a.test/", "tab=a\tb", "high=\x80\x9b\xff")
    assert web.visit("http://a.test/") == {"tab": "a\tb", "high": "\x80\x9b\xff"}


def test_a_secure_cookie_is_left_alone(web):
    """In clear a secure cookie is neither sent, nor set, nor replaced, nor removed, nor hidden by a longer path or another domain."""
    web.visit("https://a.test/", "sid=safe; Secure; Path=/", "wide=safe; Secure; Domain=a.test")
    forged = [
        "sid=forged",
        "sid=forged; Secure",
        "sid=forged; Path=/deep",
        "sid=forged; Domain=a.test",
        "sid=; Max-Age=0",
        "sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "wide=forged",
        "wide=forged; Domain=a.test",
        "wide=; Domain=a.test; Max-Age=0",
        "new=forged; Secure",
    ]
    assert web.visit("http://a.test/", *forged) == {}
    assert web.visit("http://x.a.test/", *forged) == {}
    assert web.visit("http://x.a.test/deep/er", *forged) == {}
    for path in ("", "deep/er"):
        assert web.visit(f"https://a.test/{path}") == {"sid": "safe", "wide": "safe"}
        assert web.visit(f"http://a.test/{path}") == {}
    assert web.visit("https://x.a.test/")["wide"] == "safe"
    # What came by https may be replaced so.
    web.visit("https://a.test/", "sid=newer; Secure; Path=/")
    assert web.visit("https://a.test/")["sid"] == "newer"


PREFIXED = [
    # what is set, by which scheme, and whether it is
    ("__Secure-a=1; Secure", "https", True),
    ("__Secure-a=1", "https", False),
    ("__Secure-a=1; Secure", "http", False),
    ("__secure-a=1", "https", False),
    ("__SECURE-a=1", "http", False),
    ("__Host-a=1; Secure; Path=/", "https", True),
    ("__Host-a=1; Secure", "https", False),
    ("__Host-a=1; Secure; Path=/x", "https", False),
    ("__Host-a=1; Path=/", "https", False),
    ("__Host-a=1; Secure; Path=/; Domain=a.test", "https", False),
    ("__Host-a=1; Secure; Path=/", "http", False),
    ("__hOsT-a=1; Path=/", "http", False),
    ("=__Host-a=1; Path=/", "http", False),
    ("=__Secure-a=1", "http", False),
    ("__Host-a", "http", False),
    (" __Host-a=1; Path=/", "http", False),
    ("__Host-a =1; Path=/", "http", False),
    ("a=1; SameSite=None", "https", False),
    ("a=1; SameSite=None; Secure", "https", True),
]


def test_a_prefix_keeps_its_promise(web):
    """__Secure- and __Host- in any case, or where no name is, are only set as they promise to be."""
    for line, scheme, is_set in PREFIXED:
        web.visit(f"{scheme}://x.a.test/", line)
        assert len(web.client.cookies) == is_set, line
        web.client.cookies.clear()


def test_a_dot_at_the_end_changes_nothing(web):
    """A host with its dot is the same host: it is told that host's cookies alone, and can set none for a domain with a dot."""
    web.visit("http://a.test/", "a=1", "wide=1; Domain=a.test")
    assert web.visit("http://a.test./") == {"a": "1", "wide": "1"}
    assert web.visit("http://x.a.test./", "x=1; Domain=a.test.", "y=1; Domain=test.") == {"wide": "1"}
    assert web.visit("http://b.test./") == {}
    assert {cookie.name for cookie in web.client.cookies} == {"a", "wide"}


def test_a_path_is_a_border_at_a_slash(web):
    """A cookie for a path is not sent beside it, whichever way the path is written, and to another path nobody gets by dots."""
    web.visit("http://a.test/admin/x", "own=1", "named=1; Path=/admin", "odd=1; Path=admin")
    for path in (
        "",
        "administrator",
        "admin%2fx",
        "Admin/x",
        "admin/../x",
        "admin/%2e%2e/x/../../y",
        "x/admin",
        "admin;/x",
    ):
        assert web.visit(f"http://a.test/{path}") == (
            {"named": "1", "own": "1", "odd": "1"} if path.startswith("admin/%") else {}
        ), path
    assert set(web.visit("http://a.test/admin/y?z")) == {"named", "own", "odd"}


def test_nobody_removes_what_is_anothers(web):
    """A cookie that has ended, for a host that is not the site's own, ends nothing."""
    web.visit("http://a.test/", "a=1", "wide=1; Domain=a.test")
    web.client.cookies.set("hand", "1")
    web.visit("http://b.test/", "a=; Max-Age=0", "wide=; Domain=a.test; Max-Age=0", "a=2; Domain=a.test")
    web.visit("http://x.a.test/", "a=; Max-Age=0")
    assert web.visit("http://a.test/") == {"a": "1", "wide": "1", "hand": "1"}


def ways_to_keep(jar, folder):
    """The jar, and what becomes of it in the ways in which it may be kept."""
    jar.save(folder / "cookies.json", session=True)
    yield jar.copy()
    yield pickle.loads(pickle.dumps(jar))
    yield loaded(folder / "cookies.json")
    updated = CookieJar()
    updated.update(jar)
    yield updated


def test_a_cookie_of_one_host_stays_so(web, tmp_path):
    """Saved and loaded, pickled or copied, a cookie for one host goes to no other, a secure one not in clear, and each to its path."""
    web.visit(
        "https://a.test/",
        "own=1",
        "safe=1; Secure",
        "wide=1; Domain=a.test; Max-Age=60",
        "deep=1; Path=/deep",
        "gone=1; Max-Age=1",
    )
    expected = [
        ("http://a.test/", {"own", "wide"}),
        ("http://x.a.test/", {"wide"}),
        ("https://a.test/deep/", {"own", "safe", "wide", "deep"}),
        ("http://b.test/", set()),
    ]
    del web.client.cookies["gone"]
    for jar in (web.client.cookies, *ways_to_keep(web.client.cookies, tmp_path)):
        with web.another(cookies=jar) as client:
            for url, names in expected:
                assert set(web.visit(url, client=client)) == names, url


def test_cookies_do_not_pile_up(web):
    """However many and large they are, a request is small enough to be answered, and the memory has an end."""
    for batch in range(20):
        lines = [f"n{batch}-{number}={'v' * 2000}" for number in range(20)]
        web.visit("http://a.test/", *lines, "x" * 4097, f"huge={'x' * 5000}", f"a=1; X={'x' * 3000}")
    jar = web.client.cookies
    assert len(jar) <= 50
    assert all(len(cookie.name) + len(cookie.value or "") <= 4096 for cookie in jar)
    sent = web.visit("http://a.test/")
    assert len(sent) > 1
    assert sum(len(name) + len(value) + 3 for name, value in sent.items()) <= 8194
    # A site with many names fills the jar of others no further than its bound, and what was set by hand stays.
    jar.set("hand", "1")
    for number in range(62):
        web.visit(f"http://s{number}.b.test/", *[f"n{each}=1" for each in range(50)])
    assert len(jar) <= 3001
    assert web.visit("http://c.test/") == {"hand": "1"}


def test_no_cookie_lives_for_ever(web):
    """However late a cookie says that it ends, 400 days are the most."""
    web.visit("http://a.test/", f"a=1; Max-Age={'9' * 999}", "b=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT")
    assert len(web.client.cookies) == 2
    for cookie in web.client.cookies:
        assert cookie.expires < time.time() + 401 * 86_400


def test_only_the_answer_of_a_site_sets_its_cookies(web, tls, ca):
    """Neither an interim answer, trailers, nor what a proxy says before the site has spoken, puts anything into the jar of a site."""
    with Origin(tls=tls, front="http") as front, web.another(proxies={"https": front.proxy_url}) as client:
        front.play(GRANTED[:-2] + b"Set-Cookie: proxy=1; Domain=a.test\r\n\r\n", at="tunnel")
        assert client.get("https://a.test/get").ok
        front.play(b"HTTP/1.1 407 No\r\nSet-Cookie: proxy=1\r\nContent-Length: 0\r\n\r\n", at="tunnel", then="fin")
        with pytest.raises(Exception, match="407"):
            client.get("https://b.test/get")
        assert not client.cookies
    with Origin() as origin, web.another() as client:
        origin.play(
            b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nSet-Cookie: late=1\r\n\r\n"
        )
        assert client.get(origin.url).content == b""
        assert not client.cookies


def test_each_answer_on_the_way_sets_its_own_cookies(web):
    """A redirect's cookies are for the site that redirects, kept for its hosts, and unknown to the one that it leads to."""
    port = web._servers["http"].port
    with web.another() as client:
        origin = web._servers["http"]
        for there in ("b.test", "a.test", "x.a.test"):
            lines = "Set-Cookie: own=1\r\nSet-Cookie: other=1; Domain=b.test\r\nSet-Cookie: wide=1; Domain=a.test\r\n"
            origin.play(
                f"HTTP/1.1 302 Found\r\nLocation: http://{there}:{port}/get\r\n{lines}Content-Length: 0\r\n\r\n".encode()
            )
            client.get(f"http://a.test:{port}/{there}")
        sent = {
            (request.first("Host").partition(":")[0], request.target): request.first("Cookie")
            for request in origin.requests
        }
    assert sent == {
        ("a.test", "/b.test"): "",
        ("b.test", "/get"): "",
        ("a.test", "/a.test"): "own=1; wide=1",
        ("a.test", "/get"): "own=1; wide=1",
        ("a.test", "/x.a.test"): "own=1; wide=1",
        ("x.a.test", "/get"): "wide=1",
    }


@pytest.mark.parametrize("text", ["1; admin=1", "1;", "\u20ac", "\udc80", "1\r", "1\0", "\x7f"])
def test_a_cookie_by_hand_is_one_cookie(web, text):
    """What would be read as another cookie, or cannot be sent, is refused when it is given, as a name and as a value."""
    with pytest.raises(InvalidHeader):
        web.client.get("http://a.test:9/", cookies={"a": text})
    with pytest.raises(InvalidHeader):
        web.client.get("http://a.test:9/", cookies={text: "1"})
    with pytest.raises(InvalidHeader):
        web.another(cookies={"a": text})
    with pytest.raises(InvalidHeader):
        web.client.cookies.set("a", text)
    with pytest.raises(InvalidHeader):
        web.client.cookies["a=b"] = "1"
    assert not web.client.cookies
