"""Cases that once broke a law, and those that show a law's edge: each is tried again in every run.

A failure of the fuzz tests prints the line to add here.
"""

from __future__ import annotations

from fuzz.case import Case

_NUL = b"\0" * 80

FOUND = (
    # The text of an error quotes what was found, in quotation marks that hang on how much of it has come.
    Case(b"'\""),
    # Eighty octets that must each be escaped make the longest text that there is.
    Case(b"HTTP/1.1 " + _NUL),
    Case(b"HTTP/1.1 200 OK\r\n" + _NUL + b"\r\n\r\n"),
    # A chunk size beyond what the platform's integers hold, and an answer behind it.
    Case(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nHTTP/1.1 200 OK\r\n\r\n", end="keep"),
    # A failed head with a whole answer behind it: nobody may be told that this answer is theirs.
    Case(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nHTTP/1.1 304 OK\r\n\r\n", end="keep"),
    Case(b"HTTP/1.1 100 \x0b\r\n\r\nHTTP/1.1 204 OK\r\n\r\n", end="keep"),
    # A fold between a framing field and what would otherwise begin the next.
    Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", end="keep"),
)  # fmt: skip
