"""Content codings: round trips, faults, and the memory they cost; the oracles are the compressors."""

from __future__ import annotations

import gc
import gzip
import itertools
import subprocess
import sys
import tracemalloc
import weakref
import zlib

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.errors import ContentDecodingError, ReadTimeout
from intermodal.model.decoding import MAX_CODINGS, accept_encoding, codings, decoded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NAMES = ("gzip", "deflate", "br", "zstd")
PIECE = 65536

# "hello", uncompressed in each format, put together by hand.
STORED = b"\x01\x05\x00\xfa\xffhello"  # RFC 1951 section 3.2.4: final, stored; LEN, NLEN
ZLIB = b"\x78\x01" + STORED + b"\x06\x2c\x02\x15"  # RFC 1950 section 2.2; Adler-32
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + STORED + b"\x86\xa6\x10\x36\x05\x00\x00\x00"  # RFC 1952; CRC-32
BR = (
    b"\x40\x00\x10hello\x03"  # RFC 7932 section 9.2: window 16, 4 nibbles of length less one, uncompressed; last, empty
)
ZSTD = b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello"  # RFC 8878 section 3.1.1: single segment of 5; last raw block of 5
HELLO = [("gzip", GZIP), ("deflate", ZLIB), ("deflate", STORED), ("br", BR), ("zstd", ZSTD)]

TEXT = b"".join(b"%d bottles of beer on the wall, " % number for number in range(99))


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def checked_zstd(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


ENCODERS = {
    "gzip": [gzipped, lambda data: gzipped(data[:7]) + gzipped(data[7:])],
    "deflate": [zlib.compress, raw_deflate],
    "br": [lambda data: brotli.compress(data, quality=4)],
    "zstd": [zstd.compress, checked_zstd, lambda data: zstd.compress(data[:7]) + zstd.compress(data[7:])],
}
HELLO_IDS = ["gzip", "zlib", "raw deflate", "br", "zstd"]
CODED = [(name, encode) for name, encoders in ENCODERS.items() for encode in encoders]
CODED_IDS = ["gzip", "two gzip members", "zlib", "raw deflate", "br", "zstd", "zstd with checksum", "two zstd frames"]


class Source:
    """A reader of a body that comes in segments of these sizes, over and over."""

    def __init__(self, body: bytes, sizes=(PIECE,)) -> None:
        self.body = body
        self.at = 0
        self.sizes = itertools.cycle(sizes)
        self.ended = False

    def read(self, n: int) -> bytes:
        assert 1 <= n <= PIECE, "input is pulled in pieces of at most 64 KiB"
        assert not self.ended, "nothing is read after the end"
        piece = self.body[self.at : self.at + min(n, next(self.sizes))]
        self.at += len(piece)
        self.ended = not piece
        return piece


def outcome(body: bytes, names, sizes=(PIECE,), wants=(PIECE,)):
    """Read to the end: what was delivered, and the error if there was one."""
    read = decoded(Source(body, sizes).read, names)
    delivered = bytearray()
    turns = itertools.cycle(wants)
    while True:
        want = next(turns)
        try:
            piece = read(want)
        except ContentDecodingError as error:
            return bytes(delivered), error
        assert len(piece) <= want
        if not piece:
            assert read(want) == b"", "the end stays the end"
            return bytes(delivered), None
        delivered += piece


def failure(body: bytes, names, sizes=(PIECE,)):
    """What was delivered before the error that has to come."""
    delivered, error = outcome(body, names, sizes)
    assert error is not None, delivered
    return delivered, error


def python(code: str) -> str:
    """Run code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


segments = st.lists(st.integers(1, 300), min_size=1, max_size=5)


# What is offered, and what a header says


def test_accept_encoding_names_what_can_be_decoded():
    """With both libraries installed all four codings are offered, in a fixed order."""
    assert accept_encoding() == "gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    ("setup", "offered"),
    [
        ("", "gzip, deflate, br, zstd"),
        ("sys.modules.update(dict.fromkeys(['brotli', 'brotlicffi']))", "gzip, deflate, zstd"),
        ("sys.modules.update(dict.fromkeys(['backports.zstd', 'compression.zstd']))", "gzip, deflate, br"),
        ("sys.modules['brotli'] = types.SimpleNamespace(Decompressor=object)", "gzip, deflate, zstd"),
        ("sys.modules.update({'brotli': None, 'brotlicffi': __import__('brotli')})", "gzip, deflate, br, zstd"),
    ],
    ids=["all", "no brotli", "no zstd", "brotli before 1.2", "brotlicffi"],
)
def test_accept_encoding_follows_the_libraries(setup, offered):
    """A coding without a library, or with a brotli whose output has no bound, is neither offered nor decoded."""
    code = f"""
import io, sys, types
{setup}
from intermodal.model.decoding import accept_encoding, decoded
body = io.BytesIO(b"")
print(accept_encoding(), [name for name in {NAMES} if decoded(body.read, [name]) == body.read])
"""
    assert python(code) == f"{offered} {[name for name in NAMES if name not in offered]}"


def test_importing_the_module_imports_no_library():
    """The libraries for br and zstd cost nothing until something asks for them."""
    code = (
        "import sys, intermodal.model.decoding; print({'brotli', 'brotlicffi', 'backports.zstd'} & sys.modules.keys())"
    )
    assert python(code) == "set()"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ()),
        (["gzip"], ("gzip",)),
        (["GZip, Br"], ("gzip", "br")),
        (["deflate", "gzip, zstd"], ("deflate", "gzip", "zstd")),
        (["x-gzip, X-GZIP"], ("gzip", "gzip")),
        (["x-compress, compress"], ("x-compress", "compress")),
        (["identity", "Identity, gzip"], ("gzip",)),
        (["", " ", ",, ,\tgzip\t ,"], ("gzip",)),
        (["gzip;q=1, x gzip"], ("gzip;q=1", "x gzip")),
    ],
)
def test_codings_come_from_all_header_lines(values, expected):
    """The list syntax of RFC 9110 section 5.6.1, over several lines, in the order the codings were applied."""
    assert codings(iter(values)) == expected


@pytest.mark.parametrize("names", [(), ("compress",), ("gzip", "aes128gcm", "br"), ("x-compress", "gzip"), ("",)])
def test_unknown_codings_leave_the_body_as_it_is(names):
    """With nothing to undo, or one unknown coding anywhere in the list, the reader is the one that was given."""
    source = Source(b"as it came")
    read = source.read
    assert decoded(read, names) is read
    assert source.at == 0


@pytest.mark.parametrize(
    "values",
    [
        ["gzip, br", "deflate, identity", "x-gzip", ", zstd, gzip"],
        ["gzip"] * 20,
        [", ".join(["br"] * 1000)],
        ["gzip, gzip, gzip, unknown, gzip, gzip"],
    ],
)
def test_too_many_codings_are_refused_before_reading(values):
    """Six codings and more, in one line or many, known or not, are refused with a short message and nothing read."""
    source = Source(b"never read")
    with pytest.raises(ContentDecodingError, match="at most 5") as caught:
        decoded(source.read, codings(values))
    assert source.at == 0
    assert len(str(caught.value)) < 200


def test_five_codings_are_undone():
    """The limit itself is allowed, and neither identity nor an empty member counts."""
    body = b"hello"
    for _ in range(MAX_CODINGS):
        body = gzipped(body)
    names = codings(["gzip, identity, gzip", "", "gzip,, gzip, identity", "gzip"])
    assert outcome(body, names) == (b"hello", None)


# Round trips


@pytest.mark.parametrize(("name", "body"), HELLO, ids=HELLO_IDS)
@pytest.mark.parametrize("size", [1, 2, 3, PIECE])
@pytest.mark.parametrize("want", [1, 2, PIECE])
def test_formats_by_hand(name, body, size, want):
    """Bodies put together from the RFCs decode, also one byte at a time."""
    assert outcome(body, [name], [size], [want]) == (b"hello", None)


def test_raw_deflate_that_starts_like_zlib():
    """A stored block with a padding bit set has zlib's first byte; the check of both bytes tells it from zlib."""
    body = b"\x08\x05\x00\xfa\xffhello" + b"\x01\x00\x00\xff\xff"  # 0805 is no multiple of 31
    assert outcome(body, ["deflate"]) == (b"hello", None)
    assert outcome(body, ["deflate"], [1]) == (b"hello", None)


@given(
    data=st.one_of(st.binary(max_size=2000), st.integers(0, 200_000).map(bytes)),
    stack=st.lists(st.sampled_from(CODED), min_size=1, max_size=MAX_CODINGS),
    sizes=segments,
    wants=st.lists(st.integers(1, 100_000), min_size=1, max_size=5),
)
@example(data=b"", stack=[CODED[4]], sizes=[1], wants=[1])
def test_round_trip(data, stack, sizes, wants):
    """Whatever was coded by one to five compressors comes back, in any segments and for reads of any size."""
    body = data
    for _, encode in stack:
        body = encode(body)
    assert outcome(body, [name for name, _ in stack], sizes, [*wants, PIECE]) == (data, None)


@pytest.mark.parametrize(("name", "encode"), CODED, ids=CODED_IDS)
def test_large_body(name, encode):
    """A body of many pieces, of which half compress and half do not, comes back for reads large and small."""
    data = b"".join(bytes(50_000) + zlib.compress(TEXT * 20)[:1000] * 50 for _ in range(10))
    data += hash_noise(300_000)
    body = encode(data)
    assert outcome(body, [name], [PIECE], [1 << 30]) == (data, None)
    assert outcome(body, [name], [1000], [7, 5000]) == (data, None)


def hash_noise(size: int) -> bytes:
    """Bytes that do not compress, the same in every run."""
    import hashlib

    return hashlib.shake_128(b"noise").digest(size)


@pytest.mark.parametrize("names", [*([name] for name in NAMES), list(NAMES), ["gzip"] * 5])
def test_empty_body(names):
    """A body without a single byte is empty under any coding: the answer to HEAD, 204, Content-Length: 0."""
    assert outcome(b"", names) == (b"", None)


# Where one stream ends and another may begin


@pytest.mark.parametrize("size", [1, 7, PIECE])
def test_all_gzip_members_are_decoded(size):
    """Members follow one another (RFC 1952 section 2.2), empty ones among them."""
    body = gzipped(b"a") + gzipped(b"") * 3 + GZIP + gzipped(TEXT)
    assert outcome(body, ["gzip"], [size]) == (b"ahello" + TEXT, None)


@pytest.mark.parametrize("size", [1, 7, PIECE])
def test_all_zstd_frames_are_decoded(size):
    """Frames follow one another, skippable ones among them (RFC 8878 section 3.1.2)."""
    skippable = b"\x52\x2a\x4d\x18\x03\x00\x00\x00abc"
    body = skippable + zstd.compress(b"a") + zstd.compress(b"") + skippable + ZSTD + zstd.compress(TEXT) + skippable
    assert outcome(body, ["zstd"], [size]) == (b"ahello" + TEXT, None)


@pytest.mark.parametrize(("name", "body"), HELLO[:3], ids=HELLO_IDS[:3])
@pytest.mark.parametrize(
    "junk",
    [b"\0", bytes(512), b"j", b"junk", b"\x1f\x00", b"\n\x1f\x8b", bytes(512) + GZIP, b"x" * 200_000 + GZIP],
    ids=range(8),
)
@pytest.mark.parametrize("size", [1, 2, 3, len(GZIP) + 1, PIECE])
def test_bytes_after_the_end_are_ignored(name, body, junk, size):
    """What follows gzip and begins no member, zeros included, and what follows deflate, is read and dropped."""
    source = Source(body + junk, [size])
    read = decoded(source.read, [name])
    assert b"".join(iter(lambda: read(PIECE), b"")) == b"hello"
    assert source.ended


@pytest.mark.parametrize("size", [1, len(GZIP), len(GZIP) + 1, PIECE])
@pytest.mark.parametrize(
    "start", [GZIP[:1], GZIP[:2], GZIP[:-1], b"\x1f\x8b\x09" + GZIP[3:], b"\x1f\x8bjunk"], ids=range(5)
)
def test_a_second_gzip_member_must_be_whole(start, size):
    """What begins a member and is none, or not all of one, is an error after the first member's data."""
    assert failure(GZIP + start, ["gzip"], [size])[0].startswith(b"hello")


@pytest.mark.parametrize(("name", "body"), HELLO[3:], ids=HELLO_IDS[3:])
@pytest.mark.parametrize("junk", [b"\0", b"junk", b"\x06"])  # 06 is an empty br stream
def test_bytes_after_br_and_zstd_are_an_error(name, body, junk):
    """Where neither the format nor custom knows trailing bytes they are a fault, after the data if they come later."""
    assert failure(body + junk, [name], [len(body)])[0] == b"hello"
    assert failure(body + junk, [name], [1])[0] == b"hello"
    assert failure(body + junk, [name])[0] in {b"hello", b""}


def test_a_brotli_that_never_asks_for_input_is_an_error():
    """With data after the end brotlicffi 1.2.0 returns nothing and takes nothing, for ever: that ends in an error."""
    code = f"""
import io, sys, types
class Decompressor:
    def __init__(self): self.output = b"hello"
    def process(self, data, output_buffer_limit):
        assert type(data) is bytes  # a memoryview is refused
        output, self.output = self.output, b""
        return output
    def can_accept_more_data(self): return False
    def is_finished(self): return True
sys.modules["brotli"] = types.SimpleNamespace(Decompressor=Decompressor, error=ValueError)
from intermodal.model.decoding import decoded, ContentDecodingError
read = decoded(io.BytesIO({BR + b"junk"!r}).read, ["br"])
print(read(9))
try: read(9)
except ContentDecodingError as error: print(repr(error.__cause__))
"""
    assert python(code).splitlines() == ["b'hello'", "ValueError('data after the end of the stream')"]


# Faults


@pytest.mark.parametrize(
    ("names", "body", "data", "whole"),
    [
        (["gzip"], GZIP, b"hello", ()),
        (["gzip"], gzipped(TEXT), TEXT, ()),
        (["gzip"], gzipped(b"") + GZIP + GZIP, b"hellohello", (20, 20 + len(GZIP))),
        (["deflate"], ZLIB, b"hello", ()),
        (["deflate"], zlib.compress(TEXT), TEXT, ()),
        (["deflate"], STORED, b"hello", ()),
        (["deflate"], raw_deflate(TEXT), TEXT, ()),
        (["br"], BR, b"hello", ()),
        (["br"], brotli.compress(TEXT), TEXT, ()),
        (["zstd"], ZSTD, b"hello", ()),
        (["zstd"], zstd.compress(TEXT), TEXT, ()),
        (["zstd"], checked_zstd(TEXT), TEXT, ()),
        (["zstd"], ZSTD + ZSTD, b"hellohello", (len(ZSTD),)),
        (["br", "gzip"], gzipped(brotli.compress(TEXT)), TEXT, ()),
        (["gzip", "zstd"], zstd.compress(gzipped(TEXT)), TEXT, ()),
    ],
    ids=range(15),
)
@pytest.mark.parametrize("size", [1, PIECE])
def test_every_truncation_is_an_error(names, body, data, whole, size):
    """Cut at any byte, a body gives the start of its data and then an error; only a cut between two members is none."""
    longest = b""
    for cut in range(1, len(body)):
        delivered, error = outcome(body[:cut], names, [size])
        assert data.startswith(delivered)
        assert (error is None) == (cut in whole), cut
        assert error is None or ("cut short" in str(error) and names[-1] in str(error))
        assert len(delivered) >= len(longest), "more input never gives less"
        longest = delivered
    assert outcome(body, names, [size]) == (data, None)


@pytest.mark.parametrize("name", NAMES)
def test_truncation_gives_all_that_came(name):
    """Data flushed before the cut is delivered before the error, more of it than one read takes included."""
    (head, _), data = flushed(name), b"first " * 50_000
    assert failure(head, [name])[0] == data


@pytest.mark.parametrize(
    ("name", "body", "oracle"),
    [
        ("gzip", gzipped(bytes(100_000)), lambda cut: zlib.decompressobj(31).decompress(cut)),
        ("deflate", raw_deflate(bytes(100_000)), lambda cut: zlib.decompressobj(-15).decompress(cut)),
        ("br", brotli.compress(TEXT * 40), lambda cut: brotli.Decompressor().process(cut)),
        ("zstd", zstd.compress(TEXT * 40), lambda cut: zstd.ZstdDecompressor().decompress(cut)),
    ],
    ids=NAMES,
)
@pytest.mark.parametrize("size", [1, PIECE])
def test_truncation_gives_what_the_library_gives(name, body, oracle, size):
    """Cut anywhere, a body gives just the data that its library, without any bound, has for what is left of it."""
    for cut in range(1, len(body)):
        assert failure(body[:cut], [name], [size])[0] == oracle(body[:cut]), cut


def test_truncated_inside_a_stack():
    """A whole outer coding around a truncated inner one is truncated all the same."""
    delivered, error = failure(gzipped(GZIP[:-8]), ["gzip", "gzip"])
    assert delivered == b"hello"
    assert "cut short" in str(error)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, PIECE])
def test_garbage_is_an_error(name, size):
    """What is not coded at all is an error that names the coding and has the library's error as its cause."""
    delivered, error = failure(b"<!doctype html><p>Not coded at all</p>", [name], [size])
    assert delivered == b""
    assert repr(name) in str(error)
    assert error.__cause__ is not None
    assert error.delivery == "sent"


@pytest.mark.parametrize(
    ("name", "body", "at"),
    [("gzip", GZIP, -5), ("gzip", GZIP, -1), ("deflate", ZLIB, -1), ("zstd", checked_zstd(b"hello"), -1)],
    ids=["CRC-32", "length", "Adler-32", "XXH64"],
)
def test_a_wrong_checksum_is_an_error(name, body, at):
    """CRC-32, length, Adler-32 and XXH64 are checked; gzip and deflate deliver the data that they belie."""
    broken = bytearray(body)
    broken[at] ^= 1
    for size in (1, 4, PIECE):
        delivered, error = failure(bytes(broken), [name], [size])
        assert error.__cause__ is not None
        assert delivered == b"hello" or (name == "zstd" and size == PIECE and delivered == b"")


@given(
    body=st.sampled_from([gzipped(TEXT), zlib.compress(TEXT), raw_deflate(TEXT)]),
    at=st.integers(0, 300),
    flip=st.integers(1, 255),
    sizes=segments,
)
def test_what_precedes_a_fault_does_not_depend_on_segments(body, at, flip, sizes):
    """With one wrong byte gzip and deflate give the same data and the same error, however they were segmented."""
    broken = bytearray(body)
    broken[at % len(body)] ^= flip
    name = "gzip" if body.startswith(GZIP[:2]) else "deflate"
    data, error = outcome(bytes(broken), [name])
    again, same = outcome(bytes(broken), [name], sizes)
    assert again == data
    assert str(same) == str(error)


def test_data_before_a_fault_is_delivered():
    """Stored deflate blocks before a wrong one come out, although the library failed on all of them at once."""
    block = b"\x00\x05\x00\xfa\xffhello"
    delivered, error = failure(block * 3 + b"\x07", ["deflate"])  # block type 3 is reserved (RFC 1951 section 3.2.3)
    assert delivered == b"hello" * 3
    assert isinstance(error.__cause__, zlib.error)


@pytest.mark.parametrize("name", ["br", "zstd"])
def test_little_is_lost_before_a_fault(name):
    """What came before the last 4 KiB of coded input is delivered by br and zstd: here, all but that much noise."""
    data = hash_noise(PIECE)
    body = brotli.compress(data) if name == "br" else zstd.compress(data)
    delivered, _ = failure(body + b"junk", [name])
    assert data.startswith(delivered)
    assert len(delivered) >= len(data) - 4096


@given(
    body=st.binary(max_size=300),
    head=st.sampled_from([b"", GZIP, ZLIB, STORED, BR, ZSTD, GZIP[:10], b"\x78\x9c", ZSTD[:4]]),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    sizes=segments,
)
def test_anything_ends(body, head, names, sizes):
    """Any bytes under any codings end in data or in a ContentDecodingError, one byte at a time too."""
    outcome(head + body, names, sizes, [1, 3, 100])
    outcome(head + body, names, [1], [PIECE])


def test_a_fault_is_raised_on_each_call():
    """An error is no end: reading on gives the same error, never an end of body."""
    read = decoded(Source(GZIP + b"\x1f\x8b").read, ["gzip"])
    assert read(9) == b"hello"
    messages = set()
    for _ in range(3):
        with pytest.raises(ContentDecodingError) as caught:
            read(9)
        messages.add(str(caught.value))
    assert len(messages) == 1


@pytest.mark.parametrize("body", [GZIP[:-1], GZIP + b"\x1f\x8bjunk"], ids=["cut", "garbage"])
def test_a_fault_leaves_no_cycle(body):
    """After an error the reader below is freed at once, and with it a connection, not when cycles are collected."""
    source = Source(body)
    gone = weakref.ref(source)
    gc.disable()
    try:
        read = decoded(source.read, ["gzip"])
        for _ in range(2):
            with pytest.raises(ContentDecodingError):
                while read(9):
                    pass
        del source, read
        assert gone() is None
    finally:
        gc.enable()


# The reader below


def flushed(name: str) -> tuple[bytes, bytes]:
    """A coded body in two parts, flushed between them: ``first`` 50 000 times, then ``second``."""
    if name == "zstd":
        compressor = zstd.ZstdCompressor()
        head = compressor.compress(b"first " * 50_000, zstd.ZstdCompressor.FLUSH_BLOCK)
        return head, compressor.compress(b"second") + compressor.flush()
    if name == "br":
        compressor = brotli.Compressor()
        head = compressor.process(b"first " * 50_000) + compressor.flush()
        return head, compressor.process(b"second") + compressor.finish()
    compressor = zlib.compressobj(wbits=31 if name == "gzip" else 15)
    head = compressor.compress(b"first " * 50_000) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return head, compressor.compress(b"second") + compressor.flush()


@pytest.mark.parametrize("names", [*([name] for name in NAMES), ["gzip", "gzip"]])
@pytest.mark.parametrize("want", [1000, 50_000, 1 << 30])
def test_what_has_come_is_delivered_before_more_is_asked_for(names, want):
    """All that a flushed part decodes to comes out before the next is read: a live stream is not held up."""
    parts = list(flushed(names[0]))
    for _ in names[1:]:
        compressor = zlib.compressobj(wbits=31)
        parts = [compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH) for part in parts]
        parts[-1] += compressor.flush()
    come = [parts[0]]
    read = decoded(lambda _: come.pop(), names)  # an IndexError where more is asked for
    got = b""
    while len(got) < 300_000:
        got += read(want)
    assert got == b"first " * 50_000
    come.append(parts[1])
    assert read(want) == b"second"


@given(
    stack=st.lists(st.sampled_from(CODED), min_size=1, max_size=MAX_CODINGS),
    sizes=segments,
)
def test_errors_of_the_reader_pass_and_can_be_overcome(stack, sizes):
    """What the reader below raises comes out untouched, and calling again goes on where it left off."""
    body = TEXT
    for _, encode in stack:
        body = encode(body)
    source = Source(body, sizes)
    turns = itertools.cycle([False, True])

    def below(n: int) -> bytes:
        if next(turns):
            return source.read(n)
        raise timeout

    timeout = ReadTimeout("nothing yet")
    read = decoded(below, [name for name, _ in stack])
    got = []
    while b"" not in got:
        try:
            got.append(read(100))
        except ReadTimeout as error:
            assert error is timeout
    assert b"".join(got) == TEXT


# Bombs


ZEROS = 100_000_000
BOMBS = {
    "gzip": (["gzip"], lambda: gzipped(bytes(ZEROS))),
    "zlib": (["deflate"], lambda: zlib.compress(bytes(ZEROS))),
    "raw deflate": (["deflate"], lambda: raw_deflate(bytes(ZEROS))),
    "br": (["br"], lambda: brotli.compress(bytes(ZEROS), quality=5)),
    "zstd": (["zstd"], lambda: zstd.compress(bytes(ZEROS))),
    "gzip in gzip": (["gzip", "gzip"], lambda: gzipped(gzipped(bytes(ZEROS)))),
    "zstd in gzip in br": (["zstd", "gzip", "br"], lambda: brotli.compress(gzipped(zstd.compress(bytes(ZEROS))))),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("want", [PIECE, 1 << 30])
def test_a_bomb_costs_bounded_memory(bomb, want):
    """Read 64 KiB at a time, or as much as may come, 100 MB of zeros never hold more than 256 KiB for each coding."""
    names, make = BOMBS[bomb]
    source = Source(make())
    read = decoded(source.read, names)
    read(1)  # what libraries allocate once
    tracemalloc.start()
    try:
        total = 1 + sum(len(read(want)) for _ in range(100))
        assert source.at <= PIECE, "stopping early leaves the rest unread"
        while piece := read(want):
            total += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == ZEROS
    assert peak < 256 * 1024 * len(names)


@pytest.mark.parametrize(
    ("name", "body", "data"),
    [
        ("gzip", gzipped(bytes(1000)) * 10_000, bytes(1000) * 10_000),
        ("gzip", gzipped(b"") * 3000 + GZIP, b"hello"),
        ("zstd", zstd.compress(b"") * 3000 + ZSTD, b"hello"),
    ],
    ids=["members", "empty members", "empty frames"],
)
def test_many_members_cost_bounded_memory(name, body, data):
    """Thousands of members, that give nothing or little each, are decoded one after the other in the same memory."""
    read = decoded(Source(body).read, [name])
    got = bytearray(len(data))
    tracemalloc.start()
    try:
        at = 0
        while piece := read(PIECE):
            got[at : at + len(piece)] = piece
            at += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (at, got) == (len(data), data)
    assert peak < 256 * 1024


SKIPPED = b"\x50\x2a\x4d\x18" + (10_000_000).to_bytes(4, "little") + bytes(10_000_000)
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"


@pytest.mark.parametrize(
    ("name", "body"),
    [("gzip", GZIP + bytes(10_000_000)), ("deflate", EMPTY_BLOCK * 2_000_000 + STORED), ("zstd", SKIPPED + ZSTD)],
    ids=["padding", "empty blocks", "skippable frame"],
)
def test_megabytes_without_data_are_passed_over(name, body):
    """Ten megabytes without data are no reason to fail, nor is another coding around them."""
    assert outcome(body, [name]) == (b"hello", None)
    assert outcome(zstd.compress(body), [name, "zstd"]) == (b"hello", None)


@pytest.mark.parametrize(
    ("names", "body", "data"),
    [
        (["gzip"], GZIP + bytes(20_000_000), b"hello"),
        (["gzip"], gzipped(b"") * 1_000_000 + GZIP, b""),
        (["deflate"], EMPTY_BLOCK * 4_000_000 + STORED, b""),
        (["zstd"], zstd.compress(b"") * 1_000_000 + ZSTD, b""),
        (["zstd"], SKIPPED * 2 + ZSTD, b""),
        (["gzip", "gzip"], gzipped(GZIP + bytes(ZEROS)), b"hello"),
        (["zstd", "zstd"], zstd.compress(zstd.compress(b"") * 1_000_000), b""),
        # Each skipped frame gives one byte to the coding within, so only the bound for all of them is reached.
        (["gzip", "zstd"], b"".join(SKIPPED + zstd.compress(bytes([byte])) for byte in GZIP[:4]), b""),
    ],
    ids=["padding", "members", "blocks", "frames", "skippable", "padding in gzip", "frames in zstd", "drops"],
)
@pytest.mark.timeout(30)
def test_a_body_that_goes_on_without_data_is_an_error(names, body, data):
    """A body that keeps the decoder busy and gives nothing ends in an error soon, after the data it gave before."""
    delivered, error = failure(body, names)
    assert delivered == data
    assert "no data" in str(error)


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is Unix's")
def test_a_bomb_does_not_grow_the_process():
    """Memory of the libraries, which tracemalloc does not see, is bounded too: 100 MB grow the process by less than 32."""
    code = f"""
import io, resource, sys, zlib
from intermodal.model.decoding import accept_encoding, decoded
bodies = eval(sys.stdin.read())
accept_encoding()
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
for name, body in bodies:
    read, total = decoded(io.BytesIO(body).read, [name]), 0
    while piece := read({PIECE}):
        total += len(piece)
    assert total == {ZEROS}, name
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before)
"""
    bodies = [(BOMBS[bomb][0][0], BOMBS[bomb][1]()) for bomb in ("gzip", "zlib", "br", "zstd")]
    run = subprocess.run([sys.executable, "-c", code], input=repr(bodies), check=True, capture_output=True, text=True)
    assert int(run.stdout) < 32_000_000


@pytest.mark.parametrize(("log", "refused"), [(23, False), (24, True)])
def test_zstd_windows_are_bounded(log, refused):
    """RFC 9659: a window of 8 MB is decoded, a larger one refused."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    body = compressor.compress(b"hello") + compressor.compress(b"") + compressor.flush()
    delivered, error = outcome(body, ["zstd"])
    if refused:
        assert delivered == b""
        assert isinstance(error.__cause__, zstd.ZstdError)
    else:
        assert (delivered, error) == (b"hello", None)
