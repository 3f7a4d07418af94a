"""The pytest plugin: collects checks, and gives them remotes as fixtures.

pytest collects, orders and resolves fixtures; where it would call a function, the check is only noted.
"""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from autograder.assignment import Assignment, other_version
from autograder.checks.authoring.contracts import Applied, Derived
from autograder.checks.authoring.declaring import Declaration, declaration_of
from autograder.errors import UserError, did_you_mean
from autograder.grading.grader_error import GraderError
from autograder.grading.running import MAX_SHRINKS, CheckRunner, RemoteName, Verdict
from autograder.grading.seeds import check_seed, secret_seed
from autograder.results import CheckResult


@dataclass(frozen=True)
class Check:
    """One collected check. ``id`` is stable: visibility, file and function.

    ``exempt`` says why the assignment does not ask for it; such a check counts for nothing.
    """

    id: str
    item: str
    title: str
    public: bool
    weight: float
    declaration: Declaration
    function: Callable[..., None]
    exempt: str = ""

    def runner(
        self,
        assignment: Assignment,
        grading_seed: str,
        fixtures: Mapping[str, Any],
        *,
        max_shrinks: int = MAX_SHRINKS,
    ) -> CheckRunner:
        """Return what runs it, with all that is drawn fixed by the grading seed."""
        origin = (grading_seed, assignment.slug, assignment.manifest.version, self.id)
        return CheckRunner(
            self.function,
            self.declaration,
            fixtures,
            check_seed(*origin),
            max_shrinks,
            secret=secret_seed(*origin),
            costly=assignment.manifest.item(self.item).training,
        )

    def result(self, verdict: Verdict) -> CheckResult:
        """Return what became of it, with all that was found out."""
        return CheckResult(
            id=self.id,
            item=self.item,
            title=self.title,
            public=self.public,
            weight=self.weight,
            outcome=verdict.outcome,
            failure=verdict.failure,
            staff_note=verdict.staff_note,
            exhibits=verdict.exhibits,
        )


Collected = tuple[Check, dict[str, Any]]
"""A check with its fixtures."""


@dataclass
class CheckPlugin:
    """Collects the checks that are wanted, each with its fixtures, and calls none.

    With ``hidden``, a contract gives its hidden properties as well; with ``exempted``, those too that the assignment
    exempts.
    """

    assignment: Assignment
    wanted: frozenset[str]
    hidden: bool
    exempted: bool = False
    collected: list[Collected] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    _checks: dict[str, Check] = field(default_factory=dict)
    _derived: dict[str, Derived] = field(default_factory=dict)
    """Checks that contracts gave, by the names of pytest's items."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Let paths of checks be relative to the assignment, whose own path may have what pytest reads as a selection.

        pytest takes brackets and ``::`` in an argument for parts of a test's name.
        """
        given = config.invocation_params
        config.invocation_params = config.InvocationParams(
            args=given.args, plugins=given.plugins, dir=self.assignment.folder
        )

    def pytest_pycollect_makeitem(self, collector: pytest.Module, name: str, obj: object) -> list[pytest.Item] | None:
        """Make a check of each property of a contract, in the file that applies it."""
        if not isinstance(obj, Applied):
            return None
        if obj.adapter.__module__ != collector.obj.__name__:
            return []
        self._refuse_version(obj, collector.nodeid)
        made: list[pytest.Item] = []
        for derived in obj.checks(hidden=self.hidden):
            if self.exempted or not derived.exempt:
                item = pytest.Function.from_parent(collector, name=f"{name}[{derived.name}]", callobj=derived.check)
                made.append(item)
                self._derived[item.nodeid] = derived
        return made

    def _refuse_version(self, applied: Applied, where: str) -> None:
        concept, version = applied.contract.concept, applied.contract.version
        named = self.assignment.manifest.concepts.get(concept)
        if named != version:
            raise ValueError(f"{where}: {other_version(concept, version, named)}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember why a file of checks could not be read."""
        if report.failed:
            self.problems.append(
                GraderError(f"{report.nodeid}: cannot be collected: {_last_error(report.longreprtext)}")
            )

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the checks of the wanted items, in the order of the rubric, public ones first.

        Nothing that a worker saw in a hidden check can then come out in a public one, whatever it left behind in the
        machine: the time at which a file was last read, for instance, outlives every wall.
        """
        try:
            found = [(item, self._check(item)) for item in items]
        except (UserError, GraderError) as error:
            self.problems.append(error)
            items.clear()
            return
        order = {entry.id: number for number, entry in enumerate(self.assignment.manifest.items)}
        kept = sorted(
            ((item, check) for item, check in found if check.item in self.wanted),
            key=lambda pair: (not pair[1].public, order[pair[1].item], pair[1].id),
        )
        items[:] = [item for item, _ in kept]
        self._checks = {item.nodeid: check for item, check in kept}

    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Note a check with its fixtures in place of calling it."""
        names = pyfuncitem._fixtureinfo.argnames
        fixtures = {name: pyfuncitem.funcargs[name] for name in names}
        self.collected.append((self._checks[pyfuncitem.nodeid], fixtures))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what went wrong outside of a check's body, such as a fixture."""
        if report.failed:
            self.problems.append(GraderError(f"{report.nodeid} ({report.when}):\n{report.longreprtext}"))

    def pytest_internalerror(self, excrepr: object) -> None:
        """Remember what broke pytest."""
        self.problems.append(GraderError(f"pytest broke:\n{excrepr}"))

    def _check(self, item: pytest.Item) -> Check:
        if not isinstance(item, pytest.Function):
            raise GraderError(f"{item.nodeid}: only plain test functions can be checks")
        function = item.obj
        declaration = declaration_of(function)
        if declaration is None or not declaration.item:
            raise GraderError(f'{item.nodeid}: a check needs @item("..."), outermost')
        known = [entry.id for entry in self.assignment.manifest.items if entry.is_auto]
        if declaration.item not in known:
            raise GraderError(
                f"{item.nodeid}: no auto item {declaration.item!r}{did_you_mean(declaration.item, known)}"
            )
        derived = self._derived.get(item.nodeid)
        public = item.path.is_relative_to(self.assignment.public_checks) and (derived is None or derived.public)
        title = (function.__doc__ or function.__name__).strip().splitlines()[0]
        check_id = f"{'public' if public else 'hidden'}/{item.path.name}::{item.name}"
        exempt = derived.exempt if derived is not None else ""
        return Check(check_id, declaration.item, title, public, declaration.weight, declaration, function, exempt)


def collect_checks(
    assignment: Assignment, wanted: frozenset[str], *, hidden: bool, exempted: bool = False
) -> list[Collected]:
    """Collect an assignment's checks; its modules are remote fixtures, ``model`` and also ``model_module``.

    The parameters are those of `CheckPlugin`. Raises the first problem that is the grader's own: `GraderError` or
    `UserError`.
    """
    plugin = CheckPlugin(assignment, wanted, hidden, exempted)
    fixtures = types.ModuleType("autograder_fixtures")
    for name, module in _fixtures_of(plugin.assignment.modules).items():
        setattr(fixtures, name, pytest.fixture(name=name)(_give(module)))
    folders = [plugin.assignment.public_checks, *([plugin.assignment.hidden_checks] if plugin.hidden else [])]
    paths = [str(folder.relative_to(plugin.assignment.folder)) for folder in folders if folder.is_dir()]
    if not paths:
        return []  # given no path, pytest would collect the current folder
    quiet = ["terminal", "cacheprovider", "faulthandler", "logging", "hypothesispytest", "junitxml", "pastebin"]
    quiet += ["unraisableexception", "threadexception"]  # they collect garbage five times over
    quiet.append("autograder-bare")  # it stops whoever runs checks without us
    options = [option for name in quiet for option in ("-p", f"no:{name}")]
    options += [
        "-c",
        os.devnull,
        "--rootdir",
        str(plugin.assignment.folder),
        "--noconftest",
        "--import-mode=importlib",
        "--assert=plain",
        "-s",
    ]
    with chdir(os.curdir), _settings_of_others_hidden():  # pytest ends in the folder that its paths are relative to
        pytest.main([*options, *paths], plugins=[plugin, fixtures])
    if plugin.problems:
        raise plugin.problems[0]
    return plugin.collected


@contextmanager
def _settings_of_others_hidden() -> Iterator[None]:
    """Hide what the environment says to pytest: options of whoever runs this would change what is collected, or end it.

    Their installed plugins stay out as well: one that shuffles or repeats tests would do so with checks.
    """
    theirs = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PYTEST_")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(theirs)


def _fixtures_of(modules: Sequence[str]) -> dict[str, str]:
    """Return the module of each fixture. The longer name is for adapters of contracts that have an input ``model``."""
    return {f"{name}_module": name for name in modules} | {name: name for name in modules}


def _last_error(text: str) -> str:
    """Return the line of pytest's report that names the exception."""
    lines = [line.removeprefix("E").strip() for line in text.splitlines() if line.startswith("E ")]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else text.strip())


def _give(name: str) -> Callable[[], RemoteName]:
    return lambda: RemoteName(name)
