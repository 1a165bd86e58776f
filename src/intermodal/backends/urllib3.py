"""The transport over urllib3: its pools, guarded; or a PoolManager of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import urllib3

from intermodal.blocking.exchange import Exchange
from intermodal.blocking.pool import Pool
from intermodal.guard.current import current_exchange
from intermodal.guard.shelf import Shelf
from intermodal.guard.urllib3 import give_back, guarded_pool
from intermodal.model.options import Limits
from intermodal.protocol import Capability, Guarantee, TransportInfo, refuse_unsupported

if TYPE_CHECKING:
    from intermodal.model.options import Options
    from intermodal.model.request import Request
    from intermodal.model.response import Response
