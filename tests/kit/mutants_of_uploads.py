"""Mutants of the way out of a body, of asking before it, of files, and of what is given back before it is read."""

from __future__ import annotations

import math
import os

from kit.mutant import OURS, Mutants

import intermodal.blocking.exchange as blocking
import intermodal.blocking.upload as uploading
import intermodal.model.body as bodies
import intermodal.net.prepared as preparing
from intermodal.blocking import failures
from intermodal.blocking.body import ExchangeBody
from intermodal.blocking.exchange import Exchange
from intermodal.blocking.ready import OUT, waiter
from intermodal.blocking.stream import Stream
from intermodal.blocking.upload import Upload
from intermodal.h1.exchange import ResponseReader, encode_start
from intermodal.model.body import FileSpan
from intermodal.model.response import WholeBody

mutant = Mutants()

_EARLY = "backends.test_early_answers.test_"
_EXPECT = "backends.test_expect.test_"
_FILES = "backends.test_files.test_"
_READINTO = "backends.test_readinto.test_"
_GIVEN_BACK = "backends.test_given_back_at_once.test_"

#: One of the three that send by our ``Upload`` alone, and the one that writes piece by piece: for what takes its time.
SOME = ("socket", "httpx")


# --- early answers ------------------------------------------------------------------------------------------------------


@mutant(
    "nobody looks at the answer while a body is sent",
    f"{_EARLY}a_refusal_ends_the_upload_at_once[bytes-http]",
    f"{_EARLY}an_echo_goes_both_ways_at_once[generator-http]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    def deaf(self, seconds):
        self._set_free()
        if not waiter(self.sock, OUT)(seconds):
            raise TimeoutError
        return False

    monkeypatch.setattr(Stream, "_has_spoken", deaf)


def _answered(monkeypatch, stops):
    """Let an upload end for good at the answers that ``stops`` says."""
    leave = Upload.leave
    answered = Upload.answered

    def changed(self):
        monkeypatch.setattr(Upload, "leave", lambda _: None)
        try:
            there = answered(self)
        finally:
            monkeypatch.setattr(Upload, "leave", leave)
        if there and stops(self._exchange.reader.head().status_code):
            self.leave()
        return there

    monkeypatch.setattr(Upload, "answered", changed)


@mutant(
    "any answer ends the upload",
    f"{_EARLY}an_echo_goes_both_ways_at_once[bytes-http]",
    f"{_EARLY}a_server_that_answers_first_and_reads_then_gets_all[bytes]",
    f"{_EARLY}a_server_that_answers_first_and_reads_then_gets_all[generator]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    _answered(monkeypatch, lambda _: True)


@mutant(
    "the upload goes on after a refusal",
    f"{_EARLY}what_is_left_of_an_upload_is_not_sent_after_a_refusal[bytes]",
    f"{_EARLY}what_is_left_of_an_upload_is_not_sent_after_a_refusal[file]",
    seen="tests",
)
def _(monkeypatch):
    _answered(monkeypatch, lambda _: False)


@mutant(
    "an interim response ends the upload",
    f"{_EARLY}interim_responses_do_not_end_the_upload[bytes]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    answered = Upload.answered

    def hasty(self):
        if answered(self):
            return True
        if self._exchange.began and self._exchange.reader.informational:
            self.leave()
            return True
        return False

    monkeypatch.setattr(Upload, "answered", hasty)


@mutant(
    "a connection serves again behind an early answer",
    f"{_EARLY}a_server_that_answers_first_and_reads_then_gets_all[bytes]",
    seen="tests",
    over=("socket", "urllib3"),
)
def _(monkeypatch):
    monkeypatch.setattr(Exchange, "intact", property(lambda _: True, lambda _self, _value: None))


@mutant(
    "a connection serves again behind half of an upload",
    f"{_EARLY}a_refusal_ends_the_upload_at_once[bytes-http]",
    seen="tests",
    over=("socket", "urllib3"),
)
def _(monkeypatch):
    monkeypatch.setattr(Exchange, "reusable", property(lambda self: self.reader.reusable))


@mutant(
    "a body that is not wanted is kept open",
    f"{_EARLY}a_refusal_ends_the_upload_at_once[generator-http]",
    f"{_EARLY}an_early_answer_that_closes_ends_the_upload[generator]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    kept = []

    def left(self):
        kept.append(self._pieces)
        self._rest = None
        self._exchange.upload = None
        self._exchange.intact = False

    monkeypatch.setattr(Upload, "leave", left)


@mutant(
    "a server that has answered is waited for as long as one that has not",
    f"{_EARLY}a_server_that_answers_and_never_reads_is_not_waited_for[bytes]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    more = Upload.more

    def patiently(self, seconds):
        more(self, self._exchange.options.timeouts.write if seconds == uploading.LINGER else seconds)

    monkeypatch.setattr(Upload, "more", patiently)


@mutant(
    "what is left goes out behind an answer that closes",
    f"{_EARLY}an_early_answer_that_closes_ends_the_upload[bytes]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "stays_open", property(lambda _: True))


@mutant(
    "the end of the connection ends no upload",
    f"{_EARLY}a_server_that_goes_without_an_answer_may_have_acted[bytes-reset]",
    f"{_FILES}a_connection_that_is_lost_under_the_system_is_no_fault_of_the_file[32]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    monkeypatch.setattr(failures, "_GONE", frozenset())


@mutant(
    "a failure behind the head is one of sending",
    f"{_EARLY}an_early_answer_that_does_not_go_on_is_left_in_time[bytes-read]",
    seen="tests",
)
def _(monkeypatch):
    not_received = Exchange.not_received

    def as_sent(self, error):
        return self.not_taken(error) if isinstance(error, TimeoutError) else not_received(self, error)

    monkeypatch.setattr(Exchange, "not_received", as_sent)


# --- asked before -------------------------------------------------------------------------------------------------------


@mutant(
    "the body follows a final answer",
    f"{_EXPECT}a_final_answer_keeps_the_body_here[bytes-417 Expectation Failed-http]",
    f"{_EXPECT}a_final_answer_keeps_the_body_here[generator-200 OK-http]",
    seen="tests",
)
def _(monkeypatch):
    is_wanted = Exchange.is_wanted

    def sent_all_the_same(self):
        wanted = is_wanted(self)
        if not wanted:
            for piece in self.request.body.pieces():
                self.write(piece)
        return wanted

    monkeypatch.setattr(Exchange, "is_wanted", sent_all_the_same)


@mutant("the body is not held back", f"{_EXPECT}the_body_follows_100_and_not_before[bytes-5-http]", seen="tests")
def _(monkeypatch):
    monkeypatch.setattr(Exchange, "is_wanted", lambda _: True)


@mutant(
    "a small body goes out with the question",
    f"{_EXPECT}the_body_follows_100_and_not_before[bytes-5-http]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    def unasked(request):
        start, whole = encode_start(request)
        if not whole and request.body.content is not None and len(request.body.content) <= 16384:
            return start + request.body.content, True
        return start, whole

    monkeypatch.setattr(preparing, "encode_start", unasked)


def _wanted(monkeypatch, *, seconds=None, enough=lambda interim: interim.status_code == 100, nothing=None):
    """Ask in another way: waiting as long, for another interim response, or taking another thing for the end."""

    def is_wanted(self):
        until = blocking.time.monotonic() + (blocking.PATIENCE if seconds is None else seconds)
        self.phase = "wait"
        while (left := until - blocking.time.monotonic()) > 0 and self.stream.readable(left):
            data = self.receive_now()
            if data is None:
                if nothing is None:
                    continue
                data = nothing
            self.reader.receive(data)
            if self.reader.head() is not None:
                self.intact = False
                return False
            if any(map(enough, self.reader.informational)):
                break
        self.phase = "send"
        return True

    monkeypatch.setattr(Exchange, "is_wanted", is_wanted)


@mutant(
    "a silent server is waited for as for an answer",
    f"{_EXPECT}a_silent_server_gets_the_body_after_a_while[bytes]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    _wanted(monkeypatch, seconds=0.7)


@mutant(
    "a silent server is not waited for", f"{_EXPECT}a_silent_server_gets_the_body_after_a_while[bytes]", seen="tests"
)
def _(monkeypatch):
    _wanted(monkeypatch, seconds=0.001)


@mutant(
    "any interim response asks for the body",
    f"{_EXPECT}other_interim_responses_are_not_the_one_that_is_waited_for[http]",
    seen="tests",
)
def _(monkeypatch):
    _wanted(monkeypatch, enough=lambda _: True)


@mutant("session tickets are taken for the end", f"{_EXPECT}session_tickets_are_no_answer", seen="tests")
def _(monkeypatch):
    _wanted(monkeypatch, nothing=b"")


@mutant("the wait knows no total bound", f"{_EXPECT}the_wait_is_within_the_total_bound", seen="tests", over=SOME)
def _(monkeypatch):
    _wanted(monkeypatch, seconds=0.7)


# --- files --------------------------------------------------------------------------------------------------------------


def _offered(monkeypatch, change):
    """Put ``change(span)`` before what the system sends."""
    offer_file = Stream.offer_file
    monkeypatch.setattr(Stream, "offer_file", lambda self, span, seconds: offer_file(self, change(span), seconds))


@mutant(
    "the system sends a file from its first byte",
    f"{_FILES}a_file_is_sent_from_where_it_stands[http]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    _offered(monkeypatch, lambda span: span._replace(start=0))


@mutant("a file is read from its first byte", f"{_FILES}a_file_is_sent_from_where_it_stands[https]", seen="tests")
def _(monkeypatch):
    make = bodies._file_body

    def from_the_start(file):
        body = make(file)
        again = body._open

        def opened():
            pieces = again()
            file.seek(0)
            return pieces

        body._open = opened
        return body

    monkeypatch.setattr(bodies, "_file_body", from_the_start)


@mutant(
    "the system sends more of a file than was announced",
    f"{_FILES}a_file_that_grew_before_it_was_sent_is_sent_as_it_was_measured[http]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    _offered(monkeypatch, lambda span: span._replace(length=math.inf))


@mutant(
    "more of a file is read than was announced",
    f"{_FILES}a_file_that_grew_before_it_was_sent_is_sent_as_it_was_measured[https]",
    seen="tests",
)
def _(monkeypatch):
    read = bodies._read
    monkeypatch.setattr(bodies, "_read", lambda file, _length=None: read(file))


@mutant(
    "a file that ends too soon is filled up",
    f"{_FILES}a_file_that_shrinks_is_an_error_of_the_body[http-before]",
    seen="tests",
    over=("socket", "urllib3"),
)
def _(monkeypatch):
    offer_file = Stream.offer_file

    def padded(self, span, seconds):
        sent = offer_file(self, span, seconds)
        return self.offer(bytes(min(span.length, 65536)), seconds) if sent < 0 else sent

    monkeypatch.setattr(Stream, "offer_file", padded)


@mutant(
    "the system sends a file past TLS",
    f"{_FILES}the_system_sends_a_file_over_a_plain_connection[https]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    monkeypatch.setattr(Stream, "sends_files", property(lambda _: True))


@mutant(
    "the system sends no file",
    f"{_FILES}the_system_sends_a_file_over_a_plain_connection[http]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    monkeypatch.setattr(Stream, "sends_files", property(lambda _: False))


@mutant(
    "whatever has a descriptor is sent as it lies on the disk",
    f"{_FILES}what_a_file_gives_is_what_is_sent[gzip.GzipFile]",
    f"{_FILES}what_a_file_gives_is_what_is_sent[a wrapper]",
    f"{_FILES}what_a_file_gives_is_what_is_sent[a subclass]",
    f"{_FILES}what_a_file_gives_is_what_is_sent[a wrapper below a buffer]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    make = bodies._file_body

    def trusting(file):
        body = make(file)
        if body is not None and body.length is not None and hasattr(file, "fileno"):
            body.file = FileSpan(file, file.tell(), os.fstat(file.fileno()).st_size - file.tell())
            body.length = body.file.length
        return body

    monkeypatch.setattr(bodies, "_file_body", trusting)


@mutant(
    "a file that the system cannot send is not read",
    f"{_FILES}a_file_that_the_system_cannot_send_is_read[22]",
    f"{_FILES}a_file_that_the_system_stops_to_send_is_read_from_there",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    monkeypatch.setattr(uploading, "_CANNOT_SEND_FILES", frozenset())


@mutant(
    "what the system has sent already is read again",
    f"{_FILES}a_file_that_the_system_stops_to_send_is_read_from_there",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    pieces = FileSpan.pieces
    monkeypatch.setattr(FileSpan, "pieces", lambda self: pieces(self._replace(start=0)))


@mutant(
    "a file that the system sent is left where it stood",
    f"{_FILES}a_file_stands_at_its_end_afterwards[http]",
    seen="tests",
    over=OURS,
)
def _(monkeypatch):
    def after(self, n):
        return FileSpan(self.file, self.start + n, self.length - n) if n < self.length else None

    monkeypatch.setattr(FileSpan, "after", after)


# --- into a buffer, and given back --------------------------------------------------------------------------------------


@mutant(
    "a buffer is filled past the end of the message",
    f"{_READINTO}what_lies_beyond_the_message_is_not_given[sized]",
    f"{_READINTO}what_lies_beyond_the_message_is_not_given[chunked]",
    seen="tests",
    over=("socket",),
)
def _(monkeypatch):
    direct = ResponseReader.direct.fget
    monkeypatch.setattr(ResponseReader, "direct", property(lambda self: direct(self) and 1 << 40))


@mutant(
    "what goes past the reader is not counted",
    f"{_READINTO}the_body_comes_whole[sized-http-4096]",
    seen="tests",
    over=("socket",),
)
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "skip", lambda _self, _n: None)


@mutant(
    "bytes that are here already come after those that are not",
    f"{_READINTO}both_ways_of_reading_may_be_mixed[chunked]",
    seen="tests",
    over=("socket",),
)
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "direct", property(lambda self: self._body.direct))


@mutant(
    "an answer that is here holds its connection",
    f"{_GIVEN_BACK}an_answer_that_is_here_holds_no_connection[with odd fields-http]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    monkeypatch.setattr(ResponseReader, "is_here", property(lambda _: False))
    done = ResponseReader.done.fget
    monkeypatch.setattr(ExchangeBody, "gathered", lambda self: self)
    monkeypatch.setattr(ResponseReader, "done", property(done))


@mutant("an answer that was closed unread can be read", f"{_GIVEN_BACK}closed_unread_it_is_closed[sized]", seen="tests")
def _(monkeypatch):
    monkeypatch.setattr(WholeBody, "close", lambda _: None)


@mutant(
    "an answer that was read and closed is gone",
    f"{_GIVEN_BACK}closed_after_it_was_read_it_stays_read[sized]",
    seen="tests",
    over=SOME,
)
def _(monkeypatch):
    read = WholeBody.read

    def closed(self):
        self._data = None

    def once(self, n):
        data = read(self, n)
        return data[:-1] if len(data) > 1 and not len(self) else data

    monkeypatch.setattr(WholeBody, "close", closed)
    monkeypatch.setattr(WholeBody, "read", once)


@mutant(
    "what a library holds back makes a body unread",
    f"{_GIVEN_BACK}a_body_read_to_its_last_byte_and_closed_gives_its_connection_back",
    seen="tests",
    over=("httpx",),
)
def _(monkeypatch):
    close = ExchangeBody.close

    def strict(self):
        if not self._direct and self._finish is not None:
            self._failure = Exception("not read to its end")
            self.end("closed")
        close(self)

    monkeypatch.setattr(ExchangeBody, "close", strict)


@mutant(
    "the same file is not sent twice",
    f"{_FILES}the_same_request_sends_the_same_file_again[http]",
    f"{_FILES}the_same_request_sends_the_same_file_again[https]",
    seen="tests",
)
def _(monkeypatch):
    make = bodies._file_body

    def once(file):
        body = make(file)
        if body is not None:
            body.replayable, body.file = False, None
        return body

    monkeypatch.setattr(bodies, "_file_body", once)
