"""The three transports over the user's own object, and options that ask for no more than they declare."""

from dataclasses import dataclass, replace
from typing import Any

import httpx
import requests
import urllib3

from intermodal.backends.httpx import HttpxTransport
from intermodal.backends.requests import RequestsTransport
from intermodal.backends.urllib3 import Urllib3Transport
from intermodal.model.options import Limits, Options, Timeouts
from intermodal.protocol import Capability, Transport

NAMES = ("requests", "urllib3", "httpx")

_BOUNDS = {
    "write": Capability.WRITE_TIMEOUT,
    "pool": Capability.POOL_TIMEOUT,
    "total": Capability.TOTAL_TIMEOUT,
}


@dataclass
class Own:
    """A transport and the object it was given, which the test closes."""

    transport: Transport
    thing: Any

    def close(self):
        self.transport.close()
        getattr(self.thing, "clear" if isinstance(self.thing, urllib3.PoolManager) else "close")()


def make_own(name, thing=None, limits=Limits()):  # noqa: B008
    """Make one of the three over an object of its library's kind, a plain one unless given."""
    if name == "requests":
        thing = thing or requests.Session()
        return Own(RequestsTransport(session=thing, limits=limits), thing)
    if name == "urllib3":
        thing = thing or urllib3.PoolManager()
        return Own(Urllib3Transport(pool_manager=thing, limits=limits), thing)
    thing = thing or httpx.Client(trust_env=False)
    return Own(HttpxTransport(client=thing, limits=limits), thing)


def plain(own, name):
    """Send one ordinary GET with the user's own object, by its own API, and give the body."""

    def get(url):
        if name == "urllib3":
            return own.thing.request("GET", url).data
        return own.thing.get(url).content

    return get


def fitting(transport, seconds=20.0, **options):
    """Options with each bound that the transport declares."""
    undeclared = {name: None for name, bound in _BOUNDS.items() if not bound & transport.info.capabilities}
    return Options(replace(Timeouts.of(seconds), **undeclared), **options)
