"""From bytes to text: which charset, whose word counts, and how pieces are decoded as they come.

Laws:

- No bytes and no charset of a server's make it raise: what does not decode is U+FFFD.
- A byte order mark is no text. It names the encoding over whatever the server has declared, as it does in browsers (WHATWG
  Encoding section 6, "decode"); over what the caller has set it does not.
- A charset that a server names is looked up in tables, never handed to ``codecs.lookup``, which remembers each name it was
  ever asked for, and has codecs that no charset of a text is.
- Pieces, however cut, decode to the same text as the whole.
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from functools import cache
from typing import Final

#: Codecs that Python has and ``encodings.aliases`` does not name.
_UNLISTED: Final = (
    "cp1006 cp720 cp737 cp856 cp874 cp875 iso8859_1 koi8_t koi8_u mac_arabic mac_croatian mac_farsi mac_romanian"
    " utf_8_sig"
)

#: Python's codecs that no charset of a text is; a server could make some cost more than its bytes are worth.
_NO_CHARSETS: Final = (
    "base64_codec bz2_codec hex_codec idna mbcs oem punycode quopri_codec raw_unicode_escape rot_13 tactis undefined"
    " unicode_escape uu_codec zlib_codec"
)

#: Labels that browsers know (WHATWG Encoding section 4.2) and Python does not, by Python's name of the encoding.
_LABELS: Final = {
    label: codec
    for codec, labels in {
        "utf_8": "unicode_1_1_utf_8 unicode11utf8 unicode20utf8 x_unicode20utf8",
        "utf_16_le": "csunicode iso_10646_ucs_2 ucs_2 unicode unicodefeff",
        "utf_16_be": "unicodefffe",
        "iso8859_6": "csiso88596e csiso88596i iso_8859_6_e iso_8859_6_i",
        "iso8859_7": "sun_eu_greek",
        "iso8859_8": "csiso88598e csiso88598i iso_8859_8_e iso_8859_8_i logical visual",
        "iso8859_15": "csisolatin9",
        "koi8_r": "koi koi8",
        "koi8_u": "koi8_ru",
        "mac_roman": "csmacintosh mac x_mac_roman",
        "mac_cyrillic": "x_mac_cyrillic x_mac_ukrainian",
        "cp874": "dos_874 iso885911 windows_874",
        "gb18030": "csgb2312 gb_2312 gb_2312_80 x_gbk",
        "big5hkscs": "cn_big5 x_x_big5",
        "euc_jp": "cseucpkdfmtjapanese x_euc_jp",
        "cp932": "windows_31j x_sjis",
        "cp949": "cseuckr csksc56011987 iso_ir_149 ks_c_5601_1989 ksc_5601 windows_949",
    }.items()
    for label in labels.split()
} | {
    **{f"x_cp{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"iso8859{part}": f"iso8859_{part}" for part in (*range(1, 11), 13, 14, 15, 16)},
}

#: Byte order marks, the encoding of what follows, and the one that takes the mark too. The longer ones come first, because
#: UTF-32's begins as UTF-16's does.
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf_8", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf_32_le", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf_32_be", "utf-32"),
    (b"\xff\xfe", "utf_16_le", "utf-16"),
    (b"\xfe\xff", "utf_16_be", "utf-16"),
)

#: What is meant where no mark says more: as on the web, and the same on every machine.
_UNMARKED: Final = {"utf_16": "utf_16_le", "utf_32": "utf_32_le"}

#: How much of a body is looked at to guess its encoding.
SAMPLE: Final = 65536


def charset(content_type: str) -> str | None:
    """Find the charset in a Content-Type (RFC 9110 section 8.3.2); quotes of both kinds are taken off.

    >>> charset('text/html; charset="utf-8"'), charset("text/html")
    ('utf-8', None)
    """
    found = re.search(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|'?([^\s;,'\"]*))", content_type, re.IGNORECASE)
    return None if found is None else (found[1] or found[2] or "").strip() or None


def codec_of(label: str, *, given: bool = False) -> str | None:
    """Find Python's codec for a charset's label, or None where there is none.

    Args:
        label: as it was written.
        given: by the caller, who may have codecs of their own.

    >>> codec_of("Windows-949"), codec_of("nonsense"), codec_of("base64")
    ('cp949', None, None)
    """
    name = re.sub("[^0-9a-z.]+", "_", label[:80].lower()).strip("_")
    codec = _LABELS.get(name) or aliases.get(name) or aliases.get(name.replace(".", "_")) or name
    if codec in _codecs():
        return "utf_8" if codec == "utf_8_sig" else codec
    if not given or codec in _NO_CHARSETS.split():
        return None
    try:
        b"a".decode(label, "replace")
    except (LookupError, ValueError):  # a name that nobody knows, or of no text encoding
        return None
    return label


@cache
def _codecs() -> frozenset[str]:
    return frozenset([*_UNLISTED.split(), *aliases.values()]).difference(_NO_CHARSETS.split())


def begins(start: bytes, codec: str | None, *, given: bool = False) -> tuple[str | None, int]:
    """Say by which codec a text is to be decoded, None for unknown, and how many bytes at its start are a mark.

    Args:
        start: its first four bytes, or all.
        codec: what was declared.
        given: by the caller: then a mark of another encoding is none.
    """
    for mark, marked, _ in _MARKS:
        if start.startswith(mark) and (not given or codec is None or marked.startswith(codec)):
            return marked, len(mark)
    return _UNMARKED.get(codec or "", codec), 0


class Decoder:
    r"""Decodes pieces as they come; a stage of :mod:`intermodal.model.reading`.

    A character that comes in two pieces is given once it is whole.

    Args:
        codec: as :func:`codec_of` gives it; None for UTF-8, unless a byte order mark says otherwise.
        given: by the caller.

    >>> decoder = Decoder("utf_8")
    >>> [*decoder.put(b"caf\xc3"), *decoder.put(b"\xa9"), *decoder.rest()]
    ['caf', 'é']
    """

    def __init__(self, codec: str | None, *, given: bool = False) -> None:
        self._codec = codec
        self._given = given
        self._start = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def put(self, piece: bytes, /) -> tuple[str, ...]:
        if self._decoder is None:
            piece = self._start + piece
            if any(len(piece) < len(mark) and mark.startswith(piece) for mark, _, _ in _MARKS):
                self._start = piece  # which may become a mark, or a longer one
                return ()
            piece = self._begin(piece)
        text = self._decode(piece)
        return (text,) if text else ()

    def rest(self) -> tuple[str, ...]:
        piece = self._begin(self._start) if self._decoder is None else b""
        text = self._decode(piece, final=True)
        return (text,) if text else ()

    def _begin(self, start: bytes) -> bytes:
        codec, skipped = begins(start, self._codec, given=self._given)
        try:
            self._decoder = codecs.getincrementaldecoder(codec or "utf_8")("replace")
        except LookupError:  # a codec of the caller's that cannot decode pieces
            self._decoder = _AtTheEnd(codec or "utf_8")
        return start[skipped:]

    def _decode(self, piece: bytes, *, final: bool = False) -> str:
        decoder = self._decoder
        assert decoder is not None
        before = decoder.getstate()
        try:
            return decoder.decode(piece, final)
        except UnicodeError:
            # Python's decoders of ISO-2022 have room for 8 bytes of an escape sequence, and a broken one may be longer.
            decoder.setstate(before)
            return "".join([self._step(decoder, piece[at : at + 1]) for at in range(len(piece))])

    @staticmethod
    def _step(decoder: codecs.IncrementalDecoder, byte: bytes) -> str:
        pending, state = decoder.getstate()
        try:
            return decoder.decode(byte)
        except UnicodeError:
            decoder.setstate((b"", state))
            return "\ufffd" + decoder.decode(pending[1:] + byte)


class _AtTheEnd(codecs.IncrementalDecoder):
    """Decodes once all is there."""

    def __init__(self, codec: str) -> None:
        super().__init__("replace")
        self._codec = codec
        self._pieces: list[bytes] = []

    def decode(self, data: object, final: bool = False) -> str:
        self._pieces.append(bytes(data))  # type: ignore[call-overload]
        return b"".join(self._pieces).decode(self._codec, "replace") if final else ""


_NOT_ASCII = re.compile(rb"[\x80-\xff]")

#: So many bytes beyond ASCII tell something about a text that is ASCII for the most part.
_TELLING: Final = 16

_WIDE: Final = ["utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "utf_7"]


def apparent_encoding(content: bytes) -> str:
    r"""Guess the encoding of a text, by a name that ``bytes.decode`` takes.

    A byte order mark says it; what is UTF-8, or would be but for a few bytes, is UTF-8; ISO-2022-JP has its escape
    sequences. A few letters among ASCII tell nothing: they are windows-1252, which is what browsers fall back on (WHATWG
    HTML, "determining the character encoding"). For the rest, charset-normalizer is asked about the first 64 KiB from
    where the text is no ASCII any more; UTF-16 and UTF-32 are never guessed, as the same standard has it.

    >>> apparent_encoding("日本".encode()), apparent_encoding(b"\xff\xfea\x00")
    ('utf-8', 'utf-16')
    """
    for mark, _, whole in _MARKS:
        if content.startswith(mark):
            return whole
    if content.isascii():
        return "iso2022_jp" if b"\x1b$B" in content or b"\x1b$@" in content else "utf-8"
    if _is_utf8(content):
        return "utf-8"
    sample = _sample(content)
    text = sample.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) > 20 * bad:
        return "utf-8"
    letters = len(_NOT_ASCII.findall(sample))
    if letters < _TELLING and (letters * 3 < len(sample) or len(sample) < 8):
        return "cp1252"
    from charset_normalizer import from_bytes  # noqa: PLC0415 - slow to import, and seldom needed

    best = from_bytes(sample, cp_exclusion=_WIDE).best()
    return best.encoding if best is not None else "utf-8"


def _is_utf8(content: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(content), SAMPLE):
            decoder.decode(content[at : at + SAMPLE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _sample(content: bytes) -> bytes:
    """Cut out what an encoding is to be guessed from; not in the middle of a character, if that can be told."""
    if len(content) <= SAMPLE:
        return content
    found = re.search(rb"[\x80-\xff]", content)
    start = max((found.start() if found else 0) - 256, 0)  # what is before it is ASCII, so no character is cut
    sample = content[start : start + SAMPLE]
    if start + SAMPLE < len(content):
        # No encoding with characters of several bytes has these within one.
        end = max(sample.rfind(byte) for byte in (b"\n", b" ", b">", b"<", b".", b",", b'"'))
        sample = sample[: end + 1] or sample
    return sample
