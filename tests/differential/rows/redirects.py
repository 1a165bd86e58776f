"""Redirects, and what of a request goes with them."""

import io

from differential.row import Fresh, Table, answer

TABLE = Table()
call, row = TABLE.call, TABLE.row


def leads(status, location, *headers, body=b""):
    return answer(status, f"Location: {location}", *headers, body=body)


def chain(count):
    """So many redirects in a row."""
    return [leads(302, f"/{number}") for number in reversed(range(1, count))] + [leads(302, "/echo")]


for status in (301, 302, 303, 307, 308):
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "REPORT"):
        call(
            f"redirect: {status} after {method}",
            method,
            f"/redirect-to?url=/echo&status_code={status}",
            allow_redirects=True,
            **({} if method in {"GET", "HEAD", "REPORT"} else {"data": b"body", "headers": {"Content-Type": "a/b"}}),
        )
for status in (300, 304, 305, 306, 201):
    call(f"redirect: none by {status}", "GET", "/x", script=(leads(status, "/echo"),))
call("redirect: none without a Location", "GET", "/x", script=(answer(302, body=b"where?"),))
call("redirect: none by an empty Location", "GET", "/x", script=(leads(302, ""),))
for method in ("GET", "HEAD", "POST"):
    call(f"redirect: not told, {method}", method, "/redirect-to?url=/echo")
    call(f"redirect: not wanted, {method}", method, "/redirect-to?url=/echo", allow_redirects=False)
for status in (301, 303, 307, 308, 404):
    call(f"redirect: not wanted, {status}", "GET", "/x", script=(leads(status, "/echo"),), allow_redirects=False)
call("redirect: allow_redirects=None", "GET", "/redirect-to?url=/echo", allow_redirects=None)

for name, location in {
    "absolute": "{one}/echo",
    "another path": "/echo?x=1",
    "a relative path": "echo",
    "a relative path upwards": "../../echo",
    "a query only": "?to=1",
    "a fragment only": "#part",
    "without a scheme": "//ONE/echo",
    "a space": "/echo a b",
    "space around": "  /echo  ",
    "UTF-8": "/echo/" + "zażółć".encode().decode("latin-1"),
    "latin-1": "/echo/caf\xe9",
    "escapes": "/echo/%7e%2f",
    "a stray percent sign": "/echo/%2F%zz",
    "upper case": "HTTP://ONE/Echo",
    "dots": "/a/./b/../echo",
    "semicolon": "/echo;a?b;c",
    "a semicolon at its end": "/echo;",
    "no path": "{one}",
    "no path but a query": "{one}?x=1",
    "a fragment": "/echo#there",
    "another scheme": "ftp://127.0.0.1/",
    "a file": "file:///etc/passwd",
    "javascript": "javascript:alert(1)",
    "no host": "http:///echo",
    "a port that is none": "http://127.0.0.1:port/",
    "a login in it": "http://who:pass@ONE/echo",
    "a backslash": "\\echo",
}.items():

    def _location(talk, location=location):
        to = location.replace("ONE", talk.one.removeprefix("http://"))
        talk.play(leads(302, to), answer(200))
        talk("GET", "/some/deep/place?q=1" + ("" if to.endswith("there") else "#here"))

    row(f"Location: {name}")(_location)


@row("redirect: two Locations")
def _two(talk):
    talk.play(answer(302, "Location: /echo?1", "Location: /echo?2"))
    talk("GET", "/x")


@row("redirect: a chain, and its history")
def _chain(talk):
    talk.play(*chain(3))
    response = talk("GET", "/x")
    talk.note("chain", lambda: [(each.status_code, each.url, each.is_redirect, each.ok) for each in response.history])
    talk.note("nested", lambda: [len(each.history) for each in response.history])
    talk.note("types", lambda: type(response.history[0]) is type(response))


@row("redirect: the body of one that was followed")
def _body(talk):
    talk.play(leads(302, "/echo", body=b"moved"))
    response = talk("GET", "/x")
    talk.note("history[0].content", lambda: response.history[0].content)


@row("redirect: followed by hand")
def _by_hand(talk):
    response = talk("POST", "/redirect-to?url=/echo&status_code=302", data=b"x", allow_redirects=False)
    talk.note("by hand", lambda: talk.session.send(response.next, allow_redirects=False, timeout=5).status_code)


@row("redirect: a loop")
def _loop(talk):
    talk("GET", "/redirect/40")


@row("redirect: as many as are allowed")
def _limit(talk):
    talk.open(max_redirects=3)
    talk.play(*chain(3))
    talk("GET", "/x")
    talk.play(*chain(4))
    talk("GET", "/y")


@row("redirect: none are allowed")
def _none(talk):
    talk.open(max_redirects=0)
    talk("GET", "/echo")
    talk("GET", "/redirect/1")


@row("redirect: cookies set on the way")
def _cookies(talk):
    talk("GET", "/cookies/set?a=1&b=2")
    talk("GET", "/echo")


@row("redirect: cookies of the call go on")
def _own_cookies(talk):
    talk.play(*chain(2))
    talk("GET", "/x", cookies={"mine": "1"})


@row("redirect: a cookie of the call is replaced on the way")
def _replaced(talk):
    talk.play(leads(302, "/echo", "Set-Cookie: mine=new; Path=/"))
    talk("GET", "/x", cookies={"mine": "old"})


@row("redirect: a cookie of the call is removed on the way")
def _removed(talk):
    talk.play(leads(302, "/echo", "Set-Cookie: mine=; Path=/; Max-Age=0"))
    talk("GET", "/x", cookies={"mine": "old"})


@row("redirect: Cookie written by hand, same origin")
def _written(talk):
    talk.play(*chain(1))
    talk("GET", "/x", headers={"Cookie": "hand=1"})


def away(name, **keywords):
    """To another port of the host, and on to where it began."""

    @row(f"redirect: to another origin, {name}")
    def _(talk):
        talk.play(leads(307, "{two}/echo"))
        talk("GET", "/x", **keywords)

    @row(f"redirect: to another origin and back, {name}")
    def _(talk):
        talk.play(leads(307, "{two}/there"))
        talk.play(leads(307, "{one}/echo"), server="two")
        talk("GET", "/x", **keywords)


away("a login", auth=("user", "secret"))
away("Authorization written by hand", headers={"Authorization": "Bearer x", "X-Kept": "1"})
away("Cookie written by hand", headers={"Cookie": "hand=1"})
away("cookies", cookies={"mine": "1"})
away("Host written by hand", headers={"Host": "elsewhere.test"})
away("Proxy-Authorization written by hand", headers={"Proxy-Authorization": "Basic eDp5"})
away("headers of all kinds", headers={"X-A": "1", "Accept": "text/x", "Referer": "http://x/", "Origin": "http://x"})


@row("redirect: the session's login to another origin")
def _session_login(talk):
    talk.open(auth=("user", "secret"))
    talk.play(leads(307, "{two}/echo"))
    talk("GET", "/x")


@row("redirect: the URL's login on the same origin")
def _url_login(talk):
    talk.play(*chain(1))
    talk("GET", talk.one.replace("://", "://user:secret@") + "/x")


@row("redirect: the session's cookies to another host")
def _session_cookies(talk):
    talk.open(cookies={"mine": "1"}, proxies={"http": talk.proxy})
    talk.play(leads(302, "http://other.test/echo"), server="proxy")
    talk("GET", "http://shop.test/x")


def hosts(name, start, to, **keywords):
    @row(f"redirect: {name}")
    def _(talk):
        talk.open(proxies={"http": talk.proxy, "https": talk.proxy}, verify=str(talk.folder / "ca.pem"))
        talk.play(leads(302, to), server="proxy")
        talk("GET", start, **keywords)


_LOGIN = {"Authorization": "Bearer x", "Cookie": "hand=1"}
hosts("to another host", "http://shop.test/x", "http://other.test/echo", headers=_LOGIN)
hosts("to a host below", "http://shop.test/x", "http://www.shop.test/echo", headers=_LOGIN)
hosts("to the same host in upper case", "http://shop.test/x", "http://SHOP.test/echo", headers=_LOGIN)
hosts("to the same host, its port written", "http://shop.test/x", "http://shop.test:80/echo", headers=_LOGIN)
hosts("to the same host with a dot", "http://shop.test/x", "http://shop.test./echo", headers=_LOGIN)
hosts("up to TLS", "http://shop.test/x", "https://shop.test/echo", headers=_LOGIN)
hosts("down from TLS", "https://shop.test/x", "http://shop.test/echo", headers=_LOGIN)
hosts("up to TLS at another port", "http://shop.test/x", "https://shop.test:8443/echo", headers=_LOGIN)

for status in (302, 303, 307, 308):
    call(
        f"redirect: {status} after a form",
        "POST",
        f"/redirect-to?url=/echo&status_code={status}",
        data={"a": "1"},
        headers={"X-A": "1"},
    )
    call(f"redirect: {status} after json", "POST", f"/redirect-to?url=/echo&status_code={status}", json={"a": 1})
    call(f"redirect: {status} after files", "POST", f"/redirect-to?url=/echo&status_code={status}", files={"f": b"x"})
    call(
        f"redirect: {status} after a file",
        "POST",
        f"/redirect-to?url=/echo&status_code={status}",
        data=Fresh(lambda _: io.BytesIO(b"0123456789")),
    )
    call(
        f"redirect: {status} after a generator",
        "POST",
        f"/redirect-to?url=/echo&status_code={status}",
        data=Fresh(lambda _: iter([b"one", b"two"])),
    )


def _middle(_):
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    return file


call(
    "redirect: 307 after a file from where it stood",
    "PUT",
    "/redirect-to?url=/echo&status_code=307",
    data=Fresh(_middle),
)
call(
    "redirect: headers of a body that does not go on",
    "POST",
    "/redirect-to?url=/echo&status_code=303",
    data=b"x",
    headers={"Content-Type": "a/b", "Content-Language": "de", "Content-Location": "/y", "X-Content": "1"},
)
call("redirect: params are not added again", "GET", "/redirect-to?url=/echo", params={"p": "1"})
call("redirect: of a gzip body", "GET", "/x", script=(leads(302, "/echo", "Content-Encoding: gzip", body=b"not gzip"),))
call("redirect: streamed", "GET", "/x", script=(*chain(1),), stream=True)
