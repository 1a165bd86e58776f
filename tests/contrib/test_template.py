"""The template distribution, installed as a third party would, is found by its name and works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from intermodal.conformance import all_cases

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "contrib" / "template"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with nothing but the template installed in it, put on the path of a child process."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--target", target, TEMPLATE],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    return {**os.environ, "PYTHONPATH": str(target)}


def run(environment, *arguments):
    """Run Python in a child process with the template installed."""
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_its_own_tests_pass(installed):
    """What the template's author would run passes against the installed distribution."""
    done = run(
        installed,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        f"--rootdir={TEMPLATE}",
        "-k",
        "test_template.py or (T1 and not T10 and not T11)",
        TEMPLATE / "tests",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{6 + sum(case.clause == 'T1' for case in all_cases())} passed" in done.stdout


def test_it_is_listed_and_opened_by_name(installed):
    """The registry lists it with its distribution, and a client opens it by name, without any change here."""
    code = (
        "import intermodal\n"
        "print(intermodal.transports()['template'].distribution)\n"
        "from intermodal.testing.origin import Origin\n"
        "with Origin() as origin, intermodal.Client('template') as client:\n"
        "    print(client.get(origin.url + '/get').status_code)\n"
    )

    assert run(installed, "-c", code).stdout.split() == ["intermodal-template", "200"]


def test_it_is_not_here_otherwise():
    """Without the distribution the name is unknown, and the error says which names there are."""
    done = run(os.environ, "-c", "import intermodal; intermodal.Client('template')")

    assert "ValueError: no transport is called 'template': installed are" in done.stderr
