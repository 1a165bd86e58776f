"""The transports that the kit is run over, beside those that are known by their names."""

from __future__ import annotations

import importlib
import ssl
import sys
from pathlib import Path

import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter

from intermodal.backends.httpx import HttpxTransport
from intermodal.backends.requests import RequestsTransport
from intermodal.backends.urllib3 import Urllib3Transport
from intermodal.model.options import Limits

#: Of one's own for each client it would be loaded anew for each case.
_CONTEXT = ssl.create_default_context()
_TEMPLATE = Path(__file__).parents[2] / "contrib" / "template" / "src"


def closing(transport, close):
    """Let a transport's close end what it was given too, as the owner of that does sooner or later."""
    its_own = transport.close

    def both():
        its_own()
        close()

    transport.close = both
    return transport


def session(limits=Limits()):  # noqa: B008 - frozen
    """Over a Session of the user's own."""
    made = requests.Session()
    made.mount("http://", HTTPAdapter(pool_maxsize=limits.connections, pool_block=True))
    return closing(RequestsTransport(session=made, limits=limits), made.close)


def client(limits=Limits()):  # noqa: B008 - frozen
    """Over a Client of the user's own."""
    made = httpx.Client(verify=_CONTEXT, trust_env=False, limits=httpx.Limits(max_connections=limits.connections))
    return closing(HttpxTransport(client=made, limits=limits), made.close)


def pool_manager(limits=Limits()):  # noqa: B008 - frozen
    """Over a PoolManager of the user's own."""
    made = urllib3.PoolManager(maxsize=limits.connections, block=True)
    return closing(Urllib3Transport(pool_manager=made, limits=limits), made.clear)


def template():
    """The transport to copy, from its folder."""
    if str(_TEMPLATE) not in sys.path:
        sys.path.insert(0, str(_TEMPLATE))
    return importlib.import_module("intermodal_template").TemplateTransport()
