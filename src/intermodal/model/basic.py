"""User and password as a header field has them."""

from __future__ import annotations

import base64


def basic(username: str, password: str) -> str:
    """Give the value of ``Authorization`` or ``Proxy-Authorization`` (RFC 7617), in UTF-8.

    >>> basic("Aladdin", "open sesame")
    'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
