"""Truths about points in the plane: moments, expected noise, and how badly a Gaussian fits."""

from __future__ import annotations

import math

import pytest
import torch
from autograder_proofs.oracles.points import Clusters, Gaussian, Ring, affine_error, gaussian_misfit, whitened


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


RING = Ring(torch.tensor([0.3, -0.2]), 2.0, 0.1)
CLUSTERS = Clusters(torch.tensor([[1.5, 0.5], [-1.5, -0.5], [0.0, 2.0]]), 0.3)
DISTRIBUTIONS = {"ring": RING, "clusters": CLUSTERS, "gaussian": Gaussian.like(CLUSTERS)}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_moments_are_those_of_the_draws(name):
    points = DISTRIBUTIONS[name]
    drawn = points.draw(200_000, generator()).double()
    assert (drawn.mean(0) - points.mean).abs().max() < 0.02
    assert (torch.cov(drawn.T) - points.covariance).abs().max() < 0.03


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.05])
def test_expected_noise_is_a_conditional_mean(name, share):
    """By importance sampling: the mean of z = (x - sqrt(a) x_0) / sqrt(1 - a), weighted by its density."""
    points, a = DISTRIBUTIONS[name], torch.tensor(share, dtype=torch.float64)
    seen = points.draw(3, generator(7)).double()
    x = a.sqrt() * seen + (1 - a).sqrt() * torch.tensor([[1.0, 0.4], [-0.5, 1.2], [0.1, -1.5]])
    x0 = points.draw(400_000, generator(1)).double()
    z = (x[:, None] - a.sqrt() * x0) / (1 - a).sqrt()
    weights = torch.softmax(-z.square().sum(2) / 2, dim=1)
    expected = (weights[..., None] * z).sum(1)
    assert (points.expected_noise(x, a.expand(3)) - expected).abs().max() < 0.03


@pytest.mark.parametrize("name", ["ring", "clusters"])
def test_the_expected_noise_beats_every_affine_guess_and_the_gaussians_is_the_best_of_those(name):
    points, a = DISTRIBUTIONS[name], torch.full((100_000,), 0.6, dtype=torch.float64)
    x0, z = points.draw(len(a), generator(2)).double(), torch.randn(len(a), 2, generator=generator(3)).double()
    x = a[:, None].sqrt() * x0 + (1 - a[:, None]).sqrt() * z
    best, affine = (float((one.expected_noise(x, a) - z).square().mean()) for one in (points, Gaussian.like(points)))
    design = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, z).solution
    assert affine == pytest.approx(float((fitted - z).square().mean()), rel=0.01)
    assert affine == pytest.approx(affine_error(points, a[:1]), rel=0.01)
    assert best < 0.9 * affine


def test_no_gaussian_is_a_misfit():
    worst = max(
        gaussian_misfit(torch.randn(1000, 2, generator=generator(seed)) @ torch.tensor([[3.0, 1.0], [0.0, 0.1]]) + 7)
        for seed in range(30)
    )
    on_a_line = gaussian_misfit(torch.randn(1000, 1, generator=generator()) * torch.tensor([[1.0, -2.0]]))
    assert worst < 1.6 and on_a_line < 2


def test_what_one_recognises_is_a_misfit():
    draws = generator(4)
    square = torch.rand(3000, 2, generator=draws)
    shapes = [RING.draw(3000, draws), CLUSTERS.draw(3000, draws), square, square[:, :1] * torch.tensor([[1.0, 2.0]])]
    assert min(map(gaussian_misfit, shapes)) > 15


def test_the_misfit_is_the_energy_distance_to_many_normal_points():
    points = CLUSTERS.draw(500, generator(5))
    z, normal = whitened(points), torch.randn(20_000, 2, generator=generator(6), dtype=torch.float64)
    among = torch.cdist(normal[:4000], normal[4000:8000]).mean()
    expected = len(z) * float(2 * torch.cdist(z, normal).mean() - among - torch.cdist(z, z).mean())
    assert gaussian_misfit(points) == pytest.approx(expected, rel=0.15)  # the draws miss it by 2.5 or so


def test_points_without_spread_fit_nothing():
    assert math.isnan(gaussian_misfit(torch.ones(10, 2)))
