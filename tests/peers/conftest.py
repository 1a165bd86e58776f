"""Servers that no one here wrote, started on free ports; where one is not installed the test skips, but not in CI."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

REQUIRED = os.environ.get("INTERMODAL_PROFILE") in {"ci", "deep"}


def absent(what):
    """Skip for want of a peer, or fail where peers are required."""
    if REQUIRED:
        pytest.fail(f"{what} is required here and not installed")
    pytest.skip(f"{what} is not installed")


def free_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_until_up(port, process):
    """Wait until a server accepts connections; whether it does."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def serving(command, port, **keywords):
    """Run a server until the test is over, or say what it said when it did not come up."""
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads is full one day, and the server waits
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **keywords)
        try:
            if not wait_until_up(port, process):
                said.seek(0)
                pytest.fail(f"the server did not come up: {said.read().decode(errors='replace')}")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    """The port of an nginx that serves files and a few answers of its own."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        absent("nginx")
    root = tmp_path_factory.mktemp("nginx")
    pages = root / "pages"
    pages.mkdir()
    (pages / "hello.txt").write_bytes(b"hello\n")
    (pages / "large.bin").write_bytes(bytes(range(256)) * 8192)
    (pages / "text.html").write_text("<p>lorem ipsum</p>\n" * 500)
    port = free_port()
    config = root / "nginx.conf"
    config.write_text(
        textwrap.dedent(f"""
        daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
        {"user root;" if os.getuid() == 0 else ""}
        events {{}}
        http {{
          access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/f;
          uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
          types {{ text/html html; }} default_type application/octet-stream; if_modified_since before; gzip on; client_max_body_size 1m; keepalive_timeout 5s;
          server {{
            listen 127.0.0.1:{port}; root {pages};
            location = /status/204 {{ return 204; }}
            location = /redirect/1 {{ return 302 /hello.txt; }}
            location = /teapot {{ return 418 "short and stout"; }}
            location = /duplicate {{ add_header X-Twice 1; add_header x-twice 2; add_header Set-Cookie a=1; add_header Set-Cookie b=2; return 200 ok; }}
            location = /old {{ keepalive_timeout 0; return 200 bye; }}
          }}
        }}
        """)
    )
    with serving([program, "-c", str(config), "-p", str(root)], port):
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
