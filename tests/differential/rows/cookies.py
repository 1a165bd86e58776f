"""``cookies``: given, set by a server, kept and sent again."""

import http.cookiejar

from differential.row import Fresh, Table, answer

TABLE = Table()
call, row = TABLE.call, TABLE.row


def _cookies(name, cookies, **keywords):
    call(f"cookies: {name}", "GET", "/status/200", cookies=cookies, **keywords)


_cookies("mapping", {"b": "2", "a": "1"})
_cookies("empty mapping", {})
_cookies("None", None)
_cookies("empty value", {"a": ""})
_cookies("None for one", {"a": None, "b": "2"})
_cookies("a number", {"a": 1})
_cookies("what means something in it", {"a": "b=c&d"})
_cookies("a space inside", {"a": "b c"})
_cookies("quotes around", {"a": '"quoted"'})
_cookies("a quote inside", {"a": 'b"c'})
_cookies("a comma", {"a": "b,c"})
_cookies("a semicolon", {"a": "b;c"})
_cookies("a backslash", {"a": "b\\c"})
_cookies("latin-1", {"a": "caf\xe9"})
_cookies("beyond latin-1", {"a": "za\u017c\xf3"})
_cookies("a line break", {"a": "b\r\nX-Smuggled: 1"})
_cookies("a line break in a name", {"a\r\nX": "b"})
_cookies("of the session", None, session={"cookies": {"s": "1"}})
_cookies("of the session and the call", {"a": "1"}, session={"cookies": {"s": "1"}})
_cookies("one of the session replaced", {"s": "2"}, session={"cookies": {"s": "1", "t": "3"}})
_cookies("one of the session by None", {"s": None}, session={"cookies": {"s": "1", "t": "3"}})


def _jar(_):
    jar = http.cookiejar.CookieJar()
    for name, domain, path in (
        ("here", "127.0.0.1", "/"),
        ("elsewhere", "shop.test", "/"),
        ("below", "127.0.0.1", "/status"),
        ("beside", "127.0.0.1", "/other"),
    ):
        jar.set_cookie(
            http.cookiejar.Cookie(
                version=0,
                name=name,
                value="v",
                port=None,
                port_specified=False,
                domain=domain,
                domain_specified=True,
                domain_initial_dot=False,
                path=path,
                path_specified=True,
                secure=False,
                expires=None,
                discard=True,
                comment=None,
                comment_url=None,
                rest={},
            )
        )
    return jar


_cookies("a jar of the standard library", Fresh(_jar))


@row("cookies: those of a call are not kept")
def _not_kept(talk):
    talk("GET", "/status/200", cookies={"a": "1"})
    talk("GET", "/status/200")


def _set(name, *values, then=("/echo",)):
    @row(f"Set-Cookie: {name}")
    def _(talk):
        talk.play(answer(200, *(f"Set-Cookie: {value}" for value in values)))
        talk("GET", "/first/path")
        for path in then:
            talk("GET", path)


_set("one", "a=1")
_set("for every path", "a=1; Path=/")
_set("two fields", "a=1; Path=/", "b=2; Path=/")
_set("the same twice", "a=1; Path=/", "a=2; Path=/")
_set("below its path", "a=1; Path=/echo", then=("/echo", "/echo/x", "/echoes", "/other"))
_set("the default path", "a=1", then=("/first/x", "/first", "/firstly"))
_set("a path that is none", "a=1; Path=here", then=("/first/x", "/echo"))
_set("longer paths first", "a=1; Path=/", "b=2; Path=/echo", "c=3; Path=/echo/x", then=("/echo/x",))
_set("one that has expired", "a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
_set("one that expires far ahead", "a=1; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT")
_set("an expiry that is none", "a=1; Path=/; Expires=soon")
_set("Max-Age", "a=1; Path=/; Max-Age=1000")
_set("Max-Age of 0", "a=1; Path=/; Max-Age=0")
_set("Max-Age before Expires", "a=1; Path=/; Max-Age=1000; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
_set("Secure", "a=1; Path=/; Secure")
_set("HttpOnly and SameSite", "a=1; Path=/; HttpOnly; SameSite=Lax")
_set("another's domain", "a=1; Path=/; Domain=shop.test")
_set("its own address for a domain", "a=1; Path=/; Domain=127.0.0.1")
_set("quotes", 'a="b c"; Path=/')
_set("equals signs", "a=b=c; Path=/")
_set("an empty value", "a=; Path=/")
_set("no value", "a; Path=/")
_set("no name", "=a; Path=/")
_set("space around", "  a  =  b  ; Path=/")
_set("a comma in the value", "a=b,c; Path=/")
_set("beyond ASCII", "a=caf\xe9; Path=/")


@row("Set-Cookie: replaced and removed")
def _replaced(talk):
    talk.play(
        answer(200, "Set-Cookie: a=1; Path=/", "Set-Cookie: b=1; Path=/"),
        answer(200, "Set-Cookie: a=2; Path=/"),
        answer(200, "Set-Cookie: b=; Path=/; Max-Age=0"),
    )
    for _ in range(4):
        talk("GET", "/echo")


@row("Set-Cookie: to another port of the host")
def _ports(talk):
    talk.play(answer(200, "Set-Cookie: a=1; Path=/"))
    talk("GET", "/echo")
    talk("GET", "{two}/echo")


@row("Set-Cookie: Secure, over TLS and back in the clear")
def _secure(talk):
    talk.open(verify=str(talk.folder / "ca.pem"))
    talk.play(answer(200, "Set-Cookie: a=1; Path=/; Secure", "Set-Cookie: b=2; Path=/"), server="tls")
    talk("GET", "{tls}/echo")
    talk("GET", "{tls}/echo")
    talk("GET", "/echo")


def _domains(name, value, *hosts):
    @row(f"Set-Cookie: {name}")
    def _(talk):
        talk.open(proxies={"http": talk.proxy})
        talk.play(answer(200, f"Set-Cookie: {value}"), server="proxy")
        for host in ("www.shop.test", *hosts):
            talk("GET", f"http://{host}/echo")


_EVERY = ("www.shop.test", "shop.test", "a.www.shop.test", "xshop.test", "other.test")
_domains("no domain is this host only", "a=1; Path=/", *_EVERY)
_domains("a domain is every host below it", "a=1; Path=/; Domain=shop.test", *_EVERY)
_domains("a domain with a dot", "a=1; Path=/; Domain=.shop.test", *_EVERY)
_domains("a domain below this host", "a=1; Path=/; Domain=a.www.shop.test", *_EVERY)
_domains("a domain beside this host", "a=1; Path=/; Domain=other.test", *_EVERY)
_domains("a domain in upper case", "a=1; Path=/; Domain=SHOP.test", *_EVERY)
_domains("the host itself for a domain", "a=1; Path=/; Domain=www.shop.test", *_EVERY)


@row("cookies: replaced by what the server sets")
def _replaced_by_server(talk):
    talk.open(cookies={"a": "mine"})
    talk.play(answer(200, "Set-Cookie: a=theirs; Path=/"))
    talk("GET", "/echo")
    talk("GET", "/echo")


@row("cookies: the session's jar as a mapping")
def _mapping(talk):
    talk.open(cookies={"a": "1"})
    talk.play(answer(200, "Set-Cookie: b=2; Path=/"))
    talk("GET", "/echo")
    jar = talk.session.cookies
    talk.note("get", lambda: (jar["a"], jar.get("b"), jar.get("c"), jar.get("c", "none")))
    talk.note("missing", lambda: jar["c"])
    talk.note("names", lambda: sorted(jar.keys()))
    talk.note("items", lambda: sorted(jar.items()))
    talk.note("dictionary", jar.get_dict)
    talk.note("contains", lambda: ("a" in jar, "c" in jar, len(jar)))
    jar.set("d", "4", domain="127.0.0.1", path="/echo")
    jar["e"] = "5"
    del jar["a"]
    talk("GET", "/echo")
    jar.clear()
    talk("GET", "/echo")


@row("Set-Cookie: joined with others in the headers")
def _joined(talk):
    talk.play(answer(200, "Set-Cookie: a=1", "Set-Cookie: b=2"))
    response = talk("GET", "/echo")
    talk.note("set-cookie", lambda: response.headers["set-cookie"])


@row("cookies: their order")
def _order(talk):
    talk.open(cookies={"z": "1", "y": "2"})
    talk.play(answer(200, "Set-Cookie: b=3; Path=/", "Set-Cookie: a=4; Path=/echo"))
    talk("GET", "/echo")
    talk("GET", "/echo", cookies={"y": "5", "x": "6"})
    talk.note("order", lambda: [request.first("cookie") for _, request in talk.world.received])
