"""A server that checks Digest credentials, written from RFC 7616 alone: it shares nothing with what it judges."""

import hashlib
import http.server
import threading
import urllib.parse

from intermodal import Options, Request, Response
from intermodal.flow import drive, send
from intermodal.middleware import digest as module

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
ALGORITHMS = [name + sess for name in HASHES for sess in ("", "-sess")]


def read_credentials(value):
    """Take an Authorization field apart, letter by letter, as RFC 7616 section 3.4 writes it."""
    assert value.startswith("Digest ")
    rest, fields, at = value[7:], {}, 0
    while at < len(rest):
        end = rest.index("=", at)
        name, at, text = rest[at:end], end + 1, ""
        if rest[at] == '"':
            at += 1
            while rest[at] != '"':
                at += rest[at] == "\\"
                text += rest[at]
                at += 1
            at += 1
        else:
            while at < len(rest) and rest[at] != ",":
                text += rest[at]
                at += 1
        assert at == len(rest) or rest[at : at + 2] == ", "
        at += 2
        assert name not in fields
        fields[name] = text
    return fields


def write(text):
    """Write a quoted-string."""
    return '"' + "".join(f"\\{letter}" if letter in '"\\' else letter for letter in text) + '"'


class Server:
    """A server that knows one login, and checks by RFC 7616 section 3.4.1 what it is sent; it counts each nonce.

    Args:
        uses: how often a nonce may be used before it is stale; stale says so, or does not.
        nextnonce: whether each good answer brings the nonce for the next.
        strict: whether a count must be one more than the last.
    """

    def __init__(
        self, user="ann", password="secret", *, realm="r", algorithm="MD5", qop="auth", opaque="o", charset=None, userhash=False,
        uses=None, says_stale=True, nextnonce=False, strict=True, before=(), names="n",
    ):  # fmt: skip
        self.user, self.password = (x.encode() if isinstance(x, str) else x for x in (user, password))
        self.realm, self.algorithm, self.qop, self.opaque = realm, algorithm, qop, opaque
        self.charset, self.userhash, self.uses, self.says_stale = charset, userhash, uses, says_stale
        self.nextnonce, self.strict, self.before, self.names = nextnonce, strict, list(before), names
        self.counts = {}
        self.primes = {}
        self.lock = threading.Lock()
        self.seen = []

    def new_nonce(self):
        nonce = f"{self.names}{len(self.counts)}"
        self.counts[nonce] = set()
        return nonce

    def challenge(self, *, stale=False):
        parts = [f"realm={write(self.realm)}", f"nonce={write(self.new_nonce())}"]
        parts += [f"opaque={write(self.opaque)}"] if self.opaque is not None else []
        parts += [f"algorithm={self.algorithm}"] if self.algorithm else []
        parts += [f'qop="{self.qop}"'] if self.qop else []
        parts += [f"charset={self.charset}"] if self.charset else []
        parts += ["userhash=true"] if self.userhash else []
        parts += ["stale=TRUE"] if stale and self.says_stale else []
        fields = [("WWW-Authenticate", value) for value in (*self.before, "Digest " + ", ".join(parts))]
        return 401, fields

    def judge(self, method, target, authorization, body=b""):
        """Answer a request: its status and fields."""
        with self.lock:
            fields = None if authorization is None else read_credentials(authorization)
            self.seen.append((method, target, fields, body))
            assert len(self.seen) < 1000, "it does not end"
            return self.challenge() if fields is None else self.check(method, target, fields, body)

    def check(self, method, target, fields, body):
        name = (self.algorithm or "MD5").removesuffix("-sess")

        def hashed(data):
            return hashlib.new(HASHES[name], data).hexdigest().encode()

        got = {key: value.encode("latin-1") for key, value in fields.items()}
        realm = self.realm.encode("latin-1")
        assert got["realm"] == realm
        assert fields.get("opaque") == self.opaque
        assert fields.get("algorithm") == self.algorithm
        assert fields["uri"] == target
        if self.userhash:
            assert fields["userhash"] == "true"
            user = self.user if got["username"] == hashed(self.user + b":" + realm) else None
        elif "username*" in fields:
            assert "username" not in fields
            charset, language, written = fields["username*"].split("'")
            assert (charset, language) == ("UTF-8", "")
            user = urllib.parse.unquote_to_bytes(written)
        else:
            user = got["username"]
        if user != self.user:
            return self.challenge()
        nonce = fields["nonce"]
        a1 = b":".join((self.user, realm, self.password))
        if self.algorithm and self.algorithm.endswith("-sess"):
            prime = self.primes.setdefault(nonce, (got["nonce"], got["cnonce"]))
            a1 = b":".join((hashed(a1), *prime))
        a2 = method.encode() + b":" + target.encode()
        qop = fields.get("qop")
        if qop == "auth-int":
            a2 += b":" + hashed(body)
        if self.qop:
            assert qop in self.qop.split(",")
            assert len(fields["nc"]) == 8
            data = b":".join((got["nonce"], got["nc"], got["cnonce"], got["qop"], hashed(a2)))
        else:
            assert not {"qop", "nc", "cnonce"} & fields.keys()
            data = got["nonce"] + b":" + hashed(a2)
        if got["response"] != hashed(hashed(a1) + b":" + data):
            return self.challenge()
        if nonce not in self.counts:
            return self.challenge(stale=True)
        used = self.counts[nonce]
        if qop:
            count = int(fields["nc"], 16)
            assert count not in used, "a count was used twice"
            if self.strict:
                assert count == len(used) + 1
            if self.uses is not None and len(used) >= self.uses:
                return self.challenge(stale=True)
            used.add(count)
        after = self.new_nonce() if self.nextnonce else None
        if after is not None:
            self.primes[after] = self.primes.get(nonce)
        return 200, [("Authentication-Info", f'qop=auth, nextnonce="{after}"')] if after else []

    def carry(self, request, options):
        """Be what a flow is carried by."""
        body = b"".join(request.body.pieces()) if request.body is not None else b""
        (authorization,) = request.headers.get_list("authorization") or [None]
        target = request.target
        if options.proxy is not None and not options.proxy.is_socks:
            target = target.removeprefix(f"http://{request.url.authority}") or (
                "*" if request.method == "OPTIONS" else "/"
            )
        status, fields = self.judge(request.method, target, authorization, body)
        return Response(status, fields, b"answer", request=request)

    @property
    def statuses(self):
        """Which requests came with credentials."""
        return [fields is not None for _, _, fields, _ in self.seen]


def ask(
    auth, server, method="GET", url="http://a.test/", body=None, *, headers=(), target=None, proxy=None, carry=None
):
    """Send a request with an auth to a server."""
    request = Request(method, url, headers, body, target=target)
    return drive(auth(request, Options(proxy=proxy), send), carry or server.carry)


def answer_to(monkeypatch, cnonce, challenge, auth, method="GET", url="http://a.test/"):
    """Give the fields that an auth answers a challenge with, when it has drawn this cnonce."""
    monkeypatch.setattr(module, "_cnonce", lambda: cnonce)
    seen = []

    def carry(request, options):
        seen.append(request.headers.get("authorization"))
        lines = [challenge] if isinstance(challenge, str) else challenge
        return Response(401, [("WWW-Authenticate", line) for line in lines]) if len(seen) == 1 else Response(200)

    ask(auth, None, method, url, carry=carry)
    assert len(seen) == 2
    return read_credentials(seen[1])


class Site:
    """The server over sockets; a proxy too, that forwards to itself."""

    def __init__(self, server):
        outer = self
        self.lines = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.lines.append(self.requestline)
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                target = self.path.removeprefix(f"http://{self.headers['Host']}") or "/"
                status, fields = server.judge(self.command, target, self.headers["Authorization"], body)
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_GET  # noqa: N815 - as http.server calls it

            def log_message(self, *_):
                pass

        self.served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.served.server_port}"

    def __enter__(self):
        threading.Thread(target=self.served.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.served.shutdown()
        self.served.server_close()
