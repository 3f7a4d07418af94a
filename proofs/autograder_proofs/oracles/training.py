"""Trusted targets of training: what trivial methods reach, and what a trained network is measured by.

Images are (n, ...) float32. Everything is computed on the trusted side, on data that the submission does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from autograder_proofs.oracles import diffusion

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""Predicts the noise in images (n, ...) at time indices (n,)."""


def mean_image_error(train: Tensor, test: Tensor) -> float:
    """Mean squared error per pixel of the mean training image."""
    return float((test - train.mean(0)).double().square().mean())


def constant_colour_error(test: Tensor) -> float:
    """Mean squared error per pixel of the best single colour for each image (n, channels, H, W)."""
    return float((test - test.mean((2, 3), keepdim=True)).double().square().mean())


def principal_components(train: Tensor, test: Tensor, count: int) -> Tensor:
    """The projections of images on the first principal components of the training images."""
    mean = train.mean(0).flatten().double()
    seen, new = train.flatten(1).double() - mean, test.flatten(1).double() - mean
    if len(seen) < seen.shape[1]:  # the smaller of the two symmetric matrices with the same eigenvalues
        kept = seen.T @ torch.linalg.eigh(seen @ seen.T).eigenvectors[:, -count:]
    else:
        kept = torch.linalg.eigh(seen.T @ seen).eigenvectors[:, -count:]
    kept = kept / kept.norm(dim=0)  # (pixels, count)
    return (mean + new @ kept @ kept.T).reshape(test.shape)


def principal_components_error(train: Tensor, test: Tensor, count: int) -> float:
    """Mean squared error per pixel of these projections."""
    return float((principal_components(train, test, count) - test.double()).square().mean())


@dataclass(frozen=True, eq=False)
class NoisedImages:
    """Held-out images with noise that only the grader knows: x_t, t, the noise, and what is to be predicted."""

    noisy: Tensor
    t: Tensor
    noise: Tensor
    target: Tensor

    @classmethod
    def draw(
        cls, tables: diffusion.Tables, images: Tensor, generator: torch.Generator, *, velocities: bool = False
    ) -> NoisedImages:
        """Noise each image once, with time indices spread evenly over all; the target is the noise, or velocities."""
        steps = len(tables.betas)
        even = torch.arange(len(images)) * steps // len(images)
        t = even[torch.randperm(len(images), generator=generator)]
        noise = torch.randn(images.shape, generator=generator)
        target = diffusion.velocity(tables, images, t, noise) if velocities else noise.double()
        return cls(diffusion.q_sample(tables, images, t, noise).float(), t, noise, target)

    @torch.no_grad()
    def error(self, predict: Denoiser, distance: str) -> float:
        """Mean distance (`diffusion.mean_distance`) of predictions from the target (NaN where one is not finite)."""
        return float(diffusion.mean_distance(predict(self.noisy, self.t).double() - self.target, distance))


@dataclass(frozen=True, eq=False)
class GaussianDenoiser:
    """The best denoiser where images are Gaussian with the moments of some training images.

    E[noise | x_t] = sqrt(1 - abar) (abar C + (1 - abar) I)^-1 (x_t - sqrt(abar) mean), with C diagonal or full.
    """

    tables: diffusion.Tables
    train: Tensor
    full: bool = False

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """The expected noise (n, ...)."""
        flat = self.train.flatten(1).double()
        mean = flat.mean(0)
        if self.full:
            variances, basis = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
            variances = variances.clamp(min=0)
        else:
            variances, basis = flat.var(0), torch.eye(len(mean), dtype=torch.float64)
        level = self.tables.alphas_cumprod[t][:, None]
        seen = (x.flatten(1).double() - level.sqrt() * mean) @ basis
        return (((1 - level).sqrt() * seen / (level * variances + 1 - level)) @ basis.T).reshape(x.shape).to(x.dtype)


@torch.no_grad()
def ddim_samples(
    tables: diffusion.Tables, denoiser: Denoiser, shape: tuple[int, ...], steps: int, generator: torch.Generator
) -> Tensor:
    """Deterministic samples in a few steps, with the predicted image clamped to [-1, 1].

    Song, Meng and Ermon, Denoising diffusion implicit models (2021), equation 12 with sigma = 0.
    """
    x = torch.randn(shape, generator=generator)
    times = torch.linspace(len(tables.betas) - 1, 0, steps).round().long().tolist()
    levels = [*(float(tables.alphas_cumprod[t]) for t in times), 1.0]
    for t, level, after in zip(times, levels[:-1], levels[1:], strict=True):
        eps = denoiser(x, torch.full((shape[0],), t))
        start = ((x - (1 - level) ** 0.5 * eps) / level**0.5).clamp(-1, 1)
        eps = (x - level**0.5 * start) / (1 - level) ** 0.5  # the noise that goes with the clamped image
        x = after**0.5 * start + (1 - after) ** 0.5 * eps
    return x
