"""What the VAE's training is measured by, and the threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from autograder_proofs.oracles.bernoulli import cross_entropy, negative_elbo
from torch import Tensor

from autograder.checks import Criterion, digits

STEPS = 800
BATCH = 64
LEARNING_RATE = 3e-3
"""The greatest, of a one-cycle schedule."""
Z_DIMS = 10
SIZE = 28
BLOCK = 4
"""Side of the squares in which black and white may be exchanged: it fits the strides of convolutions."""
SHARE = 0.9
"""Of what the best fixed image costs."""
MIN_PROBABILITY = 1e-6
"""Probabilities are kept so far from 0 and 1, where a pixel's logarithm is infinite."""


@dataclass(frozen=True, eq=False)
class Task:
    """Digits (n, 1, 28, 28) in [0, 1], in a secret disguise that leaves every cross entropy of pixels as it was.

    Pictures are turned and mirrored, and black and white are exchanged in squares: weights of before the grading cannot
    know them.
    """

    train: Tensor
    test: Tensor
    undisguised: Callable[[Tensor], Tensor]

    @classmethod
    def draw(cls, generator: torch.Generator, *, disguised: bool = True) -> Task:
        """Draw a disguise."""
        quarters, mirrored = (int(torch.randint(n, (), generator=generator)) for n in (4, 2))
        squares = torch.rand(1, 1, SIZE // BLOCK, SIZE // BLOCK, generator=generator) < 0.5
        exchanged = squares.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
        if not disguised:
            quarters, mirrored, exchanged = 0, 0, torch.zeros_like(exchanged)

        def put_on(images: Tensor) -> Tensor:
            turned = torch.rot90((images + 1) / 2, quarters, (2, 3))
            turned = turned.flip(3) if mirrored else turned
            return torch.where(exchanged, 1 - turned, turned)

        def take_off(images: Tensor) -> Tensor:
            turned = torch.where(exchanged, 1 - images, images)
            return torch.rot90(turned.flip(3) if mirrored else turned, -quarters, (2, 3))

        return cls(put_on(digits(SIZE).images), put_on(digits(SIZE, held_out=True).images), take_off)

    def fixed(self, image: Tensor) -> float:
        """What one image costs as a reconstruction of all held-out images, in nats per image."""
        return float(
            cross_entropy(image.expand_as(self.test).clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY), self.test).mean()
        )

    def criteria(self, bound: float) -> list[Criterion]:
        """Judge a negative ELBO of the held-out images, in nats per image."""
        limit = SHARE * self.fixed(self.train.mean(0, keepdim=True))
        return [Criterion("negative ELBO of held-out images", bound, limit)]


def measure(
    task: Task, mean: Tensor, logvar: Tensor, decode: Callable[[Tensor], Tensor], generator: torch.Generator
) -> tuple[float, Tensor]:
    """Return the negative ELBO of the held-out images, at one code for each that is drawn here, and the images."""
    bounded = logvar.double().clamp(-30, 20)
    noise = torch.randn(mean.shape, generator=generator, dtype=torch.float64)
    images = decode((mean.double() + (bounded / 2).exp() * noise).float())
    probability = images.double().clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return float(negative_elbo(probability, task.test.flatten(1), mean, bounded)), images
