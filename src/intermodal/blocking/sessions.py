"""TLS sessions that outlive their connection: the next one to the same place need not shake hands in full."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import ssl

    from intermodal.blocking.layered import Secure
    from intermodal.net.route import Key

    Place: TypeAlias = tuple[Key, bool]

#: For how many places a session is kept; who was not asked for longest goes first.
PLACES = 256

#: How long sessions may follow from one another before the certificate is looked at again, in seconds.
UNCHECKED = 86400.0

#: How long a server that gives no session, or takes none of those it gave, is not asked for one, in seconds: asking takes
#: as long as a part of a handshake.
BARREN = 60.0

#: How many sessions in a row a server may refuse until it is taken for such a one; one that was started anew refuses one.
REFUSALS = 2

#: What a caller may change of a context that has been used, and must hold for the old sessions too.
_CHECKS = ("verify_mode", "check_hostname", "verify_flags", "minimum_version")


class _Kept(NamedTuple):
    """What is known of a place."""

    session: ssl.SSLSession | None  # None: it gave none
    checks: object
    #: When the certificate was checked that this session goes back to; or, without one, when none was given.
    since: float
    once: bool
    #: How many connections in a row were to resume a session, and the server would not.
    refused: int = 0


class Sessions:
    """The sessions of one dialer, by where they lead to: at most one each.

    A session is for the very connections that the pool could have used it for: same server, TLS settings, proxy,
    credentials and dial; what is the proxy's is not the server's. The certificate is not checked again where one is
    resumed: it was, when the session began, with the same ``ssl.SSLContext``, which OpenSSL sees to. That was at most a
    day ago; a file of authorities that has changed since is read as little by a full handshake, whose context was made
    before. A context of the caller's that checks otherwise than it did resumes nothing.

    In TLS 1.3 a session is resumed once (RFC 8446 appendix C.4). No lock is held: the garbage collector, which closes
    connections, may be at work in the middle of anything.
    """

    def __init__(self) -> None:
        self._kept: dict[Place, _Kept] = {}

    def ticket(self, key: Key, *, proxy: bool) -> Ticket:
        """Give a connection that is being made its part in this."""
        return Ticket(self, (key, proxy))

    def _take(self, place: Place, checks: object) -> _Kept | None:
        kept = self._kept.pop(place, None)
        if kept is None:
            return None
        if kept.session is None or not _is_fresh(kept, kept.session):
            if kept.session is None and time.monotonic() - kept.since < BARREN:
                self._put(place, kept)
            return None
        if kept.checks != checks:
            return None
        if not kept.once:
            self._put(place, kept)
        return kept

    def _put(self, place: Place, kept: _Kept) -> None:
        self._kept.pop(place, None)
        self._kept[place] = kept
        while len(self._kept) > PLACES:
            with contextlib.suppress(RuntimeError, StopIteration, KeyError):  # another thread was faster
                del self._kept[next(iter(self._kept))]

    def _wants(self, place: Place) -> bool:
        kept = self._kept.get(place)
        if kept is None:
            return True
        if kept.session is None:
            return time.monotonic() - kept.since >= BARREN
        return not _is_fresh(kept, kept.session)


def _is_fresh(kept: _Kept, session: ssl.SSLSession) -> bool:
    return time.monotonic() - kept.since < UNCHECKED and time.time() < session.time + session.timeout


class Ticket:
    """What one TLS connection takes from the sessions, and leaves to them."""

    def __init__(self, sessions: Sessions, place: Place) -> None:
        self._sessions = sessions
        self._place = place
        self._checks: object = None
        self._taken: _Kept | None = None
        self._since = 0.0
        self._refused = 0
        self._secure: Secure | None = None

    def take(self, context: ssl.SSLContext) -> ssl.SSLSession | None:
        """Give the session that is to be resumed, if there is one."""
        self._checks = tuple(getattr(context, name, None) for name in _CHECKS)
        self._taken = self._sessions._take(self._place, self._checks)
        return None if self._taken is None else self._taken.session

    def fail(self) -> None:
        """Forget what was taken: the handshake with it failed, and in full it may not (RFC 5077 section 3.2)."""
        if self._taken is not None:
            self._sessions._kept.pop(self._place, None)

    def stand(self, secure: Secure) -> None:
        """Note that the handshake is over: the certificate was checked in it, or the session was taken up."""
        self._secure = secure
        self._since = time.monotonic()
        if self._taken is not None:
            if secure.session_reused:
                self._since = self._taken.since
            else:
                self._refused = self._taken.refused + 1
                self.fail()

    def leave(self) -> None:
        """Leave the newest session of the connection to the next; before it is closed, and by whoever uses it alone.

        OpenSSL replaces the session of a connection as it reads: another thread may not look at it meanwhile. And it is
        not looked at without need: Python copies it, which takes as long as a part of a handshake.
        """
        secure, self._secure = self._secure, None
        if secure is None or not self._sessions._wants(self._place):
            return
        session, version = secure.session, secure.version()
        # Without a version an alert has ended it: then it is not resumed (RFC 5246 section 7.2.2).
        if session is None or version is None:
            return
        once = version == "TLSv1.3"
        resumable = session.has_ticket if once else session.has_ticket or bool(session.id)
        used = None if self._taken is None else self._taken.session
        if not resumable or self._refused >= REFUSALS:
            self._sessions._put(self._place, _Kept(None, None, time.monotonic(), once))
        elif not once or used is None or session.id != used.id:
            self._sessions._put(self._place, _Kept(session, self._checks, self._since, once, self._refused))
