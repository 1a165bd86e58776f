"""Transports that pass over what they cannot do, and that do not do what they declare."""

from __future__ import annotations

import functools
import http.client
import operator
import ssl
from dataclasses import replace
from urllib.parse import quote

from conformance.broken import Shelf, Wrapped

from intermodal.errors import ConnectionError, ProxyError, UnsupportedFeature
from intermodal.model.options import Dial, Proxy
from intermodal.model.response import Response
from intermodal.protocol import Capability, refuse_unsupported

BROKEN = Shelf("T4")

#: What takes time to try, and is declared only where it is what is broken.
SLOW = Capability.EXPECT_CONTINUE | Capability.WRITE_TIMEOUT | Capability.POOL_TIMEOUT | Capability.TOTAL_TIMEOUT


EVERYTHING = functools.reduce(operator.or_, Capability)


class Lesser(Wrapped):
    """A right transport that declares less than the one below, and refuses that; broken ones carry differently."""

    lacks = SLOW

    @property
    def info(self):
        info = self.inner.info
        return replace(info, capabilities=info.capabilities & ~self.lacks)

    def send(self, request, options, /):
        refuse_unsupported(request, options, self.info)
        return self.carry(request, options)

    def carry(self, request, options):
        return self.inner.send(request, options)


class Missing(UnsupportedFeature):
    """A refusal of one's own wording."""

    def __init__(self, message, request):
        super().__init__(message, request=request, transport="socket")


# --- what is not declared ---------------------------------------------------------------------------------------------


@BROKEN(
    "passes over all that it does not declare",
    "what is not declared is refused: a forwarding proxy",
    "what is not declared is refused: a tunnel",
    "what is not declared is refused: an https proxy",
    "what is not declared is refused: a tunnel of an https proxy",
    "what is not declared is refused: a Unix socket",
    "what is not declared is refused: a source address",
    "what is not declared is refused: TLSv1.3 at least",
    "what is not declared is refused: a CA file for the proxy",
    "what is not declared is refused: a client's certificate",
    "what is not declared is refused: a client's certificate for the proxy",
    "what is not declared is refused: a streamed body",
    "what is not declared is refused: a file as the body",
    "what is not declared is refused: Upgrade",
    "what is not declared is refused: an exact target",
    "what is not declared is named: a source address and an exact target",
)
class _(Lesser):
    lacks = EVERYTHING

    def send(self, request, options, /):
        return self.inner.send(request, options)


@BROKEN(
    "refuses all that it declares",
    "a tunnel is for one host",
    "a tunnel inside tls",
    "a ca file is trusted",
    "verify false accepts: expired",
    "verify false accepts: self-made",
    "an expected body follows 100",
    "a server that says nothing gets the expected body",
    "an upgrade may be declined",
    "an exact target: an escape that is none",
    "options of the server as a whole",
    "a write timeout is met",
    "a pool timeout is met",
    "a total timeout is met: the head",
    "a total timeout is met: the body",
)
class _(Lesser):
    lacks = Capability.NONE

    def send(self, request, options, /):
        refuse_unsupported(request, options, replace(self.info, capabilities=Capability.NONE))
        return self.inner.send(request, options)


@BROKEN("refuses what is no need", "a plain request needs nothing: POST", "no bound is no need")
class _(Lesser):
    def send(self, request, options, /):
        if request.body is not None or options.timeouts.read is None:
            raise Missing("this is not supported", request)
        return super().send(request, options)


@BROKEN("passes over a bound that it cannot keep", "what is not declared is refused: a bound on the whole")
class _(Lesser):
    def send(self, request, options, /):
        return super().send(request, replace(options, timeouts=replace(options.timeouts, total=None)))


@BROKEN(
    "goes past a proxy that it cannot speak to", "what is not declared is refused: SOCKS", "a refusal needs no server"
)
class _(Lesser):
    lacks = SLOW | Capability.SOCKS

    def send(self, request, options, /):
        if options.proxy is not None and options.proxy.is_socks:
            options = replace(options, proxy=None)
        return super().send(request, options)


@BROKEN("does not verify, where it cannot verify otherwise", "what is not declared is refused: a CA file")
class _(Lesser):
    lacks = SLOW | Capability.CUSTOM_TLS

    def send(self, request, options, /):
        if options.tls.verify is not True:
            options = replace(options, tls=replace(options.tls, verify=True, minimum_version="TLSv1.2"))
        return super().send(request, options)


@BROKEN(
    "refuses once it has connected",
    "what is not declared is refused: a bound on the whole",
    "what is not declared is refused: Expect",
)
class _(Lesser):
    def send(self, request, options, /):
        try:
            return super().send(request, options)
        except UnsupportedFeature:
            self.inner.send(request, replace(options, timeouts=replace(options.timeouts, total=None))).close()
            raise


@BROKEN("reads the body before it refuses", "what is not declared is refused: a bound on the whole")
class _(Lesser):
    def send(self, request, options, /):
        if request.body is not None and request.body.content is None:
            request = request.replace(body=[*request.body.pieces()])
        return super().send(request, options)


@BROKEN(
    "does not say what it refuses", "what is not declared is refused: a bound on writing", "a refusal needs no server"
)
class _(Lesser):
    def send(self, request, options, /):
        try:
            return super().send(request, options)
        except UnsupportedFeature:
            raise Missing("this is not supported", request) from None


@BROKEN("names the first of what it refuses", "what is not declared is named: all bounds on time")
class _(Lesser):
    def send(self, request, options, /):
        try:
            return super().send(request, options)
        except UnsupportedFeature as error:
            first = next(each.name for each in Capability if each.name in str(error))
            raise Missing(f"{first} is not supported", request) from None


@BROKEN("refuses a thing once, and does it then", "a refusal is no matter of time")
class _(Lesser):
    asked = False

    def send(self, request, options, /):
        asked, self.asked = self.asked, True
        return self.inner.send(request, options) if asked else super().send(request, options)


@BROKEN("declares what it was last asked for", "what is declared stays")
class _(Lesser):
    more = Capability.NONE

    @property
    def info(self):
        info = super().info
        return replace(info, capabilities=info.capabilities | self.more)

    def send(self, request, options, /):
        if options.timeouts.total is not None:
            self.more = Capability.TOTAL_TIMEOUT
        return super().send(request, options)


@BROKEN("says what it is only once it is used", "a transport says what it is")
class _(Lesser):
    used = False

    @property
    def info(self):
        return super().info if self.used else replace(super().info, name="")

    def carry(self, request, options):
        self.used = True
        return super().carry(request, options)


# --- what is declared: roads ------------------------------------------------------------------------------------------


@BROKEN(
    "goes past the proxy",
    "a forwarding proxy is given the whole url",
    "no connection is shared between: a proxy and none",
)
class _(Lesser):
    def carry(self, request, options):
        proxy = options.proxy
        if proxy is not None and not proxy.is_socks and request.url.scheme == "http":
            options = replace(options, proxy=None)
        return super().carry(request, options)


@BROKEN(
    "takes a proxy's refusal for the server's answer",
    "a tunnel that is refused: 403",
    "a tunnel that wants a login is a proxy error",
)
class _(Lesser):
    def carry(self, request, options):
        try:
            return super().carry(request, options)
        except ProxyError as error:
            if error.response is None:
                raise
            return error.response


class OverStandardLibrary(Lesser):
    """Goes through http.client where there is a tunnel."""

    def carry(self, request, options):
        proxy = options.proxy
        if proxy is None or proxy.scheme != "http" or request.url.scheme != "https":
            return super().carry(request, options)
        context = ssl.create_default_context(cafile=options.tls.verify)
        connection = http.client.HTTPSConnection(proxy.host, proxy.port, timeout=5, context=context)
        try:
            connection.set_tunnel(request.url.dial_host, request.url.port, self.of_tunnel(request, proxy))
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.inside(request, proxy):
                connection.putheader(name, value)
            connection.endheaders(None if request.body is None else b"".join(request.body.pieces()))
            answer = connection.getresponse()
            return Response(answer.status, answer.getheaders(), answer.read(), reason=answer.reason, request=request)
        finally:
            connection.close()

    def of_tunnel(self, request, proxy):
        return {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}

    def inside(self, request, proxy):
        return request.headers.pairs


@BROKEN("tells the proxy what is for the server", "fields of a request stay inside the tunnel")
class _(OverStandardLibrary):
    def of_tunnel(self, request, proxy):
        return dict(request.headers.pairs) | super().of_tunnel(request, proxy)


@BROKEN("tells the server what is for the proxy", "a tunnels login is for the proxy only")
class _(OverStandardLibrary):
    def inside(self, request, proxy):
        return [*request.headers.pairs, *super().of_tunnel(request, proxy).items()]


@BROKEN("looks a name up that is the proxy's to look up", "socks5h leaves the name to the proxy")
class _(Lesser):
    def carry(self, request, options):
        proxy = options.proxy
        if proxy is not None and proxy.scheme == "socks5h":
            options = replace(options, proxy=Proxy(proxy.url.replace("socks5h", "socks5"), proxy.tls))
        return super().carry(request, options)


@BROKEN("leaves a name to the proxy that is its own to look up", "socks5 looks names up itself")
class _(Lesser):
    def carry(self, request, options):
        proxy = options.proxy
        if proxy is not None and proxy.scheme == "socks5":
            options = replace(options, proxy=Proxy(proxy.url.replace("socks5", "socks5h"), proxy.tls))
        return super().carry(request, options)


@BROKEN("keeps a tunnel for whoever comes next", "no connection is shared between: a tunnel's logins")
class _(Lesser):
    first = None

    def carry(self, request, options):
        proxy = options.proxy
        if proxy is not None and request.url.scheme == "https" and proxy.scheme == "http":
            self.first = proxy if self.first is None or self.first.port != proxy.port else self.first
            options = replace(options, proxy=self.first)
        return super().carry(request, options)


@BROKEN(
    "asks the host of the URL where there is a Unix socket",
    "a unix socket is asked whatever the host",
    "a unix socket that is not there",
)
class _(Lesser):
    def carry(self, request, options):
        if options.dial.unix_socket is not None:
            options = replace(options, dial=Dial())
        return super().carry(request, options)


@BROKEN(
    "takes another source address where it has to",
    "a source address of another machine",
    "the server sees the source address",
)
class _(Lesser):
    def carry(self, request, options):
        source = options.dial.source
        if source is not None:
            options = replace(options, dial=Dial())
        return super().carry(request, options)


# --- what is declared: trust ------------------------------------------------------------------------------------------


class Trusting(Lesser):
    """Has another idea of whom to trust."""

    def tls(self, request, tls):
        raise NotImplementedError

    def carry(self, request, options):
        if request.url.scheme == "https":
            options = replace(options, tls=self.tls(request, options.tls))
        return super().carry(request, options)


@BROKEN(
    "ignores verify",
    "a certificate is refused: self-made",
    "an unknown authority is refused by default",
    "a servers certificate counts inside a tunnel: self-made",
)
class _(Trusting):
    def tls(self, request, tls):
        return replace(tls, verify=False)


@BROKEN("does not look for whom a certificate is", "a certificate is refused: another host's")
class _(Trusting):
    def tls(self, request, tls):
        if not isinstance(tls.verify, str) or tls.cert:
            return tls
        context = ssl.create_default_context(cafile=tls.verify)
        context.check_hostname = False
        return replace(tls, verify=context, minimum_version="TLSv1.2")


@BROKEN(
    "leaves trust out of the pool's key",
    "what nobody checked is not for who checks: kept",
    "what one trusts is not for another",
    "a minimum version is not met by an older connection",
)
class _(Trusting):
    def __init__(self, **how):
        super().__init__(**how)
        self.known = {}

    def tls(self, request, tls):
        return self.known.setdefault((request.url.host, request.url.port), tls)


@BROKEN("leaves the client out of the pool's key", "a connection is one clients", "no certificate is shown unasked for")
class _(Trusting):
    cert = None

    def tls(self, request, tls):
        self.cert = tls.cert or self.cert
        return tls if self.cert is None else replace(tls, cert=self.cert)


@BROKEN(
    "forgets the client's certificate",
    "a clients certificate is shown: TLSv1.2",
    "a clients certificate is shown: TLSv1.3",
)
class _(Trusting):
    def tls(self, request, tls):
        return replace(tls, cert=None)


@BROKEN("speaks any version", "a minimum version refuses an older server")
class _(Trusting):
    def tls(self, request, tls):
        return replace(tls, minimum_version="TLSv1.2")


@BROKEN(
    "takes the server's trust for the proxy's",
    "a proxys certificate: self-made",
    "trust in a proxy is no trust in the server",
    "a clients certificate is for its server",
)
class _(Lesser):
    def carry(self, request, options):
        proxy = options.proxy
        if proxy is not None and proxy.scheme == "https":
            options = replace(options, proxy=replace(proxy, tls=options.tls))
        return super().carry(request, options)


@BROKEN("does not say in the handshake whom it wants", "the name is said in the handshake")
class _(Lesser):
    def carry(self, request, options):
        if request.url.host == "localhost" and request.url.scheme == "https":
            request = request.replace(url=f"https://127.0.0.1:{request.url.port}{request.url.target}")
        return super().carry(request, options)


# --- what is declared: the request ------------------------------------------------------------------------------------


@BROKEN("reads a streamed body to its end first", "a streamed body leaves as it is made")
class _(Lesser):
    def carry(self, request, options):
        if request.body is not None and request.body.content is None:
            try:
                request = request.replace(body=b"".join(request.body.pieces()))
            except Exception as error:
                raise ConnectionError("the body failed", request=request, transport="socket") from error
        return super().carry(request, options)


@BROKEN("sends the body without being asked to", "a final answer keeps an expected body back: 417")
class _(Lesser):
    lacks = SLOW & ~Capability.EXPECT_CONTINUE

    def carry(self, request, options):
        if "expect" in request.headers:
            fields = [(name, value) for name, value in request.headers.pairs if name.lower() != "expect"]
            request = request.replace(headers=fields)
        return super().carry(request, options)


@BROKEN(
    "encodes an exact target", "an exact target: a character that URLs leave out", "an exact target: quotes and braces"
)
class _(Lesser):
    def carry(self, request, options):
        if request.url.scheme == "http" and request.target.startswith("/"):
            request = request.replace(target=quote(request.target, safe="/%?=&+"))
        return super().carry(request, options)


@BROKEN("loses what comes with a 101", "an upgrade leads out of http")
class _(Lesser):
    def carry(self, request, options):
        response = super().carry(request, options)
        if response.upgraded is not None:
            response.upgraded.recv(1)
        return response
