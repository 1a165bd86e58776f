"""What a process holds, descriptors and threads, counted before and after; the test's own servers are left out."""

import contextlib
import gc
import threading
import warnings
from pathlib import Path

from safety.waiting import until

#: How long what was closed may take to be gone at the server too, whose ends are counted, in seconds.
GONE = 2.0


class Census:
    """What is held when it is made."""

    def __init__(self):
        self._descriptors = descriptors()
        self._threads = set(threading.enumerate())

    def more(self):
        """What is held beyond it once the servers have had time to close their ends, in words; "" for nothing."""
        if until(lambda: not self._beyond(), GONE):
            return ""
        left = self._beyond()
        self._forget()
        return left

    def _beyond(self):
        more = [each for each in descriptors() if each not in self._descriptors]
        return ", ".join([*more, *(each.name for each in threading.enumerate() if self._is_new(each))])

    def _is_new(self, thread):
        return thread not in self._threads and not serves(thread)

    def _forget(self):
        """Leave what was found to be left behind out of the next count."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        self.__init__()


def descriptors():
    """What each open descriptor is of, a socket by a number of its own; nothing where the system does not tell."""
    found = []
    with contextlib.suppress(OSError):
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # that of the listing is closed
                found.append(str(descriptor.readlink()))
    return found


def serves(thread):
    """Whether a thread is one of an origin's."""
    return thread.name.startswith("origin-")
