"""Truths about images of independent pixels, against torch's distributions and numeric integration."""

import torch
from autograder_proofs.oracles.bernoulli import cross_entropy, negative_elbo
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

GENERATOR = torch.Generator().manual_seed(0)
P = 0.02 + 0.96 * torch.rand(5, 1, 3, 4, generator=GENERATOR, dtype=torch.float64)


def test_black_and_white_images_have_their_log_likelihood():
    x = (torch.rand(P.shape, generator=GENERATOR) < 0.5).double()
    torch.testing.assert_close(cross_entropy(P, x), -Independent(Bernoulli(P), 3).log_prob(x))


def test_grey_images_are_averages_of_black_and_white_ones():
    x = torch.rand(P.shape, generator=GENERATOR, dtype=torch.float64)
    ends = [cross_entropy(P, torch.full_like(P, end)) for end in (0.0, 1.0)]
    half = cross_entropy(P, torch.full_like(P, 0.5))
    torch.testing.assert_close(half, sum(ends) / 2)
    entropy = cross_entropy(x, x)
    assert bool((cross_entropy(P, x) > entropy).all())  # Gibbs


def test_certain_pixels_cost_nothing():
    x = torch.tensor([[0.0, 1.0]])
    assert cross_entropy(x, x).tolist() == [0.0]


def test_the_negative_elbo_is_an_average_of_both_terms():
    x = torch.rand(P.shape, generator=GENERATOR, dtype=torch.float64)
    mean, logvar = torch.randn(2, 5, 7, generator=GENERATOR, dtype=torch.float64)
    divergence = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(negative_elbo(P, x, mean, logvar), (cross_entropy(P, x) + divergence).mean())
