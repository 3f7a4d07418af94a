"""Samples, log-densities, and the two forms of the KL divergence. What is due comes from sums and statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch.distributions import Normal

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_standard_normal,
    assert_tensor,
    diagonal_gaussians,
    exceeds,
    fetch,
    given,
    item,
    lend,
    seeds,
    substitute,
)
from autograder.concepts.gaussian_kl import gaussian_kl
from autograder.concepts.reparameterization import reparameterization
from autograder.sandbox.failure import SubmissionFault

Z_SIZE = 5


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal values from a private generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def repeated(q: DiagonalGaussian, times: int) -> DiagonalGaussian:
    """The same Gaussians with every row ``times`` times, as `forward` gives them to `reparameterize`."""
    return DiagonalGaussian(*(part.repeat_interleave(times, dim=0) for part in (q.mean, q.logvar)))


def drawn(model, q: DiagonalGaussian, times: int = 1) -> torch.Tensor:
    """A sample for each row, of Gaussians whose rows are repeated already."""
    name = "reparameterize(mean, logvar)" if times == 1 else f"reparameterize(mean, logvar, {times})"
    arguments = (q.mean, q.logvar) if times == 1 else (q.mean, q.logvar, times)
    return assert_tensor(model.reparameterize(*arguments), shape=q.shape, name=name)


# p2.reparameterize


def sampler_of(pset1, pset1_probes, mean):
    """A VAE that draws latent vectors as wide as these."""
    return pset1_probes.sampler(pset1.VAE, mean.shape[1])


@reparameterization("p2.reparameterize", call="reparameterize(mean, logvar)", once=sampler_of, repeats=(1, 4))
def test_reparameterize(made, mean, logvar, times):
    return made.reparameterize(mean, logvar) if times == 1 else made.reparameterize(mean, logvar, times)


# p2.log_normal_pdf


def grid(centre, spread, steps=161, reach=9.0):
    """Points of the plane (steps**2, 2) around a centre, and the area that belongs to each."""
    axes = [
        c + s * torch.linspace(-reach, reach, steps, dtype=torch.float64) for c, s in zip(centre, spread, strict=True)
    ]
    area = math.prod(float(axis[1] - axis[0]) for axis in axes)
    return torch.cartesian_prod(*axes), area


@item("p2.log_normal_pdf", weight=2)
@given(examples=6, q=diagonal_gaussians(min_batch=1, max_batch=1, min_dim=2, max_dim=2))
def test_the_density_integrates_to_one(pset1, q):
    """Over a fine grid of the plane, exp(log_normal_pdf) has mass 1, the right mean, and the variance exp(logvar)."""
    deviation = q.logvar.double().div(2).exp()[0]
    points, area = grid(q.mean.double()[0], deviation)
    sample = points.float()
    mean, logvar = (part.expand(len(sample), 2).clone() for part in (q.mean, q.logvar))
    got = assert_tensor(pset1.log_normal_pdf(sample, mean, logvar), shape=(len(sample),), name="log_normal_pdf")
    weight = got.detach().double().exp() * area
    assert_close(weight.sum(), 1.0, name="the mass of the density", scale=4.0)
    centred = points - q.mean.double()
    first, second = (weight[:, None] * centred).sum(0), (weight[:, None] * centred**2).sum(0)
    assert_close(first / deviation, torch.zeros(2), name="the mean, less what it should be,", scale=16.0)
    assert_close(second / deviation**2, torch.ones(2), name="the variance, over exp(logvar),", scale=16.0)


@item("p2.log_normal_pdf", weight=1)
def test_single_numbers_as_parameters(pset1):
    """With mean and logvar 0-d tensors, all coordinates share them; log N(0; 0, 1) is -0.918939 for each coordinate."""
    zero = torch.tensor(0.0)
    for width in (1, 2, 7):
        got = pset1.log_normal_pdf(torch.zeros(3, width), zero, zero)
        assert_close(
            got, torch.full((3,), -0.9189385332 * width), name=f"the log-density at 0, of {width} coordinates,"
        )
    sample = torch.tensor([[1.5, -0.5, 2.0], [0.25, 0.0, -3.0]])
    got = pset1.log_normal_pdf(sample, torch.tensor(0.5), torch.tensor(-0.8))
    assert_close(got, torch.tensor([-6.2860901, -15.5359946]), name="the log-density with mean 0.5 and logvar -0.8")


def log_density(x: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """The logarithm of the slope of the normal distribution function, entry by entry, in float64."""
    x, mean, logvar = torch.broadcast_tensors(x.detach().double(), mean.detach().double(), logvar.detach().double())
    places = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(torch.special.ndtr((places - mean) / (logvar / 2).exp()).sum(), places)
    return slope.log()


@item("p2.log_normal_pdf", weight=1)
@given(examples=8, seed=seeds(), rows=st.integers(2, 5), columns=st.integers(2, 6))
def test_the_axis_that_is_summed_over(pset1, seed, rows, columns):
    """raxis chooses the axis (1 by default) that is summed over; the others stay."""
    shape = (rows, columns, 3)
    sample, mean, logvar = (normal(*shape, seed=seed + k) for k in range(3))
    terms = log_density(sample, mean, logvar)
    for axis in (0, 1, 2):
        got = pset1.log_normal_pdf(sample, mean, logvar, axis)
        size = terms.abs().sum(axis)
        assert_close(got, terms.sum(axis), name=f"log_normal_pdf, raxis={axis},", scale=size)
    got = pset1.log_normal_pdf(sample, mean, logvar)
    assert_close(got, terms.sum(1), name="log_normal_pdf without raxis", scale=terms.abs().sum(1))


# p3.kl


@dataclass(frozen=True)
class Estimate:
    """Samples (batch * times, dim) of known Gaussians, whose rows are repeated, as `forward` would return them."""

    q: DiagonalGaussian
    z: torch.Tensor

    @property
    def output(self) -> dict[str, torch.Tensor]:
        """The dictionary that both losses get."""
        return {"z": self.z, "mean": self.q.mean, "logvar": self.q.logvar}


def known_log_density(*args, **kwargs):
    """What log_normal_pdf(sample, mean, logvar, raxis=1) should give; raise `TypeError` for other arguments."""
    given = [*args, *(kwargs[name] for name in ("sample", "mean", "logvar", "raxis") if name in kwargs), 1][:4]
    if len(given) < 4 or not all(isinstance(part, torch.Tensor) for part in given[:3]) or type(given[3]) is not int:
        raise TypeError("log_normal_pdf takes sample, mean and logvar as tensors, and an axis")
    sample, mean, logvar, axis = given
    density = Normal(mean.double(), logvar.double().exp().sqrt(), validate_args=False)
    return density.log_prob(sample.double()).sum(axis).to(sample.dtype)


def judge_estimates(pset1, pset1_probes, q: DiagonalGaussian, times: int, judge: Callable[[Estimate], None]) -> None:
    """Let ``judge`` pass for your samples with the grader's log-density, or for its samples with your log-density.

    So a mistake costs the item that it belongs to, and not this one as well.
    """
    wide, own = repeated(q, times), fetch(pset1.log_normal_pdf)
    failures: list[Exception] = []
    with collected(failures):
        substitute(pset1.log_normal_pdf, lend(known_log_density, pending=MAX_CALLS))
        z = drawn(pset1_probes.sampler(pset1.VAE, q.shape[1]), wide, times)
        assert_standard_normal(wide.whiten(z), name="the noise of reparameterize", mean_effect=0.8, std_effect=1.8)
        judge(Estimate(wide, z))
        return
    with collected(failures):
        substitute(pset1.log_normal_pdf, own)
        seed = int(torch.randint(2**62, ()))
        judge(Estimate(wide, wide.sample(1, torch.Generator().manual_seed(seed))[0].float()))
        return
    raise failures[0]


MAX_CALLS = 64
"""Log-densities of one example whose gradients may be asked for."""


@contextmanager
def collected(failures: list[Exception]) -> Iterator[None]:
    """Keep what fails in the block."""
    try:
        yield
    except (CheckFailed, SubmissionFault) as failure:
        failures.append(failure)


def allowed_error(q: DiagonalGaussian, times: int, alpha: float = 1e-9) -> torch.Tensor:
    """How far the average of log p(z) - log q(z) over ``times`` samples may be from its mean, for each row.

    With noise e it is a constant plus sums of b e and of a (e^2 - 1) over coordinates, a and b known. Sums of b e are
    normal; those of a (e^2 - 1) stay within 2 |a| sqrt(t) + 2 max|a| t but with probability 2 exp(-t) (Laurent and
    Massart 2000, lemma 1).
    """
    mean, variance = q.mean.detach().double(), q.logvar.detach().double().exp()
    a, b = (variance - 1) / 2, mean * variance.sqrt()
    t = math.log(4 * len(mean) / alpha)
    normal_part = b.norm(dim=1) * math.sqrt(2 * t / times)
    square_part = 2 * a.norm(dim=1) * math.sqrt(t / times) + 2 * a.abs().amax(1) * t / times
    return normal_part + square_part


def mean_of_the_estimate(q: DiagonalGaussian) -> torch.Tensor:
    """The mean of log p(z) - log q(z) under each q, (batch,), in float64: integrals over the line, one per coordinate.

    Ten standard deviations to either side in steps of 1/200: the error is far below that of float32.
    """
    steps = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    mean, logvar = (part.detach().double()[..., None] for part in (q.mean, q.logvar))
    z = mean + (logvar / 2).exp() * steps
    zero = torch.zeros((), dtype=torch.float64)
    of_q = log_density(z, mean, logvar)
    return torch.trapezoid(of_q.exp() * (log_density(z, zero, zero) - of_q), z, dim=-1).sum(-1)


TIMES = 10_000
HALVES = {
    "agrees_with_monte_carlo": 0.5,
    "gradients_agree_with_monte_carlo": 0.5,
    "divergences": 0.5,
    "gradients_of_divergences": 0.5,
}


def assert_a_piece_works(pset1, pset1_probes):
    """Raise `CheckFailed` unless your samples or your log-densities are right: both losses are there already."""

    def judge(estimate: Estimate) -> None:
        given = (estimate.z, estimate.q.mean, estimate.q.logvar)
        truth = known_log_density(*(part.double() for part in given))
        assert_close(pset1.log_normal_pdf(*given), truth, name="log_normal_pdf", scale=9.0 + truth.abs())

    judge_estimates(pset1, pset1_probes, DiagonalGaussian(normal(3, 4, seed=5), normal(3, 4, seed=6)), 40, judge)


@gaussian_kl(
    "p3.kl",
    call="loss_KL_wo_E(output)",
    names=("mean", "logvar"),
    once=assert_a_piece_works,
    negated=True,
    weights=HALVES,
)
def test_loss_kl_wo_e(pset1, mean, logvar):
    return pset1.loss_KL_wo_E({"z": mean.detach(), "mean": mean, "logvar": logvar})


@item("p3.kl", weight=1)
def test_loss_sgvb_has_the_mean_that_integration_gives(pset1, pset1_probes):
    """For three posteriors, loss_SGVB, averaged over 10,000 samples, is the mean of log p - log q.

    The mean is known from numerical integration. The average may be as far from it as chance allows.
    """
    q = DiagonalGaussian(normal(3, 4, seed=5), normal(3, 4, seed=6))
    due = mean_of_the_estimate(q)

    def judge(estimate: Estimate) -> None:
        rows = (len(estimate.z),)
        sampled = assert_tensor(pset1.loss_SGVB(estimate.output), shape=rows, name="loss_SGVB(output)")
        averages = sampled.detach().double().reshape(3, TIMES).mean(1)
        off, allowed = (averages - due).abs(), allowed_error(q, TIMES)
        if exceeds(off, allowed):
            worst = int((off - allowed).argmax())
            raise CheckFailed(
                "loss_SGVB is not on average what integration gives",
                expected=f"{float(due[worst]):.4g} in posterior {worst}, give or take {float(allowed[worst]):.2g}",
                got=f"{float(averages[worst]):.4g}",
            )

    judge_estimates(pset1, pset1_probes, q, TIMES, judge)
