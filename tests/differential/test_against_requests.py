"""The same calls through requests and through Intermodal, over each transport: the same request, the same outcome."""

import pytest
from differential.calls import ROWS
from differential.declared import DECLARED, OLDER, WAS_OTHERWISE
from differential.seen import differing, judge
from differential.world import REQUESTS
from fleet import TRANSPORTS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_server_sees_and_the_caller_gets_the_same(world, row):
    """What servers saw and what the caller got agree with requests, or the page says why not."""
    if OLDER and row.name in WAS_OTHERWISE:
        pytest.skip(f"this requests is older than the table: {WAS_OTHERWISE[row.name]}")
    theirs = world.run(row, REQUESTS)
    wrong = {name: judge(differing(theirs, world.run(row, name)), DECLARED.get(row.name, {})) for name in TRANSPORTS}
    lines = {}
    for name, each in wrong.items():
        for line in each:
            lines.setdefault(line, []).append(name)
    assert not lines, "\n".join(
        f"[{'all' if len(names) == len(TRANSPORTS) else ', '.join(names)}] {line}" for line, names in lines.items()
    )
