"""``intermodal compare`` as a user runs it: what it prints, and its exit status."""

import json
import time

import pytest

from intermodal.testing.origin import Origin
from intermodal.testing.tour import TOUR

NAMES = ["httpx", "requests", "socket", "urllib3"]

#: A transport that leaves out a field and makes up a reason.
WRONG = """
from intermodal.backends.socket import SocketTransport
from intermodal.model.request import Request

class Plugin(SocketTransport):
    def send(self, request, options, /):
        headers = [pair for pair in request.headers.pairs if pair[0] != "X-Tag"]
        response = super().send(Request(request.method, request.url, headers, request.body, target=request.target), options)
        if response.status_code == 204:
            response.reason = "Nothing"
        return response
"""


def test_the_tour_is_identical_over_all_transports_and_takes_less_than_ten_seconds(run):
    """All four transports agree on every exchange of the tour; exit status 0, one line says it, in plain text."""
    begun = time.monotonic()
    done = run("compare")
    assert time.monotonic() - begun < 10
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{len(TOUR)} exchanges over 4 transports: all identical"
    assert "\x1b" not in done.stdout
    for exchange in TOUR:
        line = next(line for line in done.stdout.splitlines() if line.startswith(f" {exchange.name}  "[:18]))
        assert line.rstrip().endswith("identical"), line


def test_json_is_one_document_with_every_exchange_and_every_result(run):
    """``--json`` prints a document that parses, and nothing else; results are those the exchanges were written for."""
    done = run("compare", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["identical"] is True
    assert document["url"] is None
    assert [each["name"] for each in document["transports"]] == NAMES
    assert all(each["median_seconds"] > 0 and each["connections"] > 0 for each in document["transports"])
    exchanges = {each["name"]: each for each in document["exchanges"]}
    assert list(exchanges) == [exchange.name for exchange in TOUR]
    assert all(sorted(each["results"]) == NAMES for each in exchanges.values() if not each["skipped"])
    socket = {name: each["results"].get("socket") for name, each in exchanges.items()}
    assert socket["streamed download"]["body"]["bytes"] == 1_000_000
    assert socket["103 before 200"]["informational"][0]["status"] == 103
    assert socket["trailers"]["trailers"][1] == ["X-Last", "yes"]
    assert socket["redirect"]["status"] == 302
    assert socket["odd fields"]["reason"] == "Tr\xe8s  bien"
    errors = {name: (each["error"], each["phase"], each["delivery"]) for name, each in socket.items() if each}
    assert errors["silent server"] == ("ReadTimeout", "wait", "maybe_sent")
    assert errors["dripping server"] == ("TotalTimeout", "body", "sent")
    assert errors["refused"] == ("ConnectionError", "connect", "not_sent")
    assert errors["head cut off"] == ("ProtocolError", "head", "sent")
    assert errors["chunks cut off"] == ("IncompleteBody", "body", "sent")


def test_a_narrow_output_loses_nothing(run):
    """Where a table has no room every result is still written in full, one exchange a line."""
    done = run("compare", "--transport", "socket", "--transport", "urllib3", COLUMNS="60")
    assert done.returncode == 0
    assert "over socket, urllib3:" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("no such host"))
    assert line.split() == ["no", "such", "host", "NameResolutionError", "resolve", "nothing", "identical"]


def test_a_transport_that_differs_is_shown_with_what_differs(run, install):
    """A plugin that drops a field and changes a reason: exit status 1, and both differences by exchange and value."""
    install("wrong", WRONG)
    done = run("compare", "--transport", "socket", "--transport", "requests", "--transport", "wrong")
    assert done.returncode == 1
    wire = done.stdout[done.stdout.index("difference in wire: duplicate fields") :].splitlines()
    assert wire[1].split(maxsplit=2) == ["socket,", "requests", "line 7: 'X-Tag: one\\r\\n'"]
    assert wire[2].split(maxsplit=1) == ["wrong", "line 7: 'Cookie: a=1\\r\\n'"]
    reason = done.stdout[done.stdout.index("difference in reason: ") :].splitlines()
    assert "204" in reason[0]
    assert reason[1].split(maxsplit=2) == ["socket,", "requests", "'No Content'"]
    assert reason[2].split(maxsplit=1) == ["wrong", "'Nothing'"]
    assert "!204 · 0 B" in done.stdout
    assert "different" in done.stdout.splitlines()[-1]
    document = json.loads(run("compare", "--json", "--transport", "socket", "--transport", "wrong").stdout)
    assert document["identical"] is False
    differing = {each["name"]: [one["field"] for one in each["differences"]] for each in document["exchanges"]}
    assert differing["204"] == ["reason"]
    assert differing["duplicate fields"] == ["wire"]
    assert differing["GET"] == []


def test_a_broken_plugin_and_a_missing_library_are_told_and_left_out(run, install):
    """What does not load or open is named, with the pip command where a library is missing; the others are compared."""
    install("broken", "raise RuntimeError('half an install')")
    install("shut", "def Plugin(*, limits): raise OSError('no driver')")
    done = run("compare", before="sys.modules['httpcore'] = None")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == f"{len(TOUR)} exchanges over 3 transports: all identical"
    skipped = [line for line in done.stdout.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 3
    assert "'broken' of distribution 'plugin-broken'" in skipped[0]
    assert "half an install" in skipped[0]
    assert 'pip install "intermodal[httpx]"' in skipped[1]
    assert "no driver" in skipped[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--transport", "nope"), "no transport is called 'nope'"),
        (("example.com",), "perhaps you meant 'http://example.com'"),
        (("http://user:secret@127.0.0.1/",), "credentials"),
        (("ftp://127.0.0.1/",), "'ftp'"),
        (("--timeout", "0"), "seconds above 0"),
        (("--timeout", "nan"), "seconds above 0"),
    ],
)
def test_wrong_usage_ends_with_status_2(run, arguments, said):
    """A name or URL that cannot be used is said on stderr, without a traceback and without the secret."""
    done = run("compare", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    assert done.stdout == ""


def test_a_transport_asked_for_by_name_is_not_left_out_in_silence(run, install):
    """Whoever names a transport that does not load gets status 2 instead of a comparison without it."""
    install("broken", "raise RuntimeError('half an install')")
    done = run("compare", "--transport", "socket", "--transport", "broken")
    assert done.returncode == 2
    assert "half an install" in done.stderr


def test_a_url_is_compared_with_get_and_head_and_its_wire_is_seen(run):
    """With a URL the server receives GET and HEAD from each transport, and what a relay saw is what it received."""
    with Origin() as origin:
        done = run("compare", f"{origin.url}/get?q=1#top", "--json")
        requests = origin.requests
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert "relay" in document["wire"]
    assert [each["name"] for each in document["exchanges"]] == ["GET", "HEAD"]
    assert [request.method for request in requests] == ["GET"] * 5 + ["HEAD"] * 5  # the first transport is asked twice
    assert {request.target for request in requests} == {"/get?q=1"}
    assert {request.first("host") for request in requests} == {origin.url.removeprefix("http://")}
    seen = {each["wire"]["bytes"] for each in document["exchanges"][0]["results"].values()}
    assert seen == {len(requests[0].raw)}


def test_nobody_listening_at_a_url_is_an_answer_too(run):
    """The error at a URL is that of the connection and not of the relay; nothing is said to have been seen."""
    with Origin() as origin:
        url = origin.url
    done = run("compare", url, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["wire"].startswith("not seen: the server cannot be reached")
    for exchange in document["exchanges"]:
        for result in exchange["results"].values():
            assert (result["error"], result["phase"], result["wire"]) == ("ConnectionError", "connect", None)
