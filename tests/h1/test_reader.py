"""The reader of a response, asked otherwise than an exchange asks it."""

import pytest

from intermodal.errors import IncompleteBody, ProtocolError
from intermodal.h1.exchange import ResponseReader
from intermodal.model.options import Limits


def test_what_is_no_head_stays_none():
    """A fault is told each time it is asked for: what stands behind a malformed head is never taken for the answer."""
    reader = ResponseReader("GET", Limits())
    reader.receive(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nHTTP/1.1 304 OK\r\n\r\n")
    for _ in range(2):
        with pytest.raises(ProtocolError, match="Content-Length 'x'"):
            reader.head()
    assert not reader.reusable


@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n", b"", b"Transfer-Encoding: chunked\r\n"])
def test_nothing_asked_for_is_nothing_given(framing):
    """To take no byte neither ends a body nor finds it incomplete, whatever has come, the connection's end too."""
    reader = ResponseReader("GET", Limits())
    reader.receive(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n" + (b"2\r\nab" if b"chunked" in framing else b"ab"))
    reader.receive(b"")
    assert reader.head() is not None
    assert reader.take(0) == b""
    assert not reader.done
    assert reader.take(9) == b"ab"
    assert reader.take(0) == b""
    assert not reader.done
    if framing:
        with pytest.raises(IncompleteBody):
            reader.take(9)
    else:
        assert reader.take(9) == b""
        assert reader.done
