"""Doubles and peers for tests: transports that answer by themselves or call an application, and an origin server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.testing.mock import Call, MockTransport

if TYPE_CHECKING:
    from intermodal.testing.asgi import ASGITransport as ASGITransport
    from intermodal.testing.wsgi import WSGITransport as WSGITransport

__all__ = ["ASGITransport", "Call", "MockTransport", "WSGITransport"]


if not TYPE_CHECKING:  # to a type checker, they are simply there

    def __getattr__(name: str) -> Any:
        # When they are asked for: who wants a mock or the origin needs neither asyncio nor anything that reads HTTP.
        if name == "ASGITransport":
            from intermodal.testing.asgi import ASGITransport  # noqa: PLC0415

            return ASGITransport
        if name == "WSGITransport":
            from intermodal.testing.wsgi import WSGITransport  # noqa: PLC0415

            return WSGITransport
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
