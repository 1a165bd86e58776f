"""A multipart body is read by two independent parsers as what was given, has its length, and lets nothing in."""

import io
import os
import pathlib
import pickle
import re
import sys
import time
import tracemalloc

import multipart
import pytest
import python_multipart
import requests
from hypothesis import assume, given
from hypothesis import strategies as st
from python_multipart.multipart import parse_options_header

from intermodal import Body, BodyNotReplayable, Headers, InvalidHeader, InvalidRequest, Request, RequestBodyError
from intermodal.model.multipart import encode_multipart

BOUNDARY = "a-Bounda.ry"
CONTROLS = [chr(n) for n in (*range(9), *range(11, 13), *range(14, 32), 127)]


class Pipe:
    """A file that can be read once and tells nothing of itself."""

    def __init__(self, content):
        self.read = (io.StringIO if isinstance(content, str) else io.BytesIO)(content).read


def pieces_of(body):
    """All that a body gives, in one."""
    return b"".join(body.pieces())


def sliced(content, sizes):
    """Cut content into pieces of these sizes, again and again; large content not into more than some hundreds."""
    start = turn = 0
    while start < len(content):
        size = sizes[turn % len(sizes)] + len(content) // 400
        yield content[start : start + size]
        start, turn = start + size, turn + 1


def read_by_multipart(content, content_type, sizes=(65536,)):
    """What the package ``multipart`` reads, in strict mode: (name, filename, other headers, content) of each part."""
    kind, options = multipart.parse_options_header(content_type)
    assert kind == "multipart/form-data"
    assert content.endswith(
        b"--\r\n"
    )  # as browsers and requests end it; strict mode takes no CRLF in a piece of its own
    end = len(content) - 2
    parts = []
    with multipart.PushMultipartParser(options["boundary"], content_length=end, strict=True) as parser:
        for piece in sliced(content[:end], sizes):
            for event in parser.parse(piece):
                if isinstance(event, multipart.MultipartSegment):
                    others = [
                        (name.lower(), value) for name, value in event.headerlist if name != "Content-Disposition"
                    ]
                    parts.append([event.name, event.filename, others, b""])
                elif event:
                    parts[-1][3] += event
    return [tuple(part) for part in parts]


def read_by_python_multipart(content, content_type, sizes=(65536,)):
    """What the package ``python-multipart`` reads: (Content-Disposition as it came, other headers, content) of each."""
    kind, options = parse_options_header(content_type)
    assert kind == b"multipart/form-data"
    parts, ended = [], []

    def begin():
        parts.append([[], b""])

    def on_name(data, start, end):
        parts[-1][0][-1][0] += data[start:end]

    def on_value(data, start, end):
        parts[-1][0][-1][1] += data[start:end]

    def on_data(data, start, end):
        parts[-1][1] += data[start:end]

    callbacks = {
        "on_part_begin": begin,
        "on_header_begin": lambda: parts[-1][0].append([b"", b""]),
        "on_header_field": on_name,
        "on_header_value": on_value,
        "on_part_data": on_data,
        "on_end": lambda: ended.append(len(parts)),
    }
    parser = python_multipart.MultipartParser(options[b"boundary"], callbacks)
    for piece in sliced(content, sizes):
        assert parser.write(piece) == len(piece)
    assert ended == [len(parts)]
    read = []
    for headers, data in parts:
        (first, disposition), *others = headers
        assert first == b"Content-Disposition"
        read.append((disposition.decode(), [(k.decode().lower(), v.decode()) for k, v in others], data))
    return read


def disposition(name, filename):
    """A Content-Disposition as browsers write it, by the package ``multipart``."""
    text = f"form-data; name={multipart.content_disposition_quote(name)}"
    return text if filename is None else f"{text}; filename={multipart.content_disposition_quote(filename)}"


def read(body, content_type, sizes=(65536,)):
    """What both parsers read, where they agree."""
    content = pieces_of(body)
    assert body.length in {None, len(content)}
    parts = read_by_multipart(content, content_type, sizes)
    assert read_by_python_multipart(content, content_type, sizes) == [
        (disposition(name, filename), headers, data) for name, filename, headers, data in parts
    ]
    return parts


def test_the_two_parsers_are_two():
    """Both packages want the import name ``multipart``; it is the one that is called so, and the other is another."""
    assert multipart.__author__ == "Marcel Hellkamp"
    assert pathlib.Path(multipart.__file__).name == "multipart.py"
    assert pathlib.Path(python_multipart.__file__).parent.name == "python_multipart"


# What was given is what is read ---------------------------------------------------------------------------------------

_odd = st.sampled_from(
    [*'"\r\n\t\\;=%:<> ', "\r\n", "é", "漢", "\u202e", "\u2028", "\x85", "\U0001f600", "--", BOUNDARY]
)
_plain = st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS)
#: Names that come back: what is written ``%22`` reads as ``"``, whoever wrote it, and that is the standard's doing.
names = (
    st.lists(_odd | _plain, max_size=8)
    .map("".join)
    .filter(lambda name: not re.search("%0A|%0D|%22", name) and ":\\" not in name and not name.startswith("\\\\"))
)
_near = st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", f"\r\n--{BOUNDARY[:-1]}".encode()])
chunks = st.lists(_near | st.binary(max_size=20) | st.sampled_from([b"x" * 65535, b"y" * 65537]), max_size=5).filter(
    lambda several: f"--{BOUNDARY}".encode() not in b"".join(several)
)
header_texts = st.text("aZ09-_/;= \t\"'\\\xe9漢", max_size=8)
header_pairs = st.lists(st.tuples(st.sampled_from(["X-A", "x-b", "Content-Location", "X_9"]), header_texts), max_size=4)


def standing(content, before=b"..."):
    """A file that has been read from already."""
    file = io.BytesIO(before + content)
    file.seek(len(before))
    return file


#: How content can be given: (what makes it, whether its length is known, whether it can be read again).
FORMS = {
    "bytes": (b"".join, True, True),
    "bytearray": (lambda several: bytearray(b"".join(several)), True, True),
    "memoryview": (lambda several: memoryview(b"".join(several)), True, True),
    "file": (lambda several: standing(b"".join(several)), True, True),
    "list": (lambda several: [*several, b""], False, True),
    "generator": (lambda several: (each for each in several), False, False),
    "pipe": (lambda several: Pipe(b"".join(several)), False, False),
    "body": (lambda several: Body(lambda: several, sum(map(len, several))), True, True),
}
file_parts = st.tuples(
    names,
    st.none() | names,
    st.sampled_from([None, "text/plain", 'text/plain; charset="utf-8"']),
    header_pairs,
    st.sampled_from(list(FORMS)),
    chunks,
)
values = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.binary(max_size=6) | st.integers() | st.none()
)
data_fields = st.lists(st.tuples(names, values | st.lists(values, max_size=3)), max_size=3)


@given(data_fields, st.lists(file_parts, max_size=4), st.lists(st.integers(1, 90_000) | st.integers(1, 9), min_size=1))
def test_both_parsers_read_what_was_given_however_it_is_cut(fields, files, sizes):
    """Names, filenames, headers and contents arrive, in order; length and replay are known where they can be."""
    given_files, expected = [], []
    for name, value in fields:
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                expected += [(name, None, [], each if isinstance(each, bytes) else str(each).encode())]
    assume(all(f"--{BOUNDARY}".encode() not in content for *_, content in expected))
    for name, filename, content_type, headers, form, several in files:
        given_files.append((name, (filename, FORMS[form][0](several), content_type, headers)))
        types = [] if content_type is None else [("content-type", content_type)]
        others = [(key.lower(), value.strip(" \t")) for key, value in headers]
        expected.append((name, filename, types + others, b"".join(several)))
    body, content_type = encode_multipart(fields, given_files, boundary=BOUNDARY)

    assert read(body, content_type, sizes) == expected
    assert (body.length is not None) == all(FORMS[form][1] for *_, form, _ in files)
    assert body.replayable == all(FORMS[form][2] for *_, form, _ in files)
    if body.replayable:
        assert read(body, content_type) == expected
    else:
        with pytest.raises(BodyNotReplayable):
            body.pieces()


def test_pieces_are_few_and_bounded():
    """What is small leaves as one piece, files too, and if it is bytes can be pickled; none is larger than 64 KiB."""
    small, _ = encode_multipart({"a": "1", "b": "2"}, {"f": b"x", "g": ("g", io.BytesIO())})
    files, _ = encode_multipart({"a": "1"}, {"f": standing(b"x" * 1000), "g": standing(b"y" * 60_000), "h": b"z"})
    large, _ = encode_multipart(
        {"a": "1"}, {"f": b"x" * 200_000, "g": standing(b"y" * 200_000), "h": b"z" * 64_000, "i": b""}
    )

    assert list(small.pieces()) == [small.content]
    assert pickle.loads(pickle.dumps(small)).content == small.content
    assert [len(piece) for piece in files.pieces()] == [files.length]
    sizes = [len(piece) for piece in large.pieces()]
    assert max(sizes) == 65536
    assert len(sizes) == 1 + 4 + 1 + 4 + 1


def test_bytes_that_were_given_are_not_copied():
    """Content in memory is there once, however many parts have it, before and while it is sent."""
    content = bytes(50_000)
    tracemalloc.start()
    try:
        body, _ = encode_multipart({}, [("f", content)] * 100)
        total = sum(len(piece) for piece in body.pieces())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert total == body.length
    assert peak < 1_000_000


def test_a_request_is_framed_by_it():
    """A known length is the Content-Length, an unknown one is sent chunked (RFC 9112 section 6)."""
    known, _ = encode_multipart({"a": 1}, {"f": standing(b"x" * 70_000)})
    unknown, _ = encode_multipart({"a": 1}, {"f": (piece for piece in [b"x"])})

    assert Request("POST", "http://h/", body=known).headers["content-length"] == str(len(pieces_of(known)))
    assert Request("POST", "http://h/", body=unknown).headers["transfer-encoding"] == "chunked"


# The same as requests -------------------------------------------------------------------------------------------------


def sent_by_requests(data, files):
    """The body and the Content-Type that requests makes, and the boundary it chose."""
    prepared = requests.Request("POST", "http://h/", data=data, files=files).prepare()
    content_type = prepared.headers["Content-Type"]
    return prepared.body, content_type, content_type.partition("boundary=")[2]


ordinary_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS), max_size=6)
_content = st.binary(max_size=30) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_contents = _content | st.binary(max_size=30).map(standing)
_one_value = (
    st.text("aé\n漢", max_size=4) | st.binary(max_size=4) | st.integers() | st.floats() | st.booleans() | st.none()
)
_extra = st.dictionaries(
    st.sampled_from(["X-A", "Content-Id", "x-b"]), st.text("abé漢", min_size=1, max_size=4), max_size=2
)
ordinary_files = st.one_of(
    _contents,
    st.tuples(st.none() | ordinary_names, _contents | st.none()),
    st.tuples(ordinary_names, _contents, st.sampled_from([None, "", "text/plain", "a/b; c=é"])),
    st.tuples(ordinary_names, _contents, st.sampled_from([None, "text/plain"]), st.none() | _extra),
)


def rewound(files):
    """Files as they were before they were read."""
    for file in files.values() if isinstance(files, dict) else [value for _, value in files]:
        for each in file if isinstance(file, tuple) else [file]:
            if isinstance(each, io.BytesIO):
                each.seek(3)
    return files


@given(
    st.dictionaries(ordinary_names, _one_value | st.lists(_one_value, max_size=3), max_size=3)
    | st.lists(st.tuples(ordinary_names, _one_value | st.lists(_one_value, max_size=3)), max_size=3)
    | st.none(),
    st.dictionaries(ordinary_names, ordinary_files, min_size=1, max_size=3)
    | st.lists(st.tuples(ordinary_names, ordinary_files), min_size=1, max_size=3),
)
def test_every_byte_is_the_same_as_requests(data, files):
    """What requests' users write makes the bytes that requests makes, but for the random boundary."""
    theirs, their_type, boundary = sent_by_requests(data, files)
    body, content_type = encode_multipart(data, rewound(files), boundary=boundary)

    assert pieces_of(body) == theirs
    assert content_type == their_type
    assert body.length == len(theirs)


class Named(io.BytesIO):
    """A file that says what its name is."""

    def __init__(self, name):
        super().__init__(b"content")
        self.name = name


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("/tmp/a b.txt", "a b.txt"),
        ("é.txt", "é.txt"),
        (b"/tmp/raw", "raw"),
        ("<stdin>", "field"),
        ("odd>", "field"),
        ("", "field"),
        ("/tmp/", "field"),
        (3, "field"),
        (None, "field"),
    ],
)
def test_a_filename_is_guessed_as_requests_guesses_it(name, filename):
    """The last part of a path where a file has one, else the name of the field."""
    theirs, _, boundary = sent_by_requests(None, {"field": Named(name)})
    body, content_type = encode_multipart(None, {"field": Named(name)}, boundary=boundary)

    assert read(body, content_type) == [("field", filename, [], b"content")]
    assert pieces_of(body) == theirs


def test_a_file_on_disk_is_sent_from_where_it_stands_each_time(tmp_path):
    """What has been read is not sent; the second time is as the first; one file may be in two parts."""
    path = tmp_path / "photo.png"
    path.write_bytes(b"headREST")
    with path.open("rb") as file:
        file.read(4)
        body, content_type = encode_multipart({}, [("a", file), ("b", ("other", file))])
        file.read()

        for _ in range(2):
            assert read(body, content_type) == [("a", "photo.png", [], b"REST"), ("b", "other", [], b"REST")]


def test_nothing_is_the_end_alone():
    """What is left out leaves no part; without any there is the closing delimiter, as requests has it."""
    theirs, _, boundary = sent_by_requests({"a": None, "b": []}, {"f": None, "g": ("name", None)})

    assert (
        pieces_of(encode_multipart({"a": None, "b": []}, {"f": None, "g": ("name", None)}, boundary=boundary)[0])
        == theirs
    )
    assert pieces_of(encode_multipart(None, {}, boundary=boundary)[0]) == theirs == f"--{boundary}--\r\n".encode()
    assert read(*encode_multipart({"a": 1}, [])) == [("a", None, [], b"1")]


def test_fields_are_read_as_they_were_meant():
    """Numbers are text, bytes stay what they are, lists repeat the name, a filename of None makes a field of a file."""
    data = [("n", 1.5), (b"raw-\xc3\xa9", b"\0\xff"), ("m", bytearray(b"m")), (7, True), ("l", ("x", None, 2))]
    files = {"f": (None, "text"), "g": (None, 12), "h": ["list.txt", b"x"]}

    assert read(*encode_multipart(iter(data), files)) == [
        ("n", None, [], b"1.5"),
        ("raw-é", None, [], b"\0\xff"),
        ("m", None, [], b"m"),
        ("7", None, [], b"True"),
        ("l", None, [], b"x"),
        ("l", None, [], b"2"),
        ("f", None, [], b"text"),
        ("g", None, [], b"12"),
        ("h", "list.txt", [], b"x"),
    ]


# What does not belong is kept out -------------------------------------------------------------------------------------


INJECTIONS = [
    'a"\r\nX: y',
    'a"\r\n\r\nbody\r\n--' + BOUNDARY + '\r\nContent-Disposition: form-data; name="admin',
    'a"; filename="x.php',
    "a\nX: y",
    "a\rX: y",
    '"',
    "\r\n\r\n",
    "\u202egnp.exe",
    "é\u0085X: y",
    "\u2028X: y",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_no_name_ends_its_line_or_its_quotes(text, as_bytes):
    """Whatever a name or filename holds, there is one part with one header, that has the name and filename given."""
    given_text = text.encode() if as_bytes else text
    body, content_type = encode_multipart({given_text: "v"}, {given_text: (given_text, b"c")}, boundary=BOUNDARY)

    assert read(body, content_type) == [(text, None, [], b"v"), (text, text, [], b"c")]
    heads = re.findall(rb"(?s)ry\r\n(.*?)\r\n\r\n", pieces_of(body))
    assert [head.count(b'"') for head in heads] == [2, 4]
    assert not any(b"\r" in head or b"\n" in head for head in heads)


@given(st.text(max_size=20), st.none() | st.text(max_size=20))
def test_any_text_is_refused_or_stays_in_its_place(name, filename):
    """Of all the texts there are, no name and no filename makes another part, another header, or another parameter."""
    try:
        body, content_type = encode_multipart({}, {name: (filename, b"c")}, boundary=BOUNDARY)
    except InvalidHeader:
        assert re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", name + (filename or ""))
        return
    content = pieces_of(body)
    assert read_by_python_multipart(content, content_type) == [(disposition(name, filename), [], b"c")]
    assert len(read_by_multipart(content, content_type)) == 1


@pytest.mark.parametrize("character", [*CONTROLS, "\udc80"])
def test_a_control_character_in_a_name_is_refused(character):
    """NUL and its like, which servers read differently, and what UTF-8 cannot write, are no part of any name."""
    for data, files in [
        ({f"a{character}b": "v"}, {}),
        ({}, {f"a{character}b": b"c"}),
        ({}, {"a": (f"a{character}b", b"c")}),
        ({}, {"a": Named(f"a{character}b")}),
    ]:
        with pytest.raises(InvalidHeader, match=r"a part's (file)?name"):
            encode_multipart(data, files)


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\ny", "a\ry", "a\0y", "a\x7fy", "\udc80", 7])
def test_a_header_of_a_part_goes_through_the_same_gate(text):
    """A content type, a header's value and a header's name can hold no more than in the head of a request."""
    for extra in [(text,), (None, {"X": text}), (None, [(str(text) + " ", "v")]), (None, [("Content-Type", text)])]:
        with pytest.raises(InvalidHeader):
            encode_multipart({}, {"f": ("name", b"c", *extra)})


@pytest.mark.parametrize("headers", [7, [7], "text", [("a", "b", "c")], ["ab"], {"Content-Disposition": "form-data"}])
def test_headers_of_a_part_that_are_none_are_refused(headers):
    """What is no pair of texts is no header, and Content-Disposition belongs to the name and the filename."""
    with pytest.raises(InvalidHeader, match="(?i)header|Content-Disposition"):
        encode_multipart({}, {"f": ("name", b"c", None, headers)})


def test_a_content_type_stands_once():
    """It is the one given for itself, else the one among the headers, in any case of letters; two are refused."""
    files = [
        ("a", ("a", b"", "text/a", {"content-type": "text/b", "X": "1"})),
        ("b", ("b", b"", None, [("X", "1"), ("content-TYPE", "text/b")])),
        ("c", ("c", b"", "", Headers([("X", "Ã©")]))),
        ("d", ("d", b"", None, {"X": "é漢"})),
    ]

    assert [headers for _, _, headers, _ in read(*encode_multipart({}, files))] == [
        [("content-type", "text/a"), ("x", "1")],
        [("content-type", "text/b"), ("x", "1")],
        [("x", "é")],  # as Headers have it: bytes, shown as latin-1
        [("x", "é漢")],
    ]
    with pytest.raises(InvalidHeader, match="2 times"):
        encode_multipart({}, {"f": ("a", b"", None, [("Content-Type", "a/b"), ("content-type", "a/b")])})


# The boundary ---------------------------------------------------------------------------------------------------------


def test_a_boundary_cannot_be_guessed():
    """It is 128 random bits, new for each body."""
    types = {encode_multipart({}, {"f": b""})[1] for _ in range(50)}

    assert len(types) == 50
    assert all(re.fullmatch("multipart/form-data; boundary=[0-9a-f]{32}", each) for each in types)


@pytest.mark.parametrize("boundary", ["0", "a" * 70, "gc0pJq0M:08jU534c0p", "a b", "'()+_,-./:=?", "simple boundary"])
def test_a_boundary_that_is_given_is_understood(boundary):
    """What RFC 2046 section 5.1.1 allows is used, in quotes where a parameter needs them (RFC 9110 section 5.6.6)."""
    body, content_type = encode_multipart({"a": "1"}, {"f": b"2"}, boundary=boundary)

    assert read(body, content_type) == [("a", None, [], b"1"), ("f", "f", [], b"2")]


@pytest.mark.parametrize(
    "boundary", ["", "a" * 71, "a ", "a\r\nX: y", 'a"b', "a;b", "é", "a\n", "a\0", b"bytes", 7, "a\\b"]
)
def test_a_boundary_that_is_none_is_refused(boundary):
    """Anything else would not come back from the header, or end it."""
    with pytest.raises(InvalidHeader, match="boundary="):
        encode_multipart({}, {"f": b""}, boundary=boundary)


# What cannot be sent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    ["a=1", b"a=1", 7, io.BytesIO(b"a\nb\n"), [("a",)], [("a", 1, 2)], ["ab"], iter([b"ab"]), Body.of(b"a=1"),
     {"a": Pipe(b"")}, {"a": io.BytesIO(b"x")}, {"a": "\udc80"}, {None: "x"}, {("t",): "x"}],
)  # fmt: skip
def test_what_is_no_field_is_refused(data):
    """Only a mapping or pairs can stand beside files, and a file stands among the files."""
    with pytest.raises(InvalidRequest):
        encode_multipart(data, {"f": b"x"})


@pytest.mark.parametrize(
    "files",
    ["text", b"bytes", 7, io.BytesIO(b"ab\n"), [("a",)], ["ab"], {"f": ("name",)}, {"f": ()},
     {"f": ("a", b"", None, None, 1)}, {"f": [b"one", b"two"]}, {"f": {"a": 1}}, {"f": ("n", {"a": 1})},
     {"f": pathlib.Path("x")}, {None: b""}, {"f": (7j, b"")}, {"f": io.StringIO("x")},
     {"f": ("n", io.StringIO("x"))}, {"f": object()}, {"f": "\udc80"}, None],
)  # fmt: skip
def test_what_is_no_file_is_refused(files):
    """What is no content, or is not given as requests' users give it, is refused before anything is sent."""
    with pytest.raises(InvalidRequest):
        encode_multipart({}, files)


def test_a_file_in_text_mode_is_refused_by_name(tmp_path):
    """The error says which file it was and what to do."""
    (tmp_path / "x").write_text("x")
    with (tmp_path / "x").open() as file, pytest.raises(InvalidRequest, match=r"file 'report': .*text mode.*'rb'"):
        encode_multipart({}, {"report": file})


@pytest.mark.parametrize(("size", "left"), [(100, 60), (200_000, 199_999), (200_000, 0)])
def test_a_file_that_was_cut_short_is_not_sent_as_whole(size, left):
    """The body ends where the file did: no delimiter follows, that would make a whole part of what is none."""
    file = io.BytesIO(b"x" * size)
    body, _ = encode_multipart({}, [("cut", file), ("next", b"next")])
    file.truncate(left)

    sent = []
    with pytest.raises(RequestBodyError, match=f"in file 'cut': .*{size - left} bytes before the {size}"):
        sent.extend(body.pieces())
    assert b"".join(sent).count(b"--") <= 1


def test_a_file_where_fields_belong_is_not_read():
    """That it is none is said before its lines are taken for pairs."""
    file = io.BytesIO(b"a\n" * 9)
    for wrong in [(file, {"f": b""}), ({}, file), ({"a": file}, {})]:
        with pytest.raises(InvalidRequest, match="BytesIO|is a file"):
            encode_multipart(*wrong)

    assert file.tell() == 0


def test_a_file_that_grew_is_sent_as_it_was_measured():
    """What is appended meanwhile is not in the Content-Length, and so not in the body."""
    file = io.BytesIO(b"x" * 100)
    body, content_type = encode_multipart({}, {"log": ("log", file)})
    file.seek(0, io.SEEK_END)
    file.write(b"more")

    assert read(body, content_type) == [("log", "log", [], b"x" * 100)]


def raising():
    """An iterable that raises before its first piece."""
    raise OSError("unplugged")
    yield


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (("name", ["text"]), "expected bytes"),
        (raising(), "unplugged"),
        (Body(lambda: [b"xy"], 1), "longer than the 1 bytes"),
        (Pipe("text"), "expected bytes"),
    ],
)
def test_a_part_that_fails_is_the_bodys_error(content, why):
    """What raises, gives text or has another length ends in RequestBodyError, which says where and why."""
    body, _ = encode_multipart({}, {"f": content})

    with pytest.raises(RequestBodyError, match=f"in file 'f': .*{why}"):
        pieces_of(body)


def test_a_body_that_is_left_closes_what_it_reads():
    """A generator is closed when the sending ends early, as one that is a body for itself."""
    closed = []

    def produce():
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.append(True)

    pieces = encode_multipart({}, {"f": produce()})[0].pieces()
    next(pieces)
    next(pieces)
    pieces.close()

    assert closed == [True]


# Memory ---------------------------------------------------------------------------------------------------------------


class Endless:
    """A file of so many bytes that are nowhere; it can be measured, and read again, where it is said to seek."""

    def __init__(self, size):
        self.size = size
        self.at = 0
        self.block = bytes(65536)

    def read(self, size):
        size = min(size, self.size - self.at, len(self.block))
        self.at += size
        return self.block[:size]


class Measured(Endless):
    def tell(self):
        return self.at

    def seek(self, to, whence=os.SEEK_SET):
        self.at = to + (self.size if whence == os.SEEK_END else 0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", [Endless, Measured])
def test_200_megabytes_need_no_memory(kind):
    """However large a file is, a body holds a few pieces of it; and it takes seconds at most."""
    size = 200_000_000
    begun = time.perf_counter()
    file = kind(size)
    tracemalloc.start()
    try:
        body, _ = encode_multipart({"a": 1}, {"f": ("big", file)})
        total = sum(len(piece) for piece in body.pieces())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert body.length in {None, total}
    assert (body.length is None) == (kind is Endless)
    assert total > size
    assert peak < 1_000_000
    assert time.perf_counter() - begun < 10


@pytest.mark.skipif(sys.platform == "win32", reason="a sparse file is none there")
def test_a_file_of_200_gigabytes_has_its_length_at_once(tmp_path):
    """The length is computed, not read."""
    with (tmp_path / "sparse").open("wb+") as file:
        file.truncate(200_000_000_000)
        body, _ = encode_multipart({}, {"f": ("n", file)}, boundary="x")

    assert body.length == 200_000_000_000 + len(b'--x\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n'
                                                b"\r\n--x--\r\n")  # fmt: skip
