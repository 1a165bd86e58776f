"""The proof shares no code with what it proves: agreement between two readers that are one reader proves nothing."""

import ast
from pathlib import Path

import pytest

import intermodal.testing.origin

FORBIDDEN = ("intermodal.h1", "intermodal.net", "intermodal.guard", "intermodal.blocking", "intermodal.backends")

HERE = Path(__file__).parent
ORIGIN = Path(intermodal.testing.origin.__file__).parent
WITNESSES = [
    *sorted(HERE.glob("*.py")),
    *(ORIGIN / f"{name}.py" for name in ("origin", "scripts", "messages", "routes", "asked")),
]


def imported(path):
    """Give the name of every module that a file imports, wherever in it; of a relative import, the absolute one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = "intermodal.testing" if node.level else ""
            module = ".".join(filter(None, [package, node.module]))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", WITNESSES, ids=lambda path: path.stem)
def test_no_witness_imports_what_it_is_a_witness_against(path):
    """Strategies, model, lanes and origin import nothing of the codec, the network, the guard or the transports."""
    found = list(imported(path))
    assert found
    assert [name for name in found if f"{name}.".startswith(tuple(f"{each}." for each in FORBIDDEN))] == []
