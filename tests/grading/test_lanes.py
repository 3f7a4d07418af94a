"""Checks in several lanes: the same bytes as in one, public ones first, and no lane outlives its grading."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import cores
from autograder.grading.parallel import shares
from tests import processes
from tests.tiny import HIDDEN, ONE, PUBLIC, TWO, Tiny

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="lanes are forks")

NOTED = """
import os, time
from pathlib import Path

def note(what):
    with Path({path!r}).open("a") as file:
        file.write(what + chr(10))
"""
MUTANTS = """
[[mutants]]
id = "triple"
item = "one.double"
misconception = "Three for two."
hint = "How often is x in your sum?"
old = "x * 2"
new = "x * 3"

[[mutants]]
id = "minus"
item = "two.shift"
misconception = "Minus for plus."
hint = "Which sign has the step?"
old = "x + ONE"
new = "x - ONE"
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/mutants.toml", MUTANTS)
    return tiny


def without_times(tiny: Tiny, path: Path, jobs: int) -> str:
    run = tiny.grade(path, "--jobs", str(jobs))
    assert run.status == 0, run.stderr
    del run.results["execution_time"], run.results["extra_data"]["times"]
    return json.dumps(run.results)


def test_any_number_of_lanes_gives_the_same_bytes_hints_among_them(tiny: Tiny) -> None:
    wrong = tiny.hand_in(
        one=ONE.replace("x * 2", "x * 3") + "\nraise KeyError('left out')\n",
        two=TWO.replace("x + ONE", "x - ONE"),
    )
    alone = without_times(tiny, wrong, 1)
    assert "How often is x in your sum?" in alone and "Which sign has the step?" in alone and "left out" in alone
    assert without_times(tiny, wrong, 2) == alone == without_times(tiny, wrong, 7)


def noted(tiny: Tiny, checks: str, body: str) -> str:
    """Checks whose bodies note when they begin and end."""
    where = str(tiny.root / "noted")
    return NOTED.format(path=where) + checks.replace("    assert_close(", f"    {body}\n    assert_close(")


def test_no_hidden_check_begins_before_all_public_ones_are_done(tiny: Tiny) -> None:
    slow = 'note("public"); time.sleep(0.05)'
    tiny.write("assignments/tiny/checks/public/test_public.py", noted(tiny, PUBLIC, slow))
    hidden = noted(
        tiny,
        HIDDEN + HIDDEN.replace("one.double", "two.shift").replace("def test_", "def test_other_"),
        'note("hidden")',
    )
    tiny.write("assignments/tiny/checks/hidden/test_hidden.py", hidden.replace("two.shift(x)", "x * 2"))
    assert tiny.grade(tiny.reference, "--jobs", "3").status == 0
    order = (tiny.root / "noted").read_text().split()
    assert {"public", "hidden"} == set(order) and order == sorted(order, reverse=True)


@pytest.mark.thorough
def test_no_known_mistake_is_written_down_while_a_worker_of_another_lane_lives(tiny: Tiny) -> None:
    """Hints of the file that fails are looked for at once when its lane is done, if nothing held it back."""
    place = "Path(__import__('tempfile').gettempdir()).parent"
    look = f"time.sleep(0.3); note(str(len(list({place}.glob('place/variants-*')))))"
    hidden = HIDDEN.replace("one.double", "two.shift").replace("one, x", "two, x")
    slow = noted(tiny, hidden.replace("x.double() * 2", "x.double() + 1"), look)
    tiny.write("assignments/tiny/checks/hidden/test_hidden.py", slow)
    run = tiny.grade(tiny.hand_in(one=ONE.replace("x * 2", "x * 3")), "--jobs", "2")
    assert run.status == 0 and "How often is x in your sum?" in run.output("one.double"), run.stderr
    seen = (tiny.root / "noted").read_text().split()
    assert len(seen) >= 5 and set(seen) == {"0"}


@pytest.mark.thorough
def test_the_end_of_a_lane_is_told_and_leaves_nothing_behind(tiny: Tiny) -> None:
    killing = PUBLIC.replace('    """shift(x) is', '    import os; os.kill(os.getpid(), 9)\n    """shift(x) is')
    tiny.write("assignments/tiny/checks/public/test_public.py", killing)
    with tempfile.TemporaryDirectory() as own:
        Path(own).chmod(0o711)  # a user without rights works below it
        run = tiny.grade(tiny.reference, "--jobs", "2", environment={"TMPDIR": own})
        assert run.status == 1 and "a process of the grader was ended by signal 9" in run.stderr
        assert list(Path(own).iterdir()) == []


def running(tiny: Tiny, seconds: float) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A grading whose lanes wait for a long time, and the processes of its session."""
    begun = f"Path({str(tiny.root / 'begun')!r})"
    body = f"{begun}.exists() or ({begun}.touch(), time.sleep({seconds}))"
    tiny.write("assignments/tiny/checks/public/test_public.py", noted(tiny, PUBLIC, body))
    command = [sys.executable, "-P", "-m", "autograder", "grade", "tiny", str(tiny.reference), "--root", str(tiny.root)]
    grading = subprocess.Popen(
        [*command, "--jobs", "2", "--out", str(tiny.root / "out")],
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    while not (tiny.root / "begun").exists():
        assert grading.poll() is None
        time.sleep(0.05)
    return grading, processes.descendants(grading.pid)


@pytest.mark.thorough
@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGKILL, 300), (signal.SIGTERM, 4)])
def test_lanes_and_workers_end_with_the_grader_whatever_ended_it(
    tiny: Tiny, number: signal.Signals, seconds: float
) -> None:
    grading, begun = running(tiny, seconds)
    assert len(begun) >= 5  # the factory, two lanes, their zygotes and workers
    grading.send_signal(number)
    grading.communicate(timeout=60)
    ends = time.monotonic() + 30
    while not all(map(processes.is_gone, begun)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert all(map(processes.is_gone, begun))
    if number == signal.SIGTERM:  # the lanes were told, and say so of what they had not done
        assert "interrupted (SIGTERM)" in (tiny.root / "out" / "results.json").read_text(encoding="utf-8")


ITEMS = st.text("abcdef", min_size=1, max_size=2)


@given(st.dictionaries(ITEMS, st.floats(0.1, 1e4), min_size=1), st.integers(1, 9), st.lists(st.sets(ITEMS)))
def test_every_item_has_its_lane_with_those_it_belongs_to(
    costs: dict[str, float], count: int, together: list[set[str]]
) -> None:
    lanes = shares(costs, count, together)
    assert sorted(item for lane in lanes for item in lane) == sorted(costs)
    assert all(lanes) and len(lanes) <= count
    for group in together:
        assert len([lane for lane in lanes if lane & group]) <= 1
    if not together:
        loads = [sum(costs[item] for item in lane) for lane in lanes]
        assert len(lanes) == min(count, len(costs)) and max(loads) - min(loads) <= max(costs.values()) + 1e-6


def test_what_belongs_together_by_way_of_others_is_in_one_lane() -> None:
    costs = dict.fromkeys("abcdef", 1.0)
    assert sorted(map(sorted, shares(costs, 6, ["ab", "cd", "bc"]))) == [["a", "b", "c", "d"], ["e"], ["f"]]


def test_items_of_one_file_and_those_with_stand_ins_for_others_are_in_one_lane(tiny: Tiny) -> None:
    """Each check notes the process in which it runs: one for each lane."""
    tiny.write("assignments/tiny/checks/public/test_public.py", noted(tiny, PUBLIC, NOTED_LANE))
    assert tiny.grade(tiny.reference, "--jobs", "3").status == 0
    assert lanes_of(tiny) == [{"one.double", "one.quadruple"}, {"two.shift"}]
    stand_in = 'STAND_INS = {"two.shift": {"one.double": Callback(lambda x: x * 2)}}'
    text = f"from autograder.checks import Callback\n{stand_in}\n"
    tiny.write("assignments/tiny/checks/hidden/tiny_stand_ins.py", text)
    (tiny.root / "noted").unlink()
    assert tiny.grade(tiny.reference, "--jobs", "3").status == 0
    assert lanes_of(tiny) == [{"one.double", "one.quadruple", "two.shift"}]


NOTED_LANE = "note(f\"{os.getpid()} {__import__('inspect').currentframe().f_code.co_name}\")"
CHECKED = {"test_double": "one.double", "test_quadruple": "one.quadruple", "test_shift": "two.shift"}


def lanes_of(tiny: Tiny) -> list[set[str]]:
    lanes: dict[str, set[str]] = {}
    for line in (tiny.root / "noted").read_text().splitlines():
        pid, check = line.split()
        lanes.setdefault(pid, set()).add(CHECKED[check])
    return sorted(lanes.values(), key=sorted)


def test_no_more_cores_are_free_than_the_container_has_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = len(os.sched_getaffinity(0))
    for text, expected in (("max 100000", allowed), ("50000 100000", 1), ("150000 100000", min(2, allowed))):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr(cores, "QUOTA_V2", tmp_path / "cpu.max")
        assert cores.free_cores() == expected
    monkeypatch.setattr(cores, "QUOTA_V2", tmp_path / "none")
    for quota, expected in (("-1", allowed), ("50000", 1)):
        (tmp_path / "quota").write_text(quota)
        (tmp_path / "period").write_text("100000")
        monkeypatch.setattr(cores, "QUOTA_V1", tmp_path / "quota")
        monkeypatch.setattr(cores, "PERIOD_V1", tmp_path / "period")
        assert cores.free_cores() == expected


def test_lanes_are_as_many_as_fit_into_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "free_cores", lambda: 4)
    here = tmp_path / "meminfo"
    here.write_text("MemTotal: 99 kB\nMemAvailable: 16777216 kB\n")
    monkeypatch.setattr(cores, "MEMORY_HERE", here)
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(cores, "MEMORY_V2", limit)
    monkeypatch.setattr(cores, "MEMORY_V1", tmp_path / "none")
    gigabyte = 2**30
    for text, expected in (("max", 4), (f"{3 * gigabyte // 4}", 1), (f"{3 * gigabyte}", 3), (f"{6 * gigabyte}", 4)):
        limit.write_text(text)
        assert cores.free_lanes() == expected
    here.write_text("MemAvailable: 1572864 kB\n")
    assert cores.free_lanes() == 1
    here.unlink()
    limit.unlink()
    assert cores.free_lanes() == 1
