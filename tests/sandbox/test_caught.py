"""What a constructor raised is said first, where a probe went on without it; other objects are named by their class."""

import tempfile
from pathlib import Path

import pytest

from autograder.checks import CheckFailed, SubmissionRaised, assert_tensor, describe, describe_type
from autograder.sandbox.trusted.remote import state

PROBES = """
def built(kind):
    try:
        return kind()
    except Exception:
        return kind.__new__(kind)

def value_of(kind):
    return built(kind).value()

def tried(function, kind):
    try:
        function()
    except Exception:
        return built(kind).value()
"""
SUBMITTED = """
class Model:
    def __init__(self):
        self.width = self.sise
    def value(self):
        return self.height

class Unwritten:
    def __init__(self):
        raise NotImplementedError
    def value(self):
        return self.width

class Fine:
    def value(self):
        return self.width

class Other:
    def __init__(self):
        self.width = self.sise
    def value(self):
        raise ValueError("of its own")

def bad():
    raise KeyError("w")

def unfinished():
    return ...

def several():
    return Fine(), ..., 1.0
"""


@pytest.fixture
def modules(start, backend, zygote):
    """The remotes of a submission and of probes beside it."""
    folder = Path(tempfile.mkdtemp(dir=zygote.home / "submissions"))
    folder.chmod(0o755)
    path = folder / "some_probes.py"
    path.write_text(PROBES, encoding="utf-8")
    session = start(backend, SUBMITTED, extra=[str(path)])
    return session.module("s"), session.module("some_probes")


def said(call):
    with pytest.raises(SubmissionRaised) as caught:
        call()
    return caught.value.summary, caught.value.got


def test_what_the_constructor_raised_comes_first_with_its_line(modules):
    s, probes = modules
    summary, got = said(lambda: probes.value_of(s.Model))
    assert summary.startswith("Model.__init__() raised AttributeError: 'Model' object has no attribute 'sise'")
    assert "after that, Model.value() raised AttributeError: 'Model' object has no attribute 'height'" in summary
    assert got == "s.py, line 4: self.width = self.sise"
    assert said(probes.built(s.Model).value)[0].startswith("Model.__init__() raised")


def test_an_unwritten_constructor_is_named(modules):
    s, probes = modules
    summary, _ = said(lambda: probes.value_of(s.Unwritten))
    assert summary.startswith("Unwritten.__init__() is not implemented yet; after that, Unwritten.value() raised")


def test_what_follows_by_itself_has_no_such_cause(modules):
    s, probes = modules
    assert said(lambda: probes.value_of(s.Other)) == (
        "Other.value() raised ValueError: of its own",
        's.py, line 22: raise ValueError("of its own")',
    )
    assert said(lambda: probes.tried(s.bad, s.Fine))[0].startswith("Fine.value() raised AttributeError")


def test_a_new_example_forgets_it(modules):
    s, probes = modules
    probes.built(s.Model)
    state(s)[0].begin(2)
    assert said(lambda: probes.value_of(s.Fine))[0].startswith("Fine.value() raised AttributeError")


def test_what_is_no_tensor_is_named(modules):
    s, _ = modules
    with pytest.raises(CheckFailed, match=r"the mean is still `\.\.\.`"):
        assert_tensor(s.unfinished(), name="the mean")
    with pytest.raises(CheckFailed, match="the mean is a Fine, not a tensor"):
        assert_tensor(s.Fine(), name="the mean")
    assert describe(s.several()) == "(<Fine object>, ..., 1)"
    assert describe_type(s.unfinished()) == "`...`"
