"""T4, proxies: what is declared of forwarding, of tunnels, of TLS to the proxy and of SOCKS really leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.errors import CertificateError, ProxyError
from intermodal.model.options import TLS, Proxy
from intermodal.protocol import Capability

if TYPE_CHECKING:
    from intermodal.conformance.stage import Stage
    from intermodal.model.request import Request
    from intermodal.testing.origin import Origin

__all__ = ["CHAPTER", "FAR", "SECURE", "TLS_PROXY", "TUNNEL", "forwarded", "through"]

CHAPTER = Chapter()

#: A host that only a proxy knows, and what it is called in its certificate.
FAR: Final = "http://origin.test"
SECURE: Final = "https://target.test"

TUNNEL: Final = Capability.CONNECT_PROXY | Capability.CUSTOM_TLS
TLS_PROXY: Final = Capability.FORWARD_PROXY | Capability.TLS_PROXY | Capability.CUSTOM_TLS
_TLS_TUNNEL: Final = TUNNEL | Capability.TLS_PROXY


def through(front: Origin, login: str = "", *, tls: TLS | None = None, scheme: str = "") -> Proxy:
    """Make the proxy that an origin's front is."""
    url = str(front.proxy_url)
    start, _, rest = url.partition("://")
    return Proxy(f"{scheme or start}://{login}{rest}", tls or TLS())


def forwarded(stage: Stage, path: str = "/get", headers: Any = (), base: str = FAR) -> Request:
    """Make a request as a forwarding proxy must see it (RFC 9112 section 3.2.2)."""
    return stage.request("GET", path, headers, base=base, target=base + path)


# --- a forwarding proxy -----------------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def a_forwarding_proxy_is_given_the_whole_url(stage: Stage) -> None:
    """T4, RFC 9112 section 3.2.2: the proxy of the options gets the request, with the absolute target and the Host."""
    front = stage.serve(front="http")
    came = stage.carry(forwarded(stage, "/get?a=1", [("X-A", "1")]), stage.options(proxy=through(front)))
    stage.answered(came)
    stage.arrived("GET", f"{FAR}/get?a=1", [("Host", "origin.test"), ("X-A", "1")], b"")
    stage.same("the tunnel that was asked for", front.connections[0].tunnel, None)


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def a_forwarding_proxy_is_given_the_body(stage: Stage) -> None:
    """T4, RFC 9112 section 3.2.2: a body goes through a forwarding proxy as it goes without one."""
    front = stage.serve(front="http")
    body = bytes(range(256)) * 300
    request = stage.request("POST", "/post", body=body, base=FAR, target=f"{FAR}/post")
    stage.answered(stage.carry(request, stage.options(proxy=through(front))))
    stage.arrived("POST", f"{FAR}/post", body=body)


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def a_login_reaches_the_forwarding_proxy(stage: Stage) -> None:
    """T4, RFC 9110 section 11.7.2: Proxy-Authorization goes to the proxy as it stands in the request, once."""
    front = stage.serve(front="http", front_login=("ann", "p@ss"))
    request = forwarded(stage, headers=[("Proxy-Authorization", "Basic YW5uOnBAc3M=")])
    stage.answered(stage.carry(request, stage.options(proxy=through(front, "ann:p%40ss@"))))
    given = [value for name, value in stage.arrived().headers if name.lower() == "proxy-authorization"]
    stage.same("Proxy-Authorization", given, ["Basic YW5uOnBAc3M="])


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def a_forwarding_proxys_407_is_an_answer(stage: Stage) -> None:
    """T4, RFC 9110 section 15.5.8: where no tunnel is asked for, the proxy's 407 is the answer, with its fields and body."""
    front = stage.serve(front="http", front_login=("ann", "secret"))
    response = stage.answered(stage.carry(forwarded(stage), stage.options(proxy=through(front))), 407)
    stage.demand("proxy-authenticate" in response.headers, "the field Proxy-Authenticate", response.headers.pairs)
    stage.same("the number of requests", len(stage.received), 1)


@CHAPTER.case(needs=Capability.FORWARD_PROXY)
def the_proxy_is_asked_where_the_options_say_and_only_there(stage: Stage) -> None:
    """T4: of three requests to one server, the one with a proxy goes to that, and the others to the server."""
    straight, front = stage.origin, stage.serve(front="http")
    for number, proxy in enumerate((None, through(front), None)):
        path = f"/get?{number}"
        request = stage.request(path=path) if proxy is None else forwarded(stage, path, base=straight.url)
        stage.answered(stage.carry(request, stage.options(proxy=proxy)))
    stage.same("what came to the server", [each.target for each in straight.requests], ["/get?0", "/get?2"])
    stage.same("what came to the proxy", [each.target for each in front.requests], [f"{straight.url}/get?1"])


# --- a tunnel ---------------------------------------------------------------------------------------------------------


@CHAPTER.case(needs=TUNNEL)
def a_tunnel_leads_to_the_host_and_port(stage: Stage) -> None:
    """T4, RFC 9110 section 9.3.6: https goes through CONNECT host:port, looked up by the proxy; inside is the plain request."""
    front = stage.serve(front="http", tls=stage.authority.server())
    request = stage.request("GET", "/get?a=1", [("X-A", "1")], base=SECURE)
    stage.answered(stage.carry(request, stage.options(proxy=through(front), tls=stage.trusting())))
    tunnel = front.connections[0].tunnel
    stage.demand(tunnel is not None, "a CONNECT", "none")
    assert tunnel is not None
    stage.same("what the tunnel leads to", (tunnel.host, tunnel.port), ("target.test", 443))
    stage.demand(b"\r\nHost: target.test:443\r\n" in tunnel.received, "the Host of a CONNECT", tunnel.received)
    stage.arrived("GET", "/get?a=1", [("Host", "target.test"), ("X-A", "1")], b"")


@CHAPTER.case(needs=TUNNEL)
def fields_of_a_request_stay_inside_the_tunnel(stage: Stage) -> None:
    """T4, RFC 9110 section 9.3.6: what is meant for the server, its login above all, is not said to the proxy."""
    front = stage.serve(front="http", tls=stage.authority.server())
    request = stage.request("GET", "/get", [("Authorization", "Basic eDp5"), ("Cookie", "a=secret")], base=SECURE)
    stage.answered(stage.carry(request, stage.options(proxy=through(front), tls=stage.trusting())))
    asked = _asked(front)
    stage.demand(
        b"uthorization" not in asked and b"secret" not in asked, "a CONNECT without the server's fields", asked
    )
    stage.arrived(headers=[("Host", "target.test"), ("Authorization", "Basic eDp5"), ("Cookie", "a=secret")])


@CHAPTER.case(needs=TUNNEL)
def a_tunnels_login_is_for_the_proxy_only(stage: Stage) -> None:
    """T4, RFC 9110 section 11.7.2: the proxy's login, percent-decoded, opens the tunnel, and is not said inside of it."""
    front = stage.serve(front="http", tls=stage.authority.server(), front_login=("ann", "p@ss:w"))
    options = stage.options(proxy=through(front, "ann:p%40ss%3Aw@"), tls=stage.trusting())
    stage.answered(stage.carry(stage.request("GET", "/get", base=SECURE), options))
    names = [name.lower() for name, _ in stage.arrived("GET", "/get").headers]
    stage.demand("proxy-authorization" not in names, "a request without the proxy's login", names)


@CHAPTER.case(needs=TUNNEL)
def a_tunnel_that_wants_a_login_is_a_proxy_error(stage: Stage) -> None:
    """T4, RFC 9110 section 15.5.8: 407 to a CONNECT is a ProxyError that holds the response; nothing of the request left."""
    origin = stage.origin
    front = stage.serve(front="http", tls=stage.authority.server(), front_login=("ann", "secret"))
    options = stage.options(proxy=through(front, "ann:wrong@"), tls=stage.trusting())
    error = stage.failed(
        stage.carry(stage.request(base=SECURE), options), ProxyError, phase="proxy", delivery="not_sent", reused=False
    )
    stage.demand(error.response is not None, "the proxy's response on the error", "error.response is None")
    stage.same("its status", error.response.status_code, 407)
    stage.same("what went through", [bytes(each.received) for each in front.connections if each.received], [])
    assert origin.received == 0
    stage.works("a tunnel was refused")


_NO_TUNNEL: Final = {
    "302": (302, b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nContent-Length: 0\r\n\r\n"),
    "403": (403, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
    "502": (502, b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\nnobody there"),
}


@CHAPTER.rows(_NO_TUNNEL, needs=TUNNEL)
def a_tunnel_that_is_refused(stage: Stage, row: tuple[int, bytes]) -> None:
    """T4, RFC 9110 section 9.3.6: {row} to a CONNECT is a ProxyError with that response, never the server's answer."""
    status, answer = row
    front = stage.serve(front="http", tls=stage.authority.server())
    front.play(answer, then="fin", at="tunnel")
    options = stage.options(proxy=through(front), tls=stage.trusting())
    error = stage.failed(stage.carry(stage.request(base=SECURE), options), ProxyError, delivery="not_sent")
    stage.demand(error.response is not None, "the proxy's response on the error", "error.response is None")
    stage.same("its status", error.response.status_code, status)
    stage.same("the number of CONNECTs", len(front.connections), 1)


@CHAPTER.case(needs=TUNNEL)
def a_tunnel_is_for_one_host(stage: Stage) -> None:
    """T4, RFC 9110 section 9.3.6: requests to several hosts through one proxy each go through a tunnel to their own."""
    front = stage.serve(front="http", tls=stage.authority.server())
    options = stage.options(proxy=through(front), tls=stage.trusting())
    for host in ("target.test", "proxy.test", "target.test", "target.test:8443"):
        stage.answered(stage.carry(stage.request("GET", "/get", base=f"https://{host}"), options))
    for connection in front.connections:
        tunnel = connection.tunnel
        assert tunnel is not None
        name = tunnel.host if tunnel.port == 443 else f"{tunnel.host}:{tunnel.port}"
        hosts = {dict(each.headers).get("Host") for each in connection.requests}
        stage.same(f"the Host inside of a tunnel to {tunnel.host}:{tunnel.port}", hosts, {name})
    stage.same("the number of requests", len(front.requests), 4)


@CHAPTER.rows({"another host's": "another host's", "self-made": "self-made"}, needs=TUNNEL)
def a_servers_certificate_counts_inside_a_tunnel(stage: Stage, kind: str) -> None:
    """T4, RFC 9110 section 4.3.4: a certificate that is {row} is refused behind a proxy too, before anything is said."""
    front = stage.serve(front="http", tls=stage.authority.server(kind))
    options = stage.options(proxy=through(front), tls=stage.trusting())
    stage.failed(stage.carry(stage.request(base=SECURE), options), CertificateError, phase="tls", delivery="not_sent")
    stage.same("what went through", [bytes(each.received) for each in front.connections], [b""])


# --- TLS to the proxy -------------------------------------------------------------------------------------------------


@CHAPTER.case(needs=TLS_PROXY)
def a_forwarding_proxy_behind_tls(stage: Stage) -> None:
    """T4, RFC 9110 section 4.3.4: an https proxy is spoken to in TLS, trusted by its own settings."""
    front = stage.serve(front="http", front_tls=stage.authority.server())
    stage.answered(stage.carry(forwarded(stage), stage.options(proxy=through(front, tls=stage.trusting()))))
    stage.arrived("GET", f"{FAR}/get")


@CHAPTER.case(needs=_TLS_TUNNEL)
def a_tunnel_inside_tls(stage: Stage) -> None:
    """T4, RFC 9110 section 9.3.6: through an https proxy a tunnel holds TLS inside of TLS, for bodies of any size."""
    front = stage.serve(front="http", tls=stage.authority.server(), front_tls=stage.authority.server())
    options = stage.options(proxy=through(front, tls=stage.trusting()), tls=stage.trusting())
    body = bytes(range(256)) * 1000
    stage.answered(stage.carry(stage.request("POST", "/post", body=body, base=SECURE), options))
    stage.arrived("POST", "/post", body=body)


@CHAPTER.rows({"expired": "expired", "another host's": "another host's", "self-made": "self-made"}, needs=TLS_PROXY)
def a_proxys_certificate(stage: Stage, kind: str) -> None:
    """T4, RFC 9110 section 4.3.4: an https proxy whose certificate is {row} is not told a word, whatever the server's settings."""
    front = stage.serve(front="http", front_tls=stage.authority.server(kind), front_login=("ann", "secret"))
    request = forwarded(stage, headers=[("Proxy-Authorization", "Basic YW5uOnNlY3JldA==")])
    proxy = through(front, "ann:secret@", tls=stage.trusting())
    came = stage.carry(request, stage.options(proxy=proxy, tls=TLS(verify=False)))
    stage.failed(came, CertificateError, phase="tls", delivery="not_sent", reused=False)
    stage.nothing_was_sent()


@CHAPTER.case(needs=_TLS_TUNNEL)
def trust_in_a_proxy_is_no_trust_in_the_server(stage: Stage) -> None:
    """T4: the settings of the proxy's TLS do not count for the server, nor those of the server's for the proxy."""
    front = stage.serve(front="http", tls=stage.authority.server(), front_tls=stage.authority.server())
    trusting = stage.trusting()
    for proxys, servers in ((TLS(), trusting), (trusting, TLS())):
        options = stage.options(proxy=through(front, tls=proxys), tls=servers)
        came = stage.carry(stage.request(base=SECURE), options)
        stage.failed(came, CertificateError, phase="tls", delivery="not_sent")
    stage.same("the requests that came through", front.requests, [])


# --- SOCKS ------------------------------------------------------------------------------------------------------------


@CHAPTER.case(needs=Capability.SOCKS)
def socks5h_leaves_the_name_to_the_proxy(stage: Stage) -> None:
    """T4, RFC 1928 section 5: with socks5h the proxy is given the name and the port; inside is the plain request."""
    front = stage.serve(front="socks5")
    came = stage.carry(stage.request("GET", "/get?a=1", base=f"{FAR}:8080"), stage.options(proxy=through(front)))
    stage.answered(came)
    tunnel = front.connections[0].tunnel
    assert tunnel is not None
    stage.same("what SOCKS was asked for", (tunnel.host, tunnel.port), ("origin.test", 8080))
    stage.arrived("GET", "/get?a=1", [("Host", "origin.test:8080")], b"")


@CHAPTER.case(needs=Capability.SOCKS)
def socks5_looks_names_up_itself(stage: Stage) -> None:
    """T4, RFC 1928 section 5: with socks5 the proxy is given the address, while Host has the name."""
    front = stage.serve(front="socks5")
    options = stage.options(proxy=through(front, scheme="socks5"))
    stage.answered(stage.carry(stage.request("GET", "/get", base="http://localhost:8080"), options))
    tunnel = front.connections[-1].tunnel
    assert tunnel is not None
    stage.demand(tunnel.host in ("127.0.0.1", "::1"), "the address of localhost", tunnel.host)
    stage.arrived(headers=[("Host", "localhost:8080")])


@CHAPTER.case(needs=Capability.SOCKS)
def a_login_opens_socks(stage: Stage) -> None:
    """T4, RFC 1929 section 2: user and password of the proxy, percent-decoded, are given to SOCKS and to nobody else."""
    front = stage.serve(front="socks5", front_login=("ann", "p@ss"))
    stage.answered(
        stage.carry(stage.request("GET", "/get", base=FAR), stage.options(proxy=through(front, "ann:p%40ss@")))
    )
    tunnel = front.connections[-1].tunnel
    assert tunnel is not None
    stage.same("the login that was given", tunnel.login, ("ann", "p@ss"))
    stage.arrived("GET", "/get", [("Host", "origin.test")])


@CHAPTER.rows({"a wrong login": "ann:wrong@", "none": ""}, needs=Capability.SOCKS)
def socks_that_wants_another_login(stage: Stage, login: str) -> None:
    """T4, RFC 1929 section 2: with {row} where SOCKS wants one, it is a ProxyError, and nothing went through."""
    front = stage.serve(front="socks5", front_login=("ann", "secret"))
    came = stage.carry(stage.request(base=FAR), stage.options(proxy=through(front, login)))
    stage.failed(came, ProxyError, phase="proxy", delivery="not_sent", reused=False)
    stage.same("what went through", [bytes(each.received) for each in front.connections if each.received], [])


@CHAPTER.rows({"a failure": 1, "not allowed": 2, "no such host": 4, "refused": 5}, needs=Capability.SOCKS)
def socks_that_refuses(stage: Stage, code: int) -> None:
    """T4, RFC 1928 section 6: where SOCKS replies "{row}" it is a ProxyError, and nothing went through."""
    front = stage.serve(front="socks5")
    front.play(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]), then="fin", at="tunnel")
    came = stage.carry(stage.request(base=FAR), stage.options(proxy=through(front)))
    stage.failed(came, ProxyError, phase="proxy", delivery="not_sent", reused=False)
    stage.same("what went through", front.connections[0].received, b"")


@CHAPTER.case(needs=Capability.SOCKS | Capability.CUSTOM_TLS)
def https_through_socks(stage: Stage) -> None:
    """T4, RFC 1928: TLS begins where SOCKS ends, with the server's certificate checked for the name in the URL."""
    front = stage.serve(front="socks5", tls=stage.authority.server())
    options = stage.options(proxy=through(front), tls=stage.trusting())
    stage.answered(stage.carry(stage.request("GET", "/get", base=SECURE), options))
    stage.arrived("GET", "/get", [("Host", "target.test")])
    stage.failed(stage.carry(stage.request(base=FAR.replace("http:", "https:")), options), CertificateError)


def _asked(front: Origin) -> bytes:
    """What the front was told, on all connections."""
    return b"".join(each.tunnel.received for each in front.connections if each.tunnel is not None)
