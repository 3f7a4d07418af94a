"""The checks of `csci1051_ps3`: full marks for right solutions, none for stubs; a mistake costs its own item alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import Assignment, load_assignment
from autograder.mutants import Catalogue, read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
SLUG = "csci1051_ps3"
FULL = {"p1b.clusters": 1, "p1c.grid": 1, "ec.vae": 1, "p2a.points": 2, "p2b.noising": 2}
TRAINED = {"p1a.autoencoder": 3, "p2c.training": 4, "p2d.sampling": 3}


ASSIGNMENT: Assignment = load_assignment(ROOT, SLUG)
CATALOGUE: Catalogue = read_catalogue(ASSIGNMENT)
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
MUTANTS = {mutant.id: mutant for mutant in CATALOGUE.mutants}


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def points(suite: CheckSuite, folder: Path, items: tuple[str, ...], seed: str = "verify") -> dict[str, float]:
    scored = suite.score(folder, items=items, grading_seed=seed)
    return {item: result.points for item, result in scored.items()}


def written(folder: Path, text: str) -> Path:
    (folder / "ps3.py").write_text(text, encoding="utf-8")
    return folder


def changed(*replacements: tuple[str, str]) -> str:
    """The reference with exact replacements."""
    text = (REFERENCE / "ps3.py").read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_the_points_are_those_of_the_problem_set() -> None:
    assert ASSIGNMENT.manifest.total() == 20 and ASSIGNMENT.manifest.total(extra_credit=True) == 2
    by_problem: dict[str, float] = {}
    for item in ASSIGNMENT.manifest.items:
        part = item.id.split(".")[0]
        by_problem[part] = by_problem.get(part, 0) + item.points
    assert by_problem == {
        "p1": 0, "p1a": 3, "p1b": 2, "p1c": 2, "ec": 2, "p2": 0, "p2a": 2, "p2b": 3, "p2c": 4, "p2d": 4,
    }  # fmt: skip


# right solutions


THEIR_TERM = ("0.5 * (sigma.square() + mu.square() - 1) - sigma.log()", "-sigma.log() + sigma**2 + mu**2")
RING = "return 2 * circle + 0.1 * torch.randn(n, 2)"
VARIATIONS = {
    "problem set's term": ("ec.vae", THEIR_TERM),
    "term for each row": ("ec.vae", ("return terms.sum(dim=1).mean()", "return 3 * terms.sum(dim=1) + 7")),
    "axes the other way round": ("p1b.clusters", ("points[:, 0], points[:, 1], c=", "points[:, 1], points[:, 0], c=")),
    "figure shown, not returned": ("p1b.clusters", ('dimension")\n    return figure', 'dimension")\n    plt.show()')),
    "y downwards": ("p1c.grid", ("enumerate(reversed(ys))", "enumerate(ys)")),
    "bytes": ("p1c.grid", ("panel.imshow(image[0], cmap", "panel.imshow((255 * image[0]).byte(), cmap")),
    "a list": ("p2b.noising", ("return x_t, z", "return [x_t, z]")),
    "a number of numpy": ("p2b.noising", ("alpha = 0.96  # SOLUTION", "import numpy\nalpha = numpy.float64(0.96)")),
    "few places": ("p2a.points", (RING, "return torch.randint(0, 3, (n, 2)) - 1")),
    "a line": ("p2a.points", (RING, "return torch.stack([torch.rand(n), torch.zeros(n)], 1)")),
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_what_nobody_asked_for_is_free(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    item, replacement = VARIATIONS[name]
    assert points(suite, written(tmp_path, changed(replacement)), (item,)) == {item: FULL[item]}


def test_the_report_says_which_form_the_term_has(suite: CheckSuite, tmp_path: Path) -> None:
    def titles(folder: Path) -> str:
        (result,) = suite.score(folder, items=["ec.vae"]).values()
        return " ".join(exhibit.title for check in result.checks for exhibit in check.exhibits)

    assert "kl_loss: the divergence from the standard normal" in titles(REFERENCE)
    assert "least near sigma = 1.0" in titles(REFERENCE)
    theirs = titles(written(tmp_path, changed(THEIR_TERM)))
    assert "the problem set's form, which is the divergence from N(0, I/2)" in theirs and "sigma = 0.7" in theirs


# wrong variants


@pytest.mark.thorough
def test_messages_say_what_is_wrong(suite: CheckSuite, tmp_path: Path) -> None:
    def summary(name: str) -> str:
        folder = written(tmp_path, CATALOGUE.source(MUTANTS[name])[1])
        checks = suite.score(folder, items=[MUTANTS[name].item])[MUTANTS[name].item].checks
        return " | ".join(check.failure.summary for check in checks if check.failure and check.public)

    assert "points with different labels have the same colour" in summary("clusters-one-colour")
    assert "one point for each image" in summary("clusters-not-all-images")
    assert "the decoded picture is not there" in summary("grid-coordinates-swapped")
    assert "must be positive" in summary("vae-sigma-raw")
    assert "wrong sign: it is a negative multiple of the divergence" in summary("kl-sign")
    assert "the same noise is used again" in summary("latent-one-noise")
    assert "draw them anew in every call" in summary("points-fixed-seed")
    assert "leave too much of the points after T steps" in summary("noising-too-little")
    assert "x_t at t = 0 is wrong" in summary("noising-one-step-late")


# figures as they are seen

ONE_PICTURE = """

# %%
def plot_grid(decoder, xs, ys):
    figure, panel = plt.subplots()
    with torch.no_grad():
        rows = [decoder(torch.stack([xs, y.expand(len(xs))], dim=1))[:, 0] for y in ys]
    big = torch.cat([torch.cat(list(row.flip(1)), dim=1) for row in rows])  # large y last, each tile upside down
    DRAW
    return figure
"""
EXTENT = "extent=(xs[0], xs[-1], ys[0], ys[-1])"
UPRIGHT = {
    "from below": f'panel.imshow(big, origin="lower", {EXTENT})',
    "a mesh": "panel.pcolormesh(big)",
    "turned axis": "panel.imshow(big); panel.invert_yaxis()",
}
MIRRORED = {
    "from above": f"panel.imshow(big, {EXTENT})",
    "turned axis": f'panel.imshow(big, origin="lower", {EXTENT}); panel.invert_xaxis()',
    "a turned mesh": "panel.pcolormesh(big); panel.invert_yaxis()",
}


@pytest.mark.parametrize("name", UPRIGHT)
def test_a_grid_that_is_seen_upright_is_right(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    text = changed() + ONE_PICTURE.replace("DRAW", UPRIGHT[name])
    assert points(suite, written(tmp_path, text), ("p1c.grid",)) == {"p1c.grid": 1}


@pytest.mark.parametrize("name", MIRRORED)
def test_images_that_are_seen_mirrored_are_not_those_of_the_decoder(
    suite: CheckSuite, tmp_path: Path, name: str
) -> None:
    text = changed() + ONE_PICTURE.replace("DRAW", MIRRORED[name])
    assert points(suite, written(tmp_path, text), ("p1c.grid",)) == {"p1c.grid": 0}


# stubs

SIGNATURES = {
    "train_autoencoder": "images, epochs",
    "plot_clusters": "encoder, images, labels",
    "plot_grid": "decoder, xs, ys",
    "kl_loss": "mu, sigma",
    "sample_latent": "mu, sigma",
    "sample_points": "n",
    "noise_points": "x0, t",
    "train_diffusion": "sample_points, steps",
    "sample": "model, n",
}
CLASSES = ("Encoder", "Decoder", "VariationalEncoder")
ZEROS = {
    "kl_loss": "torch.zeros((), requires_grad=True)",
    "sample_latent": "torch.zeros_like(mu)",
    "sample_points": "torch.zeros(n, 2)",
    "noise_points": "(torch.zeros_like(x0), torch.zeros_like(x0))",
    "sample": "torch.zeros(T + 1, n, 2)",
    "train_autoencoder": "(Encoder(), Decoder(), [])",
    "train_diffusion": "(lambda x, t: torch.zeros_like(x), [])",
}


def stubs(kind: str) -> str:
    def value(name: str) -> str:
        first = SIGNATURES[name].partition(",")[0]
        return {"none": "None", "first_input": first, "zeros": ZEROS.get(name, "None")}[kind]

    lines = ["import torch", "T, alpha = 0, 0"]
    lines += [f"def {name}({arguments}):\n    return {value(name)}" for name, arguments in SIGNATURES.items()]
    forward = {"none": "None", "first_input": "x", "zeros": "torch.zeros(len(x), 2)"}[kind]
    lines += [
        f"class {name}(torch.nn.Module):\n    def forward(self, x):\n        return {forward}" for name in CLASSES
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["none", "zeros", "first_input"])
def test_trivial_stubs_fail_every_check(suite: CheckSuite, tmp_path: Path, kind: str) -> None:
    for item, result in suite.score(written(tmp_path, stubs(kind)), items=(*FULL, *TRAINED)).items():
        assert [check.id for check in result.checks if check.outcome is not Outcome.FAIL] == [], item
        assert result.points == 0


# the real command: the jailed worker


def jailed(hand_in: Path, *options: str) -> dict[str, float]:
    command = [sys.executable, "-m", "autograder", "grade", SLUG, str(hand_in), "--json", "--no-training", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode in (0, 1), run.stderr
    found = {test["extra_data"]["item"]: test.get("score") for test in json.loads(run.stdout)["tests"]}
    return {item: found[item] for item in FULL}


def as_notebook(text: str, path: Path) -> Path:
    import jupytext

    jupytext.write(jupytext.reads(text, fmt="py:percent"), path)
    return path


@pytest.mark.thorough
def test_a_notebook_that_trains_at_top_level_gets_full_marks_in_the_jailed_worker(tmp_path: Path) -> None:
    as_notebook((REFERENCE / "ps3.py").read_text(encoding="utf-8"), tmp_path / "ps3.ipynb")
    assert jailed(tmp_path) == FULL


@pytest.mark.thorough
def test_a_notebook_for_a_gpu_gets_full_marks_in_the_jailed_worker(tmp_path: Path) -> None:
    text = (ASSIGNMENT.folder / "alternatives" / "convolutions_ddim" / "ps3.py").read_text(encoding="utf-8")
    old = 'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    assert text.count(old) == 1
    as_notebook(text.replace(old, 'device = torch.device("cuda")'), tmp_path / "ps3.ipynb")
    assert jailed(tmp_path) == FULL


def test_draws_whose_mean_is_no_number_earn_nothing(suite: CheckSuite, tmp_path: Path) -> None:
    """Every entry is finite; sums of them are not."""
    half = "1.7e308 * (1 + 1e-3 * torch.rand(len(mu) // 2, 2).double())"
    draws = f"def sample_latent(mu, sigma):\n    return torch.cat([{half}, -{half}])\n"
    text = changed() + "\n\n" + draws
    verdicts = suite.grade(written(tmp_path, text), items=("ec.vae",))
    passed = [check.id for found in verdicts.values() for check, verdict in found if verdict.outcome is Outcome.PASS]
    assert not [name for name in passed if "draws" in name]
