"""Runs cases over a transport: every one that concerns it, each to its end, all failures and not the first."""

from __future__ import annotations

import difflib
import functools
import importlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import CLAUSES, Case, Failure
from intermodal.conformance.maker import Maker
from intermodal.conformance.report import Report, Verdict
from intermodal.conformance.stage import Stage, told
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from intermodal.conformance.answering import Kind

__all__ = ["all_cases", "judge", "run", "why_not"]

#: Seconds after which a case is given up, whatever the transport still does.
PATIENCE: Final = 20.0

_CHAPTERS: Final = (
    "one_exchange",
    "complete_request",
    "request_bodies",
    "faithful_response",
    "around_the_answer",
    "declared_proxies",
    "declared_roads",
    "declared_trust",
    "declared_requests",
    "declare_or_refuse",
    "closed_errors",
    "callers_body",
    "what_errors_say",
    "not_sent",
    "delivery",
    "time",
    "time_of_all",
    "streaming",
    "left_early",
    "several_responses",
    "uploads",
    "malformed",
    "framing",
    "cut_off",
    "beyond_the_message",
    "too_much",
    "lifecycle",
    "many_threads",
    "left_behind",
    "after_fork",
    "cancellation",
    "after_cancelling",
    "every_step",
    "generated",
)


@functools.cache
def all_cases() -> tuple[Case, ...]:
    """Give every case of the kit, in the order of the clauses.

    >>> len(all_cases()) > 200, all_cases()[0].clause
    (True, 'T1')
    """
    found: list[Case] = []
    for name in _CHAPTERS:
        found += importlib.import_module(f"intermodal.conformance.chapters.{name}").CHAPTER
    order = list(CLAUSES)
    return tuple(sorted(found, key=lambda case: order.index(case.clause)))


def run(
    factory: Callable[..., Any],
    *,
    name: str = "",
    application: Kind | None = None,
    asynchronous: bool | None = None,
    clauses: Iterable[str] | None = None,
    cases: Iterable[str] | None = None,
    examples: int = 10,
    patience: float = PATIENCE,
    progress: Callable[[Verdict], object] = bool,
) -> Report:
    """Try a transport with every case that concerns it, and report what came of each.

    A transport class is a factory. One that takes ``limits`` is tried with limits, too; a case that needs them is not
    asked of one that does not.

    Args:
        factory: makes the transport: a Transport or an AsyncTransport, a new one for each case.
        name: what to call it in the report; by default what its ``info`` says.
        application: for a transport that calls something in-process instead of reaching for a server: ``"wsgi"``,
            ``"asgi"`` or ``"handler"``; the factory is then called with that application, or handler of Requests.
        asynchronous: whether to try ``asend``; by default only where there is no ``send``.
        clauses: those to try; all by default.
        cases: the names of those to try; all by default.
        examples: how many exchanges to generate for each kind of generated ones.
        patience: seconds after which a case that does not come to an end is given up, and fails.
        progress: called with each verdict.

    Raises:
        TypeError: what the factory makes is no transport.
        ValueError: there is no such clause or case.
        ImportError: what the kit needs of the extra ``testing`` is missing.

    >>> from intermodal.backends.socket import SocketTransport
    >>> print(run(SocketTransport, clauses=["T1"]).passed)
    True
    """
    wanted = tuple(CLAUSES if clauses is None else clauses)
    if unknown := [clause for clause in wanted if clause not in CLAUSES]:
        raise ValueError(f"no clause is called {unknown[0]!r}: there are {', '.join(CLAUSES)}")
    _need_the_extra()
    names = None if cases is None else set(cases)
    if names is not None and (unknown := sorted(names - {case.name for case in all_cases()})):
        close = difflib.get_close_matches(unknown[0], (case.name for case in all_cases()), n=1)
        raise ValueError(f"no case is called {unknown[0]!r}" + (f": did you mean {close[0]!r}?" if close else ""))
    maker = Maker(factory, application, asynchronous=asynchronous)
    verdicts = []
    for case in all_cases():
        if case.clause in wanted and (names is None or case.name in names) and concerns(case, maker):
            verdicts.append(judge(case, maker, examples=examples, patience=patience))
            progress(verdicts[-1])
    return Report(name or maker.info.name, maker.info, "async" if maker.asynchronous else "sync", tuple(verdicts))


def _need_the_extra() -> None:
    for library in ("hypothesis", "trustme"):
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            raise ImportError(
                f'the kit needs {library}, which is not installed: pip install "intermodal[testing]"', name=library
            ) from error


def concerns(case: Case, maker: Maker) -> bool:
    """Whether a case is about transports of this colour at all."""
    return case.colour in (None, "async" if maker.asynchronous else "sync")


def why_not(case: Case, maker: Maker) -> str:
    """Say why a case is not asked of a transport; empty where it is."""
    info = maker.info
    if case.wire and maker.application is not None:
        return "nothing of it can be seen in-process"
    if missing := case.needs & ~info.capabilities:
        return f"not declared: {_names(missing, Capability)}"
    if case.without and not case.without & ~info.capabilities:
        return f"declared, so not refused: {_names(case.without, Capability)}"
    if missing_too := case.guarantee & ~info.guarantees:
        return f"not guaranteed: {_names(missing_too, Guarantee)}"
    if case.limits and not maker.takes_limits:
        return "the factory takes no limits"
    return ""


def _names(flags: Any, kind: Any) -> str:
    return ", ".join(str(each.name) for each in kind if each.value and each in flags)  # Python 3.10 lists NONE too


def judge(case: Case, maker: Maker, *, examples: int = 10, patience: float = PATIENCE) -> Verdict:
    """Try one case, in a thread of its own: a transport that never comes back is given up, not waited for."""
    if why := why_not(case, maker):
        return Verdict(case, "not asked", why)
    stage = Stage(maker, examples)
    began = time.monotonic()
    #: What was expected and what came, or nothing where the case passed; empty while it is not over.
    ended: list[tuple[str, str] | None] = []

    def play() -> None:
        try:
            case.play(stage)
        except Failure as failure:
            ended.append((failure.expected, failure.came))
        except BaseException as error:  # noqa: BLE001 - a transport may raise what it likes
            ended.append(("no error", told(error)))
        else:
            ended.append(None)

    thread = threading.Thread(target=play, name=f"case {case.name}", daemon=True)
    thread.start()
    thread.join(patience)
    outcome = ended[0] if ended else ("an end of the case", f"none after {patience:g} s")
    seconds = time.monotonic() - began
    try:
        if outcome is None:
            return Verdict(case, "passed", seconds=seconds)
        return Verdict(case, "failed", "", *outcome, stage.transcript(), seconds)
    finally:
        stage.close()
