"""The four transports, by name."""

import importlib

TRANSPORTS = {
    "socket": ("intermodal.backends.socket", "SocketTransport"),
    "requests": ("intermodal.backends.requests", "RequestsTransport"),
    "urllib3": ("intermodal.backends.urllib3", "Urllib3Transport"),
    "httpx": ("intermodal.backends.httpx", "HttpxTransport"),
}


def make_transport(name, **keywords):
    """Make one of the four transports by name."""
    module, attribute = TRANSPORTS[name]
    return getattr(importlib.import_module(module), attribute)(**keywords)
