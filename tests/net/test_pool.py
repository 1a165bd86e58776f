"""The pool's state against a model that is nothing but lists."""

import weakref
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from intermodal import Limits
from intermodal.net.pool import WAIT, PoolState

KEYS = st.sampled_from("abc")
IDLE = 10.0
#: Time goes on with every step, by fractions that floats hold exactly.
TICK = 1 / 1024
AFTER = st.sampled_from([TICK, TICK, 4 + TICK, 8 + TICK])


class Slot(NamedTuple):
    """One in use."""

    key: str
    connection: str


class Idle(NamedTuple):
    """One that lies idle."""

    key: str
    connection: str
    since: float


class Waiter(NamedTuple):
    """One in line."""

    ticket: int
    key: str


class PoolMachine(RuleBasedStateMachine):
    """Everything that can happen to a pool, in any order; the lists know what must come of it."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.made = 0
        self.tickets = 0
        self.in_use = []
        self.idle = []  # in the order in which they were given back: the oldest first
        self.line = []
        self.closed = False
        self.over = []  # the connections that somebody closed

    @initialize(connections=st.integers(1, 4), per_origin=st.sampled_from([None, 1, 2]))
    def open(self, connections, per_origin):
        self.limits = Limits(connections=connections, per_origin=per_origin, idle_seconds=IDLE)
        self.pool = PoolState(self.limits)

    # -- what the model knows -------------------------------------------------------------------------

    def free(self, key):
        """Whether there is a slot that this key may have."""
        mine = sum(slot.key == key for slot in self.in_use)
        per_origin = self.limits.per_origin
        return (
            not self.closed and len(self.in_use) < self.limits.connections and (per_origin is None or mine < per_origin)
        )

    def comes_with(self, key, got):
        """A slot for ``key`` comes with the newest idle connection that is not too old, or with leave to open one."""
        mine = [each for each in self.idle if each.key == key and self.now - each.since <= IDLE]
        if mine:
            assert got == mine[-1].connection
            self.idle.remove(mine[-1])
        else:
            assert got is None
            self.made += 1
            got = f"{key}{self.made}"
        return Slot(key, got)

    def part(self, *, looked):
        """What goes is what was idle too long, all of it where the pool looked, and the oldest if there is one too many."""
        gone = list(self.pool.gone)
        self.pool.gone.clear()
        old = [each for each in self.idle if self.now - each.since > IDLE]
        expired = [each for each in old if each.connection in gone]
        assert expired == old or not looked
        self.idle = [each for each in self.idle if each not in expired]
        excess = max(0, len(self.idle) + len(self.in_use) - self.limits.connections)
        assert sorted(gone) == sorted(each.connection for each in expired + self.idle[:excess])
        self.idle = self.idle[excess:]
        self.over += gone

    # -- what can happen ------------------------------------------------------------------------------

    @rule(key=KEYS, after=AFTER)
    def acquire(self, key, after):
        """A newcomer gets a slot if one is free that it may have; else it stands in line, at the end."""
        self.now += after
        free = self.free(key)
        got = self.pool.acquire(key, self.now)
        assert (got is not WAIT) == free
        if free:
            self.in_use.append(self.comes_with(key, got))
        elif not self.closed:
            self.tickets += 1
            self.pool.wait(self.tickets, key)
            self.line.append(Waiter(self.tickets, key))
        self.part(looked=True)

    @precondition(lambda self: self.in_use)
    @rule(data=st.data(), again=st.booleans(), after=AFTER)
    def release(self, data, again, after):
        """A slot given back, with its connection or without, is for the first in line who may have it."""
        self.now += after
        slot = data.draw(st.sampled_from(self.in_use))
        self.in_use.remove(slot)
        served = self.pool.release(slot.key, slot.connection if again else None, self.now)
        if again and not self.closed:
            self.idle.append(Idle(*slot, self.now))
        else:
            self.over.append(slot.connection)
        if again and self.closed:
            assert self.pool.gone.pop() == slot.connection
        first = next((each for each in self.line if self.free(each.key)), None)
        if first is None:
            assert served is None
        else:
            assert served is not None
            assert served[0] == first.ticket
            self.line.remove(first)
            self.in_use.append(self.comes_with(first.key, served[1]))
        self.part(looked=first is not None)

    @precondition(lambda self: self.in_use)
    @rule(data=st.data(), after=AFTER)
    def found_dead(self, data, after):
        """Whoever finds a connection dead keeps the slot, and gets the next newest in it."""
        self.now += after
        slot = data.draw(st.sampled_from(self.in_use))
        got = self.pool.another(slot.key, self.now)
        self.in_use.remove(slot)
        self.over.append(slot.connection)
        self.in_use.append(self.comes_with(slot.key, got))
        self.part(looked=True)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def leave(self, data):
        """Who gives up waiting is not served any more; for one who was served or has left it changes nothing."""
        ticket = data.draw(st.integers(1, self.tickets))
        self.pool.leave(ticket)
        self.line = [each for each in self.line if each.ticket != ticket]

    @rule(keys=st.lists(KEYS, min_size=2, max_size=6))
    def many_come(self, keys):
        """Some come one after the other."""
        for key in keys:
            self.acquire(key, TICK)

    @rule(data=st.data(), after=st.sampled_from([TICK, 3]))
    def all_go(self, data, after):
        """One after the other gives its connection back for good use."""
        for _ in range(len(self.in_use)):
            self.release(data, again=True, after=after)

    @rule(last=st.integers(0, 9))
    def close(self, last):
        """All that is idle goes, all who wait are sent away, and nobody is let in any more."""
        if last:  # most runs go on
            return
        assert self.pool.close() == [each.ticket for each in self.line]
        assert sorted(self.pool.gone) == sorted(each.connection for each in self.idle)
        self.over += self.pool.gone
        self.pool.gone.clear()
        self.idle, self.line, self.closed = [], [], True

    # -- what holds always ----------------------------------------------------------------------------

    @invariant()
    def bounded(self):
        """Neither limit is ever exceeded, idle connections included."""
        everything = [*self.in_use, *self.idle]
        assert len(everything) <= self.limits.connections
        per_origin = self.limits.per_origin
        assert per_origin is None or all(sum(each.key == key for each in everything) <= per_origin for key in "abc")

    @invariant()
    def counted(self):
        """The pool counts what the lists hold, and knows who waits in which order."""
        assert (self.pool.in_use, self.pool.idle) == (len(self.in_use), len(self.idle))
        assert self.pool.waiting == [each.ticket for each in self.line]

    @invariant()
    def nobody_waits_in_vain(self):
        """Nobody is in line for a slot that is to be had."""
        assert not any(self.free(each.key) for each in self.line)

    @invariant()
    def nothing_lost_nothing_doubled(self):
        """Every connection ever made is in one place: in use, idle, or closed."""
        places = [each.connection for each in [*self.in_use, *self.idle]] + self.over
        assert len(places) == len(set(places)) == self.made

    def teardown(self):
        if hasattr(self, "pool"):
            self.close(0)


TestPool = PoolMachine.TestCase


class Key:
    """A key that can be watched."""


def test_a_key_is_forgotten_with_its_last_connection():
    """However a key's connections end, the pool keeps nothing of it: it may see millions of origins."""
    state = PoolState(Limits(connections=2, per_origin=2, idle_seconds=IDLE))

    def pooled_and_lost(key):
        state.acquire(key, 0.0)
        state.release(key, "connection", 0.0)
        state.acquire(key, 1.0)
        state.release(key, None, 1.0)

    def found_dead(key):
        state.acquire(key, 0.0)
        state.release(key, "connection", 0.0)
        state.acquire(key, 1.0)
        state.another(key, 1.0)
        state.release(key, None, 1.0)

    def expired(key):
        state.acquire(key, 0.0)
        state.release(key, "connection", 0.0)
        state.acquire("other", 11.0)
        state.release("other", None, 11.0)

    def had_to_make_room(key):
        state.acquire(key, 0.0)
        state.release(key, "connection", 0.0)
        for _ in range(2):
            state.acquire("other", 1.0)
        for _ in range(2):
            state.release("other", None, 1.0)

    for life in (pooled_and_lost, found_dead, expired, had_to_make_room):
        key = Key()
        watched = weakref.ref(key)
        life(key)
        del key
        assert watched() is None, life.__name__


def test_those_held_up_by_their_origin_alone_are_passed_and_served_next():
    """Others pass the first in line while its origin's slots are taken, but the next one of those is for it."""
    state = PoolState(Limits(connections=3, per_origin=1))
    assert [state.acquire(key, 0.0) for key in "ab"] == [None, None]
    for ticket, key in enumerate("abba"):
        assert state.acquire(key, 0.0) is WAIT
        state.wait(ticket, key)
    assert state.acquire("c", 0.0) is None

    assert state.release("b", None, 1.0) == (1, None)
    assert state.release("b", None, 1.0) == (2, None)
    assert state.release("c", None, 1.0) is None
    assert state.release("a", "connection", 1.0) == (0, "connection")
    assert state.waiting == [3]


def test_each_is_kept_for_its_time():
    """What is idle too long goes at the next step that could give it, also in place of a dead one, and nothing before."""
    state = PoolState(Limits(idle_seconds=IDLE))
    for key in "aab":
        state.acquire(key, 0.0)
    for key, connection, now in (("a", "first", 0.0), ("b", "second", 4.0), ("a", "third", 8.0)):
        state.release(key, connection, now)

    assert (state.acquire("a", 9.0), state.gone) == ("third", [])
    assert (state.another("a", 10.5), state.gone) == (None, ["first"])
    assert (state.acquire("c", 13.5), state.gone) == (None, ["first"])
    assert (state.acquire("c", 14.5), state.gone) == (None, ["first", "second"])
