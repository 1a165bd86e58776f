"""What a hostile server may cost: memory, time and connections stay bounded, over every transport.

The rows of A4 in ``faults.md`` (past advisories of HTTP clients), and where each is tried:

    urllib3 GHSA-2xpw-w6gg-jr37, GHSA-38jv-5279-wg99,              test_a_bomb_costs_what_is_read_of_it (one byte, twice, all),
      GHSA-mf9v-mfxr-j63j; aiohttp CVE-2025-69223, -2026-54278     test_a_bomb_that_is_passed_over_is_not_decoded (drain, close),
                                                                   model/test_decoding.py
    curl CVE-2022-32206, CVE-2023-23916; urllib3 GHSA-gm62-...     test_a_chain_of_codings_has_an_end
    urllib3 GHSA-gh4c-6fx4-qh6g (a loop while streaming)           test_a_coded_body_ends_byte_by_byte, model/test_decoding.py
    urllib3 GHSA-vxq7-64xx-v4gw; Go CVE-2023-39326 (chunk lines)   conformance chapter too_much.py; test_a_body_of_crumbs_ends
    curl CVE-2023-38039; Go CVE-2025-61724; aiohttp CVE-2026-22815 too_much.py; test_client.py (a hostile head)
    CPython CVE-2021-3737 (endless 100 Continue)                   too_much.py
    CPython CVE-2025-13836 (a huge Content-Length)                 test_a_length_is_only_a_promise
    curl CVE-2022-32205; Go CVE-2025-58186 (cookies)               test_cookie_attacks.py
    aiohttp CVE-2025-69230 (a log line per bad cookie)             test_bad_cookies_write_no_log
    aiohttp CVE-2026-34513 (unbounded caches)                      test_what_a_client_remembers_is_bounded; middleware/test_digest.py
    urllib3 CVE-2021-33503, -2020-7212; httplib2 CVE-2021-21240;   test_a_hostile_field_takes_linear_time, model/test_url.py,
      undici CVE-2023-24807; idna CVE-2024-3651; Go CVE-2026-56860 middleware/test_digest.py
    urllib3 CHANGES 2.6 (Retry-After of years)                     test_a_wait_of_years_is_the_callers_to_decide,
                                                                   middleware/test_retries.py
    undici CVE-2025-47279 (a leak per failed handshake)            test_many_faults.py
    undici CVE-2026-2581 (de-duplication)                          there is none
    faults.md, case 49 (a redirect body that never ends)           test_what_never_ends_delays_nobody
"""

import contextlib
import gc
import gzip
import logging
import os
import pickle
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli
import pytest
from fleet import make_transport
from roads.proxies import Peer
from safety.waiting import until

from intermodal import (
    Client,
    ContentDecodingError,
    Error,
    IncompleteBody,
    Timeouts,
    TooManyRedirects,
    TotalTimeout,
    TransportBug,
)
from intermodal.middleware.digest import DigestAuth
from intermodal.middleware.retries import Retry
from intermodal.testing.origin import Drip, Origin, Stall

try:
    from compression import zstd
except ImportError:
    from backports import zstd

PROFILE = os.environ.get("INTERMODAL_PROFILE", "default")
MIB = 1 << 20
#: Ten gigabytes of zeros, in the units that a bomb is put together from.
TEN_GIGABYTES = 10_000_000_000
UNIT = 50_000_000
#: What may be held beyond the pieces that are read: windows and blocks of the codings, and buffers of a connection.
ROOM = 4 * MIB


def gzip_of_zeros(size):
    """Members of a gzip file that hold so many zeros (RFC 1952 section 2.2)."""
    return gzip.compress(bytes(UNIT), 9, mtime=0) * (size // UNIT)


def deflate_of_zeros(size):
    """One zlib stream that holds so many zeros: its blocks end at a byte, so that they can be repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compressor.compress(bytes(UNIT)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * (size // UNIT)


def zstd_of_zeros(size):
    return zstd.compress(bytes(UNIT)) * (size // UNIT)


def brotli_of_zeros(size):
    """One stream of br, fed in pieces; its meta-blocks are so small that no more is needed."""
    compressor = brotli.Compressor(quality=5)
    return b"".join(compressor.process(bytes(UNIT)) for _ in range(size // UNIT)) + compressor.finish()


class Bomb:
    """A body that becomes ten gigabytes.

    Attributes:
        answer: after its status line.
    """

    def __init__(self, codings, body):
        self.codings = codings
        fields = "".join(f"Content-Encoding: {coding}\r\n" for coding in codings)
        self.answer = f"{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture(scope="session")
def bombs():
    """The bombs by name: some of ten megabytes, those that are chained much smaller."""
    gzipped = gzip_of_zeros(TEN_GIGABYTES)
    assert 9 * MIB < len(gzipped) < 11 * MIB
    zstds = zstd_of_zeros(TEN_GIGABYTES)
    return {
        "gzip": Bomb(["gzip"], gzipped),
        "deflate": Bomb(["deflate"], deflate_of_zeros(TEN_GIGABYTES)),
        "zstd": Bomb(["zstd"], zstds),
        "br": Bomb(["br"], brotli_of_zeros(500_000_000) if PROFILE == "default" else brotli_of_zeros(TEN_GIGABYTES)),
        "gzip of gzip": Bomb(["gzip, gzip"], gzip.compress(gzipped)),
        "br of gzip of zstd": Bomb(["zstd", "gzip, br"], brotli.compress(gzip.compress(zstds), quality=5)),
    }


BOMBS = ["gzip", "deflate", "zstd", "br", "gzip of gzip", "br of gzip of zstd"]


@pytest.fixture
def transport(name):
    """Each of the four transports in turn."""
    made = make_transport(name)
    yield made
    made.close()


class Stage:
    """A server that gives each request the next of its answers, over however many connections, and records nothing."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.asked = []
        self._peer = Peer(self._serve)
        self.url = f"{self._peer.url}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._peer.close()

    def _serve(self, talk):
        while True:
            self.asked.append(talk.asked())
            talk.send(self._answers.pop(0))

    @property
    def connections(self):
        return len(self._peer.talks)


class Memory:
    """Measures what is held at most: by Python's own count, and by the system's, which sees what libraries hold."""

    def __enter__(self):
        gc.collect()
        self._resident = _resident_peak(reset=True)
        tracemalloc.start()
        return self

    def __exit__(self, *_):
        self.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.grown = _resident_peak() - self._resident


def _resident_peak(*, reset=False):
    """The most memory that the process has held since it was reset, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def assert_small(memory, room=ROOM):
    assert memory.peak < room
    assert memory.grown < room + 32 * MIB  # what allocators and threads of the test's own add


OK = b"HTTP/1.1 200 OK\r\n"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


# --- decompression bombs ---------------------------------------------------------------------------------------------


def one_byte(response):
    assert next(response.iter_content(1)) == b"\0"


def a_piece(response):
    assert next(response.iter_content(65536)) == bytes(65536)


def pieces(response):
    """As they come, again and again: each is bounded, not the first one alone."""
    pieces = response.iter_content()
    assert all(0 < len(next(pieces)) <= 65536 for _ in range(100))


def a_large_piece(response):
    assert len(next(response.iter_content(MIB))) == MIB


def text(response):
    assert set(next(response.iter_text())) == {"\0"}


def events(response):
    with pytest.raises(Error, match="larger|longer"):
        next(response.iter_events(limit=MIB // 2))


def undecoded(response):
    assert len(response.raw.read(100)) == 100


def nothing(response):
    pass


READINGS = (one_byte, a_piece, pieces, a_large_piece, text, events, undecoded, nothing)


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_costs_what_is_read_of_it(transport, bombs, kind):
    """Of ten gigabytes in a few megabytes no more is decoded than is read, and what was opened can be closed at once."""
    answer = OK + bombs[kind].answer
    with Client(transport) as client, Stage(FINE, *[answer] * len(READINGS), FINE) as stage:
        client.get(stage.url)
        with Memory() as memory:
            for read in READINGS:
                began = time.monotonic()
                response = client.get(stage.url, stream=True)
                read(response)
                response.close()
                del response
                assert time.monotonic() - began < 2, read
        assert client.get(stage.url).content == b"fine"
    assert_small(memory)


def by_redirect(client, url):
    response = client.get(url)
    assert [each.status_code for each in response.history] == [302]
    return response


def by_post(client, url):
    return client.post(url, data=b"x")


def by_digest(client, url):
    return client.get(url, auth=DigestAuth("ann", "pw"))


def by_retry(client, url):
    return client.get(url, retries=Retry(1, backoff=0))


PASSED_OVER = {
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /next\r\n", by_redirect),
    "a redirect after POST": (b"HTTP/1.1 303 See Other\r\nLocation: /next\r\n", by_post),
    "a challenge": (b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="a", nonce="n"\r\n', by_digest),
    "an error": (b"HTTP/1.1 503 No\r\nRetry-After: 0\r\n", by_retry),
}


@pytest.mark.parametrize("kind", ["gzip", "br", "br of gzip of zstd"])
@pytest.mark.parametrize("case", PASSED_OVER)
def test_a_bomb_that_is_passed_over_is_not_decoded(transport, bombs, case, kind):
    """The body of a response that a flow has done with is drained as it came, and dropped where it is large."""
    head, ask = PASSED_OVER[case]
    with Stage(head + bombs[kind].answer, FINE) as stage, Client(transport) as client:
        with Memory() as memory:
            began = time.monotonic()
            response = ask(client, stage.url)
            took = time.monotonic() - began
        assert response.content == b"fine"
        assert_small(memory)
        assert took < 3
        assert len(stage.asked) == 2


def test_a_bomb_behind_a_failure_is_not_decoded(transport, bombs):
    """Too many redirects, and one that leads nowhere, end the call and not the memory."""
    rows = [(0, b"/next"), (30, b"http://a b/"), (30, b"ftp://h/"), (30, b"/a\r\nLocation: /b")]
    for limit, location in rows:
        answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n" + bombs["gzip"].answer
        with Stage(answer) as stage, Client(transport, max_redirects=limit) as client:
            with Memory() as memory, pytest.raises(Error) as caught:
                client.get(stage.url)
            assert caught.value.response.status_code == 302
            assert_small(memory)


def test_what_was_passed_over_is_never_decoded(transport):
    """A small bomb, which is kept undecoded in the history, stays so when the response is shown, pickled and dropped."""
    small = brotli.compress(bytes(UNIT), quality=5)
    assert len(small) < 1000
    answer = b"HTTP/1.1 302 Found\r\nLocation: /next\r\n" + Bomb(["br"], small).answer
    with Stage(answer, FINE) as stage, Client(transport) as client, Memory() as memory:
        response = client.get(stage.url)
        pickled = pickle.dumps(response)
        again = pickle.loads(pickled)
        assert [each.status_code for each in again.history] == [302]
        repr((response.history, response.headers, response.history[0].headers, response.history[0].next))
        assert again.content == b"fine"
    assert len(pickled) < 100_000
    assert_small(memory)


@pytest.mark.timeout(600)
def test_all_of_a_bomb_costs_a_piece_at_a_time(transport, bombs):
    """Read from end to end, ten gigabytes (a hundredth of them by default) hold one piece at a time."""
    most = TEN_GIGABYTES if PROFILE == "deep" else TEN_GIGABYTES // 100
    with Stage(OK + bombs["gzip of gzip"].answer) as stage, Client(transport) as client, Memory() as memory:
        total = 0
        with client.get(stage.url, stream=True) as response:
            for piece in response.iter_content(MIB):
                total += len(piece)
                if total >= most:
                    break
    assert total >= most
    assert_small(memory)


CHAINS = [
    (["gzip"] * 6, False),
    (["gzip, gzip, gzip", "gzip", "gzip, gzip"], False),
    (["gzip"] * 20, False),
    ([", ".join(["deflate"] * 1000)], False),
    (["identity"] * 6 + ["gzip, identity,, x-gzip"], True),
    (["gzip"] * 5, True),
    (["gzip, gzip", "gzip", "gzip,gzip"], True),
]


@pytest.mark.parametrize(("lines", "is_read"), CHAINS)
def test_a_chain_of_codings_has_an_end(transport, lines, is_read):
    """Five are undone, counted over all lines together; more are an error, whose response is still there undecoded."""
    count = sum(line.count("gzip") for line in lines)
    body = b"fine"
    for _ in range(count):
        body = gzip.compress(body, mtime=0)
    answer = OK + "".join(f"Content-Encoding: {line}\r\n" for line in lines).encode()
    answer += b"Content-Length: %d\r\n\r\n" % len(body) + body
    with Stage(answer, answer, FINE) as stage, Client(transport) as client:
        if is_read:
            assert client.get(stage.url).content == b"fine"
        else:
            with pytest.raises(ContentDecodingError, match="at most 5"):
                client.get(stage.url)
        assert client.get(stage.url, stream=True).raw.read(-1) == body
        assert client.get(stage.url).content == b"fine"


CODED = {
    "gzip": gzip.compress(b"fine"),
    "two members": gzip.compress(b"fi") + gzip.compress(b"ne"),
    "gzip with bytes behind it": gzip.compress(b"fine") + b"junk",
    "gzip with zeros behind it": gzip.compress(b"fine") + bytes(100),
    "deflate": zlib.compress(b"fine"),
    "deflate with bytes behind it": zlib.compress(b"fine") + b"junk",
    "br": brotli.compress(b"fine"),
    "zstd": zstd.compress(b"fi") + zstd.compress(b"ne"),
}


@pytest.mark.parametrize("kind", CODED)
def test_a_coded_body_ends_byte_by_byte(transport, kind):
    """Bodies of every coding, in chunks of a byte, come to an end, whole, cut short or empty."""
    coding = "gzip" if "gzip" in kind or "members" in kind else kind.partition(" ")[0]
    body = CODED[kind]
    head = OK + f"Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    whole, half, none = (b"".join(b"1\r\n%c\r\n" % byte for byte in part) for part in (body, body[:5], b""))
    answers = [head + chunks + b"0\r\n\r\n" for chunks in (whole, half, none, whole)]
    with Stage(*answers) as stage, Client(transport) as client:
        assert client.get(stage.url).content == b"fine"
        with pytest.raises(ContentDecodingError):
            client.get(stage.url)
        assert client.get(stage.url).content == b""
        with client.get(stage.url, stream=True) as response:
            assert b"".join(response.iter_content(1)) == b"fine"


# --- what is promised ------------------------------------------------------------------------------------------------


def test_a_length_is_only_a_promise(transport):
    """A terabyte that is promised and not sent costs nothing, whichever way it is read."""
    answer = OK + b"Content-Length: 1099511627776\r\n\r\nabc"
    for read in ("content", "raw", "readinto", "drained"):
        with Origin() as origin, Client(transport) as client, Memory() as memory:
            origin.play(
                answer.replace(b"200 OK", b"302 Found\r\nLocation: /get") if read == "drained" else answer, then="fin"
            )
            if read == "drained":
                assert client.get(origin.url).status_code == 200
                continue
            response = client.get(origin.url, stream=True)
            with pytest.raises(IncompleteBody):
                if read == "content":
                    response.content  # noqa: B018
                elif read == "raw":
                    response.raw.read(-1)
                else:
                    buffer = bytearray(MIB)
                    while response.raw.readinto(buffer):
                        pass
        assert_small(memory)


def test_a_body_of_crumbs_ends(transport):
    """Ten thousand chunks of a byte are a body like any other, and take linear time."""
    crumbs = OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
    with Stage(crumbs) as stage, Client(transport) as client:
        began = time.thread_time()
        assert client.get(stage.url).content == b"x" * 10_000
        assert time.thread_time() - began < 1


def test_what_a_client_remembers_is_bounded(transport):
    """However many URLs are asked, cookies are set and nonces are given, a client holds no more than its bounds."""
    with Origin() as origin, Client(transport) as client:
        for number in range(400):
            client.get(f"{origin.url}/status/204?{number}")
            origin.reset_records()
        assert len(client._made) <= 256


# --- what takes time -------------------------------------------------------------------------------------------------

N = 60_000
#: Fields that a reader which goes back, counts again or copies the rest each time would not get through.
FIELDS = {
    "Location": ["/" * N, "../" * (N // 3), "/.." * (N // 3), "%" * N, "?" * N, "#" * N, "//" + "a." * (N // 2), "//" + "@" * N],
    "Location, more": ["//[" + ":" * N, "//" + "1." * (N // 2), "//xn--" + "a" * N, "//" + "\xc3\xa9" * (N // 2), ":" * N, "a" * N + ":"],
    "Location beyond ASCII": ["\xe9" * N, "//" + "\xef\xbc\x8e" * (N // 3), "//\xd8\xa7" + "\xd9\x80" * (N // 2), "//a" + "\xcc\x81" * (N // 2)],
    "Set-Cookie": ["a=b" + ";" * N, "=" * N, "a=b;" + " " * N + "x", "a=b; expires=" + "1 " * (N // 2), "a=b; expires=" + ":" * N],
    "Set-Cookie, more": ["a=" + "b;" * (N // 2), "a=b; domain=" + "a." * (N // 2), "a=b; max-age=" + "9" * N, " " * N + "a=b"],
    "Link": ["<" * N, "<>" * (N // 2), "<>;" * (N // 3), ",<" * (N // 2), "<>" + ";" * N, '<>;a="' + "\\" * N, "< " * (N // 2)],
    "Link, more": ["<>;rel=" + "a " * (N // 2), "<>" + ";a" * (N // 2), "<>" + " " * N, "<>;" + " " * N, '<>;a="' * (N // 6)],
    "WWW-Authenticate": ["Digest " + "a=" * (N // 2), "Digest " + '"' * N, "," * N, "a " * (N // 2), 'Digest a="' + "\\" * N, "a=b" * (N // 3)],
    "Authentication-Info": ['a="' * (N // 3), "a=b," * (N // 4), "," * N, "nextnonce=" + '"' * N],
    "Content-Type": ["text/plain; charset", "text/plain" + ";" * N, "text/plain; charset=" + '"' * N, ";charset" * (N // 8), "a" * N, "text/plain;" + " " * N + "x"],
    "Content-Encoding": ["," * N, " " * N + ",", "a," * (N // 2), "identity," * (N // 9), "gzip" * (N // 4)],
    "Retry-After": ["9" * N, "0" * N, " ," * (N // 2), "Sun, 06 Nov " + "1" * N, "1" + " " * N + "x", "-" * N],
    "Date": ["1" * N, "Sun, " * (N // 5)],
    "Connection": ["," * N, "a," * (N // 2), " " * N + "x"],
    "X-Any": ["\t " * (N // 2) + "x" + " \t" * 100, "," * N],
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_field_takes_linear_time(transport, field):
    """Sixty kilobytes of whatever is hard to read are read, and all that is made of them, in a fraction of a second, and break no library."""
    name = field.partition(",")[0].partition(" ")[0]
    status = {"Location": "302 Found", "WWW-Authenticate": "401 No", "Retry-After": "503 No", "Date": "503 No"}.get(
        name, "200 OK"
    )
    more = "Retry-After: Sun, 06 Nov 2050 08:49:37 GMT\r\n" if name == "Date" else ""
    for value in FIELDS[field]:
        answer = f"HTTP/1.1 {status}\r\n{more}{name}: {value}\r\nContent-Length: 4\r\n\r\nfine".encode("latin-1")
        with (
            Stage(answer, *[FINE] * 9) as stage,
            Client(transport, auth=DigestAuth("a", "b"), retries=Retry(1, backoff=0)) as client,
        ):
            began = time.thread_time()
            try:
                _looked_at(client.get(stage.url))
            except TransportBug:
                raise
            except Error:
                pass
            took = time.thread_time() - began
        assert took < 0.3, (value[:20], took)


def _looked_at(response):
    """Ask for all that a response tells."""
    for each in (*response.history, response):
        with contextlib.suppress(Error):
            each.content  # noqa: B018
        with contextlib.suppress(Error):
            each.next  # noqa: B018
        for attribute in ("encoding", "text", "links", "cookies", "is_redirect", "url", "ok", "apparent_encoding"):
            with contextlib.suppress(Error):
                getattr(each, attribute)
        repr((each, each.headers, each.cookies))


LATER = {
    "seconds": "31536000",
    "seconds without end": "9" * 400,
    "a date": "Fri, 31 Dec 9999 23:59:59 GMT",
    "an old kind of date": "Friday, 31-Dec-60 23:59:59 GMT",
    "a little too long": "61",
}
NOW = {
    "a past date": "Sun, 06 Nov 1994 08:49:37 GMT",
    "below zero": "-1",
    "a fraction": "1e9",
    "nothing": "",
    "two": "31536000, 31536000",
    "no date": "Fri, 31 Dec 9999",
    "other digits": "\xb2\xb3\xb9",
    "zero": "0",
}


@pytest.mark.parametrize("status", [503, 429])
def test_a_wait_of_years_is_the_callers_to_decide(transport, status):
    """One that a server asks for is handed over at once where it is too long, and where it is none nothing is waited for."""
    with Client(transport, retries=Retry(3, backoff=0)) as client:
        for value in (*LATER.values(), *NOW.values()):
            with Stage(_later(status, value), FINE) as stage:
                began = time.monotonic()
                response = client.get(stage.url)
                assert time.monotonic() - began < 1, value
            assert response.status_code == (status if value in LATER.values() else 200), value
            assert len(stage.asked) == 1 + (value in NOW.values())


def _later(status, value):
    return f"HTTP/1.1 {status} Later\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")


def test_no_wait_goes_beyond_the_total(transport):
    """A wait that would outlive the call is not begun, however short; the response is there to be looked at."""
    with Stage(_later(503, "2")) as stage, Client(transport, retries=3, timeout=Timeouts(total=1)) as client:
        began = time.monotonic()
        assert client.get(stage.url).status_code == 503
        assert time.monotonic() - began < 0.9


def test_a_redirect_is_not_waited_for(transport):
    """Retry-After of a redirect (RFC 9110 section 10.2.3) holds nobody up."""
    answer = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nRetry-After: 31536000\r\nContent-Length: 0\r\n\r\n"
    with Stage(answer, FINE) as stage, Client(transport, retries=3) as client:
        began = time.monotonic()
        assert client.get(stage.url).content == b"fine"
        assert time.monotonic() - began < 1


ENDLESS = {
    "silence": (b"Content-Length: 100\r\n\r\n", Stall()),
    "drops": (b"Content-Length: 100000\r\n\r\n", Drip(b"x" * 1000, 0.02)),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", Drip(b"1\r\nx\r\n" * 1000, 0.02)),
    "an extension": (b"Transfer-Encoding: chunked\r\n\r\n1;a=", Drip(b"x" * 1000, 0.02)),
    "trailers": (b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", Drip(b"x" * 1000, 0.02)),
    "until it closes": (b"\r\n", Drip(b"x" * 1000, 0.02)),
    "coded": (b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", Drip(b"1\r\nx\r\n" * 1000, 0.02)),
}


def test_what_never_ends_delays_nobody(transport):
    """A body that is passed over is left a quarter of a second after its head, if it has not ended; its connection serves no more."""

    def pass_over(case, kind):
        head, ask = PASSED_OVER[case]
        more, endless = ENDLESS[kind]
        with Origin() as origin, Client(transport) as client:
            origin.play(head.replace(b"/next", b"/get") + more, endless)
            began = time.monotonic()
            ask(client, f"{origin.url}/post" if ask is by_post else f"{origin.url}/get")
            took = time.monotonic() - began
            return took, [request.connection for request in origin.requests]

    rows = [("a redirect", kind) for kind in ENDLESS] + [(case, "chunks") for case in PASSED_OVER]
    with ThreadPoolExecutor(len(rows)) as threads:  # most of it is waiting
        for row, (took, connections) in zip(rows, threads.map(pass_over, *zip(*rows, strict=True)), strict=True):
            assert 0.1 < took < 2, row
            assert connections == [1, 2], row


def test_much_that_never_ends_delays_nobody(transport):
    """A body that comes as fast as it can is left after 64 KiB of it, whatever it says of its end."""
    flood = (
        b"HTTP/1.1 302 Found\r\nLocation: /next\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1000\r\n%b\r\n" % bytes(4096) * 5000
    )
    with Stage(flood, FINE) as stage, Client(transport) as client, Memory() as memory:
        began = time.monotonic()
        assert client.get(stage.url).content == b"fine"
        assert time.monotonic() - began < 2
    assert_small(memory)
    assert stage.connections == 2


def test_many_redirects_end_in_time(transport):
    """Each with a body that never ends, redirects are followed up to the limit, or as long as the call may take."""
    again = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nTransfer-Encoding: chunked\r\n\r\n"

    def follow(limit, total, fails):
        with Origin() as origin, Client(transport, max_redirects=limit, timeout=Timeouts(total=total)) as client:
            for _ in range(9):
                origin.play(again, Drip(b"1\r\nx\r\n" * 99, 0.02))
            began = time.monotonic()
            with pytest.raises(fails):
                client.get(origin.url)
            return time.monotonic() - began, len(origin.requests)

    with ThreadPoolExecutor(2) as threads:
        limited = threads.submit(follow, 1, None, TooManyRedirects)
        timed = threads.submit(follow, 30, 0.4, TotalTimeout)
        took, requests = limited.result()
        assert took < 2 * 0.25 + 1.5
        assert requests == 2
        took, requests = timed.result()
        assert took < 0.4 + 0.25 + 1.5
        assert requests <= 3


def test_a_loop_of_redirects_ends(transport):
    """Whatever the limit, one request more than it is sent, on one connection, and the last response is on the error."""
    with Origin() as origin:
        for limit in (0, 1, 30):
            origin.reset_records()
            with Client(transport, max_redirects=limit) as client:
                began = time.monotonic()
                with pytest.raises(TooManyRedirects) as caught:
                    client.get(f"{origin.url}/redirect-to?url=/redirect-to%3Furl=/redirect/1000")
                assert time.monotonic() - began < 2
                assert len(caught.value.response.history) == limit
                assert len(origin.requests) == limit + 1
        assert until(lambda: len([each for each in origin.connections if each.open]) <= 1)


# --- logs ------------------------------------------------------------------------------------------------------------


def test_bad_cookies_write_no_log(transport, caplog):
    """A hundred cookies that are none write no more into the log than none do."""
    caplog.set_level(logging.DEBUG, "intermodal")
    counts = []
    for cookies in (b"", b"Set-Cookie: a\x01=b\r\nSet-Cookie: a=b; Domain=other.test\r\n" * 50):
        caplog.clear()
        with Stage(OK + cookies + b"Content-Length: 0\r\n\r\n") as stage, Client(transport) as client:
            assert not client.get(stage.url).cookies
        counts.append(sum(record.name == "intermodal" for record in caplog.records))
    assert counts[0] == counts[1]
