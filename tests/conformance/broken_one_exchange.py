"""Transports that do a client's work: they follow, remember, decode and try again."""

from __future__ import annotations

import gzip
import os

from conformance.broken import Shelf, Wrapped, changed

from intermodal.errors import Error
from intermodal.model.options import Options, Proxy
from intermodal.model.request import Request

BROKEN = Shelf("T1")


@BROKEN("follows redirects", "a redirect is returned: 302 to a path", "a redirect of a post is returned")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        location = response.headers.get("location", "")
        if not location.startswith("/"):
            return response
        response.close()
        return self.inner.send(Request("GET", request.url.join(location)), options)


@BROKEN("keeps cookies", "no cookie is kept", "the next request knows nothing of the last")
class _(Wrapped):
    jar = None

    def send(self, request, options, /):
        if self.jar:
            request = request.replace(headers=[*request.headers.pairs, ("Cookie", self.jar)])
        response = self.inner.send(request, options)
        self.jar = response.headers.get("set-cookie") or self.jar or "seen=1"
        return response


@BROKEN("decodes", "a body is not decoded: gzip", "a decoded response is the clients")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if response.headers.get("content-encoding") != "gzip":
            return response
        data = response.raw.readall()
        try:
            return changed(response, body=gzip.decompress(data))
        except (EOFError, OSError):
            return changed(response, body=data)


@BROKEN("tries a failure again", "a failure is not tried again: FIN", "a failure is not tried again: RST")
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Error:
            return self.inner.send(request, options)


@BROKEN("tries a 503 again", "nothing is sent twice: 503")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        if response.status_code != 503:
            return response
        response.close()
        return self.inner.send(request, options)


@BROKEN("logs in with what the URL holds", "a login in the url is nobodys", "a challenge is returned: 401")
class _(Wrapped):
    def send(self, request, options, /):
        if request.url.username is not None:
            request = request.replace(headers=[*request.headers.pairs, ("Authorization", "Basic dTpw")])
            self.inner.send(request, options).close()
        return self.inner.send(request, options)


@BROKEN("takes proxies from the environment", "no proxy is taken from the environment")
class _(Wrapped):
    def send(self, request, options, /):
        if url := os.environ.get("HTTP_PROXY"):
            options = Options(options.timeouts, options.tls, Proxy(url), options.dial)
        return self.inner.send(request, options)


@BROKEN("caches", "nothing is cached")
class _(Wrapped):
    kept = None

    def send(self, request, options, /):
        if self.kept is None:
            response = self.inner.send(request, options)
            self.kept = response, response.raw.readall()
        response, data = self.kept
        return changed(response, body=data)
