"""Many threads on one client with few slots: each gets its own answer, none waits for ever, and the bound holds."""

import os
import threading

import pytest

from intermodal import Client, IncompleteBody, Limits, PoolTimeout, Timeouts
from intermodal.testing.origin import ConnectionClosed, ConnectionOpened, Origin

THREADS, SLOTS = 50, 4

#: How many requests each thread sends.
TURNS = {"default": 20, "ci": 100, "deep": 1000}[os.environ.get("INTERMODAL_PROFILE", "default")]

#: Far beyond what it takes: who is still waiting then is stuck.
STUCK = 20 + TURNS


class Crowd:
    """The same work in many threads that begin together."""

    def __init__(self, work):
        self._begin = threading.Barrier(THREADS)
        self._threads = [
            threading.Thread(target=self._run, args=(work, number), daemon=True) for number in range(THREADS)
        ]
        self.faults = []

    def _run(self, work, number):
        self._begin.wait(STUCK)
        try:
            work(number)
        except BaseException as error:
            self.faults.append(error)

    def run(self):
        """Carry all of it out, and give how many threads are stuck."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(STUCK)
        return sum(thread.is_alive() for thread in self._threads)


@pytest.mark.timeout(60 + 2 * STUCK)
def test_each_of_many_threads_gets_its_own_answers(name):
    """Fifty threads over four slots: every answer belongs to its request, nobody is stuck, and four connections do."""
    together, most = 0, 0

    def count(event):
        nonlocal together, most
        with counting:
            together += isinstance(event, ConnectionOpened) - isinstance(event, ConnectionClosed)
            most = max(most, together)

    counting = threading.Lock()
    with Origin(observer=count) as origin, Client(name, limits=Limits(connections=SLOTS), timeout=STUCK) as client:

        def work(number):
            for turn in range(TURNS):
                token = f"{number}-{turn}"
                assert client.get(f"{origin.url}/anything", params={"token": token}).json()["args"] == {
                    "token": [token]
                }

        crowd = Crowd(work)
        assert crowd.run() == 0
        assert crowd.faults == []
        assert len(origin.requests) == THREADS * TURNS
        assert most <= SLOTS


def read(client, origin, token):
    assert client.get(f"{origin.url}/anything", params={"token": token}).json()["args"] == {"token": [token]}


def read_late(client, origin, token):
    with client.get(f"{origin.url}/stream-bytes/70000?seed={token}", stream=True) as response:
        assert len(response.content) == 70_000


def closed_early(client, origin, token):
    with client.get(f"{origin.url}/bytes/70000?seed={token}", stream=True) as response:
        assert len(response.raw.read(100)) == 100


def left(client, origin, token):
    client.get(f"{origin.url}/bytes/70000?seed={token}", stream=True)


def failed(client, origin, token):
    with pytest.raises(IncompleteBody):
        client.get(f"{origin.url}/truncated?token={token}")


WAYS = (read, read_late, closed_early, left, failed)


@pytest.mark.timeout(60 + 2 * STUCK)
def test_no_slot_is_lost_where_threads_leave_early_and_fail(name, origin):
    """Read, closed early, left, failed, in all threads at once: afterwards every slot is there, and not one more."""
    with Client(name, limits=Limits(connections=SLOTS), timeout=STUCK) as client:

        def work(number):
            for turn in range(TURNS):
                WAYS[(number + turn) % len(WAYS)](client, origin, f"{number}-{turn}")

        crowd = Crowd(work)
        assert crowd.run() == 0
        assert crowd.faults == []
        held = [client.get(f"{origin.url}/bytes/1000000", stream=True) for _ in range(SLOTS)]
        with pytest.raises(PoolTimeout):
            client.get(origin.url, timeout=Timeouts(pool=0.05))
        for response in held:
            response.close()
        assert client.get(f"{origin.url}/get").ok
