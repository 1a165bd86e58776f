"""The conformance kit: whether a transport does what the contract says, clause by clause.

The contract is the docstring of :mod:`intermodal.protocol`. The kit tries a transport with a few hundred cases against
servers that play raw bytes, and generated exchanges against a model that knows what must come of them. It serves our
transports, doubles and yours alike. Three ways in:

- :func:`run` gives a :class:`Report`;
- :class:`TransportConformance` is a base class for pytest;
- ``intermodal conform NAME`` or ``intermodal conform module:factory`` on the command line.

:func:`compare` carries generated exchanges over two transports, and explains the smallest that they differ in.

It needs the extra ``testing``: ``pip install "intermodal[testing]"``.

>>> from intermodal.backends.socket import SocketTransport
>>> report = run(SocketTransport, clauses=["T3"])
>>> report.passed
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import CLAUSES, Case, Failure
from intermodal.conformance.report import Report, Verdict
from intermodal.conformance.runner import all_cases, run
from intermodal.conformance.stage import Came, Stage
from intermodal.conformance.suite import TransportConformance

if TYPE_CHECKING:
    from intermodal.conformance.comparing import compare
    from intermodal.conformance.divergence import Divergence

__all__ = [
    "CLAUSES",
    "Came",
    "Case",
    "Divergence",
    "Failure",
    "Report",
    "Stage",
    "TransportConformance",
    "Verdict",
    "all_cases",
    "compare",
    "run",
]

#: What is built on hypothesis, and imported when it is asked for.
_LAZY = {"compare": "comparing", "Divergence": "divergence"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - as above

    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
