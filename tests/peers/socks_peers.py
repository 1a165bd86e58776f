"""SOCKS servers that no one here wrote, on free ports: microsocks, and Dante's danted."""

import contextlib
import os
import textwrap

from peers.programs import free_port, program, serving


@contextlib.contextmanager
def microsocks(username=None, password=None):
    """The port of a microsocks, which asks for user and password where they are given."""
    port = free_port()
    command = [program("microsocks"), "-i", "127.0.0.1", "-p", str(port)]
    if username is not None:
        command += ["-u", username, "-P", password]
    with serving(command, port):
        yield port


@contextlib.contextmanager
def danted(folder, forbidden, method="none"):
    """The port of a danted that connects to any port of this machine but one.

    ``method="username"`` makes it ask for a user of the operating system, of which a test knows none.
    """
    port = free_port()
    config = folder / f"danted-{method}.conf"
    # It would become another user for most of its work, and asks for a name of it where it is root.
    user = "user.privileged: root\nuser.unprivileged: nobody\n" if os.getuid() == 0 else ""
    config.write_text(
        user
        + textwrap.dedent(f"""
        logoutput: stderr
        internal.protocol: ipv4
        internal: 127.0.0.1 port = {port}
        external.protocol: ipv4 ipv6
        external: 127.0.0.1
        external: ::1
        clientmethod: none
        socksmethod: {method}
        client pass {{ from: 0/0 to: 0/0 }}
        socks block {{ from: 0/0 to: 0/0 port = {forbidden} }}
        socks pass {{ from: 0/0 to: 0/0 }}
        """)
    )
    with serving([program("danted"), "-f", str(config), "-p", str(folder / f"{method}.pid"), "-N", "1"], port):
        yield port
