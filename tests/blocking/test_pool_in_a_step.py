"""What happens to a pool in the middle of a step of its own: collections, interrupts, releases at the last moment."""

import gc
import random
import signal
import threading
import time
from contextlib import suppress

import pytest
from blocking.callers import PATIENCE, Arrival, Caller, Connection, Hooked, lines_up, make_pool, soon

from intermodal import PoolTimeout, TransportClosed

signals = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signals to threads")


@pytest.fixture
def no_collection():
    """Nothing is collected but where the test says so."""
    gc.disable()
    yield
    gc.enable()


class Left:
    """What gives a slot back when it is collected, as a response does that nobody has closed."""

    def __init__(self, pool, connection):
        self.pool, self.connection = pool, connection
        self.me = self  # out of the reach of reference counts

    def __del__(self):
        self.pool.release("left", self.connection)


@pytest.mark.parametrize("per_origin", [None, 2])
@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_a_response_is_collected_in_the_middle_of_a_step(turn, per_origin, no_collection):
    """The collector may give a slot back while the same thread has the pool's lock: nothing hangs, nothing is lost."""
    pool = make_pool(connections=2, per_origin=per_origin)
    left, connection = Connection(), Connection()
    pool.acquire("left", soon())
    Left(pool, left)
    key = Hooked()
    key.arm(turn, gc.collect)

    def work():
        assert pool.acquire(key, soon()) is None
        pool.release(key, connection)
        assert pool.acquire(key, soon()) is connection
        pool.release(key, connection)
        assert key.left <= 0, "the key was looked up less often than this test would have it"
        return [pool.acquire("left", soon()), pool.acquire(key, soon())]

    assert Caller(work).result() == [left, connection]
    with pytest.raises(PoolTimeout):
        pool.acquire("left", soon())


def test_what_is_collected_in_the_middle_of_a_release_serves_too(no_collection):
    """Two slots that are given back one inside the other wake two who wait, though nobody comes by any more."""
    pool = make_pool(connections=2)
    key = Hooked()
    pool.acquire("left", soon())
    pool.acquire(key, soon())
    Left(pool, None)
    waiters = [lines_up(pool, "w") for _ in range(2)]
    key.arm(1, gc.collect)
    Caller(pool.release, key, None).result()

    assert [waiter.result() for waiter in waiters] == [None, None]
    assert key.left <= 0, "the key was looked up less often than this test would have it"


@pytest.mark.parametrize("turn", [1, 2])
def test_a_release_between_the_last_look_and_the_wait_is_not_slept_over(turn):
    """What another thread gives back while a thread finds no slot, first or in line, is that thread's; it does not wait."""
    pool = make_pool(connections=5, per_origin=1)
    key, connection = Hooked(), Connection()
    pool.acquire(key, soon())
    # The lock is taken at this moment, so that the other thread can but leave word and go.
    key.arm(turn, lambda: Caller(pool.release, key, connection).result())

    assert Caller(pool.acquire, key, soon(pool=1)).result() is connection
    assert key.left <= 0, "the key was looked up less often than this test would have it"


def test_closing_in_the_middle_of_a_step():
    """A signal handler may close the pool while its own thread has the lock: nothing hangs, and nobody gets in after."""
    pool = make_pool()
    pool.acquire("other", soon())
    idle = Connection()
    pool.release("other", idle)
    key = Hooked()
    key.arm(1, pool.close)

    assert Caller(pool.acquire, key, soon()).result() is None
    assert idle.closed == 1
    with pytest.raises(TransportClosed):
        pool.acquire("other", soon())
    pool.release(key, None)


def test_a_slot_given_back_at_the_moment_of_a_timeout_is_passed_on():
    """A thread that is served at the very moment at which its time is over gives the slot to the next in line."""
    pool = make_pool(connections=1)
    connection = Connection()
    pool.acquire("k", soon())

    following = []

    class LastMoment(Arrival):
        def expired(self, kind, message, now):
            following.append(lines_up(pool, "k"))
            pool.release("k", connection)
            return super().expired(kind, message, now)

    with pytest.raises(PoolTimeout):
        pool.acquire("k", LastMoment(pool=0.01))
    assert following[0].result() is connection


def test_releases_race_with_timeouts():
    """However close a release comes to the end of a wait, the slot goes to the waiter or is free; it is never lost."""
    pool = make_pool(connections=1)
    connection = Connection()
    pool.acquire("k", soon())
    chance = random.Random(1)
    for _ in range(200):
        deadline = Arrival(pool=0.001)
        waiter = lines_up(pool, "k", deadline)
        until = time.monotonic() + chance.uniform(0, 0.002)
        while time.monotonic() < until:
            pass
        pool.release("k", connection)
        with suppress(PoolTimeout):
            pool.release("k", waiter.result())
        assert pool.acquire("k", soon()) is connection


@pytest.fixture
def interrupted():
    """Acquire in this thread, and be interrupted while in line: first by ``first``, then by KeyboardInterrupt."""
    me, struck = threading.get_ident(), threading.Event()
    actions = []

    def strike(*_):
        if not struck.is_set():
            struck.set()
            actions.pop()()
            raise KeyboardInterrupt

    def acquire(pool, first=lambda: None):
        deadline = Arrival()
        actions.append(first)

        def interrupt():
            assert deadline.waiting.wait(PATIENCE)
            following = lines_up(pool, "k")
            while not struck.wait(0.01):  # a signal that comes just before a system call does not end it
                signal.pthread_kill(me, signal.SIGUSR1)
            return following

        interrupter = Caller(interrupt)
        with pytest.raises(KeyboardInterrupt):
            pool.acquire("k", deadline)
        return interrupter.result()

    before = signal.signal(signal.SIGUSR1, strike)
    yield acquire
    signal.signal(signal.SIGUSR1, before)


@signals
def test_a_slot_given_back_at_the_moment_of_an_interrupt_is_passed_on(interrupted):
    """A thread that is served at the very moment at which it is interrupted gives the slot to the next in line."""
    pool = make_pool(connections=1)
    connection = Connection()
    pool.acquire("k", soon())
    following = interrupted(pool, first=lambda: pool.release("k", connection))

    assert following.result() is connection


@signals
def test_an_interrupted_wait_leaves_the_line(interrupted):
    """A thread that is interrupted before it is served takes nothing from those behind it."""
    pool = make_pool(connections=1)
    connection = Connection()
    pool.acquire("k", soon())
    following = interrupted(pool)
    pool.release("k", connection)

    assert following.result() is connection


@signals
@pytest.mark.timeout(60)
def test_interrupts_anywhere_leave_a_pool_that_works():
    """A signal handler that raises, in whatever step it strikes, never leaves the lock taken."""
    pool = make_pool(connections=10**6)
    struck = 0

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        while struck < 150:
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
                while True:
                    pool.release("k", pool.acquire("k", soon(pool=None)) or Connection())
            except KeyboardInterrupt:
                struck += 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    connection = Caller(pool.acquire, "k", soon()).result()
    Caller(pool.release, "k", connection).result()
