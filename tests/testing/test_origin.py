"""The origin server: what it records, what it answers, how its scripts cut, and that nothing brings it down."""

from __future__ import annotations

import ast
import base64
import contextlib
import errno
import gzip
import hashlib
import http.client
import itertools
import json
import select
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.testing import origin as module
from intermodal.testing.origin import (
    AnswerSent,
    Close,
    ConnectionClosed,
    ConnectionOpened,
    Drip,
    Origin,
    RequestReceived,
    Reset,
    Stall,
)

GET = b"GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"GET /ip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def origin():
    with Origin() as server:
        yield server


@pytest.fixture(scope="module")
def shared():
    with Origin() as server:
        yield server


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_context(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def dial(origin):
    return socket.create_connection((origin.host, origin.port), timeout=10)


def read_all(sock):
    """Everything up to FIN; a reset raises."""
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


def read_until(sock, end):
    data = bytearray()
    while not data.endswith(end):
        piece = sock.recv(1)
        assert piece, f"FIN after {bytes(data)!r}"
        data += piece
    return bytes(data)


def exchange(origin, data):
    """Send bytes and FIN, and return all that comes back."""
    with dial(origin) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def ask(origin, target, method="GET", headers=(), body=None):
    client = http.client.HTTPConnection(origin.host, origin.port, timeout=15)
    with contextlib.closing(client):
        client.request(method, target, body=body, headers=dict(headers))
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()


def ask_json(origin, target, **options):
    status, _, body = ask(origin, target, **options)
    assert status == 200
    return json.loads(body)


def eventually(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def is_alive(origin):
    return b" 204 " in exchange(origin, GET)


# --- routes -----------------------------------------------------------------------------------------------------------


def test_index_lists_every_route(shared):
    """The root names all paths with their methods, as plain text."""
    status, headers, body = ask(shared, "/")
    listed = {line.split()[0] for line in body.decode().splitlines()}
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert listed == {
        *("/", "/get", "/head", "/post", "/put", "/patch", "/delete", "/anything", "/anything/REST...", "/headers"),
        *("/ip", "/user-agent", "/status/N", "/bytes/N", "/stream/N", "/stream-bytes/N", "/drip", "/delay/SECONDS"),
        *("/redirect/N", "/absolute-redirect/N", "/redirect-to", "/gzip", "/deflate", "/encoding/utf8", "/html"),
        *("/json", "/xml", "/robots.txt", "/cookies", "/cookies/set", "/response-headers", "/duplicate-headers"),
        *("/trailers", "/early-hints", "/etag/E", "/cache", "/range/N", "/basic-auth/USER/PASSWORD", "/bearer"),
        *("/hidden-basic-auth/USER/PASSWORD", "/uuid", "/base64/VALUE...", "/close", "/until-close", "/malformed"),
        *("/truncated", "/echo"),
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_each_method_has_its_path(shared, method):
    """/get, /post, … take their method, refuse the others with 405 and Allow, and show what came."""
    path = f"/{method.lower()}"
    told = ask_json(shared, path, method=method, body=b"abc" if method != "GET" else None)
    assert (told["method"], told["target"], told["data"]) == (method, path, "" if method == "GET" else "abc")
    status, headers, _ = ask(shared, path, "REPORT")
    assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS" if method == "GET" else f"{method}, OPTIONS")


def test_head_has_its_path(shared):
    """/head takes HEAD, answers without content, and refuses GET."""
    status, headers, body = ask(shared, "/head", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0
    assert ask(shared, "/head")[0] == 405


def test_anything_tells_the_whole_request(shared):
    """/anything shows target, arguments, fields with order, case and duplicates, the peer, and the body thrice."""
    raw = exchange(
        shared,
        b"PROPFIND /anything/a%2Fb?x=1&y=%C3%A9&x=2&z HTTP/1.1\r\nhOsT: h:1\r\nX-B: 1\r\nX-A: \xe9\r\nx-b: 2\r\n"
        b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 8\r\n\r\na=1&a=+2",
    )
    told = json.loads(raw.partition(b"\r\n\r\n")[2])
    assert told == {
        "method": "PROPFIND",
        "url": "http://h:1/anything/a%2Fb?x=1&y=%C3%A9&x=2&z",
        "target": "/anything/a%2Fb?x=1&y=%C3%A9&x=2&z",
        "args": {"x": ["1", "2"], "y": ["é"], "z": [""]},
        "headers": [
            ["hOsT", "h:1"],
            ["X-B", "1"],
            ["X-A", "é"],
            ["x-b", "2"],
            ["Content-Type", "application/x-www-form-urlencoded; charset=utf-8"],
            ["Content-Length", "8"],
        ],
        "origin": "127.0.0.1",
        "data": "a=1&a=+2",
        "form": {"a": ["1", " 2"]},
        "json": None,
    }


def nested(depth):
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("body", "data", "parsed"),
    [
        (b'{"a": [1, null]}', '{"a": [1, null]}', {"a": [1, None]}),
        (b"\xff\x00", "data:application/octet-stream;base64,/wA=", None),
        (b"[" * 100_000, "[" * 100_000, None),
        (b"[" * 99 + b"1" + b"]" * 99, "[" * 99 + "1" + "]" * 99, nested(99)),
        *(
            (b"[" * deep + b"]" * deep, "[" * deep + "]" * deep, None)
            for deep in (101, 900, *range(970, 1000, 4), 3000)
        ),
    ],
    ids=lambda value: str(value)[:12],
)
def test_body_is_told_as_text_or_base64_and_as_json(shared, body, data, parsed):
    """A body is shown as text, or as base64 where it is not UTF-8; JSON too deep to write again is no JSON."""
    told = ask_json(shared, "/anything", method="POST", body=body)
    assert (told["data"], told["json"]) == (data, parsed)


def test_parts_of_the_request(shared):
    """/headers, /ip, /user-agent and /cookies show one part each."""
    assert ["X-A", "1"] in ask_json(shared, "/headers", headers={"X-A": "1"})["headers"]
    assert ask_json(shared, "/ip") == {"origin": "127.0.0.1"}
    assert ask_json(shared, "/user-agent", headers={"User-Agent": "me/1"}) == {"user-agent": "me/1"}
    assert ask_json(shared, "/user-agent") == {"user-agent": None}
    cookies = ask_json(shared, "/cookies", headers={"Cookie": "a=1; b=x=y; a=2"})
    assert cookies == {"cookies": {"a": ["1", "2"], "b": ["x=y"]}}


@pytest.mark.parametrize("status", ["000", "200", "299", "404", "418", "599", "999"])
def test_status_is_sent_as_asked(shared, status):
    """Any three digits are a status."""
    assert exchange(shared, GET.replace(b"204", status.encode())).startswith(b"HTTP/1.1 " + status.encode() + b" ")


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_content_has_no_framing(shared, status):
    """204 and 304 end with their head and announce no length (RFC 9110 sections 8.6, 15.3.5, 15.4.5)."""
    raw = exchange(shared, GET.replace(b"204", b"%d" % status))
    assert raw.endswith(b"\r\n\r\n")
    assert b"ontent-" not in raw
    assert b"ransfer-" not in raw


def test_interim_status_goes_before_200(shared):
    """1xx other than 101 come as an interim answer; 101 is the last of a connection."""
    assert exchange(shared, GET.replace(b"204", b"199")).startswith(b"HTTP/1.1 199 \r\n\r\nHTTP/1.1 200 OK\r\n")
    assert exchange(shared, GET.replace(b"204", b"101") + GET) == (
        b"HTTP/1.1 101 Switching Protocols\r\nServer: intermodal-origin\r\nUpgrade: origin\r\nConnection: upgrade\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("status", "name"),
    [(302, "Location"), (401, "WWW-Authenticate"), (405, "Allow"), (407, "Proxy-Authenticate"), (426, "Upgrade")],
)
def test_status_comes_with_the_field_it_needs(shared, status, name):
    """A status whose meaning needs a field has it (RFC 9110 section 15)."""
    assert ask(shared, f"/status/{status}", "POST")[1][name]


def test_bytes_depend_on_the_seed_alone(shared):
    """/bytes/N is the first N bytes of SHAKE-256 over the seed."""
    assert ask(shared, "/bytes/5000?seed=7")[2] == hashlib.shake_256(b"7").digest(5000)
    assert ask(shared, "/bytes/0")[2] == b""
    assert ask(shared, "/bytes/10?seed=8")[2] != ask(shared, "/bytes/10?seed=9")[2]


def test_stream_sends_one_chunk_a_line(shared):
    """/stream/N is N lines of JSON, each in a chunk of its own."""
    raw = exchange(shared, b"GET /stream/3?a=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    for index in range(3):
        size, _, rest = rest.partition(b"\r\n")
        line, rest = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        assert line.endswith(b"}\n")
        assert json.loads(line)["id"] == index
        assert json.loads(line)["args"] == {"a": ["1"]}
    assert rest == b"0\r\n\r\n"


def test_stream_bytes_has_the_chunk_size_asked_for(shared):
    """/stream-bytes/N sends what /bytes/N sends, in chunks of chunk_size."""
    raw = exchange(shared, b"GET /stream-bytes/10?chunk_size=4&seed=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    data = hashlib.shake_256(b"1").digest(10)
    chunks = b"4\r\n%b\r\n4\r\n%b\r\n2\r\n%b\r\n0\r\n\r\n" % (data[:4], data[4:8], data[8:])
    assert raw.partition(b"\r\n\r\n")[2] == chunks
    assert ask(shared, "/stream-bytes/3000?seed=1")[2] == hashlib.shake_256(b"1").digest(3000)
    assert ask(shared, "/stream-bytes/0")[2] == b""


def test_drip_and_delay_take_their_time(shared):
    """/drip waits, then spreads its bytes over the duration; /delay waits before the head."""
    start = time.monotonic()
    status, headers, body = ask(shared, "/drip?numbytes=3&duration=0.2&delay=0.1&code=203")
    assert (status, headers["content-length"], body) == (203, "3", b"***")
    assert time.monotonic() - start >= 0.3
    start = time.monotonic()
    assert ask_json(shared, "/delay/0.1", method="POST", body=b"x")["data"] == "x"
    assert 0.1 <= time.monotonic() - start < 5


def test_redirects_lead_to_get(shared):
    """/redirect/N counts down by relative references, /absolute-redirect/N by URLs; /redirect-to goes anywhere."""
    assert ask(shared, "/redirect/2")[1]["location"] == "/redirect/1"
    assert ask(shared, "/redirect/1", "POST")[1]["location"] == "/get"
    base = shared.url
    assert ask(shared, "/absolute-redirect/2")[1]["location"] == f"{base}/absolute-redirect/1"
    assert ask(shared, "/absolute-redirect/1")[1]["location"] == f"{base}/get"
    status, headers, _ = ask(shared, "/redirect-to?url=http%3A%2F%2Fo.test%2Fa%3Fb&status_code=307", "PUT", body=b"x")
    assert (status, headers["location"]) == (307, "http://o.test/a?b")
    assert ask(shared, "/redirect-to?url=/x")[0] == 302


def test_codings(shared):
    """/gzip is gzip, /deflate is the zlib format (RFC 9110 section 8.4.1)."""
    _, headers, body = ask(shared, "/gzip")
    assert (headers["content-encoding"], json.loads(gzip.decompress(body))["gzipped"]) == ("gzip", True)
    assert body[4:8] == bytes(4), "a time of compression would make answers differ"
    _, headers, body = ask(shared, "/deflate")
    assert (headers["content-encoding"], json.loads(zlib.decompress(body))["deflated"]) == ("deflate", True)


@pytest.mark.parametrize(
    ("target", "media_type", "part"),
    [
        ("/encoding/utf8", "text/html; charset=utf-8", "gęślą"),
        ("/html", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("/json", "application/json", '"slideshow"'),
        ("/xml", "application/xml", "<?xml "),
        ("/robots.txt", "text/plain; charset=utf-8", "Disallow: /deny"),
        ("/base64/aMOpbGxv", "text/plain; charset=utf-8", "héllo"),
        ("/base64/8J-agg%3D%3D", "text/plain; charset=utf-8", "\N{STEAM LOCOMOTIVE}"),
    ],
)
def test_documents(shared, target, media_type, part):
    """Each fixed document comes with its media type."""
    status, headers, body = ask(shared, target)
    assert (status, headers["content-type"]) == (200, media_type)
    assert part in body.decode()


def test_fields_of_the_answer_can_be_chosen(shared):
    """/response-headers and /cookies/set send the query's pairs as fields, duplicates too, bytes as they are."""
    raw = exchange(shared, b"GET /response-headers?X-A=1&x-a=2&X-B=%FF HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"X-A: 1\r\nx-a: 2\r\nX-B: \xff\r\n" in raw
    _, headers, _ = ask(shared, "/response-headers?Content-Type=text/csv", "POST")
    assert headers.get_all("content-type") == ["text/csv"]
    status, headers, _ = ask(shared, "/cookies/set?a=1&b=2")
    assert (status, headers["location"]) == (302, "/cookies")
    assert headers.get_all("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_duplicate_headers(shared):
    """/duplicate-headers keeps a name apart, in two spellings, with another field between."""
    raw = exchange(shared, b"GET /duplicate-headers HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"X-Twice: 1\r\nX-Other: x\r\nx-twice: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n" in raw


def test_trailers(shared):
    """/trailers ends its chunks by the trailer fields it announced."""
    raw = exchange(shared, b"GET /trailers HTTP/1.1\r\nHost: x\r\n\r\n")
    digest = hashlib.sha256(b"one\ntwo\n").hexdigest().encode()
    assert b"\r\nTrailer: X-Checksum, X-Last\r\n" in raw
    end = b"4\r\none\n\r\n4\r\ntwo\n\r\n0\r\nX-Checksum: %b\r\nX-Last: yes\r\n\r\n" % digest
    assert raw.partition(b"\r\n\r\n")[2] == end


def test_early_hints(shared):
    """/early-hints sends 103 with a Link before 200."""
    raw = exchange(shared, b"GET /early-hints HTTP/1.1\r\nHost: x\r\n\r\n")
    interim, _, final = raw.partition(b"\r\n\r\n")
    assert interim == b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style"
    assert final.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/etag/e", {}, 200),
        ("/etag/e", {"If-None-Match": '"e"'}, 304),
        ("/etag/e", {"If-None-Match": '"x", W/"e"'}, 304),
        ("/etag/e", {"If-None-Match": '"x"'}, 200),
        ("/etag/e", {"If-Match": '"e"'}, 200),
        ("/etag/e", {"If-Match": "*"}, 200),
        ("/etag/e", {"If-Match": '"x"'}, 412),
        ("/etag/e", {"If-Match": 'W/"e"'}, 412),
        ("/cache", {}, 200),
        ("/cache", {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 304),
        ("/cache", {"If-None-Match": '"origin"'}, 304),
    ],
)
def test_conditional_requests(shared, target, headers, status):
    """Conditions compare entity tags as RFC 9110 section 13.1 says: If-Match strongly, If-None-Match weakly."""
    found, answer, _ = ask(shared, target, headers=headers)
    assert found == status
    assert answer["etag"]


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        (None, 200, None, b"abcdefghij"),
        ("bytes=0-2", 206, "bytes 0-2/10", b"abc"),
        ("bytes=7-", 206, "bytes 7-9/10", b"hij"),
        ("bytes=-2", 206, "bytes 8-9/10", b"ij"),
        ("bytes=-20", 206, "bytes 0-9/10", b"abcdefghij"),
        ("bytes=8-99", 206, "bytes 8-9/10", b"ij"),
        ("bytes=10-", 416, "bytes */10", None),
        ("bytes=10-20", 416, "bytes */10", None),
        ("bytes=-0", 416, "bytes */10", None),
        ("bytes=5-2", 200, None, b"abcdefghij"),
        ("bytes=0-1,3-4", 200, None, b"abcdefghij"),
        ("lines=0-1", 200, None, b"abcdefghij"),
    ],
)
def test_ranges(shared, asked, status, content_range, body):
    """/range/N answers one byte range by 206 or 416 and ignores what is none (RFC 9110 section 14)."""
    found, headers, data = ask(shared, "/range/10", headers={"Range": asked} if asked else {})
    assert (found, headers["content-range"]) == (status, content_range)
    assert body is None or data == body


def test_range_of_a_changed_representation(shared):
    """If-Range with another entity tag gets the whole (RFC 9110 section 13.1.5)."""
    assert ask(shared, "/range/10", headers={"Range": "bytes=0-0", "If-Range": '"range10"'})[0] == 206
    assert ask(shared, "/range/10", headers={"Range": "bytes=0-0", "If-Range": '"old"'})[0] == 200


def test_authentication(shared):
    """Basic and Bearer paths let in who has the credentials, and say 401 (or 404 where hidden) to others."""
    right = {"Authorization": "Basic " + base64.b64encode("ü:p:w".encode()).decode()}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"u:no").decode()}
    assert ask_json(shared, "/basic-auth/%C3%BC/p%3Aw", headers=right) == {"authenticated": True, "user": "ü"}
    for headers in ({}, wrong, {"Authorization": "Basic \xff"}):
        status, answer, _ = ask(shared, "/basic-auth/%C3%BC/p%3Aw", headers=headers)
        assert (status, answer["www-authenticate"]) == (401, 'Basic realm="origin"')
    assert ask_json(shared, "/hidden-basic-auth/%C3%BC/p%3Aw", headers=right)["authenticated"]
    assert ask(shared, "/hidden-basic-auth/%C3%BC/p%3Aw", headers=wrong)[0] == 404
    assert ask_json(shared, "/bearer", headers={"Authorization": "bearer t"}) == {"authenticated": True, "token": "t"}
    assert ask(shared, "/bearer", headers=wrong)[1]["www-authenticate"] == "Bearer"


def test_uuid_is_one(shared):
    """/uuid has the form of a UUID, and differs with the query."""
    first, second = ask_json(shared, "/uuid")["uuid"], ask_json(shared, "/uuid?2")["uuid"]
    assert [len(part) for part in first.split("-")] == [8, 4, 4, 4, 12]
    assert first != second


def test_close_announces_its_end(shared):
    """/close says Connection: close and closes, whatever was asked."""
    raw = exchange(shared, b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert b"\r\nConnection: close\r\n" in raw
    assert raw.count(b"HTTP/1.1 ") == 1 + raw.count(b'HTTP/1.1 "')


def test_until_close_has_no_framing(shared):
    """/until-close announces no length and ends its body by FIN."""
    head, _, body = exchange(shared, b"GET /until-close HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert b"ontent-Length" not in head
    assert b"ransfer-Encoding" not in head
    assert json.loads(body)["method"] == "GET"


def test_broken_answers(shared):
    """/malformed has a status line that is none; /truncated ends after 10 of 100 bytes."""
    assert exchange(shared, b"GET /malformed HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 2OO Okay\r\n")
    head, _, body = exchange(shared, b"GET /truncated HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Content-Length: 100\r\n" in head
    assert body == b"0123456789"


def test_echo(shared):
    """/echo gives back the body as it was read, with its media type."""
    status, headers, body = ask(shared, "/echo", "PATCH", {"Content-Type": "a/b"}, iter([b"one", b"two"]))
    assert (status, headers["content-type"], body) == (200, "a/b", b"onetwo")
    assert ask(shared, "/echo", "POST", body=b"\0")[2] == b"\0"


@pytest.mark.parametrize(
    "target",
    [
        *("/status/20", "/status/abc", "/bytes/-1", "/bytes/99999999999", "/bytes/67108865", "/bytes/", "/stream/x"),
        *("/stream-bytes/5?chunk_size=0", "/drip?numbytes=x", "/drip?code=1", "/delay/nan", "/delay/-1", "/delay/x"),
        *("/redirect/1001", "/redirect-to?url=%0d%0aX:1", "/redirect-to?url=/&status_code=1000", "/base64/%21"),
        *("/response-headers?Content-Length=1", "/response-headers?a%20b=1", "/response-headers?a=%00"),
        *("/cookies/set?a=%0a", "/get?" + "a&" * 1001, "/range/x"),
    ],
)
def test_routes_refuse_what_they_cannot_do(shared, target):
    """An argument that makes no sense is a 400 that says so; the connection goes on."""
    raw = exchange(shared, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode() + LAST)
    assert raw.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\n\r\nHTTP/1.1 200 OK" in raw.replace(b"}\n", b"\r\n\r\n")


def test_unknown_path_is_404_in_json(shared):
    """An unknown path is a 404, with what was wrong as JSON."""
    status, headers, body = ask(shared, "/nowhere", "POST", body=b"x")
    assert (status, headers["content-type"]) == (404, "application/json")
    assert json.loads(body) == {"error": "nothing is known of /nowhere", "status": 404}


def test_options_and_connect(shared):
    """OPTIONS is answered by Allow, for a path and for "*"; there is no tunnel."""
    assert ask(shared, "/get", "OPTIONS")[1]["allow"] == "GET, HEAD, OPTIONS"
    assert ask(shared, "*", "OPTIONS")[0] == 204
    raw = exchange(shared, b"CONNECT o.test:443 HTTP/1.1\r\nHost: o.test:443\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: " in raw


def test_absolute_form_is_answered_like_a_proxy_would(shared):
    """A target in absolute form is answered by its path, and is the URL of the request."""
    raw = exchange(shared, b"GET http://o.test:81/anything?a=1 HTTP/1.1\r\nHost: o.test:81\r\n\r\n")
    told = json.loads(raw.partition(b"\r\n\r\n")[2])
    assert (told["url"], told["args"]) == ("http://o.test:81/anything?a=1", {"a": ["1"]})
    raw = exchange(shared, b"GET http://o.test/absolute-redirect/2 HTTP/1.1\r\nHost: o.test\r\n\r\n")
    assert b"\r\nLocation: http://o.test/absolute-redirect/1\r\n" in raw
    raw = exchange(shared, b"GET http://o.test HTTP/1.1\r\nHost: o.test\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("host", [b"", b"Host: a\r\nHost: a\r\n"])
def test_requests_without_one_host_are_recorded_and_refused(origin, host):
    """HTTP/1.1 without exactly one Host is a 400 (RFC 9112 section 3.2), but a request that was read."""
    assert exchange(origin, b"GET /ip HTTP/1.1\r\n" + host + b"\r\n").startswith(b"HTTP/1.1 400 ")
    assert [request.target for request in origin.requests] == ["/ip"]


@pytest.mark.parametrize(
    "path",
    [
        *("/get", "/bytes/100", "/stream/3", "/gzip", "/trailers", "/until-close", "/status/304", "/nowhere", "/html"),
        *("/etag/e", "/redirect/2", "/truncated", "/drip?duration=0", "/status/405", "/bytes/x"),
    ],
)
def test_head_is_get_without_the_content(shared, path):
    """HEAD gets the very head of GET and nothing after it (RFC 9110 section 9.3.2)."""
    got = exchange(shared, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    only = exchange(shared, b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    head, end, _ = got.partition(b"\r\n\r\n")
    assert only == head + end


def test_same_request_same_bytes(shared):
    """Two identical requests get identical answers, without Date, so that two clients can be compared."""
    text = ask(shared, "/")[2].decode()
    paths = [line.split()[0] for line in text.splitlines()]
    for path in paths:
        target = path.replace("SECONDS", "0").replace("...", "").replace("/N", "/5")
        request = b"GET %b?duration=0 HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode()
        first = exchange(shared, request)
        assert exchange(shared, request) == first
        assert b"\r\nServer: intermodal-origin\r\n" in first
        assert b"\r\nDate:" not in first


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_connections_are_kept(origin):
    """Requests over one connection are served in order on it; Connection: close ends it."""
    raw = exchange(origin, GET + GET.replace(b"204", b"205") + LAST + GET)
    statuses = [line.split()[1] for line in raw.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses == [b"204", b"205", b"200"]
    assert b"\r\nConnection: close\r\n" in raw
    assert [request.connection for request in origin.requests] == [1, 1, 1]
    assert len(origin.connections) == 1


@pytest.mark.parametrize("fields", [b"", b"Connection: keep-alive\r\n"])
def test_http_1_0_gets_neither_chunks_nor_interim_answers(origin, fields):
    """HTTP/1.0 gets a body until FIN and only the final answer, and needs no Host."""
    raw = exchange(origin, b"GET /trailers HTTP/1.0\r\n" + fields + b"\r\n" + GET)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"ransfer-Encoding" not in head
    assert b"\r\nConnection: close" in head
    assert body == b"one\ntwo\n"
    assert exchange(origin, b"GET /early-hints HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def test_expect_100_continue(origin):
    """100 Continue is sent when the head was read, before any of the body; not to HTTP/1.0, nor without a body."""
    with dial(origin) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
        assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert origin.requests == []
        sock.sendall(b"hi")
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        assert read_until(sock, b"hi") == b"hi"
    assert exchange(origin, GET[:-2] + b"Expect: 100-continue\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    old = b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
    assert exchange(origin, old).startswith(b"HTTP/1.1 200 ")


POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, id="bare-LF"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\n\r\n", 400, id="bare-LF-in-field"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400, id="bare-CR"),
        pytest.param(b"GET /\r\n\r\n", 400, id="no-version"),
        pytest.param(b"GET  / HTTP/1.1\r\n\r\n", 400, id="two-spaces"),
        pytest.param(b"GET /a b HTTP/1.1\r\n\r\n", 400, id="space-in-target"),
        pytest.param(b"GET / http/1.1\r\n\r\n", 400, id="lower-case-version"),
        pytest.param(b"G\x7fT / HTTP/1.1\r\n\r\n", 400, id="method-no-token"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\n", 505, id="HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", 400, id="TLS-handshake"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, id="space-before-colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, id="folded"),
        pytest.param(b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400, id="no-colon"),
        pytest.param(b"GET / HTTP/1.1\r\n: x\r\n\r\n", 400, id="no-name"),
        pytest.param(b"GET / HTTP/1.1\r\nA: \0\r\n\r\n", 400, id="NUL"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * (1 << 20) + b"\r\n\r\n", 400, id="head-over-1-MiB"),
        pytest.param(b"x" * ((1 << 20) + 1), 400, id="endless-line"),
        pytest.param(POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400, id="two-lengths"),
        pytest.param(POST + b"Content-Length: 2, 2\r\n\r\nhi", 400, id="length-list"),
        pytest.param(POST + b"Content-Length: +2\r\n\r\nhi", 400, id="length-sign"),
        pytest.param(POST + b"Content-Length: 0x2\r\n\r\nhi", 400, id="length-hex"),
        pytest.param(POST + b"Content-Length: \r\n\r\n", 400, id="length-empty"),
        pytest.param(POST + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n", 413, id="length-huge"),
        pytest.param(POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="TE-and-CL"),
        pytest.param(CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 400, id="TE-in-HTTP/1.0"),
        pytest.param(POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, id="TE-not-chunked"),
        pytest.param(POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="TE-unknown"),
        pytest.param(CHUNKED + b"g\r\n", 400, id="chunk-size-no-hex"),
        pytest.param(CHUNKED + b"\r\n", 400, id="chunk-size-empty"),
        pytest.param(CHUNKED + b"-1\r\n", 400, id="chunk-size-negative"),
        pytest.param(CHUNKED + b"1\na\r\n0\r\n\r\n", 400, id="chunk-size-bare-LF"),
        pytest.param(CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400, id="chunk-too-long"),
        pytest.param(CHUNKED + b"0" * 17 + b"1\r\n", 400, id="chunk-size-17-digits"),
        pytest.param(CHUNKED + b"fffffffffffffff\r\n", 413, id="chunk-huge"),
        pytest.param(CHUNKED + b"1;" + b"x" * 20000, 400, id="chunk-extension-long"),
        pytest.param(CHUNKED + b"0\r\nno field\r\n\r\n", 400, id="trailer-no-field"),
        pytest.param(CHUNKED + b"0\r\n" + (b"A: " + b"x" * 9999 + b"\r\n") * 120, 400, id="trailers-over-1-MiB"),
    ],
)
def test_malformed_requests_are_refused_and_closed(origin, data, status):
    """What cannot be framed gets an error and FIN at once; its bytes are recorded, a request is not."""
    with dial(origin) as sock:
        sock.sendall(data)  # and no FIN: the origin must not wait for more
        raw = read_all(sock)
    assert raw.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close\r\n" in raw
    assert origin.requests == []
    eventually(lambda: origin.connections[0].received == data)
    assert is_alive(origin)


# --- records ----------------------------------------------------------------------------------------------------------


def test_requests_are_recorded_exactly(origin):
    """Pipelined requests in one segment are recorded apart, byte for byte, and answered in order."""
    first = b"GET /status/200?a HTTP/1.1\r\nHost:x\r\nX-A:  1 \r\nx-a: \xff\r\n\r\n"
    second = b"PUT /status/201 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\0\r\n"
    third = (
        b"POST /status/202 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n0A ; x\r\n0123456789\r\n000\r\nX-T: 1\r\n\r\n"
    )
    raw = exchange(origin, b"\r\n" + first + second + b"\r\n\r\n" + third)
    assert [line.split()[1] for line in raw.split(b"\r\n") if line.startswith(b"HTTP/")] == [b"200", b"201", b"202"]
    one, two, three = origin.requests
    assert (one.method, one.target, one.version, one.body, one.raw) == ("GET", "/status/200?a", "HTTP/1.1", b"", first)
    assert one.headers == [("Host", "x"), ("X-A", "1"), ("x-a", "\xff")]
    assert (two.body, two.raw) == (b"\0\r\n", second)
    assert (three.body, three.raw) == (b"abc0123456789", third)
    (connection,) = origin.connections
    assert connection.requests == [one, two, three]
    assert connection.received == b"\r\n" + first + second + b"\r\n\r\n" + third


def test_connections_are_recorded_in_order(origin):
    """Connections count from 1 in order of accept, with the client's address, and tell whether they are open."""
    with dial(origin) as one, dial(origin) as two:
        eventually(lambda: len(origin.connections) == 2)
        first, second = origin.connections
        assert (first.number, first.peer) == (1, one.getsockname())
        assert (second.number, second.peer) == (2, two.getsockname())
        assert first.open
        assert "open" in repr(first)
    eventually(lambda: not first.open)


def test_request_is_recorded_before_its_answer(origin):
    """Whoever has an answer finds the request in the records."""
    for count in range(1, 50):
        assert is_alive(origin)
        assert len(origin.requests) == count


def test_reset_records_keeps_open_connections(origin):
    """Forgetting keeps the connections that are open, with their bytes, and serves them on."""
    assert is_alive(origin)
    eventually(lambda: not origin.connections[0].open)
    with dial(origin) as sock:
        sock.sendall(GET)
        read_until(sock, b"\r\n\r\n")
        origin.reset_records()
        (connection,) = origin.connections
        assert (connection.number, connection.requests, origin.requests) == (2, [], [])
        assert connection.received == GET
        sock.sendall(GET)
        read_until(sock, b"\r\n\r\n")
        assert len(origin.requests) == len(connection.requests) == 1


def test_half_a_request_is_no_request(origin):
    """A client that leaves in the middle shows in the bytes of its connection alone."""
    half = POST + b"Content-Length: 10\r\n\r\nabc"
    assert exchange(origin, half) == b""
    assert origin.connections[0].received == half
    assert origin.requests == []


def pieces_of(data, cuts):
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=40, deadline=None)
@given(chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=5), cuts=st.lists(st.integers(0, 999), max_size=12))
def test_segments_make_no_difference(shared, chunks, cuts):
    """However a stream of requests is cut into segments, the same requests are recorded with the same bodies."""
    shared.reset_records()
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    requests = [CHUNKED + coded + b"0\r\nA: b\r\n\r\n", GET, POST + b"Content-Length: 3\r\n\r\nabc"]
    with dial(shared) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces_of(b"".join(requests), cuts):
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    assert [request.raw for request in shared.requests] == requests
    assert [request.body for request in shared.requests] == [b"".join(chunks), b"", b"abc"]


METHOD_LIKE = st.sampled_from(
    [b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", CHUNKED, b"Content-Length: 5\r\n", b"a\r\n"]
)


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.one_of(st.binary(max_size=60), METHOD_LIKE), max_size=8), polite=st.booleans())
def test_arbitrary_bytes_never_kill_it(shared, parts, polite):
    """Whatever bytes come, and however the client leaves, they are recorded and the next connection is served."""
    data = b"".join(parts)
    with dial(shared) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(data)
        if polite:
            sock.shutdown(socket.SHUT_WR)
            read_all(sock)
            assert shared.connections[-1].received == data
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert is_alive(shared)
    shared.reset_records()


TARGET_PART = st.one_of(
    st.sampled_from(["/bytes/", "/range/", "/redirect-to?url=", "/response-headers?", "/cookies/set?", "/etag/", "/9"]),
    st.sampled_from(
        ["/base64/", "/basic-auth/", "/uuid", "/stream/", "/anything", "http://", "?seed=", "&", "%0a", "%ff"]
    ),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), min_size=1, max_size=8),
)
FIELD = st.tuples(
    st.sampled_from(
        ["Range", "If-Range", "If-None-Match", "If-Match", "Authorization", "Cookie", "Connection", "Content-Type"]
    ),
    st.sampled_from(
        [
            "bytes=-",
            "bytes=1-",
            "application/x-www-form-urlencoded",
            '"e"',
            "W/",
            "*",
            "Basic ",
            "Bearer x",
            ",",
            "",
            "close",
            "\xff\t;=",
        ]
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "x"]),
    target=st.lists(TARGET_PART, min_size=1, max_size=4).map("".join),
    fields=st.lists(FIELD, max_size=4),
    body=st.one_of(st.binary(max_size=20), st.sampled_from([b'{"a": 1}', b"a=%ff&b", b"NaN", b"9" * 5000])),
)
def test_every_readable_request_is_answered(shared, method, target, fields, body):
    """Whatever a request asks for, it is recorded as it was sent and gets a final answer."""
    shared.reset_records()
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in fields]
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    assert exchange(shared, raw).startswith(b"HTTP/1.1 ")
    (request,) = shared.requests
    assert (request.method, request.target, request.body, request.raw) == (method, target, body, raw)


# --- scripts ----------------------------------------------------------------------------------------------------------


def test_scripts_are_taken_in_order_over_all_connections(origin):
    """Each request takes one script, in the order they were queued, on whichever connection; then routes answer."""
    plays = [origin.play(OK.replace(b"ok", b"%02d" % index)) for index in range(3)]
    with dial(origin) as one, dial(origin) as two:
        for index, sock in enumerate([two, one, two]):
            sock.sendall(GET)
            assert read_until(sock, b"\r\n\r\n%02d" % index) == OK.replace(b"ok", b"%02d" % index)
        two.sendall(GET)
        assert read_until(two, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    for play in plays:
        assert play.finished.wait(5)
        assert play.error is None
        assert "finished" in repr(play)


@pytest.mark.parametrize("at", ["connect", "head", "request", 10])
def test_script_that_was_not_taken_can_be_withdrawn(origin, at):
    """A script that is taken back is nobody's, whatever it waited for, and says so; one that was taken is not given back."""
    withdrawn, kept = origin.play(b"never", at=at), origin.play(OK)
    assert origin.withdraw(withdrawn)
    assert withdrawn.finished.is_set()
    assert "withdrawn" in str(withdrawn.error)
    assert exchange(origin, GET).startswith(OK)
    assert not origin.withdraw(kept)
    assert not origin.withdraw(withdrawn)
    assert kept.finished.wait(5)
    assert kept.error is None


def test_steps_are_sent_as_they_are_written(origin):
    """Bytes leave apart where they are written apart, without Nagle's delay, and a number is a pause."""
    origin.play(b"HTTP/1.1 2", 0.4, b"00 OK\r\n\r\n", then="fin")
    with dial(origin) as sock:
        start = time.monotonic()
        sock.sendall(GET)
        assert sock.recv(100) == b"HTTP/1.1 2"
        served = origin._services[0].wire._sock
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert read_all(sock) == b"00 OK\r\n\r\n"
        assert time.monotonic() - start >= 0.4


def test_drip_sends_byte_by_byte(origin):
    """A drip sends one byte at a time, the first at once and the others at its pace."""
    origin.play(Drip(b"abc", 0.3), then="fin")
    with dial(origin) as sock:
        start = time.monotonic()
        sock.sendall(GET)
        assert sock.recv(100) == b"a"
        assert read_all(sock) == b"bc"
        assert time.monotonic() - start >= 0.6


@pytest.mark.parametrize("script", [{"steps": [b"HTTP", Reset()]}, {"steps": [b"HTTP"], "then": "rst"}])
def test_reset_is_a_reset(origin, script):
    """Reset() and then="rst" show as ECONNRESET."""
    play = origin.play(*script["steps"], then=script.get("then", "keep"))
    with dial(origin) as sock:
        sock.sendall(GET)
        with pytest.raises(ConnectionResetError) as caught:
            read_all(sock)
        assert caught.value.errno == errno.ECONNRESET
    assert play.finished.wait(5)
    assert play.error is None
    eventually(lambda: not origin.connections[0].open)


@pytest.mark.parametrize("script", [{"steps": [b"HTTP", Close()]}, {"steps": [b"HTTP"], "then": "fin"}])
@pytest.mark.parametrize("at", ["head", "request"])
def test_fin_is_no_reset_even_with_unread_input(origin, script, at):
    """FIN comes as FIN although the client has sent more than was read, and goes on sending."""
    play = origin.play(*script["steps"], then=script.get("then", "keep"), at=at)
    body = b"x" * 3_000_000
    with dial(origin) as sock:
        announced = POST + b"Content-Length: %d\r\n\r\n" % len(body)
        data = (announced if at == "head" else GET) + body
        sock.sendall(data)
        assert read_all(sock) == b"HTTP"
        sock.sendall(b"more")
    assert play.finished.wait(5)
    assert play.error is None
    eventually(lambda: not origin.connections[0].open)
    assert origin.connections[0].received == data + b"more"


@pytest.mark.parametrize("poll", [True, False])
def test_stall_ends_when_the_client_leaves(origin, monkeypatch, poll):
    """A stalled script sends nothing, and is over when the client closes; also where the system has no poll."""
    if not poll:
        monkeypatch.delattr(select, "poll")
    play = origin.play(b"H", Stall())
    with dial(origin) as sock:
        sock.sendall(GET)
        assert sock.recv(10) == b"H"
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert not play.finished.is_set()
    assert play.finished.wait(5)
    assert play.error is None
    eventually(lambda: not origin.connections[0].open)


def test_stall_reads_nothing(origin):
    """A stall before the body makes the client's sending come to a stop; a reset ends it although input is unread."""
    play = origin.play(Stall(), at="head")
    with dial(origin) as sock:
        sock.sendall(POST + b"Content-Length: 100000000\r\n\r\n")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.sendall(b"x" * 100_000_000)
        assert not play.finished.is_set()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert play.finished.wait(5)
    assert origin.requests == []


def test_script_at_connect_needs_no_request(origin):
    """A script at "connect" plays on the next connection before anything was asked; then the connection is served."""
    play = origin.play(b"HTTP/1.1 408 Request Timeout\r\n\r\n", at="connect")
    with dial(origin) as sock:
        assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 408 Request Timeout\r\n\r\n"
        sock.sendall(GET)
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    assert play.finished.is_set()
    origin.play(then="rst", at="connect")
    with pytest.raises(ConnectionResetError), dial(origin) as sock:
        sock.recv(1)
    assert is_alive(origin)


def test_script_at_head_answers_before_the_body(origin):
    """A script at "head" answers before the body is read, without 100 Continue; the body is read after it."""
    origin.play(OK, at="head")
    with dial(origin) as sock:
        sock.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert read_until(sock, b"\r\n\r\nok") == OK
        assert origin.requests == []
        sock.sendall(b"hi" + GET)
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    assert [request.body for request in origin.requests] == [b"hi", b""]


def test_script_ignores_what_the_request_asks_for(origin):
    """A script with "keep" goes on serving, whatever the request says of the connection."""
    origin.play(OK)
    assert exchange(origin, LAST + GET).startswith(OK + b"HTTP/1.1 204 ")


def test_failed_scripts_say_why(origin):
    """A script that could not be played to its end is finished, with the error that ended it."""
    sending = origin.play(b"x" * 100_000_000)
    with dial(origin) as sock:
        sock.sendall(GET)
        assert sock.recv(1) == b"x"
    assert sending.finished.wait(5)
    assert isinstance(sending.error, ConnectionError)
    assert "failed" in repr(sending)
    cut_off, malformed = origin.play(OK), origin.play(OK)
    exchange(origin, POST + b"Content-Length: 5\r\n\r\nab")
    assert b" 400 " in exchange(origin, CHUNKED + b"x\r\n")
    for play, part in ((cut_off, "in the middle of a request"), (malformed, "malformed request")):
        assert play.finished.wait(5)
        assert part in str(play.error)
    assert is_alive(origin)


def test_malformed_body_after_an_answer_gets_no_second_one(origin):
    """Where a script has answered at the head, a body that cannot be read ends the connection without a word."""
    origin.play(OK, at="head")
    assert exchange(origin, CHUNKED + b"x\r\n") == OK


@pytest.mark.parametrize(
    ("steps", "options", "error"),
    [
        (["text"], {}, TypeError),
        ([None], {}, TypeError),
        ([True], {}, TypeError),
        ([-1], {}, ValueError),
        ([float("nan")], {}, ValueError),
        ([float("inf")], {}, ValueError),
        ([Drip(b"a", -0.1)], {}, ValueError),
        ([Stall(), b"x"], {}, ValueError),
        ([Reset(), b"x"], {}, ValueError),
        ([Close(), 1], {}, ValueError),
        ([], {"then": "close"}, ValueError),
        ([], {"at": "body"}, ValueError),
    ],
)
def test_what_is_no_script_is_refused(origin, steps, options, error):
    """A script that could not be played is refused when it is queued, and takes no request."""
    with pytest.raises(error):
        origin.play(*steps, **options)
    assert is_alive(origin)


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_tls(server_context, client_context):
    """Over TLS the URL is https, and what is recorded is what was inside."""
    with Origin(tls=server_context) as origin:
        assert origin.url == f"https://127.0.0.1:{origin.port}"
        client = http.client.HTTPSConnection(origin.host, origin.port, context=client_context, timeout=10)
        with contextlib.closing(client):
            for _ in range(2):
                client.request("POST", "/anything", body=b"hi")
                told = json.loads(client.getresponse().read())
                assert told["url"] == f"{origin.url}/anything"
        assert [request.body for request in origin.requests] == [b"hi", b"hi"]
        assert origin.connections[0].received == b"".join(request.raw for request in origin.requests)


@pytest.mark.parametrize(
    ("script", "orderly"),
    [({"steps": [], "then": "fin"}, True), ({"steps": [Close()]}, False)],
)
@pytest.mark.parametrize("unread", [0, 3_000_000])
def test_tls_ends_in_order_or_cut(server_context, client_context, script, orderly, unread):
    """then="fin" says close_notify before FIN, Close() does not; neither becomes a reset by unread input."""
    with Origin(tls=server_context) as origin:
        origin.play(0.1, at="connect")  # so that more has come than the head when that is read
        origin.play(b"HTTP", *script["steps"], then=script.get("then", "keep"), at="head")
        with (
            dial(origin) as plain,
            client_context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as sock,
        ):
            sock.sendall(POST + b"Content-Length: %d\r\n\r\n" % (unread + 1) + b"x" * unread)
            assert sock.recv(4) == b"HTTP"
            with contextlib.nullcontext() if orderly else pytest.raises(ssl.SSLEOFError):
                assert sock.recv(1) == b""
        eventually(lambda: not origin.connections[0].open)
        assert origin.connections[0].received.endswith(b"\r\n\r\n" + b"x" * unread)


def test_tls_reset(server_context, client_context):
    """A reset over TLS is a reset."""
    with Origin(tls=server_context) as origin:
        origin.play(b"HTTP", then="rst")
        with (
            dial(origin) as plain,
            client_context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as sock,
        ):
            sock.sendall(GET)
            # CPython 3.11 loses the errno of a failed SSL_read.
            with pytest.raises((ConnectionResetError, ssl.SSLEOFError)) as caught:
                read_all(sock)
        assert "UNEXPECTED_EOF" not in str(caught.value)


def test_failed_handshakes_are_closed_connections(server_context, client_context):
    """A client that speaks no TLS, distrusts the certificate or leaves is recorded as closed; the next is served."""
    events = []
    with Origin(tls=server_context, observer=events.append) as origin:
        script = origin.play(b"never sent", at="connect")
        with dial(origin) as sock:
            sock.sendall(GET)
            read_all(sock)
        assert script.finished.wait(5)
        assert isinstance(script.error, OSError)
        with dial(origin) as plain, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
        with dial(origin) as sock:
            sock.sendall(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")  # a ClientHello of no bytes
            assert read_all(sock).startswith(b"\x15\x03")  # is answered by an alert (RFC 8446 section 6)
        dial(origin).close()
        with dial(origin) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(lambda: sum(isinstance(event, ConnectionClosed) for event in events) == 5)
        assert [(connection.received, connection.open) for connection in origin.connections] == [(b"", False)] * 5
        with dial(origin) as plain, client_context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
            sock.sendall(LAST)
            assert read_all(sock).startswith(b"HTTP/1.1 200 ")


# --- life and death ---------------------------------------------------------------------------------------------------


def origin_threads(origin):
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"origin-{origin.port}")]


def test_200_connections_at_once(origin):
    """Two hundred connections are served at once."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(dial(origin)) for _ in range(200)]
        for sock in socks:
            sock.sendall(GET)
        for sock in socks:
            assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
        assert len(origin_threads(origin)) == 201
    assert len(origin.requests) == 200


def test_close_wakes_every_thread(server_context):
    """Closing ends threads that wait in recv, a pause, a stall, a send, lingering or a handshake, and leaves none."""
    with Origin() as origin, Origin(tls=server_context) as secure, contextlib.ExitStack() as stack:

        def start(script=None, data=GET, server=origin):
            play = origin.play(*script["steps"], then=script.get("then", "keep")) if script else None
            sock = stack.enter_context(dial(server))
            sock.sendall(data)
            if play:
                eventually(lambda: play not in origin._at_request)
            return play

        start(data=b"")
        start(data=b"GET / HT")
        start(data=b"\x16\x03\x01", server=secure)
        plays = [start({"steps": steps}) for steps in ([100], [Stall()], [b"x" * 100_000_000], [Drip(b"ab", 100)])]
        start({"steps": [], "then": "fin"})
        left = origin.play(OK, at="connect")
        eventually(lambda: len(origin_threads(origin)) == 8)
        threads = origin_threads(origin) + origin_threads(secure)
        begin = time.monotonic()
        origin.close()
        secure.close()
        assert time.monotonic() - begin < 2
        assert not any(thread.is_alive() for thread in threads)
        assert not any(connection.open for connection in origin.connections + secure.connections)
        assert all(play.finished.is_set() for play in [*plays, left])
        assert "not played: the origin was closed" in str(left.error)


def test_close_twice_and_use_after_close():
    """Closing again does nothing; a script for a closed origin is refused, a connection too."""
    origin = Origin()
    origin.close()
    origin.close()
    assert "closed" in repr(origin)
    with pytest.raises(RuntimeError, match="closed"):
        origin.play(OK)
    with pytest.raises(ConnectionRefusedError):
        dial(origin)


def test_address_in_use_is_an_error(origin):
    """A port that is taken is an OSError, and nothing is left behind."""
    with pytest.raises(OSError, match="in use"):
        Origin(port=origin.port)


def test_ipv6():
    """An IPv6 address stands in brackets in the URL."""
    try:
        origin = Origin(host="::1")
    except OSError as exc:
        pytest.skip(f"no IPv6 loopback here: {exc}")
    with origin:
        assert origin.url == f"http://[::1]:{origin.port}"
        assert is_alive(origin)
        assert origin.connections[0].peer[0] == "::1"


def test_clients_that_vanish(origin):
    """Clients that reset while an answer is sent to them disturb nobody."""
    for target in (b"/bytes/20000000", b"/drip?duration=1&numbytes=100", b"/stream/60000", b"/delay/0.1"):
        with dial(origin) as sock:
            sock.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
            if target != b"/delay/0.1":
                sock.recv(10)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert is_alive(origin)
    eventually(lambda: not any(connection.open for connection in origin.connections))


def test_observer_sees_what_happens():
    """Events come in order: opened, received, sent with status and size, closed with the reason."""
    events = []
    with Origin(observer=events.append) as origin:
        origin.play(OK)
        raw = exchange(origin, GET + GET)
        eventually(lambda: isinstance(events[-1], ConnectionClosed))
        one, two = origin.requests
    answer = raw.removeprefix(OK)
    opened, *middle, closed = events
    assert isinstance(opened, ConnectionOpened)
    assert (opened.number, opened.peer[0]) == (1, "127.0.0.1")
    assert middle == [
        RequestReceived(one),
        AnswerSent(1, "script", len(OK)),
        RequestReceived(two),
        AnswerSent(1, 204, len(answer)),
    ]
    assert closed == ConnectionClosed(1, "the client closed it")


def test_observer_that_raises_changes_nothing(caplog):
    """What an observer raises is logged, and serving goes on."""

    def observer(_event):
        raise LookupError("of the observer")

    with Origin(observer=observer) as origin:
        assert is_alive(origin)
        assert is_alive(origin)
    assert "of the observer" in caplog.text


def test_observer_may_close_the_origin():
    """Closing from an observer, on a thread of the origin itself, does not wait for itself."""
    done = threading.Event()

    def observer(event):
        if isinstance(event, RequestReceived):
            origin.close()
            done.set()

    with Origin(observer=observer) as origin:
        exchange(origin, GET)
        assert done.wait(5)


def test_it_imports_nothing_it_is_a_witness_against():
    """The origin's modules import the standard library and each other."""
    seen, waiting = set(), [Path(module.__file__)]
    while waiting:
        path = waiting.pop()
        seen.add(path.name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.partition(".")[0] in sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1
                sibling = path.with_name(f"{node.module}.py")
                waiting += [sibling] if sibling.name not in seen else []
    assert len(seen) == 10
