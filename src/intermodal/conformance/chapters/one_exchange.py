"""T1: one request, one response, and nothing of what a client does on top of that."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from intermodal.conformance.case import Chapter
from intermodal.errors import TransportError

if TYPE_CHECKING:
    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()

_LOCATIONS = {
    f"{status} {where}": (status, location)
    for status in (301, 302, 303, 307, 308)
    for where, location in (("to a path", "/elsewhere"),)
} | {
    "300 with a choice": (300, "/elsewhere"),
    "302 to another host": (302, "http://other.test/elsewhere"),
    "302 without anything to go to": (302, None),
}


@CHAPTER.rows(_LOCATIONS, wire=False)
def a_redirect_is_returned(stage: Stage, row: tuple[int, str | None]) -> None:
    """T1, RFC 9110 section 15.4: a redirect ({row}) comes back as it is, and nothing is sent after it."""
    status, location = row
    fields = [] if location is None else [("Location", location)]
    stage.answer(status, fields, b"moved", "Moved")
    came = stage.carry(stage.request("GET", "/here"))
    response = stage.answered(came, status, b"moved")
    stage.same("the field Location", response.headers.get("location"), location)
    stage.same("the number of requests", len(stage.received), 1)


@CHAPTER.case(wire=False)
def a_redirect_of_a_post_is_returned(stage: Stage) -> None:
    """T1, RFC 9110 section 15.4.4: a 303 to a POST comes back as it is, and no GET follows."""
    stage.answer(303, [("Location", "/elsewhere")], b"", "See Other")
    stage.answered(stage.carry(stage.request("POST", "/here", body=b"x")), 303)
    stage.same("the methods that arrived", [each.method for each in stage.received], ["POST"])


@CHAPTER.case(wire=False)
def no_cookie_is_kept(stage: Stage) -> None:
    """T1, RFC 6265: a cookie that was set is not sent by the next request."""
    stage.answer(200, [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")])
    stage.answered(stage.carry(stage.request("GET", "/one")))
    stage.answer()
    stage.answered(stage.carry(stage.request("GET", "/two")))
    stage.arrived("GET", "/two")
    names = [name.lower() for name, _ in stage.received[-1].headers]
    stage.demand("cookie" not in names, "a second request without a cookie", f"its fields {names}")


@CHAPTER.rows({"401": 401, "407": 407}, wire=False)
def a_challenge_is_returned(stage: Stage, status: int) -> None:
    """T1, RFC 9110 section 11: a challenge with {row} comes back as it is, even where the URL holds a login."""
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    stage.answer(status, [(name, 'Basic realm="x"')], b"who?", "Unauthorized")
    url = stage.url.replace("://", "://user:secret@")
    stage.answered(stage.carry(stage.request("GET", "/", base=url)), status, b"who?")
    stage.same("the number of requests", len(stage.received), 1)


@CHAPTER.case(wire=False)
def a_login_in_the_url_is_nobodys(stage: Stage) -> None:
    """T1, RFC 9110 section 4.2.4: userinfo becomes no credentials here, and no part of the target or of Host."""
    stage.answer()
    stage.answered(stage.carry(stage.request("GET", "/x", base=stage.url.replace("://", "://user:secret@"))))
    asked = stage.arrived("GET", "/x")
    said = " ".join(f"{name}: {value}" for name, value in asked.headers)
    stage.demand("uthorization" not in said and "secret" not in said, "fields without a login", said)


@CHAPTER.rows({"429": 429, "503": 503, "500": 500, "408": 408}, wire=False)
def nothing_is_sent_twice(stage: Stage, status: int) -> None:
    """T1, RFC 9110 section 9.2.2: an answer {row}, with Retry-After too, is no reason to send a request again."""
    stage.answer(status, [("Retry-After", "0")], b"later", "Later")
    stage.answered(stage.carry(), status, b"later")
    stage.same("the number of requests", len(stage.received), 1)


@CHAPTER.rows({"FIN": "fin", "RST": "rst"})
def a_failure_is_not_tried_again(stage: Stage, then: Any) -> None:
    """T1, RFC 9110 section 9.2.2: a connection that ends by {row} instead of an answer is not tried a second time."""
    stage.play(then=then)
    came = stage.carry()
    stage.failed(came, TransportError)
    stage.same("the number of requests", len(stage.received), 1)
    stage.same("the number of connections", len(stage.connections), 1)


def _zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


_CODED = {
    "gzip": ("gzip", _zipped(b"hello " * 50)),
    "gzip in capitals": ("GZIP", _zipped(b"hello")),
    "deflate": ("deflate", b"x\x9c\xcbH\xcd\xc9\xc9\x07\x00\x06,\x02\x15"),
    "several codings": ("gzip, gzip", _zipped(_zipped(b"hello"))),
    "an unknown coding": ("x-unknown", b"\x00\x01hello"),
    "gzip that is none": ("gzip", b"no gzip at all"),
    "gzip that was cut off": ("gzip", _zipped(b"hello " * 50)[:-9]),
}


@CHAPTER.rows(_CODED, wire=False)
def a_body_is_not_decoded(stage: Stage, row: tuple[str, bytes]) -> None:
    """T1, RFC 9110 section 8.4: a body of {row} comes as it was sent, and its fields too."""
    coding, sent = row
    stage.answer(200, [("Content-Encoding", coding)], sent)
    came = stage.carry()
    response = stage.answered(came, 200, sent)
    stage.same("Content-Encoding", response.headers.get("content-encoding"), coding)
    stage.same("Content-Length", response.headers.get("content-length"), str(len(sent)))


@CHAPTER.case(wire=False)
def a_decoded_response_is_the_clients(stage: Stage) -> None:
    """T1, RFC 9110 section 8.4.1.3: from what the transport gives, the Response itself decodes a gzip body."""
    stage.answer(200, [("Content-Encoding", "gzip")], _zipped(b"hello"))
    stage.same("the decoded content", stage.send().content, b"hello")


@CHAPTER.case(wire=False)
def nothing_is_cached(stage: Stage) -> None:
    """T1, RFC 9111: an answer that may be kept for a year is asked for again."""
    for body in (b"one", b"two"):
        stage.answer(200, [("Cache-Control", "max-age=31536000"), ("ETag", '"1"')], body)
        stage.answered(stage.carry(stage.request("GET", "/same")), 200, body)
    stage.same("the number of requests", len(stage.received), 2)


_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@CHAPTER.case()
def no_proxy_is_taken_from_the_environment(stage: Stage) -> None:
    """T1: proxies of the environment are the client's affair; the transport goes where its options say."""
    proxy = stage.serve(front="http")
    origin = stage.serve()
    where = dict.fromkeys(_PROXIES, proxy.proxy_url) | {"NO_PROXY": "", "no_proxy": ""}
    with mock.patch.dict(os.environ, where):
        os.environ.pop("REQUEST_METHOD", None)
        came = stage.carry(stage.request("GET", "/", base=origin.url), transport=stage.another())
    stage.answered(came)
    stage.same("bytes received by the proxy of the environment:", proxy.received, 0)


@CHAPTER.case()
def no_login_is_taken_from_netrc(stage: Stage) -> None:
    """T1: a netrc file is the client's affair; the transport sends no login that is in it."""
    with tempfile.TemporaryDirectory() as folder:
        netrc = Path(folder, "netrc")
        netrc.write_text("machine 127.0.0.1 login user password secret\n", encoding="ascii")
        netrc.chmod(0o600)
        with mock.patch.dict(os.environ, {"NETRC": str(netrc)}):
            stage.answer()
            stage.answered(stage.carry(transport=stage.another()))
    names = [name.lower() for name, _ in stage.received[-1].headers]
    stage.demand("authorization" not in names, "a request without a login", f"its fields {names}")


@CHAPTER.case(wire=False)
def the_next_request_knows_nothing_of_the_last(stage: Stage) -> None:
    """T1: fields and bodies of one request are not found in the next, nor is anything of an answer."""
    stage.answer(200, [("X-State", "kept?"), ("Refresh", "0; url=/x")], b"one")
    stage.answered(
        stage.carry(stage.request("POST", "/one", [("X-One", "1"), ("Authorization", "Basic eA==")], b"body"))
    )
    stage.answer()
    stage.answered(stage.carry(stage.request("GET", "/two", [("X-Two", "2")])))
    stage.arrived("GET", "/two", body=b"")
    of_one, of_two = ({name.lower() for name, _ in each.headers} for each in stage.received)
    kept = sorted((of_two & (of_one | {"cookie", "referer"})) & {"x-one", "authorization", "cookie", "referer"})
    stage.same("fields of the first request, or of its answer, in the second:", kept, [])
