"""The server that all contestants meet: one nginx process on free ports, kept to a core of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import trustme

from bench.bodies import MIDDLE, SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 20.0

# A POST is answered when its body was read: mirror reads it, then the file is not for this method, and the error page is a 200.
# Tickets and a cache would let some resume a TLS session, and others not: only the last server gives any.
CONFIGURATION = """
daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type application/octet-stream; server_tokens off; gzip off; etag off;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  sendfile on; tcp_nopush on; open_file_cache max=16; open_file_cache_valid 1h;
  ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.pem;
  ssl_session_cache off; ssl_session_tickets off;
  server {{
    listen 127.0.0.1:{http} backlog=1024;
    listen 127.0.0.1:{https} ssl backlog=1024;
    root {root}/pages;
    location = /small {{ return 200 "{small}"; }}
    location = /once {{ keepalive_timeout 0; return 200 "{small}"; }}
    location = /post {{ client_body_buffer_size 64k; mirror /mirror; error_page 405 =200 @read; }}
    location = /mirror {{ internal; return 204; }}
    location @read {{ return 200 "{small}"; }}
  }}
  server {{
    listen 127.0.0.1:{resuming} ssl backlog=1024;
    ssl_session_tickets on;
    location = /once {{ keepalive_timeout 0; return 200 "{small}"; }}
  }}
}}
"""


class NoServer(Exception):
    """There is no nginx, or it does not come up."""


def find_nginx() -> str:
    """Give the path of nginx, which is often not on a user's PATH.

    Raises:
        NoServer: there is none.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    if found is None:
        raise NoServer(
            "The benchmark measures against nginx, and there is none here. Install it:\n"
            "  apt-get install nginx-light   (Debian, Ubuntu)\n"
            "  dnf install nginx             (Fedora)\n"
            "  brew install nginx            (macOS)"
        )
    return found


@contextlib.contextmanager
def serving(root: Path, core: int | None) -> Iterator[dict[str, str]]:
    """Run nginx over ``root/pages``; the bases of its URLs, and the file of the only authority behind its certificate."""
    program = find_nginx()
    authority, authorities = trustme.CA(), root / "authorities.pem"
    authority.cert_pem.write_to_path(str(authorities))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(root / "server.pem"))
    (root / "pages" / "middle").write_bytes(MIDDLE)
    (root / "pages" / "post").write_bytes(b"nobody reads this")
    http, https, resuming = _free_ports(3)
    configuration = root / "nginx.conf"
    ports = {"http": http, "https": https, "resuming": resuming}
    configuration.write_text(CONFIGURATION.format(root=root, small=SMALL.decode(), **ports))
    with running([program, "-p", str(root), "-c", str(configuration)], core) as process:
        _wait_until_up(http, process, root / "error.log")
        yield {
            "http": f"http://127.0.0.1:{http}",
            "https": f"https://127.0.0.1:{https}",
            "resuming": f"https://127.0.0.1:{resuming}",
            "authorities": str(authorities),
        }


@contextlib.contextmanager
def running(
    command: list[str], core: int | None, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a server on a core until the block is left."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=None, text=True, env=environment
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        yield process
    finally:
        process.kill()
        process.communicate()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as probes:
        open_probes = [probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [probe.getsockname()[1] for probe in open_probes]


def _wait_until_up(port: int, process: subprocess.Popen[str], log: Path) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)  # nginx tells nobody that it listens
    raise NoServer(f"nginx did not come up: {log.read_text() if log.exists() else 'it says nothing'}")
