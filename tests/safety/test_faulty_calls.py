"""Any call to the operating system may fail, in any exchange: the outcome is our error, and nothing is left behind."""

import gc
import hashlib
import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from safety.census import Census
from safety.faulty_calls import FAULTS, Border

from intermodal import Client, Error, Limits, Timeouts, TransportBug, TransportError
from intermodal.errors import Phase
from intermodal.testing.origin import Origin

BOUNDS = Timeouts(connect=5, read=5, write=5, pool=0.5, total=20)

#: So many faults tell enough; each may have waited for a slot.
ENOUGH = 30

DATA = bytes(range(256)) * 600


@dataclass
class Asking:
    """Who asks whom, with which file to send, and the token by which an answer is known."""

    client: Client
    origin: Origin
    secure: Origin
    file: Path
    token: str

    def url(self, path, server=None):
        return f"{(server or self.origin).url}{path}?token={self.token}"


# --- the exchanges: each asserts that what came is right, if anything came ----------------------------------------------


def small_get(ask):
    answered(ask.client.get(ask.url("/anything")), ask.token)


def get_by_name(ask):
    answered(ask.client.get(ask.url("/anything").replace("127.0.0.1", "localhost")), ask.token)


def post(ask):
    response = ask.client.post(ask.url("/anything"), json={"a": 1})
    answered(response, ask.token)
    assert response.json()["json"] == {"a": 1}


def post_of_a_generator(ask):
    pieces = (DATA[at : at + 60_000] for at in range(0, len(DATA), 60_000))
    assert ask.client.post(ask.url("/echo"), data=pieces).content == DATA


def post_that_asks_first(ask):
    response = ask.client.post(ask.url("/echo"), data=DATA, headers={"Expect": "100-continue"})
    assert response.content == DATA
    assert [interim.status_code for interim in response.informational] == [100]


def upload_of_a_file(ask):
    with ask.file.open("rb") as file:
        assert ask.client.put(ask.url("/echo"), data=file).content == DATA


def chunked_with_trailers(ask):
    with ask.client.get(ask.url("/trailers"), stream=True) as response:
        content = b"".join(response.iter_content())
    assert content == b"one\ntwo\n"
    assert response.trailers["x-checksum"].endswith(hashlib.sha256(content).hexdigest())


def large_iterated(ask):
    with ask.client.get(ask.url("/bytes/150000"), stream=True) as response:
        assert sum(map(len, response.iter_content())) == 150_000


def large_read_into(ask):
    buffer = bytearray(65536)
    with ask.client.get(ask.url("/bytes/150000"), stream=True) as response:
        came = 0
        while n := response.raw.readinto(buffer):
            came += n
    assert came == 150_000


def until_the_close(ask):
    answered(ask.client.get(ask.url("/until-close")), ask.token)


def closed_early(ask):
    with ask.client.get(ask.url("/bytes/1000000"), stream=True) as response:
        assert len(response.raw.read(10)) == 10


def over_tls(ask):
    answered(ask.client.get(ask.url("/anything", ask.secure)), ask.token)


def through_a_proxy(ask):
    url = f"http://example.test/anything?token={ask.token}"
    answered(ask.client.get(url, proxies={"http": ask.origin.url}), ask.token)


def answered(response, token):
    assert response.json()["args"] == {"token": [token]}


#: By what is special about it: the exchange, and whether its connection has served before.
EXCHANGES = {
    "a small GET": (small_get, False),
    "a small GET, reused": (small_get, True),
    "by name": (get_by_name, False),
    "a POST, reused": (post, True),
    "a POST of a generator": (post_of_a_generator, False),
    "a POST that asks first": (post_that_asks_first, True),
    "an upload of a file": (upload_of_a_file, True),
    "chunked, with trailers": (chunked_with_trailers, True),
    "a large answer, iterated": (large_iterated, True),
    "a large answer, read into a buffer": (large_read_into, False),
    "until the close": (until_the_close, True),
    "closed early": (closed_early, False),
    "over TLS": (over_tls, False),
    "over TLS, reused": (over_tls, True),
    "through a proxy": (through_a_proxy, False),
}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_call_may_fail(name, exchange, origin, secure, ca, tmp_path, monkeypatch):
    """Whichever call of an exchange fails, and how: our error or a right answer, nothing left, and the next one served."""
    carry, reused = EXCHANGES[exchange]
    file = tmp_path / "file"
    file.write_bytes(DATA)
    border = Border(monkeypatch)
    census = Census()
    tokens = itertools.count()
    wrong = []

    def run(number=0, kind=None):
        """Carry one exchange in which that call fails, on a client of its own, and note what is wrong about it."""
        fault = FAULTS[kind][0]() if kind else None
        found = []
        delivery = None
        token = f"{next(tokens)}"
        with Client(name, limits=Limits(connections=1), timeout=BOUNDS, verify=ca) as client:
            if reused:
                carry(Asking(client, origin, secure, file, "before"))
            border.watch(number, fault)
            try:
                carry(Asking(client, origin, secure, file, token))
                found += success_faults(fault if border.failed else None)
            except BaseException as error:
                border.rest()
                found += failure_faults(name, fault, error, border.answered)
                delivery = getattr(error, "delivery", None)
            border.rest()
            fault = None  # whose traceback would keep alive what was left behind
            found += next_faults(client, origin)
        # What may be repeated is sent once more where a kept connection has failed before any answer: by the client.
        again = reused and delivery is None and border.failed is not None
        if left := census.more():
            found.append(left)
        found += delivery_faults(delivery, token, [*origin.connections, *secure.connections], most=1 + again)
        wrong.extend(f"{border.failed} as call {number}, {kind}: {each}" for each in found)
        origin.reset_records()
        secure.reset_records()
        return border.calls

    run()
    calls = run()
    assert any("send" in call for _, call in calls), calls
    assert any("recv" in call or "read" in call for _, call in calls), calls
    assert reused or ("socket", "connect_ex") in calls, calls
    for number, called in enumerate(calls, 1):
        for kind, (_, possible) in FAULTS.items():
            if possible(*called) and len(wrong) < ENOUGH:
                run(number, kind)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)


def test_every_call_may_fail_while_a_client_is_closed(name, origin, monkeypatch):
    """Whichever call fails that ends the idle connections: our error, none, or Ctrl-C; and closed again, all of them are.

    What a library was about to close when Ctrl-C was heard may be left to the garbage collector.
    """
    border = Border(monkeypatch)
    census = Census()
    wrong = []

    def run(number=0, kind=None):
        """Close a client with three idle connections, while that call fails, and again."""
        client = Client(name, timeout=BOUNDS)
        for response in [client.get(f"{origin.url}/bytes/200000", stream=True) for _ in range(3)]:
            assert len(response.content) == 200_000
        with warnings.catch_warnings():
            if kind == "Ctrl-C":
                warnings.simplefilter("ignore", ResourceWarning)
            if found := close(client, number, FAULTS[kind][0]() if kind else None):
                wrong.append(f"{border.failed} as call {number}, {kind}: {found}")
            client.close()
            del client, response
            if kind == "Ctrl-C":
                gc.collect()
        if left := census.more():
            wrong.append(f"{border.failed} as call {number}, {kind}: {left}")
        return border.calls

    def close(client, number, fault):
        """Close a client while that call fails, and give what is wrong about how it ends, in words."""
        border.watch(number, fault)
        try:
            client.close()
        except BaseException as error:
            if not isinstance(error, Error) and (error is not fault or isinstance(fault, Exception)):
                return f"came out as {error!r}"
        finally:
            border.rest()
        return ""

    run()
    for number, called in enumerate(run(), 1):
        for kind, (_, possible) in FAULTS.items():
            if possible(*called):
                run(number, kind)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)


def success_faults(fault):
    """What is wrong about an exchange that has a right answer although a call has failed, in words."""
    if isinstance(fault, KeyboardInterrupt):
        yield "was swallowed"


def failure_faults(name, fault, error, answered):
    """What is wrong about the error that an exchange has ended with, in words.

    ``answered``: the number that a call gave instead of raising the fault; then its cause is an error of that number.
    """
    if isinstance(fault, KeyboardInterrupt):
        if error is not fault:
            yield f"became {error!r}"
        return
    kind = TransportError if isinstance(fault, OSError) else TransportBug if isinstance(fault, MemoryError) else Error
    if not isinstance(error, kind):
        yield f"came out as {error!r:.200}, expected a {kind.__name__}"
    elif error.request is None or error.transport != name or error.phase not in get_args(Phase):
        yield f"{error!r} does not say what it is about: {error.request} {error.transport} {error.phase}"
    elif answered is not None and answered not in [getattr(cause, "errno", None) for cause in causes(error)[1:]]:
        yield f"{error!r} has no cause of number {answered}: {causes(error)}"
    elif answered is None and not isinstance(fault, ConnectionResetError) and fault not in causes(error):
        yield f"{error!r} has lost its cause: {causes(error)}"


def causes(error):
    """An error and what has caused it."""
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__
    return chain


def next_faults(client, origin):
    """What is wrong about the next request on the same client, in words."""
    try:
        answer = client.get(f"{origin.url}/anything?token=next").json()
    except Exception as error:
        yield f"the next request: {error!r:.300}"
    else:
        if answer["args"] != {"token": ["next"]}:
            yield f"the next request has the answer of another: {answer}"


def delivery_faults(delivery, token, connections, most=1):
    """Where an error says of the request what the servers know better, in words."""
    arrived = sum(connection.received.count(f"?token={token} ".encode()) for connection in connections)
    if arrived > most or (delivery == "not_sent" and arrived) or (delivery == "sent" and not arrived):
        yield f"{delivery}, and arrived {arrived} times"
