"""Libraries that hand-ins may count on, besides what the courses use: they are in every environment that grades."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import Tiny

ONE = """
import pandas as pd
import seaborn as sns
import torch
from einops import rearrange

sns.set_theme()


def double(x):
    frame = pd.DataFrame({"x": x.tolist()})
    return torch.tensor((2 * frame["x"]).tolist(), dtype=x.dtype)


def quadruple(x):
    return rearrange(torch.stack([double(x) * 2, x]), "two n -> n two")[:, 0]
"""


@pytest.mark.thorough
def test_hand_ins_that_use_pandas_seaborn_and_einops_get_their_points(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    manifest = (tiny.assignment / "assignment.toml").read_text()
    preload = 'preload = ["pandas", "seaborn", "einops"]\n[rules]'  # once, and not in each worker
    tiny.write("assignments/tiny/assignment.toml", manifest.replace("[rules]", preload))
    run = tiny.grade(tiny.hand_in(ONE), "--only", "one.double", "--only", "one.quadruple")
    assert run.outcomes == {"one.double": "PASS", "one.quadruple": "PASS"}, run.stdout + run.stderr
