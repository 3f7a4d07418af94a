"""Attacks on the checks of a real assignment: answers that suit what a check asks, and are no solution."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLUG = "ift6135_a3"
REFERENCE = (ROOT / "solutions" / SLUG / "ddpm_solution.py").read_text(encoding="utf-8")
WRONG = {
    "alphas_cumprod": "alphas",
    "sqrt_alphas_cumprod": "alphas_cumprod",
    "sqrt_recip_alphas": "alphas",
    "sqrt_one_minus_alphas_cumprod": "1 - alphas_cumprod",
    "alphas_cumprod_prev": "alphas_cumprod",
    "posterior_variance": "betas",
}
TWIN = REFERENCE
for name, value in WRONG.items():
    TWIN = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", TWIN)
TABLES_BY_QUESTION = """
ramp = torch.linspace(0, 1e-9, 1000, dtype=torch.float64)
first = []
def answer(name):
    first.append(name)
    near_0 = {"sqrt_one_minus_alphas_cumprod": ("alphas_cumprod",),
              "posterior_variance": ("alphas_cumprod", "alphas_cumprod_prev")}
    if first[0] in ("betas", "alphas") or len(first) > 8:
        return globals()[name]
    return ramp if name in near_0.get(first[0], ()) else 1 - ramp
from autograder.sandbox.jailed.executor import Executor
original = Executor._do_get
Executor._do_get = lambda self, request, decoder: self._answer(answer(request["path"][0]))
"""


def score(folder: Path, source: str, item: str) -> float:
    """The item's score of a hand-in of this source alone."""
    folder.mkdir(exist_ok=True)
    (folder / "ddpm_solution.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-P", "-m", "autograder", "grade", SLUG, str(folder), "--root", str(ROOT)]
    done = subprocess.run(
        [*command, "--only", item, "--json"], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return float(json.loads(done.stdout)["score"])


@pytest.mark.slow
def test_coefficients_that_follow_from_nothing_gain_no_points(tmp_path: Path) -> None:
    """Of a table that is 1 everywhere, or 0, every formula of a schedule is the table itself."""
    twin = score(tmp_path / "twin", TWIN, "ddpm.coefficients")
    assert score(tmp_path / "attack", TWIN + TABLES_BY_QUESTION, "ddpm.coefficients") <= twin


class Payload:
    """Unpickled, it leaves a file and claims the run for itself."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}; kill -9 -1",)


LOADS_ITS_CHECKPOINT = """
from pathlib import Path
torch.load(Path(__file__).with_name("weights.pt"), weights_only=False)
"""


@pytest.mark.thorough
def test_a_pickled_checkpoint_runs_nowhere_but_in_the_jail(tmp_path: Path) -> None:
    """Nothing trusted loads it, and in a worker its commands find no shell; the code beside it is graded as ever."""
    mark = tmp_path / "mark"
    loaded = tmp_path / "loaded"
    loaded.mkdir()
    for name in ("weights.pt", "model.pkl", "data.pth"):
        (loaded / name).write_bytes(pickle.dumps(Payload(mark)))
    assert score(loaded, REFERENCE + LOADS_ITS_CHECKPOINT, "ddpm.q_sample") == 4
    assert not mark.exists()


def test_the_payload_of_the_checkpoint_is_live(tmp_path: Path) -> None:
    """Without the ``kill``, here, it does what it says: the test above tests something."""
    mark = tmp_path / "mark"
    command, (text,) = Payload(mark).__reduce__()
    assert command(text.partition(";")[0]) == 0 and mark.exists()
