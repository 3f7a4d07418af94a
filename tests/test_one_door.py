"""The door to the engine: what assignments and proofs may import of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograder.checks

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("assignments/*/checks/**/*.py", "proofs/**/*.py", "autograder/concepts/*/*.py")
SOURCES = sorted(path for place in PLACES for path in ROOT.glob(place))
INSTRUMENTS, TRAINEE = "autograder.sandbox.jailed.instruments", "autograder.sandbox.jailed.trainee"
"""What a probe, which runs in the worker, puts into the networks of a submission, and the loop that trains them."""


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield module and name of everything of the engine that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == "autograder")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "autograder":
            yield from ((node.module or "", alias.name) for alias in node.names)


def is_allowed(module: str, name: str, *, is_probe: bool) -> bool:
    """Whether it is a concept, has its place in the door, or is for the worker's side."""
    if is_probe:
        return module in (INSTRUMENTS, TRAINEE)
    return (module == "autograder.checks" and name in autograder.checks.__all__) or (
        module.startswith("autograder.concepts.") and module.count(".") == 2
    )


def refused(path: Path, source: str) -> list[tuple[str, str]]:
    """What a file imports past the door."""
    probe = path.stem.endswith("_probes")
    return [found for found in imported(ast.parse(source)) if not is_allowed(*found, is_probe=probe)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_everything_comes_through_the_door(path: Path) -> None:
    assert refused(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "from autograder.checks.assertions.closeness import assert_close",
        "from autograder.checks import assertions",
        "from autograder.sandbox.trusted.remote import gradients",
        "import autograder.checks.assertions.closeness",
        "from autograder import checks",
        f"from {INSTRUMENTS} import answer_for",
        f"from {TRAINEE} import Trainee",
    ],
)
def test_other_ways_are_refused(line: str) -> None:
    assert refused(Path("test_vae.py"), line)


def test_probes_have_what_the_worker_has_and_nothing_else() -> None:
    assert refused(Path("vae_probes.py"), "from autograder.checks import assert_close")
    assert not refused(Path("vae_probes.py"), f"from {INSTRUMENTS} import answer_for")


def test_the_door_lists_everything_that_it_has() -> None:
    own = {name for name in vars(autograder.checks) if name.isidentifier() and not name.startswith("_")}
    rooms = {"assertions", "authoring", "statistics", "training"}
    assert own - rooms == set(autograder.checks.__all__)
