"""Which blanks are written, told from the source alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.assignment import Assignment, Item, Manifest, load_assignment, slugs
from autograder.submission import read_submission
from autograder.submission.stub_search import Writing, writing_of
from tests.templates import write_template

ROOT = Path(__file__).resolve().parents[2]
STUB = 'raise NotImplementedError("a.b (2 points): something")'


def writing(tmp_path: Path, blanks: list[str], source: str | None) -> Writing | None:
    item = {"id": "a.b", "title": "t", "points": 1, "kind": "auto", "file": "a.py", "blanks": blanks}
    files = {"required": ["a.py", "other.py"]}
    manifest = Manifest.model_validate({"title": "t", "version": "1", "source": "s", "files": files, "items": [item]})
    (tmp_path / "other.py").write_text("x = 1\n", encoding="utf-8")
    if source is not None:
        (tmp_path / "a.py").write_text(source, encoding="utf-8")
    submission = read_submission(tmp_path, Assignment("a", tmp_path, manifest))
    return writing_of(manifest.items[0], submission)


@pytest.mark.parametrize(
    ("blanks", "source", "found"),
    [
        (["f"], f"def f():\n    {STUB}\n", Writing.NOT_WRITTEN),
        (["f"], "def f():\n    raise NotImplementedError\n", Writing.NOT_WRITTEN),
        (["f"], f"def f(x):\n    y = x + 1\n    {STUB}\n    return y\n", Writing.NOT_WRITTEN),
        (["f"], "def f():\n    return 'raise NotImplementedError'  # raise NotImplementedError\n", Writing.WRITTEN),
        (["f"], "def f():\n    raise ValueError('f is not implemented yet')\n", Writing.WRITTEN),
        (["f"], f"def f():\n    {STUB}\n\ndef f():\n    return 1\n", Writing.WRITTEN),
        (["f"], f"if True:\n    def f():\n        {STUB}\n", Writing.NOT_WRITTEN),
        (["f", "g"], f"def f():\n    {STUB}\n\ndef g():\n    return 1\n", Writing.PARTLY),
        (["f", "g"], "def g():\n    return 1\n", Writing.MISSING),
        (["f"], "def f(:\n", Writing.MISSING),
        (["f"], None, Writing.MISSING),
        (["A.f"], f"class A:\n    def f(self):\n        {STUB}\n", Writing.NOT_WRITTEN),
        (["A.f"], f"def f():\n    {STUB}\n\nclass A:\n    def f(self): return 1\n", Writing.WRITTEN),
        (["t"], "t = ...  # your code\n", Writing.NOT_WRITTEN),
        (["t"], "t = ...\nt = 2\n", Writing.WRITTEN),
        (["t"], "for t in range(3): pass\n", Writing.MISSING),
        (["t", "u"], "t, u = 1, 2\n", Writing.WRITTEN),
        ([], "x = 1\n", None),
    ],
)
def test_a_blank_is_unwritten_where_it_holds_a_stub(
    tmp_path: Path, blanks: list[str], source: str | None, found: Writing | None
) -> None:
    assert writing(tmp_path, blanks, source) is found


def with_blanks(assignment: Assignment) -> list[Item]:
    return [item for item in assignment.manifest.items if item.blanks]


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_templates_hold_stubs_and_references_answers(slug: str, tmp_path: Path) -> None:
    assignment = load_assignment(ROOT, slug)
    write_template(slug, tmp_path / "template")
    template = read_submission(tmp_path / "template", assignment)
    assert {writing_of(item, template) for item in with_blanks(assignment)} == {Writing.NOT_WRITTEN}
    assert assignment.reference is not None
    reference = read_submission(assignment.reference, assignment)
    assert {writing_of(item, reference) for item in with_blanks(assignment)} == {Writing.WRITTEN}
