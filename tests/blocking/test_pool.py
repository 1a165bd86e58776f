"""The pool among threads: who is served when, the limits, and the end."""

import threading
import time

import pytest
from blocking.callers import PATIENCE, Arrival, Caller, Connection, lines_up, make_pool, soon

from intermodal import PoolTimeout, Timeouts, TotalTimeout, TransportClosed
from intermodal.net.deadline import Deadline

# -- in order -----------------------------------------------------------------------------------------


def test_threads_are_served_in_the_order_of_their_arrival():
    """Twenty threads come one after the other for one connection, and get it in this order, each woken once."""
    pool = make_pool(connections=1)
    pool.acquire("k", soon())
    served, arrivals = [], [Arrival() for _ in range(20)]

    def work(number):
        connection = pool.acquire("k", arrivals[number])
        served.append(number)
        pool.release("k", connection)

    callers = []
    for number, arrival in enumerate(arrivals):
        callers.append(Caller(work, number))
        assert arrival.waiting.wait(PATIENCE)
    pool.release("k", Connection())
    for caller in callers:
        caller.result()

    assert served == list(range(20))
    assert [arrival.begun for arrival in arrivals] == [1] * 20


def test_one_slot_wakes_one_thread():
    """Of three who wait, one that is given back lets the first go on; the others have not stirred."""
    pool = make_pool(connections=1)
    pool.acquire("k", soon())
    arrivals = [Arrival() for _ in range(3)]
    callers = [lines_up(pool, "k", arrival) for arrival in arrivals]
    connection = Connection()
    pool.release("k", connection)

    assert callers[0].result() is connection
    assert not callers[1].done
    pool.close()
    for caller in callers[1:]:
        with pytest.raises(TransportClosed):
            caller.result()
    assert [arrival.begun for arrival in arrivals] == [1, 1, 1]


def test_a_newcomer_does_not_overtake():
    """What was given back is the waiter's from that moment on, though its thread has done nothing with it yet."""
    pool = make_pool(connections=1)
    pool.acquire("k", soon())
    waiter = lines_up(pool, "k")
    pool.release("k", Connection())

    with pytest.raises(PoolTimeout):
        pool.acquire("k", soon())
    waiter.result()


def test_a_thread_held_up_by_its_origin_lets_others_pass():
    """A thread that waits for its origin's slot keeps nobody from another's, and gets the next one of its own."""
    pool = make_pool(connections=2, per_origin=1)
    pool.acquire("a", soon())
    pool.acquire("b", soon())
    first, second = lines_up(pool, "a"), lines_up(pool, "b")

    pool.release("b", None)
    assert second.result() is None
    assert not first.done
    pool.release("a", None)
    assert first.result() is None


@pytest.mark.parametrize("per_origin", [None, 2])
def test_many_threads_share_few_connections(per_origin):
    """Fifty threads acquire and release 200 times each: none starves, none shares, no limit is exceeded."""
    pool = make_pool(connections=4, per_origin=per_origin)
    keys = "abc"
    lock = threading.Lock()
    in_use = dict.fromkeys(keys, 0)
    wrong = []

    def work(number):
        key = keys[number % 3]
        for turn in range(200):
            connection = pool.acquire(key, Deadline(Timeouts(pool=PATIENCE), time.monotonic())) or Connection()
            with lock:
                in_use[key] += 1
                connection.holders += 1
                if connection.holders > 1 or sum(in_use.values()) > 4 or in_use[key] > (per_origin or 4):
                    wrong.append((number, turn))
            time.sleep(0)  # let others run
            with lock:
                in_use[key] -= 1
                connection.holders -= 1
            pool.release(key, connection if turn % 7 else None)

    callers = [Caller(work, number) for number in range(50)]
    for caller in callers:
        caller.result()
    assert not wrong
    assert [pool.acquire("new", soon()) for _ in range(per_origin or 4)] == [None] * (per_origin or 4)


# -- bounds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"connections": 1}, "Limits(connections=1)"),
        ({"connections": 5, "per_origin": 1}, "Limits(per_origin=1)"),
    ],
)
def test_a_wait_without_success_names_the_limit(limits, said):
    """A thread waits as long as it said, and is told which limit it ran into and what to do."""
    pool = make_pool(**limits)
    pool.acquire("k", soon())
    began = time.monotonic()
    with pytest.raises(PoolTimeout) as caught:
        pool.acquire("k", soon(pool=0.05))
    assert 0.05 <= time.monotonic() - began < PATIENCE
    assert f"within pool=0.05 s: all of {said} are in use; close responses" in str(caught.value)


def test_the_total_bounds_the_wait_for_a_slot():
    """Where the whole exchange must be over sooner, that is what the error says."""
    pool = make_pool(connections=1)
    pool.acquire("k", soon())
    for pool_bound in (PATIENCE, None):
        with pytest.raises(TotalTimeout):
            pool.acquire("k", soon(pool=pool_bound, total=0.05))


def test_the_newest_live_connection_is_taken():
    """Below dead ones a live one is found, in the same slot; the dead are closed, each once, and nothing is lost."""
    pool = make_pool(connections=4)
    old, live, dead, newest = [Connection(), Connection(), Connection(live=False), Connection(live=False)]
    for _ in range(4):
        assert pool.acquire("k", soon()) is None
    for connection in (old, live, dead, newest):
        pool.release("k", connection)

    assert pool.acquire("k", soon()) is live
    assert [each.closed for each in (old, live, dead, newest)] == [0, 0, 1, 1]
    assert [pool.acquire("k", soon()) for _ in range(3)] == [old, None, None]
    with pytest.raises(PoolTimeout):
        pool.acquire("k", soon())


def test_a_connection_handed_to_a_waiter_is_looked_at_too():
    """A waiter who is served with a connection that has died opens one in the same slot."""
    pool = make_pool(connections=1)
    pool.acquire("k", soon())
    waiter = lines_up(pool, "k")
    dead = Connection(live=False)
    pool.release("k", dead)

    assert waiter.result() is None
    assert dead.closed == 1
    with pytest.raises(PoolTimeout):
        pool.acquire("k", soon())


def test_what_was_idle_too_long_is_closed():
    """A connection is not used again after its time."""
    pool = make_pool(idle_seconds=0.01)
    pool.acquire("k", soon())
    connection = Connection()
    pool.release("k", connection)
    time.sleep(0.05)

    assert pool.acquire("k", soon()) is None
    assert connection.closed == 1


def test_the_oldest_makes_room():
    """A new origin gets its slot at the cost of the connection that was idle longest."""
    pool = make_pool(connections=2)
    old, young = Connection(), Connection()
    for key in "ab":
        pool.acquire(key, soon())
    pool.release("a", old)
    pool.release("b", young)

    assert pool.acquire("c", soon()) is None
    assert (old.closed, young.closed) == (1, 0)


def test_a_slow_look_at_a_connection_keeps_nobody_waiting():
    """While one thread looks at a connection, which is a system call, another gets its slot."""
    looking, go_on = threading.Event(), threading.Event()

    def usable(_):
        looking.set()
        return go_on.wait(PATIENCE)

    pool = make_pool(usable)
    pool.acquire("k", soon())
    connection = Connection()
    pool.release("k", connection)
    slow = Caller(pool.acquire, "k", soon())
    assert looking.wait(PATIENCE)

    assert Caller(pool.acquire, "k", soon()).result() is None
    go_on.set()
    assert slow.result() is connection


def test_a_look_that_fails_costs_no_slot():
    """Whatever comes out of a look at a connection, the connection is closed and its slot is free again."""

    def usable(_):
        raise MemoryError

    pool = make_pool(usable, connections=1)
    pool.acquire("k", soon())
    connection = Connection()
    pool.release("k", connection)
    with pytest.raises(MemoryError):
        pool.acquire("k", soon())

    assert connection.closed == 1
    assert pool.acquire("k", soon()) is None


# -- the end ------------------------------------------------------------------------------------------


def test_closing_wakes_all_who_wait_and_lets_nobody_in():
    """Those in line and those who come later are told that the pool is closed; idle ones are closed, and those given back."""
    pool = make_pool(connections=4, per_origin=1)
    idle, used = [Connection(), Connection()], Connection()
    for key in "abc":
        pool.acquire(key, soon())
    for key, connection in zip("bc", idle, strict=True):
        pool.release(key, connection)
    callers = [lines_up(pool, "a") for _ in range(5)]
    pool.close()

    for caller in callers:
        with pytest.raises(TransportClosed):
            caller.result()
    assert [each.closed for each in idle] == [1, 1]
    pool.release("a", used)
    assert used.closed == 1
    for key in "abcd":
        with pytest.raises(TransportClosed):
            pool.acquire(key, soon())
    pool.close()
    assert [each.closed for each in (*idle, used)] == [1, 1, 1]
