"""T8, of uploads: they leave as they are made, wait for their server, and end when it has answered."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.streaming import BLOCK, MANY
from intermodal.conformance.chapters.written import with_length
from intermodal.model.body import Body
from intermodal.protocol import Capability
from intermodal.testing.origin import Reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intermodal.conformance.stage import Stage

CHAPTER = Chapter()


class _Source:
    """A body that is made while it is sent, and knows how far it was asked for, and whether it was closed.

    Attributes:
        given: how many pieces were taken.
        ended: whether it was closed, or has come to its end.
    """

    def __init__(self, pieces: int, before: Callable[[int], None] = lambda _: None) -> None:
        self.given = 0
        self.ended = threading.Event()
        self._pieces = pieces
        self._before = before

    def __iter__(self) -> Iterator[bytes]:
        try:
            for index in range(self._pieces):
                self._before(index)
                self.given += 1
                yield BLOCK
        finally:
            self.ended.set()

    def body(self, *, known: bool) -> Body:
        """Give it as a body whose length is known, or is not."""
        return Body(lambda: self, self._pieces * len(BLOCK) if known else None, replayable=False)


_UPLOADS = {"with a length": True, "in chunks": False}


@CHAPTER.rows(_UPLOADS, needs=Capability.STREAM_REQUEST)
def an_upload_is_sent_as_it_is_made(stage: Stage, known: bool) -> None:
    """T8: of an upload {row} the server has the first piece before the second one is made."""

    def before(index: int) -> None:
        if index == 1:
            stage.until(lambda: stage.bytes_received > len(BLOCK), "a first piece that the server has")

    stage.answer()
    source = _Source(2, before)
    stage.answered(stage.carry(stage.request("PUT", "/", body=source.body(known=known))))
    stage.arrived("PUT", "/", body=BLOCK * 2)


@CHAPTER.rows(_UPLOADS, needs=Capability.STREAM_REQUEST)
def an_upload_waits_for_its_server(stage: Stage, known: bool) -> None:
    """T8: of an upload of 64 MiB {row} that the server does not read, only what the way there holds is made."""
    stage.play(0.3, Reset(), at="head")
    source = _Source(MANY)
    came = stage.carry(stage.request("PUT", "/", body=source.body(known=known)))
    stage.demand(came.error is not None, "an error", came)
    stage.demand(0 < source.given < MANY, "a part of the upload that was made", f"{source.given} of {MANY} pieces")
    del came  # an error may hold on to what it was raised in
    gc.collect()
    stage.until(source.ended.is_set, "an upload that is closed")


@CHAPTER.rows(_UPLOADS, needs=Capability.STREAM_REQUEST)
def an_early_answer_ends_an_upload(stage: Stage, known: bool) -> None:
    """T8, RFC 9112 section 9.5: where 413 and close come while an upload {row} goes on, they are the answer, and the upload is closed."""
    stage.play(
        b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig", then="fin", at="head"
    )
    source = _Source(4 * MANY)
    came = stage.carry(stage.request("PUT", "/", body=source.body(known=known)))
    stage.answered(came, 413, b"big")
    stage.until(source.ended.is_set, "an upload that is closed")
    stage.works("an early answer")


@CHAPTER.case(needs=Capability.STREAM_REQUEST)
def an_early_answer_that_reads_on(stage: Stage) -> None:
    """T8, RFC 9112 section 9.5: an upload that is answered while it goes on, by a server that reads it all, disturbs nothing."""
    stage.play(with_length(5) + b"early", at="head")
    source = _Source(16)
    stage.answered(stage.carry(stage.request("PUT", "/", body=source.body(known=False))), 200, b"early")
    stage.until(source.ended.is_set, "an upload that is closed")
    stage.works("an early answer")


@CHAPTER.case(wire=False, needs=Capability.STREAM_REQUEST)
def an_upload_is_made_once_and_closed(stage: Stage) -> None:
    """T8: an upload that is made while it is sent is asked for each piece once, comes whole, and is closed."""
    stage.answer()
    source = _Source(5)
    stage.answered(stage.carry(stage.request("PUT", "/", body=source.body(known=True))))
    stage.until(source.ended.is_set, "an upload that is closed")
    stage.same("the pieces that were made", source.given, 5)
