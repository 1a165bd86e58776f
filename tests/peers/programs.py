"""Servers that no one here wrote, started on free ports; where one is not installed the test skips, but not in CI."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import textwrap
import time

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


def program(name):
    """Where a program is."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or absent(name)


def nginx_serving(folder, port, http):
    """Run an nginx whose files are all in a folder; ``http``: what stands in that block of its configuration."""
    config = folder / "nginx.conf"
    config.write_text(
        textwrap.dedent(f"""
        daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        {"user root;" if os.getuid() == 0 else ""}
        events {{}}
        http {{
          access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
          uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          {http}
        }}
        """)
    )
    return serving([program("nginx"), "-c", str(config), "-p", str(folder)], port)
