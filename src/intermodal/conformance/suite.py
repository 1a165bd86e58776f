"""The kit as a base class for pytest: each case is a test of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from intermodal.conformance.case import CLAUSES, Case
from intermodal.conformance.maker import Maker
from intermodal.conformance.runner import PATIENCE, all_cases, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intermodal.conformance.answering import Kind

__all__ = ["TransportConformance"]


class TransportConformance:
    """Derive from it, make your transport, and pytest tries every case of the kit.

    ::

        class TestMine(intermodal.conformance.TransportConformance):
            def make_transport(self):
                return MyTransport()

    ``make_transport(self, limits=None)`` lets the cases in that give limits to the transport; a case that does not
    concern the transport is skipped, and says why.

    Attributes:
        application: as for :func:`~intermodal.conformance.run`; ``make_transport(self, application)`` is then called
            with what the transport is to call.
        asynchronous: as for ``run``.
        clauses: the clauses to try.
        examples: how many exchanges to generate for each kind of generated ones.
        patience: seconds after which a case fails that does not come to an end.
    """

    application: ClassVar[Kind | None] = None
    asynchronous: ClassVar[bool | None] = None
    clauses: ClassVar[Iterable[str]] = tuple(CLAUSES)
    examples: ClassVar[int] = 10
    patience: ClassVar[float] = PATIENCE

    def make_transport(self, *arguments: Any, **limits: Any) -> Any:
        """Make the transport to be tried, a new one at each call."""
        raise NotImplementedError(f"{type(self).__name__} has no make_transport(): let it return your transport")

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make a test of each case."""
        if "conformance_case" in metafunc.fixturenames:
            asynchronous = self.asynchronous
            colours = (None, "sync", "async") if asynchronous is None else (None, "async" if asynchronous else "sync")
            cases = [case for case in all_cases() if case.clause in self.clauses and case.colour in colours]
            metafunc.parametrize("conformance_case", cases, ids=str)

    def test_conformance(self, conformance_case: Case) -> None:
        """The transport does what a clause of the contract demands."""
        import pytest  # noqa: PLC0415 - the kit does without, this way in does not

        made = _makers.get(type(self))
        if made is None:
            made = _makers[type(self)] = Maker(self.make_transport, self.application, asynchronous=self.asynchronous)
        if conformance_case.colour not in (None, "async" if made.asynchronous else "sync"):
            pytest.skip(f"it is about {conformance_case.colour} transports")
        verdict = judge(conformance_case, made, examples=self.examples, patience=self.patience)
        if verdict.status == "not asked":
            pytest.skip(verdict.why)
        if verdict.status == "failed":
            pytest.fail(str(verdict), pytrace=False)


#: What makes the transport of each class: it is asked once what it is.
_makers: dict[type, Maker] = {}
