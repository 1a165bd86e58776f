"""Where what the caller gets of an answer differs, and the errors of the libraries below."""

from differential.differences.difference import Differences, status
from differential.seen import ANY

DIFFERENCES = Differences()
because = DIFFERENCES.because

because(
    "`TypeError`, `ValueError`, `AttributeError`, `KeyError`, `OSError`, `UnicodeError`, `RuntimeError` from the libraries"
    " below",
    {
        "data: a number": {"got.0.error": ("TypeError", "InvalidRequest")},
        "json: what is no JSON": {"got.0.error": ("TypeError", "InvalidRequest")},
        "headers: beyond latin-1": {"got.0.error": ("UnicodeEncodeError", "InvalidHeader")},
        "cookies: a number": {"got.0.error": ("AttributeError", "InvalidHeader")},
        "cookies: beyond latin-1": {"got.0.error": ("UnicodeEncodeError", "InvalidHeader")},
        "stream: content after the pieces": {"content": ("RuntimeError", "ResponseError")},
    },
)
because(
    "`ConnectionError` for an answer that is no HTTP",
    {
        "answer: no HTTP": {"got.0.error": ("ConnectionError", "ProtocolError")},
        "answer: a status that is none": {"got.0.error": ("ConnectionError", "ProtocolError")},
    },
)
because(
    "a truncated gzip body is returned silently",
    {"answer: coding gzip that is cut off": {"got.0": (200, "ContentDecodingError")}},
)
because("a truncated head is an empty 200", {"answer: half a head": {"got.0": (200, "ProtocolError")}})
because("a 103 is the response", {"answer: early hints": status(103, 200)})
because(
    "a status of 600 and above is `ok`",
    {
        "answer: status 999": {
            "got.0.ok": (True, False),
            "got.0.truth": (True, False),
            "got.0.raise_for_status": (None, "HTTPError"),
        }
    },
)
because(
    '`text/*` without a charset is `ISO-8859-1`; `charset=` is `""`; `+json` has no encoding',
    {
        "answer: charset that is empty": {"got.0.encoding": ("", None)},
        "answer: no charset, text": {"got.0.encoding": ("ISO-8859-1", None)},
        "answer: no charset, text in ASCII": {"got.0.encoding": ("ISO-8859-1", None)},
        "answer: no charset, another JSON": {"got.0.encoding": (None, "utf-8")},
        "answer: no charset, text in UTF-8": {
            "got.0.encoding": ("ISO-8859-1", None),
            "got.0.text": (ANY, "zażółć gęślą jaźń, zażółć gęślą jaźń"),
        },
    },
)
because(
    "`apparent_encoding` is a guess, `ascii` or `None`",
    {
        f"response: what it seems to be, {name}": {"apparent_encoding": (ANY, "utf-8")}
        for name in ("UTF-8, repeated", "ASCII", "octets")
    },
)
because(
    "a byte order mark is the first character of `text`",
    {"answer: a mark at its start": {"got.0.text": ("\ufeffmarked", "marked")}},
)
_JSON = '{"é": 1}'
because(
    "JSON in UTF-16 or UTF-32, or with a byte order mark, is a `JSONDecodeError`",
    {
        f"answer: JSON in {each}": {
            "got.0.json": ("JSONDecodeError", {"é": 1}),
            **({} if each in {"utf-16-le", "utf-16-be"} else {"got.0.text": (ANY, _JSON)}),
        }
        for each in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")
    },
)
because(
    '`links` has `rel="next last"` as one relation, and a link of what is none',
    {
        "answer: links, two relations": {
            "got.0.links": (
                {"next last": {"url": "/2", "rel": "next last"}},
                {each: {"url": "/2", "rel": "next last"} for each in ("next", "last")},
            )
        },
        "answer: links, rubbish": {"got.0.links": ({"rubbish": {"url": "rubbish"}}, {})},
    },
)
because(
    "`iter_content()` gives single bytes",
    {"stream: pieces of what size is not said": {"pieces": (10, 1)}},
)
because(
    "a second `iter_content` or `iter_lines` goes on where the first was left",
    {"stream: pieces after some pieces": {"rest": ([b"4567", b"89"], "ResponseError")}},
)
because(
    "`iter_lines` gives an empty line where CR and LF come in two pieces, and behind a `delimiter` at the end",
    {
        "stream: lines in small pieces": {
            "lines": ([b"one", b"", b"two", b"", b"three"], [b"one", b"two", b"", b"three"])
        },
        "stream: lines by another delimiter": {
            "lines": ([b"one", b"two", b"", b"three", b""], [b"one", b"two", b"", b"three"])
        },
    },
)
