"""The checks of `mit67960_hw5`: full marks for right solutions, none for stubs; a mistake costs its own item alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import Assignment, load_assignment
from autograder.mutants import Catalogue, Mutant, read_catalogue
from autograder.references import reference_code
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
SLUG = "mit67960_hw5"
FULL = {
    "q4.vae.encode": 1.5,
    "q4.vae.reparameterize": 1,
    "q4.vae.decode": 1.5,
    "q4.vae.forward": 1,
    "q4.vae.loss": 1,
    "q6.plot_latents": 3,
    "q8.kl": 0,
    "q11.diffusion.linear_beta_schedule": 1,
    "q11.diffusion.q_sample": 1,
    "q11.diffusion.p_losses": 1,
    "q11.diffusion.p_sample": 1,
    "q11.diffusion.p_sample_loop": 1,
    "q12.snapshots": 1,
}
ALTERNATIVES = ("convolutional", "distributions", "double_precision", "functional_style", "original_starter")


ASSIGNMENT: Assignment = load_assignment(ROOT, SLUG)
CATALOGUE: Catalogue = read_catalogue(ASSIGNMENT)
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
MUTANTS = {mutant.id: mutant for mutant in CATALOGUE.mutants}


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def passed(suite: CheckSuite, folder: Path, items: object = tuple(FULL), seed: str = "verify") -> dict[str, list[str]]:
    """The checks that did not pass, by item."""
    judged = suite.grade(folder, items=items, grading_seed=seed)  # type: ignore[arg-type]
    return {item: [c.id for c, v in found if v.outcome is not Outcome.PASS] for item, found in judged.items()}


def written(mutant: Mutant, folder: Path) -> Path:
    """Write the notebook with the bug, as text."""
    file, text = CATALOGUE.source(mutant)
    (folder / file).write_text(text, encoding="utf-8")
    return folder


# right solutions


def test_alternatives_are_as_different_as_hand_ins() -> None:
    texts = {name: (ASSIGNMENT.folder / "alternatives" / name / "hw5.py").read_text("utf-8") for name in ALTERNATIVES}
    for word in ("nn.Conv2d", "D.Normal", "float64", "model.decoder(", "np.linspace", "make_grid", "timesteps = 200"):
        assert 0 < sum(word in text for text in texts.values()) < len(texts), word


# wrong variants


def test_a_random_grid_fails_every_check_of_its_codes(suite: CheckSuite, tmp_path: Path) -> None:
    """It looks plausible, which is why people do not see it."""
    failed = passed(suite, written(MUTANTS["plot-latents-decodes-random-z"], tmp_path), ("q6.plot_latents",))
    assert len(failed["q6.plot_latents"]) == 3  # all but the one that only asks what is drawn


LYING = """

import hw5_probes as _probes
_calls = torch.cat([torch.stack(torch.meshgrid(*[torch.linspace(-3, 3, 10)] * 2, indexing="ij"), -1).reshape(100, 2)])
_probes.past_decode = lambda model: (_calls, torch.zeros(100, 784))
_probes.Revealing.__call__ = lambda self, z: torch.zeros(len(z), len(self.weight)).sigmoid()
_probes.revealing_layer = lambda plot, kind, sizes, known, squashed, *which: plot(_probes.built(kind, *sizes), *which)
"""


def test_a_probe_that_lies_does_not_help_a_random_grid(suite: CheckSuite, tmp_path: Path) -> None:
    """What the worker says of the decoder's calls is no evidence: the grid must be the known decoder's."""
    text = MUTANTS["plot-latents-decodes-random-z"]
    folder = written(text, tmp_path)
    (file,) = folder.glob("*.py")
    file.write_text(file.read_text(encoding="utf-8") + LYING, encoding="utf-8")
    failed = passed(suite, folder, ("q6.plot_latents",))
    assert len(failed["q6.plot_latents"]) >= 3


# stubs

FIRST = {
    "q4.vae.encode": "return x",
    "q4.vae.reparameterize": "return mu",
    "q4.vae.decode": "return z",
    "q4.vae.forward": "return x",
    "q4.vae.loss": "return x_hat",
    "q6.plot_latents": "return model",
    "q8.kl": "return x0",
    "q11.diffusion.linear_beta_schedule": "return timesteps",
    "q11.diffusion.q_sample": "return x_0",
    "q11.diffusion.p_losses": "return x_0",
    "q11.diffusion.p_sample": "return x",
    "q11.diffusion.p_sample_loop": "return shape",
    "q12.snapshots": "return images",
}
ZEROS = {
    "q4.vae.encode": "return torch.zeros(len(x), self.z_dims), torch.zeros(len(x), self.z_dims)",
    "q4.vae.reparameterize": "return torch.zeros_like(mu)",
    "q4.vae.decode": "return torch.zeros(len(z), self.image_size**2)",
    "q4.vae.forward": "return torch.zeros(len(x), 784), torch.zeros(len(x), 6), torch.zeros(len(x), 6)",
    "q4.vae.loss": "return torch.zeros((), requires_grad=True)",
    "q6.plot_latents": "return torch.zeros(280, 280)",
    "q8.kl": "return torch.zeros(())",
    "q11.diffusion.linear_beta_schedule": "return torch.zeros(timesteps)",
    "q11.diffusion.q_sample": "return torch.zeros_like(x_0)",
    "q11.diffusion.p_losses": "return torch.zeros((), requires_grad=True)",
    "q11.diffusion.p_sample": "return torch.zeros_like(x)",
    "q11.diffusion.p_sample_loop": "return torch.zeros(T + 1, *shape)",
    "q12.snapshots": "return plt.imshow(torch.zeros(28, 28)).figure",
}
STUBS = {"none": dict.fromkeys(FIRST, "return None"), "zeros": ZEROS, "first input": FIRST}
REGION = re.compile(r"^( *)### BEGIN SOLUTION(?: (\S+))?\n.*?^ *### END SOLUTION\n", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'"""(q[0-9a-z_.]+): ')


@pytest.mark.parametrize("kind", STUBS)
def test_trivial_stubs_fail_every_check(suite: CheckSuite, tmp_path: Path, kind: str) -> None:
    source = reference_code(ASSIGNMENT, "hw5.ipynb")

    def stub(match: re.Match[str]) -> str:
        titles = TITLE.findall(source[: match.start()])
        return match[0] if match[2] else f"{match[1]}{STUBS[kind][titles[-1]]}\n"

    (tmp_path / "hw5.py").write_text(REGION.sub(stub, source), encoding="utf-8")
    for item, result in suite.score(tmp_path, items=tuple(FULL)).items():
        assert [check.id for check in result.checks if check.outcome is not Outcome.FAIL] == [], item
        assert result.points == 0


def test_messages_say_what_is_wrong(suite: CheckSuite, tmp_path: Path) -> None:
    def summary(name: str) -> str:
        item = MUTANTS[name].item
        checks = suite.score(written(MUTANTS[name], tmp_path), items=[item])[item].checks
        return " | ".join(f"{c.failure.summary} {c.failure.got}" for c in checks if c.failure and c.public)

    assert "they need weights of their own" in summary("encode-one-head")
    assert "lies between 0 and 1" in summary("decode-no-sigmoid")
    assert "x_hat is the same at every call" in summary("forward-no-sample")
    assert "the code behind x_hat of forward(), less mu and over the" in summary("forward-sample-from-prior")
    assert "latent dimensions other than 0 and 1 must be 0" in summary("plot-latents-others-random")
    assert "symmetric around 0" in summary("plot-latents-arange")
    assert "put together in the right order" in summary("plot-latents-reshaped")
    assert "nothing was drawn" in summary("plot-latents-not-drawn")
    assert "no figure shows the grid" in summary("plot-latents-draws-one-image")
    assert "6 panels with t = 0, 10, 20, 50, 100, 200" in summary("snapshots-backwards")


# the real command: the jailed worker


def jailed(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "autograder", "grade", SLUG, str(folder), "--json", "--no-training"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode in (0, 1), run.stderr
    found = {test["extra_data"]["item"]: test.get("score") for test in json.loads(run.stdout)["tests"]}
    return {item: found[item] for item in FULL}


@pytest.mark.thorough
def test_a_notebook_gets_full_marks_in_the_jailed_worker(tmp_path: Path) -> None:
    import jupytext

    text = (ASSIGNMENT.folder / "alternatives" / "original_starter" / "hw5.py").read_text(encoding="utf-8")
    jupytext.write(jupytext.reads(text, fmt="py:percent"), tmp_path / "hw5.ipynb")
    assert jailed(tmp_path) == FULL
