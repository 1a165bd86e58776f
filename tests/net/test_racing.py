"""The race of a host's addresses as pure state: RFC 8305 sections 4 and 5, over any addresses and any course of events."""

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.net.racing import Race, interleaved

#: RFC 8305 section 8: the Connection Attempt Delay is 250 ms, and never less than 10 ms.
RECOMMENDED, LEAST = 0.25, 0.01
#: Time passes in steps that floats hold exactly.
TICK = 1 / 1024


class Address(NamedTuple):
    family: str
    number: int


@st.composite
def addresses(draw):
    """Addresses of two families, and of a third that no system has yet; none comes twice."""
    families = draw(st.lists(st.sampled_from(["v6", "v4", "v4", "v6", "v7"]), max_size=12))
    return [Address(family, number) for number, family in enumerate(families)]


def family(address):
    return address.family


#: Time passes, or one of those that were started fails.
EVENTS = st.lists(st.one_of(st.integers(0, 600).map(lambda ticks: ticks * TICK), st.just("fails")), max_size=40)


def run(race, events):
    """Start whatever is due, as events come: the starts, each with its time and how many had failed until then."""
    now, failures, started = 100.0, 0, []

    def start_what_is_due():
        while (address := race.next(now)) is not None:
            started.append((address, now, failures))

    start_what_is_due()
    for event in events:
        if event == "fails":
            failures += 1
            race.failed()
        else:
            now += event
        start_what_is_due()
    return started


@given(addresses())
def test_the_families_take_turns(given):
    """By section 4: the resolver's first family begins, they alternate while both have any, and each keeps its order."""
    order = interleaved(given, family)

    assert sorted(order) == sorted(given)
    assert order[:1] == given[:1]
    for name in {each.family for each in given}:
        assert [each for each in order if each.family == name] == [each for each in given if each.family == name]
    for place, (one, next_one) in enumerate(itertools.pairwise(order)):
        if one.family == next_one.family:  # only where nothing else is left
            assert {each.family for each in order[place:]} == {one.family}


@given(addresses(), EVENTS)
def test_none_is_started_twice_and_none_too_soon(given, events):
    """Each is started at most once and in order; two starts without a failure between are a delay apart, or more."""
    started = run(Race(given, None), events)

    assert [address for address, _, _ in started] == given[: len(started)]
    for (_, earlier, before), (_, later, after) in itertools.pairwise(started):
        assert later - earlier >= RECOMMENDED or after > before


@given(addresses())
def test_all_are_started_if_none_answers(given):
    """Who waits for as long as told, and asks then, starts every address, one each delay, and is told when that was all."""
    race, now, starts = Race(given, None), 100.0, []
    for _ in range(2 * len(given) + 1):
        if (address := race.next(now)) is not None:
            starts.append((address, now))
        wait = race.wait(now)
        if wait is None:
            break
        now += wait

    assert starts == [(address, 100.0 + number * RECOMMENDED) for number, address in enumerate(given)]
    assert race.wait(now) is None
    assert race.next(now + 10) is None


@given(addresses(), st.integers(0, 12))
def test_a_failure_makes_the_next_due_at_once(given, failing):
    """However many fail, each lets one start at that very moment, and the one after that waits again."""
    started = run(Race(given, None), ["fails"] * failing)

    assert [address for address, _, _ in started] == given[: 1 + failing]
    assert {now for _, now, _ in started} <= {100.0}


def test_failures_that_come_together_start_one():
    """Two that fail before anybody asks let one start, not two: no burst."""
    race = Race("abcd", None)
    assert race.next(0.0) == "a"
    assert race.next(0.25) == "b"
    race.failed()
    race.failed()
    assert (race.next(0.25), race.next(0.25)) == ("c", None)


@pytest.mark.parametrize(
    ("seconds", "count", "delay"),
    [
        (60.0, 3, RECOMMENDED),
        (0.75, 3, RECOMMENDED),
        (0.5, 4, 0.125),  # each has the same share of what there is
        (0.001, 4, LEAST),
        (1.0, 1000, LEAST),
    ],
)
def test_a_tight_bound_is_shared(seconds, count, delay):
    """Every address has its turn within the bound, as far as the least delay of the RFC allows."""
    race = Race(range(1, count + 1), seconds)
    assert race.next(0.0) == 1
    assert race.wait(0.0) == delay
    assert race.next(delay - TICK) is None
    assert race.next(delay) == 2


def test_nothing_to_race():
    """No addresses, no start, no wait."""
    race = Race([], 1.0)
    assert race.next(0.0) is None
    assert race.wait(0.0) is None
