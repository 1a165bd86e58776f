"""After a fork the child has copies of the parent's sockets and locks: it must use neither (T10).

Two processes that write to one connection read each other's answers, and a lock that another thread held
is never released in the child. Whatever holds such things is told there to begin anew.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class _Heir(Protocol):
    def after_fork(self) -> None: ...


_heirs: weakref.WeakSet[_Heir] = weakref.WeakSet()


def forget_after_fork(heir: _Heir) -> None:
    """Have ``heir.after_fork()`` called in every child process, as long as it lives."""
    _heirs.add(heir)


class Lock:
    """A lock that a child process begins anew with: the thread that held it in the parent is not there."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self.after_fork()
        forget_after_fork(self)

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _begin_anew() -> None:
    for heir in list(_heirs):
        heir.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_begin_anew)
