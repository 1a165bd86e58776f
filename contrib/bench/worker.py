"""The process of one contestant in one case: told how often over stdin, answers over stdout, one JSON a line.

    python -m bench.worker CONTESTANT CASE CORE PLACE

A process of its own keeps imports, memory and threads of one contestant from those of another.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from bench import cases, contestants

if TYPE_CHECKING:
    from bench.jobs import Job


def prepare(name: str, case: str, place: cases.Place) -> tuple[Job | None, dict[str, Any]]:
    """Make the job, and what is said of it first: the version of the library, or why there is no job."""
    entry = contestants.BY_NAME[name]
    try:
        job = cases.BY_NAME[case].job(entry.make(), place)
    except ModuleNotFoundError as error:
        return None, {"absent": f"{error.name} is not installed"}
    except NotImplementedError:
        return None, {"absent": "does not offer this"}
    version = importlib.metadata.version(entry.distribution) if entry.distribution else sys.version.split()[0]
    return job, {"version": version}


def main() -> None:
    """Work, and end at once: what the libraries left open, the system closes."""
    status = 1
    try:
        work()
        status = 0
    except Exception:  # noqa: BLE001 - told to whoever runs the benchmark
        traceback.print_exc()
    finally:
        os._exit(status)


def work() -> None:
    """Prepare, and do what is asked until stdin ends."""
    name, case, core, place = sys.argv[1:]
    if core != "-":
        os.sched_setaffinity(0, {int(core)})
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)  # a library that prints does not speak in our name
        job, first = prepare(name, case, cases.Place(**json.loads(place)))
        answers.write(json.dumps(first) + "\n")
        if job is not None:
            for line in sys.stdin:
                answers.write(json.dumps(job.measure(int(line))) + "\n")


if __name__ == "__main__":
    main()
