"""Every answer of the corpus has its one canonical outcome: over each transport, whole or cut, and for the reader alone.

Two readers that share no code with this package look at the same bytes; where they see something else, it is written
down with the sentence of the RFC that decides.
"""

from __future__ import annotations

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import pytest
from corpus.independent import READERS, differences, listed
from corpus_player import (
    CUT_EVERYWHERE,
    CUTS,
    PATIENCE,
    cut,
    faults,
    fed_faults,
    feed,
    play,
    row,
    rows,
)
from fleet import TRANSPORTS, make_transport
from hypothesis import given
from hypothesis import strategies as st
from outcome import outcome
from packaging.version import Version

from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.testing.origin import Origin

GROUPS = sorted({row.group for row in rows()})

SHORT_ROWS = [row for row in rows() if len(row.script) <= CUT_EVERYWHERE]

#: What a script is damaged with: ends of lines, what separates, and what frames.
DAMAGE = (
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b":",
    b",",
    b";",
    b"0",
    b"\0",
    b"\xff",
    b"HTTP/1.1 103 E\r\n\r\n",
)

every_row = pytest.mark.parametrize("row", rows(), ids=[row.name for row in rows()])

# --- over the transports ----------------------------------------------------------------------------------------------

#: Each lane has an origin of its own, because scripts are taken in the order in which they were queued.
LANES = list(itertools.product(TRANSPORTS, CUTS))


@pytest.fixture(scope="module")
def lanes():
    """Plays a row in all lanes at once: most of what an exchange takes is waiting."""
    origins = {lane: Origin() for lane in LANES}

    def play_in(lane, row):
        transport = make_transport(lane[0])
        try:
            return play(row, CUTS[lane[1]](row), transport, origins[lane])
        finally:
            transport.close()

    with ThreadPoolExecutor(len(LANES)) as pool:

        def play_in_all(row):
            waiting = {lane: pool.submit(play_in, lane, row) for lane in LANES}
            return {lane: played.result() for lane, played in waiting.items()}

        yield play_in_all
    for origin in origins.values():
        origin.close()


@every_row
def test_every_transport_brings_the_canonical_outcome_whatever_the_cut(lanes, row):
    """A row comes to its outcome, its connections and a working next request on all transports, and they agree in full."""
    played = lanes(row)
    wrong = [
        f"{row.name} / {cut} / {transport}: {fault}"
        for (transport, cut), one in played.items()
        for fault in faults(row, one)
    ]
    assert not wrong, "\n".join(wrong)
    one = played[LANES[0]]
    other = [f"{row.name} / {cut} / {transport}" for (transport, cut), each in played.items() if each != one]
    assert not other, (
        f"{other} differ from {LANES[0]}: {[played[lane] for lane in LANES if played[lane] != one]} and {one}"
    )


def test_bytes_behind_a_101_are_on_the_raw_stream(all_transports):
    """What follows a 101, in its segment or later, is read from ``response.upgraded``, and what is written there arrives."""
    asked = row("1xx/101 Upgrade asked, then data")
    head, _, data = asked.script.partition(b"\r\n\r\n")
    for name, transport in all_transports.items():
        with Origin() as origin:
            origin.play(head + b"\r\n\r\n" + data[:2], 0.02, data[2:])
            request = Request("GET", origin.url, asked.headers)
            with transport.send(request, Options(Timeouts.of(PATIENCE))) as response:
                assert response.status_code == 101, name
                came = b""
                while len(came) < len(data) and (piece := response.upgraded.recv(100)):
                    came += piece
                assert came == data, name
                response.upgraded.sendall(b"GET /in-the-other-protocol HTTP/1.1\r\n\r\n")
                assert response.upgraded.recv(9) == b"HTTP/1.1 ", name
            assert len(origin.connections) == 1, name


@pytest.mark.parametrize(
    ("answer", "error", "phase", "delivery"),
    [
        (b"", "Disconnected", "wait", "maybe_sent"),
        (b"HTTP/1.1 200", "ProtocolError", "head", "sent"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "IncompleteBody", "body", "sent"),
    ],
)
def test_a_failure_on_a_connection_that_has_served_says_so(all_transports, answer, error, phase, delivery):
    """The second exchange over one connection fails: ``reused`` is set, the rest is as on a new connection."""
    for name, transport in all_transports.items():
        with Origin() as origin:
            request = Request("GET", f"{origin.url}/get")
            options = Options(Timeouts.of(PATIENCE))
            assert outcome(transport, request, options).status == 200, name
            origin.play(*([answer] if answer else []), then="fin")
            came = outcome(transport, request, options)
            assert (came.error, came.phase, came.delivery, came.reused) == (error, phase, delivery, True), name
            assert len(origin.connections) == 1, name


# --- fed to the reader ------------------------------------------------------------------------------------------------


@every_row
def test_the_reader_makes_the_same_of_a_row_wherever_it_is_cut_once(row):
    """Cut at each single position, and at all of them, the reader comes to the canonical outcome and to nothing else."""
    whole = feed(row, cut(row.script, []))
    assert fed_faults(row, whole) == []
    if len(row.script) <= CUT_EVERYWHERE:
        for place in range(1, len(row.script)):
            assert feed(row, cut(row.script, [place])) == whole, f"{row.name} cut at {place}"
        assert feed(row, cut(row.script, range(len(row.script))), take=1) == whole, f"{row.name} byte by byte"


@pytest.mark.parametrize("group", GROUPS)
@given(st.data())
def test_the_reader_makes_the_same_of_a_row_however_it_is_cut(group, data):
    """Cut in any number of places and read in any portions, the reader comes to the canonical outcome."""
    row = data.draw(st.sampled_from([row for row in rows() if row.group == group]))
    places = data.draw(st.lists(st.integers(0, len(row.script)), max_size=12))
    take = data.draw(st.sampled_from([1, 2, 3, 7, 65536]))
    assert fed_faults(row, feed(row, cut(row.script, places), take=take)) == []


@given(st.data())
def test_the_reader_makes_the_same_of_anything_however_it_is_cut(data):
    """Rows spliced and damaged at random, whose outcome nobody wrote down: whatever it is, it does not hang on the cuts."""
    one, other = data.draw(st.sampled_from(SHORT_ROWS)), data.draw(st.sampled_from(SHORT_ROWS))
    script = bytearray(one.script[: data.draw(st.integers(0, len(one.script)))])
    script += other.script[data.draw(st.integers(0, len(other.script))) :]
    for place in data.draw(st.lists(st.integers(0, len(script)), max_size=3)):
        script[place : place + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(DAMAGE))
    row = dataclasses.replace(one, then=data.draw(st.sampled_from(["keep", "fin", "rst"])))
    places = data.draw(st.lists(st.integers(0, len(script)), max_size=8))
    whole = feed(row, cut(bytes(script), []))
    assert feed(row, cut(bytes(script), places), take=data.draw(st.sampled_from([1, 3, 65536]))) == whole


# --- read by others ---------------------------------------------------------------------------------------------------

VERDICTS = {
    "forbidden",
    "discouraged",
    "both may",
    "stricter than required",
    "more lenient than required",
    "a limit",
    "not told",
}


#: The versions that independent.md tells of; a newer one that differs fails the test, so that the table follows.
TABLE_OF = {"h11": "0.16.0", "httptools": "0.9.0"}


@pytest.mark.parametrize("reader", READERS)
def test_an_independent_reader_differs_only_where_it_is_listed(reader):
    """h11 and llhttp have the canonical outcome of each row, or exactly the difference that the table has for it."""
    version = metadata.version(reader)
    if Version(version) < Version(TABLE_OF[reader]):
        pytest.skip(f"the table is of {reader} {TABLE_OF[reader]}; {version} has faults that were mended since")
    table = {name: text for section in listed() for (by, name), text in section.entries if by == reader}
    found = {row.name: text for row in rows() if (text := differences(row, reader))}
    unlisted = {name: text for name, text in found.items() if table.get(name) != text}
    gone = {name: text for name, text in table.items() if name not in found}
    assert not unlisted, f"differences that independent.md does not list: {unlisted}"
    assert not gone, f"differences that independent.md lists and that are none: {gone}"


def test_the_table_of_differences_gives_each_a_verdict_and_a_rule():
    """Each section has a verdict, names the sections of the RFCs that decide, and explains some rows; none is there twice."""
    sections = listed()
    for section in sections:
        verdict = section.text.partition("Verdict: ")[2].partition(".\n")[0]
        assert verdict in VERDICTS, section.title
        assert "RFC 9110 section " in section.text or "RFC 9112 section " in section.text, section.title
        assert section.entries, section.title
    keys = [key for section in sections for key, _ in section.entries]
    assert len(keys) == len(set(keys))
    assert {name for _, name in keys} <= {row.name for row in rows()}
