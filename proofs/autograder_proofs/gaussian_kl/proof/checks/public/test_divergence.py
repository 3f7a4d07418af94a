"""The contract on functions and a method that differ in all of their conventions."""

from __future__ import annotations

import torch

from autograder.checks import Reduction, Spread
from autograder.concepts.gaussian_kl import gaussian_kl


@gaussian_kl("rows", call="divergence(mean, logvar)")
def test_divergence(divergence, mean, logvar):
    return divergence.divergence(mean, logvar)


def gaussian_of(divergence, mean, logvar):
    """A Gaussian with these parameters."""
    return divergence.Gaussian(mean, logvar)


@gaussian_kl(
    "images",
    call="closeness(other)",
    names=("mu", "sigma", "other_mu", "other_sigma"),
    once=gaussian_of,
    spread=Spread.STD,
    prior=True,
    over_rows=Reduction.MEAN,
    negated=True,
    image=True,
)
def test_closeness(divergence, made, prior_mean, prior_logvar):
    return made.closeness(divergence.Gaussian(prior_mean, prior_logvar))


@gaussian_kl(
    "variances",
    call="mean_divergence(mean, variance)",
    spread=Spread.VARIANCE,
    over_coordinates=Reduction.MEAN,
    over_rows=Reduction.SUM,
)
def test_mean_divergence(divergence, mean, logvar):
    return divergence.mean_divergence(mean, logvar)


@gaussian_kl(
    "diffused",
    call="of_diffused(x, signal)",
    over_rows=Reduction.SUM,
    isotropic=True,
    gradients=False,
)
def test_of_diffused(divergence, mean, logvar):
    signal = -torch.expm1(logvar[0, 0])
    number = divergence.of_diffused(mean[0] / signal.sqrt(), signal)
    return torch.tensor(number) if type(number) is float else number
