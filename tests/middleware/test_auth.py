"""Basic, Bearer and netrc logins, what a user may give for ``auth``, and where an auth is applied."""

import base64
import copy
import functools
import pickle

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from intermodal import InvalidHeader, InvalidRequest, Options, Request, Response
from intermodal.flow import Call, drive, send
from intermodal.middleware.auth import BasicAuth, BearerAuth, NetrcAuth, as_auth, authenticated
from intermodal.middleware.digest import DigestAuth
from intermodal.model.url import URL

SECRET = "hidden"


def sent(auth, *, headers=(), url="http://a.test/", call=None):
    """Send a GET with an auth and give every request that went out."""
    carried = []

    def carry(request, options):
        carried.append(request)
        return Response(200)

    flow = authenticated(Request("GET", url, headers), Options(), send, auth=auth, call=call or Call())
    drive(flow, carry)
    return carried


def authorization(auth, **keywords):
    """Give the one Authorization field that an auth sends."""
    (request,) = sent(auth, **keywords)
    (value,) = request.headers.get_list("authorization")
    return value


@pytest.mark.parametrize(
    ("username", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 section 2
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),  # RFC 7617 section 2.1
        ("", "", "Basic Og=="),
        (b"\xff", b"\xa3", "Basic /zqj"),
        ("a", b"b:c", "Basic YTpiOmM="),
    ],
)
def test_basic_is_what_rfc_7617_says(username, password, value):
    """User and password go out in base64: text in UTF-8, bytes as they are."""
    assert authorization(BasicAuth(username, password)) == value


@given(st.binary().filter(lambda octets: b":" not in octets), st.binary())
def test_basic_can_be_read_back_and_is_what_requests_sends(username, password):
    """Whatever user and password hold, CR, LF and NUL too, a server reads them back, and requests sends the same."""
    value = authorization(BasicAuth(username, password))

    assert tuple(base64.b64decode(value[6:], validate=True).split(b":", 1)) == (username, password)
    assert requests.Request("GET", "http://h/", auth=(username, password)).prepare().headers["Authorization"] == value


@given(st.text(st.characters(max_codepoint=0x10FFFF, exclude_categories=("Cs",)), max_size=20))
def test_text_is_utf_8(text):
    """Any text but lone surrogates can be a password, in UTF-8."""
    assert base64.b64decode(authorization(BasicAuth("u", text))[6:]) == b"u:" + text.encode()


@pytest.mark.parametrize(
    ("username", "password", "error", "says"),
    [
        ("a:b", SECRET, InvalidRequest, "holds ':'"),
        ("a\ud800", SECRET, InvalidRequest, "lone surrogate"),
        ("a", SECRET + "\udfff", InvalidRequest, "lone surrogate"),
        ("a", 7, TypeError, "the password of BasicAuth is of type int"),
        (None, SECRET, TypeError, "the user of BasicAuth is of type NoneType"),
    ],
)
@pytest.mark.parametrize("kind", [BasicAuth, DigestAuth])
def test_what_cannot_be_a_login_is_refused_when_it_is_given(kind, username, password, error, says):
    """What no server could read is refused at once, without a word of it; for Digest a colon is no harm."""
    if kind is DigestAuth and username == "a:b":
        kind(username, password)
        return
    with pytest.raises(error, match=says.replace("BasicAuth", kind.__name__)) as caught:
        kind(username, password)

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("token", ["mF_9.B5f-4.1JqM", b"mF_9.B5f-4.1JqM", lambda: "mF_9.B5f-4.1JqM"])
def test_bearer_is_what_rfc_6750_says(token):
    """A token, or what gives one, goes out behind its scheme (RFC 6750 section 2.1)."""
    assert authorization(BearerAuth(token)) == "Bearer mF_9.B5f-4.1JqM"


def test_a_token_is_asked_for_with_each_request():
    """What gives tokens is called once for each request, so that a new token is taken as soon as there is one."""
    tokens = iter(["one", "two"])
    auth = BearerAuth(lambda: next(tokens))

    assert [authorization(auth), authorization(auth)] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        f"{SECRET}\n",
        f"{SECRET}\r\nX: y",
        f"{SECRET}\0",
        f"{SECRET} b",
        f"é{SECRET}",
        SECRET.encode() + b"\xff",
    ],
)
def test_a_token_that_is_no_word_is_refused(token):
    """A token cannot begin another field, whether it is given or comes from a call, and does not show in the error."""
    for attempt in (lambda: BearerAuth(token), lambda: sent(BearerAuth(lambda: token))):
        with pytest.raises(InvalidHeader, match="expected one word of visible ASCII") as caught:
            attempt()
        assert SECRET not in str(caught.value)
    with pytest.raises(TypeError, match="of type int"):
        sent(BearerAuth(lambda: 7))


def test_an_auth_replaces_the_field_and_nothing_else():
    """However the caller wrote an Authorization of his own, one is sent, the auth's; every other field stays."""
    headers = [("authorization", "mine"), ("X", "1"), ("AUTHORIZATION", "mine"), ("x", "2")]
    (request,) = sent(BasicAuth("a", "b"), headers=headers)

    assert request.headers.pairs == (("Host", "a.test"), ("X", "1"), ("x", "2"), ("Authorization", "Basic YTpi"))


@pytest.mark.parametrize("auth", [BasicAuth("a", SECRET), BearerAuth(SECRET), DigestAuth("a", SECRET)], ids=repr)
def test_auths_are_values(auth):
    """They are compared and hashed by value, survive pickling and copying, and neither change nor show the secret."""
    for again in (pickle.loads(pickle.dumps(auth)), copy.copy(auth), copy.deepcopy(auth)):
        assert again == auth
        assert hash(again) == hash(auth)
        assert repr(again) == repr(auth)
    name = "token" if isinstance(auth, BearerAuth) else "password"
    with pytest.raises(AttributeError):
        setattr(auth, name, "other")

    assert SECRET not in repr(auth) + str(auth)
    assert auth not in {BasicAuth("a", "other"), BearerAuth("other"), DigestAuth("a", "other")}
    assert authorization(pickle.loads(pickle.dumps(auth))) if not isinstance(auth, DigestAuth) else True


def test_a_key_given_as_a_user_does_not_show():
    """A user without a password is an access key as often as not, and is masked."""
    assert SECRET not in repr(
        [BasicAuth(SECRET, ""), DigestAuth(SECRET, ""), BearerAuth(functools.partial(str, SECRET))]
    )


def custom(request, options, inner):
    """Sign each request with a field of its own, and send it twice."""
    yield from inner(request, options)
    return (yield from inner(request.replace(headers={"X-Signed": request.method}), options))


class Custom:
    def __call__(self, request, options, inner):
        return custom(request, options, inner)


@pytest.mark.parametrize("auth", [custom, Custom(), functools.partial(custom)])
def test_any_flow_is_an_auth(auth):
    """A generator function, an object that is called like one, and what is made of them are taken as they are."""
    assert as_auth(auth) is auth
    assert [request.headers.get("x-signed") for request in sent(auth)] == [None, "GET"]


def test_what_a_user_gives_becomes_an_auth():
    """A pair is Basic, as a tuple or a list, of text or bytes; what is an auth already, and None, stay what they are."""
    assert as_auth(("a", "b")) == as_auth(["a", "b"]) == BasicAuth("a", "b")
    assert as_auth((b"a", b"b")) == BasicAuth(b"a", b"b")
    for auth in (None, BasicAuth("a", "b"), BearerAuth("t"), DigestAuth("a", "b"), NetrcAuth()):
        assert as_auth(auth) is auth


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (requests.auth.HTTPBasicAuth("a", SECRET), r"requests HTTPBasicAuth.* give BasicAuth\(username, password\)"),
        (requests.auth.HTTPDigestAuth("a", SECRET), r"requests HTTPDigestAuth.* give DigestAuth\(username, password\)"),
        (httpx.BasicAuth("a", SECRET), "httpx BasicAuth.* give BasicAuth of intermodal"),
        (lambda request: request, "a function that cannot be called with"),
        (type("Own", (requests.auth.AuthBase,), {"__call__": lambda self, r: r})(), "a Own that cannot be called with"),
        (f"a:{SECRET}", "auth is of type str"),
        (SECRET.encode(), "auth is of type bytes"),
        (("a", SECRET, "c"), "auth is a tuple of 3"),
        ([SECRET], "auth is a list of 1"),
        (("a", 7), "the password of BasicAuth is of type int"),
        ({"a": SECRET}, "auth is of type dict"),
        (BasicAuth, "the class BasicAuth, and not an object"),
        (True, "auth is of type bool"),
        (0, "auth is of type int"),
    ],
)
def test_what_is_no_auth_is_refused(value, says):
    """What belongs to another library, or is nothing that authenticates, is named with what is expected instead."""
    with pytest.raises(TypeError, match=says) as caught:
        as_auth(value)

    assert SECRET not in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_call_that_strayed_sends_no_credentials():
    """Once a redirect has led away, no auth is applied, at the first origin neither; the rest of the request stays."""
    call = Call()
    call.strayed = True
    for auth in (BasicAuth("a", "b"), BearerAuth("t"), DigestAuth("a", "b"), custom):
        (request,) = sent(auth, headers={"X": "1"}, call=call)
        assert request == Request("GET", "http://a.test/", {"X": "1"})


@pytest.mark.parametrize("gives", [None, Request("GET", "http://h/"), Response(200), []])
def test_an_auth_that_is_no_flow_is_said_to_be_none(gives):
    """One that gives a request, as in requests and httpx, instead of yielding from what sends, is told what to do."""
    with pytest.raises(TypeError, match=f"gave a {type(gives).__name__} and no generator.*yield from inner"):
        sent(lambda request, options, inner: gives)


def test_an_error_of_the_auth_is_the_callers():
    """What the caller's own function raises comes out as it is."""

    def broken():
        raise LookupError("no token")

    with pytest.raises(LookupError, match="no token"):
        sent(BearerAuth(broken))


def test_netrc_logins_are_read_from_a_file(tmp_path, monkeypatch):
    """The given file, or the one that NETRC names, or the one at home, is read when the object is made."""
    path = tmp_path / "logins"
    path.write_text("machine a.test login ann password hidden\n")
    path.chmod(0o600)
    expected = "Basic " + base64.b64encode(b"ann:hidden").decode()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    given = [NetrcAuth(path), NetrcAuth(str(path)), NetrcAuth("~/logins")]
    monkeypatch.setenv("NETRC", str(path))
    given.append(NetrcAuth())
    monkeypatch.delenv("NETRC")
    path.rename(tmp_path / ".netrc")
    given.append(NetrcAuth())
    for auth in (*given, pickle.loads(pickle.dumps(given[0]))):
        assert auth.logins.authorization(URL("http://a.test:81/")) == expected
        assert auth.logins.authorization(URL("http://b.test/")) is None
        assert repr(auth) == "NetrcAuth(<Logins for 1 host>)"


def test_a_netrc_file_that_is_not_there_is_refused_where_it_was_named(tmp_path, monkeypatch):
    """A path that was given must lead to a file; where none was given there may be none."""
    with pytest.raises(InvalidRequest, match="there is no such file"):
        NetrcAuth(tmp_path / "none")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))

    assert not NetrcAuth().logins
