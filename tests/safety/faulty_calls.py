"""The border to the operating system: each call that a client makes there is counted, and one of them can be made to fail.

What fails is the call, not the client: nothing here knows how a transport is made, only that it has to come by here.
Calls of an origin's threads pass unseen.
"""

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
from functools import partial

from safety.census import serves

_TALK = ("send", "sendall", "sendmsg", "sendfile", "recv", "recv_into", "recvmsg", "recvmsg_into")
_SOCKET = (
    "__init__",
    *("bind", "connect", "connect_ex", "detach", "getpeername", "getsockname"),
    *("setblocking", "setsockopt", "settimeout", "shutdown", "close"),
    *_TALK,
)
_TLS = ("do_handshake", "pending", "read", "shutdown", "unwrap", "write", *_TALK)

#: Where the border is crossed: what has the calls, its name, and those of the calls.
BORDER = (
    (socket.socket, "socket", _SOCKET),
    (ssl.SSLSocket, "tls", _TLS),
    (ssl.SSLContext, "tls", ("wrap_socket", "wrap_bio")),
    (ssl.SSLObject, "tls", ("do_handshake", "read", "unwrap", "write")),
    (socket, "module", ("create_connection", "getaddrinfo")),
    (os, "os", ("sendfile",)),
    (select, "select", ("select",)),
    (threading.Thread, "thread", ("start",)),
)

#: The calls that wait for the peer.
_WAITS = frozenset({*_TALK, "connect", "connect_ex", "do_handshake", "read", "unwrap", "wrap_socket", "write"})


def _tls_error():
    error = ssl.SSLError(1, "injected")
    error.library, error.reason = "SSL", "INJECTED"  # as those of OpenSSL have
    return error


#: Faults by name: how each is made, and whether a call, by what it belongs to and its own name, can fail so.
FAULTS = {
    "ECONNRESET": (lambda: ConnectionResetError(errno.ECONNRESET, "injected"), lambda border, call: call in _WAITS),
    "EIO": (lambda: OSError(errno.EIO, "injected"), lambda border, call: border != "thread"),
    "timeout": (lambda: TimeoutError("injected"), lambda border, call: call in _WAITS),
    # A timeout too, where the system keeps the time; else a poll that has promised too much.
    "EAGAIN": (
        lambda: BlockingIOError(errno.EAGAIN, "injected"),
        lambda border, call: border != "tls" and call in _TALK,
    ),
    "TLS": (_tls_error, lambda border, call: border == "tls" and call in _WAITS),
    "no name": (lambda: socket.gaierror(socket.EAI_FAIL, "injected"), lambda border, call: call == "getaddrinfo"),
    "no thread": (lambda: RuntimeError("can't start new thread"), lambda border, call: border == "thread"),
    "out of memory": (lambda: MemoryError("injected"), lambda border, call: True),
    "Ctrl-C": (lambda: KeyboardInterrupt("injected"), lambda border, call: True),
}


class Border:
    """Stands in the place of the calls as long as the given ``MonkeyPatch`` lasts; what is not watched passes.

    It is to be there before the client is, which may keep the calls it has found.
    """

    def __init__(self, patch):
        self._watching = False
        self._fails_at = 0
        self._fault = None
        self._nested = threading.local()
        #: The calls since ``watch``, as ``(border, call)``, and the one that has failed.
        self.calls = []
        self.failed = None
        #: The number that connect_ex gave instead of raising.
        self.answered = None
        for owner, border, names in BORDER:
            for name in names:
                if hasattr(owner, name):  # not every system has every call
                    patch.setattr(owner, name, self._guard((border, name), getattr(owner, name)))
        if hasattr(select, "poll"):
            patch.setattr(select, "poll", partial(_Poll, self, select.poll))

    def watch(self, fails_at=0, fault=None):
        """Count from here on, and let the call of that number, from 1 on, raise ``fault``."""
        self.calls = []
        self.failed = self.answered = None
        self._fails_at = fails_at
        self._fault = fault
        self._watching = True

    def rest(self):
        """Let every call pass."""
        self._watching = False
        self._fault = None

    def _guard(self, call, real):
        def guarded(*arguments, **keywords):
            if not self._watching or serves(threading.current_thread()) or self._inside(call):
                return real(*arguments, **keywords)
            return self._cross(call, real, *arguments, **keywords)

        return guarded

    def _inside(self, call):
        """Whether a call of the ssl module's own makes this one, on its way to the same place; a handshake counts."""
        return call[1] != "do_handshake" and getattr(self._nested, "depth", 0)

    def _cross(self, call, real, *arguments, **keywords):
        """Make a call, or let it fail if it is its turn."""
        self.calls.append(call)
        fault = self._fault
        if len(self.calls) != self._fails_at or (isinstance(fault, KeyboardInterrupt) and not _in_main_thread()):
            return self._make(call, real, *arguments, **keywords)
        self.failed = call
        if call == ("socket", "close"):
            real(*arguments, **keywords)  # the descriptor is gone, whatever close(2) says
        if call[1] == "connect_ex" and isinstance(fault, OSError):
            self.answered = fault.errno or errno.ETIMEDOUT  # it raises nothing, a timeout of Python's least of all
            return self.answered
        if call[1] in _TALK and isinstance(fault, ConnectionResetError):
            _cut(arguments[0])
        raise fault

    def _make(self, call, real, *arguments, **keywords):
        if call[0] != "tls":
            return real(*arguments, **keywords)
        self._nested.depth = getattr(self._nested, "depth", 0) + 1
        try:
            return real(*arguments, **keywords)
        finally:
            self._nested.depth -= 1


def _in_main_thread():
    """Whether Ctrl-C could be heard here."""
    return threading.current_thread() is threading.main_thread()


class _Poll:
    """A ``select.poll`` object, whose waiting crosses the border as well."""

    def __init__(self, border, make):
        self._real = make()
        self.poll = border._guard(("select", "poll"), self._real.poll)

    def __getattr__(self, name):
        return getattr(self._real, name)


def _cut(connection):
    """End a connection for good, as a reset does: whoever asks again is not to wait for an answer."""
    descriptor = connection if isinstance(connection, int) else connection.fileno()
    if descriptor >= 0:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
            same.shutdown(socket.SHUT_RDWR)
