"""What ``intermodal conform`` tries, and how it shows what came of that."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from intermodal.cli.terminal import GOOD, MINOR, NOTE, ODD, new_console, print_lines
from intermodal.conformance import CLAUSES, run
from intermodal.registry import ASYNC_GROUP, TransportUnavailable, find, transports
from intermodal.testing import ASGITransport, MockTransport, WSGITransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from intermodal.conformance import Report
    from intermodal.conformance.answering import Kind

__all__ = ["Subject", "find_subject", "nothing_left_behind", "show_report", "try_subject"]

_DOUBLES: dict[str, tuple[Callable[..., Any], Kind]] = {
    "mock": (MockTransport, "handler"),
    "wsgi": (WSGITransport, "wsgi"),
    "asgi": (ASGITransport, "asgi"),
}


@dataclass(frozen=True)
class Subject:
    """A transport to be tried.

    Attributes:
        name: what it was asked for as.
        factory: makes it.
        application: what it calls in-process, if it does.
        asynchronous: whether ``asend`` is to be tried; None: where there is no ``send``.
    """

    name: str
    factory: Callable[..., Any]
    application: Kind | None = None
    asynchronous: bool | None = None


def find_subject(name: str, application: Kind | None, *, asynchronous: bool) -> Subject:
    """Find a transport by the name it is registered under, as a double of ours, or as ``module:factory``.

    Raises:
        ValueError: there is none, or it cannot be imported; the message says why.
    """
    module, colon, attribute = name.partition(":")
    if colon:
        return Subject(name, _imported(module, attribute), application, True if asynchronous else None)
    if name in _DOUBLES and name not in transports(asynchronous=asynchronous):
        factory, kind = _DOUBLES[name]
        return Subject(name, factory, kind, True if asynchronous else None)
    try:
        return Subject(name, find(name, asynchronous=asynchronous).load(), application, asynchronous)
    except TransportUnavailable as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        group = f" of the group {ASYNC_GROUP}" if asynchronous else ""
        raise ValueError(
            f"{error}{group}; a double is one of {', '.join(_DOUBLES)}, and one of yours is named module:factory"
        ) from error


def _imported(module: str, attribute: str) -> Callable[..., Any]:
    if "" not in sys.path:
        sys.path.insert(0, "")  # what lies in the folder the command is run in, as for python -m
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:
        raise ValueError(f"{module!r} cannot be imported: {error!r:.200}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{module!r} has no {attribute!r}: expected module:factory")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(  # noqa: TRY004 - as all that the command cannot try
            f"{module}:{attribute} is {found!r:.60}: expected what makes a transport when it is called"
        )
    factory: Callable[..., Any] = found
    return factory


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Let Hypothesis, which remembers things in the folder it is run in, do so elsewhere."""
    with tempfile.TemporaryDirectory(prefix="intermodal-") as folder:
        with contextlib.suppress(ImportError):  # then what needs it tells what is missing
            from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415 - as said

            set_hypothesis_home_dir(folder)
        yield


def try_subject(
    subject: Subject, clauses: Iterable[str] | None, cases: Iterable[str] | None, examples: int, *, wanted: bool
) -> tuple[Report, float]:
    """Run the kit over it, showing on a terminal how far it is; give the report and the seconds that it took.

    Raises:
        TypeError: it is no transport.
        ImportError: what the kit needs is not installed.
    """
    began = time.monotonic()
    console = new_console()

    def tried(progress: Callable[..., object]) -> Report:
        return run(
            subject.factory,
            name=subject.name,
            application=subject.application,
            asynchronous=subject.asynchronous,
            clauses=clauses,
            cases=cases,
            examples=examples,
            progress=progress,
        )

    if wanted and console.is_terminal:
        with console.status(subject.name) as status:
            report = tried(lambda verdict: status.update(Text(f"{subject.name}: {verdict.case}")))
    else:
        report = tried(bool)
    return report, time.monotonic() - began


def show_report(report: Report, seconds: float) -> None:
    """Show the verdict clause by clause, every failure, and what was not asked, by its reason."""
    console = new_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = Text(f"{report.name}: {report.info.name} {report.info.version} ({report.colour})", "bold")
    table.add_column("clause")
    table.add_column("")
    for status in ("passed", "failed", "not asked"):
        table.add_column(status, justify="right")
    for clause in report.clauses:
        counts = {status: report.count(status, clause) for status in ("passed", "failed", "not asked")}
        style = ODD if counts["failed"] else GOOD if counts["passed"] else MINOR
        table.add_row(Text(clause, style), CLAUSES[clause], *(str(count or "-") for count in counts.values()))
    console.print(table)
    for told in report.told_failures():
        first, *rest = told.splitlines()
        print_lines(console, Text(first, ODD), *map(Text, rest), Text())
    reasons = Counter(verdict.why for verdict in report.verdicts if verdict.status == "not asked")
    print_lines(console, *(Text(f"{count} not asked: {why}", NOTE) for why, count in reasons.most_common()))
    verdict = "conforms" if report.passed else "does not conform" if report.failures else "was asked nothing"
    print_lines(
        console,
        Text(f"{report.name} {verdict}: {report.summary}, {seconds:.1f} s", f"bold {GOOD}" if report.passed else ODD),
    )
