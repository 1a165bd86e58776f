"""A first transport over http.client: forty lines that look right."""

import http.client

import intermodal
from intermodal.protocol import Capability, refuse_unsupported


class MyTransport:
    info = intermodal.TransportInfo("mine", capabilities=Capability.STREAM_REQUEST | Capability.HTTPS)

    def __init__(self, **_):
        self.closed = False

    def send(self, request, options, /):
        if self.closed:
            raise intermodal.TransportClosed("the transport is closed", request=request, transport="mine")
        refuse_unsupported(request, options, self.info)
        url, timeout = request.url, options.timeouts.read
        secure = url.scheme == "https"
        connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(
            url.host, url.port, timeout=timeout
        )
        body = None if request.body is None else request.body.pieces()
        try:
            connection.request(request.method, request.target, body, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
        except TimeoutError as error:
            raise intermodal.ReadTimeout(str(error), request=request, transport="mine") from error
        except OSError as error:
            raise intermodal.ConnectionError(str(error), request=request, transport="mine") from error
        except http.client.HTTPException as error:
            raise intermodal.ProtocolError(str(error), request=request, transport="mine") from error
        finally:
            connection.close()
        return intermodal.Response(answer.status, answer.getheaders(), content, reason=answer.reason, request=request)

    def close(self):
        self.closed = True
