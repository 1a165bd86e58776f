"""The shortcut for the usual head is no second opinion: what it takes, the reader takes with the same meaning."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from corpus_player import rows
from h1.usual_heads import CHECKS, Drawn, agrees, drawn
from hypothesis import strategies as st
from property.drawing import PROFILE, check_each

from intermodal.h1 import usual
from intermodal.model.headers import Headers
from intermodal.model.options import Limits
from intermodal.testing.strategies import KINDS, exchanges

EXAMPLES = {"default": 400, "ci": 4000, "deep": 100_000}[PROFILE]


@pytest.mark.parametrize("check", CHECKS)
def test_it_owes_the_reader_the_same_answer(check):
    """Whatever comes, the check holds; and a fair part of it is of the kind that the shortcut takes."""
    taken = Counter()
    check_each(drawn(), EXAMPLES, lambda answer: taken.update([CHECKS[check](answer)]))
    assert taken[True] > EXAMPLES // 10
    assert taken[False] > EXAMPLES // 10


def test_it_agrees_on_any_answer_that_the_exchanges_are_tried_with():
    """Faultless answers and answers with a fault of each kind, whole, cut off and with excess bytes."""

    def check(exchange):
        agrees(Drawn(exchange.sent, exchange.ask.method))

    check_each(st.sampled_from(KINDS).flatmap(exchanges), EXAMPLES // 10, check)


def test_it_agrees_on_every_row_of_the_corpus():
    """Whole and cut off behind each of the first bytes; rows are among those it takes and among those it leaves."""
    taken = {row.name: agrees(Drawn(row.script, row.method)) for row in rows()}
    assert taken["status-line/normal"]
    assert taken["headers/dup set-cookie"]
    assert not taken["content-length/CL +5"]
    for row in rows():
        for place in range(min(len(row.script), 200)):
            agrees(Drawn(row.script[:place], row.method))


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: abc\r\nContent-Length: 2\r\n",
        "Content-Length: 9, 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nX: y\r\ncontent-LENGTH:3\r\n",
        "Connection: keep-alive\r\nConnection: close\r\nContent-Length: 2\r\n",
        "Connection: keep-alive\r\nX: y\r\nContent-Length: 2\r\nCONNECTION:close\r\n",
        "Connection: keep-alive, close\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nTRANSFER-ENCODING:chunked\r\n",
    ],
)
def test_it_leaves_what_two_fields_say(fields):
    """Where a framing field or Connection is there twice, or two of them meet, the reader decides."""
    data = f"HTTP/1.1 200 OK\r\n{fields}\r\nhi".encode()
    assert usual.usual_head(data, "GET", Limits()) is None


def test_headers_of_a_section_travel():
    """Pickled and copied before anybody has looked at them, they are still the same."""
    data = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\nx-a:  2 \r\n\r\n"

    def fresh():
        return usual.usual_head(data, "GET", Limits())[2]

    pairs = (("X-A", "1"), ("Content-Length", "0"), ("x-a", "2"))
    assert pickle.loads(pickle.dumps(fresh())).pairs == pairs
    assert Headers(fresh()).pairs == pairs
    assert Headers(fresh())["x-A"] == "1, 2"
    with pytest.raises(AttributeError):
        fresh().nothing  # noqa: B018
