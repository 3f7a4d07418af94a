"""Truths about similarity of representations, in float64."""

from __future__ import annotations

import torch


def cosine_similarity(a: torch.Tensor, b: torch.Tensor, dim: int = 1, eps: float = 1e-8) -> torch.Tensor:
    """Inner product along ``dim`` over max(|a| |b|, eps): 0 where a vector is 0."""
    left, right = a.double(), b.double()
    lengths = ((left**2).sum(dim) * (right**2).sum(dim)).sqrt()
    return (left * right).sum(dim) / lengths.clamp_min(eps)


def simsiam_loss(p1: torch.Tensor, p2: torch.Tensor, z1: torch.Tensor, z2: torch.Tensor) -> torch.Tensor:
    """Scalar: half the mean negative cosine similarity of p1 with z2, plus half that of p2 with z1; (batch, dim) each.

    Chen and He, Exploring Simple Siamese Representation Learning (2021), eqs. 1 and 2, averaged over the batch.
    """
    first, second = cosine_similarity(p1, z2), cosine_similarity(p2, z1)
    return -(first.mean() + second.mean()) / 2
