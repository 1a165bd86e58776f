"""T5, of TLS and proxies, and of what an error holds: no secret, nothing of another exchange, and all of it to pickle."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

from intermodal.conformance.case import Chapter, Failure
from intermodal.conformance.chapters.closed_errors import causes, closed, ours
from intermodal.conformance.chapters.declared_proxies import through
from intermodal.conformance.chapters.written import OK
from intermodal.conformance.stage import BRIEF, PAUSE, Came, told
from intermodal.errors import (
    CertificateError,
    ConnectionError,
    Disconnected,
    Error,
    IncompleteBody,
    ProxyError,
    ReadTimeout,
    TLSError,
)
from intermodal.model.options import Proxy
from intermodal.protocol import Capability, Guarantee
from intermodal.testing.origin import Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.conformance.stage import Stage
    from intermodal.errors import Phase
    from intermodal.model.request import Request

CHAPTER = Chapter()

# --- TLS ----------------------------------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.HTTPS)
def an_unknown_authority(stage: Stage) -> None:
    """T5, RFC 9110 section 4.3.4: a certificate whose authority nobody knows is a CertificateError."""
    server = stage.serve(tls=stage.authority.server())
    request = stage.request("GET", "/", [("Authorization", "Bearer x")], base=server.url)
    came = stage.carry(request)
    error = closed(stage, came, request, CertificateError, phase="tls", delivery="not_sent", lower=True)
    stage.demand(getattr(error, "verify_code", None), "OpenSSL's number as verify_code", repr(error.__dict__))
    stage.nothing_was_sent()


@CHAPTER.rows({kind: kind for kind in ("expired", "another host's", "self-made")}, needs=Capability.CUSTOM_TLS)
def a_wrong_certificate(stage: Stage, kind: str) -> None:
    """T5, RFC 9110 section 4.3.4: a certificate that is {row} is a CertificateError, and the server is sent nothing."""
    server = stage.serve(tls=stage.authority.server(kind))
    request = stage.request("GET", "/", base=server.url)
    came = stage.carry(request, stage.options(tls=stage.trusting()))
    closed(stage, came, request, CertificateError, phase="tls", delivery="not_sent", lower=True)
    stage.nothing_was_sent()


_NO_TLS: dict[str, tuple[bytes, Any]] = {
    "plain HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "fin"),
    "control characters": (b"\x1b[31mno\x07\r\n", "fin"),
    "FIN": (b"", "fin"),
    "RST": (b"", "rst"),
}


@CHAPTER.rows(_NO_TLS, needs=Capability.HTTPS)
def a_handshake_answered_by(stage: Stage, row: tuple[bytes, Any]) -> None:
    """T5, RFC 8446: a handshake that is answered by {row} is a TLSError or a lost connection, and none of ssl's."""
    data, then = row
    steps: list[Any] = [data] if then == "fin" else [PAUSE]  # else it may end before the handshake begins
    stage.play(*steps, then=then, at="connect")
    request = stage.request("GET", "/", base=stage.origin.url.replace("http://", "https://"))
    came = stage.carry(request)
    kinds = (TLSError,) if data else (TLSError, Disconnected, ConnectionError)
    # A reset tells a library nothing of where it was.
    phases: tuple[Phase, ...] = ("tls",) if stage.guarantees(Guarantee.DELIVERY) else ("tls", "connect", "wait")
    closed(stage, came, request, *kinds, phase=phases, delivery="not_sent", lower=True)


@CHAPTER.case(needs=Capability.CUSTOM_TLS)
def a_cut_line_of_tls(stage: Stage) -> None:
    """T5, RFC 9112 section 9.8: a TLS connection that is cut in a body is an error of ours, as any other."""
    server = stage.serve(tls=stage.authority.server())
    server.play(OK + b"Content-Length: 9\r\n\r\nhello", PAUSE, then="rst")
    request = stage.request("GET", "/", base=server.url)
    came = stage.carry(request, stage.options(tls=stage.trusting()))
    closed(stage, came, request, Disconnected, IncompleteBody, TLSError, phase="body", delivery="sent")
    stage.same("the bytes before the error", came.body, b"hello")


# --- proxies ------------------------------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def a_refused_proxy(stage: Stage) -> None:
    """T5: a proxy that refuses the connection is a ProxyError, caused by an OSError."""
    request = stage.request("GET", "/", base="http://target.test", target="http://target.test/")
    came = stage.carry(request, stage.options(proxy=Proxy(stage.nowhere)))
    closed(stage, came, request, ProxyError, phase="connect", delivery="not_sent", lower=True)


_TUNNEL_REFUSED: dict[str, tuple[bytes, Any, tuple[type[Error], ...]]] = {
    "403": (b"HTTP/1.1 403 No\x09way\r\nContent-Length: 2\r\n\r\nno", "fin", (ProxyError,)),
    "407": (b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "fin", (ProxyError,)),
    "502 without a length": (b"HTTP/1.1 502 Bad\r\n\r\nno", "fin", (ProxyError,)),
    "no HTTP": (b"\x1b[31mwhat?\x07\r\n\r\n", "fin", (ConnectionError,)),
    "FIN": (b"", "fin", (ConnectionError,)),
    "RST": (b"", "rst", (ConnectionError,)),
    "FIN in the head": (OK + b"X-A", "fin", (ConnectionError,)),
}


@CHAPTER.rows(_TUNNEL_REFUSED, needs=Capability.CONNECT_PROXY)
def a_tunnel_answered_by(stage: Stage, row: tuple[bytes, Any, tuple[type[Error], ...]]) -> None:
    """T5, RFC 9110 section 9.3.6: a CONNECT that is answered by {row} is a ConnectionError, a ProxyError if refused, and the target is sent nothing."""
    data, then, kinds = row
    proxy = stage.serve(front="http")
    proxy.play(data, then=then, at="tunnel")
    request = stage.request("GET", "/", base="https://target.test")
    came = stage.carry(request, stage.options(proxy=through(proxy)))
    error = closed(stage, came, request, *kinds, phase="proxy", delivery="not_sent")
    if data.startswith(b"HTTP/1.1 4"):
        stage.demand(error.response is not None, "what the proxy answered, as error.response", "None")
        stage.same("its status", error.response.status_code, int(data[9:12]))


_SOCKS_REFUSED: dict[str, tuple[bytes, Any]] = {
    "no method": (b"\x05\xff", "fin"),
    "another protocol": (b"HTTP/1.1 400 Bad\r\n\r\n", "fin"),
    "a refusal": (b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "fin"),
    "an unknown reply": (b"\x05\x00\x05\xee\x00\x01\x00\x00\x00\x00\x00\x00", "fin"),
    "an unknown kind of address": (b"\x05\x00\x05\x00\x00\x09\x00\x00\x00\x00\x00\x00", "fin"),
    "FIN": (b"\x05", "fin"),
    "RST": (b"\x05\x00\x05\x00", "rst"),
}


@CHAPTER.rows(_SOCKS_REFUSED, needs=Capability.SOCKS)
def a_socks_proxy_that_says(stage: Stage, row: tuple[bytes, Any]) -> None:
    """T5, RFC 1928 section 6: a SOCKS proxy that answers by {row} is a ProxyError."""
    data, then = row
    stage.play(data, PAUSE, then=then, at="connect")
    request = stage.request("GET", "/", base="http://target.test")
    came = stage.carry(request, stage.options(proxy=Proxy(f"socks5h://127.0.0.1:{stage.origin.port}")))
    closed(stage, came, request, ProxyError, phase="proxy", delivery="not_sent")


# --- what it holds ------------------------------------------------------------------------------------------------------

_SECRET = "hush-hush"


def _secretive(stage: Stage, base: str | None = None, body: bytes | None = None) -> Request:
    """A request with a secret wherever one can be."""
    base = (base or stage.url).replace("://", f"://user:{_SECRET}@")
    fields = [("Authorization", f"Bearer {_SECRET}"), ("Cookie", f"session={_SECRET}")]
    return stage.request("GET" if body is None else "POST", "/", fields, body, base=base)


def _refused(stage: Stage) -> Came:
    return stage.carry(_secretive(stage, stage.nowhere))


def _played(*steps: Any, **how: Any) -> Callable[[Stage], Came]:
    def play(stage: Stage) -> Came:
        stage.play(*steps, **how)
        return stage.carry(_secretive(stage, body=_SECRET.encode()), stage.options(read=BRIEF))

    return play


#: Failures of every kind that any transport can have.
_FAILURES: dict[str, tuple[Callable[[Stage], Came], type[Error]]] = {
    "a refusal": (_refused, ConnectionError),
    "an unknown host": (lambda stage: stage.carry(_secretive(stage, "http://nothing.invalid")), ConnectionError),
    "an end": (_played(then="fin"), Disconnected),
    "a reset": (_played(then="rst"), Disconnected),
    "silence": (_played(Stall()), ReadTimeout),
    "a cut body": (_played(OK + b"Content-Length: 9\r\n\r\nhello", then="fin"), IncompleteBody),
    "no HTTP": (_played(b"SSH-2.0-OpenSSH\r\n\r\n", then="fin"), Error),
}


@CHAPTER.rows(_FAILURES)
def no_secret_is_told_for(stage: Stage, row: tuple[Callable[[Stage], Came], type[Error]]) -> None:
    """T5, RFC 9110 section 17.16: neither an error for {row} nor what led to it quotes logins, cookies or content."""
    fail, kind = row
    error = stage.failed(fail(stage), kind)
    for each in (error, *causes(error)):
        for text in (str(each), repr(each)):
            stage.demand(_SECRET not in text, f"the text of {type(each).__name__} without the secret", text)


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def no_login_of_a_proxy_is_told(stage: Stage) -> None:
    """T5, RFC 9110 section 11.7.2: an error about a proxy quotes neither its user's password nor the field with it."""
    fields = [("Proxy-Authorization", f"Basic {_SECRET}")]
    request = stage.request("GET", "/", fields, base="http://target.test", target="http://target.test/")
    proxy = Proxy(stage.nowhere.replace("://", f"://user:{_SECRET}@"))
    came = stage.carry(request, stage.options(proxy=proxy))
    error = stage.failed(came, ProxyError)
    for each in (error, *causes(error)):
        stage.demand(_SECRET not in f"{each!s} {each!r}", f"{type(each).__name__} without the secret", f"{each!r}")


_WAYS: tuple[Callable[[Any], Any], ...] = (
    lambda error: pickle.loads(pickle.dumps(error)),  # noqa: S301 - what was just made
    copy.copy,
    copy.deepcopy,
)


@CHAPTER.rows(_FAILURES)
def pickled_and_copied_is_an_error_for(stage: Stage, row: tuple[Callable[[Stage], Came], type[Error]]) -> None:
    """T5: an error for {row} can be pickled and copied, and is the same with all that it says."""
    fail, kind = row
    error = stage.failed(fail(stage), kind)
    for way in _WAYS:
        try:
            made = way(error)
        except Exception as fault:
            raise Failure("an error that can be pickled and copied", told(fault)) from fault
        stage.same("its class", type(made), type(error))
        stage.same("its text", str(made), str(error))
        for what in ("transport", "phase", "delivery", "reused", "errno", "partial"):
            stage.same(what, getattr(made, what, None), getattr(error, what, None))
        stage.demand(error.request is not None and made.request is not None, "its request", repr(made.request))
        stage.same("the target of its request", made.request.target, error.request.target)


@CHAPTER.case()
def each_error_is_of_its_own_request(stage: Stage) -> None:
    """T5: errors of exchanges that fail at once each name their own request, and are objects of their own."""
    for _ in range(4):
        stage.play(0.02, then="rst")
    requests = [stage.request("GET", f"/{number}") for number in range(4)]
    came = stage.together(*[lambda request=request: stage.carry(request) for request in requests])
    errors = []
    for request, each in zip(requests, came, strict=True):
        assert isinstance(each, Came)
        errors.append(closed(stage, each, request, Disconnected))
    stage.same("the number of errors", len({id(error) for error in errors}), 4)


@CHAPTER.case()
def an_error_knows_nothing_of_another(stage: Stage) -> None:
    """T5: sent while another exception is handled, a request fails for its own reason, and not because of that."""
    outer = OSError("another matter")
    request = stage.request(base=stage.nowhere)
    try:
        raise outer
    except OSError:
        came = stage.carry(request)
    error = closed(stage, came, request, ConnectionError, phase="connect", lower=True)
    led = []
    cause = error.__cause__
    while cause is not None:
        led.append(cause)
        cause = cause.__cause__
    stage.demand(all(each is not outer for each in led), "causes of its own", [told(each) for each in led])


@CHAPTER.case(wire=False)
def a_peer_that_fails(stage: Stage) -> None:
    """T5: what an application raises in-process leaves as an error of ours that leads to it, as a reset does on a wire."""
    fault = LookupError("an application's own")
    if stage.maker.application is None:
        stage.play(then="rst")
    else:
        stage.answer(raises=fault)
    request = stage.request()
    came = stage.carry(request)
    error = stage.failed(came, Error)
    stage.demand(error.request is request, "the very Request that was sent, as error.request", error.request)
    if stage.maker.application is None:
        ours(stage, error)
    else:
        stage.demand(any(each is fault for each in causes(error)), "the LookupError among its causes", told(error))
    stage.works("a peer that failed")
