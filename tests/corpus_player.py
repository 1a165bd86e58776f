"""The corpus of scripted answers: its rows, the ways to cut one, how to play one, and whether what came of it is right.

A row is read into a ``Row``; ``play`` carries it out over a transport against an origin, ``feed`` through the reader
without I/O; ``faults`` says in words where a ``Played`` differs from the row's canonical outcome, so that a test over
thousands of exchanges can name the ones that fail. The format is described in ``corpus/README.md``.
"""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome import Outcome, outcome

from intermodal.errors import Disconnected, ProtocolError
from intermodal.h1.exchange import ResponseReader
from intermodal.model.options import Limits, Options, Timeouts
from intermodal.model.request import Request

CORPUS = Path(__file__).parent / "corpus" / "responses.jsonl"

#: The fields of a request whose row names none.
DEFAULT_HEADERS = (("Host", "h"), ("User-Agent", "p"), ("Accept-Encoding", "identity"))

#: A longer script is not cut everywhere, but in three places.
CUT_EVERYWHERE = 4096

#: The wait that is to run out where the canonical outcome is a timeout, in seconds; it starts anew with each byte.
SHORT = 0.5
#: Any other wait: so long that a slow machine does not turn an answer into a timeout.
PATIENCE = 20.0
#: Between the end of the script and the next request, so that what was sent last has arrived.
SETTLE = 0.02


@dataclass(frozen=True)
class Row:
    """One scripted answer and its canonical outcome."""

    group: str
    id: str
    method: str
    headers: tuple[tuple[str, str], ...]
    server: tuple[bytes | float, ...]
    then: str
    expect: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.group}/{self.id}"

    @property
    def script(self) -> bytes:
        """All that the server sends, pauses left out."""
        return b"".join(step for step in self.server if isinstance(step, bytes))

    @property
    def times_out(self) -> bool:
        return self.expect.get("error") == "ReadTimeout"


@functools.cache
def rows():
    """Every row of the corpus, in order."""
    return tuple(_row(json.loads(line)) for line in CORPUS.read_text(encoding="utf-8").splitlines())


def row(name):
    """The row called ``group/id``."""
    return next(row for row in rows() if row.name == name)


def _row(fields):
    request = fields["request"]
    return Row(
        fields["group"],
        fields["id"],
        request.get("method", "GET"),
        tuple((name, value) for name, value in request.get("headers", DEFAULT_HEADERS)),
        tuple(step.encode("latin-1") if isinstance(step, str) else step for step in fields["server"] if step != ""),
        fields["then"],
        fields["expect"],
    )


# --- cuts -------------------------------------------------------------------------------------------------------------


def whole(row):
    """The steps as they are written."""
    return list(row.server)


def by_line(row):
    """A step for each line."""
    return [
        piece for step in row.server for piece in (re.findall(rb"[^\n]*\n|[^\n]+", step) if _sent(step) else [step])
    ]


def by_byte(row):
    """A step for each byte; for a long script, a step between each two of three places that never change."""
    if len(row.script) <= CUT_EVERYWHERE:
        return [piece for step in row.server for piece in ([bytes([byte]) for byte in step] if _sent(step) else [step])]
    places = random.Random(row.name)
    return [
        piece
        for step in row.server
        for piece in (cut(step, sorted(places.sample(range(1, len(step)), 3))) if _sent(step) else [step])
    ]


CUTS = {"whole": whole, "by line": by_line, "by byte": by_byte}


def cut(data, places):
    """The pieces of ``data`` between the given places, none of them empty."""
    edges = sorted({0, len(data), *places})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def _sent(step):
    return isinstance(step, bytes)


# --- played over a transport ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    """What came of one row: its outcome, the connections opened, what was sent, and whether a next request worked."""

    outcome: Outcome
    connections: int
    requests: tuple[bytes, ...]
    next_request: str


def play(row, steps, transport, origin, *, patience=PATIENCE):
    """Play a row's script against one request and send an ordinary one after it on the same transport."""
    connections, requests = len(origin.connections), len(origin.requests)
    # A reset throws away what the kernel has not yet sent; a row says that the bytes arrive, and then the reset.
    settle = [SETTLE] if row.then == "rst" else []
    script = origin.play(*steps, *settle, then=row.then)
    seconds = SHORT if row.times_out else patience
    options = Options(Timeouts.of(seconds))
    came = outcome(transport, Request(row.method, f"{origin.url}/scripted", row.headers), options)
    if not script.finished.wait(PATIENCE):
        raise AssertionError(f"{row.name}: the script did not come to its end: {script!r}")
    time.sleep(SETTLE)
    after = _next_request(transport, origin, patience)
    sent = tuple(request.raw for request in origin.requests[requests:])
    return Played(came, len(origin.connections) - connections, sent, after)


def expected_requests(row):
    """The bytes of the two requests, and of no other: nothing is asked again, nothing learnt from the answer is sent."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in row.headers)
    usual = "".join(f"{name}: {value}\r\n" for name, value in DEFAULT_HEADERS)
    # RFC 9110 section 8.6: a method that is not known to have no content says that it has none.
    framing = "" if row.method in {"GET", "HEAD"} else "Content-Length: 0\r\n"
    return (
        f"{row.method} /scripted HTTP/1.1\r\n{fields}{framing}\r\n".encode(),
        f"GET /get?next HTTP/1.1\r\n{usual}\r\n".encode(),
    )


def _next_request(transport, origin, patience):
    """Send an ordinary request; "ok" only where it is this very request that was answered."""
    after = outcome(
        transport, Request("GET", f"{origin.url}/get?next", DEFAULT_HEADERS), Options(Timeouts.of(patience))
    )
    if after.error is not None or after.status != 200:
        return f"{after.error or after.status}"
    try:
        target = json.loads(after.body)["target"]
    except (ValueError, KeyError, TypeError):
        target = None
    return "ok" if target == "/get?next" else f"another answer: {after.body[:60]!r}"


# --- fed to the reader ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fed:
    """What the reader without I/O made of a row, and whether it would let the connection serve again."""

    outcome: Outcome
    reusable: bool


def feed(row, pieces, *, take=65536):
    """Feed the pieces of a script to a reader, as an exchange does, and its end as the row has it."""
    values = [value.lower() for name, value in row.headers if name.lower() == "connection"]
    reader = ResponseReader(
        row.method, Limits(), upgrade=any(name == "Upgrade" for name, _ in row.headers), close="close" in values
    )
    body = bytearray()
    head = error = None
    try:
        for piece in [*pieces, b""] if row.then == "fin" else pieces:
            reader.receive(piece)
            head = reader.head()
            if head is not None:
                while data := reader.take(take):
                    body += data
    except (ProtocolError, Disconnected) as raised:
        error = type(raised).__name__
    if error is None and not reader.done:
        error = "Disconnected" if row.then == "rst" else "ReadTimeout"
    return Fed(_outcome(reader, head, bytes(body), error), error is None and reader.reusable)


def _outcome(reader, head, body, error):
    """What an exchange would have told of this reader."""
    told = {}
    if head is not None:
        told = {
            "status": head.status_code,
            "version": head.http_version,
            "reason": head.reason,
            "headers": head.headers.pairs,
            "informational": tuple((i.status_code, i.reason, i.headers.pairs) for i in reader.informational),
        }
    if error is None:
        return Outcome(**told, body=body, trailers=reader.trailers.pairs)
    phase = "body" if head is not None else "head" if reader.began else "wait"
    delivery = "sent" if reader.began else "maybe_sent"
    return Outcome(**told, body=body, error=error, phase=phase, delivery=delivery, reused=False)


# --- judged -----------------------------------------------------------------------------------------------------------

_LABELS = {"NoResponse": "Disconnected", "Reset": "Disconnected", "ReadTimeout": "ReadTimeout"}
_MALFORMED = ("Malformed", "HeadTooLarge", "Truncated")


def expected(row):
    """The canonical outcome, as far as the row has it: the fields of an Outcome, ``informational`` by its number."""
    expect = row.expect
    if "error" not in expect:
        return {
            "status": expect["status"],
            "version": "HTTP/{}.{}".format(*expect["version"]),
            "reason": expect["reason"],
            "headers": tuple((name, value) for name, value in expect["headers"]),
            "body": expect["body"].encode("latin-1"),
            "informational": expect["informational"],
            "trailers": tuple((name, value) for name, value in expect["trailers"]),
            "error": None,
            "phase": None,
            "delivery": None,
        }
    began = bool(row.script)
    in_body = expect["phase"] == "body"
    label = expect["error"]
    if label in _MALFORMED:
        label = "IncompleteBody" if label == "Truncated" and in_body else "ProtocolError"
    else:
        label = _LABELS[label]
    return {
        "status": expect["status"],
        "body": expect["body_before"].encode("latin-1"),
        "error": label,
        "phase": "body" if in_body else "head" if began else "wait",
        # RFC 9110 section 9.2.2 lets a client repeat what the server cannot have acted on: never claimed wrongly.
        "delivery": "sent" if began else "maybe_sent",
        "reused": False,
    }


def outcome_faults(row, came):
    """Where an Outcome is not the canonical one, in words."""
    faults = []
    for field, value in expected(row).items():
        got = getattr(came, field)
        if field == "informational":
            got = len(got)
        if got != value:
            faults.append(f"{field} {_short(got)}, expected {_short(value)}")
    return faults


def faults(row, played):
    """Where what was played is not as the row has it, in words; nothing where it is."""
    found = outcome_faults(row, played.outcome)
    for field in ("connections", "next_request"):
        if getattr(played, field) != row.expect[field]:
            found.append(f"{field} {getattr(played, field)!r}, expected {row.expect[field]!r}")
    if played.requests != expected_requests(row):
        found.append(f"requests {_short(played.requests)}, expected {_short(expected_requests(row))}")
    return found


def fed_faults(row, fed):
    """Where what the reader made of a row is not as the row has it, in words."""
    found = outcome_faults(row, fed.outcome)
    reusable = row.expect["connections"] == 1
    # A reset behind a whole response is the connection's end, and no reader sees it.
    if fed.reusable != reusable and not (row.then == "rst" and fed.reusable):
        found.append(f"reusable {fed.reusable}, expected {reusable}")
    return found


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:160]}... ({len(text)} characters)"
