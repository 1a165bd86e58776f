"""Digest: what is proved, to whom and how often, judged by a server that was written from the RFC alone."""

import hashlib
import sys
import threading
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from middleware.digest_server import ALGORITHMS, Server, answer_to, ask, read_credentials

from intermodal import BodyNotReplayable, Options, Proxy, Request, RequestBodyError, Response
from intermodal.flow import DRAIN_BYTES, send
from intermodal.middleware import digest as module
from intermodal.middleware.digest import DigestAuth
from intermodal.model.body import Body

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RFC_7616_USERHASH = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256,'
    ' nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",'
    ' opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash={}'
)
OLD = (
    'Digest realm="testrealm@host.com", {}nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",'
    ' opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
FILE = "http://www.example.org/dir/index.html"


@pytest.mark.parametrize(
    ("user", "password", "challenge", "url", "cnonce", "response"),
    [
        ("Mufasa", "Circle of Life", RFC_7616.format("MD5"), FILE, CNONCE, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "Mufasa", "Circle of Life", RFC_7616.format("SHA-256"), FILE, CNONCE,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (  # RFC 7616 section 3.9.2, as erratum 4897 corrects it
            "Jäsøn Doe", "Secret, or not?", RFC_7616_USERHASH.format("true"), "http://api.example.org/doe.json",
            "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
        ),
        (  # RFC 2617 section 3.5
            "Mufasa", "Circle Of Life", OLD.format('qop="auth,auth-int", '), FILE, "0a4f113b",
            "6629fae49393a05397450978507c4ef1",
        ),
        (  # RFC 2069 section 2.4, as erratum 749 corrects it
            "Mufasa", "CircleOfLife", OLD.format(""), FILE, "unused", "1949323746fe6a43ef61f9606e7febea",
        ),
        (  # recorded from httpbin, by others: auth-int without a body
            "foo", "bar",
            'Digest realm="me@kennethreitz.com", nonce="7a5462bc2121c2e609e6f71c64d341c1", qop="auth-int", algorithm=MD5',
            "http://h/digest-auth/auth-int/foo/bar",
            "MjhjOWI2ZDRmNmVkNjlmYzRmMTdjZjAxYmU4ZTNkM2U=", "a86955ec413135f7902c0bae37d75469",
        ),
    ],
    ids=["7616-md5", "7616-sha-256", "7616-userhash", "2617", "2069", "auth-int"],
)  # fmt: skip
def test_the_examples_of_the_rfcs_come_out(monkeypatch, user, password, challenge, url, cnonce, response):
    """The response of every printed example is what is sent; where the RFC misprints it, as its erratum has it."""
    fields = answer_to(monkeypatch, cnonce, challenge, DigestAuth(user, password), url=url)

    assert fields["response"] == response


def test_a_hashed_user_and_one_beyond_ascii_are_written_as_the_rfc_prints_them(monkeypatch):
    """userhash sends the hash of the name (erratum 4897), and without it a name beyond ASCII goes as username*."""
    auth, url = DigestAuth("Jäsøn Doe", "Secret, or not?"), "http://api.example.org/doe.json"
    hashed = answer_to(monkeypatch, "c", RFC_7616_USERHASH.format("true"), auth, url=url)
    plain = answer_to(monkeypatch, "c", RFC_7616_USERHASH.format("false"), DigestAuth("Jäsøn Doe", ""), url=url)

    assert hashed["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert hashed["userhash"] == "true"
    assert plain["username*"] == "UTF-8''J%C3%A4s%C3%B8n%20Doe"
    assert "username" not in plain
    assert "userhash" not in plain


# --- whatever the login, the realm and the path


TEXTS = st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=("Cs",)), max_size=12)
LATIN = st.text(st.sampled_from('ab "\\,=\t;é\xff€'.replace("€", "\xa0")), max_size=10).map(str.strip)
PATHS = st.text(st.sampled_from("az09-._~!$&'()*+,;=:@/%25\"\\?"), max_size=20)


@given(
    user=TEXTS, password=TEXTS, realm=LATIN, opaque=st.none() | LATIN, algorithm=st.sampled_from([None, *ALGORITHMS]),
    qop=st.sampled_from(["", "auth", "auth-int", "auth-int,auth"]), path=PATHS, body=st.binary(max_size=30),
    charset=st.sampled_from([None, "UTF-8"]), userhash=st.booleans(),
)  # fmt: skip
def test_a_server_accepts_whatever_login_it_shares(
    user, password, realm, opaque, algorithm, qop, path, body, charset, userhash
):
    """Any user, password, realm and path, quotes, backslashes and control characters too, is proved at the second request
    and every later one; only with -sess and no qop there is nothing that could be.
    """
    if charset:
        user, password = (normal(text) for text in (user, password))
    server = Server(
        user, password, realm=realm, opaque=opaque, algorithm=algorithm, qop=qop, charset=charset, userhash=userhash
    )
    auth = DigestAuth(user, password)
    statuses = [ask(auth, server, "POST", body=body, target="/" + path).status_code for _ in range(2)]

    impossible = not qop and (algorithm or "").endswith("-sess")
    assert statuses == ([401, 401] if impossible else [200, 200])
    assert server.statuses == ([False, False] if impossible else [False, True, True])
    if not impossible:
        assert {fields["qop"] for _, _, fields, _ in server.seen[1:] if qop} <= {
            "auth" if "auth" in qop.split(",") else qop
        }


def normal(text):
    """Give text as a server that says charset=UTF-8 keeps it: RFC 7616 section 4 asks for NFC."""
    return unicodedata.normalize("NFC", text)


def test_text_is_normalised_for_a_server_that_says_utf_8():
    """A name typed with combining marks is the one that the server keeps (RFC 7616 section 4); bytes are left alone, and
    all is for a server that says nothing.
    """
    assert ask(DigestAuth("e\u0301", "secret"), Server("e\u0301")).status_code == 200
    server = Server("\xe9", "p\xe9", charset="UTF-8", algorithm="SHA-256")
    users = ["e\u0301", "\xe9", "e\u0301".encode()]

    assert [ask(DigestAuth(user, "pe\u0301"), server).status_code for user in users] == [200, 200, 401]


@pytest.mark.parametrize(
    ("user", "algorithm", "charset", "name", "value"),
    [
        ("é", None, None, "username", "Ã©"),  # as curl sends it: UTF-8, read here as latin-1
        ("é", "MD5", "UTF-8", "username*", "UTF-8''%C3%A9"),
        ("é", "SHA-256", None, "username*", "UTF-8''%C3%A9"),
        ("a\r\nX: y", "MD5", None, "username*", "UTF-8''a%0D%0AX%3A%20y"),
        ("\0", "MD5", None, "username*", "UTF-8''%00"),
        ('a"\\b', "SHA-256", "UTF-8", "username", 'a"\\b'),
        (b"\xe9", "MD5", None, "username", "é"),
        (b"\xe9", "SHA-256", "UTF-8", "username", "é"),
    ],
)
def test_an_odd_user_is_written_so_that_a_server_can_read_it(user, algorithm, charset, name, value):
    """A server that knows RFC 7616 gets username*, an older one UTF-8; what cannot stand in quotes never does."""
    server = Server(user, algorithm=algorithm, charset=charset)

    assert ask(DigestAuth(user, "secret"), server).status_code == 200
    assert server.seen[1][2][name] == value


# --- challenges


WEAK, STRONG = (
    'Digest realm="r", nonce="w", algorithm=MD5, qop="auth"',
    'Digest realm="r", nonce="s", algorithm={}, qop="auth"',
)


@pytest.mark.parametrize(
    ("lines", "nonce"),
    [
        ([WEAK, STRONG.format("SHA-256")], "s"),
        ([STRONG.format("sha-256"), WEAK], "s"),
        ([STRONG.format("SHA-256"), STRONG.format("SHA-512-256").replace('"s"', '"x"')], "x"),
        ([f'{WEAK}, {STRONG.format("SHA-256-sess")}, Basic realm="r"'], "s"),
        (['Negotiate, NTLM dGVzdA==, Bearer realm="x", error="y"', WEAK], "w"),
        ([STRONG.format("SHA-3"), STRONG.format("token"), WEAK], "w"),
        ([STRONG.format("SHA-256").replace('"auth"', '"auth-conf"'), WEAK], "w"),
        ([STRONG.format("SHA-256").replace("realm", "rlm"), WEAK], "w"),
        ([WEAK, WEAK.replace('"w"', '"second"')], "w"),
        (['Digest realm="r", nonce="old"', WEAK], "w"),
        (['dIgEsT REALM = "r" ,\tNonce= w/+== , qop=auth,, ALGORITHM="md5"'], "w/+=="),
        (['Digest realm="unended, Basic realm=x', WEAK], "w"),
        (['Digest domain="/a /b", realm="a, Digest b=\\"c\\"", nonce="w", unknown=1, qop="auth"'], "w"),
    ],
)
def test_the_strongest_challenge_that_is_known_is_answered(monkeypatch, lines, nonce):
    """Over several lines, or in one, beside other schemes, SHA-512-256 goes before SHA-256 and that before MD5."""
    fields = answer_to(monkeypatch, "c", lines, DigestAuth("ann", "secret"))

    assert fields["nonce"] == nonce


@pytest.mark.parametrize(
    "line",
    [
        None,
        'Basic realm="r"',
        "Digest",
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce=""',
        STRONG.format("SHA-1"),
        STRONG.format("-sess"),
        'Digest realm="r", nonce="n", qop="auth-conf"',
        'Digest realm="r", nonce="n", algorithm=MD5-sess',
        'Digest realm="r", nonce="n\x1f", qop="auth"',
        'Digest realm="r\x7f", nonce="n", qop="auth"',
        'Digest realm="r", nonce="n", opaque="\x01", qop="auth"',
    ],
)
def test_what_cannot_be_answered_is_handed_back(line):
    """A 401 without a challenge that is known, whole and fit to be sent back is the answer, and nothing is told of the
    password: one request goes out, and the body is there to be read.
    """
    sent = []

    def carry(request, options):
        sent.append(request)
        return Response(401, [("WWW-Authenticate", line)] if line else [], b"why")

    response = ask(DigestAuth("ann", "secret"), None, carry=carry)

    assert response.status_code == 401
    assert response.content == b"why"
    assert [request.headers.get("authorization") for request in sent] == [None]


def test_an_algorithm_that_this_openssl_does_not_have_is_passed_over(monkeypatch):
    """Where hashlib refuses the strongest function, the next one is answered."""
    real = hashlib.new

    def new(name, *args, **keywords):
        if name == "sha512_256":
            raise ValueError("unsupported hash type")
        return real(name, *args, **keywords)

    monkeypatch.setattr(hashlib, "new", new)
    module._is_there.cache_clear()
    try:
        fields = answer_to(monkeypatch, "c", [STRONG.format("SHA-512-256"), WEAK], DigestAuth("ann", "secret"))
    finally:
        module._is_there.cache_clear()

    assert fields["nonce"] == "w"


# --- how often, and with what nonce


def test_a_nonce_is_used_again_with_a_higher_count():
    """After the first 401 later requests go out with credentials at once, each with the next count and a new cnonce."""
    server, auth = Server(), DigestAuth("ann", "secret")
    for path in ("/a", "/b?c", "/d"):
        assert ask(auth, server, url=f"http://a.test{path}").status_code == 200

    assert server.statuses == [False, True, True, True]
    assert [fields["nc"] for _, _, fields, _ in server.seen[1:]] == ["00000001", "00000002", "00000003"]
    assert len({fields["cnonce"] for _, _, fields, _ in server.seen[1:]}) == 3


def test_a_wrong_password_ends():
    """A login that is refused is tried once: two requests, the second 401 handed over, and with the next call again two."""
    server, auth = Server(), DigestAuth("ann", "wrong")
    for _ in range(2):
        response = ask(auth, server)
        assert response.status_code == 401
        assert response.content == b"answer"
        assert [earlier.status_code for earlier in response.history] == [401]

    assert server.statuses == [False, True, False, True]


def test_a_refusal_of_the_same_nonce_is_final():
    """A known nonce that is refused, and offered again, is not tried again, for the credentials are what is wrong; and
    it is forgotten.
    """
    challenge = Response(401, [("WWW-Authenticate", WEAK)])
    answers = [challenge, Response(200), challenge, Response(204)]
    auth, sent = DigestAuth("ann", "secret"), []

    def carry(request, options):
        sent.append("authorization" in request.headers)
        return answers[len(sent) - 1]

    assert [ask(auth, None, carry=carry).status_code for _ in range(3)] == [200, 401, 204]
    assert sent == [False, True, True, False]


def test_two_realms_of_one_origin_take_turns():
    """Where paths ask for different realms, each is answered in its turn, and of a nonce that comes back, after however
    many others, no count is used twice.
    """
    fixed, changing = Server(realm="a", names="fixed", strict=False), Server(realm="b", names="changing", strict=False)
    first = fixed.challenge()
    fixed.challenge = lambda **_: first

    def carry(request, options):
        server = fixed if request.target == "/a" else changing
        if f'realm="{server.realm}"' in request.headers.get("authorization", ""):
            return server.carry(request, options)
        return Response(*server.challenge())

    auth = DigestAuth("ann", "secret")
    for _ in range(40):
        for path in ("/a", "/b"):
            assert ask(auth, None, url=f"http://a.test{path}", carry=carry).status_code == 200

    assert len(fixed.seen) == 40  # which refuses a count that comes twice


def test_an_answer_that_comes_late_brings_no_old_nonce_back():
    """A request that is under way while another one finds the nonce stale does not undo what that one has learnt."""
    server, auth = Server(uses=2), DigestAuth("ann", "secret")
    ask(auth, server)
    slow = auth(Request("GET", "http://a.test/"), Options(), send)
    op = next(slow)
    late = server.carry(op.request, op.options)
    assert ask(auth, server).status_code == 200  # the third use of two
    with pytest.raises(StopIteration):
        slow.send(late)
    before = len(server.seen)

    assert ask(auth, server).status_code == 200
    assert len(server.seen) == before + 1


@pytest.mark.parametrize("says_stale", [True, False])
def test_a_stale_nonce_is_replaced_once(says_stale):
    """A nonce that has run out costs one more request, whether the server says that it is stale or merely sends another."""
    server, auth = Server(uses=2, says_stale=says_stale), DigestAuth("ann", "secret")

    assert [ask(auth, server).status_code for _ in range(5)] == [200] * 5
    assert [fields and int(fields["nc"], 16) for _, _, fields, _ in server.seen] == [None, 1, 2, 3, 1, 2, 3, 1]


def test_a_server_that_calls_every_nonce_stale_is_left():
    """However often a server says stale, a call ends after the third request."""
    server, auth = Server(uses=0), DigestAuth("ann", "secret")

    assert ask(auth, server).status_code == 401
    assert server.statuses == [False, True, True]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_next_nonce_is_taken_as_it_is_told(algorithm):
    """nextnonce of Authentication-Info is what the next request begins with; a -sess goes on from its first nonce."""
    server, auth = Server(nextnonce=True, algorithm=algorithm), DigestAuth("ann", "secret")

    assert [ask(auth, server).status_code for _ in range(4)] == [200] * 4
    assert [fields and (fields["nonce"], fields["nc"]) for _, _, fields, _ in server.seen] == [
        None, *((f"n{n}", "00000001") for n in range(4))
    ]  # fmt: skip


def test_a_next_nonce_that_cannot_be_sent_is_no_nonce():
    """One with a control character is passed over, and the known one used on."""
    answers = [
        Response(401, [("WWW-Authenticate", WEAK)]),
        *(Response(200, [("Authentication-Info", 'nextnonce="\x02"')]),) * 2,
    ]
    auth, sent = DigestAuth("ann", "secret"), []

    def carry(request, options):
        sent.append(request.headers.get("authorization"))
        return answers[len(sent) - 1]

    for _ in range(2):
        ask(auth, None, carry=carry)
    assert [read_credentials(value)["nonce"] for value in sent[1:]] == ["w", "w"]


def test_no_origin_is_told_of_anothers_nonce():
    """One auth object keeps scheme, host and port apart: each origin is first asked without credentials, and gets back
    its own nonce and opaque only (curl CVE-2026-7168).
    """
    origins = [
        "http://a.test",
        "https://a.test",
        "http://a.test:81",
        "http://b.test",
        "http://[fe80::1%25x]",
        "http://[fe80::1%25y]",
    ]
    servers = {origin: Server(names=f"n{i}-", opaque=f"o{i}") for i, origin in enumerate(origins)}
    auth = DigestAuth("ann", "secret")
    for _ in range(2):
        for origin, server in servers.items():
            assert ask(auth, server, url=f"{origin}/").status_code == 200

    for server in servers.values():
        assert server.statuses == [False, True, True]


def test_what_is_kept_does_not_grow():
    """Neither many origins nor many nonces of one are all remembered."""
    auth = DigestAuth("ann", "secret")
    for n in range(400):
        assert ask(auth, Server(), url=f"http://h{n}.test/").status_code == 200
    server = Server(nextnonce=True)
    for _ in range(100):
        assert ask(auth, server).status_code == 200

    assert len(auth._origins) == 256
    assert max(len(nonces.counts) for nonces in auth._origins.values()) == 32


@pytest.mark.parametrize("uses", [None, 5])
def test_threads_share_one_auth(uses):
    """Eight threads with one object: every request is answered, and no count of a nonce is used twice."""
    server, auth, got = Server(strict=False, uses=uses), DigestAuth("ann", "secret"), []

    def work():
        for _ in range(25):
            try:
                got.append(ask(auth, server).status_code)
            except AssertionError as error:
                got.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert got == [200] * 200


def test_no_count_is_given_twice():
    """Threads that count one nonce at once get each number once, wherever in it one of them is interrupted."""

    class Interrupted(dict):
        def pop(self, *given):
            value = super().pop(*given)
            time.sleep(0.0005)
            return value

    auth, got = DigestAuth("ann", "secret"), []
    auth._nonces(("http", "h", 80)).counts = Interrupted()

    def count():
        got.extend([auth._count(("http", "h", 80), "n") for _ in range(10)])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == list(range(1, 41))


def test_the_401_is_drained_and_stands_in_the_history():
    """What was answered is drained before the next request goes out, and handed over in order in history."""
    happened = []

    class Told(Response):
        def drain(self, limit, seconds):
            happened.append(("drain", limit))

    server = Server(uses=0)

    def carry(request, options):
        happened.append("send")
        answered = server.carry(request, options)
        response = Told(answered.status_code, answered.headers)
        response.history = ["of a flow below"]
        return response

    response = ask(DigestAuth("ann", "secret"), None, carry=carry)

    assert happened == ["send", ("drain", DRAIN_BYTES), "send", ("drain", DRAIN_BYTES), "send"]
    assert [getattr(earlier, "status_code", earlier) for earlier in response.history] == [401, 401, "of a flow below"]


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
@pytest.mark.parametrize("kind", ["bytes", "list", "file"])
def test_a_body_is_sent_again(tmp_path, kind, qop):
    """A body that can be read again goes out whole with the second request, and is what auth-int vouches for."""
    content = b"x" * 70_000
    (tmp_path / "body").write_bytes(content)
    server = Server(qop=qop, algorithm="SHA-256")
    with (tmp_path / "body").open("rb") as file:
        body = {"bytes": content, "list": [content[:5], content[5:]], "file": file}[kind]
        assert ask(DigestAuth("ann", "secret"), server, "PUT", body=body).status_code == 200

    assert [body == content for _, _, _, body in server.seen] == [True, True]


def test_a_body_that_was_sent_and_is_gone_is_an_error():
    """A one-shot body meets a 401: the error says what to give instead and has the 401; nothing more is sent."""
    server = Server()
    with pytest.raises(BodyNotReplayable, match="by Digest .*seekable file") as caught:
        ask(DigestAuth("ann", "secret"), server, "POST", body=iter([b"x"]))

    assert caught.value.response.status_code == 401
    assert caught.value.request.method == "POST"
    assert caught.value.delivery == "sent"
    assert server.statuses == [False]


def test_a_one_shot_body_goes_out_with_a_known_nonce():
    """Where the nonce is known, or the server never read the body, one that can be read only once is enough."""
    server, auth = Server(), DigestAuth("ann", "secret")
    ask(auth, server)
    assert ask(auth, server, "POST", body=iter([b"x"])).status_code == 200

    def unread(request, options):  # as after Expect: 100-continue
        return server.carry(request, options) if "authorization" in request.headers else Response(*server.challenge())

    assert ask(DigestAuth("ann", "secret"), server, "POST", body=iter([b"y"]), carry=unread).status_code == 200
    assert [body for *_, body in server.seen] == [b"", b"", b"x", b"y"]


def test_auth_int_refuses_a_one_shot_body_before_it_is_sent():
    """auth-int needs the body twice, and the server is known to ask for it: nothing leaves."""
    server, auth = Server(qop="auth-int"), DigestAuth("ann", "secret")
    ask(auth, server)
    with pytest.raises(BodyNotReplayable, match="auth-int") as caught:
        ask(auth, server, "POST", body=iter([b"x"]))

    assert caught.value.delivery == "not_sent"
    assert len(server.seen) == 2


def test_a_body_that_breaks_while_it_is_hashed_is_the_callers():
    """What the caller's body raises for auth-int comes out as it does while sending."""
    server, auth = Server(qop="auth-int"), DigestAuth("ann", "secret")
    ask(auth, server)

    def broken():
        raise OSError("disk")

    with pytest.raises(RequestBodyError, match="disk") as caught:
        ask(auth, server, "POST", body=Body(broken))
    assert caught.value.request.method == "POST"


def test_an_authorization_of_the_callers_own_is_never_sent():
    """The auth stands for the field: it is replaced in the first request too."""
    server = Server()

    assert ask(DigestAuth("ann", "secret"), server, headers={"authorization": "Digest mine=1"}).status_code == 200
    assert server.statuses == [False, True]


@pytest.mark.parametrize(
    ("method", "url", "target", "proxy", "uri"),
    [
        ("GET", "http://a.test/b?c=%7e&d", None, None, "/b?c=%7e&d"),
        ("GET", "http://a.test:81/b?c", "http://a.test:81/b?c", "http://p:1", "/b?c"),
        ("GET", "http://a.test", "HTTP://a.test", "http://p:1", "/"),
        ("GET", "http://a.test/?q", "http://a.test?q", "http://p:1", "/?q"),
        ("OPTIONS", "http://a.test/", "http://a.test", "https://p:1", "*"),
        ("OPTIONS", "http://a.test/", "*", None, "*"),
        ("GET", "http://a.test/b", "http://other.test/b", None, "http://other.test/b"),
        ("GET", "http://a.test/b", None, "socks5://p:1", "/b"),
        ("GET", "https://a.test/b", None, "http://p:1", "/b"),
        ("GET", "http://a.test/", '/"\\x"', None, '/"\\x"'),
    ],
)
def test_the_uri_is_the_target_as_the_origin_gets_it(monkeypatch, method, url, target, proxy, uri):
    """It is the request-target, but that of an http request through a forwarding proxy, who makes it a path again."""
    seen = []

    def carry(request, options):
        seen.append(request)
        return Response(401, [("WWW-Authenticate", WEAK)]) if len(seen) == 1 else Response(200)

    ask(DigestAuth("a", "b"), None, method, url, target=target, proxy=proxy and Proxy(proxy), carry=carry)

    assert read_credentials(seen[1].headers["authorization"])["uri"] == uri
    assert seen[1].target == seen[0].target
