"""``auth``: basic, digest, netrc, in URLs and by hand."""

from differential.row import Fresh, Table, answer
from differential.seen import PASSWORD, USER

TABLE = Table()
call, row = TABLE.call, TABLE.row


def _auth(name, auth, **keywords):
    call(f"auth: {name}", "GET", "/basic-auth/user/secret", auth=auth, **keywords)


_auth("a pair", ("user", "secret"))
_auth("a list", ["user", "secret"])
_auth("a wrong password", ("user", "wrong"))
_auth("an object", Fresh(lambda talk: talk.basic("user", "secret")))
_auth("None", None)
_auth("an empty password", ("user", ""))
_auth("empty both", ("", ""))
_auth("bytes", (b"user", b"secret"))
_auth("beyond ASCII", ("us\xe9r", "s\xe9cret"))
_auth("in characters that latin-1 has not", ("us\u0119r", "secret"))
_auth("a colon in the password", ("user", "se:cret"))
_auth("a colon in the user", ("us:er", "secret"))
_auth("a triple", ("user", "secret", "more"))
_auth("numbers", (1, 2))
_auth("text", "user:secret")
_auth("over a header", ("user", "secret"), headers={"Authorization": "Bearer x"})
_auth(
    "beside other headers, params and cookies",
    ("user", "secret"),
    headers={"X": "1"},
    params={"p": 1},
    cookies={"c": "1"},
)
_auth("of the session", None, session={"auth": ("user", "secret")})
_auth("of the call over the session's", ("user", "secret"), session={"auth": ("other", "x")})
_SESSION = {"auth": ("user", "secret")}
for name, session, header in (
    ("of the session beside a header", _SESSION, "Bearer x"),
    ("of the session removed", _SESSION, None),
    ("of the session beside its header", _SESSION | {"headers": {"Authorization": "x"}}, "y"),
):
    call(f"auth: {name}", "GET", "/echo", session=session, headers={"Authorization": header})
call("auth: of the session over its header", "GET", "/echo", session=_SESSION | {"headers": {"Authorization": "x"}})


@row("auth: not kept for the next call")
def _not_kept(talk):
    talk("GET", "/echo", auth=("user", "secret"))
    talk("GET", "/echo")


@row("auth: one's own, a callable")
def _own(talk):
    if talk.ours:

        def auth(request, options, inner):
            response = yield from inner(request.replace(headers=[*request.headers.pairs, ("X-Signed", "1")]), options)
            return response
    else:

        def auth(request):
            request.headers["X-Signed"] = "1"
            return request

    talk("GET", "/echo", auth=auth)


for name, userinfo in {
    "user and password": "user:secret",
    "escapes": "us%40er:se%2Fcr%3Aet",
    "user only": "user",
    "empty password": "user:",
    "empty user": ":secret",
    "beyond ASCII": "us%C3%A9r:secret",
    "a plus": "us+er:sec+ret",
}.items():

    def _userinfo(talk, userinfo=userinfo):
        talk("GET", talk.one.replace("://", f"://{userinfo}@") + "/echo")

    row(f"auth: in the URL, {name}")(_userinfo)


@row("auth: in the URL, beside auth")
def _beside(talk):
    talk("GET", talk.one.replace("://", "://who:what@") + "/echo", auth=("user", "secret"))


@row("auth: in the URL, beside a header")
def _beside_header(talk):
    talk("GET", talk.one.replace("://", "://who:what@") + "/echo", headers={"Authorization": "Bearer x"})


@row("auth: in the URL, beside the session's")
def _beside_session(talk):
    talk.open(auth=("user", "secret"))
    talk("GET", talk.one.replace("://", "://who:what@") + "/echo")


@row("auth: in the URL, an error's text")
def _text(talk):
    talk("GET", talk.one.replace("://", "://who:what@") + "/status/404")


# --- netrc ---

_NETRC = "machine 127.0.0.1\nlogin net\npassword rc\n"


def netrc(name, url="/echo", *, text=_NETRC, script=(), trust=True, session=None, **keywords):
    @row(f"netrc: {name}")
    def _(talk):
        path = talk.folder / "netrc"
        path.write_text(text)
        path.chmod(0o600)
        talk.play(*script)
        with talk.environment(NETRC=str(path)):
            talk.open(trust_env=trust, **(session or {}))
            talk("GET", url.replace("{userinfo}", talk.one.replace("://", "://who:what@")), **keywords)


netrc("a login")
netrc("not asked for", trust=False)
netrc("another machine", text="machine shop.test login net password rc\n")
netrc("the default", text="default login any password one\n")
netrc("auth goes before", auth=("user", "secret"))
netrc("the session's auth goes before", session={"auth": ("user", "secret")})
netrc("and a header", headers={"Authorization": "Bearer x"})
netrc("and a login in the URL", url="{userinfo}/echo")
netrc("a redirect to another port", script=(answer(302, "Location: {two}/echo"),))

# --- digest ---


def challenge(parameters, status=401):
    return answer(status, f"WWW-Authenticate: Digest {parameters}", body=b"who?")


def digest(name, parameters, method="GET", url="/echo?a=1", **keywords):
    call(
        f"digest: {name}",
        method,
        url,
        script=(challenge(parameters),),
        auth=Fresh(lambda talk: talk.digest(USER, PASSWORD)),
        **keywords,
    )


_BASE = 'realm="a realm", nonce="abc+/=="'
digest("as before quality", _BASE)
digest("quality", f'{_BASE}, qop="auth"')
digest("two qualities", f'{_BASE}, qop="auth,auth-int"')
digest("a quality without quotes", f"{_BASE}, qop=auth")
digest("opaque", f'{_BASE}, qop="auth", opaque="5ccc069c403ebaf9f0171e9517f40e41"')
for algorithm in ("MD5", "md5", "MD5-sess", "SHA", "SHA-256", "SHA-512", "SHA-256-sess", "SHA-512-256", "X-NEW"):
    digest(f"algorithm {algorithm}", f'{_BASE}, qop="auth", algorithm={algorithm}')
digest("auth-int alone", f'{_BASE}, qop="auth-int"')
digest("an unknown quality", f'{_BASE}, qop="auth-new"')
digest("a domain", f'{_BASE}, qop="auth", domain="/"')
digest("a quoted comma", f'{_BASE[:-1]},x", qop="auth"')
digest("no nonce", 'realm="r"')
digest("no realm", 'nonce="n"')
digest("a body", f'{_BASE}, qop="auth"', method="POST", data={"a": "1"})
digest("json", f'{_BASE}, qop="auth"', method="PUT", json={"a": 1})
digest("HEAD", f'{_BASE}, qop="auth"', method="HEAD")
digest("an odd path", f'{_BASE}, qop="auth"', url="/echo/é b?x=%2F#f")
digest("no path", f'{_BASE}, qop="auth"', url="{one}")


@row("digest: the second call needs no challenge")
def _second(talk):
    talk.play(challenge(f'{_BASE}, qop="auth"'))
    auth = talk.digest(USER, PASSWORD)
    talk("GET", "/echo?1", auth=auth)
    talk("GET", "/echo?2", auth=auth)
    talk("POST", "/echo?3", auth=auth, data=b"x")


@row("digest: of the session")
def _session_digest(talk):
    talk.play(challenge(f'{_BASE}, qop="auth"'))
    talk.open(auth=talk.digest(USER, PASSWORD))
    talk("GET", "/echo?1")
    talk("GET", "/echo?2")


@row("digest: refused a second time")
def _refused(talk):
    talk.play(challenge(f'{_BASE}, qop="auth"'), challenge(f'{_BASE}, qop="auth"'), challenge(f'{_BASE}, qop="auth"'))
    talk("GET", "/echo", auth=talk.digest(USER, PASSWORD))


@row("digest: a nonce that is stale")
def _stale(talk):
    talk.play(
        challenge('realm="r", nonce="one", qop="auth"'),
        answer(200),
        challenge('realm="r", nonce="two", qop="auth", stale=true'),
    )
    auth = talk.digest(USER, PASSWORD)
    for _ in range(3):
        talk("GET", "/echo", auth=auth)


@row("digest: not asked for")
def _not_asked(talk):
    talk("GET", "/echo", auth=talk.digest(USER, PASSWORD))


@row("digest: Basic is asked for instead")
def _basic(talk):
    talk("GET", "/basic-auth/user/secret", auth=talk.digest(USER, PASSWORD))


@row("digest: a redirect behind it")
def _redirect(talk):
    talk.play(challenge(f'{_BASE}, qop="auth"'), answer(302, "Location: /echo"))
    talk("GET", "/x", auth=talk.digest(USER, PASSWORD))


@row("digest: cookies set with the challenge")
def _cookies(talk):
    talk.play(answer(401, f'WWW-Authenticate: Digest {_BASE}, qop="auth"', "Set-Cookie: a=1; Path=/"))
    talk("GET", "/echo", auth=talk.digest(USER, PASSWORD))
    talk("GET", "/echo")
