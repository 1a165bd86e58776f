"""The same calls to httpbin, which nobody here wrote, behind granian: requests and Intermodal get the same answers."""

from __future__ import annotations

import contextlib
import io
import sys
from functools import partial

import pytest
from differential.differences.difference import Differs
from differential.row import Fresh
from differential.seen import differing, judge, of_error, of_response
from differential.world import REQUESTS, digest_auth, open_session
from fleet import TRANSPORTS
from peers.programs import absent, free_port, serving

#: What the server says of itself, of the time, and of a body that it has refused and perhaps seen the end of.
_VARYING = {"date", "server", "connection"}

#: What both send, so that httpbin has the same to show.
_SAME = {"User-Agent": "same/1", "Accept-Encoding": "gzip, deflate"}


@pytest.fixture(scope="session")
def httpbin(tmp_path_factory):
    """The URL of an httpbin."""
    for name in ("granian", "httpbin"):
        try:
            __import__(name)
        except ImportError:
            absent(name)
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    with serving([*command, "--log-level", "error", "httpbin:app"], port, cwd=tmp_path_factory.mktemp("httpbin")):
        yield f"http://127.0.0.1:{port}"


class Bin:
    """A talk with httpbin: calls, by verb or name of a method, and what came of them."""

    def __init__(self, url, library, transport, stack):
        self.url = url
        self.session = open_session(library, stack, transport, headers=_SAME, trust_env=False)
        self.digest = partial(digest_auth, library)
        self.facts = []

    def __call__(self, method, path, **keywords):
        made = {name: value.make(None) if isinstance(value, Fresh) else value for name, value in keywords.items()}
        try:
            response = self.session.request(method, self.url + path, timeout=10, **made)
        except Exception as error:
            response, facts = None, of_error(error)
        else:
            facts = of_response(response)
            facts["headers"] = {name: each for name, each in facts["headers"].items() if name not in _VARYING}
            if "files" in keywords:  # httpbin shows the boundary and the length that it makes
                facts["content"] = {name: response.json()[name] for name in ("args", "data", "files", "form", "json")}
                for name in ("headers", "text", "json", "pieces", "lines"):
                    del facts[name]
        self.facts.append(facts)
        return response


_SECRET = ("user", "secret")

#: What differs on purpose, by the row of the page that says why.
DECLARED = {
    "robots": {
        "got.0.encoding": Differs(
            '`text/*` without a charset is `ISO-8859-1`; `charset=` is `""`; `+json` has no encoding',
            "ISO-8859-1",
            None,
        )
    },
}

CALLS = {
    "get": ("GET", "/get", {"params": {"a": [1, 2], "é": "ü b"}, "headers": {"X-A": "1"}}),
    "cookies sent": ("GET", "/cookies", {"cookies": {"a": "1", "b": "2"}}),
    "form": ("POST", "/post", {"data": {"a": "1", "b": ["2", "ü"]}}),
    "json": ("POST", "/post", {"json": {"a": [1, None, "ü"]}}),
    "bytes": ("PUT", "/put", {"data": b"\x00\xff"}),
    "text": ("PATCH", "/patch", {"data": "zażółć".encode()}),
    "file": ("POST", "/post", {"data": Fresh(lambda _: io.BytesIO(b"content" * 10_000))}),
    "generator, which it refuses": ("POST", "/post", {"data": Fresh(lambda _: iter([b"one", b"two"]))}),
    "files": (
        "POST",
        "/post",
        {"files": {"f": ("dię.txt", b"content", "text/plain"), "g": b"\xff"}, "data": {"a": "1"}},
    ),
    "several files": ("POST", "/post", {"files": [("f", ("1", b"one")), ("f", ("2", b"two"))]}),
    "delete": ("DELETE", "/delete", {"data": b"x"}),
    "anything": ("GET", "/anything/a%20b/ü?x=%C3%A9&y", {}),
    "head": ("HEAD", "/get", {}),
    "options": ("OPTIONS", "/get", {"data": b"x"}),
    "method that is not allowed": ("POST", "/get", {"data": b"x"}),
    "gzip": ("GET", "/gzip", {}),
    "deflate": ("GET", "/deflate", {}),
    "utf-8": ("GET", "/encoding/utf8", {}),
    "html": ("GET", "/html", {}),
    "xml": ("GET", "/xml", {}),
    "json document": ("GET", "/json", {}),
    "robots": ("GET", "/robots.txt", {}),
    "image": ("GET", "/image/png", {}),
    "bytes of chance": ("GET", "/bytes/1000?seed=1", {}),
    "streamed bytes": ("GET", "/stream-bytes/5000?seed=1&chunk_size=700", {}),
    "range": ("GET", "/range/100", {"headers": {"Range": "bytes=5-20"}}),
    "links": ("GET", "/links/5/1", {}),
    "base64": ("GET", "/base64/emHFvMOzxYLEhw==", {}),
    "drip": ("GET", "/drip?numbytes=3&duration=0.02&delay=0", {}),
    "response headers": ("GET", "/response-headers?X-A=1&X-A=2&Content-Type=text/plain;charset=utf-8", {}),
    "cache": ("GET", "/cache", {"headers": {"If-None-Match": '"x"'}}),
    "etag": ("GET", "/etag/x", {"headers": {"If-None-Match": '"x"'}}),
    "etag of another": ("GET", "/etag/x", {"headers": {"If-Match": '"y"'}}),
    "basic": ("GET", "/basic-auth/user/secret", {"auth": _SECRET}),
    "basic, wrong": ("GET", "/basic-auth/user/other", {"auth": _SECRET}),
    "basic, hidden": ("GET", "/hidden-basic-auth/user/secret", {"auth": _SECRET}),
    "bearer": ("GET", "/bearer", {"headers": {"Authorization": "Bearer token"}}),
    "no bearer": ("GET", "/bearer", {}),
    "redirects": ("GET", "/redirect/3", {}),
    "relative redirects": ("GET", "/relative-redirect/2", {}),
    "absolute redirects": ("GET", "/absolute-redirect/2", {}),
    "redirect not followed": ("GET", "/redirect/2", {"allow_redirects": False}),
    "redirect of a form": ("POST", "/redirect-to?url=/anything&status_code=303", {"data": {"a": "1"}}),
    "redirect of a form, kept": ("POST", "/redirect-to?url=/anything&status_code=307", {"data": {"a": "1"}}),
    "cookies set": ("GET", "/cookies/set?a=1&b=2", {}),
    "delay": ("GET", "/delay/0", {}),
    **{f"status {each}": ("GET", f"/status/{each}", {}) for each in (200, 201, 204, 304, 401, 404, 418, 429, 500, 503)},
}


def _digests(algorithm):
    def do(talk):
        auth = talk.digest("user", "secret")
        for qop in ("auth", "none"):
            talk("GET", f"/digest-auth/{qop}/user/secret/{algorithm}", auth=auth)
        talk("GET", f"/digest-auth/auth/user/secret/{algorithm}?a=b", auth=auth)
        talk("GET", f"/digest-auth/auth/user/other/{algorithm}", auth=talk.digest("user", "secret"))
        for facts in talk.facts:  # the challenges hold what is made by chance
            facts["headers"].pop("www-authenticate", None)
            facts["cookies"] = sorted(facts["cookies"])
            facts["headers"].pop("set-cookie", None)

    return do


def _cookies(talk):
    talk("GET", "/cookies/set?a=1&b=2")
    talk("GET", "/cookies", cookies={"c": "3"})
    talk("GET", "/cookies/delete?a")
    talk("GET", "/cookies/set/d/4")
    talk("GET", "/cookies")


def _auth_int(talk):
    talk("POST", "/digest-auth/auth-int/user/secret/SHA-256", auth=talk.digest("user", "secret"), data=b"body")


COURSES = {"cookies": _cookies, "digest MD5": _digests("MD5"), "digest SHA-256": _digests("SHA-256")}


@pytest.fixture(scope="session")
def transports(world):
    """The transports that the table uses."""
    return world.transports


def _run(url, library, transport, do):
    with contextlib.ExitStack() as stack:
        talk = Bin(url, library, transport, stack)
        do(talk)
        return {
            f"got.{number}.{name}": value for number, facts in enumerate(talk.facts) for name, value in facts.items()
        }


def _check(url, transports, do, declared):
    theirs = _run(url, REQUESTS, transports[REQUESTS], do)
    assert theirs

    for name in TRANSPORTS:
        assert judge(differing(theirs, _run(url, name, transports[name], do)), declared) == [], name


@pytest.mark.parametrize("name", CALLS)
def test_httpbin_answers_the_same(httpbin, transports, name):
    """A call to httpbin gets the same answer, which shows what it has received."""
    method, path, keywords = CALLS[name]

    _check(httpbin, transports, lambda talk: talk(method, path, **keywords), DECLARED.get(name, {}))


@pytest.mark.parametrize("name", COURSES)
def test_httpbin_answers_a_course_of_calls_the_same(httpbin, transports, name):
    """Several calls by one session get the same answers: cookies are kept and dropped, logins are remembered."""
    _check(httpbin, transports, COURSES[name], {})
