"""``http+unix://%2Frun%2Fx.sock/path``: a URL and the Unix socket it goes over, on the command line only."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

from intermodal.errors import InvalidURL
from intermodal.model.options import Dial

_UNIX = re.compile(r" *http\+unix://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL).fullmatch


def place(url: str) -> tuple[str, Dial]:
    """Give the URL to ask for and how to get there; any other URL is given back as it is.

    The server is asked for the host ``localhost``, as curl has it: the path of a socket is no name.

    >>> place("http+unix://%2Frun%2Fdocker.sock/info?x=1")
    ('http://localhost/info?x=1', Dial(unix_socket='/run/docker.sock', source_address=None))
    >>> place("http://h/")
    ('http://h/', Dial(unix_socket=None, source_address=None))

    Raises:
        InvalidURL: it names no socket; InvalidRequest: what it names cannot be the path of one.
    """
    found = _UNIX(url)
    if found is None:
        return url, Dial()
    path = os.fsdecode(unquote_to_bytes(found[1]))
    if not path:
        raise InvalidURL(
            f"the URL {url!r:.80} names no socket: write its path in the place of the host, with %2F for each slash,"
            " such as 'http+unix://%2Frun%2Fx.sock/path'"
        )
    return f"http://localhost{found[2]}", Dial(unix_socket=path)
