"""``params``, and URLs as they are written."""

from differential.row import Fresh, Table, answer

TABLE = Table()
call, row = TABLE.call, TABLE.row

for name, params in {
    "mapping": {"q": "tea", "page": 2},
    "list of values": {"k": [1, 2, "x"]},
    "tuple of values": {"k": ("a", "b"), "z": "1"},
    "empty list of values": {"k": [], "z": 1},
    "None is left out": {"a": None, "b": "1"},
    "None among values": {"a": ["1", None, "2"]},
    "all of them None": {"a": None},
    "numbers": {"i": -1, "f": 2.5, "big": 10**30, "t": True},
    "bytes": {b"k": b"v\xff", "l": [b"1", "2"]},
    "beyond ASCII": {"ключ": "zażółć", "e": "é\u0301🚂"},
    "what means something in a query": {"a&b=c": "d&e=f#g+h%20;i?j/k:l@m", "sp ace": " "},
    "what is left as it is": {"k": "-._~!*'()"},
    "control characters": {"k": "a\r\nb\tc\0d"},
    "empty text": {"k": "", "": "v"},
    "pairs": [("b", "1"), ("a", "2"), ("b", "3")],
    "pairs with lists": [("a", ["1", "2"]), ("b", None)],
    "tuple of pairs": (("a", 1), ("b", 2)),
    "text": "a=1&b=2",
    "text with a space and more": 'q=a b"c<d>&é=ü',
    "text with an escape": "sig=%7e%2F%zz",
    "bytes of a query": b"a=1&b=%20",
    "empty mapping": {},
    "empty text for all": "",
    "empty pairs": [],
    "None for all": None,
}.items():
    call(f"params: {name}", "GET", "/echo", params=params)
call("params: any iterable of values", "GET", "/echo", params=Fresh(lambda _: {"k": iter(["a", "b"])}))
call("params: the keys of a dict", "GET", "/echo", params={"k": {"x": 1, "y": 2}.keys()})
call("params: after a query", "GET", "/echo?z=%7e&y=%2F", params={"a": 1})
call("params: after an empty query", "GET", "/echo?", params={"a": 1})
call("params: before a fragment", "GET", "/echo?z#part", params={"a": 1})
call("params: a query that ends in &", "GET", "/echo?z=1&", params={"a": 1})
call("params: with a body", "POST", "/echo", params={"a": 1}, data={"b": 2})
call("params: of the session", "GET", "/echo?z=0", session={"params": {"s": 1}}, params={"a": 2})
call("params: of the session, alone", "GET", "/echo", session={"params": {"s": [1, 2]}})
call("params: one of the session replaced", "GET", "/echo", session={"params": {"s": 1, "t": 2}}, params={"s": 3})
call("params: one of the session removed", "GET", "/echo", session={"params": {"s": 1, "t": 2}}, params={"s": None})
call("params: pairs beside the session's", "GET", "/echo", session={"params": {"s": 1}}, params=[("a", 2)])
call("params: text beside the session's", "GET", "/echo", session={"params": {"s": 1}}, params="a=2")

for name, url in {
    "no path": "{one}",
    "no path but a query": "{one}?a=1",
    "spaces": "/echo a b?c d=e f",
    "beyond ASCII": "/echo/zażółć/🚂?é=ü#ö",
    "escapes, in lower and upper case": "/echo/%c3%A9?x=%2f%2F",
    "an escape of nothing special": "/echo/%7euser/%41",
    "a stray percent sign": "/echo/100%/%zz?p=5%",
    "what is left as it is": "/echo/-._~!$&'()*+,;=:@?-._~!$&'()*+,;=:@/?",
    "what is escaped": '/echo/"<>`{}|^[]\\?"<>`{}|^[]\\',
    "semicolons": "/echo;a=1/b;c?d;e",
    "dots": "/a/./b/../echo",
    "dots at the end": "/a/b/..",
    "dots above the root, and an empty segment": "/..//echo",
    "escaped dots": "/a/%2e%2E/b",
    "two slashes": "//echo//x",
    "an empty query": "/echo?",
    "two question marks": "/echo?a=b?c",
    "a fragment": "/echo#part",
    "an empty fragment": "/echo#",
    "space in front": "  {one}/echo",
    "space behind": "/echo  ",
    "bytes": b"/echo?x=1",
    "bytes in UTF-8": "/echo/é".encode(),
    "upper case": "HTTP://127.0.0.1:{port}/Echo",
    "upper case and dots": "HTTP://127.0.0.1:{port}/a/../b/./c",
    "the empty URL": "",
    "no scheme": "127.0.0.1/echo",
    "no scheme, with a port": "localhost:8080/echo",
    "a path alone": "./echo",
    "no host": "http:///echo",
    "no host at all": "http://",
    "another scheme": "ftp://127.0.0.1/echo",
    "mailto": "mailto:someone@shop.test",
    "a scheme that nobody knows": "x://y",
    "a port that is no number": "http://127.0.0.1:port/",
    "a port beyond all": "http://127.0.0.1:99999/",
    "a host of a star": "http://*.shop.test/",
    "a host that begins with a dot": "http://.shop.test/",
    "a label beyond ASCII that cannot be": "http://☃.é\u200b\ufdd0.test/",
    "a newline": "/echo\nX: y",
    "a tab": "/echo\tx",
    "a NUL": "/echo\0x",
    "a lone surrogate": "/echo/\ud800",
    "a long one": "/echo/" + "x" * 5000,
}.items():
    if isinstance(url, str) and "{port}" in url:

        def _spelled(talk, url=url):
            talk.play(answer(200))
            talk("GET", url.replace("{port}", talk.one.rpartition(":")[2]))

        row(f"URL: {name}")(_spelled)
    elif url == "./echo":
        row(f"URL: {name}")(lambda talk: talk("GET", "./echo"))
    else:
        call(f"URL: {name}", "GET", url, script=(answer(200),))

for name, host in {
    "beyond ASCII": "bücher.shop.test",
    "upper case": "SHOP.test",
    "upper case beyond ASCII": "BÜCHER.shop.test",
    "a ligature": "ﬁsh.shop.test",
    "a sharp s": "straße.shop.test",
    "a dot at its end": "shop.test.",
    "an underscore": "a_b.shop.test",
    "the scheme's port": "shop.test:80",
    "another port": "shop.test:8080",
    "a login": "user:se%2Fcret@shop.test",
    "a user only": "user@shop.test",
    "an empty login": ":@shop.test",
}.items():
    call(f"host: {name}", "GET", f"http://{host}/echo?x=1", proxies={"http": "{proxy}"})
row("URL: None")(lambda talk: talk("GET", None))
row("URL: a number")(lambda talk: talk("GET", 5))


@row("URL: an object that is text where it is asked for it")
def _object(talk):
    class Place:
        def __str__(self):
            return f"{talk.one}/echo"

    talk("GET", Place())
