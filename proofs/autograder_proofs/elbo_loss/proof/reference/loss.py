"""Reconstruction plus divergence: -log p(x|z) + KL(q || N(0, I))."""

import torch
from torch.nn import functional


def vae_loss(x_hat, x, mu, logvar):
    """Cross entropy and divergence of images (batch, ...), averaged over the batch."""
    ### BEGIN SOLUTION
    reconstruction = functional.binary_cross_entropy(x_hat, x, reduction="sum")
    divergence = 0.5 * torch.sum(mu**2 + torch.exp(logvar) - 1 - logvar)
    return (reconstruction + divergence) / len(x)
    ### END SOLUTION


def losses(logits, images, mean, std):
    """Both terms and their sum, for each image, from logits (batch, pixels)."""
    ### BEGIN SOLUTION
    terms = functional.binary_cross_entropy_with_logits(logits, images.flatten(1), reduction="none").sum(1)
    divergence = (0.5 * (mean**2 + std**2 - 1) - std.log()).sum(1)
    return {"loss": terms + divergence, "divergence": divergence}
    ### END SOLUTION


def beta_loss(x_hat, x, mu, logvar):
    """Mean squared error plus a quarter of the divergence, both averaged over a row and summed over the batch."""
    ### BEGIN SOLUTION
    errors = (x - x_hat).square().mean(1)
    return (errors + 0.25 * 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).mean(1)).sum()
    ### END SOLUTION
