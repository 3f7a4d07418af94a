"""How many mistakes get their hint in the way that students write them, and that none gets a wrong one."""

from __future__ import annotations

import ast
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from autograder.references import as_text, reference_code
from tests.hints.recognition import Recogniser

WRONG = tomllib.loads((Path(__file__).parent / "students.toml").read_text(encoding="utf-8"))["wrong"]
AIM = 0.6
"""Part of the functions that lose points and must get their hint."""


def with_body(text: str, name: str, body: str) -> str:
    """Put a body in the place of that of a function, ``Class.method`` or a plain name; its docstring stays."""
    node: Any = ast.parse(text)
    for part in name.split("."):
        definitions = (each for each in node.body if isinstance(each, (ast.FunctionDef, ast.ClassDef)))
        node = next(each for each in definitions if each.name == part)
    lines = text.split("\n")
    first = node.body[ast.get_docstring(node) is not None]
    return "\n".join(
        [
            *lines[: node.body[0].end_lineno if first is not node.body[0] else first.lineno - 1],
            *textwrap.indent(body.strip("\n"), " " * first.col_offset).split("\n"),
            *lines[node.end_lineno :],
        ]
    )


def hints_of(recogniser: Recogniser, wrong: list[dict[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    """The hint that each function gets which loses points ("" for none), and the mistakes that it is."""
    found = []
    for entry in wrong:
        name = recogniser.assignment.manifest.item(entry["item"]).file or ""
        text = reference_code(recogniser.assignment, name)
        if "function" in entry:
            text = with_body(text, entry["function"], entry["body"])
        else:
            assert text.count(entry["old"]) == 1, entry
            text = text.replace(entry["old"], entry["new"])
        graded = recogniser.graded(entry["item"], as_text(name), text)
        if graded.failed:
            found.append((graded.hint, tuple(entry["means"])))
    return found


def assert_hints(found: list[tuple[str, tuple[str, ...]]]) -> None:
    right = [means for hint, means in found if hint in means]
    silent = [means[0] for hint, means in found if not hint]
    misleading = [(hint, means) for hint, means in found if hint and hint not in means]
    print(f"{len(right)} of {len(found)} with their hint, {len(misleading)} wrong; none: {silent}")
    assert not misleading and len(right) >= AIM * len(found)


def test_mistakes_of_students_get_their_hints(tmp_path):
    recogniser = Recogniser("nyu2271_a3", tmp_path)
    assert_hints(hints_of(recogniser, [w for w in WRONG if w["item"] in ("vae.reparametrize", "diffusion.schedule")]))


@pytest.mark.slow
@pytest.mark.parametrize("slug", sorted({w["assignment"] for w in WRONG}))
def test_all_mistakes_of_students_get_their_hints(slug, tmp_path):
    assert_hints(hints_of(Recogniser(slug, tmp_path), [w for w in WRONG if w["assignment"] == slug]))
