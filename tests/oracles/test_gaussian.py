"""Gaussian truths against numerical integration, `torch.distributions` and NumPy's linear algebra."""

import math

import numpy as np
import pytest
import torch
from autograder_proofs.oracles import gaussian
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

MEAN = torch.tensor([[0.7, -1.3, 0.2], [2.0, 0.4, -0.6]], dtype=torch.float64)
LOGVAR = torch.tensor([[0.9, -1.1, 0.3], [-0.4, 1.6, -2.0]], dtype=torch.float64)
GRID = torch.linspace(-40, 40, 400_001, dtype=torch.float64)


def density(x, mean, logvar):
    return np.exp(-0.5 * (x - mean) ** 2 / math.exp(logvar)) / math.sqrt(2 * math.pi * math.exp(logvar))


def integral(values):
    return float(np.trapezoid(values, GRID.numpy()))


def test_the_densities_integrate_to_one_and_their_logarithm_is_the_likelihood():
    x = GRID.numpy()
    for mean, logvar in ((0.7, 0.9), (-1.3, -1.1)):
        nll = gaussian.negative_log_likelihood(GRID[:, None], torch.tensor(mean), torch.tensor(logvar)).numpy()
        assert integral(np.exp(-nll)) == pytest.approx(1, abs=1e-7)
        inside = density(x, mean, logvar) > 1e-290
        assert np.allclose(-nll[inside], np.log(density(x, mean, logvar)[inside]), rtol=1e-6)


def test_kl_is_the_integral_of_the_log_ratio():
    x = GRID.numpy()
    expected = []
    for row in range(2):
        total = 0.0
        for mean, logvar in zip(MEAN[row].tolist(), LOGVAR[row].tolist(), strict=True):
            q, log_p = density(x, mean, logvar), -0.5 * x**2 - 0.5 * math.log(2 * math.pi)
            log_q = -0.5 * (x - mean) ** 2 / math.exp(logvar) - 0.5 * math.log(2 * math.pi) - 0.5 * logvar
            total += integral(q * (log_q - log_p))
        expected.append(total)
    assert gaussian.kl_to_standard_normal(MEAN, LOGVAR).tolist() == pytest.approx(expected, rel=1e-8)


def test_kl_between_agrees_with_torch_on_images_and_never_is_negative():
    generator = torch.Generator().manual_seed(0)
    mean_q, log_q, mean_p, log_p = torch.randn(4, 3, 2, 4, 5, generator=generator, dtype=torch.float64)
    q, p = (Independent(Normal(m, (v / 2).exp()), 3) for m, v in ((mean_q, log_q), (mean_p, log_p)))
    got = gaussian.kl_between(mean_q, log_q, mean_p, log_p)
    assert torch.allclose(got, kl_divergence(q, p), rtol=1e-12) and bool((got > 0).all())
    assert torch.equal(gaussian.kl_between(mean_q, log_q, mean_q, log_q), torch.zeros(3, dtype=torch.float64))


def test_nll_agrees_with_torch_over_the_dimensions_that_are_named():
    generator = torch.Generator().manual_seed(1)
    x, mean, logvar = torch.randn(3, 4, 3, 5, 2, generator=generator, dtype=torch.float64)
    each = -Normal(mean, (logvar / 2).exp()).log_prob(x)
    assert torch.allclose(gaussian.negative_log_likelihood(x, mean, logvar, [1, 2, 3]), each.sum((1, 2, 3)))
    assert torch.allclose(gaussian.negative_log_likelihood(x, mean, logvar), each.sum(1))


def test_importance_weights_do_not_overflow_and_are_a_plain_mean_where_that_is_possible():
    generator = torch.Generator().manual_seed(2)
    log_x, log_z, log_q = torch.randn(3, 7, 4, generator=generator, dtype=torch.float64)
    expected = (log_x.exp() * log_z.exp() / log_q.exp()).mean(0).log()
    assert torch.allclose(gaussian.importance_weighted_log_likelihood(log_x, log_z, log_q), expected)
    far = gaussian.importance_weighted_log_likelihood(log_x - 5000, log_z, log_q)
    assert torch.allclose(far, expected - 5000)


@pytest.fixture
def model():
    generator = torch.Generator().manual_seed(3)
    weight = torch.linalg.qr(torch.randn(5, 2, generator=generator, dtype=torch.float64)).Q * torch.tensor([0.8, 1.7])
    return gaussian.LinearGaussian(weight, torch.randn(5, generator=generator, dtype=torch.float64), 0.6)


def test_the_marginal_likelihood_is_the_integral_over_the_latents(model):
    x = model.bias + torch.tensor([[0.3, -0.4, 1.0, 0.2, -0.9], [0.0, 0.7, -0.2, 0.5, 0.1]], dtype=torch.float64)
    axis = torch.linspace(-9, 9, 361, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    for row in x:
        log_x = -gaussian.negative_log_likelihood(
            row, z @ model.weight.T + model.bias, torch.tensor(2 * math.log(model.noise_std), dtype=torch.float64)
        )
        log_z = Normal(torch.zeros(()).double(), 1.0).log_prob(z).sum(1)
        expected = ((log_x + log_z).exp().sum() * (axis[1] - axis[0]) ** 2).log()
        assert model.marginal_log_likelihood(row[None]).item() == pytest.approx(expected.item(), rel=1e-9)


def test_the_posterior_makes_the_importance_weights_constant(model):
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    mean, covariance = model.posterior(x)
    assert torch.allclose(covariance, covariance.diagonal().diag(), atol=1e-12)
    posterior = MultivariateNormal(mean, covariance)
    z = mean + torch.randn(6, 3, 2, generator=generator, dtype=torch.float64)
    log_x = Normal(z @ model.weight.T + model.bias, model.noise_std).log_prob(x).sum(2)
    log_z = Normal(torch.zeros(()).double(), 1.0).log_prob(z).sum(2)
    for samples in (slice(0, 1), slice(0, 6)):
        estimate = gaussian.importance_weighted_log_likelihood(
            log_x[samples], log_z[samples], posterior.log_prob(z)[samples]
        )
        assert torch.allclose(estimate, model.marginal_log_likelihood(x), rtol=1e-10)


def test_a_model_of_wrong_shapes_is_refused():
    with pytest.raises(ValueError, match="weight"):
        gaussian.LinearGaussian(torch.ones(3, 2), torch.ones(2))
