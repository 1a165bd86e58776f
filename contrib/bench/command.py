"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine, plot, tables
from bench.bodies import write_large
from bench.cases import BY_NAME, CASES, Place
from bench.contestants import ENTRIES
from bench.goals import judge
from bench.rounds import Contest, Outcome
from bench.server import NoServer, find_nginx, running, serving
from bench.workers import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.goals import Verdict

ROOT = Path(__file__).resolve().parents[2]

#: How long a contestant works in one round, in seconds.
TURN = 0.05

#: The part of the cores that may be busy beforehand.
BUSY = 0.25


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Intermodal beside the libraries below it and their peers."
    )
    parser.add_argument(
        "--case",
        action="append",
        choices=list(BY_NAME),
        metavar="CASE",
        help=f"only this one: {', '.join(BY_NAME)}; may be repeated",
    )
    parser.add_argument(
        "--only", metavar="NAMES", help="only contestants whose names hold one of these, with commas between"
    )
    parser.add_argument("--rounds", type=int, default=15, help="how many rounds (15)")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a look, not a measurement")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "build" / "bench.json", help="where the samples go (build/bench.json)"
    )
    parser.add_argument(
        "--svg", type=Path, nargs="?", const=ROOT / "docs" / "bench.svg", help="draw the plot (docs/bench.svg)"
    )
    parser.add_argument("--strict", action="store_true", help="end with status 1 if a goal is missed")
    return parser


@contextlib.contextmanager
def _place(core: int | None) -> Iterator[Place]:
    """Run both servers."""
    with contextlib.ExitStack() as open_things:
        root = Path(open_things.enter_context(tempfile.TemporaryDirectory(prefix="intermodal-bench-")))
        (root / "pages").mkdir()
        (root / "cache").mkdir()
        file = root / "pages" / "large"
        checksum = write_large(file)
        nginx = open_things.enter_context(serving(root, core))
        command = [sys.executable, "-m", "bench.side_server", str(checksum)]
        side = open_things.enter_context(running(command, core, environment()))
        assert side.stdout is not None
        port = int(side.stdout.readline())
        yield Place(
            **nginx,
            side=f"http://127.0.0.1:{port}",
            file=str(file),
            small_file=str(file.with_name("middle")),
            checksum=checksum,
            cache=str(root / "cache"),
        )


def main() -> int:
    """Run the benchmark; the exit status."""
    given = _arguments().parse_args()
    rounds, turn = (min(given.rounds, 5), TURN / 2) if given.quick else (given.rounds, TURN)
    entries = [
        entry for entry in ENTRIES if not given.only or any(part in entry.name for part in given.only.split(","))
    ]
    cases = [case for case in CASES if not given.case or case.name in given.case]
    client_core, server_core = machine.cores()
    outcomes: dict[str, Outcome] = {}
    began = time.monotonic()
    try:
        about = machine.describe(find_nginx())
        if machine.load() > BUSY:
            print(
                f"The machine is busy with something else ({machine.load():.0%}): what follows is noise.",
                file=sys.stderr,
            )
        with _place(server_core) as place:
            for case in cases:
                outcomes[case.name] = Contest(case, place, client_core, turn).play(entries, rounds)
                print(tables.case_table(case, outcomes[case.name]), flush=True)
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1
    versions = {name: version for outcome in outcomes.values() for name, version in outcome.versions.items()}
    verdicts = list(judge(outcomes))
    print(tables.goal_table(verdicts))
    pinned = (
        f"client on core {client_core}, servers on core {server_core}"
        if client_core is not None
        else "not pinned to cores"
    )
    about |= {"pinned": pinned, "rounds": str(rounds)}
    print("\n" + "\n".join(f"  {name}: {value}" for name, value in about.items()))
    print("  " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    print(
        f"  took {time.monotonic() - began:.0f} s; samples in {_write(given.json, _document(about, versions, outcomes, verdicts))}"
    )
    if given.svg is not None:
        note = f"Median of {rounds} rounds; shorter is better. Python {about['Python']}, nginx {about['nginx']}, {about['processor']}."
        print(f"  plot in {_write(given.svg, plot.draw(cases, outcomes, note))}")
    failed = any(outcome.failed for outcome in outcomes.values())
    missed = not all(verdict.met for verdict in verdicts)
    return 1 if failed or (given.strict and missed) else 0


def _document(
    about: dict[str, str], versions: dict[str, str], outcomes: dict[str, Outcome], verdicts: list[Verdict]
) -> str:
    """Put everything that was measured into JSON."""
    return json.dumps(
        {
            "machine": about,
            "versions": versions,
            "goals": [{"text": verdict.goal.text, **asdict(verdict)} for verdict in verdicts],
            "cases": {
                name: {"samples": outcome.samples, "absent": outcome.absent} for name, outcome in outcomes.items()
            },
        },
        indent=1,
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
