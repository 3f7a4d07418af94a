"""The contract on functions, and on a method of an object that holds the parameters."""

from __future__ import annotations

from autograder.checks import Spread
from autograder.concepts.reparameterization import reparameterization


@reparameterization("sample", call="sample(mean, logvar)")
def test_sample(sampling, mean, logvar):
    return sampling.sample(mean, logvar)


@reparameterization("spread_out", call="spread_out(log_sigma, mu)", names=("mu", "log_sigma"), spread=Spread.LOG_STD)
def test_spread_out(sampling, mean, logvar):
    return sampling.spread_out(logvar, mean)


def sampler_of(sampling, mean, logvar):
    """A sampler with these parameters."""
    return sampling.Sampler(mean, logvar)


@reparameterization(
    "sampler",
    call="sample()",
    names=("mu", "log_sigma_squared"),
    once=sampler_of,
    shapes=((40, 3, 4, 5),),
    repeats=(1, 3),
)
def test_sampler(made, mean, logvar):
    return made.sample()
