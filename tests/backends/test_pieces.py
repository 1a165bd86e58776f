"""``iter_content(n)``: each piece as soon as its bytes are here, whatever is still to come, and however the body is coded."""

from __future__ import annotations

import threading
import time
import zlib

import pytest
from backends.talk import Server, send

#: How long a byte is waited for, in seconds; a piece that is here must not take half as long.
READ = 4.0

PIECE = b"0123456789abcdef" * 256

FRAMINGS = {
    "until close": b"",
    "sized": b"Content-Length: 10000000\r\n",
    "chunked": b"Transfer-Encoding: chunked\r\n",
}


def _coded(coding):
    """Pieces as they are sent, each of them complete in itself."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(3):
        yield compressor.compress(PIECE) + compressor.flush(zlib.Z_SYNC_FLUSH) if coding == "gzip" else PIECE


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_piece_that_is_here_is_given(transport, scheme, framing, coding):
    """The server sends the next piece when it is told that the last one was given, and then no more."""
    given = threading.Semaphore(0)

    def send_one_by_one(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n%b\r\n" % (coding.encode(), FRAMINGS[framing]))
        for data in _coded(coding):
            connection.send(b"%x\r\n%b\r\n" % (len(data), data) if framing == "chunked" else data)
            assert given.acquire(timeout=2 * READ)
        connection.hold()

    with (
        Server(send_one_by_one, tls=scheme == "https") as server,
        send(transport, server, method="GET", read=READ) as response,
    ):
        pieces = response.iter_content(len(PIECE))
        for _ in range(3):
            before = time.monotonic()
            assert next(pieces) == PIECE
            assert time.monotonic() - before < READ / 2
            given.release()
