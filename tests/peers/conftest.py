"""An nginx and a granian for whoever tests against them."""

import sys

import pytest
from peers.programs import absent, free_port, nginx_serving, serving


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    """The port of an nginx that serves files and a few answers of its own."""
    root = tmp_path_factory.mktemp("nginx")
    pages = root / "pages"
    pages.mkdir()
    (pages / "hello.txt").write_bytes(b"hello\n")
    (pages / "large.bin").write_bytes(bytes(range(256)) * 8192)
    (pages / "text.html").write_text("<p>lorem ipsum</p>\n" * 500)
    port = free_port()
    http = f"""
          types {{ text/html html; }} default_type application/octet-stream; if_modified_since before; gzip on; client_max_body_size 1m; keepalive_timeout 5s;
          server {{
            listen 127.0.0.1:{port}; root {pages};
            location = /status/204 {{ return 204; }}
            location = /redirect/1 {{ return 302 /hello.txt; }}
            location = /teapot {{ return 418 "short and stout"; }}
            location = /duplicate {{ add_header X-Twice 1; add_header x-twice 2; add_header Set-Cookie a=1; add_header Set-Cookie b=2; return 200 ok; }}
            location = /old {{ keepalive_timeout 0; return 200 bye; }}
          }}
    """
    with nginx_serving(root, port, http):
        yield port


APPLICATION = '''
import json

async def app(scope, receive, send):
    """Echo what came, in JSON, or stream."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    path = scope["path"]
    if path.startswith("/status/"):
        await send({"type": "http.response.start", "status": int(path[8:]), "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    if path.startswith("/stream"):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-twice", b"1"), (b"x-twice", b"2")]})
        for number in range(50):
            await send({"type": "http.response.body", "body": b"%06d" % number * 1000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    answer = json.dumps({
        "method": scope["method"], "path": path, "query": scope["query_string"].decode(),
        "headers": [[n.decode(), v.decode("latin-1")] for n, v in scope["headers"]], "body": body.decode("latin-1"),
    }).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
'''


@pytest.fixture(scope="session")
def granian(tmp_path_factory):
    """The port of a granian that runs an ASGI application: HTTP by hyper, which is written in Rust."""
    try:
        import granian  # noqa: F401
    except ImportError:
        absent("granian")
    root = tmp_path_factory.mktemp("granian")
    (root / "echoing.py").write_text(APPLICATION)
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    with serving([*command, "--no-ws", "--log-level", "error", "echoing:app"], port, cwd=root):
        yield port
