"""The distribution's parts: what the code of each imports is asked for there, and nothing is asked for in vain."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.assignment import PROOFS_PACKAGE, load_assignment, slugs
from autograder.distributions import distributions_of, is_standard
from autograder.doctor_libraries import _MODULES
from autograder.release.readme import readme
from autograder.source.cells import as_python, joined
from tests.templates import template_of

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEMO = "ift6135_a3"
OURS = ("autograder", "tests", "assignments", "proofs", "solutions", "student_templates", "benchmarks")
"""Folders whose modules are nothing to install."""
INSTRUCTORS = ("verify/**/*.py", "release/notebook_template.py", "platforms/gradescope/validate.py")
"""What of the engine only those run who make assignments; the rest is for checks, grading and the demonstration."""
CLUSTERS = ("batch/places.py",)
"""What of the engine only those run who grade on a cluster."""
NOTEBOOKS = ("notebook.py", "student/kernel_*.py", "documents/notebook_text.py")
"""What of the engine only those run who check in a notebook."""
BESIDE = {
    "base": (),
    "student": ("base",),
    "notebook": ("base",),
    "instructor": ("base", "notebook"),
    "cluster": ("base",),
    "test": (),
}
"""Which other parts are installed with one, and may be imported by its code."""
WITHOUT_IMPORT = {
    "tzdata": "zoneinfo reads it where the system has no time zones",
    "pandas": "hand-ins import it; tests/grading/test_libraries.py",
    "seaborn": "hand-ins import it; tests/grading/test_libraries.py",
    "pytest-xdist": "the option -n of pytest in pyproject.toml",
    "mypy": ".ci/run",
    "ruff": ".ci/run",
    "import-linter": ".ci/run",
    "types-jsonschema": "mypy reads it",
    "ipykernel": "the kernel of the notebooks that students get, by its name python3",
}
"""Requirements that no import shows, and what they are for."""


def declared(part: str) -> set[str]:
    """Return what is asked for in one part, without other parts."""
    lines = PROJECT["dependencies"] if part == "base" else PROJECT["optional-dependencies"][part]
    names = {str(canonicalize_name(Requirement(line).name)) for line in lines}
    return names - {"autograder"}


def at_hand(part: str) -> set[str]:
    """Return what is installed with a part."""
    beside = [name for name in declared_parts() if name != part] if part == "test" else BESIDE[part]
    return declared(part).union(*map(declared, beside))


def declared_parts() -> list[str]:
    return ["base", *PROJECT["optional-dependencies"]]


def imports(code: str) -> Iterator[str]:
    """Yield every module that code imports, wherever it does."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def of_files(paths: Iterable[Path]) -> set[str]:
    return {module for path in paths for module in imports(path.read_text(encoding="utf-8"))}


def of_notebooks() -> set[str]:
    found = set()
    for path in (ROOT / "student_templates").glob("*/*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [as_python(joined(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
        found |= {module for cell in code for module in imports(cell)}
    return found


def preloaded(names: Iterable[str]) -> set[str]:
    return {module for name in names for module in load_assignment(ROOT, name).manifest.files.preload}


def programs(text: str) -> set[str]:
    """Return the distributions of the commands of Jupyter that a text names."""
    owners = {
        script.name: str(canonicalize_name(script.dist.name))
        for script in metadata.entry_points(group="console_scripts")
        if script.dist is not None
    }
    return {owners[f"jupyter-{name}"] for name in re.findall(r"\bjupyter ([a-z]+)", text)}


def engine_of(patterns: Iterable[str]) -> set[Path]:
    return {path for pattern in patterns for path in (ROOT / "autograder").glob(pattern)}


def used(part: str) -> set[str]:
    """Return the distributions that the code behind a part needs."""
    engine = set((ROOT / "autograder").rglob("*.py"))
    templates = [code for slug in slugs(ROOT) for name, code in template_of(slug).items() if name.endswith(".py")]
    modules = {
        "base": lambda: of_files(engine - engine_of((*INSTRUCTORS, *CLUSTERS, *NOTEBOOKS))) | preloaded([DEMO]),
        "student": lambda: {module for code in templates for module in imports(code.decode())} | preloaded(slugs(ROOT)),
        "notebook": lambda: of_notebooks() | of_files(engine_of(NOTEBOOKS)),
        "instructor": lambda: of_files([ROOT / "build.py", *engine_of(INSTRUCTORS)]),
        "cluster": lambda: of_files(engine_of(CLUSTERS)),
        "test": lambda: of_files((ROOT / "tests").rglob("test_*.py")),
    }[part]()
    local = {path.stem for folder in OURS for path in (ROOT / folder).rglob("*.py")}
    local |= {*OURS, "build", PROOFS_PACKAGE, *slugs(ROOT)}
    outside = {name for name in modules if not is_standard(name) and name.partition(".")[0] not in local}
    unknown = {name for name in outside if not distributions_of(name)}
    assert not unknown, f"no distribution has {unknown}"
    found = {owner for name in outside for owner in distributions_of(name)}
    if part == "notebook":
        texts = [readme(load_assignment(ROOT, name), {"a.ipynb": b"", "handout.md": b""}) for name in slugs(ROOT)]
        texts += [path.read_text(encoding="utf-8") for path in (ROOT / "assignments").glob("*/handout.md")]
        found |= programs("\n".join(texts))
    return found


@pytest.mark.parametrize("part", declared_parts())
def test_what_a_part_imports_is_asked_for(part: str) -> None:
    assert used(part) - at_hand(part) == set()


@pytest.mark.parametrize("part", declared_parts())
def test_nothing_is_asked_for_in_vain(part: str) -> None:
    assert declared(part) - used(part) - set(WITHOUT_IMPORT) == set()


def test_exceptions_are_still_asked_for() -> None:
    assert set(WITHOUT_IMPORT) <= set().union(*map(declared, declared_parts()))


def test_the_notebooks_name_the_kernel_that_is_installed() -> None:
    kernels = set()
    for path in (ROOT / "student_templates").glob("*/*.ipynb"):
        kernels.add(json.loads(path.read_text(encoding="utf-8"))["metadata"]["kernelspec"]["name"])
    assert kernels == {"python3"}


def test_heavy_packages_are_imported_only_where_they_are_used() -> None:
    for path in (ROOT / "autograder").rglob("*.py"):
        head = ast.parse(path.read_text(encoding="utf-8")).body
        named = {name.name for node in head if isinstance(node, ast.Import) for name in node.names}
        named |= {node.module or "" for node in head if isinstance(node, ast.ImportFrom)}
        first = {name.partition(".")[0] for name in named}
        assert not first & {"torchvision", "pandas", "seaborn", "sklearn", "jupytext", "nbformat"}, path


def test_the_doctor_imports_a_module_of_each_library() -> None:
    for name in declared("base"):
        assert distributions_of(_MODULES.get(name, name.replace("-", "_"))) == (name,)
