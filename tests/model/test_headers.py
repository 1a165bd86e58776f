"""Headers keep order, case and duplicates, and are looked up without regard to case."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal import Headers, InvalidHeader, Response

FIELDS = [("Accept", "a"), ("Set-Cookie", "x=1"), ("ACCEPT", "b"), ("set-cookie", "y=2"), ("X", "")]


def test_lookup_joins_duplicates_but_never_set_cookie():
    """Duplicates are one list (RFC 9110 section 5.2), cookies are not (RFC 6265 section 3)."""
    headers = Headers(FIELDS)

    assert headers["accept"] == "a, b"
    assert headers["SET-COOKIE"] == "x=1"
    assert headers.get_list("Set-Cookie") == ["x=1", "y=2"]
    assert headers.get("nope") is None
    assert list(headers) == ["Accept", "Set-Cookie", "X"]
    assert len(headers) == 3
    assert 7 not in headers


def test_they_compare_by_value_and_pickle():
    """Equality ignores the case of names, not the order of fields; a mapping compares by its joined values."""
    headers = Headers(FIELDS)

    assert headers == Headers([(name.lower(), value) for name, value in FIELDS])
    assert headers != Headers(FIELDS[::-1])
    assert Headers({"A": "1"}) == {"a": "1"}
    assert Headers({"A": "1"}) != {"a": "2"}
    assert headers != 7
    assert pickle.loads(pickle.dumps(headers)).pairs == headers.pairs
    assert hash(headers) == hash(Headers(headers))


@pytest.mark.parametrize("given", [7, [7], ["ab"], [("a",)], "text", [("a", "b", "c")]])
def test_what_is_neither_mapping_nor_pairs_is_refused(given):
    """Anything else is refused as a whole, with what was expected."""
    with pytest.raises(InvalidHeader, match="header"):
        Headers(given)


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "B", "Set-Cookie"]), st.text("xyz", max_size=3))))
def test_pairs_are_what_was_given(given):
    """No field is lost, moved or renamed, and each value is found under its name."""
    headers = Headers(given)

    assert list(headers.pairs) == given
    for name in ("a", "b", "set-cookie"):
        assert headers.get_list(name) == [value for key, value in given if key.lower() == name]


@given(st.text(st.characters(max_codepoint=255), max_size=8))
def test_a_peers_value_is_kept_unless_it_ends_a_line(value):
    """Control characters that a peer sent are kept, here and in a response and its copies; CR, LF and NUL are refused."""
    if set(value) & set("\r\n\0"):
        with pytest.raises(InvalidHeader, match="X-A"):
            Headers.received([("X-A", value)])
        with pytest.raises(InvalidHeader, match="X-A"):
            Response(200, [("X-A", value)])
        return
    kept = value.strip(" \t")
    response = Response(200, [(b"X-A", value.encode("latin-1"))], trailers={"X-A": value})
    assert response.content == b""
    for each in (Headers.received({"X-A": value}), response.headers, response.trailers):
        assert each.pairs == pickle.loads(pickle.dumps(each)).pairs == (("X-A", kept),)


@pytest.mark.parametrize("given", [7, [7], [("a",)], [("a b", "c")], [("a", 1)], [("a", "\u0100")]])
def test_what_no_peer_can_have_sent_is_refused(given):
    """A name that is no token, a value that is no text, or no bytes: all refused with the words for a request's."""
    with pytest.raises(InvalidHeader, match="header"):
        Headers.received(given)
