"""The digest of what grades: everything that has a say is in it, and nothing else."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.batch.grader_identity import grader_digest
from tests.tiny import Tiny


class Device(StrEnum):
    CPU = "cpu"


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def digest(tiny: Tiny, **options: object) -> str:
    return grader_digest(load_assignment(tiny.root, "tiny"), options)


@pytest.mark.parametrize(
    "name",
    [
        "assignments/tiny/assignment.toml",
        "assignments/tiny/checks/hidden/test_hidden.py",
        "assignments/tiny/checks/public/new.py",
        "assignments/_shared/helpers.py",
        "solutions/tiny/one.py",
        "solutions/tiny/grading.toml",
        "proofs/autograder_proofs/oracles/new.py",
    ],
)
def test_every_file_that_grades_is_in_it(tiny: Tiny, name: str) -> None:
    before = digest(tiny)
    path = tiny.root / name
    tiny.write(name, (path.read_text() if path.exists() else "") + "\n# changed\n")
    assert digest(tiny) != before


def test_the_same_grader_has_the_same_digest_and_others_have_others(tiny: Tiny, tmp_path: Path) -> None:
    before = digest(tiny, only={"a", "b", "c"}, device=Device.CPU, training=True)
    tiny.write("assignments/other/assignment.toml", "")
    tiny.write("README.md", "")
    assert digest(tiny, training=True, device="cpu", only=["a", "b", "c"]) == before
    assert digest(tiny, only={"a", "b"}, device=Device.CPU, training=True) != before
    assert digest(tiny, only={"a", "b", "c"}, device=Device.CPU, training=False) != before


def test_it_tells_nothing_of_the_seed(tiny: Tiny) -> None:
    assert len(digest(tiny, seed="tiny")) == 64 and set(digest(tiny)) <= set("0123456789abcdef")
    assert digest(tiny, seed="tiny") != digest(tiny, seed="tin")
