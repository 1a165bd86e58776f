"""The command line as a process of its own, and plugins that are installed for it alone."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def environment(tmp_path):
    """An environment without colours asked for or forbidden, and a folder of its own on the module path."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def run(environment):
    """Run ``python -m intermodal`` with arguments to its end."""

    def run(*arguments, before=None, **variables):
        start = ["-m", "intermodal"]
        if before is not None:
            start = ["-c", f"import sys; {before}; from intermodal.cli import main; sys.exit(main())"]
        return subprocess.run(
            [sys.executable, *start, *arguments],
            env=environment | variables,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def install(tmp_path):
    """Install a plugin: a distribution with one transport, from the source of its module."""

    def install(name, source):
        (tmp_path / f"plugin_{name}.py").write_text(source, encoding="utf-8")
        folder = tmp_path / f"plugin_{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[intermodal.transports]\n{name} = plugin_{name}:Plugin\n")

    return install
