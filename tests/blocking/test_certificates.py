"""The words for a certificate that was refused, where no server that a test can start would show it."""

import ssl

import pytest

from intermodal import TLS
from intermodal.blocking.certificates import refused
from intermodal.blocking.chain import Certificate
from intermodal.net.plan import StartTLS

PAST, FUTURE = 86400 * 365, 86400 * 365 * 100
OWN = Certificate("'CN=example.org'", "'O=Middle'", ["example.org"], PAST, FUTURE)
MIDDLE = Certificate("'O=Middle'", "'O=Root'", [], PAST, FUTURE)


def said(code, *chain, tls=TLS(), proxy=False, message="in OpenSSL's words"):  # noqa: B008 - frozen
    """What is said of a chain that was refused for the reason of this number."""
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code, error.verify_message = code, message
    failure = refused(error, list(chain), StartTLS(tls, "example.org", 443, proxy=proxy))
    assert failure.verify_code == code
    return str(failure)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (23, "was revoked by its authority: send nothing to the server"),
        (26, "is not made for a server"),
        (66, "is too weak: the key of it"),
        (67, "is too weak: the key of one of its authorities"),
        (68, "is too weak: the signature of one of its authorities"),
        (24, "was not accepted: in OpenSSL's words"),
        (-67843, "was not accepted: in OpenSSL's words"),
    ],
)
def test_rare_reasons(code, words):
    """A rare reason has its own words; one that nobody has heard of has OpenSSL's, or the system's."""
    message = said(code, OWN, MIDDLE)
    assert message.startswith(f"the certificate of 'example.org' port 443 {words}")
    assert (
        "(subject 'CN=example.org'; issuer 'O=Middle'; valid from 1971-01-01 00:00 UTC to 2069-12-07 00:00 UTC)"
        in message
    )


def test_an_authority_that_has_expired():
    """The link of the chain that is out of date is named, not the server's own certificate, which is in order."""
    message = said(10, OWN, MIDDLE._replace(ends=PAST + 3600))
    assert "was not accepted: that of its authority 'O=Middle' expired on 1971-01-01 01:00 UTC" in message
    assert "is not valid before 2069-12-07 00:00 UTC" in said(9, OWN, MIDDLE._replace(begins=FUTURE))
    assert "one of its authorities has expired" in said(10, OWN, MIDDLE)


def test_the_issuer_that_is_missing_is_the_one_at_the_end_of_the_chain():
    """In whatever order a server sends its certificates; one that leads in a circle has an end too."""
    assert "was issued by 'O=Root'" in said(20, OWN, MIDDLE)
    root = Certificate("'O=Root'", "'O=Above'", [], PAST, FUTURE)
    assert "was issued by 'O=Above'" in said(20, OWN, root, MIDDLE)
    assert "was issued by 'O=Middle'" in said(20, OWN, MIDDLE._replace(issuer="'O=Middle'"), root)


def test_long_lists_are_cut():
    """Of a hundred names the first are listed, and how many there are besides."""
    names = [f"{number}.example.net" for number in range(100)]
    message = said(62, OWN._replace(names=names))
    assert "0.example.net, 1.example.net, " in message
    assert "7.example.net and 92 more" in message
    assert "8.example.net" not in message
    assert "nor for any other name" in said(62, OWN._replace(names=[]))


def test_what_a_stranger_wrote_is_made_fit():
    """No line of the message, and no terminal, is at the mercy of a certificate."""
    message = said(62, OWN._replace(names=["a\r\n\x1b[31mb.example", "x" * 500]))
    assert "a???[31mb.example" in message
    assert "x" * 101 not in message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("tls", "proxy", "words"),
    [
        (TLS(), False, "get its certificate from whoever runs it and give verify='ca.pem'"),
        (TLS(), True, "get its certificate from whoever runs it and give Proxy(url, tls=TLS(verify='ca.pem'))"),
        (TLS(verify="our.pem"), False, "not in 'our.pem': if that is the wrong file"),
        (TLS(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), False, "load it into the context"),
    ],
)
def test_what_to_do_fits_what_was_given(tls, proxy, words):
    """The advice is about the setting that decides."""
    assert words in said(20, OWN, MIDDLE, tls=tls, proxy=proxy)
    assert ("of the proxy 'example.org'" in said(20, OWN, tls=tls, proxy=proxy)) is proxy


@pytest.mark.parametrize("code", [2, 9, 10, 18, 19, 20, 21, 23, 24, 26, 62, 64, 66, 67, 68])
@pytest.mark.parametrize("chain", [(), (OWN,), (OWN, MIDDLE)], ids=["none", "one", "two"])
def test_every_reason_has_words(code, chain):
    """Whatever is known of the chain; and no advice is to look away."""
    message = said(code, *chain)
    assert message.startswith("the certificate of 'example.org' port 443 ")
    assert "verify=False" not in message
