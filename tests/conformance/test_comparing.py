"""``compare``: a transport that is wrong is found, the exchange that shows it is small, and the words name the right side."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
from dataclasses import replace

import pytest
from conformance.broken import Wrapped, WrappedBody, changed
from fleet import make_transport

from intermodal.backends.socket import SocketTransport
from intermodal.conformance.comparing import compare
from intermodal.errors import Error, IncompleteBody, ProtocolError
from intermodal.h1.exchange import ResponseReader, encode_request
from intermodal.model.headers import Headers
from intermodal.model.options import Limits
from intermodal.model.response import Response
from intermodal.protocol import Guarantee
from intermodal.testing.lanes import MODEL
from intermodal.testing.strategies import KINDS, kinds


class Wrong(Wrapped):
    """A transport that errs, under a name of its own."""

    @property
    def info(self):
        return replace(self.inner.info, name="wrong")

    def send(self, request, options, /):
        with self._named(request):
            response = self.exchange(request, options)
            return changed(response, body=_NamedBody(response._body, self._named, request))

    def exchange(self, request, options):
        return self.inner.send(request, options)

    @contextlib.contextmanager
    def _named(self, request):
        try:
            yield
        except Error as error:
            error.transport, error.request = "wrong", request
            raise


class _NamedBody(WrappedBody):
    def __init__(self, body, named, request):
        super().__init__(body)
        self.named, self.request = named, request

    def read(self, n, /):
        with self.named(self.request):
            return self.body.read(n)


class Decodes(Wrong):
    """Decodes a body in gzip, and leaves any other as it is."""

    class Body(WrappedBody):
        """Decodes what is read at once."""

        def read(self, n, /):
            data = self.body.read(n)
            with contextlib.suppress(OSError, EOFError):
                data = gzip.decompress(data)
            return data

    def exchange(self, request, options):
        response = self.inner.send(request, options)
        if response.headers.get("content-encoding") == "gzip":
            return changed(response, body=self.Body(response._body))
        return response


class DropsDuplicates(Wrong):
    """Keeps the first of the header fields with one name."""

    def exchange(self, request, options):
        response = self.inner.send(request, options)
        first = {}
        for name, value in response.headers.pairs:
            first.setdefault(name.lower(), (name, value))
        return changed(response, headers=Headers.trusted(first.values()))


class SwallowsTruncation(Wrong):
    """Takes the end of the connection for the end of the body."""

    class Body(WrappedBody):
        """Ends where it is cut off."""

        def read(self, n, /):
            try:
                return self.body.read(n)
            except IncompleteBody:
                return b""

    def exchange(self, request, options):
        response = self.inner.send(request, options)
        return changed(response, body=self.Body(response._body))


class WritesTargetsAnew(Wrong):
    """Decodes a triplet that need not be one."""

    def exchange(self, request, options):
        return self.inner.send(request.replace(target=request.target.replace("%7e", "~")), options)


class Foreign(Wrong):
    """Lets out an exception that is not of the contract."""

    def exchange(self, request, options):
        try:
            return self.inner.send(request, options)
        except ProtocolError as error:
            raise ValueError("a head that is none") from error


class Leftovers(Wrong):
    """Keeps its connection, whatever is left on it, and takes that for the beginning of the next answer."""

    def __init__(self):
        super().__init__()
        self.sock = None
        self.left = b""

    def exchange(self, request, options):
        if self.sock is None:
            self.sock = socket.create_connection((request.url.dial_host, request.url.port), 5)
        self.sock.sendall(b"".join(encode_request(request)))
        reader = ResponseReader(
            request.method, Limits(), close="close" in request.headers.get("connection", "").lower()
        )
        if self.left:
            reader.receive(self.left)
            self.left = b""
        body = bytearray()
        while (head := reader.head()) is None:
            reader.receive(self.sock.recv(65536))
        while not reader.done:
            body += reader.take(65536)
            if not reader.done:
                reader.receive(self.sock.recv(65536))
        if reader.stays_open:
            self.left = reader.rest()
        else:
            self.drop()
        return changed(
            Response(head.status_code, head.headers, b"", request=request),
            body=_Given(bytes(body), reader.trailers),
            reason=head.reason,
            http_version=head.http_version,
            informational=reader.informational,
        )

    def drop(self):
        if self.sock is not None:
            self.sock.close()
        self.sock = None

    def close(self):
        self.drop()
        super().close()


class ReusesADirtyConnection(Leftovers):
    """Throws away what is left on its connection, as far as it has come, and goes on using that."""

    def exchange(self, request, options):
        response = super().exchange(request, options)
        self.left = b""
        return response


class _Given:
    def __init__(self, data, trailers):
        self.data, self.trailers = data, trailers

    def read(self, n, /):
        data, self.data = self.data[:n], self.data[n:]
        return data

    def close(self):
        self.data = b""


class FailsToClose(Wrong):
    """Closes, and then raises."""

    def close(self):
        super().close()
        raise OSError("bad file descriptor")


#: By the transport: the kinds to look at, the field that must be told first, the most fields of the answer, and a part of
#: the rule that the words must name.
FOUND = {
    Decodes: (("none",), "body", 2, "not decoded"),
    DropsDuplicates: (("none",), "headers", 3, "RFC 9110 sections 5.2 and 5.3"),
    SwallowsTruncation: (None, "error", 1, "RFC 9112 section 8"),
    WritesTargetsAnew: (None, "wire", 1, "RFC 9112 section 3"),
    Foreign: (None, "error", 2, "RFC 9112 section"),
    Leftovers: (("excess bytes",), "the next request", 1, "never reaches the next request"),
    ReusesADirtyConnection: (("excess bytes",), "connection", 1, "no response is theirs"),
    FailsToClose: (None, "close", 1, "T10"),
}


@pytest.mark.parametrize("wrong", FOUND, ids=lambda wrong: wrong.__name__)
def test_a_wrong_transport_is_found_and_shown_by_a_small_exchange(wrong):
    """The difference is found, has nothing in it that it does not need, and its words name the wrong side and the rule."""
    wanted, field, fields, rule = FOUND[wrong]
    found = compare(SocketTransport, wrong, examples=600, kinds=wanted, seed=8)
    assert found is not None
    assert found.wrong == ("wrong",)
    assert field in [each.field for each in found.differences]
    answer, ask = found.exchange.answer, found.exchange.ask
    assert len(answer.head.fields) <= fields, found
    assert (answer.interim, answer.trailers, ask.headers, ask.host, ask.pieces) == ((), (), (), None, ()), found
    assert len(ask.rendered("")) + len(answer.wire) < 250, found
    (shown,) = [each.shown for each in found.differences if each.field == field]
    assert shown["socket"] == shown[MODEL] != shown["wrong"]
    words = str(found)
    assert words.startswith("socket and wrong: wrong is wrong")
    assert rule in words
    assert "    GET " in words
    for name in ("socket", "wrong"):
        assert found.exchanged[name].received[0].startswith(b"GET ")


def test_the_words_hold_the_bytes_of_both_directions():
    """What was asked, how it was answered and what each made of it can be read, and the records hold what was sent."""
    found = compare(SocketTransport, SwallowsTruncation, kinds=["FIN in the body"], examples=100, seed=3)
    sent = b"".join(found.exchange.segments)
    assert found.exchanged["wrong"].sent == found.exchanged["socket"].sent
    assert found.exchanged["wrong"].sent[0].endswith(sent)
    words = str(found)
    for line in sent.splitlines():
        assert line.decode() in words
    assert "the server closes the connection (FIN)" in words
    assert "socket     IncompleteBody" in words
    assert "the model  IncompleteBody" in words
    assert "wrong      none" in words


def test_two_that_err_alike_are_both_wrong():
    """Agreement is no proof: the model contradicts both, and they are told from one another though they have one name."""
    found = compare(SwallowsTruncation, SwallowsTruncation, kinds=["FIN in the body"], examples=100, seed=3)
    assert found.wrong == ("wrong (a)", "wrong (b)")
    assert "wrong (a) and wrong (b) are both wrong" in str(found)


def test_a_transport_that_hangs_is_given_up(monkeypatch):
    """One that never gives an answer back is a difference, told after the bound on an exchange."""
    monkeypatch.setattr("intermodal.testing.lanes._GIVEN_UP", 0.3)
    monkeypatch.setattr("intermodal.conformance.comparing._SECONDS", 1.0)

    class Hangs(Wrong):
        def exchange(self, request, options):
            response = self.inner.send(request, options)
            if response.status_code != 200:
                time.sleep(30)
            return response

    began = time.monotonic()
    found = compare(SocketTransport, Hangs, kinds=["none"], seed=1)
    assert time.monotonic() - began < 20
    assert (found.wrong, found.outcomes["wrong"].error) == (("wrong",), "NoEnd")


def test_a_difference_that_does_not_last_is_told_as_such():
    """A transport that errs once and never again gets its difference all the same, with a word about it."""
    erred = []

    class ErrsOnce(Wrong):
        def exchange(self, request, options):
            response = self.inner.send(request, options)
            if not erred:
                erred.append(request)
                return changed(response, status_code=299)
            return response

    found = compare(SocketTransport, ErrsOnce, kinds=["none"], seed=1)
    assert found.repeated is False
    assert [each.field for each in found.differences] == ["status"]
    assert "did not differ each time" in str(found)


def test_transports_that_do_what_they_must_do_not_differ():
    """Over socket and urllib3, by name and by factory, no exchange of any kind differs; each is counted."""
    counts = []
    assert compare("socket", lambda: make_transport("urllib3"), examples=70, progress=counts.append) is None
    assert counts == list(range(1, 71))


def test_the_same_seed_draws_the_same_exchanges():
    """Two runs with one seed find the same after as many exchanges; another seed finds it elsewhere."""
    runs = [compare(SocketTransport, SwallowsTruncation, examples=300, seed=seed) for seed in (5, 5)]
    assert runs[0].exchange == runs[1].exchange
    assert runs[0].carried == runs[1].carried


def test_only_what_both_declare_is_drawn(tmp_path, monkeypatch):
    """Without STRICT_FRAMING nothing malformed is drawn, so that who guesses there is not wrong; nothing is left on disk."""
    monkeypatch.chdir(tmp_path)

    class Guesses(Foreign):
        @property
        def info(self):
            return replace(super().info, guarantees=Guarantee.NONE)

    assert compare(SocketTransport, Guesses, kinds=["none", "FIN in the body"], examples=40, seed=2) is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="malformed chunk"):
        compare(SocketTransport, Guesses, kinds=["malformed chunk"])
    assert set(kinds(strict=False)) < set(KINDS)


def test_what_is_no_transport_is_refused():
    """A factory of something else, and a name that nobody registered, are errors that say so."""
    with pytest.raises(TypeError, match="no transport"):
        compare("socket", dict)
    with pytest.raises(ValueError, match="sockett"):
        compare("sockett", "socket")
