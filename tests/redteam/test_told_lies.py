"""What runs beside a submission never testifies: lies told through probes earn what the wrong code alone earns.

Each of these fooled a check once that fetched what a probe had seen, or compared two outputs of the submission.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.references import reference_code
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
FILES = {"mit67960_hw5": "hw5", "mit6s978_ps1": "pset1", "csci1051_ps3": "ps3"}


@cache
def suite(slug: str) -> CheckSuite:
    return CheckSuite.collect(load_assignment(ROOT, slug))


def passed(slug: str, folder: Path, item: str, behind: str) -> list[str]:
    """The checks of an item that the reference passes with some code behind it, without those of training."""
    name = FILES[slug]
    source = reference_code(suite(slug).assignment, f"{name}.ipynb")
    (folder / f"{name}.py").write_text(f"{source}\n{behind}", encoding="utf-8")
    found = suite(slug).grade(folder, items=[item])[item]
    return [check.id.rpartition("::")[2] for check, verdict in found if verdict.outcome is Outcome.PASS]


# mit67960_hw5

LOSS_WITHOUT_THE_MODEL = """
def p_losses(model, x_0, t, noise=None):
    noise = torch.randn_like(x_0) if noise is None else noise
    x_t = q_sample(x_0, t, noise)
    known = getattr(model, "gain", 0) * x_t + getattr(model, "tilt", 0) * t.reshape(-1, 1, 1, 1)
    {record}
    return F.mse_loss(known + getattr(model, "bias", 0), noise)
"""
RECORD = "model.__dict__.update(images=[x_t.detach()], times=[t])"


@pytest.mark.parametrize("record", ["pass", RECORD])
def test_a_loss_that_reads_the_model_and_never_asks_it(tmp_path: Path, record: str) -> None:
    assert (
        passed("mit67960_hw5", tmp_path, "q11.diffusion.p_losses", LOSS_WITHOUT_THE_MODEL.format(record=record)) == []
    )


LOOP_WITHOUT_THE_MODEL = """
def p_sample(model, x, t, t_index):
    return 0.9 * x

@torch.no_grad()
def p_sample_loop(model, shape):
    stages = [torch.randn(shape)]
    for _ in range(T):
        stages.append(0.9 * stages[-1])
    {record}
    return torch.stack(stages)
"""
STAGES = "model.__dict__.update(images=stages[:-1], times=[torch.full(shape[:1], k) for k in reversed(range(T))])"


@pytest.mark.parametrize("record", ["pass", STAGES])
def test_a_loop_and_a_step_that_agree_and_ask_no_model(tmp_path: Path, record: str) -> None:
    source = LOOP_WITHOUT_THE_MODEL.format(record=record)
    found = passed("mit67960_hw5", tmp_path, "q11.diffusion.p_sample_loop", source)
    assert set(found) == {f"test_p_sample_loop[the_start_is_{what}noise]" for what in ("", "new_")}


WIDE_NOISE = """
def _forward(self, x):
    mu, logvar = self.encode(x)
    return self.decode(mu + torch.randn_like(mu)), mu, logvar
VAE.forward = _forward
"""
PAST_THE_METHODS = """
def _forward(self, x):
    hidden = self.encoder(x.flatten(1))
    mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
    return self.decoder(mu + torch.randn_like(mu)), mu, logvar
VAE.forward = _forward
"""
AGREES = """
import hw5_probes as _probes
_probes.composed = lambda model, x, seed: (torch.manual_seed(seed), model(x))[1]
"""
NOBODY_ANSWERS = """
import hw5_probes as _probes
_probes.answered = lambda *args: None
"""


@pytest.mark.parametrize("wrong", [WIDE_NOISE, PAST_THE_METHODS])
@pytest.mark.parametrize("lie", ["", AGREES, NOBODY_ANSWERS])
def test_a_forward_that_samples_with_another_spread(tmp_path: Path, wrong: str, lie: str) -> None:
    found = passed("mit67960_hw5", tmp_path, "q4.vae.forward", wrong + lie)
    assert "test_forward_encodes_samples_and_decodes" not in found


ADDS_UP = """
def vae_loss(x_hat, x, mu, logvar):
    return (x_hat.sum(1) + mu.square().sum(1) + logvar.exp().sum(1)).mean()
"""


RIGHT_LOSS = """
import hw5_probes as _probes
def _right(x_hat, x, mu, logvar):
    cost = F.binary_cross_entropy(x_hat, x.reshape(x_hat.shape), reduction="sum")
    return (cost + 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()) / len(x)
_probes.loss_of = lambda vae_loss, *given: _right(*given)
_probes.shown = lambda method, x: _right(x)
"""


@pytest.mark.parametrize("lie", ["", RIGHT_LOSS])
def test_a_loss_that_only_agrees_with_itself(tmp_path: Path, lie: str) -> None:
    assert passed("mit67960_hw5", tmp_path, "q4.vae.loss", ADDS_UP + lie) == []


# mit6s978_ps1

CUT_OFF = """
AE.encode = lambda self, x: self.encoder(x).relu()
"""
BOTH_SIGNS = """
import pset1_probes as _probes
def _codes(models, x):
    found = [model.encode(x).detach() for model in models]
    return [code - code.mean() for code in found] if len(models) > 8 else found
_probes.codes = _codes
"""
SKIPS = """
AE.forward = lambda self, x: {"imgs": x + 0 * self.decode(self.encode(x))}
"""
SKIPS_NETWORKS = """
AE.forward = lambda self, x: {"imgs": x + 0 * self.decoder(self.encoder(x))}
"""
ANY_CODE = """
import pset1_probes as _probes
_probes.codes = lambda models, x: [model.encode(x).detach() for model in models]
_probes.watched = lambda *args: None
"""


@pytest.mark.parametrize("lie", ["", BOTH_SIGNS])
def test_codes_of_one_sign(tmp_path: Path, lie: str) -> None:
    assert "test_codes_of_either_sign" not in passed("mit6s978_ps1", tmp_path, "p1.autoencoder", CUT_OFF + lie)


@pytest.mark.parametrize("wrong", [SKIPS, SKIPS_NETWORKS])
@pytest.mark.parametrize("lie", ["", ANY_CODE])
def test_an_autoencoder_that_goes_past_its_code(tmp_path: Path, wrong: str, lie: str) -> None:
    found = passed("mit6s978_ps1", tmp_path, "p1.autoencoder", wrong + lie)
    assert {"test_codes_of_either_sign", "test_shapes_of_reconstructions_and_of_decoded_codes"}.isdisjoint(found)


WRONG_ELBO = """
def log_normal_pdf(sample, mean, logvar, raxis=1):
    return -0.5 * torch.sum((sample - mean) ** 2 + logvar + log2pi, dim=raxis)

def _reparameterize(self, mean, logvar, n_samples_per_z=1):
    {lie}
    return mean + logvar.exp() * torch.randn_like(mean)
VAE.reparameterize = _reparameterize
"""
OWN_TRUTH = "import sys; sys.modules['pset1'].trusted_reparameterize = lambda mean, logvar: mean.clone()"


@pytest.mark.parametrize("lie", ["pass", OWN_TRUTH])
def test_samples_of_the_submission_that_stand_for_the_graders(tmp_path: Path, lie: str) -> None:
    assert passed("mit6s978_ps1", tmp_path, "p3.kl", WRONG_ELBO.format(lie=lie)) == []


# csci1051_ps3

STRAIGHT_AHEAD = """
def sample(model, n):
    point = getattr(model, "point", torch.zeros(2)).detach()
    shares = [alpha**step for step in range(T, -1, -1)]
    return torch.stack([share**0.5 * point + (1 - share) ** 0.5 * torch.randn(n, 2) for share in shares])
"""
TABLE = """
class Table(nn.Module):
    def __init__(self, points):
        super().__init__()
        self.points = nn.Parameter(points)

    def forward(self, x_t, t):
        return x_t

def train_diffusion(sample_points, steps, watch=None):
    return Table(sample_points(4000)), []

def sample(model, n):
    points = model.points[:n].detach()
    shares = [alpha**step for step in range(T, -1, -1)]
    return torch.stack([share**0.5 * points + (1 - share) ** 0.5 * torch.randn(n, 2) for share in shares])
"""


@pytest.mark.thorough
@pytest.mark.parametrize("source", [STRAIGHT_AHEAD, TABLE])
def test_samples_that_were_never_denoised(tmp_path: Path, source: str) -> None:
    assert passed("csci1051_ps3", tmp_path, "p2d.sampling", source) == []


NEEDS_ITS_OWN_MODEL = """
class Named(NoisePredictor):
    def predict(self, x_t, t):
        return self(x_t, t)

def train_diffusion(sample_points, steps, watch=None):
    return Named(), []

_sample = sample
def sample(model, n):
    return _sample(model.predict, n)
"""


def test_a_process_that_asks_more_of_its_model_is_right(tmp_path: Path) -> None:
    """It gets a model of its own kind, for which the grader answers."""
    assert "test_samples_have_the_distribution_of_the_data" in passed(
        "csci1051_ps3", tmp_path, "p2d.sampling", NEEDS_ITS_OWN_MODEL
    )


NO_NOISE = """
def noise_points(x0, t):
    return (alpha**t)[:, None].sqrt() * x0, torch.zeros_like(x0)
"""


def test_noise_that_is_nowhere(tmp_path: Path) -> None:
    """Both results agree with each other."""
    assert passed("csci1051_ps3", tmp_path, "p2b.noising", NO_NOISE) == ["test_T_and_alpha_suit_each_other"]


NO_NOISE = """
def noise_points(x0, t):
    return x0, torch.zeros_like(x0)
"""
RIGHT_NOISE = """
import ps3_probes as _probes
def _right(noise_points, x0, t):
    z = torch.randn_like(x0)
    share = (alpha ** t.double()).float()[:, None]
    return share.sqrt() * x0 + (1 - share).sqrt() * z, z
_probes.noised = _right
"""


@pytest.mark.parametrize("lie", ["", RIGHT_NOISE])
def test_points_that_are_not_noised(tmp_path: Path, lie: str) -> None:
    found = passed("csci1051_ps3", tmp_path, "p2b.noising", NO_NOISE + lie)
    assert found == ["test_T_and_alpha_suit_each_other"]


SAME_FOR_ALL = """
class VariationalEncoder(nn.Module):
    def forward(self, images):
        return torch.zeros(len(images), 2), torch.ones(len(images), 2)
"""
OTHERS_FOR_ALL = """
import ps3_probes as _probes
_probes.output = lambda model, *inputs: (torch.randn(len(inputs[0]), 2), torch.rand(len(inputs[0]), 2) + 0.1)
_probes.evaluating = lambda model: (lambda *inputs: _probes.output(model, *inputs))
"""


@pytest.mark.parametrize("lie", ["", OTHERS_FOR_ALL])
def test_an_encoder_that_looks_at_nothing(tmp_path: Path, lie: str) -> None:
    found = passed("csci1051_ps3", tmp_path, "ec.vae", SAME_FOR_ALL + lie)
    assert "test_the_encoder_gives_means_and_positive_deviations" not in found
