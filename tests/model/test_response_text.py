"""Text of a response: charsets declared, wrongly declared, unknown and absent; byte order marks; pieces and the whole."""

import asyncio
import codecs
import encodings
import itertools
import time
from encodings.aliases import aliases

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal import AsyncResponse, Response
from intermodal.model.text import codec_of

GERMAN = "Überraschung: die Straße war naß, und größer als übermütige Köche glaubten. "
POLISH = "Zażółć gęślą jaźń, a potem wróć do domu przez łąkę nad rzeką. "
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. "
UKRAINIAN = "Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів! "  # noqa: RUF001 - Cyrillic
GREEK = "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, και τρέχω προς τη θάλασσα. "
HEBREW = "דג סקרן שט בים מאוכזב ולפתע מצא חברה. "
ARABIC = "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر. "
THAI = "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน "
JAPANESE = "いろはにほへと ちりぬるを わかよたれそ つねならむ 日本語の文章です。"
CHINESE = "天地玄黄 宇宙洪荒 日月盈昃 辰宿列张 这是一个测试文本。"
TAIWANESE = "天地玄黃 宇宙洪荒 日月盈昃 辰宿列張 這是一個測試文本。"
KOREAN = "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. "
TURKISH = "Pijamalı hasta yağız şoföre çabucak güvendi. "  # noqa: RUF001 - Turkish
BALTIC = "Įlinkdama fechtuotojo špaga sublykčiojusi pragręžė apvalų arbūzą. "
WELSH = "Dŵr a thŷ, ŵyn a phêl: ẁ ẃ ẅ ỳ. "

ESPERANTO = "Eĥoŝanĝo ĉiuĵaŭde. "

#: Labels as servers write them, Python's codec that makes the bytes, and a text that it can write.
ENCODINGS = [
    ("utf-8", "utf-8", JAPANESE),
    ("UTF8", "utf-8", RUSSIAN),
    ("unicode-1-1-utf-8", "utf-8", GERMAN),
    ("utf-16", "utf-16", JAPANESE),
    ("utf-16le", "utf-16-le", RUSSIAN),
    ("utf-16be", "utf-16-be", KOREAN),
    ("utf-32", "utf-32", GREEK),
    ("us-ascii", "ascii", "plain"),
    ("ISO-8859-1", "latin-1", GERMAN),
    ("iso88591", "latin-1", GERMAN),
    ("iso-8859-2", "iso8859-2", POLISH),
    ("iso-8859-3", "iso8859-3", ESPERANTO),
    ("iso-8859-4", "iso8859-4", "Įžąšų "),
    ("iso-8859-5", "iso8859-5", RUSSIAN),
    ("iso-8859-6", "iso8859-6", ARABIC),
    ("iso-8859-6-i", "iso8859-6", ARABIC),
    ("iso-8859-7", "iso8859-7", GREEK),
    ("iso-8859-8", "iso8859-8", HEBREW),
    ("iso-8859-8-i", "iso8859-8", HEBREW),
    ("logical", "iso8859-8", HEBREW),
    ("iso-8859-9", "iso8859-9", TURKISH),
    ("iso-8859-10", "iso8859-10", "Ąčęėįšųūž "),
    ("iso-8859-13", "iso8859-13", BALTIC),
    ("iso-8859-14", "iso8859-14", WELSH),
    ("iso-8859-15", "iso8859-15", "Cœur à 5 € "),
    ("iso-8859-16", "iso8859-16", "Șapte țărani "),
    ("windows-1250", "cp1250", POLISH),
    ("x-cp1251", "cp1251", RUSSIAN),
    ("windows-1251", "cp1251", UKRAINIAN),
    ("windows-1252", "cp1252", "“smart” – €"),  # noqa: RUF001 - what it has
    ("windows-1253", "cp1253", GREEK),
    ("windows-1254", "cp1254", TURKISH),
    ("windows-1255", "cp1255", HEBREW),
    ("windows-1256", "cp1256", ARABIC),
    ("windows-1257", "cp1257", BALTIC),
    ("windows-1258", "cp1258", "Đà "),
    ("koi8-r", "koi8-r", RUSSIAN),
    ("koi8-u", "koi8-u", UKRAINIAN),
    ("koi8-ru", "koi8-u", UKRAINIAN),
    ("ibm866", "cp866", RUSSIAN),
    ("macintosh", "mac-roman", GERMAN),
    ("x-mac-cyrillic", "mac-cyrillic", RUSSIAN),
    ("windows-874", "cp874", THAI),
    ("tis-620", "tis-620", THAI),
    ("gb2312", "gb2312", CHINESE),
    ("gbk", "gbk", CHINESE),
    ("x-gbk", "gbk", CHINESE),
    ("gb18030", "gb18030", CHINESE + "😀"),
    ("big5", "big5", TAIWANESE),
    ("big5-hkscs", "big5hkscs", TAIWANESE),
    ("euc-jp", "euc-jp", JAPANESE),
    ("shift_jis", "shift_jis", JAPANESE),
    ("x-sjis", "cp932", JAPANESE),
    ("windows-31j", "cp932", JAPANESE),
    ("iso-2022-jp", "iso2022_jp", JAPANESE),
    ("euc-kr", "euc-kr", KOREAN),
    ("ks_c_5601-1987", "euc-kr", KOREAN),
    ("windows-949", "cp949", KOREAN + "똠방각하"),
]

#: Every codec of Python's that a text may be in.
CODECS = sorted({codec_of(name) for name in {*aliases, *aliases.values(), "cp874", "koi8_u"}} - {None})


def plain(charset, content=b""):
    """A text response, of which perhaps a charset is declared."""
    return Response(200, {"Content-Type": "text/plain" + (f"; charset={charset}" if charset else "")}, content)


def cut(content, sizes):
    """Cut bytes into pieces of these sizes, over and over."""
    pieces, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(content):
            return pieces
        pieces.append(content[at : at + size])
        at += size
    return pieces


each = pytest.mark.parametrize(("label", "codec", "text"), [pytest.param(*case, id=case[0]) for case in ENCODINGS])


@each
def test_a_declared_charset_is_decoded(label, codec, text):
    """The bytes of each encoding are the text again: whole, in quotes, in single bytes, and where the caller names it."""
    content = text.encode(codec)
    streamed = plain(label)
    streamed._body = Response(200, body=cut(content, [1]))._body
    named = plain(None, content)
    named.encoding = label

    assert plain(label, content).text == text
    assert plain(f'"{label.upper()}"', content).text == text
    assert "".join(streamed.iter_text()) == text
    assert named.text == text


@each
def test_declared_charsets_are_decoded_as_requests_does(label, codec, text):
    """Where requests knows the charset, its text is ours, but for a byte order mark, which it keeps."""
    try:
        codecs.lookup(label)
    except LookupError:
        return  # it decodes by Python's names only
    theirs = requests.Response()
    theirs._content = text.encode(codec)
    theirs.headers["content-type"] = f"text/plain; charset={label}"
    theirs.encoding = requests.utils.get_encoding_from_headers(theirs.headers)

    assert plain(label, theirs._content).text == theirs.text.removeprefix("\ufeff")


@each
def test_what_is_wrongly_declared_or_not_at_all_is_text_all_the_same(label, codec, text):
    """It never raises, whole or in pieces, and the right name gives the right text afterwards."""
    for declared in ("us-ascii", "utf-8", "utf-16", "shift_jis", "iso-2022-jp", "windows-1252", "x", None):
        response = plain(declared, text.encode(codec))

        assert isinstance(response.text, str)
        assert isinstance("".join(response.iter_text(3)), str)
        assert isinstance(response.apparent_encoding, str)
        response.encoding = label
        assert response.text == text


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("utf-8", RUSSIAN),
        ("utf-8-sig", RUSSIAN),
        ("utf-16", JAPANESE),
        ("utf-32", JAPANESE),
        ("cp1251", RUSSIAN),
        ("koi8-r", RUSSIAN),
        ("shift_jis", JAPANESE),
        ("euc-jp", JAPANESE),
        ("iso2022_jp", JAPANESE),
        ("gb18030", CHINESE),
        ("big5", TAIWANESE),
        ("euc-kr", KOREAN),
        ("cp1253", GREEK),
        ("cp1256", ARABIC),
        ("cp1252", GERMAN),
    ],
)
def test_an_absent_charset_is_found(codec, text):
    """Where nothing is declared, or a charset nobody knows, the content tells, given enough of it."""
    content = (text * 20).encode(codec)

    assert plain(None, content).text == text * 20
    assert plain("nonsense", content).text == text * 20
    assert content.decode(plain(None, content).apparent_encoding) == text * 20


MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
]


@pytest.mark.parametrize(("mark", "codec"), MARKS)
@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1", "utf-16", "shift_jis", "nonsense"])
@pytest.mark.parametrize("text", ["", "a", "日本"])
def test_a_byte_order_mark_is_no_text_and_wins_over_what_was_declared(mark, codec, declared, text):
    """It names the encoding and is dropped, once (WHATWG Encoding, decode), whole and however it is cut."""
    content = mark + text.encode(codec)
    streamed = plain(declared)
    streamed._body = Response(200, body=cut(content, [1]))._body

    assert plain(declared, content).text == text
    assert plain(declared, mark + content).text == "\ufeff" + text
    assert "".join(streamed.iter_text()) == text


@pytest.mark.parametrize(
    ("label", "content", "text"),
    [
        ("latin-1", b"\xef\xbb\xbfa", "ï»¿a"),
        ("latin-1", b"\xff\xfea", "ÿþa"),
        ("utf-8", b"\xef\xbb\xbfa", "a"),
        ("utf-8-sig", b"\xef\xbb\xbfa", "a"),
        ("utf-16", b"\xfe\xff\x00a", "a"),
        ("utf-16", b"a\x00", "a"),
        ("utf-16-be", b"\xff\xfe\x00a", "\ufffea"),
    ],
)
def test_what_the_caller_sets_wins_over_a_mark_of_another_encoding(label, content, text):
    """The caller's word is the last; only a mark of that very encoding is none of the text."""
    response = Response(200, body=content)
    response.encoding = label

    assert response.text == text
    assert "".join(response.iter_text()) == text


@pytest.mark.parametrize(
    "label",
    ["hex", "base64", "rot13", "zlib", "bz2", "uu", "quopri", "punycode", "idna", "undefined", "unicode_escape"],
)
@pytest.mark.parametrize("by_caller", [False, True])
def test_a_codec_of_no_text_is_passed_over(label, by_caller):
    """Python has codecs that are no charset; whoever names one, server or caller, text is what the bytes say."""
    response = plain(None if by_caller else label, "é\\n".encode())
    if by_caller:
        response.encoding = label

    assert response.text == "é\\n"
    assert "".join(response.iter_text()) == "é\\n"


def test_names_that_servers_make_up_are_not_remembered():
    """Python keeps every name that codecs.lookup was asked for, for ever: it is not asked for a server's."""
    before = len(encodings._cache)
    for number in range(50):
        assert plain(f"made-up-{number}", b"a").text == "a"
    assert len(encodings._cache) == before


def test_a_codec_of_the_caller_s_own_serves_text_and_pieces():
    """Whoever registers a codec may name it, one that decodes only as a whole too; a server may not."""

    def find(name):
        info = codecs.lookup("latin-1")
        if name != "intermodal_test_rot":
            return None
        return codecs.CodecInfo(
            lambda text, errors="strict": info.encode(text),
            lambda data, errors="strict": ("x" * len(data), len(data)),
            name=name,
        )

    codecs.register(find)
    try:
        response = Response(200, body=b"abc")
        response.encoding = "intermodal_test_rot"
        assert response.text == "xxx"
        assert list(response.iter_text()) == ["xxx"]
        assert plain("intermodal_test_rot", b"abc").text == "abc"
    finally:
        codecs.unregister(find)


@pytest.mark.parametrize("codec", CODECS)
def test_every_charset_of_python_s_decodes_anything(codec):
    """Each codec that a label may stand for is there, and takes every byte and every byte but one, whole and in pieces."""
    content = bytes(range(256)) * 2
    for part in (content, content[1:], b"\x1b$(" + content):
        text = plain(codec, part).text
        pieces = plain(codec)
        pieces._body = Response(200, body=cut(part, [1, 7, 2]))._body
        joined = "".join(pieces.iter_text())
        assert isinstance(text, str)
        assert joined == text or "2022" in codec  # whose broken escape sequences Python itself takes differently


@given(
    st.binary(max_size=60),
    st.sampled_from(
        [None, *sorted({label for label, _, _ in ENCODINGS}), "utf-7", "hz", "nonsense", "\x1f", "é", "a" * 300]
    ),
    st.booleans(),
    st.lists(st.integers(1, 9), min_size=1),
)
@example(b"\xf3\x1b$++~\x1b(--\x8f,", "iso-2022-jp", False, [1])
def test_text_never_raises_and_pieces_are_the_whole(content, label, by_caller, sizes):
    """Whatever came under whatever name, text is a str, and its pieces, however cut, are the same text."""
    response = Response(
        200,
        {} if by_caller or not label else {"Content-Type": f"text/plain; charset={label}".encode("latin-1")},
        content,
    )
    if by_caller:
        response.encoding = label
    streamed = Response(200, response.headers, cut(content, sizes))
    streamed.encoding = response.encoding if by_caller else None
    pieces = list(streamed.iter_text())

    assert isinstance(response.text, str)
    assert all(pieces)
    if label is not None and codec_of(label) and label != "iso-2022-jp":
        assert "".join(pieces) == response.text
    assert "".join(response.iter_text(2)) == response.text or label == "iso-2022-jp"


@given(
    st.text(max_size=40), st.sampled_from(["utf-8", "utf-16-le", "gb18030", "utf-32-be", "utf-7"]), st.integers(1, 5)
)
def test_no_character_is_cut(text, codec, size):
    """Characters of several bytes that come in several pieces are whole in the text, with iter_content too."""
    content = text.removeprefix("\ufeff").encode(codec, "replace")
    expected = content.decode(codec)

    def made():
        response = Response(200, body=cut(content, [size]))
        response.encoding = codec
        return response

    expected = expected.removeprefix("\ufeff")
    assert "".join(made().iter_text()) == expected
    assert "".join(made().iter_content(size, decode_unicode=True)) == expected
    by_size = list(made().iter_text(3))
    assert "".join(by_size) == expected
    assert all(len(piece) == 3 for piece in by_size[:-1])


def test_the_other_colour_gives_the_same_text():
    """iter_text and decode_unicode are there for those who await, and validate alike."""
    content = (JAPANESE * 3).encode("shift_jis")
    head = {"Content-Type": "text/plain; charset=shift_jis"}

    async def gather():
        return (
            "".join([piece async for piece in AsyncResponse(200, head, content).iter_text(5)]),
            "".join([piece async for piece in AsyncResponse(200, head, content).iter_content(7, decode_unicode=True)]),
        )

    assert asyncio.run(gather()) == (JAPANESE * 3, JAPANESE * 3)


def test_an_undeclared_stream_is_utf_8_and_read_content_is_guessed_at():
    """What is still to come cannot be guessed at: streamed it is UTF-8, read it is as text has it."""
    content = (RUSSIAN * 20).encode("cp1251")
    read = Response(200, body=content)
    assert read.content

    assert "".join(read.iter_text()) == read.text == RUSSIAN * 20
    assert "".join(Response(200, body=[content]).iter_text()) == content.decode("utf-8", "replace")


@pytest.mark.parametrize("ruin", [b"\xff", b"\xe2\x82"])
def test_a_few_broken_bytes_do_not_make_utf_8_something_else(ruin):
    """A body that is UTF-8 but for a byte, or that was cut in a character, is still read as UTF-8."""
    content = (RUSSIAN * 9).encode() + ruin

    assert Response(200, body=content).apparent_encoding == "utf-8"
    assert Response(200, body=content).text == RUSSIAN * 9 + "\ufffd"


def test_the_encoding_of_a_large_body_is_found_where_the_text_is_no_ascii_any_more():
    """Megabytes of mark-up do not hide it, and a character at the end of what is looked at is not cut."""
    for codec, text in (("shift_jis", JAPANESE), ("cp1251", RUSSIAN), ("gb18030", CHINESE)):
        for more in range(4):
            content = b"<p>\n" * 100_000 + (text[0] + "a" * more + text * 5000).encode(codec)
            assert Response(200, body=content).text == content.decode(codec)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bytes(range(256)) * 80_000,
        lambda: b"a" * 20_000_000 + b"\xff",
        lambda: (RUSSIAN * 200_000).encode("cp1251"),
    ],
)
def test_guessing_takes_bounded_time_and_is_done_once(make):
    """Twenty megabytes are guessed at in a moment, and asking again costs nothing."""
    response = Response(200, body=make())
    assert response.content
    began = time.process_time()
    first = response.apparent_encoding
    took = time.process_time() - began
    began = time.process_time()
    again = [response.apparent_encoding for _ in range(1000)]

    assert took < 1.5
    assert time.process_time() - began < 0.1
    assert set(again) == {first}


def test_json_in_a_declared_charset_is_read():
    """JSON is UTF-8, -16 or -32 by its bytes; what is none of them is read in the charset its server declares."""
    latin = '{"é": 1}'.encode("latin-1")

    assert Response(200, {"Content-Type": "application/json; charset=latin-1"}, latin).json() == {"é": 1}
    assert Response(200, body=b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}
    with pytest.raises(ValueError, match="not text"):
        Response(200, {"Content-Type": "application/json"}, latin).json()
    with pytest.raises(ValueError, match="not text"):
        Response(200, {"Content-Type": "text/plain"}, latin).json()
