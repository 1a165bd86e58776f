"""The exchange that the library above is carrying right now, for the seam below it to find.

A context variable: one per thread, and one per task where a library is asynchronous.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intermodal.blocking.exchange import Exchange

current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")
