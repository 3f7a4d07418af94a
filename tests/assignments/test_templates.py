"""What holds of every template: settings can be changed, "no" means no, and nothing is labelled for its makers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from autograder.assignment import slugs
from autograder.source.cells import as_python
from tests.templates import template_of

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "student_templates"
NOTEBOOKS = sorted(TEMPLATES.glob("*/*.ipynb"))
SMALL_DATA = re.compile(r"^SMALL_DATA = .*$", re.MULTILINE)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def python_of(cell: nbformat.NotebookNode) -> ast.Module:
    return ast.parse(as_python(cell.source))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_settings_stand_in_cells_that_can_be_changed(path: Path) -> None:
    locked = [cell for cell in code_cells(path) if cell.metadata.get("editable") is False]
    bound = [
        target.id
        for cell in locked
        for statement in python_of(cell).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    ]
    assert bound == []


@pytest.mark.parametrize("path", NOTEBOOKS + sorted(TEMPLATES.glob("*/*.py")), ids=lambda path: path.name)
def test_no_statement_is_there_that_does_nothing(path: Path) -> None:
    """A blank binds a name, raises, or is a comment: `...` by itself says nothing to a student."""
    notebook = path.suffix == ".ipynb"
    trees = [python_of(cell) for cell in code_cells(path)] if notebook else [ast.parse(path.read_text("utf-8"))]
    stray = [
        statement.lineno
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.If | ast.For | ast.With)
        for statement in node.body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value is ...
    ]
    assert stray == []


def test_small_data_is_asked_for_in_the_same_words_everywhere() -> None:
    lines = [line for path in NOTEBOOKS for cell in code_cells(path) for line in SMALL_DATA.findall(cell.source)]
    assert len(lines) >= 3 and len(set(lines)) == 1


@pytest.mark.parametrize(("value", "means"), [(None, False), ("", False), ("0", False), ("no", False), ("False", False),
                                              ("1", True), ("yes", True)])  # fmt: skip
def test_no_means_no(value: str | None, means: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    line = next(line for path in NOTEBOOKS for cell in code_cells(path) for line in SMALL_DATA.findall(cell.source))
    monkeypatch.delenv("SMALL_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SMALL_DATA", value)
    names: dict[str, object] = {}
    exec(f"import os\n{line}", names)
    assert names["SMALL_DATA"] is means


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_no_text_for_students_is_labelled_by_who_made_a_change(slug: str) -> None:
    """The labels of CHANGELOG.md tell maintainers what a change concerns; to a student they say nothing."""
    texts = {name: data.decode() for name, data in template_of(slug).items() if name.endswith(".md")}
    assert "handout.md" in texts
    assert [name for name, text in texts.items() if re.search(r"^`?(handout|grader|checks|release):", text, re.M)] == []


def test_copies_of_checkpoints_are_the_same() -> None:
    """Each assignment stands alone, so what several of them need is there several times; it must not drift."""
    files = [path.read_bytes() for path in sorted(ROOT.glob("assignments/*/provided/checkpoints.py"))]
    assert len(files) >= 1 and len(set(files)) == 1
