"""T6, not_sent: what fails before a byte of the request left says so, and the servers have not one byte of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.declared_proxies import forwarded, through
from intermodal.conformance.stage import BRIEF, PAUSE
from intermodal.errors import BodyNotReplayable, Error, PoolTimeout, TransportClosed
from intermodal.model.options import Limits, Proxy
from intermodal.protocol import Capability
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from intermodal.conformance.stage import Came, Stage

CHAPTER = Chapter()


def _not_sent(stage: Stage, came: Came, *kinds: type[Error]) -> None:
    """Demand an error that says not_sent, and a server that has not one byte of the request."""
    stage.failed(came, *(kinds or (Error,)), delivery="not_sent", reused=False)
    stage.settle()
    stage.same("what came to servers", [bytes(each.received) for each in stage.connections if each.received], [])


# --- not_sent: before there is a connection ---------------------------------------------------------------------------


@CHAPTER.case()
def nobody_listens(stage: Stage) -> None:
    """T6: a connection that was refused has carried nothing."""
    _not_sent(stage, stage.carry(stage.request("POST", body=b"x", base=stage.nowhere)))


@CHAPTER.case()
def nobody_has_that_name(stage: Stage) -> None:
    """T6, RFC 6761 section 6.4: a name that cannot be resolved, and .invalid never can, was sent nothing."""
    _not_sent(stage, stage.carry(stage.request("POST", body=b"x", base="http://no-such-host.invalid")))


_HANDSHAKES: Final[dict[str, tuple[tuple[Any, ...], Any]]] = {
    "is not TLS": ((b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",), "fin"),
    "is closed": ((), "fin"),
    "is reset": ((PAUSE,), "rst"),
    "gets no answer": ((Stall(),), "keep"),
}


@CHAPTER.rows(_HANDSHAKES)
def a_handshake_that_fails(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T6, RFC 8446 section 4: where the handshake {row}, nothing of the request was sent, over TLS or without it."""
    steps, then = row
    stage.play(*steps, then=then, at="connect")
    base = stage.url.replace("http:", "https:")
    came = stage.carry(stage.request("POST", "/secret", body=b"secret", base=base), stage.options(connect=2 * BRIEF))
    stage.failed(came, Error, delivery="not_sent", reused=False)
    said = b"".join(each.received for each in stage.connections)
    stage.demand(b"POST" not in said and b"secret" not in said, "a handshake only", said)


@CHAPTER.case()
def a_certificate_nobody_vouches_for(stage: Stage) -> None:
    """T6, RFC 9110 section 4.3.4: a server whose certificate is refused was sent nothing of the request."""
    origin = stage.serve(tls=stage.authority.server())
    _not_sent(stage, stage.carry(stage.request("POST", body=b"x", base=origin.url)))


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def nobody_listens_at_the_proxy(stage: Stage) -> None:
    """T6: a proxy that refuses the connection was sent nothing."""
    proxy = Proxy(stage.nowhere)
    _not_sent(stage, stage.carry(forwarded(stage), stage.options(proxy=proxy)))


_TALKS: Final[dict[str, tuple[tuple[Any, ...], Any]]] = {
    "refuses": ((b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",), "fin"),
    "closes": ((), "fin"),
    "cuts the connection": ((PAUSE,), "rst"),
    "says what is no HTTP": ((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",), "fin"),
    "says nothing": ((Stall(),), "keep"),
}


def _no_tunnel(stage: Stage, row: tuple[tuple[Any, ...], Any], front: str, base: str) -> None:
    steps, then = row
    served = stage.serve(front=front)
    served.play(*steps, then=then, at="tunnel")
    options = stage.options(proxy=through(served), connect=2 * BRIEF)
    _not_sent(stage, stage.carry(stage.request("POST", body=b"x", base=base), options))


@CHAPTER.rows(_TALKS, needs=Capability.CONNECT_PROXY)
def a_proxy_that_gives_no_tunnel(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T6, RFC 9110 section 9.3.6: where the proxy {row} instead of opening a tunnel, nothing of the request was sent."""
    _no_tunnel(stage, row, "http", "https://target.test")


@CHAPTER.rows({row: _TALKS[row] for row in ("closes", "cuts the connection", "says nothing")}, needs=Capability.SOCKS)
def socks_that_gives_no_tunnel(stage: Stage, row: tuple[tuple[Any, ...], Any]) -> None:
    """T6, RFC 1928 section 6: where SOCKS {row} instead of opening a tunnel, nothing of the request was sent."""
    _no_tunnel(stage, row, "socks5", "http://origin.test")


@CHAPTER.case(needs=Capability.POOL_TIMEOUT, limits=True)
def no_connection_became_free(stage: Stage) -> None:
    """T6: a request that waited for a connection in vain was not sent."""
    stage.open(Limits(connections=1))
    stage.play(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot", Stall())
    kept = stage.send()
    before = stage.bytes_received
    came = stage.carry(stage.request("POST", body=b"x"), stage.options(pool=BRIEF))
    stage.failed(came, PoolTimeout, delivery="not_sent", reused=False)
    kept.close()
    stage.settle()
    stage.same("what came to the server meanwhile", stage.bytes_received - before, 0)


@CHAPTER.case(wire=False)
def nothing_is_sent_after_close(stage: Stage) -> None:
    """T6: what is sent to a transport that was closed says not_sent, and did not arrive."""
    stage.works()
    seen = len(stage.received)
    stage.transport.close()
    stage.failed(stage.carry(stage.request("POST", body=b"x")), TransportClosed, delivery="not_sent", reused=False)
    stage.same("the requests that arrived", len(stage.received), seen)


@CHAPTER.case(needs=Capability.STREAM_REQUEST, wire=False)
def a_body_that_was_used_up(stage: Stage) -> None:
    """T6: a body that can be read once, and was, is not sent a second time: not_sent, and nothing arrived."""
    request = stage.request("POST", "/once", body=iter([b"once"]))
    stage.answer()
    stage.answered(stage.carry(request))
    stage.failed(stage.carry(request), BodyNotReplayable, delivery="not_sent", reused=False)
    stage.same("how often it arrived", len(stage.received), 1)
