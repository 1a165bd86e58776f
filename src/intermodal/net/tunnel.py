"""A tunnel through an http proxy: CONNECT (RFC 9110 section 9.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.errors import Disconnected, ProtocolError, ProxyError, Timeout, TransportError
from intermodal.h1.exchange import ResponseReader
from intermodal.model.host import authority
from intermodal.model.response import Response
from intermodal.net.plan import Read, Write

if TYPE_CHECKING:
    from intermodal.h1.head import ResponseHead
    from intermodal.model.options import Limits, Proxy
    from intermodal.net.plan import Plan

#: So much of the body of a refusal is kept for the error, in bytes.
_MOST_SAID = 65536

#: Statuses that ask for credentials; tinyproxy says 401 where they are wrong.
_ASKING = (401, 407)


def tunnel(host: str, port: int, proxy: Proxy, limits: Limits) -> Plan[bytes]:
    r"""Ask a proxy for a tunnel; gives what has come behind its answer, which is the other side's.

    Interim responses are passed over, and any 2xx is a yes; its Content-Length or Transfer-Encoding means nothing.

    Raises:
        ProxyError: any other answer, with the response on it; or none, or one that is not HTTP.

    >>> from intermodal.model.options import Limits, Proxy
    >>> plan = tunnel("h", 443, Proxy("http://ann:secret@p:3128"), Limits())
    >>> print(*next(plan).data.decode().splitlines(), sep="\n")
    CONNECT h:443 HTTP/1.1
    Host: h:443
    Proxy-Authorization: Basic YW5uOnNlY3JldA==
    <BLANKLINE>
    """
    # No zone: it means something on this machine alone (RFC 6874 section 1).
    target = authority(host.partition("%")[0], port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    credentials = proxy.authorization
    if credentials is not None:
        lines.append(f"Proxy-Authorization: {credentials}")
    yield Write("\r\n".join([*lines, "", ""]).encode("ascii"))

    where = f"the proxy {proxy.host!r} port {proxy.port}"
    reader = ResponseReader("CONNECT", limits)
    try:
        while (head := reader.head()) is None:
            reader.receive((yield Read(65536)))
    except Disconnected as error:
        raise ProxyError(f"{where} closed the connection without an answer to CONNECT {target}") from error
    except ProtocolError as error:
        raise ProxyError(f"{where} did not answer CONNECT {target} as HTTP/1.1 has it: {error}") from error
    if 200 <= head.status_code < 300:
        return reader.rest()
    said = yield from _said(reader)
    asks = head.status_code in _ASKING
    advice = "; give the proxy's user and password: http://user:password@host:port" if asks else ""
    secret = (credentials or "").rpartition(" ")[2]  # which a proxy may echo
    reason = head.reason.replace(secret, "***") if secret else head.reason
    said_so = "".join(each if each.isprintable() else "?" for each in reason[:80])
    raise ProxyError(
        f"{where} refused a tunnel to {target}: {head.status_code} {said_so}".rstrip() + advice,
        response=_response(head, said),
    )


def _said(reader: ResponseReader) -> Plan[bytes]:
    """Read what the proxy says about its refusal: as much as comes, up to a bound."""
    said = b""
    try:
        while not reader.done and len(said) < _MOST_SAID:
            piece = reader.take(_MOST_SAID - len(said))
            said += piece
            if not piece and not reader.done:
                reader.receive((yield Read(65536)))
    except (TransportError, Timeout):
        pass  # it has refused, and that is what the caller is told
    return said


def _response(head: ResponseHead, said: bytes) -> Response:
    return Response(head.status_code, head.headers, said, reason=head.reason, http_version=head.http_version)
