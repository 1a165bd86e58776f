"""``data``, ``json`` and ``files``."""

import collections
import io

from differential.row import Fresh, Table

TABLE = Table()
call, row = TABLE.call, TABLE.row

for name, data in {
    "mapping": {"a": "1", "b": 2},
    "lists": {"k": ["x", "y"], "l": ("z",)},
    "None in it": {"a": None, "b": "1"},
    "empty values": {"a": "", "": "b"},
    "beyond ASCII": {"ключ": "zażółć 🚂"},
    "bytes in it": {b"k": b"\xff&=", "l": [b"1"]},
    "what means something in a form": {"a&b": "c=d+e f%20\r\n~*"},
    "pairs": [("b", "1"), ("a", "2"), ("b", "3")],
    "tuple of pairs": (("a", "1"), ("b", ["2", "3"])),
    "empty mapping": {},
    "empty list": [],
    "a mapping that is left empty": {"a": None},
    "text": "plain text",
    "text beyond ASCII": "zażółć 🚂",
    "empty text": "",
    "empty bytes": b"",
    "None": None,
}.items():
    call(f"data: {name}", "POST", "/echo", data=data)
call("data: bytes", "POST", "/status/200", data=bytes(range(256)))
call("data: bytearray", "POST", "/echo", data=Fresh(lambda _: bytearray(b"abc")))
call("data: an ordered mapping", "POST", "/echo", data=collections.OrderedDict([("b", "1"), ("a", "2")]))
call("data: a file in memory", "POST", "/echo", data=Fresh(lambda _: io.BytesIO(b"x" * 70_000)))
call("data: an empty file", "POST", "/echo", data=Fresh(lambda _: io.BytesIO()))
call("data: a generator", "POST", "/echo", data=Fresh(lambda _: (each for each in [b"one", b"two"])))
call("data: a generator of nothing", "POST", "/echo", data=Fresh(lambda _: iter(())))
call("data: a generator with an empty piece", "POST", "/echo", data=Fresh(lambda _: iter([b"one", b"", b"two"])))
call("data: a generator of text", "POST", "/echo", data=Fresh(lambda _: iter(["one", "two"])))
call("data: a file of text in memory", "POST", "/echo", data=Fresh(lambda _: io.StringIO("text")))
call("data: a list of bytes", "POST", "/echo", data=[b"one", b"two"])
call("data: a number", "POST", "/echo", data=5)


def _offset(_):
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    return file


call("data: a file from where it stands", "POST", "/echo", data=Fresh(_offset))


def _real(name, content, mode="rb"):
    def make(talk):
        path = talk.folder / name
        path.write_bytes(content)
        file = path.open(mode)
        talk._stack.callback(file.close)
        return file

    return Fresh(make)


call("data: a file on disk", "PUT", "/echo", data=_real("body.bin", b"\x00body" * 1000))
call("data: a file opened as text", "PUT", "/echo", data=_real("body.txt", "zażółć\n".encode(), "r"))

for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "REPORT"):
    call(f"data: bytes with {method}", method, "/echo", data=b"body")
for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "REPORT", "TRACE"):
    call(f"no body with {method}", method, "/status/200")
call("a method in lower case", "patch", "/status/200", data=b"x")
call("a method in mixed case that nobody knows", "Frobnicate", "/status/200")
call("a method that is none", "GE T", "/status/200")
call("an empty method", "", "/status/200")
call("a method with a line break", "GET\r\nX: y", "/status/200")
call("a method in bytes", b"GET", "/status/200")  # type: ignore[arg-type]

for name, value in {
    "object": {"a": [1, 2.5, None, True], "b": {"c": "d"}},
    "list": [1, "x"],
    "text": "text",
    "zero": 0,
    "false": False,
    "empty object": {},
    "empty list": [],
    "beyond ASCII": {"ключ": "zażółć 🚂"},
    "None": None,
    "NaN": float("nan"),
    "infinity": {"x": float("inf")},
    "what is no JSON": {"x": object()},
    "a number as key": {1: "one"},
}.items():
    call(f"json: {name}", "POST", "/echo", json=value)
call("json: with a type of one's own", "POST", "/echo", json={"a": 1}, headers={"Content-Type": "a/b"})
call("json: with params and headers", "PUT", "/echo", json=[1], params={"p": "q"}, headers={"X-A": "1"})
call("json: beside data", "POST", "/echo", json={"a": 1}, data={"b": "2"})
call("json: beside empty data", "POST", "/echo", json={"a": 1}, data={})
call("json: beside files", "POST", "/echo", json={"a": 1}, files={"f": b"x"})
call("data: with a type of one's own", "POST", "/echo", data={"a": "1"}, headers={"content-type": "a/b"})
call("data: text with a type of one's own", "POST", "/echo", data="a=1", headers={"Content-Type": "a/b"})
call("data: with its own length", "POST", "/echo", data=b"abc", headers={"Content-Length": "3"})
call("data: with a wrong length", "POST", "/echo", data=b"abc", headers={"Content-Length": "2"})
call(
    "data: a generator with its length",
    "POST",
    "/echo",
    data=Fresh(lambda _: iter([b"abc"])),
    headers={"Content-Length": "3"},
)


def _files(name, files, **keywords):
    call(f"files: {name}", "POST", "/echo", files=files, **keywords)


_files("bytes", {"f": b"content"})
_files("text", {"f": "zażółć"})
_files("a file in memory", Fresh(lambda _: {"f": io.BytesIO(b"content")}))
_files("a file on disk, by its own name", Fresh(lambda talk: {"f": _real("dię.txt", b"content").make(talk)}))
_files("a name", {"f": ("name.txt", b"content")})
_files("a name and a file", Fresh(lambda _: {"f": ("name.txt", io.BytesIO(b"content"))}))
_files("a type", {"f": ("name.txt", b"content", "text/x-special")})
_files("headers", {"f": ("name.txt", b"content", "text/plain", {"X-Part": "1", "Expires": "0"})})
_files("no name", {"f": (None, "value")})
_files("an empty name", {"f": ("", b"content")})
_files("no name, with a type", {"f": (None, '{"a": 1}', "application/json")})
_files("empty content", {"f": ("name.txt", b"")})
_files("None for one", {"f": None, "g": b"x"})
_files("several", {"f": b"1", "g": ("two", b"2")})
_files("several under one name, in pairs", [("f", ("one", b"1")), ("f", ("two", b"2"))])
_files("a name beyond ASCII", {"f": ("dię 🚂.txt", b"x")})
_files("a quote and a line break in a name", {"f": ('a"b\r\nc\\d.txt', b"x")})
_files("a field's name with a quote", {'f"g': ("n", b"x")})
_files("a field's name beyond ASCII", {"ключ": b"x"})
_files("fields before them", {"f": b"x"}, data={"a": "1", "b": 2})
_files("fields with lists", {"f": b"x"}, data={"a": ["1", "2"], "n": None, "e": ""})
_files("fields in pairs", {"f": b"x"}, data=[("b", "1"), ("a", "2"), ("b", "3")])
_files("fields in bytes and beyond ASCII", {"f": b"x"}, data={"a": b"\xff", "é": "ü"})
_files("text for data", {"f": b"x"}, data="text")
_files("bytes for data", {"f": b"x"}, data=b"bytes")
_files("empty, beside fields", {}, data={"a": "1"})
_files("empty", {})
_files("empty pairs, beside fields", [], data={"a": "1"})
_files("a type of one's own for all", {"f": b"x"}, headers={"Content-Type": "multipart/x; boundary=mine"})
_files("with params, headers and cookies", {"f": b"x"}, params={"p": 1}, headers={"X-A": "1"}, cookies={"c": "d"})
_files("a file from where it stands", Fresh(lambda talk: {"f": ("n", _offset(talk))}))
_files("a large one", {"f": ("large", b"0123456789" * 20_000)})
_files("a number", {"f": ("n", 5)})
