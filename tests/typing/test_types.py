"""The public types, as mypy and pyright in their strict modes see them; the files beside this one say what they are to be.

Pyright comes as basedpyright, which is the same checker with a Node that pip brings: pyright's own package downloads one.
"""

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import intermodal
from intermodal.testing import MockTransport

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CHECKED = ("calls", "clients", "flows", "refused", "responses", "transports", "values")

#: What nobody but this package imports: below the seam, and what the command line and the kit are made of.
INTERNAL = ("backends", "blocking", "borrowed", "cli", "conformance", "guard", "h1", "net")


def run(name, *arguments, folder=ROOT):
    """Run a checker of this Python's, as the user of a virtual environment would."""
    if importlib.util.find_spec(name) is None:
        if os.environ.get("INTERMODAL_PROFILE") == "ci":
            pytest.fail(f"{name} is not installed, and the ci profile needs it: pip install -e '.[dev]'")
        pytest.skip(f"{name} is not installed (the dev extra brings it where it can): the types are not checked by it")
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", "")])}
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )


def load(name):
    """Import one of the files beside this one."""
    spec = importlib.util.spec_from_file_location(f"checked_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def runnable(module):
    """Give the functions that need no more than a client."""
    for name, member in vars(module).items():
        own = inspect.isfunction(member) and member.__module__ == module.__name__ and not name.startswith("_")
        if own and not inspect.iscoroutinefunction(member) and set(inspect.signature(member).parameters) <= {"client"}:
            yield member


def answer(request):
    """Answer whatever is asked, in the form that a file wishes for."""
    if request.headers.get("x-wish") == "json":
        return [{"a": 1}]
    if request.headers.get("x-wish") == "events":
        return 200, b"data: one\n\n", {"Content-Type": "text/event-stream"}
    return 200, "a line\nanother\n"


def test_mypy_strict_finds_every_type_as_written_and_every_mistake():
    """In all files mypy has nothing to say: no other type than asserted, and no ignore that is not needed."""
    files = [str(HERE / f"{name}.py") for name in CHECKED]
    cache = ROOT / "build" / f"typing-{Path(sys.prefix).name}"  # CI runs several environments side by side
    done = run("mypy", "--strict", "--cache-dir", str(cache), *files)
    assert done.returncode == 0, f"mypy:\n{done.stdout}{done.stderr}"
    assert f"no issues found in {len(files)} source files" in done.stdout


def test_pyright_strict_finds_every_type_as_written_and_every_mistake():
    """In all files pyright has nothing to say either; pyproject.toml has its settings."""
    done = run("basedpyright", "--pythonpath", sys.executable, "--level", "error", "--outputjson")
    said = json.loads(done.stdout)
    found = [f"{d['file']}:{d['range']['start']['line'] + 1}: {d['message']}" for d in said["generalDiagnostics"]]
    assert not found, "pyright:\n" + "\n".join(found)
    assert said["summary"]["filesAnalyzed"] == len(CHECKED)


def test_every_public_symbol_has_a_type_that_all_checkers_read_alike(tmp_path):
    """Nothing that a user can name is unknown to a type checker, or left to it to infer."""
    done = run("basedpyright", "--verifytypes", "intermodal", "--ignoreexternal", "--outputjson", folder=tmp_path)
    report = json.loads(done.stdout)["typeCompleteness"]
    symbols = [symbol for symbol in report["symbols"] if symbol["isExported"] and is_public(symbol["name"])]
    assert len(symbols) > 500
    vague = {
        symbol["name"]: "; ".join(said["message"] for said in symbol["diagnostics"])
        for symbol in symbols
        if symbol["isTypeAmbiguous"] or not symbol["isTypeKnown"]
    }
    causes = {name: why for name, why in vague.items() if "missing" in why}  # the others are made of these
    assert not vague, "\n".join(f"{name}: {why}" for name, why in (causes or vague).items())


def is_public(name):
    """Whether this is part of what a user can name."""
    parts = name.split(".")
    if parts[1] == "testing":
        return len(parts) < 3 or parts[2] == "mock" or not parts[2].islower()
    return parts[1] not in INTERNAL


@pytest.mark.parametrize("name", [name for name in CHECKED if name != "refused"])
def test_what_the_types_accept_is_accepted_when_it_is_run(name):
    """Each call of these files goes through: no type promises what the code refuses."""
    functions = list(runnable(load(name)))
    assert functions
    for function in functions:
        with intermodal.Client(MockTransport(answer), trust_env=False) as client:
            function(**dict.fromkeys(inspect.signature(function).parameters, client))


def test_every_file_here_is_checked():
    """A file that is added is one of those that the checkers are given."""
    assert {path.stem for path in HERE.glob("*.py")} == {*CHECKED, "conftest", "test_types"}
