"""The three ways into the kit, run(), the base class for pytest and the command line, and the plugin's fixtures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from intermodal.backends.socket import SocketTransport
from intermodal.conformance import CLAUSES, Case, Failure, Report, all_cases, run
from intermodal.conformance.case import Chapter
from intermodal.conformance.maker import Maker
from intermodal.conformance.runner import judge, why_not
from intermodal.protocol import Capability, Guarantee, TransportInfo
from intermodal.testing import MockTransport


def command(*arguments, cwd=None, environment=None):
    """Run a module of this Python in a child process."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "150", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


#: A transport that decodes, which T1 forbids; and one that is right.
MODULE = """
import gzip
import intermodal
from intermodal.backends.socket import SocketTransport

class Decoding(SocketTransport):
    def send(self, request, options, /):
        response = super().send(request, options)
        if response.headers.get("content-encoding") != "gzip":
            return response
        try:
            data = gzip.decompress(response.raw.readall())
        except Exception:
            data = b""
        return intermodal.Response(response.status_code, response.headers, data, reason=response.reason, request=request)

class Right(SocketTransport):
    pass

nothing = None
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a module of somebody's transports in it."""
    (tmp_path / "mine.py").write_text(MODULE)
    return tmp_path


# --- cases --------------------------------------------------------------------------------------------------------------


def test_there_are_two_hundred_cases_and_more_and_each_says_what_it_is():
    """Every clause has cases; each has a name of its own, proves something, and names its source or none."""
    cases = all_cases()
    names = [case.name for case in cases]

    assert len(cases) >= 200
    assert {case.clause for case in cases} == set(CLAUSES)
    assert len(set(names)) == len(names)
    for case in cases:
        assert case.proves, case
        assert not case.source or case.source.startswith(("RFC ", "PEP ", "WHATWG ", "ASGI ")), case


def test_every_capability_has_both_directions():
    """What is declared is tried, and what is not is refused: there are cases of both for each capability."""
    asked = [case.needs for case in all_cases()]
    refused = [case.without for case in all_cases()]

    for capability in [each for each in Capability if each.value]:
        assert any(capability in each for each in asked), f"no case needs {capability.name}"
        assert any(capability == each for each in refused), f"no case refuses {capability.name}"


def test_every_guarantee_has_cases():
    """A guarantee that no case asks for would mean nothing."""
    for guarantee in [each for each in Guarantee if each.value]:
        assert any(guarantee in case.guarantee for case in all_cases()), guarantee


def a_case(**conditions):
    """Make a case that only fails."""
    chapter = Chapter()

    @chapter.case(**conditions)
    def this_one(stage):
        """T3, RFC 9110 section 1: it always fails."""
        raise Failure("one thing", "another")

    (case,) = chapter
    return case


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({"needs": Capability.SOCKS | Capability.UPGRADE}, "not declared: SOCKS, UPGRADE"),
        ({"without": Capability.STREAM_REQUEST}, "declared, so not refused: STREAM_REQUEST"),
        ({"guarantee": Guarantee.TRAILERS}, "not guaranteed: TRAILERS"),
        ({"limits": True}, "the factory takes no limits"),
    ],
)
def test_a_case_is_asked_of_whom_it_concerns(conditions, why):
    """A case beyond what is declared is not asked, which the verdict says with the reason; any other is."""

    class Poor:
        info = TransportInfo("poor", "1", Capability.STREAM_REQUEST)

        def send(self, request, options, /):
            raise AssertionError

        def close(self):
            pass

    verdict = judge(a_case(**conditions), Maker(Poor))
    assert (verdict.status, verdict.why) == ("not asked", why)
    assert judge(a_case(), Maker(Poor)).status == "failed"
    assert not why_not(a_case(**{**conditions, "without": Capability.NONE}), Maker(SocketTransport))


def test_a_case_that_never_ends_is_given_up():
    """A transport that hangs fails the case within the kit's patience, and the run goes on."""
    chapter = Chapter()

    @chapter.case()
    def it_hangs(stage):
        """T7: it hangs."""
        time.sleep(30)

    (case,) = chapter
    began = time.monotonic()
    verdict = judge(case, Maker(SocketTransport), patience=0.2)

    assert time.monotonic() - began < 5
    assert (verdict.status, verdict.expected, verdict.came) == ("failed", "an end of the case", "none after 0.2 s")


def test_a_foreign_exception_is_a_failure():
    """What a transport lets out fails the case that met it, and is named."""

    class Leaking:
        info = TransportInfo("leaking", "1")

        def send(self, request, options, /):
            raise KeyError("what?")

        def close(self):
            pass

    report = run(Leaking, clauses=["T1"])

    assert not report.passed
    assert all("KeyError" in failure.came for failure in report.failures)


@pytest.mark.parametrize("docstring", [None, "It proves something.", "T99, RFC 9110: no such clause."])
def test_a_case_has_to_name_its_clause(docstring):
    """A case without a clause is refused where it is written."""

    def nameless(stage):
        pass

    nameless.__doc__ = docstring
    with pytest.raises(ValueError, match="expected a docstring such as"):
        Chapter().case()(nameless)


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_failure_says_all_there_is_to_know(folder, monkeypatch):
    """The clause, its RFC, what was expected, what came, and the bytes of both sides; and all failures are told."""
    monkeypatch.syspath_prepend(str(folder))
    import mine

    report = run(mine.Decoding, clauses=["T1"])
    failures = {failure.case.name: failure for failure in report.failures}

    assert not report.passed
    assert len(failures) > 1
    told = str(failures["a body is not decoded: gzip"])
    assert told.startswith("T1 One exchange, RFC 9110 section 8.4: a body of gzip comes as it was sent")
    assert "expected  the undecoded body b'\\x1f\\x8b" in told
    assert "came      b'hello hello" in told
    assert "> b'GET / HTTP/1.1\\r\\n'" in told
    assert "< b'HTTP/1.1 200 OK\\r\\n'" in told
    assert told in str(report)
    assert run(mine.Right, clauses=["T1"]).passed


def test_a_report_is_a_document_too():
    """As JSON it has the verdict on each case, counted by clause."""
    document = json.loads(json.dumps(run(MockTransport, application="handler", clauses=["T1", "T10"]).document()))

    assert document["passed"]
    assert [*document["clauses"]] == ["T1", "T10"]
    for clause, counts in document["clauses"].items():
        cases = [case for case in document["cases"] if case["clause"] == clause]
        assert counts["passed"] == sum(case["status"] == "passed" for case in cases) > 0


def test_nothing_asked_is_nothing_passed():
    """A report without a case that was asked is no success."""
    assert not Report("x", TransportInfo("x"), "sync", ()).passed


@pytest.mark.parametrize(
    ("factory", "error", "words"),
    [
        (object, TypeError, "is no transport"),
        (lambda: 1, TypeError, "1 is no transport"),
    ],
)
def test_what_is_no_transport_is_refused(factory, error, words):
    """The kit says so before it tries anything."""
    with pytest.raises(error, match=words):
        run(factory)


def test_an_unknown_clause_is_refused():
    """The error lists those there are."""
    with pytest.raises(ValueError, match="no clause is called 'T12': there are T1, T2"):
        run(MockTransport, clauses=["T12"])


def test_single_cases_can_be_asked_for(folder):
    """By name, in Python and on the command line; a name that there is not is told, with the nearest there is."""
    name = "a body is not decoded: gzip"
    report = run(SocketTransport, cases=[name])
    done = command("intermodal", "conform", "mine:Decoding", "--case", name, "--json", cwd=folder)

    assert [verdict.case.name for verdict in report.verdicts] == [name]
    assert [case["status"] for case in json.loads(done.stdout)["reports"][0]["cases"]] == ["failed"]
    with pytest.raises(ValueError, match="no case is called 'a body is not decoded: gzi': did you mean .*: gzip'"):
        run(SocketTransport, cases=[name[:-1]])


# --- pytest -----------------------------------------------------------------------------------------------------------

SUITE = """
import intermodal.conformance
from mine import Decoding, Right

class TestRight(intermodal.conformance.TransportConformance):
    clauses = ["T1"]

    def make_transport(self):
        return Right()

class TestDecoding(TestRight):
    def make_transport(self, limits=None):
        return Decoding()

class TestNothing(intermodal.conformance.TransportConformance):
    clauses = ["T1"]
"""


def test_the_base_class_makes_a_test_of_each_case(folder):
    """A class of a few lines passes for a right transport, and fails where a wrong one does, in the kit's words."""
    (folder / "test_mine.py").write_text(SUITE)
    done = command(
        "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=.", "test_mine.py", cwd=folder
    )
    count = sum(case.clause == "T1" for case in all_cases())
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]

    assert done.returncode == 1
    assert not any("TestRight" in line for line in failed)
    assert any("TestDecoding::test_conformance[T1 a body is not decoded: gzip]" in line for line in failed)
    assert sum("TestNothing" in line for line in failed) == count
    assert "TestNothing has no make_transport(): let it return your transport" in done.stdout
    assert "expected  the undecoded body" in done.stdout


FIXTURES = """
import intermodal

def test_origin(intermodal_origin):
    assert intermodal.get(intermodal_origin.url + "/status/204").status_code == 204
    assert intermodal_origin.requests[0].target == "/status/204"

def test_mock(intermodal_mock):
    intermodal_mock.answer("GET /users/1", {"name": "Ada"})
    assert intermodal.get("http://any.test/users/1").json() == {"name": "Ada"}
    assert intermodal_mock.calls[0].method == "GET"

def test_neither():
    assert True
"""


def test_the_plugins_fixtures_are_there(tmp_path):
    """Where Intermodal is installed, a test asks for an origin or a mock by name and needs no more."""
    (tmp_path / "test_it.py").write_text(FIXTURES)
    done = command(
        "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=.", "test_it.py", cwd=tmp_path
    )

    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_nothing_that_is_not_used(tmp_path):
    """A run that uses no fixture of it imports neither the package nor any HTTP library."""
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert 'intermodal_pytest' in sys.modules\n"
        "    assert not {'intermodal', 'requests', 'httpx', 'urllib3', 'hypothesis.strategies'} & set(sys.modules)\n"
    )
    done = command(
        "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-c", os.devnull, "--rootdir=.",
        "test_it.py", cwd=tmp_path,
    )  # fmt: skip

    assert "1 passed" in done.stdout, done.stdout + done.stderr


# --- the command line ---------------------------------------------------------------------------------------------------


def test_the_command_shows_the_verdict_clause_by_clause(folder):
    """Status 0 and a table for a right transport; 1, and each failure in full, for a wrong one."""
    right = command("intermodal", "conform", "mine:Right", "--clause", "T1", cwd=folder)
    wrong = command("intermodal", "conform", "mine:Decoding", "--clause", "T1", "--clause", "T10", cwd=folder)

    assert right.returncode == 0, right.stdout + right.stderr
    assert "T1" in right.stdout
    assert "mine:Right conforms: " in right.stdout
    assert wrong.returncode == 1
    assert "mine:Decoding does not conform" in wrong.stdout
    assert "expected  the undecoded body" in wrong.stdout
    assert "Lifecycle" in wrong.stdout


def test_the_command_prints_one_document(folder):
    """--json prints the reports of all, and nothing else, with the same exit status."""
    done = command("intermodal", "conform", "mine:Right", "mine:Decoding", "--clause", "T1", "--json", cwd=folder)
    document = json.loads(done.stdout)

    assert done.returncode == 1
    assert not document["passed"]
    assert [(each["transport"], each["passed"]) for each in document["reports"]] == [
        ("mine:Right", True),
        ("mine:Decoding", False),
    ]


@pytest.mark.parametrize("name", ["mock", "wsgi", "asgi"])
def test_the_command_knows_the_doubles(name):
    """A double is tried by its name, with the application that it calls."""
    done = command("intermodal", "conform", name, "--clause", "T1", "--json")
    (report,) = json.loads(done.stdout)["reports"]

    assert done.returncode == 0, done.stdout
    assert report["name"] == name
    assert report["colour"] == ("async" if name == "asgi" else "sync")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such"], "no transport is called 'no-such'"),
        (["no_such:Transport"], "'no_such' cannot be imported"),
        (["mine:Missing"], "'mine' has no 'Missing'"),
        (["mine:nothing"], "expected what makes a transport"),
        (["json:dumps"], "missing 1 required positional argument"),
        (["mine:Right", "--clause", "T12"], "no clause is called 'T12'"),
        (["socket", "--async"], "no transport is called 'socket'"),
    ],
)
def test_a_wrong_usage_is_told(folder, arguments, words):
    """Whatever cannot be tried ends with status 2 and a sentence that says why."""
    done = command("intermodal", "conform", *arguments, cwd=folder)

    assert done.returncode == 2, done.stdout + done.stderr
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_without_the_extra_the_command_says_what_to_install(tmp_path):
    """Where hypothesis is missing, one line says which extra brings it."""
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError('No module', name='hypothesis')")
    done = command("intermodal", "conform", "socket", environment={"PYTHONPATH": str(tmp_path)})

    assert done.returncode == 1
    assert 'pip install "intermodal[testing]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_case_is_a_value():
    """Two cases of the same chapter are two, and one is itself."""
    cases = all_cases()
    assert cases[0] == cases[0] != cases[1]
    assert isinstance(cases[0], Case)


def test_the_command_compares_two_by_generated_exchanges():
    """Status 0 and a line where they agree; anything but two transports and no URL is wrong usage."""
    done = command("intermodal", "compare", "--generated", "28", "--transport", "socket", "--transport", "urllib3")
    document = command(
        "intermodal", "compare", "--generated", "14", "--transport", "socket", "--transport", "urllib3", "--json"
    )

    assert (done.returncode, done.stdout) == (0, "28 generated exchanges over socket and urllib3: all identical\n")
    assert json.loads(document.stdout) == {"generated": 14, "identical": True, "divergence": None}
    for wrong in (["--transport", "socket"], ["--transport", "socket", "--transport", "urllib3", "http://h/"]):
        done = command("intermodal", "compare", "--generated", "5", *wrong)
        assert done.returncode == 2
        assert "--generated takes two transports" in done.stderr
