"""What ``doctor`` shows to people: part by part, each with what could be wrong in it and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from intermodal.cli.terminal import GOOD, MINOR, NOTE, ODD, milliseconds, new_console, print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intermodal.cli.doctor.chain import Link
    from intermodal.cli.doctor.seen import Examination, Finding, Handshake, Name, Store

#: So many names of a certificate are shown.
_NAMES = 8


def show_examination(seen: Examination) -> None:
    """Show every part, then what was sent, then the verdict."""
    parts = {
        "request": _request(seen),
        "proxy": _proxy(seen),
        "names": [line for name in seen.names for line in _name(name)],
        "trust": [_store(store) for store in seen.trust],
        "tls": [line for handshake in seen.tls for line in _handshake(handshake)],
        "transports": _transports(seen),
    }
    lines = []
    for part, shown in parts.items():
        found = [finding for finding in seen.findings if finding.part == part]
        if part == "transports":  # what one of them would refuse stands in its own line
            found = [finding for finding in found if finding.stands_in_the_way]
        if shown or found:
            title = Text("TLS" if part == "tls" else part, "bold")
            lines += [title, *shown, *(line for finding in found for line in _finding(finding))]
    lines += [Text(), *_end(seen)]
    print_lines(new_console(), *map(_harmless, lines))


def _harmless(line: Text) -> Text:
    """Take what is not printable out of a line: most of it was written by strangers, and a terminal obeys it."""
    line.plain = "".join(sign if sign.isprintable() else "?" for sign in line.plain)
    return line


def _line(what: str, *rest: str | tuple[str, str]) -> Text:
    return Text.assemble(f"  {what:10}  ", *rest)


def _request(seen: Examination) -> list[Text]:
    asked = seen.request
    if asked is None:
        return []
    shown = [("URL", asked.url), ("target", asked.target), ("Host", asked.host), ("origin", asked.origin)]
    if asked.unix_socket is not None:
        shown.append(("over", f"the Unix socket {asked.unix_socket}"))
    if asked.login:
        shown.append(("login", "Authorization: Basic ***, from the netrc file"))
    return [_line(*each) for each in shown]


def _proxy(seen: Examination) -> list[Text]:
    if seen.proxy is None:
        return []
    if seen.proxy.proxy is None:
        return [Text(f"  none: {seen.proxy.by}")]
    return [Text(f"  {seen.proxy.proxy}, chosen by {seen.proxy.by}")]


def _name(name: Name) -> Iterator[Text]:
    yield Text.assemble(
        f"  the {name.whose} {name.host} port {name.port}", (f", looked up in {milliseconds(name.seconds)}", MINOR)
    )
    width = max((len(each.address) for each in name.addresses), default=0)
    for each in name.addresses:
        says: tuple[str, str]
        if each.accepts is None:
            says = "for the proxy to connect to", MINOR
        elif each.accepts:
            says = f"takes connections, after {milliseconds(each.seconds)}", GOOD
        else:
            says = f"! {each.why}", ODD
        yield Text.assemble(f"    {each.address:{width}}  {each.family}  ", says)


def _store(store: Store) -> Text:
    if store.kind == "nothing":
        what = "nothing: no check at all"
    elif store.kind == "system":
        what = f"the system's trust store{f': {store.path}' if store.path else ' (truststore)'}"
    else:
        what = f"the {store.kind} {store.path}"
        if store.authorities is not None:
            what += f", {store.authorities} certificate{'' if store.authorities == 1 else 's'}"
    by = "" if store.by == "default" else f", chosen by {store.by}"
    return Text(f"  the {store.whose}'s certificate is checked against {what}{by}")


def _handshake(handshake: Handshake) -> Iterator[Text]:
    verdict = ("accepted", GOOD) if handshake.accepted else ("! not accepted", ODD)
    if handshake.accepted and not handshake.checked:
        verdict = "not checked", NOTE
    spoken = (handshake.version, handshake.cipher, f"ALPN {handshake.alpn}" if handshake.alpn else "no ALPN")
    yield Text.assemble(
        f"  with the {handshake.whose} {handshake.hostname} port {handshake.port}: ",
        ", ".join(each for each in spoken if each),
    )
    yield Text.assemble("  certificate: ", verdict, (f", SHA-256 {handshake.sha256}", MINOR))
    if not handshake.accepted:
        yield Text("  what it sent, read in a second handshake that checks nothing; nothing was sent on it:", MINOR)
    for number, link in enumerate(handshake.chain, 1):
        yield from _link(number, link)


def _link(number: int, link: Link) -> Iterator[Text]:
    yield Text(f"    {number}  {link.subject}")
    yield Text(f"       issued by {link.issuer}")
    left = f"{link.days_left} days left" if link.days_left >= 0 else f"over for {-link.days_left - 1} days"
    yield Text(f"       valid from {link.not_before} to {link.not_after} ({left})")
    if link.names:
        more = len(link.names) - _NAMES
        yield Text(f"       for {', '.join(link.names[:_NAMES])}{f' and {more} more' if more > 0 else ''}")
    if link.fault:
        yield Text(f"       ! {link.fault}", ODD)


def _transports(seen: Examination) -> list[Text]:
    width = max((len(verdict.name) for verdict in seen.transports), default=0)
    lines = [
        Text.assemble(
            f"  {verdict.name:{width}}  ",
            ("would send it", GOOD) if verdict.sends else (f"! would refuse it: {verdict.why}", ODD),
        )
        for verdict in seen.transports
    ]
    return [*lines, *(Text(f"  skipped: {why}", NOTE) for why in seen.skipped.values())]


def _finding(finding: Finding) -> Iterator[Text]:
    mark, style = ("!", ODD) if finding.stands_in_the_way else ("note:", NOTE)
    yield Text(f"  {mark} {finding.says}", style)
    if finding.do:
        yield Text(f"    -> {finding.do}", style)


def _end(seen: Examination) -> Iterator[Text]:
    if seen.phases:
        yield Text(f"the road: {', '.join(f'{phase} {milliseconds(took)}' for phase, took in seen.phases)}", MINOR)
    sent = f"; sent on the way: {seen.sent}" if seen.sent else ""
    yield Text(f"no request was sent{sent}", MINOR)
    if seen.could_be_sent:
        yield Text("a request could be sent", "bold green")
        return
    faults = [finding.part for finding in seen.findings if finding.stands_in_the_way]
    parts = ", ".join("TLS" if part == "tls" else part for part in dict.fromkeys(faults))
    yield Text(f"no request could be sent: see {parts}", ODD)
