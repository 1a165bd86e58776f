"""Link header fields (RFC 8288): what requests reads likewise, what it reads wrongly, and time linear in any of them."""

import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from intermodal import Response
from intermodal.model.links import parse_links


def links(*values):
    """The links of a response with these header fields."""
    return Response(200, [("Link", value) for value in values]).links


@pytest.mark.parametrize(
    "value",
    [
        '<https://api.test/repos?page=3&per_page=100>; rel="next", <https://api.test/repos?page=50>; rel="last"',
        "<http://h/front.jpeg>; rel=front; type=\"image/jpeg\", <http://h/back.jpeg>; rel=back;type='image/jpeg'",
        '<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter"',
        '</>; rel="http://example.net/foo"',
        "<http://h/only>",
        "<http://h/a>;",
        "",
    ],
)
def test_links_are_those_of_requests(value):
    """What is written as it should be gives the very dictionary that requests gives."""
    theirs = requests.Response()
    theirs.headers["link"] = value

    assert links(value) == theirs.links


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # RFC 8288 section 3.5
        (
            ["</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel"],
            {"previous": {"url": "/TheBook/chapter2", "rel": "previous", "title*": "UTF-8'de'letztes%20Kapitel"}},
        ),
        (
            ['<http://example.org/>; rel="start http://example.net/relation/other"'],
            {
                key: {"url": "http://example.org/", "rel": "start http://example.net/relation/other"}
                for key in ("start", "http://example.net/relation/other")
            },
        ),
        # a comma, a semicolon and an angle bracket inside of a target or of quotes end nothing
        (["<http://h/a,b;c>; rel=next"], {"next": {"url": "http://h/a,b;c", "rel": "next"}}),
        (
            ['</a>; title="a, <b>; c"; rel=next, </b>; rel=prev'],
            {"next": {"url": "/a", "title": "a, <b>; c", "rel": "next"}, "prev": {"url": "/b", "rel": "prev"}},
        ),
        ([r'</a>; title="say \"hi\" \\"; rel=next'], {"next": {"url": "/a", "title": 'say "hi" \\', "rel": "next"}}),
        (["</a>; rel=next; title=a=b"], {"next": {"url": "/a", "rel": "next", "title": "a=b"}}),
        # several fields are one list
        (
            ["</a>; rel=next", "</b>; rel=prev"],
            {"next": {"url": "/a", "rel": "next"}, "prev": {"url": "/b", "rel": "prev"}},
        ),
        # the first rel of a link counts (section 3.3), names and relations are compared without case (2.1.1)
        (["</a>; REL=Next; rel=prev"], {"next": {"url": "/a", "rel": "Next"}}),
        # white space and empty members are nobody's
        (["  ,, </a> ; rel = next ;; crossorigin , ,"], {"next": {"url": "/a", "rel": "next", "crossorigin": ""}}),
        (['< /a >; rel=""'], {"/a": {"url": "/a", "rel": ""}}),
        # what is no link is passed over, and so is what was cut off before one
        (["nonsense; rel=x, </a>; rel=next"], {"next": {"url": "/a", "rel": "next"}}),
        (["</cut, </a>; rel=next"], {"next": {"url": "/a", "rel": "next"}}),
        (
            ['</a>; rel="next" junk "quoted, , </b>; rel=prev'],
            {"next": {"url": "/a", "rel": "next"}, "prev": {"url": "/b", "rel": "prev"}},
        ),
        (['</a>; rel="next'], {"next": {"url": "/a", "rel": "next"}}),
        (['</a>; rel="next" junk </b>; rel=prev'], {"next": {"url": "/a", "rel": "next"}}),
        (["</a", "/b>; rel=next", "rel=next"], {}),
        # a parameter cannot stand in for the target
        (["</a>; url=/evil; rel=next"], {"next": {"url": "/a", "rel": "next"}}),
        # of two with one relation the last counts, as in requests
        (["</a>; rel=next, </b>; rel=next"], {"next": {"url": "/b", "rel": "next"}}),
    ],
)
def test_links_are_read_by_the_rfc_and_leniently(values, expected):
    """What requests cuts in pieces is whole, and what is malformed spoils nothing behind it."""
    assert links(*values) == expected


def test_no_link_field_is_no_link():
    """A response without the field has no links."""
    assert Response(200).links == {}


WORD = st.text("abcXYZ019/:?=&,;<>\"' \\", min_size=1, max_size=8)


@given(st.text("<>;,=\"\\ \tarel'*", max_size=60))
def test_no_field_makes_links_raise(value):
    """Whatever the field holds, each link has a url, and no url an angle bracket."""
    for link in parse_links([value]).values():
        assert ">" not in link["url"]
        assert "<" not in link["url"]


@given(st.lists(st.tuples(st.text("abc/?,;&=\"'", min_size=1), WORD), min_size=1, max_size=4))
def test_what_is_written_by_the_rfc_is_read_again(given_links):
    """Targets and quoted values with commas, semicolons, quotes and backslashes in them come back as they were."""
    value = ", ".join(
        '<{}>; n{}="{}"; rel={}'.format(url, number, title.replace("\\", "\\\\").replace('"', '\\"'), f"r{number}")
        for number, (url, title) in enumerate(given_links)
    )

    assert parse_links([value]) == {
        f"r{number}": {"url": url, f"n{number}": title, "rel": f"r{number}"}
        for number, (url, title) in enumerate(given_links)
    }


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        ">",
        '"',
        "\\",
        ";",
        ",",
        " ",
        "=",
        "<a>;",
        '"\\',
        '<a>;b="\\',
        '"\\", <b>\\',
        "; ",
        ";a=",
        '<a>;b="c" ',
        ", ",
        "<a>, ",
        '<a>;a="\\"',
    ],
)
def test_links_take_linear_time(unit):
    """Eight times as much of anything takes no more than a multiple of eight of the time."""

    def took(times):
        value = "<a>" + unit * times
        began = time.process_time()
        parse_links([value])
        return time.process_time() - began

    assert took(80_000) < 30 * max(took(10_000), 0.005)
