"""The proof of the proof: each broken variant fails the rows that have to catch it, on every transport it breaks."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from corpus_player import PATIENCE, cut, faults, fed_faults, feed, play, row
from fleet import make_transport
from kit import mutants_of_bodies, mutants_of_exchanges, mutants_of_heads, wire

from intermodal.testing.origin import Origin

MUTANTS = [*mutants_of_heads.mutant, *mutants_of_bodies.mutant, *mutants_of_exchanges.mutant]

#: A mutant may wait for what never comes, in seconds.
IMPATIENCE = 0.6


def _wrong(mutant, name, transport_name, patience):
    """Whether a row, or a case of what is sent, fails over one transport."""
    transport = make_transport(transport_name)
    try:
        with Origin() as origin:  # one of its own: what a mutant leaves behind could take the next row's script
            if mutant.seen == "wire":
                received, expected = wire.sent(name, transport, origin)
                return received != expected
            asked = row(name)
            return bool(faults(asked, play(asked, list(asked.server), transport, origin, patience=patience)))
    finally:
        transport.close()


def _verdicts(mutant, patience):
    """``(transport, row): failed`` for everything that has to catch a mutant."""
    if mutant.seen == "reader":
        asked = [row(name) for name in mutant.caught_by]
        return {("reader", each.name): bool(fed_faults(each, _fed_by_byte(each))) for each in asked}
    tried = [(transport, name) for transport in mutant.over for name in mutant.caught_by]
    with ThreadPoolExecutor(len(tried)) as pool:
        wrong = pool.map(lambda one: _wrong(mutant, one[1], one[0], patience), tried)
        return dict(zip(tried, wrong, strict=True))


def _fed_by_byte(asked):
    return feed(asked, cut(asked.script, range(len(asked.script))))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_is_caught_by_each_of_its_rows(mutant, monkeypatch):
    """The rows pass with the code as it is; with the mutant in its place each of them fails, on each transport it breaks."""
    wrong = [key for key, failed in _verdicts(mutant, PATIENCE).items() if failed]
    assert wrong == [], "fails without the mutant"
    mutant.breaks(monkeypatch)
    survived = [key for key, failed in _verdicts(mutant, IMPATIENCE).items() if not failed]
    gc.collect()  # what a mutant has leaked is its own affair, and ends here
    assert survived == [], "not caught"


def test_every_case_of_what_is_sent_is_the_same_over_every_transport(all_transports):
    """The bytes of each request are those written down for it by hand, whichever transport sends it."""
    with Origin() as origin:
        for transport in all_transports.values():
            for case in wire.CASES:
                received, expected = wire.sent(case, transport, origin)
                assert received == expected, f"{case} over {transport.info.name}"
