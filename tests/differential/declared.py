"""Where Intermodal differs from requests on purpose: every row that does, and in what."""

import re
from typing import Any

import requests
from differential.differences import of_answers, of_requests, of_ways

DECLARED: dict[str, dict[str, Any]] = {}
for _part in (of_requests, of_ways, of_answers):
    for _row, _facts in _part.DIFFERENCES.of.items():
        _known = DECLARED.setdefault(_row, {})
        assert _known.keys().isdisjoint(_facts), _row
        _known.update(_facts)

#: Whether this is a requests of before the version that the table is about.
OLDER = tuple(int(each) for each in re.findall("[0-9]+", requests.__version__)[:2]) < (2, 34)

#: What such a requests did in its own way, with the urllib3 of its time.
WAS_OTHERWISE = {
    "URL: two slashes": "one of them was dropped",
    "data: a file opened as text": "a character beyond latin-1 was a UnicodeEncodeError",
    "cookies: a number": "a TypeError",
    "netrc: and a login in the URL": "the URL's went before",
    "environment: no_proxy for a host below": "any ending of a host's name was one",
    "proxies: no login, by way of a tunnel": "the socket was left open",
    **{
        f"digest: {each}": "a login that it could not make was a header of None, and a TypeError"
        for each in (
            "algorithm SHA-256-sess",
            "algorithm SHA-512-256",
            "algorithm X-NEW",
            "auth-int alone",
            "an unknown quality",
        )
    },
}
