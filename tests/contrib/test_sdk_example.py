"""The SDK example keeps its promise: any transport, and no type of any HTTP library across its border."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from fleet import TRANSPORTS

from intermodal import ReadTimeout
from intermodal.testing import MockTransport
from intermodal.testing.origin import Origin

PATH = Path(__file__).parents[2] / "contrib" / "examples" / "sdk.py"


def load():
    """Import the example as a module."""
    spec = importlib.util.spec_from_file_location("example_sdk", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["example_sdk"] = module
    spec.loader.exec_module(module)
    return module


sdk = load()
BOOK = json.dumps({"id": 1, "title": "Das Kapital"}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BOOK), BOOK)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_the_user_chooses_the_transport(name):
    """The same call gives the same book over each of the four transports."""
    with Origin() as origin:
        origin.play(ANSWER)
        shop = sdk.Bookshop(origin.url, name)

        assert shop.book(1) == sdk.Book(1, "Das Kapital")
        shop.close()


def test_a_test_passes_a_double():
    """A MockTransport stands in for the network, and shows what the SDK sent."""
    mock = MockTransport({"POST /books": (201, {"id": 7, "title": "Emma"}), "/books/7/cover": b"picture"})
    shop = sdk.Bookshop("http://shop.test", mock)

    assert shop.add("Emma") == sdk.Book(7, "Emma")
    assert b"".join(shop.cover(7)) == b"picture"
    assert mock.calls[0].json() == {"title": "Emma"}


@pytest.mark.parametrize(
    ("answer", "retry"),
    [(404, False), (ReadTimeout("slow", delivery="maybe_sent"), False), (ReadTimeout("no", delivery="not_sent"), True)],
)
def test_its_errors_are_its_own(answer, retry):
    """Whatever goes wrong, the caller sees a BookshopError that says whether to try again."""
    shop = sdk.Bookshop("http://shop.test", MockTransport(answer))

    with pytest.raises(sdk.BookshopError) as caught:
        shop.book(1)

    assert caught.value.retry is retry


def test_it_runs_as_a_program():
    """Run from a shell it prints the book; a shop that is not there is one line and exit status 1."""
    with Origin() as origin:
        origin.play(ANSWER)
        done = subprocess.run(
            [sys.executable, PATH, origin.url, "--transport", "urllib3"], capture_output=True, text=True, check=False
        )
        assert done.stdout.strip() == "Book(id=1, title='Das Kapital')"

    gone = subprocess.run([sys.executable, PATH, origin.url], capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "try again" in gone.stderr
    assert "Traceback" not in gone.stderr
