"""The JSON documents that ``--json`` prints.

``compare``::

    {
      "intermodal": "0.1.0",              the version
      "url": null,                        the URL given, or null for the tour
      "identical": true,                  whether nothing differs
      "wire": "...",                      how the bytes on the wire were seen, or why not
      "transports": [{
        "name": "socket", "distribution": "intermodal", "version": "0.1.0",
        "median_seconds": 0.001,          of its exchanges
        "connections": 11                 that it opened, or null where nobody saw
      }],
      "skipped": [{"name": "...", "why": "..."}],
      "exchanges": [{
        "name": "GET", "shows": "...", "method": "GET",
        "identical": true,
        "skipped": "",                    why it was not sent, else empty
        "refused": {"name": "..."},       the capabilities a transport lacks for it
        "varying": ["header date"],       what the server varies by itself, which was not compared
        "differences": [{
          "field": "headers",             one of the keys of a result below
          "shown": {"socket": "..."},     what each transport has there, shortened
          "odd": ["..."]                  the transports that are not with the most
        }],
        "results": {"socket": {
          "status": 200, "reason": "OK", "version": "HTTP/1.1", "headers": [["Name", "value"]],
          "body": {"bytes": 2, "sha256": "..."},
          "trailers": null, "informational": [{"status": 103, "reason": "...", "headers": []}],
          "error": null, "phase": null, "delivery": null, "message": "",
          "wire": {"bytes": 150, "sha256": "..."},      null where it was not seen
          "seconds": 0.001
        }}
      }]
    }

``compare --generated``::

    {"generated": 500, "identical": true, "divergence": null}         its explanation, where there is one

``transports``::

    {"transports": [{"name": "socket", "distribution": "intermodal", "target": "module:attribute", "available": true,
                     "version": "0.1.0", "capabilities": ["..."], "guarantees": ["..."]},
                    {"name": "...", "distribution": "...", "target": "...", "available": false, "why": "..."}]}

``conform``::

    {
      "intermodal": "0.1.0", "python": "3.13.0",
      "passed": true,                     whether all transports passed
      "reports": [{
        "transport": "socket",            what it was asked for as
        "name": "socket", "version": "0.1.0", "colour": "sync",
        "passed": true, "seconds": 12.3,
        "capabilities": ["..."], "guarantees": ["..."],
        "clauses": {"T1": {"title": "One exchange", "passed": 31, "failed": 0, "not asked": 0}},
        "cases": [{
          "clause": "T1", "name": "...", "source": "RFC 9110 section 15.4", "proves": "...",
          "status": "passed", "seconds": 0.001,
          "why": "...",                   only where it was not asked
          "expected": "...", "came": "...", "exchanged": "..."     only where it failed
        }]
      }]
    }
"""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, Any

from intermodal._version import __version__
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intermodal.cli.installed import Installed
    from intermodal.conformance import Report
    from intermodal.testing.compare import Comparison, Row
    from intermodal.testing.outcomes import Outcome


def comparison_document(compared: Comparison, installed: Installed, url: str | None) -> dict[str, Any]:
    """Give what ``intermodal compare --json`` prints."""
    return {
        "intermodal": __version__,
        "url": url,
        "identical": compared.identical,
        "wire": compared.wire,
        "transports": [
            {
                "name": name,
                "distribution": installed.registered[name].distribution,
                "version": info.version,
                "median_seconds": compared.median_seconds(name),
                "connections": None if compared.connections is None else compared.connections[name],
            }
            for name, info in compared.transports.items()
        ],
        "skipped": [{"name": name, "why": why} for name, why in installed.skipped.items()],
        "exchanges": [_row(row) for row in compared.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.exchange.name,
        "shows": row.exchange.shows,
        "method": row.exchange.method,
        "identical": row.identical,
        "skipped": row.skipped,
        "refused": dict(row.refused),
        "varying": list(row.varying),
        "differences": [
            {"field": each.field, "shown": dict(each.shown), "odd": list(each.odd)} for each in row.differences
        ],
        "results": {name: _result(outcome) for name, outcome in row.outcomes.items()},
    }


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "version": outcome.version,
        "headers": outcome.headers,
        "body": _digest(outcome.body),
        "trailers": outcome.trailers,
        "informational": [
            {"status": status, "reason": reason, "headers": headers}
            for status, reason, headers in outcome.informational
        ],
        "error": outcome.error,
        "phase": outcome.phase,
        "delivery": outcome.delivery,
        "message": outcome.message,
        "wire": None if outcome.wire is None else _digest(b"".join(outcome.wire)),
        "seconds": round(outcome.seconds, 6),
    }


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def transports_document(installed: Installed) -> dict[str, Any]:
    """Give what ``intermodal transports --json`` prints."""
    described = []
    for name, registered in installed.registered.items():
        known = {"name": name, "distribution": registered.distribution, "target": registered.target}
        info = installed.infos.get(name)
        if info is None:
            described.append({**known, "available": False, "why": installed.skipped[name]})
            continue
        flags = {"capabilities": (Capability, info.capabilities), "guarantees": (Guarantee, info.guarantees)}
        names = {key: [each.name for each in kind if each & held] for key, (kind, held) in flags.items()}
        described.append({**known, "available": True, "version": info.version, **names})
    return {"transports": described}


def conformance_document(reports: Sequence[tuple[Report, float]]) -> dict[str, Any]:
    """Give what ``intermodal conform --json`` prints, from reports and the seconds that each took."""
    return {
        "intermodal": __version__,
        "python": platform.python_version(),
        "passed": all(report.passed for report, _ in reports),
        "reports": [report.document() | {"seconds": round(seconds, 2)} for report, seconds in reports],
    }
