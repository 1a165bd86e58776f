"""The values that a caller makes or is given: headers, URLs, requests, options, errors."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from typing_extensions import assert_type

import intermodal
from intermodal import TLS, URL, Body, Client, Dial, Headers, Limits, Options, Proxy, Request, Response, Retry, Timeouts
from intermodal.errors import Delivery, Phase


def headers() -> None:
    fields = Headers({"A": "b"})
    Headers()
    Headers([("A", "b"), (b"A", b"c"), ("A", b"d")])
    Headers({"A": b"b"})
    Headers(fields)
    assert_type(fields["a"], str)
    assert_type(fields.get("a"), str | None)
    assert_type(fields.get("a", ""), str)
    assert_type(fields.get_list("a"), list[str])
    assert_type(fields.pairs, tuple[tuple[str, str], ...])
    assert_type(fields.without("a", "b"), Headers)
    assert_type(list(fields), list[str])
    assert_type(dict(fields), dict[str, str])
    assert_type("a" in fields, bool)
    assert_type(len(fields), int)
    assert_type(fields == {"a": "b"}, bool)
    assert_type(hash(fields), int)


def urls() -> None:
    url = URL("https://ann:secret@example.test:8443/a?b#c")
    URL(b"https://example.test/")
    assert_type(URL(url), URL)
    assert_type(url.scheme, str)
    assert_type(url.username, str | None)
    assert_type(url.password, str | None)
    assert_type(url.host, str)
    assert_type(url.dial_host, str)
    assert_type(url.port, int)
    assert_type(url.path, str)
    assert_type(url.query, str | None)
    assert_type(url.fragment, str | None)
    assert_type(url.authority, str)
    assert_type(url.target, str)
    assert_type(url.origin, tuple[str, str, int])
    assert_type(url.join("../d"), URL)
    assert_type(url.with_query("q=1"), URL)
    assert_type(url.with_query(None), URL)
    assert_type(url.without_userinfo(), URL)
    assert_type(str(url), str)


def requests() -> None:
    request = Request("POST", "http://example.test/", [("Accept", "*/*")], b"hi")
    Request("GET", URL("http://example.test/"))
    Request("GET", b"http://example.test/", {"A": "b"}, target="/%7e")
    Request("PUT", "http://example.test/", body=[b"a", b"b"])
    Request("PUT", "http://example.test/", body=Body.of(b"bytes"))
    assert_type(request.method, str)
    assert_type(request.url, URL)
    assert_type(request.target, str)
    assert_type(request.headers, Headers)
    assert_type(request.body, Body | None)
    assert_type(request.replace(headers={"A": "b"}), Request)
    assert_type(request.replace(target="/other"), Request)
    assert_type(request.with_field("Cookie", "a=1"), Request)


def bodies() -> None:
    body = Body.of(b"bytes")
    assert_type(body, Body)
    assert_type(Body(lambda: [b"a"], 1, replayable=False), Body)
    assert_type(body.length, int | None)
    assert_type(body.replayable, bool)
    assert_type(body.content, bytes | None)
    for piece in body.pieces():
        assert_type(piece, bytes)


def options() -> None:
    chosen = Options(Timeouts(total=5), TLS(), dial=Dial())
    Options()
    Options(timeouts=Timeouts(1, 2, 3, 4, 5), proxy=Proxy("http://proxy.test"))
    assert_type(chosen.timeouts, Timeouts)
    assert_type(chosen.tls, TLS)
    assert_type(chosen.proxy, Proxy | None)
    assert_type(chosen.dial, Dial)
    assert_type(chosen.timeouts.connect, float | None)
    assert_type(chosen.timeouts.read, float | None)
    assert_type(chosen.timeouts.write, float | None)
    assert_type(chosen.timeouts.pool, float | None)
    assert_type(chosen.timeouts.total, float | None)
    assert_type(chosen.tls.minimum_version, str)
    assert_type(chosen.dial.unix_socket, str | PathLike[str] | None)
    assert_type(chosen.dial.source, tuple[str, int] | None)


def proxies() -> None:
    proxy = Proxy("http://ann:secret@proxy.test:3128", TLS(verify=False))
    assert_type(proxy.scheme, str)
    assert_type(proxy.host, str)
    assert_type(proxy.port, int)
    assert_type(proxy.username, str | None)
    assert_type(proxy.password, str | None)


def limits() -> None:
    assert_type(Limits(), Limits)


def retries() -> None:
    retry = Retry()
    assert_type(retry.total, int)
    assert_type(retry.backoff, float)
    assert_type(retry.respect_retry_after, bool)
    assert_type(Retry.of(3), Retry)


def errors(client: Client) -> None:
    try:
        client.get("http://example.test/nowhere")
    except intermodal.HTTPError as error:
        assert_type(error, intermodal.HTTPError)
    except intermodal.ConnectTimeout as error:
        assert_type(error.errno, int | None)
        assert_type(error.partial, bytes)
    except intermodal.CertificateError as error:
        assert_type(error.verify_code, int | None)
    except (intermodal.SSLError, intermodal.ProxyError) as error:
        assert_type(error, intermodal.TLSError | intermodal.ProxyError)
    except intermodal.RequestException as error:
        assert_type(error, intermodal.Error)
        assert_type(error.transport, str | None)
        assert_type(error.phase, Phase | None)
        assert_type(error.delivery, Delivery)
        assert_type(error.reused, bool)
        assert_type(error.request, Any)
        assert_type(error.response, Any)


def error_of_json(response: Response) -> None:
    try:
        response.json()
    except intermodal.JSONDecodeError as error:
        assert_type(error.msg, str)
        assert_type(error.doc, str)
        assert_type(error.pos, int)
        as_the_standard_has_it: json.JSONDecodeError = error
        assert_type(as_the_standard_has_it.lineno, int)


def tree() -> None:
    """Who catches what."""
    _roots: list[type[intermodal.Error]] = [
        intermodal.InvalidRequest,
        intermodal.URLRequired,
        intermodal.InvalidURL,
        intermodal.UnsupportedScheme,
        intermodal.InvalidHeader,
        intermodal.UnsupportedFeature,
        intermodal.BodyNotReplayable,
        intermodal.RequestBodyError,
        intermodal.TransportError,
        intermodal.ResponseError,
        intermodal.TransportBug,
    ]
    _of_values: list[type[ValueError]] = [intermodal.InvalidURL, intermodal.JSONDecodeError]
    _on_the_way: list[type[intermodal.TransportError]] = [
        intermodal.ConnectionError,
        intermodal.NameResolutionError,
        intermodal.Disconnected,
        intermodal.Timeout,
        intermodal.ProtocolError,
        intermodal.IncompleteBody,
        intermodal.TransportClosed,
    ]
    _of_time: list[type[intermodal.Timeout]] = [
        intermodal.ConnectTimeout,
        intermodal.ReadTimeout,
        intermodal.WriteTimeout,
        intermodal.PoolTimeout,
        intermodal.TotalTimeout,
    ]
    _of_responses: list[type[intermodal.ResponseError]] = [
        intermodal.ContentDecodingError,
        intermodal.TooManyRedirects,
        intermodal.HTTPError,
        intermodal.JSONDecodeError,
    ]
    assert_type(intermodal.InsecureRequestWarning("text"), intermodal.InsecureRequestWarning)
    assert_type(intermodal.__version__, str)
