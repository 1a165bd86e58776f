"""The proof shares no code with what it proves: agreement between two readers that are one reader proves nothing."""

import ast
from pathlib import Path

import pytest

import intermodal

#: What the witnesses testify about.
ACCUSED = ("intermodal.h1", "intermodal.net", "intermodal.guard", "intermodal.blocking", "intermodal.backends")
#: What strategies and model may know of the package beside themselves: what a request is, and what the contract says.
KNOWN = (
    "intermodal.model",
    "intermodal.protocol",
    "intermodal.errors",
    "intermodal.testing.outcomes",
    "intermodal.testing.strategies",
)

ROOT = Path(intermodal.__file__).parent.parent
TESTING = ROOT / "intermodal" / "testing"
STRATEGIES = sorted((TESTING / "strategies").glob("*.py"))
WITNESSES = [
    *sorted(Path(__file__).parent.glob("*.py")),
    *STRATEGIES,
    *(
        TESTING / f"{name}.py"
        for name in ("origin", "scripts", "messages", "routes", "asked", "outcomes", "lanes", "sessions")
    ),
]


def imported(path):
    """Give the name of every module that a file imports, wherever in it; of a relative import, the absolute one."""
    here = path.relative_to(ROOT).with_suffix("").parts if path.is_relative_to(ROOT) else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(filter(None, [package, node.module]))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name, modules):
    return f"{name}.".startswith(tuple(f"{each}." for each in modules))


@pytest.mark.parametrize("path", WITNESSES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_witness_imports_what_it_is_a_witness_against(path):
    """Strategies, model, lanes and origin import nothing of the codec, the network, the guard or the transports."""
    found = list(imported(path))
    assert found
    assert [name for name in found if within(name, ACCUSED)] == []


@pytest.mark.parametrize("path", STRATEGIES, ids=lambda path: path.stem)
def test_strategies_and_model_know_the_contract_alone(path):
    """They import Request, the seam, the errors and Outcome, and of the package nothing else, whatever it is."""
    found = [name for name in imported(path) if within(name, ["intermodal"])]
    assert [name for name in found if not within(name, KNOWN)] == []
