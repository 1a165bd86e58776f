"""Thousands of exchanges, most of which go wrong, leave nothing behind: no descriptor, no thread, no memory."""

import gc
import os
import random
import tracemalloc
from dataclasses import dataclass

import pytest
import trustme
from safety.census import Census
from safety.waiting import at_work

import intermodal
from intermodal import Client, Limits, Timeouts
from intermodal.testing.origin import Origin

#: How many exchanges each of the four transports carries.
EXCHANGES = {"default": 250, "ci": 2_500, "deep": 25_000}[os.environ.get("INTERMODAL_PROFILE", "default")]

#: What the second half may hold beyond the first, in bytes: a leak of half a kilobyte in each exchange is more.
GROWTH = min(max(EXCHANGES // 2 * 512, 64 * 1024), 1024 * 1024)

BRIEF = Timeouts(connect=5, read=0.005, write=5, pool=5)


@pytest.fixture
def ask(name, origin, secure, ca, nobody, tmp_path):
    """Who asks whom."""
    another_ca = str(tmp_path / "another.pem")
    trustme.CA().cert_pem.write_to_path(another_ca)
    with Origin() as stage, Client(name, limits=Limits(connections=4), timeout=10) as client:
        yield Ask(client, origin, at_work(stage), secure, ca, another_ca, nobody)


@dataclass
class Ask:
    """One client, and whom it asks; each request to the stage arrives whole, and finds the script that is meant for it."""

    client: Client
    origin: Origin
    stage: Origin
    secure: Origin
    ca: str
    another_ca: str
    nobody: str

    def get(self, path, **keywords):
        return self.client.get(self.origin.url + path, **keywords)

    def scripted(self, *steps, then):
        self.stage.play(*steps, then=then)
        return self.client.get(self.stage.url)


# --- what may come of an exchange: each is carried to an end that it asserts -------------------------------------------

KINDS = []


def kind(function):
    KINDS.append(function)
    return function


def fails(error):
    """Let the decorated exchange end in an error of that class."""

    def decorate(function):
        @kind
        def failing(ask):
            with pytest.raises(error):
                function(ask)

        return failing

    return decorate


@kind
def well(ask):
    assert ask.get("/get").json()["method"] == "GET"


@kind
def no_content(ask):
    assert ask.get("/status/204").content == b""


@kind
def chunked(ask):
    assert len(ask.get("/stream-bytes/30000").content) == 30_000


@kind
def until_the_close(ask):
    assert ask.get("/until-close").json()["method"] == "GET"


@kind
def trusted(ask):
    assert ask.client.get(f"{ask.secure.url}/get", verify=ask.ca).ok


@fails(intermodal.CertificateError)
def not_trusted(ask):
    ask.client.get(f"{ask.secure.url}/get", verify=ask.another_ca)


@fails(intermodal.IncompleteBody)
def truncated(ask):
    ask.get("/truncated")


@fails(intermodal.Disconnected)
def no_answer(ask):
    ask.scripted(then="fin")


@fails(intermodal.Disconnected)
def reset(ask):
    ask.scripted(then="rst")


@fails(intermodal.TransportError)
def reset_in_the_body(ask):
    ask.scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", then="rst")


@fails(intermodal.ProtocolError)
def garbage(ask):
    ask.get("/malformed")


@fails(intermodal.ProtocolError)
def garbage_in_the_body(ask):
    ask.scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n", then="keep")


@fails(intermodal.ConnectionError)
def refused(ask):
    ask.client.get(ask.nobody)


@fails(intermodal.NameResolutionError)
def unresolvable(ask):
    ask.client.get("http://nothing.test/")


@fails(intermodal.ReadTimeout)
def silence(ask):
    ask.get("/delay/0.5", timeout=BRIEF)


@fails(intermodal.TotalTimeout)
def too_slow(ask):
    ask.get("/drip?numbytes=100&duration=20", timeout=Timeouts(total=0.01))


@kind
def closed_early(ask):
    with ask.get("/bytes/100000", stream=True) as response:
        assert len(response.raw.read(10)) == 10


@kind
def left_unread(ask):
    ask.get("/bytes/100000", stream=True)


@kind
def left_half_read(ask):
    next(ask.get("/bytes/100000", stream=True).iter_content(10))


@kind
def left_in_a_cycle(ask):
    response = ask.get("/bytes/100000", stream=True)
    response.itself = response
    del response
    gc.collect()  # or it may take long until its slot is free


@fails(intermodal.RequestBodyError)
def a_body_that_raises(ask):
    def pieces():
        yield b"x" * 1000
        raise ValueError("out of paper")

    ask.client.post(ask.origin.url, data=pieces())


@fails(intermodal.InvalidRequest)
def refused_before_anything(ask):
    ask.get("/get", headers={"X-A": "a\r\nb"})


@pytest.mark.usefixtures("names")
@pytest.mark.timeout(60 + EXCHANGES // 20)
def test_nothing_grows(ask):
    """Descriptors and threads are those of before, and the second half of the exchanges holds no more than the first."""
    order = random.Random(EXCHANGES)

    def carry(number):
        """Carry so many exchanges, of each kind as many, and tell what memory is held after them."""
        deck = KINDS * (number // len(KINDS) + 1)
        order.shuffle(deck)
        for each in deck[:number]:
            each(ask)
        gc.collect()
        for server in (ask.origin, ask.stage, ask.secure):
            server.reset_records()
        return tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*/testing/*")])

    census = Census()
    tracemalloc.start()
    try:
        carry(3 * len(KINDS))
        first, second = carry(EXCHANGES // 2), carry(EXCHANGES // 2)
    finally:
        tracemalloc.stop()
    ask.client.close()
    assert census.more() == ""
    growth = second.compare_to(first, "lineno")
    assert sum(each.size_diff for each in growth) < GROWTH, "\n".join(map(str, growth[:10]))
