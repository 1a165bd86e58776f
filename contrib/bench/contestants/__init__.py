"""The contestants: each makes operations over one HTTP client, used as that client's documentation says."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.contestants.contestant import Contestant


class Entry(NamedTuple):
    """A contestant that can be asked for by name.

    Attributes:
        name: what the tables call it.
        module: the module of this package that makes it.
        library: the contestant that it is measured against besides.
        distribution: what pip calls it; None for what is always there.
        environment: the folder, below the running environment, of the one that it lives in; None for the running one.
    """

    name: str
    module: str
    library: str | None = None
    distribution: str | None = None
    environment: str | None = None

    def make(self) -> Contestant:
        """Make the contestant; imports its library."""
        made: Contestant = importlib.import_module(f"bench.contestants.{self.module}").make(self.name)
        return made


ENTRIES = (
    Entry("bare", "bare"),
    Entry("http.client", "standard"),
    Entry("urllib3", "urllib3", distribution="urllib3"),
    Entry("requests", "requests", distribution="requests"),
    Entry("httpx", "httpx", distribution="httpx"),
    Entry("httpx2", "httpx", distribution="httpx2"),
    Entry("aiohttp", "aiohttp", distribution="aiohttp"),
    Entry("pycurl", "pycurl", distribution="pycurl"),
    Entry("pycurl+headers", "pycurl", distribution="pycurl"),
    Entry("pyreqwest", "pyreqwest", distribution="pyreqwest"),
    Entry("niquests", "requests", distribution="niquests", environment="niquests"),  # it overwrites urllib3
    Entry("intermodal/socket", "intermodal", distribution="intermodal"),
    Entry("intermodal/requests", "intermodal", "requests", "intermodal"),
    Entry("intermodal/urllib3", "intermodal", "urllib3", "intermodal"),
    Entry("intermodal/httpx", "intermodal", "httpx", "intermodal"),
)

BY_NAME = {entry.name: entry for entry in ENTRIES}
