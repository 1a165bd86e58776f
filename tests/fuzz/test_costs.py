"""What reading costs, whatever comes: memory within what the limits allow, and work in proportion to what came."""

from __future__ import annotations

import pytest
from fuzz import mutants
from fuzz.case import Case
from fuzz.costs import FAMILIES, check_memory, seconds
from fuzz.reading import Fault

from intermodal.h1.exchange import ResponseReader
from intermodal.model.options import Limits

#: Far below what is fed, and so small that a few copies would show.
SMALL = (2_000, 20, 2, 500)

#: What is fed to them.
LONG = 1_000_000

#: Limits that none of the inputs here reaches.
WIDE = Limits(head_bytes=10**8, fields=10**8, interim=10**8, chunk_line=10**8)

#: To double the input may double the work; four times the work is the square. Between them there is room for chance.
SQUARE = 3

_families = pytest.mark.parametrize("family", FAMILIES)


@_families
@pytest.mark.parametrize("piece", [1_000, 65_536])
def test_memory_does_not_grow_with_what_comes(family, piece):
    """Of a megabyte no more is kept than small limits allow and what was just received."""
    check_memory(Case(FAMILIES[family](LONG), limits=SMALL), piece=piece)


@pytest.mark.parametrize("made", [made for _, law, made in mutants.MUTANTS if law == mutants.MEMORY])
def test_a_reader_that_keeps_too_much_is_seen(made):
    """The measure shows what is kept of a long body."""
    with pytest.raises(Fault, match="memory is bounded"):
        check_memory(Case(FAMILIES["a body of a length"](LONG), limits=SMALL), made)


def _growth(family, piece, limits, sizes, make=ResponseReader):
    """By how much the work grows, at most, where the input is doubled; each step by the best of three measurements.

    What disturbs a reading makes it longer. So the small input is read a few times, or it could hide a growth; the
    large one once, because that could only make up a growth, which another measurement will not show.
    """
    worst = 0
    for size in sizes:
        small, large = FAMILIES[family](size), FAMILIES[family](2 * size)
        best = float("inf")
        for _ in range(3):
            least = min(seconds(small, piece, limits, make) for _ in range(3))
            best = min(best, seconds(large, piece, limits, make) / least)
            if best < SQUARE:
                break
        worst = max(worst, best)
        if worst > SQUARE:
            break
    return worst


@_families
def test_work_grows_as_what_comes_at_once(family):
    """Twice as long an input in one piece takes twice the time, under limits that it does not reach."""
    assert _growth(family, 10**9, WIDE, (2**17, 2**18)) < SQUARE


@_families
def test_work_grows_as_what_comes_byte_by_byte(family):
    """So it is in the smallest pieces that a server can send, up to the usual limits and beyond."""
    assert _growth(family, 1, Limits(), (2**13, 2**15, 2**16)) < SQUARE


@_families
def test_work_grows_as_what_comes_in_packets(family):
    """So it is in pieces of a usual size."""
    assert _growth(family, 1_460, Limits(), (2**14, 2**15, 2**16)) < SQUARE


class _Rescanning(ResponseReader):
    """Looks at all that has come with each piece."""

    came = b""

    def receive(self, data, *, clean=True):
        self.came += data
        sum(self.came)
        super().receive(data, clean=clean)


def test_a_reader_that_rescans_is_seen():
    """The measure shows what takes the square of the time."""
    assert _growth("one header line", 1, Limits(), [2**13], _Rescanning) > SQUARE
