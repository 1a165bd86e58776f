"""The proof of the proof: each broken variant fails what has to catch it, on every transport it breaks."""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import traceback
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from backends import talk
from corpus_player import PATIENCE, cut, faults, fed_faults, feed, play, row
from fleet import make_transport
from h1 import usual_heads
from hypothesis import Phase, given, settings
from kit import (
    mutants_of_bodies,
    mutants_of_exchanges,
    mutants_of_heads,
    mutants_of_the_usual,
    mutants_of_uploads,
    wire,
)

import intermodal.blocking.exchange as blocking
from intermodal.model.options import Limits
from intermodal.testing.origin import Origin

MUTANTS = [
    *mutants_of_heads.mutant,
    *mutants_of_bodies.mutant,
    *mutants_of_exchanges.mutant,
    *mutants_of_the_usual.mutant,
    *mutants_of_uploads.mutant,
]

#: A mutant may wait for what never comes, in seconds; a test waits for more than one row does.
IMPATIENCE = 0.6
IMPATIENCE_OF_TESTS = 1.5


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
    if mutant.seen == "heads":
        return {("shortcut", name): _fails(_tried_on_heads(usual_heads.CHECKS[name])) for name in mutant.caught_by}
    tried = [(transport, name) for transport in mutant.over for name in mutant.caught_by]
    if mutant.seen == "tests":
        with patch.object(talk, "PATIENCE", patience):
            return {(over, name): _fails(*_called(name, over)) for over, name in tried}
    with ThreadPoolExecutor(len(tried)) as pool:
        wrong = pool.map(lambda one: _wrong(mutant, one[1], one[0], patience), tried)
        return dict(zip(tried, wrong, strict=True))


def _fed_by_byte(asked):
    return feed(asked, cut(asked.script, range(len(asked.script))))


def _tried_on_heads(check):
    def checked():
        for answer in _heads():
            check(answer)

    return checked


@functools.cache
def _heads():
    """Heads as they are drawn, always the same ones."""
    heads = []
    once = settings(max_examples=600, phases=[Phase.generate], derandomize=True, database=None)
    once(given(usual_heads.drawn())(lambda answer: heads.append(answer)))()  # noqa: PLW0108 - hypothesis takes no built-in
    return heads


def _called(name, over):
    """A test by its name and parameters, and the transport that it is to be called with."""
    path, _, parameters = name.rstrip("]").partition("[")
    module, _, function = path.rpartition(".")
    test = getattr(importlib.import_module(module), function)
    chosen = [int(each) if each.isdigit() else each for each in parameters.split("-") if each]
    narrow = "narrow" in inspect.signature(test).parameters
    transport = make_transport(over, limits=Limits(connections=1)) if narrow else make_transport(over)
    return lambda transport: test(transport, *chosen), transport


def _fails(check, *transport):
    """Whether a check raises; it is given the transport, if any, which ends with it."""
    try:
        check(*transport)
    except (Exception, pytest.fail.Exception):
        traceback.print_exc()  # to be seen where it is not the mutant's
        return True
    finally:
        for each in transport:
            each.close()
    return False


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_is_caught_by_each_of_its_rows(mutant, monkeypatch):
    """What has to catch it passes with the code as it is; with the mutant in its place all of it fails, on each transport it breaks."""
    if not mutant.shortcut:
        monkeypatch.setattr(blocking, "usual_head", lambda *_: None)
    wrong = [key for key, failed in _verdicts(mutant, PATIENCE).items() if failed]
    assert wrong == [], "fails without the mutant"
    mutant.breaks(monkeypatch)
    survived = [
        key
        for key, failed in _verdicts(mutant, IMPATIENCE_OF_TESTS if mutant.seen == "tests" else IMPATIENCE).items()
        if not failed
    ]
    gc.collect()  # what a mutant has leaked is its own affair, and ends here
    assert survived == [], "not caught"


def test_every_case_of_what_is_sent_is_the_same_over_every_transport(all_transports):
    """The bytes of each request are those written down for it by hand, whichever transport sends it."""
    with Origin() as origin:
        for transport in all_transports.values():
            for case in wire.CASES:
                received, expected = wire.sent(case, transport, origin)
                assert received == expected, f"{case} over {transport.info.name}"
