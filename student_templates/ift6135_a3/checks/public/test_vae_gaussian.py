"""The diagonal Gaussian: its samples are statistics, its density integrates to one, its KL is an average."""

from __future__ import annotations

import math

import torch

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_gradients_close,
    assert_tensor,
    diagonal_gaussians,
    falls_below,
    given,
    gradients,
    item,
)
from autograder.concepts.gaussian_kl import gaussian_kl
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

GRID = torch.linspace(-12.0, 12.0, 481)
"""Distances from the mean in standard deviations; a normal density is 1e-31 of its peak at the ends."""


@item("vae.nll", weight=2)
def test_the_density_integrates_to_one(vae_solution):
    """exp(-nll) is a density: it integrates to 1, its mean is the mean and its variance the variance."""
    for mean, std in ((0.7, 0.25), (-1.3, 2.5)):  # not near 0.4, where log(2 pi) and logvar cancel
        x = (mean + std * GRID)[:, None]  # (points, 1)
        q = DiagonalGaussian(torch.full_like(x, mean), torch.full_like(x, 2 * math.log(std)))
        got = vae_solution.DiagonalGaussianDistribution(q.mean, q.logvar).nll(x, dims=[1])
        assert_tensor(got, shape=x.shape[:1], name="nll()")
        mass = (-got.detach().double()).exp() * std * float(GRID[1] - GRID[0])
        centred = x[:, 0].double() - mean
        moments = torch.stack([mass.sum(), (centred * mass).sum() / std, (centred**2 * mass).sum() / std**2])
        truth = torch.tensor([1.0, 0.0, 1.0])
        assert_close(moments, truth, name="mass, mean and variance of exp(-nll), in units of the due ones")


@item("vae.nll", weight=1)
@given(examples=10, q=diagonal_gaussians(max_dim=4, max_batch=4, image=True))
def test_coordinates_add_up(vae_solution, q):
    """The nll of an image is the sum of the nll of its pixels, which are independent; dims are [1, 2, 3] unless given.

    What is not in dims keeps its place. Together with the density of one coordinate this says everything about nll.
    """
    x = q.sample(1, torch.Generator().manual_seed(0))[0].float()
    pixels = [part.reshape(-1, 1) for part in (q.mean, q.logvar, x)]
    each = vae_solution.DiagonalGaussianDistribution(*pixels[:2]).nll(pixels[2], dims=[1])
    assert_tensor(each, shape=(x.numel(),), name="nll() of single pixels")
    each = each.detach().double().reshape(len(x), -1)
    if falls_below(each.sum(1).abs().max(), 1e-3):
        raise CheckFailed("the nll of every pixel is 0, whatever the distribution and the pixel")
    whole = vae_solution.DiagonalGaussianDistribution(q.mean, q.logvar)
    scale = each.abs().sum(1)
    for got in (whole.nll(x), whole.nll(x, dims=[1, 2, 3])):
        assert_close(got, each.sum(1), name="nll() of images", scale=scale)
    each = each.reshape(x.shape)
    for dims in ([1], [2, 3]):
        magnitude = each.abs().sum(dims)
        assert_close(whole.nll(x, dims=dims), each.sum(dims), name=f"nll() of images, dims={dims}", scale=magnitude)


@item("vae.nll", weight=0.5)
@given(examples=5, q=diagonal_gaussians(requires_grad=True))
def test_moving_sample_and_mean_together_changes_nothing(vae_solution, q):
    """The nll has gradients with respect to sample, mean and logvar; it knows only how far the sample is from the mean.

    So the gradients with respect to sample and mean cancel.
    """
    x = q.sample(1, torch.Generator().manual_seed(0))[0].float().requires_grad_()
    got = vae_solution.DiagonalGaussianDistribution(q.mean, q.logvar).nll(x, dims=[1])
    found = gradients(assert_tensor(got, shape=q.shape[:1], name="nll()"), [x, q.mean, q.logvar])
    for gradient, name in zip(found, ("sample", "mean", "logvar"), strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(f"no gradient of nll() reaches {name}")
    to_sample, to_mean, _ = found
    assert_close(to_sample, -to_mean.double(), name="the gradient of nll() with respect to sample")


# vae.mode


@item("vae.mode", weight=1)
@given(examples=10, q=diagonal_gaussians(image=True, requires_grad=True))
def test_the_mode_is_where_the_density_is_largest(vae_solution, q):
    """No value is more likely than the mode; it is no random one, and it moves with the mean."""
    mode = vae_solution.DiagonalGaussianDistribution(q.mean, q.logvar).mode()
    assert_tensor(mode, shape=q.shape, name="mode()")
    assert_close(q.whiten(mode), torch.zeros(q.shape), name="mode() in standard deviations from the centre", scale=1.0)
    assert_gradients_close(gradients(mode, [q.mean]), [torch.ones(q.shape)], ["mean"], of="the sum of mode()")
