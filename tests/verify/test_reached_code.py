from __future__ import annotations

import importlib.util
import json
import threading
from pathlib import Path

import pytest

from autograder.verify.kept import Kept
from autograder.verify.mutation.reached_code import recording, same_where_it_was_run
from autograder.verify.verifying import verify
from tests.verify.proving import ONE, Proving, mutant
from tests.verify.test_notebooks import END, HEADER, Notebooks

FILE = '''
import torch

FACTOR = 2


def used(x, factor=FACTOR):
    """Doc."""
    def inner(y):
        return y * factor
    return inner(x)


def idle(x):
    first = torch.exp(x)
    return first + 1


def short(x): return x


class Model:
    size = 3

    def forward(self, x):
        return used(x)

    def loss(self, x):
        return idle(x)
'''
RAN = {"one.py::used", "one.py::Model.forward"}


def loaded(path: Path) -> object:
    spec = importlib.util.spec_from_file_location("one_that_ran", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_called_is_recorded_in_threads_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.py").write_text(FILE, encoding="utf-8")
    module = loaded(tmp_path / "sub" / "one.py")
    with recording(tmp_path) as ran:
        module.Model().forward(1)
    assert ran == {"sub/one.py::used", "sub/one.py::Model.forward"}
    with recording(tmp_path) as ran:
        thread = threading.Thread(target=module.short, args=(1,))
        thread.start()
        thread.join()
    assert ran == {"sub/one.py::short"}
    with recording(tmp_path / "elsewhere") as ran:
        module.short(1)
    assert ran == set()


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("first = torch.exp(x)", "second = 1\n    first = torch.log(x)", True),
        ("return idle(x)", "return 0", False),  # reads another name of the module
        ("return idle(x)", "return 2 * idle(x)", True),
        ("return first + 1", "return first + FACTOR", False),
        ("return y * factor", "return y", False),
        ("return inner(x)", "return inner(x) + 0", False),
        ("factor=FACTOR", "factor=3", False),
        ("def idle(x):", "def idle(x, y=0):", False),
        ("def idle(x):", "@torch.no_grad()\ndef idle(x):", False),
        ("def short(x): return x", "def short(x): return -x", False),
        ("FACTOR = 2", "FACTOR = 3", False),
        ("size = 3", "size = 4", False),
        ("    def loss", "    def risk", False),
        ("def idle(x):", "def idle(x:", False),
        ("    def loss(self, x):\n        return idle(x)", "    pass", False),
    ],
)
def test_a_difference_counts_where_something_ran(old: str, new: str, same: bool) -> None:
    assert FILE.count(old) == 1
    variant = FILE.replace(old, new)
    assert same_where_it_was_run(RAN, {"one.py": FILE.encode()}, {"one.py": variant.encode()}) is same


def test_a_file_that_the_reference_lacks_is_never_the_same() -> None:
    assert not same_where_it_was_run(RAN, {"one.py": FILE.encode()}, {"two.py": FILE.encode()})
    assert not same_where_it_was_run(RAN, {"one.py": FILE.encode()}, {"one.py": b"\xff"})
    assert same_where_it_was_run(RAN, {"one.py": FILE.encode(), "two.py": b"x = 1"}, {"one.py": FILE.encode()})


@pytest.mark.parametrize("course", [Proving, Notebooks])
def test_a_mutant_is_tried_only_where_its_code_is_run(course: type[Proving], tmp_path: Path) -> None:
    """The stand-in of ``double`` keeps ``quadruple`` from running it; what both call is run by both."""
    helped = mutant("helped", "one.double", "    return 2", "    return 3")
    proving = course(tmp_path)
    proving.catalogue(mutant("triple", "one.double", "x * factor()", "x * factor() * 2") + helped)
    one = ONE.replace("return x * 2", "return x * factor()").replace("double(double(x))", "double(x) * factor()")
    one += "\ndef factor():\n    return 2\n"
    proving.write("solutions/tiny/one.py", one if course is Proving else f"{HEADER}{one}{END}")
    report = verify(proving.loaded, item="one.double", kept=Kept(tmp_path / "kept.jsonl"))
    entries = map(json.loads, (tmp_path / "kept.jsonl").read_text(encoding="utf-8").splitlines())
    answers = [entry["answer"] for entry in entries]
    tried = [(answer["name"], cell["item"]) for answer in answers for cell in answer.get("cells", ())]
    assert ("triple", "one.double") in tried and ("triple", "one.quadruple") not in tried
    assert ("helped", "one.quadruple") in tried and ("reference", "one.quadruple") in tried
    rows = {row.name: [bool(cell.failed) for cell in row.cells] for row in report.rows}
    assert rows["triple"] == [True, False] and rows["helped"] == [True, True]
    assert all(row.ran == () for row in report.rows)
