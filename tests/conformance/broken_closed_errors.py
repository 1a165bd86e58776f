"""Transports whose errors are somebody else's, or do not say what they are about."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import pickle
import sys
import urllib.parse

from conformance.broken import Shelf, Wrapped, WrappedBody, changed

from intermodal.errors import (
    ConnectionError,
    Disconnected,
    Error,
    IncompleteBody,
    ProtocolError,
    ReadTimeout,
    RequestBodyError,
)
from intermodal.model.request import Request

BROKEN = Shelf("T5")


class Mistaken(Wrapped):
    """Changes the errors that leave, from ``send`` and from the body; ``mistake`` gives what leaves instead."""

    def send(self, request, options, /):
        try:
            response = self.inner.send(request, options)
        except Exception as error:
            self.leave(error)
            raise
        return changed(response, body=MistakenBody(response._body, self))

    def leave(self, error):
        """Raise something else, or return to let it leave."""


class MistakenBody(WrappedBody):
    def __init__(self, body, transport):
        super().__init__(body)
        self.transport = transport

    def read(self, n, /):
        try:
            return self.body.read(n)
        except Exception as error:
            self.transport.leave(error)
            raise


@BROKEN("lets the system's errors out", "a refused connection", "an end without an answer: RST", "silence: nothing")
class _(Mistaken):
    def leave(self, error):
        if isinstance(error.__cause__, OSError):
            raise error.__cause__


@BROKEN(
    "lets a library's errors out of the body alone",
    "a body that fails: an end before its length",
    "content that fails: an end in a chunk",
    "pieces that fail: an end between two chunks",
)
class _(Mistaken):
    def leave(self, error):
        if isinstance(error, IncompleteBody):
            raise http.client.IncompleteRead(b"hello", 4)


@BROKEN("lets a timeout of Python's out of the body", "a body that fails: silence in a chunk")
class _(Mistaken):
    def leave(self, error):
        if isinstance(error, ReadTimeout) and error.phase == "body":
            raise TimeoutError("timed out") from error


class _Lost(ConnectionError, OSError):
    """Convenient for old callers, and caught by the libraries in between."""


@BROKEN("derives its errors from OSError too", "a refused connection", "an error knows nothing of another")
class _(Mistaken):
    def leave(self, error):
        if type(error) is ConnectionError:
            made = _Lost(str(error))
            made.__dict__.update(error.__dict__)
            raise made from error.__cause__


@BROKEN("lets a ValueError out for what it cannot parse", "nothing foreign for: a huge length", "no http at all: words")
class _(Mistaken):
    def leave(self, error):
        if type(error) is ProtocolError:
            raise ValueError(str(error)) from error


@BROKEN(
    "looks into fields that are none of its business",
    "nothing foreign for: a reason that is no text",
    "nothing foreign for: a location that is none",
    "nothing foreign for: a cookie that is none",
    "nothing foreign for: a type that is none",
    "nothing foreign for: a coding that is none",
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        fields = response.headers
        try:
            response.reason.encode("ascii")
            urllib.parse.urlsplit(fields.get("location", ""))
            for name in ("set-cookie", "content-type"):
                fields.get(name, "").encode("ascii")
            for coding in fields.get("content-encoding", "gzip").split(","):
                {"gzip": 1, "deflate": 2, "x-unknown": 3}[coding.strip()]
        except Exception:
            response.close()
            raise
        return response


@BROKEN("forgets which request it was", "an unknown host", "no http at all: words")
class _(Mistaken):
    def leave(self, error):
        error.request = None


@BROKEN("tells of a copy of the request", "an end without an answer: FIN", "a body that raises: ValueError at once")
class _(Mistaken):
    def leave(self, error):
        error.request = pickle.loads(pickle.dumps(error.request))


@BROKEN("tells of the latest request, whosever it was", "each error is of its own request")
class _(Mistaken):
    latest = None

    def send(self, request, options, /):
        self.latest = request
        return super().send(request, options)

    def leave(self, error):
        error.request = self.latest


@BROKEN("has names of its own for the phases", "a refused connection", "content that fails: silence in a chunk")
class _(Mistaken):
    def leave(self, error):
        error.phase = {"connect": "dial", "body": "read"}.get(error.phase, error.phase)


@BROKEN("drops the cause", "a refused connection", "a reset in the head: in the fields", "an unknown authority")
class _(Mistaken):
    def leave(self, error):
        if not isinstance(error, RequestBodyError):
            raise error from None


@BROKEN("takes whatever is being handled for the cause", "an error knows nothing of another")
class _(Mistaken):
    def send(self, request, options, /):
        handled = sys.exc_info()[1]
        try:
            return self.inner.send(request, options)
        except Exception as error:
            if handled is not None:
                raise error from handled
            raise


@BROKEN("says nothing", "a refused connection", "silence: nothing")
class _(Mistaken):
    def leave(self, error):
        error.args = ("",)


@BROKEN("quotes the server as it is", "no http at all: control characters", "a malformed head: control characters")
class _(Mistaken):
    def leave(self, error):
        if type(error) is ProtocolError:
            error.args = (f"{error}: \x1b[31m",)


@BROKEN("quotes the request", "no secret is told for: a refusal", "no secret is told for: a cut body")
class _(Mistaken):
    def leave(self, error):
        error.args = (f"{error} ({error.request.method} {error.request.url} {error.request.headers.pairs})",)


@BROKEN("quotes the proxy's login", "no login of a proxy is told")
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Error as error:
            if options.proxy is not None:
                error.args = (f"{error}, through {options.proxy.url}",)
            raise


class _Unpicklable(Disconnected):
    def __init__(self, message, peer, /):
        super().__init__(message)
        self.peer = peer


@BROKEN("makes errors that cannot be pickled", "pickled and copied is an error for: an end")
class _(Mistaken):
    def leave(self, error):
        if type(error) is Disconnected:
            made = _Unpicklable(str(error), "server")
            made.__dict__.update(error.__dict__)
            raise made from error.__cause__


@BROKEN("makes one error for all", "each error is of its own request")
class _(Mistaken):
    def __init__(self, *, limits=None):
        super().__init__(limits=limits)
        self.known = {}

    def leave(self, error):
        first = self.known.setdefault(type(error), error)
        if first is not error:
            first.__dict__.update(error.__dict__)
            raise first


@BROKEN("ends a body that failed when it is read on", "a body that fails: an end before its length")
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=_OverAfterOne(response._body))


class _OverAfterOne(WrappedBody):
    failed = False

    def read(self, n, /):
        if self.failed:
            return b""
        try:
            return self.body.read(n)
        except Exception:
            self.failed = True
            raise


@BROKEN(
    "drops what came before a failure", "content that fails: a reset in a chunk", "pieces that fail: an end in a chunk"
)
class _(Wrapped):
    def send(self, request, options, /):
        response = self.inner.send(request, options)
        return changed(response, body=_AllOrNothing(response._body))


class _AllOrNothing(WrappedBody):
    data = None

    def read(self, n, /):
        if self.data is None:
            self.data = b"".join(iter(lambda: self.body.read(65536), b""))
        piece, self.data = self.data[:n], self.data[n:]
        return piece


# --- the caller's own body ----------------------------------------------------------------------------------------------


def with_body(request, body):
    """Give the same request with another body."""
    return Request(request.method, request.url, request.headers, body)


class Reading(Wrapped):
    """Reads the caller's body by itself, as a transport without a Body would."""

    def send(self, request, options, /):
        body = request.body
        if body is None or body.content is not None:
            return self.inner.send(request, options)
        return self.carry(request, options, body)


@BROKEN(
    "lets what the caller's body raises through",
    "a body that raises: ValueError later",
    "a body that cannot begin",
    "a file that breaks: of unknown length",
)
class _(Mistaken):
    def leave(self, error):
        if isinstance(error, RequestBodyError) and error.__cause__ is not None:
            raise error.__cause__


@BROKEN(
    "takes an OSError of the caller's body for the network's",
    "a body that raises: OSError later",
    "a body that raises: ConnectionResetError at once",
    "a file that breaks: whose length is known",
)
class _(Mistaken):
    def leave(self, error):
        if isinstance(error, RequestBodyError) and isinstance(error.__cause__, OSError):
            made = Disconnected(str(error))
            made.__dict__.update(error.__dict__)
            raise made from error.__cause__


@BROKEN("lets an error of ours in the caller's body pass for its own", "a body that raises: ReadTimeout of ours later")
class _(Mistaken):
    def leave(self, error):
        if isinstance(error.__cause__, Error):
            made = error.__cause__
            made.__dict__.update(error.__dict__)
            raise made


@BROKEN("catches what is nobody's to catch", "a base exception passes: later", "a keyboard interrupt passes: at once")
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Error:
            raise
        except BaseException as error:
            raise RequestBodyError(f"the body raised {error!r}", request=request, transport="socket") from error


@BROKEN("is at an end after a BaseException", "a base exception passes: at once", "a keyboard interrupt passes: later")
class _(Wrapped):
    def send(self, request, options, /):
        try:
            return self.inner.send(request, options)
        except Exception:
            raise
        except BaseException:
            self.inner.close()
            raise


@BROKEN(
    "sends text as if it were bytes",
    "a piece that is no bytes: text",
    "a broken body is no whole request: is no bytes, in chunks",
)
class _(Reading):
    def carry(self, request, options, body):
        pieces = (piece.encode() if isinstance(piece, str) else piece for piece in body._open())
        return self.inner.send(with_body(request, pieces), options)


@BROKEN(
    "ends the chunks of a body that broke",
    "a broken body is no whole request: raises, in chunks",
    "a body that raises: ValueError later",
)
class _(Reading):
    def carry(self, request, options, body):
        def pieces():
            try:
                yield from body.pieces()
            except RequestBodyError:
                return

        return self.inner.send(with_body(request, pieces()), options)


@BROKEN(
    "pads a body that is too short, and cuts one that is too long",
    "a length that does not hold: a byte short",
    "a length that does not hold: a byte long",
    "a broken body is no whole request: is too short",
)
class _(Reading):
    def carry(self, request, options, body):
        if body.length is None:
            return self.inner.send(request, options)
        given = itertools.chain.from_iterable(iter(body._open()))
        data = bytes(itertools.islice(given, body.length)).ljust(body.length, b"\0")
        return self.inner.send(with_body(request, data), options)


@BROKEN(
    "sends what a body has beyond its length",
    "no byte beyond the length: a byte long",
    "no byte beyond the length: long by a second piece",
)
class _(Reading):
    """Over http.client, which sends a body as it is."""

    def carry(self, request, options, body):
        with contextlib.closing(http.client.HTTPConnection(request.url.host, request.url.port, timeout=0.5)) as line:
            line.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.pairs:
                line.putheader(name, value)
            line.endheaders()
            for piece in body._open():
                line.send(piece)
        raise RequestBodyError("too long", request=request, transport="socket", phase="send")
