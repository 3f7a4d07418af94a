"""Samples, log-densities, and the two forms of the KL divergence. What is due comes from sums and statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.distributions import Normal

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    SubmissionFault,
    assert_close,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    expose,
    fetch,
    item,
    substitute,
)
from autograder.concepts.gaussian_kl import gaussian_kl
from autograder.concepts.gaussian_log_density import gaussian_log_density
from autograder.concepts.reparameterization import reparameterization

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


@gaussian_log_density(
    "p2.log_normal_pdf",
    call="log_normal_pdf(sample, mean, logvar, raxis)",
    dims={2: (None, (0,), (-1,)), 3: ((0,), (1,), (2,))},
    shared=True,
)
def test_log_normal_pdf(pset1, sample, mean, logvar, dims):
    return pset1.log_normal_pdf(sample, mean, logvar, *(dims or ()))


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


def check_estimates(pset1, pset1_probes, q: DiagonalGaussian, times: int, judge: Callable[[Estimate], None]) -> None:
    """Let ``judge`` pass for your samples with the grader's log-density, or for its samples with your log-density.

    So a mistake costs the item that it belongs to, and not this one as well.
    """
    wide, own = repeated(q, times), fetch(pset1.log_normal_pdf)
    failures: list[Exception] = []
    with collected(failures):
        substitute(pset1.log_normal_pdf, expose(known_log_density, pending=MAX_CALLS))
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


def log_density(x: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """The logarithm of the slope of the normal distribution function, entry by entry, in float64."""
    x, mean, logvar = torch.broadcast_tensors(x.detach().double(), mean.detach().double(), logvar.detach().double())
    places = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(torch.special.ndtr((places - mean) / (logvar / 2).exp()).sum(), places)
    return slope.log()


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
    """Raise `CheckFailed` unless your log-densities or your samples are right: both losses are there already."""
    q, failures = DiagonalGaussian(normal(3, 4, seed=5), normal(3, 4, seed=6)), []
    z = q.sample(1, torch.Generator().manual_seed(0))[0].float()
    with collected(failures):
        truth = known_log_density(z.double(), q.mean.double(), q.logvar.double())
        assert_close(pset1.log_normal_pdf(z, q.mean, q.logvar), truth, name="log_normal_pdf", scale=9.0 + truth.abs())
        return
    with collected(failures):
        wide = repeated(q, 1000)
        samples = drawn(pset1_probes.sampler(pset1.VAE, 4), wide, 1000)
        assert_standard_normal(
            wide.whiten(samples), name="the noise of reparameterize", mean_effect=0.8, std_effect=1.8
        )
        return
    raise failures[0]


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

    check_estimates(pset1, pset1_probes, q, TIMES, judge)
