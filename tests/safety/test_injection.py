r"""Nothing that a caller or a server says ends its place in a request: CR, LF and NUL in every field, over every transport.

The rows of A2 in ``faults.md`` (past advisories of HTTP clients), and where each is tried:

    urllib3 CVE-2020-26137; CPython CVE-2020-26116 (method)        test_no_text_leaves_its_place, test_a_method_is_a_word
    urllib3 CVE-2019-11236, -9740; CPython CVE-2019-9740, 18348    test_no_text_leaves_its_place (parts of the URL),
                                                                   test_a_location_asks_for_one_request
    Go CVE-2023-29406; undici CVE-2023-23936; psr7 (Host)          test_no_text_leaves_its_place ("host ...")
    undici CVE-2022-31150, -35948, CVE-2026-1527; okhttp; aiosonic test_no_text_leaves_its_place (headers, and what is made
      (values, Content-Type, Upgrade, generated fields)            of other keywords), test_a_digest_answer_is_one_value
    aiohttp CVE-2026-34514, CVE-2026-50269; undici CVE-2025-22150  test_no_text_leaves_its_place ("part's ..."),
      (multipart)                                                  model/test_multipart.py (also: a boundary cannot be guessed)
    aiohttp CVE-2023-49081, -49082; psr7 (version)                 a Request has no version: model/test_request.py
    urllib3 #5091 (CONNECT)                                        test_no_login_leaves_its_place_at_a_proxy, roads/test_tunnel.py
    hyper RUSTSEC-2020-0008 (a body without framing)               test_a_body_is_framed_once, model/test_request.py (Q5)
    undici CVE-2026-1525 (two lengths)                             test_framing_of_the_callers_own_is_refused
    okhttp CVE-2023-0833; Go CVE-2026-42507 (errors)               test_an_error_holds_no_control_character,
                                                                   test_credentials.py (secrets), middleware/test_telling.py
"""

import base64
import contextlib
import http.cookiejar
import re

import pytest
from fleet import make_transport

from intermodal import (
    Body,
    Client,
    Error,
    Headers,
    InvalidHeader,
    InvalidRequest,
    Proxy,
    ProxyError,
    Request,
    RequestBodyError,
)
from intermodal.middleware.auth import BasicAuth, BearerAuth
from intermodal.middleware.digest import DigestAuth
from intermodal.model.cookies import CookieJar
from intermodal.testing.origin import Origin

#: What would begin another line, another request, or end a text for a reader in C. The last would be CR LF in an encoder
#: that keeps the low byte of each character.
BREAKS = [
    "\r\nX-Injected: 1",
    "\nX-Injected: 1",
    "\rX-Injected: 1",
    " HTTP/1.1\r\nX-Injected: 1\r\nX: ",
    "\r\n\r\nGET /injected HTTP/1.1\r\nHost: x\r\n\r\n",
    "\r\n X-Injected: folded",
    "\0",
    "\0\r\nX-Injected: 1",
    "\x0b\x0c\x1c\x1d\x1e\x85\nX-Injected: 1",
    "\u010d\u010aX-Injected: 1",
]
CONTROLS = [chr(code) for code in (*range(9), *range(10, 32), 127)]


@pytest.fixture
def transport(name):
    """Each of the four transports in turn, which finds any name on this machine."""
    made = make_transport(name, resolver=lambda host, port: ["127.0.0.1"])
    yield made
    made.close()


def checked(origin, case):
    """Check that what came to an origin is one request at most, each line of its head a field that was meant; give it."""
    assert len(origin.requests) <= 1, case
    for connection in origin.connections:
        head = connection.received.partition(b"\r\n\r\n")[0]
        names = []
        for line in head.split(b"\r\n")[1:]:
            assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line), case
            names.append(line.partition(b":")[0].lower())
        assert b"x-injected" not in names, case
        assert len(names) == len(set(names)) or case.startswith("twice"), case
    return origin.requests[0] if origin.requests else None


# --- what callers give -----------------------------------------------------------------------------------------------


def jar_of_cookielib(text):
    """A jar of the standard library, whose cookies nobody has checked."""
    jar = http.cookiejar.CookieJar()
    rest = {
        "port": None,
        "port_specified": False,
        "domain": "a.test",
        "domain_specified": True,
        "domain_initial_dot": False,
    }
    more = {"path": "/", "path_specified": True, "secure": False, "expires": None, "discard": True, "comment": None}
    jar.set_cookie(http.cookiejar.Cookie(0, "a", text, **rest, **more, comment_url=None, rest={}))
    return jar


def jar_changed_later(text):
    jar = CookieJar()
    jar.set("a", "1").value = text
    return jar


def flow_with(text):
    def flow(request, options, inner):
        return (yield from inner(request.replace(headers=[*request.headers.pairs, ("X-Signature", text)]), options))

    return flow


def trusting_flow_with(text):
    """An auth that makes its headers without any check."""

    def flow(request, options, inner):
        headers = Headers.trusted([*request.headers.pairs, ("X-Signature", text)])
        return (yield from inner(Request(request.method, request.url, headers.pairs, request.body), options))

    return flow


def octets(text):
    return text.encode()


REFUSED = {
    "method": lambda c, url, text: c.request(f"GET{text}", url),
    "method before": lambda c, url, text: c.request(f"{text}GET", url),
    "method of a Request": lambda c, url, text: c.send(Request(f"GET{text}", url)),
    "path": lambda c, url, text: c.get(f"{url}a{text}b"),
    "path in bytes": lambda c, url, text: c.get(octets(f"{url}a{text}b")),
    "query": lambda c, url, text: c.get(f"{url}?a={text}"),
    "fragment": lambda c, url, text: c.get(f"{url}#a{text}"),
    "user": lambda c, url, text: c.get(url.replace("://", f"://a{text}@")),
    "password": lambda c, url, text: c.get(url.replace("://", f"://a:b{text}@")),
    "host": lambda c, url, text: c.get(url.replace("a.test", f"a.test{text}")),
    "host before": lambda c, url, text: c.get(url.replace("a.test", f"{text}.a.test")),
    "port": lambda c, url, text: c.get(f"{url[:-1]}{text}/"),
    "scheme": lambda c, url, text: c.get(f"http{text}{url[4:]}"),
    "all of the URL": lambda c, url, text: c.get(f"{url}{text}"),
    "params as text": lambda c, url, text: c.get(url, params=f"a={text}"),
    "base_url": lambda c, url, text: Client(c.transport, base_url=f"{url}{text}").get("/x"),
    "below base_url": lambda c, url, text: Client(c.transport, base_url=url).get(f"x{text}"),
    "target": lambda c, url, text: c.send(Request("GET", url, target=f"/a{text}")),
    "absolute target": lambda c, url, text: c.send(Request("GET", url, target=f"{url}a{text}")),
    "header's name": lambda c, url, text: c.get(url, headers={f"X-A{text}": "1"}),
    "header's name in bytes": lambda c, url, text: c.get(url, headers={octets(f"X-A{text}"): "1"}),
    "header's name in pairs": lambda c, url, text: c.get(url, headers=[(f"{text}X-A", "1")]),
    "header's value": lambda c, url, text: c.get(url, headers={"X-A": f"1{text}"}),
    "header's value before": lambda c, url, text: c.get(url, headers={"X-A": f"{text} 1"}),
    "header of the client": lambda c, url, text: Client(c.transport, headers={"User-Agent": f"1{text}"}).get(url),
    "header of a Request": lambda c, url, text: c.send(Request("GET", url, [("X-A", f"1{text}")])),
    "Host": lambda c, url, text: c.get(url, headers={"Host": f"a.test{text}"}),
    "Content-Type": lambda c, url, text: c.post(url, b"x", headers={"content-type": f"text/plain{text}"}),
    "Content-Length": lambda c, url, text: c.post(url, b"x", headers={"Content-Length": f"1{text}"}),
    "Transfer-Encoding": lambda c, url, text: c.post(
        url, iter([b"x"]), headers={"Transfer-Encoding": f"chunked{text}"}
    ),
    "Connection": lambda c, url, text: c.get(url, headers={"Connection": f"close{text}"}),
    "Upgrade": lambda c, url, text: c.get(url, headers={"Connection": "upgrade", "Upgrade": f"x{text}"}),
    "Expect": lambda c, url, text: c.post(url, b"x", headers={"Expect": f"100-continue{text}"}),
    "Cookie": lambda c, url, text: c.get(url, headers={"Cookie": f"a=1{text}"}),
    "Authorization": lambda c, url, text: c.get(url, headers={"Authorization": f"Bearer x{text}"}),
    "cookie's name": lambda c, url, text: c.get(url, cookies={f"a{text}": "1"}),
    "cookie's value": lambda c, url, text: c.get(url, cookies={"a": f"1{text}"}),
    "cookie of the client": lambda c, url, text: Client(c.transport, cookies={"a": f"1{text}"}).get(url),
    "cookie of another jar": lambda c, url, text: c.get(url, cookies=jar_of_cookielib(f"1{text}")),
    "cookie changed later": lambda c, url, text: c.get(url, cookies=jar_changed_later(f"1{text}")),
    "bearer token": lambda c, url, text: c.get(url, auth=BearerAuth(f"x{text}")),
    "bearer token asked for": lambda c, url, text: c.get(url, auth=BearerAuth(lambda: f"x{text}")),
    "an auth's field": lambda c, url, text: c.get(url, auth=flow_with(f"x{text}")),
    "an auth's unchecked field": lambda c, url, text: c.get(url, auth=trusting_flow_with(f"x{text}")),
    "part's type": lambda c, url, text: c.post(url, files={"a": ("f", b"x", f"text/plain{text}")}),
    "part's header's name": lambda c, url, text: c.post(url, files={"a": ("f", b"x", None, {f"X-A{text}": "1"})}),
    "part's header's value": lambda c, url, text: c.post(url, files={"a": ("f", b"x", None, {"X-A": f"1{text}"})}),
    "proxy's host": lambda c, url, text: c.get(url, proxies={"http": f"http://127.0.0.1{text}:9"}),
    "a key of proxies": lambda c, url, text: c.get(url, proxies={f"http://a.test{text}": None}),
}

#: Here a text is encoded, so that it arrives as it is; NUL only where that means anything.
ENCODED = {
    "params": lambda c, url, text: c.get(url, params={f"a{text}": f"1{text}"}),
    "params in bytes": lambda c, url, text: c.get(url, params={octets(f"a{text}"): octets(f"1{text}")}),
    "form": lambda c, url, text: c.post(url, data={f"a{text}": f"1{text}"}),
    "json": lambda c, url, text: c.post(url, json={f"a{text}": f"1{text}"}),
    "a body": lambda c, url, text: c.post(url, data=f"1{text}"),
    "an encoded path": lambda c, url, text: c.get(url + "".join(f"%{byte:02x}" for byte in text.encode())),
    "an encoded user": lambda c, url, text: c.get(
        url.replace("://", "://" + "".join(f"%{byte:02x}" for byte in text.encode().replace(b":", b"")) + ":x@")
    ),
    "BasicAuth": lambda c, url, text: c.get(url, auth=BasicAuth(f"a{text}".replace(":", ""), f"b{text}")),
    "a pair": lambda c, url, text: c.get(url, auth=(octets(f"a{text}").replace(b":", b""), octets(f"b{text}"))),
    "no_proxy": lambda c, url, text: c.get(url, proxies={"no_proxy": f"a.test,{text}"}),
}

#: Here line ends are encoded, and other control characters are refused.
IN_PARTS = {
    "part's name": lambda c, url, text: c.post(url, files={f"a{text}": b"x"}),
    "part's name in bytes": lambda c, url, text: c.post(url, files={octets(f"a{text}"): b"x"}),
    "part's filename": lambda c, url, text: c.post(url, files={"a": (f"f{text}", b"x")}),
    "part's filename in quotes": lambda c, url, text: c.post(url, files={"a": (f'f"{text}', b"x")}),
    "part's filename in bytes": lambda c, url, text: c.post(url, files={"a": (octets(f'f"{text}'), b"x")}),
    "field's name beside a part": lambda c, url, text: c.post(url, data={f"b{text}": "1"}, files={"a": b"x"}),
}


@pytest.mark.parametrize("where", [*REFUSED, *ENCODED, *IN_PARTS])
def test_no_text_leaves_its_place(transport, where):
    """In each place where a text can be given it is refused before anything is sent, or arrives within that place."""
    give = {**REFUSED, **ENCODED, **IN_PARTS}[where]
    for text in BREAKS:
        case = f"{where}: {text!r}"
        is_wide = not text.isascii() and "\n" not in text
        with Origin() as origin, Client(transport) as client:
            url = f"http://a.test:{origin.port}/"
            try:
                response = give(client, url, text)
            except (InvalidRequest, TypeError) as error:
                assert where in REFUSED or (where in IN_PARTS and not is_wide), case
                assert getattr(error, "delivery", "not_sent") == "not_sent", case
                assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", str(error)), case
                assert origin.received == 0, case
                assert not origin.connections, case
            else:
                assert where not in REFUSED or is_wide, case
                assert response.status_code < 500, case
                assert checked(origin, case) is not None, case
                _parts(origin.requests[0], case)


def _parts(request, case):
    """Check that the head of each part is what it was meant to be: two fields at most, its name and its type."""
    boundary = re.search("boundary=(.*)", request.first("Content-Type"))
    if boundary is None:
        return
    for part in request.body.split(f"--{boundary[1]}".encode())[1:-1]:
        lines = part[2:].partition(b"\r\n\r\n")[0].split(b"\r\n")
        disposition = rb'Content-Disposition: form-data; name="[^"\x00-\x1f]*"(; filename="[^"\x00-\x1f]*")?'
        assert re.fullmatch(disposition, lines[0]), case
        assert [line.partition(b":")[0] for line in lines[1:]] in ([], [b"Content-Type"], [b"X-A"]), case


def test_a_method_is_a_word(transport):
    """Every other ASCII character than those of a token, and any beyond ASCII, is refused in a method and in a header's name."""
    words = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    others = [chr(code) for code in range(256) if chr(code) not in words]
    with Origin() as origin, Client(transport) as client:
        for character in (*others, "\u010a", "\u212a", "\ud800", ""):
            for text in (f"GE{character}T", f"{character}GET", f"GET{character}") if character else ("",):
                with pytest.raises(InvalidRequest):
                    client.request(text, origin.url)
                with pytest.raises(InvalidRequest):
                    client.get(origin.url, headers={text: "1"})
        assert not origin.connections
        for text in sorted(words):
            client.request(f"X{text}", f"{origin.url}/status/200", headers={text: "1"})
        assert [request.method for request in origin.requests] == [f"X{text}".upper() for text in sorted(words)]


def test_a_value_holds_no_control_character(transport):
    """Each control character but TAB is refused in a header, a cookie and a token; what remains arrives as the same bytes."""
    with Origin() as origin, Client(transport) as client:
        for character in CONTROLS:
            for place in ("header's value", "Cookie", "cookie's value", "cookie's name", "bearer token", "part's type"):
                with pytest.raises(InvalidRequest):
                    REFUSED[place](client, f"{origin.url}/", f"{character}x")
            if character not in "\r\n\0":  # which no answer has
                with pytest.raises(InvalidRequest):
                    client.send(Request("GET", origin.url, Headers.received([("X-A", f"a{character}x")])))
        assert not origin.connections
        rest = "".join(chr(code) for code in range(32, 256) if code != 127)
        client.get(f"{origin.url}/status/200", headers={"X-A": f"a{rest}\tb"})
        assert origin.requests[0].first("X-A") == f"a{rest}\tb"


def test_no_login_leaves_its_place_at_a_proxy(transport):
    """User and password of a proxy, percent-encoded line ends in them, are one value in CONNECT and in a forwarded request."""
    for text in BREAKS:
        user = "".join(f"%{byte:02X}" for byte in f"u{text}".replace(":", "").encode())
        expected = base64.b64encode(f"u{text}".replace(":", "").encode() + b":pw").decode()
        with Origin(front="http") as front, Client(transport) as client:
            for way in (f"http://{user}:pw@127.0.0.1:{front.port}", Proxy(f"http://{user}:pw@127.0.0.1:{front.port}")):
                assert client.get("http://a.test/get", proxies={"http": way}).ok
                with contextlib.suppress(Error):  # there is no TLS behind it
                    client.get("https://a.test/get", proxies={"https": way})
            fields = [request.field_values("Proxy-Authorization") for request in front.requests]
            assert fields == [[f"Basic {expected}"]] * 2
            for connection in front.connections:
                if connection.tunnel is not None:
                    lines = connection.tunnel.received.decode().split("\r\n")
                    assert lines == [
                        "CONNECT a.test:443 HTTP/1.1",
                        "Host: a.test:443",
                        f"Proxy-Authorization: Basic {expected}",
                        "",
                        "",
                    ]


# --- what servers say ------------------------------------------------------------------------------------------------


def redirect(location):
    return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"


LOCATIONS = [
    b"/a%0d%0aX-Injected:%201",
    b"/a%0d%0a%0d%0aGET%20/injected%20HTTP/1.1",
    b"/a%00b",
    b"/a b HTTP/1.1",
    b"/a\xc4\x8d\xc4\x8aX-Injected: 1",
    b"/a\xe5\x98\x8a\xe5\x98\x8dX-Injected: 1",  # whose low bytes are LF and CR
    b"/a\x85\xff\x80X",
    b"/a?b c#d e",
    b"/a\\..\\b",
]
BROKEN_LOCATIONS = [
    b"/a\rX-Injected: 1",
    b"/a\nX-Injected: 1",
    b"/a\0b",
    b"/a\x01b",
    b"/a\x0bb",
    b"/a\x1b[2J",
    b"/a\x7fb",
    b"/a\tb",
    b"http://a.test\r.b.test/",
    b"http://a.test\t.b.test/",
    b"http://a.test%0d%0aX-Injected/",
    b"http://a.test\xe3\x80\x82\xe3\x80\x82/",
    b"http://a.test:80%0d%0a/",
]


def test_a_location_asks_for_one_request(transport):
    """Whatever a Location holds, one clean request follows, or an error of ours that is fit to be shown."""
    with Client(transport) as client:
        for location in (*LOCATIONS, *BROKEN_LOCATIONS):
            with Origin() as origin:
                origin.play(redirect(location))
                try:
                    client.get(f"http://a.test:{origin.port}/first")
                except Error as error:
                    assert location in BROKEN_LOCATIONS, location
                    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", str(error)), location
                    assert len(origin.requests) == 1, location
                else:
                    # A bare LF may end a field line (RFC 9112 section 2.2), which then is a field of the answer.
                    assert location not in BROKEN_LOCATIONS or b"\n" in location, location
                    second = origin.requests[1]
                    assert re.fullmatch(r"/[!-~]*", second.target), location
                    assert "x-injected" not in {name.lower() for name, _ in second.headers}, location
                    assert len(origin.requests) == 2, location


QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_CREDENTIALS = re.compile(rf"Digest (?:[A-Za-z*]+=(?:{QUOTED}|[!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:, |\Z))+")

CHALLENGES = [
    # what the server says of its realm and nonce, and whether it is answered
    (rb'realm="a \"b\"", nonce="n"', True),
    (rb'realm="a", nonce="n\", response=\"x"', True),
    (rb'realm="a\\", nonce="n\\"', True),
    (rb'realm="a", nonce="n", opaque="\"\r"'.replace(rb"\r", b"\\\\"), True),
    (b'realm="\xff\xfe\x85", nonce="\xc4\x8a"', True),
    (b'realm="a", nonce="n", opaque=", X-Injected=1, "', True),
    (b'realm="a\x01b", nonce="n"', False),
    (b'realm="a", nonce="n\x08b"', False),
    (b'realm="a", nonce="n", opaque="\x1b[2J"', False),
    (b'realm="a\x7f", nonce="n"', False),
    (b'realm="a", nonce="n", qop="auth\x01"', False),
    (b'realm="a", nonce="n", algorithm="MD5\x1f"', False),
    (b'realm="a", nonce="n", algorithm="MD5, X-Injected=1"', False),
]
USERS = [
    "ann",
    'a"b',
    "a\\",
    "a\r\nX-Injected: 1",
    "a\0",
    "a, realm=x",
    "\xe4\u010a",
    "a:b",
    b"\xff\xfe",
    b'\xff"\r\n\0',
]


def test_a_digest_answer_is_one_value(transport):
    """Whatever the server says and the user is called, the answer is a well-formed list of parameters, or none is given."""
    for told, is_answered in CHALLENGES:
        for user in USERS:
            with Origin() as origin, Client(transport, auth=DigestAuth(user, "s\r\n\0")) as client:
                said = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest " + told + b"\r\nContent-Length: 0\r\n\r\n"
                origin.play(said)
                case = (told, user)
                try:
                    client.get(f"{origin.url}/get")
                except InvalidHeader:
                    assert isinstance(user, bytes), case  # in an encoding that nobody can be told
                    assert b"\n" in user, case
                    assert len(origin.requests) == 1, case
                    continue
                assert len(origin.requests) == 1 + is_answered, case
                if is_answered:
                    (value,) = origin.requests[1].field_values("Authorization")
                    assert _CREDENTIALS.fullmatch(value), (case, value)
                    names = re.findall(r"(?:^Digest |, )([A-Za-z*]+)=", re.sub(QUOTED, '""', value))
                    assert len(names) == len(set(names)), (case, value)
                    assert set(names) <= {
                        "username", "username*", "realm", "nonce", "uri", "response", "opaque", "algorithm", "qop", "nc",
                        "cnonce", "userhash",
                    }  # fmt: skip


def test_a_next_nonce_is_no_field(transport):
    """What an answer tells of the nonce to come does not get out of its place either."""
    for told in (b'nextnonce="x\x01y"', rb'nextnonce="x\", nc=1, \"y"', b'nextnonce="\x1b[2J"'):
        with Origin() as origin, Client(transport, auth=DigestAuth("ann", "pw")) as client:
            asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="a", nonce="n", qop=auth\r\nContent-Length: 0\r\n\r\n'
            origin.play(asks)
            origin.play(b"HTTP/1.1 200 OK\r\nAuthentication-Info: " + told + b"\r\nContent-Length: 0\r\n\r\n")
            client.get(f"{origin.url}/get")
            client.get(f"{origin.url}/get")
            (value,) = origin.requests[-1].field_values("Authorization")
            assert _CREDENTIALS.fullmatch(value)
            assert len(re.findall(", nc=", re.sub(QUOTED, '""', value))) == 1


#: Bytes that clear a terminal, set its title, or are such a command in one byte.
ESCAPES = b"\x1b[2J\x07\x08\x9b1m"
HOSTILE = {
    "a status line": b"HTTP/1.1 2OO " + ESCAPES + b"\r\n\r\n",
    "a reason": b"HTTP/1.1 500 " + ESCAPES + b"\r\nContent-Length: 0\r\n\r\n",
    "a reason beyond ASCII": b"HTTP/1.1 500 \x9b31m\x85\xa0\r\nContent-Length: 0\r\n\r\n",
    "no HTTP at all": ESCAPES * 10,
    "a field's name": b"HTTP/1.1 200 OK\r\n" + ESCAPES + b": 1\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 1" + ESCAPES + b"\r\n\r\n",
    "a transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + ESCAPES + b"\r\n\r\n",
    "a content coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: a,b,c,d,e,"
    + ESCAPES * 9
    + b"\r\nContent-Length: 1\r\n\r\nx",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + ESCAPES + b"\r\n",
    "a trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + ESCAPES + b": 1\r\n\r\n",
    "a location": redirect(b"/a" + ESCAPES),
    "a scheme": redirect(b"\x9b31m:" + ESCAPES),
    "two locations": redirect(b"/\x9b1m\r\nLocation: /\x9b2m"),
    "a host": redirect(b"http://\x9b31m/"),
    "an upgrade": b"HTTP/1.1 101 " + ESCAPES + b"\r\nUpgrade: " + ESCAPES + b"\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_an_error_holds_no_control_character(transport, answer):
    """What a server sends to be shown in an error is shown so that it commands no terminal, and is not long."""
    with Origin() as origin, Client(transport, timeout=5) as client:
        origin.play(answer, then="fin")
        with pytest.raises(Error) as caught:
            client.get(f"{origin.url}/").raise_for_status()
        said = str(caught.value)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", said)
        assert len(said) < 500


@pytest.mark.parametrize(
    "kind", ["a status line", "a reason", "a reason beyond ASCII", "no HTTP at all", "a field's name"]
)
def test_an_error_of_a_proxy_holds_no_control_character(transport, kind):
    """So is what a proxy says instead of granting a tunnel."""
    with Origin(front="http") as front, Client(transport, timeout=5, proxies={"all": front.proxy_url}) as client:
        front.play(HOSTILE[kind].replace(b" 500 ", b" 407 "), at="tunnel", then="fin")
        with pytest.raises(ProxyError) as caught:
            client.get("https://a.test/")
        said = str(caught.value)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", said)
        assert len(said) < 500


# --- framing ---------------------------------------------------------------------------------------------------------


def test_a_body_is_framed_once(transport):
    """A body has exactly one of Content-Length and Transfer-Encoding, whatever the method, and no body has neither."""
    rows = [
        ({}, {}),
        ({"data": b"x"}, {"content-length": "1"}),
        ({"data": b"x", "headers": {"content-LENGTH": "1"}}, {"content-length": "1"}),
        ({"data": iter([b"x"])}, {"transfer-encoding": "chunked"}),
        ({"data": iter([b"x"]), "headers": {"Content-Length": "1"}}, {"content-length": "1"}),
        ({"json": 1}, {"content-length": "1"}),
    ]
    with Origin() as origin, Client(transport) as client:
        for method in ("GET", "DELETE", "OPTIONS", "POST", "PROPFIND"):
            for keywords, expected in rows:
                if isinstance(keywords.get("data"), type(iter([]))):
                    keywords = {**keywords, "data": iter([b"x"])}  # noqa: PLW2901 - it is read once
                origin.reset_records()
                client.request(method, f"{origin.url}/status/200", **keywords)
                sent = {name.lower(): value for name, value in origin.requests[0].headers}
                framing = {name: sent[name] for name in ("content-length", "transfer-encoding") if name in sent}
                none = {"content-length": "0"} if method in {"POST", "PROPFIND"} else {}
                assert framing == (expected or none), (method, keywords)
                assert origin.requests[0].body == (b"x" if "data" in keywords else b"1" if keywords else b"")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("Content-Length", "1"), ("content-length", "1")], b"x"),
        ([("Content-Length", "1"), ("CONTENT-LENGTH", "2")], b"x"),
        ([("Content-Length", "2")], b"x"),
        ([("Content-Length", "0")], b"x"),
        ([("Content-Length", "+1")], b"x"),
        ([("Content-Length", "1, 1")], b"x"),
        ([("Content-Length", "\xb9")], b"x"),
        ([("Content-Length", "1"), ("Transfer-Encoding", "chunked")], b"x"),
        ([("Transfer-Encoding", "xchunked")], b"x"),
        ([("Transfer-Encoding", "chunked, chunked")], [b"x"]),
        ([("Transfer-Encoding", "chunked"), ("transfer-encoding", "identity")], [b"x"]),
        ([("Host", "a.test"), ("host", "b.test")], None),
        ([("Connection", "content-length")], b"x"),
        ([("TE", "chunked")], None),
        ([("Trailer", "Content-Length")], None),
        ([("Keep-Alive", "x")], None),
    ],
)
def test_framing_of_the_callers_own_is_refused(transport, headers, body):
    """Fields by which two readers would see two requests are refused before anything is sent, whatever their case."""
    with Origin() as origin, Client(transport) as client:
        with pytest.raises(InvalidHeader):
            client.post(origin.url, data=body, headers=headers)
        with pytest.raises(InvalidHeader):
            Client(transport, headers=headers).post(origin.url, data=body)
        assert not origin.connections


@pytest.mark.parametrize("given", [b"", b"12", b"1234"])
def test_a_body_that_lies_about_its_length_is_cut_off(transport, given):
    """One that turns out shorter or longer than it was said to be is an error, and its connection serves no other request."""
    with Origin() as origin, Client(transport) as client:
        lies = Body(lambda: iter([given]), length=3, replayable=True)
        with pytest.raises(RequestBodyError):
            client.post(f"{origin.url}/echo", data=lies)
        assert client.post(f"{origin.url}/echo", data=b"after").content == b"after"
        assert [request.body for request in origin.requests] == [b"after"]
        assert origin.requests[0].connection == 2
