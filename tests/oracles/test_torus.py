"""The torus against its own equation, and the distance of clouds against loops."""

from __future__ import annotations

import pytest
import torch
from autograder_proofs.oracles.torus import Torus, chamfer_distance, gaussian_like, random_rotation

TORUS = Torus(2.0, 0.75)


def test_points_satisfy_the_equation_of_the_surface() -> None:
    points = TORUS.draw(500, torch.Generator().manual_seed(0)).double()
    left = (points.square().sum(1) + 2.0**2 - 0.75**2) ** 2
    assert torch.allclose(left, 4 * 2.0**2 * points[:, :2].square().sum(1), rtol=1e-5)
    assert bool((TORUS.distance(points) < 1e-6).all())


def test_distances_of_points_off_the_surface() -> None:
    points = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, -3.0, 0.0], [2.0, 0.0, 1.75]])
    assert TORUS.distance(points).tolist() == pytest.approx([1.25, 0.75, 0.25, 1.0])


def test_a_torus_that_meets_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="minor < major"):
        Torus(0.5, 0.5)


def test_the_chamfer_distance_looks_both_ways() -> None:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn(5, 3, generator=generator), torch.randn(7, 3, generator=generator)
    ways = []
    for a, b in ((first, second), (second, first)):
        ways.append(sum(min(float((p - q).norm()) for q in b) for p in a) / len(a))
    assert chamfer_distance(first, second) == pytest.approx(sum(ways) / 2)
    assert chamfer_distance(first[:1].expand(4, 3), first) > 0.3


def test_a_rotation_keeps_lengths() -> None:
    rotation = random_rotation(torch.Generator().manual_seed(2))
    assert torch.allclose(rotation @ rotation.T, torch.eye(3, dtype=torch.float64), atol=1e-12)


def test_the_gaussian_has_the_moments_of_the_cloud() -> None:
    generator = torch.Generator().manual_seed(3)
    cloud = torch.randn(400, 3, generator=generator) @ torch.randn(3, 3, generator=generator) + 5
    like = gaussian_like(cloud, 100_000, generator)
    assert torch.allclose(like.mean(0), cloud.mean(0), atol=0.05)
    assert torch.allclose(torch.cov(like.T), torch.cov(cloud.T), rtol=0.05, atol=0.05)
