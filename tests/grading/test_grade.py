"""The real command on a tiny assignment: outcomes, points, what is told, and that ERROR cannot be provoked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import HIDDEN, MANIFEST, ONE, TWO, Run, Tiny

pytestmark = pytest.mark.usefixtures("warm")

FULL = {"one.double": 2.0, "one.quadruple": 3.0, "two.shift": 1.0}


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


@pytest.mark.thorough
def test_the_reference_gets_full_marks(tiny: Tiny) -> None:
    run = tiny.grade(tiny.reference)
    assert (run.status, run.scores) == (0, FULL)
    assert run.results["score"] == 6.0


def test_files_of_the_course_as_windows_saves_them_cost_nobody_anything(tiny: Tiny) -> None:
    for path in sorted(tiny.root.rglob("*.*")):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    run = tiny.grade(tiny.hand_in())
    assert (run.status, set(run.outcomes.values())) == (0, {"PASS"}), run.stderr


@pytest.mark.thorough
@pytest.mark.cold
def test_two_gradings_agree_to_the_byte_but_for_times(tiny: Tiny) -> None:
    wrong = tiny.hand_in(one=ONE.replace("x * 2", "x * 2 if x.sum() > 0 else print(hash('a')) or object()"))
    runs = [tiny.grade(wrong).results for _ in range(2)]
    for results in runs:
        del results["execution_time"], results["extra_data"]["times"]
    assert json.dumps(runs[0]) == json.dumps(runs[1])
    assert runs[0]["score"] < 6.0


def test_a_public_failure_teaches_and_a_hidden_one_tells_only_its_property(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one=ONE.replace("x * 2", "x * 3")))
    told = run.output("one.double")
    for part in ("double(x) is x + x.", "double(...)", "expected", "got", "Also for five numbers."):
        assert part in told
    assert "SECRET" not in json.dumps(run.results)
    assert run.scores == {**FULL, "one.double": 0.0}


def test_points_are_shared_by_weight(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one=ONE.replace("x * 2", "x * 2 if len(x) == 3 else x")))
    assert run.scores["one.double"] == 2.0 * 1 / 4
    assert run.outcomes["one.double"] == "FAIL"


def test_a_mistake_in_a_called_function_costs_that_function_only(tiny: Tiny) -> None:
    wrong = tiny.hand_in(one=ONE.replace("return x * 2", "raise RuntimeError"))
    assert tiny.grade(wrong).scores == {**FULL, "one.double": 0.0}
    (tiny.assignment / "checks/hidden/tiny_stand_ins.py").unlink()
    assert tiny.grade(wrong).scores == {"one.double": 0.0, "one.quadruple": 0.0, "two.shift": 1.0}


def test_a_right_solution_that_the_stand_ins_do_not_suit_passes_as_handed_in(tiny: Tiny) -> None:
    one = "def double(x, times=1):\n    return x * 2**times\n\ndef quadruple(x):\n    return double(x, times=2)\n"
    assert tiny.grade(tiny.hand_in(one=one)).scores == FULL


def test_a_missing_file_costs_its_items_and_says_so(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(two=None))
    assert run.scores == {**FULL, "two.shift": 0.0}
    assert "two.py was not handed in" in run.output("two.shift")
    assert run.status == 0


def test_a_syntax_error_costs_its_file_and_shows_the_line(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", "return x *")))
    assert run.scores == {"one.double": 0.0, "one.quadruple": 0.0, "two.shift": 1.0}
    assert "line 5" in run.output("one.double")


def test_a_broken_statement_costs_what_depends_on_it(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one=ONE.replace("import torch", "import torch\nimport wandb\n1 / 0\nFACTOR = 2")))
    assert run.scores == FULL
    assert "ZeroDivisionError" in run.results["output"] and "wandb" in run.results["output"]


def test_a_banned_module_in_a_blank_costs_that_item(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", "torch.distributions.Normal; return x * 2")))
    assert run.scores == {**FULL, "one.double": 0.0}
    assert "torch.distributions" in run.output("one.double")


def test_a_changed_provided_file_is_replaced_and_reported(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(given="ONE = 5\n"))
    assert run.scores == FULL
    assert "given.py" in run.results["output"]


ODD = {
    "returns None": "return None",
    "returns a number": "return 1.0",
    "returns a list": "return [1, 2, 3]",
    "returns an object": "return object()",
    "returns a generator": "return (i for i in range(3))",
    "returns NaN": "return x * float('nan')",
    "returns a numpy array": "return (x * 2).numpy()",
    "returns a subclass": "return torch.Tensor._make_subclass(type('T', (torch.Tensor,), {}), x * 2)",
    "returns something huge": "return x.expand(10**12, 3)",
    "returns a deep list": "r = []\n    for _ in range(10**5): r = [r]\n    return r",
    "answers differently the second time": "global n; n = globals().get('n', 0) + 1; return x * (2 if n % 2 else 3)",
    "raises StopIteration": "raise StopIteration",
    "raises SystemExit": "raise SystemExit(0)",
    "raises KeyboardInterrupt": "raise KeyboardInterrupt",
    "raises what cannot be printed": "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})()",
    "raises an assertion": "raise AssertionError('x')",
    "raises a skip": "import pytest; pytest.skip('x')",
    "ends the process": "import os; os._exit(0)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "never returns": "while True: pass",
    "sleeps": "import time; time.sleep(100)",
}


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One hand-in with a function for every oddity, each graded by an item of its own, and an honest one at the end."""
    tiny = Tiny(tmp_path_factory.mktemp("odd"))
    bodies = [*ODD.values(), "return x * 2"]
    header, items = MANIFEST.split("[[items]]")[0], ""
    checks = "from autograder.checks import assert_close, given, item, tensors\n"
    for number in range(len(bodies)):
        items += f'[[items]]\nid = "odd.n{number}"\ntitle = "odd"\npoints = 1\nkind = "auto"\nfile = "one.py"\n'
        checks += f'@item("odd.n{number}")\n@given(x=tensors(3))\ndef test_{number}(one, x):\n    """It doubles."""\n'
        checks += f'    assert_close(one.f{number}(x), x.double() * 2, name="f{number}(x)")\n'
    tiny.write("assignments/tiny/assignment.toml", header + items)
    tiny.write("assignments/tiny/checks/public/test_public.py", checks)
    for file in ("test_hidden.py", "tiny_stand_ins.py"):
        (tiny.assignment / "checks/hidden" / file).unlink()
    right = [f"def f{number}(x):\n    return x * 2\n" for number in range(len(bodies))]
    tiny.write("solutions/tiny/one.py", "".join(right))
    sources = [f"def f{number}(x):\n    {body}\n" for number, body in enumerate(bodies)]
    return tiny.grade(tiny.hand_in(one="import torch\n" + "".join(sources)))


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(len(ODD)), ids=ODD.keys())
def test_error_cannot_be_provoked(odd_run: Run, number: int) -> None:
    test = odd_run.auto[number]
    assert (test["extra_data"]["outcome"], test["score"], test["max_score"]) == ("FAIL", 0.0, 1.0)


def test_odd_functions_cost_an_honest_one_nothing(odd_run: Run) -> None:
    assert (odd_run.auto[-1]["score"], odd_run.results["score"], odd_run.status) == (1.0, 1.0, 0)


@pytest.mark.thorough
def test_a_stopped_call_names_the_limit(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", "while True: pass")), "--only", "one.double")
    assert "stopped after 2 s: double() did not return" in run.output("one.double")


def test_a_broken_check_is_an_error_that_keeps_the_maximum(tiny: Tiny) -> None:
    tiny.write(
        "assignments/tiny/checks/hidden/test_hidden.py", HIDDEN.replace("assert_close(", "1 / 0 or assert_close(")
    )
    run = tiny.grade(tiny.hand_in())
    assert run.status == 1
    assert run.outcomes == {"one.double": "ERROR", "one.quadruple": "PASS", "two.shift": "PASS"}
    broken = run.auto[0]
    assert (broken["score"], broken["max_score"]) == (0.0, 2.0)
    assert broken["extra_data"]["needs_regrade"] is True
    assert "ZeroDivisionError" not in broken["output"]
    assert "ZeroDivisionError" in json.dumps(broken["extra_data"])


def test_items_that_are_not_reached_are_blocked(tiny: Tiny) -> None:
    heavy = 'preload = ["torchvision", "matplotlib.pyplot"]  # takes longer than the run has'
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace("[rules]", f"{heavy}\n[rules]"))
    run = tiny.grade(tiny.hand_in(one=ONE + "# not torchvision\n"), "--deadline", "1")
    assert set(run.outcomes.values()) == {"BLOCKED"}
    assert run.results["score"] == 0
    assert run.status == 1
    assert all("time of the whole run" in run.output(item) for item in run.outcomes)


def test_what_no_file_names_is_not_imported(tiny: Tiny) -> None:
    """``this`` says so when it is imported."""
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace("[rules]", 'preload = ["this"]\n[rules]'))
    imported = [
        "Beautiful is better than ugly" in tiny.grade(tiny.hand_in(one=text), "--only", "one.double").stdout
        for text in (ONE, "import this\n" + ONE, ONE + "# __import__('this')\n")
    ]
    assert imported == [False, True, True]


@pytest.mark.thorough
def test_the_time_of_every_check_is_reserved(tiny: Tiny) -> None:
    slow = ONE.replace("return x * 2", "import time; time.sleep(100)")
    run = tiny.grade(tiny.hand_in(one=slow), "--deadline", "40")
    assert run.outcomes == {"one.double": "FAIL", "one.quadruple": "PASS", "two.shift": "PASS"}


def test_a_slow_statement_is_stopped_once_and_skipped_after_that(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(two=TWO + "\nimport time\ntime.sleep(60)\n"))
    assert run.scores == FULL
    assert "ran too long" in run.results["output"]
    assert run.results["execution_time"] < 20


def test_only_one_item(tiny: Tiny) -> None:
    run = tiny.grade(tiny.reference, "--only", "two.shift")
    assert run.scores == {"two.shift": 1.0}


def test_another_seed_draws_other_inputs(tiny: Tiny) -> None:
    check = "import torch\nfrom autograder.checks import item\n@item('two.shift')\n"
    check += "def test_shift(two):\n    'shift(x) is one more.'\n    two.shift(torch.randn(2))\n"
    tiny.write("assignments/tiny/checks/public/test_public.py", check)
    wrong = tiny.hand_in(two="def shift(x):\n    raise ValueError(x.tolist())\n")
    told = [tiny.grade(wrong, "--only", "two.shift", "--grading-seed", seed).output("two.shift") for seed in "aab"]
    assert "ValueError" in told[0]
    assert told[0] == told[1] != told[2]


def test_a_stand_in_for_the_graded_blank_is_refused(tiny: Tiny) -> None:
    tiny.write(
        "assignments/tiny/checks/hidden/tiny_stand_ins.py",
        'from autograder.checks import Constant\nSTAND_INS = {"one.double": {"one.double": Constant(1)}}\n',
    )
    run = tiny.grade(tiny.reference)
    assert run.status == 2
    assert "it cannot have a stand-in" in run.stderr


def test_a_stand_in_may_lie_beside_the_graded_blank(tiny: Tiny) -> None:
    tiny.write(
        "assignments/tiny/checks/hidden/tiny_stand_ins.py",
        "from autograder.checks import Callback\n"
        'STAND_INS = {"one.double": {"one.trusted_double": Callback(lambda x: x * 2)}}\n',
    )
    check = "from autograder.checks import CheckFailed, exists, item\n@item('one.double')\n"
    check += "def test_double(one):\n    'double(x) is what ours gives.'\n"
    check += "    if not exists(one.trusted_double) or one.double(3) != one.trusted_double(3):\n"
    check += "        raise CheckFailed('not what ours gives')\n"
    tiny.write("assignments/tiny/checks/hidden/test_hidden.py", check)
    (tiny.root / "assignments/tiny/checks/public/test_public.py").unlink()
    assert tiny.grade(tiny.reference, "--only", "one.double").scores["one.double"] == 2
    wrong = tiny.hand_in(one=ONE.replace("return x * 2", "return x * 3"))
    assert tiny.grade(wrong, "--only", "one.double").scores["one.double"] == 0


def test_a_stand_in_for_one_check_holds_for_no_other(tiny: Tiny) -> None:
    tiny.write(
        "assignments/tiny/checks/hidden/tiny_stand_ins.py",
        "from autograder.checks import Callback\n"
        'STAND_INS = {"one.double::test_hidden_double": {"one.double": Callback(lambda x: x * 2)}}\n',
    )
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", "return x * 3")))
    assert [check["outcome"] for check in run.auto[0]["extra_data"]["checks"]] == ["FAIL", "PASS"]


def test_a_check_of_an_unknown_item_is_the_graders_trouble(tiny: Tiny) -> None:
    tiny.write("assignments/tiny/checks/hidden/test_hidden.py", HIDDEN.replace("one.double", "one.duoble"))
    run = tiny.grade(tiny.reference)
    assert run.status == 1
    assert 'did you mean "one.double"?' in run.stderr
    assert run.results["score"] == 0 and run.auto[0]["extra_data"]["needs_regrade"]


def test_a_wrong_manifest_names_file_key_and_the_likely_name(tiny: Tiny) -> None:
    tiny.write(
        "assignments/tiny/assignment.toml", MANIFEST.replace("[rules]\nbanned_imports", "[rules]\nbaned_imports")
    )
    run = tiny.grade(tiny.reference)
    assert run.status == 2
    assert "assignment.toml" in run.stderr and 'did you mean "banned_imports"?' in run.stderr


@pytest.mark.thorough
@pytest.mark.cold
def test_the_environment_of_the_caller_does_not_reach_a_worker(tiny: Tiny) -> None:
    spy = ONE.replace(
        "return x * 2", "import os; raise ValueError(open('/proc/self/environ').read() + str(os.environ))"
    )
    run = tiny.grade(tiny.hand_in(one=spy), environment={"CANARY": "canary-4711"})
    assert "canary-4711" not in json.dumps(run.results) + run.stdout
    assert "ValueError" in run.output("one.double") or "PermissionError" in run.output("one.double")


@pytest.mark.parametrize("name", ["[CS] homework", "b::c", "d*? e"])
def test_a_course_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    course = Tiny(tmp_path / name)
    assert set(course.grade(course.reference).outcomes.values()) == {"PASS"}
