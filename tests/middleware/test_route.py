"""Which proxy a request goes through, and what a forwarding proxy is sent."""

import pytest

from intermodal import URL, InvalidURL, Options, Proxy, Request, UnsupportedScheme
from intermodal.flow import Call, drive, send
from intermodal.middleware.route import Proxies, Roads, by_road, forwarded
from intermodal.model.response import Response

PROXY = Proxy("http://ann:secret@proxy.test:3128")


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://a.test/", 1),
        ("https://a.test/", 2),
        ("https://b.test/", 3),
        ("https://none.test/", None),
        ("http://b.test:81/", 1),
    ],
)
def test_the_most_special_key_counts(url, port):
    """A host's own entry comes before its scheme's, a scheme's before all; None means no proxy."""
    proxies = Proxies(
        {"http": "http://p:1", "all": "http://p:2", "https://b.test": Proxy("http://p:3"), "https://none.test": None}
    )
    chosen, _ = proxies.explain(URL(url))

    assert (chosen and chosen.port) == port


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "username", "password"),
    [
        ("http://proxy", "http", "proxy", 80, None, None),
        ("proxy:3128", "http", "proxy", 3128, None, None),
        ("HTTPS://Proxy", "https", "proxy", 443, None, None),
        ("socks5h://u:p%40@h", "socks5h", "h", 1080, "u", "p@"),
        ("socks5://h:80", "socks5", "h", 80, None, None),
        ("http://[::1]:8080/", "http", "::1", 8080, None, None),
    ],
)
def test_a_proxy_is_read_from_its_url(text, scheme, host, port, username, password):
    """Scheme, host, port and credentials come from the URL, with the scheme's own default port."""
    proxy = Proxy(text)

    assert (proxy.scheme, proxy.host, proxy.port, proxy.username, proxy.password) == (
        scheme,
        host,
        port,
        username,
        password,
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ftp://h", UnsupportedScheme),
        ("http://h/path", InvalidURL),
        ("http://", InvalidURL),
        (7, InvalidURL),
        ("http://h:x", InvalidURL),
    ],
)
def test_what_is_no_proxy_is_refused(text, error):
    """A proxy that cannot be one is refused when it is given."""
    with pytest.raises(error):
        Proxy(text)


def test_a_password_does_not_show():
    """Neither the proxy's nor its options' repr shows the password."""
    assert "secret" not in repr(PROXY) + repr(Options(proxy=PROXY)) + str(PROXY)


def test_a_forwarded_request_is_absolute_and_carries_the_proxys_credentials():
    """The proxy gets the whole URL and Proxy-Authorization, last before the framing; a caller's own is replaced."""
    request = Request("POST", "http://h:81/a?b", {"Proxy-Authorization": "mine", "X": "1"}, b"x")
    seen = forwarded(request, PROXY)

    assert seen.target == "http://h:81/a?b"
    assert seen.headers.pairs == (
        ("Host", "h:81"),
        ("X", "1"),
        ("Proxy-Authorization", "Basic YW5uOnNlY3JldA=="),
        ("Content-Length", "1"),
    )
    assert forwarded(seen, PROXY) == seen
    assert forwarded(Request("OPTIONS", "http://h/", target="*"), PROXY).target == "http://h"


@pytest.mark.parametrize("url", ["http://direct.test/", "https://h/"])
def test_an_origin_never_sees_the_proxys_credentials(url):
    """Without a proxy, and on the way to https, the request itself is untouched."""
    carried = []

    def carry(request, options):
        carried.append((request, options.proxy))
        return Response(200)

    request = Request("GET", url)
    proxies = Proxies({"all": "http://ann:secret@p", "http://direct.test": None})
    drive(by_road(request, Options(), send, Roads(proxies), call=Call()), carry)

    assert carried[0][0] is request
    assert (carried[0][1] is None) == (url == "http://direct.test/")
