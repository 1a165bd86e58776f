"""What the commands show to people: tables on a terminal, plain text elsewhere, narrow text where a table has no room."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from intermodal.cli.terminal import GOOD, MINOR, NOTE, ODD, milliseconds, new_console, print_lines
from intermodal.protocol import Capability, Guarantee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from intermodal.cli.installed import Installed
    from intermodal.testing.compare import Comparison, Row
    from intermodal.testing.outcomes import Outcome
    from intermodal.testing.tour import Exchange


@contextlib.contextmanager
def progress(*, wanted: bool) -> Iterator[Callable[[Exchange], object]]:
    """Show on a terminal which exchange is under way; give what is to be told of each."""
    console = new_console()
    if not wanted or not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield lambda exchange: status.update(Text(exchange.name))


# --- compare ----------------------------------------------------------------------------------------------------------


def show_comparison(compared: Comparison, installed: Installed) -> None:
    """Show every result, then each difference, then what else there is to know, then the verdict."""
    console = new_console()
    table = _table(compared)
    anywhere = console.options.update(max_width=1000)  # a measure is cut to the width that there is
    if Measurement.get(console, anywhere, table).minimum <= console.width:
        console.print(table)
    else:
        print_lines(console, Text(f"over {', '.join(compared.transports)}:", "bold"))
        for row in compared.rows:
            print_lines(console, *_narrow(row))
        print_lines(console, Text(f"median time: {_medians(compared)}", MINOR))
    print_lines(console, *_differences(compared))
    print_lines(console, *[Text(line, NOTE) for line in _notes(compared, installed)])
    print_lines(console, Text(_summary(compared), "bold green" if compared.identical else ODD))


def _table(compared: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_footer=True)
    table.add_column("exchange", no_wrap=True, footer=Text("median time", MINOR))
    for name in compared.transports:
        # A result stays on one line; an error's name and its phase may stand on two.
        width = max((len(_result(row, name)) for row in compared.rows if "·" in _result(row, name)), default=0)
        table.add_column(name, min_width=width, footer=Text(milliseconds(compared.median_seconds(name)), MINOR))
    table.add_column("wire", no_wrap=True)
    table.add_column("verdict")
    for row in compared.rows:
        cells = [Text(_result(row, name), _style(row, name)) for name in compared.transports]
        table.add_row(Text(row.exchange.name), *cells, _wire(row), _verdict(row))
    return table


def _narrow(row: Row) -> Iterator[Text]:
    """Show a row on one line; where results are not the same, each on a line of its own."""
    together: dict[str, list[str]] = {}
    for name in row.outcomes:
        together.setdefault(_result(row, name), []).append(name)
    same = next(iter(together), "") if len(together) < 2 else ""
    wire = _wire(row)
    wire.align("left", 10)
    yield Text.assemble(f"{row.exchange.name:18}{same:28}", wire, _verdict(row))
    if not same:
        for result, names in together.items():
            yield Text(f"    {result:28}{', '.join(names)}", _style(row, names[0]))


def _result(row: Row, name: str) -> str:
    outcome = row.outcomes.get(name)
    if outcome is None:
        return "-"
    mark = "!" if any(name in difference.odd for difference in row.differences) else ""
    return mark + ("refused" if name in row.refused else _brief(outcome))


def _brief(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"{outcome.error} {outcome.phase or ''}".rstrip()
    return f"{outcome.status} · {_size(len(outcome.body))}"


def _style(row: Row, name: str) -> str:
    if any(name in difference.odd for difference in row.differences):
        return ODD
    outcome = row.outcomes.get(name)
    return MINOR if outcome is None or name in row.refused else "cyan" if outcome.error else ""


def _wire(row: Row) -> Text:
    if any(difference.field == "wire" for difference in row.differences):
        return Text("differs", ODD)
    wires = [outcome.wire for name, outcome in row.outcomes.items() if name not in row.refused]
    if not wires or None in wires:
        return Text("not seen", MINOR)
    size = min(sum(map(len, wire or ())) for wire in wires)  # they differ in length after an early answer alone
    return Text(f"= {_size(size)}" if size else "nothing", GOOD)


def _verdict(row: Row) -> Text:
    if row.skipped:
        return Text("skipped", NOTE)
    if row.differences:
        return Text(f"differs: {', '.join(difference.field for difference in row.differences)}", ODD)
    return Text("identical", GOOD)


def _differences(compared: Comparison) -> Iterator[Text]:
    """Show each difference once, with the exchanges that have it."""
    together: dict[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]], list[str]] = {}
    for row in compared.rows:
        for difference in row.differences:
            key = (difference.field, tuple(difference.shown.items()), difference.odd)
            together.setdefault(key, []).append(row.exchange.name)
    for (field, shown, odd), exchanges in together.items():
        yield Text()
        yield Text.assemble("difference in ", (field, "bold"), f": {', '.join(exchanges)}")
        names: dict[str, list[str]] = {}
        for name, value in shown:
            names.setdefault(value, []).append(name)
        width = max(len(", ".join(each)) for each in names.values())
        for value, each in names.items():
            yield Text(f"    {', '.join(each):{width}}  {value}", ODD if each[0] in odd else "")


def _notes(compared: Comparison, installed: Installed) -> Iterator[str]:
    yield ""
    yield f"wire: {compared.wire}"
    for row in compared.rows:
        if row.skipped:
            yield f"{row.exchange.name}: skipped, {row.skipped}"
        for name, missing in row.refused.items():
            yield f"{row.exchange.name}: refused by {name}, which does not declare {missing}"
        if row.varying:
            first = next(name for name in row.outcomes if name not in row.refused)
            yield (
                f"{row.exchange.name}: not compared, for the server varies it by itself"
                f" (it differed between two requests over {first}): {', '.join(row.varying)}"
            )
    for why in installed.skipped.values():
        yield f"skipped: {why}"


def _summary(compared: Comparison) -> str:
    count = f"{_plural(len(compared.rows), 'exchange')} over {_plural(len(compared.transports), 'transport')}"
    skipped = sum(bool(row.skipped) for row in compared.rows)
    different = sum(not row.identical for row in compared.rows)
    same = len(compared.rows) - skipped - different
    if len(compared.transports) < 2:
        return f"{count}: nothing to compare it with"
    if not skipped and not different:
        but = ", but for what the server varies by itself" * any(row.varying for row in compared.rows)
        return f"{count}: all identical{but}"
    parts = (
        [f"{same} identical"] + [f"{different} different"] * bool(different) + [f"{skipped} skipped"] * bool(skipped)
    )
    return f"{count}: {', '.join(parts)}"


def _medians(compared: Comparison) -> str:
    return ", ".join(f"{name} {milliseconds(compared.median_seconds(name))}" for name in compared.transports)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    """Give a size in decimal units, three digits of it.

    >>> [_size(count) for count in (0, 999, 1000, 12345, 262144, 1000000, 16 << 20)]
    ['0 B', '999 B', '1.0 KB', '12.3 KB', '262 KB', '1.0 MB', '16.8 MB']
    """
    if count < 1000:
        return f"{count} B"
    value, unit = (count / 1000, "KB") if count < 999_500 else (count / 1_000_000, "MB")
    return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"


# --- transports -------------------------------------------------------------------------------------------------------


def show_transports(installed: Installed) -> None:
    """Show the transports side by side: a column each, a row for each thing that one can do or guarantees."""
    console = new_console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in installed.infos:
        table.add_column(name)
    infos = installed.infos.values()
    table.add_row("distribution", *(installed.registered[name].distribution for name in installed.infos))
    table.add_row("version", *(info.version for info in infos))
    _flags(table, "can", Capability, [info.capabilities for info in infos])
    _flags(table, "guarantees", Guarantee, [info.guarantees for info in infos])
    if installed.infos:
        console.print(table)
    print_lines(console, *[Text(f"unavailable: {why}", NOTE) for why in installed.skipped.values()])


def _flags(
    table: Table, title: str, kind: Iterable[Capability | Guarantee], held: list[Capability] | list[Guarantee]
) -> None:
    table.add_section()
    table.add_row(Text(title, "bold"))
    for flag in kind:
        if flag.value:  # Python 3.10 lists NONE too
            cells = (Text("yes", GOOD) if flag in each else Text("-", MINOR) for each in held)  # type: ignore[operator]
            table.add_row(f"  {str(flag.name).lower().replace('_', ' ')}", *cells)
