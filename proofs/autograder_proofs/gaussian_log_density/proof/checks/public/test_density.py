"""The contract on functions and a method that differ in all of their conventions."""

from __future__ import annotations

from autograder.checks import Reduction, Spread
from autograder.concepts.gaussian_log_density import gaussian_log_density


@gaussian_log_density("vectors", call="log_density(x, mean, logvar)", shared=True)
def test_log_density(density, sample, mean, logvar):
    return density.log_density(x=sample, mean=mean, logvar=logvar)


def gaussian_of(density, mean, logvar):
    """A Gaussian with these parameters."""
    return density.Gaussian(mean, logvar)


@gaussian_log_density(
    "images",
    call="nll(x)",
    names=("x", "mu", "sigma"),
    once=gaussian_of,
    spread=Spread.STD,
    negated=True,
    dims={4: (None, (1,), (0, 2)), 2: ((1,),)},
    default=(1, 2, 3),
)
def test_nll(made, sample, mean, logvar, dims):
    return made.nll(sample) if dims is None else made.nll(sample, dims)


@gaussian_log_density(
    "averaged",
    call="per_pixel(x, mean, log_std)",
    spread=Spread.LOG_STD,
    dims={4: (None,)},
    default=(1, 2, 3),
    over_dims=Reduction.MEAN,
)
def test_per_pixel(density, sample, mean, logvar):
    return density.per_pixel(sample, mean, logvar)
