"""Every answer of the corpus has its one canonical outcome: over each transport, whole or cut, and for the reader alone.

Two readers that share no code with this package look at the same bytes; where they see something else, it is written
down with the sentence of the RFC that decides.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

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

from intermodal.model.options import Options, Timeouts
from intermodal.model.request import Request
from intermodal.testing.origin import Origin

GROUPS = sorted({row.group for row in rows()})

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
                assert (response.status_code, response.content if response.upgraded is None else b"") == (101, b""), (
                    name
                )
                came = b""
                while len(came) < len(data) and (piece := response.upgraded.recv(100)):
                    came += piece
                assert came == data, name
                response.upgraded.sendall(b"GET /in-the-other-protocol HTTP/1.1\r\n\r\n")
                assert response.upgraded.recv(9) == b"HTTP/1.1 ", name
            assert len(origin.connections) == 1, name
        transport.close()


# --- fed to the reader ------------------------------------------------------------------------------------------------


@every_row
def test_the_reader_makes_the_same_of_a_row_wherever_it_is_cut_once(row):
    """Cut at every single position, the reader comes to the canonical outcome and gives the same as for the whole."""
    whole = feed(row, [row.script] if row.script else [])
    assert fed_faults(row, whole) == []
    for place in range(1, len(row.script)) if len(row.script) <= CUT_EVERYWHERE else ():
        assert feed(row, cut(row.script, [place])) == whole, f"{row.name} cut at {place}"


@pytest.mark.parametrize("group", GROUPS)
@given(st.data())
def test_the_reader_makes_the_same_of_a_row_however_it_is_cut(group, data):
    """Cut in any number of places and read in any portions, the reader comes to the canonical outcome."""
    row = data.draw(st.sampled_from([row for row in rows() if row.group == group]))
    places = data.draw(st.lists(st.integers(0, len(row.script)), max_size=12))
    take = data.draw(st.sampled_from([1, 2, 3, 7, 65536]))
    assert fed_faults(row, feed(row, cut(row.script, places), take=take)) == []


@every_row
def test_the_reader_makes_the_same_of_a_row_byte_by_byte(row):
    """A byte at a time, which is every cut at once, the reader comes to the canonical outcome."""
    pieces = [bytes([byte]) for byte in row.script] if len(row.script) <= CUT_EVERYWHERE else [row.script]
    assert fed_faults(row, feed(row, pieces, take=1)) == []


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


@pytest.mark.parametrize("reader", READERS)
def test_an_independent_reader_differs_only_where_it_is_listed(reader):
    """h11 and llhttp have the canonical outcome of each row, or exactly the difference that the table has for it."""
    table = {key: text for section in listed() for key, text in section.entries if key[0] == reader}
    found = {(reader, row.name): text for row in rows() if (text := differences(row, reader))}
    assert found == table


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
