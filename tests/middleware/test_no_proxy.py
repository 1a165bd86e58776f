"""Which hosts NO_PROXY lets go without a proxy."""

import hypothesis.strategies as st
import pytest
import requests.utils
from hypothesis import example, given

from intermodal import URL
from intermodal.middleware.no_proxy import NoProxy

GO = (
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30,"
    " 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"
)
REQUESTS = "192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1, google.com:6000"
BORDERS = "localhost, anotherdomain.com, newdomain.com:1234, .d.o.t"

#: A URL, the value of NO_PROXY, the entry that matches, and who says so or why.
TABLE = [
    # requests, tests/test_utils.py: test_should_bypass_proxies
    ("http://192.168.0.1:5000/", REQUESTS, "192.168.0.0/24", "requests: a network, any port"),
    ("http://192.168.0.1/", REQUESTS, "192.168.0.0/24", "requests: a network"),
    ("http://172.16.1.1/", REQUESTS, "172.16.1.1", "requests: an address"),
    ("http://172.16.1.1:5000/", REQUESTS, "172.16.1.1", "requests: an address, any port"),
    ("http://localhost.localdomain:5000/v1.0/", REQUESTS, "localhost.localdomain", "requests: a name, any port"),
    ("http://google.com:6000/", REQUESTS, "google.com:6000", "requests: that port"),
    ("http://google.com:5000/v1.0/", REQUESTS, None, "requests: another port"),
    ("http://172.16.1.12/", REQUESTS, None, "requests: an address is no prefix"),
    ("http://172.16.1.12:5000/", REQUESTS, None, "requests: nor with a port"),
    # The same, test_should_bypass_proxies_no_proxy_domain_boundary
    ("http://anotherdomain.com:8888/", BORDERS, "anotherdomain.com", "requests: a name, any port"),
    ("http://www.newdomain.com:1234/", BORDERS, "newdomain.com:1234", "requests: a port counts below the name too"),
    ("http://newdomain.com:1235/", BORDERS, None, "requests: another port"),
    ("http://newdomain.com/", BORDERS, None, "requests: the scheme's port is another one"),
    ("http://foo.d.o.t/", BORDERS, ".d.o.t", "requests: below a dotted name"),
    ("http://d.o.t/", BORDERS, ".d.o.t", "requests and curl: the dotted name itself (Go differs)"),
    ("http://prelocalhost/", BORDERS, None, "requests: only at the border of a label"),
    # httpx, tests/client/test_proxies.py: test_proxies_environ
    ("http://google.com", "google.com", "google.com", "httpx: the name"),
    ("https://mit.edu.info", "mit.edu", None, "httpx: a name is no prefix"),
    ("https://mit.edu.info", "mit.edu,edu.info", "edu.info", "httpx: below the second entry"),
    ("https://mit.edu.info", "mit.edu, edu.info", "edu.info", "httpx: with a space"),
    ("https://mit.edu.info", "mit.edu,mit.info", None, "httpx: labels in between count"),
    ("https://foo.example.com", "www.example.com", None, "httpx: a sibling"),
    ("https://www.example1.com", ".example1.com", ".example1.com", "httpx: below a dotted name"),
    ("https://www.example2.com", "ample2.com", None, "httpx: only at the border of a label"),
    ("https://www.example3.com", "*", "*", "httpx: all"),
    # Go, golang.org/x/net/http/httpproxy: UseProxyTests
    ("http://192.168.1.1/", GO, "192.168.1.1", "Go: an address"),
    ("http://192.168.1.2/", GO, None, "Go: an address on another port"),
    ("http://192.168.1.3/", GO, "192.168.1.3:80", "Go: the scheme's port is a port"),
    ("http://192.168.1.4/", GO, None, "Go: another address"),
    ("http://10.0.0.2/", GO, "10.0.0.0/30", "Go: a network"),
    ("http://[2001:db8::52:0:1]/", GO, "2001:db8::52:0:1", "Go: an IPv6 address"),
    ("http://[2001:db8::52:0:2]/", GO, None, "Go: an IPv6 address on another port"),
    ("http://[2001:db8::52:0:3]/", GO, "[2001:db8::52:0:3]:80", "Go: an IPv6 address on this port"),
    ("http://[2002:db8:a::123]/", GO, "2002:db8:a::45/64", "Go: an IPv6 network, written with bits of the host"),
    ("http://[fe80::424b:c8be:1643:a1b6]/", GO, None, "Go: another IPv6 address"),
    ("http://www.barbaz.net/", GO, ".barbaz.net", "Go: below a dotted name"),
    ("http://www.foobar.com/", GO, "foobar.com", "Go: below a name (curl once differed)"),
    ("http://foofoobar.com/", GO, None, "Go: only at the border of a label"),
    ("http://baz.com/", GO, None, "Go: part of an entry is no entry"),
    ("http://localhost.net/", GO, None, "Go: a loopback name is no prefix"),
    ("http://nested.wildcard.io/", GO, "*.wildcard.io", "Go: below a name with a star"),
    ("http://awildcard.io/", GO, None, "Go: the star stands for labels"),
    ("http://wildcard.io/", GO, "*.wildcard.io", "here a star in front is like a dot (Go differs)"),
    ("http://example.com/", ":1", None, "Go, TestInvalidNoProxy: a port alone is nothing"),
    ("http://[::1%25.example.com]/", "*.example.com", None, "Go CVE-2025-22870: a zone is no part of a name"),
    # curl, tests/unit/unit1614.c
    ("http://www.example.com./", "localhost,.example.com,.example.de", ".example.com", "curl: the URL's last dot"),
    ("http://www.example.com/", "localhost,.example.com.,.example.de", ".example.com.", "curl: the entry's last dot"),
    ("http://127.0.0.1/", "127.0.0.1/8,localhost,", "127.0.0.1/8", "curl: a network written with bits of the host"),
    ("http://127.0.0.1/", "localhost,127.0.0.1.127.0.0.1.127.0.0.1", None, "curl: too many numbers are no address"),
    ("http://192.168.0.1/", "192.168.0.0/32", None, "curl: a network of one other address"),
    ("http://192.168.0.1/", "192.168.0.0", None, "curl: an address is no network"),
    ("http://192.168.1.1/", "foo, bar, 192.168.0.0/16", "192.168.0.0/16", "curl: after other entries"),
    ("http://[::1]/", "foo, bar, 192.168.0.0/16", None, "curl: a network of the other version"),
    ("http://[::1]/", "foo, bar, ::1/64", "::1/64", "curl: an IPv6 network"),
    ("http://bar/", "foo, bar, ::1/64", "bar", "curl: a name beside networks"),
    ("http://BAr/", "foo,,,,,              bar, ::1/64", "bar", "curl: case, and nothing between commas"),
    ("http://nonexample.com/", ".example.com, .example.net", None, "curl: only at the border of a label"),
    ("http://192.160.0.1/", "192.160.0.1/33", None, "curl, Curl_cidr4_match: too many bits"),
    ("http://[::1]/", "0:0::1/129", None, "curl, Curl_cidr6_match: too many bits"),
    # What follows from the rules at the head of no_proxy.py
    ("http://localhost/", "", None, "loopback goes through the proxy too, as with requests (Go differs)"),
    ("http://127.0.0.1:8080/", "localhost", None, "no name is resolved"),
    ("http://localhost/", "127.0.0.0/8", None, "nor the URL's"),
    ("http://a.example/", "b.example *", "*", "a star beside others (curl: only alone)"),
    ("http://a.test/", "b.test\ta.test\n", "a.test", "white space alone separates, as with curl"),
    ("http://a.Example.COM/", "EXAMPLE.com", "EXAMPLE.com", "case on both sides"),
    ("http://www.b\xfccher.example/", "B\xdcCHER.example", "B\xdcCHER.example", "IDNA: as a URL writes it"),
    ("http://xn--bcher-kva.example/", "b\xfccher.example", "b\xfccher.example", "IDNA: one of them encoded"),
    ("https://example.com/", "example.com:443", "example.com:443", "the scheme's port is a port (requests differs)"),
    ("https://example.com/", "example.com:80", None, "the port of the other scheme"),
    ("http://[::1]/", "[::1]", "[::1]", "brackets"),
    ("http://[0:0::1]:81/", "::1", "::1", "an address has many spellings"),
    ("http://[::1]:81/", "[::1]:80", None, "brackets and another port"),
    ("http://[fe80::1%25eth0]/", "fe80::1", "fe80::1", "an entry without a zone is for each"),
    ("http://[fe80::1%25eth0]/", "fe80::1%eth0", "fe80::1%eth0", "this zone"),
    ("http://[fe80::1%25eth0]/", "[fe80::1%25eth0]:80", "[fe80::1%25eth0]:80", "this zone, as a URL has it"),
    ("http://[fe80::1%25eth0]/", "fe80::1%eth1", None, "another zone"),
    ("http://[fe80::1]/", "fe80::1%eth0", None, "no zone is another one"),
    ("http://[fe80::1%25eth0]/", "fe80::/10", "fe80::/10", "a network has no zones"),
    ("http://0.0.0.1/", "0.0.0.0/0", "0.0.0.0/0", "each IPv4 address (requests differs)"),
    ("http://example.com/", "0.0.0.0/0,::/0", None, "a name is in no network"),
    ("http://10.0.0.1/", "0.0.1,.0.1,1", None, "the end of an address is nothing (urllib differs)"),
    ("http://10.0.0.1/", "10.,10.*,10.0.0", None, "nor is its beginning"),
    ("http://10.0.0.1/", "010.0.0.1,0xa.0.0.1,10.0.0.0/255.0.0.0,10.0.0.0/+8", None, "other spellings of numbers"),
    ("http://a.test/", "http://a.test,a.test/,u@a.test,a.test:,a.test:x,a.test:0,a.test:99999", None, "nonsense"),
    ("http://a.test/", "a.test?,a.test#,a.test\\,..,.,*.,[a.test],[::1,a..test,*a.test,a.*", None, "more nonsense"),
    ("http://a.test/", "\x00,a\x00.test,%61.test,\ud800,a.test", "a.test", "nonsense does not stop the rest"),
]


@pytest.mark.parametrize(("url", "no_proxy", "entry", "why"), TABLE, ids=[f"{row[0]} {row[3]}" for row in TABLE])
def test_the_table(url, no_proxy, entry, why):
    """Each row holds: the entry that matches comes back as it was written, or None."""
    assert NoProxy(no_proxy).entry_for(URL(url)) == entry, why


# Where requests and we must agree: names that are names, at a port that is written (requests takes the scheme's for
# none), and IPv4 addresses and networks of 1 to 32 bits without a port (requests ignores an address with one, and takes
# no network of 0 bits). One star is all of the list (requests passes over one beside others). No entry ends like an
# address (urllib, which requests asks last, takes ".0.1" for the end of one), none is IPv6 (requests knows no brackets,
# networks or zones there) and none ends in a dot (requests takes it for part of the name).
labels = st.sampled_from(["a", "b", "aa", "ab", "x-1", "xn--bcher-kva"])
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
ports = st.sampled_from([":81", ":8080"])
addresses = st.tuples(*[st.sampled_from([0, 1, 10, 127, 128, 192, 255])] * 4).map(lambda four: ".".join(map(str, four)))
entries = st.one_of(
    names,
    names.map(".{}".format),
    st.tuples(names, ports).map("".join),
    addresses,
    st.tuples(addresses, st.integers(1, 32)).map(lambda pair: "{}/{}".format(*pair)),
)
lists = st.one_of(
    st.lists(entries, max_size=4).map(",".join), st.lists(entries, max_size=4).map(" , ".join), st.just("*")
)
hosts = st.one_of(st.tuples(names, ports).map("".join), addresses, st.tuples(addresses, ports).map("".join))


@given(hosts, lists)
@example("a.b:81", ".b")
@example("10.0.0.1", "10.1.1.1/8")
def test_requests_agrees(host, no_proxy):
    """For what both understand, this is what requests does."""
    url = f"http://{host}/"

    ours = NoProxy(no_proxy).entry_for(URL(url)) is not None

    assert ours == requests.utils.should_bypass_proxies(url, no_proxy=no_proxy)
