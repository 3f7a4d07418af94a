"""Similarity truths against angles and plain Python sums."""

import math

import pytest
import torch
from autograder_proofs.oracles import similarity


def test_the_similarity_is_the_cosine_of_the_angle_whatever_the_lengths():
    angles = torch.tensor([0.0, 0.4, math.pi / 2, 2.0, math.pi], dtype=torch.float64)
    a = torch.tensor([[3.0, 0.0]], dtype=torch.float64).expand(5, 2)
    b = torch.stack([angles.cos(), angles.sin()], 1) * torch.tensor([[0.1], [1.0], [7.0], [2.0], [5.0]])
    assert torch.allclose(similarity.cosine_similarity(a, b), angles.cos(), atol=1e-12)
    assert torch.allclose(similarity.cosine_similarity(a.T, b.T, dim=0), angles.cos(), atol=1e-12)


def test_a_zero_vector_gives_zero_and_a_tiny_one_is_held_by_eps():
    a = torch.tensor([[0.0, 0.0], [1e-6, 0.0]])
    b = torch.tensor([[1.0, 2.0], [1e-6, 0.0]])
    assert similarity.cosine_similarity(a, b).tolist() == pytest.approx([0.0, 1e-12 / 1e-8])


def test_the_loss_is_the_average_over_pairs_and_both_directions():
    generator = torch.Generator().manual_seed(0)
    p1, p2, z1, z2 = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    total = 0.0
    for p, z in ((p1, z2), (p2, z1)):
        for u, v in zip(p.tolist(), z.tolist(), strict=True):
            total += sum(x * y for x, y in zip(u, v, strict=True)) / (math.hypot(*u) * math.hypot(*v))
    assert similarity.simsiam_loss(p1, p2, z1, z2).item() == pytest.approx(-total / 6, rel=1e-12)
    assert similarity.simsiam_loss(p1, p2, p2, p1).item() == pytest.approx(-1)
