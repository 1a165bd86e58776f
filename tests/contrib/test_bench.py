"""The benchmark judges, draws and checks as it says; how fast anything is, no test asks."""

import contextlib
import json
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

CONTRIB = Path(__file__).parents[2] / "contrib"
sys.path.insert(0, str(CONTRIB))
try:
    from bench import cases, command, contestants, figures, goals, jobs, plot, rounds, server, tables, workers
    from bench.bodies import write_large
    from bench.contestants.contestant import Contestant
finally:
    sys.path.remove(str(CONTRIB))

MICRO = 1e-6


def outcome(**walls):
    """Give an outcome of a case: by contestant, microseconds round by round; the processor takes a tenth."""
    names = {"ours": "intermodal/socket"}
    return rounds.Outcome({
        names.get(name, name): [{"wall": wall * MICRO, "cpu": wall * MICRO / 10} for wall in found]
        for name, found in walls.items()
    })  # fmt: skip


def verdict(goal, found):
    """Judge one goal."""
    (only,) = goals.judge({goal.case: found}, [goal])
    return only


def test_a_ratio_is_the_median_of_rounds():
    """A round that is slow for both counts as one round, not as the slowest: ratios are taken before the median."""
    found = outcome(ours=[1, 90, 3], bare=[2, 100, 30])

    judged = verdict(goals.Goal("small-get", goals.OURS, "bare", "time", 1.0), found)

    assert judged.reached == pytest.approx(0.5)  # of 0.5, 0.9 and 0.1; the medians' ratio would be 3 / 30


def test_quartiles():
    """The spread is the median with the quartiles around it, also for one sample."""
    assert figures.spread([5, 1, 3, 2, 4]) == (2, 3, 4)
    assert figures.spread([7]) == (7, 7, 7)


@pytest.mark.parametrize(
    ("figure", "bound", "met"),
    [("time", 0.5, True), ("time", 0.49, False), ("throughput", 2, True), ("throughput", 2.1, False)],
)
def test_which_side_of_the_bound_is_good(figure, bound, met):
    """Half the time is twice the throughput: time must stay below its bound, throughput above."""
    found = outcome(ours=[50, 50], bare=[100, 100])

    assert verdict(goals.Goal("small-get", goals.OURS, "bare", figure, bound), found).met is met


def test_memory_is_judged_by_its_largest_growth():
    """One round in which memory grew too much is enough to miss the goal."""
    goal = goals.Goal("download-64k", goals.OURS, None, "peak", 2.0)

    for grown, met in (([1_900_000, 0], True), ([0, 2_100_000], False)):
        found = rounds.Outcome({goals.OURS: [{"wall": 1.0, "cpu": 1.0, "peak": one} for one in grown]})
        assert verdict(goal, found).met is met


def test_processor_time_judges_where_the_wall_is_noise():
    """Where the rounds disagree by the clock, a goal that allows it is judged by processor time; no other goal is."""
    noisy = rounds.Outcome({
        goals.OURS: [{"wall": wall, "cpu": 1.0} for wall in (1.0, 2.0, 3.0, 4.0)],
        "pycurl": [{"wall": 2.0, "cpu": 2.0}] * 4,
    })  # fmt: skip
    steady = outcome(ours=[99, 100, 101], pycurl=[100, 100, 100])

    def by(found, *, or_cpu):
        judged = verdict(goals.Goal("small-get", goals.OURS, "pycurl", "time", 0.9, or_cpu), found)
        return judged.by, judged.met

    assert by(noisy, or_cpu=True) == ("cpu", True)
    assert by(noisy, or_cpu=False) == ("wall", False)
    assert by(steady, or_cpu=True) == ("wall", False)


def test_what_was_not_measured_is_not_met():
    """A goal whose peer is absent is told as missed, not left out; one whose case was not played is left out."""
    goal = goals.Goal("small-get", goals.OURS, "pycurl", "time", 0.9)

    judged = verdict(goal, outcome(ours=[1]))

    assert (judged.reached, judged.met) == (None, False)
    assert "not measured" in tables.goal_table([judged])
    assert not list(goals.judge({}, [goal]))


def test_goals_name_what_exists():
    """Every goal is about a case and contestants that there are, or it could never be met."""
    for goal in goals.GOALS:
        assert goal.case in cases.BY_NAME
        assert {goal.ours, goal.theirs} - {None} <= contestants.BY_NAME.keys()


def test_the_plot_is_well_formed_and_to_scale():
    """The SVG parses, each contestant has a bar, and twice the time is twice the length."""
    found = outcome(ours=[100, 100], bare=[50, 50], **{"a<b&c": [200, 200]})

    root = ET.fromstring(plot.draw(cases.CASES, {"small-get": found}, "Median of <2> rounds"))

    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.get("width")) for bar in root.iter(f"{space}rect")]
    assert widths == pytest.approx([widths[0], 2 * widths[0], 4 * widths[0]], abs=0.2)
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"bare socket", "intermodal/socket", "a<b&c", "Median of <2> rounds"} <= set(texts)
    ends = [float(text.get("x")) for text in root.iter(f"{space}text") if text.text.endswith("µs")]
    assert max(ends) < plot.WIDTH / 2


def test_the_table_of_a_case():
    """The fastest comes first, ratios stand beside it, and whoever is absent is named with the reason."""
    found = outcome(bare=[10, 10], requests=[80, 80], **{"intermodal/requests": [40, 40]})
    found.absent["pycurl"] = "pycurl is not installed"

    lines = tables.case_table(cases.BY_NAME["small-get"], found).splitlines()

    rows = {line.split()[0]: line.split() for line in lines[3:6]}
    assert list(rows) == ["bare", "intermodal/requests", "requests"]
    assert rows["intermodal/requests"][-3:] == ["4.0", "4.00", "0.50"]  # processor time in µs, by bare, by its library
    assert lines[-1] == "  pycurl: pycurl is not installed"


class Liar(Contestant):
    """Gives what it is told to give."""

    def __init__(self, answer):
        super().__init__("liar")
        self.answer = answer

    def get(self, url, connections=None):
        return lambda: self.answer


@pytest.mark.parametrize("answer", [(200, b"hellp"), (404, b"hello")])
def test_a_wrong_answer_ends_the_run(answer):
    """A contestant that returns another status or body is not timed."""
    job = cases.BY_NAME["small-get"].job
    nowhere = cases.Place("http://h", "https://h", "https://h", "http://h", "", "", "", 0, "")

    job(Liar((200, b"hello")), nowhere).measure(3)
    with pytest.raises(jobs.WrongAnswer):
        job(Liar(answer), nowhere)


def test_a_streamed_body_is_checked():
    """A body too short, or of the right length and other bytes, or with another status, is found out."""
    crc = 0x3610A686  # of b"hello", as any CRC-32 tool gives it

    def check(status, *pieces):
        tally = jobs.Tally((200, 5), crc)
        for piece in pieces:
            tally.take(piece)
        tally.check(status)

    check(200, b"he", memoryview(b"llo"))
    for wrong in ((200, b"hell"), (200, b"hellp"), (500, b"hello")):
        with pytest.raises(jobs.WrongAnswer):
            check(*wrong)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where workers find the side server; there is no nginx here."""
    if sys.platform == "win32":
        pytest.skip("the benchmark is for POSIX systems")
    root = tmp_path_factory.mktemp("bench")
    checksum = write_large(root / "large")
    (root / "small").write_bytes(b"x" * 10_000)
    with server.running(
        [sys.executable, "-m", "bench.side_server", str(checksum)], None, workers.environment()
    ) as side:
        url = f"http://127.0.0.1:{int(side.stdout.readline())}"
        yield cases.Place(
            url, *["https://127.0.0.1:1"] * 2, url, "", str(root / "large"), str(root / "small"), checksum, str(root)
        )


@pytest.mark.parametrize("name", ["bare", "http.client", "urllib3", "intermodal/socket", "intermodal/httpx"])
@pytest.mark.parametrize("case", ["upload", "idle"])
def test_workers_measure(case, name, place):
    """A worker carries out its case over real sockets and answers with figures; the side server got the whole body."""
    with workers.Worker(contestants.BY_NAME[name], cases.BY_NAME[case], place, None) as worker:
        assert "version" in worker.answer()
        sample = worker.measure(1)

    assert sample.keys() == ({"wall", "cpu", "peak"} if case == "upload" else {"memory"})
    assert case == "idle" or sample["wall"] > 0


def test_a_damaged_upload_fails(place):
    """An upload whose bytes are not those of the file is refused by the side server, so the worker fails."""
    damaged = Path(place.file).with_name("damaged")
    shutil.copy(place.file, damaged)
    with damaged.open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"?")
    other = cases.Place(**{**vars(place), "file": str(damaged)})
    worker = workers.Worker(contestants.BY_NAME["urllib3"], cases.BY_NAME["upload"], other, None)
    with worker, pytest.raises(workers.Failed):
        worker.answer()


def test_who_is_absent_is_named_and_who_fails_is_left_out(place, capfd):
    """A case is played to its end by whoever can: a missing environment, a method not offered and a failure are told apart."""
    entries = [
        contestants.Entry("elsewhere", "requests", environment="no-such-environment"),
        contestants.BY_NAME["http.client"],  # shares nothing among threads
        contestants.BY_NAME["bare"],
        contestants.BY_NAME["urllib3"],
    ]
    dead = cases.Place(**{**vars(place), "side": "http://127.0.0.1:1"})

    played = rounds.Contest(cases.BY_NAME["slots"], place, None, 0.02).play(entries, 2)
    failed = rounds.Contest(cases.BY_NAME["slots"], dead, None, 0.02).play(entries[2:3], 2)

    assert played.absent == {"elsewhere": "elsewhere is not installed", "http.client": "does not offer this"}
    assert {name: len(samples) for name, samples in played.samples.items()} == {"bare": 2, "urllib3": 2}
    assert (failed.absent, failed.failed, failed.samples) == ({"bare": "failed"}, ["bare"], {})
    assert "bare ended with status 1" in capfd.readouterr().err


def test_who_fails_on_the_way_has_no_samples(monkeypatch):
    """A contestant that fails in a late round is left out altogether, and the others go on."""

    class Fake(contextlib.nullcontext):
        def __init__(self, entry, *_):
            super().__init__(self)
            self.name, self.left = entry.name, 3 if entry.name == "requests" else 100

        def answer(self):
            return {"version": "1"}

        def measure(self, times):
            self.left -= 1
            if not self.left:
                raise workers.Failed(self.name)
            return {"wall": 1.0, "cpu": 1.0}

    monkeypatch.setattr(rounds, "Worker", Fake)
    entries = [contestants.BY_NAME[name] for name in ("bare", "requests", "urllib3")]

    played = rounds.Contest(cases.BY_NAME["small-get"], None, None, 0.02).play(entries, 5)

    assert {name: len(samples) for name, samples in played.samples.items()} == {"bare": 5, "urllib3": 5}
    assert played.failed == ["requests"]


def test_without_nginx_it_says_what_to_do(monkeypatch, capsys):
    """Where there is no nginx, the benchmark says how to install it and ends with status 1."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["bench"])

    assert command.main() == 1
    assert "apt-get install nginx-light" in capsys.readouterr().err


@pytest.mark.parametrize(("bare", "strict", "status"), [(80, True, 0), (40, False, 0), (40, True, 1)])
def test_the_exit_status(bare, strict, status, monkeypatch, tmp_path, capsys):
    """A missed goal matters to the exit status only where that is asked for; rows, samples and plot come all the same."""
    found = outcome(
        ours=[80, 80], pycurl=[100, 100], pyreqwest=[100, 100], bare=[bare, bare], urllib3=[400, 400], requests=[900, 900],
        httpx=[600, 600], **{"http.client": [200, 200], "intermodal/requests": [300, 300]},
        **{"intermodal/urllib3": [300, 300], "intermodal/httpx": [300, 300]},
    )  # fmt: skip
    monkeypatch.setattr(command, "find_nginx", lambda: "nginx")
    monkeypatch.setattr(command.machine, "describe", lambda _: {"processor": "P", "Python": "3", "nginx": "1"})
    monkeypatch.setattr(command, "_place", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(command.Contest, "play", lambda *_: found)
    options = ["--case", "small-get", "--json", str(tmp_path / "a" / "b.json"), "--svg", str(tmp_path / "b.svg")]
    monkeypatch.setattr(sys, "argv", ["bench", *options, *["--strict"] * strict])

    assert command.main() == status

    printed = capsys.readouterr().out
    assert printed.count(" ok ") + printed.count(" missed ") == sum(goal.case == "small-get" for goal in goals.GOALS)
    document = json.loads((tmp_path / "a" / "b.json").read_text())
    assert len(document["cases"]["small-get"]["samples"]["pycurl"]) == 2
    assert ET.parse(tmp_path / "b.svg").getroot() is not None
