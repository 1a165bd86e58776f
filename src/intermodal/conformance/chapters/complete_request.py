"""T2: the request arrives whole, with every byte of it where the Request says, and nothing beside it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.written import carried, host_line, request_bytes
from intermodal.errors import UnsupportedFeature
from intermodal.model.options import Proxy
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from intermodal.conformance.stage import Stage
    from intermodal.model.request import Request

CHAPTER = Chapter()

# --- the request line -------------------------------------------------------------------------------------------------

_TARGETS = {
    "no path": ("", "/"),
    "unreserved characters": ("/a-b.c_d~e", "/a-b.c_d~e"),
    "an encoding in upper case": ("/%7E%C3%A9", "/%7E%C3%A9"),
    "an encoding that none was needed for": ("/%41%2D%30", "/%41%2D%30"),
    "an encoded slash": ("/a%2Fb", "/a%2Fb"),
    "an encoded percent sign": ("/%25%2525", "/%25%2525"),
    "encoded dot segments": ("/a/%2E%2E/%2E/b", "/a/%2E%2E/%2E/b"),
    "an encoded NUL and line end": ("/%00%0D%0A", "/%00%0D%0A"),
    "empty segments": ("/a//b///", "/a//b///"),
    "dots that are no segments": ("/...a/.b/c..", "/...a/.b/c.."),
    "delimiters": ("/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
    "a URL in its path": ("/http://other.test/x", "/http://other.test/x"),
    "a space and other letters": ("/a é", "/a%20%C3%A9"),
    "what has to be encoded": ('/"<>[]^`{|}', "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D"),
    "a percent sign alone": ("/%/%z%41", "/%25/%25z%41"),
    "a fragment": ("/a#b?c", "/a"),
    "a thousand segments": ("/seg" * 1000, "/seg" * 1000),
    "a query": ("/?a=1&b=2", "/?a=1&b=2"),
    "a query without a path": ("?a=1", "/?a=1"),
    "a query with a name twice": ("/?b=2&a=1&b=1", "/?b=2&a=1&b=1"),
    "a query of a name alone": ("/?a&b=&=c", "/?a&b=&=c"),
    "a query with plus and encodings": ("/?a+b=%20%7E%2B", "/?a+b=%20%7E%2B"),
    "a query with slashes, dots and question marks": ("/x?/../y?z//", "/x?/../y?z//"),
    "a query with delimiters": ("/?!$'()*,;:@", "/?!$'()*,;:@"),
    "a query with empty parts": ("/?&&a==1&", "/?&&a==1&"),
    "a query of 6000 characters": ("/?" + "q=%7E&" * 1000, "/?" + "q=%7E&" * 1000),
}


@CHAPTER.rows(_TARGETS, wire=False)
def a_target_goes_out_as_the_request_has_it(stage: Stage, row: tuple[str, str]) -> None:
    """T2, RFC 9112 section 3.2.1: the target of a URL with {row} is the Request's, neither encoded nor decoded again."""
    path, target = row
    carried(stage, stage.request("GET", path))
    stage.arrived("GET", target)


_LOWER = {
    "of what needs none": "/%7e",
    "of letters": "/%c3%a9",
    "in either case": "/%c3%A9%aF",
    "of a slash": "/a%2fb",
    "of dots": "/a/%2e%2e/b",
    "in the query": "/?a=%2b%20",
}


@CHAPTER.rows(_LOWER, wire=False)
def an_encoding_in_lower_case_is_kept(stage: Stage, target: str) -> None:
    """T2, RFC 3986 section 6.2.2.1: an encoding in lower case ({row}) is never rewritten, though without EXACT_TARGET it may be refused."""
    _kept_or_refused(stage, stage.request("GET", target))


def _kept_or_refused(stage: Stage, request: Request) -> None:
    """Demand that a target arrives as it is, or that it is refused by a transport that does not declare EXACT_TARGET.

    Libraries that write a target anew cannot always be kept from it: then saying so is as true as sending it.
    """
    stage.answer()
    came = stage.carry(request)
    if isinstance(came.error, UnsupportedFeature) and not stage.declares(Capability.EXACT_TARGET):
        stage.nothing_was_sent()
        return
    stage.answered(came)
    stage.arrived("GET", request.target)


@CHAPTER.case(wire=False)
def two_slashes_in_front_are_kept(stage: Stage) -> None:
    """T2, RFC 3986 section 3.3: a path that begins with two slashes is never rewritten, though without EXACT_TARGET it may be refused."""
    _kept_or_refused(stage, stage.request("GET", "//a"))


@CHAPTER.rows({"alone": ("/?", "/?"), "before a fragment": ("/a?#b", "/a?")})
def an_empty_query_is_kept(stage: Stage, row: tuple[str, str]) -> None:
    """T2, RFC 3986 section 6.2.3: a question mark, {row}, is part of the target, though no query follows it."""
    path, target = row
    carried(stage, stage.request("GET", path))
    stage.arrived("GET", target)


_GIVEN = {
    "dot segments": "/a/../b/./c/..",
    "dot segments above the root": "/../../x",
    "dot segments and slashes": "//a//..//./b",
    "an encoding": "/%7E%C3%A9",
    "a query": "/x?a=1&a=2",
}


@CHAPTER.rows(_GIVEN, wire=False)
def a_target_given_whole_is_kept(stage: Stage, target: str) -> None:
    """T2, RFC 9112 section 3.2: a target given whole with {row} is never rewritten, though without EXACT_TARGET it may be refused."""
    _kept_or_refused(stage, stage.request("GET", "/other?not=this", target=target))


_ABSOLUTE = {
    "a path": "http://other.test:81/a//b?c=%7E",
    "dot segments": "http://other.test/a/../b",
    "no path": "http://other.test",
}


@CHAPTER.rows(_ABSOLUTE)
def an_absolute_target_given_whole_is_kept(stage: Stage, target: str) -> None:
    """T2, RFC 9112 section 3.2.2: a target that is a URL with {row} goes to the server of the request's own URL."""
    _kept_or_refused(stage, stage.request("GET", "/", target=target))


_ODD = {
    "characters that are encoded elsewhere": '/a"<>\\^`{|}[]',
    "a percent sign alone": "/%/%z/%4",
    "every character that is visible": "/" + "".join(map(chr, range(0x21, 0x7F))).replace("#", ""),
    "odd characters in the query": "/x?{a}=|b|&[]=%",
}


@CHAPTER.rows(_ODD, wire=False, needs=Capability.EXACT_TARGET)
def an_odd_target_given_whole_is_kept(stage: Stage, target: str) -> None:
    """T2, RFC 9112 section 3.2: a target with {row} goes out byte for byte where EXACT_TARGET is declared."""
    carried(stage, stage.request("GET", "/", target=target))
    stage.arrived("GET", target)


@CHAPTER.case(needs=Capability.EXACT_TARGET)
def a_target_can_be_an_asterisk(stage: Stage) -> None:
    """T2, RFC 9112 section 3.2.4: OPTIONS of the server as a whole has the target "*"."""
    carried(stage, stage.request("OPTIONS", "/ignored", target="*"))
    stage.same("the request line", stage.origin.requests[0].raw.partition(b"\r\n")[0], b"OPTIONS * HTTP/1.1")


_VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY")
_METHODS = {method: method for method in (*_VERBS, "M-SEARCH", "X")}


@CHAPTER.rows(_METHODS, wire=False)
def a_method_arrives(stage: Stage, method: str) -> None:
    """T2, RFC 9110 section 9.1: {row} is sent as the method that it is."""
    carried(stage, stage.request(method, "/x"))
    stage.arrived(method, "/x", body=b"")


@CHAPTER.rows({method: method for method in ("get", "Post", "pRoPfInD", "!#$%&'*+-.^_`|~09azAZ")})
def the_case_of_a_method_is_kept(stage: Stage, method: str) -> None:
    """T2, RFC 9110 section 9.1: a method is case-sensitive and any token: {row} is sent as it is."""
    carried(stage, stage.request(method, "/x"))
    stage.arrived(method, "/x")


@CHAPTER.case(guarantee=Guarantee.WIRE_EXACT)
def the_request_line_is_exact(stage: Stage) -> None:
    """T2, RFC 9112 section 3: method, target and version stand with one space between them, and end in CRLF."""
    carried(stage, stage.request("GET", "/a?b"))
    stage.wire(request_bytes("GET /a?b", host_line(stage)))


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def a_forward_proxy_is_asked_for_the_whole_url(stage: Stage) -> None:
    """T2, RFC 9112 section 3.2.2: through a forward proxy the absolute target arrives as the Request has it."""
    options = stage.options(proxy=Proxy(stage.url))
    target = "http://target.test:8080/a//%7E?b=1"
    carried(stage, stage.request("GET", "/a//%7E?b=1", base="http://target.test:8080", target=target), options)
    stage.arrived("GET", target, [("Host", "target.test:8080")])


@CHAPTER.rows(
    {"GET": ("GET", None, b""), "POST": ("POST", b"hello", b"hello")},
    needs=Capability.FORWARD_PROXY,
    guarantee=Guarantee.WIRE_EXACT,
)
def the_bytes_to_a_forward_proxy_are_exact(stage: Stage, row: tuple[str, bytes | None, bytes]) -> None:
    """T2, RFC 9112 section 3.2.2: to a {row} through a forward proxy nothing is added, no second Host, no Proxy-Connection."""
    method, body, sent = row
    fields = [("X-A", "1"), ("Proxy-Authorization", "Basic dTpw")]
    request = stage.request(method, "/x", fields, body, base="http://target.test", target="http://target.test/x")
    carried(stage, request, stage.options(proxy=Proxy(stage.url)))
    lines = ["Host: target.test", "X-A: 1", "Proxy-Authorization: Basic dTpw"]
    length = [f"Content-Length: {len(sent)}"] if sent else []
    stage.wire(request_bytes(f"{method} http://target.test/x", *lines, *length, body=sent))


# --- fields -----------------------------------------------------------------------------------------------------------

_FIELDS = {
    "one": [("X-One", "1")],
    "several": [("Accept", "text/html"), ("X-One", "1"), ("Range", "bytes=0-1"), ("If-None-Match", '"a"')],
    "a comma list": [("X-List", "a, b,c ,d")],
    "one name twice": [("X-Two", "a"), ("X-Other", "o"), ("X-Two", "b")],
    "one name in two cases": [("X-Two", "a"), ("x-two", "b")],
    "an empty value": [("X-Empty", ""), ("X-After", "1")],
    "spaces and tabs inside a value": [("X-Value", "a  b\tc")],
    "quotes": [("X-Value", '"a, \\"b\\"; c"')],
    "latin-1": [("X-Value", "caf\xe9 \xa7\xff")],
    "UTF-8 in latin-1": [("X-Value", "é→".encode().decode("latin-1"))],
    "every character of a value": [("X-Value", "x" + "".join(map(chr, [9, *range(32, 127), *range(128, 256)])) + "x")],
    "a colon and a line that looks like a field": [("X-Value", "X-Other: 1")],
    "a hundred": [(f"X-Field-{index}", str(index)) for index in range(100)],
    "a value of 16,000 bytes": [("X-Long", "v" * 16000)],
    "a name of a hundred characters": [("X-" + "n" * 98, "1")],
    "a cookie": [("Cookie", "a=1; b=2")],
    "a login": [("Authorization", "Bearer abc.def==")],
    "an own User-Agent": [("User-Agent", "mine/1.0 (x)")],
    "an own Accept-Encoding": [("Accept-Encoding", "br;q=0.5, identity")],
    "a type and no content": [("Content-Type", "text/plain")],
    "a date": [("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")],
    "a Referer": [("Referer", "http://elsewhere.test/a?b"), ("Origin", "http://elsewhere.test")],
}


@CHAPTER.rows(_FIELDS, wire=False)
def fields_arrive(stage: Stage, fields: list[tuple[str, str]]) -> None:
    """T2, RFC 9110 section 5: fields ({row}) arrive as they were given, and none with them that nobody asked for."""
    carried(stage, stage.request("GET", "/", fields))
    stage.arrived("GET", "/", [("Host", stage.url.partition("://")[2]), *fields])


_EXACT_FIELDS = {
    "order and case": [("x-lower", "1"), ("X-UPPER", "2"), ("x-MiXeD", "3"), ("A-First", "4"), ("accept", "5")],
    "duplicates with others between": [("X-A", "1"), ("X-B", "2"), ("X-A", "3"), ("X-B", "4"), ("X-A", "1")],
    "names that differ in case": [("X-A", "1"), ("x-a", "2"), ("X-a", "3")],
    "two cookies": [("Cookie", "a=1"), ("X-Between", "1"), ("Cookie", "b=2")],
    "empty values": [("X-Empty", ""), ("X-A", "1"), ("X-Empty", "")],
    "inner spaces and tabs": [("X-A", "a  b \t c"), ("X-B", "1 , 2,3")],
    "latin-1 as one byte each": [("X-A", "\xe9\xff\x80\xa0x")],
    "every character of a name": [("!#$%&'*+-.^_`|~09azAZ", "1")],
    "names with a meaning for libraries": [
        ("User-Agent", "@@@SKIP_HEADER@@@"),
        ("Accept-Encoding", "identity"),
        ("Accept", "*/*"),
        ("Content-Type", "text/plain"),
    ],
    "what says to close": [("Connection", "close"), ("X-A", "1")],
    "what says to keep": [("X-A", "1"), ("Connection", "Keep-Alive")],
    "none": [],
}


@CHAPTER.rows(_EXACT_FIELDS, guarantee=Guarantee.WIRE_EXACT)
def the_field_lines_are_exact(stage: Stage, fields: list[tuple[str, str]]) -> None:
    """T2, RFC 9112 section 5: with fields ({row}) Host is first, then comes each line as it was given, in order and with its case, and no other."""
    carried(stage, stage.request("GET", "/", fields))
    stage.wire(request_bytes("GET /", host_line(stage), *(f"{name}: {value}" for name, value in fields)))


@CHAPTER.case(wire=False)
def a_host_of_the_callers_is_sent(stage: Stage) -> None:
    """T2, RFC 9110 section 7.2: a Host that the caller gave replaces the URL's, and is the only one."""
    carried(stage, stage.request("GET", "/", [("X-A", "1"), ("Host", "other.test")]))
    asked = stage.arrived("GET", "/")
    stage.same("Host", [value for name, value in asked.headers if name.lower() == "host"], ["other.test"])


@CHAPTER.case(guarantee=Guarantee.WIRE_EXACT)
def a_host_of_the_callers_is_first(stage: Stage) -> None:
    """T2, RFC 9110 section 7.2: a Host that the caller gave comes first, wherever it stood."""
    carried(stage, stage.request("POST", "/", [("X-A", "1"), ("HOST", "other.test"), ("X-B", "2")], b"x"))
    stage.wire(request_bytes("POST /", "Host: other.test", "X-A: 1", "X-B: 2", "Content-Length: 1", body=b"x"))


@CHAPTER.case(guarantee=Guarantee.WIRE_EXACT)
def an_address_of_ipv6_is_named_in_brackets(stage: Stage) -> None:
    """T2, RFC 3986 section 3.2.2: Host names an address of IPv6 in brackets, with its port."""
    base = ""
    with contextlib.suppress(OSError):  # a system without IPv6: then only what is sent to a proxy can show it
        base = stage.serve(host="::1").url
    if base:
        carried(stage, stage.request("GET", "/x", base=base))
        stage.wire(request_bytes("GET /x", "Host: " + base.partition("://")[2]))
    elif stage.declares(Capability.FORWARD_PROXY):
        request = stage.request("GET", "/x", base="http://[2001:DB8::1]:81", target="http://[2001:db8::1]:81/x")
        carried(stage, request, stage.options(proxy=Proxy(stage.url)))
        stage.wire(request_bytes("GET http://[2001:db8::1]:81/x", "Host: [2001:db8::1]:81"))


@CHAPTER.case(needs=Capability.CUSTOM_TLS, guarantee=Guarantee.WIRE_EXACT)
def the_bytes_inside_tls_are_the_same(stage: Stage) -> None:
    """T2, RFC 9112 section 9.7: over TLS the request is, byte for byte, what it is without."""
    base = stage.serve(tls=stage.authority.server()).url
    request = stage.request("POST", "/x", [("X-A", "1")], b"hello", base=base)
    carried(stage, request, stage.options(tls=stage.trusting()))
    host = "Host: " + base.partition("://")[2]
    stage.wire(request_bytes("POST /x", host, "X-A: 1", "Content-Length: 5", body=b"hello"))
