"""T4, requests and time: what is declared of bodies, Expect, Upgrade, targets and bounds is what the server sees."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.errors import PoolTimeout, ReadTimeout, TotalTimeout, WriteTimeout
from intermodal.model.options import Limits
from intermodal.protocol import Capability
from intermodal.testing.origin import Drip, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Came, Stage
    from intermodal.model.request import Request

CHAPTER = Chapter()

# --- what a request asks for ------------------------------------------------------------------------------------------

_CONTENT: Final = b"one two three"


class Pieces:
    """A body in pieces, whose end is known only by reading it."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.drawn: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.drawn.append(piece)
            yield piece


_STREAMED: Final[dict[str, Callable[[], Any]]] = {
    "an iterable": lambda: Pieces(b"one ", b"two ", b"three"),
    "an iterator": lambda: iter(Pieces(b"one ", b"two ", b"three")),
    "empty pieces among others": lambda: Pieces(b"", b"one ", b"", b"two three", b""),
    "a file": lambda: io.BytesIO(_CONTENT),
}


@CHAPTER.rows(_STREAMED, needs=Capability.STREAM_REQUEST, wire=False)
def a_declared_body_arrives(stage: Stage, make: Callable[[], Any]) -> None:
    """T4, RFC 9112 section 7.1: a body given as {row} arrives whole."""
    body = make()
    stage.answer()
    stage.answered(stage.carry(stage.request("POST", "/streamed", body=body)))
    asked = stage.arrived("POST", "/streamed")
    if stage.maker.application != "handler":  # which is given the request, its body read already
        stage.same("the body", asked.body, _CONTENT)
    stage.same("what is left of the body", body.read() if isinstance(body, io.BytesIO) else b"", b"")


@CHAPTER.case(needs=Capability.STREAM_REQUEST)
def a_streamed_body_leaves_as_it_is_made(stage: Stage) -> None:
    """T4, RFC 9112 section 7.1: the first piece is at the server before the second is made."""

    def made() -> Iterator[bytes]:
        yield b"first"
        stage.until(
            lambda: any(b"first" in each.received for each in stage.connections), "the first piece at the server"
        )
        yield b"last"

    stage.answered(stage.carry(stage.request("POST", "/post", body=made())))
    stage.arrived("POST", body=b"firstlast")


def _asking(stage: Stage, body: Any) -> Request:
    return stage.request("PUT", "/expected", [("Expect", "100-continue")], body)


@CHAPTER.case(needs=Capability.EXPECT_CONTINUE)
def an_expected_body_follows_100(stage: Stage) -> None:
    """T4, RFC 9110 section 10.1.1: once the server says 100, the body goes out, and the final answer is the answer."""
    body = b"x" * 100_000
    stage.play(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
    stage.answered(stage.carry(_asking(stage, body)), 201, b"ok")
    stage.arrived("PUT", "/expected", body=body)


@CHAPTER.rows({"417": b"417 Expectation Failed", "200": b"200 OK"}, needs=Capability.EXPECT_CONTINUE)
def a_final_answer_keeps_an_expected_body_back(stage: Stage, status: bytes) -> None:
    """T4, RFC 9110 section 10.1.1: where the server answers {row} instead of 100, no byte of the body leaves."""
    stage.play(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno", then="fin", at="head")
    stage.answered(stage.carry(_asking(stage, b"a body")), int(status[:3]), b"no")
    stage.transport.close()
    stage.until(lambda: not any(each.open for each in stage.connections), "the end of the connection")
    _, _, behind = stage.connections[0].received.partition(b"\r\n\r\n")
    stage.same("what came behind the head", behind, b"")


@CHAPTER.case(needs=Capability.EXPECT_CONTINUE)
def a_server_that_says_nothing_gets_the_expected_body(stage: Stage) -> None:
    """T4, RFC 9110 section 10.1.1: a client does not wait for 100 for ever, as a server may not know of it."""
    stage.play(at="head")
    came = stage.carry(_asking(stage, b"a body"), stage.options(read=0.3))
    stage.failed(came, ReadTimeout)
    stage.arrived("PUT", "/expected", body=b"a body")


UPGRADE: Final = [("Connection", "upgrade"), ("Upgrade", "echo")]


# What an upgraded connection is to tasks, the contract leaves open.
@CHAPTER.case(needs=Capability.UPGRADE, colour="sync")
def an_upgrade_leads_out_of_http(stage: Stage) -> None:
    """T4, RFC 9110 section 7.8: after 101 what the server sends is read as it is, and what is written arrives as it is."""
    stage.play(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhe", 0.02, b"llo", at="head"
    )
    response = stage.send(stage.request(headers=UPGRADE))
    stage.same("the status", response.status_code, 101)
    upgraded = response.upgraded
    stage.demand(upgraded is not None, "response.upgraded", "None")
    assert upgraded is not None
    came = b""
    while len(came) < 5 and (piece := upgraded.recv(100)):
        came += piece
    stage.same("what the server said", came, b"hello")
    upgraded.sendall(b"\x00not http\r\n\r\n")
    stage.until(lambda: stage.connections[0].received.endswith(b"\x00not http\r\n\r\n"), "what was written")
    upgraded.close()
    stage.works("an upgrade")
    stage.same("the number of connections", len(stage.connections), 2)


@CHAPTER.case(needs=Capability.UPGRADE)
def an_upgrade_may_be_declined(stage: Stage) -> None:
    """T4, RFC 9110 section 7.8: an ordinary answer to a request with Upgrade is an ordinary answer."""
    stage.answer(200, [], b"no")
    response = stage.answered(stage.carry(stage.request(headers=UPGRADE)), 200, b"no")
    stage.same("response.upgraded", response.upgraded, None)
    asked = {name.lower(): value for name, value in stage.arrived().headers}
    stage.same("Upgrade at the server", asked.get("upgrade"), "echo")


_EXACT: Final = {
    "a character that URLs leave out": "/a|b",
    "an escape that is none": "/%zz",
    "quotes and braces": '/"{id}"',
    "a backslash": "/a\\b",
    "everything in a query": "/?a=<^`>",
}


@CHAPTER.rows(_EXACT, needs=Capability.EXACT_TARGET, wire=False)
def an_exact_target(stage: Stage, target: str) -> None:
    """T4, RFC 9112 section 3.2: a target with {row} goes out as it was given."""
    stage.answer()
    stage.answered(stage.carry(stage.request(target=target)))
    stage.arrived("GET", target)


@CHAPTER.case(needs=Capability.EXACT_TARGET)
def options_of_the_server_as_a_whole(stage: Stage) -> None:
    """T4, RFC 9112 section 3.2.4: the target * goes out as it is."""
    stage.answer()
    stage.answered(stage.carry(stage.request("OPTIONS", target="*")))
    stage.arrived("OPTIONS", "*")


# --- bounds on time ---------------------------------------------------------------------------------------------------


def _after(stage: Stage, came: Came, least: float) -> None:
    stage.demand(least <= came.seconds < least + 2.5, f"the error after {least:g} s, or soon after", came)


@CHAPTER.case(needs=Capability.WRITE_TIMEOUT)
def a_write_timeout_is_met(stage: Stage) -> None:
    """T4: where the server takes nothing any more, it is WriteTimeout after the time of write."""
    stage.play(Stall(), at="head")
    came = stage.carry(stage.request("POST", body=bytes(1 << 25)), stage.options(write=0.2))
    stage.failed(came, WriteTimeout, phase="send", delivery="maybe_sent")
    _after(stage, came, 0.2)


@CHAPTER.case(needs=Capability.POOL_TIMEOUT, limits=True)
def a_pool_timeout_is_met(stage: Stage) -> None:
    """T4: where the one connection that the limits allow is in use, it is PoolTimeout after the time of pool."""
    stage.open(Limits(connections=1))
    stage.play(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot", Stall())
    kept = stage.send()
    came = stage.carry(None, stage.options(pool=0.2))
    stage.failed(came, PoolTimeout, phase="pool", delivery="not_sent", reused=False)
    _after(stage, came, 0.2)
    kept.close()
    stage.works("the connection was given back")


_DRIPS: Final = {
    "the head": (Drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200, 0.05),),
    "the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n", Drip(b"x" * 200, 0.05)),
}


@CHAPTER.rows(_DRIPS, needs=Capability.TOTAL_TIMEOUT)
def a_total_timeout_is_met(stage: Stage, steps: tuple[Any, ...]) -> None:
    """T4: where {row} drips, each wait being short, it is TotalTimeout after the time of total."""
    stage.play(*steps)
    came = stage.carry(None, stage.options(total=0.3))
    stage.failed(came, TotalTimeout)
    _after(stage, came, 0.3)
