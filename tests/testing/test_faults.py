"""Each fault by what a bare socket reads of it, and by what our own client makes of it."""

import dataclasses
import time

import pytest
from testing.raw import GET, OK, dial, is_alive, read, read_all

from intermodal import (
    Client,
    Disconnected,
    IncompleteBody,
    ProtocolError,
    ProxyError,
    ReadTimeout,
    Timeouts,
    TotalTimeout,
)
from intermodal.testing import faults
from intermodal.testing.faults import Fault
from intermodal.testing.origin import Origin, Reset, Stall

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
RESET = object()
NOTHING = object()


@pytest.fixture
def origin():
    with Origin() as made:
        yield made


def said(sock, seconds):
    """What comes, and how it ends: b"" (FIN), RESET or NOTHING, when nothing comes for so long."""
    data = bytearray()
    sock.settimeout(seconds)
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        return bytes(data), RESET
    except TimeoutError:
        return bytes(data), NOTHING
    return bytes(data), b""


READS = {
    "reset_after": (faults.reset_after(CUT, 20), CUT[:20], RESET),
    "reset_after nothing": (faults.reset_after(CUT, 0), b"", RESET),
    "cut_after": (faults.cut_after(CUT, -2), CUT[:-2], b""),
    "stall_after": (faults.stall_after(CUT, 9), CUT[:9], NOTHING),
    "stall_after all": (faults.stall_after(CUT), CUT, NOTHING),
    "silence": (faults.silence(), b"", NOTHING),
    "silence at connect": (faults.silence("connect"), b"", NOTHING),
    "hang_up": (faults.hang_up(), b"", b""),
    "drip": (faults.drip(b"drip", 0.001), b"drip", NOTHING),
    "half_chunk": (faults.half_chunk(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", b""),
    "half_chunk stays": (
        faults.half_chunk("keep"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        NOTHING,
    ),
    "wrong_length long": (faults.wrong_length(3), CUT.replace(b": 5", b": 8"), b""),
    "wrong_length short": (faults.wrong_length(-3), CUT.replace(b": 5", b": 2"), NOTHING),
    "garbage": (faults.garbage(b"\x16\x03junk"), b"\x16\x03junk", b""),
    "interim_storm": (
        faults.interim_storm(300, OK, b"HTTP/1.1 199 \r\n\r\n"),
        b"HTTP/1.1 199 \r\n\r\n" * 300 + OK,
        NOTHING,
    ),
    "reset_upload": (faults.reset_upload(7), b"", RESET),
}


@pytest.mark.parametrize("case", list(READS))
def test_what_is_read(origin, case):
    """A bare socket reads what the fault says, byte for byte, and its end."""
    fault, data, end = READS[case]
    play = origin.play(fault)
    with dial(origin) as sock:
        sock.sendall(GET)
        assert said(sock, 0.15 if end is NOTHING else 10) == (data, end)
        (connection,) = origin.connections
        assert connection.sent == data
        assert connection.received == {"reset_upload": GET[:7], "silence at connect": b""}.get(case, GET)
    assert play.finished.wait(5)
    assert play.error is None
    origin.play(fault)  # it can be played again


def test_drip_takes_its_time(origin):
    """Bytes come one after the other, so many seconds apart."""
    origin.play(faults.drip(b"dr", 0.05))
    with dial(origin) as sock:
        sock.sendall(GET)
        assert read(sock, 1) == b"d"
        begin = time.monotonic()
        assert read(sock, 1) == b"r"
        assert time.monotonic() - begin > 0.04


def test_early_answer_comes_before_the_body(origin):
    """The answer is there while the body is not, and what is still sent is read, so that no reset overtakes it."""
    origin.play(faults.early_answer(OK))
    with dial(origin) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        assert read_all(sock) == OK
        sock.sendall(b"x" * 3_000_000)
    assert origin.requests == []


CLIENT = {
    "reset_after": (faults.reset_after(CUT, -1), Disconnected),
    "cut_after": (faults.cut_after(CUT, -1), IncompleteBody),
    "cut_after in the head": (faults.cut_after(CUT, 20), ProtocolError),
    "stall_after": (faults.stall_after(CUT, -1), ReadTimeout),
    "silence": (faults.silence(), ReadTimeout),
    "hang_up": (faults.hang_up(), Disconnected),
    "drip": (faults.drip(CUT, 0.05), TotalTimeout),
    "half_chunk": (faults.half_chunk(), IncompleteBody),
    "wrong_length": (faults.wrong_length(1), IncompleteBody),
    "garbage": (faults.garbage(), ProtocolError),
    "reset_upload": (faults.reset_upload(100_000), Disconnected),
}


@pytest.mark.parametrize("case", list(CLIENT))
def test_what_our_client_makes_of_it(origin, case):
    """Our own client raises the error whose name says what happened."""
    fault, error = CLIENT[case]
    origin.play(fault)
    with Client("socket", timeout=10) as client:
        options = (
            {"timeout": 0.2}
            if error is ReadTimeout
            else {"timeout": Timeouts(total=0.3)}
            if error is TotalTimeout
            else {}
        )
        with pytest.raises(error):
            client.post(origin.url, data=b"x" * 200_000, **options)


@pytest.mark.parametrize("fault", [faults.early_answer(OK), faults.interim_storm(20), faults.wrong_length(-1)])
def test_what_our_client_puts_up_with(origin, fault):
    """An early answer, interim ones and a surplus are no errors of the answer itself."""
    origin.play(fault)
    with Client("socket", timeout=10) as client:
        response = client.post(origin.url, data=b"x" * 200_000)
        assert response.status_code == 200
        assert response.content in (b"ok", b"hell")


def test_a_fault_elsewhere():
    """A fault may begin at another point: here it spoils the answer to CONNECT."""
    with Origin(front="http") as origin, Client("socket", timeout=10, proxies={"all": origin.proxy_url}) as client:
        origin.play(dataclasses.replace(faults.cut_after(OK, 9), at="tunnel"))
        with pytest.raises((ProxyError, Disconnected)) as caught:
            client.get("https://o.test/")
        assert caught.value.delivery == "not_sent"
        assert origin.connections[0].tunnel.sent == OK[:9]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Fault(("text",)), TypeError),
        (lambda: Fault((Stall(), b"x")), ValueError),
        (lambda: Fault((Reset(),), at=0), ValueError),
        (lambda: Fault((), "close"), ValueError),
        (lambda: faults.reset_upload(0), ValueError),
        (lambda: faults.drip(OK, -1), ValueError),
        (lambda: faults.wrong_length(0), ValueError),
        (lambda: faults.wrong_length(-6), ValueError),
    ],
)
def test_what_is_no_fault(make, error):
    """What could never be played is refused where it is made."""
    with pytest.raises(error):
        make()


def test_a_fault_stands_alone(origin):
    """A fault says all of a script: steps, an end or a point beside it are refused, and take no request."""
    fault = faults.hang_up()
    for steps, options in (
        ((fault, b"x"), {}),
        ((b"x", fault), {}),
        ((fault,), {"then": "rst"}),
        ((fault,), {"at": "head"}),
    ):
        with pytest.raises(TypeError):
            origin.play(*steps, **options)
    assert is_alive(origin)


def test_faults_are_plain_data():
    """The same arguments give an equal fault, and nothing changes it."""
    assert faults.reset_after(OK, 3) == faults.reset_after(OK, 3)
    assert len({faults.silence(), faults.silence(), faults.hang_up()}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        faults.silence().then = "fin"
