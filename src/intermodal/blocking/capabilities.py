"""What an exchange over our own stream can do and guarantees, whatever transport carries it."""

from __future__ import annotations

import socket

from intermodal.protocol import Capability, Guarantee

CAPABILITIES = (
    Capability.FORWARD_PROXY
    | Capability.CONNECT_PROXY
    | Capability.TLS_PROXY
    | Capability.SOCKS
    | (Capability.UNIX_SOCKET if hasattr(socket, "AF_UNIX") else Capability.NONE)
    | Capability.SOURCE_ADDRESS
    | Capability.CUSTOM_TLS
    | Capability.CLIENT_CERT
    | Capability.STREAM_REQUEST
    | Capability.EXPECT_CONTINUE
    | Capability.UPGRADE
    | Capability.WRITE_TIMEOUT
    | Capability.POOL_TIMEOUT
    | Capability.TOTAL_TIMEOUT
    | Capability.EXACT_TARGET
    | Capability.HTTPS
)
GUARANTEES = (
    Guarantee.WIRE_EXACT
    | Guarantee.STRICT_FRAMING
    | Guarantee.DELIVERY
    | Guarantee.TRAILERS
    | Guarantee.INFORMATIONAL
    | Guarantee.EXCHANGE
)
