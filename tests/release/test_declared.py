"""A wrong check or rubric is the build's error, never a zero of a student."""

from __future__ import annotations

import pytest

from autograder.errors import UserError
from tests.release.course import TOML, Course

CHECK = "assignments/tiny/checks/public/test_public.py"
HIDDEN = "assignments/tiny/checks/hidden/test_more.py"
STAND_INS = "assignments/tiny/checks/hidden/tiny_stand_ins.py"
DECLARED = '''"""Public."""

import torch
from autograder.checks import given, item


@item("vae.kl", weight=0.5)
@given(examples=3, x=torch.zeros)
def test_kl(vae, x):
    """It is zero."""
'''


@pytest.fixture
def declared(course: Course) -> Course:
    """Return the course with a check that says to which item it belongs, as those of the hidden folder do not yet."""
    course.write(CHECK, DECLARED)
    (course.root / "assignments/tiny/checks/hidden/test_hidden.py").unlink()
    return course


def refused(course: Course) -> str:
    with pytest.raises(UserError) as caught:
        course.build()
    assert not (course.root / "dist").exists() and "\n" not in str(caught.value)
    return str(caught.value).replace(f"{course.root}/", "")


def test_declared_checks_are_built_without_being_imported(declared: Course) -> None:
    declared.build()
    assert (declared.root / "dist/tiny_student.zip").is_file()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"vae.kl", w', '"vae.kk", w', f"{CHECK}, line 9: no auto item 'vae.kk'; did you mean \"vae.kl\"?"),
        ('"vae.kl", w', '"vae.why", w', f"{CHECK}, line 9: no auto item 'vae.why'"),
        (
            "weight=0.5",
            "weight=1e400",
            f"{CHECK}, line 9: weight must be a number above 0 and not above 1e+06",
        ),
        ("weight=0.5", "weight=-1", "weight must be a number above 0"),
        ("weight=0.5", "weight=0", "weight must be a number above 0"),
        ("weight=0.5", "weight=True", "weight must be a number above 0"),
        ("weight=0.5", "weight='2'", "weight must be a number above 0"),
        ("examples=3", "examples=0", f"{CHECK}, line 9: examples must be a number from 1, not 0"),
        ("examples=3", "examples=2.5", "examples must be a number from 1, not 2.5"),
        ("def test_kl(", "def (", f"{CHECK}, line 9: not valid Python"),
    ],
)
def test_wrong_declarations_are_named_with_file_and_line(declared: Course, old: str, new: str, reason: str) -> None:
    declared.edit(CHECK, old, new)
    assert reason in refused(declared)


def test_a_check_that_belongs_to_no_item_is_named(declared: Course) -> None:
    declared.write(HIDDEN, "def test_more(vae):\n    pass\n")
    assert refused(declared) == f'{HIDDEN}, line 1: test_more() belongs to no item; write @item("...") above it'


def test_a_check_that_another_one_replaces_is_named(declared: Course) -> None:
    declared.write(CHECK, DECLARED + DECLARED[DECLARED.index("\n\n@item") :])
    assert "a second test_kl() takes the place of the first, which is never run" in refused(declared)


NEVER = '[[items]]\nid = "vae.never"\ntitle = "Never checked"\npoints = 5\nkind = "auto"\nfile = "vae.py"\n'


def test_an_auto_item_without_a_check_is_named_with_what_to_do(declared: Course) -> None:
    declared.edit("assignments/tiny/assignment.toml", TOML, TOML + NEVER)
    message = refused(declared)
    assert message.startswith("assignments/tiny/assignment.toml: no check belongs to the auto item 'vae.never'")
    assert '@item("vae.never")' in message and 'kind = "manual"' in message
    declared.edit("assignments/tiny/assignment.toml", NEVER, NEVER.replace('"auto"', '"manual"'))
    declared.build()


@pytest.mark.parametrize(
    "text",
    [
        "from autograder.checks import item\nNEVER = 'vae.never'\n\n@item(NEVER)\ndef test_it(vae):\n    pass\n",
        "from shared import test_everything\n",
        "from shared import *\n",
        "for name in 'ab':\n    globals()[f'test_{name}'] = None\n",
        "test_made = print\n",
        "class TestIt:\n    pass\n",
    ],
)
def test_what_is_computed_is_left_to_verify(declared: Course, text: str) -> None:
    declared.edit("assignments/tiny/assignment.toml", TOML, TOML + NEVER)
    declared.write(HIDDEN, text)
    declared.build()
    assert (declared.root / "dist/tiny_student.zip").is_file()


def test_stand_ins_without_a_table_are_named(declared: Course) -> None:
    declared.write(STAND_INS, '"""Nothing yet."""\n')
    assert refused(declared).startswith(f"{STAND_INS}: defines no STAND_INS")
    for text in ("STAND_INS = {}\n", "STAND_INS: dict = {}\n", "from shared import STAND_INS\n"):
        declared.write(STAND_INS, text)
        declared.build()


def test_a_probe_that_would_be_a_file_of_students_is_named(declared: Course) -> None:
    declared.write("assignments/tiny/checks/public/networks.py", "")
    assert "checks/public/networks.py: would be the same module as networks.py; rename one" in refused(declared)


ALREADY = "'Normal.kl' is a blank of 'vae.kl' already"
SECOND = TOML[TOML.index("[[items]]") : TOML.index("[[items]]", TOML.index("[[items]]") + 1)]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('["vae.py"]', '["vae.py", "vae.py"]', "files: 'vae.py' is named twice"),
        ('["vae.py"]', '["vae.py", "vae.ipynb"]', "files: ['vae.py', 'vae.ipynb'] would be one module"),
        ('["vae.py"]', '["vae.py", "part2/vae.py"]', "['vae.py', 'part2/vae.py'] would be one module"),
        ('["vae.py"]', '["vae.py", "VAE.py"]', "['vae.py', 'VAE.py'] would be one module"),
        ('["vae.py"]', '["vae.py"]\noptional = ["vae.ipynb"]', "['vae.py', 'vae.ipynb'] would be one module"),
        ('["vae.py"]', '["vae.py"]\noptional = ["networks.py"]', "'networks.py' is named twice"),
        ('["networks.py"]', '["networks.py", "vae.ipynb"]', "['vae.py', 'vae.ipynb'] would be one module"),
        ('["networks.py"]', '["networks.py", "networks.py"]', "'networks.py' is named twice"),
        ('["vae.py"]', '"vae.py"', "files.required: Input should be a valid tuple"),
        (
            SECOND,
            SECOND + SECOND.replace('id = "vae.kl"', 'id = "vae.k"'),
            ALREADY,
        ),
        ('["Normal.kl"]', '["Normal.kl", "Normal.kl"]', ALREADY),
        (
            '"vae.py"',
            '"vae.md"',
            "an auto item needs a file that can be run (.py or .ipynb), not 'vae.md'",
        ),
        (TOML[TOML.index("[[items]]") :], "items = []", "an assignment needs at least one item"),
        ("points = 2", "points = true", "item 'vae.kl', points: Input should be a valid number"),
        ("points = 2", 'points = "2"', "item 'vae.kl', points: Input should be a valid number"),
        ("points = 2", "points = inf", "item 'vae.kl', points: Input should be a finite number"),
        ("points = 2", "points = nan", "item 'vae.kl', points: Input should be a finite number"),
        ("points = 2", "points = -1", "item 'vae.kl', points: Input should be greater than or equal to 0"),
        ("points = 2", "points = 1e308", "item 'vae.kl', points: Input should be less than or equal to 1000000"),
        ("points = 2", "", "item 'vae.kl', points: Field required"),
    ],
)
def test_errors_of_the_manifest_are_errors_of_the_build(declared: Course, old: str, new: str, reason: str) -> None:
    declared.edit("assignments/tiny/assignment.toml", old, new)
    if old == TOML[TOML.index("[[items]]") :]:
        declared.write("assignments/tiny/assignment.toml", new + TOML[: TOML.index("[[items]]")])
    message = refused(declared)
    assert message.startswith("assignments/tiny/assignment.toml: ") and reason in message
