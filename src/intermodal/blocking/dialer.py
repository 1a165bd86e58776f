"""Makes connections: runs the plan of a road over sockets, all of it within one bound; the same for every sync transport."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from intermodal.blocking.alerts import reason
from intermodal.blocking.bound import Bound
from intermodal.blocking.connecting import connect, connect_unix
from intermodal.blocking.facts import connection_info, dialling_info, facts_of
from intermodal.blocking.handshake import start_tls
from intermodal.blocking.resolving import resolve
from intermodal.blocking.sessions import Sessions
from intermodal.blocking.stream import Stream
from intermodal.errors import ConnectionError, ProxyError
from intermodal.forking import forget_after_fork
from intermodal.net.plan import Connect, ConnectUnix, Read, StartTLS, Write
from intermodal.net.route import steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.blocking.bound import Entering
    from intermodal.blocking.layered import Carrier
    from intermodal.blocking.resolving import Address, Resolver
    from intermodal.blocking.sessions import Ticket
    from intermodal.model.exchange import ConnectionInfo
    from intermodal.model.options import Limits
    from intermodal.net.deadline import Deadline
    from intermodal.net.plan import Plan, Step
    from intermodal.net.route import Key, Route


R = TypeVar("R")


class Dialer:
    """Makes the connections of one transport.

    Args:
        limits: what is accepted from a proxy.
        resolver: looks names up instead of the system: given a host and a port, the addresses as text, best first.
    """

    def __init__(self, limits: Limits, resolver: Resolver | None = None) -> None:
        if resolver is not None and not callable(resolver):
            raise TypeError(
                f"resolver={resolver!r:.60}: expected a function of host and port that gives IP addresses as text"
            )
        self.limits = limits
        self.resolver = resolver
        self.sessions = Sessions()
        #: The connections that somebody has, or that are pooled, by what they are. No lock is held for them: a signal handler
        #: may ask, in the middle of anything.
        self._made: dict[int, weakref.ref[Stream]] = {}
        #: Those that are being made, likewise.
        self._roads: dict[int, _Road] = {}
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Leave the parent's connections alone in a child process."""
        self._made = {}
        self._roads = {}

    def dial(self, route: Route, deadline: Deadline, entering: Entering) -> Stream:
        """Connect along a route.

        Raises:
            NameResolutionError, ConnectTimeout, ConnectionError, ProxyError, TLSError, CertificateError, TotalTimeout;
            and what ``entering`` raises.
        """
        road = _Road(self, route, Bound(deadline), entering)
        roads = self._roads
        try:
            roads[id(road)] = road
            road.follow(steps(route, self.limits))
            stream = road.end()
            number, made = id(stream), self._made
            made[number] = weakref.ref(stream, lambda _: made.pop(number, None))
        except BaseException:
            road.close()
            raise
        finally:
            roads.pop(id(road), None)
        return stream

    def close(self, key: Key, used: set[Stream | None]) -> None:
        """Close the connections to one place, but those that are used."""
        for reference in list(self._made.values()):
            stream = reference()
            if stream is not None and stream not in used and stream.facts is not None and stream.facts.route.key == key:
                stream.close()

    def connections(self, used: set[Stream | None]) -> list[ConnectionInfo]:
        """Describe every connection that is open, oldest first; ``used``: those that carry an exchange."""
        made = [reference() for reference in list(self._made.values())]
        infos = [connection_info(stream, in_use=stream in used) for stream in made if stream is not None]
        infos += [info for road in list(self._roads.values()) for info in road.connections()]
        return sorted((info for info in infos if info is not None), key=lambda info: -info.age)


class _Road:
    """A connection on its way to being one."""

    def __init__(self, dialer: Dialer, route: Route, bound: Bound, entering: Entering) -> None:
        self._dialer = dialer
        self._route = route
        self._bound = bound
        self._entering = entering
        self._stream: Stream | None = None
        #: What stands of it so far.
        self._carrier: Carrier | None = None
        self._began = time.monotonic()
        #: The sockets that are connecting.
        self._pending: dict[socket.socket, Address] = {}
        self._tickets: list[Ticket] = []

    def follow(self, plan: Plan[None]) -> None:
        """Take every step of a plan."""
        with contextlib.suppress(StopIteration):
            step = next(plan)
            while True:
                try:
                    brought = self._go(step)
                except Exception as error:  # noqa: BLE001 - the plan may know better what it means
                    step = plan.throw(error)
                else:
                    step = plan.send(brought)

    def _go(self, step: Step) -> bytes:
        """Take one step, and give the bytes that it brings."""
        bound, entering, resolver = self._bound, self._entering, self._dialer.resolver
        if isinstance(step, Read):
            return self._talk(lambda stream, seconds: stream.recv(step.n, seconds), "an answer of")
        if isinstance(step, Write):
            self._write(memoryview(step.data))
        elif isinstance(step, Connect):
            source = self._route.dial.source
            self._reach(
                connect(
                    step.host,
                    step.port,
                    bound,
                    entering,
                    proxy=step.proxy,
                    source_address=source,
                    resolver=resolver,
                    pending=self._pending,
                )
            )
            self._pending.clear()
        elif isinstance(step, ConnectUnix):
            self._reach(connect_unix(step.path, bound, entering))
        elif isinstance(step, StartTLS):
            assert self._stream is not None
            ticket = self._dialer.sessions.ticket(self._route.key, proxy=step.proxy)
            self._reach(start_tls(self._stream.sock, step, bound, entering, ticket, begun=self._stands))
            self._tickets.append(ticket)
            self._stream.tickets = tuple(self._tickets)
        else:
            addresses = resolve(step.host, step.port, bound, entering, resolver)
            # For somebody else to connect to: IPv4 where there is one, since not everybody has IPv6.
            return min(addresses, key=lambda address: address.family != socket.AF_INET).packed
        return b""

    def _stands(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def _reach(self, carrier: Carrier) -> None:
        self._stands(carrier)
        try:
            self._stream = Stream(carrier)
        except BaseException as error:
            carrier.close()
            if isinstance(error, OSError):
                where = f"{self._route.host!r} port {self._route.port}"
                lost = ConnectionError(f"the connection to {where} cannot be used: {error.strerror or error}")
                lost.errno = error.errno
                raise lost from error
            raise

    def _write(self, rest: memoryview) -> None:
        while rest:
            rest = rest[self._talk(partial(_send, rest), "writing to") :]

    def _talk(self, step: Callable[[Stream, float | None], R], what: str) -> R:
        """Do one step of the talk with the proxy."""
        proxy, stream = self._route.proxy, self._stream
        assert proxy is not None
        assert stream is not None
        peer = f"the proxy {proxy.host!r} port {proxy.port}"
        self._entering("proxy", stream.interrupt)
        try:
            return step(stream, self._bound.left(f"{what} {peer}"))
        except TimeoutError as error:
            raise self._bound.expired(f"{what} {peer}") from error
        except OSError as error:  # of TLS as well
            if isinstance(error, ssl.SSLError):
                why = reason(error, proxy.tls, proxy=True)
            else:
                why = error.strerror or str(error)
            lost = ProxyError(f"the connection to {peer} was lost: {why}")
            lost.errno = error.errno
            raise lost from error

    def connections(self) -> list[ConnectionInfo | None]:
        """Describe what there is of it so far, for another thread."""
        route, began, carrier, stream = self._route, self._began, self._carrier, self._stream
        if stream is not None and stream.facts is not None:
            return []  # it is listed already
        if carrier is not None:
            return [dialling_info(carrier, route, None, began)]
        return [dialling_info(sock, route, address.place, began) for sock, address in list(self._pending.items())]

    def end(self) -> Stream:
        """Give the connection, once the plan is at its end."""
        stream = self._stream
        assert stream is not None
        stream.facts = facts_of(stream.sock, self._route)
        return stream

    def close(self) -> None:
        """Give the road up, however far it has come."""
        if self._stream is not None:
            self._stream.close()


def _send(data: memoryview, stream: Stream, seconds: float | None) -> int:
    return stream.send(data, seconds)
