"""``proxies``, ``verify``, ``cert``, ``timeout`` and ``retries``."""

import urllib3
from differential.row import Fresh, Table, answer

TABLE = Table()
call, row = TABLE.call, TABLE.row

_CA = "{folder}/ca.pem"
_CLIENT = "{folder}/client.pem"
_BOTH = {"http": "{proxy}", "https": "{proxy}"}

call("proxies: in the clear", "GET", "http://shop.test/echo?a=1", proxies=_BOTH)
call("proxies: a port", "GET", "http://shop.test:8080/echo", proxies=_BOTH)
call("proxies: a body", "POST", "http://shop.test/echo", proxies=_BOTH, data={"a": "1"})
call("proxies: by way of a tunnel", "GET", "https://shop.test/echo", proxies=_BOTH, verify=_CA)
call(
    "proxies: by way of a tunnel to a port", "POST", "https://shop.test:8443/echo", proxies=_BOTH, verify=_CA, data=b"x"
)
call("proxies: for all", "GET", "http://shop.test/echo", proxies={"all": "{proxy}"})
call("proxies: for a host", "GET", "http://shop.test/echo", proxies={"http://shop.test": "{proxy}"})
call("proxies: for another host", "GET", "/echo", proxies={"http://shop.test": "{proxy}"})
call("proxies: for another scheme", "GET", "/echo", proxies={"https": "{proxy}"})
call(
    "proxies: a host goes before a scheme",
    "GET",
    "http://shop.test/echo",
    proxies={"http": "{one}", "http://shop.test": "{proxy}"},
)
call("proxies: None for a scheme", "GET", "/echo", proxies={"http": None})
call("proxies: an empty one", "GET", "/echo", proxies={"http": ""})
call("proxies: empty mapping", "GET", "/echo", proxies={})
call(
    "proxies: no scheme of its own",
    "GET",
    "http://shop.test/echo",
    proxies=Fresh(lambda talk: {"http": talk.proxy.removeprefix("http://")}),
)
call(
    "proxies: of the session",
    "GET",
    "http://shop.test/echo",
    session={"proxies": Fresh(lambda talk: {"http": talk.proxy})},
)
call(
    "proxies: of the call over the session's",
    "GET",
    "http://shop.test/echo",
    session={"proxies": Fresh(lambda talk: {"http": talk.one})},
    proxies=_BOTH,
)
call("proxies: one that is none", "GET", "http://shop.test/echo", proxies={"http": "http:///"})
call("proxies: a login", "GET", "http://shop.test/echo", proxies={"http": "http://user:secret@{login}"})
call("proxies: no login", "GET", "http://shop.test/echo", proxies={"http": "http://{login}"})
call("proxies: a wrong login", "GET", "http://shop.test/echo", proxies={"http": "http://user:wrong@{login}"})
call(
    "proxies: a login with escapes",
    "GET",
    "http://shop.test/echo",
    proxies={"http": "http://us%40er:se%3Acret@{login}"},
)
call(
    "proxies: a login, by way of a tunnel",
    "GET",
    "https://shop.test/echo",
    proxies={"https": "http://user:secret@{login}"},
    verify=_CA,
)
call(
    "proxies: no login, by way of a tunnel",
    "GET",
    "https://shop.test/echo",
    proxies={"https": "http://{login}"},
    verify=_CA,
)
call("proxies: a login of the server's too", "GET", "http://shop.test/echo", proxies=_BOTH, auth=("user", "secret"))
call("proxies: nobody is there", "GET", "http://shop.test/echo", proxies={"http": "http://127.0.0.1:9"})
call(
    "proxies: nobody is there, by way of a tunnel",
    "GET",
    "https://shop.test/echo",
    proxies={"https": "http://127.0.0.1:9"},
)


def environment(name, variables, url="http://shop.test/echo", *, trust=True, **keywords):
    @row(f"environment: {name}")
    def _(talk):
        with talk.environment(**variables):
            talk.open(trust_env=trust)
            talk("GET", url, **keywords)


environment("http_proxy", {"http_proxy": "{proxy}"})
environment("all_proxy", {"all_proxy": "{proxy}"})
environment("https_proxy", {"https_proxy": "{proxy}"}, "https://shop.test/echo", verify=_CA)
environment("not trusted", {"http_proxy": "http://127.0.0.1:9"}, "{one}/echo", trust=False)
environment("no_proxy", {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}, "{one}/echo")
environment("no_proxy by network", {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.0/8"}, "{one}/echo")
environment("no_proxy for another", {"http_proxy": "{proxy}", "no_proxy": "other.test"})
environment("no_proxy for a host below", {"http_proxy": "{proxy}", "no_proxy": "hop.test,p.shop.test"})
environment("no_proxy for all", {"http_proxy": "http://127.0.0.1:9", "no_proxy": "*"}, "{one}/echo")
environment("REQUESTS_CA_BUNDLE", {"REQUESTS_CA_BUNDLE": "{folder}/ca.pem"}, "{tls}/echo")
environment("CURL_CA_BUNDLE", {"CURL_CA_BUNDLE": "{folder}/ca.pem"}, "{tls}/echo")
environment("REQUESTS_CA_BUNDLE, not trusted", {"REQUESTS_CA_BUNDLE": "{folder}/ca.pem"}, "{tls}/echo", trust=False)
environment("a proxy of the call beside it", {"http_proxy": "http://127.0.0.1:9"}, proxies={"http": "{proxy}"})

call("verify: a file", "GET", "{tls}/echo", verify=_CA)
call("verify: the session's", "GET", "{tls}/echo", session={"verify": _CA})
call("verify: the call's over the session's", "GET", "{tls}/echo", session={"verify": True}, verify=_CA)
call("verify: not by what is not known", "GET", "{tls}/echo")
call("verify: True", "GET", "{tls}/echo", verify=True)
call("verify: another's name", "GET", "https://unknown.test/echo", verify=_CA, proxies=_BOTH)
call("verify: no such file", "GET", "{tls}/echo", verify="{folder}/missing.pem")
call("verify: of no concern in the clear", "GET", "/echo", verify=_CA)
call("cert: none, and one is asked for", "GET", "{strict}/echo", verify=_CA)
call("cert: a file", "GET", "{strict}/echo", verify=_CA, cert=_CLIENT)
call(
    "cert: a pair",
    "GET",
    "{strict}/echo",
    verify=_CA,
    cert=Fresh(lambda talk: (talk.made(_CLIENT), talk.made(_CLIENT))),
)
call("cert: of the session", "GET", "{strict}/echo", session={"cert": _CLIENT, "verify": _CA})
call("cert: no such file", "GET", "{strict}/echo", verify=_CA, cert="{folder}/missing.pem")


@row("verify: False warns")
def _warns(talk):
    with talk.warned("warnings"):
        talk("GET", "{tls}/echo", verify=False)


@row("verify: TLS that the server does not speak")
def _no_tls(talk):
    talk("GET", talk.one.replace("http:", "https:") + "/echo")


call("timeout: seconds", "GET", "/echo", timeout=5)
call("timeout: a pair", "GET", "/echo", timeout=(5, 5.0))
call("timeout: None", "GET", "/echo", timeout=None)
call("timeout: a pair of None", "GET", "/echo", timeout=(None, None))
call("timeout: of the read", "GET", "/delay/0.2", timeout=0.05)
call("timeout: of the read, in a pair", "GET", "/delay/0.2", timeout=(5, 0.05))
call("timeout: within the body", "GET", "/drip?numbytes=2&duration=0.2", timeout=0.05)
call("timeout: none where each wait is short", "GET", "/drip?numbytes=5&duration=0.24", timeout=0.2)
call("timeout: zero", "GET", "/echo", timeout=0)
call("timeout: below zero", "GET", "/echo", timeout=-1)
call("timeout: text", "GET", "/echo", timeout="5")
call("timeout: a triple", "GET", "/echo", timeout=(1, 2, 3))


def retries(name, script, method="GET", total=2, statuses=(503,), **keywords):
    @row(f"retries: {name}")
    def _(talk):
        retry = urllib3.Retry(
            total, backoff_factor=0, status_forcelist=statuses, raise_on_status=False, respect_retry_after_header=False
        )
        talk.open(retries=retry)
        talk.play(*script)
        talk(method, "/echo", **keywords)


retries("none needed", ())
retries("mended", (answer(503), answer(503)))
retries("used up", (answer(503), answer(503), answer(503)))
retries("another status", (answer(500), answer(200)))
retries("not of a POST", (answer(503),), method="POST", data=b"x")
retries("of a PUT, its body again", (answer(503),), method="PUT", data=b"body")
retries("of a form", (answer(503),), method="PUT", data={"a": "1"})
retries("none", (answer(503),), total=0)
retries("then a redirect", (answer(503), answer(302, "Location: /echo")))


@row("retries: closed without an answer")
def _closed(talk):
    talk.open(retries=urllib3.Retry(2, backoff_factor=0))
    talk.play((b"",), then="fin")
    talk("GET", "/echo")


@row("retries: closed without an answer, POST")
def _closed_post(talk):
    talk.open(retries=urllib3.Retry(2, backoff_factor=0))
    talk.play((b"",), then="fin")
    talk("POST", "/echo", data=b"x")
