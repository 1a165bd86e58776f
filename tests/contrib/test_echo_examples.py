"""The socket examples of ``contrib/examples``, run as their reader runs them: as processes on loopback.

No test sleeps: a server says ``listening on`` when it is ready and reports what it did, so a test waits for that line.
Every wait ends after ``PATIENCE``. The interpreter runs isolated and without site-packages (``-I -S``), which proves that
the examples need nothing but the standard library, and shows every warning (``-X dev``), which no test accepts.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[2] / "contrib" / "examples"
PATIENCE = 30.0
PYTHON = [sys.executable, "-I", "-S", "-B", "-X", "dev"]
MAX_LINE = 65536

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows can only kill a process, not ask it to end")


def ipv6_works():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        probe.bind(("::1", 0))
        return True
    return False


with_ipv6 = pytest.mark.skipif(not ipv6_works(), reason="this machine has no IPv6 loopback address")


class Script:
    """A running example; threads read its output, so that a wait for a line can have an end."""

    def __init__(self, name, *arguments, patch=""):
        # A patch is code that runs before main, such as the setting of a constant that would mean minutes of waiting.
        load = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import {name} as example; {patch}; example.main()"
        program = ["-c", load] if patch else [str(EXAMPLES / f"{name}.py")]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*PYTHON, *program, *arguments], stdin=pipe, stdout=pipe, stderr=pipe)
        self.lines = queue.Queue()
        self.errors = []
        self.readers = [threading.Thread(target=self._read_output), threading.Thread(target=self._read_errors)]
        for reader in self.readers:
            reader.start()

    def _read_output(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_errors(self):
        self.errors.extend(line.replace(b"\r\n", b"\n") for line in self.process.stderr)  # Windows ends lines so

    def line(self):
        line = self.lines.get(timeout=PATIENCE)
        assert line is not None, f"ended: {self.errors}"
        return line

    def wait_for(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in (line := self.line()):
            assert time.monotonic() < deadline, f"no {text!r}"
        return line

    def type(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end(self):
        """Close stdin, wait for the end and return the exit status, the rest of stdout, and stderr."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        rest = b"".join(iter(self.lines.get_nowait, None))
        self.lines.put(None)  # there is no more, however often this is asked
        return status, rest, b"".join(self.errors)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Server(Script):
    """A running server example; leaving it asks the server to end, which it must do with status 0 and no complaint."""

    def __init__(self, name, host="127.0.0.1", **patch):
        super().__init__(name, host, "0", **patch)
        self.host = host

    def __enter__(self):
        try:
            announced = self.line().decode().rstrip()
            prefix = f"listening on [{self.host}]:" if ":" in self.host else f"listening on {self.host}:"
            assert announced.startswith(prefix)
        except BaseException:
            super().__exit__(None)
            raise
        self.address = (self.host, int(announced.removeprefix(prefix)))
        self.arguments = (self.host, str(self.address[1]))
        return self

    def __exit__(self, kind, *rest):
        try:
            if kind is None and sys.platform != "win32":
                self.process.terminate()
                status, _, errors = self.end()
                assert (status, errors) == (0, b"")
        finally:
            super().__exit__(kind, *rest)


def connect(server):
    return socket.create_connection(server.address, timeout=PATIENCE)


def receive_exactly(connection, count):
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        assert chunk, f"ended after {bytes(received)!r}"
        received += chunk
    return bytes(received)


def receive_all(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def send_until_stuck(connection):
    """Send lines without reading an answer until the buffers of both directions are full; return what was sent."""
    lines = (b"x" * 60000 + b"\n") * 1000
    sent = 0
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while sent < len(lines):
            sent += connection.send(memoryview(lines)[sent:])
    connection.settimeout(PATIENCE)
    assert sent < len(lines)
    return lines[:sent]


def reset(connection):
    """Close with RST instead of FIN, as a crashed client's machine does."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def run(name, *arguments, data=b"", patch=""):
    with Script(name, *arguments, patch=patch) as script:
        with contextlib.suppress(BrokenPipeError):
            script.type(data)
        return script.end()


@contextlib.contextmanager
def listener():
    """A TCP server played by the test."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(PATIENCE)
        yield sock, ("127.0.0.1", str(sock.getsockname()[1]))


@contextlib.contextmanager
def datagram_socket():
    """A UDP peer played by the test."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(PATIENCE)
        yield sock, ("127.0.0.1", str(sock.getsockname()[1]))


@pytest.fixture
def tcp_server():
    with Server("tcp_echo_server") as server:
        yield server


@pytest.fixture
def udp_server():
    with Server("udp_echo_server") as server:
        yield server


@pytest.fixture(scope="module")
def shared_tcp_server():
    with Server("tcp_echo_server") as server:
        yield server


@pytest.fixture(scope="module")
def shared_udp_server():
    with Server("udp_echo_server") as server:
        yield server


class TestTcpServer:
    @settings(max_examples=60, deadline=None)
    @given(
        lines=st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=8),
        last=st.binary(max_size=10).map(lambda text: text.replace(b"\n", b"")),
        cuts=st.lists(st.integers(min_value=1, max_value=30), max_size=8),
    )
    def test_returns_every_byte_however_it_is_cut(self, shared_tcp_server, lines, last, cuts):
        """Lines of any bytes, sent in any pieces and with an unfinished last one, come back unchanged."""
        sent = b"".join(lines) + last
        with connect(shared_tcp_server) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            rest = sent
            for cut in cuts:
                client.sendall(rest[:cut])
                rest = rest[cut:]
            client.sendall(rest)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == sent

    def test_waits_for_the_whole_line(self, tcp_server):
        """Half a line gets no answer; its other half brings the answer to the whole."""
        with connect(tcp_server) as client, connect(tcp_server) as other:
            client.sendall(b"one\nhal")
            assert receive_exactly(client, 4) == b"one\n"
            other.sendall(b"later\n")
            assert receive_exactly(other, 6) == b"later\n"
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
            client.settimeout(PATIENCE)
            client.sendall(b"f\n")
            assert receive_exactly(client, 5) == b"half\n"

    def test_says_who_came_what_they_sent_and_that_they_left(self, tcp_server):
        """The output names each client by its address, and bytes that are no text are shown escaped."""
        with connect(tcp_server) as client:
            name = "{}:{}".format(*client.getsockname()).encode()
            client.sendall(b"\xff\xfe\x1b[2J\n\n")
            assert receive_exactly(client, 8) == b"\xff\xfe\x1b[2J\n\n"
        said = [tcp_server.line().rstrip() for _ in range(4)]
        assert said == [
            name + b" connected",
            name + rb" sent b'\xff\xfe\x1b[2J\n'",
            name + rb" sent b'\n'",
            name + b" left",
        ]

    def test_serves_several_clients_at_once(self, tcp_server):
        """Clients that are all connected get their answers in any order, though one stays in the middle of a line."""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(tcp_server)) for _ in range(5)]
            clients[0].sendall(b"not finis")
            for number, client in reversed(list(enumerate(clients))[1:]):
                client.sendall(b"client %d\n" % number)
                assert receive_exactly(client, 9) == b"client %d\n" % number
            clients[0].sendall(b"hed\n")
            assert receive_exactly(clients[0], 13) == b"not finished\n"

    def test_a_client_that_does_not_read_holds_up_nobody(self, tcp_server):
        """With one client's answers stuck in full buffers another is served; the first loses nothing by being late."""
        with connect(tcp_server) as late, connect(tcp_server) as other:
            sent = send_until_stuck(late)
            other.sendall(b"hello\n")
            assert receive_exactly(other, 6) == b"hello\n"
            late.shutdown(socket.SHUT_WR)
            assert receive_all(late) == sent

    @on_posix
    def test_a_client_that_does_not_read_holds_up_no_end(self, tcp_server):
        """A server that is stuck with sending still ends when asked."""
        with connect(tcp_server) as client:
            send_until_stuck(client)
            tcp_server.process.terminate()
            assert tcp_server.end()[0] == 0

    def test_survives_a_reset_in_the_middle_of_a_line(self, tcp_server):
        """A client that resets is reported, and the next one is served."""
        client = connect(tcp_server)
        client.sendall(b"one\nhal")
        assert receive_exactly(client, 4) == b"one\n"
        reset(client)
        tcp_server.wait_for(b" lost: ")
        with connect(tcp_server) as client:
            client.sendall(b"next\n")
            assert receive_exactly(client, 5) == b"next\n"

    def test_survives_clients_that_reset_before_they_are_served(self, tcp_server):
        """Connections that are reset at once, while the server is only accepting them, do it no harm."""
        for _ in range(30):
            reset(connect(tcp_server))
        with connect(tcp_server) as client:
            client.sendall(b"next\n")
            assert receive_exactly(client, 5) == b"next\n"

    def test_returns_the_longest_line(self, tcp_server):
        """A line of exactly the limit is answered in full."""
        line = b"x" * (MAX_LINE - 1) + b"\n"
        with connect(tcp_server) as client:
            client.sendall(line)
            assert receive_exactly(client, MAX_LINE) == line

    @pytest.mark.parametrize("end", [b"\n", b""], ids=["ended", "endless"])
    def test_drops_a_client_whose_line_is_too_long(self, tcp_server, end):
        """One byte beyond the limit ends the conversation, with a newline behind it or without."""
        with connect(tcp_server) as client:
            client.sendall(b"x" * MAX_LINE + (end or b"x"))
            tcp_server.wait_for(b" dropped: its line is longer than 65536 bytes")
            assert receive_all(client) == b""

    def test_sends_the_whole_answer_in_as_many_parts_as_it_takes(self):
        """An answer far larger than what the system takes at once arrives whole."""
        shrink = "connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)"
        small = f"import socket; serve = example.serve_client; example.serve_client = lambda connection: ({shrink}, serve(connection))"
        with Server("tcp_echo_server", patch=small) as server, connect(server) as client:
            sent = (b"x" * 60000 + b"\n") * 3
            client.sendall(sent)
            assert receive_exactly(client, len(sent)) == sent

    def test_drops_a_client_that_is_silent_too_long(self):
        """A client that went away without a word does not keep its thread for ever."""
        with Server("tcp_echo_server", patch="example.IDLE_SECONDS = 0.2") as server, connect(server) as client:
            assert receive_all(client) == b""
            server.wait_for(b" lost: timed out")

    def test_lets_clients_wait_when_it_is_full(self):
        """A client beyond the limit is served as soon as another has left."""
        full = "example.MAX_CLIENTS = 2"
        with Server("tcp_echo_server", patch=full) as server, connect(server) as one, connect(server) as two:
            for client in (one, two):
                client.sendall(b"here\n")
                assert receive_exactly(client, 5) == b"here\n"
            with connect(server) as waiting:
                waiting.sendall(b"at last\n")
                for _ in range(50):  # time enough to be served, if that were possible
                    one.sendall(b"still\n")
                    assert receive_exactly(one, 6) == b"still\n"
                names = ["{}:{}".format(*client.getsockname()).encode() for client in (two, waiting)]
                two.close()
                assert receive_exactly(waiting, 8) == b"at last\n"
                came_and_left = [names[0] + b" left", names[1] + b" connected"]
                assert [server.wait_for(event).rstrip() for event in came_and_left] == came_and_left

    @on_posix
    def test_survives_running_out_of_open_files(self):
        """When accept fails for want of a file descriptor the server says so, and goes on when one is free."""
        limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))"
        with Server("tcp_echo_server", patch=limit) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(server)) for _ in range(15)]
            server.wait_for(b"cannot accept: ")
            clients[-1].sendall(b"last\n")
            for client in clients[:-1]:
                client.close()
            assert receive_exactly(clients[-1], 5) == b"last\n"

    @on_posix
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_cleanly(self, number):
        """Ctrl-C and SIGTERM end the server with status 0, its clients first; a second signal does no harm."""
        with Server("tcp_echo_server") as server, connect(server) as client:
            client.sendall(b"one\n")
            assert receive_exactly(client, 4) == b"one\n"
            server.process.send_signal(number)
            server.process.send_signal(number)
            assert receive_all(client) == b""
            status, said, errors = server.end()
            assert (status, errors) == (0, b"")
            assert said.endswith(b" left\nstopped\n")

    def test_restarts_on_the_same_port(self):
        """The port of a server that has ended can be had again at once, though connections linger in TIME_WAIT."""
        with Server("tcp_echo_server") as server:
            client = connect(server)
            client.sendall(b"one\n")
            assert receive_exactly(client, 4) == b"one\n"
        client.close()
        with Script("tcp_echo_server", *server.arguments) as again:
            assert again.line().decode().rstrip() == "listening on {}:{}".format(*server.arguments)

    def test_says_that_the_port_is_taken(self, tcp_server):
        """A second server on the port ends with one line on stderr and status 1."""
        status, said, errors = run("tcp_echo_server", *tcp_server.arguments)
        assert (status, said) == (1, b"")
        assert errors.startswith(b"cannot listen on 127.0.0.1:%d: " % tcp_server.address[1])
        assert errors.count(b"\n") == 1


class TestTcpClient:
    def test_copies_its_input(self, tcp_server):
        """Through client and server every byte comes back: empty lines, no text, long lines, no newline at the end."""
        data = b"hello\n\n\xff\xfe\x00\r\n" + b"y" * (MAX_LINE - 1) + b"\n" + b"no newline"
        assert run("tcp_echo_client", *tcp_server.arguments, data=data) == (0, data, b"")

    def test_sends_each_line_as_soon_as_it_is_typed(self, tcp_server):
        """The answer to a line is printed before the next is typed, with several clients open at the same time."""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Script("tcp_echo_client", *tcp_server.arguments)) for _ in range(3)]
            for turn in (b"first %d\n", b"second %d\n"):
                for number, client in enumerate(clients):
                    client.type(turn % number)
                    assert client.line().rstrip() == (turn % number).rstrip()
            for client in clients:
                assert client.end() == (0, b"", b"")

    def test_ends_its_half_and_prints_what_still_comes(self):
        """At the end of the input the server sees the end of the stream, and what it says afterwards is printed."""
        with listener() as (sock, arguments), Script("tcp_echo_client", *arguments) as client:
            client.type(b"unfinished")
            client.process.stdin.close()
            connection, _ = sock.accept()
            with connection:
                connection.settimeout(PATIENCE)
                assert receive_all(connection) == b"unfinished"
                connection.sendall(b"goodbye " * 10000)
            assert client.end() == (0, b"goodbye " * 10000, b"")

    def test_puts_an_answer_together(self):
        """An answer that comes in pieces is read up to its newline before the next line goes out."""
        with listener() as (sock, arguments), Script("tcp_echo_client", *arguments) as client:
            client.type(b"one\ntwo\n")
            connection, _ = sock.accept()
            with connection:
                connection.settimeout(PATIENCE)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                assert receive_exactly(connection, 4) == b"one\n"
                connection.sendall(b"on")
                connection.setblocking(False)
                with pytest.raises(BlockingIOError):
                    connection.recv(1)
                connection.settimeout(PATIENCE)
                connection.sendall(b"e\n")
                assert receive_exactly(connection, 4) == b"two\n"
                connection.sendall(b"two\n")
            assert client.end() == (0, b"one\ntwo\n", b"")

    @pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["close", "reset"])
    def test_reports_a_server_that_vanishes(self, leave):
        """A connection that ends before the answer is whole is one line on stderr and status 1."""
        with listener() as (sock, arguments), Script("tcp_echo_client", *arguments) as client:
            client.type(b"hello\n")
            connection, _ = sock.accept()
            connection.settimeout(PATIENCE)
            assert receive_exactly(connection, 6) == b"hello\n"
            connection.sendall(b"hel")
            assert client.process.poll() is None
            leave(connection)
            status, _, errors = client.end()
        assert status == 1
        assert errors.startswith("{} port {}: ".format(*arguments).encode())
        assert errors.count(b"\n") == 1

    def test_reports_a_server_that_says_nothing(self):
        """A server that accepts and then keeps silent is given up after a time."""
        with listener() as (_, arguments):
            status, said, errors = run(
                "tcp_echo_client", *arguments, data=b"x\n", patch="example.TIMEOUT_SECONDS = 0.2"
            )
        assert (status, said, errors.count(b"\n")) == (1, b"", 1)
        assert errors.rstrip().endswith(b": timed out")

    def test_reports_a_line_the_server_does_not_take(self, tcp_server):
        """A line over the server's limit ends in one line on stderr and status 1, not in a wait without end."""
        status, _, errors = run("tcp_echo_client", *tcp_server.arguments, data=b"z" * (4 * MAX_LINE) + b"\n")
        assert (status, errors.count(b"\n")) == (1, 1)

    def test_reports_a_refused_connection(self):
        """A port where nobody listens is one line on stderr and status 1."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as nobody:
            nobody.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, but not listening
            port = str(nobody.getsockname()[1])
            status, said, errors = run("tcp_echo_client", "127.0.0.1", port, data=b"x\n")
        assert (status, said, errors.count(b"\n")) == (1, b"", 1)
        assert errors.startswith(f"127.0.0.1 port {port}: ".encode())

    @on_posix
    @pytest.mark.parametrize("name", ["tcp_echo_client", "udp_echo_client"])
    def test_ctrl_c_ends_it_without_a_traceback(self, name, tcp_server, udp_server):
        """Ctrl-C while a client waits for input ends it silently with the status shells use for it."""
        server = tcp_server if name.startswith("tcp") else udp_server
        # A process started from a background job inherits SIGINT as ignored; at a terminal it is not.
        patch = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        with Script(name, *server.arguments, patch=patch) as client:
            client.type(b"ready\n")
            assert client.line() == b"ready\n"
            client.process.send_signal(signal.SIGINT)
            assert client.process.wait(PATIENCE) == 130
            assert client.end() == (130, b"", b"")


class TestUdpServer:
    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=1000))
    def test_returns_every_datagram(self, shared_udp_server, data):
        """A datagram of any bytes, an empty one too, comes back unchanged and from the server's address."""
        with datagram_socket() as (client, _):
            client.sendto(data, shared_udp_server.address)
            assert client.recvfrom(65535) == (data, shared_udp_server.address)

    def test_says_who_sent_what(self, udp_server):
        """The output names each sender by its address, and bytes that are no text are shown escaped."""
        with datagram_socket() as (client, arguments):
            client.sendto(b"\xff\n", udp_server.address)
            assert client.recv(10) == b"\xff\n"
            assert udp_server.line().rstrip() == rb"%s:%s sent b'\xff\n'" % tuple(a.encode() for a in arguments)

    def test_answers_each_client_at_its_own_address(self, udp_server):
        """Of several clients each gets its own datagram back, whatever the order."""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(datagram_socket())[0] for _ in range(5)]
            for number, client in enumerate(clients):
                client.sendto(b"client %d" % number, udp_server.address)
            for number, client in reversed(list(enumerate(clients))):
                assert client.recv(100) == b"client %d" % number

    def test_survives_senders_that_are_gone(self, udp_server):
        """Answers to closed sockets, which the system may report as errors, do not stop the server."""
        for _ in range(5):
            with datagram_socket() as (client, _):
                client.sendto(b"gone", udp_server.address)
            udp_server.wait_for(b" sent b'gone'")
        with datagram_socket() as (client, _):
            client.sendto(b"here", udp_server.address)
            assert client.recv(10) == b"here"

    @on_posix
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_cleanly(self, number):
        """Ctrl-C and SIGTERM end the server with status 0; a second signal does no harm."""
        with Server("udp_echo_server") as server:
            server.process.send_signal(number)
            server.process.send_signal(number)
            assert server.end() == (0, b"stopped\n", b"")

    def test_says_that_the_port_is_taken(self, udp_server):
        """A second server on the port ends with one line on stderr and status 1."""
        status, said, errors = run("udp_echo_server", *udp_server.arguments)
        assert (status, said) == (1, b"")
        assert errors.startswith(b"cannot serve on 127.0.0.1:%d: " % udp_server.address[1])
        assert errors.count(b"\n") == 1


class TestUdpClient:
    def test_sends_each_line_as_a_datagram(self):
        """One line is one datagram without its newline, and an empty line is an empty datagram."""
        with datagram_socket() as (server, arguments), Script("udp_echo_client", *arguments) as client:
            for message in (b"hello", b"", b"\xff\xfe"):
                client.type(message + b"\n")
                received, address = server.recvfrom(65535)
                assert received == message
                server.sendto(received, address)
                assert client.line().rstrip(b"\r\n") == message
            assert client.end() == (0, b"", b"")

    def test_copies_its_input(self, udp_server):
        """Through client and server every line comes back, empty ones and ones that are no text too."""
        data = b"hello\n\n\xff\xfe\x00\r\n" + b"y" * 9000 + b"\n"
        assert run("udp_echo_client", *udp_server.arguments, data=data) == (0, data, b"")

    def test_reports_a_lost_datagram_and_goes_on(self):
        """A line without answer is reported after the timeout, the next is sent, and the status is 1."""
        with (
            datagram_socket() as (server, arguments),
            Script("udp_echo_client", "--timeout", "0.3", *arguments) as client,
        ):
            client.type(b"lost\nfound\n")
            assert server.recv(10) == b"lost"
            message, address = server.recvfrom(10)
            assert message == b"found"
            server.sendto(message, address)
            assert client.end() == (1, b"found\n", b"no answer to 4 bytes: timed out\n")

    def test_ignores_strangers_and_late_answers(self):
        """A datagram from another address, or one that answers an earlier line, is not taken for the answer."""
        with (
            datagram_socket() as (server, arguments),
            datagram_socket() as (stranger, strange),
            Script("udp_echo_client", *arguments) as client,
        ):
            client.type(b"hello\n")
            message, address = server.recvfrom(10)
            stranger.sendto(message, address)
            server.sendto(b"older", address)
            server.sendto(message, address)
            status, said, errors = client.end()
            assert (status, said) == (0, b"hello\n")
            assert errors.decode().splitlines() == [
                "ignored 5 bytes from {} port {}: not the answer".format(*strange),
                "ignored 5 bytes from {} port {}: not the answer".format(*arguments),
            ]

    def test_a_stranger_does_not_prolong_the_wait(self):
        """The timeout counts from the sending, however many datagrams come from elsewhere in the meantime."""
        with (
            datagram_socket() as (server, arguments),
            Script("udp_echo_client", "--timeout", "0.5", *arguments) as client,
        ):
            client.type(b"hello\n")
            client.process.stdin.close()
            _, address = server.recvfrom(10)
            with datagram_socket() as (stranger, _):
                deadline = time.monotonic() + PATIENCE
                while client.process.poll() is None and time.monotonic() < deadline:
                    stranger.sendto(b"hello", address)
                assert client.process.poll() is not None
            status, said, errors = client.end()
            assert (status, said) == (1, b"")
            assert errors.endswith(b"no answer to 5 bytes: timed out\n")

    @pytest.mark.skipif(sys.platform == "darwin", reason="macOS sends 9216 bytes at most unless told otherwise")
    def test_returns_the_longest_datagram(self, udp_server):
        """65507 bytes, all that UDP over IPv4 can carry, come back."""
        data = b"y" * 65507 + b"\n"
        assert run("udp_echo_client", *udp_server.arguments, data=data) == (0, data, b"")

    def test_reports_a_line_that_fits_no_datagram(self, udp_server):
        """One byte more is reported with the limit, counts as unanswered, and the next line is sent all the same."""
        data = b"y" * 65508 + b"\nnext\n"
        status, said, errors = run("udp_echo_client", *udp_server.arguments, data=data)
        assert (status, said) == (1, b"next\n")
        assert errors == (
            b"no answer to 65508 bytes: not sent, as a datagram holds at most 65507 (over IPv4; on some systems less)\n"
        )

    @pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "soon"])
    def test_refuses_a_timeout_that_is_none(self, timeout):
        """A time that a socket cannot wait is a usage error, status 2, not a traceback."""
        status, _, errors = run("udp_echo_client", f"--timeout={timeout}")
        assert status == 2
        assert b"invalid seconds value" in errors


@with_ipv6
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_serves_over_ipv6(kind):
    """Server and client take an IPv6 address, and the server prints it in brackets."""
    with Server(f"{kind}_echo_server", host="::1") as server:
        assert run(f"{kind}_echo_client", *server.arguments, data=b"six\n") == (0, b"six\n", b"")
        server.wait_for(b"[::1]:")


@pytest.mark.parametrize("script", ["tcp_echo_server", "tcp_echo_client", "udp_echo_server", "udp_echo_client"])
class TestEveryScript:
    @pytest.mark.parametrize("host", ["a..b", "x" * 64])
    def test_reports_a_host_that_cannot_be(self, script, host):
        """A host with an empty or too long label (RFC 1035 section 2.3.4) is one line on stderr and status 1."""
        status, said, errors = run(script, host, "7007", data=b"x\n")
        assert (status, said, errors.count(b"\n")) == (1, b"", 1)
        assert host.encode() in errors

    def test_reports_a_host_that_does_not_exist(self, script):
        """A name that the resolver does not know is one line on stderr and status 1; no name server is asked here."""
        unknown = (
            "import socket; from unittest.mock import Mock; error = socket.gaierror(socket.EAI_NONAME, 'not known')"
        )
        unknown += "; socket.getaddrinfo = Mock(side_effect=error)"
        status, said, errors = run(script, "no-such-host.invalid", "7007", data=b"x\n", patch=unknown)
        assert (status, said, errors.count(b"\n")) == (1, b"", 1)
        assert b"no-such-host.invalid" in errors
        assert b"not known" in errors

    @pytest.mark.parametrize("port", ["70000", "-1", "http"])
    def test_refuses_a_port_that_is_none(self, script, port):
        """A port outside 0 to 65535 is a usage error, status 2, and never another port."""
        status, _, errors = run(script, "--", "127.0.0.1", port)
        assert status == 2
        assert b"invalid port_number value" in errors
