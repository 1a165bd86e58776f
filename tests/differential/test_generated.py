"""Drawn params, bodies, headers, cookies and URLs through requests and through Intermodal, over each transport.

What is left out of the drawing differs on purpose, by the row of the page that is named beside it.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from differential.declared import OLDER
from differential.row import Row, answer
from differential.seen import ADDED, differing
from differential.world import REQUESTS
from fleet import TRANSPORTS
from hypothesis import strategies as st
from property.drawing import check_each

from intermodal import URL

#: How many examples of each kind.
COUNT = {"ci": 300, "deep": 3000}.get(os.environ.get("INTERMODAL_PROFILE", "default"), 60)

#: Text that can be encoded, without what a URL and the head of a part refuse.
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_printable = st.text(
    st.characters(exclude_categories=["Cs"], min_codepoint=0x20, exclude_characters="\x7f"), max_size=8
)
_scalars = st.one_of(_texts, st.binary(max_size=4), st.integers(), st.booleans(), st.floats(allow_nan=False))
_values = st.one_of(
    _scalars, st.none(), st.lists(st.one_of(_scalars, st.none()), max_size=3), st.tuples(_texts, _texts)
)
_fields = st.one_of(st.dictionaries(_texts, _values, max_size=4), st.lists(st.tuples(_texts, _values), max_size=4))
_tokens = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)


def agree(world: Any, do: Any) -> None:
    """Check that what a function does comes to the same, whoever does it."""
    row = Row("drawn", do)
    theirs = world.run(row, REQUESTS)
    for name in TRANSPORTS:
        assert differing(theirs, world.run(row, name)) == {}, name


@pytest.mark.timeout(600)
def test_params(world):
    """Whatever is given as params comes to the same query, after one that the URL has already or the session adds."""

    def check(drawn):
        params, session, query = drawn

        def do(talk):
            talk.open(params=session)
            talk("GET", f"/echo{query}", params=params)

        agree(world, do)

    # "`params` in text or pairs take the place of the session's"
    mappings = st.dictionaries(_texts, _values, max_size=4)
    pairs = st.tuples(_fields, st.just({}), st.sampled_from(["", "?z=0", "?z", "#part"]))
    check_each(st.one_of(pairs, st.tuples(mappings, mappings, st.just(""))), COUNT, check)


def _written(fields: Any) -> bool:
    """Whether anything of these fields is left to be sent: '`data={"a": None}` and an empty file are sent chunked'."""
    values = list(fields.values()) if isinstance(fields, dict) else [value for _, value in fields]
    return not fields or any(
        any(each is not None for each in value) if isinstance(value, list | tuple) else value is not None
        for value in values
    )


@pytest.mark.timeout(600)
def test_data(world):
    """Whatever is given as data or json comes to the same body, length and type."""

    def check(drawn):
        method, keywords = drawn

        def do(talk):
            talk.play(answer(200))
            talk(method, "/x", **keywords)

        agree(world, do)

    data = st.one_of(_fields.filter(_written), st.binary(max_size=50), _texts, st.binary(max_size=50).map(bytearray))
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _texts),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
        max_leaves=6,
    )
    bodies = st.one_of(st.fixed_dictionaries({"data": data}), st.fixed_dictionaries({"json": values}))
    # Not DELETE: "`DELETE`, `OPTIONS` and `TRACE` without body send `Content-Length: 0`".
    check_each(st.tuples(st.sampled_from(["POST", "PUT", "PATCH"]), bodies), COUNT, check)


@pytest.mark.timeout(600)
def test_files(world):
    """Whatever is given as files, with fields beside them, comes to the same parts in the same order."""

    def check(drawn):
        data, files = drawn

        def do(talk):
            talk.play(answer(200))
            talk("POST", "/x", data=data, files=files)

        agree(world, do)

    # A server that reads a NUL or a bell in a name does not exist; see the docstring of encode_multipart.
    names = st.text(
        st.characters(exclude_categories=["Cs", "Cc"], include_characters='"\r\n\\'), min_size=1, max_size=8
    )
    contents = st.one_of(st.binary(max_size=20), _texts)
    files = st.one_of(
        contents,
        st.tuples(st.one_of(st.none(), names), contents),
        st.tuples(names, contents, st.sampled_from(["text/plain", "a/b; c=d"])),
    )
    fields = st.dictionaries(names, st.one_of(_texts, st.integers(), st.lists(_texts, max_size=2)), max_size=3)
    some = st.dictionaries(names, files, min_size=1, max_size=3)
    check_each(st.tuples(fields, st.one_of(some, some.map(lambda drawn: list(drawn.items())))), COUNT, check)


@pytest.mark.timeout(600)
def test_headers(world):
    """Whatever is given as headers, to the session and the call, arrives in the same order and case."""

    def check(drawn):
        session, call, removed = drawn

        def do(talk):
            talk.open(headers=session)
            talk("GET", "/status/200", headers={name.swapcase(): None for name in [*session][:removed]})
            talk("GET", "/status/200", headers=call)

        agree(world, do)

    # "a header value that begins with a space is refused ...": requests takes every white space of Unicode for one.
    values = st.text([chr(code) for code in (9, *range(32, 127), *range(128, 256))], max_size=12).map(str.strip)
    names = _tokens.filter(lambda name: name.lower() not in ADDED | {"te", "expect", "upgrade", "trailer"})
    fields = st.dictionaries(names, st.one_of(values, values.map(lambda text: text.encode("latin-1"))), max_size=5)
    alone = fields.filter(lambda drawn: len({name.lower() for name in drawn}) == len(drawn))
    check_each(st.tuples(alone, alone, st.integers(0, 2)), COUNT, check)


@pytest.mark.timeout(600)
def test_cookies(world):
    """Whatever is given as cookies, to the session and the call, and set by the server, is sent alike."""

    def check(drawn):
        session, call, came = drawn

        def do(talk):
            talk.open(cookies=session)
            talk.play(answer(200, *(f"Set-Cookie: {name}={value}; Path=/" for name, value in came.items())))
            talk("GET", "/x", cookies=call)
            talk("GET", "/echo", cookies=call)

        agree(world, do)

    octets = [chr(code) for code in range(0x21, 0x7F) if chr(code) not in ';"']
    values = st.text(octets, min_size=1, max_size=8)
    given = st.dictionaries(st.text("abc01_-", min_size=1, max_size=3), values, max_size=3)
    # "a cookie set by hand is sent beside the server's of that name": those of the server have names of their own.
    came = st.dictionaries(st.text("xyz", min_size=1, max_size=3), values, max_size=3)
    check_each(st.tuples(given, given, came), COUNT, check)


#: Paths without what stays as it was written: "`/%7Euser` is sent as `/~user` ..."; nothing empty behind ? and #:
#: "`http://h/?`, `http://h/#`, ... lose their last character"; no .. beside an empty segment: "`/..//x` is sent as `/x`".
_segments = st.one_of(
    st.sampled_from([".", "..", "", "a", "~x", "a;b=c", "@:", "[x]"]),
    _printable.map(lambda text: "".join(each for each in text if each not in "%?#/")),
)
_paths = (
    st.lists(_segments, min_size=1, max_size=5)
    .filter(lambda parts: not {"..", ""} <= {*parts} and not (OLDER and parts[0] == ""))
    .map(lambda parts: "/" + "/".join(parts))
)
_queries = _printable.map(lambda text: text.replace("%", "").replace("#", ""))
_urls = st.tuples(_paths, _queries, _printable.map(lambda text: text.replace("%", ""))).map(
    lambda drawn: drawn[0] + (drawn[1] and f"?{drawn[1]}") + (drawn[2] and f"#{drawn[2]}")
)


@pytest.mark.timeout(600)
def test_urls(world):
    """Whatever stands in a URL's path, query and fragment is sent, and shown, alike."""

    # An older requests drops one of two slashes in front: "URL: two slashes" in WAS_OTHERWISE.
    def check(url):
        def do(talk):
            talk.play(answer(200))
            talk("GET", url)

        if not (OLDER and URL(f"http://h{url}").target.startswith("//")):
            agree(world, do)

    check_each(_urls, COUNT, check)


@pytest.mark.timeout(600)
def test_locations(world):
    """Whatever stands in a Location, in UTF-8 and as a path, leads to the same place."""

    def check(url):
        def do(talk):
            talk.play(answer(302, f"Location: {url.encode().decode('latin-1')}"), answer(200))
            talk("GET", "/some/place?x")

        agree(world, do)

    def plain(url):
        # Brackets, and # in a fragment: "after a redirect `response.url` is as the `Location` was written ..."; space at
        # the end: "a header value that begins with a space ..."; a semicolon that nothing follows: "`http://h/?`,
        # `http://h/#`, ... lose their last character"; two slashes are followed by a host.
        odd = re.search(r"[\[\]]|#.*#|;(?=[?#]|$)|^//", url)
        return odd is None and url == url.strip()

    check_each(_urls.filter(plain), COUNT, check)
