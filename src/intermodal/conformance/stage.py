"""The stage: what a case is given, that is the transport, a server that does what the case says, and what to demand.

Laws:

- Each case has a transport, a server and records of its own; nothing of another case is left there.
- A case never waits without a bound: the transport is sent to with timeouts, and what a case waits for has one too.
- What a failure shows, the bytes both sides exchanged, is the server's record, not the transport's word.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from intermodal.conformance.answering import Answer, Asked, make_application
from intermodal.conformance.case import Failure
from intermodal.conformance.certificates import Authority, authority
from intermodal.conformance.maker import end
from intermodal.errors import Error
from intermodal.model.options import TLS, Dial, Limits, Options, Proxy, Timeouts
from intermodal.model.request import Request
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.lifted import Lifted
from intermodal.testing.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from intermodal.conformance.maker import Maker
    from intermodal.errors import Delivery, Phase
    from intermodal.model.response import Response
    from intermodal.protocol import AsyncTransport, Transport
    from intermodal.testing.origin import Connection, Play

__all__ = ["Came", "Stage", "told"]

#: Seconds that only a transport in trouble uses up: the bounds of a request that is meant to succeed.
PATIENT: Final = 5.0

#: Seconds within which something is that is not about time.
SOON: Final = 3.0

#: Seconds of a wait for what is there already, or never comes.
BOUND: Final = 1.5

#: Seconds of a bound that is to run out.
BRIEF: Final = 0.1

#: Seconds in front of a reset, which may overtake what was sent just before it.
PAUSE: Final = 0.04

#: The host of a request to an application, which nobody connects to.
_IN_PROCESS: Final = "http://target.test"

#: What an ordinary exchange brings.
_WORKS: Final = b"it works"

#: Bytes shown of what was exchanged on a connection, in each direction.
_SHOWN: Final = 1200

#: Lines shown of all that was exchanged.
_MOST_LINES: Final = 60

T = TypeVar("T")


@dataclass(frozen=True)
class Came:
    """What came of a request: a response with its body read to the end, or an error, or both.

    Attributes:
        response: the response, where ``send`` gave one.
        body: its undecoded bytes, as far as they came.
        error: what was raised, by ``send`` or by the body.
        seconds: how long it took.
    """

    response: Response | None
    body: bytes
    error: BaseException | None
    seconds: float

    def __str__(self) -> str:
        said = [] if self.response is None else [f"{self.response.status_code} {self.response.reason}".strip()]
        if self.body or (self.response is not None and self.error is None):
            said.append(f"a body of {len(self.body)} bytes: {self.body[:60]!r}")
        if self.error is not None:
            said.append(told(self.error))
        return ", ".join(said) or "nothing, and no error"


def told(error: BaseException) -> str:
    """Show an error for a failure to name it."""
    about = ""
    if isinstance(error, Error):
        whose = f"of transport {error.transport!r}" + (", without its request" if error.request is None else "")
        about = f" ({whose}, phase {error.phase}, delivery {error.delivery}, reused {error.reused})"
    return f"{type(error).__name__}{about}: {str(error)[:200]!r}"


class Stage:
    """A transport and a server for one case.

    Attributes:
        info: what the transport says of itself.
    """

    def __init__(self, maker: Maker, examples: int = 10) -> None:
        self.info = maker.info
        #: How many examples a case draws that draws any.
        self.examples = examples
        #: Makes further transports like the one under test.
        self.maker = maker
        self._ends = contextlib.ExitStack()
        self._origins: list[Origin] = []
        self._lock = threading.Lock()
        self._probes: set[tuple[Any, ...]] = set()
        self._application = None if maker.application is None else make_application(maker.application)
        self._transport: Transport | None = None

    # --- the transport ----------------------------------------------------------------------------------------------

    @property
    def transport(self) -> Transport:
        """The transport under test, opened at the first use."""
        if self._transport is None:
            self.open()
        assert self._transport is not None
        return self._transport

    def open(self, limits: Limits | None = None) -> Transport:
        """Open the transport under test, with limits of its own; one that is open already stays so until the end."""
        self._transport = self.another(limits)
        return self._transport

    def another(self, limits: Limits | None = None) -> Transport:
        """Open one more transport of the same kind."""
        made = self.maker.make(limits, self._application)
        self._ends.callback(end, made)
        return made

    @property
    def asynchronous(self) -> AsyncTransport:
        """The asynchronous transport itself, below what makes a blocking one of it; see :meth:`run`."""
        lifted = self.transport
        assert isinstance(lifted, Lifted)
        return lifted.transport

    def run(self, scenario: Any) -> Any:
        """Run a coroutine on the loop of the asynchronous transport, and give its result."""
        lifted = self.transport
        assert isinstance(lifted, Lifted)
        return lifted.run(scenario)

    def declares(self, capability: Capability) -> bool:
        """Whether the transport declares a capability."""
        return capability in self.info.capabilities

    def guarantees(self, guarantee: Guarantee) -> bool:
        """Whether the transport declares a guarantee."""
        return guarantee in self.info.guarantees

    # --- the server -------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> Origin:
        """The plain http server; it answers by path where no script says otherwise."""
        with self._lock:  # threads of a case may be the first to ask
            return self._origins[0] if self._origins else self.serve()

    def serve(self, **how: Any) -> Origin:
        """Start one more server; keywords are those of :class:`~intermodal.testing.origin.Origin`."""
        made = Origin(**how)
        self._ends.callback(made.close)
        self._origins.append(made)
        return made

    @functools.cached_property
    def nowhere(self) -> str:
        """The URL of a port of this machine's that refuses: it is taken, and nobody listens."""
        taken = self._ends.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"

    @property
    def authority(self) -> Authority:
        """The authority whose certificates the servers of the case show, which nobody else trusts."""
        return authority()

    def play(self, *steps: Any, **how: Any) -> Play:
        """Let the server play a script, as :meth:`Origin.play` does."""
        return self.origin.play(*steps, **how)

    def answer(
        self,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | Sequence[bytes] | None = b"",
        reason: str = "OK",
        raises: Exception | None = None,
    ) -> None:
        """Queue an answer that any peer can give, an application in-process too; see :class:`Answer`."""
        made = Answer(status, reason, headers, body, raises)
        if self._application is not None:
            self._application.answers.append(made)
        else:
            self.origin.play(*made.steps())

    @property
    def received(self) -> list[Asked]:
        """The requests so far, as their receiver saw them."""
        if self._application is not None:
            return self._application.requests
        return [
            Asked(each.method, each.target, [*each.headers], each.body)
            for origin in self._origins
            for each in origin.requests
        ]

    @property
    def bodies_closed(self) -> int:
        """How many bodies of the application in-process were closed."""
        return 0 if self._application is None else self._application.closed.qsize()

    @property
    def connections(self) -> list[Connection]:
        """The connections to all servers of the case, less those of the kit's own."""
        known = (connection for origin in self._origins for connection in origin.connections)
        return [connection for connection in known if tuple(connection.peer[:2]) not in self._probes]

    @property
    def bytes_received(self) -> int:
        """How many bytes came to the servers of the case in all; 0 where nothing left the transport."""
        return sum(origin.received for origin in self._origins)

    def transcript(self) -> str:
        """The bytes that were exchanged, connection by connection, for a failure to show."""
        lines = []
        for connection in self.connections:
            lines.append(f"connection {connection.number}, {'open' if connection.open else 'closed'}:")
            for direction, data in connection.transcript:
                mark = ">" if direction == "received" else "<"
                more = f" ... of {len(data)} bytes" if len(data) > _SHOWN else ""
                lines += [f"  {mark} {line!r}" for line in data[:_SHOWN].splitlines(keepends=True)]
                lines[-1] += more
        if self._application is not None:
            lines = [f"  > {each.method} {each.target} {each.headers} {each.body[:_SHOWN]!r}" for each in self.received]
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"... and {len(lines) - _MOST_LINES} lines more"]
        return "\n".join(lines)

    # --- requests ---------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Scheme and authority of the server."""
        return _IN_PROCESS if self._application is not None else self.origin.url

    def request(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Any = (),
        body: Any = None,
        *,
        target: str | None = None,
        base: str | None = None,
    ) -> Request:
        """Make a request to the server, or to that of ``base``."""
        return Request(method, (self.url if base is None else base) + path, headers, body, target=target)

    @staticmethod
    def options(
        *,
        connect: float | None = PATIENT,
        read: float | None = PATIENT,
        write: float | None = None,
        pool: float | None = None,
        total: float | None = None,
        tls: TLS | None = None,
        proxy: Proxy | None = None,
        dial: Dial | None = None,
    ) -> Options:
        """Make options; what is not said asks for no capability."""
        return Options(Timeouts(connect, read, write, pool, total), tls or TLS(), proxy, dial or Dial())

    def trusting(self, **settings: Any) -> TLS:
        """Make TLS settings that trust the kit's authority; needs CUSTOM_TLS."""
        return TLS(verify=self.authority.path, **settings)

    def send(self, request: Request | None = None, options: Options | None = None) -> Response:
        """Send a request and give the response; it is closed at the end of the case."""
        response = self.transport.send(request or self.request(), options or self.options())
        self._ends.callback(_closed, response)
        return response

    def carry(
        self, request: Request | None = None, options: Options | None = None, transport: Transport | None = None
    ) -> Came:
        """Send a request, read the body to its end, close, and say what came of it, whatever that is."""
        request, options = request or self.request(), options or self.options()
        response: Response | None = None
        body = bytearray()
        began = time.monotonic()
        try:
            response = (transport or self.transport).send(request, options)
            with response:
                while piece := response.raw.read(65536):
                    body += piece
        except Exception as error:  # noqa: BLE001 - whatever it is, the case is to judge it
            return Came(response, bytes(body), error, time.monotonic() - began)
        return Came(response, bytes(body), None, time.monotonic() - began)

    def together(self, *actions: Callable[[], T]) -> list[T | BaseException]:
        """Do things at once, each in a thread, and give what came of each, what it raised included.

        Raises:
            Failure: one did not come to an end.
        """
        results: list[Any] = [None] * len(actions)

        def act(index: int) -> None:
            try:
                results[index] = actions[index]()
            except BaseException as error:  # noqa: BLE001 - as said
                results[index] = error

        threads = [threading.Thread(target=act, args=(index,), daemon=True) for index in range(len(actions))]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 2 * PATIENT
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        if any(thread.is_alive() for thread in threads):
            raise Failure(f"an end of {len(actions)} exchanges at once", f"none after {2 * PATIENT:g} s")
        return results

    def until(self, condition: Callable[[], object], what: str, seconds: float = SOON) -> None:
        """Wait for something that is to be soon.

        Raises:
            Failure: it did not come to be.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(what, f"nothing of the kind within {seconds:g} s")
            time.sleep(0.001)

    # --- demands ----------------------------------------------------------------------------------------------------

    @staticmethod
    def demand(holds: object, expected: str, came: object) -> None:
        """Demand that something holds.

        Raises:
            Failure: it does not.
        """
        if not holds:
            raise Failure(expected, came if isinstance(came, str) else repr(came)[:600])

    def same(self, what: str, came: object, expected: object) -> None:
        """Demand that two values are equal."""
        self.demand(came == expected, f"{what} {expected!r:.600}", f"{came!r:.600}")

    def answered(
        self,
        came: Came,
        status: int = 200,
        body: bytes | None = None,
        headers: Iterable[tuple[str, str]] | None = None,
        reason: str | None = None,
    ) -> Response:
        """Demand an answer, read to its end, and give it."""
        if came.error is not None or came.response is None:
            raise Failure(f"the answer {status}", str(came))
        self.same("the status", came.response.status_code, status)
        if body is not None:
            self.same("the undecoded body", came.body, body)
        if headers is not None:
            self.same("the fields", [*came.response.headers.pairs], [*headers])
        if reason is not None:
            self.same("the reason", came.response.reason, reason)
        return came.response

    def failed(
        self,
        came: Came,
        *kinds: type[Error],
        phase: Phase | Sequence[Phase] | None = None,
        delivery: Delivery | None = None,
        reused: bool | None = None,
    ) -> Error:
        """Demand an error of one of some classes, with all that clause T5 says is on it, and give it.

        Where the transport does not guarantee DELIVERY, it may leave that open: maybe_sent, not reused.
        """
        expected = " or ".join(kind.__name__ for kind in kinds)
        error = came.error
        if not isinstance(error, kinds):
            raise Failure(f"the error {expected}", str(came))
        open_too = not self.guarantees(Guarantee.DELIVERY)
        phases = () if phase is None else (phase,) if isinstance(phase, str) else tuple(dict.fromkeys(phase))
        known = {delivery, "maybe_sent"} if open_too else {delivery}
        wrong = {
            f"phase {' or '.join(phases)}": bool(phases) and error.phase not in phases,
            f"delivery {delivery}": delivery is not None and error.delivery not in known,
            f"reused {reused}": reused not in (None, error.reused) and not (open_too and not error.reused),
            f"transport {self.info.name!r}": error.transport != self.info.name,
            "the request it is about": error.request is None,
        }
        if any(wrong.values()):
            missed = ", ".join(what for what, is_wrong in wrong.items() if is_wrong)
            raise Failure(f"{expected} with {missed}", told(error))
        return error

    def arrived(
        self,
        method: str | None = None,
        target: str | None = None,
        headers: Sequence[tuple[str, str]] | None = None,
        body: bytes | None = None,
        index: int = -1,
    ) -> Asked:
        """Demand that a request arrived so, and give it.

        Fields are compared by name and in the order of their values; which line they stood in, and how they are framed,
        an application in-process cannot see. For the exact bytes there is :meth:`wire`.
        """
        if not self.received:
            raise Failure("a request that arrives", "none arrived")
        asked = self.received[index]
        if method is not None:
            self.same("the method", asked.method, method)
        if target is not None:
            self.same("the target", asked.target, target)
        if headers is not None:
            self.same("the fields", _by_name(asked.headers), _by_name(headers))
        if body is not None:
            self.same("the body", asked.body, body)
        return asked

    def wire(self, expected: bytes, connection: int = -1) -> None:
        """Demand that these bytes, and no others, came over a connection."""
        if not self.connections:
            raise Failure(f"the bytes {expected!r:.300}", "no connection at all")
        self.same("the bytes", self.connections[connection].received, expected)

    def nothing_was_sent(self) -> None:
        """Demand that not one byte came to any server of the case."""
        self.settle()
        self.same("bytes received by the server:", self.bytes_received + len(self.received), 0)

    def settle(self) -> None:
        """Let the servers see what was sent: who is accepted now was preceded by all connections of the transport."""
        for origin in self._origins:
            if origin.unix_socket is None:
                with socket.create_connection((origin.host, origin.port), SOON) as probe:
                    self._probes.add(probe.getsockname()[:2])
                    self.until(
                        functools.partial(_has_accepted, origin, probe.getsockname()), "a connection to be accepted"
                    )
        deadline = time.monotonic() + 0.05  # what is on its way over a connection that stays open
        while any(each.open for each in self.connections) and time.monotonic() < deadline:
            time.sleep(0.001)

    def works(self, came_before: str = "") -> None:
        """Demand that the transport carries an ordinary exchange."""
        if self._application is not None:
            self.answer(200, [], _WORKS)
        # The origin answers by path: a script could be taken by what an earlier request has still on its way.
        came = self.carry(self.request("GET", f"/base64/{base64.b64encode(_WORKS).decode()}"))
        if came.error is not None or came.body != _WORKS:
            raise Failure(f"an ordinary exchange{came_before and f' after {came_before}'} to be answered", str(came))

    def close(self) -> None:
        """End whatever the case has opened."""
        self._ends.close()


def _has_accepted(origin: Origin, name: Any) -> bool:
    return any(each.peer[:2] == name[:2] for each in origin.connections)


def _closed(response: Response) -> None:
    with contextlib.suppress(Exception):
        response.close()


def _by_name(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Group fields by name, less those that frame; repeated ones as one list, a cookie's as one string (RFC 6265)."""
    grouped: dict[str, list[str]] = {}
    for name, value in fields:
        if name.lower() not in ("content-length", "transfer-encoding"):
            grouped.setdefault(name.lower(), []).append(value.strip())
    joined = {name: (";" if name == "cookie" else ",").join(values) for name, values in grouped.items()}
    return {name: ",".join(part.strip() for part in value.split(",")) for name, value in joined.items()}
