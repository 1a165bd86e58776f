"""Names, addresses and the race between them, over real sockets: a name may lead to several places of this machine."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib.util
import os
import select
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from blocking.callers import Caller
from safety.census import descriptors
from safety.faulty_calls import FAULTS, Border
from safety.waiting import until

from intermodal import (
    ConnectionError,
    ConnectTimeout,
    Error,
    NameResolutionError,
    ProxyError,
    Timeouts,
    TotalTimeout,
    TransportClosed,
)
from intermodal.blocking import connecting, ready, resolving
from intermodal.blocking.bound import Bound
from intermodal.net import racing
from intermodal.net.deadline import Deadline

#: How long anything may take that is sure to come, in seconds.
PATIENCE = 20.0
#: A bound that is meant to run out.
SHORT = 0.15
#: What an address that never answers may cost where another does.
COST = 0.3
#: What one may cost that refuses: less than any delay of the race.
AT_ONCE = 0.2

#: Addresses of this machine, a different one for each place.
FIRST, SECOND, THIRD, FOURTH = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"


def without_poll():
    """How it is waited on a system that has no poll()."""
    spec = importlib.util.spec_from_file_location("ready_without_poll", ready.__file__)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delattr(select, "poll", raising=False)
        spec.loader.exec_module(module)
    return module


def select_as_windows_has_it(readers, writers, others, seconds):
    """What select() gives there: a connection that has failed is exceptional, and not writable."""
    poller, by_number = select.poll(), {sock.fileno(): sock for sock in {*writers, *others}}
    for number in by_number:
        poller.register(number, select.POLLOUT)
    failed, connected = [], []
    for number, events in poller.poll(seconds and seconds * 1000):
        (failed if events & select.POLLERR else connected).append(by_number[number])
    return [], [sock for sock in writers if sock in connected], [sock for sock in others if sock in failed]


@pytest.fixture(params=["as here", "without poll", "as on Windows"])
def waiting(request, monkeypatch):
    """The ways of waiting for sockets."""
    if request.param != "as here":
        module = without_poll()
        if request.param == "as on Windows":
            if not hasattr(select, "poll"):
                pytest.skip("this is one")
            monkeypatch.setattr(module, "select", SimpleNamespace(select=select_as_windows_has_it))
        monkeypatch.setattr(connecting, "settled", module.settled)


@functools.cache
def has_ipv6():
    """Whether this machine has the address ::1."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


class Places:
    """Places with one port, each at an address of its own: nobody but this test has them, and they refuse at first."""

    def __init__(self):
        for _ in range(20):
            try:
                self._take()
            except OSError as error:
                self.close()
                if error.errno != errno.EADDRINUSE:  # the port, at one of the others
                    raise
            else:
                return
        raise AssertionError("no port is free at every address")

    def _take(self):
        self.port = 0
        self._taken = {}
        self._queued = []
        for address in (FIRST, SECOND, THIRD):
            sock = self._taken[address] = socket.socket()
            sock.bind((address, self.port))
            self.port = sock.getsockname()[1]
        if has_ipv6():
            sock = self._taken["::1"] = socket.socket(socket.AF_INET6)
            sock.bind(("::1", self.port))

    def answers(self, address):
        """Let somebody listen there."""
        listener = self._taken[address]
        listener.listen()
        return listener

    def is_silent(self, address):
        """Let no attempt to connect be answered there: the queue is full, and nobody takes anyone out of it."""
        listener = self._taken[address]
        listener.listen(0)
        for _ in range(64):
            queued = socket.socket()
            self._queued.append(queued)
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())
            if not select.select([], [queued], [], 0.05)[1]:
                return listener
        pytest.skip("this system answers more connections than were asked for")

    def close(self):
        for sock in (*self._taken.values(), *self._queued):
            sock.close()


@pytest.fixture
def places():
    try:
        made = Places()
    except OSError as error:
        pytest.skip(f"this machine has not all of the addresses: {error}")
    yield made
    made.close()


@pytest.fixture
def nothing_left():
    """Whatever a test opens, it has closed at its end."""
    before = descriptors()
    yield
    assert until(lambda: not set(descriptors()) - set(before), 2.0), sorted(set(descriptors()) - set(before))


class Phases:
    """Stands for an exchange: is told the phases, and can be interrupted."""

    def __init__(self):
        self.told = []
        self.begun = threading.Event()
        self.interrupted = False
        self._wake = None

    def __call__(self, phase, wake):
        self.told.append(phase)
        self._wake = wake
        if self.interrupted:
            raise TransportClosed("interrupted")
        if phase == "connect":
            self.begun.set()

    def interrupt(self):
        self.interrupted = True
        if self._wake is not None:
            self._wake()


def bound(**timeouts):
    return Bound(Deadline(Timeouts(**{"connect": PATIENCE, **timeouts}), time.monotonic()))


def connect(
    port, *addresses, host="many.test", entering=None, proxy=False, source_address=None, resolver=None, **timeouts
):
    """Connect to a name that leads to these addresses."""
    return connecting.connect(
        host,
        port,
        bound(**timeouts),
        Phases() if entering is None else entering,
        proxy=proxy,
        source_address=source_address,
        resolver=resolver or (lambda host, port: addresses),
    )


def timed(call, limit):
    """How long a call takes that succeeds, and the address that was reached; the best of some, on a busy machine."""
    best = PATIENCE
    for _ in range(6):
        began = time.monotonic()
        with call() as sock:
            best = min(best, time.monotonic() - began)
            reached = sock.getpeername()[0]
        if best <= limit:
            break
    return best, reached


# -- the race -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("waiting")
def test_a_silent_first_address_costs_300_ms_at_most(places):
    """Where the first address never answers and the second does, the second is reached within 300 ms, and not before 250."""
    places.is_silent(FIRST)
    places.answers(SECOND)

    took, reached = timed(lambda: connect(places.port, FIRST, SECOND), COST)

    assert 0.25 <= took <= COST
    assert reached == SECOND


@pytest.mark.usefixtures("waiting")
def test_a_first_address_that_refuses_costs_nothing(places):
    """Where the first address refuses, the second is tried at once."""
    places.answers(SECOND)

    took, reached = timed(lambda: connect(places.port, FIRST, SECOND), AT_ONCE)

    assert took <= AT_ONCE
    assert reached == SECOND


@pytest.mark.usefixtures("waiting")
def test_a_refusal_lets_the_next_begin_while_an_earlier_is_silent(places):
    """One silent, one that refuses, one that answers: a single delay is waited for."""
    places.is_silent(FIRST)
    places.answers(THIRD)

    took, reached = timed(lambda: connect(places.port, FIRST, SECOND, THIRD), COST)

    assert took <= COST
    assert reached == THIRD


def test_who_was_started_first_may_still_win(places):
    """An attempt goes on while later ones are made: where the first answers late and the second never, the first wins."""
    late = places.is_silent(FIRST)
    places.is_silent(SECOND)
    phases = Phases()
    call = Caller(lambda: connect(places.port, FIRST, SECOND, entering=phases))
    assert phases.begun.wait(PATIENCE)
    late.settimeout(PATIENCE)
    with contextlib.ExitStack() as accepted:
        while True:  # those who stood in its queue, then ours, when the system asks again
            accepted.enter_context(late.accept()[0])
            if call.done or until(lambda: call.done, 0.05):
                break
        with call.result() as sock:
            assert sock.getpeername()[0] == FIRST


@needs_ipv6
@pytest.mark.parametrize("listening", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("first", ["127.0.0.1", "::1"])
def test_both_families_of_a_host_are_tried(places, listening, first):
    """Whichever family the resolver puts first, and whichever of the two has a listener, it is reached at once."""
    both = ["127.0.0.1", "::1"]
    places.answers(listening)

    took, reached = timed(lambda: connect(places.port, first, *(set(both) - {first})), AT_ONCE)

    assert took <= AT_ONCE
    assert reached == listening


def test_the_connection_is_ready_for_use(places):
    """It does not block, sends small pieces at once, and carries bytes both ways; the phases were told in order."""
    listener = places.answers(FIRST)
    phases = Phases()

    with connect(places.port, FIRST, entering=phases) as sock, listener.accept()[0] as peer:
        assert sock.gettimeout() == 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.sendall(b"there")
        assert peer.recv(9) == b"there"
        peer.sendall(b"back")
        assert select.select([sock], [], [], PATIENCE)[0]
        assert sock.recv(9) == b"back"
    assert phases.told == ["resolve", "connect"]


@pytest.mark.usefixtures("nothing_left", "waiting")
def test_the_losers_are_closed(places):
    """Once one has connected, no other socket stays open."""
    places.is_silent(FIRST)
    places.is_silent(SECOND)
    places.answers(THIRD)
    before = set(descriptors())

    with connect(places.port, FIRST, SECOND, THIRD, connect=0.3) as sock:
        assert len(set(descriptors()) - before) <= 1
        assert sock.getpeername()[0] == THIRD


# -- failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_left", "waiting")
@pytest.mark.parametrize(("proxy", "kind", "peer"), [(False, ConnectionError, ""), (True, ProxyError, "the proxy ")])
def test_every_address_is_listed_with_its_reason(places, proxy, kind, peer):
    """Where all refuse, the error says of each address what was wrong, and has the number of the last."""
    with pytest.raises(kind) as caught:
        connect(places.port, FIRST, SECOND, proxy=proxy)

    refused = os.strerror(errno.ECONNREFUSED)
    reasons = f"{FIRST}: {refused}; {SECOND}: {refused}"
    assert type(caught.value) is kind
    assert str(caught.value) == f"could not connect to {peer}'many.test' port {places.port}: {reasons}"
    assert caught.value.errno == errno.ECONNREFUSED
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("limit", "kind"), [("connect", ConnectTimeout), ("total", TotalTimeout)])
def test_all_addresses_share_one_bound(places, limit, kind):
    """However many addresses are silent, all of them together have the one bound; each had its turn, and is listed."""
    places.is_silent(SECOND)
    places.is_silent(THIRD)
    began = time.monotonic()

    with pytest.raises(kind) as caught:
        connect(places.port, FIRST, SECOND, THIRD, **{limit: SHORT})

    assert SHORT <= time.monotonic() - began < 3 * SHORT
    if kind is ConnectTimeout:
        states = f"{FIRST}: {os.strerror(errno.ECONNREFUSED)}; {SECOND}: no answer; {THIRD}: no answer"
        what = f"connecting to 'many.test' port {places.port} ({states})"
        assert str(caught.value) == f"{what} took longer than connect={SHORT} s"


def test_a_tight_bound_leaves_every_address_its_turn(places):
    """Within a bound that is shorter than the delays of the race, the last address is reached still."""
    places.is_silent(FIRST)
    places.is_silent(SECOND)
    places.answers(THIRD)

    with connect(places.port, FIRST, SECOND, THIRD, connect=0.6) as sock:
        assert sock.getpeername()[0] == THIRD


def test_a_timeout_of_the_network_is_a_timeout(places, monkeypatch):
    """Where the system itself gives an address up, that is ConnectTimeout too, with its number and its reason."""
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: errno.ETIMEDOUT)

    with pytest.raises(ConnectTimeout) as caught:
        connect(places.port, FIRST)

    assert caught.value.errno == errno.ETIMEDOUT
    assert f"{FIRST}: {os.strerror(errno.ETIMEDOUT)}" in str(caught.value)


def test_port_0(places):
    """Nobody can be reached at port 0: an error like any other."""
    with pytest.raises(ConnectionError, match=f"port 0: {FIRST}: "):
        connect(0, FIRST)


@pytest.mark.usefixtures("nothing_left")
def test_who_would_meet_himself_is_refused(places):
    """A socket that TCP connects to itself, because its own port was the one asked for, is a refusal."""
    with pytest.raises(ConnectionError) as caught:
        connect(places.port, FOURTH, source_address=(FOURTH, places.port))
    assert caught.value.errno == errno.ECONNREFUSED


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("fault", ["EIO", "out of memory", "Ctrl-C"])
def test_nothing_is_left_whichever_call_fails(places, monkeypatch, fault):
    """Each call to the system fails once: what is raised is ours or no error of the system; no socket is left in any case."""
    make, fits = FAULTS[fault]
    places.is_silent(SECOND)
    places.answers(THIRD)
    monkeypatch.setattr(racing, "DELAY", 0.001)
    border = Border(monkeypatch)
    before = set(descriptors())

    def attempt(number, **timeouts):
        """Connect, with the call of this number failing."""
        border.watch(number, make())
        try:
            made = connect(places.port, FIRST, SECOND, THIRD, **timeouts)
        finally:
            border.rest()
        made.close()

    attempt(0)
    failed = set()
    for number, call in enumerate(border.calls, 1):
        if fits(*call):
            with contextlib.suppress(Error, MemoryError, KeyboardInterrupt):
                attempt(number, connect=SHORT)  # the silent one may be all that is left
            assert set(descriptors()) <= before, f"left behind: {border.failed}"
            failed.add(border.failed and border.failed[1])
    assert {"__init__", "setblocking", "setsockopt", "connect_ex", "poll", "close"} <= failed


@pytest.mark.usefixtures("nothing_left")
def test_ctrl_c_while_one_is_closed_leaves_no_other_open(places, monkeypatch):
    """Of several sockets each is closed, though closing the first was interrupted."""
    places.is_silent(FIRST)
    places.is_silent(SECOND)
    before = set(descriptors())
    close = socket.socket.close
    closed = []

    def interrupted(sock):
        close(sock)
        closed.append(sock)
        if len(closed) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "close", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:  # its traceback keeps alive what was left open
            connect(places.port, FIRST, SECOND, connect=SHORT)
    assert set(descriptors()) <= before
    assert len(closed) == 2
    del caught


# -- ended by another thread ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_left", "waiting")
def test_another_thread_ends_the_wait(places):
    """Who waits for silent addresses is told at once when another thread interrupts, and leaves nothing behind."""
    places.is_silent(FIRST)
    places.is_silent(SECOND)
    phases = Phases()
    before = len(descriptors())
    call = Caller(lambda: connect(places.port, FIRST, SECOND, entering=phases))
    assert until(lambda: len(descriptors()) >= before + 2), "both are being tried"
    began = time.monotonic()

    phases.interrupt()

    with pytest.raises(TransportClosed):
        call.result()
    assert time.monotonic() - began < 0.5


@pytest.mark.usefixtures("nothing_left")
def test_a_wake_between_two_steps_is_not_lost(places):
    """An interruption that comes before the first socket is there ends the attempt as one in the middle of it does."""
    places.is_silent(FIRST)

    class Hasty(Phases):
        def __call__(self, phase, wake):
            super().__call__(phase, wake)
            if phase == "connect":
                self.interrupt()

    began = time.monotonic()
    with pytest.raises(TransportClosed):
        connect(places.port, FIRST, entering=Hasty())
    assert time.monotonic() - began < 0.5


@pytest.mark.usefixtures("nothing_left")
def test_a_system_whose_shutdown_ends_no_attempt(places, monkeypatch):
    """Where a socket that is connecting cannot be shut down (Windows), the interruption is seen soon all the same."""
    places.is_silent(FIRST)
    monkeypatch.setattr(connecting, "_GLANCE", SHORT)
    phases = Phases()
    call = Caller(lambda: connect(places.port, FIRST, entering=phases))
    assert phases.begun.wait(PATIENCE)

    def not_connected(*_):
        raise OSError(errno.ENOTCONN, "not connected")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "shutdown", not_connected)
        phases.interrupt()
        with pytest.raises(TransportClosed):
            call.result()


def test_who_is_interrupted_already_opens_nothing(places):
    """Where the exchange was interrupted while the name was looked up, nobody is connected to."""
    listener = places.answers(FIRST)
    listener.setblocking(False)
    phases = Phases()

    def resolver(host, port):
        phases.interrupted = True
        return [FIRST]

    with pytest.raises(TransportClosed):
        connect(places.port, resolver=resolver, entering=phases)
    with pytest.raises(BlockingIOError):
        listener.accept()


# -- names ----------------------------------------------------------------------------------------------------------------


class Slow:
    """A resolver that gives no answer until it is let go."""

    def __init__(self):
        self.asked, self.over = threading.Event(), threading.Event()

    def __call__(self, host, port):
        self.asked.set()
        self.over.wait(PATIENCE)
        return [FIRST]


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.over.set()
    for thread in threading.enumerate():
        if thread.name == "resolve many.test":
            thread.join(PATIENCE)


def test_a_resolver_is_asked_instead_of_the_system(places, monkeypatch):
    """It gets host and port, may answer with a generator, runs in a thread of its own, and the system is not asked."""
    places.answers(SECOND)
    asked, real = [], socket.getaddrinfo

    def resolver(host, port):
        asked.append((host, port, threading.current_thread() is not threading.main_thread()))
        yield SECOND

    def getaddrinfo(host, *arguments, **keywords):
        assert host != "many.test"
        return real(host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with connect(places.port, resolver=resolver) as sock:
        assert sock.getpeername()[0] == SECOND
    assert asked == [("many.test", places.port, True)]


@needs_ipv6
def test_an_address_is_not_looked_up(places):
    """Nobody is asked for what is an address already, and no thread begins."""
    places.answers(FIRST)
    places.answers("::1")
    threads = []

    class Watched(threading.Thread):
        def start(self):
            threads.append(self)
            super().start()

    def resolver(host, port):
        raise AssertionError("asked")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(threading, "Thread", Watched)
        for literal in (FIRST, "::1"):
            with connect(places.port, host=literal, resolver=resolver) as sock:
                assert sock.getpeername()[0] == literal
    assert not threads


def test_without_a_thread_the_name_is_looked_up_here(places, monkeypatch):
    """Where no thread can begin, the name is resolved all the same."""
    places.answers(FIRST)

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    connect(places.port, FIRST).close()


def test_an_address_that_is_given_twice_is_tried_once(places):
    """A resolver that repeats itself makes no second attempt."""
    with pytest.raises(ConnectionError) as caught:
        connect(places.port, FIRST, FIRST)
    assert str(caught.value).count(FIRST) == 1


def test_a_zone_goes_with_its_address():
    """The zone of an IPv6 address reaches the system as the number of its interface."""
    number, name = socket.if_nameindex()[0]

    def addresses(*texts):
        return resolving.resolve("many.test", 80, bound(), Phases(), lambda host, port: texts)

    by_name, by_number, without = (
        addresses(f"fe80::1%{name}")[0],
        addresses(f"fe80::1%{number}")[0],
        addresses("::1")[0],
    )
    assert by_name.place[3] == by_number.place[3] == number
    assert without.place[3] == 0
    assert by_name.packed == bytes.fromhex("fe80" + 13 * "00" + "01")


def test_addresses_come_packed():
    """What goes into the message of a SOCKS client is the address in 4 or 16 bytes."""
    four, sixteen = resolving.resolve(
        "many.test", 80, bound(), Phases(), lambda host, port: ["192.0.2.7", "2001:db8::1"]
    )
    assert four.packed == bytes([192, 0, 2, 7])
    assert sixteen.packed == bytes.fromhex("20010db8" + 11 * "00" + "01")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([], "no address"),
        (None, "gave None"),
        (FIRST, f"gave {FIRST!r}"),  # text in place of a list of texts
        ([FIRST, "elsewhere.test"], "gave 'elsewhere.test'"),
        (["1"], "gave '1'"),  # what inet_aton() takes for 0.0.0.1
        (["127.0.0.1:80"], "gave '127.0.0.1:80'"),
        (["[::1]"], "gave '[::1]'"),
        (["fe80::1%no-such-zone"], "gave 'fe80::1%no-such-zone'"),
        ([b"127.0.0.1"], "gave b'127.0.0.1'"),
        ([2130706433], "gave 2130706433"),
        ([None], "gave None"),
    ],
)
def test_a_resolver_that_gives_nonsense(places, given, named):
    """What is no list of addresses is an error that names the host and what was given, before anybody is connected to."""
    places.answers(FIRST)
    with pytest.raises(NameResolutionError) as caught:
        connect(places.port, resolver=lambda host, port: given)
    assert "'many.test'" in str(caught.value)
    assert named in str(caught.value)
    assert caught.value.errno is None


def raises_at_once(host, port):
    raise ValueError("no idea")


def raises_in_the_middle(host, port):
    yield FIRST
    raise ValueError("no idea")


@pytest.mark.parametrize("resolver", [raises_at_once, raises_in_the_middle])
def test_a_resolver_that_raises(places, resolver):
    """What it raises is the cause of an error of ours."""
    with pytest.raises(NameResolutionError, match=r"'many\.test'.*ValueError\('no idea'\)") as caught:
        connect(places.port, resolver=resolver)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(("limit", "kind"), [("connect", ConnectTimeout), ("total", TotalTimeout)])
def test_a_slow_resolver_has_the_same_bound(slow, limit, kind):
    """A resolver that does not answer is given up at the bound, in the phase "resolve"."""
    phases = Phases()
    began = time.monotonic()
    with pytest.raises(kind):
        connect(80, resolver=slow, entering=phases, **{limit: SHORT})
    assert SHORT <= time.monotonic() - began < 4 * SHORT
    assert phases.told == ["resolve"]


def test_another_thread_ends_the_wait_for_a_name(slow):
    """Who waits for a resolver is told when another thread interrupts."""
    phases = Phases()
    call = Caller(lambda: connect(80, resolver=slow, entering=phases))
    assert slow.asked.wait(PATIENCE)
    phases.interrupt()
    with pytest.raises(TransportClosed):
        call.result()


# -- source addresses -----------------------------------------------------------------------------------------------------


@needs_ipv6
def test_the_connection_leaves_from_the_source_address(places):
    """The server sees the address that was asked for, and what is of another family is not tried."""
    listener = places.answers(FIRST)
    places.answers("::1")
    with connect(places.port, "::1", FIRST, source_address=(THIRD, 0)), listener.accept()[0] as peer:
        assert peer.getpeername()[0] == THIRD


def test_a_source_port_serves_every_attempt(places):
    """A port of one's own is that of the second attempt too, while the first still waits for an answer."""
    places.is_silent(FIRST)
    places.answers(SECOND)
    with socket.socket() as free:
        free.bind((THIRD, 0))
        port = free.getsockname()[1]
    with connect(places.port, FIRST, SECOND, source_address=(THIRD, port)) as sock:
        assert sock.getpeername()[0] == SECOND
        assert sock.getsockname() == (THIRD, port)


@pytest.mark.parametrize(
    ("source", "named", "number"),
    [
        ("::1", f"another family than {FIRST}", None),
        ("elsewhere.test", "not an IP address", None),
        ("fe80::1%no-such-zone", "not an IP address", None),  # the resolver's number is none of the system's
        ("192.0.2.1", os.strerror(errno.EADDRNOTAVAIL), errno.EADDRNOTAVAIL),  # RFC 5737: nobody has it
    ],
)
@pytest.mark.parametrize(("proxy", "kind"), [(False, ConnectionError), (True, ProxyError)])
def test_a_source_address_from_which_nobody_is_reached(places, source, named, number, proxy, kind):
    """It is an error that says what is wrong with it."""
    places.answers(FIRST)
    with pytest.raises(kind, match=named) as caught:
        connect(places.port, FIRST, source_address=(source, 0), proxy=proxy)
    assert type(caught.value) is kind
    assert caught.value.errno == number


# -- Unix sockets ---------------------------------------------------------------------------------------------------------

unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


@pytest.fixture
def full(tmp_path):
    """A Unix socket whose queue is full: who listens, and its path."""
    path = str(tmp_path / "full")
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        for _ in range(64):
            queued = opened.enter_context(socket.socket(socket.AF_UNIX))
            queued.setblocking(False)
            if queued.connect_ex(path):
                break
        else:
            pytest.skip("this system answers more connections than were asked for")
        if queued.connect_ex(path) != errno.EAGAIN:
            pytest.skip("this system refuses whom it has no room for")
        yield listener, path


@unix
def test_a_unix_socket(tmp_path):
    """It is connected to, does not block, and carries bytes."""
    path = str(tmp_path / "socket")
    phases = Phases()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with connecting.connect_unix(path, bound(), phases) as sock, listener.accept()[0] as peer:
            assert sock.gettimeout() == 0
            sock.sendall(b"there")
            assert peer.recv(9) == b"there"
    assert phases.told == ["connect"]


@unix
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("name", "number"), [("missing", errno.ENOENT), ("deserted", errno.ECONNREFUSED), ("x" * 200, None)]
)
def test_a_unix_socket_that_cannot_be_reached(tmp_path, name, number):
    """The error has the path, the reason and the system's number: no file, nobody behind it, a path that is too long."""
    path = str(tmp_path / name)
    if name == "deserted":
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(path)
    with pytest.raises(ConnectionError) as caught:
        connecting.connect_unix(path, bound(), Phases())
    reason = "AF_UNIX path too long" if number is None else os.strerror(number)
    assert str(caught.value) == f"could not connect to the Unix socket {path!r}: {reason}"
    assert caught.value.errno == number
    assert isinstance(caught.value.__cause__, OSError)


@unix
def test_a_unix_socket_whose_queue_is_full_is_waited_for(full):
    """Once its server takes somebody in, there is room."""
    listener, path = full
    phases = Phases()
    call = Caller(lambda: connecting.connect_unix(path, bound(), phases))
    assert phases.begun.wait(PATIENCE)
    assert not until(lambda: call.done, 0.05)
    listener.accept()[0].close()
    call.result().close()


@unix
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("limit", "kind"), [("connect", ConnectTimeout), ("total", TotalTimeout)])
def test_a_unix_socket_whose_queue_stays_full(full, limit, kind):
    """It is given up at the bound."""
    began = time.monotonic()
    with pytest.raises(kind):
        connecting.connect_unix(full[1], bound(**{limit: SHORT}), Phases())
    assert SHORT <= time.monotonic() - began < 3 * SHORT


@unix
@pytest.mark.usefixtures("nothing_left")
def test_another_thread_ends_the_wait_for_a_unix_socket(full):
    """Who waits for room in its queue is told when another thread interrupts."""
    phases = Phases()
    call = Caller(lambda: connecting.connect_unix(full[1], bound(), phases))
    assert phases.begun.wait(PATIENCE)
    phases.interrupt()
    with pytest.raises(TransportClosed):
        call.result()
