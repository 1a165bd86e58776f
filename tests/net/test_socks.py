"""SOCKS5, driven by hand: what is said to the proxy, and what comes of everything that it may answer."""

import io
import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.errors import InvalidURL, ProxyError
from intermodal.model.options import Proxy
from intermodal.net.plan import Read, Resolve, Write
from intermodal.net.socks import socks5

GRANTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
SECRETS = ("uSERnAmE", "pASSwoRd")


def proxy_with(username=None, password=None, scheme="socks5h"):
    """A proxy, with its credentials as they are, not as a URL would write them."""
    proxy = Proxy(f"{scheme}://proxy.test:1080")
    object.__setattr__(proxy, "username", username)
    object.__setattr__(proxy, "password", password)
    return proxy


def play(plan, said, sizes=(), resolved=None):
    """Run a plan against fixed bytes, given in pieces of these sizes, then as asked for.

    Gives what was written, the error or None, and the bytes that were not read.
    """
    sizes = iter(sizes)
    written, error, answer = [], None, None
    try:
        while True:
            step = plan.send(answer)
            answer = b""
            if isinstance(step, Write):
                written.append(step.data)
            elif isinstance(step, Read):
                assert step.n > 0
                size = min(step.n, next(sizes, step.n))
                answer, said = said[:size], said[size:]
            else:
                assert isinstance(step, Resolve), step
                assert resolved is not None, f"{step} was not to be resolved here"
                answer = resolved(step)
    except StopIteration as over:
        assert over.value is None
    except ProxyError as caught:
        error = caught
    return written, error, said


class Server:
    """The other side of RFC 1928 and RFC 1929: reads a client's messages strictly, and notes what they ask for."""

    def __init__(self, messages):
        self._rest = io.BytesIO(b"".join(messages))

    def take(self, size):
        data = self._rest.read(size)
        assert len(data) == size, "the client's message is too short"
        return data

    def byte(self):
        return self.take(1)[0]

    def methods(self):
        assert self.byte() == 5
        return list(self.take(self.byte()))

    def credentials(self):
        assert self.byte() == 1
        pair = self.take(self.byte()), self.take(self.byte())
        assert all(pair)
        return tuple(each.decode() for each in pair)

    def asked(self):
        """The address and port of a request to connect."""
        assert (self.byte(), self.byte(), self.byte()) == (5, 1, 0)
        kind = self.byte()
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self.take(4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, self.take(16))
        else:
            assert kind == 3
            host = self.take(self.byte())
        port = int.from_bytes(self.take(2), "big")
        assert not self._rest.read(), "there is more than the messages have"
        return host, port


names = st.from_regex(r"[a-z0-9_-]{0,61}[a-z](\.[a-z]{1,9}){0,3}\.?", fullmatch=True) | st.integers(1, 255).map(
    lambda size: "n" * size
)
addresses = st.ip_addresses()
ports = st.integers(0, 65535)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.integers(1, 255).map(
    lambda size: "p" * size
)
credentials = st.none() | st.tuples(texts, texts)
bounds = st.one_of(
    st.binary(min_size=6, max_size=6).map(lambda data: b"\x01" + data),
    st.binary(min_size=18, max_size=18).map(lambda data: b"\x04" + data),
    st.binary(max_size=255).flatmap(
        lambda name: st.binary(min_size=2, max_size=2).map(lambda port: bytes([3, len(name)]) + name + port)
    ),
)
pieces = st.lists(st.integers(1, 9), max_size=40)


@given(
    target=names | addresses | st.tuples(addresses, st.just("eth0")),
    port=ports,
    who=credentials,
    scheme=st.sampled_from(["socks5", "socks5h"]),
    resolved=addresses,
    wants=st.booleans(),
    bound=bounds,
    tunnelled=st.binary(max_size=30),
    sizes=pieces,
)
def test_the_proxy_is_asked_for_what_was_meant(target, port, who, scheme, resolved, wants, bound, tunnelled, sizes):
    """A server written from the RFCs alone reads the methods, credentials, host and port that were given; the tunnel's bytes stay unread."""
    if isinstance(target, tuple):
        target, zone = target
        host = f"{target}%{zone}" if target.version == 6 else str(target)
    else:
        host = str(target)
    literal = not isinstance(target, str)
    seen = []

    def resolve(step):
        seen.append(step)
        return resolved.packed

    authenticates = wants and who is not None
    said = (b"\x05\x02\x01\x00" if authenticates else b"\x05\x00") + b"\x05\x00\x00" + bound + tunnelled

    written, error, unread = play(socks5(host, port, proxy_with(*(who or ()), scheme=scheme)), said, sizes, resolve)

    assert error is None
    assert unread == tunnelled
    server = Server(written)
    assert server.methods() == ([0] if who is None else [0, 2])
    if authenticates:
        assert server.credentials() == who
    asked_host, asked_port = server.asked()
    assert asked_port == port
    if literal:
        assert not seen
        assert ipaddress.ip_address(asked_host) == target
    elif scheme == "socks5":
        assert seen == [Resolve(host, port)]
        assert ipaddress.ip_address(asked_host) == resolved
    else:
        assert not seen
        assert asked_host == host.encode()


def expected(said, authenticates):
    """Whether bytes from a proxy grant a tunnel, and how many of them do, by the pictures in the RFCs."""
    at = 2
    if said[:1] != b"\x05" or said[1:2] not in ({b"\x00", b"\x02"} if authenticates else {b"\x00"}):
        return False, at
    if said[1] == 2:
        at = 4
        if said[2:3] not in {b"\x01", b"\x05"} or said[3:4] != b"\x00":
            return False, at
    reply = said[at:]
    if reply[:2] != b"\x05\x00":
        return False, at + 2
    if len(reply) < 5 or reply[2] != 0 or reply[3] not in {1, 3, 4}:
        return False, at + 5
    at += 4 + {1: 4, 3: 1 + reply[4], 4: 16}[reply[3]] + 2
    return len(said) >= at, at


anything = st.one_of(
    st.binary(max_size=40),
    st.lists(
        st.sampled_from([0, 1, 2, 3, 4, 5, 8, 0x48, 0x54, 0xFF]) | st.integers(0, 255), min_size=0, max_size=30
    ).map(bytes),
    st.tuples(
        st.sampled_from([b"\x05\x00", b"\x05\x02\x01\x00", b"\x05\x02\x01\x01", b"\x05\xff"]),
        st.sampled_from(
            [GRANTED, GRANTED[:4], b"\x05\x05\x00\x01", b"\x05\x00\x00\x03\x02ab\x00\x00", b"\x05\x00\x00"]
        ),
        st.binary(max_size=25),
    ).map(b"".join),
)


@given(said=anything, sizes=pieces, authenticates=st.booleans())
@example(said=b"", sizes=[], authenticates=True)
def test_whatever_the_proxy_says_is_a_tunnel_or_a_proxy_error(said, sizes, authenticates):
    """Any bytes, in any pieces, come to a tunnel or to a ProxyError, the same however they are cut, and none beyond the messages is read."""
    proxy = proxy_with(*SECRETS) if authenticates else proxy_with()

    outcomes = [
        (written, error and str(error), unread)
        for cut in ((), sizes, [1] * len(said))
        for written, error, unread in [play(socks5("host.test", 443, proxy), said, cut)]
    ]

    assert outcomes[0] == outcomes[1] == outcomes[2]
    _, message, unread = outcomes[0]
    granted, most = expected(said, authenticates)
    assert (message is None) == granted
    assert len(said) - len(unread) == min(most, len(said))
    if message is not None:
        assert "proxy.test" in message
        assert "1080" in message
        assert "host.test" in message
        assert "443" in message
        assert not any(secret in message for secret in SECRETS)


@given(size=st.integers(0, 13), authenticates=st.booleans())
def test_an_early_end_is_told_from_a_refusal(size, authenticates):
    """Where the proxy closes before its answers are complete, the error says that it closed."""
    answers = (b"\x05\x02\x01\x00" if authenticates else b"\x05\x00") + GRANTED
    proxy = proxy_with(*SECRETS) if authenticates else proxy_with()

    _, error, unread = play(socks5("h", 1, proxy), answers[: min(size, len(answers) - 1)])

    assert "closed the connection" in str(error)
    assert unread == b""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "general SOCKS server failure"),
        (2, "connection not allowed by its ruleset"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "TTL expired"),
        (7, "command not supported"),
        (8, "address type not supported"),
        *[(code, "no reason that RFC 1928 knows") for code in (9, 90, 255)],
    ],
)
def test_each_reply_code_is_put_into_words(code, words):
    """The error says why by RFC 1928 section 6, with the number, even where the rest of the reply never comes."""
    _, error, _ = play(socks5("h", 443, proxy_with()), bytes([5, 0, 5, code]))

    assert words in str(error)
    assert f"(reply {code})" in str(error)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answered in HTTP; give it as http://host:port"),
        (b"<html><head>", "it answered in HTTP"),
        (b"\x00\x5b\x00\x00\x00\x00\x00\x00", "it answered in SOCKS4"),
        (b"\x04\x5b", "version 4"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "it answered in TLS"),
        (b"SSH-2.0-OpenSSH", "begins with b'SS'"),
    ],
)
def test_what_is_no_socks_proxy_is_named(said, words):
    """A server that answers in another protocol is recognised by its first bytes, and named."""
    for cut in ((), [1, 1]):
        _, error, unread = play(socks5("h", 443, proxy_with()), said, cut)

        assert "does not speak SOCKS5" in str(error)
        assert words in str(error)
        assert unread == said[2:]


ADVICE = "give its user and password: socks5h://user:password@host:port"


@pytest.mark.parametrize(
    ("said", "who", "words"),
    [
        (b"\x05\xff", (), f"wants to know who asks: {ADVICE}"),
        (b"\x05\x02", (), f"wants to know who asks: {ADVICE}"),
        (b"\x05\x01", (), "chose method 1, which was not offered"),
        (b"\x05\xff", SECRETS, "neither user and password nor a request without them"),
        (b"\x05\x01", SECRETS, "chose method 1, which was not offered"),
        (b"\x05\x02\x01\x01", SECRETS, "did not accept the user and password that it was given (status 1)"),
        (b"\x05\x02\x05\xff", SECRETS, "did not accept the user and password that it was given (status 255)"),
        (b"\x05\x02\x00\x00", SECRETS, "answered user and password in version 0"),
        (b"\x05\x00\x05\x00\x01\x01\x00", (), "the reserved byte of its reply is 1"),
        (b"\x05\x00\x05\x00\x00\x02\x00", (), "an address of type 2"),
    ],
)
def test_what_the_proxy_refuses_or_breaks_is_said(said, who, words):
    """The error says what is to be done about an authentication, or which rule the proxy broke; credentials are never in it."""
    _, error, _ = play(socks5("h", 443, proxy_with(*who)), said)

    assert words in str(error)
    assert not any(secret in str(error) for secret in SECRETS)


def test_credentials_wait_until_they_are_asked_for():
    """User and password go out only once the proxy has chosen them; a proxy that asks for none is never told."""
    written, error, _ = play(socks5("h", 443, proxy_with(*SECRETS)), b"\x05\x00" + GRANTED)

    assert error is None
    assert written[0] == b"\x05\x02\x00\x02"
    assert not any(secret.encode() in b"".join(written) for secret in SECRETS)


def test_an_address_that_was_resolved_here_is_in_the_error():
    """Where the name was resolved on this side, the error says which address the proxy was asked for."""
    plan = socks5("h.test", 443, proxy_with(scheme="socks5"))

    _, error, _ = play(plan, b"\x05\x00\x05\x04", resolved=lambda _: ipaddress.ip_address("2001:db8::7").packed)

    assert "'h.test' port 443 (2001:db8::7)" in str(error)


@pytest.mark.parametrize(
    ("host", "who", "words"),
    [
        ("h", ("u" * 256, "p"), "the proxy's user has 256 bytes"),
        ("h", ("ü" * 128, "p"), "the proxy's user has 256 bytes"),
        ("h", ("", "p"), "the proxy's user has 0 bytes"),
        ("h", ("u", "p" * 256), "the proxy's password has 256 bytes"),
        ("h", ("u", ""), "the proxy's password has 0 bytes"),
        ("h", ("u", None), "the proxy's password has 0 bytes"),
        ("n" * 256, (), "the host name has 256 bytes"),
        ("", (), "the host name has 0 bytes"),
    ],
)
def test_what_no_message_can_hold_is_refused_before_the_first_step(host, who, words):
    """What does not fit into the one byte of a length is refused by name at once, and not quoted."""
    with pytest.raises(InvalidURL) as caught:
        socks5(host, 443, proxy_with(*who))

    assert words in str(caught.value)
    assert "uu" not in str(caught.value)
    assert "pp" not in str(caught.value)


def test_the_longest_that_a_message_can_hold_is_sent():
    """A user, a password and a name of 255 bytes go out whole."""
    user, password, name = "u" * 255, "ü" * 127 + "p", "n" * 255

    written, error, _ = play(socks5(name, 1, proxy_with(user, password)), b"\x05\x02\x01\x00" + GRANTED)

    server = Server(written)
    assert error is None
    assert server.methods() == [0, 2]
    assert server.credentials() == (user, password)
    assert server.asked() == (name.encode(), 1)


def test_a_name_resolved_here_may_be_longer_than_socks_takes():
    """With socks5 the name itself is not sent, so only the resolver judges it."""
    written, error, _ = play(
        socks5("n" * 300, 1, proxy_with(scheme="socks5")), b"\x05\x00" + GRANTED, resolved=lambda _: b"\x7f\x00\x00\x01"
    )

    assert error is None
    assert written[1] == b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x01"
