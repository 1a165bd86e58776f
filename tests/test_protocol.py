"""What a request needs is derived, and what a transport does not declare is refused by name."""

import dataclasses

import pytest
from fleet import TRANSPORTS, make_transport

from intermodal import (
    TLS,
    Capability,
    Dial,
    Options,
    Proxy,
    Request,
    Timeouts,
    Transport,
    TransportInfo,
    UnsupportedFeature,
)
from intermodal.protocol import needs, refuse_unsupported

BARE = Options(Timeouts.of(None))
HTTP, HTTPS = "http://h/", "https://h/"


def options(**keywords):
    """Options without bounds, but for these."""
    return dataclasses.replace(BARE, **keywords)


CASES = [
    (Request("GET", HTTP), BARE, Capability.NONE),
    (Request("POST", HTTP, body=b"x"), BARE, Capability.NONE),
    (Request("POST", HTTP, body=[b"x"]), BARE, Capability.STREAM_REQUEST),
    (Request("PUT", HTTP, {"Expect": "100-continue"}, b"x"), BARE, Capability.EXPECT_CONTINUE),
    (Request("GET", HTTP, {"Connection": "upgrade", "Upgrade": "x"}), BARE, Capability.UPGRADE),
    (Request("GET", HTTP, target="/a|b"), BARE, Capability.EXACT_TARGET),
    (Request("OPTIONS", HTTP, target="*"), BARE, Capability.EXACT_TARGET),
    (Request("GET", HTTP, target="/a%7e?b"), BARE, Capability.NONE),
    (Request("GET", HTTP, target="http://h/a%7e?b"), BARE, Capability.NONE),
    (Request("GET", HTTP), options(timeouts=Timeouts(None, None, 1, None)), Capability.WRITE_TIMEOUT),
    (Request("GET", HTTP), options(timeouts=Timeouts(None, None, None, 1)), Capability.POOL_TIMEOUT),
    (Request("GET", HTTP), options(timeouts=Timeouts(None, None, None, None, 1)), Capability.TOTAL_TIMEOUT),
    (Request("GET", HTTP), options(tls=TLS(False)), Capability.NONE),
    (Request("GET", HTTPS), BARE, Capability.HTTPS),
    (Request("GET", HTTPS), options(tls=TLS(False)), Capability.HTTPS | Capability.CUSTOM_TLS),
    (Request("GET", HTTPS), options(tls=TLS("/ca.pem")), Capability.HTTPS | Capability.CUSTOM_TLS),
    (Request("GET", HTTPS), options(tls=TLS(cert="/c.pem")), Capability.HTTPS | Capability.CLIENT_CERT),
    (Request("GET", HTTP), options(proxy=Proxy("http://p")), Capability.FORWARD_PROXY),
    (Request("GET", HTTPS), options(proxy=Proxy("http://p")), Capability.HTTPS | Capability.CONNECT_PROXY),
    (Request("GET", HTTP), options(proxy=Proxy("https://p")), Capability.FORWARD_PROXY | Capability.TLS_PROXY),
    (Request("GET", HTTP), options(proxy=Proxy("socks5h://p")), Capability.SOCKS),
    (Request("GET", HTTP), options(dial=Dial(unix_socket="/s")), Capability.UNIX_SOCKET),
    (Request("GET", HTTP), options(dial=Dial(source_address=("127.0.0.1", 0))), Capability.SOURCE_ADDRESS),
]


@pytest.mark.parametrize(("request_", "options_", "need"), CASES)
def test_needs_are_derived(request_, options_, need):
    """Each thing a request can ask for is one capability, and nothing else is."""
    assert needs(request_, options_) == need


@pytest.mark.parametrize("capability", [each for each in Capability if each.value])
def test_every_capability_can_be_needed_and_refused(capability):
    """There is no capability that no request needs; undeclared, it is refused with its name and a way out."""
    request, wanted = next((request, wanted) for request, wanted, need in CASES if capability in need)

    with pytest.raises(UnsupportedFeature, match=f"{capability.name}.*nothing was sent") as caught:
        refuse_unsupported(request, wanted, TransportInfo("mine"))
    assert caught.value.transport == "mine"
    assert caught.value.delivery == "not_sent"


@pytest.mark.parametrize("name", TRANSPORTS)
@pytest.mark.parametrize(("request_", "options_", "need"), CASES)
def test_what_the_four_do_not_declare_they_refuse(name, request_, options_, need):
    """Over each transport an undeclared need is refused before a connection is opened (T4)."""
    transport = make_transport(name)
    assert isinstance(transport, Transport)
    if not need & ~transport.info.capabilities:
        return
    with pytest.raises(UnsupportedFeature):
        transport.send(request_, options_)
