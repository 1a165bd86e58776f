"""What callers give as ``files``, with ``data`` beside them: a multipart/form-data body (RFC 7578), streamed.

The order, the names and the heads of the parts are those of requests, byte for byte, so that a server sees no
difference. Unlike requests' the body is never held in memory: it knows how long it will be, where every part does,
and reads each part when its turn has come. Nothing that a caller, or the name of a caller's file, puts into the
head of a part can end it or add to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from intermodal.errors import InvalidHeader, InvalidRequest, RequestBodyError
from intermodal.model.body import PIECE, BinaryFile, Body, BodyInput, as_body
from intermodal.model.headers import FIELD_VALUE, TOKEN, Headers, HeadersInput

if TYPE_CHECKING:
    from intermodal.model.encode import Fields

FileContent = Body | BodyInput | int | float
FileName = str | bytes | None
FileInput = (
    FileContent
    | tuple[FileName, FileContent]
    | tuple[FileName, FileContent, str | None]
    | tuple[FileName, FileContent, str | None, HeadersInput | None]
)

#: By name: a file, bytes, str, or ``(filename, content[, content_type[, headers]])``; pairs may repeat a name.
FilesInput = Mapping[str, FileInput] | Iterable[tuple[str, FileInput]]

#: What RFC 2046 section 5.1.1 allows; what is no token has to stand in quotes.
_BOUNDARY = r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]"
_token = re.compile(TOKEN).fullmatch
_sendable = re.compile(FIELD_VALUE.encode()).fullmatch


def encode_multipart(data: Fields | None, files: FilesInput, *, boundary: str | None = None) -> tuple[Body, str]:
    r"""Give the body and its Content-Type: the fields of ``data``, then ``files``, each in the order they were given.

    In ``data`` lists repeat the name, None is left out, bytes go as they are and all else as ``str()`` has it. A file
    is sent from where it stands. Its filename, where none was given, is the last part of its path, or else the name of
    the field; None as a filename makes a field of it. It has a Content-Type only where one was given: a type guessed
    here would depend on this machine, and one that is not given may be guessed there. None as content leaves it out.

    Names and filenames are written as browsers do (WHATWG HTML, multipart/form-data encoding algorithm): in UTF-8, with
    LF, CR and ``"`` as ``%0A``, ``%0D`` and ``%22``. No server makes sense of control characters other than TAB, and
    to many NUL is the end of a text: they are refused, as in any header. Names given as bytes are not encoded again.

    The body can be read again where every part can, and its length is known where every part's is.

    >>> body, content_type = encode_multipart({"a": 1}, {"f": ('say "hi".txt', b"hello", "text/plain")}, boundary="xx")
    >>> content_type, body.length
    ('multipart/form-data; boundary=xx', 173)
    >>> print(b"".join(body.pieces()).decode().replace("\r", ""), end="")
    --xx
    Content-Disposition: form-data; name="a"
    <BLANKLINE>
    1
    --xx
    Content-Disposition: form-data; name="f"; filename="say %22hi%22.txt"
    Content-Type: text/plain
    <BLANKLINE>
    hello
    --xx--

    Args:
        data: a mapping or pairs of fields.
        files: a mapping or pairs of a name and a binary file, bytes, str (sent as UTF-8), an iterable of bytes, or
            ``(filename, content[, content_type[, headers]])``.
        boundary: a random one by default; one that is given must not occur in any part (RFC 2046 section 5.1.1).

    Raises:
        InvalidHeader: a name, filename, content type or header that cannot stand in the head of a part.
        InvalidRequest: what is neither a mapping nor pairs, or a content that cannot be sent, as a file in text mode.
    """
    if boundary is None:
        boundary = os.urandom(16).hex()
    elif not isinstance(boundary, str) or not re.fullmatch(_BOUNDARY, boundary):
        raise InvalidHeader(
            f"boundary={boundary!r:.80}: expected 1 to 70 letters, digits, spaces and '()+_,-./:=? with no space at"
            " the end (RFC 2046 section 5.1.1)"
        )
    delimiter = f"--{boundary}".encode()
    sources: list[tuple[bytes | Body, str]] = []
    for part in (*_fields(data), *_files(files)):
        sources.append((delimiter + part.head(), ""))
        if part.body is not None:
            sources.append((part.body if part.body.content is None else part.body.content, part.shown))
        delimiter = f"\r\n--{boundary}".encode()  # the line end belongs to the delimiter (RFC 2046 section 5.1.1)
    sources.append((delimiter + b"--\r\n", ""))
    shown = boundary if _token(boundary) else f'"{boundary}"'
    return _joined(sources), f"multipart/form-data; boundary={shown}"


class _Part(NamedTuple):
    """One part, before it is written; what is wrong with it is said when it is."""

    shown: str
    name: Any
    filename: Any
    body: Body | None
    headers: Headers

    def head(self) -> bytes:
        """Give what stands between the delimiter and the content."""
        disposition = b'form-data; name="' + _escaped(self.name, "name") + b'"'
        if self.filename is not None:
            disposition += b'; filename="' + _escaped(self.filename, "filename") + b'"'
        lines = [b"Content-Disposition: " + disposition]
        lines.extend(f"{name}: {value}".encode("latin-1") for name, value in self.headers.pairs)
        return b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"


def _joined(sources: list[tuple[bytes | Body, str]]) -> Body:
    contents = [source for source, _ in sources if isinstance(source, bytes)]
    if len(contents) == len(sources) and sum(map(len, contents)) <= PIECE:
        return Body.of(b"".join(contents))
    length: int | None = 0
    replayable = True
    for source, _ in sources:
        size = _size(source)
        length = None if length is None or size is None else length + size
        replayable = replayable and (isinstance(source, bytes) or source.replayable)
    return Body(lambda: _read(sources), length, replayable=replayable)


def _size(source: bytes | Body) -> int | None:
    return len(source) if isinstance(source, bytes) else source.length


def _read(sources: list[tuple[bytes | Body, str]]) -> Iterator[bytes]:
    """Read one after the other; what is small is put together, because each piece may be a packet."""
    small = bytearray()
    for source, shown in sources:
        size = _size(source)
        if small and (size is None or len(small) + size > PIECE):
            yield bytes(small)
            small.clear()
        if size is None or size > PIECE:
            yield from _pieces(source, shown)
        else:
            for piece in _pieces(source, shown):
                small += piece
    yield bytes(small)


def _pieces(source: bytes | Body, shown: str) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    try:
        yield from source.pieces()  # checks the length: what was cut short is not to look like a whole part
    except RequestBodyError as error:
        raise RequestBodyError(f"in {shown}: {error}") from error


def _pairs(given: object, name: str) -> list[tuple[Any, Any]]:
    items: list[Any]
    if isinstance(given, Mapping):
        items = list(given.items())
    elif isinstance(given, list | tuple) or (
        isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | memoryview | BinaryFile)
    ):
        items = list(given)
    else:  # a file is not read to find out that its lines are no pairs
        items = [given]
    for item in items:
        if not isinstance(item, tuple | list) or len(item) != 2:
            what = f"a {type(item).__name__}" + (f" of {len(item)}" if isinstance(item, tuple | list) else "")
            raise InvalidRequest(  # and nothing of what is in it, which may be a password
                f"{name} holds {what}: expected a mapping or pairs of (name, value), to be sent as multipart/form-data"
            )
    return [(key, value) for key, value in items]


def _fields(data: object) -> Iterator[_Part]:
    for name, value in _pairs(() if data is None else data, "data"):
        single = isinstance(value, str | bytes | bytearray | memoryview | Mapping) or not isinstance(value, Iterable)
        if not isinstance(value, str | bytes) and isinstance(value, BinaryFile):  # whose lines would be fields
            raise InvalidRequest(
                f"data field {name!r:.60} is a file: give it in files, with None as its filename to make a field of it"
            )
        for each in [value] if single else value:
            if each is not None:
                content = each if isinstance(each, str | bytes | bytearray | memoryview) else str(each)
                yield _part(f"data field {name!r:.60}", name, None, content, Headers())


def _files(files: object) -> Iterator[_Part]:
    for name, value in _pairs(files, "files"):
        shown = f"file {name!r:.60}"
        content_type = headers = None
        if not isinstance(value, tuple | list):
            content = value
            filename = _guessed(value) or name
        elif 2 <= len(value) <= 4 and not (isinstance(value, list) and isinstance(value[0], bytes)):  # or pieces?
            filename, content, content_type, headers = [*value, None, None][:4]
        else:
            raise InvalidRequest(
                f"{shown} is {value!r:.80}: expected a file, bytes, str or"
                " (filename, content[, content_type[, headers]]), in which content may be a list of bytes"
            )
        if content is not None:
            number = isinstance(content, int | float)
            yield _part(
                shown, name, filename, str(content) if number else content, _headers(content_type, headers, shown)
            )


def _part(shown: str, name: object, filename: object, content: Any, headers: Headers) -> _Part:
    try:
        body = as_body(content)
    except InvalidRequest as error:
        raise InvalidRequest(f"{shown}: {error}") from error
    return _Part(shown, name, filename, body, headers)


def _guessed(file: object) -> str | bytes | None:
    """Give the last part of a file's path, if it has one: files without have names such as ``<stdin>``, or a number."""
    name = getattr(file, "name", None)
    if not name or not isinstance(name, str | bytes) or name[:1] in {"<", b"<"} or name[-1:] in {">", b">"}:
        return None
    return os.path.basename(name)  # noqa: PTH119 - which may be bytes


def _headers(content_type: object, given: Any, shown: str) -> Headers:
    """Check the fields of a part's head: Content-Type first, as it was given for itself or else among the others."""
    if given is None:
        own = Headers()
    elif isinstance(given, Headers):
        own = given
    else:
        try:
            items = list(given.items() if isinstance(given, Mapping) else given)
        except TypeError as error:
            raise InvalidHeader(
                f"{shown}: headers is a {type(given).__name__}: expected a mapping or pairs of (name, value)"
            ) from error
        own = Headers([_utf8(item, shown) for item in items])
    if "content-disposition" in own:
        raise InvalidHeader(
            f"{shown}: Content-Disposition is made of the name and the filename (RFC 7578 section 4.2): leave it out"
        )
    if content_type:
        types = Headers([_utf8(("Content-Type", content_type), shown)]).pairs
    else:
        types = tuple(pair for pair in own.pairs if pair[0].lower() == "content-type")
        if len(types) > 1:
            raise InvalidHeader(f"{shown}: Content-Type was given {len(types)} times: a part has one")
    return Headers.trusted([*types, *own.without("content-type").pairs])


def _utf8(item: Any, shown: str) -> Any:
    """Encode the value of a header as the names are encoded; what is no pair, or no text, Headers refuses."""
    if isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[1], str):
        try:
            return item[0], item[1].encode()
        except UnicodeEncodeError as error:
            raise InvalidHeader(f"{shown}: the value of header {item[0]!r:.60} cannot be written: {error}") from error
    return item


def _escaped(text: object, what: str) -> bytes:
    """Write a name or a filename so that it stays within its quotes."""
    if isinstance(text, int | float):
        text = str(text)
    if not isinstance(text, str | bytes):
        raise InvalidHeader(f"a part's {what} is {text!r:.60}, a {type(text).__name__}: expected str")
    try:
        encoded = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise InvalidHeader(f"a part's {what} cannot be written in UTF-8, give it as bytes: {error}") from error
    escaped = encoded.replace(b"\n", b"%0A").replace(b"\r", b"%0D").replace(b'"', b"%22")
    if not _sendable(escaped):
        raise InvalidHeader(
            f"a part's {what} {text!r:.80} holds a control character, which cannot be sent: leave it out"
        )
    return escaped
