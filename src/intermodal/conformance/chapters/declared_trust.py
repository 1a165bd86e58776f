"""T4, whom to trust: what is declared of TLS is what the handshake does, and what it does not do."""

from __future__ import annotations

import contextlib
import ssl
import warnings
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.declared_proxies import through
from intermodal.errors import CertificateError, ProxyError, TLSError, UnsupportedFeature
from intermodal.model.options import TLS
from intermodal.protocol import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.conformance.stage import Came, Stage
    from intermodal.model.options import Options
    from intermodal.testing.origin import Origin

CHAPTER = Chapter()

_BOTH: Final = Capability.CUSTOM_TLS | Capability.CLIENT_CERT
_KINDS: Final = {"expired": "expired", "another host's": "another host's", "self-made": "self-made"}


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Take no notice of the warnings that libraries have for connections whose certificate nobody checks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _get(stage: Stage, origin: Origin, options: Options) -> Came:
    return stage.carry(stage.request("GET", "/get", base=origin.url), options)


def _context(stage: Stage, **settings: Any) -> ssl.SSLContext:
    context = stage.authority.server(asks=settings.pop("asks", False))
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def _refused(stage: Stage, came: Came) -> None:
    """Demand that the certificate was not accepted, and that nothing was said to who showed it."""
    stage.failed(came, CertificateError, phase="tls", delivery="not_sent", reused=False)
    stage.nothing_was_sent()


# --- the server's certificate -----------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.HTTPS)
def an_unknown_authority_is_refused_by_default(stage: Stage) -> None:
    """T4, RFC 9110 section 4.3.4: a certificate that the system does not trust is refused where nothing else is asked for."""
    origin = stage.serve(tls=stage.authority.server())
    _refused(stage, _get(stage, origin, stage.options()))


@CHAPTER.case(needs=Capability.CUSTOM_TLS)
def a_ca_file_is_trusted(stage: Stage) -> None:
    """T4, RFC 9110 section 4.3.4: with verify as a file, a certificate of the authority in it is accepted."""
    origin = stage.serve(tls=stage.authority.server())
    stage.answered(_get(stage, origin, stage.options(tls=stage.trusting())))
    stage.arrived("GET", "/get")


@CHAPTER.case(needs=Capability.CUSTOM_TLS)
def a_context_is_used_as_it_is(stage: Stage) -> None:
    """T4: with verify as an ssl.SSLContext, it is that which trusts, and which does not."""
    # A transport that can be told whom to trust, but takes no context with a request, says that instead.
    origin = stage.serve(tls=stage.authority.server())
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    came = _get(stage, origin, stage.options(tls=TLS(verify=blind)))
    stage.failed(came, CertificateError, UnsupportedFeature, delivery="not_sent", reused=False)
    stage.nothing_was_sent()
    if not isinstance(came.error, UnsupportedFeature):
        trusting = ssl.create_default_context(cafile=stage.authority.path)
        stage.answered(_get(stage, origin, stage.options(tls=TLS(verify=trusting))))


@CHAPTER.rows(_KINDS, needs=Capability.CUSTOM_TLS)
def a_certificate_is_refused(stage: Stage, kind: str) -> None:
    """T4, RFC 9110 section 4.3.4: a certificate that is {row} is a CertificateError, before a byte of the request."""
    origin = stage.serve(tls=stage.authority.server(kind))
    _refused(stage, _get(stage, origin, stage.options(tls=stage.trusting())))


@CHAPTER.rows(_KINDS, needs=Capability.CUSTOM_TLS)
def verify_false_accepts(stage: Stage, kind: str) -> None:
    """T4: with verify=False a certificate that is {row} is accepted."""
    origin = stage.serve(tls=stage.authority.server(kind))
    with unchecked():
        stage.answered(_get(stage, origin, stage.options(tls=TLS(verify=False))))


@CHAPTER.case(needs=Capability.HTTPS)
def the_name_is_said_in_the_handshake(stage: Stage) -> None:
    """T4, RFC 6066 section 3: the server is told the host's name before it shows a certificate."""
    names: list[str | None] = []
    context = _context(stage, sni_callback=lambda _, name, __: names.append(name))
    origin = stage.serve(tls=context)
    stage.carry(stage.request(base=f"https://localhost:{origin.port}"))
    stage.demand(names and set(names) == {"localhost"}, "the name localhost in the handshake", names)


# --- how old TLS may be -----------------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.CUSTOM_TLS)
def a_minimum_version_refuses_an_older_server(stage: Stage) -> None:
    """T4, RFC 8446 section 4.2.1: with minimum_version TLSv1.3 a server that only has TLSv1.2 gets no byte of a request."""
    # A transport that can be told whom to trust, but no version, says that instead.
    origin = stage.serve(tls=_context(stage, maximum_version=ssl.TLSVersion.TLSv1_2))
    came = _get(stage, origin, stage.options(tls=stage.trusting(minimum_version="TLSv1.3")))
    stage.failed(came, TLSError, UnsupportedFeature, delivery="not_sent", reused=False)
    stage.nothing_was_sent()


@CHAPTER.case(needs=Capability.CUSTOM_TLS)
def a_minimum_version_is_not_met_by_an_older_connection(stage: Stage) -> None:
    """T4, RFC 8446 section 4.2.1: a connection of TLSv1.2 that is kept does not serve a caller who wants TLSv1.3."""
    origin = stage.serve(tls=_context(stage, maximum_version=ssl.TLSVersion.TLSv1_2))
    stage.answered(_get(stage, origin, stage.options(tls=stage.trusting())))
    came = _get(stage, origin, stage.options(tls=stage.trusting(minimum_version="TLSv1.3")))
    stage.failed(came, TLSError, UnsupportedFeature, delivery="not_sent")
    stage.same("the number of requests", len(origin.requests), 1)


# --- the client's certificate -----------------------------------------------------------------------------------------


@CHAPTER.rows({"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}, needs=_BOTH)
def a_clients_certificate_is_shown(stage: Stage, version: ssl.TLSVersion) -> None:
    """T4, RFC 8446 section 4.4.2: a server that demands a certificate gets that of the options, over {row}."""
    context = _context(stage, asks=True, minimum_version=version, maximum_version=version)
    origin = stage.serve(tls=context)
    options = stage.options(tls=stage.trusting(cert=stage.authority.client))
    stage.answered(_get(stage, origin, options))


@CHAPTER.case(needs=_BOTH)
def no_certificate_is_shown_unasked_for(stage: Stage) -> None:
    """T4, RFC 5246 section 7.4.6: after a caller with a certificate, one without has none, and the server that demands one refuses."""
    origin = stage.serve(tls=_context(stage, asks=True, maximum_version=ssl.TLSVersion.TLSv1_2))
    stage.answered(_get(stage, origin, stage.options(tls=stage.trusting(cert=stage.authority.client))))
    came = _get(stage, origin, stage.options(tls=stage.trusting()))
    stage.failed(came, TLSError, phase="tls", delivery="not_sent")
    stage.same("the number of requests", len(origin.requests), 1)


@CHAPTER.case(needs=_BOTH | Capability.CONNECT_PROXY | Capability.TLS_PROXY)
def a_clients_certificate_is_for_its_server(stage: Stage) -> None:
    """T4: a certificate that is meant for the server is not shown to an https proxy that demands one."""
    front_tls = _context(stage, asks=True, maximum_version=ssl.TLSVersion.TLSv1_2)
    front = stage.serve(front="http", tls=stage.authority.server(), front_tls=front_tls)
    known = stage.trusting(cert=stage.authority.client)
    request = stage.request("GET", "/get", base="https://target.test")
    came = stage.carry(request, stage.options(proxy=through(front, tls=stage.trusting()), tls=known))
    stage.failed(came, TLSError, ProxyError, delivery="not_sent")
    stage.answered(stage.carry(request, stage.options(proxy=through(front, tls=known), tls=stage.trusting())))


# --- whose a connection is --------------------------------------------------------------------------------------------


@CHAPTER.rows({"kept": False, "closed": True}, needs=Capability.CUSTOM_TLS)
def what_nobody_checked_is_not_for_who_checks(stage: Stage, closed: bool) -> None:
    """T4, RFC 9110 section 4.3.4: after verify=False, on a connection that was {row}, a caller who verifies is still refused."""
    origin = stage.serve(tls=stage.authority.server("self-made"))
    with unchecked():
        if closed:
            origin.play(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", then="fin")
        stage.answered(_get(stage, origin, stage.options(tls=TLS(verify=False))))
    for tls in (TLS(), stage.trusting()):
        came = _get(stage, origin, stage.options(tls=tls))
        stage.failed(came, CertificateError, phase="tls", delivery="not_sent")
    stage.same("the number of requests", len(origin.requests), 1)


@CHAPTER.case(needs=Capability.CUSTOM_TLS)
def what_one_trusts_is_not_for_another(stage: Stage) -> None:
    """T4, RFC 9110 section 4.3.4: a connection that a CA file made right does not serve a caller who trusts the system's."""
    origin = stage.serve(tls=stage.authority.server())
    stage.answered(_get(stage, origin, stage.options(tls=stage.trusting())))
    stage.failed(_get(stage, origin, stage.options()), CertificateError, phase="tls", delivery="not_sent")
    stage.same("the number of requests", len(origin.requests), 1)


@CHAPTER.case(needs=_BOTH)
def a_connection_is_one_clients(stage: Stage) -> None:
    """T4: a connection on which a certificate was shown does not serve a caller without it, though the server would."""
    context = _context(stage, asks=True, verify_mode=ssl.CERT_OPTIONAL)
    origin = stage.serve(tls=context)
    known, unknown = stage.trusting(cert=stage.authority.client), stage.trusting()
    for tls in (known, unknown, known, unknown):
        stage.answered(_get(stage, origin, stage.options(tls=tls)))
    stage.same("the connections, one for each at least", len(origin.connections) >= 2, True)
    served = [len(each.requests) for each in origin.connections]
    stage.demand(max(served) <= 2, "connections that serve one client", f"one that served {max(served)} requests")
