"""The content of `ift6135_a3`: rubric, handout, answer key, provided files, and the truth of the reference."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import math
import pickle
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from autograder.assignment import Item, Kind, Manifest, read_manifest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assignments" / "ift6135_a3"
REFERENCE = ROOT / "solutions" / "ift6135_a3"
HANDOUT = (FOLDER / "handout.md").read_text(encoding="utf-8")
REPORT = (REFERENCE / "report.md").read_text(encoding="utf-8")
SOLUTIONS = ("vae_solution", "ddpm_solution", "q3_solution")
PROVIDED = ("networks", "data", "recipes", "checkpoints", "simsiam_misc")
REGION = re.compile(r"^[ ]*### BEGIN SOLUTION(?: (\S+))?\n(.*?)^[ ]*### END SOLUTION$", re.MULTILINE | re.DOTALL)
COEFFICIENTS = (
    "betas",
    "alphas",
    "sqrt_recip_alphas",
    "alphas_cumprod",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "alphas_cumprod_prev",
    "posterior_variance",
)


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(FOLDER / "assignment.toml")


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    """Reference and provided files, imported under the names that students use and forgotten afterwards."""
    folders = [str(FOLDER / "provided"), str(REFERENCE)]
    before = dict(sys.modules)
    for name in (*PROVIDED, *SOLUTIONS):
        sys.modules.pop(name, None)
    sys.path[:0] = folders
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in (*PROVIDED, *SOLUTIONS)})
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in (*PROVIDED, *SOLUTIONS):
            sys.modules.pop(name, None)
            if name in before:
                sys.modules[name] = before[name]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# ---------------------------------------------------------------------------------------------- rubric, handout, key


def test_the_rubric_has_the_points_of_the_source(manifest: Manifest) -> None:
    assert manifest.total() == 114
    assert manifest.total(Kind.AUTO) == 54 and manifest.total(Kind.MANUAL) == 60
    by_problem = {p: sum(i.points for i in manifest.items if i.id.startswith(p)) for p in ("vae.", "ddpm.", "simsiam.")}
    assert by_problem == {"vae.": 40, "ddpm.": 34, "simsiam.": 40}
    assert {i.id: i.points for i in manifest.items if i.training} == {
        "vae.training": 2,
        "ddpm.training": 2,
        "simsiam.training": 4,
    }
    assert all(manifest.item(f"{p}training_report").points == manifest.item(f"{p}training").points for p in by_problem)


def test_the_files_of_the_manifest_are_there(manifest: Manifest) -> None:
    assert set(manifest.files.required) == {path.name for path in REFERENCE.glob("*.py")}
    assert set(manifest.files.provided) == {path.name for path in (FOLDER / "provided").glob("*.py")}
    assert manifest.rules.banned_imports == ("torch.distributions",)


def _blank_lines(tree: ast.Module, blank: str) -> range:
    """Lines of the function, method or module-level assignment of that name; KeyError if there is none."""
    names: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names[node.name] = node
        elif isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{inner.name}": inner for inner in node.body if isinstance(inner, ast.FunctionDef)}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = node
    found = names[blank]
    return range(found.lineno, (found.end_lineno or found.lineno) + 1)


def test_every_automatic_blank_is_marked_in_the_reference(manifest: Manifest) -> None:
    blanks = [(item, blank) for item in manifest.items if item.is_auto for blank in item.blanks]
    assert len(blanks) == 26
    for item, blank in blanks:
        text = (REFERENCE / str(item.file)).read_text(encoding="utf-8")
        body = "\n".join(text.splitlines()[n - 1] for n in _blank_lines(ast.parse(text), blank))
        assert "### BEGIN SOLUTION" in body or body.endswith("# SOLUTION"), blank
    for item in manifest.items:
        assert not item.is_auto or item.training or item.blanks, f"{item.id} names no blank"


def test_docstrings_of_blanks_name_their_item(manifest: Manifest, modules: SimpleNamespace) -> None:
    for item in manifest.items:
        for blank in item.blanks if item.id != "ddpm.coefficients" else ():
            function: object = getattr(modules, str(item.file).removesuffix(".py"))
            for part in blank.split("."):
                function = getattr(function, part)
            assert (function.__doc__ or "").startswith(f"{item.id}:"), blank


SIGNATURES = {
    "vae_solution.DiagonalGaussianDistribution": "mean logvar=None",
    "vae_solution.DiagonalGaussianDistribution.sample": "self",
    "vae_solution.DiagonalGaussianDistribution.kl": "self",
    "vae_solution.DiagonalGaussianDistribution.nll": "self sample dims=(1,2,3)",
    "vae_solution.DiagonalGaussianDistribution.mode": "self",
    "vae_solution.VAE": "in_channels=3 decoder_features=32 encoder_features=32 z_dim=100 input_size=32 "
    "device=device(type='cuda',index=0)",
    "vae_solution.VAE.encode": "self x",
    "vae_solution.VAE.decode": "self z",
    "vae_solution.VAE.sample": "self batch_size",
    "vae_solution.VAE.log_likelihood": "self x K=100",
    "vae_solution.VAE.forward": "self x",
    "vae_solution.interpolate": "model z_1 z_2 n_samples",
    "ddpm_solution.extract": "a t x_shape",
    "ddpm_solution.linear_beta_schedule": "beta_start beta_end timesteps",
    "ddpm_solution.q_sample": "x_start t noise=None",
    "ddpm_solution.p_sample": "model x t t_index",
    "ddpm_solution.p_sample_loop": "model shape timesteps",
    "ddpm_solution.sample": "model image_size batch_size=16 channels=3",
    "ddpm_solution.p_losses": "denoise_model x_start t",
    "ddpm_solution.t_sample": "timesteps batch_size",
    "q3_solution.SimSiam": "base_encoder dim=2048 pred_dim=512 stop_gradient=True MLP_mode=None",
    "q3_solution.SimSiam.forward": "self x1 x2",
    "q3_solution.SimSiam.loss": "self p1 p2 z1 z2 similarity_function='CosineSimilarity'",
    "q3_solution.CosineSimilarity": "dim=1 eps=1e-08",
    "q3_solution.CosineSimilarity.forward": "self x1 x2",
    "networks.Unet": "dim init_dim=None out_dim=None dim_mults=(1,2,4,8) channels=3 with_time_emb=True "
    "resnet_block_groups=8",
}


@pytest.mark.parametrize("path", SIGNATURES)
def test_names_and_signatures_are_those_of_the_course(modules: SimpleNamespace, path: str) -> None:
    thing: object = modules
    for part in path.split("."):
        thing = getattr(thing, part)
    parameters = inspect.signature(thing).parameters.values()  # type: ignore[arg-type]
    got = [p.name if p.default is p.empty else f"{p.name}={p.default!r}".replace(" ", "") for p in parameters]
    assert " ".join(got) == SIGNATURES[path]


def test_solutions_import_nothing_heavy_beyond_torch() -> None:
    for path in [*REFERENCE.glob("*.py"), *(FOLDER / "provided").glob("*.py")]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            roots = {a.name.split(".")[0] for a in node.names} if isinstance(node, ast.Import) else set()
            roots |= {str(node.module).split(".")[0]} if isinstance(node, ast.ImportFrom) else set()
            assert not roots & {"torchvision", "matplotlib", "scipy", "einops", "data"}, path.name


def _worded(item: Item) -> str:
    return f"({item.points:g} points)" if item.points else "(optional, 0 points)"


def test_every_question_for_people_has_a_prompt_and_a_marked_answer(manifest: Manifest) -> None:
    answers = {match[1]: match[2] for match in REGION.finditer(REPORT)}
    questions = [item for item in manifest.items if not item.is_auto]
    assert list(answers) == [item.id for item in questions]
    outside = REGION.sub("", REPORT)
    for item in questions:
        assert "**Worked answer.**" in answers[item.id] and "**Grading.**" in answers[item.id], item.id
        heading, _, rest = outside.partition(f"### `{item.id}`: ")
        assert heading and rest.splitlines()[0].endswith(_worded(item)), item.id
        assert len(rest.split("###")[0].split()) > 15, f"{item.id} has no prompt"
    assert "Worked answer" not in outside and "Grading." not in outside


def test_the_handout_corrects_the_source() -> None:
    elbo = next(line for line in HANDOUT.splitlines() if line.startswith("$$\\mathrm{ELBO}"))
    assert "-\\mathrm{KL}" in elbo and "\\arg\\max" in elbo
    assert "\\sum_{k=1}^K" in HANDOUT and "x_{t-1}\\sim p_\\theta(x_{t-1}\\mid x_t)" in HANDOUT


def _compact(line: str) -> str:
    return re.sub(r"\s", "", line.split("  # ")[0])


def test_no_line_of_a_solution_is_outside_its_region() -> None:
    secret, public = set(), _compact(HANDOUT)
    for path in REFERENCE.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for match in REGION.finditer(text):
            secret |= {_compact(line) for line in match[2].splitlines()}
        text = REGION.sub("", text)
        secret |= {_compact(line.split("=", 1)[1]) for line in text.splitlines() if line.endswith("# SOLUTION")}
        public += "\n".join(_compact(line) for line in text.splitlines() if not line.endswith("# SOLUTION"))
    for path in (FOLDER / "provided").glob("*.py"):
        public += "\n".join(_compact(line) for line in path.read_text(encoding="utf-8").splitlines())
    long_enough = {line for line in secret if len(line) >= 10}
    assert len(long_enough) > 50
    assert not [line for line in long_enough if line in public]


# ------------------------------------------------------------------------------------------------ truth of Problem 1


def _gaussian(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)


def _truth(mean: Tensor, logvar: Tensor) -> Independent:
    return Independent(Normal(mean, (0.5 * logvar).exp()), mean.dim() - 1)


def test_kl_and_nll_are_those_of_torch_distributions(modules: SimpleNamespace) -> None:
    gaussian = modules.vae_solution.DiagonalGaussianDistribution
    mean, logvar = _gaussian((5, 7))
    prior = _truth(torch.zeros_like(mean), torch.zeros_like(mean))
    torch.testing.assert_close(gaussian(mean, logvar).kl(), kl_divergence(_truth(mean, logvar), prior))
    point = torch.randn_like(mean)
    for dims in ([1], 1, (1,)):
        torch.testing.assert_close(gaussian(mean, logvar).nll(point, dims), -_truth(mean, logvar).log_prob(point))
    image_mean, image_logvar = _gaussian((4, 3, 6, 5))
    image = torch.randn_like(image_mean)
    torch.testing.assert_close(
        gaussian(image_mean, image_logvar).nll(image), -_truth(image_mean, image_logvar).log_prob(image)
    )


def test_kl_is_exact_next_to_the_prior(modules: SimpleNamespace) -> None:
    logvar = torch.full((1, 1), 1e-4)
    kl = modules.vae_solution.DiagonalGaussianDistribution(torch.zeros(1, 1), logvar).kl()
    exact = (math.expm1(1e-4) - 1e-4) / 2
    assert kl.item() == pytest.approx(exact, rel=2e-3)


def test_samples_have_the_moments_and_carry_gradients(modules: SimpleNamespace) -> None:
    mean, logvar = (p.requires_grad_() for p in _gaussian((1, 3)))
    draws = modules.vae_solution.DiagonalGaussianDistribution(mean.expand(40_000, 3), logvar.expand(40_000, 3)).sample()
    spread = (0.5 * logvar).exp()[0].detach()
    assert ((draws.mean(0) - mean[0]).abs() < 6 * spread / 200).all()
    assert ((draws.std(0) / spread - 1).abs() < 6 / math.sqrt(80_000)).all()
    from_mean, from_logvar = torch.autograd.grad(draws.sum(), (mean, logvar))
    torch.testing.assert_close(from_mean, torch.full_like(mean, 40_000.0))
    torch.testing.assert_close(from_logvar, 0.5 * (draws - mean).sum(0, keepdim=True))


def _exact_model(vae: ModuleType, z_dim: int) -> tuple[nn.Module, MultivariateNormal]:
    """A VAE whose decoder is linear with orthogonal columns and whose encoder is the exact posterior: p(x) is known."""
    side, pixels = 16, 3 * 16 * 16
    model = vae.VAE(z_dim=z_dim, input_size=side, decoder_features=2, encoder_features=2, device="cpu").double()
    scale = torch.linspace(0.5, 2.0, z_dim, dtype=torch.float64)
    weight = torch.linalg.qr(torch.randn(pixels, z_dim, dtype=torch.float64))[0] * scale  # (pixels, z_dim)
    offset = torch.randn(pixels, dtype=torch.float64)
    linear = nn.Linear(z_dim, pixels).double()
    model.encoder, model.decoder = nn.Flatten(), nn.Sequential(linear, nn.Unflatten(1, (3, side, side)))
    model.mean, model.logvar = nn.Linear(pixels, z_dim).double(), nn.Linear(pixels, z_dim).double()
    posterior = weight.T / (1 + scale**2)[:, None]
    with torch.no_grad():
        for layer, matrix, bias in (
            (linear, weight, offset),
            (model.mean, posterior, -posterior @ offset),
            (model.logvar, torch.zeros_like(posterior), -torch.log1p(scale**2)),
        ):
            layer.weight.copy_(matrix)
            layer.bias.copy_(bias)
    eye = torch.eye(pixels, dtype=torch.float64)
    return model, MultivariateNormal(offset, covariance_matrix=eye + weight @ weight.T)


@pytest.mark.parametrize("samples", [1, 5])
def test_log_likelihood_is_exact_where_the_posterior_is(modules: SimpleNamespace, samples: int) -> None:
    model, marginal = _exact_model(modules.vae_solution, z_dim=4)
    x = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    x[2] += 1e3  # log p(x) is about -4e8: the density itself underflows
    torch.testing.assert_close(model.log_likelihood(x, samples), marginal.log_prob(x.flatten(1)), rtol=1e-9, atol=1e-9)


def test_log_likelihood_with_a_wrong_posterior_converges_from_below(modules: SimpleNamespace) -> None:
    model, marginal = _exact_model(modules.vae_solution, z_dim=2)
    with torch.no_grad():
        model.logvar.bias.add_(0.7)
        model.mean.bias.add_(0.2)
    x = marginal.sample((6,)).reshape(6, 3, 16, 16)
    truth = marginal.log_prob(x.flatten(1))
    with torch.no_grad():
        torch.testing.assert_close(model.log_likelihood(x, 1000), truth, rtol=0, atol=0.2)
        single = model.log_likelihood(x.repeat(400, 1, 1, 1), 1).reshape(400, 6)
    assert (single.mean(0) < truth - 0.1).all()  # the ELBO


def test_vae_shapes_and_the_two_terms(modules: SimpleNamespace) -> None:
    vae = modules.vae_solution
    model = vae.VAE(z_dim=5, decoder_features=4, encoder_features=3, device="cpu")
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    posterior = model.encode(x)
    assert posterior.mean.shape == posterior.logvar.shape == (2, 5)
    assert not model.decode(torch.randn(7, 5)).logvar.any()
    assert model.sample(7).shape == (7, 3, 32, 32)
    outputs = model(x)
    assert [o.shape for o in outputs] == [(2, 3, 32, 32), (2,), (2,)]
    torch.testing.assert_close(outputs[2], posterior.kl())
    torch.testing.assert_close(outputs[1], vae.DiagonalGaussianDistribution(outputs[0]).nll(x))


def test_interpolation_reaches_both_ends_and_the_middle(modules: SimpleNamespace) -> None:
    vae = modules.vae_solution
    model = vae.VAE(z_dim=5, decoder_features=4, encoder_features=3, device="cpu")
    for shape in ((1, 5), (5,)):
        ends = torch.randn(2, *shape)
        pictures = vae.interpolate(model, ends[0], ends[1], 5)
        assert pictures.shape == (5, 3, 32, 32)
        line = torch.stack([ends[0], ends.mean(0), ends[1]]).reshape(3, 5)
        torch.testing.assert_close(pictures[[0, 2, 4]], model.decode(line).mode())


def test_latent_profile_averages_the_posterior_means(modules: SimpleNamespace) -> None:
    vae = modules.vae_solution
    model = vae.VAE(z_dim=5, decoder_features=2, encoder_features=2, device="cpu")
    images, labels = torch.randn(30, 3, 32, 32), torch.arange(30) % 10
    profile = vae.latent_profile(model, [(images[:20], labels[:20]), (images[20:], labels[20:])], per_class=3)
    means = model.encode(images).mean.detach()
    torch.testing.assert_close(profile, torch.stack([means[labels == c].mean(0) for c in range(10)]))


def test_a_few_steps_of_training_make_the_vae_use_its_code(modules: SimpleNamespace) -> None:
    vae = modules.vae_solution
    model = vae.VAE(z_dim=4, decoder_features=4, encoder_features=4, device="cpu")
    x = torch.rand(16, 3, 1, 1).expand(-1, -1, 32, 32) * 2 - 1
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loader = [(x, torch.zeros(16))] * 30
    first, last = vae.train_epoch(model, loader, optimizer), vae.train_epoch(model, loader, optimizer)
    one_picture = -Normal(x.mean(0), 1.0).log_prob(x).sum((1, 2, 3)).mean().item()  # the best without a latent code
    assert sum(last) < min(sum(first), one_picture)


# ------------------------------------------------------------------------------------------------ truth of Problem 2


def _brute_coefficients(steps: int) -> dict[str, list[float]]:
    truth: dict[str, list[float]] = {name: [] for name in COEFFICIENTS}
    product = 1.0
    for index in range(steps):
        beta = 1e-4 + (0.02 - 1e-4) * index / (steps - 1)
        before, product = product, product * (1 - beta)
        values = (
            beta,
            1 - beta,
            (1 - beta) ** -0.5,
            product,
            product**0.5,
            (1 - product) ** 0.5,
            before,
            beta * (1 - before) / (1 - product),
        )
        for name, value in zip(COEFFICIENTS, values, strict=True):
            truth[name].append(value)
    return truth


FLOAT32_CANCELLATION = 2**-24 / 1e-4  # one rounding of a number near 1, seen from 1 - abar >= 1e-4


def test_coefficients_agree_with_a_loop_in_double_precision(modules: SimpleNamespace) -> None:
    ddpm = modules.ddpm_solution
    for name, values in _brute_coefficients(ddpm.T).items():
        got = getattr(ddpm, name)
        assert got.shape == (1000,) and got.dtype == torch.float32, name
        truth = torch.tensor(values, dtype=torch.float64)
        torch.testing.assert_close(got.double(), truth, rtol=FLOAT32_CANCELLATION, atol=1e-9, msg=name)
    assert ddpm.posterior_variance[0] == 0 and ddpm.alphas_cumprod_prev[0] == 1


def test_q_sample_is_the_composition_of_single_steps(modules: SimpleNamespace) -> None:
    """Mean and variance of x_t, propagated through q(x_t | x_{t-1}) step by step."""
    ddpm = modules.ddpm_solution
    t = torch.tensor([0, 17, 400, 999])
    x = torch.randn(4, 3, 4, 4, dtype=torch.float64)
    zero = ddpm.q_sample(x, t, torch.zeros_like(x))
    one = ddpm.q_sample(x, t, torch.ones_like(x))
    for row, index in enumerate(t.tolist()):
        mean, variance = x[row].clone(), 0.0
        for beta in ddpm.betas.double()[: index + 1].tolist():
            mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        torch.testing.assert_close(zero[row], mean, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close((one - zero)[row], torch.full_like(mean, math.sqrt(variance)), rtol=1e-4, atol=0)
    drawn = ddpm.q_sample(torch.zeros(2, 3, 64, 64), torch.tensor([999, 99]))
    assert abs(drawn[0].std().item() - 1) < 0.04 and not torch.equal(drawn, ddpm.q_sample(0 * drawn, t[2:]))


class _PointData(nn.Module):
    """The exact noise predictor if all data are one picture; then every reverse step is q(x_{t-1} | x_t, x_0)."""

    def __init__(self, ddpm: ModuleType, picture: Tensor) -> None:
        super().__init__()
        self.picture, self.seen = picture, []
        self.abar = torch.cumprod(1 - ddpm.betas.double(), 0)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.seen.append(t.clone())
        abar = self.abar[t].reshape(-1, 1, 1, 1).to(x.dtype)
        return (x - abar.sqrt() * self.picture) / (1 - abar).sqrt()


@pytest.mark.parametrize("index", [1, 300, 999])
def test_p_sample_draws_from_the_bayesian_posterior(modules: SimpleNamespace, index: int) -> None:
    """N(x_{t-1}; sqrt(abar') x_0, 1 - abar') times N(x_t; sqrt(alpha) x_{t-1}, beta), normalised by precision."""
    ddpm = modules.ddpm_solution
    picture, x = torch.randn(1, 3, 1, 1, dtype=torch.float64), torch.randn(1, 3, 1, 1, dtype=torch.float64)
    many, t = x.expand(2, 3, 100, 100), torch.full((2,), index)
    draws = ddpm.p_sample(_PointData(ddpm, picture), many, t, index)
    beta = ddpm.betas.double()[index].item()
    abar_before = torch.cumprod(1 - ddpm.betas.double(), 0)[index - 1].item()
    precision = 1 / (1 - abar_before) + (1 - beta) / beta
    mean = (math.sqrt(abar_before) * picture / (1 - abar_before) + math.sqrt(1 - beta) * x / beta) / precision
    standard = (draws - mean) * math.sqrt(precision)  # (2, 3, 100, 100), standard normal
    assert standard.mean(dim=(0, 2, 3)).abs().max() < 6 / math.sqrt(20_000) + 0.01
    assert (standard.var() - 1).abs() < 6 * math.sqrt(2 / 60_000) + 0.001
    assert not draws.requires_grad


def test_the_chain_visits_all_steps_and_ends_at_the_data(modules: SimpleNamespace) -> None:
    ddpm = modules.ddpm_solution
    picture = torch.rand(3, 4, 4)
    model = _PointData(ddpm, picture)
    chain = ddpm.p_sample_loop(model, (2, 3, 4, 4), 60)
    assert chain.shape == (60, 2, 3, 4, 4) and chain.device.type == "cpu"
    assert [t.tolist() for t in model.seen] == [[i, i] for i in range(59, -1, -1)]
    torch.testing.assert_close(chain[-1], picture.expand(2, 3, 4, 4), rtol=0, atol=1e-4)
    assert not torch.allclose(chain[0, 0], chain[0, 1])


def test_reconstruct_comes_back_to_the_data(modules: SimpleNamespace) -> None:
    ddpm = modules.ddpm_solution
    picture = torch.rand(3, 4, 4)
    model = _PointData(ddpm, picture)
    back = ddpm.reconstruct(model, torch.randn(2, 3, 4, 4), 25)
    assert len(model.seen) == 26
    torch.testing.assert_close(back, picture.expand(2, 3, 4, 4), rtol=0, atol=1e-4)


def test_the_loss_is_hubers_mean(modules: SimpleNamespace) -> None:
    ddpm = modules.ddpm_solution
    x, t = torch.zeros(50, 3, 16, 16), torch.arange(50) * 20
    perfect = ddpm.p_losses(_PointData(ddpm, torch.zeros(3, 16, 16)), x, t)
    assert perfect.shape == () and perfect < 1e-8
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    huber = torch.where(grid.abs() < 1, grid**2 / 2, grid.abs() - 0.5)
    expected = torch.trapezoid(huber * Normal(0.0, 1.0).log_prob(grid).exp(), grid).item()
    got = ddpm.p_losses(lambda noisy, _: torch.zeros_like(noisy), x, t).item()
    assert got == pytest.approx(expected, abs=6 * 0.5 / math.sqrt(x.numel()))


def test_time_steps_are_uniform_integers(modules: SimpleNamespace) -> None:
    t = modules.ddpm_solution.t_sample(5, 5000)
    assert t.shape == (5000,) and t.dtype == torch.int64
    assert ((t.bincount(minlength=5) - 1000).abs() < 6 * math.sqrt(800)).all() and len(t.bincount()) == 5


def test_a_few_steps_of_training_help_the_ddpm(modules: SimpleNamespace) -> None:
    ddpm = modules.ddpm_solution
    model = modules.networks.Unet(8, dim_mults=(1, 2), resnet_block_groups=4)
    loader = [(torch.full((16, 3, 8, 8), 0.5), torch.zeros(16))] * 12
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    first, last = ddpm.train_epoch(model, loader, optimizer), ddpm.train_epoch(model, loader, optimizer)
    assert last < 0.6 * first


# ------------------------------------------------------------------------------------------------ truth of Problem 3


class _Base(nn.Module):
    def __init__(self, num_classes: int, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.net, self.fc = nn.Flatten(), nn.Linear(3 * 4 * 4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.net(x))


@pytest.mark.parametrize("stop", [True, False])
def test_simsiam_stops_the_gradient_of_the_targets_only(modules: SimpleNamespace, stop: bool) -> None:
    model = modules.q3_solution.SimSiam(_Base, dim=8, pred_dim=4, stop_gradient=stop)
    x1, x2 = torch.randn(2, 6, 3, 4, 4)
    p1, p2, z1, z2 = model(x1, x2)
    assert z1.requires_grad is z2.requires_grad is not stop
    model.eval()
    p1, p2, z1, z2 = model(x1, x2)
    torch.testing.assert_close(z1, model.encoder(x1))
    torch.testing.assert_close(z2, model.encoder(x2))
    torch.testing.assert_close(p1, model.predictor(z1))
    torch.testing.assert_close(p2, model.predictor(z2))
    model.train()
    model.loss(*model(x1, x2)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.predictor.parameters() if p.dim() > 1)
    assert model.encoder.fc[0].weight.grad.abs().sum() > 0


def test_cosine_similarity_and_loss(modules: SimpleNamespace) -> None:
    q3 = modules.q3_solution
    a, b, c, d = torch.randn(4, 5, 7, dtype=torch.float64)
    similarity = q3.CosineSimilarity()
    torch.testing.assert_close(similarity(a, b), torch.stack([u @ v / u.norm() / v.norm() for u, v in zip(a, b)]))  # noqa: B905
    assert similarity(a[:1], b[:1]).shape == (1,)
    assert similarity(torch.zeros(2, 7), torch.ones(2, 7)).tolist() == [0.0, 0.0]
    assert similarity(torch.full((1, 2), 1e-6), torch.full((1, 2), 1e-6)).item() == pytest.approx(2e-12 / 1e-8)
    model = q3.SimSiam(_Base, dim=8, pred_dim=4)
    loss = model.loss(a, b, c, d)
    assert loss.shape == ()
    torch.testing.assert_close(loss, -0.5 * (similarity(a, d).mean() + similarity(b, c).mean()))
    with pytest.raises(ValueError, match="'CosineSimilarity'"):
        model.loss(a, b, c, d, similarity_function="Euclid")


def test_modes_of_the_predictor(modules: SimpleNamespace) -> None:
    q3 = modules.q3_solution
    assert isinstance(q3.SimSiam(_Base, 8, 4, MLP_mode="no_pred_mlp").predictor, nn.Identity)
    fixed = q3.SimSiam(_Base, 8, 4, MLP_mode="fixed_random_init")
    assert not any(p.requires_grad for p in fixed.predictor.parameters())
    assert all(p.requires_grad for p in fixed.encoder.parameters())
    with pytest.raises(ValueError, match="fixed_random_init"):
        q3.SimSiam(_Base, 8, 4, MLP_mode="frozen")


def test_training_with_stopped_gradient_keeps_more_directions(modules: SimpleNamespace) -> None:
    q3, misc = modules.q3_solution, modules.simsiam_misc
    pictures = torch.randn(64, 3, 4, 4)
    ranks = {}
    for stop in (True, False):
        torch.manual_seed(1)
        model = q3.SimSiam(_Base, dim=16, pred_dim=8, stop_gradient=stop)
        views = [((pictures + torch.randn(64, 3, 4, 4), pictures + torch.randn(64, 3, 4, 4)), 0) for _ in range(150)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        first, last = q3.train_epoch(model, views[:10], optimizer), q3.train_epoch(model, views[10:], optimizer)
        assert last < first
        ranks[stop] = misc.effective_rank(model.eval().encoder(pictures))
    assert ranks[True] > ranks[False] + 1


# --------------------------------------------------------------------------------------------------- provided files


def test_networks_have_the_announced_shapes(modules: SimpleNamespace) -> None:
    nets = modules.networks
    for side in (16, 32, 48):
        encoder, decoder = nets.Encoder(1, 3, side), nets.Decoder(1, 3, 5, side)
        assert encoder(torch.randn(2, 1, side, side)).shape == (2, encoder.out_features)
        assert decoder(torch.randn(2, 5)).shape == (2, 1, side, side)
    with pytest.raises(ValueError, match="multiple of 16, got 20"):
        nets.Encoder(input_size=20)
    noisy, time = torch.randn(2, 3, 16, 16), torch.tensor([0, 999])
    assert nets.Unet(16, dim_mults=(1, 2, 4))(noisy, time).shape == noisy.shape
    assert nets.Unet(8, init_dim=16, out_dim=6, dim_mults=(1, 2))(noisy, time).shape == (2, 6, 16, 16)
    resnet = nets.SmallResNet(num_classes=9, zero_init_residual=True, width=4)
    assert resnet(noisy).shape == (2, 9) and resnet.fc.in_features == 32


def test_images_do_not_depend_on_the_rest_of_their_batch(modules: SimpleNamespace) -> None:
    model = modules.vae_solution.VAE(z_dim=5, decoder_features=4, encoder_features=3, device="cpu")
    x = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(model.encode(x).mean[:1], model.encode(x[:1]).mean)


def test_the_unet_uses_time_unless_told_not_to(modules: SimpleNamespace) -> None:
    x = torch.randn(1, 3, 8, 8)
    for with_time in (True, False):
        unet = modules.networks.Unet(8, dim_mults=(1, 2), with_time_emb=with_time)
        same = torch.equal(unet(x, torch.tensor([3])), unet(x, torch.tensor([700])))
        assert same is not with_time


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_svhn_loader_reads_the_real_format(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 10), dtype=np.uint8)  # (H, W, channels, n)
    files = {}
    for split in ("train", "test"):
        path = tmp_path / f"{split}_32x32.mat"
        savemat(path, {"X": pixels, "y": np.arange(1, 11, dtype=np.uint8)[:, None]})
        files[split] = ["unreachable:", path.name, _md5(path)]
    monkeypatch.setattr(SVHN, "split_list", files)
    train, test = modules.data.svhn_loaders(str(tmp_path), batch_size=4, workers=0)
    images, labels = next(iter(test))
    assert labels.tolist() == [1, 2, 3, 4] and images.dtype == torch.float32
    expected = torch.tensor(pixels[..., :4]).permute(3, 2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(images, expected)
    assert len(train) == 2 and len(test) == 3  # training drops the incomplete batch
    small, _ = modules.data.svhn_loaders(str(tmp_path), batch_size=4, image_size=16, workers=0)
    assert next(iter(small))[0].shape == (4, 3, 16, 16)


def _write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    from torchvision.datasets import CIFAR10

    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (8, 3072), dtype=np.uint8)  # (n, channels * H * W)

    def write(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, _md5(folder / name)]

    batch = {"data": pixels, "labels": list(range(8))}
    monkeypatch.setattr(CIFAR10, "train_list", [write("data_batch_1", batch)])
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch)])
    name, md5 = write("batches.meta", {"label_names": [str(i) for i in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return pixels


def test_cifar_loaders_read_the_real_format(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = _write_cifar(tmp_path, monkeypatch)
    _, test = modules.data.cifar10_loaders(str(tmp_path), batch_size=4, workers=0)
    images, labels = next(iter(test))
    assert labels.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(images, torch.tensor(pixels[:4]).reshape(4, 3, 32, 32) / 127.5 - 1)
    (x1, x2), labels = next(iter(modules.data.cifar10_pairs(str(tmp_path), batch_size=4, workers=0)))
    assert x1.shape == x2.shape == (4, 3, 32, 32) and labels.shape == (4,)
    assert not torch.equal(x1, x2) and x1.abs().max() <= 1


def test_knn_monitor_and_measures_of_collapse(modules: SimpleNamespace) -> None:
    misc = modules.simsiam_misc
    labels = torch.arange(40) % 4
    features = torch.eye(4)[labels] + 0.01 * torch.randn(40, 4)
    assert misc.knn_accuracy(features, labels, features[:8], labels[:8], neighbours=5) == 1.0
    assert misc.knn_accuracy(features, labels, features[:8], (labels[:8] + 1) % 4, neighbours=5) == 0.0
    spread_out = torch.randn(2000, 6)
    assert misc.effective_rank(spread_out) == pytest.approx(6, abs=0.05)
    assert misc.embedding_spread(spread_out) == pytest.approx(1, abs=0.05)
    assert misc.effective_rank(torch.ones(50, 6)) == misc.embedding_spread(torch.ones(50, 6)) == 0.0


def test_backbone_features_are_taken_before_the_projector(modules: SimpleNamespace) -> None:
    encoder = modules.q3_solution.SimSiam(partial(modules.networks.SmallResNet, width=4), 8, 4).encoder
    images, labels = torch.randn(5, 3, 8, 8), torch.arange(5)
    features, got = modules.simsiam_misc.backbone_features(
        encoder, [(images[:3], labels[:3]), (images[3:], labels[3:])]
    )
    assert features.shape == (5, 32) and got.tolist() == labels.tolist() and encoder.training
    encoder.eval()
    torch.testing.assert_close(encoder.fc(features), encoder(images))


def test_recipes_draw_and_measure(modules: SimpleNamespace, tmp_path: Path) -> None:
    recipes = modules.recipes
    clock = recipes.WallClock()
    clock.start()
    assert clock.stop() >= 0 and len(clock.seconds) == 1
    with pytest.raises(RuntimeError, match="before start"):
        clock.stop()
    clock.plot(tmp_path / "clock.png")
    recipes.save_grid(torch.randn(10, 3, 8, 8), tmp_path / "grid.png", title="ten")
    recipes.plot_profiles(torch.randn(10, 6), tmp_path / "profile.png")
    for name in ("with", "without"):
        recipes.save_history({"loss": [0.0, -0.5]}, tmp_path / f"{name}.json")
    runs = {name: tmp_path / f"{name}.json" for name in ("with", "without")}
    recipes.compare_histories(runs, {"loss": "training loss"}, tmp_path / "compared.png")
    pictures = list(tmp_path.glob("*.png"))
    assert len(pictures) == 4 and all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
