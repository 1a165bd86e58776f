"""What the caller gets of an answer: its text, its errors, its pieces."""

import gzip
import json
import zlib

from differential.row import Table, answer

TABLE = Table()
call, row = TABLE.call, TABLE.row


def came(name, *headers, body=b"", status=200, method="GET", **keywords):
    call(f"answer: {name}", method, "/x", script=(answer(status, *headers, body=body),), **keywords)


for status in (
    200,
    201,
    202,
    203,
    206,
    226,
    299,
    400,
    401,
    403,
    404,
    405,
    409,
    410,
    418,
    422,
    429,
    451,
    499,
    500,
    501,
    503,
    504,
    511,
    599,
    999,
):
    came(f"status {status}", status=status, body=b"body")
for status in (204, 304):
    call(f"answer: status {status}", "GET", f"/status/{status}")
for name, line in {
    "registered": "404 Not Found",
    "of one's own": "404 Nothing To See Here",
    "empty": "404 ",
    "none at all": "404",
    "latin-1": "404 caf\xe9",
    "UTF-8": "404 " + "café".encode().decode("latin-1"),
    "of a success": "200 Fine",
}.items():
    came(f"reason {name}", status=line)

_TEXT = "zażółć gęślą jaźń, zażółć gęślą jaźń"
for charset in ("utf-8", "UTF8", "iso-8859-2", "windows-1250", "utf-16", "utf-16le", "utf-32"):
    came(f"charset {charset}", f"Content-Type: text/plain; charset={charset}", body=_TEXT.encode(charset))
for name, content_type, body in (
    ("charset in quotes", 'text/plain; charset="utf-8"', _TEXT.encode()),
    ("charset in single quotes", "text/plain; charset='utf-8'", _TEXT.encode()),
    ("charset in upper case", "TEXT/PLAIN; CHARSET=UTF-8", _TEXT.encode()),
    ("charset behind others", "text/plain; format=flowed; charset=utf-8; x=y", _TEXT.encode()),
    ("charset without a space", "text/plain;charset=utf-8", _TEXT.encode()),
    ("charset that is wrong", "text/plain; charset=ascii", _TEXT.encode()),
    ("charset that nobody knows", "text/plain; charset=martian", b"plain"),
    ("charset that is empty", "text/plain; charset=", b"plain"),
    ("charset of no text", "text/plain; charset=hex", b"6162"),
    ("no charset, text", "text/plain", "café".encode("latin-1")),
    ("no charset, text in UTF-8", "text/html", _TEXT.encode()),
    ("no charset, text in ASCII", "text/html", b"plain"),
    ("no charset, JSON", "application/json", json.dumps({"a": _TEXT}, ensure_ascii=False).encode()),
    ("no charset, another JSON", "application/problem+json", json.dumps({"a": _TEXT}, ensure_ascii=False).encode()),
    ("no charset, octets", "application/octet-stream", _TEXT.encode()),
    ("a mark at its start", "text/plain; charset=utf-8", b"\xef\xbb\xbfmarked"),
    ("a mark at its start, undeclared", "application/x", b"\xef\xbb\xbfmarked"),
    ("empty", "text/plain; charset=utf-8", b""),
    ("a broken character", "text/plain; charset=utf-8", b"a\xffb\xc3"),
    ("lines", "text/plain; charset=utf-8", b"one\r\ntwo\nthree\rfour\n\nfive"),
):
    came(name, f"Content-Type: {content_type}", body=body)
came("no type", body=_TEXT.encode())
came("no type, ASCII", body=b"plain")
for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"):
    came(
        f"JSON in {encoding}",
        "Content-Type: application/json",
        body=json.dumps({"é": 1}, ensure_ascii=False).encode(encoding),
    )
came("JSON in latin-1", "Content-Type: application/json; charset=iso-8859-1", body='{"é": 1}'.encode("latin-1"))
came("no JSON", "Content-Type: application/json", body=b"{not json")
came("empty JSON", "Content-Type: application/json")
came("JSON of a number", "Content-Type: application/json", body=b"5")
came("JSON of NaN", "Content-Type: application/json", body=b"NaN")


def coded(name, coding, body, **keywords):
    came(
        f"coding {name}",
        f"Content-Encoding: {coding}",
        "Content-Type: text/plain; charset=utf-8",
        body=body,
        **keywords,
    )


_BODY = b"What is repeated is worth coding. " * 20
coded("gzip", "gzip", gzip.compress(_BODY))
coded("gzip of two members", "gzip", gzip.compress(_BODY) + gzip.compress(b"more"))
coded("x-gzip", "x-gzip", gzip.compress(_BODY))
coded("GZIP", "GZIP", gzip.compress(_BODY))
coded("deflate", "deflate", zlib.compress(_BODY))
coded("deflate without its frame", "deflate", zlib.compress(_BODY)[2:-4])
coded("identity", "identity", _BODY)
coded("one nobody knows", "martian", b"???")
coded("two", "deflate, gzip", gzip.compress(zlib.compress(_BODY)))
coded("gzip of nothing", "gzip", b"")
coded("gzip that is none", "gzip", b"not gzip at all")
coded("gzip that is cut off", "gzip", gzip.compress(_BODY)[:-20])
coded("gzip of HEAD", "gzip", b"", method="HEAD")


@row("answer: coding br")
def _more(talk):
    import brotli

    talk.play(
        answer(200, "Content-Encoding: br", "Content-Type: text/plain; charset=utf-8", body=brotli.compress(_BODY))
    )
    talk("GET", "/x")


for name, links in {
    "one": ('<http://x/2>; rel="next"',),
    "several": ('<http://x/2>; rel="next", <http://x/9>; rel="last"',),
    "several fields": ('</2>; rel="next"', '</9>; rel="last"'),
    "more parameters": ('</s.css>; rel=preload; as=style; title="a title"',),
    "single quotes": ("</2>; rel='next'",),
    "no relation": ("</2>; title=x",),
    "no parameter": ("</2>",),
    "a comma in the URL": ('</2,3>; rel="next"',),
    "two relations": ('</2>; rel="next last"',),
    "the same relation twice": ('</2>; rel="next", </3>; rel="next"',),
    "none at all": (),
    "rubbish": ("rubbish",),
    "no space": ('</2>;rel="next",</9>;rel="last"',),
}.items():
    came(f"links, {name}", *(f"Link: {each}" for each in links))

came("headers twice", "X-A: 1", "x-a: 2", "X-B: 3")
came("headers of latin-1", "X-A: caf\xe9")
came("headers with space around", "X-A:   1  ", "X-B:2")
came("headers that are empty", "X-A:")
came("headers with colons", "X-A: a:b: c")
call("answer: headers twice, cookies too", "GET", "/duplicate-headers")
call("answer: chunks", "GET", "/stream-bytes/1000?chunk_size=100")

call("answer: trailers", "GET", "/trailers")
call("answer: HEAD", "HEAD", "/bytes/10")
call(
    "answer: early hints",
    "GET",
    "/x",
    script=(b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n" + answer(200, body=b"x"),),
)
call("answer: no HTTP", "GET", "/x", script=(b"SSH-2.0-OpenSSH\r\n",))
call("answer: a status that is none", "GET", "/malformed")
call("answer: cut off", "GET", "/truncated")


def cut(name, script, then="fin", **keywords):
    @row(f"answer: {name}")
    def _(talk):
        talk.play((script,) if script else (b"",), then=then)
        talk("GET", "/x", **keywords)


cut("until it closes", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntext")
cut("none, closed", b"")
cut("none, reset", b"", "rst")
cut("half a head", b"HTTP/1.1 200 OK\r\nContent-")
cut("HTTP/1.0, until it closes", b"HTTP/1.0 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nold")
cut("a chunk that is cut off", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n01234")
cut("a chunk size that is none", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n01234\r\n0\r\n\r\n")
cut("cut off, streamed", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", stream=True)
call("nobody is there", "GET", "http://127.0.0.1:9/")
call("a name that nobody has", "GET", "http://nobody.invalid/")


def streamed(name, body=b"0123456789", *headers):
    def add(function):
        @row(f"stream: {name}")
        def _(talk):
            talk.play(answer(200, *headers, body=body))
            function(talk, talk("GET", "/x", stream=True))

        return function

    return add


@streamed("pieces")
def _(talk, response):
    talk.note("pieces", lambda: list(response.iter_content(4)))


@streamed("pieces as they come")
def _(talk, response):
    talk.note("pieces", lambda: b"".join(response.iter_content(None)))


@streamed("pieces of what size is not said")
def _(talk, response):
    talk.note("pieces", lambda: len(list(response.iter_content())))


@streamed("pieces of a size that is none")
def _(talk, response):
    talk.note("pieces", lambda: list(response.iter_content("4")))


@streamed("pieces of text", "zażółć".encode(), "Content-Type: text/plain; charset=utf-8")
def _(talk, response):
    talk.note("pieces", lambda: "".join(response.iter_content(3, decode_unicode=True)))


@streamed("all at once, after all")
def _(talk, response):
    talk.note("content", lambda: response.content)
    talk.note("again", lambda: response.content)
    talk.note("text", lambda: response.text)
    talk.note("pieces", lambda: list(response.iter_content(4)))


@streamed("content after the pieces")
def _(talk, response):
    talk.note("pieces", lambda: list(response.iter_content(4)))
    talk.note("content", lambda: response.content)


@streamed("pieces after some pieces")
def _(talk, response):
    talk.note("first", lambda: next(response.iter_content(4)))
    talk.note("rest", lambda: list(response.iter_content(4)))


@streamed("iterated")
def _(talk, response):
    talk.note("pieces", lambda: b"".join(response))


@streamed("raw, undecoded", gzip.compress(b"0123456789", mtime=0), "Content-Encoding: gzip")
def _(talk, response):
    talk.note("raw", response.raw.read)
    talk.note("end", response.raw.read)


@streamed("raw, some of it")
def _(talk, response):
    talk.note("raw", lambda: (response.raw.read(4), response.raw.read(4), response.raw.read(4), response.raw.read(4)))


@streamed("closed early")
def _(talk, response):
    talk.note("closed", response.close)
    talk.note("again", response.close)
    talk.note("after", lambda: talk("GET", "/echo").status_code)


@streamed("in a with statement")
def _(talk, response):
    with response as entered:
        talk.note("same", lambda: entered is response)
        talk.note("content", lambda: entered.content)


for label, data in {
    "lines": b"one\ntwo\n\nthree\n",
    "lines of Windows": b"one\r\ntwo\r\n",
    "lines without an end": b"one\ntwo",
    "one line": b"one",
    "no lines": b"",
    "line breaks of text": b"a\x0bb\x0cc\x1cd\x85e\xe2\x80\xa8f\rg",
}.items():

    @streamed(f"{label}, by iter_lines", data)
    def _(talk, response):
        talk.note("lines", lambda: list(response.iter_lines()))


@streamed("lines in small pieces", b"one\r\ntwo\r\n\r\nthree")
def _(talk, response):
    talk.note("lines", lambda: list(response.iter_lines(chunk_size=4)))


@streamed("lines in small pieces, LF", b"one\ntwo\n\nthree")
def _(talk, response):
    talk.note("lines", lambda: list(response.iter_lines(chunk_size=4)))


@streamed("lines by another delimiter", b"one|two||three|")
def _(talk, response):
    talk.note("lines", lambda: list(response.iter_lines(delimiter=b"|")))


@streamed("lines of text", "zażółć\ngęślą".encode(), "Content-Type: text/plain; charset=utf-8")
def _(talk, response):
    talk.note("lines", lambda: list(response.iter_lines(decode_unicode=True)))


@row("response: its encoding can be set")
def _encoding(talk):
    talk.play(answer(200, "Content-Type: text/plain; charset=utf-8", body="café".encode("latin-1")))
    response = talk("GET", "/x")
    response.encoding = "latin-1"
    talk.note("text", lambda: response.text)
    talk.note("encoding", lambda: response.encoding)


for name, body in {
    "UTF-8": _TEXT.encode(),
    "UTF-8, repeated": _TEXT.encode() * 20,
    "ASCII": b"plain",
    "nothing": b"",
    "octets": bytes(range(256)),
}.items():

    @row(f"response: what it seems to be, {name}")
    def _seems(talk, body=body):
        talk.play(answer(200, "Content-Type: text/plain; charset=utf-8", body=body))
        response = talk("GET", "/x")
        talk.note("apparent_encoding", lambda: (response.apparent_encoding or "none").lower().replace("_", "-"))


@row("response: it can be pickled")
def _pickle(talk):
    import pickle

    talk.play(answer(200, "X-A: 1", body=b"content"))
    response = pickle.loads(pickle.dumps(talk("GET", "/x")))
    talk.note(
        "copy", lambda: (response.status_code, response.content, response.url, response.headers["x-a"], response.ok)
    )


@row("response: what it shows")
def _shows(talk):
    response = talk("GET", "/status/404")
    talk.note("repr", lambda: repr(response))
    talk.note("request", lambda: (response.request.method, response.request.headers["accept"]))


@row("response: json's keywords")
def _keywords(talk):
    talk.play(answer(200, body=b'{"a": 1.5}'))
    response = talk("GET", "/x")
    talk.note("json", lambda: response.json(parse_float=str))


for verb in ("get", "head", "post", "put", "patch"):

    @row(f"module: {verb}")
    def _verb(talk, verb=verb):
        with talk.override():
            response = getattr(talk.module, verb)(f"{talk.one}/echo", headers={"X-A": "1"}, timeout=5)
            talk.note("status", lambda: (response.status_code, response.url, response.request.method))


for verb in ("options", "delete"):

    @row(f"module: {verb}")
    def _bare(talk, verb=verb):
        with talk.override():
            talk.note(
                "module", lambda: getattr(talk.module, verb)(f"{talk.one}/echo", data=b"x", timeout=5).status_code
            )
        talk.note("session", lambda: getattr(talk.session, verb)(f"{talk.one}/echo", data=b"x", timeout=5).status_code)


@row("module: request, data and json by place")
def _by_place(talk):
    with talk.override():
        talk.module.request("put", f"{talk.one}/echo", timeout=5)
        talk.module.post(f"{talk.one}/echo", {"a": "1"}, timeout=5)
        talk.module.post(f"{talk.one}/echo", None, {"a": 1}, timeout=5)
        talk.module.put(f"{talk.one}/echo", b"x", timeout=5)
        talk.module.patch(f"{talk.one}/echo", b"x", timeout=5)


@row("module: params by place")
def _params_by_place(talk):
    with talk.override():
        talk.note("status", lambda: talk.module.get(f"{talk.one}/echo", {"a": "1"}).status_code)


@row("session: the verbs")
def _verbs(talk):
    for verb in ("get", "head", "post", "put", "patch"):
        talk.note(verb, lambda verb=verb: getattr(talk.session, verb)(f"{talk.one}/echo", timeout=5).status_code)


@row("session: a keyword that nobody knows")
def _unknown(talk):
    talk.note("error", lambda: talk.session.get(f"{talk.one}/echo", colour="red"))


@row("session: one connection for all")
def _keep(talk):
    for _ in range(3):
        talk("GET", "/echo")
    talk.note("connections", lambda: len({request.connection for _, request in talk.world.received}))
