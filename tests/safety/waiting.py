"""Waits for what another thread or the system is about to do, where no event tells of it."""

import socket
import time


def until(condition, seconds=10.0):
    """Wait until a condition holds, and give whether it does; bounded, and as short as it can be."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.0005)
    return True


def played(origin):
    """Wait until an origin has taken every script, which it would else play to the next request, being late."""
    assert until(lambda: not origin._at_request), "a script was not taken"


def at_work(origin):
    """Wait until an origin has all that it needs to serve, so that a census may count it in; give the origin."""
    socket.create_connection((origin.host, origin.port)).close()
    assert until(lambda: origin.connections and not origin.connections[0].open), "the origin does not serve"
    origin.reset_records()
    return origin
