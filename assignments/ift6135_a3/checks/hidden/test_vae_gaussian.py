"""The diagonal Gaussian against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.gaussian import kl_to_standard_normal, negative_log_likelihood

from autograder.checks import (
    DiagonalGaussian,
    Unit,
    assert_close,
    assert_gradients_close,
    assert_independent,
    assert_no_gradient,
    assert_standard_normal,
    assert_tensor,
    diagonal_gaussians,
    given,
    gradients,
    item,
)

ONE_ROW_OR_MORE = diagonal_gaussians(min_batch=1, requires_grad=True)


def normal_like(tensor, seed):
    """Standard normal values of a tensor's shape."""
    return torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed))


def in_float64(q):
    """Float64 leaves with the parameters of a Gaussian."""
    return [parameter.detach().double().requires_grad_() for parameter in (q.mean, q.logvar)]


# vae.sample_gaussian


@item("vae.sample_gaussian", weight=1)
def test_samples_without_logvar_and_with_extreme_logvar(vae_solution):
    """Without logvar the variance is 1; a logvar beyond [-30, 20] counts as the nearer end of that range."""
    mean = torch.zeros(160, 14)
    limits = torch.tensor([-30.0, 20.0]).repeat(7).expand(160, 14).contiguous()
    beyond = torch.tensor([-50.0, 40.0]).repeat(7).expand(160, 14).contiguous()
    for q, given_logvar in ((DiagonalGaussian(mean + 1, mean), ()), (DiagonalGaussian(mean, limits), (beyond,))):
        distribution = vae_solution.DiagonalGaussianDistribution(q.mean, *given_logvar)
        noise = [q.whiten(assert_tensor(distribution.sample(), shape=q.shape)) for _ in range(2)]
        for whitened in noise:
            assert_standard_normal(whitened, unit=Unit.COORDINATE, mean_effect=1.0, std_effect=2.5)
        assert_independent(*noise)


# vae.kl


@item("vae.kl", weight=1)
@given(examples=10, q=diagonal_gaussians(min_dim=5, max_dim=40))
def test_kl_of_unit_variance(vae_solution, q):
    """Without logvar only the distance of the mean from 0 counts; wide latent vectors are summed, not averaged."""
    got = vae_solution.DiagonalGaussianDistribution(q.mean).kl()
    assert_close(got, kl_to_standard_normal(q.mean, torch.zeros(q.shape)), scale=float(q.mean[0].numel()))


# vae.nll


@item("vae.nll", weight=1)
@given(examples=10, q=diagonal_gaussians(image=True, max_batch=4))
def test_nll_of_unit_variance_is_summed_over_the_given_dimensions(vae_solution, q):
    """Without logvar the variance is 1; what is not in `dims` keeps its place in the result."""
    x = normal_like(q.mean, seed=2)
    distribution = vae_solution.DiagonalGaussianDistribution(q.mean)
    for dims in ([1, 2, 3], [1], [2, 3]):
        truth = negative_log_likelihood(x, q.mean, torch.zeros(q.shape), dims=dims)
        assert_close(distribution.nll(x, dims=dims), truth)


# vae.mode


@item("vae.mode", weight=1)
@given(examples=15, q=ONE_ROW_OR_MORE)
def test_mode_and_its_gradients(vae_solution, q):
    """The mode is exact, the same at every call, and differentiable; the variance has no say in it."""
    distribution = vae_solution.DiagonalGaussianDistribution(q.mean, q.logvar)
    for got in (distribution.mode(), distribution.mode()):
        assert_close(got, q.mean)
    cotangent = normal_like(q.mean, seed=1)
    to_mean, to_logvar = gradients(got, [q.mean, q.logvar], cotangent.to(got.dtype))
    assert_gradients_close([to_mean], [cotangent], ["mean"])
    assert_no_gradient([to_logvar], ["logvar"])
