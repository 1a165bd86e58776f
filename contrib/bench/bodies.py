"""The bodies that go to and fro, known to the servers and to those who check the answers."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SMALL = b"hello"
MIDDLE = bytes(range(256)) * 40  # 10 kB, near enough
LARGE = 100 * 2**20

#: About a kilobyte of JSON.
DOCUMENT = {"words": ["a line of a document that is sent"] * 26, "number": 3.5, "nested": {"true": True, "none": None}}


def write_large(path: Path) -> int:
    """Write the large body into a file; its CRC-32. No mebibyte is like another, so that none can stand for another."""
    checksum = 0
    with path.open("wb") as file:
        for number in range(LARGE // 2**20):
            piece = bytes([number]) + bytes(range(256)) * 4095 + bytes(255)
            file.write(piece)
            checksum = zlib.crc32(piece, checksum)
    return checksum
