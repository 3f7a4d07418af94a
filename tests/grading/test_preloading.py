"""Which modules are imported before the fork: those that files name, found in linear time whatever a file holds."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.grading.preloading import named_modules, uncollected
from autograder.submission import read_submission
from tests.pace import MOST, growth
from tests.tiny import MANIFEST, ONE, Tiny

PRELOADED = 'preload = ["pandas", "seaborn", "einops.layers"]\n[rules]'
PROVIDED = 'provided = ["given.py", "helper.py", "deeper.py", "unused.py"]'


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny(tmp_path)
    manifest = MANIFEST.replace("[rules]", PRELOADED).replace('provided = ["given.py"]', PROVIDED)
    tiny.write("assignments/tiny/assignment.toml", manifest)
    tiny.write("assignments/tiny/provided/helper.py", "from deeper import something\ndef f():\n    import einops\n")
    tiny.write("assignments/tiny/provided/deeper.py", "import seaborn as sns\nsomething = 1\n")
    tiny.write("assignments/tiny/provided/unused.py", "import pandas\n")
    return tiny


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", []),
        ("import pandas as pd\n", ["pandas"]),
        ("def f():\n    import os, pandas\n", ["pandas"]),
        ("name = 'pandas'\n", ["pandas"]),
        ("from einops.layers.torch import Rearrange\n", ["einops.layers"]),
        ("my_einops = pandas_like = 1\n", []),
        ("def f():\n    from helper import f\n", ["seaborn"]),
        ("from . import deeper\n", ["seaborn"]),
        ("helper = 1\n", []),
    ],
)
def test_what_is_named_by_what_workers_may_run(tiny: Tiny, extra: str, expected: list[str]) -> None:
    assignment = load_assignment(tiny.root, "tiny")
    assert named_modules(assignment, read_submission(tiny.hand_in(one=ONE + extra), assignment)) == expected


@pytest.mark.parametrize("piece", ["\n", " ", "import" + 9 * " ", "import ,", "from .", "from  ", ", ", "x"])
@pytest.mark.parametrize("head", ["", "import ", "from "])
def test_no_text_takes_more_than_linear_time(tiny: Tiny, head: str, piece: str) -> None:
    assignment = load_assignment(tiny.root, "tiny")
    submission = read_submission(tiny.hand_in(), assignment)

    def search(count: int) -> None:
        file = replace(submission.files["one.py"], source=head + piece * count)
        named_modules(assignment, replace(submission, files={"one.py": file}))

    assert growth(search, 20_000, rounds=2) < MOST


def test_what_imports_have_made_is_not_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with uncollected():
            assert not gc.isenabled()
            kept = [[number] for number in range(1000)]
        assert gc.isenabled() and gc.get_freeze_count() >= before + len(kept)
    finally:
        gc.unfreeze()
