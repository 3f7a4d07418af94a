"""The catalogue of wrong variants: what it accepts, and the one line for what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.errors import UserError
from autograder.mutants import read_catalogue
from tests.tiny import Tiny

ENTRY = """
[[mutants]]
id = "double-triple"
item = "one.double"
misconception = "Doubling means to add twice."
hint = "How many times does x appear in the sum?"
old = "return x * 2"
new = "return x * 3"
"""


def catalogue(tmp_path: Path, text: str):
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/mutants.toml", text)
    return read_catalogue(load_assignment(tmp_path, "tiny"))


def test_a_mutant_is_the_reference_with_one_replacement(tmp_path):
    found = catalogue(tmp_path, ENTRY)
    file, text = found.source(found.mutants[0])
    reference = (tmp_path / "solutions/tiny/one.py").read_text()
    assert file == "one.py"
    assert text == reference.replace("return x * 2", "return x * 3") != reference
    assert [mutant.id for mutant in found.of_item("one.double")] == ["double-triple"]
    assert found.of_item("one.quadruple") == ()


def test_further_replacements_belong_to_the_same_bug(tmp_path):
    found = catalogue(tmp_path, ENTRY + 'also = [{ old = "double(double(x))", new = "double(x)" }]\n')
    text = found.source(found.mutants[0])[1]
    assert "return x * 3" in text and "double(double(x))" not in text


def test_an_assignment_without_catalogue_has_no_mutants(tmp_path):
    tiny = Tiny(tmp_path)
    assert read_catalogue(load_assignment(tiny.root, "tiny")).mutants == ()


def test_what_is_right_after_all_belongs_to_no_item(tmp_path):
    found = catalogue(tmp_path, ENTRY + 'equivalent = "no other value is ever asked for"\n')
    assert found.of_item("one.double") == () and len(found.mutants) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("old =", "odl ="), "mutant 'double-triple', odl: unknown key; did you mean \"old\"?"),
        (("one.double", "one.duoble"), "no auto item 'one.duoble' with a file; did you mean \"one.double\"?"),
        (('hint = "How many times does x appear in the sum?"\n', ""), "a wrong variant needs a hint"),
        (('id = "double-triple"', 'id = "Double"'), "mutant 'Double', id"),
        (("new =", "penalty = [0.5, 0.2]\nnew ="), "penalty must be two parts"),
        (
            ("new =", 'penalty = ["0", true]\nnew ='),
            "mutant 'double-triple', penalty.0: Input should be a valid number",
        ),
        (("new =", 'raises = "yes"\nnew ='), "mutant 'double-triple', raises: Input should be a valid boolean"),
        (("[[mutants]]", "[[mutants]"), "not valid TOML"),
    ],
)
def test_a_mistake_is_one_line_with_file_mutant_and_key(tmp_path, change, said):
    assert change[0] in ENTRY
    with pytest.raises(UserError) as error:
        catalogue(tmp_path, ENTRY.replace(*change))
    assert "mutants.toml" in str(error.value) and said in str(error.value)


def test_a_name_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(UserError, match="'double-triple' is there twice"):
        catalogue(tmp_path, ENTRY + ENTRY)


@pytest.mark.parametrize(("old", "said"), [("return x * 7", "is there 0 times"), ("double", "is there 3 times")])
def test_a_replacement_must_fit_exactly_once(tmp_path, old, said):
    found = catalogue(tmp_path, ENTRY.replace("return x * 2", old))
    with pytest.raises(UserError, match=said):
        found.source(found.mutants[0])


def test_a_replacement_that_changes_nothing_is_refused(tmp_path):
    found = catalogue(tmp_path, ENTRY.replace("x * 3", "x * 2"))
    with pytest.raises(UserError, match="replaced by itself"):
        found.source(found.mutants[0])
