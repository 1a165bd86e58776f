"""Reading the challenges and parameters that a server sends."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal import InvalidHeader, Request
from intermodal.model.challenges import MOST_CHALLENGES, Challenge, authorized, challenges, parameters, quoted

TOKENS = st.text(st.sampled_from("abz09!#$%&'*+-.^_`|~AZ"), min_size=1, max_size=6)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=8)


@st.composite
def written_challenges(draw):
    """Draw challenges, and a field that holds them, written with any white space and quoting there may be."""
    spaces = st.sampled_from(["", " ", "\t", "  "])
    drawn, pieces = [], []
    for scheme in draw(st.lists(TOKENS, max_size=3)):
        found = draw(st.dictionaries(TOKENS.map(str.lower), VALUES, max_size=3))
        token68 = "" if found else draw(st.sampled_from(["", "YWI=", "a/b+c=="]))
        drawn.append(Challenge(scheme.lower(), found, token68))
        written = [
            f"{name.upper()}{draw(spaces)}={draw(spaces)}{quoted(value)}{draw(spaces)}" for name, value in found.items()
        ]
        comma = draw(st.sampled_from([",", ", ", " ,\t,"]))
        pieces.append(f"{scheme} {token68 or comma.join(written)}".rstrip())
    return drawn, draw(st.sampled_from([", ", ",", " ,, "])).join(pieces)


@given(written_challenges())
def test_challenges_are_read_as_they_were_written(drawn_and_written):
    """Any list of challenges comes out as it went in (RFC 9110 section 11.6.1)."""
    drawn, written = drawn_and_written

    assert challenges(written) == drawn


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ('Digest realm="r" x, nonce="n"', {"nonce": "n"}),
        ('Digest realm="r"x, nonce="n"', {"nonce": "n"}),
        ('Digest realm=r x, nonce="n"', {"nonce": "n"}),
        ('Digest =, realm="", nonce=n/+==', {"realm": "", "nonce": "n/+=="}),
        ('Digest nonce="first", NONCE="second"', {"nonce": "first"}),
        ('Digest nonce="n", realm="never ends, a=b', {"nonce": "n", "a": "b"}),
    ],
)
def test_what_cannot_be_read_is_passed_over(field, found):
    """A parameter that is written wrong does not count, and the next ones do; of two by one name the first."""
    assert challenges(field) == [Challenge("digest", found)]
    assert parameters(field.removeprefix("Digest ")) == found


def test_what_is_written_goes_through_the_gate():
    """A value that would end the field is refused, whoever has made it."""
    with pytest.raises(InvalidHeader):
        authorized(Request("GET", "http://h/"), "Digest a\r\nX: y")


@given(st.text(st.sampled_from('ab=, "\\\t/Digest') | st.characters(max_codepoint=0xFF), max_size=60))
def test_nothing_that_a_server_sends_breaks_the_reading(text):
    """Whatever stands in a field, reading it ends and raises nothing."""
    challenges(text)
    parameters(text)


PIECES = [
    "a",
    "b",
    "a ",
    "a,",
    "a=",
    'a="',
    'a="\\',
    '\\"',
    'a="b" ',
    "a=b ",
    " ",
    ",",
    'a=",',
    "a /",
    "=",
    'a="b",',
    "Digest ",
]


@pytest.mark.parametrize(
    ("read", "piece"), [*((challenges, piece) for piece in PIECES), (parameters, "a"), (parameters, 'a="b",')]
)
def test_a_long_field_is_read_in_linear_time(read, piece):
    """1 MiB of anything takes at most three times as long as half of it (urllib3 CVE-2021-33503 and its kin)."""

    def seconds(n):
        text = 'Digest a="' * (piece in {"b", '\\"'}) + piece * (n // len(piece))
        started = time.process_time()
        read(text)
        return time.process_time() - started

    def ratio():
        whole = seconds(1 << 20)
        return 0 if whole < 0.02 else whole / seconds(1 << 19)

    assert any(ratio() < 3 for _ in range(3))  # whoever else is at work on this machine disturbs one, not three


def test_a_field_of_countless_challenges_is_not_kept():
    """A server cannot make each two characters of a field into an object."""
    assert len(challenges("a," * 1000)) == MOST_CHALLENGES
