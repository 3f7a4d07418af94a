"""The content of `nyu2271_a3`: rubric, handout, provided files, and the truth of the reference."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import nn

from autograder.assignment import Kind, Manifest, read_manifest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assignments" / "nyu2271_a3"
REFERENCE = ROOT / "solutions" / "nyu2271_a3"
MODULES = ("checkpoints", "a3_helper", "cats", "utils", "unet", "diffusion", "vae", "trainer", "main")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(FOLDER / "assignment.toml")


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    """Reference and provided files, imported under the names that students use and forgotten afterwards."""
    folders, before = [str(FOLDER / "provided"), str(REFERENCE)], dict(sys.modules)
    sys.path[:0] = folders
    for name in MODULES:
        sys.modules.pop(name, None)
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update({name: before[name] for name in MODULES if name in before})
        del sys.path[:2]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def toy(modules: SimpleNamespace, tmp_path: Path) -> Path:
    return modules.cats.write_toy_afhq(tmp_path / "toy", size=20, counts={"train": 9, "test": 2})


# rubric and handout


def test_part_a_has_100_points_and_part_b_50_of_extra_credit(manifest: Manifest) -> None:
    assert manifest.total() == 100 and manifest.total(extra_credit=True) == 50
    assert {item.extra_credit for item in manifest.items if item.id.startswith("diffusion.")} == {True}
    manual = {item.id: item.points for item in manifest.items if item.kind is Kind.MANUAL}
    assert sum(manual.values()) == 1 + 10 + 5 + 5


def test_the_handout_has_every_option_with_its_default(modules: SimpleNamespace) -> None:
    handout = (FOLDER / "handout.md").read_text(encoding="utf-8")
    section = handout[handout.index("### Options") : handout.index("### The model")]
    said = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", section, re.MULTILINE))
    options = vars(modules.main._options().parse_args([]))
    options["unet_dim_mults"] = " ".join(map(str, options["unet_dim_mults"]))
    options |= {name: "on" if options[name] else "off" for name in ("fid", "resume")}
    del options["visualize"]
    assert said == {name: str(value) for name, value in options.items()}


def test_every_question_has_a_worked_answer_with_a_key(manifest: Manifest) -> None:
    notebook = json.loads((REFERENCE / "run_diffusion.ipynb").read_text(encoding="utf-8"))
    text = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    answers = dict(re.findall(r"### BEGIN SOLUTION (\S+)\n(.*?)### END SOLUTION", text, re.DOTALL))
    assert set(answers) == {item.id for item in manifest.items if item.kind is Kind.MANUAL}
    assert all("**Worked answer.**" in answer and "**Grading.**" in answer for answer in answers.values())


# data


def test_cats_are_drawn_in_colour_and_differ(modules: SimpleNamespace) -> None:
    cats = modules.cats.draw_cats(6, 24, generator=torch.Generator().manual_seed(3))
    assert cats.shape == (6, 3, 24, 24) and cats.min() >= 0 and cats.max() <= 1
    assert all((cats[i] - cats[j]).abs().mean() > 0.02 for i in range(6) for j in range(i))
    again = modules.cats.draw_cats(6, 24, generator=torch.Generator().manual_seed(3))
    assert torch.equal(cats, again)


def test_the_loader_reads_the_layout_of_afhq(modules: SimpleNamespace, toy: Path) -> None:
    assert len(list((toy / "train" / "cat").glob("*.png"))) == 9 and (toy / "test" / "cat").is_dir()
    pictures = modules.utils.Pictures(toy / "train", image_size=16)
    assert len(pictures) == 9 and pictures[0].shape == (3, 16, 16) and pictures[0].dtype == torch.float32
    batch = next(modules.utils.Batches(pictures, 4))
    assert batch.shape == (4, 3, 16, 16) and -1 <= batch.min() < 0 < batch.max() <= 1
    assert next(modules.utils.Batches(pictures, 32)).shape == (9, 3, 16, 16)


def test_photographs_are_cropped_and_moved_to_the_range(modules: SimpleNamespace, tmp_path: Path) -> None:
    folder = tmp_path / "train" / "cat"
    folder.mkdir(parents=True)
    Image.new("L", (60, 40), 255).save(folder / "grey.jpg", quality=100)
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    pictures = modules.utils.Pictures(tmp_path / "train", image_size=8)
    assert len(pictures) == 1
    torch.testing.assert_close(pictures[0], torch.ones(3, 8, 8), atol=0.02, rtol=0)


def test_a_folder_without_pictures_says_what_to_do(modules: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no pictures in .*dog: unpack AFHQ.*python cats\.py data/toy"):
        modules.utils.Pictures(tmp_path, 32, data_class="dog")


# distances


def test_the_frechet_distance_has_its_closed_form(modules: SimpleNamespace) -> None:
    distance = modules.utils.frechet_distance
    means, stds = torch.randn(2, 5, dtype=torch.float64), torch.rand(2, 5, dtype=torch.float64) + 0.2
    covariances = [std.square().diag() for std in stds]
    expected = (means[0] - means[1]).square().sum() + (stds[0] - stds[1]).square().sum()  # commuting covariances
    assert distance(means[0], covariances[0], means[1], covariances[1]) == pytest.approx(expected.item(), rel=1e-12)
    turn = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64)).Q
    turned = [part for m, c in zip(means, covariances, strict=True) for part in (turn @ m, turn @ c @ turn.T)]
    assert distance(*turned) == pytest.approx(expected.item(), rel=1e-10)
    assert distance(*turned[:2], *turned[:2]) == pytest.approx(0, abs=1e-10)


def test_the_frechet_distance_agrees_with_the_matrix_root(modules: SimpleNamespace) -> None:
    from scipy.linalg import sqrtm

    a, b = torch.randn(2, 6, 6, dtype=torch.float64)
    first, second = a @ a.T, b @ b.T
    mean = torch.randn(6, dtype=torch.float64)
    root = torch.tensor(sqrtm((first @ second).numpy()).real)
    expected = mean.square().sum() + (first + second - 2 * root).trace()
    got = modules.utils.frechet_distance(mean, first, torch.zeros(6), second)
    assert got == pytest.approx(expected.item(), rel=1e-8)


def test_local_features_tell_noise_from_pictures_and_say_what_they_are(
    modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cleanfid", None)
    monkeypatch.setattr(modules.utils, "_clean_fid", lambda real, generated: None)
    cats = modules.cats.draw_cats(120, 32, generator=torch.Generator().manual_seed(0))
    alike = modules.utils.fid(cats[:60], cats[60:])
    noise = modules.utils.fid(cats[:60], torch.rand(60, 3, 32, 32))
    assert noise.value > 20 * alike.value >= 0
    assert "60 images (NOT comparable with any FID)" in alike.label
    assert modules.utils.fid(cats[:60], cats[60:]).value == alike.value


CLEAN_FID = """
from pathlib import Path

def compute_fid(first, second, **options):
    counts = [len(list(Path(folder).glob("*.png"))) for folder in (first, second)]
    if counts == [30, 30]:
        raise OSError("no network")
    return 10.0 * counts[0] + counts[1]
"""


def test_the_number_of_clean_fid_is_taken_and_named_where_it_can_be_had(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A small package of that name stands for it: it counts the pictures, or has no weights."""
    (tmp_path / "cleanfid").mkdir()
    (tmp_path / "cleanfid" / "__init__.py").touch()
    (tmp_path / "cleanfid" / "fid.py").write_text(CLEAN_FID, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("cleanfid", "cleanfid.fid"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = modules.utils.fid(torch.rand(3, 3, 8, 8), torch.rand(2, 3, 8, 8))
    assert (found.value, found.label) == (32, "FID (clean-fid, 2 images)")
    found = modules.utils.fid(torch.rand(30, 3, 8, 8), torch.rand(30, 3, 8, 8))
    said = capsys.readouterr().out
    assert "NOT comparable" in found.label and "clean-fid cannot be used (OSError: no network)" in said
    for name in ("cleanfid", "cleanfid.fid"):
        sys.modules.pop(name, None)


# networks, training, figures


def test_the_unet_keeps_the_shape_and_uses_time(modules: SimpleNamespace) -> None:
    unet, x = modules.unet.Unet(8, (1, 2, 4)), torch.randn(2, 3, 16, 16)
    out = unet(x, torch.tensor([0, 40]))
    assert out.shape == x.shape and not torch.equal(unet(x[:1], torch.tensor([40])), out[:1])
    assert modules.unet.Unet(4, (1, 2), channels=1)(x[:, :1], torch.tensor([1, 2])).shape == (2, 1, 16, 16)


def test_a_short_training_leaves_behind_what_the_notebook_shows(
    modules: SimpleNamespace, toy: Path, tmp_path: Path
) -> None:
    options = {"image_size": 8, "time_steps": 5, "unet_dim": 4, "unet_dim_mults": (1, 2), "batch_size": 4}
    trainer = modules.main.train_diffusion(
        str(toy / "train"), 5, 2, True, save_folder=str(tmp_path / "out"), dataloader_workers=0, device="cpu", **options
    )
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"model.pt", "loss.png", "fid.png", "history.json", "samples_00002.png", "samples_00005.png"}
    assert [step for step, _, _ in trainer.distances] == [2, 4, 5] and len(trainer.losses) == 5
    forward, backward = modules.main.visualize_diffusion(
        str(toy / "train"), str(tmp_path / "out" / "model.pt"), str(tmp_path / "out"), device="cpu", **options
    )
    assert forward.shape == backward.shape == (5, 4, 3, 8, 8) and torch.equal(backward[0], forward[-1])
    assert (tmp_path / "out" / "forward.png").is_file() and (tmp_path / "out" / "backward.png").is_file()


def test_the_figures_look_at_the_right_parts_of_the_way(modules: SimpleNamespace) -> None:
    assert modules.trainer.indices(50) == [0, 12, 25, 37, 49] and modules.trainer.indices(1000)[-1] == 990
    asked: list[int] = []

    class Counting(nn.Module):
        num_timesteps = 50

        def p_sample(self, x: torch.Tensor, t: torch.Tensor, index: int) -> torch.Tensor:
            asked.append(index)
            return x + 1

        def q_sample(self, x: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
            return x + t.reshape(-1, 1, 1, 1)

    x = torch.zeros(1, 1, 1, 1)
    assert modules.trainer.backward_process(Counting(), x).flatten().tolist() == [0, 12, 25, 37, 49]
    assert asked == list(range(49, -1, -1))
    assert modules.trainer.forward_process(Counting(), x).flatten().tolist() == [0, 12, 25, 37, 49]


@pytest.mark.thorough
def test_the_command_line_trains(toy: Path, tmp_path: Path) -> None:
    command = "main.py --train_steps 1 --image_size 8 --time_steps 3 --unet_dim 4 --unet_dim_mults 1 2 --batch_size 2"
    options = ["--dataloader_workers", "0", "--data_path", str(toy / "train"), "--save_folder", str(tmp_path / "out")]
    environment = {"PYTHONPATH": f"{FOLDER / 'provided'}:{REFERENCE}", "PATH": "", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, *command.split(), *options],
        cwd=FOLDER / "provided",
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "loss.png").is_file()


def test_the_helper_of_part_a_trains_both_models(modules: SimpleNamespace) -> None:
    helper, vae = modules.a3_helper, modules.vae
    assert helper.one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    batches = [(torch.rand(16, 1, 28, 28).round(), torch.arange(16) % 10)] * 8
    for model, cond in ((vae.VAE(784), False), (vae.CVAE(784), True)):
        history = helper.train_vae(model, batches, vae.loss_function, epochs=2, cond=cond, device="cpu")
        assert len(history) == 2 and history[1] < history[0]
    assert helper.between(torch.zeros(2), torch.ones(2), 3).tolist() == [[0, 0], [0.5, 0.5], [1, 1]]


# the reference


@pytest.mark.parametrize("side", [8, 16, 32])
@pytest.mark.parametrize("name", ["reference", "vae_flat_pieces", "vae_distributions", "vae_convolutional"])
def test_other_image_sizes_work(modules: SimpleNamespace, name: str, side: int) -> None:
    """Only 28 x 28 is graded; the interface says more, and what follows it gets on with other sizes."""
    vae = modules.vae if name == "reference" else alternative(name)
    x, c = torch.rand(3, 1, side, side), torch.eye(10)[:3]
    for result in (vae.VAE(side**2)(x), vae.CVAE(side**2)(x, c)):
        assert [tuple(part.shape) for part in result] == [(3, 1, side, side), (3, 15), (3, 15)]
        assert bool(((result[0] >= 0) & (result[0] <= 1)).all())
        vae.loss_function(result[0], x, *result[1:]).backward()


def alternative(name: str) -> ModuleType:
    """Another right solution of Part A."""
    spec = importlib.util.spec_from_file_location(f"alternative_{name}", FOLDER / "alternatives" / name / "vae.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reverse_process_finds_the_one_picture_of_its_world(modules: SimpleNamespace) -> None:
    """If all data are one picture, the exact noise predictor is known, and every step is the true posterior."""
    picture = torch.rand(3, 4, 4) * 2 - 1

    class PointData(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))
            self.level = torch.cumprod(modules.diffusion.cosine_schedule(30).double(), 0)

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            level = self.level[t].reshape(-1, 1, 1, 1).float()
            return (x - level.sqrt() * picture) / (1 - level).sqrt()

    model = modules.diffusion.Diffusion(PointData(), image_size=4, timesteps=30)
    torch.testing.assert_close(model.sample(2), ((picture + 1) / 2).expand(2, 3, 4, 4), atol=1e-3, rtol=0)
    loss = model(picture.expand(8, 3, 4, 4), torch.randn(8, 3, 4, 4))
    assert loss.shape == () and loss < 1e-3 and math.isfinite(loss)
