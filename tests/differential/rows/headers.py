"""``headers``."""

from differential.row import Table

TABLE = Table()
call, row = TABLE.call, TABLE.row


def _headers(name, headers, method="GET", **keywords):
    call(f"headers: {name}", method, "/status/200", headers=headers, **keywords)


_headers("mapping", {"X-One": "1", "x-two": "2", "X-THREE": "3"})
_headers("order", {"X-C": "1", "X-A": "2", "X-B": "3"})
_headers("one name in two cases", {"X-A": "1", "X-B": "2", "x-a": "3"})
_headers("one name in two cases, removed", {"X-A": "1", "x-a": None})
_headers("empty value", {"X-Empty": ""})
_headers("bytes", {"X-Bytes": b"a\xffb", b"X-Name": "n"})
_headers("latin-1", {"X-Latin": "caf\xe9"})
_headers("beyond latin-1", {"X-Far": "za\u017c\xf3\u0142\u0107"})
_headers("a number", {"X-Number": 5})
_headers("None", {"X-None": None, "X-A": "1"})
_headers("None for all", None)
_headers("empty mapping", {})
_headers("pairs", [("X-A", "1"), ("X-A", "2")])
_headers("a line break", {"X-Bad": "a\r\nX-Smuggled: 1"})
_headers("a line break in bytes", {"X-Bad": b"a\nb"})
_headers("a line break in a name", {"X-Bad\r\nX": "1"})
_headers("a colon in a name", {"X:Bad": "1"})
_headers("a space in a name", {"X Bad": "1"})
_headers("an empty name", {"": "1"})
_headers("a space before a name", {" X-Bad": "1"})
_headers("a folded value", {"X-Folded": "a\r\n b"})
_headers("space in front of a value", {"X-Space": " a"})
_headers("space behind a value", {"X-Space": "a "})
_headers("space inside a value", {"X-Space": "a  b\tc"})
_headers("a NUL", {"X-Nul": "a\0b"})
_headers("a control character", {"X-Control": "a\x1fb"})
_headers("a default replaced", {"Accept": "text/html"})
_headers("a default replaced, in another case", {"accept": "text/html", "X-A": "1"})
_headers("the agent", {"User-Agent": "mine/1"})
_headers("codings", {"Accept-Encoding": "identity"})
_headers("Accept removed", {"Accept": None})
_headers("the agent removed", {"User-Agent": None})
_headers("the codings removed", {"Accept-Encoding": None})
_headers("Connection removed", {"Connection": None})
_headers("Connection: close", {"Connection": "close"})
_headers("Host", {"Host": "elsewhere.test"})
_headers("Host, in lower case and behind another", {"X-A": "1", "host": "elsewhere.test"})
_headers("Authorization", {"Authorization": "Bearer token"})
_headers("Cookie", {"Cookie": "a=1; b=2"})
_headers("Cookie beside cookies", {"Cookie": "a=1"}, cookies={"b": "2"})
_headers("Referer and Range", {"Referer": "http://x/", "Range": "bytes=0-1"})
_headers("Content-Type without a body", {"Content-Type": "text/x"})
_headers("Content-Type without a body, POST", {"Content-Type": "text/x"}, method="POST")
_headers("Content-Length 0 without a body", {"Content-Length": "0"})
_headers("Content-Length without a body", {"Content-Length": "5"}, timeout=0.2)
_headers("Transfer-Encoding", {"Transfer-Encoding": "chunked"}, method="POST", data=b"x")
_headers("Transfer-Encoding without a body", {"Transfer-Encoding": "chunked"}, method="POST")
_headers("TE", {"TE": "trailers"})
_headers("Keep-Alive", {"Keep-Alive": "timeout=5"})
_headers("Proxy-Authorization", {"Proxy-Authorization": "Basic eDp5"})
_headers("Upgrade", {"Connection": "Upgrade", "Upgrade": "x/1"})
_headers("If-None-Match", {"If-None-Match": '"x"'})
_headers("a long one", {"X-Long": "x" * 10_000})
_headers("a hundred", {f"X-{number}": str(number) for number in range(90)})

_SESSION = {"headers": {"X-Session": "s", "Accept": "text/plain"}}
_headers("of the session", None, session=_SESSION)
_headers("of the session, laid over", {"X-Session": "c", "X-Call": "1"}, session=_SESSION)
_headers("of the session, laid over in another case", {"x-session": "c"}, session=_SESSION)
_headers("of the session, removed", {"X-Session": None}, session=_SESSION)
_headers("of the session, removed in another case", {"x-SESSION": None, "accept": None}, session=_SESSION)
_headers("a default removed by the session", {"X-A": "1"}, session={"headers": {"Accept": None}})
_headers("the agent of the session", None, session={"headers": {"User-Agent": "mine/1"}})


@row("headers: None removes for one call only")
def _one_call(talk):
    talk.open(headers={"X-Session": "s"})
    talk("GET", "/status/200", headers={"X-Session": None})
    talk("GET", "/status/200")


@row("headers: the order of all")
def _order(talk):
    keywords = {"headers": {"X-A": "1"}, "cookies": {"c": "1"}, "auth": ("user", "secret"), "json": {}}
    talk("POST", "/status/200", **keywords)
    talk.note("order", lambda: [name for name, _ in talk.world.received[0][1].headers])
