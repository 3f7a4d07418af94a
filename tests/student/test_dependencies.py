"""What a change concerns: more than a full check finds changed, never less, and not everything."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.assignment import Assignment, load_assignment, read_manifest
from autograder.student.dependencies import digest_of_reached, parts_of
from autograder.student.watch_loop import start_of
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
HELPER = """
SCALE = 2

def scaled(x):
    return x * SCALE

def unused(x):
    return x + 7
"""
SOLUTION = """
import helper
from helper import scaled as _scaled, unused
OFFSET, OTHER = 1, 5
LIMIT = OFFSET + 2
TABLE = {"twice": 4}

class Base:
    factor = 3

    def __init__(self, start=6):
        self.start = start

    def from_base(self, x):
        return x * self.factor

    @property
    def bias(self):
        return 8

    def untouched(self, x):
        return x - 11

class Model(Base):
    def __init__(self):
        super().__init__()
        self.extra = self._prepared(9)

    def _prepared(self, value):
        return value + 10

    def forward(self, x):
        return self.from_base(x) + self.bias + self.extra

    def __call__(self, x):
        return self.forward(x)

    def other(self, x):
        return x * 12 + self.start

def shifted(x, by=13):
    return x + by + LIMIT

def through_helper(x):
    return _scaled(x) + OFFSET

def by_name(x):
    return getattr(Model(), "other")(x)

def looked_up(x):
    return x * TABLE["twice"]

def anything(x):
    return globals()["shifted"](x) + 1

def _lost(x):
    return x - 14

for _ in range(1):
    LATE = 15

def late(x):
    return x + LATE

if __name__ == "__main__":
    print(late(16))
"""
CALLS = {
    "model": "made = solution.Model()\n    seen = made(x)",
    "other": "seen = solution.Model().other(x)",
    "shifted": "seen = solution.shifted(x)",
    "helper": "seen = solution.through_helper(x)",
    "named": "seen = solution.by_name(x)",
    "table": "seen = solution.looked_up(x)",
    "anything": "seen = solution.anything(x)",
    "late": "seen = solution.late(x)",
    "wrapped": "seen = _asked(solution, x)",
}
BEGINNING = """
import torch
from autograder.checks import assert_close, item

def _asked(module, x):
    return module.Base().untouched(x)
"""


def make(folder: Path) -> Assignment:
    checks, values = BEGINNING, expected()
    for name, call in CALLS.items():
        body = f"x = torch.ones(2, dtype=torch.float64)\n    {call}\n    assert_close(seen, {values[name]}, name='it')"
        checks += f'\n@item("{name}")\ndef test_{name}(solution):\n    """It is as it was."""\n    {body}\n'
    items = "".join(
        f'[[items]]\nid = "{n}"\ntitle = "t"\npoints = 1\nkind = "auto"\nfile = "solution.py"\n' for n in CALLS
    )
    head = 'title = "t"\nversion = "1"\nsource = "s"\n[files]\nrequired = ["solution.py"]\n'
    for name, text in {"assignment.toml": head + items, "checks/public/test_public.py": checks}.items():
        path = folder / "assignments/own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    reference = folder / "solutions/own"
    reference.mkdir(parents=True)
    write(reference, {"solution": SOLUTION, "helper": HELPER})
    return Assignment(
        "own", folder / "assignments/own", read_manifest(folder / "assignments/own/assignment.toml"), reference
    )


def expected() -> dict[str, list[float]]:
    """What the functions return for ones, by running them here: this text is ours."""
    helper: dict[str, object] = {}
    exec(HELPER, helper)
    sources = SOLUTION.replace("import helper\n", "").replace("from helper import scaled as _scaled, unused\n", "")
    solution: dict[str, object] = {"__name__": "solution", "_scaled": helper["scaled"], "unused": helper["unused"]}
    exec(sources, solution)
    calls: dict[str, Callable[[float], float]] = {
        "model": lambda x: solution["Model"]()(x),  # type: ignore[operator]
        "other": lambda x: solution["Model"]().other(x),  # type: ignore[operator]
        "wrapped": lambda x: solution["Base"]().untouched(x),  # type: ignore[operator]
        **{n: solution[f] for n, f in (("shifted", "shifted"), ("helper", "through_helper"), ("named", "by_name"))},  # type: ignore[dict-item]
        **{n: solution[f] for n, f in (("table", "looked_up"), ("anything", "anything"), ("late", "late"))},  # type: ignore[dict-item]
    }
    return {name: [float(calls[name](1.0))] * 2 for name in CALLS}


def write(folder: Path, modules: Mapping[str, str]) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def concerns(assignment: Assignment, modules: Mapping[str, str]) -> dict[str, str]:
    checks = sorted(assignment.public_checks.rglob("*.py"))
    parts = parts_of(modules, (), checks)
    items = [item for item in assignment.manifest.items if item.is_auto]
    return {item.id: digest_of_reached(parts, *start_of(item, checks)) for item in items}


class Tree:
    """A module whose numbers, statements and their order can be changed."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.numbers = [n for n in ast.walk(self.tree) if isinstance(n, ast.Constant) and type(n.value) is int]
        self.blocks = [
            n.body for n in ast.walk(self.tree) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))
        ]

    def edited(self, kind: str, at: int) -> str:
        if kind == "number":
            self.numbers[at % len(self.numbers)].value += 100
        else:
            block = self.blocks[at % len(self.blocks)]
            where = at // len(self.blocks) % len(block)
            if kind == "remove":
                block[where : where + 1] = [ast.Pass()] if len(block) == 1 else []
            elif kind == "swap" and len(block) > 1:
                other = (where + 1) % len(block)
                block[where], block[other] = block[other], block[where]
            elif kind == "twice":
                block.insert(where, copy.deepcopy(block[-1]))
        return ast.unparse(ast.fix_missing_locations(self.tree))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[CheckSuite, Path]:
    folder = tmp_path_factory.mktemp("own")
    return CheckSuite.collect(make(folder)), folder


def outcomes(suite: CheckSuite, folder: Path, modules: Mapping[str, str]) -> dict[str, str]:
    write(folder, modules)
    graded = suite.grade(folder)
    return {item: " ".join(f"{v.outcome} {v.failure}" for _, v in verdicts) for item, verdicts in graded.items()}


KINDS = st.sampled_from(["number", "remove", "swap", "twice"])
EDITS = st.tuples(st.sampled_from(["solution", "helper"]), KINDS, st.integers(0, 400))


@settings(max_examples=120, deadline=None)
@given(edits=st.lists(EDITS, min_size=1, max_size=3))
def test_no_item_that_a_change_concerns_is_missed(
    own: tuple[CheckSuite, Path], edits: list[tuple[str, str, int]]
) -> None:
    suite, folder = own
    modules = {"solution": SOLUTION, "helper": HELPER}
    before, digests_before = outcomes(suite, folder, modules), concerns(suite.assignment, modules)
    for module, kind, at in edits:
        modules[module] = Tree(modules[module]).edited(kind, at)
    after, digests_after = outcomes(suite, folder, modules), concerns(suite.assignment, modules)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {name for name in before if digests_before[name] != digests_after[name]}


@pytest.mark.parametrize(
    ("old", "new", "concerned"),
    [
        ("x - 14", "x - 15", set()),  # nobody mentions it
        ("x * 12", "x * 13", {"other", "named"}),
        ("by=13", "by=14", {"shifted"}),
        ("OFFSET + 2", "OFFSET + 3", {"shifted"}),
        ("OFFSET, OTHER = 1, 5", "OFFSET, OTHER = 2, 5", {"shifted", "helper"}),
        ("return value + 10", "return value - 10", {"model", "other", "named"}),
        ("return 8", "return 9", {"model", "named", "other"}),
        ("return x - 11", "return x", {"wrapped"}),
        ("LATE = 15", "LATE = 16", set(CALLS)),  # a loop of the module may do anything
        ("print(late(16))", "print(late(17))", set()),
        ("# no such thing", "", set()),
    ],
)
def test_a_change_concerns_few(own: tuple[CheckSuite, Path], old: str, new: str, concerned: set[str]) -> None:
    """``anything`` comes to names that are nowhere in it, so everything concerns it."""
    assignment, modules = own[0].assignment, {"solution": SOLUTION, "helper": HELPER}
    before = concerns(assignment, modules)
    after = concerns(assignment, {**modules, "solution": SOLUTION.replace(old, new)})
    found = {name for name in before if before[name] != after[name]}
    assert found - {"anything"} == concerned - {"anything"}
    assert ("anything" in found) == (SOLUTION.replace(old, new) != SOLUTION and "print" not in old)


HOLES = {
    "a call that changes a table": ("D = {}\ny = D.update(a={n})", "return x + D['a']"),
    "a function that sets a global": ("def setup():\n    global G\n    G = {n}\nok = setup()", "return x + G"),
    "a popped entry": ("D = [1, 2, 3]\ny: int = D.pop({n})", "return x + D[0]"),
    "a hook that is registered": ("def post(*_):\n    return {n}\nhook = torch.register_hook(post)", "return x"),
    "a setting": ("_ = torch.use_deterministic({n})", "return x"),
    "another block than that of a script": ("if __name__ != '__main__':\n    G = {n}", "return x + G"),
    "the other block of a script": ("if __name__ == '__main__':\n    pass\nelse:\n    G = {n}", "return x + G"),
    "a method of a framework's": ("class L(nn.Linear):\n    def helper(self):\n        return {n}", "return L()(x)"),
    "a method of a network's": ("class M(nn.Module):\n    def reset_parameters(self):\n        {n}", "return M()(x)"),
    "globals of a function": ("def zz(x):\n    return x * {n}", "return target.__globals__['z' + 'z'](x)"),
    "a name that is put together": (
        "class A:\n    def zz(self):\n        return {n}",
        "return [A.__dict__[k] for k in dir(A)]",
    ),
    "subclasses": ("class A: pass\nclass B(A):\n    value = {n}", "return A.__subclasses__()[0].value"),
    "a decorator with a plain name": (
        "R = []\ndef cache(f):\n    R.append(f)\n    return f\n@cache\ndef f(x):\n    return x * {n}",
        "return R[0](x)",
    ),
    "the order in a class": ("class A:\n    def _kl(self): return 1\n{order}", "return A().kl()"),
    "a package": ("from pkg import inner", "return inner(x)"),
}
ORDERS = {1: "    kl = _kl\n    def _kl(self): return 2\n", 2: "    def _kl(self): return 2\n    kl = _kl\n"}


@pytest.mark.parametrize("hole", HOLES)
def test_what_may_change_an_outcome_concerns_it(hole: str) -> None:
    before, body = HOLES[hole]

    def digest(number: int) -> str:
        text = before.replace("{n}", str(number)).replace("{order}", ORDERS[number])
        sources = {
            "solution.py": f"import torch\nfrom torch import nn\n{text}\ndef target(x):\n    {body}\n",
            "pkg/__init__.py": "from .hh import inner\n",
            "pkg/hh.py": f"def inner(x): return x * {number}\n",
        }
        return digest_of_reached(parts_of(sources, (), ()), ["target"], ["solution"])

    assert digest(1) == digest(1) and digest(1) != digest(2)


def test_a_helper_concerns_those_who_import_from_it(own: tuple[CheckSuite, Path]) -> None:
    assignment, modules = own[0].assignment, {"solution": SOLUTION, "helper": HELPER}
    before = concerns(assignment, modules)
    after = concerns(assignment, {**modules, "helper": HELPER.replace("SCALE = 2", "SCALE = 3")})
    assert {name for name in before if before[name] != after[name]} == {"helper", "anything"}


@pytest.mark.parametrize(
    "slug",
    [pytest.param("nyu2271_a3", marks=pytest.mark.thorough), pytest.param("ift6135_a3", marks=pytest.mark.slow)],
)
def test_in_real_assignments_a_broken_function_breaks_no_item_that_it_does_not_concern(
    slug: str, tmp_path: Path
) -> None:
    assignment = load_assignment(ROOT, slug)
    assert assignment.reference is not None
    suite = CheckSuite.collect(assignment)
    public = CheckSuite(assignment, tuple(c for c in suite.checks if c[0].public), suite.stand_ins)
    sources = {p.stem: p.read_text(encoding="utf-8") for p in assignment.reference.glob("*.py")}
    training = {item.id for item in assignment.manifest.items if item.training}
    before = concerns(assignment, sources)
    few = 0
    for module, source in sources.items():
        tree = ast.parse(source)
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and not n.name.startswith("__")]
        for function in functions[::3]:
            broken = copy.deepcopy(function)
            broken.body.insert(0, ast.parse("raise RuntimeError('broken')").body[0])
            text = source.replace(ast.get_source_segment(source, function) or "?", _indented(broken, function), 1)
            after = concerns(assignment, {**sources, module: text})
            untouched = {item for item in before if before[item] == after[item]} - training
            few += len(untouched) >= len(before) / 2
            folder = tmp_path / f"{module}-{function.name}-{function.lineno}"
            folder.mkdir()
            write(folder, {**sources, module: text})
            graded = public.grade(folder, items=untouched)
            failed = {item for item, verdicts in graded.items() if any(str(v.outcome) != "PASS" for _, v in verdicts)}
            assert not failed, function.name
    assert few  # it is worth something: most functions concern a few items only


def _indented(new: ast.FunctionDef, old: ast.FunctionDef) -> str:
    lines = ast.unparse(new).splitlines()
    start = next(
        n for n, line in enumerate(lines) if line.lstrip().startswith("def ")
    )  # decorators stay where they are
    return ("\n" + " " * old.col_offset).join(lines[start:])
