r"""Hypothesis strategies of whole HTTP exchanges, and the reference model that tells what must come of each.

Whatever is drawn is built together with its meaning, so that the model (:func:`expected`) reads no bytes: it is no second
parser that could share a misunderstanding with the first.

>>> from hypothesis import given, settings
>>> from intermodal import Client
>>> from intermodal.model.options import Options
>>> from intermodal.testing.origin import Origin
>>> @settings(max_examples=10)
... @given(exchanges("none"))
... def test_status(exchange):
...     with Origin() as origin, Client("socket") as client:
...         origin.play(*exchange.segments, then=exchange.then)
...         with client.transport.send(exchange.ask.request(origin.url), Options()) as response:
...             assert response.status_code == expected(exchange).outcome.status
>>> test_status()
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401 - asked first, so that what is missing is said in one place
except ImportError as missing:  # pragma: no cover - the tests run with it
    raise ImportError(
        'intermodal.testing.strategies needs hypothesis, which is not installed: pip install "intermodal[testing]"',
        name=missing.name,
    ) from missing

from .answer import answers
from .ask import asks, requests
from .exchange import KINDS, exchanges, kinds
from .language import Answer, Ask, Exchange, Field, Head
from .model import Expected, expected

__all__ = [
    "KINDS",
    "Answer",
    "Ask",
    "Exchange",
    "Expected",
    "Field",
    "Head",
    "answers",
    "asks",
    "exchanges",
    "expected",
    "kinds",
    "requests",
]
