"""What a client takes from the environment, seen at its transport, and over sockets."""

import base64
import os
import pickle
import ssl
import sys
import warnings

import pytest
import trustme
from fleet import TRANSPORTS

import intermodal
from intermodal import (
    TLS,
    URL,
    Client,
    Dial,
    InvalidRequest,
    InvalidURL,
    Proxy,
    Request,
    Response,
    TransportInfo,
    UnsupportedFeature,
)
from intermodal.flow import Call, drive, send
from intermodal.middleware.environment import Environment
from intermodal.middleware.route import Proxies, Roads, by_road
from intermodal.model.request import Way
from intermodal.protocol import Capability
from intermodal.testing import MockTransport
from intermodal.testing.origin import Origin


@pytest.fixture
def environ(monkeypatch):
    """Give what sets variables, by keyword."""

    def put(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.fixture
def netrc(tmp_path, environ):
    """Write a netrc file and name it in NETRC."""

    def write(text):
        path = tmp_path / "netrc"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        environ(NETRC=str(path))
        return path

    return write


def call(url, /, settings=None, **keywords):
    """The one call that a mock records for a GET by a new client."""
    mock = MockTransport(200)
    with Client(mock, **(settings or {})) as client:
        client.get(url, **keywords)
    return mock.calls[0]


def proxy_for(url, /, settings=None, **keywords):
    """Where a GET by a new client is sent through, as host:port."""
    proxy = call(url, settings, **keywords).options.proxy
    return proxy and f"{proxy.scheme}://{proxy.host}:{proxy.port}"


# --- proxies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "http://h/", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://h/", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://h/", None),
        ({"https_proxy": "http://p:1"}, "https://h/", "http://p:1"),
        ({"ALL_PROXY": "socks5h://p"}, "https://h/", "socks5h://p:1080"),
        ({"ALL_PROXY": "http://a:1", "http_proxy": "http://p:2"}, "http://h/", "http://p:2"),
        ({"HTTP_PROXY": "p:3128"}, "http://h/", "http://p:3128"),
        ({"HTTP_PROXY": " http://p:1 "}, "http://h/", "http://p:1"),
        ({"HTTP_PROXY": ""}, "http://h/", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.test, h"}, "http://h/", None),
        ({"HTTP_PROXY": "http://p:1", "no_proxy": "a.test"}, "http://h/", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": ""}, "http://h/", "http://p:1"),
    ],
)
def test_the_scheme_chooses_the_variable(environ, variables, url, expected):
    """HTTP_PROXY and HTTPS_PROXY by the URL's scheme, else ALL_PROXY, in either case; NO_PROXY lets hosts out."""
    environ(**variables)

    assert proxy_for(url) == expected


@pytest.mark.skipif(os.name == "nt", reason="Windows tells no case apart in names of variables")
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HTTP_PROXY": "http://upper:1", "http_proxy": "http://lower:1"}, "http://lower:1"),
        ({"HTTP_PROXY": "http://upper:1", "http_proxy": ""}, None),
        ({"http_proxy": "http://lower:1", "NO_PROXY": "*", "no_proxy": "a.test"}, "http://lower:1"),
        ({"http_proxy": "http://lower:1", "NO_PROXY": "*", "no_proxy": ""}, "http://lower:1"),
        ({"HTTP_PROXY": "http://upper:1", "REQUEST_METHOD": "GET"}, None),
        ({"HTTP_PROXY": "http://upper:1", "ALL_PROXY": "http://all:1", "REQUEST_METHOD": "GET"}, "http://all:1"),
        ({"http_proxy": "http://lower:1", "REQUEST_METHOD": "GET"}, "http://lower:1"),
    ],
)
def test_lower_case_wins_and_alone_counts_in_cgi(environ, variables, expected):
    """A lower-case variable wins, even empty; HTTP_PROXY of a CGI script is the request's own field (httpoxy)."""
    environ(**variables)

    assert proxy_for("http://h/") == expected


def test_the_environment_is_read_once_when_the_client_is_made(environ):
    """A client keeps what it has read; a new one reads anew."""
    environ(HTTP_PROXY="http://first:1")
    mock = MockTransport(200)
    client = Client(mock)
    environ(HTTP_PROXY="http://second:1")
    client.get("http://h/")

    assert mock.calls[0].options.proxy.host == "first"
    assert proxy_for("http://h/") == "http://second:1"


def test_trust_env_false_reads_nothing(environ, netrc):
    """Neither proxies nor authorities nor logins are taken by a client that is told not to."""
    netrc("machine h login ann password secret")
    environ(ALL_PROXY="http://p:1", SSL_CERT_FILE="/no/such/file")
    sent = call("https://h/", {"trust_env": False})

    assert (sent.options.proxy, sent.options.tls) == (None, TLS())
    assert "authorization" not in sent.headers


def test_the_verbs_of_the_module_read_it_too(environ):
    """A verb without a client makes one, which reads the environment."""
    environ(HTTP_PROXY="http://p:1")
    mock = MockTransport(200)
    with intermodal.use_transport(mock):
        intermodal.get("http://h/")

    assert mock.calls[0].options.proxy == Proxy("http://p:1")


@pytest.mark.parametrize(
    ("given", "url", "expected"),
    [
        ({"http": "http://given:1"}, "http://h/", "http://given:1"),
        ({"http": "http://given:1"}, "https://h/", "http://env-https:1"),
        ({"https://h": "http://given:1"}, "https://h/", "http://given:1"),
        ({"https://h": "http://given:1"}, "https://other/", "http://env-https:1"),
        ({"all": "http://given:1"}, "http://h/", "http://given:1"),
        ({"http": None}, "http://h/", None),
        ({"all": None}, "https://h/", None),
        ({"http": "http://given:1"}, "http://free/", "http://given:1"),
        ({"https": "http://given:1"}, "http://free/", None),
        ({"no_proxy": "h"}, "http://h/", None),
        ({"no_proxy": "h"}, "http://free/", "http://env-http:1"),
        ({"no_proxy": ""}, "http://free/", "http://env-http:1"),
        ({"no_proxy": None}, "http://free/", None),
        ({"no_proxy": "h", "all": "http://given:1"}, "http://a.h/", None),
        ({}, "http://h/", "http://env-http:1"),
    ],
)
@pytest.mark.parametrize("per_call", [False, True])
def test_what_is_given_wins(environ, given, url, expected, per_call):
    """A key of proxies= about this URL wins and heeds no NO_PROXY; its own no_proxy replaces the variable for all."""
    environ(HTTP_PROXY="http://env-http:1", HTTPS_PROXY="http://env-https:1", NO_PROXY="free")

    assert (proxy_for(url, proxies=given) if per_call else proxy_for(url, {"proxies": given})) == expected


@pytest.mark.parametrize("value", [7, ["a"], b"a"])
def test_no_proxy_is_text(value):
    """proxies["no_proxy"] is what the variable is: a str."""
    with pytest.raises(InvalidURL, match="no_proxy"):
        Client(MockTransport(200), proxies={"no_proxy": value})


@pytest.mark.parametrize("value", ["http://p/path", "ftp://p", "http://", "http://ann:secret@p:x", "http://p:0"])
def test_a_variable_that_holds_no_proxy_is_named_where_it_counts(environ, value):
    """The error names the variable and shows no password; a URL that has no use for it is sent."""
    environ(HTTPS_PROXY=value, NO_PROXY="free")

    with pytest.raises(InvalidURL, match="HTTPS_PROXY of the environment") as caught:
        proxy_for("https://h/")
    assert "secret" not in str(caught.value)
    assert caught.value.delivery == "not_sent"
    assert proxy_for("http://h/") is None
    assert proxy_for("https://free/") is None
    assert proxy_for("https://h/", proxies={"all": None}) is None


@pytest.mark.parametrize(
    ("given", "url", "expected"),
    [
        ({"https": "http://given:1"}, "https://h/", ("given", "proxies['https']")),
        ({"all": None}, "https://h/", (None, "proxies['all']")),
        ({"no_proxy": ".h"}, "http://a.h/", (None, "proxies['no_proxy'] entry '.h'")),
        (None, "http://h/", ("env", "HTTP_PROXY")),
        (None, "http://a.free/", (None, "NO_PROXY entry 'free'")),
        (None, "https://h/", (None, "no proxy is set")),
        (None, "https://free/", (None, "no proxy is set")),
    ],
)
def test_a_choice_can_be_explained(environ, given, url, expected):
    """Each choice says which key, variable or entry made it."""
    environ(HTTP_PROXY="http://env:1", NO_PROXY="free")
    roads = Roads(None if given is None else Proxies(given), Environment.read())
    proxy, why = roads.explain(URL(url))

    assert (proxy and proxy.host, why) == expected


def test_each_hop_is_chosen_anew(environ, netrc):
    """What is sent on to another URL takes that URL's proxy and login, and none of the first one's."""
    netrc("machine one.test login ann password secret\nmachine two.test login bob password hidden")
    environ(HTTP_PROXY="http://p:1", NO_PROXY="two.test")
    roads = Roads(None, Environment.read())
    carried = []

    def carry(request, options):
        carried.append((request.target, request.headers.get("authorization"), options.proxy and options.proxy.host))
        return Response(200)

    def redirected(request, options, inner):
        yield from inner(request, options)
        for host in ("two.test", "three.test"):
            response = yield from inner(Request("GET", f"http://{host}/"), options)
        return response

    options = intermodal.Options()
    first = Request("GET", "http://one.test/")
    how = {"roads": roads, "logins": roads.environment.logins, "call": Call()}
    drive(redirected(first, options, lambda request, options: by_road(request, options, send, **how)), carry)

    assert carried == [
        ("http://one.test/", basic("ann", "secret"), "p"),
        ("/", basic("bob", "hidden"), None),
        ("http://three.test/", None, "p"),
    ]
    assert "authorization" not in first.headers


@pytest.mark.parametrize(
    ("strayed", "downgraded", "elsewhere", "logs_in"),
    [
        (False, False, False, True),
        (True, False, False, True),  # a host of the file's is a host of the file's, wherever the way came from
        (True, True, False, False),  # CVE-2018-18074: no login in clear text after https
        (False, False, True, False),  # the caller has logged in to the first origin
        (True, False, True, True),
        (True, True, True, False),
    ],
)
def test_when_a_netrc_login_is_sent(netrc, strayed, downgraded, elsewhere, logs_in):
    """A login of the file goes to its host but after https has been left, and where the caller's own login does not go."""
    netrc("machine one.test login ann password secret")
    call = Call()
    call.strayed = strayed
    carried = []

    def carry(request, options):
        carried.append(request.headers.get("authorization"))
        return Response(200)

    logins = Environment.read().logins
    request = Request("GET", "http://one.test/").by_way_of(Way(strayed, downgraded))
    flow = by_road(request, intermodal.Options(), send, Roads(), logins=logins, call=call, elsewhere=elsewhere)
    drive(flow, carry)
    assert carried == [basic("ann", "secret") if logs_in else None]


# --- authorities -----------------------------------------------------------------------------------------------------

CA_VARIABLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]


@pytest.fixture
def files(tmp_path):
    """Four files, which a transport that is never asked for TLS does not read."""
    made = [tmp_path / name for name in CA_VARIABLES]
    for path in made:
        path.touch()
    return [str(path) for path in made]


@pytest.mark.parametrize("first", range(4))
def test_the_first_variable_is_the_ca(environ, files, first):
    """They count in the order REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR; empty is none."""
    environ(**dict(zip(CA_VARIABLES, [""] * first + files[first:], strict=True)))

    assert call("https://h/").options.tls == TLS(files[first])
    assert call("https://h/", verify=True).options.tls == TLS(files[first])
    assert call("https://h/", cert="c.pem").options.tls == TLS(files[first], cert="c.pem")


def test_a_ca_that_is_given_wins(environ, files):
    """verify= other than True is taken as it is, of the client or of the call."""
    environ(SSL_CERT_FILE=files[0])
    context = ssl.create_default_context()

    assert call("https://h/", verify="mine").options.tls.verify == "mine"
    assert call("https://h/", {"verify": "mine"}).options.tls.verify == "mine"
    assert call("https://h/", {"verify": "mine"}, verify=True).options.tls.verify == files[0]
    assert call("https://h/", verify=context).options.tls.verify is context
    with pytest.warns(intermodal.InsecureRequestWarning):
        assert call("https://h/", verify=False).options.tls.verify is False


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_a_ca_that_is_not_there_is_the_fault_of_https(environ, tmp_path, variable):
    """The variable is named at the first https request; http, verify= and trust_env=False do without it."""
    environ(**{variable: str(tmp_path / "ca")})
    mock = MockTransport(200)
    client = Client(mock)

    assert client.get("http://h/").ok
    assert client.get("https://h/", verify="mine").ok
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=variable) as caught:
            client.get("https://h/")
        assert caught.value.delivery == "not_sent"
    assert len(mock.calls) == 2
    (tmp_path / "ca").touch()
    assert client.get("https://h/").ok
    assert mock.calls[-1].options.tls.verify == str(tmp_path / "ca")


@pytest.mark.parametrize("variable", [True, False])
def test_an_https_proxy_is_checked_by_it_too(environ, files, tmp_path, variable):
    """The CA stands for verify=True of an https proxy as well, wherever that comes from; its own settings win."""
    settings = {}
    if variable:
        environ(HTTP_PROXY="https://p:1")
    else:
        settings["proxies"] = {"all": "https://p:1"}
    environ(SSL_CERT_FILE=files[0])
    own = Proxy("https://p:1", tls=TLS("mine"))

    assert call("http://h/", settings).options.proxy == Proxy("https://p:1", tls=TLS(files[0]))
    assert call("http://h/", settings, proxies={"all": own}).options.proxy == own
    assert call("http://h/", settings, proxies={"all": "http://p"}).options.proxy == Proxy("http://p")
    environ(SSL_CERT_FILE=str(tmp_path / "none"))
    with pytest.raises(InvalidRequest, match="SSL_CERT_FILE"):
        call("http://h/", settings)


# --- logins ----------------------------------------------------------------------------------------------------------


def basic(user, password):
    """The field value of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


#: The netrc module of Python 3.10 takes neither quotes nor a machine without a password, and fewer letters.
needs_later_netrc = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the netrc module of Python 3.10 does not read this"
)

NETRC = """
machine good.test login ann password secret
machine Upper.Test login upper password secret
machine both.test login both account acc password secret
machine account.test account acc password secret
machine nobody.test
machine 127.0.0.1 login four password secret
machine ::1 login six password secret
machine quoted.test login "with space" password "a b"
machine colon.test login ann password se:cret
"""
if sys.version_info < (3, 11):
    NETRC = "\n".join(line for line in NETRC.split("\n") if "nobody" not in line and "quoted" not in line)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://good.test/", ("ann", "secret")),
        ("https://good.test/", ("ann", "secret")),
        ("http://good.test:8080/", ("ann", "secret")),
        ("http://GOOD.test./", ("ann", "secret")),
        ("http://upper.test/", ("upper", "secret")),
        ("http://both.test/", ("both", "secret")),
        ("http://account.test/", ("acc", "secret")),
        ("http://127.0.0.1:81/", ("four", "secret")),
        ("http://[::1]:81/", ("six", "secret")),
        pytest.param("http://quoted.test/", ("with space", "a b"), marks=needs_later_netrc),
        ("http://colon.test/", ("ann", "se:cret")),
        pytest.param("http://nobody.test/", None, marks=needs_later_netrc),
        ("http://a.good.test/", None),
        ("http://test/", None),
        ("http://agood.test/", None),
        ("http://good.test.evil.test/", None),
        ("http://evil.test/good.test", None),
        ("http://evil.test/?@good.test", None),
        ("http://default/", None),
    ],
)
@pytest.mark.parametrize("other", [None, ("any", "one")])
def test_a_login_is_its_hosts_own(netrc, url, expected, other):
    """Exactly the host of the URL, whatever its case, port and scheme; any other gets the default entry, if there is one."""
    netrc(NETRC + ("default login any password one\n" if other else ""))
    expected = expected or other

    assert call(url).headers.get("authorization") == (expected and basic(*expected))


@needs_later_netrc
def test_a_login_is_sent_as_utf_8(netrc):
    """RFC 7617 section 2.1, with the host as an IDNA name."""
    netrc("machine xn--b-eha.test login J\xfcrgen password p\xe4ss")

    assert (
        call("http://b\xfc.test/").headers["authorization"]
        == "Basic " + base64.b64encode("J\xfcrgen:p\xe4ss".encode()).decode()
    )


def test_a_header_of_the_callers_own_wins(netrc):
    """Where the request or the client has an Authorization field, no login is added."""
    netrc(NETRC)

    assert call("http://good.test/", headers={"authorization": "Bearer x"}).headers.get_list("authorization") == [
        "Bearer x"
    ]
    assert call("http://good.test/", {"headers": {"Authorization": "Bearer x"}}).headers["authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("http://good.test:@evil.test/", b"good.test:"),
        ("http://good.test@evil.test/", b"good.test:"),
        ("http://good.test:80@evil.test/", b"good.test:80"),
        ("http://x:y@good.test/", b"x:y"),
    ],
)
def test_a_crafted_url_gets_no_login(netrc, url, credentials):
    """A name that stands before "@" is no host (CVE-2024-47081); a URL with a user of its own gets no other one's."""
    netrc(NETRC)
    mock = MockTransport(200)
    Client(mock).get(url)
    Client(mock).send(Request("GET", url))
    own = "Basic " + base64.b64encode(credentials).decode()

    assert [each.headers["authorization"] for each in mock.calls] == [own, own]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("machine h login ann\nmachine h password\nsecret word", "in line"),
        ("machine h\nlogin ann password secret\nhunter2", "in line"),
        ("machine h login ann password secret\nbogus", "in line"),
    ],
)
def test_a_netrc_file_that_is_wrong_is_none(netrc, text, where):
    """A warning names file and line, shows nothing of its words, and no login is taken from it."""
    path = netrc(text)
    mock = MockTransport(200)
    with pytest.warns(UserWarning, match=where) as caught:
        client = Client(mock)
    client.get("http://h/")
    client.get("http://h/")

    assert len(caught) == 1
    assert str(path) in str(caught[0].message)
    assert caught[0].filename == __file__
    assert not {"ann", "secret", "hunter2", "bogus", "word"} & set(str(caught[0].message).replace("'", " ").split())
    assert "authorization" not in mock.calls[0].headers


def test_a_netrc_that_cannot_be_read_is_none(tmp_path, environ):
    """A folder in its place is said, like a file that is wrong; one that does not exist is none."""
    environ(NETRC=str(tmp_path))
    with pytest.warns(UserWarning, match="cannot be read"):
        assert "authorization" not in call("http://h/").headers
    environ(NETRC=str(tmp_path / "none"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "authorization" not in call("http://h/").headers


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
def test_without_netrc_it_is_the_file_at_home(monkeypatch, tmp_path, name):
    """~/.netrc, else ~/_netrc; an empty NETRC is none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / name).write_text("machine h login ann password secret")
    assert "authorization" not in call("http://h/").headers
    monkeypatch.delenv("NETRC")

    assert call("http://h/").headers["authorization"] == basic("ann", "secret")


def test_nothing_secret_shows(netrc, environ):
    """Neither passwords of proxies nor of logins stand in the repr of what holds them."""
    netrc(NETRC + "default login any password secret")
    environ(ALL_PROXY="http://u:secret@p:1", HTTP_PROXY="http://u:secret@p:x", NO_PROXY="free")
    environment = Environment.read()
    sent = call("https://good.test/")
    shown = repr(environment) + str(environment.proxies) + repr(environment.logins) + repr(sent.headers) + repr(sent)

    for secret in ("secret", basic("ann", "secret"), basic("any", "secret")):
        assert secret not in shown


# --- the client ------------------------------------------------------------------------------------------------------


def test_dial_reaches_the_transport():
    """dial= of the client, and of the call instead; what is no Dial is refused."""
    mine, other = Dial(unix_socket="/run/mine"), Dial(source_address=("127.0.0.1", 0))

    assert call("http://h/").options.dial == Dial()
    assert call("http://h/", {"dial": mine}).options.dial == mine
    assert call("http://h/", {"dial": mine}, timeout=1).options.dial == mine
    assert call("http://h/", {"dial": mine}, dial=other).options.dial == other
    with pytest.raises(TypeError, match="Dial"):
        Client(MockTransport(200), dial="/run/mine")
    with pytest.raises(TypeError, match="Dial"):
        call("http://h/", dial=None)


def test_a_unix_socket_needs_no_proxy_of_the_environment(environ):
    """A proxy of the environment is about the network: a Unix socket is reached without it; one that is given goes along."""
    environ(ALL_PROXY="http://p:1")
    mine = Dial(unix_socket="/run/mine")

    assert proxy_for("http://h/", {"dial": mine}) is None
    assert proxy_for("http://h/", dial=mine) is None
    assert proxy_for("http://h/") == "http://p:1"
    assert proxy_for("http://h/", dial=mine, proxies={"all": "http://q:2"}) == "http://q:2"


def test_all_of_tls_can_be_given_at_once():
    """verify=TLS(...) is taken as it is, per client and per call; what it has beside verify outlives a verify of one call."""
    strict = TLS(verify="/ca.pem", minimum_version="TLSv1.3")

    assert call("https://h/", verify=strict).options.tls == strict
    assert call("https://h/", {"verify": strict}).options.tls == strict
    assert call("https://h/", {"verify": strict}, verify="/other.pem").options.tls == TLS(
        verify="/other.pem", minimum_version="TLSv1.3"
    )
    with pytest.raises(InvalidRequest, match="cert"):
        call("https://h/", verify=strict, cert="mine.pem")
    with pytest.warns(intermodal.InsecureRequestWarning):
        call("https://h/", verify=TLS(verify=False))


def test_a_pickled_client_reads_the_environment_it_arrives_in(environ):
    """trust_env and what was given travel; what was read does not."""
    environ(HTTP_PROXY="http://here:1")
    given = Client("socket", proxies={"https": "http://given:1"}, dial=Dial(source_address="127.0.0.1"))
    trusting, other = pickle.dumps(given), pickle.dumps(Client("socket", trust_env=False))
    environ(HTTP_PROXY="http://there:1")
    mock = MockTransport(200)
    with intermodal.use_transport(mock):
        pickle.loads(trusting).get("http://h/")
        pickle.loads(trusting).get("https://h/")
        pickle.loads(other).get("http://h/")

    assert [each.options.proxy and each.options.proxy.host for each in mock.calls] == ["there", "given", None]
    mine = ("127.0.0.1", 0)
    assert [each.options.dial.source_address for each in mock.calls] == [mine, mine, None]


class Little:
    """A transport that can do little."""

    def __init__(self, capabilities=Capability.NONE):
        self.info = TransportInfo("little", capabilities=capabilities)

    def send(self, request, options, /):
        return Response(200, {}, [], request=request)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("url", "keywords", "named", "unnamed"),
    [
        ("http://h/", {}, ["FORWARD_PROXY", "chosen by HTTP_PROXY"], ["SSL_CERT_FILE"]),
        (
            "https://h/",
            {"proxies": {"https": "http://p"}},
            ["chosen by proxies['https']"],
            ["CUSTOM_TLS", "SSL_CERT_FILE"],
        ),
        ("https://free/", {"verify": "/mine"}, ["CUSTOM_TLS"], ["SSL_CERT_FILE"]),
        ("http://free/", {"headers": {"Upgrade": "x", "Connection": "upgrade"}}, ["UPGRADE"], ["_PROXY", "SSL_"]),
    ],
)
def test_a_refusal_names_the_variable(environ, files, url, keywords, named, unnamed):
    """What a transport cannot do is refused with the name of the variable that asked for it, where one did."""
    environ(HTTP_PROXY="http://p:1", NO_PROXY="free", SSL_CERT_FILE=files[0])
    with pytest.raises(UnsupportedFeature) as caught:
        Client(Little()).get(url, **keywords)

    assert [word for word in named if word not in str(caught.value)] == []
    assert [word for word in unnamed if word in str(caught.value)] == []


def test_a_transport_with_trust_of_its_own_keeps_it(environ, files, tmp_path):
    """Who cannot be told whom to trust, such as a client of the user's own, is not told so by the environment either."""
    environ(SSL_CERT_FILE=files[0], HTTP_PROXY="http://p:1")
    assert Client(Little(Capability.HTTPS)).get("https://h/").ok
    assert Client(Little(Capability.HTTPS), timeout=5).get("https://h/", timeout=(1, 2)).ok
    environ(SSL_CERT_FILE=str(tmp_path / "nowhere.pem"))
    assert Client(Little(Capability.HTTPS)).get("https://h/").ok


def test_plain_seconds_are_for_what_can_be_bound():
    """Seconds, or a pair, are fitted to a transport that bounds neither writing nor slots; by name they are kept or refused."""
    capabilities = Capability.WRITE_TIMEOUT | Capability.POOL_TIMEOUT
    bound = MockTransport(200)
    Client(bound, timeout=(1, 2)).get("http://h/")
    assert capabilities in bound.info.capabilities
    assert bound.calls[0].options.timeouts == intermodal.Timeouts(connect=1, read=2, write=2, pool=1)
    with pytest.raises(UnsupportedFeature, match="WRITE_TIMEOUT"):
        Client(Little()).get("http://h/", timeout=intermodal.Timeouts(write=2, pool=None))


def test_proxies_of_a_call_are_laid_over_the_client_s():
    """As requests merges them: key by key, None for no proxy."""
    mine = {"proxies": {"http": "http://p:1", "all": "http://a:1"}}
    assert proxy_for("http://h/", mine, proxies={"https": "http://q:1"}) == "http://p:1"
    assert proxy_for("https://h/", mine, proxies={"https": "http://q:1"}) == "http://q:1"
    assert proxy_for("http://h/", mine, proxies={"http": None}) is None
    assert proxy_for("https://h/", mine, proxies={"http": None}) == "http://a:1"
    assert proxy_for("http://h/", mine, proxies={}) == "http://p:1"
    assert proxy_for("http://h/", mine, proxies={"no_proxy": "h"}) is None


def test_verify_none_is_as_the_client_has_it():
    """As in requests, where None is what a call that says nothing has."""
    assert call("https://h/", {"verify": "/ca.pem"}, verify=None).options.tls.verify == "/ca.pem"
    assert call("https://h/", {"verify": None}).options.tls.verify is True


def test_a_refusal_for_another_reason_names_none(environ):
    """A proxy that the transport can use is not what it refuses."""
    environ(HTTP_PROXY="http://p:1")
    client = Client(Little(Capability.FORWARD_PROXY))

    with pytest.raises(UnsupportedFeature, match="UPGRADE") as caught:
        client.get("http://h/", headers={"Upgrade": "x", "Connection": "upgrade"})
    assert "HTTP_PROXY" not in str(caught.value)


def test_no_flow_is_entered_for_nothing(environ, files, monkeypatch):
    """With no proxy, login or missing CA, requests go to the transport without a flow, and options are made once."""
    environ(SSL_CERT_FILE=files[0])
    mock = MockTransport(200)
    client = Client(mock)
    monkeypatch.setattr("intermodal.client.drive", None)
    for _ in range(2):
        client.get("https://h/")

    assert mock.calls[0].options is mock.calls[1].options


# --- over sockets ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(TRANSPORTS))
def name(request):
    """Each of the four transports by name."""
    return request.param


def test_a_proxy_of_the_environment_is_sent_the_whole_url(environ, name):
    """Over every transport the bytes are those that proxies= gives; NO_PROXY goes there directly."""
    with Origin() as proxy, Origin() as direct:
        environ(http_proxy=f"http://ann:p%40ss@{proxy.host}:{proxy.port}", NO_PROXY=direct.host + f":{direct.port}")
        with Client(name, headers={"User-Agent": "x", "Accept-Encoding": None}) as client:
            client.get("http://example.test/headers?q=%7e")
            client.get(f"{direct.url}/get")

        sent = (
            b"GET http://example.test/headers?q=%7e HTTP/1.1\r\nHost: example.test\r\nUser-Agent: x\r\nAccept: */*\r\n"
            b"Connection: keep-alive\r\nProxy-Authorization: Basic YW5uOnBAc3M=\r\n\r\n"
        )
        assert [each.raw for each in proxy.requests] == [sent]
        assert [each.raw.partition(b"\r\n")[0] for each in direct.requests] == [b"GET /get HTTP/1.1"]
        assert b"roxy-" not in direct.requests[0].raw


def test_a_login_is_sent_over_every_transport(netrc, name):
    """The field arrives last, and with the exact value."""
    with Origin() as origin:
        netrc(f"machine {origin.host} login Aladdin password 'open'")
        with Client(name, headers={"User-Agent": None, "Accept-Encoding": None}) as client:
            client.get(f"{origin.url}/get")

        assert origin.requests[0].raw.endswith(
            b"\r\nAccept: */*\r\nConnection: keep-alive\r\nAuthorization: Basic QWxhZGRpbjonb3Blbic=\r\n\r\n"
        )


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_the_ca_of_the_environment_is_believed(environ, tmp_path, name, variable):
    """A server by a private authority is trusted through each variable, and by no client that trusts no environment."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    folder = tmp_path / "ca"
    folder.mkdir()
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    if variable == "SSL_CERT_DIR":
        path.rename(folder / f"{subject_hash(path)}.0")
        path = folder
    with Origin(tls=context) as origin:
        environ(**{variable: str(path)})
        with Client(name) as client:
            assert client.get(f"{origin.url}/get").ok
        if variable == "REQUESTS_CA_BUNDLE":  # the system's own trust reads some of the others
            with Client(name, trust_env=False) as client, pytest.raises(intermodal.CertificateError):
                client.get(f"{origin.url}/get")


def subject_hash(path):
    """The name under which OpenSSL looks for an authority in a folder."""
    import subprocess

    done = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(path)], capture_output=True, check=True, timeout=20
    )
    return done.stdout.decode().strip()
