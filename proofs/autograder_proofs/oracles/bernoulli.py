"""Truths about images of independent pixels, in float64."""

from __future__ import annotations

import torch

from autograder_proofs.oracles.gaussian import kl_to_standard_normal


def cross_entropy(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """-sum(target log p + (1 - target) log(1 - p)) over all dimensions but the first: (batch, ...) -> (batch,)."""
    return cross_entropy_of_pixels(probability, target).flatten(1).sum(1)


def cross_entropy_of_pixels(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """-(target log p + (1 - target) log(1 - p)) of each pixel.

    Targets may be grey, in [0, 1]. Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90.
    """
    p, t = probability.double(), target.double()
    return -(torch.xlogy(t, p) + torch.xlogy(1 - t, 1 - p))


def negative_elbo(
    probability: torch.Tensor, target: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor
) -> torch.Tensor:
    """Scalar: cross entropy plus KL divergence to the standard normal, averaged over the batch.

    Kingma and Welling, Auto-Encoding Variational Bayes (2014), eq. 10 with one sample, with the opposite sign.
    """
    return (cross_entropy(probability, target) + kl_to_standard_normal(mean, logvar)).mean()
