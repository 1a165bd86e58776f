"""Where the way differs: redirects, logins, files of certificates, times."""

from differential.differences.difference import Differences, accepted, field, refused, status
from differential.seen import ABSENT

DIFFERENCES = Differences()
because = DIFFERENCES.because

_BODY = {"got.0.content": (b"", b"body"), "got.0.headers": (), "sent.1.body": (b"", b"body")}
_TYPE = field("Content-Type", None, "a/b", 1)
_LENGTH = {"sent.1.length": ("absent", "right")}

because(
    "302 makes a `GET` of everything but `HEAD`; 301 takes the body from `PUT`, `PATCH` and `DELETE`",
    {
        **{f"redirect: 301 after {each}": _BODY | _TYPE for each in ("PUT", "PATCH")},
        "redirect: 301 after DELETE": _BODY | _TYPE | _LENGTH,
        **{
            f"redirect: 302 after {each}": {
                **_BODY,
                **_TYPE,
                **_LENGTH,
                "got.0.request": (("GET", True), (each, True)),
                "sent.1.method": ("GET", each),
            }
            for each in ("PUT", "PATCH", "DELETE")
        },
        "redirect: 302 after REPORT": {
            "got.0.request": (("GET", True), ("REPORT", True)),
            "sent.1.method": ("GET", "REPORT"),
            "sent.1.length": ("absent", "right"),
        },
    },
)
because(
    "303, 301 and 302 leave `Content-Language` and the like on a request without its body",
    {
        "redirect: headers of a body that does not go on": {
            "sent.1.order": (["Content-Language", "Content-Location", "X-Content"], ["X-Content"]),
            **field("Content-Language", "de", None, 1),
            **field("Content-Location", "/y", None, 1),
        }
    },
)
because(
    "307 after a generator sends an empty body",
    {
        f"redirect: {each} after a generator": refused("BodyNotReplayable", "one POST /echo", number=1)
        for each in (307, 308)
    },
)
because(
    '`request("HEAD", ...)` follows redirects, unlike `head(...)`; `allow_redirects=None` is `False`',
    {
        "redirect: not told, HEAD": status(200, 302) | {"sent.1": ("one HEAD /echo", ABSENT)},
        "redirect: allow_redirects=None": status(302, 200) | {"sent.1": (ABSENT, "one GET /echo")},
    },
)
because(
    "`Authorization` goes on from `http://h` to `https://h`",
    {"redirect: up to TLS": field("Authorization", "Bearer x", None, 1)},
)
because(
    "a `Host` of your own goes to whatever host a redirect leads to",
    {
        "redirect: to another origin, Host written by hand": field("Host", "elsewhere.test", "two.test", 1),
        "redirect: to another origin and back, Host written by hand": {
            **field("Host", "elsewhere.test", "two.test", 1),
            **field("Host", "elsewhere.test", "one.test", 2),
        },
    },
)
because(
    "after a redirect `response.url` is as the `Location` was written: `http://H`, `http://user:secret@h/`",
    {
        "Location: no path": {"got.0.url": ("http://one.test#here", "http://one.test/#here")},
        "Location: no path but a query": {"got.0.url": ("http://one.test?x=1#here", "http://one.test/?x=1#here")},
        "Location: a login in it": {"got.0.url": ("http://who:pass@one.test/echo#here", "http://one.test/echo#here")},
        "redirect: to the same host in upper case": {"got.0.url": ("http://SHOP.test/echo", "http://shop.test/echo")},
    },
)
because(
    "a `Location` without a host, or two of them, leads somewhere; one in latin-1 is a `UnicodeDecodeError`",
    {
        "Location: latin-1": accepted("UnicodeDecodeError", "one GET /echo/caf%E9", number=1),
        "Location: no host": refused("InvalidURL", "one GET /echo", number=1),
        "redirect: two Locations": refused("InvalidURL", "one GET /echo?1,%20/echo?2", number=1),
    },
)

# --- logins ---


def digest(number: int, **parameters: str) -> dict[str, object]:
    """A login that only Intermodal sends, right as of RFC 7616."""
    sent = {"username": "user", "realm": "a realm", "nonce": "abc+/==", "response": "right", **parameters}
    return {f"sent.{number}.header authorization": (ABSENT, [("Authorization", sent)])}


because(
    "Digest logs in once, and not after a redirect; its 401 is lost from `history` then",
    {
        "digest: a redirect behind it": {
            "got.0.history": (
                [(302, "http://one.test/x", "GET")],
                [(401, "http://one.test/x", "GET"), (302, "http://one.test/x", "GET")],
            ),
            **digest(2, uri="/echo", qop="auth", nc="00000002"),
        }
    },
)
because(
    "Digest by MD5, SHA, SHA-256 and SHA-512, only `qop=auth`; what is asked for otherwise is answered without a login,"
    " or is a `KeyError`",
    {
        **{
            f"digest: {each}": status(200, 401) | {"sent.1": ("one GET /echo?a=1", ABSENT)}
            for each in ("algorithm SHA", "algorithm SHA-512", "algorithm X-NEW", "an unknown quality")
        },
        **{
            f"digest: algorithm {each}": digest(1, uri="/echo?a=1", algorithm=each, qop="auth", nc="00000001")
            for each in ("SHA-256-sess", "SHA-512-256")
        },
        "digest: auth-int alone": digest(1, uri="/echo?a=1", qop="auth-int", nc="00000001"),
        "digest: no nonce": {"got.0": ("KeyError", 401)},
        "digest: no realm": {"got.0": ("KeyError", 401)},
    },
)
because(
    "user and password are sent in latin-1",
    {
        "auth: beyond ASCII": field("Authorization", "Basic dXPpcjpz6WNyZXQ=", "Basic dXPDqXI6c8OpY3JldA=="),
        "auth: in characters that latin-1 has not": accepted(
            "UnicodeEncodeError", "one GET /basic-auth/user/secret", 401
        ),
        "auth: in the URL, beyond ASCII": field("Authorization", "Basic dXPpcjpzZWNyZXQ=", "Basic dXPDqXI6c2VjcmV0"),
    },
)
because(
    "`:` in the user's name is sent, where it begins the password",
    {"auth: a colon in the user": refused("InvalidRequest", "one GET /basic-auth/user/secret", 401)},
)
because(
    "`auth=` is a tuple, and what is in it may be a number",
    {
        "auth: a list": accepted("TypeError", "one GET /basic-auth/user/secret"),
        "auth: numbers": refused("TypeError", "one GET /basic-auth/user/secret", 401),
    },
)
because(
    "`http://token@h/` logs nobody in",
    {
        "host: a user only": field("Authorization", None, "Basic dXNlcjo="),
        "auth: in the URL, user only": field("Authorization", None, "Basic dXNlcjo="),
        "host: an empty login": {"got.0.url": ("http://:@shop.test/echo?x=1", "http://shop.test/echo?x=1")},
    },
)
because(
    "`session.auth` and a login in the URL override an `Authorization` header",
    {
        "auth: of the session beside a header": field("Authorization", "Basic dXNlcjpzZWNyZXQ=", "Bearer x"),
        "auth: of the session beside its header": field("Authorization", "Basic dXNlcjpzZWNyZXQ=", "y"),
        "auth: in the URL, beside a header": field("Authorization", "Basic d2hvOndoYXQ=", "Bearer x"),
    },
)
because(
    "a login of the netrc file overrides an `Authorization` header",
    {"netrc: and a header": field("Authorization", "Basic bmV0OnJj", "Bearer x")},
)
because(
    "a login of the netrc file goes before one in the URL",
    {"netrc: and a login in the URL": field("Authorization", "Basic bmV0OnJj", "Basic d2hvOndoYXQ=")},
)
because(
    '`headers={"Authorization": None}` leaves `session.auth` as it is',
    {"auth: of the session removed": field("Authorization", "Basic dXNlcjpzZWNyZXQ=", None)},
)
because(
    "the error of `raise_for_status` shows the URL's user and password",
    {
        "auth: in the URL, an error's text": {
            "got.0.said": (
                "404 Client Error: Not Found for url: http://who:what@one.test/status/404",
                "404 Client Error: Not Found for url: http://one.test/status/404",
            )
        }
    },
)

# --- trust and time ---

because(
    "a CA or certificate file that is not there is an `OSError`",
    {
        "verify: no such file": {"got.0.error": ("OSError", "InvalidRequest")},
        "cert: no such file": {"got.0.error": ("OSError", "InvalidRequest")},
    },
)
because(
    "`ConnectionError` for a wait within the body that is too long",
    {"timeout: within the body": {"got.0.error": ("ConnectionError", "ReadTimeout")}},
)
