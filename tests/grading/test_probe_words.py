"""Reports tell what a probe does in the words of its docstring, and never by a name that no student has written."""

from pathlib import Path

import pytest

from autograder.grading.probe_words import read_probe_words
from tests.tiny import ONE, PUBLIC, Tiny

pytestmark = pytest.mark.usefixtures("warm")

PROBES = '''
def outcome(double, values, scale=1.0):
    """`double` of each value, from e.g. a list. Nothing else."""
    return [double(scale * value) for value in values]

class Holder:
    """A holder of your function."""
    def __init__(self, double):
        self.double = double
    def called(self, x):
        return self.double(x)
    def until_right(self, x):
        """Your function again and again, until it is right."""
        while self.double(x)[0] != 2:
            pass
        return self.double(x)

def undocumented(double, x):
    return double(x)
'''
CHECK = '''
@item("one.double")
def test_{number}(one, probes):
    """Twice the input, through a probe."""
    assert_close({call}, 2 * torch.ones(2))
'''
CALLS = (
    "probes.outcome(one.double, [torch.ones(2)], 1.0)[0]",
    "probes.Holder(one.double).called(torch.ones(2))",
    "probes.undocumented(one.double, torch.ones(2))",
    "probes.Holder(one.double).until_right(torch.ones(2))",
)
OUTCOME = "`double` of each value, from e.g. a list (`outcome` in checks/public/probes.py)"
HOLDER = "A holder of your function (`Holder` in checks/public/probes.py)"


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.write("assignments/tiny/checks/public/probes.py", PROBES)
    return made


def test_the_words_are_the_first_sentence_of_a_docstring(tiny):
    found = read_probe_words([tiny.assignment / "checks" / "public" / "probes.py"])
    assert sorted(found) == ["probes.Holder", "probes.Holder.until_right", "probes.outcome"]
    assert found["probes.outcome"].words == "`double` of each value, from e.g. a list"
    assert found["probes.outcome"].parameters == ("double", "values", "scale")
    assert found["probes.Holder"].parameters == ("double",)
    assert found["probes.Holder.until_right"].parameters == ("x",)


@pytest.mark.thorough
def test_calls_of_probes_are_told_in_their_words(tiny):
    checks = "".join(CHECK.format(number=number, call=call) for number, call in enumerate(CALLS))
    tiny.write("assignments/tiny/checks/public/test_public.py", "import torch\n" + PUBLIC + checks)
    output = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", "return x * 3"))).output("one.double")
    _, call, after = output.partition(OUTCOME)
    assert call and "scale = 1" in after[:200] and "double =" not in after[:200]
    assert f"called(...) of this object: {HOLDER}" in output
    assert "undocumented(...)" in output  # there are no other words for it
    assert "until_right() in checks/public/probes.py did not return" in output
