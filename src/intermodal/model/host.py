"""Hosts as text, as a URL has made them canonical: a name, or an IP address without brackets."""

from __future__ import annotations


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP address: only those have a colon, or nothing but digits and dots.

    >>> is_address("fe80::1%lo"), is_address("192.0.2.1"), is_address("1.example")
    (True, True, False)
    """
    return ":" in host or host.replace(".", "").isdecimal()


def authority(host: str, port: int) -> str:
    """Give ``host:port``, with brackets where the host is an IPv6 address (RFC 3986 section 3.2.2).

    >>> authority("example.org", 80), authority("::1", 80)
    ('example.org:80', '[::1]:80')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
