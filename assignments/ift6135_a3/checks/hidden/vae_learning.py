"""What the VAE's training is measured by, and the thresholds; `margins.json` has the margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from autograder_proofs.oracles import training
from autograder_proofs.oracles.gaussian import kl_to_standard_normal
from torch import Tensor

from autograder.checks import Criterion, SecretIsometry, coloured_digits

STEPS = 1000
BATCH = 32
"""Small batches: what counts is the number of steps, since networks with PyTorch's initial weights begin slowly: after
600, three flat hidden layers were not through with every disguise. Batches of 16 in twice the steps teach no more."""
LEARNING_RATE = 1e-3
Z_DIM = 32
FEATURES = 16
COMPONENTS = 3
"""A VAE must beat this many principal components; Z_DIM of them are out of reach in so few steps."""
SIZE = 32
PATCH = 1
"""Colours are mixed and no more: hand-ins may bring decoders of their own, which upsample and cannot place pixels."""
BACKGROUND = 0.6
"""Of 48 spots, more than Z_DIM: who knows them only from the code of a picture cannot draw them."""

ERROR_SHARE = 0.98
"""Of the error of the best trivial method, which is to be beaten. Broken trainings stay above 3.4 of it, three flat
hidden layers come to .86."""
BOUND_SHARE = 1.1
"""Of half the squared error of those principal components. Their code is free, the VAE pays for its own in KL: without
an error below theirs it would not come so near."""


@dataclass(frozen=True, eq=False)
class Task:
    """Digits in random colours and in a secret disguise, ``(n, 3, 32, 32)``."""

    isometry: SecretIsometry
    train: Tensor
    test: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator, *, disguised: bool = True) -> Task:
        """Draw colours and disguise."""
        isometry = SecretIsometry.draw(generator, patch=PATCH, size=SIZE, background=BACKGROUND)
        if not disguised:
            isometry = SecretIsometry(PATCH, torch.eye(3), 0, False, torch.zeros(()))
        train, test = (coloured_digits(SIZE, held_out=held, generator=generator).images for held in (False, True))
        return cls(isometry, isometry.put_on(train), isometry.put_on(test))

    @cached_property
    def trivial_errors(self) -> dict[str, float]:
        """Mean squared errors of methods that learn next to nothing."""
        return {
            "mean image": training.mean_image_error(self.train, self.test),
            "best colour per image": training.constant_colour_error(self.isometry.take_off(self.test)),
            f"{COMPONENTS} components": training.principal_components_error(self.train, self.test, COMPONENTS),
        }

    def criteria(self, error: float, bound: float) -> list[Criterion]:
        """Judge a mean squared error of reconstructions, and squared error / 2 + KL of an image (nats)."""
        trivial = self.trivial_errors
        free = trivial[f"{COMPONENTS} components"] * self.test[0].numel() / 2
        return [
            Criterion("reconstruction error of held-out images", error, ERROR_SHARE * min(trivial.values())),
            Criterion("negative ELBO of held-out images", bound, BOUND_SHARE * free),
        ]


def measure(
    task: Task, mean: Tensor, logvar: Tensor, decode: Callable[[Tensor], Tensor], generator: torch.Generator
) -> tuple[float, float, Tensor]:
    """Return error (per pixel, at the mean code), bound (nats, at a sampled code) and reconstructions of the images.

    ``mean`` and ``logvar`` are the posteriors of the held-out images, ``(n, Z_DIM)``; the bound leaves out the constant
    of the likelihood.
    """
    images = decode(mean)
    error = float((images - task.test).double().square().mean())
    code = mean + (0.5 * logvar.clamp(-30, 20)).exp() * torch.randn(mean.shape, generator=generator)
    squares = (decode(code) - task.test).double().square().flatten(1).sum(1)
    bound = float((squares / 2 + kl_to_standard_normal(mean, logvar.clamp(-30, 20))).mean())
    return error, bound, images
