"""The diagonal Gaussian: its samples are statistics, its density integrates to one, its KL is an average."""

from __future__ import annotations

import torch

from autograder.checks import (
    assert_close,
    assert_gradients_close,
    assert_tensor,
    diagonal_gaussians,
    given,
    gradients,
    item,
)
from autograder.concepts.gaussian_kl import gaussian_kl
from autograder.concepts.gaussian_log_density import gaussian_log_density
from autograder.concepts.reparameterization import reparameterization

# vae.sample_gaussian


def distribution_of(vae_solution, mean, logvar):
    """The hand-in's Gaussian with these parameters."""
    return vae_solution.DiagonalGaussianDistribution(mean, logvar)


@reparameterization(
    "vae.sample_gaussian",
    call="sample()",
    names=("mean", "logvar"),
    once=distribution_of,
    shapes=((48, 3, 4, 5), (256, 12)),
    weights={"gradients_of_a_sample": 2},
)
def test_sample(made, mean, logvar):
    return made.sample()


# vae.kl


@gaussian_kl("vae.kl", call="kl()", names=("mean", "logvar"), once=distribution_of)
def test_kl(made, mean, logvar):
    return made.kl()


# vae.nll


@gaussian_log_density(
    "vae.nll",
    call="nll(sample, dims)",
    names=("sample", "mean", "logvar", "dims"),
    once=distribution_of,
    negated=True,
    dims={2: ((1,),), 4: (None, (1, 2, 3), (1,), (2, 3))},
    default=(1, 2, 3),
)
def test_nll(made, sample, mean, logvar, dims):
    return made.nll(sample) if dims is None else made.nll(sample, dims=list(dims))


# vae.mode


@item("vae.mode", weight=1)
@given(examples=10, q=diagonal_gaussians(image=True, requires_grad=True))
def test_the_mode_is_where_the_density_is_largest(vae_solution, q):
    """No value is more likely than the mode; it is no random one, and it moves with the mean."""
    mode = vae_solution.DiagonalGaussianDistribution(q.mean, q.logvar).mode()
    assert_tensor(mode, shape=q.shape, name="mode()")
    assert_close(q.whiten(mode), torch.zeros(q.shape), name="mode() in standard deviations from the centre", scale=1.0)
    assert_gradients_close(gradients(mode, [q.mean]), [torch.ones(q.shape)], ["mean"], of="the sum of mode()")
