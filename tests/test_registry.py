"""Transports by name: built-in and foreign, broken and missing; and the override for tests."""

import subprocess
import sys
import textwrap
import threading
from contextvars import copy_context

import pytest

import intermodal
from intermodal import Client, Limits, open_async_transport, open_transport, transports, use_transport
from intermodal.testing import MockTransport


@pytest.fixture
def site(tmp_path):
    """Make a folder that looks like an installed distribution with transports in it; run code with it on the path."""

    def install(name, entries, code=""):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[intermodal.transports]\n" + "\n".join(entries))
        (tmp_path / f"{name.replace('-', '_')}.py").write_text(textwrap.dedent(code))

    def run(code):
        script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{textwrap.dedent(code)}"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    return install, run


def test_the_built_in_ones_come_through_the_same_door():
    """The four are entry points of this distribution, listed without importing a library."""
    listed = transports()

    assert {name: listed[name].distribution for name in ("socket", "requests", "urllib3", "httpx")} == dict.fromkeys(
        ("socket", "requests", "urllib3", "httpx"), "intermodal"
    )


def test_listing_imports_nothing(site):
    """A plugin is imported when it is opened, not when it is listed."""
    install, run = site
    install("acme", ["acme = acme:Missing"], "print('imported')")

    assert run("import intermodal; print(sorted(intermodal.transports())[0])").stdout == "acme\n"


def test_a_foreign_transport_is_opened_by_name(site):
    """An installed plugin works wherever a name does, and is given the limits."""
    install, run = site
    install(
        "acme",
        ["acme = acme:make"],
        """
        from intermodal.testing import MockTransport
        def make(*, limits):
            return MockTransport(lambda request: str(limits.connections))
        """,
    )
    code = """
    import intermodal
    print(intermodal.Client("acme", limits=intermodal.Limits(connections=7)).get("http://h/").text)
    """

    assert run(code).stdout == "7\n"


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        ("acme = acme:make", "raise RuntimeError('broken at import')", "broken at import"),
        ("acme = acme:nothing", "", "nothing"),
        ("acme = acme:made", "made = 7", "no factory"),
        ("acme = not_there:made", "", "not_there"),
    ],
)
def test_a_broken_plugin_is_reported_and_harms_nobody(site, entry, code, says):
    """A plugin that does not load says why when it is opened; every other transport works."""
    install, run = site
    install("acme", [entry], code)
    done = run("""
    import intermodal
    intermodal.open_transport("socket").close()
    try:
        intermodal.open_transport("acme")
    except intermodal.TransportUnavailable as error:
        print(error)
    """)

    assert says in done.stdout
    assert "'acme'" in done.stdout


def test_a_foreign_transport_cannot_take_a_built_in_name(site):
    """Two of one name: the built-in one is used, with a warning that names both distributions."""
    install, run = site
    install("acme", ["socket = acme:make"], "")
    done = run("import intermodal; print(intermodal.transports()['socket'].distribution)")

    assert done.stdout == "intermodal\n"
    assert "TransportWarning" in done.stderr
    assert "'acme'" in done.stderr


def test_an_unknown_name_says_what_there_is():
    """A name that nobody registered is a ValueError with the names there are and the nearest one."""
    for attempt in (open_transport, Client):
        with pytest.raises(ValueError, match="no transport is called 'sockets'.*did you mean 'socket'"):
            attempt("sockets")
    with pytest.raises(ValueError, match="installed are none"):
        open_async_transport("nope")


def test_the_environment_chooses_the_default(monkeypatch):
    """INTERMODAL_TRANSPORT names the transport of a client that was told nothing."""
    monkeypatch.setenv("INTERMODAL_TRANSPORT", "urllib3")
    with Client() as client:
        assert client.transport.info.name == "urllib3"
    monkeypatch.setenv("INTERMODAL_TRANSPORT", "nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        Client()


def test_an_override_reaches_clients_made_elsewhere():
    """use_transport holds for clients that exist already, in every thread, until it ends."""
    client = Client("httpx")
    seen = []
    with use_transport(MockTransport("mocked")):
        seen.append(client.get("http://h/").text)
        thread = threading.Thread(target=lambda: seen.append(intermodal.get("http://h/").text))
        thread.start()
        thread.join()
        with use_transport(MockTransport("inner")):
            seen.append(client.get("http://h/").text)
        seen.append(client.get("http://h/").text)

    assert seen == ["mocked", "mocked", "inner", "mocked"]
    assert client.transport.info.name == "httpx"
    client.close()


def test_an_override_never_wins_over_an_instance():
    """A client that was given a transport keeps it."""
    with use_transport(MockTransport("override")):
        assert Client(MockTransport("mine")).get("http://h/").text == "mine"


def test_an_override_may_hold_for_a_context_only():
    """With scope='context' other threads are not touched."""
    outside = copy_context()
    with use_transport(MockTransport("here"), scope="context"):
        assert Client().get("http://h/").text == "here"
        assert outside.run(lambda: Client().transport.info.name) == "socket"
    assert Client().transport.info.name == "socket"


class OtherColour:
    """An asynchronous transport."""

    info = None

    async def asend(self, request, options):
        """Do nothing."""

    async def aclose(self):
        """Do nothing."""


def test_a_double_of_the_wrong_colour_is_a_type_error():
    """A sync client cannot await; what is no transport at all is refused at once."""
    with use_transport(OtherColour()), pytest.raises(TypeError, match="asynchronous"):
        Client().get("http://h/")
    with pytest.raises(TypeError, match="asynchronous"):
        Client(OtherColour())
    for nonsense in (7, MockTransport):
        with pytest.raises(TypeError), use_transport(nonsense):
            pass
    with pytest.raises(ValueError, match="scope"), use_transport(MockTransport(), scope="galaxy"):
        pass


@pytest.mark.parametrize(
    "limits", [{"connections": -1}, {"connections": "7"}, {"head_bytes": True}, {"idle_seconds": float("nan")}]
)
def test_limits_are_checked(limits):
    """A limit that is no number is refused when it is made."""
    with pytest.raises(intermodal.InvalidRequest, match=next(iter(limits))):
        Limits(**limits)
