"""The pool's state machine against a model that is nothing but lists."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from intermodal import Limits
from intermodal.net.pool import PoolState, Wait

KEYS = st.sampled_from("ab")
CONNECTIONS, PER_ORIGIN, IDLE = 3, 2, 10


class PoolMachine(RuleBasedStateMachine):
    """Acquire, release, let time pass; the model knows what is in use and what lies idle since when."""

    def __init__(self):
        super().__init__()
        self.pool = PoolState(Limits(connections=CONNECTIONS, per_origin=PER_ORIGIN, idle_seconds=IDLE))
        self.now = 0.0
        self.made = 0
        self.in_use = []
        self.idle = []
        self.closed = set()

    def gone(self, connections):
        """Note that the pool gave these up."""
        for connection in connections:
            entry = next(entry for entry in self.idle if entry[1] == connection)
            self.idle.remove(entry)
            assert connection not in self.closed, "a connection is closed once"
            self.closed.add(connection)

    def too_many(self, connections):
        """Only as many go as are too many, the oldest first."""
        excess = max(0, len(self.idle) + len(self.in_use) - CONNECTIONS)
        assert len(connections) == excess
        assert (
            sorted(since for _, connection, since in self.idle if connection in connections)
            == sorted(since for _, _, since in self.idle)[:excess]
        )
        self.gone(connections)

    @rule(key=KEYS)
    def acquire(self, key):
        """A slot is given as long as there is one, with the newest idle connection of the key if there is any."""
        old = {connection for _, connection, since in self.idle if self.now - since > IDLE}
        expired = self.pool.expired(self.now)
        assert set(expired) == old, "what was idle too long is given up, and nothing else"
        self.gone(expired)
        got = self.pool.acquire(key)
        mine = [entry for entry in self.idle if entry[0] == key]
        full = sum(1 for used, _ in self.in_use if used == key) >= PER_ORIGIN
        if full or (not mine and len(self.in_use) >= CONNECTIONS):
            assert isinstance(got, Wait)
            return
        if mine:
            newest = max(mine, key=lambda entry: entry[2])
            assert newest[2] == next(entry for entry in self.idle if entry[1] == got)[2]
            self.idle = [entry for entry in self.idle if entry[1] != got]
        else:
            assert got is None
            self.made += 1
            got = f"{key}{self.made}"
        assert got not in self.closed
        self.in_use.append((key, got))
        self.too_many(self.pool.surplus())

    @precondition(lambda self: self.in_use)
    @rule(data=st.data(), again=st.booleans())
    def release(self, data, again):
        """A slot is given back, with its connection or without."""
        key, connection = data.draw(st.sampled_from(self.in_use))
        self.in_use.remove((key, connection))
        if again:
            self.idle.append((key, connection, self.now))
        self.too_many(self.pool.release(key, connection if again else None, self.now))

    @rule(seconds=st.sampled_from([0.5, 4, 11]))
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule()
    def drain(self):
        """Everything idle is given up at once."""
        self.gone(self.pool.drain())
        assert not self.idle

    @invariant()
    def counts(self):
        """What the pool counts is what the model has, and the limits hold."""
        assert self.pool.in_use == len(self.in_use) <= CONNECTIONS
        assert self.pool.idle == len(self.idle)
        assert len(self.in_use) + len(self.idle) <= CONNECTIONS
        assert all(sum(used == key for used, _ in self.in_use) <= PER_ORIGIN for key in "ab")


TestPool = PoolMachine.TestCase
