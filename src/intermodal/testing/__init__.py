"""Doubles and peers for tests: a transport that answers by itself, and an origin server on plain sockets."""

from intermodal.testing.mock import Call, MockTransport

__all__ = ["Call", "MockTransport"]
