"""Laws that hold for every text a URL can be made of, checked against independent readers."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket

import h11._abnf
import pytest
import urllib3.util.url
from hypothesis import assume, example, given
from hypothesis import strategies as st

from intermodal.errors import InvalidRequest, InvalidURL, UnsupportedScheme
from intermodal.model.url import URL

FIELDS = (
    "scheme", "username", "password", "host", "dial_host", "port", "path", "query", "fragment",
    "authority", "target", "origin",
)  # fmt: skip

# Pieces that mean something to one parser or another, and any text between them.
pieces = st.sampled_from([
    "http://", "https://", "HTTP://", "//", "/", "/.", "/..", "?", "#", "@", ":", "[", "]", "::", "::1", "\\", "%", "%25",
    "%2e", "%7E", "%zz", "h", "a.b", "EXAMPLE.org", "xn--", "xn--mnchen-3ya", "127.0.0.1", "127.1", "0x7f", "1", ".", "-",
    "_", " ", "|", ":80", ":443", ":0", ":65536", "user:secret@", "a=b&c", "\x00", "\n", "\x7f", "\ud800", "\xad", "\xdf",
    "m\xfcnchen", "\u0130", "\u0301", "\u03c2", "\u200d", "\u2460", "\u3002", "\uff0f", "\uff11", "\uff20",
])  # fmt: skip
junk = st.lists(st.one_of(pieces, st.text(max_size=8)), max_size=12).map("".join)

# Nearly always valid: what may follow a host is any text without control characters.
sendable = st.text(
    st.one_of(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), st.sampled_from("/.?#@:%\\[]")),
    max_size=12,
)
labels = st.from_regex(r"[a-z0-9_][A-Za-z0-9_-]{0,6}[a-z]", fullmatch=True) | st.sampled_from(
    [
        "m\xfcnchen",
        "FA\xdf",
        "\uff25\uff38",
        "xn--mnchen-3ya",
        "xn--ls8h",
        "\u212a",
        "\u0431\u043e\u043b\u0433",
        "\u4f8b",
    ]
)
names = st.builds(
    lambda parts, dot: ".".join(parts) + dot,
    st.lists(labels, min_size=1, max_size=4),
    st.sampled_from(["", ".", "\u3002"]),
)
addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map("[{}]".format),
    st.sampled_from(["[FE80::1%25Eth0]", "[::1%2525]", "127.0.0.1.", "\uff11.2.3.4"]),
)
userinfo = st.one_of(st.just(""), sendable.map(lambda text: re.sub(r"[/?#%\\]", "", text) + "@"))
ports = st.one_of(st.sampled_from(["", ":", ":80", ":443", ":0080"]), st.integers(1, 65535).map(":{}".format))
tails = st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from("/?#"), sendable))
urls = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "hTTps"]),
    userinfo,
    names | addresses,
    ports,
    tails,
)
references = st.lists(st.one_of(pieces.filter(lambda piece: "://" not in piece), st.text(max_size=4)), max_size=8).map(
    "".join
)


def fields(url: URL) -> dict[str, object]:
    return {name: getattr(url, name) for name in FIELDS}


def url_of(text: str) -> URL:
    try:
        return URL(text)
    except InvalidRequest:
        assume(False)
        raise AssertionError from None


@given(st.one_of(junk, junk.map("http://".__add__), urls))
def test_any_text_is_a_url_or_one_of_our_errors(text):
    """No foreign exception leaves the parser, for text and for its bytes, and both are read alike."""
    outcomes = []
    for given_as in (text, text.encode(errors="surrogatepass")):
        try:
            outcomes.append(fields(URL(given_as)))
        except InvalidRequest as error:
            outcomes.append((type(error), str(error).isprintable()))
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], dict) or outcomes[0][1]


@given(st.binary())
def test_any_bytes_are_a_url_or_one_of_our_errors(data):
    """Bytes that are no text are refused, not guessed at."""
    with contextlib.suppress(InvalidRequest):
        URL(b"http://h/" + data)
    with contextlib.suppress(InvalidRequest):
        URL(data)


@given(st.one_of(urls, junk.map("http://h".__add__)))
def test_canonical_form_is_a_fixed_point(text):
    """Parsing what a URL prints gives the same URL with the same attributes."""
    url = url_of(text)
    again = URL(str(url))
    assert again == url
    assert str(again) == str(url)
    assert fields(again) == fields(url)


@given(urls)
def test_the_fast_path_reads_as_the_general_one(text):
    """An upper-case scheme keeps a URL off the fast path; nothing else may change."""
    url = url_of(text)
    assert fields(URL(text[:4].swapcase() + text[4:])) == fields(url)
    canonical = str(url)
    assert fields(URL(canonical.replace("http", "HTTP", 1))) == fields(url)


@given(urls)
@example("http://h/%zz%2f/%/%%20?%#")
def test_targets_are_what_other_clients_send_unchanged(text):
    """urllib3's encoder leaves a target alone (but for the case of triplets, which we keep) and h11 accepts it."""
    target = url_of(text).target
    upper = re.sub("%[0-9A-Fa-f]{2}", lambda triplet: triplet[0].upper(), target)
    assert urllib3.util.url._encode_target(target) == upper
    assert re.fullmatch(h11._abnf.request_target.encode(), target.encode("ascii"))
    assert target.startswith("/")
    assert "#" not in target


@given(urls)
def test_what_is_connected_to_is_what_is_shown(text):
    """Host field, canonical text and dialled host name one host (Go CVE-2025-47912, curl CVE-2022-27780)."""
    url = url_of(text)
    shown, _, port = (
        url.authority.rpartition(":") if re.search(r":[0-9]+\Z", url.authority) else (url.authority, "", "")
    )
    assert shown == (f"[{url.host}]" if ":" in url.host else url.host)
    assert url.port == (int(port) if port else {"http": 80, "https": 443}[url.scheme])
    dialled, _, zone = url.dial_host.partition("%")
    assert dialled.removesuffix(".") == url.host
    assert not zone or ":" in url.host
    assert url.origin == (url.scheme, f"{url.host}%{zone}" if zone else url.host, url.port)
    assert re.fullmatch(r"[a-z0-9._:-]+", url.host)
    assert len(url.host) <= 253
    other = urllib3.util.url.parse_url(f"{url.scheme}://{url.authority}{url.target}")
    assert other.host == shown


@given(urls, references)
def test_join_leads_to_the_same_host_unless_a_host_is_named(text, reference):
    """Only a scheme or two slashes in front can change the host; backslashes, dots and "@" cannot."""
    url = url_of(text)
    assume(not re.match("[A-Za-z][A-Za-z0-9+.-]*:|//", reference.lstrip(" ")))
    try:
        joined = url.join(reference)
    except InvalidURL:
        assert re.search("[\x00-\x1f\x7f\ud800-\udfff]", reference)
        return
    assert (joined.origin, joined.dial_host) == (url.origin, url.dial_host)
    assert (joined.username, joined.password) == (url.username, url.password)
    assert fields(URL(str(joined))) == fields(joined)


@given(urls, urls)
def test_join_with_an_absolute_url_is_that_url(base, text):
    """RFC 3986 section 5.2.2: a reference with a scheme stands for itself."""
    url = url_of(text)
    assert fields(url_of(base).join(text)) == fields(url)
    assert url.join(str(url)) == url


@given(urls, st.text())
def test_with_query_is_a_fixed_point_and_keeps_the_rest(text, query):
    """Whatever the query, only the query changes, and the result is canonical."""
    url = url_of(text)
    try:
        changed = url.with_query(query)
    except InvalidURL:
        assert re.search("[\x00-\x1f\x7f\ud800-\udfff]", query)
        return
    assert fields(URL(str(changed))) == fields(changed)
    assert {**fields(changed), "query": url.query, "target": url.target} == fields(url)
    assert changed.with_query(url.query) == url


def remove_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4, word for word."""
    rest, output = path, ""
    while rest:
        if rest.startswith(("../", "./")):
            rest = rest.partition("/")[2]
        elif rest.startswith("/./") or rest == "/.":
            rest = "/" + rest[3:]
        elif rest.startswith("/../") or rest == "/..":
            rest = "/" + rest[4:]
            output = output[: max(output.rfind("/"), 0)]
        elif rest in (".", ".."):
            rest = ""
        else:
            end = rest.find("/", 1) if "/" in rest[1:] else len(rest)
            output, rest = output + rest[:end], rest[end:]
    return output


segments = st.lists(st.sampled_from(["", ".", "..", "...", "a", "b", "%2e", ".a", "a."]), max_size=10).map("/".join)


@given(segments)
def test_dot_segments_are_removed_as_the_rfc_says(path):
    """The linear algorithm gives what RFC 3986's pseudo-code gives."""
    assert URL(f"http://h/{path}").path == remove_dot_segments("/" + path)


@given(segments, segments.filter(lambda path: path and not path.startswith("//")))
def test_join_merges_paths_as_the_rfc_says(base, reference):
    """RFC 3986 sections 5.2.2 to 5.2.4 over paths of every shape."""
    merged = (
        reference if reference.startswith("/") else remove_dot_segments("/" + base).rpartition("/")[0] + "/" + reference
    )
    assert URL(f"http://h/{base}").join(reference).path == remove_dot_segments(merged)


@given(st.ip_addresses(v=6), st.sampled_from([None, "lo", "eth0.1", "25", "A-_~"]))
def test_ipv6_is_printed_by_rfc_5952(address, zone):
    """Every spelling of an address gives the one text of RFC 5952, whatever Python prints."""
    written = {address.compressed, address.exploded, address.compressed.upper()}
    if address.ipv4_mapped is not None:
        written.add(f"::ffff:{address.ipv4_mapped}")
    suffix = "" if zone is None else f"%25{zone}"
    found = {URL(f"http://[{text}{suffix}]/") for text in written}
    assert len(found) == 1
    url = found.pop()
    assert ipaddress.IPv6Address(url.host) == address
    assert url.dial_host == (url.host if zone is None else f"{url.host}%{zone}")
    if address.ipv4_mapped is None:
        assert url.host == address.compressed
    else:
        high, low = divmod(int(address.ipv4_mapped), 1 << 16)
        assert url.host == f"::ffff:{high:x}:{low:x}"


@given(st.text("0123456789abcdefABCDEFxX.:%25", min_size=1, max_size=20))
def test_bracketed_text_is_an_address_or_refused(literal):
    """What the standard library does not read as an IPv6 address, we do not either."""
    try:
        url = URL(f"http://[{literal}]/")
    except InvalidURL:
        return
    assert ipaddress.IPv6Address(literal.partition("%25")[0]) == ipaddress.IPv6Address(url.host)


@given(
    st.one_of(
        st.text("0123456789.xXaf-", min_size=1, max_size=18),
        st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", fullmatch=True),
    )
)
@example("0x7f.1")
@example("127.0.0.01")
@example("1.2.3.4")
def test_a_numeric_host_is_the_address_it_looks_like(host):
    """Where the C library reads an address, it is the dotted quad we show, never another spelling of one."""
    try:
        url = URL(f"http://{host}/")
    except InvalidURL:
        with contextlib.suppress(ValueError):
            ipaddress.IPv4Address(host)
            pytest.fail("a proper address was refused")
        return
    try:
        packed = socket.inet_aton(url.dial_host)
    except OSError:
        assert not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", url.host.rpartition(".")[2])
    else:
        assert socket.inet_ntoa(packed) == url.host


secrets = st.text("Qq0/?#@:\\%[]\n\xe9\u2603\ud800", max_size=12)


@given(
    st.sampled_from(["http://", "https:", "ftp://", "//", "", "http:/", "/", "http:\\\\"]),
    secrets,
    secrets,
    st.sampled_from(["h", "h:99999", "a..b", "[x]", "", "h/\n", "h/%", "127.1"]),
)
def test_no_error_shows_a_password(scheme, before, after, host):
    """A password that is not encoded as it should be stays out of every error, wherever it is cut."""
    text = f"{scheme}user:{before}SECRET{after}@{host}"
    try:
        shown = repr(URL(text)) if URL(text).password and "SECRET" in URL(text).password else ""
    except (InvalidURL, UnsupportedScheme) as error:
        shown = str(error)
    assert "SECRET" not in shown
