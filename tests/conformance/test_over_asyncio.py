"""The kit over a transport that is asynchronous and right: it passes, so the cases are right in that colour too."""

from __future__ import annotations

from conformance.over_asyncio import LIMITS, OverAsyncio

from intermodal.conformance import TransportConformance


class TestOverAsyncio(TransportConformance):
    def make_transport(self, limits=LIMITS):
        return OverAsyncio(limits=limits)
