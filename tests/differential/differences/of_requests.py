"""Where what is asked for differs: URLs, bodies, headers, cookies."""

from differential.differences.difference import Differences, accepted, field, places, refused
from differential.seen import ABSENT, ANY

DIFFERENCES = Differences()
because = DIFFERENCES.because

because(
    "`/%7Euser` is sent as `/~user`, `/%2e%2e/` as `/../`, `%c3` as `%C3`",
    {
        "params: after a query": places("/echo?z=~&y=%2F&a=1", "/echo?z=%7e&y=%2F&a=1"),
        "URL: escapes, in lower and upper case": places("/echo/%C3%A9?x=%2F%2F", "/echo/%c3%A9?x=%2f%2F"),
        "URL: an escape of nothing special": places("/echo/~user/A", "/echo/%7euser/%41"),
        "URL: escaped dots": places("/a/../b", "/a/%2e%2E/b"),
        "Location: escapes": {
            "got.0.url": ("http://one.test/echo/~%2f#here", "http://one.test/echo/%7e%2f#here"),
            "sent.1.target": ("/echo/~%2F", "/echo/%7e%2f"),
        },
    },
)
because(
    "one `%` that stands alone has every other `%` of the URL encoded once more",
    {
        "params: text with an escape": places("/echo?sig=%257e%252F%25zz", "/echo?sig=%7e%2F%25zz"),
        "Location: a stray percent sign": {
            "got.0.url": ("http://one.test/echo/%252F%25zz#here", "http://one.test/echo/%2F%25zz#here"),
            "sent.1.target": ("/echo/%252F%25zz", "/echo/%2F%25zz"),
        },
    },
)
because(
    "`/..//x` is sent as `/x`",
    {"URL: dots above the root, and an empty segment": places("/echo", "//echo")},
)
because(
    "`http://h/?`, `http://h/#`, and a `Location` that ends in `;`, lose their last character",
    {
        "Location: a semicolon at its end": {
            "got.0.url": ("http://one.test/echo#here", "http://one.test/echo;#here"),
            "sent.1.target": ("/echo", "/echo;"),
        },
        "URL: an empty query": places("/echo", "/echo?"),
        "URL: an empty fragment": {"got.0.url": ("http://one.test/echo", "http://one.test/echo#")},
    },
)
because(
    "`http://h:80/` and `http://h./` are sent with the port and the dot",
    {
        "host: a dot at its end": {
            "sent.0.target": ("http://shop.test./echo?x=1", "http://shop.test/echo?x=1"),
            **field("Host", "shop.test.", "shop.test"),
        },
        "host: the scheme's port": {
            "got.0.url": ("http://shop.test:80/echo?x=1", "http://shop.test/echo?x=1"),
            "sent.0.target": ("http://shop.test:80/echo?x=1", "http://shop.test/echo?x=1"),
            **field("Host", "shop.test:80", "shop.test"),
        },
        "redirect: to the same host, its port written": {
            "got.0.url": ("http://shop.test:80/echo", "http://shop.test/echo"),
            "sent.1.target": ("http://shop.test:80/echo", "http://shop.test/echo"),
            **field("Host", "shop.test:80", "shop.test", 1),
        },
        "redirect: to the same host with a dot": {
            "sent.1.target": ("http://shop.test./echo", "http://shop.test/echo"),
            **field("Host", "shop.test.", "shop.test", 1),
            **field("Authorization", None, "Bearer x", 1),
        },
    },
)
because(
    "line breaks, tabs, NUL and lone surrogates in a URL are percent-encoded",
    {
        "URL: a newline": refused("InvalidURL", "one GET /echo%0AX:%20y"),
        "URL: a tab": refused("InvalidURL", "one GET /echo%09x"),
        "URL: a NUL": refused("InvalidURL", "one GET /echo%00x"),
        "URL: a lone surrogate": refused("InvalidURL", "one GET /echo/%ED%A0%80"),
    },
)
because(
    "a host such as `ﬁsh.test`, with a ligature, is refused",
    {"host: a ligature": accepted("InvalidURL", "proxy GET http://fish.shop.test/echo?x=1")},
)
because(
    "`localhost:8080/x` is of an unknown scheme",
    {"URL: no scheme, with a port": {"got.0.error": ("UnsupportedScheme", "InvalidURL")}},
)
because(
    "whatever has a text is a URL; a method may be bytes, or empty",
    {
        "URL: an object that is text where it is asked for it": refused("InvalidURL", "one GET /echo"),
        "an empty method": refused("InvalidHeader", None, 400),
        "a method in bytes": refused("InvalidHeader", "one GET /status/200"),
    },
)
because(
    '`get(url, {"q": 1})`',
    {"module: params by place": {"status": (200, "TypeError"), "sent.0": ("one GET /echo?a=1", ABSENT)}},
)
because(
    "`params` in text or pairs take the place of the session's",
    {
        "params: pairs beside the session's": places("/echo?a=2", "/echo?s=1&a=2"),
        "params: text beside the session's": places("/echo?a=2", "/echo?s=1&a=2"),
    },
)

# --- bodies ---

because(
    "`json=` beside `data=` or `files=` is passed over",
    {
        "json: beside data": refused("InvalidRequest", "one POST /echo"),
        "json: beside files": refused("InvalidRequest", "one POST /echo"),
    },
)
because(
    "a multipart `Content-Type` of your own is sent with parts that begin otherwise",
    {
        "files: a type of one's own for all": {
            "sent.0.header content-type": (
                [("Content-Type", "multipart/x; boundary=mine")],
                [("Content-Type", "multipart/x; boundary=BOUNDARY")],
            )
        }
    },
)
because(
    '`data={"a": None}` and an empty file are sent chunked',
    {
        "data: a mapping that is left empty": {
            "got.0.headers": (),
            "sent.0.length": ("absent", "right"),
            **field("Transfer-Encoding", "chunked", None),
            **field("Content-Type", "application/x-www-form-urlencoded", None),
        },
        "data: an empty file": {"sent.0.length": ("absent", "right"), **field("Transfer-Encoding", "chunked", None)},
    },
)
because(
    "`DELETE`, `OPTIONS` and `TRACE` without body send `Content-Length: 0`",
    {f"no body with {each}": {"sent.0.length": ("right", "absent")} for each in ("DELETE", "OPTIONS", "TRACE")},
)
because(
    "`Content-Length` or `Transfer-Encoding` may be set to anything",
    {
        "data: with a wrong length": refused("InvalidHeader", "one POST /echo"),
        "data: a generator with its length": {
            "got.0.status_code": (400, 200),  # both fields, which a server has to refuse: RFC 9112 section 6.1
            "got.0.*": (),
            "sent.0": (ABSENT, "one POST /echo"),
        },
        "headers: Content-Length without a body": {"got.0.error": ("ReadTimeout", "InvalidHeader")},
        "headers: Transfer-Encoding": refused("InvalidHeader", None, 400),
        "headers: Transfer-Encoding without a body": refused("InvalidHeader", None, 400),
    },
)
because(
    "a file opened in text mode and an iterable of `str` are sent somehow",
    {
        "data: a generator of text": refused("RequestBodyError", "one POST /echo"),
        "data: a file of text in memory": refused("InvalidRequest", "one POST /echo"),
        "data: a file opened as text": refused("InvalidRequest", "one PUT /echo"),
    },
)
because(
    "an iterable of bytes is a generator, never a list",
    {"data: a list of bytes": accepted("ValueError", "one POST /echo")},
)

# --- headers ---

because("headers are a mapping", {"headers: pairs": accepted("AttributeError", "one GET /status/200")})
because(
    "`None` for `User-Agent` or `Accept-Encoding` has the libraries below send their own",
    {
        "headers: the agent removed": {"sent.0.header user-agent": ()},  # it holds urllib3's version
        "headers: the codings removed": field("Accept-Encoding", "identity", None),
    },
)
because(
    "header names may hold spaces, values control characters",
    {
        "headers: a space in a name": refused("InvalidHeader", None, 400),
        "headers: a NUL": refused("InvalidHeader", None, 400),
        "headers: a control character": refused("InvalidHeader", "one GET /status/200"),
    },
)
because(
    "a header value that begins with a space is refused; of a response the space behind it stays",
    {
        "headers: space in front of a value": accepted("InvalidHeader", "one GET /status/200"),
        "answer: headers with space around": {
            "got.0.headers": (
                {"content-length": ["0"], "x-a": ["1  "], "x-b": ["2"]},
                {"content-length": ["0"], "x-a": ["1"], "x-b": ["2"]},
            )
        },
        "Location: space around": {
            "got.0.url": ("http://one.test/echo%20%20#here", "http://one.test/echo#here"),
            "sent.1.target": ("/echo%20%20", "/echo"),
        },
    },
)
because(
    "`TE` and `Keep-Alive` are sent",
    {
        "headers: TE": refused("InvalidHeader", "one GET /status/200"),
        "headers: Keep-Alive": refused("InvalidHeader", "one GET /status/200"),
    },
)
because(
    "`host` stands where and as you write it",
    {
        "headers: Host, in lower case and behind another": {
            "sent.0.header host": ([("host", "elsewhere.test")], [("Host", "elsewhere.test")])
        }
    },
)
_LIBRARY, _BODY = ["Host", "User-Agent"], ["Content-Length", "Content-Type"]
because(
    "fields that the library adds stand in an order of its own",
    {
        "headers: the order of all": {
            "order": (
                [*_LIBRARY, "Accept-Encoding", "Accept", "Connection", "X-A", "Cookie", *_BODY, "Authorization"],
                [
                    *_LIBRARY,
                    "Accept",
                    "Accept-Encoding",
                    "Connection",
                    "X-A",
                    _BODY[1],
                    "Authorization",
                    "Cookie",
                    _BODY[0],
                ],
            )
        }
    },
)

# --- cookies ---

because(
    "the rules of Netscape, as `http.cookiejar` has them",
    {
        "Set-Cookie: a path that is none": {
            "jar": ([("a", "1", "127.0.0.1", "here")], [("a", "1", "127.0.0.1", "/first")]),
            **field("Cookie", None, "a=1", 1),
        },
        "Set-Cookie: Secure": {
            "got.0.cookies": ({"a": "1"}, {}),
            "jar": ([("a", "1", "127.0.0.1", "/")], []),
        },
        "Set-Cookie: no value": {
            "got.0.cookies": ({"a": None}, {"": "a"}),
            "jar": ([("a", None, "127.0.0.1", "/")], [("", "a", "127.0.0.1", "/")]),
        },
        "Set-Cookie: no name": {
            "got.0.cookies": ({}, {"": "a"}),
            "jar": ([], [("", "a", "127.0.0.1", "/")]),
            **field("Cookie", None, "a", 1),
        },
    },
)
because(
    "a cookie without `Domain` goes to the hosts below its host too",
    {"Set-Cookie: no domain is this host only": field("Cookie", "a=1", None, 3)},
)
because(
    "cookies of one path stand in the order of their domains",
    {"cookies: their order": {"order": (ANY, ["z=1; y=2", "a=4; z=1; b=3; y=5; x=6"])}},  # theirs is Python's
)
because(
    "a cookie set by hand is sent beside the server's of that name",
    {
        "cookies: replaced by what the server sets": field("Cookie", "a=mine; a=theirs", "a=theirs", 1),
        "redirect: a cookie of the call is replaced on the way": field("Cookie", "mine=new; mine=old", "mine=new", 1),
        "redirect: a cookie of the call is removed on the way": field("Cookie", "mine=old", None, 1),
    },
)
because(
    "a cookie whose value is `None` is sent as its name alone",
    {
        "cookies: None for one": field("Cookie", "a; b=2", "b=2"),
        "cookies: one of the session by None": field("Cookie", "s; t=3", "s=1; t=3"),
    },
)
because(
    "`;` in a cookie's value makes two of it",
    {"cookies: a semicolon": refused("InvalidHeader", "one GET /status/200")},
)
because(
    "cookies set by hand, for the session or a call, go to every host that a redirect leads to",
    {
        "redirect: the session's cookies to another host": field("Cookie", "mine=1", None, 1),
        "redirect: to another origin, cookies": field("Cookie", "mine=1", None, 1),
        "redirect: to another origin and back, cookies": {
            **field("Cookie", "mine=1", None, 1),
            **field("Cookie", "mine=1", None, 2),
        },
    },
)
because(
    "a `Cookie` header of your own is dropped at every redirect",
    {
        f"redirect: {each}": field("Cookie", None, "hand=1", 1)
        for each in (
            "Cookie written by hand, same origin",
            "to the same host in upper case",
            "to the same host, its port written",
            "to the same host with a dot",
        )
    },
)
because(
    '`headers["set-cookie"]` joins several',
    {"Set-Cookie: joined with others in the headers": {"set-cookie": ("a=1, b=2", "a=1")}},
)
