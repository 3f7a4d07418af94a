"""What verdicts depend on is listed: a check that begins to believe something else, or no longer does, fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.assignment import load_assignment, slugs
from autograder.verify.execution.suite import CheckSuite
from tests.sources.lists import FOLDER, Kind, SourceList, differences, ours
from tests.sources.recording import sources_of_checks
from tests.tiny import Tiny

pytestmark = pytest.mark.usefixtures("warm")

ROOT = Path(__file__).resolve().parents[2]
RENEW = "after a look at each, renew the list with `python -m tests.sources {}` (and --training)"


def differences_of(slug: str, *, training: bool) -> list[str]:
    """What the reference's checks of one sort depend on, against the list."""
    suite = CheckSuite.collect(load_assignment(ROOT, slug))
    assignment = suite.assignment
    checks = [check for check, _ in suite.checks if training or not assignment.manifest.item(check.item).training]
    assert assignment.reference is not None
    found = {check.id: sources for check, sources in sources_of_checks(suite, assignment.reference, checks)}
    listed = SourceList.read(FOLDER / f"{slug}.toml")
    known = {check.id for check, _ in suite.checks}
    stale = {check for table in listed.by_kind.values() for check in table} - known
    return [*differences(listed, found, ours(assignment)), *(f"no such check: {check}" for check in sorted(stale))]


@pytest.mark.thorough
@pytest.mark.parametrize("slug", slugs(ROOT))
def test_every_source_of_a_verdict_is_listed(slug):
    assert not differences_of(slug, training=False), RENEW.format(slug)


@pytest.mark.slow
@pytest.mark.parametrize("slug", slugs(ROOT))
def test_every_source_of_a_verdict_on_training_is_listed(slug):
    assert not differences_of(slug, training=True), RENEW.format(slug)


PROBES = '''
class Watch:
    """Calls a function and remembers its inputs."""
    def __init__(self, function): self.function, self.asked = function, []
    def __call__(self, x):
        self.asked.append(x)
        return self.function(x)

def watched(module):
    watch = Watch(module.double)
    module.double = watch
    return watch

def is_used(watch): return len(watch.asked) > 0

def quadruple_of(module, x): return module.quadruple(x)

class Box: pass

def boxed(x):
    box = Box()
    box.inner = lambda: x
    return box
'''
BELIEVES = '''
from autograder.checks import CheckFailed, assert_close, exists, fetch, given, gradients, item, expose, tensors

@item("one.quadruple")
def test_says_who_was_asked(one, one_probes):
    """quadruple asks double, as the probe says."""
    import torch
    watch = one_probes.watched(one)
    one.quadruple(torch.ones(2))
    if not one_probes.is_used(watch) or not fetch(watch.asked):
        raise CheckFailed("double is not asked")

@item("one.quadruple")
@given(examples=2, x=tensors(3))
def test_is_told_by_a_probe(one, one_probes, x):
    """quadruple, by way of a probe."""
    assert_close(one_probes.quadruple_of(one, x), 4 * x.double(), name="quadruple(x)")

@item("one.quadruple")
@given(examples=2, x=tensors(3, requires_grad=True))
def test_asks_the_submission(one, one_probes, x):
    """quadruple itself, its gradient, and a function of the grader's that is given to it."""
    got = one.quadruple(x)
    assert_close(got, 4 * x.double(), name="quadruple(x)")
    gradients(got, [x])
    one_probes.boxed(one.quadruple)

@item("two.shift")
@given(examples=2, x=tensors(3))
def test_reads_parts(two, given, one_probes, x):
    """A name of the submission that nobody asked for, one of a provided file, and whether there is a third."""
    twice = expose(doubled)
    if exists(two.ONE) and fetch(two.ONE) != 1 or fetch(given.ONE) != 1:
        raise CheckFailed("ONE is 1")
    one_probes.boxed(x).inner()
    one_probes.Watch(twice)(x)

def doubled(x): return x * 2
'''


@pytest.fixture
def tiny(tmp_path):
    """The tiny assignment with a probe, and checks that believe it."""
    made = Tiny(tmp_path)
    made.write("assignments/tiny/checks/public/one_probes.py", PROBES)
    made.write("assignments/tiny/checks/hidden/test_believing.py", BELIEVES)
    return made


def found_in(tiny):
    suite = CheckSuite.collect(load_assignment(tiny.root, "tiny"))
    found = {c.id.rpartition("::")[2]: s for c, s in sources_of_checks(suite, tiny.reference)}
    return found, ours(suite.assignment)


def test_values_are_named_by_what_gave_them(tiny):
    found, _ = found_in(tiny)
    assert found["test_double"] == {"one.double()"}
    assert found["test_asks_the_submission"] == {"one.quadruple()"}
    assert found["test_is_told_by_a_probe"] == {"one_probes.quadruple_of()"}
    assert found["test_says_who_was_asked"] == {"one.quadruple()", "one_probes.is_used()", "one_probes.Watch.asked"}
    assert found["test_reads_parts"] == {
        "exists(two.ONE)",
        "two.ONE",
        "given.ONE",
        "one_probes.boxed.<lambda>()",
        "one_probes.Watch.__call__()",
        "lent doubled",
    }


NAMED = frozenset({"one.double()", "one.quadruple()", "two.shift()"})


def test_a_check_that_reads_what_a_probe_says_is_not_let_through(tiny):
    found, ours = found_in(tiny)
    told = differences(SourceList(NAMED, {}), found, ours)
    assert "not listed: [testimony] test_says_who_was_asked = one_probes.is_used()" in told
    assert "not listed: [testimony] test_says_who_was_asked = one_probes.Watch.asked" in told
    assert "not listed: [testimony] test_is_told_by_a_probe = one_probes.quadruple_of()" in told
    assert "not listed: [testimony] test_reads_parts = given.ONE" in told
    assert "not listed: [unnamed] test_reads_parts = two.ONE" in told
    assert "not listed: [unnamed] test_reads_parts = exists(two.ONE)" in told
    assert "not listed: [lent] test_reads_parts = lent doubled" in told
    assert not [line for line in told if "test_asks_the_submission" in line or "test_double" in line]


def test_the_tiny_assignment_itself_depends_on_what_is_named(tmp_path):
    found, ours = found_in(Tiny(tmp_path))
    assert differences(SourceList(NAMED, {}), found, ours) == []


def test_a_line_that_no_longer_holds_is_told(tmp_path):
    found, ours = found_in(Tiny(tmp_path))
    listed = SourceList(NAMED | {"two.gone()"}, {Kind.TESTIMONY: {"test_double": ["one_probes.is_used()"]}})
    assert differences(listed, found, ours) == [
        "no longer there: [testimony] test_double = one_probes.is_used()",
        "never asked: [named] two.gone()",
    ]


def test_what_the_grader_brings_is_nothing_that_a_specification_names(tiny):
    found, ours = found_in(tiny)
    listed = SourceList(NAMED | {"one_probes.is_used()"}, {})
    assert "a specification names none of ours: one_probes.is_used()" in differences(listed, found, ours)
