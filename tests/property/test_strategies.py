"""What is drawn needs no more than what is declared, and without a strict reader keeps to what libraries agree on."""

import subprocess
import sys

import pytest
from backends.own import NAMES, make_own
from hypothesis import given, settings
from property.drawing import PROFILE

from intermodal.conformance.comparing import compare
from intermodal.model.options import Options, Timeouts
from intermodal.protocol import Capability, needs
from intermodal.testing.strategies import exchanges, kinds, requests

EXAMPLES = {"default": 60, "ci": 60, "deep": 5_000}[PROFILE]

DECLARED = [
    Capability.NONE,
    Capability.STREAM_REQUEST,
    Capability.EXACT_TARGET,
    Capability.UPGRADE,
    ~Capability.STREAM_REQUEST,
]


@pytest.mark.parametrize("declared", DECLARED, ids=str)
@pytest.mark.parametrize("kind", ["none", "stall", "early answer", "excess bytes"])
def test_no_exchange_needs_what_is_not_declared(kind, declared):
    """The contract's own rule finds no need in any request that is not among the capabilities."""

    @settings(max_examples=EXAMPLES)
    @given(exchanges(kind, capabilities=declared))
    def check(exchange):
        assert needs(exchange.ask.request("http://h"), Options(Timeouts.of(None))) in declared

    check()


def test_no_request_needs_what_is_not_declared():
    """So too the requests that are drawn by themselves."""

    @settings(max_examples=EXAMPLES)
    @given(requests(capabilities=Capability.NONE))
    def check(request):
        assert needs(request, Options(Timeouts.of(None))) == Capability.NONE

    check()


def test_a_kind_that_is_not_offered_is_refused():
    """Nothing malformed is drawn for a transport that promises nothing about it; the error lists what there is."""
    assert not [kind for kind in kinds(strict=False) if "malformed" in kind or "head" in kind]
    with pytest.raises(ValueError, match="FIN in the body"):
        exchanges("malformed chunk", strict=False)


@pytest.mark.parametrize("name", NAMES)
def test_in_the_plain_language_a_library_that_reads_by_itself_does_as_the_model_tells(name):
    """Over the user's own object, without a reader of ours below it, no exchange of that language differs from the model."""
    own = []

    def make():
        own.append(make_own(name))
        return own[-1].transport

    try:
        assert compare("socket", make, examples=EXAMPLES) is None
    finally:
        for each in own:
            each.close()


def test_without_hypothesis_the_error_says_what_to_install():
    """Where Hypothesis is missing, importing the strategies names the extra that brings it."""
    code = "import sys; sys.modules['hypothesis'] = None; import intermodal.testing.strategies"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert 'pip install "intermodal[testing]"' in run.stderr.splitlines()[-1]
