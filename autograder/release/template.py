"""The students' folder of one assignment, and what was taken out of the reference to make it."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.assignment import MANIFEST, Assignment
from autograder.errors import UserError, did_you_mean
from autograder.references import notebook_of_text, reference_name, reference_path
from autograder.release.answers import strip_markdown
from autograder.release.confidential import Given
from autograder.release.files import Tree, read_tree
from autograder.release.intact import refuse_marks
from autograder.release.notebook_template import strip_notebook
from autograder.release.projection import project
from autograder.release.reference_cells import read_notebook
from autograder.release.rubric import Rubric
from autograder.release.stubs import Removed, Stripped, strip_python
from autograder.source.cells import cell_source, parse_cell
from autograder.source.junk import is_junk
from autograder.source.lines import Place
from autograder.source.parsing import parse_or_none
from autograder.texts import decode

HANDOUT = "handout.md"
CHECKS = "checks"
_STRIPPED = (".py", ".ipynb", ".md")


@dataclass(frozen=True)
class Template:
    """Files by name as students get them; what stubs stand for; and the code that is given by design."""

    files: Tree
    removed: tuple[Removed, ...]
    blanks: int
    given: Given


def make_template(assignment: Assignment) -> Template:
    """Strip the reference and add what else students get; raise `UserError` where anything is unclear or missing."""
    stripped = _strip_reference(assignment)
    provided = _provided(assignment)
    files: Tree = {name: result.text.encode("utf-8") for name, result in stripped.items()}
    checks = read_tree(assignment.public_checks, prefix=f"{CHECKS}/public/")
    if not any(PurePosixPath(name).name.startswith("test_") for name in checks) and _is_graded(assignment):
        raise UserError(f"{assignment.public_checks}: students get no check; write one in a file test_<name>.py there")
    for name, data in checks.items():
        refuse_marks(Place(f"assignments/{assignment.slug}/{name}"), data)
    for part in (provided, checks, _papers(assignment)):
        if twice := sorted(files.keys() & part.keys()):
            raise UserError(f"{assignment.folder}: {twice[0]} would be in the template twice; rename one")
        files |= part
    removed = tuple(piece for result in stripped.values() for piece in result.removed)
    given = [tree for name in (*stripped, *provided) for tree in syntax_trees(name, files[name])]
    blanks = sum(result.blanks for result in stripped.values())
    return Template(dict(sorted(files.items())), removed, blanks, Given(given))


def copied(assignment: Assignment) -> tuple[str, ...]:
    """Return the files and folders (with a slash) of the template that are copies of the assignment's own."""
    return (f"{CHECKS}/", HANDOUT, *sorted(assignment.manifest.files.provided))


def is_copy(assignment: Assignment, name: str) -> bool:
    """Whether a file of the template is a copy of one of the assignment's own."""
    return any(name == part or (part.endswith("/") and name.startswith(part)) for part in copied(assignment))


def _is_graded(assignment: Assignment) -> bool:
    return any(item.is_auto for item in assignment.manifest.items)


def _strip_reference(assignment: Assignment) -> dict[str, Stripped]:
    reference = assignment.reference
    if reference is None or not reference.is_dir():
        raise UserError(f"{assignment.slug}: no reference; put the marked solution into solutions/{assignment.slug}/")
    stripped: dict[str, Stripped] = {}
    for name in _sources(assignment, reference):
        path = reference_path(assignment, name)
        place = Place(f"solutions/{assignment.slug}/{reference_name(assignment, name)}")
        rubric = Rubric(assignment.manifest, name)
        text = decode(path.read_bytes(), place.file)
        if path.suffix != PurePosixPath(name).suffix:
            text = json.dumps(notebook_of_text(text, place.file))
        result = _strip(text, PurePosixPath(name).suffix, place, rubric)
        # A Markdown file without marks is an answer key; with marks it holds the questions, too.
        if result.blanks or not name.endswith(".md"):
            _refuse_unmarked(rubric, result, place)
            stripped[name] = result
    return stripped


def _strip(text: str, suffix: str, place: Place, rubric: Rubric) -> Stripped:
    if suffix == ".md":
        return strip_markdown(text, place, rubric, is_key=True)
    return (strip_python if suffix == ".py" else strip_notebook)(text, place, rubric)


def _sources(assignment: Assignment, reference: Path) -> list[str]:
    """Return the files of the reference that become files of the template."""
    files = assignment.manifest.files
    names = [name for name in (*files.required, *files.optional) if PurePosixPath(name).suffix in _STRIPPED]
    for name in names:
        if name in files.required and not reference_path(assignment, name).is_file():
            there = [path.name for path in reference.iterdir()]
            raise UserError(f"solutions/{assignment.slug}: the required {name} is missing{did_you_mean(name, there)}")
    names += [path.name for path in sorted(reference.glob("*.md")) if not is_junk(path.name)]
    return [name for name in dict.fromkeys(names) if reference_path(assignment, name).is_file()]


def _refuse_unmarked(rubric: Rubric, result: Stripped, place: Place) -> None:
    for blank, item in rubric.blanks.items():
        if not any(f"{name}.".startswith(f"{blank}.") or f"{blank}.".startswith(f"{name}.") for name in result.covered):
            near = did_you_mean(blank, sorted(set(result.covered))) if result.covered else ""
            raise UserError(
                f"{place.file}: nothing is marked in {blank!r}, a blank of item {item.id!r}: "
                f"its solution would be in the template{near}"
            )


def _provided(assignment: Assignment) -> Tree:
    there = read_tree(assignment.folder / "provided")
    listed = assignment.manifest.files.provided
    for name in listed:
        if name not in there:
            raise UserError(f"{assignment.folder}/provided: no file {name!r}{did_you_mean(name, there)}")
    for name in there:
        if name not in listed:
            raise UserError(f"{assignment.folder}/provided/{name}: not listed under files.provided; list or remove it")
        refuse_marks(Place(f"assignments/{assignment.slug}/provided/{name}"), there[name])
    return there


def _papers(assignment: Assignment) -> Tree:
    handout = assignment.folder / HANDOUT
    if not handout.is_file():
        raise UserError(f"{handout}: there is no handout; students need one")
    refuse_marks(Place(f"assignments/{assignment.slug}/{HANDOUT}"), handout.read_bytes())
    return {HANDOUT: handout.read_bytes(), MANIFEST: project(assignment.manifest).encode("utf-8")}


def syntax_trees(name: str, data: bytes) -> list[ast.Module]:
    """Return the syntax trees of a Python file, or of the cells of a notebook, magics blanked out."""
    found: list[ast.Module | None] = []
    if name.endswith(".py"):
        found = [parse_or_none(decode(data, name))]
    elif name.endswith(".ipynb"):
        cells = read_notebook(decode(data, name), name)["cells"]
        found = [parse_cell(cell_source(cell)).tree for cell in cells if cell["cell_type"] == "code"]
    return [tree for tree in found if tree is not None]
