"""What the tests of the pool share: threads that acquire, and connections and keys that can be watched."""

import threading
import time
from concurrent.futures import Future

from intermodal import Limits, Timeouts
from intermodal.blocking.pool import Pool
from intermodal.net.deadline import Deadline

#: How long anything here may take that is sure to come, in seconds.
PATIENCE = 20


class Connection:
    """What is pooled here: it remembers what was done to it."""

    def __init__(self, *, live=True):
        self.live = live
        self.closed = 0
        self.holders = 0

    def close(self):
        self.closed += 1


def make_pool(usable=lambda connection: connection.live, **limits):
    """Make a pool of such connections."""
    return Pool(Limits(**limits), usable=usable, close=Connection.close, abandon=lambda _: None)


class Caller:
    """A call in a thread of its own."""

    def __init__(self, call, *args):
        self._future = Future()
        threading.Thread(target=self._run, args=(call, *args), daemon=True).start()

    def _run(self, call, *args):
        try:
            self._future.set_result(call(*args))
        except BaseException as error:
            self._future.set_exception(error)

    @property
    def done(self):
        return self._future.done()

    def result(self):
        """What the call has returned; what it has raised is raised here."""
        return self._future.result(PATIENCE)


class Arrival(Deadline):
    """Bounds that tell when somebody waits by them, and how often that began."""

    def __init__(self, **bounds):
        super().__init__(Timeouts(**{"pool": PATIENCE, **bounds}), time.monotonic())
        self.begun = 0
        self.waiting = threading.Event()

    def wait(self, seconds, now):
        self.begun += 1
        self.waiting.set()
        return super().wait(seconds, now)


def soon(**bounds):
    """Bounds for what is to be had at once: a wait would fail."""
    return Deadline(Timeouts(**{"pool": 0.01, **bounds}), time.monotonic())


def lines_up(pool, key, deadline=None):
    """Start a thread that acquires, and return once it stands in line."""
    deadline = deadline or Arrival()
    caller = Caller(pool.acquire, key, deadline)
    assert deadline.waiting.wait(PATIENCE)
    return caller


class Hooked:
    """A key with which something happens when it is looked up for the n-th time from ``arm``: in the middle of a step."""

    left = 0

    def arm(self, turn, action):
        self.left, self.action = turn, action

    def __hash__(self):
        self.left -= 1
        if self.left == 0:
            self.action()
        return 1

    __eq__ = object.__eq__
