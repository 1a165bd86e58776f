"""Why another reader may differ from ours: each reason is an oddity, and taking the oddity away takes the difference away.

A ``Reason`` names the section of ``corpus/independent.md`` that gives the sentence of the RFC, which reader differs and in
what, and how to mend the oddity. A difference is explained where mending one oddity after another leaves nothing of it.
Where we took what was mended, our own reading may change by the mending in nothing but what the reason says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fuzz.anatomy import FOLD, changed, parts
from fuzz.judges import COMPARED, difference, ours, theirs

if TYPE_CHECKING:
    from collections.abc import Callable

    from corpus.independent import Reading
    from fuzz.case import Case

#: Beyond what any input reaches.
_NO_LIMITS = (10**8, 10**6, 10**6, 10**8)


@dataclass(frozen=True)
class Reason:
    """One reason for a difference.

    Attributes:
        title: the section of independent.md.
        readers: whom it explains.
        kinds: what it explains: "taken" (we have an answer, they do not), "refused" (they have, we do not), or the field.
        mend: gives the case without the oddity, or the same where it is not there.
        because: what our error must say where we refused.
        alters: the fields of our reading that the mending may change.
    """

    title: str
    readers: tuple[str, ...]
    kinds: tuple[str, ...]
    mend: Callable[[Case], Case]
    because: str = ""
    alters: tuple[str, ...] = ()


class Unlisted(Exception):
    """A difference that no reason explains."""


REASONS: list[Reason] = []

BOTH = ("h11", "httptools")


def reason(title, readers, kinds, *, because="", alters=(), within=""):
    """Register the function below, from bytes to bytes, as what mends an oddity in some kinds of parts."""

    def register(mend):
        def mended(case: Case) -> Case:
            return replace(case, data=changed(case.data, within, mend) if within else mend(case.data))

        names = readers.split() if isinstance(readers, str) else readers
        REASONS.append(Reason(title, tuple(names), tuple(kinds.split()), mended, because, tuple(alters)))
        return mend

    return register


def explained(case: Case, reader: str, make, ours_now: Reading | None = None) -> list[str]:
    """The titles of the reasons for which a reader differs on a case; none where it does not.

    Raises:
        Unlisted: no reason explains what is left.
    """
    titles: list[str] = []
    ours_now = ours_now or ours(case, make)
    while (kind := difference(ours_now, theirs(case, reader))) is not None:
        for each in REASONS:
            if reader not in each.readers or kind not in each.kinds:
                continue
            if kind == "refused" and not re.search(each.because, ours_now.fault):
                continue
            mended = each.mend(case)
            if mended == case:
                continue
            if kind != "refused":  # what was taken must not become too long by being mended
                mended = replace(mended, limits=_NO_LIMITS)
            ours_mended = ours(mended, make)
            if kind != "refused" and (moved := _moved(ours_now, ours_mended, each)):
                raise Unlisted(f"{reader}: mending {each.title!r} changed our {moved}: {mended!r}")
            titles.append(each.title)
            case, ours_now = mended, ours_mended
            break
        else:
            other = theirs(case, reader)
            raise Unlisted(
                f"{reader} differs, {kind}: ours {ours_now}, theirs {other}, mended so far {titles}: {case!r}"
            )
        if len(titles) > 40:
            raise Unlisted(f"{reader}: mending comes to no end: {case!r}")
    return titles


def _moved(before: Reading, after: Reading, why: Reason) -> str | None:
    if after.fault is not None:
        return "taking it"
    return next(
        (name for name in COMPARED if name not in why.alters and getattr(before, name) != getattr(after, name)), None
    )


# --- limits -----------------------------------------------------------------------------------------------------------

REASONS.append(
    Reason(
        "Limits on heads, trailers, extensions and interim responses",
        BOTH,
        ("refused",),
        lambda case: replace(case, limits=_NO_LIMITS),
        because=r"\(Limits\.",
    )
)


@reason("Limits on numbers", BOTH, "refused", because="^Content-Length", within="interim head")
def _(head):
    """Leave the value of a number with zeros in front; make of a greater one the greatest that is taken."""
    head = re.sub(rb"(?im)^(content-length:[ \t]*)0+(?=\d{1,19}[ \t]*\r?\n)", rb"\1", _unfolded(head))
    return re.sub(rb"(?im)^(content-length:[ \t]*)\d{20,}(?=[ \t]*\r?\n)", rb"\g<1>9999999999999999999", head)


@reason("Limits on numbers", BOTH, "refused", because="^malformed chunk-size", within="size")
def _(line):
    return re.sub(rb"^0+(?=[0-9A-Fa-f])", b"", line)


# --- status lines -----------------------------------------------------------------------------------------------------


@reason(
    "Another major version",
    BOTH,
    "refused",
    because="^(the answer begins with|malformed status line)",
    within="interim head",
)
def _(head):
    return re.sub(rb"^HTTP/[02-9]\.\d (?=\d{3})", b"HTTP/1.1 ", head)


@reason("A higher minor version", BOTH, "version taken", within="interim head")
def _(head):
    return re.sub(rb"^HTTP/1\.[2-9] ", b"HTTP/1.1 ", head)


@reason(
    "Empty lines before the status line",
    "httptools",
    "refused",
    because="^the answer begins with",
    within="interim head",
)
def _(head):
    return head.lstrip(b"\r\n")


@reason("A status below 100", "httptools", "refused", because="^malformed status line", within="interim head")
def _(head):
    return re.sub(rb"^(HTTP/1\.\d )0\d\d(?!\d)", rb"\g<1>200", head)


@reason(
    "NUL, VT and FF in the reason phrase",
    "httptools",
    "refused",
    because="^malformed status line",
    within="interim head",
)
def _(head):
    line, end, fields = head.partition(b"\n")
    return re.sub(rb"[\0\v\f]", b"x", line) + end + fields


@reason("White space around the reason phrase", BOTH, "reason", within="head")
def _(head):
    return re.sub(rb"^(HTTP/1\.\d \d{3} )([^\r\n]*)", lambda line: line[1] + line[2].strip(b" \t"), head)


# --- lines and fields -------------------------------------------------------------------------------------------------


def _unfolded(section: bytes) -> bytes:
    """Join folded lines; a status line cannot be folded."""
    start = section.find(b"\n") + 1 if section.startswith(b"HTTP/") else 0
    return section if section[start : start + 1] in (b" ", b"\t") else section[:start] + FOLD.sub(b" ", section[start:])


@reason("A lone LF as the end of a line", "httptools", "taken", within="interim head trailers")
def _(section):
    return re.sub(rb"(?<!\r)\n", b"\r\n", section)


@reason("Folded lines", "httptools", "taken", within="interim head trailers")
def _(section):
    return _unfolded(section)


@reason("How many spaces stand for a fold", "h11", "headers trailers", within="head trailers")
def _(section):
    return _unfolded(section)


@reason(
    "White space behind a field value",
    "httptools",
    "headers trailers body taken reusable",
    within="interim head trailers",
)
def _(section):
    return re.sub(rb"(?m)^[^\s:]+:[^\r\n]*(?=\r?\n)", lambda line: line[0].rstrip(b" \t"), section)


@reason(
    "Other control characters in a field value",
    "httptools",
    "taken",
    alters=("headers", "trailers"),
    within="interim head trailers",
)
def _(section):
    return re.sub(rb"(?m)^[^\s:]+:[^\r\n]*", lambda line: re.sub(rb"[\x01-\x08\x0e-\x1f\x7f]", b"x", line[0]), section)


# --- framing ----------------------------------------------------------------------------------------------------------


def _values(head: bytes, name: bytes) -> list[bytes]:
    """The values of a field in a head without folds."""
    return [found[1].strip(b" \t") for found in re.finditer(rb"(?im)^" + name + rb":([^\r\n]*)", head)]


def _without(head: bytes, name: bytes) -> bytes:
    return re.sub(rb"(?im)^" + name + rb":[^\n]*\n", b"", head)


def _instead(head: bytes, name: bytes, value: bytes) -> bytes:
    """Put one field in the place of all of that name, where the first stood."""
    first = re.search(rb"(?im)^(" + name + rb"):[^\n]*\n", head)
    rest = _without(head[first.end() :], name)
    return head[: first.start()] + first[1] + b": " + value + b"\r\n" + rest


@reason("A repeated Content-Length, equal each time", BOTH, "headers taken", alters=("headers",), within="interim head")
def _(head):
    head_unfolded = _unfolded(head)
    values = [
        member.strip(b" \t") for value in _values(head_unfolded, b"content-length") for member in value.split(b",")
    ]
    if len(values) < 2 or not all(value.isdigit() for value in values) or len(set(map(int, values))) > 1:
        return head
    return _instead(head_unfolded, b"content-length", values[0])


@reason("The case of a transfer coding", "h11", "headers", alters=("headers",), within="head")
def _(head):
    head = _unfolded(head)
    return re.sub(rb"(?im)^(transfer-encoding:)([^\n]*)", lambda found: found[1] + found[2].lower(), head)


@reason(
    "Transfer-Encoding beside Content-Length",
    "h11 httptools",
    "reusable taken",
    alters=("headers", "reusable"),
    within="interim head",
)
def _(head):
    unfolded = _unfolded(head)
    return _without(unfolded, b"content-length") if _values(unfolded, b"transfer-encoding") else head


@reason("Chunked twice", "httptools", "refused", because="^Transfer-Encoding", within="head")
def _(head):
    head = _unfolded(head)
    codings = b",".join(_values(head, b"transfer-encoding")).lower().split(b",")
    if len(codings) < 2 or {coding.strip(b" \t") for coding in codings} != {b"chunked"}:
        return head
    return _instead(head, b"transfer-encoding", b"chunked")


@reason("An empty member in Transfer-Encoding", "httptools", "refused", because="^Transfer-Encoding", within="head")
def _(head):
    head = _unfolded(head)
    codings = [coding.strip(b" \t") for coding in b",".join(_values(head, b"transfer-encoding")).split(b",")]
    return _as_llhttp_frames(head, codings) if b"" in codings else head


@reason("A transfer coding other than chunked", "httptools", "refused", because="^Transfer-Encoding", within="head")
def _(head):
    head = _unfolded(head)
    return _as_llhttp_frames(
        head, [coding.strip(b" \t") for coding in b",".join(_values(head, b"transfer-encoding")).split(b",")]
    )


def _as_llhttp_frames(head, codings):
    if codings[-1].lower() == b"chunked":
        return _instead(head, b"transfer-encoding", b"chunked")
    return _without(head, b"transfer-encoding")


# --- chunks -----------------------------------------------------------------------------------------------------------


@reason("White space behind a chunk size", "httptools", "taken", within="size")
def _(line):
    return re.sub(rb"^([0-9A-Fa-f]+)[ \t]+(?=\r?\n)", rb"\1", line)


_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_EXTENSIONS = re.compile(
    rb"[0-9A-Fa-f]+(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*\r?\n"
)
_BAD_SPACE = re.compile(rb"(" + _QUOTED + rb")|(?<![ \t])[ \t]*([;=])[ \t]*")


@reason("White space in a chunk extension", BOTH, "taken", within="size")
def _(line):
    if _EXTENSIONS.fullmatch(line):
        return _BAD_SPACE.sub(lambda found: found[1] or found[2], line)
    return re.sub(rb"^([0-9A-Fa-f]+)[ \t]+;", rb"\1;", line)


@reason("A chunk extension without a name", "httptools", "taken", within="size")
def _(line):
    return line if _EXTENSIONS.fullmatch(line) else re.sub(rb";[^\r\n]*", b"", line)


@reason("A bare CR in a chunk extension", "h11", "refused", because="^malformed chunk-size", within="size")
def _(line):
    return re.sub(rb"\r(?!\n)", b"", line) if b";" in line else line


@reason("A framing field among the trailers", BOTH, "taken trailers reusable", alters=("trailers",), within="trailers")
def _(section):
    return _without(_without(_unfolded(section), b"content-length"), b"transfer-encoding")


# --- connections ------------------------------------------------------------------------------------------------------


@reason("An interim response that ends the connection", BOTH, "taken reusable", alters=("reusable",), within="interim")
def _(head):
    head = re.sub(rb"^HTTP/1\.0 ", b"HTTP/1.1 ", _unfolded(head))
    for name in (b"connection", b"proxy-connection"):
        if any(b"close" in value.lower() for value in _values(head, name)):
            head = _without(head, name)
    return head


@reason("A framing field in an interim response", "h11", "taken", within="interim")
@reason(
    "A framing field in an interim response",
    "httptools",
    f"taken refused {' '.join(COMPARED)}",
    because="^the answer begins with|^malformed|^Transfer-Encoding|^Content-Length|^the server closed|^waits|^the body",
    within="interim",
)
def _(head):
    return _without(_without(_unfolded(head), b"content-length"), b"transfer-encoding")


@reason("A connection option among the trailers", "httptools", "reusable", alters=("trailers",), within="trailers")
def _(section):
    return _without(_without(_unfolded(section), b"connection"), b"proxy-connection")


@reason("Chunked from HTTP/1.0", "httptools", "reusable", alters=("reusable", "version"), within="head")
def _(head):
    return re.sub(rb"^HTTP/1\.0 ", b"HTTP/1.1 ", head) if _values(head, b"transfer-encoding") else head


@reason("Keep-alive in HTTP/1.0", "httptools", "reusable", alters=("reusable", "version"), within="head")
def _(head):
    return re.sub(rb"^HTTP/1\.0 ", b"HTTP/1.1 ", head)


@reason("Proxy-Connection in a response", "httptools", "reusable", alters=("headers",), within="head")
def _(head):
    return _without(_unfolded(head), b"proxy-connection")


@reason("Bytes beyond the message", "httptools", "reusable", alters=("reusable",))
def _(data):
    kept = []
    for part in parts(data):
        if part.kind in ("body", "rest"):
            head = _unfolded(kept[-1])
            lengths = _values(head, b"content-length")
            bodiless = re.match(rb"HTTP/1\.\d (204|304|101)", head)
            kept.append(
                b"" if part.kind == "rest" or bodiless else part.data[: int(lengths[0])] if lengths else part.data
            )
        else:
            kept.append(part.data)
    return b"".join(kept)
