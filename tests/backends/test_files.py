"""Files as request bodies: sent by the system where that can be, and always exactly what was there when they were measured."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import random
import tempfile
import threading
import tracemalloc
import zlib
from pathlib import Path
from unittest.mock import patch

import pytest
from backends import talk
from backends.talk import Server, goes_on, send, stored

from intermodal.errors import RequestBodyError, TransportError
from intermodal.model.options import Options
from intermodal.model.request import Request

#: What the system sends by itself, it sends over plain connections alone; httpx writes each piece of a body by itself.
BY_THE_SYSTEM = {"socket", "requests", "urllib3"}

#: Large enough that no buffer holds it: some of it is always still to be read from the file.
LARGE = 20_000_000

CONTENT = random.Random(1).randbytes(1_024_000)

schemes = pytest.mark.parametrize("scheme", ["http", "https"])
by_the_system = pytest.mark.parametrize("transport", sorted(BY_THE_SYSTEM), indirect=True)
sends_files = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="this system does not send files by itself")


class Counted:
    """In the place of os.sendfile: counts, and may do something else first."""

    def __init__(self, before=lambda number: None):
        self.calls = []
        self._before = before
        self._sendfile = os.sendfile

    def __call__(self, out_fd, in_fd, offset, count):
        self.calls.append((offset, count))
        self._before(len(self.calls))
        return self._sendfile(out_fd, in_fd, offset, count)


@contextlib.contextmanager
def counting(before=lambda number: None):
    """Count what the system sends."""
    counted = Counted(before)
    with patch.object(os, "sendfile", counted, create=True):
        yield counted.calls


def sum_of(data):
    return len(data), zlib.crc32(data)


def taking(came):
    """A step that takes the body of each request that has one, and answers."""

    def take(connection):
        while connection.head():
            if (body := connection.body()) != (0, 0):
                came.append(body)
            connection.send(talk.OK)

    return take


@sends_files
@schemes
def test_the_system_sends_a_file_over_a_plain_connection(transport, scheme):
    """By sendfile where nothing stands between file and socket, by reading it over TLS; and the same bytes arrive."""
    came = []
    with Server(taking(came), tls=scheme == "https") as server, stored(CONTENT) as file, counting() as calls:
        with send(transport, server, file) as response:
            assert response.content == b"ok"
        assert came == [sum_of(CONTENT)]
        assert bool(calls) == (scheme == "http" and transport.info.name in BY_THE_SYSTEM)
        assert goes_on(transport, server) == 1


@schemes
def test_a_large_file_is_never_in_memory(transport, scheme):
    """Whoever reads it, reads it piece by piece; the system is asked for pieces too, and between two of them is room for an answer."""
    came = []
    with Server(taking(came), tls=scheme == "https") as server, stored(b"x" * LARGE) as file, counting() as calls:
        expected = sum_of(b"x" * LARGE)
        tracemalloc.start()
        try:
            with send(transport, server, file) as response:
                assert response.content == b"ok"
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()
        assert came == [expected]
        assert all(count <= 1 << 20 for _, count in calls)


@schemes
def test_a_file_is_sent_from_where_it_stands(transport, scheme):
    """What lies before its position is not sent, whether that was reached by seek() or by reading."""
    came = []
    with Server(taking(came), tls=scheme == "https") as server, stored(CONTENT) as file:
        file.seek(1000)
        send(transport, server, file).close()
        file.seek(0)
        file.read(77)  # the buffer behind the file has more of it than that
        send(transport, server, file).close()
        assert came == [sum_of(CONTENT[1000:]), sum_of(CONTENT[77:])]


@schemes
def test_a_file_stands_at_its_end_afterwards(transport, scheme):
    """As if it had been read: whoever reads on, reads what lies behind it."""
    came = []
    with Server(taking(came), tls=scheme == "https") as server, stored(CONTENT) as file:
        file.seek(5)
        send(transport, server, file).close()
        assert file.tell() == len(CONTENT)
        assert file.read() == b""


@schemes
def test_the_same_request_sends_the_same_file_again(transport, scheme):
    """From the same place, however often, and wherever the file stands meanwhile."""
    came = []
    with Server(taking(came), tls=scheme == "https") as server, stored(CONTENT) as file:
        file.seek(123)
        request = Request("PUT", server.url, body=file)
        for position in (0, 7, len(CONTENT)):
            with transport.send(request, talk.options()) as response:
                assert response.content == b"ok"
            file.seek(position)
        assert came == [sum_of(CONTENT[123:])] * 3


@sends_files
@by_the_system
def test_two_requests_of_one_file_do_not_disturb_each_other(transport):
    """Eight threads send from one file at once, each its own part: by the system, which shares no position with them."""
    came = {}

    def take(connection):
        while head := connection.head():
            came[talk.field(head, "X-Part")] = connection.body()
            connection.send(talk.OK)

    with Server(*[take] * 8) as server, stored(CONTENT * 4) as file:
        requests = []
        for part in range(8):
            file.seek(part * 100_000)
            requests.append(Request("PUT", server.url, {"X-Part": str(part)}, file))
        threads = [
            threading.Thread(target=lambda request=request: transport.send(request, talk.options()).close())
            for request in requests
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(talk.PATIENCE)
        assert came == {str(part): sum_of((CONTENT * 4)[part * 100_000 :]) for part in range(8)}


@schemes
def test_a_file_that_grows_is_sent_as_far_as_it_was_measured(transport, scheme):
    """A line is added to a log while it is sent: exactly the bytes that were announced go out, and the connection serves again."""
    came = []

    def add(connection):
        connection.head()
        first = connection.exactly(1000)
        with Path(path).open("ab") as more:
            more.write(b"more" * 100_000)
        came.append(first + connection.exactly(len(CONTENT) - 1000))
        connection.send(talk.OK)
        talk.plainly(connection)

    with Server(add, tls=scheme == "https") as server, stored(CONTENT) as file:
        path = file.name
        with send(transport, server, file) as response:
            assert response.content == b"ok"
        assert came == [CONTENT]
        assert file.tell() == len(CONTENT)
        assert goes_on(transport, server) == 1


@schemes
def test_a_file_that_grew_before_it_was_sent_is_sent_as_it_was_measured(transport, scheme):
    """What was there when the request was made is announced, and sent."""
    came = []
    with Server(taking(came), tls=scheme == "https") as server, stored(CONTENT) as file:
        request = Request("PUT", server.url, body=file)
        with Path(file.name).open("ab") as more:
            more.write(b"more" * 100_000)
        transport.send(request, talk.options()).close()
        assert came == [sum_of(CONTENT)]
        assert goes_on(transport, server) == 1, "and not a byte more"


@schemes
@pytest.mark.parametrize("when", ["before", "while"])
def test_a_file_that_shrinks_is_an_error_of_the_body(transport, scheme, when):
    """It ends before the bytes that were announced: RequestBodyError, nothing is made up, nothing hangs."""
    came = []

    def cut(connection):
        connection.head()
        if when == "while":
            connection.exactly(1000)
            os.truncate(path, 2000)
        connection.read_on()
        came.append(connection.size)

    with Server(cut, tls=scheme == "https") as server, stored(b"x" * LARGE) as file:
        path = file.name
        request = Request("PUT", server.url, body=file)
        if when == "before":
            os.truncate(path, 2000)
        with pytest.raises(RequestBodyError, match="ended") as caught:
            transport.send(request, talk.options())
        assert caught.value.request is request
        assert (caught.value.phase, caught.value.transport) == ("send", transport.info.name)
        assert server.talk(1).has_gone()
        assert came[0] < LARGE
        assert goes_on(transport, server) == 2


@schemes
def test_a_file_that_was_closed_before_is_an_error_of_the_body(transport, scheme):
    """RequestBodyError, and its cause says that the file is closed."""
    with Server(taking([]), tls=scheme == "https") as server, stored(CONTENT) as file:
        request = Request("PUT", server.url, body=file)
        file.close()
        with pytest.raises(RequestBodyError, match="closed") as caught:
            transport.send(request, talk.options())
        assert isinstance(caught.value.__cause__, ValueError)
        assert caught.value.phase == "send"
        assert goes_on(transport, server) == 2


class Shouting:
    """A wrapper of a file: what it gives is not what is on the disk, though its descriptor is the file's."""

    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size):
        return self._file.read(size).upper()


class Loud(io.BufferedReader):
    """The same as a class that inherits from the file's."""

    def read(self, size=-1):
        return super().read(size).upper()


class Below(io.FileIO):
    """The same below the buffer of an ordinary file."""

    def readinto(self, buffer):
        count = super().readinto(buffer)
        buffer[:count] = bytes(buffer[:count]).upper()
        return count


TEXT = b"hello world " * 20_000


def _zipped(folder):
    path = Path(folder, "zipped")
    path.write_bytes(gzip.compress(TEXT))
    return gzip.open(path, "rb")


def _plain(folder):
    path = Path(folder, "plain")
    path.write_bytes(TEXT)
    return path


def _spooled(in_memory):
    file = tempfile.SpooledTemporaryFile(max_size=1 << 20 if in_memory else 10)  # noqa: SIM115 - whoever asked closes it
    file.write(TEXT)
    file.seek(0)
    return file


LIKE_FILES = {
    "gzip.GzipFile": (_zipped, TEXT),
    "io.BytesIO": (lambda _: io.BytesIO(TEXT), TEXT),
    "a spooled file in memory": (lambda _: _spooled(True), TEXT),
    "a spooled file on disk": (lambda _: _spooled(False), TEXT),
    "a wrapper": (lambda folder: Shouting(_plain(folder).open("rb")), TEXT.upper()),
    "a subclass": (lambda folder: Loud(io.FileIO(_plain(folder))), TEXT.upper()),
    "a wrapper below a buffer": (lambda folder: io.BufferedReader(Below(_plain(folder))), TEXT.upper()),
    "a file that is written to": (lambda folder: _plain(folder).open("r+b"), TEXT),
    "a file without a buffer": (lambda folder: _plain(folder).open("rb", buffering=0), TEXT),
}


@pytest.mark.parametrize("kind", LIKE_FILES)
def test_what_a_file_gives_is_what_is_sent(transport, kind):
    """The bytes that ``read`` gives, and not what lies in the file below."""
    make, given = LIKE_FILES[kind]
    came = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(taking(came)) as server,
        contextlib.closing(make(folder)) as file,
    ):
        with send(transport, server, file) as response:
            assert response.content == b"ok"
        assert came == [sum_of(given)]


@sends_files
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_that_the_system_cannot_send_is_read(transport, number):
    """Some file systems know no sendfile: then the file is read, from its first byte on."""

    def fail(_):
        raise OSError(number, os.strerror(number))

    came = []
    with Server(taking(came)) as server, stored(CONTENT) as file, counting(fail) as calls:
        file.seek(10)
        with send(transport, server, file) as response:
            assert response.content == b"ok"
        assert came == [sum_of(CONTENT[10:])]
        assert len(calls) == (1 if transport.info.name in BY_THE_SYSTEM else 0)
        assert file.tell() == len(CONTENT)
        assert goes_on(transport, server) == 1


@sends_files
def test_a_file_that_the_system_stops_to_send_is_read_from_there(transport):
    """The second call fails: no byte is lost and none goes out twice."""
    came = []

    def fail_later(number):
        if number > 1:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    with Server(taking(came)) as server, stored(CONTENT * 20) as file, counting(fail_later):
        with send(transport, server, file) as response:
            assert response.content == b"ok"
        assert came == [sum_of(CONTENT * 20)]


@sends_files
def test_a_file_that_cannot_be_read_either_is_an_error_of_the_body(transport):
    """The disk fails: RequestBodyError with the system's error as its cause, over each of them."""

    class Failing(io.FileIO):
        def readinto(self, buffer):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        readall = read = None

    def fail(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Server(taking([])) as server, stored(CONTENT) as file, counting(fail):
        failing = io.BufferedReader(Failing(file.fileno(), closefd=False))
        with pytest.raises(RequestBodyError) as caught:
            send(transport, server, failing)
        assert caught.value.__cause__.errno == errno.EIO
        assert server.talk(1).has_gone()
        assert goes_on(transport, server) == 2


@sends_files
@by_the_system
@pytest.mark.parametrize("number", [errno.EPIPE, errno.ECONNRESET])
def test_a_connection_that_is_lost_under_the_system_is_no_fault_of_the_file(transport, number):
    """The peer is gone while the system sends: as with any other body, what it has answered counts, else Disconnected."""
    failed = threading.Event()

    def fail(_):
        failed.set()
        raise OSError(number, os.strerror(number))

    def leave(connection):
        connection.head()
        assert failed.wait(talk.PATIENCE)
        connection.end()
        connection.read_on()

    with Server(leave) as server, stored(CONTENT) as file, counting(fail):
        with pytest.raises(TransportError) as caught:
            send(transport, server, file)
        error = caught.value
        assert (type(error).__name__, error.phase, error.delivery) == ("Disconnected", "wait", "maybe_sent")
        assert goes_on(transport, server) == 2


def test_an_empty_file_is_no_body(transport):
    """Nothing is announced but that, and nothing is sent; so too for a file that stands at its end."""
    with Server(talk.plainly) as server, stored(b"") as empty, stored(CONTENT) as file:
        file.seek(0, io.SEEK_END)
        for body in (empty, file):
            with send(transport, server, body) as response:
                assert response.content == b"ok"
        assert [talk.field(head, "Content-Length") for head in server.talk(1).heads] == ["0", "0"]
        assert [talk.field(head, "Transfer-Encoding") for head in server.talk(1).heads] == [None, None]


def test_a_file_that_is_refused_stands_between_start_and_end(transport):
    """413 in the middle: it can be sent again, from its start, by the same request."""
    came = []

    def refuse(connection):
        connection.head()
        connection.exactly(1000)
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.hold()

    with Server(refuse, taking(came)) as server, stored(b"x" * LARGE) as file:
        request = Request("PUT", server.url, body=file)
        with transport.send(request, talk.options()) as response:
            assert response.status_code == 413
        assert not file.closed
        with transport.send(request, talk.options()) as response:
            assert response.content == b"ok"
        assert came == [sum_of(b"x" * LARGE)]


def test_what_goes_out_is_the_same_everywhere(all_transports):
    """Head and content of a file's part, as written by hand, over each of the four."""
    came = {}

    def taking_as(name):
        def take(connection):
            head = connection.head()
            came[name] = head + connection.exactly(len(CONTENT) - 4)
            connection.send(talk.OK)

        return take

    for name, transport in all_transports.items():
        with Server(taking_as(name)) as server, stored(CONTENT) as file:
            file.seek(4)
            transport.send(Request("PUT", server.url, {"Host": "h"}, file), Options()).close()
    expected = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1023996\r\n\r\n" + CONTENT[4:]
    assert came == dict.fromkeys(all_transports, expected)
